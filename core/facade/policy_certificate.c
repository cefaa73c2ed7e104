/* core/facade/policy_certificate.c: the TLS certificate that a caller must show (the setting `certificate`).
 *
 * The listener has held it against its authority (tls.client_ca); here it is asked whether this one may call this
 * endpoint. Its common name is the caller, unless a key or token says who calls.
 */
#include "core/base/memory.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"
#include "core/flow/estate_policy_settings.h"

#include <ctype.h>
#include <fnmatch.h>

enum { FINGERPRINT_DIGITS = 64 };

/* Colons are left out, letters become small. False: it is none. */
static bool read_fingerprint(const char *text, char digits[FINGERPRINT_DIGITS + 1]) {
    size_t len = 0;
    for (const char *c = text; *c; c++) {
        if (*c == ':') continue;
        if (!isxdigit((unsigned char)*c) || len == FINGERPRINT_DIGITS) return false;
        digits[len++] = (char)tolower((unsigned char)*c);
    }
    digits[len] = '\0';
    return len == FINGERPRINT_DIGITS;
}

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    const json_t *object = json_get_object(endpoint->body, "certificate");
    const json_t *prints = json_get_array(object, "fingerprints");
    char digits[FINGERPRINT_DIGITS + 1];
    for (size_t i = 0; i < json_array_size(prints); i++) {
        const char *text = json_string_value(json_array_get(prints, i));
        if (!text || !read_fingerprint(text, digits))
            policy_fault(faults, endpoint, "certificate/fingerprints",
                error_new(ERROR_INVALID, "fingerprints: a SHA-256 has 64 hexadecimal digits"));
    }
    return (void *)(uintptr_t)object;
}

static bool fits(const json_t *list, const char *text) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (fnmatch(json_string_value(json_array_get(list, i)), text, FNM_NOESCAPE) == 0) return true;
    return !list;
}

static bool has_fingerprint(const json_t *list, const char *wanted) {
    char digits[FINGERPRINT_DIGITS + 1];
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_fingerprint(json_string_value(json_array_get(list, i)), digits) && strcmp(digits, wanted) == 0)
            return true;
    return !list;
}

static policy_verdict on_head(exchange *x, void *prepared) {
    const json_t *object = prepared;
    http_certificate shown;
    if (!http_request_certificate(x->request, &shown)) {
        exchange_refuse(x, 403, "certificate-required", "A client certificate is needed here",
            "Show the certificate that was agreed upon when the TLS connection is made.");
        return POLICY_OVER;
    }
    bool good = fits(json_get_array(object, "subjects"), shown.subject) &&
                fits(json_get_array(object, "issuers"), shown.issuer) &&
                has_fingerprint(json_get_array(object, "fingerprints"), shown.fingerprint);
    if (!good) {
        exchange_refuse(x, 403, "certificate-refused", "Not with this client certificate",
            "It is a good one, but not for this resource.");
        return POLICY_OVER;
    }
    exchange_set_caller(x, *shown.name ? shown.name : shown.subject);
    return POLICY_GO_ON;
}

const policy certificate_policy = {.name = "certificate", .prepare = prepare, .on_head = on_head};
