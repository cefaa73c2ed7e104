/* core/facade/openapi.c: see openapi.h. One document is made from what endpoints and their policies say; the page shows
 * it. */
#include "core/facade/openapi.h"

#include "core/base/embedded.h"
#include "core/base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

extern const embedded_file embedded_docs[];

enum { NAME_ROOM = 256 };

static const char *const every_method[] = {"get", "put", "post", "delete", "patch", NULL};

/* ---- names ---- */

/* "get_orders_number": letters, digits and underscores, the same as long as the route is. */
static char *operation_id(const char *method, const char *path) {
    buf id = BUF_MAX(NAME_ROOM);
    buf_add_text(&id, method);
    bool gap = true;
    for (const char *c = path; *c; c++) {
        bool word = isalnum((unsigned char)*c) || *c == '_';
        if (word && gap) buf_add_char(&id, '_');
        if (word) buf_add_char(&id, *c);
        gap = !word;
    }
    if (path[0] == '/' && !path[1]) buf_add_text(&id, "_root");
    return buf_take(&id, NULL);
}

/* OpenAPI knows no wildcards: the rest of a path is shown as one parameter. */
static char *shown_path(const char *path) {
    buf shown = BUF_MAX(4096);
    for (const char *c = path; *c; c++) {
        if (strncmp(c, "...}", 4) == 0)
            c += 2;
        else if (*c == '*' && !c[1])
            buf_add_text(&shown, "{rest}");
        else
            buf_add_char(&shown, *c);
    }
    return buf_take(&shown, NULL);
}

/* The path with its parameters numbered: paths that differ only in their names are one path (OpenAPI §4.8.8.2). */
static char *path_key(const char *shown) {
    buf key = BUF_MAX(4096);
    bool inside = false;
    for (const char *c = shown; *c; c++) {
        if (*c == '}') inside = false;
        if (!inside) buf_add_char(&key, *c);
        if (*c == '{') inside = true;
    }
    return buf_take(&key, NULL);
}

static const char *tag_of(const char *path, char tag[NAME_ROOM]) {
    size_t len = strcspn(path + 1, "/{*");
    snprintf(tag, NAME_ROOM, "%.*s", (int)len, path + 1);
    return *tag ? tag : "root";
}

/* ---- schemas ---- */

/* What refers to the schema itself refers to its place in the document now. */
static void move_references(json_t *value, const char *place, int depth) {
    const char *key;
    json_t *member;
    size_t index;
    if (depth > JSON_DEPTH_MAX) return;
    json_array_foreach(value, index, member) move_references(member, place, depth + 1);
    json_object_foreach(value, key, member) {
        const char *reference = strcmp(key, "$ref") == 0 ? json_string_value(member) : NULL;
        if (reference && reference[0] == '#' && (!reference[1] || reference[1] == '/')) {
            char *moved = xasprintf("%s%s", place, reference + 1);
            json_string_set(member, moved);
            free(moved);
        } else {
            move_references(member, place, depth + 1);
        }
    }
}

/* A schema of an endpoint becomes a component. New reference to where it is. */
static json_t *put_schema(json_t *schemas, const char *id, const char *role, const json_t *schema) {
    char *name = xasprintf("%s_%s", id, role), *place = xasprintf("#/components/schemas/%s", name);
    json_t *copy = json_deep_copy(schema);
    /* One with an address of its own is its own document. */
    if (!json_object_get(copy, "$id")) move_references(copy, place, 0);
    json_object_set_new(schemas, name, copy);
    json_t *reference = json_pack("{s:s}", "$ref", place);
    free(name);
    free(place);
    return reference;
}

static json_t *content_of(const char *type, json_t *take_schema, const json_t *example) {
    json_t *media = json_object(), *content = json_object();
    if (take_schema) json_object_set_new(media, "schema", take_schema);
    if (example) json_object_set(media, "example", (json_t *)(uintptr_t)example);
    json_object_set_new(content, type, media);
    return content;
}

/* ---- parameters ---- */

/* Does it keep what is handed over and deliver it later? */
static bool accepts(const estate_endpoint *endpoint) {
    bool files = endpoint->legacy && strcmp(endpoint->legacy->adapter->kind, "http") != 0;
    return files || (endpoint->legacy && endpoint->respond_status == 202);
}

static const json_t *described(const estate_endpoint *endpoint, const char *name, const char *in) {
    const json_t *list = json_get_array(endpoint->body, "parameters");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        if (strcmp(json_get_text(one, "name", ""), name) == 0 && strcmp(json_get_text(one, "in", "query"), in) == 0)
            return one;
    }
    return NULL;
}

static json_t *parameter_of(const char *name, const char *in, bool required, const json_t *about) {
    json_t *one = json_pack("{s:s, s:s, s:b}", "name", name, "in", in, "required", required);
    const json_t *schema = json_object_get(about, "schema"), *example = json_object_get(about, "example");
    json_put_text(one, "description", json_get_text(about, "description", NULL));
    if (schema)
        json_object_set(one, "schema", (json_t *)(uintptr_t)schema);
    else
        json_object_set_new(one, "schema", json_pack("{s:s}", "type", "string"));
    if (example) json_object_set(one, "example", (json_t *)(uintptr_t)example);
    return one;
}

/* What one part of a path may be without being refused (target.h). */
#define PART_PATTERN "^(?!\\.{1,2}$)[^\\u0000-\\u001F\\u007F/\\\\]+$"

/* `shown` has the names under which the path is listed, `own` those of the endpoint. */
static void add_path_parameters(json_t *list, const estate_endpoint *endpoint, const char *shown, const char *own) {
    const char *a = strchr(shown, '{'), *b = strchr(own, '{');
    bool open_ended = strchr(endpoint->path, '*') || strstr(endpoint->path, "...}");
    for (; a && b; a = strchr(a + 1, '{'), b = strchr(b + 1, '{')) {
        char name[NAME_ROOM], own_name[NAME_ROOM];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(a + 1, "}"), a + 1);
        snprintf(own_name, sizeof own_name, "%.*s", (int)strcspn(b + 1, "}"), b + 1);
        const json_t *about = described(endpoint, own_name, "path");
        json_t *one = parameter_of(name, "path", true, about);
        bool is_rest = open_ended && !strchr(b + 1, '{');
        if (!json_object_get(about, "schema") && !is_rest)
            json_put_text(json_object_get(one, "schema"), "pattern", PART_PATTERN);
        json_array_append_new(list, one);
    }
}

/* Is a request with an Idempotency-Key the same when it comes again? What is kept and delivered later always is. */
static bool knows_repetitions(const estate_endpoint *endpoint) {
    return json_object_get(endpoint->body, "idempotency") || accepts(endpoint);
}

/* May a body be refused for its type or coding? */
static bool reads_bodies(const estate_endpoint *endpoint) {
    return json_object_get(endpoint->body, "request") || endpoint->script || endpoint->modern_script ||
           accepts(endpoint);
}

static bool wants_key(const estate_endpoint *endpoint, const char *method) {
    const json_t *object = json_get_object(endpoint->body, "idempotency");
    bool changes = strcmp(method, "post") == 0 || strcmp(method, "patch") == 0;
    return changes && json_get_bool(object, "required", false);
}

static json_t *parameters_of(
    const estate_endpoint *endpoint, const char *method, const char *shown, const char *own, bool changes) {
    json_t *list = json_array();
    const json_t *all = json_get_array(endpoint->body, "parameters");
    add_path_parameters(list, endpoint, shown, own);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *one = json_array_get(all, i);
        const char *in = json_get_text(one, "in", "query");
        if (strcmp(in, "path") == 0) continue;
        json_array_append_new(
            list, parameter_of(json_get_text(one, "name", ""), in, json_get_bool(one, "required", false), one));
    }
    if (changes && knows_repetitions(endpoint) && !described(endpoint, "Idempotency-Key", "header"))
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:b, s:s, s:{s:s, s:i}}", "name", "Idempotency-Key", "in", "header", "required",
                      wants_key(endpoint, method), "description", "Makes a repetition of the request the same request",
                      "schema", "type", "string", "maxLength", 255));
    return list;
}

/* ---- answers ---- */

static void add_problem(json_t *responses, const char *status, const char *description) {
    json_object_set_new(responses, status,
        json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", description, "content", "application/problem+json", "schema",
            "$ref", "#/components/schemas/problem"));
}

/* Is it a file that PUT stores while the caller waits? */
static bool stores_now(const estate_endpoint *endpoint, const char *method) {
    bool files = endpoint->legacy && strcmp(endpoint->legacy->adapter->kind, "http") != 0;
    const char *put = json_get_text(json_get_object(endpoint->body, "files"), "put", "later");
    return files && strcmp(method, "put") == 0 && strcmp(put, "now") == 0;
}

static void add_stored(json_t *responses, const estate_endpoint *endpoint) {
    static const char *const rows[][2] = {
        {"201", "It is new, and stored"}, {"204", "Stored in the place of what was there"}};
    for (size_t i = 0; i < 2; i++)
        json_object_set_new(responses, rows[i][0],
            json_pack("{s:s, s:{s:{s:s, s:{s:s}}}}", "description", rows[i][1], "headers", "ETag", "description",
                "What it is now", "schema", "type", "string"));
    add_problem(responses, "409", "It exists already and is not replaced");
    add_problem(responses, "412", "It has changed meanwhile");
    if (json_get_bool(json_get_object(endpoint->body, "files"), "conditional", false))
        add_problem(responses, "428", "If-Match or If-None-Match is missing");
}

/* The media types of an answer without their schemas: a piece of a JSON text is none. */
static json_t *types_of(const json_t *whole) {
    json_t *types = json_object();
    const char *type = NULL;
    json_t *media = NULL;
    json_object_foreach(json_object_get(whole, "content"), type, media) {
        json_object_set_new(types, type, json_object());
    }
    return types;
}

/* Answers with tags (policy_conditional.c) can be asked for on conditions, and in parts. */
static void add_conditional(json_t *responses, const json_t *whole) {
    json_object_set_new(responses, "206",
        json_pack("{s:s, s:{s:{s:s, s:{s:s}}}, s:o}", "description", "The part that was asked for", "headers",
            "Content-Range", "description", "Which bytes it is, and of how many", "schema", "type", "string", "content",
            types_of(whole)));
    json_object_set_new(responses, "304", json_pack("{s:s}", "description", "It is what the caller knows"));
    add_problem(responses, "412", "It is not what the caller knows");
    add_problem(responses, "416", "The range lies beyond the end");
}

static void add_good_answer(
    json_t *responses, json_t *schemas, const char *id, const estate_endpoint *endpoint, const char *method) {
    bool reads = strcmp(method, "get") == 0, removes = strcmp(method, "delete") == 0;
    const json_t *about = json_get_object(endpoint->body, "response");
    const json_t *schema = json_object_get(about, "schema"), *example = json_object_get(about, "example");
    const char *type = json_get_text(about, "content_type", about ? "application/json" : "*/*");
    char status[8];
    bool accepts = !reads && !removes && endpoint->legacy && strcmp(endpoint->legacy->adapter->kind, "http") != 0;
    int code = endpoint->respond_status      ? endpoint->respond_status
               : accepts                     ? 202
               : removes && endpoint->legacy ? 204
                                             : 200;
    snprintf(status, sizeof status, "%d", code);
    if (stores_now(endpoint, method)) {
        add_stored(responses, endpoint);
    } else if (accepts && !about) {
        json_object_set_new(responses, status,
            json_pack("{s:s, s:{s:{s:s, s:{s:s}}}, s:{s:{s:{s:s}}}}", "description",
                "Kept and on its way; Location tells where to ask", "headers", "Location", "description",
                "The status of the request", "schema", "type", "string", "content", "application/json", "schema",
                "$ref", "#/components/schemas/accepted"));
    } else if (code == 204) {
        json_object_set_new(responses, status, json_pack("{s:s}", "description", "Done; nothing more to tell"));
    } else {
        json_t *where = schema ? put_schema(schemas, id, "response", schema) : NULL;
        json_object_set_new(responses, status,
            json_pack("{s:s, s:o}", "description", "The answer", "content", content_of(type, where, example)));
        bool files = endpoint->legacy && strcmp(endpoint->legacy->adapter->kind, "http") != 0;
        if (reads && code == 200 && (files || json_object_get(endpoint->body, "cache")))
            add_conditional(responses, json_object_get(responses, status));
    }
}

static bool has(const estate_endpoint *endpoint, const char *member) {
    return json_object_get(endpoint->body, member) != NULL;
}

static json_t *responses_of(json_t *schemas, const char *id, const estate_endpoint *endpoint, const char *method) {
    json_t *responses = json_object();
    bool reads = strcmp(method, "get") == 0 || strcmp(method, "delete") == 0;
    bool named = has(endpoint, "jwt") || has(endpoint, "scopes");
    add_good_answer(responses, schemas, id, endpoint, method);
    if (has(endpoint, "parameters") || has(endpoint, "request") || (!reads && has(endpoint, "idempotency")))
        add_problem(responses, "400", "A parameter or the Idempotency-Key does not fit, or the body is malformed");
    if (endpoint->access != ACCESS_PUBLIC || named)
        add_problem(responses, "401", "No credentials, or none that are good here");
    if (endpoint->access != ACCESS_PUBLIC || named || has(endpoint, "addresses") || has(endpoint, "certificate"))
        add_problem(responses, "403", "Not with these credentials or this certificate, or not from this address");
    if (strchr(endpoint->path, '{') || strchr(endpoint->path, '*'))
        add_problem(responses, "404", "There is no such resource");
    if (has(endpoint, "response")) add_problem(responses, "406", "Accept does not take what is answered");
    if (!reads) add_problem(responses, "413", "The body is too large");
    if (!reads && reads_bodies(endpoint))
        add_problem(responses, "415", "The body is of a type that is not taken, or has a Content-Encoding");
    if (!reads && (has(endpoint, "request") || knows_repetitions(endpoint)))
        add_problem(responses, "422", "The body does not fit, or the Idempotency-Key belongs to another request");
    if (!reads && has(endpoint, "idempotency"))
        add_problem(responses, "409", "A request with this Idempotency-Key is still worked on");
    if (has(endpoint, "rate_limit") || has(endpoint, "quota"))
        add_problem(responses, "429", "Too many requests; see Retry-After");
    if (endpoint->legacy) {
        add_problem(responses, "502", "The back-end cannot be reached or answered nonsense");
        add_problem(responses, "503", "Not now; see Retry-After");
        add_problem(responses, "504", "The back-end did not answer in time");
    }
    add_problem(responses, "default", "What went wrong and what to do");
    /* What a back-end answers passes as it is, refusals too. */
    if (endpoint->legacy && !accepts(endpoint))
        json_object_set_new(json_object_get(json_object_get(responses, "default"), "content"), "*/*", json_object());
    return responses;
}

/* ---- operations ---- */

static json_t *body_of(json_t *schemas, const char *id, const estate_endpoint *endpoint) {
    const json_t *about = json_get_object(endpoint->body, "request"), *types = json_get_array(about, "content_types");
    const json_t *schema = json_object_get(about, "schema"), *example = json_object_get(about, "example");
    json_t *where = schema ? put_schema(schemas, id, "request", schema) : NULL;
    json_t *content = json_object();
    size_t count = types ? json_array_size(types) : 1;
    for (size_t i = 0; i < count; i++) {
        const char *type = types ? json_string_value(json_array_get(types, i)) : schema ? "application/json" : "*/*";
        bool json = strstr(type, "json") != NULL;
        json_t *one = content_of(type, json ? json_incref(where) : NULL, json ? example : NULL);
        json_object_update(content, one);
        json_decref(one);
    }
    json_decref(where);
    return json_pack("{s:b, s:o}", "required", about != NULL, "content", content);
}

/* A certificate is needed besides whatever else is. */
static json_t *with_certificate(json_t *list, const estate_endpoint *endpoint) {
    json_t *one;
    size_t i;
    if (!has(endpoint, "certificate")) return list;
    if (json_array_size(list) == 0) json_array_append_new(list, json_object());
    json_array_foreach(list, i, one) json_object_set_new(one, "certificate", json_array());
    return list;
}

static json_t *security_of(const estate_endpoint *endpoint) {
    json_t *list = json_array();
    bool named = has(endpoint, "jwt") || has(endpoint, "scopes");
    if (endpoint->access == ACCESS_PUBLIC && !named) return with_certificate(list, endpoint);
    if (endpoint->access == ACCESS_LOCAL && !named) json_array_append_new(list, json_object());
    if (has(endpoint, "jwt")) json_array_append_new(list, json_pack("{s:[]}", "token"));
    json_array_append_new(list, json_pack("{s:[]}", "key"));
    json_array_append_new(list, json_pack("{s:[]}", "key_header"));
    json_array_append_new(list, json_pack("{s:[]}", "key_basic"));
    return with_certificate(list, endpoint);
}

static json_t *operation_of(
    json_t *schemas, const estate_endpoint *endpoint, const char *method, const char *shown, const char *own) {
    char tag[NAME_ROOM];
    char *id = operation_id(method, shown);
    bool carries = strcmp(method, "get") != 0 && strcmp(method, "delete") != 0 && strcmp(method, "options") != 0;
    json_t *one = json_pack("{s:s, s:[s]}", "operationId", id, "tags", tag_of(shown, tag));
    json_put_text(one, "summary", *endpoint->description ? endpoint->description : endpoint->route);
    if (has(endpoint, "deprecated")) json_object_set_new(one, "deprecated", json_true());
    json_object_set_new(one, "parameters", parameters_of(endpoint, method, shown, own, carries));
    if (carries) json_object_set_new(one, "requestBody", body_of(schemas, id, endpoint));
    json_object_set_new(one, "responses", responses_of(schemas, id, endpoint, method));
    json_object_set_new(one, "security", security_of(endpoint));
    free(id);
    return one;
}

static void add_endpoint(json_t *paths, json_t *names, json_t *schemas, const estate_endpoint *endpoint) {
    char method[16] = "";
    char *own = shown_path(endpoint->path), *key = path_key(own);
    const char *shown = json_get_text(names, key, NULL);
    if (!shown) {
        json_object_set_new(names, key, json_string(own));
        shown = json_get_text(names, key, own);
    }
    json_t *item = json_object_get(paths, shown);
    if (!item) json_object_set_new(paths, shown, item = json_object());
    for (size_t i = 0; endpoint->method && endpoint->method[i] && i < sizeof method - 1; i++)
        method[i] = (char)tolower((unsigned char)endpoint->method[i]);
    for (size_t i = 0; endpoint->method ? i < 1 : every_method[i] != NULL; i++) {
        const char *one = endpoint->method ? method : every_method[i];
        /* A route with a method wins over one without. */
        if (endpoint->method || !json_object_get(item, one))
            json_object_set_new(item, one, operation_of(schemas, endpoint, one, shown, own));
    }
    free(own);
    free(key);
}

/* ---- the document ---- */

/* What is the same in every document. */
static const char fixed[] =
    "{\"securitySchemes\":{"
    "\"key\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"An API key of this appliance\"},"
    "\"key_header\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-API-Key\",\"description\":\"The same key\"},"
    "\"key_basic\":{\"type\":\"http\",\"scheme\":\"basic\",\"description\":\"The key's name as user, the key as "
    "password\"},"
    "\"certificate\":{\"type\":\"mutualTLS\",\"description\":\"A client certificate that was agreed upon\"},"
    "\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\",\"description\":\"A token of the "
    "issuer\"}},"
    "\"schemas\":{"
    "\"problem\":{\"type\":\"object\",\"description\":\"RFC 9457\",\"required\":[\"type\",\"title\",\"status\"],"
    "\"properties\":{\"type\":{\"type\":\"string\",\"format\":\"uri-reference\",\"description\":\"Stays the same for "
    "the same kind of "
    "problem\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":"
    "\"string\",\"description\":\"What to do\"},\"instance\":{\"type\":\"string\",\"format\":\"uri-reference\"},"
    "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"pointer\":{\"type\":\"string\"},"
    "\"parameter\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"}}}}}},"
    "\"accepted\":{\"type\":\"object\",\"required\":[\"id\",\"state\"],\"properties\":{\"id\":{\"type\":\"string\","
    "\"format\":\"uuid\"},\"state\":{\"type\":\"string\"},\"links\":{\"type\":\"object\",\"properties\":{\"status\":{"
    "\"type\":\"string\"}}}}},"
    "\"status\":{\"type\":\"object\",\"required\":[\"id\",\"state\"],\"properties\":{\"id\":{\"type\":\"string\","
    "\"format\":\"uuid\"},\"state\":{\"enum\":[\"processing\",\"waiting\",\"completed\",\"failed\",\"rejected\"]},"
    "\"created\":{\"type\":\"string\",\"format\":\"date-time\"},\"reason\":{\"type\":\"string\"},\"documents\":{"
    "\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"steps\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"
    ",\"links\":{\"type\":\"object\"},\"traceparent\":{\"type\":\"string\"}}}"
    "}}";

#define PROBLEM                                                                                                        \
    "\"default\":{\"description\":\"What went wrong and what to do\",\"content\":{\"application/problem+json\":{"      \
    "\"schema\":{\"$ref\":\"#/components/schemas/problem\"}}}}"
#define STATUS_ID                                                                                                      \
    "{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f-]+$\"}" \
    "}"
#define WHOEVER "\"security\":[{},{\"key\":[]},{\"key_header\":[]},{\"key_basic\":[]}]"

static const char status_path[] =
    "{\"get\":{\"operationId\":\"get_status\",\"tags\":[\"status\"],\"summary\":\"How an accepted request fares\","
    "\"description\":\"With Prefer: wait=N the answer waits until it is decided, or, with If-None-Match, until it has "
    "changed; as text/event-stream each change is an event.\",\"parameters\":[" STATUS_ID
    ",{\"name\":\"Prefer\",\"in\":\"header\",\"required\":false,\"description\":\"wait=N: up to so many seconds (at "
    "most "
    "300)\",\"schema\":{\"type\":\"string\"}},{\"name\":\"If-None-Match\",\"in\":\"header\",\"required\":false,"
    "\"schema\":{\"type\":\"string\"}}],"
    "\"responses\":{\"200\":{\"description\":\"Its state, steps and documents\",\"content\":{\"application/json\":{"
    "\"schema\":{\"$ref\":\"#/components/schemas/status\"}},\"text/event-stream\":{\"schema\":{\"type\":\"string\"}}}},"
    "\"304\":{\"description\":\"As it was\"}," PROBLEM "}," WHOEVER "}}";

static const char reply_path[] =
    "{\"get\":{\"operationId\":\"get_status_reply\",\"tags\":[\"status\"],\"summary\":\"The reply to a request that "
    "waited for one\",\"parameters\":[" STATUS_ID "],\"responses\":{\"200\":{\"description\":\"The reply\","
    "\"content\":{\"*/*\":{}}}," PROBLEM "}," WHOEVER "}}";

/* What endpoints with `callback` send (core/flow/callback.h). */
static const char webhooks[] =
    "{\"request\":{\"post\":{\"operationId\":\"request_decided\",\"tags\":[\"status\"],\"summary\":\"A request that "
    "was "
    "answered 202 is completed, failed or rejected\",\"description\":\"Signed as Standard Webhooks has it; sent again, "
    "under the same webhook-id, until it is answered 2xx or 410.\",\"parameters\":["
    "{\"name\":\"webhook-id\",\"in\":\"header\",\"schema\":{\"type\":\"string\"}},"
    "{\"name\":\"webhook-timestamp\",\"in\":\"header\",\"schema\":{\"type\":\"string\"}},"
    "{\"name\":\"webhook-signature\",\"in\":\"header\",\"schema\":{\"type\":\"string\"}}],"
    "\"requestBody\":{\"required\":true,\"content\":{\"application/"
    "json\":{\"schema\":{\"type\":\"object\",\"required\":["
    "\"type\",\"timestamp\",\"data\"],\"properties\":{\"type\":{\"enum\":[\"request.completed\",\"request.failed\","
    "\"request.rejected\"]},\"timestamp\":{\"type\":\"string\",\"format\":\"date-time\"},\"data\":{\"$ref\":"
    "\"#/components/schemas/status\"}}}}}},\"responses\":{\"2XX\":{\"description\":\"Taken\"},\"410\":{\"description\":"
    "\"Not wanted any more: this one is given up\"},\"default\":{\"description\":\"It is sent again\"}}}}}";

static json_t *parsed(const char *text) {
    json_t *value = NULL;
    error *err = json_parse(span_of(text), &value);
    error_free(err);
    return value ? value : json_object();
}

http_response *openapi_document(const estate *e, const char *version) {
    json_t *paths = json_object(), *names = json_object(), *components = parsed(fixed);
    json_t *schemas = json_object_get(components, "schemas");
    for (size_t i = 0; i < e->endpoint_count; i++)
        add_endpoint(paths, names, schemas, &e->endpoints[i]);
    json_object_set_new(paths, "/status/{id}", parsed(status_path));
    json_object_set_new(paths, "/status/{id}/reply", parsed(reply_path));
    json_t *document = json_pack("{s:s, s:{s:s, s:s}, s:[{s:s}], s:o, s:o}", "openapi", "3.1.0", "info", "title",
        "Endpoints", "version", version, "servers", "url", "/", "paths", paths, "components", components);
    for (size_t i = 0; i < e->endpoint_count && !json_object_get(document, "webhooks"); i++)
        if (has(&e->endpoints[i], "callback")) json_object_set_new(document, "webhooks", parsed(webhooks));
    http_response *response = http_response_take_text(200, "application/json", json_text(document, false));
    http_response_header(response, "X-Content-Type-Options", "nosniff");
    http_response_header(response, "Cache-Control", "no-cache");
    json_decref(document);
    json_decref(names);
    return response;
}

/* ---- the page ---- */

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

http_response *openapi_page(span file) {
    const embedded_file *found = embedded_find(embedded_docs, file.len > 0 ? file : SPAN("index.html"));
    if (!found) return NULL;
    const char *dot = strrchr(found->path, '.');
    bool script = strcmp(dot, ".js") == 0, style = strcmp(dot, ".css") == 0;
    http_response *response = http_response_new(200);
    http_response_header(response, "Content-Type",
        script  ? "text/javascript; charset=utf-8"
        : style ? "text/css; charset=utf-8"
                : "text/html; charset=utf-8");
    http_response_secure(response, page_policy);
    http_response_body_static(response, embedded_span(found));
    return response;
}
