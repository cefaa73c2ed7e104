/* core/facade/cache.c: see cache.h. */
#include "core/facade/cache.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/map.h"
#include "core/base/memory.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { RENEW_MS = 30000, FIELDS_MAX = 32 * 1024, FIELD_ROOM = 128 };

typedef struct entry {
    struct entry *newer, *older;               /* by use */
    struct entry *same_path, **same_path_from; /* others of the path */
    char *key, *path;
    size_t key_len, path_len;
    int status;
    buf fields; /* name NUL value NUL … */
    buf vary;   /* the request's: name NUL value NUL … */
    char *body;
    size_t len, cost;
    cache_times times;
    int64_t made_ms;    /* monotonic */
    int64_t renewed_ms; /* when somebody went to ask again; 0: nobody */
} entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static map *by_key, *by_path;
static entry *newest, *oldest;
static size_t bytes;

/* ---- the table; with the lock held ---- */

static void unlink_use(entry *e) {
    *(e->newer ? &e->newer->older : &newest) = e->older;
    *(e->older ? &e->older->newer : &oldest) = e->newer;
    e->newer = e->older = NULL;
}

static void link_use(entry *e) {
    e->older = newest;
    *(newest ? &newest->newer : &oldest) = e;
    newest = e;
}

static void drop(entry *e) {
    unlink_use(e);
    map_remove(by_key, span_make(e->key, e->key_len));
    span path = span_make(e->path, e->path_len);
    if (e->same_path_from)
        *e->same_path_from = e->same_path;
    else if (e->same_path)
        map_put(by_path, path, e->same_path);
    else
        map_remove(by_path, path);
    if (e->same_path) e->same_path->same_path_from = e->same_path_from;
    bytes -= e->cost;
    buf_free(&e->fields);
    buf_free(&e->vary);
    free(e->key);
    free(e->path);
    free(e->body);
    free(e);
}

static void add(entry *e) {
    entry *before = map_get(by_key, span_make(e->key, e->key_len));
    if (before) drop(before);
    map_put(by_key, span_make(e->key, e->key_len), e);
    span path = span_make(e->path, e->path_len);
    entry *first = map_get(by_path, path);
    e->same_path = first;
    if (first) first->same_path_from = &e->same_path;
    map_put(by_path, path, e);
    bytes += e->cost;
    link_use(e);
    while (bytes > CACHE_BYTES_MAX && oldest != e)
        drop(oldest);
}

/* ---- fields ---- */

static bool next_field(const buf *fields, size_t *at, span *name, span *value) {
    if (*at >= fields->len) return false;
    *name = span_of(fields->data + *at);
    *value = span_of(name->data + name->len + 1);
    *at += name->len + value->len + 2;
    return true;
}

static void add_field(buf *fields, span name, span value) {
    buf_add(fields, name);
    buf_add_char(fields, '\0');
    buf_add(fields, value);
    buf_add_char(fields, '\0');
}

/* Does the request have what the answer was chosen by? */
static bool same_variant(const entry *e, const http_request *request) {
    size_t at = 0;
    span name, value;
    while (next_field(&e->vary, &at, &name, &value)) {
        span now = http_request_header(request, name.data);
        if (!span_equal(now.data ? now : SPAN(""), value)) return false;
    }
    return true;
}

/* A directive of Cache-Control; its number, -1 without one, -2 when it is not there. */
static int64_t directive(span field, const char *wanted) {
    span one;
    size_t len = strlen(wanted);
    while (field.data && span_split(&field, ',', &one)) {
        one = span_trim(one);
        if (one.len < len || strncasecmp(one.data, wanted, len) != 0) continue;
        if (one.len == len) return -1;
        uint64_t number;
        if (one.data[len] == '=')
            return span_to_u64(span_make(one.data + len + 1, one.len - len - 1), 0, INT32_MAX, &number)
                       ? (int64_t)number
                       : -1;
    }
    return -2;
}

/* ---- looking ---- */

static int64_t age_of(const entry *e) {
    return clock_monotonic_ms() - e->made_ms;
}

static entry *find(span key, const http_request *request) {
    entry *e = by_key ? map_get(by_key, key) : NULL;
    if (!e || !same_variant(e, request)) return NULL;
    int64_t longest = e->times.stale_ms > e->times.stale_if_error_ms ? e->times.stale_ms : e->times.stale_if_error_ms;
    if (age_of(e) < e->times.ttl_ms + longest) return e;
    drop(e);
    return NULL;
}

cache_found cache_look(span key, const http_request *request) {
    cache_found found = {.state = CACHE_NONE};
    pthread_mutex_lock(&lock);
    entry *e = find(key, request);
    if (e) {
        int64_t now = clock_monotonic_ms();
        found.age_ms = age_of(e);
        found.left_ms = e->times.ttl_ms - found.age_ms;
        bool renewing = e->renewed_ms && now - e->renewed_ms < RENEW_MS;
        if (found.left_ms > 0)
            found.state = CACHE_FRESH;
        else if (found.age_ms < e->times.ttl_ms + e->times.stale_ms && renewing)
            found.state = CACHE_STALE;
        else
            found.state = CACHE_TO_RENEW;
        if (found.state == CACHE_TO_RENEW) e->renewed_ms = now;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

static void clear_fields(http_response *response) {
    size_t at = 0;
    span name, value;
    while (http_response_next(response, &at, &name, &value)) {
        char copy[FIELD_ROOM];
        snprintf(copy, sizeof copy, "%.*s", (int)name.len, name.data);
        http_response_drop(response, copy);
        at = 0;
    }
}

bool cache_fill(span key, const http_request *request, bool after_error, const char *how, http_response *response) {
    char text[FIELD_ROOM];
    pthread_mutex_lock(&lock);
    entry *e = find(key, request);
    if (e && after_error && age_of(e) >= e->times.ttl_ms + e->times.stale_if_error_ms) e = NULL;
    if (e) {
        size_t at = 0;
        span name, value;
        clear_fields(response);
        while (next_field(&e->fields, &at, &name, &value))
            http_response_header_span(response, name.data, value);
        snprintf(text, sizeof text, "%lld", (long long)age_of(e) / 1000);
        http_response_header(response, "Age", text);
        snprintf(text, sizeof text, "banyan; hit; ttl=%lld%s", (long long)(e->times.ttl_ms - age_of(e)) / 1000, how);
        http_response_header(response, "Cache-Status", text);
        http_response_replace_body(response, xspandup(span_make(e->body, e->len)), e->len);
        http_response_set_status(response, e->status);
        unlink_use(e);
        link_use(e);
    }
    pthread_mutex_unlock(&lock);
    return e != NULL;
}

/* ---- keeping ---- */

static bool may_keep(const http_response *response) {
    int status = http_response_status(response);
    span control = http_response_find(response, "Cache-Control");
    span body = http_response_content(response);
    if (status != 200 && status != 301 && status != 308) return false;
    if (!body.data || body.len > CACHE_ENTRY_BYTES_MAX) return false;
    if (http_response_find(response, "Set-Cookie").data || http_response_find(response, "Content-Range").data)
        return false;
    return directive(control, "no-store") == -2 && directive(control, "private") == -2 &&
           directive(control, "no-cache") == -2;
}

/* What the answer says of itself wins over the endpoint's setting (RFC 9111 §4.2.1). */
static cache_times times_of(const cache_times *times, const http_response *response) {
    cache_times own = *times;
    span control = http_response_find(response, "Cache-Control");
    int64_t shared = directive(control, "s-maxage"), general = directive(control, "max-age");
    if (shared >= 0)
        own.ttl_ms = shared * 1000;
    else if (general >= 0)
        own.ttl_ms = general * 1000;
    if (directive(control, "must-revalidate") != -2 || directive(control, "proxy-revalidate") != -2)
        own.stale_ms = own.stale_if_error_ms = 0;
    return own;
}

/* False for Vary: *. */
static bool read_vary(entry *e, const http_request *request, const http_response *response) {
    size_t at = 0;
    span name, value, one;
    while (http_response_next(response, &at, &name, &value)) {
        if (!http_name_equal(name, SPAN("Vary"))) continue;
        while (value.data && span_split(&value, ',', &one)) {
            char header[FIELD_ROOM];
            one = span_trim(one);
            if (span_is(one, "*") || one.len >= sizeof header) return false;
            snprintf(header, sizeof header, "%.*s", (int)one.len, one.data);
            span now = http_request_header(request, header);
            if (one.len) add_field(&e->vary, one, now.data ? now : SPAN(""));
        }
    }
    return !e->vary.overflow;
}

bool cache_keep(span key, span path, const http_request *request, const cache_times *times, http_response *response) {
    if (!may_keep(response)) return false;
    size_t at = 0;
    span name, value, body = http_response_content(response);
    entry *e = xcalloc(1, sizeof *e);
    e->fields = BUF_MAX(FIELDS_MAX);
    e->vary = BUF_MAX(FIELDS_MAX);
    e->times = times_of(times, response);
    e->made_ms = clock_monotonic_ms();
    e->status = http_response_status(response);
    while (http_response_next(response, &at, &name, &value))
        if (!http_name_equal(name, SPAN("Age"))) add_field(&e->fields, name, value);
    bool good = e->times.ttl_ms > 0 && read_vary(e, request, response) && !e->fields.overflow;
    if (!good) {
        buf_free(&e->fields);
        buf_free(&e->vary);
        free(e);
        return false;
    }
    e->key = xspandup(key);
    e->key_len = key.len;
    e->path = xspandup(path);
    e->path_len = path.len;
    e->body = xspandup(body);
    e->len = body.len;
    e->cost = sizeof *e + key.len + path.len + body.len + e->fields.capacity + e->vary.capacity + 128;
    pthread_mutex_lock(&lock);
    if (!by_key) {
        by_key = map_new();
        by_path = map_new();
    }
    add(e);
    pthread_mutex_unlock(&lock);
    return true;
}

void cache_forget(span path) {
    pthread_mutex_lock(&lock);
    entry *e;
    while (by_path && (e = map_get(by_path, path)))
        drop(e);
    pthread_mutex_unlock(&lock);
}
