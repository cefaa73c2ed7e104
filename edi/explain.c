/* edi/explain.c: see explain.h. */
#include "edi/explain.h"

#include "edi/charset.h"
#include "edi/output.h"
#include "edi/report.h"
#include "edi/value.h"

#include <stdio.h>

enum { VALUE_MAX = 400, NAME_WIDTH = 26, NAME_MAX = 40 };

typedef struct explainer {
    edi_validator *validator;
    edi_reader *reader;
    const edi_delimiters *d;
    bool colour;
    bool plain; /* the segment in hand holds nothing that is to be decoded, or shown otherwise than it stands */
    edi_output out;
    unsigned depth;             /* of loops */
    const edi_charset *charset; /* that UNB names; NULL: Latin-1 where it is no UTF-8 */
} explainer;

typedef enum style { PLAIN, TAG, NAME, GLOSS, ERROR_STYLE, WARNING_STYLE } style;

#define PUT(e, literal) EDI_PUT(&(e)->out, literal)

static void put_text(explainer *e, const char *text) {
    edi_put(&e->out, span_of(text));
}

static void put_number(explainer *e, uint64_t number) {
    char room[24] __attribute__((uninitialized)), *end = room + sizeof room, *at = end;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    edi_put(&e->out, span_make(at, (size_t)(end - at)));
}

/* Two digits at least. */
static inline void put_place(explainer *e, unsigned number) {
    if (number >= 100) {
        put_number(e, number);
        return;
    }
    char *room = edi_output_room(&e->out, 2);
    room[0] = (char)('0' + number / 10);
    room[1] = (char)('0' + number % 10);
    e->out.len += 2;
}

static void put_blanks(explainer *e, size_t count) {
    static const char blanks[] = "                                                                ";
    for (; count > sizeof blanks - 1; count -= sizeof blanks - 1)
        edi_put(&e->out, span_make(blanks, sizeof blanks - 1));
    edi_put(&e->out, span_make(blanks, count));
}

static void begin_style(explainer *e, style s) {
    static const char *const codes[] = {"", "\x1b[1;36m", "\x1b[2m", "\x1b[32m", "\x1b[1;31m", "\x1b[33m"};
    if (e->colour) put_text(e, codes[s]);
}

static void end_style(explainer *e) {
    if (e->colour) PUT(e, "\x1b[0m");
}

static void indent(explainer *e, unsigned more) {
    put_blanks(e, e->depth * 2 + more);
}

/* Bytes as they may be shown on a terminal: UTF-8, or turned into it; control characters as points. */
static __attribute__((noinline)) void show_any(explainer *e, span value) {
    bool named = e->charset && e->charset->high, utf8 = !named && span_is_utf8(value);
    size_t len = value.len < VALUE_MAX ? value.len : VALUE_MAX;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        bool c1 = utf8 && c == 0xC2 && i + 1 < len && (unsigned char)value.data[i + 1] < 0xA0;
        unsigned character = utf8 ? c : edi_charset_character(e->charset, c);
        if (c < ' ' || c == 0x7F || c1 || (!utf8 && c >= 0x80 && (c < 0xA0 || character == 0))) {
            edi_put_char(&e->out, '.');
        } else if (utf8 || c < 0x80) {
            edi_put_char(&e->out, (char)c);
        } else if (character < 0x800) {
            edi_put_char(&e->out, (char)(0xC0 | character >> 6));
            edi_put_char(&e->out, (char)(0x80 | (character & 0x3F)));
        } else {
            edi_put_char(&e->out, (char)(0xE0 | character >> 12));
            edi_put_char(&e->out, (char)(0x80 | (character >> 6 & 0x3F)));
            edi_put_char(&e->out, (char)(0x80 | (character & 0x3F)));
        }
        if (c1) i++;
    }
    if (len == value.len) return;
    PUT(e, " ... (");
    put_number(e, value.len);
    PUT(e, " bytes)");
}

static inline void show(explainer *e, span value) {
    if (e->plain && value.len <= VALUE_MAX) {
        edi_put(&e->out, value);
    } else {
        show_any(e, value);
    }
}

/* What a value means: a code's gloss, a date, an amount with its decimals. */
static bool find_gloss(
    explainer *e, const edi_slot *slot, span value, span composite, char room[EDI_DECIMAL_SIZE], span *gloss) {
    const edi_code *code = edi_codes_find(edi_slot_codes(slot), edi_trim_right(value));
    const edi_element_type *element = slot->element;
    if (code && code->gloss.len > 0) {
        *gloss = code->gloss;
        return true;
    }
    bool found = false;
    if (element->number == 2380 && composite.data) {
        found = edi_formatted_date(value, edi_part(composite, e->d->component, e->d->release, 2), room);
    } else if (element->type == EDI_TYPE_DATE) {
        found = edi_iso_date(value, room);
    } else if (element->type == EDI_TYPE_TIME) {
        found = edi_iso_time(value, room);
    } else if (element->type == EDI_TYPE_INTEGER && element->decimals > 0) {
        found = edi_decimal(value, element->decimals, room);
    }
    if (found) *gloss = span_of(room);
    return found;
}

/* "      01   name                       value  gloss"; the component of an element, which is its composite, or 0. */
static void show_simple(
    explainer *e, const edi_slot *slot, unsigned element, unsigned component, span raw, span composite) {
    char decoded[VALUE_MAX + 8], room[EDI_DECIMAL_SIZE];
    span value = raw, name = span_of(slot ? slot->name : ""), gloss;
    if (!e->plain && edi_needs_decoding(e->d, raw) && raw.len < VALUE_MAX)
        value = span_make(decoded, edi_decode(e->d, raw, decoded));
    indent(e, 6);
    put_place(e, element);
    if (component) {
        edi_put_char(&e->out, '-');
        put_number(e, component);
        edi_put_char(&e->out, ' ');
    } else {
        PUT(e, "   ");
    }
    begin_style(e, NAME);
    if (name.len > NAME_MAX) name.len = NAME_MAX;
    edi_put(&e->out, name);
    put_blanks(e, name.len < NAME_WIDTH ? NAME_WIDTH + 1 - name.len : 1);
    end_style(e);
    show(e, value);
    if (slot && slot->element && find_gloss(e, slot, value, composite, room, &gloss)) {
        begin_style(e, GLOSS);
        PUT(e, "  ");
        edi_put(&e->out, gloss);
        end_style(e);
    }
    edi_put_char(&e->out, '\n');
}

static void show_composite(explainer *e, const edi_slot *slot, unsigned element, span raw) {
    const edi_slots *slots = slot ? &slot->composite->slots : NULL;
    span rest = raw, part;
    for (unsigned i = 1; edi_next_part(&rest, e->d->component, e->d->release, &part); i++) {
        if (part.len == 0) continue;
        show_simple(e, slots && i <= slots->count ? &slots->list[i - 1] : NULL, element, i, part, raw);
    }
}

static void show_once(explainer *e, const edi_slot *slot, unsigned number, span one) {
    bool composite = slot ? slot->composite != NULL : edi_part_count(one, e->d->component, e->d->release) > 1;
    if (composite) {
        show_composite(e, slot, number, one);
    } else {
        show_simple(e, slot, number, 0, one, (span){NULL, 0});
    }
}

static void show_elements(explainer *e, const edi_segment_type *type) {
    const edi_segment *segment = edi_reader_segment(e->reader);
    size_t count;
    const span *elements = edi_reader_elements(e->reader, &count);
    bool isa = span_is(segment->tag, "ISA");
    for (size_t i = 0; i < count; i++) {
        const edi_slot *slot = type && i < type->slots.count ? &type->slots.list[i] : NULL;
        span rest = elements[i], one;
        unsigned number = (unsigned)i + 1;
        if (rest.len == 0) continue;
        if (isa || (segment->binary && i + 1 == count)) {
            show_simple(e, slot, number, 0, rest, (span){NULL, 0});
        } else if (e->plain) { /* then nothing is repeated */
            show_once(e, slot, number, rest);
        } else {
            while (edi_next_part(&rest, e->d->repetition, e->d->release, &one))
                show_once(e, slot, number, one);
        }
    }
}

static void show_segment(explainer *e) {
    const edi_segment *segment = edi_reader_segment(e->reader);
    const edi_segment_type *type = edi_validator_definition(e->validator);
    size_t left, entered;
    const edi_node *node = edi_validator_node(e->validator, &left, &entered);
    if (node) e->depth = node->parent ? node->depth : 1;
    e->plain = segment->tokens != NULL;
    indent(e, 0);
    begin_style(e, TAG);
    show(e, segment->tag);
    end_style(e);
    if (type && type->name[0]) {
        PUT(e, "  ");
        put_text(e, type->name);
    }
    begin_style(e, NAME);
    if (node && node->parent && entered > 0 && strcmp(node->parent->name, node->segment->tag) != 0) {
        PUT(e, "  [");
        put_text(e, node->parent->name);
        PUT(e, "]");
        end_style(e);
        begin_style(e, NAME);
    }
    PUT(e, "  #");
    put_number(e, segment->position ? segment->position : segment->number);
    PUT(e, ", byte ");
    put_number(e, segment->offset);
    end_style(e);
    edi_put_char(&e->out, '\n');
    show_elements(e, type);
    e->plain = false;
}

static void show_fault(explainer *e) {
    const edi_fault *fault = edi_validator_fault(e->validator);
    char place[160];
    indent(e, 2);
    begin_style(e, fault->warning ? WARNING_STYLE : ERROR_STYLE);
    put_text(e, fault->warning ? "note " : "ERROR ");
    put_text(e, edi_fault_place(fault, place, sizeof place));
    PUT(e, ": ");
    end_style(e);
    show(e, span_of(fault->text));
    PUT(e, " [");
    put_text(e, edi_fault_kind_of(fault->code)->name);
    PUT(e, "]\n");
}

static void show_begin(explainer *e, edi_event event) {
    const edi_interchange *i = edi_reader_interchange(e->reader);
    const edi_transaction *t = edi_reader_document(e->reader);
    const edi_schema *schema = edi_validator_schema(e->validator, NULL);
    e->depth = 0;
    if (event == EDI_INTERCHANGE) {
        e->d = &i->delimiters;
        e->charset = i->delimiters.standard == EDI_EDIFACT ? edi_charset_named(i->version) : NULL;
        begin_style(e, TAG);
        PUT(e, "== ");
        put_text(e, edi_standard_name(i->delimiters.standard));
        PUT(e, " interchange ");
        put_text(e, i->control);
        end_style(e);
        PUT(e, ", from ");
        put_text(e, i->sender.id);
        PUT(e, " to ");
        put_text(e, i->receiver.id);
        PUT(e, "\n");
    } else if (event == EDI_DOCUMENT) {
        PUT(e, "\n");
        begin_style(e, TAG);
        PUT(e, "-- ");
        put_text(e, t->type);
        PUT(e, " ");
        put_text(e, t->control);
        end_style(e);
        PUT(e, ", ");
        put_text(e, schema && schema->title ? schema->title : "no schema is known for it");
        PUT(e, " (version ");
        put_text(e, t->version);
        PUT(e, ")\n");
    }
}

error *edi_explain(span file, edi_library *library, const edi_explain_options *options, edi_sink sink, void *context) {
    explainer e = {.colour = options && options->colour, .out = edi_output_to(sink, context)};
    edi_delimiters none = edi_delimiters_default(EDI_X12);
    edi_event event;
    e.validator = edi_validator_new(file, library, options ? &options->validate : NULL);
    e.reader = edi_validator_reader(e.validator);
    e.d = &none;
    do {
        event = edi_validator_next(e.validator);
        if (event == EDI_FAULT) {
            show_fault(&e);
        } else if (event != EDI_END) {
            if (event == EDI_INTERCHANGE || event == EDI_DOCUMENT) show_begin(&e, event);
            if (event != EDI_SEGMENT) e.depth = event == EDI_DOCUMENT || event == EDI_DOCUMENT_END ? 1 : 0;
            if (edi_reader_segment(e.reader)) show_segment(&e);
        }
        if (e.out.len > EDI_OUTPUT_FULL || event == EDI_END) edi_output_flush(&e.out);
    } while (event != EDI_END && !e.out.failure);
    edi_validator_free(e.validator);
    edi_output_free(&e.out);
    return e.out.failure;
}
