/* core/app/bootstrap.h: what a first start makes: the key that seals secrets, an administrator, an API key for the
 * command line. */
#ifndef BANYAN_CORE_APP_BOOTSTRAP_H
#define BANYAN_CORE_APP_BOOTSTRAP_H

#include "core/flow/accounts.h"
#include "core/flow/config.h"

/* DATA/master.key: 32 random bytes, mode 0600; made when missing. ERROR_DENIED when others may read it. */
must_check error *bootstrap_master_key(const char *directory, unsigned char key[CONFIG_KEY_SIZE]);

/* Makes the first administrator ("admin"; password from BANYAN_ADMIN_PASSWORD, else a random one that is shown once on
 * standard output) and DATA/admin.key when they are missing. Hashing the password takes a tenth of a second, so that it
 * goes on beside the rest of the start until bootstrap_end. */
typedef struct bootstrap bootstrap;
must_check error *bootstrap_begin(accounts *a, const char *directory, bootstrap **out);
must_check error *bootstrap_end(bootstrap *b); /* NULL is fine */

#endif
