/* core/base/span.h: borrowed bytes, and numbers and UTF-8 in them. */
#include "core/base/span.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void spans_are_equal_when_their_bytes_are(void **state) {
    (void)state;
    assert_true(span_equal(SPAN(""), (span){NULL, 0}));
    assert_true(span_equal(SPAN("a\0b"), span_make("a\0b", 3)));
    assert_false(span_equal(SPAN("a\0b"), span_make("a\0c", 3)));
    assert_false(span_equal(SPAN("a"), SPAN("ab")));
    assert_true(span_is(SPAN("abc"), "abc"));
    assert_false(span_is(SPAN("abc"), "ab"));
    assert_true(span_is((span){NULL, 0}, ""));
    assert_true(span_starts(SPAN("abc"), SPAN("")));
    assert_true(span_starts(SPAN("abc"), SPAN("abc")));
    assert_false(span_starts(SPAN("ab"), SPAN("abc")));
    assert_int_equal(span_of(NULL).len, 0);
}

static void trimming_takes_blanks_off_both_ends_only(void **state) {
    (void)state;
    static const struct {
        const char *text, *trimmed;
    } rows[] = {{"", ""}, {" ", ""}, {" \t\r\n ", ""}, {"a", "a"}, {" a b ", "a b"}, {"\n\ta", "a"}, {"a\v", "a\v"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(span_is(span_trim(span_of(rows[i].text)), rows[i].trimmed));
    assert_int_equal(span_trim((span){NULL, 0}).len, 0);
}

static void splitting_gives_every_part_the_empty_ones_too(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        const char *parts[4];
    } rows[] = {
        {"", 1, {""}},
        {"a", 1, {"a"}},
        {"a,b", 2, {"a", "b"}},
        {",", 2, {"", ""}},
        {"a,", 2, {"a", ""}},
        {",a,,", 4, {"", "a", "", ""}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        span rest = span_of(rows[i].text), part;
        size_t count = 0;
        while (span_split(&rest, ',', &part)) {
            assert_true(count < rows[i].count);
            assert_true(span_is(part, rows[i].parts[count++]));
        }
        assert_int_equal(count, rows[i].count);
    }
    span none = {NULL, 0}, part;
    assert_false(span_split(&none, ',', &part));
}

static void a_number_is_digits_within_its_range_and_nothing_else(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t low, high, value;
        bool good;
    } rows[] = {
        {"0", 0, 9, 0, true},
        {"9", 0, 9, 9, true},
        {"10", 0, 9, 0, false},
        {"4", 5, 9, 0, false},
        {"007", 0, 9, 7, true},
        {"", 0, 9, 0, false},
        {"-1", 0, 9, 0, false},
        {"+1", 0, 9, 0, false},
        {" 1", 0, 9, 0, false},
        {"1 ", 0, 9, 0, false},
        {"0x1", 0, 9, 0, false},
        {"1e1", 0, 99, 0, false},
        {"18446744073709551615", 0, UINT64_MAX, UINT64_MAX, true},
        {"18446744073709551616", 0, UINT64_MAX, 0, false},
        {"99999999999999999999999999", 0, UINT64_MAX, 0, false},
        {"184467440737095516150", 0, UINT64_MAX, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t value = 77;
        bool good = span_to_u64(span_of(rows[i].text), rows[i].low, rows[i].high, &value);
        if (good != rows[i].good || value != (good ? rows[i].value : 77)) fail_msg("\"%s\"", rows[i].text);
    }
    uint64_t value;
    assert_false(span_to_u64(SPAN("1\0"), 0, 9, &value));
}

static void a_signed_number_may_begin_with_one_minus(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t low, high, value;
        bool good;
    } rows[] = {
        {"-1", -5, 5, -1, true},
        {"-0", -5, 5, 0, true},
        {"--1", -5, 5, 0, false},
        {"-", -5, 5, 0, false},
        {"-6", -5, 5, 0, false},
        {"6", -5, 5, 0, false},
        {"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, true},
        {"9223372036854775808", INT64_MIN, INT64_MAX, 0, false},
        {"-9223372036854775807", INT64_MIN, INT64_MAX, -INT64_MAX, true},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, true},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t value = 77;
        bool good = span_to_i64(span_of(rows[i].text), rows[i].low, rows[i].high, &value);
        if (good != rows[i].good || value != (good ? rows[i].value : 77)) fail_msg("\"%s\"", rows[i].text);
    }
}

static void only_well_formed_utf8_passes(void **state) {
    (void)state;
    static const struct {
        span bytes;
        bool good;
    } rows[] = {
        {{NULL, 0}, true},
        {SPAN("plain\0ascii"), true},
        {SPAN("\xC3\xA4"), true},
        {SPAN("\xE2\x82\xAC"), true},
        {SPAN("\xF0\x9F\x98\x80"), true},
        {SPAN("\xEF\xBF\xBF"), true},
        {SPAN("\xF4\x8F\xBF\xBF"), true},
        {SPAN("\xC2\x80"), true},
        {SPAN("\xED\x9F\xBF"), true},
        {SPAN("\x80"), false},             /* a continuation alone */
        {SPAN("\xC3"), false},             /* cut off */
        {SPAN("\xE2\x82"), false},         /* cut off */
        {SPAN("a\xF0\x9F\x98"), false},    /* cut off */
        {SPAN("\xC0\x80"), false},         /* overlong NUL */
        {SPAN("\xC1\xBF"), false},         /* overlong */
        {SPAN("\xE0\x9F\xBF"), false},     /* overlong */
        {SPAN("\xF0\x8F\xBF\xBF"), false}, /* overlong */
        {SPAN("\xED\xA0\x80"), false},     /* a surrogate */
        {SPAN("\xED\xBF\xBF"), false},     /* a surrogate */
        {SPAN("\xF4\x90\x80\x80"), false}, /* past U+10FFFF */
        {SPAN("\xF5\x80\x80\x80"), false},
        {SPAN("\xFF"), false},
        {SPAN("\xC3\x28"), false},
        {SPAN("\xE2\x28\xA1"), false},
        {SPAN("\xE2\x82\x28"), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (span_is_utf8(rows[i].bytes) != rows[i].good) fail_msg("row %zu", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_equal_when_their_bytes_are),
        cmocka_unit_test(trimming_takes_blanks_off_both_ends_only),
        cmocka_unit_test(splitting_gives_every_part_the_empty_ones_too),
        cmocka_unit_test(a_number_is_digits_within_its_range_and_nothing_else),
        cmocka_unit_test(a_signed_number_may_begin_with_one_minus),
        cmocka_unit_test(only_well_formed_utf8_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
