/* core/admin/openapi.c: the admin API's own description, made from the table of routes and the tables of settings
 * (OpenAPI 3.1). */
#include "core/admin/call.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { PATH_ROOM = 256 };

/* "/api/v1/messages/\*" as "/api/v1/messages/{id}". The names follow from what stands before the star. */
static void write_path(const char *pattern, char path[PATH_ROOM]) {
    size_t n = 0;
    bool kind_seen = false;
    for (const char *p = pattern; *p && n + 8 < PATH_ROOM; p++) {
        if (*p != '*') {
            path[n++] = *p;
            continue;
        }
        bool is_kind = strncmp(pattern, "/api/v1/*", 9) == 0 && !kind_seen;
        const char *name = is_kind ? "{kind}" : strstr(pattern, "messages") ? "{id}" : "{name}";
        n += (size_t)snprintf(path + n, PATH_ROOM - n, "%s", name);
        kind_seen = true;
        while (p[1] == '*')
            p++;
    }
    path[n] = '\0';
}

static void add_parameter(json_t *list, const char *path, const char *name, const char *braced) {
    if (strstr(path, braced))
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", name, "in", "path", "required", 1,
                                        "schema", "type", "string"));
}

static json_t *operation(const route *r, const char *path) {
    json_t *parameters = json_array();
    add_parameter(parameters, path, "kind", "{kind}");
    add_parameter(parameters, path, "name", "{name}");
    add_parameter(parameters, path, "id", "{id}");
    json_t *problem = json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", "What went wrong and what to do (RFC 9457)",
        "content", "application/problem+json", "schema", "$ref", "#/components/schemas/problem");
    json_t *one = json_pack("{s:s, s:o, s:{s:{s:s}, s:o}}", "summary", r->summary, "parameters", parameters,
        "responses", "2XX", "description", "Done", "default", problem);
    if (r->least == ROLE_COUNT)
        json_object_set_new(one, "security", json_array());
    else
        json_object_set_new(one, "x-role", json_string(role_name(r->least)));
    return one;
}

static json_t *paths(void) {
    json_t *all = json_object();
    for (const route *r = admin_routes(); r->method; r++) {
        char path[PATH_ROOM], method[16];
        size_t n = 0;
        write_path(r->pattern, path);
        if (strcmp(r->pattern, "/**") == 0) continue;
        for (; r->method[n] && n < sizeof method - 1; n++)
            method[n] = (char)tolower((unsigned char)r->method[n]);
        method[n] = '\0';
        json_t *item = json_object_get(all, path);
        if (!item) json_object_set_new(all, path, item = json_object());
        json_object_set_new(item, method, operation(r, path));
    }
    return all;
}

static json_t *schemas(void) {
    json_t *all = json_object();
    for (size_t k = 0; estate_kind_names[k]; k++)
        json_object_set_new(all, estate_kind_names[k], settings_schema(estate_settings(estate_kind_names[k])));
    json_object_set_new(all, "problem",
        json_pack("{s:s, s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}}", "type", "object", "properties", "type", "type",
            "string", "title", "type", "string", "status", "type", "integer", "detail", "type", "string"));
    return all;
}

error *openapi_show(call *c, http_response **response) {
    *response = call_json(200,
        json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:{s:{s:s, s:s}}, s:o}, s:[{s:[]}]}", "openapi", "3.1.0", "info",
            "title", "Banyan admin API", "version", c->admin->options.version, "paths", paths(), "components",
            "securitySchemes", "key", "type", "http", "scheme", "bearer", "schemas", schemas(), "security", "key"));
    return NULL;
}
