/* tests/unit/test_base_base64.c: base64 both ways, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/base64.h"
#include "core/base/id.h"

static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "+//+"}}; /* RFC 4648 §10 */

static void bytes_and_text_stand_for_each_other(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        buf text = BUF_MAX(100), bytes = BUF_MAX(100);
        base64_write(span_of(pairs[i][0]), &text);
        assert_string_equal(buf_text(&text), pairs[i][1]);
        assert_true(base64_read(buf_span(&text), &bytes));
        assert_string_equal(buf_text(&bytes), pairs[i][0]);
        buf_free(&text);
        buf_free(&bytes);
    }
}

static void every_length_survives_the_way_there_and_back(void **state) {
    (void)state;
    char random[300];
    for (size_t len = 0; len < sizeof random; len++) {
        buf text = BUF_MAX(1000), bytes = BUF_MAX(1000);
        id_random(random, len);
        base64url_write(span_make(random, len), &text);
        assert_null(strpbrk(buf_text(&text), "+/="));
        assert_true(base64url_read(buf_span(&text), &bytes));
        assert_true(span_equal(buf_span(&bytes), span_make(random, len)));
        buf_free(&text);
        buf_free(&bytes);
    }
}

static void malformed_text_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v\n", "Zm 9",
        "Zh==", "Zm9=", "Zg==Zg==", "Zm9-", "Zm9_", "\xc3\xa9==", "=Zm9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        buf bytes = BUF_MAX(100);
        if (base64_read(span_of(bad[i]), &bytes)) fail_msg("accepted: %s", bad[i]);
        buf_free(&bytes);
    }
    buf bytes = BUF_MAX(2);
    assert_false(base64_read(SPAN("Zm9v"), &bytes)); /* beyond the maximum of the buffer */
    assert_false(base64url_read(SPAN("Zm9v+/"), &bytes));
    assert_false(base64url_read(SPAN("Zg=="), &bytes));
    buf_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_text_stand_for_each_other),
        cmocka_unit_test(every_length_survives_the_way_there_and_back),
        cmocka_unit_test(malformed_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
