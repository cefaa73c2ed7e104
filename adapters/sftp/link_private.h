/* adapters/sftp/link_private.h: what link.c and login.c share. */
#ifndef BANYAN_ADAPTERS_SFTP_LINK_PRIVATE_H
#define BANYAN_ADAPTERS_SFTP_LINK_PRIVATE_H

#include "adapters/sftp/link.h"

#include <libssh2.h>

enum { LINK_GREETING_MAX = 8192, LINK_REASON_MAX = 200 };

struct sftp_link {
    int fd;
    LIBSSH2_SESSION *session;
    LIBSSH2_CHANNEL *channel;
    const sftp_link_options *options; /* only while opening */
    int64_t timeout_ms;
    int64_t deadline_ms; /* of the operation in hand, monotonic */
    bool dead;           /* no byte goes in or out any more: by our will */
    bool lost;           /* the peer is gone */
    size_t allocated;    /* by libssh2, bytes */
    unsigned prompts;    /* keyboard-interactive questions answered */
    char *greeting;      /* the first bytes of the peer, in clear: why no algorithm was common */
    size_t greeting_len;
    char reason[LINK_REASON_MAX]; /* why the peer disconnected, in its words */
};

void link_start(sftp_link *link); /* a new operation: the deadline starts */

/* Waits until libssh2 can go on: false when the deadline has passed. */
bool link_wait(sftp_link *link);

/* Memory that libssh2 frees: counted, and refused beyond the ceiling. */
void *link_allocate(size_t size, void **context);

/* What libssh2 failed with, as an error: "doing: words". */
must_check error *link_failure(sftp_link *link, const char *doing);

/* login.c: tells the server who we are. */
must_check error *link_login(sftp_link *link);

#endif
