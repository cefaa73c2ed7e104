/* edi/schema_overlay.c: what a guide or a partner changes: places of a segment that are narrowed where it stands, and
 * overlays, whose lines name places of the document below and say only what differs. See schemas/README.md.
 */
#include "edi/schema_line.h"

#include <stdio.h>

static const span nothing = {NULL, 0};

/* --------------------------------------------------------------------------------------------------- narrowed places
 */

static uint64_t mandatory_of(const edi_slot *list, size_t count) {
    uint64_t mask = 0;
    for (size_t i = 0; i < count; i++)
        mask |= list[i].mandatory ? UINT64_C(2) << i : 0;
    return mask;
}

/* The slots as ones of their own, which may be changed. */
static edi_slot *own_slots(arena *memory, edi_slots *slots) {
    edi_slot *list = arena_alloc(memory, (slots->count + 1) * sizeof *list);
    if (slots->count > 0) memcpy(list, slots->list, slots->count * sizeof *list);
    slots->list = list;
    return list;
}

/* "02", "02!", "02-1?": element, component, mandatory or optional now. */
static bool read_place(span word, unsigned *element, unsigned *component, char *mark) {
    span rest = word, part;
    uint64_t value;
    *mark = 0;
    *component = 0;
    if (rest.len > 0 && (rest.data[rest.len - 1] == '!' || rest.data[rest.len - 1] == '?'))
        *mark = rest.data[--rest.len];
    if (!span_split(&rest, '-', &part) || !span_to_u64(part, 1, SLOTS_MAX, &value)) return false;
    *element = (unsigned)value;
    if (!rest.data) return true;
    if (!span_to_u64(rest, 1, SLOTS_MAX, &value)) return false;
    *component = (unsigned)value;
    return true;
}

static error *change_slot(line_reader *in, edi_slot *slot) {
    span word;
    bool quoted;
    while (!schema_peek_is(in->rest, "|")) {
        if (schema_peek_is(in->rest, "{")) {
            error *err = schema_read_codes(in, &slot->codes);
            if (err) return err;
            slot->guided = true;
            continue;
        }
        if (!schema_next_word(&in->rest, &word, &quoted)) break;
        edi_element_type lengths = {0};
        uint64_t times;
        if (quoted) {
            slot->reason = arena_spandup(in->memory, word);
        } else if (span_is(word, "unused")) {
            slot->unused = true;
            slot->mandatory = false;
        } else if (word.data[0] == '*' && span_to_u64(span_make(word.data + 1, word.len - 1), 1, 1000000, &times)) {
            slot->repeat = (unsigned)times;
        } else if (schema_read_lengths(word, &lengths)) {
            slot->min = lengths.min;
            slot->max = lengths.max;
        } else {
            return schema_complain(in, "unused, a length, *repetitions, {codes} or a \"reason\" expected, not", word);
        }
    }
    return NULL;
}

error *schema_read_overrides(line_reader *in, const edi_segment_type **segment) {
    edi_segment_type *own = arena_alloc(in->memory, sizeof *own);
    uint64_t owned = 0; /* composites that are ours already */
    span word;
    bool quoted;
    *own = **segment;
    edi_slot *list = own_slots(in->memory, &own->slots);
    while (schema_next_word(&in->rest, &word, &quoted)) {
        unsigned element, component;
        char mark;
        if (!span_is(word, "|") || quoted) return schema_complain(in, "| expected, not", word);
        if (!schema_next_word(&in->rest, &word, &quoted) || !read_place(word, &element, &component, &mark))
            return schema_complain(in, "a place such as 02, 02! or 02-1? expected, not", word);
        if (element > own->slots.count) return schema_complain(in, "the segment has no such place:", word);
        edi_slot *slot = &list[element - 1];
        edi_slots *holder = &own->slots;
        if (component > 0) {
            if (!slot->composite || component > slot->composite->slots.count)
                return schema_complain(in, "the segment has no such component:", word);
            if (!(owned >> element & 1)) {
                edi_composite_type *composite = arena_alloc(in->memory, sizeof *composite);
                *composite = *slot->composite;
                own_slots(in->memory, &composite->slots);
                slot->composite = composite;
                owned |= UINT64_C(1) << element;
            }
            /* ours since own_slots() and nobody else's yet: to be written to */
            holder = &((edi_composite_type *)(uintptr_t)slot->composite)->slots;
            slot = &((edi_slot *)(uintptr_t)holder->list)[component - 1];
        }
        if (mark) slot->mandatory = mark == '!';
        if (mark) slot->unused = false;
        error *err = change_slot(in, slot);
        if (err) return err;
        holder->mandatory = mandatory_of(holder->list, holder->count);
    }
    *segment = own;
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------------ overlays
 */

/* The node behind the one at `at` and what lies below it. */
static size_t end_of(const flat_list *nodes, size_t at) {
    size_t end = at + 1;
    while (end < nodes->count && nodes->list[end].indent > nodes->list[at].indent)
        end++;
    return end;
}

/* Takes `code` out of the codes that choose the node at `at`, and puts a copy of the node, chosen by it alone, before
 * it.
 */
static error *split_node(line_reader *in, flat_list *nodes, size_t at, span code) {
    size_t count = end_of(nodes, at) - at;
    error *err = schema_insert(in, nodes, at, count);
    if (err) return err;
    memcpy(&nodes->list[at], &nodes->list[at + count], count * sizeof *nodes->list);
    edi_node *special = &nodes->list[at].node, *general = &nodes->list[at + count].node;
    edi_code *only = arena_alloc(in->memory, sizeof *only);
    const edi_code *known = edi_codes_find(&general->qualifiers, code);
    *only = known ? *known : (edi_code){.code = arena_copy(in->memory, code)};
    if (!general->qualifier) {
        special->qualifier = special->qualifier_component = 1;
    } else {
        edi_code *others = arena_alloc(in->memory, (general->qualifiers.count + 1) * sizeof *others);
        size_t kept = 0;
        for (size_t i = 0; i < general->qualifiers.count; i++) {
            if (!span_equal(general->qualifiers.list[i].code, code)) others[kept++] = general->qualifiers.list[i];
        }
        general->qualifiers.list = others;
        general->qualifiers.count = kept;
    }
    special->qualifiers = (edi_codes){.list = only, .count = 1, .closed = true};
    special->min = 0;
    return NULL;
}

/* One step of a path: a tag or the name of a loop, perhaps with the code that chooses it. */
static error *find_step(line_reader *in, flat_list *nodes, size_t from, size_t to, span step, size_t *at) {
    span name = step, code = nothing;
    const char *bracket = step.len ? memchr(step.data, '[', step.len) : NULL;
    if (bracket && step.data[step.len - 1] == ']') {
        name.len = (size_t)(bracket - step.data);
        code = span_make(bracket + 1, step.len - name.len - 2);
    }
    size_t found = SIZE_MAX, general = SIZE_MAX;
    unsigned matches = 0;
    for (size_t i = from; i < to; i = end_of(nodes, i)) {
        const edi_node *node = &nodes->list[i].node;
        if (!span_is(name, node->segment->tag) && !span_is(name, node->name)) continue;
        if (code.len > 0) {
            bool has = node->qualifier && edi_codes_find(&node->qualifiers, code);
            if (has && node->qualifiers.count == 1) {
                *at = i;
                return NULL;
            }
            if (has || (!node->qualifier && general == SIZE_MAX)) general = i;
        } else {
            if (matches++ == 0) found = i;
        }
    }
    if (code.len > 0 && general != SIZE_MAX) {
        *at = general;
        return split_node(in, nodes, general, code);
    }
    if (matches == 1) {
        *at = found;
        return NULL;
    }
    return schema_complain(in,
        matches ? "this names several places: say which by its code in brackets:"
                : "the document below has no such place:",
        step);
}

static error *find_path(line_reader *in, flat_list *nodes, span path, size_t *at) {
    size_t from = 0, to = nodes->count;
    span step;
    *at = 0;
    while (span_split(&path, '/', &step)) {
        size_t before = nodes->count;
        if (from >= to) return schema_complain(in, "nothing lies below the place above", step);
        error *err = find_step(in, nodes, from, to, step, at);
        if (err) return err;
        to += nodes->count - before; /* a split made it longer */
        from = *at + 1;
        to = end_of(nodes, *at) < to ? end_of(nodes, *at) : to;
    }
    return NULL;
}

static error *change_place(line_reader *in, flat_list *nodes, span path) {
    size_t at;
    span word;
    bool quoted;
    error *err = find_path(in, nodes, path, &at);
    if (err) return err;
    flat_node *flat = &nodes->list[at];
    while (!schema_peek_is(in->rest, "|") && schema_next_word(&in->rest, &word, &quoted)) {
        edi_node *node = &flat->node;
        if (quoted) {
            node->reason = arena_spandup(in->memory, word);
        } else if (span_is(word, "forbidden")) {
            node->forbidden = true;
            node->min = 0;
        } else if (span_is(word, "required")) {
            node->forbidden = false;
            node->min = node->min > 0 ? node->min : 1;
        } else if (span_is(word, "optional")) {
            node->forbidden = false;
            node->min = 0;
        } else if (!schema_read_count(word, node)) {
            return schema_complain(in, "forbidden, required, optional, how often or a \"reason\" expected, not", word);
        }
        node->line = in->line;
    }
    if (in->rest.len == 0) return NULL;
    flat_node *trigger = flat->loop ? flat + 1 : flat;
    return schema_read_overrides(in, &trigger->node.segment);
}

/* "add after REF" and the lines below it. `text` moves on over them. */
static error *add_places(line_reader *in, const edi_release *release, flat_list *nodes, span *text, size_t margin) {
    span where, path;
    bool quoted;
    size_t at, indent, base = 0, added = 0;
    if (!schema_next_word(&in->rest, &where, &quoted) || !(span_is(where, "after") || span_is(where, "before")) ||
        !schema_next_word(&in->rest, &path, &quoted))
        return schema_complain(in, "\"add after PLACE\" or \"add before PLACE\" expected", nothing);
    error *err = find_path(in, nodes, path, &at);
    if (err) return err;
    size_t level = nodes->list[at].indent;
    if (span_is(where, "after")) at = end_of(nodes, at);
    for (;;) {
        span ahead = *text;
        line_reader next = *in;
        if (!schema_next_line(&next, &ahead, &indent) || indent <= margin) break;
        *in = next;
        *text = ahead;
        if (added == 0) base = indent;
        err = schema_insert(in, nodes, at + added, 1);
        if (!err) err = schema_read_node(in, release, &nodes->list[at + added]);
        if (err) return err;
        if (indent < base) return schema_complain(in, "indented less than the first line that is added", nothing);
        nodes->list[at + added++].indent = level + indent - base;
    }
    return added ? NULL : schema_complain(in, "nothing is indented below", where);
}

/* "remove PLACE": it is not there any more, with all that lies below it. */
static error *remove_place(line_reader *in, flat_list *nodes) {
    span path;
    bool quoted;
    size_t at;
    if (!schema_next_word(&in->rest, &path, &quoted))
        return schema_complain(in, "which place is to be removed?", nothing);
    error *err = find_path(in, nodes, path, &at);
    if (err) return err;
    if (in->rest.len > 0) return schema_complain(in, "nothing may stand behind the place:", in->rest);
    size_t end = end_of(nodes, at);
    memmove(nodes->list + at, nodes->list + end, (nodes->count - end) * sizeof *nodes->list);
    nodes->count -= end - at;
    return NULL;
}

error *schema_apply_overlay(
    arena *memory, const schema_section *section, const edi_release *release, flat_list *nodes) {
    line_reader in = {.memory = memory, .section = section, .line = section->line};
    span text = section->text, word;
    size_t indent;
    bool quoted;
    error *err = NULL;
    span_split(&text, '\n', &word);
    while (!err && schema_next_line(&in, &text, &indent)) {
        schema_next_word(&in.rest, &word, &quoted);
        if (span_is(word, "add"))
            err = add_places(&in, release, nodes, &text, indent);
        else
            err = span_is(word, "remove") ? remove_place(&in, nodes) : change_place(&in, nodes, word);
    }
    return err;
}
