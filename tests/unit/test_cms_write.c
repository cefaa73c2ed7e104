/* tests/unit/test_cms_write.c: what we sign, encrypt and compress, OpenSSL's command line takes, and so do we; in
 * constant memory (K01-K06, T06, Z05).
 */
#include "tests/unit/cms_fixture.h"

#include <sys/resource.h>

/* ---- sign */

static void openssl_verifies_what_we_sign_in_every_form(void **state) {
    (void)state;
    static const struct {
        party *signer;
        cms_sign_options options;
    } cases[] = {{&theirs, {.digest = DIGEST_SHA1}}, {&theirs, {.digest = DIGEST_SHA256}},
        {&theirs, {.digest = DIGEST_SHA384}}, {&theirs, {.digest = DIGEST_SHA512}},
        {&theirs, {.digest = DIGEST_SHA256, .pss = true}}, {&theirs, {.digest = DIGEST_SHA512, .pss = true}},
        {&theirs, {.digest = DIGEST_SHA256, .without_attributes = true}},
        {&theirs, {.digest = DIGEST_SHA256, .without_certificate = true}},
        {&theirs, {.digest = DIGEST_SHA256, .with_chain = true, .signing_time_ms = 1700000000000}},
        {&curve, {.digest = DIGEST_SHA256}}, {&curve, {.digest = DIGEST_SHA384, .without_attributes = true}}};
    cms_digests digests;
    reading unused = {.content = BUF_MAX(CONTENT_MAX)};
    cms_read_options reader = reader_options(&unused);
    put("plain", sample(5000));
    digest_of(sample(5000), &digests);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf der = BUF_MAX(CMS_SIGNATURE_MAX);
        cms_facts facts;
        error *err = cms_sign(cases[i].signer->identity, &digests, &cases[i].options, &der);
        if (err) fail_msg("case %zu: %s", i, error_text(err));
        put("signature", buf_span(&der));
        command("openssl cms -verify -binary -inform DER -in signature -content plain -noverify -certfile %s.pem "
                "-out back && cmp plain back",
            cases[i].signer->name);
        must(cms_verify_detached(buf_span(&der), &digests, &reader, &facts));
        assert_int_equal(facts.digest, cases[i].options.digest);
        assert_int_equal(facts.signed_attributes, !cases[i].options.without_attributes);
        if (cases[i].options.signing_time_ms) assert_int_equal(facts.signing_time_ms, 1700000000000);
        /* What travels inside is looked at only when nobody knows the signer. */
        const cms_read_options stranger = {.now_ms = reader.now_ms};
        error *unknown = cms_verify_detached(buf_span(&der), &digests, &stranger, &facts);
        assert_non_null(unknown);
        assert_int_equal(error_code_of(unknown), ERROR_REJECTED);
        error_free(unknown);
        assert_int_equal(facts.embedded_fingerprint[0] == '\0', cases[i].options.without_certificate);
        buf_free(&der);
    }
}

static void a_signature_holds_neither_capabilities_nor_algorithm_protection(void **state) {
    (void)state;
    cms_digests digests;
    buf der = BUF_MAX(CMS_SIGNATURE_MAX);
    digest_of(sample(50), &digests);
    must(cms_sign(theirs.identity, &digests, &(cms_sign_options){.digest = DIGEST_SHA256}, &der));
    assert_null(memmem(der.data, der.len, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0f", 9)); /* smimeCapabilities */
    assert_null(memmem(der.data, der.len, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x34", 9)); /* cmsAlgorithmProtect */
    buf_free(&der);
}

static void what_cannot_be_signed_is_said(void **state) {
    (void)state;
    cms_digests digests = {0};
    buf der = BUF_MAX(CMS_SIGNATURE_MAX);
    error *err = cms_sign(theirs.identity, &digests, &(cms_sign_options){.digest = DIGEST_SHA256}, &der);
    assert_non_null(err);
    error_free(err);
    digest_of(sample(5), &digests);
    err = cms_sign(curve.identity, &digests, &(cms_sign_options){.digest = DIGEST_SHA256, .pss = true}, &der);
    assert_non_null(err);
    error_free(err);
    buf_free(&der);
}

/* ---- encrypt */

static void encrypt(const cms_envelope_options *options, span plain, size_t step, buf *message) {
    cms_envelope *envelope = NULL;
    must(cms_envelope_new(options, &(sink){.write = to_buf, .context = message}, &envelope));
    for (size_t at = 0; at < plain.len; at += step)
        must(cms_envelope_write(envelope, span_make(plain.data + at, plain.len - at < step ? plain.len - at : step)));
    must(cms_envelope_finish(envelope));
    cms_envelope_free(envelope);
}

static void openssl_decrypts_what_we_encrypt_in_every_form(void **state) {
    (void)state;
    static const struct {
        party *recipient;
        const char *cipher;
        bool oaep, by_key_identifier;
        digest_kind oaep_digest;
    } cases[] = {{&ours, "aes128-cbc", false, false, 0}, {&ours, "aes192-cbc", false, true, 0},
        {&ours, "aes256-cbc", true, false, DIGEST_SHA1}, {&ours, "aes256-cbc", true, false, DIGEST_SHA256},
        {&ours, "aes128-gcm", false, false, 0}, {&ours, "aes256-gcm", true, true, DIGEST_SHA256},
        {&ours, "3des", false, false, 0}, {&curve, "aes256-cbc", false, false, 0},
        {&curve, "aes192-gcm", true, false, 0}};
    static const size_t sizes[] = {0, 1, 15, 16, 17, 65535, 65536, 200000};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const cms_certificate *to[] = {theirs.certificate, cases[i].recipient->certificate};
        cms_envelope_options options = {.oaep = cases[i].oaep,
            .oaep_digest = cases[i].oaep_digest,
            .by_key_identifier = cases[i].by_key_identifier,
            .recipients = to,
            .recipient_count = 2};
        assert_true(cms_cipher_named(span_of(cases[i].cipher), &options.cipher));
        for (size_t k = 0; k < 2 * sizeof sizes / sizeof *sizes; k++) {
            span plain = sample(sizes[k / 2]);
            buf message = BUF_MAX(CONTENT_MAX);
            options.content_bytes = k % 2 ? plain.len : CMS_LENGTH_UNKNOWN;
            encrypt(&options, plain, i % 2 ? 999 : 1 << 20, &message);
            if (k >= 14 || (k < 2 && !cms_cipher_is_authenticated(options.cipher))) {
                put("message", buf_span(&message));
                put("plain", plain);
                command("openssl cms -decrypt -binary -inform DER -in message -out back -recip %s.pem -inkey %s.key && "
                        "cmp plain back",
                    cases[i].recipient->name, cases[i].recipient->name);
            }
            reading r = {.content = BUF_MAX(CONTENT_MAX)};
            cms_read_options reader = reader_options(&r);
            reader.allow_3des = true;
            read_with(&r, &reader, buf_span(&message), 4000);
            if (r.err) fail_msg("%s, %zu bytes: %s", cases[i].cipher, plain.len, error_text(r.err));
            assert_true(span_equal(buf_span(&r.content), plain));
            assert_int_equal(r.facts.recipients, 2);
            reading_free(&r);
            buf_free(&message);
        }
    }
}

static void a_definite_envelope_is_der_throughout(void **state) {
    (void)state;
    const cms_certificate *to[] = {ours.certificate};
    cms_envelope_options options = {
        .cipher = CMS_AES_128_GCM, .recipients = to, .recipient_count = 1, .content_bytes = 70000};
    buf message = BUF_MAX(CONTENT_MAX);
    encrypt(&options, sample(70000), 4096, &message);
    put("message", buf_span(&message));
    /* What OpenSSL writes anew in DER is the same. */
    command("openssl cms -cmsout -inform DER -in message -outform DER -out again && cmp message again");
    buf_free(&message);
}

static void an_announced_length_is_kept(void **state) {
    (void)state;
    const cms_certificate *to[] = {ours.certificate};
    cms_envelope_options options = {
        .cipher = CMS_AES_128_CBC, .recipients = to, .recipient_count = 1, .content_bytes = 10};
    buf message = BUF_MAX(CONTENT_MAX);
    for (int i = 0; i < 2; i++) {
        cms_envelope *envelope = NULL;
        must(cms_envelope_new(&options, &(sink){.write = to_buf, .context = &message}, &envelope));
        error *err = cms_envelope_write(envelope, sample(i ? 11 : 9));
        if (!err) err = cms_envelope_finish(envelope);
        assert_non_null(err);
        error_free(err);
        cms_envelope_free(envelope);
    }
    buf_free(&message);
}

/* ---- compress */

static void our_compressed_messages_are_read_in_both_forms(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 65536, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t size = CMS_LENGTH_UNKNOWN;
        for (int definite = 0; definite < 2; definite++) {
            buf message = BUF_MAX(CONTENT_MAX);
            cms_compressor *compressor = NULL;
            reading r;
            must(cms_compressor_new(6, size, &(sink){.write = to_buf, .context = &message}, &compressor));
            must(cms_compressor_write(compressor, sample(sizes[i])));
            must(cms_compressor_finish(compressor));
            size = cms_compressor_size(compressor);
            cms_compressor_free(compressor);
            read_message(&r, buf_span(&message), 777);
            must(r.err);
            assert_true(span_equal(buf_span(&r.content), sample(sizes[i])));
            reading_free(&r);
            put("message", buf_span(&message));
            /* Debian's OpenSSL has no zlib, but knows the structure. */
            command("openssl cms -cmsout -print -noout -inform DER -in message >printed");
            command("grep -q zlib printed");
            if (definite)
                command("openssl cms -cmsout -inform DER -in message -outform DER -out again && cmp message again");
            buf_free(&message);
        }
    }
}

/* ---- constant memory (T06): content that never stands in memory whole */

static error *to_envelope(void *context, span piece) {
    return cms_envelope_write(context, piece);
}

static error *to_compressor(void *context, span piece) {
    return cms_compressor_write(context, piece);
}

static error *to_reader(void *context, span piece) {
    return cms_reader_write(context, piece);
}

static error *to_digests(void *context, span piece) {
    digest_set_update(context, piece);
    return NULL;
}

static long peak_kib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void memory_does_not_grow_with_the_message_T06(void **state) {
    (void)state;
    enum { TOTAL_MIB = 48, MIB = 1 << 20, GROWTH_MAX_KIB = 16 * 1024 };
    span block = sample(MIB);
    const cms_certificate *to[] = {ours.certificate};
    reading unused = {.content = BUF_MAX(1)};
    cms_digests before, after;
    digest_set *sent = digest_set_new(1u << DIGEST_SHA256), *received = digest_set_new(1u << DIGEST_SHA256);
    cms_read_options options = reader_options(&unused);
    long start = peak_kib();

    /* compress -> encrypt -> decrypt -> inflate -> digest, all at once */
    options.content = (sink){.write = to_digests, .context = received};
    cms_reader *inflate = cms_reader_new(&options);
    options.content = (sink){.write = to_reader, .context = inflate};
    cms_reader *decrypt = cms_reader_new(&options);
    cms_envelope *envelope = NULL;
    cms_compressor *compressor = NULL;
    cms_envelope_options wanted = {
        .cipher = CMS_AES_256_CBC, .recipients = to, .recipient_count = 1, .content_bytes = CMS_LENGTH_UNKNOWN};
    must(cms_envelope_new(&wanted, &(sink){.write = to_reader, .context = decrypt}, &envelope));
    must(cms_compressor_new(1, CMS_LENGTH_UNKNOWN, &(sink){.write = to_envelope, .context = envelope}, &compressor));
    for (int i = 0; i < TOTAL_MIB; i++) {
        digest_set_update(sent, block);
        must(to_compressor(compressor, block));
    }
    must(cms_compressor_finish(compressor));
    must(cms_envelope_finish(envelope));
    must(cms_reader_finish(decrypt));
    must(cms_reader_finish(inflate));
    digest_set_finish(sent, &before);
    digest_set_finish(received, &after);
    assert_memory_equal(before.value[DIGEST_SHA256], after.value[DIGEST_SHA256], DIGEST_SIZE);
    assert_int_equal(cms_reader_facts(inflate)->content_bytes, (uint64_t)TOTAL_MIB * MIB);

    long growth = peak_kib() - start;
    print_message("%d MiB compressed, encrypted and back: peak memory grew by %ld KiB\n", TOTAL_MIB, growth);
#ifndef __SANITIZE_ADDRESS__
    assert_true(growth < GROWTH_MAX_KIB);
#endif
    cms_compressor_free(compressor);
    cms_envelope_free(envelope);
    cms_reader_free(decrypt);
    cms_reader_free(inflate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_verifies_what_we_sign_in_every_form),
        cmocka_unit_test(a_signature_holds_neither_capabilities_nor_algorithm_protection),
        cmocka_unit_test(what_cannot_be_signed_is_said),
        cmocka_unit_test(openssl_decrypts_what_we_encrypt_in_every_form),
        cmocka_unit_test(a_definite_envelope_is_der_throughout),
        cmocka_unit_test(an_announced_length_is_kept),
        cmocka_unit_test(our_compressed_messages_are_read_in_both_forms),
        cmocka_unit_test(memory_does_not_grow_with_the_message_T06),
    };
    return cmocka_run_group_tests(tests, make_parties, drop_parties);
}
