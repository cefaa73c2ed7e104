/* core/crypto/cms_private.h: OpenSSL's objects behind cms.h; for the files of core/crypto only. */
#ifndef BANYAN_CRYPTO_CMS_PRIVATE_H
#define BANYAN_CRYPTO_CMS_PRIVATE_H

#include "core/crypto/cms.h"

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

enum { CMS_CHAIN_MAX = 8 };

struct cms_certificate {
    X509 *x509;
};

struct cms_identity {
    X509 *x509;
    EVP_PKEY *key;
    X509 *chain[CMS_CHAIN_MAX];
    size_t chain_count;
};

const EVP_MD *cms_digest_algorithm(digest_kind kind);

/* False for a digest that is none of ours (MD5, SHA-3, ...). */
must_check bool cms_digest_kind(const X509_ALGOR *algorithm, digest_kind *kind);

#endif
