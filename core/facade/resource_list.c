/* core/facade/resource_list.c: see resource_list.h. */
#include "core/facade/resource_list.h"

#include "core/base/base64.h"
#include "core/base/clock.h"
#include "core/base/memory.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, CURSOR_ROOM = 4096 };

typedef enum sort_key { BY_NAME, BY_SIZE, BY_MODIFIED } sort_key;

typedef struct item {
    const char *name; /* below the prefix */
    int64_t size, modified_ms;
} item;

typedef struct wishes {
    sort_key key;
    bool descending;
    size_t limit;
    char *pattern;
    int64_t since_ms, before_ms, larger, smaller;
    bool after; /* `last` is where the page before ended */
    item last;
    char *last_name;
} wishes;

static error *bad(const char *name, const char *what) {
    return error_at(error_new(ERROR_INVALID, "%s: must be %s", name, what), "%s", name);
}

static error *read_number(const http_request *request, const char *name, int64_t *value) {
    span text = http_request_parameter(request, name);
    uint64_t number;
    if (!text.data) return NULL;
    if (!span_to_u64(text, 0, INT64_MAX, &number)) return bad(name, "a whole number");
    *value = (int64_t)number;
    return NULL;
}

static error *read_time(const http_request *request, const char *name, int64_t *value) {
    span text = http_request_parameter(request, name);
    if (!text.data) return NULL;
    error *err = clock_parse(text, value);
    if (!err) return NULL;
    error_free(err);
    return bad(name, "a date or a time with a zone (2026-11-28T09:00:00Z)");
}

static error *read_sort(const http_request *request, wishes *w) {
    static const char *const keys[] = {[BY_NAME] = "name", [BY_SIZE] = "size", [BY_MODIFIED] = "modified"};
    span text = http_request_parameter(request, "sort");
    if (!text.data) return NULL;
    if (span_starts(text, SPAN("-"))) {
        w->descending = true;
        text = span_make(text.data + 1, text.len - 1);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!span_is(text, keys[i])) continue;
        w->key = (sort_key)i;
        return NULL;
    }
    return bad("sort", "name, size or modified, perhaps with - before it");
}

/* "size modified name" of the last entry. */
static error *read_cursor(const http_request *request, wishes *w) {
    span text = http_request_parameter(request, "cursor"), rest, size, modified;
    buf plain = BUF_MAX(CURSOR_ROOM);
    if (!text.data) return NULL;
    bool good = base64url_read(text, &plain) && !plain.overflow;
    rest = buf_span(&plain);
    good = good && span_split(&rest, ' ', &size) && rest.data && span_split(&rest, ' ', &modified) && rest.data &&
           span_to_i64(size, INT64_MIN, INT64_MAX, &w->last.size) &&
           span_to_i64(modified, INT64_MIN, INT64_MAX, &w->last.modified_ms);
    if (good) {
        w->after = true;
        w->last.name = w->last_name = xspandup(rest);
    }
    buf_free(&plain);
    return good ? NULL : bad("cursor", "the cursor of a page before");
}

static error *read_wishes(const http_request *request, wishes *w) {
    int64_t limit = LIMIT_DEFAULT;
    span pattern = http_request_parameter(request, "name");
    *w = (wishes){.since_ms = INT64_MIN, .before_ms = INT64_MAX, .larger = -1, .smaller = INT64_MAX};
    error *err = read_number(request, "limit", &limit);
    if (!err && (limit < 1 || limit > LIMIT_MAX)) err = bad("limit", "from 1 to 1000");
    if (!err) err = read_number(request, "larger_than", &w->larger);
    if (!err) err = read_number(request, "smaller_than", &w->smaller);
    if (!err) err = read_time(request, "modified_since", &w->since_ms);
    if (!err) err = read_time(request, "modified_before", &w->before_ms);
    if (!err) err = read_sort(request, w);
    if (!err) err = read_cursor(request, w);
    w->limit = (size_t)limit;
    if (!err && pattern.data) w->pattern = xspandup(pattern);
    return err;
}

static int order(const wishes *w, const item *a, const item *b) {
    int64_t left = 0, right = 0;
    if (w->key == BY_SIZE) left = a->size, right = b->size;
    if (w->key == BY_MODIFIED) left = a->modified_ms, right = b->modified_ms;
    int result = left < right ? -1 : left > right ? 1 : strcmp(a->name, b->name);
    return w->descending ? -result : result;
}

static int compare(const void *a, const void *b, void *context) {
    return order(context, a, b);
}

static bool wanted(const wishes *w, const item *one) {
    if (one->modified_ms < w->since_ms || one->modified_ms >= w->before_ms) return false;
    if (one->size <= w->larger || one->size >= w->smaller) return false;
    if (w->pattern && fnmatch(w->pattern, one->name, FNM_NOESCAPE) != 0) return false;
    return !w->after || order(w, one, &w->last) > 0;
}

static size_t gather(const json_t *entries, const char *prefix, const wishes *w, item *items) {
    size_t count = 0, len = strlen(prefix);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const char *name = json_get_text(entry, "name", "");
        if (strncmp(name, prefix, len) != 0 || !name[len]) continue;
        const item one = {.name = name + len,
            .size = json_get_integer(entry, "size", 0),
            .modified_ms = json_get_integer(entry, "modified_ms", 0)};
        if (wanted(w, &one)) items[count++] = one;
    }
    return count;
}

static json_t *cursor_of(const item *last) {
    buf plain = BUF_MAX(CURSOR_ROOM), text = BUF_MAX(2 * CURSOR_ROOM);
    buf_printf(&plain, "%lld %lld %s", (long long)last->size, (long long)last->modified_ms, last->name);
    base64url_write(buf_span(&plain), &text);
    json_t *cursor = json_string(buf_text(&text));
    buf_free(&plain);
    buf_free(&text);
    return cursor;
}

error *resource_list_page(const json_t *entries, const char *prefix, const http_request *request, json_t **page) {
    wishes w;
    char time[CLOCK_TEXT_SIZE];
    error *err = read_wishes(request, &w);
    if (!err) {
        item *items = xcalloc(json_array_size(entries) + 1, sizeof *items);
        size_t count = gather(entries, prefix, &w, items);
        qsort_r(items, count, sizeof *items, compare, &w);
        json_t *list = json_array();
        for (size_t i = 0; i < count && i < w.limit; i++) {
            json_t *one = json_object();
            json_put_text(one, "name", items[i].name);
            json_object_set_new(one, "size", json_integer(items[i].size));
            json_put_text(one, "modified", clock_format(items[i].modified_ms, time));
            json_array_append_new(list, one);
        }
        *page = json_pack("{s:o}", "items", list);
        if (count > w.limit) json_object_set_new(*page, "next", cursor_of(&items[w.limit - 1]));
        free(items);
    }
    free(w.pattern);
    free(w.last_name);
    return err;
}
