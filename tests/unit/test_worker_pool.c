/* The pool with real processes: what translators do to it, and what it does about it. LU-01, LU-05, LU-23, CR-04,
 * CR-15, R20.
 */
#include "tests/unit/worker_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* ---- what the tests' operation does in the worker ---- */

static void write_raw(worker *w, const char *bytes, size_t len, int fd) {
    struct iovec piece = {(char *)bytes, len};
    union {
        struct cmsghdr alignment;
        char bytes[CMSG_SPACE(sizeof(int))];
    } room = {0};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = room.bytes;
        message.msg_controllen = sizeof room.bytes;
        struct cmsghdr *control = CMSG_FIRSTHDR(&message);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(control), &fd, sizeof fd);
    }
    if (sendmsg(worker_channel_fd(w), &message, MSG_NOSIGNAL) < 0) _exit(99);
}

/* length, operation (OPERATION_TEST), descriptors, kind, id */
static void write_header(worker *w, uint32_t length, unsigned char announced, unsigned char kind, uint64_t id, int fd) {
    char header[16];
    uint16_t operation = OPERATION_TEST;
    memcpy(header, &length, 4);
    memcpy(header + 4, &operation, 2);
    header[6] = (char)announced;
    header[7] = (char)kind;
    memcpy(header + 8, &id, 8);
    write_raw(w, header, sizeof header, fd);
}

static _Noreturn void wait_for_the_end(void) {
    for (;;)
        poll(NULL, 0, 1000);
}

static void hostile(worker *w, const char *what, uint64_t id) {
    static const char field_too_long[16] = {1, 0, 0, 0, 100, 0, 0, 0, 'x'};
    static const char field_unknown[8] = {99, 0, 0, 0, 0, 0, 0, 0};
    if (strcmp(what, "length") == 0) write_header(w, UINT32_MAX, 0, FRAME_REPLY, id, -1);
    if (strcmp(what, "kind") == 0) write_header(w, 0, 0, 77, id, -1);
    if (strcmp(what, "other-id") == 0) write_header(w, 0, 0, FRAME_REPLY, id + 1, -1);
    if (strcmp(what, "request") == 0) write_header(w, 0, 0, FRAME_REQUEST, id, -1);
    if (strcmp(what, "question") == 0) write_header(w, 0, 0, FRAME_QUESTION, id, -1);
    if (strcmp(what, "missing-file") == 0) write_header(w, 0, 3, FRAME_REPLY, id, -1);
    if (strcmp(what, "unannounced-file") == 0) write_header(w, 0, 0, FRAME_REPLY, id, 2);
    if (strcmp(what, "field-length") == 0) {
        write_header(w, sizeof field_too_long, 0, FRAME_REPLY, id, -1);
        write_raw(w, field_too_long, sizeof field_too_long, -1);
    }
    if (strcmp(what, "field-tag") == 0) {
        write_header(w, sizeof field_unknown, 0, FRAME_REPLY, id, -1);
        write_raw(w, field_unknown, sizeof field_unknown, -1);
    }
    wait_for_the_end();
}

static void put_head(frame *f, const char *text) {
    json_t *head = NULL;
    error_free(json_parse(span_of(text), &head));
    frame_put_json(f, head);
    json_decref(head);
}

static error *ask_number(worker *w, frame *reply) {
    frame question, answer;
    json_t *head = NULL;
    frame_init(&question, FRAME_QUESTION, QUESTION_CONTROL, 0);
    put_head(&question, "{\"sequence\":\"test\"}");
    error *err = worker_ask(w, &question, &answer);
    if (err) return err;
    err = frame_get_json(&answer, &head);
    frame_clear(&answer);
    if (!err) frame_put_json(reply, head);
    json_decref(head);
    return err;
}

static error *give_payload(size_t size, bool sealed, frame *reply) {
    char *bytes = xmalloc(size);
    json_t *where = NULL;
    memset(bytes, 'p', size);
    error *err = NULL;
    if (sealed) {
        span all = span_make(bytes, size);
        err = attachment_put_all(reply, &all, 1, &where);
    } else {
        int fd = memfd_create("unsealed", MFD_CLOEXEC);
        if (fd < 0 || write(fd, bytes, size) < 0) _exit(99);
        where = json_pack("{s:i,s:i,s:I}", "descriptor", 0, "offset", 0, "length", (json_int_t)size);
        frame_put_descriptor(reply, fd);
    }
    if (!err) {
        json_t *head = json_pack("{s:O}", "payload", where);
        frame_put_json(reply, head);
        json_decref(head);
    }
    json_decref(where);
    free(bytes);
    return err;
}

static error *test_operation(worker *w, frame *request, frame *reply) {
    json_t *head = NULL;
    error *err = frame_get_json(request, &head);
    const char *what = json_get_text(head, "do", "");
    if (err) return err;
    shared->executed++;
    if (strcmp(what, "echo") == 0) frame_put_empty(reply);
    if (strcmp(what, "loop") == 0)
        for (volatile int forever = 1; forever;)
            continue;
    if (strcmp(what, "hog") == 0)
        for (;;)
            memset(xmalloc(1 << 20), 1, 1 << 20);
    if (strcmp(what, "segv") == 0) raise(SIGSEGV);
    if (strcmp(what, "abort") == 0) abort();
    if (strcmp(what, "exit") == 0) _exit(3);
    if (strcmp(what, "slow") == 0) {
        poll(NULL, 0, 300);
        frame_put_empty(reply);
    }
    if (strcmp(what, "ask") == 0) err = ask_number(w, reply);
    if (strcmp(what, "payload") == 0) err = give_payload(3 << 20, true, reply);
    if (strcmp(what, "unsealed") == 0) err = give_payload(3 << 20, false, reply);
    if (strcmp(what, "fail") == 0) put_head(reply, "{\"log\":[]}");
    if (strcmp(what, "fail") == 0) err = error_at(error_new(ERROR_REJECTED, "no lines"), "PO1");
    if (strcmp(what, "environment") == 0) put_head(reply, getenv("BANYAN_TEST_SECRET") ? "[]" : "{}");
    if (strncmp(what, "hostile-", 8) == 0) hostile(w, what + 8, request->id);
    json_decref(head);
    return err;
}

/* ---- the tests ---- */

static void a_request_is_answered(void **state) {
    (void)state;
    fixture f;
    begin(&f, &(worker_pool_options){.translators = 1});
    assert_serves(&f, WORKER_TRANSLATOR);
    assert_serves(&f, WORKER_COURIER);
    end(&f);
}

static void an_error_of_the_worker_arrives_whole(void **state) {
    (void)state;
    fixture f;
    pending p;
    begin(&f, &(worker_pool_options){.translators = 1});
    ask_worker(&f, &p, WORKER_TRANSLATOR, "fail");
    assert_failed(&p, ERROR_REJECTED, "no lines");
    assert_string_equal(error_where(p.failure), "PO1");
    assert_non_null(json_get_array(p.head, "log")); /* the head comes with it */
    pending_clear(&p);
    end(&f);
}

/* LU-01: the loop is killed at its deadline and fails alone. */
static void a_loop_ends_at_its_deadline_and_what_waits_behind_is_served(void **state) {
    (void)state;
    fixture f;
    pending head, behind[5];
    worker_request request = test_request(WORKER_TRANSLATOR);
    request.deadline_ms = 150;
    begin(&f, &(worker_pool_options){.translators = 1});
    int64_t began = clock_monotonic_ms();
    submit(&f, &head, request, json_pack("{s:s}", "do", "loop"));
    for (int i = 0; i < 5; i++)
        submit_test(&f, &behind[i], WORKER_TRANSLATOR, "echo");
    pending_wait(&head);
    int64_t took = clock_monotonic_ms() - began;
    assert_failed(&head, ERROR_TIMEOUT, "150 ms");
    assert_in_range((uintmax_t)took, 150, 5000);
    pending_clear(&head);
    for (int i = 0; i < 5; i++) {
        pending_wait(&behind[i]);
        assert_done(&behind[i]);
        if (i) assert_true(behind[i].order > behind[i - 1].order);
        pending_clear(&behind[i]);
    }
    end(&f);
}

/* LU-05: RLIMIT_AS stops it, and the reason is told. */
static void a_memory_hog_fails_with_its_limit(void **state) {
    (void)state;
    fixture f;
    pending p;
    if (SANITIZED) skip();
    begin(&f, &(worker_pool_options){.translators = 1, .memory_bytes = 32 << 20});
    ask_worker(&f, &p, WORKER_TRANSLATOR, "hog");
    assert_failed(&p, ERROR_LIMIT, "32 MiB");
    pending_clear(&p);
    assert_serves(&f, WORKER_TRANSLATOR);
    end(&f);
}

/* R20 */
static void a_crash_costs_the_head_alone_and_says_how(void **state) {
    (void)state;
    static const struct {
        const char *what, *words;
    } cases[] = {{"segv", "SIGSEGV"}, {"abort", "SIGABRT"}, {"exit", "status 3"}};
    fixture f;
    begin(&f, &(worker_pool_options){.translators = 1});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pending head, behind[7];
        submit_test(&f, &head, WORKER_TRANSLATOR, cases[i].what);
        for (int k = 0; k < 7; k++)
            submit_test(&f, &behind[k], WORKER_TRANSLATOR, "echo");
        pending_wait(&head);
        assert_failed(&head, ERROR_CRASHED, cases[i].words);
        pending_clear(&head);
        for (int k = 0; k < 7; k++) {
            pending_wait(&behind[k]);
            assert_done(&behind[k]);
            pending_clear(&behind[k]);
        }
    }
    end(&f);
}

/* CR-15: each attempt fails as a crash, and the pool stays quick. */
static void a_poisonous_request_never_slows_the_others(void **state) {
    (void)state;
    fixture f;
    begin(&f, &(worker_pool_options){.translators = 1});
    int64_t began = clock_monotonic_ms();
    for (int i = 0; i < 20; i++) {
        pending p;
        ask_worker(&f, &p, WORKER_TRANSLATOR, "exit");
        assert_failed(&p, ERROR_CRASHED, "status 3");
        pending_clear(&p);
        assert_serves(&f, WORKER_TRANSLATOR);
    }
    assert_in_range((uintmax_t)(clock_monotonic_ms() - began), 0, SANITIZED ? 60000 : 5000);
    end(&f);
}

static void a_hostile_worker_is_refused_and_replaced(void **state) {
    (void)state;
    static const char *const cases[] = {"hostile-length", "hostile-kind", "hostile-other-id", "hostile-request",
        "hostile-question", "hostile-missing-file", "hostile-unannounced-file", "hostile-field-length",
        "hostile-field-tag"};
    fixture f;
    begin(&f, &(worker_pool_options){.translators = 1});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pending p;
        ask_worker(&f, &p, WORKER_TRANSLATOR, cases[i]);
        assert_failed(&p, ERROR_CRASHED, "protocol");
        pending_clear(&p);
        assert_serves(&f, WORKER_TRANSLATOR);
    }
    end(&f);
}

static void a_large_result_comes_as_a_sealed_file(void **state) {
    (void)state;
    fixture f;
    pending p;
    begin(&f, &(worker_pool_options){.translators = 1});
    ask_worker(&f, &p, WORKER_TRANSLATOR, "payload");
    assert_done(&p);
    assert_int_equal(p.payload.len, 3 << 20);
    pending_clear(&p);
    ask_worker(&f, &p, WORKER_TRANSLATOR, "unsealed");
    assert_failed(&p, ERROR_INVALID, "not sealed");
    pending_clear(&p);
    end(&f);
}

static void a_worker_asks_the_desk_and_may_be_refused(void **state) {
    (void)state;
    fixture f;
    pending p;
    begin(&f, &(worker_pool_options){.translators = 1});
    ask_worker(&f, &p, WORKER_TRANSLATOR, "ask");
    assert_failed(&p, ERROR_DENIED, "may not ask");
    pending_clear(&p);
    for (int i = 0; i < 3; i++) {
        worker_request request = test_request(WORKER_TRANSLATOR);
        request.ask = give_number;
        submit(&f, &p, request, json_pack("{s:s}", "do", "ask"));
        pending_wait(&p);
        assert_done(&p);
        assert_int_equal(json_get_integer(p.head, "number", -1), 1);
        pending_clear(&p);
    }
    end(&f);
}

static void a_worker_sees_nothing_of_the_environment(void **state) {
    (void)state;
    fixture f;
    pending p;
    setenv("BANYAN_TEST_SECRET", "hunter2", 1);
    begin(&f, &(worker_pool_options){.translators = 1});
    ask_worker(&f, &p, WORKER_TRANSLATOR, "environment");
    assert_done(&p);
    pending_clear(&p);
    end(&f);
    assert_string_equal(getenv("BANYAN_TEST_SECRET"), "hunter2");
}

/* Requests behind a slow one go to whoever is idle, and run once. */
static void a_slow_request_does_not_hold_up_the_others(void **state) {
    (void)state;
    enum { QUICK = 6 };
    fixture f;
    pending slow, quick[QUICK];
    begin(&f, &(worker_pool_options){.translators = 2});
    assert_serves(&f, WORKER_TRANSLATOR);
    submit_test(&f, &slow, WORKER_TRANSLATOR, "slow");
    for (int i = 0; i < QUICK; i++)
        submit_test(&f, &quick[i], WORKER_TRANSLATOR, "echo");
    pending_wait(&slow);
    assert_done(&slow);
    for (int i = 0; i < QUICK; i++) {
        pending_wait(&quick[i]);
        assert_done(&quick[i]);
        assert_true(quick[i].order < slow.order);
        pending_clear(&quick[i]);
    }
    pending_clear(&slow);
    assert_serves(&f, WORKER_TRANSLATOR);
    assert_serves(&f, WORKER_TRANSLATOR);
    assert_int_equal(shared->executed, QUICK + 4);
    end(&f);
}

static void more_requests_than_may_wait_are_refused(void **state) {
    (void)state;
    fixture f;
    pending slow, rest[40];
    int refused = 0;
    begin(&f, &(worker_pool_options){.translators = 1, .waiting_max = 10});
    submit_test(&f, &slow, WORKER_TRANSLATOR, "slow");
    for (int i = 0; i < 40; i++)
        submit_test(&f, &rest[i], WORKER_TRANSLATOR, "echo");
    pending_wait(&slow);
    for (int i = 0; i < 40; i++) {
        pending_wait(&rest[i]);
        if (rest[i].failure) assert_failed(&rest[i], ERROR_LIMIT, "10 requests wait");
        refused += rest[i].failure != NULL;
        pending_clear(&rest[i]);
    }
    pending_clear(&slow);
    assert_in_range((uintmax_t)refused, 40 - 10 - 8, 40);
    end(&f);
}

static void ten_thousand_small_requests_are_served(void **state) {
    (void)state;
    enum { COUNT = 10000 };
    fixture f;
    pending *all = xcalloc(COUNT, sizeof *all);
    begin(&f, &(worker_pool_options){.waiting_max = COUNT + 1});
    assert_serves(&f, WORKER_TRANSLATOR);
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (int i = 0; i < COUNT; i++)
        submit_test(&f, &all[i], WORKER_TRANSLATOR, "echo");
    for (int i = 0; i < COUNT; i++)
        pending_wait(&all[i]);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double seconds = (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
    for (int i = 0; i < COUNT; i++) {
        assert_done(&all[i]);
        pending_clear(&all[i]);
    }
    print_message("             %d requests in %.3f s: %.0f a second\n", COUNT, seconds, COUNT / seconds);
    free(all);
    end(&f);
}

static pid_t parent_of(pid_t pid) {
    char path[64], text[512];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    assert_int_equal(sscanf(strrchr(text, ')') + 1, " %*c %d", &parent), 1);
    return parent;
}

/* A desk of its own, with every worker busy; tells the pids and waits to be killed. */
static _Noreturn void desk_process(int out) {
    fixture f;
    pending busy[3];
    begin(&f, &(worker_pool_options){.translators = 2, .couriers_max = 1});
    submit_test(&f, &busy[0], WORKER_TRANSLATOR, "loop");
    submit_test(&f, &busy[1], WORKER_TRANSLATOR, "loop");
    submit_test(&f, &busy[2], WORKER_COURIER, "loop");
    while (shared->executed < 3)
        sched_yield();
    json_t *status = worker_pool_status(f.pool);
    pid_t pids[4];
    for (size_t i = 0; i < 3; i++)
        pids[i] = (pid_t)json_get_integer(json_array_get(status, i), "pid", 0);
    pids[3] = parent_of(pids[0]);
    if (write(out, pids, sizeof pids) != sizeof pids) _exit(1);
    wait_for_the_end();
}

static void no_worker_outlives_a_killed_desk(void **state) {
    (void)state;
    int ends[2];
    pid_t pids[4];
    struct pollfd processes[4];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t desk = fork();
    if (desk == 0) desk_process(ends[1]);
    assert_int_equal(read(ends[0], pids, sizeof pids), sizeof pids);
    for (int i = 0; i < 4; i++) {
        assert_true(pids[i] > 1);
        processes[i] = (struct pollfd){.fd = pidfd_open(pids[i], 0), .events = POLLIN};
        assert_true(processes[i].fd >= 0);
        assert_int_equal(poll(&processes[i], 1, 0), 0);
    }
    kill(desk, SIGKILL);
    assert_int_equal(waitpid(desk, NULL, 0), desk);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(poll(&processes[i], 1, 10000), 1);
        close(processes[i].fd);
    }
    close(ends[0]);
    close(ends[1]);
}

static pid_t pid_of_first(worker_pool *pool) {
    json_t *status = worker_pool_status(pool);
    pid_t pid = (pid_t)json_get_integer(json_array_get(status, 0), "pid", 0);
    json_decref(status);
    return pid;
}

/* CR-04, LU-23: workers killed from outside while requests stream through. */
static void killed_workers_cost_at_most_one_request_each(void **state) {
    (void)state;
    enum { KILLS = 30, ROUND = 50 };
    fixture f;
    int failed = 0;
    pending p[ROUND];
    begin(&f, &(worker_pool_options){.translators = 1});
    assert_serves(&f, WORKER_TRANSLATOR);
    for (int k = 0; k < KILLS; k++) {
        pid_t victim = pid_of_first(f.pool);
        for (int i = 0; i < ROUND; i++)
            submit_test(&f, &p[i], WORKER_TRANSLATOR, "echo");
        if (victim > 1) kill(victim, SIGKILL);
        for (int i = 0; i < ROUND; i++) {
            pending_wait(&p[i]);
            if (p[i].failure) assert_failed(&p[i], ERROR_CRASHED, "SIGKILL");
            failed += p[i].failure != NULL;
            pending_clear(&p[i]);
        }
    }
    assert_in_range((uintmax_t)failed, 0, KILLS);
    end(&f);
}

static void submit_silent(fixture *f, pending *p, const char *lane) {
    worker_request request = test_request(WORKER_COURIER);
    request.lane = lane;
    request.deadline_ms = 400;
    submit(f, p, request, json_pack("{s:s}", "do", "loop"));
}

/* SF-11: one hanging partner a courier is as many as there are; from the second time on they have half of them. */
static void silent_partners_leave_couriers_to_the_others(void **state) {
    (void)state;
    static const char *const lanes[] = {"silent-1", "silent-2", "silent-3", "silent-4"};
    fixture f;
    pending silent[4], healthy;
    begin(&f, &(worker_pool_options){.translators = 1, .couriers_max = 4, .silent_ms = 200});
    for (int i = 0; i < 4; i++)
        submit_silent(&f, &silent[i], lanes[i]);
    for (int i = 0; i < 4; i++) {
        pending_wait(&silent[i]);
        assert_failed(&silent[i], ERROR_TIMEOUT, "400 ms");
        pending_clear(&silent[i]);
    }
    for (int i = 0; i < 4; i++)
        submit_silent(&f, &silent[i], lanes[i]);
    worker_request request = test_request(WORKER_COURIER);
    request.lane = "healthy";
    submit(&f, &healthy, request, json_pack("{s:s}", "do", "echo"));
    pending_wait(&healthy);
    assert_done(&healthy);
    for (int i = 0; i < 4; i++) {
        pending_wait(&silent[i]);
        assert_failed(&silent[i], ERROR_TIMEOUT, "400 ms");
        assert_true(silent[i].order > healthy.order);
        pending_clear(&silent[i]);
    }
    pending_clear(&healthy);
    end(&f);
}

static void the_dead_are_buried(void **state) {
    (void)state;
    fixture f;
    begin(&f, &(worker_pool_options){.translators = 1});
    assert_serves(&f, WORKER_TRANSLATOR);
    pid_t nursery_pid = parent_of(pid_of_first(f.pool));
    for (int i = 0; i < 10; i++) {
        pending p;
        ask_worker(&f, &p, WORKER_TRANSLATOR, "exit");
        assert_failed(&p, ERROR_CRASHED, "status 3");
        pending_clear(&p);
    }
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(processes));) {
        char path[300], text[512];
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *file = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? fopen(path, "re") : NULL;
        if (!file) continue;
        size_t n = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        text[n] = '\0';
        char condition = '?';
        int parent = 0;
        if (n && sscanf(strrchr(text, ')') + 1, " %c %d", &condition, &parent) == 2 && parent == nursery_pid)
            assert_int_not_equal(condition, 'Z');
    }
    closedir(processes);
    end(&f);
}

static void note_lost(void *context) {
    *(_Atomic bool *)context = true;
}

static void without_its_nursery_the_pool_fails_everything_and_says_so(void **state) {
    (void)state;
    fixture f;
    pending busy, late;
    _Atomic bool lost = false;
    begin(&f, &(worker_pool_options){.translators = 1, .lost = note_lost, .context = (void *)&lost});
    assert_serves(&f, WORKER_TRANSLATOR);
    pid_t nursery_pid = parent_of(pid_of_first(f.pool));
    submit_test(&f, &busy, WORKER_TRANSLATOR, "loop");
    while (shared->executed < 2)
        sched_yield();
    log_setup("test", LOG_ERROR + 1, false);
    kill(nursery_pid, SIGKILL);
    pending_wait(&busy);
    assert_failed(&busy, ERROR_CRASHED, "nursery");
    ask_worker(&f, &late, WORKER_TRANSLATOR, "echo");
    assert_failed(&late, ERROR_CRASHED, "nursery");
    assert_true(lost);
    pending_clear(&busy);
    pending_clear(&late);
    end(&f);
}

static void stopping_waits_for_what_is_under_way(void **state) {
    (void)state;
    fixture f;
    pending slow, waiting[20];
    int refused = 0;
    begin(&f, &(worker_pool_options){.translators = 1});
    assert_serves(&f, WORKER_TRANSLATOR);
    submit_test(&f, &slow, WORKER_TRANSLATOR, "slow");
    for (int i = 0; i < 20; i++)
        submit_test(&f, &waiting[i], WORKER_TRANSLATOR, "echo");
    while (shared->executed < 2)
        sched_yield();
    end(&f);
    assert_done(&slow);
    for (int i = 0; i < 20; i++) {
        assert_true(waiting[i].done);
        if (waiting[i].failure) assert_failed(&waiting[i], ERROR_UNREACHABLE, "stopping");
        refused += waiting[i].failure != NULL;
        pending_clear(&waiting[i]);
    }
    assert_true(refused > 0);
    pending_clear(&slow);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered),
        cmocka_unit_test(an_error_of_the_worker_arrives_whole),
        cmocka_unit_test(a_loop_ends_at_its_deadline_and_what_waits_behind_is_served),
        cmocka_unit_test(a_memory_hog_fails_with_its_limit),
        cmocka_unit_test(a_crash_costs_the_head_alone_and_says_how),
        cmocka_unit_test(a_poisonous_request_never_slows_the_others),
        cmocka_unit_test(a_hostile_worker_is_refused_and_replaced),
        cmocka_unit_test(a_large_result_comes_as_a_sealed_file),
        cmocka_unit_test(a_worker_asks_the_desk_and_may_be_refused),
        cmocka_unit_test(a_worker_sees_nothing_of_the_environment),
        cmocka_unit_test(a_slow_request_does_not_hold_up_the_others),
        cmocka_unit_test(more_requests_than_may_wait_are_refused),
        cmocka_unit_test(ten_thousand_small_requests_are_served),
        cmocka_unit_test(no_worker_outlives_a_killed_desk),
        cmocka_unit_test(killed_workers_cost_at_most_one_request_each),
        cmocka_unit_test(silent_partners_leave_couriers_to_the_others),
        cmocka_unit_test(the_dead_are_buried),
        cmocka_unit_test(without_its_nursery_the_pool_fails_everything_and_says_so),
        cmocka_unit_test(stopping_waits_for_what_is_under_way),
    };
    worker_test_operation = test_operation;
    alarm(240);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
