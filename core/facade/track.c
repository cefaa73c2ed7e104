/* core/facade/track.c: what of an exchange is kept in the store, by the endpoint's `track`. Nothing here waits: what an
 * answer depends on is committed by accept.c. */
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/repeat.h"
#include "core/facade/trace.h"
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

/* The request as a message: the row, and the bytes that came. It names a connection only when it is itself what goes on
 * by it. */
void exchange_add_message(
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
        .principal = x->caller,
        .received_at = x->started_at,
    };
    memcpy(message.id, x->id, ID_SIZE);
    store_add_message(change, &message, x->body_there ? &x->body : NULL); /* one that passed by is not kept */
    span method = http_request_method(x->request), path = http_request_path(x->request);
    snprintf(text, sizeof text, "%.*s %.*s", (int)method.len, method.data, (int)(path.len > 400 ? 400 : path.len),
        path.data);
    json_t *trace = trace_of(x);
    store_add_event(change, x->id, "received", text, trace);
    json_decref(trace);
    free(type);
}

/* A request that came to nothing is kept too, with why; the answer does not wait for it. */
void exchange_track_refusal(exchange *x, message_status status, const char *reason) {
    if (x->endpoint->track == TRACK_NONE || x->untracked) return;
    store_change *change = store_change_new();
    exchange_add_message(x, change, status, reason, NULL);
    store_add_event(change, x->id, status == MESSAGE_REJECTED ? "rejected" : "failed", reason, NULL);
    if (x->outcome) translate_log_events(change, x->id, x->outcome);
    store_submit(x->services->store, change, NULL, NULL);
}

void exchange_track_answer(exchange *x, const http_response *response, span bytes, const char *how) {
    if (x->endpoint->track != TRACK_ALL || x->untracked) return;
    char text[TEXT_ROOM], again[REPEAT_WORDS_SIZE];
    payload copy = {.bytes = NULL};
    store_change *change = store_change_new();
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
    bool small = bytes.data && bytes.len <= KEPT_BYTES_MAX; /* larger answers are told, not kept */
    error *err = small ? payload_of(x->services->store, bytes, &copy) : NULL;
    store_add_message(change, &message, small && !err ? &copy : NULL);
    const char *side = !x->plan->turn ? "" : x->side == SIDE_MODERN ? " by modern" : " by legacy";
    snprintf(text, sizeof text, "%.*s %.*s answered %d%s%s%s%s", (int)method.len, method.data,
        (int)(path.len > 400 ? 400 : path.len), path.data, http_response_status(response), side, how ? " " : "",
        how ? how : "", repeat_words(x, again));
    if (x->outcome) translate_log_events(change, x->id, x->outcome);
    json_t *trace = trace_of(x);
    store_add_event(change, x->id, "answered", text, trace);
    json_decref(trace);
    store_submit(x->services->store, change, NULL, NULL);
    log_failure(LOG_WARNING, "an answer was not kept", err);
}
