/* core/script/lua_edi.h: EDI documents as scripts see them; the modules `edi.core` and, on top of it, lib/edi.lua.
 *
 * A document is a view into the file (edi/view.h): values are cut out and decoded when they are asked for. What a
 * script holds (documents, loops, segments) keeps the view alive.
 */
#ifndef BANYAN_CORE_SCRIPT_LUA_EDI_H
#define BANYAN_CORE_SCRIPT_LUA_EDI_H

#include "core/base/buf.h"
#include "edi/document.h"

#include <lua.h>

/* Pushes the document of the message in hand: the one that the call names by its index, else the only one. A payload
 * that holds none is rejected. */
void edi_push_message(lua_State *L);

/* The document at `index` and the file that it stands in; NULL when that is another value, also a loop of a document.
 */
const edi_document *edi_document_at(lua_State *L, int index, span *file);

/* Writes the document at `index` as JSON, in the shape of `banyan edi json`; false when that is another value. Raises
 * what cannot be written. In lua_edi_json.c. */
bool edi_encode_json(lua_State *L, int index, int indent, buf *out);
int edi_lua_json(lua_State *L);      /* edi.json(document [, {indent = true}]) */
int edi_lua_from_json(lua_State *L); /* edi.from_json(text): the EDI that this JSON says */

/* Pushes the value under the metatable of repeated elements, edi.repeated{…}. */
bool edi_is_repeated(lua_State *L, int index);

#endif
