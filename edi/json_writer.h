/* edi/json_writer.h: what json_write.c (values, segments, levels) and json_body.c (the lists of documents, their loops)
 * share. For these two only.
 */
#ifndef BANYAN_EDI_JSON_WRITER_H
#define BANYAN_EDI_JSON_WRITER_H

#include "edi/json.h"
#include "edi/json_segment.h"
#include "edi/output.h"

enum { JSON_STACK = EDI_DEPTH_MAX + 4, JSON_OPENINGS = 64, JSON_OPENING_MAX = 256 };

/* How the array of a loop begins. */
typedef struct json_opening {
    const edi_node *loop;
    size_t len;
    char text[JSON_OPENING_MAX];
} json_opening;

typedef struct json_writer {
    edi_output out;
    bool compact, latin1;
    edi_look look;
    json_opening openings[JSON_OPENINGS];
    bool special[256]; /* bytes of this interchange that do not stand for themselves in a JSON text */
    span file;
    edi_validate_options options;

    edi_validator *validator;
    edi_reader *reader;
    edi_delimiters d;
    uint64_t covered; /* bytes of the file that are accounted for */
    bool refused;     /* the interchange in hand has no header that can be read */
    bool first_interchange, first_content, first_document;
    span suffix; /* what follows most terminators of this interchange */
    bool in_group;

    /* the loops that are open in the output: each is an object {"name":[[..],[..]]} in the list around it */
    const edi_node *loops[JSON_STACK];
    size_t depth;
    bool first[JSON_STACK]; /* nothing yet in the list of that depth */
    char document_reference[64], group_reference[64], interchange_reference[64];
    uint64_t document_segments, group_documents, contents;
} json_writer;

static inline void put(json_writer *w, span bytes) {
    edi_put(&w->out, bytes);
}

#define PUT(w, literal) put(w, SPAN(literal))

static inline void put_char(json_writer *w, char c) {
    edi_put_char(&w->out, c);
}

static inline void line(json_writer *w, unsigned indent) {
    if (w->compact) return;
    put_char(w, '\n');
    for (unsigned i = 0; i < indent; i++)
        put_char(w, ' ');
}

/* json_write.c: the bytes of a text, with its quotes; release characters are taken out when `decode`. */
void json_write_text(json_writer *writer, span text, bool decode);
/* {"PO1":["1","5"]}, and what must stand beside it. */
void json_write_segment(json_writer *writer, const edi_segment *segment);

/* json_body.c: the segment of a document that the validator has in hand, with the loops that end and begin before it,
 * and those behind it that are as plain as most. */
void json_body_segment(json_writer *writer);
/* The document ends. */
void json_body_end(json_writer *writer);

#endif
