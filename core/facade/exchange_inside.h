/* core/facade/exchange_inside.h: an exchange as the files that work on it see it: its steps (exchange.c, script.c,
 * accept.c, track.c), the back-ends and the policies. Nobody else includes it.
 *
 * Whoever has the exchange in its hands does one thing with it in the end: passes it to the next step, or answers.
 * After exchange_respond, exchange_refuse and exchange_fail it belongs to the server and may be gone.
 */
#ifndef BANYAN_CORE_FACADE_EXCHANGE_INSIDE_H
#define BANYAN_CORE_FACADE_EXCHANGE_INSIDE_H

#include "core/facade/back_end.h"
#include "core/facade/exchange.h"
#include "core/flow/guard.h"
#include "core/worker/attachment.h"

struct exchange {
    const exchange_services *services;
    routes *routes; /* held */
    estate *estate; /* of the routes */
    const route_plan *plan;
    const estate_endpoint *endpoint; /* of the plan */
    http_request *request;
    json_t *parameters;        /* of the path, then what the request script adds */
    char *caller;              /* who calls; NULL: nobody known */
    char address[48];          /* from where, seen past our own proxies */
    json_t *claims;            /* of the token that was found good; NULL: none */
    int64_t daily_requests;    /* the quota of the caller's key; 0: none */
    bool own_credentials;      /* the Authorization field was for us: it is not passed on */
    bool whole_answer;         /* a policy needs the back-end's answer in one piece: it does not pass as it comes */
    store_change *with_answer; /* of a policy: durable before the answer goes out; NULL: nothing */
    bool untracked;            /* a policy decided that this request leaves no message (health checks, cache hits) */
    char id[ID_SIZE];          /* of the message that the request becomes; also the request's id towards back-ends */
    int64_t started_at;        /* wall time, ms */
    size_t step;               /* of the policies, while they run */
    bool body_there;           /* the policies that run are those on the body */
    bool back_end_failed;
    guard_ticket guard;               /* of the back-end that is being asked */
    const estate_destination *target; /* the back-end that answers this request; NULL: none */
    const char *script;               /* of that side; NULL: bodies pass as they are */
    traffic_side side;                /* legacy, unless the switch says otherwise */
    bool called;                      /* the back-end was asked */
    bool shadowed;                    /* the other side will be asked too */
    int64_t began_ms;                 /* monotonic: when the side was chosen */
    int64_t called_ms;                /* monotonic: when the back-end was called first */
    int repeats;                      /* how often it was called again */
    struct exchange_trace *trace;     /* while requests are traced; NULL: they are not */
    call_scope scope;
    payload_writer *spill; /* while a large body comes in */
    payload body;          /* as it came, once body_there */
    payload_view view;     /* of a body that lies in a file, opened by exchange_open_body */
    frame outcome_frame;   /* of the request script, with its payloads */
    json_t *outcome;
    json_t *call_answers; /* of the systems that the script in hand called; NULL: none */
    back_end_answer answer;
    struct pass *pass;      /* while bodies pass as they come */
    http_field *shaped;     /* header fields that the request script changed */
    attachment shaped_body; /* its body, when it made one */
    void *memory[];         /* each policy's own, by its place in the chain; freed in on_end */
};

/* ---- for policies ---- */

/* Ends the exchange with this answer, after the policies' on_answer. Takes the response. */
void exchange_respond(exchange *x, http_response *take);
/* The same with a problem, and the request is tracked as rejected (4xx) or failed (5xx). */
void exchange_refuse(exchange *x, int status, const char *name, const char *title, const char *detail);
/* After POLICY_LATER: the policy is content. From any thread. */
void exchange_go_on(exchange *x);
/* Who calls, once known. */
void exchange_set_caller(exchange *x, const char *name);
/* The body, in on_body and later: bytes when it is small enough to lie in memory, else {NULL, 0} and a file that
 * payload_view_of(x->services->store, &x->body, …) opens. */
span exchange_body(const exchange *x);
/* This policy's own pointer in x->memory, by its prepared value. */
void **exchange_memory(exchange *x, const policy *p);

/* ---- steps ---- */

/* The collected body as bytes or a file in x->view; may read a file, so not on a loop when it is large. */
must_check error *exchange_open_body(exchange *x, span *bytes, int *fd, uint64_t *size);

bool exchange_is(const exchange *x, const char *method);
uint64_t exchange_body_limit(const exchange *x); /* bytes: its endpoint's own, or the appliance's */
bool exchange_keeps_nothing(const exchange *x);  /* GET, HEAD, DELETE: no body that would have to be kept */
void exchange_fail(exchange *x, error *take);    /* answers with what becomes of the error, and tracks it */

/* script.c: runs the script's function on the request, then exchange_call_back_end; or on x->answer, then answers. */
void exchange_run_request_script(exchange *x);
void exchange_run_response_script(exchange *x);
/* The call of a script's function on this request; takes `extra`, more members of the message. New reference. */
json_t *exchange_script_call(const exchange *x, const char *function, const char *script, json_t *take_extra);
/* What the request script said of the request to the back-end: body, content type, header fields; without a script the
 * body as it came. */
must_check error *exchange_shape_request(exchange *x, back_end_request *request);
void exchange_call_back_end(exchange *x);
/* x->answer is there: the response script, or the answer as it is. */
void exchange_answered(exchange *x);
void exchange_answered_as_is(exchange *x);

/* accept.c: the request becomes a durable message with its delivery; answers 202. */
void exchange_accept(exchange *x);

/* track.c: messages in the store, as far as the endpoint's `track` wants them. */
void exchange_add_message(
    exchange *x, store_change *change, message_status status, const char *reason, const estate_connection *goes_by);
void exchange_track_refusal(exchange *x, message_status status, const char *reason);
void exchange_track_scripted(exchange *x); /* the script answered by itself */
void exchange_track_answer(exchange *x, const http_response *response, span bytes, const char *how);

#endif
