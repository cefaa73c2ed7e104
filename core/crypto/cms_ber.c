/* core/crypto/cms_ber.c: see cms_ber.h. */
#include "core/crypto/cms_ber.h"

enum {
    TAG_BITS = 0x1f,
    LENGTH_LONG = 0x80,
    LENGTH_OCTETS_MAX = 8,
    TRAILING_MAX = 16 /* line ends behind a message that some senders add */
};

static error *wrong(const ber_walk *walk, const char *what) {
    return error_at(error_new(ERROR_INVALID, "%s", what), "byte %llu", (unsigned long long)walk->offset);
}

void ber_walk_start(ber_walk *walk, const ber_handler *handler) {
    *walk = (ber_walk){.handler = *handler};
}

static uint64_t enclosing_end(const ber_walk *walk) {
    return walk->depth ? walk->open[walk->depth - 1].end : UINT64_MAX;
}

static error *close_innermost(ber_walk *walk) {
    bool indefinite = walk->open[--walk->depth].indefinite;
    walk->done = walk->depth == 0;
    return walk->handler.ends(walk->handler.context, walk->depth, indefinite);
}

/* Ends whatever definite elements end here. */
static error *close_full(ber_walk *walk) {
    error *err = NULL;
    while (!err && walk->depth > 0 && !walk->open[walk->depth - 1].indefinite &&
           walk->open[walk->depth - 1].end == walk->offset)
        err = close_innermost(walk);
    return err;
}

/* How many octets the header in hand will have; 0 while its second octet is missing. */
static size_t header_size(const ber_walk *walk) {
    if (walk->header_len < 2) return 0;
    unsigned char length = walk->header[1];
    return length > LENGTH_LONG ? 2 + (size_t)(length & 0x7f) : 2;
}

static error *open_element(ber_walk *walk) {
    ber_element element = {.identifier = walk->header[0],
        .indefinite = walk->header[1] == LENGTH_LONG,
        .header = span_make((const char *)walk->header, walk->header_len)};
    bool constructed = element.identifier & BER_CONSTRUCTED_BIT;
    uint64_t end = enclosing_end(walk);

    if (walk->header[1] < LENGTH_LONG) element.length = walk->header[1];
    for (size_t i = 2; i < walk->header_len; i++)
        element.length = element.length << 8 | walk->header[i];
    walk->header_len = 0;
    if (element.indefinite && !constructed) return wrong(walk, "an indefinite length on a primitive element");
    if (element.length > INT64_MAX || element.length > end - walk->offset)
        return wrong(walk, "an element is longer than what holds it");
    if (element.identifier == BER_OID && element.length > BER_OID_MAX)
        return wrong(walk, "an object identifier is too long");
    if (walk->depth == BER_DEPTH_MAX) return wrong(walk, "elements are nested too deep");

    walk->open[walk->depth].indefinite = element.indefinite;
    walk->open[walk->depth].end = element.indefinite ? end : walk->offset + element.length;
    walk->depth++;
    walk->in_primitive = !constructed && element.length > 0;
    walk->primitive_left = element.length;
    error *err = walk->handler.begins(walk->handler.context, walk->depth - 1, &element);
    return err ? err : close_full(walk);
}

static error *header_byte(ber_walk *walk, unsigned char byte) {
    if (walk->offset == enclosing_end(walk)) return wrong(walk, "an element is longer than what holds it");
    walk->header[walk->header_len++] = byte;
    walk->offset++;
    if (walk->header_len == 1) {
        if ((byte & TAG_BITS) == TAG_BITS) return wrong(walk, "a tag in long form, which CMS does not have");
        return NULL;
    }
    if (walk->header[0] == 0) {
        /* End-of-contents octets (X.690 §8.1.5) close an indefinite element and stand nowhere else. */
        if (byte != 0 || walk->depth == 0 || !walk->open[walk->depth - 1].indefinite)
            return wrong(walk, "end-of-contents octets where none belong");
        walk->header_len = 0;
        error *err = close_innermost(walk);
        return err ? err : close_full(walk);
    }
    if (walk->header_len == 2 && byte > LENGTH_LONG + LENGTH_OCTETS_MAX)
        return wrong(walk, "a length of more than eight octets");
    return walk->header_len == header_size(walk) ? open_element(walk) : NULL;
}

static error *trailing(ber_walk *walk, span rest) {
    for (size_t i = 0; i < rest.len; i++) {
        if ((rest.data[i] != '\r' && rest.data[i] != '\n') || ++walk->trailing > TRAILING_MAX)
            return wrong(walk, "more bytes follow the message");
    }
    return NULL;
}

error *ber_walk_write(ber_walk *walk, span piece) {
    error *err = NULL;
    while (!err && piece.len > 0) {
        if (walk->done) return trailing(walk, piece);
        size_t take = 1;
        if (walk->in_primitive) {
            take = walk->primitive_left < piece.len ? (size_t)walk->primitive_left : piece.len;
            walk->offset += take;
            walk->primitive_left -= take;
            err = walk->handler.bytes(walk->handler.context, span_make(piece.data, take));
            if (walk->primitive_left == 0) walk->in_primitive = false;
            if (!err) err = close_full(walk);
        } else {
            err = header_byte(walk, (unsigned char)piece.data[0]);
        }
        piece = span_make(piece.data + take, piece.len - take);
    }
    return err;
}

error *ber_walk_finish(const ber_walk *walk) {
    return walk->done ? NULL : wrong(walk, "the message ends too early");
}

bool ber_next(span *rest, unsigned char *identifier, span *content, span *whole) {
    const unsigned char *data = (const unsigned char *)rest->data;
    size_t header = 2, length;
    if (rest->len < 2 || data[1] == LENGTH_LONG || data[1] > LENGTH_LONG + 4) return false;
    if (data[1] < LENGTH_LONG) {
        length = data[1];
    } else {
        header += data[1] & 0x7fu;
        if (rest->len < header) return false;
        length = 0;
        for (size_t i = 2; i < header; i++)
            length = length << 8 | data[i];
    }
    if (length > rest->len - header) return false;
    *identifier = data[0];
    *content = span_make(rest->data + header, length);
    *whole = span_make(rest->data, header + length);
    *rest = span_make(rest->data + whole->len, rest->len - whole->len);
    return true;
}

size_t ber_header(unsigned char identifier, uint64_t length, unsigned char out[BER_HEADER_MAX]) {
    size_t octets = 0;
    out[0] = identifier;
    if (length < LENGTH_LONG) {
        out[1] = (unsigned char)length;
        return 2;
    }
    for (uint64_t left = length; left > 0; left >>= 8)
        octets++;
    out[1] = (unsigned char)(LENGTH_LONG | octets);
    for (size_t i = 0; i < octets; i++)
        out[2 + i] = (unsigned char)(length >> 8 * (octets - 1 - i));
    return 2 + octets;
}
