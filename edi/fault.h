/* edi/fault.h: everything that can be wrong with an interchange, as one table.
 *
 * A fault has a stable name (it stands in reports and in partner profiles), a level, the code that each
 * acknowledgement uses for it, and, where custom tolerates it, the name of the tolerance. Reader and validator only
 * name faults; reports and acknowledgements read the table.
 */
#ifndef BANYAN_EDI_FAULT_H
#define BANYAN_EDI_FAULT_H

#include "edi/syntax.h"

typedef enum edi_level {
    EDI_LEVEL_FILE,
    EDI_LEVEL_INTERCHANGE,
    EDI_LEVEL_GROUP,
    EDI_LEVEL_DOCUMENT,
    EDI_LEVEL_SEGMENT,
    EDI_LEVEL_ELEMENT
} edi_level;

typedef enum edi_fault_code {
    /* the file and its interchanges */
    EDI_FAULT_NOT_EDI,
    EDI_FAULT_OTHER_DIALECT,
    EDI_FAULT_JUNK,
    EDI_FAULT_BYTE_ORDER_MARK,
    EDI_FAULT_HEADER_SHAPE,
    EDI_FAULT_HEADER_MISSING,
    EDI_FAULT_DELIMITER_INVALID,
    EDI_FAULT_DELIMITER_CLASH,
    EDI_FAULT_VERSION_UNKNOWN,
    EDI_FAULT_REPETITION_LETTER,
    EDI_FAULT_TRUNCATED,
    EDI_FAULT_LAST_TERMINATOR,
    EDI_FAULT_LINE_BREAK,
    EDI_FAULT_BLANKS,
    EDI_FAULT_LEADING_ZEROS,
    EDI_FAULT_SHORT_DATE,
    EDI_FAULT_SERVICE_ORDER,
    EDI_FAULT_INTERCHANGE_TRAILER,
    EDI_FAULT_INTERCHANGE_REFERENCE,
    EDI_FAULT_INTERCHANGE_COUNT,
    EDI_FAULT_INTERCHANGE_DUPLICATE,
    EDI_FAULT_INTERCHANGE_EMPTY,
    EDI_FAULT_INTERCHANGE_CONTENT,
    EDI_FAULT_GROUP_HEADER,
    EDI_FAULT_GROUP_TRAILER,
    EDI_FAULT_GROUP_REFERENCE,
    EDI_FAULT_GROUP_COUNT,
    EDI_FAULT_GROUP_DUPLICATE,
    EDI_FAULT_GROUP_EMPTY,
    EDI_FAULT_GROUP_MIXED,
    EDI_FAULT_GROUP_LOOSE,
    EDI_FAULT_DOCUMENT_HEADER,
    EDI_FAULT_DOCUMENT_TRAILER,
    EDI_FAULT_DOCUMENT_REFERENCE,
    EDI_FAULT_DOCUMENT_COUNT,
    EDI_FAULT_DOCUMENT_DUPLICATE,
    EDI_FAULT_DOCUMENT_GROUP,
    EDI_FAULT_DOCUMENT_EMPTY,
    /* segments */
    EDI_FAULT_SEGMENT_OUTSIDE,
    EDI_FAULT_SEGMENT_EMPTY,
    EDI_FAULT_SEGMENT_TAG,
    EDI_FAULT_SEGMENT_LIMIT,
    EDI_FAULT_ELEMENT_LIMIT,
    EDI_FAULT_RELEASE_AT_END,
    EDI_FAULT_BINARY_LENGTH,
    EDI_FAULT_PACKAGE,
    EDI_FAULT_TRAILING_SEPARATOR,
    EDI_FAULT_SEGMENT_UNKNOWN,
    EDI_FAULT_SEGMENT_NOT_IN_SET,
    EDI_FAULT_SEGMENT_UNEXPECTED,
    EDI_FAULT_SEGMENT_MISSING,
    EDI_FAULT_SEGMENT_ORDER,
    EDI_FAULT_SEGMENT_REPEATED,
    EDI_FAULT_SEGMENT_NOT_USED,
    EDI_FAULT_LOOP_REPEATED,
    EDI_FAULT_LOOP_MISSING,
    EDI_FAULT_LOOP_BRACKET,
    EDI_FAULT_HIERARCHY,
    EDI_FAULT_CONTROL_TOTAL,
    EDI_FAULT_BALANCE,
    /* elements */
    EDI_FAULT_ELEMENT_MISSING,
    EDI_FAULT_ELEMENT_CONDITIONAL,
    EDI_FAULT_ELEMENT_EXCLUDED,
    EDI_FAULT_ELEMENT_NOT_USED,
    EDI_FAULT_ELEMENTS_MANY,
    EDI_FAULT_COMPONENTS_MANY,
    EDI_FAULT_REPETITIONS_MANY,
    EDI_FAULT_VALUE_SHORT,
    EDI_FAULT_VALUE_LONG,
    EDI_FAULT_VALUE_CHARACTER,
    EDI_FAULT_VALUE_NUMBER,
    EDI_FAULT_VALUE_CODE,
    EDI_FAULT_VALUE_CODE_NOT_USED,
    EDI_FAULT_VALUE_DATE,
    EDI_FAULT_VALUE_TIME,
    EDI_FAULT_VALUE_BLANK,
    EDI_FAULT_CHARACTER_SET,
    EDI_FAULT_COUNT
} edi_fault_code;

typedef struct edi_fault_kind {
    const char *name; /* "segment-missing" */
    edi_level level;
    bool tolerated;      /* customary: a warning unless the profile is strict; the name is the tolerance's name */
    const char *x12;     /* the code in TA105, AK905, AK502, AK304 or AK403, by level; NULL: none */
    const char *x12_999; /* where 999 has one of its own; NULL: the same */
    int edifact;         /* 0085; 0: none */
} edi_fault_kind;

const edi_fault_kind *edi_fault_kind_of(edi_fault_code code);
bool edi_fault_named(span name, edi_fault_code *code);

/* The element of the acknowledgement in which the X12 code of this level stands: "TA105", "AK905", "AK502", "AK304",
 * "AK403"; "" for the file. */
const char *edi_level_x12(edi_level level);

enum { EDI_FAULT_TEXT = 320, EDI_FAULT_VALUE = 100 };

/* One fault at its place. Plain data: nothing in it points anywhere but to static text and compiled schemas. */
typedef struct edi_fault {
    edi_fault_code code;
    bool warning;            /* a tolerated custom */
    uint64_t offset;         /* of the first byte concerned, in the file */
    uint64_t segment_number; /* in the file, from 1; 0: no segment */
    uint64_t position;       /* in the document, its header being 1; in the file outside documents */
    char tag[8];
    unsigned element, component, repetition; /* from 1; 0: not that deep */
    unsigned definition;                     /* data element number of the dictionary; 0: not known */
    char value[EDI_FAULT_VALUE];             /* as found, shortened; "" when there is none */
    bool value_whole;                        /* the value is complete and has only printable characters */
    char document[40];                       /* control number of the document it lies in; "" outside */
    char text[EDI_FAULT_TEXT];               /* a sentence */
    char expected[80]; /* the only value that would be right here, when there is one: a count, a reference, a
                          missing trailer */
    char loop[64];     /* the path of loops, "PO1/N1" or "2000A/2010AA"; "" without schema */
    char unit[28], unit_value[40]; /* the business unit of a guide it lies in: "CLM01" and the claim's number; "" */
    unsigned trigger, trigger_definition; /* the element whose presence makes this one necessary; 0: none */
} edi_fault;

#endif
