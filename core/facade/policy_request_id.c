/* core/facade/policy_request_id.c: every answer tells which request it answers.
 *
 * A caller's X-Request-Id is kept when it is a plain word, else the request's own id is told; the caller finds it in
 * what he complains with, the operator in the messages.
 */
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"

enum { ID_BYTES_MAX = 128 };

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    (void)faults;
    return (void *)(uintptr_t)endpoint;
}

static bool is_plain(span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f || strchr("\"\\<>", text.data[i])) return false;
    return text.len > 0 && text.len <= ID_BYTES_MAX;
}

static void on_answer(exchange *x, void *prepared, http_response *response) {
    span theirs = http_request_header(x->request, "X-Request-Id");
    (void)prepared;
    if (http_response_find(response, "X-Request-Id").data) return; /* a back-end's */
    if (is_plain(theirs))
        http_response_header_span(response, "X-Request-Id", theirs);
    else
        http_response_header(response, "X-Request-Id", x->id);
}

const policy request_id_policy = {.name = "request id", .prepare = prepare, .on_answer = on_answer};
