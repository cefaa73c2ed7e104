/* core/http/field.c: see field.h. */
#include "core/http/field.h"

enum { HOST_BYTES_MAX = 255 };

static bool is_alphanumeric(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static unsigned char lower(char c) {
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool http_is_token(span text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (!is_alphanumeric(c) && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c))) return false;
    }
    return text.len > 0;
}

bool http_is_field_value(span text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F) return false;
    }
    return true;
}

bool http_name_equal(span a, span b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i])) return false;
    return true;
}

static bool is_port(span text) {
    uint64_t port;
    return text.len == 0 || span_to_u64(text, 0, 65535, &port);
}

bool http_is_host(span text) {
    if (text.len == 0 || text.len > HOST_BYTES_MAX) return false;
    bool bracketed = text.data[0] == '[';
    size_t i = bracketed ? 1 : 0, first = i;
    for (; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool fits = bracketed ? (c == ':' || c == '.' || (is_alphanumeric(c) && lower((char)c) <= 'f'))
                              : (is_alphanumeric(c) || c == '.' || c == '-' || c == '_');
        if (!fits) break;
    }
    if (i == first) return false;
    if (bracketed) {
        if (i == text.len || text.data[i] != ']') return false;
        i++;
    }
    if (i == text.len) return true;
    return text.data[i] == ':' && is_port(span_make(text.data + i + 1, text.len - i - 1));
}

const http_field *http_find_field(const http_field *fields, size_t count, span name) {
    for (size_t i = 0; i < count; i++)
        if (http_name_equal(fields[i].name, name)) return &fields[i];
    return NULL;
}

bool http_takes_gzip(span accepted) {
    span item;
    while (accepted.data && span_split(&accepted, ',', &item)) {
        span rest = item, coding, parameter;
        span_split(&rest, ';', &coding);
        coding = span_trim(coding);
        bool refused = false;
        while (rest.data && span_split(&rest, ';', &parameter)) {
            parameter = span_trim(parameter);
            refused |= span_is(parameter, "q=0") || span_is(parameter, "q=0.0") || span_is(parameter, "q=0.00") ||
                       span_is(parameter, "q=0.000");
        }
        if (http_name_equal(coding, SPAN("gzip")) || span_is(coding, "*")) return !refused;
    }
    return false;
}
