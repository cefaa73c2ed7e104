/* edi/schema_text.c: see schema_text.h. One line is one thing; what is wrong is told with file and line. */
#include "edi/schema_text.h"

#include <stdio.h>
#include <stdlib.h>

enum { SLOTS_MAX = 63, NODES_MAX = 20000, CODES_MAX = 20000, NOTES_MAX = 40 };

/* A line being read. */
typedef struct line_reader {
    arena *memory;
    const schema_section *section;
    unsigned line;
    span rest;
} line_reader;

static error *complain(const line_reader *in, const char *what, span word) {
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
static bool next_word(span *rest, span *word, bool *quoted) {
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

static bool peek_is(span rest, const char *text) {
    span word;
    bool quoted;
    return next_word(&rest, &word, &quoted) && !quoted && span_is(word, text);
}

/* The next line of the section that holds anything, without its comment and its end; *indent counts blanks. */
static bool next_line(line_reader *in, span *text, size_t *indent) {
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
    if (!span_split(&rest, '\n', &line)) return complain(&in, "no heading", nothing);
    line = span_trim(line);
    if (!next_word(&line, &word, &quoted)) return complain(&in, "no heading", nothing);
    KEEP(heading->kind, word);
    if (strcmp(heading->kind, "overlay") == 0) {
        if (!next_word(&line, &word, &quoted)) return complain(&in, "an overlay needs a name", nothing);
        KEEP(heading->name, word);
        if (!next_word(&line, &word, &quoted) || !span_is(word, "of"))
            return complain(&in, "\"of\" and the schema that it changes must follow the overlay's name", nothing);
    }
    if (!next_word(&line, &word, &quoted) || (heading->standard = edi_standard_named(word)) == EDI_NONE)
        return complain(&in, "X12, EDIFACT or TRADACOMS is missing", nothing);
    if (!next_word(&line, &word, &quoted)) return complain(&in, "the version is missing", nothing);
    KEEP(heading->version, word);
    if (strcmp(heading->kind, "release") != 0) {
        if (!next_word(&line, &word, &quoted)) return complain(&in, "the document type is missing", nothing);
        KEEP(heading->type, word);
    }
    while (next_word(&line, &word, &quoted)) {
        span value;
        bool value_quoted;
        if (quoted) {
            heading->title = word;
        } else if (!next_word(&line, &value, &value_quoted)) {
            return complain(&in, "a value is missing behind", word);
        } else if (span_is(word, "group")) {
            KEEP(heading->group, value);
        } else if (span_is(word, "from")) {
            KEEP(heading->base, value);
        } else if (span_is(word, "checked")) {
            heading->checked = value;
        } else {
            return complain(&in, "unknown word in a heading:", word);
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
static error *read_codes(line_reader *in, edi_codes *codes) {
    span word;
    bool quoted;
    if (!next_word(&in->rest, &word, &quoted) || !span_is(word, "{")) return complain(in, "{ expected", nothing);
    const char *close = in->rest.len ? memchr(in->rest.data, '}', in->rest.len) : NULL;
    if (!close) return complain(in, "} is missing", nothing);
    span list = span_make(in->rest.data, (size_t)(close - in->rest.data)), one;
    in->rest = span_make(close + 1, in->rest.len - list.len - 1);
    size_t count = list.len > 0 ? edi_part_count(list, ',', 0) : 0;
    if (count == 0) return complain(in, "an empty list of codes", nothing);
    if (count > CODES_MAX) return complain(in, "too many codes", nothing);
    edi_code *all = arena_alloc(in->memory, count * sizeof *all);
    codes->closed = true;
    codes->count = 0;
    while (span_split(&list, ',', &one)) {
        one = span_trim(one);
        if (span_is(one, "...")) {
            codes->closed = false;
            continue;
        }
        size_t len = 0;
        while (len < one.len && one.data[len] != ' ')
            len++;
        if (len == 0) return complain(in, "an empty code", nothing);
        all[codes->count++] =
            (edi_code){.code = span_make(one.data, len), .gloss = span_trim(span_make(one.data + len, one.len - len))};
    }
    qsort(all, codes->count, sizeof *all, compare_codes);
    for (size_t i = 1; i < codes->count; i++) {
        if (span_equal(all[i].code, all[i - 1].code)) return complain(in, "this code stands twice:", all[i].code);
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
static bool read_lengths(span text, edi_element_type *element) {
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
        return read_lengths(span_make(text.data + 3, text.len - 3), element);
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        span prefix = span_of(types[i].prefix);
        if (!span_starts(text, prefix)) continue;
        element->type = types[i].type;
        return read_lengths(span_make(text.data + prefix.len, text.len - prefix.len), element);
    }
    return false;
}

/* Words up to a brace, a bar or the end, as one text. */
static const char *read_name(line_reader *in) {
    span word, probe = in->rest;
    bool quoted;
    skip_blanks(&probe);
    const char *from = probe.data, *to = from;
    while (probe.len > 0 && next_word(&probe, &word, &quoted)) {
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
    if (!next_word(&in->rest, &number, &quoted) || !span_to_u64(number, 1, 99999, &value))
        return complain(in, "an element needs its number", nothing);
    edi_element_type *element = arena_alloc(in->memory, sizeof *element);
    element->number = (unsigned)value;
    if (!next_word(&in->rest, &type, &quoted) || !read_type(type, element))
        return complain(in, "no type that is known:", type);
    element->name = read_name(in);
    if (peek_is(in->rest, "{")) {
        error *err = read_codes(in, &element->codes);
        if (err) return err;
    }
    if (map_put(release->elements, number, element)) return complain(in, "this element stands twice:", number);
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
    if (!next_word(&in->rest, &word, &quoted)) return complain(in, "an empty place", nothing);
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
                return complain(in, "no number of repetitions:", digits);
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
            return complain(in, "neither an element or composite of this release nor a type:", key);
        own->name = "";
        slot->element = own;
    }
    const char *name = read_name(in);
    if (strcmp(name, "unused") == 0) {
        slot->unused = true;
        name = "";
    }
    slot->name = name[0] ? name : slot->element ? slot->element->name : slot->composite->name;
    return peek_is(in->rest, "{") ? read_codes(in, &slot->codes) : NULL;
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
    while (!peek_is(in->rest, "|") && next_word(&in->rest, &word, &quoted)) {
        if (*count == NOTES_MAX || !read_note(word, &notes[*count])) return complain(in, "no syntax note:", word);
        if (notes[*count].members >> (slots + 1))
            return complain(in, "this note names a place that does not exist:", word);
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
    bool quoted;
    error *err = NULL;
    while (!err && next_word(&in->rest, &word, &quoted)) {
        if (!span_is(word, "|") || quoted) return complain(in, "| expected, not", word);
        if (peek_is(in->rest, "note")) {
            next_word(&in->rest, &word, &quoted);
            err = read_notes(in, notes, &note_count, count);
        } else if (count == SLOTS_MAX) {
            err = complain(in, "too many places", nothing);
        } else {
            err = read_slot(in, release, &list[count++]);
        }
    }
    if (err) return err;
    edi_slot *kept = arena_alloc(in->memory, (count + 1) * sizeof *kept);
    edi_note *kept_notes = arena_alloc(in->memory, (note_count + 1) * sizeof *kept_notes);
    memcpy(kept, list, count * sizeof *kept);
    memcpy(kept_notes, notes, note_count * sizeof *kept_notes);
    *slots = (edi_slots){.list = kept, .count = count, .notes = kept_notes, .note_count = note_count};
    for (size_t i = 0; i < count; i++) {
        if (kept[i].mandatory) slots->mandatory |= UINT64_C(2) << i;
    }
    return NULL;
}

static error *read_composite(line_reader *in, edi_release *release) {
    span code;
    bool quoted;
    if (!next_word(&in->rest, &code, &quoted)) return complain(in, "a composite needs its code", nothing);
    edi_composite_type *composite = arena_alloc(in->memory, sizeof *composite);
    composite->code = arena_spandup(in->memory, code);
    composite->name = read_name(in);
    error *err = read_slots(in, release, &composite->slots);
    if (err) return err;
    for (size_t i = 0; i < composite->slots.count; i++) {
        if (composite->slots.list[i].composite) return complain(in, "a composite inside a composite:", code);
    }
    if (map_put(release->composites, code, composite)) return complain(in, "this composite stands twice:", code);
    return NULL;
}

static error *read_segment(line_reader *in, edi_release *release) {
    span tag;
    bool quoted;
    if (!next_word(&in->rest, &tag, &quoted) || tag.len < 2 || tag.len > 3)
        return complain(in, "a segment needs its tag of two or three characters", nothing);
    edi_segment_type *segment = arena_alloc(in->memory, sizeof *segment);
    memcpy(segment->tag, tag.data, tag.len);
    segment->key = edi_tag_of(tag);
    segment->name = read_name(in);
    error *err = read_slots(in, release, &segment->slots);
    if (err) return err;
    if (map_put(release->segments, tag, segment)) return complain(in, "this segment stands twice:", tag);
    return NULL;
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
    while (!err && next_line(&in, &text, &indent)) {
        next_word(&in.rest, &word, &quoted);
        if (span_is(word, "element")) {
            err = read_element(&in, release);
        } else if (span_is(word, "composite")) {
            err = read_composite(&in, release);
        } else if (span_is(word, "segment")) {
            err = read_segment(&in, release);
        } else {
            err = complain(&in, "element, composite or segment expected, not", word);
        }
    }
    return err;
}

const edi_segment_type *edi_release_segment(const edi_release *release, span tag) {
    return find_in(release, 2, tag);
}

/* ---------------------------------------------------------------------------------------------------- document types
 */

typedef struct flat_node {
    edi_node node;
    size_t indent;
    bool loop;
} flat_node;

/* "1", "0-1", "0-", "1-200". */
static bool read_count(span word, edi_node *node) {
    uint64_t low, high;
    span rest = word, part;
    if (!span_split(&rest, '-', &part) || !span_to_u64(part, 0, EDI_UNLIMITED, &low)) return false;
    high = low;
    if (rest.data && rest.len == 0) {
        high = EDI_UNLIMITED;
    } else if (rest.data && !span_to_u64(rest, low, EDI_UNLIMITED, &high)) {
        return false;
    }
    if (high == 0) return false;
    node->min = (unsigned)low;
    node->max = (unsigned)high;
    return true;
}

/* "by 01 {ST, BT}" or "by 01-2 {..}": the element (and component) that chooses this place. */
static error *read_qualifier(line_reader *in, edi_node *node) {
    span word, rest, part;
    bool quoted;
    uint64_t element, component = 1;
    if (!next_word(&in->rest, &word, &quoted)) return complain(in, "an element's position must follow \"by\"", nothing);
    rest = word;
    span_split(&rest, '-', &part);
    if (!span_to_u64(part, 1, SLOTS_MAX, &element) || (rest.data && !span_to_u64(rest, 1, SLOTS_MAX, &component)))
        return complain(in, "no position:", word);
    node->qualifier = (unsigned)element;
    node->qualifier_component = (unsigned)component;
    return read_codes(in, &node->qualifiers);
}

static error *read_node(line_reader *in, const edi_release *release, flat_node *flat) {
    span tag, count, word;
    bool quoted;
    error *err = NULL;
    edi_node *node = &flat->node;
    node->line = in->line;
    if (!next_word(&in->rest, &tag, &quoted)) return complain(in, "a tag expected", nothing);
    flat->loop = span_is(tag, "loop");
    if (flat->loop && !next_word(&in->rest, &tag, &quoted)) return complain(in, "a loop needs its tag", nothing);
    node->segment = edi_release_segment(release, tag);
    if (!node->segment) return complain(in, "the release has no segment", tag);
    node->key = node->segment->key;
    node->name = node->segment->tag;
    if (!next_word(&in->rest, &count, &quoted) || !read_count(count, node))
        return complain(in, "how often? 1, 0-1, 0- or 1-200 expected, not", count);
    while (!err && next_word(&in->rest, &word, &quoted)) {
        if (span_is(word, "by")) {
            err = read_qualifier(in, node);
        } else if (span_is(word, "as") && next_word(&in->rest, &word, &quoted)) {
            node->name = arena_spandup(in->memory, word);
        } else if (quoted) {
            node->reason = arena_spandup(in->memory, word);
        } else {
            err = complain(in, "unexpected", word);
        }
    }
    return err;
}

/* Turns the flat list into trees: children of one parent lie side by side. Depth is bounded by the reader above. */
static void build_children(arena *memory, edi_node *parent, const flat_node *list, size_t count, unsigned *id) {
    size_t children = 0;
    for (size_t i = 0; i < count; i++)
        children += list[i].indent == list[0].indent;
    edi_node *all = arena_alloc(memory, (children + 1) * sizeof *all);
    uint32_t *keys = arena_alloc(memory, (children + 1) * sizeof *keys);
    parent->children = all;
    parent->child_keys = keys;
    parent->child_count = children;
    unsigned first_id = *id;
    *id += (unsigned)children;
    size_t at = 0;
    for (size_t i = 0; i < children; i++) {
        size_t end = at + 1;
        while (end < count && list[end].indent > list[0].indent)
            end++;
        all[i] = list[at].node;
        all[i].parent = parent;
        keys[i] = all[i].key;
        all[i].index = i;
        all[i].id = first_id + (unsigned)i;
        all[i].depth = parent->depth + 1;
        if (all[i].min > 0) parent->last_mandatory = i + 1;
        if (list[at].loop) build_children(memory, &all[i], list + at + 1, end - at - 1, id);
        at = end;
    }
}

/* Indentation must make sense: only loops have lines below them, and a loop begins with its own tag. */
static error *check_shape(line_reader *in, const flat_node *list, size_t count) {
    size_t stack[EDI_DEPTH_MAX + 1], depth = 0;
    for (size_t i = 0; i < count; i++) {
        in->line = list[i].node.line;
        span tag = span_of(list[i].node.segment->tag);
        if (i == 0) {
            stack[depth++] = list[0].indent;
        } else if (list[i].indent > list[i - 1].indent) {
            if (!list[i - 1].loop) return complain(in, "indented, but the line above is no loop:", tag);
            if (depth == EDI_DEPTH_MAX) return complain(in, "loops nest too deep at", tag);
            stack[depth++] = list[i].indent;
        } else {
            while (depth > 0 && stack[depth - 1] > list[i].indent)
                depth--;
            if (depth == 0 || stack[depth - 1] != list[i].indent)
                return complain(in, "indentation fits no line above:", tag);
        }
        if (list[i].loop) {
            bool trigger = i + 1 < count && list[i + 1].indent > list[i].indent && !list[i + 1].loop &&
                           list[i + 1].node.key == list[i].node.key && list[i + 1].node.min == 1;
            if (!trigger) return complain(in, "a loop begins with its own segment, which stands there once: loop", tag);
        }
    }
    return NULL;
}

/* Two places in a row for the same tag with nothing mandatory between them: which one a segment means could only be
 * told by counting. Qualifiers that share no code tell them apart. */
static bool may_clash(const edi_node *a, const edi_node *b) {
    if (a->key != b->key) return false;
    if (!a->qualifier || !b->qualifier) return a->qualifier == b->qualifier;
    if (a->qualifier != b->qualifier || a->qualifier_component != b->qualifier_component) return true;
    for (size_t i = 0; i < a->qualifiers.count; i++) {
        if (edi_codes_find(&b->qualifiers, a->qualifiers.list[i].code)) return true;
    }
    return false;
}

static error *check_ambiguity(line_reader *in, const edi_node *parent) {
    for (size_t i = 0; i < parent->child_count; i++) {
        const edi_node *first = &parent->children[i];
        if (first->children) {
            error *err = check_ambiguity(in, first);
            if (err) return err;
        }
        for (size_t k = i + 1; k < parent->child_count; k++) {
            const edi_node *second = &parent->children[k];
            bool both_loops = first->children && second->children;
            if (both_loops && may_clash(first, second)) {
                in->line = second->line;
                return complain(in, "which of two loops a segment opens cannot be told (by qualifiers they could):",
                    span_of(second->segment->tag));
            }
            if (second->min > 0) break;
        }
    }
    return NULL;
}

error *schema_read_document(
    arena *memory, const schema_section *section, const edi_release *release, edi_schema **out) {
    line_reader in = {.memory = memory, .section = section, .line = section->line};
    schema_heading heading;
    error *err = schema_read_heading(section, &heading);
    if (err) return err;
    span text = section->text, first;
    size_t indent, count = 0, room = 64;
    flat_node *list = xcalloc(room, sizeof *list);
    span_split(&text, '\n', &first);
    while (!err && next_line(&in, &text, &indent)) {
        if (count == NODES_MAX) {
            err = complain(&in, "too many lines", nothing);
            break;
        }
        if (count == room) {
            list = xreallocarray(list, room * 2, sizeof *list);
            memset(list + room, 0, room * sizeof *list);
            room *= 2;
        }
        list[count].indent = indent;
        err = read_node(&in, release, &list[count++]);
    }
    if (!err && count == 0) {
        in.line = section->line;
        err = complain(&in, "no segment in", span_of(heading.type));
    }
    if (!err) err = check_shape(&in, list, count);
    if (!err) {
        edi_schema *schema = arena_alloc(memory, sizeof *schema);
        unsigned id = 0;
        *schema = (edi_schema){.standard = heading.standard,
            .version = arena_strdup(memory, heading.version),
            .type = arena_strdup(memory, heading.type),
            .title = arena_spandup(memory, heading.title),
            .group = heading.group[0] ? arena_strdup(memory, heading.group) : NULL,
            .checked = arena_spandup(memory, heading.checked),
            .source = section->source,
            .release = release};
        schema->root = (edi_node){.min = 1, .max = 1, .name = ""};
        build_children(memory, &schema->root, list, count, &id);
        schema->node_count = id;
        err = check_ambiguity(&in, &schema->root);
        *out = schema;
    }
    free(list);
    return err;
}
