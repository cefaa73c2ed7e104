/* tests/fuzz/as2.c: a partner's message or receipt, header fields and body, through everything a courier does with it
 * (Z06).
 *
 * The input is what stands on the wire: fields, an empty line, the body. Whatever comes, there is an outcome. */
#include "adapters/as2/as2.h"
#include "core/base/memory.h"
#include "core/crypto/keypair.h"

#include <stdlib.h>

typedef struct input {
    span body;
    size_t at;
} input;

static error *give(void *context, char *into, size_t room, size_t *len) {
    input *in = context;
    *len = in->body.len - in->at < room ? in->body.len - in->at : room;
    if (*len) memcpy(into, in->body.data + in->at, *len);
    in->at += *len;
    return NULL;
}

static error *again(void *context) {
    ((input *)context)->at = 0;
    return NULL;
}

static error *take(void *context, span bytes) {
    *(size_t *)context += bytes.len;
    return NULL;
}

static error *forget(void *context) {
    *(size_t *)context = 0;
    return NULL;
}

static adapter_session *open_session(void) {
    char *key = NULL, *certificate = NULL;
    adapter_session *session = NULL;
    const certificate_request request = {.common_name = "fuzz", .days = 30};
    if (key_new(KEY_RSA_2048, &key) || certificate_new(span_of(key), &request, &certificate)) abort();
    static json_t *trust, *settings; /* the session borrows them, for the life of the process */
    trust = json_pack("{s:{s:[{s:s, s:s, s:s}], s:[{s:s, s:s}]}}", "trust", "keys", "name", "us", "certificate",
        certificate, "private_key", key, "certificates", "name", "them", "certificate", certificate);
    settings = json_pack("{s:b}", "allow_3des", 1);
    const adapter_open_options options = {.settings = settings, .secrets = trust, .connection = "fuzz"};
    if (adapter_as2.open(&options, &session)) abort();
    key_text_free(key);
    free(certificate);
    return session;
}

static json_t *read_fields(span *rest) {
    json_t *headers = json_array();
    span line;
    while (span_split(rest, '\n', &line)) {
        line = span_trim(line);
        const char *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
        if (line.len == 0) break;
        if (!colon) continue;
        json_t *pair = json_array();
        json_array_append_new(pair, json_from_span(span_make(line.data, (size_t)(colon - line.data))));
        json_array_append_new(
            pair, json_from_span(span_trim(span_make(colon + 1, line.len - (size_t)(colon + 1 - line.data)))));
        json_array_append_new(headers, pair);
    }
    return headers;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static adapter_session *session;
    if (!session) session = open_session();
    span rest = span_make((const char *)data, size);
    json_t *headers = read_fields(&rest), *outcome = NULL;
    input in = {.body = rest.data ? rest : SPAN("")};
    size_t written = 0;
    const adapter_source source = {.read = give, .rewind = again, .context = &in, .size = in.body.len};
    const adapter_sink into = {.write = take, .rewind = forget, .context = &written};
    json_t *order = json_pack("{s:s, s:s, s:o}", "from", "THEM", "to", "US", "headers", headers);
    error *err = adapter_as2.unpack(session, order, &source, &into, &outcome);
    if (!err && !json_get_text(outcome, "outcome", NULL)) abort();
    const json_t *documents = json_get_array(outcome, "documents");
    for (size_t i = 0; !err && strcmp(json_get_text(outcome, "outcome", ""), "processed") == 0 &&
                       !json_get_object(outcome, "answers") && i < json_array_size(documents);
         i++) {
        const json_t *one = json_array_get(documents, i);
        uint64_t end = (uint64_t)json_get_integer(one, "offset", 0) + (uint64_t)json_get_integer(one, "length", -1);
        if (end > written) abort(); /* a document that is not there */
    }
    error_free(err);
    json_decref(order);
    json_decref(outcome);
    return 0;
}
