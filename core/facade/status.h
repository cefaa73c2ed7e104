/* core/facade/status.h: GET /status/{id}: how an accepted request fares, in the words of the caller.
 *
 * Shown to whoever made the request: the same API key, or, for a request that came without one, whoever knows its id
 * (74 random bits). With `Prefer: wait=N` the answer waits until that is decided, or, with If-None-Match, until it is
 * another than the caller knows; with `Accept: text/event-stream` each change is an event, and the stream ends when
 * there will be none. Who waits holds no thread: now and then somebody looks.
 */
#ifndef BANYAN_CORE_FACADE_STATUS_H
#define BANYAN_CORE_FACADE_STATUS_H

#include "core/facade/exchange.h"

enum { STATUS_WAIT_MAX_S = 300, STATUS_WATCHERS_MAX = 2000 };

/* Takes the request over. `principal` NULL: nobody known. */
void status_start(const exchange_services *services, http_request *request, const char *id, const char *caller);

#endif
