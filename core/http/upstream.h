/* core/http/upstream.h: HTTP to one back-end on a loop: its kept connections, and the exchanges ("flights") under way.
 *
 * Everything but hold and release happens on the loop's thread. Bodies flow both ways as fast as the slower side takes
 * them and never lie in memory whole, but for answers that arrive at once: those are handed over in one piece.
 * Redirects are answers like any other, proxies of the environment are ignored, certificates and names are checked.
 * Interim answers and trailer fields are dropped.
 */
#ifndef BANYAN_HTTP_UPSTREAM_H
#define BANYAN_HTTP_UPSTREAM_H

#include "core/http/client.h"
#include "core/http/loop.h"

typedef struct http_upstream http_upstream;
typedef struct http_flight http_flight;

typedef struct http_upstream_options {
    http_loop *loop;
    unsigned connections;        /* at once; flights beyond wait for one; 0: 64 */
    unsigned keep_alive_ms;      /* an idle connection is used again up to this age; 0: 60 s */
    unsigned connect_timeout_ms; /* name, connection and TLS; 0: 10 s */
    unsigned stall_timeout_ms;   /* without a byte either way, in whole seconds; 0: 30 s */
    http_version_choice version; /* AUTO: HTTP/2 where TLS negotiates it; HTTP_2: without negotiation (h2c) */
    http_client_tls tls;         /* texts are copied */
    /* May we talk to this address? Asked with the resolved address that is then connected (SR-01, SR-02); NULL: any. */
    bool (*may_connect)(void *peer, const struct sockaddr *address);
    void *peer;
    void (*forget)(void *context); /* when the upstream is freed; may be NULL */
    void *context;
} http_upstream_options;

http_upstream *http_upstream_new(const http_upstream_options *options);
http_upstream *http_upstream_hold(http_upstream *u); /* from any thread */
void http_upstream_release(http_upstream *u);        /* from any thread; NULL is fine; flights hold it themselves */

/* The head of an answer, with as much of its body as is there. Lives for the time of the call. */
typedef struct http_flight_answer {
    int status;
    const http_field *headers;
    size_t header_count;
    int64_t length; /* of the body, as announced; -1: not announced */
    span body;      /* what arrived with the head */
    bool complete;  /* that was all: no further event follows */
} http_flight_answer;

typedef struct http_flight_plan {
    const char *method, *url;  /* all texts are copied; a body to a HEAD is not sent */
    const http_field *headers; /* Content-Length and, unless given, Host are made from the rest */
    size_t header_count;
    /* The body: from memory (borrowed until the flight is over), from a file from its start, or, when `flows`, as
     * http_flight_give brings it: `body_size` bytes, -1: until http_flight_give_end. */
    span body;
    int body_fd;
    bool flows;
    int64_t body_size; /* of a file or a flow */
    bool repeatable;   /* may be sent again when a kept connection turns out to be closed: it changes nothing twice */
    unsigned first_ms; /* until the head of the answer; 0: no limit */
    unsigned total_ms; /* the whole flight; 0: no limit */
    size_t gather_maximum; /* a whole answer of up to this size is handed over in one piece, however slowly it comes; a
                              longer one fails with ERROR_LIMIT; 0: bodies flow */
    /* Exactly one of `answered` with `complete`, and `ended`, is the last event. */
    void (*answered)(void *context, const http_flight_answer *answer);
    bool (*piece)(void *context, span bytes);     /* false: not taken, to be offered again after http_flight_go_on */
    void (*ended)(void *context, error *failure); /* NULL: the body is complete; else the callee's */
    void (*room)(void *context);                  /* http_flight_give takes bytes again; NULL unless the body flows */
    void *context;
} http_flight_plan;

/* ERROR_INVALID: the call itself. Events come later, never during this call. */
must_check error *http_upstream_send(http_upstream *u, const http_flight_plan *plan, http_flight **out);

/* Offers bytes of the request's body; returns how many were taken. After fewer than all, `room` tells when to go on. */
size_t http_flight_give(http_flight *flight, span bytes);
void http_flight_give_end(http_flight *flight);

void http_flight_go_on(http_flight *flight);

/* No event follows; the exchange with the back-end is broken off. Also from within an event of this flight. */
void http_flight_cancel(http_flight *flight);

#endif
