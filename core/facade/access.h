/* core/facade/access.h: who may call an endpoint (its settings `access` and `scopes`), by the API keys of the
 * appliance.
 *
 * A key comes as "Authorization: Bearer KEY", as "X-API-Key: KEY", or for callers that know nothing else by Basic
 * authentication, with the key's name as user and the key as password.
 */
#ifndef BANYAN_CORE_FACADE_ACCESS_H
#define BANYAN_CORE_FACADE_ACCESS_H

#include "core/facade/policy.h"
#include "core/flow/accounts.h"
#include "core/http/request.h"

extern const policy access_policy;

typedef enum access_verdict { ACCESS_ALLOWED, ACCESS_UNKNOWN, ACCESS_FORBIDDEN } access_verdict;

/* `caller` has an empty name when nobody is known. A key that is sent must be good, also where none is needed;
 * credentials that are no key of ours are then the back-end's business. */
access_verdict access_judge(accounts *known, http_request *request, estate_access needed, principal *caller);

/* 401 or 403; the verdict is not ACCESS_ALLOWED. */
http_response *access_refusal(access_verdict verdict);

/* Is each of the names in `wanted` (NULL: none) among `scopes`, which are separated by blanks? */
bool access_has_scopes(const char *scopes, const json_t *wanted);

/* 403 for a caller without one of them. */
http_response *access_scope_refusal(const json_t *wanted);

#endif
