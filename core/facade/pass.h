/* core/facade/pass.h: an exchange with an HTTP back-end whose bodies pass as they come, both ways, on the loop.
 *
 * Neither body lies in memory whole: the slower side holds the faster one back. The answer is the client's as soon as
 * its head is there; when the back-end breaks off later, the client's connection is broken off too, so that a part is
 * never taken for the whole.
 */
#ifndef BANYAN_CORE_FACADE_PASS_H
#define BANYAN_CORE_FACADE_PASS_H

#include "core/facade/exchange_inside.h"

/* Takes the exchange over: with its body in x->body when x->body_there, else the body has not been asked for. From any
 * thread. */
void pass_start(exchange *x);

/* The exchange is over, or its client is gone. On the loop's thread. */
void pass_end(struct pass *p);

/* For http_own: the client went while the exchange is in our hands. */
void pass_aborted(void *exchange);

/* The request of an exchange as a back-end is to see it; lives as long as the request. */
relay_request pass_describe(const exchange *x, const estate_destination *target);

#endif
