/* core/http/identity.c: who the client of a TLS connection is, by the certificate that it shows (RFC 8446 4.4.2).
 *
 * The library asks for a certificate but lets clients in that have none, or any; the verdict is given here, as an
 * answer that a person can read, before anything of the request is looked at.
 */
#include "core/http/internal.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

static const char *verify(gnutls_session_t session) {
    unsigned count = 0, status = 0;
    if (!gnutls_certificate_get_peers(session, &count) || count == 0)
        return "this listener wants a client certificate (TLS), and none was shown";
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) != GNUTLS_E_SUCCESS)
        return "the client certificate cannot be read";
    if (status & GNUTLS_CERT_EXPIRED) return "the client certificate has expired";
    if (status & GNUTLS_CERT_NOT_ACTIVATED) return "the client certificate is not valid yet";
    if (status & GNUTLS_CERT_PURPOSE_MISMATCH) return "the certificate shown is not one for clients";
    return status ? "the client certificate is not from the authority that this listener trusts" : NULL;
}

const char *identity_fault(connection *c, struct MHD_Connection *handle) {
    if (!c->server->options.tls_client_ca || c->vouched) return NULL;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const char *why = info ? verify(info->tls_session) : "the client's certificate cannot be read";
    c->vouched = !why;
    return why;
}
