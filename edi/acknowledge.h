/* edi/acknowledge.h: makes the 997, 999, TA1 and CONTRL that answer a file, and reads the ones that answer ours.
 *
 * Making: the file is validated and the answer says what was found, in the version received, with sender and receiver
 * swapped. Control numbers, date and time are the caller's. Acknowledgements themselves are never acknowledged.
 * Reading: plain data comes out that the engine above matches with what was sent. Used in translator processes and by
 * `banyan edi ack`.
 */
#ifndef BANYAN_EDI_ACKNOWLEDGE_H
#define BANYAN_EDI_ACKNOWLEDGE_H

#include "edi/document.h"
#include "edi/writer.h"

typedef enum edi_acknowledgement_kind {
    EDI_ACKNOWLEDGE_USUAL, /* 997 for X12, 999 for groups of a guide (005010X222A1), CONTRL for EDIFACT */
    EDI_ACKNOWLEDGE_997,
    EDI_ACKNOWLEDGE_999,
    EDI_ACKNOWLEDGE_TA1, /* of the interchange only */
    EDI_ACKNOWLEDGE_CONTRL,
} edi_acknowledgement_kind;

typedef struct edi_acknowledge_options {
    edi_acknowledgement_kind kind;
    bool with_ta1;        /* TA1 besides, where ISA14 asks for it */
    bool reject_by_ta1;   /* an X12 interchange that is rejected as a whole: a TA1 says so, in place of 997 and 999 */
    bool errors_accepted; /* documents with faults are accepted with errors, not rejected */
    bool rejected_only;   /* name only the documents that have faults */
    bool no_detail;       /* no segments and elements */
    bool receipt_only;    /* CONTRL: received, not judged (0083 = 8) */
    const char *date, *time; /* CCYYMMDD, HHMM or HHMMSS */
    edi_control control;
    void *control_context;
    /* Told whose answer the numbers that are asked for next belong to; NULL: nobody wants to know. */
    void (*answering)(void *control_context, const edi_interchange *received);
    const char *const *types; /* only documents of these types, ended by a NULL, are answered, each group and EDIFACT
                                 interchange that has one as a whole; a TA1 is due to who takes the first document;
                                 what needs another kind of answer is passed over. NULL: everything is answered, and
                                 what cannot be is an error */
    const char *suffix;       /* behind terminators of the answer; NULL: none */
    edi_validate_options validate;
} edi_acknowledge_options;

typedef struct edi_acknowledge_result {
    size_t interchanges; /* written */
    size_t documents, accepted;
    size_t skipped; /* groups, interchanges that hold acknowledgements only */
} edi_acknowledge_result;

/* Appends the answers to `out`, one interchange for each one received. ERROR_INVALID when nothing can be answered: the
 * file is no EDI, or what an answer must repeat is itself broken. */
must_check error *edi_acknowledge(
    span file, edi_library *library, const edi_acknowledge_options *options, buf *out, edi_acknowledge_result *result);

/* A control number source for the command line and tests: counts up at each level. */
typedef struct edi_counter {
    uint64_t first;
    uint64_t used[3];
} edi_counter;
error *edi_counter_control(void *counter, edi_level level, const char *kind, char number[EDI_ID_SIZE]);

typedef enum edi_outcome {
    EDI_OUTCOME_ACCEPTED,
    EDI_OUTCOME_ACCEPTED_WITH_ERRORS,
    EDI_OUTCOME_PARTIALLY_ACCEPTED, /* some documents of the group were rejected */
    EDI_OUTCOME_REJECTED,
    EDI_OUTCOME_RECEIVED, /* not judged (CONTRL 8) */
} edi_outcome;

/* One judgement of an incoming acknowledgement: about an interchange (TA1, UCI), a group (AK9, UCF) or a document (AK5,
 * UCM). A group's or interchange's judgement holds for those of its documents that have none of their own. */
typedef struct edi_acknowledged {
    edi_standard standard;
    char kind[8];                                    /* "997", "999", "TA1", "CONTRL" */
    edi_level level;                                 /* EDI_LEVEL_INTERCHANGE, _GROUP or _DOCUMENT */
    char sender[64], receiver[64];                   /* of the acknowledgement's own interchange: edi_party_text */
    char interchange_control[EDI_ID_SIZE];           /* answered: TA1, CONTRL; "" in 997 and 999 */
    char group_kind[16], group_control[EDI_ID_SIZE]; /* "" without group */
    char type[12], control[EDI_ID_SIZE];             /* of the document; "" above */
    edi_outcome outcome;
    char text[600]; /* what was wrong, in words; "" when nothing */
} edi_acknowledged;

typedef struct edi_acknowledged_list {
    edi_acknowledged *list;
    size_t count, room;
} edi_acknowledged_list;

/* All judgements of a file, in order; none when it holds no acknowledgement. */
void edi_acknowledged_read(span file, edi_acknowledged_list *list);
void edi_acknowledged_free(edi_acknowledged_list *list);

#endif
