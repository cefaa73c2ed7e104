/* core/admin/messages.c: what was tracked: messages, documents, jobs, acknowledgements, audit, counts. */
#include "core/admin/call.h"
#include "core/flow/guard.h"

#include "core/base/memory.h"
#include "core/flow/exchange.h"

#include <stdio.h>

enum { TEXT_ROOM = 512, FILTER_TEXTS = 12 };

/* The texts that a filter borrows from the request. */
typedef struct filter_texts {
    char texts[FILTER_TEXTS][TEXT_ROOM];
} filter_texts;

static error *read_time(call *c, const char *name, int64_t *wall_ms) {
    char text[TEXT_ROOM];
    *wall_ms = 0;
    if (!call_parameter(c, name, text, sizeof text)) return NULL;
    return error_at(clock_parse(span_of(text), wall_ms), "?%s", name);
}

static error *read_filter(call *c, message_filter *filter, filter_texts *texts) {
    const struct {
        const char *name;
        const char **into;
    } fields[] = {
        {"status", &filter->status},
        {"direction", &filter->direction},
        {"connection", &filter->connection},
        {"partner", &filter->partner},
        {"flow", &filter->flow},
        {"type", &filter->type},
        {"standard", &filter->standard},
        {"parent", &filter->parent},
        {"q", &filter->text},
        {"after", &filter->after},
    };
    *filter = (message_filter){.limit = 50};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        *fields[i].into = call_parameter(c, fields[i].name, texts->texts[i], TEXT_ROOM);
    message_status status;
    if (filter->status && !message_status_named(span_of(filter->status), &status))
        return error_at(error_new(ERROR_INVALID, "\"%s\" is no status", filter->status), "?status");
    error *err = read_time(c, "since", &filter->since);
    if (!err) err = read_time(c, "until", &filter->until);
    if (!err) err = call_limit(c, &filter->limit);
    return err;
}

error *message_list(call *c, http_response **response) {
    message_filter filter;
    filter_texts texts;
    json_t *page = NULL;
    error *err = read_filter(c, &filter, &texts);
    if (!err) err = store_find_messages(c->admin->options.store, &filter, &page);
    if (!err) *response = call_page(c, page);
    return err;
}

error *document_list(call *c, http_response **response) {
    message_filter filter;
    filter_texts texts;
    json_t *page = NULL;
    error *err = read_filter(c, &filter, &texts);
    if (!err) err = store_find_documents(c->admin->options.store, &filter, &page);
    if (!err) *response = call_page(c, page);
    return err;
}

error *message_show(call *c, http_response **response) {
    json_t *message = NULL;
    error *err = store_message_json(c->admin->options.store, c->parts[0], &message);
    if (!err) *response = call_json(200, message);
    return err;
}

error *message_events(call *c, http_response **response) {
    json_t *events = NULL;
    error *err = store_message_events(c->admin->options.store, c->parts[0], &events);
    if (!err) *response = call_json(200, events);
    return err;
}

error *message_evidence(call *c, http_response **response) {
    json_t *evidence = NULL;
    payload_view receipt;
    error *err = exchange_evidence(c->admin->options.store, c->parts[0], &evidence);
    if (err) return err;
    error *none = store_artifact_open(c->admin->options.store, c->parts[0], "receipt", &receipt);
    if (!none && receipt.bytes) json_put_span(evidence, "raw_receipt", span_make(receipt.bytes, (size_t)receipt.size));
    if (!none) payload_view_close(&receipt);
    error_free(none);
    *response = call_json(200, evidence);
    return NULL;
}

/* What a browser must not run stays a download (AU-12). */
error *message_payload(call *c, http_response **response) {
    payload_view view;
    json_t *message = NULL;
    error *err = store_message_json(c->admin->options.store, c->parts[0], &message);
    if (!err) err = store_payload_open(c->admin->options.store, c->parts[0], &view);
    if (err) {
        json_decref(message);
        return err;
    }
    *response = http_response_new(200);
    http_response_header(*response, "Content-Type", "application/octet-stream");
    http_response_header(*response, "Content-Disposition", "attachment");
    http_response_header(
        *response, "X-Payload-Type", json_get_text(message, "content_type", "application/octet-stream"));
    http_response_secure(*response, NULL);
    if (view.bytes) {
        http_response_body_take(*response, view.bytes, (size_t)view.size);
    } else {
        http_response_body_file(*response, view.fd, 0, view.size);
    }
    json_decref(message);
    return NULL;
}

error *message_resend(call *c, http_response **response) {
    char id[ID_SIZE];
    json_t *message = NULL;
    error *err = engine_resend(c->admin->options.engine, c->parts[0], c->caller.name, id);
    if (!err) err = store_message_json(c->admin->options.store, id, &message);
    if (!err) *response = call_json(202, message);
    return err;
}

error *job_list(call *c, http_response **response) {
    char status[TEXT_ROOM], after[TEXT_ROOM];
    int limit = 50;
    json_t *page = NULL;
    error *err = call_limit(c, &limit);
    if (!err)
        err = store_find_jobs(c->admin->options.store, call_parameter(c, "status", status, sizeof status),
            call_parameter(c, "after", after, sizeof after), limit, &page);
    if (!err) *response = call_page(c, page);
    return err;
}

error *acknowledgement_list(call *c, http_response **response) {
    char after[TEXT_ROOM];
    int limit = 50;
    bool overdue = false;
    json_t *page = NULL;
    error *err = call_flag(c, "overdue", &overdue);
    if (!err) err = call_limit(c, &limit);
    if (!err)
        err = store_find_acknowledgements(
            c->admin->options.store, overdue, call_parameter(c, "after", after, sizeof after), limit, &page);
    if (!err) *response = call_page(c, page);
    return err;
}

error *audit_list(call *c, http_response **response) {
    char after[TEXT_ROOM];
    int limit = 50;
    int64_t before = 0;
    json_t *page = NULL;
    const char *wanted = call_parameter(c, "after", after, sizeof after);
    error *err = call_limit(c, &limit);
    if (!err && wanted && !span_to_i64(span_of(wanted), 1, INT64_MAX, &before))
        err = error_at(error_new(ERROR_INVALID, "\"%s\" is no entry's number", wanted), "?after");
    if (!err) err = store_find_audit(c->admin->options.store, before, limit, &page);
    if (!err) *response = call_page(c, page);
    return err;
}

error *stats_show(call *c, http_response **response) {
    json_t *stats = NULL;
    const admin_options *options = &c->admin->options;
    error *err = store_stats(options->store, &stats);
    if (err) return err;
    json_object_set_new(stats, "uptime_s", json_integer((clock_monotonic_ms() - c->admin->started_ms) / 1000));
    json_object_set_new(stats, "version", json_string(options->version));
    json_object_set_new(stats, "workers", worker_pool_status(options->pool));
    json_object_set_new(stats, "connections", engine_health(options->engine));
    json_put_text(stats, "public", options->public_address);
    json_put_text(stats, "public_url", engine_public_url(options->engine));
    json_object_set_new(stats, "back_ends", guard_states());
    int64_t held_since = engine_held_since_ms(options->engine);
    if (held_since) {
        char text[CLOCK_TEXT_SIZE];
        json_put_text(stats, "held_since", clock_format(held_since, text));
    }
    *response = call_json(200, stats);
    return NULL;
}
