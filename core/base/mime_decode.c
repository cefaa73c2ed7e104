/* core/base/mime_decode.c: see mime_decode.h. */
#include "core/base/mime_decode.h"

#include "core/base/base64.h"
#include "core/base/memory.h"

#include <stdlib.h>
#include <strings.h>

enum { ROOM = 16 * 1024, BLANKS_MAX = 998, LINE_BYTES = 57 /* 76 characters of base64 */ };

/* Where a quoted-printable decoder stands. */
typedef enum quoted { PLAIN, AFTER_EQUALS, AFTER_DIGIT, SOFT_BLANKS, SOFT_CR } quoted;

struct mime_decoder {
    mime_encoding encoding;
    mime_care care;
    sink bytes;
    unsigned group, digits, padding; /* base64: bits in hand, characters of the group, '=' seen */
    quoted state;
    unsigned char high; /* quoted-printable: the first hexadecimal digit */
    size_t blanks;      /* white space that may be the end of a line, which transport may have added */
    char held[BLANKS_MAX];
    size_t len;
    char out[]; /* ROOM, when anything is decoded */
};

mime_encoding mime_encoding_named(span value) {
    static const struct {
        const char *name;
        mime_encoding encoding;
    } names[] = {{"", MIME_IDENTITY}, {"7bit", MIME_IDENTITY}, {"8bit", MIME_IDENTITY}, {"binary", MIME_IDENTITY},
        {"base64", MIME_BASE64}, {"quoted-printable", MIME_QUOTED_PRINTABLE}};
    value = span_trim(value);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i].name) == value.len &&
            strncasecmp(names[i].name, value.len ? value.data : "", value.len) == 0)
            return names[i].encoding;
    }
    return MIME_UNKNOWN;
}

mime_decoder *mime_decoder_new(mime_encoding encoding, mime_care care, const sink *bytes) {
    /* The room is not cleared: every message makes several decoders, most of which only pass on. */
    bool decodes = encoding == MIME_BASE64 || encoding == MIME_QUOTED_PRINTABLE;
    mime_decoder *decoder = xmalloc(sizeof *decoder + (decodes ? ROOM : 0));
    memset(decoder, 0, sizeof *decoder);
    decoder->encoding = encoding;
    decoder->care = care;
    decoder->bytes = *bytes;
    return decoder;
}

static error *flush(mime_decoder *decoder) {
    error *err = sink_write(&decoder->bytes, span_make(decoder->out, decoder->len));
    decoder->len = 0;
    return err;
}

static error *put(mime_decoder *decoder, unsigned byte) {
    decoder->out[decoder->len++] = (char)(unsigned char)byte;
    return decoder->len == ROOM ? flush(decoder) : NULL;
}

/* ---- base64 */

static const signed char base64_value[256] = {['A'] = 1,
    ['B'] = 2,
    ['C'] = 3,
    ['D'] = 4,
    ['E'] = 5,
    ['F'] = 6,
    ['G'] = 7,
    ['H'] = 8,
    ['I'] = 9,
    ['J'] = 10,
    ['K'] = 11,
    ['L'] = 12,
    ['M'] = 13,
    ['N'] = 14,
    ['O'] = 15,
    ['P'] = 16,
    ['Q'] = 17,
    ['R'] = 18,
    ['S'] = 19,
    ['T'] = 20,
    ['U'] = 21,
    ['V'] = 22,
    ['W'] = 23,
    ['X'] = 24,
    ['Y'] = 25,
    ['Z'] = 26,
    ['a'] = 27,
    ['b'] = 28,
    ['c'] = 29,
    ['d'] = 30,
    ['e'] = 31,
    ['f'] = 32,
    ['g'] = 33,
    ['h'] = 34,
    ['i'] = 35,
    ['j'] = 36,
    ['k'] = 37,
    ['l'] = 38,
    ['m'] = 39,
    ['n'] = 40,
    ['o'] = 41,
    ['p'] = 42,
    ['q'] = 43,
    ['r'] = 44,
    ['s'] = 45,
    ['t'] = 46,
    ['u'] = 47,
    ['v'] = 48,
    ['w'] = 49,
    ['x'] = 50,
    ['y'] = 51,
    ['z'] = 52,
    ['0'] = 53,
    ['1'] = 54,
    ['2'] = 55,
    ['3'] = 56,
    ['4'] = 57,
    ['5'] = 58,
    ['6'] = 59,
    ['7'] = 60,
    ['8'] = 61,
    ['9'] = 62,
    ['+'] = 63,
    ['/'] = 64}; /* + 1 */

static error *wrong_base64(void) {
    return error_new(ERROR_INVALID, "the base64 text is malformed");
}

/* The bytes of a group that padding or the end has cut short. */
static error *end_group(mime_decoder *decoder) {
    error *err = NULL;
    unsigned group = decoder->group << 6 * (4 - decoder->digits);
    bool spare_bits = decoder->digits == 2 ? group & 0xffff : group & 0xff;
    if (decoder->care == MIME_STRICT && spare_bits) return wrong_base64();
    if (decoder->digits >= 2) err = put(decoder, group >> 16 & 255);
    if (!err && decoder->digits == 3) err = put(decoder, group >> 8 & 255);
    decoder->group = decoder->digits = 0;
    return err;
}

static error *base64_character(mime_decoder *decoder, unsigned char c) {
    bool strict = decoder->care == MIME_STRICT;
    error *err = NULL;
    if (c == '=') {
        if (strict && (decoder->digits < 2 || decoder->digits + ++decoder->padding > 4)) return wrong_base64();
        if (!strict && decoder->digits >= 2) return end_group(decoder);
        return NULL;
    }
    int value = base64_value[c] - 1;
    if (value < 0) return strict && !strchr("\r\n\t ", c) ? wrong_base64() : NULL;
    if (decoder->padding) return wrong_base64();
    decoder->group = decoder->group << 6 | (unsigned)value;
    if (++decoder->digits < 4) return NULL;
    for (int shift = 16; !err && shift >= 0; shift -= 8)
        err = put(decoder, decoder->group >> shift & 255);
    decoder->group = decoder->digits = 0;
    return err;
}

/* Groups of four digits that stand together, as they nearly always do, without a look at each character's care. How
 * many characters were taken. */
static size_t whole_groups(mime_decoder *decoder, span text) {
    size_t at = 0;
    if (decoder->digits || decoder->padding) return 0;
    for (; text.len - at >= 4 && decoder->len + 3 < ROOM; at += 4) {
        const unsigned char *c = (const unsigned char *)text.data + at;
        int first = base64_value[c[0]] - 1, second = base64_value[c[1]] - 1;
        int third = base64_value[c[2]] - 1, fourth = base64_value[c[3]] - 1;
        if ((first | second | third | fourth) < 0) break;
        unsigned group = (unsigned)(first << 18 | second << 12 | third << 6 | fourth);
        decoder->out[decoder->len] = (char)(unsigned char)(group >> 16);
        decoder->out[decoder->len + 1] = (char)(unsigned char)(group >> 8);
        decoder->out[decoder->len + 2] = (char)(unsigned char)group;
        decoder->len += 3;
    }
    return at;
}

static error *base64_text(mime_decoder *decoder, span text) {
    error *err = NULL;
    for (size_t i = 0; !err && i < text.len;) {
        size_t taken = whole_groups(decoder, span_make(text.data + i, text.len - i));
        i += taken;
        if (taken == 0) err = base64_character(decoder, (unsigned char)text.data[i++]);
    }
    return err;
}

static error *base64_finish(mime_decoder *decoder) {
    if (decoder->digits == 0) return NULL;
    bool whole = decoder->digits + decoder->padding == 4 && decoder->digits >= 2;
    if (decoder->care == MIME_STRICT && !whole) return wrong_base64();
    return end_group(decoder);
}

/* ---- quoted-printable (RFC 2045 §6.7) */

static int hexadecimal(unsigned char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

static error *wrong_quoted(void) {
    return error_new(ERROR_INVALID, "the quoted-printable text is malformed");
}

/* White space at the end of a line was added on the way and is dropped (rule 3); any other is text. */
static error *release_blanks(mime_decoder *decoder) {
    error *err = NULL;
    for (size_t i = 0; !err && i < decoder->blanks; i++)
        err = put(decoder, (unsigned char)decoder->held[i]);
    decoder->blanks = 0;
    return err;
}

static error *plain_character(mime_decoder *decoder, unsigned char c) {
    error *err = NULL;
    if (c == '=') {
        decoder->state = AFTER_EQUALS;
        return release_blanks(decoder);
    }
    if (c == ' ' || c == '\t') {
        if (decoder->blanks == BLANKS_MAX) err = release_blanks(decoder);
        decoder->held[decoder->blanks++] = (char)c;
        return err;
    }
    if (c == '\r' || c == '\n')
        decoder->blanks = 0;
    else
        err = release_blanks(decoder);
    return err ? err : put(decoder, c);
}

static error *quoted_character(mime_decoder *decoder, unsigned char c) {
    bool strict = decoder->care == MIME_STRICT;
    int value = hexadecimal(c);
    error *err;
    switch (decoder->state) {
    case PLAIN: return plain_character(decoder, c);
    case AFTER_EQUALS:
        decoder->high = c;
        decoder->state = value >= 0              ? AFTER_DIGIT
                         : c == '\r'             ? SOFT_CR
                         : c == '\n'             ? PLAIN
                         : c == ' ' || c == '\t' ? SOFT_BLANKS
                                                 : PLAIN;
        if (decoder->state != PLAIN || c == '\n') return NULL;
        if (strict) return wrong_quoted();
        err = put(decoder, '=');
        return err ? err : plain_character(decoder, c);
    case AFTER_DIGIT:
        decoder->state = PLAIN;
        if (value >= 0) return put(decoder, (unsigned)hexadecimal(decoder->high) << 4 | (unsigned)value);
        if (strict) return wrong_quoted();
        err = put(decoder, '=');
        if (!err) err = put(decoder, decoder->high);
        return err ? err : plain_character(decoder, c);
    case SOFT_BLANKS:
        if (c == ' ' || c == '\t') return NULL;
        decoder->state = c == '\r' ? SOFT_CR : PLAIN;
        if (c == '\r' || c == '\n') return NULL;
        return strict ? wrong_quoted() : plain_character(decoder, c);
    default:
        decoder->state = PLAIN;
        if (c == '\n') return NULL;
        return strict ? wrong_quoted() : plain_character(decoder, c);
    }
}

/* ---- both */

error *mime_decoder_write(mime_decoder *decoder, span text) {
    error *err = NULL;
    if (decoder->encoding == MIME_IDENTITY || decoder->encoding == MIME_UNKNOWN)
        return sink_write(&decoder->bytes, text);
    if (decoder->encoding == MIME_BASE64) err = base64_text(decoder, text);
    for (size_t i = 0; decoder->encoding == MIME_QUOTED_PRINTABLE && !err && i < text.len; i++)
        err = quoted_character(decoder, (unsigned char)text.data[i]);
    return err ? err : flush(decoder);
}

error *mime_decoder_finish(mime_decoder *decoder) {
    error *err = NULL;
    if (decoder->encoding == MIME_BASE64) err = base64_finish(decoder);
    if (decoder->encoding == MIME_QUOTED_PRINTABLE && decoder->care == MIME_STRICT && decoder->state == AFTER_DIGIT)
        err = wrong_quoted();
    return err ? err : flush(decoder);
}

void mime_decoder_free(mime_decoder *decoder) {
    free(decoder);
}

void mime_base64_lines(span bytes, buf *text) {
    while (bytes.len > 0) {
        size_t take = bytes.len < LINE_BYTES ? bytes.len : LINE_BYTES;
        base64_write(span_make(bytes.data, take), text);
        buf_add(text, SPAN("\r\n"));
        bytes = span_make(bytes.data + take, bytes.len - take);
    }
}
