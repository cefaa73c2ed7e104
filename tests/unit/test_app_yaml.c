/* YAML and JSON files as values with places: what YAML is feared for does not happen. */
#include "core/app/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static json_t *parse_one(const char *text, yaml_places **places) {
    json_t *documents;
    yaml_places *mine;
    error *err = yaml_parse(span_of(text), "t.yaml", &documents, &mine);
    if (err) fail_msg("%s: %s (%s)", text, error_text(err), error_where(err));
    json_t *first = json_incref(json_array_get(documents, 0));
    json_decref(documents);
    if (places)
        *places = mine;
    else
        yaml_places_free(mine);
    return first;
}

static void a_plain_scalar_is_only_what_json_would_take_it_for(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *json;
    } rows[] = {
        {"v: yes", "{\"v\":\"yes\"}"},
        {"v: no", "{\"v\":\"no\"}"},
        {"v: on", "{\"v\":\"on\"}"},
        {"v: NO", "{\"v\":\"NO\"}"},
        {"v: true", "{\"v\":true}"},
        {"v: True", "{\"v\":\"True\"}"},
        {"v: false", "{\"v\":false}"},
        {"v:", "{\"v\":null}"},
        {"v: ~", "{\"v\":null}"},
        {"v: null", "{\"v\":null}"},
        {"v: 850", "{\"v\":850}"},
        {"v: \"850\"", "{\"v\":\"850\"}"},
        {"v: '850'", "{\"v\":\"850\"}"},
        {"v: -3", "{\"v\":-3}"},
        {"v: 0", "{\"v\":0}"},
        {"v: 004010", "{\"v\":\"004010\"}"},
        {"v: 0123", "{\"v\":\"0123\"}"},
        {"v: 0.5", "{\"v\":0.5}"},
        {"v: 0.1", "{\"v\":0.1}"},
        {"v: -12.25", "{\"v\":-12.25}"},
        {"v: 0.00001", "{\"v\":\"0.00001\"}"},
        {"v: 0.123456789012345678", "{\"v\":\"0.123456789012345678\"}"},
        {"v: .5", "{\"v\":\".5\"}"},
        {"v: 1.", "{\"v\":\"1.\"}"},
        {"v: 1.2.3", "{\"v\":\"1.2.3\"}"},
        {"v: 1e3", "{\"v\":\"1e3\"}"},
        {"v: 0x1F", "{\"v\":\"0x1F\"}"},
        {"v: 0o17", "{\"v\":\"0o17\"}"},
        {"v: 1_000", "{\"v\":\"1_000\"}"},
        {"v: 12:30", "{\"v\":\"12:30\"}"},
        {"v: 01:123456789", "{\"v\":\"01:123456789\"}"},
        {"v: 2026-01-31", "{\"v\":\"2026-01-31\"}"},
        {"v: 10%", "{\"v\":\"10%\"}"},
        {"v: .inf", "{\"v\":\".inf\"}"},
        {"v: 99999999999999999999", "{\"v\":\"99999999999999999999\"}"},
        {"850: x", "{\"850\":\"x\"}"},
        {"v: [a, 1, {b: c}]", "{\"v\":[\"a\",1,{\"b\":\"c\"}]}"},
        {"{\"v\": \"a\\u00e4\\n\"}", "{\"v\":\"a\\u00e4\\n\"}"},
        {"v: |\n  a\n  b\n", "{\"v\":\"a\\nb\\n\"}"},
        {"&a v: x", "{\"v\":\"x\"}"},
        {"&a v: *a", "{\"v\":\"v\"}"},
        {"v: [&a 1, *a, &a x, *a]", "{\"v\":[1,1,\"x\",\"x\"]}"},
        {"v: &a {b: [1]}\nw: *a", "{\"v\":{\"b\":[1]},\"w\":{\"b\":[1]}}"},
        {"v: {<<: {b: 1, c: 2}, c: 3}", "{\"v\":{\"b\":1,\"c\":3}}"},
        {"v: {c: 3, <<: [{b: 1}, {b: 2, d: 4}]}", "{\"v\":{\"b\":1,\"c\":3,\"d\":4}}"},
        {"v: {\"<<\": 1}", "{\"v\":{\"<<\":1}}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *got = parse_one(rows[i].yaml, NULL), *expected;
        assert_null(json_parse(span_of(rows[i].json), &expected));
        if (!json_equal(got, expected)) fail_msg("%s gave %s", rows[i].yaml, json_text(got, false));
        json_decref(got);
        json_decref(expected);
    }
}

static void faulty_yaml_is_refused_with_its_place(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *words, *where;
    } rows[] = {
        {"a: 1\nb: 2\na: 3\n", "\"a\" stands here a second time", "t.yaml:3:1"},
        {"a:\n  - {b: 1, b: 2}\n", "\"b\" stands here a second time", "t.yaml:2:12"},
        {"a: 1\nb: *x\n", "no complete value with the anchor &x", "t.yaml:2:4"},
        {"a: &x 1\n---\nb: *x\n", "no complete value with the anchor &x", "t.yaml:3:4"},
        {"a: &x [*x]\n", "no complete value with the anchor &x", "t.yaml:1:8"},
        {"a: &x k\n*x : 1\n", "an alias cannot be a key", "t.yaml:2:1"},
        {"a: {<<: 1}\n", "<< takes an object", "t.yaml:1:5"},
        {"a: {<<: [{b: 1}, 2]}\n", "<< takes an object", "t.yaml:1:5"},
        {"a: {<<: {b: 1}, <<: {c: 1}}\n", "a second time", "t.yaml:1:17"},
        {"a: !!python/object 1\n", "tags", "t.yaml:1:4"},
        {"a: !secret x\n", "tags", "t.yaml:1:4"},
        {"? [a]\n: b\n", "a key must be text", "t.yaml:1:3"},
        {"a:\n\t- b\n", "not valid YAML", "t.yaml:2:1"},
        {"a: [1, 2\n", "not valid YAML", "t.yaml:2:1"},
        {"a: \"\\0\"\n", "holds a NUL", "t.yaml:1:4"},
        {"\"a\\0\": 1\n", "holds a NUL", "t.yaml:1:1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *documents;
        yaml_places *places;
        error *err = yaml_parse(span_of(rows[i].yaml), "t.yaml", &documents, &places);
        assert_non_null(err);
        assert_null(documents);
        if (!strstr(error_text(err), rows[i].words)) fail_msg("%s: %s", rows[i].yaml, error_text(err));
        assert_string_equal(error_where(err), rows[i].where);
        error_free(err);
    }
}

static void nesting_beyond_the_limit_is_refused_without_a_crash(void **state) {
    (void)state;
    char *text = xmalloc(200001);
    memset(text, '[', 100000);
    memset(text + 100000, ']', 100000);
    text[200000] = '\0';
    json_t *documents;
    yaml_places *places;
    error *err = yaml_parse(span_of(text), "t.yaml", &documents, &places);
    assert_non_null(err);
    error_free(err);
    free(text);
}

/* Each line stands for ten times what the one before it stands for. */
static void aliases_that_stand_for_too_much_are_refused(void **state) {
    (void)state;
    buf text = BUF_MAX(100000), deep = BUF_MAX(100000);
    json_t *documents;
    yaml_places *places;
    buf_add_text(&text, "a0: &a0 x\n");
    buf_add_text(&deep, "a0: &a0 x\n");
    for (int i = 1; i < 100; i++) {
        if (i < 20)
            buf_printf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1,
                i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        buf_printf(&deep, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    }
    error *err = yaml_parse(buf_span(&text), "t.yaml", &documents, &places);
    assert_non_null(err);
    assert_non_null(strstr(error_text(err), "stand for too much"));
    error_free(err);
    err = yaml_parse(buf_span(&deep), "t.yaml", &documents, &places);
    assert_non_null(err);
    assert_string_equal(error_text(err), "this is nested too deep");
    error_free(err);
    buf_free(&text);
    buf_free(&deep);
}

static void a_file_may_hold_several_documents_or_none(void **state) {
    (void)state;
    static const struct {
        const char *yaml;
        size_t count;
    } rows[] = {{"", 0}, {"# only a comment\n", 0}, {"---\n", 0}, {"a: 1\n---\nb: 2\n", 2}, {"a: 1\n---\n", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *documents;
        yaml_places *places;
        assert_null(yaml_parse(span_of(rows[i].yaml), "t.yaml", &documents, &places));
        assert_int_equal(json_array_size(documents), rows[i].count);
        json_decref(documents);
        yaml_places_free(places);
    }
}

static void every_value_has_its_place_and_lends_it_to_what_is_inside(void **state) {
    (void)state;
    static const struct {
        const char *pointer;
        unsigned line, column;
    } rows[] = {
        {"/0", 1, 1},
        {"/0/connections/0", 2, 5},
        {"/0/connections/0/host", 3, 11},
        {"/0/connections/1/a~1b~0c", 4, 24},
        {"/0/connections/1/missing/deep", 4, 5},
        {"/0/connections/9", 1, 1}, /* where the list has its name */
        {"/0/elsewhere", 1, 1},
    };
    yaml_places *places;
    json_t *value = parse_one("connections:\n  - name: x\n    host: h\n  - {name: y, \"a/b~c\": 1}\n", &places);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        yaml_place place;
        assert_true(yaml_find_place(places, rows[i].pointer, &place));
        if (place.line != rows[i].line || place.column != rows[i].column)
            fail_msg("%s is at %u:%u", rows[i].pointer, place.line, place.column);
    }
    yaml_place place;
    assert_false(yaml_find_place(places, "/7", &place));
    assert_false(yaml_find_place(places, "", &place));
    json_decref(value);
    yaml_places_free(places);
}

static void what_is_written_is_read_back_the_same(void **state) {
    (void)state;
    static const char *const rows[] = {
        "{}",
        "[]",
        "{\"a\":[],\"b\":{},\"c\":[[],[{}]]}",
        "{\"a\":\"yes\",\"b\":\"no\",\"c\":\"850\",\"d\":850,\"e\":true,\"f\":\"true\",\"g\":null,\"h\":\"null\",\"i\":"
        "\"\"}",
        "{\"a\":\"10%\",\"b\":\"- x\",\"c\":\"a: "
        "b\",\"d\":\"#x\",\"e\":\"*x\",\"f\":\"&x\",\"g\":\"!x\",\"h\":\"{x}\",\"i\":\"<<\"}",
        "{\"route\":\"GET /orders/{number}\",\"path\":\"in/ORD{document.control}.csv\",\"t\":\" lead and trail \"}",
        "{\"source\":\"local M = {}\\n\\tfunction M.translate(m)\\n  return {}\\nend\\n\\nreturn M\\n\"}",
        "{\"crlf\":\"a\\r\\nb\\r\\n\",\"no_end\":\"a\\nb\",\"blank_first\":\"  a\\nb\\n\",\"only\":\"\\n\"}",
        "{\"u\":\"\\u00e4\\u20ac\\ud83d\\ude00\\u0085\\u2028\\ufeff\",\"esc\":\"\\u001b[31m\\u0007\"}",
        "{\"n\":-0.5,\"tenth\":0.1,\"small\":0.0005,\"m\":9007199254740993,\"time\":\"2026-01-31\",\"zeros\":"
        "\"004010\",\"y\":1}",
        "{\"long\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb "
        "cccccccccccccccccccccccccccccccccc  dddddddddddddddddddddddddddddddddd\"}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *value, *documents;
        yaml_places *places;
        char *text;
        assert_null(json_parse(span_of(rows[i]), &value));
        assert_null(yaml_text(value, &text));
        error *err = yaml_parse(span_of(text), "t.yaml", &documents, &places);
        if (err) fail_msg("%s was written as %s: %s", rows[i], text, error_text(err));
        if (!json_equal(json_array_get(documents, 0), value)) fail_msg("%s was written as %s", rows[i], text);
        json_decref(value);
        json_decref(documents);
        yaml_places_free(places);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_scalar_is_only_what_json_would_take_it_for),
        cmocka_unit_test(faulty_yaml_is_refused_with_its_place),
        cmocka_unit_test(nesting_beyond_the_limit_is_refused_without_a_crash),
        cmocka_unit_test(aliases_that_stand_for_too_much_are_refused),
        cmocka_unit_test(a_file_may_hold_several_documents_or_none),
        cmocka_unit_test(every_value_has_its_place_and_lends_it_to_what_is_inside),
        cmocka_unit_test(what_is_written_is_read_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
