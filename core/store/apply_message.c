/* core/store/apply_message.c: the steps about messages, their documents, events and dedupe keys (apply.h). */
#include "core/base/memory.h"
#include "core/store/apply.h"

#include <stdlib.h>

static const char FIND_MESSAGE[] = "select seq from messages where id = ?1";

static error *no_message(const unsigned char *uuid) {
    char id[ID_SIZE];
    return error_new(ERROR_NOT_FOUND, "no message %s", id_format(uuid, id));
}

/* The row of a message. A change speaks of the same one again and again. */
error *apply_find_message(applier *a, const unsigned char *uuid, int64_t *seq) {
    error *err = NULL;
    if (a->known_seq && memcmp(a->known_id, uuid, UUID_SIZE) == 0) {
        *seq = a->known_seq;
        return NULL;
    }
    sqlite3_stmt *statement = database_statement(a->db, FIND_MESSAGE, &err);
    if (err) return err;
    bind_bytes(statement, 1, uuid, UUID_SIZE);
    if (!database_next(a->db, statement, "find a message", &err)) return err ? err : no_message(uuid);
    *seq = a->known_seq = column_integer(statement, 0);
    memcpy(a->known_id, uuid, UUID_SIZE);
    a->known_events = -1;
    database_reset(statement);
    return NULL;
}

/* ---- status -------------------------------------------------------------------------------------------------------
 */

static const char SET_STATUS[] = "update messages set status = ?2, reason = ?3, updated_at = ?4 where seq = ?1";
static const char READ_STATUS[] = "select status, reason, id from messages where seq = ?1";

typedef struct message_state {
    message_status status;
    char *reason; /* owned */
    unsigned char id[UUID_SIZE];
} message_state;

static error *read_state(applier *a, int64_t seq, message_state *state) {
    error *err = NULL;
    *state = (message_state){.reason = NULL};
    sqlite3_stmt *statement = database_statement(a->db, READ_STATUS, &err);
    if (err) return err;
    bind_integer(statement, 1, seq);
    if (database_next(a->db, statement, "read a message's status", &err)) {
        const char *reason = column_text(statement, 1);
        state->status = (message_status)column_integer(statement, 0);
        state->reason = reason ? xstrdup(reason) : NULL;
        memcpy(state->id, sqlite3_column_blob(statement, 2), UUID_SIZE);
    }
    database_reset(statement);
    return err;
}

static void count_status(applier *a, message_status status, int by) {
    a->counts.by_status[status] += by;
    if (status == MESSAGE_FAILED && by > 0) a->counts.failed++;
}

static error *change_status(applier *a, int64_t seq, message_status status, const char *reason) {
    message_state before;
    error *err = read_state(a, seq, &before);
    sqlite3_stmt *statement = err ? NULL : database_statement(a->db, SET_STATUS, &err);
    if (!err) {
        bind_integer(statement, 1, seq);
        bind_integer(statement, 2, status);
        bind_text(statement, 3, reason);
        bind_integer(statement, 4, a->now);
        err = database_run(a->db, statement, "set a message's status");
    }
    if (err) {
        free(before.reason);
        return err;
    }
    if (before.reason) apply_queue_words(a, seq, SEARCH_SLOT_REASON, NULL, before.reason, true);
    if (reason) apply_queue_words(a, seq, SEARCH_SLOT_REASON, NULL, xstrdup(reason), false);
    if (before.status != status) {
        count_status(a, before.status, -1);
        count_status(a, status, 1);
    }
    apply_news(a, "message", before.id, message_status_name(status));
    return NULL;
}

static const char READ_ANSWERS[] = "select count(*), coalesce(sum(answer = 0), 0), coalesce(sum(answer = 2), 0), "
                                   "max(case when answer = 2 then answer_text end) "
                                   "from documents where message = ?1 and asked is not null";

/* A waiting message whose documents are all answered has its outcome. */
error *apply_settle(applier *a, int64_t seq) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, READ_ANSWERS, &err);
    if (err) return err;
    bind_integer(statement, 1, seq);
    if (!database_next(a->db, statement, "count the answers of a message", &err)) return err;
    bool answered = column_integer(statement, 0) > 0 && column_integer(statement, 1) == 0;
    bool refused = column_integer(statement, 2) > 0;
    const char *text = column_text(statement, 3);
    char *reason = refused ? xstrdup(text ? text : "rejected by its acknowledgement") : NULL;
    database_reset(statement);
    if (answered) err = change_status(a, seq, refused ? MESSAGE_REJECTED : MESSAGE_COMPLETED, reason);
    free(reason);
    return err;
}

error *apply_set_status(applier *a, const step *s) {
    int64_t seq = 0;
    message_status status = (message_status)value_integer(s, 1);
    error *err = apply_find_message(a, value_uuid(a->change, s, 0), &seq);
    if (!err) err = change_status(a, seq, status, value_text(a->change, s, 2));
    if (!err && status == MESSAGE_WAITING) err = apply_settle(a, seq);
    return err;
}

error *apply_set_delivered(applier *a, const step *s) {
    int64_t seq = 0, asked = 0;
    error *err = apply_find_message(a, value_uuid(a->change, s, 0), &seq);
    sqlite3_stmt *statement = err ? NULL : database_statement(a->db, READ_ANSWERS, &err);
    if (err) return err;
    bind_integer(statement, 1, seq);
    if (database_next(a->db, statement, "count the answers of a message", &err)) asked = column_integer(statement, 0);
    database_reset(statement);
    if (!err) err = change_status(a, seq, asked > 0 ? MESSAGE_WAITING : MESSAGE_COMPLETED, NULL);
    if (!err && asked > 0) err = apply_settle(a, seq);
    return err;
}

/* A receipt on its way back, or one that is waited for, is work beside the message. */
static const char READ_OPEN_JOBS[] =
    "select exists (select 1 from jobs where message = ?1 and kind not in ('receipt', 'overdue'))";

/* What was refused of a message, or is to be remarked, while the rest of it went on (store_settle). */
static const char READ_REMARK[] =
    "select text from events where message = ?1 and kind in ('invalid', 'foreign', 'misaddressed', 'unrouted', "
    "'unmatched', 'remark') order by position limit 1";

/* *reason (owned, NULL: none) is the first such line of the timeline. */
static error *read_remark(applier *a, int64_t seq, char **reason) {
    error *err = NULL;
    *reason = NULL;
    sqlite3_stmt *statement = database_statement(a->db, READ_REMARK, &err);
    if (err) return err;
    bind_integer(statement, 1, seq);
    if (database_next(a->db, statement, "read what was refused", &err)) {
        const char *text = column_text(statement, 0);
        *reason = text ? xstrdup(text) : NULL;
    }
    database_reset(statement);
    return err;
}

/* Nothing is left to do for it: what is still on its way ends well; what ended otherwise keeps its end. Only a message
 * that has a reason now can have one to keep: that of a failed attempt goes, that of a refused document stays. */
error *apply_settle_message(applier *a, const step *s) {
    int64_t seq = 0;
    message_state state = {.reason = NULL};
    const unsigned char *uuid = value_uuid(a->change, s, 0);
    error *err = apply_find_message(a, uuid, &seq);
    sqlite3_stmt *statement = err ? NULL : database_statement(a->db, READ_OPEN_JOBS, &err);
    if (err) return err;
    bind_bytes(statement, 1, uuid, UUID_SIZE);
    bool open = database_next(a->db, statement, "find the jobs of a message", &err) && column_integer(statement, 0);
    database_reset(statement);
    if (!err && !open) err = read_state(a, seq, &state);
    if (err || open) return err;
    bool on_its_way = state.status == MESSAGE_RECEIVED || state.status == MESSAGE_PROCESSING;
    char *reason = NULL;
    if (on_its_way && state.reason) err = read_remark(a, seq, &reason);
    if (on_its_way && !err) err = change_status(a, seq, MESSAGE_COMPLETED, reason);
    free(reason);
    free(state.reason);
    return err;
}

static const char SET_FACTS[] = "update messages set flow = coalesce(?2, flow), partner = coalesce(?3, partner), "
                                "script = coalesce(?4, script), updated_at = ?5 where id = ?1 returning status";

error *apply_set_facts(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, SET_FACTS, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 4);
    bind_integer(statement, 5, a->now);
    if (!database_next(a->db, statement, "set the facts of a message", &err))
        return err ? err : no_message(value_uuid(a->change, s, 0));
    message_status status = (message_status)column_integer(statement, 0);
    database_reset(statement);
    apply_news(a, "message", value_uuid(a->change, s, 0), message_status_name(status));
    return NULL;
}

/* ---- messages -----------------------------------------------------------------------------------------------------
 */

static const char ADD_MESSAGE[] =
    "insert into messages (id, outgoing, status, reason, connection, partner, flow, endpoint, content_type, filename, "
    "script, principal, headers, received_at, updated_at, parent, size, sha256, spool) "
    "values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
static const char ADD_PAYLOAD[] = "insert into payloads (message, bytes) values (?1, ?2)";

void digest_of_hex(const char *hex, unsigned char digest[DIGEST_SIZE]) {
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        unsigned char high = (unsigned char)hex[2 * i], low = (unsigned char)hex[2 * i + 1];
        digest[i] = (unsigned char)(((high <= '9' ? high - '0' : high - 'a' + 10) << 4) |
                                    (low <= '9' ? low - '0' : low - 'a' + 10));
    }
}

static error *insert_message(applier *a, const step *s, const payload *p, int64_t parent, int64_t *seq) {
    error *err = NULL;
    unsigned char digest[DIGEST_SIZE];
    sqlite3_stmt *statement = database_statement(a->db, ADD_MESSAGE, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 14);
    bind_integer(statement, 15, a->now);
    if (parent)
        bind_integer(statement, 16, parent);
    else
        sqlite3_bind_null(statement, 16);
    for (int i = 17; i <= 19; i++)
        sqlite3_bind_null(statement, i);
    if (p) {
        digest_of_hex(p->sha256, digest);
        bind_integer(statement, 17, (int64_t)p->size);
        bind_bytes(statement, 18, digest, sizeof digest);
        bind_text(statement, 19, p->spool[0] ? p->spool : NULL);
    }
    err = database_run(a->db, statement, "add a message");
    *seq = sqlite3_last_insert_rowid(a->db->handle);
    return err;
}

static error *insert_payload(applier *a, int64_t seq, const payload *p) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, ADD_PAYLOAD, &err);
    if (err) return err;
    bind_integer(statement, 1, seq);
    bind_bytes(statement, 2, p->bytes, p->size);
    return database_run(a->db, statement, "add a payload");
}

error *apply_add_message(applier *a, const step *s) {
    const unsigned char *uuid = value_uuid(a->change, s, 0);
    message_status status = (message_status)value_integer(s, 2);
    const char *reason = value_text(a->change, s, 3), *filename = value_text(a->change, s, 9);
    int64_t index = value_integer(s, 15), parent = 0, seq = 0;
    const payload *p = index < 0 ? NULL : &a->change->payloads[index];
    error *err = value_is_none(s, 14) ? NULL : apply_find_message(a, value_uuid(a->change, s, 14), &parent);
    if (!err) err = insert_message(a, s, p, parent, &seq);
    if (!err && p && !p->spool[0]) err = insert_payload(a, seq, p);
    if (err) return err;
    if (filename) apply_queue_words(a, seq, SEARCH_SLOT_MESSAGE, filename, NULL, false);
    if (reason) apply_queue_words(a, seq, SEARCH_SLOT_REASON, reason, NULL, false);
    memcpy(a->known_id, uuid, UUID_SIZE);
    a->known_seq = seq;
    a->known_events = 0;
    count_status(a, status, 1);
    if (value_integer(s, 1))
        a->counts.out++;
    else
        a->counts.in++;
    apply_news(a, "message", uuid, message_status_name(status));
    return NULL;
}

static const char COUNT_EVENTS[] = "select coalesce(max(position) + 1, 0) from events where message = ?1";
static const char ADD_EVENT[] =
    "insert into events (message, position, at, kind, text, detail) values (?1, ?2, ?3, ?4, ?5, ?6)";

/* How many lines the timeline of the known message has. Of one that came in this change nobody need be asked. */
static error *count_events(applier *a) {
    error *err = NULL;
    if (a->known_events >= 0) return NULL;
    sqlite3_stmt *statement = database_statement(a->db, COUNT_EVENTS, &err);
    if (err) return err;
    bind_integer(statement, 1, a->known_seq);
    if (database_next(a->db, statement, "count events", &err)) a->known_events = column_integer(statement, 0);
    database_reset(statement);
    return err;
}

error *apply_add_event(applier *a, const step *s) {
    int64_t seq = 0;
    error *err = apply_find_message(a, value_uuid(a->change, s, 0), &seq);
    if (!err) err = count_events(a);
    sqlite3_stmt *statement = err ? NULL : database_statement(a->db, ADD_EVENT, &err);
    if (err) return err;
    bind_integer(statement, 1, seq);
    bind_integer(statement, 2, a->known_events++);
    bind_integer(statement, 3, a->now);
    value_bind(statement, 4, a->change, s, 1, 3);
    return database_run(a->db, statement, "add an event");
}

/* ---- dedupe keys --------------------------------------------------------------------------------------------------
 */

static const char CLAIM_KEY[] = "insert into claims (scope, key, message) values (?1, ?2, ?3) on conflict do nothing";
static const char READ_CLAIM[] = "select message from claims where scope = ?1 and key = ?2";
static const char RELEASE_KEY[] = "delete from claims where scope = ?1 and key = ?2";

error *apply_claim_key(applier *a, const step *s) {
    error *err = NULL;
    char holder[ID_SIZE], asking[ID_SIZE];
    sqlite3_stmt *statement = database_statement(a->db, CLAIM_KEY, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 3);
    err = database_run(a->db, statement, "claim a key");
    if (err || sqlite3_changes(a->db->handle) > 0) return err;
    statement = database_statement(a->db, READ_CLAIM, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 2);
    if (!database_next(a->db, statement, "read a claim", &err)) return err;
    column_id(statement, 0, holder);
    database_reset(statement);
    if (strcmp(holder, id_format(value_uuid(a->change, s, 2), asking)) == 0) return NULL;
    memcpy(a->change->result.conflict, holder, sizeof holder);
    return error_new(ERROR_CONFLICT, "the key %s of %s is claimed by message %s", value_text(a->change, s, 1),
        value_text(a->change, s, 0), holder);
}

error *apply_release_key(applier *a, const step *s) {
    error *err = NULL;
    sqlite3_stmt *statement = database_statement(a->db, RELEASE_KEY, &err);
    if (err) return err;
    value_bind(statement, 1, a->change, s, 0, 2);
    return database_run(a->db, statement, "release a key");
}
