/* core/flow/job_trace.c: see job_trace.h. */
#include "core/flow/job_trace.h"

#include "core/flow/work.h"

#include <stdio.h>
#include <string.h>

enum { GENERATIONS_MAX = 16 };

/* Where a message stands. */
typedef struct place {
    char root[ID_SIZE];                 /* the message that all came of */
    char owner[ID_SIZE];                /* whose processing is the parent */
    char traceparent[TRACEPARENT_SIZE]; /* of the request that brought the root; "": none */
} place;

static void id_digits(const char *id, char digits[TRACE_ID_SIZE]) {
    size_t len = 0;
    for (; *id && len < TRACE_ID_SIZE - 1; id++)
        if (*id != '-') digits[len++] = *id;
    digits[len] = '\0';
}

/* The span of a message's processing: the random half of its id. */
static void span_of_message(const char *id, char text[SPAN_ID_SIZE]) {
    char digits[TRACE_ID_SIZE];
    id_digits(id, digits);
    snprintf(text, SPAN_ID_SIZE, "%s", strlen(digits) == TRACE_ID_SIZE - 1 ? digits + 16 : "");
}

static error *find_traceparent(store *s, place *p) {
    json_t *events = NULL;
    error *err = store_message_events(s, p->root, &events);
    const json_t *list = json_get_array(events, "events");
    for (size_t i = 0; i < json_array_size(list) && !p->traceparent[0]; i++) {
        const json_t *detail = json_get_object(json_array_get(list, i), "detail");
        const char *text = json_get_text(detail, "traceparent", NULL);
        if (text && trace_is_valid(span_of(text))) snprintf(p->traceparent, sizeof p->traceparent, "%s", text);
    }
    json_decref(events);
    return err;
}

static error *find_place(store *s, const char *message, place *p) {
    error *err = NULL;
    *p = (place){.traceparent = ""};
    snprintf(p->root, sizeof p->root, "%s", message);
    for (int up = 0; up < GENERATIONS_MAX && !err; up++) {
        json_t *json = NULL;
        err = store_message_json(s, p->root, &json);
        const char *parent = json_get_text(json, "parent", NULL);
        bool outgoing = strcmp(json_get_text(json, "direction", ""), "out") == 0;
        if (up == 0) snprintf(p->owner, sizeof p->owner, "%s", parent && outgoing ? parent : message);
        if (parent) snprintf(p->root, sizeof p->root, "%s", parent);
        bool is_root = !parent;
        json_decref(json);
        if (is_root) break;
    }
    return err ? err : find_traceparent(s, p);
}

static void make_context(const engine *e, const claimed_job *job, const place *p, trace_context *context) {
    trace_begin(e->options.tracing, span_of(p->traceparent), context); /* the span's id is drawn here */
    if (!p->traceparent[0]) {
        id_digits(p->root, context->trace);
        context->sampled = trace_is_drawn(e->options.tracing, context->trace);
    }
    bool brought = strcmp(p->owner, p->root) == 0;
    bool processes = strcmp(job->kind, "process") == 0 && job->attempt <= 1;
    if (processes) span_of_message(job->message, context->span);
    if (processes || (brought && p->traceparent[0])) return; /* below the request, or nothing */
    span_of_message(p->owner, context->parent);
}

static void name_step(const claimed_job *job, trace_span *s) {
    const char *what = json_get_text(job->detail, "flow", job->connection);
    snprintf(s->name, sizeof s->name, "%s%s%s", job->kind, *what ? " " : "", what);
    snprintf(s->message, sizeof s->message, "%s", job->message);
    snprintf(s->flow, sizeof s->flow, "%s", json_get_text(job->detail, "flow", ""));
    bool own = strcmp(job->kind, "process") == 0 || strcmp(job->kind, "translate") == 0 || !job->connection[0];
    s->kind = own ? TRACE_INTERNAL : TRACE_CLIENT;
    if (!own) snprintf(s->peer, sizeof s->peer, "%s", job->connection);
}

/* False when the message was removed meanwhile. */
static bool look(engine *e, const claimed_job *job, job_trace *t) {
    place p;
    if (t->looked) return t->traceparent[0] != '\0';
    t->looked = true;
    error *err = find_place(e->options.store, job->message, &p);
    if (err) {
        error_free(err);
        return false;
    }
    memcpy(t->traceparent, p.traceparent, sizeof t->traceparent);
    if (!e->options.tracing) return t->traceparent[0] != '\0';
    make_context(e, job, &p, &t->context);
    trace_write(&t->context, t->traceparent);
    return true;
}

const char *job_trace_parent(engine *e, const claimed_job *job, job_trace *t) {
    return look(e, job, t) ? t->traceparent : NULL;
}

void job_trace_add(engine *e, const claimed_job *job, job_trace *t, bool failed) {
    if (!e->options.tracing || !job->message[0] || !look(e, job, t)) return;
    trace_span s = {.context = t->context, .start_ns = t->start_ns, .step = true, .failed = failed};
    s.end_ns = tracing_now_ns();
    s.attempt = job->attempt;
    name_step(job, &s);
    tracing_add(e->options.tracing, &s);
}
