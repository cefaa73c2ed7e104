/* core/facade/traffic.h: which side of an endpoint answers a request: rules, then reads and writes, then the share. */
#ifndef BANYAN_CORE_FACADE_TRAFFIC_H
#define BANYAN_CORE_FACADE_TRAFFIC_H

#include "core/facade/exchange_inside.h"

/* Sets side, target and script of the exchange, once its caller is known. */
void traffic_choose(exchange *x);

/* The request is answered: counts it for its side. */
void traffic_answered(exchange *x, int status);

#endif
