/* core/facade/policy_jwt.c: callers that an issuer vouches for, by a signed token (RFC 6750, RFC 7519). */
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/key_sets.h"
#include "core/facade/policies.h"
#include "core/facade/token.h"
#include "core/flow/estate_policy_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { CALLER_BYTES_MAX = 200 };

typedef struct jwt {
    token_rules rules;
    jwk_set *keys;      /* as configured, or */
    key_source *source; /* from where they are fetched */
    const char *caller; /* the claim */
} jwt;

static void check_algorithms(const json_t *list, const estate_endpoint *endpoint, fault_list *faults) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name && !jwk_algorithm_known(span_of(name)))
            policy_fault(faults, endpoint, "jwt",
                error_new(ERROR_INVALID,
                    "algorithms: \"%s\" is none of RS256 … RS512, PS256 … PS512, ES256 … ES512, EdDSA", name));
    }
}

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    const json_t *object = json_get_object(endpoint->body, "jwt");
    if (!object) return NULL;
    const setting *table = estate_jwt_settings;
    const char *url = json_get_text(object, "jwks", NULL);
    const json_t *keys = json_object_get(object, "keys");
    jwt *j = xcalloc(1, sizeof *j);
    j->rules = (token_rules){.issuer = json_get_text(object, "issuer", NULL),
        .audiences = json_get_array(object, "audience"),
        .algorithms = json_get_array(object, "algorithms"),
        .claims = json_get_object(object, "claims"),
        .type = json_get_text(object, "type", NULL),
        .skew_ms = settings_integer(table, object, "skew")};
    j->caller = settings_text(table, object, "caller");
    check_algorithms(j->rules.algorithms, endpoint, faults);
    error *err = (url != NULL) == (keys != NULL)
                     ? error_new(ERROR_INVALID, "either jwks or keys tells the issuer's public keys")
                     : NULL;
    if (!err && url) err = error_wrap(key_source_check_url(url), "jwks");
    if (!err && url) j->source = key_source_hold(url, settings_integer(table, object, "refresh"));
    if (!err && keys) {
        char *text = json_text(keys, false);
        err = error_wrap(jwk_set_read(span_of(text), &j->keys), "keys");
        free(text);
    }
    policy_fault(faults, endpoint, "jwt", err);
    return j;
}

static void forget(void *prepared) {
    jwt *j = prepared;
    jwk_set_free(j->keys);
    key_source_release(j->source);
    free(j);
}

/* RFC 6750 §3.1. */
static void refuse(exchange *x, const char *why) {
    char field[256];
    char *detail = xasprintf("The token is refused: %s.", why);
    http_response *response = answer_problem(401, "invalid-token", "The token is not good here", detail, NULL);
    snprintf(field, sizeof field, "Bearer error=\"invalid_token\", error_description=\"%.180s\"", why);
    http_response_header(response, "WWW-Authenticate", field);
    free(detail);
    exchange_respond(x, response);
}

/* The caller is told apart from the names of our own keys. */
static bool take_caller(exchange *x, const jwt *j) {
    char name[CALLER_BYTES_MAX + 16];
    const char *claim = json_get_text(x->claims, j->caller, NULL);
    if (!claim || !*claim || strlen(claim) > CALLER_BYTES_MAX) return false;
    for (const char *c = claim; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) return false;
    snprintf(name, sizeof name, "token:%s", claim);
    exchange_set_caller(x, name);
    return true;
}

static span token_of(const exchange *x) {
    span field = http_request_header(x->request, "Authorization");
    if (field.len < 8 || strncasecmp(field.data, "Bearer ", 7) != 0) return (span){NULL, 0};
    span token = span_trim(span_make(field.data + 7, field.len - 7));
    return span_starts(token, SPAN("bnyn_")) ? (span){NULL, 0} : token; /* a key of ours: access.c */
}

/* False: it was refused, and the exchange is over. */
static bool judge(exchange *x, const jwt *j, const jwk_set *keys) {
    error *err = token_check(&j->rules, keys, token_of(x), clock_wall_ms(), &x->claims);
    if (!err && !take_caller(x, j)) err = error_new(ERROR_DENIED, "it does not tell who calls (%s)", j->caller);
    if (!err) {
        x->own_credentials = true;
        return true;
    }
    refuse(x, error_text(err));
    error_free(err);
    return false;
}

static void no_keys(exchange *x) {
    http_response *response = answer_problem(503, "issuer-unreachable", "Tokens cannot be checked for the moment",
        "The issuer's keys could not be fetched; try again in a minute.", NULL);
    http_response_header(response, "Retry-After", "60");
    exchange_respond(x, response);
}

static void keys_are_there(void *context) {
    exchange *x = context;
    const jwt *j = policy_prepared(&x->plan->policies, &jwt_policy);
    shared_keys *held = NULL;
    if (key_source_get(j->source, (span){NULL, 0}, true, x->services->blocking, NULL, NULL, &held) != KEYS_HERE) {
        no_keys(x);
        return;
    }
    bool good = judge(x, j, shared_keys_set(held));
    shared_keys_done(held);
    if (good) exchange_go_on(x);
}

static policy_verdict on_head(exchange *x, void *prepared) {
    const jwt *j = prepared;
    span token = token_of(x);
    char *kid = NULL;
    shared_keys *held = NULL;
    if (!token.data) return POLICY_GO_ON; /* access wants a key of ours then */
    if (j->keys) return judge(x, j, j->keys) ? POLICY_GO_ON : POLICY_OVER;
    error *err = token_peek(token, &kid);
    if (err) {
        refuse(x, error_text(err));
        error_free(err);
        return POLICY_OVER;
    }
    span wanted = kid ? span_of(kid) : (span){NULL, 0};
    key_source_state state = key_source_get(j->source, wanted, false, x->services->blocking, keys_are_there, x, &held);
    free(kid);
    if (state == KEYS_LATER) return POLICY_LATER;
    if (state == KEYS_NONE) {
        no_keys(x);
        return POLICY_OVER;
    }
    bool good = judge(x, j, shared_keys_set(held));
    shared_keys_done(held);
    return good ? POLICY_GO_ON : POLICY_OVER;
}

const policy jwt_policy = {.name = "jwt", .prepare = prepare, .forget = forget, .on_head = on_head};
