/* tests/unit/test_adapter_file.c: the file adapter against real directories. Rows FI-01 to FI-10 of the reliability
 * research stand in the comments. */
#include "tests/unit/adapter_fixture.h"

#include "adapters/file/file.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static const adapter *const file = &adapter_file;

typedef struct place {
    char *directory;
    json_t *settings;
    adapter_session *session;
} place;

static adapter_session *open_session(const json_t *settings) {
    adapter_open_options options = {.settings = settings, .connection = "test", .timeout_ms = 5000};
    adapter_session *session = NULL;
    assert_ok(file->open(&options, &session));
    return session;
}

/* A directory and a session on it; `members` are JSON settings besides "directory". */
static place open_place(const char *members) {
    place p = {.directory = make_directory()};
    char *text = xasprintf("{\"directory\": \"%s\"%s%s}", p.directory, *members ? ", " : "", members);
    fault_list faults = {.count = 0};
    assert_ok(json_parse(span_of(text), &p.settings));
    settings_check(file->settings, p.settings, "/connections/test", &faults);
    file->check(p.settings, "/connections/test", &faults);
    assert_int_equal(faults.count, 0);
    p.session = open_session(p.settings);
    free(text);
    return p;
}

static void close_place(place *p) {
    file->close(p->session);
    json_decref(p->settings);
    remove_directory(p->directory);
}

#define AT_ONCE "\"stable\": 0"
#define NEVER_BY_TIME "\"stable\": \"1h\""

static void a_file_is_listed_read_and_removed(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    write_file(in(p.directory, "a.edi"), "ISA");
    assert_listed(file, p.session, NULL, "a.edi");
    assert_get(file, p.session, "a.edi", "ISA");
    assert_false(exists(in(p.directory, "a.edi")));
    assert_listed(file, p.session, NULL, "");
    get_and_done(file, p.session, "a.edi"); /* read again from the claim, then done */
    assert_listed(file, p.session, NULL, "");
    assert_int_equal(count_visible(p.directory), 0);
    close_place(&p);
}

static void done_twice_is_no_error_and_removes_no_newer_file(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    adapter_entry got;
    write_file(in(p.directory, "a"), "first");
    assert_ok(try_get(file, p.session, "a", &got));
    assert_ok(file->done(p.session, &got));
    assert_ok(file->done(p.session, &got));
    write_file(in(p.directory, "a"), "second, longer");
    assert_ok(file->done(p.session, &got));
    assert_get(file, p.session, "a", "second, longer");
    assert_ok(file->done(p.session, &got)); /* even claimed: it is another one than the one that was done */
    file->close(p.session);
    p.session = open_session(p.settings);
    assert_listed(file, p.session, NULL, "a");
    close_place(&p);
}

static void released_files_are_given_back_untouched(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    mkdir(in(p.directory, "in"), 0755);
    write_file(in(p.directory, "in/a"), "text");
    assert_get(file, p.session, "in/a", "text");
    assert_ok(file->release(p.session, "in/a"));
    assert_file(in(p.directory, "in/a"), "text");
    assert_false(exists(in(p.directory, ".banyan/claimed/in")));
    assert_ok(file->release(p.session, "in/a"));
    close_place(&p);
}

static void picked_up_files_go_to_the_archive_and_keep_their_earlier_namesakes(void **state UNUSED) {
    place p = open_place(AT_ONCE ", \"archive\": \"done/in\", \"pattern\": \"*\"");
    write_file(in(p.directory, "a"), "first");
    get_and_done(file, p.session, "a");
    write_file(in(p.directory, "a"), "second");
    get_and_done(file, p.session, "a");
    assert_file(in(p.directory, "done/in/a"), "first");
    assert_int_equal(count_visible(in(p.directory, "done/in")), 2);
    assert_listed(file, p.session, NULL, "");
    assert_listed(file, p.session, "*/*/*", "");
    close_place(&p);
}

static void patterns_choose_by_parts_of_the_path(void **state UNUSED) {
    static const struct {
        const char *pattern, *names;
    } cases[] = {
        {NULL, "a.edi b.csv"},
        {"*.edi", "a.edi"},
        {"in/*.edi", "in/c.edi"},
        {"*/c.edi", "in/c.edi out/c.edi"},
        {"in/deep/*", "in/deep/d"},
        {"nothing/*", ""},
    };
    place p = open_place(AT_ONCE);
    mkdir(in(p.directory, "in"), 0755);
    mkdir(in(p.directory, "in/deep"), 0755);
    mkdir(in(p.directory, "out"), 0755);
    write_file(in(p.directory, "a.edi"), "a");
    write_file(in(p.directory, "b.csv"), "b");
    write_file(in(p.directory, "in/c.edi"), "c");
    write_file(in(p.directory, "out/c.edi"), "c");
    write_file(in(p.directory, "in/deep/d"), "d");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_listed(file, p.session, cases[i].pattern, cases[i].names);
    close_place(&p);
}

static void temporary_names_are_left_alone(void **state UNUSED) {
    static const char *const names[] = {".hidden", "a.tmp", "a.TMP", "b.part", "c.filepart", "d~", "e.crdownload"};
    place p = open_place(AT_ONCE);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        write_file(in(p.directory, names[i]), "half");
    write_file(in(p.directory, "tmp"), "whole");
    assert_listed(file, p.session, NULL, "tmp");
    close_place(&p);
}

/* FI-01 */
static void links_pipes_sockets_and_giants_are_refused_without_blocking(void **state UNUSED) {
    static const char *const names[] = {"symbolic", "hard1", "hard2", "pipe", "socket"};
    place p = open_place(AT_ONCE ", \"max_size\": \"1GiB\"");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    write_file(in(p.directory, "hard1"), "secret");
    assert_int_equal(link(in(p.directory, "hard1"), in(p.directory, "hard2")), 0);
    assert_int_equal(symlink("/etc/passwd", in(p.directory, "symbolic")), 0);
    assert_int_equal(mkfifo(in(p.directory, "pipe"), 0644), 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", p.directory);
    assert_int_equal(bind(socket_fd, (struct sockaddr *)&address, sizeof address), 0);
    write_file(in(p.directory, "sparse"), "");
    assert_int_equal(truncate(in(p.directory, "sparse"), (off_t)1 << 40), 0);
    assert_listed(file, p.session, NULL, "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        adapter_entry got;
        buf content = BUF_MAX(4096);
        adapter_sink sink = buf_sink(&content);
        assert_error(file->get(p.session, names[i], &sink, &got), ERROR_DENIED, "only ordinary files");
        error *err = file->read(p.session, names[i], &sink, &got);
        assert_non_null(err);
        error_free(err);
        assert_int_equal(content.len, 0);
        assert_true(exists(in(p.directory, names[i])));
        buf_free(&content);
    }
    close(socket_fd);
    close_place(&p);
}

static void list_until(place *p, size_t count) {
    int64_t until = clock_monotonic_ms() + 10000;
    listing list = list_all(file, p->session, NULL);
    while (list.count < count && clock_monotonic_ms() < until) {
        listing_free(&list);
        list = list_all(file, p->session, NULL);
    }
    assert_int_equal(list.count, count);
    listing_free(&list);
}

static void swap_for_ever(const char *secret, const char *other, const char *target) {
    for (;;) {
        int fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd >= 0) {
            if (write(fd, "public", 6) != 6) _exit(1);
            close(fd);
        }
        rename(other, target);
        if (symlink(secret, other) == 0) rename(other, target);
    }
}

/* FI-02: another process swaps the file for a link to a secret, as fast as it can. */
static void a_link_swapped_in_is_never_followed(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    char *secret = xstrdup(in(p.directory, ".secret")), *target = xstrdup(in(p.directory, "a"));
    char *other = xstrdup(in(p.directory, ".link"));
    write_file(secret, "secret");
    pid_t child = fork();
    if (child == 0) swap_for_ever(secret, other, target);
    size_t got_some = 0;
    int64_t until = clock_monotonic_ms() + 1500;
    while (clock_monotonic_ms() < until) {
        buf content = BUF_MAX(4096);
        adapter_sink sink = buf_sink(&content);
        adapter_entry got;
        error *err = file->get(p.session, "a", &sink, &got);
        assert_null(strstr(buf_text(&content), "secret"));
        if (!err) assert_ok(file->done(p.session, &got));
        got_some += !err;
        error_free(err);
        buf_clear(&content);
        error_free(file->read(p.session, "a", &sink, &got));
        assert_null(strstr(buf_text(&content), "secret"));
        buf_free(&content);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(got_some > 0);
    unlink(target);
    write_file(target, "after the storm");
    adapter_entry last;
    error_free(try_get(file, p.session, "a", &last)); /* what was swapped in last is cleared away */
    assert_get(file, p.session, "a", "after the storm");
    free(secret);
    free(target);
    free(other);
    close_place(&p);
}

static void wait_readable(int fd) {
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&waiting, 1, 10000), 1);
}

/* FI-03 */
static void a_growing_file_waits_until_it_is_closed(void **state UNUSED) {
    place p = open_place(NEVER_BY_TIME);
    assert_listed(file, p.session, NULL, "");
    int fd = open(in(p.directory, "a"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_ok(io_write_all(fd, SPAN("half "), "a"));
    assert_listed(file, p.session, NULL, "");
    assert_ok(io_write_all(fd, SPAN("and half"), "a"));
    close(fd);
    wait_readable(file->watch(p.session));
    assert_listed(file, p.session, NULL, "a");
    assert_get(file, p.session, "a", "half and half");
    close_place(&p);
}

/* FI-03 */
static void a_file_renamed_into_place_needs_no_wait_nor_does_one_in_a_sub_directory(void **state UNUSED) {
    place p = open_place(NEVER_BY_TIME);
    mkdir(in(p.directory, "in"), 0755);
    assert_listed(file, p.session, "in/*", "");
    write_file(in(p.directory, "a.tmp"), "whole");
    rename(in(p.directory, "a.tmp"), in(p.directory, "in/a"));
    wait_readable(file->watch(p.session));
    assert_listed(file, p.session, "in/*", "in/a");
    close_place(&p);
}

/* FI-03 */
static void an_empty_file_and_one_of_before_the_session_stand_still_first(void **state UNUSED) {
    place p = open_place("\"stable\": \"300ms\"");
    file->close(p.session);
    write_file(in(p.directory, "earlier"), "text");
    p.session = open_session(p.settings);
    write_file(in(p.directory, "empty"), "");
    assert_listed(file, p.session, NULL, "");
    list_until(&p, 2);
    close_place(&p);
}

typedef struct late_writer {
    int fd;
    bool done;
} late_writer;

static error *write_late(void *context, span bytes UNUSED) {
    late_writer *writer = context;
    if (!writer->done) assert_ok(io_write_all(writer->fd, SPAN(" more"), "the late writer"));
    writer->done = true;
    return NULL;
}

/* FI-03, SF-04: the writer still has the file open when it is picked up. */
static void a_file_that_changes_while_it_is_read_is_given_back(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    late_writer writer = {.fd = open(in(p.directory, "a"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)};
    adapter_sink sink = {.write = write_late, .context = &writer};
    adapter_entry got;
    assert_ok(io_write_all(writer.fd, SPAN("text"), "a"));
    assert_error(file->get(p.session, "a", &sink, &got), ERROR_CONFLICT, "changed while it was read");
    assert_file(in(p.directory, "a"), "text more");
    close(writer.fd);
    assert_get(file, p.session, "a", "text more");
    close_place(&p);
}

static error *refuse(void *context UNUSED, span bytes UNUSED) {
    return error_new(ERROR_FULL, "no room");
}

static void a_sink_that_fails_stops_the_read_and_the_file_stays(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    adapter_sink sink = {.write = refuse};
    adapter_entry got;
    write_file(in(p.directory, "a"), "text");
    assert_error(file->get(p.session, "a", &sink, &got), ERROR_FULL, "no room");
    assert_file(in(p.directory, "a"), "text");
    close_place(&p);
}

/* FI-04: more events than the queue holds; nothing is missed, the time rule takes over. */
static void an_overflow_of_notices_misses_no_file(void **state UNUSED) {
    place p = open_place("\"stable\": \"100ms\"");
    char *a = xstrdup(in(p.directory, "a")), *b = xstrdup(in(p.directory, "b"));
    assert_listed(file, p.session, NULL, "");
    write_file(a, "text");
    for (int i = 0; i < 20000; i++)
        assert_int_equal(i % 2 ? rename(b, a) : rename(a, b), 0);
    write_file(in(p.directory, "late"), "text");
    list_until(&p, 2);
    free(a);
    free(b);
    close_place(&p);
}

/* FI-05 */
static void a_directory_that_goes_and_comes_back_heals_by_itself(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    char *aside = xasprintf("%s-aside", p.directory);
    listing list = {.count = 0};
    assert_int_equal(rename(p.directory, aside), 0);
    error *err = file->list(p.session, NULL, collect, &list);
    assert_true(err && error_is_temporary(err));
    assert_error(err, ERROR_UNREACHABLE, "is not there: was it removed, or not mounted?");
    assert_error(file->probe(p.session), ERROR_UNREACHABLE, NULL);
    mkdir(p.directory, 0755);
    write_file(in(p.directory, "new"), "new");
    assert_listed(file, p.session, NULL, "new");
    write_file(in(aside, "old"), "old");
    remove_directory(xstrdup(p.directory));
    assert_int_equal(rename(aside, p.directory), 0);
    assert_listed(file, p.session, NULL, "old");
    assert_ok(file->probe(p.session));
    write_file(in(p.directory, "noticed"), "text");
    wait_readable(file->watch(p.session));
    free(aside);
    close_place(&p);
}

/* FI-06 */
static void the_same_name_twice_is_two_files(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    adapter_entry first;
    write_file(in(p.directory, "a"), "first");
    write_file(in(p.directory, "A"), "capital");
    assert_ok(try_get(file, p.session, "a", &first));
    write_file(in(p.directory, "a"), "second!");
    assert_listed(file, p.session, NULL, "A");
    assert_ok(file->done(p.session, &first));
    assert_listed(file, p.session, NULL, "a A");
    assert_get(file, p.session, "a", "second!");
    assert_get(file, p.session, "A", "capital");
    close_place(&p);
}

/* FI-06 */
static void giving_back_does_not_replace_a_newer_file(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    write_file(in(p.directory, "a"), "first");
    assert_get(file, p.session, "a", "first");
    write_file(in(p.directory, "a"), "second");
    assert_ok(file->release(p.session, "a"));
    assert_listed(file, p.session, NULL, "a");
    get_and_done(file, p.session, "a");
    assert_get(file, p.session, "a", "second");
    close_place(&p);
}

/* FI-07 */
static void odd_names_are_bytes_and_only_control_characters_are_refused(void **state UNUSED) {
    char longest[256];
    memset(longest, 'x', 255);
    longest[255] = '\0';
    const char *const names[] = {longest, "\xff\xfe.edi", "-rf", "100%n%s.csv", "it's \"quoted\"", "<b>alert(1)<",
        "a b", "\xc3\xa9", "e\xcc\x81", "*"};
    place p = open_place(AT_ONCE);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        write_file(in(p.directory, names[i]), "text");
    write_file(in(p.directory, "new\nline"), "text");
    listing list = list_all(file, p.session, NULL);
    assert_int_equal(list.count, sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_non_null(listing_find(&list, names[i]));
        get_and_done(file, p.session, names[i]);
    }
    listing_free(&list);
    assert_true(exists(in(p.directory, "new\nline")));
    close_place(&p);
}

/* FI-08 */
static void a_hidden_directory_that_others_may_write_is_not_trusted(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    listing list = {.count = 0};
    mkdir(in(p.directory, ".banyan"), 0700);
    chmod(in(p.directory, ".banyan"), 0777);
    assert_error(file->list(p.session, NULL, collect, &list), ERROR_DENIED, "must be the appliance's own");
    assert_error(stage_text(file, p.session, "a", "id", "text"), ERROR_DENIED, "must be the appliance's own");
    rmdir(in(p.directory, ".banyan"));
    assert_int_equal(symlink("/tmp", in(p.directory, ".banyan")), 0);
    assert_error(file->list(p.session, NULL, collect, &list), ERROR_DENIED, NULL);
    close_place(&p);
}

static void a_delivery_is_staged_then_published_with_its_mode(void **state UNUSED) {
    place p = open_place("\"mode\": \"0664\"");
    struct stat status;
    assert_ok(stage_text(file, p.session, "out/2026/a.csv", "0190-id", "a;b"));
    assert_int_equal(count_visible(p.directory), 0);
    assert_ok(file->publish(p.session, "out/2026/a.csv", "0190-id", ADAPTER_EXISTS_FAIL, false));
    assert_file(in(p.directory, "out/2026/a.csv"), "a;b");
    assert_int_equal(stat(in(p.directory, "out/2026/a.csv"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0664);
    assert_int_equal(count_visible(in(p.directory, ".banyan/staging")), 0);
    close_place(&p);
}

/* FI-09 */
static void a_name_that_exists_is_a_conflict_unless_replacing_is_wished(void **state UNUSED) {
    place p = open_place("");
    write_file(in(p.directory, "a"), "theirs");
    assert_ok(stage_text(file, p.session, "a", "id", "ours"));
    assert_error(file->publish(p.session, "a", "id", ADAPTER_EXISTS_FAIL, false), ERROR_CONFLICT, "exists already");
    assert_error(file->publish(p.session, "a", "id", ADAPTER_EXISTS_FAIL, true), ERROR_CONFLICT, "exists already");
    assert_file(in(p.directory, "a"), "theirs");
    assert_ok(file->publish(p.session, "a", "id", ADAPTER_EXISTS_REPLACE, true));
    assert_file(in(p.directory, "a"), "ours");
    mkdir(in(p.directory, "directory"), 0755);
    assert_ok(stage_text(file, p.session, "directory", "id", "ours"));
    assert_error(file->publish(p.session, "directory", "id", ADAPTER_EXISTS_REPLACE, false), ERROR_CONFLICT, NULL);
    close_place(&p);
}

/* FI-09: a real file system of 256 KiB, where the system lets us mount one. */
static void a_full_file_system_is_told_and_leaves_nothing(void **state UNUSED) {
    char *directory = make_directory();
    if (mount("none", directory, "tmpfs", 0, "size=256k") < 0) {
        print_message("mounting is not allowed here: %s\n", strerror(errno));
        remove_directory(directory);
        skip();
    }
    json_t *settings = json_pack("{s:s}", "directory", directory);
    adapter_session *session = open_session(settings);
    char *large = xmalloc(1 << 20);
    memset(large, 'x', (1 << 20) - 1);
    large[(1 << 20) - 1] = '\0';
    assert_error(stage_text(file, session, "a", "id", large), ERROR_FULL, "No space left");
    assert_int_equal(count_visible(in(directory, ".banyan/staging")), 0);
    put_text(file, session, "a", "small");
    assert_file(in(directory, "a"), "small");
    file->close(session);
    json_decref(settings);
    free(large);
    umount(directory);
    remove_directory(directory);
}

static void a_source_that_ends_early_is_not_delivered(void **state UNUSED) {
    place p = open_place("");
    text_source text = {.text = SPAN("short")};
    adapter_source source = source_of(&text);
    source.size = 10;
    assert_error(file->stage(p.session, "a", "id", &source), ERROR_CORRUPT, "10 bytes were announced, 5 came");
    assert_error(file->publish(p.session, "a", "id", ADAPTER_EXISTS_FAIL, false), ERROR_NOT_FOUND, "not staged");
    close_place(&p);
}

typedef enum crash_point { CRASH_IN_STAGE, CRASH_AFTER_STAGE, CRASH_AFTER_PUBLISH, CRASH_POINTS } crash_point;

static error *die_in_the_middle(void *context, char *into, size_t room, size_t *len) {
    text_source *source = context;
    if (source->at > 0) kill(getpid(), SIGKILL);
    return read_text(context, into, room > 3 ? 3 : room, len);
}

static void deliver_until(const json_t *settings, crash_point point) {
    adapter_session *session = open_session(settings);
    text_source text = {.text = SPAN("the whole text")};
    adapter_source source = source_of(&text);
    if (point == CRASH_IN_STAGE) source.read = die_in_the_middle;
    assert_ok(file->stage(session, "out/a", "id", &source));
    if (point == CRASH_AFTER_PUBLISH) assert_ok(file->publish(session, "out/a", "id", ADAPTER_EXISTS_FAIL, false));
    kill(getpid(), SIGKILL);
}

/* FI-10: killed at each point; the next run publishes what is staged, once, and whole. */
static void a_crash_between_the_steps_delivers_once(void **state UNUSED) {
    for (crash_point point = 0; point < CRASH_POINTS; point++) {
        place p = open_place("");
        int status;
        pid_t child = fork();
        if (child == 0) deliver_until(p.settings, point);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        if (point == CRASH_IN_STAGE) {
            assert_int_equal(count_visible(p.directory), 0);
            assert_error(file->publish(p.session, "out/a", "id", ADAPTER_EXISTS_FAIL, false), ERROR_NOT_FOUND, NULL);
            assert_ok(stage_text(file, p.session, "out/a", "id", "the whole text"));
        }
        if (point == CRASH_AFTER_PUBLISH) {
            assert_error(file->publish(p.session, "out/a", "id", ADAPTER_EXISTS_FAIL, false), ERROR_NOT_FOUND, NULL);
            unlink(in(p.directory, "out/a")); /* the consumer has it already */
        }
        assert_ok(file->publish(p.session, "out/a", "id", ADAPTER_EXISTS_FAIL, true));
        if (point == CRASH_AFTER_PUBLISH)
            assert_false(exists(in(p.directory, "out/a")));
        else
            assert_file(in(p.directory, "out/a"), "the whole text");
        assert_int_equal(count_visible(in(p.directory, ".banyan/staging")), 0);
        close_place(&p);
    }
}

/* FI-10, on file systems that cannot rename without replacing: killed between link and unlink. */
static void a_delivery_with_both_names_is_published_already(void **state UNUSED) {
    place p = open_place("");
    char staged[NAME_MAX + 64] = "";
    assert_ok(stage_text(file, p.session, "a", "id", "text"));
    DIR *staging = opendir(in(p.directory, ".banyan/staging"));
    for (const struct dirent *entry; (entry = readdir(staging));) {
        if (entry->d_name[0] != '.') snprintf(staged, sizeof staged, ".banyan/staging/%s", entry->d_name);
    }
    closedir(staging);
    assert_int_equal(link(in(p.directory, staged), in(p.directory, "a")), 0);
    assert_ok(file->publish(p.session, "a", "id", ADAPTER_EXISTS_FAIL, true));
    assert_file(in(p.directory, "a"), "text");
    assert_false(exists(in(p.directory, staged)));
    close_place(&p);
}

/* FI-10, inbound */
static void a_file_claimed_by_a_run_that_crashed_is_picked_up_once(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    int status;
    write_file(in(p.directory, "a"), "text");
    pid_t child = fork();
    if (child == 0) {
        adapter_entry got;
        adapter_session *session = open_session(p.settings);
        error *err = try_get(file, session, "a", &got);
        kill(getpid(), err ? SIGTERM : SIGKILL);
    }
    waitpid(child, &status, 0);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_false(exists(in(p.directory, "a")));
    assert_listed(file, p.session, NULL, "a");
    get_and_done(file, p.session, "a");
    assert_listed(file, p.session, NULL, "");
    close_place(&p);
}

enum { RIVALS = 3, CONTESTED = 300 };

static void compete(const json_t *settings, int report) {
    adapter_session *session = open_session(settings);
    for (int quiet = 0; quiet < 3; quiet++) {
        listing list = list_all(file, session, NULL);
        for (size_t i = 0; i < list.count; i++) {
            adapter_entry got;
            error *err = try_get(file, session, list.names[i], &got);
            if (err && error_code_of(err) != ERROR_NOT_FOUND) _exit(1);
            error_free(err);
            if (err) continue;
            quiet = 0;
            if (write(report, "x", 1) != 1 || file->done(session, &got)) _exit(2);
        }
        listing_free(&list);
    }
    _exit(0);
}

/* SF-12 for directories: several processes poll the same one. */
static void each_file_goes_to_one_of_several_rivals(void **state UNUSED) {
    place p = open_place(AT_ONCE);
    int ends[2];
    pid_t children[RIVALS];
    char name[32], marks[CONTESTED * 2];
    size_t total = 0;
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < CONTESTED; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        write_file(in(p.directory, name), name);
    }
    for (int i = 0; i < RIVALS; i++) {
        children[i] = fork();
        if (children[i] == 0) compete(p.settings, ends[1]);
    }
    close(ends[1]);
    for (int i = 0; i < RIVALS; i++) {
        int status;
        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
    }
    for (ssize_t n; (n = read(ends[0], marks, sizeof marks)) > 0;)
        total += (size_t)n;
    assert_int_equal(total, CONTESTED);
    assert_int_equal(count_visible(p.directory), 0);
    close(ends[0]);
    close_place(&p);
}

static void ten_thousand_small_files_pass_in_seconds(void **state UNUSED) {
    enum { MANY = 10000 };
    place p = open_place(AT_ONCE);
    char name[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        write_file(in(p.directory, name), "UNB+UNOC:3");
    }
    int64_t start = clock_monotonic_ms();
    listing list = list_all(file, p.session, NULL);
    assert_int_equal(list.count, MANY);
    for (size_t i = 0; i < list.count; i++)
        get_and_done(file, p.session, list.names[i]);
    int64_t took = clock_monotonic_ms() - start;
    print_message("10,000 files listed, read and removed in %lld ms\n", (long long)took);
    assert_true(took < 20000);
    assert_int_equal(count_visible(p.directory), 0);
    listing_free(&list);
    close_place(&p);
}

static void resources_are_read_and_removed_but_never_outside_the_directory(void **state UNUSED) {
    static const char *const escapes[] = {"../etc/passwd", "/etc/passwd", "a/../../b", "", ".", "a//b", "a\\b"};
    place p = open_place("");
    buf content = BUF_MAX(4096);
    adapter_sink sink = buf_sink(&content);
    adapter_entry got;
    mkdir(in(p.directory, "out"), 0755);
    write_file(in(p.directory, "out/4711.csv"), "a;b");
    assert_int_equal(symlink("/etc", in(p.directory, "etc")), 0);
    assert_ok(file->read(p.session, "out/4711.csv", &sink, &got));
    assert_string_equal(buf_text(&content), "a;b");
    assert_int_equal(got.size, 3);
    assert_true(llabs(got.modified_ms - clock_wall_ms()) < 60000);
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        assert_error(file->read(p.session, escapes[i], &sink, &got), ERROR_INVALID, NULL);
        assert_error(file->remove(p.session, escapes[i]), ERROR_INVALID, NULL);
        assert_error(stage_text(file, p.session, escapes[i], "id", "text"), ERROR_INVALID, NULL);
    }
    assert_error(file->read(p.session, "etc/passwd", &sink, &got), ERROR_DENIED, NULL);
    assert_error(file->read(p.session, ".banyan/staging/x", &sink, &got), ERROR_NOT_FOUND, NULL);
    assert_error(file->read(p.session, "nothing", &sink, &got), ERROR_NOT_FOUND, "nothing");
    assert_error(stage_text(file, p.session, "a", "../id", "text"), ERROR_INVALID, NULL);
    assert_ok(file->remove(p.session, "out/4711.csv"));
    assert_error(file->remove(p.session, "out/4711.csv"), ERROR_NOT_FOUND, NULL);
    buf_free(&content);
    close_place(&p);
}

static void settings_that_cannot_work_are_told_with_their_place(void **state UNUSED) {
    static const struct {
        const char *settings, *where;
    } cases[] = {
        {"{\"directory\": \"relative\"}", "/c/directory"},
        {"{\"directory\": \"/d\", \"archive\": \"../up\"}", "/c/archive"},
        {"{\"directory\": \"/d\", \"archive\": \".banyan\"}", "/c/archive"},
        {"{\"directory\": \"/d\", \"pattern\": \"/etc/*\"}", "/c/pattern"},
        {"{\"directory\": \"/d\", \"mode\": \"0888\"}", "/c/mode"},
        {"{\"directory\": \"/d\", \"mode\": \"0040\"}", "/c/mode"},
        {"{\"directory\": \"/d\", \"poll\": \"1ms\"}", "/c/poll"},
        {"{}", "/c"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *settings;
        fault_list faults = {.count = 0};
        assert_ok(json_parse(span_of(cases[i].settings), &settings));
        settings_check(file->settings, settings, "/c", &faults);
        file->check(settings, "/c", &faults);
        assert_int_equal(faults.count, 1);
        assert_string_equal(error_where(faults.faults[0]), cases[i].where);
        fault_list_free(&faults);
        json_decref(settings);
    }
    assert_ptr_equal(adapter_find("file"), file);
    assert_null(adapter_find("carrier-pigeon"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_listed_read_and_removed),
        cmocka_unit_test(done_twice_is_no_error_and_removes_no_newer_file),
        cmocka_unit_test(released_files_are_given_back_untouched),
        cmocka_unit_test(picked_up_files_go_to_the_archive_and_keep_their_earlier_namesakes),
        cmocka_unit_test(patterns_choose_by_parts_of_the_path),
        cmocka_unit_test(temporary_names_are_left_alone),
        cmocka_unit_test(links_pipes_sockets_and_giants_are_refused_without_blocking),
        cmocka_unit_test(a_link_swapped_in_is_never_followed),
        cmocka_unit_test(a_growing_file_waits_until_it_is_closed),
        cmocka_unit_test(a_file_renamed_into_place_needs_no_wait_nor_does_one_in_a_sub_directory),
        cmocka_unit_test(an_empty_file_and_one_of_before_the_session_stand_still_first),
        cmocka_unit_test(a_file_that_changes_while_it_is_read_is_given_back),
        cmocka_unit_test(a_sink_that_fails_stops_the_read_and_the_file_stays),
        cmocka_unit_test(an_overflow_of_notices_misses_no_file),
        cmocka_unit_test(a_directory_that_goes_and_comes_back_heals_by_itself),
        cmocka_unit_test(the_same_name_twice_is_two_files),
        cmocka_unit_test(giving_back_does_not_replace_a_newer_file),
        cmocka_unit_test(odd_names_are_bytes_and_only_control_characters_are_refused),
        cmocka_unit_test(a_hidden_directory_that_others_may_write_is_not_trusted),
        cmocka_unit_test(a_delivery_is_staged_then_published_with_its_mode),
        cmocka_unit_test(a_name_that_exists_is_a_conflict_unless_replacing_is_wished),
        cmocka_unit_test(a_full_file_system_is_told_and_leaves_nothing),
        cmocka_unit_test(a_source_that_ends_early_is_not_delivered),
        cmocka_unit_test(a_crash_between_the_steps_delivers_once),
        cmocka_unit_test(a_delivery_with_both_names_is_published_already),
        cmocka_unit_test(a_file_claimed_by_a_run_that_crashed_is_picked_up_once),
        cmocka_unit_test(each_file_goes_to_one_of_several_rivals),
        cmocka_unit_test(ten_thousand_small_files_pass_in_seconds),
        cmocka_unit_test(resources_are_read_and_removed_but_never_outside_the_directory),
        cmocka_unit_test(settings_that_cannot_work_are_told_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
