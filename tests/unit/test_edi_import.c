/* tests/unit/test_edi_import.c: SEF files and UN directories as text of ours that compiles and judges. */
#include "edi/import.h"
#include "tests/unit/edi_test.h"

static const char sef[] =
    ".VER 1.6\n"
    ".INI\n"
    "ACME,,004 010,X,X12-4010,Acme's order\n"
    ".PRIVATE\n"
    "nothing=[for,us]\n"
    ".PUBLIC\n"
    ".STD ,RE\n"
    ".SETS\n"
    "850=^[ST,M]+20[BEG,M][.CUR][!REF*1,,2]+100[ITD,,>1]{:25[SAC][TD5]}{PARTY:>1[N1*1,M][N3,,2]\n"
    "[!N4]}{OTHER:3[N1*2][PER]}^{:100000[PO1,M]{:1[CTP][CUR]}}^[CTT][SE,M]\n"
    ".SEGS\n"
    "BEG=[353,M][92,M][324;3:9,M][328][373,M]\n"
    "N1=[98,M][93][66][67]+R0203P0304\n"
    "PO1=[350][330][355]{2[235][234]}+C0302P0405P0607\n"
    "REF=[128,M][127][.352][C040,,3]\n"
    ".COMS\n"
    "C040=[128,M][127,M]\n"
    ".ELMS\n"
    "353=ID,2,2\n92=ID,2,2\n324=AN,1,22\n328=AN,1,30\n373=DT,8,8\n98=ID,2,3\n93=AN,1,60\n66=ID,1,2\n"
    "67=AN,2,80\n350=AN,1,20\n330=R,1,15\n355=ID,2,2\n235=ID,2,2\n234=AN,1,48\n128=ID,2,3\n"
    "127=AN,1,30\n352=AN,1,80\n"
    ".CODES\n"
    "353=00,.01,!05,\n04\n";

static const char *imported(error *err, const buf *out) {
    if (err) print_message("%s\n", error_text(err));
    assert_null(err);
    return buf_text(out);
}

static edi_library *library_with(const char *text) {
    edi_library *library = edi_library_new();
    error *err = edi_library_add(library, span_of(text), "imported");
    if (err) print_message("%s\n%s\n", error_text(err), text);
    assert_null(err);
    return library;
}

static void a_sef_file_becomes_a_release_and_its_sets(void **state) {
    (void)state;
    buf out = BUF_MAX(1 << 20);
    const char *text = imported(import_sef(span_of(sef), "acme.sef", &out), &out);
    static const char *const wanted[] = {"release X12 004010 from 004010 \"Acme's order\"",
        "element 353 ID2-2 {00, 04, 05}\n", "composite C040 | 128! | 127!\n",
        "segment BEG | 353! | 92! | AN3-9! | 328 | 373!\n", "segment N1 | 98! | 93 | 66 | 67 | note R0203 P0304\n",
        "segment PO1 | 350 | 330 | 355 | 235 | 234 | 235 | 234 | note C0302 P0405 P0607\n",
        "segment REF | 128! | 127 | 352 unused | C040*3\n", "schema X12 004010 850 \"Acme's order\"",
        "\nBEG 1\nREF 1-2\nITD 0-\nloop SAC 0-25\n  SAC 1\n  TD5 0-1\n",
        /* two loops of N1, told apart by masks: one */
        "loop N1 0- as PARTY\n  N1 1\n  N3 0-2\n  N4 0-1\n  PER 0-1\n",
        "loop PO1 1-100000\n  PO1 1\n  loop CTP 0-1\n    CTP 1\n    CUR 0-1\nCTT 0-1\n"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (!strstr(text, wanted[i])) print_message("missing: %s\nin: %s\n", wanted[i], text);
        assert_non_null(strstr(text, wanted[i]));
    }
    assert_null(strstr(text, "nothing")); /* private */
    edi_library *library = library_with(text);
    bool exact;
    assert_string_equal(edi_library_find(library, EDI_X12, "850", "004010", &exact)->source, "imported");
    /* what the file does not say is still there: other documents of the release compile, with its elements */
    assert_non_null(edi_library_find(library, EDI_X12, "810", "004010", &exact));
    const edi_segment_type *beg = edi_library_segment(library, EDI_X12, "004010", SPAN("BEG"));
    assert_int_equal(beg->slots.list[2].element->max, 9);
    edi_library_free(library);
    buf_free(&out);
}

/* As Foresight's programs write them: lines break anywhere, codes are ranges, behind % stand the sets of codes for
 * places, elements of the envelope have no number. */
static void a_sef_file_as_it_is_exported_is_read(void **state) {
    (void)state;
    static const char exported[] =
        ".VER 1.5\n.INI\nOWN4010X,,004 010,X,X12-4010,Guide\n.PRIVATE FORESIGHT\n.CTL\n.TDVER X\n.PUBLIC\n.SETS\n"
        "850=^[ST,M][BEG\n*1,M]+20[REF*1,,>1][.CUR]\n[TAX]{:25[SAC]\n[.CTP]}+5\n[.PER,,3][SE,M]\n"
        ".SEGS\nBEG=[353,M][I28][66],..\nREF=[128,M][127\n]+R0102,..\nTAX=[127]\nSAC=[127]\n.COMS\n"
        ".ELMS\n353=ID,2,2\nI28=ID,1,2\n66=ID,1,2\n128=ID,2,3\n127=AN,1,30\n"
        ".CODES\n353=00,08:11,05,05\n66=1:3,A,C1:C\n3,D:F%[1,A]+850/2///3\n128=AAA:AAC,1Z:2B\n.TEXT,SETS\n850,0,A "
        "guide\n";
    buf out = BUF_MAX(1 << 20);
    const char *text = imported(import_sef(span_of(exported), "own.sef", &out), &out);
    static const char *const lines[] = {"element 353 ID2-2 {00, 05, 08, 09, 10, 11}\n",
        "element 66 ID1-2 {1, 2, 3, A, C1, C2, C3, D, E, F}\n", "element 128 ID2-3 {1Z:2B, AAA, AAB, AAC}\n",
        "segment BEG | 353! | ID1-2 | 66\n", "segment REF | 128! | 127 | note R0102\n", "BEG 1\nREF 0-\nTAX 0-1\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (!strstr(text, lines[i])) print_message("%s\n", text);
        assert_non_null(strstr(text, lines[i]));
    }
    edi_library_free(library_with(text));
    buf_free(&out);
}

static void what_is_wrong_in_a_sef_file_is_told_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *place;
    } rows[] = {
        {".INI\n\n.SETS\n850=[BEG,M]\n", "f:1"},
        {".INI\nA,,004 010,X,X,A\n.SETS\nno record\n", "f:4"},
        {".INI\nA,,004 010,X,X,A\n.SETS\n850=[BEG,M\n", "f:4"},
        {".INI\nA,,004 010,X,X,A\n.SETS\n850={:3[BEG]\n", "f:4"},
        {".INI\nA,,004 010,X,X,A\n.SETS\n850=[BEG]}\n", "f:4"},
        {".INI\nA,,004 010,X,X,A\n.SETS\n850={:3{:3[BEG]}}\n", "f:4"},
        {".INI\nA,,004 010,X,X,A\n.SEGS\nBEG={999[353]}\n", "f:4"},
        {".INI\nA,,004 010,X,X,A\n.SEGS\nBEG={2[353]\n", "f:4"},
        {".INI\nA,,004 010,X,X,A\n.SEGS\nBEG=[]\n", "f:4"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        buf out = BUF_MAX(1 << 20);
        error *err = import_sef(span_of(rows[i].text), "f", &out);
        if (!err) print_message("row %zu: %s\n", i, buf_text(&out));
        assert_non_null(err);
        assert_string_equal(error_where(err), rows[i].place);
        error_free(err);
        buf_free(&out);
    }
}

#define RULE "----------------------------------------------------------------------\n"
#define DRAWN                                                                                                          \
    "\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4\xC4" \
    "\xC4\xC4\xC4"
#define OLD_RULE DRAWN DRAWN "\r\n"

static const char eded[] =
    "2. Elements\n\n" RULE "\n     1001  Document name code                      [C]\n\n"
    "     Desc: what it is.\n\n     Repr: an..3\n\n" RULE
    "\n*    1004  Document, {identifier}\n           of two lines\n\n     Repr: an..35\n" RULE
    "\n     1225  Message function code\n     Repr: an..3\n" RULE "\n     2380  Date value\n     Repr: an..35\n";
static const char uncl[] =
    RULE "\n     1001  Document name code                      [C]\n\n     Desc: x\n\n     Repr: an..3\n\n"
         "     220   Order\n              A request, to deliver.\n\n"
         "*    230   Purchase order change request\n              An order, changed.\n\n"
         "     X     Crossed\n";
static const char edcd[] =
    RULE "\n       C002 DOCUMENT/MESSAGE NAME\n\n       Desc: x\n\n"
         "010    1001  Document name code                        C      an..3\n"
         "020    1004  A name that goes on in\n             the next line                             M      an..35\n";
/* the layout of the nineties: drawn rules, one more blank, no repetitions */
static const char old_edsd[] =
    OLD_RULE "\r\n      BGM   BEGINNING OF MESSAGE\r\n\r\n      Function: To begin.\r\n\r\n"
             "010   C002  DOCUMENT/MESSAGE NAME                          C  \r\n"
             "      1001   Document name                                 C  an..3\r\n\r\n"
             "020 * 1004  DOCUMENT NUMBER                                C  an..35\r\n\r\n"
             "030   1225  MESSAGE FUNCTION                               M  an..3\r\n\r\n" OLD_RULE
             "\r\n      DTM   DATE/TIME/PERIOD\r\n\r\n"
             "010   2380  DATE                                           C    2 an..35\r\n";
static const char orders[] = "Contents\n  4.3.1 Segment table\n\n4.3.1  Segment table\n\nPos    Tag Name               "
                             "                       S   R\n\n"
                             "0010   UNH Message header                            M   1     \n"
                             "0020 + BGM Beginning of message                      M   1     \n\n"
                             "0030       ----- Segment group 1  ------------------ C   9-----------+\n"
                             "0040   DTM Date/time/period                          M   1           |\n"
                             "                                                                     |\n"
                             "0050       ----- Segment group 2  ------------------ M   100000-----+|\n"
                             "0060   BGM Segment group usage details               M   1          ||\n"
                             "0070   DTM Date/time/period                          C   5----------++\n\n"
                             "0080   DTM Date/time/period                          C   1     \n"
                             "0090   UNT Message trailer                           M   1     \n";

static void a_directory_of_the_united_nations_becomes_ours(void **state) {
    (void)state;
    const import_file files[] = {{span_of(orders), "ORDERS_D.99Z"}, {span_of(old_edsd), "EDSD.99Z"},
        {span_of(edcd), "EDCD.99Z"}, {span_of(uncl), "UNCL.99Z"}, {span_of(eded), "EDED.99Z"}};
    buf out = BUF_MAX(1 << 20);
    const char *text = imported(import_un(files, 5, &out), &out);
    static const char *const wanted[] = {"release EDIFACT D99Z from D99Z ",
        "element 1001 an..3 document name code {220 order, 230 purchase order change request, X crossed}\n",
        "element 1004 an..35 document identifier\n", "composite C002 document/message name | 1001 | 1004!\n",
        "segment BGM beginning of message | C002 | 1004 | 1225!\n", "segment DTM date/time/period | 2380 | 2380\n",
        "schema EDIFACT D99Z ORDERS \"ORDERS\"",
        "\nBGM 1\nloop DTM 0-9 as group1\n  DTM 1\n  loop BGM 1-100000 as group2\n    BGM 1\n    DTM 0-5\nDTM 0-1\n"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (!strstr(text, wanted[i])) print_message("missing: %s\nin: %s\n", wanted[i], text);
        assert_non_null(strstr(text, wanted[i]));
    }
    edi_library_free(library_with(text));
    buf_free(&out);
}

static void files_that_are_none_of_a_directory_are_refused(void **state) {
    (void)state;
    const import_file rows[][2] = {
        {{SPAN("x"), "notes.txt"}, {SPAN(""), "EDED.01B"}},
        {{SPAN(""), "EDED.01B"}, {SPAN(""), "EDSD.96A"}},
        {{SPAN(""), "EDED.01B"}, {SPAN("nothing"), "EDSD.01B"}},
        {{SPAN(""), "EDED.01B"}, {SPAN("nothing"), "ORDERS_D.01B"}},
        {{SPAN(""), "EDED.01B"},
            {SPAN("Segment table\n0010   ----- Segment group 1  -- C   9---+\n0020  BGM x  M   1  |\n"),
                "ORDERS_D.01B"}},
        {{SPAN(""), "EDED.01B"},
            {SPAN("Segment table\n0020  BGM x                     M   1------++\n"), "ORDERS_D.01B"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        buf out = BUF_MAX(1 << 20);
        error *err = import_un(rows[i], 2, &out);
        if (!err) print_message("row %zu: %s\n", i, buf_text(&out));
        assert_non_null(err);
        error_free(err);
        buf_free(&out);
    }
}

/* Whatever stands in them: no crash, no end without an error or a text. */
static void damaged_files_are_read_or_refused(void **state) {
    (void)state;
    const span all[] = {SPAN(sef), SPAN(eded), SPAN(uncl), SPAN(edcd), SPAN(old_edsd), SPAN(orders)};
    static const char *const names[] = {"", "EDED.99Z", "UNCL.99Z", "EDCD.99Z", "EDSD.99Z", "ORDERS_D.99Z"};
    static const char marks[] = "[]{}=.,+|\n\0M";
    char copy[4096];
    for (size_t f = 0; f < sizeof all / sizeof all[0]; f++) {
        assert_true(all[f].len < sizeof copy);
        for (size_t at = 0; at < all[f].len; at++) {
            for (size_t m = 0; m < 3; m++) {
                size_t len = m == 2 ? at : all[f].len;
                memcpy(copy, all[f].data, all[f].len);
                copy[at] = marks[(at + m * 5) % (sizeof marks - 1)];
                buf out = BUF_MAX(1 << 22);
                const import_file file = {span_make(copy, len), names[f]};
                error_free(f == 0 ? import_sef(file.text, "f", &out) : import_un(&file, 1, &out));
                buf_free(&out);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sef_file_becomes_a_release_and_its_sets),
        cmocka_unit_test(a_sef_file_as_it_is_exported_is_read),
        cmocka_unit_test(what_is_wrong_in_a_sef_file_is_told_with_its_line),
        cmocka_unit_test(a_directory_of_the_united_nations_becomes_ours),
        cmocka_unit_test(files_that_are_none_of_a_directory_are_refused),
        cmocka_unit_test(damaged_files_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
