/* core/base/base64.h: base64 (RFC 4648 §4) and base64url (§5).
 *
 * Writing pads base64 and leaves base64url unpadded. Reading is strict: no other characters, no line ends, padding
 * right where it is required, and no bits set that are not part of a byte, so that every text stands for its bytes
 * alone.
 */
#ifndef BANYAN_BASE_BASE64_H
#define BANYAN_BASE_BASE64_H

#include "core/base/buf.h"

void base64_write(span bytes, buf *text);
void base64url_write(span bytes, buf *text);

/* False when the text is malformed; `bytes` may then hold a part. */
must_check bool base64_read(span text, buf *bytes);
must_check bool base64url_read(span text, buf *bytes); /* unpadded */

#endif
