/* core/flow/offers.h: certificates offered to partners and by them (draft-meadors-certificate-exchange-14).
 *
 * A partner's new certificate arrives as a signed AS2 message. It is kept as an offer that waits until a person has
 * looked at it; then it joins the partner's certificates, where old and new hold together, and the partner is told.
 * What we offer is sent in the same way, and the partner's answer noted beside it. Offers are named state of the store:
 *
 *   {"id", "direction": "in"|"out", "connection", "partner", "request_id", "status": "waiting"|"accepted"|"refused",
 *    "uses": [...], "respond_by", "name" (ours, or the one it was accepted as), "certificate": PEM, "subject",
 * "issuer", "serial", "fingerprint", "key", "not_before", "not_after", "message", "at", "answered_at", "reason"}
 */
#ifndef BANYAN_CORE_FLOW_OFFERS_H
#define BANYAN_CORE_FLOW_OFFERS_H

#include "core/flow/engine.h"

#define OFFERS_CONTENT_TYPE "application/ediint-cert-exchange+xml"

/* Is a message of these documents about certificates? */
bool offers_are_in(const json_t *documents);

/* Sends the certificate of that name, of our keys, to the connection's partner. `uses` NULL: signatures and encryption;
 * else of digitalSignature, keyEncipherment, tlsClient, tlsServer. The offer, a new reference. */
typedef struct offer_order {
    const char *connection, *certificate, *who;
    const json_t *uses;
    int64_t respond_by_ms; /* 0: in a month */
} offer_order;
must_check error *offers_send(engine *e, const offer_order *order, json_t **offer);

/* All of them, newest first: an array. New reference. */
must_check error *offers_list(store *s, json_t **offers);

/* A person has decided on an offer of a partner's that waits. Accepted, its certificate becomes one of the partner's,
 * as `name` (NULL: made of the partner's name and the serial number), used to encrypt from `valid_from` on (NULL: from
 * its own begin). With faults nothing is changed. */
typedef struct offer_decision {
    const char *id, *who;
    bool accept;
    const char *reason;            /* of a refusal, for the partner; NULL: none */
    const char *name, *valid_from; /* of an acceptance */
} offer_decision;
must_check error *offers_decide(engine *e, const offer_decision *decision, json_t **offer, fault_list *faults);

#endif
