/* tests/unit/test_store_state.c: objects, secrets, counters, the audit log; who may open a store; backup and restore.
 */
#include "core/base/embedded.h"
#include "tests/unit/store_help.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>

static char *directory;
static store *s;

static error *open_again(void) {
    store_options options = options_for(directory);
    return store_open(&options, &s);
}

static int open_store(void **state) {
    (void)state;
    directory = make_directory();
    must(open_again());
    return 0;
}

static int close_store(void **state) {
    (void)state;
    store_close(s);
    s = NULL;
    remove_directory(directory);
    return 0;
}

/* ---- objects ------------------------------------------------------------------------------------------------------
 */

static error *put_object(const char *name, int64_t expected, int number) {
    json_t *body = json_pack("{s:i}", "number", number);
    store_change *change = store_change_new();
    store_put_object(change, "flows", name, expected, body, "me");
    error *err = store_commit(s, change, NULL);
    json_decref(body);
    return err;
}

static error *remove_object(const char *name, int64_t expected) {
    store_change *change = store_change_new();
    store_remove_object(change, "flows", name, expected, "me");
    return store_commit(s, change, NULL);
}

static void must_hold(const char *name, int64_t revision, int number) {
    json_t *body = NULL;
    int64_t found = 0;
    must(store_object(s, "flows", name, &body, &found));
    assert_int_equal(found, revision);
    assert_int_equal(json_get_integer(body, "number", 0), number);
    json_decref(body);
}

static void an_object_changes_only_from_the_revision_that_was_seen(void **state) {
    (void)state;
    json_t *body = NULL;
    must_refuse(put_object("orders", 1, 0), ERROR_CHANGED); /* not there */
    must(put_object("orders", 0, 10));
    must_refuse(put_object("orders", 0, 11), ERROR_CHANGED);
    must_hold("orders", 1, 10);
    must(put_object("orders", 1, 12));
    must_refuse(put_object("orders", 1, 13), ERROR_CHANGED);
    must(put_object("orders", -1, 14));
    must_hold("orders", 3, 14);
    must_refuse(remove_object("orders", 2), ERROR_CHANGED);
    must(remove_object("orders", 3));
    must_refuse(store_object(s, "flows", "orders", &body, NULL), ERROR_NOT_FOUND);
    must_refuse(remove_object("orders", -1), ERROR_NOT_FOUND);
    must(put_object("orders", 0, 15));
    must_hold("orders", 5, 15); /* a revision never comes twice */
}

static void objects_are_listed_by_name(void **state) {
    (void)state;
    json_t *list = NULL;
    must(put_object("zebra", 0, 1));
    must(put_object("ant", 0, 2));
    must(put_object("gone", 0, 3));
    must(remove_object("gone", 1));
    must(store_objects(s, "flows", &list));
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_get_text(json_array_get(list, 0), "name", ""), "ant");
    assert_string_equal(json_get_text(json_array_get(list, 1), "updated_by", ""), "me");
    assert_int_equal(json_get_integer(json_get_object(json_array_get(list, 1), "body"), "number", 0), 1);
    json_decref(list);
    must(store_objects(s, "stations", &list));
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    must(store_objects(s, NULL, &list));
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
}

static error *put_secret(const char *name, span sealed) {
    store_change *change = store_change_new();
    store_put_secret(change, name, sealed);
    return store_commit(s, change, NULL);
}

static void a_secret_is_kept_as_bytes_replaced_and_removed(void **state) {
    (void)state;
    buf sealed = BUF_MAX(100);
    must_refuse(store_secret(s, "key", &sealed), ERROR_NOT_FOUND);
    must(put_secret("key", SPAN("a\0b")));
    must(put_secret("key", SPAN("c\0\xFF\xFE")));
    must(store_secret(s, "key", &sealed));
    assert_true(span_equal(buf_span(&sealed), SPAN("c\0\xFF\xFE")));
    must(put_secret("key", (span){NULL, 0}));
    must_refuse(store_secret(s, "key", &sealed), ERROR_NOT_FOUND);
    buf_free(&sealed);
}

static void a_counter_never_falls(void **state) {
    (void)state;
    static const struct { int64_t raise, expected; } cases[] = {{5, 5}, {3, 5}, {6, 6}, {6, 6}};
    int64_t value = -1;
    must(store_counter(s, "interchange", &value));
    assert_int_equal(value, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        store_change *change = store_change_new();
        store_raise_counter(change, "interchange", cases[i].raise);
        must(store_commit(s, change, NULL));
        must(store_counter(s, "interchange", &value));
        assert_int_equal(value, cases[i].expected);
    }
}

/* ---- audit --------------------------------------------------------------------------------------------------------
 */

static void audit(const char *what, const json_t *detail) {
    store_change *change = store_change_new();
    store_audit(change, "ada", what, "flows/orders", detail);
    must(store_commit(s, change, NULL));
}

/* Runs SQL on the closed database, as somebody with the file and a shell would. */
static int tamper(const char *sql) {
    sqlite3 *db = NULL;
    char *path = xasprintf("%s/banyan.db", directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int result = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    free(path);
    return result;
}

static void the_audit_log_is_listed_newest_first_and_its_chain_holds(void **state) {
    (void)state;
    json_t *page = NULL, *detail = json_pack("{s:s}", "was", "before");
    must(store_check_audit(s));
    audit("login", NULL);
    audit("put", detail);
    audit("remove", NULL);
    must(store_check_audit(s));
    must(store_find_audit(s, 0, 2, &page));
    json_t *items = json_get_array(page, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_int_equal(json_get_integer(json_array_get(items, 0), "seq", 0), 3);
    assert_string_equal(json_get_text(json_array_get(items, 1), "what", ""), "put");
    assert_string_equal(json_get_text(json_array_get(items, 1), "who", ""), "ada");
    assert_true(json_equal(json_object_get(json_array_get(items, 1), "detail"), detail));
    assert_int_equal(strlen(json_get_text(json_array_get(items, 1), "hash", "")), 64);
    int64_t next = json_get_integer(page, "next", 0);
    json_decref(page);
    must(store_find_audit(s, next, 2, &page));
    assert_int_equal(json_array_size(json_get_array(page, "items")), 1);
    assert_null(json_object_get(page, "next"));
    json_decref(page);
    json_decref(detail);
}

static void the_audit_log_refuses_change_and_tells_of_it(void **state) {
    (void)state;
    static const char *const forgeries[] = {
        "update audit set who = 'bob' where seq = 2",
        "update audit set object = null where seq = 2",
        "update audit set at = at + 1 where seq = 2",
        "delete from audit where seq = 2",
        "update audit set seq = 9 where seq = 3",
    };
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        for (int n = 0; n < 3; n++)
            audit("put", NULL);
        store_close(s);
        assert_int_equal(tamper(forgeries[i]), SQLITE_CONSTRAINT);
        assert_int_equal(tamper("drop trigger audit_stays; drop trigger audit_keeps"), SQLITE_OK);
        assert_int_equal(tamper(forgeries[i]), SQLITE_OK);
        must(open_again());
        must_refuse(store_check_audit(s), ERROR_CORRUPT);
        close_store(NULL);
        open_store(NULL);
    }
}

static void events_refuse_change(void **state) {
    (void)state;
    char id[ID_SIZE];
    put_message(s, "x", id);
    store_change *change = store_change_new();
    store_add_event(change, id, "received", "text", NULL);
    must(store_commit(s, change, NULL));
    store_close(s);
    assert_int_equal(tamper("update events set text = 'other'"), SQLITE_CONSTRAINT);
    assert_int_equal(tamper("delete from events"), SQLITE_CONSTRAINT);
    must(open_again());
}

/* ---- opening ------------------------------------------------------------------------------------------------------
 */

/* DB-05 */
static void a_second_opener_is_refused(void **state) {
    (void)state;
    store *second = NULL;
    store_options options = options_for(directory);
    must_refuse(store_open(&options, &second), ERROR_CONFLICT);
    assert_null(second);
    pid_t child = fork();
    if (child == 0) {
        error *err = store_open(&options, &second);
        _exit(err && error_code_of(err) == ERROR_CONFLICT ? 0 : 1);
    }
    int status = 1;
    assert_true(waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
}

static void copy_file(const char *from_name, const char *to_name) {
    char *from = xasprintf("%s/%s", directory, from_name), *to = xasprintf("%s/%s", directory, to_name);
    buf bytes = BUF_MAX(64 << 20);
    must(io_read_file(from, &bytes));
    must(io_write_file(to, buf_span(&bytes)));
    buf_free(&bytes);
    free(from);
    free(to);
}

/* DB-05 */
static void an_older_copy_of_the_database_is_refused(void **state) {
    (void)state;
    char *lock = xasprintf("%s/lock", directory);
    store_close(s);
    copy_file("banyan.db", "older.db");
    must(open_again());
    store_close(s);
    copy_file("older.db", "banyan.db");
    must_refuse(open_again(), ERROR_CORRUPT);
    assert_int_equal(unlink(lock), 0);
    must(open_again());
    free(lock);
}

extern const embedded_file embedded_migrations[];

static char *set_known_version(void) {
    int known = 0;
    while (embedded_migrations[known].path)
        known++;
    return xasprintf("pragma user_version = %d", known);
}

/* DB-09 */
static void a_database_of_a_newer_version_is_refused_and_left_alone(void **state) {
    (void)state;
    store_close(s);
    assert_int_equal(tamper("pragma user_version = 9999"), SQLITE_OK);
    must_refuse(open_again(), ERROR_UNSUPPORTED);
    char *back = set_known_version();
    assert_int_equal(tamper(back), SQLITE_OK);
    must(open_again());
    free(back);
}

static void a_database_of_another_program_is_refused(void **state) {
    (void)state;
    store_close(s);
    assert_int_equal(tamper("pragma application_id = 1234"), SQLITE_OK);
    must_refuse(open_again(), ERROR_CONFLICT);
    copy_file("lock", "banyan.db"); /* a few random bytes */
    error *err = open_again();
    assert_non_null(err);
    error_free(err);
    s = NULL;
}

/* DB-04 */
static void a_truncated_database_is_refused_or_told(void **state) {
    (void)state;
    char id[ID_SIZE];
    for (int i = 0; i < 50; i++)
        put_message(s, "some bytes to fill pages with", id);
    store_close(s);
    char *path = xasprintf("%s/banyan.db", directory);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(truncate(path, about.st_size / 2), 0);
    free(path);
    must_refuse(open_again(), ERROR_CORRUPT);
    s = NULL;
}

static void what_was_closed_is_there_again(void **state) {
    (void)state;
    char id[ID_SIZE];
    put_message(s, "x", id);
    store_close(s);
    char *wal = xasprintf("%s/banyan.db-wal", directory);
    assert_int_equal(access(wal, F_OK), -1); /* all of it is in the database */
    free(wal);
    must(open_again());
    must_have_status(s, id, "received");
}

static void what_does_not_fit_is_not_admitted(void **state) {
    (void)state;
    must(store_admit(s, 0));
    must(store_admit(s, 1000000));
    must_refuse(store_admit(s, UINT64_C(1) << 60), ERROR_FULL);
    must_refuse(store_admit(s, UINT64_MAX), ERROR_LIMIT);
    store_close(s);
    store_options options = options_for(directory);
    options.free_minimum = UINT64_C(1) << 60;
    must(store_open(&options, &s));
    must_refuse(store_admit(s, 1), ERROR_FULL);
}

/* ---- backup -------------------------------------------------------------------------------------------------------
 */

static atomic_bool enough;

static void *write_meanwhile(void *context) {
    char id[ID_SIZE];
    (void)context;
    while (!atomic_load(&enough))
        put_message(s, "meanwhile", id);
    return NULL;
}

static int open_backup(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

/* A store with messages in rows and files, a claimed key and an object; backed up to `path` while it is written to. */
static void back_up(const char *path, char small[ID_SIZE], char large[ID_SIZE]) {
    pthread_t thread;
    char *big = xcalloc(1, 300001);
    memset(big, 'b', 300000);
    put_message(s, "small", small);
    put_message(s, big, large);
    free(big);
    must(put_object("orders", 0, 7));
    store_change *change = store_change_new();
    store_claim_key(change, "scope", "key", small);
    must(store_commit(s, change, NULL));
    atomic_store(&enough, false);
    assert_int_equal(pthread_create(&thread, NULL, write_meanwhile, NULL), 0);
    int fd = open_backup(path, O_WRONLY | O_CREAT | O_TRUNC);
    must(store_backup(s, fd));
    close(fd);
    atomic_store(&enough, true);
    pthread_join(thread, NULL);
}

/* DB-08 */
static void a_backup_under_load_restores_whole_and_still_knows_its_keys(void **state) {
    (void)state;
    char small[ID_SIZE], large[ID_SIZE];
    char *path = xasprintf("%s/copy", directory), *elsewhere = make_directory();
    payload_view view;
    store_commit_result result;
    int64_t restored_at = 0;
    back_up(path, small, large);
    int fd = open_backup(path, O_RDONLY);
    must(store_restore(fd, elsewhere, &evp_sha256));
    close(fd);
    store_close(s);
    store_options options = options_for(elsewhere);
    must(store_open(&options, &s));
    must(store_payload_open(s, small, &view));
    assert_true(span_is(span_make(view.bytes, view.size), "small"));
    payload_view_close(&view);
    must(store_payload_open(s, large, &view));
    assert_int_equal(view.size, 300000);
    payload_view_close(&view);
    must_hold("orders", 1, 7);
    must(store_counter(s, "restored-at", &restored_at));
    assert_true(restored_at > 0);
    store_message twin = a_message();
    store_change *change = store_change_new();
    store_add_message(change, &twin, NULL);
    store_claim_key(change, "scope", "key", twin.id);
    must_refuse(store_commit(s, change, &result), ERROR_CONFLICT);
    assert_string_equal(result.conflict, small);
    store_close(s);
    must(open_again());
    free(path);
    remove_directory(elsewhere);
}

static void a_backup_that_is_damaged_gives_no_store(void **state) {
    (void)state;
    char small[ID_SIZE], large[ID_SIZE];
    char *path = xasprintf("%s/copy", directory);
    buf good = BUF_MAX(64 << 20);
    back_up(path, small, large);
    must(io_read_file(path, &good));
    const size_t places[] = {0, 17, 4000, good.len / 2, good.len - 100000, good.len - 10};
    for (size_t i = 0; i < 2 * sizeof places / sizeof *places; i++) {
        size_t place = places[i / 2];
        char *elsewhere = make_directory(), *database = xasprintf("%s/banyan.db", elsewhere);
        char *bad = xspandup(buf_span(&good));
        bad[place] ^= 1;
        must(io_write_file(path, span_make(bad, i % 2 ? good.len : place))); /* cut, and changed */
        int fd = open_backup(path, O_RDONLY);
        error *err = store_restore(fd, elsewhere, &evp_sha256);
        if (!err) fail_msg("a backup changed at byte %zu was restored", place);
        error_free(err);
        close(fd);
        assert_int_equal(access(database, F_OK), -1);
        free(bad);
        free(database);
        remove_directory(elsewhere);
    }
    buf_free(&good);
    free(path);
}

static void a_restore_writes_nothing_outside_and_over_nothing(void **state) {
    (void)state;
    static const char *const names[] = {"../evil", "/tmp/evil", "spool/../evil", "spool/ab/../../evil", "spool/ab/abcd",
        "admin.key", "spool/ab/cd00000000000000000000000000000f-1", "lock"};
    char *path = xasprintf("%s/copy", directory);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *elsewhere = make_directory(), *text = xasprintf("banyan backup 1\nfile %s 1\nx", names[i]);
        must(io_write_file(path, span_of(text)));
        int fd = open_backup(path, O_RDONLY);
        must_refuse(store_restore(fd, elsewhere, &evp_sha256), ERROR_CORRUPT);
        close(fd);
        assert_int_equal(rmdir(elsewhere), 0); /* still empty */
        free(elsewhere);
        free(text);
    }
    int fd = open_backup(path, O_RDONLY);
    must_refuse(store_restore(fd, directory, &evp_sha256), ERROR_CONFLICT);
    close(fd);
    free(path);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(an_object_changes_only_from_the_revision_that_was_seen),
        WITH_STORE(objects_are_listed_by_name),
        WITH_STORE(a_secret_is_kept_as_bytes_replaced_and_removed),
        WITH_STORE(a_counter_never_falls),
        WITH_STORE(the_audit_log_is_listed_newest_first_and_its_chain_holds),
        WITH_STORE(the_audit_log_refuses_change_and_tells_of_it),
        WITH_STORE(events_refuse_change),
        WITH_STORE(a_second_opener_is_refused),
        WITH_STORE(an_older_copy_of_the_database_is_refused),
        WITH_STORE(a_database_of_a_newer_version_is_refused_and_left_alone),
        WITH_STORE(a_database_of_another_program_is_refused),
        WITH_STORE(a_truncated_database_is_refused_or_told),
        WITH_STORE(what_was_closed_is_there_again),
        WITH_STORE(what_does_not_fit_is_not_admitted),
        WITH_STORE(a_backup_under_load_restores_whole_and_still_knows_its_keys),
        WITH_STORE(a_backup_that_is_damaged_gives_no_store),
        WITH_STORE(a_restore_writes_nothing_outside_and_over_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
