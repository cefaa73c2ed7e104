/* adapters/names.c: see names.h. */
#include "adapters/names.h"

#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/base/settings.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { PARTS_MAX = 32 };

struct name_pattern {
    char text[NAMES_PATH_ROOM]; /* the parts, each with its terminator */
    const char *parts[PARTS_MAX];
    size_t depth;
};

/* What FTP clients, browsers, editors and transfer tools append while they write. */
static const char *const temporary_suffixes[] = {
    "~", ".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".swp", ".lock", ".inprogress"};

error *name_pattern_new(const char *text, name_pattern **out) {
    name_pattern *pattern = xcalloc(1, sizeof *pattern);
    error *err = io_path_clean(span_of(text ? text : "*"), pattern->text, sizeof pattern->text);
    if (err) {
        free(pattern);
        return error_wrap(err, "pattern");
    }
    for (char *part = pattern->text; part;) {
        char *slash = strchr(part, '/');
        if (slash) *slash = '\0';
        pattern->parts[pattern->depth++] = part;
        part = slash ? slash + 1 : NULL;
    }
    *out = pattern;
    return NULL;
}

size_t name_pattern_depth(const name_pattern *pattern) {
    return pattern->depth;
}

bool name_pattern_part(const name_pattern *pattern, size_t index, const char *name) {
    return index < pattern->depth && fnmatch(pattern->parts[index], name, FNM_NOESCAPE) == 0;
}

bool name_pattern_path(const name_pattern *pattern, const char *path) {
    span rest = span_of(path), part;
    size_t index = 0;
    char name[NAMES_PATH_ROOM];
    while (span_split(&rest, '/', &part)) {
        if (part.len >= sizeof name) return false;
        memcpy(name, part.data, part.len);
        name[part.len] = '\0';
        if (!name_pattern_part(pattern, index++, name)) return false;
    }
    return index == pattern->depth;
}

void name_pattern_free(name_pattern *pattern) {
    free(pattern);
}

const char *name_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool name_is_temporary(const char *base) {
    size_t len = strlen(base);
    if (base[0] == '.' || len == 0) return true;
    for (size_t i = 0; i < sizeof temporary_suffixes / sizeof *temporary_suffixes; i++) {
        size_t suffix = strlen(temporary_suffixes[i]);
        if (len > suffix && strcasecmp(base + len - suffix, temporary_suffixes[i]) == 0) return true;
    }
    return false;
}

bool name_is_own(const char *path) {
    span rest = span_of(path), part;
    while (span_split(&rest, '/', &part)) {
        if (span_starts(part, SPAN(NAMES_OWN))) return true;
    }
    return false;
}

char *name_join(const char *directory, const char *name) {
    return *directory ? xasprintf("%s/%s", directory, name) : xstrdup(name);
}

error *name_check(const char *path, char *clean) {
    error *err = io_path_clean(span_of(path), clean, NAMES_PATH_ROOM);
    if (!err && name_is_own(clean)) return error_new(ERROR_NOT_FOUND, "there is no %s", path);
    return err;
}

error *name_temporary(const char *identity, const char *path, char *name) {
    if (!settings_is_name(span_of(identity)))
        return error_new(ERROR_INVALID, "\"%s\" cannot be part of a file name", identity);
    uint64_t mark = 0xcbf29ce484222325U; /* FNV-1a: spreads names, protects nothing */
    for (const char *c = path; *c; c++)
        mark = (mark ^ (unsigned char)*c) * 0x100000001b3U;
    snprintf(name, NAMES_PATH_ROOM, "%s-%016" PRIx64, identity, mark);
    return NULL;
}

void names_left_add(names_left *left, const error *why) {
    if (left->count++ == 0) snprintf(left->why, sizeof left->why, "%s", error_text(why));
}

const char *names_left_text(const names_left *left, char *text, size_t room) {
    if (left->count == 0) return NULL;
    if (left->count == 1)
        snprintf(text, room, "%s", left->why);
    else
        snprintf(text, room, "%s; and %u more", left->why, left->count - 1);
    return text;
}
