/* adapters/sftp/deliver.c: writing in two steps, so that no reader ever sees half a file and a crash repeats nothing.
 *
 * stage: the bytes go to a hidden temporary name beside the final one, are fsynced where the server can, and counted.
 * publish: one rename. Servers rename without replacing by making a second name and removing the first, so that a crash
 * of the server between the two leaves both: publish recognises that.
 */
#include "adapters/sftp/session.h"

#include "core/base/clock.h"
#include "core/base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The relative path of the temporary file: in the directory of the final one, so that a rename suffices. */
static error *temporary_path(const char *clean, const char *identity, char **relative) {
    char name[NAMES_PATH_ROOM];
    error *err = name_temporary(identity, clean, name);
    if (!err) *relative = xasprintf("%.*s" NAMES_OWN "-%s.tmp", (int)(name_base(clean) - clean), clean, name);
    return err;
}

static error *write_temporary(adapter_session *session, const char *path, const sftp_handle *handle, const char *name,
    const adapter_source *source) {
    sftp_attributes attributes;
    uint64_t total = 0;
    error *err = sftp_write_all(session->sftp, handle, name, source, &total);
    if (!err && total != source->size)
        err = error_new(
            ERROR_CORRUPT, "%s: %" PRIu64 " bytes were announced, %" PRIu64 " came", name, source->size, total);
    if (!err) err = sftp_sync(session->sftp, handle, name);
    if (!err) err = sftp_fstat(session->sftp, handle, name, &attributes);
    if (!err && attributes.has_size && attributes.size != total)
        err = error_new(
            ERROR_IO, "%s: %" PRIu64 " bytes were sent, the server has %" PRIu64, name, total, attributes.size);
    if (sftp_protocol_is_broken(session->sftp)) return err;
    error *closing = sftp_close(session->sftp, handle, name); /* the last chance to hear of a failed write */
    if (err)
        error_free(closing);
    else
        err = closing;
    if (err && error_code_of(err) == ERROR_IO && sftp_is_full(session->sftp, path)) {
        error_free(err);
        err = error_new(ERROR_FULL, "cannot write %s: no space is left on the server", name);
    }
    return err;
}

error *sftp_stage(adapter_session *session, const char *path, const char *identity, const adapter_source *source) {
    char clean[NAMES_PATH_ROOM], *relative = NULL;
    sftp_handle handle;
    error *err = name_check(path, clean);
    if (!err) err = temporary_path(clean, identity, &relative);
    if (!err) err = sftp_ensure(session);
    if (err) {
        free(relative);
        return err;
    }
    char *temporary = sftp_path(session, relative);
    err = sftp_open(session->sftp, temporary, SFTP_WRITE | SFTP_CREATE | SFTP_TRUNCATE, &handle);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error *making = sftp_make_parents(session, clean);
        error *again =
            making ? making : sftp_open(session->sftp, temporary, SFTP_WRITE | SFTP_CREATE | SFTP_TRUNCATE, &handle);
        error_free(err);
        err = again;
    }
    if (!err) {
        err = write_temporary(session, temporary, &handle, path, source);
        if (err && !sftp_protocol_is_broken(session->sftp)) error_free(sftp_delete(session->sftp, temporary));
    }
    free(relative);
    free(temporary);
    return err;
}

/* Are both names the same file? SFTP shows no inode: a time that is set on one shows on the other. */
static bool is_same_file(adapter_session *session, const char *temporary, const char *target) {
    enum { MARK_S = 1 };
    sftp_attributes attributes;
    error *err = sftp_set_time(session->sftp, temporary, MARK_S);
    if (!err) err = sftp_lstat(session->sftp, target, &attributes);
    bool same = !err && attributes.has_times && attributes.modified_s == MARK_S;
    if (!err) err = sftp_set_time(session->sftp, temporary, (uint32_t)(clock_wall_ms() / 1000));
    error_free(err);
    return same;
}

/* The target exists, and is not to be replaced. */
static error *taken(adapter_session *session, const char *temporary, const char *target, const char *name, bool again) {
    sftp_attributes attributes;
    error *err = sftp_lstat(session->sftp, temporary, &attributes);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        return again ? NULL : error_new(ERROR_NOT_FOUND, "%s was not staged", name);
    }
    if (err) return err;
    if (again && is_same_file(session, temporary, target)) return sftp_delete(session->sftp, temporary);
    return error_new(ERROR_CONFLICT, "%s exists already at the server and is not replaced", name);
}

static error *rename_staged(
    adapter_session *session, const char *temporary, const char *target, const char *name, bool replace, bool again) {
    sftp_attributes attributes;
    error *err =
        replace ? sftp_replace(session->sftp, temporary, target) : sftp_rename(session->sftp, temporary, target);
    if (!err || sftp_protocol_is_broken(session->sftp)) return err;
    error *absent = sftp_lstat(session->sftp, temporary, &attributes);
    if (absent && error_code_of(absent) == ERROR_NOT_FOUND) {
        error_free(err);
        err = again ? NULL : error_new(ERROR_NOT_FOUND, "%s was not staged", name);
    } else if (!absent && error_code_of(err) == ERROR_IO) { /* "failure" is all that most servers say */
        error *free_name = sftp_lstat(session->sftp, target, &attributes);
        if (!free_name) {
            error_free(err);
            err = error_new(ERROR_CONFLICT, "%s exists already at the server and cannot be replaced", name);
        }
        error_free(free_name);
    }
    error_free(absent);
    return err;
}

error *sftp_publish(
    adapter_session *session, const char *path, const char *identity, adapter_if_exists if_exists, bool again) {
    char clean[NAMES_PATH_ROOM], *relative = NULL;
    sftp_attributes attributes;
    bool replace = if_exists == ADAPTER_EXISTS_REPLACE;
    error *err = name_check(path, clean);
    if (!err) err = temporary_path(clean, identity, &relative);
    if (!err) err = sftp_ensure(session);
    if (err) {
        free(relative);
        return err;
    }
    char *temporary = sftp_path(session, relative), *target = sftp_path(session, clean);
    err = sftp_lstat(session->sftp, target, &attributes);
    bool exists = !err;
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = NULL;
    }
    if (!err && exists && attributes.has_mode && S_ISDIR(attributes.mode))
        err = error_new(ERROR_CONFLICT, "%s is a directory at the server", path);
    else if (!err && exists && !replace)
        err = taken(session, temporary, target, path, again);
    else if (!err)
        err = rename_staged(session, temporary, target, path, replace, again);
    free(relative);
    free(temporary);
    free(target);
    return err;
}
