/* edi/report.h: what `banyan edi check` says of a file, as data and as JSON.
 */
#ifndef BANYAN_EDI_REPORT_H
#define BANYAN_EDI_REPORT_H

#include "core/base/json.h"
#include "edi/validate.h"

enum { EDI_REPORT_FAULTS = 1000, EDI_REPORT_TYPES = 64 };

typedef struct edi_report {
    edi_standard standard; /* of the first interchange; EDI_NONE */
    bool mixed;            /* interchanges of several standards */
    bool valid;
    edi_totals totals;
    char types[EDI_REPORT_TYPES][12]; /* document types, in the order of their first document */
    size_t type_count;
    char schemas[EDI_REPORT_TYPES][64]; /* beside each type: "X12 004010 850"; "" when none is known */
    edi_fault *faults;                  /* the first EDI_REPORT_FAULTS errors and warnings */
    size_t fault_count, fault_room;
    uint64_t errors, warnings; /* all of them */
} edi_report;

/* Reads to the end; takes the validator, which has not been read from. */
void edi_report_read(edi_validator *take, edi_report *report);
void edi_report_free(edi_report *report);

/* {"file","standard","valid","interchanges","groups","documents","segments","types","schema","errors","warnings"}; a
 * new reference. "schema" is null when a type was held against none. */
json_t *edi_report_json(const edi_report *report, const char *file);

/* One fault as an object: {"code","text","segment","position","element","component","offset","document", ..}. */
json_t *edi_fault_json(const edi_fault *fault);

/* "PO1 at 3, element 07 (byte 1187)": the place of a fault for people; `room` is returned. */
char *edi_fault_place(const edi_fault *fault, char *room, size_t size);

#endif
