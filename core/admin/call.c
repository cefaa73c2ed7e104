/* core/admin/call.c: see call.h. */
#include "core/admin/call.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIMIT_MAX = 1000, LINK_ROOM = 2048 };

http_response *call_json(int status, json_t *take) {
    http_response *response = http_response_take_text(status, "application/json", json_text(take, false));
    http_response_secure(response, NULL);
    json_decref(take);
    return response;
}

const char *call_parameter(call *c, const char *name, char *text, size_t room) {
    span value = http_request_parameter(c->request, name);
    if (!value.data || value.len >= room) return NULL;
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

error *call_expected(call *c, int64_t *revision) {
    span match = http_request_header(c->request, "If-Match"), none = http_request_header(c->request, "If-None-Match");
    *revision = -1;
    if (none.data && span_is(none, "*")) {
        *revision = 0;
    } else if (match.data && !span_is(match, "*")) {
        bool quoted = match.len > 2 && match.data[0] == '"' && match.data[match.len - 1] == '"';
        span digits = quoted ? span_make(match.data + 1, match.len - 2) : match;
        if (!span_to_i64(digits, 1, INT64_MAX, revision))
            return error_at(error_new(ERROR_INVALID, "If-Match must be an ETag that this API gave"), "If-Match");
    }
    return NULL;
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
