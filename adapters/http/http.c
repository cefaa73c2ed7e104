/* adapters/http/http.c: the http adapter in couriers: deliveries, probes, and resources one at a time.
 *
 * A delivery is one request that carries the message's identity as Idempotency-Key, so that one that is sent again
 * after a lost answer can be known by the service (at least once, with a stable identity). Endpoints of the facade do
 * not come here: the desk calls such a back-end from its own loop (core/facade/back_end_http.h).
 */
#include "adapters/http/http.h"

#include "adapters/http/peer.h"
#include "adapters/http/sign.h"
#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    FIELDS_MAX = 80,
    SIGNATURES_MAX = 256,
    IN_MEMORY_BYTES = 1 << 20,
    ANSWER_BYTES_MAX = 64 << 20,
    CHUNK = 64 * 1024,
    URL_ROOM = 8192
};

struct adapter_session {
    http_peer *peer;
    http_client *client;
};

static void http_close(adapter_session *session) {
    if (!session) return;
    http_client_free(session->client);
    http_peer_free(session->peer);
    free(session);
}

static error *http_open(const adapter_open_options *options, adapter_session **out) {
    adapter_session *session = xcalloc(1, sizeof *session);
    error *err = http_peer_new(options->settings, options->secrets, &session->peer);
    if (err) {
        free(session);
        return err;
    }
    session->client = http_client_new();
    *out = session;
    return NULL;
}

/* Characters that mean something in a URL are encoded, slashes stay. */
static void add_path(buf *url, const char *path) {
    static const char digits[] = "0123456789ABCDEF";
    if (*path != '/') buf_add_char(url, '/');
    for (const char *c = path; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                     strchr("-._~/!$&'()*+,;=:@", byte);
        if (plain) {
            buf_add_char(url, *c);
        } else {
            buf_add_char(url, '%');
            buf_add_char(url, digits[byte >> 4]);
            buf_add_char(url, digits[byte & 15]);
        }
    }
}

/* One exchange; the answer is to be freed after success, whatever its status. */
static error *exchange(adapter_session *session, const char *method, const char *path, const http_field *more,
    size_t more_count, const http_call *wanted, http_answer *answer) {
    const http_peer *peer = session->peer;
    http_call call = *wanted;
    http_field fields[FIELDS_MAX];
    size_t count = 0;
    buf url = BUF_MAX(URL_ROOM);
    buf_add_text(&url, peer->url);
    if (path) add_path(&url, path);
    for (size_t i = 0; i < peer->header_count; i++)
        fields[count++] = peer->headers[i];
    for (size_t i = 0; i < more_count && count < FIELDS_MAX; i++)
        if (!http_find_field(peer->headers, peer->header_count, more[i].name)) fields[count++] = more[i];
    call.method = method;
    call.url = buf_text(&url);
    call.headers = fields;
    call.header_count = count;
    call.connect_timeout_ms = peer->connect_timeout_ms;
    call.timeout_ms = peer->timeout_ms;
    call.stall_timeout_ms = peer->stall_timeout_ms;
    call.tls = &peer->tls;
    call.may_connect = http_peer_may_connect;
    call.context = session->peer;
    error *err = buf_check(&url, "the URL");
    if (!err) err = http_client_call(session->client, &call, answer);
    buf_free(&url);
    return err;
}

/* Any answer shows that the service is there. */
static error *http_probe(adapter_session *session) {
    http_call call = http_call_to("HEAD", "");
    http_answer answer;
    error *err = exchange(session, "HEAD", NULL, NULL, 0, &call, &answer);
    if (err) return err;
    bool refused = answer.status == 401 || answer.status == 403;
    if (refused) err = error_new(ERROR_DENIED, "the service refuses our credentials (HTTP status %d)", answer.status);
    http_answer_free(&answer);
    return err;
}

static error *spool(const adapter_source *source, int *fd) {
    char *chunk = xmalloc(CHUNK);
    size_t len = 1;
    error *err = NULL;
    *fd = memfd_create("delivery", MFD_CLOEXEC);
    if (*fd < 0) err = error_new(ERROR_IO, "no memory for the delivery");
    while (!err && len > 0) {
        err = source->read(source->context, chunk, CHUNK, &len);
        if (!err && len > 0) err = io_write_all(*fd, span_make(chunk, len), "the delivery");
    }
    if (!err && lseek(*fd, 0, SEEK_SET) < 0) err = error_new(ERROR_IO, "the delivery cannot be read again");
    free(chunk);
    return err;
}

static error *read_all(const adapter_source *source, buf *into) {
    size_t len = 1;
    error *err = NULL;
    while (!err && len > 0) {
        char *room = buf_reserve(into, CHUNK);
        if (!room) return error_new(ERROR_LIMIT, "the delivery is larger than it was said to be");
        err = source->read(source->context, room, CHUNK, &len);
        if (!err) buf_grew(into, len);
    }
    return err;
}

/* What a signed delivery carries besides. The texts lie in `time` and `signatures`. */
static error *sign(const http_peer *peer, const char *identity, const http_call *call, char time[24], buf *signatures,
    http_field *fields, size_t *count) {
    int64_t seconds = clock_wall_ms() / 1000;
    error *err = NULL;
    for (size_t i = 0; i < 2 && !err; i++) {
        if (!peer->sign[i].data) continue;
        if (signatures->len) buf_add_char(signatures, ' ');
        err = sign_webhook(peer->sign[i], identity, seconds, call->body, call->body_fd, call->body_size, signatures);
    }
    if (err || signatures->len == 0) return err;
    snprintf(time, 24, "%lld", (long long)seconds);
    fields[(*count)++] = (http_field){SPAN("webhook-id"), span_of(identity)};
    fields[(*count)++] = (http_field){SPAN("webhook-timestamp"), span_of(time)};
    fields[(*count)++] = (http_field){SPAN("webhook-signature"), buf_span(signatures)};
    return NULL;
}

/* Receivers of webhooks say 2xx or try me again; 410 alone says that they are gone for good. */
static error *judge(const http_peer *peer, const http_answer *answer) {
    bool webhook = peer->sign[0].data || peer->sign[1].data;
    uint64_t seconds = 0;
    error *err = http_answer_check(answer);
    if (!err) return NULL;
    if (webhook) {
        error *told = error_new(answer->status == 410 ? ERROR_REJECTED : ERROR_UNREACHABLE, "%s", error_text(err));
        error_free(err);
        err = told;
    }
    bool says_when = span_to_u64(span_trim(http_answer_header(answer, "Retry-After")), 1, INT32_MAX, &seconds);
    return error_not_before(err, says_when ? (int64_t)seconds * 1000 : 1); /* it has answered: not at once again */
}

/* The service's answer to the one request is the delivery: nothing is left to be published. */
static error *http_stage(
    adapter_session *session, const char *path, const char *identity, const adapter_source *source) {
    span type = span_of(source->content_type ? source->content_type : "application/octet-stream");
    http_field fields[6] = {{SPAN("Idempotency-Key"), span_of(identity)}, {SPAN("Content-Type"), type}};
    size_t count = 2;
    if (source->traceparent) fields[count++] = (http_field){SPAN("traceparent"), span_of(source->traceparent)};
    char time[24];
    buf signatures = BUF_MAX(SIGNATURES_MAX);
    http_call call = http_call_to("POST", "");
    http_answer answer;
    int fd = -1;
    buf bytes = BUF_MAX(IN_MEMORY_BYTES + CHUNK);
    bool large = source->size > IN_MEMORY_BYTES;
    error *err = large ? spool(source, &fd) : read_all(source, &bytes);
    if (!err) {
        call.body = buf_span(&bytes);
        if (large) call.body_fd = fd;
        call.body_size = source->size;
        err = sign(session->peer, identity, &call, time, &signatures, fields, &count);
    }
    if (!err) err = exchange(session, session->peer->method, path, fields, count, &call, &answer);
    if (!err) {
        err = judge(session->peer, &answer);
        http_answer_free(&answer);
    }
    buf_free(&signatures);
    buf_free(&bytes);
    io_close(&fd);
    return err;
}

static error *http_publish(
    adapter_session *session, const char *path, const char *identity, adapter_if_exists if_exists, bool again) {
    (void)session, (void)path, (void)identity, (void)if_exists, (void)again;
    return NULL;
}

static error *http_read(adapter_session *session, const char *path, const adapter_sink *sink, adapter_entry *got) {
    http_call call = http_call_to("GET", "");
    http_answer answer;
    call.answer_maximum = ANSWER_BYTES_MAX;
    error *err = exchange(session, "GET", path, NULL, 0, &call, &answer);
    if (err) return err;
    err = http_answer_check(&answer);
    if (!err) err = sink->write(sink->context, buf_span(&answer.body));
    if (!err) *got = (adapter_entry){.name = path, .size = answer.body_size};
    http_answer_free(&answer);
    return err;
}

static error *http_remove(adapter_session *session, const char *path) {
    http_call call = http_call_to("DELETE", "");
    http_answer answer;
    error *err = exchange(session, "DELETE", path, NULL, 0, &call, &answer);
    if (err) return err;
    err = http_answer_check(&answer);
    http_answer_free(&answer);
    return err;
}

const adapter adapter_http = {
    .kind = "http",
    .help = "An HTTP service: back-end of endpoints, destination of flows",
    .settings = http_peer_settings,
    .traced = true,
    .check = http_peer_check,
    .open = http_open,
    .close = http_close,
    .probe = http_probe,
    .stage = http_stage,
    .publish = http_publish,
    .read = http_read,
    .remove = http_remove,
};
