/* core/facade/upstreams.h: the HTTP back-ends of the configuration in force, each with its kept connections.
 *
 * A back-end stays, with its connections, for as long as its connection object does not change. Shadow traffic has
 * connections of its own, so that it never takes one from a caller.
 */
#ifndef BANYAN_CORE_FACADE_UPSTREAMS_H
#define BANYAN_CORE_FACADE_UPSTREAMS_H

#include "adapters/http/peer.h"
#include "core/flow/config.h"
#include "core/http/upstream.h"

typedef struct upstreams upstreams;

typedef struct upstream_pair {
    const http_peer *peer;
    http_upstream *calls, *shadows;
} upstream_pair;

upstreams *upstreams_new(http_loop *loop, config *c);
void upstreams_free(upstreams *u); /* NULL is fine */

/* A new configuration: back-ends that are new or changed are made, others go. May block: not on a loop. */
void upstreams_refresh(upstreams *u, const estate *now);

/* The back-end of that connection, held until upstreams_let_go; NULL when it has none (its secrets cannot be read, or
 * it is gone). From any thread. */
upstream_pair *upstreams_find(upstreams *u, const char *connection);
void upstreams_let_go(upstream_pair *pair); /* NULL is fine */

#endif
