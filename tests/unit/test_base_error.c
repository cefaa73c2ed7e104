/* core/base/error.h: what went wrong, in one line. */
#include "core/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void an_error_keeps_the_code_and_place_of_its_innermost_cause(void **state) {
    (void)state;
    error *err = error_at(error_new(ERROR_DENIED, "key %d refused", 7), "/connections/%s", "a");
    assert_string_equal(error_text(err), "key 7 refused");
    assert_string_equal(error_where(err), "/connections/a");
    err = error_at(error_wrap(err, "connection %s", "acme"), "elsewhere");
    assert_string_equal(error_text(err), "connection acme: key 7 refused");
    assert_string_equal(error_where(err), "/connections/a");
    assert_int_equal(error_code_of(err), ERROR_DENIED);
    error_free(err);
}

static void success_stays_success_through_every_function(void **state) {
    (void)state;
    assert_null(error_wrap(NULL, "context"));
    assert_null(error_at(NULL, "place"));
    error_free(NULL);
}

static void a_text_is_always_one_line(void **state) {
    (void)state;
    error *err = error_at(error_new(ERROR_INVALID, "a\nb\r\x1b[31m\x7f"), "x\ny");
    assert_string_equal(error_text(err), "a b  [31m ");
    assert_string_equal(error_where(err), "x y");
    err = error_wrap(err, "c\td");
    assert_string_equal(error_text(err), "c d: a b  [31m ");
    error_free(err);
}

static void a_failed_call_is_told_by_its_kind(void **state) {
    (void)state;
    static const struct {
        int number;
        error_code code;
        bool temporary;
    } rows[] = {
        {ENOENT, ERROR_NOT_FOUND, false},
        {ENOTDIR, ERROR_NOT_FOUND, false},
        {EEXIST, ERROR_CONFLICT, false},
        {EACCES, ERROR_DENIED, false},
        {EPERM, ERROR_DENIED, false},
        {EROFS, ERROR_DENIED, false},
        {ELOOP, ERROR_DENIED, false},
        {ENOSPC, ERROR_FULL, true},
        {EDQUOT, ERROR_FULL, true},
        {ETIMEDOUT, ERROR_TIMEOUT, true},
        {ECONNREFUSED, ERROR_UNREACHABLE, true},
        {ECONNRESET, ERROR_UNREACHABLE, true},
        {EPIPE, ERROR_UNREACHABLE, true},
        {EMFILE, ERROR_LIMIT, false},
        {EIO, ERROR_IO, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        error *err = error_from_errno(rows[i].number, "cannot open %s", "x");
        assert_int_equal(error_code_of(err), rows[i].code);
        assert_int_equal(error_is_temporary(err), rows[i].temporary);
        assert_non_null(strstr(error_text(err), "cannot open x: "));
        error_free(err);
    }
}

static void every_code_has_a_stable_name_that_leads_back(void **state) {
    (void)state;
    for (error_code code = ERROR_INVALID; code <= ERROR_INTERNAL; code++)
        assert_int_equal(error_code_named(span_of(error_code_name(code))), code);
    assert_int_equal(error_code_named(SPAN("nonsense")), ERROR_INTERNAL);
    assert_int_equal(error_code_named((span){NULL, 0}), ERROR_INTERNAL);
    assert_string_equal(error_code_name((error_code)999), "internal");
    assert_string_equal(error_code_name(ERROR_NOT_FOUND), "not-found");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_keeps_the_code_and_place_of_its_innermost_cause),
        cmocka_unit_test(success_stays_success_through_every_function),
        cmocka_unit_test(a_text_is_always_one_line),
        cmocka_unit_test(a_failed_call_is_told_by_its_kind),
        cmocka_unit_test(every_code_has_a_stable_name_that_leads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
