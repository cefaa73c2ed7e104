/* core/script/environment.h: what one run sees of a state that serves many.
 *
 * The library's own tables are opened once a state and never handed out: each run gets globals of its own, behind which
 * the library's lie as long as nothing is changed, and a copy of a module when it is first required. So nothing that a
 * script changes (a global, string.format, a field of a module) is seen by the library or by the next run, whatever the
 * script does. Functions are shared: they hold no state that a script could change. Metatables of the library are
 * protected by their __metatable field.
 */
#ifndef BANYAN_CORE_SCRIPT_ENVIRONMENT_H
#define BANYAN_CORE_SCRIPT_ENVIRONMENT_H

#include <lua.h>
#include <stdbool.h>

/* Keeps the table on top of the stack, which it pops, as the library's globals. Once a state. */
void environment_keep(lua_State *L);

/* Pushes the library's globals: what modules of the library run in. */
void environment_push_library(lua_State *L);

/* Gives a run its globals, new ones if the run before changed its own: what is loaded from now on finds them in its
 * _ENV. No module is required yet. */
void environment_renew(lua_State *L);

/* Makes the value at `index` a plain table if it is one of globals that stand for the library's: before anybody looks
 * or writes past its metatable. */
void environment_fill(lua_State *L, int index);

/* The modules that this run has required, by name; pushes the value and returns true, or pushes nothing. */
bool environment_push_module(lua_State *L, const char *name);
void environment_set_module(lua_State *L, const char *name); /* the value on top, which stays there */

/* Replaces the value on top, a module of the library, by a copy of it: tables in tables too. */
void environment_copy(lua_State *L);

/* Functions that sources compiled to in this state. Pushes the one of `key` with the run's globals as its _ENV and
 * returns true, or pushes nothing. */
bool environment_push_chunk(lua_State *L, const char *key);
void environment_keep_chunk(lua_State *L, const char *key); /* the function on top, which stays there */

#endif
