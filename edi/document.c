/* edi/document.c: see document.h. */
#include "edi/document.h"

#include "core/base/memory.h"
#include "edi/judgement.h"

#include <stdio.h>
#include <stdlib.h>

/* Where the keys stand: the first value found at that place counts. A qualifier picks the segment by its first element
 * (first component). */
static const struct key_rule {
    edi_standard standard;
    const char *type, *tag, *qualifier;
    unsigned element, component;
    const char *name;
} rules[] = {
    {EDI_X12, "850", "BEG", NULL, 3, 1, "po"},
    {EDI_X12, "855", "BAK", NULL, 3, 1, "po"},
    {EDI_X12, "860", "BCH", NULL, 3, 1, "po"},
    {EDI_X12, "865", "BCA", NULL, 3, 1, "po"},
    {EDI_X12, "856", "BSN", NULL, 2, 1, "shipment"},
    {EDI_X12, "856", "PRF", NULL, 1, 1, "po"},
    {EDI_X12, "810", "BIG", NULL, 2, 1, "invoice"},
    {EDI_X12, "810", "BIG", NULL, 4, 1, "po"},
    {EDI_X12, "820", "TRN", NULL, 2, 1, "payment"},
    {EDI_X12, "835", "TRN", NULL, 2, 1, "payment"},
    {EDI_X12, "830", "BFR", NULL, 3, 1, "forecast"},
    {EDI_X12, "846", "BIA", NULL, 3, 1, "report"},
    {EDI_X12, "861", "BRA", NULL, 1, 1, "receipt"},
    {EDI_X12, "940", "W05", NULL, 2, 1, "order"},
    {EDI_X12, "940", "W05", NULL, 3, 1, "po"},
    {EDI_X12, "945", "W06", NULL, 2, 1, "order"},
    {EDI_X12, "945", "W06", NULL, 4, 1, "shipment"},
    {EDI_X12, "204", "B2", NULL, 4, 1, "shipment"},
    {EDI_X12, "210", "B3", NULL, 2, 1, "invoice"},
    {EDI_X12, "210", "B3", NULL, 3, 1, "shipment"},
    {EDI_X12, "214", "B10", NULL, 2, 1, "shipment"},
    {EDI_X12, "990", "B1", NULL, 2, 1, "shipment"},
    {EDI_X12, "837", "CLM", NULL, 1, 1, "claim"},
    {EDI_X12, "997", "AK1", NULL, 2, 1, "group"},
    {EDI_X12, "999", "AK1", NULL, 2, 1, "group"},
    {EDI_EDIFACT, "ORDERS", "BGM", NULL, 2, 1, "po"},
    {EDI_EDIFACT, "ORDCHG", "BGM", NULL, 2, 1, "change"},
    {EDI_EDIFACT, "ORDCHG", "RFF", "ON", 1, 2, "po"},
    {EDI_EDIFACT, "ORDRSP", "BGM", NULL, 2, 1, "response"},
    {EDI_EDIFACT, "ORDRSP", "RFF", "ON", 1, 2, "po"},
    {EDI_EDIFACT, "DESADV", "BGM", NULL, 2, 1, "shipment"},
    {EDI_EDIFACT, "DESADV", "RFF", "ON", 1, 2, "po"},
    {EDI_EDIFACT, "INVOIC", "BGM", NULL, 2, 1, "invoice"},
    {EDI_EDIFACT, "INVOIC", "RFF", "ON", 1, 2, "po"},
    {EDI_EDIFACT, "RECADV", "BGM", NULL, 2, 1, "receipt"},
    {EDI_EDIFACT, "RECADV", "RFF", "ON", 1, 2, "po"},
    {EDI_EDIFACT, "CONTRL", "UCI", NULL, 1, 1, "interchange"},
    {EDI_TRADACOMS, "ORDERS", "ORD", NULL, 1, 1, "po"},
    {EDI_TRADACOMS, "INVOIC", "IRF", NULL, 1, 1, "invoice"},
    {EDI_TRADACOMS, "INVOIC", "ODD", NULL, 2, 1, "po"},
    {EDI_TRADACOMS, "CREDIT", "CRF", NULL, 1, 1, "credit"},
};

enum { RULES = sizeof rules / sizeof rules[0] };

static void take_key(edi_document *document, const struct key_rule *rule, span raw) {
    const edi_delimiters *d = &document->interchange.delimiters;
    raw = edi_trim_right(raw);
    if (raw.len == 0 || raw.len >= EDI_KEY_SIZE) return;
    for (size_t i = 0; i < document->key_count; i++) {
        if (strcmp(document->keys[i].name, rule->name) == 0) return;
    }
    if (document->key_count == EDI_KEYS_MAX) return;
    edi_key *key = &document->keys[document->key_count++];
    key->name = rule->name;
    key->value[edi_decode(d, raw, key->value)] = '\0';
}

/* The rules for documents of this type: few, so that not all of them are gone through for every segment. */
typedef struct key_rules {
    const struct key_rule *list[EDI_KEYS_MAX];
    size_t count;
} key_rules;

static void choose_rules(key_rules *chosen, const edi_document *document) {
    chosen->count = 0;
    for (size_t i = 0; i < RULES && chosen->count < EDI_KEYS_MAX; i++) {
        if (rules[i].standard == document->standard && strcmp(rules[i].type, document->header.type) == 0)
            chosen->list[chosen->count++] = &rules[i];
    }
}

static void look_for_keys(edi_reader *reader, const key_rules *chosen, edi_document *document) {
    const edi_segment *segment = edi_reader_segment(reader);
    const edi_delimiters *d = &document->interchange.delimiters;
    for (size_t i = 0; i < chosen->count; i++) {
        const struct key_rule *rule = chosen->list[i];
        if (!span_is(segment->tag, rule->tag)) continue;
        size_t count;
        const span *elements = edi_reader_elements(reader, &count);
        if (count < rule->element) continue;
        if (rule->qualifier && !span_is(edi_component(d, elements[0], 0, 0), rule->qualifier)) continue;
        take_key(document, rule, edi_component(d, elements[rule->element - 1], 0, rule->component - 1));
    }
}

static void begin(edi_document *d, edi_validator *v) {
    edi_reader *reader = edi_validator_reader(v);
    memset(d, 0, sizeof *d);
    d->interchange = *edi_reader_interchange(reader);
    d->interchange.prefix = span_make("", 0);
    d->standard = d->interchange.delimiters.standard;
    d->header = *edi_reader_document(reader);
    if (edi_reader_in_group(reader)) d->group = *edi_reader_group(reader);
    d->offset = d->header.offset;
    d->known = edi_validator_schema(v, NULL) != NULL;
    d->acknowledgement = strcmp(d->header.type, "997") == 0 || strcmp(d->header.type, "999") == 0 ||
                         strcmp(d->header.type, "CONTRL") == 0;
    edi_party_text(&d->interchange.sender, d->standard, d->sender, sizeof d->sender);
    edi_party_text(&d->interchange.receiver, d->standard, d->receiver, sizeof d->receiver);
}

/* The envelopes that are open, and what was found of them so far. */
typedef struct envelopes {
    bool in_interchange, in_group, interchange_refused, group_refused;
    size_t interchange_first, group_first; /* in a list: the first document of each */
} envelopes;

static void follow(envelopes *e, edi_event event, size_t count) {
    if (event == EDI_INTERCHANGE) *e = (envelopes){.in_interchange = true, .interchange_first = count};
    if (event == EDI_GROUP) {
        e->in_group = true;
        e->group_refused = false;
        e->group_first = count;
    }
    if (event == EDI_GROUP_END) e->in_group = e->group_refused = false;
    if (event == EDI_INTERCHANGE_END) *e = (envelopes){.in_interchange = false};
}

/* Documents that were listed before their envelope's fault was found are refused afterwards. */
static void judge_envelope(
    envelopes *e, edi_documents *documents, const edi_fault *fault, edi_standard standard, bool in_document) {
    if (!e->in_interchange) return;
    edi_level level = judgement_refuses(fault, standard, e->in_group, in_document);
    if (level == EDI_LEVEL_DOCUMENT) return;
    bool whole = level == EDI_LEVEL_INTERCHANGE;
    e->interchange_refused |= whole;
    e->group_refused = true;
    for (size_t i = whole ? e->interchange_first : e->group_first; i < documents->count; i++)
        documents->list[i].refused = true;
}

static void count_fault(edi_documents *documents, const edi_fault *fault) {
    if (!fault->warning && documents->errors == 0) documents->first = *fault;
    documents->errors += !fault->warning;
    documents->warnings += fault->warning;
}

error *edi_documents_walk(span file, edi_library *library, const edi_validate_options *options,
    edi_documents *documents, const edi_document_walker *walker) {
    *documents = (edi_documents){.first.code = EDI_FAULT_COUNT};
    edi_validator *v = edi_validator_new(file, library, options);
    edi_reader *reader = edi_validator_reader(v);
    edi_document document;
    envelopes envelope = {.in_interchange = false};
    key_rules keys = {.count = 0};
    bool inside = false;
    error *err = NULL;
    edi_event event;
    while (!err && (event = edi_validator_next(v)) != EDI_END) {
        const edi_segment *segment = edi_reader_segment(reader);
        if (event == EDI_FAULT) {
            const edi_fault *fault = edi_validator_fault(v);
            count_fault(documents, fault);
            judge_envelope(&envelope, documents, fault, edi_reader_interchange(reader)->delimiters.standard, inside);
            if (inside && !fault->warning) document.errors++;
            continue;
        }
        follow(&envelope, event, documents->count);
        if (event == EDI_DOCUMENT) {
            begin(&document, v);
            choose_rules(&keys, &document);
        }
        inside |= event == EDI_DOCUMENT;
        if (!inside) continue;
        if (event == EDI_SEGMENT) look_for_keys(reader, &keys, &document);
        if (segment) {
            document.segments++;
            document.length = segment->offset + segment->raw.len + segment->terminated - document.offset;
        }
        if (walker->segment && segment) walker->segment(walker->context, &document, v, event);
        if (event != EDI_DOCUMENT_END) continue;
        document.complete = segment != NULL;
        document.refused = envelope.interchange_refused || envelope.group_refused;
        inside = false;
        err = walker->take(walker->context, &document);
    }
    documents->totals = edi_reader_totals(reader);
    edi_validator_free(v);
    return err;
}

error *edi_documents_each(span file, edi_library *library, const edi_validate_options *options,
    edi_documents *documents, edi_document_taker take, void *context) {
    const edi_document_walker walker = {.take = take, .context = context};
    return edi_documents_walk(file, library, options, documents, &walker);
}

error *edi_documents_keep(void *context, const edi_document *document) {
    edi_documents *documents = context;
    if (documents->count == documents->room) {
        documents->room = documents->room ? documents->room * 2 : 4;
        documents->list = xreallocarray(documents->list, documents->room, sizeof *documents->list);
    }
    documents->list[documents->count++] = *document;
    return NULL;
}

void edi_documents_read(
    span file, edi_library *library, const edi_validate_options *options, edi_documents *documents) {
    error_free(edi_documents_each(file, library, options, documents, edi_documents_keep, documents));
}

void edi_documents_free(edi_documents *documents) {
    free(documents->list);
    *documents = (edi_documents){0};
}

/* The raw header segment that stands at `offset`, with its terminator. */
static span header_at(span file, uint64_t offset, const edi_delimiters *delimiters, const char *tag) {
    span none = {NULL, 0};
    if (offset >= file.len || !span_starts(span_make(file.data + offset, file.len - offset), span_of(tag))) return none;
    span rest = span_make(file.data + offset, file.len - offset), segment;
    edi_next_part(&rest, delimiters->terminator, delimiters->release, &segment);
    return rest.data ? span_make(segment.data, segment.len + 1) : none;
}

static void add_trailer(buf *out, const edi_delimiters *d, const char *tag, const char *control, const char *suffix) {
    buf_printf(out, "%s%c1%c", tag, d->tag, d->element);
    for (const char *c = control; *c; c++) {
        if (d->release && edi_is_delimiter(d, *c)) buf_add_char(out, d->release);
        buf_add_char(out, *c);
    }
    buf_add_char(out, d->terminator);
    buf_add_text(out, suffix);
}

error *edi_document_alone(span file, const edi_document *document, buf *out) {
    const edi_interchange *i = &document->interchange;
    const edi_delimiters *d = &i->delimiters;
    bool x12 = document->standard == EDI_X12;
    if (document->standard == EDI_TRADACOMS)
        return error_new(ERROR_UNSUPPORTED, "TRADACOMS files are not split: their messages belong together");
    if (i->headless || document->offset + document->length > file.len)
        return error_new(ERROR_INVALID, "the document has no interchange header");
    /* what follows the header's terminator follows each of the envelope's */
    uint64_t header_offset = i->offset;
    if (i->una) {
        header_offset += 9;
        while (header_offset < file.len && (edi_is_break(file.data[header_offset]) || file.data[header_offset] == ' '))
            header_offset++;
        buf_add(out, span_make(file.data + i->offset, (size_t)(header_offset - i->offset)));
    }
    span header = header_at(file, header_offset, d, x12 ? "ISA" : i->interactive ? "UIB" : "UNB");
    if (!header.data) return error_new(ERROR_INVALID, "the document has no interchange header");
    char suffix[4] = {0};
    const char *behind = header.data + header.len;
    for (size_t k = 0; k < 2 && behind + k < file.data + file.len && edi_is_break(behind[k]); k++)
        suffix[k] = behind[k];
    buf_add(out, header);
    buf_add_text(out, suffix);
    if (document->group.control[0]) {
        span group = header_at(file, document->group.offset, d, x12 ? "GS" : "UNG");
        if (!group.data) return error_new(ERROR_INVALID, "the document has no group header");
        buf_add(out, group);
        buf_add_text(out, suffix);
    }
    buf_add(out, span_make(file.data + document->offset, (size_t)document->length));
    buf_add_text(out, suffix);
    if (document->group.control[0]) add_trailer(out, d, x12 ? "GE" : "UNE", document->group.control, suffix);
    add_trailer(out, d, x12 ? "IEA" : "UNZ", i->control, suffix);
    return buf_check(out, "the document");
}
