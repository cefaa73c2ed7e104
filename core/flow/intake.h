/* core/flow/intake.h: how bytes from a source become a message: the one order of commit that loses nothing. */
#ifndef BANYAN_CORE_FLOW_INTAKE_H
#define BANYAN_CORE_FLOW_INTAKE_H

#include "core/flow/work.h"

typedef struct intake {
    const estate_connection *connection;
    const char *filename, *content_type, *principal;
    const char *dedupe_key; /* what tells this delivery from another one; NULL: every one is new */
    const json_t *headers;
} intake;

/* Stores the message with its key, its first event and the job that processes it. The payload is durable already; it is
 * taken. *duplicate tells that the key was claimed before: then nothing was stored and `id` is the message that has it.
 */
must_check error *intake_message(engine *e, const intake *in, payload *take, char id[ID_SIZE], bool *duplicate);

#endif
