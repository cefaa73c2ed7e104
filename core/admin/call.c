/* core/admin/call.c: see call.h. */
#include "core/admin/call.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIMIT_MAX = 1000, LINK_ROOM = 2048, ETAG_ROOM = 32 };

http_response *call_json(int status, json_t *take) {
    http_response *response = http_response_take_text(status, "application/json", json_text(take, false));
    http_response_secure(response, NULL);
    json_decref(take);
    return response;
}

const char *call_parameter(call *c, const char *name, char *text, size_t room) {
    span value = http_request_parameter(c->request, name);
    if (!value.data) return NULL;
    if (value.len >= room) value.len = room - 1;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    return text;
}

error *call_limit(call *c, int *limit) {
    char text[16];
    uint64_t number;
    const char *wanted = call_parameter(c, "limit", text, sizeof text);
    if (!wanted) return NULL;
    if (!span_to_u64(span_of(wanted), 1, LIMIT_MAX, &number))
        return error_at(error_new(ERROR_INVALID, "the limit must be from 1 to %d", LIMIT_MAX), "?limit");
    *limit = (int)number;
    return NULL;
}

error *call_flag(call *c, const char *name, bool *flag) {
    char text[8];
    const char *wanted = call_parameter(c, name, text, sizeof text);
    if (!wanted) return NULL;
    *flag = strcmp(wanted, "true") == 0;
    if (*flag || strcmp(wanted, "false") == 0) return NULL;
    return error_at(error_new(ERROR_INVALID, "%s must be true or false, not \"%s\"", name, wanted), "?%s", name);
}

static void add_encoded(buf *out, span text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c);
        if (plain && c)
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

http_response *call_page(call *c, json_t *take) {
    const char *next = json_get_text(take, "next", NULL);
    char number[24];
    if (json_is_integer(json_object_get(take, "next"))) {
        snprintf(number, sizeof number, "%lld", (long long)json_get_integer(take, "next", 0));
        next = number;
    }
    buf link = BUF_MAX(LINK_ROOM);
    if (next) {
        size_t count;
        const http_field *fields = http_request_parameters(c->request, &count);
        buf_add_char(&link, '<');
        buf_add(&link, http_request_path(c->request));
        buf_add_text(&link, "?after=");
        add_encoded(&link, span_of(next));
        for (size_t i = 0; i < count; i++) {
            if (span_is(fields[i].name, "after")) continue;
            buf_add_char(&link, '&');
            add_encoded(&link, fields[i].name);
            buf_add_char(&link, '=');
            add_encoded(&link, fields[i].value);
        }
        buf_add_text(&link, ">; rel=\"next\"");
    }
    http_response *response = call_json(200, take);
    if (link.len && !link.overflow) http_response_header(response, "Link", buf_text(&link));
    buf_free(&link);
    return response;
}

error *call_body_json(call *c, json_t **body) {
    span text = http_request_body(c->request);
    return error_wrap(json_parse(text.data ? text : SPAN(""), body), "the body");
}

/* What is not one of our tags fits no object: the revision that none will ever have. */
int64_t call_expected(call *c) {
    span match = http_request_header(c->request, "If-Match"), none = http_request_header(c->request, "If-None-Match");
    int64_t revision = REVISION_ANY;
    if (none.data && span_is(none, "*")) return REVISION_NONE;
    if (!match.data) return REVISION_ANY;
    if (span_is(match, "*")) return REVISION_SOME;
    bool quoted = match.len > 2 && match.data[0] == '"' && match.data[match.len - 1] == '"';
    span digits = quoted ? span_make(match.data + 1, match.len - 2) : match;
    return span_to_i64(digits, 1, INT64_MAX, &revision) ? revision : INT64_MAX;
}

http_response *call_tagged(call *c, int status, int64_t revision, json_t *take) {
    char etag[ETAG_ROOM];
    snprintf(etag, sizeof etag, "\"%lld\"", (long long)revision);
    span known = http_request_header(c->request, "If-None-Match"), one;
    bool reads = span_is(http_request_method(c->request), "GET") || span_is(http_request_method(c->request), "HEAD");
    bool same = reads && known.data && span_is(known, "*");
    while (reads && !same && known.data && span_split(&known, ',', &one)) {
        one = span_trim(one);
        if (span_starts(one, SPAN("W/"))) one = span_make(one.data + 2, one.len - 2);
        same = span_is(one, etag);
    }
    http_response *response = same ? http_response_new(304) : call_json(status, take);
    if (same) json_decref(take);
    http_response_header(response, "ETag", etag);
    return response;
}

error *call_members(const json_t *body, const char *const *known) {
    const char *key;
    json_t *value;
    size_t count = 0;
    while (known[count])
        count++;
    if (!json_is_object(body)) return error_new(ERROR_INVALID, "the body must be an object");
    json_object_foreach((json_t *)(uintptr_t)body, key, value) {
        bool found = false;
        for (size_t i = 0; i < count && !found; i++)
            found = strcmp(known[i], key) == 0;
        if (found) continue;
        const char *near = settings_nearest(key, known, count);
        error *err = near ? error_new(ERROR_REJECTED, "unknown member \"%s\"; did you mean \"%s\"?", key, near)
                          : error_new(ERROR_REJECTED, "unknown member \"%s\"", key);
        return error_at(err, "/%s", key);
    }
    return NULL;
}

error *call_name(call *c, const json_t *body) {
    const char *told = json_get_text(body, "name", c->parts[0]);
    if (strcmp(told, c->parts[0]) == 0) return NULL;
    return error_at(
        error_new(ERROR_REJECTED, "name: \"%s\" is not the name in the path, \"%s\"", told, c->parts[0]), "/name");
}

bool call_cookie(call *c, char *token, size_t room) {
    span rest = http_request_header(c->request, "Cookie"), part;
    while (rest.data && span_split(&rest, ';', &part)) {
        static const char name[] = "banyan_session=";
        part = span_trim(part);
        if (!span_starts(part, span_of(name))) continue;
        span value = span_make(part.data + sizeof name - 1, part.len - (sizeof name - 1));
        if (value.len == 0 || value.len >= room) return false;
        memcpy(token, value.data, value.len);
        token[value.len] = '\0';
        return true;
    }
    return false;
}

http_response *call_faults(const fault_list *faults) {
    json_t *list = json_array();
    for (size_t i = 0; i < faults->count; i++) {
        json_array_append_new(list, json_pack("{s:s, s:s}", "pointer", error_where(faults->faults[i]), "detail",
                                        error_text(faults->faults[i])));
    }
    json_t *problem = json_pack("{s:s, s:s, s:i, s:s, s:o}", "type", "/problems/invalid", "title",
        "The configuration is not valid; nothing was changed", "status", 422, "detail",
        faults->count > 0 ? error_text(faults->faults[0]) : "", "errors", list);
    http_response *response = http_response_take_text(422, "application/problem+json", json_text(problem, false));
    http_response_secure(response, NULL);
    json_decref(problem);
    return response;
}
