/* tests/unit/test_facade_waiting.c: a commit wakes who waits for what it changed, and nothing is missed. */
#include "core/facade/waiting.h"

#include "core/base/clock.h"
#include "core/base/memory.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LONG_MS = 3600 * 1000, GIVE_UP_MS = 20000 };

static const char one[] = "00000000-0000-7000-8000-000000000001", two[] = "00000000-0000-7000-8000-000000000002";

typedef struct watcher {
    waiter *w;
    _Atomic int looks;
    _Atomic int sleep_ms; /* after each look; -1: the test does it */
} watcher;

static blocking *threads;
static later_steps *later;

static void look(void *context) {
    watcher *me = context;
    int sleep_ms = atomic_load(&me->sleep_ms);
    atomic_fetch_add(&me->looks, 1);
    if (sleep_ms >= 0) waiter_sleep(me->w, sleep_ms);
}

static void tell(const char *id) {
    const store_news news[] = {{"job", id, "ready"}, {"message", id, "completed"}};
    waiting_tell(news, 2);
}

static void await_looks(watcher *me, int wanted) {
    int64_t until_ms = clock_monotonic_ms() + GIVE_UP_MS;
    while (atomic_load(&me->looks) < wanted) {
        if (clock_monotonic_ms() > until_ms) fail_msg("%d of %d looks", atomic_load(&me->looks), wanted);
        poll(NULL, 0, 1);
    }
}

static int start(void **state) {
    (void)state;
    error *err = blocking_start(2, &threads);
    if (!err) err = later_start(&later);
    assert_null(err);
    return 0;
}

static int stop(void **state) {
    (void)state;
    later_end(later);
    blocking_stop(threads);
    later_free(later);
    return 0;
}

static void a_change_of_what_was_named_wakes(void **state) {
    (void)state;
    watcher me = {.sleep_ms = -1};
    me.w = waiter_new(threads, later, look, &me);
    assert_false(waiter_knows(me.w, one));
    assert_true(waiter_knows(me.w, one));
    waiter_sleep(me.w, LONG_MS);
    tell(two);
    assert_int_equal(atomic_load(&me.looks), 0);
    tell(one);
    await_looks(&me, 1);
    tell(one); /* nobody sleeps: remembered, not called */
    assert_int_equal(atomic_load(&me.looks), 1);
    waiter_sleep(me.w, LONG_MS);
    await_looks(&me, 2);
    waiter_free(me.w);
    tell(one);
}

static void what_changes_during_a_look_wakes_at_once(void **state) {
    (void)state;
    watcher me = {.sleep_ms = -1};
    me.w = waiter_new(threads, later, look, &me);
    assert_false(waiter_knows(me.w, one));
    tell(one);
    waiter_sleep(me.w, LONG_MS);
    await_looks(&me, 1);
    waiter_free(me.w);
}

static void time_wakes_too_and_only_for_the_last_sleep(void **state) {
    (void)state;
    watcher me = {.sleep_ms = 1};
    me.w = waiter_new(threads, later, look, &me);
    waiter_sleep(me.w, 1);
    await_looks(&me, 3);
    atomic_store(&me.sleep_ms, -1);
    int looks;
    do { /* the look that reads -1 is the last */
        looks = atomic_load(&me.looks);
        poll(NULL, 0, 20);
    } while (looks != atomic_load(&me.looks));
    waiter_free(me.w);
}

static void many_wait_for_the_same(void **state) {
    enum { MANY = 50 };
    static watcher all[MANY];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        all[i] = (watcher){.sleep_ms = -1};
        all[i].w = waiter_new(threads, later, look, &all[i]);
        assert_false(waiter_knows(all[i].w, one));
        if (i % 2) assert_false(waiter_knows(all[i].w, two));
        waiter_sleep(all[i].w, LONG_MS);
    }
    waiter_free(all[0].w);
    tell(two);
    for (int i = 1; i < MANY; i += 2)
        await_looks(&all[i], 1);
    tell(one);
    for (int i = 2; i < MANY; i += 2)
        await_looks(&all[i], 1);
    assert_int_equal(atomic_load(&all[0].looks), 0);
    for (int i = 1; i < MANY; i++)
        waiter_free(all[i].w);
}

#define with_threads(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        with_threads(a_change_of_what_was_named_wakes),
        with_threads(what_changes_during_a_look_wakes_at_once),
        with_threads(time_wakes_too_and_only_for_the_last_sleep),
        with_threads(many_wait_for_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
