/* edi/schema_text.h: reads the text form of schemas (edi/schemas/README.md) into compiled structures. Used by
 * library.c only.
 */
#ifndef BANYAN_EDI_SCHEMA_TEXT_H
#define BANYAN_EDI_SCHEMA_TEXT_H

#include "core/base/map.h"
#include "core/base/memory.h"
#include "edi/schema.h"

struct edi_release {
    edi_standard standard;
    const char *name;
    map *elements, *composites, *segments; /* by number, code, tag; values live in the library's arena */
    const edi_release *base;               /* what is not here is looked for there */
};

/* One section of a source text: from its heading line to the next. */
typedef struct schema_section {
    span text; /* heading included */
    const char *source;
    unsigned line; /* of the heading */
} schema_section;

/* Heading words: "schema X12 004010 850", the quoted title, and words with a value behind it. */
typedef struct schema_heading {
    char kind[12]; /* "release", "schema", "overlay" */
    edi_standard standard;
    char version[24], type[24];
    char name[40]; /* of an overlay */
    char base[24]; /* "from 004010" of a release */
    char like[24]; /* "like D96A": the lines are those of this version */
    char group[8];
    span title, checked;
} schema_heading;

/* Cuts a text into sections at heading lines; false at the end. `rest` and `line` move on. */
bool schema_next_section(span *rest, unsigned *line, schema_section *section);

must_check error *schema_read_heading(const schema_section *section, schema_heading *heading);
must_check error *schema_read_release(
    arena *memory, const schema_section *section, const edi_release *base, edi_release *release);

/* The document type that `heading` names: the lines of the first section, with the overlays of the others laid over
 * them in their order. */
must_check error *schema_read_document(arena *memory, const schema_heading *heading, const schema_section *sections,
    size_t count, const edi_release *release, edi_schema **schema);

#endif
