/* core/admin/openapi.c: the admin API's own description, made from the table of routes and the tables of settings
 * (OpenAPI 3.1). */
#include "core/admin/call.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { PATH_ROOM = 256, NAME_ROOM = 96 };

/* "/api/v1/messages/\*" as "/api/v1/messages/{id}"; the names follow from what stands before the star. Of a route for
 * all kinds of objects this is the one of `kind`. */
static void write_path(const char *pattern, const char *kind, char path[PATH_ROOM]) {
    size_t n = 0;
    for (const char *p = pattern; *p && n + NAME_ROOM < PATH_ROOM; p++) {
        if (*p != '*') {
            path[n++] = *p;
            continue;
        }
        path[n] = '\0';
        bool is_kind = kind && p == pattern + strlen("/api/v1/");
        const char *inner = strstr(pattern, "/versions/")  ? "{version}"
                            : strstr(pattern, "/samples/") ? "{sample}"
                                                           : NULL;
        bool is_id = strstr(pattern, "/messages/") || strstr(pattern, "/certificate-offers/");
        const char *name = is_kind                       ? kind
                           : is_id                       ? "{id}"
                           : inner && !p[1]              ? inner
                           : strstr(path, "/endpoints/") ? "{route}"
                                                         : "{name}";
        n += (size_t)snprintf(path + n, PATH_ROOM - n, "%s", name);
        while (p[1] == '*')
            p++;
    }
    path[n] = '\0';
}

static json_t *named(const char *name) {
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", name));
}

static json_t *text_like(const char *pattern) {
    return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern);
}

static json_t *path_schema(span name) {
    if (span_is(name, "name")) return text_like("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$");
    if (span_is(name, "id")) return text_like("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$");
    if (span_is(name, "version")) return json_pack("{s:s, s:i}", "type", "integer", "minimum", 1);
    /* A route is "GET /orders/{number}" or "/catalog/\*", a sample is called like a file. */
    return text_like("^[^\\u0000-\\u001F\\u007F\\\\]+$");
}

static void add_path_parameters(json_t *list, const char *path) {
    span rest = span_of(path), part;
    while (span_split(&rest, '/', &part)) {
        if (part.len < 3 || part.data[0] != '{') continue;
        span name = span_make(part.data + 1, part.len - 2);
        json_array_append_new(list, json_pack("{s:o, s:s, s:b, s:o}", "name", json_from_span(name), "in", "path",
                                        "required", 1, "schema", path_schema(name)));
    }
}

static json_t *parameter_schema(const route *r, span name) {
    static const char *const flags[] = {"overdue", "dry_run", "prune", "exchange", "optional"};
    if (span_is(name, "limit")) return json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 1, "maximum", 1000);
    if (span_is(name, "hours"))
        return json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 1, "maximum", HISTORY_HOURS_MAX);
    if (span_is(name, "direction")) return json_pack("{s:[s, s]}", "enum", "in", "out");
    if (span_is(name, "since") || span_is(name, "until"))
        return json_pack("{s:s, s:s}", "type", "string", "format", "date-time");
    if (span_is(name, "status"))
        return strstr(r->pattern, "/jobs")
                   ? json_pack("{s:[s, s, s, s]}", "enum", "ready", "waiting", "leased", "dead")
                   : json_pack("{s:[s, s, s, s, s, s, s, s]}", "enum", "received", "processing", "waiting", "completed",
                         "failed", "rejected", "duplicate", "quarantined");
    if (span_is(name, "after") && strstr(r->pattern, "/audit"))
        return json_pack("{s:s, s:i}", "type", "integer", "minimum", 1);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (span_is(name, flags[i])) return json_pack("{s:s}", "type", "boolean");
    return json_pack("{s:s}", "type", "string");
}

static void add_parameter(json_t *list, span name, const char *in, json_t *take_schema) {
    json_array_append_new(
        list, json_pack("{s:o, s:s, s:o}", "name", json_from_span(name), "in", in, "schema", take_schema));
}

static void add_query_parameters(json_t *list, const route *r) {
    const char *query = admin_shape(r)->query;
    span rest = span_of(query ? query : ""), name;
    while (span_split(&rest, ' ', &name))
        if (name.len) add_parameter(list, name, "query", parameter_schema(r, name));
}

static json_t *content(const char *type, json_t *take_schema) {
    return json_pack("{s:{s:o}}", type, "schema", take_schema);
}

static json_t *schema_called(const char *name, const char *kind) {
    return strcmp(name, "any") == 0 ? json_object() : named(strcmp(name, "kind") == 0 ? kind : name);
}

static json_t *page_of(json_t *take_item) {
    return json_pack("{s:s, s:[s], s:{s:{s:s, s:o}, s:{}}}", "type", "object", "required", "items", "properties",
        "items", "type", "array", "items", take_item, "next");
}

static json_t *answer_content(const char *gives, const char *kind) {
    json_t *bytes = json_pack("{s:s}", "type", "string");
    if (gives && strcmp(gives, "bytes") == 0) return content("application/octet-stream", bytes);
    if (gives && strcmp(gives, "text") == 0) return content("text/plain", bytes);
    if (gives && strcmp(gives, "stream") == 0) return content("text/event-stream", bytes);
    json_decref(bytes);
    if (!gives) return content("application/json", json_object());
    bool page = strncmp(gives, "page ", 5) == 0;
    json_t *schema = schema_called(page ? gives + 5 : gives, kind);
    return content("application/json", page ? page_of(schema) : schema);
}

static json_t *responses(const route *r, const shape *s, const char *kind) {
    char status[8];
    int good = s->status ? s->status : 200;
    snprintf(status, sizeof status, "%d", good);
    json_t *answer = json_pack("{s:s}", "description", "Done"), *all = json_object(), *headers = json_object();
    if (good != 204) json_object_set_new(answer, "content", answer_content(s->gives, kind));
    if (s->tagged && good != 204)
        json_object_set_new(headers, "ETag", json_pack("{s:{s:s}}", "schema", "type", "string"));
    if (s->gives && strncmp(s->gives, "page ", 5) == 0 && s->query)
        json_object_set_new(headers, "Link",
            json_pack("{s:s, s:{s:s}}", "description", "The next page (RFC 8288)", "schema", "type", "string"));
    if (json_object_size(headers)) json_object_set(answer, "headers", headers);
    json_decref(headers);
    json_object_set_new(all, status, answer);
    if (s->tagged && strcmp(r->method, "GET") == 0)
        json_object_set_new(all, "304", json_pack("{s:s}", "description", "It is what If-None-Match names"));
    json_object_set_new(all, "default",
        json_pack("{s:s, s:{s:{s:o}}}", "description", "What went wrong and what to do (RFC 9457)", "content",
            "application/problem+json", "schema", named("problem")));
    return all;
}

static json_t *operation(const route *r, const char *path, const char *kind) {
    const shape *s = admin_shape(r);
    json_t *parameters = json_array(), *text = json_pack("{s:s}", "type", "string");
    bool reads = strcmp(r->method, "GET") == 0;
    add_path_parameters(parameters, path);
    add_query_parameters(parameters, r);
    if (s->tagged && !reads) add_parameter(parameters, SPAN("If-Match"), "header", json_incref(text));
    if (s->tagged) add_parameter(parameters, SPAN("If-None-Match"), "header", json_incref(text));
    json_t *one = json_pack(
        "{s:s, s:o, s:o}", "summary", r->summary, "parameters", parameters, "responses", responses(r, s, kind));
    if (s->takes || s->bytes) {
        json_t *body = s->bytes ? content("application/octet-stream", json_incref(text))
                                : content("application/json", schema_called(s->takes, kind));
        json_object_set_new(one, "requestBody", json_pack("{s:b, s:o}", "required", 1, "content", body));
    }
    if (r->least == ROLE_COUNT)
        json_object_set_new(one, "security", json_array());
    else
        json_object_set_new(one, "x-role", json_string(role_name(r->least)));
    json_decref(text);
    return one;
}

static void add_operation(json_t *all, const route *r, const char *kind) {
    char path[PATH_ROOM], method[16];
    size_t n = 0;
    write_path(r->pattern, kind, path);
    for (; r->method[n] && n < sizeof method - 1; n++)
        method[n] = (char)tolower((unsigned char)r->method[n]);
    method[n] = '\0';
    json_t *item = json_object_get(all, path);
    if (!item) json_object_set_new(all, path, item = json_object());
    json_object_set_new(item, method, operation(r, path, kind));
}

static json_t *paths(void) {
    json_t *all = json_object();
    for (const route *r = admin_routes(); r->method; r++) {
        bool generic = strncmp(r->pattern, "/api/v1/*", 9) == 0;
        if (strcmp(r->pattern, "/**") == 0) continue;
        if (!generic) add_operation(all, r, NULL);
        for (size_t k = 0; generic && estate_kind_names[k]; k++)
            add_operation(all, r, estate_kind_names[k]);
    }
    return all;
}

error *openapi_show(call *c, http_response **response) {
    *response = call_json(200, json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:{s:{s:s, s:s}}, s:o}, s:[{s:[]}]}", "openapi",
                                   "3.1.0", "info", "title", "Banyan admin API", "version", c->admin->options.version,
                                   "paths", paths(), "components", "securitySchemes", "key", "type", "http", "scheme",
                                   "bearer", "schemas", openapi_schemas(), "security", "key"));
    return NULL;
}
