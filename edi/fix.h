/* edi/fix.h: repairs what has only one repair: counts and references of trailers, missing trailers, the padding of ISA,
 * a missing last terminator. Nothing else is touched, not even line breaks. A file that ends inside a segment has lost
 * what nobody can make up: it gets no trailers.
 */
#ifndef BANYAN_EDI_FIX_H
#define BANYAN_EDI_FIX_H

#include "core/base/buf.h"
#include "edi/validate.h"

typedef struct edi_change {
    uint64_t offset;              /* in the file as it was */
    uint64_t length;              /* bytes replaced */
    edi_fault fault;              /* what it repairs */
    char before[128], after[128]; /* shortened for people */
} edi_change;

typedef struct edi_changes {
    edi_change *list;
    size_t count, room;
} edi_changes;

/* Appends the repaired file to `out`. */
must_check error *edi_fix(span file, edi_library *library, buf *out, edi_changes *changes);
void edi_changes_free(edi_changes *changes);

#endif
