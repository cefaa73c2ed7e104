/* core/store/purge.c: what was kept long enough goes (store.h, store_purge).
 *
 * A reader walks and looks, in short pages; the writer removes at most PURGE_ROWS in one change and judges each anew,
 * so that a message that was resent meanwhile stays. A message goes only when it ended well or was refused for good, no
 * job holds it, nothing is due for it, and no child of it is left: an operator's unsolved cases are never removed
 * (reliability DB-10). Messages are walked from the newest that is old enough, because children came after their
 * parents.
 */
#include "core/store/purge.h"

#include "core/base/buf.h"
#include "core/base/memory.h"

#include <stdlib.h>

/* The messages may go: completed, rejected, duplicate. */
#define IS_OVER "status in (3, 5, 6)"
_Static_assert(MESSAGE_COMPLETED == 3 && MESSAGE_REJECTED == 5 && MESSAGE_DUPLICATE == 6,
    "the numbers of message_status stand in rows and statements");

/* ---- the writer's part ---- */

static const char MAY_GO[] =
    "select spool, status, filename, reason, id from messages where seq = ?1 and received_at < ?2 and " IS_OVER
    " and not exists (select 1 from jobs where message = messages.id)"
    " and not exists (select 1 from documents where message = messages.seq and answer = 0)";
static const char HAS_CHILD[] = "select 1 from messages where parent = ?1";
static const char DROP_PAYLOAD[] = "delete from payloads where message = ?1";
static const char NOTE_PAYLOAD[] = "update messages set spool = null, payload_removed_at = ?2 where seq = ?1";
static const char NOTE_EVENT[] =
    "insert into events (message, position, at, kind, text) select ?1, coalesce(max(position) + 1, 0), ?2, "
    "'payload removed', 'kept as long as retention.payloads says' from events where message = ?1";
static const char READ_DOCUMENTS[] =
    "select seq, position, control, group_control, interchange_control from documents where message = ?1";
static const char READ_KEYS[] = "select value from document_keys where document = ?1";
static const char *const drops[] = {
    "delete from document_keys where document in (select seq from documents where message = ?1)",
    "delete from conversations where document in (select id from documents where message = ?1)",
    "delete from conversations where answer in (select id from documents where message = ?1)",
    "delete from documents where message = ?1",
    "delete from claims where message = (select id from messages where seq = ?1)",
    "delete from payloads where message = ?1", "delete from artifacts where message = ?1",
    "delete from messages where seq = ?1",
    "delete from events where message = ?1", /* after the message: the trigger protects a living one's */
};

static error *run_on(applier *a, const char *sql, int64_t seq) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, sql, &err);
    if (err) return err;
    bind_integer(statement, 1, seq);
    return database_run(a->db, statement, "remove an old message");
}

static error *note(applier *a, const char *sql, int64_t seq) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, sql, &err);
    if (err) return err;
    bind_integer(statement, 1, seq);
    bind_integer(statement, 2, a->now);
    return database_run(a->db, statement, "note a removed payload");
}

static error *remove_payload(applier *a, int64_t seq) {
    error *err = run_on(a, DROP_PAYLOAD, seq);
    if (!err) err = note(a, NOTE_PAYLOAD, seq);
    return err ? err : note(a, NOTE_EVENT, seq);
}

static void add_word(buf *words, const char *word) {
    if (!word) return;
    if (words->len) buf_add_char(words, ' ');
    buf_add_text(words, word);
}

/* The index forgets the words of a document by being told them again. */
static error *forget_document(applier *a, int64_t seq, sqlite3_stmt *row) {
    buf words = BUF_MAX(64 * 1024);
    error *err = NULL;
    int64_t document = column_integer(row, 0), slot = column_integer(row, 1) + 1;
    for (int i = 2; i <= 4; i++)
        add_word(&words, column_text(row, i));
    sqlite3_stmt *keys = database_statement(a->db, READ_KEYS, &err);
    if (!err) bind_integer(keys, 1, document);
    while (!err && database_next(a->db, keys, "read the keys of a document", &err))
        add_word(&words, column_text(keys, 0));
    if (words.len && slot < SEARCH_SLOTS - 1) apply_queue_words(a, seq, slot, NULL, buf_take(&words, NULL), true);
    buf_free(&words);
    return err;
}

static error *forget_documents(applier *a, int64_t seq) {
    error *err = NULL;
    sqlite3_stmt *rows = database_statement(a->db, READ_DOCUMENTS, &err);
    if (err) return err;
    bind_integer(rows, 1, seq);
    while (database_next(a->db, rows, "read the documents of a message", &err) && !err)
        err = forget_document(a, seq, rows);
    database_reset(rows);
    return err;
}

static error *has_child(applier *a, int64_t seq, bool *child) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, HAS_CHILD, &err);
    if (err) return err;
    bind_integer(statement, 1, seq);
    *child = database_next(a->db, statement, "look for the children of a message", &err);
    database_reset(statement);
    return err;
}

typedef struct candidate {
    char spool[40];
    message_status status;
    char *filename, *reason; /* owned */
    unsigned char id[UUID_SIZE];
} candidate;

static error *judge(applier *a, const purge_batch *batch, int64_t seq, candidate *found, bool *may_go) {
    error *err = NULL;
    bool child = false;
    sqlite3_stmt *statement = database_statement(a->db, MAY_GO, &err);
    *found = (candidate){.filename = NULL};
    if (err) return err;
    bind_integer(statement, 1, seq);
    bind_integer(statement, 2, batch->before);
    *may_go = database_next(a->db, statement, "judge an old message", &err);
    if (*may_go) {
        const char *spool = column_text(statement, 0), *filename = column_text(statement, 2),
                   *reason = column_text(statement, 3);
        if (spool && strlen(spool) < sizeof found->spool) memcpy(found->spool, spool, strlen(spool) + 1);
        found->status = (message_status)column_integer(statement, 1);
        found->filename = filename ? xstrdup(filename) : NULL;
        found->reason = reason ? xstrdup(reason) : NULL;
        memcpy(found->id, sqlite3_column_blob(statement, 4), UUID_SIZE);
    }
    database_reset(statement);
    if (!err && *may_go && batch->whole) err = has_child(a, seq, &child);
    if (child) *may_go = false;
    return err;
}

static error *remove_message(applier *a, int64_t seq, candidate *c) {
    error *err = forget_documents(a, seq);
    for (size_t i = 0; i < sizeof drops / sizeof *drops && !err; i++)
        err = run_on(a, drops[i], seq);
    if (err) return err;
    if (c->filename) apply_queue_words(a, seq, SEARCH_SLOT_MESSAGE, NULL, c->filename, true);
    if (c->reason) apply_queue_words(a, seq, SEARCH_SLOT_REASON, NULL, c->reason, true);
    c->filename = c->reason = NULL;
    a->counts.by_status[c->status]--;
    apply_news(a, "message", c->id, "removed");
    return NULL;
}

error *apply_purge(applier *a, const step *s) {
    purge_batch *batch = a->change->purge;
    error *err = NULL;
    (void)s;
    batch->removed = batch->spool_count = 0; /* the change may run twice */
    for (size_t i = 0; i < batch->count && !err; i++) {
        candidate c;
        bool may_go = false;
        err = judge(a, batch, batch->seqs[i], &c, &may_go);
        if (!err && may_go) {
            err = batch->whole ? remove_message(a, batch->seqs[i], &c) : remove_payload(a, batch->seqs[i]);
            if (c.spool[0]) memcpy(batch->spools[batch->spool_count++], c.spool, sizeof c.spool);
            batch->removed++;
        }
        free(c.filename);
        free(c.reason);
    }
    return err;
}

/* ---- the walk ---- */

/* Each walk gives (seq, received_at) from a place on, ?1; `ascending` ones end where messages are too young. */
static const char INLINE_FROM[] =
    "select p.message, m.received_at from payloads p join messages m on m.seq = p.message where p.message > ?1 "
    "order by p.message limit 64";
static const char SPOOLED_FROM[] = "select seq, received_at from messages indexed by messages_with_file "
                                   "where spool is not null and seq > ?1 order by seq limit 64";
static const char WHOLE_DOWN_FROM[] = "select seq, received_at from messages where seq < ?1 order by seq desc limit 64";
static const char FIRST_FROM[] = "select seq, received_at from messages where seq >= ?1 order by seq limit 1";
static const char LAST[] = "select coalesce(max(seq), 0) from messages";

/* Messages are committed nearly in the order in which they were received. */
enum { DISORDER_MS = 3600 * 1000 };

static error *read_page(store *s, const char *sql, int64_t *place, purge_batch *batch, bool *end) {
    database *db = NULL;
    bool down = sql == WHOLE_DOWN_FROM;
    size_t rows = 0;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    batch->count = 0;
    *end = false;
    sqlite3_stmt *statement = database_statement(db, sql, &err);
    if (!err) bind_integer(statement, 1, *place);
    while (!err && !*end && database_next(db, statement, "look for old messages", &err)) {
        int64_t received_at = column_integer(statement, 1);
        *end = !down && received_at >= batch->before + DISORDER_MS;
        *place = column_integer(statement, 0);
        rows++;
        if (received_at < batch->before) batch->seqs[batch->count++] = *place;
    }
    if (statement) database_reset(statement);
    if (rows < PURGE_ROWS) *end = true;
    store_reader_return(s, db);
    return err;
}

static error *number_at(store *s, const char *sql, int64_t from, int64_t *seq, int64_t *at) {
    database *db = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    sqlite3_stmt *statement = database_statement(db, sql, &err);
    *seq = 0;
    if (!err && at) bind_integer(statement, 1, from);
    if (!err && database_next(db, statement, "look for old messages", &err)) {
        *seq = column_integer(statement, 0);
        if (at) *at = column_integer(statement, 1);
    }
    if (statement) database_reset(statement);
    store_reader_return(s, db);
    return err;
}

/* Where the walk down begins: beyond it all are too young. By halving, since nothing indexes the time. */
static error *first_young(store *s, int64_t before, int64_t *place) {
    int64_t low = 1, high = 0, seq = 0, at = 0;
    error *err = number_at(s, LAST, 0, &high, NULL);
    high++;
    while (!err && low < high) {
        int64_t middle = low + (high - low) / 2;
        err = number_at(s, FIRST_FROM, middle, &seq, &at);
        if (!err && seq && seq < high && at < before + DISORDER_MS)
            low = seq + 1;
        else
            high = middle;
    }
    *place = low;
    return err;
}

static error *remove_batch(store *s, purge_batch *batch) {
    if (batch->count == 0) return NULL;
    store_change *change = store_change_new();
    change_purge(change, batch);
    error *err = store_commit(s, change, NULL);
    for (size_t i = 0; i < batch->spool_count && !err; i++)
        spool_remove(s, batch->spools[i]);
    return err;
}

static error *walk(
    store *s, const char *sql, int64_t place, int64_t before, bool (*go_on)(void *), void *context, uint64_t *removed) {
    purge_batch *batch = xcalloc(1, sizeof *batch);
    error *err = NULL;
    bool end = false;
    batch->before = before;
    batch->whole = sql == WHOLE_DOWN_FROM;
    while (!err && !end && go_on(context)) {
        err = read_page(s, sql, &place, batch, &end);
        if (!err) err = remove_batch(s, batch);
        if (!err) *removed += batch->removed;
        batch->removed = 0;
    }
    free(batch);
    return err;
}

error *store_purge(store *s, const purge_plan *plan, purge_outcome *out) {
    error *err = NULL;
    int64_t place = 0;
    *out = (purge_outcome){.messages = 0};
    if (plan->messages_before > 0) {
        err = first_young(s, plan->messages_before, &place);
        if (!err)
            err = walk(s, WHOLE_DOWN_FROM, place, plan->messages_before, plan->go_on, plan->context, &out->messages);
    }
    if (!err && plan->payloads_before > 0)
        err = walk(s, INLINE_FROM, 0, plan->payloads_before, plan->go_on, plan->context, &out->payloads);
    if (!err && plan->payloads_before > 0)
        err = walk(s, SPOOLED_FROM, 0, plan->payloads_before, plan->go_on, plan->context, &out->payloads);
    return err;
}
