/* tests/bench/bench_intake.c: requests that are durable before they are answered, beside a bare SQLite loop.
 *
 * 64 clients on connections that stay POST unique bodies of 1 KiB; each becomes a message with its payload, event and
 * delivery job, committed and synced before its 202. The delivery waits for a connection that is switched off, so that
 * intake alone is measured. The bare loop writes the same rows into the same tables, one thread, prepared statements,
 * WAL, synchronous=FULL, 64 a commit: what SQLite gives on this disk to who does nothing else. Rounds alternate.
 * Usage: bench_intake [DIRECTORY] [SECONDS]
 */
#include "core/base/log.h"
#include "core/crypto/digest.h"
#include "core/store/store.h"
#include "tests/bench/load.h"

#include <sqlite3.h>

enum { CLIENTS = 64, GROUP = 64, BODY = 1024, ROUNDS = 3 };

static double seconds_a_round = 4;

/* ---- the appliance ---- */

static size_t post(void *context, uint64_t number, char into[LOAD_REQUEST_ROOM]) {
    (void)context;
    int head = snprintf(into, LOAD_REQUEST_ROOM,
        "POST /intake HTTP/1.1\r\nHost: bench\r\nContent-Type: application/edi-x12\r\nContent-Length: %d\r\n\r\n",
        BODY);
    memset(into + head, 'x', BODY);
    snprintf(into + head, 32, "%020llu", (unsigned long long)number);
    return (size_t)head + BODY;
}

static void start_appliance(appliance *a, const char *parent) {
    appliance_new(a, parent);
    appliance_start(a);
    char *erp = xasprintf("%s/erp", a->directory);
    bench_stop_on(io_make_directories(erp));
    appliance_configure(a, json_pack("{s:[{s:s, s:s, s:s, s:b}], s:[{s:s, s:{s:s, s:s}}]}", "connections", "name",
                               "erp", "kind", "file", "directory", erp, "enabled", false, "endpoints", "route",
                               "POST /intake", "legacy", "connection", "erp", "path", "in/{message.id}"));
    free(erp);
}

static load_result drive(const appliance *a) {
    const load_plan plan = {
        .port = a->public_port, .clients = CLIENTS, .seconds = seconds_a_round, .status = 202, .request = post};
    return load_drive(&plan);
}

/* ---- the bare loop ---- */

static const char *const rows[] = {
    "insert into messages (seq, id, outgoing, status, connection, endpoint, content_type, received_at, updated_at, "
    "size, sha256) values (?1, ?2, 0, 1, 'erp', 'POST /intake', 'application/edi-x12', ?3, ?3, 1024, ?4)",
    "insert into payloads (message, bytes) values (?1, ?5)",
    "insert into events (message, position, at, kind, text) values (?1, 0, ?3, 'received', 'POST /intake')",
    "insert into jobs (id, state, due_at, kind, message, connection, attempt, created_at, detail) values (?6, 0, ?3, "
    "'deliver', ?2, 'erp', 0, ?3, ?7)",
};
enum { ROWS = sizeof rows / sizeof *rows };
static const char job_detail[] = "{\"path\":\"in/01a2097b-179f-7001-b44a-9259ec173b52\",\"replace\":false,"
                                 "\"attempts\":20,\"first_ms\":5000,\"maximum_ms\":3600000}";

static _Noreturn void never(const error *err) {
    bench_stop(error_text(err));
}

static void unheard(void *context, const store_news *news, size_t count) {
    (void)context, (void)news, (void)count;
}

/* The tables are the store's own. */
static char *make_tables(const char *directory) {
    store *s = NULL;
    const store_options options = {
        .directory = directory, .digest = &crypto_sha256, .node = "bench", .fatal = never, .committed = unheard};
    bench_stop_on(store_open(&options, &s));
    store_close(s);
    return xasprintf("%s/banyan.db", directory);
}

static void execute(sqlite3 *db, const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) bench_stop(sqlite3_errmsg(db));
}

static void write_rows(sqlite3_stmt **statements, int64_t seq, const char body[BODY]) {
    unsigned char id[16], job[16], sum[32] = {0};
    id_random(id, sizeof id);
    id_random(job, sizeof job);
    /* Ids of one millisecond stand beside each other, as the store's do. */
    int64_t now = clock_wall_ms();
    for (int i = 0; i < 6; i++)
        id[i] = job[i] = (unsigned char)(now >> (40 - 8 * i));
    for (int i = 0; i < ROWS; i++) {
        sqlite3_bind_int64(statements[i], 1, seq);
        sqlite3_bind_blob(statements[i], 2, id, sizeof id, SQLITE_STATIC);
        sqlite3_bind_int64(statements[i], 3, now);
        sqlite3_bind_blob(statements[i], 4, sum, sizeof sum, SQLITE_STATIC);
        sqlite3_bind_blob(statements[i], 5, body, BODY, SQLITE_STATIC);
        sqlite3_bind_blob(statements[i], 6, job, sizeof job, SQLITE_STATIC);
        sqlite3_bind_text(statements[i], 7, job_detail, -1, SQLITE_STATIC);
        if (sqlite3_step(statements[i]) != SQLITE_DONE) bench_stop("a row was refused");
        sqlite3_reset(statements[i]);
    }
}

static double run_bare(const char *parent) {
    char *directory = bench_directory(parent), *path = make_tables(directory), body[BODY];
    sqlite3_stmt *statements[ROWS];
    sqlite3 *db = NULL;
    int64_t written = 0;
    if (sqlite3_open(path, &db) != SQLITE_OK) bench_stop(path);
    execute(db, "pragma journal_mode = wal");
    execute(db, "pragma synchronous = full");
    for (int i = 0; i < ROWS; i++)
        if (sqlite3_prepare_v2(db, rows[i], -1, &statements[i], NULL) != SQLITE_OK) bench_stop(sqlite3_errmsg(db));
    memset(body, 'x', sizeof body);
    double begin = bench_now(), took;
    do {
        execute(db, "begin immediate");
        for (int i = 0; i < GROUP; i++)
            write_rows(statements, ++written, body);
        execute(db, "commit");
        took = bench_now() - begin;
    } while (took < seconds_a_round);
    for (int i = 0; i < ROWS; i++)
        sqlite3_finalize(statements[i]);
    sqlite3_close(db);
    bench_remove(directory);
    free(directory);
    free(path);
    return (double)written / took;
}

int main(int argc, char **argv) {
    const char *parent = argc > 1 ? argv[1] : "/tmp";
    if (argc > 2) seconds_a_round = atof(argv[2]);
    log_setup("bench", LOG_WARNING, false);
    double intake[ROUNDS], bare[ROUNDS], median[ROUNDS], slow[ROUNDS], busy[ROUNDS];
    appliance a;
    start_appliance(&a, parent);
    for (int i = 0; i < ROUNDS; i++) {
        bare[i] = run_bare(parent);
        double used = appliance_processor(&a);
        load_result got = drive(&a);
        busy[i] = 1e6 * (appliance_processor(&a) - used) / (double)got.good;
        if (got.bad > 0) bench_stop("not every request was accepted");
        intake[i] = got.rate;
        median[i] = got.median_ms;
        slow[i] = got.p99_ms;
        printf("round %d: %8.0f messages/s over HTTP, %8.0f/s by bare SQLite, %d a commit\n", i + 1, intake[i], bare[i],
            GROUP);
    }
    appliance_end(&a);
    appliance_remove(&a);
    double ours = bench_median(intake, ROUNDS), theirs = bench_median(bare, ROUNDS);
    printf("%-36s %8.0f /s    answered in %.1f ms (median), %.1f ms (99 of 100)\n", "durable intake, 64 clients, 1 KiB",
        ours, bench_median(median, ROUNDS), bench_median(slow, ROUNDS));
    printf("%-36s %8.1f us   of the desk's threads together\n", "processor a message", bench_median(busy, ROUNDS));
    printf("%-36s %8.0f /s\n", "bare SQLite, the same rows", theirs);
    printf("%-36s %8.2f       target >= 0.50\n", "ratio", ours / theirs);
    return 0;
}
