/* core/facade/as2_parts.h: large bodies on their way in, so that one that broke off goes on where it stopped
 * (draft-harding-as2-restart-02 §3).
 *
 * A partner names a transfer by an ETag of its own. While it comes its bytes go to a file of the spool that no row
 * names yet; when the connection breaks the file is put aside, for a day at most, also over a restart of the appliance,
 * and the partner may ask how much there is and send the rest. Nothing of it is a message, and nothing was promised: a
 * power cut may take it, and what comes together in the end is judged by its signature. Bytes kept belong to nobody who
 * has proved to be a partner: they are few, and the oldest make room. From any thread.
 */
#ifndef BANYAN_CORE_FACADE_AS2_PARTS_H
#define BANYAN_CORE_FACADE_AS2_PARTS_H

#include "core/store/store.h"

enum { AS2_TAG_MAX = 255 };

typedef struct as2_parts as2_parts;
typedef struct as2_part as2_part; /* one transfer, in the hands of one request */

as2_parts *as2_parts_new(store *s);
void as2_parts_free(as2_parts *parts);

/* Gives up all that nobody has in hand: the disk is needed for messages. True when there was any. */
bool as2_parts_give_up(as2_parts *parts);

/* How much of that transfer is here, 0: nothing. `connection` NULL: whosever it is. */
uint64_t as2_parts_received(as2_parts *parts, const char *connection, span tag);

/* Takes a transfer on behind its first `offset` bytes; what was there beyond them goes. With 0 it begins anew, and *out
 * may be NULL when there is no room: then the body comes without this. ERROR_NOT_FOUND: there are not so many bytes;
 * ERROR_CONFLICT: it is coming at this moment. */
must_check error *as2_parts_take(as2_parts *parts, const char *connection, span tag, uint64_t offset, as2_part **out);

/* The file, positioned where the next byte goes. */
int as2_part_file(const as2_part *part);

/* The body is complete: its writer leaves with it. */
payload_writer *as2_part_complete(as2_parts *parts, as2_part *take, int *fd);

/* It broke off: what came is kept. */
void as2_part_leave(as2_parts *parts, as2_part *take);

#endif
