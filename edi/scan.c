/* edi/scan.c: see scan.h. */
#include "edi/scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { BLOCK = 64 };

static void block_scalar(const char *block, const edi_delimiters *d, edi_scan_bits *bits) {
    edi_scan_bits found = {0, 0, 0};
    for (unsigned i = 0; i < BLOCK; i++) {
        char c = block[i];
        found.terminator |= (uint64_t)(c == d->terminator) << i;
        found.line_break |= (uint64_t)edi_is_break(c) << i;
        found.release |= (uint64_t)(d->release && c == d->release) << i;
    }
    *bits = found;
}

#if defined(__x86_64__)
static uint64_t match_sse2(const __m128i *lanes, char c) {
    __m128i wanted = _mm_set1_epi8(c);
    uint64_t mask = 0;
    for (unsigned i = 0; i < 4; i++)
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(lanes[i], wanted)) << (16 * i);
    return mask;
}

static void block_sse2(const char *block, const edi_delimiters *d, edi_scan_bits *bits) {
    __m128i lanes[4];
    for (unsigned i = 0; i < 4; i++)
        lanes[i] = _mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i));
    bits->terminator = match_sse2(lanes, d->terminator);
    bits->line_break = match_sse2(lanes, '\n') | match_sse2(lanes, '\r');
    bits->release = d->release ? match_sse2(lanes, d->release) : 0;
}

__attribute__((target("avx2"))) static uint64_t match_avx2(__m256i low, __m256i high, char c) {
    __m256i wanted = _mm256_set1_epi8(c);
    uint32_t first = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    uint32_t second = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
    return (uint64_t)first | (uint64_t)second << 32;
}

__attribute__((target("avx2"))) static void block_avx2(
    const char *block, const edi_delimiters *d, edi_scan_bits *bits) {
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)block);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(block + 32));
    bits->terminator = match_avx2(low, high, d->terminator);
    bits->line_break = match_avx2(low, high, '\n') | match_avx2(low, high, '\r');
    bits->release = d->release ? match_avx2(low, high, d->release) : 0;
}
#endif

edi_scan_block edi_scan_path(const char *name) {
#if defined(__x86_64__)
    if (strcmp(name, "avx2") == 0) return __builtin_cpu_supports("avx2") ? block_avx2 : NULL;
    if (strcmp(name, "sse2") == 0) return block_sse2;
#endif
    return strcmp(name, "scalar") == 0 ? block_scalar : NULL;
}

const char *edi_scan_chosen(void) {
    static const char *const best_first[] = {"avx2", "sse2", "scalar"};
    size_t i = 0;
    while (!edi_scan_path(best_first[i]))
        i++;
    return best_first[i];
}

/* Clears the bits of released terminators. A run of release characters is taken two by two, as a reader would. */
static void apply_release(edi_scan *scan) {
    uint64_t release = scan->bits.release, released = scan->released ? 1 : 0;
    release &= ~released;
    scan->released = false;
    while (release) {
        unsigned at = (unsigned)__builtin_ctzll(release);
        if (at == BLOCK - 1) {
            scan->released = true;
            break;
        }
        released |= UINT64_C(2) << at;
        release &= ~(UINT64_C(3) << at);
    }
    scan->bits.terminator &= ~released;
}

static void load_block(edi_scan *scan, size_t block) {
    size_t left = scan->len - block;
    scan->block = block;
    if (left >= BLOCK) {
        scan->block_function(scan->data + block, &scan->delimiters, &scan->bits);
    } else {
        char padded[BLOCK] = {0};
        memcpy(padded, scan->data + block, left);
        scan->block_function(padded, &scan->delimiters, &scan->bits);
    }
    if (scan->bits.release || scan->released) apply_release(scan);
    scan->loaded = true;
}

/* Blocks are counted from a segment's first byte: nothing before it can release anything in it. */
static void begin_at(edi_scan *scan, size_t from) {
    scan->block = from;
    scan->loaded = scan->released = false;
}

void edi_scan_start(edi_scan *scan, span data, size_t from, const edi_delimiters *delimiters) {
    scan->data = data.data;
    scan->len = data.len;
    scan->delimiters = *delimiters;
    scan->block_function = edi_scan_path(edi_scan_chosen());
    scan->token = scan->whole = 0;
    scan->batch_end = from;
    begin_at(scan, from);
}

/* The bits of a block become tokens: terminators alone when nobody looks. */
static inline void add_tokens(edi_scan *scan, uint64_t ends) {
    edi_tokens *t = scan->tokens;
    if (scan->look) {
        edi_tokens_add(t, scan->look, ends);
        return;
    }
    for (; ends; ends &= ends - 1)
        t->at[t->count++] = (uint16_t)(t->bytes + edi_first_bit(ends));
    t->bytes += BLOCK;
}

bool edi_scan_ahead(edi_scan *scan, size_t from) {
    uint64_t behind = 0, second = 0; /* bytes behind a terminator, and behind the line break there */
    edi_tokens *t = scan->tokens;
    size_t at = from, left = scan->len - from, last = SIZE_MAX;
    begin_at(scan, from);
    edi_tokens_begin(t, scan->data + from);
    scan->token = scan->whole = 0;
    for (; t->bytes < EDI_TOKENS_BYTES && left >= t->bytes + BLOCK + EDI_TOKENS_MARGIN; at += BLOCK) {
        load_block(scan, at);
        uint64_t ends = scan->bits.terminator, breaks = scan->bits.line_break;
        uint64_t after = breaks & (ends << 1 | behind), again = breaks & (after << 1 | second);
        if (breaks & ~(after | again)) break;
        behind = ends >> (BLOCK - 1);
        second = after >> (BLOCK - 1);
        add_tokens(scan, ends);
        if (!ends) continue;
        last = at + BLOCK - 1 - (size_t)__builtin_clzll(ends);
        scan->whole = t->count;
    }
    scan->batch_end = last == SIZE_MAX ? at + BLOCK : last + 1; /* what begins there is looked at again */
    while (last != SIZE_MAX && from + t->at[scan->whole - 1] > last)
        scan->whole--; /* delimiters of a segment that is not whole */
    begin_at(scan, from);
    return last != SIZE_MAX;
}

size_t edi_scan_next(edi_scan *scan, size_t from, bool *breaks) {
    uint64_t seen_breaks = 0;
    if (from >= scan->block + (size_t)2 * BLOCK) begin_at(scan, from); /* segments were found by edi_scan_ahead */
    if (!scan->loaded) {
        if (scan->block >= scan->len) return SIZE_MAX;
        load_block(scan, scan->block);
    }
    for (;;) {
        if (from < scan->block + BLOCK) {
            uint64_t ahead = from > scan->block ? ~UINT64_C(0) << (from - scan->block) : ~UINT64_C(0);
            uint64_t ends = scan->bits.terminator & ahead;
            if (ends) {
                uint64_t before = (ends & -ends) - 1;
                *breaks = (seen_breaks | (scan->bits.line_break & ahead & before)) != 0;
                return scan->block + (size_t)__builtin_ctzll(ends);
            }
            seen_breaks |= scan->bits.line_break & ahead;
        }
        if (scan->len - scan->block <= BLOCK) break;
        load_block(scan, scan->block + BLOCK);
    }
    *breaks = seen_breaks != 0;
    return SIZE_MAX;
}

/* The plain way: also where release characters stand, and for the last bytes of a segment. */
static size_t cut_scalar(
    span raw, size_t from, const edi_delimiters *d, span *parts, size_t room, size_t start, size_t count) {
    const char *data = raw.data;
    char separator = count == 0 ? d->tag : d->element;
    for (size_t at = from; at < raw.len; at++) {
        if (data[at] == separator) {
            if (count < room) parts[count] = span_make(data + start, at - start);
            count++;
            start = at + 1;
            separator = d->element;
        } else if (data[at] == d->release && d->release) {
            at++;
        }
    }
    if (count < room) parts[count] = span_make(data + start, raw.len - start);
    return count + 1;
}

size_t edi_scan_elements(span raw, const edi_delimiters *d, span *parts, size_t room) {
    if (!raw.data) raw = span_make("", 0);
#if defined(__x86_64__)
    bool releases = d->release && raw.len > 0 && memchr(raw.data, d->release, raw.len);
    if (d->tag == d->element && !releases) {
        __m128i wanted = _mm_set1_epi8(d->element);
        size_t count = 0, start = 0, at = 0;
        for (; at + 16 <= raw.len; at += 16) {
            __m128i lane = _mm_loadu_si128((const __m128i *)(const void *)(raw.data + at));
            unsigned hits = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(lane, wanted));
            for (; hits; hits &= hits - 1) {
                size_t hit = at + (unsigned)__builtin_ctz(hits);
                if (count < room) parts[count] = span_make(raw.data + start, hit - start);
                count++;
                start = hit + 1;
            }
        }
        if (at < raw.len && raw.len >= 16) { /* the last sixteen bytes once more, without those already seen */
            size_t last = raw.len - 16;
            __m128i lane = _mm_loadu_si128((const __m128i *)(const void *)(raw.data + last));
            unsigned hits = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(lane, wanted)) & (~0u << (at - last));
            for (; hits; hits &= hits - 1) {
                size_t hit = last + (unsigned)__builtin_ctz(hits);
                if (count < room) parts[count] = span_make(raw.data + start, hit - start);
                count++;
                start = hit + 1;
            }
            at = raw.len;
        }
        return cut_scalar(raw, at, d, parts, room, start, count);
    }
#endif
    return cut_scalar(raw, 0, d, parts, room, 0, 0);
}
