/* core/http/upstream.c: see upstream.h; around libcurl's multi interface, one multi handle a back-end, so that each has
 * its own connections.
 *
 * libcurl tells which sockets to watch and when to be called; both are the loop's business. What happened to flights is
 * told at the end of each turn: an answer that came whole within the turn is one event.
 */
#include "core/http/upstream.h"

#include "core/base/memory.h"
#include "core/http/curl_part.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    HEAD_BYTES_MAX = 65536,
    HEADERS_MAX = 256,
    WAIT_FOR_REST_MS = 100,
    INTERIM_MAX = 16,             /* 1xx answers before the real one */
    GATHER_BYTES_MAX = 64 * 1024, /* of a body within one turn; beyond, it flows */
    FLOW_BYTES_MAX = 256 * 1024,  /* of a request's body, waiting to be sent */
    HANDLES_MAX = 256,            /* kept for reuse */
    FIRST_HEAD_BYTES = 1000,
};

/* One of libcurl's, used by one flight after the other: what is the same for all of an upstream is set once. */
typedef struct handle {
    CURL *easy;
    http_curl_address address;
    struct handle *next;
} handle;

struct http_upstream {
    http_upstream_options options;
    char *tls_texts[4];
    atomic_int references;
    CURLM *multi;
    http_turn *turn;
    int64_t timer_at_ms;    /* when libcurl wants to be called; -1: never */
    bool in_turn;           /* its hook runs: it will see what changes */
    bool busy;              /* something may have ended since the last look */
    http_flight *gathering; /* flights whose answer was not told yet */
    handle *handles;        /* that wait for a flight */
    size_t handle_count;
    struct socket_watch **sockets; /* by descriptor */
    size_t socket_room;
};

struct http_flight {
    http_upstream *upstream;
    http_flight_plan plan; /* url and method are its own copies, behind it */
    handle *handle;
    CURL *easy;                 /* of the handle */
    struct curl_slist *headers; /* one block */
    char words[CURL_ERROR_SIZE];
    error *failure; /* of a callback; says more than libcurl's code */
    /* the request's body */
    int64_t started_ms, head_ms;
    uint64_t body_sent;
    buf flow;
    bool flow_ended, flow_paused, flow_full;
    /* the answer */
    buf head, body;
    int status, interim;
    bool head_done, told, cancelled, in_event, in_list;
    http_flight *next, **link; /* in the upstream's list of gathering flights */
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fail(http_flight *f, error *take) {
    if (f->failure)
        error_free(take);
    else
        f->failure = take;
}

/* ---- the list of flights that were not told ---- */

static void gather(http_flight *f) {
    if (f->in_list || f->told) return;
    http_upstream *u = f->upstream;
    f->in_list = true;
    f->next = u->gathering;
    f->link = &u->gathering;
    if (f->next) f->next->link = &f->next;
    u->gathering = f;
    u->busy = true;
    if (!u->in_turn) http_loop_hurry(u->options.loop);
}

static void leave_list(http_flight *f) {
    if (!f->in_list) return;
    *f->link = f->next;
    if (f->next) f->next->link = f->link;
    f->in_list = false;
}

/* ---- the end of a flight ---- */

static void give_handle(http_upstream *u, handle *take);

static void free_flight(http_flight *f) {
    leave_list(f);
    curl_multi_remove_handle(f->upstream->multi, f->easy);
    give_handle(f->upstream, f->handle);
    free(f->headers);
    error_free(f->failure);
    buf_free(&f->flow);
    buf_free(&f->head);
    buf_free(&f->body);
    http_upstream *u = f->upstream;
    free(f);
    http_upstream_release(u);
}

void http_flight_cancel(http_flight *f) {
    /* Inside a callback of libcurl its handle cannot be removed: the end of the turn does it. */
    f->cancelled = true;
    f->told = false;
    gather(f);
}

/* ---- telling ---- */

/* The lines of the head as fields; texts stay in f->head. */
static size_t split_head(const http_flight *f, http_field fields[HEADERS_MAX]) {
    span rest = buf_span(&f->head), line;
    size_t count = 0;
    while (span_split(&rest, '\n', &line) && count < HEADERS_MAX) {
        const char *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
        if (!colon || span_starts(line, SPAN("HTTP/"))) continue;
        size_t name_len = (size_t)(colon - line.data);
        fields[count++] =
            (http_field){span_make(line.data, name_len), span_trim(span_make(colon + 1, line.len - name_len - 1))};
    }
    return count;
}

static void tell_answer(http_flight *f, bool complete) {
    http_field fields[HEADERS_MAX] __attribute__((uninitialized)); /* filled as far as it is told */
    curl_off_t length = -1;
    curl_easy_getinfo(f->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    const http_flight_answer answer = {
        .status = f->status,
        .headers = fields,
        .header_count = split_head(f, fields),
        .length = (int64_t)length,
        .body = buf_span(&f->body),
        .complete = complete,
    };
    f->told = true;
    leave_list(f);
    f->in_event = true;
    f->plan.answered(f->plan.context, &answer);
    f->in_event = false;
    buf_free(&f->body);
}

static void conclude(http_flight *f, CURLcode code) {
    error *err = f->failure;
    f->failure = NULL;
    if (!err && code != CURLE_OK) err = http_curl_error(code, f->plan.url, f->words);
    if (!err && !f->head_done) err = error_new(ERROR_UNREACHABLE, "%s gave no answer", f->plan.url);
    if (f->cancelled)
        error_free(err);
    else if (err || f->told)
        f->plan.ended(f->plan.context, err);
    else
        tell_answer(f, true);
    free_flight(f);
}

static void look_for_ends(http_upstream *u) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(u->multi, &left))) {
        http_flight *f = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &f);
        conclude(f, code);
    }
}

/* An answer announced as small is waited for a moment: then it goes on whole, and when the back-end breaks off in its
 * middle the client is told so by a status. */
static bool may_wait(const http_flight *f) {
    curl_off_t length = -1;
    curl_easy_getinfo(f->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length > 0 && length <= GATHER_BYTES_MAX && now_ms() - f->head_ms < WAIT_FOR_REST_MS;
}

/* What has arrived of answers that are not complete goes on its way. */
static void tell_rest(http_upstream *u) {
    http_flight *next;
    for (http_flight *f = u->gathering; f; f = next) {
        next = f->next;
        if (f->cancelled)
            free_flight(f);
        else if (f->plan.gather_maximum)
            leave_list(f);
        else if (!may_wait(f))
            tell_answer(f, false);
    }
}

/* ---- libcurl's callbacks ---- */

static long seconds(unsigned ms) {
    return (long)((ms + 999) / 1000);
}

static bool is_interim(const http_flight *f) {
    return f->status >= 100 && f->status < 200;
}

static void end_head(http_flight *f) {
    if (is_interim(f)) {
        if (++f->interim > INTERIM_MAX)
            fail(f, error_new(ERROR_LIMIT, "%s sends interim answers without end", f->plan.url));
        return;
    }
    f->head_done = true;
    f->head_ms = now_ms();
    if (f->plan.first_ms && f->plan.first_ms != f->plan.total_ms)
        curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)f->plan.total_ms);
    curl_easy_setopt(f->easy, CURLOPT_LOW_SPEED_TIME, seconds(f->upstream->options.stall_timeout_ms));
    if (!f->plan.gather_maximum) gather(f);
}

static int status_of(span line) {
    const char *blank = memchr(line.data, ' ', line.len);
    uint64_t status = 0;
    if (!blank || line.len - (size_t)(blank - line.data) < 4 ||
        !span_to_u64(span_make(blank + 1, 3), 100, 599, &status))
        return 0;
    return (int)status;
}

static size_t write_head(char *bytes, size_t size, size_t count, void *context) {
    http_flight *f = context;
    span line = span_make(bytes, size * count);
    if (f->head_done) return line.len; /* trailer fields */
    if (span_starts(line, SPAN("HTTP/"))) {
        buf_clear(&f->head);
        f->status = status_of(line);
        if (!f->status) fail(f, error_new(ERROR_UNREACHABLE, "%s answered with a malformed status", f->plan.url));
    }
    buf_add(&f->head, line);
    if (f->head.overflow) fail(f, error_new(ERROR_LIMIT, "the head of the answer is too large"));
    if (span_trim(line).len == 0) end_head(f);
    return f->failure || f->cancelled ? 0 : line.len;
}

static size_t write_body(char *bytes, size_t size, size_t count, void *context) {
    http_flight *f = context;
    span piece = span_make(bytes, size * count);
    if (f->cancelled || f->failure) return 0;
    if (f->plan.gather_maximum) {
        buf_add(&f->body, piece);
        if (f->body.overflow)
            fail(f, error_new(ERROR_LIMIT, "the answer is larger than %zu bytes", f->plan.gather_maximum));
        return f->failure ? 0 : piece.len;
    }
    if (!f->told && f->body.len + piece.len <= GATHER_BYTES_MAX) {
        buf_add(&f->body, piece);
        gather(f);
        return piece.len;
    }
    if (!f->told) tell_answer(f, false);
    if (f->cancelled) return 0;
    f->in_event = true;
    bool taken = f->plan.piece(f->plan.context, piece);
    f->in_event = false;
    if (f->cancelled) return 0;
    return taken ? piece.len : CURL_WRITEFUNC_PAUSE;
}

static size_t read_flow(http_flight *f, char *out, size_t room) {
    size_t len = f->flow.len < room ? f->flow.len : room;
    if (len == 0 && !f->flow_ended) {
        f->flow_paused = true;
        return CURL_READFUNC_PAUSE;
    }
    /* The back-end's time to answer begins when it has everything. */
    if (len == 0 && !f->plan.total_ms && f->plan.first_ms && !f->head_done)
        curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)(now_ms() - f->started_ms + f->plan.first_ms));
    if (len) memcpy(out, f->flow.data, len);
    buf_consume(&f->flow, len);
    f->body_sent += len;
    if (f->flow_full && f->flow.len <= FLOW_BYTES_MAX / 2) {
        f->flow_full = false;
        f->in_event = true;
        f->plan.room(f->plan.context);
        f->in_event = false;
    }
    return f->cancelled ? CURL_READFUNC_ABORT : len;
}

static size_t read_body(char *out, size_t size, size_t count, void *context) {
    http_flight *f = context;
    size_t room = size * count;
    if (f->cancelled || f->failure) return CURL_READFUNC_ABORT;
    if (f->plan.flows) return read_flow(f, out, room);
    uint64_t total = f->plan.body_fd >= 0 ? (uint64_t)f->plan.body_size : f->plan.body.len;
    if (total - f->body_sent < room) room = (size_t)(total - f->body_sent);
    if (room == 0) return 0;
    ssize_t len = (ssize_t)room;
    if (f->plan.body_fd < 0)
        memcpy(out, f->plan.body.data + f->body_sent, room);
    else
        do
            len = pread(f->plan.body_fd, out, room, (off_t)f->body_sent);
        while (len < 0 && errno == EINTR);
    if (len <= 0) fail(f, error_new(ERROR_IO, "the body to send cannot be read"));
    if (f->failure) return CURL_READFUNC_ABORT;
    f->body_sent += (uint64_t)len;
    return (size_t)len;
}

/* A kept connection had gone and the body is to be sent again. What may have been acted upon is not repeated
 * (RFC 9110 §9.2.2), and what has flowed by is gone. */
static int rewind_body(void *context, curl_off_t offset, int origin) {
    http_flight *f = context;
    bool can = origin == SEEK_SET && f->plan.repeatable && !f->plan.flows;
    if (!can && !(f->plan.flows && f->body_sent == (uint64_t)offset)) return CURL_SEEKFUNC_FAIL;
    f->body_sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    http_flight *f = context;
    const http_upstream_options *options = &f->upstream->options;
    (void)purpose;
    if (options->may_connect && !options->may_connect(options->peer, &address->addr)) {
        fail(f, error_new(ERROR_DENIED, "the address of %s is not one that may be called", f->plan.url));
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

static void socket_ready(void *context, uint32_t events);

/* A socket stays watched between two exchanges on it: the next one mostly wants to read again, and nothing has to be
 * told to the kernel. */
typedef struct socket_watch {
    http_upstream *upstream;
    curl_socket_t fd;
    http_watch *watch;
    uint32_t events;
    bool idle; /* libcurl does not want it watched now */
} socket_watch;

static void drop_socket(socket_watch *s) {
    http_loop_drop(s->watch);
    s->upstream->sockets[s->fd] = NULL;
    free(s);
}

static socket_watch *socket_of(const http_upstream *u, curl_socket_t fd) {
    return fd >= 0 && (size_t)fd < u->socket_room ? u->sockets[fd] : NULL;
}

static void add_socket(http_upstream *u, curl_socket_t fd, uint32_t events) {
    size_t needed = (size_t)fd + 1;
    if (needed > u->socket_room) {
        size_t room = needed < 2 * u->socket_room ? 2 * u->socket_room : needed + 64;
        u->sockets = xreallocarray(u->sockets, room, sizeof(socket_watch *));
        memset(u->sockets + u->socket_room, 0, (room - u->socket_room) * sizeof(socket_watch *));
        u->socket_room = room;
    }
    socket_watch *s = xcalloc(1, sizeof *s);
    *s = (socket_watch){.upstream = u, .fd = fd, .events = events};
    s->watch = http_loop_watch(u->options.loop, fd, events, socket_ready, s);
    u->sockets[fd] = s;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known) {
    http_upstream *u = context;
    socket_watch *s = socket_of(u, fd);
    (void)easy, (void)known;
    if (what == CURL_POLL_REMOVE) {
        if (s && s->events != EPOLLIN)
            drop_socket(s); /* one that waits to write would wake us all the time */
        else if (s)
            s->idle = true;
        return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
    if (!s) {
        add_socket(u, fd, events);
        return 0;
    }
    s->idle = false;
    if (s->events != events) http_loop_change(s->watch, events);
    s->events = events;
    return 0;
}

/* libcurl closes a connection. */
static int close_socket(void *context, curl_socket_t fd) {
    socket_watch *s = socket_of(context, fd);
    if (s) drop_socket(s);
    return close(fd);
}

static int on_timer(CURLM *multi, long timeout_ms, void *context) {
    http_upstream *u = context;
    (void)multi;
    u->timer_at_ms = timeout_ms < 0 ? -1 : timeout_ms == 0 ? 0 : now_ms() + timeout_ms;
    if (!u->in_turn) http_loop_hurry(u->options.loop);
    return 0;
}

static void socket_ready(void *context, uint32_t events) {
    socket_watch *s = context;
    http_upstream *u = s->upstream;
    if (s->idle) { /* the back-end closes it, or speaks unasked: libcurl finds out before it uses it again */
        drop_socket(s);
        return;
    }
    int mask = (events & (EPOLLIN | EPOLLRDHUP) ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR | CURL_CSELECT_IN : 0);
    int running;
    curl_multi_socket_action(u->multi, s->fd, mask, &running); /* may drop the watch */
    u->busy = true;
}

/* ---- the upstream ---- */

static int on_turn(void *context) {
    http_upstream *u = context;
    int running;
    u->in_turn = true;
    for (int rounds = 0; rounds < 8; rounds++) {
        bool due = u->timer_at_ms == 0 || (u->timer_at_ms > 0 && u->timer_at_ms <= now_ms());
        if (due) {
            u->timer_at_ms = -1;
            curl_multi_socket_action(u->multi, CURL_SOCKET_TIMEOUT, 0, &running);
            u->busy = true;
        }
        if (!u->busy && !(rounds == 0 && u->gathering)) break;
        u->busy = false;
        look_for_ends(u);
        tell_rest(u);
    }
    u->in_turn = false;
    if (u->busy) return 0;
    if (u->timer_at_ms < 0) return u->gathering ? WAIT_FOR_REST_MS / 4 : -1;
    int64_t left = u->timer_at_ms - now_ms();
    int64_t most = u->gathering ? WAIT_FOR_REST_MS / 4 : 60000;
    return left < 0 || u->timer_at_ms == 0 ? 0 : left > most ? (int)most : (int)left;
}

static char *copy_text(const char *text) {
    return text ? xstrdup(text) : NULL;
}

static unsigned or_default(unsigned value, unsigned fallback) {
    return value ? value : fallback;
}

static void begin_upstream(void *context) {
    http_upstream *u = context;
    u->turn = http_loop_add_turn(u->options.loop, on_turn, u);
}

http_upstream *http_upstream_new(const http_upstream_options *options) {
    http_curl_start();
    http_upstream *u = xcalloc(1, sizeof *u);
    u->options = *options;
    u->options.connections = or_default(options->connections, 64);
    u->options.keep_alive_ms = or_default(options->keep_alive_ms, 60000);
    u->options.connect_timeout_ms = or_default(options->connect_timeout_ms, 10000);
    u->options.stall_timeout_ms = or_default(options->stall_timeout_ms, 30000);
    u->options.tls.authorities = u->tls_texts[0] = copy_text(options->tls.authorities);
    u->options.tls.certificate = u->tls_texts[1] = copy_text(options->tls.certificate);
    u->options.tls.key = u->tls_texts[2] = copy_text(options->tls.key);
    u->options.tls.pinned_key = u->tls_texts[3] = copy_text(options->tls.pinned_key);
    atomic_init(&u->references, 1);
    u->timer_at_ms = -1;
    u->multi = curl_multi_init();
    if (!u->multi) abort();
    curl_multi_setopt(u->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(u->multi, CURLMOPT_SOCKETDATA, u);
    curl_multi_setopt(u->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(u->multi, CURLMOPT_TIMERDATA, u);
    curl_multi_setopt(u->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)u->options.connections);
    curl_multi_setopt(u->multi, CURLMOPT_MAXCONNECTS, (long)u->options.connections);
    http_loop_post(u->options.loop, begin_upstream, u);
    return u;
}

http_upstream *http_upstream_hold(http_upstream *u) {
    atomic_fetch_add(&u->references, 1);
    return u;
}

static void free_handle(handle *h) {
    curl_easy_cleanup(h->easy);
    http_curl_free_address(&h->address);
    free(h);
}

static void end_upstream(void *context) {
    http_upstream *u = context;
    http_loop_remove_turn(u->options.loop, u->turn);
    for (handle *h = u->handles, *next; h; h = next) {
        next = h->next;
        free_handle(h);
    }
    curl_multi_cleanup(u->multi); /* closes what is kept */
    free(u->sockets);
    for (size_t i = 0; i < sizeof u->tls_texts / sizeof *u->tls_texts; i++) {
        if (u->tls_texts[i]) explicit_bzero(u->tls_texts[i], strlen(u->tls_texts[i]));
        free(u->tls_texts[i]);
    }
    if (u->options.forget) u->options.forget(u->options.context);
    free(u);
}

void http_upstream_release(http_upstream *u) {
    if (!u || atomic_fetch_sub(&u->references, 1) > 1) return;
    http_loop_post(u->options.loop, end_upstream, u);
}

/* ---- handles ---- */

static void set_constant_options(const http_upstream *u, CURL *easy) {
    static const long versions[] = {CURL_HTTP_VERSION_2TLS, CURL_HTTP_VERSION_1_1, CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE};
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, versions[u->options.version]);
    if (u->options.version == HTTP_VERSION_2) curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)u->options.connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, seconds(u->options.keep_alive_ms));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, write_head);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_body);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, (void *)(uintptr_t)u);
    http_curl_set_tls(easy, &u->options.tls);
}

static handle *take_handle(http_upstream *u) {
    handle *h = u->handles;
    if (h) {
        u->handles = h->next;
        u->handle_count--;
        return h;
    }
    h = xcalloc(1, sizeof *h);
    h->easy = curl_easy_init();
    if (!h->easy) abort();
    set_constant_options(u, h->easy);
    return h;
}

static void give_handle(http_upstream *u, handle *take) {
    curl_easy_setopt(take->easy, CURLOPT_HTTPHEADER, NULL);
    if (u->handle_count == HANDLES_MAX) {
        free_handle(take);
        return;
    }
    take->next = u->handles;
    u->handles = take;
    u->handle_count++;
}

/* ---- sending ---- */

static void set_method(http_flight *f) {
    const http_flight_plan *plan = &f->plan;
    bool head = strcmp(plan->method, "HEAD") == 0;
    bool upload = !head && (plan->flows || plan->body_fd >= 0 || plan->body.len > 0);
    curl_off_t size = plan->flows || plan->body_fd >= 0 ? (curl_off_t)plan->body_size : (curl_off_t)plan->body.len;
    /* Whatever the last flight left behind is undone. With its POSTFIELDS there libcurl would not rewind this one's
     * body before it sends it again. */
    curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(f->easy, CURLOPT_HTTPGET, 1L);
    if (head) curl_easy_setopt(f->easy, CURLOPT_NOBODY, 1L);
    if (upload) {
        curl_easy_setopt(f->easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(f->easy, CURLOPT_INFILESIZE_LARGE, size);
    } else if (strcmp(plan->method, "POST") == 0 || strcmp(plan->method, "PUT") == 0 ||
               strcmp(plan->method, "PATCH") == 0) {
        curl_easy_setopt(f->easy, CURLOPT_POST, 1L); /* says Content-Length: 0 (RFC 9110 §8.6) */
        curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, "");
    }
    curl_easy_setopt(f->easy, CURLOPT_CUSTOMREQUEST, head ? NULL : plan->method);
}

static void set_flight_options(http_flight *f) {
    CURL *easy = f->easy;
    unsigned first = f->plan.first_ms ? f->plan.first_ms : f->plan.total_ms;
    unsigned stall = f->upstream->options.stall_timeout_ms;
    /* A back-end may think about its answer for longer than a transfer may stand still. */
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, seconds(first > stall || !first ? first : stall));
    if (f->plan.flows && !f->plan.total_ms && (f->plan.body_size < 0 || f->plan.body_size > FLOW_BYTES_MAX)) first = 0;
    f->words[0] = '\0';
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, f->words);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, f);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, f->headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)first);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, f);
    curl_easy_setopt(easy, CURLOPT_READDATA, f);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, f);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, f);
    set_method(f);
}

/* What libcurl would add by itself is kept away by an empty field. An empty Expect keeps it from waiting for a 100 that
 * many servers never send. */
static error *list_headers(const http_flight_plan *plan, struct curl_slist **block) {
    const char *none[3] = {"Expect:"};
    size_t count = 1;
    if (!http_find_field(plan->headers, plan->header_count, SPAN("Accept"))) none[count++] = "Accept:";
    if (!http_find_field(plan->headers, plan->header_count, SPAN("Content-Type"))) none[count++] = "Content-Type:";
    return http_curl_list_headers(plan->headers, plan->header_count, none, count, block);
}

static http_flight *new_flight(http_upstream *u, const http_flight_plan *plan) {
    size_t url_size = strlen(plan->url) + 1, method_size = strlen(plan->method) + 1;
    http_flight *f = xcalloc(1, sizeof *f + url_size + method_size);
    char *texts = (char *)(f + 1);
    f->upstream = http_upstream_hold(u);
    f->plan = *plan;
    f->plan.url = memcpy(texts, plan->url, url_size);
    f->plan.method = memcpy(texts + url_size, plan->method, method_size);
    f->plan.headers = NULL;
    f->flow = BUF_MAX(FLOW_BYTES_MAX);
    f->head = BUF_MAX(HEAD_BYTES_MAX);
    f->body = BUF_MAX(plan->gather_maximum ? plan->gather_maximum : GATHER_BYTES_MAX);
    f->started_ms = now_ms();
    if (!buf_reserve(&f->head, FIRST_HEAD_BYTES)) abort();
    return f;
}

error *http_upstream_send(http_upstream *u, const http_flight_plan *plan, http_flight **out) {
    struct curl_slist *headers = NULL;
    error *err = http_is_token(span_of(plan->method)) ? NULL : error_new(ERROR_INVALID, "malformed method");
    if (!err) err = list_headers(plan, &headers);
    if (err) return err;
    handle *h = take_handle(u);
    err = http_curl_set_address(h->easy, &h->address, plan->url);
    if (err) {
        give_handle(u, h);
        free(headers);
        return err;
    }
    http_flight *f = new_flight(u, plan);
    f->headers = headers;
    f->handle = h;
    f->easy = h->easy;
    set_flight_options(f);
    *out = f;
    if (curl_multi_add_handle(u->multi, f->easy) != CURLM_OK) abort();
    return NULL;
}

/* Lets libcurl go on where a callback had paused it. */
static void unpause(http_flight *f) {
    curl_easy_pause(f->easy, CURLPAUSE_CONT);
    f->upstream->timer_at_ms = 0; /* it may have more to do at once */
    http_loop_hurry(f->upstream->options.loop);
}

size_t http_flight_give(http_flight *f, span bytes) {
    size_t room = FLOW_BYTES_MAX - f->flow.len, len = bytes.len < room ? bytes.len : room;
    if (f->cancelled) return bytes.len;
    buf_add(&f->flow, span_make(bytes.data, len));
    f->flow_full = len < bytes.len;
    if (f->flow_paused && len && !f->in_event) {
        f->flow_paused = false;
        unpause(f);
    }
    return len;
}

void http_flight_give_end(http_flight *f) {
    f->flow_ended = true;
    if (!f->flow_paused || f->cancelled) return;
    f->flow_paused = false;
    unpause(f);
}

void http_flight_go_on(http_flight *f) {
    if (!f->cancelled) unpause(f);
}
