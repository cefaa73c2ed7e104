/* core/store/attention.c: what went wrong lately, and when something last came in: for alerts. Both walk a bounded
 * number of the newest rows. */
#include "core/store/find.h"

enum { WALKED_MAX = 20000 };

/* The second condition is the one that the index messages_status is for. */
#define NEWEST(status)                                                                                                 \
    "select * from (select * from messages where status = " status                                                     \
    " and status in (2, 4, 5, 6, 7) order by seq desc limit ?1)"
static const char TROUBLES[] =
    "select status, coalesce(flow, ''), coalesce(endpoint, ''), coalesce(connection, ''), count(*), min(updated_at), "
    "max(updated_at), case when min(partner) = max(partner) then min(partner) end "
    "from (" NEWEST("4") " union all " NEWEST("5") " union all " NEWEST(
        "7") ") "
             "where updated_at >= ?2 group by 1, 2, 3, 4 order by 6";

static json_t *trouble_json(sqlite3_stmt *row) {
    json_t *one = json_pack("{s:s, s:I, s:I, s:I}", "status",
        message_status_name((message_status)column_integer(row, 0)), "count", (json_int_t)column_integer(row, 4),
        "first_ms", (json_int_t)column_integer(row, 5), "last_ms", (json_int_t)column_integer(row, 6));
    static const char *const names[] = {"flow", "endpoint", "connection"};
    for (int i = 0; i < 3; i++) {
        if (*column_text(row, i + 1)) put_column_text(one, names[i], row, i + 1);
    }
    put_column_text(one, "partner", row, 7);
    return one;
}

error *store_troubles(store *s, int64_t since, json_t **out) {
    database *db = NULL;
    *out = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    json_t *items = json_array();
    sqlite3_stmt *row = database_statement(db, TROUBLES, &err);
    if (row) {
        bind_integer(row, 1, WALKED_MAX);
        bind_integer(row, 2, since);
        while (database_next(db, row, "look for trouble", &err))
            json_array_append_new(items, trouble_json(row));
    }
    store_reader_return(s, db);
    if (err)
        json_decref(items);
    else
        *out = items;
    return err;
}

static const char LAST_ARRIVAL[] =
    "select max(case when outgoing = 0 then received_at end), min(received_at), count(*) from ("
    "select outgoing, received_at from messages where connection = ?1 order by seq desc limit ?2)";

error *store_last_arrival(store *s, const char *connection, int64_t *at) {
    database *db = NULL;
    *at = 0;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    sqlite3_stmt *row = database_statement(db, LAST_ARRIVAL, &err);
    if (row) {
        bind_text(row, 1, connection);
        bind_integer(row, 2, WALKED_MAX);
        if (database_next(db, row, "look for the last arrival", &err)) {
            *at = column_integer(row, 0);
            bool walked_all = column_integer(row, 2) < WALKED_MAX;
            if (*at == 0 && !walked_all) *at = column_integer(row, 1);
        }
        database_reset(row);
    }
    store_reader_return(s, db);
    return err;
}
