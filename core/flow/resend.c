/* core/flow/resend.c: what an operator sets going again. The original stays as it is, but for a job that was put aside:
 * that one goes on. */
#include "core/base/memory.h"
#include "core/flow/outgoing.h"
#include "core/flow/work.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_ROOM = 160 };

typedef struct resending {
    engine *engine;
    const char *original, *who;
    json_t *message;
    store_change *change;
} resending;

/* Jobs of the message that were put aside as dead or wait for their next try run now. */
static error *revive_jobs(resending *r, bool *any) {
    json_t *jobs = NULL;
    error *err = store_message_jobs(r->engine->options.store, r->original, &jobs);
    *any = false;
    for (size_t i = 0; i < json_array_size(jobs) && !err; i++) {
        const json_t *job = json_array_get(jobs, i);
        const char *status = json_get_text(job, "status", "");
        if (strcmp(status, "dead") != 0 && strcmp(status, "waiting") != 0) continue;
        store_revive_job(r->change, json_get_text(job, "id", ""));
        *any = true;
    }
    if (*any) store_set_status(r->change, r->original, MESSAGE_PROCESSING, "set going again by hand");
    json_decref(jobs);
    return err;
}

static error *copy_payload(resending *r, payload *bytes) {
    payload_view view;
    error *err = store_payload_open(r->engine->options.store, r->original, &view);
    if (err) return err;
    err = payload_of_view(r->engine->options.store, &view, bytes);
    payload_view_close(&view);
    return err;
}

/* Where it was delivered before, a new text; NULL when it never was. */
static char *delivered_path(resending *r) {
    json_t *events = NULL;
    char *path = NULL;
    error_free(store_message_events(r->engine->options.store, r->original, &events));
    const json_t *list = json_get_array(events, "events");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *event = json_array_get(list, i);
        const char *told = json_get_text(json_get_object(event, "detail"), "path", NULL);
        if (!told || strcmp(json_get_text(event, "kind", ""), "delivered") != 0) continue;
        free(path);
        path = xstrdup(told);
    }
    json_decref(events);
    return path;
}

/* The same bytes once more to the same place, as a message of its own. What lies there under its name is the same, or
 * older: it is replaced. */
static error *send_again(resending *r, const estate *snapshot, char id[ID_SIZE]) {
    payload bytes = {.bytes = NULL};
    const estate_connection *connection =
        estate_find_connection(snapshot, json_get_text(r->message, "connection", NULL));
    if (!connection) return error_new(ERROR_INVALID, "its connection is not there any more");
    const char *flow = json_get_text(r->message, "flow", NULL);
    const estate_flow *made_by = estate_find_flow(snapshot, flow);
    const estate_endpoint *endpoint = estate_find_endpoint(snapshot, json_get_text(r->message, "endpoint", NULL));
    char *path = delivered_path(r);
    const estate_destination destination = {.connection = connection, .path = path, .replace = true};
    json_t *result =
        json_pack("{s:O?, s:O?, s:O?}", "filename", json_object_get(r->message, "filename"), "content_type",
            json_object_get(r->message, "content_type"), "documents", json_object_get(r->message, "documents"));
    outgoing o = {
        .destination = &destination,
        .parent = r->original,
        .flow = flow,
        .endpoint = json_get_text(r->message, "endpoint", NULL),
        .principal = r->who,
        .result = result,
        .retry = made_by ? made_by->retry : (estate_retry){.attempts = 20, .first_ms = 5000, .maximum_ms = 3600000},
        .why = "sent again by hand",
    };
    if (made_by) o.expect = made_by->expect;
    if (endpoint) o.expect = endpoint->expect;
    if (endpoint) o.retry = endpoint->retry;
    error *err = copy_payload(r, &bytes);
    if (!err) err = outgoing_add(r->change, &o, &bytes, id);
    payload_free(&bytes);
    json_decref(result);
    free(path);
    return err;
}

/* The same bytes once more through the flows, as a message of its own. */
static error *process_again(resending *r, char id[ID_SIZE]) {
    payload bytes = {.bytes = NULL};
    int64_t now = clock_wall_ms();
    error *err = copy_payload(r, &bytes);
    if (err) return err;
    store_message message = {
        .status = MESSAGE_RECEIVED,
        .connection = json_get_text(r->message, "connection", NULL),
        .partner = json_get_text(r->message, "partner", NULL),
        .content_type = json_get_text(r->message, "content_type", NULL),
        .filename = json_get_text(r->message, "filename", NULL),
        .parent = r->original,
        .principal = r->who,
        .received_at = now,
    };
    id_new(id);
    memcpy(message.id, id, ID_SIZE);
    store_add_message(r->change, &message, &bytes);
    store_add_event(r->change, id, "received", "processed again by hand", NULL);
    json_t *detail = json_pack("{s:b}", "again", 1);
    store_job job = {
        .kind = "process", .message = id, .connection = message.connection, .detail = detail, .run_at = now};
    id_new(job.id);
    store_add_job(r->change, &job);
    json_decref(detail);
    return NULL;
}

error *engine_resend(engine *e, const char *message_id, const char *who, char id[ID_SIZE]) {
    resending r = {.engine = e, .original = message_id, .who = who};
    bool revived;
    char text[TEXT_ROOM];
    error *err = store_message_json(e->options.store, message_id, &r.message);
    if (err) return err;
    estate *snapshot = config_estate(e->options.config);
    bool outgoing_one = strcmp(json_get_text(r.message, "direction", ""), "out") == 0;
    r.change = store_change_new();
    snprintf(id, ID_SIZE, "%s", message_id);
    err = revive_jobs(&r, &revived);
    if (!err && !revived) {
        /* A request that was delivered as it came is what it became. */
        bool passed_on = json_get_text(r.message, "endpoint", NULL) && json_get_text(r.message, "connection", NULL);
        if (json_get_text(r.message, "endpoint", NULL) && !outgoing_one && !passed_on)
            err = error_new(
                ERROR_INVALID, "a request to an endpoint is not repeated; resend the messages that it became");
        else
            err = outgoing_one || passed_on ? send_again(&r, snapshot, id) : process_again(&r, id);
    }
    if (!err) {
        snprintf(text, sizeof text, "%s by %s", revived ? "set going again" : "sent again", who);
        store_add_event(r.change, message_id, "resent", text, NULL);
        store_audit(r.change, who, "resend", message_id, NULL);
        err = store_commit(e->options.store, r.change, NULL);
    } else {
        store_change_free(r.change);
    }
    estate_release(snapshot);
    json_decref(r.message);
    if (!err) engine_wake(e);
    return err;
}
