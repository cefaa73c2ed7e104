/* core/facade/back_end.c: which back-end stands behind a kind of connection. */
#include "core/facade/back_end.h"

#include "core/base/io.h"
#include "core/facade/back_end_file.h"
#include "core/facade/back_end_http.h"

static const back_end files = {.call = back_end_file_call, .accepts = true};
static const back_end http = {.call = back_end_http_call, .passes = true};

const back_end *back_end_of(const estate_connection *connection) {
    return strcmp(connection->adapter->kind, "http") == 0 ? &http : &files;
}

void back_end_answer_free(back_end_answer *answer) {
    frame_clear(&answer->frame);
    if (answer->in_file) io_close(&answer->fd);
    answer->in_file = false;
    arena_free(answer->memory);
    answer->memory = NULL;
}
