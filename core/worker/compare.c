/* core/worker/compare.c: see compare.h. */
#include "core/worker/compare.h"

#include "core/base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { DIFFERENCES_MAX = 50, TEXT_MAX = 200, PATH_MAX_BYTES = 480, UNORDERED_MAX = 2000 };

typedef struct comparison {
    const json_t *ignore, *unordered, *mask;
    double tolerance;
    json_t *found, *stars;
    buf path;
} comparison;

bool compare_place_fits(const char *pattern, const char *place) {
    size_t len = strlen(pattern);
    if (strncmp(pattern, "$..", 3) == 0) {
        const char *name = pattern + 3;
        size_t name_len = len - 3;
        for (const char *at = strchr(place, '.'); at; at = strchr(at + 1, '.'))
            if (strncmp(at + 1, name, name_len) == 0 && (at[1 + name_len] == '\0' || strchr(".[", at[1 + name_len])))
                return true;
        return false;
    }
    return strncmp(pattern, place, len) == 0 && (place[len] == '\0' || place[len] == '.' || place[len] == '[');
}

static bool is_among(const comparison *c, const json_t *patterns) {
    for (size_t i = 0; i < json_array_size(patterns); i++) {
        const char *pattern = json_string_value(json_array_get(patterns, i));
        if (pattern && compare_place_fits(pattern, buf_text(&c->path))) return true;
    }
    return false;
}

static bool is_unordered(const comparison *c) {
    for (size_t i = 0; i < json_array_size(c->unordered); i++) {
        const char *pattern = json_string_value(json_array_get(c->unordered, i));
        if (pattern && (strcmp(pattern, "*") == 0 || strcmp(pattern, buf_text(&c->path)) == 0)) return true;
    }
    return false;
}

static void put_cut(json_t *object, const char *member, const json_t *value) {
    if (!value) return;
    char *text = json_text(value, true);
    span shown = span_of(text);
    if (shown.len > TEXT_MAX) shown.len = TEXT_MAX;
    json_put_span(object, member, shown);
    free(text);
}

/* As it may be seen: stars in the place of what is masked, and of what may hold something masked. */
static const json_t *shown_value(const comparison *c, const json_t *value) {
    bool whole = json_is_object(value) || json_is_array(value) || c->path.len == 1;
    bool hidden = json_array_size(c->mask) > 0 && (whole || is_among(c, c->mask));
    return value && hidden ? c->stars : value;
}

static void add(comparison *c, const char *kind, const json_t *legacy, const json_t *modern) {
    if (json_array_size(c->found) >= DIFFERENCES_MAX || is_among(c, c->ignore)) return;
    json_t *one = json_object();
    json_put_text(one, "path", buf_text(&c->path));
    json_put_text(one, "kind", kind);
    put_cut(one, "legacy", shown_value(c, legacy));
    put_cut(one, "modern", shown_value(c, modern));
    json_array_append_new(c->found, one);
}

/* Appends to the path; how long it was. */
static size_t enter(comparison *c, const char *prefix, const char *name) {
    size_t before = c->path.len;
    if (before < PATH_MAX_BYTES) {
        buf_add_text(&c->path, prefix);
        buf_add_text(&c->path, name);
    }
    return before;
}

static void leave(comparison *c, size_t before) {
    c->path.len = before;
    if (c->path.data) c->path.data[before] = '\0';
}

static void compare_values(comparison *c, const json_t *legacy, const json_t *modern);

static void compare_objects(comparison *c, const json_t *legacy, const json_t *modern) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)legacy, name, value) {
        const json_t *other = json_object_get(modern, name);
        size_t before = enter(c, ".", name);
        if (other)
            compare_values(c, value, other);
        else
            add(c, "missing", value, NULL);
        leave(c, before);
    }
    json_object_foreach((json_t *)(uintptr_t)modern, name, value) {
        if (json_object_get(legacy, name)) continue;
        size_t before = enter(c, ".", name);
        add(c, "added", NULL, value);
        leave(c, before);
    }
}

/* Are they equal but for what is ignored? */
static bool is_equal(const comparison *c, const json_t *legacy, const json_t *modern) {
    comparison inner = {.ignore = c->ignore, .unordered = c->unordered, .tolerance = c->tolerance};
    inner.found = json_array();
    inner.path = BUF_MAX(4096);
    buf_add(&inner.path, buf_span(&c->path));
    compare_values(&inner, legacy, modern);
    bool equal = json_array_size(inner.found) == 0;
    json_decref(inner.found);
    buf_free(&inner.path);
    return equal;
}

/* Each element of one finds its equal in the other; what is left over is told. */
static void compare_sets(comparison *c, const json_t *legacy, const json_t *modern) {
    size_t count = json_array_size(modern);
    bool *taken = xcalloc(count + 1, sizeof *taken);
    size_t before = enter(c, "[*]", "");
    for (size_t i = 0; i < json_array_size(legacy); i++) {
        size_t k = 0;
        while (k < count && (taken[k] || !is_equal(c, json_array_get(legacy, i), json_array_get(modern, k))))
            k++;
        if (k < count)
            taken[k] = true;
        else
            add(c, "missing", json_array_get(legacy, i), NULL);
    }
    for (size_t k = 0; k < count; k++)
        if (!taken[k]) add(c, "added", NULL, json_array_get(modern, k));
    leave(c, before);
    free(taken);
}

static void compare_arrays(comparison *c, const json_t *legacy, const json_t *modern) {
    size_t left = json_array_size(legacy), right = json_array_size(modern);
    if (is_unordered(c) && left <= UNORDERED_MAX && right <= UNORDERED_MAX) {
        compare_sets(c, legacy, modern);
        return;
    }
    if (left != right) {
        json_t *a = json_integer((json_int_t)left), *b = json_integer((json_int_t)right);
        add(c, "length", a, b);
        json_decref(a);
        json_decref(b);
    }
    size_t before = enter(c, "[*]", "");
    for (size_t i = 0; i < left && i < right && json_array_size(c->found) < DIFFERENCES_MAX; i++)
        compare_values(c, json_array_get(legacy, i), json_array_get(modern, i));
    leave(c, before);
}

static bool numbers_match(const comparison *c, const json_t *legacy, const json_t *modern) {
    if (json_is_integer(legacy) && json_is_integer(modern) && c->tolerance <= 0)
        return json_integer_value(legacy) == json_integer_value(modern);
    return fabs(json_number_value(legacy) - json_number_value(modern)) <= c->tolerance * (1 + 1e-9);
}

/* Recursion is bounded by the depth that json_parse lets through. */
static void compare_values(comparison *c, const json_t *legacy, const json_t *modern) {
    bool booleans = json_is_boolean(legacy) && json_is_boolean(modern);
    if (json_is_number(legacy) && json_is_number(modern)) {
        if (!numbers_match(c, legacy, modern)) add(c, "value", legacy, modern);
    } else if (json_typeof(legacy) != json_typeof(modern) && !booleans) {
        add(c, "type", legacy, modern);
    } else if (json_is_object(legacy)) {
        if (!is_among(c, c->ignore)) compare_objects(c, legacy, modern);
    } else if (json_is_array(legacy)) {
        if (!is_among(c, c->ignore)) compare_arrays(c, legacy, modern);
    } else if (!json_equal(legacy, modern)) {
        add(c, "value", legacy, modern);
    }
}

static json_t *shown(span bytes) {
    return json_from_span(bytes.len > TEXT_MAX ? span_make(bytes.data, TEXT_MAX) : bytes);
}

static double tolerance_of(const json_t *options) {
    const char *text = json_get_text(options, "tolerance", NULL);
    char *end = NULL;
    double value = text ? strtod(text, &end) : 0;
    return text && *end == '\0' && value > 0 && value < 1e300 ? value : 0;
}

json_t *compare_answers(span legacy, span modern, const json_t *options) {
    comparison c = {.ignore = json_get_array(options, "ignore"),
        .unordered = json_get_array(options, "unordered"),
        .mask = json_get_array(options, "mask"),
        .tolerance = tolerance_of(options),
        .found = json_array(),
        .stars = json_string("***")};
    json_t *left = NULL, *right = NULL;
    c.path = BUF_MAX(4096);
    buf_add_char(&c.path, '$');
    error *no_json = json_parse(legacy, &left);
    if (!no_json) no_json = json_parse(modern, &right);
    if (!no_json) {
        compare_values(&c, left, right);
    } else if (!span_equal(legacy, modern)) {
        json_t *a = shown(legacy), *b = shown(modern);
        add(&c, "body", a, b);
        json_decref(a);
        json_decref(b);
    }
    error_free(no_json);
    json_decref(left);
    json_decref(right);
    buf_free(&c.path);
    json_decref(c.stars);
    return c.found;
}
