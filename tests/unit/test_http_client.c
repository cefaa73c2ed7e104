/* tests/unit/test_http_client.c: outgoing calls against our own server, plain and with TLS.
 */
#include "test_http_support.h"

#include "core/base/io.h"
#include "core/crypto/keypair.h"
#include "core/http/client.h"

#include <fcntl.h>

static http_server *server;
static http_client *client;
static _Atomic unsigned connections_seen;
static http_stream *_Atomic held;

static void answer_echo(http_request *request, void *owner) {
    (void)owner;
    http_response *response = http_response_new(200);
    span type = http_request_header(request, "Content-Type");
    if (type.data) http_response_header_span(response, "Content-Type", type);
    http_response_header_span(response, "X-Method", http_request_method(request));
    http_response_body_copy(response, http_request_body(request));
    http_respond(request, response);
}

static void handle(void *context, http_request *request) {
    (void)context;
    span path = http_request_path(request);
    if (span_is(path, "/echo")) {
        http_take_body(request, &(http_body_plan){.maximum = 64 << 20, .memory = 64 << 20, .complete = answer_echo});
    } else if (span_is(path, "/redirect")) {
        http_response *response = http_response_new(302);
        http_response_header(response, "Location", "/echo");
        http_respond(request, response);
    } else if (span_is(path, "/big")) {
        http_response *response = http_response_new(200);
        http_response_body_take(response, xcalloc(1, 3000000), 3000000);
        http_respond(request, response);
    } else if (span_is(path, "/hold")) {
        http_response *response = http_response_new(200);
        http_stream *stream = http_response_body_stream(response, 1000);
        http_respond(request, response);
        held = stream;
    } else {
        http_respond(request, http_problem(409, "conflict", "Conflict", "Somebody else was faster.", NULL));
    }
}

static int start(void **state) {
    (void)state;
    http_server_options options = {.address = "127.0.0.1:0", .handler = handle};
    must(http_server_start(&options, &server));
    client = http_client_new();
    return 0;
}

static int stop(void **state) {
    (void)state;
    http_client_free(client);
    http_server_stop(server, 500);
    return 0;
}

static char *url_of(const char *path) {
    return xasprintf("http://%s%s", http_server_address(server), path);
}

static void must_fail(const http_call *call, error_code code, const char *word) {
    http_answer answer;
    error *err = http_client_call(client, call, &answer);
    if (!err) fail_msg("%s succeeded", call->url);
    if (error_code_of(err) != code || !strstr(error_text(err), word))
        fail_msg("%s: %s (%s)", call->url, error_text(err), error_code_name(error_code_of(err)));
    error_free(err);
}

static void methods_headers_and_bodies_arrive(void **state) {
    (void)state;
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
    char *url = url_of("/echo");
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        http_call call = http_call_to(methods[i], url);
        http_field headers[] = {{SPAN("Content-Type"), SPAN("text/plain")}, {SPAN("X-Empty"), SPAN("")}};
        bool body = i > 0 && i < 5;
        call.headers = headers;
        call.header_count = 2;
        if (body) call.body = SPAN("a body\0with NUL");
        http_answer answer;
        must(http_client_call(client, &call, &answer));
        assert_int_equal(answer.status, 200);
        assert_true(span_is(http_answer_header(&answer, "x-method"), methods[i]));
        assert_true(span_is(http_answer_header(&answer, "CONTENT-TYPE"), "text/plain"));
        assert_null(http_answer_header(&answer, "absent").data);
        assert_true(span_equal(buf_span(&answer.body), body ? call.body : SPAN("")));
        http_answer_free(&answer);
    }
    free(url);
}

static int temporary_file(void) {
    char path[] = "/tmp/banyan-client-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    unlink(path);
    return fd;
}

static void bodies_may_come_from_files_and_go_to_files(void **state) {
    (void)state;
    enum { SIZE = 5000000 };
    int from = temporary_file(), to = temporary_file();
    char *bytes = xcalloc(1, SIZE), *url = url_of("/echo");
    memset(bytes, 'x', SIZE);
    must(io_write_all(from, span_make(bytes, SIZE), "test"));
    lseek(from, 1000, SEEK_SET);
    http_call call = http_call_to("POST", url);
    call.body_fd = from;
    call.body_size = SIZE - 2000;
    call.answer_fd = to;
    call.answer_maximum = SIZE;
    http_answer answer;
    must(http_client_call(client, &call, &answer));
    assert_int_equal(answer.body_size, SIZE - 2000);
    assert_int_equal(answer.body.len, 0);
    assert_int_equal(lseek(to, 0, SEEK_CUR), SIZE - 2000);
    http_answer_free(&answer);
    lseek(from, SIZE - 10, SEEK_SET);
    call.body_size = 20; /* more than there is */
    must_fail(&call, ERROR_IO, "shorter");
    free(bytes);
    free(url);
    close(from), close(to);
}

static void a_problem_becomes_an_error(void **state) {
    (void)state;
    char *url = url_of("/conflict");
    http_call call = http_call_to("GET", url);
    http_answer answer;
    must(http_client_call(client, &call, &answer));
    error *err = http_answer_check(&answer);
    assert_int_equal(error_code_of(err), ERROR_CONFLICT);
    assert_non_null(strstr(error_text(err), "Somebody else was faster."));
    error_free(err);
    http_answer_free(&answer);
    free(url);
}

/* SR-03 */
static void a_redirect_is_not_followed(void **state) {
    (void)state;
    char *url = url_of("/redirect");
    http_call call = http_call_to("GET", url);
    http_answer answer;
    must(http_client_call(client, &call, &answer));
    assert_int_equal(answer.status, 302);
    assert_true(span_is(http_answer_header(&answer, "Location"), "/echo"));
    http_answer_free(&answer);
    free(url);
}

/* SR-05 */
static void an_answer_beyond_the_limit_is_an_error(void **state) {
    (void)state;
    char *url = url_of("/big");
    http_call call = http_call_to("GET", url);
    must_fail(&call, ERROR_LIMIT, "larger than 1048576");
    call.answer_maximum = 3000000;
    http_answer answer;
    must(http_client_call(client, &call, &answer));
    http_answer_free(&answer);
    free(url);
}

static void a_server_that_does_not_answer_is_given_up(void **state) {
    (void)state;
    char *url = url_of("/hold");
    http_call call = http_call_to("GET", url);
    call.timeout_ms = 200;
    must_fail(&call, ERROR_TIMEOUT, "in time");
    http_stream_close(atomic_load(&held));
    free(url);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    getsockname(listener, (struct sockaddr *)&address, &len);
    url = xasprintf("http://127.0.0.1:%u/", ntohs(address.sin_port));
    call = http_call_to("GET", url);
    must_fail(&call, ERROR_UNREACHABLE, url); /* bound, but nobody listens */
    free(url);
    close(listener);
    call = http_call_to("GET", "http://no-such-host.invalid/");
    must_fail(&call, ERROR_UNREACHABLE, "no-such-host.invalid");
}

/* SR-04 */
static void hostile_urls_and_fields_are_refused_before_anything_is_sent(void **state) {
    (void)state;
    static const char *const urls[] = {"", "file:///etc/passwd", "gopher://a/", "ftp://a/", "a", "//a/", "http://",
        "http://u:p@a/", "http://a/\r\nX: y", "http://a/ b", "http://a\\b/", "http://a/#x", "http://a:99999/",
        "javascript:x"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        http_call call = http_call_to("GET", urls[i]);
        must_fail(&call, ERROR_INVALID, "");
    }
    char *url = url_of("/echo");
    http_field bad[] = {{SPAN("X"), SPAN("a\r\nY: b")}, {SPAN("X Y"), SPAN("a")}, {SPAN(""), SPAN("a")}};
    for (size_t i = 0; i < 3; i++) {
        http_call call = http_call_to("GET", url);
        call.headers = &bad[i];
        call.header_count = 1;
        must_fail(&call, ERROR_INVALID, "header field");
    }
    http_call call = http_call_to("G ET", url);
    must_fail(&call, ERROR_INVALID, "method");
    free(url);
}

static void a_proxy_of_the_environment_is_ignored(void **state) {
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
    char *url = url_of("/echo");
    http_call call = http_call_to("GET", url);
    http_answer answer;
    must(http_client_call(client, &call, &answer));
    http_answer_free(&answer);
    free(url);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static bool not_loopback(void *context, const struct sockaddr *address) {
    atomic_fetch_add((_Atomic unsigned *)context, 1);
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
    return address->sa_family == AF_INET && ntohl(in->sin_addr.s_addr) >> 24 != 127;
}

/* SR-01: names, decimal and octal spellings all end at the address that is really connected. */
static void the_resolved_address_is_asked_about(void **state) {
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "127.1"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        char *url = xasprintf("http://%s:%u/echo", hosts[i], http_server_port(server));
        http_client *fresh = http_client_new(); /* a kept connection was asked about before */
        http_call call = http_call_to("GET", url);
        call.may_connect = not_loopback;
        call.context = &connections_seen;
        http_answer answer;
        error *err = http_client_call(fresh, &call, &answer);
        if (error_code_of(err) != ERROR_DENIED) fail_msg("%s: %s", url, error_text(err));
        error_free(err);
        http_client_free(fresh);
        free(url);
    }
    assert_true(atomic_load(&connections_seen) >= 5);
}

typedef struct tls_pair {
    char *key, *certificate;
} tls_pair;

static tls_pair tls_pair_for(const char *host, key_kind kind) {
    tls_pair pair = {NULL, NULL};
    const char *hosts[] = {host, NULL};
    must(key_new(kind, &pair.key));
    must(certificate_new(
        span_of(pair.key), &(certificate_request){.common_name = host, .days = 2, .hosts = hosts}, &pair.certificate));
    return pair;
}

static void tls_trusts_the_right_certificate_only(void **state) {
    (void)state;
    static const key_kind kinds[] = {KEY_P256, KEY_RSA_2048};
    for (size_t i = 0; i < 2; i++) {
        tls_pair right = tls_pair_for("127.0.0.1", kinds[i]), wrong = tls_pair_for("127.0.0.1", kinds[i]);
        tls_pair other = tls_pair_for("other.example", kinds[i]);
        http_server_options options = {.address = "127.0.0.1:0", .handler = handle};
        options.tls_key = right.key;
        options.tls_certificate = right.certificate;
        http_server *secure = NULL;
        must(http_server_start(&options, &secure));
        char *url = xasprintf("https://%s/echo", http_server_address(secure));
        http_client_tls tls = {.authorities = right.certificate};
        http_call call = http_call_to("POST", url);
        call.body = SPAN("secret");
        call.tls = &tls;
        http_answer answer;
        must(http_client_call(client, &call, &answer));
        assert_true(span_is(buf_span(&answer.body), "secret"));
        http_answer_free(&answer);

        call.tls = NULL;
        must_fail(&call, ERROR_DENIED, "not trusted");
        call.tls = &tls;
        tls.authorities = wrong.certificate;
        must_fail(&call, ERROR_DENIED, "not trusted");
        tls = (http_client_tls){
            .pinned_key = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", .accept_any_certificate = true};
        must_fail(&call, ERROR_DENIED, "not trusted");
        tls = (http_client_tls){.accept_any_certificate = true}; /* not without a pin */
        must_fail(&call, ERROR_DENIED, "not trusted");
        http_server_stop(secure, 500);

        options.tls_key = other.key;
        options.tls_certificate = other.certificate;
        must(http_server_start(&options, &secure));
        free(url);
        url = xasprintf("https://%s/echo", http_server_address(secure));
        call.url = url;
        tls = (http_client_tls){.authorities = other.certificate};
        must_fail(&call, ERROR_DENIED, "not trusted"); /* right certificate, wrong host (CT-01) */
        http_server_stop(secure, 500);
        free(url);
        tls_pair *pairs[] = {&right, &wrong, &other};
        for (size_t k = 0; k < 3; k++) {
            key_text_free(pairs[k]->key);
            free(pairs[k]->certificate);
        }
    }
}

/* HT-30, HT-24: by openssl and by hand. */
static void old_tls_and_plain_text_are_refused_on_the_tls_port(void **state) {
    (void)state;
    tls_pair pair = tls_pair_for("127.0.0.1", KEY_P256);
    http_server_options options = {.address = "127.0.0.1:0", .handler = handle};
    options.tls_key = pair.key;
    options.tls_certificate = pair.certificate;
    http_server *secure = NULL;
    must(http_server_start(&options, &secure));
    static const struct {
        const char *flags;
        bool works;
    } tries[] = {{"-tls1_3", true}, {"-tls1_2", true}, {"-tls1_1 -cipher ALL:@SECLEVEL=0", false},
        {"-tls1 -cipher ALL:@SECLEVEL=0", false}, {"-tls1_2 -cipher AES128-SHA", false},
        {"-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA", false}, {"-tls1_2 -cipher aNULL:@SECLEVEL=0", false}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        char *command =
            xasprintf("openssl s_client -connect %s %s </dev/null 2>&1 | grep -q 'Cipher is [A-Z].*[A-Z0-9]$' "
                      "&& ! openssl s_client -connect %s %s </dev/null 2>&1 | grep -q 'Cipher is (NONE)'",
                http_server_address(secure), tries[i].flags, http_server_address(secure), tries[i].flags);
        bool works = system(command) == 0;
        if (works != tries[i].works) fail_msg("%s", tries[i].flags);
        free(command);
    }
    char *answer = raw_exchange(http_server_port(secure), SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_null(strstr(answer, "HTTP/1.1 200"));
    free(answer);
    http_server_stop(secure, 500);
    answer = raw_exchange(http_server_port(server), SPAN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n"));
    assert_null(strstr(answer, "HTTP/1.1 200"));
    free(answer);
    key_text_free(pair.key);
    free(pair.certificate);
}

static void a_kept_connection_is_used_again(void **state) {
    (void)state;
    char *url = url_of("/echo");
    http_server_counts before, after;
    http_server_read_counts(server, &before);
    for (int i = 0; i < 20; i++) {
        http_call call = http_call_to("GET", url);
        http_answer answer;
        must(http_client_call(client, &call, &answer));
        http_answer_free(&answer);
    }
    http_server_read_counts(server, &after);
    assert_true(after.connections <= before.connections + 1);
    assert_int_equal(after.requests, before.requests + 20);
    free(url);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_headers_and_bodies_arrive),
        cmocka_unit_test(bodies_may_come_from_files_and_go_to_files),
        cmocka_unit_test(a_problem_becomes_an_error),
        cmocka_unit_test(a_redirect_is_not_followed),
        cmocka_unit_test(an_answer_beyond_the_limit_is_an_error),
        cmocka_unit_test(a_server_that_does_not_answer_is_given_up),
        cmocka_unit_test(hostile_urls_and_fields_are_refused_before_anything_is_sent),
        cmocka_unit_test(a_proxy_of_the_environment_is_ignored),
        cmocka_unit_test(the_resolved_address_is_asked_about),
        cmocka_unit_test(tls_trusts_the_right_certificate_only),
        cmocka_unit_test(old_tls_and_plain_text_are_refused_on_the_tls_port),
        cmocka_unit_test(a_kept_connection_is_used_again),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
