/* edi/tokens.c: see tokens.h. */
#include "edi/tokens.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

/* One bit a byte. */
typedef struct glance {
    uint64_t first, second, digit, blank;
    uint64_t plain; /* as the look says; delimiters may be among them */
} glance;

/* What each path does its own way: takes every bit that is set in the mask and puts them together; writes where the
 * ends stand. */
typedef uint64_t (*squeeze)(uint64_t bits, uint64_t mask);
typedef void (*add_places)(edi_tokens *tokens, uint64_t ends, unsigned count);

void edi_tokens_begin(edi_tokens *t, const char *base) {
    t->base = base;
    t->bytes = t->count = 0;
    t->fresh = t->digits_yet = t->even_yet = true;
    t->second[0] = t->third[0] = t->empty[0] = t->mixed[0] = t->odd[0] = 0;
}

/* Of `ends`, the ends of parts, those whose part holds some of `what`. A part is asked by taking one from the number
 * that its bits are: the borrow goes from its first byte up to the first bit that is set, and only if that is the end
 * itself is the end gone afterwards. *none: the part that goes on behind the block has held none so far. */
INLINE uint64_t holding(uint64_t what, uint64_t ends, bool *none) {
    uint64_t begins = ends << 1 | *none, rest;
    bool borrowed = __builtin_sub_overflow(what | ends, begins, &rest);
    *none = borrowed || ends >> 63;
    return rest & ends;
}

/* Puts the lowest bits of `more` behind the first `count` of `bits`. */
INLINE void append(uint64_t *bits, unsigned count, uint64_t more) {
    unsigned shift = count & 63;
    bits[count >> 6] |= more << shift;
    bits[(count >> 6) + 1] = (more >> 1) >> (63 - shift);
}

/* Of all tokens but the one kind that is looked for with odd_only. */
INLINE void add_bits(
    edi_tokens *t, const glance *g, uint64_t ends, uint64_t second, uint64_t third, uint64_t begins, squeeze squeezed) {
    uint64_t mixed = holding(~(g->digit | ends), ends, &t->digits_yet);
    append(t->second, t->count, squeezed(second, ends));
    append(t->third, t->count, squeezed(third, ends));
    append(t->empty, t->count, squeezed(begins, ends));
    append(t->mixed, t->count, squeezed(mixed, ends));
    t->digit[t->bytes / EDI_BLOCK] = g->digit;
}

INLINE void add_block(edi_tokens *t, const edi_look *look, const glance *g, uint64_t third, bool odd_only,
    squeeze squeezed, add_places places) {
    uint64_t second = odd_only || look->no_second ? 0 : g->second;
    uint64_t ends = odd_only ? g->first : g->first | second | third, begins = ends << 1 | t->fresh;
    uint64_t odd = ~(g->plain | ends) | (!odd_only && look->no_leading ? g->blank & begins : 0);
    unsigned more = (unsigned)__builtin_popcountll(ends);
    if (!odd_only) add_bits(t, g, ends, second, third, begins, squeezed);
    append(t->odd, t->count, squeezed(holding(odd & ~ends, ends, &t->even_yet), ends));
    places(t, ends, more);
    t->fresh = ends >> 63;
    t->count += more;
    t->bytes += EDI_BLOCK;
}

static uint64_t squeeze_plain(uint64_t bits, uint64_t mask) {
    uint64_t out = 0;
    for (unsigned i = 0; mask; i++, mask &= mask - 1)
        out |= (bits >> edi_first_bit(mask) & 1) << i;
    return out;
}

static void places_plain(edi_tokens *t, uint64_t ends, unsigned count) {
    (void)count;
    for (uint16_t *at = t->at + t->count; ends; ends &= ends - 1)
        *at++ = (uint16_t)(t->bytes + edi_first_bit(ends));
}

INLINE void look_plain(edi_tokens *t, const edi_look *look, uint64_t third, bool odd_only) {
    const char *bytes = t->base + t->bytes;
    glance g = {0};
    for (unsigned i = 0; i < EDI_BLOCK; i++) {
        char c = bytes[i];
        unsigned char u = (unsigned char)c;
        g.first |= (uint64_t)(c == look->first) << i;
        g.second |= (uint64_t)(c == look->second) << i;
        g.digit |= (uint64_t)(c >= '0' && c <= '9') << i;
        g.blank |= (uint64_t)(c == ' ') << i;
        g.plain |= (uint64_t)(u < 0x80 && (look->rows[u & 15] >> (u >> 4) & 1)) << i;
    }
    add_block(t, look, &g, third, odd_only, squeeze_plain, places_plain);
}

static void add_plain(edi_tokens *t, const edi_look *look, uint64_t third) {
    look_plain(t, look, third, false);
}

static void odd_plain(edi_tokens *t, const edi_look *look, uint64_t third) {
    look_plain(t, look, third, true);
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

AVX2 static inline uint64_t mask_of(__m256i low, __m256i high) {
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

AVX2 static inline uint64_t equal_to(__m256i low, __m256i high, char c) {
    __m256i wanted = _mm256_set1_epi8(c);
    return mask_of(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted));
}

AVX2 static inline __m256i digits(__m256i lane) {
    __m256i value = _mm256_sub_epi8(lane, _mm256_set1_epi8('0'));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(value, _mm256_set1_epi8(9)), value);
}

/* The row of the low half has the bit of the high half. Bytes from 0x80 on find an empty row. */
AVX2 static inline __m256i in_rows(__m256i lane, __m256i rows) {
    const __m256i bits = _mm256_set1_epi64x((long long)UINT64_C(0x8040201008040201));
    __m256i row = _mm256_shuffle_epi8(rows, lane);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(lane, 4), _mm256_set1_epi8(15));
    __m256i bit = _mm256_shuffle_epi8(bits, high);
    return _mm256_cmpeq_epi8(_mm256_and_si256(row, bit), bit);
}

AVX2 static inline uint64_t squeeze_bmi2(uint64_t bits, uint64_t mask) {
    return _pext_u64(bits, mask);
}

/* Eight are written at once, beyond the last one too: whether there is one more is hard to foretell. */
AVX2 static inline void places_avx2(edi_tokens *t, uint64_t ends, unsigned count) {
    uint16_t *at = t->at + t->count;
    for (unsigned i = 0; i < count; i += 8, at += 8) {
#pragma GCC unroll 8
        for (unsigned k = 0; k < 8; k++, ends &= ends - 1)
            at[k] = (uint16_t)(t->bytes + (unsigned)_tzcnt_u64(ends));
    }
}

AVX2 INLINE void look_avx2(edi_tokens *t, const edi_look *look, uint64_t third, bool odd_only) {
    const char *bytes = t->base + t->bytes;
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
    __m256i rows = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)look->rows));
    glance g = {.first = equal_to(low, high, look->first),
        .second = equal_to(low, high, look->second),
        .digit = mask_of(digits(low), digits(high)),
        .blank = equal_to(low, high, ' '),
        .plain = mask_of(in_rows(low, rows), in_rows(high, rows))};
    add_block(t, look, &g, third, odd_only, squeeze_bmi2, places_avx2);
}

AVX2 EDI_HOT static void add_avx2(edi_tokens *t, const edi_look *look, uint64_t third) {
    look_avx2(t, look, third, false);
}

AVX2 EDI_HOT static void odd_avx2(edi_tokens *t, const edi_look *look, uint64_t third) {
    look_avx2(t, look, third, true);
}

/* With bytes compared into masks at once, and bytes picked out by a mask (VBMI2). */
#define AVX512 __attribute__((target("avx2,bmi,bmi2,popcnt,avx512f,avx512bw,avx512vl,avx512vbmi2")))

AVX512 static inline uint64_t squeeze_avx512(uint64_t bits, uint64_t mask) {
    return _pext_u64(bits, mask);
}

/* Thirty-two are written at once, beyond the last one too. */
AVX512 static inline void places_avx512(edi_tokens *t, uint64_t ends, unsigned count) {
    static const unsigned char numbers[EDI_BLOCK] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
        19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46,
        47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    uint16_t *at = t->at + t->count;
    __m512i base = _mm512_set1_epi16((short)t->bytes);
    __m512i picked = _mm512_maskz_compress_epi8(ends, _mm512_loadu_si512(numbers));
    _mm512_storeu_si512(at, _mm512_add_epi16(base, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(picked))));
    if (count <= 32) return;
    _mm512_storeu_si512(at + 32, _mm512_add_epi16(base, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(picked, 1))));
}

AVX512 static inline uint64_t in_rows_avx512(__m512i lane, __m512i rows) {
    const __m512i bits = _mm512_set1_epi64((long long)UINT64_C(0x8040201008040201));
    __m512i row = _mm512_shuffle_epi8(rows, lane);
    __m512i high = _mm512_and_si512(_mm512_srli_epi16(lane, 4), _mm512_set1_epi8(15));
    return _mm512_test_epi8_mask(row, _mm512_shuffle_epi8(bits, high));
}

AVX512 INLINE void look_avx512(edi_tokens *t, const edi_look *look, uint64_t third, bool odd_only) {
    __m512i lane = _mm512_loadu_si512(t->base + t->bytes);
    __m512i rows = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)look->rows));
    __m512i value = _mm512_sub_epi8(lane, _mm512_set1_epi8('0'));
    glance g = {.first = _mm512_cmpeq_epi8_mask(lane, _mm512_set1_epi8(look->first)),
        .second = _mm512_cmpeq_epi8_mask(lane, _mm512_set1_epi8(look->second)),
        .digit = _mm512_cmplt_epu8_mask(value, _mm512_set1_epi8(10)),
        .blank = _mm512_cmpeq_epi8_mask(lane, _mm512_set1_epi8(' ')),
        .plain = in_rows_avx512(lane, rows)};
    add_block(t, look, &g, third, odd_only, squeeze_avx512, places_avx512);
}

AVX512 EDI_HOT static void add_avx512(edi_tokens *t, const edi_look *look, uint64_t third) {
    look_avx512(t, look, third, false);
}

AVX512 EDI_HOT static void odd_avx512(edi_tokens *t, const edi_look *look, uint64_t third) {
    look_avx512(t, look, third, true);
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi2");
}
#endif

edi_tokens_path edi_tokens_path_named(const char *name, bool odd_only) {
#if defined(__x86_64__)
    if (strcmp(name, "avx512") == 0) return !has_avx512() ? NULL : odd_only ? odd_avx512 : add_avx512;
    if (strcmp(name, "avx2") == 0) return !has_avx2() ? NULL : odd_only ? odd_avx2 : add_avx2;
#endif
    return strcmp(name, "scalar") != 0 ? NULL : odd_only ? odd_plain : add_plain;
}

static void make_look(edi_look *look, const bool plain[128]) {
    static const char *const best_first[] = {"avx512", "avx2", "scalar"};
    for (size_t i = 0; !look->path; i++)
        look->path = edi_tokens_path_named(best_first[i], look->odd_only);
    for (unsigned c = 0; c < 128; c++)
        if (plain[c]) look->rows[c & 15] |= (unsigned char)(1U << (c >> 4));
}

void edi_look_make(edi_look *look, char first, char second, const bool plain[128]) {
    *look = (edi_look){.first = first, .second = second, .no_second = !second};
    make_look(look, plain);
}

void edi_look_make_odd(edi_look *look, char first, const bool plain[128]) {
    *look = (edi_look){.first = first, .no_second = true, .odd_only = true};
    make_look(look, plain);
}
