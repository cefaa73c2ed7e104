/* Messages about certificates and the certificates beside them, as a translator reads them
 * (draft-meadors-certificate-exchange-14). */
#include "core/script/cem.h"

#include "core/base/memory.h"
#include "core/crypto/certs_only.h"
#include "core/crypto/keypair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NAMES "xmlns:x=\"urn:ietf:params:xml:ns:ediintcertificateexchange\" xmlns:ds=\"urn:d\" requestId=\"r-7\""

static const char request[] =
    "<x:EDIINTCertificateExchangeRequest " NAMES "><x:TrustRequest><x:CertUsage> digitalSignature </x:CertUsage>"
    "<x:CertUsage>keyEncipherment</x:CertUsage><x:RespondByDate>2030-01-01T00:00:00Z</x:RespondByDate><x:EndEntity>"
    "<x:CertificateIdentifier><ds:X509IssuerName>CN=a &amp; "
    "b</ds:X509IssuerName><ds:X509SerialNumber>12</ds:X509SerialNumber>"
    "</x:CertificateIdentifier><x:CertificateContentID>one@a</x:CertificateContentID></x:EndEntity></x:TrustRequest>"
    "<x:TrustRequest/></x:EDIINTCertificateExchangeRequest>";

static void a_request_tells_what_is_to_be_trusted_for_what_and_until_when(void **state) {
    (void)state;
    json_t *told = NULL;
    assert_null(cem_read(SPAN(request), &told));
    assert_string_equal(json_get_text(told, "kind", ""), "request");
    assert_string_equal(json_get_text(told, "request_id", ""), "r-7");
    const json_t *items = json_get_array(told, "items"), *first = json_array_get(items, 0);
    assert_int_equal(json_array_size(items), 2);
    assert_string_equal(json_string_value(json_array_get(json_get_array(first, "uses"), 0)), "digitalSignature");
    assert_int_equal(json_array_size(json_get_array(first, "uses")), 2);
    assert_string_equal(json_get_text(first, "issuer", ""), "CN=a & b");
    assert_string_equal(json_get_text(first, "serial", ""), "12");
    assert_string_equal(json_get_text(first, "content_id", ""), "one@a");
    assert_string_equal(json_get_text(first, "respond_by", ""), "2030-01-01T00:00:00Z");
    json_decref(told);
}

static void a_response_tells_yes_or_no_and_why(void **state) {
    (void)state;
    json_t *told = NULL;
    assert_null(cem_read(
        SPAN("<x:EDIINTCertificateExchangeResponse " NAMES "><x:TrustResponse><x:CertStatus>Accepted</x:CertStatus>"
             "</x:TrustResponse><x:TrustResponse><x:CertStatus>Rejected</x:CertStatus>"
             "<x:ReasonForRejection>too weak</x:ReasonForRejection></x:TrustResponse>"
             "</x:EDIINTCertificateExchangeResponse>"),
        &told));
    const json_t *items = json_get_array(told, "items");
    assert_true(json_get_bool(json_array_get(items, 0), "accepted", false));
    assert_false(json_get_bool(json_array_get(items, 1), "accepted", true));
    assert_string_equal(json_get_text(json_array_get(items, 1), "reason", ""), "too weak");
    json_decref(told);
}

static void what_is_no_such_message_is_refused_in_words(void **state) {
    (void)state;
    static const struct {
        const char *xml, *words;
    } cases[] = {
        {"", "cannot be read"},
        {"<x", "cannot be read"},
        {"<!DOCTYPE a [<!ENTITY a \"&b;\">]><a/>", "DOCTYPE"},
        {"<a/>", "neither"},
        {"<EDIINTCertificateExchangeRequest requestId=\"1\"/>", "namespace"},
        {"<EDIINTCertificateExchangeRequest xmlns=\"urn:ietf:params:xml:ns:ediintcertificateexchange\"/>",
            "no requestId"},
        {"<EDIINTCertificateExchangeRequest xmlns=\"urn:ietf:params:xml:ns:ediintcertificateexchange\" "
         "requestId=\"1\"/>",
            "names no certificate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *told = NULL;
        error *err = cem_read(span_of(cases[i].xml), &told);
        assert_non_null(err);
        if (!strstr(error_text(err), cases[i].words)) fail_msg("%s: %s", cases[i].xml, error_text(err));
        assert_null(told);
        error_free(err);
    }
}

static void certificates_come_back_from_their_message_whatever_its_form(void **state) {
    (void)state;
    char *key = NULL, *pem = NULL, *again = NULL, *serial = NULL;
    const certificate_request wanted = {.common_name = "holder", .days = 30};
    buf der = BUF_MAX(65536);
    json_t *told = NULL;
    assert_null(key_new(KEY_P256, &key));
    assert_null(certificate_new(span_of(key), &wanted, &pem));
    assert_null(certs_only_write(span_of(pem), &der));
    assert_null(certs_only_read(buf_span(&der), &again));
    assert_string_equal(again, pem);
    free(again);
    assert_null(certs_only_read(span_of(pem), &again)); /* as it is */
    assert_string_equal(again, pem);
    assert_null(cem_certificate(buf_span(&der), &told));
    assert_string_equal(json_get_text(told, "subject", ""), "CN=holder");
    assert_string_equal(json_get_text(told, "certificate", ""), pem);
    assert_null(certificate_serial(span_of(pem), &serial));
    assert_true(strlen(serial) > 30 && strspn(serial, "0123456789") == strlen(serial));
    json_decref(told);
    free(serial);
    free(again);
    free(pem);
    key_text_free(key);
    buf_free(&der);
}

static void a_message_without_certificates_is_refused_however_it_is_cut(void **state) {
    (void)state;
    char *key = NULL, *pem = NULL;
    const certificate_request wanted = {.common_name = "holder", .days = 30};
    buf der = BUF_MAX(65536);
    assert_null(key_new(KEY_P256, &key));
    assert_null(certificate_new(span_of(key), &wanted, &pem));
    assert_null(certs_only_write(span_of(pem), &der));
    for (size_t len = 0; len < der.len; len++) {
        char *again = NULL;
        error *err = certs_only_read(span_make(der.data, len), &again);
        assert_non_null(err);
        error_free(err);
    }
    error *none = certs_only_write(span_of(key), &der);
    assert_non_null(none);
    error_free(none);
    free(pem);
    key_text_free(key);
    buf_free(&der);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_tells_what_is_to_be_trusted_for_what_and_until_when),
        cmocka_unit_test(a_response_tells_yes_or_no_and_why),
        cmocka_unit_test(what_is_no_such_message_is_refused_in_words),
        cmocka_unit_test(certificates_come_back_from_their_message_whatever_its_form),
        cmocka_unit_test(a_message_without_certificates_is_refused_however_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
