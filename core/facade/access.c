/* core/facade/access.c: see access.h. */
#include "core/facade/access.h"

#include "core/base/base64.h"
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"
#include "core/facade/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Behind a proxy on this machine everybody would seem to be local; a proxy tells itself by these fields. */
static bool is_local(http_request *request) {
    span peer = http_request_peer(request);
    bool loopback = span_starts(peer, SPAN("127.")) || span_is(peer, "::1");
    return loopback && !http_request_header(request, "Forwarded").data &&
           !http_request_header(request, "X-Forwarded-For").data;
}

enum { CREDENTIALS_ROOM = 256 };

static bool has_scheme(span authorization, const char *scheme) {
    size_t len = strlen(scheme);
    return authorization.len > len && strncasecmp(authorization.data, scheme, len) == 0 &&
           authorization.data[len] == ' ';
}

/* RFC 7617: the user is the key's name, so that a key in the wrong place is not taken for another's. */
static bool by_basic(accounts *known, span text, principal *caller) {
    buf plain = BUF_MAX(CREDENTIALS_ROOM);
    bool good = base64_read(span_trim(text), &plain) && !plain.overflow;
    const char *colon = good && plain.data ? memchr(plain.data, ':', plain.len) : NULL;
    good = false;
    if (colon) {
        size_t user = (size_t)(colon - plain.data);
        good = accounts_by_key(known, span_make(colon + 1, plain.len - user - 1), caller) &&
               span_is(span_make(plain.data, user), caller->name);
    }
    if (plain.data) explicit_bzero(plain.data, plain.capacity);
    buf_free(&plain);
    return good;
}

access_verdict access_judge(accounts *known, http_request *request, estate_access needed, principal *caller) {
    span authorization = http_request_header(request, "Authorization");
    span key = http_request_header(request, "X-API-Key");
    bool sent = true, found = false;
    if (has_scheme(authorization, "Bearer")) {
        span token = span_trim(span_make(authorization.data + 7, authorization.len - 7));
        found = accounts_by_key(known, token, caller);
        sent = needed != ACCESS_PUBLIC || span_starts(token, SPAN("bnyn_"));
    } else if (has_scheme(authorization, "Basic")) {
        found = by_basic(known, span_make(authorization.data + 6, authorization.len - 6), caller);
        sent = false; /* what is not ours is the back-end's, where no key is needed */
    } else if (key.data)
        found = accounts_by_key(known, span_trim(key), caller);
    else
        sent = false;
    if (!found) caller->name[0] = '\0';
    if (found) return caller->role == ROLE_CLIENT || caller->role == ROLE_ADMIN ? ACCESS_ALLOWED : ACCESS_FORBIDDEN;
    if (sent) return ACCESS_UNKNOWN;
    if (needed == ACCESS_PUBLIC) return ACCESS_ALLOWED;
    return needed == ACCESS_LOCAL && is_local(request) ? ACCESS_ALLOWED : ACCESS_UNKNOWN;
}

bool access_has_scopes(const char *scopes, const json_t *wanted) {
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const char *name = json_string_value(json_array_get(wanted, i));
        span rest = span_of(scopes), one;
        bool found = false;
        while (!found && span_split(&rest, ' ', &one))
            found = name && span_is(one, name);
        if (!found) return false;
    }
    return true;
}

http_response *access_scope_refusal(const json_t *wanted) {
    buf field = BUF_MAX(4096);
    http_response *response = answer_problem(403, "insufficient-scope", "The credentials do not allow this",
        "Use a key or a token with the scopes that WWW-Authenticate names.", NULL);
    buf_add_text(&field, "Bearer error=\"insufficient_scope\", scope=\"");
    for (size_t i = 0; i < json_array_size(wanted); i++)
        buf_printf(&field, "%s%s", i ? " " : "", json_string_value(json_array_get(wanted, i)));
    buf_add_char(&field, '"');
    http_response_header(response, "WWW-Authenticate", buf_text(&field));
    buf_free(&field);
    return response;
}

http_response *access_refusal(access_verdict verdict) {
    if (verdict == ACCESS_FORBIDDEN)
        return answer_problem(
            403, "forbidden", "This key does not call endpoints", "Use a key with the role client.", NULL);
    http_response *response = answer_problem(401, "unauthenticated", "An API key is needed",
        "Send it as \"Authorization: Bearer KEY\"; an administrator makes one with banyan key add.", NULL);
    http_response_header(response, "WWW-Authenticate", "Bearer");
    http_response_header(response, "WWW-Authenticate", "Basic realm=\"endpoints\", charset=\"UTF-8\"");
    return response;
}

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    const json_t *scopes = json_get_array(endpoint->body, "scopes");
    for (size_t i = 0; i < json_array_size(scopes); i++) {
        const char *scope = json_string_value(json_array_get(scopes, i));
        if (scope && !settings_is_scope(span_of(scope)))
            policy_fault(faults, endpoint, "scopes",
                error_new(
                    ERROR_INVALID, "\"%s\" is no scope: a word without blanks and quotes, such as orders:read", scope));
    }
    return (void *)(uintptr_t)endpoint;
}

/* The token itself is good already (policy_jwt.c). */
static policy_verdict judge_token(exchange *x, const json_t *wanted) {
    char *scopes = token_scopes(x->claims);
    bool fits = access_has_scopes(scopes, wanted);
    free(scopes);
    if (fits) return POLICY_GO_ON;
    exchange_respond(x, access_scope_refusal(wanted));
    return POLICY_OVER;
}

static policy_verdict on_head(exchange *x, void *prepared) {
    const estate_endpoint *endpoint = prepared;
    const json_t *scopes = json_get_array(endpoint->body, "scopes");
    /* Who must have scopes must be known. */
    bool named = json_array_size(scopes) || json_object_get(endpoint->body, "jwt");
    estate_access needed = named ? ACCESS_KEY : endpoint->access;
    if (x->claims) return judge_token(x, scopes);
    principal caller = {.name = ""};
    access_verdict verdict = access_judge(x->services->accounts, x->request, needed, &caller);
    if (verdict != ACCESS_ALLOWED) {
        exchange_respond(x, access_refusal(verdict));
        return POLICY_OVER;
    }
    if (caller.name[0]) {
        exchange_set_caller(x, caller.name);
        x->own_credentials = true;
        x->daily_requests = caller.daily_requests;
    }
    if (json_array_size(scopes) && caller.role != ROLE_ADMIN && !access_has_scopes(caller.scopes, scopes)) {
        exchange_respond(x, access_scope_refusal(scopes));
        return POLICY_OVER;
    }
    return POLICY_GO_ON;
}

const policy access_policy = {.name = "access", .prepare = prepare, .on_head = on_head};
