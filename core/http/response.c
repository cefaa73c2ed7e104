/* core/http/response.c: see response.h; turned into the library's own response only when it is sent. */
#include "core/http/internal.h"

#include "core/base/log.h"
#include "core/base/memory.h"

#include <stdlib.h>
#include <unistd.h>

enum { FIELD_BYTES_MAX = 32768, FIRST_FIELD_BYTES = 500 };

typedef enum body_kind { FROM_NOTHING, FROM_MEMORY, FROM_STATIC, FROM_FILE, FROM_STREAM, SIZE_ONLY } body_kind;

struct http_response {
    int status;
    bool broken; /* a field was refused: a 500 goes out instead */
    buf fields;  /* name NUL value NUL ... */
    body_kind kind;
    char *memory;
    span fixed;
    size_t len;
    int fd;
    uint64_t offset, size;
    http_stream *stream;
};

/* The server's own, derived from the body and the connection. */
static const char *const own_fields[] = {"Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive", "Server"};

http_response *http_response_new(int status) {
    http_response *response = xcalloc(1, sizeof *response);
    response->status = status;
    response->broken = status < 200 || status > 599;
    response->fields = BUF_MAX(FIELD_BYTES_MAX);
    response->fd = -1;
    return response;
}

int http_response_status(const http_response *response) {
    return response->broken ? 500 : response->status;
}

static void drop_body(http_response *response) {
    free(response->memory);
    response->memory = NULL;
    if (response->fd >= 0) close(response->fd);
    response->fd = -1;
    if (response->stream) stream_orphan(response->stream);
    response->stream = NULL;
    response->kind = FROM_NOTHING;
}

void http_response_free(http_response *response) {
    if (!response) return;
    drop_body(response);
    buf_free(&response->fields);
    free(response);
}

static bool is_own(span name) {
    for (size_t i = 0; i < sizeof own_fields / sizeof *own_fields; i++)
        if (http_name_equal(name, span_of(own_fields[i]))) return true;
    return false;
}

void http_response_header_span(http_response *response, const char *name, span value) {
    if (!http_is_token(span_of(name)) || !http_is_field_value(value) || is_own(span_of(name))) {
        log_error("http: refused to send the header field %s", name);
        response->broken = true;
        return;
    }
    if (!response->fields.data && !buf_reserve(&response->fields, FIRST_FIELD_BYTES)) abort();
    buf_add(&response->fields, span_make(name, strlen(name) + 1));
    buf_add(&response->fields, value);
    buf_add_char(&response->fields, '\0');
}

void http_response_header(http_response *response, const char *name, const char *value) {
    http_response_header_span(response, name, span_of(value));
}

void http_response_body_copy(http_response *response, span body) {
    http_response_body_take(response, xspandup(body), body.len);
}

void http_response_body_take(http_response *response, char *data, size_t len) {
    response->kind = FROM_MEMORY;
    response->memory = data;
    response->len = len;
}

void http_response_body_static(http_response *response, span body) {
    response->kind = FROM_STATIC;
    response->fixed = body;
}

void http_response_body_file(http_response *response, int take_fd, uint64_t offset, uint64_t size) {
    response->kind = FROM_FILE;
    response->fd = take_fd;
    response->offset = offset;
    response->size = size;
}

http_stream *http_response_body_stream(http_response *response, size_t pending_maximum) {
    response->kind = FROM_STREAM;
    response->stream = stream_new(pending_maximum, -1);
    return response->stream;
}

http_stream *http_response_body_stream_sized(http_response *response, size_t pending_maximum, uint64_t size) {
    response->kind = FROM_STREAM;
    response->stream = stream_new(pending_maximum, (int64_t)size);
    return response->stream;
}

void http_response_body_size_only(http_response *response, uint64_t size) {
    response->kind = SIZE_ONLY;
    response->size = size;
}

http_stream *response_stream(const http_response *response) {
    return response->broken ? NULL : response->stream;
}

bool http_response_next(const http_response *response, size_t *cursor, span *name, span *value) {
    if (*cursor >= response->fields.len) return false;
    *name = span_of(response->fields.data + *cursor);
    *value = span_of(name->data + name->len + 1);
    *cursor += name->len + value->len + 2;
    return true;
}

span http_response_find(const http_response *response, const char *name) {
    size_t cursor = 0;
    span n, value;
    while (http_response_next(response, &cursor, &n, &value))
        if (http_name_equal(n, span_of(name))) return value;
    return (span){NULL, 0};
}

span http_response_content(const http_response *response) {
    if (response->broken) return (span){NULL, 0};
    if (response->kind == FROM_STATIC) return response->fixed;
    return response->kind == FROM_MEMORY ? span_make(response->memory, response->len) : (span){NULL, 0};
}

bool http_response_length(const http_response *response, uint64_t *len) {
    bool in_file = response->kind == FROM_FILE && !response->broken;
    span content = http_response_content(response);
    *len = in_file ? response->size : content.len;
    return in_file || content.data;
}

void http_response_cut(http_response *response, uint64_t first, uint64_t len) {
    if (response->kind == FROM_FILE) {
        response->offset += first;
        response->size = len;
        return;
    }
    span content = http_response_content(response);
    http_response_replace_body(response, xspandup(span_make(content.data + first, (size_t)len)), (size_t)len);
}

bool http_response_copy_body(const http_response *response, buf *out) {
    if (response->broken || response->kind == FROM_STREAM || response->kind == SIZE_ONLY) return false;
    buf_add(out, http_response_content(response));
    uint64_t size = response->kind == FROM_FILE ? response->size : 0;
    char *room = size && size <= out->maximum ? buf_reserve(out, (size_t)size) : NULL;
    for (uint64_t done = 0; room && done < size;) {
        ssize_t len = pread(response->fd, room + done, (size_t)(size - done), (off_t)(response->offset + done));
        if (len <= 0) return false;
        done += (uint64_t)len;
    }
    if (room) buf_grew(out, (size_t)size);
    return (room || !size) && !out->overflow;
}

void http_response_drop(http_response *response, const char *name) {
    size_t cursor = 0;
    span n, value;
    while (http_response_next(response, &cursor, &n, &value)) {
        if (!http_name_equal(n, span_of(name))) continue;
        size_t size = n.len + value.len + 2, start = cursor - size;
        memmove(response->fields.data + start, response->fields.data + cursor, response->fields.len - cursor);
        response->fields.len -= size;
        cursor = start;
    }
}

void http_response_replace_body(http_response *response, char *data, size_t len) {
    drop_body(response);
    if (data) http_response_body_take(response, data, len);
}

void http_response_set_status(http_response *response, int status) {
    response->status = status;
}

void http_response_turn_into_problem(
    http_response *response, int status, const char *name, const char *title, const char *detail) {
    http_response *problem = http_problem(status, name, title, detail, NULL);
    http_response_drop(response, "Content-Type");
    http_response_drop(response, "Content-Encoding");
    http_response_drop(response, "Cache-Control");
    http_response_header_span(response, "Content-Type", http_response_find(problem, "Content-Type"));
    http_response_header(response, "Cache-Control", "no-store");
    drop_body(response);
    response->kind = problem->kind;
    response->memory = problem->memory;
    response->len = problem->len;
    response->status = status;
    problem->memory = NULL;
    http_response_free(problem);
}

http_response *http_response_take_text(int status, const char *content_type, char *text) {
    http_response *response = http_response_new(status);
    http_response_header(response, "Content-Type", content_type);
    http_response_body_take(response, text, strlen(text));
    return response;
}

void http_response_secure(http_response *response, const char *content_policy) {
    if (!content_policy) content_policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";
    http_response_header(response, "X-Content-Type-Options", "nosniff");
    http_response_header(response, "Cache-Control", "no-store");
    http_response_header(response, "Referrer-Policy", "no-referrer");
    http_response_header(response, "Content-Security-Policy", content_policy);
}

/* Of an answer whose body the library never asks for. */
static ssize_t read_nothing(void *context, uint64_t position, char *out, size_t room) {
    (void)context, (void)position, (void)out, (void)room;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* The library's body; what the response owned passes to it. */
static struct MHD_Response *build_body(http_response *response, http_request *request) {
    struct MHD_Response *built = NULL;
    switch (response->kind) {
    case FROM_NOTHING: return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    case FROM_STATIC:
        return MHD_create_response_from_buffer(
            response->fixed.len, (void *)response->fixed.data, MHD_RESPMEM_PERSISTENT);
    case FROM_MEMORY:
        built = MHD_create_response_from_buffer(response->len, response->memory, MHD_RESPMEM_MUST_FREE);
        response->memory = NULL;
        return built;
    case FROM_FILE:
        built = MHD_create_response_from_fd_at_offset64(response->size, response->fd, response->offset);
        response->fd = -1;
        return built;
    case FROM_STREAM:
        built = stream_response(response->stream, request);
        response->stream = NULL;
        return built;
    case SIZE_ONLY: return MHD_create_response_from_callback(response->size, 1, read_nothing, NULL, NULL);
    }
    return NULL;
}

static struct MHD_Response *or_out_of_memory(struct MHD_Response *built) {
    if (built) return built;
    log_error("http: out of memory for a response");
    abort();
}

/* Takes the response. `request` may be NULL unless the body is a stream. */
struct MHD_Response *response_build(http_response *response, http_request *request, bool close_after) {
    if (response->fields.overflow) response->broken = true;
    if (response->broken) {
        log_error("http: a response with status %d could not be sent as it was made", response->status);
        http_response_free(response);
        response = http_problem(500, "internal", "Internal Server Error", NULL, NULL);
    }
    struct MHD_Response *built = or_out_of_memory(build_body(response, request));
    MHD_add_response_header(built, "Server", "banyan");
    if (close_after) MHD_add_response_header(built, "Connection", "close");
    const char *at = response->fields.data, *end = at ? at + response->fields.len : at;
    while (at != end) {
        const char *value = at + strlen(at) + 1;
        MHD_add_response_header(built, at, value);
        at = value + strlen(value) + 1;
    }
    http_response_free(response);
    return built;
}
