/* edi/envelope.c: nesting, counts and references of interchanges, groups and documents; part of the reader.
 *
 * One table says which segments open and close a level in each dialect and where their counts and references stand. X12
 * nests three levels always, EDIFACT may leave the group out, TRADACOMS too.
 */
#include "edi/reader_internal.h"

#include <stdio.h>

void edi_party_text(const edi_party *party, edi_standard standard, char *room, size_t size) {
    bool last = standard == EDI_EDIFACT;
    const char *colon = party->qualifier[0] ? ":" : "";
    snprintf(room, size, "%s%s%s", last ? party->id : party->qualifier, colon, last ? party->qualifier : party->id);
}

typedef enum role { ROLE_BODY, ROLE_HEADER, ROLE_TRAILER, ROLE_SERVICE } role;

typedef struct envelope_tag {
    edi_standard standard;
    uint32_t tag;
    role role;
    int level;
    unsigned reference, count; /* element numbers; 0: it has none */
    const char *partner;       /* the tag of its header or trailer */
} envelope_tag;

static const envelope_tag tags[] = {
    {EDI_X12, EDI_TAG('I', 'S', 'A', 0), ROLE_HEADER, INTERCHANGE, 13, 0, "IEA"},
    {EDI_X12, EDI_TAG('I', 'E', 'A', 0), ROLE_TRAILER, INTERCHANGE, 2, 1, "ISA"},
    {EDI_X12, EDI_TAG('G', 'S', 0, 0), ROLE_HEADER, GROUP, 6, 0, "GE"},
    {EDI_X12, EDI_TAG('G', 'E', 0, 0), ROLE_TRAILER, GROUP, 2, 1, "GS"},
    {EDI_X12, EDI_TAG('S', 'T', 0, 0), ROLE_HEADER, DOCUMENT, 2, 0, "SE"},
    {EDI_X12, EDI_TAG('S', 'E', 0, 0), ROLE_TRAILER, DOCUMENT, 2, 1, "ST"},
    {EDI_X12, EDI_TAG('T', 'A', '1', 0), ROLE_SERVICE, INTERCHANGE, 0, 0, NULL},
    {EDI_X12, EDI_TAG('T', 'A', '3', 0), ROLE_SERVICE, INTERCHANGE, 0, 0, NULL},
    {EDI_X12, EDI_TAG('I', 'S', 'B', 0), ROLE_SERVICE, INTERCHANGE, 0, 0, NULL},
    {EDI_X12, EDI_TAG('I', 'S', 'E', 0), ROLE_SERVICE, INTERCHANGE, 0, 0, NULL},
    {EDI_X12, EDI_TAG('I', 'S', 'X', 0), ROLE_SERVICE, INTERCHANGE, 0, 0, NULL},
    {EDI_EDIFACT, EDI_TAG('U', 'N', 'B', 0), ROLE_HEADER, INTERCHANGE, 5, 0, "UNZ"},
    {EDI_EDIFACT, EDI_TAG('U', 'N', 'Z', 0), ROLE_TRAILER, INTERCHANGE, 2, 1, "UNB"},
    {EDI_EDIFACT, EDI_TAG('U', 'N', 'G', 0), ROLE_HEADER, GROUP, 5, 0, "UNE"},
    {EDI_EDIFACT, EDI_TAG('U', 'N', 'E', 0), ROLE_TRAILER, GROUP, 2, 1, "UNG"},
    {EDI_EDIFACT, EDI_TAG('U', 'N', 'H', 0), ROLE_HEADER, DOCUMENT, 1, 0, "UNT"},
    {EDI_EDIFACT, EDI_TAG('U', 'N', 'T', 0), ROLE_TRAILER, DOCUMENT, 2, 1, "UNH"},
    {EDI_EDIFACT, EDI_TAG('U', 'I', 'B', 0), ROLE_HEADER, INTERCHANGE, 2, 0, "UIZ"},
    {EDI_EDIFACT, EDI_TAG('U', 'I', 'Z', 0), ROLE_TRAILER, INTERCHANGE, 1, 2, "UIB"},
    {EDI_EDIFACT, EDI_TAG('U', 'I', 'H', 0), ROLE_HEADER, DOCUMENT, 2, 0, "UIT"},
    {EDI_EDIFACT, EDI_TAG('U', 'I', 'T', 0), ROLE_TRAILER, DOCUMENT, 1, 2, "UIH"},
    {EDI_EDIFACT, EDI_TAG('U', 'N', 'O', 0), ROLE_SERVICE, GROUP, 0, 0, NULL},
    {EDI_EDIFACT, EDI_TAG('U', 'N', 'P', 0), ROLE_SERVICE, GROUP, 0, 0, NULL},
    {EDI_TRADACOMS, EDI_TAG('S', 'T', 'X', 0), ROLE_HEADER, INTERCHANGE, 0, 0, "END"},
    {EDI_TRADACOMS, EDI_TAG('E', 'N', 'D', 0), ROLE_TRAILER, INTERCHANGE, 0, 1, "STX"},
    {EDI_TRADACOMS, EDI_TAG('B', 'A', 'T', 0), ROLE_HEADER, GROUP, 0, 0, "EOB"},
    {EDI_TRADACOMS, EDI_TAG('E', 'O', 'B', 0), ROLE_TRAILER, GROUP, 0, 1, "BAT"},
    {EDI_TRADACOMS, EDI_TAG('M', 'H', 'D', 0), ROLE_HEADER, DOCUMENT, 0, 0, "MTR"},
    {EDI_TRADACOMS, EDI_TAG('M', 'T', 'R', 0), ROLE_TRAILER, DOCUMENT, 0, 1, "MHD"},
};

static const edi_fault_code trailer_missing[] = {
    EDI_FAULT_INTERCHANGE_TRAILER, EDI_FAULT_GROUP_TRAILER, EDI_FAULT_DOCUMENT_TRAILER};
static const edi_fault_code header_missing[] = {
    EDI_FAULT_HEADER_MISSING, EDI_FAULT_GROUP_HEADER, EDI_FAULT_DOCUMENT_HEADER};
static const edi_fault_code reference_differs[] = {
    EDI_FAULT_INTERCHANGE_REFERENCE, EDI_FAULT_GROUP_REFERENCE, EDI_FAULT_DOCUMENT_REFERENCE};
static const edi_fault_code count_differs[] = {
    EDI_FAULT_INTERCHANGE_COUNT, EDI_FAULT_GROUP_COUNT, EDI_FAULT_DOCUMENT_COUNT};
static const edi_event begin_events[] = {EDI_INTERCHANGE, EDI_GROUP, EDI_DOCUMENT};
static const edi_event end_events[] = {EDI_INTERCHANGE_END, EDI_GROUP_END, EDI_DOCUMENT_END};
static const char *const level_names[] = {"interchange", "group", "document"};

static const span none = {NULL, 0};

static const envelope_tag *find_tag(edi_standard standard, uint32_t tag) {
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (tags[i].tag == tag && tags[i].standard == standard) return &tags[i];
    }
    return NULL;
}

/* Body segments are nearly all of a file: this sends them on without a walk through the table. */
static bool may_be_envelope(edi_standard standard, uint32_t tag) {
    char first = (char)(tag & 0xFF), second = (char)(tag >> 8 & 0xFF);
    switch (standard) {
    case EDI_X12:
        return (first == 'S' && (second == 'T' || second == 'E') && tag >> 16 == 0) ||
               (first == 'G' && (second == 'S' || second == 'E') && tag >> 16 == 0) || first == 'I' ||
               (first == 'T' && second == 'A');
    case EDI_EDIFACT: return first == 'U' && (second == 'N' || second == 'I');
    case EDI_TRADACOMS:
    case EDI_NONE: break;
    }
    return true;
}

/* Keeps a value of a header: decoded, without filler, cut to the room. */
static void keep(edi_reader *r, char *room, size_t size, span raw) {
    raw = edi_trim_right(raw);
    size_t len = 0;
    for (size_t i = 0; i < raw.len && len + 1 < size; i++) {
        if (r->delimiters.release && raw.data[i] == r->delimiters.release && i + 1 < raw.len) i++;
        room[len++] = raw.data[i] == '\0' ? ' ' : raw.data[i];
    }
    room[len] = '\0';
}

static void keep_party(edi_reader *r, edi_party *party, span id, span qualifier) {
    keep(r, party->id, sizeof party->id, id);
    keep(r, party->qualifier, sizeof party->qualifier, qualifier);
}

#define KEEP(field, raw) keep(r, field, sizeof(field), raw)

static void fill_interchange(edi_reader *r) {
    edi_interchange *i = &r->interchange;
    switch (r->delimiters.standard) {
    case EDI_X12:
        keep_party(r, &i->sender, reader_element(r, 6), reader_element(r, 5));
        keep_party(r, &i->receiver, reader_element(r, 8), reader_element(r, 7));
        KEEP(i->date, reader_element(r, 9));
        KEEP(i->time, reader_element(r, 10));
        KEEP(i->version, reader_element(r, 12));
        KEEP(i->control, reader_element(r, 13));
        i->wants_acknowledgement = span_is(reader_element(r, 14), "1");
        KEEP(i->usage, reader_element(r, 15));
        break;
    case EDI_EDIFACT: {
        unsigned from = i->interactive ? 6 : 2;
        KEEP(i->version, reader_component(r, 1, 1));
        keep_party(r, &i->sender, reader_component(r, from, 1), reader_component(r, from, 2));
        keep_party(r, &i->receiver, reader_component(r, from + 1, 1), reader_component(r, from + 1, 2));
        KEEP(i->date, reader_component(r, from + 2, 1));
        KEEP(i->time, reader_component(r, from + 2, 2));
        KEEP(i->control, reader_component(r, i->interactive ? 2 : 5, 1));
        i->wants_acknowledgement = !i->interactive && span_is(reader_element(r, 9), "1");
        KEEP(i->usage, reader_element(r, i->interactive ? 9 : 11));
        break;
    }
    case EDI_TRADACOMS:
        KEEP(i->version, reader_component(r, 1, 1));
        keep_party(r, &i->sender, reader_component(r, 2, 1), none);
        keep_party(r, &i->receiver, reader_component(r, 3, 1), none);
        KEEP(i->date, reader_component(r, 4, 1));
        KEEP(i->time, reader_component(r, 4, 2));
        KEEP(i->control, reader_component(r, 5, 1));
        break;
    case EDI_NONE: break;
    }
}

static void fill_group(edi_reader *r) {
    edi_group *g = &r->group;
    memset(g, 0, sizeof *g);
    g->offset = r->segment.offset;
    r->group_type[0] = '\0';
    if (r->delimiters.standard == EDI_X12) {
        KEEP(g->kind, reader_element(r, 1));
        keep_party(r, &g->sender, reader_element(r, 2), none);
        keep_party(r, &g->receiver, reader_element(r, 3), none);
        KEEP(g->control, reader_element(r, 6));
        KEEP(g->version, reader_element(r, 8));
    } else if (r->delimiters.standard == EDI_EDIFACT) {
        KEEP(g->kind, reader_element(r, 1));
        keep_party(r, &g->sender, reader_component(r, 2, 1), reader_component(r, 2, 2));
        keep_party(r, &g->receiver, reader_component(r, 3, 1), reader_component(r, 3, 2));
        KEEP(g->control, reader_element(r, 5));
        KEEP(g->version, reader_component(r, 7, 1));
    }
}

static void fill_document(edi_reader *r) {
    edi_transaction *t = &r->document;
    memset(t, 0, sizeof *t);
    t->offset = r->segment.offset;
    switch (r->delimiters.standard) {
    case EDI_X12:
        KEEP(t->type, reader_element(r, 1));
        KEEP(t->control, reader_element(r, 2));
        KEEP(t->version, reader_element(r, 3));
        if (!t->version[0]) snprintf(t->version, sizeof t->version, "%s", r->group.version);
        break;
    case EDI_EDIFACT: {
        unsigned identifier = r->interchange.interactive ? 1 : 2;
        char version[8];
        KEEP(t->type, reader_component(r, identifier, 1));
        KEEP(version, reader_component(r, identifier, 2));
        KEEP(t->release, reader_component(r, identifier, 3));
        snprintf(t->version, sizeof t->version, "%s%s", version, t->release);
        KEEP(t->agency, reader_component(r, identifier, 4));
        KEEP(t->association, reader_component(r, identifier, 5));
        KEEP(t->control, reader_element(r, r->interchange.interactive ? 2 : 1));
        break;
    }
    case EDI_TRADACOMS:
        KEEP(t->control, reader_element(r, 1));
        KEEP(t->type, reader_component(r, 2, 1));
        KEEP(t->version, reader_component(r, 2, 2));
        break;
    case EDI_NONE: break;
    }
}

static void open_one(edi_reader *r, int level, const envelope_tag *tag) {
    open_level *l = &r->levels[level];
    span reference = tag && tag->reference ? reader_component(r, tag->reference, 1) : none;
    *l = (open_level){.open = true, .bare = !tag, .reference_len = reference.data ? reference.len : SIZE_MAX};
    if (reference.data && reference.len <= sizeof l->reference) memcpy(l->reference, reference.data, reference.len);
}

static span without_zeros(span a) {
    while (a.len > 1 && a.data[0] == '0') {
        a.data++;
        a.len--;
    }
    return a;
}

static bool all_digits(span a) {
    for (size_t i = 0; i < a.len; i++) {
        if (a.data[i] < '0' || a.data[i] > '9') return false;
    }
    return a.len > 0;
}

static void note_zeros(edi_reader *r, unsigned element, span value, const char *what) {
    edi_fault *fault = reader_fault(r, EDI_FAULT_LEADING_ZEROS, element, value);
    snprintf(fault->text, sizeof fault->text, "%s differs in leading zeros only", what);
}

/* Control numbers are the same when their texts are; when only leading zeros differ they are accepted, and noted. */
static bool check_reference(edi_reader *r, const envelope_tag *tag) {
    open_level *l = &r->levels[tag->level];
    if (!tag->reference || l->reference_len == SIZE_MAX) return true;
    span value = reader_component(r, tag->reference, 1);
    span expected =
        span_make(l->reference, l->reference_len < sizeof l->reference ? l->reference_len : sizeof l->reference);
    bool same = value.len == l->reference_len && span_equal(span_make(value.data, expected.len), expected);
    if (same) return true;
    span a = edi_trim_right(value), b = edi_trim_right(expected);
    if (span_equal(a, b) && l->reference_len <= sizeof l->reference) return true;
    if (all_digits(a) && all_digits(b) && span_equal(without_zeros(a), without_zeros(b))) {
        char what[64];
        snprintf(what, sizeof what, "the %s reference", level_names[tag->level]);
        note_zeros(r, tag->reference, value, what);
        return true;
    }
    edi_fault *fault = reader_fault(r, reference_differs[tag->level], tag->reference, value);
    if (!value.data) fault->offset = r->segment.offset + r->segment.raw.len;
    snprintf(fault->text, sizeof fault->text, "%.3s%02u is \"%s\", the %s says \"%.*s\"", fault->tag, tag->reference,
        fault->value, tag->partner, (int)expected.len, expected.data);
    snprintf(fault->expected, sizeof fault->expected, "%.*s", (int)expected.len, expected.data);
    return false;
}

/* Returns whether the trailer counts what is there. */
static bool check_count(edi_reader *r, const envelope_tag *tag, uint64_t counted, const char *what) {
    span value = reader_element(r, tag->count);
    uint64_t said;
    if (!tag->count || (r->interchange.interactive && value.len == 0)) return true;
    bool number = span_to_u64(value, 0, UINT64_MAX, &said);
    if (number && said == counted) {
        if (value.len > 1 && value.data[0] == '0') {
            char text[48];
            snprintf(text, sizeof text, "the count of %s", what);
            note_zeros(r, tag->count, value, text);
        }
        return true;
    }
    uint64_t beheaded = r->levels[tag->level].beheaded;
    if (number && beheaded > 0 && said == counted + beheaded) return true; /* told where the headers are missing */
    edi_fault *fault = reader_fault(r, count_differs[tag->level], tag->count, value);
    if (!value.data) fault->offset = r->segment.offset + r->segment.raw.len;
    snprintf(fault->text, sizeof fault->text, "%.3s%02u says %s%s%s, there are %llu %s", fault->tag, tag->count,
        number ? "" : "\"", fault->value, number ? "" : "\"", (unsigned long long)counted, what);
    snprintf(fault->expected, sizeof fault->expected, "%llu", (unsigned long long)counted);
    return false;
}

static void end_one(edi_reader *r, int level, bool bare) {
    reader_push(r, end_events[level], bare);
    r->levels[level].open = false;
    if (level == INTERCHANGE) r->in_interchange = false;
}

static const char *trailer_name(const edi_reader *r, int level) {
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        bool interactive = (tags[i].tag >> 8 & 0xFF) == 'I' && tags[i].standard == EDI_EDIFACT;
        if (tags[i].standard == r->delimiters.standard && tags[i].role == ROLE_HEADER && tags[i].level == level &&
            interactive == (r->interchange.interactive && level != GROUP))
            return tags[i].partner;
    }
    return "the trailer";
}

/* The trailer that would have been right here. */
static void expect_trailer(const edi_reader *r, int level, edi_fault *fault) {
    const open_level *l = &r->levels[level];
    const edi_delimiters *d = &r->delimiters;
    uint64_t count = l->count + (level == DOCUMENT);
    if (r->interchange.interactive) return;
    int len = snprintf(
        fault->expected, sizeof fault->expected, "%s%c%llu", trailer_name(r, level), d->tag, (unsigned long long)count);
    if (d->standard != EDI_TRADACOMS) {
        if (l->reference_len > sizeof l->reference) fault->expected[0] = '\0';
        if (l->reference_len > sizeof l->reference) return;
        len += snprintf(fault->expected + len, sizeof fault->expected - (size_t)len, "%c%.*s", d->element,
            (int)l->reference_len, l->reference);
    }
    if ((size_t)len + 2 > sizeof fault->expected) {
        fault->expected[0] = '\0';
    } else {
        fault->expected[len] = d->terminator;
        fault->expected[len + 1] = '\0';
    }
}

void envelope_close(edi_reader *r, int level) {
    for (int i = DOCUMENT; i >= level && i >= INTERCHANGE; i--) {
        if (!r->levels[i].open) continue;
        if (!r->levels[i].bare) {
            edi_fault *fault = reader_fault(r, trailer_missing[i], 0, none);
            const char *before = r->has_segment ? "before" : "before the end of the file";
            snprintf(fault->text, sizeof fault->text, "%s is missing %s%s%.3s", trailer_name(r, i), before,
                r->has_segment ? " " : "", r->has_segment ? fault->tag : "");
            expect_trailer(r, i, fault);
        }
        end_one(r, i, true);
    }
    if (level == INTERCHANGE) r->in_interchange = false;
}

void envelope_open_bare(edi_reader *r) {
    open_one(r, INTERCHANGE, NULL);
    r->group_seen = r->service_seen = r->loose_seen = r->mixed_told = false;
    reader_push(r, EDI_INTERCHANGE, true);
}

/* UNO announces the length of the object that follows its terminator. */
static void take_object(edi_reader *r) {
    span length = reader_component(r, 4, 1);
    uint64_t octets;
    size_t start = (size_t)(r->segment.raw.data - r->data) + r->segment.raw.len + 1;
    if (!span_to_u64(length, 0, SIZE_MAX / 2, &octets) || start > r->len || octets > r->len - start) {
        edi_fault *fault = reader_fault(r, EDI_FAULT_PACKAGE, 4, length);
        snprintf(fault->text, sizeof fault->text, "UNO announces \"%s\" octets, which do not follow", fault->value);
        r->package_broken = true; /* what it lacks has this cause */
        return;
    }
    r->package_octets = octets;
    r->segment.object = span_make(r->data + start, (size_t)octets);
    r->segment.after = none;
    r->cursor = start + (size_t)octets;
    edi_scan_start(&r->scan, span_make(r->data, r->len), r->cursor, &r->delimiters);
}

/* TRADACOMS counts the messages of a transmission, whatever batch they lie in: MHD=1, MHD=2 … Told once. */
static void check_sequence(edi_reader *r, uint64_t count) {
    span value = reader_element(r, 1);
    uint64_t said;
    if (r->mixed_told || !span_to_u64(value, 0, UINT64_MAX, &said) || said == count) return;
    r->mixed_told = true;
    edi_fault *fault = reader_fault(r, EDI_FAULT_DOCUMENT_REFERENCE, 1, value);
    snprintf(fault->text, sizeof fault->text, "MHD01 is %llu at message %llu of the transmission",
        (unsigned long long)said, (unsigned long long)count);
    snprintf(fault->expected, sizeof fault->expected, "%llu", (unsigned long long)count);
}

static void header(edi_reader *r, const envelope_tag *tag) {
    r->outside_told = false;
    envelope_close(r, tag->level == INTERCHANGE ? GROUP : tag->level);
    switch (tag->level) {
    case INTERCHANGE:
        r->group_seen = r->service_seen = r->loose_seen = r->mixed_told = false;
        r->totals.interchanges++;
        open_one(r, INTERCHANGE, tag);
        fill_interchange(r);
        break;
    case GROUP:
        if (r->loose_seen && r->delimiters.standard == EDI_EDIFACT && !r->mixed_told) {
            r->mixed_told = true;
            edi_fault *fault = reader_fault(r, EDI_FAULT_GROUP_LOOSE, 0, none);
            snprintf(fault->text, sizeof fault->text, "groups and messages without group in one interchange");
        }
        r->group_seen = true;
        r->totals.groups++;
        if (r->delimiters.standard != EDI_TRADACOMS) r->levels[INTERCHANGE].count++;
        open_one(r, GROUP, tag);
        fill_group(r);
        break;
    case DOCUMENT:
        if (!r->levels[GROUP].open && r->delimiters.standard == EDI_X12) {
            edi_fault *fault = reader_fault(r, EDI_FAULT_GROUP_HEADER, 0, none);
            snprintf(fault->text, sizeof fault->text, "ST outside a group: GS is missing");
            memset(&r->group, 0, sizeof r->group);
            open_one(r, GROUP, NULL);
            r->levels[INTERCHANGE].beheaded++;
            r->service_seen = true;
            reader_push(r, EDI_GROUP, true);
        }
        r->totals.documents++;
        if (r->levels[GROUP].open) {
            r->levels[GROUP].count++;
        } else {
            r->loose_seen = true;
            if (!r->group_seen && r->delimiters.standard != EDI_TRADACOMS) r->levels[INTERCHANGE].count++;
        }
        if (r->delimiters.standard == EDI_TRADACOMS) check_sequence(r, ++r->levels[INTERCHANGE].count);
        open_one(r, DOCUMENT, tag);
        fill_document(r);
        r->levels[DOCUMENT].count = r->segment.position = 1;
        break;
    default: break;
    }
    reader_push(r, begin_events[tag->level], false);
    if (tag->level == DOCUMENT && r->levels[GROUP].open && r->delimiters.standard == EDI_EDIFACT) {
        if (!r->group_type[0]) {
            memcpy(r->group_type, r->document.type, sizeof r->group_type);
        } else if (strcmp(r->group_type, r->document.type) != 0) {
            edi_fault *fault = reader_fault(r, EDI_FAULT_GROUP_MIXED, 2, reader_component(r, 2, 1));
            snprintf(fault->text, sizeof fault->text, "%s in a group of %s", r->document.type, r->group_type);
        }
    } else if (tag->level == DOCUMENT && r->group_seen && !r->levels[GROUP].open && !r->mixed_told) {
        r->mixed_told = true;
        edi_fault *fault = reader_fault(r, EDI_FAULT_GROUP_LOOSE, 0, none);
        snprintf(fault->text, sizeof fault->text, "a message without group after a group");
    }
}

static void empty_fault(edi_reader *r, edi_fault_code code, const char *text) {
    edi_fault *fault = reader_fault(r, code, 0, none);
    snprintf(fault->text, sizeof fault->text, "%s", text);
}

static void package_fault(edi_reader *r, unsigned element, const char *text) {
    edi_fault *fault = reader_fault(r, EDI_FAULT_PACKAGE, element, element ? reader_element(r, element) : none);
    snprintf(fault->text, sizeof fault->text, "%s", text);
    r->package_open = false;
}

/* A trailer without its header. The segments that stand between them were told, if there are any: with the header
 * they are outside of everything. */
static void beheaded(edi_reader *r, const envelope_tag *tag) {
    int outer = tag->level == DOCUMENT && r->levels[GROUP].open ? GROUP : INTERCHANGE;
    if (r->levels[outer].open) r->levels[outer].beheaded++;
    if (tag->level != DOCUMENT || !r->outside_told) {
        edi_fault *fault = reader_fault(r, header_missing[tag->level], 0, none);
        snprintf(fault->text, sizeof fault->text, "%.3s without %s", fault->tag, tag->partner);
    }
    reader_push(r, EDI_SERVICE, false);
}

static void trailer(edi_reader *r, const envelope_tag *tag) {
    if (r->package_open && !r->package_broken)
        package_fault(r, 0, "UNP is missing: the object that UNO announced has no end");
    if (tag->level != DOCUMENT) envelope_close(r, tag->level + 1);
    open_level *l = &r->levels[tag->level];
    if (!l->open) {
        beheaded(r, tag);
        return;
    }
    bool counts = true;
    switch (tag->level) {
    case DOCUMENT:
        r->segment.position = ++l->count;
        counts = check_count(r, tag, l->count, "segments");
        break;
    case GROUP:
        counts = check_count(r, tag, l->count, r->delimiters.standard == EDI_X12 ? "transaction sets" : "messages");
        break;
    default:
        counts = check_count(r, tag, l->count,
            r->delimiters.standard == EDI_X12 || (r->group_seen && r->delimiters.standard == EDI_EDIFACT) ? "groups"
                                                                                                          : "messages");
        break;
    }
    bool complete = check_reference(r, tag);
    bool empty = counts && l->count == 0 && l->beheaded == 0 && !r->outside_told; /* one cause, one fault */
    if (tag->level == GROUP && empty) empty_fault(r, EDI_FAULT_GROUP_EMPTY, "the group holds no document");
    if (tag->level == INTERCHANGE && empty && !r->service_seen)
        empty_fault(r, EDI_FAULT_INTERCHANGE_EMPTY, "the interchange holds nothing");
    if (!r->segment.terminated) {
        bool last = tag->level == INTERCHANGE && complete;
        edi_fault *fault = reader_fault(r, last ? EDI_FAULT_LAST_TERMINATOR : EDI_FAULT_TRUNCATED, 0, none);
        fault->offset += r->segment.raw.len;
        snprintf(fault->text, sizeof fault->text, "the file ends without the terminator of %.3s", fault->tag);
    }
    end_one(r, tag->level, false);
}

/* UNP repeats the octets and the reference of its UNO (ISO 9735-8). */
static void end_package(edi_reader *r) {
    uint64_t octets;
    char text[120];
    if (r->package_broken || !r->package_open) {
        if (!r->package_broken) package_fault(r, 0, "UNP without UNO");
        r->package_broken = r->package_open = false;
        return;
    }
    if (!span_to_u64(reader_element(r, 1), 0, UINT64_MAX, &octets) || octets != r->package_octets) {
        snprintf(text, sizeof text, "UNP01 is not the %llu octets that UNO announced",
            (unsigned long long)r->package_octets);
        package_fault(r, 1, text);
    }
    if (!span_is(reader_component(r, 2, 1), r->package_reference)) {
        snprintf(text, sizeof text, "UNP02 differs from the UNO, which says \"%.40s\"", r->package_reference);
        package_fault(r, 2, text);
    }
    r->package_open = false;
}

static void service(edi_reader *r, const envelope_tag *tag) {
    bool package = tag->tag == EDI_TAG('U', 'N', 'O', 0);
    /* ISO 9735-8 puts packages beside messages; the ones that travel inside a message are segments of it. */
    bool inside = r->levels[DOCUMENT].open && tag->level == GROUP;
    if (tag->level == INTERCHANGE) {
        if (r->group_seen || r->levels[GROUP].open) {
            edi_fault *fault = reader_fault(r, EDI_FAULT_SERVICE_ORDER, 0, none);
            snprintf(fault->text, sizeof fault->text, "%.3s stands before the first group", fault->tag);
        }
        r->service_seen = true; /* an interchange of TA1 only holds something */
    }
    if (inside) {
        r->segment.position = ++r->levels[DOCUMENT].count;
    } else if (package) {
        r->levels[r->levels[GROUP].open ? GROUP : INTERCHANGE].count++;
    }
    reader_push(r, EDI_SERVICE, false);
    if (tag->tag == EDI_TAG('U', 'N', 'P', 0)) end_package(r);
    if (!package) return;
    if (r->package_open) package_fault(r, 0, "UNP is missing before this UNO");
    r->package_open = true;
    r->package_octets = 0;
    r->package_broken = false;
    KEEP(r->package_reference, reader_component(r, 1, 1));
    take_object(r);
}

/* Told for the first of them; the ones that follow have the same cause. */
static void outside_fault(edi_reader *r) {
    r->outside_told = true;
    edi_fault *fault =
        reader_fault(r, r->levels[GROUP].open ? EDI_FAULT_SEGMENT_OUTSIDE : EDI_FAULT_INTERCHANGE_CONTENT, 0, none);
    snprintf(
        fault->text, sizeof fault->text, "%.3s stands outside any document (further ones are not told)", fault->tag);
}

void envelope_segment(edi_reader *r) {
    uint32_t number = edi_tag_of(r->segment.tag);
    const envelope_tag *tag =
        may_be_envelope(r->delimiters.standard, number) ? find_tag(r->delimiters.standard, number) : NULL;
    bool new_una = number == EDI_TAG('U', 'N', 'A', 0) && r->delimiters.standard == EDI_EDIFACT;
    if (new_una || (tag && tag->role == ROLE_HEADER && tag->level == INTERCHANGE && r->levels[INTERCHANGE].open)) {
        /* The trailer is missing: close here, and read this segment again as the beginning that it is. */
        r->totals.segments--;
        envelope_close(r, INTERCHANGE);
        r->cursor = (size_t)(r->segment.raw.data - r->data);
        return;
    }
    bool begins = tag && tag->role == ROLE_HEADER && tag->level == INTERCHANGE;
    if (!begins && !r->levels[INTERCHANGE].open) { /* what looked like a header is cut by a line break or the like */
        envelope_open_bare(r);
        edi_fault *fault = reader_fault(r, EDI_FAULT_HEADER_MISSING, 0, none);
        snprintf(fault->text, sizeof fault->text, "the header of the interchange cannot be read");
    }
    if (!tag) {
        if (r->levels[DOCUMENT].open) {
            r->segment.position = ++r->levels[DOCUMENT].count;
            reader_push(r, EDI_SEGMENT, false);
        } else {
            reader_push(r, EDI_SERVICE, false);
            if (!r->outside_told) outside_fault(r);
        }
    } else if (tag->role == ROLE_HEADER) {
        header(r, tag);
    } else if (tag->role == ROLE_TRAILER) {
        trailer(r, tag);
        return;
    } else {
        service(r, tag);
    }
    if (!r->segment.terminated) {
        edi_fault *fault = reader_fault(r, EDI_FAULT_TRUNCATED, 0, none);
        fault->offset += r->segment.raw.len;
        snprintf(fault->text, sizeof fault->text, "the file ends inside %.3s", fault->tag);
    }
}
