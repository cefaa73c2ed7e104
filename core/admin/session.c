/* core/admin/session.c: signing in and out of the UI. */
#include "core/admin/call.h"

#include <stdio.h>

enum { COOKIE_ROOM = 256 };

static json_t *describe(const principal *who, const char *csrf) {
    return json_pack("{s:s, s:[s], s:s}", "user", who->name, "roles", role_name(who->role), "csrf", csrf);
}

error *session_create(call *c, http_response **response) {
    json_t *body = NULL;
    session opened;
    char cookie[COOKIE_ROOM];
    error *err = call_body_json(c, &body);
    if (!err)
        err = accounts_log_in(
            c->admin->options.accounts, json_get_text(body, "user", ""), json_get_text(body, "password", ""), &opened);
    if (!err) {
        /* The admin listener is loopback by default, where browsers have no TLS: Secure is set whenever there is TLS.
         */
        snprintf(cookie, sizeof cookie, "banyan_session=%s; Path=/; HttpOnly; SameSite=Strict%s", opened.token,
            http_request_is_tls(c->request) ? "; Secure" : "");
        *response = call_json(200, describe(&opened.principal, opened.csrf));
        http_response_header(*response, "Set-Cookie", cookie);
    }
    json_decref(body);
    if (!err || (error_code_of(err) != ERROR_DENIED && error_code_of(err) != ERROR_LIMIT)) return err;
    if (error_code_of(err) == ERROR_LIMIT) {
        *response = http_problem(429, "too-many-requests", "Too many failed attempts", error_text(err), NULL);
        http_response_header(*response, "Retry-After", error_where(err));
    } else {
        *response = http_problem(401, "denied", "That did not work", error_text(err), NULL);
    }
    error_free(err);
    return NULL;
}

error *session_show(call *c, http_response **response) {
    *response = call_json(200, describe(&c->caller, c->csrf));
    return NULL;
}

error *session_end(call *c, http_response **response) {
    char token[SESSION_TOKEN_ROOM];
    if (call_cookie(c, token, sizeof token)) accounts_log_out(c->admin->options.accounts, span_of(token));
    *response = http_response_new(204);
    http_response_header(*response, "Set-Cookie", "banyan_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    return NULL;
}
