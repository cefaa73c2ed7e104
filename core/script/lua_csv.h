/* core/script/lua_csv.h: CSV as messages and results hold it; the module `csv` is described in lua_csv.c. */
#ifndef BANYAN_CORE_SCRIPT_LUA_CSV_H
#define BANYAN_CORE_SCRIPT_LUA_CSV_H

#include "core/base/buf.h"

#include <lua.h>

/* Pushes the rows of `text`; the options at stack index `options` (0: none). A fault rejects the message when `reject`,
 * else it is an error. */
void csv_push_rows(lua_State *L, span text, int options, bool reject);

/* Writes the rows at index `rows`; options at `options`, or in the rows' own table when that is 0 or nil. */
void csv_encode_rows(lua_State *L, int rows, int options, buf *out);

#endif
