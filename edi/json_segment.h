/* edi/json_segment.h: plain segments between EDI and JSON, at a look (look.h). For json_write.c and json_walk.c: what
 * is not plain (escapes, release characters, repetitions, bytes beyond ASCII, notes beside a segment) goes their long
 * way.
 */
#ifndef BANYAN_EDI_JSON_SEGMENT_H
#define BANYAN_EDI_JSON_SEGMENT_H

#include "edi/look.h"
#include "edi/reader.h"

/* How to look at segments of these delimiters. */
void json_segment_look(edi_look *look, const edi_delimiters *delimiters);

/* Bytes that a segment of this length may take as JSON, and what is written beyond its end. */
static inline size_t json_segment_room(size_t len) {
    return 4 * len + 128;
}

/* Writes {"PO1":["1","5"]} to `out`, where there is json_segment_room; its end, or NULL: there is more in its values
 * than plain characters. The reader must have found the segment plain. */
char *json_segment_write(const edi_look *look, const edi_segment *segment, char *out);

/* How to look at them in JSON. */
void json_segment_look_back(edi_look *look, const edi_delimiters *delimiters);

/* Reads {"PO1":["1","5"]} at `at`, with nothing but plain texts in it and no blanks, and writes PO1*1*5 to *out, up to
 * before `limit`; *out moves. What stands behind it in the JSON, or NULL: not plain (then *out stays). */
const char *json_segment_read(const edi_look *look, const edi_delimiters *delimiters, const char *at, const char *end,
    char **out, const char *limit);

#endif
