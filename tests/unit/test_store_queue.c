/* tests/unit/test_store_queue.c: jobs, leases, and many threads at once. */
#include "tests/unit/store_help.h"

#include <pthread.h>
#include <stdatomic.h>

static char *directory;
static store *s;

static void open_again(void) {
    store_options options = options_for(directory);
    options.lease_ms = 600000;
    must(store_open(&options, &s));
}

static int open_store(void **state) {
    (void)state;
    directory = make_directory();
    open_again();
    return 0;
}

static int close_store(void **state) {
    (void)state;
    store_close(s);
    remove_directory(directory);
    return 0;
}

static void add_job(const store_job *job) {
    store_change *change = store_change_new();
    store_add_job(change, job);
    must(store_commit(s, change, NULL));
}

/* Claims at most one. */
static size_t claim_one(int64_t lease_ms, claimed_job *job) {
    size_t count = 0;
    must(store_claim_jobs(s, lease_ms, NULL, job, 1, &count));
    return count;
}

static void a_job_is_claimed_once_with_what_was_put_in(void **state) {
    (void)state;
    char message[ID_SIZE];
    json_t *detail = json_pack("{s:s}", "path", "in/ORD4711.csv");
    put_message(s, "x", message);
    store_job job = a_job(message);
    job.kind = "deliver";
    job.connection = "erp";
    job.detail = detail;
    add_job(&job);
    claimed_job got;
    assert_int_equal(claim_one(60000, &got), 1);
    assert_string_equal(got.id, job.id);
    assert_string_equal(got.kind, "deliver");
    assert_string_equal(got.message, message);
    assert_string_equal(got.connection, "erp");
    assert_int_equal(got.attempt, 1);
    assert_true(json_equal(got.detail, detail));
    claimed_job_free(&got);
    assert_int_equal(claim_one(60000, &got), 0);
    store_change *change = store_change_new();
    store_finish_job(change, job.id, 1);
    must(store_commit(s, change, NULL));
    json_t *json = NULL;
    must(store_find_jobs(s, NULL, NULL, 10, &json));
    assert_int_equal(json_array_size(json_get_array(json, "items")), 0);
    json_decref(json);
    json_decref(detail);
}

static void jobs_come_in_the_order_of_their_time(void **state) {
    (void)state;
    int64_t now = clock_wall_ms();
    store_job late = a_job(NULL), early = a_job(NULL), future = a_job(NULL);
    late.run_at = now - 1000;
    early.run_at = now - 2000;
    future.run_at = now + 600000;
    add_job(&future);
    add_job(&late);
    add_job(&early);
    claimed_job got[5];
    size_t count = 0;
    must(store_claim_jobs(s, 60000, NULL, got, 5, &count));
    assert_int_equal(count, 2);
    assert_string_equal(got[0].id, early.id);
    assert_string_equal(got[1].id, late.id);
    int64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        store_change *change = store_change_new();
        store_finish_job(change, got[i].id, got[i].attempt);
        must(store_commit(s, change, NULL));
        claimed_job_free(&got[i]);
    }
    must(store_next_job_at(s, NULL, &at));
    assert_true(at == future.run_at);
}

static void an_empty_queue_has_no_next_job(void **state) {
    (void)state;
    int64_t at = 0;
    must(store_next_job_at(s, NULL, &at));
    assert_true(at == INT64_MAX);
}

static void every_step_on_a_job_needs_its_lease_and_attempt(void **state) {
    (void)state;
    json_t *note = json_pack("{s:b}", "staged", 1);
    store_job job = a_job(NULL);
    add_job(&job);
    /* Before the claim, and for the wrong attempt, nothing may touch it. */
    for (int attempt = 0; attempt < 2; attempt++) {
        for (int step = 0; step < 6; step++) {
            store_change *change = store_change_new();
            if (step == 0) store_finish_job(change, job.id, attempt + 1);
            if (step == 1) store_retry_job(change, job.id, attempt + 1, 0, "why");
            if (step == 2) store_bury_job(change, job.id, attempt + 1, "why");
            if (step == 3) store_note_job(change, job.id, attempt + 1, note);
            if (step == 4) store_extend_job(change, job.id, attempt + 1, 1000);
            if (step == 5) store_hold_job(change, job.id, attempt + 1, "why");
            must_refuse(store_commit(s, change, NULL), ERROR_CONFLICT);
        }
        claimed_job got;
        if (attempt == 0) assert_int_equal(claim_one(60000, &got), 1);
        if (attempt == 0) claimed_job_free(&got);
    }
    store_change *change = store_change_new();
    store_note_job(change, job.id, 1, note);
    store_retry_job(change, job.id, 1, clock_wall_ms() - 1, "host down");
    must(store_commit(s, change, NULL));
    claimed_job got;
    assert_int_equal(claim_one(60000, &got), 1);
    assert_int_equal(got.attempt, 2);
    assert_true(json_get_bool(got.detail, "staged", false));
    claimed_job_free(&got);
    json_decref(note);
}

/* What is busy is passed over by claims and by the look at the clock; other kinds for the same connection are not. */
static void jobs_that_are_not_wanted_now_stay_in_the_queue(void **state) {
    (void)state;
    claimed_job got[3];
    size_t count;
    int64_t at = 0;
    store_job first = a_job(NULL), second = a_job(NULL), other = a_job(NULL);
    json_t *busy = json_pack("[s, s]", "deliver/erp", "deliver/other");
    first.kind = second.kind = "deliver";
    first.connection = second.connection = other.connection = "erp";
    other.kind = "process";
    add_job(&first);
    add_job(&other);
    must(store_claim_jobs(s, 60000, busy, got, 3, &count));
    assert_int_equal(count, 1);
    assert_string_equal(got[0].id, other.id);
    claimed_job_free(&got[0]);
    must(store_next_job_at(s, busy, &at));
    assert_true(at > clock_wall_ms()); /* the end of the lease */
    must(store_next_job_at(s, NULL, &at));
    assert_true(at <= clock_wall_ms());
    add_job(&second);
    must(store_claim_jobs(s, 60000, NULL, got, 3, &count));
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++)
        claimed_job_free(&got[i]);
    json_decref(busy);
}

/* However much waits behind what is busy, the rest comes in the order of its time. */
static void what_is_not_busy_comes_in_the_order_of_its_time_from_every_lane(void **state) {
    (void)state;
    enum { BEHIND = 40, ROUNDS = 6 };
    static const struct {
        const char *kind, *connection;
    } lanes[] = {{"process", NULL}, {"deliver", "b"}, {"deliver", "a"}, {"process", "slow"}};
    enum { LANES = sizeof lanes / sizeof *lanes };
    claimed_job got[ROUNDS * LANES];
    char ids[ROUNDS * LANES][ID_SIZE];
    size_t count;
    int64_t now = clock_wall_ms();
    json_t *busy = json_pack("[s]", "deliver/slow");
    for (int i = 0; i < BEHIND; i++) {
        store_job job = a_job(NULL);
        job.kind = "deliver";
        job.connection = "slow";
        job.run_at = now - 100000 + i;
        add_job(&job);
    }
    for (int i = 0; i < ROUNDS * LANES; i++) {
        store_job job = a_job(NULL);
        job.kind = lanes[i % LANES].kind;
        job.connection = lanes[i % LANES].connection;
        job.run_at = now - 1000 + i;
        add_job(&job);
        memcpy(ids[i], job.id, ID_SIZE);
    }
    int64_t at = 0;
    must(store_next_job_at(s, busy, &at));
    assert_int_equal(at, now - 1000);
    for (size_t begun = 0; begun < ROUNDS * LANES; begun += count) {
        must(store_claim_jobs(s, 60000, busy, got, 7, &count));
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(got[i].id, ids[begun + i]);
            claimed_job_free(&got[i]);
        }
    }
    must(store_claim_jobs(s, 60000, busy, got, 7, &count));
    assert_int_equal(count, 0);
    json_decref(busy);
}

static void expect_held(const char *connection) {
    json_t *names = NULL;
    must(store_held_connections(s, &names));
    assert_int_equal(json_array_size(names), connection ? 1 : 0);
    if (connection) assert_string_equal(json_string_value(json_array_get(names, 0)), connection);
    json_decref(names);
}

/* One that is held from its beginning, and one whose attempt found that it must wait. */
static void a_held_job_waits_for_its_release_and_counts_no_attempt(void **state) {
    (void)state;
    claimed_job got[2];
    size_t count;
    store_job first = a_job(NULL), second = a_job(NULL);
    first.connection = second.connection = "erp";
    first.run_at = STORE_HELD;
    add_job(&first);
    add_job(&second);
    assert_int_equal(claim_one(60000, &got[0]), 1);
    assert_string_equal(got[0].id, second.id);
    claimed_job_free(&got[0]);
    store_change *change = store_change_new();
    store_hold_job(change, second.id, 1, "erp is switched off");
    must(store_commit(s, change, NULL));
    assert_int_equal(claim_one(60000, &got[0]), 0);
    expect_held("erp");
    change = store_change_new();
    store_release_jobs(change, "other");
    must(store_commit(s, change, NULL));
    assert_int_equal(claim_one(60000, &got[0]), 0);
    change = store_change_new();
    store_release_jobs(change, "erp");
    must(store_commit(s, change, NULL));
    expect_held(NULL);
    must(store_claim_jobs(s, 60000, NULL, got, 2, &count));
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got[i].attempt, 1);
        claimed_job_free(&got[i]);
    }
}

/* CR-24 */
static void a_dead_job_is_kept_and_revived_but_not_a_leased_one(void **state) {
    (void)state;
    char unknown[ID_SIZE];
    json_t *json = NULL;
    claimed_job got;
    store_job job = a_job(NULL);
    job.claimed = true;
    add_job(&job);
    store_change *change = store_change_new();
    store_revive_job(change, job.id);
    must_refuse(store_commit(s, change, NULL), ERROR_CONFLICT);
    change = store_change_new();
    store_bury_job(change, job.id, 1, "refused by the partner");
    must(store_commit(s, change, NULL));
    assert_int_equal(claim_one(60000, &got), 0);
    must(store_find_jobs(s, "dead", NULL, 10, &json));
    json_t *item = json_array_get(json_get_array(json, "items"), 0);
    assert_string_equal(json_get_text(item, "id", ""), job.id);
    assert_string_equal(json_get_text(item, "error", ""), "refused by the partner");
    json_decref(json);
    change = store_change_new();
    store_revive_job(change, job.id);
    must(store_commit(s, change, NULL));
    assert_int_equal(claim_one(60000, &got), 1);
    assert_int_equal(got.attempt, 2);
    assert_int_equal(json_get_integer(got.detail, "before", 0), 1); /* its policy counts from here */
    claimed_job_free(&got);
    change = store_change_new();
    store_revive_job(change, id_new(unknown));
    must_refuse(store_commit(s, change, NULL), ERROR_NOT_FOUND);
}

static void a_lease_that_ran_out_is_claimed_again_and_the_first_holder_is_refused(void **state) {
    (void)state;
    claimed_job got;
    store_job job = a_job(NULL);
    add_job(&job);
    assert_int_equal(claim_one(-1, &got), 1); /* out of time at once */
    claimed_job_free(&got);
    assert_int_equal(claim_one(60000, &got), 1);
    assert_int_equal(got.attempt, 2);
    claimed_job_free(&got);
    store_change *change = store_change_new();
    store_finish_job(change, job.id, 1);
    must_refuse(store_commit(s, change, NULL), ERROR_CONFLICT);
    change = store_change_new();
    store_extend_job(change, job.id, 2, -1);
    must(store_commit(s, change, NULL));
    assert_int_equal(claim_one(60000, &got), 1);
    assert_int_equal(got.attempt, 3);
    claimed_job_free(&got);
}

static void leases_of_an_earlier_life_are_due_at_once(void **state) {
    (void)state;
    claimed_job got;
    store_job born = a_job(NULL), claimed = a_job(NULL);
    born.claimed = true;
    add_job(&born);
    add_job(&claimed);
    assert_int_equal(claim_one(600000, &got), 1);
    assert_string_equal(got.id, claimed.id);
    claimed_job_free(&got);
    assert_int_equal(claim_one(600000, &got), 0);
    store_close(s);
    open_again();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(claim_one(600000, &got), 1);
        assert_int_equal(got.attempt, 2);
        claimed_job_free(&got);
    }
    store_change *change = store_change_new();
    store_finish_job(change, born.id, 1); /* the lease of the life before */
    must_refuse(store_commit(s, change, NULL), ERROR_CONFLICT);
}

static void jobs_are_listed_by_status_and_page(void **state) {
    (void)state;
    static const struct {
        const char *status;
        size_t count;
    } cases[] = {{NULL, 10}, {"ready", 4}, {"waiting", 3}, {"leased", 2}, {"dead", 1}};
    json_t *json = NULL;
    for (int i = 0; i < 10; i++) {
        store_job job = a_job(NULL);
        job.run_at = i < 4 ? 1000 : clock_wall_ms() + 600000;
        job.claimed = i >= 7;
        add_job(&job);
        store_change *change = store_change_new();
        store_bury_job(change, job.id, 1, "why");
        if (i == 9)
            must(store_commit(s, change, NULL));
        else
            store_change_free(change);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *after = NULL;
        size_t seen = 0;
        do {
            must(store_find_jobs(s, cases[i].status, after, 3, &json));
            free(after);
            after = json_get_text(json, "next", NULL) ? xstrdup(json_get_text(json, "next", NULL)) : NULL;
            json_t *item;
            size_t at;
            json_array_foreach(json_get_array(json, "items"), at, item) {
                if (cases[i].status) assert_string_equal(json_get_text(item, "status", ""), cases[i].status);
                seen++;
            }
            json_decref(json);
        } while (after);
        assert_int_equal(seen, cases[i].count);
    }
    must(store_stats(s, &json));
    for (size_t i = 1; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(json_get_integer(json_get_object(json, "jobs"), cases[i].status, -1), cases[i].count);
    json_decref(json);
    must_refuse(store_find_jobs(s, "lost", NULL, 3, &json), ERROR_INVALID);
    must_refuse(store_find_jobs(s, "ready", "nowhere", 3, &json), ERROR_INVALID);
}

/* ---- many threads -------------------------------------------------------------------------------------------------
 */

enum { THREADS = 64, CHANGES = 40 };

static atomic_int accepted, refused, read_back;

/* Each thread adds messages; every second one fights with the others for one key. */
static void *submit_many(void *context) {
    int thread = *(int *)context;
    for (int i = 0; i < CHANGES; i++) {
        char key[32];
        json_t *json = NULL;
        store_message message = a_message();
        payload p;
        error_free(payload_of(s, SPAN("a payload of some bytes"), &p));
        store_change *change = store_change_new();
        store_job job = a_job(message.id);
        store_add_message(change, &message, &p);
        store_add_event(change, message.id, "received", "by a thread", NULL);
        store_add_job(change, &job);
        snprintf(key, sizeof key, i % 2 ? "shared-%d" : "own-%d-%d", i, thread);
        store_claim_key(change, "scope", key, message.id);
        error *err = store_commit(s, change, NULL);
        if (err && error_code_of(err) == ERROR_CONFLICT) atomic_fetch_add(&refused, 1);
        if (!err) {
            atomic_fetch_add(&accepted, 1);
            error *read = store_message_json(s, message.id, &json); /* what was reported is seen */
            if (!read) atomic_fetch_add(&read_back, 1);
            error_free(read);
            json_decref(json);
        }
        error_free(err);
    }
    return NULL;
}

static void sixty_four_threads_submit_and_each_key_has_one_winner(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    int numbers[THREADS];
    json_t *json = NULL;
    atomic_store(&accepted, 0);
    atomic_store(&refused, 0);
    atomic_store(&read_back, 0);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    const int winners = THREADS * CHANGES / 2 + CHANGES / 2;
    assert_int_equal(atomic_load(&accepted), winners);
    assert_int_equal(atomic_load(&refused), THREADS * CHANGES - winners);
    assert_int_equal(atomic_load(&read_back), winners);
    store_close(s);
    open_again();
    must(store_stats(s, &json));
    assert_int_equal(
        json_get_integer(json_get_object(json_get_object(json, "messages"), "by_status"), "received", 0), winners);
    assert_int_equal(json_get_integer(json_get_object(json, "jobs"), "ready", 0), winners);
    json_decref(json);
}

static void *claim_many(void *context) {
    int *mine = context;
    for (;;) {
        claimed_job got[7];
        size_t count = 0;
        error *err = store_claim_jobs(s, 600000, NULL, got, 7, &count);
        if (err) abort();
        if (count == 0) return NULL;
        for (size_t i = 0; i < count; i++) {
            store_change *change = store_change_new();
            store_finish_job(change, got[i].id, got[i].attempt);
            err = store_commit(s, change, NULL);
            if (err) abort();
            claimed_job_free(&got[i]);
            (*mine)++;
        }
    }
}

static void no_job_is_claimed_twice(void **state) {
    (void)state;
    pthread_t threads[8];
    int mine[8] = {0}, total = 0;
    store_change *change = store_change_new();
    for (int i = 0; i < 500; i++) {
        store_job job = a_job(NULL);
        store_add_job(change, &job);
    }
    must(store_commit(s, change, NULL));
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, claim_many, &mine[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        total += mine[i];
    }
    assert_int_equal(total, 500);
}

/* ---- submitting without waiting, and the news ---------------------------------------------------------------------
 */

typedef struct watcher {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int answers, refusals;
    char news[1024];
} watcher;

static void count_answer(void *context, error *take_error, const store_commit_result *result) {
    watcher *w = context;
    (void)result;
    pthread_mutex_lock(&w->lock);
    w->answers++;
    if (take_error) w->refusals++;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    error_free(take_error);
}

static void write_news_down(void *context, const store_news *news, size_t count) {
    watcher *w = context;
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(w->news);
        snprintf(w->news + used, sizeof w->news - used, "%s %s %s\n", news[i].kind, news[i].id, news[i].status);
    }
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void whoever_does_not_wait_is_told_and_so_is_the_listener(void **state) {
    (void)state;
    watcher w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    char unknown[ID_SIZE], wanted[1024];
    directory = make_directory();
    store_options options = options_for(directory);
    options.committed = write_news_down;
    options.context = &w;
    must(store_open(&options, &s));
    json_t *body = json_object();
    store_message message = a_message();
    store_job job = a_job(message.id);
    store_change *change = store_change_new(), *refusal = store_change_new();
    store_set_status(refusal, id_new(unknown), MESSAGE_FAILED, NULL);
    store_add_message(change, &message, NULL);
    store_set_status(change, message.id, MESSAGE_FAILED, "why");
    store_add_job(change, &job);
    store_put_object(change, "flows", "orders", 0, body, "me");
    store_submit(s, refusal, count_answer, &w);
    store_submit(s, change, count_answer, &w);
    store_close(s); /* finishes what was submitted */
    assert_int_equal(w.answers, 2);
    assert_int_equal(w.refusals, 1);
    snprintf(wanted, sizeof wanted, "message %s received\nmessage %s failed\njob %s ready\nconfig flows/orders put\n",
        message.id, message.id, job.id);
    assert_string_equal(w.news, wanted);
    json_decref(body);
    remove_directory(directory);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_job_is_claimed_once_with_what_was_put_in),
        WITH_STORE(jobs_come_in_the_order_of_their_time),
        WITH_STORE(an_empty_queue_has_no_next_job),
        WITH_STORE(every_step_on_a_job_needs_its_lease_and_attempt),
        WITH_STORE(jobs_that_are_not_wanted_now_stay_in_the_queue),
        WITH_STORE(what_is_not_busy_comes_in_the_order_of_its_time_from_every_lane),
        WITH_STORE(a_held_job_waits_for_its_release_and_counts_no_attempt),
        WITH_STORE(a_dead_job_is_kept_and_revived_but_not_a_leased_one),
        WITH_STORE(a_lease_that_ran_out_is_claimed_again_and_the_first_holder_is_refused),
        WITH_STORE(leases_of_an_earlier_life_are_due_at_once),
        WITH_STORE(jobs_are_listed_by_status_and_page),
        WITH_STORE(sixty_four_threads_submit_and_each_key_has_one_winner),
        WITH_STORE(no_job_is_claimed_twice),
        cmocka_unit_test(whoever_does_not_wait_is_told_and_so_is_the_listener),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
