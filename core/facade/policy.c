/* core/facade/policy.c: see policy.h. */
#include "core/facade/policy.h"

#include "core/facade/access.h"

#include <stdlib.h>

const policy *const policies[] = {
    &access_policy,
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
