/* core/facade/token.h: JSON Web Tokens: whose they are and whether they are good here (RFC 7519, RFC 8725).
 *
 * Header and claims are JSON that a stranger sent; they are read in the desk, by jansson with the limits of
 * core/base/json.h, because they are bounded by TOKEN_BYTES_MAX and a hop to a translator would cost more than the
 * check. The claims are read only after the signature has been found good, so that of a stranger's bytes only the
 * header is ever parsed.
 */
#ifndef BANYAN_CORE_FACADE_TOKEN_H
#define BANYAN_CORE_FACADE_TOKEN_H

#include "core/base/json.h"
#include "core/crypto/jwk.h"

enum { TOKEN_BYTES_MAX = 8192 };

typedef struct token_rules {
    const char *issuer;       /* NULL: any */
    const json_t *audiences;  /* one of these texts; NULL: any */
    const json_t *algorithms; /* NULL: all that are known */
    const json_t *claims; /* object of texts that must be there; a list must hold the text; "" any value; NULL: none */
    const char *type;     /* `typ` must be this; NULL: absent, JWT or at+jwt */
    int64_t skew_ms;
} token_rules;

/* The head alone: which key is asked for. `kid` is a new text or NULL. ERROR_DENIED for what is no token. */
must_check error *token_peek(span token, char **kid);

/* ERROR_DENIED says why, in words that a caller may see; *claims is a new reference on success. */
must_check error *token_check(
    const token_rules *rules, const jwk_set *keys, span token, int64_t now_ms, json_t **claims);

/* `scope` (RFC 8693 §4.2) or `scp`, separated by blanks; a new text. */
char *token_scopes(const json_t *claims);

#endif
