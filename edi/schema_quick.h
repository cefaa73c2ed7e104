/* edi/schema_quick.h: the places of segments as the quick look at values wants them (check_plain.c): a few bytes a
 * place, side by side, and codes to be found by one comparison. Made from the compiled schema; says no more than it.
 */
#ifndef BANYAN_EDI_SCHEMA_QUICK_H
#define BANYAN_EDI_SCHEMA_QUICK_H

#include "core/base/memory.h"
#include "edi/schema.h"
#include "edi/tokens.h"

typedef enum edi_quick_kind {
    EDI_QUICK_TEXT,
    EDI_QUICK_COMPOSITE,
    EDI_QUICK_ALPHA,
    EDI_QUICK_DIGITS,
    EDI_QUICK_DECIMAL,
    EDI_QUICK_DATE,
    EDI_QUICK_TIME,
    EDI_QUICK_NEVER, /* nothing that stands here is plainly right */
} edi_quick_kind;

/* Codes of at most eight bytes, packed, in a table with free places between them. */
typedef struct edi_code_keys {
    unsigned shift;
    uint64_t slots[]; /* 0: free */
} edi_code_keys;

typedef struct edi_quick {
    unsigned char kind;  /* edi_quick_kind */
    bool digits;         /* digits alone are its usual case */
    bool moment;         /* what is right so far is to be a date or a time */
    bool dated;          /* a composite of a date (2380) and its format, in places 2 and 3 */
    unsigned min, range; /* lengths: the shortest, and how much longer it may be */
    union {
        const edi_code_keys *codes; /* NULL: any text will do */
        const edi_slots *composite;
    };
} edi_quick;

/* Makes them for all segments below `root` that have none yet. */
void schema_quicken(arena *memory, edi_standard standard, const edi_node *root);

static inline bool edi_code_keys_have(const edi_code_keys *keys, uint64_t key) {
    size_t at = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> keys->shift), mask = ~UINT64_C(0) >> keys->shift;
    while (keys->slots[at] != key) {
        if (!keys->slots[at]) return false;
        at = (at + 1) & mask;
    }
    return true;
}

#endif
