/* core/store/apply_object.c: the steps about configuration, secrets, counters and the audit log (apply.h). */
#include "core/store/apply.h"
#include "core/store/audit.h"

#include <stdlib.h>

static const char READ_REVISION[] = "select revision, body is null from objects where kind = ?1 and name = ?2";
static const char PUT_OBJECT[] =
    "insert into objects (kind, name, revision, body, updated_at, updated_by) values (?1, ?2, 1, ?5, ?3, ?4) "
    "on conflict do update set revision = revision + 1, body = excluded.body, updated_at = excluded.updated_at, "
    "updated_by = excluded.updated_by";

/* 0 while there is none; a removed one counts as none. */
static error *current_revision(applier *a, const step *s, int64_t *revision) {
    error *err = NULL;
    *revision = 0;
    sqlite3_stmt *statement = database_statement(a->db, READ_REVISION, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 2);
    if (database_next(a->db, statement, "read a revision", &err) && !column_integer(statement, 1))
        *revision = column_integer(statement, 0);
    database_reset(statement);
    return err;
}

bool store_revision_fits(int64_t expected, int64_t revision) {
    if (expected == REVISION_ANY) return true;
    return expected == REVISION_SOME ? revision > 0 : expected == revision;
}

static error *check_revision(applier *a, const step *s, int64_t *found) {
    int64_t expected = value_integer(s, 2);
    const char *kind = value_text(a->change, s, 0), *name = value_text(a->change, s, 1);
    error *err = current_revision(a, s, found);
    if (err || store_revision_fits(expected, *found)) return err;
    if (expected == REVISION_NONE) return error_new(ERROR_CHANGED, "%s/%s exists already", kind, name);
    if (*found == 0) return error_new(ERROR_CHANGED, "%s/%s does not exist any more", kind, name);
    return error_new(ERROR_CHANGED, "%s/%s has changed meanwhile: it is at revision %lld, not %lld", kind, name,
        (long long)*found, (long long)expected);
}

static error *write_object(applier *a, const step *s, bool with_body) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, PUT_OBJECT, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 2);
    bind_integer(statement, 3, a->now);
    value_bind(statement, 4, a->change, s, 3, 1);
    if (with_body)
        value_bind(statement, 5, a->change, s, 4, 1);
    else
        sqlite3_bind_null(statement, 5);
    return database_run(a->db, statement, "write an object");
}

error *apply_put_object(applier *a, const step *s) {
    int64_t found;
    error *err = check_revision(a, s, &found);
    if (!err) err = write_object(a, s, true);
    if (!err) apply_object_news(a, value_text(a->change, s, 0), value_text(a->change, s, 1), "put");
    return err;
}

error *apply_remove_object(applier *a, const step *s) {
    int64_t found;
    const char *kind = value_text(a->change, s, 0), *name = value_text(a->change, s, 1);
    error *err = check_revision(a, s, &found);
    if (!err && found == 0) err = error_new(ERROR_NOT_FOUND, "no %s/%s", kind, name);
    if (!err) err = write_object(a, s, false);
    if (!err) apply_object_news(a, kind, name, "removed");
    return err;
}

static const char PUT_SECRET[] =
    "insert into secrets (name, sealed) values (?1, ?2) on conflict do update set sealed = excluded.sealed";
static const char REMOVE_SECRET[] = "delete from secrets where name = ?1";

error *apply_put_secret(applier *a, const step *s) {
    error *err = NULL;
    bool removes = value_is_none(s, 1);
    sqlite3_stmt *statement = database_statement(a->db, removes ? REMOVE_SECRET : PUT_SECRET, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, removes ? 1 : 2);
    return database_run(a->db, statement, "write a secret");
}

static const char RAISE_COUNTER[] = "insert into counters (name, value) values (?1, ?2) "
                                    "on conflict do update set value = max(value, excluded.value)";

error *apply_raise_counter(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, RAISE_COUNTER, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 2);
    return database_run(a->db, statement, "raise a counter");
}

static const char AUDIT_HEAD[] = "select seq, hash from audit order by seq desc limit 1";
static const char ADD_AUDIT[] =
    "insert into audit (seq, at, who, what, object, detail, hash) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

error *apply_audit(applier *a, const step *s) {
    error *err = NULL;
    unsigned char hash[DIGEST_SIZE] = {0};
    audit_record record = {.seq = 1, .at = a->now};
    sqlite3_stmt *statement = database_statement(a->db, AUDIT_HEAD, &err);
    if (err) return err;
    if (database_next(a->db, statement, "read the audit log's head", &err)) {
        record.seq = column_integer(statement, 0) + 1;
        if (sqlite3_column_bytes(statement, 1) == DIGEST_SIZE)
            memcpy(hash, sqlite3_column_blob(statement, 1), DIGEST_SIZE);
    }
    database_reset(statement);
    if (!err) statement = database_statement(a->db, ADD_AUDIT, &err);
    if (err) return err;
    record.who = value_text(a->change, s, 0);
    record.what = value_text(a->change, s, 1);
    record.object = value_text(a->change, s, 2);
    record.detail = value_text(a->change, s, 3);
    audit_hash(a->s->options.digest, &record, hash);
    bind_integer(statement, 1, record.seq);
    bind_integer(statement, 2, record.at);
    value_bind(statement, 3, a->change, s, 0, 4);
    bind_bytes(statement, 7, hash, sizeof hash);
    return database_run(a->db, statement, "add to the audit log");
}
