/* core/facade/reply.c: see reply.h. */
#include "core/facade/reply.h"

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/policies.h"
#include "core/facade/prefer.h"
#include "core/flow/estate_policy_settings.h"
#include "core/flow/template.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOOK_EVERY_MS = 100, PATH_ROOM = 2048, READ_BYTES_MAX = 8 * 1024 * 1024, WAITING_MAX = 10000 };

static const char event_kind[] = "reply expected";

/* A request that waits for its reply: between two looks, or in the hands of a courier's answer. */
typedef struct waiting {
    exchange *x;
    const estate_connection *connection;
    char path[PATH_ROOM];
    int64_t until_ms, wait_s;
    int64_t seen_size, seen_modified_ms; /* at the last look; -1: it was not there */
    bool removes;
} waiting;

static atomic_size_t count; /* how many wait */

static const json_t *settings_of(const estate_endpoint *endpoint) {
    return json_get_object(endpoint->body, "reply");
}

bool reply_expected(const exchange *x) {
    return x->target && settings_of(x->endpoint);
}

static const estate_connection *connection_of(const estate *e, const estate_endpoint *endpoint) {
    const char *name = json_get_text(settings_of(endpoint), "connection", NULL);
    return name ? estate_find_connection(e, name) : endpoint->legacy;
}

void reply_check(const estate *e, const estate_endpoint *endpoint, fault_list *faults) {
    const json_t *object = settings_of(endpoint);
    if (!object) return;
    const estate_connection *connection = connection_of(e, endpoint);
    const char *path = json_get_text(object, "path", "");
    if (!endpoint->legacy || !connection || !connection->adapter->read)
        policy_fault(
            faults, endpoint, "reply", error_new(ERROR_INVALID, "replies come from a connection that can be read"));
    policy_fault(faults, endpoint, "reply", error_wrap(template_check(path), "path"));
    if (!strstr(path, "{message.id}"))
        policy_fault(faults, endpoint, "reply",
            error_new(ERROR_INVALID, "path: must hold {message.id}, which tells whose reply it is"));
}

static error *path_of(const exchange *x, char path[PATH_ROOM]) {
    json_t *variables = json_copy(x->parameters);
    buf expanded = BUF_MAX(PATH_ROOM - 1);
    json_object_set_new(variables, "message", json_pack("{s:s}", "id", x->id));
    error *err = template_expand(json_get_text(settings_of(x->endpoint), "path", ""), variables, &expanded);
    if (!err) err = io_path_clean(buf_span(&expanded), path, PATH_ROOM);
    json_decref(variables);
    buf_free(&expanded);
    return err;
}

error *reply_announce(exchange *x, store_change *change) {
    char path[PATH_ROOM];
    error *err = path_of(x, path);
    if (err) return err;
    json_t *detail = json_pack("{s:s, s:s}", "connection", connection_of(x->estate, x->endpoint)->name, "path", path);
    store_add_event(change, x->id, event_kind, path, detail);
    json_decref(detail);
    return NULL;
}

/* ---- answering ---- */

static void answer_later(waiting *w) {
    exchange *x = w->x;
    char applied[32], link[96];
    http_response *response = answer_accepted(x->id, 202);
    http_response_header(response, "Retry-After", "5");
    if (w->wait_s > 0)
        snprintf(applied, sizeof applied, "wait=%lld", (long long)w->wait_s);
    else
        snprintf(applied, sizeof applied, "respond-async");
    http_response_header(response, "Preference-Applied", applied);
    snprintf(link, sizeof link, "</status/%s/reply>; rel=\"reply\"", x->id);
    http_response_header(response, "Link", link);
    free(w);
    exchange_respond(x, response);
}

static void after_removal(void *context, frame *reply, error *failure) {
    error *err = failure ? failure : frame_get_error(reply);
    (void)context;
    log_failure(LOG_WARNING, "a reply that was answered could not be removed", err);
}

static error *prepare_call(exchange *x, const waiting *w, frame_operation operation, worker_request *work) {
    json_t *head = NULL;
    error *err = call_courier_head(x->services->config, w->connection, &head);
    if (err) return err;
    json_put_text(head, "path", w->path);
    json_object_set_new(head, "inline_limit", json_integer(READ_BYTES_MAX));
    work->kind = WORKER_COURIER;
    work->lane = w->connection->name;
    work->deadline_ms = x->endpoint->timeout_ms;
    call_prepare(&work->call, operation, head, NULL);
    work->call.secret = true;
    return NULL;
}

static void remove_reply(exchange *x, const waiting *w) {
    worker_request work = {.done = after_removal};
    error *err = prepare_call(x, w, OPERATION_REMOVE, &work);
    if (err)
        error_free(err);
    else
        worker_pool_submit(x->services->pool, &work);
}

static void note_answer(exchange *x) {
    store_change *change = store_change_new();
    store_add_event(change, x->id, "answered", "answered by the reply", NULL);
    store_submit(x->services->store, change, NULL, NULL);
    x->untracked = true; /* the request's message is there already */
}

static void look(void *context);

static void look_again(waiting *w) {
    later_steps *l = w->x->services->later;
    if (!later_is_over(l) && clock_monotonic_ms() < w->until_ms) {
        later_run(l, LOOK_EVERY_MS, look, w);
        return;
    }
    atomic_fetch_sub(&count, 1);
    answer_later(w);
}

/* Who writes the reply may not be done: it counts when it is the same at two looks. */
static bool is_whole(waiting *w, const frame *reply) {
    json_t *head = NULL;
    error *err = frame_get_json(reply, &head);
    int64_t size = json_get_integer(head, "size", -1), modified_ms = json_get_integer(head, "modified_ms", -1);
    bool same = !err && size == w->seen_size && modified_ms == w->seen_modified_ms;
    w->seen_size = size;
    w->seen_modified_ms = modified_ms;
    error_free(err);
    json_decref(head);
    return same;
}

static void after_look(void *context, frame *reply, error *failure) {
    waiting *w = context;
    exchange *x = w->x;
    error *err = failure ? failure : frame_get_error(reply);
    if (err) {
        /* Not there yet; or the back-end cannot be read for the moment, which the deadline ends too. */
        error_free(err);
        look_again(w);
        return;
    }
    if (!is_whole(w, reply)) {
        look_again(w);
        return;
    }
    atomic_fetch_sub(&count, 1);
    x->answer.status = 200;
    x->answer.frame = *reply; /* its content moves */
    frame_init(reply, FRAME_REPLY, OPERATION_NONE, 0);
    span bytes = frame_get(&x->answer.frame, TAG_PAYLOAD, 0);
    x->answer.bytes = bytes.data ? bytes : SPAN("");
    x->answer.content_type = answer_content_type(w->path);
    if (w->removes) remove_reply(x, w);
    free(w);
    note_answer(x);
    exchange_answered(x);
}

static void look(void *context) {
    waiting *w = context;
    worker_request work = {.done = after_look, .context = w};
    error *err = later_is_over(w->x->services->later) ? error_new(ERROR_TIMEOUT, "the appliance stops")
                                                      : prepare_call(w->x, w, OPERATION_READ, &work);
    if (err) {
        error_free(err);
        look_again(w);
        return;
    }
    worker_pool_submit(w->x->services->pool, &work);
}

void reply_wait(exchange *x) {
    const json_t *object = settings_of(x->endpoint);
    int64_t within_ms = settings_integer(estate_reply_settings, object, "within"), wanted = prefer_wait(x->request);
    waiting *w = xcalloc(1, sizeof *w);
    w->x = x;
    w->connection = connection_of(x->estate, x->endpoint);
    w->seen_size = w->seen_modified_ms = -1;
    w->removes = settings_boolean(estate_reply_settings, object, "remove");
    if (wanted >= 0 && wanted * 1000 < within_ms) within_ms = wanted * 1000;
    w->wait_s = within_ms / 1000;
    w->until_ms = clock_monotonic_ms() + within_ms;
    error *err = path_of(x, w->path);
    error_free(err); /* the same as when it was announced */
    bool room = atomic_fetch_add(&count, 1) < WAITING_MAX;
    if (room && within_ms > 0 && !err) {
        later_run(x->services->later, 0, look, w);
    } else {
        atomic_fetch_sub(&count, 1);
        answer_later(w);
    }
}

/* ---- GET /status/{id}/reply ---- */

typedef struct late {
    const exchange_services *services;
    estate *estate;
    http_request *request;
    char id[ID_SIZE];
    char *caller, *path;
} late;

static void free_late(void *owner, http_outcome outcome) {
    late *l = owner;
    (void)outcome;
    estate_release(l->estate);
    free(l->caller);
    free(l->path);
    free(l);
}

static void not_there(late *l, const char *detail) {
    http_response *response = answer_problem(404, "not-found", "There is no reply", detail, NULL);
    http_response_header(response, "Retry-After", "5");
    http_respond(l->request, response);
}

static void after_late(void *owner, frame *reply, error *failure) {
    late *l = owner;
    error *err = failure ? failure : frame_get_error(reply);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        not_there(l, "It has not come yet; ask again when Retry-After is over.");
        return;
    }
    if (err) {
        http_respond(l->request, answer_failure(err, NULL));
        return;
    }
    span bytes = frame_get(reply, TAG_PAYLOAD, 0);
    http_response *response = http_response_new(200);
    http_response_header(response, "Content-Type", answer_content_type(l->path));
    http_response_header(response, "X-Content-Type-Options", "nosniff");
    http_response_header(response, "Cache-Control", "no-store");
    http_response_body_copy(response, bytes.data ? bytes : SPAN(""));
    http_respond(l->request, response);
}

/* Where it is, by the event; NULL connection: nowhere, or nobody of the caller's business. */
static error *find_reply(late *l, const estate_connection **connection) {
    json_t *message = NULL, *events = NULL;
    *connection = NULL;
    error *err = store_message_json(l->services->store, l->id, &message);
    const char *owner = json_get_text(message, "principal", NULL);
    bool his = !err && (!owner || (l->caller && strcmp(owner, l->caller) == 0));
    if (his) err = store_message_events(l->services->store, l->id, &events);
    const json_t *list = json_get_array(events, "events");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *event = json_array_get(list, i), *detail = json_get_object(event, "detail");
        if (strcmp(json_get_text(event, "kind", ""), event_kind) != 0 || !detail) continue;
        *connection = estate_find_connection(l->estate, json_get_text(detail, "connection", NULL));
        free(l->path);
        l->path = xstrdup(json_get_text(detail, "path", ""));
    }
    json_decref(message);
    json_decref(events);
    return err;
}

static void serve_late(void *context) {
    late *l = context;
    const estate_connection *connection = NULL;
    json_t *head = NULL;
    error *err = find_reply(l, &connection);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = NULL;
    }
    if (!err && connection) err = call_courier_head(l->services->config, connection, &head);
    if (err) {
        http_respond(l->request, answer_failure(err, NULL));
        return;
    }
    if (!connection) {
        not_there(l, "The address comes with the status of a request that waits for a reply.");
        return;
    }
    worker_request work = {.kind = WORKER_COURIER,
        .lane = connection->name,
        .deadline_ms = call_courier_deadline_ms(connection),
        .done = after_late,
        .context = l};
    json_put_text(head, "path", l->path);
    json_object_set_new(head, "inline_limit", json_integer(READ_BYTES_MAX));
    call_prepare(&work.call, OPERATION_READ, head, NULL);
    work.call.secret = true;
    worker_pool_submit(l->services->pool, &work);
}

void reply_serve(
    const exchange_services *services, estate *e, http_request *request, const char *id, const char *caller) {
    late *l = xcalloc(1, sizeof *l);
    l->services = services;
    l->estate = estate_hold(e);
    l->request = request;
    l->caller = caller ? xstrdup(caller) : NULL;
    http_own(request, l, free_late, NULL);
    if (!id_is_valid(span_of(id))) {
        not_there(l, "The address comes with the status of a request that waits for a reply.");
        return;
    }
    memcpy(l->id, id, sizeof l->id);
    blocking_run(services->blocking, serve_late, l);
}
