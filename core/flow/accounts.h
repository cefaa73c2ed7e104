/* core/flow/accounts.h: who may use the appliance: users with passwords, API keys, sessions, and the roles they have.
 *
 * Kept in memory as a whole and written through to the store; only hashes are ever stored: scrypt for passwords,
 * SHA-256 for keys and session tokens, which are random. Thread-safe. Checking a password takes a tenth of a second and
 * some memory: not on an event loop.
 */
#ifndef BANYAN_CORE_FLOW_ACCOUNTS_H
#define BANYAN_CORE_FLOW_ACCOUNTS_H

#include "core/store/store.h"

/* A role includes those before it, but for client, which only calls endpoints of the facade. */
typedef enum role { ROLE_CLIENT, ROLE_VIEWER, ROLE_OPERATOR, ROLE_DEVELOPER, ROLE_ADMIN, ROLE_COUNT } role;

const char *role_name(role r);
must_check bool role_named(span name, role *r);

enum { SCOPES_ROOM = 512 };

typedef struct principal {
    char name[65];
    role role;
    char scopes[SCOPES_ROOM]; /* of a key: names separated by blanks; "" none */
    int64_t daily_requests;   /* of a key: its own quota on endpoints; 0: none */
} principal;

typedef struct accounts accounts;

must_check error *accounts_open(store *s, accounts **out);
void accounts_close(accounts *a);

size_t accounts_user_count(accounts *a);

/* ERROR_INVALID when it is too short or too long to be one. */
must_check error *accounts_check_password(const char *password);

/* True while the first user is on its way: whoever signs in waits for it. */
void accounts_expect_user(accounts *a, bool expected);

/* `expected` as in store_put_object, for users and keys alike. ERROR_INVALID: the name or the password will not do. */
must_check error *accounts_put_user(accounts *a, const char *name, const char *password, role r, int64_t expected,
    const char *who); /* password NULL: as it was */
must_check error *accounts_remove_user(
    accounts *a, const char *name, int64_t expected, const char *who); /* ERROR_CONFLICT: the last admin */
json_t *accounts_users(accounts *a);                                   /* [{"name","roles","created_at"}] */

/* What a new key is for. */
typedef struct key_wish {
    role role;
    const char *owner;      /* a person or a team to ask; NULL: nobody told */
    const json_t *scopes;   /* array of names; NULL: none */
    int64_t expires_at;     /* wall ms; 0: never */
    int64_t daily_requests; /* 0: no quota of its own */
} key_wish;

/* A new API key; its only clear copy goes to `key` (at least 64 bytes). ERROR_INVALID for a scope that is no name, too
 * many of them, or an end that has passed. */
must_check error *accounts_add_key(
    accounts *a, const char *name, const key_wish *wish, const char *who, char *key, size_t room);
must_check error *accounts_revoke_key(accounts *a, const char *name, int64_t expected, const char *who);
/* [{"name","roles","prefix","created_at","owner","scopes","expires_at","daily_requests","last_used_at"}]; the last five
 * where there is something to tell; last used is since the start of the process. */
json_t *accounts_keys(accounts *a);

/* The one that this key or session belongs to; false: nobody, or the key has expired. Constant time in what is
 * compared.
 */
bool accounts_by_key(accounts *a, span key, principal *out);

enum { SESSION_TOKEN_ROOM = 64 };

typedef struct session {
    principal principal;
    char token[SESSION_TOKEN_ROOM]; /* for the cookie */
    char csrf[SESSION_TOKEN_ROOM];  /* for the header of every changing call */
} session;

/* ERROR_DENIED, with the same words for every cause, when name and password do not belong together; ERROR_LIMIT when
 * that was tried too often: its place is the number of seconds to wait. */
must_check error *accounts_log_in(accounts *a, const char *name, const char *password, session *out);
bool accounts_by_session(accounts *a, span token, session *out);
void accounts_log_out(accounts *a, span token);

#endif
