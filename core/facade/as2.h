/* core/facade/as2.h: /as2, where partners post their messages and receipts. */
#ifndef BANYAN_CORE_FACADE_AS2_H
#define BANYAN_CORE_FACADE_AS2_H

#include "core/base/blocking.h"
#include "core/flow/exchange.h"
#include "core/http/request.h"

/* Takes the request over. Whose it is and how large it may be is decided by its head, before the body is let in; what
 * is done with the body happens on `threads`. */
void as2_start(engine *e, store *s, blocking *threads, estate *snapshot, http_request *request);

#endif
