/* core/base/mime_name.c: file names of mime_header.h: decoded, then reduced to what does no harm (RFC 6266 §4.3). */
#include "core/base/mime_header.h"

#include "core/base/base64.h"
#include "core/base/memory.h"

#include <stdlib.h>
#include <strings.h>

enum { NAME_MAX_BYTES = 200, EXTENSION_MAX = 16, DECODED_MAX = 16 * 1024 };

static int hexadecimal(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

static void add_q_encoded(span text, buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        int high = -1, low = -1;
        if (text.data[i] == '=' && i + 2 < text.len) {
            high = hexadecimal(text.data[i + 1]);
            low = hexadecimal(text.data[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            buf_add_char(out, (char)(high << 4 | low));
            i += 2;
        } else {
            buf_add_char(out, text.data[i] == '_' ? ' ' : text.data[i]);
        }
    }
}

static void add_in_utf8(span charset, span bytes, buf *out) {
    bool latin1 = charset.len == 10 && strncasecmp(charset.data, "iso-8859-1", 10) == 0;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if (latin1 && c >= 0x80) {
            buf_add_char(out, (char)(0xc0 | c >> 6));
            buf_add_char(out, (char)(0x80 | (c & 0x3f)));
        } else {
            buf_add_char(out, (char)c);
        }
    }
}

/* One encoded word, =?charset?B or Q?text?= (RFC 2047 §2), at the front of `rest`, which is moved behind it. */
static bool take_word(span *rest, buf *out) {
    span left = *rest, charset, form, text;
    if (!span_starts(left, SPAN("=?"))) return false;
    left = span_make(left.data + 2, left.len - 2);
    if (!span_split(&left, '?', &charset) || !left.data || !span_split(&left, '?', &form) || !left.data) return false;
    if (!span_split(&left, '?', &text) || !left.data || !span_starts(left, SPAN("=")) || form.len != 1) return false;
    buf bytes = BUF_MAX(DECODED_MAX);
    bool done = true;
    if (form.data[0] == 'B' || form.data[0] == 'b')
        done = base64_read(text, &bytes);
    else if (form.data[0] == 'Q' || form.data[0] == 'q')
        add_q_encoded(text, &bytes);
    else
        done = false;
    if (done) {
        add_in_utf8(charset, buf_span(&bytes), out);
        *rest = span_make(left.data + 1, left.len - 1);
    }
    buf_free(&bytes);
    return done;
}

/* Encoded words are joined without the blanks between them (RFC 2047 §6.2). */
static void decode_words(span text, buf *out) {
    bool after_word = false;
    while (text.len > 0) {
        span behind = span_trim(text);
        if (after_word && span_starts(behind, SPAN("=?"))) {
            span word = behind;
            if (take_word(&word, out)) {
                text = word;
                continue;
            }
        }
        after_word = take_word(&text, out);
        if (after_word) continue;
        buf_add_char(out, text.data[0]);
        text = span_make(text.data + 1, text.len - 1);
    }
}

static bool is_forbidden(unsigned char c) {
    return c < ' ' || c == 0x7f || strchr("<>:\"|?*", c);
}

/* Cuts to NAME_MAX_BYTES at the border of a character, keeping the extension. */
static void shorten(buf *name) {
    if (name->len <= NAME_MAX_BYTES) return;
    const char *dot = memrchr(name->data, '.', name->len);
    size_t extension = dot ? name->len - (size_t)(dot - name->data) : 0;
    if (extension > EXTENSION_MAX) extension = 0;
    size_t keep = NAME_MAX_BYTES - extension;
    while (keep > 0 && ((unsigned char)name->data[keep] & 0xc0) == 0x80)
        keep--;
    memmove(name->data + keep, name->data + name->len - extension, extension);
    name->len = keep + extension;
}

static bool reduce(span raw, char out[MIME_FILE_NAME_ROOM]) {
    for (size_t i = raw.len; i > 0; i--) {
        if (raw.data[i - 1] != '/' && raw.data[i - 1] != '\\') continue;
        raw = span_make(raw.data + i, raw.len - i);
        break;
    }
    buf name = BUF_MAX(DECODED_MAX);
    bool utf8 = span_is_utf8(raw);
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.data[i];
        buf_add_char(&name, is_forbidden(c) || (c >= 0x80 && !utf8) ? '_' : (char)c);
    }
    span clean = span_trim(buf_span(&name));
    while (clean.len > 0 && (clean.data[0] == '.' || clean.data[0] == ' '))
        clean = span_make(clean.data + 1, clean.len - 1);
    while (clean.len > 0 && (clean.data[clean.len - 1] == '.' || clean.data[clean.len - 1] == ' '))
        clean.len--;
    buf whole = BUF_MAX(DECODED_MAX);
    buf_add(&whole, clean);
    shorten(&whole);
    bool something = false;
    for (size_t i = 0; i < whole.len; i++)
        something = something || whole.data[i] != '_';
    if (something) {
        memcpy(out, whole.data, whole.len);
        out[whole.len] = '\0';
    }
    buf_free(&name);
    buf_free(&whole);
    return something;
}

static bool from_field(const mime_headers *headers, const char *field, const char *parameter, char *name) {
    span text = mime_headers_get(headers, field);
    mime_value value;
    if (!text.data) return false;
    mime_value_read(text, &value);
    bool found = false;
    for (size_t i = 0; i < value.count && !found; i++) {
        const mime_parameter *p = &value.parameters[i];
        if (strcmp(p->name, parameter) != 0) continue;
        buf decoded = BUF_MAX(DECODED_MAX);
        if (p->extended)
            buf_add(&decoded, span_make(p->value, p->len));
        else
            decode_words(span_make(p->value, p->len), &decoded);
        found = reduce(buf_span(&decoded), name);
        buf_free(&decoded);
    }
    mime_value_free(&value);
    return found;
}

bool mime_file_name(const mime_headers *headers, char name[MIME_FILE_NAME_ROOM]) {
    return from_field(headers, "Content-Disposition", "filename", name) ||
           from_field(headers, "Content-Type", "name", name);
}

void mime_file_name_parameter(span name, buf *text) {
    bool plain = true;
    buf_add_text(text, "filename=\"");
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        bool ascii = c >= ' ' && c < 0x7f;
        plain = plain && ascii;
        if (ascii && (c == '"' || c == '\\')) buf_add_char(text, '\\');
        buf_add_char(text, ascii ? (char)c : '_');
    }
    buf_add_char(text, '"');
    if (plain) return;
    buf_add_text(text, "; filename*=UTF-8''");
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        bool unreserved = c < 0x80 && c > ' ' && c != 0x7f && !strchr("*'%()<>@,;:\\\"/[]?={}", c);
        if (unreserved)
            buf_add_char(text, (char)c);
        else
            buf_printf(text, "%%%02X", c);
    }
}
