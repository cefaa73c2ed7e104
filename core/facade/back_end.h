/* core/facade/back_end.h: what stands behind an endpoint, by kind of connection.
 *
 * A back-end takes one request and gives one answer, both whole; it knows nothing of exchanges, so that shadow traffic
 * and comparing use it as the endpoint itself does. Files and SFTP go through couriers; HTTP through the outgoing loop.
 * Bodies that pass as they come are pass.h's business.
 */
#ifndef BANYAN_CORE_FACADE_BACK_END_H
#define BANYAN_CORE_FACADE_BACK_END_H

#include "core/base/memory.h"
#include "core/facade/exchange.h"
#include "core/facade/relay.h"

/* Everything is borrowed and lives until `done` was called. */
typedef struct back_end_request {
    const estate_destination *target;
    relay_request head;
    const char *file_path; /* kinds without requests of their own: the path, expanded and clean; NULL: none */
    span body;
    int body_fd; /* when not -1: `body_size` bytes of this file instead */
    uint64_t body_size;
    int64_t timeout_ms;
    bool may_be_file; /* the answer may lie in a file */
} back_end_request;

/* Whoever is given an answer may move it out (and leave an empty one behind), to free it later. */
typedef struct back_end_answer {
    int status;
    const char *content_type; /* NULL: none told */
    http_field *headers;      /* those that are the client's, without Content-Type */
    size_t header_count;
    span bytes;   /* empty when it lies in a file */
    bool in_file; /* the answer's own: `file_size` bytes from the begin on */
    int fd;
    uint64_t file_size;
    /* Where all that lies. */
    frame frame;
    arena *memory;
} back_end_answer;

void back_end_answer_free(back_end_answer *answer);

typedef void back_end_done(void *context, back_end_answer *answer, error *failure);

typedef struct back_end {
    /* Calls it; `done` follows from any thread, exactly once, perhaps before this returns. ERROR_NOT_FOUND is a
     * failure of kinds that have no status of their own. */
    void (*call)(
        const exchange_services *services, const back_end_request *request, back_end_done *done, void *context);
    /* Methods that change something become durable messages delivered later, instead of calls. */
    bool accepts;
    bool passes; /* bodies may pass as they come (pass.h) */
} back_end;

const back_end *back_end_of(const estate_connection *connection);

#endif
