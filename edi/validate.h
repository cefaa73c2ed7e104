/* edi/validate.h: the reader's events with everything that a schema can say about them.
 *
 * The same events come in the same order; faults of the schema are put between them: behind the event of the segment
 * concerned, before the end of a document for what is missing there. Envelopes are held against the service segments,
 * documents against the schema of their type and version, as far as one is known. Used in translator processes and by
 * `banyan edi`; the library is borrowed.
 */
#ifndef BANYAN_EDI_VALIDATE_H
#define BANYAN_EDI_VALIDATE_H

#include "edi/reader.h"
#include "edi/schema.h"

typedef struct edi_validator edi_validator;

typedef struct edi_validate_options {
    edi_reader_options reader;
    const edi_schema *schema; /* hold documents of its type against this one; NULL: found by type and version */
    bool envelope_only;       /* no schemas of documents */
    bool places_only;         /* which place each segment takes, and the reader's faults; values are not looked at */
    bool thorough;            /* no short cuts; the same verdicts, slower: for tests */
    const char *repeated;     /* control number of interchanges that came in another file before; NULL: none did */
} edi_validate_options;

edi_validator *edi_validator_new(span file, edi_library *library, const edi_validate_options *options);
edi_validator *edi_validator_open(
    edi_source source, void *context, edi_library *library, const edi_validate_options *options);

/* The next event, EDI_END at the end. */
edi_event edi_validator_next(edi_validator *validator);

/* The same without EDI_SEGMENT, for who wants to know what is wrong and how things nest: segments of documents with
 * nothing wrong are passed at once. */
edi_event edi_validator_next_told(edi_validator *validator);

/* The fault of EDI_FAULT; lives until the next event. */
const edi_fault *edi_validator_fault(const edi_validator *validator);

/* For segments, elements, what is open, and counts. */
edi_reader *edi_validator_reader(edi_validator *validator);

/* The schema of the document in hand, NULL when none is known; *exact: of the very version that it names. */
const edi_schema *edi_validator_schema(const edi_validator *validator, bool *exact);

/* The place that the segment in hand takes in it (NULL: none), and how many loops ended and began before it. */
const edi_node *edi_validator_node(const edi_validator *validator, size_t *left, size_t *entered);

/* The checker, for who goes on by its and the reader's short ways himself and looks at places only; NULL while faults
 * wait. */
struct edi_checker *edi_validator_quick(edi_validator *validator);

/* The definition of the segment in hand, also of service segments and of ones without place; NULL when unknown. */
const edi_segment_type *edi_validator_definition(const edi_validator *validator);

void edi_validator_free(edi_validator *validator);

#endif
