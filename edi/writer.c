/* edi/writer.c: see writer.h.
 *
 * Separators are written when a value follows them, never before: that is all the trimming there is.
 */
#include "edi/writer.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

struct edi_writer {
    buf *out;
    edi_envelope envelope;
    edi_delimiters d;
    edi_control control;
    void *control_context;

    bool open[3]; /* interchange, group, document */
    uint64_t count[3];
    char control_numbers[3][EDI_ID_SIZE];

    char tag[8];
    unsigned element, component, repetition;             /* where we are in the segment, from 1 */
    unsigned element_gap, component_gap, repetition_gap; /* separators owed before the next value */
    bool any;
    size_t start; /* of the segment in `out` */
    error *fault; /* the first of the segment in hand */
};

enum { INTERCHANGE, GROUP, DOCUMENT };

/* Which group a transaction set travels in (X12.5, GS01). */
static const char *const group_kinds[][2] = {{"850", "PO"}, {"855", "PR"}, {"860", "PC"}, {"865", "CA"}, {"856", "SH"},
    {"857", "BS"}, {"810", "IN"}, {"846", "IB"}, {"852", "PD"}, {"830", "PS"}, {"862", "SS"}, {"832", "SC"},
    {"820", "RA"}, {"867", "PT"}, {"864", "TX"}, {"824", "AG"}, {"861", "RC"}, {"940", "OW"}, {"943", "AR"},
    {"944", "RE"}, {"945", "SW"}, {"947", "AW"}, {"204", "SM"}, {"210", "IM"}, {"211", "BL"}, {"214", "QM"},
    {"990", "GF"}, {"997", "FA"}, {"999", "FA"}, {"837", "HC"}, {"835", "HP"}, {"834", "BE"}, {"270", "HS"},
    {"271", "HB"}, {"276", "HR"}, {"277", "HN"}, {"278", "HI"}, {"275", "PI"}, {"866", "SQ"}, {"870", "RS"},
    {"840", "RQ"}, {"843", "RR"}, {"880", "GP"}, {"875", "OG"}, {"894", "DI"}, {"895", "DI"}, {"812", "CD"},
    {"816", "OR"}, {"869", "RS"}, {"753", "RF"}, {"754", "RG"}, {"110", "IA"}, {"310", "IO"}, {"315", "QO"},
    {"322", "SO"}, {"404", "SR"}};

const char *edi_group_kind(const char *type) {
    for (size_t i = 0; i < sizeof group_kinds / sizeof group_kinds[0]; i++) {
        if (strcmp(group_kinds[i][0], type) == 0) return group_kinds[i][1];
    }
    return NULL;
}

edi_writer *edi_writer_new(buf *out, const edi_envelope *envelope, edi_control control, void *context) {
    edi_writer *w = xcalloc(1, sizeof *w);
    w->out = out;
    w->envelope = *envelope;
    w->control = control;
    w->control_context = context;
    w->d = envelope->delimiters;
    if (!w->d.element) w->d = edi_delimiters_default(envelope->delimiters.standard);
    if (!w->d.tag) w->d.tag = w->d.element;
    if (!w->d.decimal) w->d.decimal = '.';
    return w;
}

void edi_writer_free(edi_writer *w) {
    if (!w) return;
    error_free(w->fault);
    free(w);
}

uint64_t edi_writer_segments(const edi_writer *w) {
    return w->count[DOCUMENT];
}

/* ------------------------------------------------------------------------------------------------ segments and values
 */

void edi_writer_segment(edi_writer *w, const char *tag) {
    snprintf(w->tag, sizeof w->tag, "%s", tag);
    w->element = 0;
    w->element_gap = w->component_gap = w->repetition_gap = 0;
    w->any = false;
    w->start = w->out->len;
    error_free(w->fault);
    w->fault = NULL;
    buf_add_text(w->out, w->tag);
}

static void refuse(edi_writer *w, const char *why, char c) {
    if (w->fault) return;
    char shown[8];
    snprintf(
        shown, sizeof shown, (unsigned char)c > ' ' && (unsigned char)c < 0x7F ? "%c" : "0x%02X", (unsigned char)c);
    w->fault = error_at(error_new(ERROR_INVALID, "%s%02u holds %s, which is %s", w->tag, w->element, shown, why),
        "%s%02u-%u, segment %llu of the document", w->tag, w->element, w->component,
        (unsigned long long)(w->count[DOCUMENT] + 1));
}

static void owe(edi_writer *w) {
    for (; w->element_gap > 0; w->element_gap--)
        buf_add_char(w->out, w->any ? w->d.element : w->d.tag), w->any = true;
    for (; w->repetition_gap > 0; w->repetition_gap--)
        buf_add_char(w->out, w->d.repetition);
    for (; w->component_gap > 0; w->component_gap--)
        buf_add_char(w->out, w->d.component);
    w->any = true;
}

static void put_value(edi_writer *w, span value) {
    size_t clean = 0;
    if (value.len == 0) return;
    owe(w);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if ((unsigned char)c < ' ') refuse(w, "a control character", c);
        if (!edi_is_delimiter(&w->d, c)) continue;
        if (!w->d.release) {
            refuse(w, "a delimiter of this interchange (X12 has no release character)", c);
            continue;
        }
        buf_add(w->out, span_make(value.data + clean, i - clean));
        buf_add_char(w->out, w->d.release);
        clean = i;
    }
    buf_add(w->out, span_make(value.data + clean, value.len - clean));
}

static void next_element(edi_writer *w) {
    w->element++;
    w->component = w->repetition = 1;
    w->component_gap = w->repetition_gap = 0;
    w->element_gap++;
}

void edi_writer_element(edi_writer *w, span value) {
    next_element(w);
    put_value(w, value);
}

void edi_writer_text(edi_writer *w, const char *value) {
    edi_writer_element(w, value ? span_of(value) : span_make("", 0));
}

void edi_writer_component(edi_writer *w, span value) {
    w->component++;
    w->component_gap++;
    if (!w->d.component && value.len > 0) refuse(w, "a component, for which there is no separator", value.data[0]);
    put_value(w, value);
}

void edi_writer_repetition(edi_writer *w, span value) {
    w->repetition++;
    w->component = 1;
    w->component_gap = 0;
    w->repetition_gap++;
    if (!w->d.repetition && value.len > 0) refuse(w, "a repetition, for which there is no separator", value.data[0]);
    put_value(w, value);
}

error *edi_writer_end(edi_writer *w) {
    error *fault = w->fault;
    w->fault = NULL;
    if (fault) {
        w->out->len = w->start;
        return fault;
    }
    if (!w->any) {
        w->out->len = w->start;
        return NULL;
    }
    buf_add_char(w->out, w->d.terminator);
    if (w->envelope.suffix) buf_add_text(w->out, w->envelope.suffix);
    w->count[DOCUMENT]++;
    return buf_check(w->out, "the interchange");
}

/* ---------------------------------------------------------------------------------------------------------- envelopes
 */

static error *take_control(edi_writer *w, int level, const char *kind) {
    return w->control(w->control_context, (edi_level)(EDI_LEVEL_INTERCHANGE + level), kind, w->control_numbers[level]);
}

/* A fixed field of ISA: padded at its right; too long is an error. */
static error *pad(buf *out, const char *value, size_t width, const edi_delimiters *d, const char *what) {
    size_t len = strlen(value);
    if (len > width) return error_new(ERROR_INVALID, "%s \"%s\" is longer than %zu characters", what, value, width);
    for (size_t i = 0; i < len; i++) {
        if (edi_is_delimiter(d, value[i]) || (unsigned char)value[i] < ' ')
            return error_new(ERROR_INVALID, "%s \"%s\" holds a delimiter", what, value);
    }
    buf_printf(out, "%c%-*s", d->element, (int)width, value);
    return NULL;
}

static const char * or (const char *value, const char *fallback) {
    return value && value[0] ? value : fallback;
}

/* "004010" as ISA12 says it: 00401. */
static const char *interchange_version(const edi_writer *w) {
    return or (w->envelope.version, "00401");
}

static error *write_isa(edi_writer *w) {
    const edi_envelope *e = &w->envelope;
    const char *version = interchange_version(w);
    bool repeats = strcmp(version, "00402") >= 0;
    char number[24], repetition[2] = {repeats && w->d.repetition ? w->d.repetition : 'U', '\0'};
    uint64_t control;
    if (!span_to_u64(span_of(w->control_numbers[INTERCHANGE]), 0, 999999999, &control))
        return error_new(ERROR_INVALID, "ISA13 \"%s\" is no number of nine digits", w->control_numbers[INTERCHANGE]);
    snprintf(number, sizeof number, "%09llu", (unsigned long long)control);
    memcpy(w->control_numbers[INTERCHANGE], number, strlen(number) + 1);
    if (!repeats) w->d.repetition = 0;
    const struct {
        const char *value;
        size_t width;
        const char *what;
    } fields[] = {{"00", 2, "ISA01"}, {"", 10, "ISA02"}, {"00", 2, "ISA03"}, {"", 10, "ISA04"},
        { or (e->sender.qualifier, "ZZ"), 2, "the sender's qualifier"}, {e->sender.id, 15, "the sender's id"},
        { or (e->receiver.qualifier, "ZZ"), 2, "the receiver's qualifier"}, {e->receiver.id, 15, "the receiver's id"},
        {strlen(or (e->date, "")) == 8 ? e->date + 2 : or (e->date, ""), 6, "ISA09"}};
    buf_add_text(w->out, "ISA");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        error *err = pad(w->out, fields[i].value, fields[i].width, &w->d, fields[i].what);
        if (err) return err;
    }
    buf_printf(w->out, "%c%.4s%c%s%c%s%c%s%c%d%c%s%c%c%c", w->d.element, or (e->time, "0000"), w->d.element, repetition,
        w->d.element, version, w->d.element, number, w->d.element, e->wants_acknowledgement, w->d.element,
        or (e->usage, "P"), w->d.element, w->d.component ? w->d.component : ':', w->d.terminator);
    if (e->suffix) buf_add_text(w->out, e->suffix);
    return NULL;
}

static void put_party(edi_writer *w, const edi_party *party) {
    edi_writer_element(w, span_of(party->id));
    if (party->qualifier[0]) edi_writer_component(w, span_of(party->qualifier));
}

static error *write_unb(edi_writer *w) {
    const edi_envelope *e = &w->envelope;
    int syntax = e->syntax ? e->syntax : 3;
    edi_delimiters usual = edi_delimiters_default(EDI_EDIFACT);
    if (syntax < 4) w->d.repetition = 0;
    bool differs = w->d.component != usual.component || w->d.element != usual.element ||
                   w->d.release != usual.release || w->d.terminator != usual.terminator || w->d.decimal != '.';
    if (e->una || differs) {
        char repetition = w->d.repetition ? w->d.repetition : ' ';
        buf_printf(w->out, "UNA%c%c%c%c%c%c%s", w->d.component, w->d.element, w->d.decimal,
            w->d.release ? w->d.release : ' ', repetition, w->d.terminator, or (e->suffix, ""));
    }
    const char *date = or (e->date, "");
    char number[2] = {(char)('0' + syntax), '\0'};
    edi_writer_segment(w, "UNB");
    edi_writer_text(w, or (e->version, "UNOC"));
    edi_writer_component(w, span_of(number));
    put_party(w, &e->sender);
    put_party(w, &e->receiver);
    edi_writer_text(w, syntax < 4 && strlen(date) == 8 ? date + 2 : date);
    edi_writer_component(w, span_make(or (e->time, ""), strnlen(or (e->time, ""), 4)));
    edi_writer_text(w, w->control_numbers[INTERCHANGE]);
    for (int i = 6; i < 9; i++)
        edi_writer_text(w, NULL);
    edi_writer_text(w, e->wants_acknowledgement ? "1" : NULL);
    edi_writer_text(w, NULL);
    edi_writer_text(w, e->usage && (e->usage[0] == '1' || e->usage[0] == 'T') ? "1" : NULL);
    return edi_writer_end(w);
}

error *edi_writer_interchange(edi_writer *w) {
    error *err = edi_writer_close(w, EDI_LEVEL_INTERCHANGE);
    if (!err) err = take_control(w, INTERCHANGE, "");
    if (err) return err;
    size_t before = w->out->len;
    err = w->d.standard == EDI_X12 ? write_isa(w) : write_unb(w);
    if (err) {
        w->out->len = before;
        return error_wrap(err, "interchange header");
    }
    w->open[INTERCHANGE] = true;
    w->count[INTERCHANGE] = 0;
    return buf_check(w->out, "the interchange");
}

void edi_writer_group_parties(edi_writer *w, const char *sender, const char *receiver) {
    w->envelope.group_sender = sender;
    w->envelope.group_receiver = receiver;
}

error *edi_writer_group(edi_writer *w, const char *kind, const char *version) {
    const edi_envelope *e = &w->envelope;
    error *err = edi_writer_close(w, EDI_LEVEL_GROUP);
    char isa_version[8];
    if (!w->open[INTERCHANGE] && !e->version && w->d.standard == EDI_X12 && strlen(version) >= 6) {
        snprintf(isa_version, sizeof isa_version, "%.5s", version);
        w->envelope.version = isa_version; /* 004010 travels in an interchange of 00401 */
    }
    if (!err && !w->open[INTERCHANGE]) err = edi_writer_interchange(w);
    w->envelope.version = e->version == isa_version ? NULL : e->version;
    if (!err) err = take_control(w, GROUP, kind);
    if (err) return err;
    if (w->d.standard == EDI_X12) {
        bool short_date = strcmp(version, "004010") < 0 && strlen(or (e->date, "")) == 8;
        edi_writer_segment(w, "GS");
        edi_writer_text(w, kind);
        edi_writer_text(w, or (e->group_sender, e->sender.id));
        edi_writer_text(w, or (e->group_receiver, e->receiver.id));
        edi_writer_text(w, short_date ? e->date + 2 : e->date);
        edi_writer_text(w, or (e->time, "0000"));
        edi_writer_text(w, w->control_numbers[GROUP]);
        edi_writer_text(w, "X");
        edi_writer_text(w, version);
    } else {
        edi_writer_segment(w, "UNG");
        edi_writer_text(w, kind);
        put_party(w, &e->sender);
        put_party(w, &e->receiver);
        edi_writer_text(w, (e->syntax ? e->syntax : 3) < 4 && strlen(or (e->date, "")) == 8 ? e->date + 2 : e->date);
        edi_writer_component(w, span_make(or (e->time, ""), strnlen(or (e->time, ""), 4)));
        edi_writer_text(w, w->control_numbers[GROUP]);
        edi_writer_text(w, "UN");
        edi_writer_element(w, span_make(version, 1));
        edi_writer_component(w, span_of(version + (version[0] != '\0')));
    }
    err = edi_writer_end(w);
    if (err) return err;
    w->open[GROUP] = true;
    w->count[GROUP] = 0;
    w->count[INTERCHANGE]++;
    return NULL;
}

error *edi_writer_document(
    edi_writer *w, const char *type, const char *version, const char *agency, const char *association) {
    error *err = edi_writer_close(w, EDI_LEVEL_DOCUMENT);
    if (err) return err;
    if (w->d.standard == EDI_X12 && !w->open[GROUP]) {
        const char *kind = edi_group_kind(type);
        if (!kind)
            return error_new(ERROR_INVALID, "no group code is known for transaction set %s: open its group", type);
        err = edi_writer_group(w, kind, or (version, "004010"));
        version = NULL; /* the group says it */
    } else if (!w->open[INTERCHANGE]) {
        err = edi_writer_interchange(w);
    }
    if (!err) err = take_control(w, DOCUMENT, type);
    if (err) return err;
    w->count[DOCUMENT] = 0;
    if (w->d.standard == EDI_X12) {
        edi_writer_segment(w, "ST");
        edi_writer_text(w, type);
        edi_writer_text(w, w->control_numbers[DOCUMENT]);
        edi_writer_text(w, version);
    } else {
        const char *directory = or (version, "D96A");
        edi_writer_segment(w, "UNH");
        edi_writer_text(w, w->control_numbers[DOCUMENT]);
        edi_writer_text(w, type);
        edi_writer_component(w, span_make(directory, 1));
        edi_writer_component(w, span_of(directory + 1));
        edi_writer_component(w, span_of(or (agency, "UN")));
        if (association) edi_writer_component(w, span_of(association));
    }
    err = edi_writer_end(w);
    if (err) return err;
    w->open[DOCUMENT] = true;
    w->count[w->open[GROUP] ? GROUP : INTERCHANGE]++;
    return NULL;
}

static error *write_trailer(edi_writer *w, int level) {
    static const char *const trailers[2][3] = {{"IEA", "GE", "SE"}, {"UNZ", "UNE", "UNT"}};
    char count[24];
    uint64_t value = w->count[level] + (level == DOCUMENT ? 1 : 0);
    snprintf(count, sizeof count, "%llu", (unsigned long long)value);
    edi_writer_segment(w, trailers[w->d.standard != EDI_X12][level]);
    edi_writer_text(w, count);
    edi_writer_text(w, w->control_numbers[level]);
    w->open[level] = false;
    return edi_writer_end(w);
}

error *edi_writer_close(edi_writer *w, edi_level level) {
    for (int i = DOCUMENT; i >= (int)level - EDI_LEVEL_INTERCHANGE; i--) {
        if (!w->open[i]) continue;
        error *err = write_trailer(w, i);
        if (err) return err;
    }
    return NULL;
}
