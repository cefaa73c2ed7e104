/* core/admin/workbench.c: runs scripts and drafts for the one who writes them: on samples, on real messages, on what
 * was received last. Nothing that happens here is kept, sent or counted; payloads are looked at by translators alone.
 */
#include "core/admin/script_calls.h"

#include "core/base/embedded.h"
#include "core/base/memory.h"
#include "core/flow/call.h"
#include "core/flow/translate.h"
#include "core/flow/versions.h"
#include "core/worker/attachment.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PAYLOAD_BYTES_MAX = 16 * 1024 * 1024,
    SHOWN_BYTES_MAX = 1024 * 1024,
    MOCKS_BYTES_MAX = 1024 * 1024,
    REPLAY_DEFAULT = 20,
    REPLAY_MAX = 200,
    REPLAY_MS = 30000,
    EXAMPLES_MAX = 50,
    DOCUMENTS_MAX = 20,
};

extern const embedded_file embedded_templates[];
extern const embedded_file embedded_reference[];

/* ---- one call to a translator ---- */

/* Takes `head`. With an error *answer may still be there: what the script logged before it failed. */
static error *ask(const call *c, estate *snapshot, frame_operation operation, json_t *take_head,
    const payload_view *view, frame *reply, json_t **answer) {
    call_scope scope;
    call_scope_begin(&scope, snapshot, c->admin->options.numbers);
    scope.rehearsal = true;
    const json_t *called = json_get_object(take_head, "call"); /* of a replay */
    const json_t *message = json_get_object(called ? called : take_head, "message");
    if (snapshot) scope.partner = estate_find_partner(snapshot, json_get_text(message, "partner", NULL));
    error *err = call_translator(c->admin->options.pool, &scope, operation, take_head, view, reply, answer);
    call_scope_end(&scope);
    return err;
}

/* Where a script's results would go: to the destinations of the first flow or endpoint that uses it, so that envelopes
 * have the partners' identities. */
static json_t *destinations_of(const estate *e, const char *script) {
    for (size_t i = 0; i < e->flow_count; i++)
        if (e->flows[i].script && strcmp(e->flows[i].script, script) == 0)
            return translate_destinations(e->flows[i].to, e->flows[i].to_count);
    for (size_t i = 0; i < e->endpoint_count; i++)
        if (e->endpoints[i].script && strcmp(e->endpoints[i].script, script) == 0 && e->endpoints[i].legacy)
            return translate_destinations(&e->endpoints[i].target, 1);
    return json_pack("[{s:s, s:{s:{s:s, s:s}, s:{s:s, s:s}}}]", "connection", "test", "envelopes", "X12", "sender",
        "ZZ:SENDER", "receiver", "ZZ:RECEIVER", "EDIFACT", "sender", "SENDER:ZZ", "receiver", "RECEIVER:ZZ");
}

/* ---- what other systems would answer ---- */

static void add_names(json_t *names, const json_t *more) {
    for (size_t i = 0; i < json_array_size(more); i++) {
        bool known = false;
        for (size_t k = 0; k < json_array_size(names) && !known; k++)
            known = json_equal(json_array_get(names, k), json_array_get(more, i));
        if (!known) json_array_append(names, json_array_get(more, i));
    }
}

/* The connections that whoever uses the script lets it call. New reference; NULL: nobody uses it yet. */
static json_t *callable_by(const estate *e, const char *script) {
    json_t *names = json_array();
    bool used = false;
    for (size_t i = 0; i < e->flow_count; i++) {
        if (!e->flows[i].script || strcmp(e->flows[i].script, script) != 0) continue;
        used = true;
        add_names(names, e->flows[i].calls);
    }
    for (size_t i = 0; i < e->endpoint_count; i++) {
        const estate_endpoint *p = &e->endpoints[i];
        if ((!p->script || strcmp(p->script, script) != 0) &&
            (!p->modern_script || strcmp(p->modern_script, script) != 0))
            continue;
        used = true;
        add_names(names, json_get_array(p->body, "calls"));
    }
    if (used) return names;
    json_decref(names);
    return NULL;
}

/* The script's sample of that name as text; without it a list of no answers: nothing is sent from here. */
static json_t *mocks_of(const call *c, const char *script) {
    buf text = BUF_MAX(MOCKS_BYTES_MAX);
    error *none = script_sample(c, script, "calls.json", &text);
    if (none || text.len == 0) buf_add_text(&text, "[]");
    json_t *mocks = json_from_span(buf_span(&text));
    error_free(none);
    buf_free(&text);
    return mocks;
}

/* ---- the payload that a request names ---- */

typedef struct subject {
    json_t *message;   /* of a real one; owned; NULL */
    payload_view view; /* to be closed */
    buf bytes;         /* what `view` borrows when it came otherwise */
    bool borrows;
} subject;

static void subject_free(subject *s) {
    json_decref(s->message);
    if (s->borrows) s->view.bytes = NULL; /* of an empty buffer, too */
    payload_view_close(&s->view);
    buf_free(&s->bytes);
}

/* {"message": id}, {"sample": name}, {"body": text} or {"base64": bytes}; a payload view in any case. */
static error *subject_of(const call *c, const char *script, const json_t *body, subject *s) {
    const char *message = json_get_text(body, "message", NULL), *sample = json_get_text(body, "sample", NULL);
    const char *base64 = json_get_text(body, "base64", NULL);
    error *err = NULL;
    *s = (subject){.view = {.fd = -1}, .bytes = BUF_MAX(PAYLOAD_BYTES_MAX)};
    if (message) {
        if (c->caller.role < ROLE_OPERATOR) return error_new(ERROR_DENIED, "payloads of messages are for operators");
        err = store_message_json(c->admin->options.store, message, &s->message);
        return err ? err : store_payload_open(c->admin->options.store, message, &s->view);
    }
    if (sample)
        err = script_sample(c, script, sample, &s->bytes);
    else if (base64 && !base64_read(span_of(base64), &s->bytes))
        err = error_at(error_new(ERROR_INVALID, "is no base64"), "/base64");
    else if (!base64)
        buf_add(&s->bytes, json_get_span(body, "body"));
    if (!err) err = buf_check(&s->bytes, "the payload");
    s->borrows = true;
    s->view = (payload_view){.size = s->bytes.len, .bytes = (char *)(uintptr_t)buf_text(&s->bytes), .fd = -1};
    return err;
}

/* ---- check ---- */

/* A diagnostic from "order.lua:12: what". */
static json_t *diagnostic(const error *err) {
    const char *where = error_where(err), *colon = strrchr(where, ':'), *text = error_text(err);
    int64_t line = colon ? strtoll(colon + 1, NULL, 10) : 1;
    size_t len = strlen(where);
    if (len && strncmp(text, where, len) == 0 && strncmp(text + len, ": ", 2) == 0) text += len + 2;
    return json_pack("{s:I, s:i, s:s, s:s}", "line", (json_int_t)(line > 0 ? line : 1), "column", 1, "severity",
        "error", "text", text);
}

/* {"source"} → {"diagnostics": [{"line","column","severity","text"}]} */
error *script_check_source(call *c, http_response **response) {
    json_t *body = NULL, *answer = NULL, *list = json_array();
    frame reply;
    error *err = call_body_json(c, &body);
    if (!err && !json_is_string(json_object_get(body, "source")))
        err = error_at(error_new(ERROR_INVALID, "the text of the script is missing"), "/source");
    if (!err) {
        json_t *head = json_pack("{s:s, s:O}", "name", c->parts[0], "source", json_object_get(body, "source"));
        error *fault = ask(c, NULL, OPERATION_CHECK_SCRIPT, head, NULL, &reply, &answer);
        if (!fault) frame_clear(&reply);
        if (fault && error_code_of(fault) != ERROR_INVALID)
            err = fault;
        else if (fault)
            json_array_append_new(list, diagnostic(fault));
        if (!err) error_free(fault);
    }
    if (!err) *response = call_json(200, json_pack("{s:O}", "diagnostics", list));
    json_decref(list);
    json_decref(answer);
    json_decref(body);
    return err;
}

/* ---- run ---- */

/* A result as people read it: its text, or base64 where it is none. */
static void show_body(json_t *result, const frame *reply) {
    attachment bytes;
    json_t *place = json_incref(json_object_get(result, "payload"));
    json_object_del(result, "payload");
    if (place) {
        error *err = attachment_of_reply(reply, place, &bytes);
        span shown = bytes.bytes.len > SHOWN_BYTES_MAX ? span_make(bytes.bytes.data, SHOWN_BYTES_MAX) : bytes.bytes;
        if (!err && span_is_utf8(bytes.bytes)) {
            json_put_span(result, "body", shown);
        } else if (!err) {
            buf text = BUF_MAX(SHOWN_BYTES_MAX * 2);
            base64_write(shown, &text);
            json_put_span(result, "base64", buf_span(&text));
            buf_free(&text);
        }
        if (!err) {
            json_object_set_new(result, "size", json_integer((json_int_t)bytes.bytes.len));
            json_object_set_new(result, "cut", json_boolean(shown.len < bytes.bytes.len));
            attachment_close(&bytes);
        }
        error_free(err);
    }
    json_decref(place);
}

static json_t *error_json(const error *err) {
    json_t *told = diagnostic(err);
    const char *where = error_where(err), *colon = strrchr(where, ':');
    json_t *shown = json_pack("{s:O, s:s, s:s}", "line", json_object_get(told, "line"), "text",
        json_get_text(told, "text", ""), "code", error_code_name(error_code_of(err)));
    if (colon) json_put_span(shown, "script", span_make(where, (size_t)(colon - where)));
    json_decref(told);
    return shown;
}

/* What a script is told of the message: the real one's facts, or those of the request. */
static json_t *make_call(const call *c, const estate *e, const json_t *body, const subject *s) {
    static const char *const facts[] = {"filename", "content_type", "partner", "connection", "headers"};
    static const char *const given[] = {
        "method", "path", "params", "query", "headers", "caller", "status", "vars", "document"};
    json_t *message = json_object(), *request = json_get_object(body, "request");
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        json_t *value = json_object_get(s->message ? s->message : body, facts[i]);
        if (value && !json_is_null(value)) json_object_set(message, facts[i], value);
    }
    if (json_get_text(body, "sample", NULL) && !json_object_get(message, "filename"))
        json_put_text(message, "filename", json_get_text(body, "sample", NULL));
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        json_t *value = json_object_get(request, given[i]);
        if (!value) value = json_object_get(body, given[i]);
        if (value && !json_is_null(value)) json_object_set(message, given[i], value);
    }
    json_t *call_head = json_pack("{s:s, s:s, s:o, s:o}", "script", c->parts[0], "function",
        json_get_text(body, "function", "translate"), "message", message, "destinations",
        destinations_of(e, c->parts[0]));
    json_t *callable = callable_by(e, c->parts[0]);
    if (callable) json_object_set_new(call_head, "connections", callable);
    json_object_set_new(call_head, "mocks", mocks_of(c, c->parts[0]));
    if (json_is_string(json_object_get(body, "source")))
        json_object_set(call_head, "source", json_object_get(body, "source"));
    return call_head;
}

/* {"source"?,"function"?,"message"|"sample"|"body","content_type",…}
 * → {"results": [{"body"|"base64","filename",…}],"log","rejected"?,"error"?,"elapsed_ms"} */
error *script_run_once(call *c, http_response **response) {
    json_t *body = NULL, *answer = NULL, *result;
    subject s = {.view = {.fd = -1}};
    frame reply;
    size_t i;
    error *err = call_body_json(c, &body);
    if (!err) err = subject_of(c, c->parts[0], body, &s);
    if (!err) {
        estate *snapshot = config_estate(c->admin->options.config);
        int64_t began = clock_monotonic_ms();
        error *fault = ask(c, snapshot, OPERATION_SCRIPT, make_call(c, snapshot, body, &s), &s.view, &reply, &answer);
        if (!answer) answer = json_object();
        if (!fault) {
            json_array_foreach(json_get_array(answer, "results"), i, result) show_body(result, &reply);
            frame_clear(&reply);
        } else {
            json_object_set_new(answer, "results", json_array());
            json_object_set_new(answer, "error", error_json(fault));
        }
        json_object_set_new(answer, "elapsed_ms", json_integer(clock_monotonic_ms() - began));
        *response = call_json(200, json_incref(answer));
        error_free(fault);
        estate_release(snapshot);
    }
    subject_free(&s);
    json_decref(answer);
    json_decref(body);
    return err;
}

/* ---- tests ---- */

/* The files that tests may read: themselves and the samples. */
static json_t *test_files(const char *name, const json_t *script, const json_t *tests) {
    json_t *files = json_object(), *sample;
    size_t i;
    char *path = xasprintf("%s_test.lua", name);
    json_object_set(files, path, (json_t *)(uintptr_t)tests);
    free(path);
    json_array_foreach(json_get_array(script, "samples"), i, sample) {
        path = xasprintf("%s_samples/%s", name, json_get_text(sample, "name", ""));
        json_t *text = json_object_get(sample, "text");
        json_object_set(files, path, text ? text : sample);
        free(path);
    }
    return files;
}

error *script_tests(const call *c, const char *name, const json_t *source, const json_t *tests, json_t **report) {
    json_t *script = NULL;
    int64_t revision;
    frame reply;
    *report = NULL;
    error *none = script_body(c, name, &script, &revision);
    if (none && error_code_of(none) != ERROR_NOT_FOUND) return none;
    error_free(none);
    if (!source) source = json_object_get(script, "source");
    if (!tests) tests = json_object_get(script, "test");
    if (!json_is_string(source)) {
        json_decref(script);
        return error_new(ERROR_NOT_FOUND, "there is no script \"%s\"", name);
    }
    error *err = NULL;
    if (!json_is_string(tests) || json_string_length(tests) == 0) {
        *report = json_pack("{s:[], s:{s:{}}, s:i, s:i}", "tests", "coverage", "lines", "passed", 0, "failed", 0);
    } else {
        estate *snapshot = config_estate(c->admin->options.config);
        json_t *head =
            json_pack("{s:s, s:O, s:o}", "name", name, "source", source, "files", test_files(name, script, tests));
        err = ask(c, snapshot, OPERATION_TEST_SCRIPT, head, NULL, &reply, report);
        if (!err) frame_clear(&reply);
        estate_release(snapshot);
    }
    json_decref(script);
    return err;
}

/* {"source"?,"tests"?} → {"tests": [{"name","ok","text","line","elapsed_ms"}],"coverage": {"lines": {"12": 3}}} */
error *script_test_now(call *c, http_response **response) {
    json_t *body = NULL, *report = NULL, *test;
    size_t i;
    error *err = call_body_json(c, &body);
    if (!err)
        err = script_tests(c, c->parts[0], json_object_get(body, "source"), json_object_get(body, "tests"), &report);
    json_array_foreach(json_get_array(report, "tests"), i, test) {
        /* "order_test.lua:12: expected …" */
        const char *text = json_get_text(test, "text", NULL), *mark = text ? strstr(text, ".lua:") : NULL;
        if (mark) json_object_set_new(test, "line", json_integer(strtoll(mark + 5, NULL, 10)));
    }
    if (!err) *response = call_json(200, json_incref(report));
    json_decref(report);
    json_decref(body);
    return err;
}

/* ---- replay ---- */

typedef struct rerun {
    const call *c;
    estate *snapshot;
    const char *script;
    const json_t *source;
    json_t *mocks;
    json_t *groups;
    int64_t compared, same, failed;
    int64_t end_ms;
} rerun;

static json_t *group_of(rerun *r, const char *kind, const char *path) {
    size_t i;
    json_t *group;
    json_array_foreach(r->groups, i, group) {
        if (strcmp(json_get_text(group, "kind", ""), kind) == 0 && strcmp(json_get_text(group, "path", ""), path) == 0)
            return group;
    }
    group = json_pack("{s:s, s:s, s:i, s:[]}", "kind", kind, "path", path, "count", 0, "messages");
    json_array_append_new(r->groups, group);
    return group;
}

/* A message counts once in a group, however often it differs there. */
static void note_difference(rerun *r, const json_t *difference, const char *message) {
    json_t *group = group_of(r, json_get_text(difference, "kind", ""), json_get_text(difference, "path", ""));
    json_t *messages = json_get_array(group, "messages");
    size_t known = json_array_size(messages);
    const char *last = known ? json_string_value(json_array_get(messages, known - 1)) : "";
    if (!json_object_get(group, "example")) {
        json_t *example = json_object();
        json_put_text(example, "before", json_get_text(difference, "before", NULL));
        json_put_text(example, "after", json_get_text(difference, "after", NULL));
        json_object_set_new(group, "example", example);
    }
    if (strcmp(last, message) == 0) return;
    json_object_set_new(group, "count", json_integer(json_get_integer(group, "count", 0) + 1));
    if (known < EXAMPLES_MAX) json_array_append_new(messages, json_string(message));
}

static json_t *replay_call(const rerun *r, const estate_flow *flow, const json_t *message, int document) {
    json_t *told = json_object();
    static const char *const facts[] = {"id", "filename", "content_type", "partner", "connection", "headers"};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        json_t *value = json_object_get(message, facts[i]);
        if (value && !json_is_null(value)) json_object_set(told, facts[i], value);
    }
    if (document >= 0) json_object_set_new(told, "document", json_integer(document));
    json_t *replayed = json_pack("{s:s, s:s, s:o, s:o, s:O}", "script", r->script, "function", "translate", "message",
        told, "destinations", translate_destinations(flow->to, flow->to_count), "mocks", r->mocks);
    json_object_set_new(
        replayed, "connections", flow->calls ? json_incref((json_t *)(uintptr_t)flow->calls) : json_array());
    return replayed;
}

static error *replay_one(
    rerun *r, const estate_flow *flow, const json_t *message, int document, const payload_view *view) {
    const char *id = json_get_text(message, "id", "");
    json_t *answer = NULL, *difference;
    frame reply;
    size_t i;
    json_t *head = json_pack("{s:o, s:O}", "call", replay_call(r, flow, message, document), "source", r->source);
    error *err = ask(r->c, r->snapshot, OPERATION_REPLAY_SCRIPT, head, view, &reply, &answer);
    r->compared++;
    if (err) {
        json_t *told = json_pack("{s:s, s:s, s:s}", "kind", "error", "path", "", "after", error_text(err));
        note_difference(r, told, id);
        json_decref(told);
        error_free(err);
        return NULL;
    }
    frame_clear(&reply);
    if (json_get_bool(answer, "same", false)) r->same++;
    json_array_foreach(json_get_array(answer, "differences"), i, difference) note_difference(r, difference, id);
    json_decref(answer);
    return NULL;
}

static bool takes(const estate_flow *flow, const json_t *document) {
    return (!flow->standard || strcmp(flow->standard, json_get_text(document, "standard", "")) == 0) &&
           (!flow->type || strcmp(flow->type, json_get_text(document, "type", "")) == 0);
}

/* A message of EDI went through the flow document by document. */
static error *replay_message(rerun *r, const estate_flow *flow, const char *id) {
    json_t *message = NULL, *document;
    payload_view view;
    size_t i;
    error *err = store_message_json(r->c->admin->options.store, id, &message);
    if (err) return err;
    err = store_payload_open(r->c->admin->options.store, id, &view);
    if (err) { /* its payload was kept long enough */
        error_free(err);
        json_decref(message);
        return NULL;
    }
    const json_t *documents = json_get_array(message, "documents");
    if (json_array_size(documents) == 0) err = replay_one(r, flow, message, -1, &view);
    json_array_foreach(documents, i, document) {
        if (!err && i < DOCUMENTS_MAX && takes(flow, document) && clock_monotonic_ms() < r->end_ms)
            err = replay_one(r, flow, message, (int)i, &view);
    }
    payload_view_close(&view);
    json_decref(message);
    return err;
}

static error *replay_flow(rerun *r, const estate_flow *flow, int last) {
    json_t *page = NULL, *item;
    size_t i;
    const message_filter filter = {.flow = flow->name, .direction = "in", .limit = last};
    error *err = store_find_messages(r->c->admin->options.store, &filter, &page);
    json_array_foreach(json_get_array(page, "items"), i, item) {
        if (!err && clock_monotonic_ms() < r->end_ms) err = replay_message(r, flow, json_get_text(item, "id", ""));
    }
    json_decref(page);
    return err;
}

/* {"source"?,"last"?} → {"compared","same","groups": [{"kind","path","count","messages","example"}]}: what the source
 * (the caller's draft without one) would make of the messages received last, beside what the published script makes of
 * them. */
error *script_replay(call *c, http_response **response) {
    json_t *body = NULL, *draft = NULL;
    error *err = call_body_json(c, &body);
    int64_t last = json_get_integer(body, "last", REPLAY_DEFAULT);
    if (!err && (last < 1 || last > REPLAY_MAX))
        err = error_at(error_new(ERROR_INVALID, "from 1 to %d messages of each flow", REPLAY_MAX), "/last");
    const json_t *source = json_object_get(body, "source");
    if (!err && !source) {
        err = versions_draft(c->admin->options.store, c->parts[0], c->caller.name, &draft);
        source = json_object_get(draft, "source");
    }
    if (!err && !json_is_string(source))
        err = error_at(error_new(ERROR_INVALID, "the text of the script is missing"), "/source");
    if (!err) {
        rerun r = {.c = c,
            .snapshot = config_estate(c->admin->options.config),
            .script = c->parts[0],
            .source = source,
            .mocks = mocks_of(c, c->parts[0]),
            .groups = json_array(),
            .end_ms = clock_monotonic_ms() + REPLAY_MS};
        size_t flows = 0;
        for (size_t i = 0; i < r.snapshot->flow_count && !err; i++) {
            const estate_flow *flow = &r.snapshot->flows[i];
            if (!flow->script || strcmp(flow->script, r.script) != 0) continue;
            flows++;
            err = replay_flow(&r, flow, (int)last);
        }
        if (!err)
            *response = call_json(200,
                json_pack("{s:I, s:I, s:O, s:I, s:b}", "compared", (json_int_t)r.compared, "same", (json_int_t)r.same,
                    "groups", r.groups, "flows", (json_int_t)flows, "complete", clock_monotonic_ms() < r.end_ms));
        json_decref(r.groups);
        json_decref(r.mocks);
        estate_release(r.snapshot);
    }
    json_decref(draft);
    json_decref(body);
    return err;
}

/* ---- structure ---- */

/* ?message=ID or ?sample=NAME */
error *script_structure(call *c, http_response **response) {
    char message[ID_SIZE], sample[256];
    json_t *answer = NULL, *named = json_object();
    subject s = {.view = {.fd = -1}};
    frame reply;
    json_put_text(named, "message", call_parameter(c, "message", message, sizeof message));
    json_put_text(named, "sample", call_parameter(c, "sample", sample, sizeof sample));
    error *err = json_object_size(named) == 1 ? subject_of(c, c->parts[0], named, &s)
                                              : error_new(ERROR_INVALID, "of what? ?message=ID or ?sample=NAME");
    if (!err) err = ask(c, NULL, OPERATION_STRUCTURE, json_object(), &s.view, &reply, &answer);
    if (!err) {
        frame_clear(&reply);
        *response = call_json(200, json_incref(answer));
    }
    subject_free(&s);
    json_decref(answer);
    json_decref(named);
    return err;
}

/* ---- what scripts may use ---- */

static void add_example(json_t *function, span text) {
    json_t *examples = json_object_get(function, "examples");
    if (!examples) json_object_set_new(function, "examples", examples = json_array());
    json_array_append_new(examples, json_stringn(text.data, text.len));
}

/* A page of the reference: "name: summary", then "signature | what it does" a line, with examples indented below. */
static json_t *read_page(const embedded_file *file) {
    json_t *module = json_object(), *functions = json_array(), *one = NULL;
    span rest = embedded_span(file), line;
    while (span_split(&rest, '\n', &line)) {
        span left = line, part;
        if (line.len == 0 || line.data[0] == '#') continue;
        if (line.data[0] == ' ') {
            if (one) add_example(one, span_trim(line));
            continue;
        }
        if (!json_object_get(module, "name") && span_split(&left, ':', &part)) {
            json_put_span(module, "name", span_trim(part));
            json_put_span(module, "summary", span_trim(left));
            continue;
        }
        if (!span_split(&left, '|', &part)) continue;
        span signature = span_trim(part), name = signature;
        for (size_t i = 0; i < signature.len; i++) {
            if (signature.data[i] != '(' && signature.data[i] != '{' && signature.data[i] != ' ') continue;
            name.len = i;
            break;
        }
        one = json_object();
        json_put_span(one, "name", name);
        json_put_span(one, "signature", signature);
        json_put_span(one, "summary", span_trim(left));
        json_array_append_new(functions, one);
    }
    json_object_set_new(module, "functions", functions);
    return module;
}

error *library_show(call *c, http_response **response) {
    (void)c;
    json_t *modules = json_array();
    for (size_t i = 0; embedded_reference[i].path; i++)
        json_array_append_new(modules, read_page(&embedded_reference[i]));
    *response = call_json(200, json_pack("{s:o}", "modules", modules));
    return NULL;
}

error *template_list(call *c, http_response **response) {
    (void)c;
    json_t *items = json_array();
    for (size_t i = 0; embedded_templates[i].path; i++) {
        json_t *one = json_object();
        const char *path = embedded_templates[i].path, *dot = strrchr(path, '.');
        json_put_span(one, "name", span_make(path, dot ? (size_t)(dot - path) : strlen(path)));
        json_put_span(one, "source", embedded_span(&embedded_templates[i]));
        json_array_append_new(items, one);
    }
    *response = call_json(200, json_pack("{s:o}", "items", items));
    return NULL;
}
