/* core/flow/post.c: POSTs of exchanges, made by the desk: the client's connections are kept, credentials come from the
 * connection, and where a receipt may go is judged twice, by name and by address. */
#include "core/base/memory.h"
#include "core/flow/exchange_parts.h"

#include "adapters/as2/as2.h"
#include "core/base/base64.h"
#include "core/base/network.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum { IDLE_CLIENTS = 16, HEADERS_MAX = 128, ANSWER_MAX = 1 << 20 };

struct posters {
    pthread_mutex_t lock;
    http_client *idle[IDLE_CLIENTS];
    size_t count;
};

struct posters *posters_new(void) {
    struct posters *p = xcalloc(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void posters_free(struct posters *p) {
    if (!p) return;
    for (size_t i = 0; i < p->count; i++)
        http_client_free(p->idle[i]);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static http_client *borrow(struct posters *p) {
    http_client *client = NULL;
    pthread_mutex_lock(&p->lock);
    if (p->count > 0) client = p->idle[--p->count];
    pthread_mutex_unlock(&p->lock);
    return client ? client : http_client_new();
}

static void give_back(struct posters *p, http_client *client) {
    pthread_mutex_lock(&p->lock);
    bool kept = p->count < IDLE_CLIENTS;
    if (kept) p->idle[p->count++] = client;
    pthread_mutex_unlock(&p->lock);
    if (!kept) http_client_free(client);
}

/* ---- where to ---- */

/* The host of a URL, lower case; false when it has none that can be compared. */
static bool host_of(const char *url, char host[256]) {
    const char *start = strstr(url, "://");
    size_t len = 0;
    if (!start) return false;
    start += 3;
    /* What stands before an @ is a user's name, however much it looks like a host. */
    size_t authority = strcspn(start, "/?#");
    if (memchr(start, '@', authority) || memchr(start, '\\', authority)) return false;
    bool bracket = *start == '[';
    if (bracket) start++;
    for (; start[len] && len < 255; len++) {
        char c = start[len];
        if (bracket ? c == ']' : c == ':' || c == '/' || c == '?' || c == '#') break;
        host[len] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    host[len] = '\0';
    return len > 0;
}

bool post_is_allowed(const estate_connection *connection, const char *url, bool *any) {
    char host[256], own[256];
    const char *partner = as2_text(connection->settings, "url");
    *any = false;
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) return false;
    if (!host_of(url, host)) return false;
    if (partner && host_of(partner, own) && strcmp(host, own) == 0) return true;
    const json_t *names = json_get_array(connection->settings, "receipt_hosts");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name && strcasecmp(name, host) == 0) return true;
        if (name && strcmp(name, "*") == 0) *any = true;
    }
    return *any;
}

static bool is_public(void *context, const struct sockaddr *address) {
    (void)context;
    return network_is_public(address);
}

/* ---- the call ---- */

typedef struct posting {
    http_field fields[HEADERS_MAX];
    size_t count;
    buf authorization;
    json_t *secrets;
    http_client_tls tls;
} posting;

static void add_field(posting *p, span name, span value) {
    if (p->count < HEADERS_MAX) p->fields[p->count++] = (http_field){name, value};
}

static void add_headers(posting *p, const json_t *headers) {
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const json_t *pair = json_array_get(headers, i), *name = json_array_get(pair, 0),
                     *value = json_array_get(pair, 1);
        if (json_is_string(name) && json_is_string(value))
            add_field(p, span_make(json_string_value(name), json_string_length(name)),
                span_make(json_string_value(value), json_string_length(value)));
    }
}

static const char *certificate_named(const estate *e, const json_t *settings, const char *setting_name) {
    const char *name = json_get_text(settings, setting_name, NULL);
    return json_get_text(estate_find_object(e, "certificates", name), "certificate", NULL);
}

static error *add_credentials(engine *e, const post_order *order, posting *p, const estate *snapshot) {
    const json_t *settings = order->connection->settings;
    const char *user = json_get_text(settings, "user", NULL);
    p->tls.authorities = certificate_named(snapshot, settings, "tls_authority");
    if (!order->own_server) return NULL;
    p->tls.certificate = certificate_named(snapshot, settings, "tls_certificate");
    if (!user && !p->tls.certificate) return NULL;
    error *err = config_secrets(e->options.config, order->connection, &p->secrets);
    if (err) return err;
    p->tls.key = json_get_text(p->secrets, "tls_certificate", NULL);
    if (!user) return NULL;
    buf plain = BUF_MAX(2048);
    buf_printf(&plain, "%s:%s", user, json_get_text(p->secrets, "password", ""));
    buf_add_text(&p->authorization, "Basic ");
    base64_write(buf_span(&plain), &p->authorization);
    if (plain.data) explicit_bzero(plain.data, plain.capacity);
    buf_free(&plain);
    add_field(p, SPAN("Authorization"), buf_span(&p->authorization));
    return NULL;
}

error *post(engine *e, const post_order *order, http_answer *answer) {
    posting p = {.count = 0, .authorization = BUF_MAX(4096)};
    estate *snapshot = config_estate(e->options.config);
    add_headers(&p, order->headers);
    error *err = add_credentials(e, order, &p, snapshot);
    if (!err) {
        http_call call = http_call_to(order->method ? order->method : "POST", order->url);
        unsigned timeout = (unsigned)order->connection->timeout_ms;
        call.headers = p.fields;
        call.header_count = p.count;
        call.body = order->body;
        call.body_fd = order->fd;
        call.body_size = order->size - order->offset;
        call.answer_maximum = ANSWER_MAX;
        call.fresh = order->fresh;
        call.connect_timeout_ms = timeout;
        call.timeout_ms = 0;
        call.stall_timeout_ms = timeout;
        call.tls = &p.tls;
        call.chunked = order->own_server && !order->method && as2_boolean(order->connection->settings, "chunked");
        call.proxy = as2_text(order->connection->settings, "proxy");
        if (order->public_only) call.may_connect = is_public;
        if (order->fd >= 0 && lseek(order->fd, (off_t)order->offset, SEEK_SET) < 0)
            err = error_from_errno(errno, "cannot read the message");
        http_client *client = borrow(e->posters);
        if (!err) err = http_client_call(client, &call, answer);
        give_back(e->posters, client);
    }
    if (p.authorization.data) explicit_bzero(p.authorization.data, p.authorization.capacity);
    buf_free(&p.authorization);
    json_decref(p.secrets);
    estate_release(snapshot);
    return err;
}

json_t *post_headers(const http_answer *answer) {
    json_t *list = json_array();
    for (size_t i = 0; i < answer->header_count; i++) {
        json_t *pair = json_array();
        json_array_append_new(pair, json_from_span(answer->headers[i].name));
        json_array_append_new(pair, json_from_span(answer->headers[i].value));
        json_array_append_new(list, pair);
    }
    return list;
}
