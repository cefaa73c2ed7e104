/* core/http/curl_part.c: see curl_part.h. */
#include "core/http/curl_part.h"

#include "core/base/memory.h"

#include <pthread.h>
#include <stdlib.h>

enum { URL_BYTES_MAX = 8192 };

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) abort();
}

void http_curl_start(void) {
    pthread_once(&library_once, start_library);
}

static error *check_text(const char *url) {
    const char *c = url;
    for (; *c; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7F || *c == '\\')
            return error_new(ERROR_INVALID, "the URL holds a character that must be encoded");
        if (*c == '#') return error_new(ERROR_INVALID, "%s: a fragment cannot be sent", url);
    }
    return c - url > URL_BYTES_MAX ? error_new(ERROR_INVALID, "the URL is longer than %d bytes", URL_BYTES_MAX) : NULL;
}

/* One strict reading of the URL (SR-04): scheme, host, no user, no fragment, no control characters. */
error *http_curl_check_url(const char *url) {
    char *user = NULL, *scheme = NULL;
    error *err = check_text(url);
    if (err) return err;
    CURLU *parts = curl_url();
    if (!parts || curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK)
        err = error_new(ERROR_INVALID, "%s is not a URL: write http://host/path or https://host/path", url);
    if (!err) curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    if (!err) curl_url_get(parts, CURLUPART_USER, &user, 0);
    if (!err && (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)))
        err = error_new(ERROR_INVALID, "%s: only http and https are spoken here", url);
    if (!err && user)
        err = error_new(ERROR_INVALID, "the URL holds a user name: credentials have settings of their own");
    curl_free(scheme);
    curl_free(user);
    curl_url_cleanup(parts);
    return err;
}

/* Everything before the path. */
static size_t origin_len(const char *url) {
    const char *authority = strstr(url, "://");
    return authority ? (size_t)(authority - url) + 3 + strcspn(authority + 3, "/?") : 0;
}

static error *set_origin(CURL *easy, http_curl_address *address, const char *url, size_t len) {
    error *err = http_curl_check_url(url);
    if (err) return err;
    http_curl_free_address(address);
    address->origin = xspandup(span_make(url, len));
    address->parts = curl_url();
    if (!address->parts || curl_url_set(address->parts, CURLUPART_URL, address->origin, 0) != CURLUE_OK) abort();
    curl_easy_setopt(easy, CURLOPT_CURLU, address->parts);
    return NULL;
}

error *http_curl_set_address(CURL *easy, http_curl_address *address, const char *url) {
    size_t len = origin_len(url);
    bool known = address->origin && strncmp(address->origin, url, len) == 0 && address->origin[len] == '\0';
    error *err = known ? check_text(url) : set_origin(easy, address, url, len);
    if (err) return err;
    const char *target = url + len;
    char *rooted = *target == '/' ? NULL : xasprintf("/%s", target);
    curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, rooted ? rooted : target);
    free(rooted);
    return NULL;
}

void http_curl_free_address(http_curl_address *address) {
    curl_url_cleanup(address->parts);
    free(address->origin);
    *address = (http_curl_address){.parts = NULL};
}

/* libcurl writes a field without value only when its line ends in a semicolon. */
static char *write_line(char *at, const http_field *field) {
    memcpy(at, field->name.data, field->name.len);
    at += field->name.len;
    *at++ = field->value.len ? ':' : ';';
    if (field->value.len) {
        *at++ = ' ';
        memcpy(at, field->value.data, field->value.len);
        at += field->value.len;
    }
    *at++ = '\0';
    return at;
}

error *http_curl_list_headers(
    const http_field *fields, size_t count, const char *const *more, size_t more_count, struct curl_slist **block) {
    size_t total = count + more_count, size = total * sizeof(struct curl_slist);
    *block = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!http_is_token(fields[i].name) || !http_is_field_value(fields[i].value))
            return error_new(ERROR_INVALID, "the header field %.*s cannot be sent: its name or value is malformed",
                (int)fields[i].name.len, fields[i].name.data);
        size += fields[i].name.len + fields[i].value.len + sizeof ": ";
    }
    if (total == 0) return NULL;
    struct curl_slist *list = xmalloc(size);
    char *at = (char *)(list + total);
    for (size_t i = 0; i < total; i++) {
        list[i].next = i + 1 < total ? &list[i + 1] : NULL;
        list[i].data = i < count ? at : (char *)(uintptr_t)more[i - count];
        if (i < count) at = write_line(at, &fields[i]);
    }
    *block = list;
    return NULL;
}

static void set_blob(CURL *easy, CURLoption option, const char *text) {
    if (!text) return;
    struct curl_blob blob = {.data = (void *)text, .len = strlen(text), .flags = CURL_BLOB_COPY};
    curl_easy_setopt(easy, option, &blob);
}

void http_curl_set_tls(CURL *easy, const http_client_tls *tls) {
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

void http_curl_begin(CURL *easy, const server_options *server, const char *scheme, const char *path, char *words) {
    bool six = strchr(server->host, ':') != NULL;
    long silence_s = (long)(server->timeout_ms + 999) / 1000;
    char *protocols = xasprintf("%s,%ss", scheme, scheme);
    char *url = xasprintf(six ? "%s%s://[%s]:%u/%s" : "%s%s://%s:%u/%s", scheme,
        server->security == SERVER_IMPLICIT ? "s" : "", server->host, server->port, path);
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    if (server->user) {
        curl_easy_setopt(easy, CURLOPT_USERNAME, server->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, server->password ? server->password : "");
    }
    curl_easy_setopt(
        easy, CURLOPT_USE_SSL, server->security == SERVER_PLAIN ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
    http_curl_set_tls(easy, &server->tls);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)server->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, silence_s);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, silence_s);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words);
    *words = '\0';
    free(protocols);
    free(url);
}

void http_curl_copy_words(span said, char *into, size_t size) {
    size_t at = 0;
    for (size_t i = 0; i < said.len && at < size - 1; i++)
        if ((unsigned char)said.data[i] >= 0x20 && said.data[i] != 0x7f) into[at++] = said.data[i];
    into[at] = '\0';
}

error *http_curl_error(CURLcode code, const char *url, const char *words) {
    if (!*words) words = curl_easy_strerror(code);
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return error_new(ERROR_TIMEOUT, "%s did not answer in time: %s", url, words);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return error_new(ERROR_DENIED, "the certificate of %s is not trusted: %s", url, words);
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return error_new(ERROR_INVALID, "a certificate or key for %s is not usable: %s", url, words);
    /* The URL's own protocol was checked before: this is an answer without a head, as in HTTP/0.9. */
    case CURLE_UNSUPPORTED_PROTOCOL: return error_new(ERROR_UNREACHABLE, "%s does not answer in HTTP: %s", url, words);
    case CURLE_URL_MALFORMAT: return error_new(ERROR_INVALID, "%s: %s", url, words);
    default: return error_new(ERROR_UNREACHABLE, "%s: %s", url, words);
    }
}
