/* core/flow/expiry.c: see expiry.h. */
#include "core/flow/expiry.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <stdlib.h>

static const int64_t day_ms = 24 * 3600 * 1000;
static const int64_t thresholds[] = {1, 7, 30, 60};

bool expiry_days(const estate *e, const char *certificate, int64_t now_ms, int64_t *days) {
    const json_t *body = estate_find_object(e, "certificates", certificate);
    const char *until = json_get_text(json_get_object(body, "details"), "not_after", NULL);
    int64_t ends = 0;
    error *err = until ? clock_parse(span_of(until), &ends) : NULL;
    bool known = until && !err;
    error_free(err);
    if (!known) return false;
    int64_t left = ends - now_ms;
    *days = left >= 0 ? left / day_ms : -((-left + day_ms - 1) / day_ms);
    return true;
}

/* The threshold that it has come below, 0 when it has ended; -1: none. */
static int64_t stage_of(int64_t days) {
    if (days < 0) return 0;
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++)
        if (days <= thresholds[i]) return thresholds[i];
    return -1;
}

static void tell(const estate *e, map *told, const char *name, const char *connection, bool ours) {
    int64_t now = clock_wall_ms(), days;
    if (!expiry_days(e, name, now, &days)) return;
    int64_t stage = stage_of(days), today = now / day_ms, *last = map_get(told, span_of(name));
    if (stage < 0 || (last && *last == today)) return;
    if (!last) {
        last = xcalloc(1, sizeof *last);
        map_put(told, span_of(name), last);
    }
    *last = today;
    const char *whose = ours ? "our certificate" : "the partner's certificate";
    if (days < 0)
        log_warning("connection %s: %s %s has expired; exchange a new one", connection, whose, name);
    else
        log_warning("connection %s: %s %s expires in %lld days; exchange the next one in time", connection, whose, name,
            (long long)days);
}

void expiry_look(const estate *e, map *told) {
    static const char *const lists[] = {"keys", "certificates"};
    for (size_t i = 0; i < e->connection_count; i++) {
        const estate_connection *connection = &e->connections[i];
        for (size_t k = 0; connection->trust && k < sizeof lists / sizeof *lists; k++) {
            const json_t *list = json_get_array(connection->trust, lists[k]);
            for (size_t c = 0; c < json_array_size(list); c++)
                tell(e, told, json_get_text(json_array_get(list, c), "name", ""), connection->name, k == 0);
        }
    }
}
