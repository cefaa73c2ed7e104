/* core/flow/estate_route.c: see estate_route.h. */
#include "core/flow/estate_route.h"

#include <ctype.h>

enum { CONDITIONS_MAX = 32, PATH_BYTES_MAX = 1024 };

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
static const char *const types[] = {"int", "number", "uuid", "date", "alpha", "alnum", "hex"};

static bool all_of(span value, int (*is)(int)) {
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.data[i] > 0x7F || !is((unsigned char)value.data[i])) return false;
    return value.len > 0;
}

/* Digits with dashes where the pattern has them. */
static bool has_shape(span value, const char *shape, int (*is)(int)) {
    if (value.len != strlen(shape)) return false;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (shape[i] == '-' ? c != '-' : (c > 0x7F || !is(c))) return false;
    }
    return true;
}

static bool is_number(span value) {
    const char *dot = value.len ? memchr(value.data, '.', value.len) : NULL;
    span whole = span_make(value.data, dot ? (size_t)(dot - value.data) : value.len);
    if (whole.len && whole.data[0] == '-') whole = span_make(whole.data + 1, whole.len - 1);
    return all_of(whole, isdigit) &&
           (!dot || all_of(span_make(dot + 1, value.len - (size_t)(dot + 1 - value.data)), isdigit));
}

static bool is_of_type(const char *type, span value) {
    if (strcmp(type, "int") == 0) {
        if (value.len && value.data[0] == '-') value = span_make(value.data + 1, value.len - 1);
        return value.len <= 18 && all_of(value, isdigit);
    }
    if (strcmp(type, "number") == 0) return value.len <= 40 && is_number(value);
    if (strcmp(type, "uuid") == 0) return has_shape(value, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", isxdigit);
    if (strcmp(type, "date") == 0) return has_shape(value, "dddd-dd-dd", isdigit);
    if (strcmp(type, "alpha") == 0) return all_of(value, isalpha);
    if (strcmp(type, "alnum") == 0) return all_of(value, isalnum);
    return all_of(value, isxdigit);
}

bool estate_route_value_fits(const route_condition *condition, span value) {
    if (condition->kind == CONDITION_TYPE) return is_of_type(condition->value, value);
    span rest = span_of(condition->value), one;
    while (span_split(&rest, '|', &one))
        if (span_equal(one, value)) return true;
    return false;
}

static error *add(estate_route *route, route_condition condition) {
    if (route->condition_count == CONDITIONS_MAX)
        return error_new(ERROR_INVALID, "more than %d conditions and types", CONDITIONS_MAX);
    route->conditions[route->condition_count++] = condition;
    return NULL;
}

/* "{number:int}" without its type; the type becomes a condition. */
static error *read_parameter(span inside, arena *memory, estate_route *route, buf *path) {
    const char *colon = memchr(inside.data, ':', inside.len);
    span name = span_make(inside.data, colon ? (size_t)(colon - inside.data) : inside.len);
    buf_add_char(path, '{');
    buf_add(path, name);
    buf_add_char(path, '}');
    if (!colon) return NULL;
    span type = span_make(colon + 1, inside.len - name.len - 1);
    route_condition condition = {
        .kind = CONDITION_TYPE, .name = arena_spandup(memory, name), .value = arena_spandup(memory, type)};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (span_is(type, types[i])) return add(route, condition);
    condition.kind = CONDITION_CHOICE;
    if (memchr(type.data, '|', type.len)) return add(route, condition);
    return error_new(ERROR_INVALID,
        "the type of {%.*s} is none of int, number, uuid, date, alpha, alnum, hex, or choices such as a|b",
        (int)inside.len, inside.data);
}

static error *read_path(span text, arena *memory, estate_route *route) {
    buf path = BUF_MAX(PATH_BYTES_MAX);
    error *err = NULL;
    while (text.len > 0 && !err) {
        const char *open = memchr(text.data, '{', text.len);
        const char *close = open ? memchr(open, '}', text.len - (size_t)(open - text.data)) : NULL;
        if (!close || close == open + 1) {
            buf_add(&path, text);
            break;
        }
        buf_add(&path, span_make(text.data, (size_t)(open - text.data)));
        err = read_parameter(span_make(open + 1, (size_t)(close - open - 1)), memory, route, &path);
        text = span_make(close + 1, text.len - (size_t)(close + 1 - text.data));
    }
    if (!err) err = buf_check(&path, "the path");
    if (!err && buf_text(&path)[0] != '/')
        err = error_new(ERROR_INVALID, "the path must begin with / (\"GET /orders/{number}\")");
    route->path = arena_strdup(memory, buf_text(&path));
    buf_free(&path);
    return err;
}

static error *read_condition(span word, arena *memory, estate_route *route) {
    static const struct {
        const char *prefix;
        condition_kind kind;
    } kinds[] = {{"host=", CONDITION_HOST}, {"accept=", CONDITION_ACCEPT}, {"header:", CONDITION_HEADER},
        {"query:", CONDITION_QUERY}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        span prefix = span_of(kinds[i].prefix);
        if (!span_starts(word, prefix) || word.len == prefix.len) continue;
        span rest = span_make(word.data + prefix.len, word.len - prefix.len);
        route_condition condition = {.kind = kinds[i].kind, .value = NULL};
        bool named = condition.kind == CONDITION_HEADER || condition.kind == CONDITION_QUERY;
        const char *equals = named ? memchr(rest.data, '=', rest.len) : NULL;
        if (named)
            condition.name =
                arena_spandup(memory, span_make(rest.data, equals ? (size_t)(equals - rest.data) : rest.len));
        if (equals) rest = span_make(equals + 1, rest.len - (size_t)(equals + 1 - rest.data));
        if (!named || equals) condition.value = arena_spandup(memory, rest);
        return add(route, condition);
    }
    return error_new(ERROR_INVALID, "\"%.*s\" is none of host=NAME, accept=TYPE, header:NAME=VALUE, query:NAME=VALUE",
        (int)word.len, word.data);
}

error *estate_route_parse(const char *text, arena *memory, estate_route *out) {
    *out = (estate_route){.path = text, .conditions = arena_alloc(memory, CONDITIONS_MAX * sizeof *out->conditions)};
    span rest = span_of(text), word;
    span_split(&rest, ' ', &word);
    if (word.len > 0 && word.data[0] != '/') {
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
            if (span_is(word, methods[i])) out->method = methods[i];
        if (!out->method)
            return error_new(ERROR_INVALID, "the method must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
        if (!span_split(&rest, ' ', &word)) word = SPAN("");
    }
    error *err = read_path(word, memory, out);
    while (!err && span_split(&rest, ' ', &word))
        err = read_condition(word, memory, out);
    return err;
}
