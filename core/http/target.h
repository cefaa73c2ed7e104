/* core/http/target.h: the request target, decoded once, in one canonical form.
 *
 * Router, authentication and policies all see the same path: percent-encoding is undone exactly once, and whatever
 * could mean two things to two readers is refused instead of repaired (encoded slashes and NUL, dot segments, empty
 * segments, backslashes, bytes that are not UTF-8). A server whose names may hold slashes takes an encoded slash for
 * the slash that it is; its routes and policies see no difference then.
 */
#ifndef BANYAN_HTTP_TARGET_H
#define BANYAN_HTTP_TARGET_H

#include "core/http/field.h"

enum { HTTP_PARAMETERS_MAX = 256 };

typedef struct http_target {
    span authority; /* of an absolute-form target, else {NULL, 0} */
    span path;      /* decoded; "*" for OPTIONS * */
    span query;     /* raw, without the question mark */
    size_t parameter_count;
} http_target;

/* How many bytes http_target_parse writes at most for a raw target of that length. */
#define HTTP_TARGET_ROOM(raw_len) (2 * (raw_len) + 2)

/* How many parameters the target may hold, to size the array given to http_target_parse: never below the true count. */
size_t http_target_parameters(span raw);

/* Parses `raw` (origin-, absolute- or asterisk-form, RFC 9112 §3.2) into `out`; decoded texts go to `room`, the
 * parameters to `parameters`, and both must outlive `out`, as must `raw`. Returns NULL, or in words why it is
 * refused. */
must_check const char *http_target_parse(
    span raw, bool encoded_slash, char *room, http_field *parameters, http_target *out);

#endif
