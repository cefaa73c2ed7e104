/* core/base/mime_decode.h: content transfer encodings in streams (RFC 2045 §6).
 *
 * Text is pushed in pieces of any size, bytes go to the sink; memory is constant, however long a line. Used by readers
 * of MIME in couriers; not thread-safe.
 */
#ifndef BANYAN_BASE_MIME_DECODE_H
#define BANYAN_BASE_MIME_DECODE_H

#include "core/base/buf.h"
#include "core/base/sink.h"

typedef enum mime_encoding {
    MIME_IDENTITY, /* 7bit, 8bit, binary, or not said: in AS2 all of them are the bytes as they stand */
    MIME_BASE64,
    MIME_QUOTED_PRINTABLE,
    MIME_UNKNOWN
} mime_encoding;

typedef enum mime_care {
    MIME_STRICT, /* base64 with line ends and blanks but nothing else; whole groups; nothing behind the padding (MI-05)
                  */
    MIME_LENIENT /* skips what is not of the alphabet, ends a group that was cut */
} mime_care;

/* By the value of Content-Transfer-Encoding; empty is MIME_IDENTITY. */
mime_encoding mime_encoding_named(span value);

typedef struct mime_decoder mime_decoder;

/* MIME_UNKNOWN is taken as MIME_IDENTITY: whoever cares asks before. */
mime_decoder *mime_decoder_new(mime_encoding encoding, mime_care care, const sink *bytes);

/* ERROR_INVALID for text that is not of the encoding; what the sink says. */
must_check error *mime_decoder_write(mime_decoder *decoder, span text);
must_check error *mime_decoder_finish(mime_decoder *decoder);
void mime_decoder_free(mime_decoder *decoder); /* NULL is fine */

/* base64 in lines of 76 characters and CRLF (RFC 2045 §6.8), the last line ended too. */
void mime_base64_lines(span bytes, buf *text);

#endif
