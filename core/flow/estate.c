/* core/flow/estate.c: see estate.h. Objects are checked one by one against their tables, then against each other, then
 * turned into plain structs; the order of estate_kind_names makes sure that what an object refers to is built before
 * it. */
#include "core/flow/estate_build.h"
#include "core/flow/estate_policy_settings.h"
#include "core/flow/estate_settings.h"

enum { SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024 };

static size_t part_before_colon(const char *id) {
    const char *colon = strchr(id, ':');
    return colon ? (size_t)(colon - id) : strlen(id);
}

/* "01:123456789" and "4012345000009:14": the qualifier stands where the standard has it (ISA05, ISA06; UNB 0004, 0007).
 * One that is written otherwise would fit no interchange. */
static void check_identities(builder *b, const json_t *body, const char *path) {
    enum { QUALIFIER = 2, X12_ID_MOST = 15, EDIFACT_ID_MOST = 35, EDIFACT_QUALIFIER_MOST = 4 };
    const char *x12 = json_get_text(body, "x12_id", NULL), *edifact = json_get_text(body, "edifact_id", NULL);
    if (x12) {
        size_t qualifier = part_before_colon(x12), rest = strlen(x12) - qualifier;
        if (qualifier != QUALIFIER || rest < 2 || rest - 1 > X12_ID_MOST)
            build_fault(b, path, "x12_id",
                "x12_id: write the two characters of the qualifier, a colon and the id of up to 15: 01:123456789");
    }
    if (edifact) {
        size_t id = part_before_colon(edifact), rest = strlen(edifact) - id;
        if (id < 1 || id > EDIFACT_ID_MOST || rest == 1 || rest > EDIFACT_QUALIFIER_MOST + 1)
            build_fault(
                b, path, "edifact_id", "edifact_id: write the id and, behind a colon, its qualifier: 4012345000009:14");
    }
}

static void build_station(builder *b, const json_t *body, const char *path) {
    build_check(b, estate_settings("stations"), body, path);
    check_identities(b, body, path);
    b->e->stations[b->e->station_count++] = (estate_station){
        .name = build_text(body, "name"),
        .as2_id = build_text(body, "as2_id"),
        .x12_id = build_text(body, "x12_id"),
        .edifact_id = build_text(body, "edifact_id"),
        .key = build_text(body, "key"),
        .keys = json_get_array(body, "keys"),
    };
}

/* "acme@0123abcd4567 acme_856@…"; NULL for no names. */
static const char *schemas_key(builder *b, const json_t *names) {
    buf key = BUF_MAX(PLACE_ROOM * 64);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const estate_schema *schema = name ? estate_find_schema(b->e, name) : NULL;
        if (schema) buf_printf(&key, "%s%s@%s", key.len ? " " : "", schema->name, schema->hash);
    }
    const char *kept =
        key.len && !key.overflow ? arena_copy(b->arena, span_make(buf_text(&key), key.len + 1)).data : NULL;
    buf_free(&key);
    return kept;
}

static void build_partner(builder *b, const json_t *body, const char *path) {
    static const char *const id_members[] = {"as2_id", "x12_id", "edifact_id"};
    build_check(b, estate_settings("partners"), body, path);
    check_identities(b, body, path);
    estate_partner partner = {
        .name = build_text(body, "name"),
        .as2_id = build_text(body, "as2_id"),
        .x12_id = build_text(body, "x12_id"),
        .edifact_id = build_text(body, "edifact_id"),
        .certificates = json_get_array(body, "certificates"),
        .schemas = json_get_array(body, "schemas"),
        .once = strcmp(build_text(body, "duplicate_interchanges"), "reject") == 0,
        .schemas_key = schemas_key(b, json_get_array(body, "schemas")),
    };
    for (size_t i = 0; i < b->e->partner_count; i++) {
        const estate_partner *other = &b->e->partners[i];
        const char *const mine[] = {partner.as2_id, partner.x12_id, partner.edifact_id};
        const char *const theirs[] = {other->as2_id, other->x12_id, other->edifact_id};
        for (size_t k = 0; k < 3; k++) {
            if (!*mine[k] || strcmp(mine[k], theirs[k]) != 0) continue;
            error *err = error_new(
                ERROR_INVALID, "%s \"%s\" belongs to the partner %s already", id_members[k], mine[k], other->name);
            fault_list_add(b->faults, error_at(err, "%s/%s", path, id_members[k]));
        }
    }
    b->e->partners[b->e->partner_count++] = partner;
}

static void build_script(builder *b, const json_t *body, const char *path) {
    build_check(b, estate_settings("scripts"), body, path);
    if (!json_is_string(json_object_get(body, "source"))) build_fault(b, path, "source", "source: must be text");
    b->e->scripts[b->e->script_count++] = (estate_script){
        .name = build_text(body, "name"),
        .hash = json_get_text(body, "hash", "draft"),
        .source = json_get_span(body, "source"),
    };
}

static void build_schema(builder *b, const json_t *body, const char *path) {
    build_check(b, estate_settings("schemas"), body, path);
    if (!json_is_string(json_object_get(body, "source"))) build_fault(b, path, "source", "source: must be text");
    b->e->schemas[b->e->schema_count++] = (estate_schema){
        .name = build_text(body, "name"),
        .hash = json_get_text(body, "hash", "draft"),
        .source = json_get_span(body, "source"),
    };
}

static void build_table(builder *b, const json_t *body, const char *path) {
    build_check(b, estate_settings("tables"), body, path);
    json_t *rows = json_get_object(body, "rows");
    if (rows) map_put(b->e->tables, span_of(build_text(body, "name")), rows);
}

static void build_notification(builder *b, const json_t *body, const char *path) {
    const setting *table = estate_settings("notifications");
    char place[PLACE_ROOM];
    build_check(b, table, body, path);
    snprintf(place, sizeof place, "%s/to", path);
    estate_notification notification = {
        .name = build_text(body, "name"),
        .to = build_destination(b, json_get_object(body, "to"), place),
        .on = json_get_array(body, "on"),
        .partners = json_get_array(body, "partners"),
        .after_ms = settings_integer(table, body, "after"),
        .again_ms = settings_integer(table, body, "again"),
        .retry = build_retry(body),
        .enabled = settings_boolean(table, body, "enabled"),
    };
    build_need(b, notification.to.connection, build_can_deliver(notification.to.connection), place, "be delivered to");
    b->e->notifications[b->e->notification_count++] = notification;
}

static void build_object(builder *b, const char *kind, const json_t *object) {
    char path[PLACE_ROOM];
    const json_t *body = json_get_object(object, "body");
    const char *name = build_text(object, "name");
    snprintf(path, sizeof path, "/%s/%s", kind, name);
    if (strcmp(kind, "schemas") == 0) build_schema(b, body, path);
    if (strcmp(kind, "stations") == 0) build_station(b, body, path);
    if (strcmp(kind, "partners") == 0) build_partner(b, body, path);
    if (strcmp(kind, "connections") == 0) build_connection(b, object, body, path);
    if (strcmp(kind, "scripts") == 0) build_script(b, body, path);
    if (strcmp(kind, "tables") == 0) build_table(b, body, path);
    if (strcmp(kind, "flows") == 0) build_flow(b, body, path);
    if (strcmp(kind, "policies") == 0) build_check(b, estate_policies_settings, body, path);
    if (strcmp(kind, "endpoints") == 0) build_endpoint(b, body, path);
    if (strcmp(kind, "notifications") == 0) build_notification(b, body, path);
}

static void index_objects(builder *b) {
    for (size_t i = 0; i < json_array_size(b->e->objects); i++) {
        char key[PLACE_ROOM];
        json_t *object = json_array_get(b->e->objects, i);
        snprintf(key, sizeof key, "%s/%s", build_text(object, "kind"), build_text(object, "name"));
        map_put(b->index, span_of(key), object);
    }
}

void estate_build(const json_t *objects, estate **out, fault_list *faults) {
    static atomic_llong generations;
    size_t room = json_array_size(objects) + 1;
    arena *memory = arena_new(SNAPSHOT_BYTES_MAX);
    estate *e = arena_alloc(memory, sizeof *e);
    builder b = {.e = e, .arena = memory, .faults = faults, .index = map_new()};
    e->memory = arena_alloc(memory, sizeof *e->memory);
    e->memory->arena = memory;
    e->memory->derived = json_array();
    atomic_init(&e->memory->references, 1);
    e->objects = json_incref((json_t *)objects);
    e->generation = (int64_t)atomic_fetch_add(&generations, 1) + 1;
    e->tables = map_new();
    e->stations = arena_alloc(memory, room * sizeof *e->stations);
    e->partners = arena_alloc(memory, room * sizeof *e->partners);
    e->connections = arena_alloc(memory, room * sizeof *e->connections);
    e->scripts = arena_alloc(memory, room * sizeof *e->scripts);
    e->schemas = arena_alloc(memory, room * sizeof *e->schemas);
    e->flows = arena_alloc(memory, room * sizeof *e->flows);
    e->endpoints = arena_alloc(memory, room * sizeof *e->endpoints);
    e->notifications = arena_alloc(memory, room * sizeof *e->notifications);
    index_objects(&b);
    for (size_t k = 0; estate_kind_names[k]; k++) {
        for (size_t i = 0; i < json_array_size(objects); i++) {
            const json_t *object = json_array_get(objects, i);
            if (strcmp(build_text(object, "kind"), estate_kind_names[k]) == 0)
                build_object(&b, estate_kind_names[k], object);
        }
    }
    map_free(b.index, NULL);
    *out = e;
    if (faults->count == 0) return;
    estate_release(e);
    *out = NULL;
}

estate *estate_hold(estate *e) {
    atomic_fetch_add(&e->memory->references, 1);
    return e;
}

void estate_release(estate *e) {
    if (!e || atomic_fetch_sub(&e->memory->references, 1) > 1) return;
    arena *memory = e->memory->arena;
    json_decref(e->memory->derived);
    json_decref(e->objects);
    map_free(e->tables, NULL);
    arena_free(memory);
}
