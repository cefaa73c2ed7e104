/* adapters/http/addresses.h: which addresses a connection may talk to (server-side request forgery, SR-01, SR-02).
 *
 * Asked with the very address that is about to be connected, so that a name that resolves differently a second time
 * changes nothing. Without networks of its own a rule lets through what the URL says in clear: a literal address is
 * itself, "localhost" is this machine; a name may lead to public and private networks, but never to this machine, to
 * link-local addresses (where clouds keep their metadata), to multicast or to no address at all.
 */
#ifndef BANYAN_ADAPTERS_HTTP_ADDRESSES_H
#define BANYAN_ADAPTERS_HTTP_ADDRESSES_H

#include "core/base/error.h"
#include "core/base/json.h"

struct sockaddr;
typedef struct address_rule address_rule;

/* `host` as in the URL, without brackets; `networks` an array of texts such as "10.1.0.0/16", "fd00::/8",
 * "192.0.2.7", or NULL. */
must_check error *address_rule_new(const char *host, const json_t *networks, address_rule **out);
void address_rule_free(address_rule *rule); /* NULL is fine */

bool address_rule_allows(const address_rule *rule, const struct sockaddr *address);

#endif
