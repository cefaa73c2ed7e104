/* core/http/client.h: one outgoing HTTP exchange, blocking.
 *
 * For the command line, for couriers and for tests. http_call describes the exchange and nothing about how it is run,
 * so that a loop over many of them can take the same description. Only http and https; redirects are answers like any
 * other, proxies of the environment are ignored, certificates and names are always checked. What is named in a call is
 * borrowed until the call returns.
 *
 * A client keeps its connections for the next call; one thread at a time may use it.
 */
#ifndef BANYAN_HTTP_CLIENT_H
#define BANYAN_HTTP_CLIENT_H

#include "core/base/buf.h"
#include "core/http/field.h"

struct sockaddr;

typedef enum http_version_choice { HTTP_VERSION_AUTO, HTTP_VERSION_1_1, HTTP_VERSION_2 } http_version_choice;

typedef struct http_client http_client;

/* Who we trust and who we are, all PEM texts; NULL takes the system's authorities and no certificate of our own. */
typedef struct http_client_tls {
    const char *authorities;     /* trusted instead of the system's */
    const char *certificate;     /* ours, with its chain */
    const char *key;             /* of `certificate` */
    const char *pinned_key;      /* "sha256//BASE64" of the peer's public key, required besides the chain */
    bool accept_any_certificate; /* only with `pinned_key`: the key is the trust */
} http_client_tls;

/* TLS asked for after connecting (RFC 4217, RFC 3207), from the first byte, or not at all. */
typedef enum server_security { SERVER_STARTTLS, SERVER_IMPLICIT, SERVER_PLAIN } server_security;

/* What a client of FTP or SMTP is told: all borrowed, they live as long as it. */
typedef struct server_options {
    const char *host, *user, *password; /* user NULL: without login */
    unsigned port;
    server_security security;
    http_client_tls tls;
    unsigned timeout_ms; /* for an answer, and for a transfer without a byte */
} server_options;

typedef struct http_call {
    const char *method, *url;
    const http_field *headers; /* Content-Length and Host are made from the rest */
    size_t header_count;
    span body;   /* from memory, or */
    int body_fd; /* `body_size` bytes from here on when not -1 */
    uint64_t body_size;
    bool chunked; /* sent without Content-Length */
    bool fresh;   /* on a new connection: when a kept one breaks the body is sent again by itself, from its start */
    const char *proxy; /* URL of an HTTP proxy; NULL: none, whatever the environment says */
    int answer_fd;     /* where the body of the answer goes; -1: into memory */
    uint64_t answer_maximum;
    unsigned connect_timeout_ms; /* name, connection and TLS */
    unsigned timeout_ms;         /* the whole exchange; 0: no limit but the next */
    unsigned stall_timeout_ms;   /* without a byte either way, in whole seconds */
    const http_client_tls *tls;
    /* May we talk to this address? Asked with the resolved address that is then connected, so that no name server can
     * change it in between (SR-01, SR-02). NULL: any. */
    bool (*may_connect)(void *context, const struct sockaddr *address);
    void *context;
} http_call;

/* A call with the defaults: no body, an answer of up to 1 MiB in memory, 10 s to connect, 60 s in all, 30 s stalled. */
static inline http_call http_call_to(const char *method, const char *url) {
    return (http_call){.method = method,
        .url = url,
        .body_fd = -1,
        .answer_fd = -1,
        .answer_maximum = 1 << 20,
        .connect_timeout_ms = 10000,
        .timeout_ms = 60000,
        .stall_timeout_ms = 30000};
}

typedef struct http_answer {
    int status;
    http_field *headers;
    size_t header_count;
    buf body;           /* empty when it went to a file */
    uint64_t body_size; /* wherever it went */
    buf head;           /* the texts of `headers` */
} http_answer;

http_client *http_client_new(void);
void http_client_free(http_client *client); /* NULL is fine */

/* Any status is success. ERROR_INVALID: the call itself; ERROR_UNREACHABLE: name, connection, broken exchange;
 * ERROR_TIMEOUT; ERROR_DENIED: the certificate or `may_connect`; ERROR_LIMIT: the answer is too large; ERROR_IO: a
 * local file. Whether the peer has acted is unknown after an error that came once the request was sent. The answer is
 * to be freed after success only. */
must_check error *http_client_call(http_client *client, const http_call *call, http_answer *answer);

span http_answer_header(const http_answer *answer, const char *name); /* {NULL, 0} when absent */

/* NULL for 2xx; else an error whose code follows from the status and whose text is the problem's title and detail when
 * the answer is one. */
must_check error *http_answer_check(const http_answer *answer);

void http_answer_free(http_answer *answer);

#endif
