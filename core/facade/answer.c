/* core/facade/answer.c: see answer.h. */
#include "core/facade/answer.h"

#include "core/base/memory.h"
#include "core/worker/attachment.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

char *answer_lower(span text) {
    char *copy = xspandup(text);
    for (char *c = copy; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

http_response *answer_problem(int status, const char *name, const char *title, const char *detail, const char *id) {
    char instance[128];
    if (id) snprintf(instance, sizeof instance, "/status/%s", id);
    return http_problem(status, name, title, detail, id ? instance : NULL);
}

/* No room, for the moment: whoever asks again in a while may find it mended (RFC 9110 §15.6.4). */
static http_response *answer_full(const char *id) {
    http_response *response = answer_problem(
        503, "full", "There is no room to keep the request", "Nothing of it was kept; try again later.", id);
    http_response_header(response, "Retry-After", "30");
    return response;
}

http_response *answer_failure(error *take, const char *id) {
    static const struct {
        error_code code;
        int status;
        const char *name, *title;
    } rows[] = {
        {ERROR_UNREACHABLE, 502, "back-end-unreachable", "The back-end cannot be reached"},
        {ERROR_DENIED, 502, "back-end-refused", "The back-end refused the appliance"},
        {ERROR_TIMEOUT, 504, "back-end-timeout", "The back-end did not answer in time"},
        {ERROR_LIMIT, 502, "back-end-limit", "What the back-end gave is too large"},
        {ERROR_CONFLICT, 409, "conflict", "It exists already or has changed"},
        {ERROR_NOT_FOUND, 404, "not-found", "There is no such resource"},
    };
    if (error_code_of(take) == ERROR_FULL) {
        error_free(take);
        return answer_full(id);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].code != error_code_of(take)) continue;
        error_free(take);
        return answer_problem(rows[i].status, rows[i].name, rows[i].title,
            "The operator sees why in the message's timeline; try again later.", id);
    }
    error_free(take);
    return answer_problem(
        500, "internal", "The request could not be worked on", "The operator sees why in the message's timeline.", id);
}

/* Headers that frame the answer are the server's, whatever a script says. */
static bool is_framing(const char *name) {
    static const char *const names[] = {
        "content-length", "transfer-encoding", "connection", "date", "server", "content-type"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(name, names[i]) == 0) return true;
    }
    return false;
}

http_response *answer_fixed(const estate_endpoint *endpoint, span body) {
    json_t *respond = json_get_object(endpoint->body, "respond"), *value;
    const char *name, *type = json_get_text(respond, "content_type", NULL);
    http_response *response = http_response_new(endpoint->respond_status ? endpoint->respond_status : 200);
    json_object_foreach(json_get_object(respond, "headers"), name, value) if (!is_framing(name))
        http_response_header(response, name, json_string_value(value));
    bool text = json_is_string(json_object_get(respond, "body"));
    if (body.len)
        http_response_header(response, "Content-Type",
            type   ? type
            : text ? "text/plain; charset=utf-8"
                   : "application/json");
    http_response_body_static(response, body);
    return response;
}

http_response *answer_accepted(const char *id, int status) {
    char location[64];
    snprintf(location, sizeof location, "/status/%s", id);
    char *body = xasprintf("{\"id\":\"%s\",\"state\":\"accepted\",\"links\":{\"status\":\"%s\"}}", id, location);
    http_response *response = http_response_take_text(status ? status : 202, "application/json", body);
    http_response_header(response, "Location", location);
    return response;
}

const char *answer_content_type(const char *path) {
    static const char *const known[][2] = {{".json", "application/json"}, {".csv", "text/csv; charset=utf-8"},
        {".xml", "application/xml"}, {".txt", "text/plain; charset=utf-8"}, {".edi", "application/edi-x12"}};
    const char *dot = path ? strrchr(path, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(dot, known[i][0]) == 0) return known[i][1];
    }
    return "application/octet-stream";
}

http_response *answer_back_end(back_end_answer *answer) {
    http_response *response = http_response_new(answer->status);
    char name[256];
    for (size_t i = 0; i < answer->header_count; i++) {
        span field = answer->headers[i].name;
        if (field.len >= sizeof name) continue;
        memcpy(name, field.data, field.len);
        name[field.len] = '\0';
        http_response_header_span(response, name, answer->headers[i].value);
    }
    if (answer->status == 204) return response;
    http_response_header(
        response, "Content-Type", answer->content_type ? answer->content_type : "application/octet-stream");
    if (!http_find_field(answer->headers, answer->header_count, SPAN("X-Content-Type-Options")))
        http_response_header(response, "X-Content-Type-Options", "nosniff");
    if (answer->in_file)
        http_response_body_file(response, answer->fd, 0, answer->file_size);
    else
        http_response_body_copy(response, answer->bytes);
    answer->in_file = false; /* the descriptor is the response's now */
    return response;
}

span answer_result_bytes(const json_t *result, frame *reply) {
    const json_t *place = json_object_get(result, "payload");
    int64_t field = json_get_integer(place, "field", -1);
    if (!place) return SPAN("");
    return field >= 0 ? frame_get(reply, TAG_PAYLOAD, (size_t)field) : (span){NULL, 0};
}

http_response *answer_result(const json_t *result, frame *reply, int fallback_status) {
    if (!result) return http_response_new(204);
    const json_t *place = json_object_get(result, "payload");
    uint64_t offset, size;
    int fd = -1;
    error *err = place ? attachment_file_of_reply(reply, place, &fd, &offset, &size) : NULL;
    if (err) return answer_failure(err, NULL);
    int64_t status = json_get_integer(result, "status", fallback_status ? fallback_status : 200);
    http_response *response = http_response_new(status >= 200 && status <= 599 ? (int)status : 500);
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(result, "headers"), name, value) {
        if (json_is_string(value) && !is_framing(name)) http_response_header(response, name, json_string_value(value));
    }
    http_response_header(response, "Content-Type", json_get_text(result, "content_type", "application/octet-stream"));
    http_response_header(response, "X-Content-Type-Options", "nosniff");
    if (fd >= 0)
        http_response_body_file(response, fd, offset, size);
    else
        http_response_body_copy(response, answer_result_bytes(result, reply));
    return response;
}
