/* edi/output.h: what is written on its way to a sink: gathered in one piece of memory, passed on when that is full.
 *
 * For writers of JSON and text that put many small pieces. An error of the sink is kept, and nothing is passed on after
 * it; the owner looks at `failure` now and then.
 */
#ifndef BANYAN_EDI_OUTPUT_H
#define BANYAN_EDI_OUTPUT_H

#include "core/base/memory.h"
#include "edi/json.h"

#include <stdlib.h>

enum { EDI_OUTPUT_FULL = 192 << 10, EDI_OUTPUT_ROOM = 256 << 10 };

typedef struct edi_output {
    edi_sink sink;
    void *context;
    char *data;
    size_t len;
    error *failure; /* whoever looks last owns it */
} edi_output;

static inline edi_output edi_output_to(edi_sink sink, void *context) {
    return (edi_output){.sink = sink, .context = context, .data = xmalloc(EDI_OUTPUT_ROOM)};
}

static inline void edi_output_free(edi_output *out) {
    free(out->data);
    out->data = NULL;
}

static inline void edi_output_flush(edi_output *out) {
    if (out->len > 0 && !out->failure) out->failure = out->sink(out->context, span_make(out->data, out->len));
    out->len = 0;
}

/* Room for `size` bytes, EDI_OUTPUT_ROOM at most; the caller adds what it wrote to `len`. */
static inline char *edi_output_room(edi_output *out, size_t size) {
    if (out->len + size > EDI_OUTPUT_ROOM) edi_output_flush(out);
    return out->data + out->len;
}

static inline void edi_put(edi_output *out, span bytes) {
    if (bytes.len > EDI_OUTPUT_ROOM) {
        edi_output_flush(out);
        if (!out->failure) out->failure = out->sink(out->context, bytes);
        return;
    }
    char *room = edi_output_room(out, bytes.len);
    if (bytes.len > 0) memcpy(room, bytes.data, bytes.len);
    out->len += bytes.len;
}

static inline void edi_put_char(edi_output *out, char c) {
    *edi_output_room(out, 1) = c;
    out->len++;
}

#define EDI_PUT(out, literal) edi_put(out, SPAN(literal))

#endif
