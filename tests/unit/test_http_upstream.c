/* tests/unit/test_http_upstream.c: flights to a plain back-end that keeps, closes, stalls and says too much. */
#include "test_http_support.h"

#include "core/http/upstream.h"

#include <pthread.h>

/* ---- the back-end ---- */

typedef struct back_end {
    int fd;
    unsigned port;
    pthread_t thread;
    _Atomic unsigned requests, connections, open, most_open;
} back_end;

static back_end back;

typedef struct served {
    int fd;
    unsigned count; /* requests on this connection */
} served;

static bool read_request(int fd, buf *into) {
    char byte;
    buf_clear(into);
    while (!strstr(buf_text(into), "\r\n\r\n")) {
        if (recv(fd, &byte, 1, 0) != 1) return false;
        buf_add_char(into, byte);
    }
    const char *length = strstr(buf_text(into), "Content-Length: ");
    for (long left = length ? atol(length + 16) : 0; left > 0; left--)
        if (recv(fd, &byte, 1, 0) != 1) return false;
    return true;
}

/* False: it closes. */
static bool answer(int fd, const char *request, unsigned number) {
    char byte;
    const char *hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    if (strstr(request, " /gone ") && number == 2) return false;
    if (strstr(request, " /silent ")) return recv(fd, &byte, 1, 0) == 1;
    if (strstr(request, " /stall ")) hello = "HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\nhello";
    if (strstr(request, " /more ")) hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n";
    raw_send(fd, span_of(hello));
    return true;
}

static void *serve(void *context) {
    served *s = context;
    buf request = BUF_MAX(65536);
    unsigned now = atomic_fetch_add(&back.open, 1) + 1, most = atomic_load(&back.most_open);
    while (now > most && !atomic_compare_exchange_weak(&back.most_open, &most, now))
        ;
    while (read_request(s->fd, &request)) {
        atomic_fetch_add(&back.requests, 1);
        if (!answer(s->fd, buf_text(&request), ++s->count)) break;
    }
    atomic_fetch_sub(&back.open, 1);
    close(s->fd);
    buf_free(&request);
    free(s);
    return NULL;
}

static void *accept_all(void *context) {
    (void)context;
    for (;;) {
        pthread_t thread;
        int fd = accept(back.fd, NULL, NULL);
        if (fd < 0) return NULL;
        atomic_fetch_add(&back.connections, 1);
        served *s = xcalloc(1, sizeof *s);
        s->fd = fd;
        assert_int_equal(pthread_create(&thread, NULL, serve, s), 0);
        pthread_detach(thread);
    }
}

/* ---- flights ---- */

static http_loop *loop;
static http_upstream *upstream;

typedef struct trip {
    http_flight *flight;
    const char *method, *path;
    bool repeatable;
    unsigned first_ms, gather;
    _Atomic unsigned over;
    int status;
    buf body;
    error *failure;
} trip;

static void answered(void *context, const http_flight_answer *got) {
    trip *t = context;
    t->status = got->status;
    buf_add(&t->body, got->body);
    if (got->complete) atomic_store(&t->over, 1);
}

static bool piece(void *context, span bytes) {
    buf_add(&((trip *)context)->body, bytes);
    return true;
}

static void ended(void *context, error *failure) {
    trip *t = context;
    t->failure = failure;
    atomic_store(&t->over, 1);
}

static void send_it(void *context) {
    trip *t = context;
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", back.port, t->path);
    const http_flight_plan plan = {.method = t->method,
        .url = url,
        .body = strcmp(t->method, "POST") == 0 ? SPAN("body") : SPAN(""),
        .body_fd = -1,
        .repeatable = t->repeatable,
        .first_ms = t->first_ms,
        .gather_maximum = t->gather,
        .answered = answered,
        .piece = piece,
        .ended = ended,
        .context = t};
    t->body = BUF_MAX(1 << 20);
    must(http_upstream_send(upstream, &plan, &t->flight));
}

static void cancel_it(void *context) {
    http_flight_cancel(((trip *)context)->flight);
}

static void go(trip *t) {
    http_loop_call(loop, send_it, t);
    await(&t->over, 1);
}

static void forget(trip *t) {
    error_free(t->failure);
    buf_free(&t->body);
}

static void start_upstream(unsigned connections, unsigned stall_ms) {
    const http_upstream_options options = {
        .loop = loop, .connections = connections, .stall_timeout_ms = stall_ms, .version = HTTP_VERSION_AUTO};
    upstream = http_upstream_new(&options);
}

static int start(void **state) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof to;
    (void)state;
    memset(&back, 0, sizeof back);
    back.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(back.fd, (struct sockaddr *)&to, len), 0);
    assert_int_equal(listen(back.fd, 64), 0);
    assert_int_equal(getsockname(back.fd, (struct sockaddr *)&to, &len), 0);
    back.port = ntohs(to.sin_port);
    assert_int_equal(pthread_create(&back.thread, NULL, accept_all, NULL), 0);
    must(http_loop_start(&loop));
    start_upstream(4, 0);
    return 0;
}

static int stop(void **state) {
    (void)state;
    http_upstream_release(upstream);
    http_loop_stop(loop);
    shutdown(back.fd, SHUT_RDWR);
    pthread_join(back.thread, NULL);
    close(back.fd);
    int64_t deadline = clock_monotonic_ms() + WAIT_MS;
    while (atomic_load(&back.open) > 0 && clock_monotonic_ms() < deadline)
        poll(NULL, 0, 1);
    assert_int_equal(atomic_load(&back.open), 0);
    return 0;
}

static void assert_hello(trip *t) {
    if (t->failure) fail_msg("%s", error_text(t->failure));
    assert_int_equal(t->status, 200);
    assert_string_equal(buf_text(&t->body), "hello");
    forget(t);
}

static void one_connection_serves_one_flight_after_another(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        trip t = {.method = i % 2 ? "POST" : "GET", .path = "/", .repeatable = i % 2 == 0};
        go(&t);
        assert_hello(&t);
    }
    assert_int_equal(atomic_load(&back.connections), 1);
    assert_int_equal(atomic_load(&back.requests), 20);
}

static void what_may_be_repeated_is_sent_again_when_a_kept_connection_has_gone(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        trip t = {.method = "GET", .path = "/gone", .repeatable = true};
        go(&t);
        assert_hello(&t);
    }
    assert_int_equal(atomic_load(&back.connections), 2);
    assert_int_equal(atomic_load(&back.requests), 3);
}

static void what_may_not_be_repeated_is_not(void **state) {
    (void)state;
    trip first = {.method = "POST", .path = "/gone"}, second = first;
    go(&first);
    assert_hello(&first);
    go(&second);
    assert_int_equal(error_code_of(second.failure), ERROR_UNREACHABLE);
    assert_int_equal(atomic_load(&back.requests), 2);
    forget(&second);
}

static void what_nobody_asked_for_is_nobodys_answer(void **state) {
    (void)state;
    trip first = {.method = "GET", .path = "/more", .repeatable = true};
    trip second = {.method = "GET", .path = "/", .repeatable = true};
    go(&first);
    assert_hello(&first);
    go(&second);
    assert_hello(&second);
    assert_int_equal(atomic_load(&back.connections), 2);
}

static void there_are_no_more_connections_than_it_is_to_have(void **state) {
    enum { MANY = 100 };
    static trip trips[MANY];
    (void)state;
    memset(trips, 0, sizeof trips);
    for (int i = 0; i < MANY; i++) {
        trips[i] = (trip){.method = "GET", .path = "/", .repeatable = true, .gather = i % 2 ? 100 : 0};
        http_loop_call(loop, send_it, &trips[i]);
    }
    for (int i = 0; i < MANY; i++) {
        await(&trips[i].over, 1);
        assert_hello(&trips[i]);
    }
    assert_true(atomic_load(&back.most_open) <= 4);
}

static void an_answer_that_stands_still_is_given_up(void **state) {
    (void)state;
    http_upstream_release(upstream);
    start_upstream(4, 200);
    trip t = {.method = "GET", .path = "/stall", .repeatable = true};
    go(&t);
    assert_int_equal(t.status, 200);
    assert_int_equal(error_code_of(t.failure), ERROR_TIMEOUT);
    forget(&t);
}

static void an_answer_that_does_not_begin_is_given_up(void **state) {
    (void)state;
    trip t = {.method = "GET", .path = "/silent", .first_ms = 50, .repeatable = true};
    go(&t);
    assert_int_equal(error_code_of(t.failure), ERROR_TIMEOUT);
    forget(&t);
}

static void who_waits_for_a_connection_is_served_when_another_is_called_off(void **state) {
    (void)state;
    http_upstream_release(upstream);
    start_upstream(1, 0);
    trip silent = {.method = "GET", .path = "/silent"}, called_off = {.method = "GET", .path = "/"};
    trip last = {.method = "GET", .path = "/"};
    http_loop_call(loop, send_it, &silent);
    await(&back.requests, 1);
    http_loop_call(loop, send_it, &called_off);
    http_loop_call(loop, send_it, &last);
    http_loop_call(loop, cancel_it, &called_off);
    http_loop_call(loop, cancel_it, &silent);
    await(&last.over, 1);
    assert_hello(&last);
    assert_int_equal(atomic_load(&called_off.over) + atomic_load(&silent.over), 0);
    forget(&silent);
    forget(&called_off);
}

static void a_field_that_cannot_be_sent_is_refused_before_anything_is(void **state) {
    (void)state;
    const http_field bad[] = {{SPAN("X-A"), SPAN("a\r\nX-B: b")}};
    char url[64];
    http_flight *flight;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", back.port);
    const http_flight_plan plan = {.method = "GET",
        .url = url,
        .headers = bad,
        .header_count = 1,
        .body_fd = -1,
        .answered = answered,
        .ended = ended};
    error *err = http_upstream_send(upstream, &plan, &flight);
    assert_int_equal(error_code_of(err), ERROR_INVALID);
    error_free(err);
}

static void a_back_end_that_is_not_there_fails_every_flight_once(void **state) {
    (void)state;
    shutdown(back.fd, SHUT_RDWR);
    pthread_join(back.thread, NULL);
    close(back.fd);
    trip trips[8];
    for (int i = 0; i < 8; i++) {
        trips[i] = (trip){.method = "GET", .path = "/", .repeatable = true};
        http_loop_call(loop, send_it, &trips[i]);
    }
    for (int i = 0; i < 8; i++) {
        await(&trips[i].over, 1);
        assert_int_equal(error_code_of(trips[i].failure), ERROR_UNREACHABLE);
        forget(&trips[i]);
    }
    back.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        pthread_create(&back.thread, NULL, accept_all, NULL), 0); /* for the end of the test: ends at once */
}

#define with_back_end(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        with_back_end(one_connection_serves_one_flight_after_another),
        with_back_end(what_may_be_repeated_is_sent_again_when_a_kept_connection_has_gone),
        with_back_end(what_may_not_be_repeated_is_not),
        with_back_end(what_nobody_asked_for_is_nobodys_answer),
        with_back_end(there_are_no_more_connections_than_it_is_to_have),
        with_back_end(an_answer_that_stands_still_is_given_up),
        with_back_end(an_answer_that_does_not_begin_is_given_up),
        with_back_end(who_waits_for_a_connection_is_served_when_another_is_called_off),
        with_back_end(a_field_that_cannot_be_sent_is_refused_before_anything_is),
        with_back_end(a_back_end_that_is_not_there_fails_every_flight_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
