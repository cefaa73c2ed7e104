/* core/worker/frame.h: the messages between the desk and its workers.
 *
 * A frame is a header and fields; files travel beside it as descriptors (SCM_RIGHTS). Both ends are ours, but a worker
 * may be taken over by the bytes it parses: the desk checks every length and every field before it uses it. Numbers are
 * little-endian.
 *
 *   header: u32 length of the fields · u16 operation · u8 descriptors · u8 kind (request, reply, question, answer) ·
 * u64 id field:  u16 tag · u16 zero · u32 length · bytes
 */
#ifndef BANYAN_CORE_WORKER_FRAME_H
#define BANYAN_CORE_WORKER_FRAME_H

#include "core/base/buf.h"
#include "core/base/json.h"

enum { FRAME_BYTES_MAX = 16 * 1024 * 1024, FRAME_DESCRIPTORS_MAX = 16 };

typedef enum frame_kind { FRAME_REQUEST = 1, FRAME_REPLY, FRAME_QUESTION, FRAME_ANSWER } frame_kind;

/* What a request asks for; see translator.h and courier.h for the fields of each. */
typedef enum frame_operation {
    OPERATION_NONE = 0,
    /* translator */
    OPERATION_INSPECT,
    OPERATION_SCRIPT,
    OPERATION_ACKNOWLEDGE,
    OPERATION_EXTRACT,
    OPERATION_EXPLAIN,
    OPERATION_CHECK_SCRIPT,
    OPERATION_CHECK_SCHEMAS,
    OPERATION_TEST_SCRIPT,
    OPERATION_REPLAY_SCRIPT,
    OPERATION_STRUCTURE,
    OPERATION_VALIDATE,
    OPERATION_COMPARE,
    OPERATION_MASK,
    OPERATION_CERTIFICATES, /* {"what": "message"|"certificate"}: cem.h */
    /* courier */
    OPERATION_PROBE,
    OPERATION_LIST,
    OPERATION_GET,
    OPERATION_DONE,
    OPERATION_RELEASE,
    OPERATION_STAGE,
    OPERATION_PUBLISH,
    OPERATION_READ,
    OPERATION_REMOVE,
    OPERATION_WATCH,
    OPERATION_PACK,
    OPERATION_UNPACK,
    /* questions that a worker asks the desk while it works on a request */
    QUESTION_SOURCE,  /* text of a Lua module of the estate */
    QUESTION_CONTROL, /* the next control number of a sequence */
    QUESTION_TABLE,   /* a row of a code table */
    QUESTION_SCHEMA,  /* text of a schema of the estate */
    /* between the pool and its workers */
    OPERATION_WITHDRAW, /* a request of that id needs no answer any more; the worker replies in its turn with the same
                         */
    /* between the desk and the nursery, see nursery.h */
    NURSERY_SPAWN,
    NURSERY_ENDED,
    /* for tests of the sandbox: refused unless a test set worker_test_operation (serve.h) */
    OPERATION_TEST,
    OPERATION_LAST = OPERATION_TEST
} frame_operation;

typedef enum frame_tag {
    TAG_HEAD = 1,   /* the operation's head, a JSON object as head.h writes it */
    TAG_PAYLOAD,    /* bytes, when they do not come as a descriptor */
    TAG_ERROR_CODE, /* name of the code: the reply is a failure */
    TAG_ERROR_TEXT,
    TAG_ERROR_WHERE,
    TAG_ERROR_WAIT /* ms until it may be tried again, in digits */
} frame_tag;

typedef struct frame {
    frame_kind kind;
    frame_operation operation;
    uint64_t id;
    buf fields;
    int descriptors[FRAME_DESCRIPTORS_MAX]; /* owned */
    size_t descriptor_count;
    bool secret;   /* the fields hold secrets: they are wiped before they are freed */
    bool overflow; /* more was put than a frame can hold */
} frame;

void frame_init(frame *f, frame_kind kind, frame_operation operation, uint64_t id);
void frame_clear(frame *f); /* frees the fields, closes the descriptors */

void frame_put(frame *f, frame_tag tag, span bytes);
void frame_put_json(frame *f, const json_t *value);
void frame_put_empty(frame *f);                   /* a head that tells nothing */
void frame_put_error(frame *f, const error *err); /* in the place of all that was put before but the head */
void frame_put_descriptor(frame *f, int take_fd);

/* The first field of that tag; {NULL,0} when absent. Several PAYLOAD fields are told apart by `index`. */
span frame_get(const frame *f, frame_tag tag, size_t index);
must_check error *frame_get_json(const frame *f, json_t **value);
must_check error *frame_get_error(const frame *f); /* the error that a reply carries, NULL: it is a success */
int frame_take_descriptor(frame *f, size_t index); /* -1 when absent; the caller closes it */

/* A connection end: what was read and not yet taken, what is to be written. */
typedef struct frame_channel frame_channel;

frame_channel *frame_channel_new(int take_socket);
void frame_channel_free(frame_channel *channel);
int frame_channel_fd(const frame_channel *channel);

/* What arrives holds secrets: frames are marked so, and the channel wipes its own buffer. */
void frame_channel_set_secret(frame_channel *channel);

/* Queues the frame (taken; one that overflowed becomes the error that says so); frame_channel_flush writes as much as
 * the socket takes. */
void frame_channel_send(frame_channel *channel, frame *take);
must_check error *frame_channel_flush(frame_channel *channel, bool *all_written);

/* As send, but the frame stays the caller's, unchanged until frame_channel_written(ticket) or the end of the channel:
 * so that a request can be given to another worker. Its descriptors stay open here. */
uint64_t frame_channel_lend(frame_channel *channel, const frame *borrowed);
bool frame_channel_written(const frame_channel *channel, uint64_t ticket);

/* Reads what is there without blocking; ERROR_UNREACHABLE at the end of the stream, ERROR_INVALID on a malformed frame.
 * Frames that were whole before the error can still be taken. */
must_check error *frame_channel_fill(frame_channel *channel);
bool frame_channel_take(frame_channel *channel, frame *out); /* the next whole frame, false when none */

/* For workers, which have nothing else to do: both block. */
must_check error *frame_channel_send_now(frame_channel *channel, frame *take);
must_check error *frame_channel_receive(frame_channel *channel, frame *out);

#endif
