/* core/worker/head.c: see head.h. */
#include "core/worker/head.h"

#include <endian.h>
#include <string.h>

enum { COUNT_BYTES = 4, NUMBER_BYTES = 8 };

/* ---- writing ---- */

static size_t text_size(size_t len) {
    return COUNT_BYTES + len;
}

/* Recursion is bounded: what is written here was read by jansson, by head_read, or made by us. */
size_t head_size(const json_t *value) {
    size_t size = 1, i;
    const char *name;
    size_t len;
    json_t *member;
    switch (json_typeof(value)) {
    case JSON_STRING: return size + text_size(json_string_length(value));
    case JSON_INTEGER:
    case JSON_REAL: return size + NUMBER_BYTES;
    case JSON_ARRAY:
        size += COUNT_BYTES;
        json_array_foreach(value, i, member) size += head_size(member);
        return size;
    case JSON_OBJECT:
        size += COUNT_BYTES;
        json_object_keylen_foreach((json_t *)(uintptr_t)value, name, len, member) size +=
            text_size(len) + head_size(member);
        return size;
    default: return size;
    }
}

static char *write_count(char *at, size_t count) {
    uint32_t value = htole32((uint32_t)count);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static char *write_text(char *at, const char *text, size_t len) {
    at = write_count(at, len);
    memcpy(at, text, len);
    return at + len;
}

static char *write_number(char *at, uint64_t bits) {
    bits = htole64(bits);
    memcpy(at, &bits, sizeof bits);
    return at + sizeof bits;
}

static char *write_real(char *at, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return write_number(at, bits);
}

char *head_write(char *at, const json_t *value) {
    static const char kinds[] = {[JSON_OBJECT] = 'o',
        [JSON_ARRAY] = 'a',
        [JSON_STRING] = 's',
        [JSON_INTEGER] = 'i',
        [JSON_REAL] = 'r',
        [JSON_TRUE] = 't',
        [JSON_FALSE] = 'f',
        [JSON_NULL] = 'n'};
    const char *name;
    size_t len, i;
    json_t *member;
    *at++ = kinds[json_typeof(value)];
    switch (json_typeof(value)) {
    case JSON_STRING: return write_text(at, json_string_value(value), json_string_length(value));
    case JSON_INTEGER: return write_number(at, (uint64_t)json_integer_value(value));
    case JSON_REAL: return write_real(at, json_real_value(value));
    case JSON_ARRAY:
        at = write_count(at, json_array_size(value));
        json_array_foreach(value, i, member) at = head_write(at, member);
        return at;
    case JSON_OBJECT:
        at = write_count(at, json_object_size(value));
        json_object_keylen_foreach((json_t *)(uintptr_t)value, name, len, member) {
            at = write_text(at, name, len);
            at = head_write(at, member);
        }
        return at;
    default: return at;
    }
}

/* ---- reading ---- */

typedef struct reader {
    span rest;
    int depth;
    const char *fault; /* static text; NULL while all is well */
} reader;

static json_t *fail(reader *r, const char *words) {
    if (!r->fault) r->fault = words;
    return NULL;
}

/* The next bytes; {NULL,0} when there are fewer. */
static span take(reader *r, size_t len) {
    if (r->rest.len < len) {
        fail(r, "it ends too early");
        return span_make(NULL, 0);
    }
    span taken = span_make(r->rest.data, len);
    r->rest = span_make(r->rest.data + len, r->rest.len - len);
    return taken;
}

static bool take_count(reader *r, size_t *count) {
    uint32_t value;
    span bytes = take(r, sizeof value);
    if (!bytes.data) return false;
    memcpy(&value, bytes.data, sizeof value);
    *count = le32toh(value);
    return true;
}

static bool take_text(reader *r, span *text) {
    size_t len;
    if (!take_count(r, &len)) return false;
    *text = take(r, len);
    if (!text->data) return false;
    if (len > 0 && memchr(text->data, 0, len)) fail(r, "a text holds a NUL");
    return !r->fault;
}

static json_t *read_text(reader *r) {
    span text;
    if (!take_text(r, &text)) return NULL;
    json_t *value = json_stringn(text.data, text.len);
    return value ? value : fail(r, "a text is not UTF-8");
}

static json_t *read_number(reader *r, bool real) {
    uint64_t bits;
    double number;
    span bytes = take(r, sizeof bits);
    if (!bytes.data) return NULL;
    memcpy(&bits, bytes.data, sizeof bits);
    bits = le64toh(bits);
    if (!real) return json_integer((json_int_t)bits);
    memcpy(&number, &bits, sizeof number);
    json_t *value = json_real(number);
    return value ? value : fail(r, "a number is none");
}

static json_t *read_value(reader *r);

static json_t *read_array(reader *r) {
    size_t count;
    if (!take_count(r, &count)) return NULL;
    json_t *array = json_array();
    for (; count > 0 && !r->fault; count--) {
        json_t *member = read_value(r);
        if (member) json_array_append_new(array, member);
    }
    return array;
}

static json_t *read_object(reader *r) {
    size_t count, read = 0;
    if (!take_count(r, &count)) return NULL;
    json_t *object = json_object();
    for (; read < count && !r->fault; read++) {
        span name;
        if (!take_text(r, &name)) break;
        json_t *member = read_value(r);
        if (member && json_object_setn_new(object, name.data, name.len, member) != 0) fail(r, "a name is not UTF-8");
    }
    if (!r->fault && json_object_size(object) != count) fail(r, "a name stands twice");
    return object;
}

/* On a fault NULL, or what was read before it. */
static json_t *read_value(reader *r) {
    span kind = take(r, 1);
    if (!kind.data) return NULL;
    if (++r->depth > HEAD_DEPTH_MAX) return fail(r, "it is nested too deep");
    json_t *value = NULL;
    switch (*kind.data) {
    case 'n': value = json_null(); break;
    case 't': value = json_true(); break;
    case 'f': value = json_false(); break;
    case 'i': value = read_number(r, false); break;
    case 'r': value = read_number(r, true); break;
    case 's': value = read_text(r); break;
    case 'a': value = read_array(r); break;
    case 'o': value = read_object(r); break;
    default: fail(r, "it has a value of no kind");
    }
    r->depth--;
    return value;
}

error *head_read(span bytes, json_t **value) {
    reader r = {.rest = bytes};
    *value = read_value(&r);
    if (!r.fault && r.rest.len > 0) fail(&r, "something follows it");
    if (!r.fault) return NULL;
    json_decref(*value);
    *value = NULL;
    return error_new(ERROR_INVALID, "malformed: %s", r.fault);
}
