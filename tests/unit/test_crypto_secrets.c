/* tests/unit/test_crypto_secrets.c: digests, sealed records, passwords and tokens, held against the openssl command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/crypto/password.h"
#include "core/crypto/secret.h"
#include "core/crypto/token.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void must(error *err) {
    if (err) fail_msg("%s", error_text(err));
}

/* What a shell command prints. */
static char *output_of(const char *command) {
    FILE *pipe = popen(command, "r");
    buf text = BUF_MAX(65536);
    assert_non_null(pipe);
    must(io_read_all(fileno(pipe), &text, command));
    assert_int_equal(pclose(pipe), 0);
    return buf_take(&text, NULL);
}

static void digests_agree_with_openssl(void **state) {
    (void)state;
    static const struct {
        digest_kind kind;
        const char *name;
        size_t size;
    } kinds[] = {{DIGEST_SHA1, "sha1", 20}, {DIGEST_SHA256, "sha256", 32}, {DIGEST_SHA384, "sha384", 48},
        {DIGEST_SHA512, "sha512", 64}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        unsigned char sum[DIGEST_BYTES_MAX];
        char command[128], hex[2 * DIGEST_BYTES_MAX + 1] = "";
        digest *d = digest_new(kinds[i].kind);
        digest_update(d, SPAN("in two "));
        digest_update(d, SPAN("pieces"));
        digest_update(d, SPAN(""));
        assert_int_equal(digest_finish(d, sum), kinds[i].size);
        for (size_t k = 0; k < kinds[i].size; k++)
            snprintf(hex + 2 * k, 3, "%02x", sum[k]);
        snprintf(command, sizeof command, "printf 'in two pieces' | openssl dgst -%s -r", kinds[i].name);
        char *said = output_of(command);
        assert_memory_equal(said, hex, strlen(hex));
        free(said);
    }
    digest_free(digest_new(DIGEST_SHA256));
    digest_free(NULL);
}

static void the_table_for_the_store_is_sha256(void **state) {
    (void)state;
    unsigned char sum[DIGEST_SIZE];
    char text[DIGEST_HEX_SIZE], whole[DIGEST_HEX_SIZE];
    void *digest_state = crypto_sha256.begin();
    crypto_sha256.update(digest_state, SPAN("ab"));
    crypto_sha256.update(digest_state, SPAN("c"));
    crypto_sha256.finish(digest_state, sum);
    assert_string_equal(
        digest_hex(sum, text), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); /* FIPS 180-2 B.1 */
    assert_string_equal(digest_sha256_hex(SPAN("abc"), whole), text);
    crypto_sha256.abandon(crypto_sha256.begin());
}

static void a_sealed_record_opens_with_its_key_and_name_only(void **state) {
    (void)state;
    unsigned char key[SECRET_KEY_SIZE], other[SECRET_KEY_SIZE];
    id_random(key, sizeof key);
    id_random(other, sizeof other);
    for (size_t len = 0; len < 100; len += 33) {
        char secret[100];
        id_random(secret, sizeof secret);
        buf sealed = BUF_MAX(1000), plain = BUF_MAX(1000);
        must(secret_seal(key, SPAN("connections|acme|password"), span_make(secret, len), &sealed));
        must(secret_open(key, SPAN("connections|acme|password"), buf_span(&sealed), &plain));
        assert_true(span_equal(buf_span(&plain), span_make(secret, len)));
        buf_clear(&plain);
        error *err = secret_open(other, SPAN("connections|acme|password"), buf_span(&sealed), &plain);
        assert_int_equal(error_code_of(err), ERROR_CORRUPT);
        error_free(err);
        err = secret_open(key, SPAN("connections|acme|passphrase"), buf_span(&sealed), &plain);
        assert_int_equal(error_code_of(err), ERROR_CORRUPT);
        error_free(err);
        assert_int_equal(plain.len, 0);
        buf_free(&sealed);
        buf_free(&plain);
    }
}

static void a_changed_or_cut_record_is_never_opened(void **state) {
    (void)state;
    unsigned char key[SECRET_KEY_SIZE] = {1};
    buf sealed = BUF_MAX(1000);
    must(secret_seal(key, SPAN("n"), SPAN("the secret"), &sealed));
    for (size_t i = 0; i < sealed.len; i++) {
        buf plain = BUF_MAX(1000);
        sealed.data[i] ^= 1;
        error *err = secret_open(key, SPAN("n"), buf_span(&sealed), &plain);
        assert_int_equal(error_code_of(err), ERROR_CORRUPT);
        error_free(err);
        sealed.data[i] ^= 1;
        err = secret_open(key, SPAN("n"), span_make(sealed.data, i), &plain);
        assert_int_equal(error_code_of(err), ERROR_CORRUPT);
        error_free(err);
        assert_int_equal(plain.len, 0);
        buf_free(&plain);
    }
    buf_free(&sealed);
}

static void two_records_of_one_secret_differ(void **state) {
    (void)state;
    unsigned char key[SECRET_KEY_SIZE] = {1};
    buf one = BUF_MAX(1000), two = BUF_MAX(1000);
    must(secret_seal(key, SPAN("n"), SPAN("same"), &one));
    must(secret_seal(key, SPAN("n"), SPAN("same"), &two));
    assert_false(secret_equal(buf_span(&one), buf_span(&two)));
    assert_true(secret_equal(buf_span(&one), buf_span(&one)));
    assert_true(secret_equal(SPAN(""), span_make(NULL, 0)));
    assert_false(secret_equal(SPAN("a"), SPAN("ab")));
    buf_free(&one);
    buf_free(&two);
}

static void a_password_matches_its_own_hash_only(void **state) {
    (void)state;
    char hash[PASSWORD_HASH_ROOM], again[PASSWORD_HASH_ROOM];
    must(password_hash(SPAN("correct horse"), hash));
    must(password_hash(SPAN("correct horse"), again));
    assert_string_not_equal(hash, again);
    assert_true(password_matches(SPAN("correct horse"), hash));
    assert_false(password_matches(SPAN("correct horsf"), hash));
    assert_false(password_matches(SPAN(""), hash));
    assert_false(password_matches(SPAN("correct horse"), ""));
    assert_false(password_matches(SPAN("correct horse"), "scrypt$99$8$1$00$00"));
    hash[strlen(hash) - 1] ^= 1;
    assert_false(password_matches(SPAN("correct horse"), hash));
}

static void a_password_hash_is_the_scrypt_that_openssl_computes(void **state) {
    (void)state;
    char hash[PASSWORD_HASH_ROOM], command[512], salt[33], value[65];
    must(password_hash(SPAN("pleaseletmein"), hash));
    assert_int_equal(sscanf(hash, "scrypt$15$8$1$%32[0-9a-f]$%64[0-9a-f]", salt, value), 2);
    snprintf(command, sizeof command,
        "openssl kdf -keylen 32 -kdfopt pass:pleaseletmein -kdfopt hexsalt:%s -kdfopt n:32768 -kdfopt r:8 -kdfopt p:1 "
        "-kdfopt maxmem_bytes:100000000 SCRYPT | tr -d ':\\n' | tr A-F a-f",
        salt);
    char *said = output_of(command);
    assert_string_equal(said, value);
    free(said);
}

/* AU-01: a user that does not exist costs as much as one that does. */
static void an_unknown_user_takes_as_long_and_is_refused(void **state) {
    (void)state;
    char hash[PASSWORD_HASH_ROOM];
    must(password_hash(SPAN("x"), hash));
    int64_t begin = clock_monotonic_ms();
    assert_false(password_matches(SPAN("y"), hash));
    int64_t known = clock_monotonic_ms() - begin;
    begin = clock_monotonic_ms();
    assert_false(password_matches(SPAN("y"), NULL));
    int64_t unknown = clock_monotonic_ms() - begin;
    assert_true(unknown * 5 > known && known * 5 > unknown);
}

static void *check_password(void *hash) {
    return (void *)(uintptr_t)password_matches(SPAN("x"), hash);
}

static void many_may_ask_at_once(void **state) {
    (void)state;
    char hash[PASSWORD_HASH_ROOM];
    must(password_hash(SPAN("x"), hash));
    pthread_t threads[6];
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_password, hash), 0);
    for (int i = 0; i < 6; i++) {
        void *matches = NULL;
        pthread_join(threads[i], &matches);
        assert_non_null(matches);
    }
}

static void tokens_are_random_and_stored_as_hashes(void **state) {
    (void)state;
    char one[TOKEN_ROOM], two[TOKEN_ROOM], hash[DIGEST_HEX_SIZE], plain[DIGEST_HEX_SIZE];
    assert_memory_equal(token_new("bnyn_", one), "bnyn_", 5);
    assert_int_equal(strlen(one), 5 + 43); /* 256 bits in base64url */
    assert_int_equal(strspn(one, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"), 48);
    assert_string_not_equal(one, token_new("bnyn_", two));
    assert_string_equal(token_hash(span_of(one), hash), digest_sha256_hex(span_of(one), plain));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_agree_with_openssl),
        cmocka_unit_test(the_table_for_the_store_is_sha256),
        cmocka_unit_test(a_sealed_record_opens_with_its_key_and_name_only),
        cmocka_unit_test(a_changed_or_cut_record_is_never_opened),
        cmocka_unit_test(two_records_of_one_secret_differ),
        cmocka_unit_test(a_password_matches_its_own_hash_only),
        cmocka_unit_test(a_password_hash_is_the_scrypt_that_openssl_computes),
        cmocka_unit_test(an_unknown_user_takes_as_long_and_is_refused),
        cmocka_unit_test(many_may_ask_at_once),
        cmocka_unit_test(tokens_are_random_and_stored_as_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
