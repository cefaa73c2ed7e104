/* core/http/curl_part.h: what the blocking clients and the outgoing loop share of libcurl. Included by client.c,
 * ftp_client.c, mail_client.c and upstream.c only. */
#ifndef BANYAN_HTTP_CURL_PART_H
#define BANYAN_HTTP_CURL_PART_H

#include "core/http/client.h"

#include <curl/curl.h>

void http_curl_start(void); /* the library, once */

must_check error *http_curl_check_url(const char *url);

/* Where a handle's requests go. Its origin (scheme, host and port) is parsed when it changes; the rest of a URL goes
 * out as it is written. Lives as long as the handle. */
typedef struct http_curl_address {
    CURLU *parts;
    char *origin;
} http_curl_address;

/* ERROR_INVALID as http_curl_check_url. */
must_check error *http_curl_set_address(CURL *easy, http_curl_address *address, const char *url);
void http_curl_free_address(http_curl_address *address);

/* The fields as lines, and `more` ready ones (they are borrowed), in one block: free(). ERROR_INVALID for a field that
 * cannot be sent. */
must_check error *http_curl_list_headers(
    const http_field *fields, size_t count, const char *const *more, size_t more_count, struct curl_slist **block);

void http_curl_set_tls(CURL *easy, const http_client_tls *tls); /* NULL: the system's authorities */

/* Makes a handle ready for one step of a session that is not HTTP, its connection staying: `scheme` without its "s",
 * `path` encoded and without its first slash. `words` (CURL_ERROR_SIZE bytes) live as long as the handle. */
void http_curl_begin(CURL *easy, const server_options *server, const char *scheme, const char *path, char *words);

/* What a server said, as one line for people: without control characters, cut to `size` bytes. */
void http_curl_copy_words(span said, char *into, size_t size);

/* What became of an exchange that did not succeed; `words` are libcurl's own, may be empty. */
must_check error *http_curl_error(CURLcode code, const char *url, const char *words);

#endif
