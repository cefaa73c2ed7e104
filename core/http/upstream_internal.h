/* core/http/upstream_internal.h: what upstream.c (flights through libcurl, and what all flights have in common) and
 * direct.c (flights over connections of our own) share. Included by these two only; everything on the loop's thread.
 */
#ifndef BANYAN_HTTP_UPSTREAM_INTERNAL_H
#define BANYAN_HTTP_UPSTREAM_INTERNAL_H

#include "core/http/curl_part.h"
#include "core/http/upstream.h"
#include "core/http/wire.h"

#include <stdatomic.h>

enum {
    FLIGHT_HEAD_BYTES_MAX = 65536,
    EASIES_MAX = 256, /* handles kept for reuse */
};

/* A connection of our own; direct.c. */
typedef struct direct_line direct_line;

struct http_upstream {
    http_upstream_options options;
    char *tls_texts[4];
    atomic_int references;
    CURLM *multi;
    http_turn *turn;
    int64_t timer_at_ms;    /* when libcurl wants to be called; -1: never */
    bool in_turn;           /* its hook runs: it will see what changes */
    bool busy;              /* something may have ended since the last look */
    http_flight *gathering; /* flights whose answer was not told yet */
    CURL *easies[EASIES_MAX];
    size_t easy_count;
    struct socket_watch **sockets; /* by descriptor */
    size_t socket_room;
    size_t curl_flights; /* under way through libcurl */
    /* direct.c */
    char *base;                        /* "http://host:port" of what goes over lines; NULL: nothing did yet */
    direct_line *idle, *opening;       /* kept for the next flight; libcurl connects them */
    size_t line_count, opening_count;  /* connected; not yet */
    http_flight *direct_first;         /* all direct flights, for their deadlines */
    http_flight *waiting, **last_wait; /* for a line, the first came first */
    int64_t direct_due_ms;             /* when a deadline has to be looked at; INT64_MAX: never */
    bool assigning;                    /* lines are given out */
    char *stage;                       /* where bytes are read to */
};

struct http_flight {
    http_upstream *upstream;
    http_flight_plan plan; /* url and method are its own copies */
    CURL *easy;            /* NULL: direct */
    struct curl_slist *headers;
    char words[CURL_ERROR_SIZE];
    error *failure; /* of a callback; says more than libcurl's code */
    /* the request's body */
    int64_t started_ms, head_ms;
    uint64_t body_sent;
    buf flow;
    bool flow_ended, flow_paused, flow_full;
    /* the answer */
    buf head, body;
    int status, interim;
    bool head_done, told, cancelled, in_event, in_list;
    http_flight *next, **link; /* in the upstream's list of gathering flights */
    /* direct.c */
    direct_line *line; /* NULL: waits for one */
    wire wire;
    buf request; /* head of the request */
    size_t sent; /* of head and body */
    buf held;    /* what the owner did not take: `held_piece` bytes of the body, then what follows on the wire */
    size_t held_piece;
    bool paused, heard; /* the owner takes nothing; a byte of the answer has come */
    int64_t moved_ms;   /* when a byte moved last */
    http_flight *direct_next, **direct_link, *wait_next;
};

/* ---- upstream.c ---- */

typedef enum flight_taken { FLIGHT_TAKEN, FLIGHT_FULL, FLIGHT_OVER } flight_taken;

int64_t upstream_now_ms(void);
CURL *upstream_new_easy(const http_upstream *u); /* with what holds for every exchange with this back-end */
void flight_fail(http_flight *f, error *take);   /* the first one counts */
void flight_gather(http_flight *f);              /* the end of the turn looks at it */
void flight_head_is_there(http_flight *f);
flight_taken flight_deliver(http_flight *f, span piece); /* of the body */
/* The last event, and the end of the flight. */
void flight_conclude(http_flight *f, CURLcode code);

/* ---- direct.c ---- */

bool direct_can(http_upstream *u, const http_flight_plan *plan);
must_check error *direct_start(http_flight *f, const http_flight_plan *plan);
void direct_go_on(http_flight *f);
void direct_release(http_flight *f); /* a flight is over, or broken off: its connection stays or goes */
bool direct_connected(http_upstream *u, CURL *easy, CURLcode code); /* false: it is no line's */
void direct_make_room(http_upstream *u);                            /* for a flight through libcurl */
int direct_turn(http_upstream *u);                                  /* deadlines; ms until the next, -1: none */
void direct_end(http_upstream *u);

#endif
