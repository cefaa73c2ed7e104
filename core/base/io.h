/* core/base/io.h: files and descriptors: whole reads and writes, what makes them durable, and the one way to name a
 * path.
 *
 * Paths that hold anything from outside go through io_path_clean and io_open_beneath: the first refuses what no name
 * may hold, the second opens without ever leaving the directory or following a symbolic link out of it (openat2,
 * RESOLVE_BENEATH).
 */
#ifndef BANYAN_BASE_IO_H
#define BANYAN_BASE_IO_H

#include "core/base/buf.h"

#include <sys/stat.h>
#include <sys/types.h>

/* Reads to the end of `fd`; ERROR_LIMIT when the buffer's maximum is passed. `what` names the source in errors. */
must_check error *io_read_all(int fd, buf *into, const char *what);

/* The whole file at `path` (a path of ours, not from outside). */
must_check error *io_read_file(const char *path, buf *into);

/* All of it, through EINTR and short writes. */
must_check error *io_write_all(int fd, span bytes, const char *what);

/* Copies from `in` until its end, at most `maximum` bytes; `copied` may be NULL. */
must_check error *io_copy(int in, int out, uint64_t maximum, uint64_t *copied, const char *what);

/* fdatasync of the file; fsync of the directory. After a failure the caller must not believe a later success on the
 * same descriptor. */
must_check error *io_sync_file(int fd, const char *what);
must_check error *io_sync_directory(int directory_fd, const char *what);

/* Replaces `path` by a file of these bytes, mode 0600: temporary name, fsync, rename, fsync of the directory. */
must_check error *io_write_file(const char *path, span bytes);

/* Makes the directory and its missing parents, mode 0700. */
must_check error *io_make_directories(const char *path);

/* The relative path `raw` in canonical form ("a/b.txt") in `clean`, which holds `room` bytes. Refused: empty, absolute,
 * "." and ".." parts, NUL and control characters, backslash, parts over 255 bytes, more than 32 parts. */
must_check error *io_path_clean(span raw, char *clean, size_t room);

/* Opens a path that io_path_clean made, below `directory_fd`, no symbolic links followed. Returns the descriptor or -1
 * with errno. */
int io_open_beneath(int directory_fd, const char *clean, int flags, mode_t mode);

/* Makes the parents of a clean path below `directory_fd`. */
must_check error *io_make_parents(int directory_fd, const char *clean);

/* Closes and forgets: *fd becomes -1; -1 is fine. */
void io_close(int *fd);

/* Close-on-exec and non-blocking. */
must_check error *io_set_nonblocking(int fd);

#endif
