/* edi/judgement.c: see judgement.h. */
#include "edi/judgement.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

/* An answer names at most so many faults of one document; more help nobody. */
enum { DOCUMENT_FAULTS_MAX = 500, FAULTS_MAX = 16000, RUN_MOST = (1 << 30) - 1 };

#define GROW(list, count, room)                                                                                        \
    if ((count) == (room)) {                                                                                           \
        (room) = (room) ? (room)*2 : 16;                                                                               \
        (list) = xreallocarray(list, room, sizeof *(list));                                                            \
    }

/* Faults stand in the order of their segments; those of one segment in the order of its elements. */
static bool comes_after(const edi_fault *a, const edi_fault *b) {
    if (a->position != b->position) return a->position > b->position;
    bool elements = a->element > 0 && b->element > 0 && strcmp(a->tag, b->tag) == 0;
    if (!elements || a->element != b->element) return elements && a->element > b->element;
    return a->repetition == b->repetition && a->component > b->component;
}

static void add_fault(judgement *j, fault_run *run, const edi_fault *fault, size_t most) {
    if (run->count >= most || j->fault_count >= FAULTS_MAX) return;
    GROW(j->faults, j->fault_count, j->fault_room)
    if (run->count == 0) run->first = (uint32_t)j->fault_count;
    if (run->first + run->count != j->fault_count) {
        /* A fault of an outer level between those of an inner one: move the outer run's end here. */
        uint32_t moved = run->first;
        run->first = (uint32_t)j->fault_count;
        for (size_t i = 0; i < run->count; i++) {
            GROW(j->faults, j->fault_count, j->fault_room)
            j->faults[j->fault_count] = j->faults[moved + i];
            j->fault_count++;
        }
        GROW(j->faults, j->fault_count, j->fault_room)
    }
    /* In the order of their segments, whenever they were found: what is missing is told late. */
    size_t at = j->fault_count;
    while (at > run->first && fault->position > 0 && comes_after(&j->faults[at - 1], fault))
        at--;
    memmove(&j->faults[at + 1], &j->faults[at], (j->fault_count - at) * sizeof *j->faults);
    j->faults[at] = *fault;
    j->fault_count++;
    run->count++;
}

/* Is the fault about a segment of the envelope? Then it belongs to that level, whatever its kind. */
static edi_level level_of(const edi_fault *fault) {
    static const struct {
        const char *tag;
        edi_level level;
    } tags[] = {{"ISA", EDI_LEVEL_INTERCHANGE}, {"IEA", EDI_LEVEL_INTERCHANGE}, {"TA1", EDI_LEVEL_INTERCHANGE},
        {"GS", EDI_LEVEL_GROUP}, {"GE", EDI_LEVEL_GROUP}, {"ST", EDI_LEVEL_DOCUMENT}, {"SE", EDI_LEVEL_DOCUMENT},
        {"UNB", EDI_LEVEL_INTERCHANGE}, {"UNZ", EDI_LEVEL_INTERCHANGE}, {"UNG", EDI_LEVEL_GROUP},
        {"UNE", EDI_LEVEL_GROUP}, {"UNH", EDI_LEVEL_DOCUMENT}, {"UNT", EDI_LEVEL_DOCUMENT}};
    edi_level level = edi_fault_kind_of(fault->code)->level;
    if (level < EDI_LEVEL_SEGMENT) return level;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (strcmp(tags[i].tag, fault->tag) == 0) return tags[i].level;
    }
    return EDI_LEVEL_SEGMENT;
}

/* Whose fault it is: the interchange's, the group's or the document's. */
static edi_level owner_of(const edi_fault *fault, bool in_group, bool in_document) {
    edi_level level = level_of(fault);
    if (level <= EDI_LEVEL_INTERCHANGE) return EDI_LEVEL_INTERCHANGE;
    if (in_document && level >= EDI_LEVEL_DOCUMENT) return EDI_LEVEL_DOCUMENT;
    return in_group ? EDI_LEVEL_GROUP : EDI_LEVEL_INTERCHANGE;
}

static void take_fault(judgement *j, const edi_fault *fault, bool in_interchange, bool in_group, bool in_document) {
    if (fault->warning) return;
    if (!in_interchange) {
        if (!j->any_outside) j->first = *fault;
        j->any_outside = true;
        return;
    }
    judged_interchange *interchange = &j->interchanges[j->interchange_count - 1];
    edi_level owner = owner_of(fault, in_group, in_document);
    if (owner == EDI_LEVEL_DOCUMENT) {
        judged_document *document = &j->documents[j->document_count - 1];
        if (!document->faulty) {
            GROW(j->runs, j->run_count, j->run_room)
            j->runs[j->run_count++] = (fault_run){.count = 0};
            document->run = (uint32_t)j->run_count & RUN_MOST;
        }
        document->faulty = true;
        add_fault(j, &j->runs[j->run_count - 1], fault, DOCUMENT_FAULTS_MAX);
    } else if (owner == EDI_LEVEL_GROUP) {
        add_fault(j, &j->groups[j->group_count - 1].faults, fault, DOCUMENT_FAULTS_MAX);
    } else {
        interchange->rejected |= judgement_refuses(fault, interchange->header.delimiters.standard, in_group,
                                     in_document) == EDI_LEVEL_INTERCHANGE;
        add_fault(j, &interchange->faults, fault, DOCUMENT_FAULTS_MAX);
    }
}

/* That a document breaks off is told at a segment that is not its own, or at the end of the file: the place is the one
 * after its last segment. */
static edi_fault placed(const edi_fault *fault, uint64_t last) {
    edi_fault own = *fault;
    if (fault->position == 0 || fault->code == EDI_FAULT_DOCUMENT_TRAILER) own.position = last + 1;
    return own;
}

static bool is_acknowledgement(const char *type) {
    return strcmp(type, "997") == 0 || strcmp(type, "999") == 0 || strcmp(type, "CONTRL") == 0;
}

static void keep_text(judgement *j, const char *text) {
    buf_add(&j->headers, span_make(text, strlen(text) + 1));
}

/* What kind of document it is stands once for all that follow each other. */
static void keep_header(judgement *j, const edi_transaction *header, judged_document *document) {
    const char *const kind[] = {header->type, header->version, header->release, header->association, header->agency};
    size_t start = j->headers.len, before = j->document_count ? j->documents[j->document_count - 1].kind : start;
    for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++)
        keep_text(j, kind[i]);
    size_t len = j->headers.len - start;
    bool same = before + len <= start && memcmp(j->headers.data + before, j->headers.data + start, len) == 0;
    if (same) j->headers.len = start;
    document->kind = (uint32_t)(same ? before : start);
    document->control = (uint32_t)j->headers.len;
    keep_text(j, header->control);
}

static const char *read_text(const char *text, char *room, size_t size) {
    size_t len = strlen(text) + 1;
    memcpy(room, text, len < size ? len : size);
    return text + len;
}

edi_transaction judgement_header(const judgement *j, const judged_document *document) {
    edi_transaction header = {0};
    if (j->headers.overflow) return header; /* four gigabytes of control numbers */
    const char *text = read_text(j->headers.data + document->kind, header.type, sizeof header.type);
    text = read_text(text, header.version, sizeof header.version);
    text = read_text(text, header.release, sizeof header.release);
    text = read_text(text, header.association, sizeof header.association);
    read_text(text, header.agency, sizeof header.agency);
    read_text(j->headers.data + document->control, header.control, sizeof header.control);
    return header;
}

fault_run judgement_faults(const judgement *j, const judged_document *document) {
    return document->run ? j->runs[document->run - 1] : (fault_run){.count = 0};
}

void judgement_read(judgement *j, span file, edi_library *library, const edi_acknowledge_options *options) {
    *j = (judgement){.library = library, .headers = BUF_MAX(UINT32_MAX)};
    edi_validator *v = edi_validator_new(file, library, &options->validate);
    edi_reader *reader = edi_validator_reader(v);
    bool in_interchange = false, in_group = false, in_document = false;
    uint64_t last = 0; /* segment of the document */
    edi_event event;
    while ((event = edi_validator_next(v)) != EDI_END) {
        size_t count;
        switch (event) {
        case EDI_INTERCHANGE:
            GROW(j->interchanges, j->interchange_count, j->interchange_room)
            j->interchanges[j->interchange_count++] = (judged_interchange){.header = *edi_reader_interchange(reader),
                .first_group = j->group_count,
                .first_document = j->document_count,
                .only_acknowledgements = true};
            j->interchanges[j->interchange_count - 1].header.prefix = span_make("", 0);
            in_interchange = true;
            break;
        case EDI_GROUP:
            GROW(j->groups, j->group_count, j->group_room)
            j->groups[j->group_count++] =
                (judged_group){.header = *edi_reader_group(reader), .first_document = j->document_count};
            j->interchanges[j->interchange_count - 1].group_count++;
            in_group = true;
            break;
        case EDI_DOCUMENT:
            GROW(j->documents, j->document_count, j->document_room)
            j->documents[j->document_count] =
                (judged_document){.group = in_group ? (uint32_t)(j->group_count - 1) : JUDGED_NO_GROUP};
            keep_header(j, edi_reader_document(reader), &j->documents[j->document_count]);
            j->document_count++;
            if (in_group) j->groups[j->group_count - 1].document_count++;
            j->interchanges[j->interchange_count - 1].document_count++;
            if (!is_acknowledgement(edi_reader_document(reader)->type))
                j->interchanges[j->interchange_count - 1].only_acknowledgements = false;
            in_document = true;
            last = 1;
            break;
        case EDI_FAULT: {
            edi_fault fault = placed(edi_validator_fault(v), last);
            take_fault(j, &fault, in_interchange, in_group, in_document);
            break;
        }
        case EDI_DOCUMENT_END: {
            judged_document *document = &j->documents[j->document_count - 1];
            document->rejected = document->faulty && !options->errors_accepted;
            in_document = false;
            break;
        }
        case EDI_GROUP_END: {
            judged_group *group = &j->groups[j->group_count - 1];
            const span *elements = edi_reader_segment(reader) ? edi_reader_elements(reader, &count) : NULL;
            bool said = elements && count > 0 && span_to_u64(elements[0], 0, 999999, &group->said);
            if (!said) group->said = group->document_count;
            in_group = false;
            break;
        }
        case EDI_INTERCHANGE_END: in_interchange = false; break;
        case EDI_SEGMENT: last = edi_reader_segment(reader)->position; break;
        case EDI_SERVICE:
        case EDI_END: break;
        }
    }
    edi_validator_free(v);
}

void judgement_free(judgement *j) {
    free(j->faults);
    free(j->documents);
    free(j->runs);
    buf_free(&j->headers);
    free(j->groups);
    free(j->interchanges);
}

const char *judgement_ta1(const edi_fault *fault) {
    static const char *const isa[] = {"022", "010", "011", "012", "013", "005", "006", "007", "008", "014", "015",
        "016", "017", "018", "019", "020", "027"};
    const edi_fault_kind *kind = edi_fault_kind_of(fault->code);
    if (kind->level >= EDI_LEVEL_SEGMENT && strcmp(fault->tag, "ISA") == 0 && fault->element <= 16)
        return isa[fault->element];
    if (kind->level >= EDI_LEVEL_SEGMENT && strcmp(fault->tag, "IEA") == 0) return fault->element == 1 ? "021" : "018";
    if (kind->level == EDI_LEVEL_INTERCHANGE && kind->x12) return kind->x12;
    return "022";
}

/* What custom accepts with errors; the others reject the interchange. */
bool judgement_ta1_rejects(const char *code) {
    static const char *const with_errors[] = {"001", "002", "003", "006", "008", "009", "019", "020", "021"};
    for (size_t i = 0; i < sizeof with_errors / sizeof with_errors[0]; i++) {
        if (strcmp(with_errors[i], code) == 0) return false;
    }
    return true;
}

edi_level judgement_refuses(const edi_fault *fault, edi_standard standard, bool in_group, bool in_document) {
    edi_level owner = owner_of(fault, in_group, in_document);
    if (fault->warning || standard == EDI_TRADACOMS || owner == EDI_LEVEL_DOCUMENT) return EDI_LEVEL_DOCUMENT;
    bool refuses = standard != EDI_X12              ? true
                   : owner == EDI_LEVEL_INTERCHANGE ? judgement_ta1_rejects(judgement_ta1(fault))
                                                    : judgement_ak9(fault) != NULL;
    return refuses ? owner : EDI_LEVEL_DOCUMENT;
}

const char *judgement_ak9(const edi_fault *fault) {
    const edi_fault_kind *kind = edi_fault_kind_of(fault->code);
    if (kind->level >= EDI_LEVEL_SEGMENT) {
        if (strcmp(fault->tag, "GS") == 0) return fault->element == 1 ? "1" : fault->element == 8 ? "2" : "6";
        if (strcmp(fault->tag, "GE") == 0) return fault->element == 1 ? "5" : "6";
    }
    return kind->level == EDI_LEVEL_GROUP ? kind->x12 : NULL;
}

const char *judgement_ak5(const edi_fault *fault) {
    const edi_fault_kind *kind = edi_fault_kind_of(fault->code);
    if (kind->level == EDI_LEVEL_DOCUMENT) return kind->x12 ? kind->x12 : "5";
    if (strcmp(fault->tag, "ST") == 0) return fault->element == 1 ? "6" : "7";
    if (strcmp(fault->tag, "SE") == 0) return fault->element == 1 ? "4" : "7";
    return "5";
}
