/* adapters/sftp/pickup.c: finding, reading and removing files at the server.
 *
 * A server does not say whether a file is complete. So a file is told of only when it kept its size and time: since the
 * last list, or else since a first look that this list takes `stable` before its second. It is read first and removed
 * when its bytes are safe here; with `claim: rename` it gets a hidden name before it is read.
 */
#include "adapters/sftp/session.h"

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

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
    adapter_session *session;
    const name_pattern *pattern;
    pending *directories, *current;
    size_t directory_count;
    map *files; /* path → sighting */
} look;

static char present;

static void report(adapter_session *session, span name, error *take) {
    if (!map_get(session->reported, name) && map_count(session->reported) < REPORTS_MAX) {
        map_put(session->reported, name, &present);
        log_failure(LOG_WARNING, session->options.host, take);
    } else {
        error_free(take);
    }
}

static void push_directory(look *l, const char *path, size_t depth) {
    if (l->directory_count++ >= DIRECTORIES_MAX) {
        report(l->session, span_of(path), error_new(ERROR_LIMIT, "more than %d directories", DIRECTORIES_MAX));
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

static void note_file(look *l, const char *path, const sftp_attributes *attributes) {
    adapter_session *session = l->session;
    span name = span_of(path);
    if (attributes->has_mode && !S_ISREG(attributes->mode)) {
        report(session, name, error_new(ERROR_DENIED, "%s is no ordinary file and is left alone", path));
    } else if (attributes->has_size && attributes->size > session->size_max) {
        report(session, name,
            error_new(ERROR_LIMIT, "%s has %" PRIu64 " bytes; max_size allows %" PRIu64, path, attributes->size,
                session->size_max));
    } else if (map_count(l->files) >= FILES_MAX) {
        report(session, SPAN(""),
            error_new(ERROR_LIMIT, "more than %d files wait: the others are seen when these are done", FILES_MAX));
    } else if (map_get(l->files, name)) {
        if (session->claims) return; /* the claimed one and a newer: one after the other */
        report(session, name, error_new(ERROR_INVALID, "the server lists %s twice", path));
    } else {
        sighting *s = xmalloc(sizeof *s);
        *s = (sighting){.size = attributes->size, .modified_ms = sftp_modified_ms(attributes)};
        map_put(l->files, name, s);
    }
}

/* The name that was claimed, as it was before. */
static span unclaimed(span base) {
    size_t len = strlen(SFTP_CLAIM_PREFIX);
    return span_starts(base, SPAN(SFTP_CLAIM_PREFIX)) ? span_make(base.data + len, base.len - len) : base;
}

/* What the server sends as a name may hold anything; what passes here is a clean path of one part below `current`. */
static error *consider(void *context, span name, const sftp_attributes *attributes) {
    look *l = context;
    char base[NAMES_PATH_ROOM], clean[NAMES_PATH_ROOM];
    bool last = l->current->depth + 1 == name_pattern_depth(l->pattern);
    span own = l->session->claims ? unclaimed(name) : name;
    error *err = NULL;
    if (memchr(own.data, '/', own.len))
        err = error_new(ERROR_INVALID, "the server lists a name with a slash in it");
    else
        err = io_path_clean(own, base, sizeof base);
    if (err) {
        report(l->session, span_make(name.data, name.len < 256 ? name.len : 256), err);
        return NULL;
    }
    if (name_is_temporary(base) || !name_pattern_part(l->pattern, l->current->depth, base)) return NULL;
    char *path = name_join(l->current->path, base);
    err = io_path_clean(span_of(path), clean, sizeof clean);
    if (err)
        report(l->session, span_of(path), err);
    else if (last && !(attributes->has_mode && S_ISDIR(attributes->mode)))
        note_file(l, path, attributes);
    else if (!last && attributes->has_mode && S_ISDIR(attributes->mode) &&
             !(l->session->archive && strcmp(l->session->archive, path) == 0))
        push_directory(l, path, l->current->depth + 1);
    free(path);
    return NULL;
}

static error *look_once(adapter_session *session, const name_pattern *pattern, map **files) {
    look l = {.session = session, .pattern = pattern, .files = map_new()};
    error *err = NULL;
    push_directory(&l, "", 0);
    while (l.directories && !err) {
        pending directory = *l.directories;
        directory.path = xstrdup(directory.path);
        pop_directory(&l);
        l.current = &directory;
        char *path = sftp_path(session, directory.path);
        err = sftp_list_directory(session->sftp, path, consider, &l);
        if (err && error_code_of(err) == ERROR_NOT_FOUND && *directory.path) { /* gone since it was seen */
            error_free(err);
            err = NULL;
        }
        free(path);
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

error *sftp_list(adapter_session *session, const char *pattern,
    error *(*found)(void *context, const adapter_entry *entry), void *context) {
    name_pattern *compiled = NULL;
    map *now = NULL;
    error *err = name_pattern_new(pattern ? pattern : json_get_text(session->settings, "pattern", NULL), &compiled);
    if (!err) err = sftp_ensure(session);
    if (!err) err = look_once(session, compiled, &now);
    if (!err && session->stable_ms > 0 && !all_known(session->seen, now)) {
        map_free(session->seen, free);
        session->seen = now;
        now = NULL;
        wait_ms(session->stable_ms);
        err = look_once(session, compiled, &now);
    }
    if (!err) {
        err = tell(session->stable_ms > 0 ? session->seen : NULL, now, found, context);
        map_free(session->seen, free);
        session->seen = now;
    }
    name_pattern_free(compiled);
    return err;
}

/* The path at the server of a file in its claimed state. The caller frees. */
static char *claimed_path(const adapter_session *session, const char *clean) {
    size_t parent = (size_t)(name_base(clean) - clean);
    char *relative = xasprintf("%.*s" SFTP_CLAIM_PREFIX "%s", (int)parent, clean, name_base(clean));
    char *path = sftp_path(session, relative);
    free(relative);
    return path;
}

/* Renames without replacing: by the protocol an existing target is an error, but not every server keeps to it. */
static error *move(adapter_session *session, const char *from, const char *to) {
    sftp_attributes attributes;
    error *err = sftp_lstat(session->sftp, to, &attributes);
    if (!err) return error_new(ERROR_CONFLICT, "%s exists already", to);
    if (error_code_of(err) != ERROR_NOT_FOUND) return err;
    error_free(err);
    return sftp_rename(session->sftp, from, to);
}

error *sftp_get(adapter_session *session, const char *name, const adapter_sink *sink, adapter_entry *got) {
    char clean[NAMES_PATH_ROOM];
    sftp_attributes attributes;
    error *err = name_check(name, clean);
    if (!err) err = sftp_ensure(session);
    if (err) return err;
    char *path = sftp_path(session, clean), *claimed = claimed_path(session, clean);
    if (session->claims) {
        err = sftp_lstat(session->sftp, claimed, &attributes); /* left over by a run that crashed? */
        if (err && error_code_of(err) == ERROR_NOT_FOUND) {
            error_free(err);
            err = sftp_rename(session->sftp, path, claimed);
        }
    }
    if (!err) err = sftp_read_file(session, session->claims ? claimed : path, name, sink, got);
    if (err && session->claims && !sftp_protocol_is_broken(session->sftp)) error_free(move(session, claimed, path));
    free(path);
    free(claimed);
    return err;
}

/* Moves into the archive; a name that is taken there gets an id behind it. */
static error *archive(adapter_session *session, const char *path, const char *clean) {
    char id[ID_SIZE];
    char *relative = name_join(session->archive, clean), *target = sftp_path(session, relative);
    error *err = move(session, path, target);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = sftp_make_parents(session, relative);
        if (!err) err = move(session, path, target);
    }
    if (err && error_code_of(err) == ERROR_CONFLICT) {
        char *other = xasprintf("%s.%s", target, id_new(id));
        error_free(err);
        err = sftp_rename(session->sftp, path, other);
        free(other);
    }
    free(relative);
    free(target);
    return error_wrap(err, "cannot archive %s", clean);
}

error *sftp_done(adapter_session *session, const adapter_entry *got) {
    char clean[NAMES_PATH_ROOM];
    sftp_attributes attributes;
    error *err = name_check(got->name, clean);
    if (!err) err = sftp_ensure(session);
    if (err) return err;
    char *path = session->claims ? claimed_path(session, clean) : sftp_path(session, clean);
    err = sftp_lstat(session->sftp, path, &attributes);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) { /* done before */
        error_free(err);
        err = NULL;
    } else if (!err && attributes.size == got->size && sftp_modified_ms(&attributes) == got->modified_ms) {
        err = session->archive ? archive(session, path, clean) : sftp_delete(session->sftp, path);
    }
    free(path);
    return err;
}

error *sftp_release(adapter_session *session, const char *name) {
    char clean[NAMES_PATH_ROOM];
    error *err = name_check(name, clean);
    if (err || !session->claims) return err;
    err = sftp_ensure(session);
    if (err) return err;
    char *path = sftp_path(session, clean), *claimed = claimed_path(session, clean);
    err = move(session, claimed, path);
    if (err && (error_code_of(err) == ERROR_CONFLICT || error_code_of(err) == ERROR_NOT_FOUND)) {
        error_free(err); /* a newer file has the name, and this one is listed first; or it was not claimed */
        err = NULL;
    }
    free(path);
    free(claimed);
    return err;
}
