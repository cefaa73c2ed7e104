/* core/facade/accept.c: a request that hands something over: it is kept, with its deliveries, before it is answered
 * 202. */
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"
#include "core/facade/reply.h"
#include "core/flow/callback.h"
#include "core/flow/outgoing.h"
#include "core/flow/template.h"
#include "core/flow/translate.h"
#include "core/http/loop.h"

#include "core/base/io.h"
#include "core/base/memory.h"

#include <stdlib.h>

enum { PATH_ROOM = 2048 };

static void after_duplicate(void *owner) {
    exchange *x = owner;
    json_t *first = NULL;
    error *err = store_message_json(x->services->store, x->id, &first);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    bool same = strcmp(json_get_text(first, "sha256", ""), x->body.sha256) == 0;
    if (same) {
        http_response *response = answer_accepted(x->id, x->endpoint->respond_status);
        http_response_header(response, "Idempotent-Replayed", "true");
        exchange_respond(x, response);
    } else {
        exchange_respond(
            x, answer_problem(422, "idempotency-key-reused", "This Idempotency-Key belongs to another request",
                   "The same key came with another body before; send a new key with a new request.", x->id));
    }
    json_decref(first);
}

static void answer_kept(void *owner) {
    exchange *x = owner;
    exchange_respond(x, answer_accepted(x->id, x->endpoint->respond_status));
}

/* On the writer's thread, which has the next batch to think of: the answer is made where it is sent. */
static void after_commit(void *owner, error *failure, const store_commit_result *result) {
    exchange *x = owner;
    if (!failure && reply_expected(x)) {
        reply_wait(x);
        return;
    }
    if (!failure) {
        http_loop_post(x->services->loop, answer_kept, x);
        return;
    }
    if (error_code_of(failure) == ERROR_CONFLICT && result && result->conflict[0]) {
        error_free(failure);
        memcpy(x->id, result->conflict, ID_SIZE);
        blocking_run(x->services->blocking, after_duplicate, x);
        return;
    }
    exchange_respond(x, answer_failure(failure, x->id));
}

/* One payload of the script's, as a message of its own below the request's. */
static error *add_result(exchange *x, store_change *change, const json_t *result) {
    char id[ID_SIZE];
    payload bytes = {.bytes = NULL};
    const outgoing o = {
        .destination = x->target,
        .parent = x->id,
        .endpoint = x->endpoint->route,
        .principal = x->caller,
        .script = json_get_text(x->outcome, "script", NULL),
        .result = result,
        .expect = x->endpoint->expect,
        .retry = x->endpoint->retry,
        .why = "made by the endpoint's script",
    };
    error *err = call_result_payload(x->services->store, &x->outcome_frame, json_object_get(result, "payload"), &bytes);
    if (!err) err = outgoing_add(change, &o, &bytes, id);
    payload_free(&bytes);
    return err;
}

/* The bytes go on as they came: then the request's message is the one that is delivered. */
static error *add_own_delivery(exchange *x, store_change *change) {
    const estate_destination *target = x->target;
    const char *template = target->path ? target->path : target->connection->path;
    char path[PATH_ROOM];
    buf expanded = BUF_MAX(PATH_ROOM - 1);
    json_t *variables = json_copy(x->parameters);
    json_object_set_new(variables, "message", json_pack("{s:s}", "id", x->id));
    if (!json_object_get(variables, "filename")) json_put_text(variables, "filename", x->id);
    error *err = template_expand(template, variables, &expanded);
    if (!err) err = io_path_clean(buf_span(&expanded), path, sizeof path);
    span type = http_request_header(x->request, "Content-Type");
    if (!err) outgoing_add_delivery(change, target, &x->endpoint->retry, x->id, path, type, x->started_at);
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
static void keep(void *owner) {
    exchange *x = owner;
    bool scripted = x->outcome && !json_get_bool(x->outcome, "passed", false);
    span field = http_request_header(x->request, "Idempotency-Key");
    char *key = field.data ? idempotency_key(field) : NULL;
    if (field.data && !key) {
        idempotency_refuse_key(x);
        return;
    }
    store_change *change = store_change_new();
    char sha256[sizeof x->body.sha256];
    memcpy(sha256, x->body.sha256, sizeof sha256);
    exchange_add_message(
        x, change, scripted ? MESSAGE_COMPLETED : MESSAGE_PROCESSING, NULL, scripted ? NULL : x->target->connection);
    memcpy(x->body.sha256, sha256, sizeof sha256);
    error *err = scripted ? add_results(x, change) : add_own_delivery(x, change);
    if (!err && reply_expected(x)) err = reply_announce(x, change);
    if (!err && x->endpoint->callback.target.connection) callback_watch(change, x->endpoint, x->id);
    if (err) {
        store_change_free(change);
        free(key);
        bool by_address = !scripted && (error_code_of(err) == ERROR_INVALID || error_code_of(err) == ERROR_LIMIT);
        if (by_address) {
            exchange_refuse(x, 400, "path", "The address does not make a file name", error_text(err));
            error_free(err);
        } else {
            exchange_fail(x, err);
        }
        return;
    }
    if (key) {
        char *scope = xasprintf("endpoint/%s/%s", x->endpoint->route, x->caller ? x->caller : "");
        store_claim_key(change, scope, key, x->id);
        free(scope);
    }
    free(key);
    call_scope_raise(&x->scope, change);
    store_submit(x->services->store, change, after_commit, x);
}

/* Large results of a script become files, which are synced: not on a loop. */
void exchange_accept(exchange *x) {
    if (x->outcome_frame.descriptor_count > 0)
        blocking_run(x->services->blocking, keep, x);
    else
        keep(x);
}
