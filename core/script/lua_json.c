/* core/script/lua_json.c: the module `json`, and values of jansson as scripts see them. Texts are read by json_decode.c
 * and written by json_encode.c.
 *
 *   json.decode(text)   json.encode(value)   json.encode(value, {indent = 2})
 *   json.null   json.array(t)   json.object(t)
 */
#include "core/script/library.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

static char null_key; /* its address is json.null */

void value_push_empty_object(lua_State *L) {
    lua_newtable(L);
    value_set_kind(L, KIND_OBJECT);
}

void value_push_null(lua_State *L) {
    lua_pushlightuserdata(L, &null_key);
}

bool value_is_null(lua_State *L, int index) {
    return lua_touserdata(L, index) == &null_key;
}

/* Recursion is bounded: jansson values come from json_parse, which bounds their depth. */
void value_push_jansson(lua_State *L, const json_t *value) {
    luaL_checkstack(L, 8, "JSON");
    size_t i;
    const char *key;
    json_t *member;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        lua_createtable(L, 0, (int)json_object_size(value));
        json_object_foreach((json_t *)value, key, member) {
            if (json_is_null(member)) continue;
            value_push_jansson(L, member);
            lua_setfield(L, -2, key);
        }
        value_set_kind(L, KIND_OBJECT); /* {} stays {} when the script passes it on */
        return;
    case JSON_ARRAY:
        lua_createtable(L, (int)json_array_size(value), 0);
        json_array_foreach(value, i, member) {
            value_push_jansson(L, member);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        return;
    case JSON_STRING: lua_pushlstring(L, json_string_value(value), json_string_length(value)); return;
    case JSON_INTEGER: lua_pushinteger(L, json_integer_value(value)); return;
    case JSON_REAL: lua_pushnumber(L, json_real_value(value)); return;
    case JSON_TRUE: lua_pushboolean(L, true); return;
    case JSON_FALSE: lua_pushboolean(L, false); return;
    case JSON_NULL: value_push_null(L); return;
    }
}

/* ---- the module ---- */

static int decode(lua_State *L) {
    span text;
    text.data = luaL_checklstring(L, 1, &text.len);
    if (value_decode_json(L, text)) return 1;
    return luaL_error(L, "not valid JSON: %s", lua_tostring(L, -1));
}

static int encode(lua_State *L) {
    lua_Integer indent = 0;
    luaL_checkany(L, 1);
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        lua_getfield(L, 2, "indent");
        indent = luaL_optinteger(L, -1, 0);
        luaL_argcheck(L, indent >= 0 && indent <= 8, 2, "indent is 0 to 8");
    }
    buf *out = value_new_buf(L, sandbox_of(L)->limits.output_bytes);
    value_encode_json(L, 1, (int)indent, out);
    value_push_buf(L, out);
    return 1;
}

/* json.array(t), json.object(t): what an empty table becomes. */
static int mark_array(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    value_set_kind(L, KIND_ARRAY);
    return 1;
}

static int mark_object(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    value_set_kind(L, KIND_OBJECT);
    return 1;
}

static void make_mark(lua_State *L, sandbox_kind kind, const char *name) {
    lua_createtable(L, 0, 1);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    value_keep_kind(L, kind);
}

void values_open(lua_State *L) {
    make_mark(L, KIND_ARRAY, "array");
    make_mark(L, KIND_OBJECT, "object");
}

int library_json(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"decode", decode}, {"encode", encode}, {"array", mark_array}, {"object", mark_object}, {NULL, NULL}};
    luaL_newlib(L, functions);
    value_push_null(L);
    lua_setfield(L, -2, "null");
    return 1;
}
