/* edi/schema_text.c: see schema_text.h. One line is one thing; what is wrong is told with file and line. */
#include "edi/schema_line.h"

#include <stdio.h>
#include <stdlib.h>

enum { CODES_MAX = 20000, NOTES_MAX = 40 };

error *schema_complain(const line_reader *in, const char *what, span word) {
    return error_at(error_new(ERROR_INVALID, "%s:%u: %s%s%.*s%s", in->section->source, in->line, what,
                        word.len ? " \"" : "", (int)word.len, word.len ? word.data : "", word.len ? "\"" : ""),
        "%s:%u", in->section->source, in->line);
}

static const span nothing = {NULL, 0};

static void skip_blanks(span *rest) {
    while (rest->len > 0 && (rest->data[0] == ' ' || rest->data[0] == '\t')) {
        rest->data++;
        rest->len--;
    }
}

/* The next word: up to a blank, or a bar or brace on its own, or a quoted text without its quotes (*quoted). */
bool schema_next_word(span *rest, span *word, bool *quoted) {
    skip_blanks(rest);
    *quoted = false;
    *word = (span){NULL, 0};
    if (rest->len == 0) return false;
    size_t len = 0;
    if (rest->data[0] == '"') {
        const char *close = memchr(rest->data + 1, '"', rest->len - 1);
        len = close ? (size_t)(close - rest->data - 1) : rest->len - 1;
        *word = span_make(rest->data + 1, len);
        *quoted = true;
        len += close ? 2 : 1;
    } else if (strchr("|{}", rest->data[0])) {
        len = 1;
        *word = span_make(rest->data, 1);
    } else {
        while (len < rest->len && !strchr(" \t|{}\"", rest->data[len]))
            len++;
        *word = span_make(rest->data, len);
    }
    *rest = span_make(rest->data + len, rest->len - len);
    return true;
}

bool schema_peek_is(span rest, const char *text) {
    span word;
    bool quoted;
    return schema_next_word(&rest, &word, &quoted) && !quoted && span_is(word, text);
}

/* The next line of the section that holds anything, without its comment and its end; *indent counts blanks. */
bool schema_next_line(line_reader *in, span *text, size_t *indent) {
    span line;
    while (span_split(text, '\n', &line)) {
        in->line++;
        bool quoted = false;
        for (size_t i = 0; i < line.len; i++) {
            if (line.data[i] == '"') quoted = !quoted;
            if (line.data[i] == '#' && !quoted && (i == 0 || line.data[i - 1] == ' ')) line.len = i;
        }
        span content = span_trim(line);
        if (content.len == 0) continue;
        *indent = 0;
        while (line.data[*indent] == ' ' || line.data[*indent] == '\t')
            ++*indent;
        in->rest = content;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------ sections, headings
 */

static bool is_heading(span line) {
    return span_starts(line, SPAN("schema ")) || span_starts(line, SPAN("release ")) ||
           span_starts(line, SPAN("overlay "));
}

bool schema_next_section(span *rest, unsigned *line, schema_section *section) {
    const char *start = NULL;
    span before = *rest, one;
    unsigned number = *line;
    while (span_split(rest, '\n', &one)) {
        number++;
        if (is_heading(one)) {
            if (start) {
                *rest = before;
                *line = number - 1;
                section->text = span_make(start, (size_t)(before.data - start));
                return true;
            }
            start = one.data;
            section->line = number;
        }
        before = *rest;
        if (!rest->data && start) {
            section->text = span_make(start, (size_t)(one.data + one.len - start));
            *line = number;
            return true;
        }
    }
    return false;
}

static void keep_word(char *room, size_t size, span word) {
    size_t len = word.len < size ? word.len : size - 1;
    memcpy(room, word.data, len);
    room[len] = '\0';
}

#define KEEP(field, word) keep_word(field, sizeof(field), word)

error *schema_read_heading(const schema_section *section, schema_heading *heading) {
    line_reader in = {.section = section, .line = section->line};
    span rest = section->text, line, word;
    bool quoted;
    *heading = (schema_heading){.standard = EDI_NONE};
    if (!span_split(&rest, '\n', &line)) return schema_complain(&in, "no heading", nothing);
    line = span_trim(line);
    if (!schema_next_word(&line, &word, &quoted)) return schema_complain(&in, "no heading", nothing);
    KEEP(heading->kind, word);
    if (strcmp(heading->kind, "overlay") == 0) {
        if (!schema_next_word(&line, &word, &quoted)) return schema_complain(&in, "an overlay needs a name", nothing);
        KEEP(heading->name, word);
        if (!schema_next_word(&line, &word, &quoted) || !span_is(word, "of"))
            return schema_complain(
                &in, "\"of\" and the schema that it changes must follow the overlay's name", nothing);
    }
    if (!schema_next_word(&line, &word, &quoted) || (heading->standard = edi_standard_named(word)) == EDI_NONE)
        return schema_complain(&in, "X12, EDIFACT or TRADACOMS is missing", nothing);
    if (!schema_next_word(&line, &word, &quoted)) return schema_complain(&in, "the version is missing", nothing);
    KEEP(heading->version, word);
    if (strcmp(heading->kind, "release") != 0) {
        if (!schema_next_word(&line, &word, &quoted))
            return schema_complain(&in, "the document type is missing", nothing);
        KEEP(heading->type, word);
    }
    while (schema_next_word(&line, &word, &quoted)) {
        span value;
        bool value_quoted;
        if (quoted) {
            heading->title = word;
        } else if (!schema_next_word(&line, &value, &value_quoted)) {
            return schema_complain(&in, "a value is missing behind", word);
        } else if (span_is(word, "group")) {
            KEEP(heading->group, value);
        } else if (span_is(word, "from")) {
            KEEP(heading->base, value);
        } else if (span_is(word, "like")) {
            KEEP(heading->like, value);
        } else if (span_is(word, "checked")) {
            heading->checked = value;
        } else {
            return schema_complain(&in, "unknown word in a heading:", word);
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------------- codes
 */

static int compare_codes(const void *a, const void *b) {
    const edi_code *x = a, *y = b;
    size_t len = x->code.len < y->code.len ? x->code.len : y->code.len;
    int order = memcmp(x->code.data, y->code.data, len);
    return order ? order : (x->code.len > y->code.len) - (x->code.len < y->code.len);
}

/* "{00 original, 01 cancellation, ...}": the three dots leave the list open. */
error *schema_read_codes(line_reader *in, edi_codes *codes) {
    span word;
    bool quoted;
    if (!schema_next_word(&in->rest, &word, &quoted) || !span_is(word, "{"))
        return schema_complain(in, "{ expected", nothing);
    const char *close = in->rest.len ? memchr(in->rest.data, '}', in->rest.len) : NULL;
    if (!close) return schema_complain(in, "} is missing", nothing);
    span list = span_make(in->rest.data, (size_t)(close - in->rest.data)), one;
    in->rest = span_make(close + 1, in->rest.len - list.len - 1);
    size_t count = list.len > 0 ? edi_part_count(list, ',', 0) : 0;
    if (count == 0) return schema_complain(in, "an empty list of codes", nothing);
    if (count > CODES_MAX) return schema_complain(in, "too many codes", nothing);
    edi_code *all = arena_alloc(in->memory, count * sizeof *all);
    *codes = (edi_codes){.closed = true};
    while (span_split(&list, ',', &one)) {
        one = span_trim(one);
        if (span_is(one, "...")) {
            codes->closed = false;
            continue;
        }
        size_t len = 0;
        while (len < one.len && one.data[len] != ' ')
            len++;
        if (len == 0) return schema_complain(in, "an empty code", nothing);
        all[codes->count++] =
            (edi_code){.code = span_make(one.data, len), .gloss = span_trim(span_make(one.data + len, one.len - len))};
    }
    qsort(all, codes->count, sizeof *all, compare_codes);
    for (size_t i = 1; i < codes->count; i++) {
        if (span_equal(all[i].code, all[i - 1].code))
            return schema_complain(in, "this code stands twice:", all[i].code);
    }
    codes->list = all;
    return NULL;
}

const edi_code *edi_codes_find(const edi_codes *codes, span code) {
    edi_code wanted = {.code = code};
    if (codes->count == 0 || !code.data) return NULL;
    return bsearch(&wanted, codes->list, codes->count, sizeof *codes->list, compare_codes);
}

const edi_codes *edi_slot_codes(const edi_slot *slot) {
    if (slot->codes.count > 0) return &slot->codes;
    return slot->element ? &slot->element->codes : &slot->codes;
}

/* -------------------------------------------------------------------------------------------------- elements and slots
 */

/* "1-30", "2", "..35". */
bool schema_read_lengths(span text, edi_element_type *element) {
    uint64_t low, high;
    if (span_starts(text, SPAN(".."))) {
        if (!span_to_u64(span_make(text.data + 2, text.len - 2), 1, 1000000000, &high)) return false;
        element->min = 1;
        element->max = (unsigned)high;
        return true;
    }
    span rest = text, part;
    if (!span_split(&rest, '-', &part) || !span_to_u64(part, 0, 1000000000, &low)) return false;
    high = low;
    if (rest.data && !span_to_u64(rest, low, UINT64_C(1000000000), &high)) return false;
    element->min = (unsigned)low;
    element->max = (unsigned)high;
    return true;
}

static bool read_type(span text, edi_element_type *element) {
    static const struct {
        const char *prefix;
        edi_type type;
    } types[] = {{"AN", EDI_TYPE_TEXT}, {"ID", EDI_TYPE_ID}, {"DT", EDI_TYPE_DATE}, {"TM", EDI_TYPE_TIME},
        {"R", EDI_TYPE_DECIMAL}, {"B", EDI_TYPE_BINARY}, {"an", EDI_TYPE_TEXT}, {"a", EDI_TYPE_ALPHA},
        {"n", EDI_TYPE_DECIMAL}};
    if (text.len >= 4 && text.data[0] == 'N' && text.data[1] >= '0' && text.data[1] <= '9' && text.data[2] == ':') {
        element->type = EDI_TYPE_INTEGER;
        element->decimals = (unsigned)(text.data[1] - '0');
        return schema_read_lengths(span_make(text.data + 3, text.len - 3), element);
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        span prefix = span_of(types[i].prefix);
        if (!span_starts(text, prefix)) continue;
        element->type = types[i].type;
        return schema_read_lengths(span_make(text.data + prefix.len, text.len - prefix.len), element);
    }
    return false;
}

/* Words up to a brace, a bar or the end, as one text. */
const char *schema_read_name(line_reader *in) {
    span word, probe = in->rest;
    bool quoted;
    skip_blanks(&probe);
    const char *from = probe.data, *to = from;
    while (probe.len > 0 && schema_next_word(&probe, &word, &quoted)) {
        if (!quoted && (span_is(word, "|") || span_is(word, "{") || span_is(word, "}"))) break;
        in->rest = probe;
        to = word.data + word.len;
    }
    return from && to > from ? arena_spandup(in->memory, span_make(from, (size_t)(to - from))) : "";
}

static error *read_element(line_reader *in, edi_release *release) {
    span number, type;
    bool quoted;
    uint64_t value;
    if (!schema_next_word(&in->rest, &number, &quoted) || !span_to_u64(number, 1, 99999, &value))
        return schema_complain(in, "an element needs its number", nothing);
    edi_element_type *element = arena_alloc(in->memory, sizeof *element);
    element->number = (unsigned)value;
    if (!schema_next_word(&in->rest, &type, &quoted) || !read_type(type, element))
        return schema_complain(in, "no type that is known:", type);
    element->name = schema_read_name(in);
    if (schema_peek_is(in->rest, "{")) {
        error *err = schema_read_codes(in, &element->codes);
        if (err) return err;
    }
    if (map_put(release->elements, number, element)) return schema_complain(in, "this element stands twice:", number);
    return NULL;
}

static void *find_in(const edi_release *release, size_t which, span key) {
    for (; release; release = release->base) {
        const map *m = which == 0 ? release->elements : which == 1 ? release->composites : release->segments;
        void *found = map_get(m, key);
        if (found) return found;
    }
    return NULL;
}

/* "353!", "C040*5", "AN1-30!": an element, a composite or a type of its own; then a name, codes, "unused". */
static error *read_slot(line_reader *in, const edi_release *release, edi_slot *slot) {
    span word, key;
    bool quoted;
    *slot = (edi_slot){.repeat = 1};
    if (!schema_next_word(&in->rest, &word, &quoted)) return schema_complain(in, "an empty place", nothing);
    key = word;
    for (bool again = true; again && key.len > 0;) {
        again = false;
        const char *star = memchr(key.data, '*', key.len);
        if (key.data[key.len - 1] == '!') {
            slot->mandatory = true;
            key.len--;
            again = true;
        } else if (star) {
            uint64_t times;
            span digits = span_make(star + 1, key.len - (size_t)(star - key.data) - 1);
            if (digits.len == 0) {
                times = EDI_UNLIMITED;
            } else if (!span_to_u64(digits, 1, 1000000, &times)) {
                return schema_complain(in, "no number of repetitions:", digits);
            }
            slot->repeat = (unsigned)times;
            key.len = (size_t)(star - key.data);
            again = true;
        }
    }
    slot->element = find_in(release, 0, key);
    if (!slot->element) slot->composite = find_in(release, 1, key);
    if (!slot->element && !slot->composite) {
        edi_element_type *own = arena_alloc(in->memory, sizeof *own);
        if (key.len == 0 || (key.data[0] >= '0' && key.data[0] <= '9') || !read_type(key, own))
            return schema_complain(in, "neither an element or composite of this release nor a type:", key);
        own->name = "";
        slot->element = own;
    }
    const char *name = schema_read_name(in);
    if (strcmp(name, "unused") == 0) {
        slot->unused = true;
        name = "";
    }
    slot->name = name[0] ? name : slot->element ? slot->element->name : slot->composite->name;
    return schema_peek_is(in->rest, "{") ? schema_read_codes(in, &slot->codes) : NULL;
}

/* "P0304": a letter and pairs of digits. D1 to D7 of EDIFACT are written with the letters 1 P R E C L N. */
static bool read_note(span word, edi_note *note) {
    if (word.len < 5 || word.len % 2 == 0 || !strchr("PRECL1N", word.data[0])) return false;
    *note = (edi_note){.kind = word.data[0]};
    for (size_t i = 1; i < word.len; i += 2) {
        uint64_t position;
        if (!span_to_u64(span_make(word.data + i, 2), 1, SLOTS_MAX, &position)) return false;
        if (i == 1) note->first = (unsigned char)position;
        note->members |= UINT64_C(1) << position;
    }
    return true;
}

static error *read_notes(line_reader *in, edi_note *notes, size_t *count, size_t slots) {
    span word;
    bool quoted;
    while (!schema_peek_is(in->rest, "|") && schema_next_word(&in->rest, &word, &quoted)) {
        if (*count == NOTES_MAX || !read_note(word, &notes[*count]))
            return schema_complain(in, "no syntax note:", word);
        if (notes[*count].members >> (slots + 1))
            return schema_complain(in, "this note names a place that does not exist:", word);
        notes[*count].text = arena_spandup(in->memory, word);
        ++*count;
    }
    return NULL;
}

static error *read_slots(line_reader *in, const edi_release *release, edi_slots *slots) {
    edi_slot list[SLOTS_MAX];
    edi_note notes[NOTES_MAX];
    size_t count = 0, note_count = 0;
    span word;
    bool quoted, open = false;
    error *err = NULL;
    while (!err && schema_next_word(&in->rest, &word, &quoted)) {
        if (!span_is(word, "|") || quoted) return schema_complain(in, "| expected, not", word);
        if (schema_peek_is(in->rest, "...")) {
            schema_next_word(&in->rest, &word, &quoted);
            open = true;
        } else if (schema_peek_is(in->rest, "note")) {
            schema_next_word(&in->rest, &word, &quoted);
            err = read_notes(in, notes, &note_count, count);
        } else if (count == SLOTS_MAX) {
            err = schema_complain(in, "too many places", nothing);
        } else {
            err = read_slot(in, release, &list[count++]);
        }
    }
    if (err) return err;
    edi_slot *kept = arena_alloc(in->memory, (count + 1) * sizeof *kept);
    edi_note *kept_notes = arena_alloc(in->memory, (note_count + 1) * sizeof *kept_notes);
    memcpy(kept, list, count * sizeof *kept);
    memcpy(kept_notes, notes, note_count * sizeof *kept_notes);
    *slots = (edi_slots){.list = kept, .count = count, .notes = kept_notes, .note_count = note_count, .open = open};
    for (size_t i = 0; i < count; i++) {
        if (kept[i].mandatory) slots->mandatory |= UINT64_C(2) << i;
    }
    return NULL;
}

static error *read_composite(line_reader *in, edi_release *release) {
    span code;
    bool quoted;
    if (!schema_next_word(&in->rest, &code, &quoted)) return schema_complain(in, "a composite needs its code", nothing);
    edi_composite_type *composite = arena_alloc(in->memory, sizeof *composite);
    composite->code = arena_spandup(in->memory, code);
    composite->name = schema_read_name(in);
    error *err = read_slots(in, release, &composite->slots);
    if (err) return err;
    for (size_t i = 0; i < composite->slots.count; i++) {
        if (composite->slots.list[i].composite) return schema_complain(in, "a composite inside a composite:", code);
    }
    if (map_put(release->composites, code, composite)) return schema_complain(in, "this composite stands twice:", code);
    return NULL;
}

static error *read_segment(line_reader *in, edi_release *release) {
    span tag;
    bool quoted;
    if (!schema_next_word(&in->rest, &tag, &quoted) || tag.len < 2 || tag.len > 3)
        return schema_complain(in, "a segment needs its tag of two or three characters", nothing);
    edi_segment_type *segment = arena_alloc(in->memory, sizeof *segment);
    memcpy(segment->tag, tag.data, tag.len);
    segment->key = edi_tag_of(tag);
    segment->name = schema_read_name(in);
    error *err = read_slots(in, release, &segment->slots);
    if (err) return err;
    const edi_slots *slots = &segment->slots;
    for (size_t i = 0; i + 1 < slots->count && segment->period == 0; i++) {
        const edi_element_type *format = slots->list[i].element, *date = slots->list[i + 1].element;
        if (format && date && format->number == 1250 && date->number == 1251) segment->period = (unsigned)i + 1;
    }
    if (map_put(release->segments, tag, segment)) return schema_complain(in, "this segment stands twice:", tag);
    return NULL;
}

/* What a release defines itself, as bits by number and code: a quick "no" for almost everything that it inherits. */
enum { CHANGED_BITS = 10048 };

typedef struct changed {
    uint64_t elements[CHANGED_BITS / 64], composites[CHANGED_BITS / 64];
} changed;

static unsigned code_bit(const char *code) {
    unsigned bit = 0;
    for (; *code; code++)
        bit = bit * 31 + (unsigned char)*code;
    return bit % CHANGED_BITS;
}

static void note_changed(const edi_release *release, changed *own) {
    span key;
    void *value;
    memset(own, 0, sizeof *own);
    for (size_t cursor = 0; map_next(release->elements, &cursor, &key, &value);) {
        unsigned bit = ((const edi_element_type *)value)->number % CHANGED_BITS;
        own->elements[bit / 64] |= UINT64_C(1) << bit % 64;
    }
    for (size_t cursor = 0; map_next(release->composites, &cursor, &key, &value);) {
        unsigned bit = code_bit(((const edi_composite_type *)value)->code);
        own->composites[bit / 64] |= UINT64_C(1) << bit % 64;
    }
}

static bool may_hold(const changed *own, const edi_slots *slots) {
    for (size_t i = 0; i < slots->count; i++) {
        const edi_slot *slot = &slots->list[i];
        unsigned bit = slot->element ? slot->element->number % CHANGED_BITS : code_bit(slot->composite->code);
        const uint64_t *bits = slot->element ? own->elements : own->composites;
        if (bits[bit / 64] >> bit % 64 & 1) return true;
    }
    return false;
}

/* A copy of the slots whose elements and composites are those of `release`; NULL when they are all its own already. */
static const edi_slot *rebound(arena *memory, const edi_release *release, const edi_slots *slots) {
    edi_slot *own = NULL;
    for (size_t i = 0; i < slots->count; i++) {
        const edi_slot *slot = &slots->list[i];
        char number[16];
        snprintf(number, sizeof number, "%u", slot->element ? slot->element->number : 0);
        span key = span_of(slot->element ? number : slot->composite->code);
        const void *now = map_get(slot->element ? release->elements : release->composites, key);
        if (!now) continue;
        if (!own) {
            own = arena_alloc(memory, slots->count * sizeof *own);
            memcpy(own, slots->list, slots->count * sizeof *own);
        }
        const char *name = slot->element ? slot->element->name : slot->composite->name;
        if (slot->element)
            own[i].element = now;
        else
            own[i].composite = now;
        if (slot->name == name) own[i].name = slot->element ? own[i].element->name : own[i].composite->name;
    }
    return own;
}

/* What a release has from the one below, but for whose parts it has definitions of its own: composites made of them,
 * then segments made of them and of those composites. */
static void renew_inherited(arena *memory, edi_release *release) {
    span key;
    void *value;
    changed own_parts;
    if (map_count(release->elements) + map_count(release->composites) == 0) return;
    note_changed(release, &own_parts);
    for (const edi_release *below = release->base; below; below = below->base) {
        for (size_t cursor = 0; map_next(below->composites, &cursor, &key, &value);) {
            const edi_composite_type *composite = value;
            if (!may_hold(&own_parts, &composite->slots)) continue;
            const edi_slot *list =
                find_in(release, 1, key) == value ? rebound(memory, release, &composite->slots) : NULL;
            if (!list) continue;
            edi_composite_type *own = arena_alloc(memory, sizeof *own);
            *own = *composite;
            own->slots.list = list;
            map_put(release->composites, key, own);
        }
    }
    note_changed(release, &own_parts); /* the renewed composites, too */
    for (const edi_release *below = release->base; below; below = below->base) {
        for (size_t cursor = 0; map_next(below->segments, &cursor, &key, &value);) {
            const edi_segment_type *segment = value;
            if (!may_hold(&own_parts, &segment->slots)) continue;
            const edi_slot *list = find_in(release, 2, key) == value ? rebound(memory, release, &segment->slots) : NULL;
            if (!list) continue;
            edi_segment_type *own = arena_alloc(memory, sizeof *own);
            *own = *segment;
            own->slots.list = list;
            map_put(release->segments, key, own);
        }
    }
}

error *schema_read_release(
    arena *memory, const schema_section *section, const edi_release *base, edi_release *release) {
    line_reader in = {.memory = memory, .section = section, .line = section->line};
    span text = section->text, heading, word;
    size_t indent;
    bool quoted;
    error *err = NULL;
    release->base = base;
    if (!span_split(&text, '\n', &heading)) return NULL;
    while (!err && schema_next_line(&in, &text, &indent)) {
        schema_next_word(&in.rest, &word, &quoted);
        if (span_is(word, "element")) {
            err = read_element(&in, release);
        } else if (span_is(word, "composite")) {
            err = read_composite(&in, release);
        } else if (span_is(word, "segment")) {
            err = read_segment(&in, release);
        } else {
            err = schema_complain(&in, "element, composite or segment expected, not", word);
        }
    }
    if (!err) renew_inherited(memory, release);
    return err;
}

const edi_segment_type *edi_release_segment(const edi_release *release, span tag) {
    return find_in(release, 2, tag);
}
