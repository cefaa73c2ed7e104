/* tests/unit/worker_fixture.h: a nursery and a pool for one test, and requests that are waited for.
 *
 * The test's own thread starts the nursery while it is the only one, as main does.
 */
#ifndef BANYAN_TESTS_WORKER_FIXTURE_H
#define BANYAN_TESTS_WORKER_FIXTURE_H

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/worker/attachment.h"
#include "core/worker/pool.h"
#include "core/worker/serve.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Memory that workers and test share: what happened where nobody can report it. */
typedef struct shared_counters {
    _Atomic int executed, opened, closed;
} shared_counters;

typedef struct fixture {
    nursery *nursery;
    worker_pool *pool;
    size_t descriptors_before;
} fixture;

static shared_counters *shared;

static inline size_t count_descriptors(void) {
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static inline void assert_no_error(error *err) {
    if (err) fail_msg("%s", error_text(err));
}

static inline void begin(fixture *f, const worker_pool_options *options) {
    log_setup("test", LOG_ERROR, false);
    f->descriptors_before = count_descriptors();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    assert_no_error(nursery_start(&f->nursery));
    assert_no_error(worker_pool_start(f->nursery, options, &f->pool));
}

/* Also holds that whatever happened in between, no descriptor was left behind. */
static inline void end(fixture *f) {
    worker_pool_stop(f->pool);
    nursery_stop(f->nursery);
    munmap(shared, sizeof *shared);
    assert_int_equal(count_descriptors(), f->descriptors_before);
}

/* A request under way and what came of it. */
typedef struct pending {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    int order; /* among all that were done, from 1 */
    json_t *head;
    buf payload;
    error *failure;
    uint64_t number; /* the last answer to QUESTION_CONTROL */
} pending;

static _Atomic int done_count;

static inline void note_done(void *context, frame *reply, error *failure) {
    pending *p = context;
    pthread_mutex_lock(&p->lock);
    p->failure = failure;
    if (reply) {
        error *err = frame_get_json(reply, &p->head);
        attachment found = {0};
        json_t *where = json_get_object(p->head, "payload");
        if (!where) where = json_get_object(json_array_get(json_get_array(p->head, "results"), 0), "payload");
        if (!err && where) err = attachment_of_reply(reply, where, &found);
        if (found.bytes.data) buf_add(&p->payload, found.bytes);
        if (!where) buf_add(&p->payload, frame_get(reply, TAG_PAYLOAD, 0));
        attachment_close(&found);
        if (err && failure)
            error_free(err); /* a failure may come without a head */
        else if (err)
            p->failure = err;
    }
    p->order = ++done_count;
    p->done = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static inline error *give_number(void *context, const frame *question, frame *answer) {
    pending *p = context;
    json_t *asked = NULL;
    error *err = frame_get_json(question, &asked);
    json_t *head = json_pack("{s:I}", "number", (json_int_t)++p->number);
    frame_put_json(answer, head);
    json_decref(head);
    json_decref(asked);
    return err;
}

static inline void pending_init(pending *p) {
    *p = (pending){.payload = BUF_MAX(64u << 20)};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
}

static inline void pending_wait(pending *p) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&p->lock);
    while (!p->done)
        if (pthread_cond_timedwait(&p->changed, &p->lock, &until)) break;
    bool done = p->done;
    pthread_mutex_unlock(&p->lock);
    assert_true(done);
}

static inline void pending_clear(pending *p) {
    json_decref(p->head);
    buf_free(&p->payload);
    error_free(p->failure);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
}

/* Takes `head`. */
static inline void submit(fixture *f, pending *p, worker_request request, json_t *head) {
    frame_put_json(&request.call, head);
    json_decref(head);
    request.done = note_done;
    request.context = p;
    pending_init(p);
    worker_pool_submit(f->pool, &request);
}

/* What the tests' operation shall do, in a worker of that kind. */
static inline worker_request test_request(worker_kind kind) {
    worker_request request = {.kind = kind, .lane = "test", .deadline_ms = 20000};
    frame_init(&request.call, FRAME_REQUEST, OPERATION_TEST, 0);
    return request;
}

static inline void submit_test(fixture *f, pending *p, worker_kind kind, const char *what) {
    submit(f, p, test_request(kind), json_pack("{s:s}", "do", what));
}

static inline void ask_worker(fixture *f, pending *p, worker_kind kind, const char *what) {
    submit_test(f, p, kind, what);
    pending_wait(p);
}

static inline void assert_failed(const pending *p, error_code code, const char *part_of_text) {
    if (!p->failure) fail_msg("the request was done, but should have failed: %s", part_of_text);
    if (error_code_of(p->failure) != code || !strstr(error_text(p->failure), part_of_text))
        fail_msg("expected %s, got %s: %s", part_of_text, error_code_name(error_code_of(p->failure)),
            error_text(p->failure));
}

static inline void assert_done(const pending *p) {
    if (p->failure) fail_msg("failed: %s", error_text(p->failure));
    assert_true(p->done);
}

/* The next request of that kind is served. */
static inline void assert_serves(fixture *f, worker_kind kind) {
    pending p;
    ask_worker(f, &p, kind, "echo");
    assert_done(&p);
    pending_clear(&p);
}

#endif
