/* Large AS2 bodies that broke off: kept within bounds, gone on with by one request at a time. T07. */
#include "tests/unit/store_help.h"

#include "core/facade/as2_parts.h"

#include <ftw.h>

enum { ROOM = 32, ROOM_OF_ONE = 8 };

typedef struct rig {
    char *directory;
    store *s;
    as2_parts *parts;
} rig;

static void set_up(rig *r) {
    r->directory = make_directory();
    const store_options options = options_for(r->directory);
    assert_null(store_open(&options, &r->s));
    r->parts = as2_parts_new(r->s);
}

static size_t files;

static int count_file(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)path, (void)about, (void)walk;
    files += kind == FTW_F;
    return 0;
}

static size_t count_files(const rig *r) {
    static const char *const folders[] = {"spool", "aside"};
    files = 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *path = xasprintf("%s/%s", r->directory, folders[i]);
        nftw(path, count_file, 8, FTW_PHYS);
        free(path);
    }
    return files;
}

static void tear_down(rig *r) {
    as2_parts_give_up(r->parts);
    as2_parts_free(r->parts);
    assert_int_equal(count_files(r), 0);
    store_close(r->s);
    remove_directory(r->directory);
}

/* Begins or goes on, writes, and breaks off. */
static void break_off(rig *r, const char *connection, const char *tag, uint64_t offset, const char *text) {
    as2_part *part = NULL;
    assert_null(as2_parts_take(r->parts, connection, span_of(tag), offset, &part));
    assert_non_null(part);
    assert_null(io_write_all(as2_part_file(part), span_of(text), "a part"));
    as2_part_leave(r->parts, part);
}

static uint64_t received(rig *r, const char *connection, const char *tag) {
    return as2_parts_received(r->parts, connection, span_of(tag));
}

static void what_broke_off_is_counted_and_gone_on_with(void **state) {
    (void)state;
    rig r;
    as2_part *part = NULL;
    int fd = -1;
    char text[16] = "";
    set_up(&r);
    assert_int_equal(received(&r, "acme", "t"), 0);
    break_off(&r, "acme", "t", 0, "12345678");
    assert_int_equal(received(&r, "acme", "t"), 8);
    assert_int_equal(received(&r, NULL, "t"), 8);
    assert_int_equal(received(&r, "other", "t"), 0); /* another partner's name is not his */
    break_off(&r, "acme", "t", 6, "xy");             /* two bytes are sent again */
    assert_int_equal(received(&r, "acme", "t"), 8);
    assert_null(as2_parts_take(r.parts, "acme", SPAN("t"), 8, &part));
    payload_writer *writer = as2_part_complete(r.parts, part, &fd);
    assert_int_equal(pread(fd, text, sizeof text, 0), 8);
    assert_string_equal(text, "123456xy");
    assert_int_equal(received(&r, "acme", "t"), 0);
    payload_abandon(writer);
    tear_down(&r);
}

static void a_transfer_is_in_one_hand_and_goes_on_behind_what_there_is(void **state) {
    (void)state;
    rig r;
    as2_part *part = NULL, *second = NULL;
    set_up(&r);
    assert_null(as2_parts_take(r.parts, "acme", SPAN("t"), 0, &part));
    error *err = as2_parts_take(r.parts, "acme", SPAN("t"), 0, &second);
    assert_int_equal(error_code_of(err), ERROR_CONFLICT);
    error_free(err);
    as2_part_leave(r.parts, part); /* without a byte it is nothing to remember */
    assert_int_equal(count_files(&r), 0);
    break_off(&r, "acme", "t", 0, "1234");
    err = as2_parts_take(r.parts, "acme", SPAN("t"), 5, &second);
    assert_int_equal(error_code_of(err), ERROR_NOT_FOUND);
    error_free(err);
    err = as2_parts_take(r.parts, "acme", SPAN("nobody's"), 1, &second);
    assert_int_equal(error_code_of(err), ERROR_NOT_FOUND);
    error_free(err);
    assert_int_equal(received(&r, "acme", "t"), 4);
    break_off(&r, "acme", "t", 0, "1"); /* from the beginning */
    assert_int_equal(received(&r, "acme", "t"), 1);
    tear_down(&r);
}

static void the_longest_idle_makes_room_first_of_the_same_partner_s(void **state) {
    (void)state;
    rig r;
    char tag[16], connection[16];
    set_up(&r);
    for (int i = 0; i <= ROOM_OF_ONE; i++) {
        snprintf(tag, sizeof tag, "a%d", i);
        break_off(&r, "acme", tag, 0, "x");
    }
    assert_int_equal(count_files(&r), ROOM_OF_ONE);
    assert_int_equal(received(&r, "acme", "a8"), 1);
    for (int i = 0; i < 2 * ROOM; i++) {
        snprintf(tag, sizeof tag, "b%d", i);
        snprintf(connection, sizeof connection, "c%d", i);
        break_off(&r, connection, tag, 0, "x");
    }
    assert_int_equal(count_files(&r), ROOM);
    assert_int_equal(received(&r, "c63", "b63"), 1);
    tear_down(&r);
}

static void restart(rig *r) {
    as2_parts_free(r->parts);
    store_close(r->s);
    const store_options options = options_for(r->directory);
    assert_null(store_open(&options, &r->s));
    r->parts = as2_parts_new(r->s);
}

static void what_broke_off_is_there_after_a_restart_and_gone_after_a_day(void **state) {
    (void)state;
    rig r;
    as2_part *part = NULL;
    char text[16] = "";
    int fd = -1;
    set_up(&r);
    break_off(&r, "acme", "t", 0, "1234");
    break_off(&r, "acme", "old", 0, "1");
    assert_null(as2_parts_take(r.parts, "acme", SPAN("held"), 0, &part));
    assert_null(io_write_all(as2_part_file(part), SPAN("x"), "a part"));
    restart(&r); /* and nobody left what is in hand */
    assert_int_equal(received(&r, "acme", "t"), 4);
    assert_int_equal(received(&r, NULL, "t"), 4);
    assert_int_equal(received(&r, "other", "t"), 0);
    assert_int_equal(received(&r, "acme", "held"), 0);
    break_off(&r, "acme", "t", 4, "56");
    restart(&r);
    assert_null(as2_parts_take(r.parts, "acme", SPAN("t"), 6, &part));
    payload_writer *writer = as2_part_complete(r.parts, part, &fd);
    assert_int_equal(pread(fd, text, sizeof text, 0), 6);
    assert_string_equal(text, "123456");
    payload_abandon(writer);
    restart(&r);
    assert_int_equal(received(&r, "acme", "t"), 0);

    char *command = xasprintf("touch -d '2 days ago' %s/aside/*", r.directory);
    assert_int_equal(system(command), 0);
    free(command);
    restart(&r);
    assert_int_equal(received(&r, "acme", "old"), 0);
    assert_int_equal(count_files(&r), 0);
    tear_down(&r);
}

static void messages_under_way_keep_their_place_when_there_is_none_left(void **state) {
    (void)state;
    rig r;
    as2_part *held[ROOM], *more = NULL;
    char tag[16], connection[16];
    set_up(&r);
    for (int i = 0; i < ROOM; i++) {
        snprintf(tag, sizeof tag, "t%d", i);
        snprintf(connection, sizeof connection, "c%d", i);
        assert_null(as2_parts_take(r.parts, connection, span_of(tag), 0, &held[i]));
        assert_non_null(held[i]);
        assert_null(io_write_all(as2_part_file(held[i]), SPAN("x"), "a part"));
    }
    assert_null(as2_parts_take(r.parts, "late", SPAN("t"), 0, &more));
    assert_null(more); /* it comes all the same, but cannot be gone on with */
    as2_part_leave(r.parts, held[0]);
    assert_true(as2_parts_give_up(r.parts)); /* for want of space: those that nobody has in hand */
    assert_int_equal(count_files(&r), ROOM - 1);
    assert_false(as2_parts_give_up(r.parts));
    for (int i = 1; i < ROOM; i++)
        as2_part_leave(r.parts, held[i]);
    tear_down(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_broke_off_is_counted_and_gone_on_with),
        cmocka_unit_test(a_transfer_is_in_one_hand_and_goes_on_behind_what_there_is),
        cmocka_unit_test(the_longest_idle_makes_room_first_of_the_same_partner_s),
        cmocka_unit_test(what_broke_off_is_there_after_a_restart_and_gone_after_a_day),
        cmocka_unit_test(messages_under_way_keep_their_place_when_there_is_none_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
