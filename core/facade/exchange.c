/* core/facade/exchange.c: see exchange.h. */
#include "core/facade/exchange.h"

#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/flow/outgoing.h"
#include "core/flow/template.h"
#include "core/flow/translate.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODY_IN_MEMORY = 64 * 1024, READ_BYTES_MAX = 8 * 1024 * 1024, PATH_ROOM = 2048, TEXT_ROOM = 512 };

typedef struct exchange {
    exchange_services services;
    estate *estate;
    const estate_endpoint *endpoint;
    http_request *request;
    json_t *parameters; /* of the path, then what the request script adds */
    char *principal;    /* NULL: nobody known */
    char id[ID_SIZE];   /* of the message that the request becomes */
    int64_t started_at;
    call_scope scope;
    payload_writer *spill; /* while a large body comes in */
    payload body;          /* as it came */
    frame outcome_frame;   /* of the request script, with its payloads */
    json_t *outcome;
    span answer_bytes; /* of the back-end, inside read_frame */
    frame read_frame;
    store_change *change; /* what is being committed */
} exchange;

static void exchange_free(void *owner, http_outcome outcome) {
    exchange *x = owner;
    (void)outcome;
    payload_abandon(x->spill);
    payload_free(&x->body);
    frame_clear(&x->outcome_frame);
    frame_clear(&x->read_frame);
    call_scope_end(&x->scope);
    json_decref(x->outcome);
    json_decref(x->parameters);
    estate_release(x->estate);
    free(x->principal);
    free(x);
}

/* ---- tracking ---- */

/* The request as a message: the row, and the bytes that came. It names a connection only when it is itself what goes on
 * by it. */
static void add_request_message(
    exchange *x, store_change *change, message_status status, const char *reason, const estate_connection *goes_by) {
    char text[TEXT_ROOM];
    span content_type = http_request_header(x->request, "Content-Type");
    char *type = content_type.data ? xspandup(content_type) : NULL;
    store_message message = {
        .outgoing = false,
        .status = status,
        .reason = reason,
        .connection = goes_by ? goes_by->name : NULL,
        .partner = goes_by && goes_by->partner ? goes_by->partner->name : NULL,
        .endpoint = x->endpoint->route,
        .content_type = type,
        .script = x->outcome ? json_get_text(x->outcome, "script", NULL) : NULL,
        .principal = x->principal,
        .received_at = x->started_at,
    };
    memcpy(message.id, x->id, ID_SIZE);
    store_add_message(change, &message, &x->body);
    span method = http_request_method(x->request), path = http_request_path(x->request);
    snprintf(text, sizeof text, "%.*s %.*s", (int)method.len, method.data, (int)(path.len > 400 ? 400 : path.len),
        path.data);
    store_add_event(change, x->id, "received", text, NULL);
    free(type);
}

/* A request that came to nothing is kept too, with why; the answer does not wait for it. */
static void track_refusal(exchange *x, message_status status, const char *reason) {
    if (x->endpoint->track == TRACK_NONE) return;
    store_change *change = store_change_new();
    add_request_message(x, change, status, reason, NULL);
    store_add_event(change, x->id, status == MESSAGE_REJECTED ? "rejected" : "failed", reason, NULL);
    if (x->outcome) translate_log_events(change, x->id, x->outcome);
    store_submit(x->services.store, change, NULL, NULL);
}

static void refuse(exchange *x, int status, const char *name, const char *title, const char *detail) {
    track_refusal(x, status < 500 ? MESSAGE_REJECTED : MESSAGE_FAILED, detail);
    http_respond(x->request, answer_problem(status, name, title, detail, x->id));
}

static void fail(exchange *x, error *take) {
    track_refusal(x, MESSAGE_FAILED, error_text(take));
    log_warning("endpoint %s, request %s: %s", x->endpoint->route, x->id, error_text(take));
    http_respond(x->request, answer_failure(take, x->id));
}

/* ---- scripts ---- */

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

static json_t *script_call(const exchange *x, const char *function, json_t *take_extra) {
    json_t *message = json_object();
    json_put_text(message, "id", x->id);
    json_put_span(message, "method", http_request_method(x->request));
    json_put_span(message, "path", http_request_path(x->request));
    json_put_span(message, "content_type", http_request_header(x->request, "Content-Type"));
    json_put_text(message, "caller", x->principal);
    if (x->endpoint->legacy) json_put_text(message, "connection", x->endpoint->legacy->name);
    if (x->endpoint->legacy && x->endpoint->legacy->partner)
        json_put_text(message, "partner", x->endpoint->legacy->partner->name);
    json_object_set(message, "params", x->parameters);
    json_object_set(message, "vars", x->parameters);
    json_object_set_new(message, "query", request_query(x));
    json_object_set_new(message, "headers", request_headers(x));
    if (take_extra) json_object_update(message, take_extra);
    json_decref(take_extra);
    return json_pack("{s:s, s:s, s:o, s:o}", "script", x->endpoint->script, "function", function, "message", message,
        "destinations", translate_destinations(&x->endpoint->target, x->endpoint->legacy ? 1 : 0));
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
    call_prepare(&request.call, OPERATION_SCRIPT, take_call, bytes);
    worker_pool_submit(x->services.pool, &request);
}

/* The outcome of a script call; a failure ends the exchange and gives NULL. */
static json_t *take_outcome(exchange *x, frame *reply, error *failure) {
    json_t *outcome = NULL;
    error *err = failure ? failure : frame_get_error(reply);
    if (!err) err = frame_get_json(reply, &outcome);
    if (err) fail(x, error_wrap(err, "script %s", x->endpoint->script));
    return outcome;
}

/* Did the script refuse, or answer by itself? Then the exchange is over. */
static bool script_answered(exchange *x, frame *reply) {
    char text[TEXT_ROOM];
    const char *rejected = translate_rejection(x->outcome, text, sizeof text);
    if (rejected) {
        bool malformed = strcmp(json_get_text(json_get_object(x->outcome, "rejected"), "code", ""), "malformed") == 0;
        refuse(x, malformed ? 400 : 422, malformed ? "malformed" : "rejected",
            malformed ? "The body cannot be read" : "The request was rejected", rejected);
        return true;
    }
    if (!json_get_bool(x->outcome, "respond", false)) return false;
    if (x->endpoint->track == TRACK_ALL) {
        store_change *change = store_change_new();
        add_request_message(x, change, MESSAGE_COMPLETED, NULL, NULL);
        store_add_event(change, x->id, "answered", "answered by the script", NULL);
        translate_log_events(change, x->id, x->outcome);
        store_submit(x->services.store, change, NULL, NULL);
    }
    http_respond(x->request, answer_result(json_array_get(json_get_array(x->outcome, "results"), 0), reply, 200));
    return true;
}

/* ---- reading from the back-end ---- */

static error *target_path(const exchange *x, char path[PATH_ROOM]) {
    const char *template = x->endpoint->target.path;
    if (!template) return error_new(ERROR_INVALID, "endpoint %s names no path to read", x->endpoint->route);
    buf expanded = BUF_MAX(PATH_ROOM - 1);
    error *err = template_expand(template, x->parameters, &expanded);
    if (!err) err = io_path_clean(buf_span(&expanded), path, PATH_ROOM);
    buf_free(&expanded);
    return err;
}

static void track_read(exchange *x, const http_response *response, span bytes) {
    if (x->endpoint->track != TRACK_ALL) return;
    char text[TEXT_ROOM];
    payload copy = {.bytes = NULL};
    store_change *change = store_change_new();
    span path = http_request_path(x->request), method = http_request_method(x->request);
    store_message message = {
        .outgoing = true,
        .status = MESSAGE_COMPLETED,
        .connection = x->endpoint->legacy->name,
        .endpoint = x->endpoint->route,
        .principal = x->principal,
        .received_at = x->started_at,
    };
    memcpy(message.id, x->id, ID_SIZE);
    bool small = bytes.data && bytes.len <= BODY_IN_MEMORY; /* larger answers are told, not kept */
    error *err = small ? payload_of(x->services.store, bytes, &copy) : NULL;
    store_add_message(change, &message, small && !err ? &copy : NULL);
    snprintf(text, sizeof text, "%.*s %.*s answered %d", (int)method.len, method.data,
        (int)(path.len > 400 ? 400 : path.len), path.data, http_response_status(response));
    store_add_event(change, x->id, "answered", text, NULL);
    store_submit(x->services.store, change, NULL, NULL);
    log_failure(LOG_WARNING, "an answer was not kept", err);
}

static void respond_read(exchange *x, http_response *response, span bytes) {
    track_read(x, response, bytes);
    http_respond(x->request, response);
}

static void after_response_script(void *owner, frame *reply, error *failure) {
    exchange *x = owner;
    json_t *outcome = take_outcome(x, reply, failure);
    if (!outcome) return;
    json_decref(x->outcome);
    x->outcome = outcome;
    if (json_get_object(outcome, "rejected")) {
        script_answered(x, reply);
    } else if (json_get_bool(outcome, "passed", false)) {
        respond_read(x, answer_bytes(x->answer_bytes, x->endpoint->target.path), x->answer_bytes);
    } else {
        const json_t *result = json_array_get(json_get_array(outcome, "results"), 0);
        span bytes = answer_result_bytes(result, reply);
        respond_read(x, answer_result(result, reply, x->endpoint->respond_status), bytes);
    }
}

static void after_read(void *owner, frame *reply, error *failure) {
    exchange *x = owner;
    error *err = failure ? failure : frame_get_error(reply);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        http_respond(x->request, answer_problem(404, "not-found", "There is no such resource",
                                     "The back-end has nothing under this address.", NULL));
        return;
    }
    if (err) {
        fail(x, error_wrap(err, "connection %s", x->endpoint->legacy->name));
        return;
    }
    x->read_frame = *reply;
    frame_init(reply, FRAME_REPLY, OPERATION_NONE, 0);
    span bytes = frame_get(&x->read_frame, TAG_PAYLOAD, 0);
    x->answer_bytes = bytes.data ? bytes : SPAN("");
    if (!x->endpoint->script) {
        respond_read(x, answer_bytes(x->answer_bytes, x->endpoint->target.path), x->answer_bytes);
        return;
    }
    const char *type = answer_content_type(x->endpoint->target.path);
    payload_view view = {.size = x->answer_bytes.len, .bytes = (char *)x->answer_bytes.data, .fd = -1};
    run_script(x, script_call(x, "response", json_pack("{s:i, s:s}", "status", 200, "content_type", type)), &view,
        after_response_script);
}

static void after_remove(void *owner, frame *reply, error *failure) {
    exchange *x = owner;
    error *err = failure ? failure : frame_get_error(reply);
    if (err) {
        fail(x, err);
        return;
    }
    respond_read(x, http_response_new(204), SPAN(""));
}

static void ask_courier(
    exchange *x, frame_operation operation, json_t *take_members, void (*done)(void *, frame *, error *)) {
    json_t *head = NULL;
    worker_request request = {
        .kind = WORKER_COURIER,
        .lane = x->endpoint->legacy->name,
        .deadline_ms = x->endpoint->timeout_ms,
        .done = done,
        .context = x,
    };
    error *err = call_courier_head(x->services.config, x->endpoint->legacy, &head);
    if (!err) {
        json_object_update(head, take_members);
        call_prepare(&request.call, operation, head, NULL);
        request.call.secret = true;
        worker_pool_submit(x->services.pool, &request);
    }
    json_decref(take_members);
    if (err) fail(x, err);
}

static void read_back_end(exchange *x, frame_operation operation) {
    char path[PATH_ROOM];
    error *err = target_path(x, path);
    if (err) {
        const char *text = error_text(err);
        http_respond(x->request, answer_problem(404, "not-found", "There is no such resource", text, NULL));
        error_free(err);
        return;
    }
    json_t *members = json_pack("{s:s, s:i}", "path", path, "inline_limit", READ_BYTES_MAX);
    ask_courier(x, operation, members, operation == OPERATION_READ ? after_read : after_remove);
}

/* ---- handing over to the back-end: a durable message, then 202 ---- */

static void after_duplicate(void *owner) {
    exchange *x = owner;
    json_t *first = NULL;
    error *err = store_message_json(x->services.store, x->id, &first);
    if (err) {
        fail(x, err);
        return;
    }
    bool same = strcmp(json_get_text(first, "sha256", ""), x->body.sha256) == 0;
    if (same) {
        http_response *response = answer_accepted(x->id, x->endpoint->respond_status);
        http_response_header(response, "Idempotent-Replayed", "true");
        http_respond(x->request, response);
    } else {
        http_respond(
            x->request, answer_problem(422, "idempotency-key-reused", "This Idempotency-Key belongs to another request",
                            "The same key came with another body before; send a new key with a new request.", x->id));
    }
    json_decref(first);
}

static void after_commit(void *owner, error *failure, const store_commit_result *result) {
    exchange *x = owner;
    if (!failure) {
        http_respond(x->request, answer_accepted(x->id, x->endpoint->respond_status));
        return;
    }
    if (error_code_of(failure) == ERROR_CONFLICT && result && result->conflict[0]) {
        error_free(failure);
        memcpy(x->id, result->conflict, ID_SIZE);
        blocking_run(x->services.blocking, after_duplicate, x);
        return;
    }
    http_respond(x->request, answer_failure(failure, x->id));
}

/* One payload of the script's, as a message of its own below the request's. */
static error *add_result(exchange *x, store_change *change, const json_t *result) {
    char id[ID_SIZE];
    payload bytes = {.bytes = NULL};
    const outgoing o = {
        .destination = &x->endpoint->target,
        .parent = x->id,
        .endpoint = x->endpoint->route,
        .principal = x->principal,
        .script = json_get_text(x->outcome, "script", NULL),
        .result = result,
        .expect = x->endpoint->expect,
        .retry = x->endpoint->retry,
        .why = "made by the endpoint's script",
    };
    error *err = call_result_payload(x->services.store, &x->outcome_frame, json_object_get(result, "payload"), &bytes);
    if (!err) err = outgoing_add(change, &o, &bytes, id);
    payload_free(&bytes);
    return err;
}

/* The bytes go on as they came: then the request's message is the one that is delivered. */
static error *add_own_delivery(exchange *x, store_change *change) {
    const estate_destination *target = &x->endpoint->target;
    const char *template = target->path ? target->path : target->connection->path;
    const estate_retry *retry = &x->endpoint->retry;
    char path[PATH_ROOM];
    buf expanded = BUF_MAX(PATH_ROOM - 1);
    json_t *variables = json_copy(x->parameters);
    json_object_set_new(variables, "message", json_pack("{s:s}", "id", x->id));
    if (!json_object_get(variables, "filename")) json_put_text(variables, "filename", x->id);
    error *err = template_expand(template, variables, &expanded);
    if (!err) err = io_path_clean(buf_span(&expanded), path, sizeof path);
    if (!err) {
        json_t *detail = json_pack("{s:s, s:b, s:i, s:I, s:I}", "path", path, "replace", target->replace, "attempts",
            retry->attempts, "first_ms", (json_int_t)retry->first_ms, "maximum_ms", (json_int_t)retry->maximum_ms);
        store_job job = {.kind = "deliver",
            .message = x->id,
            .connection = target->connection->name,
            .detail = detail,
            .run_at = outgoing_due(target->connection, x->started_at)};
        id_new(job.id);
        store_add_job(change, &job);
        json_decref(detail);
    }
    json_decref(variables);
    buf_free(&expanded);
    return err;
}

static error *add_results(exchange *x, store_change *change) {
    error *err = NULL;
    const json_t *results = json_get_array(x->outcome, "results");
    for (size_t i = 0; i < json_array_size(results) && !err; i++)
        err = add_result(x, change, json_array_get(results, i));
    translate_log_events(change, x->id, x->outcome);
    return err;
}

/* Hands to the store what makes the request and its consequences durable together. */
static void accept_request(exchange *x) {
    bool scripted = x->outcome && !json_get_bool(x->outcome, "passed", false);
    span key = http_request_header(x->request, "Idempotency-Key");
    store_change *change = store_change_new();
    char sha256[sizeof x->body.sha256];
    memcpy(sha256, x->body.sha256, sizeof sha256);
    add_request_message(
        x, change, scripted ? MESSAGE_COMPLETED : MESSAGE_PROCESSING, NULL, scripted ? NULL : x->endpoint->legacy);
    memcpy(x->body.sha256, sha256, sizeof sha256);
    error *err = scripted ? add_results(x, change) : add_own_delivery(x, change);
    if (err) {
        store_change_free(change);
        fail(x, err);
        return;
    }
    if (key.data) {
        char *scope = xasprintf("endpoint/%s/%s", x->endpoint->route, x->principal ? x->principal : "");
        char *value = xspandup(key);
        store_claim_key(change, scope, value, x->id);
        free(scope);
        free(value);
    }
    call_scope_raise(&x->scope, change);
    store_submit(x->services.store, change, after_commit, x);
}

/* ---- the way in ---- */

static bool is_method(const exchange *x, const char *method) {
    return span_is(http_request_method(x->request), method);
}

static bool only_reads(const exchange *x) {
    return is_method(x, "GET") || is_method(x, "HEAD") || is_method(x, "DELETE");
}

static void call_back_end(exchange *x) {
    if (!x->endpoint->legacy) {
        refuse(x, 500, "internal", "The endpoint gave no answer",
            "The endpoint has no back-end and its script did not answer.");
    } else if (is_method(x, "GET") || is_method(x, "HEAD")) {
        read_back_end(x, OPERATION_READ);
    } else if (is_method(x, "DELETE")) {
        read_back_end(x, OPERATION_REMOVE);
    } else {
        accept_request(x);
    }
}

static void after_request_script(void *owner, frame *reply, error *failure) {
    exchange *x = owner;
    json_t *outcome = take_outcome(x, reply, failure);
    if (!outcome) return; /* the exchange is over and gone */
    x->outcome = outcome;
    if (script_answered(x, reply)) return;
    const json_t *result = json_array_get(json_get_array(x->outcome, "results"), 0);
    json_object_update(x->parameters, json_get_object(result, "vars"));
    x->outcome_frame = *reply;
    frame_init(reply, FRAME_REPLY, OPERATION_NONE, 0);
    call_back_end(x);
}

static void begin(exchange *x) {
    if (!x->endpoint->script) {
        call_back_end(x);
        return;
    }
    payload_view view = {.size = x->body.size, .bytes = x->body.bytes, .fd = -1};
    char empty[1] = "";
    if (!view.bytes && !x->body.spool[0]) view.bytes = empty;
    if (view.bytes || only_reads(x)) {
        run_script(x, script_call(x, "request", NULL), &view, after_request_script);
        return;
    }
    error *err = payload_view_of(x->services.store, &x->body, &view);
    if (err) {
        fail(x, err);
        return;
    }
    run_script(x, script_call(x, "request", NULL), &view, after_request_script);
    payload_view_close(&view);
}

static void finish_spill(void *owner) {
    exchange *x = owner;
    payload_writer *writer = x->spill;
    x->spill = NULL;
    error *err = payload_finish(writer, &x->body);
    if (err)
        fail(x, err);
    else
        begin(x);
}

static void after_body(http_request *request, void *owner) {
    exchange *x = owner;
    if (x->spill) {
        blocking_run(x->services.blocking, finish_spill, x);
        return;
    }
    span body = http_request_body(request);
    error *err = payload_of(x->services.store, body.data ? body : SPAN(""), &x->body);
    if (err)
        fail(x, err);
    else
        begin(x);
}

static int open_spill(void *owner) {
    exchange *x = owner;
    int fd = -1;
    error *err = payload_begin_file(x->services.store, &x->spill, &fd);
    log_failure(LOG_ERROR, "a request body cannot be kept", err);
    return fd;
}

void exchange_start(const exchange_services *services, estate *snapshot, const estate_endpoint *endpoint,
    http_request *request, json_t *take_parameters, const char *principal) {
    exchange *x = xcalloc(1, sizeof *x);
    x->services = *services;
    x->estate = estate_hold(snapshot);
    x->endpoint = endpoint;
    x->request = request;
    x->parameters = take_parameters;
    x->principal = principal ? xstrdup(principal) : NULL;
    x->started_at = clock_wall_ms();
    id_new(x->id);
    frame_init(&x->outcome_frame, FRAME_REPLY, OPERATION_NONE, 0);
    frame_init(&x->read_frame, FRAME_REPLY, OPERATION_NONE, 0);
    call_scope_begin(&x->scope, snapshot, services->numbers);
    http_own(request, x, exchange_free, NULL);
    /* Who only reads needs no room; it is served on a full disk too. */
    error *err = only_reads(x) ? NULL : store_admit(services->store, (uint64_t)endpoint->body_bytes_max);
    if (err) {
        http_respond(request, answer_failure(err, NULL));
        return;
    }
    const http_body_plan plan = {
        .maximum = (uint64_t)endpoint->body_bytes_max,
        .memory = BODY_IN_MEMORY,
        .spill = open_spill,
        .complete = after_body,
    };
    http_take_body(request, &plan);
}
