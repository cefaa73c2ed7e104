/* core/worker/serve.c: see serve.h. */
#include "core/worker/serve.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/worker/nursery.h"

#include <stdlib.h>

/* After less than this nobody had time to withdraw anything, and looking costs a system call. */
enum { WITHDRAWAL_AFTER_MS = 10 };

typedef struct waiting {
    struct waiting *next;
    frame request;
} waiting;

struct worker {
    frame_channel *channel;
    waiting *first, *last; /* requests that came behind the one in hand */
    uint64_t in_hand;
    bool channel_failed; /* while the desk was asked */
};

error *(*worker_test_operation)(worker *w, frame *request, frame *reply) = NULL;

int worker_channel_fd(const worker *w) {
    return frame_channel_fd(w->channel);
}

/* Keeps a request for later; a withdrawal marks the request that it means, unless that is done or in hand already. */
static void keep(worker *w, frame *take) {
    if (take->operation == OPERATION_WITHDRAW) {
        for (waiting *later = w->first; later; later = later->next)
            if (later->request.id == take->id) later->request.operation = OPERATION_WITHDRAW;
        frame_clear(take);
        return;
    }
    waiting *later = xcalloc(1, sizeof *later);
    later->request = *take;
    if (w->last)
        w->last->next = later; /* NOLINT(clang-analyzer-unix.Malloc): what was taken off the front is never the last */
    else
        w->first = later;
    w->last = later;
}

error *worker_ask(worker *w, frame *take, frame *answer) {
    take->id = w->in_hand;
    take->kind = FRAME_QUESTION;
    error *err = frame_channel_send_now(w->channel, take);
    while (!err && !(err = frame_channel_receive(w->channel, answer))) {
        if (answer->kind == FRAME_ANSWER && answer->id == w->in_hand) {
            err = frame_get_error(answer);
            if (err) frame_clear(answer);
            return err;
        }
        keep(w, answer);
    }
    w->channel_failed = true;
    return err;
}

/* The next request, the oldest first. */
static error *next_request(worker *w, bool look_for_withdrawals, frame *request) {
    error *err = look_for_withdrawals ? frame_channel_fill(w->channel) : NULL;
    while (!err && frame_channel_take(w->channel, request))
        keep(w, request);
    while (!err && !w->first) {
        err = frame_channel_receive(w->channel, request);
        if (!err) keep(w, request);
    }
    if (err) return err;
    waiting *now = w->first;
    w->first = now->next;
    if (!w->first) w->last = NULL;
    *request = now->request;
    free(now);
    return NULL;
}

static error *perform(worker *w, worker_operation operation, void *context, frame *request) {
    frame reply;
    error *failure = NULL;
    w->in_hand = request->id;
    frame_init(&reply, FRAME_REPLY, request->operation, request->id);
    if (request->operation == OPERATION_TEST)
        failure = worker_test_operation ? worker_test_operation(w, request, &reply)
                                        : error_new(ERROR_UNSUPPORTED, "there is no such operation");
    else if (request->operation != OPERATION_WITHDRAW)
        failure = operation(w, context, request, &reply);
    if (failure) frame_put_error(&reply, failure);
    error_free(failure);
    error *err = frame_channel_send_now(w->channel, &reply);
    frame_clear(&reply);
    return err;
}

int worker_serve(frame_channel *take_channel, worker_operation operation, void *context) {
    worker w = {.channel = take_channel};
    error *err = NULL;
    bool look = false;
    while (!err && !w.channel_failed) {
        frame request;
        if ((err = next_request(&w, look, &request))) break;
        int64_t began = clock_monotonic_ms();
        err = perform(&w, operation, context, &request);
        look = clock_monotonic_ms() - began >= WITHDRAWAL_AFTER_MS;
        frame_clear(&request);
    }
    bool done = !err || error_code_of(err) == ERROR_UNREACHABLE;
    if (!done) log_failure(LOG_ERROR, "the channel to the desk", err);
    if (done) error_free(err);
    while (w.first) {
        waiting *later = w.first;
        w.first = later->next;
        frame_clear(&later->request);
        free(later);
    }
    frame_channel_free(w.channel);
    return done ? WORKER_EXIT_DONE : WORKER_EXIT_CHANNEL;
}
