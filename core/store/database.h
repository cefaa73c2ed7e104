/* core/store/database.h: a SQLite connection with the store's rules, and its cached statements.
 *
 * The only file besides the queries that speaks the C interface of SQLite. SQL is always a constant of the program,
 * prepared once a connection and found again by its address; values are bound, never formatted. A connection belongs to
 * one thread at a time.
 */
#ifndef BANYAN_CORE_STORE_DATABASE_H
#define BANYAN_CORE_STORE_DATABASE_H

#include "core/base/error.h"
#include "core/base/id.h"
#include "core/base/json.h"

#include <sqlite3.h>

enum { UUID_SIZE = 16, DATABASE_STATEMENTS_MAX = 128, READ_TIMEOUT_MS = 5000 };

typedef struct database {
    sqlite3 *handle;
    int64_t deadline_ms; /* monotonic; a reader's statement that runs longer is interrupted; 0: none */
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } cache[DATABASE_STATEMENTS_MAX];
} database;

/* The one connection that writes (made when missing), and one that only reads. Both refuse another program's file. */
must_check error *database_open_writer(const char *path, database **out);
must_check error *database_open_reader(const char *path, database **out);
void database_close(database *db); /* NULL is fine */

/* Brings the schema up to date, each migration in a transaction of its own. ERROR_UNSUPPORTED when the file comes from
 * a newer version. */
must_check error *database_migrate(database *db);

/* The error of the last failed call on this connection: "cannot <what>: ...". */
must_check error *database_error(database *db, const char *what);

/* The statement of a constant SQL text, ready to be bound. A text that the program holds and SQLite refuses is a fault
 * of ours and ends the process. NULL with *err set when the file is at fault. */
sqlite3_stmt *database_statement(database *db, const char *sql, error **err);

/* Runs a statement without result rows; resets it. */
must_check error *database_run(database *db, sqlite3_stmt *statement, const char *what);
/* Runs a constant text without parameters or rows. */
must_check error *database_execute(database *db, const char *sql, const char *what);

/* The next row: false at the end or on error (in *err). The statement is reset in both cases. */
bool database_next(database *db, sqlite3_stmt *statement, const char *what, error **err);
void database_reset(sqlite3_stmt *statement); /* when rows were left */

/* Values in; texts and bytes are borrowed until the statement is reset. NULL text binds null. */
void bind_text(sqlite3_stmt *statement, int at, const char *text);
void bind_integer(sqlite3_stmt *statement, int at, int64_t value);
void bind_bytes(sqlite3_stmt *statement, int at, const void *bytes, size_t size);
void bind_uuid(sqlite3_stmt *statement, int at, const unsigned char uuid[UUID_SIZE]); /* copied */

/* Values out; texts live until the next step. */
const char *column_text(sqlite3_stmt *statement, int at); /* NULL for null */
int64_t column_integer(sqlite3_stmt *statement, int at);  /* 0 for null */
bool column_is_null(sqlite3_stmt *statement, int at);
bool column_id(sqlite3_stmt *statement, int at, char id[ID_SIZE]); /* false and "" for null */

/* Members of a JSON object from columns; null where the column is. */
void put_column_text(json_t *object, const char *key, sqlite3_stmt *statement, int at);
void put_column_integer(json_t *object, const char *key, sqlite3_stmt *statement, int at);
void put_column_time(json_t *object, const char *key, sqlite3_stmt *statement, int at);
void put_column_id(json_t *object, const char *key, sqlite3_stmt *statement, int at);
void put_column_json(json_t *object, const char *key, sqlite3_stmt *statement, int at);
void put_time(json_t *object, const char *key, int64_t wall_ms);

/* Between the text of an id and its 16 bytes; false when `text` is none. */
must_check bool uuid_parse(span text, unsigned char uuid[UUID_SIZE]);

#endif
