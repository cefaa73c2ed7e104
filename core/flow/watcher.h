/* core/flow/watcher.h: waits on what sources notify, so that files are picked up at once and not at the next poll.
 *
 * One thread, one descriptor a source. A notice is a hint: the poll that it brings forward finds out what there is.
 */
#ifndef BANYAN_CORE_FLOW_WATCHER_H
#define BANYAN_CORE_FLOW_WATCHER_H

#include "core/base/error.h"

typedef struct watcher watcher;

/* `stirred` is called on the watcher's thread with the name of the connection; must be quick. */
must_check error *watcher_start(void (*stirred)(void *context, const char *connection), void *context, watcher **out);

/* Takes the descriptor in place of the one that this connection had; -1: none any more. From any thread. */
void watcher_put(watcher *w, const char *connection, int take_fd);

void watcher_stop(watcher *w); /* NULL is fine */

#endif
