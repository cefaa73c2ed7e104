/* tests/unit/test_script_host.c: what a script gets, what it may return, and how its errors read. */
#include "tests/unit/script_fixture.h"

static json_t *result_of(const script_outcome *out, size_t index) {
    return json_array_get(json_object_get(out->result, "results"), index);
}

static void a_body_goes_through(void **state) {
    (void)state;
    char *text = fixture_text(M("function M.translate(m) return {body = m.body:upper()} end"), NULL, "abc");
    assert_string_equal(text, "ABC");
    free(text);
}

static void an_error_names_script_and_line(void **state) {
    (void)state;
    static const struct {
        const char *source, *text, *where;
    } cases[] = {
        {M("function M.translate(m)\n  local a = nil\n  return a.b\nend"), "main.lua:4: attempt to index a nil value",
            "main.lua:4"},
        {M("function M.translate()\n  error('stop')\nend"), "main.lua:3: stop", "main.lua:3"},
        {M("function M.translate()\n  error('stop', 0)\nend"), "main.lua:3: stop", "main.lua:3"},
        {M("function M.translate()\n  require('text').zeros('x', 3)\nend"), "main.lua:3: 'x' is not made of digits",
            "main.lua:3"},
        {M("function M.translate(m)\n  return m.jsn\nend"), "main.lua:3: there is no 'jsn' here; did you mean 'json'?",
            "main.lua:3"},
        {"local M = {\nfunction\n", "main.lua:3: '(' expected near <eof>", "main.lua:3"},
        {M("function M.translate()\n  local x = require 'nothing'\nend"),
            "main.lua:3: module 'nothing' was not found, neither in the library nor among the scripts", "main.lua:3"},
        {"return 1", "the script main does not return a table of functions", ""},
        {M(""), "the script main has no function translate(message)", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        script_outcome out;
        error *err = fixture_run(cases[i].source, NULL, "", &out);
        assert_non_null(err);
        if (strncmp(error_text(err), cases[i].text, strlen(cases[i].text)) != 0)
            fail_msg("%s\nis not\n%s", error_text(err), cases[i].text);
        assert_string_equal(error_where(err), cases[i].where);
        error_free(err);
        script_outcome_free(&out);
    }
}

static void mistakes_are_told_with_what_was_meant(void **state) {
    (void)state;
    static const struct {
        const char *source, *words;
    } cases[] = {
        {M("function M.translate(m)\nreturn {json = m.json.byer.name}\nend"),
            "main.lua:3: attempt to index a nil value (field 'byer'); the message has json.buyer"},
        {M("function M.translate(m)\nreturn m.json\nend"),
            "is unknown; a table goes on as JSON with return {json = …}"},
        {M("function M.translate(m)\nfor x in {} do end\nend"), "ipairs: for i, line in ipairs(list) do"},
        {M("function M.translate(m)\nif m.body = '' then end\nend"), "equal is written =="},
        {M("function M.translate(m)\nreturn {body = 'a' .. nil}\nend"), "(value or \"\") stands for it"},
        {M("function M.translate(m)\nreturn io.open('x')\nend"), "scripts have no files"},
        {M("function M.translate(m)\nreturn {body = require('decimal')(1) * m.json.none}\nend"),
            "main.lua:3: a decimal cannot be calculated with a nil value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_error(cases[i].source, NULL, "{\"buyer\": {\"name\": \"A\"}, \"a\\\"b\": 1}", cases[i].words);
}

static void an_error_in_a_module_names_the_module(void **state) {
    (void)state;
    fixture_other = "local N = {}\nfunction N.go()\n  error('here')\nend\nreturn N\n";
    expect_error(M("function M.translate()\n  require('other').go()\nend"), NULL, "", "other.lua:3: here");
    fixture_other = NULL;
}

static void modules_that_require_each_other_are_an_error(void **state) {
    (void)state;
    fixture_other = "local x = require 'other'\nreturn x";
    expect_error(M("function M.translate() local x = require 'other' end"), NULL, "", "requires itself");
    fixture_other = NULL;
}

static void reject_ends_the_message_with_reason_and_place(void **state) {
    (void)state;
    script_outcome out;
    error *err = fixture_run(
        M("function M.translate()\n  reject('no lines', {segment = 'PO1', position = 3})\nend"), NULL, "", &out);
    assert_null(err);
    json_t *rejected = json_object_get(out.result, "rejected");
    assert_string_equal(json_get_text(rejected, "reason", ""), "no lines");
    assert_string_equal(json_get_text(rejected, "segment", ""), "PO1");
    assert_int_equal(json_get_integer(rejected, "position", 0), 3);
    assert_string_equal(json_get_text(rejected, "place", ""), "main.lua:3");
    script_outcome_free(&out);
}

static void a_rejection_passes_through_pcall_when_raised_again(void **state) {
    (void)state;
    expect_rejection(M("function M.translate()\n  local ok, e = pcall(reject, 'not this')\n  assert(not ok)\n"
                       "  assert(tostring(e) == 'not this')\n  error(e)\nend"),
        "", "not this");
}

static void a_result_carries_all_that_the_contract_names(void **state) {
    (void)state;
    script_outcome out;
    error *err =
        fixture_run(M("function M.translate() return {body = 'x', filename = 'a.txt', content_type = 'text/plain',\n"
                      "headers = {['X-A'] = 1}, status = 202, to = 'erp', vars = {number = 4711},\n"
                      "keys = {po = 'P1', total = require('decimal')('19.90')}} end"),
            "{\"function\":\"translate\",\"destinations\":[{\"connection\":\"erp\"}]}", "", &out);
    assert_null(err);
    char *text = json_text(result_of(&out, 0), true);
    assert_string_equal(text,
        "{\"content_type\":\"text/plain\",\"filename\":\"a.txt\",\"headers\":{\"X-A\":\"1\"},\"keys\":{\"po\":\"P1\","
        "\"total\":\"19.90\"},\"payload\":0,\"status\":202,\"to\":\"erp\",\"vars\":{\"number\":\"4711\"}}");
    free(text);
    script_outcome_free(&out);
}

static void a_list_of_results_gives_each_its_payload(void **state) {
    (void)state;
    script_outcome out;
    error *err = fixture_run(
        M("function M.translate() return {{body = 'a'}, {json = {1}}, {csv = {{'x', 'y'}}}} end"), NULL, "", &out);
    assert_null(err);
    assert_int_equal(out.payload_count, 3);
    assert_string_equal(buf_text(&out.payloads[0]), "a");
    assert_string_equal(buf_text(&out.payloads[1]), "[1]");
    assert_string_equal(buf_text(&out.payloads[2]), "x,y\r\n");
    assert_int_equal(json_get_integer(result_of(&out, 2), "payload", -1), 2);
    script_outcome_free(&out);
}

static void nil_means_that_nothing_goes_on(void **state) {
    (void)state;
    script_outcome out;
    assert_null(fixture_run(M("function M.translate() return nil end"), NULL, "", &out));
    assert_int_equal(json_array_size(json_object_get(out.result, "results")), 0);
    assert_null(json_object_get(out.result, "passed"));
    script_outcome_free(&out);
}

/* LU-14 and the shape of results */
static void a_wrong_result_is_an_error_that_names_it(void **state) {
    (void)state;
    static const struct {
        const char *result, *words;
    } cases[] = {
        {"'text'", "the function returned a string"},
        {"{}", "an empty table; return nil"},
        {"{bdy = 'x'}", "bdy is unknown; did you mean body?"},
        {"{body = 1}", "body is not a text"},
        {"{body = 'a', json = {}}", "both body and json"},
        {"{filename = 'x'}", "has none of body, json, xml, csv"},
        {"{body = 'a', status = 99}", "status is not a number from 100 to 599"},
        {"{body = 'a', status = '200'}", "status is not a number"},
        {"{body = 'a', headers = {['X\\r\\nY'] = '1'}}", "headers has a bad name"},
        {"{body = 'a', headers = {['X Y'] = '1'}}", "a name that no header has"},
        {"{body = 'a', headers = {X = 'a\\r\\nb'}}", "headers.X is too long, not UTF-8, or holds control characters"},
        {"{body = 'a', keys = {po = {}}}", "keys.po is not a text or number"},
        {"{body = 'a', keys = {'x'}}", "keys has an entry without a name"},
        {"{body = 'a', filename = 'a\\0b'}", "filename is too long"},
        {"{{body = 'a'}, 'b'}", "result 2 is a string"},
        {"{{body = 'a'}, {csv = 1}}", "result 2: csv is not a table"},
        {"{json = {[1] = 1, [3] = 3}}", "json: the value is a list with a hole: element 2 is nil"},
        {"{json = {a = {b = {1, x = 2}}}}", "json: /a/b mixes names and positions"},
        {"{json = {a = 0/0}}", "json: /a is a NaN or infinity"},
        {"{json = {a = print}}", "json: /a is a function"},
        {"{json = {a = '\\xff'}}", "json: /a is a text that is not UTF-8"},
        {"(function() local t = {} t.t = t return {json = t} end)()", "than 128 levels; does it contain itself?"},
        {"{csv = {{a = 1}}}", "row 1 is keyed by names"},
        {"{csv = {columns = {'a', 'a'}}}", "two columns are called 'a'"},
        {"{csv = {{{}}}}", "csv: row 1, column 1 is a table"},
        {"{xml = {nme = 'a'}}", "xml: an element is a table with a name"},
        {"{xml = {name = 'a b'}}", "is not the name of an element"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *source = xasprintf(M("function M.translate() return %s end"), cases[i].result);
        expect_error(source, NULL, "", cases[i].words);
        free(source);
    }
}

static void a_destination_that_the_flow_has_not_got_is_an_error(void **state) {
    (void)state;
    expect_error(M("function M.translate() return {body = 'x', to = 'other'} end"),
        "{\"destinations\":[{\"connection\":\"erp\"}]}", "", "to is none of the flow's destinations");
}

static void a_request_knows_what_the_endpoint_knows(void **state) {
    (void)state;
    static const char call[] =
        "{\"function\":\"request\",\"message\":{\"method\":\"GET\",\"path\":\"/orders/"
        "1\",\"params\":{\"number\":\"1\"},"
        "\"query\":{\"full\":\"yes\"},\"headers\":{\"X-Trace\":\"t1\"},\"caller\":\"shop\",\"vars\":{\"a\":\"b\"}}}";
    char *text = fixture_text(
        M("function M.request(req) return {body = table.concat({req.method, req.path, req.params.number,\n"
          "req.query.full, req.headers['x-TRACE'], req.caller, req.vars.a, tostring(req.partner)}, ' ')} end"),
        call, "");
    assert_string_equal(text, "GET /orders/1 1 yes t1 shop b nil");
    free(text);
}

/* PRODUCT, scripts: `query`, `params`, `vars` and `headers` are objects, also when nothing stands in them. */
static void what_is_an_object_stays_one_when_it_is_empty(void **state) {
    (void)state;
    static const char *const calls[] = {"{\"function\":\"request\",\"message\":{}}",
        "{\"function\":\"request\",\"message\":{\"query\":{},\"params\":{},\"vars\":{},\"headers\":{}}}"};
    for (size_t i = 0; i < 2; i++) {
        char *text = fixture_text(M("function M.request(req) return {json = {req.query, req.params, req.vars, "
                                    "req.headers}} end"),
            calls[i], "");
        assert_string_equal(text, "[{},{},{},{}]");
        free(text);
    }
}

static void a_function_left_out_passes_the_request_on(void **state) {
    (void)state;
    script_outcome out;
    assert_null(fixture_run(M("function M.request() end"), "{\"function\":\"response\"}", "", &out));
    assert_true(json_get_bool(out.result, "passed", false));
    assert_true(json_get_bool(out.result, "absent", false));
    script_outcome_free(&out);
    assert_null(fixture_run(M("function M.request() end"), "{\"function\":\"request\"}", "", &out));
    assert_true(json_get_bool(out.result, "passed", false));
    assert_false(json_get_bool(out.result, "absent", false)); /* it may do something the next time */
    script_outcome_free(&out);
}

static void respond_answers_without_the_back_end(void **state) {
    (void)state;
    script_outcome out;
    assert_null(fixture_run(M("function M.request(req) return req:respond{status = 404, json = {error = 'none'}} end"),
        "{\"function\":\"request\"}", "", &out));
    assert_true(json_get_bool(out.result, "respond", false));
    assert_int_equal(json_get_integer(result_of(&out, 0), "status", 0), 404);
    assert_string_equal(buf_text(&out.payloads[0]), "{\"error\":\"none\"}");
    script_outcome_free(&out);
}

static void an_endpoint_result_needs_no_payload(void **state) {
    (void)state;
    script_outcome out;
    assert_null(fixture_run(
        M("function M.request(req) return {vars = {n = 1}} end"), "{\"function\":\"request\"}", "body", &out));
    assert_int_equal(out.payload_count, 0);
    assert_null(json_object_get(result_of(&out, 0), "payload"));
    script_outcome_free(&out);
}

static void a_table_translates_codes(void **state) {
    (void)state;
    expect_result(
        "local lookup = require 'lookup'; return lookup('units', 'EA') .. lookup.reverse('units', 'pieces') .. "
        "lookup('units', 'XX', 'other') .. tostring(lookup('units', 'XX', nil))",
        "", "piecesEAothernil");
    expect_rejection(M("function M.translate() return {body = require('lookup')('units', 'ZZ')} end"), "",
        "table units has no code 'ZZ'");
}

static void the_log_of_a_failed_run_is_kept(void **state) {
    (void)state;
    script_outcome out;
    error *err = fixture_run(
        M("function M.translate()\n  require('log').warning('careful', 1)\n  print('p')\n  error('x')\nend"), NULL, "",
        &out);
    assert_non_null(err);
    error_free(err);
    char *log = json_text(json_object_get(out.result, "log"), true);
    assert_string_equal(log, "[{\"level\":\"warning\",\"line\":3,\"text\":\"careful 1\"},"
                             "{\"level\":\"info\",\"line\":4,\"text\":\"p\"}]");
    free(log);
    script_outcome_free(&out);
}

static void a_check_compiles_without_running(void **state) {
    (void)state;
    assert_null(script_check("order", SPAN("error('never run')")));
    error *err = script_check("order", SPAN("local x = \n\n= 3"));
    assert_non_null(err);
    assert_string_equal(error_text(err), "order.lua:3: unexpected symbol near '='");
    assert_string_equal(error_where(err), "order.lua:3");
    error_free(err);
}

static void a_version_that_is_compiled_is_not_asked_for_again(void **state) { /* LU-20 */
    (void)state;
    static const char one[] = M("function M.translate() return {body = 'one'} end");
    static const char two[] = M("function M.translate() return {body = 'two'} end");
    char *call = xasprintf("{\"hash\":\"%s\"}", fixture_hash(span_of(one)));
    fixture_asked = 0;
    for (int i = 0; i < 3; i++) {
        char *text = fixture_text(one, call, "");
        assert_string_equal(text, "one");
        free(text);
    }
    assert_int_equal(fixture_asked, 1);
    char *other = xasprintf("{\"hash\":\"%s\"}", fixture_hash(span_of(two)));
    for (int i = 0; i < 4; i++) { /* each message runs the version that its call names */
        char *text = i % 2 ? fixture_text(one, call, "") : fixture_text(two, other, "");
        assert_string_equal(text, i % 2 ? "one" : "two");
        free(text);
    }
    assert_int_equal(fixture_asked, 2);
    script_outcome out;
    error *err = fixture_run(two, other, "", &out);
    assert_null(err);
    char *version = xasprintf("main@%s", fixture_hash(span_of(two)));
    assert_string_equal(json_get_text(out.result, "script", ""), version);
    script_outcome_free(&out);
    free(version);
    free(call);
    free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_goes_through),
        cmocka_unit_test(an_error_names_script_and_line),
        cmocka_unit_test(mistakes_are_told_with_what_was_meant),
        cmocka_unit_test(an_error_in_a_module_names_the_module),
        cmocka_unit_test(modules_that_require_each_other_are_an_error),
        cmocka_unit_test(reject_ends_the_message_with_reason_and_place),
        cmocka_unit_test(a_rejection_passes_through_pcall_when_raised_again),
        cmocka_unit_test(a_result_carries_all_that_the_contract_names),
        cmocka_unit_test(a_list_of_results_gives_each_its_payload),
        cmocka_unit_test(nil_means_that_nothing_goes_on),
        cmocka_unit_test(a_wrong_result_is_an_error_that_names_it),
        cmocka_unit_test(a_destination_that_the_flow_has_not_got_is_an_error),
        cmocka_unit_test(a_request_knows_what_the_endpoint_knows),
        cmocka_unit_test(what_is_an_object_stays_one_when_it_is_empty),
        cmocka_unit_test(a_function_left_out_passes_the_request_on),
        cmocka_unit_test(respond_answers_without_the_back_end),
        cmocka_unit_test(an_endpoint_result_needs_no_payload),
        cmocka_unit_test(a_table_translates_codes),
        cmocka_unit_test(the_log_of_a_failed_run_is_kept),
        cmocka_unit_test(a_check_compiles_without_running),
        cmocka_unit_test(a_version_that_is_compiled_is_not_asked_for_again),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
