/* core/http/request.c: see request.h; between the library's callbacks and the owner of a request.
 *
 * The library calls request_serve once when a head is complete, again for each piece of a body, and a last time when
 * the request is complete; an answer queued in the first call closes the connection, so answers to requests without a
 * body wait for the last call. In both first and last call a request that has no answer yet is suspended, and whoever
 * answers resumes it, upon which the library repeats the call.
 */
#include "core/http/internal.h"

#include "core/base/log.h"
#include "core/base/memory.h"

#include <stdlib.h>

enum { DROPPED_BODY_BYTES_MAX = 65536 }; /* an unwanted body of up to this size is read rather than cut off */

static void request_finish(http_request *request) {
    if (request->done) request->done(request->owner, request->outcome);
    http_response_free(request->answer);
    buf_free(&request->body);
    pthread_mutex_destroy(&request->lock);
    free(request);
}

/* With request->lock held. */
static void wake(http_request *request) {
    if (!request->suspended) return;
    request->suspended = false;
    server_resume(request->connection->server, request->handle);
}

static enum MHD_Result suspend(http_request *request) {
    request->suspended = true;
    MHD_suspend_connection(request->handle);
    return MHD_YES;
}

void request_give_up(http_request *request) {
    pthread_mutex_lock(&request->lock);
    if (request->stream) stream_kill(request->stream);
    if (request->suspended) request->gone = true;
    wake(request);
    pthread_mutex_unlock(&request->lock);
}

static enum MHD_Result queue_answer(http_request *request, bool close) {
    connection *c = request->connection;
    request->stream = response_stream(request->answer);
    connection_enter(c, request->stream ? PHASE_STREAMING : PHASE_SENDING);
    int status = http_response_status(request->answer);
    struct MHD_Response *built = response_build(request->answer, request, close || atomic_load(&c->server->stopping));
    request->answer = NULL;
    enum MHD_Result result = MHD_queue_response(request->handle, (unsigned)status, built);
    MHD_destroy_response(built);
    request->queued = true;
    return result;
}

/* The server itself answers a request that it has in its hands; for the owner it is aborted. */
static void refuse(http_request *request, int status, const char *detail) {
    request->refused_status = status;
    request->answered = true;
    request->answer = http_problem(status, http_problem_name(status), http_status_title(status), detail, NULL);
    atomic_fetch_add(&request->connection->server->refused, 1);
}

static uint64_t body_limit(const http_body_plan *plan) {
    return plan->flow || plan->spill || plan->maximum < plan->memory ? plan->maximum : plan->memory;
}

/* After the head: may the library go on? With request->lock held. */
static enum MHD_Result advance_head(http_request *request) {
    connection *c = request->connection;
    bool has_body = http_request_has_body(request);
    bool flows = request->mode == BODY_FLOWS;
    if (request->mode == BODY_TAKEN && request->framing.length > body_limit(&request->plan))
        refuse(request, 413, "The body is larger than this resource accepts.");
    if (has_body && request->answered && !flows) {
        bool small = !request->framing.chunked && request->framing.length <= DROPPED_BODY_BYTES_MAX;
        if (!small || request->framing.expects_continue || request->refused_status) {
            c->linger = true;
            return queue_answer(request, true);
        }
        request->mode = BODY_DROPPED;
    }
    if (has_body && request->owned && !flows) return suspend(request);
    request->head_done = true;
    if (has_body) connection_enter(c, PHASE_BODY);
    return MHD_YES;
}

typedef struct field_list {
    http_field *fields;
    size_t count, room;
} field_list;

static enum MHD_Result collect_field(
    void *context, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value, size_t value_len) {
    (void)kind;
    field_list *list = context;
    if (list->count < list->room)
        list->fields[list->count] = (http_field){span_make(name, name_len), span_make(value ? value : "", value_len)};
    list->count++;
    return MHD_YES;
}

static bool trailers_fit(http_request *request) {
    http_field fields[HTTP_FIELDS_MAX];
    field_list list = {.fields = fields, .room = HTTP_FIELDS_MAX};
    MHD_get_connection_values_n(request->handle, MHD_FOOTER_KIND, collect_field, &list);
    return list.count <= list.room && http_trailers_fit(fields, list.count);
}

/* The request is complete: hand it to its owner, answer it or wait. With request->lock held. */
static enum MHD_Result advance_tail(http_request *request) {
    connection *c = request->connection;
    if (!request->checked_tail && request->framing.chunked && !trailers_fit(request)) {
        if (!request->answered) refuse(request, 400, "Malformed trailer fields.");
        c->linger = true;
        return queue_answer(request, true);
    }
    request->checked_tail = true;
    if (request->mode == BODY_FLOWS && request->owned && !request->flow_done) {
        request->flow_done = true;
        connection_enter(c, PHASE_WORKING);
        pthread_mutex_unlock(&request->lock);
        request->plan.complete(request, request->owner);
        pthread_mutex_lock(&request->lock);
    }
    if (!request->owned && !request->answered) {
        request->owned = true;
        connection_enter(c, PHASE_WORKING);
        pthread_mutex_unlock(&request->lock);
        request->plan.complete(request, request->owner);
        pthread_mutex_lock(&request->lock);
    }
    return request->answered ? queue_answer(request, false) : suspend(request);
}

static enum MHD_Result advance(http_request *request) {
    pthread_mutex_lock(&request->lock);
    enum MHD_Result result = MHD_NO;
    if (!request->gone && !atomic_load(&request->connection->server->aborting))
        result = request->head_done ? advance_tail(request) : advance_head(request);
    pthread_mutex_unlock(&request->lock);
    return result;
}

static char *copy_text(char **room, span text) {
    char *at = *room;
    if (text.len) memcpy(at, text.data, text.len);
    at[text.len] = '\0';
    *room += text.len + 1;
    return at;
}

static span copy_span(char **room, span text) {
    return span_make(copy_text(room, text), text.len);
}

/* One block holds the request, its tables and all its texts: it may outlive the connection, whose memory the library
 * frees. */
static http_request *request_new(connection *c, const http_head *head) {
    size_t parameters = http_target_parameters(span_make(c->target, c->target_len));
    size_t text = head->method.len + 1 + c->target_len + 1 + HTTP_TARGET_ROOM(c->target_len);
    for (size_t i = 0; i < head->field_count; i++)
        text += head->fields[i].name.len + head->fields[i].value.len + 2;
    size_t tables = (head->field_count + parameters) * sizeof(http_field);
    http_request *request = xcalloc(1, sizeof *request + tables + text);
    request->fields = (http_field *)(request + 1);
    request->parameters = request->fields + head->field_count;
    char *room = (char *)(request->parameters + parameters);
    request->field_count = head->field_count;
    for (size_t i = 0; i < head->field_count; i++) {
        request->fields[i].name = copy_span(&room, head->fields[i].name);
        request->fields[i].value = copy_span(&room, span_trim(head->fields[i].value));
    }
    request->method = copy_span(&room, head->method);
    request->raw_target = copy_span(&room, span_make(c->target, c->target_len));
    pthread_mutex_init(&request->lock, NULL);
    request->connection = c;
    request->outcome = HTTP_ABORTED;
    request->body = BUF_MAX(0);
    request->body_fd = -1;
    request->tls = c->server->options.tls_certificate != NULL;
    memcpy(request->peer, c->peer, sizeof request->peer);
    /* What is left of the block is for the decoded target. */
    request->target.path = span_make(room, 0);
    return request;
}

/* Fills in what the head means; 0, or the status to refuse it with. */
static int understand(http_request *request, const char **why) {
    char *room = (char *)request->target.path.data;
    bool encoded_slash = request->connection->server->options.encoded_slash;
    *why = http_target_parse(request->raw_target, encoded_slash, room, request->parameters, &request->target);
    if (*why) return 400;
    request->framing.host = http_request_header(request, "Host");
    span authority = request->target.authority;
    bool asterisk = span_is(request->target.path, "*");
    if (authority.data && !http_name_equal(authority, request->framing.host)) {
        *why = "the target names another host than the Host header field";
        return 400;
    }
    if (asterisk && !span_is(request->method, "OPTIONS")) {
        *why = "the target * is for OPTIONS only";
        return 400;
    }
    return 0;
}

static enum MHD_Result refuse_head(connection *c, struct MHD_Connection *handle, int status, const char *why) {
    log_debug("http: refused a request from %s with %d: %s", c->peer, status, why);
    atomic_fetch_add(&c->server->refused, 1);
    c->linger = true;
    connection_enter(c, PHASE_SENDING);
    http_response *problem = http_problem(status, http_problem_name(status), http_status_title(status), why, NULL);
    struct MHD_Response *built = response_build(problem, NULL, true);
    enum MHD_Result result = MHD_queue_response(handle, (unsigned)status, built);
    MHD_destroy_response(built);
    return result;
}

static int check_head(
    connection *c, const http_head *head, http_field *fields, http_framing *framing, const char **why) {
    const char *folds_at = c->server->options.folds_at;
    if (head->size > c->server->options.head_bytes) {
        *why = "the header fields are too large";
        return 431;
    }
    if (folds_at && span_is(head->target, folds_at)) http_framing_unfold(head, fields);
    return http_framing_check(head, framing, why);
}

/* A head is complete. */
static enum MHD_Result begin(
    connection *c, struct MHD_Connection *handle, const char *method, const char *version, void **state) {
    http_field fields[HTTP_FIELDS_MAX] __attribute__((uninitialized)); /* filled as far as it is read */
    field_list list = {.fields = fields, .room = HTTP_FIELDS_MAX};
    MHD_get_connection_values_n(handle, MHD_HEADER_KIND, collect_field, &list);
    const union MHD_ConnectionInfo *size = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    http_head head = {.method = span_of(method), .target = span_make(c->target_at, c->target_len), .version = version};
    head.size = size ? size->header_size : 0;
    head.fields = fields;
    head.field_count = list.count;
    atomic_fetch_add(&c->served, 1);
    http_framing framing;
    const char *why = identity_fault(c, handle);
    int status = why ? 403 : check_head(c, &head, fields, &framing, &why);
    if (status) return refuse_head(c, handle, status, why);
    idle_note_head(c, method, head.size, framing.length);

    http_request *request = request_new(c, &head);
    request->handle = handle;
    request->framing = framing;
    request->body_base = method + head.size;
    status = understand(request, &why);
    if (status) {
        request_finish(request);
        return refuse_head(c, handle, status, why);
    }
    *state = request;
    request->owned = true;
    pthread_mutex_lock(&c->lock);
    c->request = request;
    pthread_mutex_unlock(&c->lock);
    atomic_fetch_add(&c->server->requests, 1);
    atomic_fetch_add(&c->server->running, 1);
    connection_enter(c, PHASE_WORKING);
    c->server->options.handler(c->server->options.context, request);
    return advance(request);
}

/* A piece of the body; false when the connection must close. */
static bool receive(http_request *request, span bytes) {
    connection *c = request->connection;
    bool starts_chunk = request->framing.chunked && bytes.data != request->body_base;
    if (starts_chunk && !http_chunk_line_fits(request->body_base, bytes.data)) request->refused_status = 400;
    if (!request->refused_status && request->mode == BODY_TAKEN) {
        atomic_fetch_add(&c->phase_bytes, bytes.len);
        if (body_receive(request, bytes)) return true;
    }
    if (!request->refused_status) return true;
    atomic_fetch_add(&c->server->refused, 1);
    c->linger = true;
    connection_answer_raw(c, request->refused_status);
    return false;
}

/* May the owner still be offered bytes? Without the lock of the request. */
static bool is_wanted(http_request *request) {
    pthread_mutex_lock(&request->lock);
    bool wanted = request->owned && !request->gone;
    request->flow_again = false;
    pthread_mutex_unlock(&request->lock);
    return wanted;
}

/* The owner did not take all: waits for it, unless it has said meanwhile that it takes more (then *again). */
static enum MHD_Result wait_for_owner(http_request *request, bool *again) {
    enum MHD_Result result = MHD_YES;
    pthread_mutex_lock(&request->lock);
    *again = request->flow_again || !request->owned;
    if (request->gone || atomic_load(&request->connection->server->aborting)) {
        *again = false;
        result = MHD_NO;
    } else if (!*again) {
        request->flow_full = true;
        connection_enter(request->connection, PHASE_WORKING); /* it is not the client who is slow */
        result = suspend(request);
    }
    pthread_mutex_unlock(&request->lock);
    return result;
}

/* Offers a piece to the owner. What it leaves stays with the library, which offers it again. */
static enum MHD_Result let_flow(http_request *request, span bytes, size_t *left) {
    connection *c = request->connection;
    bool starts_chunk = request->framing.chunked && !request->flow_full && bytes.data != request->body_base, again;
    if (starts_chunk && !http_chunk_line_fits(request->body_base, bytes.data)) request->refused_status = 400;
    request->flow_full = false;
    enum MHD_Result result = MHD_YES;
    do {
        size_t taken = body_flow(request, bytes, is_wanted(request));
        if (request->refused_status) {
            atomic_fetch_add(&c->server->refused, 1);
            c->linger = true;
            connection_answer_raw(c, request->refused_status);
            return MHD_NO;
        }
        atomic_fetch_add(&c->phase_bytes, taken);
        bytes = span_make(bytes.data + taken, bytes.len - taken);
        again = false;
        if (bytes.len > 0) result = wait_for_owner(request, &again);
    } while (again);
    *left = bytes.len;
    return result;
}

enum MHD_Result request_serve(void *context, struct MHD_Connection *handle, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **state) {
    (void)context, (void)url;
    http_request *request = *state;
    if (!request) return begin(connection_of(handle), handle, method, version, state);
    if (*size == 0) return advance(request);
    span bytes = span_make(data, *size);
    if (request->mode == BODY_FLOWS) return let_flow(request, bytes, size);
    *size = 0;
    return receive(request, bytes) ? MHD_YES : MHD_NO;
}

void *request_note_target(void *context, const char *target, struct MHD_Connection *handle) {
    (void)context;
    connection *c = connection_of(handle);
    size_t len = target ? strlen(target) : 0;
    if (len > c->target_room) {
        c->target = xrealloc(c->target, len);
        c->target_room = len;
    }
    if (len) memcpy(c->target, target, len);
    c->target_at = target;
    c->target_len = len;
    return NULL;
}

void request_completed(
    void *context, struct MHD_Connection *handle, void **state, enum MHD_RequestTerminationCode code) {
    http_server *server = context;
    connection *c = connection_of(handle);
    http_request *request = *state;
    *state = NULL;
    pthread_mutex_lock(&c->lock);
    c->request = NULL;
    pthread_mutex_unlock(&c->lock);
    connection_enter(c, PHASE_HEAD);
    if (!request) return;

    pthread_mutex_lock(&request->lock);
    request->handle = NULL;
    request->connection = NULL;
    request->stream = NULL;
    bool sent = code == MHD_REQUEST_TERMINATED_COMPLETED_OK && request->queued && !request->refused_status;
    request->outcome = sent ? HTTP_SENT : HTTP_ABORTED;
    bool owned = request->owned;
    if (owned && request->aborted) {
        request->aborting = true;
        pthread_mutex_unlock(&request->lock);
        request->aborted(request->owner);
        pthread_mutex_lock(&request->lock);
        request->aborting = false;
        owned = request->owned;
    }
    pthread_mutex_unlock(&request->lock);
    if (!owned) request_finish(request);

    if (atomic_fetch_sub(&server->running, 1) == 1 && atomic_load(&server->stopping)) {
        pthread_mutex_lock(&server->lock);
        pthread_cond_broadcast(&server->changed);
        pthread_mutex_unlock(&server->lock);
    }
}

void http_own(
    http_request *request, void *owner, void (*done)(void *owner, http_outcome outcome), void (*aborted)(void *owner)) {
    pthread_mutex_lock(&request->lock);
    request->owner = owner;
    request->done = done;
    request->aborted = aborted;
    pthread_mutex_unlock(&request->lock);
}

void *http_owner(const http_request *request) {
    return request->owner;
}

/* The owner lets the request out of its hands; false when it had not got it. With request->lock held, which this
 * releases when the request is over. */
static bool let_go(http_request *request, bool *over) {
    bool had = request->owned;
    request->owned = false;
    *over = had && !request->handle && !request->aborting;
    return had;
}

void http_respond(http_request *request, http_response *take) {
    bool over;
    pthread_mutex_lock(&request->lock);
    if (!let_go(request, &over)) {
        pthread_mutex_unlock(&request->lock);
        log_error("http: a request was answered that was not in its owner's hands");
        http_response_free(take);
        return;
    }
    request->answered = true;
    request->answer = take;
    if (request->handle) wake(request);
    pthread_mutex_unlock(&request->lock);
    if (over) request_finish(request);
}

/* The request stays where it is; only the library is let past the head. With request->lock held. */
static void begin_flow(http_request *request, const http_body_plan *plan) {
    request->plan = *plan;
    request->mode = BODY_FLOWS;
    if (request->handle) wake(request);
}

void http_body_go_on(http_request *request) {
    pthread_mutex_lock(&request->lock);
    request->flow_again = true;
    if (request->suspended && request->flow_full) {
        connection_enter(request->connection, PHASE_BODY);
        wake(request);
    }
    pthread_mutex_unlock(&request->lock);
}

void http_take_body(http_request *request, const http_body_plan *plan) {
    bool over;
    pthread_mutex_lock(&request->lock);
    if (plan->flow && request->mode == BODY_NONE && request->owned) {
        begin_flow(request, plan);
        pthread_mutex_unlock(&request->lock);
        return;
    }
    if (request->mode != BODY_NONE || !let_go(request, &over)) {
        pthread_mutex_unlock(&request->lock);
        log_error("http: the body of a request was taken that was not in its owner's hands");
        return;
    }
    request->plan = *plan;
    request->mode = BODY_TAKEN;
    request->body = BUF_MAX(plan->memory);
    if (request->handle) wake(request);
    pthread_mutex_unlock(&request->lock);
    if (over) request_finish(request);
}
