/* tests/unit/test_store_message.c: messages, payloads, documents and acknowledgements of the store. */
#include "tests/unit/store_help.h"

static char *directory;
static store *s;

static int open_store(void **state) {
    (void)state;
    directory = make_directory();
    store_options options = options_for(directory);
    must(store_open(&options, &s));
    return 0;
}

static int close_store(void **state) {
    (void)state;
    store_close(s);
    remove_directory(directory);
    return 0;
}

static void a_message_comes_back_as_it_was_written(void **state) {
    (void)state;
    json_t *headers = json_pack("{s:s}", "AS2-From", "ACME"), *json = NULL;
    store_message message = a_message();
    message.outgoing = true;
    message.status = MESSAGE_PROCESSING;
    message.reason = "because";
    message.partner = "acme";
    message.flow = "orders";
    message.endpoint = "POST /orders";
    message.content_type = "application/json";
    message.filename = "order.json";
    message.script = "order@abc";
    message.principal = "shop";
    message.headers = headers;
    payload p;
    must(payload_of(s, SPAN("{\"number\":4711}"), &p));
    store_change *change = store_change_new();
    store_add_message(change, &message, &p);
    assert_null(p.bytes);
    must(store_commit(s, change, NULL));
    must(store_message_json(s, message.id, &json));
    assert_string_equal(json_get_text(json, "id", ""), message.id);
    assert_string_equal(json_get_text(json, "direction", ""), "out");
    assert_string_equal(json_get_text(json, "status", ""), "processing");
    assert_string_equal(json_get_text(json, "reason", ""), "because");
    assert_string_equal(json_get_text(json, "connection", ""), "acme-sftp");
    assert_string_equal(json_get_text(json, "partner", ""), "acme");
    assert_string_equal(json_get_text(json, "flow", ""), "orders");
    assert_string_equal(json_get_text(json, "endpoint", ""), "POST /orders");
    assert_string_equal(json_get_text(json, "content_type", ""), "application/json");
    assert_string_equal(json_get_text(json, "filename", ""), "order.json");
    assert_string_equal(json_get_text(json, "script", ""), "order@abc");
    assert_string_equal(json_get_text(json, "principal", ""), "shop");
    assert_string_equal(json_get_text(json_get_object(json, "headers"), "AS2-From", ""), "ACME");
    assert_int_equal(json_get_integer(json, "size", 0), 15);
    assert_int_equal(strlen(json_get_text(json, "sha256", "")), 64);
    assert_int_equal(json_array_size(json_get_array(json, "documents")), 0);
    assert_true(json_is_null(json_object_get(json, "parent")));
    json_decref(json);
    json_decref(headers);
}

static void a_payload_comes_back_with_its_digest_checked(void **state) {
    (void)state;
    static const struct {
        size_t size;
        bool in_file;
    } cases[] = {{0, false}, {1, false}, {65536, false}, {65537, true}, {3000000, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        payload p;
        payload_view view;
        buf read = BUF_MAX(8 << 20);
        char *bytes = xmalloc(cases[i].size + 1);
        id_random(bytes, cases[i].size);
        must(payload_of(s, span_make(bytes, cases[i].size), &p));
        assert_int_equal(p.spool[0] != 0, cases[i].in_file);
        store_message message = a_message();
        store_change *change = store_change_new();
        store_add_message(change, &message, &p);
        must(store_commit(s, change, NULL));
        must(store_payload_open(s, message.id, &view));
        assert_int_equal(view.size, cases[i].size);
        assert_int_equal(view.fd >= 0, cases[i].in_file);
        if (view.fd >= 0)
            must(io_read_all(view.fd, &read, "payload"));
        else
            buf_add(&read, span_make(view.bytes, (size_t)view.size));
        assert_true(span_equal(buf_span(&read), span_make(bytes, cases[i].size)));
        payload_view_close(&view);
        buf_free(&read);
        free(bytes);
    }
}

static char *only_spool_file(void) {
    char *found = NULL;
    for (unsigned i = 0; i < 256; i++) {
        char *path = xasprintf("%s/spool/%02x", directory, i);
        DIR *shard = opendir(path);
        for (struct dirent *entry; shard && (entry = readdir(shard));)
            if (entry->d_name[0] != '.') {
                assert_null(found);
                found = xasprintf("%s/%s", path, entry->d_name);
            }
        if (shard) closedir(shard);
        free(path);
    }
    return found;
}

/* DB-04 */
static void a_changed_spool_file_is_told_not_served(void **state) {
    (void)state;
    char *big = xcalloc(1, 100001), id[ID_SIZE];
    memset(big, 'x', 100000);
    put_message(s, big, id);
    free(big);
    char *path = only_spool_file();
    assert_non_null(path);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "y", 1, 5000), 1);
    close(fd);
    payload_view view;
    must_refuse(store_payload_open(s, id, &view), ERROR_CORRUPT);
    assert_int_equal(truncate(path, 10), 0);
    must_refuse(store_payload_open(s, id, &view), ERROR_CORRUPT);
    assert_int_equal(unlink(path), 0);
    must_refuse(store_payload_open(s, id, &view), ERROR_CORRUPT);
    payload_view_close(&view);
    free(path);
}

static void what_a_courier_wrote_into_its_descriptor_is_a_payload(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1000, 200000};
    for (size_t i = 0; i < 3; i++) {
        payload_writer *writer;
        payload p, same;
        int fd;
        char *bytes = xmalloc(sizes[i] + 1);
        id_random(bytes, sizes[i]);
        must(payload_begin_file(s, &writer, &fd));
        must(io_write_all(fd, span_make(bytes, sizes[i]), "file"));
        must(payload_finish(writer, &p));
        must(payload_of(s, span_make(bytes, sizes[i]), &same));
        assert_int_equal(p.size, sizes[i]);
        assert_string_equal(p.sha256, same.sha256);
        assert_int_equal(p.spool[0] != 0, sizes[i] > 65536);
        payload_free(&p);
        payload_free(&same);
        free(bytes);
    }
}

static void an_abandoned_payload_leaves_no_file(void **state) {
    (void)state;
    payload_writer *writer;
    char *big = xcalloc(1, 100000);
    must(payload_begin(s, &writer));
    must(payload_write(writer, span_make(big, 100000)));
    char *path = only_spool_file();
    assert_non_null(path);
    free(path);
    payload_abandon(writer);
    assert_null(only_spool_file());
    free(big);
}

static void a_refused_change_leaves_no_file(void **state) {
    (void)state;
    char *big = xcalloc(1, 100000), unknown[ID_SIZE];
    payload p;
    must(payload_of(s, span_make(big, 100000), &p));
    free(big);
    store_message message = a_message();
    store_change *change = store_change_new();
    store_add_message(change, &message, &p);
    store_set_status(change, id_new(unknown), MESSAGE_FAILED, NULL);
    must_refuse(store_commit(s, change, NULL), ERROR_NOT_FOUND);
    assert_null(only_spool_file());
}

static void a_refused_change_leaves_nothing_and_its_neighbours_alone(void **state) {
    (void)state;
    json_t *json = NULL;
    char before[ID_SIZE], after[ID_SIZE], unknown[ID_SIZE];
    put_message(s, "before", before);
    store_message message = a_message();
    store_change *change = store_change_new();
    store_add_message(change, &message, NULL);
    store_add_event(change, message.id, "received", "text", NULL);
    store_set_status(change, id_new(unknown), MESSAGE_FAILED, NULL);
    must_refuse(store_commit(s, change, NULL), ERROR_NOT_FOUND);
    must_refuse(store_message_json(s, message.id, &json), ERROR_NOT_FOUND);
    put_message(s, "after", after);
    must_have_status(s, before, "received");
    must_have_status(s, after, "received");
    must(store_stats(s, &json));
    assert_int_equal(
        json_get_integer(json_get_object(json_get_object(json, "messages"), "by_status"), "received", 0), 2);
    assert_int_equal(json_get_integer(json_get_object(json_get_object(json, "messages"), "last_24h"), "in", 0), 2);
    json_decref(json);
}

static void what_is_no_id_is_refused(void **state) {
    (void)state;
    store_change *change = store_change_new();
    store_set_status(change, "4711' or 1=1", MESSAGE_FAILED, NULL);
    must_refuse(store_commit(s, change, NULL), ERROR_INVALID);
    json_t *json = NULL;
    must_refuse(store_message_json(s, "4711", &json), ERROR_NOT_FOUND);
}

static void an_id_is_taken_once(void **state) {
    (void)state;
    store_message message = a_message();
    store_change *change = store_change_new();
    store_add_message(change, &message, NULL);
    must(store_commit(s, change, NULL));
    change = store_change_new();
    store_add_message(change, &message, NULL);
    must_refuse(store_commit(s, change, NULL), ERROR_CONFLICT);
}

static void status_and_facts_change_and_events_line_up(void **state) {
    (void)state;
    char id[ID_SIZE];
    json_t *json = NULL, *detail = json_pack("{s:i}", "segments", 12);
    put_message(s, "x", id);
    store_change *change = store_change_new();
    store_set_status(change, id, MESSAGE_PROCESSING, NULL);
    store_set_facts(change, id, "orders", "acme", NULL);
    store_add_event(change, id, "received", "came by acme-sftp", NULL);
    store_add_event(change, id, "translated", "by order@1", detail);
    must(store_commit(s, change, NULL));
    change = store_change_new();
    store_set_facts(change, id, NULL, NULL, "order@2");
    store_set_status(change, id, MESSAGE_FAILED, "no route");
    store_add_event(change, id, "failed", NULL, NULL);
    must(store_commit(s, change, NULL));
    must(store_message_json(s, id, &json));
    assert_string_equal(json_get_text(json, "flow", ""), "orders");
    assert_string_equal(json_get_text(json, "partner", ""), "acme");
    assert_string_equal(json_get_text(json, "script", ""), "order@2");
    assert_string_equal(json_get_text(json, "reason", ""), "no route");
    json_decref(json);
    must(store_message_events(s, id, &json));
    json_t *events = json_get_array(json, "events");
    assert_int_equal(json_array_size(events), 3);
    assert_string_equal(json_get_text(json_array_get(events, 0), "kind", ""), "received");
    assert_string_equal(json_get_text(json_array_get(events, 1), "kind", ""), "translated");
    assert_int_equal(json_get_integer(json_get_object(json_array_get(events, 1), "detail"), "segments", 0), 12);
    assert_string_equal(json_get_text(json_array_get(events, 2), "kind", ""), "failed");
    json_decref(json);
    json_decref(detail);
}

static void children_name_their_parent_and_the_parent_them(void **state) {
    (void)state;
    char parent[ID_SIZE];
    json_t *json = NULL;
    put_message(s, "x", parent);
    store_message child = a_message();
    child.parent = parent;
    store_change *change = store_change_new();
    store_add_message(change, &child, NULL);
    must(store_commit(s, change, NULL));
    must(store_message_json(s, parent, &json));
    assert_string_equal(json_string_value(json_array_get(json_get_array(json, "children"), 0)), child.id);
    json_decref(json);
    must(store_message_json(s, child.id, &json));
    assert_string_equal(json_get_text(json, "parent", ""), parent);
    json_decref(json);
}

static void a_key_is_claimed_by_one_message(void **state) {
    (void)state;
    char first[ID_SIZE];
    store_commit_result result;
    put_message(s, "x", first);
    store_change *change = store_change_new();
    store_claim_key(change, "acme-as2", "<1@acme>", first);
    must(store_commit(s, change, NULL));
    store_message twin = a_message();
    change = store_change_new();
    store_add_message(change, &twin, NULL);
    store_claim_key(change, "acme-as2", "<1@acme>", twin.id);
    must_refuse(store_commit(s, change, &result), ERROR_CONFLICT);
    assert_string_equal(result.conflict, first);
    change = store_change_new();
    store_add_message(change, &twin, NULL);
    store_claim_key(change, "other-as2", "<1@acme>", twin.id); /* another scope */
    store_release_key(change, "acme-as2", "<1@acme>");
    store_claim_key(change, "acme-as2", "<1@acme>", twin.id);
    must(store_commit(s, change, &result));
    assert_string_equal(result.conflict, "");
}

/* An outgoing message that waits, with `count` documents that ask for a 997. */
static void put_waiting(char id[ID_SIZE], char documents[][ID_SIZE], int count, int64_t due_at) {
    store_message message = a_message();
    message.outgoing = true;
    message.status = MESSAGE_PROCESSING;
    message.partner = "acme";
    store_change *change = store_change_new();
    store_add_message(change, &message, NULL);
    for (int i = 0; i < count; i++) {
        store_document document = a_document(message.id);
        char control[16];
        snprintf(control, sizeof control, "%04d", i + 1);
        document.control = control;
        document.position = i;
        document.group_control = "77";
        document.interchange_control = "000000905";
        document.acknowledgement = "997";
        document.due_at = due_at;
        store_add_document(change, &document);
        memcpy(documents[i], document.id, ID_SIZE);
    }
    store_set_status(change, message.id, MESSAGE_WAITING, NULL);
    must(store_commit(s, change, NULL));
    memcpy(id, message.id, ID_SIZE);
}

static void acknowledge(const char *document, acknowledgement_status status, const char *text) {
    store_change *change = store_change_new();
    store_acknowledge(change, document, status, NULL, text);
    must(store_commit(s, change, NULL));
}

static void a_message_waits_until_all_its_documents_are_answered(void **state) {
    (void)state;
    static const struct {
        acknowledgement_status answers[3];
        const char *outcome;
    } cases[] = {
        {{ACKNOWLEDGEMENT_ACCEPTED, ACKNOWLEDGEMENT_ACCEPTED, ACKNOWLEDGEMENT_ACCEPTED}, "completed"},
        {{ACKNOWLEDGEMENT_ACCEPTED, ACKNOWLEDGEMENT_REJECTED, ACKNOWLEDGEMENT_ACCEPTED}, "rejected"},
    };
    for (size_t i = 0; i < 2; i++) {
        char id[ID_SIZE], documents[3][ID_SIZE];
        put_waiting(id, documents, 3, clock_wall_ms() + 60000);
        for (int d = 0; d < 3; d++) {
            must_have_status(s, id, "waiting");
            acknowledge(documents[d], cases[i].answers[d], "AK5*R*5");
        }
        must_have_status(s, id, cases[i].outcome);
    }
}

static void an_answer_that_came_before_the_wait_settles_it(void **state) {
    (void)state;
    store_message message = a_message();
    store_document document = a_document(message.id);
    document.acknowledgement = "997";
    document.due_at = clock_wall_ms() + 1000;
    store_change *change = store_change_new();
    store_add_message(change, &message, NULL);
    store_add_document(change, &document);
    must(store_commit(s, change, NULL));
    acknowledge(document.id, ACKNOWLEDGEMENT_ACCEPTED, NULL);
    must_have_status(s, message.id, "received");
    change = store_change_new();
    store_set_status(change, message.id, MESSAGE_WAITING, NULL);
    must(store_commit(s, change, NULL));
    must_have_status(s, message.id, "completed");
}

static void an_answer_is_given_once_and_only_when_asked(void **state) {
    (void)state;
    char id[ID_SIZE], documents[1][ID_SIZE], unknown[ID_SIZE];
    put_waiting(id, documents, 1, clock_wall_ms() + 60000);
    acknowledge(documents[0], ACKNOWLEDGEMENT_REJECTED, "no");
    store_change *change = store_change_new();
    store_acknowledge(change, documents[0], ACKNOWLEDGEMENT_ACCEPTED, NULL, NULL);
    must_refuse(store_commit(s, change, NULL), ERROR_CONFLICT);
    must_have_status(s, id, "rejected");
    store_document silent = a_document(id);
    silent.position = 1;
    change = store_change_new();
    store_add_document(change, &silent);
    must(store_commit(s, change, NULL));
    change = store_change_new();
    store_acknowledge(change, silent.id, ACKNOWLEDGEMENT_ACCEPTED, NULL, NULL);
    must_refuse(store_commit(s, change, NULL), ERROR_CONFLICT);
    change = store_change_new();
    store_acknowledge(change, id_new(unknown), ACKNOWLEDGEMENT_ACCEPTED, NULL, NULL);
    must_refuse(store_commit(s, change, NULL), ERROR_NOT_FOUND);
    change = store_change_new();
    store_acknowledge(change, documents[0], ACKNOWLEDGEMENT_DUE, NULL, NULL);
    must_refuse(store_commit(s, change, NULL), ERROR_INVALID);
}

static void an_acknowledgement_finds_the_open_documents_it_answers(void **state) {
    (void)state;
    char id[ID_SIZE], documents[3][ID_SIZE];
    put_waiting(id, documents, 3, clock_wall_ms() + 60000);
    acknowledge(documents[0], ACKNOWLEDGEMENT_ACCEPTED, NULL);
    static const struct {
        acknowledged_key key;
        size_t found;
    } cases[] = {
        {{.partner = "acme", .standard = "X12", .group_control = "77"}, 2},
        {{.partner = "acme", .standard = "X12", .group_control = "77", .type = "850", .control = "0002"}, 1},
        {{.partner = "acme", .standard = "X12", .group_control = "77", .type = "850", .control = "0001"}, 0},
        {{.partner = "other", .standard = "X12", .group_control = "77"}, 0},
        {{.interchange_control = "000000905"}, 2},
        {{.interchange_control = "000000905", .group_control = "78"}, 0},
        {{.interchange_control = "000000906"}, 0},
        {{.standard = "EDIFACT", .interchange_control = "000000905"}, 0},
        {{.type = "850", .control = "0003"}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *found = NULL;
        must(store_find_acknowledged(s, &cases[i].key, &found));
        if (json_array_size(found) != cases[i].found) fail_msg("case %zu: %zu found", i, json_array_size(found));
        if (cases[i].found) assert_string_equal(json_get_text(json_array_get(found, 0), "message", ""), id);
        json_decref(found);
    }
}

static void what_is_past_its_deadline_is_overdue(void **state) {
    (void)state;
    char late[ID_SIZE], late_documents[2][ID_SIZE], early[ID_SIZE], early_documents[1][ID_SIZE];
    put_waiting(early, early_documents, 1, clock_wall_ms() + 600000);
    put_waiting(late, late_documents, 2, clock_wall_ms() - 1000);
    json_t *json = NULL;
    must(store_find_acknowledgements(s, true, NULL, 1, &json));
    json_t *items = json_get_array(json, "items");
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(json_get_text(json_array_get(items, 0), "message", ""), late);
    assert_string_equal(json_get_text(json_array_get(items, 0), "status", ""), "overdue");
    assert_string_equal(json_get_text(json_array_get(items, 0), "kind", ""), "997");
    assert_string_equal(json_get_text(json_array_get(items, 0), "partner", ""), "acme");
    char *next = xstrdup(json_get_text(json, "next", ""));
    json_decref(json);
    must(store_find_acknowledgements(s, true, next, 10, &json));
    free(next);
    assert_int_equal(json_array_size(json_get_array(json, "items")), 1);
    assert_null(json_object_get(json, "next"));
    json_decref(json);
    acknowledge(late_documents[0], ACKNOWLEDGEMENT_REJECTED, "AK5*R");
    must(store_find_acknowledgements(s, false, NULL, 10, &json));
    items = json_get_array(json, "items");
    assert_int_equal(json_array_size(items), 3);
    assert_string_equal(json_get_text(json_array_get(items, 0), "status", ""), "overdue");
    assert_string_equal(json_get_text(json_array_get(items, 1), "status", ""), "rejected");
    assert_string_equal(json_get_text(json_array_get(items, 1), "text", ""), "AK5*R");
    assert_string_equal(json_get_text(json_array_get(items, 2), "status", ""), "due");
    json_decref(json);
    must(store_stats(s, &json));
    assert_int_equal(json_get_integer(json_get_object(json, "acknowledgements"), "due", -1), 1);
    assert_int_equal(json_get_integer(json_get_object(json, "acknowledgements"), "overdue", -1), 1);
    json_decref(json);
}

static void a_document_is_found_by_its_business_key_and_its_conversation(void **state) {
    (void)state;
    json_t *keys = json_pack("{s:s,s:i}", "po", "4711", "lines", 3), *json = NULL;
    store_message order = a_message(), answer = a_message();
    order.partner = answer.partner = "acme";
    order.outgoing = true;
    store_document purchase = a_document(order.id), confirmation = a_document(answer.id);
    purchase.keys = confirmation.keys = keys;
    confirmation.type = "855";
    store_change *change = store_change_new();
    store_add_message(change, &order, NULL);
    store_add_document(change, &purchase);
    store_add_message(change, &answer, NULL);
    store_add_document(change, &confirmation);
    store_link_answer(change, purchase.id, confirmation.id);
    must(store_commit(s, change, NULL));
    must(store_find_by_key(s, "acme", "850", "po", "4711", &json));
    assert_int_equal(json_array_size(json), 1);
    assert_string_equal(json_get_text(json_array_get(json, 0), "id", ""), purchase.id);
    assert_string_equal(json_get_text(json_array_get(json, 0), "direction", ""), "out");
    json_decref(json);
    must(store_find_by_key(s, NULL, NULL, "lines", "3", &json));
    assert_int_equal(json_array_size(json), 2);
    assert_string_equal(json_get_text(json_array_get(json, 0), "type", ""), "855");
    json_decref(json);
    must(store_find_by_key(s, "other", NULL, "po", "4711", &json));
    assert_int_equal(json_array_size(json), 0);
    json_decref(json);
    must(store_message_json(s, order.id, &json));
    json_t *document = json_array_get(json_get_array(json, "documents"), 0);
    assert_string_equal(json_string_value(json_array_get(json_get_array(document, "answered_by"), 0)), confirmation.id);
    assert_string_equal(json_get_text(json_get_object(document, "keys"), "po", ""), "4711");
    assert_true(json_is_null(json_object_get(document, "acknowledgement")));
    json_decref(json);
    char unknown[ID_SIZE];
    change = store_change_new();
    store_link_answer(change, purchase.id, id_new(unknown));
    must_refuse(store_commit(s, change, NULL), ERROR_NOT_FOUND);
    json_decref(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_comes_back_as_it_was_written, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_payload_comes_back_with_its_digest_checked, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_changed_spool_file_is_told_not_served, open_store, close_store),
        cmocka_unit_test_setup_teardown(what_a_courier_wrote_into_its_descriptor_is_a_payload, open_store, close_store),
        cmocka_unit_test_setup_teardown(an_abandoned_payload_leaves_no_file, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_refused_change_leaves_no_file, open_store, close_store),
        cmocka_unit_test_setup_teardown(
            a_refused_change_leaves_nothing_and_its_neighbours_alone, open_store, close_store),
        cmocka_unit_test_setup_teardown(what_is_no_id_is_refused, open_store, close_store),
        cmocka_unit_test_setup_teardown(an_id_is_taken_once, open_store, close_store),
        cmocka_unit_test_setup_teardown(status_and_facts_change_and_events_line_up, open_store, close_store),
        cmocka_unit_test_setup_teardown(children_name_their_parent_and_the_parent_them, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_key_is_claimed_by_one_message, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_message_waits_until_all_its_documents_are_answered, open_store, close_store),
        cmocka_unit_test_setup_teardown(an_answer_that_came_before_the_wait_settles_it, open_store, close_store),
        cmocka_unit_test_setup_teardown(an_answer_is_given_once_and_only_when_asked, open_store, close_store),
        cmocka_unit_test_setup_teardown(
            an_acknowledgement_finds_the_open_documents_it_answers, open_store, close_store),
        cmocka_unit_test_setup_teardown(what_is_past_its_deadline_is_overdue, open_store, close_store),
        cmocka_unit_test_setup_teardown(
            a_document_is_found_by_its_business_key_and_its_conversation, open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
