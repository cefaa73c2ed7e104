/* tests/unit/test_script_formats.c: JSON, CSV, XML, fixed-width records, dates, texts and decimals in scripts. */
#include "tests/unit/script_fixture.h"

static void json_numbers_keep_every_digit(void **state) {
    (void)state;
    static const char json[] = "{\"a\":19.90,\"b\":12345678901234567890123.10,\"c\":[1,null,true],\"d\":{},\"e\":[],"
                               "\"f\":\"\xC3\xA9\\n\",\"g\":9223372036854775807}";
    char *text = fixture_text(M("function M.translate(m) return {json = m.json} end"), NULL, json);
    assert_string_equal(text, json);
    free(text);
    expect_result("return message.json.price * message.json.quantity", "{\"price\":19.99,\"quantity\":3}", "59.97");
    expect_result("return message.json[1]", "[18446744073709551616]", "18446744073709551616");
    expect_result("return message.json[1]", "[1.5e3]", "1500");
    expect_result("return require('json').encode({1/4, 10/2, 1e300})", "", "[0.25,5,1e+300]");
}

static void json_keeps_what_it_is_whatever_the_order_of_its_keys(void **state) {
    (void)state;
    static const struct {
        const char *value, *expected;
    } cases[] = {
        {"{}", "[]"},
        {"{a = {}, b = require('json').object{}, c = require('json').array{}}", "{\"a\":[],\"b\":{},\"c\":[]}"},
        {"(function() local t = {} for i = 40, 1, -1 do t[i] = i end return #require('json').encode(t) end)()", "112"},
        {"(function() local t = {[3] = 3} t[1] = 1 t[2] = {2} return t end)()", "[1,[2],3]"},
        {"(function() local t = {1, 2} t[4] = 4 t[3] = 3 return t end)()", "[1,2,3,4]"},
        {"(function() local t = {} for i = 50, 1, -1 do t['k' .. i] = i end t = require('json').encode(t) "
         "return t:sub(1, 22) .. #t end)()",
            "\"{\\\"k1\\\":1,\\\"k10\\\":10,\\\"k11\\\"433\""},
        {"{['\\127\\1\"\\\\'] = ('x'):rep(9) .. '\\n' .. ('y'):rep(9)}",
            "{\"\\u007f\\u0001\\\"\\\\\":\"xxxxxxxxx\\nyyyyyyyyy\"}"},
        {"{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = 1, b = -9223372036854775807 - 1}",
            "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1,\"b\":-9223372036854775808}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *source = xasprintf(M("function M.translate() return {json = %s} end"), cases[i].value);
        char *text = fixture_text(source, NULL, "");
        if (strcmp(text, cases[i].expected) != 0) fail_msg("%s gives %s", cases[i].value, text);
        free(text);
        free(source);
    }
}

static void what_cannot_stand_in_json_is_named_with_its_path(void **state) {
    (void)state;
    static const struct {
        const char *value, *words;
    } cases[] = {
        {"{a = {{1, 2, [4] = 4}}}", "json: /a/1 is a list with a hole: element 3 is nil"},
        {"{a = {1, 2, x = 3}}", "json: /a mixes names and positions"},
        {"{a = {x = 1, [true] = 2}}", "json: /a mixes names and positions"},
        {"{lines = {{price = print}}}", "json: /lines/1/price is a function"},
        {"{a = 0/0}", "json: /a is a NaN or infinity"},
        {"{a = '\\xff'}", "json: /a is a text that is not UTF-8"},
        {"{['\\xff'] = 1}", "has a name that is not UTF-8"},
        {"(function() local t = {} t.t = t return t end)()", "deeper than 128 levels; does it contain itself?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *source = xasprintf(M("function M.translate(message) return {json = %s} end"), cases[i].value);
        expect_error(source, NULL, "", cases[i].words);
        free(source);
    }
}

static void objects_of_a_request_stay_objects(void **state) {
    (void)state;
    static const char call[] =
        "{\"function\":\"request\",\"message\":{\"query\":{},\"params\":{},\"vars\":{},\"headers\":{}}}";
    char *text = fixture_text(M("function M.request(req)\n"
                                "  local copy = {} for name, value in pairs(req.query) do copy[name] = value end\n"
                                "  return {json = {req.query, req.params, req.vars, req.headers, req.json, copy}}\n"
                                "end"),
        call, "{\"a\":null}");
    assert_string_equal(text, "[{},{},{},{},{},[]]");
    free(text);
    text = fixture_text(M("function M.request(req) return {json = {req.query, req.params, req.vars, req.headers}} end"),
        "{\"function\":\"request\"}", "");
    assert_string_equal(text, "[{},{},{},{}]");
    free(text);
    text = fixture_text(M("function M.request(req) req.json.a = nil return {json = req.json} end"),
        "{\"function\":\"request\"}", "{\"a\":1}");
    assert_string_equal(text, "{}");
    free(text);
    /* a mark is nobody's metatable: a script may give its own */
    expect_result("return setmetatable(message.json, {__index = function(t, k) return k end}).x", "{}", "x");
    expect_result("return require('json').encode(message.json)", "[1e147, -2.5E-90, 1.25e2, 1e-30]",
        "[1e+147,-2.5e-90,125,0.000000000000000000000000000001]");
}

static void malformed_json_rejects_with_line_and_column(void **state) {
    (void)state;
    static const struct {
        const char *json, *words, *where;
    } cases[] = {
        {"", "the text is empty", "line 1, column 1"},
        {"{\"a\": 1,\n \"b\" 2}", ": was expected", "line 2, column 6"},
        {"{\"a\":1,\"a\":2}", "twice", "line 1, column 8"},
        {"{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1,"
         "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":2}",
            "twice", "line 1, column 56"},
        {"{\"0\":1,\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"a\":1,\"b\":1,\"c\":1,"
         "\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"3\":1}",
            "twice", "line 1, column 152"},
        {"[1,]", "a value was expected", "line 1, column 4"},
        {"[01]", "starts with a zero", "line 1, column 3"},
        {"[1.]", "ends with its point", "line 1, column 4"},
        {"[1e]", "ends inside its exponent", "line 1, column 4"},
        {"[1e999]", "more than 36 digits", "line 1, column 2"},
        {"\"\\ud800\"", "high surrogate", "line 1, column 8"},
        {"\"a\nb\"", "control character", "line 1, column 3"},
        {"\"\xff\"", "not valid UTF-8", "line 1, column 2"},
        {"{} x", "something follows", "line 1, column 4"},
        {"\"\\u0000\"", "NUL", "line 1, column 8"},
        {"nul", "a value was expected", "line 1, column 1"},
        {"[1", ", or ] was expected", "line 1, column 3"},
        {"NaN", "a value was expected", "line 1, column 1"},
        {"/* */ 1", "a value was expected", "line 1, column 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) { /* JS-02 to JS-04 */
        script_outcome out;
        error *err = fixture_run(M("function M.request(req) return {json = req.json} end"),
            "{\"function\":\"request\"}", cases[i].json, &out);
        assert_null(err);
        json_t *rejected = json_object_get(out.result, "rejected");
        if (!rejected) fail_msg("%s was not rejected", cases[i].json);
        assert_string_equal(json_get_text(rejected, "code", ""), "malformed");
        if (!strstr(json_get_text(rejected, "reason", ""), cases[i].words))
            fail_msg("%s: %s", cases[i].json, json_get_text(rejected, "reason", ""));
        assert_string_equal(json_get_text(rejected, "where", ""), cases[i].where);
        assert_int_equal(json_array_size(json_object_get(out.result, "results")), 0);
        script_outcome_free(&out);
    }
}

static void json_nested_beyond_128_levels_is_refused(void **state) { /* JS-01 */
    (void)state;
    static char deep[100001];
    memset(deep, '[', sizeof deep - 1);
    expect_rejection(M("function M.translate(m) return {json = m.json} end"), deep, "nested deeper than 128 levels");
}

static void csv_is_read_by_its_header(void **state) {
    (void)state;
    expect_result(
        "local r = message.csv{separator = ';'}; return #r .. r[1].a .. r[2].b .. table.concat(r.columns, '+')",
        "\xEF\xBB\xBF"
        "a;b\r\n1;2\r\n\r\n3;\"x;\"\"y\"\"\n\"\r\n",
        "21x;\"y\"\na+b");
    expect_result("local r = message:csv{header = false}; return r[1][1] .. r[2][2]", "1,2\n3,4", "14");
    expect_result(
        "local r = message:csv{header = {'x', 'y'}, skip = 1, trim = true}; return r[1].y", "t\n1 , 2 \n", "2");
    expect_result("return #message:csv() .. #message.csv()", "", "00");
    expect_result(
        "local json = require 'json'; return json.encode(message:csv())", "a,b\n1,2\n", "[{\"a\":\"1\",\"b\":\"2\"}]");
    expect_result("local json = require 'json'; return json.encode(message:csv())", "a,b\n", "[]");
    expect_result("local csv = require 'csv'; return csv.encode(message:csv())", "b,a\r\n1,2\r\n", "b,a\r\n1,2\r\n");
}

static void malformed_csv_rejects_with_its_line(void **state) { /* CS-01 */
    (void)state;
    static const struct {
        const char *csv, *words;
    } cases[] = {
        {"a,b\n1,\"2\n3\n", "line 4: a quote is opened and never closed"},
        {"a,b\n1,2,3\n", "line 2: 3 fields for 2 columns"},
        {"a,a\n", "line 1: two columns are called 'a'"},
        {"a,b\n\"1\"x,2\n", "line 2: something follows a closing quote"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_rejection(M("function M.translate(m) return {json = m:csv()} end"), cases[i].csv, cases[i].words);
}

static void csv_is_written_in_the_order_of_its_columns(void **state) {
    (void)state;
    char *text = fixture_text(
        M("function M.translate() return {csv = {columns = {'po', 'price', 'ok'}, separator = ';', line_end = '\\n',\n"
          "{po = 'a;b', price = require('decimal')('1.50'), ok = true}, {po = 'q\"', price = 2.0}}} end"),
        NULL, "");
    assert_string_equal(text, "po;price;ok\n\"a;b\";1.50;true\n\"q\"\"\";2;\n");
    free(text);
    expect_result("return require('csv').encode({{'=1+1', '-2', 'x'}}, {safe = true, line_end = ''})", "", /* CS-02 */
        "\"'=1+1\",\"'-2\",x");
}

static void xml_is_found_by_paths(void **state) {
    (void)state;
    static const char xml[] =
        "<?xml version='1.0'?><o:order xmlns:o='urn:o' id='7'><buyer><name> Acme &amp; Co </name></buyer>"
        "<line no='1'><sku>A</sku></line><line no='2'><sku>B</sku><price>1.5</price></line></o:order>";
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"x.name", "o:order"},
        {"x:value('@id')", "7"},
        {"x:value('buyer/name')", "Acme & Co"},
        {"#x:all('line')", "2"},
        {"x:value('line[2]/sku')", "B"},
        {"x:value('line[@no=\"2\"]/price')", "1.5"},
        {"x:value([[line[sku='A']/@no]])", "1"},
        {"#x:all('//sku')", "2"},
        {"x:find('nothing')", "nil"},
        {"x:value('nothing/@a')", "nil"},
        {"x.attributes['xmlns:o']", "urn:o"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *statements = xasprintf("local x = message.xml; return %s", cases[i].expression);
        expect_result(statements, xml, cases[i].expected);
        free(statements);
    }
    char *text = fixture_text(M("function M.translate(m) return {xml = m.xml} end"), NULL, xml);
    assert_string_equal(text,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<o:order id=\"7\" xmlns:o=\"urn:o\"><buyer><name> Acme "
        "&amp; Co </name></buyer><line no=\"1\"><sku>A</sku></line><line no=\"2\"><sku>B</sku>"
        "<price>1.5</price></line></o:order>\n");
    free(text);
}

static void hostile_xml_is_rejected(void **state) { /* XM-01 to XM-04 */
    (void)state;
    static const struct {
        const char *xml, *words;
    } cases[] = {
        {"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "line 1: a DOCTYPE is not accepted"},
        {"<!DOCTYPE a SYSTEM 'http://127.0.0.1/x'><a/>", "a DOCTYPE is not accepted"},
        {"<a>&b;</a>", "not valid XML"},
        {"<a><b></a>", "line 1"},
        {"<a>\n<b x='1' x='2'/></a>", "line 2"},
        {"", "not valid XML"},
        {"<a>\xff</a>", "not valid XML"},
    };
    static const char source[] = M("function M.translate(m) return {body = m.xml.name} end");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_rejection(source, cases[i].xml, cases[i].words);
    buf deep = BUF_MAX(1 << 20);
    for (int i = 0; i < 100000; i++)
        buf_add_text(&deep, "<a>");
    expect_rejection(source, buf_text(&deep), "not valid XML");
    buf_clear(&deep);
    for (int i = 0; i < 200; i++)
        buf_add_text(&deep, "<a>");
    for (int i = 0; i < 200; i++)
        buf_add_text(&deep, "</a>");
    expect_error(source, NULL, buf_text(&deep), "xml: nested deeper than 128 levels");
    buf_free(&deep);
}

static void fixed_width_records_are_read_and_written(void **state) {
    (void)state;
    static const char source[] = M("local schema = {{'type', 1}, {'number', 6}, {'quantity', 4, 'number'},\n"
                                   "{'price', 7, 'decimal', 2}, {'date', 8, 'date'}}\n"
                                   "function M.translate(m) local r = m:record(schema)\n"
                                   "assert(r[1].price == require('decimal')('12.34') and r[1].quantity == 5)\n"
                                   "assert(r[1].date == '2026-11-23' and r[2].date == nil)\n"
                                   "return {body = require('record').encode(schema, r, '\\n')} end");
    char *text = fixture_text(source, NULL, "H4711  0005000123420261123\r\nL1         -00000100000000\n");
    assert_string_equal(text, "H4711  0005000123420261123\nL1         -000001        \n");
    free(text);
    expect_rejection(source, "H4711  0x05000123420261123\n", "record 1: field quantity is not a whole number");
    expect_rejection(source, "H4711  0005000123420261323\n", "record 1: field date '20261323' is not in the calendar");
}

static void dates_are_converted_and_checked(void **state) {
    (void)state;
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"date.parse('20261123', 'ccyymmdd')", "2026-11-23"},
        {"date.parse('261123 1615', 'yymmdd hhmi')", "2026-11-23T16:15"},
        {"date.iso('991231')", "1999-12-31"},
        {"date.format('2026-11-23', 'dd.mm.ccyy')", "23.11.2026"},
        {"select(2, date.try('20260230', 'ccyymmdd'))", "'20260230' is not in the calendar"},
        {"date.valid('2024-02-29')", "true"},
        {"date.valid('2023-02-29')", "false"},
        {"date.add('2024-02-28', 2)", "2024-03-01"},
        {"date.add('2026-01-01', -1)", "2025-12-31"},
        {"date.days('2026-11-23', '2027-11-23')", "365"},
        {"date.weekday('2026-11-23')", "1"},
        {"date.now()", "2026-11-23T16:15:20Z"},
        {"date.today()", "2026-11-23"},
        {"date.parse('202611231615', date.edifact['203'])", "2026-11-23T16:15"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *statements = xasprintf("local date = require 'date'; return (%s)", cases[i].expression);
        expect_result(statements, "", cases[i].expected);
        free(statements);
    }
}

static void texts_are_padded_cut_and_converted(void **state) {
    (void)state;
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"text.left('abc', 5) .. '|'", "abc  |"},
        {"text.left('abcdef', 3)", "abc"},
        {"text.zeros(42, 6)", "000042"},
        {"text.cut('\xC3\xA4\xC3\xB6\xC3\xBC', 2)", "\xC3\xA4\xC3\xB6"},
        {"text.from_latin1('\\xe4')", "\xC3\xA4"},
        {"text.from_windows1252('\\x80')", "\xE2\x82\xAC"},
        {"#text.to_latin1('\xC3\xA4')", "1"},
        {"text.to_ascii('M\xC3\xBCller \xE2\x82\xAC 5 \xE6\xBC\xA2')", "Mueller EUR 5 ?"},
        {"#text.lines('a\\r\\nb\\n\\nc')", "4"},
        {"text.split('a;b;;c', ';')[4]", "c"},
        {"text.present('  ')", "nil"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *statements = xasprintf("local text = require 'text'; return %s", cases[i].expression);
        expect_result(statements, "", cases[i].expected);
        free(statements);
    }
}

static void decimals_are_exact(void **state) {
    (void)state;
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"decimal('19.90') + decimal('0.10')", "20.00"},
        {"decimal('0.1') + decimal('0.2')", "0.3"},
        {"decimal('19.99') * 3", "59.97"},
        {"decimal(10) / 4", "2.5"},
        {"decimal(1) / 3", "0.333333333333"},
        {"decimal(2) / 3", "0.666666666667"},
        {"-decimal('1.50')", "-1.50"},
        {"decimal('-7') // 2", "-4"},
        {"decimal('-7') % 2", "1"},
        {"decimal('7.5') % 2", "1.5"},
        {"decimal('2.345'):round(2)", "2.35"},
        {"decimal('2.345'):round(2, 'half-even')", "2.34"},
        {"decimal('-2.345'):round(2)", "-2.35"},
        {"decimal('2.3'):round(2)", "2.30"},
        {"decimal('1250'):round(-2)", "1300"},
        {"decimal('1.01'):round(0, 'up')", "2"},
        {"decimal('-1.01'):round(0, 'floor')", "-2"},
        {"decimal('-1.99'):round(0, 'ceiling')", "-1"},
        {"decimal('1.0') == decimal('1.00')", "true"},
        {"decimal('1.01') > 1", "true"},
        {"1 < decimal('0.5')", "false"},
        {"decimal(0.1)", "0.1"},
        {"decimal('1E-3')", "0.001"},
        {"decimal('.5')", "0.5"},
        {"decimal.sum{'1.10', 2, decimal('3.005')}", "6.105"},
        {"decimal('12.00'):integer()", "12"},
        {"decimal('5') .. '/' .. decimal('6.70')", "5/6.70"},
        {"tonumber(decimal('2.5')) * 2", "5.0"},
        {"decimal('999999999999999999999999999999999999') + 0", "999999999999999999999999999999999999"},
        {"decimal('-0.004'):round(2)", "0.00"},
        {"decimal('7'):divide(3, 4, 'down')", "2.3333"},
        {"decimal('0.000000000000000000000000000000000001') * 1", "0.000000000000000000000000000000000001"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *statements = xasprintf("local decimal = require 'decimal'; return %s", cases[i].expression);
        expect_result(statements, "", cases[i].expected);
        free(statements);
    }
}

static void what_a_decimal_cannot_hold_is_an_error(void **state) {
    (void)state;
    static const struct {
        const char *expression, *words;
    } cases[] = {
        {"decimal('999999999999999999999999999999999999') + 1", "36 digits at most"},
        {"decimal('1234567890123456789') * decimal('1234567890123456789')", "36 digits at most"},
        {"decimal(1) / 0", "divided by zero"},
        {"decimal('1,50')", "'1,50' is not a decimal number"},
        {"decimal('')", "is not a decimal number"},
        {"decimal('1e')", "is not a decimal number"},
        {"decimal({})", "number expected"},
        {"decimal(1/0)", "infinity and NaN"},
        {"decimal('1.5'):integer()", "1.5 is not a whole number"},
        {"decimal(1):round(2, 'nearest')", "expected half-up"},
        {"decimal(1):round(99)", "number of digits out of range"},
        {"decimal('1e40')", "36 digits at most"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *source =
            xasprintf(M("function M.translate() local decimal = require 'decimal'; return {body = tostring(%s)} end"),
                cases[i].expression);
        expect_error(source, NULL, "", cases[i].words);
        free(source);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_numbers_keep_every_digit),
        cmocka_unit_test(json_keeps_what_it_is_whatever_the_order_of_its_keys),
        cmocka_unit_test(what_cannot_stand_in_json_is_named_with_its_path),
        cmocka_unit_test(objects_of_a_request_stay_objects),
        cmocka_unit_test(malformed_json_rejects_with_line_and_column),
        cmocka_unit_test(json_nested_beyond_128_levels_is_refused),
        cmocka_unit_test(csv_is_read_by_its_header),
        cmocka_unit_test(malformed_csv_rejects_with_its_line),
        cmocka_unit_test(csv_is_written_in_the_order_of_its_columns),
        cmocka_unit_test(xml_is_found_by_paths),
        cmocka_unit_test(hostile_xml_is_rejected),
        cmocka_unit_test(fixed_width_records_are_read_and_written),
        cmocka_unit_test(dates_are_converted_and_checked),
        cmocka_unit_test(texts_are_padded_cut_and_converted),
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(what_a_decimal_cannot_hold_is_an_error),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
