/* core/worker/attachment.h: payloads inside frames and beside them.
 *
 * Small ones are a TAG_PAYLOAD field, larger ones a descriptor, mapped and never copied. What a worker sends must be a
 * sealed memory file: a file that could still shrink would kill the desk that has it mapped.
 */
#ifndef BANYAN_CORE_WORKER_ATTACHMENT_H
#define BANYAN_CORE_WORKER_ATTACHMENT_H

#include "core/worker/frame.h"

enum {
    ATTACHMENT_INLINE_MAX = 64 * 1024,            /* one payload in a field */
    ATTACHMENTS_INLINE_MAX = FRAME_BYTES_MAX / 4, /* all of a reply's together */
};

typedef struct attachment {
    span bytes;    /* as long as the frame and until attachment_close */
    void *mapping; /* whole pages around them */
    size_t mapped;
} attachment;

/* In a worker: the payload of a request, from its first TAG_PAYLOAD field, else its first descriptor, else empty. */
must_check error *attachment_of_request(frame *request, attachment *out);

/* In the desk: the payload that `where` in the head of a reply tells: {"field": n} or {"descriptor": n, "offset",
 * "length"}. */
must_check error *attachment_of_reply(const frame *reply, const json_t *where, attachment *out);

/* The same as a part of a file: a descriptor of the caller's, -1 when the payload is a field. */
must_check error *attachment_file_of_reply(
    const frame *reply, const json_t *where, int *fd, uint64_t *offset, uint64_t *length);

void attachment_close(attachment *p);

/* In a worker: adds the payloads to a reply that has none yet: small ones as fields, the others together in one sealed
 * memory file. places[i] tells where the i-th is (a new reference). Also after an error, `places` are to be freed. */
must_check error *attachment_put_all(frame *reply, const span *payloads, size_t count, json_t **places);

#endif
