/* core/flow/estate_connection.c: connections of an estate: which settings are the adapter's, and what one that
 * exchanges trusts. */
#include "core/base/clock.h"
#include "core/flow/estate_build.h"
#include "core/flow/estate_settings.h"

#include <stdio.h>

static const int64_t poll_default_ms = 10000;

/* Parts a connection's object: what every connection has, and what the adapter's table describes. Secrets stand as a
 * fixed word: adapters get the real ones beside the settings. */
static void split_connection(const json_t *body, const adapter *kind, json_t *common, json_t *own) {
    const char *key;
    json_t *value;
    const setting *table = estate_settings("connections");
    json_object_foreach((json_t *)body, key, value) {
        const setting *s = kind ? settings_find(kind->settings, key) : NULL;
        if (settings_find(table, key))
            json_object_set(common, key, value);
        else if (s && s->secret && estate_is_sealed(value))
            json_object_set_new(own, key, json_string("(sealed)"));
        else
            json_object_set(own, key, value);
    }
}

static const adapter *connection_kind(builder *b, const json_t *body, const char *path) {
    const char *kind = build_text(body, "kind");
    const adapter *found = adapter_find(kind);
    if (found || !*kind) return found;
    buf known = BUF_MAX(512);
    for (size_t i = 0; adapters[i]; i++)
        buf_printf(&known, "%s%s", i ? ", " : "", adapters[i]->kind);
    error *err =
        error_new(ERROR_INVALID, "there is no adapter for the kind \"%s\"; known are: %s", kind, buf_text(&known));
    fault_list_add(b->faults, error_at(err, "%s/kind", path));
    buf_free(&known);
    return NULL;
}

static int64_t adapter_duration(const adapter *kind, const json_t *own, const char *name, int64_t fallback) {
    if (!settings_find(kind->settings, name)) return fallback;
    int64_t ms = settings_integer(kind->settings, own, name);
    return ms > 0 ? ms : fallback;
}

/* ---- what a kind that exchanges trusts */

static int64_t time_of(builder *b, const json_t *body, const char *member, const char *path, int64_t fallback) {
    int64_t at = fallback;
    const char *text = json_get_text(body, member, NULL);
    error *err = text ? clock_parse(span_of(text), &at) : NULL;
    fault_list_add(b->faults, error_at(error_wrap(err, "%s", member), "%s/%s", path, member));
    return at;
}

static void add_trusted(builder *b, json_t *list, const char *name) {
    char place[PLACE_ROOM];
    int64_t from = 0;
    snprintf(place, sizeof place, "certificates/%s", name);
    const json_t *object = map_get(b->index, span_of(place));
    const json_t *body = json_get_object(object, "body");
    const char *pem = json_get_text(body, "certificate", NULL);
    const char *begins = json_get_text(json_get_object(body, "details"), "not_before", NULL);
    if (!pem) return;
    error_free(begins ? clock_parse(span_of(begins), &from) : NULL);
    snprintf(place, sizeof place, "/certificates/%s", name);
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:I, s:I, s:s, s:b}", "name", name, "certificate", pem, "valid_from",
                  (json_int_t)time_of(b, body, "valid_from", place, from), "valid_until",
                  (json_int_t)time_of(b, body, "valid_until", place, 0), "use", json_get_text(body, "use", "both"),
                  "sealed", estate_is_sealed(json_object_get(body, "private_key"))));
}

static json_t *read_trust(builder *b, const estate_connection *connection) {
    json_t *keys = json_array(), *certificates = json_array();
    const estate_station *station = connection->station;
    if (station && *station->key) add_trusted(b, keys, station->key);
    for (size_t i = 0; station && i < json_array_size(station->keys); i++)
        add_trusted(b, keys, json_string_value(json_array_get(station->keys, i)));
    const json_t *names = connection->partner ? connection->partner->certificates : NULL;
    for (size_t i = 0; i < json_array_size(names); i++)
        add_trusted(b, certificates, json_string_value(json_array_get(names, i)));
    json_t *trust = json_pack("{s:o, s:o}", "keys", keys, "certificates", certificates);
    json_array_append_new(b->e->memory->derived, trust);
    return trust;
}

/* Both ends of an exchange are known by their AS2 names. */
static void check_exchange(builder *b, const estate_connection *connection, const char *path) {
    if (!connection->station || !*connection->station->as2_id)
        build_fault(b, path, "station", "station: needs one with an as2_id, under which the partner knows us");
    if (!connection->partner || !*connection->partner->as2_id)
        build_fault(b, path, "partner", "partner: needs one with an as2_id, under which it is known");
}

/* When the object of an estate was written last; 0 for one that is only tried. */
static int64_t changed_ms(const json_t *object) {
    const char *text = json_get_text(object, "updated_at", NULL);
    int64_t at = 0;
    if (text) error_free(clock_parse(span_of(text), &at));
    return at;
}

void build_connection(builder *b, const json_t *object, const json_t *body, const char *path) {
    json_t *common = json_object(), *own = json_object();
    const adapter *kind = connection_kind(b, body, path);
    split_connection(body, kind, common, own);
    build_check(b, estate_settings("connections"), common, path);
    json_array_append_new(b->e->memory->derived, own);
    if (kind) {
        build_check(b, kind->settings, own, path);
        if (kind->check && b->faults->count == 0) kind->check(own, path, b->faults);
        const char *station = json_get_text(common, "station", NULL);
        bool has_path = settings_find(kind->settings, "path");
        b->e->connections[b->e->connection_count++] = (estate_connection){
            .name = build_text(body, "name"),
            .adapter = kind,
            .settings = own,
            .body = body,
            .path = has_path ? settings_text(kind->settings, own, "path") : "{filename}",
            .station = !station && b->e->station_count == 1 ? &b->e->stations[0] : estate_find_station(b->e, station),
            .partner = estate_find_partner(b->e, json_get_text(common, "partner", NULL)),
            .revision = json_get_integer(object, "revision", 0),
            .changed_ms = changed_ms(object),
            .timeout_ms = adapter_duration(kind, own, "timeout", 30000),
            .poll_ms = adapter_duration(kind, own, "poll", poll_default_ms),
            .quiet_after_ms = settings_integer(estate_settings("connections"), common, "quiet_after"),
            .enabled = settings_boolean(estate_settings("connections"), common, "enabled"),
        };
        estate_connection *built = &b->e->connections[b->e->connection_count - 1];
        if (kind->pack) {
            check_exchange(b, built, path);
            built->trust = read_trust(b, built);
            /* Keys and certificates are objects of their own: any change of the estate may concern them. */
            built->revision = b->e->generation;
        }
    }
    json_decref(common);
}
