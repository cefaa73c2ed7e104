/* core/worker/pool_internal.h: what pool.c (the turns on the loop), pool_slot.c (one worker) and pool_lane.c (whose
 * turn it is at the couriers) share. Everything here belongs to the loop's thread.
 *
 * A request is a `task`. Sent to a worker it is in flight there; a worker answers its flights in order, so the first
 * is the one that it works on: the head. A task whose worker ends while another was the head goes back to where it
 * waited.
 */
#ifndef BANYAN_CORE_WORKER_POOL_INTERNAL_H
#define BANYAN_CORE_WORKER_POOL_INTERNAL_H

#include "core/base/mailbox.h"
#include "core/base/map.h"
#include "core/http/loop.h"
#include "core/worker/nursery.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    FLIGHTS_MAX = 8,    /* requests pipelined into one translator */
    SLOW_AFTER_MS = 25, /* nothing is pipelined behind a head that has run longer */
    IDLE_COURIER_MS = 60000,
    TURN_MS = 1000,        /* how long a lane keeps its courier while others wait for one */
    GRACE_MS = 5000,       /* for a worker that was told to end */
    HOPELESS_STARTS = 5,   /* in a row, and nothing waits for that kind of worker any longer */
    CONNECTION_SHOWN = 64, /* bytes of a lane's name in the status */
};

typedef struct task {
    mail link; /* first */
    struct task *next;
    worker_request request;
    char *lane_name; /* couriers */
} task;

typedef struct task_queue {
    task *first, *last;
    size_t count;
} task_queue;

void task_append(task_queue *queue, task *t);
void task_prepend(task_queue *queue, task *t);
task *task_pop(task_queue *queue); /* NULL when empty */

/* Calls `done` and frees the task; takes `failure`. */
void task_finish(task *take, frame *reply, error *failure);

typedef struct flight {
    struct flight *next;
    task *work; /* NULL: withdrawn, somebody else does it */
    uint64_t id, ticket;
    frame_operation operation;
    int64_t head_since_ms, time_ms; /* when the worker got to it, how long it may take */
} flight;

typedef enum slot_state {
    SLOT_EMPTY,
    SLOT_STARTING, /* ordered from the nursery */
    SLOT_READY,
    SLOT_ENDING, /* killed or told to end; its death is not reported yet */
} slot_state;

typedef enum slot_end { END_UNKNOWN, END_DEADLINE, END_ABANDONED, END_MALFORMED, END_WANTED } slot_end;

typedef struct lane lane;

/* A place for one worker; the worker in it changes. */
typedef struct slot {
    worker_pool *pool;
    worker_kind kind;
    slot_state state;
    uint64_t order_id;
    pid_t pid;
    int process_fd;
    frame_channel *channel;
    http_watch *watch; /* of the channel, while it is listened to */
    bool has_output, watches_output;
    flight *first, *last;
    size_t flights;
    lane *served;           /* couriers: the connection whose session it has, NULL at first */
    int64_t idle_since_ms;  /* couriers */
    int64_t start_after_ms; /* not before, after deaths without a cause in hand */
    unsigned idle_deaths;   /* in a row */
    uint64_t restarts;
    slot_end end;
    uint64_t blamed_id; /* the head when it was killed */
    char *why;          /* what was malformed */
    int64_t kill_at_ms;
} slot;

struct lane {
    char *name;
    task_queue waiting;
    slot *courier; /* the one that has its session */
    int64_t turn_since_ms;
    bool in_line; /* in pool->line: has work and no courier */
    bool silent;  /* its last request failed after options.silent_ms: the next one may well do so too */
    lane *next_in_line;
};

typedef struct slot_view {
    worker_kind kind;
    pid_t pid;
    size_t flights;
    uint64_t restarts;
    char connection[CONNECTION_SHOWN];
} slot_view;

struct worker_pool {
    nursery *nursery;
    worker_pool_options options;
    http_loop *loop, *own_loop; /* own: the same, when none was given */
    http_turn *turn;
    http_watch *box_watch, *nursery_watch;
    mailbox *box;
    task_queue handed; /* submitted from the loop itself, not looked at yet */
    bool stirred;      /* something happened since the last turn */
    int64_t now_ms;    /* as of the last wake-up */
    int64_t due_ms;    /* when a slot has to be looked at without anything having happened */
    uint64_t next_id;
    slot *slots; /* translators first */
    size_t translator_count, slot_count;
    task_queue waiting; /* for a translator */
    map *lanes;
    lane *line_first, *line_last;
    size_t waiting_in_lanes;
    task stop_order, abandon_order; /* posted by worker_pool_stop and worker_pool_abandon */
    bool stopping, abandoned, lost;
    _Atomic size_t waiting_shown;
    pthread_mutex_t view_lock;
    slot_view *views; /* for worker_pool_status, under the lock */
    bool left_loop;   /* under the lock: the pool is over */
    pthread_cond_t left;
};

/* pool.c */
void pool_slot_ready(void *context, uint32_t events); /* a slot's channel */

/* pool_slot.c */
void slot_start(worker_pool *pool, slot *s);
void slot_started(worker_pool *pool, slot *s, nursery_event *event);
void slot_send(worker_pool *pool, slot *s, task *take);
void slot_read(worker_pool *pool, slot *s);
void slot_flush(slot *s);
void slot_retire(worker_pool *pool, slot *s); /* it has nothing in flight: it ends at the end of its channel */
void slot_check_time(worker_pool *pool, slot *s);
int64_t slot_next_time(const worker_pool *pool, const slot *s); /* when to check again; INT64_MAX: never */
void slot_withdraw_followers(worker_pool *pool, slot *s);       /* they go back to where they waited */
void slot_ended(worker_pool *pool, slot *s, int status);
void slot_abandon(worker_pool *pool, slot *s); /* the nursery is lost: the head fails, all is closed */

/* pool_lane.c */
void lane_enqueue(worker_pool *pool, task *take);
void lane_return(worker_pool *pool, task *take); /* back to the front */
void lane_lose_courier(worker_pool *pool, slot *s);
/* How the request in hand ended, before it is taken off the courier. */
void lane_note_end(worker_pool *pool, const slot *s, bool failed);
void lanes_dispatch(worker_pool *pool);
void lanes_fail_waiting(worker_pool *pool, const error *why);
void lanes_free(worker_pool *pool);

#endif
