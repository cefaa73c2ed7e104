/* core/facade/back_end.c: which back-end stands behind a kind of connection; files through couriers. */
#include "core/facade/back_end.h"

#include "core/base/memory.h"
#include "core/facade/answer.h"

#include <stdlib.h>

enum { READ_BYTES_MAX = 8 * 1024 * 1024 };

/* ---- files and SFTP: GET, HEAD and DELETE of one path ---- */

typedef struct file_call {
    back_end_done *done;
    void *context;
    const char *content_type; /* static */
    bool removes;
} file_call;

static void after_file(void *owner, frame *reply, error *failure) {
    file_call *c = owner;
    error *err = failure ? failure : frame_get_error(reply);
    back_end_answer answer = {.status = c->removes ? 204 : 200};
    if (!err && !c->removes) {
        span bytes = frame_get(reply, TAG_PAYLOAD, 0);
        answer.bytes = bytes.data ? bytes : SPAN("");
        answer.content_type = c->content_type;
        answer.frame = reply;
    }
    c->done(c->context, err ? NULL : &answer, err);
    free(c);
}

static void call_files(
    const exchange_services *services, const back_end_request *request, back_end_done *done, void *context) {
    const estate_connection *connection = request->target->connection;
    bool removes = span_is(request->method, "DELETE");
    json_t *head = NULL;
    error *err = removes || span_is(request->method, "GET") || span_is(request->method, "HEAD")
                     ? NULL
                     : error_new(ERROR_UNSUPPORTED, "a file answers GET, HEAD and DELETE only");
    if (!err && !request->path) err = error_new(ERROR_INVALID, "no path to read is named");
    if (!err) err = call_courier_head(services->config, connection, &head);
    if (err) {
        done(context, NULL, err);
        return;
    }
    file_call *c = xcalloc(1, sizeof *c);
    *c = (file_call){
        .done = done, .context = context, .content_type = answer_content_type(request->path), .removes = removes};
    worker_request work = {
        .kind = WORKER_COURIER,
        .lane = connection->name,
        .deadline_ms = request->timeout_ms,
        .done = after_file,
        .context = c,
    };
    json_put_text(head, "path", request->path);
    json_object_set_new(head, "inline_limit", json_integer(READ_BYTES_MAX));
    call_prepare(&work.call, removes ? OPERATION_REMOVE : OPERATION_READ, head, NULL);
    work.call.secret = true;
    worker_pool_submit(services->pool, &work);
}

static const back_end files = {.call = call_files, .accepts = true};

const back_end *back_end_of(const estate_connection *connection) {
    (void)connection;
    return &files;
}
