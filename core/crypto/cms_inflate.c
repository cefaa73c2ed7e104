/* core/crypto/cms_inflate.c: inflates CompressedData (RFC 3274: zlib, RFC 1950), within limits.
 *
 * Some peers put base64 text inside the octet string. Its first letter is 'e' (of 0x78), which no zlib stream begins
 * with, so that it is known at once.
 */
#include "core/crypto/cms_layers.h"

#include "core/base/memory.h"
#include "core/base/mime_decode.h"
#include "core/crypto/cms_ber.h"

#include <stdlib.h>
#define ZLIB_CONST /* its input is not changed */
#include <zlib.h>

enum { PIECE = 64 * 1024, RATIO_MAX = 100, RATIO_FREE = 8 * 1024 * 1024, IN_MAX = 1 << 30 };

struct cms_inflater {
    z_stream stream;
    cms_facts *facts;
    sink plain;
    uint64_t content_max, taken;
    mime_decoder *base64; /* NULL for the plain form */
    bool begun, ended;
    unsigned char out[PIECE];
};

static error *broken(cms_facts *facts, const char *what) {
    facts->fault = CMS_FAULT_DECOMPRESSION;
    return error_new(ERROR_REJECTED, "the message cannot be decompressed: %s", what);
}

error *cms_inflater_new(
    const cms_walk *walk, const cms_read_options *options, cms_facts *facts, const sink *plain, cms_inflater **out) {
    /* id-alg-zlibCompress, 1.2.840.113549.1.9.16.3.8 */
    static const span zlib = SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x08");
    span algorithm = cms_walk_algorithm(walk), oid, whole;
    unsigned char id;
    bool indefinite = algorithm.len > 2 && (unsigned char)algorithm.data[1] == 0x80;
    if (indefinite) {
        algorithm = span_make(algorithm.data + 2, algorithm.len - 2);
    } else if (!ber_next(&algorithm, &id, &whole, &oid)) {
        return broken(facts, "its algorithm cannot be read");
    } else {
        algorithm = whole;
    }
    if (!ber_next(&algorithm, &id, &oid, &whole) || id != BER_OID || !span_equal(oid, zlib)) {
        facts->fault = CMS_FAULT_ALGORITHM;
        return error_new(ERROR_REJECTED, "the compression is not zlib");
    }
    cms_inflater *inflater = xcalloc(1, sizeof *inflater);
    *inflater = (cms_inflater){.facts = facts, .plain = *plain, .content_max = options->content_max};
    if (inflateInit(&inflater->stream) != Z_OK) abort();
    *out = inflater;
    return NULL;
}

static error *hand_out(cms_inflater *inflater, size_t len) {
    cms_facts *facts = inflater->facts;
    facts->content_bytes += len;
    bool bomb = facts->content_bytes > RATIO_FREE && facts->content_bytes / RATIO_MAX > inflater->taken;
    if (bomb || (inflater->content_max && facts->content_bytes > inflater->content_max)) {
        facts->fault = CMS_FAULT_TOO_LARGE;
        return error_new(ERROR_LIMIT, bomb ? "the compressed message inflates beyond a hundred times its size"
                                           : "the decompressed message is larger than allowed");
    }
    error *err = sink_write(&inflater->plain, span_make((const char *)inflater->out, len));
    if (err) facts->fault = CMS_FAULT_SINK;
    return err;
}

static error *inflate_piece(void *context, span piece) {
    cms_inflater *inflater = context;
    z_stream *stream = &inflater->stream;
    if (inflater->ended) return broken(inflater->facts, "bytes follow its end");
    inflater->taken += piece.len;
    stream->next_in = (const unsigned char *)piece.data;
    stream->avail_in = (uInt)piece.len;
    do {
        stream->next_out = inflater->out;
        stream->avail_out = PIECE;
        int result = inflate(stream, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return broken(inflater->facts, stream->msg ? stream->msg : "the stream is wrong");
        error *err = hand_out(inflater, PIECE - stream->avail_out);
        if (err) return err;
        inflater->ended = result == Z_STREAM_END;
        if (inflater->ended && stream->avail_in > 0) return broken(inflater->facts, "bytes follow its end");
    } while (!inflater->ended && stream->avail_out == 0);
    return NULL;
}

error *cms_inflater_write(cms_inflater *inflater, span piece) {
    if (!inflater->begun && piece.len > 0) {
        inflater->begun = true;
        if (piece.data[0] == 'e') {
            inflater->facts->base64_inside = true;
            inflater->base64 =
                mime_decoder_new(MIME_BASE64, MIME_STRICT, &(sink){.write = inflate_piece, .context = inflater});
        }
    }
    error *err = NULL;
    while (!err && piece.len > 0) {
        span part = span_make(piece.data, piece.len < IN_MAX ? piece.len : IN_MAX);
        err = inflater->base64 ? mime_decoder_write(inflater->base64, part) : inflate_piece(inflater, part);
        piece = span_make(piece.data + part.len, piece.len - part.len);
    }
    if (err && inflater->facts->fault == CMS_FAULT_NONE) inflater->facts->fault = CMS_FAULT_DECOMPRESSION;
    return err;
}

error *cms_inflater_finish(cms_inflater *inflater) {
    error *err = inflater->base64 ? mime_decoder_finish(inflater->base64) : NULL;
    if (err && inflater->facts->fault == CMS_FAULT_NONE) inflater->facts->fault = CMS_FAULT_DECOMPRESSION;
    return err || inflater->ended ? err : broken(inflater->facts, "it ends too early");
}

void cms_inflater_free(cms_inflater *inflater) {
    if (!inflater) return;
    inflateEnd(&inflater->stream);
    mime_decoder_free(inflater->base64);
    free(inflater);
}
