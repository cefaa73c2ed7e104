/* core/flow/outgoing.h: a message on its way out: its row, its documents, its delivery job, as part of the transaction
 * that makes it. */
#ifndef BANYAN_CORE_FLOW_OUTGOING_H
#define BANYAN_CORE_FLOW_OUTGOING_H

#include "core/flow/estate.h"
#include "core/store/store.h"

typedef struct outgoing {
    const estate_destination *destination;
    const char *parent;            /* message that it comes from; NULL: none */
    const char *flow, *endpoint;   /* what made it; NULL: not by one */
    const char *principal;         /* on whose behalf; NULL: the appliance's own */
    const char *script;            /* "name@hash"; NULL: none */
    const char *source_filename;   /* of the message it comes from; NULL: none */
    const json_t *source_document; /* {"type","control"…} that it was made of; NULL: none */
    const json_t
        *result; /* as the script gave it: "filename","content_type","vars","keys","documents"; NULL: as it came */
    estate_expectation expect;
    estate_retry retry;
    const char *why; /* first line of its timeline */
} outgoing;

/* Adds it all to `change`; the payload is taken on success. ERROR_INVALID when its path cannot be made. */
must_check error *outgoing_add(store_change *change, const outgoing *o, payload *p, char id[ID_SIZE]);

/* The same of a text that the appliance itself writes. */
must_check error *outgoing_add_text(store_change *change, const outgoing *o, store *kept, span text, char id[ID_SIZE]);

/* The delivery of message `id` to where it goes, under `path` there; content_type.data may be NULL. */
void outgoing_add_delivery(store_change *change, const estate_destination *destination, const estate_retry *retry,
    const char *id, const char *path, span content_type, int64_t now);

/* When a delivery to this connection runs: at once, or, when it is switched off, as soon as it is not. */
int64_t outgoing_due(const estate_connection *connection, int64_t now);

/* A document of an inspection or a script's outcome as a row; texts borrowed from `json`, id made new. */
store_document outgoing_document(const json_t *json, const char *message, int position);

/* Is it an acknowledgement (997, 999, TA1, CONTRL), which is never acknowledged itself? */
bool outgoing_is_acknowledgement(const char *type);

#endif
