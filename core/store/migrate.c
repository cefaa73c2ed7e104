/* core/store/migrate.c: the numbered migrations, built into the program, and how they are applied (database.h).
 *
 * The database's user_version is the number of the last migration applied. Each runs in one transaction together with
 * its number: a crash leaves it done or not begun.
 */
#include "core/base/log.h"
#include "core/store/database.h"

static const struct migration {
    const char *name, *sql;
} migrations[] = {
#include "core/store/migrations.inc"
};

enum { MIGRATIONS = sizeof migrations / sizeof *migrations };

static error *version_of(database *db, int64_t *version) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(db, "pragma user_version", &err);
    if (err) return err;
    if (database_next(db, statement, "read the schema's version", &err)) *version = column_integer(statement, 0);
    database_reset(statement);
    return err;
}

/* Pragmas take no parameters: the file format's own header field is written through the one statement whose text is
 * made here, of a number that is ours. */
static error *set_version(database *db, int version) {
    char *sql = sqlite3_mprintf("pragma user_version = %d", version);
    int result = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return result == SQLITE_OK ? NULL : database_error(db, "set the schema's version");
}

static error *apply(database *db, int index) {
    error *err = database_execute(db, "begin immediate", "begin a migration");
    if (err) return err;
    if (sqlite3_exec(db->handle, migrations[index].sql, NULL, NULL, NULL) != SQLITE_OK)
        err = database_error(db, "migrate the database");
    if (!err) err = set_version(db, index + 1);
    if (!err) err = database_execute(db, "commit", "commit a migration");
    if (!err) return NULL;
    if (!sqlite3_get_autocommit(db->handle)) error_free(database_execute(db, "rollback", "roll a migration back"));
    return error_wrap(err, "migration %s", migrations[index].name);
}

error *database_migrate(database *db) {
    int64_t version = 0;
    error *err = version_of(db, &version);
    if (err) return err;
    if (version > MIGRATIONS)
        return error_new(ERROR_UNSUPPORTED,
            "the database has schema version %lld, this program knows up to %d: it was used by a newer version; "
            "install that one, or restore a backup made before the upgrade",
            (long long)version, (int)MIGRATIONS);
    for (int i = (int)version; !err && i < MIGRATIONS; i++) {
        err = apply(db, i);
        if (!err) log_info("database migrated: %s", migrations[i].name);
    }
    return err;
}
