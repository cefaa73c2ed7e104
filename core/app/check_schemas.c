/* core/app/check_schemas.c: see check_schemas.h. */
#include "core/app/check_schemas.h"

#include "core/flow/call.h"

enum { PLACE_ROOM = 512 };

static void add_source(json_t *sources, const estate_schema *schema) {
    json_t *one = json_object();
    json_put_text(one, "name", schema->name);
    json_put_span(one, "source", schema->source);
    json_array_append_new(sources, one);
}

/* Takes `sources`. A fault names the schema in which it is, else `place`. */
static bool compile(worker_pool *pool, const estate *e, json_t *sources, const char *place, fault_list *faults) {
    json_t *answer = NULL;
    frame reply;
    error *err = call_translator(
        pool, NULL, OPERATION_CHECK_SCHEMAS, json_pack("{s:o}", "sources", sources), NULL, &reply, &answer);
    json_decref(answer);
    if (!err) {
        frame_clear(&reply);
        return true;
    }
    char at[PLACE_ROOM];
    snprintf(at, sizeof at, "%s", place);
    for (size_t i = 0; i < e->schema_count; i++) {
        size_t len = strlen(e->schemas[i].name);
        if (strncmp(error_where(err), e->schemas[i].name, len) == 0 &&
            strncmp(error_where(err) + len, ".schema", 7) == 0)
            snprintf(at, sizeof at, "/schemas/%s/source", e->schemas[i].name);
    }
    fault_list_add(faults, error_at(error_new(error_code_of(err), "%s", error_text(err)), "%s", at));
    error_free(err);
    return false;
}

static void check_alone(
    worker_pool *pool, map *good, const estate *e, const estate_schema *schema, fault_list *faults) {
    char key[PLACE_ROOM];
    snprintf(key, sizeof key, "%s@%s", schema->name, schema->hash);
    if (map_get(good, span_of(key))) return;
    json_t *sources = json_array();
    add_source(sources, schema);
    if (compile(pool, e, sources, "/schemas", faults)) map_put(good, span_of(key), good);
}

static void check_partner(
    worker_pool *pool, map *good, const estate *e, const estate_partner *partner, fault_list *faults) {
    char place[PLACE_ROOM];
    snprintf(place, sizeof place, "/partners/%s/schemas", partner->name);
    if (map_get(good, span_of(partner->schemas_key))) return;
    json_t *sources = json_array();
    for (size_t i = 0; i < json_array_size(partner->schemas); i++) {
        const char *name = json_string_value(json_array_get(partner->schemas, i));
        const estate_schema *schema = estate_find_schema(e, name);
        if (schema) add_source(sources, schema);
    }
    if (compile(pool, e, sources, place, faults)) map_put(good, span_of(partner->schemas_key), good);
}

static bool is_used(const estate *e, const char *name) {
    for (size_t i = 0; i < e->partner_count; i++) {
        const json_t *names = e->partners[i].schemas;
        for (size_t k = 0; k < json_array_size(names); k++) {
            const char *one = json_string_value(json_array_get(names, k));
            if (one && strcmp(one, name) == 0) return true;
        }
    }
    return false;
}

void check_schemas(worker_pool *pool, map *good, const estate *e, fault_list *faults) {
    for (size_t i = 0; i < e->partner_count; i++) {
        if (e->partners[i].schemas_key) check_partner(pool, good, e, &e->partners[i], faults);
    }
    for (size_t i = 0; i < e->schema_count; i++) {
        if (!is_used(e, e->schemas[i].name)) check_alone(pool, good, e, &e->schemas[i], faults);
    }
}
