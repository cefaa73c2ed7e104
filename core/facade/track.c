/* core/facade/track.c: what of an exchange is kept in the store, by the endpoint's `track`. Nothing here waits: what an
 * answer depends on is committed by accept.c. */
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/repeat.h"
#include "core/facade/trace.h"
#include "core/flow/estate_policy_settings.h"
#include "core/flow/translate.h"

#include "core/base/log.h"
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEPT_BYTES_MAX = 64 * 1024, TEXT_ROOM = 640 };

/* The trace that the request is in, so that the timeline is found from it; NULL: none. New reference. */
static json_t *trace_of(const exchange *x) {
    span parent = exchange_trace_shown(x);
    if (!parent.data) return NULL;
    json_t *detail = json_object();
    json_put_span(detail, "traceparent", parent);
    return detail;
}

/* ---- bodies ---- */

/* A message that waits until its body is masked. Its texts are copies. */
typedef struct record {
    store *store;
    arena *memory;
    store_message message;
    json_t *events, *outcome; /* [[kind, text, detail]…] */
} record;

enum { RECORD_BYTES_MAX = 256 * 1024 };

static const json_t *masks_of(const exchange *x) {
    const json_t *mask = json_get_array(json_get_object(x->endpoint->body, "capture"), "mask");
    return json_array_size(mask) > 0 ? mask : NULL;
}

static bool keeps(const exchange *x, const char *which) {
    const json_t *capture = json_get_object(x->endpoint->body, "capture");
    return !capture || settings_boolean(estate_capture_settings, capture, which);
}

/* Adds one event; takes the detail. Texts may hold what a client wrote, which need not be UTF-8. */
static void note_event(json_t *events, const char *kind, const char *text, json_t *take_detail) {
    json_t *one = json_array();
    json_array_append_new(one, json_string(kind));
    json_array_append_new(one, json_stringn_nocheck(text ? text : "", text ? strlen(text) : 0));
    if (take_detail) json_array_append_new(one, take_detail);
    json_array_append_new(events, one);
}

static void add_events(store_change *change, const char *id, const json_t *events, const json_t *outcome) {
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i), *detail = json_array_get(event, 2);
        store_add_event(change, id, json_string_value(json_array_get(event, 0)),
            json_string_value(json_array_get(event, 1)), json_is_object(detail) ? detail : NULL);
    }
    if (outcome) translate_log_events(change, id, outcome);
}

/* The body is masked, or is none that can be: then the message is kept without it. */
static void after_mask(void *context, frame *reply, error *failure) {
    record *r = context;
    payload bytes = {.bytes = NULL};
    error *err = failure ? failure : frame_get_error(reply);
    if (!err) err = payload_of(r->store, frame_get(reply, TAG_PAYLOAD, 0), &bytes);
    store_change *change = store_change_new();
    store_add_message(change, &r->message, err ? NULL : &bytes);
    add_events(change, r->message.id, r->events, r->outcome);
    if (err) store_add_event(change, r->message.id, "not kept", "the body is none that can be masked", NULL);
    store_submit(r->store, change, NULL, NULL);
    error_free(err);
    json_decref(r->events);
    json_decref(r->outcome);
    arena_free(r->memory);
    free(r);
}

static const char *copy(arena *memory, const char *text) {
    return text ? arena_strdup(memory, text) : NULL;
}

/* The same message once a translator has masked its body. Nothing waits for it. */
static void keep_masked(exchange *x, const store_message *message, span body, const json_t *events) {
    record *r = xcalloc(1, sizeof *r);
    arena *memory = arena_new(RECORD_BYTES_MAX);
    *r = (record){.store = x->services->store, .memory = memory, .message = *message};
    r->message.reason = copy(memory, message->reason);
    r->message.connection = copy(memory, message->connection);
    r->message.partner = copy(memory, message->partner);
    r->message.endpoint = copy(memory, message->endpoint);
    r->message.content_type = copy(memory, message->content_type);
    r->message.script = copy(memory, message->script);
    r->message.principal = copy(memory, message->principal);
    r->events = json_deep_copy(events);
    r->outcome = x->outcome ? json_deep_copy(x->outcome) : NULL;
    worker_request work = {
        .kind = WORKER_TRANSLATOR, .deadline_ms = CALL_TRANSLATOR_DEADLINE_MS, .done = after_mask, .context = r};
    call_prepare(&work.call, OPERATION_MASK, json_pack("{s:O}", "places", masks_of(x)), NULL);
    frame_put(&work.call, TAG_PAYLOAD, body);
    worker_pool_submit(x->services->pool, &work);
}

/* ---- messages ---- */

static void describe_request(const exchange *x, char text[TEXT_ROOM]) {
    span method = http_request_method(x->request), path = http_request_path(x->request);
    snprintf(
        text, TEXT_ROOM, "%.*s %.*s", (int)method.len, method.data, (int)(path.len > 400 ? 400 : path.len), path.data);
}

/* `type` is the message's content type, which the caller frees. */
static store_message message_of(
    exchange *x, message_status status, const char *reason, const estate_connection *goes_by, char **type) {
    span content_type = http_request_header(x->request, "Content-Type");
    *type = content_type.data ? xspandup(content_type) : NULL;
    store_message message = {
        .outgoing = false,
        .status = status,
        .reason = reason,
        .connection = goes_by ? goes_by->name : NULL,
        .partner = goes_by && goes_by->partner ? goes_by->partner->name : NULL,
        .endpoint = x->endpoint->route,
        .content_type = *type,
        .script = x->outcome ? json_get_text(x->outcome, "script", NULL) : NULL,
        .principal = x->caller,
        .received_at = x->started_at,
    };
    memcpy(message.id, x->id, ID_SIZE);
    return message;
}

/* The request as a message: the row, and the bytes that came, for what goes on with them. It names a connection only
 * when it is itself what goes on by it. */
void exchange_add_message(
    exchange *x, store_change *change, message_status status, const char *reason, const estate_connection *goes_by) {
    char text[TEXT_ROOM], *type;
    store_message message = message_of(x, status, reason, goes_by, &type);
    store_add_message(change, &message, x->body_there ? &x->body : NULL); /* one that passed by is not kept */
    describe_request(x, text);
    json_t *trace = trace_of(x);
    store_add_event(change, x->id, "received", text, trace);
    json_decref(trace);
    free(type);
}

/* A request that nothing goes on with, and what became of it: its body as the endpoint wants it kept. */
static void track_request(exchange *x, message_status status, const char *reason, const char *kind, const char *what) {
    char text[TEXT_ROOM], *type;
    store_message message = message_of(x, status, reason, NULL, &type);
    describe_request(x, text);
    json_t *events = json_array();
    note_event(events, "received", text, trace_of(x));
    note_event(events, kind, what, NULL);
    bool kept = x->body_there && keeps(x, "requests");
    if (kept && masks_of(x) && x->body.bytes && x->body.size > 0) {
        keep_masked(x, &message, span_make(x->body.bytes, x->body.size), events);
    } else {
        store_change *change = store_change_new();
        bool masked_away = masks_of(x) && x->body.size > 0;
        store_add_message(change, &message, kept && !masked_away ? &x->body : NULL);
        add_events(change, x->id, events, x->outcome);
        store_submit(x->services->store, change, NULL, NULL);
    }
    json_decref(events);
    free(type);
}

void exchange_track_scripted(exchange *x) {
    if (x->endpoint->track != TRACK_ALL || x->untracked) return;
    track_request(x, MESSAGE_COMPLETED, NULL, "answered", "answered by the script");
}

/* A request that came to nothing is kept too, with why; the answer does not wait for it. */
void exchange_track_refusal(exchange *x, message_status status, const char *reason) {
    if (x->endpoint->track == TRACK_NONE || x->untracked) return;
    track_request(x, status, reason, status == MESSAGE_REJECTED ? "rejected" : "failed", reason);
}

void exchange_track_answer(exchange *x, const http_response *response, span bytes, const char *how) {
    if (x->endpoint->track != TRACK_ALL || x->untracked) return;
    char text[TEXT_ROOM], again[REPEAT_WORDS_SIZE];
    payload copied = {.bytes = NULL};
    span path = http_request_path(x->request), method = http_request_method(x->request);
    store_message message = {
        .outgoing = true,
        .status = MESSAGE_COMPLETED,
        .connection = x->target ? x->target->connection->name : NULL,
        .endpoint = x->endpoint->route,
        .principal = x->caller,
        .received_at = x->started_at,
    };
    memcpy(message.id, x->id, ID_SIZE);
    /* Larger answers are told, not kept. */
    bool kept = bytes.data && bytes.len <= KEPT_BYTES_MAX && keeps(x, "answers");
    const char *side = !x->plan->turn ? "" : x->side == SIDE_MODERN ? " by modern" : " by legacy";
    snprintf(text, sizeof text, "%.*s %.*s answered %d%s%s%s%s", (int)method.len, method.data,
        (int)(path.len > 400 ? 400 : path.len), path.data, http_response_status(response), side, how ? " " : "",
        how ? how : "", repeat_words(x, again));
    json_t *trace = trace_of(x);
    if (kept && bytes.len > 0 && masks_of(x)) {
        json_t *events = json_array();
        note_event(events, "answered", text, trace);
        keep_masked(x, &message, bytes, events);
        json_decref(events);
        return;
    }
    store_change *change = store_change_new();
    error *err = kept ? payload_of(x->services->store, bytes, &copied) : NULL;
    store_add_message(change, &message, kept && !err ? &copied : NULL);
    if (x->outcome) translate_log_events(change, x->id, x->outcome);
    store_add_event(change, x->id, "answered", text, trace);
    json_decref(trace);
    store_submit(x->services->store, change, NULL, NULL);
    log_failure(LOG_WARNING, "an answer was not kept", err);
}
