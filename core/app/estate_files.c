/* core/app/estate_files.c: see estate_files.h. */
#include "core/app/estate_files.h"

#include "core/app/estate_values.h"
#include "core/app/yaml.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/flow/estate.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAMPLE_BYTES_MAX = 1024 * 1024, POINTER_MAX = 4096 };

typedef struct source_file {
    char *path;          /* as it was given */
    char *directory;     /* that relative paths inside start from */
    yaml_places *places; /* NULL: a script, or a JSON file that is no YAML */
} source_file;

/* One object of the estate and where it stands. */
typedef struct item {
    const char *kind;
    char *name;    /* or the route */
    char *pointer; /* inside its file: "/0/connections/3" */
    size_t file;
} item;

struct estate_files {
    json_t *body;
    source_file *files;
    size_t file_count;
    item *items;
    size_t item_count;
    bool names_kinds;   /* a file has a kind, be it with an empty list */
    fault_list *faults; /* while reading */
};

/* ---- places ---- */

static char *place_in_file(const estate_files *e, size_t file, const char *pointer, bool with_column) {
    const source_file *f = &e->files[file];
    yaml_place place;
    if (!f->places || !yaml_find_place(f->places, pointer, &place)) return xstrdup(f->path);
    return with_column ? xasprintf("%s:%u:%u", f->path, place.line, place.column)
                       : xasprintf("%s:%u", f->path, place.line);
}

static void add_fault(estate_files *e, size_t file, const char *pointer, error *take) {
    char *place = place_in_file(e, file, pointer, true);
    fault_list_add(e->faults, error_at(take, "%s", place));
    free(place);
}

/* What follows the item's name in "/kind/name/rest", or NULL when the pointer is not the item's. The name may stand
 * there escaped, as it should, or as it is. */
static const char *behind_name(const item *it, const char *pointer) {
    buf escaped = BUF_MAX(POINTER_MAX), plain = BUF_MAX(POINTER_MAX);
    buf_printf(&escaped, "/%s", it->kind);
    buf_printf(&plain, "/%s/%s", it->kind, it->name);
    yaml_pointer_add(&escaped, span_of(it->name));
    const char *rest = NULL;
    const buf *forms[] = {&escaped, &plain};
    for (size_t i = 0; i < 2 && !rest; i++) {
        char next = span_starts(span_of(pointer), buf_span(forms[i])) ? pointer[forms[i]->len] : 'x';
        if (next == '\0' || next == '/') rest = pointer + forms[i]->len;
    }
    buf_free(&escaped);
    buf_free(&plain);
    return rest;
}

/* The item that "/kind/3/rest" means, counting over all files. */
static const item *item_by_index(const estate_files *e, const char *pointer, const char **rest) {
    span parts = span_of(pointer), empty, kind, index;
    uint64_t number, seen = 0;
    if (!span_split(&parts, '/', &empty) || !span_split(&parts, '/', &kind) || !span_split(&parts, '/', &index))
        return NULL;
    if (!span_to_u64(index, 0, SIZE_MAX, &number)) return NULL;
    for (size_t i = 0; i < e->item_count; i++) {
        if (!span_is(kind, e->items[i].kind) || seen++ != number) continue;
        *rest = index.data + index.len;
        return &e->items[i];
    }
    return NULL;
}

char *estate_files_place(const estate_files *e, const char *pointer) {
    const char *rest = NULL;
    const item *found = NULL;
    for (size_t i = 0; i < e->item_count && !found; i++) {
        rest = behind_name(&e->items[i], pointer);
        if (rest) found = &e->items[i];
    }
    if (!found) found = item_by_index(e, pointer, &rest);
    if (!found) return NULL;
    char *inside = xasprintf("%s%s", found->pointer, rest);
    char *place = place_in_file(e, found->file, inside, false);
    free(inside);
    return place;
}

/* ---- objects ---- */

static const char *known_kind(const char *word) {
    for (size_t i = 0; estate_kind_names[i]; i++) {
        if (strcmp(word, estate_kind_names[i]) == 0) return estate_kind_names[i];
    }
    return NULL;
}

static const item *find_item(const estate_files *e, const char *kind, const char *name) {
    for (size_t i = 0; i < e->item_count; i++) {
        if (e->items[i].kind == kind && strcmp(e->items[i].name, name) == 0) return &e->items[i];
    }
    return NULL;
}

static void add_item(estate_files *e, const char *kind, size_t file, const char *pointer, json_t *object) {
    const char *name_key = estate_name_member(kind);
    const char *name = json_get_text(object, name_key, NULL);
    if (!name || !*name) {
        add_fault(e, file, pointer,
            error_new(ERROR_INVALID, "this object of %s needs a \"%s\" that is text", kind, name_key));
        return;
    }
    const item *twin = find_item(e, kind, name);
    if (twin) {
        char *place = place_in_file(e, twin->file, twin->pointer, false);
        add_fault(e, file, pointer, error_new(ERROR_CONFLICT, "%s/%s stands in %s already", kind, name, place));
        free(place);
        return;
    }
    e->items = xreallocarray(e->items, e->item_count + 1, sizeof *e->items);
    e->items[e->item_count++] = (item){kind, xstrdup(name), xstrdup(pointer), file};
    json_t *list = json_object_get(e->body, kind);
    if (!list) json_object_set_new(e->body, kind, list = json_array());
    json_array_append(list, object);
}

/* Only the adapter `file` has a directory of this machine; that of `sftp` lies with the partner. */
static void resolve_directory(json_t *object, const char *kind, const char *base) {
    const char *directory = json_get_text(object, "directory", NULL);
    if (!directory || !*directory || strcmp(kind, "connections") != 0) return;
    if (strcmp(json_get_text(object, "kind", ""), "file") != 0) return;
    char *absolute = estate_values_absolute(base, directory);
    json_put_text(object, "directory", absolute);
    free(absolute);
}

static void read_object(estate_files *e, const char *kind, size_t file, const char *pointer, json_t *object) {
    if (!json_is_object(object)) {
        add_fault(e, file, pointer, error_new(ERROR_INVALID, "every item of %s must be an object", kind));
        return;
    }
    fault_list found = {NULL, 0};
    estate_values_resolve(object, e->files[file].directory, &found);
    for (size_t i = 0; i < found.count; i++) {
        char *inside = xasprintf("%s%s", pointer, error_where(found.faults[i]));
        add_fault(e, file, inside, error_new(error_code_of(found.faults[i]), "%s", error_text(found.faults[i])));
        free(inside);
    }
    fault_list_free(&found);
    resolve_directory(object, kind, e->files[file].directory);
    add_item(e, kind, file, pointer, object);
}

static error *unknown_kind(const char *word) {
    buf known = BUF_MAX(POINTER_MAX);
    size_t count = 0;
    for (; estate_kind_names[count]; count++)
        buf_printf(&known, "%s%s", count ? ", " : "", estate_kind_names[count]);
    const char *near = settings_nearest(word, estate_kind_names, count);
    error *err = near ? error_new(ERROR_INVALID, "unknown kind \"%s\"; did you mean \"%s\"?", word, near)
                      : error_new(ERROR_INVALID, "unknown kind \"%s\"; known are: %s", word, buf_text(&known));
    buf_free(&known);
    return err;
}

static void read_kind(estate_files *e, size_t file, const char *pointer, const char *word, json_t *list) {
    const char *kind = known_kind(word);
    if (kind && json_is_array(list)) e->names_kinds = true;
    if (!kind) {
        add_fault(e, file, pointer, unknown_kind(word));
    } else if (!json_is_array(list) && !json_is_null(list)) {
        add_fault(e, file, pointer, error_new(ERROR_INVALID, "%s must be a list of objects", kind));
    } else {
        for (size_t i = 0; i < json_array_size(list); i++) {
            char *inside = xasprintf("%s/%zu", pointer, i);
            read_object(e, kind, file, inside, json_array_get(list, i));
            free(inside);
        }
    }
}

static void read_documents(estate_files *e, size_t file, json_t *documents) {
    for (size_t i = 0; i < json_array_size(documents); i++) {
        json_t *document = json_array_get(documents, i), *list;
        const char *word;
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/%zu", i);
        if (!json_is_object(document)) {
            add_fault(e, file, pointer, error_new(ERROR_INVALID, "the file must hold kinds, such as \"connections:\""));
            continue;
        }
        json_object_foreach(document, word, list) {
            /* What aliases and merge keys of this file copy from. */
            if (strncmp(word, "x-", 2) == 0) continue;
            buf inside = BUF_MAX(POINTER_MAX);
            buf_add_text(&inside, pointer);
            yaml_pointer_add(&inside, span_of(word));
            read_kind(e, file, buf_text(&inside), word, list);
            buf_free(&inside);
        }
    }
}

/* ---- files ---- */

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static size_t add_file(estate_files *e, const char *path) {
    const char *slash = strrchr(path, '/');
    e->files = xreallocarray(e->files, e->file_count + 1, sizeof *e->files);
    e->files[e->file_count] = (source_file){
        .path = xstrdup(strcmp(path, "-") == 0 ? "standard input" : path),
        .directory = slash ? xspandup(span_make(path, slash == path ? 1 : (size_t)(slash - path))) : xstrdup("."),
        .places = NULL,
    };
    return e->file_count++;
}

static error *read_path(const char *path, size_t maximum, buf *bytes) {
    *bytes = BUF_MAX(maximum);
    error *err =
        strcmp(path, "-") == 0 ? io_read_all(STDIN_FILENO, bytes, "standard input") : io_read_file(path, bytes);
    return err;
}

/* "line 3, column 5", as json_parse names a place, in the form of all other places. */
static error *json_fault(error *take, const char *path) {
    span rest = span_of(error_where(take)), line, column;
    uint64_t at_line = 1, at_column = 1;
    error *fault = error_new(error_code_of(take), "%s", error_text(take));
    bool known = span_starts(rest, SPAN("line ")) && span_split(&rest, ',', &line) && rest.data &&
                 span_starts(rest, SPAN(" column "));
    if (known) {
        line = span_make(line.data + 5, line.len - 5);
        column = span_make(rest.data + 8, rest.len - 8);
        known = span_to_u64(line, 0, UINT32_MAX, &at_line) && span_to_u64(column, 0, UINT32_MAX, &at_column);
    }
    error_free(take);
    return known ? error_at(fault, "%s:%u:%u", path, (unsigned)at_line, (unsigned)at_column)
                 : error_at(fault, "%s", path);
}

/* JSON is read as JSON: YAML would refuse some of its escapes. The places come from reading it as YAML besides. */
static error *parse_json(const source_file *f, span text, json_t **documents, yaml_places **places) {
    json_t *value, *ignored = NULL;
    /* Windows writes it, YAML allows it, and RFC 8259 §8.1 lets a reader ignore it. */
    static const span byte_order_mark = {"\xEF\xBB\xBF", 3};
    if (span_starts(text, byte_order_mark)) text = span_make(text.data + 3, text.len - 3);
    error *err = json_parse(text, &value);
    if (err) return json_fault(err, f->path);
    *documents = json_array();
    json_array_append_new(*documents, value);
    error_free(yaml_parse(text, f->path, &ignored, places));
    json_decref(ignored);
    return NULL;
}

static void read_configuration(estate_files *e, const char *path) {
    size_t file = add_file(e, path);
    json_t *documents = NULL;
    buf text;
    error *err = read_path(path, YAML_BYTES_MAX, &text);
    source_file *f = &e->files[file];
    if (!err) {
        err = ends_with(path, ".json") ? parse_json(f, buf_span(&text), &documents, &f->places)
                                       : yaml_parse(buf_span(&text), f->path, &documents, &f->places);
    }
    if (err)
        fault_list_add(e->faults, err);
    else
        read_documents(e, file, documents);
    json_decref(documents);
    buf_free(&text);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory that are not hidden, sorted; a directory that does not exist is empty. */
static error *list_directory(const char *path, char ***names, size_t *count) {
    *names = NULL;
    *count = 0;
    DIR *directory = opendir(path);
    if (!directory) return errno == ENOENT ? NULL : error_from_errno(errno, "cannot list %s", path);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.') continue;
        *names = xreallocarray(*names, *count + 1, sizeof **names);
        (*names)[(*count)++] = xstrdup(entry->d_name);
    }
    closedir(directory);
    if (*count) qsort(*names, *count, sizeof **names, by_name);
    return NULL;
}

static void free_names(char **names, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static json_t *read_samples(estate_files *e, const char *directory) {
    char **names;
    size_t count;
    json_t *samples = json_array();
    fault_list_add(e->faults, list_directory(directory, &names, &count));
    for (size_t i = 0; i < count; i++) {
        char *path = xasprintf("%s/%s", directory, names[i]);
        buf bytes;
        error *err = read_path(path, SAMPLE_BYTES_MAX, &bytes);
        if (err)
            fault_list_add(e->faults, err);
        else
            json_array_append_new(samples, estate_values_sample(names[i], buf_span(&bytes)));
        buf_free(&bytes);
        free(path);
    }
    free_names(names, count);
    return samples;
}

static error *put_file_text(json_t *object, const char *key, const char *path) {
    buf text;
    error *err = read_path(path, SAMPLE_BYTES_MAX, &text);
    if (!err && !span_is_utf8(buf_span(&text))) err = error_new(ERROR_INVALID, "%s is not UTF-8", path);
    if (!err) json_put_span(object, key, buf_span(&text));
    buf_free(&text);
    return err;
}

/* `path` ends in ".lua": the script, with its test and its samples where they exist. */
static void read_script(estate_files *e, const char *path) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t file = add_file(e, path);
    json_t *script = json_object();
    char *stem = xspandup(span_make(path, strlen(path) - 4));
    char *test = xasprintf("%s_test.lua", stem), *samples = xasprintf("%s_samples", stem);
    json_put_span(script, "name", span_make(base, strlen(base) - 4));
    error *err = put_file_text(script, "source", path);
    if (!err && access(test, F_OK) == 0) err = put_file_text(script, "test", test);
    json_t *found = read_samples(e, samples);
    if (json_array_size(found)) json_object_set(script, "samples", found);
    json_decref(found);
    if (err)
        fault_list_add(e->faults, err);
    else
        add_item(e, "scripts", file, "", script);
    json_decref(script);
    free(stem);
    free(test);
    free(samples);
}

/* `path` ends in ".schema". */
static void read_schema(estate_files *e, const char *path) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t file = add_file(e, path);
    json_t *schema = json_object();
    json_put_span(schema, "name", span_make(base, strlen(base) - strlen(".schema")));
    error *err = put_file_text(schema, "source", path);
    if (err)
        fault_list_add(e->faults, err);
    else
        add_item(e, "schemas", file, "", schema);
    json_decref(schema);
}

/* The files of a directory below an estate whose names end so, but for those that end in `but` (NULL: none). */
static void read_below(estate_files *e, const char *path, const char *directory, const char *end, const char *but,
    void (*read)(estate_files *e, const char *path)) {
    char **names, *inside = xasprintf("%s/%s", path, directory);
    size_t count;
    fault_list_add(e->faults, list_directory(inside, &names, &count));
    for (size_t i = 0; i < count; i++) {
        char *file = xasprintf("%s/%s", inside, names[i]);
        if (ends_with(names[i], end) && !(but && ends_with(names[i], but))) read(e, file);
        free(file);
    }
    free_names(names, count);
    free(inside);
}

static bool is_configuration(const char *name) {
    if (strcmp(name, "banyan.yaml") == 0 || strcmp(name, "banyan.yml") == 0) return false;
    return ends_with(name, ".yaml") || ends_with(name, ".yml") || ends_with(name, ".json");
}

static void read_directory(estate_files *e, const char *path) {
    char **names;
    size_t count, before = e->file_count;
    fault_list_add(e->faults, list_directory(path, &names, &count));
    for (size_t i = 0; i < count; i++) {
        char *inside = xasprintf("%s/%s", path, names[i]);
        if (is_configuration(names[i])) read_configuration(e, inside);
        free(inside);
    }
    free_names(names, count);
    read_below(e, path, "scripts", ".lua", "_test.lua", read_script);
    read_below(e, path, "schemas", ".schema", NULL, read_schema);
    if (e->file_count == before)
        fault_list_add(e->faults, error_new(ERROR_NOT_FOUND,
                                      "%s holds no *.yaml, *.yml, *.json, scripts/*.lua or schemas/*.schema; other "
                                      "folders below it are not looked into",
                                      path));
}

static void read_argument(estate_files *e, const char *path) {
    struct stat status = {.st_mode = S_IFREG};
    if (strcmp(path, "-") != 0 && stat(path, &status) < 0)
        fault_list_add(e->faults, error_from_errno(errno, "cannot read %s", path));
    else if (S_ISDIR(status.st_mode))
        read_directory(e, path);
    else if (ends_with(path, ".lua"))
        read_script(e, path);
    else if (ends_with(path, ".schema"))
        read_schema(e, path);
    else
        read_configuration(e, path);
}

void estate_files_read(const char *const *paths, size_t count, estate_files **out, fault_list *faults) {
    size_t before = faults->count;
    estate_files *e = xcalloc(1, sizeof *e);
    e->body = json_object();
    e->faults = faults;
    for (size_t i = 0; i < count; i++) {
        char *path = xstrdup(paths[i]);
        for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
            path[len - 1] = '\0';
        read_argument(e, path);
        free(path);
    }
    e->faults = NULL;
    *out = e;
    if (faults->count == before) return;
    estate_files_free(e);
    *out = NULL;
}

const json_t *estate_files_body(const estate_files *e) {
    return e->body;
}

bool estate_files_name_kinds(const estate_files *e) {
    return e->names_kinds || e->item_count > 0;
}

void estate_files_free(estate_files *e) {
    if (!e) return;
    for (size_t i = 0; i < e->file_count; i++) {
        free(e->files[i].path);
        free(e->files[i].directory);
        yaml_places_free(e->files[i].places);
    }
    for (size_t i = 0; i < e->item_count; i++) {
        free(e->items[i].name);
        free(e->items[i].pointer);
    }
    free(e->files);
    free(e->items);
    json_decref(e->body);
    free(e);
}
