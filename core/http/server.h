/* core/http/server.h: the one interface around the HTTP server library (libmicrohttpd; nothing outside core/http knows
 * it).
 *
 * A server is one listener on a loop (loop.h), or with threads of its own, each an epoll loop with its share of the
 * connections; no thread ever waits for a client. Framing is checked strictly before the handler sees a request
 * (framing.h). A housekeeping thread holds the slow to their deadlines, notices clients that went while their request
 * is being worked on, and drains connections that were closed before the client had said everything. Used in the desk
 * process.
 */
#ifndef BANYAN_HTTP_SERVER_H
#define BANYAN_HTTP_SERVER_H

#include "core/http/loop.h"
#include "core/http/request.h"

typedef struct http_server http_server;

/* A zero takes the default in brackets. */
typedef struct http_server_options {
    const char *address;          /* "127.0.0.1:8080", "[::1]:8080", "localhost:0"; port 0 is any free one */
    http_loop *loop;              /* runs here, beside what goes out; NULL: in threads of its own */
    unsigned threads;             /* [2], without a loop */
    unsigned connections;         /* in all [10000] */
    unsigned connections_per_ip;  /* [no limit] */
    size_t head_bytes;            /* request line and header fields [16 KiB]; each connection holds twice as much */
    unsigned head_timeout_ms;     /* a head must be complete in this time [10 s] */
    unsigned idle_timeout_ms;     /* a connection kept alive waits this long for its next request [60 s]; a tenth
                                   * of it once three quarters of the connections are taken */
    unsigned transfer_timeout_ms; /* how long a body may crawl below the minimum rate, either way [30 s] */
    unsigned transfer_minimum;    /* bytes a second [500] */
    const char *folds_at;         /* the target whose header fields may be folded over lines; NULL: none's */
    bool encoded_slash;           /* %2F in a path counts as a slash; else it is refused */
    const char *tls_certificate;  /* PEM with its chain, and the key, both in memory; NULL: plain HTTP */
    const char *tls_key;
    const char
        *tls_client_ca; /* PEM: a client without a certificate of this authority is answered 403; NULL: none asked */
    bool tls_client_optional; /* a client may have none; one that is shown must still be of that authority */
    void (*handler)(void *context, http_request *request); /* on a server thread: must not block */
    void *context;
} http_server_options;

typedef struct http_server_counts {
    uint64_t connections;      /* open now */
    uint64_t requests;         /* that reached the handler */
    uint64_t requests_running; /* not answered yet */
    uint64_t refused;          /* by framing, target or size before or instead of the handler */
    uint64_t timeouts;         /* connections cut off for being slow */
} http_server_counts;

/* Binds and serves. ERROR_INVALID for a bad address or certificate, ERROR_CONFLICT when the port is taken,
 * ERROR_DENIED when binding it is not allowed. */
must_check error *http_server_start(const http_server_options *options, http_server **out);

/* From now on new connections are shown this certificate, and clients are held against this authority; for a server
 * that began with TLS (with an authority, if one is given). ERROR_INVALID, and all stays as it is, when they are not
 * usable. */
must_check error *http_server_renew(
    http_server *server, const char *certificate, const char *key, const char *client_ca);

/* Is it host:port, with the host as a name, an IPv4 address or a bracketed IPv6 address? */
must_check error *http_server_check_address(const char *address);

/* "127.0.0.1:43121": what it is really bound to; and the port alone. */
const char *http_server_address(const http_server *server);
unsigned http_server_port(const http_server *server);

void http_server_read_counts(const http_server *server, http_server_counts *counts);

/* Stops accepting, waits up to `deadline_ms` for the requests in flight, cuts off the rest, frees the server. Requests
 * that are still in their owner's hands stay valid until they are answered. Not from a handler. NULL is fine. */
void http_server_stop(http_server *server, unsigned deadline_ms);

#endif
