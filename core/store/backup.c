/* core/store/backup.c: a consistent copy of everything as one stream, and back (store.h; the format is in README.md).
 *
 * The database is copied first, by SQLite's online backup from one read transaction; then the spool files that this
 * copy names. Files are written before their rows and never changed, so the copy is whole. The stream ends with a
 * digest of all that came before; restore believes nothing until it has seen it.
 */
#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/store/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK_SIZE = 256 * 1024, LINE_SIZE = 128, COPY_PAGES = 4096 };

static const char HEADER[] = "banyan backup 1\n";

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

typedef struct output {
    int fd;
    const digest_functions *digest;
    void *state;
} output;

static error *put(output *out, span bytes) {
    out->digest->update(out->state, bytes);
    return io_write_all(out->fd, bytes, "the backup");
}

static error *put_file(output *out, const char *name, int fd) {
    char line[LINE_SIZE];
    struct stat about;
    if (fstat(fd, &about) < 0) return error_from_errno(errno, "cannot read %s", name);
    snprintf(line, sizeof line, "file %s %lld\n", name, (long long)about.st_size);
    error *err = put(out, span_of(line));
    char *chunk = xmalloc(CHUNK_SIZE);
    int64_t left = about.st_size;
    while (!err && left > 0) {
        ssize_t n = read(fd, chunk, CHUNK_SIZE);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) err = error_from_errno(errno, "cannot read %s", name);
        if (n == 0 || n > left) err = error_new(ERROR_CORRUPT, "%s changed while it was copied", name);
        if (!err) err = put(out, span_make(chunk, (size_t)n));
        left -= n;
    }
    free(chunk);
    return err;
}

static error *copy_database(database *from, const char *path) {
    database to = {.handle = NULL};
    error *err = NULL;
    if (sqlite3_open_v2(path, &to.handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, NULL) !=
        SQLITE_OK) {
        err = database_error(&to, "create the copy of the database");
        sqlite3_close(to.handle);
        return err;
    }
    sqlite3_backup *copy = sqlite3_backup_init(to.handle, "main", from->handle, "main");
    int result = copy ? SQLITE_OK : SQLITE_ERROR;
    while (copy && result == SQLITE_OK)
        result = sqlite3_backup_step(copy, COPY_PAGES);
    if (copy) sqlite3_backup_finish(copy);
    if (result != SQLITE_DONE) err = database_error(&to, "copy the database");
    sqlite3_close(to.handle);
    return err;
}

static const char SPOOLED[] =
    "select min(spool) from (select * from (select spool from messages where spool > ?1 and spool is not null "
    "order by spool limit 1) union all select * from (select spool from artifacts where spool > ?1 and spool is not "
    "null "
    "order by spool limit 1)) having min(spool) is not null";

/* The files one by one, each found in a read of its own: the copying of a large spool holds no state of the database.
 */
static error *put_spool(store *s, database *db, output *out) {
    char name[40] = "", entry[LINE_SIZE];
    error *err = NULL;
    for (;;) {
        sqlite3_stmt *row = database_statement(db, SPOOLED, &err);
        if (err) return err;
        bind_text(row, 1, name);
        bool more = database_next(db, row, "list the spool", &err);
        if (more) snprintf(entry, sizeof entry, "%s", column_text(row, 0));
        database_reset(row);
        if (err || !more) return err;
        memcpy(name, entry, sizeof name - 1);
        int fd = spool_open_file(s, name);
        if (fd < 0) return error_from_errno(errno, "cannot open the spool file %s", name);
        snprintf(entry, sizeof entry, "spool/%.2s/%.39s", name, name);
        err = put_file(out, entry, fd);
        close(fd);
        if (err) return err;
    }
}

static error *put_copy(store *s, const char *path, output *out) {
    database *copy = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_from_errno(errno, "cannot open %s", path);
    error *err = put(out, span_of(HEADER));
    if (!err) err = put_file(out, "banyan.db", fd);
    close(fd);
    if (!err) err = database_open_reader(path, &copy);
    if (!err) err = put_spool(s, copy, out);
    database_close(copy);
    return err;
}

static error *put_end(output *out) {
    unsigned char digest[DIGEST_SIZE];
    char hex[DIGEST_HEX_SIZE], line[LINE_SIZE];
    out->digest->finish(out->state, digest);
    out->state = NULL;
    snprintf(line, sizeof line, "end %s\n", digest_hex(digest, hex));
    return io_write_all(out->fd, span_of(line), "the backup");
}

static void remove_copy(const char *path) {
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        char *file = xasprintf("%s%s", path, tails[i]);
        unlink(file);
        free(file);
    }
}

error *store_backup(store *s, int fd) {
    char id[ID_SIZE];
    database *db = NULL;
    output out = {.fd = fd, .digest = s->options.digest, .state = s->options.digest->begin()};
    char *path = xasprintf("%s/backup-%s.tmp", s->directory, id_new(id));
    error *err = store_reader_take(s, &db);
    if (!err) {
        db->deadline_ms = 0; /* the one long read */
        err = copy_database(db, path);
        store_reader_return(s, db);
    }
    if (!err) err = put_copy(s, path, &out);
    if (!err) err = put_end(&out);
    if (out.state) out.digest->abandon(out.state);
    remove_copy(path);
    free(path);
    return error_wrap(err, "backup");
}

/* ---- reading ------------------------------------------------------------------------------------------------------
 */

typedef struct input {
    int fd;
    const digest_functions *digest;
    void *state;
} input;

static error *get(input *in, char *into, size_t size) {
    while (size > 0) {
        ssize_t n = read(in->fd, into, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_from_errno(errno, "cannot read the backup");
        if (n == 0) return error_new(ERROR_CORRUPT, "the backup ends too early");
        into += n;
        size -= (size_t)n;
    }
    return NULL;
}

/* A line without its newline. Lines are few and short: byte by byte, since what follows is not ours to read ahead. */
static error *get_line(input *in, char line[LINE_SIZE]) {
    for (size_t len = 0; len < LINE_SIZE - 1; len++) {
        error *err = get(in, line + len, 1);
        if (err) return err;
        if (line[len] != '\n') continue;
        line[len] = '\0';
        return NULL;
    }
    return error_new(ERROR_CORRUPT, "this is not a backup of banyan");
}

static void digest_line(input *in, const char *line) {
    in->digest->update(in->state, span_of(line));
    in->digest->update(in->state, SPAN("\n"));
}

/* "banyan.db" and "spool/xx/NAME": a backup from elsewhere names no other file. */
static bool is_our_file(const char *name) {
    if (strcmp(name, "banyan.db") == 0) return true;
    if (strncmp(name, "spool/", 6) != 0 || strlen(name) < 9 + SPOOL_NAME_RANDOM) return false;
    return name[8] == '/' && strncmp(name + 6, name + 9, 2) == 0 &&
           strspn(name + 9, "0123456789abcdef-") == strlen(name + 9);
}

static error *parse_file_line(const char *line, char name[LINE_SIZE], uint64_t *size) {
    span rest = span_of(line), word, path;
    if (span_split(&rest, ' ', &word) && span_is(word, "file") && span_split(&rest, ' ', &path) && rest.data &&
        span_to_u64(rest, 0, INT64_MAX, size)) {
        memcpy(name, path.data, path.len);
        name[path.len] = '\0';
        if (is_our_file(name)) return NULL;
    }
    return error_new(ERROR_CORRUPT, "the backup holds an entry that is none of ours");
}

static error *write_entry(input *in, int fd, uint64_t size) {
    char *chunk = xmalloc(CHUNK_SIZE);
    error *err = NULL;
    while (!err && size > 0) {
        size_t n = size < CHUNK_SIZE ? (size_t)size : CHUNK_SIZE;
        err = get(in, chunk, n);
        if (err) break;
        in->digest->update(in->state, span_make(chunk, n));
        err = io_write_all(fd, span_make(chunk, n), "a restored file");
        size -= n;
    }
    free(chunk);
    return err ? err : io_sync_file(fd, "a restored file");
}

/* The directory that a clean relative path lies in, made durable with the names in it. */
static error *sync_parent(int directory_fd, const char *name) {
    char parent[LINE_SIZE];
    const char *slash = strrchr(name, '/');
    if (!slash) return io_sync_directory(directory_fd, ".");
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - name), name);
    int fd = io_open_beneath(directory_fd, parent, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return error_from_errno(errno, "cannot open %s", parent);
    error *err = io_sync_directory(fd, parent);
    close(fd);
    return err ? err : sync_parent(directory_fd, parent);
}

/* The database bears its own name only when all of the backup is there and proven. */
static const char RESTORING[] = "restoring.db";

static error *restore_entry(input *in, int directory_fd, const char *line) {
    char name[LINE_SIZE];
    uint64_t size = 0;
    error *err = parse_file_line(line, name, &size);
    if (!err) err = io_make_parents(directory_fd, name);
    if (err) return err;
    const char *target = strcmp(name, "banyan.db") == 0 ? RESTORING : name;
    int fd = io_open_beneath(directory_fd, target, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0) return error_from_errno(errno, "cannot create %s", target);
    err = write_entry(in, fd, size);
    close(fd);
    return err ? err : sync_parent(directory_fd, name);
}

static error *restore_entries(input *in, int directory_fd) {
    char line[LINE_SIZE], hex[DIGEST_HEX_SIZE];
    unsigned char digest[DIGEST_SIZE];
    error *err = get_line(in, line);
    if (!err && strncmp(line, HEADER, sizeof HEADER - 2) != 0)
        err = error_new(ERROR_CORRUPT, "this is not a backup of banyan");
    if (err) return err;
    digest_line(in, line);
    for (;;) {
        err = get_line(in, line);
        if (err) return err;
        if (strncmp(line, "end ", 4) == 0) break;
        digest_line(in, line);
        err = restore_entry(in, directory_fd, line);
        if (err) return err;
    }
    in->digest->finish(in->state, digest);
    in->state = NULL;
    if (strcmp(line + 4, digest_hex(digest, hex)) == 0) return NULL;
    return error_new(ERROR_CORRUPT, "the backup is damaged: its digest is not what its end says");
}

static const char CHECK[] = "pragma quick_check(1)";
static const char MARK[] = "insert into counters (name, value) values ('restored-at', ?1) "
                           "on conflict do update set value = max(value, excluded.value)";

static error *check_and_mark(database *db) {
    error *err = NULL;
    sqlite3_stmt *row = database_statement(db, CHECK, &err);
    if (err) return err;
    if (database_next(db, row, "check the restored database", &err) && strcmp(column_text(row, 0), "ok") != 0)
        err = error_new(ERROR_CORRUPT, "the restored database is damaged: %s", column_text(row, 0));
    database_reset(row);
    sqlite3_stmt *mark = err ? NULL : database_statement(db, MARK, &err);
    if (err) return err;
    bind_integer(mark, 1, clock_wall_ms());
    return database_run(db, mark, "mark the restored database");
}

static error *mark_restored(const char *directory) {
    database *db = NULL;
    char *path = xasprintf("%s/%s", directory, RESTORING);
    error *err = database_open_writer(path, &db);
    if (!err) err = database_migrate(db);
    if (!err) err = check_and_mark(db);
    database_close(db);
    free(path);
    return err;
}

static error *give_name(int directory_fd) {
    if (renameat(directory_fd, RESTORING, directory_fd, "banyan.db") < 0)
        return error_from_errno(errno, "cannot rename the restored database");
    return io_sync_directory(directory_fd, "the restored directory");
}

static error *check_empty(int directory_fd, const char *directory) {
    static const char *const names[] = {"banyan.db", "spool", "lock"};
    struct stat about;
    if (fstatat(directory_fd, RESTORING, &about, AT_SYMLINK_NOFOLLOW) == 0)
        return error_new(ERROR_CONFLICT,
            "%s holds what is left of a restore that did not come to its end: remove it, or restore into another "
            "directory",
            directory);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (fstatat(directory_fd, names[i], &about, AT_SYMLINK_NOFOLLOW) == 0)
            return error_new(ERROR_CONFLICT, "%s holds a store already: restore into an empty directory", directory);
    return NULL;
}

error *store_restore(int fd, const char *directory, const digest_functions *digest) {
    input in = {.fd = fd, .digest = digest, .state = digest->begin()};
    int directory_fd = -1;
    error *err = io_make_directories(directory);
    if (!err) {
        directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory_fd < 0) err = error_from_errno(errno, "cannot open %s", directory);
    }
    if (!err) err = check_empty(directory_fd, directory);
    if (!err) err = restore_entries(&in, directory_fd);
    if (!err) err = mark_restored(directory);
    if (!err) err = give_name(directory_fd);
    if (in.state) digest->abandon(in.state);
    io_close(&directory_fd);
    return error_wrap(err, "restore");
}

error *store_scratch_file(store *s, int *fd) {
    *fd = openat(s->directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return *fd < 0 ? error_from_errno(errno, "cannot make a temporary file in the data directory") : NULL;
}
