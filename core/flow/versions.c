/* core/flow/versions.c: see versions.h. */
#include "core/flow/versions.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_ROOM = 192 };

static const char version_kind[] = "script-versions", draft_kind[] = "script-drafts";

static char *version_name(const char *script, int64_t version, char room[NAME_ROOM]) {
    snprintf(room, NAME_ROOM, "%s/%06lld", script, (long long)version);
    return room;
}

static char *counter_name(const char *script, char room[NAME_ROOM]) {
    snprintf(room, NAME_ROOM, "script-version/%s", script);
    return room;
}

static char *draft_name(const char *script, const char *author, char room[NAME_ROOM]) {
    snprintf(room, NAME_ROOM, "%s/%s", script, author);
    return room;
}

static bool same_member(const json_t *a, const json_t *b, const char *member) {
    const json_t *x = json_object_get(a, member), *y = json_object_get(b, member);
    return x == y || (x && y && json_equal(x, y));
}

static void record(
    store_change *change, const char *name, int64_t version, const json_t *body, const char *note, const char *who) {
    char room[NAME_ROOM];
    json_t *kept = json_pack("{s:s, s:I, s:O?, s:O?, s:O?, s:s?}", "script", name, "version", (json_int_t)version,
        "source", json_object_get(body, "source"), "test", json_object_get(body, "test"), "hash",
        json_object_get(body, "hash"), "note", note);
    store_put_object(change, version_kind, version_name(name, version, room), -1, kept, who);
    json_decref(kept);
}

error *versions_note(
    store *s, store_change *change, const char *name, const json_t *before, json_t *body, const char *who) {
    char room[NAME_ROOM];
    int64_t last = 0;
    char *note = json_get_text(body, "note", NULL) ? xstrdup(json_get_text(body, "note", "")) : NULL;
    json_object_del(body, "note");
    if (before && same_member(before, body, "source") && same_member(before, body, "test")) {
        const json_t *version = json_object_get(before, "version");
        if (version)
            json_object_set(body, "version", (json_t *)(uintptr_t)version);
        else
            json_object_del(body, "version");
        free(note);
        return NULL;
    }
    error *err = store_counter(s, counter_name(name, room), &last);
    if (!err && last == 0 && before) record(change, name, ++last, before, NULL, "before versions were kept");
    if (!err) {
        json_object_set_new(body, "version", json_integer(++last));
        record(change, name, last, body, note, who);
        store_raise_counter(change, room, last);
    }
    free(note);
    return err;
}

/* A stored object with who put it there and when. */
static json_t *with_author(const json_t *stored) {
    json_t *body = json_copy(json_get_object(stored, "body"));
    json_object_set(body, "at", json_object_get(stored, "updated_at"));
    json_object_set(body, "author", json_object_get(stored, "updated_by"));
    return body;
}

static bool belongs(const json_t *stored, const char *script) {
    return strcmp(json_get_text(json_get_object(stored, "body"), "script", ""), script) == 0;
}

error *versions_list(store *s, const char *name, json_t **out) {
    json_t *all = NULL, *current = NULL;
    int64_t revision = 0;
    error *err = store_objects(s, version_kind, &all);
    if (err) return err;
    error_free(store_object(s, "scripts", name, &current, &revision));
    int64_t runs = json_get_integer(current, "version", 0);
    json_t *list = json_array();
    for (size_t i = json_array_size(all); i > 0; i--) {
        const json_t *stored = json_array_get(all, i - 1);
        if (!belongs(stored, name)) continue;
        json_t *one = with_author(stored);
        json_object_del(one, "source");
        json_object_del(one, "test");
        json_object_del(one, "script");
        json_object_set_new(one, "current", json_boolean(json_get_integer(one, "version", -1) == runs));
        json_array_append_new(list, one);
    }
    json_decref(all);
    bool known = current || json_array_size(list) > 0;
    json_decref(current);
    if (known) {
        *out = list;
        return NULL;
    }
    json_decref(list);
    return error_new(ERROR_NOT_FOUND, "there is no script \"%s\"", name);
}

error *versions_show(store *s, const char *name, int64_t version, json_t **out) {
    json_t *all = NULL;
    *out = NULL;
    error *err = store_objects(s, version_kind, &all);
    if (err) return err;
    for (size_t i = 0; i < json_array_size(all) && !*out; i++) {
        const json_t *stored = json_array_get(all, i);
        if (belongs(stored, name) && json_get_integer(json_get_object(stored, "body"), "version", -1) == version)
            *out = with_author(stored);
    }
    json_decref(all);
    if (*out) return NULL;
    return error_new(ERROR_NOT_FOUND, "the script \"%s\" has no version %lld", name, (long long)version);
}

error *versions_draft(store *s, const char *name, const char *author, json_t **out) {
    char room[NAME_ROOM];
    int64_t revision = 0;
    error *err = store_object(s, draft_kind, draft_name(name, author, room), out, &revision);
    if (!err || error_code_of(err) != ERROR_NOT_FOUND) return err;
    error_free(err);
    return error_new(ERROR_NOT_FOUND, "%s has no draft of the script \"%s\"", author, name);
}

error *versions_put_draft(store *s, const char *name, const char *author, const json_t *draft) {
    char room[NAME_ROOM];
    store_change *change = store_change_new();
    store_put_object(change, draft_kind, draft_name(name, author, room), -1, draft, author);
    return store_commit(s, change, NULL);
}

error *versions_drop_draft(store *s, const char *name, const char *author) {
    char room[NAME_ROOM];
    json_t *draft = NULL;
    error *err = versions_draft(s, name, author, &draft);
    json_decref(draft);
    if (err) return err;
    store_change *change = store_change_new();
    store_remove_object(change, draft_kind, draft_name(name, author, room), -1, author);
    return store_commit(s, change, NULL);
}
