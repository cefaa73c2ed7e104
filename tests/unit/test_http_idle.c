/* tests/unit/test_http_idle.c: connections that wait for their next request give their memory back, and lose nothing.
 */
#include "test_http_support.h"

#include <fcntl.h>

enum { CONNECTIONS = 400, KIB_EACH = 36 };

static http_loop *loop;
static http_server *server;

static void handle(void *context, http_request *request) {
    (void)context;
    http_response *response = http_response_new(200);
    http_response_body_copy(response, http_request_query(request));
    http_respond(request, response);
}

static int start(void **state) {
    (void)state;
    must(http_loop_start(&loop));
    const http_server_options options = {.address = "127.0.0.1:0", .loop = loop, .handler = handle};
    must(http_server_start(&options, &server));
    return 0;
}

static int stop(void **state) {
    (void)state;
    http_server_stop(server, 1000);
    http_loop_stop(loop);
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

static void ask(int fd, const char *request, const char *expected) {
    buf answer = BUF_MAX(65536);
    raw_send(fd, span_of(request));
    assert_false(raw_read(fd, &answer, expected));
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
    static int fds[CONNECTIONS];
    (void)state;
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = raw_connect(http_server_port(server));
        ask(fds[i], "GET /?first HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nfirst");
    }
    /* Half a head is in the pool when the rest of it is given back. */
    for (int i = 0; i < CONNECTIONS; i += 2)
        raw_send(fds[i], SPAN("GET /?sec"));
    long full = resident_kib();
    await_less_than(full - (long)CONNECTIONS * KIB_EACH / 2);
    for (int i = 0; i < CONNECTIONS; i++) {
        ask(fds[i], i % 2 ? "GET /?second HTTP/1.1\r\nHost: a\r\n\r\n" : "ond HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\r\nsecond");
        close(fds[i]);
    }
}

/* Where its memory lies cannot be told then: nothing is given back, and nothing else is touched. */
static void a_page_of_empty_lines_before_a_request_does_no_harm(void **state) {
    static char lines[4096 + 1];
    int fds[64];
    (void)state;
    for (size_t i = 0; i < sizeof lines - 1; i++)
        lines[i] = i % 2 ? '\n' : '\r';
    for (int i = 0; i < 64; i++) {
        fds[i] = raw_connect(http_server_port(server));
        raw_send(fds[i], span_of(lines));
        ask(fds[i], "GET /?first HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nfirst");
    }
    int witness = raw_connect(http_server_port(server));
    ask(witness, "GET /?w HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nw");
    for (int i = 0; i < 64; i++) {
        ask(fds[i], "\r\n\r\nGET /?second HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nsecond");
        close(fds[i]);
    }
    close(witness);
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

#define with_server(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        with_server(idle_connections_give_their_memory_back),
        with_server(a_page_of_empty_lines_before_a_request_does_no_harm),
        with_server(bodies_and_pipelines_are_no_obstacle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
