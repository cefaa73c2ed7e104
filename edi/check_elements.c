/* edi/check_elements.c: the elements of a segment against its type. See check.h.
 *
 * Rules: X12.6 §3 (types, lengths, syntax notes), ISO 9735-1 §10 and §11 (numeric values, exclusion, dependency notes).
 */
#include "core/base/memory.h"
#include "edi/check_internal.h"
#include "edi/value.h"

#include <stdio.h>
#include <stdlib.h>

enum { FAULTS_MAX = 400, COMPONENTS_MAX = 200 };

edi_fault *edi_checker_fault(
    edi_checker *c, edi_fault_code code, unsigned element, unsigned component, unsigned repetition, span part) {
    edi_faults *faults = c->faults;
    if (faults->count == faults->room) {
        faults->room = faults->room ? faults->room * 2 : 8;
        faults->list = xreallocarray(faults->list, faults->room, sizeof *faults->list);
    }
    edi_fault *fault = &faults->list[faults->count];
    if (faults->count < FAULTS_MAX) {
        faults->count++;
    } else {
        faults->dropped++; /* its place is written over by the next */
    }
    edi_reader_place(c->reader, code, element, component, repetition, part, fault);
    size_t len = 0;
    for (size_t i = 1; i < c->depth && len + 8 < sizeof fault->loop; i++) {
        const edi_node *loop = c->frames[i].loop; /* guides number their loops: 2010AA */
        bool numbered = loop->name[0] >= '0' && loop->name[0] <= '9' && strlen(loop->name) <= 6;
        len += (size_t)snprintf(fault->loop + len, sizeof fault->loop - len, "%s%s", i > 1 ? "/" : "",
            numbered ? loop->name : loop->segment->tag);
    }
    memcpy(fault->unit, c->unit, sizeof fault->unit);
    memcpy(fault->unit_value, c->unit_value, sizeof fault->unit_value);
    return fault;
}

void edi_check_unit(edi_checker *c, const char *unit, span value) {
    size_t len = value.len < sizeof c->unit_value ? value.len : 0; /* one that does not fit identifies nothing */
    snprintf(c->unit, sizeof c->unit, "%s", len ? unit : "");
    memcpy(c->unit_value, len ? value.data : "", len);
    c->unit_value[len] = '\0';
}

/* ------------------------------------------------------------------------------------------------------ single values
 */

static bool all_digits(span a) {
    for (size_t i = 0; i < a.len; i++) {
        if ((unsigned char)(a.data[i] - '0') > 9) return false;
    }
    return a.len > 0;
}

static unsigned two(const char *digits) {
    return (unsigned)(digits[0] - '0') * 10 + (unsigned)(digits[1] - '0');
}

bool edi_is_date(span a) {
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if ((a.len != 6 && a.len != 8) || !all_digits(a)) return false;
    const char *rest = a.data + (a.len - 4);
    unsigned year = a.len == 8 ? two(a.data) * 100 + two(a.data + 2) : 2000 + two(a.data);
    unsigned month = two(rest), day = two(rest + 2);
    if (month < 1 || month > 12 || day < 1 || day > days[month - 1] || year == 0) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 || a.len == 6;
    return month != 2 || day < 29 || (leap && (a.len == 8 || two(a.data) % 4 == 0));
}

bool edi_is_time(span a) {
    if (a.len != 4 && (a.len < 6 || a.len > 8)) return false;
    if (!all_digits(a) || two(a.data) > 23 || two(a.data + 2) > 59) return false;
    return a.len < 6 || two(a.data + 4) <= 59;
}

/* Digits with an optional leading minus and, when `marks` is not empty, at most one decimal mark. Returns the number of
 * digits, or 0. X12 R: nothing need stand before the mark, something must behind it; EDIFACT n: on both sides. */
static size_t number_digits(span a, const char *marks, bool need_before) {
    size_t digits = 0, before = 0, i = a.len > 0 && a.data[0] == '-';
    bool mark = false;
    for (; i < a.len; i++) {
        char c = a.data[i];
        if (c >= '0' && c <= '9') {
            digits++;
        } else if (!mark && c != '\0' && strchr(marks, c)) {
            mark = true;
            before = digits;
        } else {
            return 0;
        }
    }
    if (mark && (digits == before || (need_before && before == 0))) return 0;
    return digits;
}

static edi_fault_code complain_length(const edi_slot *slot, size_t len, unsigned min, unsigned max, char *text) {
    if (len < min) {
        snprintf(text, EDI_FAULT_TEXT, "%s has %zu characters, at least %u are needed",
            slot->name[0] ? slot->name : "the value", len, min);
        return EDI_FAULT_VALUE_SHORT;
    }
    snprintf(text, EDI_FAULT_TEXT, "%s has %zu characters, at most %u fit", slot->name[0] ? slot->name : "the value",
        len, max);
    return EDI_FAULT_VALUE_LONG;
}

static edi_fault_code check_text(const edi_slot *slot, span value, size_t *characters, char *text) {
    bool blank = true, high = false;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        blank &= c == ' ';
        high |= c >= 0x80;
        if (c < ' ' || c == 0x7F) {
            snprintf(text, EDI_FAULT_TEXT, "the control character 0x%02X is no text", c);
            return EDI_FAULT_VALUE_CHARACTER;
        }
        if (slot->element->type == EDI_TYPE_ALPHA && c >= '0' && c <= '9') {
            snprintf(text, EDI_FAULT_TEXT, "a digit where only letters may stand");
            return EDI_FAULT_VALUE_CHARACTER;
        }
    }
    *characters = value.len;
    if (high && span_is_utf8(value)) {
        static const edi_delimiters plain = {.release = 0};
        *characters = edi_characters(&plain, value, true);
    }
    if (blank && value.len > 0) {
        snprintf(text, EDI_FAULT_TEXT, "blanks alone are no value");
        return EDI_FAULT_VALUE_BLANK;
    }
    return EDI_FAULT_COUNT;
}

static edi_fault_code check_number(
    const edi_slot *slot, edi_standard standard, char decimal, bool both, span value, size_t *characters, char *text) {
    char marks[3] = {both ? '.' : decimal, both ? ',' : '\0', '\0'};
    bool integer = slot->element->type == EDI_TYPE_INTEGER;
    *characters = number_digits(value, integer ? "" : marks, standard == EDI_EDIFACT);
    if (*characters > 0) return EDI_FAULT_COUNT;
    snprintf(text, EDI_FAULT_TEXT, integer ? "digits (with a leading minus at most) make this number%s" : "no number%s",
        integer && slot->element->decimals ? "; its decimals are implied" : "");
    return EDI_FAULT_VALUE_NUMBER;
}

static edi_fault_code check_code(const edi_slot *slot, span value, char *text) {
    const edi_codes *codes = edi_slot_codes(slot);
    if (!codes->closed || codes->count == 0 || edi_codes_find(codes, edi_trim_right(value))) return EDI_FAULT_COUNT;
    size_t len = (size_t)snprintf(text, EDI_FAULT_TEXT, "this code is not among the %zu valid ones:", codes->count);
    for (size_t i = 0; i < codes->count && len + 24 < EDI_FAULT_TEXT && i < 12; i++)
        len += (size_t)snprintf(
            text + len, EDI_FAULT_TEXT - len, " %.*s", (int)codes->list[i].code.len, codes->list[i].code.data);
    if (codes->count > 12) len += (size_t)snprintf(text + len, EDI_FAULT_TEXT - len, " ...");
    if (slot->reason && len < EDI_FAULT_TEXT) snprintf(text + len, EDI_FAULT_TEXT - len, ": %s", slot->reason);
    /* the standard has the code, as far as we know; the guide does not use it */
    const edi_codes *all = &slot->element->codes;
    bool narrowed = slot->guided && (!all->closed || edi_codes_find(all, edi_trim_right(value)));
    return narrowed ? EDI_FAULT_VALUE_CODE_NOT_USED : EDI_FAULT_VALUE_CODE;
}

/* Dates of EDIFACT's service segments are numbers by type. */
static edi_fault_code check_date(const edi_slot *slot, edi_standard standard, span value, char *text) {
    unsigned number = standard == EDI_EDIFACT ? slot->element->number : 0;
    bool date = slot->element->type == EDI_TYPE_DATE || number == 17,
         time = slot->element->type == EDI_TYPE_TIME || number == 19;
    if (date && !edi_is_date(value)) {
        snprintf(text, EDI_FAULT_TEXT, all_digits(value) ? "there is no such date" : "a date has digits only");
        return EDI_FAULT_VALUE_DATE;
    }
    if (time && !edi_is_time(value)) {
        snprintf(text, EDI_FAULT_TEXT, all_digits(value) ? "there is no such time" : "a time has digits only");
        return EDI_FAULT_VALUE_TIME;
    }
    return EDI_FAULT_COUNT;
}

edi_fault_code edi_check_value(
    const edi_slot *slot, edi_standard standard, char decimal, bool both_marks, span value, char *text) {
    const edi_element_type *element = slot->element;
    unsigned min = slot->min ? slot->min : element->min, max = slot->max ? slot->max : element->max;
    size_t characters = value.len;
    edi_fault_code code = EDI_FAULT_COUNT;
    switch (element->type) {
    case EDI_TYPE_TEXT:
    case EDI_TYPE_ID:
    case EDI_TYPE_ALPHA: code = check_text(slot, value, &characters, text); break;
    case EDI_TYPE_INTEGER:
    case EDI_TYPE_DECIMAL: code = check_number(slot, standard, decimal, both_marks, value, &characters, text); break;
    case EDI_TYPE_DATE:
    case EDI_TYPE_TIME:
    case EDI_TYPE_BINARY: break;
    }
    if (code == EDI_FAULT_VALUE_BLANK && min == max && standard == EDI_X12) code = EDI_FAULT_COUNT; /* ISA02, ISA04 */
    if (code == EDI_FAULT_COUNT && (characters < min || characters > max)) {
        bool date = element->type == EDI_TYPE_DATE || element->type == EDI_TYPE_TIME;
        if (!date || all_digits(value)) return complain_length(slot, characters, min, max, text);
    }
    if (code == EDI_FAULT_COUNT) code = check_date(slot, standard, value, text);
    if (code == EDI_FAULT_COUNT) code = check_code(slot, value, text);
    return code;
}

/* ------------------------------------------------------------------------------------------- elements and components
 */

typedef struct place {
    unsigned element, component, repetition;
} place;

static span decoded(edi_checker *c, const edi_delimiters *d, span raw) {
    if (!d->release || raw.len == 0 || !memchr(raw.data, d->release, raw.len)) return raw;
    if (c->scratch_room < raw.len) {
        c->scratch_room = raw.len;
        c->scratch = xrealloc(c->scratch, raw.len);
    }
    return span_make(c->scratch, edi_decode(d, raw, c->scratch));
}

/* What the quick look may take for plain: no control characters, nothing beyond ASCII, nothing that releases or
 * repeats, nothing outside of the interchange's character set, no blank before a value. */
static void make_look(edi_checker *c) {
    const edi_delimiters *d = &c->delimiters;
    bool plain[128] = {false};
    for (unsigned i = ' '; i < 0x7F; i++)
        plain[i] = !edi_is_delimiter(d, (char)i) && (!c->charset || edi_charset_has(c->charset, (unsigned char)i));
    edi_look_make(&c->look, d->element, d->component, plain);
    c->look.no_leading = true;
    if (!c->thorough) edi_reader_look(c->reader, &c->look);
}

void edi_check_interchange(edi_checker *c) {
    const edi_interchange *interchange = edi_reader_interchange(c->reader);
    const edi_delimiters *d = &interchange->delimiters;
    c->delimiters = *d;
    c->both_marks = d->standard == EDI_EDIFACT && (!interchange->una || interchange->syntax >= 4);
    c->charset = d->standard == EDI_EDIFACT ? edi_charset_named(interchange->version) : NULL;
    make_look(c);
}

/* A byte that the set named in UNB has not got: told once an interchange. */
static void check_charset(edi_checker *c, const edi_slot *slot, span value, place at) {
    const edi_charset *charset = c->charset;
    size_t i = 0;
    while (i < value.len && edi_charset_has(charset, (unsigned char)value.data[i]))
        i++;
    bool broken = charset->kind == EDI_CHARSET_UTF8 && !span_is_utf8(value);
    if (i == value.len && !broken) return;
    edi_fault *fault = edi_checker_fault(c, EDI_FAULT_CHARACTER_SET, at.element, at.component, at.repetition, value);
    fault->definition = slot->element->number;
    unsigned char byte = broken ? 0 : (unsigned char)value.data[i];
    if (broken) {
        snprintf(fault->text, sizeof fault->text, "this is no UTF-8, which %s says (told once an interchange)",
            charset->name);
    } else if (byte > ' ' && byte < 0x7F) {
        snprintf(fault->text, sizeof fault->text, "the character set %s has no \"%c\" (told once an interchange)",
            charset->name, byte);
    } else {
        snprintf(fault->text, sizeof fault->text,
            "the character set %s has no character 0x%02X (told once an interchange)", charset->name, byte);
    }
    c->charset = NULL;
    make_look(c);
}

static void check_simple(edi_checker *c, const edi_slot *slot, span raw, place at) {
    const edi_delimiters *d = &c->delimiters;
    if (!slot->element) return; /* composites are taken apart before */
    if (c->charset) check_charset(c, slot, decoded(c, d, raw), at);
    edi_fault_code code = edi_check_value(slot, d->standard, d->decimal, c->both_marks, decoded(c, d, raw), c->text);
    if (code == EDI_FAULT_COUNT) return;
    bool short_date =
        (code == EDI_FAULT_VALUE_SHORT) && slot->element->number == 17 && raw.len == 6 && edi_is_date(raw);
    edi_fault *fault =
        edi_checker_fault(c, short_date ? EDI_FAULT_SHORT_DATE : code, at.element, at.component, at.repetition, raw);
    fault->definition = slot->element->number;
    memcpy(fault->text, c->text, sizeof fault->text);
}

static const char *slot_label(const edi_slot *slot) {
    return slot->name[0] ? slot->name : "this element";
}

bool edi_note_holds(const edi_note *note, uint64_t present) {
    uint64_t have = present & note->members, first = UINT64_C(1) << note->first, lack = note->members & ~present;
    switch (note->kind) {
    case 'P': return have == 0 || lack == 0;
    case 'R': return have != 0;
    case 'E': return (have & (have - 1)) == 0;
    case 'C': return !(have & first) || lack == 0;
    case 'L': return !(have & first) || (have & ~first) != 0;
    case '1': return have != 0 && (have & (have - 1)) == 0;
    default: return !(have & first) || (have & ~first) == 0;
    }
}

/* Presence, syntax notes and surplus of a list of values: of a segment, or of a composite (at.element is set then). */
static void check_presence(edi_checker *c, const edi_slots *slots, uint64_t present, place at) {
    uint64_t missing = slots->mandatory & ~present;
    bool inside = at.element != 0;
    while (missing) {
        unsigned index = (unsigned)__builtin_ctzll(missing);
        missing &= missing - 1;
        const edi_slot *slot = &slots->list[index - 1];
        edi_fault *fault = edi_checker_fault(c, EDI_FAULT_ELEMENT_MISSING, inside ? at.element : index,
            inside ? index : 0, at.repetition, (span){NULL, 0});
        fault->definition = slot->element ? slot->element->number : 0;
        snprintf(fault->text, sizeof fault->text, "%s is mandatory and missing", slot_label(slot));
    }
    uint64_t told = slots->mandatory & ~present; /* a place is told once, whatever else requires it */
    for (size_t i = 0; i < slots->note_count; i++) {
        const edi_note *note = &slots->notes[i];
        uint64_t have = present & note->members, first = UINT64_C(1) << note->first, lack = note->members & ~present;
        bool excluded = note->kind == 'E' || note->kind == 'N' || (note->kind == '1' && have);
        if (edi_note_holds(note, present)) continue;
        uint64_t named = excluded ? have & (have - 1) : lack & ~((note->kind == 'L') ? first : 0);
        unsigned index = named ? (unsigned)__builtin_ctzll(named) : note->first;
        if (told >> index & 1) continue;
        told |= UINT64_C(1) << index;
        edi_fault *fault = edi_checker_fault(c, excluded ? EDI_FAULT_ELEMENT_EXCLUDED : EDI_FAULT_ELEMENT_CONDITIONAL,
            inside ? at.element : index, inside ? index : 0, at.repetition, (span){NULL, 0});
        const edi_slot *slot = &slots->list[index - 1];
        fault->definition = slot->element ? slot->element->number : 0;
        uint64_t others = have & ~(UINT64_C(1) << index);
        if (others && !inside) {
            fault->trigger = (unsigned)__builtin_ctzll(others);
            const edi_slot *cause = &slots->list[fault->trigger - 1];
            fault->trigger_definition = cause->element ? cause->element->number : 0;
        }
        snprintf(fault->text, sizeof fault->text,
            excluded ? "%s may not stand beside the others of note %s" : "%s is missing, which note %s requires",
            slot_label(slot), note->text);
    }
}

static void note_trailing(edi_checker *c, unsigned element, const char *what) {
    if (c->trailing_told) return;
    c->trailing_told = true;
    edi_fault *fault = edi_checker_fault(c, EDI_FAULT_TRAILING_SEPARATOR, element, 0, 0, (span){NULL, 0});
    snprintf(
        fault->text, sizeof fault->text, "separators of empty %s at the end are not sent (told once a document)", what);
}

/* A date whose format stands beside it: 2379 behind 2380 in EDIFACT, 1250 before 1251 in X12. */
static void check_formatted(edi_checker *c, const edi_element_type *element, span raw, span format, place at) {
    char iso[EDI_DATE_SIZE];
    span value = decoded(c, &c->delimiters, raw);
    bool x12 = c->delimiters.standard == EDI_X12;
    if (x12 ? edi_period_exists(value, format) : edi_formatted_date(value, format, iso)) return;
    if (!x12 && (edi_format_length(format) == 0 || !edi_format_judged(format))) return;
    edi_fault *fault = edi_checker_fault(c, EDI_FAULT_VALUE_DATE, at.element, at.component, at.repetition, raw);
    fault->definition = element->number;
    if (!x12 && value.len != edi_format_length(format)) {
        snprintf(fault->text, sizeof fault->text, "%zu characters, but format %.*s has %zu", value.len,
            (int)(format.len < 8 ? format.len : 8), format.data, edi_format_length(format));
    } else {
        snprintf(fault->text, sizeof fault->text, "there is no such date or time in format %.*s",
            (int)(format.len < 8 ? format.len : 8), format.data);
    }
}

static void check_dates_of(edi_checker *c, const edi_slots *slots, span raw, place at) {
    const edi_delimiters *d = &c->delimiters;
    if (slots->count < 3 || !slots->list[1].element || slots->list[1].element->number != 2380) return;
    span value = edi_part(raw, d->component, d->release, 1), format = edi_part(raw, d->component, d->release, 2);
    at.component = 2;
    if (value.len > 0 && format.len > 0) check_formatted(c, slots->list[1].element, value, format, at);
}

static void not_used_fault(edi_checker *c, const edi_slot *slot, span raw, place at) {
    edi_fault *fault = edi_checker_fault(c, EDI_FAULT_ELEMENT_NOT_USED, at.element, at.component, at.repetition, raw);
    fault->definition = slot->element ? slot->element->number : 0;
    snprintf(fault->text, sizeof fault->text, "%s is not used here%s%s", slot_label(slot), slot->reason ? ": " : "",
        slot->reason ? slot->reason : "");
}

/* Returns whether any component is there. */
static bool check_composite(edi_checker *c, const edi_slot *slot, span raw, place at) {
    const edi_delimiters *d = &c->delimiters;
    const edi_slots *slots = &slot->composite->slots;
    uint64_t present = 0;
    unsigned count = 0;
    bool surplus = false, trailing = false;
    span rest = raw, part;
    while (edi_next_part(&rest, d->component, d->release, &part)) {
        count++;
        trailing = part.len == 0;
        if (part.len == 0) continue;
        if (count > slots->count) {
            surplus = true;
            break;
        }
        present |= UINT64_C(1) << count;
        at.component = count;
        if (slots->list[count - 1].unused) {
            not_used_fault(c, &slots->list[count - 1], part, at);
            continue;
        }
        check_simple(c, &slots->list[count - 1], part, at);
    }
    at.component = 0;
    if (surplus) {
        edi_fault *fault = edi_checker_fault(
            c, EDI_FAULT_COMPONENTS_MANY, at.element, (unsigned)slots->count + 1, at.repetition, part);
        snprintf(fault->text, sizeof fault->text, "%s has %zu components at most", slot_label(slot), slots->count);
    } else if (trailing) {
        note_trailing(c, at.element, "components");
    }
    if (present) check_presence(c, slots, present, at);
    if ((present & 0xC) == 0xC) check_dates_of(c, slots, raw, at);
    return present != 0;
}

/* A simple element with component separators in it. */
static void components_fault(edi_checker *c, const edi_slot *slot, span raw, place at) {
    edi_fault *fault = edi_checker_fault(c, EDI_FAULT_COMPONENTS_MANY, at.element, 2, at.repetition, raw);
    fault->definition = slot->element ? slot->element->number : 0;
    snprintf(fault->text, sizeof fault->text, "%s is no composite: it has no components", slot_label(slot));
}

/* "11>B>1" where components stand between colons: the value is too long, and this is probably why. */
static void hint_at_separator(const edi_checker *c, span raw, size_t fault_index) {
    char separator = c->delimiters.component;
    edi_fault *fault = &c->faults->list[fault_index];
    if (!separator || fault->code != EDI_FAULT_VALUE_LONG || memchr(raw.data, separator, raw.len)) return;
    for (size_t i = 1; i + 1 < raw.len; i++) {
        if (!strchr(":><^|\\", raw.data[i])) continue;
        size_t len = strlen(fault->text);
        snprintf(fault->text + len, sizeof fault->text - len,
            "; components are separated by \"%c\" here, is \"%c\" meant to?", separator, raw.data[i]);
        return;
    }
}

static bool check_once(edi_checker *c, const edi_slot *slot, span raw, place at) {
    const edi_delimiters *d = &c->delimiters;
    if (raw.len == 0) return false;
    if (slot->composite) {
        size_t before = c->faults->count;
        bool any = check_composite(c, slot, raw, at);
        if (c->faults->count > before) hint_at_separator(c, raw, before);
        return any;
    }
    if (d->component && memchr(raw.data, d->component, raw.len) && edi_part_count(raw, d->component, d->release) > 1) {
        span first = edi_part(raw, d->component, d->release, 0);
        bool only_trailing = true;
        for (size_t i = first.len; i < raw.len; i++)
            only_trailing &= raw.data[i] == d->component;
        if (only_trailing) {
            note_trailing(c, at.element, "components");
        } else {
            components_fault(c, slot, raw, at);
        }
        if (first.len > 0) check_simple(c, slot, first, at);
        return first.len > 0 || !only_trailing;
    }
    check_simple(c, slot, raw, at);
    return true;
}

/* The value of one place of a segment, with its repetitions. Returns whether it is there. */
static bool check_slot(edi_checker *c, const edi_slot *slot, size_t alike, span raw, unsigned index, bool plain) {
    const edi_delimiters *d = &c->delimiters;
    if (raw.len == 0) return false;
    place at = {.element = index};
    if (slot->unused) {
        not_used_fault(c, slot, raw, at);
        return true;
    }
    if (plain) { /* ISA: the separators stand there as data */
        check_simple(c, slot, raw, at);
        return true;
    }
    if (!d->repetition || !memchr(raw.data, d->repetition, raw.len)) return check_once(c, slot, raw, at);
    bool any = false;
    unsigned most = slot->repeat > alike ? slot->repeat : (unsigned)alike;
    span rest = raw, part, surplus = {NULL, 0};
    while (edi_next_part(&rest, d->repetition, d->release, &part)) {
        at.repetition++;
        if (at.repetition == most + 1) surplus = part;
        any |= check_once(c, slot, part, at);
    }
    if (at.repetition > most) {
        edi_fault *fault = edi_checker_fault(c, EDI_FAULT_REPETITIONS_MANY, index, 0, most + 1, surplus);
        snprintf(
            fault->text, sizeof fault->text, "%s stands %u times, %u at most", slot_label(slot), at.repetition, most);
    }
    return any;
}

/* The directories' elements that may stand several times: beside each other before syntax version 4, as repetitions of
 * the first from then on. How many places from this one on are of the same type? */
static size_t count_alike(const edi_checker *c, const edi_slots *slots, size_t at) {
    size_t count = 1;
    if (c->delimiters.standard != EDI_EDIFACT || !c->delimiters.repetition) return 1;
    while (at + count < slots->count && slots->list[at + count].element == slots->list[at].element &&
           slots->list[at + count].composite == slots->list[at].composite)
        count++;
    return count;
}

typedef struct fault_order {
    uint64_t place;
    size_t index;
} fault_order;

static int by_place(const void *a, const void *b) {
    const fault_order *x = a, *y = b;
    if (x->place != y->place) return x->place < y->place ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* Faults of one segment in the order of its elements, in which people read them and acknowledgements name them: what is
 * missing is found last. */
static void sort_faults(edi_faults *faults, size_t from) {
    size_t count = faults->count - from;
    bool sorted = true;
    fault_order order[FAULTS_MAX];
    for (size_t i = 0; i < count; i++) {
        const edi_fault *f = &faults->list[from + i];
        order[i] = (fault_order){.place = (uint64_t)f->element << 40 | (uint64_t)f->repetition << 16 | f->component, i};
        sorted &= i == 0 || order[i - 1].place <= order[i].place;
    }
    if (sorted) return;
    edi_fault *copy = xcalloc(count, sizeof *copy);
    qsort(order, count, sizeof *order, by_place);
    for (size_t i = 0; i < count; i++)
        copy[i] = faults->list[from + order[i].index];
    memcpy(&faults->list[from], copy, count * sizeof *copy);
    free(copy);
}

static void check_all_elements(edi_checker *c, const edi_segment_type *type) {
    const edi_slots *slots = &type->slots;
    const edi_segment *segment = edi_reader_segment(c->reader);
    size_t count;
    const span *values = edi_reader_elements(c->reader, &count);
    bool plain = type->key == EDI_TAG('I', 'S', 'A', 0);
    uint64_t present = 0;
    size_t known = count < slots->count ? count : slots->count;
    for (size_t i = 0; i < known; i++) {
        bool octets = segment->binary && i + 1 == count;
        if (octets ? values[i].len > 0
                   : check_slot(c, &slots->list[i], count_alike(c, slots, i), values[i], (unsigned)i + 1, plain))
            present |= UINT64_C(2) << i;
    }
    if (type->period > 0 && (present >> type->period & 3) == 3) {
        const edi_slot *slot = &slots->list[type->period];
        if (slot->element && !memchr(values[type->period].data,
                                 c->delimiters.repetition ? c->delimiters.repetition : '\0', values[type->period].len))
            check_formatted(
                c, slot->element, values[type->period], values[type->period - 1], (place){.element = type->period + 1});
    }
    for (size_t i = slots->count; i < count && !slots->open; i++) {
        if (values[i].len == 0) continue;
        edi_fault *fault = edi_checker_fault(c, EDI_FAULT_ELEMENTS_MANY, (unsigned)i + 1, 0, 0, values[i]);
        snprintf(fault->text, sizeof fault->text, "%s has %zu elements at most, here are %zu", type->tag, slots->count,
            count);
        break;
    }
    if (count > 0 && values[count - 1].len == 0) note_trailing(c, (unsigned)count, "elements");
    if ((slots->mandatory & ~present) || slots->note_count > 0) check_presence(c, slots, present, (place){0});
}

void edi_check_elements(edi_checker *c, const edi_segment_type *type) {
    size_t before = c->faults->count;
    check_all_elements(c, type);
    if (c->faults->count > before + 1) sort_faults(c->faults, before);
}
