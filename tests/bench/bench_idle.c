/* tests/bench/bench_idle.c: what connections cost that are open and say nothing, and whether others suffer by them.
 *
 * Opens COUNT connections, lets each make one request, leaves them alone, and after each of these steps tells what the
 * appliance holds in memory more than before: of the public listener, of the same with TLS, and of the admin listener.
 * Beside those of the public one 64 clients ask without pause. Usage: bench_idle [COUNT [plain|tls|admin]]
 */
#include "tests/bench/load.h"

#include <gnutls/gnutls.h>
#include <sys/resource.h>

enum {
    SETTLE_SECONDS = 40,
    SPARE_DESCRIPTORS = 500,
    CLIENTS = 64,
    GOAL_MIB = 100,      /* for 10,000 */
    ADMIN_MAX = 990,     /* it takes no more than 1,000 */
    UNCROWDED_MAX = 7000 /* beyond three quarters of what a listener takes, the idle must go soon */
};

/* An idle client: its socket, and with TLS what it keeps for it. */
typedef struct idle_client {
    int fd;
    gnutls_session_t session; /* NULL: plain, or gone while the connection stays */
} idle_client;

static gnutls_certificate_credentials_t credentials;

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

static void open_client(idle_client *c, uint16_t port, bool tls) {
    *c = (idle_client){.fd = bench_connect(port)};
    if (c->fd < 0) bench_stop("cannot connect");
    if (!tls) return;
    int code = gnutls_init(&c->session, GNUTLS_CLIENT);
    if (code >= 0) code = gnutls_set_default_priority(c->session);
    if (code >= 0) code = gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, credentials);
    if (code < 0) bench_stop(gnutls_strerror(code));
    gnutls_transport_set_int(c->session, c->fd);
    do
        code = gnutls_handshake(c->session);
    while (code < 0 && !gnutls_error_is_fatal(code));
    if (code < 0) bench_stop(gnutls_strerror(code));
}

/* Its one request. What TLS keeps on this side is given back, the connection stays. */
static void ask_once(idle_client *c, const char *path) {
    char request[LOAD_REQUEST_ROOM], answer[4096];
    size_t len = (size_t)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
    ssize_t sent = c->session ? gnutls_record_send(c->session, request, len) : send(c->fd, request, len, MSG_NOSIGNAL);
    if (sent != (ssize_t)len) bench_stop("an idle connection was closed");
    ssize_t got = GNUTLS_E_AGAIN;
    while (got == GNUTLS_E_AGAIN) /* a ticket of TLS 1.3 may come first */
        got =
            c->session ? gnutls_record_recv(c->session, answer, sizeof answer) : recv(c->fd, answer, sizeof answer, 0);
    if (got <= 0) bench_stop("an idle connection was not answered");
    if (c->session) gnutls_deinit(c->session);
    c->session = NULL;
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
    if (goal > 0) printf("   target < %.1f KiB each", goal);
    printf("\n");
}

static void count_open(const idle_client *clients, size_t count) {
    size_t open = 0;
    char byte;
    for (size_t i = 0; i < count; i++)
        if (recv(clients[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0) open++;
    if (open < count) printf("%zu of %zu were closed meanwhile\n", count - open, count);
}

static void measure(const appliance *a, const char *what, uint16_t port, const char *path, size_t count, bool tls) {
    double before = settled_mib(a->pid);
    printf("%s, %zu connections\n", what, count);
    idle_client *clients = xcalloc(count, sizeof *clients);
    for (size_t i = 0; i < count; i++) {
        open_client(&clients[i], port, tls);
        if (tls) ask_once(&clients[i], path); /* a handshake takes its time, and who says nothing must go */
    }
    if (!tls) tell("that have said nothing", settled_mib(a->pid), before, count, 0);
    for (size_t i = 0; i < count && !tls; i++)
        ask_once(&clients[i], path);
    tell("just after one request each", resident_mib(a->pid), before, count, 0);
    double alone = settled_mib(a->pid);
    count_open(clients, count);
    tell("and left alone", alone, before, count, GOAL_MIB * 1024.0 / 10000);
    if (!tls && port == a->public_port) drive(port, "64 clients beside them");
    for (size_t i = 0; i < count; i++)
        close(clients[i].fd);
    free(clients);
}

static void with_tls(appliance *a, size_t count) {
    char *make = xasprintf("BANYAN_URL=http://127.0.0.1:%u BANYAN_API_KEY=%s %s cert new web >/dev/null", a->admin_port,
        a->key, bench_program());
    if (system(make) != 0) bench_stop("cannot make a certificate");
    free(make);
    appliance_end(a);
    setenv("BANYAN_TLS_CERTIFICATE", "web", 1);
    appliance_start(a);
    if (gnutls_certificate_allocate_credentials(&credentials) < 0) bench_stop("no credentials");
    measure(
        a, "public listener with TLS", a->public_port, "/fixed", count < UNCROWDED_MAX ? count : UNCROWDED_MAX, true);
    gnutls_certificate_free_credentials(credentials);
}

int main(int argc, char **argv) {
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 9900;
    const char *only = argc > 2 ? argv[2] : "";
    appliance a;
    allow_descriptors(count + SPARE_DESCRIPTORS);
    appliance_new(&a, "/tmp");
    appliance_start(&a);
    appliance_configure(&a, json_pack("{s:[{s:s, s:{s:s}, s:s}]}", "endpoints", "route", "GET /fixed", "respond",
                                "body", "hello", "track", "none"));
    if (!*only || strcmp(only, "plain") == 0) {
        drive(a.public_port, "64 clients alone");
        measure(&a, "public listener", a.public_port, "/fixed", count, false);
    }
    if (!*only || strcmp(only, "admin") == 0)
        measure(&a, "admin listener", a.admin_port, "/healthz", count < ADMIN_MAX ? count : ADMIN_MAX, false);
    if (!*only || strcmp(only, "tls") == 0) with_tls(&a, count);
    appliance_end(&a);
    appliance_remove(&a);
    return 0;
}
