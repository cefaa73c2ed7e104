/* edi/acknowledge.c: writes 997, 999, TA1 and CONTRL. See acknowledge.h; the rules are those of section 2c and 2f of
 * X12's and ISO 9735-4's acknowledgements: X12.5, 997 and 999 as published, ISO 9735-4.
 */
#include "edi/acknowledge.h"

#include "edi/judgement.h"

#include <stdio.h>

enum { CODES_MAX = 5, BAD_VALUE_MAX = 99, AK4_MAX = 99 };

error *edi_counter_control(void *context, edi_level level, const char *kind, char number[EDI_ID_SIZE]) {
    edi_counter *counter = context;
    size_t which =
        level >= EDI_LEVEL_INTERCHANGE && level <= EDI_LEVEL_DOCUMENT ? (size_t)level - EDI_LEVEL_INTERCHANGE : 2;
    unsigned long long value = counter->first + counter->used[which]++;
    (void)kind;
    snprintf(number, EDI_ID_SIZE, level == EDI_LEVEL_DOCUMENT ? "%04llu" : "%llu", value);
    return NULL;
}

/* ISA12 as it came, when it is one; else the writer says it by the document. */
static const char *answer_version(const edi_interchange *received, edi_library *library) {
    if (received->delimiters.standard != EDI_X12) return received->version;
    const edi_segment_type *isa = edi_library_segment(library, EDI_X12, "envelope", SPAN("ISA"));
    const edi_codes *known = isa && isa->slots.count >= 12 ? edi_slot_codes(&isa->slots.list[11]) : NULL;
    return !known || edi_codes_find(known, span_of(received->version)) ? received->version : NULL;
}

static edi_envelope answer_envelope(
    const judgement *j, const edi_interchange *received, const edi_acknowledge_options *options) {
    edi_envelope envelope = {.delimiters = received->delimiters,
        .una = received->una,
        .suffix = options->suffix,
        .sender = received->receiver,
        .receiver = received->sender,
        .version = answer_version(received, j->library),
        .syntax = received->syntax,
        .usage = received->usage[0] ? received->usage : NULL,
        .date = options->date,
        .time = options->time};
    return envelope;
}

static bool add_code(const char **codes, size_t *count, const char *code) {
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(codes[i], code) == 0) return true;
    }
    if (*count == CODES_MAX) return false;
    codes[(*count)++] = code;
    return true;
}

static void put_number(edi_writer *w, uint64_t number) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    edi_writer_text(w, text);
}

/* --------------------------------------------------------------------------------------------------------- 997 and 999
 */

typedef struct answer {
    edi_writer *writer;
    const edi_acknowledge_options *options;
    const judgement *judged;
    const edi_delimiters *delimiters;
    const char *version; /* of the answer: "004010", "005010X231A1" */
    bool implementation; /* 999: IK3 .. instead of AK3 .. */
    bool later;          /* from 005010 on: AK103, AK203, more codes */
} answer;

static const char *segment_code(const answer *a, const edi_fault_kind *kind) {
    return a->implementation && kind->x12_999 ? kind->x12_999 : kind->x12;
}

static error *write_unit(answer *a, const edi_fault *fault);

static error *write_segment_error(answer *a, const edi_fault *fault, const char *code) {
    const char *loop = strrchr(fault->loop, '/');
    edi_writer_segment(a->writer, a->implementation ? "IK3" : "AK3");
    edi_writer_element(a->writer, span_make(fault->tag, strnlen(fault->tag, 3))); /* 721 has no more */
    put_number(a->writer, fault->position);
    loop = loop ? loop + 1 : fault->loop;
    edi_writer_text(a->writer, a->implementation && loop[0] ? loop : NULL);
    edi_writer_text(a->writer, code);
    error *err = edi_writer_end(a->writer);
    return err ? err : write_unit(a, fault);
}

/* Can this text stand in the answer as it is? */
static bool may_travel(const answer *a, const char *text) {
    for (const char *c = text; *c; c++) {
        if (edi_is_delimiter(a->delimiters, *c) || (unsigned char)*c < ' ' || (unsigned char)*c >= 0x7F) return false;
    }
    return text[0] != '\0';
}

/* Which claim or trace the segment belongs to: CTX*CLM01:123 */
static error *write_unit(answer *a, const edi_fault *fault) {
    if (!a->implementation || !fault->unit[0] || !may_travel(a, fault->unit_value)) return NULL;
    edi_writer_segment(a->writer, "CTX");
    edi_writer_text(a->writer, fault->unit);
    edi_writer_component(a->writer, span_of(fault->unit_value));
    return edi_writer_end(a->writer);
}

/* The element whose presence makes the missing one necessary. */
static error *write_trigger(answer *a, const edi_fault *fault) {
    const char *loop = strrchr(fault->loop, '/');
    if (!a->implementation || !fault->trigger) return NULL;
    loop = loop ? loop + 1 : fault->loop;
    edi_writer_segment(a->writer, "CTX");
    edi_writer_text(a->writer, "SITUATIONAL TRIGGER");
    edi_writer_text(a->writer, fault->tag);
    put_number(a->writer, fault->position);
    edi_writer_text(a->writer, loop[0] ? loop : NULL);
    put_number(a->writer, fault->trigger);
    if (fault->trigger_definition && fault->trigger_definition <= 9999)
        put_number(a->writer, fault->trigger_definition);
    return edi_writer_end(a->writer);
}

/* The bad value is copied as far as it can travel: not with a delimiter or an invalid character in it. */
static bool may_copy(const answer *a, const edi_fault *fault) {
    const edi_delimiters *d = a->delimiters;
    if (!fault->value[0] || fault->code == EDI_FAULT_VALUE_CHARACTER || !fault->value_whole) return false;
    for (const char *c = fault->value; *c; c++) {
        if (edi_is_delimiter(d, *c) || (unsigned char)*c < ' ') return false;
    }
    return true;
}

static error *write_element_error(answer *a, const edi_fault *fault) {
    const edi_fault_kind *kind = edi_fault_kind_of(fault->code);
    char number[16];
    const char *code = segment_code(a, kind);
    if (a->later && !a->implementation) { /* 997 of 005010 knows 12 and 13 too */
        if (fault->code == EDI_FAULT_REPETITIONS_MANY) code = "12";
        if (fault->code == EDI_FAULT_COMPONENTS_MANY) code = "13";
    }
    edi_writer_segment(a->writer, a->implementation ? "IK4" : "AK4");
    put_number(a->writer, fault->element);
    if (fault->component || (a->later && fault->repetition)) {
        snprintf(number, sizeof number, "%u", fault->component);
        edi_writer_component(a->writer, span_of(fault->component ? number : ""));
    }
    if (a->later && fault->repetition) {
        snprintf(number, sizeof number, "%u", fault->repetition);
        edi_writer_component(a->writer, span_of(number));
    }
    snprintf(number, sizeof number, "%u", fault->definition);
    edi_writer_text(a->writer, fault->definition && fault->definition <= 9999 ? number : NULL);
    edi_writer_text(a->writer, code);
    if (may_copy(a, fault))
        edi_writer_element(a->writer, span_make(fault->value, strnlen(fault->value, BAD_VALUE_MAX)));
    return edi_writer_end(a->writer);
}

static bool same_segment(const edi_fault *a, const edi_fault *b) {
    return a->segment_number == b->segment_number && strcmp(a->tag, b->tag) == 0;
}

static error *write_details(answer *a, fault_run run) {
    const edi_fault *open = NULL;
    size_t elements = 0;
    error *err = NULL;
    for (size_t i = 0; i < run.count && !err; i++) {
        const edi_fault *fault = &a->judged->faults[run.first + i];
        const edi_fault_kind *kind = edi_fault_kind_of(fault->code);
        bool header = strcmp(fault->tag, "ST") == 0 || strcmp(fault->tag, "SE") == 0;
        bool named = strlen(fault->tag) >= 2; /* 721 is mandatory and has two characters */
        if (kind->level < EDI_LEVEL_SEGMENT || header || !kind->x12 || !named) continue;
        if (kind->level == EDI_LEVEL_SEGMENT) {
            open = NULL;
            err = write_segment_error(a, fault, segment_code(a, kind));
            continue;
        }
        if (!open || !same_segment(open, fault)) {
            open = fault;
            elements = 0;
            err = write_segment_error(a, fault, "8");
        }
        if (!err && elements++ < AK4_MAX) err = write_element_error(a, fault);
        if (!err && elements <= AK4_MAX) err = write_trigger(a, fault);
    }
    return err;
}

static error *write_document(answer *a, const judged_document *document) {
    const char *codes[CODES_MAX];
    size_t count = 0;
    fault_run faults = judgement_faults(a->judged, document);
    edi_transaction header = judgement_header(a->judged, document);
    edi_writer_segment(a->writer, "AK2");
    edi_writer_text(a->writer, header.type);
    edi_writer_text(a->writer, header.control);
    if (a->later) edi_writer_text(a->writer, a->implementation ? header.version : NULL);
    error *err = edi_writer_end(a->writer);
    if (!err && !a->options->no_detail) err = write_details(a, faults);
    if (err) return err;
    for (size_t i = 0; i < faults.count; i++) {
        const edi_fault *fault = &a->judged->faults[faults.first + i];
        const char *guide = edi_fault_kind_of(fault->code)->x12_999, *code = judgement_ak5(fault);
        bool of_guide = a->implementation && guide && guide[0] == 'I' && strcmp(code, "5") == 0;
        add_code(codes, &count, of_guide ? "I5" : code);
    }
    edi_writer_segment(a->writer, a->implementation ? "IK5" : "AK5");
    edi_writer_text(a->writer, document->rejected ? "R" : document->faulty ? "E" : "A");
    for (size_t i = 0; i < count; i++)
        edi_writer_text(a->writer, codes[i]);
    return edi_writer_end(a->writer);
}

static error *write_group_end(answer *a, const judged_group *group, size_t accepted, bool faulty) {
    const char *codes[CODES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < group->faults.count; i++) {
        const char *code = judgement_ak9(&a->judged->faults[group->faults.first + i]);
        if (code) add_code(codes, &count, code);
    }
    bool rejected = (count > 0 && !a->options->errors_accepted) || (group->document_count > 0 && accepted == 0);
    const char *outcome = rejected                            ? "R"
                          : accepted < group->document_count  ? "P"
                          : faulty || group->faults.count > 0 ? "E"
                                                              : "A";
    edi_writer_segment(a->writer, "AK9");
    edi_writer_text(a->writer, outcome);
    put_number(a->writer, group->said);
    put_number(a->writer, group->document_count);
    put_number(a->writer, count > 0 && !a->options->errors_accepted ? 0 : accepted);
    for (size_t i = 0; i < count; i++)
        edi_writer_text(a->writer, codes[i]);
    return edi_writer_end(a->writer);
}

/* One 997 or 999 answers one group (X12: one ST for each). */
static error *write_group(answer *a, const judged_group *group, edi_acknowledge_result *result) {
    size_t accepted = 0;
    bool faulty = false;
    const char *guide = strlen(a->version) > 6 ? a->version : NULL;
    error *err = edi_writer_document(a->writer, a->implementation ? "999" : "997", guide, NULL, NULL);
    if (err) return err;
    edi_writer_segment(a->writer, "AK1");
    edi_writer_text(a->writer, group->header.kind);
    edi_writer_text(a->writer, group->header.control);
    if (a->later) edi_writer_text(a->writer, group->header.version);
    err = edi_writer_end(a->writer);
    for (size_t i = 0; i < group->document_count && !err; i++) {
        const judged_document *document = &a->judged->documents[group->first_document + i];
        accepted += !document->rejected;
        faulty |= document->faulty;
        if (document->faulty || !a->options->rejected_only) err = write_document(a, document);
    }
    result->documents += group->document_count;
    result->accepted += accepted;
    return err ? err : write_group_end(a, group, accepted, faulty);
}

static bool same_parties(const judged_group *a, const judged_group *b) {
    return strcmp(a->header.sender.id, b->header.sender.id) == 0 &&
           strcmp(a->header.receiver.id, b->header.receiver.id) == 0;
}

/* Is any of `count` documents from `first` on of a type that shall be answered? */
static bool any_wanted(const judgement *j, const edi_acknowledge_options *options, size_t first, size_t count) {
    if (!options->types) return true;
    for (size_t i = 0; i < count; i++) {
        edi_transaction header = judgement_header(j, &j->documents[first + i]);
        for (size_t k = 0; options->types[k]; k++)
            if (strcmp(options->types[k], header.type) == 0) return true;
    }
    return false;
}

static bool answers_group(const judgement *j, const edi_acknowledge_options *options, const judged_group *group) {
    return group->header.control[0] && strcmp(group->header.kind, "FA") != 0 &&
           any_wanted(j, options, group->first_document, group->document_count);
}

static error *write_functional(const judgement *j, const judged_interchange *interchange,
    const edi_acknowledge_options *options, buf *out, edi_acknowledge_result *result) {
    edi_envelope envelope = answer_envelope(j, &interchange->header, options);
    error *err = NULL;
    edi_writer *writer = NULL;
    const judged_group *open = NULL; /* the one that the group being written answers */
    char open_version[24] = "";
    for (size_t i = 0; i < interchange->group_count && !err; i++) {
        const judged_group *group = &j->groups[interchange->first_group + i];
        if (!answers_group(j, options, group)) {
            result->skipped++;
            continue;
        }
        bool guided = strlen(group->header.version) > 6 && group->header.version[6] == 'X' &&
                      strncmp(group->header.version, "005010", 6) >= 0;
        bool implementation =
            options->kind == EDI_ACKNOWLEDGE_999 || (options->kind == EDI_ACKNOWLEDGE_USUAL && guided);
        char version[24];
        const char *received =
            strlen(group->header.version) >= 6 ? group->header.version : "004010"; /* GS08 is broken */
        snprintf(
            version, sizeof version, "%.6s%s", implementation ? "005010" : received, implementation ? "X231A1" : "");
        answer a = {.options = options,
            .judged = j,
            .delimiters = &interchange->header.delimiters,
            .version = version,
            .implementation = implementation,
            .later = strcmp(version, "005010") >= 0};
        if (!writer) {
            writer = edi_writer_new(out, &envelope, options->control, options->control_context);
            err = edi_writer_interchange(writer);
        }
        a.writer = writer;
        bool same = open && strcmp(open_version, version) == 0 && same_parties(open, group);
        if (!err && !same) {
            edi_writer_group_parties(writer, group->header.receiver.id, group->header.sender.id);
            err = edi_writer_group(writer, "FA", version);
        }
        open = group;
        memcpy(open_version, version, sizeof open_version);
        if (!err) err = write_group(&a, group, result);
    }
    if (writer && !err) {
        err = edi_writer_close(writer, EDI_LEVEL_INTERCHANGE);
        result->interchanges++;
    }
    edi_writer_free(writer);
    return err;
}

/* ----------------------------------------------------------------------------------------------------------------- TA1
 */

static error *write_ta1(const judgement *j, const judged_interchange *interchange,
    const edi_acknowledge_options *options, buf *out, edi_acknowledge_result *result) {
    const edi_interchange *header = &interchange->header;
    const char *code = "000";
    uint64_t number;
    for (size_t i = 0; i < interchange->faults.count; i++) {
        const char *one = judgement_ta1(&j->faults[interchange->faults.first + i]);
        if (i == 0 || (judgement_ta1_rejects(one) && !judgement_ta1_rejects(code))) code = one;
    }
    if (!span_to_u64(span_of(header->control), 0, 999999999, &number))
        return error_new(ERROR_INVALID, "ISA13 \"%s\" cannot be repeated in a TA1", header->control);
    char control[12];
    snprintf(control, sizeof control, "%09llu", (unsigned long long)number);
    edi_envelope envelope = answer_envelope(j, header, options);
    edi_writer *w = edi_writer_new(out, &envelope, options->control, options->control_context);
    error *err = edi_writer_interchange(w);
    if (!err) {
        edi_writer_segment(w, "TA1");
        edi_writer_text(w, control);
        edi_writer_text(w, header->date);
        edi_writer_text(w, header->time);
        edi_writer_text(w, strcmp(code, "000") == 0 ? "A" : judgement_ta1_rejects(code) ? "R" : "E");
        edi_writer_text(w, code);
        err = edi_writer_end(w);
    }
    if (!err) err = edi_writer_close(w, EDI_LEVEL_INTERCHANGE);
    edi_writer_free(w);
    result->interchanges++;
    return err;
}

/* -------------------------------------------------------------------------------------------------------------- CONTRL
 */

/* A segment that is missing is the one in error, not the one before which it is missing. */
static const char *missing_service_segment(edi_fault_code code) {
    switch (code) {
    case EDI_FAULT_INTERCHANGE_TRAILER: return "UNZ";
    case EDI_FAULT_GROUP_TRAILER: return "UNE";
    case EDI_FAULT_DOCUMENT_TRAILER: return "UNT";
    case EDI_FAULT_GROUP_HEADER: return "UNG";
    case EDI_FAULT_DOCUMENT_HEADER: return "UNH";
    default: return NULL;
    }
}

/* The tag of the segment behind the last components: where a UCI, UCF or UCM says which service segment is wrong. */
static void put_service_error(edi_writer *w, const edi_fault *fault) {
    char number[16];
    snprintf(number, sizeof number, "%d", edi_fault_kind_of(fault->code)->edifact);
    edi_writer_text(w, edi_fault_kind_of(fault->code)->edifact ? number : "18");
    const char *missing = missing_service_segment(fault->code);
    if (!missing && (fault->tag[0] != 'U' || fault->tag[1] != 'N')) return;
    edi_writer_text(w, missing ? missing : fault->tag);
    if (missing || !fault->element) return;
    snprintf(number, sizeof number, "%u", fault->element + 1); /* the tag has position 1 (ISO 9735-4) */
    edi_writer_text(w, number);
    if (!fault->component) return;
    snprintf(number, sizeof number, "%u", fault->component);
    edi_writer_component(w, span_of(number));
}

static void put_party(edi_writer *w, const edi_party *party) {
    edi_writer_text(w, party->id);
    if (party->qualifier[0]) edi_writer_component(w, span_of(party->qualifier));
}

static error *write_ucs(edi_writer *w, const judgement *j, fault_run run) {
    const edi_fault *open = NULL;
    error *err = NULL;
    for (size_t i = 0; i < run.count && !err; i++) {
        const edi_fault *fault = &j->faults[run.first + i];
        const edi_fault_kind *kind = edi_fault_kind_of(fault->code);
        char number[24];
        bool service = fault->tag[0] == 'U' && fault->tag[1] == 'N' && strcmp(fault->tag, "UNS") != 0;
        if (kind->level < EDI_LEVEL_SEGMENT || service) continue;
        bool missing = fault->code == EDI_FAULT_SEGMENT_MISSING || fault->code == EDI_FAULT_LOOP_MISSING;
        if (kind->level == EDI_LEVEL_SEGMENT || !open || !same_segment(open, fault)) {
            edi_writer_segment(w, "UCS");
            put_number(w, fault->position - (missing ? 1 : 0)); /* a missing one: the last position before it */
            snprintf(number, sizeof number, "%d", kind->edifact);
            edi_writer_text(w, kind->level == EDI_LEVEL_SEGMENT ? number : NULL);
            err = edi_writer_end(w);
            open = kind->level == EDI_LEVEL_SEGMENT ? NULL : fault;
        }
        if (kind->level != EDI_LEVEL_ELEMENT || err) continue;
        edi_writer_segment(w, "UCD");
        snprintf(number, sizeof number, "%d", kind->edifact ? kind->edifact : 18);
        edi_writer_text(w, number);
        put_number(w, fault->element + 1);
        snprintf(number, sizeof number, "%u", fault->component);
        if (fault->component) edi_writer_component(w, span_of(number));
        err = edi_writer_end(w);
    }
    return err;
}

static error *write_ucm(
    edi_writer *w, const judgement *j, const judged_document *document, const edi_acknowledge_options *options) {
    const edi_fault *own = NULL;
    fault_run faults = judgement_faults(j, document);
    for (size_t i = 0; i < faults.count && !own; i++) {
        const edi_fault *fault = &j->faults[faults.first + i];
        bool service = fault->tag[0] == 'U' && fault->tag[1] == 'N' && strcmp(fault->tag, "UNS") != 0;
        if (edi_fault_kind_of(fault->code)->level == EDI_LEVEL_DOCUMENT || service) own = fault;
    }
    edi_transaction kept = judgement_header(j, document);
    const edi_transaction *header = &kept;
    if (!header->control[0] || !header->type[0])
        return error_new(ERROR_INVALID, "a message without reference or type cannot be acknowledged by CONTRL");
    edi_writer_segment(w, "UCM");
    edi_writer_text(w, header->control);
    edi_writer_text(w, header->type);
    edi_writer_component(w, span_make(header->version, strlen(header->version) - strlen(header->release)));
    edi_writer_component(w, span_of(header->release));
    edi_writer_component(w, span_of(header->agency));
    edi_writer_component(w, span_of(header->association));
    edi_writer_text(w, document->rejected ? "4" : "7");
    if (own && document->rejected) put_service_error(w, own);
    error *err = edi_writer_end(w);
    if (!err && document->rejected && !options->no_detail) err = write_ucs(w, j, faults);
    return err;
}

static error *write_contrl(const judgement *j, const judged_interchange *interchange,
    const edi_acknowledge_options *options, buf *out, edi_acknowledge_result *result) {
    const edi_interchange *header = &interchange->header;
    const edi_fault *own = interchange->faults.count ? &j->faults[interchange->faults.first] : NULL;
    if (!header->control[0] || !header->sender.id[0] || !header->receiver.id[0])
        return error_new(ERROR_INVALID,
            "UNB lacks what a CONTRL must repeat (reference, sender or receiver): it cannot be answered");
    edi_envelope envelope = answer_envelope(j, header, options);
    edi_writer *w = edi_writer_new(out, &envelope, options->control, options->control_context);
    bool version4 = header->syntax >= 4;
    error *err = edi_writer_document(w, "CONTRL", version4 ? "41" : "D3", "UN", NULL);
    if (!err) {
        edi_writer_segment(w, "UCI");
        edi_writer_text(w, header->control);
        put_party(w, &header->sender);
        put_party(w, &header->receiver);
        edi_writer_text(w, options->receipt_only ? "8" : own ? "4" : "7");
        if (own && !options->receipt_only) put_service_error(w, own);
        err = edi_writer_end(w);
    }
    bool judge = !own && !options->receipt_only;
    size_t last_group = SIZE_MAX;
    for (size_t i = 0; i < interchange->document_count; i++) {
        const judged_document *document = &j->documents[interchange->first_document + i];
        result->documents++;
        result->accepted += judge && !document->rejected;
        if (!judge || err || (!document->rejected && options->rejected_only)) continue;
        if (document->group != JUDGED_NO_GROUP && document->group != last_group) {
            const judged_group *group = &j->groups[document->group];
            const edi_fault *group_fault = group->faults.count ? &j->faults[group->faults.first] : NULL;
            last_group = document->group;
            edi_writer_segment(w, "UCF");
            edi_writer_text(w, group->header.control);
            put_party(w, &group->header.sender);
            put_party(w, &group->header.receiver);
            edi_writer_text(w, group_fault ? "4" : "7");
            if (group_fault) put_service_error(w, group_fault);
            err = edi_writer_end(w);
        }
        if (!err && (document->group == JUDGED_NO_GROUP || j->groups[document->group].faults.count == 0))
            err = write_ucm(w, j, document, options);
    }
    if (!err) err = edi_writer_close(w, EDI_LEVEL_INTERCHANGE);
    edi_writer_free(w);
    result->interchanges++;
    return err;
}

static error *answer_interchange(const judgement *j, const judged_interchange *interchange,
    const edi_acknowledge_options *options, buf *out, edi_acknowledge_result *result) {
    bool x12 = interchange->header.delimiters.standard == EDI_X12;
    if (interchange->header.delimiters.standard == EDI_TRADACOMS)
        return error_new(ERROR_INVALID, "TRADACOMS knows no acknowledgement");
    if (interchange->header.headless || !interchange->header.control[0])
        return error_new(ERROR_INVALID, "an interchange without a header that can be read cannot be answered");
    if (interchange->only_acknowledgements && interchange->document_count > 0) {
        result->skipped++;
        return NULL;
    }
    bool by_contrl = options->kind == EDI_ACKNOWLEDGE_CONTRL;
    bool other_kind = options->kind != EDI_ACKNOWLEDGE_USUAL && by_contrl == x12;
    if (options->types &&
        (other_kind || !any_wanted(j, options, interchange->first_document, interchange->document_count))) {
        result->skipped++;
        return NULL;
    }
    if (options->answering) options->answering(options->control_context, &interchange->header);
    if (!x12) {
        if (options->kind != EDI_ACKNOWLEDGE_USUAL && options->kind != EDI_ACKNOWLEDGE_CONTRL)
            return error_new(ERROR_INVALID, "an EDIFACT interchange is answered by CONTRL");
        return write_contrl(j, interchange, options, out, result);
    }
    if (options->kind == EDI_ACKNOWLEDGE_CONTRL)
        return error_new(ERROR_INVALID, "an X12 interchange is answered by 997, 999 or TA1");
    error *err = NULL;
    bool rejects = options->reject_by_ta1 && interchange->rejected;
    bool wants_ta1 = rejects || (options->with_ta1 && interchange->header.wants_acknowledgement);
    bool ours = any_wanted(j, options, interchange->first_document, interchange->document_count > 0);
    if (options->kind == EDI_ACKNOWLEDGE_TA1 || (wants_ta1 && ours))
        err = write_ta1(j, interchange, options, out, result);
    else if (rejects)
        result->skipped++;
    if (!err && !rejects && options->kind != EDI_ACKNOWLEDGE_TA1)
        err = write_functional(j, interchange, options, out, result);
    return err;
}

error *edi_acknowledge(
    span file, edi_library *library, const edi_acknowledge_options *options, buf *out, edi_acknowledge_result *result) {
    judgement j;
    error *err = NULL;
    *result = (edi_acknowledge_result){0};
    judgement_read(&j, file, library, options);
    if (j.interchange_count == 0)
        err = error_new(
            ERROR_INVALID, "there is no interchange to answer: %s", j.any_outside ? j.first.text : "the file is empty");
    for (size_t i = 0; i < j.interchange_count && !err; i++)
        err = answer_interchange(&j, &j.interchanges[i], options, out, result);
    judgement_free(&j);
    return err;
}
