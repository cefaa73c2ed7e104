/* core/app/check_schemas.h: do the EDI schemas of an estate compile, in the order in which each partner lays them over
 * the built-in ones? A translator tries: this process reads no text of that kind.
 */
#ifndef BANYAN_CORE_APP_CHECK_SCHEMAS_H
#define BANYAN_CORE_APP_CHECK_SCHEMAS_H

#include "core/base/map.h"
#include "core/flow/estate.h"
#include "core/worker/pool.h"

/* `good` keeps what compiled before (keys of estate.h), so that a change elsewhere costs nothing. One change at a
 * time. */
void check_schemas(worker_pool *pool, map *good, const estate *e, fault_list *faults);

#endif
