/* edi/check_totals.h: sums and counts that a document states of itself: CTT of X12, CNT of EDIFACT, and the balances of
 * the health care claim (837) and its payment (835) that the guides define (SNIP type 3). For validate.c.
 */
#ifndef BANYAN_EDI_CHECK_TOTALS_H
#define BANYAN_EDI_CHECK_TOTALS_H

#include "edi/check.h"

typedef enum edi_totals_kind {
    EDI_TOTALS_NONE,
    EDI_TOTALS_X12_LINES,     /* CTT01 counts the segments of one tag */
    EDI_TOTALS_EDIFACT_LINES, /* CNT+2 counts LIN */
    EDI_TOTALS_CLAIM,         /* 837: CLM02 is the sum of its lines' charges */
    EDI_TOTALS_PAYMENT,       /* 835: SVC, CLP and BPR */
} edi_totals_kind;

/* Amounts are kept in ten-thousandths. */
typedef struct edi_balance {
    edi_totals_kind kind;
    uint32_t line_key, total_key; /* of the segments that are counted, and of the one that tells how many there are */
    uint64_t lines;
    bool broken; /* an amount cannot be read: nothing is summed up any more */

    bool claim, service, line; /* one is open */
    char claim_id[40];
    edi_fault claim_place, service_place, payment_place; /* where what was stated stands */
    int64_t claim_charge, claim_paid, claim_adjusted, claim_lines;
    int64_t service_charge, service_paid, service_adjusted;
    int64_t payment, paid, provider_adjusted;
    bool payment_seen;
} edi_balance;

void edi_balance_begin(edi_balance *balance, edi_standard standard, const char *type, const char *version);
/* Does it look at segments of this tag? */
static inline bool edi_balance_wants(const edi_balance *balance, uint32_t key) {
    return key == balance->line_key || key == balance->total_key || balance->kind >= EDI_TOTALS_CLAIM;
}

/* A segment that is counted and no more: then it was. */
static inline bool edi_balance_counts(edi_balance *balance, uint32_t key) {
    bool counted = balance->kind < EDI_TOTALS_CLAIM && key == balance->line_key;
    balance->lines += counted;
    return counted;
}

void edi_balance_segment(edi_balance *balance, edi_checker *checker, edi_reader *reader, uint32_t key);
void edi_balance_end(edi_balance *balance, edi_checker *checker);

#endif
