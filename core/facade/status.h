/* core/facade/status.h: GET /status/{id}: how an accepted request fares, in the words of the caller.
 *
 * Shown to whoever made the request: the same API key, or, for a request that came without one, whoever knows its id
 * (74 random bits).
 */
#ifndef BANYAN_CORE_FACADE_STATUS_H
#define BANYAN_CORE_FACADE_STATUS_H

#include "core/base/blocking.h"
#include "core/http/request.h"
#include "core/store/store.h"

/* Takes the request over. `principal` NULL: nobody known. */
void status_start(store *s, blocking *b, http_request *request, const char *id, const char *caller);

#endif
