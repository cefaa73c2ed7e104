/* tests/unit/test_as2_receipt.c: receipts built and read, dispositions, MICs of every packaging (P01-P26, M01-M18, E19,
 * E28, E29).
 */
#include "tests/unit/cms_fixture.h"

#include "adapters/as2/receipt.h"

/* ---- dispositions */

static void every_disposition_is_read_back_as_itself(void **state) {
    (void)state;
    for (int i = 0; i < AS2_OUTCOMES; i++) {
        buf line = BUF_MAX(500);
        as2_disposition d;
        as2_disposition_line((as2_outcome)i, &line);
        as2_disposition_read(buf_span(&line), &d);
        assert_int_equal(d.outcome, i);
        assert_int_equal(d.level, as2_disposition_rule_of((as2_outcome)i)->level);
        assert_int_equal(as2_disposition_rule_of((as2_outcome)i)->outcome, i);
        buf_free(&line);
    }
}

static void other_products_dispositions_are_understood_M15_M16_M17(void **state) {
    (void)state;
    static const struct {
        const char *line;
        as2_outcome outcome;
        as2_level level;
    } cases[] = {
        {"automatic-action/MDN-sent-automatically; processed", AS2_PROCESSED, AS2_LEVEL_ACCEPTED},
        {"Automatic-Action/mdn-sent-automatically;Processed", AS2_PROCESSED, AS2_LEVEL_ACCEPTED},
        {"manual-action/MDN-sent-manually; processed", AS2_PROCESSED, AS2_LEVEL_ACCEPTED},
        {"processed", AS2_PROCESSED, AS2_LEVEL_ACCEPTED},
        {"a/b; displayed", AS2_PROCESSED, AS2_LEVEL_ACCEPTED},
        {"a/b; processed/error:decryption-failed", AS2_DECRYPTION_FAILED, AS2_LEVEL_ERROR},
        {"a/b; PROCESSED/ERROR: Decryption failed", AS2_DECRYPTION_FAILED, AS2_LEVEL_ERROR},
        {"a/b; processed/Error: decompresion-failed", AS2_DECOMPRESSION_FAILED, AS2_LEVEL_ERROR},
        {"a/b; processed/error: unknown-trading-partner", AS2_UNKNOWN_RELATIONSHIP, AS2_LEVEL_ERROR},
        {"a/b; processed/error: something else", AS2_OTHER, AS2_LEVEL_ERROR},
        {"a/b; processed/error", AS2_OTHER, AS2_LEVEL_ERROR},
        {"a/b; processed/warning: authentication-failed, processing continued", AS2_AUTHENTICATION_WARNING,
            AS2_LEVEL_WARNING},
        {"a/b; processed/warning: duplicate-document", AS2_DUPLICATE_DOCUMENT, AS2_LEVEL_WARNING},
        {"a/b; failed/Failure: unsupported MIC-algorithms", AS2_UNSUPPORTED_MIC, AS2_LEVEL_FAILURE},
        {"a/b; failed", AS2_OTHER, AS2_LEVEL_FAILURE},
        {"a/b; deleted", AS2_OTHER, AS2_LEVEL_UNCLEAR},
        {";", AS2_OTHER, AS2_LEVEL_UNCLEAR},
        {"", AS2_OTHER, AS2_LEVEL_UNCLEAR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        as2_disposition d;
        as2_disposition_read(span_of(cases[i].line), &d);
        if (d.outcome != cases[i].outcome || d.level != cases[i].level)
            fail_msg("%s: %d %d", cases[i].line, d.outcome, d.level);
    }
}

static void every_fault_of_cms_has_its_disposition(void **state) {
    (void)state;
    for (int fault = CMS_FAULT_NONE + 1; fault <= CMS_FAULT_SINK; fault++)
        assert_int_not_equal(as2_outcome_of_fault((cms_fault)fault), AS2_PROCESSED);
    assert_int_equal(as2_outcome_of_fault(CMS_FAULT_DECRYPTION), AS2_DECRYPTION_FAILED);
    assert_int_equal(as2_outcome_of_fault(CMS_FAULT_SIGNER_UNKNOWN), AS2_AUTHENTICATION_FAILED);
    assert_int_equal(as2_outcome_of_fault(CMS_FAULT_SIGNER_COUNT), AS2_INTEGRITY_CHECK_FAILED);
}

/* ---- asking */

static void requests_for_receipts_are_read_M01_to_M06(void **state) {
    (void)state;
    static const struct {
        const char *header;
        as2_receipt_request expected;
    } cases[] = {
        {"A: b\r\n\r\n", {false, false, true, true, DIGEST_SHA256}},
        {"Disposition-Notification-To:\r\n\r\n", {true, false, true, true, DIGEST_SHA256}},
        {"Disposition-Notification-Options: signed-receipt-protocol=optional, pkcs7-signature; "
         "signed-receipt-micalg=optional, foo, sha-384, sha1\r\n\r\n",
            {true, true, true, true, DIGEST_SHA384}},
        {"Disposition-Notification-Options: signed-receipt-micalg=required,SHA1;\r\n "
         "signed-receipt-protocol=required,pkcs7-signature\r\n\r\n",
            {true, true, true, true, DIGEST_SHA1}},
        {"Disposition-Notification-Options: signed-receipt-protocol=optional, pkcs7-signature; "
         "signed-receipt-micalg=optional, foo\r\n\r\n",
            {true, true, true, false, DIGEST_SHA256}},
        {"Disposition-Notification-Options: signed-receipt-protocol=required, pgp-signature; "
         "signed-receipt-micalg=required, sha-256\r\n\r\n",
            {true, true, false, true, DIGEST_SHA256}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mime_headers *headers = mime_headers_new();
        span input = span_of(cases[i].header);
        bool complete = false;
        as2_receipt_request request;
        const as2_receipt_request *expected = &cases[i].expected;
        must(mime_headers_take(headers, &input, &complete));
        as2_receipt_request_read(headers, &request);
        if (request.wanted != expected->wanted || request.is_signed != expected->is_signed ||
            request.protocol_known != expected->protocol_known || request.digest_known != expected->digest_known ||
            request.digest != expected->digest)
            fail_msg("%s", cases[i].header);
        mime_headers_free(headers);
    }
}

static void what_we_ask_for_is_what_we_read(void **state) {
    (void)state;
    static const digest_kind digests[] = {DIGEST_SHA512, DIGEST_SHA1};
    mime_headers *headers = mime_headers_new();
    as2_receipt_request request;
    buf text = BUF_MAX(500);
    as2_receipt_options_write(digests, 2, true, &text);
    must(mime_headers_add(headers, SPAN("Disposition-Notification-Options"), buf_span(&text)));
    as2_receipt_request_read(headers, &request);
    assert_true(request.wanted && request.is_signed && request.protocol_known && request.digest_known);
    assert_int_equal(request.digest, DIGEST_SHA512);
    mime_headers_free(headers);
    buf_free(&text);
}

/* ---- receipts */

static error *read_receipt(const char *type, span body, size_t step, as2_receipt_facts *facts) {
    as2_receipt_reader *reader = NULL;
    error *err = as2_receipt_reader_new(span_of(type), &reader);
    if (err) return err;
    for (size_t at = 0; !err && at < body.len; at += step)
        err = as2_receipt_reader_write(reader, span_make(body.data + at, body.len - at < step ? body.len - at : step));
    if (!err) err = as2_receipt_reader_finish(reader);
    *facts = *as2_receipt_reader_facts(reader);
    as2_receipt_reader_free(reader);
    return err;
}

static void a_receipt_that_we_build_is_read_back_and_injects_nothing_E19(void **state) {
    (void)state;
    char boundary[AS2_BOUNDARY_ROOM];
    buf type = BUF_MAX(500), body = BUF_MAX(10000), mic = BUF_MAX(200);
    cms_digests digests;
    as2_receipt_facts facts;
    digest_of(SPAN("content"), &digests);
    as2_mic_write(&digests, DIGEST_SHA256, true, &mic);
    as2_receipt receipt = {.reporting_agent = "appliance; Banyan",
        .final_recipient = "Their\r\nDisposition: x; processed",
        .original_message_id = "<a b@c>\r\n\r\ninjected",
        .outcome = AS2_DECRYPTION_FAILED,
        .mic = buf_text(&mic)};
    as2_receipt_build(&receipt, as2_boundary_new(boundary), &type, &body);
    for (size_t step = 1; step < 300; step += 37) {
        must(read_receipt(buf_text(&type), buf_span(&body), step, &facts));
        assert_true(facts.complete);
        assert_int_equal(facts.disposition.outcome, AS2_DECRYPTION_FAILED);
        assert_string_equal(facts.final_recipient, "Their  Disposition: x; processed");
        assert_string_equal(facts.original_message_id, "<a b@c>    injected");
        assert_true(facts.has_mic && facts.mic.kind == DIGEST_SHA256);
        assert_memory_equal(facts.mic.value, digests.value[DIGEST_SHA256], DIGEST_SIZE);
        assert_non_null(strstr(facts.human, "could not decrypt"));
    }
    buf_free(&type);
    buf_free(&body);
    buf_free(&mic);
}

static void openssl_verifies_a_receipt_that_we_sign(void **state) {
    (void)state;
    char boundary[AS2_BOUNDARY_ROOM];
    buf type = BUF_MAX(500), body = BUF_MAX(10000), entity = BUF_MAX(10000), signature = BUF_MAX(CMS_SIGNATURE_MAX);
    buf signed_type = BUF_MAX(500), before = BUF_MAX(500), behind = BUF_MAX(CMS_SIGNATURE_MAX),
        whole = BUF_MAX(1 << 20);
    cms_digests digests;
    as2_receipt receipt = {.final_recipient = "US", .original_message_id = "<1@x>", .outcome = AS2_PROCESSED};
    as2_receipt_build(&receipt, as2_boundary_new(boundary), &type, &body);
    buf_printf(&entity, "Content-Type: %s\r\n\r\n%s", buf_text(&type), buf_text(&body));
    digest_of(buf_span(&entity), &digests);
    must(cms_sign(ours.identity, &digests, &(cms_sign_options){.digest = DIGEST_SHA256}, &signature));
    as2_signed_frame(as2_boundary_new(boundary), "sha-256", buf_span(&signature), &signed_type, &before, &behind);
    buf_printf(&whole, "MIME-Version: 1.0\r\nContent-Type: %s\r\n\r\n%s%s%s", buf_text(&signed_type), buf_text(&before),
        buf_text(&entity), buf_text(&behind));
    put("receipt", buf_span(&whole));
    put("entity", buf_span(&entity));
    command("openssl cms -verify -inform SMIME -in receipt -CAfile ours.pem -purpose any -out back && cmp back entity");

    /* And what we signed is what we find: as verbatim first part, then as a receipt with its header. */
    as2_receipt_facts facts;
    must(read_receipt("", buf_span(&entity), 50, &facts));
    assert_int_equal(facts.disposition.outcome, AS2_PROCESSED);
    buf *all[] = {&type, &body, &entity, &signature, &signed_type, &before, &behind, &whole};
    for (size_t i = 0; i < 8; i++)
        buf_free(all[i]);
}

static void other_products_receipts_are_read_M10_to_M14_M18(void **state) {
    (void)state;
    static const char type[] = "Multipart/Report; Report-Type=disposition-notification; boundary=b";
    static const struct {
        const char *body, *id, *recipient;
        as2_outcome outcome;
        as2_level level;
        int mic; /* digest_kind, or -1 */
    } cases[] = {
        /* Text part without header, lower case, bare LF, no blank behind the semicolon. */
        {"--b\n\ntext\n--b\ncontent-type: message/disposition-notification\n\noriginal-message-id: "
         "abc\nfinal-recipient: "
         "rfc822;\"A B\"\ndisposition: Automatic-action/mdn-sent-automatically;processed\nReceived-content-mic: "
         "l5pJ7ZrSp8l4yMSe4OoEcFAA2/E=,SHA1\n--b--\n",
            "abc", "A B", AS2_PROCESSED, AS2_LEVEL_ACCEPTED, DIGEST_SHA1},
        /* Machine part first, fields in two groups, no text part. */
        {"--b\r\nContent-Type: message/disposition-notification\r\n\r\nReporting-UA: x\r\n\r\nFinal-Recipient: rfc822; "
         "C\r\nOriginal-Message-ID: <1>\r\nDisposition: a/b; processed/error: integrity-check-failed\r\n\r\n--b--",
            "<1>", "C", AS2_INTEGRITY_CHECK_FAILED, AS2_LEVEL_ERROR, -1},
        /* base64 machine part. */
        {"--b\r\nContent-Type: message/disposition-notification\r\nContent-Transfer-Encoding: base64\r\n\r\n"
         "T3JpZ2luYWwtTWVzc2FnZS1JRDogPDI+DQpEaXNwb3NpdGlvbjogYS9iOyBwcm9jZXNzZWQNCg==\r\n--b--",
            "<2>", "", AS2_PROCESSED, AS2_LEVEL_ACCEPTED, -1},
        /* Third part with the original header; RFC 3798 form with Error lines; a MIC with a comment. */
        {"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
         "Original-Message-ID: <3>\r\nDisposition: a/b; processed/error\r\nError: first\r\nError: second\r\n"
         "Received-Content-MIC: (x, y) q83vASNFZ4kAAAAAAAAAAAAAAAA= , rsa-sha1 (z)\r\n--b\r\nContent-Type: "
         "message/rfc822-headers\r\n\r\nDisposition: no\r\n--b--",
            "<3>", "", AS2_OTHER, AS2_LEVEL_ERROR, DIGEST_SHA1},
        /* The reason in a field alone. */
        {"--b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: a/b; processed\r\nError: broken\r\n"
         "--b--",
            "", "", AS2_OTHER, AS2_LEVEL_ERROR, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        as2_receipt_facts facts;
        error *err = read_receipt(type, span_of(cases[i].body), 7, &facts);
        if (err) fail_msg("case %zu: %s", i, error_text(err));
        assert_string_equal(facts.original_message_id, cases[i].id);
        assert_string_equal(facts.final_recipient, cases[i].recipient);
        assert_int_equal(facts.disposition.outcome, cases[i].outcome);
        assert_int_equal(facts.disposition.level, cases[i].level);
        assert_int_equal(facts.has_mic, cases[i].mic >= 0);
        if (facts.has_mic) assert_int_equal(facts.mic.kind, cases[i].mic);
        if (i == 3) assert_string_equal(facts.details, "first; second");
    }
}

static void what_is_no_receipt_is_said_E28_E29(void **state) {
    (void)state;
    static const char type[] = "multipart/report; boundary=b";
    static const struct {
        const char *type, *body;
    } cases[] = {{"text/html", "<html>"}, {type, ""}, {type, "--b\r\n\r\nx\r\n--b--"}, {"multipart/report", "x"},
        {type, "--b\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: x\r\n--b--"},
        {type, "--b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: a/b; processed\r\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        as2_receipt_facts facts;
        error *err = read_receipt(cases[i].type, span_of(cases[i].body), 7, &facts);
        assert_non_null(err);
        error_free(err);
    }
    as2_receipt_reader *reader = NULL;
    error *err = NULL;
    must(as2_receipt_reader_new(span_of(type), &reader));
    must(as2_receipt_reader_write(reader, SPAN("--b\r\nContent-Type: text/plain\r\n\r\n")));
    size_t fed = 0;
    for (; !err && fed < 100u << 20; fed += 4096)
        err = as2_receipt_reader_write(reader, sample(4096));
    assert_int_equal(error_code_of(err), ERROR_LIMIT);
    assert_true(fed <= AS2_RECEIPT_MAX + 4096);
    error_free(err);
    as2_receipt_reader_free(reader);
}

static void message_ids_are_equal_with_and_without_brackets(void **state) {
    (void)state;
    assert_true(as2_message_id_equal(SPAN("<a@b>"), SPAN(" a@b ")));
    assert_false(as2_message_id_equal(SPAN("<a@b>"), SPAN("<A@b>")));
}

/* ---- MICs */

static void the_ruled_form_follows_the_layers_RFC_4130_7_3_1_RFC_5402_4(void **state) {
    (void)state;
    static const struct {
        as2_layers layers; /* signed, encrypted, compressed */
        as2_mic_form form;
    } cases[] = {{{0, 0, 0}, AS2_MIC_BODY}, {{0, 1, 0}, AS2_MIC_DECRYPTED}, {{0, 0, 1}, AS2_MIC_INFLATED},
        {{0, 1, 1}, AS2_MIC_INFLATED}, {{1, 0, 0}, AS2_MIC_SIGNED}, {{1, 1, 0}, AS2_MIC_SIGNED},
        {{1, 0, 1}, AS2_MIC_SIGNED}, {{1, 1, 1}, AS2_MIC_SIGNED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(as2_mic_ruled(cases[i].layers), cases[i].form);
}

static void a_partner_s_mic_is_found_among_all_forms(void **state) {
    (void)state;
    static const span texts[AS2_MIC_FORMS] = {
        SPAN("signed\n"), SPAN("signed\r\n"), SPAN("decrypted"), SPAN("inflated"), SPAN("body"), SPAN("payload")};
    as2_layers layers = {.is_signed = true, .is_encrypted = true};
    as2_mics mics = {0};
    buf passed = BUF_MAX(100);
    for (int i = 0; i < AS2_MIC_FORMS; i++) {
        as2_mic_tap tap = {.set = digest_set_new(DIGEST_ALL), .to = {.write = to_buf, .context = &passed}};
        must(as2_mic_tap_write(&tap, texts[i]));
        as2_mic_tap_finish(&tap, &mics, (as2_mic_form)i);
    }
    assert_true(span_starts(buf_span(&passed), SPAN("signed\nsigned\r\ndecrypted")));
    for (int form = 0; form < AS2_MIC_FORMS; form++) {
        for (int kind = 0; kind < DIGEST_KINDS; kind++) {
            buf text = BUF_MAX(200);
            as2_mic mic;
            as2_mic_form found;
            as2_mic_write(&mics.of[form], (digest_kind)kind, kind % 2, &text);
            must(as2_mic_read(buf_span(&text), &mic));
            assert_true(as2_mic_find(&mics, layers, &mic, &found));
            assert_int_equal(found, form);
            mic.value[3] ^= 1;
            assert_false(as2_mic_find(&mics, layers, &mic, &found));
            mic.len = 0;
            assert_false(as2_mic_find(&mics, layers, &mic, &found));
            buf_free(&text);
        }
    }
    buf_free(&passed);
}

static void spellings_of_a_mic_are_read_M07(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int kind; /* -1: refused */
    } cases[] = {{"l5pJ7ZrSp8l4yMSe4OoEcFAA2/E=, sha1", DIGEST_SHA1},
        {"l5pJ7ZrSp8l4yMSe4OoEcFAA2/E=,SHA-1", DIGEST_SHA1},
        {"l5pJ7ZrS p8l4yMSe4OoEcFAA2/E= ,  sha2_256 (comment)", DIGEST_SHA256}, {"l5pJ7ZrSp8l4yMSe4OoEcFAA2/E=", -1},
        {"???, sha1", -1}, {"l5pJ, md5", -1}, {"", -1}, {",", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        as2_mic mic;
        error *err = as2_mic_read(span_of(cases[i].text), &mic);
        if (!err != (cases[i].kind >= 0) || (!err && (int)mic.kind != cases[i].kind)) fail_msg("%s", cases[i].text);
        error_free(err);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_disposition_is_read_back_as_itself),
        cmocka_unit_test(other_products_dispositions_are_understood_M15_M16_M17),
        cmocka_unit_test(every_fault_of_cms_has_its_disposition),
        cmocka_unit_test(requests_for_receipts_are_read_M01_to_M06),
        cmocka_unit_test(what_we_ask_for_is_what_we_read),
        cmocka_unit_test(a_receipt_that_we_build_is_read_back_and_injects_nothing_E19),
        cmocka_unit_test(openssl_verifies_a_receipt_that_we_sign),
        cmocka_unit_test(other_products_receipts_are_read_M10_to_M14_M18),
        cmocka_unit_test(what_is_no_receipt_is_said_E28_E29),
        cmocka_unit_test(message_ids_are_equal_with_and_without_brackets),
        cmocka_unit_test(the_ruled_form_follows_the_layers_RFC_4130_7_3_1_RFC_5402_4),
        cmocka_unit_test(a_partner_s_mic_is_found_among_all_forms),
        cmocka_unit_test(spellings_of_a_mic_are_read_M07),
    };
    return cmocka_run_group_tests(tests, make_parties, drop_parties);
}
