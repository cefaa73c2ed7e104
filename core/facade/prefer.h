/* core/facade/prefer.h: what a caller would rather have (RFC 7240). */
#ifndef BANYAN_CORE_FACADE_PREFER_H
#define BANYAN_CORE_FACADE_PREFER_H

#include "core/http/request.h"

/* Seconds that the caller wants to wait: 0 with respond-async, -1 without a word of it (RFC 7240 §2, §4.1, §4.3). */
int64_t prefer_wait(const http_request *request);

#endif
