/* edi/view.c: see view.h. */
#include "edi/view.h"

#include "core/base/memory.h"
#include "edi/check.h"
#include "edi/scan.h"

#include <stdlib.h>

enum { SEGMENTS_MAX = 50000000 };

typedef struct indexed {
    uint32_t start, len; /* in the document */
    uint32_t loop_end;   /* of a loop's trigger: the first segment behind the loop; 0 else */
    const edi_node *node;
} indexed;

struct edi_view {
    edi_document document;
    span bytes;
    const edi_schema *schema;
    indexed *segments;
    size_t count, room;
};

static void add(edi_view *view, const edi_segment *segment, const edi_node *node) {
    if (view->count == view->room) {
        view->room = view->room ? view->room * 2 : 64;
        view->segments = xreallocarray(view->segments, view->room, sizeof *view->segments);
    }
    view->segments[view->count++] = (indexed){
        .start = (uint32_t)(segment->raw.data - view->bytes.data), .len = (uint32_t)segment->raw.len, .node = node};
}

error *edi_view_new(span file, const edi_document *document, edi_library *library, edi_view **out) {
    if (document->offset > file.len || document->length > file.len - document->offset || document->length >= UINT32_MAX)
        return error_new(ERROR_INVALID, "the document's bytes are not in this file");
    edi_view *view = xcalloc(1, sizeof *view);
    view->document = *document;
    view->bytes = span_make(file.data + document->offset, (size_t)document->length);
    bool exact;
    view->schema =
        edi_library_find(library, document->standard, document->header.type, document->header.version, &exact);
    edi_validate_options options = {
        .schema = view->schema, .envelope_only = !view->schema, .reader.fragment = &document->interchange};
    edi_validator *v = edi_validator_new(view->bytes, library, &options);
    edi_reader *reader = edi_validator_reader(v);
    size_t open[EDI_DEPTH_MAX + 2], depth = 0;
    edi_event event;
    while ((event = edi_validator_next(v)) != EDI_END && view->count < SEGMENTS_MAX) {
        const edi_segment *segment = edi_reader_segment(reader);
        if (event == EDI_FAULT || !segment) continue;
        size_t left, entered;
        const edi_node *node = edi_validator_node(v, &left, &entered);
        if (event == EDI_DOCUMENT_END) left = depth;
        for (; left > 0 && depth > 0; left--)
            view->segments[open[--depth]].loop_end = (uint32_t)view->count;
        for (; entered > 0 && depth < EDI_DEPTH_MAX; entered--)
            open[depth++] = view->count; /* a segment may open two loops only where the outer trigger is missing */
        add(view, segment, node);
    }
    while (depth > 0)
        view->segments[open[--depth]].loop_end = (uint32_t)view->count;
    edi_validator_free(v);
    *out = view;
    return NULL;
}

void edi_view_free(edi_view *view) {
    if (!view) return;
    free(view->segments);
    free(view);
}

const edi_document *edi_view_document(const edi_view *view) {
    return &view->document;
}

const edi_schema *edi_view_schema(const edi_view *view) {
    return view->schema;
}

edi_range edi_view_all(const edi_view *view) {
    return (edi_range){0, view->count};
}

static const edi_delimiters *delimiters(const edi_view *view) {
    return &view->document.interchange.delimiters;
}

span edi_view_raw(const edi_view *view, size_t segment) {
    const indexed *s = &view->segments[segment];
    return span_make(view->bytes.data + s->start, s->len);
}

span edi_view_tag(const edi_view *view, size_t segment) {
    const edi_delimiters *d = delimiters(view);
    span raw = edi_view_raw(view, segment), tag = raw;
    for (tag.len = 0; tag.len < raw.len; tag.len++) {
        char c = raw.data[tag.len];
        if (c == d->tag || c == d->component) break;
    }
    return tag;
}

uint64_t edi_view_offset(const edi_view *view, size_t segment) {
    return view->document.offset + view->segments[segment].start;
}

const edi_node *edi_view_node(const edi_view *view, size_t segment) {
    return view->segments[segment].node;
}

/* The element number `element` (from 1), raw. BIN and BDS hold octets: their last element runs to the end. */
static span element_of(const edi_view *view, size_t segment, size_t element) {
    const edi_delimiters *d = delimiters(view);
    span rest = edi_view_raw(view, segment), part = {NULL, 0};
    span tag = edi_view_tag(view, segment);
    size_t octets = d->standard != EDI_X12 ? 0 : span_is(tag, "BIN") ? 2 : span_is(tag, "BDS") ? 3 : 0;
    for (size_t i = 0; i <= element; i++) {
        if (octets && i == octets) {
            part = rest;
            rest = (span){NULL, 0};
        } else if (!edi_next_part(&rest, i == 0 ? d->tag : d->element, d->release, &part)) {
            return (span){NULL, 0};
        }
        if (!part.data) return part;
    }
    return part;
}

size_t edi_view_elements(const edi_view *view, size_t segment) {
    size_t count = 0;
    const edi_delimiters *d = delimiters(view);
    span rest = edi_view_raw(view, segment), part;
    while (edi_next_part(&rest, count == 0 ? d->tag : d->element, d->release, &part))
        count++;
    return count - 1;
}

size_t edi_view_repetitions(const edi_view *view, size_t segment, size_t element) {
    span raw = element_of(view, segment, element);
    if (raw.len == 0) return 0;
    return edi_part_count(raw, delimiters(view)->repetition, delimiters(view)->release);
}

size_t edi_view_components(const edi_view *view, size_t segment, size_t element, size_t repetition) {
    span raw = edi_view_raw_value(view, segment, element, repetition, 0);
    if (raw.len == 0) return 0;
    return edi_part_count(raw, delimiters(view)->component, delimiters(view)->release);
}

span edi_view_raw_value(const edi_view *view, size_t segment, size_t element, size_t repetition, size_t component) {
    const edi_delimiters *d = delimiters(view);
    if (element == 0 || segment >= view->count) return (span){NULL, 0};
    span raw = element_of(view, segment, element);
    if (!raw.data) return raw;
    if (d->repetition) {
        raw = edi_part(raw, d->repetition, d->release, repetition ? repetition - 1 : 0);
    } else if (repetition > 1) {
        return (span){NULL, 0};
    }
    return component && raw.data ? edi_part(raw, d->component, d->release, component - 1) : raw;
}

static span decode(const edi_view *view, arena *memory, span raw) {
    if (!raw.data || !edi_needs_decoding(delimiters(view), raw)) return raw;
    char *out = arena_alloc(memory, raw.len + 1);
    return span_make(out, edi_decode(delimiters(view), raw, out));
}

span edi_view_value(
    const edi_view *view, arena *memory, size_t segment, size_t element, size_t repetition, size_t component) {
    return decode(view, memory, edi_view_raw_value(view, segment, element, repetition, component));
}

const edi_slot *edi_view_slot(const edi_view *view, size_t segment, size_t element, size_t component) {
    const edi_node *node = view->segments[segment].node;
    if (!node || element == 0 || element > node->segment->slots.count) return NULL;
    const edi_slot *slot = &node->segment->slots.list[element - 1];
    if (component == 0 || !slot->composite) return slot;
    return component <= slot->composite->slots.count ? &slot->composite->slots.list[component - 1] : NULL;
}

bool edi_view_find(const edi_view *view, edi_range range, span tag, size_t *segment) {
    for (size_t i = *segment < range.first ? range.first : *segment; i < range.end && i < view->count; i++) {
        if (!span_equal(edi_view_tag(view, i), tag)) continue;
        *segment = i;
        return true;
    }
    return false;
}

static bool opens(const edi_view *view, size_t segment, span trigger) {
    const indexed *s = &view->segments[segment];
    if (!s->loop_end) return false;
    if (span_equal(edi_view_tag(view, segment), trigger)) return true;
    return s->node && s->node->parent && span_is(trigger, s->node->parent->name);
}

/* Segments that begin the summary of a document: where a loop without schema ends. */
static bool is_summary(span tag) {
    static const char *const summary[] = {"CTT", "SE", "UNS", "UNT", "TDS", "MTR", "CNT"};
    for (size_t i = 0; i < sizeof summary / sizeof summary[0]; i++) {
        if (span_is(tag, summary[i])) return true;
    }
    return false;
}

static bool knows_loop(const edi_node *parent, span trigger) {
    for (size_t i = 0; i < parent->child_count; i++) {
        const edi_node *node = &parent->children[i];
        if (!node->children) continue;
        if (span_is(trigger, node->segment->tag) || span_is(trigger, node->name) || knows_loop(node, trigger))
            return true;
    }
    return false;
}

bool edi_view_next_loop(const edi_view *view, edi_range range, span trigger, size_t *cursor, edi_range *loop) {
    bool by_schema = view->schema && knows_loop(&view->schema->root, trigger);
    for (size_t i = *cursor; i < range.end; i++) {
        if (by_schema) {
            bool self =
                i == range.first && view->segments[i].loop_end == range.end; /* the loop that is walked itself */
            if (self || !opens(view, i, trigger)) continue;
            *loop = (edi_range){i, view->segments[i].loop_end};
        } else {
            if (!span_equal(edi_view_tag(view, i), trigger)) continue;
            size_t end = i + 1;
            while (end < range.end && !span_equal(edi_view_tag(view, end), trigger) &&
                   !is_summary(edi_view_tag(view, end)))
                end++;
            *loop = (edi_range){i, end};
        }
        *cursor = loop->end;
        return true;
    }
    *cursor = range.end;
    return false;
}

span edi_view_qualified(const edi_view *view, arena *memory, size_t segment, size_t element, span qualifier) {
    size_t count = edi_view_elements(view, segment);
    bool pairs = delimiters(view)->standard == EDI_X12;
    for (size_t i = element; i <= count; i += pairs ? 2 : 1) {
        span first = edi_trim_right(edi_view_value(view, memory, segment, i, 1, 1));
        if (pairs) {
            if (span_equal(first, qualifier)) return edi_view_value(view, memory, segment, i + 1, 1, 1);
            continue;
        }
        span second = edi_view_value(view, memory, segment, i, 1, 2);
        if (span_equal(first, qualifier)) return second;
        if (second.data && span_equal(second, qualifier)) return first;
    }
    return (span){NULL, 0};
}
