/* A JSON value against a schema: what fits, what does not and where, what is no schema; the official test suite. */
#include "core/base/io.h"
#include "core/base/json_schema.h"
#include "core/base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Single quotes stand for double ones. */
static json_t *parse(const char *text) {
    char *copy = xstrdup(text);
    json_t *value = NULL;
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    error *err = json_parse(span_of(copy), &value);
    if (err) fail_msg("%s: %s", error_text(err), text);
    free(copy);
    return value;
}

static json_t *faults_of(const char *schema_text, const char *value_text) {
    json_schema *schema = NULL;
    json_t *document = parse(schema_text), *value = parse(value_text), *faults = NULL;
    error *err = json_schema_new(document, &schema);
    if (err) fail_msg("%s: %s", error_text(err), schema_text);
    err = json_schema_check(schema, value, &faults);
    if (err) fail_msg("%s: %s", error_text(err), value_text);
    json_schema_free(schema);
    json_decref(document);
    json_decref(value);
    return faults;
}

static void a_fault_names_place_keyword_and_remedy(void **state) {
    (void)state;
    static const struct {
        const char *schema, *value, *pointer, *keyword, *words;
    } rows[] = {
        {"{'required': ['number']}", "{}", "", "required", "\"number\" is missing"},
        {"{'properties': {'a/b': {'items': {'minLength': 2}}}}", "{'a/b': ['xx', 'x']}", "/a~1b/1", "minLength",
            "2 characters"},
        {"{'additionalProperties': false}", "{'~': 1}", "/~0", "additionalProperties", "not known"},
        {"{'type': ['string', 'null']}", "3", "", "type", "string or null"},
        {"{'enum': ['EA', 'CT']}", "'XX'", "", "enum", "[\"EA\",\"CT\"]"},
        {"{'pattern': '^\\\\d{3}$'}", "'12a'", "", "pattern", "must match"},
        {"{'multipleOf': 0.01}", "19.995", "", "multipleOf", "0.01"},
        {"{'format': 'date'}", "'2026-02-30'", "", "format", "date"},
        {"{'oneOf': [{'type': 'number'}, {'minimum': 1}]}", "2", "", "oneOf", "2 of the alternatives"},
        {"{'maximum': 9007199254740993}", "9007199254740994", "", "maximum", "at most"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *faults = faults_of(rows[i].schema, rows[i].value);
        const json_t *first = json_array_get(faults, 0);
        assert_int_equal(json_array_size(faults), 1);
        assert_string_equal(json_get_text(first, "pointer", "?"), rows[i].pointer);
        assert_string_equal(json_get_text(first, "keyword", "?"), rows[i].keyword);
        if (!strstr(json_get_text(first, "detail", ""), rows[i].words))
            fail_msg("\"%s\" lacks \"%s\"", json_get_text(first, "detail", ""), rows[i].words);
        json_decref(faults);
    }
}

static void all_faults_are_told_at_once_and_not_without_end(void **state) {
    (void)state;
    json_t *faults = faults_of(
        "{'properties': {'a': {'type': 'string'}, 'b': {'minimum': 5}}, 'required': ['c']}", "{'a': 1, 'b': 1}");
    assert_int_equal(json_array_size(faults), 3);
    json_decref(faults);
    buf many = BUF_MAX(64 * 1024);
    buf_add_char(&many, '[');
    for (int i = 0; i < 5000; i++)
        buf_add_text(&many, i ? ",1" : "1");
    buf_add_char(&many, ']');
    faults = faults_of("{'items': {'type': 'string'}}", buf_text(&many));
    assert_int_equal(json_array_size(faults), JSON_SCHEMA_FAULTS_MAX);
    json_decref(faults);
    buf_free(&many);
}

static void cents_are_multiples_of_a_hundredth(void **state) {
    (void)state;
    static const char *const prices[] = {"19.99", "0.07", "1.1", "123456.78", "0", "-4.35", "1e6", "4.35"};
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++) {
        json_t *faults = faults_of("{'multipleOf': 0.01}", prices[i]);
        if (json_array_size(faults)) fail_msg("%s", prices[i]);
        json_decref(faults);
    }
}

static void escapes_inside_brackets_are_the_characters_that_they_name(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *value;
        bool fits;
    } rows[] = {
        {"^[^\\\\x00-\\\\x1f*]+$", "plain", true},
        {"^[^\\\\x00-\\\\x1f*]+$", "a*b", false},
        {"^[^\\\\x00-\\\\x1f*]+$", "a\\u001fb", false},
        {"^[^\\\\u0000-\\\\u001F]+$", "a\\tb", false},
        {"^[\\\\x5d\\\\x5b\\\\x2d\\\\x5e]+$", "[-^]", true},
        {"^[\\\\x5d\\\\x5b\\\\x2d\\\\x5e]+$", "[a]", false},
        {"^\\\\x41[\\\\x42-\\\\x44]$", "AC", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *schema = xasprintf("{'pattern': '%s'}", rows[i].pattern), *value = xasprintf("'%s'", rows[i].value);
        json_t *faults = faults_of(schema, value);
        if ((json_array_size(faults) == 0) != rows[i].fits) fail_msg("%s: %s", rows[i].pattern, rows[i].value);
        json_decref(faults);
        free(schema);
        free(value);
    }
}

static void what_is_no_schema_is_refused_with_its_place(void **state) {
    (void)state;
    static const struct {
        const char *schema, *where;
    } rows[] = {
        {"3", ""},
        {"{'type': 'text'}", "/type"},
        {"{'properties': {'a': 'b'}}", "/properties/a"},
        {"{'properties': []}", "/properties"},
        {"{'allOf': []}", "/allOf"},
        {"{'items': {'minLength': -1}}", "/items/minLength"},
        {"{'multipleOf': 0}", "/multipleOf"},
        {"{'required': [1]}", "/required"},
        {"{'pattern': '('}", "/pattern"},
        {"{'pattern': '(?=x)'}", "/pattern"},
        {"{'pattern': '(a)\\\\1'}", "/pattern"},
        {"{'pattern': '[a'}", "/pattern"},
        {"{'$ref': '#/$defs/a'}", ""},
        {"{'$ref': 'http://example.com/x'}", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_schema *schema = NULL;
        json_t *document = parse(rows[i].schema);
        error *err = json_schema_new(document, &schema);
        if (!err) fail_msg("%s was taken", rows[i].schema);
        assert_string_equal(error_where(err), rows[i].where);
        error_free(err);
        json_decref(document);
    }
}

/* JS-*: what a hostile body could make of a schema that refers to itself. */
static void the_work_is_bounded(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"{'$ref': '#'}", "1"},
        {"{'allOf': [{'$ref': '#/$defs/a'}], '$defs': {'a': {'anyOf': [{'$ref': '#/$defs/a'}, {'$ref': "
         "'#/$defs/a'}]}}}",
            "1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_schema *schema = NULL;
        json_t *document = parse(rows[i][0]), *value = parse(rows[i][1]), *faults = NULL;
        assert_null(json_schema_new(document, &schema));
        error *err = json_schema_check(schema, value, &faults);
        assert_non_null(err);
        assert_int_equal(error_code_of(err), ERROR_LIMIT);
        error_free(err);
        json_schema_free(schema);
        json_decref(document);
        json_decref(value);
    }
}

/* ---- the official suite (Debian's json-schema-test-suite) ---- */

#define SUITE "/usr/share/json-schema-test-suite/tests/draft7"

static const char *const left_out[] = {
    "refRemote.json",
    "vocabulary.json",
    "dynamicRef.json", /* other documents, other dialects, dynamic scope */
    "content.json",    /* annotations only */
    "items.json",
    "additionalItems.json",
    "dependencies.json",
    "ref.json",
    "definitions.json", /* draft 7 only */
    NULL,
};

static bool is_left_out(const char *file) {
    for (size_t i = 0; left_out[i]; i++)
        if (strcmp(left_out[i], file) == 0) return true;
    return false;
}

typedef struct tally {
    int right, wrong, skipped;
} tally;

static void judge_group(const char *file, const json_t *group, tally *t) {
    const json_t *tests = json_get_array(group, "tests");
    json_schema *schema = NULL;
    char *text = json_text(json_object_get(group, "schema"), false);
    /* Other documents are never fetched; the meta-schema is one. */
    bool remote = strstr(text, "localhost:1234/draft") || strstr(text, "\"$ref\":\"https://json-schema.org") ||
                  strstr(text, "$dynamicRef") || strstr(text, "urn:uuid:");
    error *err = json_schema_new(json_object_get(group, "schema"), &schema);
    if (err && remote) {
        t->skipped += (int)json_array_size(tests);
        error_free(err);
        free(text);
        return;
    }
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *test = json_array_get(tests, i);
        json_t *faults = NULL;
        error *judged = schema ? json_schema_check(schema, json_object_get(test, "data"), &faults) : NULL;
        bool good = schema && !judged && json_array_size(faults) == 0;
        if (good == json_get_bool(test, "valid", false)) {
            t->right++;
        } else if (remote) {
            t->skipped++;
        } else {
            t->wrong++;
            print_message("%s: %s: %s%s%s\n", file, json_get_text(group, "description", ""),
                json_get_text(test, "description", ""), err ? ": " : "", err ? error_text(err) : "");
        }
        error_free(judged);
        json_decref(faults);
    }
    error_free(err);
    json_schema_free(schema);
    free(text);
}

static void the_official_suite_agrees(void **state) {
    (void)state;
    const char *place = getenv("JSON_SCHEMA_SUITE") ? getenv("JSON_SCHEMA_SUITE") : SUITE;
    DIR *directory = opendir(place);
    tally t = {.right = 0};
    if (!directory) skip();
    for (struct dirent *entry; (entry = readdir(directory));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".json") != 0 || is_left_out(entry->d_name)) continue;
        char *path = xasprintf("%s/%s", place, entry->d_name);
        buf bytes = BUF_MAX(1024 * 1024);
        json_t *groups = NULL;
        assert_null(io_read_file(path, &bytes));
        groups = json_loadb(bytes.data, bytes.len, JSON_ALLOW_NUL, NULL);
        assert_non_null(groups);
        for (size_t i = 0; i < json_array_size(groups); i++)
            judge_group(entry->d_name, json_array_get(groups, i), &t);
        json_decref(groups);
        buf_free(&bytes);
        free(path);
    }
    closedir(directory);
    print_message("official suite: %d right, %d wrong, %d beyond one document\n", t.right, t.wrong, t.skipped);
    assert_int_equal(t.wrong, 0);
    assert_true(t.right > 300);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_names_place_keyword_and_remedy),
        cmocka_unit_test(all_faults_are_told_at_once_and_not_without_end),
        cmocka_unit_test(cents_are_multiples_of_a_hundredth),
        cmocka_unit_test(escapes_inside_brackets_are_the_characters_that_they_name),
        cmocka_unit_test(what_is_no_schema_is_refused_with_its_place),
        cmocka_unit_test(the_work_is_bounded),
        cmocka_unit_test(the_official_suite_agrees),
    };
    return cmocka_run_group_tests_name("base json_schema", tests, NULL, NULL);
}
