/* core/flow/config.c: see config.h. */
#include "core/flow/config.h"

#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/crypto/secret.h"
#include "core/flow/keys.h"
#include "core/flow/versions.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_ROOM = 1200, SECRET_BYTES_MAX = 256 * 1024, FINGERPRINT_DIGITS = 16, HASH_DIGITS = 12, USERS_TOLD = 5 };

struct config {
    config_options options;
    unsigned char key[CONFIG_KEY_SIZE];
    pthread_mutex_t changing; /* one change at a time, from reading what is there to swapping the snapshot */
    pthread_mutex_t holding;  /* guards `now` */
    estate *now;
};

estate *config_estate(config *c) {
    pthread_mutex_lock(&c->holding);
    estate *e = estate_hold(c->now);
    pthread_mutex_unlock(&c->holding);
    return e;
}

static void swap(config *c, estate *take) {
    pthread_mutex_lock(&c->holding);
    estate *before = c->now;
    c->now = take;
    pthread_mutex_unlock(&c->holding);
    estate_release(before);
    if (c->options.changed) c->options.changed(c->options.context, take);
}

static error *faults_error(const fault_list *faults) {
    return error_at(error_new(error_code_of(faults->faults[0]), "%s", error_text(faults->faults[0])), "%s",
        error_where(faults->faults[0]));
}

/* Only objects that make up an estate; users, keys and the like are kinds of their own. */
static bool is_estate_kind(const char *kind) {
    return estate_settings(kind) != NULL;
}

static json_t *only_estate(const json_t *objects) {
    json_t *kept = json_array();
    for (size_t i = 0; i < json_array_size(objects); i++) {
        json_t *object = json_array_get(objects, i);
        if (is_estate_kind(json_get_text(object, "kind", ""))) json_array_append(kept, object);
    }
    return kept;
}

static error *load(config *c, json_t **objects) {
    json_t *all = NULL;
    error *err = store_objects(c->options.store, NULL, &all);
    *objects = err ? NULL : only_estate(all);
    json_decref(all);
    return err;
}

/* A record that the key must open: with another key every secret would fail later, one by one (AU-29). */
static error *check_key(config *c) {
    buf plain = BUF_MAX(SECRET_BYTES_MAX), sealed = BUF_MAX(SECRET_BYTES_MAX);
    error *err = config_unseal(c, CONFIG_KEY_RECORD, &plain);
    error_code code = err ? error_code_of(err) : ERROR_INTERNAL;
    if (err && code == ERROR_NOT_FOUND) {
        error_free(err);
        err = secret_seal(c->key, span_of(CONFIG_KEY_RECORD), SPAN("the key is right"), &sealed);
        if (!err) {
            store_change *change = store_change_new();
            store_put_secret(change, CONFIG_KEY_RECORD, buf_span(&sealed));
            err = store_commit(c->options.store, change, NULL);
        }
    } else if (err && code == ERROR_CORRUPT) {
        error_free(err);
        err =
            error_new(ERROR_DENIED, "the master.key in the data directory is not the one that sealed its secrets; put "
                                    "the master.key of the appliance that made this data there");
    }
    buf_free(&plain);
    buf_free(&sealed);
    return err;
}

error *config_open(const config_options *options, config **out) {
    config *c = xcalloc(1, sizeof *c);
    fault_list faults = {.faults = NULL, .count = 0};
    json_t *objects = NULL;
    estate *first = NULL;
    c->options = *options;
    memcpy(c->key, options->key, sizeof c->key);
    pthread_mutex_init(&c->changing, NULL);
    pthread_mutex_init(&c->holding, NULL);
    error *err = check_key(c);
    if (!err) err = load(c, &objects);
    if (!err) {
        estate_build(objects, &first, &faults);
        if (!first) err = error_wrap(faults_error(&faults), "the stored configuration does not hold together");
    }
    if (!err) swap(c, first);
    fault_list_free(&faults);
    json_decref(objects);
    if (err) {
        config_close(c);
        return err;
    }
    *out = c;
    return NULL;
}

void config_close(config *c) {
    if (!c) return;
    estate_release(c->now);
    pthread_mutex_destroy(&c->changing);
    pthread_mutex_destroy(&c->holding);
    explicit_bzero(c->key, sizeof c->key);
    free(c);
}

/* ---- secrets ---- */

static void record_name(char *name, const char *kind, const char *object, const char *member) {
    snprintf(name, NAME_ROOM, "%s/%s/%s", kind, object, member);
}

/* Tells an unchanged secret from a changed one without telling the secret: digest of our key and the value. */
static void fingerprint(const config *c, span value, char text[FINGERPRINT_DIGITS + 1]) {
    unsigned char sum[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    void *state = crypto_sha256.begin();
    crypto_sha256.update(state, span_make((const char *)c->key, sizeof c->key));
    crypto_sha256.update(state, value);
    crypto_sha256.finish(state, sum);
    snprintf(text, FINGERPRINT_DIGITS + 1, "%s", digest_hex(sum, hex));
}

static const setting *secret_table(const char *kind, const json_t *body) {
    if (strcmp(kind, "connections") != 0) return estate_settings(kind);
    const adapter *found = adapter_find(json_get_text(body, "kind", ""));
    return found ? found->settings : NULL;
}

/* Replaces clear secrets in `body` by their marks and collects the sealed records in `change`. */
static error *seal_secrets(config *c, const char *kind, const char *name, json_t *body, store_change *change) {
    error *err = NULL;
    for (const setting *s = secret_table(kind, body); s && s->name && !err; s++) {
        const json_t *value = json_object_get(body, s->name);
        if (!s->secret || !json_is_string(value)) continue;
        char record[NAME_ROOM], mark[FINGERPRINT_DIGITS + 1];
        span plain = span_make(json_string_value(value), json_string_length(value));
        buf sealed = BUF_MAX(SECRET_BYTES_MAX);
        record_name(record, kind, name, s->name);
        fingerprint(c, plain, mark);
        err = s->check_secret ? error_at(s->check_secret(plain), "/%s/%s/%s", kind, name, s->name) : NULL;
        if (!err) err = secret_seal(c->key, span_of(record), plain, &sealed);
        if (!err) store_put_secret(change, record, buf_span(&sealed));
        buf_free(&sealed);
        json_object_set_new(body, s->name, json_pack("{s:s}", "sealed", mark));
    }
    return err;
}

error *config_unseal(config *c, const char *record, buf *plain) {
    buf sealed = BUF_MAX(SECRET_BYTES_MAX);
    error *err = store_secret(c->options.store, record, &sealed);
    if (!err) err = secret_open(c->key, span_of(record), buf_span(&sealed), plain);
    buf_free(&sealed);
    return error_wrap(err, "the secret %s", record);
}

static error *add_secret(config *c, json_t *secrets, const char *member, const char *record) {
    buf plain = BUF_MAX(SECRET_BYTES_MAX);
    error *err = config_unseal(c, record, &plain);
    if (!err) json_put_span(secrets, member, buf_span(&plain));
    if (plain.data) explicit_bzero(plain.data, plain.len);
    buf_free(&plain);
    return err;
}

/* Certificates as they are, our keys with their private parts. */
static error *add_trust(config *c, json_t *secrets, const json_t *trust) {
    char record[NAME_ROOM];
    error *err = NULL;
    json_t *copy = json_deep_copy(trust), *keys = json_get_array(copy, "keys");
    for (size_t i = 0; i < json_array_size(keys) && !err; i++) {
        json_t *one = json_array_get(keys, i);
        if (!json_get_bool(one, "sealed", false)) {
            json_array_remove(keys, i--);
            continue;
        }
        record_name(record, "certificates", json_get_text(one, "name", ""), "private_key");
        err = add_secret(c, one, "private_key", record);
    }
    json_object_set_new(secrets, "trust", copy);
    return err;
}

/* The certificates that a setting names, one PEM text behind another, as "NAME.pem". */
static error *add_certificates(config *c, json_t *secrets, const setting *s, const json_t *names) {
    buf all = BUF_MAX(SECRET_BYTES_MAX);
    error *err = NULL;
    size_t count = json_is_array(names) ? json_array_size(names) : 1;
    for (size_t i = 0; i < count && !err; i++) {
        const json_t *name = json_is_array(names) ? json_array_get(names, i) : names;
        json_t *body = NULL;
        int64_t revision;
        err = store_object(c->options.store, "certificates", json_string_value(name), &body, &revision);
        span pem = err ? (span){NULL, 0} : json_get_span(body, "certificate");
        if (pem.data) buf_printf(&all, "%s\n", pem.data);
        json_decref(body);
    }
    if (!err) err = buf_check(&all, "all certificates together");
    if (!err && all.len > 0) {
        char *member = xasprintf("%s.pem", s->name);
        json_put_span(secrets, member, buf_span(&all));
        free(member);
    }
    buf_free(&all);
    return err;
}

error *config_secrets(config *c, const estate_connection *connection, json_t **secrets) {
    error *err = NULL;
    char record[NAME_ROOM];
    *secrets = json_object();
    for (const setting *s = connection->adapter->settings; s->name && !err; s++) {
        const json_t *value = json_object_get(connection->body, s->name);
        if (s->secret && estate_is_sealed(value)) {
            record_name(record, "connections", connection->name, s->name);
            err = add_secret(c, *secrets, s->name, record);
        } else if (s->reference && strcmp(s->reference, "certificates") == 0 && json_is_string(value)) {
            record_name(record, "certificates", json_string_value(value), "private_key");
            err = add_secret(c, *secrets, s->name, record);
            /* An authority is a certificate without a key. */
            if (err && connection->trust && error_code_of(err) == ERROR_NOT_FOUND) {
                error_free(err);
                err = NULL;
            }
        }
    }
    if (!err && connection->trust) err = add_trust(c, *secrets, connection->trust);
    for (const setting *s = connection->adapter->settings; s->name && !err; s++) {
        const json_t *value = json_object_get(connection->body, s->name);
        if (value && s->reference && strcmp(s->reference, "certificates") == 0)
            err = add_certificates(c, *secrets, s, value);
    }
    if (!err) return NULL;
    json_decref(*secrets);
    *secrets = NULL;
    return error_wrap(err, "connection %s", connection->name);
}

/* ---- changing ---- */

typedef struct change_plan {
    config *c;
    const config_request *request;
    json_t *before;  /* map "kind/name" → stored object */
    json_t *after;   /* the same with the change done */
    json_t *changes; /* what the caller is told */
    store_change *change;
    fault_list *faults;
} change_plan;

static json_t *by_place(const json_t *objects) {
    json_t *index = json_object();
    for (size_t i = 0; i < json_array_size(objects); i++) {
        char key[NAME_ROOM];
        json_t *object = json_array_get(objects, i);
        snprintf(key, sizeof key, "%s/%s", json_get_text(object, "kind", ""), json_get_text(object, "name", ""));
        json_object_set(index, key, object);
    }
    return index;
}

/* The members in which two bodies differ. */
static json_t *differing(const json_t *before, const json_t *after) {
    json_t *fields = json_array();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)after, key, value) {
        if (!json_equal(value, json_object_get(before, key))) json_array_append_new(fields, json_string(key));
    }
    json_object_foreach((json_t *)before, key, value) {
        if (!json_object_get(after, key)) json_array_append_new(fields, json_string(key));
    }
    return fields;
}

static void tell(change_plan *plan, const char *action, const char *kind, const char *name, json_t *take_fields) {
    json_array_append_new(plan->changes,
        json_pack("{s:s, s:s, s:s, s:o}", "action", action, "kind", kind, "name", name, "fields", take_fields));
}

/* What the appliance itself adds to an object: the hash of the source of a script or schema. */
static void complete(const char *kind, json_t *body) {
    if (strcmp(kind, "scripts") != 0 && strcmp(kind, "schemas") != 0) return;
    unsigned char sum[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE];
    void *state = crypto_sha256.begin();
    crypto_sha256.update(state, json_get_span(body, "source"));
    crypto_sha256.finish(state, sum);
    digest_hex(sum, hex);
    json_object_set_new(body, "hash", json_stringn(hex, HASH_DIGITS));
}

static error *check_source(change_plan *plan, const char *kind, const char *name, const json_t *body) {
    const config_options *options = &plan->c->options;
    if (strcmp(kind, "scripts") != 0 || !options->check_script) return NULL;
    error *err = options->check_script(options->context, name, json_get_span(body, "source"));
    if (!err) return NULL;
    /* The line of the source stands in the text: a place of the script's own would hide which object is meant. */
    error *fault = error_new(error_code_of(err), "source: %s", error_text(err));
    fault_list_add(plan->faults, error_at(fault, "/scripts/%s/source", name));
    error_free(err);
    return NULL;
}

/* A faulty key or certificate is a fault of the estate like any other. */
static void complete_key(change_plan *plan, const char *name, json_t *body, const json_t *before) {
    char place[NAME_ROOM];
    size_t faults = plan->faults->count;
    snprintf(place, sizeof place, "/certificates/%s", name);
    keys_strip(body);
    settings_check(estate_settings("certificates"), body, place, plan->faults);
    /* A key that was sealed before stays what it is when the object comes back with its mark. */
    if (before && estate_is_sealed(json_object_get(body, "private_key")))
        json_object_set(body, "details", json_object_get(before, "details"));
    error *err = plan->faults->count == faults ? keys_complete(body) : NULL;
    if (err) {
        const char *where = error_where(err);
        fault_list_add(plan->faults,
            error_at(error_new(error_code_of(err), "%s", error_text(err)), "%s%s%s", place, *where ? "/" : "", where));
        error_free(err);
    }
}

/* A mark stands for the secret that the object has here. One that came from another appliance, or from an object of
 * another name, stands for nothing: it is refused now rather than missed when the secret is needed. */
static void check_marks(
    change_plan *plan, const char *kind, const char *name, const json_t *body, const json_t *before) {
    for (const setting *s = secret_table(kind, body); s && s->name; s++) {
        const json_t *value = json_object_get(body, s->name);
        if (!s->secret || !estate_is_sealed(value) || (before && json_equal(value, json_object_get(before, s->name))))
            continue;
        error *err = error_new(ERROR_INVALID,
            "%s: this is the mark of a secret that the appliance does not have here; give the secret itself, or where "
            "it is kept ({file: PATH} or {env: NAME})",
            s->name);
        fault_list_add(plan->faults, error_at(err, "/%s/%s/%s", kind, name, s->name));
    }
}

/* Plans that `kind/name` becomes `body` (borrowed). */
static error *plan_put(change_plan *plan, const char *kind, const char *name, const json_t *body, int64_t expected) {
    char place[NAME_ROOM];
    snprintf(place, sizeof place, "%s/%s", kind, name);
    const json_t *stored = json_object_get(plan->before, place);
    const json_t *old_body = stored ? json_get_object(stored, "body") : NULL;
    int64_t revision = stored ? json_get_integer(stored, "revision", 0) : 0;
    if (!store_revision_fits(expected, revision))
        return revision > 0 ? error_new(ERROR_CHANGED, "%s is at revision %lld now: look at it and try again", place,
                                  (long long)revision)
                            : error_new(ERROR_CHANGED, "there is no %s to be changed", place);
    json_t *copy = json_deep_copy(body);
    if (strcmp(kind, "certificates") == 0) complete_key(plan, name, copy, old_body);
    check_marks(plan, kind, name, copy, old_body);
    error *err = seal_secrets(plan->c, kind, name, copy, plan->change);
    complete(kind, copy);
    if (!err && strcmp(kind, "scripts") == 0)
        err = versions_note(plan->c->options.store, plan->change, name, old_body, copy, plan->request->who);
    if (!err && old_body && json_equal(old_body, copy)) {
        tell(plan, "unchanged", kind, name, json_array());
    } else if (!err) {
        tell(plan, old_body ? "update" : "create", kind, name, old_body ? differing(old_body, copy) : json_array());
        store_put_object(plan->change, kind, name, revision, copy, plan->request->who);
        err = check_source(plan, kind, name, copy);
    }
    json_object_set_new(plan->after, place,
        json_pack(
            "{s:s, s:s, s:I, s:o}", "kind", kind, "name", name, "revision", (json_int_t)(revision + 1), "body", copy));
    return err;
}

static void plan_remove(change_plan *plan, const json_t *stored) {
    char place[NAME_ROOM];
    const char *kind = json_get_text(stored, "kind", ""), *name = json_get_text(stored, "name", "");
    snprintf(place, sizeof place, "%s/%s", kind, name);
    tell(plan, "delete", kind, name, json_array());
    store_remove_object(plan->change, kind, name, json_get_integer(stored, "revision", -1), plan->request->who);
    json_object_del(plan->after, place);
}

static error *plan_kind(change_plan *plan, const char *kind, const json_t *list, json_t *named) {
    error *err = NULL;
    for (size_t i = 0; i < json_array_size(list) && !err; i++) {
        char place[NAME_ROOM];
        const json_t *body = json_array_get(list, i);
        const char *name = json_get_text(body, estate_name_member(kind), NULL);
        if (!name || !*name) {
            error *missing = error_new(ERROR_INVALID, "an object without \"%s\"", estate_name_member(kind));
            fault_list_add(plan->faults, error_at(missing, "/%s/%zu", kind, i));
            continue;
        }
        snprintf(place, sizeof place, "%s/%s", kind, name);
        if (json_object_get(named, place)) {
            error *twice = error_new(ERROR_INVALID, "\"%s\" stands twice among the %s", name, kind);
            fault_list_add(plan->faults, error_at(twice, "/%s", place));
            continue;
        }
        json_object_set_new(named, place, json_true());
        err = plan_put(plan, kind, name, body, -1);
    }
    return err;
}

static void check_kinds(const json_t *objects, fault_list *faults) {
    const char *kind;
    json_t *list;
    size_t count = 0;
    while (estate_kind_names[count])
        count++;
    json_object_foreach((json_t *)objects, kind, list) {
        if (is_estate_kind(kind) && json_is_array(list)) continue;
        const char *near = settings_nearest(kind, estate_kind_names, count);
        error *err = is_estate_kind(kind) ? error_new(ERROR_INVALID, "\"%s\" must be a list", kind)
                     : near ? error_new(ERROR_INVALID, "unknown kind \"%s\"; did you mean \"%s\"?", kind, near)
                            : error_new(ERROR_INVALID, "unknown kind \"%s\"", kind);
        fault_list_add(faults, error_at(err, "/%s", kind));
    }
}

static void plan_prune(change_plan *plan, const json_t *named) {
    const char *place;
    json_t *stored;
    json_object_foreach(plan->before, place, stored) {
        /* Keys outlive the estates that use them: removing one is never a side effect. */
        bool kept = json_object_get(named, place) || strcmp(json_get_text(stored, "kind", ""), "certificates") == 0;
        if (!kept) plan_remove(plan, stored);
    }
}

/* Checks the planned configuration as a whole and, unless it is a dry run or faulty, makes it so. */
static error *carry_out(change_plan *plan) {
    config *c = plan->c;
    error *err = NULL;
    estate *next = NULL;
    json_t *objects = json_array();
    const char *place;
    json_t *object;
    json_object_foreach(plan->after, place, object) json_array_append(objects, object);
    estate_build(objects, &next, plan->faults);
    if (next && c->options.check_estate) c->options.check_estate(c->options.context, next, plan->faults);
    bool good = next && plan->faults->count == 0;
    estate_release(next);
    json_decref(objects);
    if (!good || plan->request->dry_run) return NULL;
    store_audit(plan->change, plan->request->who, "configure", "estate", plan->changes);
    err = store_commit(c->options.store, plan->change, NULL);
    plan->change = NULL;
    if (err) return err;
    /* The snapshot is built from what was stored, so that its revisions are the store's. */
    err = load(c, &objects);
    if (!err) estate_build(objects, &next, plan->faults);
    if (!err && next) swap(c, next);
    if (!err) json_decref(objects);
    return err;
}

static error *begin(config *c, const config_request *request, fault_list *faults, change_plan *plan) {
    json_t *objects = NULL;
    error *err = load(c, &objects);
    if (err) return err;
    *plan = (change_plan){.c = c, .request = request, .faults = faults};
    plan->before = by_place(objects);
    plan->after = json_copy(plan->before);
    plan->changes = json_array();
    plan->change = store_change_new();
    json_decref(objects);
    return NULL;
}

static void finish(change_plan *plan) {
    if (plan->change) store_change_free(plan->change);
    json_decref(plan->before);
    json_decref(plan->after);
    json_decref(plan->changes);
}

error *config_apply(
    config *c, const json_t *objects, const config_request *request, json_t **changes, fault_list *faults) {
    change_plan plan;
    *changes = NULL;
    check_kinds(objects, faults);
    if (faults->count > 0) return NULL;
    pthread_mutex_lock(&c->changing);
    error *err = begin(c, request, faults, &plan);
    if (!err) {
        json_t *named = json_object();
        for (size_t k = 0; estate_kind_names[k] && !err; k++)
            err = plan_kind(&plan, estate_kind_names[k], json_object_get(objects, estate_kind_names[k]), named);
        if (!err && request->prune) plan_prune(&plan, named);
        if (!err && faults->count == 0) err = carry_out(&plan);
        if (!err) *changes = json_incref(plan.changes);
        json_decref(named);
        finish(&plan);
    }
    pthread_mutex_unlock(&c->changing);
    return err;
}

error *config_put(config *c, const char *kind, const char *name, const json_t *body, int64_t expected, const char *who,
    fault_list *faults) {
    const config_request request = {.who = who, .dry_run = false, .prune = false};
    change_plan plan;
    if (!is_estate_kind(kind)) return error_new(ERROR_NOT_FOUND, "there is no kind \"%s\"", kind);
    pthread_mutex_lock(&c->changing);
    error *err = begin(c, &request, faults, &plan);
    if (!err) {
        err = plan_put(&plan, kind, name, body, expected);
        if (!err && faults->count == 0) err = carry_out(&plan);
        finish(&plan);
    }
    pthread_mutex_unlock(&c->changing);
    return err;
}

/* The configuration was sound before, so that its faults without the object are where the object is named. */
static error *still_used(const char *place, const fault_list *faults) {
    buf users = BUF_MAX(8192);
    size_t most = faults->count < USERS_TOLD ? faults->count : USERS_TOLD;
    for (size_t i = 0; i < most; i++) {
        const char *where = error_where(faults->faults[i]);
        buf_printf(&users, "%s%s", i ? ", " : "", *where == '/' ? where + 1 : where);
    }
    if (faults->count > most) buf_printf(&users, " and %zu more places", faults->count - most);
    error *err = error_new(
        ERROR_CONFLICT, "%s cannot go while it is used by %s; change or remove that first", place, buf_text(&users));
    buf_free(&users);
    return err;
}

error *config_remove(
    config *c, const char *kind, const char *name, int64_t expected, const char *who, fault_list *faults) {
    const config_request request = {.who = who, .dry_run = false, .prune = false};
    change_plan plan;
    char place[NAME_ROOM];
    snprintf(place, sizeof place, "%s/%s", kind, name);
    pthread_mutex_lock(&c->changing);
    error *err = begin(c, &request, faults, &plan);
    if (!err) {
        const json_t *stored = json_object_get(plan.before, place);
        if (!stored || !is_estate_kind(kind)) {
            err = error_new(ERROR_NOT_FOUND, "there is no \"%s\" among the %s", name, kind);
        } else if (!store_revision_fits(expected, json_get_integer(stored, "revision", 0))) {
            err = error_new(ERROR_CHANGED, "%s has changed meanwhile: look at it and try again", place);
        } else {
            plan_remove(&plan, stored);
            err = carry_out(&plan);
            if (!err && faults->count > 0) err = still_used(place, faults);
        }
        finish(&plan);
    }
    pthread_mutex_unlock(&c->changing);
    return err;
}
