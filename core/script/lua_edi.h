/* core/script/lua_edi.h: EDI documents as scripts see them; the modules `edi.core` and, on top of it, lib/edi.lua.
 *
 * A document is a view into the file (edi/view.h): values are cut out and decoded when they are asked for. What a
 * script holds (documents, loops, segments) keeps the view alive.
 */
#ifndef BANYAN_CORE_SCRIPT_LUA_EDI_H
#define BANYAN_CORE_SCRIPT_LUA_EDI_H

#include <lua.h>
#include <stdbool.h>

/* Pushes the document of the message in hand: the one that the call names by its index, else the only one. A payload
 * that holds none is rejected. */
void edi_push_message(lua_State *L);

/* Pushes the value under the metatable of repeated elements, edi.repeated{…}. */
bool edi_is_repeated(lua_State *L, int index);

#endif
