/* core/facade/status.c: see status.h. */
#include "core/facade/status.h"

#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/flow/outcome.h"

#include <stdlib.h>

typedef struct asking {
    store *store;
    http_request *request;
    char id[ID_SIZE];
    char *principal;
} asking;

static void free_asking(void *owner, http_outcome outcome) {
    asking *a = owner;
    (void)outcome;
    free(a->principal);
    free(a);
}

static bool may_see(const asking *a, const json_t *message) {
    const char *owner = json_get_text(message, "principal", NULL);
    if (!json_get_text(message, "endpoint", NULL)) return false;
    return !owner || (a->principal && strcmp(owner, a->principal) == 0);
}

static error *tell(const asking *a, const json_t *message, http_response **response) {
    json_t *body = NULL;
    error *err = outcome_of(a->store, message, &body);
    if (err) return err;
    *response = http_response_take_text(200, "application/json", json_text(body, false));
    http_response_header(*response, "Cache-Control", "no-store");
    json_decref(body);
    return NULL;
}

static void answer(void *context) {
    asking *a = context;
    json_t *message = NULL;
    http_response *response = NULL;
    error *err = id_is_valid(span_of(a->id)) ? store_message_json(a->store, a->id, &message) : NULL;
    if (!err && message && may_see(a, message)) err = tell(a, message, &response);
    json_decref(message);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = NULL;
    }
    if (err) response = answer_failure(err, NULL);
    if (!response)
        response = answer_problem(404, "not-found", "There is no such request",
            "The address comes with the answer to a request, in Location.", NULL);
    http_respond(a->request, response);
}

void status_start(store *s, blocking *b, http_request *request, const char *id, const char *caller) {
    asking *a = xcalloc(1, sizeof *a);
    a->store = s;
    a->request = request;
    a->principal = caller ? xstrdup(caller) : NULL;
    if (strlen(id) < sizeof a->id) memcpy(a->id, id, strlen(id) + 1);
    http_own(request, a, free_asking, NULL);
    blocking_run(b, answer, a);
}
