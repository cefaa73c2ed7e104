/* edi/value.c: see value.h. */
#include "edi/value.h"

#include "edi/check.h"

#include <stdio.h>

bool edi_decimal(span value, unsigned implied, char out[EDI_DECIMAL_SIZE]) {
    char digits[EDI_DECIMAL_SIZE] = {0};
    size_t count = 0, fraction = 0;
    bool negative = value.len > 0 && value.data[0] == '-', mark = false;
    value = edi_trim_right(value);
    for (size_t i = negative || (value.len > 0 && value.data[0] == '+'); i < value.len; i++) {
        char c = value.data[i];
        if ((c == '.' || c == ',') && !mark) {
            mark = true;
            continue;
        }
        if (c < '0' || c > '9' || count + 8 >= sizeof digits - implied) return false;
        digits[count++] = c;
        fraction += mark;
    }
    if (count == 0 || implied > 16) return false;
    if (!mark) {
        while (count <= implied) { /* 5 with two implied decimals is 0.05 */
            memmove(digits + 1, digits, count++);
            digits[0] = '0';
        }
        fraction = implied;
    }
    size_t whole = count - fraction, first = 0, len = 0;
    while (first + 1 < whole && digits[first] == '0')
        first++;
    bool zero = true;
    for (size_t i = 0; i < count; i++)
        zero &= digits[i] == '0';
    if (negative && !zero) out[len++] = '-';
    if (whole == 0) out[len++] = '0';
    for (size_t i = first; i < count; i++) {
        if (i == whole) out[len++] = '.';
        out[len++] = digits[i];
    }
    out[len] = '\0';
    return true;
}

bool edi_iso_date(span value, char out[EDI_DATE_SIZE]) {
    value = edi_trim_right(value);
    if (!edi_is_date(value)) return false;
    const char *v = value.data;
    if (value.len == 8) {
        snprintf(out, EDI_DATE_SIZE, "%.4s-%.2s-%.2s", v, v + 4, v + 6);
    } else {
        snprintf(out, EDI_DATE_SIZE, "%s%.2s-%.2s-%.2s", v[0] >= '7' ? "19" : "20", v, v + 2, v + 4);
    }
    return true;
}

bool edi_iso_time(span value, char out[EDI_DATE_SIZE]) {
    value = edi_trim_right(value);
    if (!edi_is_time(value)) return false;
    const char *v = value.data;
    if (value.len < 6) {
        snprintf(out, EDI_DATE_SIZE, "%.2s:%.2s", v, v + 2);
    } else {
        snprintf(out, EDI_DATE_SIZE, "%.2s:%.2s:%.2s", v, v + 2, v + 4);
    }
    return true;
}

/* Formats by the digits of their date and time (UN code list 2379). Periods hold two of them. */
typedef struct date_format {
    char code[4];
    unsigned char date, time; /* digits; date 8 CCYYMMDD, 6 YYMMDD or CCYYMM by `month`, 4 CCYY */
    char kind;                /* 'd' date, 'm' month, 'y' year, 't' time, 'e' DDMMYYYY */
    unsigned char zone;       /* letters behind */
    unsigned char total;      /* length of the value, for periods */
} date_format;

static const date_format formats[] = {{"2", 6, 0, 'f', 0, 6}, {"101", 6, 0, 'd', 0, 6}, {"102", 8, 0, 'd', 0, 8},
    {"103", 6, 0, 'w', 0, 5}, {"201", 6, 4, 'd', 0, 10}, {"202", 6, 6, 'd', 0, 12}, {"203", 8, 4, 'd', 0, 12},
    {"204", 8, 6, 'd', 0, 14}, {"205", 8, 4, 'd', 5, 17}, {"303", 8, 4, 'd', 3, 15}, {"304", 8, 6, 'd', 3, 17},
    {"401", 0, 4, 't', 0, 4}, {"402", 0, 6, 't', 0, 6}, {"406", 0, 4, 'z', 0, 5}, {"602", 4, 0, 'y', 0, 4},
    {"609", 4, 0, 'q', 0, 4}, {"610", 6, 0, 'm', 0, 6}, {"616", 6, 0, 'k', 0, 6}, {"711", 8, 0, 'd', 0, 16},
    {"713", 6, 4, 'd', 0, 20}, {"717", 6, 0, 'd', 0, 12}, {"718", 8, 0, 'd', 0, 16}, {"719", 8, 4, 'd', 0, 24}};

static const date_format *find_format(span code) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (span_is(code, formats[i].code)) return &formats[i];
    }
    return NULL;
}

size_t edi_format_length(span format) {
    const date_format *f = find_format(format);
    return f ? f->total : 0;
}

bool edi_formatted_date(span value, span format, char out[EDI_DATE_SIZE]) {
    const date_format *f = find_format(format);
    char date[EDI_DATE_SIZE] = "", time[EDI_DATE_SIZE] = "", reordered[8];
    if (!f || value.len != f->total) return false;
    span day = span_make(value.data, f->date);
    switch (f->kind) {
    case 'f': /* DDMMYY */
        memcpy(reordered, value.data + 4, 2);
        memcpy(reordered + 2, value.data + 2, 2);
        memcpy(reordered + 4, value.data, 2);
        return edi_iso_date(span_make(reordered, 6), out);
    case 'y': snprintf(out, EDI_DATE_SIZE, "%.4s", value.data); return true;
    case 'm': {
        char first[9];
        snprintf(first, sizeof first, "%.6s01", value.data);
        if (!edi_iso_date(span_make(first, 8), out)) return false;
        out[7] = '\0';
        return true;
    }
    case 't': return edi_iso_time(value, out);
    case 'd': break;
    default: return false;
    }
    if (!edi_iso_date(day, date)) return false;
    if (f->time && !edi_iso_time(span_make(value.data + f->date, f->time), time)) return false;
    snprintf(out, EDI_DATE_SIZE, "%.10s%s%.8s%.*s", date, time[0] ? "T" : "", time, (int)f->zone,
        value.data + f->date + f->time);
    return true;
}

bool edi_format_judged(span format) {
    const date_format *f = find_format(format);
    return f && f->total > 0 && (f->kind == 'd' || f->kind == 'f' || f->kind == 't' || f->kind == 'm');
}

bool edi_period_exists(span value, span format) {
    static const struct {
        const char *code;
        unsigned char date, time;
        bool period;
    } formats_x12[] = {{"D8", 8, 0, false}, {"RD8", 8, 0, true}, {"D6", 6, 0, false}, {"RD6", 6, 0, true},
        {"DT", 8, 4, false}, {"TM", 0, 4, false}, {"RTM", 0, 4, true}, {"RTS", 8, 6, false}, {"RDT", 8, 4, true},
        {"TS", 0, 6, false}};
    for (size_t i = 0; i < sizeof formats_x12 / sizeof formats_x12[0]; i++) {
        if (!span_is(format, formats_x12[i].code)) continue;
        span rest = edi_trim_right(value), part;
        size_t parts = 0;
        while (parts < 2 && span_split(&rest, '-', &part)) {
            size_t date = formats_x12[i].date;
            parts++;
            if (part.len != date + formats_x12[i].time) return false;
            if (date > 0 && !edi_is_date(span_make(part.data, date))) return false;
            if (formats_x12[i].time > 0 && !edi_is_time(span_make(part.data + date, formats_x12[i].time))) return false;
        }
        return !rest.data && parts == (formats_x12[i].period ? 2U : 1U);
    }
    return true;
}
