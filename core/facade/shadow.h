/* core/facade/shadow.h: the other side of an endpoint, asked the same after the answer was given, and compared.
 *
 * Nothing of it touches the caller: it has connections of its own, is capped, never retried, and is left out (and
 * counted) when a body is too large, too many are under way, or the method could change something and nobody has said
 * that it may. The comparing is done in a translator.
 */
#ifndef BANYAN_CORE_FACADE_SHADOW_H
#define BANYAN_CORE_FACADE_SHADOW_H

#include "core/facade/exchange_inside.h"

/* Is this request's other side to be asked? Decided once, before the body is taken; the body is then collected. */
bool shadow_wants(exchange *x);

typedef struct shadow shadow;

/* Copies what is needed of a request and the answer it gets, while both are there; NULL when it is left out. */
shadow *shadow_prepare(exchange *x, const http_response *response);
void shadow_start(shadow *take); /* after the answer was given; NULL is fine */

#endif
