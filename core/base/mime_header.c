/* core/base/mime_header.c: blocks of fields and values with parameters; see mime_header.h. */
#include "core/base/mime_header.h"

#include "core/base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum { FIELDS_FIRST = 16 };

typedef struct field {
    char *name, *value;
    size_t name_len, value_len;
} field;

struct mime_headers {
    buf raw;
    size_t line;   /* where the line in hand begins in `raw` */
    size_t body;   /* bytes of `raw` that the fields have been made from */
    field *fields; /* MIME_HEADERS_MAX at most */
    size_t count, room;
    bool complete;
};

mime_headers *mime_headers_new(void) {
    mime_headers *headers = xcalloc(1, sizeof *headers);
    headers->raw = BUF_MAX(MIME_HEADERS_BYTES_MAX);
    return headers;
}

error *mime_headers_add(mime_headers *headers, span name, span value) {
    if (headers->count == MIME_HEADERS_MAX)
        return error_new(ERROR_LIMIT, "more than %d header fields", MIME_HEADERS_MAX);
    if (headers->count == headers->room) {
        headers->room = headers->room ? headers->room * 2 : FIELDS_FIRST;
        headers->fields = xreallocarray(headers->fields, headers->room, sizeof *headers->fields);
    }
    value = span_trim(value);
    headers->fields[headers->count++] =
        (field){.name = xspandup(name), .value = xspandup(value), .name_len = name.len, .value_len = value.len};
    return NULL;
}

static bool is_name(span name) {
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c <= ' ' || c >= 0x7f) return false;
    }
    return name.len > 0;
}

/* One field, its folded lines among it. Unfolding takes the line ends out and leaves the blanks (RFC 5322 §2.2.3). */
static error *add_field(mime_headers *headers, span lines) {
    const char *colon = memchr(lines.data, ':', lines.len);
    span name = span_make(lines.data, colon ? (size_t)(colon - lines.data) : 0);
    while (name.len > 0 && (name.data[name.len - 1] == ' ' || name.data[name.len - 1] == '\t'))
        name.len--;
    if (!is_name(name)) return error_new(ERROR_INVALID, "a line in the header is not a field");
    buf value = BUF_MAX(MIME_HEADERS_BYTES_MAX);
    for (const char *c = colon + 1; c < lines.data + lines.len; c++) {
        if (*c != '\r' && *c != '\n') buf_add_char(&value, *c);
    }
    error *err = mime_headers_add(headers, name, buf_span(&value));
    buf_free(&value);
    return err;
}

static error *parse_block(mime_headers *headers, size_t end) {
    const char *data = buf_text(&headers->raw);
    size_t at = 0;
    error *err = NULL;
    while (!err && at < end) {
        size_t next = at;
        do {
            const char *newline = memchr(data + next, '\n', end - next);
            next = newline ? (size_t)(newline - data) + 1 : end;
        } while (next < end && (data[next] == ' ' || data[next] == '\t'));
        err = add_field(headers, span_make(data + at, next - at));
        at = next;
    }
    return err;
}

error *mime_headers_take(mime_headers *headers, span *input, bool *complete) {
    while (!headers->complete && input->len > 0) {
        const char *newline = memchr(input->data, '\n', input->len);
        size_t take = newline ? (size_t)(newline - input->data) + 1 : input->len;
        buf_add(&headers->raw, span_make(input->data, take));
        *input = span_make(input->data + take, input->len - take);
        if (headers->raw.overflow)
            return error_new(ERROR_LIMIT, "a header of more than %d bytes", MIME_HEADERS_BYTES_MAX);
        if (!newline) break;
        span line = span_make(headers->raw.data + headers->line, headers->raw.len - headers->line);
        if (span_is(line, "\r\n") || span_is(line, "\n")) {
            headers->complete = true;
            error *err = parse_block(headers, headers->line);
            if (err) return err;
        }
        headers->line = headers->raw.len;
    }
    *complete = headers->complete;
    return NULL;
}

static bool same_name(const field *f, const char *name) {
    return f->name_len == strlen(name) && strcasecmp(f->name, name) == 0;
}

span mime_headers_get(const mime_headers *headers, const char *name) {
    for (size_t i = 0; i < headers->count; i++) {
        if (same_name(&headers->fields[i], name))
            return span_make(headers->fields[i].value, headers->fields[i].value_len);
    }
    return span_make(NULL, 0);
}

size_t mime_headers_count(const mime_headers *headers, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < headers->count; i++)
        count += same_name(&headers->fields[i], name);
    return count;
}

size_t mime_headers_total(const mime_headers *headers) {
    return headers->count;
}

void mime_headers_at(const mime_headers *headers, size_t index, span *name, span *value) {
    const field *f = &headers->fields[index];
    *name = span_make(f->name, f->name_len);
    *value = span_make(f->value, f->value_len);
}

span mime_headers_raw(const mime_headers *headers) {
    return buf_span(&headers->raw);
}

void mime_headers_free(mime_headers *headers) {
    if (!headers) return;
    for (size_t i = 0; i < headers->count; i++) {
        free(headers->fields[i].name);
        free(headers->fields[i].value);
    }
    buf_free(&headers->raw);
    free(headers->fields);
    free(headers);
}

/* ---- values with parameters */

typedef struct reader {
    span rest;
} reader;

static bool at_end(const reader *r) {
    return r->rest.len == 0;
}

static char peek(const reader *r) {
    return r->rest.data[0];
}

static void advance(reader *r) {
    r->rest = span_make(r->rest.data + 1, r->rest.len - 1);
}

/* Blanks and comments, which may nest (RFC 5322 §3.2.2). */
static void skip_blanks(reader *r) {
    size_t depth = 0;
    while (!at_end(r)) {
        char c = peek(r);
        if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return;
        advance(r);
    }
}

static void read_quoted(reader *r, buf *out) {
    advance(r);
    while (!at_end(r) && peek(r) != '"') {
        /* A backslash quotes the next character; before others it is text, as in C:\folder\name. */
        if (peek(r) == '\\' && r->rest.len > 1 && (r->rest.data[1] == '"' || r->rest.data[1] == '\\')) advance(r);
        buf_add_char(out, peek(r));
        advance(r);
    }
    if (!at_end(r)) advance(r);
}

/* Up to any of `stops`; inner blanks stay, those around go. */
static void read_bare(reader *r, const char *stops, buf *out) {
    size_t len = 0;
    while (len < r->rest.len && r->rest.data[len] && !strchr(stops, r->rest.data[len]))
        len++;
    buf_add(out, span_trim(span_make(r->rest.data, len)));
    bool nul = len < r->rest.len && !r->rest.data[len];
    r->rest = span_make(r->rest.data + len, nul ? 0 : r->rest.len - len);
}

static void lower(char *text) {
    for (; *text; text++)
        *text = (char)tolower((unsigned char)*text);
}

static int hexadecimal(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

static void add_latin1(buf *out, unsigned char c) {
    if (c < 0x80) {
        buf_add_char(out, (char)c);
    } else {
        buf_add_char(out, (char)(0xc0 | c >> 6));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* %XX of RFC 2231 §4; ISO-8859-1 becomes UTF-8, other character sets stay as they are. */
static void add_decoded(span text, bool latin1, buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        int high = -1, low = -1;
        if (text.data[i] == '%' && i + 2 < text.len) {
            high = hexadecimal(text.data[i + 1]);
            low = hexadecimal(text.data[i + 2]);
        }
        unsigned char c = (unsigned char)text.data[i];
        if (high >= 0 && low >= 0) {
            c = (unsigned char)(high << 4 | low);
            i += 2;
        }
        if (latin1)
            add_latin1(out, c);
        else
            buf_add_char(out, (char)c);
    }
}

/* A parameter as it stands: "filename*1*" with its value. */
typedef struct piece {
    char *name, *value;
    size_t len;
    int section; /* -1: not continued */
    bool encoded;
} piece;

/* Splits "filename*1*" into name, section and form (RFC 2231 §3, §4.1). */
static void read_form(piece *p) {
    size_t len = strlen(p->name);
    p->section = -1;
    if (len > 1 && p->name[len - 1] == '*') {
        p->encoded = true;
        p->name[--len] = '\0';
    }
    char *star = strrchr(p->name, '*');
    uint64_t section = 0;
    if (star && span_to_u64(span_of(star + 1), 0, MIME_PARAMETERS_MAX, &section)) {
        p->section = (int)section;
        *star = '\0';
    }
}

static size_t read_pieces(reader *r, piece pieces[MIME_PARAMETERS_MAX]) {
    size_t count = 0;
    while (!at_end(r) && count < MIME_PARAMETERS_MAX) {
        buf name = BUF_MAX(256), value = BUF_MAX(MIME_PARAMETER_BYTES_MAX);
        skip_blanks(r);
        while (!at_end(r) && peek(r) == ';') {
            advance(r);
            skip_blanks(r);
        }
        read_bare(r, "=;", &name);
        bool has_value = !at_end(r) && peek(r) == '=';
        if (has_value) {
            advance(r);
            skip_blanks(r);
            if (!at_end(r) && peek(r) == '"') {
                read_quoted(r, &value);
                while (!at_end(r) && peek(r) != ';')
                    advance(r);
            } else {
                read_bare(r, ";", &value);
            }
        }
        if (has_value && name.len > 0 && !name.overflow && !value.overflow) {
            piece *p = &pieces[count++];
            *p = (piece){.name = buf_take(&name, NULL)};
            p->value = buf_take(&value, &p->len);
            lower(p->name);
            read_form(p);
        }
        buf_free(&name);
        buf_free(&value);
    }
    return count;
}

/* The value of a parameter from its sections 0, 1, ... or its one piece; the extended form wins (RFC 6266 §4.3). */
static void join(const piece *pieces, size_t count, const char *name, mime_parameter *out) {
    buf text = BUF_MAX((size_t)MIME_PARAMETERS_MAX * MIME_PARAMETER_BYTES_MAX);
    const piece *plain = NULL, *extended = NULL;
    bool latin1 = false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pieces[i].name, name) != 0) continue;
        if (pieces[i].section < 0 && !pieces[i].encoded && !plain) plain = &pieces[i];
        if (!extended && ((pieces[i].section < 0 && pieces[i].encoded) || pieces[i].section == 0))
            extended = &pieces[i];
    }
    for (int section = 0; extended && section <= MIME_PARAMETERS_MAX; section++) {
        const piece *p = section == 0 ? extended : NULL;
        for (size_t i = 0; i < count && !p && extended->section == 0; i++) {
            if (pieces[i].section == section && strcmp(pieces[i].name, name) == 0) p = &pieces[i];
        }
        if (!p) break;
        span value = span_make(p->value, p->len);
        if (p->encoded && section == 0) { /* charset'language'text */
            span rest = value, set, language;
            if (span_split(&rest, '\'', &set) && rest.data && span_split(&rest, '\'', &language) && rest.data) {
                latin1 = set.len == 10 && strncasecmp(set.data, "iso-8859-1", 10) == 0;
                value = rest;
            }
        }
        if (p->encoded)
            add_decoded(value, latin1, &text);
        else
            buf_add(&text, value);
    }
    if (!extended && plain) buf_add(&text, span_make(plain->value, plain->len));
    *out = (mime_parameter){.name = xstrdup(name), .extended = extended != NULL};
    out->value = buf_take(&text, &out->len);
}

static void join_all(const piece *pieces, size_t count, mime_value *value) {
    for (size_t i = 0; i < count; i++) {
        bool known = false;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(pieces[k].name, pieces[i].name) != 0) continue;
            known = true;
            if (pieces[k].section == pieces[i].section && pieces[k].encoded == pieces[i].encoded)
                value->repeated = true;
        }
        if (!known) join(pieces, count, pieces[i].name, &value->parameters[value->count++]);
    }
}

void mime_value_read(span text, mime_value *value) {
    piece pieces[MIME_PARAMETERS_MAX];
    buf first = BUF_MAX(MIME_PARAMETER_BYTES_MAX), unquoted = BUF_MAX(MIME_HEADERS_BYTES_MAX);
    *value = (mime_value){0};
    reader r = {.rest = span_trim(text)};
    if (!at_end(&r) && peek(&r) == '"') {
        read_quoted(&r, &unquoted);
        r.rest = span_trim(buf_span(&unquoted));
    }
    skip_blanks(&r);
    read_bare(&r, ";(", &first);
    skip_blanks(&r);
    size_t count = read_pieces(&r, pieces);
    join_all(pieces, count, value);
    value->text = buf_take(&first, NULL);
    lower(value->text);
    for (size_t i = 0; i < count; i++) {
        free(pieces[i].name);
        free(pieces[i].value);
    }
    buf_free(&unquoted);
}

const char *mime_value_get(const mime_value *value, const char *name) {
    for (size_t i = 0; i < value->count; i++) {
        if (strcmp(value->parameters[i].name, name) == 0) return value->parameters[i].value;
    }
    return NULL;
}

void mime_value_free(mime_value *value) {
    for (size_t i = 0; i < value->count; i++) {
        free(value->parameters[i].name);
        free(value->parameters[i].value);
    }
    free(value->text);
    *value = (mime_value){0};
}

error *mime_boundary(const mime_value *value, span *boundary) {
    static const char allowed[] = "'()+_,-./:=? "; /* besides letters and digits */
    const char *text = mime_value_get(value, "boundary");
    if (!text) return error_new(ERROR_INVALID, "a multipart type without a boundary");
    size_t len = strlen(text);
    if (value->repeated || len == 0 || len > MIME_BOUNDARY_MAX || text[len - 1] == ' ')
        return error_new(ERROR_INVALID, "the boundary must stand once and have 1 to %d characters", MIME_BOUNDARY_MAX);
    for (size_t i = 0; i < len; i++) {
        bool plain = (unsigned char)text[i] < 0x80 && isalnum((unsigned char)text[i]);
        /* Others that some senders use and that cannot be misread are let through. */
        if (!plain && !strchr(allowed, text[i]) && !strchr("{}[]<>@#$%&*!^~|;", text[i]))
            return error_new(ERROR_INVALID, "the boundary has a character that none may have");
    }
    *boundary = span_make(text, len);
    return NULL;
}
