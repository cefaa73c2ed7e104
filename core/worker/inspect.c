/* core/worker/inspect.c: see inspect.h. */
#include "core/worker/inspect.h"

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "edi/document_json.h"
#include "edi/report.h"

#include <stdio.h>

enum { SEQUENCE_ROOM = 256 };

static void put_filled(json_t *object, const char *key, const char *text) {
    if (text[0]) json_put_text(object, key, text);
}

/* ---- documents ---- */

static json_t *documents_json(span bytes, edi_library *library) {
    edi_documents documents = {.list = NULL};
    edi_documents_read(bytes, library, NULL, &documents);
    json_t *list = edi_documents_json(&documents);
    edi_documents_free(&documents);
    return list;
}

/* ---- acknowledgements that answer us ---- */

/* The desk knows three words: what it can close, and everything else. */
static const char *outcome_word(edi_outcome outcome) {
    switch (outcome) {
    case EDI_OUTCOME_ACCEPTED:
    case EDI_OUTCOME_ACCEPTED_WITH_ERRORS: return "accepted";
    case EDI_OUTCOME_REJECTED: return "rejected";
    default: return "received";
    }
}

static json_t *judgement_json(const edi_acknowledged *a) {
    json_t *object = json_object();
    json_put_text(object, "standard", edi_standard_name(a->standard));
    json_put_text(object, "kind", a->kind);
    put_filled(object, "interchange_control", a->interchange_control);
    put_filled(object, "group_control", a->group_control);
    put_filled(object, "type", a->type);
    put_filled(object, "control", a->control);
    json_put_text(object, "outcome", outcome_word(a->outcome));
    put_filled(object, "text", a->text);
    return object;
}

/* Whose judgement holds: one of a group is for those of its documents that have none of their own; but a group, or an
 * interchange, that is rejected takes with it what was accepted of it. */
static int rank(const edi_acknowledged *a) {
    return 2 * (a->outcome != EDI_OUTCOME_REJECTED) + (a->level != EDI_LEVEL_DOCUMENT);
}

static json_t *judgements_json(span bytes) {
    enum { RANKS = 4 };
    edi_acknowledged_list judgements = {.list = NULL};
    json_t *list = json_array();
    edi_acknowledged_read(bytes, &judgements);
    for (int of = 0; of < RANKS; of++) {
        for (size_t i = 0; i < judgements.count; i++)
            if (rank(&judgements.list[i]) == of) json_array_append_new(list, judgement_json(&judgements.list[i]));
    }
    edi_acknowledged_free(&judgements);
    return list;
}

json_t *inspect_payload(span bytes, edi_library *library) {
    edi_report report = {.standard = EDI_NONE};
    edi_report_read(edi_validator_new(bytes, library, NULL), &report);
    if (report.standard == EDI_NONE) {
        edi_report_free(&report);
        return json_pack("{s:n, s:b, s:[], s:[], s:[]}", "standard", "valid", 1, "errors", "documents", "acknowledges");
    }
    json_t *findings = edi_report_json(&report, "");
    json_object_del(findings, "file");
    json_object_set_new(findings, "documents", documents_json(bytes, library));
    json_object_set_new(findings, "acknowledges", judgements_json(bytes));
    edi_report_free(&report);
    return findings;
}

/* ---- one document of several ---- */

typedef struct extraction {
    span bytes;
    int64_t left; /* documents before the one wanted; negative: it was found */
    buf *out;
} extraction;

static error *take_one(void *context, const edi_document *document) {
    extraction *e = context;
    return e->left-- == 0 ? edi_document_alone(e->bytes, document, e->out) : NULL;
}

error *inspect_extract(span bytes, int64_t index, edi_library *library, buf *out, json_t **head) {
    extraction e = {.bytes = bytes, .left = index, .out = out};
    edi_documents passed = {.list = NULL};
    error *err = NULL;
    if (index >= 0) {
        err = edi_documents_each(bytes, library, NULL, &passed, take_one, &e);
        edi_documents_free(&passed);
        if (!err && e.left >= 0) err = error_new(ERROR_NOT_FOUND, "there is no document %lld in it", (long long)index);
    }
    if (!err) *head = json_pack("{s:o}", "documents", documents_json(index >= 0 ? buf_span(out) : bytes, library));
    return err;
}

/* ---- the acknowledgement that goes back ---- */

typedef struct numbering {
    const inspect_numbers *numbers;
    edi_standard standard;
    char ours[64], theirs[64]; /* the sender of the answer, and its receiver */
    uint64_t first;            /* number of the first interchange */
} numbering;

static error *next_number(void *context, edi_level level, const char *kind, char number[EDI_ID_SIZE]) {
    numbering *n = context;
    char sequence[SEQUENCE_ROOM];
    uint64_t value = 1;
    (void)kind;
    /* Documents count from 1 in each group; the others have a sequence a pair of parties. */
    if (level == EDI_LEVEL_INTERCHANGE || level == EDI_LEVEL_GROUP) {
        snprintf(sequence, sizeof sequence, "%s/%s/%s/%s", edi_standard_name(n->standard),
            level == EDI_LEVEL_GROUP ? "group" : "interchange", n->ours, n->theirs);
        error *err = n->numbers->control(n->numbers->context, sequence, &value);
        if (err) return err;
        if (level == EDI_LEVEL_INTERCHANGE && n->first == 0) n->first = value;
    }
    snprintf(number, EDI_ID_SIZE, level == EDI_LEVEL_DOCUMENT ? "%04llu" : "%llu", (unsigned long long)value);
    return NULL;
}

static edi_acknowledgement_kind kind_named(const char *kind) {
    static const struct {
        const char *name;
        edi_acknowledgement_kind kind;
    } kinds[] = {{"997", EDI_ACKNOWLEDGE_997}, {"999", EDI_ACKNOWLEDGE_999}, {"TA1", EDI_ACKNOWLEDGE_TA1},
        {"CONTRL", EDI_ACKNOWLEDGE_CONTRL}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, kind) == 0) return kinds[i].kind;
    }
    return EDI_ACKNOWLEDGE_USUAL;
}

/* Who answers whom: each interchange has its own sequence of numbers. */
static void note_parties(void *context, const edi_interchange *received) {
    numbering *n = context;
    n->standard = received->delimiters.standard;
    edi_party_text(&received->receiver, n->standard, n->ours, sizeof n->ours);
    edi_party_text(&received->sender, n->standard, n->theirs, sizeof n->theirs);
}

static const char **types_of(const json_t *wish) {
    const json_t *list = json_get_array(wish, "types");
    if (!list) return NULL;
    const char **types = xcalloc(json_array_size(list) + 1, sizeof *types);
    for (size_t i = 0; i < json_array_size(list); i++)
        types[i] = json_string_value(json_array_get(list, i));
    return types;
}

/* A TA1 stands in its interchange without a document around it; it is tracked, and named in paths, like one. */
static json_t *answers_json(span answer, const numbering *n, edi_library *library) {
    json_t *list = documents_json(answer, library);
    if (json_array_size(list) > 0 || n->first == 0) return list;
    char control[EDI_ID_SIZE];
    snprintf(control, sizeof control, "%09llu", (unsigned long long)n->first);
    json_array_append_new(list,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{}}", "standard", edi_standard_name(n->standard), "type", "TA1",
            "control", control, "interchange_control", control, "sender", n->ours, "receiver", n->theirs, "keys"));
    return list;
}

error *inspect_acknowledge(span bytes, const json_t *wish, edi_library *library, const inspect_numbers *numbers,
    int64_t now_ms, buf *out, json_t **head) {
    char now[CLOCK_TEXT_SIZE], date[9], time[7];
    numbering n = {.numbers = numbers, .standard = EDI_NONE};
    edi_acknowledge_result result;
    clock_format(now_ms, now);
    snprintf(date, sizeof date, "%.4s%.2s%.2s", now, now + 5, now + 8);
    snprintf(time, sizeof time, "%.2s%.2s", now + 11, now + 14);
    const char **types = types_of(wish);
    const edi_acknowledge_options options = {
        .kind = kind_named(json_get_text(wish, "kind", "")),
        .with_ta1 = true,
        .reject_by_ta1 = true,
        .types = types,
        .answering = note_parties,
        .date = date,
        .time = time,
        .control = next_number,
        .control_context = &n,
        .validate = {.repeated = json_get_text(wish, "repeated", NULL)},
    };
    error *err = edi_acknowledge(bytes, library, &options, out, &result);
    free(types);
    /* Nothing for these types: another flow answers the interchange as a whole. */
    if (!err && result.interchanges == 0 && result.skipped == 0)
        err = error_new(ERROR_INVALID, "there is nothing in it to acknowledge");
    if (err) return err;
    *head = json_pack(
        "{s:o, s:b}", "documents", answers_json(buf_span(out), &n, library), "nothing", result.interchanges == 0);
    return NULL;
}
