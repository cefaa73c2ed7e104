/* core/http/problem.c: problems as responses (RFC 9457), one shape for every error on the wire. */
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/http/response.h"

#include <stdlib.h>

typedef struct status_words {
    int status;
    const char *name, *title;
} status_words;

static const status_words words[] = {
    {400, "invalid", "Bad Request"},
    {401, "unauthenticated", "Unauthorized"},
    {403, "denied", "Forbidden"},
    {404, "not-found", "Not Found"},
    {405, "method-not-allowed", "Method Not Allowed"},
    {406, "not-acceptable", "Not Acceptable"},
    {408, "timeout", "Request Timeout"},
    {409, "conflict", "Conflict"},
    {410, "gone", "Gone"},
    {411, "length-required", "Length Required"},
    {412, "changed-meanwhile", "Precondition Failed"},
    {413, "limit", "Content Too Large"},
    {414, "target-too-long", "URI Too Long"},
    {415, "unsupported-content", "Unsupported Media Type"},
    {416, "range", "Range Not Satisfiable"},
    {417, "expectation", "Expectation Failed"},
    {421, "misdirected", "Misdirected Request"},
    {422, "rejected", "Unprocessable Content"},
    {428, "precondition-required", "Precondition Required"},
    {429, "too-many-requests", "Too Many Requests"},
    {431, "header-too-large", "Request Header Fields Too Large"},
    {500, "internal", "Internal Server Error"},
    {501, "unsupported", "Not Implemented"},
    {502, "unreachable", "Bad Gateway"},
    {503, "unavailable", "Service Unavailable"},
    {504, "timeout-behind", "Gateway Timeout"},
    {505, "version", "HTTP Version Not Supported"},
    {507, "full", "Insufficient Storage"},
};

static const status_words *find(int status) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].status == status) return &words[i];
    return NULL;
}

const char *http_problem_name(int status) {
    const status_words *found = find(status);
    return found ? found->name : status < 500 ? "invalid" : "internal";
}

const char *http_status_title(int status) {
    const status_words *found = find(status);
    return found ? found->title : status < 500 ? "Request Refused" : "Server Error";
}

http_response *http_problem(int status, const char *name, const char *title, const char *detail, const char *instance) {
    return http_problem_list(status, name, title, detail, instance, NULL);
}

http_response *http_problem_list(
    int status, const char *name, const char *title, const char *detail, const char *instance, json_t *take_errors) {
    json_t *problem = json_object();
    json_object_set_new(problem, "type", json_sprintf("/problems/%s", name));
    json_put_text(problem, "title", title);
    json_object_set_new(problem, "status", json_integer(status));
    json_put_text(problem, "detail", detail);
    json_put_text(problem, "instance", instance);
    if (take_errors) json_object_set_new(problem, "errors", take_errors);
    http_response *response = http_response_take_text(status, "application/problem+json", json_text(problem, false));
    http_response_secure(response, NULL);
    json_decref(problem);
    return response;
}

static int status_of(error_code code) {
    switch (code) {
    case ERROR_INVALID: return 400;
    case ERROR_NOT_FOUND: return 404;
    case ERROR_CONFLICT: return 409;
    case ERROR_CHANGED: return 412;
    case ERROR_DENIED: return 403;
    case ERROR_REJECTED: return 422;
    case ERROR_LIMIT: return 413;
    case ERROR_TIMEOUT: return 504;
    case ERROR_UNREACHABLE: return 502;
    case ERROR_FULL: return 507;
    case ERROR_UNSUPPORTED: return 501;
    case ERROR_CRASHED: return 503;
    case ERROR_IO:
    case ERROR_CORRUPT:
    case ERROR_INTERNAL: return 500;
    }
    return 500;
}

http_response *http_problem_from_error(error *take, const char *instance) {
    int status = status_of(error_code_of(take));
    const char *name = http_problem_name(status), *title = http_status_title(status);
    if (status == 500) {
        log_failure(LOG_ERROR, "http", take);
        return http_problem(status, name, title, "The log of the server says what happened.", instance);
    }
    const char *where = error_where(take);
    char *detail = *where ? xasprintf("%s (%s)", error_text(take), where) : xstrdup(error_text(take));
    http_response *response = http_problem(status, name, title, detail, instance);
    free(detail);
    error_free(take);
    return response;
}
