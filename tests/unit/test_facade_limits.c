/* How often somebody may do something: token buckets. */
#include "core/facade/limits.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>

static const limits_rate ten_a_second = {.requests = 10, .per_ms = 1000, .burst = 10};

static void a_burst_passes_and_then_one_each_tenth_of_a_second(void **state) {
    (void)state;
    limits *l = limits_hold("test");
    int64_t now = 1000000;
    for (int i = 0; i < 10; i++) {
        limits_state s = limits_take(l, &ten_a_second, SPAN("acme"), now);
        assert_true(s.allowed);
        assert_int_equal(s.remaining, 9 - i);
    }
    limits_state refused = limits_take(l, &ten_a_second, SPAN("acme"), now);
    assert_false(refused.allowed);
    assert_int_equal(refused.remaining, 0);
    assert_int_equal(refused.retry_ms, 100);
    assert_false(limits_take(l, &ten_a_second, SPAN("acme"), now + 99999).allowed);
    assert_true(limits_take(l, &ten_a_second, SPAN("acme"), now + 100000).allowed);
    assert_false(limits_take(l, &ten_a_second, SPAN("acme"), now + 100000).allowed);
    assert_true(limits_take(l, &ten_a_second, SPAN("other"), now).allowed);
    limits_release(l);
}

static void a_flood_of_refused_requests_does_not_postpone_the_next(void **state) {
    (void)state;
    limits *l = limits_hold("flood");
    for (int i = 0; i < 1000; i++)
        (void)limits_take(l, &ten_a_second, SPAN("k"), 0);
    assert_true(limits_take(l, &ten_a_second, SPAN("k"), 100000).allowed);
    limits_release(l);
}

static void buckets_of_one_name_outlive_a_configuration(void **state) {
    (void)state;
    static const limits_rate one = {.requests = 1, .per_ms = 60000, .burst = 1};
    limits *before = limits_hold("route");
    assert_true(limits_take(before, &one, SPAN("k"), 0).allowed);
    limits *after = limits_hold("route");
    limits_release(before);
    assert_false(limits_take(after, &one, SPAN("k"), 1).allowed);
    limits_release(after);
    limits *anew = limits_hold("route");
    assert_true(limits_take(anew, &one, SPAN("k"), 2).allowed);
    limits_release(anew);
}

static void more_keys_than_there_is_room_for_are_bounded_and_still_limited(void **state) {
    (void)state;
    limits *l = limits_hold("many");
    char key[32];
    for (int i = 0; i < 200000; i++) {
        snprintf(key, sizeof key, "address %d", i);
        (void)limits_take(l, &ten_a_second, span_of(key), i);
    }
    int passed = 0;
    for (int i = 0; i < 100; i++)
        passed += limits_take(l, &ten_a_second, SPAN("loud"), 300000).allowed;
    assert_int_equal(passed, 10);
    limits_release(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_and_then_one_each_tenth_of_a_second),
        cmocka_unit_test(a_flood_of_refused_requests_does_not_postpone_the_next),
        cmocka_unit_test(buckets_of_one_name_outlive_a_configuration),
        cmocka_unit_test(more_keys_than_there_is_room_for_are_bounded_and_still_limited),
    };
    return cmocka_run_group_tests_name("facade limits", tests, NULL, NULL);
}
