/* tests/unit/test_edi_reader.c: envelopes, delimiters, counts, binary data, junk: matrix rows EX*, EF*, ED-*. */
#include "edi/scan.h"
#include "tests/unit/edi_test.h"

#define BODY "BEG*00*SA*A1**20260101~PO1*1*5*EA*1.5~"

/* The events as letters: I G D s d g i, S service, ! fault. */
static const char *events_of(span file) {
    static char room[4096];
    static const char letters[] = "_ISGDsdgi!";
    size_t len = 0;
    edi_reader *r = edi_reader_new(file, NULL);
    edi_event event;
    while ((event = edi_reader_next(r)) != EDI_END && len < sizeof room - 1)
        room[len++] = letters[event];
    room[len] = '\0';
    edi_reader_free(r);
    return room;
}

typedef struct expectation {
    const char *file, *faults;
} expectation;

static void expect_all(const expectation *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *faults = faults_of(rows[i].file);
        if (strcmp(faults, rows[i].faults) != 0) print_message("row %zu: %s\n", i, rows[i].file);
        assert_string_equal(faults, rows[i].faults);
    }
}

#define EXPECT_ALL(rows) expect_all(rows, sizeof(rows) / sizeof((rows)[0]))

static char *replaced(const char *text, char from, const char *to) {
    buf out = BUF_MAX(1 << 20);
    for (; *text; text++) {
        if (*text == from) {
            buf_add_text(&out, to);
        } else {
            buf_add_char(&out, *text);
        }
    }
    size_t len;
    return buf_take(&out, &len);
}

static void events_nest_and_end(void **state) {
    (void)state;
    assert_string_equal(events_of(span_of(x12_around("850", "PO", BODY))), "IGDssdgi");
    assert_string_equal(events_of(span_of(edifact_around("ORDERS:D:96A:UN", "BGM+220+1+9'"))), "IDsdi");
    assert_string_equal(events_of(span_of("")), "!");
}

/* EX01, ED-03 */
static void every_printable_delimiter_is_taken_from_its_place(void **state) {
    (void)state;
    const char *plain = x12_around("850", "PO", "BEG*00*SA*A1**20260101~PO1*1*5*EA~");
    size_t len = strlen(plain);
    for (int c = 1; c < 0x100; c++) {
        char file[512];
        for (size_t i = 0; i <= len; i++)
            file[i] = plain[i] == '*' ? (char)c : plain[i];
        bool usable =
            c < 0x80 && c != ' ' && !edi_is_alphanumeric((char)c) && c != '\r' && c != '\n' && c != ':' && c != '~';
        const char *events = events_of(span_make(file, len));
        if (usable) {
            assert_string_equal(events, "IGDssdgi");
        } else {
            assert_non_null(strchr(events, '!'));
        }
    }
}

/* EX02 */
static void a_header_that_is_not_106_long_is_named_and_read_on(void **state) {
    (void)state;
    char file[1024];
    edi_totals totals;
    snprintf(file, sizeof file, "ISA*00*         *%s", x12_around("850", "PO", BODY) + 18); /* ISA02: nine blanks */
    assert_string_equal(faults_with(span_of(file), NULL, &totals), "header-shape@ISA02");
    assert_int_equal(totals.documents, 1);
}

/* EX03 */
static void isa11_separates_repetitions_only_from_00402_and_only_as_a_character(void **state) {
    (void)state;
    static const struct {
        const char *isa11, *version;
        char repetition;
        const char *faults;
    } rows[] = {{"U", "00401", 0, ""}, {"U", "00501", 0, "?repetition-letter@ISA11"}, {"^", "00501", '^', ""},
        {"^", "00401", 0, ""}, {"7", "00402", 0, "?repetition-letter@ISA11"}, {">", "00402", '>', ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char file[1024];
        snprintf(file, sizeof file,
            "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       "
            "*260101*1200*%s*%s*000000001*0*P*:~%s",
            rows[i].isa11, rows[i].version, x12_around("850", "PO", BODY) + strlen(ISA_FIXED));
        assert_string_equal(faults_of(file), rows[i].faults);
        edi_reader *r = edi_reader_new(span_of(file), NULL);
        edi_reader_next(r);
        assert_int_equal(edi_reader_interchange(r)->delimiters.repetition, rows[i].repetition);
        edi_reader_free(r);
    }
}

/* EX04 */
static void any_terminator_and_line_breaks_behind_it_are_read(void **state) {
    (void)state;
    static const char *const terminators[] = {"~", "~\r\n", "~\n", "\n", "\r\n", "'", "\x1C", "\r"};
    for (size_t i = 0; i < sizeof terminators / sizeof terminators[0]; i++) {
        char *file = replaced(x12_around("850", "PO", BODY), '~', terminators[i]);
        edi_totals totals;
        assert_string_equal(faults_with(span_of(file), NULL, &totals), "");
        assert_int_equal(totals.segments, 8);
        free(file);
    }
}

/* EX05 */
static void a_file_wrapped_at_any_column_holds_the_same_document(void **state) {
    (void)state;
    char plain[1024];
    snprintf(plain, sizeof plain, "%s", x12_around("850", "PO", BODY));
    for (size_t width = 5; width < 120; width++) {
        buf out = BUF_MAX(1 << 16);
        for (size_t i = 0; plain[i]; i++) {
            if (i % width == 0 && i > 0) buf_add_text(&out, "\r\n");
            buf_add_char(&out, plain[i]);
        }
        if (105 % width != 0) { /* a break where the terminator stands would be the terminator */
            edi_totals totals;
            const char *faults = faults_with(buf_span(&out), NULL, &totals);
            if (width < 105) assert_string_equal(faults, "?line-break@ISA");
            assert_int_equal(totals.segments, 8);
        }
        buf_free(&out);
    }
}

/* EX06, EX07, ED-12 */
static void interchanges_of_different_standards_follow_each_other(void **state) {
    (void)state;
    char file[4096];
    edi_totals totals;
    int len = snprintf(file, sizeof file, "\xEF\xBB\xBF%s\r\n\r\n", x12_around("850", "PO", BODY));
    len += snprintf(file + len, sizeof file - (size_t)len, "HTTP junk\n%s", edifact_around("XYZ:D:96A:UN", "AAA+1'"));
    snprintf(file + len, sizeof file - (size_t)len, "\n\x1A");
    assert_string_equal(faults_with(span_of(file), NULL, &totals), "?byte-order-mark@ junk@");
    assert_int_equal(totals.interchanges, 2);
    assert_int_equal(totals.documents, 2);
    assert_int_equal(totals.segments, 13);
    assert_int_equal(totals.groups, 1);
}

/* EX08, ED-05 */
static void header_tags_in_data_are_data(void **state) {
    (void)state;
    assert_string_equal(
        faults_of(x12_around("998", "ZZ", "BMG*00*ISA~MIT*ISA*IEA~N1*ST*ISAAC~MSG*ISA*00*UNA*UNB+~")), "");
    assert_string_equal(faults_of(edifact_around("XYZ:D:96A:UN", "FTX+UNA+ISA*+UNB?+UNA1234'UNX+UNA'")), "");
}

/* EX09 */
static void ta1_stands_before_the_groups(void **state) {
    (void)state;
    static const expectation rows[] = {
        {ISA_FIXED "TA1*000000001*260101*1200*A*000~IEA*0*000000001~", ""},
        {ISA_FIXED GS_ORDERS "ST*850*0001~" BODY "SE*4*0001~GE*1*1~TA1*000000001*260101*1200*A*000~IEA*1*000000001~",
            "service-order@TA1"},
        {ISA_FIXED "IEA*0*000000001~", "interchange-empty@IEA"},
    };
    EXPECT_ALL(rows);
}

/* EX10, EX11, ED-09, ED-10 */
static void counts_and_references_of_trailers_are_held_against_what_is_there(void **state) {
    (void)state;
#define HEAD ISA_FIXED GS_ORDERS "ST*850*0001~" BODY
    static const expectation rows[] = {
        {HEAD "SE*4*0001~GE*1*1~IEA*1*000000001~", ""},
        {HEAD "SE*5*0001~GE*1*1~IEA*1*000000001~", "document-count@SE01"},
        {HEAD "SE*0004*0001~GE*1*1~IEA*1*000000001~", "?leading-zeros@SE01"},
        {HEAD "SE*-4*0001~GE*1*1~IEA*1*000000001~", "document-count@SE01"},
        {HEAD "SE*18446744073709551616*0001~GE*1*1~IEA*1*000000001~", "document-count@SE01"},
        {HEAD "SE*x*0001~GE*1*1~IEA*1*000000001~", "document-count@SE01"},
        {HEAD "SE**0001~GE*1*1~IEA*1*000000001~", "document-count@SE01"},
        {HEAD "SE*4*0002~GE*2*1~IEA*3*000000002~",
            "document-reference@SE02 group-count@GE01 interchange-count@IEA01 interchange-reference@IEA02"},
        {HEAD "SE*4*0001~GE*1*01~IEA*1*000000001~", "?leading-zeros@GE02"},
        {HEAD "SE*4*0001~GE*1*2~IEA*1*000000001~", "group-reference@GE02"},
    };
    EXPECT_ALL(rows);
}

/* EX10, EX11: what the envelope says of a trailer's element, the dictionary does not say again */
static void a_wrong_count_or_reference_is_one_fault(void **state) {
    (void)state;
    static const expectation rows[] = {
        {HEAD "SE*4*0001~GE*1*1~IEA*5*333~", "interchange-count@IEA01 interchange-reference@IEA02"},
        {HEAD "SE*4*0001~GE*1*1~IEA*1*1~", "?leading-zeros@IEA02 value-short@IEA02"},
        {HEAD "SE*4*0001~GE*1*one~IEA*1*000000001~", "group-reference@GE02"},
        {ISA_FIXED GS_ORDERS "GE*1*1~IEA*1*000000001~", "group-count@GE01"},
        {ISA_FIXED "IEA*1*000000001~", "interchange-count@IEA01"},
    };
    EXPECT_ALL(rows);
}

/* EX12 */
static void control_numbers_that_come_twice_are_told_at_each_level(void **state) {
    (void)state;
#define SET "ST*850*0001~" BODY "SE*4*0001~"
    static const expectation rows[] = {{ISA_FIXED GS_ORDERS SET SET "GE*2*1~" GS_ORDERS SET "GE*1*1~IEA*2*000000001~",
                                           "document-duplicate@ST group-duplicate@GS"},
        {ISA_FIXED GS_ORDERS SET "GE*1*1~IEA*1*000000001~" ISA_FIXED GS_ORDERS SET "GE*1*1~IEA*1*000000001~",
            "interchange-duplicate@ISA"}};
    EXPECT_ALL(rows);
    buf many = BUF_MAX(1 << 20); /* neither counting up nor in a run */
    buf_add_text(&many, ISA_FIXED GS_ORDERS);
    static const int numbers[] = {1, 3, 2, 7, 8, 9, 3, 8};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        buf_printf(&many, "ST*850*%04d~%sSE*4*%04d~", numbers[i], BODY, numbers[i]);
    buf_add_text(&many, "GE*8*1~IEA*1*000000001~");
    assert_string_equal(faults_with(buf_span(&many), NULL, NULL), "document-duplicate@ST document-duplicate@ST");
    buf_free(&many);
}

/* EX13, ED-11 */
static void missing_headers_and_trailers_are_told_and_the_rest_is_read(void **state) {
    (void)state;
#define TAIL "SE*4*0001~GE*1*1~IEA*1*000000001~"
    static const expectation rows[] = {
        {HEAD "GE*1*1~IEA*1*000000001~", "document-trailer-missing@GE"},
        {HEAD "SE*4*0001~IEA*1*000000001~", "group-trailer-missing@IEA"},
        {HEAD "SE*4*0001~GE*1*1~", "interchange-trailer-missing@"},
        {ISA_FIXED GS_ORDERS BODY TAIL, "segment-outside@BEG"},
        {ISA_FIXED GS_ORDERS "T*850*0001~" BODY TAIL, "segment-outside@T"},
        {ISA_FIXED GS_ORDERS TAIL, "document-header-missing@SE"},
        {ISA_FIXED "ST*850*0001~" BODY TAIL, "group-header-missing@ST"},
        {HEAD "ST*850*0002~" BODY "SE*4*0002~GE*2*1~IEA*1*000000001~", "document-trailer-missing@ST"},
        {HEAD GS_ORDERS, "document-trailer-missing@GS group-trailer-missing@GS group-duplicate@GS "
                         "group-trailer-missing@ interchange-trailer-missing@"},
        {GS_ORDERS "ST*850*0001~" BODY "SE*4*0001~GE*1*1~", "header-missing@"},
    };
    EXPECT_ALL(rows);
}

/* EX14, ED-13 */
static void binary_data_is_as_long_as_it_says(void **state) {
    (void)state;
    static const struct {
        const char *segment;
        bool good;
    } rows[] = {{"BIN*12*a~b*c:d\r\n~ST~", true}, {"BDS*ASC*4*~~~~~", true}, {"BIN*0*~", true}, {"BIN*3*abcd~", false},
        {"BIN*5*abcd~", false}, {"BIN*999999999*abcd~", false}, {"BIN*x*abcd~", false}, {"BIN*-4*abcd~", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char file[1024];
        snprintf(file, sizeof file,
            "%sGS*SP*SENDER*RECEIVER*20260101*1200*1*X*004010~ST*841*0001~%sSE*3*0001~GE*1*1~IEA*1*000000001~",
            ISA_FIXED, rows[i].segment);
        const char *faults = faults_of(file);
        if (rows[i].good) {
            assert_string_equal(faults, "");
        } else {
            assert_string_equal(faults, "binary-length@BIN01");
        }
    }
}

/* EF01, ED-03 */
static void una_names_the_separators_or_is_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *una, *faults;
    } rows[] = {{"UNA:+.? '", ""}, {"UNA:+,? '", ""}, {"UNA:+.  '", ""}, {"UNA::.? '", "delimiter-clash@"},
        {"UNA:+.?*+", "delimiter-clash@"}, {"UNAa+.? '", "delimiter-invalid@"}, {"UNA:+.? \xE4", "delimiter-invalid@"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char file[1024];
        snprintf(file, sizeof file, "%s%s", rows[i].una, edifact_around("XYZ:D:96A:UN", "AAA+1'"));
        assert_string_equal(faults_of(file), rows[i].faults);
    }
    static const expectation others[] = {
        {"UNA=*,/ \nUNB*UNOC=3*SENDER=14*RECEIVER=14*260101=1200*REF1\nUNH*1*XYZ=D=96A="
         "UN\nAAA*a/*b=c//\nUNT*3*1\nUNZ*1*REF1\n",
            ""},
        {"UNA:+.", "not-edi@"}};
    EXPECT_ALL(others);
}

/* EF03 */
static void level_b_separators_need_no_una(void **state) {
    (void)state;
    char *a = replaced(edifact_around("XYZ:D:96A:UN", "AAA+1'"), '+', "\x1D");
    char *b = replaced(a, ':', "\x1F");
    char *c = replaced(b, '\'', "\x1C");
    assert_string_equal(faults_of(c), "");
    free(a);
    free(b);
    free(c);
}

/* EF04, ED-08 */
static void a_release_character_escapes_the_next_and_itself(void **state) {
    (void)state;
    edi_reader *r = edi_reader_new(span_of(edifact_around("XYZ:D:96A:UN", "FTX+a?'b+c?\?'")), NULL);
    while (edi_reader_next(r) != EDI_SEGMENT)
        continue;
    size_t count;
    const span *elements = edi_reader_elements(r, &count);
    char out[16];
    assert_int_equal(count, 2);
    assert_int_equal(edi_decode(&edi_reader_interchange(r)->delimiters, elements[0], out), 3);
    assert_memory_equal(out, "a'b", 3);
    assert_int_equal(edi_decode(&edi_reader_interchange(r)->delimiters, elements[1], out), 2);
    assert_memory_equal(out, "c?", 2);
    edi_reader_free(r);
    for (size_t run = 0; run < 200; run++) { /* odd runs release the terminator, even ones do not */
        buf file = BUF_MAX(1 << 16);
        buf_add_text(&file, UNB_PLAIN "UNH+1+XYZ:D:96A:UN'FTX+");
        for (size_t i = 0; i < run; i++)
            buf_add_char(&file, '?');
        buf_add_text(&file, "'AAA+B'UNT+0+1'UNZ+1+REF1'");
        edi_totals totals;
        faults_with(buf_span(&file), NULL, &totals);
        assert_int_equal(totals.segments, run % 2 ? 5 : 6);
        buf_free(&file);
    }
}

/* EF08, EF09 */
static void edifact_groups_and_messages_are_counted(void **state) {
    (void)state;
#define UNG "UNG+ORDERS+S+R+260101:1200+G1+UN+D:96A'"
#define MESSAGE "UNH+1+XYZ:D:96A:UN'AAA+1'UNT+3+1'"
    static const expectation rows[] = {
        {UNB_PLAIN UNG MESSAGE "UNE+1+G1'UNZ+1+REF1'", ""},
        {UNB_PLAIN UNG MESSAGE "UNE+2+G1'UNZ+1+REF1'", "group-count@UNE01"},
        {UNB_PLAIN UNG MESSAGE "UNE+1+G1'" MESSAGE "UNZ+1+REF1'", "group-and-loose-messages@UNH"},
        {UNB_PLAIN MESSAGE "UNH+2+XYZ:D:96A:UN'AAA+1'UNT+4+3'UNZ+1+REF2'",
            "document-count@UNT01 document-reference@UNT02 interchange-count@UNZ01 interchange-reference@UNZ02"},
        {UNB_PLAIN UNG "UNE+0+G1'UNZ+1+REF1'", "group-empty@UNE"},
        {UNB_PLAIN "UNZ+0+REF1'", "interchange-empty@UNZ"},
        {UNB_PLAIN UNG "UNH+1+AAA:D:96A:UN'AAA+1'UNT+3+1'UNH+2+BBB:D:96A:UN'AAA+1'UNT+3+2'UNE+2+G1'UNZ+1+REF1'",
            "group-mixed-types@UNH02"},
        {UNB_PLAIN "AAA+1'" MESSAGE "UNZ+1+REF1'", "interchange-content@AAA"},
        {UNB_PLAIN "UNH+1+XYZ:D:96A:UN'AAA+1'UNZ+1+REF1'", "document-trailer-missing@UNZ"},
    };
    EXPECT_ALL(rows);
}

/* EF02 */
static void una_between_interchanges_counts_for_the_next_only(void **state) {
    (void)state;
#define OTHER "UNA=*.? ~UNB*UNOC=3*SENDER=14*RECEIVER=14*260101=1200*REF2~UNH*1*XYZ=D=96A=UN~AAA*1~UNT*3*1~UNZ*1*REF2~"
    static const expectation rows[] = {{"UNA:+.? '" UNB_PLAIN MESSAGE "UNZ+1+REF1'\n" OTHER, ""},
        {"UNA:+.? '" UNB_PLAIN MESSAGE OTHER, "interchange-trailer-missing@"}};
    EXPECT_ALL(rows);
}

/* EF15 */
static void a_package_is_as_long_as_it_says(void **state) {
    (void)state;
    static const expectation rows[] = {{UNB_PLAIN "UNO+1+1+2+7'a'b+c'dUNP+7+1'UNZ+1+REF1'", ""},
        {UNB_PLAIN "UNO+1+1+2+900'UNP+900+1'UNZ+1+REF1'", "package@UNO04"}};
    EXPECT_ALL(rows);
}

/* ED-01 */
static void a_file_cut_at_any_byte_is_never_valid_and_never_crashes(void **state) {
    (void)state;
    char kinds[2][1024];
    snprintf(kinds[0], sizeof kinds[0], "%s", x12_around("850", "PO", BODY));
    snprintf(kinds[1], sizeof kinds[1], "%s", edifact_around("XYZ:D:96A:UN", "AAA+1'"));
    for (size_t k = 0; k < 2; k++) {
        for (size_t len = 0; len < strlen(kinds[k]); len++) {
            char *copy = malloc(len + 1); /* so that reading beyond is seen */
            memcpy(copy, kinds[k], len);
            edi_validate_options strict = {.reader = {.strict = true}};
            const char *faults = faults_with(span_make(copy, len), &strict, NULL);
            assert_true(faults[0] != '\0');
            free(copy);
        }
    }
}

/* EX29, ED-02, ED-06 */
static void limits_are_named_and_reading_goes_on(void **state) {
    (void)state;
    buf file = BUF_MAX(1 << 24);
    buf_add_text(&file, ISA_FIXED GS_ORDERS "ST*998*0001~BMG*00~MSG*");
    for (size_t i = 0; i < 70000; i++)
        buf_add_char(&file, 'x');
    buf_add_text(&file, "~MSG*");
    for (size_t i = 0; i < (2u << 20); i++)
        buf_add_char(&file, 'x');
    buf_add_text(&file, "~SE*5*0001~GE*1*1~IEA*1*000000001~");
    edi_totals totals;
    assert_string_equal(faults_with(buf_span(&file), NULL, &totals), "element-limit@MSG01 segment-limit@MSG");
    assert_int_equal(totals.segments, 9);
    buf_free(&file);
    buf empty = BUF_MAX(1 << 22);
    buf_add_text(&empty, ISA_FIXED);
    for (size_t i = 0; i < 1000000; i++)
        buf_add_char(&empty, '~');
    assert_int_equal(strlen(events_of(buf_span(&empty))), 4095);
    buf_free(&empty);
    edi_validate_options few = {.reader = {.elements_max = 5}};
    buf_clear(&file);
    buf_add_text(&file, ISA_FIXED GS_ORDERS "ST*998*0001~BMG*00~MSG*1*2*3*4*5*6~SE*4*0001~GE*1*1~IEA*1*000000001~");
    for (size_t i = 0; i < 200; i++) /* enough behind it to be found ahead */
        buf_add_char(&file, '\n');
    assert_non_null(strstr(faults_with(buf_span(&file), &few, NULL), "segment-limit@MSG"));
    buf_free(&file);
}

typedef struct trickle {
    span rest;
    size_t chunk;
} trickle;

static size_t drip(void *context, char *into, size_t room) {
    trickle *t = context;
    size_t n = t->chunk < t->rest.len ? t->chunk : t->rest.len;
    if (n > room) n = room;
    memcpy(into, t->rest.data, n);
    t->rest = span_make(t->rest.data + n, t->rest.len - n);
    return n;
}

/* EP02 */
static void a_stream_in_chunks_of_any_size_gives_the_same_events(void **state) {
    (void)state;
    static const size_t chunks[] = {1, 2, 63, 64, 65, 4096, 1 << 20};
    buf file = BUF_MAX(1 << 22);
    for (size_t i = 0; i < 2000; i++) {
        buf_add_text(&file, x12_around("850", "PO", BODY "BIN*12*a~b*c:d\r\n~ST~"));
        buf_add_text(&file, "\r\n");
        buf_add_text(&file, edifact_around("XYZ:D:96A:UN", "FTX+a?\?'AAA+?'?''"));
    }
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        trickle t = {.rest = buf_span(&file), .chunk = chunks[i]};
        edi_reader *whole = edi_reader_new(buf_span(&file), NULL), *stream = edi_reader_open(drip, &t, NULL);
        edi_event event;
        do {
            event = edi_reader_next(whole);
            assert_int_equal(edi_reader_next(stream), event);
            const edi_segment *a = edi_reader_segment(whole), *b = edi_reader_segment(stream);
            if (event == EDI_FAULT || !a) continue;
            assert_true(span_equal(a->raw, b->raw));
            assert_true(span_equal(a->after, b->after));
            assert_int_equal(a->offset, b->offset);
        } while (event != EDI_END);
        edi_reader_free(whole);
        edi_reader_free(stream);
    }
    buf_free(&file);
}

/* EP02: the plain path is the oracle */
static void every_scan_path_finds_what_the_plain_one_finds(void **state) {
    (void)state;
    static const char *const names[] = {"sse2", "avx2"};
    static const char alphabet[] = "'?+:\r\nA*~\x80";
    edi_delimiters d = edi_delimiters_default(EDI_EDIFACT);
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        char block[64];
        for (size_t i = 0; i < sizeof block; i++) {
            seed = seed * 1103515245 + 12345;
            block[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        edi_scan_bits expected, found;
        edi_scan_path("scalar")(block, &d, &expected);
        for (size_t i = 0; i < 2; i++) {
            edi_scan_block path = edi_scan_path(names[i]);
            if (!path) continue;
            path(block, &d, &found);
            assert_memory_equal(&expected, &found, sizeof found);
        }
    }
}

/* What tokens.h says about one token, byte by byte. */
static void assert_token(const edi_tokens *t, unsigned token, const edi_look *look, const bool plain[128], char third) {
    const char *end = t->base + t->at[token], *start = token > 0 ? t->base + t->at[token - 1] + 1 : t->base;
    bool mixed = false, odd = look->no_leading && *start == ' ' && start < end;
    for (const char *at = start; at < end; at++) {
        assert_false(*at == look->first || *at == third || (!look->no_second && *at == look->second));
        mixed |= *at < '0' || *at > '9';
        odd |= (unsigned char)*at >= 0x80 || !plain[(unsigned char)*at & 0x7F];
    }
    assert_int_equal(edi_window(t->second, token) & 1, !look->no_second && *end == look->second);
    assert_int_equal(edi_window(t->third, token) & 1, *end == third);
    assert_int_equal(edi_window(t->empty, token) & 1, start == end);
    assert_int_equal(edi_window(t->mixed, token) & 1, mixed);
    assert_int_equal(edi_window(t->odd, token) & 1, odd);
}

/* EP02: parts of any length, over the borders of blocks */
static void every_token_path_finds_what_stands_between_delimiters(void **state) {
    (void)state;
    static const char *const names[] = {"scalar", "avx2", "avx512"};
    static const char alphabet[] = "0123456789ABCabc ?\n\x80";
    bool plain[128] = {false};
    static edi_tokens t;
    edi_look look;
    unsigned seed = 1;
    for (unsigned c = ' '; c < 0x7F; c++)
        plain[c] = c != '?' && c != 'b' && c != '+' && c != ':' && c != '\'';
    for (unsigned round = 0; round < 600; round++) {
        char text[EDI_TOKENS_BYTES];
        edi_look_make(&look, '+', round % 5 ? ':' : '\0', plain);
        look.no_leading = round % 2;
        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1103515245 + 12345;
            size_t kind = (seed >> 16) % (1 + round % 200),
                   which = (seed >> 8) % (round % 3 ? 10 : sizeof alphabet - 1);
            text[i] = kind == 0 ? "+:'"[(seed >> 24) % 3] : alphabet[which];
        }
        for (size_t i = 0; i < 3; i++) {
            edi_tokens_path path = edi_tokens_path_named(names[i], false);
            if (!path) continue;
            edi_tokens_begin(&t, text);
            while (t.bytes < sizeof text) {
                uint64_t third = 0;
                for (unsigned k = 0; k < EDI_BLOCK; k++)
                    third |= (uint64_t)(text[t.bytes + k] == '\'') << k;
                path(&t, &look, third);
            }
            for (unsigned token = 0; token < t.count; token++)
                assert_token(&t, token, &look, plain, '\'');
            const char *end = t.base + t.at[t.count - 1] + 1; /* there is none behind the last one */
            for (; end < text + sizeof text; end++)
                assert_false(*end == '+' || *end == '\'' || (!look.no_second && *end == ':'));
        }
    }
}

static void what_is_not_edi_is_said_to_be_none(void **state) {
    (void)state;
    static const expectation rows[] = {{"hello, world", "not-edi@"}, {"MSH|^~\\&|A|B", "other-dialect@"},
        {"\n\n", "not-edi@"}, {"ISA", "not-edi@"}, {"UNB", "not-edi@"}, {"", "not-edi@"}};
    EXPECT_ALL(rows);
}

static void tradacoms_is_read_and_counted(void **state) {
    (void)state;
    static const expectation rows[] = {{"STX=ANA:1+500:A+501:B+070315:130233+7+P+ORDHDR+B'MHD=1+UTLHDR:3'TYP=0430'MTR="
                                        "3'MHD=2+UTLBIL:3'CLO=1'MTR=4'END=2'",
        "document-count@MTR01"}};
    EXPECT_ALL(rows);
}

/* EF15 */
static void a_package_ends_as_it_began(void **state) {
    (void)state;
#define PACKED(octets, trailer, count) UNB_PLAIN "UNO+1+AID:1+OBJ+" octets "'a'b+c?" trailer "UNZ+" count "+REF1'"
    static const struct {
        const char *file, *fault;
    } rows[] = {{PACKED("6:1", "UNP+6+1'", "1"), ""}, {PACKED("6:1", "UNP+7+1'", "1"), "package@UNP01"},
        {PACKED("6:1", "UNP+6+2'", "1"), "package@UNP02"}, {PACKED("6:1", "", "1"), "package@UNZ"},
        {PACKED("6:1", "UNP+6+1'UNO+2+AID:1+OBJ+0:1'UNP+0+2'", "2"), ""},
        {PACKED("6:1", "UNO+2+AID:1+OBJ+0:1'UNP+0+2'", "2"), "package@UNO"},
        {UNB_PLAIN "UNP+6+1'UNZ+0+REF1'", "package@UNP"},
        /* inside a message they are segments of it */
        {UNB_PLAIN "UNH+1+XXXXXX:D:96A:UN'UNO+1+AID:1+OBJ+2:1'''UNP+2+1'UNT+4+1'UNZ+1+REF1'", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        edi_validate_options options = {.envelope_only = true};
        const char *faults = faults_with(span_of(rows[i].file), &options, NULL);
        bool told = strstr(faults, "package") != NULL;
        if (told != (rows[i].fault[0] != '\0')) print_message("row %zu: %s\n", i, faults);
        assert_int_equal(told, rows[i].fault[0] != '\0');
        assert_non_null(strstr(faults, rows[i].fault));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_nest_and_end),
        cmocka_unit_test(every_printable_delimiter_is_taken_from_its_place),
        cmocka_unit_test(a_header_that_is_not_106_long_is_named_and_read_on),
        cmocka_unit_test(isa11_separates_repetitions_only_from_00402_and_only_as_a_character),
        cmocka_unit_test(any_terminator_and_line_breaks_behind_it_are_read),
        cmocka_unit_test(a_file_wrapped_at_any_column_holds_the_same_document),
        cmocka_unit_test(interchanges_of_different_standards_follow_each_other),
        cmocka_unit_test(header_tags_in_data_are_data),
        cmocka_unit_test(ta1_stands_before_the_groups),
        cmocka_unit_test(counts_and_references_of_trailers_are_held_against_what_is_there),
        cmocka_unit_test(a_wrong_count_or_reference_is_one_fault),
        cmocka_unit_test(control_numbers_that_come_twice_are_told_at_each_level),
        cmocka_unit_test(missing_headers_and_trailers_are_told_and_the_rest_is_read),
        cmocka_unit_test(binary_data_is_as_long_as_it_says),
        cmocka_unit_test(una_names_the_separators_or_is_refused_by_name),
        cmocka_unit_test(level_b_separators_need_no_una),
        cmocka_unit_test(a_release_character_escapes_the_next_and_itself),
        cmocka_unit_test(edifact_groups_and_messages_are_counted),
        cmocka_unit_test(una_between_interchanges_counts_for_the_next_only),
        cmocka_unit_test(a_package_is_as_long_as_it_says),
        cmocka_unit_test(a_file_cut_at_any_byte_is_never_valid_and_never_crashes),
        cmocka_unit_test(limits_are_named_and_reading_goes_on),
        cmocka_unit_test(a_package_ends_as_it_began),
        cmocka_unit_test(a_stream_in_chunks_of_any_size_gives_the_same_events),
        cmocka_unit_test(every_scan_path_finds_what_the_plain_one_finds),
        cmocka_unit_test(every_token_path_finds_what_stands_between_delimiters),
        cmocka_unit_test(what_is_not_edi_is_said_to_be_none),
        cmocka_unit_test(tradacoms_is_read_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
