/* core/script/json_text.h: where the plain part of a JSON string ends, eight bytes at a time.
 *
 * Plain are the bytes that stand in a JSON string as they are: neither a quote nor a backslash nor a control character.
 * For json_decode.c and json_encode.c. Bytes beyond ASCII are plain too, and told apart.
 */
#ifndef BANYAN_CORE_SCRIPT_JSON_TEXT_H
#define BANYAN_CORE_SCRIPT_JSON_TEXT_H

#include "core/base/span.h"

#define JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Has the high bit of the first byte that equals `byte` set, and of none before it. */
static inline uint64_t json_bytes_equal(uint64_t eight, unsigned char byte) {
    uint64_t differs = eight ^ JSON_EACH(byte);
    return (differs - JSON_EACH(1)) & ~differs;
}

/* The length of the plain beginning of `text`; *high tells whether any of its bytes lies beyond ASCII. DEL counts as
 * plain only where `with_delete` says so: it may stand in JSON, we write it escaped. */
static inline size_t json_plain_length(span text, bool with_delete, bool *high) {
    uint64_t all = 0, eight;
    size_t at = 0;
    for (; text.len - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, text.data + at, sizeof eight);
        uint64_t special = (((eight - JSON_EACH(0x20)) & ~eight) | json_bytes_equal(eight, '"') |
                               json_bytes_equal(eight, '\\') | (with_delete ? 0 : json_bytes_equal(eight, 0x7F))) &
                           JSON_EACH(0x80);
        if (special) break;
        all |= eight;
    }
    unsigned char rest = 0;
    for (; at < text.len; at++) {
        unsigned char c = (unsigned char)text.data[at];
        if (c < 0x20 || c == '"' || c == '\\' || (c == 0x7F && !with_delete)) break;
        rest |= c;
    }
    *high = ((all & JSON_EACH(0x80)) | (rest & 0x80)) != 0;
    return at;
}

#endif
