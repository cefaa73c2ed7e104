/* tests/unit/test_edi_matrix.c: rows of the test matrix that belong to no single part of the engine: what stands in the
 * file, and what is said of it. Rows EX25, EX28, EF05, EF07, EF13, EF16, EF17, EF19. */
#include "tests/unit/edi_test.h"

typedef struct row {
    const char *file, *faults;
} row;

static void expect(const char *id, const row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *faults = faults_with(span_of(rows[i].file), NULL, NULL);
        if (strcmp(faults, rows[i].faults) != 0) print_message("%s, row %zu: %s\n", id, i, rows[i].file);
        assert_string_equal(faults, rows[i].faults);
        expect_short_cuts_agree(span_of(rows[i].file), test_library());
    }
}

#define EXPECT(id, rows) expect(id, rows, sizeof(rows) / sizeof((rows)[0]))

/* ---- HIPAA ---- */

#define CLAIM                                                                                                          \
    "CLM*C1*150***11:B:1*Y*A*Y*Y~"                                                                                     \
    "HI*ABK:J20*ABF:J21*ABF:J22*ABF:J23*ABF:J24*ABF:J25*ABF:J26*ABF:J27*ABF:J28*ABF:J29~"                              \
    "HI*BP:11111~HI*BG:01~HI*BG:02~"
#define LINE "LX*1~SV1*HC:99213*150*UN*1***1~DTP*472*D8*20260101~"

static const char *claim(const char *body) {
    static char file[8192], set[8192];
    snprintf(set, sizeof set,
        "ST*837*0001*005010X222A1~BHT*0019*00*1*20260101*1200*CH~NM1*41*2*SENDER*****46*S1~PER*IC*A*TE*5551234~"
        "NM1*40*2*RECEIVER*****46*R1~HL*1**20*1~NM1*85*2*CLINIC*****XX*1234567893~N3*1 STREET~N4*TOWN*NY*100010000~"
        "REF*EI*123456789~%s",
        body);
    snprintf(file, sizeof file,
        "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*1200*^*00501*000000001*0*P*:~"
        "GS*HC*SENDER*RECEIVER*20260101*1200*1*X*005010X222A1~%sSE*%u*0001~GE*1*1~IEA*1*000000001~",
        set, count_char(set, '~') + 1);
    return file;
}

#define SUBSCRIBER(children)                                                                                           \
    "HL*2*1*22*" children "~SBR*P*18*******CI~NM1*IL*1*DOE*JANE****MI*M1~N3*2 STREET~N4*TOWN*NY*100010000~"            \
    "DMG*D8*19700101*F~NM1*PR*2*PAYER*****PI*P1~"
#define INSURED "HL*2*1*22*1~SBR*P********CI~NM1*IL*1*DOE*JANE****MI*M1~NM1*PR*2*PAYER*****PI*P1~"
#define PATIENT "HL*3*2*23*0~PAT*19~NM1*QC*1*DOE*BOB~N3*2 STREET~N4*TOWN*NY*100010000~DMG*D8*20100101*M~"

/* EX25 */
static void claims_stand_below_subscriber_and_patient_and_parties_are_told_apart(void **state) {
    (void)state;
    static const struct {
        const char *body, *faults;
    } rows[] = {
        {SUBSCRIBER("0") CLAIM LINE, ""},
        {INSURED PATIENT CLAIM LINE, ""},
        {SUBSCRIBER("0") CLAIM "NM1*DN*1*A*B~NM1*P3*1*C*D~NM1*82*1*E*F****XX*1234567893~PRV*PE*PXC*207Q00000X~NM1*77*2*"
                               "G~N3*1~N4*TOWN*NY*10001~"
                               "NM1*DQ*1*H*I~NM1*PW*2~N3*1~N4*TOWN*NY*10001~NM1*45*2~N3*1~N4*TOWN*NY*10001~" LINE,
            ""},
        {SUBSCRIBER("0") CLAIM "NM1*DN*1*A*B~NM1*DN*1*C*D~NM1*DN*1*E*F~" LINE, "loop-repeated@NM1"},
        {SUBSCRIBER("0") CLAIM "NM1*ZZ*1*A*B~" LINE, "segment-unexpected@NM1"},
        {SUBSCRIBER("0") "CLM*C1*150***11:B:1*Y*A*Y*Y~HI*:J20~" LINE, "segment-unexpected@HI segment-missing@HI"},
        {SUBSCRIBER("0") "CLM*C1*150***11:B:1*Y*A*Y*Y~" LINE, "segment-missing@HI"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *file = claim(rows[i].body), *faults = faults_with(span_of(file), NULL, NULL);
        if (strcmp(faults, rows[i].faults) != 0) print_message("EX25, row %zu: %s\n", i, file);
        assert_string_equal(faults, rows[i].faults);
        expect_short_cuts_agree(span_of(file), test_library());
    }
}

/* EX28 */
static void a_wrong_component_separator_is_suspected(void **state) {
    (void)state;
    const char *file = claim(SUBSCRIBER("0") "CLM*C1*150***11>B>1*Y*A*Y*Y~HI*ABK:J20~" LINE);
    edi_validator *v = edi_validator_new(span_of(file), test_library(), NULL);
    bool told = false;
    for (edi_event event; (event = edi_validator_next(v)) != EDI_END;) {
        if (event != EDI_FAULT || edi_validator_fault(v)->code != EDI_FAULT_VALUE_LONG) continue;
        assert_non_null(strstr(edi_validator_fault(v)->text, "is \">\" meant to"));
        told = true;
    }
    edi_validator_free(v);
    assert_true(told);
}

/* ---- EDIFACT ---- */

#define ORDER(sign, quantity)                                                                                          \
    sign "UNB+UNOC:3+S+R+260101:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220+1+9'DTM+137:20260101:102'LIN+1'"                  \
         "QTY+21:" quantity "'UNS+S'UNT+7+1'UNZ+1+1'"
#define ORDER4(sign, quantity)                                                                                         \
    sign "UNB+UNOC:4+S+R+20260101:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220+1+9'DTM+137:20260101:102'LIN+1'"                \
         "QTY+21:" quantity "'UNS+S'UNT+7+1'UNZ+1+1'"

/* EF05: the mark of UNA holds before version 4, either mark without UNA and from version 4 on */
static void the_decimal_mark_is_that_of_una(void **state) {
    (void)state;
    static const row rows[] = {
        {ORDER("UNA:+,? '", "1,5"), ""},
        {ORDER("UNA:+,? '", "1.5"), "value-number@QTY01-2"},
        {ORDER("UNA:+.? '", "1.5"), ""},
        {ORDER("UNA:+.? '", "1,5"), "value-number@QTY01-2"},
        {ORDER("", "1.5"), ""},
        {ORDER("", "1,5"), ""},
        {ORDER("", "1,000.5"), "value-number@QTY01-2"},
        {ORDER("UNA:+.? '", ".5"), "value-number@QTY01-2"},
        {ORDER("UNA:+.? '", "5."), "value-number@QTY01-2"},
        {ORDER("UNA:+.? '", "-5"), ""},
        {ORDER4("UNA:+.?*'", "1,5"), ""},
        {ORDER4("UNA:+,?*'", "1.5"), ""},
    };
    EXPECT("EF05", rows);
}

#define UNB3(header) "UNB+" header "'UNH+1+XYZ:D:96A:UN'AAA+1'UNT+3+1'UNZ+1+1'"

/* EF07 */
static void each_element_of_unb_is_judged_by_its_syntax_version(void **state) {
    (void)state;
    static const row rows[] = {
        {UNB3("UNOC:3+S:14+R:14+260101:1200+1++++++1"), ""},
        {UNB3("UNOC+S+R+260101:1200+1"), "element-missing@UNB01-2"},
        {UNB3("UNOC:3++R+260101:1200+1"), "element-missing@UNB02"},
        {UNB3("UNOC:3+S++260101:1200+1"), "element-missing@UNB03"},
        {UNB3("UNOC:3+S+R++1"), "element-missing@UNB04"},
        {UNB3("UNOC:3+S+R+260101+1"), "element-missing@UNB04-2"},
        {UNB3("UNOC:3+S+R+20260101:1200+1"), "value-long@UNB04-1"},
        {UNB3("UNOC:4+S+R+260101:1200+1"), "?short-date@UNB04-1"},
        {UNB3("UNOC:4+S+R+20260101:1200+1"), ""},
        {UNB3("UNOC:3+S+R+260132:1200+1"), "value-date@UNB04-1"},
        {UNB3("UNOC:3+S+R+260101:2400+1"), "value-time@UNB04-2"},
        {UNB3("UNOC:3+S:12345+R+260101:1200+1"), "value-long@UNB02-2"},
        {UNB3("UNOC:4+S+R+20260101:1200+1++++2++2"), ""},
        {UNB3("UNOC:4+S+R+20260101:1200+1++++3"), "value-code@UNB09"},
        {UNB3("UNOC:4+S+R+20260101:1200+1++++++9"), "value-code@UNB11"},
    };
    EXPECT("EF07", rows);
}

#define PARTNERS4(una, version, element)                                                                               \
    una "UNB+UNOC:" version ":1200+1'UNH+1+ORDERS:D:01B:UN'BGM+220+1+9'DTM+137:20260101:102'ALI+" element              \
        "'LIN+1'UNS+S'UNT+7+1'UNZ+1+1'"

/* EF13: repetitions from version 4 on, as far as the directory has places of the same kind; before it data */
static void repetitions_belong_to_version_4(void **state) {
    (void)state;
    static const row rows[] = {
        {PARTNERS4("", "4+S+R+20260101", "DE++1*2*3*4*5"), ""},
        {PARTNERS4("", "4+S+R+20260101", "DE++1*2*3*4*5*6"), "repetitions-many@ALI03"},
        {PARTNERS4("", "4+S+R+20260101", "DE*FR++1"), "repetitions-many@ALI01"},
        {PARTNERS4("UNA:+.?^'", "4+S+R+20260101", "DE++1^2"), ""},
        {PARTNERS4("", "3+S+R+260101", "DE++1+2+3+4+5"), ""},
        {PARTNERS4("", "3+S+R+260101", "D*E++1"), ""},
        {PARTNERS4("", "3+S+R+260101", "DE++1*2"), ""},
    };
    EXPECT("EF13", rows);
}

/* EF16 */
static void interactive_interchanges_are_counted_and_named(void **state) {
    (void)state;
    static const char file[] = "UIB+UNOA:1+REF+++S+R+20260101:120000'UIH+SCRIPT:010:006:NEWRX+1'AAA+1'UIT+1+3'"
                               "UIH+SCRIPT:010:006:NEWRX+2'AAA+1'UIT+2+3'UIZ+REF+2'";
    edi_totals totals;
    const char *faults = faults_with(SPAN(file), NULL, &totals);
    if (*faults) print_message("%s\n", faults);
    assert_int_equal(totals.interchanges, 1);
    assert_int_equal(totals.documents, 2);
    assert_int_equal(totals.segments, 8);
    edi_validator *v = edi_validator_new(SPAN(file), test_library(), NULL);
    unsigned named = 0;
    for (edi_event event; (event = edi_validator_next(v)) != EDI_END;)
        named += event == EDI_DOCUMENT && strcmp(edi_reader_document(edi_validator_reader(v))->type, "SCRIPT") == 0;
    edi_validator_free(v);
    assert_int_equal(named, 2);
}

/* EF17 */
static void bare_segments_blanks_and_small_letters_are_told(void **state) {
    (void)state;
    static const row rows[] = {
        {UNB3("UNOC:3+S+R+260101:1200+1"), ""},
        {"UNB+UNOC:3+S+R+260101:1200+1'UNH+1+PNRGOV:10:1:IA'SRC'AAA+1'UNT+4+1'UNZ+1+1'", ""},
        {"UNB+UNOC:3+S+R+260101:1200+1'UNH+1+ORDERS:D:96A:UN'BGM'DTM+137:20260101:102'LIN+1'UNS+S'UNT+6+1'UNZ+1+1'",
            ""},
        {"UNB+UNOC:3+S+R+260101:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220'DTM'LIN+1'UNS+S'UNT+6+1'UNZ+1+1'",
            "element-missing@DTM01"},
        {"UNB+UNOC:3+S+R+260101:1200+1' UNH+1+XYZ:D:96A:UN' AAA+1'UNT+3+1'UNZ+1+1'", "?blanks-between-segments@UNB"},
        {"UNB+UNOC:3+S+R+260101:1200+1'UNH+1+XYZ:D:96A:UN'aaa+1'UNT+3+1'UNZ+1+1'", "segment-tag@aaa"},
    };
    EXPECT("EF17", rows);
}

/* EF19: what a document of a hundred thousand lines holds is judged like that of one; twice as many take no more memory
 * (bench_edi_memory measures it) */
static void a_hundred_thousand_lines_are_one_document(void **state) {
    (void)state;
    enum { LINES = 100000 };
    buf file = BUF_MAX(64 << 20);
    buf_add_text(&file, UNB_PLAIN "UNH+1+ORDERS:D:96A:UN'BGM+220+1+9'DTM+137:20260101:102'");
    for (unsigned i = 1; i <= LINES; i++)
        buf_printf(&file, "LIN+%u++4012345678901:EN'QTY+21:%u'", i, i);
    buf_printf(&file, "UNS+S'CNT+2:%u'UNT+%u+1'UNZ+1+REF1'", LINES, 2 * LINES + 6);
    edi_totals totals;
    assert_string_equal(faults_with(buf_span(&file), NULL, &totals), "");
    assert_int_equal(totals.segments, 2 * LINES + 8);
    buf_free(&file);
}

/* ---- TRADACOMS ---- */

#define STX "STX=ANA:1+5000000000000:A+5010000000000:B+070315:130233+7+P+ORDHDR+B'"
#define ONE(number) "MHD=" number "+UTLHDR:3'TYP=0430'MTR=3'"

static void a_tradacoms_transmission_counts_its_messages(void **state) {
    (void)state;
    static const row rows[] = {
        {STX ONE("1") ONE("2") "END=2'", ""},
        {STX "BAT=A'" ONE("1") "EOB=1'BAT=B'" ONE("2") "EOB=1'END=2'", ""},
        {STX "BAT=A'" ONE("1") ONE("2") "EOB=1'END=2'", "group-count@EOB01"},
        {STX "BAT=A'" ONE("1") "EOB=1'END=4'", "interchange-count@END01"},
        {STX ONE("1") "MHD=2+UTLBIL:3'CLO=1'MTR=4'END=2'", "document-count@MTR01"},
        {STX ONE("1") ONE("3") ONE("4") "END=3'", "document-reference@MHD01"},
        {STX ONE("1") "MHD=2+UTLBIL:3'CLO=1'END=2'", "document-trailer-missing@END"},
        {"STX=ANA:1+5000000000000:A'" ONE("1") "END=1'",
            "element-missing@STX03 element-missing@STX04 element-missing@STX05"},
        {"STX=ANA:1+:+5010000000000:B+071315:130233+7'" ONE("1") "END=1'",
            "?trailing-separator@STX02 element-missing@STX02 value-date@STX04-1"},
        {STX "MHD=1+UTLHDR'TYP=A?'B?=C'MTR=3'END=1'", "element-missing@MHD02-2"},
    };
    EXPECT("TRADACOMS", rows);
}

#undef STX
#define STX(type) "STX=ANA:1+5000000000000:A+5010000000000:B+260315:130233+7++" type "'"
#define PARTIES "SDT=5010000000000:0012'CDT=5000000000000'"
#define ORDER_FILE(body) STX("ORDHDR") "MHD=1+ORDERS:9'CLO=:77:DEPOT'ORD=B11::260310'" body "END=1'"
#define INVOICE_FILE(line, sums)                                                                                       \
    STX("INVFIL") "MHD=1+INVOIC:9'CLO=5000000000283'IRF=I7+260315+260315'" line sums "MTR=8'END=1'"
#define ILINE "ODD=1+B11+D5:260314'ILD=1+1+5010000000123++:A7+12+3+10000+30000+S+20000'"
#define ISUMS "STL=1+S+20000+1+300+++++300++300+60++360'TLR=1+300+++++300++300+60++360'"

static void files_of_tradacoms_are_held_against_their_messages(void **state) {
    (void)state;
    static const row rows[] = {
        {STX("ORDHDR") "MHD=1+ORDHDR:9'TYP=0430+NEW-ORDERS'" PARTIES "FIL=12+1+260315'MTR=6'END=1'", ""},
        {STX("ORDHDR") "MHD=1+ORDHDR:9'TYP=0430'SDT=5010000000000'FIL=12+1+260315'MTR=5'END=1'", "segment-missing@CDT"},
        {STX("ORDHDR") "MHD=1+ORDTLR:9'OFT=2'MTR=3'END=1'", ""},
        {ORDER_FILE("DIN=260316'OLD=1+5010000000123++:A7+12+60'DNB=1+1++TEXT'OTR=1'MTR=8'"), "value-long@DNB04-1"},
        {ORDER_FILE("DIN=260316'OLD=1+5010000000123++:A7+12+60'DNB=1+1++128:TEXT'OTR=1'MTR=8'"), ""},
        {ORDER_FILE("DIN=260230'OLD=1+501000000012++:A7+12+60'OTR=1'MTR=7'"), "value-date@DIN01 value-short@OLD02-1"},
        {ORDER_FILE("OTR=0'MTR=5'"), "loop-missing@OLD"},
        {ORDER_FILE("OLD=1+:1'ILD=1+1'OTR=1'MTR=7'"), "segment-not-in-set@ILD"},
        {INVOICE_FILE(ILINE, ISUMS), ""},
        {INVOICE_FILE("ODD=1+B11'ODD=2+B12'", ISUMS), "loop-missing@ILD loop-missing@ILD"},
        {INVOICE_FILE(ILINE, "STL=1+S+x+1+300+++++300++300+60++360'TLR=1'"),
            "value-number@STL03 element-missing@TLR02 element-missing@TLR07 element-missing@TLR09 "
            "element-missing@TLR10 "
            "element-missing@TLR12"},
        {STX("CREHDR") "MHD=1+CREDIT:9'CLO=5000000000283'CRF=C7+260315+260315'CLD=1+5010000000123++++2+5000+10000+Z+0+"
                       "23'"
                       "CST=1+Z+0+1+100+++100++100+0++100'CTR=1+100+++100++100+0++100'MTR=7'END=1'",
            ""},
        {STX("CREHDR") "MHD=1+RSGRSG:2'RSG=7+5000000000000'MTR=3'END=1'", ""},
    };
    EXPECT("TRADACOMS messages", rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_tradacoms_are_held_against_their_messages),
        cmocka_unit_test(claims_stand_below_subscriber_and_patient_and_parties_are_told_apart),
        cmocka_unit_test(a_wrong_component_separator_is_suspected),
        cmocka_unit_test(the_decimal_mark_is_that_of_una),
        cmocka_unit_test(each_element_of_unb_is_judged_by_its_syntax_version),
        cmocka_unit_test(repetitions_belong_to_version_4),
        cmocka_unit_test(interactive_interchanges_are_counted_and_named),
        cmocka_unit_test(bare_segments_blanks_and_small_letters_are_told),
        cmocka_unit_test(a_tradacoms_transmission_counts_its_messages),
        cmocka_unit_test(a_hundred_thousand_lines_are_one_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
