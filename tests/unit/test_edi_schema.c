/* tests/unit/test_edi_schema.c: the schema language: places that are narrowed, parts, overlays and their stacks,
 * neighbours in any order; matrix rows EX22, EX27, ES01, ES02. */
#include "tests/unit/edi_test.h"

#define BASE                                                                                                           \
    "release X12 009990 from 004010\n"                                                                                 \
    "schema X12 009990 850 \"order\" group PO\n"                                                                       \
    "BEG 1 | 02 {SA, NE} | 05? | 04 unused \"no releases\"\n"                                                          \
    "CUR 0-1\n"                                                                                                        \
    "REF 1 by 01 {DP} | 02! ..6\n"                                                                                     \
    "REF 0-2 by 01 {IA, VR}\n"                                                                                         \
    "loop N1 0-1 as ship_to by 01 {ST}\n  N1 1 | 02!\n  use address\n"                                                 \
    "loop N1 1 as bill_to by 01 {BT}\n  N1 1\n  use address\n"                                                         \
    "loop PO1 1- as items\n  PO1 1 | 04!\n  CTP 0-1 | 05-1! | 05-2 unused\n"

#define PARTS "part address\n  N3 0-1\n  N4 0-1\n"

static edi_library *library_of(const char *text, const char *overlays) {
    edi_library *library = edi_library_new();
    char all[8192];
    char *at;
    snprintf(all, sizeof all, "%s", text);
    at = strstr(all, "BEG 1");
    assert_non_null(at);
    char tail[8192];
    snprintf(tail, sizeof tail, "%s", at);
    snprintf(at, sizeof all - (size_t)(at - all), "%s%s%s", PARTS, tail, overlays);
    error *err = edi_library_add(library, span_of(all), "test.schema");
    if (err) print_message("%s\n", error_text(err));
    assert_null(err);
    return library;
}

static const char *judged_as(
    edi_library *library, const char *group, const char *version, const char *type, const char *body) {
    static char room[4096];
    char file[4096];
    size_t len = 0;
    room[0] = '\0';
    snprintf(file, sizeof file,
        "%sGS*%s*SENDER*RECEIVER*20260101*1200*1*X*%s~ST*%s*0001~%sSE*%u*0001~GE*1*1~IEA*1*000000001~", ISA_FIXED,
        group, version, type, body, count_char(body, '~') + 2);
    edi_validator *v = edi_validator_new(span_of(file), library, NULL);
    edi_event event;
    while ((event = edi_validator_next(v)) != EDI_END) {
        if (event != EDI_FAULT) continue;
        const edi_fault *f = edi_validator_fault(v);
        len += (size_t)snprintf(
            room + len, sizeof room - len, "%s%s@%s", len ? " " : "", edi_fault_kind_of(f->code)->name, f->tag);
        if (f->element) len += (size_t)snprintf(room + len, sizeof room - len, "%02u", f->element);
        if (f->component) len += (size_t)snprintf(room + len, sizeof room - len, "-%u", f->component);
    }
    edi_validator_free(v);
    expect_short_cuts_agree(span_of(file), library);
    return room;
}

/* The quick places of the base are made before the release that builds on it is read. */
static void a_release_holds_inherited_segments_against_its_own_elements(void **state) {
    (void)state;
    edi_library *library = edi_library_new();
    assert_null(edi_library_add(library,
        SPAN("release X12 009991 \"base\"\nelement 9001 AN1-5 thing\ncomposite C901 pair | 9001! | 9001\n"
             "segment TST test | 9001! | C901\nschema X12 009991 998 \"a\"\nTST 1\n"),
        "a.schema"));
    assert_string_equal(judged_as(library, "ZZ", "009991", "998", "TST*ABCDE*ABC:ABCDE~"), "");
    assert_null(edi_library_add(library,
        SPAN("release X12 009992 from 009991 \"next\"\nelement 9001 AN1-2 thing\nschema X12 009992 998 \"b\"\nTST 1\n"),
        "b.schema"));
    assert_string_equal(
        judged_as(library, "ZZ", "009992", "998", "TST*ABCDE*AB:ABCDE~"), "value-long@TST01 value-long@TST02-2");
    assert_string_equal(judged_as(library, "ZZ", "009991", "998", "TST*ABCDE*ABC:ABCDE~"), "");
    edi_library_free(library);
}

static const char *judged(edi_library *library, const char *body) {
    return judged_as(library, "PO", "009990", "850", body);
}

typedef struct row {
    const char *body, *faults;
} row;

static void expect(edi_library *library, const row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *faults = judged(library, rows[i].body);
        if (strcmp(faults, rows[i].faults) != 0) print_message("row %zu: %s\n", i, rows[i].body);
        assert_string_equal(faults, rows[i].faults);
    }
    edi_library_free(library);
}

#define EXPECT(library, rows) expect(library, rows, sizeof(rows) / sizeof((rows)[0]))
#define HEAD "BEG*00*SA*1**20260101~REF*DP*1~"
#define BT "N1*BT*B~"
#define ITEM "PO1*1*1*EA*1~"

static void places_are_narrowed_where_a_segment_stands(void **state) {
    (void)state;
    static const row rows[] = {
        {HEAD BT ITEM, ""},
        {"BEG*00*SA*1~REF*DP*1~" BT ITEM, ""}, /* 05 is optional here */
        {"BEG*00*SA*1*2~REF*DP*1~" BT ITEM, "element-not-used@BEG04"},
        {"BEG*00*DS*1~REF*DP*1~" BT ITEM, "code-not-used@BEG02"},
        {"BEG*00*SA*1~REF*DP*1234567~" BT ITEM, "value-long@REF02"},
        {HEAD BT "PO1*1*1*EA~", "element-missing@PO104"},
        {HEAD BT ITEM "CTP****1*EA~", ""},
        {HEAD BT ITEM "CTP****1*:1~", "element-missing@CTP05-1 element-not-used@CTP05-2"},
    };
    EXPECT(library_of(BASE, ""), rows);
}

/* EX22 */
static void neighbours_of_one_tag_come_in_any_order(void **state) {
    (void)state;
    static const row rows[] = {
        {"BEG*00*SA*1~REF*IA*2~REF*DP*1~REF*VR*3~" BT ITEM, ""},
        {"BEG*00*SA*1~REF*IA*2~" BT ITEM, "segment-missing@REF"},
        {"BEG*00*SA*1~REF*DP*2~REF*DP*3~" BT ITEM, "segment-repeated@REF"},
        {HEAD "REF*ZZ*2~" BT ITEM, "segment-unexpected@REF"},
        {HEAD BT "N3*S~N1*ST*A~N3*S~N4*TO~" ITEM, ""},
        {HEAD "N1*ST*A~N3*S~" ITEM, "loop-missing@N1"},
        {HEAD "N1*ST*A~N3*S~N1*ST*A~" BT ITEM, "loop-repeated@N1"},
    };
    EXPECT(library_of(BASE, ""), rows);
}

/* ES02 */
static void an_overlay_tightens_loosens_forbids_and_adds(void **state) {
    (void)state;
    static const char overlay[] = "overlay acme of X12 009990 850 \"order to acme\"\n"
                                  "CUR forbidden \"dollars only\"\n"
                                  "REF[DP] optional\n"
                                  "REF[VR] required \"we need the vendor\"\n"
                                  "BEG | 02 {DS} \"drop shipments only\" | 04? ..3\n"
                                  "bill_to 0-1\n"
                                  "items/PO1 | 06! | 07!\n"
                                  "add after CUR\n"
                                  "  loop N9 0-1 as remarks\n"
                                  "    N9 1\n"
                                  "    MSG 1-2\n";
    static const row rows[] = {
        {"BEG*00*DS*1~REF*VR*1~PO1*1*1*EA*1**BP*1~", ""},
        {"BEG*00*DS*1*123~N9*ZZ*1~MSG*A~REF*VR*1~PO1*1*1*EA*1**BP*1~", ""},
        {"BEG*00*DS*1~CUR*BY*USD~REF*VR*1~PO1*1*1*EA*1**BP*1~", "segment-not-used@CUR"},
        {"BEG*00*SA*1*1234~REF*VR*1~PO1*1*1*EA*1**BP*1~", "code-not-used@BEG02 value-long@BEG04"},
        {"BEG*00*DS*1~PO1*1*1*EA*1**BP*1~", "segment-missing@REF"},
        {"BEG*00*DS*1~REF*VR*1~PO1*1*1*EA*1~", "element-missing@PO106 element-missing@PO107"},
        {"BEG*00*DS*1~N9*ZZ*1~REF*VR*1~PO1*1*1*EA*1**BP*1~", "segment-missing@MSG"},
    };
    EXPECT(library_of(BASE, overlay), rows);
}

/* ES02 */
static void overlays_stack_in_the_order_in_which_they_are_added(void **state) {
    (void)state;
    static const row strict[] = {
        {HEAD "CUR*BY*USD~" BT ITEM, "segment-order@CUR"}, {HEAD BT ITEM, "segment-missing@CUR"}};
    static const row loose[] = {{HEAD BT ITEM, ""}};
    EXPECT(
        library_of(BASE, "overlay a of X12 009990 850\nCUR 0-1\noverlay b of X12 009990 850\nCUR required\n"), strict);
    EXPECT(library_of(BASE, "overlay a of X12 009990 850\nCUR required\noverlay b of X12 009990 850\nCUR optional\n"),
        loose);
}

/* ES02 */
static void a_schema_like_another_says_only_what_differs(void **state) {
    (void)state;
    static const char text[] = "release X12 009980 from 004010\n"
                               "schema X12 009980 850 \"order\" group PO\n"
                               "BEG 1\nCUR 0-1\nloop N9 0-1\n  N9 1\n  MSG 0-1\nloop PO1 1-\n  PO1 1\n"
                               "release X12 009990 from 009980\n"
                               "schema X12 009990 850 \"order, younger\" group PO like 009980 checked \"by eye\"\n"
                               "remove CUR\nremove N9/MSG\nadd after N9/N9\n  MTX 0-1\nN9 0-2\n";
    static const row rows[] = {
        {"BEG*00*SA*1**20260101~N9*ZZ*1~MTX**A~N9*ZZ*2~" ITEM, ""},
        {"BEG*00*SA*1**20260101~CUR*BY*USD~" ITEM, "segment-not-in-set@CUR"},
        {"BEG*00*SA*1**20260101~N9*ZZ*1~MSG*A~" ITEM, "segment-not-in-set@MSG"},
    };
    edi_library *library = edi_library_new();
    bool exact;
    assert_null(edi_library_add(library, span_of(text), "test.schema"));
    const edi_schema *schema = edi_library_find(library, EDI_X12, "850", "009990", &exact);
    assert_string_equal(schema->title, "order, younger");
    assert_string_equal(schema->checked, "by eye");
    assert_null(schema->overlay);
    EXPECT(library, rows);
}

/* What 005010 has otherwise than 004010, and what both have. */
static void documents_of_005010_are_judged_by_what_005010_says(void **state) {
    (void)state;
    static const struct {
        const char *group, *type, *body, *older, *younger;
    } rows[] = {
        {"PO", "850", "BEG*00*SA*1**20260101~N9*ZZ*1~MTX**A~" ITEM, "segment-unexpected@MTX", ""},
        {"PO", "850", "BEG*00*SA*1**20260101~N9*ZZ*1~MSG*A~" ITEM, "", "segment-unexpected@MSG"},
        {"PO", "850", "BEG*00*SA*1**20260101~LDT*AF*3*DW~QTY*21*4~" ITEM, "segment-missing@PO1", ""},
        {"PO", "850", "BEG*00*SA*1**20260101~REF*IA*1234567890123456789012345678901~" ITEM, "value-long@REF02", ""},
        {"PO", "850", "BEG*00*SA*1**20260101~CTT*1~", "loop-missing@PO1", "loop-missing@PO1"},
        {"PR", "855", "BAK*00*AC*1*20260101~" ITEM "ACK*IA*1*EA~", "", ""},
        {"SH", "856", "BSN*00*12*20260101*1200~HL*1**S~TD3*TL~AT9*A~", "segment-unknown@AT9", ""},
        {"IN", "810", "BIG*20260101*1~IT1*1*1*EA*1~TDS*100~", "", ""},
        {"IN", "810", "BIG*20260101*1~IT1*1*1*EA*1~", "segment-missing@TDS", "segment-missing@TDS"},
        {"PC", "860", "BCH*04*SA*1***20260101~N9*ZZ*1~MTX**A~", "segment-unexpected@MTX", ""},
        {"RA", "820", "BPR*C*1*C*ACH~ENT*1~RMR*IV*1**1~VEH*1~", "segment-unknown@VEH", ""},
        {"IB", "846", "BIA*00*SI*1*20260101~LIN**BP*1~", "", ""},
        {"PS", "830", "BFR*00**1*DL*A*20260101*20260201*20260101~LIN**BP*1~", "", ""},
    };
    edi_library *library = edi_library_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int younger = 0; younger < 2; younger++) {
            const char *faults =
                judged_as(library, rows[i].group, younger ? "005010" : "004010", rows[i].type, rows[i].body);
            const char *wanted = younger ? rows[i].younger : rows[i].older;
            if (strcmp(faults, wanted) != 0) print_message("row %zu: %s\n", i, rows[i].body);
            assert_string_equal(faults, wanted);
        }
    }
    edi_library_free(library);
}

/* ES01 */
static void what_an_overlay_cannot_mean_is_told_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *where, *what;
    } rows[] = {
        {"overlay a of X12 009990 850\n", "o:1", "no schema"},
        {"overlay a of X12 004010 850\nXYZ forbidden\n", "o:2", "no such place"},
        {"overlay a of X12 004010 850\nN1/N5 forbidden\n", "o:2", "no such place"},
        {"overlay a of X12 004010 850\nBEG/N5 forbidden\n", "o:2", "below"},
        {"overlay a of X12 004010 850\nBEG 2-1\n", "o:2", "how often"},
        {"overlay a of X12 004010 850\nBEG | 13!\n", "o:2", "no such place"},
        {"overlay a of X12 004010 850\nBEG | 02-1!\n", "o:2", "no such component"},
        {"overlay a of X12 004010 850\nBEG | 02 maybe\n", "o:2", "expected"},
        {"overlay a of X12 004010 850\nadd after BEG\nCUR 1\n", "o:2", "nothing is indented"},
        {"overlay a of X12 004010 850\nadd in BEG\n  CUR 1\n", "o:2", "expected"},
        {"overlay a of X12 004010 850\nadd after BEG\n  QQQ 1\n", "o:3", "no segment"},
        {"overlay a of X12 004010 850\nremove\n", "o:2", "which place"},
        {"overlay a of X12 004010 850\nremove BEG now\n", "o:2", "nothing may stand"},
        {"overlay a of X12 004010 850\nremove N1/N5\n", "o:2", "no such place"},
        {"overlay a of X12 004010 850\nremove N1/N1\n", "o:", "begins with its own segment"},
        {"overlay a of X12 004010 850\nadd after N1\n  loop N1 0-1\n    N1 1\n", "o:", "cannot be told"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        edi_library *library = edi_library_new();
        error *err = edi_library_add(library, span_of(rows[i].text), "o");
        if (!err || !strstr(error_text(err), rows[i].what))
            print_message("row %zu: %s\n", i, err ? error_text(err) : "-");
        assert_non_null(err);
        assert_non_null(strstr(error_text(err), rows[i].what));
        assert_non_null(strstr(error_text(err), rows[i].where));
        error_free(err);
        bool exact;
        assert_non_null(edi_library_find(library, EDI_X12, "850", "004010", &exact)); /* as it was before */
        edi_library_free(library);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_release_holds_inherited_segments_against_its_own_elements),
        cmocka_unit_test(places_are_narrowed_where_a_segment_stands),
        cmocka_unit_test(neighbours_of_one_tag_come_in_any_order),
        cmocka_unit_test(an_overlay_tightens_loosens_forbids_and_adds),
        cmocka_unit_test(overlays_stack_in_the_order_in_which_they_are_added),
        cmocka_unit_test(a_schema_like_another_says_only_what_differs),
        cmocka_unit_test(documents_of_005010_are_judged_by_what_005010_says),
        cmocka_unit_test(what_an_overlay_cannot_mean_is_told_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
