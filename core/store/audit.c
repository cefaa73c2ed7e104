/* core/store/audit.c: see audit.h; and the reading side of the audit log (store.h). */
#include "core/store/audit.h"

#include "core/store/inside.h"

#include <stdio.h>

static void add_field(const digest_functions *digest, void *state, const char *text) {
    char length[24];
    if (!text) {
        digest->update(state, SPAN("-,"));
        return;
    }
    snprintf(length, sizeof length, "%zu:", strlen(text));
    digest->update(state, span_of(length));
    digest->update(state, span_of(text));
    digest->update(state, SPAN(","));
}

void audit_hash(const digest_functions *digest, const audit_record *record, unsigned char hash[DIGEST_SIZE]) {
    char numbers[48];
    void *state = digest->begin();
    snprintf(numbers, sizeof numbers, "%lld:%lld:", (long long)record->seq, (long long)record->at);
    digest->update(state, span_make((const char *)hash, DIGEST_SIZE));
    digest->update(state, span_of(numbers));
    add_field(digest, state, record->who);
    add_field(digest, state, record->what);
    add_field(digest, state, record->object);
    add_field(digest, state, record->detail);
    digest->finish(state, hash);
}

static const char WALK_AUDIT[] = "select seq, at, who, what, object, detail, hash from audit "
                                 "where seq > ?1 order by seq limit 1000";

static error *check_row(store *s, sqlite3_stmt *row, int64_t *last, unsigned char hash[DIGEST_SIZE]) {
    audit_record record = {
        .seq = column_integer(row, 0),
        .at = column_integer(row, 1),
        .who = column_text(row, 2),
        .what = column_text(row, 3),
        .object = column_text(row, 4),
        .detail = column_text(row, 5),
    };
    audit_hash(s->options.digest, &record, hash);
    bool follows = record.seq == *last + 1;
    *last = record.seq;
    if (follows && sqlite3_column_bytes(row, 6) == DIGEST_SIZE &&
        memcmp(hash, sqlite3_column_blob(row, 6), DIGEST_SIZE) == 0)
        return NULL;
    return error_new(ERROR_CORRUPT, "entry %lld of the audit log is not what was written", (long long)record.seq);
}

/* One page in a read of its own, so that the walk of a long log holds no state for long. */
static error *check_page(store *s, int64_t *last, unsigned char hash[DIGEST_SIZE], bool *more) {
    database *db = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    sqlite3_stmt *statement = database_statement(db, WALK_AUDIT, &err);
    if (!err) bind_integer(statement, 1, *last);
    *more = false;
    while (!err && database_next(db, statement, "read the audit log", &err)) {
        *more = true;
        err = check_row(s, statement, last, hash);
        if (err) database_reset(statement);
    }
    store_reader_return(s, db);
    return err;
}

error *store_check_audit(store *s) {
    unsigned char hash[DIGEST_SIZE] = {0};
    int64_t last = 0;
    bool more = true;
    error *err = NULL;
    while (!err && more)
        err = check_page(s, &last, hash, &more);
    return err;
}

static const char FIND_AUDIT[] = "select seq, at, who, what, object, detail, hash from audit "
                                 "where seq < ?1 order by seq desc limit ?2";

static json_t *audit_item(sqlite3_stmt *row) {
    char hex[DIGEST_HEX_SIZE] = "";
    json_t *item = json_object();
    put_column_integer(item, "seq", row, 0);
    put_column_time(item, "at", row, 1);
    put_column_text(item, "who", row, 2);
    put_column_text(item, "what", row, 3);
    put_column_text(item, "object", row, 4);
    put_column_json(item, "detail", row, 5);
    if (sqlite3_column_bytes(row, 6) == DIGEST_SIZE) digest_hex(sqlite3_column_blob(row, 6), hex);
    json_put_text(item, "hash", hex);
    return item;
}

error *store_find_audit(store *s, int64_t before, int limit, json_t **out) {
    database *db = NULL;
    int64_t last = 0;
    int count = 0;
    *out = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    json_t *items = json_array();
    sqlite3_stmt *statement = database_statement(db, FIND_AUDIT, &err);
    if (!err) {
        bind_integer(statement, 1, before > 0 ? before : INT64_MAX);
        bind_integer(statement, 2, (int64_t)limit + 1);
    }
    while (!err && database_next(db, statement, "read the audit log", &err)) {
        if (count++ == limit) {
            database_reset(statement);
            break;
        }
        last = column_integer(statement, 0);
        json_array_append_new(items, audit_item(statement));
    }
    store_reader_return(s, db);
    *out = json_pack("{s:o}", "items", items);
    if (count > limit) json_object_set_new(*out, "next", json_integer(last));
    if (!err) return NULL;
    json_decref(*out);
    *out = NULL;
    return err;
}
