/* tests/unit/test_cms_read.c: what OpenSSL's command line writes is read in streams, and what is hostile is refused
 * (K01-K06, E02-E06, E14, E21, CM-01-CM-08, CZ-01, CZ-02).
 */
#include "tests/unit/cms_fixture.h"

#include "core/base/mime_decode.h"

#include <zlib.h>

static const size_t steps[] = {1, 7, 65536};

/* ---- encrypted */

static const struct {
    const char *options, *cipher, *transport;
    size_t identity;
} envelopes[] = {
    {"-aes128 -recip ours.pem", "AES-128-CBC", "rsaEncryption", 0},
    {"-aes192 -recip ours.pem", "AES-192-CBC", "rsaEncryption", 0},
    {"-aes256 -stream -recip ours.pem", "AES-256-CBC", "rsaEncryption", 0},
    {"-aes256 -keyid -recip ours.pem", "AES-256-CBC", "rsaEncryption", 0},
    {"-aes256 -recip ours.pem -keyopt rsa_padding_mode:oaep", "AES-256-CBC", "RSAES-OAEP", 0},
    {"-aes256 -recip ours.pem -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256 -keyopt rsa_mgf1_md:sha256",
        "AES-256-CBC", "RSAES-OAEP", 0},
    {"-aes-128-gcm -recip ours.pem", "AES-128-GCM", "rsaEncryption", 0},
    {"-aes-256-gcm -stream -recip ours.pem", "AES-256-GCM", "rsaEncryption", 0},
    {"-aes256 -recip curve.pem", "AES-256-CBC", "ECDH", 1},
    {"-aes256 -recip theirs.pem -recip ours.pem", "AES-256-CBC", "rsaEncryption", 0},
};

static void what_openssl_encrypts_is_decrypted_K02_K03_K05_K06(void **state) {
    (void)state;
    put("plain", sample(100000));
    for (size_t i = 0; i < sizeof envelopes / sizeof *envelopes; i++) {
        buf message = BUF_MAX(CONTENT_MAX);
        reading r;
        /* openssl cms wants the recipient with options behind: -recip, then -keyopt. */
        command("openssl cms -encrypt -binary -in plain -outform DER -out message %s", envelopes[i].options);
        get("message", &message);
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            read_message(&r, buf_span(&message), steps[k]);
            if (r.err) fail_msg("%s: %s", envelopes[i].options, error_text(r.err));
            assert_true(span_equal(buf_span(&r.content), sample(100000)));
            assert_string_equal(r.facts.cipher, envelopes[i].cipher);
            assert_string_equal(r.facts.key_transport, envelopes[i].transport);
            assert_int_equal(r.facts.identity, envelopes[i].identity);
            reading_free(&r);
        }
        buf_free(&message);
    }
}

static void triple_des_is_read_only_where_it_is_allowed_P06(void **state) {
    (void)state;
    buf message = BUF_MAX(CONTENT_MAX);
    reading r = {.content = BUF_MAX(CONTENT_MAX)};
    put("plain", sample(1000));
    command("openssl cms -encrypt -binary -des3 -in plain -outform DER -out message -recip ours.pem");
    get("message", &message);
    read_message(&r, buf_span(&message), 100);
    assert_fault(&r, CMS_FAULT_ALGORITHM);
    assert_int_equal(r.content.len, 0);
    reading_free(&r);
    r.content = BUF_MAX(CONTENT_MAX);
    cms_read_options options = reader_options(&r);
    options.allow_3des = true;
    read_with(&r, &options, buf_span(&message), 100);
    must(r.err);
    assert_true(span_equal(buf_span(&r.content), sample(1000)));
    reading_free(&r);
    buf_free(&message);
}

static void every_failure_to_decrypt_has_the_same_words_E06(void **state) {
    (void)state;
    static const struct {
        const char *recipient;
        long flip; /* byte from the end to change; 0: none */
        size_t cut;
    } cases[] = {{"-aes256 -recip theirs.pem", 0, 0}, {"-aes256 -recip ours.pem", 17, 0},
        {"-aes256 -recip ours.pem", 0, 16}, {"-aes256 -recip ours.pem", 0, 1}, {"-aes-256-gcm -recip ours.pem", 100, 0},
        {"-aes-256-gcm -recip ours.pem", 1, 0}, {"-aes-256-gcm -recip ours.pem", 0, 1}};
    char *words = NULL;
    put("plain", sample(5000));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf message = BUF_MAX(CONTENT_MAX);
        reading r;
        command("openssl cms -encrypt -binary -in plain -outform DER -out message %s", cases[i].recipient);
        get("message", &message);
        /* A change in the block before the last garbles the padding. */
        if (cases[i].flip) message.data[message.len - (size_t)cases[i].flip] ^= 0x55;
        message.len -= cases[i].cut;
        read_message(&r, buf_span(&message), 64);
        assert_fault(&r, CMS_FAULT_DECRYPTION);
        if (!words) words = xstrdup(error_text(r.err));
        assert_string_equal(error_text(r.err), words);
        reading_free(&r);
        buf_free(&message);
    }
    free(words);
}

static void a_stranger_s_message_lets_no_byte_out(void **state) {
    (void)state;
    buf message = BUF_MAX(CONTENT_MAX);
    reading r;
    put("plain", sample(5000));
    command("openssl cms -encrypt -binary -aes256 -in plain -outform DER -out message -recip theirs.pem");
    get("message", &message);
    read_message(&r, buf_span(&message), 64);
    assert_int_equal(r.content.len, 0);
    assert_int_equal(r.facts.identity, SIZE_MAX);
    reading_free(&r);
    buf_free(&message);
}

static void a_password_recipient_is_passed_over_CM_09(void **state) {
    (void)state;
    buf message = BUF_MAX(CONTENT_MAX);
    reading r;
    put("plain", sample(500));
    command("openssl cms -encrypt -binary -aes256 -in plain -outform DER -out message -pwri_password abc");
    get("message", &message);
    read_message(&r, buf_span(&message), 64);
    assert_fault(&r, CMS_FAULT_DECRYPTION);
    reading_free(&r);
    buf_free(&message);
}

static void a_nonce_of_another_length_is_refused_before_decrypting_CM_06(void **state) {
    (void)state;
    buf message = BUF_MAX(CONTENT_MAX);
    reading r;
    put("plain", sample(500));
    command("openssl cms -encrypt -binary -aes-256-gcm -in plain -outform DER -out message -recip ours.pem");
    get("message", &message);
    /* The nonce of twelve bytes becomes one of ten and a NULL. */
    static const char gcm[] = "\x60\x86\x48\x01\x65\x03\x04\x01\x2e";
    char *at = memmem(message.data, message.len, gcm, 9);
    assert_non_null(at);
    assert_int_equal(at[12], 12);
    assert_int_equal(at[26], 1);
    at[27] = 4; /* a tag of four bytes */
    read_message(&r, buf_span(&message), 64);
    assert_fault(&r, CMS_FAULT_ALGORITHM);
    reading_free(&r);
    at[27] = 16;
    at[12] = 10, at[23] = 0x05, at[24] = 0;
    read_message(&r, buf_span(&message), 64);
    assert_fault(&r, CMS_FAULT_ALGORITHM);
    reading_free(&r);
    at[12] = 14; /* longer than what holds it */
    read_message(&r, buf_span(&message), 64);
    assert_non_null(r.err);
    reading_free(&r);
    buf_free(&message);
}

/* ---- signed */

static const struct {
    const char *options, *signature;
    digest_kind digest;
    size_t signer;
    bool attributes;
} signatures[] = {
    {"-md sha1 -signer theirs.pem -inkey theirs.key", "rsaEncryption", DIGEST_SHA1, 0, true},
    {"-md sha256 -signer theirs.pem -inkey theirs.key", "rsaEncryption", DIGEST_SHA256, 0, true},
    {"-md sha384 -nocerts -signer theirs.pem -inkey theirs.key", "rsaEncryption", DIGEST_SHA384, 0, true},
    {"-md sha512 -keyid -signer theirs.pem -inkey theirs.key", "rsaEncryption", DIGEST_SHA512, 0, true},
    {"-md sha256 -noattr -signer theirs.pem -inkey theirs.key", "rsaEncryption", DIGEST_SHA256, 0, false},
    {"-md sha256 -signer theirs.pem -inkey theirs.key -keyopt rsa_padding_mode:pss", "rsassaPss", DIGEST_SHA256, 0,
        true},
    {"-md sha256 -signer curve.pem -inkey curve.key", "ecdsa-with-SHA256", DIGEST_SHA256, 1, true},
    {"-md sha256 -noattr -signer curve.pem -inkey curve.key", "ecdsa-with-SHA256", DIGEST_SHA256, 1, false},
};

static void detached_signatures_of_openssl_are_verified_K01_K04_K07(void **state) {
    (void)state;
    cms_digests digests, others;
    reading unused = {.content = BUF_MAX(CONTENT_MAX)};
    cms_read_options options = reader_options(&unused);
    put("plain", sample(3000));
    digest_of(sample(3000), &digests);
    digest_of(sample(2999), &others);
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        buf message = BUF_MAX(CONTENT_MAX);
        cms_facts facts;
        command("openssl cms -sign -binary -in plain -outform DER -out message %s", signatures[i].options);
        get("message", &message);
        error *err = cms_verify_detached(buf_span(&message), &digests, &options, &facts);
        if (err) fail_msg("%s: %s", signatures[i].options, error_text(err));
        assert_string_equal(facts.signature, signatures[i].signature);
        assert_int_equal(facts.digest, signatures[i].digest);
        assert_int_equal(facts.signer, signatures[i].signer);
        assert_int_equal(facts.signed_attributes, signatures[i].attributes);

        err = cms_verify_detached(buf_span(&message), &others, &options, &facts);
        assert_non_null(err);
        assert_int_equal(facts.fault, signatures[i].attributes ? CMS_FAULT_DIGEST : CMS_FAULT_SIGNATURE); /* E02 */
        error_free(err);

        message.data[message.len - 5] ^= 1;
        err = cms_verify_detached(buf_span(&message), &digests, &options, &facts);
        assert_non_null(err);
        assert_int_equal(facts.fault, CMS_FAULT_SIGNATURE);
        error_free(err);
        buf_free(&message);
    }
}

static void signed_content_inside_is_handed_out_and_verified(void **state) {
    (void)state;
    put("plain", sample(100000));
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        /* OpenSSL 3.0 cannot stream PSS. */
        for (int stream = 0; stream < (strstr(signatures[i].options, "pss") ? 1 : 2); stream++) {
            buf message = BUF_MAX(CONTENT_MAX);
            reading r;
            command("openssl cms -sign -nodetach -binary %s -in plain -outform DER -out message %s",
                stream ? "-stream" : "", signatures[i].options);
            get("message", &message);
            read_message(&r, buf_span(&message), 999);
            if (r.err) fail_msg("%s: %s", signatures[i].options, error_text(r.err));
            assert_true(span_equal(buf_span(&r.content), sample(100000)));
            assert_int_equal(r.facts.digest, signatures[i].digest);
            reading_free(&r);
            message.data[message.len / 2] ^= 1;
            read_message(&r, buf_span(&message), 999);
            assert_non_null(r.err);
            reading_free(&r);
            buf_free(&message);
        }
    }
}

typedef struct refusal {
    const char *how; /* the command that makes `message`; plain is there */
    cms_fault fault;
} refusal;

static void a_signature_that_is_not_right_is_refused_by_name_E01_E03(void **state) {
    (void)state;
    static const refusal cases[] = {
        {"openssl cms -sign -binary -in plain -outform DER -out message -signer ours.pem -inkey ours.key",
            CMS_FAULT_SIGNER_UNKNOWN},
        {"openssl cms -sign -binary -in plain -outform DER -out message -signer ours.pem -inkey ours.key -signer "
         "theirs.pem -inkey theirs.key",
            CMS_FAULT_SIGNER_COUNT},
        {"openssl crl2pkcs7 -nocrl -certfile theirs.pem -outform DER -out message", CMS_FAULT_SIGNER_COUNT},
        {"openssl cms -sign -md md5 -binary -in plain -outform DER -out message -signer theirs.pem -inkey theirs.key",
            CMS_FAULT_ALGORITHM},
        {"openssl cms -sign -nodetach -binary -in plain -outform DER -out message -signer theirs.pem -inkey theirs.key",
            CMS_FAULT_MALFORMED},
        {"openssl cms -encrypt -aes256 -binary -in plain -outform DER -out message -recip ours.pem", CMS_FAULT_KIND},
        {"cp plain message", CMS_FAULT_MALFORMED},
        {": >message", CMS_FAULT_MALFORMED},
    };
    cms_digests digests;
    reading unused = {.content = BUF_MAX(CONTENT_MAX)};
    cms_read_options options = reader_options(&unused);
    put("plain", sample(3000));
    digest_of(sample(3000), &digests);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf message = BUF_MAX(CONTENT_MAX);
        cms_facts facts;
        command("%s", cases[i].how);
        get("message", &message);
        error *err = cms_verify_detached(buf_span(&message), &digests, &options, &facts);
        if (!err || facts.fault != cases[i].fault)
            fail_msg("%s: %s, %s", cases[i].how, cms_fault_name(facts.fault), err ? error_text(err) : "taken");
        error_free(err);
        buf_free(&message);
    }
}

static void an_unknown_signer_is_named_with_its_certificate(void **state) {
    (void)state;
    buf message = BUF_MAX(CONTENT_MAX), pem = BUF_MAX(CONTENT_MAX);
    cms_digests digests;
    cms_facts facts;
    certificate_facts certificate;
    reading unused = {.content = BUF_MAX(CONTENT_MAX)};
    cms_read_options options = reader_options(&unused);
    put("plain", sample(30));
    digest_of(sample(30), &digests);
    command("openssl cms -sign -binary -in plain -outform DER -out message -signer ours.pem -inkey ours.key");
    get("message", &message);
    get("ours.pem", &pem);
    must(certificate_read(buf_span(&pem), &certificate));
    error_free(cms_verify_detached(buf_span(&message), &digests, &options, &facts));
    assert_string_equal(facts.embedded_fingerprint, certificate.fingerprint);
    assert_non_null(strstr(facts.signer_words, "CN=ours"));
    assert_non_null(strstr(facts.signer_words, certificate.serial));
    certificate_facts_free(&certificate);
    buf_free(&message);
    buf_free(&pem);
}

static void dates_of_the_signer_s_certificate_count(void **state) {
    (void)state;
    static const int64_t day = 86400000;
    buf message = BUF_MAX(CONTENT_MAX);
    cms_digests digests;
    cms_facts facts;
    reading unused = {.content = BUF_MAX(CONTENT_MAX)};
    cms_read_options options = reader_options(&unused);
    put("plain", sample(30));
    digest_of(sample(30), &digests);
    command("openssl cms -sign -binary -in plain -outform DER -out message -signer theirs.pem -inkey theirs.key");
    get("message", &message);
    options.now_ms = clock_wall_ms() + 40 * day;
    error_free(cms_verify_detached(buf_span(&message), &digests, &options, &facts));
    assert_int_equal(facts.fault, CMS_FAULT_EXPIRED);
    options.allow_expired = true;
    must(cms_verify_detached(buf_span(&message), &digests, &options, &facts));
    assert_true(facts.expired);
    options.now_ms = clock_wall_ms() - 40 * day;
    error_free(cms_verify_detached(buf_span(&message), &digests, &options, &facts));
    assert_int_equal(facts.fault, CMS_FAULT_NOT_YET_VALID);
    buf_free(&message);
}

static void the_digest_that_a_signature_needs_is_named(void **state) {
    (void)state;
    buf message = BUF_MAX(CONTENT_MAX);
    cms_digests digests;
    cms_facts facts;
    reading unused = {.content = BUF_MAX(CONTENT_MAX)};
    cms_read_options options = reader_options(&unused);
    put("plain", sample(30));
    digest_of(sample(30), &digests);
    digests.present = 1u << DIGEST_SHA256;
    command("openssl cms -sign -md sha512 -binary -in plain -outform DER -out message -signer theirs.pem -inkey "
            "theirs.key");
    get("message", &message);
    error *err = cms_verify_detached(buf_span(&message), &digests, &options, &facts);
    assert_non_null(err);
    assert_int_equal(error_code_of(err), ERROR_NOT_FOUND);
    assert_int_equal(facts.digest, DIGEST_SHA512);
    error_free(err);
    buf_free(&message);
}

/* ---- compressed */

static error *refuse_nothing(void *context, span piece) {
    *(uint64_t *)context += piece.len;
    return NULL;
}

static void compress_whole(span plain, buf *message) {
    cms_compressor *compressor = NULL;
    must(cms_compressor_new(9, CMS_LENGTH_UNKNOWN, &(sink){.write = to_buf, .context = message}, &compressor));
    must(cms_compressor_write(compressor, plain));
    must(cms_compressor_finish(compressor));
    cms_compressor_free(compressor);
}

static void a_message_that_inflates_beyond_reason_is_stopped_CZ_01_E14(void **state) {
    (void)state;
    enum { MIB = 1 << 20 };
    char *zeros = xcalloc(1, MIB);
    buf message = BUF_MAX(CONTENT_MAX);
    cms_compressor *compressor = NULL;
    must(cms_compressor_new(9, CMS_LENGTH_UNKNOWN, &(sink){.write = to_buf, .context = &message}, &compressor));
    for (int i = 0; i < 256; i++)
        must(cms_compressor_write(compressor, span_make(zeros, MIB)));
    must(cms_compressor_finish(compressor));
    cms_compressor_free(compressor);

    uint64_t seen = 0;
    reading r = {0};
    cms_read_options options = reader_options(&r);
    options.content = (sink){.write = refuse_nothing, .context = &seen};
    read_with(&r, &options, buf_span(&message), 65536);
    assert_fault(&r, CMS_FAULT_TOO_LARGE);
    assert_true(seen <= 32 * MIB);
    reading_free(&r);

    options.content_max = MIB;
    seen = 0;
    read_with(&r, &options, buf_span(&message), 65536);
    assert_fault(&r, CMS_FAULT_TOO_LARGE);
    assert_true(seen <= MIB);
    reading_free(&r);
    buf_free(&message);
    free(zeros);
}

static void broken_compression_is_named_CZ_02(void **state) {
    (void)state;
    buf message = BUF_MAX(CONTENT_MAX);
    reading r;
    compress_whole(sample(50000), &message);
    for (size_t at = 60; at < message.len - 20; at += message.len / 23) {
        message.data[at] ^= 0x10;
        read_message(&r, buf_span(&message), 1000);
        assert_non_null(r.err);
        reading_free(&r);
        message.data[at] ^= 0x10;
    }
    read_message(&r, buf_span(&message), 1000);
    must(r.err);
    assert_true(span_equal(buf_span(&r.content), sample(50000)));
    reading_free(&r);
    buf_free(&message);
}

static void base64_inside_compressed_data_is_seen_through(void **state) {
    (void)state;
    unsigned char packed[512];
    uLongf len = sizeof packed;
    span plain = SPAN("ISA*00*          *00*          *ZZ*SENDER");
    assert_int_equal(compress(packed, &len, (const unsigned char *)plain.data, plain.len), Z_OK);
    buf text = BUF_MAX(1024), message = BUF_MAX(2048);
    mime_base64_lines(span_make((const char *)packed, len), &text);
    assert_true(text.len < 100);
    /* Built by hand: lengths below 128 throughout. */
    char t = (char)text.len;
    const char head[] = {0x30, (char)(t + 54), 0x06, 0x0b, 0x2a, (char)0x86, 0x48, (char)0x86, (char)0xf7, 0x0d, 0x01,
        0x09, 0x10, 0x01, 0x09, (char)0xa0, (char)(t + 39), 0x30, (char)(t + 37), 0x02, 0x01, 0x00, 0x30, 0x0d, 0x06,
        0x0b, 0x2a, (char)0x86, 0x48, (char)0x86, (char)0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x08, 0x30, (char)(t + 17),
        0x06, 0x09, 0x2a, (char)0x86, 0x48, (char)0x86, (char)0xf7, 0x0d, 0x01, 0x07, 0x01, (char)0xa0, (char)(t + 2),
        0x04, t};
    buf_add(&message, span_make(head, sizeof head));
    message.data[1] = (char)(sizeof head - 2 + text.len);
    buf_add(&message, buf_span(&text));
    reading r;
    /* The lengths are worked out from the end. */
    message.data[16] = (char)(sizeof head - 17 + text.len);
    message.data[18] = (char)(sizeof head - 19 + text.len);
    message.data[38] = (char)(sizeof head - 39 + text.len);
    read_message(&r, buf_span(&message), 5);
    must(r.err);
    assert_true(r.facts.base64_inside);
    assert_true(span_equal(buf_span(&r.content), plain));
    reading_free(&r);
    buf_free(&message);
    buf_free(&text);
}

/* ---- hostile structures */

static void a_message_cut_anywhere_is_refused_CM_01(void **state) {
    (void)state;
    static const char *const makers[] = {
        "openssl cms -encrypt -binary -aes256 -in plain -outform DER -out message -recip ours.pem",
        "openssl cms -encrypt -binary -aes-256-gcm -stream -in plain -outform DER -out message -recip ours.pem",
        "openssl cms -sign -nodetach -binary -in plain -outform DER -out message -signer curve.pem -inkey curve.key"};
    put("plain", sample(40));
    for (size_t i = 0; i < 3; i++) {
        buf message = BUF_MAX(CONTENT_MAX);
        command("%s", makers[i]);
        get("message", &message);
        for (size_t len = 0; len < message.len; len++) {
            reading r;
            read_message(&r, span_make(message.data, len), 4096);
            if (!r.err) fail_msg("%s: taken when cut to %zu bytes", makers[i], len);
            reading_free(&r);
        }
        buf_free(&message);
    }
}

static void a_message_changed_anywhere_never_does_harm_E21(void **state) {
    (void)state;
    static const char *const makers[] = {
        "openssl cms -encrypt -binary -aes-256-gcm -in plain -outform DER -out message -recip curve.pem",
        "openssl cms -sign -nodetach -binary -stream -in plain -outform DER -out message -signer curve.pem -inkey "
        "curve.key"};
    static const char changes[] = {0x01, 0x20, (char)0x80, (char)0xff};
    put("plain", sample(40));
    for (size_t i = 0; i < 2; i++) {
        buf message = BUF_MAX(CONTENT_MAX);
        command("%s", makers[i]);
        get("message", &message);
        for (size_t at = 0; at < message.len; at++) {
            for (size_t c = 0; c < sizeof changes; c++) {
                reading r;
                message.data[at] ^= changes[c];
                read_message(&r, buf_span(&message), 4096);
                /* Taken is fine where the byte says nothing (an embedded certificate, a version); then all is as it
                 * was. */
                if (!r.err) assert_true(span_equal(buf_span(&r.content), sample(40)));
                reading_free(&r);
                message.data[at] ^= changes[c];
            }
        }
        buf_free(&message);
    }
}

static void bombs_of_structure_are_refused_at_once_CM_01_CM_02_CM_04(void **state) {
    (void)state;
    static const struct {
        span head, again; /* what is repeated a hundred thousand times behind the head */
    } cases[] = {
        {SPAN(""), SPAN("\x30\x80")},
        {SPAN(""), SPAN("\x24\x80")},
        {SPAN("\x30\x8a"), SPAN("\xff")},
        {SPAN("\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff"), SPAN("\x00")},
        {SPAN("\x30\x80\x06\x84\x7f\xff\xff\xff"), SPAN("\x81")},
        {SPAN("\x30\x80\x1f\xff"), SPAN("\xff")},
        {SPAN("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x80"),
            SPAN("\x30\x00")},
        {SPAN("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30\x80\x02\x01\x00\x31\x80"),
            SPAN("\x30\x00")},
        {SPAN("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01"),
            SPAN("\x04\x01\x00")},
        {SPAN("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30\x80\x31\x80\x30\x83\x7f\xff\xff"),
            SPAN("\x04\x82\x40\x00")},
        {SPAN("\x00\x00"), SPAN("\x00\x00")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reading r = {.content = BUF_MAX(CONTENT_MAX)};
        cms_read_options options = reader_options(&r);
        cms_reader *reader = cms_reader_new(&options);
        r.err = cms_reader_write(reader, cases[i].head);
        size_t count = 0;
        for (; !r.err && count < 100000; count++)
            r.err = cms_reader_write(reader, cases[i].again);
        r.facts = *cms_reader_facts(reader);
        if (!r.err) fail_msg("case %zu is taken", i);
        assert_int_equal(r.facts.fault, CMS_FAULT_MALFORMED);
        cms_reader_free(reader);
        reading_free(&r);
    }
}

static void what_is_no_cms_and_other_kinds_are_told_apart(void **state) {
    (void)state;
    reading r;
    read_message(&r, SPAN("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x05"), 3);
    assert_fault(&r, CMS_FAULT_KIND);
    reading_free(&r);
    read_message(&r, SPAN("ISA*00*"), 3);
    assert_fault(&r, CMS_FAULT_MALFORMED);
    reading_free(&r);
}

static void only_line_ends_may_follow_a_message_CM_08(void **state) {
    (void)state;
    buf message = BUF_MAX(CONTENT_MAX);
    reading r;
    compress_whole(sample(10), &message);
    buf_add(&message, SPAN("\r\n"));
    read_message(&r, buf_span(&message), 1);
    must(r.err);
    reading_free(&r);
    buf_add(&message, SPAN("\x30"));
    read_message(&r, buf_span(&message), 1);
    assert_fault(&r, CMS_FAULT_MALFORMED);
    reading_free(&r);
    buf_free(&message);
}

static void any_spelling_of_a_digest_is_known(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int kind; /* -1: none */
    } cases[] = {{"sha1", DIGEST_SHA1}, {"SHA-1", DIGEST_SHA1}, {"rsa-sha1", DIGEST_SHA1},
        {"\"sha-256\"", DIGEST_SHA256}, {"sha2_256", DIGEST_SHA256}, {"SHA2-512", DIGEST_SHA512},
        {" sha384 ", DIGEST_SHA384}, {"RSA-SHA256", DIGEST_SHA256}, {"md5", -1}, {"", -1}, {"sha", -1}, {"sha-2", -1},
        {"sha3-256", -1}, {"sha-256sha-256sha-256", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        digest_kind kind = DIGEST_SHA1;
        bool known = digest_from_micalg(span_of(cases[i].name), &kind);
        if (known != (cases[i].kind >= 0) || (known && (int)kind != cases[i].kind)) fail_msg("%s", cases[i].name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_openssl_encrypts_is_decrypted_K02_K03_K05_K06),
        cmocka_unit_test(triple_des_is_read_only_where_it_is_allowed_P06),
        cmocka_unit_test(every_failure_to_decrypt_has_the_same_words_E06),
        cmocka_unit_test(a_stranger_s_message_lets_no_byte_out),
        cmocka_unit_test(a_password_recipient_is_passed_over_CM_09),
        cmocka_unit_test(a_nonce_of_another_length_is_refused_before_decrypting_CM_06),
        cmocka_unit_test(detached_signatures_of_openssl_are_verified_K01_K04_K07),
        cmocka_unit_test(signed_content_inside_is_handed_out_and_verified),
        cmocka_unit_test(a_signature_that_is_not_right_is_refused_by_name_E01_E03),
        cmocka_unit_test(an_unknown_signer_is_named_with_its_certificate),
        cmocka_unit_test(dates_of_the_signer_s_certificate_count),
        cmocka_unit_test(the_digest_that_a_signature_needs_is_named),
        cmocka_unit_test(a_message_that_inflates_beyond_reason_is_stopped_CZ_01_E14),
        cmocka_unit_test(broken_compression_is_named_CZ_02),
        cmocka_unit_test(base64_inside_compressed_data_is_seen_through),
        cmocka_unit_test(a_message_cut_anywhere_is_refused_CM_01),
        cmocka_unit_test(a_message_changed_anywhere_never_does_harm_E21),
        cmocka_unit_test(bombs_of_structure_are_refused_at_once_CM_01_CM_02_CM_04),
        cmocka_unit_test(what_is_no_cms_and_other_kinds_are_told_apart),
        cmocka_unit_test(only_line_ends_may_follow_a_message_CM_08),
        cmocka_unit_test(any_spelling_of_a_digest_is_known),
    };
    return cmocka_run_group_tests(tests, make_parties, drop_parties);
}
