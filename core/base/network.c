/* core/base/network.c: see network.h. */
#include "core/base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { V4_AT = 12, TEXT_ROOM = 64 };

static const unsigned char mapped[V4_AT] = {[10] = 0xff, [11] = 0xff};

static bool parse_address(span text, network *out, unsigned *width) {
    char copy[TEXT_ROOM];
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.data, '\0', text.len)) return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    out->bits = 128;
    if (inet_pton(AF_INET, copy, out->address + V4_AT) == 1) {
        memcpy(out->address, mapped, V4_AT);
        *width = 32;
        return true;
    }
    *width = 128;
    return inet_pton(AF_INET6, copy, out->address) == 1;
}

error *network_parse(span text, network *out) {
    const char *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    span address = span_make(text.data, slash ? (size_t)(slash - text.data) : text.len);
    unsigned width;
    uint64_t bits;
    if (parse_address(address, out, &width)) {
        bits = width;
        span rest = slash ? span_make(slash + 1, text.len - address.len - 1) : SPAN("");
        if (!slash || span_to_u64(rest, 0, width, &bits)) {
            out->bits = 128 - width + (unsigned)bits;
            return NULL;
        }
    }
    return error_new(
        ERROR_INVALID, "\"%.*s\" is not an address or a network such as 10.0.0.0/8", (int)text.len, text.data);
}

bool network_holds(const network *n, const network *address) {
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    if (address->bits < n->bits || memcmp(n->address, address->address, whole) != 0) return false;
    unsigned mask = 0xffu << (8 - rest) & 0xffu;
    return rest == 0 || ((n->address[whole] ^ address->address[whole]) & mask) == 0;
}

bool network_holds_text(const network *n, span address) {
    network one;
    unsigned width;
    return parse_address(address, &one, &width) && network_holds(n, &one);
}

bool network_of_peer(const struct sockaddr *peer, network *out) {
    out->bits = 128;
    if (peer->sa_family == AF_INET) {
        memcpy(out->address, mapped, V4_AT);
        memcpy(out->address + V4_AT, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
    } else if (peer->sa_family == AF_INET6) {
        memcpy(out->address, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, 16);
    } else {
        return false;
    }
    return true;
}

bool network_is_in(const network *address, const char *const *networks) {
    network n;
    for (size_t i = 0; networks[i]; i++) {
        error *err = network_parse(span_of(networks[i]), &n);
        if (err) abort(); /* they are our own constants */
        if (network_holds(&n, address)) return true;
    }
    return false;
}

/* Of IPv6 only the global unicast addresses are public (RFC 4291 §2.4); the others need no names here. */
bool network_is_public(const struct sockaddr *peer) {
    static const char *const global[] = {"::ffff:0:0/96", "2000::/3", NULL};
    static const char *const special[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        NULL};
    network address;
    return network_of_peer(peer, &address) && network_is_in(&address, global) && !network_is_in(&address, special);
}
