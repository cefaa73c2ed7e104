/* core/http/body.c: collects the body of a request by its owner's plan, and reads a request's parts for its owner. */
#include "core/http/internal.h"

#include "core/base/io.h"
#include "core/base/log.h"

static bool refuse(http_request *request, int status) {
    request->refused_status = status;
    return false;
}

static bool write_file(http_request *request, span bytes) {
    error *err = io_write_all(request->body_fd, bytes, "the body of a request");
    if (!err) return true;
    log_failure(LOG_ERROR, "http", err);
    return refuse(request, 503);
}

/* From memory to a file, because the body is or will be larger than the owner keeps in memory. */
static bool spill(http_request *request) {
    if (!request->plan.spill) return refuse(request, 413);
    request->body_fd = request->plan.spill(request->owner);
    if (request->body_fd < 0) return refuse(request, 503);
    if (!write_file(request, buf_span(&request->body))) return false;
    buf_free(&request->body);
    return true;
}

/* On the thread of the connection, while the request is in the server's hands: no lock is needed. */
bool body_receive(http_request *request, span bytes) {
    const http_body_plan *plan = &request->plan;
    request->body_size += bytes.len;
    if (request->body_size > plan->maximum) return refuse(request, 413);
    bool outgrown = request->body_size > plan->memory || request->framing.length > plan->memory;
    if (outgrown && request->body_fd < 0 && !spill(request)) return false;
    int status = plan->chunk ? plan->chunk(request->owner, bytes) : 0;
    if (status) return refuse(request, status);
    if (request->body_fd >= 0) return write_file(request, bytes);
    buf_add(&request->body, bytes);
    return true;
}

/* The same for a body that flows: how many bytes the owner took; all are dropped when nobody wants them any more. */
size_t body_flow(http_request *request, span bytes, bool wanted) {
    if (request->refused_status) return 0;
    if (bytes.len > request->plan.maximum || request->body_size > request->plan.maximum - bytes.len) {
        request->refused_status = 413;
        return 0;
    }
    size_t taken = wanted ? request->plan.flow(request->owner, bytes) : bytes.len;
    request->body_size += taken;
    return taken;
}

int64_t http_request_body_length(const http_request *request) {
    return request->framing.chunked ? -1 : (int64_t)request->framing.length;
}

uint64_t http_request_body_size(const http_request *request) {
    return request->body_size;
}

span http_request_body(const http_request *request) {
    return request->body_fd >= 0 ? span_make(NULL, 0) : buf_span(&request->body);
}

span http_request_method(const http_request *request) {
    return request->method;
}

span http_request_target(const http_request *request) {
    return request->raw_target;
}

span http_request_path(const http_request *request) {
    return request->target.path;
}

span http_request_query(const http_request *request) {
    return request->target.query;
}

span http_request_host(const http_request *request) {
    return request->framing.host;
}

span http_request_peer(const http_request *request) {
    return span_of(request->peer);
}

bool http_request_is_tls(const http_request *request) {
    return request->tls;
}

bool http_request_has_body(const http_request *request) {
    return request->framing.chunked || request->framing.length > 0;
}

static span value_of(const http_field *fields, size_t count, span name) {
    const http_field *field = http_find_field(fields, count, name);
    return field ? field->value : span_make(NULL, 0);
}

span http_request_header(const http_request *request, const char *name) {
    return value_of(request->fields, request->field_count, span_of(name));
}

span http_request_parameter(const http_request *request, const char *name) {
    for (size_t i = 0; i < request->target.parameter_count; i++)
        if (span_is(request->parameters[i].name, name)) return request->parameters[i].value;
    return span_make(NULL, 0);
}

const http_field *http_request_headers(const http_request *request, size_t *count) {
    *count = request->field_count;
    return request->fields;
}

const http_field *http_request_parameters(const http_request *request, size_t *count) {
    *count = request->target.parameter_count;
    return request->parameters;
}
