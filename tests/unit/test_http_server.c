/* tests/unit/test_http_server.c: what the server does with a request between its head and its end: answers from other
 * threads, bodies in memory and in files, streams, lost clients, deadlines, stopping.
 */
#include "test_http_support.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>

/* One request as its owner sees it. */
typedef struct job {
    struct job *next;
    http_request *request;
    int file;
    uint64_t seen;
} job;

static http_server *server;
static _Atomic unsigned done_count, sent_count, aborted_count, held_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static job *queue;
static bool quitting;
static http_request *_Atomic held;
static http_stream *_Atomic stream;

static void job_done(void *owner, http_outcome outcome) {
    job *j = owner;
    if (j->file >= 0) close(j->file);
    free(j);
    atomic_fetch_add(outcome == HTTP_SENT ? &sent_count : &aborted_count, 1);
    atomic_fetch_add(&done_count, 1);
}

static void client_went(void *owner) {
    (void)owner;
    atomic_fetch_add(&held_count, 1);
}

static void push(job *j) {
    pthread_mutex_lock(&lock);
    j->next = queue;
    queue = j;
    pthread_cond_signal(&wake);
    pthread_mutex_unlock(&lock);
}

static void *answer_queue(void *context) {
    (void)context;
    pthread_mutex_lock(&lock);
    while (!quitting || queue) {
        job *j = queue;
        if (!j) {
            pthread_cond_wait(&wake, &lock);
            continue;
        }
        queue = j->next;
        pthread_mutex_unlock(&lock);
        http_response *response = http_response_new(200);
        http_response_body_copy(response, http_request_query(j->request));
        http_respond(j->request, response);
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static int open_spill(void *owner) {
    job *j = owner;
    char path[] = "/tmp/banyan-http-XXXXXX";
    j->file = mkostemp(path, O_CLOEXEC);
    unlink(path);
    return j->file;
}

static int see_chunk(void *owner, span bytes) {
    job *j = owner;
    j->seen += bytes.len;
    return bytes.len && bytes.data[0] == '!' ? 422 : 0;
}

static void echo(http_request *request, void *owner) {
    job *j = owner;
    http_response *response = http_response_new(200);
    if (j->file >= 0)
        http_response_body_file(response, dup(j->file), 0, http_request_body_size(request));
    else
        http_response_body_copy(response, http_request_body(request));
    char seen[32];
    snprintf(seen, sizeof seen, "%llu", (unsigned long long)j->seen);
    http_response_header(response, "X-Seen", seen);
    http_respond(request, response);
}

static void later_echo(http_request *request, void *owner) {
    job *j = owner;
    (void)request;
    push(j);
}

static void no_spill_status(http_request *request, int status) {
    http_respond(request, http_problem(status, http_problem_name(status), http_status_title(status), NULL, "/x"));
}

static void handle(void *context, http_request *request) {
    (void)context;
    span path = http_request_path(request);
    job *j = xcalloc(1, sizeof *j);
    j->request = request;
    j->file = -1;
    http_own(request, j, job_done, client_went);
    http_body_plan plan = {
        .maximum = 64 << 20, .memory = 1000, .spill = open_spill, .chunk = see_chunk, .complete = echo};
    if (span_is(path, "/echo")) {
        http_take_body(request, &plan);
    } else if (span_is(path, "/body-later")) {
        plan.complete = later_echo;
        http_take_body(request, &plan);
    } else if (span_is(path, "/no-spill")) {
        plan.spill = NULL;
        http_take_body(request, &plan);
    } else if (span_is(path, "/later")) {
        push(j);
    } else if (span_is(path, "/hold")) {
        atomic_store(&held, request);
    } else if (span_is(path, "/refuse")) {
        no_spill_status(request, 404);
    } else if (span_is(path, "/split")) {
        http_response *response = http_response_new(200);
        http_response_header_span(response, "X-Echo", http_request_parameter(request, "v"));
        http_respond(request, response);
    } else if (span_is(path, "/own-length")) {
        http_response *response = http_response_new(200);
        http_response_header(response, "content-length", "7");
        http_respond(request, response);
    } else if (span_is(path, "/events")) {
        http_response *response = http_response_new(200);
        http_response_header(response, "Content-Type", "text/event-stream");
        http_stream *made = http_response_body_stream(response, 1 << 20);
        http_respond(request, response);
        atomic_store(&stream, made);
    } else {
        http_response *response = http_response_new(200);
        http_response_body_static(response, http_request_is_tls(j->request) ? SPAN("secret") : SPAN("plain"));
        http_respond(request, response);
    }
}

static pthread_t answerer;

static void start_server(http_server_options options) {
    options.address = options.address ? options.address : "127.0.0.1:0";
    options.handler = handle;
    must(http_server_start(&options, &server));
}

static int start(void **state) {
    (void)state;
    atomic_store(&done_count, 0);
    atomic_store(&sent_count, 0);
    atomic_store(&aborted_count, 0);
    atomic_store(&held_count, 0);
    atomic_store(&held, NULL);
    atomic_store(&stream, NULL);
    quitting = false;
    start_server((http_server_options){.threads = 2});
    return pthread_create(&answerer, NULL, answer_queue, NULL);
}

static int stop(void **state) {
    (void)state;
    http_server_stop(server, 2000);
    pthread_mutex_lock(&lock);
    quitting = true;
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);
    pthread_join(answerer, NULL);
    return 0;
}

static http_request *await_held(void) {
    int64_t deadline = clock_monotonic_ms() + WAIT_MS;
    while (!atomic_load(&held) && clock_monotonic_ms() < deadline)
        poll(NULL, 0, 1);
    assert_non_null(atomic_load(&held));
    return atomic_exchange(&held, NULL);
}

static http_stream *await_stream(void) {
    int64_t deadline = clock_monotonic_ms() + WAIT_MS;
    while (!atomic_load(&stream) && clock_monotonic_ms() < deadline)
        poll(NULL, 0, 1);
    assert_non_null(atomic_load(&stream));
    return atomic_exchange(&stream, NULL);
}

/* Many connections at once, each with many requests, answered from another thread. */
static void *many_requests(void *context) {
    unsigned number = *(unsigned *)context;
    int fd = raw_connect(http_server_port(server));
    for (int i = 0; i < 300; i++) {
        char request[128], expected[64];
        snprintf(request, sizeof request, "GET /later?n%u-%d HTTP/1.1\r\nHost: a\r\n\r\n", number, i);
        snprintf(expected, sizeof expected, "\r\n\r\nn%u-%d", number, i);
        raw_send(fd, span_of(request));
        buf answer = BUF_MAX(4096);
        raw_read(fd, &answer, expected);
        assert_non_null(strstr(buf_text(&answer), expected));
        buf_free(&answer);
    }
    close(fd);
    return NULL;
}

static void answers_may_come_later_from_another_thread(void **state) {
    (void)state;
    enum { CLIENTS = 16 };
    pthread_t clients[CLIENTS];
    unsigned numbers[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&clients[i], NULL, many_requests, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    await(&done_count, CLIENTS * 300);
    assert_int_equal(atomic_load(&sent_count), CLIENTS * 300);
}

static char *post(const char *path, size_t len, char fill, bool chunked) {
    buf request = BUF_MAX(64 << 20);
    buf_printf(&request, "POST %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", path);
    if (chunked)
        buf_printf(&request, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", len);
    else
        buf_printf(&request, "Content-Length: %zu\r\n\r\n", len);
    char *room = buf_reserve(&request, len);
    memset(room, fill, len);
    buf_grew(&request, len);
    if (chunked) buf_add_text(&request, "\r\n0\r\n\r\n");
    char *answer = raw_exchange(http_server_port(server), buf_span(&request));
    buf_free(&request);
    return answer;
}

static void check_echo(const char *path, size_t len, bool chunked) {
    char *answer = post(path, len, 'x', chunked), seen[64];
    snprintf(seen, sizeof seen, "X-Seen: %zu\r\n", len);
    assert_non_null(strstr(answer, "HTTP/1.1 200"));
    assert_non_null(strstr(answer, seen));
    char *body = strstr(answer, "\r\n\r\n") + 4;
    assert_int_equal(strlen(body), len);
    assert_int_equal(strspn(body, "x"), len);
    free(answer);
}

static void a_body_stays_in_memory_or_goes_to_a_file(void **state) {
    (void)state;
    static const size_t lengths[] = {1, 999, 1000, 1001, 65536, 5000000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        check_echo("/echo", lengths[i], false);
        check_echo("/echo", lengths[i], true);
    }
}

static void without_a_file_the_memory_is_the_limit(void **state) {
    (void)state;
    char *answer = post("/no-spill", 1000, 'x', true);
    assert_non_null(strstr(answer, "HTTP/1.1 200"));
    free(answer);
    answer = post("/no-spill", 1001, 'x', true);
    assert_non_null(strstr(answer, "HTTP/1.1 413"));
    free(answer);
    answer = post("/no-spill", 1001, 'x', false);
    assert_non_null(strstr(answer, "HTTP/1.1 413"));
    assert_non_null(strstr(answer, "\"type\":\"/problems/limit\""));
    free(answer);
    await(&aborted_count, 2);
}

static void whoever_looks_at_the_chunks_may_refuse_the_body(void **state) {
    (void)state;
    char *answer = post("/echo", 3000000, '!', false);
    assert_non_null(strstr(answer, "HTTP/1.1 422"));
    free(answer);
    await(&aborted_count, 1);
}

static void a_request_with_a_body_may_be_answered_later(void **state) {
    (void)state;
    char *answer = post("/body-later?q=1", 500, 'x', false);
    assert_non_null(strstr(answer, "\r\n\r\nq=1"));
    free(answer);
}

/* A refusal must reach the client although it is still sending. */
static void an_early_refusal_is_read_by_a_client_that_still_sends(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        char *answer = post("/refuse", 3000000, 'x', i % 2);
        assert_non_null(strstr(answer, "HTTP/1.1 404"));
        assert_non_null(strstr(answer, "application/problem+json"));
        free(answer);
    }
    int fd = raw_connect(http_server_port(server)); /* a small body is read, and the connection goes on */
    buf answer = BUF_MAX(65536);
    raw_send(fd, SPAN("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                      "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_true(raw_read(fd, &answer, NULL));
    assert_non_null(strstr(buf_text(&answer), "HTTP/1.1 404"));
    assert_non_null(strstr(buf_text(&answer), "\r\n\r\nplain"));
    buf_free(&answer);
    close(fd);
}

/* HT-31 */
static void a_value_with_line_ends_never_reaches_the_wire(void **state) {
    (void)state;
    static const char *const values[] = {"a%0d%0aSet-Cookie:+x=y", "a%0aX:+y", "a%0db"};
    for (size_t i = 0; i < 3; i++) {
        char request[256];
        snprintf(
            request, sizeof request, "GET /split?v=%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", values[i]);
        char *answer = raw_exchange(http_server_port(server), span_of(request));
        assert_true(strncmp(answer, "HTTP/1.1 500", 12) == 0);
        assert_null(strstr(answer, "X-Echo"));
        assert_null(strstr(answer, "Set-Cookie"));
        free(answer);
    }
    char *answer = raw_exchange(
        http_server_port(server), SPAN("GET /split?v=fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_non_null(strstr(answer, "X-Echo: fine\r\n"));
    free(answer);
    answer = raw_exchange(
        http_server_port(server), SPAN("GET /own-length HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_true(strncmp(answer, "HTTP/1.1 500", 12) == 0);
    assert_int_equal(count_of(answer, "ontent-Length: ") + count_of(answer, "ontent-length: "), 1);
    free(answer);
}

static void a_lost_client_is_reported_to_the_owner_once(void **state) {
    (void)state;
    int fd = raw_connect(http_server_port(server));
    raw_send(fd, SPAN("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    http_request *request = await_held();
    close(fd);
    await(&held_count, 1);
    assert_int_equal(atomic_load(&done_count), 0);
    assert_true(span_is(http_request_path(request), "/hold")); /* still there to be read */
    http_respond(request, http_response_new(200));
    assert_int_equal(atomic_load(&done_count), 1);
    assert_int_equal(atomic_load(&aborted_count), 1);
    assert_int_equal(atomic_load(&held_count), 1);
}

/* HT-32 */
static void a_client_may_reset_while_it_is_answered(void **state) {
    (void)state;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    for (int i = 1; i <= 50; i++) {
        int fd = raw_connect(http_server_port(server));
        raw_send(fd, SPAN("GET /later?x HTTP/1.1\r\nHost: a\r\n\r\n"));
        char bytes[64];
        assert_true(recv(fd, bytes, (size_t)i, 0) > 0);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
    }
    await(&done_count, 50);
}

static void a_stream_sends_what_its_owner_writes(void **state) {
    (void)state;
    int fd = raw_connect(http_server_port(server));
    raw_send(fd, SPAN("GET /events HTTP/1.1\r\nHost: a\r\n\r\n"));
    http_stream *events = await_stream();
    buf answer = BUF_MAX(1 << 20);
    for (int i = 0; i < 100; i++) {
        char line[32];
        snprintf(line, sizeof line, "data: %d\n\n", i);
        assert_true(http_stream_write(events, span_of(line)));
        assert_false(raw_read(fd, &answer, line));
    }
    http_stream_close(events);
    assert_false(raw_read(fd, &answer, "\r\n0\r\n\r\n"));
    close(fd);
    buf_free(&answer);
    await(&sent_count, 1);
}

static void a_stream_to_an_old_client_ends_with_the_connection(void **state) {
    (void)state;
    int fd = raw_connect(http_server_port(server));
    raw_send(fd, SPAN("GET /events HTTP/1.0\r\n\r\n"));
    http_stream *events = await_stream();
    http_stream_write(events, SPAN("data: x\n\n"));
    http_stream_close(events);
    buf answer = BUF_MAX(65536);
    assert_true(raw_read(fd, &answer, NULL));
    assert_non_null(strstr(buf_text(&answer), "\r\n\r\ndata: x\n\n"));
    buf_free(&answer);
    close(fd);
}

static void a_stream_notices_that_its_reader_is_gone(void **state) {
    (void)state;
    int fd = raw_connect(http_server_port(server));
    raw_send(fd, SPAN("GET /events HTTP/1.1\r\nHost: a\r\n\r\n"));
    http_stream *events = await_stream();
    close(fd);
    await(&aborted_count, 1);
    assert_false(http_stream_is_open(events));
    assert_false(http_stream_write(events, SPAN("x")));
    http_stream_close(events);
}

static void a_reader_that_is_too_slow_is_dropped(void **state) {
    (void)state;
    int fd = raw_connect(http_server_port(server));
    raw_send(fd, SPAN("GET /events HTTP/1.1\r\nHost: a\r\n\r\n"));
    http_stream *events = await_stream();
    char *block = xcalloc(1, 65536);
    size_t written = 0;
    while (http_stream_write(events, span_make(block, 65536)) && written < (size_t)1 << 28)
        written += 65536;
    assert_true(written < (size_t)1 << 28);
    await(&aborted_count, 1);
    http_stream_close(events);
    free(block);
    close(fd);
}

/* Of a server that is about to cut somebody off: longer than a busy machine lets this test wait between two steps. */
enum { PATIENCE_MS = 1500 };

static void a_head_that_does_not_come_is_cut_off(void **state) {
    (void)state;
    http_server_stop(server, 0);
    start_server((http_server_options){.head_timeout_ms = PATIENCE_MS, .idle_timeout_ms = PATIENCE_MS});
    int silent = raw_connect(http_server_port(server)), slow = raw_connect(http_server_port(server));
    int idle = raw_connect(http_server_port(server));
    raw_send(slow, SPAN("GET / HT"));
    raw_send(idle, SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    buf answer = BUF_MAX(65536);
    assert_true(raw_read(silent, &answer, NULL));
    assert_int_equal(answer.len, 0);
    assert_true(raw_read(slow, &answer, NULL));
    assert_true(strncmp(buf_text(&answer), "HTTP/1.1 408", 12) == 0); /* HT-16 */
    buf_clear(&answer);
    assert_true(raw_read(idle, &answer, NULL));
    assert_non_null(strstr(buf_text(&answer), "plain"));
    http_server_counts counts;
    http_server_read_counts(server, &counts);
    assert_int_equal(counts.timeouts, 3);
    buf_free(&answer);
    close(silent), close(slow), close(idle);
}

/* HT-19 */
static void idle_connections_go_early_when_it_is_crowded(void **state) {
    (void)state;
    http_server_stop(server, 0);
    start_server((http_server_options){.threads = 1, .connections = 8, .idle_timeout_ms = 20000});
    int fds[7];
    buf answer = BUF_MAX(65536);
    for (int i = 0; i < 7; i++) {
        fds[i] = raw_connect(http_server_port(server));
        raw_send(fds[i], SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_false(raw_read(fds[i], &answer, "plain"));
        buf_clear(&answer);
    }
    assert_true(raw_read(fds[0], &answer, NULL)); /* waits half as long as the full time-out at most */
    for (int i = 0; i < 7; i++)
        close(fds[i]);
    buf_free(&answer);
}

/* HT-17 */
static void a_body_that_crawls_is_cut_off(void **state) {
    (void)state;
    http_server_stop(server, 0);
    start_server((http_server_options){.transfer_timeout_ms = PATIENCE_MS});
    int fd = raw_connect(http_server_port(server));
    raw_send(fd, SPAN("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome"));
    buf answer = BUF_MAX(65536);
    assert_true(raw_read(fd, &answer, NULL));
    assert_true(strncmp(buf_text(&answer), "HTTP/1.1 408", 12) == 0);
    await(&aborted_count, 1);
    buf_free(&answer);
    close(fd);
}

/* HT-17 */
static void a_reader_of_an_answer_that_crawls_is_cut_off(void **state) {
    (void)state;
    http_server_stop(server, 0);
    start_server((http_server_options){.transfer_timeout_ms = PATIENCE_MS});
    buf request = BUF_MAX(32 << 20);
    buf_add_text(&request, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n");
    char *room = buf_reserve(&request, 20000000);
    memset(room, 'x', 20000000);
    buf_grew(&request, 20000000);
    int fd = raw_connect(http_server_port(server));
    raw_send(fd, buf_span(&request));
    await(&aborted_count, 1);
    buf_free(&request);
    close(fd);
}

static void stopping_finishes_what_is_in_flight(void **state) {
    (void)state;
    int fd = raw_connect(http_server_port(server)), idle = raw_connect(http_server_port(server));
    raw_send(fd, SPAN("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    http_request *request = await_held();
    push(http_owner(request)); /* the other thread answers when it gets to it */
    http_server_stop(server, 5000);
    buf answer = BUF_MAX(65536);
    assert_true(raw_read(fd, &answer, NULL));
    assert_non_null(strstr(buf_text(&answer), "HTTP/1.1 200"));
    buf_clear(&answer);
    assert_true(raw_read(idle, &answer, NULL));
    buf_free(&answer);
    close(fd), close(idle);
    assert_int_equal(atomic_load(&sent_count), 1);
    start_server((http_server_options){.threads = 1});
}

static void stopping_cuts_off_what_does_not_end(void **state) {
    (void)state;
    int fd = raw_connect(http_server_port(server)), reader = raw_connect(http_server_port(server));
    raw_send(fd, SPAN("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    raw_send(reader, SPAN("GET /events HTTP/1.1\r\nHost: a\r\n\r\n"));
    http_request *request = await_held();
    http_stream *events = await_stream();
    int64_t begin = clock_monotonic_ms();
    http_server_stop(server, 100);
    assert_true(clock_monotonic_ms() - begin < 5000);
    assert_false(http_stream_write(events, SPAN("x")));
    http_stream_close(events);
    assert_int_equal(atomic_load(&held_count), 1);
    http_respond(request, http_response_new(200)); /* long after: its owner is still allowed to */
    assert_int_equal(atomic_load(&done_count), 2);
    close(fd), close(reader);
    start_server((http_server_options){.threads = 1});
}

static unsigned open_descriptors(void) {
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void a_server_leaves_no_descriptor_behind(void **state) {
    (void)state;
    http_server_stop(server, 0);
    unsigned before = open_descriptors();
    for (int i = 0; i < 5; i++) {
        start_server((http_server_options){.threads = 1 + (unsigned)i % 3});
        char *answer = post("/refuse", 100000, 'x', true);
        free(answer);
        http_server_stop(server, 0);
        assert_int_equal(open_descriptors(), before);
    }
    start_server((http_server_options){.threads = 1});
}

static void a_bad_address_is_refused_in_words(void **state) {
    (void)state;
    static const char *const addresses[] = {"", "8080", "a:b", "127.0.0.1:99999", "no.such.host.invalid:1", ":1"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        http_server *other = NULL;
        http_server_options options = {.address = addresses[i], .handler = handle};
        error *err = http_server_start(&options, &other);
        assert_non_null(err);
        assert_int_equal(error_code_of(err), ERROR_INVALID);
        error_free(err);
    }
    http_server *other = NULL;
    http_server_options options = {.address = http_server_address(server), .handler = handle};
    error *err = http_server_start(&options, &other);
    assert_int_equal(error_code_of(err), ERROR_CONFLICT);
    assert_non_null(strstr(error_text(err), http_server_address(server)));
    error_free(err);
    options = (http_server_options){
        .address = "127.0.0.1:0", .handler = handle, .tls_certificate = "no PEM", .tls_key = "no PEM"};
    err = http_server_start(&options, &other);
    assert_int_equal(error_code_of(err), ERROR_INVALID);
    error_free(err);
}

static void it_listens_on_ipv6_too(void **state) {
    (void)state;
    http_server_stop(server, 0);
    start_server((http_server_options){.address = "[::1]:0"});
    assert_non_null(strstr(http_server_address(server), "[::1]:"));
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)http_server_port(server))};
    to.sin6_addr = in6addr_loopback;
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    raw_send(fd, SPAN("GET / HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n"));
    buf answer = BUF_MAX(65536);
    assert_true(raw_read(fd, &answer, NULL));
    assert_non_null(strstr(buf_text(&answer), "plain"));
    buf_free(&answer);
    close(fd);
}

static void connections_of_one_address_are_limited(void **state) {
    (void)state;
    http_server_stop(server, 0);
    start_server((http_server_options){.connections_per_ip = 3});
    int fds[4];
    for (int i = 0; i < 4; i++) {
        fds[i] = raw_connect(http_server_port(server));
        raw_send(fds[i], SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    unsigned answered = 0;
    for (int i = 0; i < 4; i++) {
        buf answer = BUF_MAX(65536);
        answered += !raw_read(fds[i], &answer, "plain");
        buf_free(&answer);
        close(fds[i]);
    }
    assert_int_equal(answered, 3);
}

#define with_server(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        with_server(answers_may_come_later_from_another_thread),
        with_server(a_body_stays_in_memory_or_goes_to_a_file),
        with_server(without_a_file_the_memory_is_the_limit),
        with_server(whoever_looks_at_the_chunks_may_refuse_the_body),
        with_server(a_request_with_a_body_may_be_answered_later),
        with_server(an_early_refusal_is_read_by_a_client_that_still_sends),
        with_server(a_value_with_line_ends_never_reaches_the_wire),
        with_server(a_lost_client_is_reported_to_the_owner_once),
        with_server(a_client_may_reset_while_it_is_answered),
        with_server(a_stream_sends_what_its_owner_writes),
        with_server(a_stream_to_an_old_client_ends_with_the_connection),
        with_server(a_stream_notices_that_its_reader_is_gone),
        with_server(a_reader_that_is_too_slow_is_dropped),
        with_server(a_head_that_does_not_come_is_cut_off),
        with_server(idle_connections_go_early_when_it_is_crowded),
        with_server(a_body_that_crawls_is_cut_off),
        with_server(a_reader_of_an_answer_that_crawls_is_cut_off),
        with_server(stopping_finishes_what_is_in_flight),
        with_server(stopping_cuts_off_what_does_not_end),
        with_server(a_server_leaves_no_descriptor_behind),
        with_server(a_bad_address_is_refused_in_words),
        with_server(it_listens_on_ipv6_too),
        with_server(connections_of_one_address_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
