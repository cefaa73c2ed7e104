/* tests/bench/bench_script.c: what one script hop costs: a 2 KiB JSON order mapped to another, and an X12 850 of 100
 * segments to JSON: mapped by hand, and as a whole by its schema.
 *
 * Each is measured three times, in microseconds of computing: the run of the script alone; the same asked of a
 * translator process (its frames and system calls with it, the desk's side not); and, as the reference, what the
 * libraries below need for the same bytes without any script (jansson reads and writes the JSON, edi_to_json tells the
 * interchange). The best of some rounds counts, since whatever else the machine does only makes it slower.
 * Usage: bench_script [json|edi|schema [alone]]; with `alone` the script is all that runs: for profilers.
 */
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/script/host.h"
#include "core/worker/pool.h"
#include "edi/json.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUND_MS = 700, ROUNDS = 5, UNDER_WAY = 16, ANSWERS = 5000 };

static const char json_script[] =
    "local M = {}\n"
    "function M.request(req)\n"
    "  local order = req.json\n"
    "  local out = {number = order.number, customer = order.buyer.name, lines = {}, total = 0}\n"
    "  for i, line in ipairs(order.lines) do\n"
    "    out.lines[i] = {sku = line.sku, quantity = line.quantity, unit = line.unit or 'EA', text = line.description}\n"
    "    out.total = out.total + line.quantity\n"
    "  end\n"
    "  return {json = out}\n"
    "end\n"
    "return M\n";

static const char edi_script[] = "local M = {}\n"
                                 "function M.request(req)\n"
                                 "  local po = req.edi\n"
                                 "  local out = {number = po:text('BEG', 3), date = po:date('BEG', 5), lines = {}}\n"
                                 "  for loop in po:loops('PO1') do\n"
                                 "    local line = loop:segment('PO1')\n"
                                 "    out.lines[#out.lines + 1] = {sku = line:qualified(6, 'VP'), quantity = "
                                 "line:number(2), price = line:decimal(4)}\n"
                                 "  end\n"
                                 "  return {json = out}\n"
                                 "end\n"
                                 "return M\n";

static const char schema_script[] = "return {request = function(req) return {json = req.edi} end}\n";

static error *source(void *context, const char *name, span *text, const char **hash) {
    (void)context;
    *text = span_of(strcmp(name, "json") == 0 ? json_script : strcmp(name, "edi") == 0 ? edi_script : schema_script);
    *hash = name;
    return NULL;
}

static void json_order(buf *out) {
    buf_add_text(out, "{\"number\":\"PO4711\",\"buyer\":{\"name\":\"ACME Ltd\",\"id\":\"123456789\"},\"lines\":[");
    for (int i = 1; i <= 20; i++)
        buf_printf(out,
            "%s{\"sku\":\"SKU-%04d\",\"quantity\":%d,\"price\":19.90,\"description\":\"Widget, blue, no %d\"}",
            i > 1 ? "," : "", i, i * 3, i);
    buf_add_text(out, "]}");
}

static void edi_order(buf *out) {
    buf_add_text(out,
        "ISA*00*          *00*          *ZZ*ACME           *ZZ*BANYAN         *261123*1615*U*00401*000000001*"
        "0*P*>~GS*PO*ACME*BANYAN*20261123*1615*1*X*004010~ST*850*0001~BEG*00*SA*4711**20261123~");
    for (int i = 1; i <= 93; i++)
        buf_printf(out, "PO1*%d*%d*EA*19.9**VP*SKU-%04d~", i, i * 3, i);
    buf_add_text(out, "CTT*93~SE*97*0001~GE*1*1~IEA*1*000000001~");
}

/* ---- the script alone, and what lies below it ---- */

/* Microseconds of this process: the machine may be busy with other things. */
static double computed_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void stop(const char *what, error *err) {
    fprintf(stderr, "%s: %s\n", what, err ? error_text(err) : "no payload");
    exit(1);
}

typedef struct job {
    const char *name;
    span payload;
    script_host *host;
    json_t *call;
    edi_library *library;
} job;

static json_t *call_of(const char *name) {
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:{}, s:{s:s}}}", "script", name, "hash", name, "function",
        "request", "message", "method", "POST", "path", "/orders", "params", "headers", "content-type",
        "application/json");
}

static void run_script(job *j) {
    script_outcome out;
    error *err = script_run(j->host, j->call, j->payload, &out);
    if (err || out.payload_count != 1) stop(j->name, err);
    script_outcome_free(&out);
}

static void run_reference(job *j) {
    if (strcmp(j->name, "json") == 0) {
        json_t *value = NULL;
        error *err = json_parse(j->payload, &value);
        if (err) stop("jansson", err);
        char *text = json_text(value, false);
        json_decref(value);
        free(text);
        return;
    }
    const edi_json_options options = {.compact = true};
    buf out = BUF_MAX(1 << 20);
    error *err = edi_to_json(j->payload, j->library, &options, edi_sink_buf, &out);
    if (err) stop("edi_to_json", err);
    buf_free(&out);
}

static double measure(job *j, void (*run)(job *)) {
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double began = computed_us(), now = began;
        long count = 0;
        for (; now < began + ROUND_MS * 1e3; now = computed_us())
            for (int i = 0; i < 20; i++, count++)
                run(j);
        if ((now - began) / (double)count < best) best = (now - began) / (double)count;
    }
    return best;
}

/* ---- in a translator process ---- */

typedef struct crowd {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int under_way;
} crowd;

static void answered(void *context, frame *reply, error *failure) {
    crowd *c = context;
    if (failure || !frame_get(reply, TAG_PAYLOAD, 0).data) stop("translator", failure);
    pthread_mutex_lock(&c->lock);
    c->under_way--;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static error *tell_source(void *context, const frame *question, frame *answer) {
    json_t *head = NULL;
    span text;
    const char *hash;
    error *err = frame_get_json(question, &head);
    if (!err) err = source(context, json_get_text(head, "name", ""), &text, &hash);
    if (err) return err;
    json_t *reply = json_pack("{s:s}", "hash", hash);
    frame_put_json(answer, reply);
    frame_put(answer, TAG_PAYLOAD, text);
    json_decref(reply);
    json_decref(head);
    return NULL;
}

static void wait_below(crowd *c, int most) {
    pthread_mutex_lock(&c->lock);
    while (c->under_way > most)
        pthread_cond_wait(&c->changed, &c->lock);
    c->under_way++;
    pthread_mutex_unlock(&c->lock);
}

/* Microseconds on a processor since the process began. */
static double process_us(int64_t pid) {
    char path[64];
    double nanoseconds = 0;
    snprintf(path, sizeof path, "/proc/%lld/schedstat", (long long)pid);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%lf", &nanoseconds) != 1) stop(path, NULL);
    fclose(file);
    return nanoseconds / 1e3;
}

static double measure_translator(nursery *n, job *j) {
    const worker_pool_options options = {.translators = 1};
    worker_pool *pool = NULL;
    crowd c = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    double best = 1e9;
    error *err = worker_pool_start(n, &options, &pool);
    if (err) stop("pool", err);
    for (int round = 0; round <= ROUNDS; round++) { /* the first one warms up */
        json_t *status = worker_pool_status(pool);
        int64_t pid = json_get_integer(json_array_get(status, 0), "pid", 0);
        double before = round ? process_us(pid) : 0;
        for (int i = 0; i < ANSWERS; i++) {
            worker_request request = {.kind = WORKER_TRANSLATOR, .done = answered, .ask = tell_source, .context = &c};
            wait_below(&c, UNDER_WAY - 1);
            frame_init(&request.call, FRAME_REQUEST, OPERATION_SCRIPT, 0);
            frame_put_json(&request.call, j->call);
            frame_put(&request.call, TAG_PAYLOAD, j->payload);
            worker_pool_submit(pool, &request);
        }
        wait_below(&c, 0);
        c.under_way = 0;
        double each = round ? (process_us(pid) - before) / ANSWERS : best;
        if (each < best) best = each;
        json_decref(status);
    }
    worker_pool_stop(pool);
    return best;
}

/* ---- */

static void tell(nursery *n, job *j, const char *what, const char *reference) {
    j->call = call_of(j->name);
    double script = measure(j, run_script);
    if (!n) {
        printf("script: %-32s %6.1f us alone\n", what, script);
        json_decref(j->call);
        return;
    }
    double below = measure(j, run_reference), process = measure_translator(n, j);
    printf("script: %-32s %6.1f us alone, %6.1f us in a translator (%.0f/s a core); %s alone %.1f us\n", what, script,
        process, 1e6 / process, reference, below);
    json_decref(j->call);
}

int main(int count, char **arguments) {
    const char *only = count > 1 ? arguments[1] : "";
    const script_services services = {.source = source};
    nursery *n = NULL;
    buf json = BUF_MAX(1 << 20), edi = BUF_MAX(1 << 20);
    job j = {.library = NULL};
    log_setup("bench", LOG_ERROR, false);
    error *err = count > 2 ? NULL : nursery_start(&n);
    if (!err) err = script_host_new(&services, &j.host);
    if (err) stop("start", err);
    j.library = edi_library_new();
    json_order(&json);
    edi_order(&edi);
    static const struct {
        const char *name, *what, *reference;
    } all[] = {{"json", "JSON order to JSON", "jansson"}, {"edi", "X12 850, 100 segments, by hand", "edi_to_json"},
        {"schema", "X12 850, 100 segments, whole", "edi_to_json"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (*only && strcmp(only, all[i].name) != 0) continue;
        j.name = all[i].name;
        j.payload = i == 0 ? buf_span(&json) : buf_span(&edi);
        tell(n, &j, all[i].what, all[i].reference);
    }
    script_host_free(j.host);
    edi_library_free(j.library);
    if (n) nursery_stop(n);
    buf_free(&json);
    buf_free(&edi);
    return 0;
}
