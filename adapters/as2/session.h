/* adapters/as2/session.h: what the files of the adapter share: the open session, its keys and certificates. Private. */
#ifndef BANYAN_ADAPTERS_AS2_SESSION_H
#define BANYAN_ADAPTERS_AS2_SESSION_H

#include "adapters/as2/as2.h"
#include "adapters/as2/receipt.h"
#include "core/crypto/cms_read.h"
#include "core/crypto/cms_write.h"

enum { AS2_TRUST_MAX = 32 };

/* A key of ours or a certificate of the partner's, and from when to when it is used. */
typedef struct as2_trusted {
    const char *name;
    cms_identity *identity;       /* ours */
    cms_certificate *certificate; /* the partner's */
    int64_t from_ms, until_ms;    /* 0: open */
    bool signs, encrypts;
} as2_trusted;

struct adapter_session {
    const json_t *settings;
    const char *connection;
    as2_trusted keys[AS2_TRUST_MAX], certificates[AS2_TRUST_MAX];
    size_t key_count, certificate_count;
};

/* The one to send with: of those that are in use now the one that came into use last; NULL: none. */
const as2_trusted *as2_current(const as2_trusted *list, size_t count, bool to_sign);

/* Those whose use has not ended and, for one not begun yet, that may be early: old and new hold together. */
size_t as2_signers(const adapter_session *session, const cms_certificate *list[AS2_TRUST_MAX],
    const as2_trusted *which[AS2_TRUST_MAX]);
size_t as2_identities(
    const adapter_session *session, const cms_identity *list[AS2_TRUST_MAX], const as2_trusted *which[AS2_TRUST_MAX]);

/* "2027-01-31": until then, expired certificates of the partner are taken. */
bool as2_takes_expired(const adapter_session *session);

/* {form: {algorithm: base64}} of what was digested. New reference. */
json_t *as2_mics_json(const as2_mics *mics);

void as2_header(json_t *headers, const char *name, const char *value); /* [[name, value]…]; control characters go */
void as2_add_features(json_t *headers, const json_t *settings);        /* EDIINT-Features: what we can (RFC 6017) */

/* pack.c, unpack.c, answer.c */
error *as2_pack(adapter_session *session, const json_t *order, const adapter_source *payload, const adapter_sink *body,
    json_t **outcome);
error *as2_unpack(adapter_session *session, const json_t *order, const adapter_source *body,
    const adapter_sink *documents, json_t **outcome);

/* The receipt for an unpacked message, as {"headers", "body"}; NULL when it cannot be signed, with `why` set. */
typedef struct as2_answer {
    as2_outcome outcome;
    const char *mic, *text; /* NULL: none; NULL: the table's words */
    bool is_signed;
    digest_kind digest;
    const mime_headers *request;
    const char *from, *to; /* of the receipt: who we are, who they are */
} as2_answer;
must_check error *as2_answer_build(adapter_session *session, const as2_answer *answer, json_t **receipt);

#endif
