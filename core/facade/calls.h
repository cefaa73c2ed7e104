/* core/facade/calls.h: makes the calls of other systems that scripts ask for (core/flow/others.h): all of a batch go
 * out at the same time, each through the back-end of its connection and past the guard of it (core/flow/guard.h).
 */
#ifndef BANYAN_CORE_FACADE_CALLS_H
#define BANYAN_CORE_FACADE_CALLS_H

#include "core/facade/back_end.h"
#include "core/flow/others.h"

/* Everything in the plan is borrowed and lives until `done` was called. */
void calls_start(const exchange_services *services, const others_plan *plan);

#endif
