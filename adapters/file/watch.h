/* adapters/file/watch.h: what inotify says about a file adapter's directories.
 *
 * Two uses: the descriptor tells the engine that a look is worth while before the next poll, and a name that was closed
 * after writing or renamed into place is known to be complete at once. Both are hints: after an overflow, or without
 * inotify, the time rule alone decides and polling finds everything.
 */
#ifndef BANYAN_ADAPTERS_FILE_WATCH_H
#define BANYAN_ADAPTERS_FILE_WATCH_H

#include "core/base/error.h"

typedef struct file_watch file_watch;

file_watch *file_watch_new(void); /* NULL when the system has no inotify instance left */
int file_watch_fd(const file_watch *watch);
void file_watch_add(file_watch *watch, const char *absolute, const char *relative); /* again is fine */
void file_watch_reset(file_watch *watch); /* forgets all directories and names */

/* Takes the events that wait; what it knew before is forgotten. */
void file_watch_drain(file_watch *watch);

/* Was the file closed after writing, or renamed into place, between the last two drains? */
bool file_watch_is_complete(const file_watch *watch, const char *path);

/* The coming event for this path is our own doing and means nothing. */
void file_watch_ignore(file_watch *watch, const char *path);

void file_watch_free(file_watch *watch); /* NULL is fine */

#endif
