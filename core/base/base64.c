/* core/base/base64.c: see base64.h. */
#include "core/base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void write_text(span bytes, const char *alphabet, bool padded, buf *text) {
    const unsigned char *b = (const unsigned char *)bytes.data;
    char group[4];
    size_t whole = bytes.len / 3 * 3;
    char *out = buf_reserve(text, whole / 3 * 4);
    if (!out) return;
    for (size_t i = 0; i < whole; i += 3, out += 4) {
        unsigned bits = (unsigned)b[i] << 16 | (unsigned)b[i + 1] << 8 | b[i + 2];
        out[0] = alphabet[bits >> 18];
        out[1] = alphabet[bits >> 12 & 63];
        out[2] = alphabet[bits >> 6 & 63];
        out[3] = alphabet[bits & 63];
    }
    buf_grew(text, whole / 3 * 4);
    size_t left = bytes.len - whole;
    if (left == 0) return;
    unsigned bits = (unsigned)b[whole] << 16 | (left > 1 ? (unsigned)b[whole + 1] << 8 : 0);
    group[0] = alphabet[bits >> 18];
    group[1] = alphabet[bits >> 12 & 63];
    group[2] = left > 1 ? alphabet[bits >> 6 & 63] : '=';
    group[3] = '=';
    buf_add(text, span_make(group, padded ? 4 : left + 1));
}

void base64_write(span bytes, buf *text) {
    write_text(bytes, standard, true, text);
}

void base64url_write(span bytes, buf *text) {
    write_text(bytes, for_urls, false, text);
}

static bool read_text(span text, const char *alphabet, buf *bytes) {
    unsigned group = 0, bits = 0;
    if (text.len % 4 == 1) return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.data[i] ? strchr(alphabet, text.data[i]) : NULL;
        if (!at) return false;
        group = group << 6 | (unsigned)(at - alphabet);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        buf_add_char(bytes, (char)(unsigned char)(group >> bits & 255));
    }
    return (group & ((1u << bits) - 1)) == 0 && !bytes->overflow;
}

bool base64_read(span text, buf *bytes) {
    if (text.len % 4 != 0) return false;
    for (int i = 0; i < 2 && text.len > 0 && text.data[text.len - 1] == '='; i++)
        text.len--;
    return read_text(text, standard, bytes);
}

bool base64url_read(span text, buf *bytes) {
    return read_text(text, for_urls, bytes);
}
