/* core/crypto/cms_compress.c: the compressing writer of cms_write.h (RFC 3274, zlib). */
#include "core/crypto/cms_write.h"

#include "core/base/memory.h"
#include "core/crypto/cms_ber.h"

#include <stdlib.h>
#define ZLIB_CONST /* its input is not changed */
#include <zlib.h>

enum { PIECE = 64 * 1024, IN_MAX = 1 << 30 };

/* id-ct-compressedData; version 0 and id-alg-zlibCompress; id-data. */
static const span type = SPAN("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09");
static const span algorithm = SPAN("\x02\x01\x00\x30\x0d\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x08");
static const span data_type = SPAN("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01");

struct cms_compressor {
    z_stream stream;
    sink to;
    uint64_t announced, size;
    unsigned char out[PIECE];
};

static size_t header_size(uint64_t length) {
    unsigned char room[BER_HEADER_MAX];
    return ber_header(0, length, room);
}

static void add_header(buf *b, unsigned char identifier, uint64_t length) {
    unsigned char room[BER_HEADER_MAX];
    size_t len = ber_header(identifier, length, room);
    buf_add(b, span_make((const char *)room, len));
}

static error *write_head(const cms_compressor *compressor) {
    buf head = BUF_MAX(256);
    if (compressor->announced == CMS_LENGTH_UNKNOWN) {
        buf_add(&head, SPAN("\x30\x80"));
        buf_add(&head, type);
        buf_add(&head, SPAN("\xa0\x80\x30\x80"));
        buf_add(&head, algorithm);
        buf_add(&head, SPAN("\x30\x80"));
        buf_add(&head, data_type);
        buf_add(&head, SPAN("\xa0\x80\x24\x80"));
    } else {
        uint64_t octets = compressor->announced;
        uint64_t content = header_size(octets) + octets;
        uint64_t info = data_type.len + header_size(content) + content;
        uint64_t body = algorithm.len + header_size(info) + info;
        uint64_t explicit = header_size(body) + body;
        add_header(&head, BER_SEQUENCE, type.len + header_size(explicit) + explicit);
        buf_add(&head, type);
        add_header(&head, BER_CONTEXT_0_CONSTRUCTED, explicit);
        add_header(&head, BER_SEQUENCE, body);
        buf_add(&head, algorithm);
        add_header(&head, BER_SEQUENCE, info);
        buf_add(&head, data_type);
        add_header(&head, BER_CONTEXT_0_CONSTRUCTED, content);
        add_header(&head, BER_OCTETS, octets);
    }
    error *err = sink_write(&compressor->to, buf_span(&head));
    buf_free(&head);
    return err;
}

error *cms_compressor_new(int level, uint64_t compressed_bytes, const sink *to, cms_compressor **out) {
    cms_compressor *compressor = xcalloc(1, sizeof *compressor);
    compressor->to = *to;
    compressor->announced = compressed_bytes;
    if (deflateInit(&compressor->stream, level) != Z_OK) {
        free(compressor);
        return error_new(ERROR_INVALID, "there is no compression level %d", level);
    }
    compressor->stream.next_out = compressor->out;
    compressor->stream.avail_out = PIECE;
    error *err = write_head(compressor);
    if (err) {
        cms_compressor_free(compressor);
        return err;
    }
    *out = compressor;
    return NULL;
}

static error *hand_on(cms_compressor *compressor) {
    unsigned char header[BER_HEADER_MAX];
    size_t len = PIECE - compressor->stream.avail_out;
    error *err = NULL;
    if (len == 0) return NULL;
    compressor->size += len;
    if (compressor->announced == CMS_LENGTH_UNKNOWN) {
        size_t header_len = ber_header(BER_OCTETS, len, header);
        err = sink_write(&compressor->to, span_make((const char *)header, header_len));
    } else if (compressor->size > compressor->announced) {
        err = error_new(ERROR_INTERNAL, "compressing gave more bytes than were announced");
    }
    if (!err) err = sink_write(&compressor->to, span_make((const char *)compressor->out, len));
    compressor->stream.next_out = compressor->out;
    compressor->stream.avail_out = PIECE;
    return err;
}

static error *deflate_all(cms_compressor *compressor, int flush) {
    z_stream *stream = &compressor->stream;
    for (;;) {
        int result = deflate(stream, flush);
        if (result == Z_STREAM_ERROR) return error_new(ERROR_INTERNAL, "compressing failed");
        if (result == Z_STREAM_END || (stream->avail_out > 0 && flush == Z_NO_FLUSH)) return NULL;
        error *err = hand_on(compressor);
        if (err) return err;
    }
}

error *cms_compressor_write(cms_compressor *compressor, span piece) {
    error *err = NULL;
    while (!err && piece.len > 0) {
        size_t take = piece.len < IN_MAX ? piece.len : IN_MAX;
        compressor->stream.next_in = (const unsigned char *)piece.data;
        compressor->stream.avail_in = (uInt)take;
        err = deflate_all(compressor, Z_NO_FLUSH);
        piece = span_make(piece.data + take, piece.len - take);
    }
    return err;
}

error *cms_compressor_finish(cms_compressor *compressor) {
    compressor->stream.avail_in = 0;
    error *err = deflate_all(compressor, Z_FINISH);
    if (!err) err = hand_on(compressor);
    if (err) return err;
    if (compressor->announced != CMS_LENGTH_UNKNOWN)
        return compressor->size == compressor->announced
                   ? NULL
                   : error_new(ERROR_INTERNAL, "compressing gave fewer bytes than were announced");
    /* Octets, [0], information; body, [0], ContentInfo. */
    return sink_write(&compressor->to, SPAN("\0\0\0\0\0\0\0\0\0\0\0\0"));
}

uint64_t cms_compressor_size(const cms_compressor *compressor) {
    return compressor->size;
}

void cms_compressor_free(cms_compressor *compressor) {
    if (!compressor) return;
    deflateEnd(&compressor->stream);
    free(compressor);
}
