/* core/http/wire.c: see wire.h. */
#include "core/http/wire.h"

enum { INTERIM_MAX = 16, CHUNK_DIGITS_MAX = 15, TRAILER_BYTES_MAX = 65536 };

void wire_begin(wire *w, bool answers_head, size_t head_bytes_max) {
    *w = (wire){.head = BUF_MAX(head_bytes_max), .length = -1, .answers_head = answers_head};
}

void wire_free(wire *w) {
    buf_free(&w->head);
}

static wire_event bad(wire *w, const char *why) {
    w->why = why;
    w->keeps = false;
    w->state = AT_END;
    return WIRE_BAD;
}

static wire_event too_much(wire *w, const char *why) {
    w->beyond = true;
    return bad(w, why);
}

/* ---- the head ---- */

bool wire_next_field(span head, size_t *at, http_field *field) {
    while (*at < head.len) {
        const char *start = head.data + *at, *end = memchr(start, '\n', head.len - *at);
        span line = span_make(start, end ? (size_t)(end - start) : head.len - *at);
        bool first = *at == 0;
        *at += line.len + 1;
        const char *colon = line.len && !first ? memchr(line.data, ':', line.len) : NULL;
        if (!colon) continue;
        size_t name_len = (size_t)(colon - line.data);
        *field = (http_field){span_make(line.data, name_len), span_trim(span_make(colon + 1, line.len - name_len - 1))};
        return true;
    }
    return false;
}

/* "HTTP/1.1 200 …"; false: malformed. */
static bool read_status(wire *w, bool *old) {
    span head = buf_span(&w->head);
    uint64_t status;
    *old = span_starts(head, SPAN("HTTP/1.0 "));
    if (!*old && !span_starts(head, SPAN("HTTP/1.1 "))) return false;
    if (head.len < 13 || !span_to_u64(span_make(head.data + 9, 3), 100, 599, &status)) return false;
    if (head.data[12] != ' ' && head.data[12] != '\r' && head.data[12] != '\n') return false;
    w->status = (int)status;
    return true;
}

static bool lists(span list, span wanted) {
    span one;
    while (list.data && span_split(&list, ',', &one))
        if (http_name_equal(span_trim(one), wanted)) return true;
    return false;
}

typedef struct framing {
    bool coded, chunked, close, keep_alive, twice;
} framing;

static bool read_framing(wire *w, framing *f) {
    size_t at = 0;
    http_field field;
    while (wire_next_field(buf_span(&w->head), &at, &field)) {
        if (http_name_equal(field.name, SPAN("Transfer-Encoding"))) {
            f->twice |= f->coded;
            f->coded = true;
            f->chunked = http_name_equal(field.value, SPAN("chunked"));
        } else if (http_name_equal(field.name, SPAN("Content-Length"))) {
            uint64_t length;
            if (!span_to_u64(field.value, 0, INT64_MAX, &length)) return false;
            if (w->length >= 0 && w->length != (int64_t)length) return false;
            w->length = (int64_t)length;
        } else if (http_name_equal(field.name, SPAN("Connection"))) {
            f->close |= lists(field.value, SPAN("close"));
            f->keep_alive |= lists(field.value, SPAN("keep-alive"));
        }
    }
    return true;
}

/* RFC 9112 §6.3. */
static wire_event end_head(wire *w) {
    framing f = {.coded = false};
    bool old;
    if (!read_status(w, &old)) return bad(w, "a malformed status");
    if (w->status == 101) return bad(w, "another protocol, unasked");
    if (w->status < 200) {
        if (++w->interim > INTERIM_MAX) return too_much(w, "interim answers without end");
        buf_clear(&w->head);
        w->line_start = 0;
        return WIRE_MORE;
    }
    if (!read_framing(w, &f)) return bad(w, "a malformed Content-Length");
    if (f.coded && (!f.chunked || f.twice)) return bad(w, "an unknown Transfer-Encoding");
    w->keeps = (old ? f.keep_alive : true) && !f.close && !(f.coded && (old || w->length >= 0));
    if (f.coded) w->length = -1;
    bool bare = w->answers_head || w->status == 204 || w->status == 304;
    w->left = w->length > 0 ? (uint64_t)w->length : 0;
    if (bare || w->length == 0)
        w->state = AT_END;
    else if (f.coded)
        w->state = IN_SIZE;
    else if (w->length > 0)
        w->state = IN_LENGTH;
    else
        w->state = UNTIL_CLOSE;
    if (w->state == UNTIL_CLOSE) w->keeps = false;
    return WIRE_HEAD;
}

static bool is_blank(span line) {
    return line.len == 1 || (line.len == 2 && line.data[0] == '\r');
}

static size_t read_head(wire *w, span bytes, wire_event *event) {
    size_t done = 0;
    *event = WIRE_MORE;
    while (done < bytes.len && *event == WIRE_MORE) {
        const char *start = bytes.data + done, *end = memchr(start, '\n', bytes.len - done);
        size_t len = end ? (size_t)(end - start) + 1 : bytes.len - done;
        buf_add(&w->head, span_make(start, len));
        done += len;
        if (w->head.overflow) {
            *event = too_much(w, "a head that is too large");
        } else if (end) {
            span line = span_make(w->head.data + w->line_start, w->head.len - w->line_start);
            w->line_start = w->head.len;
            if (is_blank(line)) *event = end_head(w);
        }
    }
    return done;
}

/* ---- the body ---- */

static size_t take_piece(wire *w, span bytes, wire_event *event, span *piece) {
    size_t len = w->left < bytes.len ? (size_t)w->left : bytes.len;
    *piece = span_make(bytes.data, len);
    w->left -= len;
    *event = WIRE_BODY;
    return len;
}

/* Adds to the line what belongs to it; true when it is complete. What does not fit is only counted. */
static bool read_line(wire *w, span bytes, size_t *done) {
    const char *end = memchr(bytes.data, '\n', bytes.len);
    size_t len = end ? (size_t)(end - bytes.data) + 1 : bytes.len, room = sizeof w->line - w->line_len;
    memcpy(w->line + w->line_len, bytes.data, len < room ? len : room);
    w->line_len += len < room ? len : room;
    w->trailer_bytes += len;
    *done = len;
    return end != NULL;
}

static wire_event end_size(wire *w) {
    uint64_t size = 0;
    size_t at = 0;
    for (; at < w->line_len; at++) {
        char c = w->line[at], lower = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            size = size * 16 + (uint64_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            size = size * 16 + (uint64_t)(lower - 'a' + 10);
        else
            break;
        if (at >= CHUNK_DIGITS_MAX) return bad(w, "the size of a chunk is too large");
    }
    /* What follows the digits: an extension, blanks, the end of the line; none is looked at. */
    if (at == 0 || at == w->line_len || !strchr("; \t\r\n", w->line[at])) return bad(w, "a malformed size of a chunk");
    w->left = size;
    w->state = size ? IN_CHUNK : IN_TRAILER;
    w->line_len = 0;
    if (size) w->trailer_bytes = 0;
    return WIRE_MORE;
}

static size_t read_small(wire *w, span bytes, wire_event *event) {
    size_t done;
    *event = WIRE_MORE;
    if (!read_line(w, bytes, &done)) {
        if (w->trailer_bytes > TRAILER_BYTES_MAX) *event = too_much(w, "trailer fields or an extension without end");
        return done;
    }
    if (w->state == IN_SIZE) {
        *event = end_size(w);
    } else if (w->state == IN_CHUNK_END) {
        if (!is_blank(span_make(w->line, w->line_len))) *event = bad(w, "a chunk is longer than it says");
        w->state = *event == WIRE_BAD ? AT_END : IN_SIZE;
    } else if (is_blank(span_make(w->line, w->line_len))) {
        w->state = AT_END;
    } else if (w->trailer_bytes > TRAILER_BYTES_MAX) {
        *event = too_much(w, "trailer fields without end");
    }
    w->line_len = 0;
    return done;
}

size_t wire_read(wire *w, span bytes, wire_event *event, span *piece) {
    size_t done = 0;
    *event = WIRE_MORE;
    *piece = span_make(NULL, 0);
    while (*event == WIRE_MORE) {
        if (w->state == AT_END) {
            *event = w->why ? WIRE_BAD : WIRE_END;
            break;
        }
        span rest = span_make(bytes.data + done, bytes.len - done);
        if (rest.len == 0) break;
        switch (w->state) {
        case IN_HEAD: done += read_head(w, rest, event); break;
        case IN_LENGTH:
        case IN_CHUNK:
            done += take_piece(w, rest, event, piece);
            if (w->left == 0) w->state = w->state == IN_LENGTH ? AT_END : IN_CHUNK_END;
            break;
        case UNTIL_CLOSE:
            *piece = rest;
            *event = WIRE_BODY;
            done = bytes.len;
            break;
        default: done += read_small(w, rest, event);
        }
    }
    return done;
}

wire_event wire_close(wire *w) {
    if (w->state == UNTIL_CLOSE || (w->state == AT_END && !w->why)) return WIRE_END;
    if (w->state == IN_HEAD)
        return bad(w, w->head.len ? "it closed in the middle of the head" : "it closed without an answer");
    return bad(w, "it closed in the middle of the body");
}
