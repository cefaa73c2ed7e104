/* core/app/input.c: see input.h. */
#include "core/app/input.h"

#include "core/base/io.h"
#include "core/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Up to here a file is read into memory: cheaper than a mapping. */
#define COPY_MAX ((size_t)1 << 20)
#define FIRST_READ ((size_t)64 << 10)
#define AROUND ((size_t)2 << 20)

static error *map(input *in, int fd, size_t size) {
    in->mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (in->mapping == MAP_FAILED) {
        in->mapping = NULL;
        return error_from_errno(errno, "cannot map %s", in->name);
    }
    in->mapping_size = size;
    madvise(in->mapping, size, MADV_SEQUENTIAL);
    in->bytes = span_make(in->mapping, size);
    return NULL;
}

/* Fills the copy up to its maximum or the end of the file, which is `expected` bytes long, or so. */
static error *fill(input *in, int fd, size_t expected) {
    while (in->copy.len < COPY_MAX) {
        size_t size = in->copy.len < expected ? expected - in->copy.len : in->copy.len;
        if (size > COPY_MAX - in->copy.len) size = COPY_MAX - in->copy.len;
        char *room = buf_reserve(&in->copy, size);
        ssize_t n = room ? read(fd, room, size) : 0;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_from_errno(errno, "cannot read %s", in->name);
        if (n == 0) break;
        buf_grew(&in->copy, (size_t)n);
    }
    in->bytes = buf_span(&in->copy);
    return NULL;
}

static error *open_nameless(int *fd) {
    const char *directory = getenv("TMPDIR");
    if (!directory || !directory[0]) directory = "/var/tmp";
    *fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd >= 0) return NULL;
    char *path = xasprintf("%s/banyan-XXXXXX", directory);
    *fd = mkostemp(path, O_CLOEXEC);
    error *err = *fd < 0 ? error_from_errno(errno, "cannot make a temporary file in %s", directory) : NULL;
    if (!err) unlink(path);
    free(path);
    return err;
}

/* What came so far and all that follows goes to a file without a name, which is mapped. */
static error *spill(input *in, int fd) {
    int file = -1;
    uint64_t more = 0;
    error *err = open_nameless(&file);
    if (!err) err = io_write_all(file, buf_span(&in->copy), "a temporary file");
    if (!err) err = io_copy(fd, file, INT64_MAX, &more, in->name);
    if (!err) err = map(in, file, in->copy.len + (size_t)more);
    buf_free(&in->copy);
    io_close(&file);
    return err;
}

error *input_open(const char *path, input *in) {
    bool standard = strcmp(path, "-") == 0;
    struct stat info;
    *in = (input){.name = standard ? "standard input" : path, .copy = BUF_MAX(COPY_MAX)};
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_from_errno(errno, "cannot open %s", path);
    error *err = NULL;
    if (fstat(fd, &info) != 0) {
        err = error_from_errno(errno, "cannot read %s", in->name);
    } else if (S_ISDIR(info.st_mode)) {
        err = error_from_errno(EISDIR, "cannot read %s", in->name);
    } else if (S_ISREG(info.st_mode) && info.st_size > (off_t)COPY_MAX && lseek(fd, 0, SEEK_CUR) == 0) {
        err = map(in, fd, (size_t)info.st_size);
    } else {
        bool sized = S_ISREG(info.st_mode) && info.st_size > 0 && info.st_size <= (off_t)COPY_MAX;
        err = fill(in, fd, sized ? (size_t)info.st_size + 1 : FIRST_READ);
        if (!err && in->copy.len == COPY_MAX) err = spill(in, fd);
    }
    if (!standard) io_close(&fd);
    if (err) input_close(in);
    return err;
}

void input_close(input *in) {
    if (in->mapping) munmap(in->mapping, in->mapping_size);
    buf_free(&in->copy);
    in->mapping = NULL;
}

void input_passed(void *context, uint64_t offset) {
    input *in = context;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), end = (size_t)offset & ~(page - 1);
    if (!in->mapping || end == 0) return;
    /* Pages around one that is read come along, also some before it: they are dropped the next time. An offset before
     * the last one: the file is read from the beginning again. */
    size_t from = end > in->passed && in->passed > AROUND ? in->passed - AROUND : 0;
    madvise((char *)in->mapping + from, end - from, MADV_DONTNEED);
    in->passed = end;
}
