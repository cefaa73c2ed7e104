/* edi/json_segment.h: plain segments between EDI and JSON, by their tokens (tokens.h). For json_write.c and
 * json_walk.c: what is not plain (escapes, release characters, repetitions, bytes beyond ASCII, notes beside a segment)
 * goes their long way.
 */
#ifndef BANYAN_EDI_JSON_SEGMENT_H
#define BANYAN_EDI_JSON_SEGMENT_H

#include "edi/reader.h"

/* How to look at segments of these delimiters. */
void json_segment_look(edi_look *look, const edi_delimiters *delimiters);

/* Bytes that a segment of this length may take as JSON, and what is written beyond its end. */
static inline size_t json_segment_room(size_t len) {
    return 4 * len + 128;
}

/* Is a segment of this length short enough for that? */
static inline bool json_segment_fits(size_t len) {
    return len < EDI_TOKENS_BYTES;
}

enum { JSON_STRIDE = 16 };

/* Copies in strides: up to fifteen bytes more are read and written. */
static inline char *json_strides(char *out, const char *from, size_t len) {
    memcpy(out, from, JSON_STRIDE);
    for (size_t at = JSON_STRIDE; at < len; at += JSON_STRIDE)
        memcpy(out + at, from + at, JSON_STRIDE);
    return out + len;
}

/* What stands between two texts: the first closes, what is between them, the second opens. Which one follows from
 * whether an array of components ends (1), and whether one begins (2). */
static const struct {
    char text[8];
    uint64_t len;
} json_between[] = {{"\",\"", 3}, {"\"],\"", 4}, {"\",[\"", 4}, {"\"],[\"", 5}};

/* Writes the segment at `start`, whose tag ends with token number `token` and that has so many parts, as
 * {"PO1":["1","5"]} to `out`, where there is json_segment_room; its end. */
static inline char *json_segment_write(
    const char *start, const edi_tokens *t, unsigned token, unsigned parts, char *out) {
    const uint16_t *ends = t->at + token;
    /* bit n: the part n, from 1 on, has another component behind it; has one before it */
    uint64_t more = (edi_window(t->second, token + 1) & edi_lowest(parts)) << 1, inside = more << 1;
    uint64_t closes = inside & ~more, opens = more & ~inside;
    memcpy(out, "{\"", 2);
    memcpy(out + 2, start, 4);
    out += 2 + (size_t)(t->base + ends[0] - start);
    memcpy(out, "\":[[", 4);
    out += 3 + (opens >> 1 & 1);
    *out++ = '"';
    const uint16_t *last = ends + parts;
    for (uint64_t ended = closes >> 1, begun = opens >> 2;; ended >>= 1, begun >>= 1) {
        unsigned from = *ends++ + 1U;
        out = json_strides(out, t->base + from, *ends - from);
        if (ends == last) break;
        unsigned which = (ended & 1) | (unsigned)(begun & 1) << 1;
        memcpy(out, json_between[which].text, sizeof json_between[which].text);
        out += json_between[which].len;
    }
    *out++ = '"';
    if (closes >> parts & 1) *out++ = ']';
    memcpy(out, "]}", 2);
    return out + 2;
}

/* What may stand between two texts, and what follows from it. */
typedef struct json_glue json_glue;
struct json_glue {
    uint32_t text, mask;  /* its bytes; those that are compared */
    const json_glue *row; /* what may follow: outside or inside of an array of components, by length */
    char separator;       /* stands in EDI instead */
};

enum { JSON_TAGS = 64 };

/* The quotes of a JSON text from where it is read on, as far as they are looked for at once, and what becomes of what
 * stands between them. */
typedef struct json_quotes {
    edi_tokens *tokens; /* owned; behind the last one there are three that are none, see json_segment.c */
    const edi_look *look;
    const char *end;          /* of the text */
    unsigned next;            /* where the next segment is looked for */
    span suffix;              /* stands behind terminators */
    char tag, terminator;     /* tag: stands behind one */
    bool composites;          /* there is a component separator */
    json_glue glues[2][4];    /* outside and inside of an array of components, by length */
    uint32_t tags[JSON_TAGS]; /* some that were found to be tags, each at its place */
} json_quotes;

/* How to look at segments of these delimiters in JSON. */
void json_segment_look_back(edi_look *look, const edi_delimiters *delimiters);

/* Segments of these delimiters follow, in a text up to `end`. The look and the suffix outlive it. */
void json_quotes_begin(
    json_quotes *quotes, const edi_look *look, const edi_delimiters *delimiters, span suffix, const char *end);
void json_quotes_free(json_quotes *quotes);

/* What one plain segment may take, and what is written beyond its end. */
static inline size_t json_segments_room(const json_quotes *quotes) {
    return EDI_TOKENS_BYTES + 64 + quotes->suffix.len;
}

/* Reads segments such as {"PO1":["1","5"]} from *at on, with nothing but plain texts in them and no blanks, as long as
 * commas follow and there is room for one more up to `end`; writes PO1*1*5 with terminator and suffix to *out. How many
 * they were; *at moves behind the last one, *out too. */
size_t json_segments_read(json_quotes *quotes, const char **at, char **out, const char *end);

#endif
