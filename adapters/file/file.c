/* adapters/file/file.c: the table of the file adapter, its sessions, and the facade's resources.
 *
 * Runs in a courier process, single-threaded. Picking up is in pickup.c, delivering in deliver.c.
 */
#include "adapters/file/file.h"

#include "adapters/file/session.h"
#include "adapters/file/watch.h"
#include "adapters/names.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

static const setting file_settings[] = {
    {.name = "directory",
        .type = SETTING_TEXT,
        .required = true,
        .min = 1,
        .max = 1024,
        .help = "The directory whose files are picked up, and below which files are written"},
    {.name = "pattern",
        .type = SETTING_TEXT,
        .fallback = "*",
        .max = 512,
        .help = "Which files are picked up: shell wildcards on the path below the directory, such as in/*.edi"},
    {.name = "archive",
        .type = SETTING_TEXT,
        .max = 512,
        .help = "Directory below the directory for files that were picked up; without it they are deleted"},
    {.name = "poll",
        .type = SETTING_DURATION,
        .fallback = "10s",
        .min = 100,
        .max = 86400000,
        .help = "How often to look for files, besides the system's own notices"},
    {.name = "path",
        .type = SETTING_TEXT,
        .fallback = "{filename}",
        .max = 512,
        .help = "Where a file is written whose flow names no path"},
    {.name = "stable",
        .type = SETTING_DURATION,
        .fallback = "2s",
        .max = 86400000,
        .help = "How long a file must stand still before it is picked up, unless it was seen to be closed or renamed"},
    {.name = "max_size",
        .type = SETTING_SIZE,
        .fallback = "10GiB",
        .help = "Larger files are left where they are, and reported"},
    {.name = "create", .type = SETTING_BOOLEAN, .fallback = "true", .help = "Make the directory when it is missing"},
    {.name = "mode",
        .type = SETTING_TEXT,
        .fallback = "0640",
        .max = 4,
        .help = "Permissions of the files that are written, in octal"},
    {.name = NULL},
};

static bool parse_mode(const char *text, mode_t *mode) {
    unsigned value = 0;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '7') return false;
        value = value * 8 + (unsigned)(*c - '0');
    }
    *mode = value;
    return *text && value <= 0777 && (value & 0400);
}

static void file_check_settings(const json_t *settings, const char *path, fault_list *faults) {
    char clean[NAMES_PATH_ROOM];
    const char *directory = json_get_text(settings, "directory", "/");
    const char *archive = json_get_text(settings, "archive", NULL);
    name_pattern *pattern = NULL;
    mode_t mode;
    if (*directory != '/')
        fault_list_add(
            faults, error_at(error_new(ERROR_INVALID, "directory: must be an absolute path"), "%s/directory", path));
    if (archive) fault_list_add(faults, error_at(name_check(archive, clean), "%s/archive", path));
    fault_list_add(
        faults, error_at(name_pattern_new(json_get_text(settings, "pattern", NULL), &pattern), "%s/pattern", path));
    name_pattern_free(pattern);
    if (!parse_mode(settings_text(file_settings, settings, "mode"), &mode))
        fault_list_add(faults, error_at(error_new(ERROR_INVALID, "mode: must be octal permissions such as 0640, at "
                                                                 "least readable by the owner"),
                                   "%s/mode", path));
}

static void close_descriptors(adapter_session *session) {
    io_close(&session->directory_fd);
    io_close(&session->claimed_fd);
    io_close(&session->staging_fd);
}

error *file_refresh(adapter_session *session) {
    struct stat now;
    if (stat(session->directory, &now) < 0) {
        error *err = error_from_errno(errno, "cannot reach the directory %s", session->directory);
        if (error_code_of(err) != ERROR_NOT_FOUND) return err;
        close_descriptors(session);
        error_free(err);
        return error_new(
            ERROR_UNREACHABLE, "the directory %s is not there: was it removed, or not mounted?", session->directory);
    }
    if (session->directory_fd >= 0 && now.st_dev == session->device && now.st_ino == session->inode) return NULL;
    file_forget_claims(session);
    close_descriptors(session);
    session->directory_fd = open(session->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (session->directory_fd < 0 || fstat(session->directory_fd, &now) < 0)
        return error_from_errno(errno, "cannot open the directory %s", session->directory);
    session->device = now.st_dev;
    session->inode = now.st_ino;
    if (session->watch) {
        file_watch_reset(session->watch);
        file_watch_add(session->watch, session->directory, "");
    }
    return NULL;
}

/* Somebody else with rights on the directory could have made it first, to read or plant files there. */
static error *check_own(int fd, const char *name) {
    struct stat status;
    if (fstat(fd, &status) < 0) return error_from_errno(errno, "cannot look at %s", name);
    if (status.st_uid == geteuid() && (status.st_mode & 0022) == 0) return NULL;
    return error_new(ERROR_DENIED,
        "%s belongs to another user or others may write to it: it must be the appliance's own, mode 0700", name);
}

static error *open_own(adapter_session *session, const char *name, int *kept, int *fd) {
    error *err = NULL;
    if (*kept < 0) {
        int own = -1;
        if (mkdirat(session->directory_fd, NAMES_OWN, 0700) < 0 && errno != EEXIST)
            return error_from_errno(errno, "cannot make %s/%s", session->directory, NAMES_OWN);
        own = io_open_beneath(session->directory_fd, NAMES_OWN, O_RDONLY | O_DIRECTORY, 0);
        err = own < 0 ? error_from_errno(errno, "cannot open %s/%s", session->directory, NAMES_OWN)
                      : check_own(own, NAMES_OWN);
        if (!err) err = file_open_parent(session->directory_fd, name, true, &own);
        if (!err && mkdirat(own, name_base(name), 0700) < 0 && errno != EEXIST)
            err = error_from_errno(errno, "cannot make %s/%s", session->directory, name);
        if (!err) *kept = io_open_beneath(own, name_base(name), O_RDONLY | O_DIRECTORY, 0);
        if (!err && *kept < 0) err = error_from_errno(errno, "cannot open %s/%s", session->directory, name);
        io_close(&own);
    }
    *fd = *kept;
    return err;
}

error *file_open_claimed(adapter_session *session, int *fd) {
    return open_own(session, FILE_CLAIMED, &session->claimed_fd, fd);
}

error *file_open_staging(adapter_session *session, int *fd) {
    return open_own(session, FILE_STAGING, &session->staging_fd, fd);
}

error *file_open_parent(int below_fd, const char *clean, bool make, int *fd) {
    char parent[NAMES_PATH_ROOM];
    size_t len = (size_t)(name_base(clean) - clean);
    io_close(fd);
    snprintf(parent, sizeof parent, "%.*s", len ? (int)len - 1 : 1, len ? clean : ".");
    *fd = io_open_beneath(below_fd, parent, O_RDONLY | O_DIRECTORY, 0);
    if (*fd < 0 && errno == ENOENT && make) {
        error *err = io_make_parents(below_fd, clean);
        if (err) return err;
        *fd = io_open_beneath(below_fd, parent, O_RDONLY | O_DIRECTORY, 0);
    }
    return *fd >= 0 ? NULL : error_from_errno(errno, "cannot open the directory of %s", clean);
}

int file_move(int from_fd, const char *from, int to_fd, const char *to) {
    if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
    /* File systems that cannot (NFS): a second name, which never replaces one, then the first goes. */
    if (linkat(from_fd, from, to_fd, to, 0) < 0) return -1;
    return unlinkat(from_fd, from, 0);
}

error *file_check_regular(const struct stat *status, const char *name) {
    const char *what = NULL;
    if (S_ISLNK(status->st_mode)) what = "is a symbolic link";
    if (S_ISDIR(status->st_mode)) what = "is a directory";
    if (S_ISFIFO(status->st_mode)) what = "is a pipe";
    if (S_ISSOCK(status->st_mode)) what = "is a socket";
    if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode)) what = "is a device";
    if (!what && status->st_nlink > 1) what = "has a second name (hard link)";
    return what ? error_new(ERROR_DENIED, "%s %s; only ordinary files with one name are taken", name, what) : NULL;
}

int64_t file_modified_ms(const struct stat *status) {
    return (int64_t)status->st_mtim.tv_sec * 1000 + status->st_mtim.tv_nsec / 1000000;
}

error *file_read(int fd, const char *name, const adapter_sink *sink, adapter_entry *got) {
    error *err = NULL;
    struct stat before, after;
    uint64_t total = 0;
    char *chunk = NULL;
    if (fstat(fd, &before) < 0) return error_from_errno(errno, "cannot look at %s", name);
    err = file_check_regular(&before, name);
    if (err) return err;
    chunk = xmalloc(CHUNK);
    while (!err) {
        ssize_t len = read(fd, chunk, CHUNK);
        if (len < 0 && errno == EINTR) continue;
        if (len < 0) err = error_from_errno(errno, "cannot read %s", name);
        if (len <= 0) break;
        total += (uint64_t)len;
        err = sink->write(sink->context, span_make(chunk, (size_t)len));
    }
    free(chunk);
    if (!err && fstat(fd, &after) < 0) err = error_from_errno(errno, "cannot look at %s", name);
    if (!err && (total != (uint64_t)after.st_size || before.st_size != after.st_size ||
                    file_modified_ms(&before) != file_modified_ms(&after)))
        err = error_new(ERROR_CONFLICT, "%s changed while it was read", name);
    if (!err) *got = (adapter_entry){.name = name, .size = total, .modified_ms = file_modified_ms(&after)};
    return err;
}

static error *file_resource_read(
    adapter_session *session, const char *path, const adapter_sink *sink, adapter_entry *got) {
    char clean[NAMES_PATH_ROOM];
    int fd = -1;
    error *err = name_check(path, clean);
    if (!err) err = file_refresh(session);
    if (err) return err;
    /* Not blocking: a pipe without a writer would hold the open for ever. */
    fd = io_open_beneath(session->directory_fd, clean, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
    err = fd < 0 ? error_from_errno(errno, "cannot open %s", path) : file_read(fd, path, sink, got);
    io_close(&fd);
    return err;
}

static error *file_remove(adapter_session *session, const char *path) {
    char clean[NAMES_PATH_ROOM];
    int parent = -1;
    error *err = name_check(path, clean);
    if (!err) err = file_refresh(session);
    if (!err) err = file_open_parent(session->directory_fd, clean, false, &parent);
    if (!err && unlinkat(parent, name_base(clean), 0) < 0) err = error_from_errno(errno, "cannot remove %s", path);
    if (!err) err = io_sync_directory(parent, path);
    io_close(&parent);
    return err;
}

static void file_close(adapter_session *session) {
    if (!session) return;
    file_forget_claims(session);
    map_free(session->claims, NULL);
    map_free(session->reported, NULL);
    file_watch_free(session->watch);
    close_descriptors(session);
    free(session);
}

static error *file_open(const adapter_open_options *options, adapter_session **out) {
    const json_t *settings = options->settings;
    adapter_session *session = xcalloc(1, sizeof *session);
    error *err = NULL;
    *session = (adapter_session){
        .settings = settings,
        .directory = settings_text(file_settings, settings, "directory"),
        .archive = settings_text(file_settings, settings, "archive"),
        .stable_ms = settings_integer(file_settings, settings, "stable"),
        .size_max = (uint64_t)settings_integer(file_settings, settings, "max_size"),
        .directory_fd = -1,
        .claimed_fd = -1,
        .staging_fd = -1,
        .watch = file_watch_new(),
        .claims = map_new(),
        .reported = map_new(),
    };
    if (!parse_mode(settings_text(file_settings, settings, "mode"), &session->mode)) session->mode = 0640;
    if (settings_boolean(file_settings, settings, "create")) err = io_make_directories(session->directory);
    if (!err) err = file_refresh(session);
    if (err) {
        file_close(session);
        return err;
    }
    *out = session;
    return NULL;
}

static error *file_probe(adapter_session *session) {
    int fd;
    error *err = file_refresh(session);
    if (!err && faccessat(session->directory_fd, ".", R_OK | X_OK, AT_EACCESS) < 0)
        err = error_from_errno(errno, "cannot list %s", session->directory);
    if (!err) err = file_open_staging(session, &fd);
    return err;
}

static int file_watch_descriptor(adapter_session *session) {
    return session->watch ? file_watch_fd(session->watch) : -1;
}

static const char *file_left(adapter_session *session) {
    return names_left_text(&session->left, session->left_text, sizeof session->left_text);
}

const adapter adapter_file = {
    .kind = "file",
    .help = "Files in a directory of this machine",
    .settings = file_settings,
    .check = file_check_settings,
    .open = file_open,
    .close = file_close,
    .probe = file_probe,
    .list = file_list,
    .left = file_left,
    .get = file_get,
    .done = file_done,
    .release = file_release,
    .stage = file_stage,
    .publish = file_publish,
    .read = file_resource_read,
    .remove = file_remove,
    .watch = file_watch_descriptor,
};
