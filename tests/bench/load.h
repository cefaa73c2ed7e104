/* tests/bench/load.h: HTTP clients that ask without pause, on connections that stay: one thread, one epoll.
 *
 * Each client has one request under way. Answers must have a Content-Length (204 and 304 need none). Header only.
 */
#ifndef BANYAN_TESTS_BENCH_LOAD_H
#define BANYAN_TESTS_BENCH_LOAD_H

#include "tests/bench/appliance.h"

#include <strings.h>
#include <sys/epoll.h>

enum { LOAD_CLIENTS_MAX = 1024, LOAD_REQUEST_ROOM = 64 * 1024, LOAD_HEAD_ROOM = 16 * 1024, LOAD_EVENTS = 64 };

typedef struct load_plan {
    uint16_t port;
    int clients;
    double seconds;
    int status; /* the one that counts as good */
    /* Writes request `number` (each one is used once); its length. */
    size_t (*request)(void *context, uint64_t number, char into[LOAD_REQUEST_ROOM]);
    void *context;
} load_plan;

typedef struct load_result {
    uint64_t good, bad;
    double seconds, rate;     /* of good ones */
    double median_ms, p99_ms; /* from the first byte sent to the last received */
} load_result;

typedef struct load_client {
    int fd;
    size_t length, sent; /* of the request */
    size_t head;         /* bytes of the answer's head so far */
    uint64_t body;       /* bytes of the body still to come */
    bool in_body;
    int status;
    double begun;
    char request[LOAD_REQUEST_ROOM], answer[LOAD_HEAD_ROOM];
} load_client;

typedef struct load_run {
    const load_plan *plan;
    load_client *clients;
    int epoll;
    uint64_t number;
    double *times;
    size_t time_count, time_room;
    load_result result;
} load_run;

static inline void load_watch(load_run *run, load_client *c, uint32_t events, int how) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(run->epoll, how, c->fd, &event) < 0) bench_stop("epoll");
}

static inline void load_send(load_run *run, load_client *c) {
    bool was_blocked = c->sent > 0;
    while (c->sent < c->length) {
        ssize_t n = send(c->fd, c->request + c->sent, c->length - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            load_watch(run, c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (n < 0) bench_stop("the connection broke while it was written to");
        c->sent += (size_t)n;
    }
    if (was_blocked) load_watch(run, c, EPOLLIN, EPOLL_CTL_MOD);
}

static inline void load_next(load_run *run, load_client *c) {
    c->length = run->plan->request(run->plan->context, run->number++, c->request);
    c->sent = c->head = 0;
    c->in_body = false;
    c->begun = bench_now();
    load_send(run, c);
}

static inline void load_note(load_run *run, load_client *c) {
    if (c->status == run->plan->status)
        run->result.good++;
    else if (run->result.bad++ == 0)
        fprintf(stderr, "an answer %d: %.*s\n", c->status, (int)(c->head < 1000 ? c->head : 1000), c->answer);
    if (run->time_count == run->time_room) {
        run->time_room = run->time_room ? run->time_room * 2 : 65536;
        run->times = xreallocarray(run->times, run->time_room, sizeof *run->times);
    }
    run->times[run->time_count++] = bench_now() - c->begun;
}

/* The head is whole when the empty line is there; what follows it counts as body. */
static inline bool load_read_head(load_client *c) {
    c->answer[c->head] = '\0';
    char *end = strstr(c->answer, "\r\n\r\n");
    if (!end) {
        if (c->head == LOAD_HEAD_ROOM - 1) bench_stop("the head of an answer is too long");
        return false;
    }
    char *length = strcasestr(c->answer, "\r\nContent-Length:");
    uint64_t announced = length && length < end ? strtoull(length + 17, NULL, 10) : 0;
    uint64_t here = (uint64_t)(c->answer + c->head - (end + 4));
    c->status = atoi(c->answer + 9);
    c->body = announced > here ? announced - here : 0;
    c->in_body = true;
    return true;
}

/* True when the answer is complete. */
static inline bool load_receive(load_client *c) {
    static char ignored[256 * 1024];
    for (;;) {
        ssize_t n = c->in_body ? recv(c->fd, ignored, c->body < sizeof ignored ? c->body : sizeof ignored, 0)
                               : recv(c->fd, c->answer + c->head, LOAD_HEAD_ROOM - 1 - c->head, 0);
        if (n < 0 && errno == EAGAIN) return false;
        errno = n == 0 ? 0 : errno;
        if (n <= 0) bench_stop("the connection was closed");
        if (c->in_body)
            c->body -= (uint64_t)n;
        else
            c->head += (size_t)n;
        if (!c->in_body && !load_read_head(c)) continue;
        if (c->body == 0) return true;
    }
}

static inline void load_connect(load_run *run, load_client *c) {
    c->fd = bench_connect(run->plan->port);
    if (c->fd < 0) bench_stop("cannot connect");
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0) bench_stop("fcntl");
    load_watch(run, c, EPOLLIN, EPOLL_CTL_ADD);
    load_next(run, c);
}

static inline load_result load_finish(load_run *run) {
    for (int i = 0; i < run->plan->clients; i++)
        close(run->clients[i].fd);
    close(run->epoll);
    if (run->time_count > 0) {
        qsort(run->times, run->time_count, sizeof *run->times, bench_ascending);
        run->result.median_ms = 1000 * run->times[run->time_count / 2];
        run->result.p99_ms = 1000 * run->times[run->time_count * 99 / 100];
    }
    run->result.rate = (double)run->result.good / run->result.seconds;
    free(run->times);
    free(run->clients);
    return run->result;
}

static inline load_result load_drive(const load_plan *plan) {
    load_run run = {.plan = plan, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    struct epoll_event events[LOAD_EVENTS];
    if (plan->clients > LOAD_CLIENTS_MAX || run.epoll < 0) bench_stop("too many clients");
    run.clients = xcalloc((size_t)plan->clients, sizeof *run.clients);
    double begin = bench_now();
    for (int i = 0; i < plan->clients; i++)
        load_connect(&run, &run.clients[i]);
    int under_way = plan->clients;
    while (under_way > 0) {
        bool over = bench_now() - begin > plan->seconds;
        int count = epoll_wait(run.epoll, events, LOAD_EVENTS, 10000);
        if (count <= 0) bench_stop("no answer for ten seconds");
        for (int i = 0; i < count; i++) {
            load_client *c = events[i].data.ptr;
            if (c->sent < c->length) load_send(&run, c);
            if (!(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || !load_receive(c)) continue;
            load_note(&run, c);
            if (over)
                under_way--;
            else
                load_next(&run, c);
        }
    }
    run.result.seconds = bench_now() - begin;
    return load_finish(&run);
}

#endif
