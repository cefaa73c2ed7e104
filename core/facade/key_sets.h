/* core/facade/key_sets.h: the public keys of issuers, fetched from their addresses and kept (RFC 7517).
 *
 * A set is fetched when it is first needed, again when it has grown old, and when a token names a key that is not in
 * it, but at most once a minute, whatever is thrown at it (A21). An issuer that cannot be reached costs nothing as long
 * as an earlier set is there. Fetching runs on the blocking threads; sets are shared by address and outlive
 * configurations.
 */
#ifndef BANYAN_CORE_FACADE_KEY_SETS_H
#define BANYAN_CORE_FACADE_KEY_SETS_H

#include "core/base/blocking.h"
#include "core/crypto/jwk.h"

typedef struct key_source key_source;

/* The source of that address, https or http on this machine; to be released. */
key_source *key_source_hold(const char *url, int64_t refresh_ms);
void key_source_release(key_source *source); /* NULL is fine */
must_check error *key_source_check_url(const char *url);

/* A set that is shared: to be given back. */
typedef struct shared_keys shared_keys;
const jwk_set *shared_keys_set(const shared_keys *held);
void shared_keys_done(shared_keys *held); /* NULL is fine */

typedef enum key_source_state {
    KEYS_HERE,  /* *held is a set, perhaps without the key that was asked for */
    KEYS_LATER, /* fetching may help: `ready` will be called, from any thread, and asks again with `final` */
    KEYS_NONE,  /* there is no set, and none to be had now */
} key_source_state;

/* `kid` {NULL, 0}: any key will do. */
key_source_state key_source_get(key_source *source, span kid, bool final, blocking *threads,
    void (*ready)(void *context), void *context, shared_keys **held);

#endif
