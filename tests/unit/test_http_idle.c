/* tests/unit/test_http_idle.c: connections that wait for their next request give their memory back, and lose nothing;
 * with TLS, too.
 */
#include "test_http_support.h"

#include "core/crypto/keypair.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>

enum { CONNECTIONS = 400, KIB_EACH = 36, SMALL = 8 };

static http_loop *loop;
static http_server *server;
static gnutls_certificate_credentials_t credentials; /* NULL: without TLS */

typedef struct client {
    int fd;
    gnutls_session_t tls; /* NULL: plain */
} client;

static void handle(void *context, http_request *request) {
    (void)context;
    http_response *response = http_response_new(200);
    http_response_body_copy(response, http_request_query(request));
    http_respond(request, response);
}

static void start_with(const char *certificate, const char *key) {
    must(http_loop_start(&loop));
    const http_server_options options = {.address = "127.0.0.1:0",
        .loop = loop,
        .head_timeout_ms = 2000,
        .handler = handle,
        .tls_certificate = certificate,
        .tls_key = key};
    must(http_server_start(&options, &server));
}

static int start(void **state) {
    (void)state;
    start_with(NULL, NULL);
    return 0;
}

static int start_tls(void **state) {
    (void)state;
    char *key, *certificate;
    const certificate_request request = {.common_name = "idle", .days = 2};
    must(key_new(KEY_P256, &key));
    must(certificate_new(span_of(key), &request, &certificate));
    start_with(certificate, key);
    key_text_free(key);
    free(certificate);
    assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
    return 0;
}

static int stop(void **state) {
    (void)state;
    http_server_stop(server, 1000);
    http_loop_stop(loop);
    if (credentials) gnutls_certificate_free_credentials(credentials);
    credentials = NULL;
    return 0;
}

static long resident_kib(void) {
    char text[128] = "";
    long size = 0, resident = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    assert_int_equal(sscanf(text, "%ld %ld", &size, &resident), 2);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static client join(void) {
    client c = {.fd = raw_connect(http_server_port(server))};
    if (!credentials) return c;
    assert_int_equal(gnutls_init(&c.tls, GNUTLS_CLIENT), 0);
    assert_int_equal(gnutls_set_default_priority(c.tls), 0);
    assert_int_equal(gnutls_credentials_set(c.tls, GNUTLS_CRD_CERTIFICATE, credentials), 0);
    gnutls_transport_set_int(c.tls, c.fd);
    int code = GNUTLS_E_AGAIN;
    while (code < 0 && !gnutls_error_is_fatal(code))
        code = gnutls_handshake(c.tls);
    assert_int_equal(code, 0);
    return c;
}

static void leave(client *c) {
    if (c->tls) gnutls_deinit(c->tls);
    close(c->fd);
}

static void say(client *c, const char *text) {
    if (c->tls)
        assert_int_equal(gnutls_record_send(c->tls, text, strlen(text)), (int)strlen(text));
    else
        raw_send(c->fd, span_of(text));
}

static void ask(client *c, const char *request, const char *expected) {
    buf answer = BUF_MAX(65536);
    say(c, request);
    if (!c->tls) assert_false(raw_read(c->fd, &answer, expected));
    while (c->tls && !strstr(buf_text(&answer), expected)) {
        char piece[4096];
        ssize_t len = gnutls_record_recv(c->tls, piece, sizeof piece);
        if (len == GNUTLS_E_AGAIN) continue; /* a ticket */
        assert_true(len > 0);
        buf_add(&answer, span_make(piece, (size_t)len));
    }
    buf_free(&answer);
}

static void await_less_than(long kib) {
    int64_t deadline = clock_monotonic_ms() + 3 * WAIT_MS;
    while (resident_kib() > kib) {
        if (clock_monotonic_ms() > deadline) fail_msg("still %ld KiB, more than %ld", resident_kib(), kib);
        poll(NULL, 0, 10);
    }
}

static void idle_connections_give_their_memory_back(void **state) {
    static client clients[CONNECTIONS];
    (void)state;
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = join();
        ask(&clients[i], "GET /?first HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nfirst");
    }
    /* Half a head is in the pool when the rest of it is given back. */
    for (int i = 0; i < CONNECTIONS; i += 2)
        say(&clients[i], "GET /?sec");
    long full = resident_kib();
    await_less_than(full - (long)CONNECTIONS * KIB_EACH / 2);
    for (int i = 0; i < CONNECTIONS; i++) {
        ask(&clients[i], i % 2 ? "GET /?second HTTP/1.1\r\nHost: a\r\n\r\n" : "ond HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\r\nsecond");
        leave(&clients[i]);
    }
}

/* Where its memory lies cannot be told then: nothing is given back, and nothing else is touched. */
static void a_page_of_empty_lines_before_a_request_does_no_harm(void **state) {
    static char lines[4096 + 1];
    client clients[64];
    (void)state;
    for (size_t i = 0; i < sizeof lines - 1; i++)
        lines[i] = i % 2 ? '\n' : '\r';
    for (int i = 0; i < 64; i++) {
        clients[i] = join();
        say(&clients[i], lines);
        ask(&clients[i], "GET /?first HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nfirst");
    }
    client witness = join();
    ask(&witness, "GET /?w HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nw");
    for (int i = 0; i < 64; i++) {
        ask(&clients[i], "\r\n\r\nGET /?second HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nsecond");
        leave(&clients[i]);
    }
    leave(&witness);
}

static void bodies_and_pipelines_are_no_obstacle(void **state) {
    (void)state;
    int fd = raw_connect(http_server_port(server));
    buf answer = BUF_MAX(65536);
    raw_send(fd, SPAN("POST /?one HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                      "GET /?two HTTP/1.1\r\nHost: a\r\n\r\nGET /?three HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_false(raw_read(fd, &answer, "\r\n\r\nthree"));
    assert_int_equal(count_of(buf_text(&answer), "HTTP/1.1 200"), 3);
    buf_free(&answer);
    close(fd);
}

static int start_small(void **state) {
    (void)state;
    must(http_loop_start(&loop));
    const http_server_options options = {
        .address = "127.0.0.1:0", .loop = loop, .handler = handle, .connections = SMALL, .idle_timeout_ms = 600000};
    must(http_server_start(&options, &server));
    return 0;
}

/* HT-18 */
static void who_waits_behind_the_limit_is_served_when_others_go(void **state) {
    client here[SMALL], waiting[SMALL];
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SMALL; i++) {
            here[i] = join();
            ask(&here[i], "GET /?here HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nhere");
        }
        for (int i = 0; i < SMALL; i++)
            waiting[i] = join();
        for (int i = 0; i < SMALL; i++)
            leave(&here[i]);
        for (int i = 0; i < SMALL; i++)
            ask(&waiting[i], "GET /?waited HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nwaited");
        for (int i = 0; i < SMALL; i++)
            leave(&waiting[i]);
    }
}

/* HT-29: before the first byte, in the middle of a record's head, and of the first flight. */
static void a_handshake_that_stalls_is_cut_off_and_holds_up_nobody(void **state) {
    static const span stalled[] = {{"", 0}, {"\x16\x03", 2}, {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11}};
    enum { STALLED = sizeof stalled / sizeof *stalled };
    client idle = join();
    int fds[STALLED];
    (void)state;
    for (int i = 0; i < STALLED; i++) {
        fds[i] = raw_connect(http_server_port(server));
        raw_send(fds[i], stalled[i]);
    }
    ask(&idle, "GET /?first HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nfirst");
    client late = join();
    ask(&late, "GET /?late HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nlate");
    for (int i = 0; i < STALLED; i++) {
        buf answer = BUF_MAX(65536);
        assert_true(raw_read(fds[i], &answer, NULL));
        buf_free(&answer);
        close(fds[i]);
    }
    ask(&idle, "GET /?second HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nsecond");
    leave(&late);
    leave(&idle);
}

#define with_server(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define with_tls(test) cmocka_unit_test_setup_teardown(test, start_tls, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        with_server(idle_connections_give_their_memory_back),
        with_server(a_page_of_empty_lines_before_a_request_does_no_harm),
        with_server(bodies_and_pipelines_are_no_obstacle),
        cmocka_unit_test_setup_teardown(who_waits_behind_the_limit_is_served_when_others_go, start_small, stop),
        with_tls(a_handshake_that_stalls_is_cut_off_and_holds_up_nobody),
        with_tls(idle_connections_give_their_memory_back),
        with_tls(a_page_of_empty_lines_before_a_request_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
