/* core/flow/intake.c: see intake.h. */
#include "core/flow/intake.h"

#include "core/base/crash.h"

#include <stdio.h>

enum { SCOPE_ROOM = 96 };

error *intake_message(engine *e, const intake *in, payload *take, char id[ID_SIZE], bool *duplicate) {
    char scope[SCOPE_ROOM];
    store_commit_result result = {.conflict = ""};
    store_change *change = store_change_new();
    int64_t now = clock_wall_ms();
    store_message message = {
        .outgoing = false,
        .status = MESSAGE_RECEIVED,
        .connection = in->connection->name,
        .partner = in->connection->partner ? in->connection->partner->name : NULL,
        .content_type = in->content_type,
        .filename = in->filename,
        .principal = in->principal,
        .headers = in->headers,
        .received_at = now,
    };
    store_job job = {.kind = "process", .message = id, .connection = in->connection->name, .run_at = now};
    id_new(id);
    id_new(job.id);
    memcpy(message.id, id, ID_SIZE);
    json_t *detail = json_pack("{s:I}", "size", (json_int_t)take->size);
    snprintf(scope, sizeof scope, "source/%s", in->connection->name);
    store_add_message(change, &message, take);
    if (in->dedupe_key) store_claim_key(change, scope, in->dedupe_key, id);
    store_add_event(change, id, "received", "received", detail);
    store_add_job(change, &job);
    json_decref(detail);
    crash_point("intake.commit.before");
    error *err = store_commit(e->options.store, change, &result);
    crash_point("intake.commit.after");
    *duplicate = err && error_code_of(err) == ERROR_CONFLICT && result.conflict[0];
    if (!*duplicate) return err;
    error_free(err);
    memcpy(id, result.conflict, ID_SIZE);
    return NULL;
}
