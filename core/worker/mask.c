/* core/worker/mask.c: see mask.h. */
#include "core/worker/mask.h"

#include "core/worker/compare.h"

enum { PATH_MAX_BYTES = 4000 };

static bool is_masked(const json_t *places, const buf *path) {
    for (size_t i = 0; i < json_array_size(places); i++) {
        const char *pattern = json_string_value(json_array_get(places, i));
        if (pattern && compare_place_fits(pattern, buf_text((buf *)(uintptr_t)path))) return true;
    }
    return false;
}

/* What to put in the place of a value at the path; NULL: it stays. Bounded by JSON_DEPTH_MAX of the parser. */
static json_t *mask_value(json_t *value, const json_t *places, buf *path) {
    const char *name;
    json_t *member;
    void *next;
    size_t index, before = path->len;
    if (is_masked(places, path) || before > PATH_MAX_BYTES) return json_string("***");
    json_object_foreach_safe(value, next, name, member) {
        buf_add_char(path, '.');
        buf_add_text(path, name);
        json_t *masked = mask_value(member, places, path);
        if (masked) json_object_set_new(value, name, masked);
        path->len = before;
        path->data[before] = '\0';
    }
    json_array_foreach(value, index, member) {
        buf_add_text(path, "[*]");
        json_t *masked = mask_value(member, places, path);
        if (masked) json_array_set_new(value, index, masked);
        path->len = before;
        path->data[before] = '\0';
    }
    return NULL;
}

error *mask_json(span body, const json_t *places, char **masked) {
    json_t *value = NULL;
    buf path = BUF_MAX(2 * PATH_MAX_BYTES + 65536);
    error *err = json_parse(body, &value);
    if (err) return error_wrap(err, "it cannot be masked");
    buf_add_char(&path, '$');
    json_t *whole = mask_value(value, places, &path);
    *masked = json_text(whole ? whole : value, false);
    json_decref(whole);
    json_decref(value);
    buf_free(&path);
    return NULL;
}
