/* core/flow/template.c: see template.h. */
#include "core/flow/template.h"

#include <stdio.h>

enum { NAME_MAX_BYTES = 128 };

/* The value of a dotted name as text in `number` or as borrowed span; {NULL,0} when there is none. */
static span look_up(const json_t *variables, span name, char *number, size_t room) {
    span part;
    const json_t *at = variables;
    while (at && span_split(&name, '.', &part))
        at = json_object_getn(at, part.data, part.len);
    if (json_is_string(at)) return span_make(json_string_value(at), json_string_length(at));
    if (!json_is_integer(at)) return (span){NULL, 0};
    snprintf(number, room, "%lld", (long long)json_integer_value(at));
    return span_of(number);
}

static void add_value(buf *out, span value, bool starts_part, bool keeps_slashes) {
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        bool slash = c == '/' && keeps_slashes;
        bool bad = c < 0x20 || c == 0x7F || (c == '/' && !slash) || c == '\\' || (c == '.' && starts_part);
        buf_add_char(out, bad ? '_' : (char)c);
        starts_part = slash;
    }
}

/* "{path...}" is a path of several parts, as routes write it. */
static bool is_whole_path(span *name) {
    if (name->len < 4 || memcmp(name->data + name->len - 3, "...", 3) != 0) return false;
    name->len -= 3;
    return true;
}

/* Splits "text{name}rest"; false when no variable follows any more. */
static bool next_variable(span *rest, span *text, span *name, error **err) {
    const char *open = rest->len ? memchr(rest->data, '{', rest->len) : NULL;
    *err = NULL;
    if (!open) {
        *text = *rest;
        return false;
    }
    size_t before = (size_t)(open - rest->data);
    const char *close = memchr(open, '}', rest->len - before);
    *text = span_make(rest->data, before);
    if (!close || close == open + 1 || close - open > NAME_MAX_BYTES) {
        *err = error_new(ERROR_INVALID, "a brace at byte %zu does not enclose a variable's name", before);
        return false;
    }
    *name = span_make(open + 1, (size_t)(close - open - 1));
    *rest = span_make(close + 1, rest->len - (size_t)(close + 1 - rest->data));
    return true;
}

error *template_expand(const char *template, const json_t *variables, buf *out) {
    span rest = span_of(template), text, name;
    char number[24];
    error *err;
    while (next_variable(&rest, &text, &name, &err)) {
        buf_add(out, text);
        bool whole = is_whole_path(&name);
        span value = look_up(variables, name, number, sizeof number);
        if (!value.data || value.len == 0)
            return error_new(ERROR_INVALID, "\"%s\" needs the variable \"%.*s\", which has no value here", template,
                (int)name.len, name.data);
        add_value(out, value, out->len == 0 || out->data[out->len - 1] == '/', whole);
    }
    if (err) return err;
    buf_add(out, text);
    return buf_check(out, "a path");
}

error *template_check(const char *template) {
    span rest = span_of(template), text, name;
    error *err;
    while (next_variable(&rest, &text, &name, &err))
        continue;
    return err;
}
