/* edi/charset.h: the character sets that UNB names (ISO 9735: element 0001): which characters they have, and which
 * Unicode characters their bytes are.
 */
#ifndef BANYAN_EDI_CHARSET_H
#define BANYAN_EDI_CHARSET_H

#include "core/base/span.h"

typedef enum edi_charset_kind {
    EDI_CHARSET_LEVEL_A, /* upper case letters, digits, some marks */
    EDI_CHARSET_LEVEL_B, /* and lower case letters */
    EDI_CHARSET_LATIN,   /* a part of ISO 8859 */
    EDI_CHARSET_UTF8,
    EDI_CHARSET_OTHER, /* with escape sequences, or two bytes a character: bytes are left alone */
} edi_charset_kind;

typedef struct edi_charset {
    char name[8]; /* "UNOA" */
    edi_charset_kind kind;
    const uint16_t *high; /* the characters 0xA0 to 0xFF, 0 for none; NULL: as in ISO 8859-1 */
} edi_charset;

/* NULL when the identifier is none of the standard's. */
const edi_charset *edi_charset_named(const char *identifier);

/* May this byte stand in a value? */
bool edi_charset_has(const edi_charset *charset, unsigned char c);

/* The Unicode character of a byte of a single-byte set (Latin-1 for NULL); 0 for none. */
unsigned edi_charset_character(const edi_charset *charset, unsigned char c);

#endif
