/* core/http/request.h: one request, from its head to its answer.
 *
 * The server calls its handler when the head is complete and unambiguous. From then on the request is in the owner's
 * hands, who does one of
 *   - http_respond: answers, at once or later, from any thread;
 *   - http_take_body: gives it back to the server, which collects the body and hands the request over again by calling
 *     `complete`, after which only http_respond is left.
 * A handler that returns without either keeps the request and answers later; the connection waits without a thread.
 * Every request must be answered in the end, also when its client is gone.
 *
 * http_own names the owner's data. Its `done` is called exactly once, from any thread, as the last thing that happens:
 * after the answer was given and the connection is through with it, or after the client went while the server had the
 * request in its hands (in the middle of the body). After http_respond the owner touches neither the request nor its
 * data any more. `aborted` (may be NULL) is called at most once, when the client goes while the request is in the
 * owner's hands: a hint to stop working; http_respond is still due, and its response is dropped.
 *
 * The texts of a request live until http_respond returns and may be read by the one thread that has it in its hands.
 */
#ifndef BANYAN_HTTP_REQUEST_H
#define BANYAN_HTTP_REQUEST_H

#include "core/http/field.h"
#include "core/http/response.h"

typedef struct http_request http_request;

typedef enum http_outcome {
    HTTP_SENT,    /* the whole answer was handed to the network */
    HTTP_ABORTED, /* the client went, or was cut off by a limit or time-out, before that */
} http_outcome;

span http_request_method(const http_request *request);
span http_request_target(const http_request *request); /* raw, as sent */
span http_request_path(const http_request *request);   /* decoded once, canonical; see target.h */
span http_request_query(const http_request *request);  /* raw, without the question mark */
span http_request_host(const http_request *request);   /* of the Host field; {NULL, 0} in HTTP/1.0 without one */
span http_request_peer(const http_request *request);   /* the address of the other end, without port */
bool http_request_is_tls(const http_request *request);
bool http_request_has_body(const http_request *request); /* one is announced, perhaps an empty chunked one */

/* The certificate that the client has shown and that was found good; false: none. The texts live as long as the
 * connection. */
typedef struct http_certificate {
    const char *subject, *issuer; /* distinguished names (RFC 4514) */
    const char *name;             /* the common name of the subject; "" when it has none */
    const char *fingerprint;      /* SHA-256 of the whole, in lower-case hex */
} http_certificate;
bool http_request_certificate(const http_request *request, http_certificate *certificate);

/* The first of that name, in any case of letters for headers; {NULL, 0} when absent. */
span http_request_header(const http_request *request, const char *name);
span http_request_parameter(const http_request *request, const char *name);

/* All, in the order sent. */
const http_field *http_request_headers(const http_request *request, size_t *count);
const http_field *http_request_parameters(const http_request *request, size_t *count);

void http_own(
    http_request *request, void *owner, void (*done)(void *owner, http_outcome outcome), void (*aborted)(void *owner));
void *http_owner(const http_request *request);

/* Answers: takes the response. From any thread, once. */
void http_respond(http_request *request, http_response *take);

typedef struct http_body_plan {
    uint64_t maximum; /* a longer body is refused with 413 and `done` follows */
    size_t memory;    /* kept in memory up to this size; beyond, everything goes to the file of `spill` */
    /* Opens the file for a body that outgrew `memory`: returns a descriptor that stays the owner's, or -1 to refuse the
     * request with 503. NULL: `memory` is the maximum. */
    int (*spill)(void *owner);
    /* Sees every byte in order (to hash, to scan), on the server's thread. Returns 0, or the status to refuse the rest
     * of the body with. May be NULL. */
    int (*chunk)(void *owner, span bytes);
    /* Takes the body as it comes instead, on the server's thread: returns how many bytes it took; after fewer than all
     * the rest is offered again when http_body_go_on was called. The request stays in the owner's hands all the while:
     * it may be answered early, and the answer waits for the end of the body, of which nothing more is offered. Whoever
     * lets bodies flow refuses one that is announced as longer than `maximum` himself. */
    size_t (*flow)(void *owner, span bytes);
    /* The body is there; the request is in the owner's hands. On the server's thread: must not block. */
    void (*complete)(http_request *request, void *owner);
} http_body_plan;

/* Lets the body come. Once, from any thread, before the answer; also for a request without a body. */
void http_take_body(http_request *request, const http_body_plan *plan);

/* The owner takes bytes again. From any thread. */
void http_body_go_on(http_request *request);

/* How many bytes are announced; -1: not announced (chunked). */
int64_t http_request_body_length(const http_request *request);

/* After `complete`. The size counts what came; the span is {NULL, 0} when the body lies in the file of `spill`. */
uint64_t http_request_body_size(const http_request *request);
span http_request_body(const http_request *request);

#endif
