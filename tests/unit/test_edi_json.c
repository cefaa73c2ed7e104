/* tests/unit/test_edi_json.c: JSON both ways and documents: matrix rows EJ01 to EJ03, ED-19. */
#include "core/base/json.h"
#include "core/base/memory.h"
#include "edi/json.h"
#include "tests/unit/edi_test.h"

#define BODY "BEG*00*SA*A1**20260101~N1*ST*A \"B\" \\ C~N3*S~PO1*1*5*EA*1.5~PID*F****X~PO1*2*6*EA*1.5~CTT*2~"

static char *to_json(span file, bool flat) {
    buf out = BUF_MAX(1 << 24);
    edi_json_options options = {.validate = {.envelope_only = flat}};
    error *err = edi_to_json(file, test_library(), &options, edi_sink_buf, &out);
    if (err) print_message("%s\n", error_text(err));
    assert_null(err);
    size_t len;
    return buf_take(&out, &len);
}

static void expect_round_trip(span file) {
    for (int flat = 0; flat < 2; flat++) {
        char *json = to_json(file, flat);
        buf out = BUF_MAX(1 << 24);
        error *err = edi_from_json(span_of(json), &out);
        if (err) print_message("%s (%s)\n%s\n", error_text(err), error_where(err), json);
        assert_null(err);
        if (!span_equal(buf_span(&out), file)) print_message("%s\n%s\n", json, buf_text(&out));
        assert_true(span_equal(buf_span(&out), file));
        buf_clear(&out);
        assert_null(edi_from_json_to(span_of(json), NULL, edi_sink_buf, &out));
        assert_true(span_equal(buf_span(&out), file));
        buf_free(&out);
        free(json);
    }
}

/* EJ01 */
static void every_well_formed_file_comes_back_byte_for_byte(void **state) {
    (void)state;
    static const char *const files[] = {
        "UNA:+.? 'UNB+UNOC:3+S:14+R:14+260101:1200+R?+1'UNH+1+XYZ:D:96A:UN'FTX+a?'b:c?:d::+++e?\?f'UNT+3+1'UNZ+1+R?+1'",
        "UNB+UNOC:3+S+R+260101:1200+1'\r\nUNH+1+XYZ:D:96A:UN'\r\nFTX+a?b'\r\n\r\nFTX+?''UNT+4+1'\r\nUNZ+1+1'",
        "UNB+UNOC:4+S+R+20260101:1200+1'UNH+1+XYZ:D:96A:UN'FTX+a*b:c*d+e?*f'UNT+3+1'UNZ+1+1'\n\n",
        "UNB+UNOC:3+S+R+260101:1200+1'UNH+1+XYZ:D:96A:UN'AAA:1.5'LIN:1:2+3'UNT+4+1'UNZ+1+1'",
        "UNB+UNOC:3+S+R+260101:1200+1'UNH+1+XYZ:D:96A:UN'LIN:1:2a+3'UNT+3+1'UNZ+1+1'",
        "UNB+UNOC:3+S+R+260101:1200+1'UNH+1+XYZ:D:96A:UN'FTX+P?\r\n+1'UNT+3+1'UNZ+1+1'",
        "UNB+UNOC:3+S+R+260101:1200+1'UNO+1+1+2+7'a'b+c'dUNP+7+1'UNZ+1+1'",
        "UNB+UNOC:3+S+R+260101:1200+1'UNG+XYZ+S+R+260101:1200+G+UN+D:96A'UNH+1+XYZ:D:96A:UN'AAA+1'UNT+3+1'UNE+1+G'UNZ+"
        "1+"
        "1'",
        "UNB+UNOC:3+S+R+260101:1200+1'UNH+1+XYZ:D:96A:UN'FTX+\xE4\xF6\xFC'UNT+3+1'UNZ+1+1'",
        "UNB+UNOC:3+S+R+260101:1200+1'UNH+1+XYZ:D:96A:UN'FTX+\xC3\xA4'UNT+03+1'UNZ+0001+1'",
        "STX=ANA:1+500:A+501:B+070315:130233+7+P+ORDHDR+B'MHD=1+ORDHDR:9'TYP=0430'MTR=3'END=1'",
        "STX=ANA:1+500:A+501:B+070315:130233+7'\r\nMHD=1+ORDERS:9'\r\nCLO=:77:D?'OR'\r\nORD=B1::070310'\r\nOLD=1+:A=1++"
        "+12'"
        "\r\nDNB=1+1++128:X?+Y'\r\nOLD=2+:2'\r\nOTR=2'\r\nMTR=8'\r\nEND=1'\r\n",
        ISA_FIXED "TA1*000000001*260101*1200*A*000~IEA*0*000000001~",
        ISA_FIXED "\nGS*PO*S*R*20260101*1200*1*X*004010~\nST*850*0001~\nBEG*00*SA*A1**2026\n0101~\nN1~\nPO1*****~\nSE*"
                  "5*0001~\nGE*1*1~\nIEA*1*000000001",
        ISA_FIXED
        "GS*PI*S*R*20260101*1200*1*X*004010~ST*275*0001~BIN*6*a~b\n\xFF~~SE*3*0001~GE*1*1~IEA*1*000000001~\r\n\x1A",
        "\xEF\xBB\xBF" ISA_FIXED "IEA*0*000000001~",
        ISA_FIXED "\nIEA*0*000000001\n",
        "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*12\n00*U*00401*000000001*0*P*:\n"
        "IEA*0*000000001\n",
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        expect_round_trip(span_of(files[i]));
    expect_round_trip(span_of(x12_around("850", "PO", BODY)));
    char both[2048];
    snprintf(both, sizeof both, "%s", x12_around("850", "PO", BODY));
    strcat(both, "\r\njunk\r\n");
    strcat(both, edifact_around("ORDERS:D:96A:UN", "BGM+220+1+9'DTM+137:20260101:102'LIN+1'UNS+S'"));
    expect_round_trip(span_of(both));
}

/* EJ01: the loops of guides are named 2000A, 2300: no letter, or none at first. */
static void loops_whose_names_are_numbers_come_back_byte_for_byte(void **state) {
    (void)state;
    const char *body =
        "ST*835*0001*005010X221A1~BPR*I*100*C*CHK************20260101~TRN*1*1*1512345678~N1*PR*PAYER~N3*A~"
        "N4*B*NY*10001~PER*BL*C*TE*1~N1*PE*PAYEE*XX*1~LX*1~CLP*1*1*100*100**12*1~NM1*QC*1*A*B~"
        "SVC*HC:1*100*100~DTM*472*20260101~CLP*2*1*0*0**12*1~NM1*QC*1*A*B~SE*16*0001~";
    char file[2048];
    snprintf(file, sizeof file, "%sGS*HP*SENDER*RECEIVER*20260101*1200*1*X*005010X221A1~%sGE*1*1~IEA*1*000000001~",
        ISA_FIXED, body);
    expect_round_trip(span_of(file)); /* in one walk and from the tape */
    char *json = to_json(span_of(file), false);
    assert_non_null(strstr(json, "{\"2000\":"));
    assert_non_null(strstr(json, "{\"1000a\":"));
    free(json);
}

/* ED-19 */
static void random_interchanges_come_back_byte_for_byte(void **state) {
    (void)state;
    static const char *const pieces[] = {
        "a", "B7", "?+", "?'", "?\?", "?x", ":", "+", "\n", "\"", "\\", "\xC3\xA4", " ", "*"};
    unsigned seed = 7;
    for (int round = 0; round < 3000; round++) {
        buf file = BUF_MAX(1 << 20);
        unsigned segments = 0;
        buf_add_text(&file, round % 2 ? "UNB+UNOC:3+S+R+260101:1200+1'UNH+1+ORDERS:D:96A:UN'"
                                      : "UNB+UNOC:4+S+R+20260101:1200+1'UNH+1+ORDERS:D:96A:UN'");
        static const char *const tags[] = {"BGM", "RFF", "NAD", "LIN", "QTY", "XXX", "UNS", "CTA"};
        for (unsigned i = (seed >> 16) % 12; i > 0; i--, segments++) {
            seed = seed * 1103515245 + 12345;
            buf_add_text(&file, tags[(seed >> 16) % 8]);
            buf_add_char(&file, '+');
            for (unsigned k = (seed >> 20) % 9; k > 0; k--) {
                seed = seed * 1103515245 + 12345;
                buf_add_text(&file, pieces[(seed >> 16) % (sizeof pieces / sizeof pieces[0])]);
            }
            buf_add_text(&file, seed & 0x100000 ? "'" : "'\n");
        }
        buf_printf(&file, "UNT+%u+1'UNZ+1+1'", segments + 2);
        expect_round_trip(buf_span(&file));
        buf_free(&file);
        seed = seed * 1103515245 + 12345;
    }
}

/* EJ02 */
static void trailers_follow_what_was_edited(void **state) {
    (void)state;
    char *text = to_json(span_of(x12_around("850", "PO", BODY)), false);
    json_t *root;
    assert_null(json_parse(span_of(text), &root));
    json_t *document = json_array_get(
        json_object_get(
            json_array_get(json_object_get(json_array_get(json_object_get(root, "interchanges"), 0), "content"), 0),
            "documents"),
        0);
    assert_null(json_object_get(document, "trailer"));
    json_t *segments = json_object_get(document, "segments");
    json_t *items = NULL;
    for (size_t i = 0; i < json_array_size(segments) && !items; i++)
        items = json_object_get(json_array_get(segments, i), "items");
    assert_int_equal(json_array_size(items), 2);
    json_array_append_new(items, json_deep_copy(json_array_get(items, 1)));
    char *edited = json_text(root, false);
    buf out = BUF_MAX(1 << 20);
    assert_null(edi_from_json(span_of(edited), &out));
    assert_non_null(strstr(buf_text(&out), "PO1*2*6*EA*1.5~PO1*2*6*EA*1.5~CTT*2~SE*10*0001~GE*1*1~IEA*1*000000001~"));
    assert_string_equal(faults_with(buf_span(&out), NULL, NULL), "?control-total@CTT01");
    buf_free(&out);
    free(edited);
    free(text);
    json_decref(root);
}

/* EJ03 */
static void wrong_json_is_refused_with_its_path(void **state) {
    (void)state;
#define INTERCHANGE(content)                                                                                           \
    "{\"interchanges\":[{\"standard\":\"X12\",\"header\":{\"ISA\":[\"00\"]},\"content\":[" content "]}]}"
    static const struct {
        const char *json, *where;
    } rows[] = {{"[]", "/"}, {"{\"a\":1}", "/"}, {"{\"interchanges\":1}", "/"},
        {"{\"interchanges\":[1]}", "/interchanges/0"},
        {"{\"interchanges\":[{\"standard\":\"HL7\"}]}", "/interchanges/0"},
        {INTERCHANGE("{\"A\":1}"), "/interchanges/0/content/0/A"},
        {INTERCHANGE("{\"A\":[1]}"), "/interchanges/0/content/0/A/0"},
        {INTERCHANGE("{\"A\":[\"a~b\"]}"), "/interchanges/0/content/0/A/0"},
        {INTERCHANGE("{\"A\":[],\"B\":[]}"), "/interchanges/0/content/0"},
        {INTERCHANGE("{\"A\":[],\"_x\":1}"), "/interchanges/0/content/0"},
        {INTERCHANGE("{\"segments\":[],\"x\":1}"), "/interchanges/0/content/0"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        buf out = BUF_MAX(1 << 20);
        error *err = edi_from_json(span_of(rows[i].json), &out);
        assert_non_null(err);
        assert_string_equal(error_where(err), rows[i].where);
        error *walked = edi_from_json_to(span_of(rows[i].json), NULL, edi_sink_buf, &out);
        assert_non_null(walked);
        assert_string_equal(error_where(walked), rows[i].where);
        assert_string_equal(error_text(walked), error_text(err));
        error_free(walked);
        error_free(err);
        buf_free(&out);
    }
    static const char *const broken[] = {"{", "{\"interchanges\":[],\"interchanges\":[]}", ""};
    for (size_t i = 0; i < 3; i++) {
        buf out = BUF_MAX(1 << 20);
        error *err = edi_from_json(span_of(broken[i]), &out);
        assert_non_null(err);
        error_free(err);
        err = edi_from_json_to(span_of(broken[i]), NULL, edi_sink_buf, &out);
        assert_non_null(err);
        error_free(err);
        buf_free(&out);
    }
}

static void members_in_any_order_say_the_same(void **state) {
    (void)state;
    static const char isa[] =
        "{\"ISA\":[\"00\",\"          \",\"00\",\"          \",\"ZZ\",\"S              \",\"ZZ\","
        "\"R              \",\"260101\",\"1200\",\"U\",\"00401\",\"000000001\",\"0\",\"P\",\":\"]}";
    static const char *const shapes[] = {"{\"interchanges\":[{\"standard\":\"X12\",\"header\":@,\"content\":[{"
                                         "\"header\":{\"GS\":[\"PO\",\"S\",\"R\",\"\",\"\",\"1\"]},"
                                         "\"documents\":[{\"header\":{\"ST\":[\"850\",\"0001\"]},\"segments\":[{"
                                         "\"BEG\":[]},{\"items\":[[{\"PO1\":[\"1\"]}],[{\"PO1\":"
                                         "[\"2\"]}]]}],\"trailer\":{\"SE\":[\"9\",\"0001\"]}}]}]}],\"after\":\"x\"}",
        "{\"after\":\"x\",\"interchanges\":[{\"content\":[{\"documents\":[{\"trailer\":{\"SE\":[\"9\",\"0001\"]},"
        "\"segments\":[{\"BEG\":"
        "[]},{\"items\":[[{\"PO1\":[\"1\"]}],[{\"PO1\":[\"2\"]}]]}],\"header\":{\"ST\":[\"850\",\"0001\"]}}],"
        "\"header\":{\"GS\":[\"PO\","
        "\"S\",\"R\",\"\",\"\",\"1\"]}}],\"header\":@,\"standard\":\"X12\"}]}"};
    for (size_t i = 0; i < 2; i++) {
        char json[2048];
        buf out = BUF_MAX(1 << 20), walked = BUF_MAX(1 << 20);
        const char *mark = strchr(shapes[i], '@');
        snprintf(json, sizeof json, "%.*s%s%s", (int)(mark - shapes[i]), shapes[i], isa, mark + 1);
        assert_null(edi_from_json(span_of(json), &out));
        assert_non_null(strstr(buf_text(&out), "~BEG~PO1*1~PO1*2~SE*9*0001~GE*1*1~IEA*1*000000001~x"));
        assert_null(edi_from_json_to(span_of(json), NULL, edi_sink_buf, &walked));
        assert_true(span_equal(buf_span(&out), buf_span(&walked)));
        buf_free(&out);
        buf_free(&walked);
    }
}

/* An interchange of at least `size` bytes as JSON, with `tail` instead of its end. */
static void long_json(buf *json, size_t size, const char *tail) {
    buf_add_text(json, "{\"interchanges\":[{\"standard\":\"X12\",\"header\":{\"ISA\":[\"1\",\"2\",\"3\",\"4\",\"5\","
                       "\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\"]},\"content\":[{\"header\":"
                       "{\"ST\":[\"850\",\"1\"]},\"segments\":[{\"BEG\":[\"00\"]}");
    for (size_t made = 0; made < size; made += 20)
        buf_add_text(json, ",{\"REF\":[\"DP\",\"0123456789ab\"]}"); /* twenty bytes of EDI */
    buf_add_text(json, tail);
}

static void what_is_wrong_at_the_end_lets_nothing_out_of_a_text_of_some_megabytes(void **state) {
    (void)state;
    static const char good[] = "]}]}]}", unfinished[] = "]}]}]", unknown[] = "],\"what\":1}]}]}",
                      delimiter[] = ",{\"REF\":[\"a*b\"]}]}]}]}", behind[] = "],\"type\":\"850\"}]}]}";
    const char *const wrong[] = {unfinished, unknown, delimiter, behind};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        for (size_t megabytes = 4; megabytes <= 12; megabytes += 8) {
            buf json = BUF_MAX(64 << 20), out = BUF_MAX(64 << 20);
            long_json(&json, megabytes << 20, wrong[i]);
            error *err = edi_from_json_to(buf_span(&json), NULL, edi_sink_buf, &out);
            bool late = i == 3; /* a member that comes late, which is right while all is held back */
            assert_true(late && megabytes == 4 ? !err : err != NULL);
            if (megabytes == 4 && !late) assert_int_equal(out.len, 0);
            error_free(err);
            buf_free(&json);
            buf_free(&out);
        }
    }
    buf json = BUF_MAX(64 << 20), at_once = BUF_MAX(64 << 20), out = BUF_MAX(64 << 20);
    long_json(&json, 20 << 20, good);
    assert_null(edi_from_json(buf_span(&json), &at_once));
    assert_null(edi_from_json_to(buf_span(&json), NULL, edi_sink_buf, &out));
    assert_true(span_equal(buf_span(&at_once), buf_span(&out)));
    buf_free(&json);
    buf_free(&at_once);
    buf_free(&out);
}

static void what_is_not_well_formed_is_refused_with_its_place(void **state) {
    (void)state;
    static const char *const files[] = {"", "hello", ISA_FIXED, ISA_FIXED GS_ORDERS "IEA*1*000000001~",
        "UNB+UNOC:3+S+R+260101:1200+1'UNH+1+XYZ:D:96A:UN'FTX+a?",
        "UNB+UNOC:3+S+R+260101:1200+1'UNH+1+XYZ:D:96A:UN'FTX:a?+b\"+1'UNT+3+1'UNZ+1+1'"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        buf out = BUF_MAX(1 << 20);
        error *err = edi_to_json(span_of(files[i]), test_library(), NULL, edi_sink_buf, &out);
        assert_non_null(err);
        assert_int_equal(error_code_of(err), ERROR_INVALID);
        error_free(err);
        buf_free(&out);
    }
}

/* Short cuts or none: the same bytes, or the same words about what is wrong. */
static void expect_same_either_way(span json) {
    edi_text_options thorough = {.thorough = true};
    buf at_once = BUF_MAX(1 << 20), walked = BUF_MAX(1 << 20), slow = BUF_MAX(1 << 20);
    error *a = edi_from_json(json, &at_once), *b = edi_from_json_to(json, NULL, edi_sink_buf, &walked);
    error *c = edi_from_json_to(json, &thorough, edi_sink_buf, &slow);
    if (!a != !c) print_message("%s\n%.*s\n", c ? error_text(c) : error_text(a), (int)json.len, json.data);
    assert_int_equal(!a, !c);
    assert_int_equal(!b, !c);
    if (c) {
        assert_string_equal(error_text(a), error_text(c));
        assert_string_equal(error_text(b), error_text(c));
        assert_string_equal(error_where(b), error_where(c));
    } else {
        assert_true(span_equal(buf_span(&at_once), buf_span(&slow)));
        assert_true(span_equal(buf_span(&walked), buf_span(&slow)));
    }
    error_free(a);
    error_free(b);
    error_free(c);
    buf_free(&at_once);
    buf_free(&walked);
    buf_free(&slow);
}

/* EJ03. Blanks behind the text let the short cuts work up to its end. */
static void a_json_with_any_byte_changed_is_read_alike_with_and_without_short_cuts(void **state) {
    (void)state;
    static const char changes[] = "\"\\,:[]{}a*~^+' \x01\x80";
    const char *const files[] = {x12_around("850", "PO", BODY), UNB_PLAIN
        "UNH+1+ORDERS:D:96A:UN'BGM+220+A1+9'DTM+137:20260101:102'NAD+BY+1::9'LIN+1++4:EN'IMD+F++:::RED'QTY+21:"
        "5'UNS+S'CNT+2:1'UNT+10+1'UNZ+1+REF1'"};
    for (size_t k = 0; k < 2; k++) {
        buf json = BUF_MAX(1 << 20);
        edi_json_options options = {.compact = true};
        assert_null(edi_to_json(span_of(files[k]), test_library(), &options, edi_sink_buf, &json));
        for (int i = 0; i < 200; i++)
            buf_add_char(&json, ' ');
        for (size_t i = 0; i + 200 < json.len; i++) {
            char before = json.data[i];
            for (size_t c = 0; c < sizeof changes - 1; c++) {
                json.data[i] = changes[c];
                expect_same_either_way(buf_span(&json));
            }
            json.data[i] = before;
            expect_same_either_way(span_make(json.data, i));
        }
        expect_same_either_way(buf_span(&json));
        buf_free(&json);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_well_formed_file_comes_back_byte_for_byte),
        cmocka_unit_test(loops_whose_names_are_numbers_come_back_byte_for_byte),
        cmocka_unit_test(a_json_with_any_byte_changed_is_read_alike_with_and_without_short_cuts),
        cmocka_unit_test(random_interchanges_come_back_byte_for_byte),
        cmocka_unit_test(trailers_follow_what_was_edited),
        cmocka_unit_test(wrong_json_is_refused_with_its_path),
        cmocka_unit_test(members_in_any_order_say_the_same),
        cmocka_unit_test(what_is_wrong_at_the_end_lets_nothing_out_of_a_text_of_some_megabytes),
        cmocka_unit_test(what_is_not_well_formed_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
