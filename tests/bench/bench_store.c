/* tests/bench/bench_store.c: changes a second of the store with 64 submitting threads, beside a bare SQLite loop.
 *
 * Both write the same rows: what an intake of one 1 KiB message writes (message, payload, event, dedupe key, job), into
 * the same tables with the same indexes. The bare loop is one thread with prepared statements and nothing else:
 * `bare 64` commits each 64 changes (what 64 clients can have under way), `bare 256` each 256. Rounds alternate, so
 * that all meet the same disk. Usage: bench_store [DIRECTORY] [CHANGES]
 */
#include "core/base/log.h"
#include "core/store/inside.h"
#include "tests/unit/store_help.h"

enum { CLIENTS = 64, ROUNDS = 3 };

static int changes_a_round = 40000;
static const char *parent_directory = "/tmp";
static char body[1024];

static char *new_directory(void) {
    char *path = xasprintf("%s/banyan-bench-XXXXXX", parent_directory);
    if (!mkdtemp(path)) abort();
    return path;
}

static void stop_on(error *err) {
    if (!err) return;
    fprintf(stderr, "%s\n", error_text(err));
    exit(3);
}

/* ---- the store ----------------------------------------------------------------------------------------------------
 */

static store *bench_store;

static void *client(void *context) {
    (void)context;
    for (int i = 0; i < changes_a_round / CLIENTS; i++) {
        payload p;
        store_message message = a_message();
        message.partner = "acme";
        message.content_type = "application/edi-x12";
        message.filename = "order.edi";
        store_job job = a_job(message.id);
        store_change *change = store_change_new();
        stop_on(payload_of(bench_store, span_make(body, sizeof body), &p));
        store_add_message(change, &message, &p);
        store_claim_key(change, "acme-as2", message.id, message.id);
        store_add_event(change, message.id, "received", "1024 bytes by acme-as2", NULL);
        store_add_job(change, &job);
        stop_on(store_commit(bench_store, change, NULL));
    }
    return NULL;
}

static double run_store(void) {
    pthread_t threads[CLIENTS];
    char *directory = new_directory();
    store_options options = options_for(directory);
    stop_on(store_open(&options, &bench_store));
    int64_t begin = clock_monotonic_ms();
    for (int i = 0; i < CLIENTS; i++)
        if (pthread_create(&threads[i], NULL, client, NULL) != 0) abort();
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    int64_t took = clock_monotonic_ms() - begin;
    store_close(bench_store);
    remove_directory(directory);
    return 1000.0 * changes_a_round / (double)took;
}

/* ---- the bare loop ------------------------------------------------------------------------------------------------
 */

static const char *const bare_rows[] = {
    "insert into messages (seq, id, outgoing, status, connection, partner, content_type, filename, received_at, "
    "updated_at, size, sha256) values (?1, ?2, 0, 0, 'acme-as2', 'acme', 'application/edi-x12', 'order.edi', ?3, ?3, "
    "1024, ?4)",
    "insert into payloads (message, bytes) values (?1, ?5)",
    "insert into claims (scope, key, message) values ('acme-as2', ?6, ?2)",
    "insert into events (message, position, at, kind, text) values (?1, 0, ?3, 'received', '1024 bytes by acme-as2')",
    "insert into jobs (id, state, due_at, kind, message, attempt, created_at) values (?7, 0, ?3, 'process', ?2, 0, "
    "?3)",
};
enum { BARE_ROWS = sizeof bare_rows / sizeof *bare_rows };

static void bare(sqlite3 *db, const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK) return;
    fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
    exit(3);
}

static void bare_change(sqlite3_stmt **statements, int64_t seq) {
    char id[ID_SIZE], job[ID_SIZE];
    unsigned char uuid[UUID_SIZE], job_uuid[UUID_SIZE], digest[DIGEST_SIZE] = {0};
    if (!uuid_parse(span_of(id_new(id)), uuid) || !uuid_parse(span_of(id_new(job)), job_uuid)) abort();
    for (int i = 0; i < BARE_ROWS; i++) {
        sqlite3_bind_int64(statements[i], 1, seq);
        sqlite3_bind_blob(statements[i], 2, uuid, sizeof uuid, SQLITE_STATIC);
        sqlite3_bind_int64(statements[i], 3, clock_wall_ms());
        sqlite3_bind_blob(statements[i], 4, digest, sizeof digest, SQLITE_STATIC);
        sqlite3_bind_blob(statements[i], 5, body, sizeof body, SQLITE_STATIC);
        sqlite3_bind_text(statements[i], 6, id, -1, SQLITE_STATIC);
        sqlite3_bind_blob(statements[i], 7, job_uuid, sizeof job_uuid, SQLITE_STATIC);
        if (sqlite3_step(statements[i]) != SQLITE_DONE) abort();
        sqlite3_reset(statements[i]);
    }
}

static double run_bare(int group) {
    char *directory = new_directory(), *path = xasprintf("%s/banyan.db", directory);
    sqlite3_stmt *statements[BARE_ROWS];
    sqlite3 *db = NULL;
    store_options options = options_for(directory);
    store *schema = NULL;
    stop_on(store_open(&options, &schema)); /* makes the tables */
    store_close(schema);
    if (sqlite3_open(path, &db) != SQLITE_OK) abort();
    bare(db, "pragma synchronous = full");
    for (int i = 0; i < BARE_ROWS; i++)
        if (sqlite3_prepare_v2(db, bare_rows[i], -1, &statements[i], NULL) != SQLITE_OK) abort();
    int64_t begin = clock_monotonic_ms();
    for (int i = 0; i < changes_a_round; i++) {
        if (i % group == 0) bare(db, "begin immediate");
        bare_change(statements, i + 1);
        if (i % group == group - 1 || i == changes_a_round - 1) bare(db, "commit");
    }
    int64_t took = clock_monotonic_ms() - begin;
    for (int i = 0; i < BARE_ROWS; i++)
        sqlite3_finalize(statements[i]);
    sqlite3_close(db);
    free(path);
    remove_directory(directory);
    return 1000.0 * changes_a_round / (double)took;
}

static double best(const double *rates) {
    double highest = 0;
    for (int i = 0; i < ROUNDS; i++)
        if (rates[i] > highest) highest = rates[i];
    return highest;
}

int main(int argc, char **argv) {
    double stored[ROUNDS], bare_64[ROUNDS], bare_256[ROUNDS];
    if (argc > 1) parent_directory = argv[1];
    if (argc > 2) changes_a_round = atoi(argv[2]);
    log_setup("bench", LOG_WARNING, false);
    memset(body, 'x', sizeof body);
    for (int i = 0; i < ROUNDS; i++) {
        stored[i] = run_store();
        bare_64[i] = run_bare(64);
        bare_256[i] = run_bare(256);
        printf("round %d: store %.0f/s, bare SQLite %.0f/s by 64, %.0f/s by 256\n", i + 1, stored[i], bare_64[i],
            bare_256[i]);
    }
    printf("store, 64 threads: %.0f changes/s = %.0f rows/s; %.2f of bare by 64 (%.0f/s), %.2f of bare by 256 "
           "(%.0f/s)\n",
        best(stored), best(stored) * BARE_ROWS, best(stored) / best(bare_64), best(bare_64),
        best(stored) / best(bare_256), best(bare_256));
    return 0;
}
