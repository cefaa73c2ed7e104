/* tests/bench/bench_facade.c: GETs that are answered from a file of the legacy system, beside nginx with the same file.
 *
 * 64 clients on connections that stay. The appliance has the file read by a courier for each request, tracked or not,
 * and with a script has a translator shape the answer; nginx (left out when it is not installed) sends the file itself
 * and is the most that this machine can do, the load's own work included. Usage: bench_facade [DIRECTORY] [SECONDS]
 */
#include "tests/bench/load.h"

#include <sys/prctl.h>

enum { CLIENTS = 64, FILE_BYTES = 1024, WARM_UP_SECONDS = 1 };

static double seconds_a_round = 4;

static const char script[] = "local M = {}\n"
                             "function M.response(res)\n"
                             "  local order = res.json\n"
                             "  return {json = {number = order.number, lines = #order.lines}}\n"
                             "end\n"
                             "return M\n";

static size_t get(void *context, uint64_t number, char into[LOAD_REQUEST_ROOM]) {
    (void)number;
    return (size_t)snprintf(into, LOAD_REQUEST_ROOM, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", (const char *)context);
}

static load_result drive(uint16_t port, const char *path, double seconds) {
    const load_plan plan = {.port = port,
        .clients = CLIENTS,
        .seconds = seconds,
        .status = 200,
        .request = get,
        .context = (void *)(uintptr_t)path};
    return load_drive(&plan);
}

static void measure(const char *what, uint16_t port, const char *path) {
    (void)drive(port, path, WARM_UP_SECONDS);
    load_result got = drive(port, path, seconds_a_round);
    printf("%-36s %8.0f /s    answered in %.2f ms (median), %.2f ms (99 of 100)%s\n", what, got.rate, got.median_ms,
        got.p99_ms, got.bad ? ", SOME WITH ANOTHER STATUS" : "");
}

/* A JSON order of about a kibibyte, where both find it. */
static void write_order(const char *directory) {
    buf text = BUF_MAX(FILE_BYTES * 2);
    char *path = xasprintf("%s/1.json", directory);
    bench_stop_on(io_make_directories(directory));
    buf_printf(&text, "{\"number\":1,\"lines\":[{\"sku\":\"A-0\"}");
    for (int i = 1; text.len < FILE_BYTES - 40; i++)
        buf_printf(&text, ",{\"sku\":\"A-%d\",\"quantity\":%d}", i, i * 3);
    buf_printf(&text, "]}");
    bench_stop_on(io_write_file(path, buf_span(&text)));
    if (chmod(path, 0644) < 0) bench_stop(path);
    buf_free(&text);
    free(path);
}

static json_t *endpoint(const char *route, const char *track, const char *script_name) {
    json_t *object = json_pack("{s:s, s:{s:s, s:s}, s:s}", "route", route, "legacy", "connection", "erp", "path",
        "{number}.json", "track", track);
    json_put_text(object, "script", script_name);
    return object;
}

static void configure(const appliance *a, const char *orders) {
    appliance_configure(
        a, json_pack("{s:[{s:s, s:s, s:s}], s:[{s:s, s:s}], s:[o, o, o, o]}", "connections", "name", "erp", "kind",
               "file", "directory", orders, "scripts", "name", "shape", "source", script, "endpoints",
               endpoint("GET /plain/{number}", "none", NULL), endpoint("GET /tracked/{number}", "all", NULL),
               endpoint("GET /shaped/{number}", "none", "shape"), endpoint("GET /both/{number}", "all", "shape")));
}

/* ---- nginx ---- */

static bool has_nginx(void) {
    return system("command -v nginx >/dev/null 2>&1 || test -x /usr/sbin/nginx") == 0;
}

static char *write_nginx_settings(const appliance *a, uint16_t port, const char *orders) {
    char *path = xasprintf("%s/nginx.conf", a->directory);
    char *text = xasprintf("daemon off; worker_processes 2; pid %s/nginx.pid; error_log stderr crit;\n"
                           "events { worker_connections 1024; }\n"
                           "http { access_log off; keepalive_requests 100000000; types { application/json json; }\n"
                           "client_body_temp_path %s/nginx-body; proxy_temp_path %s/nginx-proxy;\n"
                           "fastcgi_temp_path %s/nginx-fastcgi; uwsgi_temp_path %s/nginx-uwsgi;\n"
                           "scgi_temp_path %s/nginx-scgi;\n"
                           "server { listen 127.0.0.1:%u; location / { root %s; } } }\n",
        a->directory, a->directory, a->directory, a->directory, a->directory, a->directory, port, orders);
    bench_stop_on(io_write_file(path, span_of(text)));
    free(text);
    return path;
}

static void measure_nginx(const appliance *a, const char *orders) {
    if (!has_nginx()) {
        printf("%-36s  not installed\n", "nginx, the same file");
        return;
    }
    uint16_t port = bench_free_port();
    char *settings = write_nginx_settings(a, port, orders);
    /* Its workers are not root; the directory is new and nobody else's. */
    if (chmod(a->directory, 0755) < 0 || chmod(orders, 0755) < 0) bench_stop(orders);
    pid_t pid = fork();
    if (pid < 0) bench_stop("cannot fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execlp("nginx", "nginx", "-c", settings, (char *)NULL);
        execl("/usr/sbin/nginx", "nginx", "-c", settings, (char *)NULL);
        _exit(3);
    }
    double begin = bench_now();
    while (bench_call(port, "", "GET", "/1.json", NULL, NULL) != 200) {
        errno = 0;
        if (bench_now() - begin > START_SECONDS) bench_stop("nginx does not answer");
        usleep(2000);
    }
    measure("nginx, the same file", port, "/1.json");
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    free(settings);
}

int main(int argc, char **argv) {
    const char *parent = argc > 1 ? argv[1] : "/tmp";
    if (argc > 2) seconds_a_round = atof(argv[2]);
    appliance a;
    appliance_new(&a, parent);
    char *orders = xasprintf("%s/orders", a.directory);
    write_order(orders);
    appliance_start(&a);
    configure(&a, orders);
    measure("file by a courier, track: none", a.public_port, "/plain/1");
    measure("file by a courier, track: all", a.public_port, "/tracked/1");
    measure("and shaped by a script, track: none", a.public_port, "/shaped/1");
    measure("and shaped by a script, track: all", a.public_port, "/both/1");
    appliance_end(&a);
    measure_nginx(&a, orders);
    appliance_remove(&a);
    free(orders);
    return 0;
}
