/* core/worker/translator.c: see translator.h. Runs in translator processes: no file, no network, nothing to keep
 * between requests but compiled scripts and schemas.
 */
#include "core/worker/translator.h"

#include "core/base/clock.h"
#include "core/base/json_schema.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/script/cem.h"
#include "core/script/host.h"
#include "core/worker/attachment.h"
#include "core/worker/compare.h"
#include "core/worker/guides.h"
#include "core/worker/inspect.h"
#include "core/worker/mask.h"
#include "core/worker/nursery.h"
#include "core/worker/serve.h"
#include "core/worker/workbench.h"
#include "edi/explain.h"
#include "edi/json.h"

#include <stdlib.h>

enum {
    ACKNOWLEDGEMENT_BYTES_MAX = 64 * 1024 * 1024,
    ENVELOPE_BYTES_MAX = 4096,
    EXPLANATION_BYTES_MAX = 2 * 1024 * 1024, /* what a person may want to scroll through */
};

typedef struct translator {
    script_host *host;
    guides *guides;
    worker *worker; /* while a request is done */
    frame source;   /* the answer that holds the script last asked for */
    char *hash;
    const char *draft_name; /* a script whose text comes with the request; NULL: none */
    span draft;
    json_schema *schema;     /* the one last held against */
    json_t *schema_document; /* what it was made of */
} translator;

/* ---- what a script may ask of the desk ---- */

/* Takes `head`. On success the caller clears `answer`. */
static error *ask_desk(translator *t, frame_operation operation, json_t *head, frame *answer, json_t **answer_head) {
    frame question;
    frame_init(&question, FRAME_QUESTION, operation, 0);
    frame_put_json(&question, head);
    json_decref(head);
    error *err = worker_ask(t->worker, &question, answer);
    if (err) return err;
    err = frame_get_json(answer, answer_head);
    if (err) frame_clear(answer);
    return err;
}

static void forget_source(translator *t) {
    frame_clear(&t->source);
    free(t->hash);
    t->hash = NULL;
}

static error *ask_source(void *context, const char *name, span *text, const char **hash) {
    translator *t = context;
    if (t->draft_name && strcmp(name, t->draft_name) == 0) {
        *text = t->draft;
        *hash = NULL; /* never kept */
        return NULL;
    }
    json_t *head, *asked = json_object();
    frame answer;
    json_put_text(asked, "name", name);
    error *err = ask_desk(t, QUESTION_SOURCE, asked, &answer, &head);
    if (err) return err;
    forget_source(t);
    t->source = answer;
    const char *known = json_get_text(head, "hash", NULL);
    t->hash = known ? xstrdup(known) : NULL;
    json_decref(head);
    *hash = t->hash;
    *text = frame_get(&t->source, TAG_PAYLOAD, 0);
    return text->data ? NULL : error_new(ERROR_INTERNAL, "the desk answered without the script %s", name);
}

static error *ask_control(void *context, const char *sequence, uint64_t *number) {
    json_t *head, *asked = json_object();
    frame answer;
    json_put_text(asked, "sequence", sequence);
    error *err = ask_desk(context, QUESTION_CONTROL, asked, &answer, &head);
    if (err) return err;
    int64_t given = json_get_integer(head, "number", 0);
    *number = (uint64_t)given;
    json_decref(head);
    frame_clear(&answer);
    return given > 0 ? NULL : error_new(ERROR_INTERNAL, "the desk gave no number of %s", sequence);
}

static error *ask_table(void *context, const char *table, const char *code, bool reverse, buf *value, bool *found) {
    json_t *head, *asked = json_object();
    frame answer;
    json_put_text(asked, "table", table);
    json_put_text(asked, "code", code);
    json_object_set_new(asked, "reverse", json_boolean(reverse));
    error *err = ask_desk(context, QUESTION_TABLE, asked, &answer, &head);
    if (err) return err;
    *found = json_get_bool(head, "found", false);
    if (*found) buf_add(value, frame_get(&answer, TAG_PAYLOAD, 0));
    json_decref(head);
    frame_clear(&answer);
    return buf_check(value, "a value of a table");
}

static error *ask_schema(void *context, const char *name, buf *text) {
    json_t *head, *asked = json_object();
    frame answer;
    json_put_text(asked, "name", name);
    error *err = ask_desk(context, QUESTION_SCHEMA, asked, &answer, &head);
    if (err) return err;
    buf_add(text, frame_get(&answer, TAG_PAYLOAD, 0));
    json_decref(head);
    frame_clear(&answer);
    return buf_check(text, "a schema");
}

static int64_t wall_time(void *context) {
    (void)context;
    return clock_wall_ms();
}

/* ---- EDI ---- */

static error *inspect(translator *t, frame *request, frame *reply) {
    json_t *head = NULL;
    attachment body = {0};
    edi_library *library = NULL;
    error *err = frame_get_json(request, &head);
    if (!err) err = guides_choose(t->guides, head, &library);
    if (!err) err = attachment_of_request(request, &body);
    if (!err) {
        json_t *findings = inspect_payload(body.bytes, library);
        frame_put_json(reply, findings);
        json_decref(findings);
    }
    attachment_close(&body);
    json_decref(head);
    return err;
}

static error *extract(translator *t, frame *request, frame *reply) {
    json_t *head = NULL, *answer = NULL, *place = NULL;
    attachment body = {0};
    edi_library *library = NULL;
    error *err = frame_get_json(request, &head);
    if (!err) err = guides_choose(t->guides, head, &library);
    if (!err) err = attachment_of_request(request, &body);
    buf out = BUF_MAX(body.bytes.len + ENVELOPE_BYTES_MAX);
    if (!err) err = inspect_extract(body.bytes, json_get_integer(head, "document", -1), library, &out, &answer);
    if (!err) err = buf_check(&out, "the document");
    span bytes = buf_span(&out);
    if (!err && out.len) err = attachment_put_all(reply, &bytes, 1, &place);
    if (!err) {
        if (place) json_object_set(answer, "payload", place);
        frame_put_json(reply, answer);
    }
    json_decref(place);
    json_decref(answer);
    json_decref(head);
    attachment_close(&body);
    buf_free(&out);
    return err;
}

static error *acknowledge(translator *t, frame *request, frame *reply) {
    json_t *head = NULL, *answer = NULL, *place = NULL;
    attachment body = {0};
    buf out = BUF_MAX(ACKNOWLEDGEMENT_BYTES_MAX);
    const inspect_numbers numbers = {.control = ask_control, .context = t};
    edi_library *library = NULL;
    error *err = frame_get_json(request, &head);
    if (!err) err = guides_choose(t->guides, head, &library);
    if (!err) err = attachment_of_request(request, &body);
    if (!err) err = inspect_acknowledge(body.bytes, head, library, &numbers, clock_wall_ms(), &out, &answer);
    if (!err) err = buf_check(&out, "the acknowledgement");
    span bytes = buf_span(&out);
    if (!err) err = attachment_put_all(reply, &bytes, 1, &place);
    if (!err) {
        json_object_set(answer, "payload", place);
        frame_put_json(reply, answer);
    }
    json_decref(place);
    json_decref(answer);
    json_decref(head);
    attachment_close(&body);
    buf_free(&out);
    return err;
}

/* {"as": "json"} tells the file as JSON, else it is explained. What is longer than anybody reads ends there. */
static error *take_piece(void *context, span piece) {
    buf *text = context;
    buf_add(text, piece);
    return buf_check(text, "the explanation");
}

static error *explain(translator *t, frame *request, frame *reply) {
    attachment body = {0};
    buf text = BUF_MAX(EXPLANATION_BYTES_MAX);
    json_t *order = NULL;
    const edi_explain_options options = {.colour = false};
    const edi_json_options json_options = {.compact = false};
    edi_library *library = NULL;
    error *err = frame_get_json(request, &order);
    if (!err) err = guides_choose(t->guides, order, &library);
    if (!err) err = attachment_of_request(request, &body);
    bool as_json = strcmp(json_get_text(order, "as", ""), "json") == 0;
    if (!err && as_json) err = edi_to_json(body.bytes, library, &json_options, take_piece, &text);
    if (!err && !as_json) err = edi_explain(body.bytes, library, &options, take_piece, &text);
    if (text.overflow) {
        error_free(err);
        err = NULL;
    }
    if (!err) {
        json_t *head = json_object();
        json_put_span(head, "text", buf_span(&text));
        json_object_set_new(head, "cut", json_boolean(text.overflow));
        frame_put_json(reply, head);
        json_decref(head);
    }
    attachment_close(&body);
    buf_free(&text);
    json_decref(order);
    return err;
}

/* ---- scripts ---- */

/* Results name their payload by its index; the desk wants to know where in the frame it is. */
static error *place_payloads(script_outcome *outcome, frame *reply) {
    size_t count = outcome->payload_count, index;
    json_t *result, **places = xcalloc(count + 1, sizeof *places);
    span *spans = xcalloc(count + 1, sizeof *spans);
    for (size_t i = 0; i < count; i++)
        spans[i] = buf_span(&outcome->payloads[i]);
    error *err = attachment_put_all(reply, spans, count, places);
    json_array_foreach(json_get_array(outcome->result, "results"), index, result) {
        int64_t payload = json_get_integer(result, "payload", -1);
        if (!err && payload >= 0 && payload < (int64_t)count) json_object_set(result, "payload", places[payload]);
    }
    for (size_t i = 0; i < count; i++)
        json_decref(places[i]);
    free(places);
    free(spans);
    return err;
}

static void set_draft(translator *t, const char *name, span source) {
    t->draft_name = source.data ? name : NULL;
    t->draft = source;
}

static error *run_script(translator *t, frame *request, frame *reply) {
    json_t *call = NULL;
    attachment body = {0};
    script_outcome outcome = {0};
    edi_library *library;
    error *err = frame_get_json(request, &call);
    if (!err) err = guides_choose(t->guides, call, &library);
    if (!err) err = attachment_of_request(request, &body);
    set_draft(t, json_get_text(call, "script", NULL), json_get_span(call, "source"));
    if (!err) err = script_run(t->host, call, body.bytes, &outcome);
    set_draft(t, NULL, (span){NULL, 0});
    if (!err) err = place_payloads(&outcome, reply);
    /* Also beside an error: it holds the script's log. */
    if (outcome.result) frame_put_json(reply, outcome.result);
    script_outcome_free(&outcome);
    attachment_close(&body);
    json_decref(call);
    forget_source(t);
    return err;
}

static error *check_script(translator *t, frame *request, frame *reply) {
    json_t *head = NULL;
    (void)t;
    error *err = frame_get_json(request, &head);
    if (err) return err;
    span source = json_get_span(head, "source");
    if (!source.data) source = frame_get(request, TAG_PAYLOAD, 0);
    err = source.data ? script_check(json_get_text(head, "name", "script"), source)
                      : error_new(ERROR_INVALID, "the request has no source");
    if (!err) frame_put_empty(reply);
    json_decref(head);
    return err;
}

/* {"sources": [{"name","source"}]}: do they compile, each upon those before it? */
static error *check_schemas(translator *t, frame *request, frame *reply) {
    json_t *head = NULL;
    (void)t;
    error *err = frame_get_json(request, &head);
    if (err) return err;
    err = guides_check(json_get_array(head, "sources"));
    if (!err) frame_put_empty(reply);
    json_decref(head);
    return err;
}

static error *test_script(translator *t, frame *request, frame *reply) {
    json_t *head = NULL;
    error *err = frame_get_json(request, &head);
    if (err) return err;
    set_draft(t, json_get_text(head, "name", NULL), json_get_span(head, "source"));
    err = workbench_test(t->host, request, reply);
    set_draft(t, NULL, (span){NULL, 0});
    forget_source(t);
    json_decref(head);
    return err;
}

static error *replay_script(translator *t, frame *request, frame *reply) {
    const script_services services = {
        .source = ask_source, .control = ask_control, .table = ask_table, .now_ms = wall_time, .context = t};
    json_t *head = NULL;
    edi_library *library = NULL;
    error *err = frame_get_json(request, &head);
    if (!err) err = guides_choose(t->guides, head, &library);
    if (!err) err = workbench_replay(&services, library, request, reply);
    forget_source(t);
    json_decref(head);
    return err;
}

/* {"schema"}, a JSON body: {"faults": [...]} (json_schema.h), or {"malformed": "…"} when it is no JSON. The schema last
 * used is kept: requests on one endpoint come in a row. */
static error *validate(translator *t, frame *request, frame *reply) {
    json_t *head = NULL, *value = NULL, *faults = NULL, *answer = json_object();
    attachment body = {0};
    error *err = frame_get_json(request, &head);
    json_t *document = json_object_get(head, "schema");
    if (!err) err = attachment_of_request(request, &body);
    if (!err && !(t->schema && json_equal(document, t->schema_document))) {
        json_schema_free(t->schema);
        json_decref(t->schema_document);
        t->schema = NULL;
        t->schema_document = json_incref(document);
        err = json_schema_new(document, &t->schema);
    }
    error *malformed = err ? NULL : json_parse(body.bytes, &value);
    if (malformed)
        json_put_text(answer, "malformed", error_text(malformed));
    else if (!err)
        err = json_schema_check(t->schema, value, &faults);
    if (faults) json_object_set_new(answer, "faults", faults);
    if (!err) frame_put_json(reply, answer);
    error_free(malformed);
    json_decref(value);
    json_decref(answer);
    json_decref(head);
    attachment_close(&body);
    return err;
}

static error *tell_structure(translator *t, frame *request, frame *reply) {
    json_t *head = NULL;
    edi_library *library = NULL;
    error *err = frame_get_json(request, &head);
    if (!err) err = guides_choose(t->guides, head, &library);
    if (!err) err = workbench_structure(library, request, reply);
    json_decref(head);
    return err;
}

/* Two payload fields and the options of compare.h: {"differences": [...]}. */
static error *compare(translator *t, frame *request, frame *reply) {
    json_t *options = NULL;
    (void)t;
    error *err = frame_get_json(request, &options);
    if (err) return err;
    json_t *head = json_object(),
           *found = compare_answers(frame_get(request, TAG_PAYLOAD, 0), frame_get(request, TAG_PAYLOAD, 1), options);
    json_object_set_new(head, "differences", found);
    frame_put_json(reply, head);
    json_decref(head);
    json_decref(options);
    return NULL;
}

/* One payload field and {"places": [...]}: the payload as it may be shown. */
static error *mask(translator *t, frame *request, frame *reply) {
    json_t *head = NULL;
    char *masked = NULL;
    (void)t;
    error *err = frame_get_json(request, &head);
    if (!err) err = mask_json(frame_get(request, TAG_PAYLOAD, 0), json_get_array(head, "places"), &masked);
    if (!err) frame_put(reply, TAG_PAYLOAD, span_of(masked));
    free(masked);
    json_decref(head);
    return err;
}

static error *read_certificates(translator *t, frame *request, frame *reply) {
    attachment body = {0};
    json_t *order = NULL, *told = NULL;
    (void)t;
    error *err = frame_get_json(request, &order);
    if (!err) err = attachment_of_request(request, &body);
    bool message = strcmp(json_get_text(order, "what", ""), "message") == 0;
    if (!err) err = message ? cem_read(body.bytes, &told) : cem_certificate(body.bytes, &told);
    if (!err) frame_put_json(reply, told);
    json_decref(told);
    json_decref(order);
    attachment_close(&body);
    return err;
}

/* ---- the loop ---- */

static error *(*const operations[])(translator *, frame *, frame *) = {
    [OPERATION_INSPECT] = inspect,
    [OPERATION_ACKNOWLEDGE] = acknowledge,
    [OPERATION_EXTRACT] = extract,
    [OPERATION_EXPLAIN] = explain,
    [OPERATION_SCRIPT] = run_script,
    [OPERATION_CHECK_SCRIPT] = check_script,
    [OPERATION_CHECK_SCHEMAS] = check_schemas,
    [OPERATION_TEST_SCRIPT] = test_script,
    [OPERATION_REPLAY_SCRIPT] = replay_script,
    [OPERATION_STRUCTURE] = tell_structure,
    [OPERATION_VALIDATE] = validate,
    [OPERATION_COMPARE] = compare,
    [OPERATION_MASK] = mask,
    [OPERATION_CERTIFICATES] = read_certificates,
};

static const size_t operation_count = sizeof operations / sizeof operations[0];

static error *translate(worker *w, void *context, frame *request, frame *reply) {
    translator *t = context;
    if ((size_t)request->operation >= operation_count || !operations[request->operation])
        return error_new(ERROR_UNSUPPORTED, "a translator does not do operation %d", (int)request->operation);
    t->worker = w;
    return operations[request->operation](t, request, reply);
}

void translator_prepare(void) {
    char text[DIGEST_HEX_SIZE];
    digest_sha256_hex(SPAN(""), text); /* the first use reads the library's configuration file */
}

int translator_main(frame_channel *channel) {
    translator self = {0};
    script_services services = {
        .source = ask_source, .control = ask_control, .table = ask_table, .now_ms = wall_time, .context = &self};
    frame_init(&self.source, FRAME_ANSWER, QUESTION_SOURCE, 0);
    error *err = script_host_new(&services, &self.host);
    if (err) {
        log_failure(LOG_ERROR, "scripts cannot be run", err);
        return WORKER_EXIT_SANDBOX;
    }
    self.guides = guides_new(self.host, ask_schema, &self);
    int status = worker_serve(channel, translate, &self);
    json_schema_free(self.schema);
    json_decref(self.schema_document);
    forget_source(&self);
    script_host_free(self.host); /* what it keeps warm may look at the guides */
    guides_free(self.guides);
    return status;
}
