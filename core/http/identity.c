/* core/http/identity.c: who the client of a TLS connection is, by the certificate that it shows (RFC 8446 4.4.2).
 *
 * The library asks for a certificate but lets clients in that have none, or any; the verdict is given here, as an
 * answer that a person can read, before anything of the request is looked at.
 */
#include "core/http/internal.h"

#include "core/base/memory.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>

enum { SUBJECT, ISSUER, COMMON_NAME, FINGERPRINT, SHOWN };
_Static_assert(sizeof((connection){0}.shown) / sizeof(char *) == SHOWN, "what a connection keeps of a certificate");

static const char *verify(gnutls_session_t session) {
    unsigned status = 0;
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) != GNUTLS_E_SUCCESS)
        return "the client certificate cannot be read";
    if (status & GNUTLS_CERT_EXPIRED) return "the client certificate has expired";
    if (status & GNUTLS_CERT_NOT_ACTIVATED) return "the client certificate is not valid yet";
    if (status & GNUTLS_CERT_PURPOSE_MISMATCH) return "the certificate shown is not one for clients";
    return status ? "the client certificate is not from the authority that this listener trusts" : NULL;
}

static char *name_of(int (*get)(gnutls_x509_crt_t, gnutls_datum_t *, unsigned), gnutls_x509_crt_t certificate) {
    gnutls_datum_t text = {.data = NULL};
    if (get(certificate, &text, 0) != GNUTLS_E_SUCCESS) return xstrdup("");
    char *copy = xspandup(span_make((const char *)text.data, text.size));
    gnutls_free(text.data);
    return copy;
}

static char *fingerprint_of(const gnutls_datum_t *der) {
    static const char hex[] = "0123456789abcdef";
    unsigned char sum[32];
    size_t size = sizeof sum;
    char *text = xcalloc(1, 2 * sizeof sum + 1);
    if (gnutls_fingerprint(GNUTLS_DIG_SHA256, der, sum, &size) != GNUTLS_E_SUCCESS) return text;
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = hex[sum[i] >> 4];
        text[2 * i + 1] = hex[sum[i] & 15];
    }
    return text;
}

/* Of a certificate that was found good. */
static void note(connection *c, const gnutls_datum_t *der) {
    char name[256];
    size_t size = sizeof name;
    gnutls_x509_crt_t certificate;
    if (gnutls_x509_crt_init(&certificate) != GNUTLS_E_SUCCESS) return;
    if (gnutls_x509_crt_import(certificate, der, GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS) {
        bool named = gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) ==
                     GNUTLS_E_SUCCESS;
        c->shown[SUBJECT] = name_of(gnutls_x509_crt_get_dn3, certificate);
        c->shown[ISSUER] = name_of(gnutls_x509_crt_get_issuer_dn3, certificate);
        c->shown[COMMON_NAME] = xspandup(span_make(name, named ? size : 0));
        c->shown[FINGERPRINT] = fingerprint_of(der);
    }
    gnutls_x509_crt_deinit(certificate);
}

static const char *judge(connection *c, gnutls_session_t session) {
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    if ((!chain || count == 0) && c->server->options.tls_client_optional) return NULL;
    if (!chain || count == 0) return "this listener wants a client certificate (TLS), and none was shown";
    const char *why = verify(session);
    if (!why) note(c, &chain[0]);
    return why;
}

const char *identity_fault(connection *c, struct MHD_Connection *handle) {
    if (!c->server->options.tls_client_ca || c->vouched) return NULL;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const char *why = info ? judge(c, info->tls_session) : "the client's certificate cannot be read";
    c->vouched = !why;
    return why;
}

void identity_forget(connection *c) {
    for (size_t i = 0; i < SHOWN; i++)
        free(c->shown[i]);
}

bool http_request_certificate(const http_request *request, http_certificate *certificate) {
    const connection *c = request->connection;
    *certificate = (http_certificate){.subject = c->shown[SUBJECT],
        .issuer = c->shown[ISSUER],
        .name = c->shown[COMMON_NAME],
        .fingerprint = c->shown[FINGERPRINT]};
    return certificate->subject != NULL;
}
