/* edi/view.h: random access to one document: what scripts walk.
 *
 * An index of its segments (16 bytes each and the place of each in its schema); values are cut out and decoded when
 * somebody asks. The document's bytes are the caller's and outlive the view. Positions count from 1 as in the standards
 * (BEG03, C506 1154 is component 2), segments from 0. For the Lua view in core/script.
 */
#ifndef BANYAN_EDI_VIEW_H
#define BANYAN_EDI_VIEW_H

#include "core/base/memory.h"
#include "edi/document.h"

typedef struct edi_view edi_view;

/* A run of segments: the document, or one loop of it. */
typedef struct edi_range {
    size_t first, end; /* end is not in it */
} edi_range;

/* The view of `document` (as edi_documents_read gave it) of `file`. The schema is found by type and version; without
 * one loops are found by their trigger alone. The library outlives the view. */
must_check error *edi_view_new(span file, const edi_document *document, edi_library *library, edi_view **view);
void edi_view_free(edi_view *view);

/* The documents of a file and the view of number `index` (from 0) of them in one pass, which is not much dearer than
 * edi_documents_read alone; *view is NULL when there is no such document, or it is larger than 4 GiB. */
void edi_view_read(span file, size_t index, edi_library *library, edi_documents *documents, edi_view **view);

const edi_document *edi_view_document(const edi_view *view);
const edi_schema *edi_view_schema(const edi_view *view); /* NULL: none is known */
edi_range edi_view_all(const edi_view *view);            /* header and trailer included */

/* Of one segment. */
span edi_view_tag(const edi_view *view, size_t segment);
span edi_view_raw(const edi_view *view, size_t segment);             /* with its tag, without its terminator */
const edi_node *edi_view_node(const edi_view *view, size_t segment); /* its place in the schema; NULL */
size_t edi_view_elements(const edi_view *view, size_t segment);      /* how many were sent */
size_t edi_view_repetitions(const edi_view *view, size_t segment, size_t element);
size_t edi_view_components(const edi_view *view, size_t segment, size_t element, size_t repetition);

/* A value, raw (release characters still in it): `component` 0 is the whole element, else from 1; `repetition` from 1.
 * Data is NULL when it was not sent, len 0 when it was left empty. */
span edi_view_raw_value(const edi_view *view, size_t segment, size_t element, size_t repetition, size_t component);

/* The same decoded; lives as long as `memory` or, where nothing had to be decoded, as the file. */
span edi_view_value(
    const edi_view *view, arena *memory, size_t segment, size_t element, size_t repetition, size_t component);

/* What the schema says of that value's place: type, implied decimals, codes; NULL when unknown. */
const edi_slot *edi_view_slot(const edi_view *view, size_t segment, size_t element, size_t component);

/* The next segment with this tag in the range from *segment on; false when there is none. */
bool edi_view_find(const edi_view *view, edi_range range, span tag, size_t *segment);

/* The next loop that `trigger` (a tag, or the loop's name in the schema) opens in the range: start with *cursor =
 * range.first. By the schema where it has such a loop; else from trigger to trigger, the last one up to the summary. */
bool edi_view_next_loop(edi_view *view, edi_range range, span trigger, size_t *cursor, edi_range *loop);

/* The value beside a qualifier: X12 pairs from `element` on (PO106/07, 08/09 ..), EDIFACT composites from there on that
 * hold the qualifier as first or second component (RFF C506, LIN C212). NULL data when it is not there. */
span edi_view_qualified(const edi_view *view, arena *memory, size_t segment, size_t element, span qualifier);

#endif
