/* adapters/file/deliver.c: writing in two steps, so that no reader ever sees half a file and a crash repeats nothing.
 *
 * stage: the bytes lie in .banyan/staging, fsynced, under a name that only complete files have. publish: one rename to
 * the final name, which replaces nothing unless that is wished, then fsync of its directory. After a crash between the
 * two, publish finds the staged file and renames it; after a crash behind the rename it finds none, which together with
 * `again` means that it is done.
 */
#include "adapters/file/session.h"
#include "adapters/names.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

static error *write_source(int fd, const adapter_source *source, const char *path) {
    char *chunk = xmalloc(CHUNK);
    uint64_t total = 0;
    error *err = source->rewind(source->context);
    while (!err) {
        size_t len = 0;
        err = source->read(source->context, chunk, CHUNK, &len);
        if (err || len == 0) break;
        total += len;
        err = io_write_all(fd, span_make(chunk, len), path);
    }
    free(chunk);
    if (!err && total != source->size)
        err = error_new(
            ERROR_CORRUPT, "%s: %" PRIu64 " bytes were announced, %" PRIu64 " came", path, source->size, total);
    return err;
}

error *file_stage(adapter_session *session, const char *path, const char *identity, const adapter_source *source) {
    char clean[NAMES_PATH_ROOM], temporary[NAMES_PATH_ROOM], unfinished[NAMES_PATH_ROOM + 8];
    int staging = -1, fd = -1;
    error *err = name_check(path, clean);
    if (!err) err = name_temporary(identity, clean, temporary);
    if (!err) err = file_refresh(session);
    if (!err) err = file_open_staging(session, &staging);
    if (err) return err;
    snprintf(unfinished, sizeof unfinished, "%s.part", temporary);
    if ((unlinkat(staging, unfinished, 0) < 0 && errno != ENOENT) ||
        (unlinkat(staging, temporary, 0) < 0 && errno != ENOENT))
        return error_from_errno(errno, "cannot start %s anew", path);
    fd = openat(staging, unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return error_from_errno(errno, "cannot write %s", path);
    err = write_source(fd, source, path);
    if (!err && fchmod(fd, session->mode) < 0) err = error_from_errno(errno, "cannot set the mode of %s", path);
    if (!err) err = io_sync_file(fd, path);
    if (close(fd) < 0 && !err) err = error_from_errno(errno, "cannot write %s", path);
    if (!err && renameat(staging, unfinished, staging, temporary) < 0)
        err = error_from_errno(errno, "cannot write %s", path);
    if (!err) err = io_sync_directory(staging, FILE_STAGING);
    if (err) unlinkat(staging, unfinished, 0);
    return err;
}

/* After a link that was not followed by its unlink (file systems without RENAME_NOREPLACE), both names are the same
 * file: then it is published already. */
static bool same_file(int staging, const char *temporary, int parent, const char *base) {
    struct stat staged, final;
    return fstatat(staging, temporary, &staged, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstatat(parent, base, &final, AT_SYMLINK_NOFOLLOW) == 0 && staged.st_dev == final.st_dev &&
           staged.st_ino == final.st_ino;
}

static error *rename_staged(int staging, const char *temporary, int parent, const char *path, bool replace) {
    const char *base = name_base(path);
    int result = replace ? renameat(staging, temporary, parent, base) : file_move(staging, temporary, parent, base);
    if (result == 0) return NULL;
    if (errno == EEXIST && same_file(staging, temporary, parent, base)) {
        unlinkat(staging, temporary, 0);
        return NULL;
    }
    if (errno == EEXIST) return error_new(ERROR_CONFLICT, "%s exists already and is not replaced", path);
    if (errno == EXDEV)
        return error_new(ERROR_UNSUPPORTED,
            "%s lies on another file system than the connection's directory: make it a connection of its own", path);
    return error_from_errno(errno, "cannot publish %s", path);
}

/* Directories that io_make_parents made are as much part of the delivery as the file. */
static error *sync_parents(int directory_fd, const char *clean) {
    char prefix[NAMES_PATH_ROOM];
    error *err = io_sync_directory(directory_fd, ".");
    for (const char *slash = strchr(clean, '/'); slash && !err; slash = strchr(slash + 1, '/')) {
        snprintf(prefix, sizeof prefix, "%.*s", (int)(slash - clean), clean);
        int fd = io_open_beneath(directory_fd, prefix, O_RDONLY | O_DIRECTORY, 0);
        err = fd < 0 ? error_from_errno(errno, "cannot open %s", prefix) : io_sync_directory(fd, prefix);
        io_close(&fd);
    }
    return err;
}

error *file_publish(
    adapter_session *session, const char *path, const char *identity, adapter_if_exists if_exists, bool again) {
    char clean[NAMES_PATH_ROOM], temporary[NAMES_PATH_ROOM];
    int staging = -1, parent = -1;
    error *err = name_check(path, clean);
    if (!err) err = name_temporary(identity, clean, temporary);
    if (!err) err = file_refresh(session);
    if (!err) err = file_open_staging(session, &staging);
    if (err) return err;
    if (faccessat(staging, temporary, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT) return error_from_errno(errno, "cannot look at %s", path);
        if (!again) return error_new(ERROR_NOT_FOUND, "%s was not staged", path);
        return sync_parents(session->directory_fd, clean); /* renamed before, perhaps not yet durably */
    }
    err = file_open_parent(session->directory_fd, clean, true, &parent);
    if (!err) {
        struct stat target;
        bool is_directory =
            fstatat(parent, name_base(clean), &target, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(target.st_mode);
        err = is_directory ? error_new(ERROR_CONFLICT, "%s is a directory", path)
                           : rename_staged(staging, temporary, parent, clean, if_exists == ADAPTER_EXISTS_REPLACE);
    }
    if (!err) err = sync_parents(session->directory_fd, clean);
    io_close(&parent);
    return err;
}
