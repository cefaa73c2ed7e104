/* core/script/values.c: see values.h; decimals and text are in lua_decimal.c, JSON in lua_json.c. */
#include "core/script/values.h"

#include "core/script/sandbox.h"

bool value_is_kind(lua_State *L, int index, sandbox_kind kind) {
    if (!lua_getmetatable(L, index)) return false;
    const void *address = lua_topointer(L, -1);
    lua_pop(L, 1);
    return address == sandbox_of(L)->kinds[kind].address;
}

const char *value_type_name(lua_State *L, int index) {
    const char *name = NULL;
    if (lua_type(L, index) == LUA_TUSERDATA && luaL_getmetafield(L, index, "__name") != LUA_TNIL) {
        if (lua_type(L, -1) == LUA_TSTRING) name = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    return name ? name : luaL_typename(L, index);
}

void value_set_kind(lua_State *L, sandbox_kind kind) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, sandbox_of(L)->kinds[kind].reference);
    lua_setmetatable(L, -2);
}

void value_keep_kind(lua_State *L, sandbox_kind kind) {
    sandbox_metatable *kept = &sandbox_of(L)->kinds[kind];
    const void *address = lua_topointer(L, -1);
    kept->reference = luaL_ref(L, LUA_REGISTRYINDEX);
    kept->address = address; /* only now: it is anchored */
}

static char buffer_key; /* its address names the metatable of owned buffers in the registry */

static int free_buffer(lua_State *L) {
    buf *b = lua_touserdata(L, 1);
    buf_free(b);
    return 0;
}

buf *value_new_buf(lua_State *L, size_t maximum) {
    buf *b = lua_newuserdatauv(L, sizeof *b, 0);
    *b = BUF_MAX(maximum);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &buffer_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, free_buffer);
        lua_setfield(L, -2, "__gc");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &buffer_key);
    }
    lua_setmetatable(L, -2);
    return b;
}

void value_push_buf(lua_State *L, buf *b) {
    if (b->overflow) sandbox_error(L, "output limit: the text is larger than %I bytes", (lua_Integer)b->maximum);
    lua_pushlstring(L, buf_text(b), b->len);
    buf_free(b);
}

/* Pushes the option; false, pushing nothing, when it is not given. */
static bool push_option(lua_State *L, int index, const char *name) {
    if (index == 0 || lua_isnoneornil(L, index)) return false;
    luaL_checktype(L, index, LUA_TTABLE);
    if (lua_getfield(L, index, name) != LUA_TNIL) return true;
    lua_pop(L, 1);
    return false;
}

const char *value_option_text(lua_State *L, int index, const char *name, const char *fallback) {
    if (!push_option(L, index, name)) return fallback;
    if (lua_type(L, -1) != LUA_TSTRING) sandbox_error(L, "option '%s' is a %s, not a text", name, luaL_typename(L, -1));
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

bool value_option_flag(lua_State *L, int index, const char *name, bool fallback) {
    if (!push_option(L, index, name)) return fallback;
    if (lua_type(L, -1) != LUA_TBOOLEAN)
        sandbox_error(L, "option '%s' is a %s, not true or false", name, luaL_typename(L, -1));
    bool flag = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return flag;
}
