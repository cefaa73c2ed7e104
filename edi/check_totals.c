/* edi/check_totals.c: see check_totals.h. The rules: CTT01 is the number of line items (X12 set notes), CNT with 6069 =
 * 2 the number of LIN (code list 6069). 835: SVC03 = SVC02 - its CAS; CLP04 = CLP03 - all CAS of the claim; BPR02 = sum
 * of CLP04 - PLB. 837: CLM02 = sum of the charges of its lines.
 */
#include "edi/check_totals.h"

#include "edi/check_internal.h"

#include <stdio.h>

enum { SCALE_DIGITS = 4 };

void edi_balance_begin(edi_balance *b, edi_standard standard, const char *type, const char *version) {
    static const char lines[][2][4] = {{"850", "PO1"}, {"855", "PO1"}, {"860", "POC"}, {"865", "POC"}, {"810", "IT1"},
        {"856", "HL"}, {"830", "LIN"}, {"862", "LIN"}, {"846", "LIN"}, {"832", "LIN"}};
    static const char messages[][8] = {"ORDERS", "ORDRSP", "ORDCHG", "INVOIC"};
    *b = (edi_balance){.kind = EDI_TOTALS_NONE};
    if (standard == EDI_X12 && strncmp(version, "005010", 6) == 0 && type[0] == '8' && type[1] == '3') {
        if (strcmp(type, "835") == 0) b->kind = EDI_TOTALS_PAYMENT;
        if (strcmp(type, "837") == 0) b->kind = EDI_TOTALS_CLAIM;
    }
    for (size_t i = 0; standard == EDI_X12 && i < sizeof lines / sizeof lines[0]; i++) {
        if (strcmp(lines[i][0], type) != 0) continue;
        b->kind = EDI_TOTALS_X12_LINES;
        b->line_key = edi_tag_of(span_of(lines[i][1]));
        b->total_key = EDI_TAG('C', 'T', 'T', 0);
    }
    for (size_t i = 0; standard == EDI_EDIFACT && i < sizeof messages / sizeof messages[0]; i++) {
        if (strcmp(messages[i], type) != 0) continue;
        b->kind = EDI_TOTALS_EDIFACT_LINES;
        b->line_key = EDI_TAG('L', 'I', 'N', 0);
        b->total_key = EDI_TAG('C', 'N', 'T', 0);
    }
}

/* Digits with a sign and a point, as far as they fit; false when they do not. Absent is zero. */
static bool amount(span value, int64_t *out) {
    int64_t number = 0;
    int fraction = -1;
    bool negative = value.len > 0 && value.data[0] == '-';
    *out = 0;
    for (size_t i = negative; i < value.len; i++) {
        char c = value.data[i];
        if (c == '.' && fraction < 0) {
            fraction = 0;
            continue;
        }
        if (c < '0' || c > '9' || fraction >= SCALE_DIGITS || number > INT64_MAX / 100000000) return false;
        number = number * 10 + (c - '0');
        if (fraction >= 0) fraction++;
    }
    for (int i = fraction < 0 ? 0 : fraction; i < SCALE_DIGITS; i++)
        number *= 10;
    *out = negative ? -number : number;
    return true;
}

static const char *in_words(int64_t number, char room[32]) {
    uint64_t magnitude = number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;
    unsigned long long whole = magnitude / 10000, rest = magnitude % 10000;
    snprintf(room, 32, rest % 100 ? "%s%llu.%04llu" : "%s%llu.%02llu", number < 0 ? "-" : "", whole,
        rest % 100 ? rest : rest / 100);
    return room;
}

static span element_of(edi_reader *reader, size_t index) {
    size_t count;
    const span *elements = edi_reader_elements(reader, &count);
    return index <= count ? elements[index - 1] : (span){NULL, 0};
}

static int64_t amount_of(edi_balance *b, edi_reader *reader, size_t index) {
    int64_t value;
    if (!amount(element_of(reader, index), &value)) b->broken = true;
    return value;
}

/* Remembers the place of a stated amount, so that a fault found later is told there. */
static void mark(edi_checker *checker, edi_reader *reader, unsigned element, edi_fault *place) {
    size_t before = checker->faults->count; /* made like any other, then taken out of the list again */
    *place = *edi_checker_fault(checker, EDI_FAULT_BALANCE, element, 0, 0, element_of(reader, element));
    place->definition = 782;
    checker->faults->count = before;
}

static void tell(
    edi_checker *checker, const edi_fault *place, const char *what, int64_t stated, int64_t computed, const char *how) {
    char a[32], b[32];
    edi_fault *fault = edi_checker_fault(checker, EDI_FAULT_BALANCE, place->element, 0, 0, (span){NULL, 0});
    *fault = *place;
    snprintf(fault->text, sizeof fault->text, "%s is %s, but %s makes %s", what, in_words(stated, a), how,
        in_words(computed, b));
}

/* The sum of the amounts of a CAS: elements 3, 6, 9 .. 18. */
static int64_t adjustments(edi_balance *b, edi_reader *reader) {
    int64_t sum = 0;
    for (size_t i = 3; i <= 18; i += 3)
        sum += amount_of(b, reader, i);
    return sum;
}

static void end_service(edi_balance *b, edi_checker *checker) {
    if (b->service && !b->broken && b->service_charge - b->service_adjusted != b->service_paid)
        tell(checker, &b->service_place, "the payment of this service (SVC03)", b->service_paid,
            b->service_charge - b->service_adjusted, "its charge (SVC02) without its adjustments (CAS)");
    b->claim_adjusted += b->service ? b->service_adjusted : 0;
    b->service = false;
}

static void end_claim(edi_balance *b, edi_checker *checker) {
    end_service(b, checker);
    if (b->claim && !b->broken) {
        if (b->kind == EDI_TOTALS_CLAIM && b->line && b->claim_charge != b->claim_lines)
            tell(checker, &b->claim_place, "the charge of this claim (CLM02)", b->claim_charge, b->claim_lines,
                "the sum of its lines");
        if (b->kind == EDI_TOTALS_PAYMENT && b->claim_paid != b->claim_charge - b->claim_adjusted)
            tell(checker, &b->claim_place, "the payment of this claim (CLP04)", b->claim_paid,
                b->claim_charge - b->claim_adjusted, "its charge (CLP03) without all adjustments (CAS)");
    }
    b->claim = b->line = false;
}

static void claim_segment(edi_balance *b, edi_checker *checker, edi_reader *reader, uint32_t key) {
    size_t charge = 0;
    switch (key) {
    case EDI_TAG('C', 'L', 'M', 0):
        end_claim(b, checker);
        b->claim = true;
        b->claim_charge = amount_of(b, reader, 2);
        b->claim_lines = 0;
        mark(checker, reader, 2, &b->claim_place);
        return;
    case EDI_TAG('H', 'L', 0, 0): end_claim(b, checker); return;
    case EDI_TAG('S', 'V', '1', 0):
    case EDI_TAG('S', 'V', '3', 0): charge = 2; break;
    case EDI_TAG('S', 'V', '2', 0): charge = 3; break;
    default: return;
    }
    b->line = true;
    b->claim_lines += amount_of(b, reader, charge);
}

static void payment_segment(edi_balance *b, edi_checker *checker, edi_reader *reader, uint32_t key) {
    switch (key) {
    case EDI_TAG('B', 'P', 'R', 0):
        b->payment = amount_of(b, reader, 2);
        b->payment_seen = true;
        mark(checker, reader, 2, &b->payment_place);
        return;
    case EDI_TAG('C', 'L', 'P', 0):
        end_claim(b, checker);
        b->claim = true;
        b->claim_charge = amount_of(b, reader, 3);
        b->claim_paid = amount_of(b, reader, 4);
        b->claim_adjusted = 0;
        b->paid += b->claim_paid;
        mark(checker, reader, 4, &b->claim_place);
        return;
    case EDI_TAG('S', 'V', 'C', 0):
        end_service(b, checker);
        b->service = b->claim;
        b->service_charge = amount_of(b, reader, 2);
        b->service_paid = amount_of(b, reader, 3);
        b->service_adjusted = 0;
        mark(checker, reader, 3, &b->service_place);
        return;
    case EDI_TAG('C', 'A', 'S', 0):
        *(b->service ? &b->service_adjusted : &b->claim_adjusted) += adjustments(b, reader);
        return;
    case EDI_TAG('L', 'X', 0, 0): end_claim(b, checker); return;
    case EDI_TAG('P', 'L', 'B', 0):
        end_claim(b, checker);
        for (size_t i = 4; i <= 14; i += 2)
            b->provider_adjusted += amount_of(b, reader, i);
        return;
    default: return;
    }
}

/* "CTT01 says 3, there are 2 PO1" */
static void check_lines(edi_balance *b, edi_checker *checker, edi_reader *reader, span said, unsigned element,
    unsigned component, const char *tag) {
    uint64_t number;
    if (b->lines == 0 || !span_to_u64(said, 0, UINT64_MAX, &number) || number == b->lines) return;
    edi_fault *fault = edi_checker_fault(checker, EDI_FAULT_CONTROL_TOTAL, element, component, 0, said);
    (void)reader;
    snprintf(fault->text, sizeof fault->text, "%s says %llu, there are %llu %s", fault->tag, (unsigned long long)number,
        (unsigned long long)b->lines, tag);
    snprintf(fault->expected, sizeof fault->expected, "%llu", (unsigned long long)b->lines);
}

void edi_balance_segment(edi_balance *b, edi_checker *checker, edi_reader *reader, uint32_t key) {
    switch (b->kind) {
    case EDI_TOTALS_X12_LINES:
        b->lines += key == b->line_key;
        if (key == b->total_key) {
            char tag[5] = {0};
            memcpy(tag, &b->line_key, 4);
            check_lines(b, checker, reader, element_of(reader, 1), 1, 0, tag);
        }
        break;
    case EDI_TOTALS_EDIFACT_LINES:
        b->lines += key == b->line_key;
        if (key == b->total_key) {
            const edi_delimiters *d = &edi_reader_interchange(reader)->delimiters;
            span total = element_of(reader, 1);
            if (span_is(edi_part(total, d->component, d->release, 0), "2"))
                check_lines(b, checker, reader, edi_part(total, d->component, d->release, 1), 1, 2, "LIN");
        }
        break;
    case EDI_TOTALS_CLAIM: claim_segment(b, checker, reader, key); break;
    case EDI_TOTALS_PAYMENT: payment_segment(b, checker, reader, key); break;
    case EDI_TOTALS_NONE: break;
    }
}

void edi_balance_end(edi_balance *b, edi_checker *checker) {
    if (b->kind == EDI_TOTALS_CLAIM || b->kind == EDI_TOTALS_PAYMENT) end_claim(b, checker);
    if (b->kind == EDI_TOTALS_PAYMENT && b->payment_seen && !b->broken && b->payment != b->paid - b->provider_adjusted)
        tell(checker, &b->payment_place, "the payment (BPR02)", b->payment, b->paid - b->provider_adjusted,
            "the sum of the claims' payments (CLP04) without the provider's adjustments (PLB)");
    b->kind = EDI_TOTALS_NONE;
}
