/* core/admin/users.c: users and API keys. */
#include "core/admin/call.h"
#include "core/base/clock.h"

#include "core/base/memory.h"

#include <stdlib.h>

enum { KEY_ROOM = 96 };

/* "roles": ["operator"] or "role": "operator"; the highest of several counts. */
static error *read_role(const json_t *body, role fallback, role *r) {
    const json_t *roles = json_get_array(body, "roles");
    const char *single = json_get_text(body, "role", NULL);
    *r = fallback;
    if (single && !role_named(span_of(single), r))
        return error_at(error_new(ERROR_INVALID, "there is no role \"%s\"", single), "/role");
    for (size_t i = 0; i < json_array_size(roles); i++) {
        role one;
        const char *name = json_string_value(json_array_get(roles, i));
        if (!name || !role_named(span_of(name), &one))
            return error_at(
                error_new(ERROR_INVALID,
                    "there is no role \"%s\"; there are client, viewer, operator, developer, admin", name ? name : "?"),
                "/roles/%zu", i);
        if (i == 0 || one > *r) *r = one;
    }
    return NULL;
}

/* The role that a user has now; false when there is no such user. */
static bool role_now(accounts *a, const char *name, role *r) {
    json_t *all = accounts_users(a);
    bool found = false;
    for (size_t i = 0; i < json_array_size(all) && !found; i++) {
        const json_t *user = json_array_get(all, i);
        found = strcmp(json_get_text(user, "name", ""), name) == 0 &&
                role_named(span_of(json_string_value(json_array_get(json_get_array(user, "roles"), 0))), r);
    }
    json_decref(all);
    return found;
}

/* One user of an estate: NULL and *action "create", "update" or "unchanged". */
static error *apply_user(call *c, const json_t *user, bool dry_run, const char **action) {
    accounts *a = c->admin->options.accounts;
    const char *name = json_get_text(user, "name", ""), *password = json_get_text(user, "password", NULL);
    role now = ROLE_VIEWER, wanted = ROLE_VIEWER;
    bool known = role_now(a, name, &now);
    error *err = read_role(user, known ? now : ROLE_VIEWER, &wanted);
    if (err) return err;
    if (!known && !password) return error_new(ERROR_INVALID, "a new user needs a password");
    *action = !known ? "create" : password || wanted != now ? "update" : "unchanged";
    if (dry_run || strcmp(*action, "unchanged") == 0) return NULL;
    return accounts_put_user(a, name, password, wanted, REVISION_ANY, c->caller.name);
}

void users_apply(call *c, const json_t *users, bool dry_run, json_t *changes, fault_list *faults) {
    for (size_t i = 0; i < json_array_size(users); i++) {
        const json_t *user = json_array_get(users, i);
        const char *name = json_get_text(user, "name", ""), *action = "unchanged";
        error *err = apply_user(c, user, dry_run, &action);
        if (err)
            fault_list_add(faults, error_at(err, "/users/%s", name));
        else
            json_array_append_new(
                changes, json_pack("{s:s, s:s, s:s, s:[]}", "action", action, "kind", "users", "name", name, "fields"));
    }
}

error *user_list(call *c, http_response **response) {
    *response = call_json(200, json_pack("{s:o}", "items", accounts_users(c->admin->options.accounts)));
    return NULL;
}

/* The one of the path's name out of a list of all, with the revision that the store has of it. */
static error *show_one(call *c, json_t *take_all, const char *kind, const char *what, http_response **response) {
    const char *name = c->parts[0];
    int64_t revision = 0;
    json_t *found = NULL, *stored = NULL;
    for (size_t i = 0; i < json_array_size(take_all); i++) {
        json_t *one = json_array_get(take_all, i);
        if (strcmp(json_get_text(one, "name", ""), name) == 0) found = json_incref(one);
    }
    json_decref(take_all);
    if (!found) return error_new(ERROR_NOT_FOUND, "there is no %s \"%s\"", what, name);
    error *err = store_object(c->admin->options.store, kind, name, &stored, &revision);
    json_decref(stored);
    if (!err)
        *response = call_tagged(c, 200, revision, found);
    else
        json_decref(found);
    return err;
}

error *user_show(call *c, http_response **response) {
    return show_one(c, accounts_users(c->admin->options.accounts), "users", "user", response);
}

error *key_show(call *c, http_response **response) {
    return show_one(c, accounts_keys(c->admin->options.accounts), "keys", "key", response);
}

/* {"roles" or "role","password"}; what is not said stays as it is. */
error *user_put(call *c, http_response **response) {
    static const char *const known[] = {"name", "role", "roles", "password", "created_at", NULL};
    json_t *body = NULL;
    role r = ROLE_VIEWER;
    accounts *a = c->admin->options.accounts;
    error *err = call_body_json(c, &body);
    if (!err) err = call_members(body, known);
    if (!err) err = call_name(c, body);
    if (!err) {
        role_now(a, c->parts[0], &r);
        err = read_role(body, r, &r);
    }
    if (!err)
        err = accounts_put_user(
            a, c->parts[0], json_get_text(body, "password", NULL), r, call_expected(c), c->caller.name);
    if (!err) err = user_show(c, response);
    json_decref(body);
    return err;
}

error *user_remove(call *c, http_response **response) {
    error *err = accounts_remove_user(c->admin->options.accounts, c->parts[0], call_expected(c), c->caller.name);
    if (!err) *response = http_response_new(204);
    return err;
}

error *key_list(call *c, http_response **response) {
    *response = call_json(200, json_pack("{s:o}", "items", accounts_keys(c->admin->options.accounts)));
    return NULL;
}

static error *read_key_wish(const json_t *body, key_wish *wish) {
    const char *end = json_get_text(body, "expires_at", NULL);
    const json_t *scopes = json_object_get(body, "scopes");
    *wish = (key_wish){.owner = json_get_text(body, "owner", NULL),
        .scopes = scopes,
        .daily_requests = json_get_integer(body, "daily_requests", 0)};
    if (scopes && !json_is_array(scopes))
        return error_at(error_new(ERROR_INVALID, "scopes: must be a list"), "/scopes");
    error *err = read_role(body, ROLE_CLIENT, &wish->role);
    if (!err && end)
        err = error_at(error_wrap(clock_parse(span_of(end), &wish->expires_at), "expires_at"), "/expires_at");
    return err;
}

/* POST /keys {"name","roles","owner","scopes","expires_at","daily_requests"}, PUT /keys/{name} without the name: the
 * key is shown in this answer and never again. */
error *key_add(call *c, http_response **response) {
    static const char *const known[] = {
        "name", "role", "roles", "owner", "scopes", "expires_at", "daily_requests", NULL};
    char key[KEY_ROOM];
    json_t *body = NULL;
    key_wish wish = {.role = ROLE_CLIENT};
    error *err = call_body_json(c, &body);
    if (!err) err = call_members(body, known);
    if (!err && c->parts[0]) err = call_name(c, body);
    const char *name = c->parts[0] ? c->parts[0] : json_get_text(body, "name", "");
    if (!err) err = read_key_wish(body, &wish);
    if (!err) err = accounts_add_key(c->admin->options.accounts, name, &wish, c->caller.name, key, sizeof key);
    if (!err)
        *response =
            call_json(201, json_pack("{s:s, s:[s], s:s}", "name", name, "roles", role_name(wish.role), "key", key));
    explicit_bzero(key, sizeof key);
    json_decref(body);
    return err;
}

error *key_revoke(call *c, http_response **response) {
    error *err = accounts_revoke_key(c->admin->options.accounts, c->parts[0], call_expected(c), c->caller.name);
    if (!err) *response = http_response_new(204);
    return err;
}
