/* core/http/wire.h: the answer of an HTTP/1.1 server, read as it comes (RFC 9112).
 *
 * No socket, no time: whoever has the bytes feeds them in and gets the head, pieces of the body and the end. A back-end
 * is believed nothing: what can be read in two ways is an error, and only a connection whose answer ended where it had
 * to is used again.
 */
#ifndef BANYAN_HTTP_WIRE_H
#define BANYAN_HTTP_WIRE_H

#include "core/base/buf.h"
#include "core/http/field.h"

typedef enum wire_event {
    WIRE_MORE, /* all was consumed */
    WIRE_HEAD, /* `status`, `head`, `length` and `keeps` hold; comes once */
    WIRE_BODY, /* *piece is a part of the body, inside what was given */
    WIRE_END,  /* the answer is complete; what was not consumed does not belong to it */
    WIRE_BAD,  /* `why` tells; the connection is of no use any more */
} wire_event;

typedef enum wire_state {
    IN_HEAD,
    IN_LENGTH,
    IN_SIZE,
    IN_CHUNK,
    IN_CHUNK_END,
    IN_TRAILER,
    UNTIL_CLOSE,
    AT_END
} wire_state;

typedef struct wire {
    buf head; /* of the final answer, with its status line; lines as they came */
    int status;
    int64_t length; /* of the body as announced; -1: not announced */
    bool keeps;     /* the connection can be used again after WIRE_END */
    const char *why;
    bool beyond; /* with WIRE_BAD: a limit was passed; else it is malformed */
    /* its own */
    wire_state state;
    bool answers_head;
    int interim;
    size_t line_start; /* in head */
    uint64_t left;     /* of the body or the chunk */
    char line[256];    /* the size of a chunk, or a trailer as far as it fits */
    size_t line_len, trailer_bytes;
} wire;

void wire_begin(wire *w, bool answers_head, size_t head_bytes_max);
void wire_free(wire *w);

/* Looks at `bytes`; returns how many were consumed. To be called until the event is WIRE_MORE, WIRE_END or WIRE_BAD. */
size_t wire_read(wire *w, span bytes, wire_event *event, span *piece);

/* The server has closed: WIRE_END where that ends the body, else WIRE_BAD. */
wire_event wire_close(wire *w);

/* The fields of the head one after the other: *at 0 starts, false is the end. Lines that are none are passed over. */
bool wire_next_field(span head, size_t *at, http_field *field);

#endif
