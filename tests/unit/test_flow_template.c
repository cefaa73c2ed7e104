/* Paths with variables: what stands for a name, and what a value may not do to a path. */
#include "core/flow/template.h"

#include "core/base/io.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>

static json_t *variables(void) {
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:{s:s, s:{s:s}}}", "number", "4711", "count", 12, "dots", "..",
        "slash", "a/b\\c", "hidden", ".profile", "document", "control", "0001", "keys", "po", "77");
}

static void a_template_becomes_a_path(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"plain.txt", "plain.txt"},
        {"ORD{number}.csv", "ORD4711.csv"},
        {"in/{document.control}-{document.keys.po}.edi", "in/0001-77.edi"},
        {"{count}", "12"},
        {"{slash}", "a_b_c"},
        {"x/{dots}/y", "x/_./y"},
        {"{hidden}", "_profile"},
        {"v{hidden}", "v.profile"},
    };
    json_t *all = variables();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf out = BUF_MAX(256);
        assert_null(template_expand(rows[i][0], all, &out));
        assert_string_equal(buf_text(&out), rows[i][1]);
        buf_free(&out);
    }
    json_decref(all);
}

static void a_variable_without_a_value_is_named(void **state) {
    (void)state;
    json_t *all = variables();
    buf out = BUF_MAX(256);
    error *err = template_expand("a/{missing}.txt", all, &out);
    assert_non_null(err);
    assert_int_equal(error_code_of(err), ERROR_INVALID);
    assert_non_null(strstr(error_text(err), "missing"));
    error_free(err);
    buf_free(&out);
    json_decref(all);
}

static void braces_that_do_not_close_are_refused(void **state) {
    (void)state;
    static const char *const rows[] = {"{", "a{b", "{}", "x{}y"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        error *err = template_check(rows[i]);
        assert_non_null(err);
        error_free(err);
    }
    assert_null(template_check("a/{b}/c{d.e}"));
}

/* HT-20: whatever a value holds, the path stays below its directory. */
static void no_value_makes_a_path_climb(void **state) {
    (void)state;
    static const char *const values[] = {"..", "../..", "/etc/passwd", "..\\..", ".", "a/../../b", "\x01..", "..%2f"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char clean[256];
        json_t *all = json_pack("{s:s}", "v", values[i]);
        buf out = BUF_MAX(256);
        assert_null(template_expand("in/{v}/x", all, &out));
        assert_null(io_path_clean(buf_span(&out), clean, sizeof clean));
        assert_memory_equal(clean, "in/", 3);
        assert_null(strstr(clean, "/../"));
        assert_non_null(strstr(clean, "/x"));
        buf_free(&out);
        json_decref(all);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_becomes_a_path),
        cmocka_unit_test(a_variable_without_a_value_is_named),
        cmocka_unit_test(braces_that_do_not_close_are_refused),
        cmocka_unit_test(no_value_makes_a_path_climb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
