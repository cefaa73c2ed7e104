/* tests/unit/test_http_framing.c: hostile framing is refused before a handler sees it; rows HT-01 to HT-15 and HT-20 to
 * HT-24 of the reliability matrix, byte for byte over real sockets.
 */
#include "test_http_support.h"

static http_server *server;
static _Atomic unsigned handled, completed, ended;
static _Atomic unsigned aborted_bodies;
static _Atomic uint64_t received;

static void body_complete(http_request *request, void *owner) {
    (void)owner;
    atomic_fetch_add(&completed, 1);
    atomic_store(&received, http_request_body_size(request));
    http_response *response = http_response_new(200);
    http_response_body_copy(response, http_request_body(request));
    http_respond(request, response);
}

static void request_done(void *owner, http_outcome outcome) {
    (void)owner;
    if (outcome == HTTP_ABORTED) atomic_fetch_add(&aborted_bodies, 1);
    atomic_fetch_add(&ended, 1);
}

/* Echoes a body; without one answers with path and parameters. */
static void handle(void *context, http_request *request) {
    (void)context;
    atomic_fetch_add(&handled, 1);
    http_own(request, NULL, request_done, NULL);
    if (http_request_has_body(request)) {
        http_body_plan plan = {.maximum = 16 << 20, .memory = 16 << 20, .complete = body_complete};
        if (http_request_header(request, "X-Limit").data) plan.maximum = 1000;
        http_take_body(request, &plan);
        return;
    }
    http_response *response = http_response_new(200);
    span path = http_request_path(request);
    size_t count;
    const http_field *parameters = http_request_parameters(request, &count);
    buf text = BUF_MAX(65536);
    span shown = http_request_header(request, "X-Show");
    buf_printf(&text, "path=%.*s\n", (int)path.len, path.data);
    if (shown.data) buf_printf(&text, "shown=%.*s\n", (int)shown.len, shown.data);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%.*s=%.*s\n", (int)parameters[i].name.len, parameters[i].name.data,
            (int)parameters[i].value.len, parameters[i].value.data);
    size_t len;
    char *body = buf_take(&text, &len);
    http_response_body_take(response, body, len);
    http_respond(request, response);
}

static int start(void **state) {
    (void)state;
    http_server_options options = {
        .address = "127.0.0.1:0", .threads = 2, .head_bytes = 32768, .folds_at = "/fold", .handler = handle};
    must(http_server_start(&options, &server));
    return 0;
}

static int stop(void **state) {
    (void)state;
    http_server_stop(server, 1000);
    return 0;
}

typedef struct refusal {
    const char *row;
    const char *request;
    size_t len;           /* 0: the length of the text */
    const char *statuses; /* those that are right, or "" for a bare close */
} refusal;

#define HOST "Host: a\r\n"
#define WITH_NUL(text) text, sizeof(text) - 1

static const refusal refusals[] = {
    {"HT-01", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, "400"},
    {"HT-01", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 0, "400"},
    {"HT-02", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 0, "400"},
    {"HT-02", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 0, "400"},
    {"HT-02", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nhello", 0, "400"},
    {"HT-03", "POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\nhello", 0, "400"},
    {"HT-03", "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nhello", 0, "400"},
    {"HT-03", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x10\r\n\r\nhello", 0, "400"},
    {"HT-03", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1e3\r\n\r\nhello", 0, "400"},
    {"HT-03", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5 6\r\n\r\nhello", 0, "400"},
    {"HT-03", "POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\nhello", 0, "400"},
    {"HT-03", "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551621\r\n\r\nhello", 0, "400 413"},
    {"HT-03", "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nhello", 0, "400"},
    {"HT-04", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 0, "400 501"},
    {"HT-04", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 0, "400 501"},
    {"HT-04", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0,
        "400 501"},
    {"HT-04",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
        "chunked\r\n\r\n0\r\n\r\n",
        0, "400 501"},
    {"HT-04", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n", 0, "400 501"},
    {"HT-04", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 0, "400 501"},
    {"HT-04", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n x\r\n\r\n0\r\n\r\n", 0, "400 501"},
    {"HT-04", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 0, "400 501"},
    {"HT-04", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, "400 501"},
    {"HT-09", "GET / HTTP/1.1\n" HOST "\r\n", 0, "400"},
    {"HT-09", "GET / HTTP/1.1\r\nHost: a\n\r\n", 0, "400"},
    {"HT-09", "GET / HTTP/1.1\r\n" HOST "X: y\nContent-Length: 5\r\n\r\n", 0, "400"},
    {"HT-09", "GET / HTTP/1.1\r\n" HOST "X: y\n\r\n", 0, "400"},
    {"HT-09", "GET / HTTP/1.1\r\n" HOST "X: y\r\n\n", 0, "400"},
    {"HT-09", "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 0, "400"},
    {"HT-09", WITH_NUL("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"), "400"},
    {"HT-09", WITH_NUL("GET / HTTP/1.1\r\n" HOST "X: a\0\0Y\0 b\r\n\r\n"), "400"},
    {"HT-09", WITH_NUL("GET / HTTP/1.1\r\n" HOST "X\0Y: b\r\n\r\n"), "400"},
    {"HT-09", WITH_NUL("GET /a\0b HTTP/1.1\r\n" HOST "\r\n"), "400"},
    {"HT-09", "GET / HTTP/1.1\r\n" HOST "X\x80: b\r\n\r\n", 0, "400"},
    {"HT-09", "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", 0, "400"},
    {"HT-09", "GET / HTTP/1.1\r\n" HOST "X Y: b\r\n\r\n", 0, "400"},
    {"HT-09", "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 0, "400"},
    {"HT-09", "GET / HTTP/1.1\r\n" HOST "X: y\r\n folded: z\r\n\r\n", 0, "400"},
    {"HT-09", "GET / HTTP/1.1\r\n X: y\r\n" HOST "\r\n", 0, "400"},
    {"quirk 34", "GET /folds HTTP/1.1\r\n" HOST "X: y\r\n folded: z\r\n\r\n", 0, "400"},
    {"quirk 34", "POST /fold HTTP/1.1\r\n" HOST "Content-Length: 1\r\n 0\r\n\r\n0123456789", 0, "400"},
    {"quirk 34", "POST /fold HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 0, "400"},
    {"quirk 34", "GET /fold HTTP/1.1\r\nHost:\r\n a\r\n\r\n", 0, "400"},
    {"quirk 34", "GET /fold HTTP/1.1\r\n" HOST "X: y\n folded\r\n\r\n", 0, "400"},
    {"quirk 34", "GET /fold HTTP/1.1\r\n" HOST "X: y\r\n folded\n\r\n", 0, "400"},
    {"quirk 34", WITH_NUL("GET /fold HTTP/1.1\r\n" HOST "X: y\r\n fol\0ded\r\n\r\n"), "400"},
    {"HT-09", "GET  / HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-09", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-09", "GET / HTTP/1.1 \r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /a/../b HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /.. HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /%2e%2e/b HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /.%2E/b HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /%c0%ae%c0%ae/b HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /%c0%af HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /a\\b HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /a%5cb HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET //a HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /a//b HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /a%00b HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /a%0ab HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /a%zz HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /a%2 HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET a HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /?a=%ff HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-20", "GET /?a=%00 HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-21", "GET /a%2fb HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-21", "GET /a%2Fb HTTP/1.1\r\n" HOST "\r\n", 0, "400"},
    {"HT-22", "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", 0, "405 501"},
    {"HT-22", "G@T / HTTP/1.1\r\n" HOST "\r\n", 0, "405 501"},
    {"HT-23", "GET / HTTP/1.1\r\n\r\n", 0, "400 421"},
    {"HT-23", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 0, "400 421"},
    {"HT-23", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 0, "400 421"},
    {"HT-23", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 0, "400 421"},
    {"HT-23", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 0, "400 421"},
    {"HT-23", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 0, "400 421"},
    {"HT-23", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0, "400 421"},
    {"HT-23", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 0, "400 421"},
    {"HT-24", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, "400 505"},
    {"HT-24", "GET / HTTP/1.2\r\n" HOST "\r\n", 0, "400 505"},
    {"HT-24", "GET /\r\n", 0, "400 505"},
    {"HT-33", "GET / HTTP/1.1\r\n" HOST "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n", 0, "400 415"},
    {"Expect", "POST / HTTP/1.1\r\n" HOST "Expect: magic\r\nContent-Length: 1\r\n\r\nx", 0, "417"},
};

static void expect_refusal(const char *row, span request, const char *statuses) {
    unsigned before = atomic_load(&handled);
    char *answer = raw_exchange(http_server_port(server), request);
    char status[4] = "";
    if (strlen(answer) > 12 && strncmp(answer, "HTTP/1.1 ", 9) == 0) memcpy(status, answer + 9, 3);
    if (*statuses ? !*status || !strstr(statuses, status) : *answer != '\0')
        fail_msg("%s: %.*s\nexpected %s, got: %s", row, (int)request.len, request.data, statuses, answer);
    if (atomic_load(&handled) != before) fail_msg("%s: the handler was called: %s", row, request.data);
    free(answer);
}

static void hostile_framing_is_refused_before_the_handler(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        expect_refusal(r->row, span_make(r->request, r->len ? r->len : strlen(r->request)), r->statuses);
    }
}

static void the_same_refusals_hold_when_bytes_come_one_by_one(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i += 3) {
        const refusal *r = &refusals[i];
        unsigned before = atomic_load(&handled);
        int fd = raw_connect(http_server_port(server));
        size_t len = r->len ? r->len : strlen(r->request);
        for (size_t k = 0; k < len; k++)
            raw_send(fd, span_make(r->request + k, 1));
        buf answer = BUF_MAX(1 << 20);
        raw_read(fd, &answer, NULL);
        assert_int_equal(atomic_load(&handled), before);
        buf_free(&answer);
        close(fd);
    }
}

/* HT-10 */
/* Quirk 34. */
static void folded_fields_are_joined_where_clients_fold(void **state) {
    (void)state;
    static const char *const requests[] = {
        "GET /fold HTTP/1.1\r\n" HOST "Connection: close\r\nX-Show: a;\r\n b;\r\n\tc\r\n\r\n",
        "GET /fold HTTP/1.1\r\n" HOST "X: y\r\n a\r\nX-Show:a;\r\n b;\r\n c\r\nConnection: close\r\n\r\n",
        "GET /fold HTTP/1.1\r\n" HOST "Connection: close\r\nX-Show:\r\n a;\r\n b;\r\n c\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        char *answer = raw_exchange(http_server_port(server), span_of(requests[i]));
        const char *shown = strstr(answer, "shown=");
        if (!shown) fail_msg("%s\ngot: %s", requests[i], answer);
        char squeezed[32] = "";
        for (const char *c = shown + 6; *c && *c != '\n' && strlen(squeezed) < 30; c++)
            if (*c != ' ' && *c != '\t') strncat(squeezed, c, 1);
        assert_string_equal(squeezed, "a;b;c");
        free(answer);
    }
}

static void heads_beyond_the_limit_are_refused_within_their_buffer(void **state) {
    (void)state;
    buf big = BUF_MAX(4 << 20);
    buf_add_text(&big, "GET / HTTP/1.1\r\n" HOST "X: ");
    for (int i = 0; i < 65536; i++)
        buf_add_char(&big, 'x');
    buf_add_text(&big, "\r\n\r\n");
    expect_refusal("HT-10", buf_span(&big), "431");
    buf_clear(&big);
    buf_add_text(&big, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 10000; i++)
        buf_add_text(&big, "X: y\r\n");
    buf_add_text(&big, "\r\n");
    expect_refusal("HT-10", buf_span(&big), "431");
    buf_clear(&big);
    buf_add_text(&big, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 200; i++)
        buf_add_text(&big, "X: y\r\n");
    buf_add_text(&big, "\r\n");
    expect_refusal("HT-10", buf_span(&big), "431");
    buf_clear(&big);
    buf_add_text(&big, "GET /");
    for (int i = 0; i < 1 << 20; i++)
        buf_add_char(&big, 'x');
    buf_add_text(&big, " HTTP/1.1\r\n" HOST "\r\n");
    expect_refusal("HT-10", buf_span(&big), "414");
    buf_clear(&big);
    for (int i = 0; i < 1024; i++)
        buf_add_char(&big, 'G');
    buf_add_text(&big, " / HTTP/1.1\r\n" HOST "\r\n");
    expect_refusal("HT-22", buf_span(&big), "405 501");
    buf_free(&big);
}

/* HT-26 */
static void too_many_query_parameters_are_refused(void **state) {
    (void)state;
    buf big = BUF_MAX(1 << 20);
    buf_add_text(&big, "GET /?a=1");
    for (int i = 0; i < 300; i++)
        buf_add_text(&big, "&a=1");
    buf_add_text(&big, " HTTP/1.1\r\n" HOST "\r\n");
    expect_refusal("HT-26", buf_span(&big), "400");
    buf_free(&big);
}

static void a_long_head_in_many_pieces_is_understood(void **state) {
    (void)state;
    buf big = BUF_MAX(1 << 20);
    buf_add_text(&big, "GET /long HTTP/1.1\r\n" HOST "Connection: close\r\n");
    for (int i = 0; i < 100; i++)
        buf_printf(&big, "X-%d: %0200d\r\n", i, i);
    buf_add_text(&big, "\r\n");
    int fd = raw_connect(http_server_port(server));
    for (size_t k = 0; k < big.len; k += 97)
        raw_send(fd, span_make(big.data + k, big.len - k < 97 ? big.len - k : 97));
    buf answer = BUF_MAX(1 << 20);
    assert_true(raw_read(fd, &answer, NULL));
    assert_non_null(strstr(buf_text(&answer), "HTTP/1.1 200 OK"));
    assert_non_null(strstr(buf_text(&answer), "path=/long"));
    assert_int_equal(count_of(buf_text(&answer), "Server: banyan\r\n"), 1);
    assert_int_equal(count_of(buf_text(&answer), "Date: "), 1);
    close(fd);
    buf_free(&answer);
    buf_free(&big);
}

typedef struct acceptance {
    const char *request;
    const char *body;
} acceptance;

static const acceptance acceptances[] = {
    {"GET /a%20b/%C3%A9?x=1&y=a+b%26c&x=2&flag HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
        "path=/a b/\xc3\xa9\nx=1\ny=a b&c\nx=2\nflag=\n"},
    {"GET /%252e%252e/a;x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "path=/%2e%2e/a;x\n"}, /* HT-20 */
    {"GET /a/ HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "path=/a/\n"},
    {"GET / HTTP/1.0\r\n\r\n", "path=/\n"}, /* HT-24 */
    {"GET http://A:80/x HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n", "path=/x\n"},
    {"GET http://a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "path=/\n"},
    {"GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n", "path=/\n"},
    {"OPTIONS * HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "path=*\n"},
    {"\r\nGET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "path=/\n"},
    {"GET / HTTP/1.1\r\n" HOST "X:\r\nY:  \t z \t\r\nConnection: close\r\n\r\n", "path=/\n"},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nConnection: close\r\n\r\n", "path=/\n"},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nConnection: close\r\n\r\nhello", "hello"},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\nConnection: close\r\n\r\n"
     "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nT: x\r\n\r\n",
        "hello world"},
};

static void well_formed_requests_are_understood(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof acceptances / sizeof *acceptances; i++) {
        char *answer = raw_exchange(http_server_port(server), span_of(acceptances[i].request));
        char *body = strstr(answer, "\r\n\r\n");
        if (!body || strcmp(body + 4, acceptances[i].body) != 0)
            fail_msg("%s\ngot: %s", acceptances[i].request, answer);
        free(answer);
    }
}

static const refusal bodies[] = {
    {"HT-05", "+5\r\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-05", "-5\r\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-05", "00000000000000005\r\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-05", "10000000000000005\r\nhello\r\n0\r\n\r\n", 0, "400 413"},
    {"HT-05", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n", 0, ""},
    {"HT-05", "\r\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-05", ";a\r\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-05", "0x5\r\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-05", "5 \r\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-05", "5\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-05", "5\r\nhello\n5\r\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-05", "5\r\nhelloX5\r\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-05", "5;a\rb\r\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-05", "5;\nhello\r\n0\r\n\r\n", 0, "400"},
    {"HT-08", "5\r\nhello\r\n0\r\nbad name: x\r\n\r\n", 0, "400"},
    {"HT-08", "5\r\nhello\r\n0\r\nX: a\r\n folded\r\n\r\n", 0, "400"},
    {"HT-08", "5\r\nhello\r\n0\r\nX: a\nY: b\r\n\r\n", 0, "400"},
    {"HT-08", "5\r\nhello\r\n0\r\nno colon\r\n\r\n", 0, "400"},
};

#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

static void hostile_chunks_never_complete_a_body(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        unsigned before = atomic_load(&completed);
        buf request = BUF_MAX(65536), answer = BUF_MAX(65536);
        buf_printf(&request, CHUNKED "%s", bodies[i].request);
        int fd = raw_connect(http_server_port(server));
        raw_send(fd, buf_span(&request));
        if (!*bodies[i].statuses) shutdown(fd, SHUT_WR); /* waits for more: cut it short */
        raw_read(fd, &answer, NULL);
        char status[4] = "";
        if (answer.len > 12) memcpy(status, answer.data + 9, 3);
        if (!strstr(bodies[i].statuses, status) || (*bodies[i].statuses && !*status))
            fail_msg("%s: %s\ngot: %s", bodies[i].row, bodies[i].request, buf_text(&answer));
        if (atomic_load(&completed) != before) fail_msg("%s: completed: %s", bodies[i].row, bodies[i].request);
        close(fd);
        buf_free(&request);
        buf_free(&answer);
    }
}

/* HT-06 */
static void a_chunk_extension_is_bounded(void **state) {
    (void)state;
    unsigned before = atomic_load(&completed);
    buf request = BUF_MAX(4 << 20);
    buf_add_text(&request, CHUNKED "5;");
    for (int i = 0; i < 1 << 20; i++)
        buf_add_char(&request, 'x');
    buf_add_text(&request, "\r\nhello\r\n0\r\n\r\n");
    char *answer = raw_exchange(http_server_port(server), buf_span(&request));
    assert_int_equal(atomic_load(&completed), before);
    assert_null(strstr(answer, "200 OK"));
    free(answer);
    buf_free(&request);
}

/* HT-08 */
static void many_trailers_are_refused(void **state) {
    (void)state;
    unsigned before = atomic_load(&completed);
    for (int count = 100; count <= 10000; count *= 100) {
        buf request = BUF_MAX(1 << 20);
        buf_add_text(&request, CHUNKED "5\r\nhello\r\n0\r\n");
        for (int i = 0; i < count; i++)
            buf_add_text(&request, "X: y\r\n");
        buf_add_text(&request, "\r\n");
        char *answer = raw_exchange(http_server_port(server), buf_span(&request));
        assert_true(strncmp(answer, "HTTP/1.1 4", 10) == 0);
        free(answer);
        buf_free(&request);
    }
    assert_int_equal(atomic_load(&completed), before);
}

/* HT-07 */
static void one_byte_chunks_are_taken_in_linear_time(void **state) {
    (void)state;
    enum { BYTES = 2 << 20 };
    buf request = BUF_MAX(32 << 20);
    buf_add_text(&request, "POST / HTTP/1.1\r\n" HOST "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < BYTES; i++)
        buf_add_text(&request, "1\r\nx\r\n");
    buf_add_text(&request, "0\r\n\r\n");
    int64_t begin = clock_monotonic_ms();
    char *answer = raw_exchange(http_server_port(server), buf_span(&request));
    assert_int_equal(atomic_load(&received), BYTES);
    assert_true(clock_monotonic_ms() - begin < WAIT_MS);
    free(answer);
    buf_free(&request);
}

/* HT-11 */
static void pipelined_requests_are_answered_in_order(void **state) {
    (void)state;
    buf request = BUF_MAX(1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_printf(&request, "GET /n%d HTTP/1.1\r\n" HOST "%s\r\n", i, i == 999 ? "Connection: close\r\n" : "");
    char *answer = raw_exchange(http_server_port(server), buf_span(&request));
    const char *at = answer;
    for (int i = 0; i < 1000; i++) {
        char path[32];
        snprintf(path, sizeof path, "path=/n%d\n", i);
        at = strstr(at, path);
        if (!at) fail_msg("answer %d is missing or out of order", i);
    }
    assert_int_equal(count_of(answer, "HTTP/1.1 200 OK"), 1000);
    free(answer);
    buf_free(&request);
}

/* HT-14, HT-11: what follows a body is a request of its own. */
static void bytes_behind_a_body_are_a_new_request(void **state) {
    (void)state;
    char *answer = raw_exchange(
        http_server_port(server), SPAN("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhelloEXTRA BYTES\r\n\r\n"));
    assert_non_null(strstr(answer, "\r\n\r\nhello"));
    assert_int_equal(count_of(answer, "HTTP/1.1 200"), 1);
    assert_int_equal(count_of(answer, "HTTP/1.1 400"), 1);
    free(answer);
}

/* HT-12, HT-13: a body that is cut at any byte never completes, and its owner is told. */
static void a_truncated_body_never_completes(void **state) {
    (void)state;
    static const char *const whole[] = {
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 30\r\n\r\n012345678901234567890123456789",
        CHUNKED "a\r\n0123456789\r\na\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
    };
    unsigned finished = atomic_load(&completed), began = atomic_load(&handled), over = atomic_load(&ended);
    unsigned lost = atomic_load(&aborted_bodies);
    int fds[256];
    unsigned count = 0;
    for (size_t w = 0; w < 2; w++) {
        size_t head = (size_t)(strstr(whole[w], "\r\n\r\n") + 4 - whole[w]);
        for (size_t cut = head; cut < strlen(whole[w]); cut++) {
            fds[count] = raw_connect(http_server_port(server));
            raw_send(fds[count++], span_make(whole[w], cut));
        }
    }
    await(&handled, began + count);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    for (unsigned i = 0; i < count; i++) {
        if (i % 2)
            setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        else
            shutdown(fds[i], SHUT_WR);
        if (i % 2) close(fds[i]);
    }
    await(&ended, over + count);
    assert_int_equal(atomic_load(&aborted_bodies), lost + count);
    assert_int_equal(atomic_load(&completed), finished);
    for (unsigned i = 0; i < count; i += 2) {
        buf answer = BUF_MAX(65536);
        raw_read(fds[i], &answer, NULL);
        assert_int_equal(answer.len, 0);
        buf_free(&answer);
        close(fds[i]);
    }
}

/* HT-12: the end comes in the same packet as the last bytes, which the library alone would never notice. */
static void a_body_cut_in_the_same_moment_is_noticed(void **state) {
    (void)state;
    unsigned finished = atomic_load(&completed), over = atomic_load(&ended);
    for (int i = 0; i < 20; i++) {
        int fd = raw_connect(http_server_port(server));
        raw_send(fd, SPAN("POST / HTTP/1.1\r\n" HOST "Content-Length: 30\r\n\r\n0123456789"));
        close(fd);
    }
    await(&ended, over + 20);
    assert_int_equal(atomic_load(&completed), finished);
}

/* HT-15 */
static void a_body_over_the_limit_gets_413(void **state) {
    (void)state;
    unsigned before = atomic_load(&completed);
    char *answer = raw_exchange(
        http_server_port(server), SPAN("POST / HTTP/1.1\r\n" HOST "X-Limit: y\r\nContent-Length: 1001\r\n\r\nx"));
    assert_true(strncmp(answer, "HTTP/1.1 413", 12) == 0);
    free(answer);
    answer = raw_exchange(http_server_port(server),
        SPAN("POST / HTTP/1.1\r\n" HOST "X-Limit: y\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"));
    assert_true(strncmp(answer, "HTTP/1.1 413", 12) == 0);
    assert_null(strstr(answer, "100 Continue"));
    free(answer);
    buf request = BUF_MAX(8 << 20);
    buf_add_text(&request, "POST / HTTP/1.1\r\n" HOST "X-Limit: y\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 60000; i++)
        buf_add_text(&request,
            "64\r\n0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
            "234567890123456789\r\n");
    answer = raw_exchange(http_server_port(server), buf_span(&request));
    assert_true(strncmp(answer, "HTTP/1.1 413", 12) == 0);
    assert_int_equal(count_of(answer, "HTTP/1.1"), 1);
    free(answer);
    buf_free(&request);
    assert_int_equal(atomic_load(&completed), before);
}

static void a_client_that_asks_is_told_to_continue(void **state) {
    (void)state;
    int fd = raw_connect(http_server_port(server));
    buf answer = BUF_MAX(65536);
    raw_send(
        fd, SPAN("POST / HTTP/1.1\r\n" HOST "Connection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    assert_false(raw_read(fd, &answer, "100 Continue\r\n\r\n"));
    raw_send(fd, SPAN("hello"));
    assert_true(raw_read(fd, &answer, NULL));
    assert_non_null(strstr(buf_text(&answer), "200 OK"));
    buf_free(&answer);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_framing_is_refused_before_the_handler),
        cmocka_unit_test(the_same_refusals_hold_when_bytes_come_one_by_one),
        cmocka_unit_test(folded_fields_are_joined_where_clients_fold),
        cmocka_unit_test(heads_beyond_the_limit_are_refused_within_their_buffer),
        cmocka_unit_test(too_many_query_parameters_are_refused),
        cmocka_unit_test(a_long_head_in_many_pieces_is_understood),
        cmocka_unit_test(well_formed_requests_are_understood),
        cmocka_unit_test(hostile_chunks_never_complete_a_body),
        cmocka_unit_test(a_chunk_extension_is_bounded),
        cmocka_unit_test(many_trailers_are_refused),
        cmocka_unit_test(one_byte_chunks_are_taken_in_linear_time),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(bytes_behind_a_body_are_a_new_request),
        cmocka_unit_test(a_truncated_body_never_completes),
        cmocka_unit_test(a_body_cut_in_the_same_moment_is_noticed),
        cmocka_unit_test(a_body_over_the_limit_gets_413),
        cmocka_unit_test(a_client_that_asks_is_told_to_continue),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
