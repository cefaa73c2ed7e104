/* core/flow/translate.c: runs one flow on one document, or on a whole message; what comes out is stored with the end of
 * the job, so that a retry of a delivery never runs the script again (LU-24). */
#include "core/flow/translate.h"
#include "core/base/clock.h"
#include "core/base/crash.h"
#include "core/flow/outgoing.h"
#include "core/flow/work.h"

#include <stdio.h>

enum { REASON_ROOM = 512 };

/* ---- what a script is told ---- */

static json_t *envelope_of(const estate_connection *connection, const char *standard) {
    const char *sender = estate_station_id(connection->station, standard);
    const char *receiver = estate_partner_id(connection->partner, standard);
    if (!*sender || !*receiver) return NULL;
    return json_pack("{s:s, s:s}", "sender", sender, "receiver", receiver);
}

json_t *translate_destinations(const estate_destination *to, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const estate_connection *connection = to[i].connection;
        json_t *one = json_pack("{s:s}", "connection", connection->name), *envelopes = json_object();
        if (connection->partner) json_put_text(one, "partner", connection->partner->name);
        json_t *x12 = envelope_of(connection, "X12"), *edifact = envelope_of(connection, "EDIFACT");
        if (x12) json_object_set_new(envelopes, "X12", x12);
        if (edifact) json_object_set_new(envelopes, "EDIFACT", edifact);
        json_object_set_new(one, "envelopes", envelopes);
        json_array_append_new(list, one);
    }
    return list;
}

const char *translate_rejection(const json_t *outcome, char *text, size_t room) {
    const json_t *rejected = json_get_object(outcome, "rejected");
    if (!rejected) return NULL;
    const char *segment = json_get_text(rejected, "segment", NULL);
    snprintf(text, room, "%s%s%s%s", json_get_text(rejected, "reason", "rejected by the script"),
        segment ? " (segment " : "", segment ? segment : "", segment ? ")" : "");
    return text;
}

void translate_log_events(store_change *change, const char *message_id, const json_t *outcome) {
    const json_t *lines = json_get_array(outcome, "log");
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *line = json_array_get(lines, i);
        store_add_event(change, message_id, "log", json_get_text(line, "text", ""), NULL);
    }
}

/* ---- in a flow ---- */

typedef struct translation {
    work *w;
    const estate_flow *flow;
    json_t *message, *outcome;
    json_t *answers; /* of other systems, to calls of the script; NULL: it made none */
    bool held;
    const json_t *facts; /* of the document; NULL: the whole message */
    frame reply;
    store_change *change;
} translation;

static json_t *make_call(const translation *t) {
    const char *partner = json_get_text(t->message, "partner", NULL);
    json_t *message = json_pack("{s:s, s:s?, s:s?, s:s?, s:s?}", "id", t->w->job->message, "filename",
        json_get_text(t->message, "filename", NULL), "content_type", json_get_text(t->message, "content_type", NULL),
        "partner", partner, "connection", json_get_text(t->message, "connection", NULL));
    const json_t *headers = json_get_object(t->message, "headers");
    if (headers) json_object_set(message, "headers", (json_t *)headers);
    if (t->facts) json_object_set(message, "document", json_object_get(t->w->job->detail, "document"));
    const estate_script *script = estate_find_script(t->w->scope.estate, t->flow->script);
    json_t *call = json_pack("{s:s, s:s?, s:s, s:o, s:o}", "script", t->flow->script, "hash",
        script ? script->hash : NULL, "function", "translate", "message", message, "destinations",
        translate_destinations(t->flow->to, t->flow->to_count));
    if (t->flow->calls) json_object_set(call, "connections", (json_t *)(uintptr_t)t->flow->calls);
    return call;
}

/* The partner whose guides hold: whom the message came from; of what is our own, the first whom it goes to. */
static const estate_partner *guided_by(const translation *t) {
    const estate_partner *partner = estate_find_partner(t->w->estate, json_get_text(t->message, "partner", NULL));
    for (size_t i = 0; i < t->flow->to_count && !(partner && partner->schemas_key); i++) {
        const estate_partner *other = t->flow->to[i].connection->partner;
        if (other && other->schemas_key) partner = other;
    }
    return partner;
}

/* What the script asks of other systems is asked, unless the appliance may send nothing: then the translation waits. */
static error *ask_others(translation *t, json_t *requests, int64_t until_ms) {
    json_t *answers = NULL;
    if (engine_held_since_ms(t->w->engine)) {
        t->held = true;
        return work_hold_restored(t->w);
    }
    error *err = work_ask_others(t->w, requests, json_array_size(t->answers), until_ms, &answers);
    if (err) return err;
    if (!t->answers) t->answers = json_array();
    json_array_extend(t->answers, answers);
    json_decref(answers);
    return NULL;
}

/* Runs it from its beginning, with the answers so far, until it waits for none. */
static error *run_script(translation *t, const payload_view *bytes) {
    worker_pool *pool = t->w->engine->options.pool;
    t->w->scope.partner = guided_by(t);
    int64_t until_ms = clock_monotonic_ms() + t->flow->timeout_ms;
    json_t *call = make_call(t);
    error *err = NULL;
    for (bool waits = true; waits && !err && !t->held;) {
        frame_clear(&t->reply);
        json_decref(t->outcome);
        if (t->answers) json_object_set(call, "answers", t->answers);
        err = call_translator(pool, &t->w->scope, OPERATION_SCRIPT, json_incref(call), bytes, &t->reply, &t->outcome);
        json_t *requests = json_get_array(t->outcome, "calls");
        waits = json_array_size(requests) > 0;
        if (!err && waits) err = ask_others(t, requests, until_ms);
    }
    json_decref(call);
    return err;
}

/* What was asked of others, on the message's timeline. */
static void call_events(store_change *change, const translation *t) {
    char text[REASON_ROOM];
    for (size_t i = 0; i < json_array_size(t->answers); i++) {
        const json_t *answer = json_array_get(t->answers, i);
        const char *fault = json_get_text(answer, "error", NULL);
        char status[16];
        snprintf(status, sizeof status, "%d", (int)json_get_integer(answer, "status", 0));
        snprintf(text, sizeof text, "%s %s on %s: %s", json_get_text(answer, "method", ""),
            json_get_text(answer, "path", ""), json_get_text(answer, "connection", ""), fault ? fault : status);
        store_add_event(change, t->w->job->message, "called", text, NULL);
    }
}

/* A result that names a destination goes there; one that does not goes to all. */
static bool goes_to(const json_t *result, const estate_destination *destination) {
    const char *to = json_get_text(result, "to", NULL);
    return !to || strcmp(to, destination->connection->name) == 0;
}

static error *add_result(translation *t, const json_t *result, payload *bytes) {
    error *err = NULL;
    char id[ID_SIZE], why[REASON_ROOM];
    size_t sent = 0;
    snprintf(why, sizeof why, "made by flow %s%s%s", t->flow->name, t->flow->script ? " with script " : "",
        t->flow->script ? t->flow->script : "");
    for (size_t i = 0; i < t->flow->to_count && !err; i++) {
        if (!goes_to(result, &t->flow->to[i])) continue;
        outgoing o = {
            .destination = &t->flow->to[i],
            .parent = t->w->job->message,
            .flow = t->flow->name,
            .script = json_get_text(t->outcome, "script", NULL),
            .source_filename = json_get_text(t->message, "filename", NULL),
            .source_document = t->facts,
            .result = result,
            .expect = t->flow->expect,
            .retry = t->flow->retry,
            .why = why,
        };
        payload copy = *bytes;
        err = t->flow->to_count > 1 ? payload_copy(t->w->engine->options.store, bytes, &copy) : NULL;
        if (t->flow->to_count == 1) *bytes = (payload){.bytes = NULL};
        if (!err) err = outgoing_add(t->change, &o, &copy, id);
        if (t->flow->to_count > 1 || err) payload_free(&copy);
        sent++;
    }
    if (!err && sent == 0 && json_get_text(result, "to", NULL))
        err = error_new(ERROR_INVALID, "the script sends a result to \"%s\", which is no destination of flow %s",
            json_get_text(result, "to", ""), t->flow->name);
    return err;
}

static error *add_results(translation *t) {
    error *err = NULL;
    const json_t *results = json_get_array(t->outcome, "results");
    for (size_t i = 0; i < json_array_size(results) && !err; i++) {
        const json_t *result = json_array_get(results, i);
        payload bytes = {.bytes = NULL};
        err = call_result_payload(t->w->engine->options.store, &t->reply, json_object_get(result, "payload"), &bytes);
        if (!err) err = add_result(t, result, &bytes);
        payload_free(&bytes);
    }
    return err;
}

/* Without a script the bytes go on as they came, or one document of them in an envelope of its own; of EDI it is known
 * what they hold, so that its acknowledgement can be waited for and its keys be found. */
static error *pass_through(translation *t, const payload_view *view) {
    store *s = t->w->engine->options.store;
    payload bytes = {.bytes = NULL};
    json_t *result = json_pack("{s:s?, s:s?}", "filename", json_get_text(t->message, "filename", NULL), "content_type",
        json_get_text(t->message, "content_type", NULL));
    error *err = NULL;
    if (t->facts) {
        json_t *wish = json_pack("{s:I}", "document", (json_int_t)json_get_integer(t->w->job->detail, "document", 0));
        err = call_translator(
            t->w->engine->options.pool, &t->w->scope, OPERATION_EXTRACT, wish, view, &t->reply, &t->outcome);
        if (!err) json_object_set(result, "documents", json_object_get(t->outcome, "documents"));
    }
    const json_t *part = json_object_get(t->outcome, "payload");
    if (!err) err = part ? call_result_payload(s, &t->reply, part, &bytes) : payload_of_view(s, view, &bytes);
    if (!err) err = add_result(t, result, &bytes);
    payload_free(&bytes);
    json_decref(result);
    return err;
}

/* "850 0002": which document of several is meant; "" when there is no doubt. */
static void name_document(const translation *t, char name[REASON_ROOM]) {
    name[0] = '\0';
    if (!t->facts || json_get_integer(t->message, "document_count", 0) < 2) return;
    if (json_get_integer(t->w->job->detail, "document", -1) < 0) return;
    snprintf(name, REASON_ROOM, "%s %s", json_get_text(t->facts, "type", "?"), json_get_text(t->facts, "control", ""));
}

static error *conclude(translation *t) {
    char text[REASON_ROOM], document[REASON_ROOM], whole[2 * REASON_ROOM + 4];
    work *w = t->w;
    const char *id = w->job->message, *rejected = translate_rejection(t->outcome, text, sizeof text);
    name_document(t, document);
    if (rejected && *document) {
        snprintf(whole, sizeof whole, "%s: %s", document, text);
        rejected = whole;
    }
    call_events(t->change, t);
    translate_log_events(t->change, id, t->outcome);
    store_set_facts(t->change, id, t->flow->name, NULL, json_get_text(t->outcome, "script", NULL));
    store_finish_job(t->change, w->job->id, w->job->attempt);
    if (rejected) {
        store_add_event(t->change, id, "rejected", rejected, json_get_object(t->outcome, "rejected"));
        store_set_status(t->change, id, MESSAGE_REJECTED, rejected);
    } else {
        char done[REASON_ROOM];
        snprintf(done, sizeof done, "flow %s made %zu result%s", t->flow->name,
            json_array_size(json_get_array(t->outcome, "results")),
            json_array_size(json_get_array(t->outcome, "results")) == 1 ? "" : "s");
        store_add_event(t->change, id, "translated", t->flow->script ? done : "passed on as it came", NULL);
        store_settle(t->change, id);
    }
    call_scope_raise(&w->scope, t->change);
    store_change *change = t->change;
    t->change = NULL;
    crash_point("translate.commit.before");
    error *err = store_commit(w->engine->options.store, change, NULL);
    crash_point("translate.commit.after");
    return err;
}

/* Which flow it was, in what version of its script, what that asked of others and logged: these help to find out why it
 * failed, and stay, whatever becomes of the attempt. */
static void keep_traces(const translation *t) {
    store_change *change = store_change_new();
    store_set_facts(change, t->w->job->message, t->flow->name, NULL, json_get_text(t->outcome, "script", NULL));
    call_events(change, t);
    translate_log_events(change, t->w->job->message, t->outcome);
    store_submit(t->w->engine->options.store, change, NULL, NULL);
}

error *work_translate(work *w) {
    const char *name = json_get_text(w->job->detail, "flow", "");
    translation t = {
        .w = w, .flow = estate_find_flow(w->estate, name), .facts = json_get_object(w->job->detail, "facts")};
    payload_view view;
    if (!t.flow) return error_new(ERROR_NOT_FOUND, "there is no flow \"%s\" any more", name);
    error *err = store_message_json(w->engine->options.store, w->job->message, &t.message);
    if (err) return err;
    frame_init(&t.reply, FRAME_REPLY, OPERATION_NONE, 0);
    t.change = store_change_new();
    err = store_payload_open(w->engine->options.store, w->job->message, &view);
    if (!err) {
        if (t.flow->script) err = run_script(&t, &view);
        if (err) keep_traces(&t);
        if (!err && !t.held) err = t.flow->script ? add_results(&t) : pass_through(&t, &view);
        if (!err && !t.held) err = conclude(&t);
        payload_view_close(&view);
    }
    if (t.change) store_change_free(t.change);
    char document[REASON_ROOM];
    name_document(&t, document);
    frame_clear(&t.reply);
    json_decref(t.outcome);
    json_decref(t.answers);
    json_decref(t.message);
    return error_wrap(err, "flow %s%s%s", name, *document ? ", " : "", document);
}
