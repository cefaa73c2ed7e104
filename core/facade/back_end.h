/* core/facade/back_end.h: what stands behind an endpoint, by kind of connection.
 *
 * A back-end takes one request and gives one answer, both whole; it knows nothing of exchanges, so that shadow traffic
 * and comparing use it as the endpoint itself does. Files and SFTP go through couriers; HTTP through the outgoing loop.
 * Whoever wants bodies to pass as they come uses the back-end's own way (back_end_http.h).
 */
#ifndef BANYAN_CORE_FACADE_BACK_END_H
#define BANYAN_CORE_FACADE_BACK_END_H

#include "core/facade/exchange.h"

/* Everything is borrowed and lives until `done` was called. */
typedef struct back_end_request {
    const estate_destination *target;
    span method;
    const char *path;          /* below the connection, expanded and clean; NULL: the target's default */
    const http_field *headers; /* that the back-end is to see; hop-by-hop fields are filtered here */
    size_t header_count;
    span body;
    int body_fd; /* when not -1: `body_size` bytes of this file instead */
    uint64_t body_size;
    int64_t timeout_ms;
} back_end_request;

/* Valid during `done`, and as long as `frame` where that is set: it may be moved out. */
typedef struct back_end_answer {
    int status;
    const char *content_type; /* NULL: none told */
    const http_field *headers;
    size_t header_count;
    span bytes;
    frame *frame; /* holds the bytes; NULL: they are borrowed for the call alone */
} back_end_answer;

typedef void back_end_done(void *context, back_end_answer *answer, error *failure);

typedef struct back_end {
    /* Calls it; `done` follows from any thread, exactly once, perhaps before this returns. ERROR_NOT_FOUND is a
     * failure of kinds that have no status of their own. */
    void (*call)(
        const exchange_services *services, const back_end_request *request, back_end_done *done, void *context);
    /* Methods that change something become durable messages delivered later, instead of calls. */
    bool accepts;
} back_end;

const back_end *back_end_of(const estate_connection *connection);

#endif
