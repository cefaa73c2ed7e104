/* tests/bench/bench_cms.c: CMS and MIME in streams: MB/s and memory for a message that never stands in memory whole,
 * beside bare AES and SHA-256 over the same bytes in the same run (T06).
 *
 *     bench_cms [MIB]      256 by default
 */
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/mime_multipart.h"
#include "core/crypto/cms_read.h"
#include "core/crypto/cms_write.h"
#include "core/crypto/keypair.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <zlib.h>

enum { BLOCK = 256 * 1024, GROWTH_MAX_KIB = 16 * 1024 };

static unsigned char block[BLOCK + 64], room[BLOCK + 64];
static uint64_t total = 256u << 20;

static void must(error *err) {
    if (!err) return;
    fprintf(stderr, "%s\n", error_text(err));
    exit(1);
}

static long peak_kib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static double report(const char *what, int64_t begun_ms, double bare) {
    double mb = (double)total / 1e6 / ((double)(clock_monotonic_ms() - begun_ms) / 1000);
    printf("  %-58s %7.0f MB/s", what, mb);
    if (bare > 0) printf("  %3.0f %% of bare", 100 * mb / bare);
    printf("\n");
    return mb;
}

/* Text that compresses about as EDI does, and not to nothing. */
static void fill(void) {
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < sizeof block; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        block[i] = i % 40 == 39 ? '\n'
                   : i % 8 < 5  ? (unsigned char)"PO1*1*EA*UP*"[i % 12]
                                : (unsigned char)('0' + x % 10);
    }
}

static double bare_cipher(const EVP_CIPHER *algorithm, const char *what, int encrypt) {
    unsigned char key[32] = {1}, iv[16] = {2};
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int64_t begun = clock_monotonic_ms();
    int len;
    EVP_CipherInit_ex(context, algorithm, NULL, key, iv, encrypt);
    for (uint64_t at = 0; at < total; at += BLOCK)
        EVP_CipherUpdate(context, room, &len, block, BLOCK);
    EVP_CIPHER_CTX_free(context);
    return report(what, begun, 0);
}

static void bare_compression(void) {
    z_stream deflating = {0}, inflating = {0};
    int64_t begun = clock_monotonic_ms();
    if (deflateInit(&deflating, 1) != Z_OK || inflateInit(&inflating) != Z_OK) exit(1);
    for (uint64_t at = 0; at < total; at += BLOCK) {
        static unsigned char back[BLOCK + 64];
        deflating.next_in = block, deflating.avail_in = BLOCK;
        deflating.next_out = room, deflating.avail_out = sizeof room;
        deflate(&deflating, Z_SYNC_FLUSH);
        inflating.next_in = room, inflating.avail_in = (uInt)(sizeof room - deflating.avail_out);
        inflating.next_out = back, inflating.avail_out = sizeof back;
        inflate(&inflating, Z_SYNC_FLUSH);
    }
    deflateEnd(&deflating);
    inflateEnd(&inflating);
    report("bare zlib at level 1, there and back", begun, 0);
}

static error *count(void *context, span piece) {
    *(uint64_t *)context += piece.len;
    return NULL;
}

static error *to_reader(void *context, span piece) {
    return cms_reader_write(context, piece);
}

static error *to_envelope(void *context, span piece) {
    return cms_envelope_write(context, piece);
}

static error *to_compressor(void *context, span piece) {
    return cms_compressor_write(context, piece);
}

static error *to_signed(void *context, span piece) {
    return mime_signed_write(context, piece);
}

static error *to_digests(void *context, span piece) {
    digest_set_update(context, piece);
    return NULL;
}

typedef struct keys {
    cms_identity *identity;
    cms_certificate *certificate;
} keys;

static keys make_keys(void) {
    keys k = {0};
    char *key = NULL, *pem = NULL;
    must(key_new(KEY_RSA_2048, &key));
    must(certificate_new(span_of(key), &(certificate_request){.common_name = "bench", .days = 2}, &pem));
    must(cms_identity_new(span_of(pem), span_of(key), &k.identity));
    must(cms_certificate_new(span_of(pem), &k.certificate));
    key_text_free(key);
    free(pem);
    return k;
}

static cms_envelope_options envelope_options(const keys *k, const cms_certificate **to, cms_cipher cipher) {
    *to = k->certificate;
    return (cms_envelope_options){
        .cipher = cipher, .recipients = to, .recipient_count = 1, .content_bytes = CMS_LENGTH_UNKNOWN};
}

static void encrypt_only(const keys *k, cms_cipher cipher, const char *what, double bare) {
    const cms_certificate *to;
    cms_envelope_options options = envelope_options(k, &to, cipher);
    cms_envelope *envelope = NULL;
    uint64_t bytes = 0;
    int64_t begun = clock_monotonic_ms();
    must(cms_envelope_new(&options, &(sink){.write = count, .context = &bytes}, &envelope));
    for (uint64_t at = 0; at < total; at += BLOCK)
        must(cms_envelope_write(envelope, span_make((const char *)block, BLOCK)));
    must(cms_envelope_finish(envelope));
    cms_envelope_free(envelope);
    report(what, begun, bare);
}

static void there_and_back(const keys *k, cms_cipher cipher, const char *what) {
    const cms_certificate *to;
    cms_envelope_options options = envelope_options(k, &to, cipher);
    uint64_t bytes = 0;
    const cms_identity *identities[] = {k->identity};
    cms_read_options reading = {
        .identities = identities, .identity_count = 1, .content = {.write = count, .context = &bytes}};
    cms_reader *reader = cms_reader_new(&reading);
    cms_envelope *envelope = NULL;
    int64_t begun = clock_monotonic_ms();
    must(cms_envelope_new(&options, &(sink){.write = to_reader, .context = reader}, &envelope));
    for (uint64_t at = 0; at < total; at += BLOCK)
        must(cms_envelope_write(envelope, span_make((const char *)block, BLOCK)));
    must(cms_envelope_finish(envelope));
    must(cms_reader_finish(reader));
    if (bytes != total) must(error_new(ERROR_INTERNAL, "bytes are missing"));
    cms_envelope_free(envelope);
    cms_reader_free(reader);
    report(what, begun, 0);
}

typedef struct receiver {
    digest_set *digests;
    mime_signed *parts;
    cms_reader *inflate, *decrypt;
} receiver;

/* multipart/signed, compressed, encrypted; and decrypted, inflated, split, digested, verified. */
static void sign_compress_encrypt_and_back(const keys *k) {
    const cms_certificate *to;
    const cms_certificate *signers[] = {k->certificate};
    const cms_identity *identities[] = {k->identity};
    cms_envelope_options options = envelope_options(k, &to, CMS_AES_256_CBC);
    cms_read_options reading = {.identities = identities,
        .identity_count = 1,
        .signers = signers,
        .signer_count = 1,
        .now_ms = clock_wall_ms()};
    receiver in = {.digests = digest_set_new(1u << DIGEST_SHA256)};
    cms_envelope *envelope = NULL;
    cms_compressor *compressor = NULL;
    digest_set *digests = digest_set_new(1u << DIGEST_SHA256);
    cms_digests sent, received;
    cms_facts facts;
    buf signature = BUF_MAX(CMS_SIGNATURE_MAX), text = BUF_MAX(CMS_SIGNATURE_MAX);
    span found;
    int64_t begun = clock_monotonic_ms();
    must(mime_signed_new(SPAN("b"), 0, &(sink){.write = to_digests, .context = in.digests}, &in.parts));
    reading.content = (sink){.write = to_signed, .context = in.parts};
    in.inflate = cms_reader_new(&reading);
    reading.content = (sink){.write = to_reader, .context = in.inflate};
    in.decrypt = cms_reader_new(&reading);
    must(cms_envelope_new(&options, &(sink){.write = to_reader, .context = in.decrypt}, &envelope));
    must(cms_compressor_new(1, CMS_LENGTH_UNKNOWN, &(sink){.write = to_envelope, .context = envelope}, &compressor));

    must(to_compressor(compressor, SPAN("--b\r\n")));
    for (uint64_t at = 0; at < total; at += BLOCK) {
        digest_set_update(digests, span_make((const char *)block, BLOCK));
        must(to_compressor(compressor, span_make((const char *)block, BLOCK)));
    }
    digest_set_finish(digests, &sent);
    must(cms_sign(k->identity, &sent, &(cms_sign_options){.digest = DIGEST_SHA256}, &signature));
    must(to_compressor(compressor, SPAN("\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n")));
    mime_base64_lines(buf_span(&signature), &text);
    must(to_compressor(compressor, buf_span(&text)));
    must(to_compressor(compressor, SPAN("\r\n--b--\r\n")));
    must(cms_compressor_finish(compressor));
    must(cms_envelope_finish(envelope));

    must(cms_reader_finish(in.decrypt));
    must(cms_reader_finish(in.inflate));
    must(mime_signed_finish(in.parts, &found));
    digest_set_finish(in.digests, &received);
    must(cms_verify_detached(found, &received, &reading, &facts));
    report("sign, compress, AES-256-CBC and all the way back", begun, 0);
    cms_envelope_free(envelope);
    cms_compressor_free(compressor);
    cms_reader_free(in.decrypt);
    cms_reader_free(in.inflate);
    mime_signed_free(in.parts);
    buf_free(&signature);
    buf_free(&text);
}

static void split_and_digest(void) {
    digest_set *digests = digest_set_new(1u << DIGEST_SHA256);
    mime_signed *parts = NULL;
    int64_t begun = clock_monotonic_ms();
    must(mime_signed_new(SPAN("b"), 0, &(sink){.write = to_digests, .context = digests}, &parts));
    must(mime_signed_write(parts, SPAN("--b\r\n")));
    for (uint64_t at = 0; at < total; at += BLOCK)
        must(mime_signed_write(parts, span_make((const char *)block, BLOCK)));
    report("multipart/signed split (lines of 40) and SHA-256", begun, 0);
    digest_set_free(digests);
    mime_signed_free(parts);
}

int main(int argc, char **argv) {
    uint64_t mib = 256;
    if (argc > 1 && !span_to_u64(span_of(argv[1]), 1, 1 << 20, &mib)) return 2;
    total = mib << 20;
    fill();
    keys k = make_keys();
    printf("CMS in streams, %llu MiB\n", (unsigned long long)mib);
    double cbc = bare_cipher(EVP_aes_256_cbc(), "bare AES-256-CBC encryption", 1);
    bare_cipher(EVP_aes_256_cbc(), "bare AES-256-CBC decryption", 0);
    double gcm = bare_cipher(EVP_aes_256_gcm(), "bare AES-256-GCM encryption", 1);
    bare_compression();
    long start = peak_kib();
    encrypt_only(&k, CMS_AES_256_CBC, "EnvelopedData AES-256-CBC", cbc);
    encrypt_only(&k, CMS_AES_256_GCM, "AuthEnvelopedData AES-256-GCM", gcm);
    there_and_back(&k, CMS_AES_256_CBC, "AES-256-CBC encrypt and decrypt");
    there_and_back(&k, CMS_AES_256_GCM, "AES-256-GCM encrypt and decrypt");
    split_and_digest();
    sign_compress_encrypt_and_back(&k);
    long growth = peak_kib() - start;
    printf("  peak memory %ld KiB, grown by %ld KiB\n", peak_kib(), growth);
    cms_identity_free(k.identity);
    cms_certificate_free(k.certificate);
    return growth < GROWTH_MAX_KIB ? 0 : 1;
}
