/* edi/look_avx2.h: a glance (look.h) with AVX2, to be inlined where many are taken. Functions that use it are compiled
 * for EDI_AVX2 and called when edi_look_is_avx2() says so; there is a plain one beside each.
 */
#ifndef BANYAN_EDI_LOOK_AVX2_H
#define BANYAN_EDI_LOOK_AVX2_H

#include "edi/look.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define EDI_AVX2 __attribute__((target("avx2,bmi,bmi2")))

EDI_AVX2 static inline uint64_t edi_lane(__m256i lane) {
    return (uint32_t)_mm256_movemask_epi8(lane);
}

EDI_AVX2 static inline uint64_t edi_lane_of(__m256i lane, char c) {
    return edi_lane(_mm256_cmpeq_epi8(lane, _mm256_set1_epi8(c)));
}

EDI_AVX2 static inline __m256i edi_lane_digits(__m256i lane) {
    __m256i value = _mm256_sub_epi8(lane, _mm256_set1_epi8('0'));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(value, _mm256_set1_epi8(9)), value);
}

/* The row of the low half has the bit of the high half. Bytes from 0x80 on find an empty row. */
EDI_AVX2 static inline __m256i edi_lane_plain(__m256i lane, __m256i rows) {
    const __m256i bits = _mm256_set1_epi64x((long long)UINT64_C(0x8040201008040201));
    __m256i row = _mm256_shuffle_epi8(rows, lane);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(lane, 4), _mm256_set1_epi8(15));
    __m256i bit = _mm256_shuffle_epi8(bits, high);
    return _mm256_cmpeq_epi8(_mm256_and_si256(row, bit), bit);
}

EDI_AVX2 static inline void edi_glance_avx2(const char *bytes, unsigned len, const edi_look *look, edi_glance *found) {
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    __m256i rows = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)look->rows));
    uint64_t first = edi_lane_of(low, look->first), second = edi_lane_of(low, look->second);
    uint64_t digit = edi_lane(edi_lane_digits(low)), plain = edi_lane(edi_lane_plain(low, rows));
    if (len > 32) {
        __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
        first |= edi_lane_of(high, look->first) << 32;
        second |= edi_lane_of(high, look->second) << 32;
        digit |= edi_lane(edi_lane_digits(high)) << 32;
        plain |= edi_lane(edi_lane_plain(high, rows)) << 32;
    }
    second &= look->seconds;
    found->first = first;
    found->second = second;
    found->digit = digit;
    found->odd = ~(plain | first | second);
}
#endif

#endif
