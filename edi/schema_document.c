/* edi/schema_document.c: document types: lines of segments and loops become a tree, which is then looked through for
 * what could not be told apart. See schema_text.h.
 */
#include "edi/schema_line.h"
#include "edi/schema_quick.h"

#include <stdio.h>
#include <stdlib.h>

static const span nothing = {NULL, 0};

/* "1", "0-1", "0-", "1-200". */
bool schema_read_count(span word, edi_node *node) {
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
    if (!schema_next_word(&in->rest, &word, &quoted))
        return schema_complain(in, "an element's position must follow \"by\"", nothing);
    rest = word;
    span_split(&rest, '-', &part);
    if (!span_to_u64(part, 1, SLOTS_MAX, &element) || (rest.data && !span_to_u64(rest, 1, SLOTS_MAX, &component)))
        return schema_complain(in, "no position:", word);
    node->qualifier = (unsigned)element;
    node->qualifier_component = (unsigned)component;
    return schema_read_codes(in, &node->qualifiers);
}

/* The codes that choose a segment are the codes of that element there: people are told what they mean. */
static void explain_qualifier(line_reader *in, edi_node *node) {
    const edi_slots *slots = &node->segment->slots;
    if (node->qualifier_component > 1 || node->qualifier > slots->count || !slots->list[node->qualifier - 1].element)
        return;
    edi_segment_type *own = arena_alloc(in->memory, sizeof *own);
    edi_slot *list = arena_alloc(in->memory, slots->count * sizeof *list);
    *own = *node->segment;
    memcpy(list, slots->list, slots->count * sizeof *list);
    list[node->qualifier - 1].codes = node->qualifiers;
    own->slots.list = list;
    node->segment = own;
}

error *schema_read_node(line_reader *in, const edi_release *release, flat_node *flat) {
    span tag, count, word;
    bool quoted;
    error *err = NULL;
    edi_node *node = &flat->node;
    node->line = in->line;
    if (!schema_next_word(&in->rest, &tag, &quoted)) return schema_complain(in, "a tag expected", nothing);
    flat->loop = span_is(tag, "loop");
    if (flat->loop && !schema_next_word(&in->rest, &tag, &quoted))
        return schema_complain(in, "a loop needs its tag", nothing);
    node->segment = edi_release_segment(release, tag);
    if (!node->segment) return schema_complain(in, "the release has no segment", tag);
    node->key = node->segment->key;
    node->name = node->segment->tag;
    if (!schema_next_word(&in->rest, &count, &quoted) || !schema_read_count(count, node))
        return schema_complain(in, "how often? 1, 0-1, 0- or 1-200 expected, not", count);
    while (!err && !schema_peek_is(in->rest, "|") && schema_next_word(&in->rest, &word, &quoted)) {
        if (quoted) {
            node->reason = arena_spandup(in->memory, word);
        } else if (span_is(word, "by")) {
            err = read_qualifier(in, node);
        } else if (span_is(word, "as") && schema_next_word(&in->rest, &word, &quoted)) {
            node->name = arena_spandup(in->memory, word);
        } else {
            err = schema_complain(in, "unexpected", word);
        }
    }
    if (!err && node->qualifier && !flat->loop) explain_qualifier(in, node);
    if (err || in->rest.len == 0) return err;
    if (flat->loop) return schema_complain(in, "places are narrowed at the segment that begins the loop, not at", tag);
    return schema_read_overrides(in, &node->segment);
}

error *schema_insert(line_reader *in, flat_list *nodes, size_t at, size_t count) {
    if (nodes->count + count > NODES_MAX) return schema_complain(in, "too many lines", nothing);
    while (nodes->count + count > nodes->room) {
        nodes->room = nodes->room ? nodes->room * 2 : 64;
        nodes->list = xreallocarray(nodes->list, nodes->room, sizeof *nodes->list);
    }
    memmove(nodes->list + at + count, nodes->list + at, (nodes->count - at) * sizeof *nodes->list);
    memset(nodes->list + at, 0, count * sizeof *nodes->list);
    nodes->count += count;
    return NULL;
}

/* "part claim" and the lines indented below it stand for themselves; "use claim" puts them where it stands. */
typedef struct part {
    span name;
    size_t first, count;
} part;

enum { PARTS_MAX = 100 };

static error *use_part(
    line_reader *in, const part *parts, size_t count, flat_list *from, flat_list *to, size_t indent) {
    span name;
    bool quoted;
    if (!schema_next_word(&in->rest, &name, &quoted))
        return schema_complain(in, "use needs the name of a part", nothing);
    for (size_t i = 0; i < count; i++) {
        if (!span_equal(parts[i].name, name)) continue;
        size_t at = to->count;
        error *err = schema_insert(in, to, at, parts[i].count);
        if (err) return err;
        for (size_t k = 0; k < parts[i].count; k++) {
            to->list[at + k] = from->list[parts[i].first + k];
            to->list[at + k].indent += indent - from->list[parts[i].first].indent;
        }
        return NULL;
    }
    return schema_complain(in, "no part above has the name", name);
}

static error *read_lines(line_reader *in, const edi_release *release, flat_list *nodes) {
    span text = in->section->text, word;
    flat_list aside = {0};
    part parts[PARTS_MAX];
    size_t count = 0, indent;
    bool quoted, inside = false;
    error *err = NULL;
    span_split(&text, '\n', &word);
    while (!err && schema_next_line(in, &text, &indent)) {
        inside &= indent > 0;
        if (schema_peek_is(in->rest, "part")) {
            inside = true;
            schema_next_word(&in->rest, &word, &quoted);
            if (count == PARTS_MAX || indent > 0 || !schema_next_word(&in->rest, &word, &quoted)) {
                err = schema_complain(in, "a part needs a name and stands at the margin", nothing);
                break;
            }
            parts[count++] = (part){.name = word, .first = aside.count};
            continue;
        }
        flat_list *into = inside ? &aside : nodes;
        if (schema_peek_is(in->rest, "use")) {
            schema_next_word(&in->rest, &word, &quoted);
            err = use_part(in, parts, inside ? count - 1 : count, &aside, into, indent);
        } else {
            err = schema_insert(in, into, into->count, 1);
            if (!err) {
                into->list[into->count - 1].indent = indent;
                err = schema_read_node(in, release, &into->list[into->count - 1]);
            }
        }
        if (inside) parts[count - 1].count = aside.count - parts[count - 1].first;
    }
    free(aside.list);
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
        all[i].index = all[i].run = i;
        if (i > 0 && keys[i - 1] == keys[i] && all[i - 1].qualifier) all[i].run = all[i - 1].run;
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
            if (!list[i - 1].loop) return schema_complain(in, "indented, but the line above is no loop:", tag);
            if (depth == EDI_DEPTH_MAX) return schema_complain(in, "loops nest too deep at", tag);
            stack[depth++] = list[i].indent;
        } else {
            while (depth > 0 && stack[depth - 1] > list[i].indent)
                depth--;
            if (depth == 0 || stack[depth - 1] != list[i].indent)
                return schema_complain(in, "indentation fits no line above:", tag);
        }
        if (list[i].loop) {
            bool trigger = i + 1 < count && list[i + 1].indent > list[i].indent && !list[i + 1].loop &&
                           list[i + 1].node.key == list[i].node.key && list[i + 1].node.min == 1;
            if (!trigger)
                return schema_complain(in, "a loop begins with its own segment, which stands there once: loop", tag);
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
                return schema_complain(in,
                    "which of two loops a segment opens cannot be told (by qualifiers they could):",
                    span_of(second->segment->tag));
            }
            if (second->min > 0) break;
        }
    }
    return NULL;
}

error *schema_read_document(arena *memory, const schema_heading *heading, const schema_section *sections, size_t count,
    const edi_release *release, edi_schema **out) {
    line_reader in = {.memory = memory, .section = &sections[0], .line = sections[0].line};
    schema_heading last = *heading;
    flat_list nodes = {0};
    error *err = count > 1 ? schema_read_heading(&sections[count - 1], &last) : NULL;
    if (err) return err;
    err = read_lines(&in, release, &nodes);
    if (!err) err = check_shape(&in, nodes.list, nodes.count);
    for (size_t i = 1; i < count && !err; i++) {
        err = schema_apply_overlay(memory, &sections[i], release, &nodes);
        in = (line_reader){.memory = memory, .section = &sections[i]};
        if (!err) err = check_shape(&in, nodes.list, nodes.count);
    }
    if (!err && nodes.count == 0) {
        in.line = sections[count - 1].line;
        err = schema_complain(&in, "no segment in", span_of(heading->type));
    }
    if (!err) {
        edi_schema *schema = arena_alloc(memory, sizeof *schema);
        unsigned id = 0;
        *schema = (edi_schema){.standard = heading->standard,
            .version = arena_strdup(memory, heading->version),
            .type = arena_strdup(memory, heading->type),
            .title = arena_spandup(memory, last.title.len > 0 ? last.title : heading->title),
            .group = heading->group[0] ? arena_strdup(memory, heading->group) : NULL,
            .checked = arena_spandup(memory, last.checked),
            .source = sections[count - 1].source,
            .overlay = last.name[0] ? arena_strdup(memory, last.name) : NULL,
            .release = release};
        schema->root = (edi_node){.min = 1, .max = 1, .name = ""};
        build_children(memory, &schema->root, nodes.list, nodes.count, &id);
        schema->node_count = id;
        err = check_ambiguity(&in, &schema->root);
        schema_quicken(memory, schema->standard, &schema->root);
        *out = schema;
    }
    free(nodes.list);
    return err;
}
