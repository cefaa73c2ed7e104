/* core/flow/health.h: how each connection fares, as far as this run of the appliance knows. Thread-safe. */
#ifndef BANYAN_CORE_FLOW_HEALTH_H
#define BANYAN_CORE_FLOW_HEALTH_H

#include "core/base/json.h"

typedef struct health health;

health *health_new(void);
void health_free(health *h);

/* Notes an outcome (`failure` NULL: it went well; borrowed). True when the state changed by it, so that it is logged
 * once. */
bool health_note(health *h, const char *connection, const error *failure);

/* What the source holds that is not picked up as it is, in words; NULL: nothing. It works all the same. */
void health_left(health *h, const char *connection, const char *what);

json_t *health_json(health *h); /* see engine_health */

#endif
