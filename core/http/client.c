/* core/http/client.c: see client.h; around libcurl's easy interface. */
#include "core/http/client.h"

#include "core/base/io.h"
#include "core/base/json.h"
#include "core/base/memory.h"
#include "core/http/curl_part.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_BYTES_MAX = 65536, HEADERS_MAX = 256 };

struct http_client {
    CURL *easy;
    char words[CURL_ERROR_SIZE];
};

/* One exchange under way. */
typedef struct exchange {
    const http_call *call;
    http_answer *answer;
    off_t body_start;
    uint64_t body_sent;
    error *failure; /* of a callback; says more than libcurl's code */
} exchange;

http_client *http_client_new(void) {
    http_curl_start();
    http_client *client = xcalloc(1, sizeof *client);
    client->easy = curl_easy_init();
    if (!client->easy) abort();
    return client;
}

void http_client_free(http_client *client) {
    if (!client) return;
    curl_easy_cleanup(client->easy);
    free(client);
}

static void fail(exchange *x, error *take) {
    if (x->failure)
        error_free(take);
    else
        x->failure = take;
}

static size_t read_body(char *out, size_t size, size_t count, void *context) {
    exchange *x = context;
    uint64_t left = x->call->body_size - x->body_sent;
    size_t room = size * count < left ? size * count : (size_t)left;
    ssize_t len;
    do
        len = room ? read(x->call->body_fd, out, room) : 0;
    while (len < 0 && errno == EINTR);
    if (len < 0) fail(x, error_from_errno(errno, "cannot read the body to send"));
    if (len == 0 && room) fail(x, error_new(ERROR_IO, "the body to send is shorter than it was said to be"));
    if (x->failure) return CURL_READFUNC_ABORT;
    x->body_sent += (uint64_t)len;
    return (size_t)len;
}

/* For a body that must be sent again, because the kept connection had gone. */
static int rewind_body(void *context, curl_off_t offset, int origin) {
    exchange *x = context;
    if (origin != SEEK_SET || lseek(x->call->body_fd, x->body_start + offset, SEEK_SET) < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    x->body_sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t write_body(char *bytes, size_t size, size_t count, void *context) {
    exchange *x = context;
    span piece = span_make(bytes, size * count);
    x->answer->body_size += piece.len;
    if (x->answer->body_size > x->call->answer_maximum)
        fail(x, error_new(
                    ERROR_LIMIT, "the answer is larger than %llu bytes", (unsigned long long)x->call->answer_maximum));
    else if (x->call->answer_fd >= 0)
        fail(x, io_write_all(x->call->answer_fd, piece, "the answer"));
    else
        buf_add(&x->answer->body, piece);
    return x->failure ? 0 : piece.len;
}

/* Header lines as they come; a new status line (after 1xx) starts afresh. */
static size_t write_head(char *bytes, size_t size, size_t count, void *context) {
    exchange *x = context;
    span line = span_make(bytes, size * count);
    if (span_starts(line, SPAN("HTTP/"))) buf_clear(&x->answer->head);
    buf_add(&x->answer->head, line);
    if (x->answer->head.overflow) fail(x, error_new(ERROR_LIMIT, "the head of the answer is too large"));
    return x->failure ? 0 : line.len;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    exchange *x = context;
    (void)purpose;
    if (x->call->may_connect && !x->call->may_connect(x->call->context, &address->addr)) {
        fail(x, error_new(ERROR_DENIED, "the address of %s is not one that may be called", x->call->url));
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_method_and_body(CURL *easy, exchange *x) {
    const http_call *call = x->call;
    bool head = strcmp(call->method, "HEAD") == 0;
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (call->body_fd >= 0) {
        x->body_start = lseek(call->body_fd, 0, SEEK_CUR);
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_body);
        curl_easy_setopt(easy, CURLOPT_READDATA, x);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, x);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, call->chunked ? (curl_off_t)-1 : (curl_off_t)call->body_size);
    } else if (call->body.len > 0 || strcmp(call->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.len ? call->body.data : "");
    }
    if (head) curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, head ? NULL : call->method);
}

static void set_options(http_client *client, exchange *x, struct curl_slist *headers) {
    CURL *easy = client->easy;
    const http_call *call = x->call;
    curl_easy_reset(easy); /* keeps connections */
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->words);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_URL, call->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, call->proxy ? call->proxy : "");
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, call->fresh ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "banyan/" BANYAN_VERSION);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)((call->stall_timeout_ms + 999) / 1000));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, write_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x);
    http_curl_set_tls(easy, call->tls);
    set_method_and_body(easy, x);
}

/* The lines of the head as fields; texts stay in answer->head. */
static void split_head(http_answer *answer) {
    answer->headers = xcalloc(HEADERS_MAX, sizeof *answer->headers);
    span rest = buf_span(&answer->head), line;
    while (span_split(&rest, '\n', &line) && answer->header_count < HEADERS_MAX) {
        const char *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
        if (!colon || span_starts(line, SPAN("HTTP/"))) continue;
        size_t name_len = (size_t)(colon - line.data);
        answer->headers[answer->header_count++] =
            (http_field){span_make(line.data, name_len), span_trim(span_make(colon + 1, line.len - name_len - 1))};
    }
}

error *http_client_call(http_client *client, const http_call *call, http_answer *answer) {
    *answer = (http_answer){.head = BUF_MAX(HEAD_BYTES_MAX)};
    answer->body = BUF_MAX(call->answer_fd < 0 ? (size_t)call->answer_maximum : 0);
    exchange x = {.call = call, .answer = answer};
    /* An empty Expect keeps libcurl from waiting for a 100 that many servers never send. */
    static const char *const more[] = {"Expect:", "Transfer-Encoding: chunked"};
    struct curl_slist *headers = NULL;
    error *err = http_is_token(span_of(call->method)) ? http_curl_check_url(call->url)
                                                      : error_new(ERROR_INVALID, "malformed method");
    if (!err) err = http_curl_list_headers(call->headers, call->header_count, more, call->chunked ? 2 : 1, &headers);
    if (err) goto out;
    set_options(client, &x, headers);
    client->words[0] = '\0';
    CURLcode code = curl_easy_perform(client->easy);
    err = x.failure;
    if (!err && code != CURLE_OK) err = http_curl_error(code, call->url, client->words);
    if (err) goto out;
    long status = 0;
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    split_head(answer);
out:
    curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL);
    free(headers);
    if (err) http_answer_free(answer);
    return err;
}

span http_answer_header(const http_answer *answer, const char *name) {
    const http_field *field = http_find_field(answer->headers, answer->header_count, span_of(name));
    return field ? field->value : span_make(NULL, 0);
}

static error_code code_of_status(int status) {
    switch (status) {
    case 401:
    case 403: return ERROR_DENIED;
    case 404:
    case 410: return ERROR_NOT_FOUND;
    case 408:
    case 504: return ERROR_TIMEOUT;
    case 409:
    case 412:
    case 428: return ERROR_CONFLICT;
    case 413:
    case 414:
    case 429:
    case 431: return ERROR_LIMIT;
    case 422: return ERROR_REJECTED;
    case 501: return ERROR_UNSUPPORTED;
    case 507: return ERROR_FULL;
    default: return status >= 500 || status < 400 ? ERROR_UNREACHABLE : ERROR_INVALID;
    }
}

error *http_answer_check(const http_answer *answer) {
    if (answer->status >= 200 && answer->status < 300) return NULL;
    json_t *problem = NULL;
    if (span_starts(http_answer_header(answer, "Content-Type"), SPAN("application/problem+json")))
        error_free(json_parse(buf_span(&answer->body), &problem));
    const char *title = json_get_text(problem, "title", ""), *detail = json_get_text(problem, "detail", "");
    error *err = error_new(code_of_status(answer->status), "%s%s%s (HTTP status %d)", *title ? title : "refused",
        *detail ? ": " : "", detail, answer->status);
    json_decref(problem);
    return err;
}

void http_answer_free(http_answer *answer) {
    free(answer->headers);
    answer->headers = NULL;
    answer->header_count = 0;
    buf_free(&answer->body);
    buf_free(&answer->head);
}
