/* core/http/internal.h: what the files behind server.h share; included only by
 * core/http/{server,connection,idle,identity,request,body,response,stream}.c.
 *
 * Locks, taken in this order: server->lock (the list of connections), connection->lock (its current request),
 * request->lock (whose hands it is in), stream->lock. The library's own lock comes last: it never calls us with it
 * held.
 */
#ifndef BANYAN_HTTP_INTERNAL_H
#define BANYAN_HTTP_INTERNAL_H

#include "core/base/buf.h"
#include "core/http/framing.h"
#include "core/http/server.h"
#include "core/http/target.h"
#include "core/http/tls.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

/* What a connection is doing, for the housekeeper. */
typedef enum connection_phase {
    PHASE_HEAD,    /* waits for a head, or for the rest of one */
    PHASE_BODY,    /* a body is coming */
    PHASE_WORKING, /* in the owner's hands */
    PHASE_SENDING,
    PHASE_STREAMING, /* sends as the owner writes */
} connection_phase;

typedef struct connection {
    struct connection *next, *previous; /* in the server's list */
    http_server *server;
    int fd;
    char peer[INET6_ADDRSTRLEN];
    pthread_mutex_t lock;
    http_request *request; /* the current one; NULL between requests */
    _Atomic int phase;
    _Atomic int64_t phase_since_ms;
    _Atomic uint64_t phase_bytes; /* of the body, in PHASE_BODY */
    _Atomic unsigned served;      /* requests that this connection has begun */
    tls_identity *identity;       /* shown to this client; NULL: the library's own */
    bool vouched;                 /* the client was judged by its certificate; the loop thread's own */
    char *shown[4]; /* of its certificate: subject, issuer, name, fingerprint; set once, before the first request */
    bool linger;    /* closes before the client has said everything: drain before letting go */
    /* The loop thread's own: the raw target of the head that is being parsed. */
    const char *target_at;
    char *target;
    size_t target_len, target_room;
    /* Of idle.c, set by the loop's thread. */
    char *_Atomic pool;       /* the library's memory of this connection; NULL: not known */
    _Atomic unsigned trimmed; /* `served` when the pool was given back */
    uint64_t accounted;       /* bytes of heads and bodies so far */
    unsigned looks;           /* for the pool */
    /* The housekeeper's own: progress of the response being sent. */
    uint64_t acknowledged;
    int64_t acknowledged_ms;
    unsigned acknowledged_serial;
} connection;

typedef struct lingering {
    struct lingering *next;
    int fd;
    int64_t until_ms;
} lingering;

struct http_server {
    http_server_options options;
    struct MHD_Daemon *daemon;
    int listen_fd;     /* until the daemon has it */
    http_watch *watch; /* of the daemon's epoll, on options.loop */
    http_turn *turn;
    _Atomic bool resumed; /* since the library ran last */
    char *address;
    unsigned port;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* signalled when a request ends while stopping, and to wake the housekeeper */
    tls_identity *identity; /* what connections are shown since it was renewed; NULL: the library's own */
    connection *connections;
    lingering *lingering;
    unsigned lingering_count;
    pthread_t housekeeper;
    bool housekeeper_stops;
    _Atomic bool stopping; /* answers close their connections, new connections are refused */
    _Atomic bool aborting; /* nothing may be suspended any more */
    _Atomic uint64_t open, requests, running, refused, timeouts;
};

typedef enum body_mode {
    BODY_NONE,    /* none announced, or not wanted: an early answer closes */
    BODY_TAKEN,   /* collected by the owner's plan */
    BODY_FLOWS,   /* offered to the owner as it comes, while the request stays in the owner's hands */
    BODY_DROPPED, /* small and not wanted: read so that the connection can go on */
} body_mode;

struct http_request {
    pthread_mutex_t lock;
    connection *connection;        /* NULL once detached */
    struct MHD_Connection *handle; /* the library's connection; NULL once detached */
    http_response *answer;         /* given but not yet queued */
    http_stream *stream;           /* of the response being sent */
    bool owned;                    /* in the owner's hands */
    bool answered;
    bool head_done;    /* the library was let past the head */
    bool suspended;    /* the library's connection is suspended and must be resumed */
    bool gone;         /* the housekeeper saw the client go, or the server is stopping hard */
    bool aborting;     /* `aborted` is being called */
    bool queued;       /* the answer is with the library */
    bool checked_tail; /* trailers were looked at */
    bool flow_full;    /* the owner did not take all: nothing is offered until it says so */
    bool flow_again;   /* the owner said so before the library was suspended */
    bool flow_done;    /* `complete` was called */
    bool tls;
    http_outcome outcome;
    void *owner;
    void (*done)(void *owner, http_outcome outcome);
    void (*aborted)(void *owner);
    body_mode mode;
    http_body_plan plan;
    buf body;
    int body_fd;
    uint64_t body_size;
    int refused_status; /* the body was refused in the middle */
    const char *body_base;
    http_framing framing;
    http_target target;
    span method, raw_target;
    http_field *fields;
    size_t field_count;
    http_field *parameters;
    char peer[INET6_ADDRSTRLEN];
};

/* server.c */
/* Resumes a suspended connection; on a loop the library does not wake its poller by itself. From any thread. */
void server_resume(http_server *server, struct MHD_Connection *handle);
/* The library has something to do that no socket tells of. */
void server_look_again(http_server *server);

/* connection.c */
void connection_notice(
    void *context, struct MHD_Connection *handle, void **state, enum MHD_ConnectionNotificationCode code);
void connection_enter(connection *c, connection_phase phase);
connection *connection_of(struct MHD_Connection *handle);
/* Sends an answer past the library, which cannot answer before a body is complete. Plain connections only; the caller
 * closes. */
void connection_answer_raw(connection *c, int status);
void *housekeeper_run(void *context);
void housekeeper_drop_lingering(http_server *server);

/* idle.c */
/* How large a pool is that can be given back. */
size_t idle_pool_size(size_t wanted);
/* A head has come, `size` bytes from `head` on, and says that `body` bytes follow. On the loop. */
void idle_note_head(connection *c, const char *head, size_t size, uint64_t body);
/* Has the loop give back what idle connections hold. By the housekeeper, with server->lock held. */
void idle_look(http_server *server, int64_t now_ms);

/* identity.c */
/* Did the client show a certificate as the listener wants it? NULL, or why not. Verified once a connection. */
const char *identity_fault(connection *c, struct MHD_Connection *handle);
void identity_forget(connection *c);

/* request.c */
enum MHD_Result request_serve(void *context, struct MHD_Connection *handle, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **state);
void request_completed(
    void *context, struct MHD_Connection *handle, void **state, enum MHD_RequestTerminationCode code);
void *request_note_target(void *context, const char *target, struct MHD_Connection *handle);
/* Wakes a suspended request to be closed. With connection->lock held. */
void request_give_up(http_request *request);

/* body.c */
bool body_receive(http_request *request, span bytes);
size_t body_flow(http_request *request, span bytes, bool wanted);

/* response.c */
struct MHD_Response *response_build(http_response *response, http_request *request, bool close);
http_stream *response_stream(const http_response *response);

/* stream.c */
http_stream *stream_new(size_t pending_maximum, int64_t size);
struct MHD_Response *stream_response(http_stream *stream, const http_request *request);
void stream_orphan(http_stream *stream); /* its response will never be sent */
void stream_kill(http_stream *stream);   /* ends the connection that reads it */

#endif
