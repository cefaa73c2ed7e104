/* core/base/clock.h: the two clocks, and how times are written.
 *
 * Wall time (milliseconds since 1970, UTC) is what rows and people see; intervals, deadlines and time-outs use the
 * monotonic clock, so that a clock set back or forward never fires or stalls them.
 */
#ifndef BANYAN_BASE_CLOCK_H
#define BANYAN_BASE_CLOCK_H

#include "core/base/error.h"

#include <time.h>

enum { CLOCK_TEXT_SIZE = 32 };

int64_t clock_wall_ms(void);
int64_t clock_monotonic_ms(void);

/* `ms` (not negative) from now by the monotonic clock, for conditions that wait by it (pthread_condattr_setclock). */
struct timespec clock_monotonic_in(int64_t ms);

/* RFC 3339 with milliseconds, "2026-11-23T16:15:20.123Z"; `text` holds CLOCK_TEXT_SIZE bytes and is returned. */
char *clock_format(int64_t wall_ms, char *text);

/* RFC 3339 date-time (any offset, fraction optional) or a bare date (midnight UTC) to wall milliseconds. */
must_check error *clock_parse(span text, int64_t *wall_ms);

/* "250ms", "30s", "5m", "2h", "7d" to milliseconds; the unit is required but for 0. */
must_check error *clock_parse_duration(span text, int64_t *duration_ms);

#endif
