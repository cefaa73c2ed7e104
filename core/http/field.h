/* core/http/field.h: what names and values look like on the wire (RFC 9110 §5, RFC 9112 §5).
 *
 * Pure functions over spans; used where requests come in and where responses and outgoing requests are made.
 */
#ifndef BANYAN_HTTP_FIELD_H
#define BANYAN_HTTP_FIELD_H

#include "core/base/span.h"

/* A header field or a query parameter. */
typedef struct http_field {
    span name, value;
} http_field;

/* A token (RFC 9110 §5.6.2): header names and methods. The empty text is none. */
bool http_is_token(span text);

/* A field value: no control characters but tab, so neither CR, LF nor NUL. May be empty. */
bool http_is_field_value(span text);

/* Equal but for the case of ASCII letters. */
bool http_name_equal(span a, span b);

/* uri-host [":" port] of a Host field: a name, an IPv4 address or a bracketed IPv6 address. */
bool http_is_host(span text);

/* The first field of that name, NULL when there is none. */
const http_field *http_find_field(const http_field *fields, size_t count, span name);

/* Does an Accept-Encoding such as "br;q=1, gzip" take gzip? */
bool http_takes_gzip(span accepted);

#endif
