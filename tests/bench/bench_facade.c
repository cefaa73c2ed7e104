/* tests/bench/bench_facade.c: GETs that are answered from a file of the legacy system, beside nginx with the same file.
 *
 * 64 clients on connections that stay. The appliance has the file read by a courier for each request, tracked or not,
 * and with a script has a translator shape the answer: a JSON order of a kibibyte, and an X12 850 of 100 segments, as
 * JSON by its schema ({json = res.edi}) and mapped by hand. nginx (left out when it is not installed) sends the file
 * itself and is the most that this machine can do, the load's own work included. Told are requests a second and the
 * processor's time for one of all processes of the appliance. Usage: bench_facade [DIRECTORY] [SECONDS] [ROUTE]
 */
#include "tests/bench/load.h"

#include <sys/prctl.h>

enum { CLIENTS = 64, FILE_BYTES = 1024, EDI_SEGMENTS = 100, EDI_ENVELOPE_SEGMENTS = 7, WARM_UP_SECONDS = 1 };

static double seconds_a_round = 4;

static const char shape[] = "local M = {}\n"
                            "function M.response(res)\n"
                            "  local order = res.json\n"
                            "  return {json = {number = order.number, lines = #order.lines}}\n"
                            "end\n"
                            "return M\n";

static const char by_schema[] = "return {response = function(res) return {json = res.edi} end}\n";

static const char by_hand[] = "local M = {}\n"
                              "function M.response(res)\n"
                              "  local po = res.edi\n"
                              "  local out = {number = po:text('BEG', 3), date = po:date('BEG', 5), lines = {}}\n"
                              "  for loop in po:loops('PO1') do\n"
                              "    local line = loop:segment('PO1')\n"
                              "    out.lines[#out.lines + 1] = {sku = line:qualified(6, 'VP'),\n"
                              "      quantity = line:number(2), price = line:decimal(4)}\n"
                              "  end\n"
                              "  return {json = out}\n"
                              "end\n"
                              "return M\n";

/* What is measured: a route, what is told of it, and the answers a second that it should reach (0: none is set). */
static const struct {
    const char *route, *file, *track, *script, *what;
    double goal;
} cases[] = {
    {"plain", "json", "none", NULL, "file by a courier, track: none", 0},
    {"tracked", "json", "all", NULL, "file by a courier, track: all", 0},
    {"shaped", "json", "none", "shape", "and shaped by a script, track: none", 0},
    {"both", "json", "all", "shape", "and shaped by a script, track: all", 0},
    {"edi", "edi", "none", "by_schema", "EDI 850 to JSON by schema", 10000},
    {"mapped", "edi", "none", "by_hand", "EDI 850 to JSON mapped by hand", 0},
};

enum { CASES = sizeof cases / sizeof cases[0] };

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

/* `a`: whose processor's time is told as well; NULL: nobody's. */
static void measure(const appliance *a, const char *what, uint16_t port, const char *path, double goal) {
    (void)drive(port, path, WARM_UP_SECONDS);
    double before = a ? appliance_cpu(a) : 0;
    load_result got = drive(port, path, seconds_a_round);
    double each_us = a ? (appliance_cpu(a) - before) * 1e6 / (double)(got.good + got.bad) : 0;
    printf("%-36s %8.0f /s", what, got.rate);
    if (goal > 0) printf("  (goal %.0f: %s)", goal, got.rate >= goal ? "reached" : "MISSED");
    if (a) printf("  %6.1f us of processor a request", each_us);
    printf("  answered in %.2f ms (median), %.2f ms (99 of 100)%s\n", got.median_ms, got.p99_ms,
        got.bad ? ", SOME WITH ANOTHER STATUS" : "");
}

static void write_file(const char *directory, const char *name, buf *take) {
    char *path = xasprintf("%s/%s", directory, name);
    bench_stop_on(io_make_directories(directory));
    bench_stop_on(io_write_file(path, buf_span(take)));
    if (chmod(path, 0644) < 0) bench_stop(path);
    buf_free(take);
    free(path);
}

/* A JSON order of about a kibibyte, where both find it. */
static void write_order(const char *directory) {
    buf text = BUF_MAX(FILE_BYTES * 2);
    buf_printf(&text, "{\"number\":1,\"lines\":[{\"sku\":\"A-0\"}");
    for (int i = 1; text.len < FILE_BYTES - 40; i++)
        buf_printf(&text, ",{\"sku\":\"A-%d\",\"quantity\":%d}", i, i * 3);
    buf_printf(&text, "]}");
    write_file(directory, "1.json", &text);
}

static void write_interchange(const char *directory) {
    const int lines = EDI_SEGMENTS - EDI_ENVELOPE_SEGMENTS;
    buf text = BUF_MAX(FILE_BYTES * 16);
    buf_add_text(&text,
        "ISA*00*          *00*          *ZZ*ACME           *ZZ*BANYAN         *261123*1615*U*00401*000000001*"
        "0*P*>~GS*PO*ACME*BANYAN*20261123*1615*1*X*004010~ST*850*0001~BEG*00*SA*4711**20261123~");
    for (int i = 1; i < lines; i++)
        buf_printf(&text, "PO1*%d*%d*EA*19.9**VP*SKU-%04d~", i, i * 3, i);
    buf_printf(&text, "CTT*%d~SE*%d*0001~GE*1*1~IEA*1*000000001~", lines - 1, EDI_SEGMENTS - 4);
    write_file(directory, "1.edi", &text);
}

static json_t *endpoints(void) {
    json_t *all = json_array();
    for (size_t i = 0; i < CASES; i++) {
        char route[64], path[64];
        snprintf(route, sizeof route, "GET /%s/{number}", cases[i].route);
        snprintf(path, sizeof path, "{number}.%s", cases[i].file);
        json_t *object = json_pack("{s:s, s:{s:s, s:s}, s:s}", "route", route, "legacy", "connection", "erp", "path",
            path, "track", cases[i].track);
        json_put_text(object, "script", cases[i].script);
        json_array_append_new(all, object);
    }
    return all;
}

static void configure(const appliance *a, const char *orders) {
    appliance_configure(
        a, json_pack("{s:[{s:s, s:s, s:s}], s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}], s:o}", "connections", "name", "erp",
               "kind", "file", "directory", orders, "scripts", "name", "shape", "source", shape, "name", "by_schema",
               "source", by_schema, "name", "by_hand", "source", by_hand, "endpoints", endpoints()));
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
    measure(NULL, "nginx, the same file", port, "/1.json", 0);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    free(settings);
}

int main(int argc, char **argv) {
    const char *parent = argc > 1 ? argv[1] : "/tmp";
    if (argc > 2) seconds_a_round = atof(argv[2]);
    const char *only = argc > 3 ? argv[3] : NULL;
    appliance a;
    appliance_new(&a, parent);
    char *orders = xasprintf("%s/orders", a.directory);
    write_order(orders);
    write_interchange(orders);
    appliance_start(&a);
    configure(&a, orders);
    for (size_t i = 0; i < CASES; i++) {
        char path[64];
        snprintf(path, sizeof path, "/%s/1", cases[i].route);
        if (!only || strcmp(only, cases[i].route) == 0) measure(&a, cases[i].what, a.public_port, path, cases[i].goal);
    }
    appliance_end(&a);
    if (!only) measure_nginx(&a, orders);
    appliance_remove(&a);
    free(orders);
    return 0;
}
