/* adapters/sftp/login.c: logging in, with a key, a password, or both.
 *
 * Each credential is tried once a connection, so that a wrong one does not lock the account. Without a method in common
 * the error says what the server would take.
 */
#include "adapters/sftp/link_private.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { PROMPTS_MAX = 3, METHODS_ROOM = 256 };

/* Servers that ask for the password as a question; an endless row of questions ends the connection. */
static void answer(const char *name, int name_len, const char *instruction, int instruction_len, int count,
    const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts, LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **context) {
    sftp_link *link = *context;
    (void)name, (void)name_len, (void)instruction, (void)instruction_len, (void)prompts;
    for (int i = 0; i < count; i++) {
        if (++link->prompts > PROMPTS_MAX) {
            link->dead = true;
            return;
        }
        size_t len = strlen(link->options->password);
        responses[i].text = link_allocate(len + 1, context); /* libssh2 frees it */
        if (!responses[i].text) return;
        memcpy(responses[i].text, link->options->password, len);
        responses[i].length = (unsigned)len;
    }
}

static int retry(sftp_link *link, int result) {
    return result == LIBSSH2_ERROR_EAGAIN && link_wait(link);
}

static error *list_methods(sftp_link *link, char *methods, bool *open_door) {
    const char *user = link->options->user;
    const char *list;
    while (!(list = libssh2_userauth_list(link->session, user, (unsigned)strlen(user)))) {
        if (libssh2_userauth_authenticated(link->session)) {
            *open_door = true;
            return NULL;
        }
        if (!retry(link, libssh2_session_last_errno(link->session))) return link_failure(link, "logging in");
    }
    snprintf(methods, METHODS_ROOM, "%s", list);
    return NULL;
}

static bool offers(const char *methods, const char *method) {
    span rest = span_of(methods), one;
    while (span_split(&rest, ',', &one)) {
        if (span_is(one, method)) return true;
    }
    return false;
}

/* A refusal leaves the connection usable for the next method; *refused then holds the reason. libssh2 tells of a
 * connection that breaks while it waits for the answer as of a refusal. */
static error *judge(sftp_link *link, int result, const char *words, char **refused) {
    if (result == 0) return NULL;
    if (link->lost && !link->reason[0]) return link_failure(link, "logging in");
    switch (result) {
    case LIBSSH2_ERROR_AUTHENTICATION_FAILED:
    case LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED:
    case LIBSSH2_ERROR_PASSWORD_EXPIRED:
        free(*refused);
        *refused = xstrdup(words);
        return NULL;
    default: return link_failure(link, "logging in");
    }
}

static bool is_network_failure(const sftp_link *link, int result) {
    switch (result) {
    case LIBSSH2_ERROR_EAGAIN: /* and no time left */
    case LIBSSH2_ERROR_ALLOC:
    case LIBSSH2_ERROR_TIMEOUT:
    case LIBSSH2_ERROR_SOCKET_DISCONNECT:
    case LIBSSH2_ERROR_SOCKET_SEND:
    case LIBSSH2_ERROR_SOCKET_RECV: return true;
    default: return link->lost || link->dead;
    }
}

static error *try_key(sftp_link *link, char **refused) {
    const sftp_link_options *o = link->options;
    bool rsa = user_key_is_rsa(o->key);
    int result;
    do
        result = libssh2_userauth_publickey_frommemory(
            link->session, o->user, strlen(o->user), NULL, 0, o->key, strlen(o->key), o->passphrase);
    while (retry(link, result));
    bool judged =
        result == 0 || result == LIBSSH2_ERROR_AUTHENTICATION_FAILED || result == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED;
    if (!judged && !is_network_failure(link, result)) /* the key did not even get as far as the server */
        return error_new(ERROR_DENIED,
            "the key cannot be read%s: is it an Ed25519 key in OpenSSH's form, or an ECDSA or RSA key in PEM?",
            o->passphrase ? " (wrong passphrase?)" : " (does it need a passphrase?)");
    return judge(link, result,
        rsa ? "the key was refused. It is an RSA key, and libssh2 " LIBSSH2_VERSION
              " signs those with SHA-1 only, which servers since OpenSSH 8.8 refuse: use an Ed25519 or ECDSA key"
            : "the key was refused: is its public half among the user's authorized keys?",
        refused);
}

static error *try_password(sftp_link *link, const char *methods, char **refused) {
    const sftp_link_options *o = link->options;
    unsigned user_len = (unsigned)strlen(o->user);
    int result;
    if (offers(methods, "password")) {
        do
            result = libssh2_userauth_password_ex(
                link->session, o->user, user_len, o->password, (unsigned)strlen(o->password), NULL);
        while (retry(link, result));
        return judge(link, result,
            result == LIBSSH2_ERROR_PASSWORD_EXPIRED ? "the password has expired" : "the password was refused",
            refused);
    }
    do
        result = libssh2_userauth_keyboard_interactive_ex(link->session, o->user, user_len, answer);
    while (retry(link, result));
    if (link->prompts > PROMPTS_MAX)
        return error_new(ERROR_DENIED, "the server asks more questions than for a password");
    return judge(link, result, "the password was refused", refused);
}

error *link_login(sftp_link *link) {
    const sftp_link_options *o = link->options;
    char methods[METHODS_ROOM] = "", *refused = NULL;
    bool open_door = false, tried = false;
    error *err = list_methods(link, methods, &open_door);
    if (err || open_door) return err;
    if (o->key && offers(methods, "publickey")) {
        tried = true;
        err = try_key(link, &refused);
        /* A server that wants both proofs tells of the second only now. */
        if (!err && o->password) err = list_methods(link, methods, &open_door);
    }
    if (!err && !libssh2_userauth_authenticated(link->session) && o->password &&
        (offers(methods, "password") || offers(methods, "keyboard-interactive"))) {
        tried = true;
        err = try_password(link, methods, &refused);
    }
    if (!err && !libssh2_userauth_authenticated(link->session)) {
        if (!tried)
            err = error_new(ERROR_DENIED, "the server takes %s for the user %s, and the connection has %s", methods,
                o->user,
                o->key && o->password ? "a key and a password"
                : o->key              ? "a key"
                                      : "a password");
        else
            err = error_new(ERROR_DENIED, "the login as %s was refused: %s", o->user,
                refused ? refused : "the server wants more than one proof of identity");
    }
    free(refused);
    return err;
}
