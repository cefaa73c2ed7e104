/* core/facade/access.c: see access.h. */
#include "core/facade/access.h"

#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"

/* Behind a proxy on this machine everybody would seem to be local; a proxy tells itself by these fields. */
static bool is_local(http_request *request) {
    span peer = http_request_peer(request);
    bool loopback = span_starts(peer, SPAN("127.")) || span_is(peer, "::1");
    return loopback && !http_request_header(request, "Forwarded").data &&
           !http_request_header(request, "X-Forwarded-For").data;
}

access_verdict access_judge(accounts *known, http_request *request, estate_access needed, principal *caller) {
    span authorization = http_request_header(request, "Authorization");
    bool found = false;
    caller->name[0] = '\0';
    if (span_starts(authorization, SPAN("Bearer "))) {
        span key = span_trim(span_make(authorization.data + 7, authorization.len - 7));
        found = accounts_by_key(known, key, caller);
        if (!found) return ACCESS_UNKNOWN;
    }
    if (found) return caller->role == ROLE_CLIENT || caller->role == ROLE_ADMIN ? ACCESS_ALLOWED : ACCESS_FORBIDDEN;
    if (needed == ACCESS_PUBLIC) return ACCESS_ALLOWED;
    return needed == ACCESS_LOCAL && is_local(request) ? ACCESS_ALLOWED : ACCESS_UNKNOWN;
}

http_response *access_refusal(access_verdict verdict) {
    if (verdict == ACCESS_FORBIDDEN)
        return answer_problem(
            403, "forbidden", "This key does not call endpoints", "Use a key with the role client.", NULL);
    http_response *response = answer_problem(401, "unauthenticated", "An API key is needed",
        "Send it as \"Authorization: Bearer KEY\"; an administrator makes one with banyan key add.", NULL);
    http_response_header(response, "WWW-Authenticate", "Bearer");
    return response;
}

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    (void)faults;
    return (void *)(uintptr_t)endpoint;
}

static policy_verdict on_head(exchange *x, void *prepared) {
    const estate_endpoint *endpoint = prepared;
    principal caller = {.name = ""};
    access_verdict verdict = access_judge(x->services->accounts, x->request, endpoint->access, &caller);
    if (verdict != ACCESS_ALLOWED) {
        exchange_respond(x, access_refusal(verdict));
        return POLICY_OVER;
    }
    if (caller.name[0]) {
        exchange_set_caller(x, caller.name);
        x->own_credentials = true;
    }
    return POLICY_GO_ON;
}

const policy access_policy = {.name = "access", .prepare = prepare, .on_head = on_head};
