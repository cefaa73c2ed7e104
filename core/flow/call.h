/* core/flow/call.h: one request to a worker, waited for; and the control numbers that workers ask for.
 *
 * For the engine's runner threads, which may block. (The facade's loops may not: they use worker_pool_submit with a
 * function.)
 */
#ifndef BANYAN_CORE_FLOW_CALL_H
#define BANYAN_CORE_FLOW_CALL_H

#include "core/flow/config.h"
#include "core/worker/pool.h"

enum { CALL_TRANSLATOR_DEADLINE_MS = 15000 };

/* Sequences of control numbers, "X12/interchange/ZZ:BANYAN/01:123456789": read from the store once, counted here, and
 * raised in the store together with what used them. Thread-safe. */
typedef struct control_numbers control_numbers;

control_numbers *control_numbers_new(store *s);
void control_numbers_free(control_numbers *numbers);
must_check error *control_numbers_next(control_numbers *numbers, const char *sequence, uint64_t *number);

/* What a translator's call may ask for and what it has used; one a call. */
typedef struct call_scope {
    const estate *estate;          /* modules and tables */
    const estate_partner *partner; /* by whose schemas EDI is read; NULL: by the built-in ones */
    control_numbers *numbers;
    bool rehearsal; /* nothing is used up: control numbers begin at 1 in this call */
    json_t *used;   /* sequence → highest number given out; owned by the scope */
} call_scope;

void call_scope_begin(call_scope *scope, const estate *e, control_numbers *numbers);
void call_scope_end(call_scope *scope);
/* Raises in the store what the call used: part of the transaction that keeps its results. */
void call_scope_raise(const call_scope *scope, store_change *change);

/* Tells a translator in the head of a request which schemas hold. call_translator() does it. */
void call_scope_tell(const call_scope *scope, json_t *head);

/* For worker_request.ask, with a call_scope as context. */
error *call_answer(void *scope, const frame *question, frame *answer);

/* Takes `head`; the payload travels inline or as a duplicate of the view's descriptor (NULL: none). */
void call_prepare(frame *call, frame_operation operation, json_t *take_head, const payload_view *view);

/* To a translator, with what `scope` offers. Waits; fills `reply` (to be cleared by the caller) and *head, a new
 * reference, on success. With an error there may be a *head, too: the log of a script that failed. */
must_check error *call_translator(worker_pool *pool, call_scope *scope, frame_operation operation, json_t *take_head,
    const payload_view *view, frame *reply, json_t **head);

/* The head of every courier request: who it is for, with settings and secrets; more members are added by the caller. */
must_check error *call_courier_head(config *c, const estate_connection *connection, json_t **head);

/* Without settings and secrets, for a courier that may have its session; else it answers {"wants_settings": true}. New
 * reference. */
json_t *call_courier_bare_head(const estate_connection *connection);

/* To a connection's courier; takes the call. Waits, as call_translator. */
must_check error *call_courier(
    worker_pool *pool, const estate_connection *connection, frame *take_call, frame *reply, json_t **head);

/* What a courier that keeps its session is asked, again and again. */
typedef struct kept_call {
    frame_operation operation;
    const char *lane;            /* the connection's name, or begins with it */
    json_t *members;             /* of the head; borrowed */
    const payload_view *payload; /* NULL: none */
    int into;                    /* borrowed descriptor to write to; -1: none */
    uint64_t bytes;              /* to work on: the deadline grows with them */
} kept_call;

/* Asks without settings and secrets, and with them only a courier that has no session yet: reading and opening keys
 * costs more than most messages. Waits, as call_translator. */
must_check error *call_courier_kept(config *c, worker_pool *pool, const estate_connection *connection,
    const kept_call *call, frame *reply, json_t **head);

int64_t call_courier_deadline_ms(const estate_connection *connection);

/* Payload `place` of a reply (core/worker/attachment.h) as a payload of the store: what is large is copied to
 * the spool. */
must_check error *call_result_payload(store *s, frame *reply, const json_t *place, payload *out);

#endif
