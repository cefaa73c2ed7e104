/* core/base/io.h: files, and the one way to name a path that came from outside. */
#include "core/base/io.h"
#include "core/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char *directory;
static int directory_fd;

static int begin(void **state) {
    (void)state;
    directory = xstrdup("/tmp/banyan-io-XXXXXX");
    if (!mkdtemp(directory) || chdir(directory) < 0) return -1;
    directory_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return directory_fd < 0 ? -1 : 0;
}

static int end(void **state) {
    (void)state;
    char *removal = xasprintf("rm -rf %s", directory);
    int code = chdir("/") == 0 ? system(removal) : -1;
    io_close(&directory_fd);
    free(removal);
    free(directory);
    return code;
}

static void expect_file(const char *path, const char *content) {
    buf text = BUF_MAX(1024 * 1024);
    assert_null(io_read_file(path, &text));
    assert_string_equal(buf_text(&text), content);
    buf_free(&text);
}

/* HT-20: what a request or a partner may call a file. */
static void a_path_from_outside_is_clean_or_refused(void **state) {
    (void)state;
    static char part_256[257], part_255[256], deep_32[64], deep_33[66];
    memset(part_256, 'x', 256);
    memset(part_255, 'x', 255);
    for (size_t i = 0; i < 63; i++)
        deep_32[i] = i % 2 ? '/' : 'a';
    for (size_t i = 0; i < 65; i++)
        deep_33[i] = i % 2 ? '/' : 'a';
    const struct {
        span raw;
        bool good;
    } rows[] = {
        {SPAN("a"), true},
        {SPAN("a/b.txt"), true},
        {SPAN("in/ORD 4711 (1).csv"), true},
        {SPAN("..."), true},
        {SPAN("..a/b.."), true},
        {SPAN(".hidden"), true},
        {SPAN("-rf"), true},
        {SPAN("a;b"), true},
        {SPAN("%2e%2e"), true}, /* decoding is the HTTP server's business, and happens once */
        {SPAN("\xC3\xA4.txt"), true},
        {span_of(part_255), true},
        {span_of(deep_32), true},
        {SPAN(""), false},
        {(span){NULL, 0}, false},
        {SPAN("/"), false},
        {SPAN("/etc/passwd"), false},
        {SPAN("//etc/passwd"), false},
        {SPAN(".."), false},
        {SPAN("."), false},
        {SPAN("../a"), false},
        {SPAN("a/../b"), false},
        {SPAN("a/.."), false},
        {SPAN("a/./b"), false},
        {SPAN("a//b"), false},
        {SPAN("a/"), false},
        {SPAN("a\0b"), false},
        {SPAN("a\nb"), false},
        {SPAN("a\x7f"), false},
        {SPAN("\x1b[2J"), false},
        {SPAN("..\\a"), false},
        {SPAN("a\\b"), false},
        {SPAN("C:\\x"), false},
        {span_of(part_256), false},
        {span_of(deep_33), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char clean[1024];
        error *err = io_path_clean(rows[i].raw, clean, sizeof clean);
        if ((err == NULL) != rows[i].good) fail_msg("\"%.*s\"", (int)rows[i].raw.len, rows[i].raw.data);
        if (!err) assert_true(span_equal(rows[i].raw, span_of(clean)));
        error_free(err);
    }
}

static void a_path_that_does_not_fit_its_room_is_refused(void **state) {
    (void)state;
    char clean[4];
    assert_null(io_path_clean(SPAN("a/b"), clean, sizeof clean));
    assert_string_equal(clean, "a/b");
    error *err = io_path_clean(SPAN("a/bc"), clean, sizeof clean);
    assert_int_equal(error_code_of(err), ERROR_LIMIT);
    error_free(err);
}

/* HT-20: even a name that nobody cleaned does not leave the directory. */
static void opening_beneath_never_leaves_the_directory(void **state) {
    (void)state;
    assert_null(io_make_directories("root/sub"));
    assert_null(io_write_file("canary", SPAN("secret")));
    assert_null(io_write_file("root/inside", SPAN("fine")));
    assert_int_equal(symlink("../canary", "root/out"), 0);
    assert_int_equal(symlink("inside", "root/in"), 0);
    assert_int_equal(symlink("..", "root/up"), 0);
    assert_int_equal(symlink("/", "root/sub/slash"), 0);
    int root = open("root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const char *const refused[] = {"../canary", "/etc/passwd", "out", "in", "up/canary", "sub/../../canary",
        "sub/slash/etc/passwd", "/proc/self/root/etc/passwd"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int fd = io_open_beneath(root, refused[i], O_RDONLY, 0);
        if (fd >= 0) fail_msg("%s was opened", refused[i]);
        fd = io_open_beneath(root, refused[i], O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd >= 0) fail_msg("%s was written", refused[i]);
    }
    expect_file("canary", "secret");
    int fd = io_open_beneath(root, "inside", O_RDONLY, 0);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    io_close(&fd);
    assert_int_equal(fd, -1);
    io_close(&fd);
    io_close(&root);
}

static atomic_bool swapping;

/* Makes root/d a directory and a link out of the root in turns, as fast as it can. */
static void *swap(void *context) {
    (void)context;
    while (atomic_load(&swapping)) {
        if (rename("root/real", "root/d") == 0 && rename("root/d", "root/real") == 0 &&
            rename("root/link", "root/d") == 0)
            (void)!rename("root/d", "root/link");
    }
    return NULL;
}

/* FI-02: a directory that is swapped for a symbolic link between two looks at it. */
static void a_directory_swapped_for_a_link_leads_nowhere(void **state) {
    (void)state;
    pthread_t thread;
    assert_null(io_make_directories("root/real"));
    assert_null(io_make_directories("outside"));
    assert_null(io_write_file("outside/file", SPAN("secret")));
    assert_null(io_write_file("root/real/file", SPAN("fine")));
    assert_int_equal(symlink("../outside", "root/link"), 0);
    int root = open("root", O_RDONLY | O_DIRECTORY | O_CLOEXEC), opened = 0;
    atomic_store(&swapping, true);
    assert_int_equal(pthread_create(&thread, NULL, swap, NULL), 0);
    for (int i = 0; i < 20000; i++) {
        char content[8] = "";
        int fd = io_open_beneath(root, "d/file", O_RDONLY, 0);
        if (fd < 0) continue;
        opened++;
        assert_int_equal(read(fd, content, 4), 4);
        assert_string_equal(content, "fine");
        io_close(&fd);
        error_free(io_make_parents(root, "d/made/file"));
    }
    atomic_store(&swapping, false);
    pthread_join(thread, NULL);
    assert_int_equal(access("outside/made", F_OK), -1);
    io_close(&root);
    (void)opened; /* how often the directory was there is up to the scheduler */
}

static void parents_are_made_inside_and_not_through_links(void **state) {
    (void)state;
    assert_null(io_make_directories("root/there"));
    assert_null(io_make_directories("outside"));
    assert_int_equal(symlink("../outside", "root/link"), 0);
    int root = open("root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_null(io_make_parents(root, "file"));
    assert_null(io_make_parents(root, "there/a/b/file"));
    assert_null(io_make_parents(root, "there/a/b/file"));
    assert_int_equal(access("root/there/a/b", X_OK), 0);
    assert_int_equal(access("root/there/a/b/file", F_OK), -1);
    error *err = io_make_parents(root, "link/a/file");
    assert_non_null(err);
    error_free(err);
    assert_int_equal(access("outside/a", F_OK), -1);
    assert_null(io_write_file("root/plain", SPAN("")));
    err = io_make_parents(root, "plain/a/file");
    assert_int_equal(error_code_of(err), ERROR_NOT_FOUND);
    error_free(err);
    io_close(&root);
}

static void a_file_is_replaced_as_a_whole(void **state) {
    (void)state;
    struct stat status;
    assert_null(io_write_file("f", SPAN("first, and longer")));
    assert_int_equal(chmod("f", 0644), 0);
    assert_null(io_write_file("f", SPAN("second")));
    expect_file("f", "second");
    assert_int_equal(stat("f", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_null(io_write_file("sub-less", (span){NULL, 0}));
    expect_file("sub-less", "");
    error *err = io_write_file("missing/f", SPAN("x"));
    assert_int_equal(error_code_of(err), ERROR_NOT_FOUND);
    error_free(err);
    /* A link is replaced, not followed. */
    assert_int_equal(symlink("f", "link"), 0);
    assert_null(io_write_file("link", SPAN("third")));
    expect_file("f", "second");
    expect_file("link", "third");
    char *list = xasprintf("test \"$(ls -A %s | wc -l)\" -eq 3", directory);
    assert_int_equal(system(list), 0); /* no temporary file is left */
    free(list);
}

static void a_read_stops_at_the_buffer_s_maximum(void **state) {
    (void)state;
    char *large = xmalloc(200000);
    memset(large, 'x', 200000);
    assert_null(io_write_file("f", span_make(large, 200000)));
    buf text = BUF_MAX(200000);
    assert_null(io_read_file("f", &text));
    assert_int_equal(text.len, 200000);
    buf_free(&text);
    text = BUF_MAX(199999);
    error *err = io_read_file("f", &text);
    assert_int_equal(error_code_of(err), ERROR_LIMIT);
    assert_non_null(strstr(error_text(err), "f is larger than 199999 bytes"));
    error_free(err);
    buf_free(&text);
    err = io_read_file("none", &text);
    assert_int_equal(error_code_of(err), ERROR_NOT_FOUND);
    error_free(err);
    err = io_read_file(".", &text);
    assert_non_null(err);
    error_free(err);
    free(large);
}

static void a_copy_is_whole_and_has_a_limit(void **state) {
    (void)state;
    uint64_t copied = 0;
    char *large = xmalloc(150000);
    memset(large, 'y', 150000);
    assert_null(io_write_file("in", span_make(large, 150000)));
    int in = open("in", O_RDONLY | O_CLOEXEC), out = open("out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_null(io_copy(in, out, 150000, &copied, "it"));
    assert_int_equal(copied, 150000);
    assert_int_equal(lseek(out, 0, SEEK_END), 150000);
    assert_int_equal(lseek(in, 0, SEEK_SET), 0);
    error *err = io_copy(in, out, 149999, NULL, "it");
    assert_int_equal(error_code_of(err), ERROR_LIMIT);
    error_free(err);
    io_close(&in);
    err = io_copy(-1, out, 1, NULL, "it");
    assert_int_equal(error_code_of(err), ERROR_IO);
    error_free(err);
    io_close(&out);
    free(large);
}

static void a_full_disk_and_a_closed_pipe_are_told_apart(void **state) {
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    error *err = io_write_all(fd, SPAN("x"), "it");
    assert_int_equal(error_code_of(err), ERROR_FULL);
    error_free(err);
    io_close(&fd);
    int ends[2];
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGPIPE, &ignore, &before);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    io_close(&ends[0]);
    err = io_write_all(ends[1], SPAN("x"), "it");
    assert_int_equal(error_code_of(err), ERROR_UNREACHABLE);
    error_free(err);
    io_close(&ends[1]);
    sigaction(SIGPIPE, &before, NULL);
}

static void *drain(void *context) {
    char chunk[1000];
    size_t total = 0;
    ssize_t n;
    while ((n = read(*(int *)context, chunk, sizeof chunk)) > 0)
        total += (size_t)n;
    return (void *)total;
}

static void a_write_goes_on_after_a_short_one(void **state) {
    (void)state;
    int ends[2];
    pthread_t thread;
    void *total;
    char *large = xcalloc(1, 1000000);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&thread, NULL, drain, &ends[0]), 0);
    assert_null(io_write_all(ends[1], span_make(large, 1000000), "it"));
    io_close(&ends[1]);
    pthread_join(thread, &total);
    assert_int_equal((size_t)total, 1000000);
    io_close(&ends[0]);
    free(large);
}

static void directories_are_made_with_their_parents(void **state) {
    (void)state;
    struct stat status;
    assert_null(io_make_directories("a/b/c"));
    assert_null(io_make_directories("a/b/c"));
    assert_null(io_make_directories("a/b/c/"));
    assert_int_equal(stat("a/b", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    char *absolute = xasprintf("%s/x/y", directory);
    assert_null(io_make_directories(absolute));
    free(absolute);
    assert_null(io_write_file("file", SPAN("")));
    error *err = io_make_directories("file/x");
    assert_int_equal(error_code_of(err), ERROR_NOT_FOUND);
    error_free(err);
    /* A file in the place of the last one is no directory either. */
    err = io_make_directories("file");
    assert_non_null(err);
    error_free(err);
}

static void durability_is_asked_for_and_failures_are_told(void **state) {
    (void)state;
    int fd = open("f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_null(io_sync_file(fd, "f"));
    assert_null(io_sync_directory(directory_fd, "."));
    io_close(&fd);
    error *err = io_sync_file(-1, "f");
    assert_int_equal(error_code_of(err), ERROR_IO);
    error_free(err);
    err = io_sync_directory(-1, ".");
    assert_int_equal(error_code_of(err), ERROR_IO);
    error_free(err);
}

static void a_descriptor_is_made_nonblocking_and_stays_here(void **state) {
    (void)state;
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    assert_null(io_set_nonblocking(ends[0]));
    assert_int_equal(read(ends[0], &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(fcntl(ends[0], F_GETFD) & FD_CLOEXEC);
    error *err = io_set_nonblocking(-1);
    assert_non_null(err);
    error_free(err);
    io_close(&ends[0]);
    io_close(&ends[1]);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_from_outside_is_clean_or_refused),
        cmocka_unit_test(a_path_that_does_not_fit_its_room_is_refused),
        IN_DIRECTORY(opening_beneath_never_leaves_the_directory),
        IN_DIRECTORY(a_directory_swapped_for_a_link_leads_nowhere),
        IN_DIRECTORY(parents_are_made_inside_and_not_through_links),
        IN_DIRECTORY(a_file_is_replaced_as_a_whole),
        IN_DIRECTORY(a_read_stops_at_the_buffer_s_maximum),
        IN_DIRECTORY(a_copy_is_whole_and_has_a_limit),
        cmocka_unit_test(a_full_disk_and_a_closed_pipe_are_told_apart),
        cmocka_unit_test(a_write_goes_on_after_a_short_one),
        IN_DIRECTORY(directories_are_made_with_their_parents),
        IN_DIRECTORY(durability_is_asked_for_and_failures_are_told),
        cmocka_unit_test(a_descriptor_is_made_nonblocking_and_stays_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
