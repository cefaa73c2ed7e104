/* core/script/environment.c: see environment.h. */
#include "core/script/environment.h"

#include "core/script/sandbox.h"

enum { COPY_DEPTH_MAX = 8, CHUNKS_MAX = 64 };

static char library_key, modules_key, chunks_key, chunk_count_key; /* names in the registry */

void environment_keep(lua_State *L) {
    lua_rawsetp(L, LUA_REGISTRYINDEX, &library_key);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &chunks_key);
}

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

void environment_renew(lua_State *L) {
    environment_push_library(L);
    copy_table(L, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, LUA_GNAME);
    lua_getfield(L, -1, "script_require");
    lua_setfield(L, -2, "require");
    lua_pushnil(L);
    lua_setfield(L, -2, "script_require");
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pop(L, 1);
    lua_createtable(L, 0, 4);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
}

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
