/* core/facade/openapi.c: see openapi.h. */
#include "core/facade/openapi.h"

#include "core/base/memory.h"

#include <ctype.h>
#include <stdlib.h>

enum { PAGE_BYTES_MAX = 4 * 1024 * 1024 };

static const char *const every_method[] = {"get", "put", "post", "delete", "patch", NULL};

static json_t *problem_response(const char *description) {
    return json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", description, "content", "application/problem+json",
        "schema", "$ref", "#/components/schemas/problem");
}

/* The parameters that a template names: /orders/{number} and /files/{path...}. */
static json_t *parameters_of(const char *path) {
    json_t *list = json_array();
    for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{')) {
        const char *close = strchr(open, '}');
        if (!close) break;
        span name = span_make(open + 1, (size_t)(close - open - 1));
        if (name.len > 3 && memcmp(name.data + name.len - 3, "...", 3) == 0) name.len -= 3;
        json_t *one = json_pack("{s:s, s:b, s:{s:s}}", "in", "path", "required", 1, "schema", "type", "string");
        json_put_span(one, "name", name);
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *operation_of(const estate_endpoint *endpoint, const char *method) {
    bool reads = strcmp(method, "get") == 0;
    json_t *responses = json_object();
    json_t *one = json_pack("{s:o, s:o}", "parameters", parameters_of(endpoint->path), "responses", responses);
    json_put_text(one, "summary", *endpoint->description ? endpoint->description : endpoint->route);
    if (reads || !endpoint->legacy)
        json_object_set_new(responses, "200", json_pack("{s:s}", "description", "The resource"));
    else if (strcmp(method, "delete") == 0)
        json_object_set_new(responses, "204", json_pack("{s:s}", "description", "It is gone"));
    else
        json_object_set_new(responses, "202",
            json_pack("{s:s, s:{s:{s:s, s:{s:s}}}}", "description", "Kept and on its way; Location tells where to ask",
                "headers", "Location", "description", "The status of the request", "schema", "type", "string"));
    json_object_set_new(responses, "default", problem_response("What went wrong and what to do"));
    if (!reads && strcmp(method, "delete") != 0)
        json_object_set_new(one, "requestBody", json_pack("{s:{s:{}}}", "content", "*/*"));
    if (endpoint->access == ACCESS_KEY) json_object_set_new(one, "security", json_pack("[{s:[]}]", "key"));
    return one;
}

static void add_endpoint(json_t *paths, const estate_endpoint *endpoint) {
    char *path = xstrdup(endpoint->path), method[16] = "";
    size_t len = strlen(path);
    /* OpenAPI knows no wildcard: the rest of the path is shown as one parameter. */
    char *shown = len > 0 && path[len - 1] == '*' ? xasprintf("%.*s{rest}", (int)(len - 1), path) : xstrdup(path);
    json_t *item = json_object_get(paths, shown);
    if (!item) json_object_set_new(paths, shown, item = json_object());
    for (size_t i = 0; endpoint->method && endpoint->method[i] && i < sizeof method - 1; i++)
        method[i] = (char)tolower((unsigned char)endpoint->method[i]);
    for (size_t i = 0; every_method[i]; i++) {
        bool wanted = endpoint->method ? strcmp(method, every_method[i]) == 0 : true;
        if (wanted) json_object_set_new(item, every_method[i], operation_of(endpoint, every_method[i]));
    }
    free(shown);
    free(path);
}

http_response *openapi_document(const estate *e, const char *version) {
    json_t *paths = json_object();
    for (size_t i = 0; i < e->endpoint_count; i++)
        add_endpoint(paths, &e->endpoints[i]);
    json_t *problem = json_pack("{s:s, s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}}", "type", "object", "properties", "type",
        "type", "string", "title", "type", "string", "status", "type", "integer", "detail", "type", "string");
    json_t *document = json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:{s:{s:s, s:s}}, s:{s:o}}}", "openapi", "3.1.0", "info",
        "title", "Endpoints", "version", version, "paths", paths, "components", "securitySchemes", "key", "type",
        "http", "scheme", "bearer", "schemas", "problem", problem);
    http_response *response = http_response_take_text(200, "application/json", json_text(document, false));
    json_decref(document);
    return response;
}

static void add_escaped(buf *page, const char *text) {
    for (const char *c = text; *c; c++) {
        if (*c == '<')
            buf_add_text(page, "&lt;");
        else if (*c == '&')
            buf_add_text(page, "&amp;");
        else if (*c == '>')
            buf_add_text(page, "&gt;");
        else
            buf_add_char(page, *c);
    }
}

http_response *openapi_page(const estate *e, const char *version) {
    buf page = BUF_MAX(PAGE_BYTES_MAX);
    size_t len;
    buf_add_text(&page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Endpoints</title><h1>Endpoints</h1>"
        "<p>The same for programs: <a href=\"/openapi.json\">openapi.json</a></p><table><tbody>");
    for (size_t i = 0; i < e->endpoint_count; i++) {
        const estate_endpoint *endpoint = &e->endpoints[i];
        buf_add_text(&page, "<tr><th scope=\"row\" align=\"left\"><code>");
        add_escaped(&page, endpoint->route);
        buf_add_text(&page, "</code></th><td>");
        add_escaped(&page, endpoint->description);
        buf_add_text(&page, endpoint->access == ACCESS_KEY ? "</td><td>API key</td></tr>" : "</td><td></td></tr>");
    }
    buf_add_text(&page, "</tbody></table><p>");
    add_escaped(&page, version);
    buf_add_text(&page, "</p></html>");
    http_response *response = http_response_new(200);
    http_response_header(response, "Content-Type", "text/html; charset=utf-8");
    http_response_secure(response, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
    char *bytes = buf_take(&page, &len);
    http_response_body_take(response, bytes, len);
    return response;
}
