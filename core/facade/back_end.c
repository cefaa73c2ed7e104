/* core/facade/back_end.c: which back-end stands behind a kind of connection; files through couriers. */
#include "core/facade/back_end.h"

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/back_end_http.h"
#include "core/facade/policies.h"

#include <stdlib.h>

enum { READ_BYTES_MAX = 8 * 1024 * 1024 };

/* ---- files and SFTP: GET, HEAD and DELETE of one path ---- */

typedef struct file_call {
    back_end_done *done;
    void *context;
    const char *content_type; /* static */
    bool removes;
} file_call;

/* A time of this very second may yet be another's (RFC 9110 §8.8.2.2). */
static void add_last_modified(back_end_answer *answer) {
    char text[HTTP_DATE_SIZE];
    json_t *head = NULL;
    error *err = frame_get_json(&answer->frame, &head);
    int64_t modified = err ? 0 : json_get_integer(head, "modified_ms", 0);
    error_free(err);
    json_decref(head);
    if (modified <= 0 || modified / 1000 >= clock_wall_ms() / 1000) return;
    answer->memory = arena_new(1024);
    answer->headers = arena_alloc(answer->memory, sizeof *answer->headers);
    answer->headers[answer->header_count++] = (http_field){.name = SPAN("Last-Modified"),
        .value = span_of(arena_strdup(answer->memory, policy_http_date(modified, text)))};
}

static void after_file(void *owner, frame *reply, error *failure) {
    file_call *c = owner;
    error *err = failure ? failure : frame_get_error(reply);
    back_end_answer answer = {.status = c->removes ? 204 : 200, .bytes = SPAN("")};
    frame_init(&answer.frame, FRAME_REPLY, OPERATION_NONE, 0);
    if (!err && !c->removes) {
        answer.frame = *reply; /* its content moves */
        frame_init(reply, FRAME_REPLY, OPERATION_NONE, 0);
        span bytes = frame_get(&answer.frame, TAG_PAYLOAD, 0);
        if (bytes.data) answer.bytes = bytes;
        add_last_modified(&answer);
        answer.content_type = c->content_type;
    }
    c->done(c->context, err ? NULL : &answer, err);
    back_end_answer_free(&answer);
    free(c);
}

static void call_files(
    const exchange_services *services, const back_end_request *request, back_end_done *done, void *context) {
    const estate_connection *connection = request->target->connection;
    bool removes = span_is(request->head.method, "DELETE");
    json_t *head = NULL;
    error *err = removes || span_is(request->head.method, "GET") || span_is(request->head.method, "HEAD")
                     ? NULL
                     : error_new(ERROR_UNSUPPORTED, "a file answers GET, HEAD and DELETE only");
    if (!err && !request->file_path) err = error_new(ERROR_INVALID, "no path to read is named");
    if (!err) err = call_courier_head(services->config, connection, &head);
    if (err) {
        done(context, NULL, err);
        return;
    }
    file_call *c = xcalloc(1, sizeof *c);
    *c = (file_call){
        .done = done, .context = context, .content_type = answer_content_type(request->file_path), .removes = removes};
    worker_request work = {
        .kind = WORKER_COURIER,
        .lane = connection->name,
        .deadline_ms = request->timeout_ms,
        .done = after_file,
        .context = c,
    };
    json_put_text(head, "path", request->file_path);
    json_object_set_new(head, "inline_limit", json_integer(READ_BYTES_MAX));
    call_prepare(&work.call, removes ? OPERATION_REMOVE : OPERATION_READ, head, NULL);
    work.call.secret = true;
    worker_pool_submit(services->pool, &work);
}

static const back_end files = {.call = call_files, .accepts = true};

/* ---- HTTP: any method, on the loop ---- */

static const back_end http = {.call = back_end_http_call, .passes = true};

const back_end *back_end_of(const estate_connection *connection) {
    return strcmp(connection->adapter->kind, "http") == 0 ? &http : &files;
}

void back_end_answer_free(back_end_answer *answer) {
    frame_clear(&answer->frame);
    arena_free(answer->memory);
    answer->memory = NULL;
}
