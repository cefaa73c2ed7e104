/* tests/unit/test_edi_validate.c: structure, elements, notes, types: matrix rows EX16 to EX24, EF10 to EF14, ES*. */
#include "core/base/memory.h"
#include "edi/check.h"
#include "tests/unit/edi_test.h"

typedef struct body_row {
    const char *body, *faults;
} body_row;

static void expect_bodies(const char *type, const char *kind, const body_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *file = kind ? x12_around(type, kind, rows[i].body) : edifact_around(type, rows[i].body);
        const char *faults = faults_of(file);
        expect_short_cuts_agree(span_of(file), test_library());
        if (strcmp(faults, rows[i].faults) != 0) print_message("row %zu: %s\n", i, rows[i].body);
        assert_string_equal(faults, rows[i].faults);
    }
}

#define EXPECT(type, kind, rows) expect_bodies(type, kind, rows, sizeof(rows) / sizeof((rows)[0]))
#define BEG "BEG*00*SA*A1**20260101~"
#define PO1 "PO1*1*5*EA*1.5~"

/* EX21, EX22 */
static void each_misplaced_segment_is_told_once_and_the_next_is_judged_rightly(void **state) {
    (void)state;
    static const body_row rows[] = {
        {BEG PO1 "CTT*1~", ""},
        {BEG "XYZ*1~" PO1, "segment-unknown@XYZ"},
        {BEG "AK1*PO*1~" PO1, "segment-not-in-set@AK1"},
        {BEG "HL*1**S~" PO1, "segment-not-in-set@HL"},
        {PO1, "segment-missing@BEG"},
        {BEG, "loop-missing@PO1"},
        {BEG BEG PO1, "segment-repeated@BEG"},
        {PO1 BEG, "segment-order@BEG"},
        {BEG PO1 "CUR*BY*USD~CTT*1~", ""},
        {BEG "N3*STREET~" PO1, "segment-unexpected@N3"},
        {BEG "N3*STREET~N4*TOWN~" PO1, "segment-unexpected@N3"},
        {BEG "N1*ST*A~N3*S~N4*TO~N1*BT*B~N3*S~" PO1 "N1*ST*C~N3*X~" PO1 "CTT*2~", ""},
        {BEG "N1*ST*A~N4*TO~N3*S~" PO1, "segment-order@N3"},
        {BEG "CTT*0~" PO1, "segment-order@PO1"},
    };
    EXPECT("850", "PO", rows);
}

static void a_missing_trigger_of_a_mandatory_loop_is_what_is_told(void **state) {
    (void)state;
    static const body_row rows[] = {{BEG "SCH*5*EA***002*20260101~CTT*1~", "segment-missing@PO1"}};
    EXPECT("850", "PO", rows);
}

/* A document of the one segment TST. */
static const char *around_value(const char *value) {
    snprintf(test_room, sizeof test_room,
        "%sGS*ZZ*SENDER*RECEIVER*20260101*1200*1*X*009999~ST*999*0001~TST*%s~SE*3*0001~GE*1*1~IEA*1*000000001~",
        ISA_FIXED, value);
    return test_room;
}

/* EX16, EX17, EX18, ED-14 */
static void values_are_held_against_their_types(void **state) {
    (void)state;
    static const struct {
        const char *type, *value, *faults;
    } rows[] = {{"R1-5", "5", ""}, {"R1-5", "5.", "value-number"}, {"R1-5", ".5", ""}, {"R1-5", "-.5", ""},
        {"R1-5", "+5", "value-number"}, {"R1-5", "1E3", "value-number"}, {"R1-5", "1,5", "value-number"},
        {"R1-5", "5.50", ""}, {"R1-5", "-12345", ""}, {"R1-5", "123.45", ""}, {"R1-5", "1234.56", "value-long"},
        {"R1-5", "1.2.3", "value-number"}, {"R1-5", "-", "value-number"}, {"R1-5", "1-", "value-number"},
        {"R1-5", "1E9999", "value-number"}, {"N2:2-4", "12", ""}, {"N2:2-4", "-1234", ""},
        {"N2:2-4", "1", "value-short"}, {"N2:2-4", "12345", "value-long"}, {"N2:2-4", "1.2", "value-number"},
        {"N2:2-4", "+12", "value-number"}, {"N2:2-4", "0012", ""}, {"DT8", "20260131", ""},
        {"DT8", "20260231", "value-date"}, {"DT8", "20000229", ""}, {"DT8", "19000229", "value-date"},
        {"DT8", "00000000", "value-date"}, {"DT8", "00000101", "value-date"}, {"DT8", "260131", "value-short"},
        {"DT8", "2026013A", "value-date"}, {"DT6", "260131", ""}, {"DT6", "260132", "value-date"},
        {"TM4-8", "2359", ""}, {"TM4-8", "2400", "value-time"}, {"TM4-8", "235959", ""}, {"TM4-8", "23595999", ""},
        {"TM4-8", "235960", "value-time"}, {"TM4-8", "12:00", "value-time"}, {"AN2-5", "   ", "value-blank"},
        {"AN2-5", " a", ""}, {"AN2-5", "a", "value-short"}, {"AN2-5", "abcde", ""}, {"AN2-5", "abcde ", "value-long"},
        {"AN2-5", "a\tb", "value-character"}, {"AN2-5", "\xC3\xA4\xC3\xB6\xC3\xBC\xC3\xA4\xC3\xB6", ""},
        {"AN2-5", "\xE4\xF6\xFC\xE4\xF6\xFC", "value-long"}, {"ID2", "AB", ""}, {"ID2 {AB, CD}", "CD", ""},
        {"ID2 {AB, CD}", "XX", "value-code"}, {"ID2 {AB, ...}", "XX", ""}, {"ID2-3 {AB, CDE}", "AB ", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        edi_library *library = edi_library_new();
        snprintf(text, sizeof text,
            "release X12 009999 \"t\"\nsegment TST test | %s\nschema X12 009999 999 \"t\"\nTST 1\n", rows[i].type);
        error *err = edi_library_add(library, span_of(text), "test");
        assert_null(err);
        const edi_segment_type *type = edi_library_segment(library, EDI_X12, "009999", SPAN("TST"));
        assert_non_null(type);
        edi_fault_code code = edi_check_value(&type->slots.list[0], EDI_X12, '.', false, span_of(rows[i].value), text);
        if (strcmp(code == EDI_FAULT_COUNT ? "" : edi_fault_kind_of(code)->name, rows[i].faults) != 0)
            print_message("row %zu: %s %s\n", i, rows[i].type, rows[i].value);
        assert_string_equal(code == EDI_FAULT_COUNT ? "" : edi_fault_kind_of(code)->name, rows[i].faults);
        expect_short_cuts_agree(span_of(around_value(rows[i].value)), library);
        edi_library_free(library);
    }
}

/* EX19 */
static void syntax_notes_bind_elements(void **state) {
    (void)state;
    static const struct {
        const char *note, *elements, *faults;
    } rows[] = {{"P0102", "", ""}, {"P0102", "*a*b", ""}, {"P0102", "*a", "element-conditional@TST02"},
        {"P0102", "**b", "element-conditional@TST01"}, {"R0102", "***c", "element-conditional@TST01"},
        {"R0102", "**b", ""}, {"E0102", "*a*b", "element-excluded@TST02"}, {"E0102", "*a", ""}, {"E0102", "***c", ""},
        {"C0102", "*a", "element-conditional@TST02"}, {"C0102", "**b", ""}, {"C0102", "*a*b", ""},
        {"L010203", "*a", "element-conditional@TST02"}, {"L010203", "*a**c", ""}, {"L010203", "**b", ""},
        {"P0304", "***c", "element-conditional@TST04"}, {"P0304", "****d:e", "element-conditional@TST03"},
        {"P0304", "***c*:e", ""}, {"10102", "***c", "element-conditional@TST01"},
        {"10102", "*a*b", "element-excluded@TST02"}, {"N0102", "*a*b", "element-excluded@TST02"}, {"N0102", "**b", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512], body[64];
        edi_library *library = edi_library_new();
        snprintf(text, sizeof text,
            "release X12 004010 \"t\"\ncomposite C999 pair | AN1-5 | AN1-5\nsegment TST test | AN1-5 | AN1-5 | AN1-5 | "
            "C999 | AN1-5 | note "
            "%s\nschema X12 004010 998 \"t\"\nTST 0-1\n",
            rows[i].note);
        error *err = edi_library_add(library, span_of(text), "test");
        if (err) print_message("%s\n", error_text(err));
        assert_null(err);
        snprintf(body, sizeof body, "TST%s%s~", rows[i].elements, rows[i].elements[0] ? "" : "*****x");
        char found[200] = "";
        edi_validator *v = edi_validator_new(span_of(x12_around("998", "ZZ", body)), library, NULL);
        for (edi_event e; (e = edi_validator_next(v)) != EDI_END;) {
            if (e == EDI_FAULT)
                snprintf(found + strlen(found), sizeof found - strlen(found), "%s@%s%02u",
                    edi_fault_kind_of(edi_validator_fault(v)->code)->name, edi_validator_fault(v)->tag,
                    edi_validator_fault(v)->element);
        }
        if (strcmp(found, rows[i].faults) != 0) print_message("row %zu: %s %s\n", i, rows[i].note, body);
        expect_short_cuts_agree(span_of(x12_around("998", "ZZ", body)), library);
        assert_string_equal(found, rows[i].faults);
        edi_validator_free(v);
        edi_library_free(library);
    }
}

/* EX20 */
static void trailing_separators_are_noted_once_a_document(void **state) {
    (void)state;
    static const body_row rows[] = {{"BEG*00*SA*A1**20260101**~PO1*1*5*EA*1.5**~", "?trailing-separator@BEG07"},
        {"BEG*00*SA*A1**20260101*********~" PO1, "?trailing-separator@BEG14"},
        {"BEG*00*SA*A1**20260101********x~" PO1, "elements-many@BEG13"},
        {"BEG*00*SA*A1:2**20260101~" PO1, "components-many@BEG03-2"}};
    EXPECT("850", "PO", rows);
}

/* EX23 */
static void hierarchies_are_bound_by_hl01_and_hl02_only(void **state) {
    (void)state;
#define BSN "BSN*00*S1*20260101*1200~"
    static const body_row rows[] = {{BSN "HL*1**S~HL*2*1*O~HL*3*2*I~HL*4*1*O~HL*5*4*I~", ""},
        {BSN "HL*1**S~HL*1*1*O~", "hierarchy@HL01"}, {BSN "HL*1**S~HL*2*3*O~HL*3*1*I~", "hierarchy@HL02"}};
    EXPECT("856", "SH", rows);
}

/* EX24 */
static void bounded_loops_must_match(void **state) {
    (void)state;
    static const body_row rows[] = {{"LS*A~LE*A~", ""}, {"LS*A~LS*B~LE*B~LE*A~", ""}, {"LE*A~", "loop-bracket@LE01"},
        {"LS*A~LE*B~", "loop-bracket@LE01"}, {"LS*A~", "loop-bracket@SE"}};
    EXPECT("998", "ZZ", rows);
}

/* EF11, EF12, EF10 */
static void edifact_groups_and_composites_are_held_against_the_directory(void **state) {
    (void)state;
#define BGM "BGM+220+1+9'DTM+137:20260101:102'"
    static const body_row rows[] = {{BGM "LIN+1'QTY+21:5'UNS+S'CNT+2:1'", ""},
        {BGM "NAD+BY+1::9'RFF+VA:1'CTA+IC'COM+1:TE'NAD+SU'LIN+1'QTY+21:5'PRI+AAA:1.5'RFF+ON:1'LIN+2'UNS+S'", ""},
        {"BGM+220+1+9'LIN+1'UNS+S'", "segment-missing@DTM"}, {BGM "LIN+1'", "segment-missing@UNS"},
        {BGM "LIN+1'UNS+X'", "value-code@UNS01"}, {BGM "LIN+1'QTY+21:x'UNS+S'", "value-number@QTY01-2"},
        {BGM "LIN+1'QTY+21:.5'UNS+S'", "value-number@QTY01-2"}, {BGM "LIN+1'QTY+21:1,5'UNS+S'", ""},
        {BGM "LIN+1'QTY+21:5:EA:X'UNS+S'", "components-many@QTY01-4"},
        {BGM "LIN+1'QTY+:5'UNS+S'", "element-missing@QTY01-1"}, {BGM "LIN+1'QTY'UNS+S'", "element-missing@QTY01"},
        {BGM "LIN+1'QTY+21:5:'UNS+S'", "?trailing-separator@QTY01"}, {BGM "FTX+AAI+++A?+B?:C?\?'LIN+1'UNS+S'", ""}};
    EXPECT("ORDERS:D:96A:UN", NULL, rows);
}

/* EX27 */
static void unknown_versions_have_no_schema_and_guides_use_their_base(void **state) {
    (void)state;
    bool exact;
    edi_library *library = test_library();
    assert_null(edi_library_find(library, EDI_X12, "850", "002003", &exact));
    assert_null(edi_library_find(library, EDI_X12, "ZZZ", "004010", &exact));
    assert_non_null(edi_library_find(library, EDI_X12, "850", "004010", &exact));
    assert_true(exact);
    assert_non_null(edi_library_find(library, EDI_X12, "850", "004010VICS", &exact));
    assert_false(exact);
    const edi_schema *guide = edi_library_find(library, EDI_X12, "837", "005010X222A2", &exact);
    assert_non_null(guide); /* other errata of the same guide */
    assert_string_equal(guide->version, "005010X222A1");
    assert_false(exact);
    guide = edi_library_find(library, EDI_X12, "837", "005010X291", &exact);
    assert_non_null(guide); /* a guide that is not known: what the standard says */
    assert_string_equal(guide->version, "005010");
    assert_non_null(edi_library_find(library, EDI_EDIFACT, "CONTRL", "D3", &exact));
    assert_non_null(edi_library_find(library, EDI_EDIFACT, "CONTRL", "41", &exact));
}

/* ES01 */
static void what_is_wrong_with_a_schema_is_told_with_its_line(void **state) {
    (void)state;
#define RELEASE "release X12 009999 \"t\"\nelement 1 AN1-5 one\nsegment AAA a | 1\nsegment BBB b | 1!\n"
    static const struct {
        const char *text, *where;
    } rows[] = {{"nothing here", "s"}, {RELEASE "segment CCC c | 7\n", "s:5"}, {RELEASE "segment AAA c | 1\n", "s:5"},
        {RELEASE "element 2 XX5\n", "s:5"}, {RELEASE "element 2 AN5-1\n", "s:5"},
        {RELEASE "element 2 ID1 {A, A}\n", "s:5"}, {RELEASE "element 2 ID1 {A\n", "s:5"},
        {RELEASE "segment CCC c | 1 | note P0103\n", "s:5"}, {RELEASE "what\n", "s:5"},
        {RELEASE "schema X12 009999 1 \"t\"\nAAA 1\nCCC 1\n", "s:7"},
        {RELEASE "schema X12 009999 1 \"t\"\nAAA x\n", "s:6"}, {RELEASE "schema X12 009999 1 \"t\"\nAAA 5-1\n", "s:6"},
        {RELEASE "schema X12 009999 1 \"t\"\n", "s:5"}, {RELEASE "schema X12 009999 1 \"t\"\nAAA 1\n  BBB 1\n", "s:7"},
        {RELEASE "schema X12 009999 1 \"t\"\nloop AAA 1\nBBB 1\n", "s:6"},
        {RELEASE "schema X12 009999 1 \"t\"\nloop AAA 1\n  BBB 1\n", "s:6"},
        {RELEASE "schema X12 009999 1 \"t\"\nloop AAA 0-1\n  AAA 1\nBBB 0-1\nloop AAA 0-1\n  AAA 1\n", "s:9"},
        {RELEASE "schema X12 009998 1 \"t\"\nAAA 1\n", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        edi_library *library = edi_library_new();
        error *err = edi_library_add(library, span_of(rows[i].text), "s");
        if (!err) print_message("row %zu\n", i);
        assert_non_null(err);
        if (strcmp(error_where(err), rows[i].where) != 0) print_message("row %zu: %s\n", i, error_text(err));
        assert_string_equal(error_where(err), rows[i].where);
        error_free(err);
        assert_non_null(edi_library_segment(library, EDI_X12, "envelope", SPAN("ISA")));
        edi_library_free(library);
    }
    edi_library *library = edi_library_new();
    error *err = edi_library_add(library,
        SPAN(RELEASE "schema X12 009999 1 \"t\"\nloop AAA 0-1 by 01 {X}\n  AAA 1\nloop AAA 0-1 by 01 {Y}\n  AAA 1\n"),
        "s");
    assert_null(err);
    edi_library_free(library);
}

/* Every schema that is built in compiles, names only what exists, and knows its segments. */
static void every_embedded_schema_compiles(void **state) {
    (void)state;
    edi_library *library = test_library();
    size_t cursor = 0, count = 0;
    edi_listed one;
    while (edi_library_next(library, &cursor, &one)) {
        bool exact;
        const edi_schema *schema = edi_library_find(library, one.standard, one.type, one.version, &exact);
        if (!schema) print_message("%s %s\n", one.version, one.type);
        assert_non_null(schema);
        assert_true(schema->node_count > 0);
        count++;
    }
    assert_true(count >= 20);
}

/* What is told of a fault can be found again. */
static void a_fault_names_its_place_and_value(void **state) {
    (void)state;
    const char *file = x12_around("850", "PO", BEG "N1*ST*A*92~" PO1);
    edi_validator *v = edi_validator_new(span_of(file), test_library(), NULL);
    edi_event event;
    while ((event = edi_validator_next(v)) != EDI_FAULT)
        assert_true(event != EDI_END);
    const edi_fault *fault = edi_validator_fault(v);
    assert_int_equal(fault->code, EDI_FAULT_ELEMENT_CONDITIONAL);
    assert_int_equal(fault->position, 3);
    assert_int_equal(fault->segment_number, 5);
    assert_int_equal(fault->element, 4);
    assert_int_equal(fault->definition, 67);
    assert_string_equal(fault->loop, "N1");
    assert_string_equal(fault->document, "0001");
    assert_memory_equal(file + fault->offset, "N1*ST", 5);
    edi_validator_free(v);
}

/* EF18: a date is judged by the format that stands beside it */
static void formatted_dates_must_exist(void **state) {
    (void)state;
    static const body_row edifact[] = {
        {"BGM+220+1+9'DTM+137:20260228:102'UNS+S'", ""},
        {"BGM+220+1+9'DTM+137:20260230:102'UNS+S'", "value-date@DTM01-2"},
        {"BGM+220+1+9'DTM+137:202602281200:102'UNS+S'", "value-date@DTM01-2"},
        {"BGM+220+1+9'DTM+137:202602281260:203'UNS+S'", "value-date@DTM01-2"},
        {"BGM+220+1+9'DTM+137:20260228120059:204'UNS+S'", ""}, {"BGM+220+1+9'DTM+137:202602281200?+01:303'UNS+S'", ""},
        {"BGM+220+1+9'DTM+137:2026022820260301:718'UNS+S'", ""},
        {"BGM+220+1+9'DTM+137:NEXT WEEK:ZZZ'UNS+S'", ""}, /* a format that is nobody's */
    };
    static const body_row x12[] = {
        {BEG "DTM*002****D8*20260228~" PO1, ""},
        {BEG "DTM*002****D8*20260230~" PO1, "value-date@DTM06"},
        {BEG "DTM*002****RD8*20260101-20260131~" PO1, ""},
        {BEG "DTM*002****RD8*20260101~" PO1, "value-date@DTM06"},
        {BEG "DTM*002****RD8*20260101-20260132~" PO1, "value-date@DTM06"},
        {BEG "DTM*002****UN*WHENEVER~" PO1, ""},
    };
    EXPECT("ORDERS:D:96A:UN", NULL, edifact);
    EXPECT("850", "PO", x12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_misplaced_segment_is_told_once_and_the_next_is_judged_rightly),
        cmocka_unit_test(a_missing_trigger_of_a_mandatory_loop_is_what_is_told),
        cmocka_unit_test(values_are_held_against_their_types),
        cmocka_unit_test(syntax_notes_bind_elements),
        cmocka_unit_test(trailing_separators_are_noted_once_a_document),
        cmocka_unit_test(hierarchies_are_bound_by_hl01_and_hl02_only),
        cmocka_unit_test(bounded_loops_must_match),
        cmocka_unit_test(edifact_groups_and_composites_are_held_against_the_directory),
        cmocka_unit_test(unknown_versions_have_no_schema_and_guides_use_their_base),
        cmocka_unit_test(what_is_wrong_with_a_schema_is_told_with_its_line),
        cmocka_unit_test(formatted_dates_must_exist),
        cmocka_unit_test(every_embedded_schema_compiles),
        cmocka_unit_test(a_fault_names_its_place_and_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
