/* core/facade/limits.h: how often somebody may do something: token buckets for many keys in bounded memory.
 *
 * A bucket is one number, the time at which it would be full again (the generic cell rate algorithm, ITU-T I.371), so
 * that an idle key costs nothing and nothing has to be refilled. A table has room for a fixed number of keys; when a
 * new one needs the place of another, the one that is nearest to being full goes, which loses the least.
 *
 * What counts must outlive configurations: tables are shared by name, and stay as long as somebody holds them.
 * Thread-safe.
 */
#ifndef BANYAN_CORE_FACADE_LIMITS_H
#define BANYAN_CORE_FACADE_LIMITS_H

#include "core/base/span.h"

typedef struct limits limits;

typedef struct limits_rate {
    int64_t requests, per_ms; /* so many in that time, evenly */
    int64_t burst;            /* so many at once after a pause */
} limits_rate;

typedef struct limits_state {
    bool allowed;
    int64_t remaining; /* could come at once */
    int64_t reset_ms;  /* until the bucket is full */
    int64_t retry_ms;  /* when refused: until one more would pass */
} limits_state;

/* The table of that name, made when there is none; to be released. */
limits *limits_hold(const char *name);
void limits_release(limits *l); /* NULL is fine */

/* One request of `key` at `now_us` (monotonic, microseconds). */
limits_state limits_take(limits *l, const limits_rate *rate, span key, int64_t now_us);

#endif
