/* core/store/artifact.c: what belongs to a message beside its payload (store.h): steps of the writer and reads. */
#include "core/store/apply.h"

#include "core/base/memory.h"

static const char DROP_ARTIFACT[] = "delete from artifacts where message = ?1 and kind = ?2 returning spool";
static const char ADD_ARTIFACT[] = "insert into artifacts (message, kind, size, sha256, bytes, spool) "
                                   "values (?1, ?2, ?3, ?4, ?5, ?6)";

static error *drop(applier *a, const step *s, int64_t seq) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, DROP_ARTIFACT, &err);
    if (err) return err;
    bind_integer(statement, 1, seq);
    value_bind(statement, 2, a->change, s, 1, 1);
    while (database_next(a->db, statement, "drop what belongs to a message", &err)) {
        const char *spool = column_text(statement, 0);
        if (spool && strlen(spool) < sizeof a->change->gone) memcpy(a->change->gone, spool, strlen(spool) + 1);
    }
    return err;
}

error *apply_put_artifact(applier *a, const step *s) {
    int64_t seq = 0;
    const payload *p = &a->change->payloads[value_integer(s, 2)];
    unsigned char digest[DIGEST_SIZE];
    error *err = apply_find_message(a, value_uuid(a->change, s, 0), &seq);
    if (!err) err = drop(a, s, seq);
    sqlite3_stmt *statement = err ? NULL : database_statement(a->db, ADD_ARTIFACT, &err);
    if (err) return err;
    digest_of_hex(p->sha256, digest);
    bind_integer(statement, 1, seq);
    value_bind(statement, 2, a->change, s, 1, 1);
    bind_integer(statement, 3, (int64_t)p->size);
    bind_bytes(statement, 4, digest, sizeof digest);
    if (p->spool[0])
        sqlite3_bind_null(statement, 5);
    else
        bind_bytes(statement, 5, p->bytes, p->size);
    bind_text(statement, 6, p->spool[0] ? p->spool : NULL);
    return database_run(a->db, statement, "keep what belongs to a message");
}

error *apply_drop_artifact(applier *a, const step *s) {
    int64_t seq = 0;
    error *err = apply_find_message(a, value_uuid(a->change, s, 0), &seq);
    return err ? err : drop(a, s, seq);
}

/* ---- claims, read --------------------------------------------------------------------------------------------------
 */

static const char READ_CLAIM[] = "select message from claims where scope = ?1 and key = ?2";
/* '}' is what follows '|'. */
static const char READ_CLAIM_BELOW[] =
    "select message from claims where scope = ?1 and key >= ?2 and key < substr(?2, 1, length(?2) - 1) || '}' limit 1";

static error *find_claim(store *s, const char *sql, const char *scope, const char *key, char id[ID_SIZE]) {
    database *db = NULL;
    bool found = false;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    sqlite3_stmt *row = database_statement(db, sql, &err);
    if (!err) {
        bind_text(row, 1, scope);
        bind_text(row, 2, key);
        found = database_next(db, row, "read a claim", &err);
        if (found) column_id(row, 0, id);
        database_reset(row);
    }
    store_reader_return(s, db);
    if (!err && !found) err = error_new(ERROR_NOT_FOUND, "nobody has claimed %s", key);
    return err;
}

error *store_claimed(store *s, const char *scope, const char *key, char id[ID_SIZE]) {
    return find_claim(s, READ_CLAIM, scope, key, id);
}

error *store_claimed_below(store *s, const char *scope, const char *prefix, char id[ID_SIZE]) {
    return find_claim(s, READ_CLAIM_BELOW, scope, prefix, id);
}
