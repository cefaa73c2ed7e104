/* core/script/environment.c: see environment.h.
 *
 * A front is a table that is empty until it is written: what is read in it is found in its source, by the __index of
 * its metatable. The globals of a run are a front, and so are string, table, math and so on in them. Whoever would
 * notice the difference (a write to what is there, pairs, next, rawget, setmetatable) first makes the front a plain
 * table that holds everything itself. So a run that changes no globals, which is nearly every one, costs nothing to
 * give globals to.
 */
#include "core/script/environment.h"

#include "core/script/sandbox.h"

enum { COPY_DEPTH_MAX = 8, CHUNKS_MAX = 64 };

/* Names in the registry; source_key in the metatable of a front. */
static char library_key, modules_key, chunks_key, chunk_count_key, shown_key, fronts_key, source_key;

void environment_push_library(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &library_key);
}

/* Metatables of modules travel with the copies; nobody may reach into them. */
static void protect_metatable(lua_State *L) {
    if (lua_getfield(L, -1, "__metatable") == LUA_TNIL) {
        lua_pushliteral(L, "library");
        lua_setfield(L, -3, "__metatable");
    }
    lua_pop(L, 1);
}

/* Pushes a copy of the table at the top. The library's tables hold no cycles but that of _G, which is left out. */
static void copy_table(lua_State *L, int depth) {
    int from = lua_gettop(L);
    if (depth > COPY_DEPTH_MAX) sandbox_error(L, "the library's tables are too deep to be copied");
    luaL_checkstack(L, 8, "library");
    lua_createtable(L, 0, 24);
    for (lua_pushnil(L); lua_next(L, from); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        if (lua_istable(L, -1)) {
            if (lua_rawequal(L, -1, from)) {
                lua_pop(L, 2);
                continue;
            }
            copy_table(L, depth + 1);
            lua_remove(L, -2);
        }
        lua_rawset(L, from + 1);
    }
    if (lua_getmetatable(L, from)) {
        protect_metatable(L);
        lua_setmetatable(L, -2);
    }
}

void environment_copy(lua_State *L) {
    if (!lua_istable(L, -1)) return;
    copy_table(L, 0);
    lua_remove(L, -2);
}

/* ---- fronts ---- */

/* Pushes the source of the front at `index`; false, pushing nothing, when it is none (or none any more). */
static bool push_source(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return false;
    bool front = lua_rawgetp(L, -1, &source_key) == LUA_TTABLE;
    lua_remove(L, -2);
    if (!front) lua_pop(L, 1);
    return front;
}

void environment_fill(lua_State *L, int index) {
    luaL_checkstack(L, 6, "library");
    index = lua_absindex(L, index);
    if (!push_source(L, index)) return;
    sandbox_of(L)->touched = true;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        if (lua_rawget(L, index) == LUA_TNIL) {
            lua_pushvalue(L, -3);
            lua_pushvalue(L, -3);
            lua_rawset(L, index);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_setmetatable(L, index);
}

/* front[name] = value, where the front itself has no such name: another one than those of the source is only noted. */
static int front_set(lua_State *L) {
    sandbox_of(L)->touched = true;
    bool known = true;
    if (push_source(L, 1)) {
        lua_pushvalue(L, 2);
        known = lua_rawget(L, -2) != LUA_TNIL;
        lua_settop(L, 3);
    }
    if (known) environment_fill(L, 1);
    lua_rawset(L, 1);
    return 0;
}

/* pairs(front); `next` is upvalue 1. */
static int front_pairs(lua_State *L) {
    environment_fill(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* Pushes the metatable of fronts of the table at `index`. */
static void push_front_metatable(lua_State *L, int index) {
    index = lua_absindex(L, index);
    lua_createtable(L, 0, 5);
    lua_pushvalue(L, index);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, index);
    lua_rawsetp(L, -2, &source_key);
    lua_pushcfunction(L, front_set);
    lua_setfield(L, -2, "__newindex");
    environment_push_library(L);
    lua_getfield(L, -1, "next");
    lua_pushcclosure(L, front_pairs, 1);
    lua_setfield(L, -3, "__pairs");
    lua_pop(L, 1);
}

static void push_front(lua_State *L, int metatable) {
    metatable = lua_absindex(L, metatable);
    lua_newtable(L);
    lua_pushvalue(L, metatable);
    lua_setmetatable(L, -2);
}

/* ---- the globals of a run ---- */

/* Makes what globals are fronts of: the library's functions, and (in environment_renew) fronts of its tables, whose
 * metatables are kept by their names. */
void environment_keep(lua_State *L) {
    lua_rawsetp(L, LUA_REGISTRYINDEX, &library_key);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &chunks_key);
    lua_newtable(L); /* shown */
    lua_newtable(L); /* metatables of fronts */
    environment_push_library(L);
    int library = lua_gettop(L), fronts = library - 1, shown = library - 2;
    for (lua_pushnil(L); lua_next(L, library); lua_pop(L, 1)) {
        bool table = lua_istable(L, -1);
        if (table && lua_rawequal(L, -1, library)) continue;
        lua_pushvalue(L, -2);
        if (table)
            push_front_metatable(L, -2);
        else
            lua_pushvalue(L, -2);
        lua_rawset(L, table ? fronts : shown);
    }
    lua_getfield(L, shown, "script_require");
    lua_setfield(L, shown, "require");
    lua_pushnil(L);
    lua_setfield(L, shown, "script_require");
    push_front_metatable(L, shown);
    lua_setfield(L, fronts, LUA_GNAME);
    lua_pop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &fronts_key);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &shown_key);
    sandbox_of(L)->touched = true; /* there are none yet */
}

static void make_globals(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &shown_key);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &fronts_key);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        push_front(L, -2);
        lua_rawset(L, -6);
    }
    lua_getfield(L, -2, LUA_GNAME);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pop(L, 2);
    sandbox_of(L)->touched = false;
}

void environment_renew(lua_State *L) {
    if (sandbox_of(L)->touched) make_globals(L);
    lua_createtable(L, 0, 4);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
}

/* ---- modules and chunks ---- */

bool environment_push_module(lua_State *L, const char *name) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &modules_key);
    bool found = lua_getfield(L, -1, name) != LUA_TNIL;
    lua_remove(L, -2);
    if (!found) lua_pop(L, 1);
    return found;
}

void environment_set_module(lua_State *L, const char *name) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &modules_key);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

bool environment_push_chunk(lua_State *L, const char *key) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &chunks_key);
    bool found = lua_getfield(L, -1, key) == LUA_TFUNCTION;
    lua_remove(L, -2);
    if (!found) {
        lua_pop(L, 1);
        return false;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1); /* the run before may have given it another _ENV */
    return true;
}

/* Versions of modules come and go while their script stays: when there are many the table starts anew. */
void environment_keep_chunk(lua_State *L, const char *key) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &chunk_count_key);
    lua_Integer count = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (count >= CHUNKS_MAX) {
        lua_newtable(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &chunks_key);
        count = 0;
    }
    lua_pushinteger(L, count + 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &chunk_count_key);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &chunks_key);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, key);
    lua_pop(L, 1);
}
