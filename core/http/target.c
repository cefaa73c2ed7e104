/* core/http/target.c: see target.h. */
#include "core/http/target.h"

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

/* Undoes percent-encoding of `raw` into `out`, which holds at least raw.len bytes. False for a percent sign without two
 * hexadecimal digits. */
static bool percent_decode(span raw, bool plus_is_blank, char *out, size_t *out_len) {
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.data[i];
        if (c == '%') {
            int high = i + 2 < raw.len ? hex_value(raw.data[i + 1]) : -1;
            int low = i + 2 < raw.len ? hex_value(raw.data[i + 2]) : -1;
            if (high < 0 || low < 0) return false;
            out[len++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[len++] = plus_is_blank && c == '+' ? ' ' : c;
        }
    }
    *out_len = len;
    return true;
}

static bool has_control(span text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7F) return true;
    return false;
}

/* Does a part between slashes, encoded ones too, climb or stand still? */
static bool has_dot_part(span segment) {
    span part;
    while (span_split(&segment, '/', &part)) {
        if (span_is(part, ".") || span_is(part, "..")) return true;
    }
    return false;
}

/* One segment of the path, between slashes, decoded at the end of `path`. */
static const char *add_segment(span raw, bool encoded_slash, char *path, size_t *path_len) {
    size_t len;
    if (!percent_decode(raw, false, path + *path_len, &len)) return "malformed percent-encoding in the path";
    span segment = span_make(path + *path_len, len);
    /* A slash that was encoded would look like a separator to whoever reads the decoded path. */
    if (memchr(segment.data, '\\', len) || (!encoded_slash && memchr(segment.data, '/', len)))
        return "encoded slash or backslash in the path";
    if (has_dot_part(segment)) return "dot segment in the path";
    *path_len += len;
    return NULL;
}

static const char *parse_path(span raw, bool encoded_slash, char *room, span *path, size_t *used) {
    if (raw.len == 0 || raw.data[0] != '/') return "the path does not start with a slash";
    span rest = span_make(raw.data + 1, raw.len - 1);
    size_t len = 0;
    for (bool last = false; !last;) {
        const char *slash = rest.len ? memchr(rest.data, '/', rest.len) : NULL;
        span segment = slash ? span_make(rest.data, (size_t)(slash - rest.data)) : rest;
        last = !slash;
        if (segment.len == 0 && !last) return "empty segment in the path";
        room[len++] = '/';
        const char *why = add_segment(segment, encoded_slash, room, &len);
        if (why) return why;
        if (!last) rest = span_make(slash + 1, rest.len - segment.len - 1);
    }
    *path = span_make(room, len);
    *used = len;
    if (has_control(*path)) return "control character in the path";
    if (!span_is_utf8(*path)) return "the path is not UTF-8";
    return NULL;
}

size_t http_target_parameters(span raw) {
    size_t count = 1;
    for (size_t i = 0; i < raw.len; i++)
        count += raw.data[i] == '&';
    return count > HTTP_PARAMETERS_MAX ? HTTP_PARAMETERS_MAX : count;
}

static const char *decode_text(span raw, char *room, size_t *used, span *out) {
    size_t len;
    if (!percent_decode(raw, true, room + *used, &len)) return "malformed percent-encoding in the query";
    *out = span_make(room + *used, len);
    *used += len;
    if (memchr(out->data, '\0', len)) return "NUL in the query";
    if (!span_is_utf8(*out)) return "the query is not UTF-8";
    return NULL;
}

static const char *parse_query(span query, char *room, size_t used, http_field *parameters, size_t *count) {
    span rest = query, part;
    *count = 0;
    while (span_split(&rest, '&', &part)) {
        if (part.len == 0) continue;
        if (*count == HTTP_PARAMETERS_MAX) return "too many query parameters";
        const char *equals = memchr(part.data, '=', part.len);
        size_t name_len = equals ? (size_t)(equals - part.data) : part.len;
        http_field *parameter = &parameters[*count];
        const char *why = decode_text(span_make(part.data, name_len), room, &used, &parameter->name);
        span value = equals ? span_make(equals + 1, part.len - name_len - 1) : span_make(part.data + part.len, 0);
        if (!why) why = decode_text(value, room, &used, &parameter->value);
        if (why) return why;
        (*count)++;
    }
    return NULL;
}

/* Takes "http://authority" off the front of `raw`. */
static void split_absolute_form(span *raw, span *authority) {
    *authority = span_make(NULL, 0);
    size_t scheme = 0;
    if (raw->len > 7 && http_name_equal(span_make(raw->data, 7), SPAN("http://"))) scheme = 7;
    if (raw->len > 8 && http_name_equal(span_make(raw->data, 8), SPAN("https://"))) scheme = 8;
    if (scheme == 0) return;
    size_t end = scheme;
    while (end < raw->len && raw->data[end] != '/' && raw->data[end] != '?')
        end++;
    *authority = span_make(raw->data + scheme, end - scheme);
    *raw = span_make(raw->data + end, raw->len - end);
}

const char *http_target_parse(span raw, bool encoded_slash, char *room, http_field *parameters, http_target *out) {
    *out = (http_target){.path = SPAN("*")};
    if (raw.len == 0) return "the request has no target";
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.data[i];
        if (c <= 0x20 || c >= 0x7F || c == '\\' || c == '#') return "character in the target that must be encoded";
    }
    if (span_is(raw, "*")) return NULL;
    split_absolute_form(&raw, &out->authority);
    const char *question = raw.len ? memchr(raw.data, '?', raw.len) : NULL;
    span path = question ? span_make(raw.data, (size_t)(question - raw.data)) : raw;
    out->query = question ? span_make(question + 1, raw.len - path.len - 1) : span_make("", 0);
    if (out->authority.data && path.len == 0) path = SPAN("/"); /* RFC 9110 §4.2.3 */
    size_t used = 0;
    const char *why = parse_path(path, encoded_slash, room, &out->path, &used);
    if (!why && out->query.len) why = parse_query(out->query, room, used, parameters, &out->parameter_count);
    return why;
}
