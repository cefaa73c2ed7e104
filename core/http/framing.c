/* core/http/framing.c: see framing.h. */
#include "core/http/framing.h"

enum { TRAILERS_MAX = 32, CHUNK_LINE_BYTES_MAX = 4096, CHUNK_DIGITS_MAX = 16 };

/* Fields that one request may carry once only: a second one is a disagreement waiting to happen. */
static const char *const single_fields[] = {"Host", "Content-Length", "Transfer-Encoding", "Content-Type",
    "Content-Encoding", "Authorization", "Expect", "Idempotency-Key", "AS2-Version", "Message-ID"};

static int refuse(int status, const char *reason, const char **why) {
    *why = reason;
    return status;
}

/* A line that the library cut at its CRLF ends in the two NULs it put there; a bare LF leaves one. */
static bool ends_line(const char *end, const char *next) {
    return end[0] == '\0' && end[1] == '\0' && next == end + 2;
}

/* Does a field lie at `at` in the form name ":" blanks value CRLF? Returns where the next line starts, or NULL. */
static const char *next_line(const http_field *field, const char *at) {
    if (field->name.data != at || field->name.data[field->name.len] != '\0') return NULL;
    const char *colon = field->name.data + field->name.len, *value = field->value.data;
    if (value <= colon) return NULL;
    for (const char *blank = colon + 1; blank < value; blank++)
        if (*blank != ' ' && *blank != '\t') return NULL;
    const char *end = value + field->value.len;
    return ends_line(end, end + 2) ? end + 2 : NULL;
}

static bool lies_as_sent(const http_head *head) {
    if (head->target.data != head->method.data + head->method.len + 1) return false;
    if (head->version != head->target.data + head->target.len + 1) return false;
    const char *at = head->version + 8;
    if (!ends_line(at, at + 2)) return false;
    at += 2;
    for (size_t i = 0; i < head->field_count; i++) {
        at = next_line(&head->fields[i], at);
        if (!at) return false;
    }
    return ends_line(at, head->method.data + head->size);
}

/* The library appended the continuation to the name; the lines themselves still lie in the buffer. Both tell the same,
 * or nothing is joined. Returns the end of the value, or NULL. */
static char *join_lines(char *end, const char *limit, span tail) {
    while (end + 2 < limit && (end[2] == ' ' || end[2] == '\t')) {
        char *text = end + 2;
        while (*text == ' ' || *text == '\t')
            text++;
        size_t len = strnlen(text, (size_t)(limit - text));
        if (tail.len < len || memcmp(tail.data, text, len) != 0) return NULL;
        if (text + len + 2 > limit || !ends_line(text + len, text + len + 2)) return NULL;
        tail = span_make(tail.data + len, tail.len - len);
        end[0] = end[1] = ' ';
        end = text + len;
    }
    return tail.len == 0 ? end : NULL;
}

static bool may_be_folded(span name) {
    static const char *const never[] = {"Host", "Content-Length", "Transfer-Encoding", "Expect", "Connection"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (http_name_equal(name, span_of(never[i]))) return false;
    return true;
}

/* The library moved the name to where it had room for the continuation, and cleared the place that it left. */
static size_t cleared_name(const char *at, const char *value) {
    size_t nuls = 0;
    while (at + nuls < value && at[nuls] == '\0')
        nuls++;
    return nuls > 1 ? nuls - 1 : 0; /* the last one was the colon */
}

void http_framing_unfold(const http_head *head, http_field *fields) {
    const char *limit = head->method.data + head->size, *at = head->version + 10;
    for (size_t i = 0; i < head->field_count && at < limit; i++) {
        http_field *field = &fields[i];
        const char *value = field->value.data, *value_end = value + field->value.len;
        if (value <= at || value_end + 2 > limit) return;
        size_t len = *at == '\0' ? cleared_name(at, value) : 0;
        if (len > 0) {
            if (field->name.len <= len || !ends_line(value_end, value_end + 2)) return;
            span name = span_make(field->name.data, len), tail = span_make(name.data + len, field->name.len - len);
            if (!may_be_folded(name)) return;
            value_end = join_lines((char *)(uintptr_t)value_end, limit, tail);
            if (!value_end) return;
            memcpy((char *)(uintptr_t)at, name.data, len);
            *field = (http_field){span_make(at, len), span_make(value, (size_t)(value_end - value))};
        }
        at = value_end + 2;
    }
}

static const http_field *find_single(const http_head *head, const char *name, bool *twice) {
    const http_field *found = NULL;
    for (size_t i = 0; i < head->field_count; i++) {
        if (!http_name_equal(head->fields[i].name, span_of(name))) continue;
        if (found) *twice = true;
        found = found ? found : &head->fields[i];
    }
    return found;
}

static int check_fields(const http_head *head, const char **why) {
    for (size_t i = 0; i < head->field_count; i++) {
        if (!http_is_token(head->fields[i].name)) return refuse(400, "malformed name of a header field", why);
        if (!http_is_field_value(head->fields[i].value)) return refuse(400, "control character in a header field", why);
    }
    for (size_t i = 0; i < sizeof single_fields / sizeof *single_fields; i++) {
        bool twice = false;
        (void)find_single(head, single_fields[i], &twice);
        if (twice) return refuse(400, "a header field that may stand once stands twice", why);
    }
    return 0;
}

static int check_body(const http_head *head, bool old, http_framing *out, const char **why) {
    const http_field *length = http_find_field(head->fields, head->field_count, SPAN("Content-Length"));
    const http_field *coding = http_find_field(head->fields, head->field_count, SPAN("Transfer-Encoding"));
    if (length && coding) return refuse(400, "both Content-Length and Transfer-Encoding", why);
    if (coding) {
        if (old) return refuse(400, "Transfer-Encoding in an HTTP/1.0 request", why);
        if (!http_name_equal(coding->value, SPAN("chunked"))) return refuse(501, "unknown Transfer-Encoding", why);
        out->chunked = true;
    }
    if (length && !span_to_u64(length->value, 0, INT64_MAX, &out->length))
        return refuse(400, "malformed Content-Length", why);
    const http_field *expect = http_find_field(head->fields, head->field_count, SPAN("Expect"));
    if (expect && !http_name_equal(expect->value, SPAN("100-continue")))
        return refuse(417, "an expectation that cannot be met", why);
    out->expects_continue = expect && !old;
    return 0;
}

int http_framing_check(const http_head *head, http_framing *out, const char **why) {
    *out = (http_framing){.host = span_make(NULL, 0)};
    bool old = strcmp(head->version, "HTTP/1.0") == 0;
    if (!old && strcmp(head->version, "HTTP/1.1") != 0) return refuse(505, "this server speaks HTTP/1.1", why);
    if (head->method.len > HTTP_METHOD_BYTES_MAX || !http_is_token(head->method))
        return refuse(501, "malformed method", why);
    if (head->field_count > HTTP_FIELDS_MAX) return refuse(431, "too many header fields", why);
    if (!lies_as_sent(head))
        return refuse(400, "malformed request: lines must end in CRLF and must not be folded", why);
    int status = check_fields(head, why);
    if (status) return status;
    const http_field *host = http_find_field(head->fields, head->field_count, SPAN("Host"));
    if (!host && !old) return refuse(400, "the Host header field is missing", why);
    if (host && !http_is_host(host->value)) return refuse(400, "malformed Host header field", why);
    if (host) out->host = host->value;
    /* Every other method is the routes' business: 405 says what is allowed (RFC 9110 §15.5.6). This is no tunnel. */
    if (span_is(head->method, "CONNECT")) return refuse(501, "unknown method", why);
    return check_body(head, old, out, why);
}

bool http_trailers_fit(const http_field *fields, size_t count) {
    if (count > TRAILERS_MAX) return false;
    for (size_t i = 0; i < count; i++) {
        if (!http_is_token(fields[i].name) || !http_is_field_value(fields[i].value)) return false;
        const char *next = next_line(&fields[i], fields[i].name.data);
        if (!next || (i + 1 < count && fields[i + 1].name.data != next)) return false;
    }
    return true;
}

bool http_chunk_line_fits(const char *base, const char *data) {
    if (data - base < 3) return false; /* one digit and CRLF */
    if (data[-1] != '\n' || data[-2] != '\r') return false;
    const char *end = data - 2, *start = end;
    while (start > base && start[-1] != '\n')
        start--;
    /* The line before is the CRLF that ended the previous chunk. */
    if (start - base >= 2 && start[-2] != '\r') return false;
    if (end - start > CHUNK_LINE_BYTES_MAX) return false;
    span line = span_make(start, (size_t)(end - start));
    size_t digits = 0;
    while (digits < line.len && strchr("0123456789abcdefABCDEF", line.data[digits]) && line.data[digits])
        digits++;
    if (digits == 0 || digits > CHUNK_DIGITS_MAX) return false;
    span extension = span_make(line.data + digits, line.len - digits);
    return extension.len == 0 || (extension.data[0] == ';' && http_is_field_value(extension));
}
