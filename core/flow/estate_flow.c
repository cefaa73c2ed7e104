/* core/flow/estate_flow.c: flows of an estate: where they take from and deliver to, and what they acknowledge. */
#include "core/flow/estate_build.h"
#include "core/flow/estate_settings.h"

#include <stdio.h>

static void read_acknowledge(builder *b, const json_t *body, const char *path, estate_flow *flow) {
    const json_t *value = json_object_get(body, "acknowledge");
    char place[PLACE_ROOM];
    snprintf(place, sizeof place, "%s/acknowledge", path);
    if (!value) return;
    flow->acknowledge_to.connection = flow->from;
    json_t *object = json_is_string(value) ? json_pack("{s:O}", "kind", value) : json_incref((json_t *)value);
    if (json_is_object(object)) {
        build_check(b, estate_acknowledge_settings(), object, place);
        /* The choice's own text outlives the temporary object that a bare kind is wrapped in. */
        flow->acknowledge = json_is_string(value) ? json_string_value(value) : json_get_text(value, "kind", NULL);
        if (json_get_object(object, "to")) {
            char to[PLACE_ROOM];
            snprintf(to, sizeof to, "%s/to", place);
            flow->acknowledge_to = build_destination(b, json_get_object(value, "to"), to);
        }
        const estate_connection *to = flow->acknowledge_to.connection;
        build_need(b, to, build_can_deliver(to), place, "be delivered to");
    } else {
        build_fault(b, path, "acknowledge", "acknowledge: must be 997, 999, CONTRL, or an object with kind and to");
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

void build_flow(builder *b, const json_t *body, const char *path) {
    char place[PLACE_ROOM];
    build_check(b, estate_settings("flows"), body, path);
    const json_t *from = json_get_object(body, "from"), *when = json_get_object(body, "when");
    const json_t *answers = json_get_object(body, "answers"), *to = json_get_array(body, "to");
    estate_flow flow = {
        .name = build_text(body, "name"),
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
        .expect = build_expectation(body),
        .answers_type = json_get_text(answers, "type", NULL),
        .answers_key = json_get_text(answers, "key", NULL),
        .retry = build_retry(body),
        .enabled = settings_boolean(estate_settings("flows"), body, "enabled"),
    };
    snprintf(place, sizeof place, "%s/from/connection", path);
    build_need(
        b, flow.from, flow.from && (flow.from->adapter->list || flow.from->adapter->unpack), place, "be a source");
    flow.to = arena_alloc(b->arena, (flow.to_count + 1) * sizeof *flow.to);
    for (size_t i = 0; i < flow.to_count; i++) {
        snprintf(place, sizeof place, "%s/to/%zu", path, i);
        flow.to[i] = build_destination(b, json_array_get(to, i), place);
        snprintf(place, sizeof place, "%s/to/%zu/connection", path, i);
        build_need(b, flow.to[i].connection, build_can_deliver(flow.to[i].connection), place, "be delivered to");
        if (feeds_itself(&flow, &flow.to[i], json_object_size(when) > 0))
            build_fault(b, place, NULL,
                "the flow would pick up what it writes, again and again: name a folder in path, or in from.path which "
                "files it takes");
    }
    read_acknowledge(b, body, path, &flow);
    if (flow.from) ((estate_connection *)flow.from)->source |= flow.enabled;
    b->e->flows[b->e->flow_count++] = flow;
}
