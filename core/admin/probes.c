/* core/admin/probes.c: is it alive, is it ready, how does it fare; and the backup. */
#include "core/admin/call.h"
#include "core/flow/guard.h"
#include "core/flow/tracing.h"

#include "core/base/io.h"
#include "core/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { METRICS_BYTES_MAX = 256 * 1024 };

error *health_show(call *c, http_response **response) {
    (void)c;
    *response = call_json(200, json_pack("{s:s}", "status", "ok"));
    return NULL;
}

/* Ready is who can take a message and keep it. */
error *ready_show(call *c, http_response **response) {
    error *err = store_admit(c->admin->options.store, 1);
    if (!err)
        *response = call_json(200, json_pack("{s:s}", "status", "ready"));
    else
        *response = http_problem(503, "not-ready", "Not ready", error_text(err), NULL);
    error_free(err);
    return NULL;
}

static void add_group(buf *out, const char *name, const char *help, const char *label, const json_t *group) {
    const char *key;
    json_t *value;
    buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
    json_object_foreach((json_t *)group, key, value)
        buf_printf(out, "%s{%s=\"%s\"} %lld\n", name, label, key, (long long)json_integer_value(value));
}

/* One gauge a figure; a breaker is 0 closed, 0.5 half open, 1 open. */
static void add_back_ends(buf *out) {
    static const struct {
        const char *member, *name, *type, *help;
    } rows[] = {{"running", "banyan_backend_running", "gauge", "Requests at the back-end now."},
        {"waiting", "banyan_backend_waiting", "gauge", "Requests that wait for their turn."},
        {"opened", "banyan_backend_breaker_opened_total", "counter", "How often the breaker opened."},
        {"refused", "banyan_backend_refused_total", "counter", "Requests refused by breaker or queue."},
        {"repeated", "banyan_backend_repeats_total", "counter", "Calls that were made again."},
        {"not_repeated", "banyan_backend_repeats_unpaid_total", "counter", "Calls not made again for want of budget."}};
    json_t *states = guard_states(), *state;
    const char *name;
    for (size_t i = 0; json_object_size(states) > 0 && i < sizeof rows / sizeof *rows; i++) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[i].name, rows[i].help, rows[i].name, rows[i].type);
        json_object_foreach(states, name, state) buf_printf(out, "%s{connection=\"%s\"} %lld\n", rows[i].name, name,
            (long long)json_get_integer(state, rows[i].member, 0));
    }
    if (json_object_size(states) > 0)
        buf_add_text(out,
            "# HELP banyan_backend_breaker 0 closed, 0.5 half open, 1 open.\n# TYPE banyan_backend_breaker "
            "gauge\n");
    json_object_foreach(states, name, state) {
        const char *breaker = json_get_text(state, "breaker", "closed");
        const char *value = strcmp(breaker, "open") == 0 ? "1" : strcmp(breaker, "half-open") == 0 ? "0.5" : "0";
        buf_printf(out, "banyan_backend_breaker{connection=\"%s\"} %s\n", name, value);
    }
    json_decref(states);
}

static void add_tracing(buf *out) {
    json_t *counts = tracing_counts();
    if (!counts) return;
    buf_printf(out,
        "# HELP banyan_trace_spans_total Spans for the collector, by what became of them.\n# TYPE "
        "banyan_trace_spans_total counter\nbanyan_trace_spans_total{outcome=\"sent\"} %lld\n"
        "banyan_trace_spans_total{outcome=\"dropped\"} %lld\n",
        (long long)json_get_integer(counts, "sent", 0), (long long)json_get_integer(counts, "dropped", 0));
    json_decref(counts);
}

error *metrics_show(call *c, http_response **response) {
    json_t *stats = NULL;
    buf text = BUF_MAX(METRICS_BYTES_MAX);
    size_t len;
    error *err = store_stats(c->admin->options.store, &stats);
    if (err) return err;
    const json_t *messages = json_get_object(stats, "messages");
    add_group(&text, "banyan_messages", "Messages kept, by status.", "status", json_get_object(messages, "by_status"));
    add_group(&text, "banyan_jobs", "Jobs in the queue, by state.", "state", json_get_object(stats, "jobs"));
    add_group(&text, "banyan_acknowledgements", "Acknowledgements awaited.", "state",
        json_get_object(stats, "acknowledgements"));
    add_back_ends(&text);
    add_tracing(&text);
    buf_printf(&text,
        "# HELP banyan_uptime_seconds Since the start.\n# TYPE banyan_uptime_seconds gauge\nbanyan_uptime_seconds "
        "%lld\n",
        (long long)(clock_monotonic_ms() - c->admin->started_ms) / 1000);
    *response = http_response_new(200);
    http_response_header(*response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    http_response_secure(*response, NULL);
    char *bytes = buf_take(&text, &len);
    http_response_body_take(*response, bytes, len);
    json_decref(stats);
    return NULL;
}

error *restore_release(call *c, http_response **response) {
    error *err = engine_release(c->admin->options.engine, c->caller.name);
    if (!err) *response = http_response_new(204);
    return err;
}

error *backup_make(call *c, http_response **response) {
    struct stat about;
    int fd = -1;
    error *err = store_scratch_file(c->admin->options.store, &fd);
    if (!err) err = store_backup(c->admin->options.store, fd);
    if (!err && fstat(fd, &about) < 0) err = error_from_errno(errno, "cannot look at the backup");
    if (err) {
        io_close(&fd);
        return err;
    }
    *response = http_response_new(200);
    http_response_header(*response, "Content-Type", "application/octet-stream");
    http_response_header(*response, "Content-Disposition", "attachment; filename=\"banyan.backup\"");
    http_response_secure(*response, NULL);
    http_response_body_file(*response, fd, 0, (uint64_t)about.st_size);
    return NULL;
}
