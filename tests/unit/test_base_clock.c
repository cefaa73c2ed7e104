/* core/base/clock.h: how times and durations are written and read. */
#include "core/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_time_is_written_as_rfc_3339_with_milliseconds(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1795450520123, "2026-11-23T16:15:20.123Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[CLOCK_TEXT_SIZE];
        int64_t back;
        assert_string_equal(clock_format(rows[i].ms, text), rows[i].text);
        assert_null(clock_parse(span_of(text), &back));
        assert_int_equal(back, rows[i].ms);
    }
}

static void times_are_read_with_any_offset_and_fraction(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01", 0},
        {"2000-02-29", 951782400000},
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00Z", 0},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T18:30:00-05:30", 0},
        {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.05Z", 50},
        {"1970-01-01T00:00:00.123456789Z", 123},
        {"1970-01-01T00:00:00-00:00", 0},
        {"2016-12-31T23:59:60Z", 1483228800000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms;
        error *err = clock_parse(span_of(rows[i].text), &ms);
        if (err || ms != rows[i].ms) fail_msg("%s", rows[i].text);
    }
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const rows[] = {"", "now", "1970", "1970-01", "1970-1-1", "70-01-01", "1970-00-01", "1970-13-01",
        "1970-01-00", "1970-01-32", "2026-02-29", "2100-02-29", "2026-04-31", "1970-01-01T", "1970-01-01T00:00Z",
        "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z", "1970-01-01T00:00:00",
        "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+1:00", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+01:60",
        "1970-01-01T00:00:00Zx", "1970-01-01x", " 1970-01-01", "1970-01-01 ", "-970-01-01"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms;
        error *err = clock_parse(span_of(rows[i]), &ms);
        if (!err) fail_msg("%s was taken", rows[i]);
        assert_int_equal(error_code_of(err), ERROR_INVALID);
        error_free(err);
    }
    int64_t ms;
    error *err = clock_parse(SPAN("1970-01-01\0"), &ms);
    assert_non_null(err);
    error_free(err);
}

static void a_duration_is_a_number_with_its_unit(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } rows[] = {
        {"0", 0},
        {"0s", 0},
        {"250ms", 250},
        {"30s", 30000},
        {"5m", 300000},
        {"2h", 7200000},
        {"7d", 604800000},
        {"2147483647d", 2147483647LL * 86400000},
        {"", -1},
        {"5", -1},
        {"s", -1},
        {"-5s", -1},
        {"1.5s", -1},
        {"5 s", -1},
        {"5S", -1},
        {"5w", -1},
        {"5sx", -1},
        {"2147483648s", -1},
        {"99999999999999999999d", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms = -1;
        error *err = clock_parse_duration(span_of(rows[i].text), &ms);
        if ((err != NULL) != (rows[i].ms < 0) || ms != rows[i].ms) fail_msg("\"%s\"", rows[i].text);
        error_free(err);
    }
}

static void the_monotonic_clock_never_goes_back(void **state) {
    (void)state;
    int64_t before = clock_monotonic_ms();
    for (int i = 0; i < 100000; i++) {
        int64_t now = clock_monotonic_ms();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_wall_ms() > 1700000000000);
}

static void a_deadline_lies_ahead_by_the_monotonic_clock(void **state) {
    (void)state;
    static const int64_t rows[] = {0, 1, 999, 1000, 1001, 59999, 86400000};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t before = clock_monotonic_ms();
        struct timespec then = clock_monotonic_in(rows[i]);
        int64_t after = clock_monotonic_ms(), at = (int64_t)then.tv_sec * 1000 + then.tv_nsec / 1000000;
        assert_in_range(then.tv_nsec, 0, 999999999);
        assert_true(before + rows[i] <= at && at <= after + rows[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_as_rfc_3339_with_milliseconds),
        cmocka_unit_test(times_are_read_with_any_offset_and_fraction),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(a_duration_is_a_number_with_its_unit),
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(a_deadline_lies_ahead_by_the_monotonic_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
