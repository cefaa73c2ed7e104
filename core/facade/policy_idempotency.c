/* core/facade/policy_idempotency.c: a request that is sent again with its Idempotency-Key gets the answer of the first
 * (the setting `idempotency`; draft-ietf-httpapi-idempotency-key-header).
 *
 * A key belongs to a caller and an endpoint. What is worked on stands in a table of this process; its answer is in the
 * store before it goes out, so that it outlives a crash. The table says whether a repetition has to look there: between
 * the answer and its commit it is told to wait, too. Failures are not kept: whoever got one may try again.
 */
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"
#include "core/flow/estate_policy_settings.h"

#include <pthread.h>
#include <stdlib.h>

enum { KEY_BYTES_MAX = 255, BODY_BYTES_MAX = 8 * 1024 * 1024 };

typedef struct plan {
    bool required;
    int64_t keep_ms;
} plan;

/* A request with a key, from the time when its body is there. */
typedef struct work {
    char *scope, *key, *name; /* the name is both: that of the table */
    char asked[65];
    bool ours;     /* it stands in the table */
    bool answered; /* its answer is being kept, or is */
} work;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static map *working; /* name → work; never freed: empty when nobody works */

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    const json_t *object = json_get_object(endpoint->body, "idempotency");
    (void)faults;
    if (!object) return NULL;
    plan *p = xcalloc(1, sizeof *p);
    p->required = settings_boolean(estate_idempotency_settings, object, "required");
    p->keep_ms = settings_integer(estate_idempotency_settings, object, "keep");
    return p;
}

static void forget(void *prepared) {
    free(prepared);
}

/* ---- the key ---- */

char *idempotency_key(span field) {
    buf key = BUF_MAX(KEY_BYTES_MAX);
    field = span_trim(field);
    bool quoted = field.len > 0 && field.data[0] == '"', closed = !quoted, good = true;
    size_t i = quoted ? 1 : 0;
    for (; i < field.len && good && !(quoted && closed); i++) {
        char c = field.data[i];
        if (quoted && c == '"') {
            closed = true;
            continue;
        }
        if (quoted && c == '\\' && i + 1 < field.len) {
            c = field.data[++i];
            good = c == '"' || c == '\\';
        } else if (!quoted) {
            good = c != '"' && c != ',' && c != ' ';
        }
        good = good && c >= 0x20 && c < 0x7f;
        buf_add_char(&key, c);
    }
    bool rest = i < field.len && field.data[i] != ';';
    if (!good || !closed || rest || key.overflow || key.len == 0) {
        buf_free(&key);
        return NULL;
    }
    return buf_take(&key, NULL);
}

void idempotency_refuse_key(exchange *x) {
    exchange_refuse(x, 400, "idempotency-key-malformed", "The Idempotency-Key cannot be read",
        "It is a text of 1 to 255 characters in quotation marks, such as \"8e03978e-40d5-43dd-bc93-6894a57f9324\".");
}

static bool takes_part(const exchange *x) {
    return !exchange_is(x, "GET") && !exchange_is(x, "HEAD") && !exchange_is(x, "OPTIONS");
}

static policy_verdict on_head(exchange *x, void *prepared) {
    const plan *p = prepared;
    span field = http_request_header(x->request, "Idempotency-Key");
    if (!takes_part(x)) return POLICY_GO_ON;
    if (!field.data) {
        if (!p->required || !(exchange_is(x, "POST") || exchange_is(x, "PATCH"))) return POLICY_GO_ON;
        exchange_refuse(x, 400, "idempotency-key-missing", "This request needs an Idempotency-Key",
            "Send a new random value, such as a UUID in quotation marks, and the same one when you repeat the "
            "request.");
        return POLICY_OVER;
    }
    char *key = idempotency_key(field);
    if (!key) {
        idempotency_refuse_key(x);
        return POLICY_OVER;
    }
    work *w = xcalloc(1, sizeof *w);
    w->key = key;
    w->scope = xasprintf("%s/%s", x->endpoint->route, x->caller ? x->caller : "");
    w->name = xasprintf("%s\n%s", w->scope, w->key);
    *exchange_memory(x, &idempotency_policy) = w;
    return POLICY_GO_ON;
}

/* ---- the table ---- */

static void leave(work *w) {
    pthread_mutex_lock(&lock);
    if (w->ours) map_remove(working, span_of(w->name));
    w->ours = false;
    pthread_mutex_unlock(&lock);
}

typedef enum found { FIRST, SAME_RUNNING, OTHER_RUNNING, ANSWERED } found;

static found enter(work *w) {
    pthread_mutex_lock(&lock);
    if (!working) working = map_new();
    const work *first = map_get(working, span_of(w->name));
    found result = !first                                ? FIRST
                   : first->answered                     ? ANSWERED
                   : strcmp(first->asked, w->asked) == 0 ? SAME_RUNNING
                                                         : OTHER_RUNNING;
    if (!first) {
        map_put(working, span_of(w->name), w);
        w->ours = true;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static void refuse_running(exchange *x) {
    http_response *response = answer_problem(409, "idempotency-key-in-use", "The request is still worked on",
        "A request with this Idempotency-Key has not been answered yet; try again when Retry-After is over.", NULL);
    http_response_header(response, "Retry-After", "1");
    exchange_track_refusal(x, MESSAGE_DUPLICATE, "its Idempotency-Key is in use");
    exchange_respond(x, response);
}

static void refuse_other(exchange *x) {
    exchange_refuse(x, 422, "idempotency-key-reused", "This Idempotency-Key belongs to another request",
        "The same key came with another request before; send a new key with a new request.");
}

/* ---- the answer that is kept ---- */

static void replay(exchange *x, const store_answer *kept) {
    http_response *response = http_response_new((int)json_get_integer(kept->head, "status", 500));
    const json_t *fields = json_get_array(kept->head, "headers");
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        const char *name = json_string_value(json_array_get(field, 0)),
                   *value = json_string_value(json_array_get(field, 1));
        if (name && value) http_response_header(response, name, value);
    }
    http_response_header(response, "Idempotent-Replayed", "true");
    http_response_body_copy(response, buf_span(&kept->body));
    x->untracked = true;
    exchange_respond(x, response);
}

/* On a thread that may wait for the disk. */
static void look(void *context) {
    exchange *x = context;
    work *w = *exchange_memory(x, &idempotency_policy);
    store_answer kept;
    error *err = store_kept_answer(x->services->store, w->scope, w->key, &kept);
    if (!err) {
        leave(w);
        if (strcmp(kept.asked, w->asked) == 0)
            replay(x, &kept);
        else
            refuse_other(x);
        store_answer_clear(&kept);
        return;
    }
    bool none = error_code_of(err) == ERROR_NOT_FOUND;
    if (!none) {
        exchange_fail(x, err);
        return;
    }
    error_free(err);
    if (!w->ours) {
        refuse_running(x); /* its answer is on its way to the store */
        return;
    }
    x->whole_answer = true;
    exchange_go_on(x);
}

static policy_verdict on_body(exchange *x, void *prepared) {
    (void)prepared;
    work *w = *exchange_memory(x, &idempotency_policy);
    if (!w) return POLICY_GO_ON;
    span method = http_request_method(x->request), target = http_request_target(x->request);
    buf text = BUF_MAX(128 * 1024);
    buf_printf(&text, "%.*s %.*s %s", (int)method.len, method.data, (int)target.len, target.data, x->body.sha256);
    char hex[DIGEST_HEX_SIZE];
    memcpy(w->asked, digest_sha256_hex(buf_span(&text), hex), sizeof w->asked);
    buf_free(&text);
    switch (enter(w)) {
    case SAME_RUNNING: refuse_running(x); return POLICY_OVER;
    case OTHER_RUNNING: refuse_other(x); return POLICY_OVER;
    case FIRST:
    case ANSWERED: break;
    }
    blocking_run(x->services->blocking, look, x);
    return POLICY_LATER;
}

/* Failures, and refusals that say "not now" or "not you", are no outcome of the request. */
static bool is_outcome(int status) {
    static const int passing[] = {401, 403, 408, 409, 421, 425, 429};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (status == passing[i]) return false;
    return status < 500 && status != 499;
}

static json_t *head_of(const http_response *response) {
    size_t cursor = 0;
    span name, value;
    json_t *fields = json_array();
    while (http_response_next(response, &cursor, &name, &value))
        json_array_append_new(fields, json_pack("[s%, s%]", name.data, name.len, value.data, value.len));
    return json_pack("{s:i, s:o}", "status", http_response_status(response), "headers", fields);
}

static void on_answer(exchange *x, void *prepared, http_response *response) {
    const plan *p = prepared;
    work *w = *exchange_memory(x, &idempotency_policy);
    if (!w || !w->ours) return;
    store_answer answer = {.until = clock_wall_ms() + p->keep_ms, .body = BUF_MAX(BODY_BYTES_MAX)};
    if (is_outcome(http_response_status(response)) && http_response_copy_body(response, &answer.body)) {
        memcpy(answer.asked, w->asked, sizeof answer.asked);
        answer.head = head_of(response);
        x->with_answer = store_change_new();
        store_keep_answer(x->with_answer, w->scope, w->key, &answer);
        pthread_mutex_lock(&lock);
        w->answered = true;
        pthread_mutex_unlock(&lock);
    } else {
        leave(w);
    }
    store_answer_clear(&answer);
}

static void on_end(exchange *x, void *prepared) {
    (void)prepared;
    work *w = *exchange_memory(x, &idempotency_policy);
    if (!w) return;
    leave(w);
    free(w->scope);
    free(w->key);
    free(w->name);
    free(w);
}

const policy idempotency_policy = {.name = "idempotency",
    .prepare = prepare,
    .forget = forget,
    .on_head = on_head,
    .on_body = on_body,
    .on_answer = on_answer,
    .on_end = on_end};
