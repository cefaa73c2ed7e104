/* core/base/crash.c: see crash.h. */
#include "core/base/crash.h"

#ifdef BANYAN_CRASH_POINTS

#include "core/base/span.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

static const char *wanted;         /* the environment's text, NULL: never die */
static size_t wanted_len;          /* of the name alone */
static atomic_long passages_ahead; /* dies at the one that finds 1 */

static void read_environment(void) {
    uint64_t passages = 1;
    const char *text = getenv("BANYAN_CRASH");
    if (!text) return;
    const char *colon = strrchr(text, ':');
    wanted_len = colon ? (size_t)(colon - text) : strlen(text);
    if (colon && !span_to_u64(span_of(colon + 1), 1, 1000000000, &passages)) passages = 1;
    atomic_store(&passages_ahead, (long)passages);
    wanted = text;
}

void crash_point(const char *name) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
    if (!wanted || !span_equal(span_of(name), span_make(wanted, wanted_len))) return;
    if (atomic_fetch_sub(&passages_ahead, 1) == 1) raise(SIGKILL);
}

#endif
