/* edi/explain.h: a file for people: segments under their loops, elements by name, codes with their meaning, dates and
 * amounts written out, faults at their place. For `banyan edi explain` and the message page.
 */
#ifndef BANYAN_EDI_EXPLAIN_H
#define BANYAN_EDI_EXPLAIN_H

#include "edi/json.h"

typedef struct edi_explain_options {
    edi_validate_options validate;
    bool colour; /* escape sequences of a terminal */
} edi_explain_options;

/* Writes text (UTF-8, control characters shown as dots). Never fails but when the sink does. */
must_check error *edi_explain(
    span file, edi_library *library, const edi_explain_options *options, edi_sink sink, void *context);

#endif
