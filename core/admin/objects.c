/* core/admin/objects.c: the configuration objects, one by one and all at once. */
#include "core/admin/call.h"

#include "core/base/memory.h"
#include "core/flow/config.h"
#include "core/flow/guard.h"

#include <stdio.h>
#include <stdlib.h>

/* What the appliance adds to every object that it shows; a client may send it back. What it adds to a certificate is
 * the business of core/flow/keys.h. */
static const char *const shown_only[] = {"revision", "updated_at", "updated_by", "health", "back_end", NULL};

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
                : error_new(ERROR_NOT_FOUND, "there is no \"%s\"; /api/v1/openapi.json tells what there is", kind);
}

/* Connections are shown with how they fare. */
static void add_health(call *c, const char *kind, json_t *items) {
    if (strcmp(kind, "connections") != 0) return;
    json_t *all = engine_health(c->admin->options.engine), *guards = guard_states();
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        const char *name = json_get_text(item, "name", "");
        json_t *one = json_object_get(all, name), *guarded = json_object_get(guards, name);
        if (one) json_object_set(item, "health", one);
        if (guarded) json_object_set(item, "back_end", guarded);
    }
    json_decref(guards);
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
    error *err = store_object(c->admin->options.store, kind, name, &body, &revision);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        return error_new(ERROR_NOT_FOUND, "there is no \"%s\" among the %s", name, kind);
    }
    if (err) return err;
    spread_details(body);
    json_object_set_new(body, "revision", json_integer(revision));
    *response = call_tagged(c, status, revision, body);
    return NULL;
}

error *object_show(call *c, http_response **response) {
    error *err = check_kind(c->parts[0]);
    return err ? err : show(c, c->parts[0], c->parts[1], 200, response);
}

static void strip(json_t *body) {
    for (size_t i = 0; shown_only[i]; i++)
        json_object_del(body, shown_only[i]);
}

/* The path names the object; a body that names another one is a slip that would be stored under the wrong name. */
static void check_name(const char *kind, const char *name, const json_t *body, fault_list *faults) {
    const char *member = estate_name_member(kind), *told = json_get_text(body, member, name);
    if (strcmp(told, name) == 0) return;
    error *err = error_new(ERROR_INVALID, "%s: \"%s\" is not the name in the path, \"%s\"", member, told, name);
    fault_list_add(faults, error_at(err, "/%s/%s/%s", kind, name, member));
}

error *object_put(call *c, http_response **response) {
    const char *kind = c->parts[0], *name = c->parts[1];
    json_t *body = NULL;
    fault_list faults = {.faults = NULL, .count = 0};
    error *err = check_kind(kind);
    if (!err) err = call_body_json(c, &body);
    if (!err && !json_is_object(body)) err = error_new(ERROR_INVALID, "the body must be an object");
    if (!err) {
        strip(body);
        check_name(kind, name, body, &faults);
        json_put_text(body, estate_name_member(kind), name);
    }
    if (!err && faults.count == 0)
        err = config_put(c->admin->options.config, kind, name, body, call_expected(c), c->caller.name, &faults);
    if (!err && faults.count > 0)
        *response = call_faults(&faults);
    else if (!err)
        err = show(c, kind, name, 200, response);
    fault_list_free(&faults);
    json_decref(body);
    return err;
}

error *object_remove(call *c, http_response **response) {
    fault_list faults = {.faults = NULL, .count = 0};
    error *err = check_kind(c->parts[0]);
    if (!err)
        err = config_remove(
            c->admin->options.config, c->parts[0], c->parts[1], call_expected(c), c->caller.name, &faults);
    if (!err) *response = faults.count > 0 ? call_faults(&faults) : http_response_new(204);
    fault_list_free(&faults);
    return err;
}

error *estate_apply(call *c, http_response **response) {
    json_t *body = NULL, *changes = NULL;
    fault_list faults = {.faults = NULL, .count = 0};
    config_request request = {.who = c->caller.name, .dry_run = false, .prune = false};
    error *err = call_flag(c, "dry_run", &request.dry_run);
    if (!err) err = call_flag(c, "prune", &request.prune);
    if (!err) err = call_body_json(c, &body);
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
