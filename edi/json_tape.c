/* edi/json_tape.c: see json_tape.h. What is not JSON is told by core/base/json.h, so that all parts of the program say
 * the same about it. */
#include "edi/json_tape.h"

#include "core/base/json.h"
#include "core/base/memory.h"

#include <stdlib.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

enum { NODES_MAX = 1 << 28, FIRST_NODES = 1024 };

typedef struct parser {
    const char *text, *end, *at;
    json_tape *tape;
    uint32_t open[JSON_DEPTH_MAX]; /* the containers around */
    size_t depth;
} parser;

static uint32_t add(parser *p, json_kind kind, const char *at, size_t len) {
    json_tape *t = p->tape;
    if (t->count == t->room) {
        t->room *= 2;
        t->nodes = xreallocarray(t->nodes, t->room, sizeof *t->nodes);
    }
    uint32_t node = (uint32_t)t->count++;
    t->nodes[node] =
        (json_node){.place = (uint64_t)(at - p->text) << 3 | (uint64_t)kind, .len = (uint32_t)len, .next = node + 1};
    return node;
}

static void skip_blanks(parser *p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

/* The first quote, backslash or control character from `at` on. */
static const char *find_special(const char *at, const char *end) {
#if defined(__x86_64__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(' ');
    for (; end - at >= 16; at += 16) {
        __m128i lane = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* below a blank, unsigned: the larger of both is not the lane */
        __m128i control = _mm_andnot_si128(_mm_cmpeq_epi8(_mm_max_epu8(lane, space), lane), _mm_set1_epi8(-1));
        __m128i hits =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(lane, quote), _mm_cmpeq_epi8(lane, backslash)), control);
        unsigned mask = (unsigned)_mm_movemask_epi8(hits);
        if (mask) return at + __builtin_ctz(mask);
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= ' ')
        at++;
    return at;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of "XXXX"; -1: none. */
static int32_t code_unit(const char *at, const char *end) {
    int32_t value = 0;
    if (end - at < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Steps over an escape; NULL: it is none. NUL and lone surrogates are refused. */
static const char *step_escape(const char *at, const char *end) {
    if (end - at < 2) return NULL;
    if (at[1] != 'u') return strchr("\"\\/bfnrt", at[1]) && at[1] ? at + 2 : NULL;
    int32_t unit = code_unit(at + 2, end);
    if (unit <= 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) return NULL;
    if (unit < 0xD800 || unit > 0xDBFF) return at + 6;
    if (end - at < 12 || at[6] != '\\' || at[7] != 'u') return NULL;
    int32_t low = code_unit(at + 8, end);
    return low >= 0xDC00 && low <= 0xDFFF ? at + 12 : NULL;
}

/* The cursor stands behind the opening quote. */
static bool read_text(parser *p) {
    const char *start = p->at, *at = start;
    json_kind kind = JSON_KIND_TEXT;
    for (;;) {
        at = find_special(at, p->end);
        if (at == p->end || (unsigned char)*at < ' ') return false;
        if (*at == '"') break;
        kind = JSON_KIND_ESCAPED;
        at = step_escape(at, p->end);
        if (!at) return false;
    }
    if ((size_t)(at - start) > UINT32_MAX) return false;
    add(p, kind, start, (size_t)(at - start));
    p->at = at + 1;
    return true;
}

static bool is_digit(const parser *p) {
    return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

static bool read_digits(parser *p) {
    if (!is_digit(p)) return false;
    while (is_digit(p))
        p->at++;
    return true;
}

/* RFC 8259 §6 */
static bool read_number(parser *p) {
    const char *start = p->at;
    if (*p->at == '-') p->at++;
    if (p->at < p->end && *p->at == '0')
        p->at++;
    else if (!read_digits(p))
        return false;
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        if (!read_digits(p)) return false;
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-')) p->at++;
        if (!read_digits(p)) return false;
    }
    add(p, JSON_KIND_NUMBER, start, (size_t)(p->at - start));
    return true;
}

static bool read_word(parser *p, const char *word, json_kind kind) {
    size_t len = strlen(word);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0) return false;
    add(p, kind, p->at, len);
    p->at += len;
    return true;
}

/* A value that holds no others, or the beginning of one that does. */
static bool read_value(parser *p) {
    skip_blanks(p);
    if (p->at == p->end || p->tape->count >= NODES_MAX) return false;
    char c = *p->at;
    switch (c) {
    case '"': p->at++; return read_text(p);
    case '{':
    case '[':
        if (p->depth == JSON_DEPTH_MAX) return false;
        p->open[p->depth++] = add(p, c == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY, p->at, 0);
        p->at++;
        return true;
    case 't': return read_word(p, "true", JSON_KIND_TRUE);
    case 'f': return read_word(p, "false", JSON_KIND_FALSE);
    case 'n': return read_word(p, "null", JSON_KIND_NULL);
    default: return (c == '-' || (c >= '0' && c <= '9')) && read_number(p);
    }
}

static void close_container(parser *p) {
    json_node *node = &p->tape->nodes[p->open[--p->depth]];
    node->next = (uint32_t)p->tape->count;
    p->at++;
}

/* The name of a member, with its colon. */
static bool read_name(parser *p) {
    skip_blanks(p);
    if (p->at == p->end || *p->at != '"') return false;
    p->at++;
    if (!read_text(p)) return false;
    skip_blanks(p);
    if (p->at == p->end || *p->at != ':') return false;
    p->at++;
    return true;
}

/* From the beginning of a value to the end of what lies around it, without recursion. `fresh`: a container was just
 * opened, and may be empty. */
static bool read_all(parser *p) {
    if (!read_value(p)) return false;
    bool fresh = p->depth == 1;
    while (p->depth > 0) {
        json_node *around = &p->tape->nodes[p->open[p->depth - 1]];
        bool object = (around->place & 7) == JSON_KIND_OBJECT;
        skip_blanks(p);
        if (p->at == p->end) return false;
        if (*p->at == (object ? '}' : ']')) {
            close_container(p); /* a comma before it would have asked for a value */
            fresh = false;
            continue;
        }
        if (!fresh) {
            if (*p->at != ',') return false;
            p->at++;
        }
        around->len++;
        size_t depth = p->depth;
        if (object && !read_name(p)) return false;
        if (!read_value(p)) return false;
        fresh = p->depth > depth;
    }
    skip_blanks(p);
    return p->at == p->end;
}

error *json_tape_read(span text, json_tape *tape) {
    *tape = (json_tape){.text = text.data, .room = FIRST_NODES};
    tape->nodes = xcalloc(tape->room, sizeof *tape->nodes);
    parser p = {.text = text.data, .at = text.data, .end = text.data + text.len, .tape = tape};
    if (text.len > 0 && span_is_utf8(text) && read_all(&p)) return NULL;
    bool full = tape->count >= NODES_MAX;
    json_tape_free(tape);
    if (full) return error_new(ERROR_LIMIT, "the JSON has more than %d values", NODES_MAX);
    json_t *never = NULL;
    error *err = json_parse(text, &never);
    json_decref(never);
    return err ? err : error_new(ERROR_INVALID, "malformed JSON");
}

void json_tape_free(json_tape *tape) {
    free(tape->nodes);
    *tape = (json_tape){.text = NULL};
}

uint32_t json_tape_member(const json_tape *t, uint32_t object, const char *name) {
    size_t len = strlen(name);
    for (uint32_t key = object + 1, end = t->nodes[object].next; key < end; key = t->nodes[key + 1].next) {
        span raw = json_tape_raw(t, key);
        if (raw.len == len && memcmp(raw.data, name, len) == 0) return key + 1;
    }
    return 0;
}

static void add_code_point(buf *out, uint32_t c) {
    char room[4];
    size_t len = 0;
    if (c < 0x80) {
        room[len++] = (char)c;
    } else if (c < 0x800) {
        room[len++] = (char)(0xC0 | c >> 6);
        room[len++] = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        room[len++] = (char)(0xE0 | c >> 12);
        room[len++] = (char)(0x80 | (c >> 6 & 0x3F));
        room[len++] = (char)(0x80 | (c & 0x3F));
    } else {
        room[len++] = (char)(0xF0 | c >> 18);
        room[len++] = (char)(0x80 | (c >> 12 & 0x3F));
        room[len++] = (char)(0x80 | (c >> 6 & 0x3F));
        room[len++] = (char)(0x80 | (c & 0x3F));
    }
    buf_add(out, span_make(room, len));
}

void json_tape_decode(const json_tape *t, uint32_t node, buf *out) {
    span raw = json_tape_raw(t, node);
    if (json_tape_kind(t, node) == JSON_KIND_TEXT) {
        buf_add(out, raw);
        return;
    }
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *end = raw.data + raw.len;
    for (const char *at = raw.data; at < end;) {
        const char *mark = memchr(at, '\\', (size_t)(end - at));
        if (!mark) mark = end;
        buf_add(out, span_make(at, (size_t)(mark - at)));
        if (mark == end) break;
        if (mark[1] != 'u') {
            buf_add_char(out, values[strchr(names, mark[1]) - names]);
            at = mark + 2;
            continue;
        }
        uint32_t unit = (uint32_t)code_unit(mark + 2, end);
        at = mark + 6;
        if (unit >= 0xD800 && unit <= 0xDBFF) {
            unit = 0x10000 + ((unit - 0xD800) << 10) + ((uint32_t)code_unit(mark + 8, end) - 0xDC00);
            at = mark + 12;
        }
        add_code_point(out, unit);
    }
}
