/* tests/bench/bench_find.c: how long the list of messages, its filters and its search take with a million messages.
 *
 * The store is filled by its own changes, a few hundred messages each, with one document and a business key a message:
 * twenty partners share nearly all of them, one partner, flow and type has ten messages that are years old, and one in
 * a hundred failed. Each question is asked for one page of 50, as the admin UI does; the figure is the least of five.
 * The reference is what a person feels as at once: 100 ms. Usage: bench_find [MESSAGES [DIRECTORY]]; a directory is
 * kept, and used as it is when it has a store.
 */
#include "core/base/clock.h"
#include "tests/unit/store_help.h"

#include <time.h>

enum { A_CHANGE = 400, ROUNDS = 5, PAGE = 50, PARTNERS = 20, RARE_EVERY = 1000, RARE = 10 };

static store *bench_store;

static void stop_on(error *err) {
    if (!err) return;
    fprintf(stderr, "%s\n", error_text(err));
    exit(3);
}

/* ---- filling ---- */

static void add_message(store_change *change, int64_t i, int64_t all, int64_t now) {
    char partner[32], flow[32], file[32], po[32], control[32];
    bool rare = i < (int64_t)RARE * RARE_EVERY && i % RARE_EVERY == 0;
    snprintf(partner, sizeof partner, rare ? "seldom" : "partner-%d", (int)(i % PARTNERS));
    snprintf(flow, sizeof flow, rare ? "rare-flow" : "flow-%d", (int)(i % 7));
    snprintf(file, sizeof file, "orders-%lld.edi", (long long)i);
    snprintf(po, sizeof po, "PO%lld", (long long)i);
    snprintf(control, sizeof control, "%09lld", (long long)i);
    store_message message = {
        .outgoing = i % 2 == 1,
        .status = i % 100 == 7 ? MESSAGE_FAILED : MESSAGE_COMPLETED,
        .reason = i % 100 == 7 ? "connection refused by the partner's server" : NULL,
        .connection = rare ? "seldom-sftp" : partner,
        .partner = partner,
        .flow = flow,
        .content_type = "application/edi-x12",
        .filename = file,
        .received_at = now - (all - i) * 1000,
    };
    id_new(message.id);
    store_add_message(change, &message, NULL);
    json_t *keys = json_pack("{s:s}", "po", po);
    store_document document = {.message = message.id,
        .standard = "X12",
        .type = rare    ? "180"
                : i % 3 ? "850"
                        : "810",
        .version = "004010",
        .control = control,
        .keys = keys};
    id_new(document.id);
    store_add_document(change, &document);
    store_add_event(change, message.id, "received", "512 bytes", NULL);
    json_decref(keys);
}

static void fill(int64_t all) {
    int64_t now = clock_wall_ms();
    for (int64_t i = 0; i < all;) {
        store_change *change = store_change_new();
        for (int n = 0; n < A_CHANGE && i < all; n++)
            add_message(change, i++, all, now);
        stop_on(store_commit(bench_store, change, NULL));
    }
}

/* ---- asking ---- */

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int compare(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int slow;

static void tell(const char *what, int64_t *took_us, size_t rows) {
    qsort(took_us, ROUNDS, sizeof *took_us, compare);
    bool is_slow = took_us[0] > 100000;
    slow += is_slow;
    printf("%-44s %9.2f ms  %4zu rows%s\n", what, (double)took_us[0] / 1000, rows, is_slow ? "  SLOW" : "");
    fflush(stdout);
}

static void ask(const char *what, message_filter filter) {
    int64_t took_us[ROUNDS];
    size_t rows = 0;
    filter.limit = PAGE;
    for (int i = 0; i < ROUNDS; i++) {
        json_t *page = NULL;
        int64_t began = now_us();
        stop_on(store_find_messages(bench_store, &filter, &page));
        took_us[i] = now_us() - began;
        rows = json_array_size(json_get_array(page, "items"));
        json_decref(page);
    }
    tell(what, took_us, rows);
}

static void ask_figures(const char *what, error *(*question)(store *, json_t **)) {
    int64_t took_us[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        json_t *answer = NULL;
        int64_t began = now_us();
        stop_on(question(bench_store, &answer));
        took_us[i] = now_us() - began;
        json_decref(answer);
    }
    tell(what, took_us, 1);
}

static error *month(store *s, json_t **out) {
    return store_history(s, INT64_C(30) * 24 * 3600 * 1000, out);
}

/* The id at which the list stands when somebody scrolled to the middle. */
static void middle(int64_t all, char id[ID_SIZE]) {
    json_t *page = NULL;
    char po[32];
    snprintf(po, sizeof po, "PO%lld", (long long)all / 2);
    const message_filter filter = {.text = po, .limit = 1};
    stop_on(store_find_messages(bench_store, &filter, &page));
    const char *found = json_get_text(json_array_get(json_get_array(page, "items"), 0), "id", "");
    snprintf(id, ID_SIZE, "%s", found);
    json_decref(page);
}

static void ask_all(int64_t all) {
    char at[ID_SIZE], po[32], file[48];
    int64_t now = clock_wall_ms(), old = now - all * 1000;
    middle(all, at);
    snprintf(po, sizeof po, "PO%lld", (long long)all / 3);
    snprintf(file, sizeof file, "orders-%lld.edi", (long long)all / 4);
    ask("the list", (message_filter){.limit = 0});
    ask("the list, scrolled to the middle", (message_filter){.after = at});
    ask("status:failed", (message_filter){.status = "failed"});
    ask("status:failed, scrolled to the middle", (message_filter){.status = "failed", .after = at});
    ask("status:completed", (message_filter){.status = "completed"});
    ask("status:quarantined (none)", (message_filter){.status = "quarantined"});
    ask("status:processing (none)", (message_filter){.status = "processing"});
    ask("partner, one of many", (message_filter){.partner = "partner-3"});
    ask("partner, ten old messages", (message_filter){.partner = "seldom"});
    ask("partner that is not there", (message_filter){.partner = "nobody"});
    ask("partner and status:failed", (message_filter){.partner = "partner-7", .status = "failed"});
    ask("partner and status:failed, never", (message_filter){.partner = "partner-4", .status = "failed"});
    ask("connection, ten old messages", (message_filter){.connection = "seldom-sftp"});
    ask("flow, ten old messages", (message_filter){.flow = "rare-flow"});
    ask("flow and direction, in", (message_filter){.flow = "flow-2", .direction = "in"});
    ask("type, one of many", (message_filter){.type = "810"});
    ask("type, ten old messages", (message_filter){.type = "180"});
    ask("type that is not there", (message_filter){.type = "999999"});
    ask("since an hour ago", (message_filter){.since = now - 3600 * 1000});
    ask("in an old hour", (message_filter){.since = old + 3600 * 1000, .until = old + 2 * 3600 * 1000});
    ask("since tomorrow (none)", (message_filter){.since = now + 86400 * 1000});
    ask("search: a key", (message_filter){.text = po});
    ask("search: a file name", (message_filter){.text = file});
    ask("search: the beginning of many keys", (message_filter){.text = "PO1"});
    ask("search: words of a reason", (message_filter){.text = "refused partner"});
    ask("search: nothing like it", (message_filter){.text = "xyzzy"});
    ask("search: a key, of a partner without it", (message_filter){.text = po, .partner = "seldom"});
    ask_figures("the figures of the overview", store_stats);
    ask_figures("traffic of 30 days", month);
    ask_figures("how partners fare", store_partners);
}

int main(int argc, char **argv) {
    int64_t all = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000000;
    char *directory = argc > 2 ? xstrdup(argv[2]) : make_directory(), *path = xasprintf("%s/banyan.db", directory);
    bool there = access(path, F_OK) == 0;
    store_options options = options_for(directory);
    stop_on(store_open(&options, &bench_store));
    int64_t began = clock_monotonic_ms();
    if (!there) fill(all);
    printf("%lld messages, filled in %.1f s\n", (long long)all, (double)(clock_monotonic_ms() - began) / 1000);
    ask_all(all);
    store_close(bench_store);
    free(path);
    if (argc > 2)
        free(directory);
    else
        remove_directory(directory);
    printf(slow ? "%d questions took longer than 100 ms\n" : "all questions are answered within 100 ms\n", slow);
    return 0;
}
