/* tests/unit/test_edi_totals.c: what a document states of itself: CTT, CNT, and the balances of 835 and 837; matrix row
 * EX26. */
#include "tests/unit/edi_test.h"

/* Only the faults of sums and counts, with their texts. */
static const char *sums_of(const char *type, const char *kind, const char *version, const char *body) {
    static char room[4096];
    char file[4096];
    size_t len = 0;
    room[0] = '\0';
    snprintf(file, sizeof file,
        "%sGS*%s*SENDER*RECEIVER*20260101*1200*1*X*%s~ST*%s*0001~%sSE*%u*0001~GE*1*1~IEA*1*000000001~", ISA_FIXED,
        kind ? kind : "", version, type, body, count_char(body, '~') + 2);
    edi_validator *v = edi_validator_new(span_of(kind ? file : edifact_around(type, body)), test_library(), NULL);
    edi_event event;
    while ((event = edi_validator_next(v)) != EDI_END) {
        if (event != EDI_FAULT) continue;
        const edi_fault *f = edi_validator_fault(v);
        if (f->code != EDI_FAULT_BALANCE && f->code != EDI_FAULT_CONTROL_TOTAL) continue;
        len += (size_t)snprintf(room + len, sizeof room - len, "%s%s@%s%02u#%llu %s", len ? "; " : "",
            f->warning ? "?" : "", f->tag, f->element, (unsigned long long)f->position, f->text);
    }
    edi_validator_free(v);
    return room;
}

/* EX26 */
static void a_payment_is_what_its_claims_and_adjustments_make(void **state) {
    (void)state;
    static const struct {
        const char *body, *faults;
    } rows[] = {
        {"BPR*I*80*C*CHK~CLP*A*1*100*80~CAS*CO*45*20~", ""},
        {"BPR*I*80*C*CHK~CLP*A*1*100*80~SVC*HC:1*60*50~CAS*CO*45*10~SVC*HC:2*40*30~CAS*PR*1*5**2*5~", ""},
        {"BPR*I*70.5*C*CHK~CLP*A*1*100*80~CAS*CO*45*20~PLB*1*20261231*WO*9.5~", ""},
        {"BPR*I*90*C*CHK~CLP*A*1*100*80~CAS*CO*45*20~PLB*1*20261231*WO*-10~", ""},
        {"BPR*I*-80*C*CHK~CLP*A*22*-100*-80~CAS*CO*45*-20~", ""}, /* a reversal */
        {"BPR*I*80*C*CHK~CLP*A*1*100*80~CAS*CO*45*20.01~",
            "@CLP04#3 the payment of this claim (CLP04) is 80.00, but its charge (CLP03) without all adjustments (CAS) "
            "makes 79.99"},
        {"BPR*I*80*C*CHK~CLP*A*1*100*80~SVC*HC:1*100*90~CAS*CO*45*20~",
            "@SVC03#4 the payment of this service (SVC03) is 90.00, but its charge (SVC02) without its adjustments "
            "(CAS) makes 80.00"},
        {"BPR*I*81*C*CHK~CLP*A*1*100*80~CAS*CO*45*20~",
            "@BPR02#2 the payment (BPR02) is 81.00, but the sum of the claims' payments (CLP04) without the provider's "
            "adjustments (PLB) makes 80.00"},
        {"BPR*I*8x*C*CHK~CLP*A*1*100*80~", ""}, /* no number: that is another fault */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(sums_of("835", "HP", "005010X221A1", rows[i].body), rows[i].faults);
}

static void a_claim_is_the_sum_of_its_lines(void **state) {
    (void)state;
    static const struct {
        const char *body, *faults;
    } rows[] = {
        {"CLM*A*100~LX*1~SV1*HC:1*60*UN*1~LX*2~SV1*HC:2*40*UN*1~", ""},
        {"CLM*A*100~LX*1~SV2*0300*HC:1*100*UN*1~HL*9**22*0~CLM*B*5~LX*1~SV3*AD:1*5~", ""},
        {"CLM*A*100~", ""},
        {"CLM*A*100~LX*1~SV1*HC:1*60*UN*1~CLM*B*1~LX*1~SV1*HC:2*1*UN*1~",
            "@CLM02#2 the charge of this claim (CLM02) is 100.00, but the sum of its lines makes 60.00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(sums_of("837", "HC", "005010X222A1", rows[i].body), rows[i].faults);
}

static void a_control_total_that_differs_is_a_named_tolerance(void **state) {
    (void)state;
    assert_string_equal(sums_of("850", "PO", "004010", "BEG*00*SA*1**20260101~PO1*1*1*EA~PO1*2*1*EA~CTT*2~"), "");
    assert_string_equal(sums_of("850", "PO", "004010", "BEG*00*SA*1**20260101~PO1*1*1*EA~CTT*2~"),
        "?@CTT01#4 CTT says 2, there are 1 PO1");
    assert_string_equal(sums_of("ORDERS:D:96A:UN", NULL, "", "BGM+220'LIN+1'LIN+2'UNS+S'CNT+2:2'"), "");
    assert_string_equal(sums_of("ORDERS:D:96A:UN", NULL, "", "BGM+220'LIN+1'LIN+2'UNS+S'CNT+2:3'CNT+1:9'"),
        "?@CNT01#6 CNT says 3, there are 2 LIN");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payment_is_what_its_claims_and_adjustments_make),
        cmocka_unit_test(a_claim_is_the_sum_of_its_lines),
        cmocka_unit_test(a_control_total_that_differs_is_a_named_tolerance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
