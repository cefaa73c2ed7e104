/* adapters/sftp/link.h: one SSH connection with its "sftp" channel, as a stream of bytes.
 *
 * Connects, holds the host key against those that are accepted before any credential is sent, logs in, and opens the
 * subsystem. Every call ends within the time-out, whatever the peer does; libssh2 works non-blocking, its memory has a
 * ceiling, and its socket calls go through ours, which stop at the deadline. Single-threaded, courier processes only.
 */
#ifndef BANYAN_ADAPTERS_SFTP_LINK_H
#define BANYAN_ADAPTERS_SFTP_LINK_H

#include "adapters/sftp/keys.h"

typedef struct sftp_link sftp_link;

/* Borrowed for the time of sftp_link_open. */
typedef struct sftp_link_options {
    const char *host;
    uint16_t port;
    const char *user;
    const char *password;   /* NULL: none */
    const char *key;        /* private key, PEM; NULL: none */
    const char *passphrase; /* of the key; NULL: none */
    const host_keys *host_keys;
    bool weak; /* accept SHA-1 and CBC of old servers too */
    int64_t timeout_ms;
    int64_t keepalive_ms; /* 0: none */
} sftp_link_options;

/* ERROR_UNREACHABLE, ERROR_TIMEOUT; ERROR_DENIED for a host key that is not accepted and a login that is refused;
 * ERROR_UNSUPPORTED when no algorithm is common. */
must_check error *sftp_link_open(const sftp_link_options *options, sftp_link **out);

/* All of it, within the time-out. After an error the link is of no use. */
must_check error *sftp_link_write(sftp_link *link, span bytes);
must_check error *sftp_link_read(sftp_link *link, char *into, size_t len);

/* Says goodbye when that is possible at once. NULL is fine. */
void sftp_link_close(sftp_link *link);

#endif
