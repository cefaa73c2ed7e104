/* core/script/edi_values.h: one value of an EDI document as Lua wants it: text in UTF-8, exact numbers, ISO dates.
 *
 * For lua_edi.c. A value that is missing or empty is nil; one that is not what was asked for rejects the message with
 * its place.
 */
#ifndef BANYAN_CORE_SCRIPT_EDI_VALUES_H
#define BANYAN_CORE_SCRIPT_EDI_VALUES_H

#include "edi/view.h"

#include <lua.h>

/* Element and repetition count from 1; component 0 is the whole element, or the first component of a composite. */
typedef struct edi_place {
    edi_view *view;
    size_t segment, element, component, repetition;
} edi_place;

typedef enum edi_wanted { WANT_TEXT, WANT_NUMBER, WANT_DECIMAL, WANT_DATE, WANT_TIME, WANT_NEEDED } edi_wanted;

/* Pushes one value and returns 1; does not return when it rejects. */
int edi_push_wanted(lua_State *L, const edi_place *p, edi_wanted kind);

/* Pushes a text without the filler at its end (Latin-1 becomes UTF-8); pushes nil and returns false when nothing is
 * left. */
bool edi_push_decoded(lua_State *L, span text);

/* Notes for the words of an error that a document has not got this: a segment, or an element of one (position from 1).
 */
void edi_note_missing(lua_State *L, span tag, span qualifier, size_t element, size_t position);

#endif
