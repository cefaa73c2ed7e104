/* tests/unit/test_edi_document.c: documents of a file, the view of one, values, the writer: rows EW01, EW02, EF18. */
#include "core/base/memory.h"
#include "edi/document.h"
#include "edi/value.h"
#include "edi/view.h"
#include "edi/writer.h"
#include "tests/unit/edi_test.h"

#define BODY                                                                                                           \
    "BEG*00*SA*A1**20260101~N1*ST*SHIP*92*77~N3*STREET~N1*BT*BILL~PO1*1*5*EA*1.5**VP*V1*UP*U1~PID*F****RED~"           \
    "PO1*2*6*EA*2**VP*V2~CTT*2~"

static void documents_carry_what_they_are_tracked_by(void **state) {
    (void)state;
    buf file = BUF_MAX(1 << 16);
    buf_add_text(&file, x12_around("850", "PO", BODY));
    buf_add_text(&file, "\n");
    buf_add_text(
        &file, edifact_around("ORDRSP:D:96A:UN:EAN005", "BGM+231+R7+4'DTM+137:20260101:102'RFF+ON:P?+O1'UNS+S'"));
    edi_documents found;
    edi_documents_read(buf_span(&file), test_library(), NULL, &found);
    assert_int_equal(found.errors, 0);
    assert_int_equal(found.count, 2);
    const edi_document *order = &found.list[0], *response = &found.list[1];
    assert_string_equal(order->header.type, "850");
    assert_string_equal(order->header.version, "004010");
    assert_string_equal(order->sender, "ZZ:SENDER");
    assert_string_equal(order->interchange.control, "000000001");
    assert_string_equal(order->group.control, "1");
    assert_int_equal(order->segments, 10);
    assert_true(order->complete && order->known && !order->acknowledgement);
    assert_memory_equal(file.data + order->offset, "ST*850*0001~", 12);
    assert_memory_equal(file.data + order->offset + order->length - 11, "SE*10*0001~", 11);
    assert_int_equal(order->key_count, 1);
    assert_string_equal(order->keys[0].name, "po");
    assert_string_equal(order->keys[0].value, "A1");
    assert_string_equal(response->header.version, "D96A");
    assert_string_equal(response->header.association, "EAN005");
    assert_string_equal(response->keys[0].value, "R7");
    assert_string_equal(response->keys[1].name, "po");
    assert_string_equal(response->keys[1].value, "P+O1");
    edi_documents_free(&found);
    buf_free(&file);
}

static void documents_of_tradacoms_are_found_by_their_keys(void **state) {
    (void)state;
    static const char file[] =
        "STX=ANA:1+1:A+2:B+260315:130233+7'MHD=1+ORDERS:9'CLO=:77'ORD=B11::260310'OLD=1+:1'OTR=1'MTR=6'"
        "MHD=2+INVOIC:9'CLO=:77'IRF=I7+260315+260315'ODD=1+B?+11'MTR=5'MHD=3+CREDIT:9'CRF=C7+260315+260315'MTR=3'END="
        "3'";
    edi_documents found;
    edi_documents_read(SPAN(file), test_library(), NULL, &found);
    static const struct {
        size_t document;
        const char *name, *value;
    } rows[] = {{0, "po", "B11"}, {1, "invoice", "I7"}, {1, "po", "B+11"}, {2, "credit", "C7"}};
    assert_int_equal(found.count, 3);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const edi_document *document = &found.list[rows[i].document];
        bool there = false;
        assert_true(document->known);
        for (size_t k = 0; k < document->key_count; k++)
            there |= strcmp(document->keys[k].name, rows[i].name) == 0 &&
                     strcmp(document->keys[k].value, rows[i].value) == 0;
        assert_true(there);
    }
    edi_documents_free(&found);
}

/* What the acknowledgement refuses as a whole is no valid document of a file (ED-01, ED-10). */
static void documents_share_the_fate_of_their_envelope(void **state) {
    (void)state;
#define ONE "UNH+1+XYZ:D:96A:UN'A+1'UNT+3+1'"
#define SETS GS_ORDERS "ST*XYZ*0001~A*1~SE*3*0001~ST*XYZ*0002~A*1~SE*3*0002~"
    static const struct {
        const char *text, *refused; /* a letter a document: r refused, - not */
    } rows[] = {
        {ISA_FIXED SETS "GE*2*1~IEA*1*000000001~", "--"},
        {ISA_FIXED SETS "GE*3*1~IEA*1*000000001~", "rr"}, /* AK905 5 */
        {ISA_FIXED SETS "GE*2*9~IEA*1*000000001~", "rr"}, /* AK905 4 */
        {ISA_FIXED SETS "IEA*1*000000001~", "rr"},        /* AK905 3 */
        {ISA_FIXED SETS "GE*2*1~", "rr"},                 /* TA105 023 */
        {ISA_FIXED SETS "GE*2*1~IEA*2*000000001~", "--"}, /* TA104 E */
        {ISA_FIXED SETS
            "GE*3*1~GS*PO*SENDER*RECEIVER*20260101*1200*2*X*004010~ST*XYZ*0001~A*1~SE*3*0001~GE*1*2~IEA*2*000000001~",
            "rr-"},
        {UNB_PLAIN ONE "UNZ+1+REF1'", "-"},
        {UNB_PLAIN ONE "UNZ+2+REF1'", "r"}, /* UCI 4 */
        {UNB_PLAIN ONE, "r"},
        {UNB_PLAIN ONE "UNZ+2+REF1'"
                       "UNB+UNOC:3+SENDER:14+RECEIVER:14+260101:1200+REF2'" ONE "UNZ+1+REF2'",
            "r-"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char fates[8] = "";
        edi_documents found;
        edi_documents_read(span_of(rows[i].text), test_library(), NULL, &found);
        for (size_t k = 0; k < found.count && k < sizeof fates - 1; k++)
            fates[k] = found.list[k].refused ? 'r' : '-';
        if (strcmp(fates, rows[i].refused) != 0) fail_msg("%s: %s, not %s", rows[i].text, fates, rows[i].refused);
        edi_documents_free(&found);
    }
}

static void a_document_alone_is_a_valid_file(void **state) {
    (void)state;
#define SET(n) "ST*850*" n "~\nBEG*00*SA*A1**20260101~\nPO1*1*5*EA*1.5~\nSE*4*" n "~\n"
    static const char *const files[] = {ISA_FIXED "\n" GS_ORDERS "\n" SET("0001")
                                            SET("0002") "GE*2*1~\nIEA*1*000000001~\n",
        "UNA:+.? '" UNB_PLAIN "UNH+1+XYZ:D:96A:UN'A+1'UNT+3+1'UNH+2+XYZ:D:96A:UN'A+1'UNT+3+2'UNZ+2+REF1'",
        UNB_PLAIN "UNG+XYZ+S+R+260101:1200+G1+UN+D:96A'UNH+1+XYZ:D:96A:UN'AAA+1'UNT+3+1'UNE+1+G1'UNZ+1+REF1'"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        edi_documents found;
        edi_documents_read(span_of(files[i]), test_library(), NULL, &found);
        for (size_t k = 0; k < found.count; k++) {
            buf out = BUF_MAX(1 << 16);
            edi_totals totals;
            assert_null(edi_document_alone(span_of(files[i]), &found.list[k], &out));
            if (i != 1) assert_string_equal(faults_with(buf_span(&out), NULL, &totals), "");
            if (i == 1) assert_string_equal(faults_with(buf_span(&out), NULL, &totals), "segment-tag@A");
            assert_int_equal(totals.documents, 1);
            buf_free(&out);
        }
        edi_documents_free(&found);
    }
}

static edi_view *view_of(span file, edi_documents *found) {
    edi_view *view;
    edi_documents_read(file, test_library(), NULL, found);
    assert_int_equal(found->count, 1);
    assert_null(edi_view_new(file, &found->list[0], test_library(), &view));
    return view;
}

static void expect_text(
    const edi_view *view, arena *memory, size_t segment, size_t element, size_t component, const char *text) {
    span value = edi_view_value(view, memory, segment, element, 1, component);
    assert_true(value.data && span_is(value, text));
}

static void the_view_finds_segments_loops_and_values(void **state) {
    (void)state;
    edi_documents found;
    arena *memory = arena_new(1 << 20);
    edi_view *view = view_of(span_of(x12_around("850", "PO", BODY)), &found);
    edi_range all = edi_view_all(view), loop;
    size_t at = 0, cursor = all.first, loops = 0;
    assert_int_equal(all.end, 10);
    assert_true(edi_view_find(view, all, SPAN("BEG"), &at));
    expect_text(view, memory, at, 3, 0, "A1");
    assert_int_equal(edi_view_elements(view, at), 5);
    assert_null(edi_view_value(view, memory, at, 9, 1, 0).data);
    assert_string_equal(edi_view_slot(view, at, 5, 0)->name, "date");
    while (edi_view_next_loop(view, all, SPAN("PO1"), &cursor, &loop)) {
        assert_true(span_is(edi_view_tag(view, loop.first), "PO1"));
        assert_int_equal(loop.end - loop.first, loops == 0 ? 2 : 1);
        assert_true(span_is(edi_view_qualified(view, memory, loop.first, 6, SPAN("VP")), loops == 0 ? "V1" : "V2"));
        loops++;
    }
    assert_int_equal(loops, 2);
    cursor = all.first;
    assert_true(edi_view_next_loop(view, all, SPAN("items"), &cursor, &loop)); /* by its name in the schema */
    assert_true(span_is(edi_view_qualified(view, memory, loop.first, 6, SPAN("UP")), "U1"));
    assert_null(edi_view_qualified(view, memory, loop.first, 6, SPAN("XX")).data);
    cursor = all.first;
    assert_true(edi_view_next_loop(view, all, SPAN("N1"), &cursor, &loop));
    assert_int_equal(loop.end - loop.first, 2);
    assert_true(edi_view_next_loop(view, all, SPAN("N1"), &cursor, &loop));
    assert_int_equal(loop.end - loop.first, 1);
    edi_view_free(view);
    edi_documents_free(&found);
    arena_free(memory);
}

/* Both ways to a view of each document of a file give the same. */
static void a_view_that_is_made_while_reading_is_the_same(void **state) {
    (void)state;
    static const char edi[] =
        "ISA*00*          *00*          *01*123456789      *ZZ*BANYAN         *261123*1615*U*00401*000000042*0*P*>~"
        "GS*PO*123456789*BANYAN*20261123*1615*42*X*004010~ST*850*0001~BEG*00*SA*4711**20261123~N1*BT*Acme~PO1*1*1*EA~"
        "PID*F****x~PO1*2*5*CA~CTT*2~SE*8*0001~ST*850*0002~BEG*00*SA*4712**20261123~PO1*1*1*EA~SE*4*0002~"
        "ST*999999*0003~XX*1~SE*3*0003~GE*3*42~IEA*1*000000042~";
    span file = span_of(edi);
    for (size_t i = 0; i < 3; i++) {
        edi_documents found;
        edi_view *view, *other;
        edi_view_read(file, i, test_library(), &found, &view);
        assert_int_equal(found.count, 3);
        assert_non_null(view);
        assert_null(edi_view_new(file, &found.list[i], test_library(), &other));
        assert_ptr_equal(edi_view_schema(view), edi_view_schema(other));
        assert_int_equal(edi_view_all(view).end, edi_view_all(other).end);
        assert_string_equal(edi_view_document(view)->header.control, edi_view_document(other)->header.control);
        for (size_t k = 0; k < edi_view_all(view).end; k++) {
            assert_true(span_equal(edi_view_raw(view, k), edi_view_raw(other, k)));
            assert_ptr_equal(edi_view_node(view, k), edi_view_node(other, k));
        }
        static const char *const triggers[] = {"PO1", "N1", "XX", "items"};
        for (size_t t = 0; t < sizeof triggers / sizeof *triggers; t++) {
            edi_range one, two;
            size_t at = 0, there = 0;
            bool more = true;
            while (more) {
                more = edi_view_next_loop(view, edi_view_all(view), span_of(triggers[t]), &at, &one);
                assert_int_equal(
                    edi_view_next_loop(other, edi_view_all(other), span_of(triggers[t]), &there, &two), more);
                if (more) assert_true(one.first == two.first && one.end == two.end);
            }
        }
        edi_view_free(view);
        edi_view_free(other);
        edi_documents_free(&found);
    }
    edi_documents none;
    edi_view *view;
    edi_view_read(file, 3, test_library(), &none, &view);
    assert_null(view);
    edi_documents_free(&none);
    edi_view_read(SPAN("no EDI"), 0, test_library(), &none, &view);
    assert_null(view);
    edi_documents_free(&none);
}

static void without_schema_loops_run_from_trigger_to_trigger(void **state) {
    (void)state;
    edi_documents found;
    arena *memory = arena_new(1 << 20);
    edi_view *view =
        view_of(span_of(edifact_around("XYZ:D:96A:UN", "BGM+1'LIN+1++A?+1:VP'QTY+21:5'LIN+2'UNS+S'")), &found);
    size_t cursor = 0;
    edi_range loop;
    assert_null(edi_view_schema(view));
    assert_true(edi_view_next_loop(view, edi_view_all(view), SPAN("LIN"), &cursor, &loop));
    assert_int_equal(loop.end - loop.first, 2);
    expect_text(view, memory, loop.first, 3, 1, "A+1");
    assert_true(span_is(edi_view_qualified(view, memory, loop.first, 3, SPAN("VP")), "A+1"));
    assert_true(span_is(edi_view_qualified(view, memory, loop.first + 1, 1, SPAN("21")), "5"));
    assert_true(edi_view_next_loop(view, edi_view_all(view), SPAN("LIN"), &cursor, &loop));
    assert_int_equal(loop.end - loop.first, 1);
    assert_false(edi_view_next_loop(view, edi_view_all(view), SPAN("LIN"), &cursor, &loop));
    edi_view_free(view);
    edi_documents_free(&found);
    arena_free(memory);
}

static void decimals_are_exact(void **state) {
    (void)state;
    static const struct {
        const char *value;
        unsigned implied;
        const char *text;
    } rows[] = {{"5", 0, "5"}, {"5", 2, "0.05"}, {"-1250", 2, "-12.50"}, {"0.10", 0, "0.10"}, {".5", 0, "0.5"},
        {"007", 0, "7"}, {"1,5", 0, "1.5"}, {"-0", 0, "0"}, {"99999999999999999999", 2, "999999999999999999.99"},
        {"", 0, NULL}, {"x", 0, NULL}, {"1.2.3", 0, NULL}, {"-", 0, NULL}, {"000", 2, "0.00"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[EDI_DECIMAL_SIZE];
        assert_int_equal(edi_decimal(span_of(rows[i].value), rows[i].implied, out), rows[i].text != NULL);
        if (rows[i].text) assert_string_equal(out, rows[i].text);
    }
}

/* EF18 */
static void dates_are_read_by_their_format(void **state) {
    (void)state;
    static const struct {
        const char *value, *format, *text;
    } rows[] = {{"20260131", "102", "2026-01-31"}, {"260131", "101", "2026-01-31"},
        {"202601311200", "203", "2026-01-31T12:00"}, {"20260131120005", "204", "2026-01-31T12:00:05"},
        {"2601311200", "201", "2026-01-31T12:00"}, {"202601311200CET", "303", "2026-01-31T12:00CET"},
        {"202601311200+01", "303", "2026-01-31T12:00+01"}, {"2026013120260205", "718", "2026-01-31"},
        {"202601", "610", "2026-01"}, {"2026", "602", "2026"}, {"1230", "401", "12:30"}, {"20260231", "102", NULL},
        {"2026013", "102", NULL}, {"20260131", "999", NULL}, {"", "102", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[EDI_DATE_SIZE];
        bool good = edi_formatted_date(span_of(rows[i].value), span_of(rows[i].format), out);
        assert_int_equal(good, rows[i].text != NULL);
        if (good) assert_string_equal(out, rows[i].text);
    }
}

static error *numbers(void *context, edi_level level, const char *kind, char number[EDI_ID_SIZE]) {
    unsigned *next = context;
    (void)kind;
    snprintf(number, EDI_ID_SIZE, level == EDI_LEVEL_DOCUMENT ? "%04u" : "%u", ++*next);
    return NULL;
}

static edi_envelope envelope(edi_standard standard) {
    edi_envelope e = {.delimiters = {.standard = standard}, .date = "20260131", .time = "1200"};
    strcpy(e.sender.id, "US");
    strcpy(e.receiver.id, "THEM");
    strcpy(e.receiver.qualifier, standard == EDI_X12 ? "01" : "14");
    return e;
}

/* EW02 */
static void the_writer_fills_envelopes_and_trims(void **state) {
    (void)state;
    unsigned next = 0;
    buf out = BUF_MAX(1 << 16);
    edi_envelope e = envelope(EDI_X12);
    edi_writer *w = edi_writer_new(&out, &e, numbers, &next);
    assert_null(edi_writer_document(w, "850", "004010", NULL, NULL));
    edi_writer_segment(w, "BEG");
    edi_writer_text(w, "00");
    edi_writer_text(w, "SA");
    edi_writer_text(w, "A1");
    edi_writer_text(w, NULL);
    edi_writer_text(w, "20260101");
    edi_writer_text(w, NULL);
    assert_null(edi_writer_end(w));
    edi_writer_segment(w, "N4"); /* nothing in it: not written */
    edi_writer_text(w, "");
    assert_null(edi_writer_end(w));
    edi_writer_segment(w, "PO1");
    edi_writer_text(w, NULL);
    edi_writer_text(w, "5");
    assert_null(edi_writer_end(w));
    assert_null(edi_writer_close(w, EDI_LEVEL_INTERCHANGE));
    edi_writer_free(w);
    assert_string_equal(buf_text(&out),
        "ISA*00*          *00*          *ZZ*US             *01*THEM           *260131*1200*U*00401*000000001*0*P*:~"
        "GS*PO*US*THEM*20260131*1200*2*X*004010~ST*850*0003~BEG*00*SA*A1**20260101~PO1**5~SE*4*0003~GE*1*2~IEA*1*"
        "000000001~");
    assert_string_equal(faults_with(buf_span(&out), NULL, NULL), "");
    buf_free(&out);
}

/* EW01, ED-18 */
static void delimiters_in_data_are_released_or_refused_with_their_place(void **state) {
    (void)state;
    unsigned next = 0;
    buf out = BUF_MAX(1 << 16);
    edi_envelope e = envelope(EDI_EDIFACT);
    edi_writer *w = edi_writer_new(&out, &e, numbers, &next);
    assert_null(edi_writer_document(w, "XYZ", "D96A", NULL, "EAN1"));
    edi_writer_segment(w, "FTX");
    edi_writer_text(w, "a'b+c:d?e*f");
    edi_writer_text(w, NULL);
    edi_writer_component(w, SPAN("x"));
    edi_writer_component(w, SPAN(""));
    assert_null(edi_writer_end(w));
    assert_null(edi_writer_close(w, EDI_LEVEL_INTERCHANGE));
    edi_writer_free(w);
    assert_string_equal(buf_text(&out),
        "UNB+UNOC:3+US+THEM:14+260131:1200+1'UNH+0002+XYZ:D:96A:UN:EAN1'FTX+a?'b?+c?:d?\?e*f+:x'"
        "UNT+3+0002'UNZ+1+1'");
    assert_string_equal(faults_with(buf_span(&out), NULL, NULL), "");
    buf_clear(&out);
    edi_envelope x = envelope(EDI_X12);
    w = edi_writer_new(&out, &x, numbers, &next);
    assert_null(edi_writer_document(w, "850", "004010", NULL, NULL));
    size_t before = out.len;
    edi_writer_segment(w, "MSG");
    edi_writer_text(w, "ok");
    edi_writer_text(w, "a~b");
    error *err = edi_writer_end(w);
    assert_non_null(err);
    assert_non_null(strstr(error_text(err), "MSG02 holds ~"));
    assert_int_equal(out.len, before);
    error_free(err);
    edi_writer_segment(w, "MSG");
    edi_writer_text(w, "a\nb");
    err = edi_writer_end(w);
    assert_non_null(err);
    error_free(err);
    edi_writer_free(w);
    strcpy(x.sender.id, "LONGER THAN FIFTEEN");
    w = edi_writer_new(&out, &x, numbers, &next);
    err = edi_writer_document(w, "850", "004010", NULL, NULL);
    assert_non_null(err);
    error_free(err);
    edi_writer_free(w);
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_carry_what_they_are_tracked_by),
        cmocka_unit_test(documents_of_tradacoms_are_found_by_their_keys),
        cmocka_unit_test(documents_share_the_fate_of_their_envelope),
        cmocka_unit_test(a_document_alone_is_a_valid_file),
        cmocka_unit_test(the_view_finds_segments_loops_and_values),
        cmocka_unit_test(a_view_that_is_made_while_reading_is_the_same),
        cmocka_unit_test(without_schema_loops_run_from_trigger_to_trigger),
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(dates_are_read_by_their_format),
        cmocka_unit_test(the_writer_fills_envelopes_and_trims),
        cmocka_unit_test(delimiters_in_data_are_released_or_refused_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
