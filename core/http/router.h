/* core/http/router.h: which route answers a method and a path.
 *
 * A template is "/orders/{number}/lines": its segments are literal, or one parameter each. The last one may be a
 * wildcard for the rest of the path, a single asterisk or, with a name, "{rest...}"; it matches anything behind its
 * slash, also nothing. The most specific route wins, segment by segment: literal before parameter before wildcard; a
 * branch that leads nowhere is left for the next best. Two routes that would match the same paths with the same method
 * are a conflict and refused when the table is built, both named. Paths are those of http_request_path: decoded once
 * and canonical, so that router and policies never see two forms of one path (HT-21).
 *
 * Built once, then immutable and free for any thread. Looking up costs the number of segments, not of routes.
 */
#ifndef BANYAN_HTTP_ROUTER_H
#define BANYAN_HTTP_ROUTER_H

#include "core/base/error.h"
#include "core/http/field.h"

typedef struct http_router http_router;

enum { HTTP_ROUTE_PARAMETERS_MAX = 16, HTTP_ALLOW_SIZE = 64 };

http_router *http_router_new(void);

/* Adds a route. `method` is one of those the server lets through, or "*" for all of them that have no route of their
 * own. `target` belongs to the caller and is not NULL. ERROR_INVALID for a malformed template, ERROR_CONFLICT naming
 * both templates. */
must_check error *http_router_add(http_router *router, const char *method, const char *path_template, void *target);

typedef enum http_route_result { HTTP_ROUTE_FOUND, HTTP_ROUTE_NO_PATH, HTTP_ROUTE_NO_METHOD } http_route_result;

typedef struct http_route_match {
    void *target;
    const char *path_template; /* of the router */
    size_t parameter_count;
    /* Names belong to the router, values are parts of the path that was looked up. The rest of a wildcard is named
     * "*", or as the template names it, and has no leading slash. */
    http_field parameters[HTTP_ROUTE_PARAMETERS_MAX];
    char allow[HTTP_ALLOW_SIZE]; /* HTTP_ROUTE_NO_METHOD: "GET, HEAD, POST", for the Allow field of a 405 */
} http_route_match;

/* HEAD falls back to GET. */
http_route_result http_router_find(const http_router *router, span method, span path, http_route_match *match);

/* The value of a path parameter; {NULL, 0} when the template has none of that name. */
span http_route_parameter(const http_route_match *match, const char *name);

void http_router_free(http_router *router); /* NULL is fine */

#endif
