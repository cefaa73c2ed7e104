/* tests/bench/bench_script.c: what one script hop costs inside a translator: a 2 KiB JSON order mapped to another, and
 * an X12 850 of 100 segments to JSON. One core, no worker protocol; the figures are calls a second of computing.
 * Usage: bench_script [json|edi]
 */
#include "core/base/memory.h"
#include "core/script/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUND_MS = 1000, ROUNDS = 3 };

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

static error *source(void *context, const char *name, span *text, const char **hash) {
    (void)context;
    bool json = strcmp(name, "json") == 0;
    *text = span_of(json ? json_script : edi_script);
    *hash = json ? "1" : "2";
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

/* Of this process: the machine may be busy with other things. */
static int64_t computed_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static double measure(script_host *host, const char *name, span payload) {
    json_t *call = json_pack("{s:s, s:s, s:{s:s, s:s, s:{}, s:{s:s}}}", "script", name, "function", "request",
        "message", "method", "POST", "path", "/orders", "params", "headers", "content-type", "application/json");
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t began = computed_ms(), now = began;
        long count = 0;
        for (; now < began + ROUND_MS; now = computed_ms(), count++) {
            script_outcome out;
            error *err = script_run(host, call, payload, &out);
            if (err || out.payload_count != 1) {
                fprintf(stderr, "%s: %s\n", name, err ? error_text(err) : "no payload");
                exit(1);
            }
            script_outcome_free(&out);
        }
        double rate = (double)count * 1000 / (double)(now - began);
        if (rate > best) best = rate;
    }
    json_decref(call);
    return best;
}

int main(int count, char **arguments) {
    const char *only = count > 1 ? arguments[1] : "";
    const script_services services = {.source = source};
    script_host *host = NULL;
    buf json = BUF_MAX(1 << 20), edi = BUF_MAX(1 << 20);
    error *err = script_host_new(&services, &host);
    if (err) return 1;
    json_order(&json);
    edi_order(&edi);
    if (strcmp(only, "edi") != 0)
        printf("script: JSON %zu bytes to JSON  %8.0f/s\n", json.len, measure(host, "json", buf_span(&json)));
    if (strcmp(only, "json") != 0)
        printf("script: X12 850, 100 segments   %8.0f/s\n", measure(host, "edi", buf_span(&edi)));
    script_host_free(host);
    buf_free(&json);
    buf_free(&edi);
    return 0;
}
