/* edi/header.h: recognises the beginning of an interchange and learns its delimiters.
 *
 * ISA says them by its fixed positions, UNA names them, UNB without UNA means the defaults (or the control characters
 * of level B). Nothing is guessed from the text except where a file has no header at all. Called by the reader only.
 */
#ifndef BANYAN_EDI_HEADER_H
#define BANYAN_EDI_HEADER_H

#include "edi/fault.h"

typedef enum edi_header_outcome {
    EDI_HEADER_NONE,    /* no interchange begins here */
    EDI_HEADER_FOUND,   /* it can be read, perhaps with a fault */
    EDI_HEADER_REFUSED, /* it begins here, but its delimiters make no sense: `fault` says why */
} edi_header_outcome;

typedef struct edi_header {
    edi_delimiters delimiters;
    bool una, interactive, headless;
    size_t prefix; /* bytes before the header segment: UNA and the blanks behind it */
    size_t end;    /* X12: where the header's terminator stands, from the start; 0: to be searched */
    int syntax;    /* EDIFACT syntax version, 0 unknown */
    bool faulty;
    edi_fault_code fault;
    unsigned fault_element;
    size_t fault_at; /* from the start */
    char text[200];
} edi_header;

/* How many bytes edi_header_read wants to see, when there are so many. */
enum { EDI_HEADER_BYTES = 4096 };

edi_header_outcome edi_header_read(span at, edi_header *header);

/* Does an interchange plausibly begin here? Stricter than edi_header_read: for looking through junk. */
bool edi_header_begins(span at);

/* The first place at or after `from` where one begins; in.len when there is none. */
size_t edi_header_search(span in, size_t from);

/* Is this the beginning of a dialect that we know by name but do not read ("HL7 version 2")? NULL else. */
const char *edi_header_other(span at);

#endif
