/* core/store/audit.h: the chain of hashes over the audit log.
 *
 * hash(n) = SHA-256(hash(n-1) | record(n)), the first one over 32 zero bytes. The record is one text of its fields,
 * each with its length in front, so that no two different records give the same bytes:
 * "seq:at:" then for who, what, object, detail "<length>:<text>," or "-," for none.
 */
#ifndef BANYAN_CORE_STORE_AUDIT_H
#define BANYAN_CORE_STORE_AUDIT_H

#include "core/base/digest.h"

typedef struct audit_record {
    int64_t seq, at;
    const char *who, *what, *object, *detail; /* NULL: none */
} audit_record;

/* `hash` holds the one before and gets the new one. */
void audit_hash(const digest_functions *digest, const audit_record *record, unsigned char hash[DIGEST_SIZE]);

#endif
