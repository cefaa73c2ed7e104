/* core/admin/alerts.c: what somebody should look at now, in one list: for people's eyes and for what watches
 * appliances.
 *
 * Nothing is kept: each alert is true at the moment of the question, and gone when its cause is.
 */
#include "core/admin/call.h"
#include "core/base/clock.h"
#include "core/flow/expiry.h"
#include "core/flow/offers.h"

#include <stdio.h>

enum { OVERDUE_MAX = 1000, EXPIRY_DAYS = 60, TEXT_ROOM = 512 };

static void add(json_t *items, const char *kind, const char *what, const char *path, const char *at) {
    json_t *item = json_pack("{s:s, s:s, s:s}", "kind", kind, "what", what, "path", path);
    json_put_text(item, "at", at);
    json_array_append_new(items, item);
}

static error *add_overdue(call *c, json_t *items) {
    json_t *page = NULL;
    error *err = store_find_acknowledgements(c->admin->options.store, true, NULL, OVERDUE_MAX, &page);
    const json_t *list = json_get_array(page, "items");
    for (size_t i = 0; i < json_array_size(list) && !err; i++) {
        const json_t *one = json_array_get(list, i);
        char what[TEXT_ROOM], path[TEXT_ROOM];
        snprintf(what, sizeof what, "the %s for %s %s from %s has not come in time",
            json_get_text(one, "kind", "answer"), json_get_text(one, "type", "message"),
            json_get_text(one, "control", ""), json_get_text(one, "partner", "the partner"));
        snprintf(path, sizeof path, "/api/v1/messages/%s", json_get_text(one, "message", ""));
        add(items, "acknowledgement-overdue", what, path, json_get_text(one, "due_at", NULL));
    }
    json_decref(page);
    return err;
}

static void add_expiry(const estate *e, const char *name, bool ours, json_t *items, json_t *told) {
    char what[TEXT_ROOM], path[TEXT_ROOM];
    int64_t days;
    if (json_object_get(told, name) || !expiry_days(e, name, clock_wall_ms(), &days) || days > EXPIRY_DAYS) return;
    json_object_set_new(told, name, json_true());
    const json_t *details = json_get_object(estate_find_object(e, "certificates", name), "details");
    const char *whose = ours ? "our certificate" : "the partner's certificate";
    if (days < 0)
        snprintf(what, sizeof what, "%s %s has expired", whose, name);
    else
        snprintf(what, sizeof what, "%s %s expires in %lld days", whose, name, (long long)days);
    snprintf(path, sizeof path, "/api/v1/certificates/%s", name);
    add(items, days < 0 ? "certificate-expired" : "certificate-expiring", what, path,
        json_get_text(details, "not_after", NULL));
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
                add_expiry(e, json_get_text(json_array_get(list, n), "name", ""), k == 0, items, told);
        }
    }
    json_decref(told);
}

static error *add_offers(call *c, json_t *items) {
    json_t *offers = NULL;
    error *err = offers_list(c->admin->options.store, &offers);
    for (size_t i = 0; i < json_array_size(offers) && !err; i++) {
        const json_t *offer = json_array_get(offers, i);
        bool waits = strcmp(json_get_text(offer, "status", ""), "waiting") == 0;
        char what[TEXT_ROOM];
        if (!waits || strcmp(json_get_text(offer, "direction", ""), "in") != 0) continue;
        snprintf(what, sizeof what, "%s offers a new certificate, which waits for approval: %.200s",
            json_get_text(offer, "partner", "a partner"), json_get_text(offer, "subject", ""));
        add(items, "certificate-offered", what, "/api/v1/certificate-offers", json_get_text(offer, "at", NULL));
    }
    json_decref(offers);
    return err;
}

static void add_failing(engine *e, json_t *items) {
    const char *name;
    json_t *one, *all = engine_health(e);
    json_object_foreach(all, name, one) {
        char what[TEXT_ROOM], path[TEXT_ROOM];
        if (strcmp(json_get_text(one, "state", ""), "failing") != 0) continue;
        snprintf(what, sizeof what, "connection %s fails: %.300s", name, json_get_text(one, "error", ""));
        snprintf(path, sizeof path, "/api/v1/connections/%s", name);
        add(items, "connection-failing", what, path, json_get_text(one, "since", NULL));
    }
    json_decref(all);
}

/* GET /alerts */
error *alert_list(call *c, http_response **response) {
    json_t *items = json_array();
    estate *snapshot = config_estate(c->admin->options.config);
    error *err = add_overdue(c, items);
    if (!err) add_expiries(snapshot, items);
    if (!err) err = add_offers(c, items);
    if (!err) add_failing(c->admin->options.engine, items);
    estate_release(snapshot);
    if (err)
        json_decref(items);
    else
        *response = call_json(200, json_pack("{s:o}", "items", items));
    return err;
}
