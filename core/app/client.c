/* core/app/client.c: see client.h. */
#include "core/app/client.h"

#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/http/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ANSWER_BYTES_MAX = 64 * 1024 * 1024,
    PROBLEM_BYTES_MAX = 1024 * 1024,
    KEY_BYTES_MAX = 4096,
    AUTHORITY_BYTES_MAX = 1024 * 1024,
    STALL_MS = 300 * 1000 /* a large estate or backup may take its time before the first byte */
};

struct client {
    char *url;           /* without a slash at its end */
    char *authorization; /* "Bearer KEY"; NULL: no key found */
    char *authority;     /* the PEM text of BANYAN_CA; NULL: the system's authorities */
    http_client *http;
    http_client_tls tls;
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
    char *key = NULL;
    if (given && *given)
        key = xspandup(span_trim(span_of(given)));
    else if (is_this_machine(c->url))
        key = data_line("admin.key");
    if (key) c->authorization = xasprintf("Bearer %s", key);
    free(key);
}

/* For an appliance whose certificate was signed by an authority of one's own. */
static error *find_authority(client *c) {
    const char *path = getenv("BANYAN_CA");
    if (!path || !*path) return NULL;
    buf text = BUF_MAX(AUTHORITY_BYTES_MAX);
    error *err = error_wrap(io_read_file(path, &text), "BANYAN_CA");
    if (!err) c->tls.authorities = c->authority = buf_take(&text, NULL);
    buf_free(&text);
    return err;
}

error *client_open(client **out) {
    client *c = xcalloc(1, sizeof *c);
    error *err = find_url(c);
    if (!err) find_key(c);
    if (!err) err = find_authority(c);
    c->http = http_client_new();
    if (err) {
        client_close(c);
        c = NULL;
    }
    *out = c;
    return err;
}

void client_close(client *c) {
    if (!c) return;
    http_client_free(c->http);
    if (c->authorization) explicit_bzero(c->authorization, strlen(c->authorization));
    free(c->authorization);
    free(c->authority);
    free(c->url);
    free(c);
}

const char *client_url(const client *c) {
    return c->url;
}

/* ---- one request ---- */

/* A file without a name, gone when it is closed. */
static error *anonymous_file(int *fd) {
    const char *directory = getenv("TMPDIR");
    if (!directory || !*directory) directory = "/tmp";
    *fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return *fd < 0 ? error_from_errno(errno, "cannot make a temporary file in %s", directory) : NULL;
}

/* The body must have a size and be readable twice: what comes from a pipe is put into a file first. */
static error *prepare_body(const client_transfer *transfer, http_call *call, int *held) {
    if (transfer->send_fd < 0) {
        call->body = transfer->send;
        return NULL;
    }
    call->body_fd = transfer->send_fd;
    call->body_size = transfer->size;
    if (transfer->size != CLIENT_SIZE_UNKNOWN) return NULL;
    error *err = anonymous_file(held);
    if (!err) err = io_copy(transfer->send_fd, *held, UINT64_MAX, &call->body_size, "what shall be sent");
    if (!err && lseek(*held, 0, SEEK_SET) < 0) err = error_from_errno(errno, "cannot read what shall be sent");
    call->body_fd = *held;
    return err;
}

/* Keeps the key's line out of every error and log: it only exists here. */
static size_t make_headers(const client *c, const client_transfer *transfer, http_field fields[4]) {
    size_t count = 0;
    fields[count++] = (http_field){SPAN("Accept"), SPAN("application/json, application/problem+json")};
    if (transfer->content_type) fields[count++] = (http_field){SPAN("Content-Type"), span_of(transfer->content_type)};
    if (transfer->only_new) fields[count++] = (http_field){SPAN("If-None-Match"), SPAN("*")};
    if (c->authorization) fields[count++] = (http_field){SPAN("Authorization"), span_of(c->authorization)};
    return count;
}

/* Link: </api/v1/messages?after=...>; rel="next" (RFC 8288 §3); only path and query are used, so that a link never
 * leads the key to another host. */
static char *next_page(const http_answer *answer) {
    span link = http_answer_header(answer, "Link");
    char *text = xspandup(link), *open = strchr(text, '<'), *close = open ? strchr(open, '>') : NULL, *next = NULL;
    if (close && strstr(close, "rel=\"next\"")) {
        char *path = strstr(open, "/api/");
        if (path && path < close) next = xspandup(span_make(path, (size_t)(close - path)));
    }
    free(text);
    return next;
}

/* A plain file that can be read back holds the answer itself; for anything else it goes through a file first, because
 * only its end tells whether it is what was wanted or a problem. */
static bool is_readable_file(int fd) {
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == O_RDWR && !(flags & O_APPEND) && fstat(fd, &status) == 0 &&
           S_ISREG(status.st_mode);
}

/* The answer went to the file `held`: the bytes go on to where they are wanted, a problem is read back. */
static error *deliver(int held, int receive_fd, client_answer *answer) {
    if (lseek(held, 0, SEEK_SET) < 0) return error_from_errno(errno, "cannot read the answer");
    if (answer->status / 100 == 2)
        return held == receive_fd ? NULL : io_copy(held, receive_fd, UINT64_MAX, NULL, "the answer");
    buf problem = BUF_MAX(PROBLEM_BYTES_MAX);
    error *err = io_read_all(held, &problem, "the answer");
    if (!err) error_free(json_parse(buf_span(&problem), &answer->body));
    buf_free(&problem);
    return err;
}

static error *explain(error *take) {
    error_code code = error_code_of(take);
    if (code != ERROR_UNREACHABLE && code != ERROR_TIMEOUT) return take;
    error *err = error_new(code,
        "no answer from the appliance: %s; start it with `banyan serve`, or name another with BANYAN_URL",
        error_text(take));
    error_free(take);
    return err;
}

error *client_transfer_request(
    client *c, const char *method, const char *path, const client_transfer *transfer, client_answer *answer) {
    http_field fields[4];
    http_answer raw = {.status = 0};
    char *url = xasprintf("%s%s", c->url, path);
    http_call call = http_call_to(method, url);
    int sent = -1, received = -1;
    *answer = (client_answer){.status = 0, .body = NULL, .next = NULL};
    call.headers = fields;
    call.header_count = make_headers(c, transfer, fields);
    call.timeout_ms = 0;
    call.stall_timeout_ms = STALL_MS;
    call.tls = &c->tls;
    call.answer_maximum = transfer->receive_fd >= 0 ? INT64_MAX : ANSWER_BYTES_MAX;
    error *err = prepare_body(transfer, &call, &sent);
    bool direct = transfer->receive_fd >= 0 && is_readable_file(transfer->receive_fd);
    if (!err && transfer->receive_fd >= 0 && !direct) err = anonymous_file(&received);
    call.answer_fd = direct ? transfer->receive_fd : received;
    if (!err && (err = http_client_call(c->http, &call, &raw))) err = explain(err);
    if (!err) {
        answer->status = raw.status;
        answer->next = next_page(&raw);
        if (call.answer_fd >= 0)
            err = deliver(call.answer_fd, transfer->receive_fd, answer);
        else
            error_free(json_parse(buf_span(&raw.body), &answer->body)); /* an answer need not be JSON */
        http_answer_free(&raw);
    }
    if (err) client_answer_free(answer);
    io_close(&sent);
    io_close(&received);
    free(url);
    return err;
}

static error *request_with(
    client *c, const char *method, const char *path, const json_t *body, bool only_new, client_answer *answer) {
    char *text = body ? json_text(body, false) : NULL;
    client_transfer transfer = {.send_fd = -1, .receive_fd = -1, .send = span_of(text), .only_new = only_new};
    if (body) transfer.content_type = "application/json";
    error *err = client_transfer_request(c, method, path, &transfer, answer);
    free(text);
    return err;
}

error *client_request(client *c, const char *method, const char *path, const json_t *body, client_answer *answer) {
    return request_with(c, method, path, body, false, answer);
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
    if (why && (!detail || strcmp(why, detail) != 0)) {
        error *whole = error_new(code, "%s: %s", error_text(err), why);
        error_free(err);
        err = whole;
    }
    return place && *place ? error_at(err, "%s", place) : err;
}

/* Takes what `answer` holds. */
static error *reply_of(client_answer *answer, json_t **reply) {
    error *err = client_problem(answer);
    if (!err && reply) *reply = json_incref(answer->body);
    client_answer_free(answer);
    return err;
}

error *client_call(client *c, const char *method, const char *path, const json_t *body, json_t **reply) {
    client_answer answer;
    if (reply) *reply = NULL;
    error *err = client_request(c, method, path, body, &answer);
    return err ? err : reply_of(&answer, reply);
}

error *client_create(client *c, const char *path, const json_t *body, json_t **reply) {
    client_answer answer;
    if (reply) *reply = NULL;
    error *err = request_with(c, "PUT", path, body, true, &answer);
    return err ? err : reply_of(&answer, reply);
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
        if (!page) page = json_get_array(answer.body, "events"); /* a timeline */
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
