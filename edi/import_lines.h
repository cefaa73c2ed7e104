/* edi/import_lines.h: the lines of a document type while they are imported: segments, and loops that begin with their
 * first segment. For import_sef.c and import_un.c.
 */
#ifndef BANYAN_EDI_IMPORT_LINES_H
#define BANYAN_EDI_IMPORT_LINES_H

#include "core/base/buf.h"
#include "core/base/error.h"

enum { IMPORT_ANY = 0x7FFFFFFF, IMPORT_DEPTH_MAX = 30 };

typedef struct import_line {
    char tag[4];
    char name[16]; /* of a loop; "" */
    unsigned min, max, depth;
    bool loop; /* its trigger follows one deeper */
} import_line;

typedef struct import_lines {
    import_line *list;
    size_t count, room;
} import_lines;

/* A new last line, zeroed but for its depth. */
import_line *import_add(import_lines *lines, unsigned depth);
void import_lines_free(import_lines *lines);

/* Neighbours that nothing tells apart (two loops of one tag with nothing mandatory between them) become one that holds
 * what either may hold; returns how many were merged. */
size_t import_merge(import_lines *lines);

/* "BEG 1", "loop N1 0-200 as parties" … */
void import_write(const import_lines *lines, buf *out);

/* A name or gloss in small letters, with nothing in it that our form would take for a sign. */
void import_name(buf *out, span name);

#endif
