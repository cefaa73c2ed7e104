/* core/admin/shapes.c: what requests to each route may carry, beyond the path. The OpenAPI document and the refusal of
 * what is unknown come from the same table. */
#include "core/admin/call.h"

#include <string.h>

static const shape shapes[] = {
    {.method = "GET", .pattern = "/api/v1/stats/history", .query = "hours"},
    {.method = "GET",
        .pattern = "/api/v1/messages",
        .query = "q status direction connection partner flow type standard parent since until after limit"},
    {.method = "GET", .pattern = "/api/v1/messages/*/explain", .query = "as"},
    {.method = "GET",
        .pattern = "/api/v1/documents",
        .query = "q status direction connection partner flow type standard parent since until after limit"},
    {.method = "GET", .pattern = "/api/v1/jobs", .query = "status after limit"},
    {.method = "GET", .pattern = "/api/v1/acknowledgements", .query = "overdue after limit"},
    {.method = "GET", .pattern = "/api/v1/audit", .query = "after limit"},
    {.method = "POST", .pattern = "/api/v1/apply", .query = "dry_run prune"},
    {.method = "POST",
        .pattern = "/api/v1/connections/*/send",
        .query = "filename path direction",
        .bytes = true,
        .large = true},
    {.method = "POST", .pattern = "/api/v1/connections/*/test", .query = "exchange"},
    {.method = "POST", .pattern = "/api/v1/connections/*/list", .query = "pattern"},
    {.method = "GET", .pattern = "/api/v1/scripts/*/draft", .query = "optional"},
    {.method = "GET", .pattern = "/api/v1/scripts/*/structure", .query = "message sample"},
    {.method = "PUT", .pattern = "/api/v1/scripts/*/samples/*", .bytes = true},
};

const shape *admin_shape(const route *r) {
    static const shape plain = {.query = ""};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (strcmp(shapes[i].pattern, r->pattern) == 0 && strcmp(shapes[i].method, r->method) == 0) return &shapes[i];
    }
    return &plain;
}
