/* core/facade/as2.h: /as2, where partners post their messages and receipts. */
#ifndef BANYAN_CORE_FACADE_AS2_H
#define BANYAN_CORE_FACADE_AS2_H

#include "core/base/blocking.h"
#include "core/facade/as2_parts.h"
#include "core/flow/exchange.h"
#include "core/http/request.h"

typedef struct as2_services {
    engine *engine;
    store *store;
    blocking *threads; /* each has one message in hand, however long that takes */
    as2_parts *parts;
} as2_services;

/* Takes the request over; the services outlive it. Whose it is and how large it may be is decided by its head, before
 * the body is let in; what is done with the body happens on the threads. */
void as2_start(const as2_services *services, estate *snapshot, http_request *request);

#endif
