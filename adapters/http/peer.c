/* adapters/http/peer.c: see peer.h. */
#include "adapters/http/peer.h"

#include "adapters/http/sign.h"

#include "core/base/base64.h"
#include "core/base/memory.h"

#include <stdlib.h>
#include <strings.h>

enum { TEXTS_MAX = 512 * 1024, FIELDS_MAX = 64 };

const setting http_peer_settings[] = {
    {.name = "url",
        .type = SETTING_TEXT,
        .required = true,
        .min = 8,
        .max = 2048,
        .help = "Base URL: http://host:port/path or https://…; paths of endpoints and deliveries are put behind it"},
    {.name = "headers",
        .type = SETTING_MAP,
        .help = "Header fields that every request carries; they replace those of the client"},
    {.name = "user", .type = SETTING_TEXT, .min = 1, .max = 256, .help = "User name for Basic authentication"},
    {.name = "password", .type = SETTING_TEXT, .secret = true, .max = 1024, .help = "Password of that user"},
    {.name = "token", .type = SETTING_TEXT, .secret = true, .max = 8192, .help = "Bearer token"},
    {.name = "api_key", .type = SETTING_TEXT, .secret = true, .max = 8192, .help = "API key, sent in api_key_header"},
    {.name = "api_key_header",
        .type = SETTING_TEXT,
        .fallback = "X-API-Key",
        .min = 1,
        .max = 128,
        .help = "Name of the header field that carries the API key"},
    {.name = "certificate",
        .type = SETTING_NAME,
        .reference = "certificates",
        .help = "Our certificate, with its key, where the service asks for one (mutual TLS)"},
    {.name = "authorities",
        .type = SETTING_NAMES,
        .reference = "certificates",
        .help = "Certificates that are trusted in place of the system's authorities"},
    {.name = "pinned_key",
        .type = SETTING_TEXT,
        .max = 128,
        .help = "sha256//BASE64 of the service's public key, required besides the chain"},
    {.name = "networks",
        .type = SETTING_TEXTS,
        .help = "Only addresses in these networks are connected; without it, what the URL names: a literal address, "
                "localhost, or a name that leads to a public or private address"},
    {.name = "keep_host",
        .type = SETTING_BOOLEAN,
        .fallback = "false",
        .help = "Pass the client's Host on instead of the URL's"},
    {.name = "http",
        .type = SETTING_CHOICE,
        .choices = "auto 1.1 2",
        .fallback = "auto",
        .help = "auto: HTTP/2 where TLS negotiates it; 2: without asking, also in clear"},
    {.name = "connections",
        .type = SETTING_INTEGER,
        .fallback = "64",
        .min = 1,
        .max = 10000,
        .help = "How many connections at once; further requests wait"},
    {.name = "keep_alive",
        .type = SETTING_DURATION,
        .fallback = "60s",
        .min = 1000,
        .max = 3600000,
        .help = "How long a connection is used again"},
    {.name = "connect_timeout",
        .type = SETTING_DURATION,
        .fallback = "5s",
        .min = 10,
        .max = 600000,
        .help = "For name, connection and TLS"},
    {.name = "timeout",
        .type = SETTING_DURATION,
        .fallback = "30s",
        .min = 10,
        .max = 3600000,
        .help = "For one exchange of a delivery or probe; endpoints have a timeout of their own"},
    {.name = "stall_timeout",
        .type = SETTING_DURATION,
        .fallback = "30s",
        .min = 1000,
        .max = 3600000,
        .help = "How long a transfer may stand still"},
    {.name = "sign_secret",
        .type = SETTING_TEXT,
        .secret = true,
        .check_secret = sign_check_secret,
        .max = 128,
        .help = "Deliveries are signed as Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature): "
                "whsec_ and the base64 of 24 to 64 random bytes, which the receiver has too"},
    {.name = "sign_secret_before",
        .type = SETTING_TEXT,
        .secret = true,
        .check_secret = sign_check_secret,
        .max = 128,
        .help = "The secret before this one: deliveries are signed with both while receivers change over"},
    {.name = "method", .type = SETTING_CHOICE, .choices = "POST PUT", .fallback = "POST", .help = "How flows deliver"},
    {.name = "path",
        .type = SETTING_TEXT,
        .fallback = "{filename}",
        .max = 512,
        .help = "Where below the URL a delivery goes whose flow names no path"},
    {.name = NULL},
};

/* The host of a URL, without brackets; empty when there is none. */
static char *host_of(const char *url) {
    const char *at = strstr(url, "://");
    at = at ? at + 3 : url;
    if (*at == '[') {
        size_t len = strcspn(at + 1, "]/");
        return xspandup(span_make(at + 1, len));
    }
    return xspandup(span_make(at, strcspn(at, ":/?#")));
}

static error *check_url(const char *url) {
    bool tls = strncasecmp(url, "https://", 8) == 0;
    if (!tls && strncasecmp(url, "http://", 7) != 0)
        return error_new(ERROR_INVALID, "url: must begin with http:// or https://");
    const char *authority = url + (tls ? 8 : 7);
    size_t len = strcspn(authority, "/");
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7F || *c == '\\')
            return error_new(ERROR_INVALID, "url: holds a character that must be encoded");
    if (memchr(authority, '@', len))
        return error_new(ERROR_INVALID, "url: holds credentials; user, password and token have settings of their own");
    if (strpbrk(url, "?#")) return error_new(ERROR_INVALID, "url: a base URL has neither query nor fragment");
    if (!http_is_host(span_make(authority, len)))
        return error_new(ERROR_INVALID, "url: \"%.*s\" is not a host", (int)len, authority);
    return NULL;
}

static error *check_header(const char *name, const json_t *value) {
    static const char *const own[] = {"connection", "content-length", "transfer-encoding", "keep-alive", "te",
        "upgrade", "trailer", "proxy-connection", "expect", NULL};
    for (size_t i = 0; own[i]; i++)
        if (strcasecmp(own[i], name) == 0) return error_new(ERROR_INVALID, "headers: %s is the connection's own", name);
    if (!http_is_token(span_of(name)) || !json_is_string(value) ||
        !http_is_field_value(span_of(json_string_value(value))))
        return error_new(ERROR_INVALID, "headers: %s is malformed", name);
    return NULL;
}

void http_peer_check(const json_t *settings, const char *path, fault_list *faults) {
    const char *url = json_get_text(settings, "url", ""), *name;
    json_t *value;
    address_rule *rule = NULL;
    char *host = host_of(url);
    fault_list_add(faults, error_at(check_url(url), "%s/url", path));
    fault_list_add(
        faults, error_at(error_wrap(address_rule_new(host, json_get_array(settings, "networks"), &rule), "networks"),
                    "%s/networks", path));
    json_object_foreach(json_get_object(settings, "headers"), name, value)
        fault_list_add(faults, error_at(check_header(name, value), "%s/headers", path));
    const char *key_header = settings_text(http_peer_settings, settings, "api_key_header");
    if (!http_is_token(span_of(key_header)))
        fault_list_add(faults, error_at(error_new(ERROR_INVALID, "api_key_header: is no name of a header field"),
                                   "%s/api_key_header", path));
    bool user = json_object_get(settings, "user"), password = json_object_get(settings, "password");
    if (user != password)
        fault_list_add(
            faults, error_at(error_new(ERROR_INVALID, "user and password belong together"), "%s/user", path));
    if (user && json_object_get(settings, "token"))
        fault_list_add(faults,
            error_at(error_new(ERROR_INVALID, "token: either user and password, or a token"), "%s/token", path));
    address_rule_free(rule);
    free(host);
}

/* Texts lie in one buffer, which has room for all of them from the start: it never moves. */
static const char *keep(http_peer *peer, span text) {
    size_t at = peer->texts.len;
    buf_add(&peer->texts, text);
    buf_add_char(&peer->texts, '\0');
    return peer->texts.data + at;
}

static void add_header(http_peer *peer, span name, span value) {
    if (peer->header_count == FIELDS_MAX) return;
    const char *kept_name = keep(peer, name), *kept_value = keep(peer, value);
    peer->headers[peer->header_count++] =
        (http_field){span_make(kept_name, name.len), span_make(kept_value, value.len)};
}

static void add_credentials(http_peer *peer, const json_t *settings, const json_t *secrets) {
    span password = json_get_span(secrets, "password"), token = json_get_span(secrets, "token");
    span key = json_get_span(secrets, "api_key");
    buf value = BUF_MAX(TEXTS_MAX);
    if (password.data) {
        buf pair = BUF_MAX(TEXTS_MAX);
        buf_printf(&pair, "%s:%.*s", json_get_text(settings, "user", ""), (int)password.len, password.data);
        buf_add_text(&value, "Basic ");
        base64_write(buf_span(&pair), &value);
        explicit_bzero(pair.data, pair.len);
        buf_free(&pair);
    } else if (token.data) {
        buf_printf(&value, "Bearer %.*s", (int)token.len, token.data);
    }
    if (value.len) add_header(peer, SPAN("Authorization"), buf_span(&value));
    if (key.data) add_header(peer, span_of(settings_text(http_peer_settings, settings, "api_key_header")), key);
    if (value.data) explicit_bzero(value.data, value.len);
    buf_free(&value);
}

static unsigned milliseconds(const json_t *settings, const char *name) {
    return (unsigned)settings_integer(http_peer_settings, settings, name);
}

static void read_tls(http_peer *peer, const json_t *settings, const json_t *secrets) {
    span certificate = json_get_span(secrets, "certificate.pem"), key = json_get_span(secrets, "certificate");
    span authorities = json_get_span(secrets, "authorities.pem");
    const char *pinned = json_get_text(settings, "pinned_key", NULL);
    if (certificate.data && key.data) {
        peer->tls.certificate = keep(peer, certificate);
        peer->tls.key = keep(peer, key);
    }
    if (authorities.data) peer->tls.authorities = keep(peer, authorities);
    if (pinned) peer->tls.pinned_key = keep(peer, span_of(pinned));
}

error *http_peer_new(const json_t *settings, const json_t *secrets, http_peer **out) {
    const char *url = json_get_text(settings, "url", ""), *name;
    const char *version = settings_text(http_peer_settings, settings, "http");
    json_t *value;
    http_peer *peer = xcalloc(1, sizeof *peer);
    peer->texts = BUF_MAX(TEXTS_MAX + 1);
    if (!buf_reserve(&peer->texts, TEXTS_MAX)) abort();
    peer->headers = xcalloc(FIELDS_MAX, sizeof *peer->headers);
    peer->url = xspandup(span_of(url));
    for (size_t len = strlen(peer->url); len && peer->url[len - 1] == '/';)
        peer->url[--len] = '\0';
    peer->connections = (unsigned)settings_integer(http_peer_settings, settings, "connections");
    peer->connect_timeout_ms = milliseconds(settings, "connect_timeout");
    peer->timeout_ms = milliseconds(settings, "timeout");
    peer->stall_timeout_ms = milliseconds(settings, "stall_timeout");
    peer->keep_alive_ms = milliseconds(settings, "keep_alive");
    peer->keep_host = settings_boolean(http_peer_settings, settings, "keep_host");
    peer->method = strcmp(settings_text(http_peer_settings, settings, "method"), "PUT") == 0 ? "PUT" : "POST";
    peer->version = strcmp(version, "2") == 0     ? HTTP_VERSION_2
                    : strcmp(version, "1.1") == 0 ? HTTP_VERSION_1_1
                                                  : HTTP_VERSION_AUTO;
    json_object_foreach(json_get_object(settings, "headers"), name, value)
        add_header(peer, span_of(name), span_of(json_string_value(value)));
    add_credentials(peer, settings, secrets);
    read_tls(peer, settings, secrets);
    span sign = json_get_span(secrets, "sign_secret"), before = json_get_span(secrets, "sign_secret_before");
    if (sign.data) peer->sign[0] = span_of(keep(peer, sign));
    if (before.data) peer->sign[1] = span_of(keep(peer, before));
    char *host = host_of(url);
    error *err = address_rule_new(host, json_get_array(settings, "networks"), &peer->addresses);
    if (!err) err = buf_check(&peer->texts, "the connection's certificates and header fields");
    free(host);
    if (err) {
        http_peer_free(peer);
        return err;
    }
    *out = peer;
    return NULL;
}

void http_peer_free(http_peer *peer) {
    if (!peer) return;
    if (peer->texts.data) explicit_bzero(peer->texts.data, peer->texts.len);
    buf_free(&peer->texts);
    address_rule_free(peer->addresses);
    free(peer->headers);
    free(peer->url);
    free(peer);
}

bool http_peer_may_connect(void *context, const struct sockaddr *address) {
    const http_peer *peer = context;
    return address_rule_allows(peer->addresses, address);
}
