/* edi/json_tape.c: see json_tape.h. What is not JSON is told by core/base/json.h, so that all parts of the program say
 * the same about it. */
#include "edi/json_tape.h"

#include "core/base/json.h"
#include "core/base/memory.h"

#include <stdlib.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

enum { NODES_MAX = 1 << 28, FIRST_NODES = 1024, STEP = 1 << 20 };

/* Up to this size what is wrong with a text is told by core/base/json.h, which wants memory for all of it. */
#define TOLD_MAX ((size_t)16 << 20)

typedef struct parser {
    const char *text, *end, *at;
    json_tape *tape;
    uint32_t open[JSON_DEPTH_MAX]; /* the containers around */
    size_t depth, outer;           /* how many of them; those around the value that is walked over */
    json_look *look;  /* only looking: the tape holds the containers that are open, and behind them the last scalar */
    const char *told; /* up to where it was told what has passed */
} parser;

static uint32_t add(parser *p, json_kind kind, const char *at, size_t len) {
    json_tape *t = p->tape;
    if (t->count == t->room) {
        t->room *= 2;
        t->nodes = xreallocarray(t->nodes, t->room, sizeof *t->nodes);
    }
    uint32_t node = (uint32_t)t->count;
    bool container = kind == JSON_KIND_OBJECT || kind == JSON_KIND_ARRAY;
    t->nodes[node] =
        (json_node){.place = (uint64_t)(at - p->text) << 3 | (uint64_t)kind, .len = (uint32_t)len, .next = node + 1};
    if (p->look && container) t->nodes[node].next = 0; /* no body in it yet: see note_name */
    t->count += !p->look || container;
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
        if (p->depth + p->outer >= JSON_DEPTH_MAX) return false;
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
    if (p->look) {
        p->tape->count = (size_t)(node - p->tape->nodes);
    } else {
        node->next = (uint32_t)p->tape->count;
    }
    p->at++;
}

/* While looking: a name was read. Does its member stand where a reader without memory wants it? */
static void note_name(parser *p) {
    static const char *const bodies[] = {"segments", "documents", "content", "interchanges"};
    json_node *around = &p->tape->nodes[p->open[p->depth - 1]];
    span name = json_tape_raw(p->tape, (uint32_t)p->tape->count);
    bool body_seen = around->next != 0, last = span_is(name, "trailer") || span_is(name, "after");
    if (body_seen != last) p->look->ordered = false;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        if (span_is(name, bodies[i])) around->next = 1;
}

static bool is_notable(const parser *p) {
    const json_node *around = &p->tape->nodes[p->open[p->depth - 1]], *name = &p->tape->nodes[p->tape->count];
    return around->next != 0 || (name->len > 0 && p->text[name->place >> 3] >= 'a');
}

static void tell_passed(parser *p) {
    if (p->look->passed) p->look->passed(p->look->context, (uint64_t)(p->at - p->text));
    p->told = p->at;
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
static bool read_one(parser *p) {
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
        if (p->look && object && is_notable(p)) note_name(p);
        if (!read_value(p)) return false;
        if (p->look && p->at - p->told > STEP) tell_passed(p);
        fresh = p->depth > depth;
    }
    return true;
}

static bool read_all(parser *p) {
    if (!read_one(p)) return false;
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

bool json_is_utf8(span text, const json_look *look) {
    for (size_t from = 0, end; from < text.len; from = end) {
        end = text.len - from > STEP ? from + STEP : text.len;
        for (int i = 0; i < 3 && end < text.len && ((unsigned char)text.data[end] & 0xC0U) == 0x80; i++)
            end++; /* no piece ends inside a character */
        if (!span_is_utf8(span_make(text.data + from, end - from))) return false;
        if (look->passed && end < text.len) look->passed(look->context, end);
    }
    return true;
}

static error *malformed_at(const parser *p) {
    size_t line = 1;
    const char *start = p->text, *next;
    while ((next = memchr(start, '\n', (size_t)(p->at - start)))) {
        start = next + 1;
        line++;
    }
    size_t column = (size_t)(p->at - start) + 1;
    return error_at(error_new(ERROR_INVALID, "not valid JSON at line %zu, column %zu", line, column),
        "line %zu, column %zu", line, column);
}

error *json_tape_look(span text, json_look *look) {
    json_tape tape = {.text = NULL};
    json_tape_begin(&tape, text, JSON_KIND_ARRAY);
    tape.count = 0;
    parser p = {.text = text.data, .at = text.data, .end = text.data + text.len, .tape = &tape, .look = look};
    p.told = p.at;
    look->ordered = true;
    bool utf8 = json_is_utf8(text, look), good = text.len > 0 && utf8 && read_all(&p);
    json_tape_free(&tape);
    if (good) return NULL;
    if (!utf8 && text.len > TOLD_MAX) return error_new(ERROR_INVALID, "not valid JSON: it is not UTF-8");
    if (text.len > TOLD_MAX) return malformed_at(&p);
    json_t *never = NULL;
    error *err = json_parse(text, &never);
    json_decref(never);
    return err ? err : error_new(ERROR_INVALID, "malformed JSON");
}

/* ---------------------------------------------------------------------------------------------------------- walking */

static parser parser_at(const json_walk *walk, json_tape *tape) {
    return (parser){.text = walk->text, .at = walk->at, .end = walk->end, .tape = tape, .outer = walk->depth};
}

void json_walk_skip(json_walk *walk) {
    while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\n' || *walk->at == '\r' || *walk->at == '\t'))
        walk->at++;
}

span json_walk_name(json_walk *walk) {
    json_node room;
    json_tape tape = {.text = walk->text, .nodes = &room, .room = 1};
    parser p = parser_at(walk, &tape);
    if (!read_name(&p)) {
        walk->broken = true;
        return span_make("", 0);
    }
    walk->at = p.at;
    return json_tape_raw(&tape, 0);
}

uint32_t json_walk_value(json_walk *walk, json_tape *tape) {
    uint32_t node = (uint32_t)tape->count;
    parser p = parser_at(walk, tape);
    if (!read_one(&p)) {
        walk->broken = true;
        tape->count = node;
        p.at = p.end;
        add(&p, JSON_KIND_NULL, p.at, 0);
    }
    walk->at = p.at;
    return node;
}

void json_tape_begin(json_tape *tape, span text, json_kind root) {
    tape->text = text.data;
    if (!tape->nodes) {
        tape->room = FIRST_NODES;
        tape->nodes = xcalloc(tape->room, sizeof *tape->nodes);
    }
    tape->nodes[0] = (json_node){.place = (uint64_t)root, .next = 1};
    tape->count = 1;
}

void json_tape_add_name(json_tape *tape, span name) {
    parser p = {.text = tape->text, .tape = tape};
    add(&p, JSON_KIND_TEXT, name.data, name.len);
    tape->nodes[0].len++;
}

void json_tape_add_empty(json_tape *tape, json_kind kind) {
    parser p = {.text = tape->text, .tape = tape};
    add(&p, kind, tape->text, 0);
}

void json_tape_grew(json_tape *tape) {
    tape->nodes[0].next = (uint32_t)tape->count;
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
