/* core/facade/policy.h: what stands between a caller and a back-end: who may call, how often, with what.
 *
 * A policy is one file with one `policy`; policy.c lists them in the order in which they see a request. An endpoint
 * configures a policy by the member of the same name, whose table of settings stands in core/flow (estate_policies.h),
 * so that it is checked, described and shown like every other setting.
 *
 * A snapshot prepares each policy once for each endpoint; what is prepared is immutable and shared by all requests.
 * What must outlive a snapshot (counters, breakers) is the policy's own, found by the endpoint's route.
 *
 * Hooks run in the one thread that has the exchange in its hands, often a server loop: they never block. What takes
 * longer is begun, answered with POLICY_LATER, and ended by exchange_go_on or exchange_respond from any thread.
 */
#ifndef BANYAN_CORE_FACADE_POLICY_H
#define BANYAN_CORE_FACADE_POLICY_H

#include "core/flow/estate.h"
#include "core/http/response.h"

typedef struct exchange exchange;

typedef enum policy_verdict {
    POLICY_GO_ON, /* the next policy, then the back-end */
    POLICY_OVER,  /* exchange_respond or exchange_refuse was called: the exchange is in nobody's hands any more */
    POLICY_LATER, /* exchange_go_on or exchange_respond will be called */
} policy_verdict;

typedef struct policy {
    const char *name; /* of the endpoint's member; or of what it does, when it has none */
    /* What this policy does for the endpoint; NULL: it takes no part. Faults name the place as
     * "/endpoints/ROUTE/member". */
    void *(*prepare)(const estate_endpoint *endpoint, fault_list *faults);
    void (*forget)(void *prepared); /* NULL: nothing to free */
    /* The head is there and the body has not been asked for. May be NULL, as all that follow. */
    policy_verdict (*on_head)(exchange *x, void *prepared);
    /* The whole body is there (exchange_body). An endpoint with such a policy does not stream request bodies. */
    policy_verdict (*on_body)(exchange *x, void *prepared);
    /* The answer, whoever gave it, before it is sent: header fields may be added. In reverse order. */
    void (*on_answer)(exchange *x, void *prepared, http_response *response);
    /* The exchange is over, answered or not; the client has its answer or is gone. */
    void (*on_end)(exchange *x, void *prepared);
} policy;

enum { POLICIES_MAX = 32 };

extern const policy *const policies[]; /* NULL at the end; at most POLICIES_MAX */

/* The policies that take part in one endpoint. */
typedef struct policy_chain {
    size_t count;
    bool wants_body; /* one of them has on_body */
    struct {
        const policy *policy;
        void *prepared;
    } steps[POLICIES_MAX];
} policy_chain;

void policy_chain_prepare(policy_chain *chain, const estate_endpoint *endpoint, fault_list *faults);
void policy_chain_forget(policy_chain *chain);

#endif
