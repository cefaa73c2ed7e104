/* core/store/answer.c: answers that are kept for whoever asks the same again (store.h). Each that is kept takes a few
 * away whose time is over, so that the table is never larger than what is in force. */
#include "core/store/apply.h"

#include "core/base/memory.h"

#include <stdio.h>

enum { BODY_BYTES_MAX = 64 * 1024 * 1024 };

static const char DROP_OLD[] =
    "delete from answers where seq in (select seq from answers where until < ?1 order by until limit 8)";
static const char KEEP[] = "insert into answers (scope, key, asked, until, head, body) values (?1, ?2, ?3, ?4, ?5, ?6) "
                           "on conflict (scope, key) do update set asked = excluded.asked, until = excluded.until, "
                           "head = excluded.head, body = excluded.body";
static const char READ[] = "select asked, until, head, body from answers where scope = ?1 and key = ?2 and until >= ?3";

error *apply_keep_answer(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, DROP_OLD, &err);
    if (err) return err;
    bind_integer(statement, 1, a->now);
    err = database_run(a->db, statement, "drop answers whose time is over");
    if (!err) statement = database_statement(a->db, KEEP, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 6);
    return database_run(a->db, statement, "keep an answer");
}

static error *read_answer(sqlite3_stmt *row, store_answer *answer) {
    const char *asked = column_text(row, 0), *head = column_text(row, 2);
    *answer = (store_answer){.until = column_integer(row, 1), .body = BUF_MAX(BODY_BYTES_MAX)};
    snprintf(answer->asked, sizeof answer->asked, "%s", asked ? asked : "");
    buf_add(&answer->body, span_make(sqlite3_column_blob(row, 3), (size_t)sqlite3_column_bytes(row, 3)));
    return json_parse(span_of(head ? head : ""), &answer->head);
}

error *store_kept_answer(store *s, const char *scope, const char *key, store_answer *answer) {
    database *db = NULL;
    bool found = false;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    sqlite3_stmt *row = database_statement(db, READ, &err);
    if (!err) {
        bind_text(row, 1, scope);
        bind_text(row, 2, key);
        bind_integer(row, 3, clock_wall_ms());
        found = database_next(db, row, "read a kept answer", &err);
        if (found) err = read_answer(row, answer);
        database_reset(row);
    }
    store_reader_return(s, db);
    if (err && found) store_answer_clear(answer);
    if (!err && !found) err = error_new(ERROR_NOT_FOUND, "no answer is kept for %s", key);
    return err;
}

void store_answer_clear(store_answer *answer) {
    json_decref(answer->head);
    answer->head = NULL;
    buf_free(&answer->body);
}
