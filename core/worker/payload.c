/* core/worker/payload.c: see payload.h. */
#include "core/worker/payload.h"

#include "core/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

/* Not fstat: the C library makes another system call of it, which no translator may. */
static error *map_file(int fd, payload *out) {
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0) return error_from_errno(errno, "cannot measure a payload");
    if (size == 0) return NULL;
    void *mapping = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapping == MAP_FAILED)
        return errno == ENOMEM
                   ? error_new(ERROR_LIMIT, "a payload of %lld bytes is more than a worker may hold", (long long)size)
                   : error_from_errno(errno, "cannot map a payload");
    out->mapping = mapping;
    out->bytes = span_make(mapping, (size_t)size);
    return NULL;
}

error *payload_of_request(frame *request, payload *out) {
    *out = (payload){.bytes = frame_get(request, TAG_PAYLOAD, 0)};
    if (out->bytes.data) return NULL;
    int fd = frame_take_descriptor(request, 0);
    error *err = fd < 0 ? NULL : map_file(fd, out);
    io_close(&fd);
    return err;
}

static error *map_sealed(int fd, payload *out) {
    int found = fcntl(fd, F_GET_SEALS);
    if (found < 0 || (found & seals) != seals) return error_new(ERROR_INVALID, "a worker's file is not sealed");
    return map_file(fd, out);
}

error *payload_of_reply(frame *reply, const json_t *where, payload *out) {
    int64_t field = json_get_integer(where, "field", -1), descriptor = json_get_integer(where, "descriptor", -1);
    *out = (payload){0};
    if (field >= 0) out->bytes = frame_get(reply, TAG_PAYLOAD, (size_t)field);
    if (out->bytes.data) return NULL;
    int fd = descriptor >= 0 ? frame_take_descriptor(reply, (size_t)descriptor) : -1;
    if (fd < 0) return error_new(ERROR_INVALID, "a reply lacks the payload that it names");
    error *err = map_sealed(fd, out);
    io_close(&fd);
    return err;
}

void payload_close(payload *p) {
    if (p->mapping) munmap(p->mapping, p->bytes.len);
    *p = (payload){0};
}

static error *seal(span bytes, int *out) {
    int fd = memfd_create("payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    error *err = fd < 0 ? error_from_errno(errno, "cannot make a memory file") : NULL;
    if (!err) err = io_write_all(fd, bytes, "a result");
    if (!err && fcntl(fd, F_ADD_SEALS, seals) < 0) err = error_from_errno(errno, "cannot seal a memory file");
    if (err) io_close(&fd);
    *out = fd;
    return err;
}

error *payload_put(frame *reply, span bytes, json_t **where) {
    *where = NULL;
    if (bytes.len <= PAYLOAD_INLINE_MAX) {
        size_t index = 0;
        while (frame_get(reply, TAG_PAYLOAD, index).data)
            index++;
        frame_put(reply, TAG_PAYLOAD, bytes);
        *where = json_pack("{s:I}", "field", (json_int_t)index);
        return NULL;
    }
    int fd;
    error *err = seal(bytes, &fd);
    if (err) return err;
    *where = json_pack("{s:I}", "descriptor", (json_int_t)reply->descriptor_count);
    frame_put_descriptor(reply, fd);
    return NULL;
}
