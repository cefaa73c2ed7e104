/* core/flow/callback.h: whoever handed a request over is told when it is over (the endpoint's setting `callback`).
 *
 * A job that is made together with the request looks now and then how it fares, ever more rarely; when that is decided,
 * one transaction makes the notice, an outgoing message with a delivery of its own, and ends the job. So a crash loses
 * no notice and makes none twice. The connection that carries it signs it (sign_secret).
 */
#ifndef BANYAN_CORE_FLOW_CALLBACK_H
#define BANYAN_CORE_FLOW_CALLBACK_H

#include "core/flow/work.h"

/* Part of the transaction that accepts the request. */
void callback_watch(store_change *change, const estate_endpoint *endpoint, const char *id);

/* The job. */
must_check error *work_callback(work *w);

#endif
