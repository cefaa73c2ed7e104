/* core/store/objects.c: configuration objects, secrets and counters, read (store.h). */
#include "core/store/inside.h"

static const char READ_OBJECT[] =
    "select body, revision from objects where kind = ?1 and name = ?2 and body is not null";

error *store_object(store *s, const char *kind, const char *name, json_t **body, int64_t *revision) {
    database *db = NULL;
    *body = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    sqlite3_stmt *row = database_statement(db, READ_OBJECT, &err);
    if (!err) {
        bind_text(row, 1, kind);
        bind_text(row, 2, name);
        if (database_next(db, row, "read an object", &err)) {
            if (revision) *revision = column_integer(row, 1);
            err = error_wrap(json_parse(span_of(column_text(row, 0)), body), "%s/%s", kind, name);
        } else if (!err) {
            err = error_new(ERROR_NOT_FOUND, "no %s/%s", kind, name);
        }
        database_reset(row);
    }
    store_reader_return(s, db);
    return err;
}

static const char READ_OBJECTS[] = "select kind, name, revision, updated_at, updated_by, body from objects "
                                   "where (?1 is null or kind = ?1) and body is not null order by name, kind";

error *store_objects(store *s, const char *kind, json_t **out) {
    database *db = NULL;
    *out = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    json_t *objects = json_array();
    sqlite3_stmt *row = database_statement(db, READ_OBJECTS, &err);
    if (!err) bind_text(row, 1, kind);
    while (!err && database_next(db, row, "read objects", &err)) {
        json_t *object = json_object();
        put_column_text(object, "kind", row, 0);
        put_column_text(object, "name", row, 1);
        put_column_integer(object, "revision", row, 2);
        put_column_time(object, "updated_at", row, 3);
        put_column_text(object, "updated_by", row, 4);
        put_column_json(object, "body", row, 5);
        json_array_append_new(objects, object);
    }
    store_reader_return(s, db);
    if (err)
        json_decref(objects);
    else
        *out = objects;
    return err;
}

static const char READ_SECRET[] = "select sealed from secrets where name = ?1";

error *store_secret(store *s, const char *name, buf *sealed) {
    database *db = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    sqlite3_stmt *row = database_statement(db, READ_SECRET, &err);
    if (!err) {
        bind_text(row, 1, name);
        if (database_next(db, row, "read a secret", &err))
            buf_add(sealed, span_make(sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0)));
        else if (!err)
            err = error_new(ERROR_NOT_FOUND, "no secret %s", name);
        database_reset(row);
    }
    store_reader_return(s, db);
    return err ? err : buf_check(sealed, "a secret");
}

static const char READ_COUNTER[] = "select value from counters where name = ?1";

error *store_counter(store *s, const char *name, int64_t *value) {
    database *db = NULL;
    *value = 0;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    sqlite3_stmt *row = database_statement(db, READ_COUNTER, &err);
    if (!err) {
        bind_text(row, 1, name);
        if (database_next(db, row, "read a counter", &err)) *value = column_integer(row, 0);
        database_reset(row);
    }
    store_reader_return(s, db);
    return err;
}
