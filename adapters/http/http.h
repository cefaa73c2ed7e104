/* adapters/http/http.h: an HTTP service as a connection. */
#ifndef BANYAN_ADAPTERS_HTTP_HTTP_H
#define BANYAN_ADAPTERS_HTTP_HTTP_H

#include "adapters/adapter.h"

extern const adapter adapter_http;

#endif
