/* core/facade/token.c: see token.h. */
#include "core/facade/token.h"

#include "core/base/base64.h"
#include "core/base/memory.h"

#include <stdlib.h>
#include <strings.h>

enum { SCOPES_BYTES_MAX = 4096 };

typedef struct parts {
    span head, claims, signature, signed_bytes;
} parts;

static error *denied(const char *why) {
    return error_new(ERROR_DENIED, "%s", why);
}

/* Three parts between two dots; five would be an encrypted token. */
static bool split(span token, parts *p) {
    span rest = token;
    if (token.len == 0 || token.len > TOKEN_BYTES_MAX) return false;
    if (!span_split(&rest, '.', &p->head) || !rest.data || !span_split(&rest, '.', &p->claims) || !rest.data ||
        !span_split(&rest, '.', &p->signature) || rest.data)
        return false;
    p->signed_bytes = span_make(token.data, p->head.len + 1 + p->claims.len);
    return p->head.len > 0 && p->claims.len > 0;
}

static json_t *read_part(span text) {
    buf bytes = BUF_MAX(TOKEN_BYTES_MAX);
    json_t *value = NULL;
    error *err = base64url_read(text, &bytes) ? json_parse(buf_span(&bytes), &value) : denied("");
    error_free(err);
    buf_free(&bytes);
    if (json_is_object(value)) return value;
    json_decref(value);
    return NULL;
}

error *token_peek(span token, char **kid) {
    parts p;
    json_t *head = split(token, &p) ? read_part(p.head) : NULL;
    if (!head) return denied("it is not a signed token");
    const char *text = json_get_text(head, "kid", NULL);
    *kid = text ? xstrdup(text) : NULL;
    json_decref(head);
    return NULL;
}

static bool holds_text(const json_t *list, const char *text) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_array_get(list, i));
        if (one && strcmp(one, text) == 0) return true;
    }
    return false;
}

/* Media types are compared without their case and the prefix application/ (RFC 7515 §4.1.9). */
static bool same_type(const char *type, const char *wanted) {
    if (strncasecmp(type, "application/", 12) == 0) type += 12;
    if (strncasecmp(wanted, "application/", 12) == 0) wanted += 12;
    return strcasecmp(type, wanted) == 0;
}

static error *check_head(const token_rules *rules, const json_t *head) {
    const char *algorithm = json_get_text(head, "alg", "");
    const char *type = json_get_text(head, "typ", NULL);
    if (!jwk_algorithm_known(span_of(algorithm))) return denied("its algorithm is not taken");
    if (rules->algorithms && !holds_text(rules->algorithms, algorithm)) return denied("its algorithm is not taken");
    if (json_object_get(head, "crit")) return denied("it asks for an extension that is not known");
    if (rules->type && (!type || !same_type(type, rules->type))) return denied("it is of another type");
    if (!rules->type && type && !same_type(type, "JWT") && !same_type(type, "at+jwt"))
        return denied("it is of another type");
    return NULL;
}

/* Seconds since 1970, perhaps with a fraction. */
static bool time_of(const json_t *claims, const char *name, double *ms) {
    const json_t *value = json_object_get(claims, name);
    if (!json_is_number(value)) return false;
    *ms = json_number_value(value) * 1000;
    return true;
}

static error *check_times(const token_rules *rules, const json_t *claims, int64_t now_ms) {
    double when = 0, now = (double)now_ms, skew = (double)rules->skew_ms;
    if (!time_of(claims, "exp", &when)) return denied("it has no end (exp)");
    if (!(now < when + skew)) return denied("it has expired");
    if (json_object_get(claims, "nbf") && (!time_of(claims, "nbf", &when) || !(now + skew >= when)))
        return denied("it is not yet valid");
    if (json_object_get(claims, "iat") && (!time_of(claims, "iat", &when) || !(now + skew >= when)))
        return denied("it was issued in the future");
    return NULL;
}

static bool names_audience(const json_t *wanted, const json_t *audience) {
    if (json_is_string(audience)) return holds_text(wanted, json_string_value(audience));
    for (size_t i = 0; i < json_array_size(audience); i++) {
        const char *one = json_string_value(json_array_get(audience, i));
        if (one && holds_text(wanted, one)) return true;
    }
    return false;
}

static bool claim_fits(const json_t *claim, const char *wanted) {
    if (!claim) return false;
    if (!*wanted) return true;
    if (json_is_string(claim)) return strcmp(json_string_value(claim), wanted) == 0;
    if (json_is_array(claim)) return holds_text(claim, wanted);
    char *text = json_text(claim, false);
    bool same = strcmp(text, wanted) == 0;
    free(text);
    return same;
}

static error *check_claims(const token_rules *rules, const json_t *claims, int64_t now_ms) {
    const char *name;
    json_t *wanted;
    const char *issuer = json_get_text(claims, "iss", NULL);
    error *err = check_times(rules, claims, now_ms);
    if (err) return err;
    if (rules->issuer && (!issuer || strcmp(issuer, rules->issuer) != 0)) return denied("it is of another issuer");
    if (rules->audiences && !names_audience(rules->audiences, json_object_get(claims, "aud")))
        return denied("it is meant for another audience");
    json_object_foreach((json_t *)(uintptr_t)rules->claims, name, wanted) {
        if (!claim_fits(json_object_get(claims, name), json_string_value(wanted)))
            return error_new(ERROR_DENIED, "the claim %s does not fit", name);
    }
    return NULL;
}

error *token_check(const token_rules *rules, const jwk_set *keys, span token, int64_t now_ms, json_t **claims) {
    parts p;
    buf signature = BUF_MAX(TOKEN_BYTES_MAX);
    json_t *head = split(token, &p) ? read_part(p.head) : NULL, *body = NULL;
    error *err = head ? check_head(rules, head) : denied("it is not a signed token");
    if (!err && !base64url_read(p.signature, &signature)) err = denied("it is not a signed token");
    if (!err && !jwk_set_verify(
                    keys, json_get_span(head, "kid"), json_get_span(head, "alg"), p.signed_bytes, buf_span(&signature)))
        err = denied("its signature is not of a key of the issuer");
    if (!err && !(body = read_part(p.claims))) err = denied("its claims cannot be read");
    if (!err) err = check_claims(rules, body, now_ms);
    if (err)
        json_decref(body);
    else
        *claims = body;
    json_decref(head);
    buf_free(&signature);
    return err;
}

char *token_scopes(const json_t *claims) {
    const json_t *scope = json_object_get(claims, "scope");
    if (!scope) scope = json_object_get(claims, "scp");
    buf text = BUF_MAX(SCOPES_BYTES_MAX);
    if (json_is_string(scope)) buf_add(&text, span_make(json_string_value(scope), json_string_length(scope)));
    for (size_t i = 0; i < json_array_size(scope); i++) {
        const char *one = json_string_value(json_array_get(scope, i));
        if (one) buf_printf(&text, "%s%s", i ? " " : "", one);
    }
    return buf_take(&text, NULL);
}
