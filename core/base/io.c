/* core/base/io.c: see io.h. */
#include "core/base/io.h"

#include "core/base/id.h"
#include "core/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024, PATH_PARTS_MAX = 32, PART_BYTES_MAX = 255 };

static ssize_t read_some(int fd, char *into, size_t room) {
    ssize_t n;
    do
        n = read(fd, into, room);
    while (n < 0 && errno == EINTR);
    return n;
}

error *io_read_all(int fd, buf *into, const char *what) {
    char chunk[CHUNK];
    for (;;) {
        ssize_t n = read_some(fd, chunk, sizeof chunk);
        if (n < 0) return error_from_errno(errno, "cannot read %s", what);
        if (n == 0) return NULL;
        buf_add(into, span_make(chunk, (size_t)n));
        if (into->overflow) return buf_check(into, what);
    }
}

error *io_read_file(const char *path, buf *into) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_from_errno(errno, "cannot open %s", path);
    error *err = io_read_all(fd, into, path);
    close(fd);
    return err;
}

error *io_write_all(int fd, span bytes, const char *what) {
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_from_errno(errno, "cannot write %s", what);
        bytes = span_make(bytes.data + n, bytes.len - (size_t)n);
    }
    return NULL;
}

error *io_copy(int in, int out, uint64_t maximum, uint64_t *copied, const char *what) {
    char chunk[CHUNK];
    uint64_t total = 0;
    for (;;) {
        ssize_t n = read_some(in, chunk, sizeof chunk);
        if (n < 0) return error_from_errno(errno, "cannot read %s", what);
        if (n == 0) break;
        total += (uint64_t)n;
        if (total > maximum)
            return error_new(ERROR_LIMIT, "%s is larger than %llu bytes", what, (unsigned long long)maximum);
        error *err = io_write_all(out, span_make(chunk, (size_t)n), what);
        if (err) return err;
    }
    if (copied) *copied = total;
    return NULL;
}

error *io_sync_file(int fd, const char *what) {
    return fdatasync(fd) == 0 ? NULL : error_from_errno(errno, "cannot make %s durable", what);
}

error *io_sync_directory(int directory_fd, const char *what) {
    return fsync(directory_fd) == 0 ? NULL : error_from_errno(errno, "cannot make the directory %s durable", what);
}

static error *write_and_sync(int fd, span bytes, const char *what) {
    error *err = io_write_all(fd, bytes, what);
    return err ? err : io_sync_file(fd, what);
}

error *io_write_file(const char *path, span bytes) {
    error *err = NULL;
    char id[ID_SIZE];
    const char *slash = strrchr(path, '/');
    char *directory = slash ? xspandup(span_make(path, (size_t)(slash - path) + 1)) : xstrdup(".");
    char *temporary = xasprintf("%s.%s.tmp", path, id_new(id));
    int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (directory_fd < 0) {
        err = error_from_errno(errno, "cannot open the directory %s", directory);
    } else if (fd < 0) {
        err = error_from_errno(errno, "cannot create %s", temporary);
    } else {
        err = write_and_sync(fd, bytes, temporary);
        if (!err && rename(temporary, path) < 0)
            err = error_from_errno(errno, "cannot rename %s to %s", temporary, path);
        if (!err) err = io_sync_directory(directory_fd, directory);
    }
    if (err && fd >= 0) unlink(temporary);
    io_close(&fd);
    io_close(&directory_fd);
    free(temporary);
    free(directory);
    return err;
}

error *io_make_directories(const char *path) {
    error *err = NULL;
    char *copy = xstrdup(path);
    for (char *c = copy + 1; !err; c++) {
        char end = *c;
        if (end != '/' && end != '\0') continue;
        *c = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            err = error_from_errno(errno, "cannot make the directory %s", copy);
        *c = end;
        if (end == '\0') break;
    }
    /* What was there already may be something else. */
    struct stat status;
    if (!err && stat(copy, &status) == 0 && !S_ISDIR(status.st_mode))
        err = error_from_errno(ENOTDIR, "cannot make the directory %s", copy);
    free(copy);
    return err;
}

static error *check_part(span part, span whole) {
    const char *why = NULL;
    if (part.len == 0) why = "has an empty part";
    if (span_is(part, ".") || span_is(part, "..")) why = "has a part that is . or ..";
    if (part.len > PART_BYTES_MAX) why = "has a part of more than 255 bytes";
    for (size_t i = 0; i < part.len; i++) {
        unsigned char c = (unsigned char)part.data[i];
        if (c < 0x20 || c == 0x7F || c == '\\') why = "holds a control character or a backslash";
    }
    return why ? error_new(ERROR_INVALID, "the path \"%.*s\" %s", (int)whole.len, whole.data, why) : NULL;
}

error *io_path_clean(span raw, char *clean, size_t room) {
    size_t parts = 0, used = 0;
    span rest = raw.data ? raw : SPAN(""), part;
    if (raw.len >= room) return error_new(ERROR_LIMIT, "a path of %zu bytes is too long", raw.len);
    while (span_split(&rest, '/', &part)) {
        error *err = check_part(part, raw);
        if (err) return err;
        if (++parts > PATH_PARTS_MAX) return error_new(ERROR_LIMIT, "a path has more than %d parts", PATH_PARTS_MAX);
        if (used) clean[used++] = '/';
        memcpy(clean + used, part.data, part.len);
        used += part.len;
    }
    clean[used] = '\0';
    return NULL;
}

int io_open_beneath(int directory_fd, const char *clean, int flags, mode_t mode) {
    bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = creates ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, directory_fd, clean, &how, sizeof how);
}

error *io_make_parents(int directory_fd, const char *clean) {
    error *err = NULL;
    int at = fcntl(directory_fd, F_DUPFD_CLOEXEC, 0);
    span rest = span_of(clean), part;
    while (!err && span_split(&rest, '/', &part) && rest.data) {
        char name[PART_BYTES_MAX + 1];
        memcpy(name, part.data, part.len);
        name[part.len] = '\0';
        if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
            err = error_from_errno(errno, "cannot make the directory %s", name);
        int next = err ? -1 : io_open_beneath(at, name, O_PATH | O_DIRECTORY, 0);
        if (!err && next < 0) err = error_from_errno(errno, "cannot enter the directory %s", name);
        io_close(&at);
        at = next;
    }
    io_close(&at);
    return err;
}

void io_close(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

error *io_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return error_from_errno(errno, "cannot set up a descriptor");
    return NULL;
}
