/* core/base/pulse.h: a thread that does something now and then, and can be told to stop at any moment. */
#ifndef BANYAN_CORE_BASE_PULSE_H
#define BANYAN_CORE_BASE_PULSE_H

#include "core/base/error.h"

#include <stdint.h>

typedef struct pulse pulse;

/* Calls `beat` every `every_ms` after the last one ended, the first time after as long. `name`: the thread's, at most
 * 15 bytes. */
must_check error *pulse_start(
    const char *name, int64_t every_ms, void (*beat)(pulse *p, void *context), void *context, pulse **out);

/* For a beat that pauses in between: false when it is time to stop. */
bool pulse_pause(pulse *p, int64_t ms);

/* Waits for the beat under way. NULL is fine. */
void pulse_stop(pulse *p);

#endif
