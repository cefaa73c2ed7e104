/* core/admin/shapes.c: what requests to each route may carry beyond the path, and what their answers hold. The OpenAPI
 * document and the refusal of what is unknown come from the same table. */
#include "core/admin/call.h"

#include <string.h>

#define MESSAGE_FILTERS "q status direction connection partner flow type standard parent since until after limit"

static const shape shapes[] = {
    {"GET", "/healthz", .gives = "probe"},
    {"GET", "/readyz", .gives = "probe"},
    {"GET", "/metrics", .gives = "text"},
    {"POST", "/api/v1/session", .takes = "sign_in", .gives = "session"},
    {"GET", "/api/v1/session", .gives = "session"},
    {"DELETE", "/api/v1/session", .status = 204},
    {"GET", "/api/v1/stats", .gives = "stats"},
    {"GET", "/api/v1/stats/history", .query = "hours", .gives = "history"},
    {"PUT", "/api/v1/preferences", .takes = "any", .status = 204},
    {"GET", "/api/v1/events", .gives = "stream"},
    {"GET", "/api/v1/messages", .query = MESSAGE_FILTERS, .gives = "page message"},
    {"GET", "/api/v1/messages/*", .gives = "message"},
    {"GET", "/api/v1/messages/*/payload", .gives = "bytes"},
    {"GET", "/api/v1/messages/*/explain", .query = "as"},
    {"GET", "/api/v1/messages/*/events", .gives = "timeline"},
    {"POST", "/api/v1/messages/*/resend", .gives = "message", .status = 202},
    {"GET", "/api/v1/documents", .query = MESSAGE_FILTERS, .gives = "page document"},
    {"GET", "/api/v1/jobs", .query = "status after limit", .gives = "page job"},
    {"GET", "/api/v1/acknowledgements", .query = "overdue after limit", .gives = "page any"},
    {"GET", "/api/v1/alerts", .gives = "page alert"},
    {"GET", "/api/v1/audit", .query = "after limit", .gives = "page audit_entry"},
    {"POST", "/api/v1/apply", .query = "dry_run prune", .takes = "any", .gives = "changes"},
    {"GET", "/api/v1/backup", .gives = "bytes"},
    {"POST", "/api/v1/restore/release", .status = 204},
    {"GET", "/api/v1/users", .gives = "page user"},
    {"GET", "/api/v1/users/*", .gives = "user", .tagged = true},
    {"PUT", "/api/v1/users/*", .takes = "user_change", .gives = "user", .tagged = true},
    {"DELETE", "/api/v1/users/*", .status = 204, .tagged = true},
    {"GET", "/api/v1/keys", .gives = "page key"},
    {"GET", "/api/v1/keys/*", .gives = "key", .tagged = true},
    {"POST", "/api/v1/keys", .takes = "key_wish", .gives = "new_key", .status = 201},
    {"PUT", "/api/v1/keys/*", .takes = "key_wish", .gives = "new_key", .status = 201},
    {"DELETE", "/api/v1/keys/*", .status = 204, .tagged = true},
    {"POST", "/api/v1/connections/*/send", .query = "filename path direction", .gives = "message", .status = 202,
        .bytes = true, .large = true},
    {"POST", "/api/v1/connections/*/test", .query = "exchange"},
    {"POST", "/api/v1/connections/*/list", .query = "pattern"},
    {"POST", "/api/v1/notifications/*/test", .gives = "made_message", .status = 202},
    {"POST", "/api/v1/certificates/inspect", .takes = "any"},
    {"GET", "/api/v1/scripts/*/draft", .query = "optional"},
    {"PUT", "/api/v1/scripts/*/draft", .takes = "any"},
    {"DELETE", "/api/v1/scripts/*/draft", .status = 204},
    {"POST", "/api/v1/scripts/*/publish", .takes = "any"},
    {"POST", "/api/v1/scripts/*/rollback", .takes = "any"},
    {"POST", "/api/v1/scripts/*/check", .takes = "any"},
    {"POST", "/api/v1/scripts/*/run", .takes = "any"},
    {"POST", "/api/v1/scripts/*/test", .takes = "any"},
    {"POST", "/api/v1/scripts/*/replay", .takes = "any"},
    {"GET", "/api/v1/scripts/*/structure", .query = "message sample"},
    {"GET", "/api/v1/scripts/*/samples/*", .gives = "bytes"},
    {"PUT", "/api/v1/scripts/*/samples/*", .bytes = true, .status = 204},
    {"DELETE", "/api/v1/scripts/*/samples/*", .status = 204},
    {"PUT", "/api/v1/endpoints/**/switch", .takes = "any"},
    /* "kind" is each kind of object in turn. */
    {"GET", "/api/v1/*", .gives = "page kind"},
    {"GET", "/api/v1/*/**", .gives = "kind", .tagged = true},
    {"PUT", "/api/v1/*/**", .takes = "kind", .gives = "kind", .tagged = true},
    {"DELETE", "/api/v1/endpoints/**/switch/differences", .status = 204},
    {"DELETE", "/api/v1/*/**", .status = 204, .tagged = true},
};

const shape *admin_shape(const route *r) {
    static const shape plain = {.query = ""};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (strcmp(shapes[i].pattern, r->pattern) == 0 && strcmp(shapes[i].method, r->method) == 0) return &shapes[i];
    }
    return &plain;
}
