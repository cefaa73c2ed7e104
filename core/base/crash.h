/* core/base/crash.h: named places where a test makes the process die.
 *
 * Durable code passes `crash_point("store.commit.before")` around each fsync and commit. In a build with
 * -DBANYAN_CRASH_POINTS (`make CRASH=1`) the environment variable BANYAN_CRASH=name or name:N makes the N-th passage
 * (1 when not given) raise SIGKILL on the own process; in every other build the points are nothing at all. The names
 * are listed in the README.md of the room that passes them.
 */
#ifndef BANYAN_BASE_CRASH_H
#define BANYAN_BASE_CRASH_H

#ifdef BANYAN_CRASH_POINTS
void crash_point(const char *name); /* from any thread */
#else
#define crash_point(name) ((void)0)
#endif

#endif
