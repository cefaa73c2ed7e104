/* core/store/change.h: a store_change from the inside: a run of steps in one growing block of memory.
 *
 * Whoever asks for a write builds the steps (change.c, the functions of store.h) on its own thread; the writer thread
 * reads them (apply.c) and frees them after the commit. A step is a kind and its values in the order in which apply.c
 * expects them; texts and bytes lie behind the values, so that a change is one allocation and bindings need no copy.
 */
#ifndef BANYAN_CORE_STORE_CHANGE_H
#define BANYAN_CORE_STORE_CHANGE_H

#include "core/store/database.h"
#include "core/store/store.h"

typedef enum step_kind {
    STEP_ADD_MESSAGE,
    STEP_SET_STATUS,
    STEP_SET_DELIVERED,
    STEP_SETTLE,
    STEP_SET_FACTS,
    STEP_ADD_DOCUMENT,
    STEP_ADD_KEY,
    STEP_ADD_EVENT,
    STEP_CLAIM_KEY,
    STEP_RELEASE_KEY,
    STEP_ADD_JOB,
    STEP_FINISH_JOB,
    STEP_RETRY_JOB,
    STEP_BURY_JOB,
    STEP_HOLD_JOB,
    STEP_RELEASE_JOBS,
    STEP_NOTE_JOB,
    STEP_EXTEND_JOB,
    STEP_REVIVE_JOB,
    STEP_CLAIM_JOBS,
    STEP_DROP_JOBS,
    STEP_ACKNOWLEDGE,
    STEP_SET_DUE,
    STEP_LINK_ANSWER,
    STEP_PUT_OBJECT,
    STEP_REMOVE_OBJECT,
    STEP_PUT_SECRET,
    STEP_RAISE_COUNTER,
    STEP_PUT_ARTIFACT,
    STEP_DROP_ARTIFACT,
    STEP_KEEP_ANSWER,
    STEP_AUDIT,
    STEP_PURGE,
    STEP_KINDS
} step_kind;

typedef enum value_type { VALUE_NONE, VALUE_INTEGER, VALUE_TEXT, VALUE_BYTES } value_type;

typedef struct step_value {
    uint32_t type;
    uint32_t len; /* of a text or bytes */
    union {
        int64_t integer;
        size_t at; /* where the text (terminated) or the bytes lie in the change's data */
    };
} step_value;

typedef struct step {
    uint32_t kind, count;
    size_t size; /* of the whole step: the next one begins there */
    step_value values[];
} step;

/* What store_claim_jobs wants; filled by the writer. */
typedef struct job_claim {
    int64_t lease_ms;
    const char *busy; /* JSON; NULL: none */
    claimed_job *into;
    char **details; /* JSON texts, one a job, parsed by the asking thread */
    size_t room, count;
} job_claim;

typedef void change_done(void *context, error *take_error, const store_commit_result *result);

struct store_change {
    store_change *next; /* in the writer's queue */
    char *data;
    size_t len, capacity;
    size_t open_step;  /* offset of the step being built */
    payload *payloads; /* owned; a message's step names its index */
    size_t payload_count;
    char gone[40];             /* spool file that no row names once the change is durable; "": none */
    job_claim *claim;          /* borrowed; of STEP_CLAIM_JOBS */
    struct purge_batch *purge; /* borrowed; of STEP_PURGE */
    error *fault;              /* the first thing that was wrong while building: the change is refused with it */
    error *refusal;            /* why the writer refused it */
    store_commit_result result;
    change_done *done;
    void *context;
};

void change_claim_jobs(store_change *change, job_claim *claim);
void change_purge(store_change *change, struct purge_batch *batch); /* purge.h */

/* Walks the steps: NULL starts, NULL is the end. */
const step *change_next_step(const store_change *change, const step *after);

static inline bool value_is_none(const step *s, size_t at) {
    return s->values[at].type == VALUE_NONE;
}

static inline int64_t value_integer(const step *s, size_t at) {
    return s->values[at].integer;
}

/* A text (NULL for none) and the bytes of an id; they live as long as the change. */
static inline const char *value_text(const store_change *change, const step *s, size_t at) {
    return value_is_none(s, at) ? NULL : change->data + s->values[at].at;
}

static inline const unsigned char *value_uuid(const store_change *change, const step *s, size_t at) {
    return (const unsigned char *)value_text(change, s, at);
}

/* Binds the values first..first+count-1 to the parameters at, at+1 … */
void value_bind(sqlite3_stmt *statement, int at, const store_change *change, const step *s, size_t first, size_t count);

#endif
