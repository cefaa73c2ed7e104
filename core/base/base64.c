/* core/base/base64.c: see base64.h. */
#include "core/base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void write_text(span bytes, const char *alphabet, bool padded, buf *text) {
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i < 3 ? bytes.len - i : 3;
        const unsigned char *b = (const unsigned char *)bytes.data + i;
        unsigned group = (unsigned)b[0] << 16 | (left > 1 ? (unsigned)b[1] << 8 : 0) | (left > 2 ? b[2] : 0);
        for (size_t k = 0; k < 4; k++) {
            if (k <= left)
                buf_add_char(text, alphabet[group >> (18 - 6 * k) & 63]);
            else if (padded)
                buf_add_char(text, '=');
        }
    }
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
