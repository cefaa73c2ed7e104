/* core/flow/process.c: finds out what a message is, and decides what happens to it.
 *
 * A translator inspects the bytes; here its findings become rows: documents with their business keys, acknowledgements
 * that close what waited for them, the acknowledgement that goes back, one job for each flow and document. All of it is
 * one transaction with the end of this job. */
#include "core/base/crash.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/flow/interchange.h"
#include "core/flow/outgoing.h"
#include "core/flow/work.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REASON_ROOM = 512, CONTROL_ROOM = 64, WHOLE_BYTES_MAX = 128 * 1024 * 1024, HEAD_BYTES = 4096, WHOLE = -1 };

typedef struct processing {
    work *w;
    json_t *message;  /* its row */
    json_t *findings; /* of the inspection */
    payload_view payload;
    const estate_connection *connection; /* NULL: it came by none that still exists */
    const estate_partner *partner;
    store_change *change;
    json_t *passed; /* flow without a script → documents that it takes, by their number */
    json_t *closed; /* ids of documents that an acknowledgement in this message has answered */
    size_t jobs, refused;
    char
        repeated[CONTROL_ROOM]; /* control number of the interchange that is refused because it came before; "": none */
    char reason[REASON_ROOM];   /* of the first refusal, or a remark; "": none */
} processing;

static const char *message_id(const processing *p) {
    return p->w->job->message;
}

static void refuse(processing *p, const char *kind, const char *text) {
    if (p->refused++ == 0) snprintf(p->reason, sizeof p->reason, "%s", text);
    store_add_event(p->change, message_id(p), kind, text, NULL);
}

/* People see it, in the timeline and as the reason of the message. */
static void remark(processing *p, const char *text) {
    if (!*p->reason) snprintf(p->reason, sizeof p->reason, "%s", text);
    store_add_event(p->change, message_id(p), "remark", text, NULL);
}

/* ---- what the message says of itself ---- */

/* What no translator may hold is not looked into, but for its beginning, which tells whether it is EDI: that would have
 * to be looked into. */
static error *inspect_large(processing *p) {
    char *head = xmalloc(HEAD_BYTES);
    ssize_t len = pread(p->payload.fd, head, HEAD_BYTES, 0);
    payload_view beginning = {.size = len > 0 ? (uint64_t)len : 0, .bytes = head, .fd = -1};
    frame reply;
    error *err = len < 0 ? error_from_errno(errno, "cannot read the payload") : NULL;
    if (!err)
        err = call_translator(p->w->engine->options.pool, &p->w->scope, OPERATION_INSPECT,
            json_pack("{s:s?}", "filename", json_get_text(p->message, "filename", NULL)), &beginning, &reply,
            &p->findings);
    free(head);
    if (err) return err;
    frame_clear(&reply);
    if (json_get_text(p->findings, "standard", NULL))
        return error_new(ERROR_LIMIT, "an interchange of %llu bytes is more than can be worked on; split it",
            (unsigned long long)p->payload.size);
    json_decref(p->findings);
    p->findings = json_object();
    return NULL;
}

static error *inspect_once(processing *p) {
    frame reply;
    if (p->payload.fd >= 0 && p->payload.size > WHOLE_BYTES_MAX) return inspect_large(p);
    json_t *head = json_pack("{s:s?, s:s?}", "filename", json_get_text(p->message, "filename", NULL), "content_type",
        json_get_text(p->message, "content_type", NULL));
    error *err = call_translator(
        p->w->engine->options.pool, &p->w->scope, OPERATION_INSPECT, head, &p->payload, &reply, &p->findings);
    if (!err) frame_clear(&reply);
    return err;
}

static const json_t *document_at(const processing *p, size_t i) {
    return json_array_get(json_get_array(p->findings, "documents"), i);
}

static size_t document_count(const processing *p) {
    return json_array_size(json_get_array(p->findings, "documents"));
}

static const estate_partner *find_partner(const processing *p) {
    if (p->connection && p->connection->partner) return p->connection->partner;
    const json_t *first = document_at(p, 0);
    return first ? estate_partner_by_id(
                       p->w->estate, json_get_text(first, "standard", ""), json_get_text(first, "sender", ""))
                 : NULL;
}

/* Held against the guides of the connection's partner; when the envelope tells who the partner is, a second time. */
static error *inspect(processing *p) {
    call_scope *scope = &p->w->scope;
    scope->partner = p->connection ? p->connection->partner : NULL;
    error *err = inspect_once(p);
    const estate_partner *partner = err ? NULL : find_partner(p);
    if (!partner || partner == scope->partner || !partner->schemas_key) return err;
    scope->partner = partner;
    json_decref(p->findings);
    p->findings = NULL;
    return inspect_once(p);
}

/* An envelope that names somebody else than the partner whose connection it came by (ED-20). */
static bool is_foreign(const processing *p, const json_t *document) {
    if (!p->connection || !p->connection->partner) return false;
    const char *standard = json_get_text(document, "standard", "");
    return *estate_partner_id(p->connection->partner, standard) &&
           !estate_is_partner_id(p->connection->partner, standard, json_get_text(document, "sender", ""));
}

/* One that came from a partner and is addressed to none of our stations: nobody may answer it in that name. */
static bool is_misaddressed(const processing *p, const json_t *document) {
    if (!p->connection || !p->connection->partner) return false;
    return estate_is_nobody_of_us(
        p->w->estate, json_get_text(document, "standard", ""), json_get_text(document, "receiver", ""));
}

/* Refuses what is from, or to, somebody else than the two ends of the connection. */
static bool refuse_envelope(processing *p, const json_t *document, const char *type) {
    char text[REASON_ROOM];
    if (is_foreign(p, document)) {
        snprintf(text, sizeof text, "the %s names the sender %s, who is not the partner %s", type,
            json_get_text(document, "sender", "?"), p->connection->partner->name);
        refuse(p, "foreign", text);
    } else if (is_misaddressed(p, document)) {
        snprintf(text, sizeof text,
            "the %s is addressed to %s, which is none of our stations; make a station with that id if it is ours", type,
            json_get_text(document, "receiver", "?"));
        refuse(p, "misaddressed", text);
    } else {
        return false;
    }
    return true;
}

/* "PO107 is too long (PO1 at 8, byte 1187)": the first fault of the document, or of the file. */
static const char *first_fault(const processing *p, const char *control, char text[REASON_ROOM]) {
    const json_t *errors = json_get_array(p->findings, "errors");
    snprintf(text, REASON_ROOM, "it is not valid");
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *fault = json_array_get(errors, i);
        const char *of = json_get_text(fault, "document", NULL), *segment = json_get_text(fault, "segment", NULL);
        char place[64] = "";
        if (control && of && strcmp(of, control) != 0) continue;
        if (segment)
            snprintf(place, sizeof place, "%s at %lld, ", segment, (long long)json_get_integer(fault, "position", 0));
        snprintf(text, REASON_ROOM, "%s (%sbyte %lld)", json_get_text(fault, "text", "?"), place,
            (long long)json_get_integer(fault, "offset", 0));
        break;
    }
    return text;
}

/* ---- acknowledgements that came in ---- */

/* "997 rejects it: ..." */
static void say_outcome(const json_t *item, bool accepted, char text[REASON_ROOM]) {
    const char *why = json_get_text(item, "text", "");
    snprintf(text, REASON_ROOM, "%s %s%s%s", json_get_text(item, "kind", "?"), accepted ? "accepts it" : "rejects it",
        *why ? ": " : "", why);
}

/* Closes the documents found that no judgement of this message has closed yet: one of a group holds for those of its
 * documents that have none of their own. */
static void close_found(processing *p, const json_t *item, const json_t *found, bool accepted) {
    char text[REASON_ROOM];
    say_outcome(item, accepted, text);
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *document = json_array_get(found, i);
        const char *id = json_get_text(document, "id", "");
        if (json_object_get(p->closed, id)) continue;
        json_object_set_new(p->closed, id, json_true());
        store_acknowledge(
            p->change, id, accepted ? ACKNOWLEDGEMENT_ACCEPTED : ACKNOWLEDGEMENT_REJECTED, message_id(p), text);
        store_add_event(
            p->change, json_get_text(document, "message", ""), accepted ? "acknowledged" : "rejected", text, NULL);
    }
}

static void note_unmatched(processing *p, const json_t *item) {
    char text[REASON_ROOM];
    snprintf(text, sizeof text, "the %s answers nothing that waits: interchange %s, group %s, document %s",
        json_get_text(item, "kind", "?"), json_get_text(item, "interchange_control", "-"),
        json_get_text(item, "group_control", "-"), json_get_text(item, "control", "-"));
    refuse(p, "unmatched", text);
}

static error *acknowledge_one(processing *p, const json_t *item) {
    json_t *found = NULL;
    acknowledged_key key = {
        .partner = p->partner ? p->partner->name : NULL,
        .standard = json_get_text(item, "standard", json_get_text(p->findings, "standard", "X12")),
        .interchange_control = json_get_text(item, "interchange_control", NULL),
        .group_control = json_get_text(item, "group_control", NULL),
        .type = json_get_text(item, "type", NULL),
        .control = json_get_text(item, "control", NULL),
    };
    const char *outcome = json_get_text(item, "outcome", "");
    bool accepted = strncmp(outcome, "accepted", 8) == 0, rejected = strcmp(outcome, "rejected") == 0;
    error *err = store_find_acknowledged(p->w->engine->options.store, &key, &found);
    if (err) return err;
    if (json_array_size(found) == 0)
        note_unmatched(p, item);
    else if (accepted || rejected)
        close_found(p, item, found, accepted);
    json_decref(found);
    return NULL;
}

static error *acknowledge_all(processing *p) {
    error *err = NULL;
    const json_t *list = json_get_array(p->findings, "acknowledges");
    for (size_t i = 0; i < json_array_size(list) && !err; i++)
        err = acknowledge_one(p, json_array_get(list, i));
    return err;
}

/* ---- who takes it ---- */

static bool takes_name(const estate_flow *flow, const char *filename) {
    const char *patterns[] = {flow->pattern, flow->filename};
    for (size_t i = 0; i < 2; i++) {
        const char *base = patterns[i] ? strrchr(patterns[i], '/') : NULL;
        const char *pattern = base ? base + 1 : patterns[i];
        if (pattern && fnmatch(pattern, filename, 0) != 0) return false;
    }
    return true;
}

static bool takes_document(const estate_flow *flow, const json_t *document) {
    const char *standard = json_get_text(document, "standard", ""), *type = json_get_text(document, "type", "");
    if (!flow->type && outgoing_is_acknowledgement(type)) return false;
    return (!flow->standard || strcmp(flow->standard, standard) == 0) && (!flow->type || strcmp(flow->type, type) == 0);
}

/* `row` is NULL for what is no EDI; else it tells of the document, or of the first when `document` is WHOLE. */
static void add_translate_job(processing *p, const estate_flow *flow, int document, const json_t *row) {
    json_t *detail = json_pack("{s:s, s:i, s:I, s:I}", "flow", flow->name, "attempts", flow->retry.attempts, "first_ms",
        (json_int_t)flow->retry.first_ms, "maximum_ms", (json_int_t)flow->retry.maximum_ms);
    if (row) {
        json_object_set_new(detail, "document", json_integer(document));
        json_object_set(detail, "facts", (json_t *)row);
    }
    store_job job = {
        .kind = "translate",
        .message = message_id(p),
        .connection = json_string_value(json_array_get(flow->calls, 0)),
        .detail = detail,
        .run_at = clock_wall_ms(),
    };
    id_new(job.id);
    store_add_job(p->change, &job);
    json_decref(detail);
    p->jobs++;
}

/* Links an answer (855) to what it answers (850); *good is false when we sent nothing of the kind. */
static error *find_answered(
    processing *p, const estate_flow *flow, const json_t *document, const char *id, bool *good) {
    json_t *found = NULL;
    const char *value = json_get_text(json_get_object(document, "keys"), flow->answers_key, "");
    error *err = store_find_by_key(p->w->engine->options.store, p->partner ? p->partner->name : NULL,
        flow->answers_type, flow->answers_key, value, &found);
    *good = false;
    for (size_t i = 0; i < json_array_size(found) && !err && !*good; i++) {
        const json_t *sent = json_array_get(found, i);
        if (strcmp(json_get_text(sent, "direction", ""), "out") != 0) continue;
        char text[REASON_ROOM];
        const char *type = json_get_text(document, "type", "?");
        store_link_answer(p->change, json_get_text(sent, "id", ""), id);
        snprintf(text, sizeof text, "answered by %s %s", type, json_get_text(document, "control", ""));
        store_add_event(p->change, json_get_text(sent, "message", ""), "answered", text, NULL);
        *good = true;
    }
    if (!err && !*good) {
        char text[REASON_ROOM];
        snprintf(text, sizeof text, "the %s answers %s %s \"%s\", which we have not sent%s%s",
            json_get_text(document, "type", "?"), flow->answers_type, flow->answers_key, value,
            p->partner ? " to " : "", p->partner ? p->partner->name : "");
        refuse(p, "unmatched", text);
    }
    json_decref(found);
    return err;
}

static void note_passed(processing *p, const estate_flow *flow, size_t i) {
    json_t *list = json_get_array(p->passed, flow->name);
    if (!list) json_object_set_new(p->passed, flow->name, list = json_array());
    json_array_append_new(list, json_integer((json_int_t)i));
}

static bool names_document(const estate_flow *flow) {
    for (size_t i = 0; i < flow->to_count; i++) {
        const char *path = flow->to[i].path;
        if (path && strstr(path, "{document.control}")) return true;
    }
    return false;
}

/* Without a script a message goes on as it came, once, with all that is in it; a flow that takes only some of its
 * documents, or names a file for each, gets these one by one, each in an envelope of its own. */
static void pass_on(processing *p) {
    size_t count = document_count(p);
    for (size_t f = 0; f < p->w->estate->flow_count; f++) {
        const estate_flow *flow = &p->w->estate->flows[f];
        const json_t *taken = json_get_array(p->passed, flow->name);
        if (!taken) continue;
        bool can_split = strcmp(json_get_text(document_at(p, 0), "standard", ""), "TRADACOMS") != 0;
        if (count == 1 || !can_split || (json_array_size(taken) == count && !names_document(flow))) {
            add_translate_job(p, flow, WHOLE, document_at(p, 0));
            continue;
        }
        for (size_t i = 0; i < json_array_size(taken); i++) {
            size_t at = (size_t)json_integer_value(json_array_get(taken, i));
            add_translate_job(p, flow, (int)at, document_at(p, at));
        }
    }
}

/* An operator ordered it: what came before does not matter. */
static bool is_again(const processing *p) {
    return json_get_bool(p->w->job->detail, "again", false);
}

/* Does the partner want each number once, and had it already? The same bytes are no slip of his: they come to be known
 * as a duplicate when this is committed. */
static error *check_repeated(processing *p) {
    char other[ID_SIZE], text[REASON_ROOM];
    if (!p->partner || !p->partner->once || is_again(p)) return NULL;
    error *err = interchange_find_repeated(p->w->engine->options.store, document_at(p, 0), p->message, other);
    if (err || !other[0]) return err;
    snprintf(p->repeated, sizeof p->repeated, "%s", json_get_text(document_at(p, 0), "interchange_control", ""));
    snprintf(text, sizeof text,
        "interchange %s came before with another content, as message %s, and %s may send each number "
        "once; if it is meant, have it sent under a new number, or resend this message",
        p->repeated, other, p->partner->name);
    refuse(p, "repeated", text);
    return NULL;
}

/* One document, with every flow that takes it. */
static error *route_document(processing *p, size_t i, bool *acknowledged) {
    char text[REASON_ROOM], why[REASON_ROOM];
    const json_t *found = document_at(p, i);
    const char *type = json_get_text(found, "type", "?"), *control = json_get_text(found, "control", NULL);
    const char *filename = json_get_text(p->message, "filename", "");
    store_document row = outgoing_document(found, message_id(p), (int)i);
    bool taken = outgoing_is_acknowledgement(type), valid = json_get_bool(found, "valid", true), good = true;
    error *err = NULL;
    store_add_document(p->change, &row);
    if (refuse_envelope(p, found, type)) return NULL;
    bool repeated = *p->repeated && strcmp(json_get_text(found, "interchange_control", ""), p->repeated) == 0;
    if (repeated) {
        valid = false;
    } else if (!valid) {
        snprintf(text, sizeof text, "%s %s: %s", type, control ? control : "", first_fault(p, control, why));
        refuse(p, "invalid", text);
    }
    for (size_t f = 0; f < p->w->estate->flow_count && !err; f++) {
        const estate_flow *flow = &p->w->estate->flows[f];
        if (!flow->enabled || flow->from != p->connection || !takes_name(flow, filename) ||
            !takes_document(flow, found))
            continue;
        taken = true;
        if (flow->acknowledge) *acknowledged = true;
        if (!valid) continue;
        if (flow->answers_type) err = find_answered(p, flow, found, row.id, &good);
        if (!err && good && flow->script) add_translate_job(p, flow, (int)i, found);
        if (!err && good && !flow->script) note_passed(p, flow, i);
    }
    if (!err && !taken && valid) {
        snprintf(text, sizeof text, "no flow takes the %s from connection %s", type,
            p->connection ? p->connection->name : "?");
        refuse(p, "unrouted", text);
    }
    return err;
}

/* A message that is no EDI goes whole to every flow that does not ask for a document. */
static void route_message(processing *p) {
    const char *filename = json_get_text(p->message, "filename", "");
    for (size_t f = 0; f < p->w->estate->flow_count; f++) {
        const estate_flow *flow = &p->w->estate->flows[f];
        if (!flow->enabled || flow->from != p->connection || !takes_name(flow, filename)) continue;
        if (!flow->type && !flow->standard) add_translate_job(p, flow, WHOLE, NULL);
    }
    if (p->jobs > 0) return;
    char text[REASON_ROOM], why[REASON_ROOM];
    if (json_array_size(json_get_array(p->findings, "errors")) > 0) {
        refuse(p, "invalid", first_fault(p, NULL, why));
    } else {
        snprintf(text, sizeof text, "no flow takes a message like this from connection %s",
            p->connection ? p->connection->name : "?");
        refuse(p, "unrouted", text);
    }
}

/* ---- the acknowledgement that goes back ---- */

/* The types that this flow takes and acknowledges, of those that no flow before it has; new reference. */
static json_t *types_to_acknowledge(const processing *p, const estate_flow *flow, json_t *done) {
    json_t *types = json_array();
    bool edifact = strcmp(flow->acknowledge, "CONTRL") == 0;
    for (size_t i = 0; i < document_count(p); i++) {
        const json_t *document = document_at(p, i);
        const char *type = json_get_text(document, "type", "");
        bool is_edifact = strcmp(json_get_text(document, "standard", ""), "EDIFACT") == 0;
        if (is_edifact != edifact || !takes_document(flow, document) || json_object_get(done, type)) continue;
        if (outgoing_is_acknowledgement(type) || is_foreign(p, document) || is_misaddressed(p, document)) continue;
        json_object_set_new(done, type, json_true());
        json_array_append_new(types, json_string(type));
    }
    return types;
}

static error *add_acknowledgement(processing *p, const estate_flow *flow, const json_t *head, frame *reply) {
    payload bytes = {.bytes = NULL};
    char id[ID_SIZE], why[64];
    json_t *result = json_object(), *documents = json_object_get(head, "documents");
    json_object_set(result, "documents", documents);
    json_put_text(result, "content_type",
        strcmp(flow->acknowledge, "CONTRL") == 0 ? "application/edifact" : "application/edi-x12");
    snprintf(why, sizeof why, "%s made for what came in",
        json_get_text(json_array_get(documents, 0), "type", flow->acknowledge));
    outgoing o = {
        .destination = &flow->acknowledge_to,
        .parent = message_id(p),
        .flow = flow->name,
        .result = result,
        .retry = flow->retry,
        .why = why,
    };
    error *err = call_result_payload(p->w->engine->options.store, reply, json_object_get(head, "payload"), &bytes);
    if (!err) err = outgoing_add(p->change, &o, &bytes, id);
    if (!err) store_add_event(p->change, message_id(p), "acknowledging", why, NULL);
    payload_free(&bytes);
    json_decref(result);
    return err;
}

static error *send_acknowledgement(processing *p, const estate_flow *flow, json_t *types) {
    json_t *head = NULL;
    frame reply;
    error *err = call_translator(p->w->engine->options.pool, &p->w->scope, OPERATION_ACKNOWLEDGE,
        json_pack("{s:s, s:O, s:s?}", "kind", flow->acknowledge, "types", types, "repeated",
            *p->repeated ? p->repeated : NULL),
        &p->payload, &reply, &head);
    if (err) return error_wrap(err, "cannot make the %s", flow->acknowledge);
    if (!json_get_bool(head, "nothing", false)) err = add_acknowledgement(p, flow, head, &reply);
    json_decref(head);
    frame_clear(&reply);
    return err;
}

/* Each flow that acknowledges answers what it takes, and nothing of what others take or nobody does. */
static error *send_acknowledgements(processing *p) {
    const char *filename = json_get_text(p->message, "filename", "");
    json_t *done = json_object();
    error *err = NULL;
    for (size_t f = 0; f < p->w->estate->flow_count && !err; f++) {
        const estate_flow *flow = &p->w->estate->flows[f];
        if (!flow->enabled || flow->from != p->connection || !flow->acknowledge || !takes_name(flow, filename))
            continue;
        json_t *types = types_to_acknowledge(p, flow, done);
        if (json_array_size(types) > 0) err = send_acknowledgement(p, flow, types);
        json_decref(types);
    }
    json_decref(done);
    return err;
}

/* ---- the end ---- */

/* The same interchange from the same sender with the same bytes is processed once; others only share a number, which
 * is a mistake of its sender that people should see. */
static error *claim_interchange(processing *p) {
    char other[ID_SIZE], text[REASON_ROOM];
    if (p->refused > 0 || is_again(p)) return NULL;
    error *err = interchange_find_other(p->w->engine->options.store, document_at(p, 0), p->message, other);
    if (!err && other[0]) {
        snprintf(text, sizeof text, "interchange %s came before with another content, as message %s",
            json_get_text(document_at(p, 0), "interchange_control", ""), other);
        remark(p, text);
    }
    interchange_claim(p->change, document_at(p, 0), p->message, p->partner && p->partner->once);
    return err;
}

/* What is wrong with an envelope that does not refuse what is in it: it goes on, and people see it. */
static void note_remark(processing *p) {
    char text[REASON_ROOM];
    if (p->refused > 0 || json_array_size(json_get_array(p->findings, "errors")) == 0) return;
    remark(p, first_fault(p, NULL, text));
}

static error *conclude(processing *p) {
    note_remark(p);
    error *err = claim_interchange(p);
    if (err) return err;
    message_status status = MESSAGE_COMPLETED;
    if (p->jobs > 0)
        status = MESSAGE_PROCESSING;
    else if (p->refused > 0)
        status = MESSAGE_REJECTED;
    store_set_facts(p->change, message_id(p), NULL, p->partner ? p->partner->name : NULL, NULL);
    store_set_status(p->change, message_id(p), status, *p->reason ? p->reason : NULL);
    store_finish_job(p->change, p->w->job->id, p->w->job->attempt);
    call_scope_raise(&p->w->scope, p->change);
    return NULL;
}

static error *note_duplicate(processing *p, const char *original) {
    char text[96];
    store_change *change = store_change_new();
    snprintf(text, sizeof text, "the same interchange as message %s", original);
    store_add_event(change, message_id(p), "duplicate", text, NULL);
    store_set_status(change, message_id(p), MESSAGE_DUPLICATE, text);
    store_finish_job(change, p->w->job->id, p->w->job->attempt);
    return store_commit(p->w->engine->options.store, change, NULL);
}

/* The bytes came before; or another content under a number that comes once, and was just being taken: then the next
 * look finds it. */
static error *settle_conflict(processing *p, const char *original) {
    json_t *first = NULL;
    error *err = store_message_json(p->w->engine->options.store, original, &first);
    if (err) return err;
    bool same = strcmp(json_get_text(first, "sha256", ""), json_get_text(p->message, "sha256", "")) == 0;
    json_decref(first);
    return same ? note_duplicate(p, original)
                : error_new(ERROR_UNREACHABLE, "message %s with the same interchange number is being taken", original);
}

static error *decide(processing *p) {
    bool acknowledged = false;
    error *err = NULL;
    p->partner = find_partner(p);
    err = check_repeated(p);
    if (!err && !*p->repeated) err = acknowledge_all(p);
    for (size_t i = 0; i < document_count(p) && !err; i++)
        err = route_document(p, i, &acknowledged);
    if (!err) pass_on(p);
    if (!err && document_count(p) == 0) route_message(p);
    if (!err && acknowledged) err = send_acknowledgements(p);
    if (!err) err = conclude(p);
    if (err) return err;
    store_commit_result result = {.conflict = ""};
    store_change *change = p->change;
    p->change = NULL;
    crash_point("process.commit.before");
    err = store_commit(p->w->engine->options.store, change, &result);
    crash_point("process.commit.after");
    if (!err || !result.conflict[0]) return err;
    error_free(err);
    return settle_conflict(p, result.conflict);
}

error *work_process(work *w) {
    processing p = {.w = w, .payload = {.bytes = NULL, .fd = -1}};
    error *err = store_message_json(w->engine->options.store, w->job->message, &p.message);
    if (err) return err;
    p.connection = estate_find_connection(w->estate, json_get_text(p.message, "connection", NULL));
    p.change = store_change_new();
    p.closed = json_object();
    p.passed = json_object();
    err = store_payload_open(w->engine->options.store, w->job->message, &p.payload);
    if (!err) {
        err = inspect(&p);
        if (!err) err = decide(&p);
        payload_view_close(&p.payload);
    }
    if (p.change) store_change_free(p.change);
    json_decref(p.closed);
    json_decref(p.passed);
    json_decref(p.findings);
    json_decref(p.message);
    return err;
}
