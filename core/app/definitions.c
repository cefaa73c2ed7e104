/* core/app/definitions.c: see definitions.h. */
#include "core/app/definitions.h"

#include "core/app/input.h"
#include "core/base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char suffix[] = ".schema";

static bool is_directory(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static error *add_file(edi_library *library, const char *path) {
    input in;
    error *err = input_open(path, &in);
    if (err) return err;
    err = edi_library_add(library, in.bytes, path);
    input_close(&in);
    return err;
}

static int is_schema(const struct dirent *entry) {
    size_t len = strlen(entry->d_name), cut = sizeof suffix - 1;
    return entry->d_name[0] != '.' && len > cut && strcmp(entry->d_name + len - cut, suffix) == 0;
}

static error *add_directory(edi_library *library, const char *path) {
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_schema, alphasort);
    if (count < 0) return error_from_errno(errno, "%s", path);
    error *err = count == 0 ? error_new(ERROR_NOT_FOUND, "there is no file of schemas (*.schema) in %s", path) : NULL;
    for (int i = 0; i < count; i++) {
        char *file = xasprintf("%s/%s", path, entries[i]->d_name);
        if (!err) err = add_file(library, file);
        free(file);
        free(entries[i]);
    }
    free(entries);
    return err;
}

error *definitions_add(edi_library *library, const char *path) {
    if (!is_directory(path)) return add_file(library, path);
    char *below = xasprintf("%s/schemas", path);
    error *err = add_directory(library, is_directory(below) ? below : path);
    free(below);
    return err;
}

error *definitions_of(const command_line *line, edi_library *library) {
    size_t cursor = 0;
    const char *path;
    error *err = NULL;
    while (!err && (path = command_next(line, "schema", &cursor)))
        err = definitions_add(library, path);
    return err;
}
