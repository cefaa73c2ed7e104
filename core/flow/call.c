/* core/flow/call.c: see call.h. */
#include "core/flow/call.h"

#include "core/base/memory.h"
#include "core/worker/attachment.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

enum { COURIER_GRACE_MS = 5000, CONTROL_MAXIMUM = 999999999, SLOW_BYTES_A_MS = 4096 };

/* ---- control numbers ---- */

struct control_numbers {
    pthread_mutex_t lock;
    store *store;
    map *last; /* sequence → int64_t, owned */
};

control_numbers *control_numbers_new(store *s) {
    control_numbers *numbers = xcalloc(1, sizeof *numbers);
    pthread_mutex_init(&numbers->lock, NULL);
    numbers->store = s;
    numbers->last = map_new();
    return numbers;
}

void control_numbers_free(control_numbers *numbers) {
    if (!numbers) return;
    map_free(numbers->last, free);
    pthread_mutex_destroy(&numbers->lock);
    free(numbers);
}

error *control_numbers_next(control_numbers *numbers, const char *sequence, uint64_t *number) {
    error *err = NULL;
    pthread_mutex_lock(&numbers->lock);
    int64_t *last = map_get(numbers->last, span_of(sequence));
    if (!last) {
        last = xcalloc(1, sizeof *last);
        err = store_counter(numbers->store, sequence, last);
        if (!err)
            map_put(numbers->last, span_of(sequence), last);
        else
            free(last);
    }
    /* The counter never falls, the number written rolls over: nine digits are what an envelope holds (X12.5 I12). */
    if (!err) *number = (uint64_t)(++*last - 1) % CONTROL_MAXIMUM + 1;
    pthread_mutex_unlock(&numbers->lock);
    return err;
}

static int64_t last_given(control_numbers *numbers, const char *sequence) {
    pthread_mutex_lock(&numbers->lock);
    int64_t *last = map_get(numbers->last, span_of(sequence));
    int64_t value = last ? *last : 0;
    pthread_mutex_unlock(&numbers->lock);
    return value;
}

/* ---- questions ---- */

void call_scope_begin(call_scope *scope, const estate *e, control_numbers *numbers) {
    *scope = (call_scope){.estate = e, .numbers = numbers, .used = json_object()};
}

void call_scope_end(call_scope *scope) {
    json_decref(scope->used);
    scope->used = NULL;
}

void call_scope_raise(const call_scope *scope, store_change *change) {
    const char *sequence;
    json_t *value;
    json_object_foreach(scope->used, sequence, value)
        store_raise_counter(change, sequence, (int64_t)json_integer_value(value));
}

void call_scope_tell(const call_scope *scope, json_t *head) {
    const estate_partner *partner = scope ? scope->partner : NULL;
    if (!partner || !partner->schemas_key) return;
    json_object_set_new(
        head, "schemas", json_pack("{s:s, s:O}", "key", partner->schemas_key, "names", partner->schemas));
}

static error *answer_schema(const call_scope *scope, const json_t *head, frame *answer) {
    const char *name = json_get_text(head, "name", "");
    const estate_schema *schema = estate_find_schema(scope->estate, name);
    if (!schema) return error_new(ERROR_NOT_FOUND, "there is no schema \"%s\"", name);
    frame_put_empty(answer);
    frame_put(answer, TAG_PAYLOAD, schema->source);
    return NULL;
}

static error *answer_source(const call_scope *scope, const json_t *head, frame *answer) {
    const char *name = json_get_text(head, "name", "");
    const estate_script *script = estate_find_script(scope->estate, name);
    if (!script) return error_new(ERROR_NOT_FOUND, "there is no script \"%s\"", name);
    json_t *reply = json_pack("{s:s}", "hash", script->hash);
    frame_put_json(answer, reply);
    frame_put(answer, TAG_PAYLOAD, script->source);
    json_decref(reply);
    return NULL;
}

static error *answer_control(call_scope *scope, const json_t *head, frame *answer) {
    const char *sequence = json_get_text(head, "sequence", "");
    uint64_t number;
    if (!*sequence) return error_new(ERROR_INVALID, "a sequence of control numbers has no name");
    if (scope->rehearsal) {
        number = (uint64_t)json_get_integer(scope->used, sequence, 0) + 1;
        json_object_set_new(scope->used, sequence, json_integer((json_int_t)number));
    } else {
        error *err = control_numbers_next(scope->numbers, sequence, &number);
        if (err) return err;
        json_object_set_new(scope->used, sequence, json_integer(last_given(scope->numbers, sequence)));
    }
    json_t *reply = json_pack("{s:I}", "number", (json_int_t)number);
    frame_put_json(answer, reply);
    json_decref(reply);
    return NULL;
}

static const char *reverse_look_up(const json_t *rows, const char *value) {
    const char *code;
    json_t *row;
    json_object_foreach((json_t *)rows, code, row) {
        if (json_is_string(row) && strcmp(json_string_value(row), value) == 0) return code;
    }
    return NULL;
}

static error *answer_table(const call_scope *scope, const json_t *head, frame *answer) {
    const char *name = json_get_text(head, "table", ""), *code = json_get_text(head, "code", "");
    const json_t *rows = map_get(scope->estate->tables, span_of(name));
    if (!rows) return error_new(ERROR_NOT_FOUND, "there is no table \"%s\"", name);
    const char *value =
        json_get_bool(head, "reverse", false) ? reverse_look_up(rows, code) : json_get_text(rows, code, NULL);
    json_t *reply = json_pack("{s:b}", "found", value != NULL);
    frame_put_json(answer, reply);
    if (value) frame_put(answer, TAG_PAYLOAD, span_of(value));
    json_decref(reply);
    return NULL;
}

error *call_answer(void *context, const frame *question, frame *answer) {
    call_scope *scope = context;
    json_t *head = NULL;
    error *err = frame_get_json(question, &head);
    if (!err) {
        switch (question->operation) {
        case QUESTION_SOURCE: err = answer_source(scope, head, answer); break;
        case QUESTION_CONTROL: err = answer_control(scope, head, answer); break;
        case QUESTION_TABLE: err = answer_table(scope, head, answer); break;
        case QUESTION_SCHEMA: err = answer_schema(scope, head, answer); break;
        default: err = error_new(ERROR_UNSUPPORTED, "a question that is not known");
        }
    }
    json_decref(head);
    return err;
}

/* ---- calls ---- */

void call_prepare(frame *call, frame_operation operation, json_t *take_head, const payload_view *view) {
    frame_init(call, FRAME_REQUEST, operation, 0);
    frame_put_json(call, take_head);
    json_decref(take_head);
    if (!view) return;
    if (view->bytes)
        frame_put(call, TAG_PAYLOAD, span_make(view->bytes, (size_t)view->size));
    else
        frame_put_descriptor(call, fcntl(view->fd, F_DUPFD_CLOEXEC, 0));
}

typedef struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool done;
    frame *reply;
    error *failure;
    call_scope *scope;
} waiting;

static void wake(void *context, frame *reply, error *failure) {
    waiting *w = context;
    pthread_mutex_lock(&w->lock);
    if (reply) {
        *w->reply = *reply;
        frame_init(reply, FRAME_REPLY, OPERATION_NONE, 0); /* its content has moved */
    }
    w->failure = failure;
    w->done = true;
    pthread_cond_signal(&w->answered);
    pthread_mutex_unlock(&w->lock);
}

static error *answer_waiting(void *context, const frame *question, frame *answer) {
    return call_answer(((waiting *)context)->scope, question, answer);
}

/* Waits for the reply. Fills `reply` (to be cleared by the caller) and *head, a new reference, on success; with an
 * error *head may be there, too. */
static error *call_worker(worker_pool *pool, worker_request *request, call_scope *scope, frame *reply, json_t **head) {
    waiting w = {.done = false, .reply = reply, .failure = NULL, .scope = scope};
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.answered, NULL);
    frame_init(reply, FRAME_REPLY, OPERATION_NONE, 0);
    *head = NULL;
    request->done = wake;
    request->ask = scope ? answer_waiting : NULL;
    request->context = &w;
    worker_pool_submit(pool, request);
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.answered, &w.lock);
    pthread_mutex_unlock(&w.lock);
    pthread_cond_destroy(&w.answered);
    pthread_mutex_destroy(&w.lock);
    error *err = w.failure ? w.failure : frame_get_error(reply);
    if (!err)
        err = frame_get_json(reply, head);
    else if (frame_get(reply, TAG_HEAD, 0).data)
        error_free(frame_get_json(reply, head)); /* what a script logged before it failed */
    if (err) frame_clear(reply);
    return err;
}

error *call_translator(worker_pool *pool, call_scope *scope, frame_operation operation, json_t *take_head,
    const payload_view *view, frame *reply, json_t **head) {
    worker_request request = {.kind = WORKER_TRANSLATOR, .deadline_ms = CALL_TRANSLATOR_DEADLINE_MS};
    call_scope_tell(scope, take_head);
    call_prepare(&request.call, operation, take_head, view);
    return call_worker(pool, &request, scope, reply, head);
}

json_t *call_courier_bare_head(const estate_connection *connection) {
    return json_pack("{s:s, s:s, s:I, s:I}", "connection", connection->name, "kind", connection->adapter->kind,
        "revision", (json_int_t)connection->revision, "timeout_ms", (json_int_t)connection->timeout_ms);
}

error *call_courier_head(config *c, const estate_connection *connection, json_t **head) {
    json_t *secrets = NULL;
    error *err = config_secrets(c, connection, &secrets);
    if (err) return err;
    *head = call_courier_bare_head(connection);
    json_object_set(*head, "settings", (json_t *)(uintptr_t)connection->settings);
    json_object_set_new(*head, "secrets", secrets);
    return NULL;
}

error *call_courier(
    worker_pool *pool, const estate_connection *connection, frame *take_call, frame *reply, json_t **head) {
    worker_request request = {
        .kind = WORKER_COURIER,
        .lane = connection->name,
        .call = *take_call,
        .deadline_ms = call_courier_deadline_ms(connection),
    };
    return error_wrap(call_worker(pool, &request, NULL, reply, head), "connection %s", connection->name);
}

static error *call_kept(worker_pool *pool, const estate_connection *connection, const kept_call *call,
    json_t *take_head, frame *reply, json_t **head) {
    worker_request request = {
        .kind = WORKER_COURIER,
        .lane = call->lane,
        .deadline_ms = call_courier_deadline_ms(connection) + (int64_t)(call->bytes / SLOW_BYTES_A_MS),
    };
    bool inline_payload = call->payload && call->payload->bytes;
    json_object_update(take_head, call->members);
    if (call->into >= 0) json_object_set_new(take_head, "into", json_integer(!call->payload || inline_payload ? 0 : 1));
    bool secret = json_object_get(take_head, "secrets") != NULL;
    call_prepare(&request.call, call->operation, take_head, call->payload);
    request.call.secret = secret;
    if (call->into >= 0) frame_put_descriptor(&request.call, fcntl(call->into, F_DUPFD_CLOEXEC, 0));
    return call_worker(pool, &request, NULL, reply, head);
}

error *call_courier_kept(config *c, worker_pool *pool, const estate_connection *connection, const kept_call *call,
    frame *reply, json_t **head) {
    json_t *with_settings = NULL;
    error *err = call_kept(pool, connection, call, call_courier_bare_head(connection), reply, head);
    if (!err && json_get_bool(*head, "wants_settings", false)) {
        frame_clear(reply);
        json_decref(*head);
        *head = NULL;
        err = call_courier_head(c, connection, &with_settings);
        if (!err) err = call_kept(pool, connection, call, with_settings, reply, head);
    }
    return error_wrap(err, "connection %s", connection->name);
}

int64_t call_courier_deadline_ms(const estate_connection *connection) {
    /* A call may log in, transfer and rename: several network operations, each with the connection's own time-out. */
    return connection->timeout_ms * 4 + COURIER_GRACE_MS;
}

error *call_result_payload(store *s, frame *reply, const json_t *place, payload *out) {
    attachment result;
    error *err = attachment_of_reply(reply, place, &result);
    if (!err) err = payload_of(s, result.bytes, out);
    attachment_close(&result);
    return err;
}
