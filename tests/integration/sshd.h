/* tests/integration/sshd.h: a real OpenSSH server for a test, on a free loopback port, with keys made on the spot.
 *
 * Also a relay to stand between, which cuts the connection or turns a byte after a number of bytes. Each is a process
 * of its own, ended by the test that started it.
 */
#ifndef BANYAN_TESTS_SSHD_H
#define BANYAN_TESTS_SSHD_H

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAYBE_UNUSED __attribute__((unused))

typedef struct sshd {
    const char *keys; /* directory with the keys */
    char *log;
    uint16_t port;
    pid_t pid;
} sshd;

/* Runs a program to its end, silently; its exit status, -1 when it did not run. */
static int run_program(const char *const *arguments) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        int nothing = open("/dev/null", O_RDWR);
        dup2(nothing, 0);
        dup2(nothing, 1);
        dup2(nothing, 2);
        execvp(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

static MAYBE_UNUSED bool make_key(
    const char *directory, const char *name, const char *type, const char *bits, const char *form, const char *phrase) {
    char *path = xasprintf("%s/%s", directory, name);
    const char *arguments[16] = {"ssh-keygen", "-q", "-t", type, "-N", phrase, "-C", name, "-f", path};
    size_t count = 10;
    if (bits) arguments[count++] = "-b", arguments[count++] = bits;
    if (form) arguments[count++] = "-m", arguments[count++] = form;
    int status = run_program(arguments);
    free(path);
    return status == 0;
}

static uint16_t free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        abort();
    close(fd);
    return ntohs(address.sin_port);
}

static int connect_port(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

/* Until something listens, or the process that should has ended. */
static bool wait_for_port(uint16_t port, pid_t process) {
    int64_t until = clock_monotonic_ms() + 10000;
    while (clock_monotonic_ms() < until && waitpid(process, NULL, WNOHANG) == 0) {
        int fd = connect_port(port);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        poll(NULL, 0, 5);
    }
    return false;
}

/* Starts a server with the keys in `keys` (host_ed25519, host_ecdsa, host_rsa as `host_keys` lists them,
 * authorized_keys) and more lines of configuration. */
static sshd sshd_start(const char *keys, const char *host_keys, const char *configuration) {
    for (int attempt = 0; attempt < 5; attempt++) {
        sshd server = {.keys = keys, .port = free_port()};
        char *path = xasprintf("%s/sshd_config.%u", keys, (unsigned)server.port);
        server.log = xasprintf("%s/sshd.%u.log", keys, (unsigned)server.port);
        FILE *file = fopen(path, "we");
        fprintf(file,
            "%s\nPort %u\nListenAddress 127.0.0.1\nAuthorizedKeysFile %s/authorized_keys\nPidFile none\n"
            "StrictModes no\nPermitRootLogin yes\nMaxStartups 1000\nLogLevel VERBOSE\n",
            configuration, (unsigned)server.port, keys);
        if (!strstr(configuration, "UsePAM")) fprintf(file, "UsePAM no\n");
        if (!strstr(configuration, "Subsystem")) fprintf(file, "Subsystem sftp internal-sftp\n");
        span rest = span_of(host_keys), name;
        while (span_split(&rest, ' ', &name))
            fprintf(file, "HostKey %s/%.*s\n", keys, (int)name.len, name.data);
        fclose(file);
        if (geteuid() == 0) mkdir("/run/sshd", 0755);
        server.pid = fork();
        if (server.pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-f", path, "-E", server.log, (char *)NULL);
            _exit(127);
        }
        free(path);
        if (wait_for_port(server.port, server.pid)) return server;
        kill(server.pid, SIGKILL);
        free(server.log);
    }
    fprintf(stderr, "sshd does not start\n");
    abort();
}

static void sshd_stop(sshd *server) {
    if (server->pid > 0) {
        kill(server->pid, SIGTERM);
        waitpid(server->pid, NULL, 0);
    }
    free(server->log);
    *server = (sshd){.pid = 0};
}

/* Has the server logged these words? */
static MAYBE_UNUSED bool sshd_logged(const sshd *server, const char *words) {
    buf log = BUF_MAX(1 << 20);
    error *err = io_read_file(server->log, &log);
    bool found = !err && strstr(buf_text(&log), words);
    error_free(err);
    buf_free(&log);
    return found;
}

/* What the relay does; shared with it, changed at any time. Bytes of both directions of one connection are counted. */
typedef struct relay_plan {
    atomic_long cut_after;  /* -1: never */
    atomic_long turn_after; /* turns the bits of the byte behind so many; -1: never */
    atomic_long passed;     /* of the connection in hand or the last one */
} relay_plan;

typedef struct relay {
    relay_plan *plan;
    uint16_t port;
    pid_t pid;
} relay;

/* False at the end of the connection, or when it is to be cut. */
static bool pass_on(relay_plan *plan, int from, int to) {
    unsigned char bytes[4096];
    long passed = atomic_load(&plan->passed), cut = atomic_load(&plan->cut_after);
    long turn = atomic_load(&plan->turn_after);
    size_t room =
        cut >= 0 && cut - passed < (long)sizeof bytes ? (size_t)(cut > passed ? cut - passed : 0) : sizeof bytes;
    if (room == 0) return false;
    ssize_t n = read(from, bytes, room);
    if (n <= 0) return false;
    if (turn >= passed && turn < passed + n) bytes[turn - passed] ^= 0x5A;
    for (ssize_t at = 0; at < n;) {
        ssize_t w = write(to, bytes + at, (size_t)(n - at));
        if (w <= 0) return false;
        at += w;
    }
    atomic_store(&plan->passed, passed + n);
    return true;
}

static MAYBE_UNUSED void relay_loop(relay_plan *plan, int listener, uint16_t target) {
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int in_fd = accept(listener, NULL, NULL), out_fd = connect_port(target);
        bool open = in_fd >= 0 && out_fd >= 0;
        atomic_store(&plan->passed, 0);
        while (open) {
            struct pollfd both[2] = {{.fd = in_fd, .events = POLLIN}, {.fd = out_fd, .events = POLLIN}};
            if (poll(both, 2, -1) < 0) break;
            if (both[0].revents) open = pass_on(plan, in_fd, out_fd);
            if (open && both[1].revents) open = pass_on(plan, out_fd, in_fd);
        }
        close(in_fd);
        close(out_fd);
    }
}

static MAYBE_UNUSED relay relay_start(uint16_t target) {
    relay r = {.plan = mmap(NULL, sizeof *r.plan, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, len) < 0 || listen(listener, 16) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) < 0)
        abort();
    atomic_store(&r.plan->cut_after, -1);
    atomic_store(&r.plan->turn_after, -1);
    r.port = ntohs(address.sin_port);
    r.pid = fork();
    if (r.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        relay_loop(r.plan, listener, target);
    }
    close(listener);
    return r;
}

static MAYBE_UNUSED void relay_stop(relay *r) {
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
    munmap(r->plan, sizeof *r->plan);
}

#endif
