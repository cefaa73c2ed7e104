/* core/script/library.h: what a script finds: the globals of Lua that are safe, and the modules that `require` gives.
 *
 * Modules written in C are opened by the functions below; those written in Lua lie in scripts-lua/lib and travel in the
 * binary. Names of the library come before names of the estate, so that no script can replace what another one builds
 * on. What each run gets of it is its own (environment.h).
 */
#ifndef BANYAN_CORE_SCRIPT_LIBRARY_H
#define BANYAN_CORE_SCRIPT_LIBRARY_H

#include "core/base/span.h"

#include <lua.h>

/* Opens the safe globals in a fresh state: base without files, bytecode and collector; string, table, math, utf8,
 * coroutine; require, reject, print. */
void library_open(lua_State *L);

/* Pushes the library's own module `name`, for C and never for scripts, which get copies; raises when there is none. */
void library_require(lua_State *L, const char *name);

/* Pushes what `source`, of the script or module `name`, compiles to. `hash` of its text names the version and keeps it
 * compiled (NULL: it is not kept). Raises when it does not compile. */
void library_push_script(lua_State *L, const char *name, span source, const char *hash);

/* string.find, match, gmatch and gsub with a budget: replaces the fields of the table on top of the stack. */
void library_open_patterns(lua_State *L);

/* The modules in C; each pushes its table. */
int library_json(lua_State *L);
int library_csv(lua_State *L);
int library_decimal(lua_State *L);
int library_log(lua_State *L);
int library_lookup(lua_State *L);
int library_clock(lua_State *L);      /* for lib/date.lua */
int library_connection(lua_State *L); /* for lib/connection.lua */
int library_hash(lua_State *L);
int library_uuid(lua_State *L);
int library_test(lua_State *L); /* for lib/test.lua; raises outside of tests */
int library_edi(lua_State *L);  /* for lib/edi.lua */
int library_xml(lua_State *L);  /* for lib/xml.lua */

#endif
