/* core/app/bootstrap.h: what a first start makes: the key that seals secrets, an administrator, an API key for the
 * command line. */
#ifndef BANYAN_CORE_APP_BOOTSTRAP_H
#define BANYAN_CORE_APP_BOOTSTRAP_H

#include "core/flow/accounts.h"
#include "core/flow/config.h"

/* DATA/master.key: 32 random bytes, mode 0600; made when missing, unless `needed`: then secrets are sealed by it, and
 * ERROR_NOT_FOUND says what to do. ERROR_DENIED when others may read it. */
must_check error *bootstrap_master_key(const char *directory, bool needed, unsigned char key[CONFIG_KEY_SIZE]);

/* DATA/admin.key: an API key of the role admin; made when the file is missing. */
must_check error *bootstrap_local_key(accounts *a, const char *directory);

/* Makes the first administrator when there is none: "admin", password from BANYAN_ADMIN_PASSWORD, else a random one
 * that is shown once on standard output, after it is durable. Hashing takes a tenth of a second, so that it goes on
 * beside everything else until bootstrap_end; whoever signs in meanwhile waits. ERROR_INVALID: the password will not
 * do. */
typedef struct bootstrap bootstrap;
must_check error *bootstrap_begin(accounts *a, bootstrap **out);
void bootstrap_end(bootstrap *b); /* NULL is fine */

#endif
