/* edi/reader_plain.h: the short way to a segment, to be inlined where every segment passes: edi_reader_next, and the
 * validator's. For these two only.
 *
 * Nearly all segments stand inside a document, without line breaks, and mean nothing to the envelope. They were found
 * ahead (edi_scan_ahead); to hand one out is to look at the token where it ends, and at its tag. Whatever is not so, in
 * any way, is left to reader_next_event, which finds the same the long way.
 */
#ifndef BANYAN_EDI_READER_PLAIN_H
#define BANYAN_EDI_READER_PLAIN_H

#include "edi/reader_internal.h"

/* Any event, the long way. */
edi_event reader_next_event(edi_reader *reader);

/* Does a tag mean nothing to the envelope, and begin no binary segment and no other interchange? */
bool reader_plain_tag(const edi_reader *reader, const char *tag, size_t len);

/* `learn`: a tag that was not seen yet is looked at. */
static inline bool knows_plain_tag(edi_reader *r, const char *tag, size_t len, uint32_t key, bool learn) {
    uint32_t *known = &r->plain_tags[(key * 0x9E3779B1U) >> 26];
    if (*known == key) return true;
    if (!learn || !reader_plain_tag(r, tag, len)) return false;
    *known = key;
    return true;
}

/* A segment that was found ahead: from the cursor to the token that ends it. */
typedef struct plain_segment {
    const char *start, *next; /* its first byte, and the one behind its terminator and line breaks */
    size_t tag_len, len;
    uint32_t key;
    const edi_tokens *tokens; /* NULL: not all of it is plain, or nobody looks */
    unsigned token, parts;    /* as in edi_segment; without look the one token that there is, and 0 */
} plain_segment;

/* Terminators are all that is known. */
static inline bool find_end(edi_reader *r, plain_segment *f) {
    edi_scan *scan = &r->scan;
    const edi_tokens *t = scan->tokens;
    const char *start = r->data + r->cursor;
    while (scan->token < scan->whole && t->base + t->at[scan->token] < start)
        scan->token++;
    if (scan->token >= scan->whole) return false;
    f->len = (size_t)(t->base + t->at[scan->token] - start);
    f->tag_len = start[2] == r->delimiters.tag ? 2 : 3;
    f->tokens = NULL;
    f->token = scan->token;
    f->parts = 0;
    return f->len > f->tag_len;
}

/* The first token is the one that ends the tag. */
static inline bool find_tokens(edi_reader *r, plain_segment *f) {
    edi_scan *scan = &r->scan;
    const edi_tokens *t = scan->tokens;
    const char *start = r->data + r->cursor;
    unsigned token = scan->token;
    size_t offset = (size_t)(start - t->base);
    while (token < scan->whole && t->at[token] < offset) /* of what was read another way */
        token++;
    scan->token = token;
    if (token >= scan->whole) return false;
    uint64_t ends = edi_window(t->third, token + 1) & edi_lowest(EDI_WINDOW);
    if (!ends) return false;
    unsigned parts = edi_first_bit(ends) + 1;
    f->tag_len = t->at[token] - offset;
    f->len = t->at[token + parts] - offset;
    f->tokens = edi_window(t->odd, token + 1) & (ends ^ (ends - 1)) ? NULL : t; /* bits up to the end */
    f->token = token;
    f->parts = parts;
    return true;
}

/* The segment at the cursor, when it is plain. Nothing is taken yet. */
static inline __attribute__((always_inline)) bool reader_find_plain(edi_reader *r, bool learn, plain_segment *f) {
    if (!(r->scan.look ? find_tokens(r, f) : find_end(r, f))) return false;
    const char *start = r->data + r->cursor, *next = start + f->len + 1;
    uint32_t key;
    if (f->tag_len - 2 > 1 || start[f->tag_len] != r->delimiters.tag || f->len > r->plain_max) return false;
    memcpy(&key, start, sizeof key);
    key &= f->tag_len == 2 ? 0xFFFF : 0xFFFFFF;
    if (!knows_plain_tag(r, start, f->tag_len, key, learn)) return false;
    if (*next <= ' ') { /* or no ASCII */
        if (*next == '\r' && next[1] == '\n') next++;
        if (*next == '\n') next++;
        if (*next <= ' ') return false;
    }
    f->start = start;
    f->next = next;
    f->key = key;
    return true;
}

/* Goes on behind it. */
static inline void reader_pass_plain(edi_reader *r, const plain_segment *f) {
    r->scan.token = f->token + f->parts + 1;
    r->cursor = (size_t)(f->next - r->data);
    r->totals.segments++;
    r->levels[DOCUMENT].count++;
}

/* Makes what was passed the segment in hand. */
static inline void reader_hold_plain(edi_reader *r, const plain_segment *f) {
    const char *behind = f->start + f->len + 1;
    edi_segment *s = &r->segment;
    s->tag = span_make(f->start, f->tag_len);
    s->key = f->key;
    s->raw = span_make(f->start, f->len);
    s->after = span_make(behind, (size_t)(f->next - behind));
    s->object = (span){NULL, 0};
    s->offset = r->base + (size_t)(f->start - r->data);
    s->number = r->totals.segments;
    s->position = r->levels[DOCUMENT].count;
    s->terminated = true;
    s->wrapped = s->binary = false;
    s->tokens = f->tokens;
    s->token = f->token;
    s->parts = f->parts;
    r->has_segment = true;
    r->elements_of = 0;
    r->clean_len = 0;
}

/* False: nothing was taken. */
static inline __attribute__((always_inline)) bool reader_take_plain(edi_reader *r, bool learn) {
    plain_segment f;
    if (!reader_find_plain(r, learn, &f)) return false;
    reader_pass_plain(r, &f);
    reader_hold_plain(r, &f);
    return true;
}

static inline __attribute__((always_inline)) edi_event reader_next(edi_reader *r) {
    return r->plain_allowed && reader_take_plain(r, false) ? EDI_SEGMENT : reader_next_event(r);
}

#endif
