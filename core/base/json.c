/* core/base/json.c: see json.h. */
#include "core/base/json.h"

#include "core/base/memory.h"

#include <stdlib.h>

/* jansson bounds its own recursion at 2048; ours is tighter and checked before, on the text, so that no deep tree is
 * ever built. */
static error *check_depth(span text) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (in_string) {
            if (c == '\\') i++;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return error_at(
                    error_new(ERROR_LIMIT, "JSON is nested deeper than %d levels", JSON_DEPTH_MAX), "byte %zu", i);
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return NULL;
}

error *json_parse(span text, json_t **value) {
    json_error_t fault;
    *value = NULL;
    error *err = check_depth(text);
    if (err) return err;
    *value = json_loadb(text.data ? text.data : "", text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (*value) return NULL;
    const char *told =
        json_error_code(&fault) == json_error_null_character ? "a text holds a NUL (\\u0000)" : fault.text;
    return error_at(
        error_new(ERROR_INVALID, "not valid JSON at line %d, column %d: %s", fault.line, fault.column, told),
        "line %d, column %d", fault.line, fault.column);
}

char *json_text(const json_t *value, bool canonical) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | (canonical ? JSON_SORT_KEYS : 0));
    return text ? text : xstrdup("null");
}

char *json_pretty(const json_t *value) {
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    return text ? text : xstrdup("null");
}

static size_t plain_length(span text) {
    size_t len = 0;
    while (len < text.len && (unsigned char)text.data[len] >= 0x20 && text.data[len] != '"' && text.data[len] != '\\')
        len++;
    return len;
}

void json_add_string(buf *out, span text) {
    json_t *mended = span_is_utf8(text) ? NULL : json_from_span(text);
    if (mended) text = span_make(json_string_value(mended), json_string_length(mended));
    buf_add_char(out, '"');
    for (;;) {
        size_t plain = plain_length(text);
        buf_add(out, span_make(text.data, plain));
        if (plain == text.len) break;
        unsigned char c = (unsigned char)text.data[plain];
        if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_add(out, span_make((const char[]){'\\', (char)c}, 2));
        text = span_make(text.data + plain + 1, text.len - plain - 1);
    }
    buf_add_char(out, '"');
    json_decref(mended);
}

const char *json_get_text(const json_t *object, const char *key, const char *fallback) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : fallback;
}

span json_get_span(const json_t *object, const char *key) {
    const json_t *member = json_object_get(object, key);
    return json_is_string(member) ? span_make(json_string_value(member), json_string_length(member)) : (span){NULL, 0};
}

int64_t json_get_integer(const json_t *object, const char *key, int64_t fallback) {
    const json_t *member = json_object_get(object, key);
    return json_is_integer(member) ? (int64_t)json_integer_value(member) : fallback;
}

bool json_get_bool(const json_t *object, const char *key, bool fallback) {
    const json_t *member = json_object_get(object, key);
    return json_is_boolean(member) ? json_boolean_value(member) : fallback;
}

json_t *json_get_object(const json_t *object, const char *key) {
    json_t *member = json_object_get(object, key);
    return json_is_object(member) ? member : NULL;
}

json_t *json_get_array(const json_t *object, const char *key) {
    json_t *member = json_object_get(object, key);
    return json_is_array(member) ? member : NULL;
}

bool json_lists(const json_t *array, const char *text) {
    for (size_t i = 0; i < json_array_size(array) && text; i++) {
        const json_t *item = json_array_get(array, i);
        if (json_is_string(item) && strcmp(json_string_value(item), text) == 0) return true;
    }
    return false;
}

json_t *json_from_span(span text) {
    if (!text.data) text = SPAN("");
    if (span_is_utf8(text)) return json_stringn_nocheck(text.data, text.len);
    buf clean = BUF_MAX(SIZE_MAX / 4);
    for (size_t i = 0; i < text.len;) {
        size_t n = 1;
        while (n < 4 && i + n < text.len && !span_is_utf8(span_make(text.data + i, n)))
            n++;
        if (span_is_utf8(span_make(text.data + i, n))) {
            buf_add(&clean, span_make(text.data + i, n));
            i += n;
        } else {
            buf_add(&clean, SPAN("\xEF\xBF\xBD"));
            i++;
        }
    }
    json_t *value = json_stringn_nocheck(buf_text(&clean), clean.len);
    buf_free(&clean);
    return value;
}

void json_put_span(json_t *object, const char *key, span text) {
    if (text.data) json_object_set_new_nocheck(object, key, json_from_span(text));
}

void json_put_text(json_t *object, const char *key, const char *text) {
    json_put_span(object, key, span_of(text));
}
