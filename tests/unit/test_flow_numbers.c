/* tests/unit/test_flow_numbers.c: control numbers of outgoing interchanges, matrix row EW03: no number twice, whoever
 * asks at once, wherever the appliance stops; what a crash leaves out is a gap; after 999999999 comes 1.
 */
#include "core/flow/call.h"
#include "tests/unit/store_help.h"

#include <pthread.h>

enum { THREADS = 4, EACH = 500 };

static const char sequence[] = "X12/interchange/ZZ:US/ZZ:THEM";

typedef struct asking {
    control_numbers *numbers;
    uint64_t given[EACH];
} asking;

static void *ask(void *context) {
    asking *a = context;
    for (size_t i = 0; i < EACH; i++)
        must(control_numbers_next(a->numbers, sequence, &a->given[i]));
    return NULL;
}

static uint64_t next(control_numbers *numbers) {
    uint64_t number = 0;
    must(control_numbers_next(numbers, sequence, &number));
    return number;
}

static void commit_used(store *s, int64_t last) {
    store_change *change = store_change_new();
    call_scope scope = {.used = json_object()};
    json_object_set_new(scope.used, sequence, json_integer(last));
    call_scope_raise(&scope, change);
    must(store_commit(s, change, NULL));
    call_scope_end(&scope);
}

static store *open_store(const char *directory) {
    const store_options options = options_for(directory);
    store *s = NULL;
    must(store_open(&options, &s));
    return s;
}

static void no_number_is_given_twice_to_those_who_ask_at_once(void **state) {
    (void)state;
    static asking askers[THREADS];
    static bool seen[THREADS * EACH + 1];
    pthread_t threads[THREADS];
    char *directory = make_directory();
    store *s = open_store(directory);
    control_numbers *numbers = control_numbers_new(s);
    for (size_t i = 0; i < THREADS; i++) {
        askers[i].numbers = numbers;
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++) {
        for (size_t k = 0; k < EACH; k++) {
            uint64_t number = askers[i].given[k];
            assert_in_range(number, 1, THREADS * EACH); /* without a gap */
            assert_false(seen[number]);
            seen[number] = true;
        }
    }
    control_numbers_free(numbers);
    store_close(s);
    remove_directory(directory);
}

/* Numbers are raised in the transaction that keeps what bears them: one that was given out before a crash, and borne by
 * nothing that was kept, comes again; one that another's transaction passed by is a gap. */
static void a_crash_between_reserving_and_keeping_makes_no_duplicate(void **state) {
    (void)state;
    char *directory = make_directory();
    store *s = open_store(directory);
    control_numbers *numbers = control_numbers_new(s);
    assert_int_equal(next(numbers), 1);
    assert_int_equal(next(numbers), 2); /* the one that asked for 1 is slower */
    commit_used(s, 2);
    assert_int_equal(next(numbers), 3); /* nothing keeps it */
    control_numbers_free(numbers);
    store_close(s); /* and the appliance stops */
    s = open_store(directory);
    numbers = control_numbers_new(s);
    assert_int_equal(next(numbers), 3); /* nothing bore it; 1 is the gap */
    commit_used(s, 3);
    control_numbers_free(numbers);
    numbers = control_numbers_new(s);
    assert_int_equal(next(numbers), 4);
    control_numbers_free(numbers);
    store_close(s);
    remove_directory(directory);
}

static void after_the_last_number_of_nine_digits_comes_one(void **state) {
    (void)state;
    char *directory = make_directory();
    store *s = open_store(directory);
    commit_used(s, 999999997);
    control_numbers *numbers = control_numbers_new(s);
    assert_int_equal(next(numbers), 999999998);
    assert_int_equal(next(numbers), 999999999);
    assert_int_equal(next(numbers), 1);
    commit_used(s, 1000000000); /* the counter itself goes on */
    control_numbers_free(numbers);
    numbers = control_numbers_new(s);
    assert_int_equal(next(numbers), 2);
    control_numbers_free(numbers);
    store_close(s);
    remove_directory(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_number_is_given_twice_to_those_who_ask_at_once),
        cmocka_unit_test(a_crash_between_reserving_and_keeping_makes_no_duplicate),
        cmocka_unit_test(after_the_last_number_of_nine_digits_comes_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
