/* core/facade/waiting.h: who waits for a change of which messages, and is woken by the commit that makes it.
 *
 * A waiter looks at the store, and sleeps until one of the messages that it named changes, or its time is over. What
 * changes while it looks wakes it at once when it goes to sleep, so that nothing is missed between the two.
 * Thread-safe.
 */
#ifndef BANYAN_CORE_FACADE_WAITING_H
#define BANYAN_CORE_FACADE_WAITING_H

#include "core/base/blocking.h"
#include "core/base/id.h"
#include "core/base/later.h"
#include "core/store/store.h"

typedef struct waiter waiter;

/* `look` runs on a blocking thread, never twice at the same time. The owner has it run first; what changes before it
 * sleeps is remembered. */
waiter *waiter_new(blocking *threads, later_steps *later, void (*look)(void *context), void *context);

/* Its changes count from now on; one that is named already is nothing new. False: it is new, so that what was seen of
 * it before may be out of date. At most WAITER_MESSAGES_MAX; beyond, true. */
enum { WAITER_MESSAGES_MAX = 64 };
bool waiter_knows(waiter *w, const char *message_id);

/* From `look`: once more after a change, or after `ms`. */
void waiter_sleep(waiter *w, int64_t ms);

/* Nothing is called any more. From `look`, or while it never was called. */
void waiter_free(waiter *w);

/* A commit changed these. Quick; from the writer's thread. */
void waiting_tell(const store_news *news, size_t count);

#endif
