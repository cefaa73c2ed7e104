/* core/admin/openapi_schemas.c: what the admin API's answers and bodies hold, as JSON Schemas.
 *
 * Those of the configuration's objects are made from the tables of settings; the others stand here in a notation of
 * their own: "name type" after "name type", a star behind what is always there. Types are text, time, integer, flag,
 * object, any; ?text may be null, [type] is a list, #name another schema, a|b one of these texts. */
#include "core/admin/call.h"

#include <string.h>

enum { SECRET_DEPTH_MAX = 8 };

static const struct {
    const char *name, *members;
} shown[] = {
    {"problem", "type* text, title* text, status* integer, detail text, instance text, errors [#fault]"},
    {"fault", "pointer* text, detail* text"},
    {"probe", "status* text"},
    {"session", "user* text, roles* [text], csrf* text"},
    {"sign_in", "user* text, password* text"},
    {"message",
        "id* text, direction* in|out, connection ?text, partner ?text, flow ?text, endpoint ?text, status* "
        "received|processing|waiting|completed|failed|rejected|duplicate|quarantined, reason ?text, received_at* time, "
        "updated_at time, size* integer, sha256 ?text, content_type ?text, filename ?text, script ?text, principal "
        "?text, headers any, parent ?text, children* [text], document_count integer, documents* [#document]"},
    {"document",
        "id text, position integer, standard ?text, type ?text, version ?text, control ?text, group_control ?text, "
        "interchange_control ?text, sender ?text, receiver ?text, acknowledgement ?text, acknowledgement_kind ?text, "
        "due_at ?text, acknowledged_by ?text, acknowledged_at ?text, acknowledgement_text ?text, keys* object, answers "
        "[any], answered_by [any]"},
    {"timeline", "events* [#event]"},
    {"event", "at* time, kind* text, text ?text, detail any"},
    {"job",
        "id* text, kind* text, status* ready|waiting|leased|dead, message ?text, connection ?text, attempts integer, "
        "next_at ?text, error ?text, created_at time"},
    {"alert", "key* text, kind* text, what* text, path text, at time, partner text, connection text, count integer"},
    {"made_message", "message* text"},
    {"audit_entry", "seq* integer, at* time, who* text, what* text, object ?text, detail any, hash* text"},
    {"changes", "changes* [#change], dry_run* flag"},
    {"change", "action* create|update|delete|unchanged, kind* text, name* text, fields [text]"},
    {"user", "name* text, roles* [text], created_at text"},
    {"user_change", "name text, role text, roles [text], password text"},
    {"key", "name* text, roles* [text], prefix text, owner text, scopes [text], created_at text, expires_at text, "
            "daily_requests integer, last_used_at text"},
    {"key_wish",
        "name text, role text, roles [text], owner text, scopes [text], expires_at text, daily_requests integer"},
    {"new_key", "name* text, roles* [text], key* text"},
    {"stats", "messages* object, jobs* object, acknowledgements* object, uptime_s* integer, version* text, workers* "
              "[object], "
              "connections object, public text, back_ends object"},
    {"history", "step_s* integer, items* [object]"},
};

static json_t *type_schema(span type) {
    static const char *const plain[][2] = {
        {"text", "string"}, {"integer", "integer"}, {"flag", "boolean"}, {"object", "object"}};
    if (span_is(type, "any")) return json_object();
    if (span_is(type, "time")) return json_pack("{s:s, s:s}", "type", "string", "format", "date-time");
    if (span_is(type, "?text")) return json_pack("{s:[s, s]}", "type", "string", "null");
    if (type.data[0] == '#')
        return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%.*s", (int)type.len - 1, type.data + 1));
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (span_is(type, plain[i][0])) return json_pack("{s:s}", "type", plain[i][1]);
    json_t *allowed = json_array();
    span one;
    while (span_split(&type, '|', &one))
        json_array_append_new(allowed, json_from_span(one));
    return json_pack("{s:o}", "enum", allowed);
}

static json_t *members_schema(const char *members) {
    json_t *properties = json_object(), *required = json_array();
    span rest = span_of(members), member;
    while (span_split(&rest, ',', &member)) {
        span name, type = span_trim(member);
        span_split(&type, ' ', &name);
        bool always = name.data[name.len - 1] == '*', list = type.data[0] == '[';
        if (always) name.len--;
        json_t *schema = type_schema(list ? span_make(type.data + 1, type.len - 2) : type);
        if (list) schema = json_pack("{s:s, s:o}", "type", "array", "items", schema);
        json_object_setn_new(properties, name.data, name.len, schema);
        if (always) json_array_append_new(required, json_from_span(name));
    }
    json_t *schema = json_pack("{s:s, s:o}", "type", "object", "properties", properties);
    if (json_array_size(required))
        json_object_set_new(schema, "required", required);
    else
        json_decref(required);
    return schema;
}

/* A secret is sent as text, and shown as a mark that may be sent back. Not writeOnly: it is there when it is read. */
static void describe_secrets(json_t *schema, int depth) {
    const char *name;
    json_t *property;
    if (depth > SECRET_DEPTH_MAX) return;
    json_object_foreach(json_get_object(schema, "properties"), name, property) {
        describe_secrets(property, depth + 1);
        describe_secrets(json_get_object(property, "items"), depth + 1);
        if (!json_get_bool(property, "writeOnly", false)) continue;
        json_object_del(property, "writeOnly");
        json_object_set_new(property, "type", json_pack("[s, s]", "string", "object"));
        json_object_set_new(property, "properties",
            json_pack("{s:{s:s, s:s}}", "sealed", "type", "string", "description",
                "How a secret is shown; sent back, it stays what it is"));
    }
}

/* An object as it is shown and sent back: its settings, and what the appliance adds. */
static json_t *object_schema(const char *kind) {
    json_t *schema = settings_schema(estate_settings(kind));
    json_t *properties = json_object_get(schema, "properties");
    /* A connection has the settings of its adapter besides; a certificate the facts that are told of it. */
    json_object_del(schema, "additionalProperties");
    describe_secrets(schema, 0);
    /* The path names it. */
    json_object_del(schema, "required");
    json_object_set_new(properties, "revision", json_pack("{s:s, s:b}", "type", "integer", "readOnly", 1));
    json_object_set_new(properties, "updated_at", json_pack("{s:s, s:b}", "type", "string", "readOnly", 1));
    json_object_set_new(properties, "updated_by", json_pack("{s:s, s:b}", "type", "string", "readOnly", 1));
    return schema;
}

json_t *openapi_schemas(void) {
    json_t *all = json_object();
    for (size_t k = 0; estate_kind_names[k]; k++)
        json_object_set_new(all, estate_kind_names[k], object_schema(estate_kind_names[k]));
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        json_object_set_new(all, shown[i].name, members_schema(shown[i].members));
    return all;
}
