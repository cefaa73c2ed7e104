/* core/facade/policies.h: the policies, each a file of its own; policy.c puts them in order. */
#ifndef BANYAN_CORE_FACADE_POLICIES_H
#define BANYAN_CORE_FACADE_POLICIES_H

#include "core/facade/routes.h"
#include "core/http/request.h"
#include "core/store/store.h"

extern const policy address_policy;     /* from where; finds out the caller's address behind proxies */
extern const policy maintenance_policy; /* 503 for the time being */
extern const policy deprecated_policy;  /* RFC 9745, RFC 8594 */
extern const policy cors_policy;
extern const policy rate_by_address_policy, rate_policy; /* before and after it is known who calls */
extern const policy quota_policy;
extern const policy request_id_policy;
extern const policy certificate_policy; /* mutual TLS */
extern const policy jwt_policy;
extern const policy cache_policy;
extern const policy conditional_policy; /* tags, ranges */
extern const policy compress_policy;
extern const policy idempotency_policy;                /* a repeated request gets the answer of the first */
extern const policy accept_policy;                     /* 406 */
extern const policy parameters_policy, request_policy; /* what a request must be like */

/* A browser asks whether a page may call (Fetch standard, CORS-preflight fetch): the answer; NULL when the request does
 * not ask that, or the endpoint has no `cors`. */
http_response *cors_preflight(const routes *r, http_request *request);

/* The key that an Idempotency-Key field says: a string of Structured Fields (RFC 9651 §4.2.5); without quotation marks
 * as it stands. For the caller to free; NULL: malformed, or longer than 255 characters. */
char *idempotency_key(span field);

/* Answers 400 and says how a key is written. */
void idempotency_refuse_key(exchange *x);

/* What was counted goes to the store; when no request comes any more. */
void quota_save_all(store *s);

/* What a prepared policy of the chain is; NULL: it takes no part. */
void *policy_prepared(const policy_chain *chain, const policy *p);

/* A fault of an endpoint's member. Takes the error. */
void policy_fault(fault_list *faults, const estate_endpoint *endpoint, const char *member, error *take);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7). */
enum { HTTP_DATE_SIZE = 32 };
char *policy_http_date(int64_t wall_ms, char text[HTTP_DATE_SIZE]);

#endif
