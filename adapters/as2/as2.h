/* adapters/as2/as2.h: the adapter of AS2 (RFC 4130): what the desk asks of it, and the rules of headers that both need.
 *
 * The desk speaks HTTP; a courier packs and unpacks. `pack` and `unpack` of adapter.h take and give JSON:
 *
 *   pack    order    {"message_id", "from", "to" (AS2 names), "filename", "content_type", "receipt_url"}
 *           outcome  {"headers": [[name, value]…], "layers": [{"kind", …}…], "signed", "encrypted", "compressed",
 *                     "mics": {form: {algorithm: base64}}, "ruled": form}
 *   unpack  order    {"from", "to" (whom we expect), "headers": [[name, value]…] as they came, "answer": bool (an
 * answer to a request of ours), "outcome": a disposition decided already: the body is not looked at, "text" and
 *                     "mic" go into the receipt} outcome
 * {"outcome", "level", "text", "layers", "signed", "encrypted", "compressed", "signer", "mics", "ruled", "mic":
 * "base64, sha-256", "documents": [{"offset", "length", "filename", "content_type", "content_id"}], "receipt":
 * {"headers": [[name, value]…], "body"} when one is wanted, "receipt_url", "answers": {…} when it is a receipt itself:
 * "disposition", "level", "original_message_id", "mic": {"algorithm", "value"}, "mic_text", "human", "details",
 * "agent"}
 *
 * A receipt's bytes are ours from the first to the last; what a partner wrote only ever stands in them on one line.
 */
#ifndef BANYAN_ADAPTERS_AS2_AS2_H
#define BANYAN_ADAPTERS_AS2_AS2_H

#include "adapters/adapter.h"
#include "adapters/as2/mic.h"

extern const adapter adapter_as2;

enum { AS2_NAME_MAX = 128, AS2_NAME_ROOM = 129, AS2_MESSAGE_ID_MAX = 998 };

/* A setting of a connection: its own, else its profile's, else the table's default (profile.c). NULL: none. */
const char *as2_text(const json_t *settings, const char *name);
bool as2_boolean(const json_t *settings, const char *name);
int64_t as2_integer(const json_t *settings, const char *name);

/* The value of AS2-From or AS2-To without its quotes and escapes; false when it is no AS2 name: empty, longer than 128
 * characters, or with characters outside of printable ASCII (RFC 4130 §6.2). */
must_check bool as2_name_read(span value, char name[AS2_NAME_ROOM]);
void as2_name_write(const char *name, buf *value); /* quoted when it must be */

/* Can this be a Message-ID: 1 to 998 visible characters (with or without brackets, quirk 41)? */
bool as2_message_id_is_valid(span id);

/* A form by its name in an outcome: "signed", "decrypted". */
const char *as2_form_name(as2_mic_form form);

/* What was decided of itself, by its name in an outcome ("decryption-failed"). */
const char *as2_outcome_name(int outcome);

#endif
