/* core/worker/nursery.h: the pool's view of the nursery, the process from which all workers are forked.
 *
 * Used by the pool's loop alone once the pool runs; pool.h has nursery_start and nursery_stop for main. The nursery
 * never reads a partner's byte: its one conversation partner is the desk. When the desk goes, by whatever death, the
 * kernel kills the nursery, and with it every worker.
 */
#ifndef BANYAN_CORE_WORKER_NURSERY_H
#define BANYAN_CORE_WORKER_NURSERY_H

#include "core/worker/pool.h"

/* How a worker that ends by itself says why; the statuses of shells and sanitizers are elsewhere. */
enum {
    WORKER_EXIT_DONE = 0,      /* the desk closed the channel */
    WORKER_EXIT_CHANNEL = 120, /* the channel failed in the middle */
    WORKER_EXIT_MEMORY = 121,  /* out of memory */
    WORKER_EXIT_SANDBOX = 122, /* it could not be locked in, or made ready */
};

typedef struct nursery_order {
    worker_kind kind;
    uint64_t memory_bytes;
    uid_t user;
    gid_t group;
} nursery_order;

/* What the nursery tells. `spawned`: the worker of order `id` lives, with a channel (the receiver's) and a descriptor
 * of its process (the receiver's), or `failure` says why not (the receiver's). Otherwise a worker has ended. */
typedef struct nursery_event {
    bool spawned;
    uint64_t id;
    error *failure;
    int channel_fd, process_fd;
    pid_t pid;
    int status; /* of waitpid */
} nursery_event;

int nursery_fd(const nursery *n);

/* Asks for a worker; the answer comes as an event with this `id`. */
must_check error *nursery_order_worker(nursery *n, uint64_t id, const nursery_order *order);

/* Reads what the nursery has to say; then events are taken one by one, until false. After an error the nursery is lost,
 * and all workers with it. */
must_check error *nursery_listen(nursery *n);
bool nursery_take_event(nursery *n, nursery_event *event);

#endif
