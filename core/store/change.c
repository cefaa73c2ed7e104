/* core/store/change.c: see change.h; the functions that build a change are described in store.h. */
#include "core/store/change.h"

#include "core/base/memory.h"

#include <stdlib.h>

enum { FIRST_SIZE = 2048, ALIGNMENT = 8, CHANGE_MAX = 256 << 20 };

store_change *store_change_new(void) {
    store_change *change = xcalloc(1, sizeof *change);
    change->data = xmalloc(FIRST_SIZE);
    change->capacity = FIRST_SIZE;
    return change;
}

void store_change_free(store_change *change) {
    if (!change) return;
    for (size_t i = 0; i < change->payload_count; i++)
        payload_free(&change->payloads[i]);
    free(change->payloads);
    error_free(change->fault);
    error_free(change->refusal);
    free(change->data);
    free(change);
}

static void refuse(store_change *change, error *take) {
    if (change->fault)
        error_free(take);
    else
        change->fault = take;
}

/* Room for `size` more bytes, which are zeroed; their offset. */
static size_t grow(store_change *change, size_t size) {
    size_t at = change->len;
    if (size > CHANGE_MAX - change->len) {
        refuse(change, error_new(ERROR_LIMIT, "a change of the store is larger than %d bytes", CHANGE_MAX));
        return 0;
    }
    if (change->capacity - change->len < size) {
        while (change->capacity - change->len < size)
            change->capacity *= 2;
        change->data = xrealloc(change->data, change->capacity);
    }
    memset(change->data + at, 0, size);
    change->len += size;
    return at;
}

static step *open_step(store_change *change) {
    return (step *)(void *)(change->data + change->open_step);
}

/* A step's values are added one by one, in the order that apply.c reads them; `room` is how many there will be. */
static void begin_step(store_change *change, step_kind kind, size_t room) {
    change->open_step = grow(change, sizeof(step) + room * sizeof(step_value));
    if (!change->fault) open_step(change)->kind = kind;
}

static void end_step(store_change *change) {
    if (change->fault) return;
    size_t odd = change->len % ALIGNMENT;
    if (odd) grow(change, ALIGNMENT - odd);
    if (!change->fault) open_step(change)->size = change->len - change->open_step;
}

static void add_value(store_change *change, step_value v) {
    if (change->fault) return;
    step *s = open_step(change);
    s->values[s->count++] = v;
}

static void add_none(store_change *change) {
    add_value(change, (step_value){.type = VALUE_NONE});
}

static void add_integer(store_change *change, int64_t number) {
    add_value(change, (step_value){.type = VALUE_INTEGER, .integer = number});
}

static void add_bytes(store_change *change, value_type type, span bytes) {
    size_t at = grow(change, bytes.len + 1);
    if (change->fault) return;
    if (bytes.len) memcpy(change->data + at, bytes.data, bytes.len);
    add_value(change, (step_value){.type = type, .len = (uint32_t)bytes.len, .at = at});
}

static void add_text(store_change *change, const char *text) {
    if (text)
        add_bytes(change, VALUE_TEXT, span_of(text));
    else
        add_none(change);
}

/* NULL and "" are no id: allowed only where `optional`. */
static void add_id(store_change *change, const char *id, bool optional, const char *what) {
    unsigned char uuid[UUID_SIZE];
    if (optional && (!id || !*id))
        add_none(change);
    else if (uuid_parse(span_of(id), uuid))
        add_bytes(change, VALUE_BYTES, span_make((const char *)uuid, sizeof uuid));
    else
        refuse(change, error_new(ERROR_INVALID, "\"%s\" is not the id of a %s", id ? id : "", what));
}

static int dump_piece(const char *text, size_t len, void *context) {
    store_change *change = context;
    size_t at = grow(change, len);
    if (change->fault) return -1;
    memcpy(change->data + at, text, len);
    return 0;
}

static void add_json(store_change *change, const json_t *json) {
    if (!json || change->fault) {
        add_none(change);
        return;
    }
    size_t at = change->len;
    if (json_dump_callback(json, dump_piece, change, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
        refuse(change, error_new(ERROR_INVALID, "a value cannot be written as JSON"));
    size_t len = change->len - at;
    grow(change, 1); /* the terminator */
    add_value(change, (step_value){.type = VALUE_TEXT, .len = (uint32_t)len, .at = at});
}

static int64_t take_payload(store_change *change, payload *p) {
    change->payloads = xreallocarray(change->payloads, change->payload_count + 1, sizeof *change->payloads);
    change->payloads[change->payload_count] = *p;
    *p = (payload){.size = 0};
    return (int64_t)change->payload_count++;
}

void store_add_message(store_change *change, const store_message *message, payload *p) {
    int64_t index = p ? take_payload(change, p) : -1;
    begin_step(change, STEP_ADD_MESSAGE, 16);
    add_id(change, message->id, false, "message");
    add_integer(change, message->outgoing);
    add_integer(change, message->status);
    add_text(change, message->reason);
    add_text(change, message->connection);
    add_text(change, message->partner);
    add_text(change, message->flow);
    add_text(change, message->endpoint);
    add_text(change, message->content_type);
    add_text(change, message->filename);
    add_text(change, message->script);
    add_text(change, message->principal);
    add_json(change, message->headers);
    add_integer(change, message->received_at);
    add_id(change, message->parent, true, "message");
    add_integer(change, index);
    end_step(change);
}

void store_set_status(store_change *change, const char *message_id, message_status status, const char *reason) {
    begin_step(change, STEP_SET_STATUS, 3);
    add_id(change, message_id, false, "message");
    add_integer(change, status);
    add_text(change, reason);
    end_step(change);
}

void store_set_delivered(store_change *change, const char *message_id) {
    begin_step(change, STEP_SET_DELIVERED, 1);
    add_id(change, message_id, false, "message");
    end_step(change);
}

void store_settle(store_change *change, const char *message_id) {
    begin_step(change, STEP_SETTLE, 1);
    add_id(change, message_id, false, "message");
    end_step(change);
}

void store_set_facts(
    store_change *change, const char *message_id, const char *flow, const char *partner, const char *script) {
    begin_step(change, STEP_SET_FACTS, 4);
    add_id(change, message_id, false, "message");
    add_text(change, flow);
    add_text(change, partner);
    add_text(change, script);
    end_step(change);
}

/* Keys may be numbers in what a script returned; they are found as they are written. */
static void add_keys(store_change *change, const json_t *keys) {
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)keys, name, member) {
        if (!json_is_string(member) && !json_is_number(member)) continue;
        begin_step(change, STEP_ADD_KEY, 2);
        add_text(change, name);
        if (json_is_string(member))
            add_text(change, json_string_value(member));
        else
            add_json(change, member);
        end_step(change);
    }
}

/* The keys follow their document: apply.c adds them to the last one. */
void store_add_document(store_change *change, const store_document *document) {
    begin_step(change, STEP_ADD_DOCUMENT, 14);
    add_id(change, document->id, false, "document");
    add_id(change, document->message, false, "message");
    add_integer(change, document->position);
    add_text(change, document->standard);
    add_text(change, document->type);
    add_text(change, document->version);
    add_text(change, document->control);
    add_text(change, document->group_control);
    add_text(change, document->interchange_control);
    add_text(change, document->sender);
    add_text(change, document->receiver);
    add_text(change, document->acknowledgement);
    if (document->acknowledgement) {
        add_integer(change, 0);
        add_integer(change, document->due_at);
    } else {
        add_none(change);
        add_none(change);
    }
    end_step(change);
    add_keys(change, document->keys);
}

void store_add_event(
    store_change *change, const char *message_id, const char *kind, const char *text, const json_t *detail) {
    begin_step(change, STEP_ADD_EVENT, 4);
    add_id(change, message_id, false, "message");
    add_text(change, kind);
    add_text(change, text);
    add_json(change, detail);
    end_step(change);
}

void store_claim_key(store_change *change, const char *scope, const char *key, const char *message_id) {
    begin_step(change, STEP_CLAIM_KEY, 3);
    add_text(change, scope);
    add_text(change, key);
    add_id(change, message_id, false, "message");
    end_step(change);
}

void store_release_key(store_change *change, const char *scope, const char *key) {
    begin_step(change, STEP_RELEASE_KEY, 2);
    add_text(change, scope);
    add_text(change, key);
    end_step(change);
}

void store_add_job(store_change *change, const store_job *job) {
    begin_step(change, STEP_ADD_JOB, 7);
    add_id(change, job->id, false, "job");
    add_text(change, job->kind);
    add_id(change, job->message, true, "message");
    add_text(change, job->connection);
    if (job->written)
        add_text(change, job->written);
    else
        add_json(change, job->detail);
    add_integer(change, job->run_at);
    add_integer(change, job->claimed);
    end_step(change);
}

/* A step about a leased job: its id and attempt, then at most two values of its own. */
static void begin_job_step(store_change *change, step_kind kind, const char *job_id, int attempt) {
    begin_step(change, kind, 4);
    add_id(change, job_id, false, "job");
    add_integer(change, attempt);
}

void store_finish_job(store_change *change, const char *job_id, int attempt) {
    begin_job_step(change, STEP_FINISH_JOB, job_id, attempt);
    end_step(change);
}

void store_retry_job(store_change *change, const char *job_id, int attempt, int64_t run_at, const char *why) {
    begin_job_step(change, STEP_RETRY_JOB, job_id, attempt);
    add_integer(change, run_at);
    add_text(change, why);
    end_step(change);
}

void store_bury_job(store_change *change, const char *job_id, int attempt, const char *why) {
    begin_job_step(change, STEP_BURY_JOB, job_id, attempt);
    add_text(change, why);
    end_step(change);
}

void store_hold_job(store_change *change, const char *job_id, int attempt, const char *why) {
    begin_job_step(change, STEP_HOLD_JOB, job_id, attempt);
    add_text(change, why);
    end_step(change);
}

void store_release_jobs(store_change *change, const char *connection) {
    begin_step(change, STEP_RELEASE_JOBS, 1);
    add_text(change, connection);
    end_step(change);
}

void store_note_job(store_change *change, const char *job_id, int attempt, const json_t *detail) {
    begin_job_step(change, STEP_NOTE_JOB, job_id, attempt);
    add_json(change, detail);
    end_step(change);
}

void store_extend_job(store_change *change, const char *job_id, int attempt, int64_t lease_ms) {
    begin_job_step(change, STEP_EXTEND_JOB, job_id, attempt);
    add_integer(change, lease_ms);
    end_step(change);
}

void store_revive_job(store_change *change, const char *job_id) {
    begin_step(change, STEP_REVIVE_JOB, 1);
    add_id(change, job_id, false, "job");
    end_step(change);
}

void store_drop_jobs(store_change *change, const char *message_id, const char *kind) {
    begin_step(change, STEP_DROP_JOBS, 2);
    add_id(change, message_id, false, "message");
    add_text(change, kind);
    end_step(change);
}

void store_set_due(store_change *change, const char *document_id, int64_t due_at) {
    begin_step(change, STEP_SET_DUE, 2);
    add_id(change, document_id, false, "document");
    add_integer(change, due_at);
    end_step(change);
}

void store_put_artifact(store_change *change, const char *message_id, const char *kind, payload *take) {
    int64_t index = take_payload(change, take);
    begin_step(change, STEP_PUT_ARTIFACT, 3);
    add_id(change, message_id, false, "message");
    add_text(change, kind);
    add_integer(change, index);
    end_step(change);
}

void store_drop_artifact(store_change *change, const char *message_id, const char *kind) {
    begin_step(change, STEP_DROP_ARTIFACT, 2);
    add_id(change, message_id, false, "message");
    add_text(change, kind);
    end_step(change);
}

void change_claim_jobs(store_change *change, job_claim *claim) {
    begin_step(change, STEP_CLAIM_JOBS, 0);
    change->claim = claim;
    end_step(change);
}

void change_purge(store_change *change, struct purge_batch *batch) {
    begin_step(change, STEP_PURGE, 0);
    change->purge = batch;
    end_step(change);
}

void store_acknowledge(
    store_change *change, const char *document_id, acknowledgement_status status, const char *by, const char *text) {
    begin_step(change, STEP_ACKNOWLEDGE, 4);
    add_id(change, document_id, false, "document");
    add_integer(change, status);
    add_id(change, by, true, "message");
    add_text(change, text);
    end_step(change);
    if (status == ACKNOWLEDGEMENT_DUE)
        refuse(change, error_new(ERROR_INVALID, "an acknowledgement is accepted or rejected, not due"));
}

void store_link_answer(store_change *change, const char *document_id, const char *answer_document_id) {
    begin_step(change, STEP_LINK_ANSWER, 2);
    add_id(change, document_id, false, "document");
    add_id(change, answer_document_id, false, "document");
    end_step(change);
}

void store_put_object(
    store_change *change, const char *kind, const char *name, int64_t expected, const json_t *body, const char *by) {
    begin_step(change, STEP_PUT_OBJECT, 5);
    add_text(change, kind);
    add_text(change, name);
    add_integer(change, expected);
    add_text(change, by);
    add_json(change, body);
    end_step(change);
    if (!body) refuse(change, error_new(ERROR_INVALID, "the object %s/%s has no body", kind, name));
}

void store_remove_object(store_change *change, const char *kind, const char *name, int64_t expected, const char *by) {
    begin_step(change, STEP_REMOVE_OBJECT, 4);
    add_text(change, kind);
    add_text(change, name);
    add_integer(change, expected);
    add_text(change, by);
    end_step(change);
}

void store_keep_answer(store_change *change, const char *scope, const char *key, const store_answer *answer) {
    begin_step(change, STEP_KEEP_ANSWER, 6);
    add_text(change, scope);
    add_text(change, key);
    add_text(change, answer->asked);
    add_integer(change, answer->until);
    add_json(change, answer->head);
    add_bytes(change, VALUE_BYTES, buf_span(&answer->body));
    end_step(change);
}

void store_put_secret(store_change *change, const char *name, span sealed) {
    begin_step(change, STEP_PUT_SECRET, 2);
    add_text(change, name);
    if (sealed.data)
        add_bytes(change, VALUE_BYTES, sealed);
    else
        add_none(change);
    end_step(change);
}

void store_raise_counter(store_change *change, const char *name, int64_t number) {
    begin_step(change, STEP_RAISE_COUNTER, 2);
    add_text(change, name);
    add_integer(change, number);
    end_step(change);
}

void store_audit(store_change *change, const char *who, const char *what, const char *object, const json_t *detail) {
    begin_step(change, STEP_AUDIT, 4);
    add_text(change, who ? who : "");
    add_text(change, what ? what : "");
    add_text(change, object);
    add_json(change, detail);
    end_step(change);
}

const step *change_next_step(const store_change *change, const step *after) {
    size_t at = after ? (size_t)((const char *)after - change->data) + after->size : 0;
    return at < change->len ? (const step *)(const void *)(change->data + at) : NULL;
}

void value_bind(
    sqlite3_stmt *statement, int at, const store_change *change, const step *s, size_t first, size_t count) {
    for (size_t i = first; i < first + count; i++, at++) {
        const step_value *v = &s->values[i];
        switch ((value_type)v->type) {
        case VALUE_NONE: sqlite3_bind_null(statement, at); break;
        case VALUE_INTEGER: sqlite3_bind_int64(statement, at, v->integer); break;
        case VALUE_TEXT: sqlite3_bind_text(statement, at, change->data + v->at, (int)v->len, SQLITE_STATIC); break;
        case VALUE_BYTES: sqlite3_bind_blob(statement, at, change->data + v->at, (int)v->len, SQLITE_STATIC); break;
        }
    }
}
