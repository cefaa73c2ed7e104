/* core/store/writer.c: the one thread that writes: it groups changes into commits, and it alone checkpoints (inside.h).
 *
 * Changes queue in the order of their submission. A batch begins with the first that waits and is committed when the
 * queue is empty, or 256 are in, or 2 ms have passed; only then are the replies given. When there is a crowd (those
 * of the batch before and those who waited meanwhile), the batch stays open for it, 1 ms at most: who was answered last
 * is about to come again, and one commit for all costs less than two; meanwhile the writer is woken for a handful at a
 * time, not for each. Who comes alone never waits. One refused change
 * rolls back alone. Savepoints make that so and cost a third of the rate; so a batch runs without them until a change
 * is refused, and is then rolled back and run again, each change in a savepoint, as are the CAREFUL_BATCHES that
 * follow. What cannot be made durable for lack of space refuses the whole batch; any other failure of the file stops
 * the appliance (reliability §6.1 rules 1, 5, 6).
 */
#include "core/base/crash.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/store/apply.h"

#include <stdlib.h>

enum { BATCH_MAX = 256, BATCH_MS = 2, GATHER_MS = 1, GATHER_COUNT = 16, IDLE_MS = 1000, CAREFUL_BATCHES = 32 };
enum { FRAMES_A_MIB = 256, CHECKPOINT_FRAMES = 32 * FRAMES_A_MIB, RESTART_FRAMES = 64 * FRAMES_A_MIB };
enum { ALARM_FRAMES = 256 * FRAMES_A_MIB };

struct store_writer {
    store *s;
    database *db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    store_change *first, *last; /* the queue, under the lock */
    size_t waiting;             /* changes in it */
    size_t wanted;              /* the writer sleeps until so many wait; 0: it does not sleep */
    bool stop;                  /* under the lock */

    /* The writer thread's own. */
    applier a;
    store_change *taken;   /* off the queue, not yet run */
    store_change **in_end; /* where the next change of the batch is linked */
    store_change *in;      /* run, waiting for the commit */
    size_t in_count;
    size_t crowd;            /* changes of the last batch, and those that waited when it was answered */
    int careful;             /* batches that still run with savepoints */
    int frames, frames_done; /* of the write-ahead log: in it, and already in the database */
    bool alarmed;
};

void store_fatal(store *s, error *take) {
    log_error("the store cannot go on: %s", error_text(take));
    s->options.fatal(take);
    abort();
}

static error *copy_of(const error *err) {
    return error_new(error_code_of(err), "%s", error_text(err));
}

/* ---- the queue ----------------------------------------------------------------------------------------------------
 */

void store_writer_submit(store_writer *w, store_change *take) {
    take->next = NULL;
    pthread_mutex_lock(&w->lock);
    if (w->first)
        w->last->next = take;
    else
        w->first = take;
    w->last = take;
    if (++w->waiting == w->wanted) pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

/* Under the lock. */
static void take_queue(store_writer *w) {
    w->taken = w->first;
    w->first = w->last = NULL;
    w->waiting = w->wanted = 0;
}

/* All that wait, without waiting for more. */
static void refill(store_writer *w) {
    if (w->taken) return;
    pthread_mutex_lock(&w->lock);
    take_queue(w);
    pthread_mutex_unlock(&w->lock);
}

/* As refill, but waits for `count` changes until `until`: to be woken for each of them costs more than to run it. */
static void refill_until(store_writer *w, size_t count, const struct timespec *until) {
    bool timed_out = false;
    pthread_mutex_lock(&w->lock);
    w->wanted = count < GATHER_COUNT ? count : GATHER_COUNT;
    while (w->waiting < w->wanted && !w->stop && !timed_out)
        timed_out = pthread_cond_timedwait(&w->wake, &w->lock, until) != 0;
    take_queue(w);
    pthread_mutex_unlock(&w->lock);
}

/* Waits for changes: false when it is time to stop and none are left. While the log holds what the database does not,
 * the wait ends after IDLE_MS with nothing taken: that is the time to checkpoint. */
static bool wait_for_changes(store_writer *w) {
    if (w->taken) return true;
    struct timespec until = clock_monotonic_in(IDLE_MS);
    pthread_mutex_lock(&w->lock);
    bool timed_out = false;
    w->wanted = 1;
    while (!w->first && !w->stop && !timed_out) {
        if (w->frames > w->frames_done)
            timed_out = pthread_cond_timedwait(&w->wake, &w->lock, &until) != 0;
        else
            pthread_cond_wait(&w->wake, &w->lock);
    }
    take_queue(w);
    bool go_on = w->taken || !w->stop;
    pthread_mutex_unlock(&w->lock);
    return go_on;
}

/* ---- a batch ------------------------------------------------------------------------------------------------------
 */

/* An error of the file itself, not of the change. */
static bool is_of_the_file(const error *err) {
    error_code code = error_code_of(err);
    return code == ERROR_IO || code == ERROR_CORRUPT;
}

static error *roll_back_change(store_writer *w) {
    error *err = database_execute(w->db, "rollback to change", "undo a change");
    return err ? err : database_execute(w->db, "release change", "undo a change");
}

/* Lack of space or of memory may have ended the transaction already: then it is not this change alone. */
static bool is_of_the_batch(const store_writer *w, const error *err) {
    return is_of_the_file(err) || error_code_of(err) == ERROR_FULL || sqlite3_get_autocommit(w->db->handle);
}

/* One change in its savepoint. The error returned is the batch's; a refusal stays with the change. */
static error *run_carefully(store_writer *w, store_change *change) {
    applier_mark mark = apply_mark(&w->a);
    error *err = database_execute(w->db, "savepoint change", "begin a change");
    if (err) return err;
    error *refusal = apply_change(&w->a);
    if (!refusal) return database_execute(w->db, "release change", "end a change");
    if (is_of_the_batch(w, refusal)) return refusal;
    apply_return_to(&w->a, &mark);
    change->refusal = refusal;
    return roll_back_change(w);
}

/* A change that was wrong from the beginning never runs. `refused`: it needs a savepoint after all. */
static error *run_change(store_writer *w, store_change *change, bool *refused) {
    if (change->fault) {
        change->refusal = change->fault;
        change->fault = NULL;
    }
    if (change->refusal) return NULL;
    w->a.change = change;
    if (w->careful > 0) return run_carefully(w, change);
    error *err = apply_change(&w->a);
    if (!err || is_of_the_batch(w, err)) return err;
    error_free(err);
    *refused = true;
    return NULL;
}

static void take_in(store_writer *w) {
    store_change *change = w->taken;
    w->taken = change->next;
    change->next = NULL;
    *w->in_end = change;
    w->in_end = &change->next;
    w->in_count++;
}

/* What the batch did so far is undone, and done again with savepoints. */
static error *run_again_carefully(store_writer *w) {
    static const applier_mark nothing;
    bool refused = false;
    error *err = database_execute(w->db, "rollback", "roll a batch back");
    if (!err) err = database_execute(w->db, "begin immediate", "begin a batch");
    w->careful = CAREFUL_BATCHES;
    apply_return_to(&w->a, &nothing);
    for (store_change *change = w->in; change && !err; change = change->next)
        err = run_change(w, change, &refused);
    return err;
}

static error *run_changes(store_writer *w) {
    int64_t deadline = clock_monotonic_ms() + BATCH_MS;
    const struct timespec gathered = clock_monotonic_in(GATHER_MS);
    error *err = NULL;
    do {
        store_change *change = w->taken;
        bool refused = false;
        take_in(w);
        err = run_change(w, change, &refused);
        if (!err && refused) err = run_again_carefully(w);
        if (!err) refill(w);
        if (!err && !w->taken && w->in_count < w->crowd) refill_until(w, w->crowd - w->in_count, &gathered);
    } while (!err && w->taken && w->in_count < BATCH_MAX && clock_monotonic_ms() < deadline);
    return err;
}

static const char ADD_TALLY[] = "insert into tallies (bucket, which, count) values (?1, ?2, ?3) "
                                "on conflict do update set count = count + excluded.count";

static error *add_tally(store_writer *w, int64_t bucket, int which, int by) {
    error *err = NULL;
    if (by == 0) return NULL;
    sqlite3_stmt *statement = database_statement(w->db, ADD_TALLY, &err);
    if (err) return err;
    bind_integer(statement, 1, bucket);
    bind_integer(statement, 2, which);
    bind_integer(statement, 3, by);
    return database_run(w->db, statement, "count messages");
}

static error *write_tallies(store_writer *w) {
    const tally *counts = &w->a.counts;
    int64_t bucket = w->a.now / TALLY_BUCKET_MS;
    error *err = NULL;
    for (int i = 0; i < STATUSES && !err; i++)
        err = add_tally(w, 0, i, counts->by_status[i]);
    if (!err) err = add_tally(w, bucket, TALLY_IN, counts->in);
    if (!err) err = add_tally(w, bucket, TALLY_OUT, counts->out);
    if (!err) err = add_tally(w, bucket, TALLY_FAILED, counts->failed);
    return err;
}

/* Nothing of the batch happened: every change in it gets the same answer. */
static void refuse_batch(store_writer *w, error *take) {
    if (is_of_the_file(take)) store_fatal(w->s, take);
    if (!sqlite3_get_autocommit(w->db->handle)) {
        error *err = database_execute(w->db, "rollback", "roll a batch back");
        if (err) store_fatal(w->s, err);
    }
    if (error_code_of(take) == ERROR_FULL) spool_give_up_reserve(w->s);
    for (store_change *change = w->in; change; change = change->next)
        if (!change->refusal) change->refusal = copy_of(take);
    w->a.news_count = 0;
    log_failure(LOG_ERROR, "the store refuses a batch", take);
}

/* A commit that fails for anything but space may yet be in the file: the only honest answer is none. */
static error *commit(store_writer *w) {
    crash_point("store.commit.before");
    error *err = database_execute(w->db, "commit", "commit");
    if (err && error_code_of(err) != ERROR_FULL) store_fatal(w->s, err);
    if (!err) crash_point("store.commit.after");
    return err;
}

static void run_batch(store_writer *w) {
    w->a.now = clock_wall_ms();
    error *err = database_execute(w->db, "begin immediate", "begin a batch");
    if (err)
        take_in(w); /* the others are tried again: each waits for the lock no longer than the first */
    else
        err = run_changes(w);
    if (!err) err = apply_words(&w->a);
    if (!err) err = write_tallies(w);
    if (!err) err = commit(w);
    if (err) refuse_batch(w, err);
    if (w->careful > 0) w->careful--;
}

/* ---- the answers --------------------------------------------------------------------------------------------------
 */

static void remove_refused_files(store *s, const store_change *change) {
    for (size_t i = 0; i < change->payload_count; i++)
        if (change->payloads[i].spool[0]) spool_remove(s, change->payloads[i].spool);
}

static void answer(store_writer *w) {
    for (store_change *change = w->in, *next; change; change = next) {
        error *refusal = change->refusal;
        change->refusal = NULL;
        next = change->next;
        if (refusal)
            remove_refused_files(w->s, change);
        else if (change->gone[0])
            spool_remove(w->s, change->gone);
        if (change->done)
            change->done(change->context, refusal, &change->result);
        else
            log_failure(LOG_ERROR, "a change that nobody waits for was refused", refusal);
    }
    crash_point("store.answered");
}

static void tell_news(store_writer *w) {
    size_t count = w->a.news_count;
    if (count == 0) return;
    arena *texts = arena_new(SIZE_MAX / 2);
    store_news *news = arena_alloc(texts, count * sizeof *news);
    for (size_t i = 0; i < count; i++) {
        const news_entry *entry = &w->a.news[i];
        news[i] = (store_news){.kind = entry->kind, .id = entry->id, .status = entry->status};
        if (entry->object_kind) news[i].id = arena_printf(texts, "%s/%s", entry->object_kind, entry->object_name);
    }
    w->s->options.committed(w->s->options.context, news, count);
    arena_free(texts);
}

static void free_batch(store_writer *w) {
    static const applier_mark nothing;
    apply_return_to(&w->a, &nothing);
    for (store_change *change = w->in, *next; change; change = next) {
        next = change->next;
        store_change_free(change);
    }
    w->in = NULL;
    w->in_end = &w->in;
    w->in_count = 0;
}

/* ---- checkpoints --------------------------------------------------------------------------------------------------
 */

static int count_frames(void *context, sqlite3 *handle, const char *name, int frames) {
    store_writer *w = context;
    (void)handle;
    (void)name;
    if (frames < w->frames_done) w->frames_done = 0; /* the log began anew */
    w->frames = frames;
    return SQLITE_OK;
}

static void checkpoint(store_writer *w, int mode) {
    int in_log = 0, done = 0;
    crash_point("store.checkpoint.before");
    int result = sqlite3_wal_checkpoint_v2(w->db->handle, NULL, mode, &in_log, &done);
    if (result != SQLITE_OK && result != SQLITE_BUSY && result != SQLITE_LOCKED) {
        error *err = database_error(w->db, "checkpoint");
        if (error_code_of(err) != ERROR_FULL) store_fatal(w->s, err);
        spool_give_up_reserve(w->s);
        log_failure(LOG_ERROR, "store", err);
        return;
    }
    crash_point("store.checkpoint.after");
    w->frames_done = done > 0 ? done : w->frames;
}

/* Passive while it suffices; beyond 64 MiB it waits for the readers, so that the log begins anew. */
static void checkpoint_if_due(store_writer *w) {
    if (w->frames >= RESTART_FRAMES)
        checkpoint(w, SQLITE_CHECKPOINT_RESTART);
    else if (w->frames - w->frames_done >= CHECKPOINT_FRAMES)
        checkpoint(w, SQLITE_CHECKPOINT_PASSIVE);
    if (w->frames >= ALARM_FRAMES && !w->alarmed)
        log_warning("the write-ahead log has grown to %d MiB: something reads for too long", w->frames / FRAMES_A_MIB);
    w->alarmed = w->frames >= ALARM_FRAMES;
}

static void note_crowd(store_writer *w) {
    pthread_mutex_lock(&w->lock);
    w->crowd = w->in_count + w->waiting;
    pthread_mutex_unlock(&w->lock);
}

static void *write_changes(void *context) {
    store_writer *w = context;
    while (wait_for_changes(w)) {
        if (!w->taken) {
            checkpoint(w, SQLITE_CHECKPOINT_PASSIVE);
            continue;
        }
        run_batch(w);
        note_crowd(w);
        answer(w);
        tell_news(w);
        free_batch(w);
        checkpoint_if_due(w);
    }
    return NULL;
}

/* ---- its life -----------------------------------------------------------------------------------------------------
 */

error *store_writer_start(store *s, database *take, store_writer **out) {
    pthread_condattr_t attributes;
    store_writer *w = xcalloc(1, sizeof *w);
    w->s = s;
    w->db = take;
    w->in_end = &w->in;
    w->a.s = s;
    w->a.db = take;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    sqlite3_wal_hook(take->handle, count_frames, w);
    *out = w;
    int failed = pthread_create(&w->thread, NULL, write_changes, w);
    if (!failed) pthread_setname_np(w->thread, "store-writer");
    if (!failed) return NULL;
    *out = NULL;
    database_close(take);
    free(w);
    return error_from_errno(failed, "cannot start the store's writer");
}

void store_writer_stop(store_writer *w) {
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    if (atomic_load(&w->s->full)) spool_give_up_reserve(w->s);
    checkpoint(w, SQLITE_CHECKPOINT_TRUNCATE);
    database_close(w->db);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
    free(w->a.news);
    free(w->a.words);
    free(w);
}
