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

/* One strict reading of the URL (SR-04): scheme, host, no user, no fragment, no control characters. */
error *http_curl_check_url(const char *url) {
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

error *http_curl_add_headers(struct curl_slist **list, const http_field *headers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const http_field *field = &headers[i];
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
