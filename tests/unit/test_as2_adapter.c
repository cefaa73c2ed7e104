/* The AS2 adapter as a courier uses it: what one side packs the other takes apart, and what comes otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/as2/as2.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/crypto/keypair.h"

#include <stdlib.h>

enum { LARGE = 3 * 1024 * 1024, BODY_MAX = 8 * 1024 * 1024 };

typedef struct party {
    char *key, *certificate;
} party;

static party us, them, next, stranger;

static void must(error *err) {
    if (err) fail_msg("%s", error_text(err));
}

static party new_party(const char *name, key_kind kind) {
    party p;
    const certificate_request request = {.common_name = name, .days = 30};
    must(key_new(kind, &p.key));
    must(certificate_new(span_of(p.key), &request, &p.certificate));
    return p;
}

static int make_parties(void **state) {
    (void)state;
    us = new_party("us", KEY_RSA_2048);
    them = new_party("them", KEY_RSA_2048);
    next = new_party("next", KEY_RSA_2048);
    stranger = new_party("stranger", KEY_P256);
    return 0;
}

static int free_parties(void **state) {
    (void)state;
    party *const all[] = {&us, &them, &next, &stranger};
    for (size_t i = 0; i < 4; i++) {
        key_text_free(all[i]->key);
        free(all[i]->certificate);
    }
    return 0;
}

/* ---- a side */

typedef struct side {
    json_t *settings, *secrets;
    adapter_session *session;
} side;

static json_t *trusted(const party *p, bool with_key, int64_t from, int64_t until) {
    json_t *one = json_pack("{s:s, s:s, s:I, s:I}", "name", p == &next ? "next" : "first", "certificate",
        p->certificate, "valid_from", (json_int_t)from, "valid_until", (json_int_t)until);
    if (with_key) json_object_set_new(one, "private_key", json_string(p->key));
    return one;
}

static side open_side(const char *settings, json_t *take_keys, json_t *take_certificates) {
    side s = {.secrets = json_pack("{s:{s:o, s:o}}", "trust", "keys", take_keys, "certificates", take_certificates)};
    must(json_parse(span_of(settings), &s.settings));
    const adapter_open_options options = {.settings = s.settings, .secrets = s.secrets, .connection = "test"};
    must(adapter_as2.open(&options, &s.session));
    return s;
}

static side simple_side(const char *settings, const party *own, const party *other) {
    return open_side(
        settings, json_pack("[o]", trusted(own, true, 0, 0)), json_pack("[o]", trusted(other, false, 0, 0)));
}

static void close_side(side *s) {
    adapter_as2.close(s->session);
    json_decref(s->settings);
    json_decref(s->secrets);
}

typedef struct memory {
    span bytes;
    size_t at, step; /* how much is given at a time; 0: all */
} memory;

static error *give(void *context, char *into, size_t room, size_t *len) {
    memory *m = context;
    *len = m->bytes.len - m->at < room ? m->bytes.len - m->at : room;
    if (m->step && *len > m->step) *len = m->step;
    if (*len) memcpy(into, m->bytes.data + m->at, *len);
    m->at += *len;
    return NULL;
}

static error *give_again(void *context) {
    ((memory *)context)->at = 0;
    return NULL;
}

static error *take(void *context, span bytes) {
    buf_add(context, bytes);
    return NULL;
}

static error *take_again(void *context) {
    buf_clear(context);
    return NULL;
}

static json_t *pack(side *s, span payload, buf *body) {
    memory from = {.bytes = payload};
    const adapter_source source = {.read = give, .rewind = give_again, .context = &from, .size = payload.len};
    const adapter_sink into = {.write = take, .rewind = take_again, .context = body};
    json_t *order = json_pack(
               "{s:s, s:s, s:s, s:s}", "message_id", "<1@test>", "from", "US", "to", "THEM", "filename", "f.txt"),
           *told = NULL;
    buf_clear(body);
    must(adapter_as2.pack(s->session, order, &source, &into, &told));
    json_decref(order);
    return told;
}

static json_t *unpack(side *s, json_t *headers, span body, size_t step, buf *documents) {
    memory from = {.bytes = body, .step = step};
    const adapter_source source = {.read = give, .rewind = give_again, .context = &from, .size = body.len};
    const adapter_sink into = {.write = take, .rewind = take_again, .context = documents};
    json_t *order = json_pack("{s:s, s:s, s:O}", "from", "US", "to", "THEM", "headers", headers), *told = NULL;
    buf_clear(documents);
    must(adapter_as2.unpack(s->session, order, &source, &into, &told));
    json_decref(order);
    return told;
}

static const char *outcome_of(const json_t *told) {
    return json_get_text(told, "outcome", "");
}

static json_t *fields(const char *content_type) {
    return json_pack("[[s, s], [s, s], [s, s]]", "Content-Type", content_type, "Message-ID", "<1@test>",
        "Disposition-Notification-To", "us");
}

static const char *outcome_for(side *s, const char *content_type, const char *body, buf *documents) {
    static char outcome[64];
    json_t *headers = fields(content_type), *told = unpack(s, headers, span_of(body), 0, documents);
    snprintf(outcome, sizeof outcome, "%s", outcome_of(told));
    json_decref(headers);
    json_decref(told);
    return outcome;
}

/* ---- packaging */

static void what_one_side_packs_the_other_takes_apart(void **state) {
    static const char *const settings[] = {
        "{\"sign\":\"none\",\"encrypt\":\"none\"}",
        "{\"sign\":\"sha1\",\"encrypt\":\"none\"}",
        "{\"sign\":\"sha384\",\"encrypt\":\"aes128-cbc\",\"transfer_encoding\":\"base64\"}",
        "{\"sign\":\"none\",\"encrypt\":\"aes256-gcm\",\"compress\":\"zlib\"}",
        "{\"sign\":\"sha512\",\"encrypt\":\"none\",\"compress\":\"after-signing\"}",
        "{\"sign\":\"sha256\",\"encrypt\":\"aes192-cbc\",\"compress\":\"before-signing\",\"definite_lengths\":true}",
        "{\"compress\":\"after-signing\",\"sign_padding\":\"pss\",\"key_transport\":\"oaep\",\"definite_lengths\":"
        "true}",
        "{\"profile\":\"legacy\"}",
    };
    static const size_t sizes[] = {0, 1, 4096, LARGE};
    static char payload[LARGE];
    buf body = BUF_MAX(BODY_MAX), documents = BUF_MAX(BODY_MAX);
    (void)state;
    for (size_t i = 0; i < LARGE; i++)
        payload[i] = (char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        side ours = simple_side(settings[i], &us, &them), theirs = simple_side("{\"allow_3des\":true}", &them, &us);
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            json_t *packed = pack(&ours, span_make(payload, sizes[k]), &body);
            json_t *told = unpack(
                &theirs, json_object_get(packed, "headers"), buf_span(&body), sizes[k] > 8192 ? 4099 : 7, &documents);
            const char *ruled = json_get_text(packed, "ruled", "");
            const json_t *mine = json_object_get(json_object_get(packed, "mics"), ruled);
            const json_t *document = json_array_get(json_object_get(told, "documents"), 0);
            assert_string_equal(outcome_of(told), "processed");
            assert_true(span_equal(buf_span(&documents), span_make(payload, sizes[k])));
            assert_string_equal(json_get_text(told, "ruled", ""), ruled);
            assert_string_equal(json_get_text(document, "filename", ""), "f.txt");
            span mic = json_get_span(told, "mic");
            const char *comma = memchr(mic.data, ',', mic.len);
            const char *algorithm = strcmp(comma + 2, "sha1") == 0 ? "sha1" : comma + 2;
            assert_true(span_is(span_make(mic.data, (size_t)(comma - mic.data)), json_get_text(mine, algorithm, "?")));
            json_decref(packed);
            json_decref(told);
        }
        close_side(&ours);
        close_side(&theirs);
    }
    buf_free(&body);
    buf_free(&documents);
}

/* ---- trust */

static void old_and_new_keys_hold_together_and_the_newest_is_used(void **state) {
    buf body = BUF_MAX(BODY_MAX), documents = BUF_MAX(BODY_MAX);
    int64_t now = clock_wall_ms(), hour = 3600 * 1000;
    (void)state;
    /* The partner's next certificate came into use an hour ago; both decrypt and verify. */
    side before = simple_side("{}", &us, &them);
    side after = open_side("{}", json_pack("[o]", trusted(&us, true, 0, 0)),
        json_pack("[o, o]", trusted(&them, false, now - 48 * hour, 0), trusted(&next, false, now - hour, 0)));
    side theirs = open_side("{}",
        json_pack("[o, o]", trusted(&them, true, now - 48 * hour, 0), trusted(&next, true, now - hour, 0)),
        json_pack("[o]", trusted(&us, false, 0, 0)));
    side ended = open_side("{}", json_pack("[o]", trusted(&next, true, now - hour, 0)),
        json_pack("[o]", trusted(&us, false, 0, now - hour)));
    struct {
        side *from, *to;
        const char *outcome, *key;
    } cases[] = {
        {&before, &theirs, "processed", "first"},
        {&after, &theirs, "processed", "next"},
        {&after, &ended, "authentication-failed", "next"}, /* the signer's use has ended */
        {&before, &ended, "decryption-failed", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *packed = pack(cases[i].from, SPAN("rollover"), &body);
        json_t *told = unpack(cases[i].to, json_object_get(packed, "headers"), buf_span(&body), 0, &documents);
        assert_string_equal(outcome_of(told), cases[i].outcome);
        const json_t *layer = json_array_get(json_object_get(told, "layers"), 0);
        if (cases[i].key) assert_string_equal(json_get_text(layer, "key", "?"), cases[i].key);
        json_decref(packed);
        json_decref(told);
    }
    close_side(&before);
    close_side(&after);
    close_side(&theirs);
    close_side(&ended);
    buf_free(&body);
    buf_free(&documents);
}

static void every_failure_to_decrypt_has_one_answer(void **state) {
    buf body = BUF_MAX(BODY_MAX), documents = BUF_MAX(BODY_MAX);
    char *text = NULL;
    (void)state;
    side ours = simple_side("{\"sign\":\"none\"}", &us, &them), theirs = simple_side("{}", &them, &us);
    side other = simple_side("{}", &next, &us);
    json_t *packed = pack(&ours, SPAN("a secret of some length, so that there are a few blocks"), &body);
    const json_t *headers = json_object_get(packed, "headers");
    for (int damage = 0; damage < 3; damage++) {
        char *copy = xspandup(buf_span(&body));
        size_t len = body.len;
        /* A bit changed in the block before the last one changes in the padding, too: to more than a block's length.
         * (One in the last block makes any padding of it, a good one every 256th time.) */
        if (damage == 1) copy[len - 17] = (char)(copy[len - 17] ^ 0x40);
        if (damage == 2) copy[len - 17] = (char)(copy[len - 17] ^ 0x7f);
        json_t *told =
            unpack(damage == 0 ? &other : &theirs, (json_t *)(uintptr_t)headers, span_make(copy, len), 0, &documents);
        assert_string_equal(outcome_of(told), "decryption-failed");
        assert_null(json_get_text(told, "mic", NULL));
        if (text) assert_string_equal(json_get_text(told, "text", ""), text);
        if (!text) text = xstrdup(json_get_text(told, "text", ""));
        json_decref(told);
        free(copy);
    }
    free(text);
    json_decref(packed);
    close_side(&ours);
    close_side(&theirs);
    close_side(&other);
    buf_free(&body);
    buf_free(&documents);
}

/* AS-12: whatever stands in place of the last blocks of a signed and encrypted message, the answer is one. */
static void a_forged_end_tells_nothing_about_the_padding(void **state) {
    buf body = BUF_MAX(BODY_MAX), documents = BUF_MAX(BODY_MAX);
    (void)state;
    side ours = simple_side("{}", &us, &them), theirs = simple_side("{}", &them, &us);
    json_t *packed = pack(&ours, SPAN("a secret"), &body);
    json_t *headers = json_object_get(packed, "headers");
    char *copy = xspandup(buf_span(&body));
    char outcomes[2][64] = {"", ""}, texts[2][256] = {"", ""};
    for (int variant = 0; variant < 300; variant++) {
        memcpy(copy, body.data, body.len);
        /* The block before the last is what an attacker varies, the last one what he wants to know. */
        memcpy(copy + body.len - 16, body.data + body.len - 16 * (5 + (size_t)variant % 40), 16);
        copy[body.len - 17] = (char)(copy[body.len - 17] ^ variant);
        json_t *told = unpack(&theirs, headers, span_make(copy, body.len), 0, &documents);
        snprintf(outcomes[variant > 0], sizeof outcomes[0], "%s", outcome_of(told));
        snprintf(texts[variant > 0], sizeof texts[0], "%s", json_get_text(told, "text", ""));
        if (variant > 0) assert_string_equal(outcomes[0], outcomes[1]);
        if (variant > 0) assert_string_equal(texts[0], texts[1]);
        json_decref(told);
    }
    assert_string_equal(outcomes[0], "decryption-failed");
    free(copy);
    json_decref(packed);
    close_side(&ours);
    close_side(&theirs);
    buf_free(&body);
    buf_free(&documents);
}

static void the_agreement_says_what_is_too_little(void **state) {
    static const char *const wanted[] = {"require_signed", "require_encrypted", "require_compressed"};
    static const char *const less[] = {"{\"sign\":\"none\"}", "{\"encrypt\":\"none\"}", "{}"};
    buf body = BUF_MAX(BODY_MAX), documents = BUF_MAX(BODY_MAX);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char settings[64];
        snprintf(settings, sizeof settings, "{\"%s\":true}", wanted[i]);
        side theirs = simple_side(settings, &them, &us), ours = simple_side(less[i], &us, &them);
        side more = simple_side("{\"compress\":\"zlib\"}", &us, &them);
        json_t *packed = pack(&ours, SPAN("x"), &body);
        json_t *told = unpack(&theirs, json_object_get(packed, "headers"), buf_span(&body), 0, &documents);
        assert_string_equal(outcome_of(told), "insufficient-message-security");
        json_decref(packed);
        json_decref(told);
        packed = pack(&more, SPAN("x"), &body);
        told = unpack(&theirs, json_object_get(packed, "headers"), buf_span(&body), 0, &documents);
        assert_string_equal(outcome_of(told), "processed"); /* more than is required is fine */
        json_decref(packed);
        json_decref(told);
        close_side(&theirs);
        close_side(&ours);
        close_side(&more);
    }
    buf_free(&body);
    buf_free(&documents);
}

/* ---- what comes otherwise */

static void odd_messages_have_the_outcome_that_the_table_says(void **state) {
    buf documents = BUF_MAX(BODY_MAX);
    side s = simple_side("{}", &them, &us);
    static const struct {
        const char *type, *body, *outcome, *document;
    } cases[] = {
        {"text/plain", "hello", "processed", "hello"},
        {"", "no type at all", "processed", "no type at all"},
        {"application/pkcs7-mime", "not BER", "integrity-check-failed", NULL},
        {"application/pkcs7-mime; smime-type=enveloped-data", "", "integrity-check-failed", NULL},
        {"multipart/signed; boundary=b; micalg=sha-256", "--b\r\n\r\nonly one part\r\n--b--\r\n",
            "integrity-check-failed", NULL},
        {"multipart/signed; micalg=sha-256", "no boundary", "integrity-check-failed", NULL},
        {"multipart/related; boundary=r", "--r\r\nContent-Type: text/plain\r\n\r\none\r\n--r--\r\n", "processed",
            "one"},
        {"multipart/related; boundary=r", "--r\r\nContent-Type: text/plain\r\n\r\nnever ends",
            "unexpected-processing-error", NULL},
        {"multipart/form-data; boundary=r", "--r\r\n\r\nx\r\n--r--\r\n", "unexpected-processing-error", NULL}, /* E17 */
        {"multipart/related; boundary=r", "nothing", "unexpected-processing-error", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(outcome_for(&s, cases[i].type, cases[i].body, &documents), cases[i].outcome);
        if (cases[i].document) assert_string_equal(buf_text(&documents), cases[i].document);
    }
    close_side(&s);
    buf_free(&documents);
}

static void requests_that_cannot_be_answered_as_asked_are_told_so(void **state) {
    static const struct {
        const char *name, *value, *outcome;
    } cases[] = {
        {"Message-ID", "<with blanks@x>", "invalid-message-id"},
        {"Message-ID", "no-brackets-no-at", "processed"}, /* I04 */
        {"Disposition-Notification-Options", "signed-receipt-protocol=required, pgp-signature", "unsupported format"},
        {"Disposition-Notification-Options",
            "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, foo",
            "unsupported MIC-algorithms"}, /* M02 */
        {"Disposition-Notification-Options",
            "signed-receipt-micalg=optional,foo,sha-256,sha1;signed-receipt-protocol=optional,pkcs7-signature",
            "processed"}, /* M01, M04 */
    };
    buf documents = BUF_MAX(BODY_MAX);
    side s = simple_side("{}", &them, &us);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool id = strcmp(cases[i].name, "Message-ID") == 0;
        json_t *headers = json_pack("[[s, s], [s, s], [s, s], [s, s]]", cases[i].name, cases[i].value, "Content-Type",
            "text/plain", "Disposition-Notification-To", "us", id ? "X-Other" : "Message-ID", "<1@test>");
        json_t *told = unpack(&s, headers, SPAN("hello"), 0, &documents);
        assert_string_equal(outcome_of(told), cases[i].outcome);
        assert_non_null(json_get_object(told, "receipt"));
        json_decref(headers);
        json_decref(told);
    }
    close_side(&s);
    buf_free(&documents);
}

/* ---- names and ids (I01, I03, I06) */

static void names_lose_their_quotes_and_get_them_back(void **state) {
    static const struct {
        const char *value, *name, *written; /* name NULL: none */
    } cases[] = {
        {"ACME", "ACME", "ACME"},
        {"  ACME  ", "ACME", "ACME"},
        {"\"ACME Corp\"", "ACME Corp", "\"ACME Corp\""},
        {"ACME Corp", "ACME Corp", "\"ACME Corp\""},
        {"\"a \\\"b\\\" \\\\c\"", "a \"b\" \\c", "\"a \\\"b\\\" \\\\c\""},
        {"\"\"", NULL, NULL},
        {"", NULL, NULL},
        {"a\x01z", NULL, NULL},
        {"M\xc3\xbcller", NULL, NULL},
    };
    char name[AS2_NAME_ROOM], longest[AS2_NAME_MAX + 2];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool read = as2_name_read(span_of(cases[i].value), name);
        assert_int_equal(read, cases[i].name != NULL);
        if (!read) continue;
        buf written = BUF_MAX(512);
        as2_name_write(name, &written);
        assert_string_equal(name, cases[i].name);
        assert_string_equal(buf_text(&written), cases[i].written);
        buf_free(&written);
    }
    memset(longest, 'x', sizeof longest);
    longest[AS2_NAME_MAX + 1] = '\0';
    assert_false(as2_name_read(span_of(longest), name));
    assert_true(as2_name_read(span_make(longest, AS2_NAME_MAX), name));
    char id[1000];
    memset(id, 'i', sizeof id);
    assert_true(as2_message_id_is_valid(span_make(id, 998)));
    assert_false(as2_message_id_is_valid(span_make(id, 999)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_side_packs_the_other_takes_apart),
        cmocka_unit_test(old_and_new_keys_hold_together_and_the_newest_is_used),
        cmocka_unit_test(every_failure_to_decrypt_has_one_answer),
        cmocka_unit_test(a_forged_end_tells_nothing_about_the_padding),
        cmocka_unit_test(the_agreement_says_what_is_too_little),
        cmocka_unit_test(odd_messages_have_the_outcome_that_the_table_says),
        cmocka_unit_test(requests_that_cannot_be_answered_as_asked_are_told_so),
        cmocka_unit_test(names_lose_their_quotes_and_get_them_back),
    };
    return cmocka_run_group_tests(tests, make_parties, free_parties);
}
