/* core/http/ftp_client.h: FTP and FTPS to one server, one step after the other, by libcurl.
 *
 * For couriers: calls block, up to the time-outs. A client keeps its control connection for the next call. Data
 * connections are passive ones, to the server itself whatever address it names (so that no server sends us elsewhere),
 * and encrypted when the control connection is. Paths are those of the server, relative to where the user logs in or
 * absolute; they hold no control characters.
 */
#ifndef BANYAN_HTTP_FTP_CLIENT_H
#define BANYAN_HTTP_FTP_CLIENT_H

#include "core/http/client.h"

typedef struct ftp_client ftp_client;

ftp_client *ftp_client_new(const server_options *options);
void ftp_client_free(ftp_client *c); /* NULL is fine */

/* ERROR_NOT_FOUND, ERROR_DENIED (login, certificate, rights), ERROR_FULL, ERROR_UNREACHABLE, ERROR_TIMEOUT, with the
 * server's words. */

/* A file's size and time (0: not told). What is no file is not found. */
must_check error *ftp_stat(ftp_client *c, const char *path, uint64_t *size, int64_t *modified_ms);

/* The listing of a directory ("": where the user logs in) as the server writes it: MLSD (RFC 3659 §7) where it knows
 * that, else LIST. */
must_check error *ftp_list(ftp_client *c, const char *path, buf *text, bool *machine_readable);

/* Reads a file; an error of `write` stops it and is returned. */
must_check error *ftp_get(ftp_client *c, const char *path, error *(*write)(void *context, span bytes), void *context);

/* Writes a file of that size; `read` fills up to `room` bytes, 0 is the end. */
must_check error *ftp_put(ftp_client *c, const char *path, uint64_t size,
    error *(*read)(void *context, char *into, size_t room, size_t *len), void *context);

must_check error *ftp_delete(ftp_client *c, const char *path);
must_check error *ftp_rename(ftp_client *c, const char *from, const char *to);
must_check error *ftp_make_directory(ftp_client *c, const char *path); /* one that is there already is an error, too */
must_check error *ftp_probe(ftp_client *c, const char *directory);     /* connects, logs in, sees the directory */

#endif
