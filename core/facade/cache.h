/* core/facade/cache.h: answers kept for the next who asks the same (a part of RFC 9111; RFC 5861).
 *
 * In memory, bounded as a whole; what was used longest ago goes first. Entries are found by a key of the caller's
 * making and forgotten by the path they answer. Thread-safe; one cache a process.
 */
#ifndef BANYAN_CORE_FACADE_CACHE_H
#define BANYAN_CORE_FACADE_CACHE_H

#include "core/http/request.h"

enum { CACHE_BYTES_MAX = 64 * 1024 * 1024, CACHE_ENTRY_BYTES_MAX = 1024 * 1024 };

typedef struct cache_times {
    int64_t ttl_ms, stale_ms, stale_if_error_ms; /* fresh; then stale while one asks again; then only after errors */
} cache_times;

typedef enum cache_state {
    CACHE_NONE,
    CACHE_FRESH,
    CACHE_STALE,    /* may be served: somebody else is asking again */
    CACHE_TO_RENEW, /* stale, and it is for the caller to ask again; or so old that it serves after errors only */
} cache_state;

typedef struct cache_found {
    cache_state state;
    int64_t age_ms, left_ms; /* left: until it is stale */
} cache_found;

/* What there is for the key and the request's fields. */
cache_found cache_look(span key, const http_request *request);

/* Makes the response that entry: status, fields, body, Age and Cache-Status with `how` behind "banyan; hit". False when
 * there is none, or none that may be served after an error (`after_error`). */
bool cache_fill(span key, const http_request *request, bool after_error, const char *how, http_response *response);

/* Keeps the response, if its status, size and fields allow; `path` is what cache_forget takes. */
bool cache_keep(span key, span path, const http_request *request, const cache_times *times, http_response *response);

/* What was changed is asked for anew (RFC 9111 §4.4). */
void cache_forget(span path);

#endif
