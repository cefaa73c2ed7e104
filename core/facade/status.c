/* core/facade/status.c: see status.h. */
#include "core/facade/status.h"

#include "core/base/memory.h"
#include "core/facade/answer.h"

#include <stdlib.h>

typedef struct asking {
    store *store;
    http_request *request;
    char id[ID_SIZE];
    char *principal;
} asking;

static void free_asking(void *owner, http_outcome outcome) {
    asking *a = owner;
    (void)outcome;
    free(a->principal);
    free(a);
}

static bool may_see(const asking *a, const json_t *message) {
    const char *owner = json_get_text(message, "principal", NULL);
    if (!json_get_text(message, "endpoint", NULL)) return false;
    return !owner || (a->principal && strcmp(owner, a->principal) == 0);
}

/* What the caller is told of a document that went out for the request. */
static json_t *document_of(const json_t *message, const json_t *document) {
    json_t *one = json_object();
    static const char *const members[] = {"standard", "type", "control", "keys", "acknowledgement", "answers"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *value = json_object_get(document, members[i]);
        if (value) json_object_set(one, members[i], value);
    }
    json_object_set(one, "status", json_object_get(message, "status"));
    return one;
}

typedef struct story {
    json_t *documents, *steps;
    bool waiting, failed, rejected, working;
} story;

static void note_status(story *s, const char *status) {
    if (strcmp(status, "waiting") == 0) s->waiting = true;
    if (strcmp(status, "failed") == 0 || strcmp(status, "quarantined") == 0) s->failed = true;
    if (strcmp(status, "rejected") == 0) s->rejected = true;
    if (strcmp(status, "processing") == 0 || strcmp(status, "received") == 0) s->working = true;
}

/* The steps of one message; log lines and retries are the operator's. */
static error *add_steps(const asking *a, const char *id, story *s) {
    static const char *const told[] = {
        "received", "created", "delivered", "acknowledged", "rejected", "answered", "failed"};
    json_t *events = NULL;
    error *err = store_message_events(a->store, id, &events);
    const json_t *list = json_get_array(events, "events");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *event = json_array_get(list, i);
        for (size_t k = 0; k < sizeof told / sizeof *told; k++) {
            if (strcmp(json_get_text(event, "kind", ""), told[k]) != 0) continue;
            json_array_append_new(
                s->steps, json_pack("{s:O, s:O, s:O}", "at", json_object_get(event, "at"), "step",
                              json_object_get(event, "kind"), "text", json_object_get(event, "text")));
        }
    }
    json_decref(events);
    return err;
}

static error *add_message(const asking *a, const char *id, story *s) {
    json_t *message = NULL;
    error *err = store_message_json(a->store, id, &message);
    if (!err) {
        const json_t *documents = json_get_array(message, "documents");
        note_status(s, json_get_text(message, "status", ""));
        for (size_t i = 0; i < json_array_size(documents); i++)
            json_array_append_new(s->documents, document_of(message, json_array_get(documents, i)));
        err = add_steps(a, id, s);
    }
    json_decref(message);
    return err;
}

static const char *state_of(const story *s) {
    if (s->failed) return "failed";
    if (s->rejected) return "rejected";
    if (s->working) return "processing";
    return s->waiting ? "waiting" : "completed";
}

static error *tell(const asking *a, const json_t *message, http_response **response) {
    story s = {.documents = json_array(), .steps = json_array()};
    const json_t *children = json_get_array(message, "children");
    note_status(&s, json_get_text(message, "status", ""));
    error *err = add_steps(a, a->id, &s);
    for (size_t i = 0; i < json_array_size(children) && !err; i++) {
        const json_t *child = json_array_get(children, i);
        const char *id = json_is_string(child) ? json_string_value(child) : json_get_text(child, "id", "");
        err = add_message(a, id, &s);
    }
    if (!err) {
        json_t *body = json_pack("{s:s, s:s, s:O, s:O, s:O}", "id", a->id, "state", state_of(&s), "created",
            json_object_get(message, "received_at"), "documents", s.documents, "steps", s.steps);
        json_t *reason = json_object_get(message, "reason");
        if (json_is_string(reason)) json_object_set(body, "reason", reason);
        *response = http_response_take_text(200, "application/json", json_text(body, false));
        http_response_header(*response, "Cache-Control", "no-store");
        json_decref(body);
    }
    json_decref(s.documents);
    json_decref(s.steps);
    return err;
}

static void answer(void *context) {
    asking *a = context;
    json_t *message = NULL;
    http_response *response = NULL;
    error *err = id_is_valid(span_of(a->id)) ? store_message_json(a->store, a->id, &message) : NULL;
    if (!err && message && may_see(a, message)) err = tell(a, message, &response);
    json_decref(message);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = NULL;
    }
    if (err) response = answer_failure(err, NULL);
    if (!response)
        response = answer_problem(404, "not-found", "There is no such request",
            "The address comes with the answer to a request, in Location.", NULL);
    http_respond(a->request, response);
}

void status_start(store *s, blocking *b, http_request *request, const char *id, const char *caller) {
    asking *a = xcalloc(1, sizeof *a);
    a->store = s;
    a->request = request;
    a->principal = caller ? xstrdup(caller) : NULL;
    if (strlen(id) < sizeof a->id) memcpy(a->id, id, strlen(id) + 1);
    http_own(request, a, free_asking, NULL);
    blocking_run(b, answer, a);
}
