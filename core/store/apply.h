/* core/store/apply.h: carries out the steps of a change, on the writer thread, inside its transaction.
 *
 * Every step either happens or gives an error; the writer rolls the change back as a whole then. What a change adds to
 * the counts of the dashboard, and what it has to tell to those who listen, is gathered here and kept only when the
 * change succeeds.
 */
#ifndef BANYAN_CORE_STORE_APPLY_H
#define BANYAN_CORE_STORE_APPLY_H

#include "core/store/inside.h"

enum { STATUSES = MESSAGE_QUARANTINED + 1, SEARCH_SLOTS = 1 << 20, TALLY_BUCKET_MS = 5 * 60 * 1000 };
enum { TALLY_IN = 100, TALLY_OUT = 101, TALLY_FAILED = 102 };
/* Slots of the search index: 1.. are the documents. */
enum { SEARCH_SLOT_MESSAGE = 0, SEARCH_SLOT_REASON = SEARCH_SLOTS - 1 };
enum { JOB_READY, JOB_LEASED, JOB_DEAD };

/* What a job waits for, as the index jobs_lane has it. There are few lanes, however many jobs wait in one: they are
 * found by stepping from each to the next, without a look at the jobs of those that are busy. */
#define JOB_LANE "kind || '/' || coalesce(connection, '')"
#define JOB_LANES(state)                                                                                               \
    "with recursive lanes (lane) as (select min(" JOB_LANE ") from jobs where state = " state " union all select "     \
    "(select min(" JOB_LANE ") from jobs where state = " state " and " JOB_LANE " > lane) from lanes where lane is "   \
    "not null) "
/* The lane is none of those that the array of "kind/connection" in this parameter names. */
#define LANE_WANTED(parameter) "lane is not null and lane not in (select value from json_each(" parameter "))"

typedef struct tally {
    int by_status[STATUSES];
    int in, out, failed;
} tally;

typedef struct news_entry {
    char id[ID_SIZE];
    const char *object_kind, *object_name; /* of a config entry: texts of the change */
    const char *kind, *status;
} news_entry;

/* Words that the search index gets, or loses, when the batch is about to be committed: a savepoint would make FTS5
 * write a segment of its own for each change. */
typedef struct words_entry {
    int64_t rowid;
    const char *words; /* a text of the change, or `owned` */
    char *owned;
    bool drop;
} words_entry;

typedef struct applier {
    store *s;
    database *db;
    int64_t now; /* wall ms of the batch */
    store_change *change;
    int64_t last_document;             /* seq of the document that the next keys belong to */
    unsigned char known_id[UUID_SIZE]; /* the message looked up last in this change */
    int64_t known_seq;
    int64_t known_events; /* events of that message; -1: not counted yet */
    tally counts;
    news_entry *news; /* grows; reused by every batch */
    size_t news_count, news_room;
    words_entry *words; /* likewise */
    size_t words_count, words_room;
} applier;

/* How far a batch has come: what a refused change added is taken back. */
typedef struct applier_mark {
    tally counts;
    size_t news_count, words_count;
} applier_mark;

applier_mark apply_mark(const applier *a);
void apply_return_to(applier *a, const applier_mark *mark);

/* All steps of a->change. */
must_check error *apply_change(applier *a);
must_check error *apply_words(applier *a); /* what the batch has for the search index */
void apply_news(applier *a, const char *kind, const unsigned char *uuid, const char *status);
void apply_object_news(applier *a, const char *kind, const char *name, const char *status);

/* apply_message.c, for its neighbours: the row of a message (ERROR_NOT_FOUND); the outcome of a waiting message whose
 * documents are all answered; its words for the search index, by slot. */
must_check error *apply_find_message(applier *a, const unsigned char *uuid, int64_t *seq);
must_check error *apply_settle(applier *a, int64_t seq);
void apply_queue_words(applier *a, int64_t seq, int64_t slot, const char *words, char *take_owned, bool drop);
void digest_of_hex(const char *hex, unsigned char digest[DIGEST_SIZE]); /* of a payload's `sha256` */

/* apply_message.c, apply_document.c, apply_job.c, apply_object.c: one function a kind of step. */
typedef error *apply_step(applier *a, const step *s);
apply_step apply_add_message, apply_set_status, apply_set_facts, apply_settle_message, apply_set_delivered,
    apply_add_document, apply_add_key, apply_add_event, apply_claim_key, apply_release_key, apply_acknowledge,
    apply_link_answer, apply_set_due, apply_put_artifact, apply_drop_artifact;
apply_step apply_add_job, apply_finish_job, apply_retry_job, apply_bury_job, apply_hold_job, apply_release_jobs,
    apply_note_job, apply_extend_job, apply_revive_job, apply_claim_jobs, apply_drop_jobs;
apply_step apply_put_object, apply_remove_object, apply_put_secret, apply_raise_counter, apply_keep_answer, apply_audit,
    apply_purge;

#endif
