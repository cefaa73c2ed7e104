/* core/http/direct.c: flights to a plain HTTP/1.1 back-end whose body lies in memory: the many small ones, over
 * connections of our own.
 *
 * libcurl still makes the connections (names, addresses that may be called, time-outs) and hands the socket over; the
 * exchange on it is one write and mostly one read, a third of the processor's time that libcurl takes for it. Bodies
 * that flow or lie in files, TLS and HTTP/2 go through libcurl as a whole.
 *
 * A line is opening, idle, or has one flight. A kept line that turns out to be closed is no failure for what may be
 * repeated: it is sent again on another (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
 */
#include "core/http/upstream_internal.h"

#include "core/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { STAGE_BYTES = 64 * 1024, READS_MAX = 4, REQUEST_BYTES_MAX = 256 * 1024, URL_BYTES_MAX = 8192 };

struct direct_line {
    http_upstream *upstream;
    CURL *easy; /* while libcurl connects */
    error *failure;
    char words[CURL_ERROR_SIZE];
    int fd;
    http_watch *watch;
    uint32_t events;
    http_flight *flight; /* NULL: idle */
    bool used;           /* an exchange was completed on it */
    bool spoiled;        /* a request was not sent to its end */
    int64_t idle_since_ms;
    direct_line *next, **link; /* among the idle or the opening ones */
};

static void assign(http_upstream *u);

/* ---- lists ---- */

static void join(direct_line **list, direct_line *l) {
    l->next = *list;
    l->link = list;
    if (l->next) l->next->link = &l->next;
    *list = l;
}

static void leave(direct_line *l) {
    *l->link = l->next;
    if (l->next) l->next->link = l->link;
}

/* The first one, out of its list; NULL: there is none. */
static direct_line *pop(direct_line **list) {
    direct_line *l = *list;
    if (!l) return NULL;
    *list = l->next;
    if (l->next) l->next->link = list;
    return l;
}

static void wait_for_line(http_flight *f, bool first) {
    http_upstream *u = f->upstream;
    if (!u->waiting) u->last_wait = &u->waiting;
    if (first) {
        f->wait_next = u->waiting;
        if (!u->waiting) u->last_wait = &f->wait_next;
        u->waiting = f;
    } else {
        f->wait_next = NULL;
        *u->last_wait = f;
        u->last_wait = &f->wait_next;
    }
}

static void wait_no_longer(http_flight *f) {
    http_upstream *u = f->upstream;
    for (http_flight **at = &u->waiting; *at; at = &(*at)->wait_next) {
        if (*at != f) continue;
        *at = f->wait_next;
        if (!f->wait_next) u->last_wait = at;
        return;
    }
}

/* ---- lines ---- */

/* libcurl and the lines together have no more connections than the back-end is to have. */
static void share_connections(http_upstream *u) {
    size_t most = u->options.connections;
    curl_multi_setopt(
        u->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)(u->line_count < most ? most - u->line_count : 1));
}

/* One that is in no list. */
static void end_line(direct_line *l) {
    http_upstream *u = l->upstream;
    http_loop_drop(l->watch);
    close(l->fd);
    u->line_count--;
    share_connections(u);
    free(l);
}

static void close_line(direct_line *l) {
    if (!l->flight) leave(l);
    end_line(l);
}

static void close_idle(http_upstream *u) {
    for (direct_line *l; (l = pop(&u->idle));)
        end_line(l);
}

static void watch_for(direct_line *l, uint32_t events) {
    if (l->events == events) return;
    http_loop_change(l->watch, events);
    l->events = events;
}

static void read_answer(http_flight *f);
static bool write_request(http_flight *f);

static void line_ready(void *context, uint32_t events) {
    direct_line *l = context;
    http_flight *f = l->flight;
    if (!f) {
        close_line(l); /* the back-end closes it, or speaks unasked */
        return;
    }
    if (f->cancelled || f->failure) return; /* the end of the turn frees it */
    if ((events & EPOLLOUT) && !write_request(f)) return;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) read_answer(f);
}

static curl_socket_t open_line_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    direct_line *l = context;
    const http_upstream_options *options = &l->upstream->options;
    (void)purpose;
    if (options->may_connect && !options->may_connect(options->peer, &address->addr)) {
        error_free(l->failure);
        l->failure = error_new(ERROR_DENIED, "the address of %s is not one that may be called", l->upstream->base);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

static void open_line(http_upstream *u) {
    direct_line *l = xcalloc(1, sizeof *l);
    l->upstream = u;
    l->fd = -1;
    l->easy = upstream_new_easy(u);
    curl_easy_setopt(l->easy, CURLOPT_URL, u->base);
    curl_easy_setopt(l->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(l->easy, CURLOPT_ERRORBUFFER, l->words);
    curl_easy_setopt(l->easy, CURLOPT_OPENSOCKETFUNCTION, open_line_socket);
    curl_easy_setopt(l->easy, CURLOPT_OPENSOCKETDATA, l);
    join(&u->opening, l);
    u->opening_count++;
    if (curl_multi_add_handle(u->multi, l->easy) != CURLM_OK) abort();
}

/* The socket becomes ours; libcurl closes the descriptor that it knows. */
static void take_over(direct_line *l) {
    curl_socket_t theirs = CURL_SOCKET_BAD;
    curl_easy_getinfo(l->easy, CURLINFO_ACTIVESOCKET, &theirs);
    if (theirs != CURL_SOCKET_BAD) l->fd = fcntl(theirs, F_DUPFD_CLOEXEC, 0);
}

static void stop_opening(direct_line *l) {
    l->upstream->opening_count--;
    curl_multi_remove_handle(l->upstream->multi, l->easy);
    curl_easy_cleanup(l->easy);
    l->easy = NULL;
}

static void fail_first_waiting(http_upstream *u, direct_line *l, CURLcode code) {
    http_flight *f = u->waiting;
    if (!f) return;
    if (l->failure) flight_fail(f, l->failure);
    l->failure = NULL;
    memcpy(f->words, l->words, sizeof f->words);
    flight_conclude(f, code == CURLE_OK ? CURLE_COULDNT_CONNECT : code);
}

bool direct_connected(http_upstream *u, CURL *easy, CURLcode code) {
    direct_line *l = u->opening;
    while (l && l->easy != easy)
        l = l->next;
    if (!l) return false;
    if (code == CURLE_OK) take_over(l);
    leave(l);
    stop_opening(l);
    if (l->fd >= 0) {
        u->line_count++;
        share_connections(u);
        l->events = EPOLLIN;
        l->watch = http_loop_watch(u->options.loop, l->fd, EPOLLIN, line_ready, l);
        l->idle_since_ms = upstream_now_ms();
        join(&u->idle, l);
    } else {
        fail_first_waiting(u, l, code);
        error_free(l->failure);
        free(l);
    }
    assign(u);
    return true;
}

void direct_make_room(http_upstream *u) {
    if (u->idle && u->line_count + u->opening_count >= u->options.connections) close_line(u->idle);
}

/* ---- the request ---- */

bool direct_can(http_upstream *u, const http_flight_plan *plan) {
    const char *url = plan->url, *rest;
    if (plan->flows || plan->body_fd >= 0 || u->options.version == HTTP_VERSION_2) return false;
    if (!u->base) {
        if (strncmp(url, "http://", 7) != 0) return false;
        error *err = http_curl_check_url(url);
        if (!err) u->base = xspandup(span_make(url, 7 + strcspn(url + 7, "/?#")));
        error_free(err);
        if (!u->base) return false;
    }
    size_t len = strlen(u->base);
    if (strncmp(url, u->base, len) != 0) return false;
    rest = url + len;
    if (*rest && *rest != '/' && *rest != '?') return false;
    for (const char *c = rest; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7F || *c == '\\' || *c == '#') return false;
    return strlen(rest) + len <= URL_BYTES_MAX;
}

static void add(buf *out, span name, span value) {
    buf_add(out, name);
    buf_add(out, SPAN(": "));
    buf_add(out, value);
    buf_add(out, SPAN("\r\n"));
}

static bool sends_body(const http_flight_plan *plan) {
    return plan->body.len > 0 && strcmp(plan->method, "HEAD") != 0;
}

static error *make_request(http_flight *f, const http_flight_plan *plan) {
    static const char *const announce[] = {"POST", "PUT", "PATCH"};
    const char *path = plan->url + strlen(f->upstream->base);
    buf *out = &f->request;
    bool length = sends_body(plan);
    for (size_t i = 0; i < sizeof announce / sizeof *announce; i++)
        length |= strcmp(plan->method, announce[i]) == 0; /* RFC 9110 §8.6 */
    *out = BUF_MAX(REQUEST_BYTES_MAX);
    if (!buf_reserve(out, 1024)) abort();
    buf_add_text(out, plan->method);
    buf_add(out, *path == '/' ? SPAN(" ") : SPAN(" /"));
    buf_add_text(out, path);
    buf_add(out, SPAN(" HTTP/1.1\r\n"));
    if (!http_find_field(plan->headers, plan->header_count, SPAN("Host")))
        add(out, SPAN("Host"), span_of(f->upstream->base + 7));
    for (size_t i = 0; i < plan->header_count; i++) {
        const http_field *field = &plan->headers[i];
        error *err = http_curl_check_field(field);
        if (err) return err;
        if (http_name_equal(field->name, SPAN("Content-Length")) ||
            http_name_equal(field->name, SPAN("Transfer-Encoding")))
            continue;
        add(out, field->name, field->value);
    }
    if (length) buf_printf(out, "Content-Length: %zu\r\n", sends_body(plan) ? plan->body.len : 0);
    buf_add(out, SPAN("\r\n"));
    return buf_check(out, "the head of the request");
}

static void break_off(http_flight *f, const char *words) {
    flight_fail(f, error_new(f->wire.beyond ? ERROR_LIMIT : ERROR_UNREACHABLE, "%s: %s", f->plan.url, words));
    if (f->upstream->assigning)
        flight_gather(f); /* nobody is told while he sends: the end of the turn does */
    else
        flight_conclude(f, CURLE_OK);
}

/* The connection has gone. Was it a kept one that had gone before, and may the request be repeated? */
static void lose(http_flight *f, const char *words) {
    direct_line *l = f->line;
    if (!l->used || f->heard || !f->plan.repeatable) {
        break_off(f, words);
        return;
    }
    f->line = NULL;
    close_line(l);
    close_idle(f->upstream); /* they are as old */
    f->sent = 0;
    wait_for_line(f, true);
    assign(f->upstream);
}

/* False when the flight is over, or elsewhere. */
static bool write_request(http_flight *f) {
    span body = sends_body(&f->plan) ? f->plan.body : SPAN("");
    size_t total = f->request.len + body.len;
    while (f->sent < total) {
        size_t in_head = f->sent < f->request.len ? f->request.len - f->sent : 0;
        size_t in_body = f->sent > f->request.len ? f->sent - f->request.len : 0;
        struct iovec pieces[2] = {
            {f->request.data + f->sent, in_head}, {(char *)(uintptr_t)body.data + in_body, body.len - in_body}};
        struct msghdr message = {.msg_iov = in_head ? pieces : pieces + 1, .msg_iovlen = in_head && body.len ? 2 : 1};
        ssize_t n = sendmsg(f->line->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            watch_for(f->line, EPOLLIN | EPOLLOUT);
            return true;
        }
        if (n < 0) {
            /* An answer that came before the end of the request counts, with what could be read of it. */
            if (in_body || !in_head) {
                f->sent = total;
                f->line->spoiled = true;
                watch_for(f->line, EPOLLIN);
                return true;
            }
            lose(f, "the connection was closed");
            return false;
        }
        f->sent += (size_t)n;
        f->moved_ms = upstream_now_ms();
    }
    watch_for(f->line, EPOLLIN);
    return true;
}

/* ---- the answer ---- */

static bool request_is_sent(const http_flight *f) {
    return f->sent == f->request.len + (sends_body(&f->plan) ? f->plan.body.len : 0);
}

static void hold(http_flight *f, span piece, span rest) {
    f->held_piece = piece.len;
    buf_add(&f->held, piece);
    buf_add(&f->held, rest);
    f->paused = true;
    watch_for(f->line, 0);
}

static void look_by(http_upstream *u, int64_t at_ms) {
    if (at_ms < u->direct_due_ms) u->direct_due_ms = at_ms;
}

static void head_is_there(http_flight *f) {
    look_by(f->upstream, f->moved_ms + (int64_t)f->upstream->options.stall_timeout_ms);
    f->head = f->wire.head; /* it moves */
    f->wire.head = BUF_MAX(0);
    f->status = f->wire.status;
    flight_head_is_there(f);
}

/* False when the flight is over. */
static bool take_bytes(http_flight *f, span bytes) {
    span piece;
    wire_event event = WIRE_HEAD;
    while (event == WIRE_HEAD || event == WIRE_BODY) {
        size_t done = wire_read(&f->wire, bytes, &event, &piece);
        bytes = span_make(bytes.data + done, bytes.len - done);
        if (event == WIRE_HEAD) head_is_there(f);
        flight_taken taken = event == WIRE_BODY ? flight_deliver(f, piece) : FLIGHT_TAKEN;
        if (taken == FLIGHT_FULL) {
            hold(f, piece, bytes);
            return true;
        }
        if (taken == FLIGHT_OVER) {
            if (!f->cancelled) flight_conclude(f, CURLE_WRITE_ERROR);
            return false;
        }
    }
    if (event == WIRE_MORE) return true;
    if (event == WIRE_END) {
        f->wire.keeps &= bytes.len == 0 && request_is_sent(f) && !f->line->spoiled;
        flight_conclude(f, CURLE_OK);
    } else {
        break_off(f, f->wire.why);
    }
    return false;
}

static void end_of_answer(http_flight *f, const char *words) {
    bool complete = words == NULL && wire_close(&f->wire) == WIRE_END;
    f->wire.keeps = false;
    if (complete)
        flight_conclude(f, CURLE_OK);
    else
        lose(f, words ? words : f->wire.why);
}

static void read_answer(http_flight *f) {
    http_upstream *u = f->upstream;
    if (!u->stage) u->stage = xmalloc(STAGE_BYTES);
    for (int i = 0; i < READS_MAX && !f->paused; i++) {
        ssize_t n = recv(f->line->fd, u->stage, STAGE_BYTES, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (n <= 0) {
            end_of_answer(f, n < 0 ? "the connection was reset" : NULL);
            return;
        }
        f->heard = true;
        f->moved_ms = upstream_now_ms();
        if (!take_bytes(f, span_make(u->stage, (size_t)n)) || n < STAGE_BYTES) return;
    }
}

void direct_go_on(http_flight *f) {
    if (!f->paused || f->in_event) return;
    buf held = f->held;
    size_t piece_len = f->held_piece;
    f->held = BUF_MAX(held.maximum);
    f->held_piece = 0;
    f->paused = false;
    f->moved_ms = upstream_now_ms();
    look_by(f->upstream, f->moved_ms + (int64_t)f->upstream->options.stall_timeout_ms);
    span piece = span_make(held.data, piece_len), rest = span_make(held.data + piece_len, held.len - piece_len);
    flight_taken taken = flight_deliver(f, piece);
    if (taken == FLIGHT_FULL)
        hold(f, piece, rest);
    else if (taken == FLIGHT_OVER && !f->cancelled)
        flight_conclude(f, CURLE_WRITE_ERROR);
    else if (taken == FLIGHT_TAKEN && take_bytes(f, rest) && !f->paused)
        watch_for(f->line, EPOLLIN);
    buf_free(&held);
}

/* ---- from start to end ---- */

/* What may not be repeated is not sent on a connection that has been closed meanwhile. */
static bool is_alive(const direct_line *l) {
    char byte;
    return recv(l->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static direct_line *take_idle(http_upstream *u, const http_flight *f) {
    int64_t oldest_ms = upstream_now_ms() - (int64_t)u->options.keep_alive_ms;
    for (direct_line *l; (l = pop(&u->idle));) {
        if (l->idle_since_ms >= oldest_ms && (f->plan.repeatable || !l->used || is_alive(l))) return l;
        end_line(l);
    }
    return NULL;
}

static void give_line(http_flight *f, direct_line *l) {
    f->line = l;
    l->flight = f;
    f->moved_ms = upstream_now_ms();
    wire_free(&f->wire);
    wire_begin(&f->wire, strcmp(f->plan.method, "HEAD") == 0, FLIGHT_HEAD_BYTES_MAX);
    write_request(f);
}

/* Gives lines to those that wait, and has more opened. */
static void assign(http_upstream *u) {
    if (u->assigning) return;
    u->assigning = true;
    while (u->waiting) {
        http_flight *f = u->waiting;
        bool over = f->cancelled || f->failure;
        direct_line *l = over ? NULL : take_idle(u, f);
        if (!over && !l) break;
        wait_no_longer(f);
        if (l) give_line(f, l);
    }
    u->assigning = false;
    size_t wanted = 0, others = u->curl_flights;
    for (const http_flight *f = u->waiting; f; f = f->wait_next)
        wanted++;
    if (others >= u->options.connections) others = u->options.connections - 1;
    while (u->opening_count < wanted && u->line_count + u->opening_count + others < u->options.connections)
        open_line(u);
}

error *direct_start(http_flight *f, const http_flight_plan *plan) {
    http_upstream *u = f->upstream;
    error *err = make_request(f, plan);
    if (err) {
        buf_free(&f->request);
        return err;
    }
    f->held = BUF_MAX(2 * STAGE_BYTES);
    f->direct_next = u->direct_first;
    f->direct_link = &u->direct_first;
    if (f->direct_next) f->direct_next->direct_link = &f->direct_next;
    u->direct_first = f;
    unsigned first = plan->first_ms ? plan->first_ms : plan->total_ms;
    look_by(u, f->started_ms + (int64_t)(first ? first : u->options.stall_timeout_ms));
    wait_for_line(f, false);
    assign(u);
    return NULL;
}

void direct_release(http_flight *f) {
    http_upstream *u = f->upstream;
    direct_line *l = f->line;
    *f->direct_link = f->direct_next;
    if (f->direct_next) f->direct_next->direct_link = f->direct_link;
    if (!l) {
        wait_no_longer(f);
    } else if (f->wire.keeps && f->wire.state == AT_END && !f->failure && !f->cancelled) {
        l->flight = NULL;
        l->used = true;
        l->idle_since_ms = upstream_now_ms();
        watch_for(l, EPOLLIN);
        join(&u->idle, l);
    } else {
        close_line(l);
    }
    f->line = NULL;
    wire_free(&f->wire);
    buf_free(&f->request);
    buf_free(&f->held);
    if (u->waiting) assign(u);
}

/* ---- deadlines ---- */

/* When the flight is too late, and why. */
static int64_t deadline_of(const http_flight *f, const char **why) {
    const http_flight_plan *plan = &f->plan;
    unsigned first = plan->first_ms ? plan->first_ms : plan->total_ms, stall = f->upstream->options.stall_timeout_ms;
    int64_t at_ms = INT64_MAX;
    *why = "the time for it is over";
    if (!f->head_done && first) at_ms = f->started_ms + first;
    if (f->head_done && plan->total_ms) at_ms = f->started_ms + plan->total_ms;
    if (f->head_done && !f->paused && f->moved_ms + stall < at_ms) {
        at_ms = f->moved_ms + stall;
        *why = "it stands still";
    }
    return at_ms;
}

/* True: it is gone. */
static bool end_if_late(http_flight *f, int64_t now_ms) {
    const char *why;
    int64_t at_ms = deadline_of(f, &why);
    if (f->cancelled || f->failure) return false;
    if (now_ms < at_ms) {
        look_by(f->upstream, at_ms);
        return false;
    }
    flight_fail(f, error_new(ERROR_TIMEOUT, "%s did not answer in time: %s", f->plan.url, why));
    flight_conclude(f, CURLE_OK);
    return true;
}

int direct_turn(http_upstream *u) {
    if (u->direct_due_ms == INT64_MAX) return -1;
    int64_t now_ms = upstream_now_ms();
    if (now_ms >= u->direct_due_ms) {
        u->direct_due_ms = INT64_MAX;
        /* Whoever is told may begin and end others: then from the start. */
        for (http_flight *f = u->direct_first; f;)
            f = end_if_late(f, now_ms) ? u->direct_first : f->direct_next;
    }
    int64_t left_ms = u->direct_due_ms == INT64_MAX ? -1 : u->direct_due_ms - now_ms;
    return left_ms > 60000 ? 60000 : (int)left_ms;
}

void direct_end(http_upstream *u) {
    close_idle(u);
    for (direct_line *l; (l = pop(&u->opening));) {
        stop_opening(l);
        error_free(l->failure);
        free(l);
    }
    free(u->base);
    free(u->stage);
}
