/* edi/judgement.h: what validation found, by interchange, group and document: what acknowledge.c answers from. For
 * acknowledge.c, and for document.c, whose documents are refused when the answer refuses them.
 */
#ifndef BANYAN_EDI_JUDGEMENT_H
#define BANYAN_EDI_JUDGEMENT_H

#include "edi/acknowledge.h"

/* Faults lie in one list; each level has a run of them that are its own. */
typedef struct fault_run {
    uint32_t first, count;
} fault_run;

/* Small, since a file may hold a million of them: judgement_header and judgement_faults tell what it stands for. */
typedef struct judged_document {
    uint32_t kind, control; /* where in `headers` these texts of it begin */
    uint32_t group;         /* in the list of groups; JUDGED_NO_GROUP: none */
    uint32_t run : 30;      /* in `runs`, counted from 1: faults of it and its segments and elements; 0: none */
    uint32_t rejected : 1, faulty : 1;
} judged_document;

#define JUDGED_NO_GROUP UINT32_MAX

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
    edi_library *library; /* borrowed */
    /* Of documents: their control numbers, and type, version, release, association and agency where these are other
     * than those of the document before; each text with its NUL. */
    buf headers;
    judged_document *documents;
    size_t document_count, document_room;
    fault_run *runs; /* of documents */
    size_t run_count, run_room;
    judged_group *groups;
    size_t group_count, group_room;
    judged_interchange *interchanges;
    size_t interchange_count, interchange_room;
    edi_fault first; /* the first error outside any interchange */
    bool any_outside;
} judgement;

void judgement_read(judgement *j, span file, edi_library *library, const edi_acknowledge_options *options);
void judgement_free(judgement *j);

/* What a document's header says; its offset is not kept. */
edi_transaction judgement_header(const judgement *j, const judged_document *document);
fault_run judgement_faults(const judgement *j, const judged_document *document);

/* The code that an acknowledgement gives a fault of the envelope: its kind's, or that of the header's element. */
const char *judgement_ta1(const edi_fault *fault);
const char *judgement_ak9(const edi_fault *fault); /* NULL: none */
const char *judgement_ak5(const edi_fault *fault);
bool judgement_ta1_rejects(const char *code);

/* Does the fault refuse all of the envelope that it stands in? EDI_LEVEL_INTERCHANGE: the interchange; EDI_LEVEL_GROUP:
 * the group; EDI_LEVEL_DOCUMENT: neither. So says the answer, too: R in a TA1 or AK9, 4 in an UCI or UCF. */
edi_level judgement_refuses(const edi_fault *fault, edi_standard standard, bool in_group, bool in_document);

#endif
