/* core/flow/watcher.c: see watcher.h. Descriptors are watched for their edge: they stay readable until the courier
 * reads them. */
#include "core/flow/watcher.h"

#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 32 };

static const uint64_t stop_mark = UINT64_MAX;

typedef struct source {
    int fd;
    uint64_t mark; /* what its events carry: an event of a descriptor that was replaced names nobody */
} source;

struct watcher {
    pthread_t thread;
    pthread_mutex_t lock; /* guards the map and the marks */
    map *sources;         /* connection name → source, owned */
    uint64_t last_mark;
    int epoll_fd, stop_fd;
    void (*stirred)(void *context, const char *connection);
    void *context;
};

/* The name of the connection whose events carry the mark, owned; NULL: nobody's any more. */
static char *name_of(watcher *w, uint64_t mark) {
    size_t cursor = 0;
    span name;
    void *value;
    char *found = NULL;
    pthread_mutex_lock(&w->lock);
    while (!found && map_next(w->sources, &cursor, &name, &value)) {
        if (((source *)value)->mark == mark) found = xspandup(name);
    }
    pthread_mutex_unlock(&w->lock);
    return found;
}

static void *watch(void *context) {
    watcher *w = context;
    struct epoll_event events[EVENTS_AT_ONCE];
    for (;;) {
        int count = epoll_wait(w->epoll_fd, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == stop_mark) return NULL;
            char *name = name_of(w, events[i].data.u64);
            if (name) w->stirred(w->context, name);
            free(name);
        }
    }
}

static void forget(watcher *w, source *s) {
    epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    io_close(&s->fd);
    free(s);
}

void watcher_put(watcher *w, const char *connection, int take_fd) {
    source *s = NULL;
    pthread_mutex_lock(&w->lock);
    source *before = map_remove(w->sources, span_of(connection));
    if (before) forget(w, before);
    if (take_fd >= 0) {
        s = xmalloc(sizeof *s);
        *s = (source){.fd = take_fd, .mark = ++w->last_mark};
        map_put(w->sources, span_of(connection), s);
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = s->mark};
        if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, take_fd, &event) < 0)
            log_failure(LOG_WARNING, "a source is only polled", error_from_errno(errno, "connection %s", connection));
    }
    pthread_mutex_unlock(&w->lock);
}

error *watcher_start(void (*stirred)(void *context, const char *connection), void *context, watcher **out) {
    watcher *w = xcalloc(1, sizeof *w);
    struct epoll_event stop = {.events = EPOLLIN, .data.u64 = stop_mark};
    pthread_mutex_init(&w->lock, NULL);
    w->sources = map_new();
    w->stirred = stirred;
    w->context = context;
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->stop_fd = eventfd(0, EFD_CLOEXEC);
    bool good = w->epoll_fd >= 0 && w->stop_fd >= 0 && epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->stop_fd, &stop) == 0 &&
                pthread_create(&w->thread, NULL, watch, w) == 0;
    if (!good) return error_from_errno(errno, "cannot watch sources");
    *out = w;
    return NULL;
}

void watcher_stop(watcher *w) {
    if (!w) return;
    size_t cursor = 0;
    span name;
    void *value;
    uint64_t one = 1;
    ssize_t ignored = write(w->stop_fd, &one, sizeof one);
    (void)ignored;
    pthread_join(w->thread, NULL);
    while (map_next(w->sources, &cursor, &name, &value))
        io_close(&((source *)value)->fd);
    map_free(w->sources, free);
    io_close(&w->epoll_fd);
    io_close(&w->stop_fd);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
