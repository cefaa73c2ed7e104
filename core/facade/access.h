/* core/facade/access.h: who may call an endpoint (its setting `access`), by the API keys of the appliance. */
#ifndef BANYAN_CORE_FACADE_ACCESS_H
#define BANYAN_CORE_FACADE_ACCESS_H

#include "core/facade/policy.h"
#include "core/flow/accounts.h"
#include "core/http/request.h"

extern const policy access_policy;

typedef enum access_verdict { ACCESS_ALLOWED, ACCESS_UNKNOWN, ACCESS_FORBIDDEN } access_verdict;

/* `caller` has an empty name when nobody is known. A key that is sent must be good, also where none is needed. */
access_verdict access_judge(accounts *known, http_request *request, estate_access needed, principal *caller);

/* 401 or 403; the verdict is not ACCESS_ALLOWED. */
http_response *access_refusal(access_verdict verdict);

#endif
