/* core/app/input.c: see input.h. */
#include "core/app/input.h"

#include "core/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* What is read from a pipe is kept in memory. */
#define COPY_MAX ((size_t)4 << 30)

bool input_is_regular(const char *path) {
    struct stat info;
    return strcmp(path, "-") != 0 && stat(path, &info) == 0 && S_ISREG(info.st_mode);
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
    } else if (S_ISREG(info.st_mode) && info.st_size > 0 && !standard) {
        in->mapping_size = (size_t)info.st_size;
        in->mapping = mmap(NULL, in->mapping_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (in->mapping == MAP_FAILED) {
            in->mapping = NULL;
            err = error_from_errno(errno, "cannot map %s", in->name);
        } else {
            madvise(in->mapping, in->mapping_size, MADV_SEQUENTIAL);
            in->bytes = span_make(in->mapping, in->mapping_size);
        }
    } else {
        err = io_read_all(fd, &in->copy, in->name);
        in->bytes = buf_span(&in->copy);
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
