/* adapters/sftp/protocol.h: the requests of SFTP version 3 (draft-ietf-secsh-filexfer-02) that we need.
 *
 * Our own, over the channel that libssh2 gives us, because the library's has no posix-rename in Debian 12's version,
 * hides the server's words and leaves the bounds of what a server may send to chance. Reads and writes are pipelined;
 * every reply is held against what was asked; a reply that was not asked, is too large or does not parse breaks the
 * session.
 */
#ifndef BANYAN_ADAPTERS_SFTP_PROTOCOL_H
#define BANYAN_ADAPTERS_SFTP_PROTOCOL_H

#include "adapters/adapter.h"
#include "adapters/sftp/link.h"

typedef struct sftp_protocol sftp_protocol;

enum { SFTP_HANDLE_MAX = 256 };

typedef struct sftp_handle {
    char bytes[SFTP_HANDLE_MAX];
    size_t len;
} sftp_handle;

/* What the server tells of a file; it may leave anything out. */
typedef struct sftp_attributes {
    bool has_size, has_mode, has_times;
    uint64_t size;
    uint32_t mode;       /* as in struct stat */
    uint32_t modified_s; /* wall time in seconds */
} sftp_attributes;

typedef enum sftp_open_flags { SFTP_READ = 1, SFTP_WRITE = 2, SFTP_CREATE = 8, SFTP_TRUNCATE = 16 } sftp_open_flags;

/* Takes the link, and begins the protocol. */
must_check error *sftp_protocol_new(sftp_link *take, sftp_protocol **out);
void sftp_protocol_free(sftp_protocol *p); /* NULL is fine */

/* Has the connection failed? Then nothing works any more but sftp_protocol_free. */
bool sftp_protocol_is_broken(const sftp_protocol *p);

/* Paths are the server's. Errors: ERROR_NOT_FOUND, ERROR_DENIED, ERROR_FULL, ERROR_CONFLICT, ERROR_UNSUPPORTED as the
 * server says, ERROR_IO for its unspecific "failure"; ERROR_UNREACHABLE and ERROR_TIMEOUT when the connection broke. */
must_check error *sftp_lstat(sftp_protocol *p, const char *path, sftp_attributes *attributes);
must_check error *sftp_fstat(
    sftp_protocol *p, const sftp_handle *handle, const char *path, sftp_attributes *attributes);
must_check error *sftp_set_time(sftp_protocol *p, const char *path, uint32_t modified_s);
must_check error *sftp_realpath(sftp_protocol *p, const char *path);
must_check error *sftp_make_directory(sftp_protocol *p, const char *path);
must_check error *sftp_delete(sftp_protocol *p, const char *path);

/* Renames as the server does: by the draft an existing target is an error. */
must_check error *sftp_rename(sftp_protocol *p, const char *from, const char *to);

/* Replaces the target, atomically when the server can (posix-rename@openssh.com). */
must_check error *sftp_replace(sftp_protocol *p, const char *from, const char *to);

must_check error *sftp_open(sftp_protocol *p, const char *path, sftp_open_flags flags, sftp_handle *handle);
must_check error *sftp_close(sftp_protocol *p, const sftp_handle *handle, const char *path);
void sftp_forget(sftp_protocol *p, const sftp_handle *handle); /* closes without waiting for the answer */

/* fsync@openssh.com where the server offers it, else nothing. */
must_check error *sftp_sync(sftp_protocol *p, const sftp_handle *handle, const char *path);

/* From the first byte to the end; `total` counts what went to the sink. */
must_check error *sftp_read_all(
    sftp_protocol *p, const sftp_handle *handle, const char *path, const adapter_sink *sink, uint64_t *total);
must_check error *sftp_write_all(
    sftp_protocol *p, const sftp_handle *handle, const char *path, const adapter_source *source, uint64_t *total);

/* Every entry but "." and "..", as the server names it: the name may hold anything. `found` must not use `p`. */
must_check error *sftp_list_directory(sftp_protocol *p, const char *path,
    error *(*found)(void *context, span name, const sftp_attributes *attributes), void *context);

/* Does the server say that no room is left where `path` is (statvfs@openssh.com)? */
bool sftp_is_full(sftp_protocol *p, const char *path);

#endif
