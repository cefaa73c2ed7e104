/* core/flow/exchange_parts.h: what the files of exchanges share. Private to core/flow. */
#ifndef BANYAN_CORE_FLOW_EXCHANGE_PARTS_H
#define BANYAN_CORE_FLOW_EXCHANGE_PARTS_H

#include "core/flow/call.h"
#include "core/flow/exchange.h"
#include "core/flow/work.h"
#include "core/http/client.h"

enum { EXCHANGE_INLINE = 48 * 1024, EXCHANGE_TEXT = 700 };

/* ---- post.c: one POST, by a client that keeps its connections for the next */
struct posters *posters_new(void);
void posters_free(struct posters *p);

typedef struct post_order {
    const estate_connection *connection; /* its credentials, certificates, time-outs */
    const char *url;
    const json_t *headers; /* [[name, value]…] */
    span body;             /* or */
    int fd;                /* -1: none */
    uint64_t size, offset; /* of the file; from where on it is sent */
    bool own_server;       /* the connection's own address: with its credentials */
    const char *method;    /* GET or HEAD: only to look, without a body; NULL: POST */
    bool public_only;      /* only public addresses may be called */
    bool fresh;            /* on a new connection; http_call */
} post_order;

must_check error *post(engine *e, const post_order *order, http_answer *answer);

/* [[name, value]…] of an answer. New reference. */
json_t *post_headers(const http_answer *answer);

/* May a receipt be sent there: the connection's own host, or one that it names? *any: it was by "*". */
bool post_is_allowed(const estate_connection *connection, const char *url, bool *any);

/* ---- exchange_restart.c: messages that broke off and go on */
struct peers *peers_new(void);
void peers_free(struct peers *p);

/* EDIINT-Features, as a partner sends it: what he can do; {NULL, 0}: he does not say. */
void peers_note(engine *e, const estate_connection *connection, span features);

/* May a transfer to this partner be named, and gone on with? */
bool restart_is_on(engine *e, const estate_connection *connection);

char *restart_tag(const char *message); /* the ETag of its transfer; owned by the caller */

/* Asks how much of the transfer is there: from where on to send. */
uint64_t restart_offset(engine *e, const post_order *whole, const char *tag);

/* The fields of the request with those that name the transfer, and its part. New reference. */
json_t *restart_headers(const json_t *headers, const char *tag, uint64_t offset, uint64_t size);

/* ---- exchange.c */

void exchange_put_json(store *s, store_change *change, const char *id, const char *kind, const json_t *value);

/* Asks one of the connection's couriers; lane and members are filled in. */
must_check error *exchange_courier(engine *e, const estate_connection *connection, const kept_call *call,
    json_t *take_order, frame *reply, json_t **told);

/* Unpacks a body. `into`: a file for the documents, borrowed; -1: they come inline with the reply. */
must_check error *exchange_unpack(engine *e, const estate_connection *connection, json_t *take_order,
    const payload_view *body, int into, frame *reply, json_t **told);

/* Bytes in memory as such a body; borrowed, so never closed. */
payload_view exchange_inline(span body);

/* "as2-out/BANYAN/ACME": where our Message-IDs are claimed; "as2-in/…" the partner's. */
char *exchange_scope(const estate_connection *connection, bool outgoing);

/* ---- receipt.c: what a partner's receipt means for a message of ours */
typedef enum receipt_meaning {
    RECEIPT_GOOD,
    RECEIPT_NEGATIVE,  /* the partner refused it: no resend */
    RECEIPT_MISMATCH,  /* it answers other bytes, or is not what the agreement wants: no resend */
    RECEIPT_UNTRUSTED, /* not the partner's signature: changes nothing by itself */
    RECEIPT_NONE       /* not a receipt, or of another message */
} receipt_meaning;

typedef struct receipt_verdict {
    receipt_meaning meaning;
    char text[EXCHANGE_TEXT];
} receipt_verdict;

/* How it came: its header fields, [[name, value]…], and whether on its own way rather than in the answer. */
typedef struct receipt_context {
    const char *message_id; /* ours */
    const json_t *headers;
    bool own_way;
} receipt_context;

void receipt_judge(const estate_connection *connection, const json_t *evidence, const json_t *told,
    const receipt_context *context, receipt_verdict *verdict);

/* Adds to `change` what follows for the message: its acknowledgement, status, event, evidence, the receipt itself. */
void receipt_close(engine *e, store_change *change, const json_t *message, json_t *evidence, const json_t *told,
    const json_t *headers, span body, const receipt_verdict *verdict);

#endif
