/* core/http/loop.c: see loop.h. */
#include "core/http/loop.h"

#include "core/base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS = 256 };

struct http_watch {
    http_loop *loop;
    int fd;
    void (*ready)(void *context, uint32_t events);
    void *context;
    http_watch *next_dropped;
    bool dropped;
};

struct http_turn {
    int (*turn)(void *context);
    void *context;
    http_turn *next;
    bool removed;
};

typedef struct posted {
    void (*step)(void *context);
    void *context;
    struct posted *next;
} posted;

struct http_loop {
    int epoll_fd, wake_fd;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the posted steps */
    posted *first, **last;
    bool waking; /* the descriptor was written and not yet read */
    _Atomic bool stops;
    http_turn *turns;
    bool hurry; /* a hook has something to do that it did not know of when it was asked */
    http_watch *woken, *dropped;
};

static void wake(http_loop *loop) {
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
}

void http_loop_post(http_loop *loop, void (*step)(void *context), void *context) {
    posted *p = xmalloc(sizeof *p);
    *p = (posted){.step = step, .context = context, .next = NULL};
    pthread_mutex_lock(&loop->lock);
    *loop->last = p;
    loop->last = &p->next;
    bool sleeping = !loop->waking;
    loop->waking = true;
    pthread_mutex_unlock(&loop->lock);
    if (sleeping) wake(loop);
}

bool http_loop_is_here(const http_loop *loop) {
    return pthread_equal(pthread_self(), loop->thread);
}

typedef struct called {
    void (*step)(void *context);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
} called;

static void run_called(void *context) {
    called *c = context;
    c->step(c->context);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

void http_loop_call(http_loop *loop, void (*step)(void *context), void *context) {
    if (http_loop_is_here(loop)) {
        step(context);
        return;
    }
    called c = {.step = step, .context = context};
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.changed, NULL);
    http_loop_post(loop, run_called, &c);
    pthread_mutex_lock(&c.lock);
    while (!c.done)
        pthread_cond_wait(&c.changed, &c.lock);
    pthread_mutex_unlock(&c.lock);
    pthread_cond_destroy(&c.changed);
    pthread_mutex_destroy(&c.lock);
}

/* True when something was run. */
static bool run_posted(http_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    posted *p = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    bool any = p != NULL;
    while (p) {
        posted *next = p->next;
        p->step(p->context);
        free(p);
        p = next;
    }
    return any;
}

static void woken(void *context, uint32_t events) {
    http_loop *loop = context;
    uint64_t count;
    (void)events;
    ssize_t len = read(loop->wake_fd, &count, sizeof count);
    (void)len;
    pthread_mutex_lock(&loop->lock);
    loop->waking = false;
    pthread_mutex_unlock(&loop->lock);
}

http_watch *http_loop_watch(
    http_loop *loop, int fd, uint32_t epoll_events, void (*ready)(void *context, uint32_t events), void *context) {
    http_watch *watch = xcalloc(1, sizeof *watch);
    *watch = (http_watch){.loop = loop, .fd = fd, .ready = ready, .context = context};
    struct epoll_event event = {.events = epoll_events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) abort();
    return watch;
}

void http_loop_change(http_watch *watch, uint32_t epoll_events) {
    struct epoll_event event = {.events = epoll_events, .data.ptr = watch};
    epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void http_loop_drop(http_watch *watch) {
    struct epoll_event none = {.events = 0};
    epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, &none);
    /* An event of it may still lie in this turn's batch. */
    watch->dropped = true;
    watch->next_dropped = watch->loop->dropped;
    watch->loop->dropped = watch;
}

static void free_dropped(http_loop *loop) {
    while (loop->dropped) {
        http_watch *next = loop->dropped->next_dropped;
        free(loop->dropped);
        loop->dropped = next;
    }
}

http_turn *http_loop_add_turn(http_loop *loop, int (*turn)(void *context), void *context) {
    http_turn *t = xcalloc(1, sizeof *t);
    *t = (http_turn){.turn = turn, .context = context, .next = loop->turns};
    loop->turns = t;
    return t;
}

void http_loop_hurry(http_loop *loop) {
    loop->hurry = true;
}

void http_loop_remove_turn(http_loop *loop, http_turn *turn) {
    (void)loop;
    turn->removed = true; /* freed by end_turn, which may be walking the list */
}

/* How long to sleep, in ms. */
static int end_turn(http_loop *loop) {
    int sleep_ms = -1;
    loop->hurry = false;
    http_turn **link = &loop->turns;
    while (*link) {
        http_turn *t = *link;
        int ms = t->removed ? -1 : t->turn(t->context);
        if (ms >= 0 && (sleep_ms < 0 || ms < sleep_ms)) sleep_ms = ms;
        if (t->removed) {
            while (*link != t) /* the hook itself may have added others in front */
                link = &(*link)->next;
            *link = t->next;
            free(t);
        } else {
            link = &t->next;
        }
    }
    return run_posted(loop) || loop->hurry ? 0 : sleep_ms;
}

static void *run(void *context) {
    http_loop *loop = context;
    struct epoll_event events[EVENTS];
    int sleep_ms = 0;
    while (!atomic_load(&loop->stops)) {
        int count = epoll_wait(loop->epoll_fd, events, EVENTS, sleep_ms);
        if (count < 0 && errno != EINTR) abort();
        for (int i = 0; i < count; i++) {
            http_watch *watch = events[i].data.ptr;
            if (!watch->dropped) watch->ready(watch->context, events[i].events);
        }
        run_posted(loop);
        sleep_ms = end_turn(loop);
        free_dropped(loop);
    }
    run_posted(loop);
    return NULL;
}

error *http_loop_start(http_loop **out) {
    http_loop *loop = xcalloc(1, sizeof *loop);
    sigset_t all, before;
    pthread_mutex_init(&loop->lock, NULL);
    loop->last = &loop->first;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0) abort();
    loop->woken = http_loop_watch(loop, loop->wake_fd, EPOLLIN, woken, loop);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    int failed = pthread_create(&loop->thread, NULL, run, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) return error_from_errno(failed, "cannot start the network loop");
    *out = loop;
    return NULL;
}

static void end(void *context) {
    http_loop *loop = context;
    atomic_store(&loop->stops, true);
}

void http_loop_stop(http_loop *loop) {
    if (!loop) return;
    http_loop_post(loop, end, loop);
    pthread_join(loop->thread, NULL);
    http_loop_drop(loop->woken);
    close(loop->epoll_fd);
    close(loop->wake_fd);
    while (loop->turns) {
        http_turn *next = loop->turns->next;
        free(loop->turns);
        loop->turns = next;
    }
    free_dropped(loop);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}
