/* core/base/mime_multipart.c: the splitter and the readers on top; see mime_multipart.h. */
#include "core/base/mime_multipart.h"

#include "core/base/memory.h"

#include <stdlib.h>

enum { PADDING_MAX = 128, DELIMITER_MAX = 2 + MIME_BOUNDARY_MAX, LINE_MAX_BYTES = DELIMITER_MAX + 2 + PADDING_MAX };

typedef enum place {
    LINE_START, /* what follows may be a delimiter; `line` holds what matched so far */
    TAIL,       /* behind a whole delimiter: "--", blanks, line end, or it was none */
    IN_LINE,
    AFTER_CR, /* the piece before ended with CR, which is in `newline` */
    EPILOGUE
} place;

struct mime_multipart {
    mime_part_handler handler;
    char delimiter[DELIMITER_MAX];
    size_t delimiter_len;
    place place;
    char newline[2]; /* the line end before `line`, the delimiter's if it is one */
    size_t newline_len;
    char line[LINE_MAX_BYTES];
    size_t line_len, parts;
    bool in_part;
};

error *mime_multipart_new(span boundary, unsigned depth, const mime_part_handler *handler, mime_multipart **out) {
    if (boundary.len == 0 || boundary.len > MIME_BOUNDARY_MAX)
        return error_new(ERROR_INVALID, "a boundary must have 1 to %d characters", MIME_BOUNDARY_MAX);
    if (depth >= MIME_DEPTH_MAX) return error_new(ERROR_LIMIT, "multipart bodies are nested too deep");
    mime_multipart *m = xcalloc(1, sizeof *m);
    m->handler = *handler;
    memcpy(m->delimiter, "--", 2);
    memcpy(m->delimiter + 2, boundary.data, boundary.len);
    m->delimiter_len = 2 + boundary.len;
    *out = m;
    return NULL;
}

static error *emit(mime_multipart *m, const char *from, const char *to) {
    if (!m->in_part || to <= from) return NULL;
    return m->handler.bytes(m->handler.context, span_make(from, (size_t)(to - from)));
}

/* What looked like the beginning of a delimiter was not: it is the part's. */
static error *release(mime_multipart *m) {
    error *err = emit(m, m->newline, m->newline + m->newline_len);
    if (!err) err = emit(m, m->line, m->line + m->line_len);
    m->newline_len = m->line_len = 0;
    m->place = IN_LINE;
    return err;
}

static error *end_part(mime_multipart *m) {
    if (!m->in_part) return NULL;
    m->in_part = false;
    return m->handler.ends(m->handler.context, m->parts - 1);
}

static error *take_delimiter(mime_multipart *m) {
    bool closing = m->line_len >= m->delimiter_len + 2 && memcmp(m->line + m->delimiter_len, "--", 2) == 0;
    m->newline_len = m->line_len = 0;
    error *err = end_part(m);
    if (err) return err;
    m->place = closing ? EPILOGUE : LINE_START;
    if (closing) return NULL;
    if (m->parts == MIME_PARTS_MAX)
        return error_new(ERROR_LIMIT, "a multipart body of more than %d parts", MIME_PARTS_MAX);
    m->in_part = true;
    return m->handler.begins(m->handler.context, m->parts++);
}

/* May `c` stand behind a delimiter, at this place of `line`? */
static bool is_tail(const mime_multipart *m, char c) {
    size_t at = m->line_len - m->delimiter_len;
    if (c == '-') return at == 0 || (at == 1 && m->line[m->line_len - 1] == '-');
    if (at == 1 && m->line[m->line_len - 1] == '-') return false; /* one dash alone */
    if (at > 0 && m->line[m->line_len - 1] == '\r') return false;
    return c == ' ' || c == '\t' || c == '\r';
}

/* One byte where a delimiter is possible; *taken is false when it is the first of plain content. */
static error *slow_byte(mime_multipart *m, char c, bool *taken) {
    *taken = true;
    if (m->place == LINE_START && c == m->delimiter[m->line_len]) {
        m->line[m->line_len++] = c;
        if (m->line_len == m->delimiter_len) m->place = TAIL;
        return NULL;
    }
    if (m->place == TAIL && c == '\n') {
        bool one_dash = m->line_len == m->delimiter_len + 1 && m->line[m->line_len - 1] == '-';
        if (!one_dash) return take_delimiter(m);
    } else if (m->place == TAIL && m->line_len < LINE_MAX_BYTES && is_tail(m, c)) {
        m->line[m->line_len++] = c;
        return NULL;
    }
    *taken = false;
    return release(m);
}

/* Content from `at`, whole lines at a time; stops at the end or where a delimiter may begin, with the line end before
 * that kept back. Returns where it stopped. */
static error *fast_lines(mime_multipart *m, const char **at, const char *end) {
    const char *run = *at, *p = *at;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        if (!newline) break;
        p = newline + 1;
        size_t left = (size_t)(end - p);
        size_t compare = left < m->delimiter_len ? left : m->delimiter_len;
        if (memcmp(p, m->delimiter, compare) != 0) continue;
        m->newline_len = newline > run && newline[-1] == '\r' ? 2 : 1;
        memcpy(m->newline, p - m->newline_len, m->newline_len);
        m->place = LINE_START;
        *at = p;
        return emit(m, run, p - m->newline_len);
    }
    *at = end;
    bool cr = end > run && end[-1] == '\r';
    if (cr) {
        m->newline[0] = '\r';
        m->newline_len = 1;
        m->place = AFTER_CR;
    }
    return emit(m, run, end - cr);
}

error *mime_multipart_write(mime_multipart *m, span piece) {
    const char *p = piece.data, *end = piece.data + piece.len;
    error *err = NULL;
    while (!err && p < end && m->place != EPILOGUE) {
        if (m->place == IN_LINE) {
            err = fast_lines(m, &p, end);
        } else if (m->place == AFTER_CR && *p == '\n') {
            m->newline[m->newline_len++] = *p++;
            m->place = LINE_START;
        } else if (m->place == AFTER_CR) {
            err = release(m);
        } else {
            bool taken;
            err = slow_byte(m, *p, &taken);
            p += taken;
        }
    }
    return err;
}

error *mime_multipart_finish(mime_multipart *m) {
    error *err = NULL;
    bool closing =
        m->place == TAIL && m->line_len >= m->delimiter_len + 2 && memcmp(m->line + m->delimiter_len, "--", 2) == 0;
    if (closing) err = take_delimiter(m);
    if (err) return err;
    if (m->parts == 0) return error_new(ERROR_INVALID, "the boundary does not stand in the multipart body");
    if (m->place != EPILOGUE) return error_new(ERROR_INVALID, "the multipart body has no final boundary");
    return NULL;
}

size_t mime_multipart_count(const mime_multipart *m) {
    return m->parts;
}

void mime_multipart_free(mime_multipart *m) {
    free(m);
}

/* ---- entity */

struct mime_entity {
    mime_entity_handler handler;
    mime_care care;
    mime_headers *headers;
    mime_decoder *decoder; /* from the end of the header on */
};

mime_entity *mime_entity_new(mime_care care, const mime_entity_handler *handler) {
    mime_entity *entity = xcalloc(1, sizeof *entity);
    entity->handler = *handler;
    entity->care = care;
    entity->headers = mime_headers_new();
    return entity;
}

static error *start_body(mime_entity *entity) {
    span value = mime_headers_get(entity->headers, "Content-Transfer-Encoding");
    mime_encoding encoding = mime_encoding_named(value);
    if (encoding == MIME_UNKNOWN)
        return error_new(ERROR_UNSUPPORTED, "the transfer encoding %.*s is not known",
            (int)(value.len < 40 ? value.len : 40), value.data);
    sink to = {.write = entity->handler.body, .context = entity->handler.context};
    entity->decoder = mime_decoder_new(encoding, entity->care, &to);
    return entity->handler.headers ? entity->handler.headers(entity->handler.context, entity->headers) : NULL;
}

error *mime_entity_write(mime_entity *entity, span piece) {
    bool complete = entity->decoder != NULL;
    error *err = NULL;
    if (!complete) {
        err = mime_headers_take(entity->headers, &piece, &complete);
        if (!err && complete) err = start_body(entity);
    }
    if (err || piece.len == 0) return err;
    return mime_decoder_write(entity->decoder, piece);
}

error *mime_entity_finish(mime_entity *entity) {
    if (!entity->decoder) return error_new(ERROR_INVALID, "a MIME part without an end of its header");
    return mime_decoder_finish(entity->decoder);
}

const mime_headers *mime_entity_headers(const mime_entity *entity) {
    return entity->headers;
}

void mime_entity_free(mime_entity *entity) {
    if (!entity) return;
    mime_headers_free(entity->headers);
    mime_decoder_free(entity->decoder);
    free(entity);
}

/* ---- multipart/signed */

struct mime_signed {
    sink content;
    mime_multipart *parts;
    mime_entity *second;
    size_t index;
    buf signature;
};

static error *add_signature(void *context, span piece) {
    mime_signed *reader = context;
    buf_add(&reader->signature, piece);
    return buf_check(&reader->signature, "the signature");
}

static error *signed_begins(void *context, size_t index) {
    mime_signed *reader = context;
    reader->index = index;
    return index < 2 ? NULL : error_new(ERROR_INVALID, "multipart/signed with more than two parts");
}

static error *signed_bytes(void *context, span piece) {
    mime_signed *reader = context;
    return reader->index == 0 ? sink_write(&reader->content, piece) : mime_entity_write(reader->second, piece);
}

static error *signed_ends(void *context, size_t index) {
    mime_signed *reader = context;
    return index == 1 ? mime_entity_finish(reader->second) : NULL;
}

error *mime_signed_new(span boundary, unsigned depth, const sink *content, mime_signed **out) {
    mime_signed *reader = xcalloc(1, sizeof *reader);
    mime_part_handler parts = {.begins = signed_begins, .bytes = signed_bytes, .ends = signed_ends, .context = reader};
    mime_entity_handler second = {.body = add_signature, .context = reader};
    reader->content = *content;
    reader->signature = BUF_MAX(MIME_SIGNATURE_MAX);
    reader->second = mime_entity_new(MIME_STRICT, &second);
    error *err = mime_multipart_new(boundary, depth, &parts, &reader->parts);
    if (err) {
        mime_signed_free(reader);
        return err;
    }
    *out = reader;
    return NULL;
}

error *mime_signed_write(mime_signed *reader, span piece) {
    return mime_multipart_write(reader->parts, piece);
}

error *mime_signed_finish(mime_signed *reader, span *signature) {
    error *err = mime_multipart_finish(reader->parts);
    if (!err && mime_multipart_count(reader->parts) != 2)
        err = error_new(ERROR_INVALID, "multipart/signed without a signature part");
    if (!err) *signature = buf_span(&reader->signature);
    return err;
}

void mime_signed_free(mime_signed *reader) {
    if (!reader) return;
    mime_multipart_free(reader->parts);
    mime_entity_free(reader->second);
    buf_free(&reader->signature);
    free(reader);
}

/* ---- canonical text */

error *mime_crlf_write(mime_crlf *filter, span piece) {
    error *err = NULL;
    size_t from = 0;
    for (size_t i = 0; !err && i < piece.len && !filter->passed; i++) {
        bool end = piece.data[i] == '\n';
        if (end && filter->last != '\r') {
            err = sink_write(&filter->to, span_make(piece.data + from, i - from));
            if (!err) err = sink_write(&filter->to, SPAN("\r"));
            from = i;
        }
        filter->last = piece.data[i];
        filter->passed = filter->header_only && end && !filter->in_line;
        if (piece.data[i] != '\r') filter->in_line = !end;
    }
    return err ? err : sink_write(&filter->to, span_make(piece.data + from, piece.len - from));
}
