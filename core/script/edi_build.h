/* core/script/edi_build.h: the EDI that a script returns, wrapped, numbered and checked. */
#ifndef BANYAN_CORE_SCRIPT_EDI_BUILD_H
#define BANYAN_CORE_SCRIPT_EDI_BUILD_H

#include "core/base/buf.h"
#include "core/base/json.h"

#include <lua.h>

/* Writes the value at `index` (documents of lib/edi.lua, or plain tables of their shape) as one interchange to the
 * destination that `result` names; adds "documents" to `result`. Returns the content type, static text. Raises with the
 * script's line of the segment at fault. */
const char *edi_build(lua_State *L, int index, buf *out, json_t *result);

#endif
