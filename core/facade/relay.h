/* core/facade/relay.h: what changes in a request and an answer on their way through: the address, the header fields.
 *
 * Fields that belong to one connection stay behind (RFC 9110 §7.6.1), credentials that were for the appliance too; who
 * called is told in Forwarded (RFC 7239) and X-Forwarded-*. What a client claims in those is not believed and replaced.
 */
#ifndef BANYAN_CORE_FACADE_RELAY_H
#define BANYAN_CORE_FACADE_RELAY_H

#include "core/facade/upstreams.h"
#include "core/http/response.h"

enum { RELAY_FIELDS_MAX = 192, RELAY_URL_MAX = 8192 };

/* A request as its back-end is to see it; all borrowed. */
typedef struct relay_request {
    span method;
    span target;               /* raw, path and query as the client sent them */
    const char *path_template; /* of the destination; NULL: the client's own path */
    const char *route_path;    /* the route's template: tells which parameters may hold slashes */
    const json_t *parameters;
    const http_field *headers;
    size_t header_count;
    span host, peer;
    bool tls;
    bool own_credentials; /* Authorization was for the appliance */
    bool shadow;          /* says so to the back-end: Banyan-Shadow: 1 */
    const char *id;       /* X-Request-Id, unless the client brought one */
    const char *trace;    /* traceparent to pass on */
} relay_request;

typedef struct relay_head {
    char *url;
    http_field fields[RELAY_FIELDS_MAX];
    size_t count;
    buf texts; /* what fields point into that is not the request's */
} relay_head;

/* ERROR_NOT_FOUND when the path cannot be made from the parameters. The head borrows from request and peer. */
must_check error *relay_make(const relay_request *request, const http_peer *peer, relay_head *head);
void relay_free(relay_head *head);

/* May it be sent a second time without changing anything twice (RFC 9110 §9.2.2)? Idempotent methods, and what carries
 * an Idempotency-Key. */
bool relay_is_repeatable(const relay_request *request);

/* The header fields of an answer that are the client's: added to `response`. A Location that names the back-end itself
 * is made relative. */
void relay_answer(const http_flight_answer *answer, const http_peer *peer, http_response *response);

/* A path (and query) template with {parameters}, percent-encoded. ERROR_INVALID names a variable without value. */
must_check error *relay_expand(const char *template, const char *route_path, const json_t *parameters, buf *out);

#endif
