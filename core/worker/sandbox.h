/* core/worker/sandbox.h: what a worker process gives up before it sees the first byte of a partner.
 *
 * Called by the nursery in each worker that it forks; never undone. A translator keeps its channel, memory and the
 * clock. A courier keeps files and the network, and loses every way to start programs, look into other processes or
 * change the system. README.md in this folder lists the rights of both and says why.
 */
#ifndef BANYAN_CORE_WORKER_SANDBOX_H
#define BANYAN_CORE_WORKER_SANDBOX_H

#include "core/worker/pool.h"

typedef struct sandbox_options {
    uint64_t memory_bytes; /* address space beyond what the process has at this moment */
    uid_t user;            /* become this user when started as root; 0: stay */
    gid_t group;
} sandbox_options;

/* Also ends the process with its parent, whose id is `parent`. On an error the process must end: it is in no defined
 * state. */
must_check error *sandbox_enter(worker_kind kind, pid_t parent, const sandbox_options *options);

#endif
