/* edi/json_segment.c: see json_segment.h. */
#include "edi/json_segment.h"

#include "core/base/memory.h"

#include <stdlib.h>

void json_segment_look(edi_look *look, const edi_delimiters *d) {
    bool plain[128] = {false};
    for (unsigned c = ' '; c < 0x7F; c++)
        plain[c] = c != '"' && c != '\\' && !edi_is_delimiter(d, (char)c);
    edi_look_make(look, d->element, d->component, plain);
}

/* --------------------------------------------------------------------------------------------------------------- back
 */

void json_segment_look_back(edi_look *look, const edi_delimiters *d) {
    bool plain[128] = {false};
    for (unsigned c = ' '; c < 0x7F; c++)
        plain[c] = c != '"' && c != '\\' && !edi_is_delimiter(d, (char)c);
    edi_look_make_odd(look, '"', plain);
}

static json_glue make_glue(const char *text, char separator, const json_glue *row) {
    json_glue glue = {.separator = separator, .row = row};
    char bytes[4] = {0}, mask[4] = {0};
    for (size_t i = 0; text[i]; i++) {
        bytes[i] = text[i];
        mask[i] = (char)0xFF;
    }
    memcpy(&glue.text, bytes, sizeof bytes);
    memcpy(&glue.mask, mask, sizeof mask);
    return glue;
}

void json_quotes_begin(json_quotes *q, const edi_look *look, const edi_delimiters *d, span suffix, const char *end) {
    const json_glue never = {.text = 1, .mask = 0};
    edi_tokens *tokens = q->tokens ? q->tokens : xcalloc(1, sizeof *tokens);
    *q = (json_quotes){.tokens = tokens,
        .look = look,
        .end = end,
        .suffix = suffix,
        .tag = d->tag,
        .terminator = d->terminator,
        .composites = d->component != 0};
    for (size_t i = 0; i < 8; i++)
        q->glues[i / 4][i % 4] = never;
    q->glues[0][1] = make_glue(",", d->element, q->glues[0]);
    if (q->composites) q->glues[0][2] = make_glue(",[", d->element, q->glues[1]);
    q->glues[1][1] = make_glue(",", d->component, q->glues[1]);
    q->glues[1][2] = make_glue("],", d->element, q->glues[0]);
    q->glues[1][3] = make_glue("],[", d->element, q->glues[1]);
    edi_tokens_begin(tokens, end);
}

void json_quotes_free(json_quotes *q) {
    free(q->tokens);
    *q = (json_quotes){.tokens = NULL};
}

/* Finds the quotes from `at` on, as far as they are looked for at once. Behind the last one stand three that are none,
 * so that reading stops there without asking at each: no text is longer than what was looked at, and the gap between
 * those three ends a segment, which is found to be too long then. False: the text ends soon. */
static __attribute__((noinline)) bool look_from(json_quotes *q, const char *at) {
    edi_tokens *t = q->tokens;
    edi_tokens_begin(t, at);
    q->next = 0;
    while (t->bytes < EDI_TOKENS_BYTES && q->end - at >= t->bytes + EDI_BLOCK + EDI_TOKENS_MARGIN)
        edi_tokens_add(t, q->look, 0);
    for (unsigned i = 0; i < 3; i++)
        t->at[t->count + i] = (uint16_t)(t->bytes + i * JSON_STRIDE);
    return t->bytes > 0;
}

static bool is_tag(const char *tag, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!((tag[i] >= 'A' && tag[i] <= 'Z') || (tag[i] >= '0' && tag[i] <= '9'))) return false;
    bool loop = tag[0] <= '9';                  /* "2300" */
    return !loop && memcmp(tag, "ISA", 3) != 0; /* ISA has its own rules */
}

/* {"PO1":[ at the first of these quotes: the length of the tag; 0 for anything else. */
static inline unsigned read_tag(json_quotes *q, const char *at, const uint16_t *quotes) {
    unsigned len = quotes[1] - quotes[0] - 1U;
    uint32_t key;
    if (at[0] != '{' || at[1] != '"' || len - 2 > 1 || memcmp(at + len + 3, ":[", 2) != 0) return 0;
    memcpy(&key, at + 2, sizeof key);
    key &= len == 2 ? 0xFFFF : 0xFFFFFF;
    uint32_t *known = &q->tags[(key * 0x9E3779B1U) >> 26];
    if (*known == key) return len;
    if (!is_tag(at + 2, len)) return 0;
    *known = key;
    return len;
}

_Static_assert(JSON_TAGS == 64, "the highest six bits are the place of a tag");

/* None of the texts that end with a token from `from` on, every second one, holds more than plain characters. */
static inline bool texts_plain(const edi_tokens *t, unsigned from, unsigned to) {
    const uint64_t every_second = UINT64_C(0x5555555555555555);
    for (; to - from > EDI_WINDOW; from += EDI_WINDOW)
        if (edi_window(t->odd, from) & every_second & edi_lowest(EDI_WINDOW)) return false;
    return !(edi_window(t->odd, from) & every_second & edi_lowest(to - from));
}

/* The segment at `at`, with its first quote or a later one at `token`. *cut: it may be one, but not all of it was
 * looked at. */
static inline const char *read_segment(json_quotes *q, const char *at, unsigned token, char **to, bool *cut) {
    const edi_tokens *t = q->tokens;
    const uint16_t *quotes = t->at + token;
    *cut = token + 4 > t->count; /* of its tag and its first text */
    unsigned tag_len = *cut ? 0 : read_tag(q, at, quotes);
    if (tag_len == 0) return NULL;
    const char *base = t->base, *behind = at + tag_len + 5;
    const json_glue *row = q->glues[*behind == '[' && q->composites];
    char *out = *to;
    if (base + quotes[2] != behind + (row != q->glues[0])) return NULL;
    memcpy(out, at + 2, 4);
    out += tag_len;
    *out++ = q->tag;
    for (quotes += 2;; quotes += 2) { /* texts, and arrays of texts, up to the end */
        unsigned open = quotes[0], close = quotes[1], gap = quotes[2] - close - 1U;
        out = json_strides(out, base + open + 1, close - open - 1);
        behind = base + close + 1;
        if (gap > 3) break;
        const json_glue *glue = row + gap;
        uint32_t bytes;
        memcpy(&bytes, behind, sizeof bytes);
        if ((bytes & glue->mask) != glue->text) {
            *cut = quotes + 2 >= t->at + t->count;
            return NULL;
        }
        *out++ = glue->separator;
        row = glue->row;
    }
    unsigned end = (unsigned)(quotes + 2 - t->at);
    *cut = end >= t->count;
    if (row != q->glues[0] && *behind++ != ']') return NULL;
    if (memcmp(behind, "]}", 2) != 0 || *cut || !texts_plain(t, token + 1, end)) return NULL;
    q->next = end;
    *to = out;
    return behind + 2;
}

/* One plain segment; NULL: there is none. */
static inline const char *read_one(json_quotes *q, const char *at, char **to) {
    const edi_tokens *t = q->tokens;
    for (;;) {
        size_t offset = (size_t)((uintptr_t)at - (uintptr_t)t->base);
        if (offset < t->bytes) {
            unsigned token = q->next;
            while (t->at[token] < offset) /* what was read another way */
                token++;
            q->next = token;
            bool cut;
            const char *behind = read_segment(q, at, token, to, &cut);
            if (!cut || offset == 0) return behind;
        }
        if (!look_from(q, at)) return NULL;
    }
}

EDI_HOT size_t json_segments_read(json_quotes *q, const char **at, char **to, const char *end) {
    size_t count = 0, room = json_segments_room(q);
    char *out = *to;
    for (const char *next = *at; (size_t)(end - out) >= room; next++) {
        const char *behind = read_one(q, next, &out);
        if (!behind) break;
        *out++ = q->terminator;
        if (q->suffix.len > 0) memcpy(out, q->suffix.data, q->suffix.len);
        *to = out += q->suffix.len;
        *at = next = behind;
        count++;
        if (*behind != ',') break;
    }
    return count;
}
