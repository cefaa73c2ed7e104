/* edi/document.h: what a file holds: its documents with all that the engine above tracks them by.
 *
 * One pass over the file; plain data comes out, nothing in it points into the file. For intake and flows (through the
 * translator), `banyan edi split` and the message page.
 */
#ifndef BANYAN_EDI_DOCUMENT_H
#define BANYAN_EDI_DOCUMENT_H

#include "core/base/buf.h"
#include "edi/validate.h"

enum { EDI_KEYS_MAX = 8, EDI_KEY_SIZE = 80 };

/* A business key: "po", "invoice", "shipment" ... */
typedef struct edi_key {
    const char *name; /* static */
    char value[EDI_KEY_SIZE];
} edi_key;

typedef struct edi_document {
    edi_standard standard;
    edi_transaction header;        /* type, version, control number, offset */
    edi_group group;               /* empty without group */
    edi_interchange interchange;   /* its prefix is empty */
    char sender[64], receiver[64]; /* of the interchange, as edi_party_text writes them */
    uint64_t offset, length;       /* the bytes from its header up to and with the terminator of its trailer */
    uint64_t segments;
    bool complete;        /* its trailer was there */
    bool known;           /* a schema was there to hold it against */
    bool acknowledgement; /* 997, 999, CONTRL: never acknowledged */
    uint64_t errors;      /* faults that are no warnings, its envelope's not counted */
    bool refused;         /* with the whole group or interchange that it came in, as the acknowledgement says, too: its
                             trailer is missing or tells another count. Certain in a list only: that is known at the end */
    edi_key keys[EDI_KEYS_MAX];
    size_t key_count;
} edi_document;

typedef struct edi_documents {
    edi_document *list;
    size_t count, room;
    edi_totals totals;
    uint64_t errors, warnings; /* of the whole file */
    edi_fault first;           /* the first error; code EDI_FAULT_COUNT when there is none */
} edi_documents;

/* Reads the whole file; never fails, faults are counted. `options` may be NULL. */
void edi_documents_read(span file, edi_library *library, const edi_validate_options *options, edi_documents *documents);
void edi_documents_free(edi_documents *documents);

/* The same, each document handed over at its end and not kept: the list stays empty. An error of `take` ends it. */
typedef error *(*edi_document_taker)(void *context, const edi_document *document);
must_check error *edi_documents_each(span file, edi_library *library, const edi_validate_options *options,
    edi_documents *documents, edi_document_taker take, void *context);

/* The same for one who wants the segments too: `segment` (may be NULL) is told of each inside of a document while it is
 * the validator's, with what is known of the document so far, before `take` is told of the end. */
typedef struct edi_document_walker {
    void (*segment)(void *context, const edi_document *document, edi_validator *validator, edi_event event);
    edi_document_taker take;
    void *context;
} edi_document_walker;
must_check error *edi_documents_walk(span file, edi_library *library, const edi_validate_options *options,
    edi_documents *documents, const edi_document_walker *walker);

/* The taker that adds to `context`, an edi_documents. */
error *edi_documents_keep(void *context, const edi_document *document);

/* A file of its own for one document: its interchange and group headers, the document, and trailers with counts of one;
 * EDIFACT keeps its UNA. Errors when its interchange has no header. */
must_check error *edi_document_alone(span file, const edi_document *document, buf *out);

#endif
