/* tests/bench/appliance.h: an appliance of a measurement's own: started, configured, measured, ended, removed.
 *
 * The program is build/banyan, or what $BUILD says. Its data lie in a new directory below the one that is given, so
 * that whatever it is compared with meets the same disk. Header only: each measurement is one program.
 */
#ifndef BANYAN_TESTS_BENCH_APPLIANCE_H
#define BANYAN_TESTS_BENCH_APPLIANCE_H

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/json.h"
#include "core/base/memory.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_ROOM = 256 * 1024, START_SECONDS = 30 };

typedef struct appliance {
    pid_t pid;
    char *directory;
    uint16_t public_port, admin_port;
    char key[128];
} appliance;

static _Noreturn void bench_stop(const char *what) {
    fprintf(stderr, "%s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(3);
}

static void bench_stop_on(error *err) {
    errno = 0;
    if (err) bench_stop(error_text(err));
}

static inline const char *bench_program(void) {
    static char path[4096];
    const char *build = getenv("BUILD");
    snprintf(path, sizeof path, "%s/banyan", build ? build : "build");
    return path;
}

static inline double bench_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline char *bench_directory(const char *parent) {
    char *path = xasprintf("%s/banyan-bench-XXXXXX", parent);
    if (!mkdtemp(path)) bench_stop(path);
    return path;
}

static inline int bench_remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)about, (void)kind, (void)walk;
    return remove(path);
}

static inline void bench_remove(const char *directory) {
    nftw(directory, bench_remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

static inline struct sockaddr_in bench_loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline uint16_t bench_free_port(void) {
    struct sockaddr_in address = bench_loopback(0);
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        bench_stop("no port is free");
    close(fd);
    return ntohs(address.sin_port);
}

static inline int bench_connect(uint16_t port) {
    struct sockaddr_in address = bench_loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) bench_stop("no socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

/* One request on a connection of its own; the status, 0 when nobody answers. `answer` (NULL: not wanted) is the body.
 */
static inline int bench_call(
    uint16_t port, const char *key, const char *method, const char *path, const char *body, char answer[ANSWER_ROOM]) {
    static char bytes[ANSWER_ROOM];
    size_t len = 0;
    int status = 0, fd = bench_connect(port);
    if (fd < 0) return 0;
    char *request = xasprintf("%s %s HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nAuthorization: Bearer %s\r\n"
                              "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
        method, path, key, body ? strlen(body) : 0, body ? body : "");
    ssize_t n = send(fd, request, strlen(request), MSG_NOSIGNAL);
    while (n > 0 && len < sizeof bytes - 1 && (n = recv(fd, bytes + len, sizeof bytes - 1 - len, 0)) > 0)
        len += (size_t)n;
    bytes[len] = '\0';
    close(fd);
    free(request);
    if (len > 12) status = atoi(bytes + 9);
    const char *end = strstr(bytes, "\r\n\r\n");
    if (answer) snprintf(answer, ANSWER_ROOM, "%s", end ? end + 4 : "");
    return status;
}

static inline int appliance_call(
    const appliance *a, const char *method, const char *path, const char *body, char answer[ANSWER_ROOM]) {
    return bench_call(a->admin_port, a->key, method, path, body, answer);
}

static inline void appliance_run(const appliance *a) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of the measurement */
    char *data = xasprintf("%s/data", a->directory), *log = xasprintf("%s/log", a->directory);
    char *public_address = xasprintf("127.0.0.1:%u", a->public_port);
    char *admin_address = xasprintf("127.0.0.1:%u", a->admin_port);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) _exit(3);
    setenv("BANYAN_DATA", data, 1);
    setenv("BANYAN_PUBLIC", public_address, 1);
    setenv("BANYAN_ADMIN", admin_address, 1);
    setenv("BANYAN_LOG_LEVEL", "warning", 1);
    execl(bench_program(), bench_program(), "serve", (char *)NULL);
    _exit(3);
}

/* Starts it on the data that `a->directory` may already hold; the seconds from exec to the first good answer. */
static inline double appliance_start(appliance *a) {
    a->public_port = bench_free_port();
    a->admin_port = bench_free_port();
    double begin = bench_now();
    a->pid = fork();
    if (a->pid < 0) bench_stop("cannot fork");
    if (a->pid == 0) appliance_run(a);
    while (bench_call(a->admin_port, "", "GET", "/readyz", NULL, NULL) != 200) {
        if (waitpid(a->pid, NULL, WNOHANG) != 0 || bench_now() - begin > START_SECONDS)
            bench_stop("the appliance did not become ready; see its log");
        usleep(500);
    }
    double took = bench_now() - begin;
    buf key = BUF_MAX(sizeof a->key - 1);
    char *path = xasprintf("%s/data/admin.key", a->directory);
    while (access(path, R_OK) < 0 && bench_now() - begin < START_SECONDS)
        usleep(500); /* made beside the rest of the first start */
    bench_stop_on(io_read_file(path, &key));
    snprintf(a->key, sizeof a->key, "%.*s", (int)strcspn(key.data, "\n"), key.data);
    buf_free(&key);
    free(path);
    return took;
}

static inline void appliance_configure(const appliance *a, json_t *take_estate) {
    static char answer[ANSWER_ROOM];
    char *text = json_text(take_estate, false);
    errno = 0;
    if (appliance_call(a, "POST", "/api/v1/apply", text, answer) != 200) bench_stop(answer);
    free(text);
    json_decref(take_estate);
}

/* Processor seconds of the appliance and all that it forked and that still live. Ticks of 10 ms. */
static inline double appliance_cpu(const appliance *a) {
    enum { PROCESSES_MAX = 4096, LEVELS = 4 };
    static struct {
        int pid, parent;
        unsigned long user, system;
    } all[PROCESSES_MAX];
    size_t count = 0;
    double ticks = 0;
    DIR *directory = opendir("/proc");
    for (struct dirent *entry; directory && (entry = readdir(directory)) && count < PROCESSES_MAX;) {
        char path[300], line[1024] = "";
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        int fd = atoi(entry->d_name) > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        ssize_t len = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
        if (fd >= 0) close(fd);
        const char *rest = len > 0 ? strrchr(line, ')') : NULL; /* the name before it may hold anything */
        if (!rest || sscanf(rest + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &all[count].parent,
                         &all[count].user, &all[count].system) != 3)
            continue;
        all[count++].pid = atoi(entry->d_name);
    }
    if (directory) closedir(directory);
    for (size_t i = 0; i < count; i++) {
        int up = all[i].pid;
        for (int level = 0; level < LEVELS && up != a->pid && up > 1; level++) {
            int parent = 0;
            for (size_t k = 0; k < count; k++)
                if (all[k].pid == up) parent = all[k].parent;
            up = parent;
        }
        if (up == a->pid) ticks += (double)(all[i].user + all[i].system);
    }
    return ticks / (double)sysconf(_SC_CLK_TCK);
}

static inline void appliance_end(appliance *a) {
    kill(a->pid, SIGTERM);
    if (waitpid(a->pid, NULL, 0) < 0) bench_stop("the appliance is gone");
}

/* Seconds of processor that the desk has used so far, all its threads. */
static inline double appliance_processor(const appliance *a) {
    char path[64], line[1024] = "";
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)a->pid);
    FILE *f = fopen(path, "re");
    if (!f || !fgets(line, sizeof line, f)) bench_stop(path);
    fclose(f);
    const char *after_name = strrchr(line, ')');
    if (!after_name ||
        sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        bench_stop("cannot read the processor time of the appliance");
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static inline void appliance_new(appliance *a, const char *parent) {
    *a = (appliance){.directory = bench_directory(parent)};
}

static inline void appliance_remove(appliance *a) {
    bench_remove(a->directory);
    free(a->directory);
}

static inline int bench_ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double bench_median(double *values, size_t count) {
    qsort(values, count, sizeof *values, bench_ascending);
    return values[count / 2];
}

#endif
