/* tests/integration/powercut.c: a library to preload into an appliance, so that a test can cut its power.
 *
 * kill -9 leaves what the kernel holds; a power cut leaves what was synced. Below POWERCUT_ROOT this library writes
 * down, in the journal POWERCUT_JOURNAL, what every write replaced, what was synced, and what happened to names. After
 * the process was killed the test takes back what no fsync covers (powercut.mjs): file pages until their file is
 * synced, names until their directory is.
 *
 * What a record undoes is written before the deed, what it promises (a sync) after it; so that a kill in between errs
 * on the side that the file system may take too. Only the process that was started is watched, not what it forks.
 *
 * A record: u32 length of what follows · u8 kind · u64 inode · u64 offset · u64 size of the file before · bytes
 * Kinds: W write (bytes: u64 where it ends, what was there), T truncate (likewise), S file synced, D directory synced
 * (bytes: path), C file made, M directory made (bytes: path), R renamed (bytes: from NUL to NUL saved), U removed
 * (bytes: path NUL saved).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int active, journal = -1;
static const char *root;
static char saved_directory[PATH_MAX];
static unsigned long saved_count;

static ssize_t (*next_write)(int, const void *, size_t);
static ssize_t (*next_pwrite)(int, const void *, size_t, off_t);
static int (*next_ftruncate)(int, off_t);
static int (*next_fsync)(int);
static int (*next_fdatasync)(int);
static int (*next_openat)(int, const char *, int, ...);
static int (*next_renameat2)(int, const char *, int, const char *, unsigned);
static int (*next_unlinkat)(int, const char *, int);
static int (*next_mkdirat)(int, const char *, mode_t);

static void stop_watching(void) {
    active = 0;
}

static void *find(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("POWERCUT_JOURNAL");
    root = getenv("POWERCUT_ROOT");
    *(void **)&next_write = find("write");
    *(void **)&next_pwrite = find("pwrite");
    *(void **)&next_ftruncate = find("ftruncate");
    *(void **)&next_fsync = find("fsync");
    *(void **)&next_fdatasync = find("fdatasync");
    *(void **)&next_openat = find("openat");
    *(void **)&next_renameat2 = find("renameat2");
    *(void **)&next_unlinkat = find("unlinkat");
    *(void **)&next_mkdirat = find("mkdirat");
    if (!path || !root) return;
    journal = next_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    snprintf(saved_directory, sizeof saved_directory, "%s.saved", path);
    next_mkdirat(AT_FDCWD, saved_directory, 0700);
    active = journal >= 0;
    pthread_atfork(NULL, NULL, stop_watching);
    unsetenv("LD_PRELOAD");
}

/* ---- the journal ---- */

static void record(char kind, uint64_t inode, uint64_t offset, uint64_t size, const void *bytes, size_t len) {
    char *whole = malloc(29 + len);
    if (!whole) abort();
    uint32_t length = (uint32_t)(25 + len);
    memcpy(whole, &length, 4);
    whole[4] = kind;
    memcpy(whole + 5, &inode, 8);
    memcpy(whole + 13, &offset, 8);
    memcpy(whole + 21, &size, 8);
    if (len) memcpy(whole + 29, bytes, len);
    if (next_write(journal, whole, 29 + len) != (ssize_t)(29 + len)) abort();
    free(whole);
}

static int is_below(const char *path) {
    size_t len = strlen(root);
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static int path_of_fd(int fd, char path[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, PATH_MAX - 1);
    if (len <= 0) return 0;
    path[len] = '\0';
    return is_below(path);
}

/* The absolute path of a name; 0 when it is none of ours. */
static int path_at(int directory, const char *name, char path[PATH_MAX]) {
    char base[PATH_MAX];
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else if (directory == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
        if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
    } else {
        if (!path_of_fd(directory, base)) return 0;
        if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
    }
    return is_below(path);
}

/* A regular file of ours. */
static int is_watched(int fd, struct stat *about) {
    char path[PATH_MAX];
    return active && fstat(fd, about) == 0 && S_ISREG(about->st_mode) && about->st_nlink > 0 && path_of_fd(fd, path);
}

static void record_replaced(char kind, int fd, const struct stat *about, off_t at, off_t end) {
    off_t stop = end < about->st_size ? end : about->st_size;
    size_t len = stop > at ? (size_t)(stop - at) : 0;
    char *old = malloc(len + 8);
    char link[64];
    uint64_t dirty_end = (uint64_t)end;
    if (!old) abort();
    memcpy(old, &dirty_end, 8);
    if (len) { /* the descriptor may be for writing only */
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        int reader = next_openat(AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
        if (reader < 0 || pread(reader, old + 8, len, at) != (ssize_t)len) abort();
        close(reader);
    }
    record(kind, (uint64_t)about->st_ino, (uint64_t)at, (uint64_t)about->st_size, old, len + 8);
    free(old);
}

/* ---- what is watched ---- */

ssize_t write(int fd, const void *bytes, size_t len) {
    struct stat about;
    if (!active || fd == journal || !is_watched(fd, &about)) return next_write(fd, bytes, len);
    pthread_mutex_lock(&lock);
    fstat(fd, &about);
    off_t at = fcntl(fd, F_GETFL) & O_APPEND ? about.st_size : lseek(fd, 0, SEEK_CUR);
    record_replaced('W', fd, &about, at, at + (off_t)len);
    ssize_t done = next_write(fd, bytes, len);
    int failed = errno;
    pthread_mutex_unlock(&lock);
    errno = failed;
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    struct stat about;
    if (!active || !is_watched(fd, &about)) return next_pwrite(fd, bytes, len, at);
    pthread_mutex_lock(&lock);
    fstat(fd, &about);
    record_replaced('W', fd, &about, at, at + (off_t)len);
    ssize_t done = next_pwrite(fd, bytes, len, at);
    int failed = errno;
    pthread_mutex_unlock(&lock);
    errno = failed;
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at) {
    return pwrite(fd, bytes, len, at);
}

int ftruncate(int fd, off_t size) {
    struct stat about;
    if (!active || !is_watched(fd, &about)) return next_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    fstat(fd, &about);
    record_replaced('T', fd, &about, size, about.st_size);
    int done = next_ftruncate(fd, size);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate64(int fd, off_t size) {
    return ftruncate(fd, size);
}

static int sync_with(int (*next)(int), int fd) {
    struct stat about;
    char path[PATH_MAX];
    if (!active) return next(fd);
    pthread_mutex_lock(&lock);
    int done = next(fd);
    if (done == 0 && fstat(fd, &about) == 0 && path_of_fd(fd, path)) {
        if (S_ISDIR(about.st_mode))
            record('D', 0, 0, 0, path, strlen(path));
        else
            record('S', (uint64_t)about.st_ino, 0, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) {
    return sync_with(next_fsync, fd);
}

int fdatasync(int fd) {
    return sync_with(next_fdatasync, fd);
}

static int open_watched(int directory, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    struct stat about;
    int makes = active && (flags & O_CREAT) && path_at(directory, name, path);
    if (!makes) return next_openat(directory, name, flags, mode);
    pthread_mutex_lock(&lock);
    int is_new = lstat(path, &about) < 0;
    int fd = next_openat(directory, name, flags, mode);
    int failed = errno;
    if (fd >= 0 && is_new) record('C', 0, 0, 0, path, strlen(path));
    pthread_mutex_unlock(&lock);
    errno = failed;
    return fd;
}

#define MODE_OF(flags)                                                                                                 \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                           \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

int open(const char *name, int flags, ...) {
    MODE_OF(flags)
    return open_watched(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...) {
    MODE_OF(flags)
    return open_watched(AT_FDCWD, name, flags, mode);
}

int openat(int directory, const char *name, int flags, ...) {
    MODE_OF(flags)
    return open_watched(directory, name, flags, mode);
}

int openat64(int directory, const char *name, int flags, ...) {
    MODE_OF(flags)
    return open_watched(directory, name, flags, mode);
}

/* A second name for what is about to lose its own, so that it can be given back. */
static void save(const char *path, char saved[PATH_MAX]) {
    saved[0] = '\0';
    snprintf(saved, PATH_MAX, "%.*s/%lu", PATH_MAX - 32, saved_directory, ++saved_count);
    if (linkat(AT_FDCWD, path, AT_FDCWD, saved, 0) < 0) saved[0] = '\0';
}

static void record_names(char kind, const char *first, const char *second, const char *third) {
    char names[3 * PATH_MAX + 3];
    int len = third ? snprintf(names, sizeof names, "%s%c%s%c%s", first, 0, second, 0, third)
                    : snprintf(names, sizeof names, "%s%c%s", first, 0, second);
    record(kind, 0, 0, 0, names, (size_t)len);
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
    char from_path[PATH_MAX], to_path[PATH_MAX], saved[PATH_MAX];
    if (!active || !path_at(from_directory, from, from_path) || !path_at(to_directory, to, to_path))
        return next_renameat2(from_directory, from, to_directory, to, flags);
    pthread_mutex_lock(&lock);
    save(to_path, saved);
    int done = next_renameat2(from_directory, from, to_directory, to, flags);
    int failed = errno;
    if (done == 0) record_names('R', from_path, to_path, saved);
    pthread_mutex_unlock(&lock);
    errno = failed;
    return done;
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
    return renameat2(from_directory, from, to_directory, to, 0);
}

int rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int directory, const char *name, int flags) {
    char path[PATH_MAX], saved[PATH_MAX];
    if (!active || (flags & AT_REMOVEDIR) || !path_at(directory, name, path))
        return next_unlinkat(directory, name, flags);
    pthread_mutex_lock(&lock);
    save(path, saved);
    int done = next_unlinkat(directory, name, flags);
    int failed = errno;
    if (done == 0) record_names('U', path, saved, NULL);
    pthread_mutex_unlock(&lock);
    errno = failed;
    return done;
}

int unlink(const char *name) {
    return unlinkat(AT_FDCWD, name, 0);
}

int mkdirat(int directory, const char *name, mode_t mode) {
    char path[PATH_MAX];
    if (!active || !path_at(directory, name, path)) return next_mkdirat(directory, name, mode);
    pthread_mutex_lock(&lock);
    int done = next_mkdirat(directory, name, mode);
    int failed = errno;
    if (done == 0) record('M', 0, 0, 0, path, strlen(path));
    pthread_mutex_unlock(&lock);
    errno = failed;
    return done;
}

int mkdir(const char *name, mode_t mode) {
    return mkdirat(AT_FDCWD, name, mode);
}
