/* tests/unit/test_edi_acknowledge.c: matrix rows EA01 to EA08, ED-16. */
#include "core/base/memory.h"
#include "edi/acknowledge.h"
#include "tests/unit/edi_test.h"

#define BEG "BEG*00*SA*A1**20260101~"
#define PO1 "PO1*1*5*EA*1.5~"

static buf answered;

static edi_acknowledge_result answer(const char *file, edi_acknowledge_options options) {
    edi_counter counter = {.first = 1};
    edi_acknowledge_result result;
    buf_free(&answered);
    answered = BUF_MAX(1 << 24);
    options.control = edi_counter_control;
    options.control_context = &counter;
    options.date = "20260102";
    options.time = "0304";
    error *err = edi_acknowledge(span_of(file), test_library(), &options, &answered, &result);
    if (err) print_message("%s\n", error_text(err));
    assert_null(err);
    return result;
}

/* The answer from its first segment of this tag on, up to the trailer. */
static const char *part(const char *from, const char *to) {
    static char room[4096];
    const char *first = strstr(buf_text(&answered), from), *end = first ? strstr(first, to) : NULL;
    snprintf(room, sizeof room, "%.*s", end ? (int)(end - first) : 0, first ? first : "");
    return room;
}

static edi_acknowledge_options kind(edi_acknowledgement_kind k) {
    return (edi_acknowledge_options){.kind = k};
}

/* EA01 */
static void a_clean_group_is_accepted_set_by_set(void **state) {
    (void)state;
    answer(x12_around("850", "PO", BEG PO1), kind(EDI_ACKNOWLEDGE_USUAL));
    assert_string_equal(buf_text(&answered),
        "ISA*00*          *00*          *ZZ*RECEIVER       *ZZ*SENDER         *260102*0304*U*00401*000000001*0*P*:~"
        "GS*FA*RECEIVER*SENDER*20260102*0304*1*X*004010~ST*997*0001~AK1*PO*1~AK2*850*0001~AK5*A~AK9*A*1*1*1~SE*6*0001~"
        "GE*1*1~IEA*1*000000001~");
    buf many = BUF_MAX(1 << 20);
    buf_add_text(&many, ISA_FIXED GS_ORDERS);
    for (int i = 1; i <= 1000; i++)
        buf_printf(&many, "ST*850*%04d~%s%sSE*4*%04d~", i, BEG, PO1, i);
    buf_add_text(&many, "GE*1000*1~IEA*1*000000001~");
    edi_acknowledge_result result = answer(buf_text(&many), (edi_acknowledge_options){.rejected_only = true});
    assert_int_equal(result.accepted, 1000);
    assert_string_equal(part("AK1", "SE*"), "AK1*PO*1~AK9*A*1000*1000*1000~");
    assert_string_equal(faults_with(buf_span(&answered), NULL, NULL), "");
    buf_free(&many);
}

/* EA02: a document without its trailer broke off: that is the one cause of all that it lacks. What was passed by before
 * is told as ever. */
static void a_cut_document_lacks_its_trailer(void **state) {
    (void)state;
    answer(ISA_FIXED GS_ORDERS "ST*850*0001~" BEG, kind(EDI_ACKNOWLEDGE_997));
    assert_string_equal(part("AK2", "AK9"), "AK2*850*0001~AK5*R*2~");
    answer(ISA_FIXED GS_ORDERS "ST*850*0001~" BEG "GE*1*1~IEA*1*000000001~", kind(EDI_ACKNOWLEDGE_997));
    assert_string_equal(part("AK2", "AK9"), "AK2*850*0001~AK5*R*2~");
    answer(ISA_FIXED GS_ORDERS "ST*850*0001~" PO1 "GE*1*1~IEA*1*000000001~", kind(EDI_ACKNOWLEDGE_997));
    assert_string_equal(part("AK3", "AK9"), "AK3*BEG*2**3~AK5*R*5*2~");
    answer("UNB+UNOA:2+A+B+260101:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220+1+9'UNZ+1+1'", kind(EDI_ACKNOWLEDGE_CONTRL));
    assert_string_equal(part("UCM", "UNT+4"), "UCM+1+ORDERS:D:96A:UN+4+13+UNT'");
}

/* EA02, EA03: the elements of a segment are named in their order, whatever was found first */
static void elements_are_named_in_their_order(void **state) {
    (void)state;
    answer(ISA_FIXED GS_ORDERS "ST*850*0001~BEG**SAX*A1**20261301~" PO1 "SE*4*0001~GE*1*1~IEA*1*000000001~",
        kind(EDI_ACKNOWLEDGE_997));
    assert_string_equal(part("AK3", "AK9"), "AK3*BEG*2**8~AK4*1*353*1~AK4*2*92*5*SAX~AK4*5*373*8*20261301~AK5*R*5~");
}

/* EA03: where pyx12 answers its own 24 samples, what we answer with its maps is the same but for this: a TA1 stands
 * before the groups; a loop or segment that stands too often is told once; what is missing is missing where the next
 * segment stands (2), not at ST (1); all that is missing there is told; a value too long for its place is not judged as
 * a code as well; a set in a group that is rejected is not accepted (AK904); line breaks inside of segments are a
 * custom. */
static void an_answer_says_what_others_say(void **state) {
    (void)state;
    static const struct {
        const char *body, *answer;
    } rows[] = {
        {"ST*850*0001~" BEG PO1 "SE*4*0001~GE*1*333~IEA*1*000000001~", "AK2*850*0001~AK5*A~AK9*R*1*1*0*4~"},
        {"ST*850*0001~" BEG PO1 "SE*9*0001~GE*1*1~IEA*1*000000001~", "AK2*850*0001~AK5*R*4~AK9*R*1*1*0~"},
        {"ST*850*0001~SE*2*0001~GE*1*1~IEA*1*000000001~",
            "AK2*850*0001~AK3*BEG*2**3~AK3*PO1*2**3~AK5*R*5~AK9*R*1*1*0~"},
        {"ST*850*0001~" BEG "REF*DPXX*1~" PO1 "SE*5*0001~GE*1*1~IEA*1*000000001~",
            "AK2*850*0001~AK3*REF*3**8~AK4*1*128*5*DPXX~AK5*R*5~AK9*R*1*1*0~"},
        {"ST*850*0001~" BEG BEG BEG PO1 "SE*6*0001~GE*1*1~IEA*1*000000001~",
            "AK2*850*0001~AK3*BEG*3**5~AK5*R*5~AK9*R*1*1*0~"},
    };
    char file[1024];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(file, sizeof file, "%s%s%s", ISA_FIXED, GS_ORDERS, rows[i].body);
        answer(file, kind(EDI_ACKNOWLEDGE_997));
        assert_string_equal(part("AK2", "SE*"), rows[i].answer);
    }
}

/* EA02: the code of every fault that a set can have */
static void each_fault_has_its_code(void **state) {
    (void)state;
    static const struct {
        const char *body, *answer;
    } rows[] = {
        {BEG "XYZ*1~" PO1, "AK3*XYZ*3**1~AK5*R*5~"},
        {BEG "HL*1**S~" PO1, "AK3*HL*3**6~AK5*R*5~"},
        {BEG "N3*A~" PO1, "AK3*N3*3**2~AK5*R*5~"},
        {PO1, "AK3*BEG*2**3~AK5*R*5~"},
        {BEG BEG PO1, "AK3*BEG*3**5~AK5*R*5~"},
        {PO1 BEG, "AK3*BEG*3**7~AK5*R*5~"},
        {"BEG**SA*A1**20260101~" PO1, "AK3*BEG*2**8~AK4*1*353*1~AK5*R*5~"},
        {"BEG*00*SA*A1**20260101~N1*ST*A*92~" PO1, "AK3*N1*3**8~AK4*4*67*2~AK5*R*5~"},
        {"BEG*00*SA*A1**20260101********X~" PO1, "AK3*BEG*2**8~AK4*13**3*X~AK5*R*5~"},
        {"BEG*0*SA*A1**20260101~" PO1, "AK3*BEG*2**8~AK4*1*353*4*0~AK5*R*5~"},
        {"BEG*000*SA*A1**20260101~" PO1, "AK3*BEG*2**8~AK4*1*353*5*000~AK5*R*5~"},
        {"BEG*00*SA*A1**20260101~PO1*1*X*EA~", "AK3*PO1*3**8~AK4*2*330*6*X~AK5*R*5~"},
        {"BEG*00*SA*A1**20261301~" PO1, "AK3*BEG*2**8~AK4*5*373*8*20261301~AK5*R*5~"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        answer(x12_around("850", "PO", rows[i].body), kind(EDI_ACKNOWLEDGE_997));
        if (strcmp(part("AK3", "AK9"), rows[i].answer) != 0) print_message("row %zu: %s\n", i, rows[i].body);
        assert_string_equal(part("AK3", "AK9"), rows[i].answer);
        assert_string_equal(part("AK9", "SE*"), "AK9*R*1*1*0~");
    }
}

/* EA02: sets and groups */
static void envelopes_have_their_codes_too(void **state) {
    (void)state;
#define SET "ST*850*0001~" BEG PO1
    static const struct {
        const char *file, *ak5, *ak9;
    } rows[] = {
        {ISA_FIXED GS_ORDERS SET "SE*5*0001~GE*1*1~IEA*1*000000001~", "AK5*R*4~", "AK9*R*1*1*0~"},
        {ISA_FIXED GS_ORDERS SET "SE*4*0002~GE*1*1~IEA*1*000000001~", "AK5*R*3~", "AK9*R*1*1*0~"},
        {ISA_FIXED GS_ORDERS SET "GE*1*1~IEA*1*000000001~", "AK5*R*2~", "AK9*R*1*1*0~"},
        {ISA_FIXED GS_ORDERS SET "SE*4*0001~GE*2*1~IEA*1*000000001~", "AK5*A~", "AK9*R*2*1*0*5~"},
        {ISA_FIXED GS_ORDERS SET "SE*4*0001~GE*1*2~IEA*1*000000001~", "AK5*A~", "AK9*R*1*1*0*4~"},
        {ISA_FIXED GS_ORDERS SET "SE*4*0001~IEA*1*000000001~", "AK5*A~", "AK9*R*1*1*0*3~"},
        {ISA_FIXED GS_ORDERS SET "SE*4*0001~" SET "SE*4*0001~GE*2*1~IEA*1*000000001~", "AK5*A~", "AK9*P*2*2*1~"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        answer(rows[i].file, kind(EDI_ACKNOWLEDGE_997));
        assert_non_null(strstr(buf_text(&answered), rows[i].ak5));
        assert_string_equal(part("AK9", "SE*"), rows[i].ak9);
        assert_string_equal(faults_with(buf_span(&answered), NULL, NULL), "");
    }
}

static void documents_with_faults_may_be_accepted_with_errors(void **state) {
    (void)state;
    edi_acknowledge_result result = answer(x12_around("850", "PO", BEG "XYZ*1~" PO1),
        (edi_acknowledge_options){.errors_accepted = true, .no_detail = true});
    assert_int_equal(result.accepted, 1);
    assert_string_equal(part("AK2", "SE*"), "AK2*850*0001~AK5*E*5~AK9*E*1*1*1~");
}

/* EA02, EA06: TA1 */
static void ta1_answers_the_interchange(void **state) {
    (void)state;
#define REST GS_ORDERS SET "SE*4*0001~GE*1*1~"
    static const struct {
        const char *file, *ta1;
    } rows[] = {{ISA_FIXED REST "IEA*1*000000001~", "TA1*000000001*260101*1200*A*000~"},
        {ISA_FIXED REST "IEA*1*000000002~", "TA1*000000001*260101*1200*E*001~"},
        {ISA_FIXED REST "IEA*2*000000001~", "TA1*000000001*260101*1200*E*021~"},
        {ISA_FIXED REST, "TA1*000000001*260101*1200*R*023~"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        answer(rows[i].file, kind(EDI_ACKNOWLEDGE_TA1));
        assert_string_equal(part("TA1", "IEA"), rows[i].ta1);
        assert_string_equal(faults_with(buf_span(&answered), NULL, NULL), "");
    }
}

/* An interchange that is rejected has no group of it accepted; who takes its first document tells. */
static void an_interchange_that_is_rejected_is_answered_by_a_ta1_alone(void **state) {
    (void)state;
    static const char *const first[] = {"850", NULL}, *const second[] = {"810", NULL};
    edi_acknowledge_options options = {.reject_by_ta1 = true, .types = first};
    assert_int_equal(answer(ISA_FIXED REST, options).interchanges, 1);
    assert_string_equal(part("TA1", "IEA"), "TA1*000000001*260101*1200*R*023~");
    assert_null(strstr(buf_text(&answered), "AK9"));
    options.types = second;
    edi_acknowledge_result result = answer(ISA_FIXED REST, options);
    assert_int_equal(result.interchanges, 0);
    assert_int_equal(result.skipped, 1);
    options = (edi_acknowledge_options){.reject_by_ta1 = true};
    answer(ISA_FIXED REST "IEA*2*000000001~", options);
    assert_string_equal(part("AK9", "SE*"), "AK9*A*1*1*1~");
}

/* EA04 */
static void the_999_speaks_of_the_guide(void **state) {
    (void)state;
    answer(x12_around("850", "PO", BEG "N1*ST*A*92~" PO1), kind(EDI_ACKNOWLEDGE_999));
    assert_string_equal(part("GS*", "ST*"), "GS*FA*RECEIVER*SENDER*20260102*0304*1*X*005010X231A1~");
    assert_string_equal(part("AK1", "AK9"), "AK1*PO*1*004010~AK2*850*0001*004010~IK3*N1*3*N1*8~IK4*4*67*2~"
                                            "CTX*SITUATIONAL TRIGGER*N1*3*N1*3*66~IK5*R*5~");
}

/* EA04: the guide's loop, the business unit, the trigger; a guide's codes make I5 */
static void the_999_names_loop_unit_and_trigger_of_a_guide(void **state) {
    (void)state;
#define GUIDED                                                                                                         \
    "GS*HS*SENDER*RECEIVER*20260101*1200*1*X*005010X279A1~ST*270*0001*005010X279A1~BHT*0022*13*1*20260101*1200~"       \
    "HL*1**20*1~NM1*PR*2*A*****PI*11~HL*2*1*21*1~NM1*1P*2*A*****SV*11~HL*3*2*22*0~TRN*1*T9*9ABCDEFGHI~"
#define TAIL "SE*11*0001~GE*1*1~IEA*1*000000001~"
    static const struct {
        const char *body, *detail;
    } rows[] = {
        {"NM1*IL*1*A*****MI~EQ*30~",
            "IK3*NM1*9*2100C*8~CTX*TRN02:T9~IK4*9*67*2~CTX*SITUATIONAL TRIGGER*NM1*9*2100C*8*66~IK5*R*5~"},
        {"NM1*IL*1*A~EQ*30**IND~", "IK3*EQ*10*2110C*8~CTX*TRN02:T9~IK4*3*1207*I6*IND~IK5*R*I5~"},
        {"NM1*IL*1*A~EQ*30~", "IK5*A~"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char file[1024];
        snprintf(file, sizeof file, "%s%s%s%s", ISA_FIXED, GUIDED, rows[i].body, TAIL);
        answer(file, kind(EDI_ACKNOWLEDGE_USUAL)); /* a guide is answered by a 999 */
        assert_string_equal(part("AK2", "IK"), "AK2*270*0001*005010X279A1~");
        assert_string_equal(part("IK", "AK9"), rows[i].detail);
        assert_string_equal(faults_with(buf_span(&answered), NULL, NULL), "");
    }
}

/* EA05 */
static void bad_values_are_copied_only_when_they_can_travel(void **state) {
    (void)state;
    answer(x12_around("850", "PO", "BEG*00*SA*A1**2026:101~" PO1), kind(EDI_ACKNOWLEDGE_997));
    assert_null(strstr(buf_text(&answered), "2026:101"));
    answer(x12_around("850", "PO",
               "BEG*00*SA*A1**2026\x01"
               "101~" PO1),
        kind(EDI_ACKNOWLEDGE_997));
    assert_string_equal(part("AK4", "AK5"), "AK4*5*373*8~");
    char body[512] = "BEG*00*SA*";
    for (int i = 0; i < 200; i++)
        strcat(body, "x");
    strcat(body, "**20260101~" PO1);
    answer(x12_around("850", "PO", body), kind(EDI_ACKNOWLEDGE_997));
    assert_string_equal(part("AK4", "AK5"), "AK4*3*324*5~");
}

/* EA06 */
static void contrl_answers_at_each_level(void **state) {
    (void)state;
#define ORDER "UNH+1+ORDERS:D:96A:UN'BGM+220+1+9'DTM+137:20260101:102'LIN+1'"
    static const struct {
        const char *file, *answer;
    } rows[] = {
        {UNB_PLAIN ORDER "UNS+S'UNT+6+1'UNZ+1+REF1'", "UCI+REF1+SENDER:14+RECEIVER:14+7'UCM+1+ORDERS:D:96A:UN+7'"},
        {UNB_PLAIN ORDER "UNS+S'UNT+6+1'UNZ+2+REF1'", "UCI+REF1+SENDER:14+RECEIVER:14+4+29+UNZ+2'"},
        {UNB_PLAIN ORDER "UNT+5+1'UNZ+1+REF1'", "UCI+REF1+SENDER:14+RECEIVER:14+7'UCM+1+ORDERS:D:96A:UN+4'UCS+4+13'"},
        {UNB_PLAIN ORDER "QTY+21:x'UNS+S'UNT+7+1'UNZ+1+REF1'",
            "UCI+REF1+SENDER:14+RECEIVER:14+7'UCM+1+ORDERS:D:96A:UN+4'UCS+5'UCD+37+2:2'"},
        {UNB_PLAIN ORDER "UNS+S'UNT+7+1'UNZ+1+REF1'", "UCI+REF1+SENDER:14+RECEIVER:14+7'UCM+1+ORDERS:D:96A:UN+4+29+"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        answer(rows[i].file, kind(EDI_ACKNOWLEDGE_USUAL));
        assert_string_equal(part("UCI", "UNT+"), rows[i].answer);
        assert_string_equal(faults_with(buf_span(&answered), NULL, NULL), "");
    }
    answer(rows[0].file, (edi_acknowledge_options){.receipt_only = true});
    assert_string_equal(part("UCI", "UNT"), "UCI+REF1+SENDER:14+RECEIVER:14+8'");
}

/* EA05: what came cannot always be copied: no version that there is, a tag that is none, a UN version of two digits. */
static void the_answer_is_valid_although_what_came_is_not(void **state) {
    (void)state;
    char file[2048];
    snprintf(file, sizeof file, "%s", x12_around("850", "PO", BEG PO1));
    memcpy(strstr(file, "*00401*"), "*99999*", 7);
    answer(file, kind(EDI_ACKNOWLEDGE_USUAL));
    assert_non_null(strstr(buf_text(&answered), "*00401*"));
    assert_string_equal(faults_with(buf_span(&answered), NULL, NULL), "");
    answer(file, kind(EDI_ACKNOWLEDGE_TA1));
    assert_non_null(strstr(buf_text(&answered), "~TA1*"));
    assert_string_equal(faults_with(buf_span(&answered), NULL, NULL), "");
    answer(x12_around("850", "PO", BEG "*1*2~X*1~" PO1), kind(EDI_ACKNOWLEDGE_999));
    assert_null(strstr(buf_text(&answered), "IK3**"));
    assert_string_equal(part("IK5", "~"), "IK5*R*5");
    assert_string_equal(faults_with(buf_span(&answered), NULL, NULL), "");
    answer(edifact_around("ORDERS:90:1:UN", "BGM+220+1'"), kind(EDI_ACKNOWLEDGE_USUAL));
    assert_string_equal(part("UCM", "'"), "UCM+1+ORDERS:90:1:UN+7");
    snprintf(file, sizeof file, "%s", x12_around("850", "PO", BEG PO1));
    memcpy(strstr(file, "*X*004010~"), "*X~*004010", 3);
    memmove(strstr(file, "*X~") + 3, strstr(file, "~ST*") + 1, strlen(strstr(file, "~ST*")));
    answer(file, kind(EDI_ACKNOWLEDGE_USUAL)); /* a group that tells no version */
    assert_string_equal(faults_with(buf_span(&answered), NULL, NULL), "");
}

/* EA08, ED-16 */
static void acknowledgements_are_never_acknowledged(void **state) {
    (void)state;
    edi_acknowledge_result result =
        answer(x12_around("997", "FA", "AK1*PO*1~AK9*A*1*1*1~"), kind(EDI_ACKNOWLEDGE_USUAL));
    assert_int_equal(result.interchanges, 0);
    assert_int_equal(answered.len, 0);
    result = answer(edifact_around("CONTRL:D:3:UN", "UCI+1+A+B+7'"), kind(EDI_ACKNOWLEDGE_USUAL));
    assert_int_equal(result.interchanges, 0);
}

static void what_cannot_be_answered_is_refused_with_its_reason(void **state) {
    (void)state;
    static const char *const files[] = {"", "hello", "UNA:+.? 'UNB+UNOC:3+++260101:1200+'UNZ+0+'",
        "STX=ANA:1+5000000000000:A+5010000000000:B+071315:130233+7'MHD=1+ORDHDR:9'TYP=0430'MTR=3'END=1'"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        edi_counter counter = {.first = 1};
        edi_acknowledge_options options = {.control = edi_counter_control, .control_context = &counter};
        edi_acknowledge_result result;
        buf out = BUF_MAX(1 << 16);
        error *err = edi_acknowledge(span_of(files[i]), test_library(), &options, &out, &result);
        assert_non_null(err);
        assert_int_equal(error_code_of(err), ERROR_INVALID);
        error_free(err);
        buf_free(&out);
    }
}

/* EA07 */
static void incoming_acknowledgements_become_judgements(void **state) {
    (void)state;
    edi_acknowledged_list list;
    edi_acknowledged_read(
        span_of(x12_around("997", "FA",
            "AK1*PO*17~AK2*850*0001~AK3*PO1*5**8~AK4*2*330*6*abc~AK5*R*5~AK2*850*0002~AK5*A~AK9*P*2*2*1~")),
        &list);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.list[0].kind, "997");
    assert_int_equal(list.list[0].level, EDI_LEVEL_DOCUMENT);
    assert_string_equal(list.list[0].group_kind, "PO");
    assert_string_equal(list.list[0].group_control, "17");
    assert_string_equal(list.list[0].control, "0001");
    assert_int_equal(list.list[0].outcome, EDI_OUTCOME_REJECTED);
    assert_string_equal(
        list.list[0].text, "PO1 at 5: element errors; PO102: invalid character (\"abc\"); 5 segments in error");
    assert_string_equal(list.list[0].sender, "ZZ:SENDER");
    assert_int_equal(list.list[1].outcome, EDI_OUTCOME_ACCEPTED);
    assert_int_equal(list.list[2].level, EDI_LEVEL_GROUP);
    assert_int_equal(list.list[2].outcome, EDI_OUTCOME_PARTIALLY_ACCEPTED);
    edi_acknowledged_free(&list);
    edi_acknowledged_read(span_of(edifact_around("CONTRL:D:3:UN",
                              "UCI+REF7+A+B+7'UCM+5+ORDERS:D:96A:UN+4'UCS+5'UCD+37+2:2'UCM+6+ORDERS:D:96A:UN+7'")),
        &list);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.list[0].interchange_control, "REF7");
    assert_int_equal(list.list[0].level, EDI_LEVEL_INTERCHANGE);
    assert_string_equal(list.list[1].control, "5");
    assert_int_equal(list.list[1].outcome, EDI_OUTCOME_REJECTED);
    assert_string_equal(list.list[1].text, "segment 5 element 1 component 2: wrong character type");
    assert_int_equal(list.list[2].outcome, EDI_OUTCOME_ACCEPTED);
    edi_acknowledged_free(&list);
    edi_acknowledged_read(SPAN(ISA_FIXED "TA1*000000042*260101*1200*R*025~IEA*0*000000001~"), &list);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.list[0].interchange_control, "000000042");
    assert_int_equal(list.list[0].outcome, EDI_OUTCOME_REJECTED);
    edi_acknowledged_free(&list);
}

/* What we answer, we understand. */
static void our_own_answers_read_back_as_what_was_found(void **state) {
    (void)state;
    static const edi_acknowledgement_kind kinds[] = {EDI_ACKNOWLEDGE_997, EDI_ACKNOWLEDGE_999};
    for (size_t i = 0; i < 2; i++) {
        edi_acknowledged_list list;
        answer(x12_around("850", "PO", BEG "XYZ*1~" PO1), kind(kinds[i]));
        edi_acknowledged_read(buf_span(&answered), &list);
        assert_int_equal(list.count, 2);
        assert_int_equal(list.list[0].outcome, EDI_OUTCOME_REJECTED);
        assert_int_equal(list.list[1].outcome, EDI_OUTCOME_REJECTED);
        assert_string_equal(list.list[0].text, "XYZ at 3: segment not known; 5 segments in error");
        edi_acknowledged_free(&list);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_group_is_accepted_set_by_set),
        cmocka_unit_test(each_fault_has_its_code),
        cmocka_unit_test(a_cut_document_lacks_its_trailer),
        cmocka_unit_test(elements_are_named_in_their_order),
        cmocka_unit_test(an_answer_says_what_others_say),
        cmocka_unit_test(envelopes_have_their_codes_too),
        cmocka_unit_test(documents_with_faults_may_be_accepted_with_errors),
        cmocka_unit_test(ta1_answers_the_interchange),
        cmocka_unit_test(an_interchange_that_is_rejected_is_answered_by_a_ta1_alone),
        cmocka_unit_test(the_999_speaks_of_the_guide),
        cmocka_unit_test(the_999_names_loop_unit_and_trigger_of_a_guide),
        cmocka_unit_test(bad_values_are_copied_only_when_they_can_travel),
        cmocka_unit_test(contrl_answers_at_each_level),
        cmocka_unit_test(acknowledgements_are_never_acknowledged),
        cmocka_unit_test(what_cannot_be_answered_is_refused_with_its_reason),
        cmocka_unit_test(the_answer_is_valid_although_what_came_is_not),
        cmocka_unit_test(incoming_acknowledgements_become_judgements),
        cmocka_unit_test(our_own_answers_read_back_as_what_was_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
