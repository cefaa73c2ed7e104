/* adapters/sftp/pickup.c: finding, reading and removing files at the server.
 *
 * A file is read first and removed when its bytes are safe here; with `claim: rename` it gets a hidden name before it
 * is read.
 */
#include "adapters/sftp/session.h"

#include "core/base/id.h"
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The lines of one directory, as the shared look wants them. */
typedef struct lines {
    remote_each *each;
    void *context;
} lines;

static error *pass_line(void *context, span name, const sftp_attributes *attributes) {
    const lines *l = context;
    bool told = attributes->has_mode;
    const remote_entry entry = {
        .is_directory = told && S_ISDIR(attributes->mode),
        .is_other = told && !S_ISDIR(attributes->mode) && !S_ISREG(attributes->mode),
        .has_size = attributes->has_size,
        .size = attributes->size,
        .modified_ms = sftp_modified_ms(attributes),
    };
    return l->each(l->context, name, &entry);
}

error *sftp_list_for_look(void *context, const char *directory, remote_each *each, void *each_context) {
    adapter_session *session = context;
    lines l = {.each = each, .context = each_context};
    char *path = sftp_path(session, directory);
    error *err = sftp_list_directory(session->sftp, path, pass_line, &l);
    free(path);
    return err;
}

error *sftp_list(adapter_session *session, const char *pattern,
    error *(*found)(void *context, const adapter_entry *entry), void *context) {
    name_pattern *compiled = NULL;
    error *err = name_pattern_new(pattern ? pattern : json_get_text(session->settings, "pattern", NULL), &compiled);
    if (!err) err = sftp_ensure(session);
    if (!err) err = remote_look(&session->looker, compiled, found, context);
    name_pattern_free(compiled);
    return err;
}

/* The path at the server of a file in its claimed state. The caller frees. */
static char *claimed_path(const adapter_session *session, const char *clean) {
    size_t parent = (size_t)(name_base(clean) - clean);
    char *relative = xasprintf("%.*s" SFTP_CLAIM_PREFIX "%s", (int)parent, clean, name_base(clean));
    char *path = sftp_path(session, relative);
    free(relative);
    return path;
}

/* Renames without replacing: by the protocol an existing target is an error, but not every server keeps to it. */
static error *move(adapter_session *session, const char *from, const char *to) {
    sftp_attributes attributes;
    error *err = sftp_lstat(session->sftp, to, &attributes);
    if (!err) return error_new(ERROR_CONFLICT, "%s exists already", to);
    if (error_code_of(err) != ERROR_NOT_FOUND) return err;
    error_free(err);
    return sftp_rename(session->sftp, from, to);
}

error *sftp_get(adapter_session *session, const char *name, const adapter_sink *sink, adapter_entry *got) {
    char clean[NAMES_PATH_ROOM];
    sftp_attributes attributes;
    error *err = name_check(name, clean);
    if (!err) err = sftp_ensure(session);
    if (err) return err;
    char *path = sftp_path(session, clean), *claimed = claimed_path(session, clean);
    if (session->claims) {
        err = sftp_lstat(session->sftp, claimed, &attributes); /* left over by a run that crashed? */
        if (err && error_code_of(err) == ERROR_NOT_FOUND) {
            error_free(err);
            err = sftp_rename(session->sftp, path, claimed);
        }
    }
    if (!err) err = sftp_read_file(session, session->claims ? claimed : path, name, sink, got);
    if (err && session->claims && !sftp_protocol_is_broken(session->sftp)) error_free(move(session, claimed, path));
    free(path);
    free(claimed);
    return err;
}

/* Moves into the archive; a name that is taken there gets an id behind it. */
static error *archive(adapter_session *session, const char *path, const char *clean) {
    char id[ID_SIZE];
    char *relative = name_join(session->archive, clean), *target = sftp_path(session, relative);
    error *err = move(session, path, target);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = sftp_make_parents(session, relative);
        if (!err) err = move(session, path, target);
    }
    if (err && error_code_of(err) == ERROR_CONFLICT) {
        char *other = xasprintf("%s.%s", target, id_new(id));
        error_free(err);
        err = sftp_rename(session->sftp, path, other);
        free(other);
    }
    free(relative);
    free(target);
    return error_wrap(err, "cannot archive %s", clean);
}

error *sftp_done(adapter_session *session, const adapter_entry *got) {
    char clean[NAMES_PATH_ROOM];
    sftp_attributes attributes;
    error *err = name_check(got->name, clean);
    if (!err) err = sftp_ensure(session);
    if (err) return err;
    char *path = session->claims ? claimed_path(session, clean) : sftp_path(session, clean);
    err = sftp_lstat(session->sftp, path, &attributes);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) { /* done before */
        error_free(err);
        err = NULL;
    } else if (!err && attributes.size == got->size && sftp_modified_ms(&attributes) == got->modified_ms) {
        err = session->archive ? archive(session, path, clean) : sftp_delete(session->sftp, path);
    }
    free(path);
    return err;
}

error *sftp_release(adapter_session *session, const char *name) {
    char clean[NAMES_PATH_ROOM];
    error *err = name_check(name, clean);
    if (err || !session->claims) return err;
    err = sftp_ensure(session);
    if (err) return err;
    char *path = sftp_path(session, clean), *claimed = claimed_path(session, clean);
    err = move(session, claimed, path);
    if (err && (error_code_of(err) == ERROR_CONFLICT || error_code_of(err) == ERROR_NOT_FOUND)) {
        error_free(err); /* a newer file has the name, and this one is listed first; or it was not claimed */
        err = NULL;
    }
    free(path);
    free(claimed);
    return err;
}
