/* core/admin/objects.c: the configuration objects, one by one and all at once. */
#include "core/admin/call.h"

#include "core/base/memory.h"
#include "core/flow/config.h"

#include <stdio.h>
#include <stdlib.h>

enum { ETAG_ROOM = 32 };

/* What is shown of a certificate beside its settings; a client may send it back. */
static const char *const shown_only[] = {"subject", "issuer", "serial", "fingerprint", "key", "not_before", "not_after",
    "public_key", "has_private_key", "revision", "version", "updated_at", "updated_by", "health", NULL};

/* The details of a certificate stand at its top level, where people look for them. */
static void spread_details(json_t *body) {
    const json_t *details = json_get_object(body, "details");
    if (!details) return;
    json_object_update_missing(body, (json_t *)(uintptr_t)details);
    json_object_set_new(body, "has_private_key", json_boolean(json_object_get(body, "private_key")));
    json_object_del(body, "details");
}

/* An object as the API shows it: its body, with what secrets there are only as marks. */
static json_t *shown(const json_t *stored) {
    json_t *body = json_deep_copy(json_get_object(stored, "body"));
    spread_details(body);
    json_object_set(body, "revision", json_object_get(stored, "revision"));
    json_object_set(body, "updated_at", json_object_get(stored, "updated_at"));
    json_object_set(body, "updated_by", json_object_get(stored, "updated_by"));
    return body;
}

static error *check_kind(const char *kind) {
    if (estate_settings(kind)) return NULL;
    size_t count = 0;
    while (estate_kind_names[count])
        count++;
    const char *near = settings_nearest(kind, estate_kind_names, count);
    return near ? error_new(ERROR_NOT_FOUND, "there is no \"%s\"; did you mean \"%s\"?", kind, near)
                : error_new(ERROR_NOT_FOUND, "there is no \"%s\"", kind);
}

/* Connections are shown with how they fare. */
static void add_health(call *c, const char *kind, json_t *items) {
    if (strcmp(kind, "connections") != 0) return;
    json_t *all = engine_health(c->admin->options.engine);
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        json_t *one = json_object_get(all, json_get_text(item, "name", ""));
        if (one) json_object_set(item, "health", one);
    }
    json_decref(all);
}

error *object_list(call *c, http_response **response) {
    const char *kind = c->parts[0];
    json_t *objects = NULL;
    error *err = check_kind(kind);
    if (!err) err = store_objects(c->admin->options.store, kind, &objects);
    if (err) return err;
    json_t *items = json_array();
    for (size_t i = 0; i < json_array_size(objects); i++)
        json_array_append_new(items, shown(json_array_get(objects, i)));
    add_health(c, kind, items);
    *response = call_json(200, json_pack("{s:o}", "items", items));
    json_decref(objects);
    return NULL;
}

static error *show(call *c, const char *kind, const char *name, int status, http_response **response) {
    json_t *body = NULL;
    int64_t revision = 0;
    char etag[ETAG_ROOM];
    error *err = store_object(c->admin->options.store, kind, name, &body, &revision);
    if (err) return err;
    spread_details(body);
    json_object_set_new(body, "revision", json_integer(revision));
    snprintf(etag, sizeof etag, "\"%lld\"", (long long)revision);
    *response = call_json(status, body);
    http_response_header(*response, "ETag", etag);
    return NULL;
}

error *object_show(call *c, http_response **response) {
    error *err = check_kind(c->parts[0]);
    return err ? err : show(c, c->parts[0], c->parts[1], 200, response);
}

/* What the appliance added when it showed the object is no setting; a client may send it back. */
static void strip(json_t *body) {
    for (size_t i = 0; shown_only[i]; i++)
        json_object_del(body, shown_only[i]);
}

error *object_put(call *c, http_response **response) {
    const char *kind = c->parts[0], *name = c->parts[1];
    json_t *body = NULL;
    int64_t expected = -1;
    fault_list faults = {.faults = NULL, .count = 0};
    error *err = check_kind(kind);
    if (!err) err = call_expected(c, &expected);
    if (!err) err = call_body_json(c, &body);
    if (!err && !json_is_object(body)) err = error_new(ERROR_INVALID, "the body must be an object");
    if (!err) {
        strip(body);
        json_put_text(body, estate_name_member(kind), name);
        err = config_put(c->admin->options.config, kind, name, body, expected, c->caller.name, &faults);
    }
    if (!err && faults.count > 0)
        *response = call_faults(&faults);
    else if (!err)
        err = show(c, kind, name, 200, response);
    fault_list_free(&faults);
    json_decref(body);
    return err;
}

error *object_remove(call *c, http_response **response) {
    int64_t expected = -1;
    fault_list faults = {.faults = NULL, .count = 0};
    error *err = check_kind(c->parts[0]);
    if (!err) err = call_expected(c, &expected);
    if (!err)
        err = config_remove(c->admin->options.config, c->parts[0], c->parts[1], expected, c->caller.name, &faults);
    if (!err) *response = faults.count > 0 ? call_faults(&faults) : http_response_new(204);
    fault_list_free(&faults);
    return err;
}

static bool is_true(call *c, const char *name) {
    char text[8];
    const char *value = call_parameter(c, name, text, sizeof text);
    return value && strcmp(value, "true") == 0;
}

error *estate_apply(call *c, http_response **response) {
    json_t *body = NULL, *changes = NULL;
    fault_list faults = {.faults = NULL, .count = 0};
    const config_request request = {
        .who = c->caller.name, .dry_run = is_true(c, "dry_run"), .prune = is_true(c, "prune")};
    error *err = call_body_json(c, &body);
    if (!err && !json_is_object(body)) err = error_new(ERROR_INVALID, "the body must be an object of lists");
    /* Users are no part of a snapshot: they are looked at first, and changed when the rest has been. */
    json_t *users = err ? NULL : json_incref(json_object_get(body, "users")), *told = json_array();
    if (users) json_object_del(body, "users");
    if (users) users_apply(c, users, true, told, &faults);
    if (!err && faults.count == 0) err = config_apply(c->admin->options.config, body, &request, &changes, &faults);
    if (!err && faults.count == 0 && !request.dry_run) {
        json_array_clear(told);
        users_apply(c, users, false, told, &faults);
    }
    if (changes) json_array_extend(changes, told);
    json_decref(users);
    json_decref(told);
    if (!err && faults.count > 0)
        *response = call_faults(&faults);
    else if (!err)
        *response = call_json(200, json_pack("{s:O, s:b}", "changes", changes, "dry_run", request.dry_run));
    fault_list_free(&faults);
    json_decref(changes);
    json_decref(body);
    return err;
}

/* The tables of settings as JSON Schemas: {"stations": {...}, "connections": {"file": {...}, "sftp": {...}}}. */
error *estate_describe(call *c, http_response **response) {
    (void)c;
    json_t *all = json_object();
    for (size_t k = 0; estate_kind_names[k]; k++) {
        json_t *schema = settings_schema(estate_settings(estate_kind_names[k]));
        if (strcmp(estate_kind_names[k], "connections") == 0) {
            json_t *kinds = json_object();
            for (size_t i = 0; adapters[i]; i++)
                json_object_set_new(kinds, adapters[i]->kind, settings_schema(adapters[i]->settings));
            json_object_set_new(schema, "kinds", kinds);
        }
        json_object_set_new(all, estate_kind_names[k], schema);
    }
    *response = call_json(200, all);
    return NULL;
}
