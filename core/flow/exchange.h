/* core/flow/exchange.h: messages that are exchanged over HTTP with receipts (AS2): what comes in, and what goes out.
 *
 * Couriers pack, unpack, sign and judge; here it is decided and recorded. The order of every commit is the reliability
 * research's 6.2 and 6.3: a message is accepted, its key claimed, its receipt and its evidence kept and its first job
 * queued in one transaction, and only then is anything answered; what goes out is kept, byte for byte, before the
 * first byte is sent. Blocking: for threads that may wait.
 */
#ifndef BANYAN_CORE_FLOW_EXCHANGE_H
#define BANYAN_CORE_FLOW_EXCHANGE_H

#include "core/flow/engine.h"

/* A request that a partner sent, with its body. */
typedef struct exchange_request {
    const estate *estate;
    const estate_connection *connection; /* whose it is; when the names are not known, any of that station */
    bool known;                          /* the pair of names is that connection's */
    const char *from, *to;               /* names as they were sent, without quotes */
    const json_t *headers;               /* [[name, value]…] */
    const char *peer;                    /* address */
    span body;                           /* in memory, or */
    payload_writer *spill;               /* in this file, not finished yet; taken */
    int fd;                              /* of `spill` */
    uint64_t size;
} exchange_request;

typedef struct exchange_reply {
    int status;
    json_t *headers; /* [[name, value]…]; NULL: none; owned */
    char *body;      /* NULL: none; owned */
} exchange_reply;

/* Takes what came and says what to answer. An error means that nothing was taken: the partner comes again. */
must_check error *exchange_take(engine *e, exchange_request *request, exchange_reply *reply);
void exchange_reply_free(exchange_reply *reply);

/* The evidence kept of a message, a new reference; ERROR_NOT_FOUND when it was not exchanged. */
must_check error *exchange_evidence(store *s, const char *message_id, json_t **evidence);

/* Examines a connection of this kind: keys, names, the way to the partner's server, and, with `exchange`, a small
 * document that is exchanged like any other. {"works", "checks": [{"name", "good", "text"}], "message": id}; a new
 * reference. Takes up to a minute. */
json_t *exchange_test(engine *e, const estate *snapshot, const estate_connection *connection, bool exchange);

#endif
