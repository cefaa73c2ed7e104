/* core/app/desk.h: the running appliance: every room opened in its order, wired to the others, and closed again.
 *
 * This is the only place that knows all rooms. The nursery of the workers must have been forked before.
 */
#ifndef BANYAN_CORE_APP_DESK_H
#define BANYAN_CORE_APP_DESK_H

#include "core/base/json.h"
#include "core/worker/pool.h"

typedef struct desk desk;

/* Opens the data directory, starts workers, engine and both listeners. Says on standard output where they are and, at
 * the first start, who may sign in. */
must_check error *desk_start(nursery *n, const json_t *configuration, desk **out);

/* Stops taking requests, finishes or puts back what is under way, closes the store. */
void desk_stop(desk *d);

#endif
