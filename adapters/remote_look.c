/* adapters/remote_look.c: see remote_look.h. */
#include "adapters/remote_look.h"

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

enum { FILES_MAX = 200000, DIRECTORIES_MAX = 10000, REPORTS_MAX = 1000 };

typedef struct sighting {
    uint64_t size;
    int64_t modified_ms;
} sighting;

typedef struct pending {
    struct pending *next;
    char *path; /* relative; "" is the base */
    size_t depth;
} pending;

typedef struct look {
    remote_looker *by;
    const name_pattern *pattern;
    pending *directories, *current;
    size_t directory_count;
    map *files; /* path → sighting */
} look;

static char present;

static void report(remote_looker *l, span name, error *take) {
    if (!map_get(l->reported, name) && map_count(l->reported) < REPORTS_MAX) {
        map_put(l->reported, name, &present);
        log_failure(LOG_WARNING, l->host, take);
    } else {
        error_free(take);
    }
}

/* What the pattern takes, and nobody will ever pick up as it is. */
static void leave(remote_looker *l, span name, error *take) {
    names_left_add(&l->left, take);
    report(l, name, take);
}

static void push_directory(look *l, const char *path, size_t depth) {
    if (l->directory_count++ >= DIRECTORIES_MAX) {
        report(l->by, span_of(path), error_new(ERROR_LIMIT, "more than %d directories", DIRECTORIES_MAX));
        return;
    }
    pending *directory = xmalloc(sizeof *directory);
    *directory = (pending){.next = l->directories, .path = xstrdup(path), .depth = depth};
    l->directories = directory;
}

static void pop_directory(look *l) {
    pending *first = l->directories;
    l->directories = first->next;
    free(first->path);
    free(first);
}

static void note_file(look *l, const char *path, const remote_entry *entry) {
    span name = span_of(path);
    if (entry->is_other) {
        report(l->by, name, error_new(ERROR_DENIED, "%s is no ordinary file and is left alone", path));
    } else if (entry->has_size && entry->size > l->by->size_max) {
        leave(l->by, name,
            error_new(
                ERROR_LIMIT, "%s has %" PRIu64 " bytes; max_size allows %" PRIu64, path, entry->size, l->by->size_max));
    } else if (map_count(l->files) >= FILES_MAX) {
        report(l->by, SPAN(""),
            error_new(ERROR_LIMIT, "more than %d files wait: the others are seen when these are done", FILES_MAX));
    } else if (map_get(l->files, name)) {
        if (l->by->claim_prefix) return; /* the claimed one and a newer: one after the other */
        report(l->by, name, error_new(ERROR_INVALID, "the server lists %s twice", path));
    } else {
        sighting *s = xmalloc(sizeof *s);
        *s = (sighting){.size = entry->size, .modified_ms = entry->modified_ms};
        map_put(l->files, name, s);
    }
}

/* The name that was claimed, as it was before. */
static span unclaimed(const remote_looker *l, span base) {
    size_t len = l->claim_prefix ? strlen(l->claim_prefix) : 0;
    return len && span_starts(base, span_of(l->claim_prefix)) ? span_make(base.data + len, base.len - len) : base;
}

/* Does the pattern take that name, whatever it holds? */
static bool would_take(const look *l, span name, bool last) {
    char *text = xspandup(name);
    bool taken = last && !name_is_temporary(text) && name_pattern_part(l->pattern, l->current->depth, text);
    free(text);
    return taken;
}

/* What the server sends as a name may hold anything; what passes here is a clean path of one part below `current`. */
static error *consider(void *context, span name, const remote_entry *entry) {
    look *l = context;
    char base[NAMES_PATH_ROOM], clean[NAMES_PATH_ROOM];
    bool last = l->current->depth + 1 == name_pattern_depth(l->pattern);
    span own = unclaimed(l->by, name);
    error *err = NULL;
    if (memchr(own.data, '/', own.len))
        err = error_new(ERROR_INVALID, "the server lists a name with a slash in it");
    else
        err = io_path_clean(own, base, sizeof base);
    if (err) {
        span shown = span_make(name.data, name.len < 256 ? name.len : 256);
        if (would_take(l, own, last))
            leave(l->by, shown, err);
        else
            report(l->by, shown, err);
        return NULL;
    }
    if (name_is_temporary(base) || !name_pattern_part(l->pattern, l->current->depth, base)) return NULL;
    char *path = name_join(l->current->path, base);
    err = io_path_clean(span_of(path), clean, sizeof clean);
    if (err)
        report(l->by, span_of(path), err);
    else if (last && !entry->is_directory)
        note_file(l, path, entry);
    else if (!last && entry->is_directory && !(l->by->archive && strcmp(l->by->archive, path) == 0))
        push_directory(l, path, l->current->depth + 1);
    free(path);
    return NULL;
}

static error *look_once(remote_looker *by, const name_pattern *pattern, map **files) {
    look l = {.by = by, .pattern = pattern, .files = map_new()};
    error *err = NULL;
    by->left = (names_left){.count = 0};
    push_directory(&l, "", 0);
    while (l.directories && !err) {
        pending directory = *l.directories;
        directory.path = xstrdup(directory.path);
        pop_directory(&l);
        l.current = &directory;
        err = by->list(by->context, directory.path, consider, &l);
        if (err && error_code_of(err) == ERROR_NOT_FOUND && *directory.path) { /* gone since it was seen */
            error_free(err);
            err = NULL;
        }
        free(directory.path);
    }
    while (l.directories)
        pop_directory(&l);
    if (err) {
        map_free(l.files, free);
        return err;
    }
    *files = l.files;
    return NULL;
}

static bool is_same(const map *earlier, span path, const sighting *now) {
    const sighting *before = map_get(earlier, path);
    return before && before->size == now->size && before->modified_ms == now->modified_ms;
}

static bool all_known(const map *earlier, const map *now) {
    size_t cursor = 0;
    span path;
    void *value;
    while (map_next(now, &cursor, &path, &value)) {
        if (!is_same(earlier, path, value)) return false;
    }
    return true;
}

static error *tell(
    const map *earlier, const map *now, error *(*found)(void *context, const adapter_entry *entry), void *context) {
    size_t cursor = 0;
    span path;
    void *value;
    error *err = NULL;
    while (!err && map_next(now, &cursor, &path, &value)) {
        const sighting *s = value;
        if (earlier && !is_same(earlier, path, s)) continue;
        char *name = xspandup(path);
        adapter_entry entry = {.name = name, .size = s->size, .modified_ms = s->modified_ms};
        err = found(context, &entry);
        free(name);
    }
    return err;
}

static void wait_ms(int64_t ms) {
    int64_t until = clock_monotonic_ms() + ms, left;
    while ((left = until - clock_monotonic_ms()) > 0)
        poll(NULL, 0, (int)left);
}

const char *remote_left(remote_looker *l) {
    return names_left_text(&l->left, l->left_text, sizeof l->left_text);
}

void remote_looker_begin(remote_looker *l) {
    l->seen = map_new();
    l->reported = map_new();
}

void remote_looker_end(remote_looker *l) {
    map_free(l->seen, free);
    map_free(l->reported, NULL);
}

error *remote_look(remote_looker *l, const name_pattern *pattern,
    error *(*found)(void *context, const adapter_entry *entry), void *context) {
    map *now = NULL;
    error *err = look_once(l, pattern, &now);
    if (!err && l->stable_ms > 0 && !all_known(l->seen, now)) {
        map_free(l->seen, free);
        l->seen = now;
        now = NULL;
        wait_ms(l->stable_ms);
        err = look_once(l, pattern, &now);
    }
    if (err) return err;
    err = tell(l->stable_ms > 0 ? l->seen : NULL, now, found, context);
    map_free(l->seen, free);
    l->seen = now;
    return err;
}
