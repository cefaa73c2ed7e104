/* core/worker/payload.c: see payload.h. */
#include "core/worker/payload.h"

#include "core/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

/* Not fstat: the C library makes another system call of it, which no translator may. */
static error *measure(int fd, uint64_t *size) {
    off_t end = lseek(fd, 0, SEEK_END);
    if (end < 0) return error_from_errno(errno, "cannot measure a payload");
    *size = (uint64_t)end;
    return NULL;
}

static error *map_part(int fd, uint64_t offset, uint64_t length, payload *out) {
    uint64_t before = offset % (uint64_t)sysconf(_SC_PAGESIZE);
    out->bytes = SPAN("");
    if (length == 0) return NULL;
    out->mapped = length + before;
    void *mapping = mmap(NULL, out->mapped, PROT_READ, MAP_PRIVATE, fd, (off_t)(offset - before));
    if (mapping == MAP_FAILED)
        return errno == ENOMEM ? error_new(ERROR_LIMIT, "a payload of %llu bytes is more than a worker may hold",
                                     (unsigned long long)length)
                               : error_from_errno(errno, "cannot map a payload");
    out->mapping = mapping;
    out->bytes = span_make((const char *)mapping + before, length);
    return NULL;
}

error *payload_of_request(frame *request, payload *out) {
    uint64_t size = 0;
    *out = (payload){.bytes = frame_get(request, TAG_PAYLOAD, 0)};
    if (out->bytes.data || request->descriptor_count == 0) return NULL;
    error *err = measure(request->descriptors[0], &size);
    return err ? err : map_part(request->descriptors[0], 0, size, out);
}

static error *missing(void) {
    return error_new(ERROR_INVALID, "a reply lacks the payload that it names");
}

error *payload_of_reply(const frame *reply, const json_t *where, payload *out) {
    int64_t field = json_get_integer(where, "field", -1), descriptor = json_get_integer(where, "descriptor", -1),
            offset = json_get_integer(where, "offset", -1), length = json_get_integer(where, "length", -1);
    uint64_t size = 0;
    *out = (payload){0};
    if (field >= 0) out->bytes = frame_get(reply, TAG_PAYLOAD, (size_t)field);
    if (out->bytes.data) return NULL;
    if (descriptor < 0 || descriptor >= (int64_t)reply->descriptor_count || offset < 0 || length < 0) return missing();
    int fd = reply->descriptors[descriptor], found = fcntl(fd, F_GET_SEALS);
    if (found < 0 || (found & seals) != seals) return error_new(ERROR_INVALID, "a worker's file is not sealed");
    error *err = measure(fd, &size);
    if (!err && ((uint64_t)offset > size || (uint64_t)length > size - (uint64_t)offset)) err = missing();
    return err ? err : map_part(fd, (uint64_t)offset, (uint64_t)length, out);
}

void payload_close(payload *p) {
    if (p->mapping) munmap(p->mapping, p->mapped);
    *p = (payload){0};
}

/* ---- the worker's side ---- */

/* What does not go inline, one after another in a file that is sealed at the end. */
typedef struct shelf {
    int fd;
    uint64_t size;
} shelf;

static error *shelve(shelf *s, span bytes, json_t **place) {
    if (s->fd < 0) s->fd = memfd_create("results", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (s->fd < 0) return error_from_errno(errno, "cannot make a memory file");
    error *err = io_write_all(s->fd, bytes, "the results");
    if (err) return err;
    *place =
        json_pack("{s:i,s:I,s:I}", "descriptor", 0, "offset", (json_int_t)s->size, "length", (json_int_t)bytes.len);
    s->size += bytes.len;
    return NULL;
}

error *payload_put_all(frame *reply, const span *payloads, size_t count, json_t **places) {
    shelf rest = {.fd = -1};
    size_t fields = 0, inline_bytes = 0;
    error *err = NULL;
    for (size_t i = 0; i < count; i++)
        places[i] = NULL;
    for (size_t i = 0; !err && i < count; i++) {
        if (payloads[i].len > PAYLOAD_INLINE_MAX || payloads[i].len > PAYLOADS_INLINE_MAX - inline_bytes) {
            err = shelve(&rest, payloads[i], &places[i]);
        } else {
            frame_put(reply, TAG_PAYLOAD, payloads[i]);
            places[i] = json_pack("{s:I}", "field", (json_int_t)fields++);
            inline_bytes += payloads[i].len;
        }
    }
    if (!err && rest.fd >= 0 && fcntl(rest.fd, F_ADD_SEALS, seals) < 0)
        err = error_from_errno(errno, "cannot seal a memory file");
    if (err)
        io_close(&rest.fd);
    else if (rest.fd >= 0)
        frame_put_descriptor(reply, rest.fd);
    return err;
}
