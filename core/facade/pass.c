/* core/facade/pass.c: see pass.h. Everything here runs on the loop's thread, after pass_start. */
#include "core/facade/pass.h"

#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/repeat.h"
#include "core/facade/trace.h"

#include <stdlib.h>

enum { STREAM_BYTES = 256 * 1024 };

/* A call that is to be made again in a while; by then the exchange may be gone. */
typedef struct repetition {
    struct pass *pass; /* NULL: gone */
    http_loop *loop;
} repetition;

typedef struct pass {
    exchange *x;
    upstream_pair *pair;
    http_flight *flight; /* NULL: over */
    http_stream *stream; /* of an answer that goes on */
    bool flows;          /* the request's body passes as it comes */
    bool responded;      /* the request is not ours any more */
    repetition *again;   /* while it waits to be sent again */
} pass;

relay_request pass_describe(const exchange *x, const estate_destination *target) {
    relay_request request = {
        .method = http_request_method(x->request),
        .target = http_request_target(x->request),
        .path_template = target->path,
        .route_path = x->endpoint->path,
        .parameters = x->parameters,
        .host = http_request_host(x->request),
        .peer = x->address[0] ? span_of(x->address) : http_request_peer(x->request),
        .tls = http_request_is_tls(x->request),
        .own_credentials = x->own_credentials,
        .id = x->id,
        .trace = exchange_trace_text(x),
    };
    request.headers = http_request_headers(x->request, &request.header_count);
    return request;
}

/* ---- the request's body ---- */

static size_t flow(void *owner, span bytes) {
    pass *p = ((exchange *)owner)->pass;
    return p->flight ? http_flight_give(p->flight, bytes) : bytes.len;
}

static void flowed(http_request *request, void *owner) {
    (void)request;
    pass *p = ((exchange *)owner)->pass;
    if (p->flight) http_flight_give_end(p->flight);
}

static void room(void *context) {
    pass *p = context;
    if (!p->responded) http_body_go_on(p->x->request);
}

/* ---- the answer ---- */

static void drained(void *context) {
    pass *p = context;
    if (p->flight) http_flight_go_on(p->flight);
}

static bool has_body(const exchange *x, int status) {
    return !exchange_is(x, "HEAD") && status != 204 && status != 304;
}

static void send_again(void *context);

static void repetition_due(void *context) {
    repetition *again = context;
    http_loop_post(again->loop, send_again, again);
}

static void wait_to_send_again(pass *p, int64_t wait_ms) {
    p->flight = NULL;
    p->again = xcalloc(1, sizeof *p->again);
    *p->again = (repetition){.pass = p, .loop = p->x->services->loop};
    later_run(p->x->services->later, wait_ms, repetition_due, p->again);
}

/* Is this answer not the last word? */
static bool is_asked_again(pass *p, const http_flight_answer *answer) {
    int64_t wait_ms;
    const http_field *after = http_find_field(answer->headers, answer->header_count, SPAN("Retry-After"));
    if (!repeat_after_status(p->x, answer->status, after ? after->value : (span){NULL, 0}, &wait_ms)) return false;
    if (!answer->complete) http_flight_cancel(p->flight);
    wait_to_send_again(p, wait_ms);
    return true;
}

/* Whatever is given last: afterwards the exchange and this record may be gone. */
static void answered(void *context, const http_flight_answer *answer) {
    pass *p = context;
    exchange *x = p->x;
    if (answer->status >= 502 && is_asked_again(p, answer)) return;
    http_response *response = http_response_new(answer->status);
    relay_answer(answer, p->pair->peer, response);
    p->responded = true;
    if (answer->complete) p->flight = NULL;
    if (!has_body(x, answer->status)) {
        if (answer->length >= 0 && answer->status != 204)
            http_response_body_size_only(response, (uint64_t)answer->length);
    } else if (answer->complete) {
        http_response_body_copy(response, answer->body);
    } else {
        bool full;
        p->stream = answer->length >= 0
                        ? http_response_body_stream_sized(response, STREAM_BYTES, (uint64_t)answer->length)
                        : http_response_body_stream(response, STREAM_BYTES);
        http_stream_on_drained(p->stream, drained, p);
        http_stream_offer(p->stream, answer->body, &full);
    }
    exchange_track_answer(x, response, answer->complete ? answer->body : span_make(NULL, 0), NULL);
    exchange_respond(x, response);
}

static bool piece(void *context, span bytes) {
    pass *p = context;
    bool full = false;
    if (!p->stream || http_stream_offer(p->stream, bytes, &full)) return !full;
    http_flight_cancel(p->flight); /* the client is gone */
    p->flight = NULL;
    return true;
}

static void ended(void *context, error *failure) {
    pass *p = context;
    http_stream *stream = p->stream;
    int64_t wait_ms;
    if (!p->responded && failure && repeat_after_failure(p->x, failure, &wait_ms)) {
        error_free(failure);
        wait_to_send_again(p, wait_ms);
        return;
    }
    p->flight = NULL;
    p->stream = NULL;
    if (!p->responded) {
        p->responded = true;
        exchange_fail(p->x, error_wrap(failure, "connection %s", p->x->target->connection->name));
        return;
    }
    if (stream && failure)
        http_stream_abort(stream);
    else if (stream)
        http_stream_close(stream);
    log_failure(LOG_WARNING, "an answer was broken off", failure);
}

/* ---- beginning and end ---- */

static error *send_request(pass *p) {
    exchange *x = p->x;
    relay_head head __attribute__((uninitialized)); /* relay_make fills it as far as it is read */
    const relay_request request = pass_describe(x, x->target);
    char *method = xspandup(request.method);
    error *err = relay_make(&request, p->pair->peer, &head);
    http_flight_plan plan = {
        .method = method,
        .url = head.url,
        .headers = head.fields,
        .header_count = head.count,
        .body_fd = -1,
        .repeatable = relay_is_repeatable(&request),
        .first_ms = (unsigned)repeat_time_left(x),
        .answered = answered,
        .piece = piece,
        .ended = ended,
        .room = room,
        .context = p,
    };
    p->flows = !x->body_there && http_request_has_body(x->request) && !exchange_is(x, "HEAD");
    if (p->flows) {
        plan.flows = true;
        plan.body_size = http_request_body_length(x->request);
    } else if (!err && x->body_there) {
        uint64_t size;
        err = exchange_open_body(x, &plan.body, &plan.body_fd, &size);
        plan.body_size = (int64_t)size;
    }
    if (!err) err = http_upstream_send(p->pair->calls, &plan, &p->flight);
    relay_free(&head);
    free(method);
    return err;
}

/* On the loop again. */
static void send_again(void *context) {
    repetition *again = context;
    pass *p = again->pass;
    free(again);
    if (!p) return;
    p->again = NULL;
    error *err = send_request(p);
    if (!err) return;
    p->responded = true;
    exchange_fail(p->x, error_wrap(err, "connection %s", p->x->target->connection->name));
}

static void begin(void *context) {
    exchange *x = context;
    uint64_t maximum = exchange_body_limit(x);
    int64_t length = http_request_body_length(x->request);
    const char *name = x->target->connection->name;
    if (!x->body_there && length > 0 && (uint64_t)length > maximum) {
        exchange_refuse(x, 413, "limit", "Content Too Large", "The body is larger than this resource accepts.");
        return;
    }
    pass *p = xcalloc(1, sizeof *p);
    p->x = x;
    x->pass = p;
    p->pair = upstreams_find(x->services->upstreams, name);
    error *err = p->pair ? send_request(p) : error_new(ERROR_UNREACHABLE, "the connection cannot be used");
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        p->responded = true;
        exchange_respond(x, answer_problem(404, "not-found", "There is no such resource", error_text(err), NULL));
        error_free(err);
    } else if (err) {
        p->responded = true;
        exchange_fail(x, error_wrap(err, "connection %s", name));
    } else if (p->flows) {
        const http_body_plan plan = {.maximum = maximum, .flow = flow, .complete = flowed};
        http_take_body(x->request, &plan);
    }
}

void pass_start(exchange *x) {
    x->called = true;
    repeat_first_call(x);
    span bytes;
    int fd;
    uint64_t size;
    /* Here, and not on the loop: a large body is a file that is read to be checked. */
    error *err = x->body_there ? exchange_open_body(x, &bytes, &fd, &size) : NULL;
    if (err)
        exchange_fail(x, err);
    else if (http_loop_is_here(x->services->loop))
        begin(x);
    else
        http_loop_post(x->services->loop, begin, x);
}

void pass_aborted(void *owner) {
    exchange *x = owner;
    pass *p = x->pass;
    if (!p || p->responded) return;
    if (p->flight) http_flight_cancel(p->flight);
    p->flight = NULL;
    p->responded = true;
    exchange_track_refusal(x, MESSAGE_FAILED, "the client went before it had the answer");
    exchange_respond(x, http_response_new(499));
}

void pass_end(pass *p) {
    if (p->flight) http_flight_cancel(p->flight);
    if (p->stream) http_stream_close(p->stream);
    if (p->again) p->again->pass = NULL;
    upstreams_let_go(p->pair);
    free(p);
}
