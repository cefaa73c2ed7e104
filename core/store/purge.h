/* core/store/purge.h: one step of store_purge, carried out on the writer thread: which messages lose their payload, or
 * go as a whole. Private to core/store.
 */
#ifndef BANYAN_CORE_STORE_PURGE_H
#define BANYAN_CORE_STORE_PURGE_H

#include "core/store/apply.h"

enum { PURGE_ROWS = 64 };

/* What one change removes. Whoever asks owns it and waits for the commit; then the files are removed. */
typedef struct purge_batch {
    bool whole;     /* messages; else payloads alone */
    int64_t before; /* wall ms */
    int64_t seqs[PURGE_ROWS];
    size_t count;
    char spools[PURGE_ROWS][40]; /* filled by the writer: files that no row names any more */
    size_t spool_count;
    size_t removed; /* filled by the writer */
} purge_batch;

#endif
