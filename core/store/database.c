/* core/store/database.c: see database.h. */
#include "core/store/database.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { APPLICATION_ID = 0x42616E79 }; /* "Bany" */

static error_code code_of(sqlite3 *handle, int result) {
    switch (result & 0xFF) {
    case SQLITE_FULL: return ERROR_FULL;
    case SQLITE_IOERR: return sqlite3_system_errno(handle) == ENOSPC ? ERROR_FULL : ERROR_IO;
    case SQLITE_CANTOPEN: return ERROR_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERROR_CORRUPT;
    case SQLITE_CONSTRAINT: return ERROR_CONFLICT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT: return ERROR_TIMEOUT;
    case SQLITE_TOOBIG: return ERROR_LIMIT;
    case SQLITE_PERM:
    case SQLITE_READONLY: return ERROR_DENIED;
    default: return ERROR_INTERNAL;
    }
}

error *database_error(database *db, const char *what) {
    int result = sqlite3_extended_errcode(db->handle);
    return error_new(
        code_of(db->handle, result), "cannot %s: %s (SQLite %d)", what, sqlite3_errmsg(db->handle), result);
}

/* Lower than the defaults: our statements are few and known, what they hold is bounded before it gets here. */
static void lower_limits(sqlite3 *handle) {
    static const struct {
        int limit, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, 64 << 20},
        {SQLITE_LIMIT_SQL_LENGTH, 64 << 10},
        {SQLITE_LIMIT_COLUMN, 64},
        {SQLITE_LIMIT_EXPR_DEPTH, 64},
        {SQLITE_LIMIT_COMPOUND_SELECT, 4},
        {SQLITE_LIMIT_FUNCTION_ARG, 16},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 64},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 4},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(handle, limits[i].limit, limits[i].value);
}

static int past_deadline(void *context) {
    const database *db = context;
    return db->deadline_ms && clock_monotonic_ms() > db->deadline_ms;
}

/* Memory statistics cost a lock at every allocation, and nobody reads them. For the whole process, before the first
 * connection; refused (and not needed) when somebody else was first. */
static void configure_library(void) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static error *open_file(const char *path, int flags, database **out) {
    *out = NULL;
    static pthread_once_t configured = PTHREAD_ONCE_INIT;
    pthread_once(&configured, configure_library);
    database *db = xcalloc(1, sizeof *db);
    int result =
        sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, /* default VFS */ NULL);
    if (result != SQLITE_OK) {
        error *err = db->handle ? database_error(db, "open the database")
                                : error_new(ERROR_INTERNAL, "cannot open the database: out of memory");
        database_close(db);
        return error_wrap(err, "%s", path);
    }
    lower_limits(db->handle);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_busy_timeout(db->handle, READ_TIMEOUT_MS);
    *out = db;
    return NULL;
}

static error *execute_all(database *db, const char *const *texts, const char *what) {
    for (; *texts; texts++) {
        error *err = database_execute(db, *texts, what);
        if (err) return err;
    }
    return NULL;
}

static error *read_number(database *db, const char *sql, int64_t *value) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(db, sql, &err);
    if (err) return err;
    if (database_next(db, statement, "read the database", &err)) *value = column_integer(statement, 0);
    database_reset(statement);
    return err;
}

/* A fresh file gets our mark; a file that bears another mark, or tables without one, is somebody else's. */
static error *check_owner(database *db, const char *path, bool writes) {
    int64_t application = 0, tables = 0;
    error *err = read_number(db, "pragma application_id", &application);
    if (!err) err = read_number(db, "select count(*) from sqlite_schema", &tables);
    if (err) return err;
    if (application == APPLICATION_ID) return NULL;
    if (application != 0 || tables != 0 || !writes)
        return error_new(ERROR_CONFLICT, "%s is a database of another program", path);
    return database_execute(db, "pragma application_id = 0x42616E79", "mark the database");
}

/* The connection, or nothing of it. */
static error *give(database *db, error *err, database **out) {
    *out = err ? NULL : db;
    if (err) database_close(db);
    return err;
}

error *database_open_writer(const char *path, database **out) {
    static const char *const rules[] = {"pragma journal_mode = wal", "pragma synchronous = full",
        "pragma wal_autocheckpoint = 0", "pragma foreign_keys = on", "pragma cell_size_check = on",
        "pragma mmap_size = 0", "pragma temp_store = memory", "pragma cache_size = -16384",
        /* Only our own process reads: no page needs to be wiped for others. */
        "pragma secure_delete = off", NULL};
    database *db = NULL;
    *out = NULL;
    error *err = open_file(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db);
    if (!db) return err;
    err = check_owner(db, path, true);
    if (!err) err = execute_all(db, rules, "set the database up");
    return give(db, err, out);
}

error *database_open_reader(const char *path, database **out) {
    static const char *const rules[] = {"pragma query_only = on", "pragma cell_size_check = on", "pragma mmap_size = 0",
        "pragma temp_store = memory", NULL};
    database *db = NULL;
    *out = NULL;
    error *err = open_file(path, SQLITE_OPEN_READONLY, &db);
    if (!db) return err;
    err = execute_all(db, rules, "set the database up");
    if (!err) err = check_owner(db, path, false);
    if (!err) sqlite3_progress_handler(db->handle, 1000, past_deadline, db);
    return give(db, err, out);
}

void database_close(database *db) {
    if (!db) return;
    for (size_t i = 0; i < DATABASE_STATEMENTS_MAX; i++)
        sqlite3_finalize(db->cache[i].statement);
    if (db->handle && sqlite3_close(db->handle) != SQLITE_OK) log_error("a database connection was closed in use");
    free(db);
}

sqlite3_stmt *database_statement(database *db, const char *sql, error **err) {
    size_t at = ((uintptr_t)sql >> 3) % DATABASE_STATEMENTS_MAX, tried = 0;
    while (db->cache[at].sql && db->cache[at].sql != sql && tried++ < DATABASE_STATEMENTS_MAX)
        at = (at + 1) % DATABASE_STATEMENTS_MAX;
    if (db->cache[at].sql == sql) return db->cache[at].statement;
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (result != SQLITE_OK) {
        *err = database_error(db, "prepare a statement");
        if ((result & 0xFF) != SQLITE_ERROR) return NULL; /* the file's fault */
        log_failure(LOG_ERROR, sql, *err);
        abort();
    }
    if (db->cache[at].sql) {
        log_error("more statements than DATABASE_STATEMENTS_MAX");
        abort();
    }
    db->cache[at].sql = sql;
    db->cache[at].statement = statement;
    return statement;
}

bool database_next(database *db, sqlite3_stmt *statement, const char *what, error **err) {
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) return true;
    if (result != SQLITE_DONE) *err = database_error(db, what);
    sqlite3_reset(statement);
    return false;
}

void database_reset(sqlite3_stmt *statement) {
    sqlite3_reset(statement);
}

error *database_run(database *db, sqlite3_stmt *statement, const char *what) {
    error *err = NULL;
    while (database_next(db, statement, what, &err))
        continue;
    return err;
}

error *database_execute(database *db, const char *sql, const char *what) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(db, sql, &err);
    return err ? err : database_run(db, statement, what);
}

void bind_text(sqlite3_stmt *statement, int at, const char *text) {
    if (text)
        sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, at);
}

void bind_integer(sqlite3_stmt *statement, int at, int64_t value) {
    sqlite3_bind_int64(statement, at, value);
}

void bind_bytes(sqlite3_stmt *statement, int at, const void *bytes, size_t size) {
    sqlite3_bind_blob64(statement, at, bytes ? bytes : "", size, SQLITE_STATIC);
}

void bind_uuid(sqlite3_stmt *statement, int at, const unsigned char uuid[UUID_SIZE]) {
    sqlite3_bind_blob(statement, at, uuid, UUID_SIZE, SQLITE_TRANSIENT);
}

const char *column_text(sqlite3_stmt *statement, int at) {
    return (const char *)sqlite3_column_text(statement, at);
}

int64_t column_integer(sqlite3_stmt *statement, int at) {
    return sqlite3_column_int64(statement, at);
}

bool column_is_null(sqlite3_stmt *statement, int at) {
    return sqlite3_column_type(statement, at) == SQLITE_NULL;
}

bool column_id(sqlite3_stmt *statement, int at, char id[ID_SIZE]) {
    const void *uuid = sqlite3_column_blob(statement, at);
    id[0] = '\0';
    if (!uuid || sqlite3_column_bytes(statement, at) != UUID_SIZE) return false;
    id_format(uuid, id);
    return true;
}

void put_column_text(json_t *object, const char *key, sqlite3_stmt *statement, int at) {
    const char *text = column_text(statement, at);
    size_t len = (size_t)sqlite3_column_bytes(statement, at);
    json_object_set_new_nocheck(object, key, text ? json_from_span(span_make(text, len)) : json_null());
}

void put_column_integer(json_t *object, const char *key, sqlite3_stmt *statement, int at) {
    json_object_set_new_nocheck(
        object, key, column_is_null(statement, at) ? json_null() : json_integer(column_integer(statement, at)));
}

void put_time(json_t *object, const char *key, int64_t wall_ms) {
    char text[CLOCK_TEXT_SIZE];
    json_object_set_new_nocheck(object, key, json_string_nocheck(clock_format(wall_ms, text)));
}

void put_column_time(json_t *object, const char *key, sqlite3_stmt *statement, int at) {
    if (column_is_null(statement, at))
        json_object_set_new_nocheck(object, key, json_null());
    else
        put_time(object, key, column_integer(statement, at));
}

void put_column_id(json_t *object, const char *key, sqlite3_stmt *statement, int at) {
    char id[ID_SIZE];
    bool present = column_id(statement, at, id);
    json_object_set_new_nocheck(object, key, present ? json_string_nocheck(id) : json_null());
}

/* Our own text comes back as it was written; what cannot be parsed any more is shown as null, not as a failed page. */
void put_column_json(json_t *object, const char *key, sqlite3_stmt *statement, int at) {
    json_t *value = NULL;
    const char *text = column_text(statement, at);
    if (text) error_free(json_parse(span_of(text), &value));
    json_object_set_new_nocheck(object, key, value ? value : json_null());
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return 0;
}

bool uuid_parse(span text, unsigned char uuid[UUID_SIZE]) {
    if (!id_is_valid(text)) return false;
    size_t n = 0;
    for (size_t i = 0; i < text.len; i += 2) {
        if (text.data[i] == '-') i++;
        uuid[n++] = (unsigned char)(hex_value(text.data[i]) << 4 | hex_value(text.data[i + 1]));
    }
    return true;
}
