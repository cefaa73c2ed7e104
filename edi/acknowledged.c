/* edi/acknowledged.c: reads 997, 999, TA1 and CONTRL into judgements. See acknowledge.h. */
#include "edi/acknowledge.h"

#include "core/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct meaning {
    const char *code, *text;
} meaning;

static const meaning segment_errors[] = {{"1", "segment not known"}, {"2", "segment unexpected"},
    {"3", "mandatory segment missing"}, {"4", "loop too often"}, {"5", "segment too often"},
    {"6", "segment not in this set"}, {"7", "segment out of sequence"}, {"8", "element errors"},
    {"I4", "segment not used by the guide"}, {"I6", "dependent segment missing"}, {"I7", "loop too seldom"},
    {"I8", "segment too seldom"}, {"I9", "dependent segment not used"}, {NULL, NULL}};
static const meaning element_errors[] = {{"1", "mandatory element missing"},
    {"2", "required by a condition and missing"}, {"3", "too many elements"}, {"4", "too short"}, {"5", "too long"},
    {"6", "invalid character"}, {"7", "invalid code"}, {"8", "invalid date"}, {"9", "invalid time"},
    {"10", "excluded by another element"}, {"12", "too many repetitions"}, {"13", "too many components"},
    {"I6", "code not used in the guide"}, {"I9", "dependent element missing"}, {"I10", "element not used by the guide"},
    {"I11", "too few repetitions"}, {"I12", "wrong pattern"}, {"I13", "dependent element not used"}, {NULL, NULL}};
static const meaning document_errors[] = {{"1", "set not supported"}, {"2", "set trailer missing"},
    {"3", "control numbers differ"}, {"4", "wrong segment count"}, {"5", "segments in error"}, {"6", "invalid set id"},
    {"7", "invalid control number"}, {"18", "set not in this group"}, {"19", "bad guide reference"},
    {"23", "control number not unique"}, {"I5", "guide errors"}, {"I6", "guide not supported"}, {NULL, NULL}};
static const meaning group_errors[] = {{"1", "group not supported"}, {"2", "version not supported"},
    {"3", "group trailer missing"}, {"4", "control numbers differ"}, {"5", "wrong set count"},
    {"6", "bad control number"}, {"19", "control number not unique"}, {NULL, NULL}};
static const meaning interchange_errors[] = {{"001", "control numbers differ"}, {"002", "standard not supported"},
    {"003", "version not supported"}, {"004", "segment terminator"}, {"005", "sender qualifier"}, {"006", "sender id"},
    {"007", "receiver qualifier"}, {"008", "receiver id"}, {"009", "unknown receiver"}, {"014", "date"},
    {"015", "time"}, {"017", "version id"}, {"018", "control number"}, {"020", "usage indicator"},
    {"021", "number of groups"}, {"022", "control structure"}, {"023", "premature end"}, {"024", "interchange content"},
    {"025", "duplicate control number"}, {"026", "element separator"}, {"027", "component separator"}, {NULL, NULL}};
static const meaning syntax_errors[] = {{"2", "syntax version or level not supported"}, {"7", "not the recipient"},
    {"12", "invalid value"}, {"13", "missing"}, {"14", "value not supported"}, {"15", "not supported in this place"},
    {"16", "too many constituents"}, {"17", "no agreement"}, {"18", "unspecified error"}, {"19", "decimal notation"},
    {"20", "invalid as service character"}, {"21", "invalid character"}, {"22", "invalid service character"},
    {"23", "unknown sender"}, {"25", "test not supported"}, {"26", "duplicate"}, {"28", "references differ"},
    {"29", "wrong count"}, {"30", "groups and messages mixed"}, {"31", "several types in a group"},
    {"32", "level empty"}, {"33", "not in a message"}, {"35", "too many repetitions"}, {"36", "group too often"},
    {"37", "wrong character type"}, {"38", "no digit before the decimal mark"}, {"39", "too long"}, {"40", "too short"},
    {"43", "unknown recipient"}, {"45", "trailing separator"}, {"46", "character set"},
    {"48", "dependency between elements"}, {NULL, NULL}};

static const char *meaning_of(const meaning *table, const char *code) {
    for (; table->code; table++) {
        if (strcmp(table->code, code) == 0) return table->text;
    }
    return NULL;
}

typedef struct listener {
    edi_reader *reader;
    edi_acknowledged_list *list;
    edi_acknowledged base;     /* what all entries of the acknowledgement in hand share */
    edi_acknowledged document; /* being collected: AK2 to AK5, UCM and what follows */
    bool in_document;
    char segment[8];
    char position[16];
} listener;

/* A decoded value of the segment in hand; element and component from 1. */
static const char *value(listener *l, unsigned element, unsigned component, char *room, size_t size) {
    const edi_delimiters *d = &edi_reader_interchange(l->reader)->delimiters;
    size_t count;
    const span *elements = edi_reader_elements(l->reader, &count);
    span raw = element <= count ? edi_component(d, elements[element - 1], 0, component - 1) : (span){"", 0};
    raw = edi_trim_right(raw);
    if (raw.len >= size) raw.len = size - 1;
    room[raw.len ? edi_decode(d, raw, room) : 0] = '\0';
    return room;
}

#define VALUE(l, element, component, room) value(l, element, component, room, sizeof(room))

__attribute__((format(printf, 2, 3))) static void say(edi_acknowledged *entry, const char *format, ...) {
    size_t len = strlen(entry->text);
    if (len + 8 >= sizeof entry->text) return;
    if (len > 0) len += (size_t)snprintf(entry->text + len, sizeof entry->text - len, "; ");
    va_list args;
    va_start(args, format);
    vsnprintf(entry->text + len, sizeof entry->text - len, format, args);
    va_end(args);
}

static void say_code(edi_acknowledged *entry, const meaning *table, const char *code) {
    const char *text = meaning_of(table, code);
    if (!code[0]) return;
    say(entry, "%s%s%s", code, text ? " " : "", text ? text : "");
}

static edi_acknowledged *push(edi_acknowledged_list *list, const edi_acknowledged *entry) {
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 4;
        list->list = xreallocarray(list->list, list->room, sizeof *list->list);
    }
    list->list[list->count] = *entry;
    return &list->list[list->count++];
}

static edi_outcome outcome_of(const char *code) {
    switch (code[0]) {
    case 'A': return EDI_OUTCOME_ACCEPTED;
    case 'E': return EDI_OUTCOME_ACCEPTED_WITH_ERRORS;
    case 'P': return EDI_OUTCOME_PARTIALLY_ACCEPTED;
    case '7': return EDI_OUTCOME_ACCEPTED;
    case '8': return EDI_OUTCOME_RECEIVED;
    default: return EDI_OUTCOME_REJECTED;
    }
}

static void begin(listener *l, const char *kind) {
    const edi_interchange *i = edi_reader_interchange(l->reader);
    l->base = (edi_acknowledged){.standard = i->delimiters.standard};
    snprintf(l->base.kind, sizeof l->base.kind, "%s", kind);
    edi_party_text(&i->sender, l->base.standard, l->base.sender, sizeof l->base.sender);
    edi_party_text(&i->receiver, l->base.standard, l->base.receiver, sizeof l->base.receiver);
    l->in_document = false;
}

static void take_ta1(listener *l) {
    char code[8], outcome[4];
    begin(l, "TA1");
    edi_acknowledged entry = l->base;
    entry.level = EDI_LEVEL_INTERCHANGE;
    VALUE(l, 1, 1, entry.interchange_control);
    entry.outcome = outcome_of(VALUE(l, 4, 1, outcome));
    if (strcmp(VALUE(l, 5, 1, code), "000") != 0) say_code(&entry, interchange_errors, code);
    push(l->list, &entry);
}

static void end_document(listener *l) {
    if (l->in_document) push(l->list, &l->document);
    l->in_document = false;
}

/* AK1 and AK2, AK3 to AK5, AK9; 999 has IK3 to IK5 in their place. */
static void functional_segment(listener *l, uint32_t key) {
    char a[120], b[24], c[120];
    switch (key) {
    case EDI_TAG('A', 'K', '1', 0):
        VALUE(l, 1, 1, l->base.group_kind);
        VALUE(l, 2, 1, l->base.group_control);
        break;
    case EDI_TAG('A', 'K', '2', 0):
        l->document = l->base;
        l->document.level = EDI_LEVEL_DOCUMENT;
        l->document.outcome = EDI_OUTCOME_REJECTED; /* until AK5 says otherwise */
        VALUE(l, 1, 1, l->document.type);
        VALUE(l, 2, 1, l->document.control);
        l->in_document = true;
        break;
    case EDI_TAG('A', 'K', '3', 0):
    case EDI_TAG('I', 'K', '3', 0):
        VALUE(l, 1, 1, l->segment);
        VALUE(l, 2, 1, l->position);
        VALUE(l, 4, 1, b);
        say(&l->document, "%s at %s: %s", l->segment, l->position,
            meaning_of(segment_errors, b) ? meaning_of(segment_errors, b) : b);
        break;
    case EDI_TAG('A', 'K', '4', 0):
    case EDI_TAG('I', 'K', '4', 0): {
        VALUE(l, 1, 1, a);
        VALUE(l, 3, 1, b);
        VALUE(l, 4, 1, c);
        char place[32];
        snprintf(place, sizeof place, "%s%s%.16s", l->segment, strlen(a) == 1 ? "0" : "", a);
        say(&l->document, c[0] ? "%s: %s (\"%s\")" : "%s: %s%s", place,
            meaning_of(element_errors, b) ? meaning_of(element_errors, b) : b, c);
        break;
    }
    case EDI_TAG('A', 'K', '5', 0):
    case EDI_TAG('I', 'K', '5', 0):
        l->document.outcome = outcome_of(VALUE(l, 1, 1, b));
        for (unsigned i = 2; i <= 6; i++)
            say_code(&l->document, document_errors, VALUE(l, i, 1, b));
        end_document(l);
        break;
    case EDI_TAG('A', 'K', '9', 0): {
        edi_acknowledged entry = l->base;
        entry.level = EDI_LEVEL_GROUP;
        entry.outcome = outcome_of(VALUE(l, 1, 1, b));
        for (unsigned i = 5; i <= 9; i++)
            say_code(&entry, group_errors, VALUE(l, i, 1, b));
        push(l->list, &entry);
        break;
    }
    default: break;
    }
}

/* UCI, UCF, UCM judge; UCS and UCD say what is wrong in the message of the UCM before. */
static void contrl_segment(listener *l, uint32_t key) {
    char a[40], b[24], code[8];
    edi_acknowledged entry;
    switch (key) {
    case EDI_TAG('U', 'C', 'I', 0):
        VALUE(l, 1, 1, l->base.interchange_control);
        entry = l->base;
        entry.level = EDI_LEVEL_INTERCHANGE;
        entry.outcome = outcome_of(VALUE(l, 4, 1, a));
        say_code(&entry, syntax_errors, VALUE(l, 5, 1, code));
        push(l->list, &entry);
        break;
    case EDI_TAG('U', 'C', 'F', 0):
        end_document(l);
        VALUE(l, 1, 1, l->base.group_control);
        entry = l->base;
        entry.level = EDI_LEVEL_GROUP;
        entry.outcome = outcome_of(VALUE(l, 4, 1, a));
        say_code(&entry, syntax_errors, VALUE(l, 5, 1, code));
        push(l->list, &entry);
        break;
    case EDI_TAG('U', 'C', 'M', 0):
        end_document(l);
        l->document = l->base;
        l->document.level = EDI_LEVEL_DOCUMENT;
        VALUE(l, 1, 1, l->document.control);
        VALUE(l, 2, 1, l->document.type);
        l->document.outcome = outcome_of(VALUE(l, 3, 1, a));
        say_code(&l->document, syntax_errors, VALUE(l, 4, 1, code));
        l->in_document = true;
        break;
    case EDI_TAG('U', 'C', 'S', 0):
        VALUE(l, 1, 1, l->position);
        VALUE(l, 2, 1, code);
        if (code[0])
            say(&l->document, "segment %s: %s", l->position,
                meaning_of(syntax_errors, code) ? meaning_of(syntax_errors, code) : code);
        break;
    case EDI_TAG('U', 'C', 'D', 0): {
        uint64_t element = 1;
        VALUE(l, 1, 1, code);
        VALUE(l, 2, 1, a);
        VALUE(l, 2, 2, b);
        bool known = span_to_u64(span_of(a), 1, 999, &element); /* the tag is element 1 there */
        char place[64];
        snprintf(place, sizeof place, "%s element %u%s%.10s", l->position, known ? (unsigned)element - 1 : 0,
            b[0] ? " component " : "", b);
        say(&l->document, "segment %s: %s", place,
            meaning_of(syntax_errors, code) ? meaning_of(syntax_errors, code) : code);
        break;
    }
    default: break;
    }
}

void edi_acknowledged_read(span file, edi_acknowledged_list *list) {
    *list = (edi_acknowledged_list){0};
    edi_reader *reader = edi_reader_new(file, NULL);
    listener l = {.reader = reader, .list = list};
    bool functional = false, contrl = false;
    edi_event event;
    while ((event = edi_reader_next(reader)) != EDI_END) {
        const edi_segment *segment = edi_reader_segment(reader);
        if (event == EDI_DOCUMENT) {
            const char *type = edi_reader_document(reader)->type;
            functional = strcmp(type, "997") == 0 || strcmp(type, "999") == 0;
            contrl = strcmp(type, "CONTRL") == 0;
            if (functional || contrl) begin(&l, type);
        } else if (event == EDI_DOCUMENT_END) {
            end_document(&l);
            functional = contrl = false;
        } else if (event == EDI_SERVICE && segment && span_is(segment->tag, "TA1")) {
            take_ta1(&l);
        } else if (event == EDI_SEGMENT && functional) {
            functional_segment(&l, edi_tag_of(segment->tag));
        } else if (event == EDI_SEGMENT && contrl) {
            contrl_segment(&l, edi_tag_of(segment->tag));
        }
    }
    edi_reader_free(reader);
}

void edi_acknowledged_free(edi_acknowledged_list *list) {
    free(list->list);
    *list = (edi_acknowledged_list){0};
}
