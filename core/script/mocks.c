/* core/script/mocks.c: see mocks.h. */
#include "core/script/mocks.h"

#include "core/base/base64.h"
#include "core/base/memory.h"

#include <fnmatch.h>
#include <stdlib.h>

enum { BODY_BYTES_MAX = 16 * 1024 * 1024 };

static error *check_mock(const json_t *mock, size_t i) {
    static const char *const texts[] = {
        "connection", "method", "path", "content_type", "body", "base64", "error", NULL};
    if (!json_is_object(mock)) return error_new(ERROR_INVALID, "answer %zu is no object", i + 1);
    for (size_t t = 0; texts[t]; t++) {
        const json_t *value = json_object_get(mock, texts[t]);
        if (value && !json_is_string(value))
            return error_new(ERROR_INVALID, "answer %zu: \"%s\" is no text", i + 1, texts[t]);
    }
    if (!json_object_get(mock, "connection"))
        return error_new(ERROR_INVALID, "answer %zu names no \"connection\"", i + 1);
    int64_t status = json_get_integer(mock, "status", 200);
    if (status < 100 || status > 599) return error_new(ERROR_INVALID, "answer %zu: \"status\" is none", i + 1);
    return NULL;
}

error *mocks_read(const json_t *given, json_t **mocks) {
    error *err = NULL;
    *mocks = NULL;
    if (json_is_string(given))
        err = json_parse(span_make(json_string_value(given), json_string_length(given)), mocks);
    else
        *mocks = json_incref((json_t *)(uintptr_t)given);
    if (!err && !json_is_array(*mocks)) err = error_new(ERROR_INVALID, "a list of answers was expected");
    for (size_t i = 0; i < json_array_size(*mocks) && !err; i++)
        err = check_mock(json_array_get(*mocks, i), i);
    if (!err) return NULL;
    json_decref(*mocks);
    *mocks = NULL;
    return error_wrap(err, "calls.json");
}

static const json_t *find_mock(const json_t *mocks, const json_t *request) {
    const char *method = json_get_text(request, "method", ""), *path = json_get_text(request, "path", "");
    for (size_t i = 0; i < json_array_size(mocks); i++) {
        const json_t *mock = json_array_get(mocks, i);
        if (strcmp(json_get_text(mock, "connection", ""), json_get_text(request, "connection", "")) == 0 &&
            strcmp(json_get_text(mock, "method", method), method) == 0 &&
            fnmatch(json_get_text(mock, "path", path), path, 0) == 0)
            return mock;
    }
    return NULL;
}

/* The body in base64, as answers have it. */
static void put_body(json_t *answer, const json_t *mock) {
    const json_t *value = json_object_get(mock, "json");
    const char *base64 = json_get_text(mock, "base64", NULL);
    if (base64) {
        json_put_text(answer, "body", base64);
        return;
    }
    buf encoded = BUF_MAX(BODY_BYTES_MAX);
    char *text = value ? json_text(value, true) : NULL;
    base64_write(text ? span_of(text) : json_get_span(mock, "body"), &encoded);
    json_put_span(answer, "body", buf_span(&encoded));
    buf_free(&encoded);
    free(text);
}

static json_t *answer_of(const json_t *mocks, const json_t *request) {
    static const char *const echoed[] = {"connection", "method", "path"};
    const json_t *mock = find_mock(mocks, request);
    const char *fault = json_get_text(mock, "error", NULL);
    json_t *answer = json_object(), *headers = json_get_object(mock, "headers");
    for (size_t i = 0; i < sizeof echoed / sizeof *echoed; i++)
        json_put_text(answer, echoed[i], json_get_text(request, echoed[i], ""));
    if (!mock) {
        char *why = xasprintf("nothing is sent from here, and the sample calls.json has no answer to %s %s",
            json_get_text(request, "method", ""), json_get_text(request, "path", ""));
        json_put_text(answer, "error", why);
        free(why);
        return answer;
    }
    if (fault) {
        json_put_text(answer, "error", fault);
        return answer;
    }
    json_object_set_new(answer, "status", json_integer(json_get_integer(mock, "status", 200)));
    json_object_set_new(answer, "headers", headers ? json_incref(headers) : json_object());
    json_put_text(answer, "content_type",
        json_get_text(mock, "content_type", json_object_get(mock, "json") ? "application/json" : NULL));
    put_body(answer, mock);
    return answer;
}

json_t *mocks_answers(const json_t *mocks, const json_t *requests) {
    json_t *answers = json_array();
    for (size_t i = 0; i < json_array_size(requests); i++)
        json_array_append_new(answers, answer_of(mocks, json_array_get(requests, i)));
    return answers;
}
