/* core/base/map.h, id.h and mailbox.h: what holds and carries things. */
#include "core/base/id.h"
#include "core/base/mailbox.h"
#include "core/base/map.h"
#include "core/base/memory.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- map ---- */

static void a_map_holds_what_was_put_last(void **state) {
    (void)state;
    map *m = map_new();
    int one, two;
    assert_null(map_get(m, SPAN("a")));
    assert_null(map_remove(m, SPAN("a")));
    assert_null(map_put(m, SPAN("a"), &one));
    assert_ptr_equal(map_put(m, SPAN("a"), &two), &one);
    assert_ptr_equal(map_get(m, SPAN("a")), &two);
    assert_int_equal(map_count(m), 1);
    assert_ptr_equal(map_remove(m, SPAN("a")), &two);
    assert_null(map_get(m, SPAN("a")));
    assert_int_equal(map_count(m), 0);
    map_free(m, NULL);
    map_free(NULL, NULL);
}

static void keys_may_be_empty_and_hold_nul(void **state) {
    (void)state;
    map *m = map_new();
    int empty, a, b;
    map_put(m, (span){NULL, 0}, &empty);
    map_put(m, SPAN("x\0a"), &a);
    map_put(m, SPAN("x\0b"), &b);
    assert_ptr_equal(map_get(m, SPAN("")), &empty);
    assert_ptr_equal(map_get(m, SPAN("x\0a")), &a);
    assert_ptr_equal(map_get(m, SPAN("x\0b")), &b);
    assert_null(map_get(m, SPAN("x")));
    map_free(m, NULL);
}

/* The same steps on the map and on a plain array, which must agree after each. */
static void a_map_agrees_with_an_array_over_many_random_steps(void **state) {
    (void)state;
    enum { KEYS = 300, STEPS = 60000 };
    static int values[KEYS];
    static bool there[KEYS];
    map *m = map_new();
    uint32_t seed = 12345;
    size_t count = 0;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 1664525u + 1013904223u;
        int k = (int)(seed >> 8) % KEYS;
        char key[16];
        snprintf(key, sizeof key, "key-%d", k);
        /* Grows for a while, then shrinks, so that removals leave long runs to close. */
        bool adds = seed % 100 < (step / 5000 % 2 ? 30 : 70);
        if (adds) {
            assert_ptr_equal(map_put(m, span_of(key), &values[k]), there[k] ? &values[k] : NULL);
            count += !there[k];
            there[k] = true;
        } else {
            assert_ptr_equal(map_remove(m, span_of(key)), there[k] ? &values[k] : NULL);
            count -= there[k];
            there[k] = false;
        }
        assert_int_equal(map_count(m), count);
        if (step % 500 != 0) continue;
        for (int i = 0; i < KEYS; i++) {
            snprintf(key, sizeof key, "key-%d", i);
            assert_ptr_equal(map_get(m, span_of(key)), there[i] ? &values[i] : NULL);
        }
    }
    map_free(m, NULL);
}

static void a_walk_meets_every_entry_once(void **state) {
    (void)state;
    map *m = map_new();
    size_t sum = 0, cursor = 0, met = 0;
    span key;
    void *value;
    assert_false(map_next(m, &cursor, &key, &value));
    for (size_t i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof text, "%zu", i);
        size_t *number = xmalloc(sizeof *number);
        *number = i;
        map_put(m, span_of(text), number);
    }
    cursor = 0;
    while (map_next(m, &cursor, &key, &value)) {
        uint64_t number;
        assert_true(span_to_u64(key, 0, 999, &number));
        assert_int_equal(number, *(size_t *)value);
        sum += number;
        met++;
    }
    assert_int_equal(met, 1000);
    assert_int_equal(sum, 999 * 1000 / 2);
    map_free(m, free);
}

/* ---- id ---- */

static void ids_are_version_7_and_never_decrease(void **state) {
    (void)state;
    char before[ID_SIZE] = "", now[ID_SIZE];
    for (int i = 0; i < 20000; i++) {
        id_new(now);
        assert_true(id_is_valid(span_of(now)));
        assert_int_equal(now[14], '7');
        assert_non_null(strchr("89ab", now[19]));
        assert_true(strcmp(before, now) < 0);
        memcpy(before, now, sizeof now);
    }
}

static void only_the_text_of_a_uuid_is_an_id(void **state) {
    (void)state;
    static const char *const rows[] = {"", "x", "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5d-ac96-774b-bcce-b302099a80577", "01890A5D-ac96-774b-bcce-b302099a8057",
        "01890a5dac96-774b-bcce-b302099a8057-", "01890a5d-ac96-774b-bcce-b302099a805g",
        "{1890a5d-ac96-774b-bcce-b302099a805}", "01890a5d/ac96-774b-bcce-b302099a8057",
        "../../../../../../../etc/passwd-----"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_false(id_is_valid(span_of(rows[i])));
    assert_true(id_is_valid(SPAN("01890a5d-ac96-774b-bcce-b302099a8057")));
}

enum { THREADS = 4, IDS_EACH = 5000 };

static void *make_ids(void *context) {
    char(*ids)[ID_SIZE] = context;
    for (int i = 0; i < IDS_EACH; i++)
        id_new(ids[i]);
    return NULL;
}

static int by_text(const void *a, const void *b) {
    return memcmp(a, b, ID_SIZE);
}

static void ids_of_many_threads_are_all_different(void **state) {
    (void)state;
    static char ids[THREADS * IDS_EACH][ID_SIZE];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_ids, ids[(size_t)i * IDS_EACH]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(ids, THREADS * IDS_EACH, ID_SIZE, by_text);
    for (size_t i = 1; i < (size_t)THREADS * IDS_EACH; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
}

/* The child has the same memory, and the same random bytes that were drawn ahead in it. */
static void a_child_process_makes_other_ids(void **state) {
    (void)state;
    char ours[ID_SIZE], theirs[ID_SIZE] = "";
    int ends[2], status;
    id_new(ours);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(write(ends[1], id_new(theirs), ID_SIZE) == ID_SIZE ? 0 : 1);
    id_new(ours);
    assert_int_equal(read(ends[0], theirs, ID_SIZE), ID_SIZE);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(id_is_valid(span_of(theirs)));
    assert_string_not_equal(ours + 19, theirs + 19); /* behind the time and the counter */
    close(ends[0]);
    close(ends[1]);
}

/* ---- mailbox ---- */

typedef struct parcel {
    mail mail;
    int sender, number;
} parcel;

static bool is_readable(const mailbox *box) {
    struct pollfd p = {.fd = mailbox_fd(box), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void a_mailbox_gives_all_items_in_order_and_wakes_its_owner(void **state) {
    (void)state;
    mailbox *box;
    parcel parcels[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    assert_null(mailbox_new(&box));
    assert_false(is_readable(box));
    assert_null(mailbox_take(box));
    for (int i = 0; i < 3; i++)
        mailbox_post(box, &parcels[i].mail);
    assert_true(is_readable(box));
    mail *item = mailbox_take(box);
    assert_false(is_readable(box));
    for (int i = 0; i < 3; i++, item = item->next)
        assert_int_equal(((parcel *)item)->number, i);
    assert_null(item);
    mailbox_post(box, &parcels[1].mail);
    assert_true(is_readable(box));
    assert_ptr_equal(mailbox_take(box), &parcels[1].mail);
    mailbox_free(box);
    mailbox_free(NULL);
}

typedef struct sender {
    pthread_t thread;
    mailbox *box;
    int index;
    parcel parcels[IDS_EACH];
} sender;

static void *post_all(void *context) {
    sender *s = context;
    for (int i = 0; i < IDS_EACH; i++) {
        s->parcels[i] = (parcel){.sender = s->index, .number = i};
        mailbox_post(s->box, &s->parcels[i].mail);
    }
    return NULL;
}

static void nothing_that_many_threads_post_is_lost_or_reordered(void **state) {
    (void)state;
    static sender senders[THREADS];
    int next[THREADS] = {0}, received = 0;
    mailbox *box;
    assert_null(mailbox_new(&box));
    for (int i = 0; i < THREADS; i++) {
        senders[i].box = box;
        senders[i].index = i;
        assert_int_equal(pthread_create(&senders[i].thread, NULL, post_all, &senders[i]), 0);
    }
    while (received < THREADS * IDS_EACH) {
        struct pollfd p = {.fd = mailbox_fd(box), .events = POLLIN};
        assert_int_equal(poll(&p, 1, 10000), 1);
        for (mail *item = mailbox_take(box); item; item = item->next) {
            parcel *got = (parcel *)item;
            assert_int_equal(got->number, next[got->sender]++);
            received++;
        }
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(senders[i].thread, NULL);
    assert_null(mailbox_take(box));
    mailbox_free(box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_holds_what_was_put_last),
        cmocka_unit_test(keys_may_be_empty_and_hold_nul),
        cmocka_unit_test(a_map_agrees_with_an_array_over_many_random_steps),
        cmocka_unit_test(a_walk_meets_every_entry_once),
        cmocka_unit_test(ids_are_version_7_and_never_decrease),
        cmocka_unit_test(only_the_text_of_a_uuid_is_an_id),
        cmocka_unit_test(ids_of_many_threads_are_all_different),
        cmocka_unit_test(a_child_process_makes_other_ids),
        cmocka_unit_test(a_mailbox_gives_all_items_in_order_and_wakes_its_owner),
        cmocka_unit_test(nothing_that_many_threads_post_is_lost_or_reordered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
