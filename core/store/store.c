/* core/store/store.c: opening and closing, and the way of a change to the writer (store.h). */
#include "core/store/inside.h"

#include "core/base/crash.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { INLINE_LIMIT = 64 * 1024, INLINE_LIMIT_MAX = 1024 * 1024, LEASE_MS = 5 * 60 * 1000, TOKEN_SIZE = 16 };

static const char *const status_names[] = {
    "received", "processing", "waiting", "completed", "failed", "rejected", "duplicate", "quarantined"};

const char *message_status_name(message_status status) {
    return status_names[status];
}

bool message_status_named(span name, message_status *status) {
    for (size_t i = 0; i < sizeof status_names / sizeof *status_names; i++) {
        if (!span_is(name, status_names[i])) continue;
        *status = (message_status)i;
        return true;
    }
    return false;
}

/* ---- one opener ---------------------------------------------------------------------------------------------------
 */

static error *lock_directory(store *s) {
    s->directory_fd = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->directory_fd < 0) return error_from_errno(errno, "cannot open %s", s->directory);
    s->lock_fd = openat(s->directory_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0) return error_from_errno(errno, "cannot open %s/lock", s->directory);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0) return NULL;
    if (errno != EWOULDBLOCK) return error_from_errno(errno, "cannot lock %s", s->directory);
    return error_new(
        ERROR_CONFLICT, "%s is in use by another banyan: stop that one, or choose another directory", s->directory);
}

/* ---- the epoch ----------------------------------------------------------------------------------------------------
 */

static const char ADD_EPOCH[] = "insert into epochs (token, node, started_at) values (?1, ?2, ?3)";
static const char FIND_EPOCH[] = "select 1 from epochs where token = ?1";
/* What this node had leased in an earlier life is due again. */
static const char END_LEASES[] = "update jobs set due_at = min(due_at, ?2) "
                                 "where state = 1 and epoch in (select seq from epochs where node = ?1)";

/* The lock file holds the token of the last epoch. A database that does not know it is older than the directory says:
 * somebody put another copy in its place, and what happened since then would happen again (DB-05). */
static error *check_not_older(store *s, database *db) {
    unsigned char token[TOKEN_SIZE];
    error *err = NULL;
    if (pread(s->lock_fd, token, sizeof token, 0) != (ssize_t)sizeof token) return NULL;
    sqlite3_stmt *statement = database_statement(db, FIND_EPOCH, &err);
    if (err) return err;
    bind_bytes(statement, 1, token, sizeof token);
    bool known = database_next(db, statement, "look for the last epoch", &err);
    database_reset(statement);
    if (err || known) return err;
    return error_new(ERROR_CORRUPT,
        "the database in %s is not the one that was used last (an older copy?): messages may be processed again. "
        "Restore a backup into an empty directory, or remove %s/lock to use it as it is",
        s->directory, s->directory);
}

static error *add_epoch(store *s, database *db, const unsigned char token[TOKEN_SIZE]) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(db, ADD_EPOCH, &err);
    if (err) return err;
    bind_bytes(statement, 1, token, TOKEN_SIZE);
    bind_text(statement, 2, s->node);
    bind_integer(statement, 3, clock_wall_ms());
    err = database_run(db, statement, "begin an epoch");
    s->epoch = sqlite3_last_insert_rowid(db->handle);
    return err;
}

static error *end_leases(store *s, database *db) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(db, END_LEASES, &err);
    if (err) return err;
    bind_text(statement, 1, s->node);
    bind_integer(statement, 2, clock_wall_ms());
    return database_run(db, statement, "end earlier leases");
}

static error *begin_epoch(store *s, database *db) {
    unsigned char token[TOKEN_SIZE];
    id_random(token, sizeof token);
    error *err = check_not_older(s, db);
    if (!err) err = database_execute(db, "begin immediate", "begin an epoch");
    if (!err) err = end_leases(s, db);
    if (!err) err = add_epoch(s, db, token);
    if (!err) err = database_execute(db, "commit", "begin an epoch");
    if (err) return err;
    crash_point("store.epoch.committed");
    if (pwrite(s->lock_fd, token, sizeof token, 0) != (ssize_t)sizeof token || fdatasync(s->lock_fd) < 0)
        return error_from_errno(errno, "cannot write %s/lock", s->directory);
    return NULL;
}

/* ---- open and close -----------------------------------------------------------------------------------------------
 */

static error *check_options(const store_options *options) {
    if (!options->directory || !options->digest || !options->fatal || !options->node || !*options->node)
        return error_new(ERROR_INTERNAL, "the store needs a directory, a digest, a node and a way to stop");
    if (options->inline_limit > INLINE_LIMIT_MAX)
        return error_new(ERROR_LIMIT, "payloads above %d KiB do not belong in a row", INLINE_LIMIT_MAX / 1024);
    return NULL;
}

static store *new_store(const store_options *options) {
    store *s = xcalloc(1, sizeof *s);
    s->options = *options;
    s->directory = xstrdup(options->directory);
    s->node = xstrdup(options->node);
    s->options.directory = s->directory;
    s->options.node = s->node;
    if (s->options.inline_limit == 0) s->options.inline_limit = INLINE_LIMIT;
    if (s->options.lease_ms == 0) s->options.lease_ms = LEASE_MS;
    s->database_path = xasprintf("%s/banyan.db", options->directory);
    s->directory_fd = s->spool_fd = s->aside_fd = s->lock_fd = -1;
    pthread_mutex_init(&s->readers_lock, NULL);
    pthread_cond_init(&s->reader_back, NULL);
    return s;
}

static error *open_writer(store *s) {
    database *db = NULL;
    error *err = database_open_writer(s->database_path, &db);
    if (!err) err = database_migrate(db);
    if (!err) crash_point("store.migrated");
    if (!err) err = begin_epoch(s, db);
    if (err) {
        database_close(db);
        return error_code_of(err) == ERROR_CORRUPT
                   ? error_wrap(err, "%s is damaged: restore a backup into another directory", s->database_path)
                   : err;
    }
    return store_writer_start(s, db, &s->writer);
}

/* The names of the database and of the spool are in the directory for good. */
static error *sync_names(store *s) {
    return io_sync_directory(s->directory_fd, s->directory);
}

/* Most requests have no body: its digest is made once. */
static error *know_nothing(store *s) {
    payload nothing;
    error *err = payload_of(s, SPAN(""), &nothing);
    if (err) return err;
    memcpy(s->nothing_sha256, nothing.sha256, sizeof s->nothing_sha256);
    payload_free(&nothing);
    return NULL;
}

error *store_open(const store_options *options, store **out) {
    *out = NULL;
    error *err = check_options(options);
    if (err) return err;
    store *s = new_store(options);
    err = io_make_directories(s->directory);
    if (!err) err = lock_directory(s);
    if (!err) err = spool_open(s);
    if (!err) err = open_writer(s);
    if (!err) err = sync_names(s);
    if (!err) err = know_nothing(s);
    if (!err) err = spool_sweep_start(s);
    if (err)
        store_close(s);
    else
        *out = s;
    return err;
}

void store_close(store *s) {
    if (!s) return;
    spool_sweep_stop(s);
    store_readers_close(s);
    if (s->writer) store_writer_stop(s->writer);
    io_close(&s->spool_fd);
    io_close(&s->aside_fd);
    io_close(&s->lock_fd); /* gives the lock up */
    io_close(&s->directory_fd);
    pthread_mutex_destroy(&s->readers_lock);
    pthread_cond_destroy(&s->reader_back);
    free(s->database_path);
    free(s->directory);
    free(s->node);
    free(s);
}

/* ---- changes ------------------------------------------------------------------------------------------------------
 */

void store_submit(store *s, store_change *take,
    void (*done)(void *context, error *take_error, const store_commit_result *result), void *context) {
    take->done = done;
    take->context = context;
    store_writer_submit(s->writer, take);
}

typedef struct waiter {
    sem_t answered;
    error *err;
    store_commit_result result;
} waiter;

static void wake_waiter(void *context, error *take_error, const store_commit_result *result) {
    waiter *w = context;
    w->err = take_error;
    w->result = *result;
    sem_post(&w->answered);
}

error *store_commit(store *s, store_change *take, store_commit_result *result) {
    waiter w = {.err = NULL};
    sem_init(&w.answered, 0, 0);
    store_submit(s, take, wake_waiter, &w);
    while (sem_wait(&w.answered) < 0 && errno == EINTR)
        continue;
    sem_destroy(&w.answered);
    if (result) *result = w.result;
    return w.err;
}

/* What was claimed but cannot be used is an error of ours: the lease runs out and the job is claimed again. */
error *store_claim_jobs(store *s, int64_t lease_ms, const json_t *busy, claimed_job *into, size_t room, size_t *count) {
    *count = 0;
    if (room == 0) return NULL;
    char *text = json_array_size(busy) > 0 ? json_text(busy, false) : NULL;
    job_claim claim = {.lease_ms = lease_ms, .busy = text, .into = into, .room = room};
    claim.details = xcalloc(room, sizeof *claim.details);
    store_change *change = store_change_new();
    change_claim_jobs(change, &claim);
    error *err = store_commit(s, change, NULL);
    for (size_t i = 0; i < claim.count; i++) {
        if (!err && claim.details[i]) err = json_parse(span_of(claim.details[i]), &into[i].detail);
        free(claim.details[i]);
    }
    free(claim.details);
    free(text);
    if (!err) {
        *count = claim.count;
        return NULL;
    }
    for (size_t i = 0; i < claim.count; i++)
        claimed_job_free(&into[i]);
    return err;
}

void claimed_job_free(claimed_job *job) {
    json_decref(job->detail);
    *job = (claimed_job){.attempt = 0};
}
