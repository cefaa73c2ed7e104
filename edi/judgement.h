/* edi/judgement.h: what validation found, by interchange, group and document: what acknowledge.c answers from. For
 * acknowledge.c only.
 */
#ifndef BANYAN_EDI_JUDGEMENT_H
#define BANYAN_EDI_JUDGEMENT_H

#include "edi/acknowledge.h"

/* Faults lie in one list; each level has a run of them that are its own. */
typedef struct fault_run {
    size_t first, count;
} fault_run;

typedef struct judged_document {
    edi_transaction header;
    fault_run faults; /* of the document and its segments and elements */
    bool rejected, faulty;
    size_t group; /* in the list of groups; SIZE_MAX: none */
} judged_document;

typedef struct judged_group {
    edi_group header;
    fault_run faults;
    size_t first_document, document_count;
    uint64_t said; /* GE01 or UNE 0060 as sent; what was received when it said nothing */
    bool rejected, answered;
} judged_group;

typedef struct judged_interchange {
    edi_interchange header;
    fault_run faults;
    size_t first_group, group_count, first_document, document_count;
    bool rejected, only_acknowledgements;
} judged_interchange;

typedef struct judgement {
    edi_fault *faults; /* errors only, in the order of the levels' runs */
    size_t fault_count, fault_room;
    judged_document *documents;
    size_t document_count, document_room;
    judged_group *groups;
    size_t group_count, group_room;
    judged_interchange *interchanges;
    size_t interchange_count, interchange_room;
    edi_fault first; /* the first error outside any interchange */
    bool any_outside;
} judgement;

void judgement_read(judgement *j, span file, edi_library *library, const edi_acknowledge_options *options);
void judgement_free(judgement *j);

/* The code that an acknowledgement gives a fault of the envelope: its kind's, or that of the header's element. */
const char *judgement_ta1(const edi_fault *fault);
const char *judgement_ak9(const edi_fault *fault); /* NULL: none */
const char *judgement_ak5(const edi_fault *fault);
bool judgement_ta1_rejects(const char *code);

#endif
