/* core/facade/back_end_file.c: see back_end_file.h. */
#include "core/facade/back_end_file.h"

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/facade/answer.h"
#include "core/facade/policies.h"
#include "core/worker/courier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES_MAX = 8 * 1024 * 1024, CHUNK = 64 * 1024, HEADERS_MAX = 2, TAG_ROOM = DIGEST_HEX_SIZE + 2 };

typedef struct file_call {
    const exchange_services *services;
    const estate_connection *connection;
    back_end_done *done;
    void *context;
    char *path;
    int64_t until_ms; /* monotonic */
    bool removes, may_be_file;
    bool bare; /* the courier is asked without settings and secrets, which it has from the request before */
    int fd;    /* where a large one goes; -1: it is not known to be large */
    back_end_answer answer;
} file_call;

static void end(file_call *c, error *failure) {
    c->done(c->context, failure ? NULL : &c->answer, failure);
    back_end_answer_free(&c->answer);
    io_close(&c->fd);
    free(c->path);
    free(c);
}

static void add_header(back_end_answer *answer, span name, const char *value) {
    if (!answer->memory) answer->memory = arena_new(1024);
    if (!answer->headers) answer->headers = arena_alloc(answer->memory, HEADERS_MAX * sizeof *answer->headers);
    answer->headers[answer->header_count++] =
        (http_field){.name = name, .value = span_of(arena_strdup(answer->memory, value))};
}

/* A time of this very second may yet be another's (RFC 9110 §8.8.2.2). */
static void add_last_modified(back_end_answer *answer) {
    char text[HTTP_DATE_SIZE];
    json_t *head = NULL;
    error *err = frame_get_json(&answer->frame, &head);
    int64_t modified = err ? 0 : json_get_integer(head, "modified_ms", 0);
    error_free(err);
    json_decref(head);
    if (modified <= 0 || modified / 1000 >= clock_wall_ms() / 1000) return;
    add_header(answer, SPAN("Last-Modified"), policy_http_date(modified, text));
}

/* ---- what is larger */

static error *digest_file(int fd, uint64_t *size, char hex[DIGEST_HEX_SIZE]) {
    unsigned char result[DIGEST_BYTES_MAX];
    char *chunk = xmalloc(CHUNK);
    digest *d = digest_new(DIGEST_SHA256);
    ssize_t len = 1;
    for (*size = 0; len > 0; *size += (uint64_t)(len > 0 ? len : 0)) {
        len = pread(fd, chunk, CHUNK, (off_t)*size);
        if (len > 0) digest_update(d, span_make(chunk, (size_t)len));
    }
    digest_finish(d, result);
    digest_hex(result, hex);
    free(chunk);
    return len < 0 ? error_from_errno(errno, "cannot read the temporary file") : NULL;
}

/* On a thread that may wait for a disk. */
static void answer_from_file(void *context) {
    file_call *c = context;
    char hex[DIGEST_HEX_SIZE], tag[TAG_ROOM];
    error *err = digest_file(c->fd, &c->answer.file_size, hex);
    if (!err) {
        snprintf(tag, sizeof tag, "\"%s\"", hex);
        add_header(&c->answer, SPAN("ETag"), tag);
        c->answer.in_file = true;
        c->answer.fd = c->fd;
        c->fd = -1;
    }
    end(c, err);
}

/* ---- the courier */

static void after_courier(void *owner, frame *reply, error *failure);

static void ask_courier(file_call *c) {
    json_t *head = NULL;
    int64_t left_ms = c->until_ms - clock_monotonic_ms();
    error *err = NULL;
    if (c->bare)
        head = call_courier_bare_head(c->connection);
    else
        err = call_courier_head(c->services->config, c->connection, &head);
    if (err) {
        end(c, err);
        return;
    }
    worker_request work = {
        .kind = WORKER_COURIER,
        .lane = c->connection->name,
        .deadline_ms = left_ms > 1 ? left_ms : 1,
        .reads_only = !c->removes,
        .done = after_courier,
        .context = c,
    };
    json_put_text(head, "path", c->path);
    json_object_set_new(head, "inline_limit", json_integer(READ_BYTES_MAX));
    call_prepare(&work.call, c->removes ? OPERATION_REMOVE : OPERATION_READ, head, NULL);
    work.call.secret = !c->bare;
    if (c->fd >= 0) frame_put_descriptor(&work.call, fcntl(c->fd, F_DUPFD_CLOEXEC, 0));
    worker_pool_submit(c->services->pool, &work);
}

/* The courier has no session, or the one that it had was no good any more: it gets all that it needs for a new one. */
static bool wants_settings(const file_call *c, const frame *reply, const error *err) {
    if (!c->bare) return false;
    if (err) return error_code_of(err) == ERROR_UNREACHABLE && error_wait_ms(err) == 0;
    json_t *head;
    error_free(frame_get_json(reply, &head));
    bool wants = json_get_bool(head, "wants_settings", false);
    json_decref(head);
    return wants;
}

/* Once more, into a file. */
static void read_into_file(file_call *c) {
    error *err = store_admit(c->services->store, READ_BYTES_MAX);
    if (!err) err = store_scratch_file(c->services->store, &c->fd);
    if (err)
        end(c, err);
    else
        ask_courier(c);
}

static void after_courier(void *owner, frame *reply, error *failure) {
    file_call *c = owner;
    error *err = failure ? failure : frame_get_error(reply);
    if (wants_settings(c, reply, err)) {
        error_free(err);
        c->bare = false;
        ask_courier(c);
        return;
    }
    if (err && error_code_of(err) == ERROR_LIMIT && c->may_be_file && c->fd < 0) {
        error_free(err);
        read_into_file(c);
        return;
    }
    if (err || c->removes) {
        end(c, err);
        return;
    }
    c->answer.frame = *reply; /* its content moves */
    frame_init(reply, FRAME_REPLY, OPERATION_NONE, 0);
    c->answer.content_type = answer_content_type(c->path);
    add_last_modified(&c->answer);
    if (c->fd >= 0) {
        blocking_run(c->services->blocking, answer_from_file, c);
        return;
    }
    span bytes = frame_get(&c->answer.frame, TAG_PAYLOAD, 0);
    if (bytes.data) c->answer.bytes = bytes;
    end(c, NULL);
}

void back_end_file_call(
    const exchange_services *services, const back_end_request *request, back_end_done *done, void *context) {
    span method = request->head.method;
    bool removes = span_is(method, "DELETE");
    error *err = removes || span_is(method, "GET") || span_is(method, "HEAD")
                     ? NULL
                     : error_new(ERROR_UNSUPPORTED, "a file answers GET, HEAD and DELETE only");
    if (!err && !request->file_path) err = error_new(ERROR_INVALID, "no path to read is named");
    if (err) {
        done(context, NULL, err);
        return;
    }
    file_call *c = xcalloc(1, sizeof *c);
    *c = (file_call){
        .services = services,
        .connection = request->target->connection,
        .done = done,
        .context = context,
        .path = xstrdup(request->file_path),
        .until_ms = clock_monotonic_ms() + request->timeout_ms,
        .removes = removes,
        .may_be_file = request->may_be_file && !removes,
        .bare = !removes,
        .fd = -1,
        .answer = {.status = removes ? 204 : 200, .bytes = SPAN("")},
    };
    frame_init(&c->answer.frame, FRAME_REPLY, OPERATION_NONE, 0);
    ask_courier(c);
}
