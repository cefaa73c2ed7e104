/* edi/syntax.h: what all dialects share: delimiters, and how a run of bytes is cut and decoded by them.
 *
 * X12, UN/EDIFACT and TRADACOMS differ in names and characters, not in kind: segments end with a terminator, elements
 * and components are separated, a release character (where there is one) takes the next character literally.
 * All functions here are pure and hand out spans into their argument.
 */
#ifndef BANYAN_EDI_SYNTAX_H
#define BANYAN_EDI_SYNTAX_H

#include "core/base/span.h"

/* Functions that are gone through for every segment: the registers that they used are left as they are. */
#define EDI_HOT __attribute__((hot, zero_call_used_regs("skip")))

typedef enum edi_standard { EDI_NONE, EDI_X12, EDI_EDIFACT, EDI_TRADACOMS } edi_standard;

/* "X12", "EDIFACT", "TRADACOMS"; "none" for EDI_NONE. */
const char *edi_standard_name(edi_standard standard);
edi_standard edi_standard_named(span name);

typedef struct edi_delimiters {
    edi_standard standard;
    char tag;        /* after the segment's tag: the element separator, '=' in TRADACOMS */
    char element;    /* between elements */
    char component;  /* between components of a composite; NUL: none */
    char repetition; /* between repetitions; NUL: none */
    char release;    /* takes the next character literally; NUL: none */
    char terminator; /* ends a segment */
    char decimal;    /* the decimal mark that UNA names; '.' elsewhere */
} edi_delimiters;

/* The defaults: * : ~ with ^ for X12, the UNA defaults for EDIFACT (without repetition: that comes with syntax version
 * 4). */
edi_delimiters edi_delimiters_default(edi_standard standard);

/* Is `c` one of the characters that separate, terminate or release? */
bool edi_is_delimiter(const edi_delimiters *delimiters, char c);

/* Up to the first `separator` that is not released; moves `rest` behind it. False when `rest` is used up (its data is
 * NULL): "a:b" gives two parts, "" gives one empty part. A NUL separator never matches. */
static inline bool edi_next_part(span *rest, char separator, char release, span *part) {
    if (!rest->data) return false;
    for (size_t i = 0; i < rest->len; i++) {
        char c = rest->data[i];
        if (c == separator && separator) {
            *part = span_make(rest->data, i);
            *rest = span_make(rest->data + i + 1, rest->len - i - 1);
            return true;
        }
        if (c == release && release) i++;
    }
    *part = *rest;
    *rest = (span){NULL, 0};
    return true;
}

/* The part number `index` (from 0); {NULL,0} when there are not so many. */
span edi_part(span whole, char separator, char release, size_t index);
size_t edi_part_count(span whole, char separator, char release);

/* A component of an element: repetition and component count from 0. */
span edi_component(const edi_delimiters *delimiters, span element, size_t repetition, size_t component);

/* Removes release characters and line breaks that wrapping put in; `out` has room for raw.len bytes. Returns the
 * decoded length. Most values hold neither: ask edi_needs_decoding first to keep using the span. */
size_t edi_decode(const edi_delimiters *delimiters, span raw, char *out);
bool edi_needs_decoding(const edi_delimiters *delimiters, span raw);

/* Characters in a raw value: UTF-8 sequences count one when `utf8`, release characters and line breaks do not count. */
size_t edi_characters(const edi_delimiters *delimiters, span raw, bool utf8);

static inline bool edi_is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static inline bool edi_is_break(char c) {
    return c == '\r' || c == '\n';
}

/* `a` without the blanks at its end: filler in fixed-length elements. */
static inline span edi_trim_right(span a) {
    while (a.len > 0 && a.data[a.len - 1] == ' ')
        a.len--;
    return a;
}

/* Tags of up to four characters as one number, for switches: EDI_TAG('I','S','A',0). */
#define EDI_TAG(a, b, c, d)                                                                                            \
    ((uint32_t)(unsigned char)(a) | (uint32_t)(unsigned char)(b) << 8 | (uint32_t)(unsigned char)(c) << 16 |           \
        (uint32_t)(unsigned char)(d) << 24)

/* 0 for a tag that is empty or longer than four. Byte by byte: this is asked for every segment, and a number that was
 * written as bytes is slow to read back. */
static inline uint32_t edi_tag_of(span tag) {
    const unsigned char *t = (const unsigned char *)tag.data;
    switch (tag.len) {
    case 1: return t[0];
    case 2: return t[0] | (uint32_t)t[1] << 8;
    case 3: return t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16;
    case 4: return t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16 | (uint32_t)t[3] << 24;
    default: return 0;
    }
}

#endif
