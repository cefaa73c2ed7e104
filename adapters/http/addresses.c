/* adapters/http/addresses.c: see addresses.h. All addresses are compared as IPv6, IPv4 ones in their mapped form, so
 * that ::ffff:127.0.0.1 is no way around. */
#include "adapters/http/addresses.h"

#include "core/base/memory.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

typedef struct network {
    unsigned char bytes[16];
    unsigned bits;
} network;

struct address_rule {
    network *networks; /* only these, when there are any */
    size_t count;
    bool loopback; /* the URL says localhost */
};

enum { MAPPED_BITS = 96, TEXT_ROOM = 64 };

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

/* An address of either family; false when it is none. */
static bool parse_address(const char *text, unsigned char bytes[16], bool *v4) {
    *v4 = inet_pton(AF_INET, text, bytes + 12) == 1;
    if (*v4) {
        memcpy(bytes, mapped_prefix, sizeof mapped_prefix);
        return true;
    }
    return inet_pton(AF_INET6, text, bytes) == 1;
}

static bool contains(const network *n, const unsigned char bytes[16]) {
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(n->bytes, bytes, whole) != 0) return false;
    return rest == 0 || ((n->bytes[whole] ^ bytes[whole]) & (0xFF00 >> rest) & 0xFF) == 0;
}

static error *parse_network(const char *text, network *out) {
    char address[TEXT_ROOM];
    bool v4;
    uint64_t bits;
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    if (len < sizeof address) {
        memcpy(address, text, len);
        address[len] = '\0';
        if (parse_address(address, out->bytes, &v4)) {
            unsigned most = v4 ? 32 : 128;
            if (!slash || span_to_u64(span_of(slash + 1), 0, most, &bits)) {
                out->bits = (slash ? (unsigned)bits : most) + (v4 ? MAPPED_BITS : 0);
                return NULL;
            }
        }
    }
    return error_new(
        ERROR_INVALID, "\"%s\" is not a network: write an address, or one with a prefix such as 10.1.0.0/16", text);
}

error *address_rule_new(const char *host, const json_t *networks, address_rule **out) {
    error *err = NULL;
    bool v4;
    size_t count = json_array_size(networks);
    address_rule *rule = xcalloc(1, sizeof *rule);
    rule->networks = xcalloc(count + 1, sizeof *rule->networks);
    for (size_t i = 0; i < count && !err; i++)
        err = parse_network(json_string_value(json_array_get(networks, i)), &rule->networks[i]);
    rule->count = count;
    network itself = {.bits = 128};
    if (count == 0 && parse_address(host, itself.bytes, &v4)) rule->networks[rule->count++] = itself;
    rule->loopback = strcasecmp(host, "localhost") == 0;
    if (err) {
        address_rule_free(rule);
        return err;
    }
    *out = rule;
    return NULL;
}

void address_rule_free(address_rule *rule) {
    if (!rule) return;
    free(rule->networks);
    free(rule);
}

static bool in_any(const char *const *texts, const unsigned char bytes[16]) {
    network n;
    for (size_t i = 0; texts[i]; i++) {
        error *err = parse_network(texts[i], &n);
        if (!err && contains(&n, bytes)) return true;
        error_free(err);
    }
    return false;
}

bool address_rule_allows(const address_rule *rule, const struct sockaddr *address) {
    static const char *const loopback[] = {"127.0.0.0/8", "::1", NULL};
    /* This network, link-local with the clouds' metadata, multicast, reserved and broadcast; the same of IPv6, and what
     * leads to IPv4 by other ways (6to4, NAT64, compatible addresses). */
    static const char *const never[] = {"0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::", "fe80::/10",
        "ff00::/8", "fec0::/10", "fd00:ec2::/32", "2002::/16", "64:ff9b::/96", "::/96", NULL};
    unsigned char bytes[16];
    if (address->sa_family == AF_INET) {
        memcpy(bytes, mapped_prefix, sizeof mapped_prefix);
        memcpy(bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    } else {
        return false;
    }
    for (size_t i = 0; i < rule->count; i++)
        if (contains(&rule->networks[i], bytes)) return true;
    if (rule->count > 0) return false;
    if (in_any(loopback, bytes)) return rule->loopback;
    return !rule->loopback && !in_any(never, bytes);
}
