/* core/store/store.h: the tracked state of the appliance: what the product asks of a store, not SQL.
 *
 * Only the desk opens a store. All writes go through one writer thread that groups them into commits (reliability rule:
 * one connection does all writes and all checkpoints). A write is a `store_change`: a list of steps that happen
 * together or not at all. Reads come from any thread, on read-only connections, and see every commit that was reported
 * before.
 *
 * Payloads up to `inline_limit` bytes live in their row; larger ones are spool files, durable (file and directory)
 * before the row that names them is committed. Every payload's SHA-256 is in its row and verified when it is read.
 *
 * A failed commit or fsync is not survivable: `fatal` is called and must not return (the appliance stops rather than
 * lie).
 */
#ifndef BANYAN_CORE_STORE_STORE_H
#define BANYAN_CORE_STORE_STORE_H

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/id.h"
#include "core/base/json.h"

typedef struct store store;

/* One thing that a commit changed. Texts live for the time of the call. */
typedef struct store_news {
    const char *kind;   /* "message", "job", "acknowledgement", "config" */
    const char *id;     /* message id, job id, document id, or "kind/name" of an object */
    const char *status; /* of a message; of a job: "ready", "held", "leased", "dead", "finished"; "accepted",
                           "rejected"; of an object: "put", "removed" */
} store_news;

typedef struct store_options {
    const char *directory; /* DATA: made when missing; locked while open, a second opener gets ERROR_CONFLICT */
    const digest_functions *digest; /* SHA-256 */
    const char *node;               /* the name that leases carry; at most 64 bytes */
    size_t inline_limit;            /* 0: 64 KiB; at most 1 MiB */
    int64_t lease_ms;               /* of jobs born claimed; 0: five minutes */
    uint64_t free_minimum;          /* what store_admit leaves free on the file system, bytes; 0: 1 GiB */
    uint64_t reserve;               /* bytes held for the day the disk is full; 0: 64 MiB */
    void (*fatal)(const error *err);
    /* A commit happened: called on the writer thread, after the replies, with the rows that changed. Must be quick.
     * NULL: nobody. */
    void (*committed)(void *context, const store_news *news, size_t count);
    void *context;
} store_options;

must_check error *store_open(const store_options *options, store **out);
void store_close(store *s); /* finishes what was submitted, checkpoints */

/* ---- payloads
 * ----------------------------------------------------------------------------------------------------------------------
 */

/* A payload on its way in. Small ones stay in memory, larger ones go to a spool file. */
typedef struct payload_writer payload_writer;

typedef struct payload {
    uint64_t size;
    char sha256[65]; /* lower-case hex */
    char spool[40];  /* name of the spool file, "" when `bytes` holds it */
    char *bytes;     /* owned; NULL when spooled */
} payload;

must_check error *payload_begin(store *s, payload_writer **out);
must_check error *payload_write(payload_writer *writer, span bytes);
/* For a courier that writes by itself: a new spool file's descriptor. The caller keeps the writer, which reads the file
 * again for its digest in payload_finish. */
must_check error *payload_begin_file(store *s, payload_writer **out, int *fd);
/* Makes it durable. Frees the writer in every case. */
must_check error *payload_finish(payload_writer *writer, payload *out);
void payload_abandon(payload_writer *writer); /* NULL is fine; removes the file */

/* Bytes that broke off on their way and are no payload yet: put aside by a name (letters, digits, hyphens) until
 * somebody goes on with them. They survive a restart, but no power cut for certain, and no backup has them. Only of
 * payload_begin_file's; frees the writer in every case. */
must_check error *payload_put_aside(payload_writer *take, const char *name);
must_check error *payload_take_up(store *s, const char *name, payload_writer **out, int *fd); /* ERROR_NOT_FOUND */
void payload_drop_aside(store *s, const char *name);
typedef void (*payload_seen)(void *context, const char *name, uint64_t size, int64_t changed_at); /* wall ms */
must_check error *payload_list_aside(store *s, payload_seen seen, void *context);

void payload_free(payload *p);
/* The whole of `bytes` as a payload: spooled when larger than the limit. */
must_check error *payload_of(store *s, span bytes, payload *out);

/* A second payload with the same bytes: for a message of its own. */
must_check error *payload_copy(store *s, const payload *from, payload *out);

/* A stored payload, verified against its digest (ERROR_CORRUPT names the message). Either `bytes` or `fd` (read-only,
 * at its start). */
typedef struct payload_view {
    uint64_t size;
    char *bytes; /* owned, NULL when in a file */
    int fd;      /* -1 when in memory */
} payload_view;

must_check error *store_payload_open(store *s, const char *message_id, payload_view *out);
must_check error *store_artifact_open(store *s, const char *message_id, const char *kind, payload_view *out);
void payload_view_close(payload_view *view);
/* What a view shows as a new payload; and a payload that is not stored yet as a view. */
must_check error *payload_of_view(store *s, const payload_view *view, payload *out);
must_check error *payload_view_of(store *s, const payload *p, payload_view *out);

/* ---- what is written
 * ----------------------------------------------------------------------------------------------------------------- */

typedef enum message_status {
    MESSAGE_RECEIVED,
    MESSAGE_PROCESSING,
    MESSAGE_WAITING, /* delivered, acknowledgement due */
    MESSAGE_COMPLETED,
    MESSAGE_FAILED,
    MESSAGE_REJECTED,
    MESSAGE_DUPLICATE,
    MESSAGE_QUARANTINED
} message_status;

const char *message_status_name(message_status status);
must_check bool message_status_named(span name, message_status *status);

typedef struct store_message {
    char id[ID_SIZE];
    bool outgoing;
    message_status status;
    const char *reason;     /* why it failed, was rejected or waits; NULL: nothing to say */
    const char *connection; /* the one it came by or goes by; NULL for none yet */
    const char *partner, *flow, *endpoint;
    const char *content_type, *filename;
    const char *parent;    /* message id; NULL: none */
    const char *script;    /* NAME@hash that made it, NULL: none */
    const char *principal; /* who posted it: an API key's or user's name, a partner; NULL: nobody known */
    const json_t *headers; /* borrowed; transport headers and variables worth keeping */
    int64_t received_at;   /* wall ms */
} store_message;

typedef struct store_document {
    char id[ID_SIZE];
    const char *message;
    int position;                                              /* 0, 1, 2 … inside its message */
    const char *standard;                                      /* "X12", "EDIFACT", "JSON" … */
    const char *type;                                          /* "850", "ORDERS" */
    const char *version;                                       /* "004010", "D96A" */
    const char *control, *group_control, *interchange_control; /* as written in the envelope */
    const char *sender, *receiver;                             /* "ZZ:BANYAN" */
    const json_t *keys;                                        /* {"po": "4711"}, borrowed */
    const char *acknowledgement; /* NULL: none asked; else "997", "999", "CONTRL", "MDN", "answer" … */
    int64_t due_at;              /* wall ms; 0 when none asked */
} store_document;

/* When a held job would run: the end of the year 9999. */
#define STORE_HELD INT64_C(253402300799000)

typedef struct store_job {
    char id[ID_SIZE];
    const char *kind;       /* "process", "translate", "deliver", "poll" … : the engine's words */
    const char *message;    /* NULL: none */
    const char *connection; /* NULL: none */
    const json_t *detail;   /* what the engine needs to do it; borrowed */
    const char *written;    /* or the same as compact JSON, written already */
    int64_t run_at;         /* wall ms; now or earlier: ready; STORE_HELD: waits for store_release_jobs */
    bool claimed;           /* born leased to this node: the engine goes on with it at once, without a second commit */
} store_job;

typedef struct store_change store_change;

store_change *store_change_new(void);
void store_change_free(store_change *change); /* for one that is not committed after all */

/* The texts and JSON are copied, the payload is taken (and left empty); p may be NULL for a message without bytes. */
void store_add_message(store_change *change, const store_message *message, payload *p);
void store_set_status(store_change *change, const char *message_id, message_status status, const char *reason);
/* It has left: waiting for its acknowledgements, or completed when none is due. */
void store_set_delivered(store_change *change, const char *message_id);
/* Completed, unless a job of it remains or it ended otherwise: to be said after its job is finished. When a part of it
 * was refused or remarked (events of the kinds invalid, foreign, misaddressed, unrouted, unmatched, remark), the first
 * of these stays its reason. */
void store_settle(store_change *change, const char *message_id);
/* Several at once: flow, partner, filename as they become known; NULL leaves a column as it is. */
void store_set_facts(
    store_change *change, const char *message_id, const char *flow, const char *partner, const char *script);
void store_add_document(store_change *change, const store_document *document);
void store_add_event(
    store_change *change, const char *message_id, const char *kind, const char *text, const json_t *detail);

/* Claims `key` in `scope` for a message. When it is claimed already, the whole change fails with ERROR_CONFLICT and
 * store_commit_result.conflict names the message that has it. */
void store_claim_key(store_change *change, const char *scope, const char *key, const char *message_id);
void store_release_key(store_change *change, const char *scope, const char *key);

void store_add_job(store_change *change, const store_job *job);
/* What was held for this connection runs now. */
void store_release_jobs(store_change *change, const char *connection);
/* These four fail the whole change with ERROR_CONFLICT unless this node still holds the lease of that attempt. */
void store_finish_job(store_change *change, const char *job_id, int attempt);
void store_retry_job(store_change *change, const char *job_id, int attempt, int64_t run_at, const char *why);
void store_bury_job(
    store_change *change, const char *job_id, int attempt, const char *why); /* dead letter, kept and shown */
/* Waits for store_release_jobs; this attempt does not count. */
void store_hold_job(store_change *change, const char *job_id, int attempt, const char *why);
/* Changes what the job will see at its next attempt, under the same lease: the mark "staged" of a delivery. */
void store_note_job(store_change *change, const char *job_id, int attempt, const json_t *detail);
/* The lease lasts until now + lease_ms: for work that takes longer than was thought. */
void store_extend_job(store_change *change, const char *job_id, int attempt, int64_t lease_ms);
/* A dead or waiting job runs now (operator). Its attempts are counted on, so that they stay told apart; "before" in its
 * detail says how many there were, and its "crashes" are forgotten: its retry policy begins anew. ERROR_CONFLICT when
 * it is leased. */
void store_revive_job(store_change *change, const char *job_id);

/* Jobs of that message and kind that nobody is working on are not to be done any more. */
void store_drop_jobs(store_change *change, const char *message_id, const char *kind);

/* The acknowledgement that this document waits for is due at another time. */
void store_set_due(store_change *change, const char *document_id, int64_t due_at);

typedef enum acknowledgement_status {
    ACKNOWLEDGEMENT_DUE,
    ACKNOWLEDGEMENT_ACCEPTED,
    ACKNOWLEDGEMENT_REJECTED
} acknowledgement_status;

/* Closes what a document waits for. `by` is the message that answered (NULL: an answer without one, such as an HTTP
 * status). A message whose documents are all answered leaves WAITING: completed, or rejected when any was; and one that
 * is set to WAITING after they were answered does so at once. ERROR_CONFLICT when the document was answered before or
 * asked for nothing. */
void store_acknowledge(
    store_change *change, const char *document_id, acknowledgement_status status, const char *by, const char *text);

/* Two documents belong to one business conversation: `answer` answers `document` (an 855 its 850). */
void store_link_answer(store_change *change, const char *document_id, const char *answer_document_id);

/* An answer that is kept for whoever asks the same again, by a key of the asker's. */
typedef struct store_answer {
    char asked[65]; /* the SHA-256 of what was asked, in lower-case hex */
    int64_t until;  /* wall ms; nobody gets it afterwards, and it goes when others are kept */
    json_t *head;   /* status and header fields, in a shape of the keeper's */
    buf body;
} store_answer;

/* Copies the answer; one under the same key is replaced. */
void store_keep_answer(store_change *change, const char *scope, const char *key, const store_answer *answer);

/* Configuration objects and other named state. `expected` is the revision that must stand there, or one of these;
 * ERROR_CHANGED when it is not so. */
enum { REVISION_NONE = 0 /* it must not exist */, REVISION_ANY = -1, REVISION_SOME = -2 /* it must exist */ };
/* Does an object of that revision (0: there is none) answer what was expected? */
bool store_revision_fits(int64_t expected, int64_t revision);
void store_put_object(
    store_change *change, const char *kind, const char *name, int64_t expected, const json_t *body, const char *by);
void store_remove_object(store_change *change, const char *kind, const char *name, int64_t expected, const char *by);

/* Sealed bytes by name (the store never sees them in clear). NULL data removes. */
void store_put_secret(store_change *change, const char *name, span sealed);

/* What belongs to a message beside its payload, one of a kind: "wire" (the bytes sent), "receipt", "evidence". Takes
 * the payload; one that was there is replaced. */
void store_put_artifact(store_change *change, const char *message_id, const char *kind, payload *take);
void store_drop_artifact(store_change *change, const char *message_id, const char *kind);

/* Raises the counter to at least `value`. Counters never fall. */
void store_raise_counter(store_change *change, const char *name, int64_t value);

void store_audit(store_change *change, const char *who, const char *what, const char *object, const json_t *detail);

typedef struct store_commit_result {
    char conflict[ID_SIZE]; /* see store_claim_key */
} store_commit_result;

/* Takes the change; returns when it is durable (or refused: then nothing of it happened). `result` may be NULL. */
must_check error *store_commit(store *s, store_change *take, store_commit_result *result);

/* The same without waiting: `done` is called on the writer thread once it is durable or refused; it takes the error and
 * must be quick. NULL: nobody waits (then a refusal is logged). */
void store_submit(store *s, store_change *take,
    void (*done)(void *context, error *take_error, const store_commit_result *result), void *context);

/* ---- the queue
 * ------------------------------------------------------------------------------------------------------------------------
 */

typedef struct claimed_job {
    char id[ID_SIZE];
    char kind[24];
    char message[ID_SIZE]; /* "" when none */
    char connection[65];   /* "" when none */
    int attempt;           /* 1 for the first */
    int64_t created_at;
    json_t *detail; /* owned */
} claimed_job;

/* `busy`: jobs that are not wanted now, an array of "kind/connection"; NULL: all are. Borrowed.
 *
 * Leases up to `room` ready jobs, oldest first, until now + lease_ms. Jobs whose lease ran out, or was given in an
 * earlier life of this node, are ready again and count as attempted. Blocks for the commit. */
must_check error *store_claim_jobs(
    store *s, int64_t lease_ms, const json_t *busy, claimed_job *into, size_t room, size_t *count);
void claimed_job_free(claimed_job *job);
must_check error *store_next_job_at(
    store *s, const json_t *busy, int64_t *wall_ms); /* when the next waiting job becomes ready; INT64_MAX: none */

/* The names of the connections that jobs are held for: an array. New reference. */
must_check error *store_held_connections(store *s, json_t **out);

/* ---- what is read: JSON in the shapes of the REST API, new references
 * -------------------------------------------------------------- */

must_check error *store_message_json(store *s, const char *id, json_t **out); /* ERROR_NOT_FOUND */
must_check error *store_message_events(store *s, const char *id, json_t **out);

typedef struct message_filter {
    const char *status, *direction, *connection, *partner, *flow, *type, *standard, *parent; /* NULL: any */
    const char *text;     /* words to find in keys, control numbers, file names, reasons, ids */
    int64_t since, until; /* wall ms, 0: open */
    const char *after;    /* the id that the last page ended with; NULL: first page */
    int limit;            /* rows a page, 1..1000 */
} message_filter;

/* {"items":[...], "next": id or absent}: newest first. */
must_check error *store_find_messages(store *s, const message_filter *filter, json_t **out);
must_check error *store_find_documents(store *s, const message_filter *filter, json_t **out);
must_check error *store_find_jobs(store *s, const char *status, const char *after, int limit, json_t **out);
must_check error *store_message_jobs(store *s, const char *message_id, json_t **out); /* an array, as items of jobs */
must_check error *store_find_acknowledgements(store *s, bool only_overdue, const char *after, int limit, json_t **out);
must_check error *store_find_audit(store *s, int64_t before, int limit, json_t **out);
must_check error *store_stats(store *s, json_t **out);
/* The last `span_ms` in steps of five minutes or more: {"step_s", "items": [{"at", "in", "out", "failed", "p50_ms",
 * "p95_ms"}]}. The latencies are those of completed incoming messages, out of the newest 20,000 messages; null where a
 * step has none. */
must_check error *store_history(store *s, int64_t span_ms, json_t **out);
/* {"acme": {"last_in", "last_out", "in", "out", "failed", "overdue"}}: the times and the counts of the last 24 hours
 * are those of the newest 20,000 messages. */
must_check error *store_partners(store *s, json_t **out);

/* Messages that failed, were rejected or put in quarantine since then (wall ms), by what handled them: [{"status",
 * "flow", "endpoint", "connection" (as far as known), "partner" (when there is one alone), "count", "first_ms",
 * "last_ms"}], the oldest trouble first. Of each status the newest 20,000 are looked at. */
must_check error *store_troubles(store *s, int64_t since, json_t **out);
/* When something last came in by this connection, wall ms; 0: never. Only its newest 20,000 messages are looked at:
 * when none of them came in, the time of the oldest of these. */
must_check error *store_last_arrival(store *s, const char *connection, int64_t *at);

/* The open document that an acknowledgement answers; `type` and `control` NULL: all of the group or interchange. An
 * array of {"id", "message","type","control"}. */
typedef struct acknowledged_key {
    const char *partner;                                              /* NULL: any */
    const char *standard;                                             /* "X12" */
    const char *interchange_control, *group_control, *type, *control; /* NULL: any */
} acknowledged_key;
must_check error *store_find_acknowledged(store *s, const acknowledged_key *key, json_t **out);

/* Outgoing or incoming documents of a partner with this business key, newest first:
 * [{"id","message","type","control","direction"}]. */
must_check error *store_find_by_key(
    store *s, const char *partner, const char *type, const char *key, const char *value, json_t **out);

/* The message that has this key; ERROR_NOT_FOUND. */
must_check error *store_claimed(store *s, const char *scope, const char *key, char id[ID_SIZE]);
/* Who has claimed any key that begins with `prefix`, which ends with '|'. ERROR_NOT_FOUND: nobody. */
must_check error *store_claimed_below(store *s, const char *scope, const char *prefix, char id[ID_SIZE]);

/* What is kept under that key; ERROR_NOT_FOUND. To be cleared after success. */
must_check error *store_kept_answer(store *s, const char *scope, const char *key, store_answer *answer);
void store_answer_clear(store_answer *answer);

must_check error *store_object(store *s, const char *kind, const char *name, json_t **body, int64_t *revision);
/* [{"kind","name","revision","updated_at","updated_by","body"}], sorted by name; kind NULL: all kinds. */
must_check error *store_objects(store *s, const char *kind, json_t **out);
must_check error *store_secret(store *s, const char *name, buf *sealed);     /* ERROR_NOT_FOUND */
must_check error *store_counter(store *s, const char *name, int64_t *value); /* 0 when never raised */

/* Free bytes where payloads go, and whether there is room for one of `size` bytes (ERROR_FULL says how much is
 * missing). */
must_check error *store_admit(store *s, uint64_t size);

/* What was kept long enough goes: payloads (their message stays and says so) and whole messages with their documents,
 * events and dedupe keys, when they were received before these times (wall ms; 0: none). Only messages that are
 * completed, rejected or duplicate, with no job, nothing due and no child left. In small commits; `go_on` is asked
 * before each and may wait. Blocks: for a thread of its own. */
typedef struct purge_plan {
    int64_t payloads_before, messages_before;
    bool (*go_on)(void *context);
    void *context;
} purge_plan;

typedef struct purge_outcome {
    uint64_t payloads, messages; /* how many were removed */
} purge_outcome;
must_check error *store_purge(store *s, const purge_plan *plan, purge_outcome *out);

/* A consistent copy of everything, while serving: one stream that store_restore unpacks into an empty or missing
 * directory. A restored store has raised its counter "restored-at" (wall ms): whoever sends to the outside asks the
 * operator first. */
must_check error *store_backup(store *s, int fd);
/* A file without a name on the file system of the data, for a backup on its way out: gone when it is closed. */
must_check error *store_scratch_file(store *s, int *fd);
must_check error *store_restore(int fd, const char *directory, const digest_functions *digest);

/* Walks the chain of hashes of the audit log: ERROR_CORRUPT names the first entry that is not what was written. */
must_check error *store_check_audit(store *s);

#endif
