/* core/facade/calls.c: see calls.h. */
#include "core/facade/calls.h"

#include "core/base/base64.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/flow/guard.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODY_BYTES_MAX = 8 * 1024 * 1024, TEXT_BYTES_MAX = 12 * 1024 * 1024, FIELDS_MAX = 64, PATH_ROOM = 1024 };
enum { OWN_FIELDS = 2, KEY_ROOM = 80 }; /* Content-Type, Idempotency-Key */

typedef struct one_call {
    struct batch *batch;
    estate_destination target;
    back_end_request request;
    http_field fields[FIELDS_MAX + OWN_FIELDS];
    char key[KEY_ROOM];
    char file_path[PATH_ROOM];
    buf body;
    guard_ticket guard;
    json_t *answer;
} one_call;

typedef struct batch {
    const exchange_services *services;
    others_plan plan;
    json_t *parameters; /* none */
    atomic_size_t left;
    size_t count;
    one_call calls[];
} batch;

static void finish(batch *b) {
    json_t *answers = json_array();
    const others_plan plan = b->plan;
    for (size_t i = 0; i < b->count; i++) {
        json_array_append_new(answers, b->calls[i].answer);
        buf_free(&b->calls[i].body);
    }
    json_decref(b->parameters);
    free(b);
    plan.done(plan.context, answers);
}

/* The last one to come home tells. */
static void come_home(one_call *c) {
    if (atomic_fetch_sub(&c->batch->left, 1) == 1) finish(c->batch);
}

static void put_failure(one_call *c, const char *words) {
    json_put_text(c->answer, "error", words);
    come_home(c);
}

static void put_headers(json_t *answer, const back_end_answer *from) {
    json_t *headers = json_object();
    for (size_t i = 0; i < from->header_count; i++) {
        char *name = xspandup(from->headers[i].name);
        for (char *at = name; *at; at++)
            if (*at >= 'A' && *at <= 'Z') *at = (char)(*at - 'A' + 'a');
        json_put_span(headers, name, from->headers[i].value);
        free(name);
    }
    json_object_set_new(answer, "headers", headers);
}

static void answered(void *context, back_end_answer *answer, error *failure) {
    one_call *c = context;
    bool absent = failure && error_code_of(failure) == ERROR_NOT_FOUND;
    guard_leave(&c->guard, failure ? !absent : answer->status >= 502 && answer->status <= 504);
    if (failure && error_code_of(failure) == ERROR_NOT_FOUND && !back_end_of(c->target.connection)->passes) {
        json_object_set_new(c->answer, "status", json_integer(404)); /* a file that is not there */
    } else if (failure) {
        put_failure(c, error_text(failure));
        error_free(failure);
        return;
    } else {
        buf text = BUF_MAX(TEXT_BYTES_MAX);
        base64_write(answer->bytes, &text);
        json_object_set_new(c->answer, "status", json_integer(answer->status));
        json_put_text(c->answer, "content_type", answer->content_type);
        put_headers(c->answer, answer);
        json_put_span(c->answer, "body", buf_span(&text));
        buf_free(&text);
    }
    error_free(failure);
    come_home(c);
}

/* The header fields that the script named; those of a message's framing are not its business (HT-04). */
static error *make_fields(one_call *c, const json_t *request) {
    static const char *const refused[] = {
        "host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"};
    const char *name, *type = json_get_text(request, "content_type", NULL);
    const span key_field = SPAN("Idempotency-Key");
    json_t *value;
    size_t count = 0;
    bool named = false;
    json_object_foreach(json_get_object(request, "headers"), name, value) {
        span text = span_make(json_string_value(value), json_string_length(value));
        if (!text.data || !http_is_token(span_of(name)) || !http_is_field_value(text))
            return error_new(ERROR_INVALID, "'%s' is no header field", name);
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
            if (http_name_equal(span_of(name), span_of(refused[i])))
                return error_new(ERROR_INVALID, "the header field %s is not for scripts", name);
        }
        if (count >= FIELDS_MAX) return error_new(ERROR_INVALID, "a call has more than %d header fields", FIELDS_MAX);
        named |= http_name_equal(span_of(name), key_field);
        c->fields[count++] = (http_field){span_of(name), text};
    }
    if (type && !http_is_field_value(span_of(type))) return error_new(ERROR_INVALID, "'%s' is no content type", type);
    if (type) c->fields[count++] = (http_field){SPAN("Content-Type"), span_of(type)};
    if (c->key[0] && !named) c->fields[count++] = (http_field){key_field, span_of(c->key)};
    c->request.head.headers = c->fields;
    c->request.head.header_count = count;
    return NULL;
}

/* A structured string; none where a repetition does no harm (RFC 9110 §9.2.2). */
static void make_key(one_call *c, span method) {
    static const char *const harmless[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"};
    const others_plan *plan = &c->batch->plan;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (span_is(method, harmless[i])) return;
    size_t number = plan->first + (size_t)(c - c->batch->calls) + 1;
    if (plan->key) snprintf(c->key, sizeof c->key, "\"%s-%zu\"", plan->key, number);
}

static error *make_path(one_call *c, const char *path, bool passes) {
    if (passes) {
        if (*path != '/') return error_new(ERROR_INVALID, "the path '%s' does not begin with /", path);
        c->request.head.target = span_of(path);
        return NULL;
    }
    while (*path == '/')
        path++;
    c->request.file_path = c->file_path;
    return io_path_clean(span_of(path), c->file_path, sizeof c->file_path);
}

static error *make_request(one_call *c, const json_t *request) {
    const others_plan *plan = &c->batch->plan;
    const char *name = json_get_text(request, "connection", ""), *method = json_get_text(request, "method", "GET");
    const estate_connection *connection = estate_find_connection(plan->estate, name);
    if (!connection) return error_new(ERROR_NOT_FOUND, "there is no connection \"%s\"", name);
    if (!connection->enabled) return error_new(ERROR_UNREACHABLE, "it is switched off");
    if (!http_is_token(span_of(method))) return error_new(ERROR_INVALID, "'%s' is no method", method);
    make_key(c, span_of(method));
    c->target.connection = connection;
    c->request = (back_end_request){
        .target = &c->target,
        .head = {.method = span_of(method),
            .route_path = "/",
            .parameters = c->batch->parameters,
            .host = SPAN(""),
            .peer = SPAN(""),
            .id = plan->id,
            .trace = plan->trace},
        .body = SPAN(""),
        .body_fd = -1,
        .timeout_ms = plan->timeout_ms,
    };
    error *err = make_path(c, json_get_text(request, "path", ""), back_end_of(connection)->passes);
    if (!err) err = make_fields(c, request);
    if (!err && !base64_read(json_get_span(request, "body"), &c->body))
        err = error_new(ERROR_INTERNAL, "the body of a call came damaged");
    if (!err) err = buf_check(&c->body, "the body of a call");
    c->request.body = buf_span(&c->body);
    c->request.body_size = c->body.len;
    return err;
}

/* ---- its turn ---- */

static void call_now(void *context) {
    one_call *c = context;
    back_end_of(c->target.connection)->call(c->batch->services, &c->request, answered, c);
}

static void refuse_turn(one_call *c, guard_verdict verdict) {
    put_failure(c, verdict == GUARD_OPEN ? "it is down for the moment: it failed several times, and is left alone"
                                         : "it has too much to do for the moment");
}

/* From the thread of whoever leaves: on to another, or one would end inside the other without bound. */
static void turn_came(void *context, guard_verdict verdict) {
    one_call *c = context;
    if (verdict == GUARD_PASS)
        blocking_run(c->batch->services->blocking, call_now, c);
    else
        refuse_turn(c, verdict);
}

static void take_turn(one_call *c) {
    int64_t retry_ms;
    guard_verdict verdict = guard_enter(c->target.connection, &c->guard, turn_came, c, &retry_ms);
    if (verdict == GUARD_PASS)
        call_now(c);
    else if (verdict != GUARD_LATER)
        refuse_turn(c, verdict);
}

void calls_start(const exchange_services *services, const others_plan *plan) {
    static const char *const echoed[] = {"connection", "method", "path"};
    size_t count = json_array_size(plan->requests);
    batch *b = xcalloc(1, sizeof *b + count * sizeof *b->calls);
    b->services = services;
    b->plan = *plan;
    b->parameters = json_object();
    b->count = count;
    atomic_init(&b->left, count + 1); /* one for this function: the batch must not go while it is started */
    for (size_t i = 0; i < count; i++) {
        one_call *c = &b->calls[i];
        const json_t *request = json_array_get(plan->requests, i);
        c->batch = b;
        c->body = BUF_MAX(BODY_BYTES_MAX);
        c->answer = json_object();
        for (size_t k = 0; k < sizeof echoed / sizeof *echoed; k++)
            json_put_text(c->answer, echoed[k], json_get_text(request, echoed[k], ""));
    }
    for (size_t i = 0; i < count; i++) {
        one_call *c = &b->calls[i];
        error *err = make_request(c, json_array_get(plan->requests, i));
        if (!err)
            take_turn(c);
        else
            put_failure(c, error_text(err));
        error_free(err);
    }
    if (atomic_fetch_sub(&b->left, 1) == 1) finish(b);
}
