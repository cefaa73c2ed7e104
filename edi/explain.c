/* edi/explain.c: see explain.h. */
#include "edi/explain.h"

#include "edi/charset.h"

#include "edi/report.h"
#include "edi/value.h"

#include <stdarg.h>
#include <stdio.h>

enum { FLUSH_AT = 64 << 10, OUTPUT_MAX = 64 << 20, VALUE_MAX = 400 };

typedef struct explainer {
    edi_validator *validator;
    edi_reader *reader;
    const edi_delimiters *d;
    bool colour;
    buf out;
    unsigned depth;             /* of loops */
    const edi_charset *charset; /* that UNB names; NULL: Latin-1 where it is no UTF-8 */
} explainer;

typedef enum style { PLAIN, TAG, NAME, GLOSS, ERROR_STYLE, WARNING_STYLE } style;

static void begin_style(explainer *e, style s) {
    static const char *const codes[] = {"", "\x1b[1;36m", "\x1b[2m", "\x1b[32m", "\x1b[1;31m", "\x1b[33m"};
    if (e->colour) buf_add_text(&e->out, codes[s]);
}

static void end_style(explainer *e) {
    if (e->colour) buf_add_text(&e->out, "\x1b[0m");
}

__attribute__((format(printf, 3, 4))) static void styled(explainer *e, style s, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    begin_style(e, s);
    buf_add_text(&e->out, text);
    end_style(e);
}

static void indent(explainer *e, unsigned more) {
    for (unsigned i = 0; i < e->depth * 2 + more; i++)
        buf_add_char(&e->out, ' ');
}

/* Bytes as they may be shown on a terminal: UTF-8, or turned into it; control characters as points. */
static void show(explainer *e, span value) {
    bool named = e->charset && e->charset->high, utf8 = !named && span_is_utf8(value);
    size_t len = value.len < VALUE_MAX ? value.len : VALUE_MAX;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        bool c1 = utf8 && c == 0xC2 && i + 1 < len && (unsigned char)value.data[i + 1] < 0xA0;
        unsigned character = utf8 ? c : edi_charset_character(e->charset, c);
        if (c < ' ' || c == 0x7F || c1 || (!utf8 && c >= 0x80 && (c < 0xA0 || character == 0))) {
            buf_add_char(&e->out, '.');
        } else if (utf8 || c < 0x80) {
            buf_add_char(&e->out, (char)c);
        } else if (character < 0x800) {
            buf_add_char(&e->out, (char)(0xC0 | character >> 6));
            buf_add_char(&e->out, (char)(0x80 | (character & 0x3F)));
        } else {
            buf_add_char(&e->out, (char)(0xE0 | character >> 12));
            buf_add_char(&e->out, (char)(0x80 | (character >> 6 & 0x3F)));
            buf_add_char(&e->out, (char)(0x80 | (character & 0x3F)));
        }
        if (c1) i++;
    }
    if (len < value.len) buf_printf(&e->out, " ... (%zu bytes)", value.len);
}

/* What a value means: a code's gloss, a date, an amount with its decimals. */
static void gloss(explainer *e, const edi_slot *slot, span value, span format) {
    char text[EDI_DECIMAL_SIZE];
    const edi_codes *codes = edi_slot_codes(slot);
    const edi_code *code = edi_codes_find(codes, edi_trim_right(value));
    if (code && code->gloss.len > 0) {
        styled(e, GLOSS, "  %.*s", (int)code->gloss.len, code->gloss.data);
    } else if (slot->element->number == 2380 && format.data) {
        if (edi_formatted_date(value, format, text)) styled(e, GLOSS, "  %s", text);
    } else if (slot->element->type == EDI_TYPE_DATE) {
        if (edi_iso_date(value, text)) styled(e, GLOSS, "  %s", text);
    } else if (slot->element->type == EDI_TYPE_TIME) {
        if (edi_iso_time(value, text)) styled(e, GLOSS, "  %s", text);
    } else if (slot->element->type == EDI_TYPE_INTEGER && slot->element->decimals > 0) {
        if (edi_decimal(value, slot->element->decimals, text)) styled(e, GLOSS, "  %s", text);
    }
}

static void show_simple(
    explainer *e, const edi_slot *slot, unsigned element, unsigned component, span raw, span format) {
    char decoded[VALUE_MAX + 8];
    span value = raw;
    if (edi_needs_decoding(e->d, raw) && raw.len < VALUE_MAX)
        value = span_make(decoded, edi_decode(e->d, raw, decoded));
    indent(e, 6);
    if (component) {
        buf_printf(&e->out, "%02u-%u ", element, component);
    } else {
        buf_printf(&e->out, "%02u   ", element);
    }
    styled(e, NAME, "%-26.40s ", slot && slot->name[0] ? slot->name : "");
    show(e, value);
    if (slot && slot->element) gloss(e, slot, value, format);
    buf_add_char(&e->out, '\n');
}

static void show_composite(explainer *e, const edi_slot *slot, unsigned element, span raw) {
    const edi_slots *slots = slot ? &slot->composite->slots : NULL;
    span format = edi_part(raw, e->d->component, e->d->release, 2), rest = raw, part;
    for (unsigned i = 1; edi_next_part(&rest, e->d->component, e->d->release, &part); i++) {
        if (part.len == 0) continue;
        show_simple(e, slots && i <= slots->count ? &slots->list[i - 1] : NULL, element, i, part, format);
    }
}

static void show_elements(explainer *e, const edi_segment_type *type) {
    const edi_segment *segment = edi_reader_segment(e->reader);
    size_t count;
    const span *elements = edi_reader_elements(e->reader, &count);
    bool plain = span_is(segment->tag, "ISA");
    static const span none = {NULL, 0};
    for (size_t i = 0; i < count; i++) {
        const edi_slot *slot = type && i < type->slots.count ? &type->slots.list[i] : NULL;
        span rest = elements[i], one;
        unsigned number = (unsigned)i + 1;
        if (rest.len == 0) continue;
        if (plain || (segment->binary && i + 1 == count)) {
            show_simple(e, slot, number, 0, rest, none);
            continue;
        }
        while (edi_next_part(&rest, e->d->repetition, e->d->release, &one)) {
            bool composite = slot ? slot->composite != NULL : edi_part_count(one, e->d->component, e->d->release) > 1;
            if (composite) {
                show_composite(e, slot, number, one);
            } else {
                show_simple(e, slot, number, 0, one, none);
            }
        }
    }
}

static void show_segment(explainer *e) {
    const edi_segment *segment = edi_reader_segment(e->reader);
    const edi_segment_type *type = edi_validator_definition(e->validator);
    size_t left, entered;
    const edi_node *node = edi_validator_node(e->validator, &left, &entered);
    if (node) e->depth = node->parent ? node->depth : 1;
    indent(e, 0);
    begin_style(e, TAG);
    show(e, segment->tag);
    end_style(e);
    if (type && type->name[0]) buf_printf(&e->out, "  %s", type->name);
    if (node && node->parent && entered > 0 && strcmp(node->parent->name, node->segment->tag) != 0)
        styled(e, NAME, "  [%s]", node->parent->name);
    styled(e, NAME, "  #%llu, byte %llu", (unsigned long long)(segment->position ? segment->position : segment->number),
        (unsigned long long)segment->offset);
    buf_add_char(&e->out, '\n');
    show_elements(e, type);
}

static void show_fault(explainer *e) {
    const edi_fault *fault = edi_validator_fault(e->validator);
    char place[160];
    indent(e, 2);
    styled(e, fault->warning ? WARNING_STYLE : ERROR_STYLE, "%s %s: ", fault->warning ? "note" : "ERROR",
        edi_fault_place(fault, place, sizeof place));
    show(e, span_of(fault->text));
    buf_printf(&e->out, " [%s]\n", edi_fault_kind_of(fault->code)->name);
}

static void show_begin(explainer *e, edi_event event) {
    const edi_interchange *i = edi_reader_interchange(e->reader);
    const edi_transaction *t = edi_reader_document(e->reader);
    const edi_schema *schema = edi_validator_schema(e->validator, NULL);
    e->depth = 0;
    if (event == EDI_INTERCHANGE) {
        e->d = &i->delimiters;
        e->charset = i->delimiters.standard == EDI_EDIFACT ? edi_charset_named(i->version) : NULL;
        styled(e, TAG, "== %s interchange %s", edi_standard_name(i->delimiters.standard), i->control);
        buf_printf(&e->out, ", from %s to %s\n", i->sender.id, i->receiver.id);
    } else if (event == EDI_DOCUMENT) {
        buf_add_char(&e->out, '\n');
        styled(e, TAG, "-- %s %s", t->type, t->control);
        buf_printf(&e->out, ", %s (version %s)\n",
            schema && schema->title ? schema->title : "no schema is known for it", t->version);
    }
}

error *edi_explain(span file, edi_library *library, const edi_explain_options *options, edi_sink sink, void *context) {
    explainer e = {.colour = options && options->colour, .out = BUF_MAX(OUTPUT_MAX)};
    edi_delimiters none = edi_delimiters_default(EDI_X12);
    error *err = NULL;
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
        if (e.out.len > FLUSH_AT || event == EDI_END) {
            err = sink(context, buf_span(&e.out));
            buf_clear(&e.out);
        }
    } while (event != EDI_END && !err);
    edi_validator_free(e.validator);
    buf_free(&e.out);
    return err;
}
