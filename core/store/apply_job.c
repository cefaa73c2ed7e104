/* core/store/apply_job.c: the steps about jobs (apply.h).
 *
 * A job is ready (at due_at), leased (until due_at) or dead. Who finishes, retries, buries, notes or extends one names
 * the attempt that it was given; the row must still be leased in this epoch for that attempt, so that a worker who was
 * slow cannot touch what somebody else does meanwhile.
 */
#include "core/base/memory.h"
#include "core/store/apply.h"

#include <stdlib.h>

static const char ADD_JOB[] = "insert into jobs (id, kind, message, connection, detail, state, due_at, attempt, epoch, "
                              "created_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

error *apply_add_job(applier *a, const step *s) {
    error *err = NULL;
    int64_t run_at = value_integer(s, 5);
    bool claimed = value_integer(s, 6);
    sqlite3_stmt *statement = database_statement(a->db, ADD_JOB, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 5);
    bind_integer(statement, 6, claimed ? JOB_LEASED : JOB_READY);
    bind_integer(statement, 7, claimed ? a->now + a->s->options.lease_ms : run_at > 0 ? run_at : a->now);
    bind_integer(statement, 8, claimed ? 1 : 0);
    if (claimed)
        bind_integer(statement, 9, a->s->epoch);
    else
        sqlite3_bind_null(statement, 9);
    bind_integer(statement, 10, a->now);
    err = database_run(a->db, statement, "add a job");
    const char *status = claimed ? "leased" : run_at == STORE_HELD ? "held" : "ready";
    if (!err) apply_news(a, "job", value_uuid(a->change, s, 0), status);
    return err;
}

/* ?1 job, ?2 attempt, ?3 epoch; then what the statement needs. */
static const char FINISH_JOB[] = "delete from jobs where id = ?1 and state = 1 and attempt = ?2 and epoch = ?3";
static const char RETRY_JOB[] = "update jobs set state = 0, due_at = ?4, error = ?5, epoch = null "
                                "where id = ?1 and state = 1 and attempt = ?2 and epoch = ?3";
static const char BURY_JOB[] = "update jobs set state = 2, due_at = ?5, error = ?4, epoch = null "
                               "where id = ?1 and state = 1 and attempt = ?2 and epoch = ?3";
static const char HOLD_JOB[] =
    "update jobs set state = 0, due_at = ?5, error = ?4, epoch = null, attempt = attempt - 1 "
    "where id = ?1 and state = 1 and attempt = ?2 and epoch = ?3";
static const char NOTE_JOB[] =
    "update jobs set detail = ?4 where id = ?1 and state = 1 and attempt = ?2 and epoch = ?3";
static const char EXTEND_JOB[] =
    "update jobs set due_at = ?4 where id = ?1 and state = 1 and attempt = ?2 and epoch = ?3";

static sqlite3_stmt *guarded(applier *a, const step *s, const char *sql, error **err) {
    sqlite3_stmt *statement = database_statement(a->db, sql, err);
    if (*err) return NULL;
    value_bind(statement, 1, a->change, s, 0, 2);
    bind_integer(statement, 3, a->s->epoch);
    return statement;
}

static error *run_guarded(applier *a, const step *s, sqlite3_stmt *statement, const char *status) {
    char id[ID_SIZE];
    const unsigned char *uuid = value_uuid(a->change, s, 0);
    error *err = database_run(a->db, statement, "change a job");
    if (err) return err;
    if (sqlite3_changes(a->db->handle) == 0)
        return error_new(ERROR_CONFLICT, "attempt %lld of job %s is no longer leased to this node",
            (long long)value_integer(s, 1), id_format(uuid, id));
    if (status) apply_news(a, "job", uuid, status);
    return NULL;
}

error *apply_finish_job(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = guarded(a, s, FINISH_JOB, &err);
    return err ? err : run_guarded(a, s, statement, "finished");
}

error *apply_retry_job(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = guarded(a, s, RETRY_JOB, &err);
    if (err) return err;
    value_bind(statement, 4, a->change, s, 2, 2);
    return run_guarded(a, s, statement, "ready");
}

error *apply_bury_job(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = guarded(a, s, BURY_JOB, &err);
    if (err) return err;
    value_bind(statement, 4, a->change, s, 2, 1);
    bind_integer(statement, 5, a->now);
    return run_guarded(a, s, statement, "dead");
}

error *apply_hold_job(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = guarded(a, s, HOLD_JOB, &err);
    if (err) return err;
    value_bind(statement, 4, a->change, s, 2, 1);
    bind_integer(statement, 5, STORE_HELD);
    return run_guarded(a, s, statement, "held");
}

static const char RELEASE_JOBS[] =
    "update jobs set due_at = ?2 where state = 0 and due_at = ?3 and connection = ?1 returning id";

error *apply_release_jobs(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, RELEASE_JOBS, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 1);
    bind_integer(statement, 2, a->now);
    bind_integer(statement, 3, STORE_HELD);
    while (database_next(a->db, statement, "release jobs", &err))
        apply_news(a, "job", sqlite3_column_blob(statement, 0), "ready");
    return err;
}

error *apply_note_job(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = guarded(a, s, NOTE_JOB, &err);
    if (err) return err;
    value_bind(statement, 4, a->change, s, 2, 1);
    return run_guarded(a, s, statement, NULL);
}

error *apply_extend_job(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = guarded(a, s, EXTEND_JOB, &err);
    if (err) return err;
    bind_integer(statement, 4, a->now + value_integer(s, 2));
    return run_guarded(a, s, statement, NULL);
}

static const char READ_JOB_STATE[] = "select state from jobs where id = ?1";
static const char REVIVE_JOB[] =
    "update jobs set state = 0, due_at = ?2, "
    "detail = json_set(json_remove(coalesce(detail, '{}'), '$.crashes'), '$.before', attempt) where id = ?1";

error *apply_revive_job(applier *a, const step *s) {
    error *err = NULL;
    char id[ID_SIZE];
    const unsigned char *uuid = value_uuid(a->change, s, 0);
    sqlite3_stmt *statement = database_statement(a->db, READ_JOB_STATE, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 1);
    if (!database_next(a->db, statement, "find a job", &err))
        return err ? err : error_new(ERROR_NOT_FOUND, "no job %s", id_format(uuid, id));
    int64_t state = column_integer(statement, 0);
    database_reset(statement);
    if (state == JOB_LEASED) return error_new(ERROR_CONFLICT, "job %s runs already", id_format(uuid, id));
    statement = database_statement(a->db, REVIVE_JOB, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 1);
    bind_integer(statement, 2, a->now);
    err = database_run(a->db, statement, "revive a job");
    if (!err) apply_news(a, "job", uuid, "ready");
    return err;
}

/* Leases that ran out come before what waits: they waited longer. */
static const char DUE_JOBS[] = "select id, kind, message, connection, attempt, created_at, detail from jobs "
                               "where state = ?1 and due_at <= ?2 order by due_at, id limit ?3";
static const char DUE_WANTED[] =
    JOB_LANES("?1") "select j.id, j.kind, j.message, j.connection, j.attempt, j.created_at, j.detail from lanes join "
                    "jobs j on j.id in (select id from jobs where state = ?1 and " JOB_LANE " = lane and due_at <= ?2 "
                    "order by due_at, id limit ?3) where " LANE_WANTED("?4") " order by j.due_at, j.id limit ?3";
static const char LEASE_JOB[] =
    "update jobs set state = 1, due_at = ?2, attempt = attempt + 1, epoch = ?3 where id = ?1";

static void read_job(sqlite3_stmt *statement, claimed_job *job, char **detail) {
    const char *kind = column_text(statement, 1), *connection = column_text(statement, 3);
    const char *text = column_text(statement, 6);
    *job = (claimed_job){.attempt = (int)column_integer(statement, 4) + 1};
    column_id(statement, 0, job->id);
    strncpy(job->kind, kind ? kind : "", sizeof job->kind - 1);
    column_id(statement, 2, job->message);
    strncpy(job->connection, connection ? connection : "", sizeof job->connection - 1);
    job->created_at = column_integer(statement, 5);
    *detail = text ? xstrdup(text) : NULL;
}

static error *find_due(applier *a, int state, job_claim *claim) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, claim->busy ? DUE_WANTED : DUE_JOBS, &err);
    if (err) return err;
    if (claim->busy) bind_text(statement, 4, claim->busy);
    bind_integer(statement, 1, state);
    bind_integer(statement, 2, a->now);
    bind_integer(statement, 3, (int64_t)(claim->room - claim->count));
    while (database_next(a->db, statement, "find jobs that are due", &err)) {
        read_job(statement, &claim->into[claim->count], &claim->details[claim->count]);
        claim->count++;
    }
    return err;
}

static error *lease(applier *a, const char *id, int64_t until) {
    error *err = NULL;
    unsigned char uuid[UUID_SIZE];
    sqlite3_stmt *statement = database_statement(a->db, LEASE_JOB, &err);
    if (err || !uuid_parse(span_of(id), uuid)) return err;
    bind_bytes(statement, 1, uuid, sizeof uuid);
    bind_integer(statement, 2, until);
    bind_integer(statement, 3, a->s->epoch);
    err = database_run(a->db, statement, "lease a job");
    if (!err) apply_news(a, "job", uuid, "leased");
    return err;
}

static void forget_claimed(job_claim *claim) {
    while (claim->count > 0)
        free(claim->details[--claim->count]);
}

error *apply_claim_jobs(applier *a, const step *s) {
    (void)s;
    job_claim *claim = a->change->claim;
    forget_claimed(claim); /* of a run that was rolled back */
    error *err = find_due(a, JOB_LEASED, claim);
    if (!err && claim->count < claim->room) err = find_due(a, JOB_READY, claim);
    for (size_t i = 0; !err && i < claim->count; i++)
        err = lease(a, claim->into[i].id, a->now + claim->lease_ms);
    return err;
}

static const char DROP_JOBS[] = "delete from jobs where message = ?1 and kind = ?2 and state <> 1 returning id";

error *apply_drop_jobs(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, DROP_JOBS, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 2);
    while (database_next(a->db, statement, "drop jobs", &err))
        apply_news(a, "job", sqlite3_column_blob(statement, 0), "finished");
    return err;
}
