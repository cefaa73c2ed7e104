/* core/flow/switch_differences.c: see switch_inside.h. Bounded whatever the back-ends answer: fields and samples have a
 * maximum, and values come cut from the translator. */
#include "core/flow/switch_inside.h"

#include <stdlib.h>

enum { FIELDS_MAX = 200, SAMPLES_MAX = 20, KEY_ROOM = 512 };

void differences_init(switch_differences *d) {
    d->fields = json_object();
    d->samples = json_array();
}

void differences_free(switch_differences *d) {
    json_decref(d->fields);
    json_decref(d->samples);
    d->fields = d->samples = NULL;
}

static json_t *field_of(switch_differences *d, const json_t *difference) {
    char key[KEY_ROOM];
    const char *path = json_get_text(difference, "path", "$"), *kind = json_get_text(difference, "kind", "value");
    snprintf(key, sizeof key, "%s %s", path, kind);
    json_t *field = json_object_get(d->fields, key);
    if (field || json_object_size(d->fields) >= FIELDS_MAX) return field;
    char at[CLOCK_TEXT_SIZE];
    field = json_pack("{s:s, s:s, s:i, s:i, s:s}", "path", path, "kind", kind, "count", 0, "noise", 0, "first",
        clock_format(clock_wall_ms(), at));
    if (!field) return NULL;
    json_object_set_new(d->fields, key, field);
    return field;
}

static void count(json_t *field, const char *member) {
    char at[CLOCK_TEXT_SIZE];
    json_object_set_new(field, member, json_integer(json_get_integer(field, member, 0) + 1));
    json_put_text(field, "last", clock_format(clock_wall_ms(), at));
}

bool differences_add(switch_differences *d, const json_t *found, const char *message) {
    json_t *kept = json_array();
    for (size_t i = 0; i < json_array_size(found); i++) {
        json_t *difference = json_array_get(found, i), *field = field_of(d, difference);
        if (field) count(field, "count");
        if (!field || json_get_integer(field, "noise", 0) == 0) json_array_append(kept, difference);
    }
    bool any = json_array_size(kept) > 0;
    if (any) {
        char at[CLOCK_TEXT_SIZE];
        json_array_append_new(d->samples, json_pack("{s:s, s:s?, s:O}", "at", clock_format(clock_wall_ms(), at),
                                              "message", message, "differences", kept));
        if (json_array_size(d->samples) > SAMPLES_MAX) json_array_remove(d->samples, 0);
    }
    json_decref(kept);
    return any;
}

void differences_learn(switch_differences *d, const json_t *found) {
    for (size_t i = 0; i < json_array_size(found); i++) {
        json_t *field = field_of(d, json_array_get(found, i));
        if (field) count(field, "noise");
    }
}

json_t *differences_noise(const switch_differences *d) {
    json_t *paths = json_array(), *field;
    const char *key;
    json_object_foreach(d->fields, key, field) if (json_get_integer(field, "noise", 0) > 0)
        json_array_append(paths, json_object_get(field, "path"));
    return paths;
}

static int more_frequent(const void *a, const void *b) {
    const json_t *const *x = a, *const *y = b;
    int64_t left = json_get_integer(*x, "count", 0), right = json_get_integer(*y, "count", 0);
    return left < right ? 1 : left > right ? -1 : 0;
}

json_t *differences_fields(const switch_differences *d) {
    size_t used = 0;
    json_t *list = json_array(), *field, **all = xcalloc(json_object_size(d->fields) + 1, sizeof(json_t *));
    const char *key;
    json_object_foreach(d->fields, key, field) all[used++] = field;
    qsort(all, used, sizeof *all, more_frequent);
    for (size_t i = 0; i < used; i++)
        json_array_append_new(list, json_deep_copy(all[i]));
    free(all);
    return list;
}

json_t *differences_keep(const switch_differences *d) {
    return json_pack("{s:o, s:o}", "fields", differences_fields(d), "samples", json_deep_copy(d->samples));
}

void differences_load(switch_differences *d, const json_t *kept) {
    const json_t *fields = json_get_array(kept, "fields"), *samples = json_get_array(kept, "samples");
    char key[KEY_ROOM];
    for (size_t i = 0; i < json_array_size(fields) && i < FIELDS_MAX; i++) {
        json_t *field = json_array_get(fields, i);
        snprintf(key, sizeof key, "%s %s", json_get_text(field, "path", "$"), json_get_text(field, "kind", "value"));
        json_object_set(d->fields, key, field);
    }
    for (size_t i = 0; i < json_array_size(samples); i++)
        json_array_append(d->samples, json_array_get(samples, i));
}
