/* adapters/as2/receipt.h: receipts (MDN): how they are asked for, built and read (RFC 4130 §7, RFC 3798, RFC 8098).
 *
 * A receipt is an entity of type multipart/report; when it is signed, that entity is the first part of
 * multipart/signed, whose frame (also for messages) is built here. Reading is in streams and lenient: parts are found
 * by type, fields in any spelling, and everything within limits. Used in couriers.
 */
#ifndef BANYAN_ADAPTERS_AS2_RECEIPT_H
#define BANYAN_ADAPTERS_AS2_RECEIPT_H

#include "adapters/as2/disposition.h"
#include "adapters/as2/mic.h"
#include "core/base/mime_multipart.h"

enum { AS2_RECEIPT_MAX = 256 * 1024, AS2_HUMAN_MAX = 16 * 1024, AS2_BOUNDARY_ROOM = 48, AS2_TEXT_ROOM = 1000 };

/* ---- asking: Disposition-Notification-To and -Options */
typedef struct as2_receipt_request {
    bool wanted, is_signed;
    bool protocol_known; /* pkcs7-signature, or none named */
    bool digest_known;   /* one of the listed algorithms is ours, or none is listed */
    digest_kind digest;  /* the first listed that is known; SHA-256 when none is listed */
} as2_receipt_request;

/* The presence of either field asks for a receipt, whatever it says (quirk 45). */
void as2_receipt_request_read(const mime_headers *headers, as2_receipt_request *request);

/* "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-256, sha1" */
void as2_receipt_options_write(const digest_kind *digests, size_t count, bool dashed, buf *text);

/* ---- building */
typedef struct as2_receipt {
    const char *reporting_agent;     /* "appliance.example; Banyan" */
    const char *final_recipient;     /* AS2 name of who received the message */
    const char *original_message_id; /* exactly as received */
    as2_outcome outcome;
    const char *mic;  /* as2_mic_write's text; NULL: the content was not reached */
    const char *text; /* for people; NULL: the rule's words */
} as2_receipt;

/* A new random boundary in `boundary`, which is returned. */
char *as2_boundary_new(char boundary[AS2_BOUNDARY_ROOM]);

/* The Content-Type of the report, and the body that belongs to it. A receipt to be signed is the entity: Content-Type
 * field, empty line, body. Control characters in the texts become blanks (E19). */
void as2_receipt_build(const as2_receipt *receipt, const char *boundary, buf *content_type, buf *body);

/* ---- the frame of multipart/signed: type, before the signed entity, behind it */
void as2_signed_frame(
    const char *boundary, const char *micalg, span signature, buf *content_type, buf *before, buf *behind);

/* ---- reading */
typedef struct as2_receipt_facts {
    bool complete; /* a machine part with a disposition was there */
    as2_disposition disposition;
    bool has_mic;
    as2_mic mic;                  /* len 0 when it could not be read */
    char mic_text[AS2_TEXT_ROOM]; /* as it stood */
    char original_message_id[AS2_TEXT_ROOM];
    char final_recipient[AS2_TEXT_ROOM], original_recipient[AS2_TEXT_ROOM]; /* without "rfc822;" and quotes */
    char reporting_agent[AS2_TEXT_ROOM];
    char details[AS2_TEXT_ROOM]; /* Error, Failure and Warning fields (RFC 8098 §3.2.7), separated by "; " */
    char human[AS2_HUMAN_MAX];   /* the text part */
} as2_receipt_facts;

typedef struct as2_receipt_reader as2_receipt_reader;

/* `content_type`: of a body whose header was read by HTTP; empty: the header stands before the body, as in the first
 * part of multipart/signed. */
must_check error *as2_receipt_reader_new(span content_type, as2_receipt_reader **out);
must_check error *as2_receipt_reader_write(as2_receipt_reader *reader, span piece);

/* ERROR_INVALID when it is no receipt. The facts live as long as the reader and are asked also after an error. */
must_check error *as2_receipt_reader_finish(as2_receipt_reader *reader);
const as2_receipt_facts *as2_receipt_reader_facts(const as2_receipt_reader *reader);
void as2_receipt_reader_free(as2_receipt_reader *reader);

/* Are these the same Message-ID? Angle brackets and blanks around do not count (quirk 41). */
bool as2_message_id_equal(span a, span b);

#endif
