/* core/http/client.c: see client.h; around libcurl's easy interface. */
#include "core/http/client.h"

#include "core/base/io.h"
#include "core/base/json.h"
#include "core/base/memory.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { URL_BYTES_MAX = 8192, HEAD_BYTES_MAX = 65536, HEADERS_MAX = 256 };

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

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) abort();
}

http_client *http_client_new(void) {
    pthread_once(&library_once, start_library);
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

/* One strict reading of the URL (SR-04): scheme, host, no user, no fragment, no control characters. */
static error *check_url(const char *url) {
    error *err = NULL;
    char *user = NULL, *fragment = NULL, *scheme = NULL;
    if (strlen(url) > URL_BYTES_MAX) return error_new(ERROR_INVALID, "the URL is longer than %d bytes", URL_BYTES_MAX);
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7F || *c == '\\')
            return error_new(ERROR_INVALID, "the URL holds a character that must be encoded");
    CURLU *parts = curl_url();
    if (!parts || curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK)
        err = error_new(ERROR_INVALID, "%s is not a URL: write http://host/path or https://host/path", url);
    if (!err) curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    if (!err) curl_url_get(parts, CURLUPART_USER, &user, 0);
    if (!err) curl_url_get(parts, CURLUPART_FRAGMENT, &fragment, 0);
    if (!err && (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)))
        err = error_new(ERROR_INVALID, "%s: only http and https are spoken here", url);
    if (!err && user)
        err = error_new(ERROR_INVALID, "the URL holds a user name: credentials have settings of their own");
    if (!err && fragment) err = error_new(ERROR_INVALID, "%s: a fragment cannot be sent", url);
    curl_free(scheme);
    curl_free(user);
    curl_free(fragment);
    curl_url_cleanup(parts);
    return err;
}

static error *make_headers(const http_call *call, struct curl_slist **list) {
    for (size_t i = 0; i < call->header_count; i++) {
        const http_field *field = &call->headers[i];
        if (!http_is_token(field->name) || !http_is_field_value(field->value))
            return error_new(ERROR_INVALID, "the header field %.*s cannot be sent: its name or value is malformed",
                (int)field->name.len, field->name.data);
        /* libcurl writes a field without value only when it ends in a semicolon. */
        char *line = xasprintf(field->value.len ? "%.*s: %.*s" : "%.*s;%.*s", (int)field->name.len, field->name.data,
            (int)field->value.len, field->value.len ? field->value.data : "");
        struct curl_slist *longer = curl_slist_append(*list, line);
        free(line);
        if (!longer) abort();
        *list = longer;
    }
    return NULL;
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
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->body_size);
    } else if (call->body.len > 0 || strcmp(call->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.len ? call->body.data : "");
    }
    if (head) curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, head ? NULL : call->method);
}

static void set_blob(CURL *easy, CURLoption option, const char *text) {
    if (!text) return;
    struct curl_blob blob = {.data = (void *)text, .len = strlen(text), .flags = CURL_BLOB_COPY};
    curl_easy_setopt(easy, option, &blob);
}

static void set_tls(CURL *easy, const http_client_tls *tls) {
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!tls) return;
    bool any = tls->accept_any_certificate && tls->pinned_key;
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, any ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, any ? 0L : 2L);
    set_blob(easy, CURLOPT_CAINFO_BLOB, tls->authorities);
    set_blob(easy, CURLOPT_SSLCERT_BLOB, tls->certificate);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, tls->key);
    if (tls->pinned_key) curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, tls->pinned_key);
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
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
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
    set_tls(easy, call->tls);
    set_method_and_body(easy, x);
}

static error *error_of(const http_client *client, const http_call *call, CURLcode code) {
    const char *words = *client->words ? client->words : curl_easy_strerror(code);
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return error_new(ERROR_TIMEOUT, "%s did not answer in time: %s", call->url, words);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return error_new(ERROR_DENIED, "the certificate of %s is not trusted: %s", call->url, words);
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return error_new(ERROR_INVALID, "a certificate or key for %s is not usable: %s", call->url, words);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return error_new(ERROR_INVALID, "%s: %s", call->url, words);
    default: return error_new(ERROR_UNREACHABLE, "%s: %s", call->url, words);
    }
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
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    error *err =
        http_is_token(span_of(call->method)) ? check_url(call->url) : error_new(ERROR_INVALID, "malformed method");
    if (!err) err = make_headers(call, &headers);
    if (err) goto out;
    set_options(client, &x, headers);
    client->words[0] = '\0';
    CURLcode code = curl_easy_perform(client->easy);
    err = x.failure;
    if (!err && code != CURLE_OK) err = error_of(client, call, code);
    if (err) goto out;
    long status = 0;
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    split_head(answer);
out:
    curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
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
