/* core/flow/deliver.c: takes a message to where it goes, in two steps that a crash between them does not repeat.
 *
 * First the bytes are staged under a temporary name made of the message's id; the job is marked; then they get their
 * final name. A job that is marked may have been published before, so that its temporary file may be gone (reliability
 * research 6.3). */
#include "core/base/crash.h"
#include "core/base/memory.h"
#include "core/flow/work.h"

#include <stdlib.h>

static error *ask_courier(work *w, const estate_connection *connection, frame_operation operation, json_t *take_members,
    const payload_view *view) {
    json_t *head = NULL, *answer = NULL;
    worker_request request = {.kind = WORKER_COURIER};
    frame reply;
    error *err = call_courier_head(w->engine->options.config, connection, &head);
    if (!err) {
        json_object_update(head, take_members);
        call_prepare(&request.call, operation, head, view);
        request.call.secret = true;
        err = call_courier(w->engine->options.pool, connection, &request.call, &reply, &answer);
        if (!err) frame_clear(&reply);
    }
    json_decref(answer);
    json_decref(take_members);
    return err;
}

static error *stage(work *w, const estate_connection *connection) {
    const char *id = w->job->message;
    payload_view view;
    error *err = store_payload_open(w->engine->options.store, id, &view);
    if (err) return err;
    json_t *members = json_pack("{s:s, s:s, s:O?}", "path", json_get_text(w->job->detail, "path", ""), "identity", id,
        "content_type", json_object_get(w->job->detail, "content_type"));
    if (connection->adapter->traced)
        json_put_text(members, "traceparent", job_trace_parent(w->engine, w->job, &w->trace));
    err = ask_courier(w, connection, OPERATION_STAGE, members, &view);
    payload_view_close(&view);
    if (err) return err;
    store_change *change = store_change_new();
    json_object_set_new(w->job->detail, "staged", json_true());
    store_note_job(change, w->job->id, w->job->attempt, w->job->detail);
    return store_commit(w->engine->options.store, change, NULL);
}

static error *publish(work *w, const estate_connection *connection, bool again) {
    bool replace = json_get_bool(w->job->detail, "replace", false);
    json_t *members = json_pack("{s:s, s:s, s:s, s:b}", "path", json_get_text(w->job->detail, "path", ""), "identity",
        w->job->message, "if_exists", replace ? "replace" : "fail", "again", again);
    return ask_courier(w, connection, OPERATION_PUBLISH, members, NULL);
}

static error *delivered(work *w, const estate_connection *connection) {
    store_change *change = store_change_new();
    json_t *detail =
        json_pack("{s:s, s:O}", "connection", connection->name, "path", json_object_get(w->job->detail, "path"));
    store_add_event(change, w->job->message, "delivered", "delivered", detail);
    store_finish_job(change, w->job->id, w->job->attempt);
    store_set_delivered(change, w->job->message);
    json_decref(detail);
    return store_commit(w->engine->options.store, change, NULL);
}

/* Nobody tries what is switched off; the engine releases what is held as soon as that changes. `take_why` is freed. */
error *work_hold(work *w, char *take_why) {
    store_change *change = store_change_new();
    char *why = take_why;
    store_hold_job(change, w->job->id, w->job->attempt, why);
    store_add_event(change, w->job->message, "held", why, NULL);
    store_set_status(change, w->job->message, MESSAGE_PROCESSING, why);
    free(why);
    return store_commit(w->engine->options.store, change, NULL);
}

error *work_hold_restored(work *w) {
    return work_hold(w, xstrdup("the appliance was restored from a backup and waits for `banyan restore --release`"));
}

error *work_deliver(work *w) {
    const estate_connection *connection = estate_find_connection(w->estate, w->job->connection);
    if (!connection) return error_new(ERROR_NOT_FOUND, "there is no connection \"%s\" any more", w->job->connection);
    if (!connection->enabled) return work_hold(w, xasprintf("connection %s is switched off", connection->name));
    if (engine_held_since_ms(w->engine)) return work_hold_restored(w);
    if (connection->adapter->pack) {
        error *failure = work_send(w, connection);
        health_note(w->engine->health, connection->name, failure);
        return failure;
    }
    bool staged_before = json_get_bool(w->job->detail, "staged", false);
    error *err = staged_before ? NULL : stage(w, connection);
    crash_point("deliver.staged");
    if (!err) err = publish(w, connection, staged_before);
    crash_point("deliver.published");
    health_note(w->engine->health, connection->name, err);
    return err ? err : delivered(w, connection);
}
