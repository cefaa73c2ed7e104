/* core/base/sink.h: where a stream's pieces go.
 *
 * Decoders, ciphers and parsers of streams are pushed: bytes are written in, and what comes out is written to the sink
 * that was given when they were made. A piece lives only during the call. An error of the sink ends the stream and is
 * handed back by whoever wrote.
 */
#ifndef BANYAN_BASE_SINK_H
#define BANYAN_BASE_SINK_H

#include "core/base/error.h"

typedef struct sink {
    error *(*write)(void *context, span piece);
    void *context;
} sink;

/* Nothing is written for an empty piece. */
static inline must_check error *sink_write(const sink *to, span piece) {
    return piece.len > 0 && to->write ? to->write(to->context, piece) : NULL;
}

#endif
