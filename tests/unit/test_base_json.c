/* core/base/json.h: jansson with our rules (JS-01 to JS-04). */
#include "core/base/json.h"
#include "core/base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char *nested(size_t depth, char open, char close, bool closed) {
    char *text = xmalloc(2 * depth + 1);
    memset(text, open, depth);
    memset(text + depth, close, depth);
    text[closed ? 2 * depth : depth] = '\0';
    return text;
}

static void expect_refused(span text, error_code code, const char *words) {
    json_t *value;
    error *err = json_parse(text, &value);
    if (!err) fail_msg("%.*s was taken", (int)text.len, text.data);
    assert_null(value);
    assert_int_equal(error_code_of(err), code);
    if (!strstr(error_text(err), words)) fail_msg("%.*s: %s", (int)text.len, text.data, error_text(err));
    error_free(err);
}

/* JS-01: nesting as deep as the limit passes, one more does not, and ten million do no harm. */
static void nesting_has_a_limit(void **state) {
    (void)state;
    json_t *value;
    char *text = nested(JSON_DEPTH_MAX, '[', ']', true);
    assert_null(json_parse(span_of(text), &value));
    json_decref(value);
    free(text);
    static const size_t depths[] = {JSON_DEPTH_MAX + 1, 100000, 10000000};
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        text = nested(depths[i], '[', ']', i % 2 == 0);
        expect_refused(span_of(text), ERROR_LIMIT, "nested deeper than 128");
        free(text);
    }
    assert_null(json_parse(SPAN("\"[[[ \\\" [[[\""), &value));
    json_decref(value);
}

/* JS-02 */
static void a_key_that_stands_twice_is_refused(void **state) {
    (void)state;
    expect_refused(SPAN("{\"a\":1,\"a\":2}"), ERROR_INVALID, "duplicate");
    expect_refused(SPAN("{\"x\":[{\"a\":1,\"\\u0061\":2}]}"), ERROR_INVALID, "duplicate");
}

/* JS-03: numbers that would become others, and what is no number. */
static void numbers_are_taken_as_they_are_or_refused(void **state) {
    (void)state;
    static const char *const good[] = {
        "0", "-0", "9223372036854775807", "-9223372036854775808", "0.5", "1e3", "-1.5E-3"};
    static const char *const bad[] = {"9223372036854775808", "1e999", "-1e999", "01", "+1", ".5", "1.", "1e", "0x1",
        "NaN", "Infinity", "-", "1 2", "1_000"};
    json_t *value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        error *err = json_parse(span_of(good[i]), &value);
        if (err) fail_msg("%s: %s", good[i], error_text(err));
        assert_true(json_is_number(value));
        json_decref(value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_refused(span_of(bad[i]), ERROR_INVALID, "not valid JSON at line 1, column ");
}

/* JS-04: texts that are no text. */
static void broken_texts_are_refused(void **state) {
    (void)state;
    expect_refused(SPAN("\"\\u0000\""), ERROR_INVALID, "\\u0000");
    expect_refused(SPAN("{\"a\\u0000b\":1}"), ERROR_INVALID, "\\u0000");
    expect_refused(SPAN("\"a\0b\""), ERROR_INVALID, "line 1");
    expect_refused(SPAN("\"\\ud800\""), ERROR_INVALID, "line 1");
    expect_refused(SPAN("\"\\udc00\\ud800\""), ERROR_INVALID, "line 1");
    expect_refused(SPAN("\"\xE4\""), ERROR_INVALID, "line 1");
    expect_refused(SPAN("\"\xC0\x80\""), ERROR_INVALID, "line 1");
    expect_refused(SPAN("\"\xED\xA0\x80\""), ERROR_INVALID, "line 1");
    expect_refused(SPAN("\"a\nb\""), ERROR_INVALID, "line 1");
    expect_refused(SPAN("\"\\x41\""), ERROR_INVALID, "line 1");
    expect_refused(SPAN("\xEF\xBB\xBF{}"), ERROR_INVALID, "line 1");
    expect_refused(SPAN("'a'"), ERROR_INVALID, "line 1");
}

static void what_is_no_json_is_refused_with_its_line_and_column(void **state) {
    (void)state;
    static const struct {
        const char *text, *where;
    } rows[] = {
        {"", "line 1, column 0"},
        {"{", "line 1, column 1"},
        {"{\n  \"a\": 1,\n}", "line 3, column 1"},
        {"[1,]", "line 1, column 4"},
        {"{} x", "line 1, column 4"},
        {"// c\n1", "line 1, column 1"},
        {"]]]]", "line 1, column 1"},
        {"truee", "line 1, column 5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *value;
        error *err = json_parse(span_of(rows[i].text), &value);
        assert_non_null(err);
        if (strcmp(error_where(err), rows[i].where) != 0) fail_msg("%s is at %s", rows[i].text, error_where(err));
        error_free(err);
    }
    expect_refused((span){NULL, 0}, ERROR_INVALID, "line 1");
}

static void members_keep_their_order_and_canonical_text_sorts_them(void **state) {
    (void)state;
    json_t *value;
    assert_null(json_parse(SPAN("{\"b\":1,\"a\":{\"d\":2,\"c\":\"\xC3\xA4\"}}"), &value));
    char *plain = json_text(value, false), *canonical = json_text(value, true), *pretty = json_pretty(value);
    assert_string_equal(plain, "{\"b\":1,\"a\":{\"d\":2,\"c\":\"\xC3\xA4\"}}");
    assert_string_equal(canonical, "{\"a\":{\"c\":\"\xC3\xA4\",\"d\":2},\"b\":1}");
    assert_non_null(strstr(pretty, "{\n  \"b\": 1"));
    free(plain);
    free(canonical);
    free(pretty);
    json_decref(value);
}

static void a_member_of_another_type_is_as_good_as_none(void **state) {
    (void)state;
    json_t *value;
    assert_null(json_parse(SPAN("{\"t\":\"x\",\"i\":7,\"b\":true,\"o\":{},\"a\":[],\"n\":null,\"r\":1.5}"), &value));
    assert_string_equal(json_get_text(value, "t", "f"), "x");
    assert_string_equal(json_get_text(value, "i", "f"), "f");
    assert_string_equal(json_get_text(value, "none", "f"), "f");
    assert_string_equal(json_get_text(NULL, "t", "f"), "f");
    assert_int_equal(json_get_integer(value, "i", 1), 7);
    assert_int_equal(json_get_integer(value, "r", 1), 1);
    assert_int_equal(json_get_integer(value, "t", 1), 1);
    assert_true(json_get_bool(value, "b", false));
    assert_true(json_get_bool(value, "i", true));
    assert_false(json_get_bool(value, "n", false));
    assert_non_null(json_get_object(value, "o"));
    assert_null(json_get_object(value, "a"));
    assert_non_null(json_get_array(value, "a"));
    assert_null(json_get_array(value, "o"));
    assert_null(json_get_span(value, "i").data);
    assert_true(span_is(json_get_span(value, "t"), "x"));
    json_decref(value);
}

static void only_a_whole_text_is_listed(void **state) {
    (void)state;
    json_t *list = json_pack("[s, i, s, n]", "failed", 7, "");
    assert_true(json_lists(list, "failed"));
    assert_true(json_lists(list, ""));
    assert_false(json_lists(list, "fail"));
    assert_false(json_lists(list, "7"));
    assert_false(json_lists(list, NULL));
    assert_false(json_lists(NULL, "failed"));
    json_decref(list);
}

static void bytes_that_are_no_utf8_become_replacement_characters(void **state) {
    (void)state;
    static const struct {
        span bytes;
        const char *text;
    } rows[] = {
        {{NULL, 0}, ""},
        {SPAN("plain"), "plain"},
        {SPAN("\xC3\xA4"), "\xC3\xA4"},
        {SPAN("a\xE4z"), "a\xEF\xBF\xBDz"},
        {SPAN("\xC3"), "\xEF\xBF\xBD"},
        {SPAN("\xF0\x9F\x98"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {SPAN("\xE4\xC3\xA4\xF0\x9F\x98\x80\xFF"), "\xEF\xBF\xBD\xC3\xA4\xF0\x9F\x98\x80\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *value = json_from_span(rows[i].bytes);
        assert_string_equal(json_string_value(value), rows[i].text);
        json_decref(value);
    }
    json_t *object = json_object();
    json_put_text(object, "left out", NULL);
    json_put_text(object, "a", "x\xE4");
    json_put_span(object, "b", SPAN("n\0l"));
    assert_null(json_object_get(object, "left out"));
    assert_string_equal(json_get_text(object, "a", ""), "x\xEF\xBF\xBD");
    assert_int_equal(json_get_span(object, "b").len, 3);
    char *text = json_text(object, false);
    assert_string_equal(text, "{\"a\":\"x\xEF\xBF\xBD\",\"b\":\"n\\u0000l\"}");
    free(text);
    json_decref(object);
}

static void a_string_that_is_written_without_a_tree_reads_back_the_same(void **state) {
    (void)state;
    static const char *const rows[] = {
        "", "in/ORD1.edi", "\"quoted\"", "back\\slash", "line\nbreak\ttab\x01", "Größe €", "\\", "ends with \""};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *value = NULL;
        buf text = BUF_MAX(1000);
        json_add_string(&text, span_of(rows[i]));
        assert_null(json_parse(buf_span(&text), &value));
        assert_string_equal(json_string_value(value), rows[i]);
        json_decref(value);
        buf_free(&text);
    }
    buf text = BUF_MAX(1000);
    json_add_string(&text, SPAN("a\xff\"b"));
    assert_string_equal(buf_text(&text), "\"a\xef\xbf\xbd\\\"b\"");
    buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(a_key_that_stands_twice_is_refused),
        cmocka_unit_test(numbers_are_taken_as_they_are_or_refused),
        cmocka_unit_test(broken_texts_are_refused),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_line_and_column),
        cmocka_unit_test(members_keep_their_order_and_canonical_text_sorts_them),
        cmocka_unit_test(a_member_of_another_type_is_as_good_as_none),
        cmocka_unit_test(only_a_whole_text_is_listed),
        cmocka_unit_test(bytes_that_are_no_utf8_become_replacement_characters),
        cmocka_unit_test(a_string_that_is_written_without_a_tree_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
