/* core/crypto/certs_only.c: see certs_only.h. */
#include "core/crypto/certs_only.h"

#include "core/base/memory.h"
#include "core/crypto/pem.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

enum { CERTIFICATES_MAX = 16, PEM_BYTES_MAX = 256 * 1024 };

static void free_all(STACK_OF(X509) * certificates) {
    sk_X509_pop_free(certificates, X509_free);
    ERR_clear_error();
}

static STACK_OF(X509) * read_pem(span pem) {
    STACK_OF(X509) *list = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *one = NULL;
    if (!list || !bio) abort();
    while (sk_X509_num(list) < CERTIFICATES_MAX && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        sk_X509_push(list, one);
    BIO_free(bio);
    return list;
}

error *certs_only_write(span pem, buf *der) {
    STACK_OF(X509) *list = read_pem(pem);
    unsigned char *bytes = NULL;
    error *err = NULL;
    CMS_ContentInfo *cms =
        sk_X509_num(list) > 0 ? CMS_sign(NULL, NULL, list, NULL, CMS_PARTIAL | CMS_DETACHED | CMS_BINARY) : NULL;
    int len = cms ? i2d_CMS_ContentInfo(cms, &bytes) : 0;
    if (len > 0)
        buf_add(der, span_make((const char *)bytes, (size_t)len));
    else
        err = pem_error(ERROR_INVALID, "there is no certificate to send");
    OPENSSL_free(bytes);
    CMS_ContentInfo_free(cms);
    free_all(list);
    return err ? err : buf_check(der, "the certificates");
}

static STACK_OF(X509) * read_any(span bytes) {
    const unsigned char *at = (const unsigned char *)bytes.data;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)bytes.len);
    STACK_OF(X509) *list = cms ? CMS_get1_certs(cms) : NULL;
    CMS_ContentInfo_free(cms);
    if (list) return list;
    at = (const unsigned char *)bytes.data;
    X509 *one = d2i_X509(NULL, &at, (long)bytes.len);
    list = one ? sk_X509_new_null() : read_pem(bytes);
    if (one) sk_X509_push(list, one);
    return list;
}

static error *write_pem(X509 *certificate, buf *text) {
    char *pem = NULL;
    error *err = pem_write_certificate(certificate, &pem);
    if (!err) buf_add_text(text, pem);
    free(pem);
    return err;
}

error *certs_only_read(span bytes, char **pem) {
    buf text = BUF_MAX(PEM_BYTES_MAX);
    *pem = NULL;
    if (bytes.len > PEM_BYTES_MAX) return error_new(ERROR_LIMIT, "certificates of more than %d bytes", PEM_BYTES_MAX);
    STACK_OF(X509) *list = read_any(bytes);
    error *err = NULL;
    int count = sk_X509_num(list);
    if (count < 1 || count > CERTIFICATES_MAX)
        err = error_new(ERROR_INVALID, "there is no certificate in it, or more than %d", CERTIFICATES_MAX);
    /* The holder's before those of authorities; one that signs itself may be both. */
    for (int authorities = 0; authorities < 2; authorities++)
        for (int i = 0; i < count && !err; i++)
            if ((X509_check_ca(sk_X509_value(list, i)) > 0) == (authorities == 1))
                err = write_pem(sk_X509_value(list, i), &text);
    free_all(list);
    if (!err) err = buf_check(&text, "the certificates");
    if (!err) *pem = buf_take(&text, NULL);
    buf_free(&text);
    return err;
}

error *certificate_serial(span pem, char **decimal) {
    X509 *certificate = NULL;
    error *err = pem_read_certificate(pem, &certificate);
    if (err) return err;
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *text = number ? BN_bn2dec(number) : NULL;
    *decimal = xstrdup(text ? text : "0");
    OPENSSL_free(text);
    BN_free(number);
    X509_free(certificate);
    return NULL;
}
