/* core/flow/estate.c: see estate.h. Objects are checked one by one against their tables, then against each other, then
 * turned into plain structs; the order of estate_kind_names makes sure that what an object refers to is built before
 * it. */
#include "core/flow/estate.h"

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/flow/estate_policy_settings.h"
#include "core/flow/estate_settings.h"
#include "core/flow/template.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024, PLACE_ROOM = 768 };

static const int64_t poll_default_ms = 10000;

struct estate_memory {
    atomic_int references;
    arena *arena;
    json_t
        *adapter_settings; /* array that keeps derived objects alive: split settings of connections, merged endpoints */
};

typedef struct builder {
    estate *e;
    arena *arena;
    fault_list *faults;
    map *index; /* "kind/name" → object of the input */
} builder;

/* ---- looking things up ---- */

#define FIND(function, type, array, count, member)                                                                     \
    const type *function(const estate *e, const char *name) {                                                          \
        for (size_t i = 0; name && i < e->count; i++) {                                                                \
            if (strcmp(e->array[i].member, name) == 0) return &e->array[i];                                            \
        }                                                                                                              \
        return NULL;                                                                                                   \
    }

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

static const estate_station *find_station(const estate *e, const char *name) {
    for (size_t i = 0; name && i < e->station_count; i++) {
        if (strcmp(e->stations[i].name, name) == 0) return &e->stations[i];
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

/* ---- checking ---- */

bool estate_is_sealed(const json_t *value) {
    return json_is_object(value) && json_object_get(value, "sealed");
}

static void fault(builder *b, const char *path, const char *member, const char *text) {
    error *err = error_new(ERROR_INVALID, "%s", text);
    fault_list_add(b->faults, member ? error_at(err, "%s/%s", path, member) : error_at(err, "%s", path));
}

static void check_reference(builder *b, const setting *s, const json_t *value, const char *path) {
    char key[PLACE_ROOM];
    if (!json_is_string(value)) return;
    snprintf(key, sizeof key, "%s/%s", s->reference, json_string_value(value));
    if (map_get(b->index, span_of(key))) return;
    error *err = error_new(
        ERROR_INVALID, "%s: there is no \"%s\" among the %s", s->name, json_string_value(value), s->reference);
    fault_list_add(b->faults, error_at(err, "%s", path));
}

/* Does every name that a table calls a reference name something? Tables nest three levels deep at most. */
static void check_references(builder *b, const setting *table, const json_t *object, const char *path) {
    char place[PLACE_ROOM], item_place[PLACE_ROOM];
    for (const setting *s = table; s->name; s++) {
        const json_t *value = json_object_get(object, s->name);
        if (!value) continue;
        snprintf(place, sizeof place, "%s/%s", path, s->name);
        if (s->reference && s->type != SETTING_NAMES) check_reference(b, s, value, place);
        if (s->nested && s->type == SETTING_OBJECT) check_references(b, s->nested, value, place);
        for (size_t i = 0; i < json_array_size(value); i++) {
            snprintf(item_place, sizeof item_place, "%s/%zu", place, i);
            if (s->reference) check_reference(b, s, json_array_get(value, i), item_place);
            if (s->nested) check_references(b, s->nested, json_array_get(value, i), item_place);
        }
    }
}

static void check_object(builder *b, const setting *table, const json_t *body, const char *path) {
    settings_check(table, body, path, b->faults);
    check_references(b, table, body, path);
}

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
            fault(b, path, "x12_id",
                "x12_id: write the two characters of the qualifier, a colon and the id of up to 15: 01:123456789");
    }
    if (edifact) {
        size_t id = part_before_colon(edifact), rest = strlen(edifact) - id;
        if (id < 1 || id > EDIFACT_ID_MOST || rest == 1 || rest > EDIFACT_QUALIFIER_MOST + 1)
            fault(
                b, path, "edifact_id", "edifact_id: write the id and, behind a colon, its qualifier: 4012345000009:14");
    }
}

/* ---- building ---- */

static const char *text_of(const json_t *body, const char *member) {
    return json_get_text(body, member, "");
}

static void build_station(builder *b, const json_t *body, const char *path) {
    check_object(b, estate_settings("stations"), body, path);
    check_identities(b, body, path);
    b->e->stations[b->e->station_count++] = (estate_station){
        .name = text_of(body, "name"),
        .as2_id = text_of(body, "as2_id"),
        .x12_id = text_of(body, "x12_id"),
        .edifact_id = text_of(body, "edifact_id"),
        .key = text_of(body, "key"),
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
    check_object(b, estate_settings("partners"), body, path);
    check_identities(b, body, path);
    estate_partner partner = {
        .name = text_of(body, "name"),
        .as2_id = text_of(body, "as2_id"),
        .x12_id = text_of(body, "x12_id"),
        .edifact_id = text_of(body, "edifact_id"),
        .certificates = json_get_array(body, "certificates"),
        .schemas = json_get_array(body, "schemas"),
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
    const char *kind = text_of(body, "kind");
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
    json_array_append_new(b->e->memory->adapter_settings, trust);
    return trust;
}

/* Both ends of an exchange are known by their AS2 names. */
static void check_exchange(builder *b, const estate_connection *connection, const char *path) {
    if (!connection->station || !*connection->station->as2_id)
        fault(b, path, "station", "station: needs one with an as2_id, under which the partner knows us");
    if (!connection->partner || !*connection->partner->as2_id)
        fault(b, path, "partner", "partner: needs one with an as2_id, under which it is known");
}

/* When the object of an estate was written last; 0 for one that is only tried. */
static int64_t changed_ms(const json_t *object) {
    const char *text = json_get_text(object, "updated_at", NULL);
    int64_t at = 0;
    if (text) error_free(clock_parse(span_of(text), &at));
    return at;
}

static void build_connection(builder *b, const json_t *object, const json_t *body, const char *path) {
    json_t *common = json_object(), *own = json_object();
    const adapter *kind = connection_kind(b, body, path);
    split_connection(body, kind, common, own);
    check_object(b, estate_settings("connections"), common, path);
    json_array_append_new(b->e->memory->adapter_settings, own);
    if (kind) {
        check_object(b, kind->settings, own, path);
        if (kind->check && b->faults->count == 0) kind->check(own, path, b->faults);
        const char *station = json_get_text(common, "station", NULL);
        bool has_path = settings_find(kind->settings, "path");
        b->e->connections[b->e->connection_count++] = (estate_connection){
            .name = text_of(body, "name"),
            .adapter = kind,
            .settings = own,
            .body = body,
            .path = has_path ? settings_text(kind->settings, own, "path") : "{filename}",
            .station = !station && b->e->station_count == 1 ? &b->e->stations[0] : find_station(b->e, station),
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

static void build_script(builder *b, const json_t *body, const char *path) {
    check_object(b, estate_settings("scripts"), body, path);
    if (!json_is_string(json_object_get(body, "source"))) fault(b, path, "source", "source: must be text");
    b->e->scripts[b->e->script_count++] = (estate_script){
        .name = text_of(body, "name"),
        .hash = json_get_text(body, "hash", "draft"),
        .source = json_get_span(body, "source"),
    };
}

static void build_schema(builder *b, const json_t *body, const char *path) {
    check_object(b, estate_settings("schemas"), body, path);
    if (!json_is_string(json_object_get(body, "source"))) fault(b, path, "source", "source: must be text");
    b->e->schemas[b->e->schema_count++] = (estate_schema){
        .name = text_of(body, "name"),
        .hash = json_get_text(body, "hash", "draft"),
        .source = json_get_span(body, "source"),
    };
}

static void build_table(builder *b, const json_t *body, const char *path) {
    check_object(b, estate_settings("tables"), body, path);
    json_t *rows = json_get_object(body, "rows");
    if (rows) map_put(b->e->tables, span_of(text_of(body, "name")), rows);
}

static void need(builder *b, const estate_connection *connection, bool able, const char *path, const char *what) {
    if (!connection || able) return;
    error *err = error_new(ERROR_INVALID, "a connection of kind %s cannot %s", connection->adapter->kind, what);
    fault_list_add(b->faults, error_at(err, "%s", path));
}

static bool can_deliver(const estate_connection *connection) {
    return connection && (connection->adapter->stage || connection->adapter->pack);
}

static estate_destination read_destination(builder *b, const json_t *object, const char *place) {
    const setting *table = estate_destination_settings;
    const char *path = json_get_text(object, "path", NULL);
    fault_list_add(b->faults, error_at(error_wrap(path ? template_check(path) : NULL, "path"), "%s/path", place));
    return (estate_destination){
        .connection = estate_find_connection(b->e, json_get_text(object, "connection", NULL)),
        .path = path,
        .replace = strcmp(settings_text(table, object, "if_exists"), "replace") == 0,
    };
}

static estate_expectation read_expectation(const json_t *body) {
    const json_t *expect = json_get_object(body, "expect");
    if (!expect) return (estate_expectation){.acknowledgement = NULL, .within_ms = 0};
    return (estate_expectation){
        .acknowledgement = json_get_text(expect, "acknowledgement", NULL),
        .within_ms = settings_integer(estate_expect_settings, expect, "within"),
    };
}

static estate_retry read_retry(const json_t *body) {
    const setting *table = estate_retry_settings;
    const json_t *retry = json_get_object(body, "retry");
    return (estate_retry){
        .attempts = (int)settings_integer(table, retry, "attempts"),
        .first_ms = settings_integer(table, retry, "first"),
        .maximum_ms = settings_integer(table, retry, "maximum"),
    };
}

static void read_acknowledge(builder *b, const json_t *body, const char *path, estate_flow *flow) {
    const json_t *value = json_object_get(body, "acknowledge");
    char place[PLACE_ROOM];
    snprintf(place, sizeof place, "%s/acknowledge", path);
    if (!value) return;
    flow->acknowledge_to.connection = flow->from;
    json_t *object = json_is_string(value) ? json_pack("{s:O}", "kind", value) : json_incref((json_t *)value);
    if (json_is_object(object)) {
        check_object(b, estate_acknowledge_settings(), object, place);
        /* The choice's own text outlives the temporary object that a bare kind is wrapped in. */
        flow->acknowledge = json_is_string(value) ? json_string_value(value) : json_get_text(value, "kind", NULL);
        if (json_get_object(object, "to")) {
            char to[PLACE_ROOM];
            snprintf(to, sizeof to, "%s/to", place);
            flow->acknowledge_to = read_destination(b, json_get_object(value, "to"), to);
        }
        const estate_connection *to = flow->acknowledge_to.connection;
        need(b, to, can_deliver(to), place, "be delivered to");
    } else {
        fault(b, path, "acknowledge", "acknowledge: must be 997, 999, CONTRL, or an object with kind and to");
    }
    json_decref(object);
}

/* Does the connection pick up whatever is written to it? Its pattern * takes what lies in the directory itself. */
static bool feeds_itself(const estate_flow *flow, const estate_destination *to, bool filtered) {
    const estate_connection *c = flow->from;
    if (!c || c != to->connection || filtered || !c->adapter->list) return false;
    const char *pattern = flow->pattern;
    if (!pattern && settings_find(c->adapter->settings, "pattern"))
        pattern = settings_text(c->adapter->settings, c->settings, "pattern");
    return pattern && strcmp(pattern, "*") == 0 && !strchr(to->path ? to->path : c->path, '/');
}

static void build_flow(builder *b, const json_t *body, const char *path) {
    char place[PLACE_ROOM];
    check_object(b, estate_settings("flows"), body, path);
    const json_t *from = json_get_object(body, "from"), *when = json_get_object(body, "when");
    const json_t *answers = json_get_object(body, "answers"), *to = json_get_array(body, "to");
    estate_flow flow = {
        .name = text_of(body, "name"),
        .from = estate_find_connection(b->e, json_get_text(from, "connection", NULL)),
        .pattern = json_get_text(from, "path", NULL),
        .standard = json_get_text(when, "standard", NULL),
        .type = json_get_text(when, "type", NULL),
        .filename = json_get_text(when, "filename", NULL),
        .filtered = when && json_object_size(when) > 0,
        .script = json_get_text(body, "script", NULL),
        .calls = json_get_array(body, "calls"),
        .timeout_ms = settings_integer(estate_settings("flows"), body, "timeout"),
        .to_count = json_array_size(to),
        .expect = read_expectation(body),
        .answers_type = json_get_text(answers, "type", NULL),
        .answers_key = json_get_text(answers, "key", NULL),
        .retry = read_retry(body),
        .enabled = settings_boolean(estate_settings("flows"), body, "enabled"),
    };
    snprintf(place, sizeof place, "%s/from/connection", path);
    need(b, flow.from, flow.from && (flow.from->adapter->list || flow.from->adapter->unpack), place, "be a source");
    flow.to = arena_alloc(b->arena, (flow.to_count + 1) * sizeof *flow.to);
    for (size_t i = 0; i < flow.to_count; i++) {
        snprintf(place, sizeof place, "%s/to/%zu", path, i);
        flow.to[i] = read_destination(b, json_array_get(to, i), place);
        snprintf(place, sizeof place, "%s/to/%zu/connection", path, i);
        need(b, flow.to[i].connection, can_deliver(flow.to[i].connection), place, "be delivered to");
        if (feeds_itself(&flow, &flow.to[i], json_object_size(when) > 0))
            fault(b, place, NULL,
                "the flow would pick up what it writes, again and again: name a folder in path, or in from.path which "
                "files it takes");
    }
    read_acknowledge(b, body, path, &flow);
    if (flow.from) ((estate_connection *)flow.from)->source |= flow.enabled;
    b->e->flows[b->e->flow_count++] = flow;
}

static estate_access read_access(const json_t *body) {
    const char *access = settings_text(estate_settings("endpoints"), body, "access");
    return strcmp(access, "public") == 0 ? ACCESS_PUBLIC : strcmp(access, "key") == 0 ? ACCESS_KEY : ACCESS_LOCAL;
}

static estate_track read_track(const json_t *body) {
    const char *track = settings_text(estate_settings("endpoints"), body, "track");
    return strcmp(track, "none") == 0 ? TRACK_NONE : strcmp(track, "errors") == 0 ? TRACK_ERRORS : TRACK_ALL;
}

/* The endpoint with what its groups of policies add. A group replaces nothing, and members do not mix: who has a
 * rate_limit of its own has none of the group's. */
static const json_t *with_policies(builder *b, const json_t *body) {
    const json_t *groups = json_get_array(body, "policies");
    if (!groups) return body;
    json_t *merged = json_copy((json_t *)(uintptr_t)body);
    for (size_t i = 0; i < json_array_size(groups); i++) {
        char key[PLACE_ROOM];
        const char *member, *name = json_string_value(json_array_get(groups, i));
        json_t *value;
        snprintf(key, sizeof key, "policies/%s", name ? name : "");
        json_t *group = json_get_object(map_get(b->index, span_of(key)), "body");
        json_object_foreach(group, member, value) {
            bool about_it = strcmp(member, "name") == 0 || strcmp(member, "description") == 0;
            if (!about_it && !json_object_get(merged, member)) json_object_set(merged, member, value);
        }
    }
    json_array_append_new(b->e->memory->adapter_settings, merged);
    return merged;
}

static estate_repeat read_repeat(builder *b, const json_t *body, const char *path) {
    const json_t *object = json_get_object(body, "repeat"), *budget = json_object_get(object, "budget");
    estate_repeat repeat = {.times = 0, .budget = TRAFFIC_WHOLE / 5};
    if (!object) return repeat;
    repeat.times = (int)settings_integer(estate_repeat_settings, object, "times");
    repeat.first_ms = settings_integer(estate_repeat_settings, object, "first");
    error *err = budget ? traffic_parse_share(budget, &repeat.budget) : NULL;
    fault_list_add(b->faults, error_at(error_wrap(err, "budget"), "%s/repeat/budget", path));
    return repeat;
}

static estate_callback read_callback(builder *b, const json_t *body, const char *path) {
    const json_t *object = json_get_object(body, "callback");
    char place[PLACE_ROOM];
    estate_callback callback = {.on = json_get_array(object, "on")};
    if (!object) return callback;
    snprintf(place, sizeof place, "%s/callback", path);
    callback.target = read_destination(b, object, place);
    callback.retry = read_retry(object);
    const estate_connection *to = callback.target.connection;
    need(b, to, can_deliver(to), place, "be delivered to");
    return callback;
}

/* What is read or written in place has a name; only what is handed over can take the connection's own. */
static void need_path(builder *b, const estate_destination *target, const char *method, const char *place) {
    bool in_place =
        method && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "DELETE") == 0);
    if (!in_place || target->path || !target->connection || !target->connection->adapter->list) return;
    error *err = error_new(ERROR_INVALID,
        "path: a connection of kind %s needs it, such as out/{number}.csv, or {path...} where the route ends in it",
        target->connection->adapter->kind);
    fault_list_add(b->faults, error_at(err, "%s/path", place));
}

static void build_endpoint(builder *b, const json_t *body, const char *path) {
    const setting *table = estate_settings("endpoints");
    check_object(b, table, body, path);
    body = with_policies(b, body);
    const json_t *legacy = json_get_object(body, "legacy"), *modern = json_get_object(body, "modern");
    estate_endpoint endpoint = {
        .route = text_of(body, "route"),
        .description = text_of(body, "description"),
        .body = body,
        .script = json_get_text(body, "script", NULL),
        .respond_status = (int)json_get_integer(json_get_object(body, "respond"), "status", 0),
        .access = read_access(body),
        .track = read_track(body),
        .expect = read_expectation(body),
        .retry = read_retry(body),
        .repeat = read_repeat(b, body, path),
        .callback = read_callback(b, body, path),
        .timeout_ms = settings_integer(table, body, "timeout"),
        .body_bytes_max = settings_integer(table, body, "body_limit"),
    };
    estate_route route;
    error *err = estate_route_parse(endpoint.route, b->arena, &route);
    fault_list_add(b->faults, error_at(error_wrap(err, "route"), "%s/route", path));
    endpoint.method = route.method;
    endpoint.path = route.path;
    endpoint.conditions = route.conditions;
    endpoint.condition_count = route.condition_count;
    if (legacy) {
        char place[PLACE_ROOM];
        snprintf(place, sizeof place, "%s/legacy", path);
        endpoint.target = read_destination(b, legacy, place);
        endpoint.legacy = endpoint.target.connection;
        need_path(b, &endpoint.target, endpoint.method, place);
    } else if (!endpoint.script && !modern && !json_get_object(body, "respond")) {
        fault(b, path, NULL,
            "an endpoint needs a back-end (legacy, modern or both), a script that answers, or the answer itself "
            "(respond)");
    }
    if (modern) {
        char place[PLACE_ROOM];
        snprintf(place, sizeof place, "%s/modern", path);
        endpoint.modern = read_destination(b, modern, place);
        need_path(b, &endpoint.modern, endpoint.method, place);
        endpoint.modern_script =
            json_get_bool(modern, "scripted", true) ? json_get_text(modern, "script", endpoint.script) : NULL;
    }
    estate_traffic_read(body, path, b->arena, b->faults, &endpoint.traffic);
    estate_shadow_read(body, path, b->faults, &endpoint.shadow);
    b->e->endpoints[b->e->endpoint_count++] = endpoint;
}

static void build_notification(builder *b, const json_t *body, const char *path) {
    const setting *table = estate_settings("notifications");
    char place[PLACE_ROOM];
    check_object(b, table, body, path);
    snprintf(place, sizeof place, "%s/to", path);
    estate_notification notification = {
        .name = text_of(body, "name"),
        .to = read_destination(b, json_get_object(body, "to"), place),
        .on = json_get_array(body, "on"),
        .partners = json_get_array(body, "partners"),
        .after_ms = settings_integer(table, body, "after"),
        .again_ms = settings_integer(table, body, "again"),
        .retry = read_retry(body),
        .enabled = settings_boolean(table, body, "enabled"),
    };
    need(b, notification.to.connection, can_deliver(notification.to.connection), place, "be delivered to");
    b->e->notifications[b->e->notification_count++] = notification;
}

static void build_object(builder *b, const char *kind, const json_t *object) {
    char path[PLACE_ROOM];
    const json_t *body = json_get_object(object, "body");
    const char *name = text_of(object, "name");
    snprintf(path, sizeof path, "/%s/%s", kind, name);
    if (strcmp(kind, "schemas") == 0) build_schema(b, body, path);
    if (strcmp(kind, "stations") == 0) build_station(b, body, path);
    if (strcmp(kind, "partners") == 0) build_partner(b, body, path);
    if (strcmp(kind, "connections") == 0) build_connection(b, object, body, path);
    if (strcmp(kind, "scripts") == 0) build_script(b, body, path);
    if (strcmp(kind, "tables") == 0) build_table(b, body, path);
    if (strcmp(kind, "flows") == 0) build_flow(b, body, path);
    if (strcmp(kind, "policies") == 0) check_object(b, estate_policies_settings, body, path);
    if (strcmp(kind, "endpoints") == 0) build_endpoint(b, body, path);
    if (strcmp(kind, "notifications") == 0) build_notification(b, body, path);
}

static void index_objects(builder *b) {
    for (size_t i = 0; i < json_array_size(b->e->objects); i++) {
        char key[PLACE_ROOM];
        json_t *object = json_array_get(b->e->objects, i);
        snprintf(key, sizeof key, "%s/%s", text_of(object, "kind"), text_of(object, "name"));
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
    e->memory->adapter_settings = json_array();
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
            if (strcmp(text_of(object, "kind"), estate_kind_names[k]) == 0)
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
    json_decref(e->memory->adapter_settings);
    json_decref(e->objects);
    map_free(e->tables, NULL);
    arena_free(memory);
}
