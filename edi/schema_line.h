/* edi/schema_line.h: one line of a schema's text, taken apart word by word. For schema_text.c (releases),
 * schema_document.c (document types) and schema_overlay.c (what guides and partners change).
 */
#ifndef BANYAN_EDI_SCHEMA_LINE_H
#define BANYAN_EDI_SCHEMA_LINE_H

#include "edi/schema_text.h"

enum { SLOTS_MAX = 63, NODES_MAX = 20000 };

/* A line being read. */
typedef struct line_reader {
    arena *memory;
    const schema_section *section;
    unsigned line;
    span rest;
} line_reader;

/* ERROR_INVALID with source and line; `word` (may be empty) is quoted behind the sentence. */
error *schema_complain(const line_reader *in, const char *what, span word);

/* The next word: up to a blank, or a bar or brace on its own, or a quoted text without its quotes (*quoted). */
bool schema_next_word(span *rest, span *word, bool *quoted);
bool schema_peek_is(span rest, const char *text);

/* The next line of the section that holds anything, without its comment and its end; *indent counts blanks. */
bool schema_next_line(line_reader *in, span *text, size_t *indent);

/* "{00 original, 01 cancellation, ...}": the three dots leave the list open. */
must_check error *schema_read_codes(line_reader *in, edi_codes *codes);

/* Words up to a brace, a bar or the end, as one text. */
const char *schema_read_name(line_reader *in);

/* "1-30", "2", "..35" into min and max. */
bool schema_read_lengths(span text, edi_element_type *element);

/* A line of a document type, before the lines become a tree. */
typedef struct flat_node {
    edi_node node;
    size_t indent;
    bool loop;
} flat_node;

typedef struct flat_list {
    flat_node *list;
    size_t count, room;
} flat_list;

/* Makes room for `count` nodes at `at`; they are zeroed. */
must_check error *schema_insert(line_reader *in, flat_list *nodes, size_t at, size_t count);

/* "BEG 1", "loop N1 0-200 as parties by 01 {ST} | 02! | 05 unused": what stands in in->rest. */
must_check error *schema_read_node(line_reader *in, const edi_release *release, flat_node *flat);

/* "1", "0-1", "0-", "1-200". */
bool schema_read_count(span word, edi_node *node);

/* "| 01! {85} | 02-1 unused | 03 1-20": narrows or widens the places of the segment at `*segment`, which becomes a
 * segment of its own. in->rest begins with the bar. */
must_check error *schema_read_overrides(line_reader *in, const edi_segment_type **segment);

/* The lines of an overlay, applied to the document that it changes. */
must_check error *schema_apply_overlay(
    arena *memory, const schema_section *section, const edi_release *release, flat_list *nodes);

#endif
