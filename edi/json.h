/* edi/json.h: EDI to JSON and back, byte for byte.
 *
 * The JSON is what a developer would write: segments by tag with their elements as arrays, loops as arrays under their
 * (lower-case) name when a schema is known. What the writer would not do by itself (odd line breaks, superfluous
 * release characters, trailers with other counts) is noted beside the segment concerned and nowhere else, so that a
 * clean file gives clean JSON and a new document needs nothing but data. edi/README.md documents the shape.
 */
#ifndef BANYAN_EDI_JSON_H
#define BANYAN_EDI_JSON_H

#include "core/base/buf.h"
#include "edi/validate.h"

/* Takes a piece of output; an error stops the writing. */
typedef error *(*edi_sink)(void *context, span piece);

typedef struct edi_json_options {
    edi_validate_options validate; /* the schemas for loops; envelope_only: plain lists of segments */
    bool compact;                  /* no line breaks */
} edi_json_options;

/* Writes the file as one JSON object. ERROR_INVALID, naming place and reason, when it is not well-formed (a header or
 * trailer missing, bytes that belong to nothing). */
must_check error *edi_to_json(
    span file, edi_library *library, const edi_json_options *options, edi_sink sink, void *context);

/* A sink that appends to a buffer (`context` is a buf *). */
error *edi_sink_buf(void *context, span piece);

/* Can this be the key of a segment? A tag, in EDIFACT also with a nesting indication of plain characters ("LIN:1"). */
bool edi_json_tag(const edi_delimiters *delimiters, span tag);

/* The file that this JSON says. Errors name the place in the JSON ("/interchanges/0/content/1/segments/4/PO1"). */
must_check error *edi_from_json(span json, buf *out);

typedef struct edi_text_options {
    void (*passed)(void *context, uint64_t offset); /* as in edi_reader_options, of the JSON; NULL: nobody is told */
    void *passed_context;
    bool thorough; /* all of it on a tape, without short cuts: what tests hold them against */
} edi_text_options;

/* The same for a JSON of any size, in memory that does not grow with it when the members of each object stand in the
 * order of edi_to_json ("trailer" and "after" last); in another order up to 8 MiB of EDI. Nothing is written of a text
 * that is wrong, unless more than that came before what is wrong with it. `options` may be NULL. */
must_check error *edi_from_json_to(span json, const edi_text_options *options, edi_sink sink, void *context);

#endif
