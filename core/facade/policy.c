/* core/facade/policy.c: see policy.h. */
#include "core/facade/policy.h"

#include "core/facade/access.h"
#include "core/facade/policies.h"

#include <stdlib.h>

/* What costs least and refuses most comes first; who stands further down sees what those above have found out. Answers
 * pass the other way. */
const policy *const policies[] = {
    &request_id_policy,
    &compress_policy, /* last to see an answer */
    &cors_policy,     /* refusals too are readable by the pages that may call */
    &deprecated_policy,
    &address_policy,
    &maintenance_policy,
    &rate_by_address_policy,
    &certificate_policy,
    &jwt_policy,
    &access_policy,
    &rate_policy,
    &quota_policy,
    &accept_policy,
    &parameters_policy,
    &request_policy,
    &idempotency_policy,
    &conditional_policy,
    &cache_policy, /* first to see an answer, as it came */
    NULL,
};

_Static_assert(sizeof policies / sizeof *policies <= POLICIES_MAX, "more policies than a chain can hold");

void policy_chain_prepare(policy_chain *chain, const estate_endpoint *endpoint, fault_list *faults) {
    chain->count = 0;
    chain->wants_body = false;
    for (size_t i = 0; policies[i]; i++) {
        void *prepared = policies[i]->prepare(endpoint, faults);
        if (!prepared) continue;
        chain->steps[chain->count].policy = policies[i];
        chain->steps[chain->count++].prepared = prepared;
        chain->wants_body |= policies[i]->on_body != NULL;
    }
}

void policy_chain_forget(policy_chain *chain) {
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->steps[i].policy->forget) chain->steps[i].policy->forget(chain->steps[i].prepared);
    }
    chain->count = 0;
}

void *policy_prepared(const policy_chain *chain, const policy *p) {
    for (size_t i = 0; i < chain->count; i++)
        if (chain->steps[i].policy == p) return chain->steps[i].prepared;
    return NULL;
}

void policy_fault(fault_list *faults, const estate_endpoint *endpoint, const char *member, error *take) {
    fault_list_add(faults, error_at(take, "/endpoints/%s/%s", endpoint->route, member));
}
