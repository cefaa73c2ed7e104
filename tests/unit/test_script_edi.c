/* tests/unit/test_script_edi.c: EDI documents in scripts, read and built. */
#include "tests/unit/script_fixture.h"

static const char order_850[] =
    "ISA*00*          *00*          *01*123456789      *ZZ*BANYAN         *261123*1615*U*00401*000000042*0*P*>~"
    "GS*PO*123456789*BANYAN*20261123*1615*42*X*004010~ST*850*0001~BEG*00*SA*4711**20261123~REF*DP*038~"
    "DTM*002*20261201~N1*BT*Acme Corp*92*001~N1*ST*Acme Store 12*92*012~N3*1 Main St~N4*Springfield*IL*62701~"
    "PO1*1*120*EA*9.25*TE*VP*SKU-1*BP*B1~PID*F****Widget~PO1*2*5*CA*.5**VP*SKU-2~CTT*2~SE*13*0001~GE*1*42~IEA*1*"
    "000000042~";

static const char order_edifact[] =
    "UNB+UNOC:3+5412345000013:14+BANYAN:14+261123:1615+77'UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+P\xD6-9+9'"
    "DTM+137:202611231615:203'DTM+2:20261201:102'NAD+BY+5412345000013::9'NAD+SU+4000862141404::9++It?'s Me'"
    "LIN+1++5410738100012:SRV'QTY+21:48'PRI+AAA:10.60'UNS+S'UNT+11+1'UNZ+1+77'";

/* Destinations for results in both standards. */
#define CALL                                                                                                           \
    "{\"destinations\":[{\"connection\":\"acme\",\"envelopes\":{"                                                      \
    "\"X12\":{\"sender\":\"ZZ:BANYAN\",\"receiver\":\"01:123456789\",\"suffix\":\"\\n\"},"                             \
    "\"EDIFACT\":{\"sender\":\"BANYAN:14\",\"receiver\":\"5412345000013:14\",\"suffix\":\"\\n\"}}}]}"

static void values_of_a_document_are_found_by_tag_and_position(void **state) {
    (void)state;
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"po.type .. po.version .. po.control .. po.sender", "850004010000101:123456789"},
        {"po:text('BEG', 3)", "4711"},
        {"po:text('BEG', 4)", "nil"},
        {"po:date('BEG', 5)", "2026-11-23"},
        {"po:text('REF', 'DP', 2)", "038"},
        {"po:text('REF', 'ZZ', 2)", "nil"},
        {"po:date('DTM', '002')", "2026-12-01"},
        {"po:segment('N1', 'ST'):text(2)", "Acme Store 12"},
        {"po:loop('N1', 'ST'):text('N4', 2)", "IL"},
        {"po:loop('N1', 'BT'):text('N4', 2)", "nil"},
        {"po:number('CTT', 1)", "2"},
        {"math.type(po:number('CTT', 1))", "integer"},
        {"po:has('DTM', '010')", "false"},
        {"po:segment('XYZ')", "nil"},
        {"po:segment('PO1').position", "9"},
        {"po:segment('PO1'):count()", "9"},
        {"po:segment('PO1'):qualified(6, 'BP')", "B1"},
        {"po:segment('PO1'):qualified(6, 'UP')", "nil"},
        {"tostring(po:segment('CTT'))", "CTT*2"},
        {"po.keys.po", "4711"},
        {"(function() local t = {} for l in po:loops('PO1') do local p = l:segment('PO1') t[#t + 1] = "
         "p:qualified(6, 'VP') .. '/' .. p:number(2) .. '/' .. p:decimal(4) .. '/' .. tostring(l:text('PID', 5)) end "
         "return table.concat(t, ' ') end)()",
            "SKU-1/120/9.25/Widget SKU-2/5/0.5/nil"},
        {"(function() local n = 0 for s in po:segments('N1') do n = n + 1 end return n end)()", "2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *statements = xasprintf("local po = message.edi return %s", cases[i].expression);
        expect_result(statements, order_850, cases[i].expected);
        free(statements);
    }
}

static void a_document_is_json_without_a_detour(void **state) {
    (void)state;
    char *all = fixture_text(M("function M.translate(m) return {json = m.edi} end"), NULL, order_850);
    assert_non_null(
        strstr(all, "\"documents\":[{\"type\":\"850\",\"version\":\"004010\",\"header\":{\"ST\":[\"850\",\"0001\"]}"));
    assert_non_null(
        strstr(all, "{\"items\":[[{\"PO1\":[\"1\",\"120\",\"EA\",\"9.25\",\"TE\",\"VP\",\"SKU-1\",\"BP\",\"B1\"]}"));
    free(all);
    /* what JSON says is the file again */
    char *again = fixture_text(
        M("function M.translate(m) local edi = require 'edi' return {body = edi.from_json(edi.json(m.edi))} end"), NULL,
        order_850);
    assert_string_equal(again, order_850);
    free(again);
    expect_result("local j = require('json').decode(require('json').encode{po = message.edi, n = 1}) "
                  "return j.n .. j.po.interchanges[1].content[1].documents[1].type",
        order_850, "1850");
    expect_result(
        "return select(2, require('edi').json(message.edi, {indent = true}):gsub('\\n', '')) > 3", order_850, "true");
    expect_error(M("function M.translate(m) return {json = {line = m.edi:loop('PO1')}} end"), NULL, order_850,
        "json: /line is an EDI document, which cannot stand in JSON");
    expect_error(M("function M.translate(m) return {json = {s = m.edi:segment('PO1')}} end"), NULL, order_850,
        "json: /s is an EDI segment, which cannot stand in JSON");
    expect_error(M("function M.translate(m) return {body = require('edi').json(m.edi:loop('PO1'))} end"), NULL,
        order_850, "main.lua:2: edi.json: a document was expected, such as message.edi; this is a loop of one");
    expect_rejection(M("function M.translate(m) return {body = require('edi').from_json('{\"a\":1}')} end"), "",
        "the JSON is no EDI");
    expect_error(M("function M.translate(m) return {json = m.edi} end"), "{\"limits\":{\"output_bytes\":200}}",
        order_850, "output limit");
}

static void all_documents_of_a_text_are_read(void **state) {
    (void)state;
    static const char two[] =
        "ISA*00*          *00*          *01*123456789      *ZZ*BANYAN         *261123*1615*U*00401*000000042*0*P*>~"
        "GS*PO*123456789*BANYAN*20261123*1615*42*X*004010~ST*850*0001~BEG*00*SA*4711**20261123~PO1*1*1*EA~SE*4*0001~"
        "ST*850*0002~BEG*00*SA*4712**20261123~PO1*1*1*EA~SE*4*0002~GE*2*42~IEA*1*000000042~";
    expect_result(
        "local t = {} for i, d in ipairs(require('edi').documents(message.body)) do\n"
        "t[i] = d.control .. d:text('BEG', 3) .. tostring(d.valid) .. d.keys.po end return table.concat(t, ' ')",
        two, "00014711true4711 00024712true4712");
    expect_result("return #require('edi').documents('nothing')", "", "0");
    expect_result("return require('edi').decode(message.body, 2):text('BEG', 3)", two, "4712");
    expect_error(M("function M.translate(m) return {body = m.edi.type} end"), NULL, two, "the file holds 2 documents");
}

static void edifact_values_are_components(void **state) {
    (void)state;
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"po.standard .. po.type .. po.version", "EDIFACTORDERSD96A"},
        {"po:text('BGM', 2)", "P\xC3\x96-9"},
        {"po:date('DTM', '137')", "2026-11-23T16:15"},
        {"po:segment('DTM', '2'):date(1)", "2026-12-01"},
        {"po:text('NAD', 'BY', 2)", "5412345000013"},
        {"po:text('NAD', 'BY', 2, 3)", "9"},
        {"po:text('NAD', 'SU', 4)", "It's Me"},
        {"po:segment('LIN'):qualified(3, 'SRV')", "5410738100012"},
        {"po:number('QTY', '21', 1, 2)", "48"},
        {"po:segment('PRI'):decimal(1, 2)", "10.60"},
        {"(function() local n = 0 for l in po:loops('LIN') do n = n + l:number('QTY', 1, 2) end return n end)()", "48"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *statements = xasprintf("local po = message.edi return %s", cases[i].expression);
        expect_result(statements, order_edifact, cases[i].expected);
        free(statements);
    }
}

static void wrong_values_reject_with_their_place(void **state) {
    (void)state;
    static const struct {
        const char *expression, *words;
    } cases[] = {
        {"po:number('BEG', 2)", "BEG02 'SA' is not a number"},
        {"po:date('BEG', 3)", "BEG03 '4711' is not a date"},
        {"po:need('BEG', 4)", "BEG04 is missing"},
        {"po:need('AMT', 1)", "segment AMT is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *source = xasprintf(
            M("function M.translate(m) local po = m.edi return {body = tostring(%s)} end"), cases[i].expression);
        expect_rejection(source, order_850, cases[i].words);
        free(source);
    }
    script_outcome out;
    assert_null(fixture_run(M("function M.translate(m)\nlocal x = m.edi:need('BEG', 4)\nend"), NULL, order_850, &out));
    json_t *rejected = json_object_get(out.result, "rejected");
    assert_string_equal(json_get_text(rejected, "segment", ""), "BEG");
    assert_int_equal(json_get_integer(rejected, "element", 0), 4);
    assert_int_equal(json_get_integer(rejected, "position", 0), 2);
    assert_string_equal(json_get_text(rejected, "place", ""), "main.lua:3");
    script_outcome_free(&out);
}

static void wrong_use_of_a_document_is_an_error(void **state) { /* LU-10, LU-16 */
    (void)state;
    static const struct {
        const char *statements, *words;
    } cases[] = {
        {"local x = po.text('BEG', 3)", "called with a colon"},
        {"local x = po:txt('BEG', 3)", "a document has no 'txt'; did you mean 'text'?"},
        {"local x = po:segment('BEG'):qualifed(1, 'x')", "a segment has no 'qualifed'; did you mean 'qualified'?"},
        {"local x = po:text()", "string expected"},
        {"local x = po:text('BEG')", "number expected"},
        {"local x = po:text('BEG', 0)", "elements count from 1"},
        {"local x = po:text('BEG', 1 << 62)", "elements count from 1"},
        {"local x = po:text('BEG', 1, -1)", "components count from 1"},
        {"local x = po.nothing", "a document has no 'nothing'"},
        {"local x = po:segment('BEG').nothing", "a segment has no 'nothing'"},
        {"po.type = 'x'", "attempt to index"},
        {"local x = po:segment('BEG').text(po, 1)", "EDI segment"},
        {"getmetatable(po).__index = nil", "attempt to index a string value"},
        {"local x = require('edi').decode(m.body, 7)", "there is no number 7"},
        {"local x = require('edi').decode('nothing')", "not readable EDI"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *source = xasprintf(M("function M.translate(m) local po = m.edi\n%s\nend"), cases[i].statements);
        expect_error(source, NULL, order_850, cases[i].words);
        free(source);
    }
}

static void what_is_no_edi_is_rejected(void **state) {
    (void)state;
    static const char *const payloads[] = {"", "hello", "ISA*00*", "{\"a\":1}"};
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
        expect_rejection(
            M("function M.translate(m) return {body = m.edi.type} end"), payloads[i], "the body is not readable EDI");
}

static void an_order_is_built_with_envelope_and_counts(void **state) {
    (void)state;
    script_outcome out;
    fixture_number = 40;
    error *err = fixture_run(M("local edi, decimal = require 'edi', require 'decimal'\n"
                               "function M.translate() return {edi = edi.document('850', '004010', function(d)\n"
                               "d:segment('BEG', '00', 'SA', '4711', nil, edi.date('2026-11-23'))\n"
                               "d:segment('N1', 'ST', 'Store', '92', '012')\n"
                               "d:segment('PO1', 1, 120, 'EA', decimal('9.25'), nil, 'VP', 'SKU-1')\n"
                               "d:segment('CTT', d:count('PO1'))\nend), keys = {po = '4711'}} end"),
        CALL, "", &out);
    if (err) fail_msg("%s", error_text(err));
    assert_string_equal(buf_text(&out.payloads[0]),
        "ISA*00*          *00*          *ZZ*BANYAN         *01*123456789      *261123*1615*U*00401*000000041*0*P*:~\n"
        "GS*PO*BANYAN*123456789*20261123*1615*42*X*004010~\n"
        "ST*850*0043~\n"
        "BEG*00*SA*4711**20261123~\n"
        "N1*ST*Store*92*012~\n"
        "PO1*1*120*EA*9.25**VP*SKU-1~\n"
        "CTT*1~\n"
        "SE*6*0043~\n"
        "GE*1*42~\n"
        "IEA*1*000000041~\n");
    json_t *result = json_array_get(json_object_get(out.result, "results"), 0);
    assert_string_equal(json_get_text(result, "content_type", ""), "application/edi-x12");
    json_t *document = json_array_get(json_object_get(result, "documents"), 0);
    assert_string_equal(json_get_text(document, "type", ""), "850");
    assert_string_equal(json_get_text(document, "control", ""), "0043");
    assert_string_equal(json_get_text(document, "interchange_control", ""), "000000041");
    assert_string_equal(json_get_text(document, "receiver", ""), "01:123456789");
    assert_string_equal(json_get_text(json_object_get(document, "keys"), "po", ""), "4711");
    assert_true(json_get_bool(document, "valid", false));
    script_outcome_free(&out);
}

static void an_edifact_order_is_built_with_composites(void **state) {
    (void)state;
    fixture_number = 0;
    char *text =
        fixture_text(M("function M.translate() return {edi = {type = 'ORDERS', version = 'D96A', segments = {\n"
                       "{'BGM', '220', 'P\xC3\x96-9', '9'}, {'DTM', {'137', '20261123', '102'}},\n"
                       "{'FTX', 'AAI', nil, nil, \"it's +1\"}, {'NAD', 'BY', {'5412345000013', nil, '9'}},\n"
                       "{'LIN', 1, nil, {'5410738100012', 'SRV'}}, {'QTY', {'21', 48}}, {'UNS', 'S'}}}} end"),
            CALL, "");
    assert_string_equal(text, "UNB+UNOC:3+BANYAN:14+5412345000013:14+261123:1615+1'\n"
                              "UNH+2+ORDERS:D:96A:UN'\n"
                              "BGM+220+P\xD6-9+9'\n"
                              "DTM+137:20261123:102'\n"
                              "FTX+AAI+++it?'s ?+1'\n"
                              "NAD+BY+5412345000013::9'\n"
                              "LIN+1++5410738100012:SRV'\n"
                              "QTY+21:48'\n"
                              "UNS+S'\n"
                              "UNT+9+2'\n"
                              "UNZ+1+1'\n");
    free(text);
}

static void several_documents_share_one_interchange(void **state) {
    (void)state;
    fixture_number = 0;
    script_outcome out;
    assert_null(fixture_run(M("local function order(n) return {type = '850', version = '004010', segments = {\n"
                              "{'BEG', '00', 'SA', n, nil, '20261123'}, {'PO1', 1, 1, 'EA'}, {'CTT', 1}}} end\n"
                              "function M.translate() return {edi = {order('A1'), order('A2')}} end"),
        CALL, "", &out));
    json_t *documents = json_object_get(json_array_get(json_object_get(out.result, "results"), 0), "documents");
    assert_int_equal(json_array_size(documents), 2);
    assert_string_equal(json_get_text(json_object_get(json_array_get(documents, 1), "keys"), "po", ""), "A2");
    assert_non_null(strstr(buf_text(&out.payloads[0]), "GE*2*"));
    script_outcome_free(&out);
}

static void values_that_do_not_fit_reject_and_a_wrong_shape_fails_at_the_line_that_wrote_it(void **state) {
    (void)state;
    static const struct {
        const char *line, *words;
    } values[] =
        {
            {"d:segment('BEG', '00', 'SA', nil, nil, '20261123')", "main.lua:4: BEG03: "},
            {"d:segment('BEG', '00', 'SA', '4711', nil, '20261399')", "main.lua:4: BEG05"},
            {"d:segment('BEG', '00', 'SA', ('x'):rep(40), nil, '20261123')", "main.lua:4: BEG03"},
            {"d:segment('BEG', '00', 'SA', 'a*b', nil, '20261123')", "main.lua:4: BEG03 holds *"},
            {"d:segment('BEG', '00', 'SA', '1', nil, edi.date('2026-13-01'))",
                "main.lua:4: '2026-13-01' is not a date"},
            {"d:segment('REF', 'DP', '1')", "main.lua:3: "},
        },
      shapes[] = {
          {"d:segment('BEG', '00', 'SA', true, nil, '20261123')", "main.lua:4: element 3 is a boolean"},
          {"d:segment('BEG', '00', 'SA', {{'x'}}, nil, '20261123')", "main.lua:4: element 3 is a table"},
          {"d:segment('BEGIN', '00')", "main.lua:4: a segment begins with its tag"},
          {"d:segment(nil)", "main.lua:4: a segment begins with its tag, this is a nil"},
          {"d:segment('BEG', '00', 'SA', '1', nil, '20261123') d:segment('QQQ', '1')", "main.lua:4: "},
      };
    enum { VALUES = sizeof values / sizeof *values, SHAPES = sizeof shapes / sizeof *shapes };
    for (size_t i = 0; i < VALUES + SHAPES; i++) { /* ED-18 */
        char *source = xasprintf("local M, edi = {}, require 'edi'\nfunction M.translate()\n"
                                 "return {edi = edi.document('850', '004010', function(d)\n%s\n"
                                 "d:segment('PO1', 1, 1, 'EA')\nd:segment('CTT', 1)\nend)} end return M",
            i < VALUES ? values[i].line : shapes[i - VALUES].line);
        fixture_number = 7;
        if (i < VALUES)
            expect_rejection_of(source, CALL, "", values[i].words);
        else
            expect_error(source, CALL, "", shapes[i - VALUES].words);
        assert_int_equal(fixture_number, 7); /* no control number is spent on what is not sent */
        free(source);
    }
}

static void a_plain_list_names_the_segment_at_fault(void **state) {
    (void)state;
    expect_error(M("function M.translate() return {edi = {type = '850', version = '004010', segments = {\n"
                   "{'BEG', '00', 'SA', '4711', nil, '20261123'}, {'QQQ', 1}}}} end"),
        CALL, "", "segment 2 of the document: ");
    expect_rejection_of(M("function M.translate() return {edi = {type = '850', version = '004010', segments = {\n"
                          "{'BEG', '00', 'SA', '4711', nil, '20261123'}, {'PO1', 1, 'x', 'EA'}}}} end"),
        CALL, "", "PO102");
}

static void a_document_that_need_not_be_checked_is_not(void **state) {
    (void)state;
    char *text = fixture_text(M("local edi = require 'edi'\n"
                                "function M.translate() return {edi = edi.document('850', '004010',\n"
                                "{{'BEG', '00', 'SA', nil, nil, '20261123'}}, {check = false})} end"),
        CALL, "");
    assert_non_null(strstr(text, "BEG*00*SA***20261123~"));
    free(text);
}

static void implied_decimals_are_written_and_read(void **state) {
    (void)state;
    char *sources[2];
    static const char *const totals[] = {"19.90", "19.905"};
    for (size_t i = 0; i < 2; i++)
        sources[i] = xasprintf(M("local edi, decimal = require 'edi', require 'decimal'\n"
                                 "function M.translate() return {edi = edi.document('810', '004010', function(d)\n"
                                 "d:segment('BIG', '20261123', 'INV1')\n"
                                 "d:segment('IT1', 1, 2, 'EA', decimal('9.95'))\n"
                                 "d:segment('TDS', decimal('%s'))\nd:segment('CTT', 1) end)} end"),
            totals[i]);
    char *text = fixture_text(sources[0], CALL, "");
    assert_non_null(strstr(text, "TDS*1990~"));
    expect_result("return message.edi:decimal('TDS', 1)", text, "19.90");
    expect_rejection_of(sources[1], CALL, "", "main.lua:6: 19.905 has more than the 2 decimals");
    free(text);
    free(sources[0]);
    free(sources[1]);
}

/* EW04 */
static void numbers_are_written_exactly_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *value, *written, *refused;
    } rows[] = {
        {"0.1 + 0.2", NULL, "PO102"}, /* 0.30000000000000004: to be said as a decimal */
        {"1.10", "*1.1*", NULL},
        {"-0.0", "*0*", NULL},
        {"0", "*0*", NULL},
        {"-5", "*-5*", NULL},
        {"100000 * 1000000", "*100000000000*", NULL},
        {"decimal('1.50')", "*1.50*", NULL},
        {"1e21", NULL, "PO102"},
        {"0/0", NULL, "PO102: no number"},
        {"1/0", NULL, "PO102: no number"},
        {"'1,5'", NULL, "PO102"},
        {"'1E3'", NULL, "PO102"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *source = xasprintf(M("local edi, decimal = require 'edi', require 'decimal'\n"
                                   "function M.translate() return {edi = edi.document('850', '004010', function(d)\n"
                                   "d:segment('BEG', '00', 'SA', '1', nil, '20261123')\nd:segment('PO1', 1, %s, 'EA')\n"
                                   "end)} end"),
            rows[i].value);
        if (rows[i].refused) {
            expect_rejection_of(source, CALL, "", rows[i].refused);
        } else {
            char *text = fixture_text(source, CALL, "");
            if (!strstr(text, rows[i].written)) print_message("%s\n", text);
            assert_non_null(strstr(text, rows[i].written));
            free(text);
        }
        free(source);
    }
}

/* EW05 */
static void characters_outside_the_partners_set_are_refused_with_their_place(void **state) {
    (void)state;
    static const char source[] =
        M("local edi = require 'edi'\nfunction M.translate() return {edi = edi.document('ORDERS', 'D96A', function(d)\n"
          "d:segment('BGM', '220', '1', '9')\nd:segment('DTM', {'137', '20261123', '102'})\n"
          "d:segment('NAD', 'SU', nil, nil, '\xE2\x82\xAC')\nd:segment('LIN', 1)\nd:segment('UNS', 'S')\nend)} end");
    expect_rejection_of(source, CALL, "", "has a character that UNOC has not got");
    expect_rejection_of(source, CALL, "", "main.lua:6");
}

static void an_interchange_needs_somebody_to_send_it_to(void **state) {
    (void)state;
    static const char source[] =
        M("function M.translate() return {edi = {type = '850', version = '004010', segments = {{'CTT', 1}}}} end");
    expect_error(source, NULL, "", "there is no destination whose X12 identities");
    expect_error(source, "{\"destinations\":[{\"connection\":\"erp\",\"envelopes\":{}}]}", "",
        "destination erp has no X12 identities");
    expect_error(source,
        "{\"destinations\":[{\"connection\":\"a\",\"envelopes\":{\"X12\":{\"sender\":\"ZZ:A\",\"receiver\":\"ZZ:B\"}}},"
        "{\"connection\":\"b\",\"envelopes\":{\"X12\":{\"sender\":\"ZZ:A\",\"receiver\":\"ZZ:C\"}}}]}",
        "", "addressed differently: the result must say `to`");
}

static void a_fault_of_the_envelope_is_not_the_scripts(void **state) {
    (void)state;
    expect_error(M("function M.translate() return {edi = {type = '850', version = '004010', segments = {\n"
                   "{'BEG', '00', 'SA', '4711', nil, '20261123'}, {'PO1', 1, 1, 'EA'}}}} end"),
        "{\"destinations\":[{\"connection\":\"a\",\"envelopes\":{\"X12\":{\"sender\":\"ZZ:A\",\"receiver\":\"ZZ:BBB\"}}"
        "}]}",
        "", "the envelope is wrong: GS02: ");
}

static void one_of_several_documents_is_named_by_the_call(void **state) {
    (void)state;
    fixture_number = 0;
    char *two = fixture_text(M("local function order(n) return {type = '850', version = '004010', segments = {\n"
                               "{'BEG', '00', 'SA', n, nil, '20261123'}, {'PO1', 1, 1, 'EA'}, {'CTT', 1}}} end\n"
                               "function M.translate() return {edi = {order('A1'), order('A2')}} end"),
        CALL, "");
    static const char source[] = M("function M.translate(m) return {body = m.edi:text('BEG', 3)} end");
    char *text = fixture_text(source, "{\"message\":{\"document\":1}}", two);
    assert_string_equal(text, "A2");
    free(text);
    expect_error(source, NULL, two, "the file holds 2 documents");
    expect_result(
        "local t = {} for _, d in ipairs(require('edi').documents(message.body)) do t[#t + 1] = d:text('BEG', 3) end "
        "return table.concat(t, '+')",
        two, "A1+A2");
    free(two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_a_document_are_found_by_tag_and_position),
        cmocka_unit_test(a_document_is_json_without_a_detour),
        cmocka_unit_test(all_documents_of_a_text_are_read),
        cmocka_unit_test(edifact_values_are_components),
        cmocka_unit_test(wrong_values_reject_with_their_place),
        cmocka_unit_test(wrong_use_of_a_document_is_an_error),
        cmocka_unit_test(what_is_no_edi_is_rejected),
        cmocka_unit_test(an_order_is_built_with_envelope_and_counts),
        cmocka_unit_test(an_edifact_order_is_built_with_composites),
        cmocka_unit_test(several_documents_share_one_interchange),
        cmocka_unit_test(values_that_do_not_fit_reject_and_a_wrong_shape_fails_at_the_line_that_wrote_it),
        cmocka_unit_test(a_plain_list_names_the_segment_at_fault),
        cmocka_unit_test(a_document_that_need_not_be_checked_is_not),
        cmocka_unit_test(implied_decimals_are_written_and_read),
        cmocka_unit_test(numbers_are_written_exactly_or_refused),
        cmocka_unit_test(characters_outside_the_partners_set_are_refused_with_their_place),
        cmocka_unit_test(an_interchange_needs_somebody_to_send_it_to),
        cmocka_unit_test(a_fault_of_the_envelope_is_not_the_scripts),
        cmocka_unit_test(one_of_several_documents_is_named_by_the_call),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
