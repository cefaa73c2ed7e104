/* core/facade/policy_cache.c: answers to GET that serve the next who asks the same (the setting `cache`).
 *
 * What one caller is answered serves another only where the endpoint says `shared`: else the caller is a part of the
 * key, and requests with credentials that are not ours, or with cookies, pass by (A18). When an answer has become stale
 * the first who asks fetches it anew, the others are served what is there. When the back-end fails, what is there
 * serves as long as `stale_if_error` says.
 */
#include "core/base/memory.h"
#include "core/facade/cache.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"
#include "core/flow/estate_policy_settings.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_ROOM = 16 * 1024, HOW_ROOM = 64 };

typedef struct cache_plan {
    cache_times times; /* ttl 0: nothing is kept; the endpoint only makes others forget */
    const json_t *vary;
    bool shared;
    uint64_t version; /* of the endpoint's body: another one has other answers */
} cache_plan;

/* What a request has of it, from head to answer. */
typedef struct lookup {
    buf key;
    bool served; /* from the cache: not kept again */
} lookup;

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    (void)faults;
    const json_t *object = json_get_object(endpoint->body, "cache");
    bool changes =
        !endpoint->method || (strcmp(endpoint->method, "GET") != 0 && strcmp(endpoint->method, "HEAD") != 0 &&
                                 strcmp(endpoint->method, "OPTIONS") != 0);
    if (!object && !changes) return NULL;
    cache_plan *p = xcalloc(1, sizeof *p);
    if (!object) return p;
    const setting *table = estate_cache_settings;
    char *text = json_text(endpoint->body, true);
    p->times = (cache_times){.ttl_ms = settings_integer(table, object, "ttl"),
        .stale_ms = settings_integer(table, object, "stale_while_revalidate"),
        .stale_if_error_ms = settings_integer(table, object, "stale_if_error")};
    p->vary = json_get_array(object, "vary");
    p->shared = settings_boolean(table, object, "shared");
    p->version = map_hash(span_of(text));
    free(text);
    return p;
}

static void add_part(buf *key, span part) {
    buf_printf(key, "%zu:", part.len);
    buf_add(key, part.data ? part : SPAN(""));
}

/* False: this request passes by the cache. */
static bool make_key(exchange *x, const cache_plan *p, buf *key) {
    bool foreign = http_request_header(x->request, "Authorization").data && !x->own_credentials;
    if (p->times.ttl_ms == 0 || !(exchange_is(x, "GET") || exchange_is(x, "HEAD"))) return false;
    if (http_request_header(x->request, "Range").data) return false;
    if (!p->shared && (foreign || http_request_header(x->request, "Cookie").data)) return false;
    const estate_script *script = estate_find_script(x->estate, x->endpoint->script);
    buf_printf(key, "%016llx", (unsigned long long)p->version);
    add_part(key, span_of(script ? script->hash : ""));
    add_part(key, http_request_target(x->request));
    add_part(key, http_request_host(x->request));
    if (!p->shared) add_part(key, span_of(x->caller ? x->caller : ""));
    for (size_t i = 0; i < json_array_size(p->vary); i++) {
        const char *name = json_string_value(json_array_get(p->vary, i));
        if (name) add_part(key, http_request_header(x->request, name));
    }
    return !key->overflow;
}

static policy_verdict on_head(exchange *x, void *prepared) {
    const cache_plan *p = prepared;
    lookup *l = xcalloc(1, sizeof *l);
    l->key = BUF_MAX(KEY_ROOM);
    if (!make_key(x, p, &l->key)) {
        buf_free(&l->key);
        free(l);
        return POLICY_GO_ON;
    }
    *exchange_memory(x, &cache_policy) = l;
    cache_found found = cache_look(buf_span(&l->key), x->request);
    if (found.state != CACHE_FRESH && found.state != CACHE_STALE) return POLICY_GO_ON;
    http_response *response = http_response_new(200);
    const char *how = found.state == CACHE_STALE ? "; fwd=stale; collapsed" : "";
    if (!cache_fill(buf_span(&l->key), x->request, false, how, response)) {
        http_response_free(response);
        return POLICY_GO_ON; /* somebody made it forget in between */
    }
    l->served = true;
    x->untracked = true;
    exchange_respond(x, response);
    return POLICY_OVER;
}

static void on_answer(exchange *x, void *prepared, http_response *response) {
    const cache_plan *p = prepared;
    lookup *l = *exchange_memory(x, &cache_policy);
    int status = http_response_status(response);
    if (!exchange_is(x, "GET") && !exchange_is(x, "HEAD") && !exchange_is(x, "OPTIONS")) {
        if (status < 400) cache_forget(http_request_path(x->request));
        return;
    }
    if (!l || l->served) return;
    char how[HOW_ROOM];
    snprintf(how, sizeof how, "; fwd=stale; fwd-status=%d", status);
    if (status >= 500 && cache_fill(buf_span(&l->key), x->request, true, how, response)) return;
    if (status == 401 || status == 403 || status == 429 || status == 503) return;
    bool kept = exchange_is(x, "GET") &&
                cache_keep(buf_span(&l->key), http_request_path(x->request), x->request, &p->times, response);
    http_response_header(response, "Cache-Status", kept ? "banyan; fwd=miss; stored" : "banyan; fwd=miss");
}

static void on_end(exchange *x, void *prepared) {
    (void)prepared;
    lookup *l = *exchange_memory(x, &cache_policy);
    if (!l) return;
    buf_free(&l->key);
    free(l);
}

static void forget(void *prepared) {
    free(prepared);
}

const policy cache_policy = {.name = "cache",
    .prepare = prepare,
    .forget = forget,
    .on_head = on_head,
    .on_answer = on_answer,
    .on_end = on_end};
