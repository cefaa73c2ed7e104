/* core/flow/estate_route.h: the route of an endpoint, which is also its name: "GET /orders/{number:int}
 * host=api.acme.example".
 *
 *   [METHOD] PATH [CONDITION…]
 *
 * PATH is a template: literal parts, {name}, {name:TYPE}, and at its end * or {name...}. TYPE is int, number, uuid,
 * date, alpha, alnum, hex, or values to choose from: {kind:order|invoice}. A CONDITION is host=NAME (*.NAME for all
 * below), header:NAME[=VALUE], query:NAME[=VALUE] or accept=MEDIA/TYPE (of Accept, or of the body's Content-Type).
 * Several endpoints may have one method and path when their conditions and types differ: the one with most of them that
 * holds is taken.
 */
#ifndef BANYAN_CORE_FLOW_ESTATE_ROUTE_H
#define BANYAN_CORE_FLOW_ESTATE_ROUTE_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/memory.h"

typedef enum condition_kind {
    CONDITION_HOST,
    CONDITION_HEADER,
    CONDITION_QUERY,
    CONDITION_ACCEPT,
    CONDITION_TYPE,   /* of the parameter `name`: `value` is one of the words above */
    CONDITION_CHOICE, /* the parameter `name` is one of `value`, separated by "|" */
} condition_kind;

typedef struct route_condition {
    condition_kind kind;
    const char *name;  /* of a header field, query parameter or path parameter; NULL: of none */
    const char *value; /* NULL: it need only be there */
} route_condition;

typedef struct estate_route {
    const char *method; /* static; NULL: any */
    const char *path;   /* without types: what a router takes */
    route_condition *conditions;
    size_t condition_count;
} estate_route;

/* All texts come from `memory`. */
must_check error *estate_route_parse(const char *text, arena *memory, estate_route *out);

/* Is the value of that type? For CONDITION_TYPE and CONDITION_CHOICE. */
bool estate_route_value_fits(const route_condition *condition, span value);

#endif
