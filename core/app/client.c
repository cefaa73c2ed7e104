/* core/app/client.c: see client.h. */
#include "core/app/client.h"

#include "core/base/io.h"
#include "core/base/memory.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 64 * 1024 * 1024, KEY_BYTES_MAX = 4096 };

struct client {
    char *url; /* without a slash at its end */
    char *key; /* NULL: none found */
    CURL *curl;
};

/* ---- where the appliance is ---- */

static const char *data_directory(void) {
    const char *data = getenv("BANYAN_DATA");
    if (data && *data) return data;
    return access("banyan-data", X_OK) == 0 ? "banyan-data" : "/var/lib/banyan";
}

/* The first line of DATA/name, NULL when there is no such file or it may not be read. */
static char *data_line(const char *name) {
    char *path = xasprintf("%s/%s", data_directory(), name);
    buf text = BUF_MAX(KEY_BYTES_MAX);
    error *err = io_read_file(path, &text);
    span rest = buf_span(&text), line;
    char *found = !err && span_split(&rest, '\n', &line) && span_trim(line).len ? xspandup(span_trim(line)) : NULL;
    error_free(err);
    buf_free(&text);
    free(path);
    return found;
}

static bool is_this_machine(const char *url) {
    static const char *const hosts[] = {"127.", "localhost", "[::1]"};
    const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;
    size_t authority = strcspn(host, "/?#");
    if (memchr(host, '@', authority)) return false;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t len = strlen(hosts[i]);
        if (strncmp(host, hosts[i], len) != 0) continue;
        if (i == 0) return strspn(host, "0123456789.") == strcspn(host, ":/?#");
        if (strchr(":/?#", host[len])) return true; /* the end of the text as well */
    }
    return false;
}

static error *find_url(client *c) {
    const char *given = getenv("BANYAN_URL");
    c->url = given && *given ? xspandup(span_trim(span_of(given))) : data_line("admin.url");
    if (!c->url) c->url = xstrdup("http://127.0.0.1:8081");
    for (size_t len = strlen(c->url); len > 1 && c->url[len - 1] == '/'; len--)
        c->url[len - 1] = '\0';
    if (strncmp(c->url, "http://", 7) == 0 || strncmp(c->url, "https://", 8) == 0) return NULL;
    return error_new(ERROR_INVALID, "BANYAN_URL must begin with http:// or https://, not \"%s\"", c->url);
}

static void find_key(client *c) {
    const char *given = getenv("BANYAN_API_KEY");
    if (given && *given)
        c->key = xspandup(span_trim(span_of(given)));
    else if (is_this_machine(c->url))
        c->key = data_line("admin.key");
}

error *client_open(client **out) {
    client *c = xcalloc(1, sizeof *c);
    error *err = find_url(c);
    if (!err) find_key(c);
    if (!err && !(c->curl = curl_easy_init())) err = error_new(ERROR_INTERNAL, "cannot prepare a request");
    if (err) {
        client_close(c);
        c = NULL;
    }
    *out = c;
    return err;
}

void client_close(client *c) {
    if (!c) return;
    curl_easy_cleanup(c->curl);
    free(c->url);
    free(c->key);
    free(c);
}

const char *client_url(const client *c) {
    return c->url;
}

/* ---- one request ---- */

typedef struct exchange {
    const client_transfer *transfer;
    CURL *curl;
    size_t sent;
    buf body;
    char *next;
    error *fault; /* of reading or writing here */
} exchange;

static size_t send_some(char *into, size_t size, size_t count, void *context) {
    exchange *x = context;
    size_t room = size * count;
    if (x->transfer->send_fd >= 0) {
        ssize_t n = read(x->transfer->send_fd, into, room);
        if (n < 0) x->fault = error_from_errno(errno, "cannot read what shall be sent");
        return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
    }
    size_t left = x->transfer->send.len - x->sent, n = left < room ? left : room;
    memcpy(into, x->transfer->send.data + x->sent, n);
    x->sent += n;
    return n;
}

static size_t receive_some(char *bytes, size_t size, size_t count, void *context) {
    exchange *x = context;
    long status = 0;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    span got = span_make(bytes, size * count);
    if (x->transfer->receive_fd >= 0 && status / 100 == 2)
        x->fault = io_write_all(x->transfer->receive_fd, got, "the answer");
    else
        buf_add(&x->body, got);
    return x->fault || x->body.overflow ? 0 : got.len;
}

/* Link: </api/v1/messages?after=...>; rel="next" (RFC 8288 §3); only path and query are used, so that a link never
 * leads the key to another host. */
static size_t receive_header(char *bytes, size_t size, size_t count, void *context) {
    exchange *x = context;
    span line = span_trim(span_make(bytes, size * count));
    if (line.len < 5 || strncasecmp(line.data, "link:", 5) != 0) return size * count;
    char *text = xspandup(line), *open = strchr(text, '<'), *close = open ? strchr(open, '>') : NULL;
    if (close && strstr(close, "rel=\"next\"")) {
        char *path = strstr(open, "/api/");
        free(x->next);
        x->next = path && path < close ? xspandup(span_make(path, (size_t)(close - path))) : NULL;
    }
    free(text);
    return size * count;
}

static struct curl_slist *request_headers(const client *c, const client_transfer *transfer) {
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json, application/problem+json");
    headers = curl_slist_append(headers, "Expect:");
    if (c->key) {
        char *line = xasprintf("Authorization: Bearer %s", c->key);
        headers = curl_slist_append(headers, line);
        free(line);
    }
    if (transfer->content_type) {
        char *line = xasprintf("Content-Type: %s", transfer->content_type);
        headers = curl_slist_append(headers, line);
        free(line);
    }
    return headers;
}

static error *unreachable(const client *c, CURLcode code, exchange *x) {
    if (x->fault) return x->fault;
    if (x->body.overflow) return buf_check(&x->body, "the answer");
    return error_new(ERROR_UNREACHABLE,
        "no answer from the appliance at %s: %s; start it with `banyan serve`, or name another with BANYAN_URL", c->url,
        curl_easy_strerror(code));
}

error *client_transfer_request(
    client *c, const char *method, const char *path, const client_transfer *transfer, client_answer *answer) {
    exchange x = {.transfer = transfer, .curl = c->curl, .body = BUF_MAX(ANSWER_BYTES_MAX)};
    char *url = xasprintf("%s%s", c->url, path);
    struct curl_slist *headers = request_headers(c, transfer);
    bool sends = transfer->send_fd >= 0 || transfer->send.data;
    curl_easy_reset(c->curl);
    curl_easy_setopt(c->curl, CURLOPT_URL, url);
    curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, receive_some);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &x);
    curl_easy_setopt(c->curl, CURLOPT_HEADERFUNCTION, receive_header);
    curl_easy_setopt(c->curl, CURLOPT_HEADERDATA, &x);
    if (sends) {
        curl_easy_setopt(c->curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(c->curl, CURLOPT_READFUNCTION, send_some);
        curl_easy_setopt(c->curl, CURLOPT_READDATA, &x);
        /* An unknown size becomes -1: the body travels in chunks. */
        curl_easy_setopt(c->curl, CURLOPT_INFILESIZE_LARGE,
            (curl_off_t)(transfer->send_fd >= 0 ? transfer->size : transfer->send.len));
    }
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode code = curl_easy_perform(c->curl);
    error *err = NULL;
    *answer = (client_answer){.status = 0, .body = NULL, .next = NULL};
    if (code != CURLE_OK) {
        err = unreachable(c, code, &x);
        free(x.next);
    } else {
        long status = 0;
        curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
        error_free(json_parse(buf_span(&x.body), &answer->body)); /* an answer need not be JSON */
        answer->status = (int)status;
        answer->next = x.next;
    }
    curl_slist_free_all(headers);
    buf_free(&x.body);
    free(url);
    return err;
}

error *client_request(client *c, const char *method, const char *path, const json_t *body, client_answer *answer) {
    char *text = body ? json_text(body, false) : NULL;
    client_transfer transfer = {.send_fd = -1, .receive_fd = -1, .send = span_of(text)};
    if (body) transfer.content_type = "application/json";
    error *err = client_transfer_request(c, method, path, &transfer, answer);
    free(text);
    return err;
}

void client_answer_free(client_answer *answer) {
    json_decref(answer->body);
    free(answer->next);
    *answer = (client_answer){.status = 0, .body = NULL, .next = NULL};
}

/* ---- what an answer means ---- */

static error_code code_of_status(int status) {
    switch (status) {
    case 400:
    case 413:
    case 415:
    case 422: return ERROR_INVALID;
    case 401:
    case 403: return ERROR_DENIED;
    case 404: return ERROR_NOT_FOUND;
    case 409:
    case 412: return ERROR_CONFLICT;
    case 502:
    case 503:
    case 504: return ERROR_UNREACHABLE;
    case 507: return ERROR_FULL;
    default: return ERROR_INTERNAL;
    }
}

error *client_problem(const client_answer *answer) {
    if (answer->status / 100 == 2) return NULL;
    error_code code = code_of_status(answer->status);
    const char *title = json_get_text(answer->body, "title", NULL),
               *detail = json_get_text(answer->body, "detail", NULL);
    if (answer->status == 401)
        return error_new(code,
            "the appliance did not accept the key (%s); put one that `banyan key add` made into "
            "BANYAN_API_KEY, or run this where DATA/admin.key can be read",
            detail ? detail : "401");
    if (!detail && !title) return error_new(code, "the appliance answered with status %d", answer->status);
    error *err =
        error_new(code, "%s%s%s", title && detail ? title : "", title && detail ? ": " : "", detail ? detail : title);
    const json_t *first = json_array_get(json_get_array(answer->body, "errors"), 0);
    const char *place = json_get_text(first, "pointer", NULL), *why = json_get_text(first, "detail", NULL);
    if (why) {
        error *whole = error_new(code, "%s: %s", error_text(err), why);
        error_free(err);
        err = whole;
    }
    return place && *place ? error_at(err, "%s", place) : err;
}

error *client_call(client *c, const char *method, const char *path, const json_t *body, json_t **reply) {
    client_answer answer;
    error *err = client_request(c, method, path, body, &answer);
    if (reply) *reply = NULL;
    if (err) return err;
    err = client_problem(&answer);
    if (!err && reply) *reply = json_incref(answer.body);
    client_answer_free(&answer);
    return err;
}

error *client_collect(client *c, const char *path, size_t maximum, json_t **items) {
    char *next = xstrdup(path);
    error *err = NULL;
    *items = json_array();
    while (next && !err && (!maximum || json_array_size(*items) < maximum)) {
        client_answer answer;
        err = client_request(c, "GET", next, NULL, &answer);
        if (err) break;
        err = client_problem(&answer);
        json_t *page = json_get_array(answer.body, "items");
        if (!err && !page) err = error_new(ERROR_INTERNAL, "the answer of %s holds no items", next);
        if (!err) json_array_extend(*items, page);
        free(next);
        next = err ? NULL : answer.next;
        if (!err) answer.next = NULL;
        client_answer_free(&answer);
    }
    free(next);
    while (maximum && json_array_size(*items) > maximum)
        json_array_remove(*items, json_array_size(*items) - 1);
    if (!err) return NULL;
    json_decref(*items);
    *items = NULL;
    return err;
}

void client_path_add(buf *path, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c);
        if (plain)
            buf_add_char(path, *text);
        else
            buf_printf(path, "%%%02X", c);
    }
}
