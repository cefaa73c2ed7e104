/* core/facade/back_end_http.h: one request to an HTTP back-end, answered whole: for scripts, shadow traffic, comparing.
 */
#ifndef BANYAN_CORE_FACADE_BACK_END_HTTP_H
#define BANYAN_CORE_FACADE_BACK_END_HTTP_H

#include "core/facade/back_end.h"

void back_end_http_call(
    const exchange_services *services, const back_end_request *request, back_end_done *done, void *context);

#endif
