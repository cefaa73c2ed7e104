/* edi/look.c: see look.h. */
#include "edi/look.h"

#include "edi/look_avx2.h"

static bool is_plain(const edi_look *look, unsigned char c) {
    return c < 0x80 && (look->rows[c & 15] >> (c >> 4) & 1);
}

void edi_glance_plain(const char *bytes, unsigned len, const edi_look *look, edi_glance *found) {
    *found = (edi_glance){0};
    for (unsigned i = 0; i < len; i++) {
        char c = bytes[i];
        bool first = c == look->first, second = look->seconds && c == look->second;
        found->first |= (uint64_t)first << i;
        found->second |= (uint64_t)second << i;
        found->digit |= (uint64_t)(c >= '0' && c <= '9') << i;
        found->odd |= (uint64_t)(!first && !second && !is_plain(look, (unsigned char)c)) << i;
    }
}

#if defined(__x86_64__)
EDI_AVX2 static void look_avx2(const char *bytes, unsigned len, const edi_look *look, edi_glance *found) {
    edi_glance_avx2(bytes, len, look, found);
}

bool edi_look_is_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
#else
bool edi_look_is_avx2(void) {
    return false;
}
#endif

edi_look_path edi_look_named(const char *name) {
#if defined(__x86_64__)
    if (strcmp(name, "avx2") == 0) return edi_look_is_avx2() ? look_avx2 : NULL;
#endif
    return strcmp(name, "scalar") == 0 ? edi_glance_plain : NULL;
}

void edi_look_make(edi_look *look, char first, char second, const bool plain[128]) {
    *look = (edi_look){.first = first, .second = second, .avx2 = edi_look_is_avx2()};
    look->seconds = second ? ~UINT64_C(0) : 0;
    for (unsigned c = 0; c < 128; c++)
        if (plain[c]) look->rows[c & 15] |= (unsigned char)(1U << (c >> 4));
}
