/* core/facade/openapi.h: what the facade offers, for programs and for people, made from the endpoints. */
#ifndef BANYAN_CORE_FACADE_OPENAPI_H
#define BANYAN_CORE_FACADE_OPENAPI_H

#include "core/flow/estate.h"
#include "core/http/response.h"

http_response *openapi_document(const estate *e, const char *version); /* OpenAPI 3.1, JSON */
http_response *openapi_page(const estate *e, const char *version);     /* a plain HTML page without scripts */

#endif
