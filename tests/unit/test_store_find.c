/* tests/unit/test_store_find.c: searches, filters and pages. */
#include "tests/unit/store_help.h"

enum { MESSAGES = 25 };

static char *directory;
static store *s;
static char ids[MESSAGES][ID_SIZE], document_ids[MESSAGES][ID_SIZE];

/* Even ones come in from acme, odd ones go out to baker; each has a document; number 7 failed. */
static void put_numbered(int number) {
    char filename[40], control[16], po[16];
    snprintf(filename, sizeof filename, "ORD_%04d-Köln.edi", 4000 + number);
    snprintf(control, sizeof control, "%09d", 900 + number);
    snprintf(po, sizeof po, "PO%d", 100 + number);
    json_t *keys = json_pack("{s:s}", "po", po);
    store_message message = a_message();
    message.outgoing = number % 2;
    message.partner = number % 2 ? "baker" : "acme";
    message.connection = number % 2 ? "baker-as2" : "acme-sftp";
    message.flow = number % 5 ? "orders" : "invoices";
    message.filename = filename;
    message.received_at = 1000000 + number * 1000;
    message.parent = number == 3 ? ids[2] : NULL;
    store_document document = a_document(message.id);
    document.type = number % 5 ? "850" : "810";
    document.standard = number % 3 ? "X12" : "EDIFACT";
    document.interchange_control = control;
    document.keys = keys;
    store_change *change = store_change_new();
    store_add_message(change, &message, NULL);
    store_add_document(change, &document);
    if (number == 7) store_set_status(change, message.id, MESSAGE_FAILED, "connection refused by peer");
    must(store_commit(s, change, NULL));
    memcpy(ids[number], message.id, ID_SIZE);
    memcpy(document_ids[number], document.id, ID_SIZE);
    json_decref(keys);
}

static int open_store(void **state) {
    (void)state;
    directory = make_directory();
    store_options options = options_for(directory);
    must(store_open(&options, &s));
    for (int i = 0; i < MESSAGES; i++)
        put_numbered(i);
    return 0;
}

static int close_store(void **state) {
    (void)state;
    store_close(s);
    remove_directory(directory);
    return 0;
}

typedef error *find(store *opened, const message_filter *filter, json_t **out);

/* All pages of a search, newest first; checks that nothing comes twice. The number found; the last id in `last`. */
static size_t count_found(find *search, message_filter filter, int limit, char last[ID_SIZE]) {
    char *after = NULL;
    size_t count = 0;
    last[0] = '\0';
    do {
        json_t *page = NULL, *item;
        size_t at;
        filter.after = after;
        filter.limit = limit;
        must(search(s, &filter, &page));
        free(after);
        after = json_get_text(page, "next", NULL) ? xstrdup(json_get_text(page, "next", NULL)) : NULL;
        assert_true(json_array_size(json_get_array(page, "items")) <= (size_t)limit);
        json_array_foreach(json_get_array(page, "items"), at, item) {
            const char *id = json_get_text(item, "id", "");
            if (count) assert_true(strcmp(id, last) < 0);
            memcpy(last, id, ID_SIZE);
            count++;
        }
        json_decref(page);
    } while (after);
    return count;
}

static const struct search_case {
    const char *name;
    message_filter filter;
    size_t messages, documents;
} cases[] = {
    {"no filter", {.status = NULL}, 25, 25},
    {"status", {.status = "received"}, 24, 24},
    {"status along its index", {.status = "failed"}, 1, 1},
    {"direction in", {.direction = "in"}, 13, 13},
    {"direction out", {.direction = "out"}, 12, 12},
    {"connection", {.connection = "baker-as2"}, 12, 12},
    {"partner", {.partner = "acme"}, 13, 13},
    {"flow", {.flow = "invoices"}, 5, 5},
    {"type", {.type = "810"}, 5, 5},
    {"standard", {.standard = "EDIFACT"}, 9, 9},
    {"type and standard", {.type = "810", .standard = "EDIFACT"}, 2, 2},
    {"since", {.since = 1000000 + 20 * 1000}, 5, 5},
    {"until", {.until = 1000000 + 20 * 1000}, 20, 20},
    {"since and until", {.since = 1000000 + 5 * 1000, .until = 1000000 + 7 * 1000}, 2, 2},
    {"status that nothing has", {.status = "processing"}, 0, 0},
    {"partner, of a time", {.partner = "acme", .until = 1000000 + 20 * 1000}, 10, 10},
    {"flow and partner", {.flow = "invoices", .partner = "acme"}, 3, 3},
    {"connection and type", {.connection = "baker-as2", .type = "810"}, 2, 2},
    {"type, since", {.type = "810", .since = 1000000 + 15 * 1000}, 2, 2},
    {"status, since", {.status = "failed", .since = 1000000 + 8 * 1000}, 0, 0},
    {"nobody", {.partner = "nobody"}, 0, 0},
    {"a key", {.text = "PO117"}, 1, 1},
    {"a key in lower case", {.text = "po117"}, 1, 1},
    {"the beginning of keys", {.text = "PO11"}, 10, 10},
    {"a control number", {.text = "000000912"}, 1, 1},
    {"a file name", {.text = "ORD_4012-Köln.edi"}, 1, 1},
    {"a file name without its accents", {.text = "ord_4012-koln"}, 1, 1},
    {"a file name whose ending is not whole", {.text = "ORD_4012-Köln.ed"}, 1, 1},
    {"the beginning of file names", {.text = "ORD_401"}, 10, 10},
    {"a word of a reason", {.text = "refused"}, 1, 1},
    {"words of different parts", {.text = "4007 refused PO107 000000907"}, 1, 1},
    {"eight words of four parts", {.text = "peer by refused connection 4007 PO107 000000907 edi"}, 1, 1},
    {"more words than are looked for apart", {.text = "a b c d e f g h ORD"}, 0, 0},
    {"words that never meet", {.text = "4007 PO108"}, 0, 0},
    {"every message", {.text = "ORD"}, 25, 25},
    {"words and a filter", {.text = "ORD", .partner = "baker"}, 12, 12},
    {"punctuation alone", {.text = "- . ( \" *"}, 0, 0},
    {"the syntax of a search engine", {.text = "ORD OR NOT"}, 0, 0},
    {"a column of a search engine", {.text = "words:ORD"}, 0, 0},
    {"an open quote", {.text = "\"ORD"}, 25, 25},
    {"near", {.text = "NEAR(ORD 4007)"}, 0, 0},
};

static void each_filter_finds_what_it_names_in_pages_of_any_size(void **state) {
    (void)state;
    static const int limits[] = {1, 4, 25, 1000};
    char last[ID_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
            size_t messages = count_found(store_find_messages, cases[i].filter, limits[l], last);
            size_t documents = count_found(store_find_documents, cases[i].filter, limits[l], last);
            if (messages != cases[i].messages || documents != cases[i].documents)
                fail_msg("%s by %d: %zu messages, %zu documents", cases[i].name, limits[l], messages, documents);
        }
    }
}

static void a_message_is_found_by_its_id_and_its_documents_id(void **state) {
    (void)state;
    char last[ID_SIZE];
    char *blanks = xasprintf("  %s ", ids[9]);
    assert_int_equal(count_found(store_find_messages, (message_filter){.text = blanks}, 10, last), 1);
    assert_string_equal(last, ids[9]);
    assert_int_equal(count_found(store_find_messages, (message_filter){.text = document_ids[4]}, 10, last), 1);
    assert_string_equal(last, ids[4]);
    assert_int_equal(count_found(store_find_documents, (message_filter){.text = ids[4]}, 10, last), 1);
    assert_string_equal(last, document_ids[4]);
    assert_int_equal(count_found(store_find_documents, (message_filter){.text = document_ids[4]}, 10, last), 1);
    assert_int_equal(
        count_found(store_find_messages, (message_filter){.text = ids[4], .partner = "baker"}, 10, last), 0);
    free(blanks);
}

static void children_are_found_by_their_parent(void **state) {
    (void)state;
    char last[ID_SIZE];
    assert_int_equal(count_found(store_find_messages, (message_filter){.parent = ids[2]}, 10, last), 1);
    assert_string_equal(last, ids[3]);
}

static void a_message_matched_in_several_parts_is_listed_once(void **state) {
    (void)state;
    char last[ID_SIZE];
    store_change *change = store_change_new();
    store_set_status(change, ids[7], MESSAGE_REJECTED, "ORD is no order");
    must(store_commit(s, change, NULL));
    assert_int_equal(count_found(store_find_messages, (message_filter){.text = "ORD"}, 3, last), MESSAGES);
}

static void a_reason_that_was_replaced_is_found_no_more(void **state) {
    (void)state;
    char last[ID_SIZE];
    store_change *change = store_change_new();
    store_set_status(change, ids[7], MESSAGE_FAILED, "host key changed");
    must(store_commit(s, change, NULL));
    assert_int_equal(count_found(store_find_messages, (message_filter){.text = "refused"}, 10, last), 0);
    assert_int_equal(count_found(store_find_messages, (message_filter){.text = "changed"}, 10, last), 1);
    change = store_change_new();
    store_set_status(change, ids[7], MESSAGE_COMPLETED, NULL);
    must(store_commit(s, change, NULL));
    assert_int_equal(count_found(store_find_messages, (message_filter){.text = "changed"}, 10, last), 0);
}

static void a_filter_that_makes_no_sense_is_refused(void **state) {
    (void)state;
    static const struct {
        message_filter filter;
        error_code code;
    } wrong[] = {
        {{.status = "lost"}, ERROR_INVALID},
        {{.direction = "up"}, ERROR_INVALID},
        {{.parent = "4711"}, ERROR_NOT_FOUND},
        {{.after = "4711"}, ERROR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *page = NULL;
        must_refuse(store_find_messages(s, &wrong[i].filter, &page), wrong[i].code);
        must_refuse(store_find_documents(s, &wrong[i].filter, &page), wrong[i].code);
        assert_null(page);
    }
}

static void a_listed_document_tells_of_its_message(void **state) {
    (void)state;
    json_t *page = NULL;
    must(store_find_documents(s, &(message_filter){.text = "PO107", .limit = 10}, &page));
    json_t *item = json_array_get(json_get_array(page, "items"), 0);
    assert_string_equal(json_get_text(item, "message", ""), ids[7]);
    assert_string_equal(json_get_text(item, "direction", ""), "out");
    assert_string_equal(json_get_text(item, "partner", ""), "baker");
    assert_string_equal(json_get_text(item, "status", ""), "failed");
    assert_string_equal(json_get_text(item, "received_at", ""), "1970-01-01T00:16:47.000Z");
    json_decref(page);
}

static void traffic_is_told_step_by_step_and_partners_one_by_one(void **state) {
    (void)state;
    json_t *history = NULL, *partners = NULL, *item;
    size_t index;
    int64_t in = 0, out = 0, failed = 0;
    must(store_history(s, INT64_C(3600) * 1000, &history));
    assert_int_equal(json_get_integer(history, "step_s", 0), 300);
    assert_int_equal(json_array_size(json_get_array(history, "items")), 13);
    json_array_foreach(json_get_array(history, "items"), index, item) {
        in += json_get_integer(item, "in", 0);
        out += json_get_integer(item, "out", 0);
        failed += json_get_integer(item, "failed", 0);
    }
    assert_int_equal(in, (MESSAGES + 1) / 2);
    assert_int_equal(out, MESSAGES / 2);
    assert_int_equal(failed, 1);
    json_decref(history);
    must(store_history(s, INT64_C(366) * 24 * 3600 * 1000, &history));
    assert_true(json_array_size(json_get_array(history, "items")) <= 289);
    json_decref(history);
    must(store_partners(s, &partners));
    assert_int_equal(json_object_size(partners), 2);
    assert_string_equal(json_get_text(json_get_object(partners, "acme"), "last_in", ""), "1970-01-01T00:17:04.000Z");
    assert_true(json_is_null(json_object_get(json_get_object(partners, "acme"), "last_out")));
    assert_int_equal(json_get_integer(json_get_object(partners, "baker"), "out", -1), 0); /* of the last day */
    json_decref(partners);
}

static void what_went_wrong_lately_is_counted_by_what_handled_it(void **state) {
    (void)state;
    json_t *troubles = NULL;
    int64_t now = clock_wall_ms();
    store_change *change = store_change_new();
    store_set_status(change, ids[5], MESSAGE_FAILED, "again");  /* invoices, baker */
    store_set_status(change, ids[15], MESSAGE_FAILED, "again"); /* invoices, baker */
    store_set_status(change, ids[2], MESSAGE_REJECTED, "bad");  /* orders, acme */
    must(store_commit(s, change, NULL));
    must(store_troubles(s, now, &troubles)); /* number 7 failed before */
    assert_int_equal(json_array_size(troubles), 2);
    json_t *invoices = NULL;
    for (size_t i = 0; i < 2; i++) {
        json_t *one = json_array_get(troubles, i);
        if (strcmp(json_get_text(one, "flow", ""), "invoices") == 0) invoices = one;
    }
    assert_string_equal(json_get_text(invoices, "status", ""), "failed");
    assert_string_equal(json_get_text(invoices, "partner", ""), "baker");
    assert_string_equal(json_get_text(invoices, "connection", ""), "baker-as2");
    assert_int_equal(json_get_integer(invoices, "count", 0), 2);
    assert_true(json_get_integer(invoices, "first_ms", 0) >= now);
    json_decref(troubles);
    must(store_troubles(s, clock_wall_ms() + 60000, &troubles));
    assert_int_equal(json_array_size(troubles), 0);
    json_decref(troubles);
}

static void the_last_arrival_is_of_what_came_in(void **state) {
    (void)state;
    int64_t at = -1;
    must(store_last_arrival(s, "acme-sftp", &at));
    assert_int_equal(at, 1000000 + 24 * 1000);
    must(store_last_arrival(s, "baker-as2", &at)); /* only ever sent to */
    assert_int_equal(at, 0);
    must(store_last_arrival(s, "unheard-of", &at));
    assert_int_equal(at, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traffic_is_told_step_by_step_and_partners_one_by_one),
        cmocka_unit_test(each_filter_finds_what_it_names_in_pages_of_any_size),
        cmocka_unit_test(a_message_is_found_by_its_id_and_its_documents_id),
        cmocka_unit_test(children_are_found_by_their_parent),
        cmocka_unit_test(a_filter_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_listed_document_tells_of_its_message),
        cmocka_unit_test(a_message_matched_in_several_parts_is_listed_once),
        cmocka_unit_test(a_reason_that_was_replaced_is_found_no_more),
        cmocka_unit_test(the_last_arrival_is_of_what_came_in),
        /* Changes what the others count on: the last one. */
        cmocka_unit_test(what_went_wrong_lately_is_counted_by_what_handled_it),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
