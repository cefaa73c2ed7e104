/* core/flow/accounts.c: see accounts.h. Users and keys are objects of the store ("users", "keys"); sessions live in
 * memory only: a restart signs everybody out. */
#include "core/flow/accounts.h"

#include "core/base/clock.h"
#include "core/base/map.h"
#include "core/base/memory.h"
#include "core/base/settings.h"
#include "core/crypto/password.h"
#include "core/crypto/token.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { SESSIONS_MAX = 1000, PASSWORD_LEAST = 8, PASSWORD_MOST = 1024, PREFIX_SHOWN = 10, FAILURES_FREE = 5 };

static const int64_t idle_ms = 15 * 60 * 1000, absolute_ms = 12 * 3600 * 1000, longest_pause_ms = 60 * 1000;

static const char *const role_names[ROLE_COUNT] = {"client", "viewer", "operator", "developer", "admin"};

typedef struct open_session {
    session shown;
    int64_t opened_ms, used_ms; /* monotonic */
} open_session;

/* How often a name was tried in vain, and until when it is not tried again. */
typedef struct failures {
    int count;
    int64_t until_ms;
} failures;

struct accounts {
    store *store;
    pthread_mutex_t lock;
    pthread_cond_t came;
    bool expected;        /* the first user is on its way */
    json_t *users, *keys; /* name → body */
    map *by_hash;         /* key hash → its name, owned */
    map *used;            /* key name → when it was last used, wall ms, owned */
    map *sessions;        /* token hash → open_session, owned */
    map *failures;        /* user name → failures, owned */
};

const char *role_name(role r) {
    return r < ROLE_COUNT ? role_names[r] : "nobody";
}

bool role_named(span name, role *r) {
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (!span_is(name, role_names[i])) continue;
        *r = (role)i;
        return true;
    }
    return false;
}

static role role_of(const json_t *body) {
    role r = ROLE_CLIENT;
    return role_named(span_of(json_get_text(body, "role", "")), &r) ? r : ROLE_CLIENT;
}

static principal principal_of(const char *name, const json_t *body) {
    principal p = {.role = role_of(body), .daily_requests = json_get_integer(body, "daily_requests", 0)};
    const json_t *scopes = json_get_array(body, "scopes");
    size_t len = 0;
    snprintf(p.name, sizeof p.name, "%s", name);
    for (size_t i = 0; i < json_array_size(scopes) && len < sizeof p.scopes; i++)
        len += (size_t)snprintf(
            p.scopes + len, sizeof p.scopes - len, "%s%s", i ? " " : "", json_string_value(json_array_get(scopes, i)));
    return p;
}

/* ---- loading ---- */

static error *load(accounts *a, const char *kind, json_t *into) {
    json_t *objects = NULL;
    error *err = store_objects(a->store, kind, &objects);
    for (size_t i = 0; i < json_array_size(objects); i++) {
        const json_t *object = json_array_get(objects, i);
        json_object_set(into, json_get_text(object, "name", ""), json_object_get(object, "body"));
    }
    json_decref(objects);
    return err;
}

static void index_key(accounts *a, const char *name, const json_t *body) {
    free(map_put(a->by_hash, span_of(json_get_text(body, "hash", "")), xstrdup(name)));
}

error *accounts_open(store *s, accounts **out) {
    accounts *a = xcalloc(1, sizeof *a);
    const char *name;
    json_t *body;
    a->store = s;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->came, NULL);
    a->users = json_object();
    a->keys = json_object();
    a->by_hash = map_new();
    a->used = map_new();
    a->sessions = map_new();
    a->failures = map_new();
    error *err = load(a, "users", a->users);
    if (!err) err = load(a, "keys", a->keys);
    json_object_foreach(a->keys, name, body) index_key(a, name, body);
    if (err) {
        accounts_close(a);
        return err;
    }
    *out = a;
    return NULL;
}

void accounts_close(accounts *a) {
    if (!a) return;
    json_decref(a->users);
    json_decref(a->keys);
    map_free(a->by_hash, free);
    map_free(a->used, free);
    map_free(a->sessions, free);
    map_free(a->failures, free);
    pthread_cond_destroy(&a->came);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

size_t accounts_user_count(accounts *a) {
    pthread_mutex_lock(&a->lock);
    size_t count = json_object_size(a->users);
    pthread_mutex_unlock(&a->lock);
    return count;
}

void accounts_expect_user(accounts *a, bool expected) {
    pthread_mutex_lock(&a->lock);
    a->expected = expected;
    pthread_cond_broadcast(&a->came);
    pthread_mutex_unlock(&a->lock);
}

/* ---- users ---- */

static error *check_name(const char *name) {
    if (settings_is_name(span_of(name))) return NULL;
    return error_new(ERROR_INVALID, "\"%s\" is not a name: letters, digits, . _ and -, at most 64", name);
}

error *accounts_check_password(const char *password) {
    size_t len = strlen(password);
    if (len >= PASSWORD_LEAST && len <= PASSWORD_MOST) return NULL;
    return error_new(ERROR_INVALID, "a password has %d to %d characters", PASSWORD_LEAST, PASSWORD_MOST);
}

static error *keep(accounts *a, const char *kind, const char *name, const json_t *body, int64_t expected,
    const char *who, const char *what) {
    store_change *change = store_change_new();
    char *object = xasprintf("%s/%s", kind, name);
    if (body)
        store_put_object(change, kind, name, expected, body, who);
    else
        store_remove_object(change, kind, name, expected, who);
    store_audit(change, who, what, object, NULL);
    free(object);
    return store_commit(a->store, change, NULL);
}

/* Would anybody with the role admin be left without `name`? */
static bool other_admin(const accounts *a, const char *name) {
    const char *other;
    json_t *body;
    json_object_foreach(a->users, other, body) {
        if (strcmp(other, name) != 0 && role_of(body) == ROLE_ADMIN) return true;
    }
    return false;
}

/* A changed password or role ends what was opened with the old one (AU-02). */
static void end_sessions_of(accounts *a, const char *name) {
    size_t cursor = 0;
    span token;
    void *value;
    while (map_next(a->sessions, &cursor, &token, &value)) {
        if (strcmp(((open_session *)value)->shown.principal.name, name) != 0) continue;
        free(map_remove(a->sessions, token));
        cursor = 0;
    }
}

static error *new_user_body(const json_t *before, const char *password, role r, json_t **body) {
    char hash[PASSWORD_HASH_ROOM], now[CLOCK_TEXT_SIZE];
    error *err = password ? accounts_check_password(password) : NULL;
    if (!err && !password && !before) err = error_new(ERROR_INVALID, "a new user needs a password");
    if (!err && password) err = password_hash(span_of(password), hash);
    if (err) return err;
    *body = before ? json_copy((json_t *)(uintptr_t)before) : json_object();
    json_put_text(*body, "role", role_name(r));
    if (password) json_put_text(*body, "password", hash);
    if (!before) json_put_text(*body, "created_at", clock_format(clock_wall_ms(), now));
    return NULL;
}

error *accounts_put_user(
    accounts *a, const char *name, const char *password, role r, int64_t expected, const char *who) {
    json_t *body = NULL;
    error *err = check_name(name);
    if (err) return err;
    pthread_mutex_lock(&a->lock);
    json_t *before = json_incref(json_object_get(a->users, name));
    bool last = before && role_of(before) == ROLE_ADMIN && r != ROLE_ADMIN && !other_admin(a, name);
    pthread_mutex_unlock(&a->lock);
    if (last) err = error_new(ERROR_CONFLICT, "%s is the only administrator", name);
    if (!err) err = new_user_body(before, password, r, &body);
    if (!err) err = keep(a, "users", name, body, expected, who, before ? "change user" : "add user");
    if (!err) {
        pthread_mutex_lock(&a->lock);
        json_object_set(a->users, name, body);
        end_sessions_of(a, name);
        pthread_mutex_unlock(&a->lock);
    }
    json_decref(before);
    json_decref(body);
    return err;
}

error *accounts_remove_user(accounts *a, const char *name, int64_t expected, const char *who) {
    pthread_mutex_lock(&a->lock);
    const json_t *body = json_object_get(a->users, name);
    error *err = NULL;
    if (!body)
        err = error_new(ERROR_NOT_FOUND, "there is no user \"%s\"", name);
    else if (role_of(body) == ROLE_ADMIN && !other_admin(a, name))
        err = error_new(ERROR_CONFLICT, "%s is the only administrator", name);
    pthread_mutex_unlock(&a->lock);
    if (!err) err = keep(a, "users", name, NULL, expected, who, "remove user");
    if (err) return err;
    pthread_mutex_lock(&a->lock);
    json_object_del(a->users, name);
    end_sessions_of(a, name);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* What only keys have. With the lock held. */
static void add_key_details(const accounts *a, json_t *one, const char *name, const json_t *body) {
    static const char *const members[] = {"owner", "scopes", "expires_at", "daily_requests"};
    char text[CLOCK_TEXT_SIZE];
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *value = json_object_get(body, members[i]);
        if (value) json_object_set(one, members[i], value);
    }
    const int64_t *used = json_object_get(body, "hash") ? map_get(a->used, span_of(name)) : NULL;
    if (used) json_put_text(one, "last_used_at", clock_format(*used, text));
}

static json_t *list(accounts *a, const json_t *all) {
    json_t *items = json_array();
    const char *name;
    json_t *body;
    pthread_mutex_lock(&a->lock);
    json_object_foreach((json_t *)(uintptr_t)all, name, body) {
        json_t *one = json_pack("{s:s, s:[s]}", "name", name, "roles", role_name(role_of(body)));
        json_put_text(one, "prefix", json_get_text(body, "prefix", NULL));
        json_put_text(one, "created_at", json_get_text(body, "created_at", NULL));
        add_key_details(a, one, name, body);
        json_array_append_new(items, one);
    }
    pthread_mutex_unlock(&a->lock);
    return items;
}

json_t *accounts_users(accounts *a) {
    return list(a, a->users);
}

/* ---- keys ---- */

json_t *accounts_keys(accounts *a) {
    return list(a, a->keys);
}

static error *check_wish(const key_wish *wish) {
    size_t len = 0;
    for (size_t i = 0; i < json_array_size(wish->scopes); i++) {
        const char *scope = json_string_value(json_array_get(wish->scopes, i));
        if (!scope || !settings_is_scope(span_of(scope)))
            return error_new(ERROR_INVALID, "a scope is a word without blanks and quotes, such as orders:read");
        len += strlen(scope) + 1;
    }
    if (len > SCOPES_ROOM)
        return error_new(ERROR_INVALID, "the scopes of a key have %d characters at most", SCOPES_ROOM);
    if (wish->expires_at && wish->expires_at <= clock_wall_ms())
        return error_new(ERROR_INVALID, "the key would have expired already");
    if (wish->daily_requests < 0) return error_new(ERROR_INVALID, "daily_requests: must not be negative");
    return NULL;
}

error *accounts_add_key(accounts *a, const char *name, const key_wish *wish, const char *who, char *key, size_t room) {
    char token[TOKEN_ROOM], hash[DIGEST_HEX_SIZE], now[CLOCK_TEXT_SIZE];
    error *err = check_name(name);
    if (!err) err = check_wish(wish);
    if (err) return err;
    pthread_mutex_lock(&a->lock);
    bool taken = json_object_get(a->keys, name) != NULL;
    pthread_mutex_unlock(&a->lock);
    if (taken) return error_new(ERROR_CONFLICT, "there is a key \"%s\" already; revoke it first", name);
    token_new("bnyn_", token);
    json_t *body = json_pack("{s:s, s:s, s:s}", "role", role_name(wish->role), "hash", token_hash(span_of(token), hash),
        "created_at", clock_format(clock_wall_ms(), now));
    json_put_text(body, "owner", wish->owner);
    if (json_array_size(wish->scopes)) json_object_set(body, "scopes", (json_t *)(uintptr_t)wish->scopes);
    if (wish->expires_at) json_put_text(body, "expires_at", clock_format(wish->expires_at, now));
    if (wish->daily_requests) json_object_set_new(body, "daily_requests", json_integer(wish->daily_requests));
    json_object_set_new(body, "prefix", json_stringn(token, PREFIX_SHOWN));
    err = keep(a, "keys", name, body, REVISION_ANY, who, "add key");
    if (!err) {
        pthread_mutex_lock(&a->lock);
        json_object_set(a->keys, name, body);
        index_key(a, name, body);
        pthread_mutex_unlock(&a->lock);
        snprintf(key, room, "%s", token);
    }
    explicit_bzero(token, sizeof token);
    json_decref(body);
    return err;
}

error *accounts_revoke_key(accounts *a, const char *name, int64_t expected, const char *who) {
    pthread_mutex_lock(&a->lock);
    bool known = json_object_get(a->keys, name) != NULL;
    pthread_mutex_unlock(&a->lock);
    if (!known) return error_new(ERROR_NOT_FOUND, "there is no key \"%s\"", name);
    error *err = keep(a, "keys", name, NULL, expected, who, "revoke key");
    if (err) return err;
    pthread_mutex_lock(&a->lock);
    free(map_remove(a->by_hash, span_of(json_get_text(json_object_get(a->keys, name), "hash", ""))));
    free(map_remove(a->used, span_of(name)));
    json_object_del(a->keys, name);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

static bool has_expired(const json_t *body) {
    int64_t end = 0;
    const char *text = json_get_text(body, "expires_at", NULL);
    if (!text) return false;
    error *err = clock_parse(span_of(text), &end);
    bool unreadable = err != NULL;
    error_free(err);
    return unreadable || clock_wall_ms() >= end;
}

/* With the lock held. */
static void note_use(accounts *a, const char *name) {
    int64_t *when = map_get(a->used, span_of(name));
    if (!when) {
        when = xcalloc(1, sizeof *when);
        map_put(a->used, span_of(name), when);
    }
    *when = clock_wall_ms();
}

/* Keys are found by their hash: what a caller can time is the look-up of a value that he cannot choose. */
bool accounts_by_key(accounts *a, span key, principal *out) {
    char hash[DIGEST_HEX_SIZE];
    if (key.len == 0 || key.len >= TOKEN_ROOM) return false;
    token_hash(key, hash);
    pthread_mutex_lock(&a->lock);
    const char *name = map_get(a->by_hash, span_of(hash));
    bool good = name && !has_expired(json_object_get(a->keys, name));
    if (good) {
        *out = principal_of(name, json_object_get(a->keys, name));
        note_use(a, name);
    }
    pthread_mutex_unlock(&a->lock);
    return good;
}

/* ---- sessions ---- */

/* After a few free tries each failure doubles the pause before the next (AU-01). */
static error *check_pause(accounts *a, const char *name) {
    pthread_mutex_lock(&a->lock);
    const failures *f = map_get(a->failures, span_of(name));
    int64_t wait_ms = f ? f->until_ms - clock_monotonic_ms() : 0;
    pthread_mutex_unlock(&a->lock);
    if (wait_ms <= 0) return NULL;
    long long seconds = wait_ms / 1000 + 1;
    return error_at(
        error_new(ERROR_LIMIT, "too many failed attempts; try again in %lld seconds", seconds), "%lld", seconds);
}

/* With the lock held. */
static void drop_oldest_failure(accounts *a) {
    size_t cursor = 0;
    span name, oldest = {NULL, 0};
    void *value;
    int64_t least = INT64_MAX;
    while (map_next(a->failures, &cursor, &name, &value)) {
        if (((failures *)value)->until_ms >= least) continue;
        least = ((failures *)value)->until_ms;
        oldest = name;
    }
    if (!oldest.data) return;
    char *copy = xspandup(oldest); /* the map's own goes with the entry */
    free(map_remove(a->failures, span_of(copy)));
    free(copy);
}

static void note_attempt(accounts *a, const char *name, bool good) {
    pthread_mutex_lock(&a->lock);
    if (good) {
        free(map_remove(a->failures, span_of(name)));
    } else {
        failures *f = map_get(a->failures, span_of(name));
        /* Whoever fills the list with names that nobody has must not get free tries at one that somebody has. */
        if (!f && map_count(a->failures) >= SESSIONS_MAX) drop_oldest_failure(a);
        if (!f) {
            f = xcalloc(1, sizeof *f);
            map_put(a->failures, span_of(name), f);
        }
        if (f && ++f->count > FAILURES_FREE) {
            int64_t pause = 1000;
            for (int i = FAILURES_FREE + 1; i < f->count && pause < longest_pause_ms; i++)
                pause *= 2;
            f->until_ms = clock_monotonic_ms() + pause;
        }
    }
    pthread_mutex_unlock(&a->lock);
}

static bool is_over(const open_session *s, int64_t now) {
    return now - s->used_ms > idle_ms || now - s->opened_ms > absolute_ms;
}

static void drop_old_sessions(accounts *a, int64_t now) {
    size_t cursor = 0;
    span token;
    void *value;
    while (map_next(a->sessions, &cursor, &token, &value)) {
        if (!is_over(value, now) && map_count(a->sessions) < SESSIONS_MAX) continue;
        free(map_remove(a->sessions, token));
        cursor = 0;
    }
}

static void open_new(accounts *a, const principal *who, session *out) {
    char hash[DIGEST_HEX_SIZE];
    int64_t now = clock_monotonic_ms();
    open_session *s = xcalloc(1, sizeof *s);
    *s = (open_session){.opened_ms = now, .used_ms = now};
    s->shown.principal = *who;
    token_new("", s->shown.token);
    token_new("", s->shown.csrf);
    *out = s->shown;
    pthread_mutex_lock(&a->lock);
    drop_old_sessions(a, now);
    map_put(a->sessions, span_of(token_hash(span_of(s->shown.token), hash)), s);
    explicit_bzero(s->shown.token, sizeof s->shown.token);
    pthread_mutex_unlock(&a->lock);
}

error *accounts_log_in(accounts *a, const char *name, const char *password, session *out) {
    principal who = {.name = ""};
    char *hash = NULL;
    error *err = check_pause(a, name);
    if (err) return err;
    pthread_mutex_lock(&a->lock);
    while (a->expected)
        pthread_cond_wait(&a->came, &a->lock);
    const json_t *body = json_object_get(a->users, name);
    if (body) {
        who = principal_of(name, body);
        hash = xstrdup(json_get_text(body, "password", ""));
    }
    pthread_mutex_unlock(&a->lock);
    bool good = password_matches(span_of(password), hash);
    free(hash);
    note_attempt(a, name, good);
    if (!good) return error_new(ERROR_DENIED, "name and password do not belong together");
    open_new(a, &who, out);
    return NULL;
}

bool accounts_by_session(accounts *a, span token, session *out) {
    char hash[DIGEST_HEX_SIZE];
    int64_t now = clock_monotonic_ms();
    token_hash(token, hash);
    pthread_mutex_lock(&a->lock);
    open_session *s = map_get(a->sessions, span_of(hash));
    bool good = s && !is_over(s, now);
    if (good) {
        s->used_ms = now;
        *out = s->shown;
    }
    pthread_mutex_unlock(&a->lock);
    return good;
}

void accounts_log_out(accounts *a, span token) {
    char hash[DIGEST_HEX_SIZE];
    token_hash(token, hash);
    pthread_mutex_lock(&a->lock);
    free(map_remove(a->sessions, span_of(hash)));
    pthread_mutex_unlock(&a->lock);
}
