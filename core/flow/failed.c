/* core/flow/failed.c: what becomes of a job that failed: tried again later, put aside as dead, or its message
 * quarantined. */
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/flow/work.h"

#include <stdlib.h>

enum { CRASHES_MAX = 3, WAIT_MOST_MS = 24 * 60 * 60 * 1000 };

static const estate_retry default_retry = {.attempts = 20, .first_ms = 5000, .maximum_ms = 3600000};

static estate_retry retry_of(const json_t *detail) {
    return (estate_retry){
        .attempts = (int)json_get_integer(detail, "attempts", default_retry.attempts),
        .first_ms = json_get_integer(detail, "first_ms", default_retry.first_ms),
        .maximum_ms = json_get_integer(detail, "maximum_ms", default_retry.maximum_ms),
    };
}

/* Exponential with a quarter of jitter, so that what failed together does not come back together. */
static int64_t delay_of(const estate_retry *retry, int attempt) {
    int64_t delay = retry->first_ms;
    uint32_t random;
    for (int i = 1; i < attempt && delay < retry->maximum_ms; i++)
        delay *= 2;
    if (delay > retry->maximum_ms) delay = retry->maximum_ms;
    id_random(&random, sizeof random);
    return delay * 3 / 4 + (delay / 2) * (int64_t)(random % 1000) / 1000;
}

/* Did the payload itself end or stall a translator? A courier that times out has met a slow peer, which is no fault of
 * the bytes. */
static bool is_poison(const claimed_job *job, error_code code) {
    bool pure =
        strcmp(job->kind, "process") == 0 || strcmp(job->kind, "translate") == 0 || strcmp(job->kind, "offer") == 0;
    return code == ERROR_CRASHED || (pure && (code == ERROR_TIMEOUT || code == ERROR_LIMIT));
}

static bool is_final(error_code code) {
    return code == ERROR_INVALID || code == ERROR_REJECTED || code == ERROR_CORRUPT || code == ERROR_UNSUPPORTED;
}

/* Which attempt this is since somebody set it going by hand: from there the policy counts anew. */
static int attempt_of(const claimed_job *job) {
    return job->attempt - (int)json_get_integer(job->detail, "before", 0);
}

/* A script's mistake may be mended meanwhile, so that translations are tried again whatever their error was. */
static bool is_over(const claimed_job *job, error_code code, const estate_retry *retry) {
    if (attempt_of(job) >= retry->attempts) return true;
    return is_final(code) && !(strcmp(job->kind, "translate") == 0 && code == ERROR_INVALID);
}

/* Work beside a message, which is what it is whether this succeeds or not. */
static bool is_aside(const claimed_job *job) {
    return strcmp(job->kind, "receipt") == 0 || strcmp(job->kind, "overdue") == 0;
}

static void try_again(work *w, store_change *change, const error *why, const estate_retry *retry) {
    const claimed_job *job = w->job;
    char at[CLOCK_TEXT_SIZE];
    int64_t wait_ms = error_wait_ms(why) < WAIT_MOST_MS ? error_wait_ms(why) : WAIT_MOST_MS;
    int64_t delay_ms = delay_of(retry, attempt_of(job));
    int64_t run_at = clock_wall_ms() + (wait_ms > delay_ms ? wait_ms : delay_ms);
    char *reason =
        xasprintf("attempt %d failed: %s; next at %s", attempt_of(job), error_text(why), clock_format(run_at, at));
    store_note_job(change, job->id, job->attempt, job->detail);
    store_retry_job(change, job->id, job->attempt, run_at, error_text(why));
    if (job->message[0]) {
        store_add_event(change, job->message, "retry", reason, NULL);
        if (!is_aside(job)) store_set_status(change, job->message, MESSAGE_PROCESSING, reason);
    }
    free(reason);
}

static void give_up(work *w, store_change *change, const error *why, message_status status) {
    const claimed_job *job = w->job;
    store_bury_job(change, job->id, job->attempt, error_text(why));
    if (!job->message[0]) return;
    const char *kind = status == MESSAGE_QUARANTINED ? "quarantined" : "failed";
    json_t *detail = *error_where(why) ? json_pack("{s:s}", "where", error_where(why)) : NULL;
    store_add_event(change, job->message, kind, error_text(why), detail);
    if (!is_aside(job)) store_set_status(change, job->message, status, error_text(why));
    json_decref(detail);
}

static error *note_failure(work *w, const error *why) {
    const claimed_job *job = w->job;
    estate_retry retry = retry_of(job->detail);
    store_change *change = store_change_new();
    if (json_get_integer(job->detail, "crashes", 0) >= CRASHES_MAX)
        give_up(w, change, why, MESSAGE_QUARANTINED);
    else if (is_over(job, error_code_of(why), &retry))
        give_up(w, change, why, MESSAGE_FAILED);
    else
        try_again(w, change, why, &retry);
    return store_commit(w->engine->options.store, change, NULL);
}

void work_failed(work *w, error *take) {
    const claimed_job *job = w->job;
    if (atomic_load(&w->engine->abandoned)) {
        log_failure(LOG_INFO, "left to the next start", take);
        return;
    }
    int64_t crashes = json_get_integer(job->detail, "crashes", 0);
    if (is_poison(job, error_code_of(take))) json_object_set_new(job->detail, "crashes", json_integer(crashes + 1));
    log_warning(
        "job %s (%s) of message %s, attempt %d: %s", job->id, job->kind, job->message, job->attempt, error_text(take));
    error *err = note_failure(w, take);
    /* The commit that found the disk full has given the reserve up, so that there is room for this. */
    if (err && error_code_of(err) == ERROR_FULL) {
        error_free(err);
        err = note_failure(w, take);
    }
    error_free(take);
    log_failure(LOG_WARNING, "a failed job could not be noted", err);
}
