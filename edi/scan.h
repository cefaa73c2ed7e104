/* edi/scan.h: stage one: finds segment terminators at the speed of memory.
 *
 * The buffer is looked at in blocks of 64 bytes: one bit a byte says where a terminator, a line break or a release
 * character stands, and segments are found by walking the bits. With AVX2 or SSE2 a block costs a few instructions; the
 * plain C path gives the same bits and is what the tests hold the others against. EDI needs no more than this: there is
 * no quoting and no nesting, and the lengths of binary data jump.
 */
#ifndef BANYAN_EDI_SCAN_H
#define BANYAN_EDI_SCAN_H

#include "edi/tokens.h"

typedef struct edi_scan_bits {
    uint64_t terminator, line_break, release;
} edi_scan_bits;

typedef void (*edi_scan_block)(const char *block, const edi_delimiters *delimiters, edi_scan_bits *bits);

typedef struct edi_scan {
    const char *data;
    size_t len;
    edi_delimiters delimiters;
    edi_scan_block block_function;
    size_t block;          /* where the block in hand begins; a multiple of 64 from `data` */
    edi_scan_bits bits;    /* of that block; released terminators are cleared */
    bool loaded, released; /* is a block in hand; is the first byte of the next block released? */

    /* Segments that were found ahead: `tokens` are their terminators, or, when somebody looks, all that stands in them.
     */
    const edi_look *look; /* NULL: nobody does */
    edi_tokens *tokens;   /* the owner of the scan gives and keeps it */
    unsigned token;       /* where the next segment is looked for in it */
    unsigned whole;       /* behind the last terminator */
    size_t batch_end;     /* nothing is tried before the end of what was looked at last */
} edi_scan;

/* Starts at `from`, which is the beginning of a segment. */
void edi_scan_start(edi_scan *scan, span data, size_t from, const edi_delimiters *delimiters);

/* The first terminator at or after `from` that is not released; SIZE_MAX when there is none. `from` never decreases
 * without edi_scan_start. *breaks tells whether a line break stands before it. */
size_t edi_scan_next(edi_scan *scan, size_t from, bool *breaks);

/* Looks for segments up to a few kilobytes ahead at once, into `tokens`; not in the last EDI_TOKENS_MARGIN bytes.
 * False: there is none, or line breaks stand elsewhere than behind terminators; edi_scan_next tells then. `from` is the
 * beginning of a segment. */
bool edi_scan_ahead(edi_scan *scan, size_t from);

/* Is everything used up that was found ahead? */
static inline bool edi_scan_wants_ahead(const edi_scan *scan, size_t from) {
    return from >= scan->batch_end && scan->token >= scan->whole;
}

/* The paths, for tests and benchmarks: NULL when this machine has not got it. "scalar", "sse2", "avx2". */
edi_scan_block edi_scan_path(const char *name);
const char *edi_scan_chosen(void); /* the name of the one in use */

/* Cuts a segment's bytes into at most `room` parts at unreleased element separators; the first is the tag. Returns how
 * many there are, which may be more than `room`. */
size_t edi_scan_elements(span raw, const edi_delimiters *delimiters, span *parts, size_t room);

#endif
