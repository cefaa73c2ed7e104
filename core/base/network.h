/* core/base/network.h: Internet addresses and networks as texts: "192.0.2.7", "10.0.0.0/8", "2001:db8::/32".
 *
 * An IPv4 address and its IPv4-mapped IPv6 form (RFC 4291 §2.5.5.2) are the same address.
 */
#ifndef BANYAN_BASE_NETWORK_H
#define BANYAN_BASE_NETWORK_H

#include "core/base/error.h"

struct sockaddr;

typedef struct network {
    unsigned char address[16];
    unsigned bits; /* of the 128 */
} network;

/* ERROR_INVALID for what is none; bits beyond the prefix are ignored. */
must_check error *network_parse(span text, network *out);
bool network_holds(const network *n, const network *address);
bool network_holds_text(const network *n, span address); /* false for what is no address */

/* The address of a socket; false for one that is not of the Internet. */
bool network_of_peer(const struct sockaddr *peer, network *out);
/* In any of these, ended by NULL? They are constants: a malformed one ends the program. */
bool network_is_in(const network *address, const char *const *networks);

/* Is it an address that anybody on the Internet could have: neither this machine, nor a private, link-local, shared,
 * documentation, multicast or otherwise special network (RFC 6890)? For what outsiders may make us connect to. */
bool network_is_public(const struct sockaddr *peer);

#endif
