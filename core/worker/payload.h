/* core/worker/payload.h: payloads inside frames and beside them.
 *
 * Small ones are a TAG_PAYLOAD field, larger ones a descriptor, mapped and never copied. What a worker sends must be a
 * sealed memory file: a file that could still shrink would kill the desk that has it mapped.
 */
#ifndef BANYAN_CORE_WORKER_PAYLOAD_H
#define BANYAN_CORE_WORKER_PAYLOAD_H

#include "core/worker/frame.h"

enum {
    PAYLOAD_INLINE_MAX = 64 * 1024,            /* one payload in a field */
    PAYLOADS_INLINE_MAX = FRAME_BYTES_MAX / 4, /* all of a reply's together */
};

typedef struct payload {
    span bytes;    /* as long as the frame and until payload_close */
    void *mapping; /* whole pages around them */
    size_t mapped;
} payload;

/* In a worker: the payload of a request, from its first TAG_PAYLOAD field, else its first descriptor, else empty. */
must_check error *payload_of_request(frame *request, payload *out);

/* In the desk: the payload that `where` in the head of a reply tells: {"field": n} or {"descriptor": n, "offset",
 * "length"}. */
must_check error *payload_of_reply(const frame *reply, const json_t *where, payload *out);

void payload_close(payload *p);

/* In a worker: adds the payloads to a reply that has none yet: small ones as fields, the others together in one sealed
 * memory file. places[i] tells where the i-th is (a new reference). Also after an error, `places` are to be freed. */
must_check error *payload_put_all(frame *reply, const span *payloads, size_t count, json_t **places);

#endif
