/* core/facade/policy_address.c: from where an endpoint may be called; who the caller is when proxies stand between. */
#include "core/base/memory.h"
#include "core/base/network.h"
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct networks {
    network *all;
    size_t count;
} networks;

typedef struct addresses {
    networks allow, deny, proxies;
} addresses;

static void read_networks(
    networks *into, const json_t *object, const char *member, const estate_endpoint *endpoint, fault_list *faults) {
    const json_t *list = json_get_array(object, member);
    into->all = xcalloc(json_array_size(list) + 1, sizeof *into->all);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        error *err = network_parse(span_of(text ? text : ""), &into->all[into->count]);
        if (!err)
            into->count++;
        else
            policy_fault(faults, endpoint, "addresses", error_wrap(err, "%s", member));
    }
}

static bool holds(const networks *n, span address) {
    for (size_t i = 0; i < n->count; i++)
        if (network_holds_text(&n->all[i], address)) return true;
    return false;
}

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    addresses *a = xcalloc(1, sizeof *a);
    const json_t *object = json_get_object(endpoint->body, "addresses");
    read_networks(&a->allow, object, "allow", endpoint, faults);
    read_networks(&a->deny, object, "deny", endpoint, faults);
    read_networks(&a->proxies, object, "proxies", endpoint, faults);
    return a;
}

static void forget(void *prepared) {
    addresses *a = prepared;
    free(a->allow.all);
    free(a->deny.all);
    free(a->proxies.all);
    free(a);
}

/* The peer; or, as long as that is one of our proxies, whom it says it speaks for. What stands left of a stranger in
 * X-Forwarded-For was written by the stranger. */
static span address_of(const addresses *a, http_request *request) {
    span address = http_request_peer(request);
    span chain = http_request_header(request, "X-Forwarded-For");
    while (chain.len > 0 && holds(&a->proxies, address)) {
        size_t at = chain.len;
        while (at > 0 && chain.data[at - 1] != ',')
            at--;
        span last = span_trim(span_make(chain.data + at, chain.len - at));
        network ignored;
        error *err = network_parse(last, &ignored);
        error_free(err);
        if (err) break;
        address = last;
        chain.len = at > 0 ? at - 1 : 0;
    }
    return address;
}

static policy_verdict on_head(exchange *x, void *prepared) {
    const addresses *a = prepared;
    span address = a->proxies.count ? address_of(a, x->request) : http_request_peer(x->request);
    snprintf(x->address, sizeof x->address, "%.*s", (int)address.len, address.data);
    bool fits = (a->allow.count == 0 || holds(&a->allow, address)) && !holds(&a->deny, address);
    if (fits) return POLICY_GO_ON;
    exchange_respond(x, answer_problem(403, "address-refused", "Not from this address",
                            "The endpoint is open to some networks only; ask its operator.", NULL));
    return POLICY_OVER;
}

const policy address_policy = {.name = "addresses", .prepare = prepare, .forget = forget, .on_head = on_head};
