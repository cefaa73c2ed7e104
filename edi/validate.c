/* edi/validate.c: see validate.h. The rules that need more than one segment type stand here: control numbers that come
 * twice, types in the wrong group, hierarchies (HL), bounded loops (LS, LE), control totals.
 */
#include "edi/validate.h"

#include "core/base/memory.h"
#include "edi/check_plain.h"
#include "edi/check_totals.h"
#include "edi/reader_plain.h"
#include "edi/writer.h"

#include <stdio.h>
#include <stdlib.h>

/* Control numbers seen at one level. Numbers mostly count upwards, so a run of them takes no room; others are kept as
 * hashes. */
typedef struct seen_set {
    bool any;
    uint64_t run_first, run_last;
    uint64_t *slots;
    size_t count, room;
} seen_set;

static const uint32_t hl = EDI_TAG('H', 'L', 0, 0), ls = EDI_TAG('L', 'S', 0, 0), le = EDI_TAG('L', 'E', 0, 0);

/* More numbers than these are not remembered: duplicates of later ones go unseen. */
enum { SEEN_MAX = 1 << 19, BRACKETS_MAX = 16 };

struct edi_validator {
    edi_reader *reader;
    edi_library *library;
    edi_validate_options options;
    edi_checker *checker;
    edi_faults faults;
    size_t next_fault;
    const edi_fault *fault;
    edi_event held; /* an event that waits behind faults */
    bool holding;

    const edi_schema *schema;
    bool exact;
    const edi_node *node;
    size_t left, entered;
    const edi_segment_type *definition;

    seen_set interchanges, groups, documents;
    seen_set levels;                /* HL01 seen in this document */
    char brackets[BRACKETS_MAX][8]; /* LS01 of the open bounded loops */
    size_t bracket_count;
    edi_balance balance;
    uint64_t told_segment; /* the reader found faults at these elements of it */
    uint32_t told_elements;
    bool x12;    /* the interchange is */
    bool guided; /* the document follows a guide (005010X...) */

    /* the schema found last: nearly always the next one too */
    char last_type[12], last_version[40];
    const edi_schema *last_schema;
    bool last_exact, last_known;
};

static edi_validator *make(edi_reader *reader, edi_library *library, const edi_validate_options *options) {
    edi_validator *v = xcalloc(1, sizeof *v);
    v->reader = reader;
    v->library = library;
    if (options) v->options = *options;
    v->checker = edi_checker_new(reader, &v->faults);
    if (v->options.thorough) edi_checker_be_thorough(v->checker);
    return v;
}

edi_validator *edi_validator_new(span file, edi_library *library, const edi_validate_options *options) {
    return make(edi_reader_new(file, options ? &options->reader : NULL), library, options);
}

edi_validator *edi_validator_open(
    edi_source source, void *context, edi_library *library, const edi_validate_options *options) {
    return make(edi_reader_open(source, context, options ? &options->reader : NULL), library, options);
}

void edi_validator_free(edi_validator *v) {
    if (!v) return;
    edi_checker_free(v->checker);
    edi_reader_free(v->reader);
    free(v->faults.list);
    free(v->interchanges.slots);
    free(v->groups.slots);
    free(v->documents.slots);
    free(v->levels.slots);
    free(v);
}

static edi_fault *add(edi_validator *v, edi_fault_code code, unsigned element, span part) {
    return edi_checker_fault(v->checker, code, element, 0, 0, part);
}

/* --------------------------------------------------------------------------------------------------- control numbers
 */

static void forget(seen_set *set) {
    set->any = false;
    set->count = 0;
    if (set->room > 1024) {
        free(set->slots);
        set->slots = NULL;
        set->room = 0;
    } else if (set->slots) {
        memset(set->slots, 0, set->room * sizeof *set->slots);
    }
}

static uint64_t hash(const char *text) {
    uint64_t value = UINT64_C(0xCBF29CE484222325);
    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
    return value ? value : 1;
}

static bool contains(const seen_set *set, uint64_t value) {
    if (!set->room) return false;
    size_t at = (size_t)value & (set->room - 1);
    while (set->slots[at] && set->slots[at] != value)
        at = (at + 1) & (set->room - 1);
    return set->slots[at] == value;
}

/* False: it was there before. */
static bool insert(seen_set *set, uint64_t value) {
    if (set->count == SEEN_MAX) return !contains(set, value);
    if (set->count * 2 >= set->room) {
        seen_set grown = {.room = set->room ? set->room * 2 : 64};
        grown.slots = xcalloc(grown.room, sizeof *grown.slots);
        for (size_t i = 0; i < set->room; i++) {
            if (set->slots[i]) insert(&grown, set->slots[i]);
        }
        free(set->slots);
        set->slots = grown.slots;
        set->room = grown.room;
    }
    size_t at = (size_t)value & (set->room - 1);
    while (set->slots[at]) {
        if (set->slots[at] == value) return false;
        at = (at + 1) & (set->room - 1);
    }
    set->slots[at] = value;
    set->count++;
    return true;
}

/* Was it there before? Numbers count as their value: 0001 and 1 are the same. */
static bool seen_before(seen_set *set, const char *text) {
    uint64_t number;
    if (span_to_u64(span_of(text), 0, UINT64_MAX - 1, &number)) {
        if (set->any && number == set->run_last + 1) {
            char key[24];
            snprintf(key, sizeof key, "%llu", (unsigned long long)number);
            bool known = set->count > 0 && !insert(set, hash(key));
            set->run_last = number;
            return known;
        }
        if (set->any && number >= set->run_first && number <= set->run_last) return true;
        char key[24];
        snprintf(key, sizeof key, "%llu", (unsigned long long)number);
        if (!set->any) {
            set->any = true;
            set->run_first = set->run_last = number;
            return false;
        }
        return !insert(set, hash(key));
    }
    return !insert(set, hash(text));
}

static void check_duplicate(
    edi_validator *v, seen_set *set, const char *key, const char *control, edi_fault_code code, const char *where) {
    if (!control[0] || !seen_before(set, key)) return;
    edi_fault *fault = add(v, code, 0, (span){NULL, 0});
    snprintf(fault->text, sizeof fault->text, "the control number %s stands twice in %s", control, where);
}

/* ---------------------------------------------------------------------------------------------------------- envelopes
 */

static const char *envelope_release(const edi_validator *v) {
    const edi_interchange *i = edi_reader_interchange(v->reader);
    return i->delimiters.standard == EDI_EDIFACT && i->syntax >= 4 ? "envelope4" : "envelope";
}

/* The reader has judged the count and the reference of this trailer: what else is wrong with them has the same cause.
 */
static void drop_told(edi_validator *v, size_t from) {
    size_t kept = from;
    for (size_t i = from; i < v->faults.count; i++) {
        const edi_fault *fault = &v->faults.list[i];
        bool told =
            fault->segment_number == v->told_segment && fault->element < 32 && (v->told_elements >> fault->element & 1);
        if (told) continue;
        if (kept != i) v->faults.list[kept] = *fault;
        kept++;
    }
    v->faults.count = kept;
}

static void note_told(edi_validator *v, const edi_fault *fault) {
    if (fault->warning || fault->element == 0 || fault->element >= 32) return;
    if (fault->segment_number != v->told_segment) v->told_elements = 0;
    v->told_segment = fault->segment_number;
    v->told_elements |= UINT32_C(1) << fault->element;
}

/* `last`: a missing terminator does not shorten it. */
static void check_service_segment(edi_validator *v, bool last) {
    const edi_segment *segment = edi_reader_segment(v->reader);
    v->definition = NULL;
    if (!segment || v->options.places_only || !(last || segment->terminated)) return;
    const edi_interchange *i = edi_reader_interchange(v->reader);
    v->definition = edi_library_segment(v->library, i->delimiters.standard, envelope_release(v), segment->tag);
    size_t before = v->faults.count;
    if (v->definition) edi_check_elements(v->checker, v->definition);
    if (v->told_segment == segment->number) drop_told(v, before);
}

static void check_service(edi_validator *v) {
    check_service_segment(v, false);
}

/* Lengths of ISA's elements are its shape, which the reader has judged. */
static void drop_header_lengths(edi_validator *v) {
    size_t kept = 0;
    for (size_t i = 0; i < v->faults.count; i++) {
        const edi_fault *fault = &v->faults.list[i];
        bool length = fault->code == EDI_FAULT_VALUE_SHORT || fault->code == EDI_FAULT_VALUE_LONG;
        if (length && strcmp(fault->tag, "ISA") == 0) continue;
        if (kept != i) v->faults.list[kept] = *fault;
        kept++;
    }
    v->faults.count = kept;
}

static void begin_interchange(edi_validator *v) {
    const edi_interchange *i = edi_reader_interchange(v->reader);
    char key[3 * EDI_ID_SIZE + 24];
    v->x12 = i->delimiters.standard == EDI_X12;
    edi_check_interchange(v->checker);
    check_service(v);
    drop_header_lengths(v);
    forget(&v->groups);
    forget(&v->documents);
    snprintf(key, sizeof key, "%s:%s>%s:%s#%s", i->sender.qualifier, i->sender.id, i->receiver.qualifier,
        i->receiver.id, i->control);
    check_duplicate(v, &v->interchanges, key, i->control, EDI_FAULT_INTERCHANGE_DUPLICATE,
        "this file for the same sender and receiver");
    if (!v->options.repeated || strcmp(v->options.repeated, i->control) != 0) return;
    edi_fault *fault = add(v, EDI_FAULT_INTERCHANGE_DUPLICATE, 0, (span){NULL, 0});
    snprintf(fault->text, sizeof fault->text, "the control number %s came before", i->control);
}

/* GS04 and the date before 004010: six digits are right there, customary after. */
static void check_group_date(edi_validator *v) {
    const edi_group *group = edi_reader_group(v->reader);
    size_t count;
    const span *elements = edi_reader_elements(v->reader, &count);
    if (edi_reader_interchange(v->reader)->delimiters.standard != EDI_X12 || count < 8) return;
    if (elements[3].len != 6 || strcmp(group->version, "004010") < 0) return;
    edi_fault *fault = add(v, EDI_FAULT_SHORT_DATE, 4, elements[3]);
    snprintf(fault->text, sizeof fault->text, "a date of six digits; from version 004010 on it has eight");
}

static void begin_group(edi_validator *v) {
    const edi_group *group = edi_reader_group(v->reader);
    check_service(v);
    if (!v->definition) return;
    check_group_date(v);
    forget(&v->documents);
    check_duplicate(v, &v->groups, group->control, group->control, EDI_FAULT_GROUP_DUPLICATE, "this interchange");
}

static void find_schema(edi_validator *v) {
    const edi_interchange *i = edi_reader_interchange(v->reader);
    const edi_transaction *d = edi_reader_document(v->reader);
    v->schema = NULL;
    if (v->options.envelope_only) return;
    if (v->options.schema && v->options.schema->standard == i->delimiters.standard &&
        strcmp(v->options.schema->type, d->type) == 0) {
        v->schema = v->options.schema;
        v->exact = true;
        return;
    }
    if (!v->last_known || strcmp(d->type, v->last_type) != 0 || strcmp(d->version, v->last_version) != 0) {
        v->last_schema = edi_library_find(v->library, i->delimiters.standard, d->type, d->version, &v->last_exact);
        memcpy(v->last_type, d->type, sizeof v->last_type);
        memcpy(v->last_version, d->version, sizeof v->last_version);
        v->last_known = true;
    }
    v->schema = v->last_schema;
    v->exact = v->last_exact;
}

static void begin_document(edi_validator *v) {
    const edi_interchange *i = edi_reader_interchange(v->reader);
    const edi_transaction *d = edi_reader_document(v->reader);
    check_service(v);
    find_schema(v);
    edi_check_begin(v->checker, v->schema);
    v->bracket_count = 0;
    forget(&v->levels);
    if (v->options.places_only) return;
    v->guided = i->delimiters.standard == EDI_X12 && strlen(d->version) > 6 && d->version[6] == 'X';
    edi_balance_begin(&v->balance, v->options.envelope_only ? EDI_NONE : i->delimiters.standard, d->type, d->version);
    check_duplicate(v, &v->documents, d->control, d->control, EDI_FAULT_DOCUMENT_DUPLICATE,
        edi_reader_in_group(v->reader) ? "its group" : "this interchange");
    if (i->delimiters.standard != EDI_X12) return;
    const char *kind = edi_group_kind(d->type), *group = edi_reader_group(v->reader)->kind;
    if (!kind || !group[0] || strcmp(kind, group) == 0) return;
    edi_fault *fault = add(v, EDI_FAULT_DOCUMENT_GROUP, 1, (span){NULL, 0});
    snprintf(fault->text, sizeof fault->text, "set %s travels in groups of %s, not of %s", d->type, kind, group);
}

/* ------------------------------------------------------------------------------------------ hierarchies, bounded loops
 */

/* An HL01 or HL02 as what the set of levels keeps: never 0, numbers by their value. */
static uint64_t level_key(span id) {
    char text[24];
    uint64_t number;
    if (span_to_u64(id, 0, INT64_MAX, &number)) return number ^ UINT64_C(1) << 63;
    snprintf(text, sizeof text, "%.*s", (int)(id.len < 23 ? id.len : 23), id.data);
    return hash(text);
}

/* X12.6: HL01 counts up within the set; HL02 names a level that was there before. */
static void check_hierarchy(edi_validator *v) {
    size_t count;
    const span *elements = edi_reader_elements(v->reader, &count);
    if (count < 1 || elements[0].len == 0) return;
    uint64_t id = level_key(elements[0]);
    if (contains(&v->levels, id)) {
        edi_fault *fault = add(v, EDI_FAULT_HIERARCHY, 1, elements[0]);
        snprintf(fault->text, sizeof fault->text, "the level %s stands twice", fault->value);
        return;
    }
    bool all_known = v->levels.count < SEEN_MAX;
    if (count >= 2 && elements[1].len > 0 && all_known && !contains(&v->levels, level_key(elements[1]))) {
        edi_fault *fault = add(v, EDI_FAULT_HIERARCHY, 2, elements[1]);
        snprintf(fault->text, sizeof fault->text, "the parent level %s was not there before", fault->value);
    }
    insert(&v->levels, id);
}

static void check_bracket(edi_validator *v, bool begin) {
    size_t count;
    const span *elements = edi_reader_elements(v->reader, &count);
    span id = count > 0 ? elements[0] : (span){"", 0};
    if (begin) {
        if (v->bracket_count < BRACKETS_MAX)
            snprintf(v->brackets[v->bracket_count++], sizeof v->brackets[0], "%.*s", (int)(id.len < 7 ? id.len : 7),
                id.data);
        return;
    }
    if (v->bracket_count > 0 && span_is(id, v->brackets[v->bracket_count - 1])) {
        v->bracket_count--;
        return;
    }
    edi_fault *fault = add(v, EDI_FAULT_LOOP_BRACKET, 1, id);
    if (v->bracket_count == 0) {
        snprintf(fault->text, sizeof fault->text, "LE %s without LS", fault->value);
    } else {
        snprintf(fault->text, sizeof fault->text, "LE %s ends the loop that LS %s began", fault->value,
            v->brackets[--v->bracket_count]);
    }
}

/* What a 999 calls the business unit, by type (X12 999 guide, CTX): where it begins, its element, and what ends it. */
typedef struct unit_rule {
    const char *type;
    uint32_t key;
    unsigned element;
    const char *name, *qualifier;
    uint32_t end;
} unit_rule;

static __attribute__((noinline)) void track_unit(edi_validator *v, uint32_t key) {
    static const uint32_t trn = EDI_TAG('T', 'R', 'N', 0);
    const unit_rule rules[] = {{"837", EDI_TAG('C', 'L', 'M', 0), 1, "CLM01", NULL, hl},
        {"835", trn, 2, "TRN02", NULL, 0}, {"276", trn, 2, "TRN02", NULL, hl}, {"277", trn, 2, "TRN02", NULL, hl},
        {"270", trn, 2, "TRN02", NULL, hl}, {"271", trn, 2, "TRN02", NULL, hl}, {"278", trn, 2, "TRN02", NULL, hl},
        {"820", EDI_TAG('E', 'N', 'T', 0), 1, "ENT01", NULL, 0},
        {"834", EDI_TAG('R', 'E', 'F', 0), 2, "SUBSCRIBER NUMBER REF02", "0F", EDI_TAG('I', 'N', 'S', 0)}};
    const edi_transaction *d = edi_reader_document(v->reader);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(rules[i].type, d->type) != 0) continue;
        size_t count;
        if (key == rules[i].end) edi_check_unit(v->checker, "", (span){NULL, 0});
        if (key != rules[i].key) return;
        const span *elements = edi_reader_elements(v->reader, &count);
        if (rules[i].element > count || (rules[i].qualifier && !span_is(elements[0], rules[i].qualifier))) return;
        edi_check_unit(v->checker, rules[i].name, elements[rules[i].element - 1]);
        return;
    }
}

/* Is the segment of a kind that the rules of this file, or totals, look at? */
static inline bool has_rules(const edi_validator *v, uint32_t key) {
    bool short_tag = v->x12 && key <= EDI_TAG(0xFF, 0xFF, 0, 0);
    return edi_balance_wants(&v->balance, key) || (short_tag && (key == hl || key == ls || key == le));
}

static __attribute__((noinline)) void check_rules(edi_validator *v, uint32_t key) {
    if (edi_balance_wants(&v->balance, key)) edi_balance_segment(&v->balance, v->checker, v->reader, key);
    if (!v->x12) return;
    if (key == hl) check_hierarchy(v);
    if (key == ls) check_bracket(v, true);
    if (key == le) check_bracket(v, false);
}

static inline __attribute__((always_inline)) void body_segment(edi_validator *v) {
    const edi_segment *segment = &v->reader->segment;
    const check_step *step = NULL;
    v->definition = NULL;
    if (v->guided) track_unit(v, segment->key);
    if (!segment->wrapped) step = check_step_find(v->checker, segment->key, segment->raw, segment->tag.len);
    if (step) {
        check_step_take(v->checker, step, &v->entered);
        v->left = step->up;
        v->node = step->place;
    } else {
        v->node = edi_check_segment(v->checker, &v->left, &v->entered);
    }
    if (v->node) {
        v->definition = v->node->segment;
        if (v->options.places_only) return;
        bool right = !v->options.thorough &&
                     check_plainly_right(v->checker, v->node, segment->tokens, segment->token, segment->parts);
        if (segment->terminated && !right) edi_check_elements(v->checker, v->definition);
    } else if (v->options.places_only) {
        return;
    } else if (v->schema) {
        v->definition = edi_release_segment(v->schema->release, segment->tag);
    }
    if (has_rules(v, segment->key)) check_rules(v, segment->key);
}

/* Passes segments as long as nothing can be said of them: nobody wants to know of each. */
static inline __attribute__((always_inline)) void pass_right(edi_validator *v) {
    edi_checker *c = v->checker;
    edi_reader *r = v->reader;
    plain_segment f;
    if (v->guided || v->options.places_only || v->options.thorough) return;
    while (r->plain_allowed && reader_find_plain(r, false, &f)) {
        const check_step *step = check_step_find(c, f.key, span_make(f.start, f.len), f.tag_len);
        if (!step || !check_plainly_right(c, step->place, f.tokens, f.token, f.parts)) break;
        if (has_rules(v, f.key) && (f.key == hl || !edi_balance_counts(&v->balance, f.key))) break;
        size_t entered;
        check_step_take(c, step, &entered);
        reader_pass_plain(r, &f);
    }
}

static void end_document(edi_validator *v) {
    bool broken = !edi_reader_segment(v->reader);
    if (v->bracket_count > 0 && !broken) {
        edi_fault *fault = add(v, EDI_FAULT_LOOP_BRACKET, 0, (span){NULL, 0});
        snprintf(fault->text, sizeof fault->text, "LS %s has no LE", v->brackets[v->bracket_count - 1]);
    }
    edi_check_end(v->checker, broken);
    if (!broken) edi_balance_end(&v->balance, v->checker);
    check_service(v);
    v->schema = NULL;
}

/* Events that are no segment of a document. */
static __attribute__((noinline)) edi_event other_event(edi_validator *v, edi_event event) {
    switch (event) {
    case EDI_FAULT:
        v->fault = edi_reader_fault(v->reader);
        note_told(v, v->fault);
        return event;
    case EDI_INTERCHANGE: begin_interchange(v); return event;
    case EDI_GROUP: begin_group(v); return event;
    case EDI_DOCUMENT: begin_document(v); return event;
    case EDI_SERVICE: check_service(v); return event;
    case EDI_DOCUMENT_END: end_document(v); break;
    case EDI_GROUP_END:
        forget(&v->documents);
        check_service(v);
        break;
    case EDI_INTERCHANGE_END: check_service_segment(v, true); break;
    case EDI_SEGMENT:
    case EDI_END: return event;
    }
    if (v->faults.count == 0) return event;
    v->holding = true; /* faults of a trailer come before its event */
    v->held = event;
    return edi_validator_next(v);
}

static inline __attribute__((always_inline)) edi_event next_event(edi_validator *v, bool segments) {
    if (v->faults.count > 0) {
        if (v->next_fault < v->faults.count) {
            v->fault = &v->faults.list[v->next_fault++];
            return EDI_FAULT;
        }
        v->faults.count = v->next_fault = 0;
    }
    if (v->holding) {
        v->holding = false;
        return v->held;
    }
    if (!segments) pass_right(v);
    edi_event event = reader_next(v->reader);
    v->node = NULL;
    v->left = v->entered = 0;
    if (event != EDI_SEGMENT) return other_event(v, event);
    body_segment(v);
    return event;
}

EDI_HOT edi_event edi_validator_next(edi_validator *v) {
    return next_event(v, true);
}

EDI_HOT edi_event edi_validator_next_told(edi_validator *v) {
    edi_event event;
    while ((event = next_event(v, false)) == EDI_SEGMENT)
        ;
    return event;
}

const edi_fault *edi_validator_fault(const edi_validator *v) {
    return v->fault;
}

edi_reader *edi_validator_reader(edi_validator *v) {
    return v->reader;
}

const edi_schema *edi_validator_schema(const edi_validator *v, bool *exact) {
    if (exact) *exact = v->exact;
    return v->schema;
}

const edi_node *edi_validator_node(const edi_validator *v, size_t *left, size_t *entered) {
    if (left) *left = v->left;
    if (entered) *entered = v->entered;
    return v->node;
}

edi_checker *edi_validator_quick(edi_validator *v) {
    return v->faults.count > 0 || v->holding || !v->options.places_only ? NULL : v->checker;
}

const edi_segment_type *edi_validator_definition(const edi_validator *v) {
    return v->definition;
}
