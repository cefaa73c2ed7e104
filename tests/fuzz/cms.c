/* tests/fuzz/cms.c: any bytes as a CMS message: the outcome does not depend on how they were cut into pieces, and every
 * fault has a name (Z06). */
#include "core/crypto/cms_read.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static error *count(void *context, span piece) {
    *(uint64_t *)context += piece.len;
    return NULL;
}

static cms_fault read_in_pieces(span message, size_t step, uint64_t *bytes) {
    cms_read_options options = {.now_ms = 1, .content_max = 1 << 20, .content = {.write = count, .context = bytes}};
    cms_reader *reader = cms_reader_new(&options);
    error *err = NULL;
    for (size_t at = 0; !err && at < message.len; at += step)
        err = cms_reader_write(reader, span_make(message.data + at, message.len - at < step ? message.len - at : step));
    if (!err) err = cms_reader_finish(reader);
    cms_fault fault = cms_reader_facts(reader)->fault;
    if ((err != NULL) != (fault != CMS_FAULT_NONE)) abort();
    error_free(err);
    cms_reader_free(reader);
    return fault;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    span message = span_make((const char *)data, size);
    uint64_t whole = 0, pieces = 0;
    cms_digests digests = {.present = DIGEST_ALL, .len = {20, 32, 48, 64}};
    cms_read_options options = {.now_ms = 1};
    cms_facts facts;
    if (read_in_pieces(message, size + 1, &whole) != read_in_pieces(message, 3, &pieces)) abort();
    error_free(cms_verify_detached(message, &digests, &options, &facts));
    return 0;
}
