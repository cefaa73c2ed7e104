/* core/store/apply_document.c: the steps about documents, their keys and what answers them (apply.h). */
#include "core/base/buf.h"
#include "core/store/apply.h"

enum { WORDS_MAX = 64 * 1024 };

static const char ADD_DOCUMENT[] =
    "insert into documents (id, message, position, standard, type, version, control, group_control, "
    "interchange_control, sender, receiver, asked, answer, due_at) "
    "values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

static void add_word(buf *words, const char *word) {
    if (!word) return;
    if (words->len) buf_add_char(words, ' ');
    buf_add_text(words, word);
}

/* Control numbers and the values of the keys, which are the steps that follow. */
static void index_document(applier *a, const step *s, int64_t message) {
    buf words = BUF_MAX(WORDS_MAX); /* what is beyond is not found by words */
    for (size_t i = 6; i <= 8; i++)
        add_word(&words, value_text(a->change, s, i));
    for (const step *key = change_next_step(a->change, s); key && key->kind == STEP_ADD_KEY;
         key = change_next_step(a->change, key))
        add_word(&words, value_text(a->change, key, 1));
    int64_t slot = value_integer(s, 2) + 1;
    if (words.len && slot < SEARCH_SLOTS - 1) apply_queue_words(a, message, slot, NULL, buf_take(&words, NULL), false);
    buf_free(&words);
}

error *apply_add_document(applier *a, const step *s) {
    int64_t message = 0;
    error *err = apply_find_message(a, value_uuid(a->change, s, 1), &message);
    sqlite3_stmt *statement = err ? NULL : database_statement(a->db, ADD_DOCUMENT, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 1);
    bind_integer(statement, 2, message);
    value_bind(statement, 3, a->change, s, 2, 12);
    err = database_run(a->db, statement, "add a document");
    if (err) return err;
    a->last_document = sqlite3_last_insert_rowid(a->db->handle);
    index_document(a, s, message);
    if (!value_is_none(s, 11)) apply_news(a, "acknowledgement", value_uuid(a->change, s, 0), "due");
    return NULL;
}

static const char ADD_KEY[] =
    "insert into document_keys (name, value, document) values (?1, ?2, ?3) on conflict do nothing";

error *apply_add_key(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, ADD_KEY, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 2);
    bind_integer(statement, 3, a->last_document);
    return database_run(a->db, statement, "add a key of a document");
}

static const char READ_ASKED[] = "select seq, message, answer from documents where id = ?1";
static const char ACKNOWLEDGE[] = "update documents set answer = ?2, answered_by = ?3, answer_text = ?4, "
                                  "answered_at = ?5 where seq = ?1";

static error *no_document(const unsigned char *uuid) {
    char id[ID_SIZE];
    return error_new(ERROR_NOT_FOUND, "no document %s", id_format(uuid, id));
}

static error *find_asked(applier *a, const unsigned char *uuid, int64_t *seq, int64_t *message) {
    error *err = NULL;
    char id[ID_SIZE];
    sqlite3_stmt *statement = database_statement(a->db, READ_ASKED, &err);
    if (err) return err;
    bind_bytes(statement, 1, uuid, UUID_SIZE);
    if (!database_next(a->db, statement, "find a document", &err)) return err ? err : no_document(uuid);
    *seq = column_integer(statement, 0);
    *message = column_integer(statement, 1);
    if (column_is_null(statement, 2))
        err = error_new(ERROR_CONFLICT, "document %s asked for no acknowledgement", id_format(uuid, id));
    else if (column_integer(statement, 2) != 0)
        err = error_new(ERROR_CONFLICT, "document %s was acknowledged before", id_format(uuid, id));
    database_reset(statement);
    return err;
}

static const char IS_WAITING[] = "select 1 from messages where seq = ?1 and status = 2";

/* MESSAGE_WAITING is 2 in the text above. */
_Static_assert(MESSAGE_WAITING == 2, "the numbers of message_status stand in rows and statements");

static error *settle_if_waiting(applier *a, int64_t message) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, IS_WAITING, &err);
    if (err) return err;
    bind_integer(statement, 1, message);
    bool waiting = database_next(a->db, statement, "read a message's status", &err);
    database_reset(statement);
    return !err && waiting ? apply_settle(a, message) : err;
}

error *apply_acknowledge(applier *a, const step *s) {
    int64_t seq = 0, message = 0;
    error *err = find_asked(a, value_uuid(a->change, s, 0), &seq, &message);
    sqlite3_stmt *statement = err ? NULL : database_statement(a->db, ACKNOWLEDGE, &err);
    if (err) return err;
    bind_integer(statement, 1, seq);
    value_bind(statement, 2, a->change, s, 1, 3);
    bind_integer(statement, 5, a->now);
    err = database_run(a->db, statement, "acknowledge a document");
    if (err) return err;
    apply_news(a, "acknowledgement", value_uuid(a->change, s, 0),
        value_integer(s, 1) == ACKNOWLEDGEMENT_ACCEPTED ? "accepted" : "rejected");
    return settle_if_waiting(a, message);
}

static const char LINK_ANSWER[] = "insert into conversations (document, answer) "
                                  "select ?1, ?2 where (select count(*) from documents where id in (?1, ?2)) = 2 "
                                  "on conflict do update set answer = excluded.answer";

error *apply_link_answer(applier *a, const step *s) {
    error *err = NULL;
    char id[ID_SIZE], answer[ID_SIZE];
    sqlite3_stmt *statement = database_statement(a->db, LINK_ANSWER, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 2);
    err = database_run(a->db, statement, "link an answer");
    if (err || sqlite3_changes(a->db->handle) > 0) return err;
    return error_new(ERROR_NOT_FOUND, "no document %s or %s", id_format(value_uuid(a->change, s, 0), id),
        id_format(value_uuid(a->change, s, 1), answer));
}

static const char SET_DUE[] = "update documents set due_at = ?2 where id = ?1 and answer = 0";

error *apply_set_due(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, SET_DUE, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 2);
    return database_run(a->db, statement, "set when an acknowledgement is due");
}
