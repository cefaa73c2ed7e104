/* core/facade/back_end_http.c: see back_end_http.h. */
#include "core/facade/back_end_http.h"

#include "core/base/memory.h"

#include <stdlib.h>

enum { ANSWER_BYTES_MAX = 8 * 1024 * 1024, ANSWER_MEMORY_MAX = 256 * 1024 };

typedef struct http_call_state {
    const exchange_services *services;
    back_end_request request; /* what it points to is the caller's until `done` */
    back_end_done *done;
    void *context;
    upstream_pair *pair;
} http_call_state;

static void finish(http_call_state *c, back_end_answer *answer, error *failure) {
    c->done(c->context, answer, failure);
    upstreams_let_go(c->pair);
    free(c);
}

/* The fields that are the client's, copied. */
static void copy_headers(const http_flight_answer *from, const http_peer *peer, back_end_answer *to) {
    size_t cursor = 0;
    span name, value;
    http_response *response = http_response_new(200);
    relay_answer(from, peer, response);
    to->headers = arena_alloc(to->memory, (from->header_count + 1) * sizeof *to->headers);
    while (http_response_next(response, &cursor, &name, &value)) {
        if (http_name_equal(name, SPAN("Content-Type")))
            to->content_type = arena_spandup(to->memory, value);
        else
            to->headers[to->header_count++] = (http_field){arena_copy(to->memory, name), arena_copy(to->memory, value)};
    }
    http_response_free(response);
}

static void answered(void *context, const http_flight_answer *got) {
    http_call_state *c = context;
    back_end_answer answer = {.status = got->status, .bytes = got->body, .memory = arena_new(ANSWER_MEMORY_MAX)};
    frame_init(&answer.frame, FRAME_REPLY, OPERATION_NONE, 0);
    /* The bytes live for this call alone: they move into the answer's frame, which can be kept. */
    frame_put(&answer.frame, TAG_PAYLOAD, got->body);
    span bytes = frame_get(&answer.frame, TAG_PAYLOAD, 0);
    answer.bytes = bytes.data ? bytes : SPAN("");
    copy_headers(got, c->pair->peer, &answer);
    finish(c, &answer, NULL);
    back_end_answer_free(&answer);
}

static void ended(void *context, error *failure) {
    finish(context, NULL, failure ? failure : error_new(ERROR_INTERNAL, "an answer was not told"));
}

/* On the loop. */
static void begin(void *context) {
    http_call_state *c = context;
    const back_end_request *request = &c->request;
    const char *name = request->target->connection->name;
    relay_head head = {.url = NULL};
    http_flight *flight;
    c->pair = upstreams_find(c->services->upstreams, name);
    error *err = c->pair ? relay_make(&request->head, c->pair->peer, &head)
                         : error_new(ERROR_UNREACHABLE, "the connection %s cannot be used", name);
    char *method = xspandup(request->head.method);
    if (!err) {
        const http_flight_plan plan = {
            .method = method,
            .url = head.url,
            .headers = head.fields,
            .header_count = head.count,
            .body = request->body,
            .body_fd = request->body_fd,
            .body_size = (int64_t)request->body_size,
            .repeatable = relay_is_repeatable(&request->head),
            .first_ms = (unsigned)request->timeout_ms,
            .total_ms = (unsigned)request->timeout_ms,
            .gather_maximum = ANSWER_BYTES_MAX,
            .answered = answered,
            .ended = ended,
            .context = c,
        };
        err = http_upstream_send(request->head.shadow ? c->pair->shadows : c->pair->calls, &plan, &flight);
    }
    free(method);
    if (head.url) relay_free(&head);
    if (err) finish(c, NULL, err);
}

void back_end_http_call(
    const exchange_services *services, const back_end_request *request, back_end_done *done, void *context) {
    http_call_state *c = xcalloc(1, sizeof *c);
    *c = (http_call_state){.services = services, .request = *request, .done = done, .context = context};
    if (http_loop_is_here(services->loop))
        begin(c);
    else
        http_loop_post(services->loop, begin, c);
}
