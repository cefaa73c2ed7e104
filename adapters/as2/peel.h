/* adapters/as2/peel.h: takes the layers off a received body, one pass, whatever their order. Private to the adapter.
 *
 * Bytes are pushed into the outermost layer; what a layer gives is an entity whose header names the next one. What the
 * sink of documents got is provisional until peel_finish has said yes.
 */
#ifndef BANYAN_ADAPTERS_AS2_PEEL_H
#define BANYAN_ADAPTERS_AS2_PEEL_H

#include "adapters/as2/session.h"

enum { PEEL_LAYERS_MAX = 5 /* the document is one */, PEEL_DOCUMENTS_MAX = 64, PEEL_WHY_ROOM = 400 };

typedef struct peel_options {
    adapter_session *session;
    const mime_headers *headers;   /* of the request or answer */
    unsigned kinds;                /* digests taken of each form; 0: those the headers name */
    bool explain;                  /* digests of forms that only help to explain, too */
    const adapter_sink *documents; /* where they go, one behind another */
} peel_options;

/* What was found; the JSON belongs to the peel. */
typedef struct peel_facts {
    as2_outcome outcome;
    char detail[PEEL_WHY_ROOM]; /* what no partner is told: "" mostly */
    char why[PEEL_WHY_ROOM];    /* in words; "" when there is nothing to add to the outcome's */
    as2_layers layers;
    as2_mics mics;
    json_t *layers_json, *documents;
    const char *signer; /* name of the certificate; NULL: none of ours */
    bool signature_good, expired;
    digest_kind signature_digest;
    unsigned missing_digest;     /* bit of the digest that a signature needs and that was not taken; 0: none */
    as2_receipt_reader *receipt; /* it is a receipt; else NULL */
} peel_facts;

typedef struct peel peel;

peel *peel_new(const peel_options *options);
/* An error is one of ours (a file cannot be written); what is wrong with the message is said by the facts. */
must_check error *peel_write(peel *p, span piece);
must_check error *peel_finish(peel *p);
const peel_facts *peel_result(const peel *p);
void peel_free(peel *p);

#endif
