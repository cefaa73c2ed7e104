/* edi/look.h: sixty-four bytes at a glance: where separators, digits and odd characters stand.
 *
 * What scan.h is for segments this is for what stands inside them: one bit a byte, so that an element's class is asked
 * with one mask instead of byte by byte. With AVX2 a glance costs some tens of instructions; the plain C path gives the
 * same bits and is what the tests hold the other against. Pure; the bytes looked at must all be readable.
 */
#ifndef BANYAN_EDI_LOOK_H
#define BANYAN_EDI_LOOK_H

#include "edi/syntax.h"

/* Inlined into a function for each path, with that path's way to take a glance. */
#define EDI_INLINE static inline __attribute__((always_inline))

enum {
    EDI_GLANCE = 64,       /* bytes of one */
    EDI_GLANCE_MARGIN = 96 /* readable bytes from its start on that users of a glance ask for: what they copy or compare
                              may pass its end */
};

typedef struct edi_glance {
    uint64_t first, second; /* the two characters that were named */
    uint64_t digit;         /* 0 to 9 */
    uint64_t odd;           /* neither of the first two, nor plain */
} edi_glance;

typedef struct edi_look edi_look;
/* `len` bytes are of interest, 64 at most: what the bits behind them say is left open. */
typedef void (*edi_look_path)(const char *bytes, unsigned len, const edi_look *look, edi_glance *found);

struct edi_look {
    bool avx2;              /* this machine has it */
    char first, second;     /* NUL for the second: there is none */
    uint64_t seconds;       /* all bits, or none when there is no second */
    unsigned char rows[16]; /* by the low half of a byte: bit n: it is plain with the high half n */
};

/* What is looked for. Only characters below 0x80 can be plain. */
void edi_look_make(edi_look *look, char first, char second, const bool plain[128]);

/* The plain way to take a glance; look_avx2.h has the other. */
void edi_glance_plain(const char *bytes, unsigned len, const edi_look *look, edi_glance *found);
bool edi_look_is_avx2(void);

/* The paths, for tests: "scalar", "avx2"; NULL when this machine has not got it. */
edi_look_path edi_look_named(const char *name);

/* The bits from `from` up to before `to`; from < to <= 64. */
static inline uint64_t edi_bits(unsigned from, unsigned to) {
    return ~UINT64_C(0) >> (64 - (to - from)) << from;
}

static inline unsigned edi_first_bit(uint64_t bits) {
    return (unsigned)__builtin_ctzll(bits);
}

/* The bits up to the first of those set, it included; all when none is. */
static inline uint64_t edi_up_to_first(uint64_t bits) {
    return bits ^ (bits - 1);
}

/* Up to eight bytes as a number, for comparing; eight are read. */
static inline uint64_t edi_pack(const char *bytes, size_t len) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return len < 8 ? value & ((UINT64_C(1) << 8 * len) - 1) : value;
}

#endif
