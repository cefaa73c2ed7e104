/* core/store/figures.c: figures over time, and each partner's, for the dashboard. Both walk a bounded number of the
 * newest messages, so that they cost the same whatever is kept. */
#include "core/base/memory.h"
#include "core/store/apply.h"
#include "core/store/find.h"

#include <stdlib.h>

enum { WALKED_MAX = 20000, STEPS_MAX = 1000 };

/* ---- traffic and latency over time ---- */

/* What happened in one step. */
typedef struct moment {
    int64_t counts[3]; /* in, out, failed */
    int64_t *latencies_ms;
    size_t latency_count, latency_room;
} moment;

typedef struct history {
    int64_t first_ms, step_ms;
    moment *moments;
    size_t count;
} history;

static moment *moment_at(history *h, int64_t wall_ms) {
    if (wall_ms < h->first_ms) return NULL;
    size_t index = (size_t)((wall_ms - h->first_ms) / h->step_ms);
    return index < h->count ? &h->moments[index] : NULL;
}

static const char TRAFFIC[] = "select bucket, which, count from tallies where bucket >= ?1 and bucket > 0";

static error *read_traffic(database *db, history *h) {
    error *err = NULL;
    sqlite3_stmt *row = database_statement(db, TRAFFIC, &err);
    if (err) return err;
    bind_integer(row, 1, h->first_ms / TALLY_BUCKET_MS);
    while (database_next(db, row, "count messages", &err)) {
        moment *at = moment_at(h, column_integer(row, 0) * TALLY_BUCKET_MS);
        int64_t which = column_integer(row, 1) - TALLY_IN;
        if (at && which >= 0 && which < 3) at->counts[which] += column_integer(row, 2);
    }
    return err;
}

/* From the moment that a message came in until everything that had to be done with it was done. */
static const char LATENCIES[] = "select received_at, updated_at - received_at, status, outgoing from messages "
                                "order by seq desc limit ?1";

static void add_latency(moment *at, int64_t took_ms) {
    if (at->latency_count == at->latency_room) {
        at->latency_room = at->latency_room ? 2 * at->latency_room : 64;
        at->latencies_ms = xreallocarray(at->latencies_ms, at->latency_room, sizeof *at->latencies_ms);
    }
    at->latencies_ms[at->latency_count++] = took_ms;
}

static error *read_latencies(database *db, history *h) {
    error *err = NULL;
    sqlite3_stmt *row = database_statement(db, LATENCIES, &err);
    if (err) return err;
    bind_integer(row, 1, WALKED_MAX);
    while (database_next(db, row, "measure messages", &err)) {
        moment *at = moment_at(h, column_integer(row, 0));
        bool came_through = column_integer(row, 2) == MESSAGE_COMPLETED && column_integer(row, 3) == 0;
        if (at && came_through) add_latency(at, column_integer(row, 1));
    }
    return err;
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static json_t *quantile(const moment *s, size_t hundredths) {
    if (s->latency_count == 0) return json_null();
    size_t index = (s->latency_count * hundredths + 99) / 100;
    return json_integer(s->latencies_ms[index > 0 ? index - 1 : 0]);
}

static json_t *history_json(history *h) {
    json_t *items = json_array();
    for (size_t i = 0; i < h->count; i++) {
        moment *s = &h->moments[i];
        char at[CLOCK_TEXT_SIZE];
        if (s->latency_count > 1) qsort(s->latencies_ms, s->latency_count, sizeof *s->latencies_ms, by_size);
        json_array_append_new(items,
            json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "at", clock_format(h->first_ms + (int64_t)i * h->step_ms, at),
                "in", (json_int_t)s->counts[0], "out", (json_int_t)s->counts[1], "failed", (json_int_t)s->counts[2],
                "p50_ms", quantile(s, 50), "p95_ms", quantile(s, 95)));
        free(s->latencies_ms);
    }
    return json_pack("{s:I, s:o}", "step_s", (json_int_t)(h->step_ms / 1000), "items", items);
}

error *store_history(store *s, int64_t span_ms, json_t **out) {
    database *db = NULL;
    int64_t now = clock_wall_ms();
    history h = {.step_ms = TALLY_BUCKET_MS};
    *out = NULL;
    while (span_ms / h.step_ms > 288)
        h.step_ms *= 2;
    h.count = (size_t)(span_ms / h.step_ms) + 1;
    if (h.count > STEPS_MAX) h.count = STEPS_MAX;
    h.first_ms = (now / h.step_ms - (int64_t)h.count + 1) * h.step_ms;
    h.moments = xcalloc(h.count, sizeof *h.moments);
    error *err = store_reader_take(s, &db);
    if (!err) err = read_traffic(db, &h);
    if (!err) err = read_latencies(db, &h);
    if (db) store_reader_return(s, db);
    json_t *all = history_json(&h);
    free(h.moments);
    if (err)
        json_decref(all);
    else
        *out = all;
    return err;
}

/* ---- how the partners fare ---- */

static const char BY_PARTNER[] =
    "select partner, max(case when outgoing = 0 then received_at end), max(case when outgoing = 1 then received_at "
    "end), "
    "sum(received_at >= ?2 and outgoing = 0), sum(received_at >= ?2 and outgoing = 1), "
    "sum(received_at >= ?2 and status in (4, 5, 7)) "
    "from (select partner, outgoing, received_at, status from messages order by seq desc limit ?1) "
    "where partner is not null group by partner";
static const char OVERDUE_BY_PARTNER[] =
    "select m.partner, count(*) from documents d join messages m on m.seq = d.message "
    "where d.answer = 0 and d.due_at < ?1 and m.partner is not null group by m.partner";

static json_t *partner_entry(json_t *all, const char *name) {
    json_t *one = json_object_get(all, name);
    if (!one) {
        one = json_pack(
            "{s:n, s:n, s:i, s:i, s:i, s:i}", "last_in", "last_out", "in", 0, "out", 0, "failed", 0, "overdue", 0);
        json_object_set_new(all, name, one);
    }
    return one;
}

static error *read_partners(database *db, int64_t now, json_t *all) {
    error *err = NULL;
    sqlite3_stmt *row = database_statement(db, BY_PARTNER, &err);
    if (err) return err;
    bind_integer(row, 1, WALKED_MAX);
    bind_integer(row, 2, now - INT64_C(24) * 60 * 60 * 1000);
    while (database_next(db, row, "look at partners", &err)) {
        json_t *one = partner_entry(all, column_text(row, 0));
        if (column_integer(row, 1) > 0) put_time(one, "last_in", column_integer(row, 1));
        if (column_integer(row, 2) > 0) put_time(one, "last_out", column_integer(row, 2));
        put_column_integer(one, "in", row, 3);
        put_column_integer(one, "out", row, 4);
        put_column_integer(one, "failed", row, 5);
    }
    if (err) return err;
    row = database_statement(db, OVERDUE_BY_PARTNER, &err);
    if (err) return err;
    bind_integer(row, 1, now);
    while (database_next(db, row, "count what is overdue", &err))
        put_column_integer(partner_entry(all, column_text(row, 0)), "overdue", row, 1);
    return err;
}

error *store_partners(store *s, json_t **out) {
    database *db = NULL;
    *out = NULL;
    error *err = store_reader_take(s, &db);
    if (err) return err;
    json_t *all = json_object();
    err = read_partners(db, clock_wall_ms(), all);
    store_reader_return(s, db);
    if (err)
        json_decref(all);
    else
        *out = all;
    return err;
}
