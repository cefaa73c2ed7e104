/* core/worker/difference.c: see difference.h. */
#include "core/worker/difference.h"

#include <stdio.h>

enum { PATH_ROOM = 512, SHOWN_MAX = 200, DEPTH_MAX = 64 };

typedef struct differing {
    json_t *list;
    size_t room;
} differing;

static span cut(span text) {
    return span_make(text.data, text.len > SHOWN_MAX ? SHOWN_MAX : text.len);
}

static bool is_full(const differing *d) {
    return json_array_size(d->list) >= d->room;
}

/* A side without data is absent. */
static void tell(const differing *d, const char *kind, const char *path, span before, span after) {
    if (is_full(d)) return;
    json_t *one = json_pack("{s:s}", "kind", kind);
    json_put_text(one, "path", path);
    if (before.data) json_put_span(one, "before", cut(before));
    if (after.data) json_put_span(one, "after", cut(after));
    json_array_append_new(d->list, one);
}

/* ---- JSON ---- */

static void tell_values(const differing *d, const char *path, const json_t *before, const json_t *after) {
    char *old = before ? json_text(before, true) : NULL, *new = after ? json_text(after, true) : NULL;
    tell(d, "json", path, old ? span_of(old) : (span){NULL, 0}, new ? span_of(new) : (span){NULL, 0});
    free(old);
    free(new);
}

static void compare_values(const differing *d, const char *path, const json_t *before, const json_t *after, int depth);

static void compare_members(
    const differing *d, const char *path, const json_t *before, const json_t *after, int depth) {
    char inner[PATH_ROOM];
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)before, key, value) {
        snprintf(inner, sizeof inner, "%s.%s", path, key);
        compare_values(d, inner, value, json_object_get(after, key), depth + 1);
    }
    json_object_foreach((json_t *)after, key, value) {
        if (json_object_get(before, key)) continue;
        snprintf(inner, sizeof inner, "%s.%s", path, key);
        tell_values(d, inner, NULL, value);
    }
}

static void compare_items(const differing *d, const char *path, const json_t *before, const json_t *after, int depth) {
    char inner[PATH_ROOM];
    size_t old = json_array_size(before), new = json_array_size(after);
    snprintf(inner, sizeof inner, "%s[*]", path);
    for (size_t i = 0; i < old || i < new; i++)
        compare_values(d, inner, json_array_get(before, i), json_array_get(after, i), depth + 1);
}

/* Bounded by JSON_DEPTH_MAX of the parser; deeper than DEPTH_MAX values are compared as a whole. */
static void compare_values(const differing *d, const char *path, const json_t *before, const json_t *after, int depth) {
    if (is_full(d) || (before && after && json_equal(before, after))) return;
    if (depth < DEPTH_MAX && json_is_object(before) && json_is_object(after))
        compare_members(d, path, before, after, depth);
    else if (depth < DEPTH_MAX && json_is_array(before) && json_is_array(after))
        compare_items(d, path, before, after, depth);
    else
        tell_values(d, path, before, after);
}

static bool compare_json(const differing *d, span before, span after) {
    json_t *old = NULL, *new = NULL;
    error *err = json_parse(before, &old);
    if (!err) err = json_parse(after, &new);
    bool both = !err && (json_is_object(old) || json_is_array(old));
    if (both) compare_values(d, "$", old, new, 0);
    error_free(err);
    json_decref(old);
    json_decref(new);
    return both;
}

/* ---- lines of fields ---- */

typedef struct shape {
    const char *kind;
    char line, field;
} shape;

/* ISA's fourth byte and its last one, UNA's or EDIFACT's customary ones; else lines, of columns where the first has one
 * of the customary separators. */
static shape shape_of(span text) {
    shape s = {"text", '\n', '\0'};
    if (text.len > 106 && span_starts(text, SPAN("ISA"))) return (shape){"edi", text.data[105], text.data[3]};
    if (text.len > 9 && span_starts(text, SPAN("UNA"))) return (shape){"edi", text.data[8], text.data[4]};
    if (text.len > 9 && span_starts(text, SPAN("UNB+"))) return (shape){"edi", '\'', '+'};
    span rest = text, first;
    if (!span_split(&rest, '\n', &first)) return s;
    for (const char *mark = ";\t,|"; *mark; mark++)
        if (first.len && memchr(first.data, *mark, first.len)) return (shape){"csv", '\n', *mark};
    return s;
}

static bool next_line(span *rest, char mark, span *line) {
    while (span_split(rest, mark, line)) {
        *line = span_trim(*line);
        if (line->len > 0) return true;
    }
    *line = (span){NULL, 0};
    return false;
}

static void field_path(const shape *s, span line, size_t number, size_t field, char path[PATH_ROOM]) {
    span tag, rest = line;
    if (strcmp(s->kind, "edi") == 0 && span_split(&rest, s->field, &tag))
        snprintf(path, PATH_ROOM, field ? "%.*s/%zu" : "%.*s", (int)(tag.len > 8 ? 8 : tag.len), tag.data, field);
    else if (strcmp(s->kind, "csv") == 0)
        snprintf(path, PATH_ROOM, number ? "line[*]/column %zu" : "header/column %zu", field + 1);
    else
        snprintf(path, PATH_ROOM, "line[*]");
}

static void compare_fields(const differing *d, const shape *s, size_t number, span before, span after) {
    char path[PATH_ROOM];
    if (!s->field) {
        field_path(s, before, number, 0, path);
        tell(d, s->kind, path, before, after);
        return;
    }
    span old_rest = before, new_rest = after;
    for (size_t field = 0;; field++) {
        span old = {NULL, 0}, new = {NULL, 0};
        bool has_old = span_split(&old_rest, s->field, &old), has_new = span_split(&new_rest, s->field, &new);
        if (!has_old && !has_new) break;
        if (has_old && has_new && span_equal(old, new)) continue;
        field_path(s, before, number, field, path);
        tell(d, s->kind, path, has_old ? old : (span){NULL, 0}, has_new ? new : (span){NULL, 0});
    }
}

/* The first part of two lines is the same: tag of a segment. */
static bool same_start(const shape *s, span before, span after) {
    span a, b;
    if (strcmp(s->kind, "edi") != 0) return true;
    return span_split(&before, s->field, &a) && span_split(&after, s->field, &b) && span_equal(a, b);
}

/* Is there, a little further on, a line that begins like `wanted`? Then what lies before it was added. */
static bool comes_soon(const shape *s, span rest, span wanted) {
    span line;
    for (int i = 0; i < 8 && next_line(&rest, s->line, &line); i++)
        if (same_start(s, line, wanted)) return true;
    return false;
}

static void compare_lines(const differing *d, span before, span after) {
    char path[PATH_ROOM];
    shape s = shape_of(before);
    span old, new;
    size_t number = 0;
    bool has_old = next_line(&before, s.line, &old), has_new = next_line(&after, s.line, &new);
    while ((has_old || has_new) && !is_full(d)) {
        bool pair = has_old && has_new;
        bool removed = has_old && (!has_new || (!same_start(&s, old, new) && comes_soon(&s, before, new)));
        bool added = has_new && !removed && (!has_old || (!same_start(&s, old, new) && comes_soon(&s, after, old)));
        if (removed || added) {
            field_path(&s, removed ? old : new, number, 0, path);
            tell(d, s.kind, path, removed ? old : (span){NULL, 0}, added ? new : (span){NULL, 0});
        } else if (pair && !span_equal(old, new)) {
            compare_fields(d, &s, number, old, new);
        }
        number++;
        if (has_old && !added) has_old = next_line(&before, s.line, &old);
        if (has_new && !removed) has_new = next_line(&after, s.line, &new);
    }
}

void difference_of(span before, span after, size_t room, json_t *list) {
    const differing d = {.list = list, .room = room};
    if (span_equal(before, after) || is_full(&d)) return;
    size_t told = json_array_size(list);
    if (!compare_json(&d, before, after)) compare_lines(&d, before, after);
    /* Blanks, line ends and the order of members are differences too. */
    if (json_array_size(list) == told) tell(&d, "text", "layout", (span){NULL, 0}, (span){NULL, 0});
}
