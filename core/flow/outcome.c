/* core/flow/outcome.c: see outcome.h. */
#include "core/flow/outcome.h"

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
static error *add_steps(store *kept, const char *id, story *s) {
    static const char *const told[] = {
        "received", "created", "delivered", "acknowledged", "rejected", "answered", "failed"};
    json_t *events = NULL;
    error *err = store_message_events(kept, id, &events);
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

static error *add_message(store *kept, const char *id, story *s) {
    json_t *message = NULL;
    error *err = store_message_json(kept, id, &message);
    if (!err) {
        const json_t *documents = json_get_array(message, "documents");
        note_status(s, json_get_text(message, "status", ""));
        for (size_t i = 0; i < json_array_size(documents); i++)
            json_array_append_new(s->documents, document_of(message, json_array_get(documents, i)));
        err = add_steps(kept, id, s);
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

error *outcome_of(store *kept, const json_t *message, json_t **out) {
    const char *id = json_get_text(message, "id", "");
    story s = {.documents = json_array(), .steps = json_array()};
    const json_t *children = json_get_array(message, "children");
    note_status(&s, json_get_text(message, "status", ""));
    error *err = add_steps(kept, id, &s);
    for (size_t i = 0; i < json_array_size(children) && !err; i++) {
        const json_t *child = json_array_get(children, i);
        err = add_message(kept, json_is_string(child) ? json_string_value(child) : json_get_text(child, "id", ""), &s);
    }
    if (!err) {
        *out = json_pack("{s:s, s:s, s:O, s:O, s:O}", "id", id, "state", state_of(&s), "created",
            json_object_get(message, "received_at"), "documents", s.documents, "steps", s.steps);
        json_t *reason = json_object_get(message, "reason");
        if (json_is_string(reason)) json_object_set(*out, "reason", reason);
    }
    json_decref(s.documents);
    json_decref(s.steps);
    return err;
}

bool outcome_is_final(const json_t *outcome) {
    static const char *const open[] = {"processing", "waiting"};
    for (size_t i = 0; i < 2; i++)
        if (strcmp(json_get_text(outcome, "state", ""), open[i]) == 0) return false;
    return true;
}
