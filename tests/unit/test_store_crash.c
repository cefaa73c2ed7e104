/* tests/unit/test_store_crash.c: the store is killed again and again, at random and at named points, and must have all
 * that it answered for, and nothing by halves (CR-01, CR-02, CR-22).
 *
 * The test starts itself as a child with the argument "child" (or "closing"): that one opens the store and adds
 * numbered messages from several threads, each with an event, a dedupe key, a job and a document, every third one with
 * a spool file, and writes each number to a pipe after store_commit answered. Named points exist only in a build with
 * CRASH=1; elsewhere that test says so.
 */
#include "tests/unit/store_help.h"

#include "core/base/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/inotify.h>
#include <sys/wait.h>

enum { THREADS = 4, NUMBERS_MAX = 1 << 20, RANDOM_KILLS = 60, SPOOLED_SIZE = 3000, CHILD_INLINE = 2000 };

static const char *program;

/* ---- the child ----------------------------------------------------------------------------------------------------
 */

static store *s;
static atomic_int next_number;

static error *add_numbered(int number) {
    char key[24];
    char bytes[SPOOLED_SIZE];
    payload p;
    store_message message = a_message();
    store_document document = a_document(message.id);
    store_job job = a_job(message.id);
    memset(bytes, 'a' + number % 26, sizeof bytes);
    error *err = payload_of(s, span_make(bytes, number % 3 ? 100 : SPOOLED_SIZE), &p);
    if (err) return err;
    snprintf(key, sizeof key, "%d", number);
    json_t *keys = json_pack("{s:s}", "number", key);
    document.keys = keys;
    message.filename = key;
    store_change *change = store_change_new();
    store_add_message(change, &message, &p);
    store_claim_key(change, "numbers", key, message.id);
    store_add_event(change, message.id, "received", key, NULL);
    store_add_document(change, &document);
    store_add_job(change, &job);
    store_audit(change, "child", "add", key, NULL);
    err = store_commit(s, change, NULL);
    json_decref(keys);
    if (!err || error_code_of(err) != ERROR_CONFLICT) return err;
    error_free(err); /* durable in a life before, unanswered then: the sender asks again and is told */
    return NULL;
}

static void *add_for_ever(void *context) {
    int pipe_fd = *(int *)context;
    for (;;) {
        int number = atomic_fetch_add(&next_number, 1);
        error *err = add_numbered(number);
        if (err) log_failure(LOG_ERROR, "child", err);
        if (err || write(pipe_fd, &number, sizeof number) != (ssize_t)sizeof number) _exit(3);
    }
}

/* Closing checkpoints, at a moment that can be named. */
static int add_some_and_close(int pipe_fd) {
    for (int i = 0; i < 20; i++) {
        int number = atomic_fetch_add(&next_number, 1);
        if (add_numbered(number) || write(pipe_fd, &number, sizeof number) != (ssize_t)sizeof number) return 3;
    }
    store_close(s);
    return 0;
}

static int run_child(const char *path, int first, int pipe_fd, bool closes) {
    pthread_t threads[THREADS];
    log_setup("child", LOG_ERROR, false);
    store_options options = options_for(path);
    options.inline_limit = CHILD_INLINE;
    error *err = store_open(&options, &s);
    if (err) {
        log_failure(LOG_ERROR, "child", err);
        return 2;
    }
    atomic_store(&next_number, first);
    if (closes) return add_some_and_close(pipe_fd);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, add_for_ever, &pipe_fd) != 0) return 2;
    pause();
    return 0;
}

/* ---- the parent ---------------------------------------------------------------------------------------------------
 */

static unsigned char answered[NUMBERS_MAX]; /* by number: store_commit returned */
static int highest;

/* Starts the child; what it answers for comes out of *from. `point` may be NULL. */
static pid_t start_child(const char *path, const char *mode, const char *point, int *from) {
    int ends[2];
    char first[16], end[16];
    assert_int_equal(pipe(ends), 0);
    snprintf(first, sizeof first, "%d", highest);
    snprintf(end, sizeof end, "%d", ends[1]);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        if (point) setenv("BANYAN_CRASH", point, 1);
        execl(program, program, mode, path, first, end, (char *)NULL);
        _exit(4);
    }
    close(ends[1]);
    *from = ends[0];
    return child;
}

/* Takes down what was answered, until `enough` answers or the end; the number of answers. */
static int take_down(int from, int enough) {
    int number, count = 0;
    while (count < enough && read(from, &number, sizeof number) == (ssize_t)sizeof number) {
        assert_true(number >= 0 && number < NUMBERS_MAX);
        answered[number] = 1;
        if (number >= highest) highest = number + 1;
        count++;
    }
    return count;
}

static void check_item(store *opened, json_t *item, unsigned char *seen) {
    json_t *events = NULL;
    payload_view view;
    const char *id = json_get_text(item, "id", "");
    int number = atoi(json_get_text(item, "filename", "-1"));
    assert_true(number >= 0 && number < NUMBERS_MAX);
    assert_int_equal(seen[number], 0); /* once */
    seen[number] = 1;
    json_t *document = json_array_get(json_get_array(item, "documents"), 0);
    assert_string_equal(
        json_get_text(json_get_object(document, "keys"), "number", ""), json_get_text(item, "filename", "-"));
    must(store_message_events(opened, id, &events));
    assert_int_equal(json_array_size(json_get_array(events, "events")), 1);
    json_decref(events);
    must(store_payload_open(opened, id, &view)); /* held against its digest */
    assert_int_equal(view.size, number % 3 ? 100 : SPOOLED_SIZE);
    payload_view_close(&view);
}

/* Every answered number is there once and whole; the counts agree; numbers that were not answered may be there. */
static void check_all(const char *path) {
    static unsigned char seen[NUMBERS_MAX];
    store *opened = NULL;
    json_t *page = NULL, *item;
    char *after = NULL;
    int64_t total = 0;
    store_options options = options_for(path);
    options.inline_limit = CHILD_INLINE;
    must(store_open(&options, &opened));
    memset(seen, 0, sizeof seen);
    do {
        message_filter filter = {.after = after, .limit = 1000};
        size_t at;
        must(store_find_messages(opened, &filter, &page));
        free(after);
        after = json_get_text(page, "next", NULL) ? xstrdup(json_get_text(page, "next", NULL)) : NULL;
        json_array_foreach(json_get_array(page, "items"), at, item) {
            check_item(opened, item, seen);
            total++;
        }
        json_decref(page);
    } while (after);
    int lost = 0;
    for (int i = 0; i < NUMBERS_MAX; i++) {
        if (answered[i] && !seen[i]) lost++;
        if (seen[i] && i >= highest) highest = i + 1; /* not answered, but durable */
    }
    assert_int_equal(lost, 0);
    must(store_stats(opened, &page));
    assert_int_equal(
        json_get_integer(json_get_object(json_get_object(page, "messages"), "by_status"), "received", -1), total);
    assert_int_equal(json_get_integer(json_get_object(page, "jobs"), "ready", -1), total);
    json_decref(page);
    must(store_check_audit(opened));
    store_close(opened);
}

static int count_spool_files(const char *path) {
    int count = 0;
    for (unsigned i = 0; i < 256; i++) {
        char *shard_path = xasprintf("%s/spool/%02x", path, i);
        DIR *shard = opendir(shard_path);
        for (struct dirent *entry; shard && (entry = readdir(shard));)
            count += entry->d_name[0] != '.';
        if (shard) closedir(shard);
        free(shard_path);
    }
    return count;
}

static void must_be_killed(pid_t child) {
    int status = 0;
    assert_true(waitpid(child, &status, 0) == child);
    if (!WIFSIGNALED(status)) fail_msg("the child ended with status %d", WEXITSTATUS(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static int begin(void **state) {
    memset(answered, 0, sizeof answered);
    highest = 0;
    *state = make_directory();
    return 0;
}

static int end(void **state) {
    remove_directory(*state);
    return 0;
}

/* CR-01 */
static void nothing_answered_is_lost_when_the_store_is_killed_at_random(void **state) {
    int answers = 0;
    srandom(4711);
    for (int i = 0; i < RANDOM_KILLS; i++) {
        int from;
        pid_t child = start_child(*state, "child", NULL, &from);
        answers += take_down(from, 1 + (int)(random() % 200));
        kill(child, SIGKILL);
        answers += take_down(from, NUMBERS_MAX); /* what was still in the pipe */
        close(from);
        must_be_killed(child);
        if (i % 10 == 9) check_all(*state);
    }
    print_message("%d kills, %d answers, 0 lost\n", RANDOM_KILLS, answers);
    assert_true(answers > RANDOM_KILLS);
}

/* CR-22: recovery that is itself killed. */
static void a_recovery_that_is_killed_again_and_again_ends_well(void **state) {
    for (int i = 0; i < 10; i++) {
        int from;
        pid_t child = start_child(*state, "child", NULL, &from);
        if (i % 5 == 0) take_down(from, 100);
        for (int spin = 0; spin < i * 200000; spin++)
            __asm__ volatile("");
        kill(child, SIGKILL);
        take_down(from, NUMBERS_MAX);
        close(from);
        must_be_killed(child);
    }
    check_all(*state);
}

#ifdef BANYAN_CRASH_POINTS
/* CR-02 */
static void nothing_answered_is_lost_when_the_store_is_killed_at_a_named_point(void **state) {
    static const char *const points[] = {"payload.created", "payload.written", "payload.synced",
        "payload.directory.synced", "store.migrated", "store.epoch.committed", "store.commit.before",
        "store.commit.after", "store.answered", "store.checkpoint.before", "store.checkpoint.after"};
    static const int passages[] = {1, 2, 7, 40};
    int kills = 0;
    for (size_t p = 0; p < sizeof points / sizeof *points; p++) {
        for (size_t n = 0; n < sizeof passages / sizeof *passages; n++) {
            int from;
            char *point = xasprintf("%s:%d", points[p], passages[n]);
            bool once = strstr(point, "migrated") || strstr(point, "epoch");
            bool closes = strstr(point, "checkpoint") != NULL;
            if ((!once && !closes) || n == 0) {
                pid_t child = start_child(*state, closes ? "closing" : "child", point, &from);
                take_down(from, NUMBERS_MAX);
                close(from);
                must_be_killed(child);
                kills++;
            }
            free(point);
        }
        check_all(*state);
    }
    print_message("%d kills at %zu points, 0 lost\n", kills, sizeof points / sizeof *points);
}
#else
static void nothing_answered_is_lost_when_the_store_is_killed_at_a_named_point(void **state) {
    (void)state;
    print_message("named crash points: only with `make CRASH=1`\n");
    skip();
}
#endif

/* A kill may leave files that no row names; the next life removes them, and them alone. */
static void orphans_of_the_spool_are_swept_and_nothing_else(void **state) {
    char *path = *state, *orphan = xasprintf("%s/spool/ab/ab00000000000000000000000000000f-1", path);
    char *other = xasprintf("%s/spool/ab/notes.txt", path), *shard = xasprintf("%s/spool/ab", path);
    store_options options = options_for(path);
    options.inline_limit = 1;
    must(store_open(&options, &s));
    char id[ID_SIZE];
    put_message(s, "this lies in the spool", id);
    store_close(s);
    must(io_make_directories(shard));
    must(io_write_file(orphan, SPAN("orphan")));
    must(io_write_file(other, SPAN("mine")));
    int before = count_spool_files(path), watch = inotify_init1(IN_CLOEXEC);
    char event[512];
    assert_true(inotify_add_watch(watch, shard, IN_DELETE) >= 0);
    must(store_open(&options, &s));
    assert_true(read(watch, event, sizeof event) > 0); /* the sweep runs beside the store */
    close(watch);
    assert_true(access(orphan, F_OK) < 0);
    assert_int_equal(access(other, F_OK), 0);
    assert_int_equal(count_spool_files(path), before - 1);
    payload_view view;
    must(store_payload_open(s, id, &view));
    payload_view_close(&view);
    store_close(s);
    free(orphan);
    free(other);
    free(shard);
}

int main(int argc, char **argv) {
    program = argv[0];
    if (argc == 5) return run_child(argv[2], atoi(argv[3]), atoi(argv[4]), strcmp(argv[1], "closing") == 0);
    log_setup("test", LOG_WARNING, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_answered_is_lost_when_the_store_is_killed_at_random, begin, end),
        cmocka_unit_test_setup_teardown(a_recovery_that_is_killed_again_and_again_ends_well, begin, end),
        cmocka_unit_test_setup_teardown(nothing_answered_is_lost_when_the_store_is_killed_at_a_named_point, begin, end),
        cmocka_unit_test_setup_teardown(orphans_of_the_spool_are_swept_and_nothing_else, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
