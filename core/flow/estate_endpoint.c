/* core/flow/estate_endpoint.c: endpoints of an estate: their routes, their sides, and what their groups of policies
 * add. */
#include "core/flow/estate_build.h"
#include "core/flow/estate_policy_settings.h"
#include "core/flow/estate_settings.h"

#include <stdio.h>

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
    json_array_append_new(b->e->memory->derived, merged);
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
    callback.target = build_destination(b, object, place);
    callback.retry = build_retry(object);
    const estate_connection *to = callback.target.connection;
    build_need(b, to, build_can_deliver(to), place, "be delivered to");
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

void build_endpoint(builder *b, const json_t *body, const char *path) {
    const setting *table = estate_settings("endpoints");
    build_check(b, table, body, path);
    body = with_policies(b, body);
    const json_t *legacy = json_get_object(body, "legacy"), *modern = json_get_object(body, "modern");
    estate_endpoint endpoint = {
        .route = build_text(body, "route"),
        .description = build_text(body, "description"),
        .body = body,
        .script = json_get_text(body, "script", NULL),
        .respond_status = (int)json_get_integer(json_get_object(body, "respond"), "status", 0),
        .access = read_access(body),
        .track = read_track(body),
        .expect = build_expectation(body),
        .retry = build_retry(body),
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
        endpoint.target = build_destination(b, legacy, place);
        endpoint.legacy = endpoint.target.connection;
        need_path(b, &endpoint.target, endpoint.method, place);
    } else if (!endpoint.script && !modern && !json_get_object(body, "respond")) {
        build_fault(b, path, NULL,
            "an endpoint needs a back-end (legacy, modern or both), a script that answers, or the answer itself "
            "(respond)");
    }
    if (modern) {
        char place[PLACE_ROOM];
        snprintf(place, sizeof place, "%s/modern", path);
        endpoint.modern = build_destination(b, modern, place);
        need_path(b, &endpoint.modern, endpoint.method, place);
        endpoint.modern_script =
            json_get_bool(modern, "scripted", true) ? json_get_text(modern, "script", endpoint.script) : NULL;
    }
    estate_traffic_read(body, path, b->arena, b->faults, &endpoint.traffic);
    estate_shadow_read(body, path, b->faults, &endpoint.shadow);
    b->e->endpoints[b->e->endpoint_count++] = endpoint;
}
