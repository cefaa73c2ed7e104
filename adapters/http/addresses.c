/* adapters/http/addresses.c: see addresses.h. */
#include "adapters/http/addresses.h"

#include "core/base/memory.h"
#include "core/base/network.h"

#include <stdlib.h>
#include <strings.h>

struct address_rule {
    network *networks; /* only these, when there are any */
    size_t count;
    bool loopback; /* the URL says localhost */
};

error *address_rule_new(const char *host, const json_t *networks, address_rule **out) {
    error *err = NULL;
    size_t count = json_array_size(networks);
    address_rule *rule = xcalloc(1, sizeof *rule);
    rule->networks = xcalloc(count + 1, sizeof *rule->networks);
    for (size_t i = 0; i < count && !err; i++)
        err = network_parse(span_of(json_string_value(json_array_get(networks, i))), &rule->networks[i]);
    rule->count = count;
    if (count == 0) { /* a literal address is itself */
        error *is_name = network_parse(span_of(host), rule->networks);
        rule->count = is_name ? 0 : 1;
        error_free(is_name);
    }
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

bool address_rule_allows(const address_rule *rule, const struct sockaddr *address) {
    static const char *const loopback[] = {"127.0.0.0/8", "::1", NULL};
    /* This network, link-local with the clouds' metadata, multicast, reserved and broadcast; the same of IPv6, and what
     * leads to IPv4 by other ways (6to4, NAT64, compatible addresses). */
    static const char *const never[] = {"0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::", "fe80::/10",
        "ff00::/8", "fec0::/10", "fd00:ec2::/32", "2002::/16", "64:ff9b::/96", "::/96", NULL};
    network peer;
    if (!network_of_peer(address, &peer)) return false;
    for (size_t i = 0; i < rule->count; i++)
        if (network_holds(&rule->networks[i], &peer)) return true;
    if (rule->count > 0) return false;
    if (network_is_in(&peer, loopback)) return rule->loopback;
    return !rule->loopback && !network_is_in(&peer, never);
}
