/* edi/check.h: holds the elements of one segment, and the order of segments in a document, against a schema. For
 * validate.c, which drives it with the reader's events; values may be checked alone by the writer too.
 */
#ifndef BANYAN_EDI_CHECK_H
#define BANYAN_EDI_CHECK_H

#include "edi/reader.h"
#include "edi/schema.h"

/* Faults found at one event, in order. */
typedef struct edi_faults {
    edi_fault *list;
    size_t count, room;
    uint64_t dropped; /* beyond the most that one segment may cause */
} edi_faults;

typedef struct edi_checker edi_checker;

/* Checks what `reader` reads; faults are added to `faults`. */
edi_checker *edi_checker_new(edi_reader *reader, edi_faults *faults);
void edi_checker_free(edi_checker *checker);

/* Takes no short cuts from now on: what tests hold the short cuts against. */
void edi_checker_be_thorough(edi_checker *checker);

/* A fault at the segment in hand, in the loop that is open. The caller prints its text. */
edi_fault *edi_checker_fault(
    edi_checker *checker, edi_fault_code code, unsigned element, unsigned component, unsigned repetition, span part);

/* The business unit (a claim, a trace) that faults lie in from now on; "" for none. */
void edi_check_unit(edi_checker *checker, const char *unit, span value);

/* A new interchange begins: its delimiters and syntax hold from now on. */
void edi_check_interchange(edi_checker *checker);

/* Elements (check_elements.c): presence, notes, repetitions, types, lengths, codes, dates of the segment in hand. */
void edi_check_elements(edi_checker *checker, const edi_segment_type *type);

/* What can be wrong with one decoded value; EDI_FAULT_COUNT when nothing is. `text` (of EDI_FAULT_TEXT bytes) gets the
 * sentence. `both_marks`: comma and point are decimal marks. */
edi_fault_code edi_check_value(
    const edi_slot *slot, edi_standard standard, char decimal, bool both_marks, span value, char *text);

/* Dates that exist: CCYYMMDD or YYMMDD; times: HHMM[SS[D[D]]]. */
bool edi_is_date(span digits);
bool edi_is_time(span digits);

/* Structure (check_structure.c): which place of the schema a segment takes. */
void edi_check_begin(edi_checker *checker, const edi_schema *schema); /* NULL: nothing is known */
/* The place of the segment in hand, NULL when it has none (a fault says why). *left and *entered say how many loops
 * ended and began before it. */
const edi_node *edi_check_segment(edi_checker *checker, size_t *left, size_t *entered);
/* The document ends; `broken`: without its trailer, so that what it still lacks has one cause, which is told. */
void edi_check_end(edi_checker *checker, bool broken);

#endif
