/* core/facade/resource_list.h: a page of a listing: filtered, sorted, cut (RFC 8288 for what comes next).
 *
 * Pages follow the order itself, not positions in it: a cursor names the last entry shown, so that files that come or
 * go between two pages neither repeat nor hide others (A16).
 */
#ifndef BANYAN_CORE_FACADE_RESOURCE_LIST_H
#define BANYAN_CORE_FACADE_RESOURCE_LIST_H

#include "core/base/json.h"
#include "core/http/request.h"

/* {"items": [{"name","size","modified"}], "next": "CURSOR"} from `entries` of a courier ([{"name","size",
 * "modified_ms"}]) below `prefix`, by the parameters limit, cursor, sort (name, size, modified; - before it turns it
 * round), name (with * and ?), modified_since, modified_before, larger_than, smaller_than. ERROR_INVALID names a
 * parameter that cannot be read. */
must_check error *resource_list_page(
    const json_t *entries, const char *prefix, const http_request *request, json_t **page);

#endif
