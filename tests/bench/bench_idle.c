/* tests/bench/bench_idle.c: what connections cost that are open and say nothing, and whether others suffer by them.
 *
 * Opens COUNT connections, lets each make one request, leaves them alone, and after each of these steps tells what the
 * appliance holds in memory more than before. Beside them 64 clients ask without pause. Usage: bench_idle [COUNT]
 */
#include "tests/bench/load.h"

#include <sys/resource.h>

enum { SETTLE_SECONDS = 40, SPARE_DESCRIPTORS = 500, CLIENTS = 64 };

static size_t get(void *context, uint64_t number, char into[LOAD_REQUEST_ROOM]) {
    (void)context, (void)number;
    return (size_t)snprintf(into, LOAD_REQUEST_ROOM, "GET /fixed HTTP/1.1\r\nHost: bench\r\n\r\n");
}

static double resident_mib(pid_t pid) {
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *status = fopen(path, "re");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %ld kB", &kib) == 1) break;
    if (status) fclose(status);
    return (double)kib / 1024;
}

/* Until it has not changed for two seconds. */
static double settled_mib(pid_t pid) {
    double lowest = resident_mib(pid), since = bench_now(), begin = since;
    while (bench_now() - since < 2 && bench_now() - begin < SETTLE_SECONDS) {
        usleep(100000);
        double now = resident_mib(pid);
        if (now < lowest - 0.5) {
            lowest = now;
            since = bench_now();
        }
    }
    return lowest;
}

static void drive(uint16_t port, const char *what) {
    const load_plan plan = {.port = port, .clients = CLIENTS, .seconds = 3, .status = 200, .request = get};
    load_result got = load_drive(&plan);
    printf("%-44s %8.0f /s  median %.2f ms, 99 of 100 in %.2f ms\n", what, got.rate, got.median_ms, got.p99_ms);
}

static void ask_once(int fd) {
    char request[LOAD_REQUEST_ROOM], answer[4096];
    size_t len = get(NULL, 0, request);
    if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len) bench_stop("an idle connection was closed");
    if (recv(fd, answer, sizeof answer, 0) <= 0) bench_stop("an idle connection was not answered");
}

static void allow_descriptors(size_t wanted) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) bench_stop("the limit of open files is too low");
}

static void tell(const char *what, double mib, double before, size_t count, double goal) {
    printf("%-44s %8.1f MiB   %.1f KiB each", what, mib - before, (mib - before) * 1024 / (double)count);
    if (goal > 0) printf("   target < %.0f MiB", goal);
    printf("\n");
}

int main(int argc, char **argv) {
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 9900;
    appliance a;
    allow_descriptors(count + SPARE_DESCRIPTORS);
    appliance_new(&a, "/tmp");
    appliance_start(&a);
    appliance_configure(&a, json_pack("{s:[{s:s, s:{s:s}, s:s}]}", "endpoints", "route", "GET /fixed", "respond",
                                "body", "hello", "track", "none"));
    drive(a.public_port, "64 clients alone");
    double before = settled_mib(a.pid);
    int *fds = xcalloc(count, sizeof *fds);
    for (size_t i = 0; i < count; i++) {
        fds[i] = bench_connect(a.public_port);
        if (fds[i] < 0) bench_stop("cannot connect");
    }
    tell("connections that have said nothing", settled_mib(a.pid), before, count, 0);
    for (size_t i = 0; i < count; i++)
        ask_once(fds[i]);
    tell("just after one request each", resident_mib(a.pid), before, count, 0);
    tell("and left alone", settled_mib(a.pid), before, count, 100);
    drive(a.public_port, "64 clients beside them");
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    appliance_end(&a);
    appliance_remove(&a);
    free(fds);
    return 0;
}
