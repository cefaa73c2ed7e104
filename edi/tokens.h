/* edi/tokens.h: stage two: where the delimiters of some kilobytes stand, and a few bits about what stands before each.
 *
 * A token is a delimiter; the part before it reaches back to the token before. Blocks of 64 bytes become bitmaps, one
 * bit a byte, and those are squeezed together to one bit a token: so questions about a segment (which shape has it,
 * what is empty, is all of it plain) are asked with one mask each, however long its values are, and nothing is looked
 * at byte by byte. Used for EDI (the reader, for whoever checks or writes its segments) and for JSON, whose tokens are
 * quotes. With AVX2 a block costs about a hundred instructions; the plain C path gives the same and is what the tests
 * hold the other against.
 */
#ifndef BANYAN_EDI_TOKENS_H
#define BANYAN_EDI_TOKENS_H

#include "edi/syntax.h"

enum {
    EDI_BLOCK = 64,          /* bytes looked at at once */
    EDI_TOKENS_BYTES = 4096, /* at most, from one beginning */
    EDI_TOKENS_MARGIN = 96,  /* readable bytes behind a segment that users of its tokens ask for: what they copy or
                                compare in strides may pass its end */
    EDI_WINDOW = 56          /* bits that edi_window shows */
};

typedef struct edi_tokens edi_tokens;
typedef struct edi_look edi_look;
typedef void (*edi_tokens_path)(edi_tokens *tokens, const edi_look *look, uint64_t third);

/* What is looked for: two characters, and those that are plain. Only characters below 0x80 can be. */
struct edi_look {
    edi_tokens_path path; /* the best one that this machine has */
    bool odd_only;        /* of the bits of a token only those are wanted that say whether it is odd */
    char first, second;
    bool no_second;         /* there is none */
    bool no_leading;        /* a blank that a part begins with is not plain */
    unsigned char rows[16]; /* by the low half of a byte: bit n: it is plain with the high half n */
};

void edi_look_make(edi_look *look, char first, char second, const bool plain[128]);
/* For one character alone, odd_only. */
void edi_look_make_odd(edi_look *look, char first, const bool plain[128]);

struct edi_tokens {
    const char *base; /* the first byte of the first block */
    unsigned bytes, count;
    bool fresh;                /* a part begins with the next byte */
    bool digits_yet, even_yet; /* the part that began has held nothing but digits, nothing but plain characters */

    /* one bit a token: is it the second character, the third; is the part before it empty, does it hold others than
     * digits, does it hold what is not plain? */
    uint64_t second[EDI_TOKENS_BYTES / 64 + 2], third[EDI_TOKENS_BYTES / 64 + 2], empty[EDI_TOKENS_BYTES / 64 + 2],
        mixed[EDI_TOKENS_BYTES / 64 + 2], odd[EDI_TOKENS_BYTES / 64 + 2];
    uint64_t digit[EDI_TOKENS_BYTES / 64 + 2]; /* one bit a byte: 0 to 9 */
    uint16_t at[EDI_TOKENS_BYTES + EDI_BLOCK]; /* where they stand, from `base` */
};

/* Forgets all; the first part begins at `base`. */
void edi_tokens_begin(edi_tokens *tokens, const char *base);

/* Looks at the next 64 bytes; EDI_TOKENS_BYTES are the most. The caller knows best where the third character stands
 * that is not released. */
static inline void edi_tokens_add(edi_tokens *tokens, const edi_look *look, uint64_t third) {
    look->path(tokens, look, third);
}

/* The paths, for tests: NULL when this machine has not got it. "scalar", "avx2", "avx512". */
edi_tokens_path edi_tokens_path_named(const char *name, bool odd_only);

/* Bits from number `from` on; EDI_WINDOW of them are there. */
static inline uint64_t edi_window(const uint64_t *bits, unsigned from) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word;
    memcpy(&word, (const char *)bits + (from >> 3), sizeof word);
    return word >> (from & 7);
#else
    const uint64_t *word = bits + (from >> 6);
    unsigned shift = from & 63;
    return word[0] >> shift | (word[1] << 1) << (63 - shift);
#endif
}

/* The lowest `count` bits; less than 64. */
static inline uint64_t edi_lowest(unsigned count) {
    return (UINT64_C(1) << count) - 1;
}

static inline unsigned edi_first_bit(uint64_t bits) {
    return (unsigned)__builtin_ctzll(bits);
}

/* Up to eight bytes as a number, for comparing; eight are read. */
static inline uint64_t edi_pack(const char *bytes, size_t len) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return len < 8 ? value & edi_lowest(8 * (unsigned)len) : value;
}

#endif
