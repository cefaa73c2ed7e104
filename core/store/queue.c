/* core/store/queue.c: jobs, acknowledgements and counts, read (store.h). */
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/store/apply.h"
#include "core/store/find.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- jobs ---------------------------------------------------------------------------------------------------------
 */

static const char NEXT_JOB[] = "select min(at) from (select min(due_at) as at from jobs where state = 0 "
                               "union all select min(due_at) from jobs where state = 1)";

#define NEXT_WANTED(state)                                                                                             \
    "select * from (" JOB_LANES(state) "select min((select min(due_at) from jobs where state = " state                 \
                                       " and " JOB_LANE " = lane)) as due_at from lanes where " LANE_WANTED("?1") ")"
static const char NEXT_WANTED_JOB[] = "select min(due_at) from (" NEXT_WANTED("0") " union all " NEXT_WANTED("1") ")";

error *store_next_job_at(store *s, const json_t *busy, int64_t *wall_ms) {
    database *db = NULL;
    *wall_ms = INT64_MAX;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    char *text = json_array_size(busy) > 0 ? json_text(busy, false) : NULL;
    sqlite3_stmt *row = database_statement(db, text ? NEXT_WANTED_JOB : NEXT_JOB, &err);
    if (!err && text) bind_text(row, 1, text);
    if (!err && database_next(db, row, "find the next job", &err) && !column_is_null(row, 0))
        *wall_ms = column_integer(row, 0);
    if (!err) database_reset(row);
    store_reader_return(s, db);
    free(text);
    return err;
}

static const char HELD_CONNECTIONS[] =
    "select distinct connection from jobs where state = 0 and due_at = ?1 and connection is not null";

error *store_held_connections(store *s, json_t **out) {
    database *db = NULL;
    *out = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    json_t *names = json_array();
    sqlite3_stmt *row = database_statement(db, HELD_CONNECTIONS, &err);
    if (!err) bind_integer(row, 1, STORE_HELD);
    while (!err && database_next(db, row, "find held jobs", &err))
        json_array_append_new(names, json_string(column_text(row, 0)));
    store_reader_return(s, db);
    if (!err)
        *out = names;
    else
        json_decref(names);
    return err;
}

#define JOB_COLUMNS "id, kind, state, due_at, message, connection, attempt, error, created_at"

static const char WALK_JOBS[] = "select " JOB_COLUMNS " from jobs where id < ?1 order by id desc limit ?2";
/* Of one state, in the order of their time: ?3 state, ?4 and ?5 bound the time, ?6 and ?1 are where the page goes on.
 */
static const char WALK_STATE[] = "select " JOB_COLUMNS " from jobs where state = ?3 and due_at > ?4 and due_at <= ?5 "
                                 "and (due_at, id) > (?6, ?1) order by due_at, id limit ?2";

/* Which jobs a status means; the cursor of a page is "<due_at>:<id>", since the row may be gone by then. */
typedef struct job_page {
    bool by_state;
    int state;
    int64_t later_than, until; /* due_at */
    int64_t after_at;
    unsigned char after_id[UUID_SIZE];
} job_page;

static error *parse_cursor(const char *after, job_page *page) {
    span rest = span_of(after), at;
    if (span_split(&rest, ':', &at) && rest.data && span_to_i64(at, INT64_MIN, INT64_MAX, &page->after_at) &&
        uuid_parse(rest, page->after_id))
        return NULL;
    return error_new(ERROR_INVALID, "\"%s\" is not where a page of jobs ended", after);
}

static error *plan_page(const char *status, const char *after, job_page *page) {
    static const struct {
        const char *status;
        int state;
        bool is_due, is_later;
    } plans[] = {{"ready", JOB_READY, true, false}, {"waiting", JOB_READY, false, true},
        {"leased", JOB_LEASED, true, true}, {"dead", JOB_DEAD, true, true}};
    int64_t now = clock_wall_ms();
    *page = (job_page){.after_at = INT64_MIN};
    if (!status) memset(page->after_id, 0xFF, UUID_SIZE);
    page->by_state = status != NULL;
    bool known = !status;
    for (size_t i = 0; status && i < sizeof plans / sizeof *plans; i++) {
        if (strcmp(status, plans[i].status) != 0) continue;
        known = true;
        page->state = plans[i].state;
        page->later_than = plans[i].is_due ? INT64_MIN : now;
        page->until = plans[i].is_later ? INT64_MAX : now;
    }
    if (!known) return error_new(ERROR_INVALID, "\"%s\" is not the status of a job", status);
    return after ? parse_cursor(after, page) : NULL;
}

static const char *job_status(sqlite3_stmt *row) {
    switch (column_integer(row, 2)) {
    case JOB_LEASED: return "leased";
    case JOB_DEAD: return "dead";
    default: return column_integer(row, 3) > clock_wall_ms() ? "waiting" : "ready";
    }
}

static json_t *job_json(sqlite3_stmt *row) {
    json_t *item = json_object();
    put_column_id(item, "id", row, 0);
    put_column_text(item, "kind", row, 1);
    json_put_text(item, "status", job_status(row));
    put_column_id(item, "message", row, 4);
    put_column_text(item, "connection", row, 5);
    put_column_integer(item, "attempts", row, 6);
    if (column_integer(row, 2) == JOB_DEAD || column_integer(row, 3) == STORE_HELD)
        json_object_set_new(item, "next_at", json_null());
    else
        put_column_time(item, "next_at", row, 3);
    put_column_text(item, "error", row, 7);
    put_column_time(item, "created_at", row, 8);
    return item;
}

static error *collect_jobs(database *db, const job_page *page, int limit, json_t *items, char next[64]) {
    error *err = NULL;
    char id[ID_SIZE] = "";
    int64_t at = 0;
    sqlite3_stmt *row = database_statement(db, page->by_state ? WALK_STATE : WALK_JOBS, &err);
    if (err) return err;
    bind_bytes(row, 1, page->after_id, UUID_SIZE);
    bind_integer(row, 2, (int64_t)limit + 1);
    if (page->by_state) {
        bind_integer(row, 3, page->state);
        bind_integer(row, 4, page->later_than);
        bind_integer(row, 5, page->until);
        bind_integer(row, 6, page->after_at);
    }
    while (database_next(db, row, "find jobs", &err)) {
        if ((int)json_array_size(items) == limit) {
            snprintf(next, 64, "%lld:%s", (long long)at, id);
            database_reset(row);
            break;
        }
        column_id(row, 0, id);
        at = column_integer(row, 3);
        json_array_append_new(items, job_json(row));
    }
    return err;
}

error *store_find_jobs(store *s, const char *status, const char *after, int limit, json_t **out) {
    database *db = NULL;
    job_page page;
    char next[64] = "";
    *out = NULL;
    error *err = plan_page(status, after, &page);
    if (!err) err = store_reader_take(s, &db);
    if (err) return err;
    json_t *items = json_array();
    err = collect_jobs(db, &page, find_limit(limit), items, next);
    store_reader_return(s, db);
    return find_page(items, next, err, out);
}

static const char JOBS_OF_MESSAGE[] = "select " JOB_COLUMNS " from jobs where message = ?1 order by id";

error *store_message_jobs(store *s, const char *message_id, json_t **out) {
    unsigned char uuid[UUID_SIZE];
    database *db = NULL;
    *out = NULL;
    if (!uuid_parse(span_of(message_id), uuid)) return error_new(ERROR_NOT_FOUND, "no message %s", message_id);
    error *err = store_reader_take(s, &db);
    if (err) return err;
    json_t *items = json_array();
    sqlite3_stmt *row = database_statement(db, JOBS_OF_MESSAGE, &err);
    if (!err) bind_bytes(row, 1, uuid, UUID_SIZE);
    while (!err && database_next(db, row, "find the jobs of a message", &err))
        json_array_append_new(items, job_json(row));
    store_reader_return(s, db);
    if (!err)
        *out = items;
    else
        json_decref(items);
    return err;
}

/* ---- acknowledgements ---------------------------------------------------------------------------------------------
 */

#define ASKED_COLUMNS                                                                                                  \
    "d.seq, d.id, m.id, m.partner, d.type, d.control, d.asked, d.due_at, d.answer, d.answer_text, d.answered_by, "     \
    "d.answered_at, d.standard"

/* The longest overdue first. */
static const char WALK_OVERDUE[] =
    "select " ASKED_COLUMNS " from documents d join messages m on m.seq = d.message where d.answer = 0 "
    "and d.due_at < ?1 and (d.due_at, d.seq) > (?2, ?3) order by d.due_at, d.seq limit ?4";
static const char WALK_ASKED[] = "select " ASKED_COLUMNS " from documents d join messages m on m.seq = d.message "
                                 "where d.asked is not null and d.seq < ?3 order by d.seq desc limit ?4";
static const char ASKED_SEQ[] = "select seq from documents where id = ?1";
static const char DUE_AT[] = "select coalesce(due_at, 0) from documents where id = ?1";

static json_t *asked_json(sqlite3_stmt *row) {
    json_t *item = json_object();
    put_column_id(item, "document", row, 1);
    put_column_id(item, "message", row, 2);
    put_column_text(item, "partner", row, 3);
    put_column_text(item, "standard", row, 12);
    put_column_text(item, "type", row, 4);
    put_column_text(item, "control", row, 5);
    put_column_text(item, "kind", row, 6);
    put_column_time(item, "due_at", row, 7);
    json_put_text(item, "status", find_answer_name(row, 8, 7));
    put_column_text(item, "text", row, 9);
    put_column_id(item, "by", row, 10);
    put_column_time(item, "answered_at", row, 11);
    return item;
}

static error *collect_asked(database *db, sqlite3_stmt *row, int limit, json_t *items, char next[ID_SIZE]) {
    error *err = NULL;
    char last_id[ID_SIZE] = "";
    while (database_next(db, row, "find acknowledgements", &err)) {
        if ((int)json_array_size(items) == limit) {
            memcpy(next, last_id, ID_SIZE);
            database_reset(row);
            break;
        }
        column_id(row, 1, last_id);
        json_array_append_new(items, asked_json(row));
    }
    return err;
}

error *store_find_acknowledgements(store *s, bool only_overdue, const char *after, int limit, json_t **out) {
    database *db = NULL;
    char next[ID_SIZE] = "";
    int64_t after_at = INT64_MIN, after_seq = only_overdue ? 0 : INT64_MAX;
    *out = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    json_t *items = json_array();
    limit = find_limit(limit);
    if (after) err = find_seq(db, ASKED_SEQ, "document", after, &after_seq);
    if (!err && after) err = find_seq(db, DUE_AT, "document", after, &after_at);
    sqlite3_stmt *row = err ? NULL : database_statement(db, only_overdue ? WALK_OVERDUE : WALK_ASKED, &err);
    if (!err) {
        if (only_overdue) bind_integer(row, 1, clock_wall_ms());
        if (only_overdue) bind_integer(row, 2, after_at);
        bind_integer(row, 3, after_seq);
        bind_integer(row, 4, (int64_t)limit + 1);
        err = collect_asked(db, row, limit, items, next);
    }
    store_reader_return(s, db);
    return find_page(items, next, err, out);
}

#define OPEN_DOCUMENTS                                                                                                 \
    "select d.id, m.id, d.type, d.control, m.outgoing from documents d join messages m on m.seq = d.message "          \
    "where d.answer = 0 and (?1 is null or m.partner = ?1) and (?2 is null or d.standard = ?2) "                       \
    "and (?5 is null or d.type = ?5) and (?6 is null or d.control = ?6) "

static const char OPEN_BY_INTERCHANGE[] =
    OPEN_DOCUMENTS "and d.interchange_control = ?3 and (?4 is null or d.group_control = ?4) order by d.seq";
static const char OPEN_BY_GROUP[] = OPEN_DOCUMENTS "and ?3 is null and d.group_control = ?4 order by d.seq";
static const char OPEN_BY_REST[] = OPEN_DOCUMENTS "and ?3 is null and ?4 is null order by d.seq";

static json_t *short_json(sqlite3_stmt *row, bool with_direction) {
    json_t *item = json_object();
    put_column_id(item, "id", row, 0);
    put_column_id(item, "message", row, 1);
    put_column_text(item, "type", row, 2);
    put_column_text(item, "control", row, 3);
    if (with_direction) json_put_text(item, "direction", column_integer(row, 4) ? "out" : "in");
    return item;
}

static error *collect_short(database *db, sqlite3_stmt *row, bool with_direction, json_t *items) {
    error *err = NULL;
    while (database_next(db, row, "find documents", &err))
        json_array_append_new(items, short_json(row, with_direction));
    return err;
}

static error *give_array(json_t *take_items, error *err, json_t **out) {
    *out = err ? NULL : take_items;
    if (err) json_decref(take_items);
    return err;
}

error *store_find_acknowledged(store *s, const acknowledged_key *key, json_t **out) {
    database *db = NULL;
    const char *sql = key->interchange_control ? OPEN_BY_INTERCHANGE
                      : key->group_control     ? OPEN_BY_GROUP
                                               : OPEN_BY_REST;
    *out = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    json_t *items = json_array();
    sqlite3_stmt *row = database_statement(db, sql, &err);
    if (!err) {
        bind_text(row, 1, key->partner);
        bind_text(row, 2, key->standard);
        bind_text(row, 3, key->interchange_control);
        bind_text(row, 4, key->group_control);
        bind_text(row, 5, key->type);
        bind_text(row, 6, key->control);
        err = collect_short(db, row, false, items);
    }
    store_reader_return(s, db);
    return give_array(items, err, out);
}

static const char FIND_BY_KEY[] =
    "select d.id, m.id, d.type, d.control, m.outgoing from document_keys k join documents d on d.seq = k.document "
    "join messages m on m.seq = d.message where k.name = ?3 and k.value = ?4 and (?1 is null or m.partner = ?1) "
    "and (?2 is null or d.type = ?2) order by k.document desc limit 1000";

error *store_find_by_key(
    store *s, const char *partner, const char *type, const char *key, const char *value, json_t **out) {
    database *db = NULL;
    *out = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    json_t *items = json_array();
    sqlite3_stmt *row = database_statement(db, FIND_BY_KEY, &err);
    if (!err) {
        bind_text(row, 1, partner);
        bind_text(row, 2, type);
        bind_text(row, 3, key);
        bind_text(row, 4, value);
        err = collect_short(db, row, true, items);
    }
    store_reader_return(s, db);
    return give_array(items, err, out);
}

/* ---- counts -------------------------------------------------------------------------------------------------------
 */

static const char COUNT_STATUSES[] = "select which, count from tallies where bucket = 0";
static const char COUNT_DAY[] = "select which, sum(count) from tallies where bucket > ?1 group by which";
static const char COUNT_JOBS[] =
    "select (select count(*) from jobs where state = 0 and due_at <= ?1), (select count(*) from jobs where state = 0 "
    "and due_at > ?1), (select count(*) from jobs where state = 1), (select count(*) from jobs where state = 2)";
static const char COUNT_ASKED[] = "select (select count(*) from documents where answer = 0 and due_at >= ?1), "
                                  "(select count(*) from documents where answer = 0 and due_at < ?1)";

static error *add_statuses(database *db, json_t *messages) {
    error *err = NULL;
    json_t *by_status = json_object();
    json_object_set_new(messages, "by_status", by_status);
    for (int i = 0; i < STATUSES; i++)
        json_object_set_new(by_status, message_status_name((message_status)i), json_integer(0));
    sqlite3_stmt *row = database_statement(db, COUNT_STATUSES, &err);
    if (err) return err;
    while (database_next(db, row, "count messages", &err)) {
        int64_t status = column_integer(row, 0);
        if (status < STATUSES) put_column_integer(by_status, message_status_name((message_status)status), row, 1);
    }
    return err;
}

static error *add_day(database *db, int64_t now, json_t *messages) {
    static const char *const names[] = {"in", "out", "failed"};
    error *err = NULL;
    json_t *day = json_object();
    json_object_set_new(messages, "last_24h", day);
    for (size_t i = 0; i < 3; i++)
        json_object_set_new(day, names[i], json_integer(0));
    sqlite3_stmt *row = database_statement(db, COUNT_DAY, &err);
    if (err) return err;
    bind_integer(row, 1, now / TALLY_BUCKET_MS - 24 * 60 * 60 * 1000 / TALLY_BUCKET_MS);
    while (database_next(db, row, "count messages", &err)) {
        int64_t which = column_integer(row, 0) - TALLY_IN;
        if (which >= 0 && which < 3) put_column_integer(day, names[which], row, 1);
    }
    return err;
}

/* One row of counts by ?1 = now, as members of an object. */
static error *add_counts(database *db, const char *sql, int64_t now, const char *const *names, json_t *object) {
    error *err = NULL;
    sqlite3_stmt *row = database_statement(db, sql, &err);
    if (err) return err;
    bind_integer(row, 1, now);
    if (database_next(db, row, "count rows", &err))
        for (int i = 0; names[i]; i++)
            put_column_integer(object, names[i], row, i);
    database_reset(row);
    return err;
}

error *store_stats(store *s, json_t **out) {
    static const char *const job_names[] = {"ready", "waiting", "leased", "dead", NULL};
    static const char *const asked_names[] = {"due", "overdue", NULL};
    database *db = NULL;
    int64_t now = clock_wall_ms();
    *out = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    json_t *messages = json_object(), *jobs = json_object(), *asked = json_object();
    err = add_statuses(db, messages);
    if (!err) err = add_day(db, now, messages);
    if (!err) err = add_counts(db, COUNT_JOBS, now, job_names, jobs);
    if (!err) err = add_counts(db, COUNT_ASKED, now, asked_names, asked);
    store_reader_return(s, db);
    return give_array(
        json_pack("{s:o,s:o,s:o}", "messages", messages, "jobs", jobs, "acknowledgements", asked), err, out);
}
