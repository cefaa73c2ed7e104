/* edi/look_avx2.h: a glance (look.h) with AVX2, to be inlined where many are taken. Functions that use it are compiled
 * for EDI_AVX2 and called when edi_look_is_avx2() says so; there is a plain one beside each.
 */
#ifndef BANYAN_EDI_LOOK_AVX2_H
#define BANYAN_EDI_LOOK_AVX2_H

#include "edi/look.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define EDI_AVX2 __attribute__((target("avx2,bmi,bmi2")))

EDI_AVX2 static inline uint64_t edi_lanes(__m256i low, __m256i high) {
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

EDI_AVX2 static inline uint64_t edi_lanes_of(__m256i low, __m256i high, char c) {
    __m256i wanted = _mm256_set1_epi8(c);
    uint64_t found = edi_lanes(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted));
    return c ? found : 0;
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

EDI_AVX2 static inline void edi_glance_avx2(const char *bytes, const edi_look *look, edi_glance *found) {
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
    __m256i rows = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)look->rows));
    found->first = edi_lanes_of(low, high, look->first);
    found->second = edi_lanes_of(low, high, look->second);
    found->digit = edi_lanes(edi_lane_digits(low), edi_lane_digits(high));
    found->odd = ~(edi_lanes(edi_lane_plain(low, rows), edi_lane_plain(high, rows)) | found->first | found->second);
}
#endif

#endif
