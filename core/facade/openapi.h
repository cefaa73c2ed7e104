/* core/facade/openapi.h: what the facade offers, for programs and for people, made from the endpoints. */
#ifndef BANYAN_CORE_FACADE_OPENAPI_H
#define BANYAN_CORE_FACADE_OPENAPI_H

#include "core/flow/estate.h"
#include "core/http/response.h"

http_response *openapi_document(const estate *e, const char *version); /* OpenAPI 3.1, JSON */

/* A page that shows the document and lets one try calls, without any network but this listener; "" is the page itself,
 * else one of its files. NULL: there is no such file. */
http_response *openapi_page(span file);

#endif
