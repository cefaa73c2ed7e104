/* core/flow/exchange.c: what sending and receiving have in common; see exchange.h and exchange_parts.h. */
#include "core/base/memory.h"
#include "core/flow/exchange_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LANES = 4 };

/* One of a few lanes of the connection, in turn: keys are read once in each, and several messages pass at a time. */
static void exchange_lane(engine *e, const estate_connection *connection, char lane[128]) {
    unsigned turn = atomic_fetch_add(&e->turn, 1);
    snprintf(lane, 128, "%s#%u", connection->name, turn % LANES);
}

char *exchange_scope(const estate_connection *connection, bool outgoing) {
    return xasprintf("%s-%s/%s/%s", connection->adapter->kind, outgoing ? "out" : "in", connection->station->as2_id,
        connection->partner->as2_id);
}

void exchange_put_json(store *s, store_change *change, const char *id, const char *kind, const json_t *value) {
    payload bytes = {.bytes = NULL};
    char *text = json_text(value, false);
    error *err = payload_of(s, span_of(text), &bytes);
    free(text);
    if (!err) store_put_artifact(change, id, kind, &bytes);
    error_free(
        err); /* evidence that cannot be kept keeps nothing else from happening; the disk is full, which is told */
}

error *exchange_evidence(store *s, const char *message_id, json_t **evidence) {
    payload_view view;
    *evidence = NULL;
    error *err = store_artifact_open(s, message_id, "evidence", &view);
    if (err) return err;
    buf text = BUF_MAX(16 * 1024 * 1024);
    if (view.bytes)
        err = json_parse(span_make(view.bytes, (size_t)view.size), evidence);
    else {
        char *room = buf_reserve(&text, (size_t)view.size);
        ssize_t len = room ? pread(view.fd, room, (size_t)view.size, 0) : -1;
        err = len == (ssize_t)view.size ? json_parse(span_make(room, (size_t)len), evidence)
                                        : error_new(ERROR_IO, "the evidence cannot be read");
    }
    buf_free(&text);
    payload_view_close(&view);
    return err;
}

error *exchange_courier(engine *e, const estate_connection *connection, const kept_call *call, json_t *take_order,
    frame *reply, json_t **told) {
    char lane[128];
    kept_call whole = *call;
    whole.members = json_pack("{s:o}", "order", take_order);
    whole.lane = lane;
    exchange_lane(e, connection, lane);
    error *err = call_courier_kept(e->options.config, e->options.pool, connection, &whole, reply, told);
    json_decref(whole.members);
    return err;
}

error *exchange_unpack(engine *e, const estate_connection *connection, json_t *take_order, const payload_view *body,
    int into, frame *reply, json_t **told) {
    const kept_call call = {.operation = OPERATION_UNPACK, .payload = body, .into = into, .bytes = body->size};
    return exchange_courier(e, connection, &call, take_order, reply, told);
}

payload_view exchange_inline(span body) {
    return (payload_view){.bytes = (char *)(uintptr_t)(body.data ? body.data : ""), .size = body.len, .fd = -1};
}

void exchange_reply_free(exchange_reply *reply) {
    json_decref(reply->headers);
    free(reply->body);
    *reply = (exchange_reply){.status = 0};
}
