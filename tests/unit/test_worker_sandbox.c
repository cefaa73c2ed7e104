/* What a worker that was taken over may try, and what it gets: 6.6 of the reliability research, R12, R18, LU-08, LU-17.
 *
 * Each forbidden thing is tried in a worker of its own; the raw system calls are made, so that no library is in the
 * way.
 */
#include "tests/unit/worker_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

static const char *const arguments[] = {"/bin/true", NULL};

/* The result of each attempt, as the system call gave it; a sandbox that kills never returns. */
static long try_open(void) {
    return syscall(SYS_open, "/etc/passwd", O_RDONLY);
}
static long try_openat(void) {
    return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}
static long try_openat2(void) {
    return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0);
}
static long try_socket(void) {
    return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}
static long try_socketpair(void) {
    int ends[2];
    return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, ends);
}
static long try_execve(void) {
    return syscall(SYS_execve, "/bin/true", arguments, NULL);
}
static long try_execveat(void) {
    return syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, NULL, 0);
}
static long try_fork(void) {
    return syscall(SYS_fork);
}
static long try_clone(void) {
    return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}
static long try_clone3(void) {
    return syscall(SYS_clone3, NULL, 0);
}
static long try_ptrace(void) {
    return syscall(SYS_ptrace, PTRACE_ATTACH, getppid(), NULL, NULL);
}
static long try_kill_parent(void) {
    return syscall(SYS_kill, 1, 0);
}
static long try_signal_other_thread(void) {
    return syscall(SYS_tgkill, 1, 1, SIGUSR1);
}
static long try_executable_memory(void) {
    return syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static long try_make_executable(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return syscall(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC);
}
static long try_owner_signal(void) {
    return syscall(SYS_fcntl, 3, F_SETOWN, getppid());
}
static long try_terminal_input(void) {
    return syscall(SYS_ioctl, 2, TIOCSTI, "x");
}
static long try_raise_limit(void) {
    struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
    return syscall(SYS_prlimit64, 0, RLIMIT_AS, &more, NULL);
}
static long try_dumpable(void) {
    return syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}
static long try_mount(void) {
    return syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL);
}
static long try_bpf(void) {
    return syscall(SYS_bpf, 0, NULL, 0);
}
static long try_keyctl(void) {
    return syscall(SYS_keyctl, 0, 0, 0, 0, 0);
}
static long try_module(void) {
    return syscall(SYS_init_module, NULL, 0, "");
}
static long try_unshare(void) {
    return syscall(SYS_unshare, CLONE_NEWUSER);
}
static long try_setns(void) {
    return syscall(SYS_setns, 0, 0);
}
static long try_io_uring(void) {
    return syscall(SYS_io_uring_setup, 1, NULL);
}
static long try_read_memory(void) {
    return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}
static long try_setuid(void) {
    return syscall(SYS_setuid, 0);
}
static long try_packet_socket(void) {
    return syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0);
}
static long try_netfilter_socket(void) {
    return syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 12);
}

typedef enum verdict { DEADLY, REFUSED } verdict;

typedef struct attempt {
    const char *name;
    long (*make)(void);
    verdict translator, courier;
    bool courier_may;
} attempt;

static const attempt attempts[] = {
    {"open", try_open, DEADLY, REFUSED, true},
    {"openat", try_openat, DEADLY, REFUSED, true},
    {"openat2", try_openat2, DEADLY, REFUSED, true},
    {"socket", try_socket, DEADLY, REFUSED, true},
    {"socketpair", try_socketpair, DEADLY, REFUSED, true},
    {"execve", try_execve, DEADLY, DEADLY, false},
    {"execveat", try_execveat, DEADLY, DEADLY, false},
    {"fork", try_fork, DEADLY, DEADLY, false},
    {"clone", try_clone, DEADLY, DEADLY, false},
    {"clone3", try_clone3, DEADLY, REFUSED, false},
    {"ptrace", try_ptrace, DEADLY, DEADLY, false},
    {"kill", try_kill_parent, DEADLY, DEADLY, false},
    {"tgkill", try_signal_other_thread, DEADLY, REFUSED, false},
    {"executable-memory", try_executable_memory, DEADLY, REFUSED, false},
    {"make-executable", try_make_executable, DEADLY, REFUSED, false},
    {"owner-signal", try_owner_signal, DEADLY, REFUSED, false},
    {"terminal-input", try_terminal_input, DEADLY, REFUSED, false},
    {"raise-limit", try_raise_limit, DEADLY, REFUSED, false},
    {"dumpable", try_dumpable, DEADLY, REFUSED, false},
    {"mount", try_mount, DEADLY, DEADLY, false},
    {"bpf", try_bpf, DEADLY, DEADLY, false},
    {"keyctl", try_keyctl, DEADLY, DEADLY, false},
    {"module", try_module, DEADLY, DEADLY, false},
    {"unshare", try_unshare, DEADLY, DEADLY, false},
    {"setns", try_setns, DEADLY, DEADLY, false},
    {"io-uring", try_io_uring, DEADLY, DEADLY, false},
    {"read-memory", try_read_memory, DEADLY, DEADLY, false},
    {"setuid", try_setuid, DEADLY, DEADLY, false},
    {"packet-socket", try_packet_socket, DEADLY, REFUSED, false},
    {"netfilter-socket", try_netfilter_socket, DEADLY, REFUSED, false},
};

enum { ATTEMPTS = sizeof attempts / sizeof attempts[0] };

static error *refused(const char *what) {
    return error_from_errno(errno, "%s", what);
}

static void *thread_body(void *context) {
    return context;
}

/* All that an adapter needs. */
static error *live_as_courier(void) {
    struct addrinfo *found = NULL;
    if (getaddrinfo("localhost", "80", NULL, &found) != 0) return error_new(ERROR_INTERNAL, "no name lookup");
    freeaddrinfo(found);
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_body, NULL) != 0) return error_new(ERROR_INTERNAL, "no thread");
    pthread_join(thread, NULL);

    char directory[] = "/tmp/banyan-sandbox-XXXXXX", path[64];
    if (!mkdtemp(directory)) return refused("mkdtemp");
    snprintf(path, sizeof path, "%s/a", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) < 0 || close(fd) < 0) return refused("file");
    if (unlink(path) < 0 || rmdir(directory) < 0) return refused("unlink");

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server, (struct sockaddr *)&address, size) < 0 || listen(server, 1) < 0 ||
        getsockname(server, (struct sockaddr *)&address, &size) < 0 ||
        connect(client, (struct sockaddr *)&address, size) < 0)
        return refused("loopback connection");
    close(client);
    close(server);
    return NULL;
}

static int by_value(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* What the C library may do behind the back of pure work. */
static error *live_as_translator(void) {
    enum { NUMBERS = 1 << 20 };
    int *numbers = xcalloc(NUMBERS, sizeof *numbers);
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = (int)(i * 7919LL % NUMBERS);
    qsort(numbers, NUMBERS, sizeof *numbers, by_value);
    for (int i = 0; i < NUMBERS; i++)
        if (numbers[i] != i) return error_new(ERROR_INTERNAL, "not sorted");
    free(numbers);
    time_t now = time(NULL);
    struct tm parts;
    char text[128];
    if (!localtime_r(&now, &parts) || mktime(&parts) != now) return error_new(ERROR_INTERNAL, "no local time");
    if (strftime(text, sizeof text, "%A %B %d %H:%M:%S %Y %Z", &parts) == 0)
        return error_new(ERROR_INTERNAL, "no time text");
    snprintf(text, sizeof text, "%.17g %s %m", 0.1, strerror(ENOENT));
    log_debug("%s", text);
    for (size_t size = 1; size < 64 << 20; size *= 4)
        free(xrealloc(xmalloc(size), size * 2));
    return NULL;
}

static const char expected_environment[] = "TZ=UTC0";

static error *look_around(frame *reply) {
    size_t entries = 0;
    for (char **entry = environ; entry && *entry; entry++)
        if (strcmp(*entry, expected_environment) != 0) entries++;
    json_t *head = json_pack("{s:I}", "environment", (json_int_t)entries);
    frame_put_json(reply, head);
    json_decref(head);
    return NULL;
}

static error *test_operation(worker *w, frame *request, frame *reply) {
    json_t *head = NULL;
    error *err = frame_get_json(request, &head);
    (void)w;
    if (err) return err;
    const char *what = json_get_text(head, "do", "");
    for (size_t i = 0; !err && i < ATTEMPTS; i++)
        if (strcmp(what, attempts[i].name) == 0 && attempts[i].make() < 0) err = refused(what);
    if (strcmp(what, "live-as-courier") == 0) err = live_as_courier();
    if (strcmp(what, "live-as-translator") == 0) err = live_as_translator();
    if (strcmp(what, "look-around") == 0)
        err = look_around(reply);
    else if (!err)
        frame_put_empty(reply);
    json_decref(head);
    return err;
}

static void attempt_all(worker_kind kind) {
    fixture f;
    begin(&f, &(worker_pool_options){.translators = 1, .couriers_max = 1});
    for (size_t i = 0; i < ATTEMPTS; i++) {
        const attempt *a = &attempts[i];
        verdict expected = kind == WORKER_TRANSLATOR ? a->translator : a->courier;
        pending p;
        if (kind == WORKER_COURIER && a->courier_may) continue;
        ask_worker(&f, &p, kind, a->name);
        if (!p.failure) fail_msg("%s was allowed", a->name);
        bool killed = error_code_of(p.failure) == ERROR_CRASHED && strstr(error_text(p.failure), "sandbox");
        bool denied = error_code_of(p.failure) != ERROR_CRASHED && strstr(error_text(p.failure), a->name);
        if (expected == DEADLY ? !killed : !denied) fail_msg("%s: %s", a->name, error_text(p.failure));
        pending_clear(&p);
        assert_serves(&f, kind);
    }
    end(&f);
}

static void a_translator_dies_of_every_forbidden_call(void **state) {
    (void)state;
    attempt_all(WORKER_TRANSLATOR);
}

static void a_courier_cannot_leave_its_cage(void **state) {
    (void)state;
    attempt_all(WORKER_COURIER);
}

static void expect_life(const char *what, worker_kind kind, const worker_pool_options *options) {
    fixture f;
    pending p;
    begin(&f, options);
    for (int i = 0; i < 2; i++) {
        ask_worker(&f, &p, kind, what);
        assert_done(&p);
        pending_clear(&p);
    }
    end(&f);
}

static void a_courier_reaches_files_names_and_the_network(void **state) {
    (void)state;
    expect_life("live-as-courier", WORKER_COURIER, &(worker_pool_options){.translators = 1});
}

static void a_translator_sorts_formats_and_tells_the_time(void **state) {
    (void)state;
    expect_life("live-as-translator", WORKER_TRANSLATOR, &(worker_pool_options){.translators = 1});
}

static void workers_of_root_become_the_user_that_is_configured(void **state) {
    (void)state;
    if (geteuid() != 0) skip();
    expect_life(
        "live-as-courier", WORKER_COURIER, &(worker_pool_options){.translators = 1, .user = 65534, .group = 65534});
    expect_life("live-as-translator", WORKER_TRANSLATOR,
        &(worker_pool_options){.translators = 1, .user = 65534, .group = 65534});
}

/* A line of /proc/PID/status, as the kernel sees the worker. */
static void read_status(pid_t pid, const char *key, char *value, size_t room) {
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    value[0] = '\0';
    while (fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
            snprintf(value, room, "%s", line + strlen(key) + 2);
    fclose(file);
    value[strcspn(value, "\n")] = '\0';
}

static void expect_status(pid_t pid, const char *key, const char *expected) {
    char value[512];
    read_status(pid, key, value, sizeof value);
    assert_string_equal(value, expected);
}

static void the_kernel_sees_workers_locked_in(void **state) {
    (void)state;
    fixture f;
    begin(&f, &(worker_pool_options){.translators = 1});
    assert_serves(&f, WORKER_TRANSLATOR);
    assert_serves(&f, WORKER_COURIER);
    json_t *status = worker_pool_status(f.pool);
    assert_int_equal(json_array_size(status), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *entry = json_array_get(status, i);
        bool courier = strcmp(json_get_text(entry, "kind", ""), "courier") == 0;
        pid_t pid = (pid_t)json_get_integer(entry, "pid", 0);
        char value[512];
        expect_status(pid, "Name", courier ? "banyan-courier" : "banyan-translat");
        expect_status(pid, "NoNewPrivs", "1");
        expect_status(pid, "Seccomp", "2");
        if (!courier) expect_status(pid, "CapEff", "0000000000000000");
        if (!courier) expect_status(pid, "CapPrm", "0000000000000000");
        read_status(pid, "CapEff", value, sizeof value);
        assert_int_equal(strtoull(value, NULL, 16) & ~0x1full, 0); /* files, at most */
    }
    json_decref(status);
    end(&f);
}

static void a_worker_starts_with_an_empty_environment(void **state) {
    (void)state;
    fixture f;
    pending p;
    begin(&f, &(worker_pool_options){.translators = 1});
    ask_worker(&f, &p, WORKER_TRANSLATOR, "look-around");
    assert_done(&p);
    assert_int_equal(json_get_integer(p.head, "environment", -1), 0);
    pending_clear(&p);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_translator_dies_of_every_forbidden_call),
        cmocka_unit_test(a_courier_cannot_leave_its_cage),
        cmocka_unit_test(a_courier_reaches_files_names_and_the_network),
        cmocka_unit_test(a_translator_sorts_formats_and_tells_the_time),
        cmocka_unit_test(workers_of_root_become_the_user_that_is_configured),
        cmocka_unit_test(the_kernel_sees_workers_locked_in),
        cmocka_unit_test(a_worker_starts_with_an_empty_environment),
    };
    worker_test_operation = test_operation;
    alarm(240);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
