/* adapters/file/session.h: what the parts of the file adapter share.
 *
 * A session holds the directory by its descriptor; everything below it is opened from there, never by a path that
 * somebody could change meanwhile. The adapter keeps two directories of its own below it, made when first needed:
 * .banyan/claimed mirrors the tree and holds what was picked up and is not yet done; .banyan/staging holds what is
 * written and not yet published.
 */
#ifndef BANYAN_ADAPTERS_FILE_SESSION_H
#define BANYAN_ADAPTERS_FILE_SESSION_H

#include "adapters/adapter.h"
#include "adapters/names.h"
#include "core/base/map.h"

#include <sys/stat.h>

#define FILE_CLAIMED ".banyan/claimed"
#define FILE_STAGING ".banyan/staging"

typedef struct file_watch file_watch;

struct adapter_session {
    const json_t *settings;
    const char *directory; /* absolute path, from the settings */
    const char *archive;   /* relative path; NULL: picked-up files are removed */
    int64_t stable_ms;     /* how long a file must stand still */
    uint64_t size_max;     /* larger files are left alone */
    mode_t mode;           /* of files that are delivered */
    int directory_fd;      /* -1 while the directory is not there */
    int claimed_fd;        /* -1 until first needed */
    int staging_fd;        /* -1 until first needed */
    dev_t device;          /* which directory the descriptors belong to, ... */
    ino_t inode;           /* ... so that one put in its place is noticed */
    file_watch *watch;     /* inotify; NULL when the system has none left */
    map *claims;           /* name → claim: what this session holds */
    map *reported;         /* name → itself: refused entries that the log has seen */
    names_left left;       /* by the last look */
    char left_text[700];
};

/* Opens the directory again when it is another one than before (mounted, replaced). ERROR_UNREACHABLE while it is not
 * there. Every function of the adapter calls it first. */
must_check error *file_refresh(adapter_session *session);

/* Descriptors of the two directories of our own, made and checked when first needed: ERROR_DENIED unless they belong to
 * us alone. */
must_check error *file_open_claimed(adapter_session *session, int *fd);
must_check error *file_open_staging(adapter_session *session, int *fd);

/* Opens the directory that holds `clean`; with `make`, makes it when missing. */
must_check error *file_open_parent(int below_fd, const char *clean, bool make, int *fd);

/* Moves a file without ever replacing one: 0 or -1 with errno, EEXIST when the new name is taken. */
int file_move(int from_fd, const char *from, int to_fd, const char *to);

/* Is this an ordinary file with one name? The words say what it is otherwise. */
must_check error *file_check_regular(const struct stat *status, const char *name);

int64_t file_modified_ms(const struct stat *status);

/* Reads the open file to the sink; ERROR_CONFLICT when it changes meanwhile. */
must_check error *file_read(int fd, const char *name, const adapter_sink *sink, adapter_entry *got);

/* pickup.c */
error *file_list(adapter_session *session, const char *pattern,
    error *(*found)(void *context, const adapter_entry *entry), void *context);
error *file_get(adapter_session *session, const char *name, const adapter_sink *sink, adapter_entry *got);
error *file_done(adapter_session *session, const adapter_entry *got);
error *file_release(adapter_session *session, const char *name);
void file_forget_claims(adapter_session *session); /* closes what the session holds; the files stay claimed */

/* deliver.c */
error *file_stage(adapter_session *session, const char *path, const char *identity, const adapter_source *source);
error *file_publish(
    adapter_session *session, const char *path, const char *identity, adapter_if_exists if_exists, bool again);

#endif
