/* core/store/find.c: messages, their events and documents, found and shown (store.h, find.h).
 *
 * Each variant of a search is one constant statement; a member of the filter that is not given is a null parameter.
 * Pages are keyset pages: newest first, from the row that the last page ended with.
 */
#include "core/store/find.h"

#include "core/base/clock.h"
#include "core/base/memory.h"

#include <stdlib.h>

/* ---- helpers ------------------------------------------------------------------------------------------------------
 */

int find_limit(int limit) {
    return limit < 1 ? 1 : limit > PAGE_MAX ? PAGE_MAX : limit;
}

error *find_page(json_t *take_items, const char *next, error *err, json_t **out) {
    *out = NULL;
    if (err) {
        json_decref(take_items);
        return err;
    }
    *out = json_object();
    json_object_set_new(*out, "items", take_items);
    if (next && *next) json_put_text(*out, "next", next);
    return NULL;
}

error *find_seq(database *db, const char *sql, const char *what, const char *id, int64_t *seq) {
    unsigned char uuid[UUID_SIZE];
    error *err = NULL;
    if (!uuid_parse(span_of(id), uuid)) return error_new(ERROR_NOT_FOUND, "no %s %s", what, id);
    sqlite3_stmt *statement = database_statement(db, sql, &err);
    if (err) return err;
    bind_uuid(statement, 1, uuid);
    bool found = database_next(db, statement, "find a row", &err);
    if (found) *seq = column_integer(statement, 0);
    database_reset(statement);
    if (!err && !found) err = error_new(ERROR_NOT_FOUND, "no %s %s", what, id);
    return err;
}

static const char MESSAGE_SEQ[] = "select seq from messages where id = ?1";
static const char DOCUMENT_SEQ[] = "select seq from documents where id = ?1";

/* ---- documents ----------------------------------------------------------------------------------------------------
 */

const char *find_answer_name(sqlite3_stmt *row, int answer_at, int due_at) {
    if (column_is_null(row, answer_at)) return NULL;
    switch (column_integer(row, answer_at)) {
    case ACKNOWLEDGEMENT_ACCEPTED: return "accepted";
    case ACKNOWLEDGEMENT_REJECTED: return "rejected";
    default: return column_integer(row, due_at) < clock_wall_ms() ? "overdue" : "due";
    }
}

static const char KEYS_OF[] = "select name, value from document_keys where document = ?1 order by name, value";
static const char ANSWERS_OF[] = "select document from conversations where answer = ?1";
static const char ANSWERED_BY[] = "select answer from conversations where document = ?1";

static error *add_keys(database *db, int64_t document, json_t *item) {
    error *err = NULL;
    json_t *keys = json_object();
    json_object_set_new(item, "keys", keys);
    sqlite3_stmt *row = database_statement(db, KEYS_OF, &err);
    if (err) return err;
    bind_integer(row, 1, document);
    while (database_next(db, row, "read the keys of a document", &err))
        put_column_text(keys, column_text(row, 0), row, 1);
    return err;
}

/* An array of ids from the first column. */
static error *add_ids(database *db, sqlite3_stmt *row, json_t *item, const char *key) {
    error *err = NULL;
    char id[ID_SIZE];
    json_t *ids = json_array();
    json_object_set_new(item, key, ids);
    while (database_next(db, row, "read ids", &err))
        if (column_id(row, 0, id)) json_array_append_new(ids, json_string_nocheck(id));
    return err;
}

static error *add_conversation(database *db, sqlite3_stmt *document, json_t *item, const char *sql, const char *key) {
    error *err = NULL;
    sqlite3_stmt *row = database_statement(db, sql, &err);
    if (err) return err;
    bind_bytes(row, 1, sqlite3_column_blob(document, 1), UUID_SIZE);
    return add_ids(db, row, item, key);
}

error *find_document_json(database *db, sqlite3_stmt *row, json_t **out) {
    static const char *const texts[] = {
        "standard", "type", "version", "control", "group_control", "interchange_control", "sender", "receiver"};
    json_t *item = json_object();
    const char *answer = find_answer_name(row, 12, 13);
    put_column_id(item, "id", row, 1);
    put_column_integer(item, "position", row, 2);
    for (int i = 0; i < 8; i++)
        put_column_text(item, texts[i], row, 3 + i);
    json_object_set_new(item, "acknowledgement", answer ? json_string(answer) : json_null());
    put_column_text(item, "acknowledgement_kind", row, 11);
    put_column_time(item, "due_at", row, 13);
    put_column_id(item, "acknowledged_by", row, 14);
    put_column_time(item, "acknowledged_at", row, 15);
    put_column_text(item, "acknowledgement_text", row, 16);
    error *err = add_keys(db, column_integer(row, 0), item);
    if (!err) err = add_conversation(db, row, item, ANSWERS_OF, "answers");
    if (!err) err = add_conversation(db, row, item, ANSWERED_BY, "answered_by");
    if (err) json_decref(item);
    *out = err ? NULL : item;
    return err;
}

static const char DOCUMENTS_OF[] =
    "select " DOCUMENT_COLUMNS
    " from documents d where d.message = ?1 and d.standard is not 'AS2' order by d.position limit ?2";
static const char COUNT_DOCUMENTS[] = "select count(*) from documents where message = ?1 and standard is not 'AS2'";

static error *count_documents(database *db, int64_t message, json_t *item) {
    error *err = NULL;
    sqlite3_stmt *row = database_statement(db, COUNT_DOCUMENTS, &err);
    if (err) return err;
    bind_integer(row, 1, message);
    if (database_next(db, row, "count documents", &err)) put_column_integer(item, "document_count", row, 0);
    database_reset(row);
    return err;
}

static error *add_documents(database *db, int64_t message, int limit, json_t *item) {
    error *err = count_documents(db, message, item);
    json_t *documents = json_array(), *document = NULL;
    json_object_set_new(item, "documents", documents);
    sqlite3_stmt *row = err ? NULL : database_statement(db, DOCUMENTS_OF, &err);
    if (err) return err;
    bind_integer(row, 1, message);
    bind_integer(row, 2, limit);
    while (!err && database_next(db, row, "read documents", &err)) {
        err = find_document_json(db, row, &document);
        if (!err) json_array_append_new(documents, document);
    }
    database_reset(row);
    return err;
}

/* ---- messages -----------------------------------------------------------------------------------------------------
 */

#define MESSAGE_COLUMNS                                                                                                \
    "m.seq, m.id, m.outgoing, m.connection, m.partner, m.flow, m.status, m.reason, m.received_at, m.size, m.sha256, "  \
    "m.content_type, m.filename, (select p.id from messages p where p.seq = m.parent), m.updated_at, m.endpoint, "     \
    "m.script, m.principal, m.headers"

static const char CHILDREN_OF[] =
    "select id from messages where parent = ?1 and parent is not null order by seq limit 1000";

static error *add_children(database *db, int64_t message, json_t *item) {
    error *err = NULL;
    sqlite3_stmt *row = database_statement(db, CHILDREN_OF, &err);
    if (err) return err;
    bind_integer(row, 1, message);
    return add_ids(db, row, item, "children");
}

static const char RECEIPT_OF[] = "select control, answer, due_at, answer_text, answered_at, id from documents "
                                 "where message = ?1 and standard = 'AS2'";

static error *add_receipt(database *db, int64_t message, json_t *item) {
    error *err = NULL;
    sqlite3_stmt *row = database_statement(db, RECEIPT_OF, &err);
    if (err) return err;
    bind_integer(row, 1, message);
    if (database_next(db, row, "read the receipt of a message", &err)) {
        json_t *receipt = json_object();
        const char *status = find_answer_name(row, 1, 2);
        put_column_text(receipt, "message_id", row, 0);
        json_put_text(receipt, "status", status ? status : "none");
        put_column_time(receipt, "due_at", row, 2);
        put_column_text(receipt, "text", row, 3);
        put_column_time(receipt, "answered_at", row, 4);
        put_column_id(receipt, "document", row, 5);
        json_object_set_new(item, "receipt", receipt);
    }
    database_reset(row);
    return err;
}

static void put_digest(json_t *item, sqlite3_stmt *row, int at) {
    char hex[DIGEST_HEX_SIZE];
    bool present = sqlite3_column_bytes(row, at) == DIGEST_SIZE;
    json_object_set_new(
        item, "sha256", present ? json_string(digest_hex(sqlite3_column_blob(row, at), hex)) : json_null());
}

static error *message_json(database *db, sqlite3_stmt *row, int documents, json_t **out) {
    json_t *item = json_object();
    int64_t seq = column_integer(row, 0);
    put_column_id(item, "id", row, 1);
    json_put_text(item, "direction", column_integer(row, 2) ? "out" : "in");
    put_column_text(item, "connection", row, 3);
    put_column_text(item, "partner", row, 4);
    put_column_text(item, "flow", row, 5);
    json_put_text(item, "status", message_status_name((message_status)column_integer(row, 6)));
    put_column_text(item, "reason", row, 7);
    put_column_time(item, "received_at", row, 8);
    put_column_time(item, "updated_at", row, 14);
    put_column_integer(item, "size", row, 9);
    put_digest(item, row, 10);
    put_column_text(item, "content_type", row, 11);
    put_column_text(item, "filename", row, 12);
    put_column_text(item, "endpoint", row, 15);
    put_column_text(item, "script", row, 16);
    put_column_text(item, "principal", row, 17);
    put_column_json(item, "headers", row, 18);
    put_column_id(item, "parent", row, 13);
    error *err = add_children(db, seq, item);
    if (!err) err = add_receipt(db, seq, item);
    if (!err) err = add_documents(db, seq, documents, item);
    if (err) json_decref(item);
    *out = err ? NULL : item;
    return err;
}

static const char READ_MESSAGE[] = "select " MESSAGE_COLUMNS " from messages m where m.seq = ?1";

error *store_message_json(store *s, const char *id, json_t **out) {
    database *db = NULL;
    int64_t seq = 0;
    *out = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    err = find_seq(db, MESSAGE_SEQ, "message", id, &seq);
    sqlite3_stmt *row = err ? NULL : database_statement(db, READ_MESSAGE, &err);
    if (!err) {
        bind_integer(row, 1, seq);
        if (database_next(db, row, "read a message", &err)) err = message_json(db, row, DOCUMENTS_SHOWN, out);
        database_reset(row);
    }
    store_reader_return(s, db);
    return err;
}

static const char EVENTS_OF[] = "select at, kind, text, detail from events where message = ?1 order by position";

error *store_message_events(store *s, const char *id, json_t **out) {
    database *db = NULL;
    int64_t seq = 0;
    json_t *events = json_array();
    *out = NULL;
    error *err = store_reader_take(s, &db);
    if (err) {
        json_decref(events);
        return err;
    }
    err = find_seq(db, MESSAGE_SEQ, "message", id, &seq);
    sqlite3_stmt *row = err ? NULL : database_statement(db, EVENTS_OF, &err);
    if (!err) bind_integer(row, 1, seq);
    while (!err && database_next(db, row, "read events", &err)) {
        json_t *event = json_object();
        put_column_time(event, "at", row, 0);
        put_column_text(event, "kind", row, 1);
        put_column_text(event, "text", row, 2);
        put_column_json(event, "detail", row, 3);
        json_array_append_new(events, event);
    }
    store_reader_return(s, db);
    if (err)
        json_decref(events);
    else
        *out = json_pack("{s:o}", "events", events);
    return err;
}

/* ---- searches -----------------------------------------------------------------------------------------------------
 */

/* ?1 the row that the last page ended with, ?2..?11 the filter, ?12..?19 words, ?20 an id that was given as words. */
#define MESSAGE_FILTERS                                                                                                \
    " and (?2 is null or m.status = ?2) and (?3 is null or m.outgoing = ?3)"                                           \
    " and (?4 is null or m.connection = ?4) and (?5 is null or m.partner = ?5) and (?6 is null or m.flow = ?6)"        \
    " and (?9 is null or m.parent = ?9) and (?10 is null or m.received_at >= ?10)"                                     \
    " and (?11 is null or m.received_at < ?11)"
#define TYPE_FILTER                                                                                                    \
    " and ((?7 is null and ?8 is null) or exists (select 1 from documents d where d.message = m.seq"                   \
    " and (?7 is null or d.type = ?7) and (?8 is null or d.standard = ?8)))"
/* Each further word is looked up once, as a set: a beginning of words costs FTS5 all its matches at every question. */
#define WORD(parameter)                                                                                                \
    " and (" parameter " is null or m.seq in (select rowid >> 20 from search where search match " parameter "))"
#define OTHER_WORDS                                                                                                    \
    WORD("?13")                                                                                                        \
    WORD("?14") WORD("?15") WORD("?16") WORD("?17") WORD("?18") WORD("?19")

static const char WALK_MESSAGES[] =
    "select " MESSAGE_COLUMNS " from messages m where m.seq < ?1" MESSAGE_FILTERS TYPE_FILTER " order by m.seq desc";
/* The same along the index of what people look for; its condition stands here as it stands in the schema. */
static const char WALK_STATUS[] =
    "select " MESSAGE_COLUMNS " from messages m where m.status = ?2 and m.status in (2, 4, 5, 6, 7)"
    " and m.seq < ?1" MESSAGE_FILTERS TYPE_FILTER " order by m.seq desc";
/* Along what most rows differ in. */
#define WALK_ALONG(column, parameter)                                                                                  \
    "select " MESSAGE_COLUMNS " from messages m where m." column " = " parameter " and m." column                      \
    " is not null and m.seq < ?1" MESSAGE_FILTERS TYPE_FILTER " order by m.seq desc"
static const char WALK_CONNECTION[] = WALK_ALONG("connection", "?4");
static const char WALK_PARTNER[] = WALK_ALONG("partner", "?5");
static const char WALK_FLOW[] = WALK_ALONG("flow", "?6");
static const char WALK_TYPE[] =
    "select " MESSAGE_COLUMNS " from documents t join messages m on m.seq = t.message"
    " where t.type = ?7 and t.type is not null and t.message < ?1" MESSAGE_FILTERS TYPE_FILTER
    " order by t.message desc";
/* Of a time, in the order of it: from ?21 until ?22, before the row ?1, which was received at ?23. */
static const char WALK_TIME[] =
    "select " MESSAGE_COLUMNS " from messages m where m.received_at >= ?21 and m.received_at < ?22"
    " and (m.received_at, m.seq) < (?23, ?1)" MESSAGE_FILTERS TYPE_FILTER " order by m.received_at desc, m.seq desc";
static const char WALK_CHILDREN[] =
    "select " MESSAGE_COLUMNS " from messages m where m.parent = ?9"
    " and m.parent is not null and m.seq < ?1" MESSAGE_FILTERS TYPE_FILTER " order by m.seq desc";
static const char WALK_WORDS[] =
    "select " MESSAGE_COLUMNS " from search join messages m on m.seq = search.rowid >> 20"
    " where search match ?12 and search.rowid < ?1 << 20" MESSAGE_FILTERS TYPE_FILTER OTHER_WORDS
    " order by search.rowid desc";
static const char WALK_ID[] =
    "select " MESSAGE_COLUMNS " from messages m where m.seq in (select seq from messages where id = ?20"
    " union all select message from documents where id = ?20) and m.seq < ?1" MESSAGE_FILTERS TYPE_FILTER
    " order by m.seq desc";

static void bind_number_or_null(sqlite3_stmt *statement, int at, bool given, int64_t number) {
    if (given)
        bind_integer(statement, at, number);
    else
        sqlite3_bind_null(statement, at);
}

error *find_bind_filter(database *db, sqlite3_stmt *statement, const message_filter *filter) {
    message_status status = MESSAGE_RECEIVED;
    int64_t parent = 0;
    if (filter->status && !message_status_named(span_of(filter->status), &status))
        return error_new(ERROR_INVALID, "\"%s\" is not the status of a message", filter->status);
    bool outgoing = filter->direction && strcmp(filter->direction, "out") == 0;
    if (filter->direction && !outgoing && strcmp(filter->direction, "in") != 0)
        return error_new(ERROR_INVALID, "a direction is in or out, not \"%s\"", filter->direction);
    error *err = filter->parent ? find_seq(db, MESSAGE_SEQ, "message", filter->parent, &parent) : NULL;
    if (err) return err;
    bind_number_or_null(statement, 2, filter->status, status);
    bind_number_or_null(statement, 3, filter->direction, outgoing);
    bind_text(statement, 4, filter->connection);
    bind_text(statement, 5, filter->partner);
    bind_text(statement, 6, filter->flow);
    bind_text(statement, 7, filter->type);
    bind_text(statement, 8, filter->standard);
    bind_number_or_null(statement, 9, filter->parent, parent);
    bind_number_or_null(statement, 10, filter->since > 0, filter->since);
    bind_number_or_null(statement, 11, filter->until > 0, filter->until);
    return NULL;
}

/* ---- a page of messages ---- */

static const char TALLY_OF[] = "select count from tallies where bucket = 0 and which = ?1";

/* How many messages there are of a status that is asked for alone, so that the walk ends with the last of them;
 * INT64_MAX otherwise. */
static error *most_of_status(database *db, const message_filter *filter, int64_t *most) {
    message_status status = MESSAGE_RECEIVED;
    error *err = NULL;
    *most = INT64_MAX;
    const bool alone = !filter->direction && !filter->connection && !filter->partner && !filter->flow &&
                       !filter->type && !filter->standard && !filter->parent && !filter->text && !filter->since &&
                       !filter->until && !filter->after;
    if (!alone || !filter->status || !message_status_named(span_of(filter->status), &status)) return NULL;
    sqlite3_stmt *row = database_statement(db, TALLY_OF, &err);
    if (err) return err;
    bind_integer(row, 1, status);
    *most = database_next(db, row, "count a status", &err) ? column_integer(row, 0) : 0;
    database_reset(row);
    return err;
}

static const char *variant_of(const message_filter *filter, const find_words *words) {
    message_status status = MESSAGE_RECEIVED;
    if (filter->text && id_is_valid(span_trim(span_of(filter->text)))) return WALK_ID;
    if (words->count) return WALK_WORDS;
    if (filter->parent) return WALK_CHILDREN;
    if (filter->status && message_status_named(span_of(filter->status), &status) && status != MESSAGE_RECEIVED &&
        status != MESSAGE_PROCESSING && status != MESSAGE_COMPLETED)
        return WALK_STATUS;
    if (filter->until) return WALK_TIME; /* else what it wants is among the newest, or there is none of it */
    if (filter->flow) return WALK_FLOW;
    if (filter->partner) return WALK_PARTNER;
    if (filter->connection) return WALK_CONNECTION;
    if (filter->type) return WALK_TYPE;
    return filter->since ? WALK_TIME : WALK_MESSAGES;
}

static const char RECEIVED_AT[] = "select received_at from messages where seq = ?1";

/* What WALK_TIME knows besides. */
static error *bind_times(database *db, sqlite3_stmt *statement, const message_filter *filter, int64_t before) {
    error *err = NULL;
    int64_t at = INT64_MAX;
    sqlite3_stmt *row = filter->after ? database_statement(db, RECEIVED_AT, &err) : NULL;
    if (err) return err;
    if (row) {
        bind_integer(row, 1, before);
        if (database_next(db, row, "find a time", &err)) at = column_integer(row, 0);
        database_reset(row);
    }
    bind_integer(statement, 21, filter->since);
    bind_integer(statement, 22, filter->until > 0 ? filter->until : INT64_MAX);
    bind_integer(statement, 23, at);
    return err;
}

static bool bind_words(sqlite3_stmt *statement, const message_filter *filter, const find_words *words) {
    unsigned char uuid[UUID_SIZE];
    for (int i = 0; i < FIND_WORDS; i++)
        bind_text(statement, 12 + i, words->expression[i]);
    sqlite3_bind_null(statement, 20);
    if (!filter->text || !*filter->text) return true;
    if (!uuid_parse(span_trim(span_of(filter->text)), uuid)) return words->count > 0;
    bind_uuid(statement, 20, uuid);
    return true;
}

/* Rows of one message follow each other when several of its texts match. There are `most` of them. */
static error *collect_messages(
    database *db, sqlite3_stmt *row, int limit, int64_t most, json_t *items, char next[ID_SIZE]) {
    error *err = NULL;
    json_t *item = NULL;
    int64_t last = 0;
    char last_id[ID_SIZE] = "";
    while (!err && (int64_t)json_array_size(items) < most && database_next(db, row, "find messages", &err)) {
        if (column_integer(row, 0) == last) continue;
        if ((int)json_array_size(items) == limit) {
            memcpy(next, last_id, ID_SIZE);
            break;
        }
        last = column_integer(row, 0);
        column_id(row, 1, last_id);
        err = message_json(db, row, DOCUMENTS_LISTED, &item);
        if (!err) json_array_append_new(items, item);
    }
    return err;
}

error *store_find_messages(store *s, const message_filter *filter, json_t **out) {
    database *db = NULL;
    int64_t before = INT64_MAX >> 21; /* times 2^20 it is still a row of the search index */
    char next[ID_SIZE] = "";
    json_t *items = json_array();
    find_words words = find_words_of(filter->text ? filter->text : "");
    error *err = store_reader_take(s, &db);
    if (!err) {
        bool rare = false;
        int64_t most = INT64_MAX;
        if (filter->after) err = find_seq(db, MESSAGE_SEQ, "message", filter->after, &before);
        if (!err) err = most_of_status(db, filter, &most);
        if (!err) err = find_words_sort(db, &words, &rare);
        const char *variant = variant_of(filter, &words);
        sqlite3_stmt *row = err ? NULL : database_statement(db, variant, &err);
        if (!err) err = find_bind_filter(db, row, filter);
        if (!err && variant == WALK_TIME) err = bind_times(db, row, filter, before);
        if (!err) {
            bind_integer(row, 1, before);
            if (bind_words(row, filter, &words))
                err = collect_messages(db, row, find_limit(filter->limit), most, items, next);
            database_reset(row);
        }
        store_reader_return(s, db);
    }
    find_words_free(&words);
    return find_page(items, next, err, out);
}

/* The receipt that an AS2 message waits for is kept like a document, and is none. */
#define DOCUMENT_FILTERS                                                                                               \
    " and (?7 is null or d.type = ?7) and (?8 is null or d.standard = ?8) and (?8 = 'AS2' or d.standard is not 'AS2')"
#define DOCUMENT_WORDS WORD("?12") OTHER_WORDS " and (?20 is null or d.id = ?20 or m.id = ?20)"

static const char WALK_DOCUMENTS[] =
    "select " DOCUMENT_COLUMNS ", m.id, m.outgoing, m.partner, m.connection, m.received_at, m.status"
    " from documents d join messages m on m.seq = d.message where d.seq < ?1" MESSAGE_FILTERS DOCUMENT_FILTERS
        DOCUMENT_WORDS " order by d.seq desc limit ?21";
/* When the first word is rare: from the messages that have it. */
static const char WALK_DOCUMENT_WORDS[] =
    "select " DOCUMENT_COLUMNS ", m.id, m.outgoing, m.partner, m.connection, m.received_at, m.status"
    " from documents d indexed by documents_message join messages m on m.seq = d.message"
    " where d.message in (select rowid >> 20 from search where search match ?12) and d.seq < ?1" MESSAGE_FILTERS
        DOCUMENT_FILTERS OTHER_WORDS " and ?20 is null order by d.seq desc limit ?21";

static error *listed_document(database *db, sqlite3_stmt *row, json_t **out) {
    error *err = find_document_json(db, row, out);
    if (err) return err;
    put_column_id(*out, "message", row, DOCUMENT_COLUMNS_END);
    json_put_text(*out, "direction", column_integer(row, DOCUMENT_COLUMNS_END + 1) ? "out" : "in");
    put_column_text(*out, "partner", row, DOCUMENT_COLUMNS_END + 2);
    put_column_text(*out, "connection", row, DOCUMENT_COLUMNS_END + 3);
    put_column_time(*out, "received_at", row, DOCUMENT_COLUMNS_END + 4);
    json_put_text(*out, "status", message_status_name((message_status)column_integer(row, DOCUMENT_COLUMNS_END + 5)));
    return NULL;
}

static error *collect_documents(database *db, sqlite3_stmt *row, int limit, json_t *items, char next[ID_SIZE]) {
    error *err = NULL;
    json_t *item = NULL;
    char last_id[ID_SIZE] = "";
    while (!err && database_next(db, row, "find documents", &err)) {
        if ((int)json_array_size(items) == limit) {
            memcpy(next, last_id, ID_SIZE);
            break;
        }
        column_id(row, 1, last_id);
        err = listed_document(db, row, &item);
        if (!err) json_array_append_new(items, item);
    }
    return err;
}

error *store_find_documents(store *s, const message_filter *filter, json_t **out) {
    database *db = NULL;
    int64_t before = INT64_MAX;
    char next[ID_SIZE] = "";
    json_t *items = json_array();
    find_words words = find_words_of(filter->text ? filter->text : "");
    bool by_id = filter->text && id_is_valid(span_trim(span_of(filter->text)));
    if (by_id) {
        find_words_free(&words);
        words = (find_words){.count = 0};
    }
    error *err = store_reader_take(s, &db);
    if (!err) {
        int limit = find_limit(filter->limit);
        if (filter->after) err = find_seq(db, DOCUMENT_SEQ, "document", filter->after, &before);
        bool rare = false;
        if (!err) err = find_words_sort(db, &words, &rare);
        sqlite3_stmt *row = err ? NULL : database_statement(db, rare ? WALK_DOCUMENT_WORDS : WALK_DOCUMENTS, &err);
        if (!err) err = find_bind_filter(db, row, filter);
        if (!err) {
            bind_integer(row, 1, before);
            bind_integer(row, 21, (int64_t)limit + 1);
            if (bind_words(row, filter, &words)) err = collect_documents(db, row, limit, items, next);
            database_reset(row);
        }
        store_reader_return(s, db);
    }
    find_words_free(&words);
    return find_page(items, next, err, out);
}
