/* tests/unit/test_script_testing.c: tests beside scripts: TAP, golden files, and that a failing one fails. */
#include "core/base/io.h"
#include "tests/unit/script_fixture.h"

#include <unistd.h>

static char directory[64];

static void put_file(const char *name, const char *text) {
    char *path = xasprintf("%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(path);
}

static int in_new_directory(void **state) {
    strcpy(directory, "/tmp/banyan-script-test-XXXXXX");
    return mkdtemp(directory) == NULL || fixture_setup(state);
}

static int remove_directory(void **state) {
    char *command = xasprintf("rm -rf '%s'", directory);
    int status = system(command);
    free(command);
    return status != 0 || fixture_teardown(state);
}

/* Runs main_test.lua; what it printed, owned by the caller. */
static char *run_file(bool update, size_t *passed, size_t *failed) {
    char *text = NULL;
    size_t len = 0;
    FILE *tap = open_memstream(&text, &len);
    const script_test_options options = {.directory = directory, .update = update, .tap = tap};
    *passed = *failed = 0;
    error *err = script_test(fixture_host, "main", &options, passed, failed);
    fclose(tap);
    if (err) fail_msg("%s", error_text(err));
    return text;
}

/* One case with these statements fails with `words`. */
static void expect_failing_case(const char *statements, const char *words) {
    size_t passed, failed;
    char *file = xasprintf("local test = require 'test'\ntest.case('it', function()\n%s\nend)\n", statements);
    put_file("main_test.lua", file);
    char *text = run_file(false, &passed, &failed);
    if (failed != 1 || !strstr(text, words)) fail_msg("%s gives\n%s", statements, text);
    free(text);
    free(file);
}

static void cases_are_run_in_order_and_counted(void **state) {
    (void)state;
    size_t passed, failed;
    fixture_main = M("function M.translate(m) return {body = m.body .. m.vars.x} end");
    put_file("main_test.lua",
        "local test = require 'test'\n"
        "test.case('one', function() test.equal(test.run_text('translate', 'a', {vars = {x = 'b'}}).body, 'ab') "
        "end)\n"
        "test.case('two # ', function() test.equal(1, 2, 'sum') end)\n"
        "test.case('three', function() test.equal({a = {1, 2}}, {a = {1, 2}}) end)\n");
    char *text = run_file(false, &passed, &failed);
    assert_string_equal(text, "ok 1 - main: one\nnot ok 2 - main: two   \n# main_test.lua:3: sum: expected 2, got 1\n"
                              "ok 3 - main: three\n");
    assert_int_equal(passed, 2);
    assert_int_equal(failed, 1);
    free(text);
}

static void every_check_can_fail(void **state) {
    (void)state;
    fixture_main =
        M("function M.translate(m) if m.body == 'r' then reject('because') end\n"
          "if m.body == 'e' then error('wrong') end if m.body == 'n' then return nil end return {body = 'x'} end");
    expect_failing_case("test.equal({a = {1, 2}}, {a = {1, 3}})", "main_test.lua:3: /a/2: expected 3, got 2");
    expect_failing_case("test.equal({a = 1, b = 2}, {a = 1})", "/b: expected nil, got 2");
    expect_failing_case("test.ok(false)", "expected something true, got false");
    expect_failing_case("test.contains('abc', 'x')", "does not contain");
    expect_failing_case("test.rejected(test.run_text('translate', 'x'))", "the script did not reject it");
    expect_failing_case("test.rejected(test.run_text('translate', 'r'), 'other')", "rejected because \"because\"");
    expect_failing_case("test.rejected(test.run_text('translate', 'e'))", "the script failed: main.lua:3: wrong");
    expect_failing_case("test.failed(test.run_text('translate', 'x'))", "the script did not fail");
    expect_failing_case("test.failed(test.run_text('translate', 'e'), 'other')", "failed with \"main.lua:3: wrong\"");
    expect_failing_case("local x = test.run_text('translate', 'e').body", "the script failed: main.lua:3: wrong");
    expect_failing_case("local x = test.run_text('translate', 'r').json", "the script rejected it: because");
    expect_failing_case("local x = test.run_text('translate', 'n').body", "the script gave no result");
    expect_failing_case("test.matches_file('x', 'none.txt')", "there is no file none.txt yet");
    expect_failing_case("local x = test.read('none.txt')", "there is no file none.txt");
    expect_failing_case("local x = test.read('../../etc/passwd')", "main_test.lua:3: ");
    expect_failing_case("local x = test.read('/etc/passwd')", "main_test.lua:3: ");
    expect_failing_case("error('plain')", "main_test.lua:3: plain");
    expect_failing_case(
        "test.ok(test.run_text('nothing', 'x').body)", "scripts have the functions translate, request and response");
}

static void a_test_file_that_does_not_load_is_one_failure(void **state) {
    (void)state;
    size_t passed, failed;
    put_file("main_test.lua", "local test = = 1");
    char *text = run_file(false, &passed, &failed);
    assert_int_equal(failed, 1);
    assert_non_null(strstr(text, "not ok 1 - main: the test file runs\n# main_test.lua:1: unexpected symbol"));
    free(text);
}

static void a_missing_test_file_is_an_error(void **state) {
    (void)state;
    size_t passed = 0, failed = 0;
    const script_test_options options = {.directory = directory, .tap = stderr};
    error *err = script_test(fixture_host, "nothing", &options, &passed, &failed);
    assert_non_null(err);
    assert_int_equal(error_code_of(err), ERROR_NOT_FOUND);
    error_free(err);
}

static void expected_files_are_written_on_request_and_compared_else(void **state) {
    (void)state;
    size_t passed, failed;
    fixture_main = M("function M.translate(m) return {body = m.body} end");
    put_file("main_test.lua",
        "local test = require 'test'\ntest.case('it', function()\n"
        "test.matches_file(test.run_text('translate', 'one\\ntwo\\n').body, 'main_samples/expected.txt') end)\n");
    free(run_file(true, &passed, &failed));
    assert_int_equal(passed, 1);
    free(run_file(false, &passed, &failed));
    assert_int_equal(passed, 1);
    put_file("main_samples/expected.txt", "one\nthree\n");
    char *text = run_file(false, &passed, &failed);
    assert_int_equal(failed, 1);
    assert_non_null(strstr(text, "main_samples/expected.txt: line 2: expected \"three\", got \"two\""));
    free(text);
}

static void tests_have_their_own_clock_numbers_and_tables(void **state) {
    (void)state;
    size_t passed, failed;
    fixture_main = M("local edi = require 'edi'\nfunction M.translate(m)\n"
                     "if m.body == 'edi' then return {edi = {type = '850', version = '004010', segments = {\n"
                     "{'BEG', '00', 'SA', '1', nil, '20261123'}, {'PO1', 1, 1, 'EA'}, {'CTT', 1}}}} end\n"
                     "return {body = require('date').now() .. require('lookup')('colours', 'r')} end");
    put_file("main_test.lua",
        "local test = require 'test'\n"
        "local function both()\n  test.table('colours', {r = 'red'})\n"
        "  test.equal(test.run_text('translate', 'x').body, '2026-01-02T03:04:05Zred')\n"
        "  test.equal(test.run_text('translate', 'edi').edi.interchange_control, '000000001')\nend\n"
        "test.case('first', both)\ntest.case('second', both)\n"
        "test.case('third', function()\n  test.table('colours', {g = 'green'})\n"
        "  test.now('2027-01-01')\n"
        "  test.rejected(test.run_text('translate', 'x'), \"table colours has no code 'r'\") end)\n");
    fixture_number = 500;
    char *text = run_file(false, &passed, &failed);
    if (passed != 3) fail_msg("%s", text);
    assert_int_equal(fixture_number, 500);
    free(text);
}

static void a_case_that_never_ends_is_stopped(void **state) {
    (void)state;
    size_t passed, failed;
    fixture_main = M("function M.translate() while true do end end");
    put_file("main_test.lua",
        "local test = require 'test'\n"
        "test.case('a', function() test.run_text('translate', '', {limits = {time_ms = 50}}).body:len() end)\n"
        "test.case('b', function() end)\n");
    char *text = run_file(false, &passed, &failed);
    assert_int_equal(passed, 1);
    assert_non_null(strstr(text, "CPU limit: the script computed for more than 50 ms"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_are_run_in_order_and_counted),
        cmocka_unit_test(every_check_can_fail),
        cmocka_unit_test(a_test_file_that_does_not_load_is_one_failure),
        cmocka_unit_test(a_missing_test_file_is_an_error),
        cmocka_unit_test(expected_files_are_written_on_request_and_compared_else),
        cmocka_unit_test(tests_have_their_own_clock_numbers_and_tables),
        cmocka_unit_test(a_case_that_never_ends_is_stopped),
    };
    return cmocka_run_group_tests(tests, in_new_directory, remove_directory);
}
