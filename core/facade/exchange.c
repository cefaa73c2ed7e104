/* core/facade/exchange.c: see exchange.h: the way of a request through policies, body, script and back-end. */
#include "core/facade/exchange_inside.h"

#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/pass.h"
#include "core/facade/repeat.h"
#include "core/facade/resource.h"
#include "core/facade/shadow.h"
#include "core/facade/trace.h"
#include "core/facade/traffic.h"
#include "core/flow/template.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODY_IN_MEMORY = 64 * 1024, PATH_ROOM = 2048, LARGE_ANSWER_BYTES = 256 * 1024 };

static void exchange_free(void *owner, http_outcome outcome) {
    exchange *x = owner;
    (void)outcome;
    const policy_chain *chain = &x->plan->policies;
    for (size_t i = 0; i < chain->count; i++)
        if (chain->steps[i].policy->on_end) chain->steps[i].policy->on_end(x, chain->steps[i].prepared);
    guard_leave(&x->guard, x->back_end_failed);
    payload_abandon(x->spill);
    payload_free(&x->body);
    frame_clear(&x->outcome_frame);
    back_end_answer_free(&x->answer);
    if (x->pass) pass_end(x->pass);
    if (x->view.bytes || x->view.fd >= 0) payload_view_close(&x->view);
    attachment_close(&x->shaped_body);
    free(x->shaped);
    call_scope_end(&x->scope);
    json_decref(x->outcome);
    json_decref(x->call_answers);
    json_decref(x->claims);
    json_decref(x->parameters);
    routes_release(x->routes);
    free(x->caller);
    free(x->trace);
    free(x);
}

bool exchange_is(const exchange *x, const char *method) {
    return span_is(http_request_method(x->request), method);
}

bool exchange_keeps_nothing(const exchange *x) {
    return exchange_is(x, "GET") || exchange_is(x, "HEAD") || exchange_is(x, "DELETE");
}

void exchange_set_caller(exchange *x, const char *name) {
    free(x->caller);
    x->caller = xstrdup(name);
}

error *exchange_open_body(exchange *x, span *bytes, int *fd, uint64_t *size) {
    *bytes = x->body.bytes ? span_make(x->body.bytes, x->body.size) : SPAN("");
    *fd = -1;
    *size = bytes->len;
    if (x->body.bytes || !x->body.spool[0]) return NULL;
    error *err = x->view.fd >= 0 || x->view.bytes ? NULL : payload_view_of(x->services->store, &x->body, &x->view);
    if (err) return err;
    *fd = x->view.fd;
    *size = x->view.size;
    if (x->view.bytes) *bytes = span_make(x->view.bytes, x->view.size);
    return NULL;
}

span exchange_body(const exchange *x) {
    return http_request_body(x->request);
}

void **exchange_memory(exchange *x, const policy *p) {
    const policy_chain *chain = &x->plan->policies;
    for (size_t i = 0; i < chain->count; i++)
        if (chain->steps[i].policy == p) return &x->memory[i];
    return NULL;
}

/* ---- the answer ---- */

/* An answer that waits until what belongs to it is durable. */
typedef struct parting {
    http_request *request;
    http_response *response;
    shadow *after;
} parting;

static void part(void *context, error *failure, const store_commit_result *result) {
    parting *p = context;
    (void)result;
    log_failure(LOG_ERROR, "what belongs to an answer was not kept", failure);
    http_respond(p->request, p->response); /* the exchange may be gone */
    shadow_start(p->after);
    free(p);
}

void exchange_respond(exchange *x, http_response *take) {
    const policy_chain *chain = &x->plan->policies;
    int status = http_response_status(take);
    exchange_trace_end(x, status);
    /* A 500 of our own, such as a script's, says nothing about the back-end. */
    x->back_end_failed = (status >= 502 && status <= 504) || (status == 500 && x->pass);
    shadow *after = x->shadowed ? shadow_prepare(x, take) : NULL;
    traffic_answered(x, http_response_status(take));
    for (size_t i = chain->count; i > 0; i--) {
        const policy *p = chain->steps[i - 1].policy;
        if (p->on_answer) p->on_answer(x, chain->steps[i - 1].prepared, take);
    }
    parting *p = x->with_answer ? xmalloc(sizeof *p) : NULL;
    if (p) {
        *p = (parting){.request = x->request, .response = take, .after = after};
        store_change *change = x->with_answer;
        x->with_answer = NULL;
        store_submit(x->services->store, change, part, p);
        return;
    }
    http_respond(x->request, take); /* the exchange may be gone */
    shadow_start(after);
}

void exchange_refuse(exchange *x, int status, const char *name, const char *title, const char *detail) {
    exchange_track_refusal(x, status < 500 ? MESSAGE_REJECTED : MESSAGE_FAILED, detail);
    exchange_respond(x, answer_problem(status, name, title, detail, x->id));
}

void exchange_fail(exchange *x, error *take) {
    exchange_track_refusal(x, MESSAGE_FAILED, error_text(take));
    log_warning("endpoint %s, request %s: %s", x->endpoint->route, x->id, error_text(take));
    exchange_respond(x, answer_failure(take, x->id));
}

void exchange_answered_as_is(exchange *x) {
    span bytes = x->answer.in_file ? (span){NULL, 0} : x->answer.bytes;
    http_response *response = answer_back_end(&x->answer);
    exchange_track_answer(x, response, bytes, NULL);
    exchange_respond(x, response);
}

static void answer(void *owner) {
    exchange *x = owner;
    if (x->script && !x->plan->gaps[x->side].response && x->answer.status != 204)
        exchange_run_response_script(x);
    else
        exchange_answered_as_is(x);
}

/* Policies look at every byte of an answer (tags, compression): of a large one not on a loop. */
void exchange_answered(exchange *x) {
    if (x->answer.bytes.len > LARGE_ANSWER_BYTES)
        blocking_run(x->services->blocking, answer, x);
    else
        answer(x);
}

/* ---- the back-end ---- */

static void answer_missing(exchange *x, const char *detail) {
    exchange_respond(x, answer_problem(404, "not-found", "There is no such resource", detail, NULL));
}

static void ask_again(void *owner);

/* Is it asked once more? */
static bool wait_to_ask_again(exchange *x, const back_end_answer *answer, const error *failure) {
    int64_t wait_ms = 0;
    const http_field *after =
        answer ? http_find_field(answer->headers, answer->header_count, SPAN("Retry-After")) : NULL;
    bool again = failure ? repeat_after_failure(x, failure, &wait_ms)
                         : repeat_after_status(x, answer->status, after ? after->value : (span){NULL, 0}, &wait_ms);
    if (again) later_run(x->services->later, wait_ms, ask_again, x);
    return again;
}

static void after_call(void *owner, back_end_answer *answer, error *failure) {
    exchange *x = owner;
    if (wait_to_ask_again(x, answer, failure)) {
        error_free(failure);
        return;
    }
    if (failure && error_code_of(failure) == ERROR_NOT_FOUND) {
        error_free(failure);
        answer_missing(x, "The back-end has nothing under this address.");
        return;
    }
    if (failure) {
        exchange_fail(x, error_wrap(failure, "connection %s", x->target->connection->name));
        return;
    }
    /* Its script may call the same back-end, and would wait for itself. */
    guard_leave(&x->guard, answer->status >= 502 && answer->status <= 504);
    x->answer = *answer; /* it moves */
    *answer = (back_end_answer){.memory = NULL};
    frame_init(&answer->frame, FRAME_REPLY, OPERATION_NONE, 0);
    exchange_answered(x);
}

static error *file_path(const exchange *x, char path[PATH_ROOM]) {
    const char *template = x->target->path;
    if (!template) return error_new(ERROR_INVALID, "endpoint %s names no path to read", x->endpoint->route);
    buf expanded = BUF_MAX(PATH_ROOM - 1);
    error *err = template_expand(template, x->parameters, &expanded);
    if (!err) err = io_path_clean(buf_span(&expanded), path, PATH_ROOM);
    buf_free(&expanded);
    return err;
}

/* What the back-end is asked, as the client or the request script said it. */
static void ask(exchange *x, const back_end *behind) {
    char path[PATH_ROOM];
    back_end_request request = {
        .target = x->target,
        .head = pass_describe(x, x->target),
        .body = SPAN(""),
        .body_fd = -1,
        .timeout_ms = repeat_time_left(x),
        .may_be_file = !x->script && !x->whole_answer,
    };
    if (!behind->passes) {
        error *err = file_path(x, path);
        if (err) {
            answer_missing(x, error_text(err));
            error_free(err);
            return;
        }
        request.file_path = path;
    } else {
        error *err = exchange_shape_request(x, &request);
        if (err) {
            exchange_fail(x, err);
            return;
        }
    }
    behind->call(x->services, &request, after_call, x);
}

static void ask_again(void *owner) {
    exchange *x = owner;
    ask(x, back_end_of(x->target->connection));
}

/* ---- its turn ---- */

static void reach_back_end(exchange *x);

static void refuse_turn(exchange *x, guard_verdict verdict, int64_t retry_ms) {
    char wait[24];
    http_response *response =
        verdict == GUARD_OPEN ? answer_problem(503, "back-end-down", "The back-end is down for the moment",
                                    "It has failed several times; try again when Retry-After is over.", NULL)
                              : answer_problem(503, "back-end-busy", "The back-end has too much to do for the moment",
                                    "Try again when Retry-After is over.", NULL);
    snprintf(wait, sizeof wait, "%lld", (long long)(retry_ms + 999) / 1000);
    http_response_header(response, "Retry-After", wait);
    exchange_respond(x, response);
}

static void take_turn(void *context) {
    reach_back_end(context);
}

/* From the thread of an exchange that ends: on to another, or one would end inside the other without bound. */
static void turn_came(void *context, guard_verdict verdict) {
    exchange *x = context;
    if (verdict == GUARD_PASS)
        blocking_run(x->services->blocking, take_turn, x);
    else
        refuse_turn(x, verdict, 1000);
}

static void enter(exchange *x) {
    int64_t retry_ms = 0;
    guard_verdict verdict = guard_enter(x->target->connection, &x->guard, turn_came, x, &retry_ms);
    if (verdict == GUARD_PASS)
        reach_back_end(x);
    else if (verdict != GUARD_LATER)
        refuse_turn(x, verdict, retry_ms);
}

void exchange_call_back_end(exchange *x) {
    if (x->plan->fixed) {
        http_response *response = answer_fixed(x->endpoint, span_make(x->plan->fixed, x->plan->fixed_len));
        exchange_track_answer(x, response, span_make(x->plan->fixed, x->plan->fixed_len), NULL);
        exchange_respond(x, response);
        return;
    }
    if (!x->target) {
        exchange_refuse(x, 500, "internal", "The endpoint gave no answer",
            "The endpoint has no back-end and its script did not answer.");
        return;
    }
    if (!back_end_of(x->target->connection)->accepts || exchange_keeps_nothing(x) || resource_takes(x))
        enter(x);
    else
        reach_back_end(x); /* what is delivered later waits for nothing */
}

static void reach_back_end(exchange *x) {
    const back_end *behind = back_end_of(x->target->connection);
    x->called = true;
    repeat_first_call(x);
    if (!behind->passes && resource_takes(x)) {
        resource_start(x);
        return;
    }
    bool durable = behind->accepts || x->endpoint->respond_status == 202;
    if (durable && !exchange_keeps_nothing(x))
        exchange_accept(x);
    else if (behind->passes && !x->script && !x->whole_answer)
        pass_start(x);
    else
        ask(x, behind);
}

/* ---- the way in ---- */

static void begin(exchange *x) {
    if (x->script && !x->plan->gaps[x->side].request)
        exchange_run_request_script(x);
    else
        exchange_call_back_end(x);
}

static void body_is_there(exchange *x) {
    x->body_there = true;
    x->step = 0;
    exchange_go_on(x);
}

static void finish_spill(void *owner) {
    exchange *x = owner;
    payload_writer *writer = x->spill;
    x->spill = NULL;
    error *err = payload_finish(writer, &x->body);
    if (err)
        exchange_fail(x, err);
    else
        body_is_there(x);
}

static void after_body(http_request *request, void *owner) {
    exchange *x = owner;
    if (x->spill) {
        blocking_run(x->services->blocking, finish_spill, x);
        return;
    }
    span body = http_request_body(request);
    error *err = payload_of(x->services->store, body.data ? body : SPAN(""), &x->body);
    if (err)
        exchange_fail(x, err);
    else
        body_is_there(x);
}

static int open_spill(void *owner) {
    exchange *x = owner;
    int fd = -1;
    error *err = payload_begin_file(x->services->store, &x->spill, &fd);
    log_failure(LOG_ERROR, "a request body cannot be kept", err);
    return fd;
}

/* Need the body lie here before the back-end is called? */
static bool streams(const exchange *x) {
    return x->target && !x->script && !(x->shadowed && http_request_has_body(x->request)) &&
           !x->plan->policies.wants_body && back_end_of(x->target->connection)->passes &&
           x->endpoint->respond_status != 202;
}

uint64_t exchange_body_limit(const exchange *x) {
    int64_t own = x->endpoint->body_bytes_max;
    return (uint64_t)(own > 0 ? own : x->services->body_bytes_max);
}

/* Is the body read here, or kept for somebody who is told nothing of its coding? */
static bool is_read_here(const exchange *x) {
    if (exchange_keeps_nothing(x)) return false;
    if (x->script || json_object_get(json_get_object(x->endpoint->body, "request"), "schema")) return true;
    return x->target && (!back_end_of(x->target->connection)->passes || x->endpoint->respond_status == 202);
}

/* Nobody here undoes a coding, so that none can be a bomb (HT-25, RFC 9110 §15.5.16). */
static bool refuse_coded(exchange *x) {
    span coding = http_request_header(x->request, "Content-Encoding");
    if (!coding.data || !http_request_has_body(x->request) || http_name_equal(coding, SPAN("identity"))) return false;
    if (!is_read_here(x)) return false;
    http_response *response = answer_problem(
        415, "unsupported-content", "The body is coded", "Send it as it is, without Content-Encoding.", x->id);
    http_response_header(response, "Accept-Encoding", "identity");
    exchange_track_refusal(x, MESSAGE_REJECTED, "The body has a Content-Encoding.");
    exchange_respond(x, response);
    return true;
}

static void take_body(exchange *x) {
    traffic_choose(x);
    x->shadowed = shadow_wants(x);
    if (refuse_coded(x)) return;
    if (streams(x)) {
        enter(x);
        return;
    }
    /* Who only reads needs no room; it is served on a full disk too. */
    uint64_t maximum = exchange_body_limit(x);
    error *err = exchange_keeps_nothing(x) ? NULL : store_admit(x->services->store, maximum);
    if (err) {
        exchange_respond(x, answer_failure(err, NULL));
        return;
    }
    const http_body_plan plan = {
        .maximum = maximum,
        .memory = BODY_IN_MEMORY,
        .spill = open_spill,
        .complete = after_body,
    };
    http_take_body(x->request, &plan);
}

/* The policies that are left, then what follows them. */
void exchange_go_on(exchange *x) {
    const policy_chain *chain = &x->plan->policies;
    bool body_there = x->body_there;
    while (x->step < chain->count) {
        const policy *p = chain->steps[x->step].policy;
        void *prepared = chain->steps[x->step++].prepared;
        policy_verdict (*hook)(exchange *, void *) = body_there ? p->on_body : p->on_head;
        policy_verdict verdict = hook ? hook(x, prepared) : POLICY_GO_ON;
        if (verdict != POLICY_GO_ON) return; /* it may be gone already */
    }
    if (body_there)
        begin(x);
    else
        take_body(x);
}

static json_t *parameters_of(const http_route_match *match) {
    json_t *all = json_object();
    for (size_t i = 0; i < match->parameter_count; i++) {
        char *name = xspandup(match->parameters[i].name);
        json_put_span(all, name, match->parameters[i].value);
        free(name);
    }
    return all;
}

void exchange_start(
    const exchange_services *services, routes *snapshot, const routes_match *match, http_request *request) {
    exchange *x = xcalloc(1, sizeof *x + match->plan->policies.count * sizeof *x->memory);
    x->services = services;
    x->routes = routes_hold(snapshot);
    x->estate = routes_estate(snapshot);
    x->plan = match->plan;
    x->endpoint = match->plan->endpoint;
    x->request = request;
    x->parameters = parameters_of(&match->route);
    x->started_at = clock_wall_ms();
    x->view.fd = -1;
    id_new(x->id);
    frame_init(&x->outcome_frame, FRAME_REPLY, OPERATION_NONE, 0);
    frame_init(&x->answer.frame, FRAME_REPLY, OPERATION_NONE, 0);
    call_scope_begin(&x->scope, x->estate, services->numbers);
    const estate_connection *behind = x->endpoint->legacy ? x->endpoint->legacy : x->endpoint->modern.connection;
    x->scope.partner = behind ? behind->partner : NULL;
    http_own(request, x, exchange_free, pass_aborted);
    exchange_trace_begin(x);
    exchange_go_on(x);
}
