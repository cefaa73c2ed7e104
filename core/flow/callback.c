/* core/flow/callback.c: see callback.h. */
#include "core/flow/callback.h"

#include "core/base/memory.h"
#include "core/flow/outcome.h"
#include "core/flow/outgoing.h"

#include <stdlib.h>

enum { FIRST_LOOK_MS = 200, LAST_LOOK_MS = 60 * 1000, REPLY_INLINE = 1024, TYPE_ROOM = 40 };

void callback_watch(store_change *change, const estate_endpoint *endpoint, const char *id) {
    int64_t now = clock_wall_ms();
    json_t *detail = json_pack("{s:s, s:s, s:I}", "request", id, "route", endpoint->route, "since", (json_int_t)now);
    store_job job = {.kind = "callback", .detail = detail, .run_at = now + FIRST_LOOK_MS};
    id_new(job.id);
    store_add_job(change, &job);
    json_decref(detail);
}

static error *end(work *w, store_change *change) {
    store_finish_job(change, w->job->id, w->job->attempt);
    return store_commit(w->engine->options.store, change, NULL);
}

/* An eighth of the time that it has taken so far: who is told late is told little later. */
static error *look_again(work *w) {
    int64_t now = clock_wall_ms(), wait_ms = (now - json_get_integer(w->job->detail, "since", now)) / 8;
    if (wait_ms < FIRST_LOOK_MS) wait_ms = FIRST_LOOK_MS;
    if (wait_ms > LAST_LOOK_MS) wait_ms = LAST_LOOK_MS;
    store_change *change = store_change_new();
    store_retry_job(change, w->job->id, w->job->attempt, now + wait_ms, "the request is not decided yet");
    return store_commit(w->engine->options.store, change, NULL);
}

/* ---- replies ---- */

/* Where the reply will be: the detail of the event that says so; NULL: none is expected, or it was given already. */
static const json_t *awaited_reply(const json_t *events) {
    const json_t *list = json_get_array(events, "events"), *found = NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *event = json_array_get(list, i);
        const char *kind = json_get_text(event, "kind", "");
        if (strcmp(kind, "reply expected") == 0) found = json_get_object(event, "detail");
        if (strcmp(kind, "answered") == 0) return NULL;
    }
    return found;
}

static error *reply_is_there(work *w, const json_t *where, bool *there) {
    const estate_connection *connection = estate_find_connection(w->estate, json_get_text(where, "connection", NULL));
    json_t *head = NULL, *answer = NULL;
    frame call, reply;
    *there = false;
    if (!connection) return NULL;
    error *err = call_courier_head(w->engine->options.config, connection, &head);
    if (err) return err;
    json_put_text(head, "path", json_get_text(where, "path", ""));
    json_object_set_new(head, "inline_limit", json_integer(REPLY_INLINE));
    call_prepare(&call, OPERATION_READ, head, NULL);
    call.secret = true;
    err = call_courier(w->engine->options.pool, connection, &call, &reply, &answer);
    *there = !err || error_code_of(err) == ERROR_LIMIT;
    if (!err) frame_clear(&reply);
    error_free(err); /* it is not there, or cannot be seen for now */
    json_decref(answer);
    return NULL;
}

/* The trace that the request came in, so that what follows is found from it. */
static void add_trace(const json_t *events, json_t *outcome) {
    const json_t *first = json_array_get(json_get_array(events, "events"), 0);
    json_put_text(outcome, "traceparent", json_get_text(json_get_object(first, "detail"), "traceparent", NULL));
}

/* Adds "links" and "traceparent"; false: the reply that belongs to it has not come. */
static error *add_links(work *w, const char *id, json_t *outcome, bool *whole) {
    json_t *events = NULL, *links = json_object();
    bool there = false;
    *whole = true;
    json_object_set_new(links, "status", json_sprintf("/status/%s", id));
    error *err = store_message_events(w->engine->options.store, id, &events);
    const json_t *where = err ? NULL : awaited_reply(events);
    if (where && strcmp(json_get_text(outcome, "state", ""), "completed") == 0) {
        err = reply_is_there(w, where, &there);
        *whole = there;
        if (there) json_object_set_new(links, "reply", json_sprintf("/status/%s/reply", id));
    }
    json_object_set_new(outcome, "links", links);
    add_trace(events, outcome);
    json_decref(events);
    return err;
}

/* ---- the notice ---- */

static error *make_notice(work *w, const json_t *message, const estate_endpoint *endpoint, json_t *outcome) {
    char now[CLOCK_TEXT_SIZE], type[TYPE_ROOM], id[ID_SIZE];
    snprintf(type, sizeof type, "request.%s", json_get_text(outcome, "state", "completed"));
    json_t *body =
        json_pack("{s:s, s:s, s:O}", "type", type, "timestamp", clock_format(clock_wall_ms(), now), "data", outcome);
    char *text = json_text(body, false);
    json_t *result = json_pack("{s:s}", "content_type", "application/json");
    const outgoing o = {
        .destination = &endpoint->callback.target,
        .endpoint = endpoint->route,
        .principal = json_get_text(message, "principal", NULL),
        .result = result,
        .retry = endpoint->callback.retry,
        .why = "tells how a request fared",
    };
    store_change *change = store_change_new();
    error *err = outgoing_add_text(change, &o, w->engine->options.store, span_of(text), id);
    if (!err) {
        json_t *detail = json_pack("{s:s, s:s}", "message", id, "type", type);
        store_add_event(change, json_get_text(message, "id", ""), "callback", type, detail);
        json_decref(detail);
        err = end(w, change);
    } else {
        store_change_free(change);
    }
    json_decref(result);
    json_decref(body);
    free(text);
    return err;
}

static bool is_told(const estate_endpoint *endpoint, const json_t *outcome) {
    const json_t *on = endpoint->callback.on;
    return !on || json_lists(on, json_get_text(outcome, "state", ""));
}

error *work_callback(work *w) {
    const char *id = json_get_text(w->job->detail, "request", "");
    const estate_endpoint *endpoint = estate_find_endpoint(w->estate, json_get_text(w->job->detail, "route", ""));
    json_t *message = NULL, *outcome = NULL;
    bool whole = false;
    if (!endpoint || !endpoint->callback.target.connection) return end(w, store_change_new());
    error *err = store_message_json(w->engine->options.store, id, &message);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) { /* it was kept long enough */
        error_free(err);
        return end(w, store_change_new());
    }
    if (!err) err = outcome_of(w->engine->options.store, message, &outcome);
    if (!err && outcome_is_final(outcome)) err = add_links(w, id, outcome, &whole);
    if (!err && !whole)
        err = look_again(w);
    else if (!err)
        err = is_told(endpoint, outcome) ? make_notice(w, message, endpoint, outcome) : end(w, store_change_new());
    json_decref(message);
    json_decref(outcome);
    return err;
}
