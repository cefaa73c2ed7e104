/* core/facade/resource.c: see resource.h. Each step is one request to the connection's courier. */
#include "core/facade/resource.h"

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/facade/answer.h"
#include "core/facade/back_end_file.h"
#include "core/facade/policies.h"
#include "core/facade/resource_list.h"
#include "core/flow/estate_policy_settings.h"
#include "core/flow/template.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_ROOM = 2048, ENTRIES_MAX = 50000, TAG_ROOM = DIGEST_HEX_SIZE + 8 };

typedef struct errand {
    exchange *x;
    char path[PATH_ROOM]; /* of the file; of a listing the prefix, "" or with a slash at its end */
    bool there;           /* the file was, before the change */
    frame listing;        /* the courier's, while it is made a page of */
} errand;

static const json_t *settings_of(const exchange *x) {
    return json_get_object(x->endpoint->body, "files");
}

static bool stores_now(const exchange *x) {
    const json_t *files = settings_of(x);
    return files && strcmp(settings_text(estate_files_settings, files, "put"), "now") == 0;
}

static error *expand(const exchange *x, buf *out) {
    const char *template = x->target->path;
    if (!template) return error_new(ERROR_INVALID, "endpoint %s names no path", x->endpoint->route);
    return template_expand(template, x->parameters, out);
}

/* A template whose last variable is empty names the folder before it. */
static bool names_folder(const exchange *x, char path[PATH_ROOM]) {
    buf expanded = BUF_MAX(PATH_ROOM - 1);
    error *err = expand(x, &expanded);
    if (err) {
        const char *brace = x->target->path ? strrchr(x->target->path, '{') : NULL;
        bool open = brace && strstr(brace, "...}") && !brace[strcspn(brace, "}") + 1];
        error_free(err);
        buf_free(&expanded);
        if (!open || strchr(x->target->path, '{') != brace) return false;
        snprintf(path, PATH_ROOM, "%.*s", (int)(brace - x->target->path), x->target->path);
        return true;
    }
    snprintf(path, PATH_ROOM, "%s", buf_text(&expanded));
    buf_free(&expanded);
    size_t len = strlen(path);
    return len == 0 || path[len - 1] == '/';
}

static bool reads(const exchange *x) {
    return exchange_is(x, "GET") || exchange_is(x, "HEAD");
}

bool resource_takes(const exchange *x) {
    char path[PATH_ROOM];
    const json_t *files = settings_of(x);
    if (!files) return false;
    if (reads(x)) return settings_boolean(estate_files_settings, files, "list") && names_folder(x, path);
    if (exchange_is(x, "DELETE")) return http_request_header(x->request, "If-Match").data != NULL;
    return exchange_is(x, "PUT") && stores_now(x);
}

/* ---- asking the courier ---- */

static void finish(errand *e, http_response *take) {
    exchange *x = e->x;
    free(e);
    exchange_respond(x, take);
}

static void fail(errand *e, error *take) {
    exchange *x = e->x;
    free(e);
    exchange_fail(x, error_wrap(take, "connection %s", x->target->connection->name));
}

static void ask(errand *e, frame_operation operation, json_t *take_more, const payload_view *view,
    void (*done)(void *, frame *, error *)) {
    exchange *x = e->x;
    json_t *head = NULL;
    error *err = call_courier_head(x->services->config, x->target->connection, &head);
    if (err) {
        json_decref(take_more);
        fail(e, err);
        return;
    }
    json_object_update(head, take_more);
    json_decref(take_more);
    worker_request work = {
        .kind = WORKER_COURIER,
        .lane = x->target->connection->name,
        .deadline_ms = x->endpoint->timeout_ms,
        .done = done,
        .context = e,
    };
    call_prepare(&work.call, operation, head, view);
    work.call.secret = true;
    worker_pool_submit(x->services->pool, &work);
}

static error *outcome_of(frame *reply, error *failure) {
    return failure ? failure : frame_get_error(reply);
}

/* ---- listing ---- */

/* The same address with another cursor. */
static char *next_address(const exchange *x, const char *cursor) {
    span path = http_request_target(x->request), query = http_request_query(x->request), part;
    const char *mark = memchr(path.data, '?', path.len);
    buf address = BUF_MAX(16384);
    buf_add(&address, mark ? span_make(path.data, (size_t)(mark - path.data)) : path);
    buf_printf(&address, "?cursor=%s", cursor);
    while (query.data && span_split(&query, '&', &part)) {
        if (part.len == 0 || span_starts(part, SPAN("cursor="))) continue;
        buf_add_char(&address, '&');
        buf_add(&address, part);
    }
    return buf_take(&address, NULL);
}

static void answer_page(errand *e, json_t *take_page) {
    const char *next = json_get_text(take_page, "next", NULL);
    http_response *response = http_response_take_text(200, "application/json", json_text(take_page, false));
    http_response_header(response, "X-Content-Type-Options", "nosniff");
    if (next) {
        char *address = next_address(e->x, next), *link = xasprintf("<%s>; rel=\"next\"", address);
        http_response_header(response, "Link", link);
        free(link);
        free(address);
    }
    json_decref(take_page);
    exchange_track_answer(e->x, response, (span){NULL, 0}, NULL);
    finish(e, response);
}

static void make_page(void *owner) {
    errand *e = owner;
    json_t *head = NULL, *page = NULL;
    error *err = frame_get_json(&e->listing, &head);
    frame_clear(&e->listing);
    if (!err && json_get_bool(head, "more", false))
        err = error_new(ERROR_LIMIT, "the folder holds more than %d files", ENTRIES_MAX);
    if (err) {
        json_decref(head);
        fail(e, err);
        return;
    }
    err = resource_list_page(json_get_array(head, "entries"), e->path, e->x->request, &page);
    json_decref(head);
    if (!err) {
        answer_page(e, page);
        return;
    }
    json_t *errors =
        json_pack("[{s:s, s:s, s:s}]", "parameter", error_where(err), "in", "query", "detail", error_text(err));
    error_free(err);
    finish(e, http_problem_list(400, "parameters", "A parameter does not fit",
                  "errors tells which and why; /openapi.json describes them.", NULL, errors));
}

/* Tens of thousands of entries are sorted: not on a loop. */
static void after_list(void *owner, frame *reply, error *failure) {
    errand *e = owner;
    error *err = outcome_of(reply, failure);
    if (err) {
        fail(e, err);
        return;
    }
    e->listing = *reply; /* its content moves */
    frame_init(reply, FRAME_REPLY, OPERATION_NONE, 0);
    blocking_run(e->x->services->blocking, make_page, e);
}

static void start_list(errand *e) {
    char *pattern = xasprintf("%s*", e->path);
    json_t *more = json_pack("{s:s, s:i}", "pattern", pattern, "limit", ENTRIES_MAX);
    free(pattern);
    ask(e, OPERATION_LIST, more, NULL, after_list);
}

/* ---- changing ---- */

static void refuse(errand *e, int status, const char *name, const char *title, const char *detail) {
    finish(e, answer_problem(status, name, title, detail, NULL));
}

static void changed_meanwhile(errand *e) {
    refuse(e, 412, "changed-meanwhile", "It has changed meanwhile",
        "Read it again, look at what is new, and send If-Match with the ETag that comes with it.");
}

/* Is `tag` ("…" with its quotes) among those of an If-Match or If-None-Match field? */
static bool names_tag(span field, const char *tag) {
    span one;
    if (span_is(span_trim(field), "*")) return true;
    while (field.data && span_split(&field, ',', &one))
        if (span_is(span_trim(one), tag)) return true;
    return false;
}

static void after_publish(void *owner, frame *reply, error *failure) {
    errand *e = owner;
    exchange *x = e->x;
    char tag[TAG_ROOM];
    error *err = outcome_of(reply, failure);
    if (err && error_code_of(err) == ERROR_CONFLICT) {
        error_free(err);
        changed_meanwhile(e);
        return;
    }
    if (err) {
        fail(e, err);
        return;
    }
    http_response *response = http_response_new(e->there ? 204 : 201);
    snprintf(tag, sizeof tag, "\"%s\"", x->body.sha256);
    http_response_header(response, "ETag", tag);
    if (!e->there) http_response_header_span(response, "Location", http_request_target(x->request));
    exchange_track_answer(x, response, (span){NULL, 0}, "stored at once");
    finish(e, response);
}

/* Said in so many words; left out, PUT replaces, as it does everywhere (RFC 9110 §9.3.4). */
static bool keeps_what_is_there(const exchange *x) {
    const json_t *side = json_get_object(x->endpoint->body, x->side == SIDE_MODERN ? "modern" : "legacy");
    return strcmp(json_get_text(side, "if_exists", ""), "fail") == 0;
}

static void after_stage(void *owner, frame *reply, error *failure) {
    errand *e = owner;
    error *err = outcome_of(reply, failure);
    if (err) {
        fail(e, err);
        return;
    }
    /* It was not there a moment ago, and must not be replaced if it is now. */
    bool only_new =
        !e->there && (http_request_header(e->x->request, "If-None-Match").data || keeps_what_is_there(e->x));
    ask(e, OPERATION_PUBLISH,
        json_pack("{s:s, s:s, s:s}", "path", e->path, "identity", e->x->id, "if_exists", only_new ? "fail" : "replace"),
        NULL, after_publish);
}

static void store_now(errand *e) {
    span bytes;
    int fd;
    uint64_t size;
    error *err = exchange_open_body(e->x, &bytes, &fd, &size);
    if (err) {
        fail(e, err);
        return;
    }
    const payload_view view = {.size = size, .bytes = fd < 0 ? (char *)(uintptr_t)bytes.data : NULL, .fd = fd};
    ask(e, OPERATION_STAGE, json_pack("{s:s, s:s}", "path", e->path, "identity", e->x->id), &view, after_stage);
}

static void after_remove(void *owner, frame *reply, error *failure) {
    errand *e = owner;
    error *err = outcome_of(reply, failure);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        changed_meanwhile(e);
        return;
    }
    if (err) {
        fail(e, err);
        return;
    }
    http_response *response = http_response_new(204);
    exchange_track_answer(e->x, response, (span){NULL, 0}, NULL);
    finish(e, response);
}

static void write_tag(const back_end_answer *found, char tag[TAG_ROOM]) {
    char hex[DIGEST_HEX_SIZE];
    const http_field *given = http_find_field(found->headers, found->header_count, SPAN("ETag"));
    if (given)
        snprintf(tag, TAG_ROOM, "%.*s", (int)given->value.len, given->value.data);
    else
        snprintf(tag, TAG_ROOM, "\"%s\"", digest_sha256_hex(found->bytes, hex));
}

/* What is there now. */
static void after_look(void *owner, back_end_answer *found, error *failure) {
    errand *e = owner;
    exchange *x = e->x;
    char tag[TAG_ROOM] = "";
    if (failure && error_code_of(failure) != ERROR_NOT_FOUND) {
        fail(e, failure);
        return;
    }
    e->there = !failure;
    if (found) write_tag(found, tag);
    error_free(failure);
    span match = http_request_header(x->request, "If-Match"), none = http_request_header(x->request, "If-None-Match");
    if ((match.data && (!e->there || !names_tag(match, tag))) || (none.data && e->there && names_tag(none, tag)))
        changed_meanwhile(e);
    else if (exchange_is(x, "DELETE"))
        ask(e, OPERATION_REMOVE, json_pack("{s:s}", "path", e->path), NULL, after_remove);
    else if (e->there && keeps_what_is_there(x))
        refuse(e, 409, "conflict", "It exists already", "What is there is not replaced here; choose another name.");
    else
        store_now(e);
}

static void start_change(errand *e) {
    exchange *x = e->x;
    bool conditional =
        http_request_header(x->request, "If-Match").data || http_request_header(x->request, "If-None-Match").data;
    if (!conditional && settings_boolean(estate_files_settings, settings_of(x), "conditional")) {
        refuse(e, 428, "precondition-required", "Say what is to be replaced",
            "Send If-Match with the ETag of what you have read, or If-None-Match: * for a new file.");
        return;
    }
    const back_end_request look = {
        .target = x->target,
        .head = {.method = SPAN("GET")},
        .file_path = e->path,
        .body_fd = -1,
        .timeout_ms = x->endpoint->timeout_ms,
        .may_be_file = true,
    };
    back_end_file_call(x->services, &look, after_look, e);
}

void resource_start(exchange *x) {
    errand *e = xcalloc(1, sizeof *e);
    e->x = x;
    if (reads(x)) {
        (void)names_folder(x, e->path);
        start_list(e);
        return;
    }
    buf expanded = BUF_MAX(PATH_ROOM - 1);
    error *err = expand(x, &expanded);
    if (!err) err = io_path_clean(buf_span(&expanded), e->path, PATH_ROOM);
    buf_free(&expanded);
    if (!err) {
        start_change(e);
        return;
    }
    refuse(e, 404, "not-found", "There is no such resource", error_text(err));
    error_free(err);
}
