/* core/flow/estate_parts.c: what the builders of an estate's objects share: their checks, and the members that several
 * kinds have. */
#include "core/flow/estate_build.h"
#include "core/flow/estate_settings.h"
#include "core/flow/template.h"

#include <stdio.h>

bool estate_is_sealed(const json_t *value) {
    return json_is_object(value) && json_object_get(value, "sealed");
}

void build_fault(builder *b, const char *path, const char *member, const char *text) {
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

void build_check(builder *b, const setting *table, const json_t *body, const char *path) {
    settings_check(table, body, path, b->faults);
    check_references(b, table, body, path);
}

void build_need(builder *b, const estate_connection *connection, bool able, const char *path, const char *what) {
    if (!connection || able) return;
    error *err = error_new(ERROR_INVALID, "a connection of kind %s cannot %s", connection->adapter->kind, what);
    fault_list_add(b->faults, error_at(err, "%s", path));
}

bool build_can_deliver(const estate_connection *connection) {
    return connection && (connection->adapter->stage || connection->adapter->pack);
}

estate_destination build_destination(builder *b, const json_t *object, const char *place) {
    const setting *table = estate_destination_settings;
    const char *path = json_get_text(object, "path", NULL);
    fault_list_add(b->faults, error_at(error_wrap(path ? template_check(path) : NULL, "path"), "%s/path", place));
    return (estate_destination){
        .connection = estate_find_connection(b->e, json_get_text(object, "connection", NULL)),
        .path = path,
        .replace = strcmp(settings_text(table, object, "if_exists"), "replace") == 0,
    };
}

estate_expectation build_expectation(const json_t *body) {
    const json_t *expect = json_get_object(body, "expect");
    if (!expect) return (estate_expectation){.acknowledgement = NULL, .within_ms = 0};
    return (estate_expectation){
        .acknowledgement = json_get_text(expect, "acknowledgement", NULL),
        .within_ms = settings_integer(estate_expect_settings, expect, "within"),
    };
}

estate_retry build_retry(const json_t *body) {
    const setting *table = estate_retry_settings;
    const json_t *retry = json_get_object(body, "retry");
    return (estate_retry){
        .attempts = (int)settings_integer(table, retry, "attempts"),
        .first_ms = settings_integer(table, retry, "first"),
        .maximum_ms = settings_integer(table, retry, "maximum"),
    };
}
