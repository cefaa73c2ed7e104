/* core/facade/status.c: see status.h. */
#include "core/facade/status.h"

#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/facade/answer.h"
#include "core/facade/prefer.h"
#include "core/facade/waiting.h"
#include "core/flow/outcome.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* A commit that changes a message wakes who waits for it; without one it is looked at for steps that change no status,
 * and for callers that went. */
enum { LOOK_MS = 1000, BEAT_MS = 15000, PENDING_BYTES = 256 * 1024, TAG_SIZE = 40 };

static atomic_int watchers;

/* One who asks. The request holds it, and so does a stream of events, which may end before or after. */
typedef struct asking {
    atomic_int holders;
    const exchange_services *services;
    http_request *request; /* until it is answered */
    http_stream *stream;   /* of events; NULL: none */
    waiter *waiter;        /* NULL: he does not wait */
    char id[ID_SIZE];
    char *principal;
    char known[TAG_SIZE]; /* what the caller has seen; "": nothing */
    int64_t began_ms, until_ms, told_ms;
    int64_t wait_s; /* that he wants to wait; 0: not */
    bool streams, watches;
    atomic_bool gone; /* the client */
} asking;

/* How it is now. */
typedef struct view {
    char *text; /* JSON; NULL: there is no such request, or it is not his */
    char tag[TAG_SIZE];
    bool final;
    bool grew; /* it has parts that were not known before: what was seen of them may be out of date */
    error *failure;
} view;

static void let_go(asking *a) {
    if (atomic_fetch_sub(&a->holders, 1) > 1) return;
    if (a->watches) atomic_fetch_sub(&watchers, 1);
    free(a->principal);
    free(a);
}

static void request_done(void *owner, http_outcome outcome) {
    (void)outcome;
    let_go(owner);
}

static void request_aborted(void *owner) {
    atomic_store(&((asking *)owner)->gone, true);
}

static bool may_see(const asking *a, const json_t *message) {
    const char *owner = json_get_text(message, "principal", NULL);
    if (!json_get_text(message, "endpoint", NULL)) return false;
    return !owner || (a->principal && strcmp(owner, a->principal) == 0);
}

/* From now on changes of the message and of what came of it are told. True: some of it was not known. */
static bool name_parts(const asking *a, const json_t *message) {
    const json_t *children = json_get_array(message, "children");
    bool grew = false;
    for (size_t i = 0; a->waiter && i < json_array_size(children); i++) {
        const json_t *child = json_array_get(children, i);
        const char *id = json_is_string(child) ? json_string_value(child) : json_get_text(child, "id", "");
        grew |= !waiter_knows(a->waiter, id);
    }
    return grew;
}

static void look_once(const asking *a, view *v) {
    json_t *message = NULL, *outcome = NULL;
    store *kept = a->services->store;
    char hex[DIGEST_HEX_SIZE];
    *v = (view){.text = NULL};
    if (a->waiter) waiter_knows(a->waiter, a->id);
    error *err = id_is_valid(span_of(a->id)) ? store_message_json(kept, a->id, &message) : NULL;
    bool his = !err && message && may_see(a, message);
    v->grew = his && name_parts(a, message);
    if (his) err = outcome_of(kept, message, &outcome);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = NULL;
    }
    v->failure = err;
    if (outcome) {
        v->text = json_text(outcome, false);
        v->final = outcome_is_final(outcome);
        snprintf(v->tag, sizeof v->tag, "\"%.32s\"", digest_sha256_hex(span_of(v->text), hex));
    }
    json_decref(message);
    json_decref(outcome);
}

static void drop_view(view *v) {
    error_free(v->failure);
    free(v->text);
}

static void look_at(const asking *a, view *v) {
    look_once(a, v);
    while (v->grew) {
        drop_view(v);
        look_once(a, v);
    }
}

/* ---- one answer ---- */

static http_response *response_of(view *v) {
    if (v->failure) return answer_failure(v->failure, NULL);
    if (!v->text)
        return answer_problem(404, "not-found", "There is no such request",
            "The address comes with the answer to a request, in Location.", NULL);
    http_response *response = http_response_take_text(200, "application/json", v->text);
    http_response_header(response, "Cache-Control", "no-store");
    http_response_header(response, "ETag", v->tag);
    return response;
}

static void answer(asking *a, view *v) {
    bool same = v->text && strcmp(v->tag, a->known) == 0;
    http_response *response = same ? http_response_new(304) : response_of(v);
    if (same) {
        http_response_header(response, "ETag", v->tag);
        free(v->text);
    }
    if (a->wait_s > 0) {
        char applied[32];
        snprintf(applied, sizeof applied, "wait=%lld", (long long)a->wait_s);
        http_response_header(response, "Preference-Applied", applied);
    }
    http_respond(a->request, response);
}

/* ---- waiting ---- */

static void look(void *context);

static void look_again(asking *a) {
    int64_t left_ms = a->until_ms - clock_monotonic_ms();
    waiter_sleep(a->waiter, a->streams || left_ms > LOOK_MS ? LOOK_MS : left_ms < 0 ? 0 : left_ms);
}

static void wait_no_longer(asking *a) {
    waiter_free(a->waiter);
    a->waiter = NULL;
}

static bool is_worth_an_answer(const asking *a, const view *v) {
    bool over = clock_monotonic_ms() >= a->until_ms || later_is_over(a->services->later) || atomic_load(&a->gone);
    return over || !v->text || v->final || (a->known[0] && strcmp(v->tag, a->known) != 0);
}

/* ---- events ---- */

static void open_stream(asking *a) {
    http_response *response = http_response_new(200);
    http_response_header(response, "Content-Type", "text/event-stream");
    http_response_header(response, "Cache-Control", "no-store");
    a->stream = http_response_body_stream(response, PENDING_BYTES);
    http_stream_write(a->stream, SPAN("retry: 2000\n\n"));
    atomic_fetch_add(&a->holders, 1);
    http_request *request = a->request;
    a->request = NULL;
    http_respond(request, response);
}

/* False: nobody listens any more. */
static bool tell(asking *a, const view *v) {
    int64_t now = clock_monotonic_ms();
    bool changed = strcmp(v->tag, a->known) != 0;
    if (!changed && now - a->told_ms < BEAT_MS) return http_stream_is_open(a->stream);
    a->told_ms = now;
    if (!changed) return http_stream_write(a->stream, SPAN(":\n\n"));
    char *event = xasprintf("event: status\nid: %s\ndata: %s\n\n", v->tag, v->text);
    bool open = http_stream_write(a->stream, span_of(event));
    memcpy(a->known, v->tag, sizeof a->known);
    free(event);
    return open;
}

static void look_for_events(asking *a, view *v) {
    if (!v->text && a->request) {
        a->streams = false;
        wait_no_longer(a);
        http_respond(a->request, response_of(v));
        return;
    }
    if (a->request) open_stream(a);
    bool on = v->text && tell(a, v) && !v->final && !later_is_over(a->services->later);
    drop_view(v);
    if (on) {
        look_again(a);
        return;
    }
    wait_no_longer(a);
    http_stream_close(a->stream);
    let_go(a);
}

/* On a thread that may wait for the disk. */
static void look(void *context) {
    asking *a = context;
    view v;
    look_at(a, &v);
    if (a->streams) {
        look_for_events(a, &v);
    } else if (is_worth_an_answer(a, &v)) {
        wait_no_longer(a);
        answer(a, &v);
    } else {
        drop_view(&v);
        look_again(a);
    }
}

/* ---- the request ---- */

static bool wants_events(const http_request *request) {
    span accept = http_request_header(request, "Accept"), one;
    while (accept.data && span_split(&accept, ',', &one)) {
        span type;
        span_split(&one, ';', &type);
        if (http_name_equal(span_trim(type), SPAN("text/event-stream"))) return true;
    }
    return false;
}

static bool find_room(asking *a) {
    a->watches = atomic_fetch_add(&watchers, 1) < STATUS_WATCHERS_MAX;
    if (!a->watches) atomic_fetch_sub(&watchers, 1);
    return a->watches;
}

void status_start(const exchange_services *services, http_request *request, const char *id, const char *caller) {
    asking *a = xcalloc(1, sizeof *a);
    atomic_init(&a->holders, 1);
    a->services = services;
    a->request = request;
    a->principal = caller ? xstrdup(caller) : NULL;
    a->streams = wants_events(request);
    a->began_ms = a->told_ms = clock_monotonic_ms();
    int64_t wait_s = a->streams ? 0 : prefer_wait(request);
    a->wait_s = wait_s > STATUS_WAIT_MAX_S ? STATUS_WAIT_MAX_S : wait_s;
    span known = http_request_header(request, a->streams ? "Last-Event-ID" : "If-None-Match");
    snprintf(a->known, sizeof a->known, "%.*s", known.len < TAG_SIZE ? (int)known.len : 0, known.data);
    if (strlen(id) < sizeof a->id) memcpy(a->id, id, strlen(id) + 1);
    http_own(request, a, request_done, request_aborted);
    if ((a->streams || a->wait_s > 0) && !find_room(a)) {
        http_response *response = answer_problem(
            503, "too-many-watchers", "Too many wait already", "Ask without waiting, or try again later.", NULL);
        http_response_header(response, "Retry-After", "5");
        a->streams = false;
        http_respond(request, response);
        return;
    }
    if (a->watches) a->waiter = waiter_new(services->blocking, services->later, look, a);
    a->until_ms = a->began_ms + (a->wait_s > 0 ? a->wait_s * 1000 : 0);
    blocking_run(services->blocking, look, a);
}
