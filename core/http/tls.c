/* core/http/tls.c: see tls.h. */
#include "core/http/tls.h"

#include "core/base/log.h"
#include "core/base/memory.h"

#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct tls_identity {
    atomic_uint holders;
    gnutls_certificate_credentials_t credentials;
};

static gnutls_datum_t datum_of(const char *text) {
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text, .size = (unsigned)strlen(text)};
}

error *tls_identity_new(const char *certificate, const char *key, const char *client_ca, tls_identity **out) {
    tls_identity *identity = xcalloc(1, sizeof *identity);
    const gnutls_datum_t chain = datum_of(certificate), own_key = datum_of(key);
    atomic_init(&identity->holders, 1);
    int code = gnutls_certificate_allocate_credentials(&identity->credentials);
    if (code >= 0)
        code = gnutls_certificate_set_x509_key_mem(identity->credentials, &chain, &own_key, GNUTLS_X509_FMT_PEM);
    if (code >= 0 && client_ca) {
        const gnutls_datum_t trusted = datum_of(client_ca);
        code = gnutls_certificate_set_x509_trust_mem(identity->credentials, &trusted, GNUTLS_X509_FMT_PEM);
        if (code == 0) code = GNUTLS_E_NO_CERTIFICATE_FOUND;
    }
    if (code >= 0) {
        *out = identity;
        return NULL;
    }
    tls_identity_release(identity);
    return error_new(ERROR_INVALID, "the TLS certificate or its key is not usable: %s", gnutls_strerror(code));
}

tls_identity *tls_identity_hold(tls_identity *identity) {
    if (identity) atomic_fetch_add(&identity->holders, 1);
    return identity;
}

void tls_identity_release(tls_identity *identity) {
    if (!identity || atomic_fetch_sub(&identity->holders, 1) > 1) return;
    if (identity->credentials) gnutls_certificate_free_credentials(identity->credentials);
    free(identity);
}

void tls_identity_show(const tls_identity *identity, struct MHD_Connection *handle) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_t session = info ? info->tls_session : NULL;
    if (!session || gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, identity->credentials) < 0)
        log_warning("http: a connection is shown the certificate from before it was renewed");
}
