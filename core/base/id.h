/* core/base/id.h: identifiers of messages, jobs and requests.
 *
 * UUID version 7 (RFC 9562 §5.7): they sort by the time they were made, and 74 random bits keep them from being
 * guessed.
 */
#ifndef BANYAN_BASE_ID_H
#define BANYAN_BASE_ID_H

#include "core/base/span.h"

enum { ID_SIZE = 37 }; /* 36 characters and the terminator */

/* Writes a new id into `text` (ID_SIZE bytes) and returns it. Ids made by one process never decrease. */
char *id_new(char *text);

/* The 16 bytes of a UUID as text, which is returned. */
char *id_format(const unsigned char uuid[16], char *text);

/* Is this the text of a UUID, in lower case with its hyphens? */
bool id_is_valid(span text);

/* `size` random bytes from the kernel. */
void id_random(void *bytes, size_t size);

#endif
