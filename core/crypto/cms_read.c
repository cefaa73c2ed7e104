/* core/crypto/cms_read.c: see cms_read.h. The walker splits, one of the three layers works on the content. */
#include "core/crypto/cms_read.h"

#include "core/base/memory.h"
#include "core/crypto/cms_layers.h"

#include <stdlib.h>

struct cms_reader {
    cms_read_options options;
    cms_facts facts;
    cms_walk *walk;
    cms_opener *opener;
    cms_inflater *inflater;
    digest_set *digests;
    bool failed;
};

static error *on_content_begins(void *context) {
    cms_reader *reader = context;
    cms_facts *facts = &reader->facts;
    facts->kind = cms_walk_kind(reader->walk);
    facts->has_content = cms_walk_has_content(reader->walk);
    switch (facts->kind) {
    case CMS_KIND_ENVELOPED:
    case CMS_KIND_AUTH_ENVELOPED:
        return cms_opener_new(reader->walk, &reader->options, facts, &reader->options.content, &reader->opener);
    case CMS_KIND_COMPRESSED:
        return cms_inflater_new(reader->walk, &reader->options, facts, &reader->options.content, &reader->inflater);
    default: reader->digests = digest_set_new(cms_announced_digests(reader->walk)); return NULL;
    }
}

static error *pass_signed(cms_reader *reader, span piece) {
    cms_facts *facts = &reader->facts;
    digest_set_update(reader->digests, piece);
    facts->content_bytes += piece.len;
    if (reader->options.content_max && facts->content_bytes > reader->options.content_max) {
        facts->fault = CMS_FAULT_TOO_LARGE;
        return error_new(ERROR_LIMIT, "the signed content is larger than allowed");
    }
    error *err = sink_write(&reader->options.content, piece);
    if (err) facts->fault = CMS_FAULT_SINK;
    return err;
}

static error *on_content(void *context, span piece) {
    cms_reader *reader = context;
    if (reader->opener) return cms_opener_write(reader->opener, piece);
    if (reader->inflater) return cms_inflater_write(reader->inflater, piece);
    return pass_signed(reader, piece);
}

cms_reader *cms_reader_new(const cms_read_options *options) {
    cms_reader *reader = xcalloc(1, sizeof *reader);
    cms_walk_handler handler = {.content_begins = on_content_begins, .content = on_content, .context = reader};
    reader->options = *options;
    reader->facts.identity = reader->facts.signer = SIZE_MAX;
    reader->walk = cms_walk_new(&handler);
    return reader;
}

/* A fault that no layer has named is the walker's. */
static error *note(cms_reader *reader, error *err) {
    if (!err) return NULL;
    reader->failed = true;
    reader->facts.kind = cms_walk_kind(reader->walk);
    if (reader->facts.fault == CMS_FAULT_NONE)
        reader->facts.fault = error_code_of(err) == ERROR_UNSUPPORTED ? CMS_FAULT_KIND : CMS_FAULT_MALFORMED;
    return err;
}

error *cms_reader_write(cms_reader *reader, span piece) {
    if (reader->failed) return error_new(ERROR_INTERNAL, "a CMS message is read on after a fault");
    return note(reader, cms_walk_write(reader->walk, piece));
}

static error *finish_signed(cms_reader *reader) {
    digest_set_finish(reader->digests, &reader->facts.digests);
    reader->digests = NULL;
    if (!cms_walk_has_content(reader->walk)) return error_new(ERROR_REJECTED, "a signature without its content");
    error *err = cms_verify(reader->walk, &reader->facts.digests, &reader->options, &reader->facts);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) reader->facts.fault = CMS_FAULT_ALGORITHM;
    return err;
}

error *cms_reader_finish(cms_reader *reader) {
    if (reader->failed) return error_new(ERROR_INTERNAL, "a CMS message is read on after a fault");
    error *err = cms_walk_finish(reader->walk);
    /* A truncated ciphertext is no more to be told from a wrong one than a wrong one from a stranger's. */
    if (err && reader->opener) {
        error_free(err);
        reader->facts.fault = CMS_FAULT_DECRYPTION;
        err = error_new(ERROR_REJECTED, "the message cannot be decrypted");
    }
    if (!err) {
        err = reader->opener     ? cms_opener_finish(reader->opener, reader->walk)
              : reader->inflater ? cms_inflater_finish(reader->inflater)
                                 : finish_signed(reader);
    }
    return note(reader, err);
}

const cms_facts *cms_reader_facts(const cms_reader *reader) {
    return &reader->facts;
}

void cms_reader_free(cms_reader *reader) {
    if (!reader) return;
    cms_opener_free(reader->opener);
    cms_inflater_free(reader->inflater);
    digest_set_free(reader->digests);
    cms_walk_free(reader->walk);
    free(reader);
}
