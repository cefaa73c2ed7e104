/* core/facade/shadow.c: see shadow.h. A shadow is a chain like an exchange: (the answering side once more, to learn its
 * noise,) the other side, its response script, the comparison. */
#include "core/facade/shadow.h"

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/pass.h"
#include "core/flow/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { MEMORY_MAX = 64 * 1024 * 1024, PATH_ROOM = 2048, FIELD_SHOWN_MAX = 200 };

struct shadow {
    const exchange_services *services;
    routes *routes; /* held */
    const estate_endpoint *endpoint;
    route_switch *turn;
    arena *memory;
    traffic_side side; /* that answered */
    const char *id;
    relay_request request; /* copied */
    json_t *parameters, *script_call;
    json_t *given_fields; /* {"X-Total": "3"}: of those that are compared, what the given answer carries */
    span body;
    int status; /* of the answer that was given */
    span answer;
    int64_t asked_ms, took_ms;
    bool learning;
    back_end_answer other;
    frame scripted; /* the other side's, after its script */
    call_scope scope;
    char file_path[PATH_ROOM];
};

static bool only_asks(const exchange *x) {
    return exchange_is(x, "GET") || exchange_is(x, "HEAD");
}

/* A part of the requests: by their ids, which are random. */
static bool is_drawn(const exchange *x, int share) {
    uint32_t h = 2166136261u;
    for (const char *c = x->id; *c; c++)
        h = (h ^ (unsigned char)*c) * 16777619u;
    h ^= h >> 15;
    return (int)(h % TRAFFIC_WHOLE) < share;
}

static void skip(exchange *x, shadow_outcome outcome) {
    route_switch_shadowed(x->plan->turn, outcome, 0, NULL, NULL);
}

bool shadow_wants(exchange *x) {
    const estate_shadow *s = &x->endpoint->shadow;
    if (!s->on || !x->plan->turn || !x->endpoint->legacy || !is_drawn(x, s->share)) return false;
    const estate_destination *other = x->side == SIDE_MODERN ? &x->endpoint->target : &x->endpoint->modern;
    bool passes = back_end_of(other->connection)->passes;
    /* What a script makes of a request that changes something is not made twice. */
    if (!only_asks(x) && (!s->writes || !passes || x->endpoint->script || x->endpoint->modern_script)) {
        skip(x, SHADOW_SKIPPED_WRITE);
        return false;
    }
    if (http_request_has_body(x->request) &&
        (http_request_body_length(x->request) < 0 || http_request_body_length(x->request) > s->bytes_max)) {
        skip(x, SHADOW_SKIPPED_SIZE);
        return false;
    }
    return true;
}

static void copy_request(shadow *s, const exchange *x, const estate_destination *target) {
    relay_request *r = &s->request;
    *r = pass_describe(x, target);
    r->method = arena_copy(s->memory, r->method);
    r->target = arena_copy(s->memory, r->target);
    r->host = arena_copy(s->memory, r->host);
    r->peer = arena_copy(s->memory, r->peer);
    r->parameters = s->parameters;
    r->id = s->id;
    r->shadow = true;
    http_field *fields = arena_alloc(s->memory, (r->header_count + 1) * sizeof *fields);
    for (size_t i = 0; i < r->header_count; i++)
        fields[i] = (http_field){arena_copy(s->memory, r->headers[i].name), arena_copy(s->memory, r->headers[i].value)};
    r->headers = fields;
    if (r->trace) r->trace = arena_strdup(s->memory, r->trace);
}

static json_t *fields_given(const estate_shadow *settings, const http_response *response) {
    const json_t *names = json_get_array(settings->options, "headers");
    json_t *given = json_object();
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        span value = http_response_find(response, name);
        if (value.data) json_put_span(given, name, value);
    }
    return given;
}

shadow *shadow_prepare(exchange *x, const http_response *response) {
    const estate_shadow *settings = &x->endpoint->shadow;
    span answer = http_response_content(response);
    span body = x->body.bytes ? span_make(x->body.bytes, x->body.size) : SPAN("");
    if (!x->shadowed || !x->called) return NULL;
    if (!answer.data || answer.len > (size_t)settings->bytes_max || x->body.spool[0]) {
        skip(x, SHADOW_SKIPPED_SIZE);
        return NULL;
    }
    if (!route_switch_shadow_begin(x->plan->turn, settings->concurrency)) {
        skip(x, SHADOW_SKIPPED_BUSY);
        return NULL;
    }
    shadow *s = xcalloc(1, sizeof *s);
    bool modern = x->side == SIDE_LEGACY; /* is the side that will be asked */
    const char *script = modern ? x->endpoint->modern_script : x->endpoint->script;
    s->services = x->services;
    s->routes = routes_hold(x->routes);
    s->endpoint = x->endpoint;
    s->turn = x->plan->turn;
    s->memory = arena_new(MEMORY_MAX);
    s->side = x->side;
    s->id = arena_strdup(s->memory, x->id);
    s->parameters = json_deep_copy(x->parameters);
    s->body = arena_copy(s->memory, body);
    s->answer = arena_copy(s->memory, answer);
    s->given_fields = fields_given(settings, response);
    s->status = http_response_status(response);
    if (script) s->script_call = exchange_script_call(x, "response", script, NULL);
    copy_request(s, x, modern ? &x->endpoint->modern : &x->endpoint->target);
    frame_init(&s->other.frame, FRAME_REPLY, OPERATION_NONE, 0);
    frame_init(&s->scripted, FRAME_REPLY, OPERATION_NONE, 0);
    call_scope_begin(&s->scope, x->estate, x->services->numbers);
    s->scope.partner = x->scope.partner;
    return s;
}

static void end(shadow *s) {
    route_switch_shadow_done(s->turn);
    back_end_answer_free(&s->other);
    frame_clear(&s->scripted);
    call_scope_end(&s->scope);
    json_decref(s->parameters);
    json_decref(s->script_call);
    json_decref(s->given_fields);
    arena_free(s->memory);
    routes_release(s->routes);
    free(s);
}

static void conclude(shadow *s, shadow_outcome outcome, const json_t *differences) {
    route_switch_shadowed(s->turn, outcome, s->took_ms, differences, s->endpoint->track == TRACK_ALL ? s->id : NULL);
    end(s);
}

/* ---- comparing ---- */

static void ask_other(shadow *s);

/* Is "header NAME" among the places that may differ? */
static bool field_is_free(const json_t *places, const char *name) {
    for (size_t i = 0; i < json_array_size(places); i++) {
        const char *place = json_string_value(json_array_get(places, i));
        if (strncmp(place, "header ", 7) == 0 && strcasecmp(place + 7, name) == 0) return true;
    }
    return false;
}

static span field_of_other(const shadow *s, const char *name) {
    const http_field *field = http_find_field(s->other.headers, s->other.header_count, span_of(name));
    if (field) return field->value;
    bool type = strcasecmp(name, "Content-Type") == 0 && s->other.content_type;
    return type ? span_of(s->other.content_type) : span_make(NULL, 0);
}

static span shown(span value) {
    return span_make(value.data, value.len < FIELD_SHOWN_MAX ? value.len : FIELD_SHOWN_MAX);
}

/* Adds to `differences` the header fields that are compared and differ. A script's answer has fields of its own. */
static void compare_fields(const shadow *s, json_t *differences) {
    const json_t *options = s->endpoint->shadow.options, *names = json_get_array(options, "headers");
    bool modern_given = s->side == SIDE_MODERN && !s->learning;
    json_t *noise = route_switch_noise(s->turn);
    for (size_t i = 0; !s->script_call && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (field_is_free(json_get_array(options, "ignore"), name) || (!s->learning && field_is_free(noise, name)))
            continue;
        const char *text = json_get_text(s->given_fields, name, NULL);
        span given = text ? span_of(text) : span_make(NULL, 0), other = field_of_other(s, name);
        span legacy = modern_given ? other : given, modern = modern_given ? given : other;
        if (!legacy.data == !modern.data && span_equal(legacy, modern)) continue;
        json_t *difference = json_pack("{s:o}", "path", json_sprintf("header %s", name));
        json_put_text(difference, "kind", !modern.data ? "missing" : !legacy.data ? "added" : "value");
        if (legacy.data) json_put_span(difference, "legacy", shown(legacy));
        if (modern.data) json_put_span(difference, "modern", shown(modern));
        json_array_append_new(differences, difference);
    }
    json_decref(noise);
}

static void compared(void *context, frame *reply, error *failure) {
    shadow *s = context;
    json_t *head = NULL, *differences = json_array();
    error *err = failure ? failure : frame_get_error(reply);
    if (!err) err = frame_get_json(reply, &head);
    if (!err) {
        compare_fields(s, differences);
        json_array_extend(differences, json_get_array(head, "differences"));
    }
    if (err) {
        log_warning("endpoint %s: two answers could not be compared: %s", s->endpoint->route, error_text(err));
        error_free(err);
        conclude(s, SHADOW_FAILED, NULL);
    } else if (s->learning) {
        route_switch_learn(s->turn, differences);
        s->learning = false;
        back_end_answer_free(&s->other);
        frame_init(&s->other.frame, FRAME_REPLY, OPERATION_NONE, 0);
        ask_other(s);
    } else {
        conclude(s, json_array_size(differences) ? SHADOW_DIFFERED : SHADOW_MATCHED, differences);
    }
    json_decref(differences);
    json_decref(head);
}

static void compare(shadow *s, span given, span other) {
    bool modern_given = s->side == SIDE_MODERN && !s->learning;
    json_t *options = json_pack("{}"), *noise = route_switch_noise(s->turn);
    json_t *ignore = json_copy(json_get_array(s->endpoint->shadow.options, "ignore"));
    if (!ignore) ignore = json_array();
    if (!s->learning) json_array_extend(ignore, noise);
    json_object_set_new(options, "ignore", ignore);
    json_object_set(options, "unordered", json_object_get(s->endpoint->shadow.options, "unordered"));
    json_object_set(options, "tolerance", json_object_get(s->endpoint->shadow.options, "tolerance"));
    json_object_set(options, "mask", json_object_get(json_get_object(s->endpoint->body, "capture"), "mask"));
    worker_request work = {
        .kind = WORKER_TRANSLATOR,
        .deadline_ms = CALL_TRANSLATOR_DEADLINE_MS,
        .done = compared,
        .context = s,
    };
    call_prepare(&work.call, OPERATION_COMPARE, options, NULL);
    frame_put(&work.call, TAG_PAYLOAD, modern_given ? other : given);
    frame_put(&work.call, TAG_PAYLOAD, modern_given ? given : other);
    json_decref(noise);
    worker_pool_submit(s->services->pool, &work);
}

/* Another status is a difference by itself; then bodies need no comparing. */
static void compare_status(shadow *s, int status, span bytes) {
    if (status == s->status && !s->endpoint->shadow.compare && !s->learning) {
        conclude(s, SHADOW_UNCOMPARED, NULL);
    } else if (status == s->status) {
        compare(s, s->answer, bytes);
    } else {
        char legacy[16], modern[16];
        bool modern_given = s->side == SIDE_MODERN;
        snprintf(legacy, sizeof legacy, "%d", modern_given ? status : s->status);
        snprintf(modern, sizeof modern, "%d", modern_given ? s->status : status);
        json_t *differences =
            json_pack("[{s:s, s:s, s:s, s:s}]", "path", "status", "kind", "status", "legacy", legacy, "modern", modern);
        conclude(s, SHADOW_DIFFERED, differences);
        json_decref(differences);
    }
}

/* ---- asking ---- */

static error *answer_question(void *owner, const frame *question, frame *reply) {
    return call_answer(&((shadow *)owner)->scope, question, reply);
}

static void after_script(void *owner, frame *reply, error *failure) {
    shadow *s = owner;
    json_t *outcome = NULL;
    error *err = failure ? failure : frame_get_error(reply);
    if (!err) err = frame_get_json(reply, &outcome);
    if (err) {
        error_free(err);
        conclude(s, SHADOW_FAILED, NULL);
        return;
    }
    s->scripted = *reply;
    frame_init(reply, FRAME_REPLY, OPERATION_NONE, 0);
    const json_t *result = json_array_get(json_get_array(outcome, "results"), 0);
    if (json_get_bool(outcome, "passed", false))
        compare_status(s, s->other.status, s->other.bytes);
    else
        compare_status(
            s, (int)json_get_integer(result, "status", s->other.status), answer_result_bytes(result, &s->scripted));
    json_decref(outcome);
}

static void run_script(shadow *s) {
    payload_view view = {.size = s->other.bytes.len, .bytes = (char *)(uintptr_t)s->other.bytes.data, .fd = -1};
    json_t *message = json_object_get(s->script_call, "message");
    json_object_set_new(message, "status", json_integer(s->other.status));
    json_put_text(message, "content_type", s->other.content_type ? s->other.content_type : "application/octet-stream");
    worker_request work = {
        .kind = WORKER_TRANSLATOR,
        .deadline_ms = CALL_TRANSLATOR_DEADLINE_MS,
        .done = after_script,
        .ask = answer_question,
        .context = s,
    };
    call_scope_tell(&s->scope, s->script_call);
    call_prepare(&work.call, OPERATION_SCRIPT, json_incref(s->script_call), &view);
    worker_pool_submit(s->services->pool, &work);
}

static void after_call(void *owner, back_end_answer *answer, error *failure) {
    shadow *s = owner;
    s->took_ms = clock_monotonic_ms() - s->asked_ms;
    bool failed = failure != NULL, missing = failed && error_code_of(failure) == ERROR_NOT_FOUND;
    error_free(failure);
    if (missing) {
        compare_status(s, 404, SPAN(""));
        return;
    }
    if (failed) {
        conclude(s, SHADOW_FAILED, NULL);
        return;
    }
    s->other = *answer; /* it moves */
    *answer = (back_end_answer){.memory = NULL};
    frame_init(&answer->frame, FRAME_REPLY, OPERATION_NONE, 0);
    if (s->script_call && !s->learning)
        run_script(s);
    else
        compare_status(s, s->other.status, s->other.bytes);
}

static error *make_file_path(shadow *s, const estate_destination *target) {
    buf expanded = BUF_MAX(PATH_ROOM - 1);
    error *err = target->path ? template_expand(target->path, s->parameters, &expanded)
                              : error_new(ERROR_INVALID, "no path to read");
    if (!err) err = io_path_clean(buf_span(&expanded), s->file_path, sizeof s->file_path);
    buf_free(&expanded);
    return err;
}

static void ask(shadow *s, const estate_destination *target) {
    const back_end *behind = back_end_of(target->connection);
    back_end_request request = {
        .target = target,
        .head = s->request,
        .body = s->body,
        .body_fd = -1,
        .timeout_ms = s->endpoint->shadow.timeout_ms,
    };
    request.head.path_template = target->path;
    error *err = behind->passes ? NULL : make_file_path(s, target);
    if (err) {
        error_free(err);
        conclude(s, SHADOW_FAILED, NULL);
        return;
    }
    if (!behind->passes) request.file_path = s->file_path;
    s->asked_ms = clock_monotonic_ms();
    behind->call(s->services, &request, after_call, s);
}

static void ask_other(shadow *s) {
    ask(s, s->side == SIDE_MODERN ? &s->endpoint->target : &s->endpoint->modern);
}

void shadow_start(shadow *s) {
    if (!s) return;
    bool asks = span_is(s->request.method, "GET") || span_is(s->request.method, "HEAD");
    const char *script = s->side == SIDE_MODERN ? s->endpoint->modern_script : s->endpoint->script;
    s->learning = s->endpoint->shadow.learn && asks && !script;
    if (s->learning)
        ask(s, s->side == SIDE_MODERN ? &s->endpoint->modern : &s->endpoint->target);
    else
        ask_other(s);
}
