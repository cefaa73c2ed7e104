/* adapters/as2/disposition.h: what a receipt says became of a message (RFC 4130 §7.4, RFC 8098 §3.2.6).
 *
 * One table holds every disposition we send and know: its words on the wire, other products' spellings, its level and
 * a sentence for people.
 */
#ifndef BANYAN_ADAPTERS_AS2_DISPOSITION_H
#define BANYAN_ADAPTERS_AS2_DISPOSITION_H

#include "core/base/buf.h"
#include "core/crypto/cms.h"

typedef enum as2_outcome {
    AS2_PROCESSED,
    AS2_AUTHENTICATION_FAILED,
    AS2_INTEGRITY_CHECK_FAILED,
    AS2_DECRYPTION_FAILED,
    AS2_DECOMPRESSION_FAILED,
    AS2_INSUFFICIENT_SECURITY,
    AS2_UNEXPECTED_ERROR,
    AS2_UNKNOWN_RELATIONSHIP,
    AS2_INVALID_MESSAGE_ID,
    AS2_DUPLICATE_FILENAME,
    AS2_ILLEGAL_FILENAME,
    AS2_AUTHENTICATION_WARNING,
    AS2_DUPLICATE_DOCUMENT,
    AS2_UNSUPPORTED_FORMAT,
    AS2_UNSUPPORTED_MIC,
    AS2_SENDER_IS_RECEIVER,
    AS2_OUTCOMES,
    AS2_OTHER = AS2_OUTCOMES /* read, but none of the table */
} as2_outcome;

typedef enum as2_level {
    AS2_LEVEL_ACCEPTED,
    AS2_LEVEL_WARNING, /* accepted all the same */
    AS2_LEVEL_ERROR,   /* not accepted: processed/error */
    AS2_LEVEL_FAILURE, /* could not be worked on: failed */
    AS2_LEVEL_UNCLEAR  /* the line cannot be understood */
} as2_level;

typedef struct as2_disposition_rule {
    as2_outcome outcome;
    as2_level level;
    const char *type, *modifier, *text; /* "processed", "error", "decryption-failed"; "" where there is none */
    const char *others;                 /* spellings of other products, separated by '|'; "" */
    const char *words;                  /* what it means, for people */
} as2_disposition_rule;

const as2_disposition_rule *as2_disposition_rule_of(as2_outcome outcome); /* not for AS2_OTHER */

/* "automatic-action/MDN-sent-automatically; processed/error: decryption-failed" */
void as2_disposition_line(as2_outcome outcome, buf *line);

enum { AS2_DISPOSITION_TEXT = 256 };

typedef struct as2_disposition {
    as2_outcome outcome;
    as2_level level;
    char text[AS2_DISPOSITION_TEXT]; /* behind the colon, as it stood, control characters as blanks */
} as2_disposition;

/* Reads any spelling: case, blanks and dashes do not matter, mode and semicolon may be missing. */
void as2_disposition_read(span line, as2_disposition *out);

/* What is answered to a fault of CMS. */
as2_outcome as2_outcome_of_fault(cms_fault fault);

#endif
