/* core/http/tls.h: the certificate that a listener shows from now on, changed while it serves.
 *
 * The library takes its certificate once, at the start. Here a new one is made ready beside it, and each connection
 * that begins after that gets the new one before its handshake. Those under way keep what they began with: an identity
 * lives as long as the server or a connection has it. For core/http only.
 */
#ifndef BANYAN_HTTP_TLS_H
#define BANYAN_HTTP_TLS_H

#include "core/base/error.h"

#include <microhttpd.h>

typedef struct tls_identity tls_identity;

/* PEM in memory: the certificate with its chain, its key, and the authority of the clients (NULL: none asked). */
must_check error *tls_identity_new(const char *certificate, const char *key, const char *client_ca, tls_identity **out);
tls_identity *tls_identity_hold(tls_identity *identity);
void tls_identity_release(tls_identity *identity); /* NULL is fine */

/* Before the handshake. */
void tls_identity_show(const tls_identity *identity, struct MHD_Connection *handle);

#endif
