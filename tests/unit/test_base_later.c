/* core/base/later.h: steps that are due in a while. */
#include "core/base/later.h"

#include "core/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int seen[64], seen_count;
static int64_t seen_at[64];

static void note(void *context) {
    pthread_mutex_lock(&lock);
    seen[seen_count] = *(int *)context;
    seen_at[seen_count++] = clock_monotonic_ms();
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for(int count) {
    pthread_mutex_lock(&lock);
    while (seen_count < count)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void steps_run_in_the_order_of_their_times_and_not_before(void **state) {
    (void)state;
    static int numbers[] = {0, 1, 2, 3, 4, 5};
    static const int64_t due[] = {40, 10, 30, 20, 10, 0};
    static const int expected[] = {5, 1, 4, 3, 2, 0};
    later_steps *l = NULL;
    seen_count = 0;
    assert_null(later_start(&l));
    int64_t began = clock_monotonic_ms();
    for (int i = 0; i < 6; i++)
        later_run(l, due[i], note, &numbers[i]);
    wait_for(6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(seen[i], expected[i]);
        assert_true(seen_at[i] - began >= due[expected[i]]);
    }
    later_end(l);
    later_free(l);
}

static void what_waits_at_the_end_runs_then_and_what_comes_later_at_once(void **state) {
    (void)state;
    static int numbers[40];
    later_steps *l = NULL;
    seen_count = 0;
    assert_null(later_start(&l));
    for (int i = 0; i < 40; i++) {
        numbers[i] = i;
        later_run(l, 3600000 + i, note, &numbers[i]);
    }
    assert_false(later_is_over(l));
    later_end(l);
    assert_true(later_is_over(l));
    assert_int_equal(seen_count, 40);
    for (int i = 0; i < 40; i++)
        assert_int_equal(seen[i], i);
    later_run(l, 3600000, note, &numbers[7]);
    assert_int_equal(seen_count, 41);
    later_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_run_in_the_order_of_their_times_and_not_before),
        cmocka_unit_test(what_waits_at_the_end_runs_then_and_what_comes_later_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
