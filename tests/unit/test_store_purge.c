/* The store removes what was kept long enough, and nothing that somebody still needs (DB-10). */
#include "tests/unit/store_help.h"

enum { OLD_MS = 1000, NOW_MS = 100 * 3600 * 1000, BOUND_MS = 50 * 3600 * 1000 };

typedef struct fixture {
    store *s;
    char *directory;
} fixture;

static int open_fixture(void **state) {
    fixture *f = xcalloc(1, sizeof *f);
    f->directory = make_directory();
    store_options options = options_for(f->directory);
    must(store_open(&options, &f->s));
    *state = f;
    return 0;
}

static int close_fixture(void **state) {
    fixture *f = *state;
    store_close(f->s);
    remove_directory(f->directory);
    free(f);
    return 0;
}

static bool always(void *context) {
    (void)context;
    return true;
}

static purge_outcome purge(store *s, int64_t payloads_before, int64_t messages_before) {
    purge_outcome out;
    const purge_plan plan = {payloads_before, messages_before, always, NULL};
    must(store_purge(s, &plan, &out));
    return out;
}

/* A message of that age with that many bytes, a document with a key, and a claimed dedupe key. */
static void add(store *s, message_status status, int64_t received_at, size_t bytes, const char *parent, bool due,
    char id[ID_SIZE]) {
    store_change *change = store_change_new();
    store_message message = a_message();
    payload p;
    char *content = xcalloc(1, bytes + 1);
    message.status = status;
    message.received_at = received_at;
    message.filename = "order.edi";
    message.reason = status == MESSAGE_REJECTED ? "unknown article" : NULL;
    if (parent) message.parent = parent;
    must(payload_of(s, span_make(content, bytes), &p));
    store_add_message(change, &message, &p);
    store_add_event(change, message.id, "received", "by a test", NULL);
    store_document document = a_document(message.id);
    if (due) {
        document.acknowledgement = "997";
        document.due_at = received_at + 1;
    }
    json_t *keys = json_pack("{s:s}", "po", "PO4711");
    document.keys = keys;
    store_add_document(change, &document);
    json_decref(keys);
    store_claim_key(change, "acme-sftp", message.id, message.id);
    must(store_commit(s, change, NULL));
    memcpy(id, message.id, ID_SIZE);
    free(content);
}

static bool exists(store *s, const char *id) {
    json_t *message = NULL;
    error *err = store_message_json(s, id, &message);
    bool there = !err;
    if (err && error_code_of(err) != ERROR_NOT_FOUND) fail_msg("%s", error_text(err));
    error_free(err);
    json_decref(message);
    return there;
}

static bool has_payload(store *s, const char *id) {
    payload_view view;
    error *err = store_payload_open(s, id, &view);
    bool there = !err;
    if (!err) payload_view_close(&view);
    if (err && error_code_of(err) != ERROR_NOT_FOUND) fail_msg("%s", error_text(err));
    error_free(err);
    return there;
}

static size_t found_by_words(store *s, const char *words) {
    json_t *page = NULL;
    const message_filter filter = {.text = words, .limit = 100};
    must(store_find_messages(s, &filter, &page));
    size_t count = json_array_size(json_object_get(page, "items"));
    json_decref(page);
    return count;
}

static size_t spool_files(const fixture *f) {
    char *command = xasprintf("find %s/spool -type f | wc -l", f->directory);
    FILE *pipe = popen(command, "r");
    size_t count = 0;
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%zu", &count), 1);
    pclose(pipe);
    free(command);
    return count;
}

static void only_what_is_over_and_old_goes(void **state) {
    fixture *f = *state;
    static const struct {
        const char *what;
        message_status status;
        int64_t received_at;
        bool due, goes;
    } rows[] = {
        {"completed and old", MESSAGE_COMPLETED, OLD_MS, false, true},
        {"rejected and old", MESSAGE_REJECTED, OLD_MS, false, true},
        {"duplicate and old", MESSAGE_DUPLICATE, OLD_MS, false, true},
        {"received and old", MESSAGE_RECEIVED, OLD_MS, false, false},
        {"processing and old", MESSAGE_PROCESSING, OLD_MS, false, false},
        {"waiting and old", MESSAGE_WAITING, OLD_MS, false, false},
        {"failed and old", MESSAGE_FAILED, OLD_MS, false, false},
        {"quarantined and old", MESSAGE_QUARANTINED, OLD_MS, false, false},
        {"completed and old, but an acknowledgement is due", MESSAGE_COMPLETED, OLD_MS, true, false},
        {"completed and young", MESSAGE_COMPLETED, NOW_MS, false, false},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    char ids[ROWS][ID_SIZE];
    for (size_t i = 0; i < ROWS; i++)
        add(f->s, rows[i].status, rows[i].received_at, 100, NULL, rows[i].due, ids[i]);
    purge_outcome payloads = purge(f->s, BOUND_MS, 0);
    assert_int_equal(payloads.payloads, 3);
    assert_int_equal(payloads.messages, 0);
    for (size_t i = 0; i < ROWS; i++) {
        if (!exists(f->s, ids[i])) fail_msg("%s: gone with its payload", rows[i].what);
        if (has_payload(f->s, ids[i]) == rows[i].goes) fail_msg("%s: payload", rows[i].what);
    }
    purge_outcome messages = purge(f->s, BOUND_MS, BOUND_MS);
    assert_int_equal(messages.messages, 3);
    assert_int_equal(messages.payloads, 0);
    for (size_t i = 0; i < ROWS; i++)
        if (exists(f->s, ids[i]) == rows[i].goes) fail_msg("%s: message", rows[i].what);
}

static void a_removed_payload_says_when_and_why(void **state) {
    fixture *f = *state;
    char id[ID_SIZE];
    payload_view view;
    json_t *events = NULL;
    add(f->s, MESSAGE_COMPLETED, OLD_MS, 10, NULL, false, id);
    purge(f->s, BOUND_MS, 0);
    error *err = store_payload_open(f->s, id, &view);
    assert_non_null(err);
    assert_int_equal(error_code_of(err), ERROR_NOT_FOUND);
    assert_non_null(strstr(error_text(err), "retention.payloads"));
    error_free(err);
    must(store_message_events(f->s, id, &events));
    const json_t *items = json_get_array(events, "events");
    const json_t *last = json_array_get(items, json_array_size(items) - 1);
    assert_string_equal(json_get_text(last, "kind", ""), "payload removed");
    json_decref(events);
}

static void files_go_with_their_rows(void **state) {
    fixture *f = *state;
    char small[ID_SIZE], large[ID_SIZE], young[ID_SIZE];
    add(f->s, MESSAGE_COMPLETED, OLD_MS, 10, NULL, false, small);
    add(f->s, MESSAGE_COMPLETED, OLD_MS, 200 * 1024, NULL, false, large);
    add(f->s, MESSAGE_COMPLETED, NOW_MS, 200 * 1024, NULL, false, young);
    assert_int_equal(spool_files(f), 2);
    assert_int_equal(purge(f->s, BOUND_MS, 0).payloads, 2);
    assert_int_equal(spool_files(f), 1);
    assert_true(has_payload(f->s, young));
    assert_int_equal(purge(f->s, NOW_MS + 1, NOW_MS + 1).messages, 3);
    assert_int_equal(spool_files(f), 0);
}

static void a_parent_stays_until_its_last_child_went(void **state) {
    fixture *f = *state;
    char parent[ID_SIZE], child[ID_SIZE], failed[ID_SIZE], lonely[ID_SIZE];
    add(f->s, MESSAGE_COMPLETED, OLD_MS, 10, NULL, false, parent);
    add(f->s, MESSAGE_COMPLETED, OLD_MS, 10, parent, false, child);
    add(f->s, MESSAGE_FAILED, OLD_MS, 10, parent, false, failed);
    add(f->s, MESSAGE_COMPLETED, OLD_MS, 10, child, false, lonely);
    assert_int_equal(purge(f->s, 0, BOUND_MS).messages, 2); /* the grandchild, then the child */
    assert_true(exists(f->s, parent));
    assert_true(exists(f->s, failed));
    store_change *change = store_change_new();
    store_set_status(change, failed, MESSAGE_COMPLETED, NULL);
    must(store_commit(f->s, change, NULL));
    assert_int_equal(purge(f->s, 0, BOUND_MS).messages, 2);
}

static void what_has_a_job_stays(void **state) {
    fixture *f = *state;
    char id[ID_SIZE];
    add(f->s, MESSAGE_COMPLETED, OLD_MS, 10, NULL, false, id);
    store_change *change = store_change_new();
    store_job job = {.kind = "deliver", .message = id, .connection = "erp", .run_at = NOW_MS};
    id_new(job.id);
    store_add_job(change, &job);
    must(store_commit(f->s, change, NULL));
    purge_outcome out = purge(f->s, BOUND_MS, BOUND_MS);
    assert_int_equal(out.messages + out.payloads, 0);
}

static void words_keys_and_claims_go_too(void **state) {
    fixture *f = *state;
    char id[ID_SIZE], young[ID_SIZE];
    add(f->s, MESSAGE_REJECTED, OLD_MS, 10, NULL, false, id);
    add(f->s, MESSAGE_REJECTED, NOW_MS, 10, NULL, false, young);
    assert_int_equal(found_by_words(f->s, "PO4711"), 2);
    assert_int_equal(purge(f->s, 0, BOUND_MS).messages, 1);
    assert_int_equal(found_by_words(f->s, "PO4711"), 1);
    assert_int_equal(found_by_words(f->s, "order.edi"), 1);
    assert_int_equal(found_by_words(f->s, "unknown article"), 1);
    /* The dedupe key is free again, that of the young one is not. */
    char again[ID_SIZE];
    add(f->s, MESSAGE_RECEIVED, NOW_MS, 10, NULL, false, again);
    store_change *change = store_change_new();
    store_claim_key(change, "acme-sftp", id, again);
    must(store_commit(f->s, change, NULL));
    change = store_change_new();
    store_claim_key(change, "acme-sftp", young, again);
    must_refuse(store_commit(f->s, change, NULL), ERROR_CONFLICT);
}

static void counts_follow(void **state) {
    fixture *f = *state;
    json_t *stats = NULL;
    char id[ID_SIZE];
    for (int i = 0; i < 200; i++)
        add(f->s, MESSAGE_COMPLETED, i < 150 ? OLD_MS : NOW_MS, 10, NULL, false, id);
    assert_int_equal(purge(f->s, 0, BOUND_MS).messages, 150);
    must(store_stats(f->s, &stats));
    json_t *by_status = json_get_object(json_get_object(stats, "messages"), "by_status");
    if (!by_status) by_status = json_get_object(stats, "messages");
    assert_int_equal(json_get_integer(by_status, "completed", -1), 50);
    json_decref(stats);
}

int main(void) {
#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        IN_A_STORE(only_what_is_over_and_old_goes),
        IN_A_STORE(a_removed_payload_says_when_and_why),
        IN_A_STORE(files_go_with_their_rows),
        IN_A_STORE(a_parent_stays_until_its_last_child_went),
        IN_A_STORE(what_has_a_job_stays),
        IN_A_STORE(words_keys_and_claims_go_too),
        IN_A_STORE(counts_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
