/* core/flow/estate_find.c: what a snapshot has under a name or an identity. */
#include "core/flow/estate_build.h"

#define FIND(function, type, array, count, member)                                                                     \
    const type *function(const estate *e, const char *name) {                                                          \
        for (size_t i = 0; name && i < e->count; i++) {                                                                \
            if (strcmp(e->array[i].member, name) == 0) return &e->array[i];                                            \
        }                                                                                                              \
        return NULL;                                                                                                   \
    }

FIND(estate_find_station, estate_station, stations, station_count, name)
FIND(estate_find_connection, estate_connection, connections, connection_count, name)
FIND(estate_find_partner, estate_partner, partners, partner_count, name)
FIND(estate_find_flow, estate_flow, flows, flow_count, name)
FIND(estate_find_endpoint, estate_endpoint, endpoints, endpoint_count, route)
FIND(estate_find_script, estate_script, scripts, script_count, name)
FIND(estate_find_schema, estate_schema, schemas, schema_count, name)
FIND(estate_find_notification, estate_notification, notifications, notification_count, name)

const estate_connection *estate_find_exchange(const estate *e, const char *kind, const char *from, const char *to) {
    for (size_t i = 0; i < e->connection_count; i++) {
        const estate_connection *connection = &e->connections[i];
        if (strcmp(connection->adapter->kind, kind) != 0 || !connection->station || !connection->partner) continue;
        if (to && strcmp(connection->station->as2_id, to) != 0) continue;
        if (!from || strcmp(connection->partner->as2_id, from) == 0) return connection;
    }
    return NULL;
}

const json_t *estate_find_object(const estate *e, const char *kind, const char *name) {
    for (size_t i = 0; name && i < json_array_size(e->objects); i++) {
        const json_t *object = json_array_get(e->objects, i);
        if (strcmp(json_get_text(object, "kind", ""), kind) == 0 &&
            strcmp(json_get_text(object, "name", ""), name) == 0)
            return json_get_object(object, "body");
    }
    return NULL;
}

const char *estate_station_id(const estate_station *station, const char *standard) {
    if (!station || !standard) return "";
    return strcmp(standard, "X12") == 0 ? station->x12_id : strcmp(standard, "EDIFACT") == 0 ? station->edifact_id : "";
}

const char *estate_partner_id(const estate_partner *partner, const char *standard) {
    if (!partner || !standard) return "";
    return strcmp(standard, "X12") == 0 ? partner->x12_id : strcmp(standard, "EDIFACT") == 0 ? partner->edifact_id : "";
}

/* EDIFACT leaves the qualifier to the parties: an id that is set without one stands for any. */
static bool is_identity(const char *own, const char *standard, const char *id) {
    size_t len = strlen(own);
    if (!len || !id) return false;
    if (strcmp(own, id) == 0) return true;
    return strcmp(standard, "EDIFACT") == 0 && !strchr(own, ':') && strncmp(own, id, len) == 0 && id[len] == ':';
}

bool estate_is_partner_id(const estate_partner *partner, const char *standard, const char *id) {
    return is_identity(estate_partner_id(partner, standard), standard, id);
}

bool estate_is_nobody_of_us(const estate *e, const char *standard, const char *id) {
    bool known = false;
    for (size_t i = 0; i < e->station_count; i++) {
        const char *own = estate_station_id(&e->stations[i], standard);
        if (is_identity(own, standard, id)) return false;
        known = known || *own;
    }
    return known;
}

const estate_partner *estate_partner_by_id(const estate *e, const char *standard, const char *id) {
    for (size_t i = 0; id && *id && i < e->partner_count; i++) {
        if (estate_is_partner_id(&e->partners[i], standard, id)) return &e->partners[i];
    }
    return NULL;
}
