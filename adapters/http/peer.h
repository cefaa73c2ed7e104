/* adapters/http/peer.h: the settings of an http connection, read: for the adapter in couriers, and for the facade,
 * which calls such back-ends from the desk's own loop. Every text lives as long as the peer; what came from settings
 * and secrets is copied.
 */
#ifndef BANYAN_ADAPTERS_HTTP_PEER_H
#define BANYAN_ADAPTERS_HTTP_PEER_H

#include "adapters/http/addresses.h"
#include "core/base/json.h"
#include "core/base/settings.h"
#include "core/http/client.h"

typedef struct http_peer {
    char *url;           /* without a slash at its end */
    http_field *headers; /* that every request carries: configured ones and credentials */
    size_t header_count;
    http_client_tls tls;
    address_rule *addresses;
    unsigned connections, connect_timeout_ms, timeout_ms, stall_timeout_ms, keep_alive_ms;
    http_version_choice version;
    bool keep_host;     /* the back-end sees the Host that the client named */
    const char *method; /* of deliveries */
    span sign[2];       /* secrets that they are signed with; {NULL, 0}: none */
    buf texts;          /* what fields and TLS point into; wiped when freed */
} http_peer;

extern const setting http_peer_settings[];

/* What the table cannot say. */
void http_peer_check(const json_t *settings, const char *path, fault_list *faults);

/* Settings that passed the checks, and what secrets resolve to (core/flow/config.h). */
must_check error *http_peer_new(const json_t *settings, const json_t *secrets, http_peer **out);
void http_peer_free(http_peer *peer); /* NULL is fine */

/* For may_connect of clients; the context is the peer. */
bool http_peer_may_connect(void *peer, const struct sockaddr *address);

#endif
