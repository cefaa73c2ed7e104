/* core/admin/scripts.c: drafts, versions and samples of scripts; publishing and going back. What runs them is in
 * workbench.c. */
#include "core/admin/script_calls.h"

#include "core/base/memory.h"
#include "core/flow/config.h"
#include "core/flow/versions.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAMPLE_BYTES_MAX = 2 * 1024 * 1024, SAMPLES_MAX = 100 };

static store *store_of(const call *c) {
    return c->admin->options.store;
}

error *script_body(const call *c, const char *name, json_t **body, int64_t *revision) {
    error *err = store_object(store_of(c), "scripts", name, body, revision);
    if (!err || error_code_of(err) != ERROR_NOT_FOUND) return err;
    error_free(err);
    return error_new(ERROR_NOT_FOUND, "there is no script \"%s\"", name);
}

/* ---- drafts ---- */

/* ?optional=true: no draft is an empty object, for whoever only wants to know. */
error *draft_show(call *c, http_response **response) {
    bool optional = false;
    json_t *draft = NULL;
    error *err = call_flag(c, "optional", &optional);
    if (!err) err = versions_draft(store_of(c), c->parts[0], c->caller.name, &draft);
    if (err && error_code_of(err) == ERROR_NOT_FOUND && optional) {
        error_free(err);
        err = NULL;
        draft = json_object();
    }
    if (!err) *response = call_json(200, draft);
    return err;
}

/* {"source","tests","note"}: all that the author has in hand; what is absent is kept from before. */
error *draft_put(call *c, http_response **response) {
    static const char *const members[] = {"source", "tests", "note"};
    json_t *body = NULL, *draft = NULL;
    char now[CLOCK_TEXT_SIZE];
    error *err = call_body_json(c, &body);
    if (!err && !json_is_object(body)) err = error_new(ERROR_INVALID, "the body must be an object");
    if (!err && !settings_is_name(span_of(c->parts[0])))
        err = error_new(ERROR_INVALID, "\"%s\" is no name for a script", c->parts[0]);
    if (!err) error_free(versions_draft(store_of(c), c->parts[0], c->caller.name, &draft));
    if (!draft) draft = json_object();
    for (size_t i = 0; i < sizeof members / sizeof *members && !err; i++) {
        json_t *value = json_object_get(body, members[i]);
        if (value && !json_is_string(value))
            err = error_at(error_new(ERROR_INVALID, "must be a text"), "/%s", members[i]);
        else if (value)
            json_object_set(draft, members[i], value);
    }
    if (!err) {
        json_put_text(draft, "at", clock_format(clock_wall_ms(), now));
        err = versions_put_draft(store_of(c), c->parts[0], c->caller.name, draft);
    }
    if (!err) *response = call_json(200, json_incref(draft));
    json_decref(draft);
    json_decref(body);
    return err;
}

error *draft_remove(call *c, http_response **response) {
    error *err = versions_drop_draft(store_of(c), c->parts[0], c->caller.name);
    if (!err) *response = http_response_new(204);
    return err;
}

/* ---- versions ---- */

error *version_list(call *c, http_response **response) {
    json_t *list = NULL;
    error *err = versions_list(store_of(c), c->parts[0], &list);
    if (!err) *response = call_json(200, json_pack("{s:o}", "items", list));
    return err;
}

error *version_show(call *c, http_response **response) {
    json_t *version = NULL;
    uint64_t number;
    if (!span_to_u64(span_of(c->parts[1]), 1, INT64_MAX, &number))
        return error_new(ERROR_NOT_FOUND, "\"%s\" is no number of a version", c->parts[1]);
    error *err = versions_show(store_of(c), c->parts[0], (int64_t)number, &version);
    if (!err) *response = call_json(200, version);
    return err;
}

/* Makes source and tests what runs. The note goes into the history. */
static error *publish(
    call *c, const char *name, const json_t *source, const json_t *test, const char *note, http_response **response) {
    json_t *body = NULL;
    int64_t revision = 0;
    fault_list faults = {.faults = NULL, .count = 0};
    error *none = script_body(c, name, &body, &revision);
    error_free(none);
    if (!body) body = json_pack("{s:s}", "name", name);
    json_object_set(body, "source", (json_t *)(uintptr_t)source);
    if (test) json_object_set(body, "test", (json_t *)(uintptr_t)test);
    json_put_text(body, "note", note);
    error *err = config_put(c->admin->options.config, "scripts", name, body, revision, c->caller.name, &faults);
    json_decref(body);
    body = NULL;
    if (!err && faults.count > 0)
        *response = call_faults(&faults);
    else if (!err)
        err = script_body(c, name, &body, &revision);
    if (body)
        *response = call_json(
            200, json_pack("{s:s, s:O?, s:O?, s:I}", "name", name, "version", json_object_get(body, "version"), "hash",
                     json_object_get(body, "hash"), "revision", (json_int_t)revision));
    json_decref(body);
    fault_list_free(&faults);
    return err;
}

/* The tests that do not hold, as one problem. */
static http_response *refuse_failing(const json_t *report) {
    size_t i;
    json_t *test, *errors = json_array();
    json_array_foreach(json_get_array(report, "tests"), i, test) {
        if (json_get_bool(test, "ok", false)) continue;
        json_array_append_new(errors, json_pack("{s:s, s:s}", "pointer", json_get_text(test, "name", ""), "detail",
                                          json_get_text(test, "text", "")));
    }
    long long failed = (long long)json_get_integer(report, "failed", 0);
    char *detail = xasprintf("%lld of %lld tests fail. Mend the script or its tests, or publish with \"force\": true.",
        failed, failed + (long long)json_get_integer(report, "passed", 0));
    http_response *response =
        call_json(409, json_pack("{s:s, s:s, s:i, s:s, s:o}", "type", "/problems/tests-fail", "title",
                           "The tests do not hold", "status", 409, "detail", detail, "errors", errors));
    http_response_header(response, "Content-Type", "application/problem+json");
    free(detail);
    return response;
}

/* {"note","force"}: the caller's draft becomes what runs, when its tests hold. */
error *script_publish(call *c, http_response **response) {
    const char *name = c->parts[0];
    json_t *body = NULL, *draft = NULL, *report = NULL;
    *response = NULL;
    error *err = call_body_json(c, &body);
    if (!err) err = versions_draft(store_of(c), name, c->caller.name, &draft);
    const json_t *source = json_object_get(draft, "source"), *tests = json_object_get(draft, "tests");
    if (!err && !source) err = error_new(ERROR_INVALID, "the draft of \"%s\" has no source", name);
    if (!err && !json_get_bool(body, "force", false)) {
        err = script_tests(c, name, source, tests, &report);
        if (!err && json_get_integer(report, "failed", 0) > 0) *response = refuse_failing(report);
    }
    const char *note = json_get_text(body, "note", json_get_text(draft, "note", NULL));
    if (!err && !*response) {
        err = publish(c, name, source, tests, note, response);
        if (!err && http_response_status(*response) == 200)
            err = versions_drop_draft(store_of(c), name, c->caller.name);
    }
    json_decref(report);
    json_decref(draft);
    json_decref(body);
    return err;
}

/* {"version","note"}: an earlier version runs again, as a new one. */
error *script_rollback(call *c, http_response **response) {
    json_t *body = NULL, *version = NULL;
    char room[64];
    error *err = call_body_json(c, &body);
    int64_t number = json_get_integer(body, "version", 0);
    if (!err && number < 1) err = error_at(error_new(ERROR_INVALID, "which version? A number from 1"), "/version");
    if (!err) err = versions_show(store_of(c), c->parts[0], number, &version);
    snprintf(room, sizeof room, "back to version %lld", (long long)number);
    if (!err)
        err = publish(c, c->parts[0], json_object_get(version, "source"), json_object_get(version, "test"),
            json_get_text(body, "note", room), response);
    json_decref(version);
    json_decref(body);
    return err;
}

/* ---- samples ---- */

static json_t *find_sample(const json_t *samples, const char *name, size_t *at) {
    for (size_t i = 0; i < json_array_size(samples); i++) {
        json_t *one = json_array_get(samples, i);
        if (strcmp(json_get_text(one, "name", ""), name) != 0) continue;
        if (at) *at = i;
        return one;
    }
    return NULL;
}

error *script_sample(const call *c, const char *name, const char *file, buf *bytes) {
    json_t *body = NULL;
    int64_t revision;
    error *err = script_body(c, name, &body, &revision);
    if (err) return err;
    const json_t *sample = find_sample(json_get_array(body, "samples"), file, NULL);
    const char *base64 = json_get_text(sample, "base64", NULL);
    if (!sample)
        err = error_new(ERROR_NOT_FOUND, "the script \"%s\" has no sample \"%s\"", name, file);
    else if (!base64)
        buf_add(bytes, json_get_span(sample, "text"));
    else if (!base64_read(span_of(base64), bytes))
        err = error_new(ERROR_CORRUPT, "the sample \"%s\" is no base64", file);
    json_decref(body);
    return err;
}

error *sample_list(call *c, http_response **response) {
    json_t *body = NULL, *items = json_array(), *sample;
    int64_t revision;
    size_t i;
    error *err = script_body(c, c->parts[0], &body, &revision);
    json_array_foreach(json_get_array(body, "samples"), i, sample) {
        const char *base64 = json_get_text(sample, "base64", NULL);
        size_t size = base64 ? strlen(base64) / 4 * 3 : json_get_span(sample, "text").len;
        json_array_append_new(
            items, json_pack("{s:s, s:I}", "name", json_get_text(sample, "name", ""), "size", (json_int_t)size));
    }
    if (!err) *response = call_json(200, json_pack("{s:O}", "items", items));
    json_decref(items);
    json_decref(body);
    return err;
}

error *sample_show(call *c, http_response **response) {
    buf bytes = BUF_MAX(SAMPLE_BYTES_MAX);
    size_t len;
    error *err = script_sample(c, c->parts[0], c->parts[1], &bytes);
    if (!err) err = buf_check(&bytes, "the sample");
    if (!err) {
        *response = http_response_new(200);
        http_response_header(*response, "Content-Type", "application/octet-stream");
        http_response_header(*response, "Content-Disposition", "attachment");
        http_response_secure(*response, NULL);
        char *text = buf_take(&bytes, &len);
        http_response_body_take(*response, text ? text : xstrdup(""), text ? len : 0);
    }
    buf_free(&bytes);
    return err;
}

/* The script with other samples; neither source nor version changes. */
static error *put_samples(call *c, json_t *body, int64_t revision, http_response **response) {
    fault_list faults = {.faults = NULL, .count = 0};
    error *err = config_put(c->admin->options.config, "scripts", c->parts[0], body, revision, c->caller.name, &faults);
    if (!err) *response = faults.count > 0 ? call_faults(&faults) : http_response_new(204);
    fault_list_free(&faults);
    return err;
}

static json_t *sample_of(const char *name, span bytes) {
    json_t *sample = json_pack("{s:s}", "name", name);
    if (span_is_utf8(bytes) && !memchr(bytes.data, '\0', bytes.len)) {
        json_put_span(sample, "text", bytes);
        return sample;
    }
    buf text = BUF_MAX(SAMPLE_BYTES_MAX * 2);
    base64_write(bytes, &text);
    json_put_span(sample, "base64", buf_span(&text));
    buf_free(&text);
    return sample;
}

/* The body is the sample. */
error *sample_put(call *c, http_response **response) {
    json_t *body = NULL;
    int64_t revision;
    size_t at = 0;
    char clean[256];
    span bytes = http_request_body(c->request);
    error *err = script_body(c, c->parts[0], &body, &revision);
    if (!err) err = io_path_clean(span_of(c->parts[1]), clean, sizeof clean);
    if (!err && strchr(clean, '/')) err = error_new(ERROR_INVALID, "a sample is a file, not a path");
    if (!err && bytes.len > SAMPLE_BYTES_MAX)
        err = error_new(ERROR_LIMIT, "a sample has at most %d bytes", SAMPLE_BYTES_MAX);
    json_t *samples = json_get_array(body, "samples");
    if (!err && !samples) {
        samples = json_array();
        json_object_set_new(body, "samples", samples);
    }
    if (!err && json_array_size(samples) >= SAMPLES_MAX && !find_sample(samples, clean, NULL))
        err = error_new(ERROR_LIMIT, "a script has at most %d samples", SAMPLES_MAX);
    if (!err) {
        json_t *sample = sample_of(clean, bytes.data ? bytes : SPAN(""));
        if (find_sample(samples, clean, &at))
            json_array_set_new(samples, at, sample);
        else
            json_array_append_new(samples, sample);
        err = put_samples(c, body, revision, response);
    }
    json_decref(body);
    return err;
}

error *sample_remove(call *c, http_response **response) {
    json_t *body = NULL;
    int64_t revision;
    size_t at = 0;
    error *err = script_body(c, c->parts[0], &body, &revision);
    json_t *samples = json_get_array(body, "samples");
    if (!err && !find_sample(samples, c->parts[1], &at))
        err = error_new(ERROR_NOT_FOUND, "the script \"%s\" has no sample \"%s\"", c->parts[0], c->parts[1]);
    if (!err) {
        json_array_remove(samples, at);
        err = put_samples(c, body, revision, response);
    }
    json_decref(body);
    return err;
}
