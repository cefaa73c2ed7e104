/* tests/unit/script_fixture.h: runs a script given as text, for the tests of core/script. */
#ifndef BANYAN_TESTS_UNIT_SCRIPT_FIXTURE_H
#define BANYAN_TESTS_UNIT_SCRIPT_FIXTURE_H

#include "core/base/memory.h"
#include "core/script/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A module M with these statements in it, from line 2 on. */
#define M(body) "local M = {}\n" body "\nreturn M\n"

/* Two scripts at most: "main" and, when set, "other". */
static const char *fixture_main, *fixture_other;
static size_t fixture_main_len; /* 0: up to the NUL */
static uint64_t fixture_number; /* the last control number given */
static int fixture_asked;       /* how often a source was asked for */
static script_host *fixture_host;

/* Names a text by what stands in it, so that the same text runs in the state that it left behind. */
static inline const char *fixture_hash(span text) {
    static char hash[32];
    uint64_t sum = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < text.len; i++)
        sum = (sum ^ (unsigned char)text.data[i]) * UINT64_C(1099511628211);
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)sum);
    return hash;
}

static inline error *fixture_source(void *context, const char *name, span *text, const char **hash) {
    (void)context;
    fixture_asked++;
    if (strcmp(name, "main") == 0) {
        *text = fixture_main_len ? span_make(fixture_main, fixture_main_len) : span_of(fixture_main);
    } else if (strcmp(name, "other") == 0 && fixture_other) {
        *text = span_of(fixture_other);
    } else {
        return error_new(ERROR_NOT_FOUND, "no script %s", name);
    }
    *hash = fixture_hash(*text);
    return NULL;
}

static inline error *fixture_control(void *context, const char *sequence, uint64_t *number) {
    (void)context, (void)sequence;
    *number = ++fixture_number;
    return NULL;
}

static inline error *fixture_table(
    void *context, const char *table, const char *code, bool reverse, buf *value, bool *found) {
    (void)context;
    *found = strcmp(table, "units") == 0 && strcmp(code, reverse ? "pieces" : "EA") == 0;
    if (*found) buf_add_text(value, reverse ? "EA" : "pieces");
    return NULL;
}

static inline int64_t fixture_now(void *context) {
    (void)context;
    return 1795450520123; /* 2026-11-23T16:15:20.123Z */
}

static inline int fixture_setup(void **state) {
    (void)state;
    const script_services services = {
        .source = fixture_source, .control = fixture_control, .table = fixture_table, .now_ms = fixture_now};
    return script_host_new(&services, &fixture_host) != NULL;
}

static inline int fixture_teardown(void **state) {
    (void)state;
    script_host_free(fixture_host);
    return 0;
}

/* Runs `source` with `call` (JSON, NULL: translate without limits) on the payload. */
static inline error *fixture_run(const char *source, const char *call, const char *payload, script_outcome *out) {
    json_t *parsed = NULL;
    error *err = json_parse(span_of(call ? call : "{\"function\":\"translate\"}"), &parsed);
    assert_null(err);
    json_object_set_new(parsed, "script", json_string("main"));
    fixture_main = source;
    err = script_run(fixture_host, parsed, span_of(payload), out);
    json_decref(parsed);
    return err;
}

/* The first payload of a run that must succeed, "" when it has none; the caller frees it. */
static inline char *fixture_text(const char *source, const char *call, const char *payload) {
    script_outcome out;
    error *err = fixture_run(source, call, payload, &out);
    if (err) fail_msg("%s", error_text(err));
    json_t *rejected = json_object_get(out.result, "rejected");
    if (rejected) fail_msg("rejected: %s", json_get_text(rejected, "reason", ""));
    char *text = xstrdup(out.payload_count > 0 ? buf_text(&out.payloads[0]) : "");
    script_outcome_free(&out);
    return text;
}

/* `statements` return a value, from a function that has `message`; compares it as text. */
static inline void expect_result(const char *statements, const char *payload, const char *expected) {
    char *source = xasprintf("local function run(message) local _ = message; %s end\n"
                             "return {translate = function(m) return {body = tostring((run(m)))} end}",
        statements);
    char *text = fixture_text(source, NULL, payload);
    assert_string_equal(text, expected);
    free(text);
    free(source);
}

/* The run must fail with an error whose text holds `words`. */
static inline void expect_error(const char *source, const char *call, const char *payload, const char *words) {
    script_outcome out;
    error *err = fixture_run(source, call, payload, &out);
    if (!err) fail_msg("no error, '%s' was expected", words);
    if (!strstr(error_text(err), words)) fail_msg("'%s' does not hold '%s', from %s", error_text(err), words, source);
    error_free(err);
    script_outcome_free(&out);
}

/* The run must be rejected; "place: reason" of it holds `words`. */
static inline void expect_rejection_of(const char *source, const char *call, const char *payload, const char *words) {
    script_outcome out;
    error *err = fixture_run(source, call, payload, &out);
    if (err) fail_msg("%s", error_text(err));
    const json_t *rejected = json_object_get(out.result, "rejected");
    char *text =
        xasprintf("%s: %s", json_get_text(rejected, "place", "nowhere"), json_get_text(rejected, "reason", "nothing"));
    if (!strstr(text, words)) fail_msg("'%s' does not hold '%s'", text, words);
    free(text);
    script_outcome_free(&out);
}

static inline void expect_rejection(const char *source, const char *payload, const char *words) {
    expect_rejection_of(source, NULL, payload, words);
}

#endif
