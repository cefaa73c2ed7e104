/* core/store/migrate.c: the numbered migrations, built into the program, and how they are applied (database.h).
 *
 * The database's user_version is the number of the last migration applied. Each runs in one transaction together with
 * its number: a crash leaves it done or not begun.
 */
#include "core/base/embedded.h"
#include "core/base/log.h"
#include "core/store/database.h"

/* In the order of their numbers: the table is sorted by name. */
extern const embedded_file embedded_migrations[];

static int count_migrations(void) {
    int count = 0;
    while (embedded_migrations[count].path)
        count++;
    return count;
}

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
    if (sqlite3_exec(db->handle, embedded_migrations[index].data, NULL, NULL, NULL) != SQLITE_OK)
        err = database_error(db, "migrate the database");
    if (!err) err = set_version(db, index + 1);
    if (!err) err = database_execute(db, "commit", "commit a migration");
    if (!err) return NULL;
    if (!sqlite3_get_autocommit(db->handle)) error_free(database_execute(db, "rollback", "roll a migration back"));
    return error_wrap(err, "migration %s", embedded_migrations[index].path);
}

error *database_migrate(database *db) {
    int64_t version = 0;
    int known = count_migrations();
    error *err = version_of(db, &version);
    if (err) return err;
    if (version > known)
        return error_new(ERROR_UNSUPPORTED,
            "the database has schema version %lld, this program knows up to %d: it was used by a newer version; "
            "install that one, or restore a backup made before the upgrade",
            (long long)version, known);
    for (int i = (int)version; !err && i < known; i++) {
        err = apply(db, i);
        if (!err) log_info("database migrated: %s", embedded_migrations[i].path);
    }
    return err;
}
