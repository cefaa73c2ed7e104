/* core/store/spool.c: DATA/spool, where payloads beyond the inline limit lie (inside.h), and the space that is left.
 *
 * DATA/spool/xx/NAME: xx are the first two digits of NAME. Names are random, never a partner's; they end in the epoch
 * that made them, so that a file of an earlier epoch that no row names is known to be garbage without asking a clock.
 */
#include "core/base/clock.h"
#include "core/base/crash.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/store/inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { SPOOL_PATH_SIZE = 48, PLENTY_MS = 10 };
static const uint64_t FREE_MINIMUM = UINT64_C(1) << 30, RESERVE = UINT64_C(64) << 20;

static error *keep_reserve(store *s);

static error *open_directory(const store *s, const char *name, int *fd) {
    if (mkdirat(s->directory_fd, name, 0700) < 0 && errno != EEXIST)
        return error_from_errno(errno, "cannot make the directory %s", name);
    *fd = openat(s->directory_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return *fd < 0 ? error_from_errno(errno, "cannot open the directory %s", name) : NULL;
}

error *spool_open(store *s) {
    error *err = open_directory(s, "spool", &s->spool_fd);
    if (!err) err = open_directory(s, "aside", &s->aside_fd);
    if (err) return err;
    err = keep_reserve(s);
    if (!err) return NULL;
    log_failure(LOG_WARNING, "no space is held in reserve", err);
    atomic_store(&s->full, true);
    return NULL;
}

static char *path_of(const char *name, char path[SPOOL_PATH_SIZE]) {
    snprintf(path, SPOOL_PATH_SIZE, "%.2s/%.39s", name, name);
    return path;
}

static void make_name(const store *s, char name[40]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char random[SPOOL_NAME_RANDOM / 2];
    id_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        name[2 * i] = digits[random[i] >> 4];
        name[2 * i + 1] = digits[random[i] & 15];
    }
    snprintf(name + SPOOL_NAME_RANDOM, 40 - SPOOL_NAME_RANDOM, "-%x", (unsigned)s->epoch & 0xFFFFFFu);
}

static error *make_shard(store *s, const char *name) {
    char shard[3] = {name[0], name[1], '\0'};
    if (mkdirat(s->spool_fd, shard, 0700) < 0 && errno != EEXIST)
        return error_from_errno(errno, "cannot make a spool directory");
    return NULL;
}

error *spool_create(store *s, char name[40], int *fd) {
    char path[SPOOL_PATH_SIZE];
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    make_name(s, name);
    *fd = openat(s->spool_fd, path_of(name, path), flags, 0600);
    if (*fd < 0 && errno == ENOENT) {
        error *err = make_shard(s, name);
        if (!err) *fd = openat(s->spool_fd, path, flags, 0600);
        if (err) {
            name[0] = '\0';
            return err;
        }
    }
    if (*fd < 0) {
        name[0] = '\0';
        return error_from_errno(errno, "cannot create a spool file");
    }
    crash_point("payload.created");
    return NULL;
}

static size_t shard_of(const char *name) {
    char digits[3] = {name[0], name[1], '\0'};
    return strtoul(digits, NULL, 16) & 255;
}

/* The file's directory; and the one above it until that was done once in this epoch, as the shard may be as new as the
 * file. */
error *spool_sync_directory(store *s, const char *name) {
    char shard[3] = {name[0], name[1], '\0'};
    int fd = openat(s->spool_fd, shard, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return error_from_errno(errno, "cannot open a spool directory");
    error *err = io_sync_directory(fd, "spool/xx");
    close(fd);
    if (err || atomic_load(&s->shard_durable[shard_of(name)])) return err;
    err = io_sync_directory(s->spool_fd, "spool");
    if (!err) atomic_store(&s->shard_durable[shard_of(name)], true);
    return err;
}

int spool_open_file(store *s, const char *name) {
    char path[SPOOL_PATH_SIZE];
    return openat(s->spool_fd, path_of(name, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* What cannot be removed now is swept at the next start. */
void spool_remove(store *s, const char *name) {
    char path[SPOOL_PATH_SIZE];
    unlinkat(s->spool_fd, path_of(name, path), 0);
}

/* ---- DATA/aside: files that broke off, by names of their keeper's --------------------------------------------------
 */

error *spool_put_aside(store *s, const char *name, const char *aside) {
    char path[SPOOL_PATH_SIZE];
    if (renameat(s->spool_fd, path_of(name, path), s->aside_fd, aside) == 0) return NULL;
    return error_from_errno(errno, "cannot put a spool file aside");
}

/* Under a name of this epoch: whoever has it in hand may leave it to the sweep again. */
error *spool_take_up(store *s, const char *aside, char name[40], int *fd) {
    char path[SPOOL_PATH_SIZE];
    make_name(s, name);
    error *err = make_shard(s, name);
    if (!err && renameat(s->aside_fd, aside, s->spool_fd, path_of(name, path)) < 0)
        err = error_from_errno(errno, "cannot take up a file that was put aside");
    if (err) {
        name[0] = '\0';
        return err;
    }
    *fd = openat(s->spool_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return *fd < 0 ? error_from_errno(errno, "cannot open a file that was put aside") : NULL;
}

void payload_drop_aside(store *s, const char *name) {
    unlinkat(s->aside_fd, name, 0);
}

error *payload_list_aside(store *s, payload_seen seen, void *context) {
    int fd = openat(s->aside_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        error *err = error_from_errno(errno, "cannot list what was put aside");
        io_close(&fd);
        return err;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct stat about;
        if (fstatat(fd, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(about.st_mode)) continue;
        int64_t changed_at = (int64_t)about.st_mtim.tv_sec * 1000 + about.st_mtim.tv_nsec / 1000000;
        seen(context, entry->d_name, (uint64_t)about.st_size, changed_at);
    }
    closedir(directory);
    return NULL;
}

/* ---- the sweep ----------------------------------------------------------------------------------------------------
 */

static bool is_of_earlier_epoch(const store *s, const char *name) {
    char own[40];
    make_name(s, own);
    return strcmp(name + SPOOL_NAME_RANDOM, own + SPOOL_NAME_RANDOM) != 0;
}

static bool looks_like_ours(const char *name, const char *shard) {
    return strlen(name) > SPOOL_NAME_RANDOM && strspn(name, "0123456789abcdef") == SPOOL_NAME_RANDOM &&
           name[SPOOL_NAME_RANDOM] == '-' && strncmp(name, shard, 2) == 0;
}

static error *is_named_by_a_row(store *s, const char *name, bool *named) {
    database *db = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    sqlite3_stmt *statement = database_statement(db,
        "select 1 from messages where spool = ?1 and spool is not null union all "
        "select 1 from artifacts where spool = ?1 and spool is not null",
        &err);
    if (!err) {
        bind_text(statement, 1, name);
        *named = database_next(db, statement, "look for a payload's row", &err);
        database_reset(statement);
    }
    store_reader_return(s, db);
    return err;
}

static size_t sweep_shard(store *s, const char *shard) {
    size_t removed = 0;
    int fd = openat(s->spool_fd, shard, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        io_close(&fd);
        return 0;
    }
    for (struct dirent *entry; !atomic_load(&s->stopping) && (entry = readdir(directory));) {
        bool named = true;
        if (!looks_like_ours(entry->d_name, shard) || !is_of_earlier_epoch(s, entry->d_name)) continue;
        error *err = is_named_by_a_row(s, entry->d_name, &named);
        if (!err && !named && unlinkat(fd, entry->d_name, 0) == 0) removed++;
        log_failure(LOG_WARNING, "the spool's sweep", err);
    }
    closedir(directory);
    return removed;
}

/* No row can come to name a file of an earlier epoch: whoever held its name is gone. So the sweep races with nobody. */
static void *sweep(void *context) {
    store *s = context;
    size_t removed = 0;
    for (unsigned i = 0; i < 256 && !atomic_load(&s->stopping); i++) {
        char shard[3];
        snprintf(shard, sizeof shard, "%02x", i);
        removed += sweep_shard(s, shard);
    }
    if (removed) log_info("%zu spool files that no message names were removed", removed);
    return NULL;
}

error *spool_sweep_start(store *s) {
    int failed = pthread_create(&s->sweeper, NULL, sweep, s);
    s->sweeper_runs = !failed;
    return failed ? error_from_errno(failed, "cannot start the spool's sweep") : NULL;
}

void spool_sweep_stop(store *s) {
    atomic_store(&s->stopping, true);
    if (s->sweeper_runs) pthread_join(s->sweeper, NULL);
    s->sweeper_runs = false;
}

/* ---- space --------------------------------------------------------------------------------------------------------
 */

static uint64_t reserve_size(const store *s) {
    return s->options.reserve ? s->options.reserve : RESERVE;
}

static uint64_t free_minimum(const store *s) {
    return s->options.free_minimum ? s->options.free_minimum : FREE_MINIMUM;
}

/* Space that is given up when the disk is full, so that the store can finish what it has and close cleanly. */
static error *keep_reserve(store *s) {
    int fd = openat(s->directory_fd, "reserve", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return error_from_errno(errno, "cannot create the reserve");
    uint64_t size = reserve_size(s);
    int failed = posix_fallocate(fd, 0, (off_t)size);
    close(fd);
    if (!failed) return NULL;
    unlinkat(s->directory_fd, "reserve", 0);
    return error_from_errno(failed, "cannot reserve %llu MiB", (unsigned long long)(size >> 20));
}

void spool_give_up_reserve(store *s) {
    if (atomic_exchange(&s->full, true)) return;
    unlinkat(s->directory_fd, "reserve", 0);
    log_error("the disk is full: the reserve was given up, nothing more is taken in until there is space");
}

/* The file system is asked a hundred times a second at most while it has far more room than what comes. */
static bool there_is_plenty(store *s, uint64_t size) {
    if (atomic_load(&s->full) || atomic_load(&s->refusing) || size > INT64_MAX / 4) return false;
    if (clock_monotonic_ms() >= atomic_load(&s->plenty_until_ms)) return false;
    int64_t need = 2 * (int64_t)size;
    return atomic_fetch_sub(&s->plenty, need) >= need;
}

static void note_plenty(store *s, const struct statvfs *room) {
    uint64_t available = (uint64_t)room->f_bavail * room->f_frsize, kept = 2 * free_minimum(s);
    bool inodes = room->f_files == 0 || room->f_favail > room->f_files / 10;
    bool plenty = inodes && available > kept;
    atomic_store(&s->plenty, plenty ? (int64_t)(available - kept) : 0);
    atomic_store(&s->plenty_until_ms, clock_monotonic_ms() + PLENTY_MS);
}

static error *judge_room(store *s, uint64_t size) {
    struct statvfs room;
    uint64_t wanted = free_minimum(s);
    if (size > UINT64_MAX / 2) return error_new(ERROR_LIMIT, "a payload of %llu bytes", (unsigned long long)size);
    if (fstatvfs(s->spool_fd, &room) < 0) return error_from_errno(errno, "cannot ask for free space");
    note_plenty(s, &room);
    uint64_t available = (uint64_t)room.f_bavail * room.f_frsize;
    if (wanted < size + size / 2) wanted = size + size / 2;
    /* What the reserve left behind is not for payloads: it is the reserve's again, as soon as there is more. */
    if (atomic_load(&s->full)) wanted += reserve_size(s);
    if (available < wanted)
        return error_new(ERROR_FULL, "no space for a payload of %llu bytes: %llu MiB are free, %llu MiB are missing",
            (unsigned long long)size, (unsigned long long)(available >> 20),
            (unsigned long long)((wanted - available + (1 << 20) - 1) >> 20));
    if (room.f_files > 0 && room.f_favail < room.f_files / 20)
        return error_new(ERROR_FULL, "no space for a payload: only %llu of %llu inodes are free",
            (unsigned long long)room.f_favail, (unsigned long long)room.f_files);
    if (!atomic_load(&s->full)) return NULL;
    error *err = keep_reserve(s);
    if (!err) atomic_store(&s->full, false);
    return err;
}

/* The log tells when it begins and when it is over, not each refusal; that one payload is too large says nothing. */
error *store_admit(store *s, uint64_t size) {
    if (there_is_plenty(s, size)) return NULL;
    error *err = judge_room(s, size);
    if (size > free_minimum(s) / 2) return err;
    bool is_full = err && error_code_of(err) == ERROR_FULL;
    if (is_full && !atomic_exchange(&s->refusing, true)) log_warning("nothing is taken in: %s", error_text(err));
    if (!err && atomic_load(&s->refusing) && atomic_exchange(&s->refusing, false)) log_info("there is space again");
    return err;
}
