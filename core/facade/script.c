/* core/facade/script.c: an endpoint's script around its back-end: request(req) before, response(res) after. */
#include "core/facade/answer.h"
#include "core/facade/calls.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/trace.h"
#include "core/flow/translate.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_ROOM = 512 };

static json_t *request_headers(const exchange *x) {
    size_t count;
    json_t *headers = json_object();
    const http_field *fields = http_request_headers(x->request, &count);
    for (size_t i = 0; i < count; i++) {
        /* Credentials are the appliance's business, not the script's (LU-22). */
        char *name = answer_lower(fields[i].name);
        if (strcmp(name, "authorization") != 0 && strcmp(name, "cookie") != 0)
            json_put_span(headers, name, fields[i].value);
        free(name);
    }
    return headers;
}

static json_t *request_query(const exchange *x) {
    size_t count;
    json_t *query = json_object();
    const http_field *fields = http_request_parameters(x->request, &count);
    for (size_t i = 0; i < count; i++) {
        char *name = xspandup(fields[i].name);
        if (!json_object_get(query, name)) json_put_span(query, name, fields[i].value);
        free(name);
    }
    return query;
}

json_t *exchange_script_call(const exchange *x, const char *function, const char *script, json_t *take_extra) {
    json_t *message = json_object();
    json_put_text(message, "id", x->id);
    json_put_span(message, "method", http_request_method(x->request));
    json_put_span(message, "path", http_request_path(x->request));
    json_put_span(message, "content_type", http_request_header(x->request, "Content-Type"));
    json_put_text(message, "caller", x->caller);
    if (x->target) json_put_text(message, "connection", x->target->connection->name);
    if (x->target && x->target->connection->partner)
        json_put_text(message, "partner", x->target->connection->partner->name);
    json_object_set(message, "params", x->parameters);
    json_object_set(message, "vars", x->parameters);
    json_object_set_new(message, "query", request_query(x));
    json_object_set_new(message, "headers", request_headers(x));
    if (take_extra) json_object_update(message, take_extra);
    json_decref(take_extra);
    const estate_script *found = estate_find_script(x->scope.estate, script);
    return json_pack("{s:s, s:s?, s:s, s:o, s:o}", "script", script, "hash", found ? found->hash : NULL, "function",
        function, "message", message, "destinations", translate_destinations(x->target, x->target ? 1 : 0));
}

static error *answer_question(void *owner, const frame *question, frame *reply) {
    exchange *x = owner;
    return call_answer(&x->scope, question, reply);
}

static void run_script(
    exchange *x, json_t *take_call, const payload_view *bytes, void (*done)(void *, frame *, error *)) {
    worker_request request = {
        .kind = WORKER_TRANSLATOR,
        .deadline_ms = CALL_TRANSLATOR_DEADLINE_MS,
        .done = done,
        .ask = answer_question,
        .context = x,
    };
    json_t *connections = json_get_array(x->endpoint->body, "calls");
    if (connections) json_object_set(take_call, "connections", connections);
    if (x->call_answers) json_object_set(take_call, "answers", x->call_answers);
    call_scope_tell(&x->scope, take_call);
    call_prepare(&request.call, OPERATION_SCRIPT, take_call, bytes);
    worker_pool_submit(x->services->pool, &request);
}

/* Makes an outcome that of the exchange. The lines that the script before it logged stay. */
static void keep_outcome(exchange *x, json_t *take) {
    json_t *log = json_get_array(x->outcome, "log"), *later = json_get_array(take, "log");
    if (log) {
        log = json_copy(log);
        if (later) json_array_extend(log, later);
        json_object_set_new(take, "log", log);
    }
    json_decref(x->outcome);
    x->outcome = take;
}

/* Takes the outcome of a script call. A failure ends the exchange, with what the script logged before it, and gives
 * false. */
static bool take_outcome(exchange *x, frame *reply, error *failure) {
    json_t *outcome = NULL;
    error *err = failure ? failure : frame_get_error(reply);
    if (reply && frame_get(reply, TAG_HEAD, 0).data) {
        error *unread = frame_get_json(reply, &outcome);
        if (err)
            error_free(unread);
        else
            err = unread;
    } else if (!err) {
        err = error_new(ERROR_INTERNAL, "the worker sent no outcome");
    }
    if (outcome) keep_outcome(x, outcome);
    if (err) exchange_fail(x, error_wrap(err, "script %s", x->script));
    return !err;
}

/* Did the script refuse, or answer by itself? Then the exchange is over. */
static bool script_answered(exchange *x, frame *reply) {
    char text[TEXT_ROOM];
    const char *rejected = translate_rejection(x->outcome, text, sizeof text);
    if (rejected) {
        bool malformed = strcmp(json_get_text(json_get_object(x->outcome, "rejected"), "code", ""), "malformed") == 0;
        exchange_refuse(x, malformed ? 400 : 422, malformed ? "malformed" : "rejected",
            malformed ? "The body cannot be read" : "The request was rejected", rejected);
        return true;
    }
    if (!json_get_bool(x->outcome, "respond", false)) return false;
    const json_t *result = json_array_get(json_get_array(x->outcome, "results"), 0);
    http_response *response = answer_result(result, reply, 200);
    exchange_track_scripted(x);
    exchange_respond(x, response);
    return true;
}

/* Has the script no such function? Then the next request does not look for it. */
static bool lacks_function(const exchange *x, atomic_bool *gap) {
    bool absent = json_get_bool(x->outcome, "absent", false);
    if (absent) atomic_store_explicit(gap, true, memory_order_relaxed);
    return absent;
}

/* ---- before the back-end ---- */

static void call_others(exchange *x, void (*done)(void *, json_t *)) {
    const others_plan plan = {
        .estate = x->estate,
        .requests = json_get_array(x->outcome, "calls"),
        .id = x->id,
        .trace = exchange_trace_shown(x).data,
        .timeout_ms = x->endpoint->timeout_ms,
        .done = done,
        .context = x,
    };
    calls_start(x->services, &plan);
}

/* Adds what came to what came before, which the script gets too: it runs again from its beginning. */
static void keep_answers(exchange *x, json_t *take) {
    if (!x->call_answers) x->call_answers = json_array();
    json_array_extend(x->call_answers, take);
    json_decref(take);
}

static void go_on_with_request(void *owner, json_t *answers) {
    keep_answers(owner, answers);
    exchange_run_request_script(owner);
}

static void go_on_with_response(void *owner, json_t *answers) {
    keep_answers(owner, answers);
    exchange_run_response_script(owner);
}

static bool waits_for_others(const exchange *x) {
    return json_array_size(json_get_array(x->outcome, "calls")) > 0;
}

static void after_request_script(void *owner, frame *reply, error *failure) {
    exchange *x = owner;
    if (!take_outcome(x, reply, failure)) return; /* the exchange is over and gone */
    if (waits_for_others(x)) {
        call_others(x, go_on_with_request);
        return;
    }
    json_decref(x->call_answers);
    x->call_answers = NULL; /* those of the response script are others */
    if (lacks_function(x, &x->plan->gaps[x->side].request)) {
        json_decref(x->outcome);
        x->outcome = NULL;
        exchange_call_back_end(x);
        return;
    }
    if (script_answered(x, reply)) return;
    const json_t *result = json_array_get(json_get_array(x->outcome, "results"), 0);
    json_object_update(x->parameters, json_get_object(result, "vars"));
    x->outcome_frame = *reply;
    frame_init(reply, FRAME_REPLY, OPERATION_NONE, 0);
    exchange_call_back_end(x);
}

void exchange_run_request_script(exchange *x) {
    payload_view view = {.size = x->body.size, .bytes = x->body.bytes, .fd = -1};
    char empty[1] = "";
    if (!view.bytes && !x->body.spool[0]) view.bytes = empty;
    if (view.bytes || exchange_keeps_nothing(x)) {
        run_script(x, exchange_script_call(x, "request", x->script, NULL), &view, after_request_script);
        return;
    }
    error *err = payload_view_of(x->services->store, &x->body, &view);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    run_script(x, exchange_script_call(x, "request", x->script, NULL), &view, after_request_script);
    payload_view_close(&view);
}

/* The client's header fields with those of the script in their place. The texts are the request's and x->outcome's. */
static void shape_headers(exchange *x, const json_t *result, relay_request *head) {
    const json_t *changed = json_get_object(result, "headers");
    const char *type = json_get_text(result, "content_type", NULL), *name;
    json_t *value;
    size_t count = 0;
    http_field *fields = xcalloc(head->header_count + json_object_size(changed) + 1, sizeof *fields);
    for (size_t i = 0; i < head->header_count; i++) {
        bool kept = !(type && http_name_equal(head->headers[i].name, SPAN("Content-Type")));
        json_object_foreach((json_t *)(uintptr_t)changed, name, value) kept &=
            !http_name_equal(head->headers[i].name, span_of(name));
        if (kept) fields[count++] = head->headers[i];
    }
    json_object_foreach((json_t *)(uintptr_t)changed, name, value) if (json_is_string(value)) fields[count++] =
        (http_field){span_of(name), span_of(json_string_value(value))};
    if (type) fields[count++] = (http_field){SPAN("Content-Type"), span_of(type)};
    x->shaped = fields;
    head->headers = fields;
    head->header_count = count;
}

error *exchange_shape_request(exchange *x, back_end_request *request) {
    const json_t *result = json_array_get(json_get_array(x->outcome, "results"), 0);
    bool passed = !x->outcome || json_get_bool(x->outcome, "passed", false);
    const json_t *place = passed ? NULL : json_object_get(result, "payload");
    free(x->shaped); /* of a call before this one */
    x->shaped = NULL;
    attachment_close(&x->shaped_body);
    if (!place) {
        error *err = exchange_open_body(x, &request->body, &request->body_fd, &request->body_size);
        if (err || passed) return err;
    }
    shape_headers(x, result, &request->head);
    error *err = place ? attachment_of_reply(&x->outcome_frame, place, &x->shaped_body) : NULL;
    if (place && !err) request->body = x->shaped_body.bytes;
    return err;
}

/* ---- after the back-end ---- */

static void after_response_script(void *owner, frame *reply, error *failure) {
    exchange *x = owner;
    if (!take_outcome(x, reply, failure)) return;
    if (waits_for_others(x)) {
        call_others(x, go_on_with_response);
        return;
    }
    const json_t *outcome = x->outcome;
    if (json_get_object(outcome, "rejected")) {
        script_answered(x, reply);
    } else if (json_get_bool(outcome, "passed", false)) {
        (void)lacks_function(x, &x->plan->gaps[x->side].response);
        exchange_answered_as_is(x);
    } else {
        const json_t *result = json_array_get(json_get_array(outcome, "results"), 0);
        int fallback = x->endpoint->respond_status ? x->endpoint->respond_status : x->answer.status;
        http_response *response = answer_result(result, reply, fallback);
        exchange_track_answer(x, response, answer_result_bytes(result, reply), NULL);
        exchange_respond(x, response);
    }
}

static json_t *answer_headers(const back_end_answer *answer) {
    json_t *headers = json_object();
    for (size_t i = 0; i < answer->header_count; i++) {
        char *name = answer_lower(answer->headers[i].name);
        json_put_span(headers, name, answer->headers[i].value);
        free(name);
    }
    return headers;
}

void exchange_run_response_script(exchange *x) {
    const char *type = x->answer.content_type ? x->answer.content_type : "application/octet-stream";
    payload_view view = {.size = x->answer.bytes.len, .bytes = (char *)(uintptr_t)x->answer.bytes.data, .fd = -1};
    json_t *extra = json_pack(
        "{s:i, s:s, s:o}", "status", x->answer.status, "content_type", type, "headers", answer_headers(&x->answer));
    run_script(x, exchange_script_call(x, "response", x->script, extra), &view, after_response_script);
}
