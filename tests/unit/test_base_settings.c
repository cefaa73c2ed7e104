/* core/base/settings.h: one table describes a kind; checking, defaults and schema follow from it. */
#include "core/base/memory.h"
#include "core/base/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const setting inner[] = {
    {.name = "connection", .type = SETTING_NAME, .required = true, .reference = "connections", .help = "Where to."},
    {.name = "path", .type = SETTING_TEXT, .help = "The name."},
    {.name = NULL},
};

static const setting table[] = {
    {.name = "name", .type = SETTING_NAME, .required = true, .help = "Its name."},
    {.name = "text", .type = SETTING_TEXT, .min = 2, .max = 5, .fallback = "abc", .help = "Text."},
    {.name = "secret", .type = SETTING_TEXT, .secret = true, .help = "A secret."},
    {.name = "port", .type = SETTING_INTEGER, .min = 1, .max = 65535, .fallback = "22", .help = "A port."},
    {.name = "any_number", .type = SETTING_INTEGER, .help = "A number."},
    {.name = "on", .type = SETTING_BOOLEAN, .fallback = "true", .help = "On?"},
    {.name = "wait", .type = SETTING_DURATION, .min = 1000, .max = 60000, .fallback = "30s", .help = "A time."},
    {.name = "size", .type = SETTING_SIZE, .fallback = "64KiB", .help = "A size."},
    {.name = "mode", .type = SETTING_CHOICE, .choices = "none sync async", .fallback = "sync", .help = "A choice."},
    {.name = "names", .type = SETTING_NAMES, .help = "Names."},
    {.name = "texts", .type = SETTING_TEXTS, .help = "Texts."},
    {.name = "some", .type = SETTING_TEXTS, .choices = "red green blue", .help = "Some of them."},
    {.name = "from", .type = SETTING_OBJECT, .nested = inner, .help = "An object."},
    {.name = "free", .type = SETTING_OBJECT, .help = "Any object."},
    {.name = "to", .type = SETTING_OBJECTS, .nested = inner, .help = "Objects."},
    {.name = "headers", .type = SETTING_MAP, .help = "Texts by name."},
    {.name = "anything", .type = SETTING_ANY, .help = "Anything."},
    {.name = NULL},
};

static json_t *object_of(const char *members) {
    char *text = xasprintf("{\"name\":\"n\"%s%s}", *members ? "," : "", members);
    json_t *object;
    error *err = json_parse(span_of(text), &object);
    if (err) fail_msg("%s: %s", text, error_text(err));
    free(text);
    return object;
}

static void values_that_fit_the_table_pass(void **state) {
    (void)state;
    static const char *const rows[] = {"", "\"text\":\"abcd\"", "\"text\":\"ab\"", "\"secret\":\"line\\nline\"",
        "\"port\":1", "\"port\":65535", "\"any_number\":-9223372036854775807", "\"on\":false", "\"wait\":\"1s\"",
        "\"wait\":\"1m\"", "\"wait\":0", "\"size\":0", "\"size\":123", "\"size\":\"10MiB\"", "\"mode\":\"async\"",
        "\"names\":[]", "\"names\":[\"a\",\"b-1\"]", "\"texts\":[\"any text\",\"\"]", "\"some\":[]",
        "\"some\":[\"blue\",\"red\"]", "\"from\":{\"connection\":\"c\"}", "\"free\":{\"x\":[1]}",
        "\"to\":[{\"connection\":\"a\"},{\"connection\":\"b\",\"path\":\"p\"}]", "\"headers\":{\"X-A\":\"1\"}",
        "\"anything\":null", "\"anything\":[{}]"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fault_list faults = {NULL, 0};
        json_t *object = object_of(rows[i]);
        settings_check(table, object, "/things/n", &faults);
        if (faults.count) fail_msg("%s: %s", rows[i], error_text(faults.faults[0]));
        fault_list_free(&faults);
        json_decref(object);
    }
}

static void each_fault_names_its_place_and_what_would_be_right(void **state) {
    (void)state;
    static const struct {
        const char *members, *where, *words;
    } rows[] = {
        {"\"prot\":1", "/things/n/prot", "did you mean \"port\"?"},
        {"\"nonsense\":1", "/things/n/nonsense", "unknown setting \"nonsense\""},
        {"\"a/b~c\":1", "/things/n/a~1b~0c", "unknown setting"},
        {"\"text\":1", "/things/n/text", "text: must be text: write it in quotes, \"1\""},
        {"\"text\":\"a\"", "/things/n/text", "2 to 5"},
        {"\"text\":\"abcdef\"", "/things/n/text", "2 to 5"},
        {"\"text\":\"a\\nb\"", "/things/n/text", "control character"},
        {"\"text\":\"a\\u007fb\"", "/things/n/text", "control character"},
        {"\"text\":true", "/things/n/text", "must be text: write it in quotes"},
        {"\"text\":null", "/things/n/text", "must be text"},
        {"\"port\":0", "/things/n/port", "from 1 to 65535"},
        {"\"port\":65536", "/things/n/port", "from 1 to 65535"},
        {"\"port\":\"22\"", "/things/n/port", "whole number"},
        {"\"port\":22.0", "/things/n/port", "whole number"},
        {"\"on\":\"true\"", "/things/n/on", "true or false"},
        {"\"on\":1", "/things/n/on", "true or false"},
        {"\"wait\":\"30\"", "/things/n/wait", "not a duration"},
        {"\"wait\":\"1ms\"", "/things/n/wait", "from 1000 to 60000 ms"},
        {"\"wait\":30", "/things/n/wait", "must be a duration such as 500ms"},
        {"\"size\":-1", "/things/n/size", "must be a size such as 65536"},
        {"\"size\":\"10MB\"", "/things/n/size", "not a size"},
        {"\"mode\":\"Async\"", "/things/n/mode", "one of: none sync async"},
        {"\"mode\":true", "/things/n/mode", "one of: none sync async"},
        {"\"mode\":\"none sync\"", "/things/n/mode", "one of"},
        {"\"mode\":\"\"", "/things/n/mode", "one of"},
        {"\"names\":\"a\"", "/things/n/names", "must be a list"},
        {"\"names\":[\"ok\",\"no name\"]", "/things/n/names/1", "is not a name"},
        {"\"names\":[1]", "/things/n/names/0", "must be text"},
        {"\"texts\":[\"a\",2]", "/things/n/texts/1", "must be text"},
        {"\"some\":[\"red\",\"rot\"]", "/things/n/some/1", "must be one of: red green blue"},
        {"\"from\":[]", "/things/n/from", "must be an object"},
        {"\"from\":{}", "/things/n/from", "\"connection\" is missing"},
        {"\"from\":{\"connection\":\"c\",\"pat\":1}", "/things/n/from/pat", "did you mean \"path\"?"},
        {"\"to\":[1]", "/things/n/to/0", "must be an object"},
        {"\"to\":[{\"connection\":\"a\"},{\"path\":\"p\"}]", "/things/n/to/1", "\"connection\" is missing"},
        {"\"headers\":{\"a\":1}", "/things/n/headers", "the value of \"a\" must be text: write it in quotes"},
        {"\"headers\":{\"a\":[1]}", "/things/n/headers", "the value of \"a\" must be text"},
        {"\"free\":1", "/things/n/free", "must be an object"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fault_list faults = {NULL, 0};
        json_t *object = object_of(rows[i].members);
        settings_check(table, object, "/things/n", &faults);
        if (faults.count != 1) fail_msg("%s: %zu faults", rows[i].members, faults.count);
        const error *err = faults.faults[0];
        if (strcmp(error_where(err), rows[i].where) != 0 || !strstr(error_text(err), rows[i].words))
            fail_msg("%s: %s (%s)", rows[i].members, error_text(err), error_where(err));
        fault_list_free(&faults);
        json_decref(object);
    }
}

static void all_faults_are_told_at_once(void **state) {
    (void)state;
    fault_list faults = {NULL, 0};
    json_t *object;
    assert_null(json_parse(SPAN("{\"port\":0,\"on\":1,\"x\":1}"), &object));
    settings_check(table, object, "", &faults);
    assert_int_equal(faults.count, 4);
    assert_non_null(strstr(error_text(faults.faults[3]), "\"name\" is missing: Its name."));
    fault_list_free(&faults);
    assert_int_equal(faults.count, 0);
    fault_list_add(&faults, NULL);
    assert_int_equal(faults.count, 0);
    json_decref(object);
}

static void a_fault_never_shows_a_secret(void **state) {
    (void)state;
    static const char *const rows[] = {"\"secret\":\"hunter2\\u0001\\u007f\"", "\"secret\":[\"hunter2\"]"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fault_list faults = {NULL, 0};
        json_t *object = object_of(rows[i]);
        settings_check(table, object, "", &faults);
        assert_int_equal(faults.count, 1);
        assert_null(strstr(error_text(faults.faults[0]), "hunter2"));
        fault_list_free(&faults);
        json_decref(object);
    }
}

static void values_come_with_their_defaults(void **state) {
    (void)state;
    json_t *none = object_of(""),
           *all = object_of("\"text\":\"xyz\",\"port\":2222,\"on\":false,\"wait\":\"2s\",\"size\":\"1MiB\"");
    assert_string_equal(settings_text(table, none, "text"), "abc");
    assert_null(settings_text(table, none, "secret"));
    assert_string_equal(settings_text(table, none, "mode"), "sync");
    assert_int_equal(settings_integer(table, none, "port"), 22);
    assert_int_equal(settings_integer(table, none, "any_number"), 0);
    assert_int_equal(settings_integer(table, none, "wait"), 30000);
    assert_int_equal(settings_integer(table, none, "size"), 65536);
    assert_true(settings_boolean(table, none, "on"));
    assert_string_equal(settings_text(table, all, "text"), "xyz");
    assert_int_equal(settings_integer(table, all, "port"), 2222);
    assert_int_equal(settings_integer(table, all, "wait"), 2000);
    assert_int_equal(settings_integer(table, all, "size"), 1048576);
    assert_false(settings_boolean(table, all, "on"));
    assert_null(settings_find(table, "none"));
    json_decref(none);
    json_decref(all);
}

static void names_are_letters_digits_and_a_few_marks(void **state) {
    (void)state;
    static char long_64[65], long_65[66];
    memset(long_64, 'x', 64);
    memset(long_65, 'x', 65);
    const struct {
        span text;
        bool good;
    } rows[] = {{SPAN("a"), true}, {SPAN("acme-sftp_2.x"), true}, {SPAN("9"), true}, {span_of(long_64), true},
        {SPAN(""), false}, {{NULL, 0}, false}, {SPAN("-a"), false}, {SPAN(".a"), false}, {SPAN("_a"), false},
        {SPAN("a b"), false}, {SPAN("a/b"), false}, {SPAN(".."), false}, {SPAN("a\0"), false},
        {SPAN("\xC3\xA4"), false}, {span_of(long_65), false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (settings_is_name(rows[i].text) != rows[i].good) fail_msg("row %zu", i);
    }
}

static void sizes_are_bytes_or_have_a_binary_unit(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes; /* -1: refused */
    } rows[] = {{"0", 0}, {"1", 1}, {"7B", 7}, {"64KiB", 65536}, {"10MiB", 10485760}, {"2GiB", 2147483648},
        {"2147483647GiB", 2147483647LL << 30}, {"", -1}, {"KiB", -1}, {"-1", -1}, {"1.5MiB", -1}, {"1 MiB", -1},
        {"1MB", -1}, {"1kib", -1}, {"1TiB", -1}, {"99999999999999999999", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t bytes = -1;
        error *err = settings_parse_size(span_of(rows[i].text), &bytes);
        if ((err != NULL) != (rows[i].bytes < 0) || bytes != rows[i].bytes) fail_msg("\"%s\"", rows[i].text);
        error_free(err);
    }
}

static void the_nearest_word_is_found_when_one_is_near(void **state) {
    (void)state;
    static const char *const words[] = {"host", "port", "password", "directory"};
    static const struct {
        const char *word, *near;
    } rows[] = {{"hots", "host"}, {"prt", "port"}, {"Port", "port"}, {"pasword", "password"},
        {"directroy", "directory"}, {"xyz", NULL}, {"", NULL}, {"usernames", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *near = settings_nearest(rows[i].word, words, 4);
        if (rows[i].near ? !near || strcmp(near, rows[i].near) != 0 : near != NULL)
            fail_msg("%s is near %s", rows[i].word, near ? near : "nothing");
    }
    char endless[300];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_null(settings_nearest(endless, words, 4));
    assert_null(settings_nearest("x", words, 0));
}

static void the_schema_says_what_the_check_enforces(void **state) {
    (void)state;
    json_t *schema = settings_schema(table), *expected;
    const json_t *properties = json_get_object(schema, "properties");
    static const struct {
        const char *name, *json;
    } rows[] = {
        {"port", "{\"type\":\"integer\",\"description\":\"A port.\",\"default\":22,\"minimum\":1,\"maximum\":65535}"},
        {"on", "{\"type\":\"boolean\",\"description\":\"On?\",\"default\":true}"},
        {"secret", "{\"type\":\"string\",\"description\":\"A secret.\",\"writeOnly\":true}"},
        {"text", "{\"type\":\"string\",\"description\":\"Text.\",\"default\":\"abc\",\"minLength\":2,\"maxLength\":5}"},
        {"mode", "{\"type\":\"string\",\"description\":\"A "
                 "choice.\",\"default\":\"sync\",\"enum\":[\"none\",\"sync\",\"async\"]}"},
        {"names", "{\"type\":\"array\",\"description\":\"Names.\",\"items\":{\"type\":\"string\"}}"},
        {"anything", "{\"description\":\"Anything.\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_null(json_parse(span_of(rows[i].json), &expected));
        const json_t *got = json_object_get(properties, rows[i].name);
        if (!json_equal((json_t *)got, expected)) fail_msg("%s: %s", rows[i].name, json_text(got, false));
        json_decref(expected);
    }
    assert_int_equal(json_object_size(properties), sizeof table / sizeof *table - 1);
    assert_string_equal(json_string_value(json_array_get(json_get_array(schema, "required"), 0)), "name");
    const json_t *to = json_get_object(json_get_object(properties, "to"), "items");
    assert_string_equal(
        json_get_text(json_get_object(json_get_object(to, "properties"), "connection"), "x-reference", ""),
        "connections");
    json_decref(schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_fit_the_table_pass),
        cmocka_unit_test(each_fault_names_its_place_and_what_would_be_right),
        cmocka_unit_test(all_faults_are_told_at_once),
        cmocka_unit_test(a_fault_never_shows_a_secret),
        cmocka_unit_test(values_come_with_their_defaults),
        cmocka_unit_test(names_are_letters_digits_and_a_few_marks),
        cmocka_unit_test(sizes_are_bytes_or_have_a_binary_unit),
        cmocka_unit_test(the_nearest_word_is_found_when_one_is_near),
        cmocka_unit_test(the_schema_says_what_the_check_enforces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
