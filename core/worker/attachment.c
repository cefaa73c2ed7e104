/* core/worker/attachment.c: see payload.h. */
#include "core/worker/attachment.h"

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

static error *map_part(int fd, uint64_t offset, uint64_t length, attachment *out) {
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

error *attachment_of_request(frame *request, attachment *out) {
    uint64_t size = 0;
    *out = (attachment){.bytes = frame_get(request, TAG_PAYLOAD, 0)};
    if (out->bytes.data || request->descriptor_count == 0) return NULL;
    error *err = measure(request->descriptors[0], &size);
    return err ? err : map_part(request->descriptors[0], 0, size, out);
}

static error *missing(void) {
    return error_new(ERROR_INVALID, "a reply lacks the payload that it names");
}

/* The descriptor of `place`, still the frame's, with a part that lies inside the file. */
static error *find_part(const frame *reply, const json_t *where, int *fd, uint64_t *offset, uint64_t *length) {
    int64_t descriptor = json_get_integer(where, "descriptor", -1), from = json_get_integer(where, "offset", -1),
            size = json_get_integer(where, "length", -1);
    uint64_t end = 0;
    if (descriptor < 0 || descriptor >= (int64_t)reply->descriptor_count || from < 0 || size < 0) return missing();
    *fd = reply->descriptors[descriptor];
    int found = fcntl(*fd, F_GET_SEALS);
    if (found < 0 || (found & seals) != seals) return error_new(ERROR_INVALID, "a worker's file is not sealed");
    error *err = measure(*fd, &end);
    *offset = (uint64_t)from;
    *length = (uint64_t)size;
    return err || (*offset <= end && *length <= end - *offset) ? err : missing();
}

error *attachment_file_of_reply(const frame *reply, const json_t *where, int *fd, uint64_t *offset, uint64_t *length) {
    int found = -1;
    *fd = -1;
    if (json_get_integer(where, "field", -1) >= 0) return NULL;
    error *err = find_part(reply, where, &found, offset, length);
    if (!err && (*fd = fcntl(found, F_DUPFD_CLOEXEC, 0)) < 0) err = error_from_errno(errno, "cannot keep a result");
    return err;
}

error *attachment_of_reply(const frame *reply, const json_t *where, attachment *out) {
    int64_t field = json_get_integer(where, "field", -1);
    uint64_t offset, length;
    int fd;
    *out = (attachment){0};
    if (field >= 0) out->bytes = frame_get(reply, TAG_PAYLOAD, (size_t)field);
    if (out->bytes.data) return NULL;
    error *err = find_part(reply, where, &fd, &offset, &length);
    return err ? err : map_part(fd, offset, length, out);
}

void attachment_close(attachment *p) {
    if (p->mapping) munmap(p->mapping, p->mapped);
    *p = (attachment){0};
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

error *attachment_put_all(frame *reply, const span *payloads, size_t count, json_t **places) {
    shelf rest = {.fd = -1};
    size_t fields = 0, inline_bytes = 0;
    error *err = NULL;
    for (size_t i = 0; i < count; i++)
        places[i] = NULL;
    for (size_t i = 0; !err && i < count; i++) {
        if (payloads[i].len > ATTACHMENT_INLINE_MAX || payloads[i].len > ATTACHMENTS_INLINE_MAX - inline_bytes) {
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
