/* edi/view.c: see view.h. */
#include "edi/view.h"

#include "core/base/memory.h"
#include "edi/check.h"
#include "edi/scan.h"

#include <stdlib.h>

enum { SEGMENTS_MAX = 50000000, TRIGGER_SIZE = 24 };

typedef struct indexed {
    uint32_t start, len; /* in the document */
    uint32_t tag_len;
    uint32_t loop_end; /* of a loop's trigger: the first segment behind the loop; 0 else */
    const edi_node *node;
} indexed;

struct edi_view {
    edi_document document;
    span bytes;
    const edi_schema *schema;
    indexed *segments;
    size_t count, room;
    struct {
        char trigger[TRIGGER_SIZE];
        bool known;
    } asked; /* whether the schema has a loop of that trigger: asked again for each of its loops */
};

/* A view that is being made, and the loops that are open. */
typedef struct maker {
    edi_view *view;
    size_t open[EDI_DEPTH_MAX + 2], depth;
} maker;

static size_t tag_length(span raw, const edi_delimiters *d) {
    size_t len = 0;
    while (len < raw.len && raw.data[len] != d->tag && raw.data[len] != d->component)
        len++;
    return len;
}

static void add(edi_view *view, const edi_segment *segment, const edi_node *node) {
    if (view->count == view->room) {
        view->room = view->room ? view->room * 2 : 64;
        view->segments = xreallocarray(view->segments, view->room, sizeof *view->segments);
    }
    view->segments[view->count++] = (indexed){
        .start = (uint32_t)(segment->raw.data - view->bytes.data),
        .len = (uint32_t)segment->raw.len,
        .tag_len = (uint32_t)tag_length(segment->raw, &view->document.interchange.delimiters),
        .node = node,
    };
}

static void leave_loops(maker *m, size_t count) {
    for (; count > 0 && m->depth > 0; count--)
        m->view->segments[m->open[--m->depth]].loop_end = (uint32_t)m->view->count;
}

static void take_segment(maker *m, edi_validator *v, edi_event event) {
    const edi_segment *segment = edi_reader_segment(edi_validator_reader(v));
    size_t left, entered, end = (size_t)(segment->raw.data - m->view->bytes.data) + segment->raw.len;
    if (end >= UINT32_MAX || m->view->count == SEGMENTS_MAX) return;
    const edi_node *node = edi_validator_node(v, &left, &entered);
    leave_loops(m, event == EDI_DOCUMENT_END ? m->depth : left);
    for (; entered > 0 && m->depth < EDI_DEPTH_MAX; entered--)
        m->open[m->depth++] = m->view->count; /* a segment may open two loops only where the outer trigger is missing */
    add(m->view, segment, node);
}

static edi_view *begin(span file, const edi_document *document) {
    edi_view *view = xcalloc(1, sizeof *view);
    view->document = *document;
    view->bytes = span_make(file.data + document->offset, (size_t)document->length);
    return view;
}

error *edi_view_new(span file, const edi_document *document, edi_library *library, edi_view **out) {
    if (document->offset > file.len || document->length > file.len - document->offset || document->length >= UINT32_MAX)
        return error_new(ERROR_INVALID, "the document's bytes are not in this file");
    maker m = {.view = begin(file, document)};
    edi_view *view = m.view;
    bool exact;
    view->schema =
        edi_library_find(library, document->standard, document->header.type, document->header.version, &exact);
    edi_validate_options options = {.schema = view->schema,
        .envelope_only = !view->schema,
        .places_only = true,
        .reader.fragment = &document->interchange};
    edi_validator *v = edi_validator_new(view->bytes, library, &options);
    edi_reader *reader = edi_validator_reader(v);
    edi_event event;
    while ((event = edi_validator_next(v)) != EDI_END) {
        if (event != EDI_FAULT && edi_reader_segment(reader)) take_segment(&m, v, event);
    }
    leave_loops(&m, m.depth);
    edi_validator_free(v);
    *out = view;
    return NULL;
}

/* Of edi_view_read. */
typedef struct walk {
    edi_documents *documents;
    span file;
    size_t index;
    maker maker;
} walk;

static void walk_segment(void *context, const edi_document *document, edi_validator *v, edi_event event) {
    walk *w = context;
    bool exact;
    if (w->documents->count != w->index) return;
    if (!w->maker.view) {
        w->maker.view = begin(w->file, document);
        w->maker.view->schema = edi_validator_schema(v, &exact);
    }
    take_segment(&w->maker, v, event);
}

static error *walk_end(void *context, const edi_document *document) {
    walk *w = context;
    edi_view *view = w->documents->count == w->index ? w->maker.view : NULL;
    if (view) {
        leave_loops(&w->maker, w->maker.depth);
        view->document = *document;
        view->bytes.len = (size_t)document->length;
    }
    return edi_documents_keep(w->documents, document);
}

void edi_view_read(span file, size_t index, edi_library *library, edi_documents *documents, edi_view **view) {
    walk w = {.documents = documents, .file = file, .index = index};
    const edi_document_walker walker = {.segment = walk_segment, .take = walk_end, .context = &w};
    error_free(edi_documents_walk(file, library, NULL, documents, &walker));
    bool whole = w.maker.view && index < documents->count && documents->list[index].length < UINT32_MAX;
    *view = whole ? w.maker.view : NULL;
    if (whole)
        w.maker.view->document = documents->list[index]; /* its envelope's end may have refused it */
    else
        edi_view_free(w.maker.view);
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
    const indexed *s = &view->segments[segment];
    return span_make(view->bytes.data + s->start, s->tag_len);
}

const edi_node *edi_view_node(const edi_view *view, size_t segment) {
    return view->segments[segment].node;
}

/* BIN and BDS hold octets: their last element runs to the end. Its number, 0 in all other segments. */
static size_t octets_of(const edi_view *view, span tag) {
    if (tag.len != 3 || tag.data[0] != 'B' || delimiters(view)->standard != EDI_X12) return 0;
    return span_is(tag, "BIN") ? 2 : span_is(tag, "BDS") ? 3 : 0;
}

/* The element number `element` (from 1), raw. */
static span element_of(const edi_view *view, size_t segment, size_t element) {
    const edi_delimiters *d = delimiters(view);
    span rest = edi_view_raw(view, segment), part = {NULL, 0};
    size_t octets = octets_of(view, edi_view_tag(view, segment));
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

/* The first component of the first repetition. */
static span first_value(const edi_delimiters *d, span raw) {
    if (d->repetition) raw = edi_part(raw, d->repetition, d->release, 0);
    return d->component ? edi_part(raw, d->component, d->release, 0) : raw;
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

/* The answer is kept for the next time: the view is the caller's alone. */
static bool has_loop(edi_view *view, span trigger) {
    if (!view->schema) return false;
    if (span_is(trigger, view->asked.trigger) && trigger.len) return view->asked.known;
    bool known = knows_loop(&view->schema->root, trigger);
    if (trigger.len < TRIGGER_SIZE && trigger.len && !memchr(trigger.data, '\0', trigger.len)) {
        memcpy(view->asked.trigger, trigger.data, trigger.len);
        view->asked.trigger[trigger.len] = '\0';
        view->asked.known = known;
    }
    return known;
}

bool edi_view_next_loop(edi_view *view, edi_range range, span trigger, size_t *cursor, edi_range *loop) {
    bool by_schema = has_loop(view, trigger);
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

/* Composites that hold the qualifier as first or second component. */
static span qualified_composite(const edi_view *view, arena *memory, size_t segment, size_t element, span qualifier) {
    size_t count = edi_view_elements(view, segment);
    for (size_t i = element; i <= count; i++) {
        span first = edi_trim_right(edi_view_value(view, memory, segment, i, 1, 1));
        span second = edi_view_value(view, memory, segment, i, 1, 2);
        if (span_equal(first, qualifier)) return second;
        if (second.data && span_equal(second, qualifier)) return first;
    }
    return (span){NULL, 0};
}

span edi_view_qualified(const edi_view *view, arena *memory, size_t segment, size_t element, span qualifier) {
    const edi_delimiters *d = delimiters(view);
    span rest = edi_view_raw(view, segment), part;
    size_t octets = octets_of(view, edi_view_tag(view, segment));
    if (d->standard != EDI_X12) return qualified_composite(view, memory, segment, element, qualifier);
    for (size_t i = 0; edi_next_part(&rest, i == 0 ? d->tag : d->element, d->release, &part); i++) {
        if (octets && i == octets) break;
        if (i == 0 || i < element || (i - element) % 2 != 0) continue;
        if (!span_equal(edi_trim_right(decode(view, memory, first_value(d, part))), qualifier)) continue;
        if (!edi_next_part(&rest, d->element, d->release, &part)) break;
        return decode(view, memory, first_value(d, part));
    }
    return (span){NULL, 0};
}
