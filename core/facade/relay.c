/* core/facade/relay.c: see relay.h. */
#include "core/facade/relay.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS_MAX = 1000, NAME_MAX_BYTES = 128 };

/* ---- the address ---- */

static void add_encoded(buf *url, span value, bool slashes) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~' || (slashes && c == '/');
        if (plain) {
            buf_add_char(url, (char)c);
        } else {
            buf_add_char(url, '%');
            buf_add_char(url, digits[c >> 4]);
            buf_add_char(url, digits[c & 15]);
        }
    }
}

/* Does the route's template name this parameter as the rest of the path? */
static bool is_rest(const char *route_path, span name) {
    char wanted[NAME_MAX_BYTES + 8];
    if (span_is(name, "*")) return true;
    snprintf(wanted, sizeof wanted, "{%.*s...}", (int)name.len, name.data);
    return route_path && strstr(route_path, wanted);
}

/* A value that is a dot segment would lead out of the path. */
static bool has_dot_segment(span path) {
    span rest = span_make(path.data, strcspn(path.data, "?")), part;
    while (span_split(&rest, '/', &part))
        if (span_is(part, ".") || span_is(part, "..")) return true;
    return false;
}

error *relay_expand(const char *template, const char *route_path, const json_t *parameters, buf *out) {
    const char *at = template;
    while (*at) {
        const char *open = strchr(at, '{'), *close = open ? strchr(open, '}') : NULL;
        if (!close) {
            buf_add_text(out, at);
            break;
        }
        buf_add(out, span_make(at, (size_t)(open - at)));
        span name = span_make(open + 1, (size_t)(close - open - 1)), rest = name, part;
        const json_t *value = parameters;
        if (name.len > NAME_MAX_BYTES) return error_new(ERROR_INVALID, "\"%s\" names too long a variable", template);
        while (value && span_split(&rest, '.', &part))
            value = json_object_getn(value, part.data, part.len);
        if (json_is_string(value))
            add_encoded(out, span_make(json_string_value(value), json_string_length(value)), is_rest(route_path, name));
        else if (json_is_integer(value))
            buf_printf(out, "%lld", (long long)json_integer_value(value));
        else
            return error_new(ERROR_INVALID, "\"%s\" needs the variable \"%.*s\", which has no value here", template,
                (int)name.len, name.data);
        at = close + 1;
    }
    if (has_dot_segment(buf_span(out))) return error_new(ERROR_INVALID, "a part of the path is . or ..");
    return buf_check(out, "the path");
}

/* The client's path and query as they came; without the authority of an absolute target. */
static span path_and_query(span target) {
    const char *scheme = target.len > 7 ? memmem(target.data, target.len < 9 ? target.len : 9, "://", 3) : NULL;
    if (!scheme) return target;
    const char *authority = scheme + 3;
    size_t left = target.len - (size_t)(authority - target.data);
    const char *slash = left ? memchr(authority, '/', left) : NULL;
    return slash ? span_make(slash, target.len - (size_t)(slash - target.data)) : SPAN("/");
}

static error *make_url(const relay_request *request, const http_peer *peer, relay_head *head) {
    buf url = BUF_MAX(RELAY_URL_MAX);
    span own = path_and_query(request->target);
    error *err = NULL;
    buf_add_text(&url, peer->url);
    if (request->path_template) {
        buf path = BUF_MAX(RELAY_URL_MAX);
        const char *query = own.len ? memchr(own.data, '?', own.len) : NULL;
        err = relay_expand(request->path_template, request->route_path, request->parameters, &path);
        if (buf_text(&path)[0] != '/') buf_add_char(&url, '/');
        buf_add(&url, buf_span(&path));
        if (query) {
            buf_add_char(&url, strchr(buf_text(&path), '?') ? '&' : '?');
            buf_add(&url, span_make(query + 1, own.len - (size_t)(query + 1 - own.data)));
        }
        buf_free(&path);
    } else {
        buf_add(&url, own);
    }
    if (!err) err = buf_check(&url, "the URL");
    if (err) {
        buf_free(&url);
        error *missing = error_new(ERROR_NOT_FOUND, "%s", error_text(err));
        error_free(err);
        return missing;
    }
    head->url = buf_take(&url, NULL);
    return NULL;
}

/* ---- header fields ---- */

/* Fields that belong to one connection, by their first letter in lower case to be quick. */
static bool is_hop_by_hop(span name) {
    static const char *const names[] = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", NULL};
    int first = name.len ? name.data[0] | 0x20 : 0;
    if (first != 'c' && first != 'k' && first != 'p' && first != 't' && first != 'u') return false;
    for (size_t i = 0; names[i]; i++)
        if (http_name_equal(name, span_of(names[i]))) return true;
    return false;
}

/* What the Connection fields name belongs to the connection too (RFC 9110 §7.6.1). */
static bool is_named_by_connection(const http_field *fields, size_t count, span name) {
    for (size_t i = 0; i < count; i++) {
        if (!http_name_equal(fields[i].name, SPAN("Connection"))) continue;
        span rest = fields[i].value, option;
        while (span_split(&rest, ',', &option))
            if (http_name_equal(span_trim(option), name)) return true;
    }
    return false;
}

/* Made anew by us, or not the back-end's business. */
static bool is_replaced(const relay_request *request, const http_peer *peer, span name) {
    static const char *const names[] = {"host", "content-length", "expect", "forwarded", "via", "x-forwarded-for",
        "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip", "banyan-shadow", NULL};
    for (size_t i = 0; names[i]; i++)
        if (http_name_equal(name, span_of(names[i]))) return true;
    if (request->own_credentials && http_name_equal(name, SPAN("Authorization"))) return true;
    if (request->trace && http_name_equal(name, SPAN("traceparent"))) return true;
    return peer->header_count && http_find_field(peer->headers, peer->header_count, name);
}

static void add_field(relay_head *head, span name, span value) {
    if (head->count < RELAY_FIELDS_MAX) head->fields[head->count++] = (http_field){name, value};
}

/* A field whose value is made here; `texts` has room from the start and does not move. */
static void add_text(relay_head *head, const char *name, const char *text, size_t len) {
    size_t at = head->texts.len;
    buf_add(&head->texts, span_make(text, len));
    if (!head->texts.overflow) add_field(head, span_of(name), span_make(head->texts.data + at, len));
}

/* RFC 7239 §4: an IPv6 address in brackets, hence quoted. */
static void add_forwarded(relay_head *head, const relay_request *request) {
    char text[768];
    const char *scheme = request->tls ? "https" : "http";
    bool six = request->peer.len && memchr(request->peer.data, ':', request->peer.len);
    int host_len = (int)(request->host.len < 256 ? request->host.len : 256);
    int len =
        snprintf(text, sizeof text, six ? "for=\"[%.*s]\";host=\"%.*s\";proto=%s" : "for=%.*s;host=\"%.*s\";proto=%s",
            (int)request->peer.len, request->peer.data, host_len, request->host.data ? request->host.data : "", scheme);
    add_text(head, "Forwarded", text, (size_t)len);
    add_field(head, SPAN("X-Forwarded-For"), request->peer);
    if (request->host.len) add_field(head, SPAN("X-Forwarded-Host"), request->host);
    add_field(head, SPAN("X-Forwarded-Proto"), span_of(scheme));
}

error *relay_make(const relay_request *request, const http_peer *peer, relay_head *head) {
    head->url = NULL;
    head->count = 0;
    head->texts = BUF_MAX(TEXTS_MAX + 1);
    error *err = make_url(request, peer, head);
    if (err) return err;
    if (!buf_reserve(&head->texts, TEXTS_MAX)) abort();
    bool has_id = false, has_connection = false;
    for (size_t i = 0; i < request->header_count; i++)
        has_connection |= http_name_equal(request->headers[i].name, SPAN("Connection"));
    for (size_t i = 0; i < request->header_count; i++) {
        const http_field *field = &request->headers[i];
        if (is_hop_by_hop(field->name) || is_replaced(request, peer, field->name)) continue;
        if (has_connection && is_named_by_connection(request->headers, request->header_count, field->name)) continue;
        has_id |= http_name_equal(field->name, SPAN("X-Request-Id"));
        add_field(head, field->name, field->value);
    }
    if (peer->keep_host && request->host.len) add_field(head, SPAN("Host"), request->host);
    for (size_t i = 0; i < peer->header_count; i++)
        add_field(head, peer->headers[i].name, peer->headers[i].value);
    add_forwarded(head, request);
    add_field(head, SPAN("Via"), SPAN("1.1 banyan"));
    if (!has_id && request->id) add_field(head, SPAN("X-Request-Id"), span_of(request->id));
    if (request->trace) add_field(head, SPAN("traceparent"), span_of(request->trace));
    if (request->shadow) add_field(head, SPAN("Banyan-Shadow"), SPAN("1"));
    return NULL;
}

bool relay_is_repeatable(const relay_request *request) {
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (span_is(request->method, methods[i])) return true;
    return http_find_field(request->headers, request->header_count, SPAN("Idempotency-Key"));
}

void relay_free(relay_head *head) {
    free(head->url);
    head->url = NULL;
    buf_free(&head->texts);
}

/* ---- the answer ---- */

/* "https://old.internal/base/x" under the base URL becomes "/x": clients know the facade alone. */
static span own_location(const http_peer *peer, span location) {
    size_t len = strlen(peer->url);
    bool below = span_starts(location, span_make(peer->url, len)) &&
                 (location.len == len || location.data[len] == '/' || location.data[len] == '?');
    if (!below) return location;
    return location.len > len && location.data[len] == '/' ? span_make(location.data + len, location.len - len)
                                                           : SPAN("/");
}

void relay_answer(const http_flight_answer *answer, const http_peer *peer, http_response *response) {
    static const char *const own[] = {"content-length", "server", "banyan-shadow", NULL};
    char name[256];
    bool has_connection = http_find_field(answer->headers, answer->header_count, SPAN("Connection")) != NULL;
    for (size_t i = 0; i < answer->header_count; i++) {
        const http_field *field = &answer->headers[i];
        bool dropped = is_hop_by_hop(field->name);
        for (size_t k = 0; own[k] && !dropped; k++)
            dropped = http_name_equal(field->name, span_of(own[k]));
        if (!dropped && has_connection)
            dropped = is_named_by_connection(answer->headers, answer->header_count, field->name);
        /* A back-end that sends what cannot be sent on loses that field, not the whole answer. */
        if (dropped || field->name.len >= sizeof name || !http_is_token(field->name) ||
            !http_is_field_value(field->value))
            continue;
        memcpy(name, field->name.data, field->name.len);
        name[field->name.len] = '\0';
        span value = http_name_equal(field->name, SPAN("Location")) ? own_location(peer, field->value) : field->value;
        http_response_header_span(response, name, value);
    }
}
