/* core/flow/alerts.c: see alerts.h. */
#include "core/flow/alerts.h"

#include "core/base/buf.h"
#include "core/flow/expiry.h"
#include "core/flow/offers.h"
#include "core/flow/work.h"

#include <stdio.h>
#include <stdlib.h>

enum { OVERDUE_MAX = 1000, EXPIRY_DAYS = 60, TEXT_ROOM = 512, TIME_ROOM = 40 };
static const int64_t trouble_ms = INT64_C(24) * 3600 * 1000;

/* What an alert is about; texts that are NULL are left out. */
typedef struct alert {
    const char *kind, *id; /* its key: both together are the same for as long as the cause is */
    const char *path, *at, *partner, *connection;
    int64_t count; /* 0: left out */
} alert;

__attribute__((format(printf, 3, 4))) static void add(json_t *items, const alert *a, const char *format, ...) {
    char what[TEXT_ROOM];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    json_t *item = json_object();
    json_object_set_new(item, "key", json_sprintf("%s/%s", a->kind, a->id));
    json_put_text(item, "kind", a->kind);
    json_put_text(item, "what", what);
    json_put_text(item, "path", a->path);
    json_put_text(item, "at", a->at);
    json_put_text(item, "partner", a->partner);
    json_put_text(item, "connection", a->connection);
    if (a->count) json_object_set_new(item, "count", json_integer(a->count));
    json_array_append_new(items, item);
}

static error *add_overdue(engine *e, json_t *items) {
    json_t *page = NULL;
    error *err = store_find_acknowledgements(e->options.store, true, NULL, OVERDUE_MAX, &page);
    const json_t *list = json_get_array(page, "items");
    for (size_t i = 0; i < json_array_size(list) && !err; i++) {
        const json_t *one = json_array_get(list, i);
        char path[TEXT_ROOM];
        snprintf(path, sizeof path, "/api/v1/messages/%s", json_get_text(one, "message", ""));
        const alert a = {
            .kind = "acknowledgement-overdue",
            .id = json_get_text(one, "id", json_get_text(one, "message", "")),
            .path = path,
            .at = json_get_text(one, "due_at", NULL),
            .partner = json_get_text(one, "partner", NULL),
        };
        add(items, &a, "the %s for %s %s from %s has not come in time", json_get_text(one, "kind", "answer"),
            json_get_text(one, "type", "message"), json_get_text(one, "control", ""),
            json_get_text(one, "partner", "the partner"));
    }
    json_decref(page);
    return err;
}

static void add_expiry(
    const estate *e, const char *name, const estate_connection *connection, bool ours, json_t *items, json_t *told) {
    char path[TEXT_ROOM];
    int64_t days;
    if (json_object_get(told, name) || !expiry_days(e, name, clock_wall_ms(), &days) || days > EXPIRY_DAYS) return;
    json_object_set_new(told, name, json_true());
    const json_t *details = json_get_object(estate_find_object(e, "certificates", name), "details");
    const char *whose = ours ? "our certificate" : "the partner's certificate";
    snprintf(path, sizeof path, "/api/v1/certificates/%s", name);
    const alert a = {
        .kind = days < 0 ? "certificate-expired" : "certificate-expiring",
        .id = name,
        .path = path,
        .at = json_get_text(details, "not_after", NULL),
        .partner = !ours && connection->partner ? connection->partner->name : NULL,
    };
    if (days < 0)
        add(items, &a, "%s %s has expired", whose, name);
    else
        add(items, &a, "%s %s expires in %lld days", whose, name, (long long)days);
}

/* Of exchanges that are switched on: with which they sign, encrypt, verify and decrypt. */
static void add_expiries(const estate *e, json_t *items) {
    static const char *const lists[] = {"keys", "certificates"};
    json_t *told = json_object();
    for (size_t i = 0; i < e->connection_count; i++) {
        const estate_connection *connection = &e->connections[i];
        for (size_t k = 0; connection->trust && connection->enabled && k < sizeof lists / sizeof *lists; k++) {
            const json_t *list = json_get_array(connection->trust, lists[k]);
            for (size_t n = 0; n < json_array_size(list); n++)
                add_expiry(e, json_get_text(json_array_get(list, n), "name", ""), connection, k == 0, items, told);
        }
    }
    json_decref(told);
}

static error *add_offers(engine *e, json_t *items) {
    json_t *offers = NULL;
    error *err = offers_list(e->options.store, &offers);
    for (size_t i = 0; i < json_array_size(offers) && !err; i++) {
        const json_t *offer = json_array_get(offers, i);
        bool waits = strcmp(json_get_text(offer, "status", ""), "waiting") == 0;
        if (!waits || strcmp(json_get_text(offer, "direction", ""), "in") != 0) continue;
        const alert a = {
            .kind = "certificate-offered",
            .id = json_get_text(offer, "id", ""),
            .path = "/api/v1/certificate-offers",
            .at = json_get_text(offer, "at", NULL),
            .partner = json_get_text(offer, "partner", NULL),
        };
        add(items, &a, "%s offers a new certificate, which waits for approval: %.200s",
            json_get_text(offer, "partner", "a partner"), json_get_text(offer, "subject", ""));
    }
    json_decref(offers);
    return err;
}

static const char *partner_of(const estate_connection *connection) {
    return connection && connection->partner ? connection->partner->name : NULL;
}

static void add_failing(engine *e, const estate *snapshot, json_t *items) {
    const char *name;
    json_t *one, *all = engine_health(e);
    json_object_foreach(all, name, one) {
        const estate_connection *connection = estate_find_connection(snapshot, name);
        char path[TEXT_ROOM];
        if (!connection || !connection->enabled || strcmp(json_get_text(one, "state", ""), "failing") != 0) continue;
        snprintf(path, sizeof path, "/api/v1/connections/%s", name);
        const alert a = {
            .kind = "connection-failing",
            .id = name,
            .path = path,
            .at = json_get_text(one, "since", NULL),
            .partner = partner_of(connection),
            .connection = name,
        };
        add(items, &a, "connection %s fails: %.300s", name, json_get_text(one, "error", ""));
    }
    json_decref(all);
}

/* Files that stay at a source: nobody would look for them there. */
static void add_left(engine *e, const estate *snapshot, json_t *items) {
    const char *name;
    json_t *one, *all = engine_health(e);
    json_object_foreach(all, name, one) {
        const estate_connection *connection = estate_find_connection(snapshot, name);
        const char *left = json_get_text(one, "left", NULL);
        char path[TEXT_ROOM];
        if (!connection || !connection->enabled || !left) continue;
        snprintf(path, sizeof path, "/api/v1/connections/%s", name);
        const alert a = {
            .kind = "files-left",
            .id = name,
            .path = path,
            .at = json_get_text(one, "left_since", NULL),
            .partner = partner_of(connection),
            .connection = name,
        };
        add(items, &a, "what cannot be picked up stays at connection %s: %.300s", name, left);
    }
    json_decref(all);
}

/* ---- silence */

/* One that was configured lately has had no time yet. */
static error *add_quiet(engine *e, const estate *snapshot, json_t *items) {
    int64_t now = clock_wall_ms();
    error *err = NULL;
    for (size_t i = 0; i < snapshot->connection_count && !err; i++) {
        const estate_connection *connection = &snapshot->connections[i];
        char path[TEXT_ROOM], since[CLOCK_TEXT_SIZE];
        int64_t last = 0;
        if (!connection->quiet_after_ms || !connection->enabled) continue;
        err = store_last_arrival(e->options.store, connection->name, &last);
        int64_t from = last > connection->changed_ms ? last : connection->changed_ms;
        if (err || now - from <= connection->quiet_after_ms) continue;
        snprintf(path, sizeof path, "/api/v1/messages?connection=%s&direction=in", connection->name);
        const alert a = {
            .kind = "connection-quiet",
            .id = connection->name,
            .path = path,
            .at = clock_format(from, since),
            .partner = partner_of(connection),
            .connection = connection->name,
        };
        add(items, &a, "nothing has come in by connection %s since %s", connection->name, since);
    }
    return err;
}

/* ---- messages */

static void add_trouble(const json_t *trouble, const char *kind, const char *fate, json_t *items) {
    static const char *const handlers[] = {"flow", "endpoint", "connection"};
    const char *handler = "flow", *name = NULL, *status = json_get_text(trouble, "status", "");
    char path[TEXT_ROOM], id[TEXT_ROOM], first[CLOCK_TEXT_SIZE];
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers && !name; i++) {
        handler = handlers[i];
        name = json_get_text(trouble, handler, NULL);
    }
    const char *connection = json_get_text(trouble, "connection", NULL);
    int64_t count = json_get_integer(trouble, "count", 0);
    snprintf(id, sizeof id, "%s/%s/%s/%s", status, handler, name ? name : "", connection ? connection : "");
    if (strcmp(handler, "endpoint") == 0 || !name) /* no filter of the list */
        snprintf(path, sizeof path, "/api/v1/messages?status=%s", status);
    else
        snprintf(path, sizeof path, "/api/v1/messages?status=%s&%s=%s", status, handler, name);
    const alert a = {
        .kind = kind,
        .id = id,
        .path = path,
        .at = clock_format(json_get_integer(trouble, "first_ms", 0), first),
        .partner = json_get_text(trouble, "partner", NULL),
        .connection = connection,
        .count = count,
    };
    add(items, &a, "%lld %s of %s %s %s within a day", (long long)count, count == 1 ? "message" : "messages",
        name ? handler : "no", name ? name : "flow", fate);
}

static error *add_troubles(engine *e, json_t *items) {
    json_t *troubles = NULL;
    error *err = store_troubles(e->options.store, clock_wall_ms() - trouble_ms, &troubles);
    for (size_t i = 0; i < json_array_size(troubles) && !err; i++) {
        const json_t *one = json_array_get(troubles, i);
        const char *status = json_get_text(one, "status", "");
        if (strcmp(status, "rejected") == 0)
            add_trouble(one, "messages-rejected", "rejected", items);
        else
            add_trouble(one, "messages-failed", strcmp(status, "failed") == 0 ? "failed" : "put in quarantine", items);
    }
    json_decref(troubles);
    return err;
}

static void add_space(engine *e, json_t *items) {
    error *err = store_admit(e->options.store, 0);
    const alert a = {.kind = "space-short", .id = "data", .path = "/api/v1/stats"};
    if (err) add(items, &a, "%.400s", error_text(err));
    error_free(err);
}

error *alerts_list(engine *e, json_t **items) {
    estate *snapshot = config_estate(e->options.config);
    *items = json_array();
    add_space(e, *items);
    error *err = add_troubles(e, *items);
    if (!err) err = add_overdue(e, *items);
    if (!err) err = add_quiet(e, snapshot, *items);
    if (!err) err = add_offers(e, *items);
    add_failing(e, snapshot, *items);
    add_left(e, snapshot, *items);
    add_expiries(snapshot, *items);
    estate_release(snapshot);
    if (!err) return NULL;
    json_decref(*items);
    *items = NULL;
    return err;
}
