/* core/app/export_files.c: see export_files.h. Names come from the appliance, but a file is only ever written where a
 * clean name leads. */
#include "core/app/export_files.h"

#include "core/app/yaml.h"
#include "core/base/base64.h"
#include "core/base/io.h"
#include "core/base/settings.h"
#include "core/flow/keys.h"

#include <stdlib.h>

enum { SAMPLE_BYTES_MAX = 2 * 1024 * 1024 };

void export_strip(json_t *estate) {
    static const char *const added[] = {
        "revision", "created_at", "updated_at", "updated_by", "health", "hash", "version"};
    const char *kind;
    json_t *items;
    void *next;
    json_object_foreach_safe(estate, next, kind, items) {
        for (size_t i = 0; i < json_array_size(items); i++) {
            for (size_t k = 0; k < sizeof added / sizeof *added; k++)
                json_object_del(json_array_get(items, i), added[k]);
            if (strcmp(kind, "certificates") == 0) keys_strip(json_array_get(items, i));
        }
        if (json_array_size(items) == 0) json_object_del(estate, kind);
    }
}

error *export_print(const json_t *estate, FILE *out) {
    char *text = NULL;
    error *err = yaml_text(estate, &text);
    if (!err) fputs(text, out);
    free(text);
    return err;
}

static error *write_text(const char *directory, const char *name, span text, size_t *files) {
    char *path = xasprintf("%s/%s", directory, name);
    error *err = io_write_file(path, text);
    free(path);
    if (!err) ++*files;
    return err;
}

static error *write_kind(const char *directory, const char *kind, json_t *items, size_t *files) {
    json_t *document = json_object();
    char *text = NULL, *name = xasprintf("%s.yaml", kind);
    json_object_set(document, kind, items);
    error *err = yaml_text(document, &text);
    if (!err) err = write_text(directory, name, span_of(text), files);
    json_decref(document);
    free(text);
    free(name);
    return err;
}

static error *write_samples(const char *directory, const json_t *samples, size_t *files) {
    error *err = json_array_size(samples) ? io_make_directories(directory) : NULL;
    for (size_t i = 0; !err && i < json_array_size(samples); i++) {
        const json_t *sample = json_array_get(samples, i);
        const char *name = json_get_text(sample, "name", ""), *base64 = json_get_text(sample, "base64", NULL);
        buf bytes = BUF_MAX(SAMPLE_BYTES_MAX);
        if (base64 && !base64_read(span_of(base64), &bytes))
            err = error_new(ERROR_INVALID, "the sample \"%s\" is not base64", name);
        if (!base64) buf_add(&bytes, json_get_span(sample, "text"));
        if (!err && !settings_is_name(span_of(name)))
            err = error_new(ERROR_INVALID, "the sample \"%s\" has a name that no file may have", name);
        if (!err) err = write_text(directory, name, buf_span(&bytes), files);
        buf_free(&bytes);
    }
    return err;
}

static error *write_script(const char *directory, const json_t *script, size_t *files) {
    const char *name = json_get_text(script, "name", "");
    if (!settings_is_name(span_of(name)))
        return error_new(ERROR_INVALID, "the script \"%s\" has a name that no file may have", name);
    char *source = xasprintf("%s.lua", name), *test = xasprintf("%s_test.lua", name);
    char *samples = xasprintf("%s/%s_samples", directory, name);
    error *err = write_text(directory, source, json_get_span(script, "source"), files);
    if (!err && json_get_span(script, "test").len)
        err = write_text(directory, test, json_get_span(script, "test"), files);
    if (!err) err = write_samples(samples, json_get_array(script, "samples"), files);
    free(source);
    free(test);
    free(samples);
    return err;
}

static error *write_schema(const char *directory, const json_t *schema, size_t *files) {
    const char *name = json_get_text(schema, "name", "");
    if (!settings_is_name(span_of(name)))
        return error_new(ERROR_INVALID, "the schema \"%s\" has a name that no file may have", name);
    char *file = xasprintf("%s.schema", name);
    error *err = write_text(directory, file, json_get_span(schema, "source"), files);
    free(file);
    return err;
}

/* Scripts and schemas are files of their own, in a directory of their kind. */
static error *write_files(const char *directory, const char *kind, json_t *items, size_t *files) {
    char *inside = xasprintf("%s/%s", directory, kind);
    error *err = io_make_directories(inside);
    bool scripts = strcmp(kind, "scripts") == 0;
    for (size_t i = 0; !err && i < json_array_size(items); i++) {
        const json_t *one = json_array_get(items, i);
        err = scripts ? write_script(inside, one, files) : write_schema(inside, one, files);
    }
    free(inside);
    return err;
}

error *export_write(const json_t *estate, const char *directory, size_t *files) {
    error *err = io_make_directories(directory);
    const char *kind;
    json_t *items;
    json_object_foreach((json_t *)estate, kind, items) {
        bool as_files = strcmp(kind, "scripts") == 0 || strcmp(kind, "schemas") == 0;
        if (err) break;
        err = as_files ? write_files(directory, kind, items, files) : write_kind(directory, kind, items, files);
    }
    return err;
}
