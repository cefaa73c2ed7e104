/* adapters/file/pickup.c: finding, claiming, reading and removing files.
 *
 * A file is claimed by renaming it into .banyan/claimed, which mirrors the tree, and by a lock (flock) on it: the
 * rename keeps other readers of the directory away, the lock tells a claim that somebody works on from the leftover of
 * a run that crashed. Leftovers are listed first; a new file of the same name waits until the claimed one is done.
 */
#include "adapters/file/session.h"
#include "adapters/file/watch.h"
#include "adapters/names.h"
#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { REPORTS_MAX = 1000, DEPTH_MAX = 32 };

typedef struct claim {
    int fd; /* locked */
} claim;

/* One directory that still has to be read. */
typedef struct pending {
    struct pending *next;
    char *path; /* "" is the top */
    size_t depth;
} pending;

typedef struct walk {
    adapter_session *session;
    const name_pattern *pattern;
    error *(*found)(void *context, const adapter_entry *entry);
    void *context;
    pending *directories;
    map *taken; /* names that are claimed */
    int64_t now_ms;
} walk;

static char present;

/* Refused entries are told once a session: a poll every few seconds must not fill the log. */
static void report(adapter_session *session, const char *path, error *take) {
    span name = span_of(path);
    if (!map_get(session->reported, name) && map_count(session->reported) < REPORTS_MAX) {
        map_put(session->reported, name, &present);
        log_failure(LOG_WARNING, session->directory, take);
    } else {
        error_free(take);
    }
}

/* What the pattern takes, and nobody will ever pick up as it is. */
static void leave(adapter_session *session, const char *path, error *take) {
    names_left_add(&session->left, take);
    report(session, path, take);
}

static void push_directory(walk *w, const char *path, size_t depth) {
    pending *directory = xmalloc(sizeof *directory);
    *directory = (pending){.next = w->directories, .path = xstrdup(path), .depth = depth};
    w->directories = directory;
}

static void free_directories(pending *list) {
    while (list) {
        pending *next = list->next;
        free(list->path);
        free(list);
        list = next;
    }
}

static error *tell(walk *w, const char *path, const struct stat *status) {
    adapter_entry entry = {.name = path, .size = (uint64_t)status->st_size, .modified_ms = file_modified_ms(status)};
    return w->found(w->context, &entry);
}

/* Complete at once when it was seen to be closed or renamed; else when nothing touched it for a while. The time of the
 * last change of the inode counts, which copying tools cannot set. An empty file may be one that was only just made. */
static bool stands_still(const walk *w, const char *path, const struct stat *status) {
    int64_t changed_ms = (int64_t)status->st_ctim.tv_sec * 1000 + status->st_ctim.tv_nsec / 1000000;
    int64_t age_ms = w->now_ms - changed_ms;
    if (age_ms >= w->session->stable_ms) return true;
    return status->st_size > 0 && w->session->watch && file_watch_is_complete(w->session->watch, path);
}

static error *consider_file(walk *w, const char *path, const struct stat *status) {
    adapter_session *session = w->session;
    error *err = file_check_regular(status, path);
    if (err) {
        report(session, path, err);
        return NULL;
    }
    if ((uint64_t)status->st_size > session->size_max) {
        leave(session, path,
            error_new(ERROR_LIMIT, "%s has %lld bytes; max_size allows %" PRIu64, path, (long long)status->st_size,
                session->size_max));
        return NULL;
    }
    if (map_get(w->taken, span_of(path)) || !stands_still(w, path, status)) return NULL;
    return tell(w, path, status);
}

static bool is_archive(const adapter_session *session, const char *path) {
    return session->archive && strcmp(session->archive, path) == 0;
}

static error *consider(walk *w, int directory_fd, const pending *directory, const char *name) {
    bool last = directory->depth + 1 == name_pattern_depth(w->pattern);
    char clean[NAMES_PATH_ROOM];
    struct stat status;
    error *err = NULL;
    if (name_is_temporary(name) || !name_pattern_part(w->pattern, directory->depth, name)) return NULL;
    char *path = name_join(directory->path, name);
    err = io_path_clean(span_of(path), clean, sizeof clean);
    if (err) {
        if (last)
            leave(w->session, path, err);
        else
            report(w->session, path, err);
        err = NULL;
    } else if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT) report(w->session, path, error_from_errno(errno, "cannot look at %s", path));
    } else if (!S_ISDIR(status.st_mode)) {
        if (last) err = consider_file(w, path, &status);
    } else if (!last && !is_archive(w->session, path)) {
        push_directory(w, path, directory->depth + 1);
    }
    free(path);
    return err;
}

/* A claimed file that nobody holds is the leftover of a run that ended in the middle. */
static error *consider_claimed(walk *w, int directory_fd, const pending *directory, const char *name) {
    char *path = name_join(directory->path, name);
    struct stat status;
    error *err = NULL;
    if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(status.st_mode)) {
            if (directory->depth < DEPTH_MAX) push_directory(w, path, directory->depth + 1);
        } else if (S_ISREG(status.st_mode)) {
            int fd = openat(directory_fd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
            bool free_to_take = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
            io_close(&fd);
            map_put(w->taken, span_of(path), &present);
            if (free_to_take && name_pattern_path(w->pattern, path)) err = tell(w, path, &status);
        }
    }
    free(path);
    return err;
}

typedef error *considerer(walk *w, int directory_fd, const pending *directory, const char *name);

static error *walk_directory(walk *w, int below_fd, const pending *directory, considerer *each) {
    error *err = NULL;
    int fd = io_open_beneath(below_fd, *directory->path ? directory->path : ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        err = error_from_errno(errno, "cannot list %s/%s", w->session->directory, directory->path);
        io_close(&fd);
        if (error_code_of(err) != ERROR_NOT_FOUND) return err;
        error_free(err); /* removed since it was seen */
        return NULL;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(entries);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        err = each(w, fd, directory, entry->d_name);
        if (err) break;
    }
    if (!err && errno != 0) err = error_from_errno(errno, "cannot list %s", w->session->directory);
    closedir(entries);
    return err;
}

static error *walk_tree(walk *w, int below_fd, considerer *each, bool watched) {
    error *err = NULL;
    push_directory(w, "", 0);
    while (w->directories && !err) {
        pending *directory = w->directories;
        w->directories = directory->next;
        directory->next = NULL;
        if (watched && w->session->watch && *directory->path) {
            char *absolute = name_join(w->session->directory, directory->path);
            file_watch_add(w->session->watch, absolute, directory->path);
            free(absolute);
        }
        err = walk_directory(w, below_fd, directory, each);
        free_directories(directory);
    }
    free_directories(w->directories);
    w->directories = NULL;
    return err;
}

error *file_list(adapter_session *session, const char *pattern,
    error *(*found)(void *context, const adapter_entry *entry), void *context) {
    name_pattern *compiled = NULL;
    int claimed = -1;
    walk w = {.session = session, .found = found, .context = context, .now_ms = clock_wall_ms()};
    error *err = name_pattern_new(pattern ? pattern : json_get_text(session->settings, "pattern", NULL), &compiled);
    if (!err) err = file_refresh(session);
    if (!err) err = file_open_claimed(session, &claimed);
    session->left = (names_left){.count = 0};
    if (!err) {
        w.pattern = compiled;
        w.taken = map_new();
        if (session->watch) file_watch_drain(session->watch);
        err = walk_tree(&w, claimed, consider_claimed, false);
        if (!err) err = walk_tree(&w, session->directory_fd, consider, true);
        map_free(w.taken, NULL);
    }
    name_pattern_free(compiled);
    return err;
}

/* Opens and locks the claimed file. ERROR_NOT_FOUND when there is none, or another process works on it. */
static error *lock_claimed(int claimed, const char *name, int *fd) {
    struct stat status;
    *fd = io_open_beneath(claimed, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
    if (*fd < 0) return error_from_errno(errno, "cannot open %s", name);
    if (flock(*fd, LOCK_EX | LOCK_NB) < 0 || fstat(*fd, &status) < 0 || status.st_nlink == 0) {
        io_close(fd);
        return error_new(ERROR_NOT_FOUND, "another process has taken %s", name);
    }
    return NULL;
}

static error *move_to_claimed(adapter_session *session, int claimed, const char *name) {
    error *err = NULL;
    struct stat status;
    int from = -1, to = -1;
    err = file_open_parent(session->directory_fd, name, false, &from);
    if (!err && fstatat(from, name_base(name), &status, AT_SYMLINK_NOFOLLOW) < 0)
        err = error_from_errno(errno, "cannot claim %s", name);
    if (!err) err = file_check_regular(&status, name);
    if (!err) err = file_open_parent(claimed, name, true, &to);
    if (!err && file_move(from, name_base(name), to, name_base(name)) < 0)
        err = errno == EEXIST ? error_new(ERROR_NOT_FOUND, "another process has taken %s", name)
                              : error_from_errno(errno, "cannot claim %s", name);
    io_close(&from);
    io_close(&to);
    return err;
}

/* When a newer file has the name, this one stays claimed, and is listed first. */
static error *move_back(adapter_session *session, int claimed, const char *name) {
    int from = -1, to = -1;
    error *err = file_open_parent(claimed, name, false, &from);
    if (!err) err = file_open_parent(session->directory_fd, name, true, &to);
    if (!err && session->watch) file_watch_ignore(session->watch, name);
    if (!err && file_move(from, name_base(name), to, name_base(name)) < 0) {
        struct stat status;
        if (errno != EEXIST)
            err = error_from_errno(errno, "cannot give %s back", name);
        else if (fstatat(from, name_base(name), &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(status.st_mode))
            unlinkat(from, name_base(name), 0); /* a link or a pipe that was swapped in must not block the name */
    }
    io_close(&from);
    io_close(&to);
    return err;
}

static error *take_claim(adapter_session *session, int claimed, const char *name, claim **out) {
    int fd;
    error *err = lock_claimed(claimed, name, &fd);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = move_to_claimed(session, claimed, name);
        if (err) return err;
        err = lock_claimed(claimed, name, &fd);
    }
    /* No file any more: it was swapped between the look and the rename. Or it may not be read. */
    if (err && error_code_of(err) != ERROR_NOT_FOUND)
        log_failure(LOG_WARNING, "giving a file back", move_back(session, claimed, name));
    if (err) return err;
    *out = xmalloc(sizeof **out);
    **out = (claim){.fd = fd};
    map_put(session->claims, span_of(name), *out);
    return NULL;
}

static void drop_claim(adapter_session *session, const char *name) {
    claim *held = map_remove(session->claims, span_of(name));
    if (!held) return;
    io_close(&held->fd);
    free(held);
}

void file_forget_claims(adapter_session *session) {
    span name;
    void *held;
    size_t cursor = 0;
    while (map_next(session->claims, &cursor, &name, &held)) {
        io_close(&((claim *)held)->fd);
        free(held);
    }
    map_free(session->claims, NULL);
    session->claims = map_new();
}

error *file_get(adapter_session *session, const char *name, const adapter_sink *sink, adapter_entry *got) {
    char clean[NAMES_PATH_ROOM];
    int claimed = -1;
    error *err = name_check(name, clean);
    if (!err) err = file_refresh(session);
    if (!err) err = file_open_claimed(session, &claimed);
    if (err) return err;
    claim *held = map_get(session->claims, span_of(clean));
    if (!held) err = take_claim(session, claimed, clean, &held);
    if (err) return err;
    if (lseek(held->fd, 0, SEEK_SET) < 0) err = error_from_errno(errno, "cannot read %s", name);
    if (!err) err = file_read(held->fd, name, sink, got);
    if (err) log_failure(LOG_WARNING, "giving a file back", file_release(session, name));
    return err;
}

/* Directories of the mirror that became empty go with their last file; one that is in use stays by itself. */
static void remove_empty_parents(int claimed, const char *name) {
    char path[NAMES_PATH_ROOM];
    snprintf(path, sizeof path, "%s", name);
    for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (unlinkat(claimed, path, AT_REMOVEDIR) < 0) return;
    }
}

static error *archive_claimed(adapter_session *session, int from, const char *name) {
    char id[ID_SIZE], target[NAMES_PATH_ROOM], other[NAMES_PATH_ROOM];
    int to = -1, moved;
    if ((size_t)snprintf(target, sizeof target, "%s/%s", session->archive, name) >= sizeof target)
        return error_new(ERROR_LIMIT, "the path of %s in the archive is too long", name);
    error *err = file_open_parent(session->directory_fd, target, true, &to);
    if (err) return error_wrap(err, "cannot archive %s", name);
    moved = file_move(from, name_base(name), to, name_base(target));
    if (moved < 0 && errno == EEXIST) { /* an earlier file of that name: both are kept */
        snprintf(other, sizeof other, "%.200s.%s", name_base(target), id_new(id));
        moved = file_move(from, name_base(name), to, other);
    }
    if (moved < 0) err = error_from_errno(errno, "cannot archive %s", name);
    io_close(&to);
    return err;
}

static error *remove_claimed(adapter_session *session, int claimed, const char *name) {
    int parent = -1;
    error *err = file_open_parent(claimed, name, false, &parent);
    if (!err && session->archive)
        err = archive_claimed(session, parent, name);
    else if (!err && unlinkat(parent, name_base(name), 0) < 0)
        err = error_from_errno(errno, "cannot remove %s", name);
    io_close(&parent);
    return err;
}

/* Nothing is fsynced here: when a power cut brings the file back, it is known by its name, size, time and digest. The
 * lock is not asked either: whoever else reads the file reads what is durable already. */
error *file_done(adapter_session *session, const adapter_entry *got) {
    char clean[NAMES_PATH_ROOM];
    struct stat status;
    int claimed = -1;
    error *err = name_check(got->name, clean);
    if (!err) err = file_refresh(session);
    if (!err) err = file_open_claimed(session, &claimed);
    if (err) return err;
    int fd = io_open_beneath(claimed, clean, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
    if (fd < 0 && errno != ENOENT) return error_from_errno(errno, "cannot open %s", clean);
    if (fd >= 0 && fstat(fd, &status) < 0) err = error_from_errno(errno, "cannot look at %s", clean);
    if (fd >= 0 && !err && (uint64_t)status.st_size == got->size && file_modified_ms(&status) == got->modified_ms)
        err = remove_claimed(session, claimed, clean);
    io_close(&fd);
    if (err) return err;
    drop_claim(session, clean);
    remove_empty_parents(claimed, clean);
    return NULL;
}

error *file_release(adapter_session *session, const char *name) {
    char clean[NAMES_PATH_ROOM];
    int claimed = -1, fd = -1;
    error *err = name_check(name, clean);
    if (!err) err = file_open_claimed(session, &claimed);
    if (err) return err;
    if (!map_get(session->claims, span_of(clean))) err = lock_claimed(claimed, clean, &fd);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) { /* not claimed, or by somebody else */
        error_free(err);
        return NULL;
    }
    if (!err) err = move_back(session, claimed, clean);
    io_close(&fd);
    drop_claim(session, clean);
    if (!err) remove_empty_parents(claimed, clean);
    return err;
}
