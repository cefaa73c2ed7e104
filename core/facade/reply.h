/* core/facade/reply.h: request and reply over files: the answer of a request that was handed over is a file that
 * appears (the setting `reply`), named by the request's id (EIP: Request-Reply, Correlation Identifier).
 *
 * The request is a durable message first, as any other that is handed over. Then its caller is kept waiting for the
 * reply as long as the endpoint allows and `Prefer: wait=n` asks (RFC 7240 §4.3), and gets 202 after that; `Prefer:
 * respond-async` is answered 202 at once. A later reply is read at /status/{id}/reply.
 *
 * One thread looks for replies, ten times a second, only while somebody waits.
 */
#ifndef BANYAN_CORE_FACADE_REPLY_H
#define BANYAN_CORE_FACADE_REPLY_H

#include "core/facade/exchange_inside.h"

/* Does the endpoint wait for replies? */
bool reply_expected(const exchange *x);

/* Where the reply will be, as an event of the request's message. Part of its transaction. ERROR_INVALID: the path
 * template needs what this request does not have. */
must_check error *reply_announce(exchange *x, store_change *change);

/* The request is durable: answers with the reply, or 202. Takes the exchange over. */
void reply_wait(exchange *x);

/* GET /status/{id}/reply, for whoever may see the status. Takes the request over; holds the estate. `caller` NULL:
 * nobody known. */
void reply_serve(
    const exchange_services *services, estate *e, http_request *request, const char *id, const char *caller);

/* The path of a reply is there before its bytes are: for the table of policies. */
void reply_check(const estate *e, const estate_endpoint *endpoint, fault_list *faults);

#endif
