/* core/app/estate_values.c: see estate_values.h. */
#include "core/app/estate_values.h"

#include "core/app/yaml.h"
#include "core/base/base64.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <stdlib.h>
#include <unistd.h>

enum { REFERENCE_BYTES_MAX = 1024 * 1024, POINTER_MAX = 4096 };

/* The length of "./", "../", "." or ".." at the beginning; 0 when there is none. */
static size_t leading_dots(const char *path) {
    size_t dots = strspn(path, ".");
    if (dots == 0 || dots > 2 || (path[dots] && path[dots] != '/')) return 0;
    return dots + strspn(path + dots, "/");
}

char *estate_values_absolute(const char *directory, const char *path) {
    if (*path == '/') return xstrdup(path);
    char *base = realpath(directory, NULL);
    size_t skip;
    if (!base) base = xstrdup(directory);
    /* The base has no symbolic links, so that what is above it can be told from its name. */
    for (; (skip = leading_dots(path)) > 0; path += skip) {
        char *slash = strrchr(base, '/');
        if (skip >= 2 && path[1] == '.' && slash) slash[slash == base] = '\0';
    }
    char *absolute = *path ? xasprintf("%s%s%s", base, strcmp(base, "/") == 0 ? "" : "/", path) : xstrdup(base);
    free(base);
    return absolute;
}

static error *text_of_file(const char *path, const char *directory, json_t **text) {
    buf bytes = BUF_MAX(REFERENCE_BYTES_MAX);
    char *name = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", directory, path);
    error *err = io_read_file(name, &bytes);
    span content = buf_span(&bytes);
    if (!err && (!span_is_utf8(content) || memchr(content.data, '\0', content.len)))
        err = error_new(ERROR_INVALID, "%s is not text in UTF-8", name);
    /* An editor ends a password file with a line break that is no part of the password; PEM keeps its own. */
    bool one_line = !memchr(content.data, '\n', content.len ? content.len - 1 : 0);
    while (one_line && content.len > 0 && strchr("\r\n", content.data[content.len - 1]))
        content.len--;
    if (!err) *text = json_stringn(content.data, content.len);
    buf_free(&bytes);
    free(name);
    return err;
}

static error *text_of_environment(const char *name, json_t **text) {
    const char *value = getenv(name);
    if (!value) return error_new(ERROR_NOT_FOUND, "the environment has no %s", name);
    *text = json_string(value);
    return *text ? NULL : error_new(ERROR_INVALID, "%s in the environment is not UTF-8", name);
}

/* *text stays NULL when `value` is no reference. */
static error *resolve(const json_t *value, const char *directory, json_t **text) {
    *text = NULL;
    if (json_object_size(value) != 1) return NULL;
    const char *file = json_get_text(value, "file", NULL), *env = json_get_text(value, "env", NULL);
    if (file) return text_of_file(file, directory, text);
    return env ? text_of_environment(env, text) : NULL;
}

/* Collections that are still to be walked, innermost last. */
typedef struct pending {
    json_t *value;
    char *pointer;
} pending;

typedef struct walk {
    pending *pending;
    size_t count;
    const char *directory;
    fault_list *faults;
} walk;

static void push(walk *w, json_t *value, const char *parent, span key) {
    buf pointer = BUF_MAX(POINTER_MAX);
    buf_add_text(&pointer, parent);
    if (key.data) yaml_pointer_add(&pointer, key);
    w->pending = xreallocarray(w->pending, w->count + 1, sizeof *w->pending);
    w->pending[w->count++] = (pending){value, buf_take(&pointer, NULL)};
}

/* The text that replaces `value`, or NULL: then what is inside is still to be walked. */
static json_t *replacement(walk *w, json_t *value, const char *parent, span key) {
    json_t *text;
    error *err = resolve(value, w->directory, &text);
    if (err) {
        buf pointer = BUF_MAX(POINTER_MAX);
        buf_add_text(&pointer, parent);
        yaml_pointer_add(&pointer, key);
        fault_list_add(w->faults, error_at(err, "%s", buf_text(&pointer)));
        buf_free(&pointer);
    } else if (!text && (json_is_object(value) || json_is_array(value))) {
        push(w, value, parent, key);
    }
    return text;
}

static void walk_object(walk *w, json_t *object, const char *pointer) {
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        json_t *text = replacement(w, json_object_iter_value(at), pointer, span_of(json_object_iter_key(at)));
        if (text) json_object_iter_set_new(object, at, text);
    }
}

static void walk_array(walk *w, json_t *array, const char *pointer) {
    for (size_t i = 0; i < json_array_size(array); i++) {
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        json_t *text = replacement(w, json_array_get(array, i), pointer, span_of(index));
        if (text) json_array_set_new(array, i, text);
    }
}

void estate_values_resolve(json_t *object, const char *directory, fault_list *faults) {
    walk w = {.directory = directory, .faults = faults};
    push(&w, object, "", (span){NULL, 0});
    while (w.count > 0) {
        pending next = w.pending[--w.count];
        if (json_is_object(next.value))
            walk_object(&w, next.value, next.pointer);
        else
            walk_array(&w, next.value, next.pointer);
        free(next.pointer);
    }
    free(w.pending);
}

json_t *estate_values_sample(const char *name, span bytes) {
    json_t *sample = json_object();
    json_put_text(sample, "name", name);
    if (span_is_utf8(bytes) && !memchr(bytes.data ? bytes.data : "", '\0', bytes.len)) {
        json_put_span(sample, "text", bytes.data ? bytes : SPAN(""));
    } else {
        buf text = BUF_MAX(SIZE_MAX);
        base64_write(bytes, &text);
        json_put_span(sample, "base64", buf_span(&text));
        buf_free(&text);
    }
    return sample;
}
