/* core/script/message.c: see message.h. */
#include "core/script/message.h"

#include "core/base/settings.h"
#include "core/script/library.h"
#include "core/script/lua_csv.h"
#include "core/script/lua_edi.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

#include <ctype.h>

static char answer_key; /* its address names the answer of req:respond in the registry */

/* What each object has; a name that is not here is a mistake of the script and raises, with the nearest that is. */
static const char *const common_fields[] = {"body", "json", "xml", "edi", "csv", "record", "headers", "content_type",
    "filename", "partner", "connection", "vars", "id", "document"};
static const char *const endpoint_fields[] = {"method", "path", "params", "query", "caller", "status", "respond"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool is_among(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) return true;
    }
    return false;
}

static int unknown_field(lua_State *L, const char *name, bool endpoint) {
    const char *all[COUNT(common_fields) + COUNT(endpoint_fields)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT(common_fields); i++)
        all[count++] = common_fields[i];
    for (size_t i = 0; endpoint && i < COUNT(endpoint_fields); i++)
        all[count++] = endpoint_fields[i];
    const char *near = settings_nearest(name, all, count);
    if (near) return luaL_error(L, "there is no '%s' here; did you mean '%s'?", name, near);
    return luaL_error(L, "there is no '%s' here", name);
}

/* ---- headers: names in any case ---- */

static void push_lower(lua_State *L, const char *name) {
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (; *name; name++)
        luaL_addchar(&b, (char)tolower((unsigned char)*name));
    luaL_pushresult(&b);
}

static int header_index(lua_State *L) {
    if (lua_type(L, 2) != LUA_TSTRING) return 0;
    push_lower(L, lua_tostring(L, 2));
    lua_rawget(L, 1);
    return 1;
}

static void push_headers(lua_State *L, json_t *headers) {
    const char *name;
    json_t *value;
    lua_newtable(L);
    json_object_foreach(headers, name, value) {
        push_lower(L, name);
        value_push_jansson(L, value);
        lua_rawset(L, -3);
    }
    if (!sandbox_of(L)->kinds[KIND_HEADERS].address) {
        lua_createtable(L, 0, 2);
        lua_pushcfunction(L, header_index);
        lua_setfield(L, -2, "__index");
        lua_pushliteral(L, "headers");
        lua_setfield(L, -2, "__metatable");
        value_keep_kind(L, KIND_HEADERS);
    }
    value_set_kind(L, KIND_HEADERS);
}

/* ---- what is parsed ---- */

static void push_json(lua_State *L) {
    if (value_decode_json(L, sandbox_of(L)->payload)) return;
    const char *words = lua_tostring(L, -1), *colon = strstr(words, ": ");
    const char *where = lua_pushlstring(L, words, colon ? (size_t)(colon - words) : strlen(words));
    sandbox_reject(L, "malformed", where, "the body is not valid JSON: %s", words);
}

/* Calls `function` of a module in Lua with the payload and what lies on top; leaves one value. */
static void call_module(lua_State *L, const char *module, const char *function, int arguments) {
    span payload = sandbox_of(L)->payload;
    library_require(L, module);
    lua_getfield(L, -1, function);
    lua_replace(L, -2);
    lua_pushlstring(L, payload.data ? payload.data : "", payload.len);
    lua_rotate(L, -2 - arguments, 2);
    lua_call(L, arguments + 1, 1);
}

/* message:csv{…} and message.csv{…} mean the same. */
static int options_of(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    bool method = lua_rawequal(L, 1, -1);
    lua_pop(L, 1);
    return method ? 2 : 1;
}

static int message_csv(lua_State *L) {
    int options = options_of(L);
    if (lua_isnone(L, options)) options = 0;
    csv_push_rows(L, sandbox_of(L)->payload, options, true);
    return 1;
}

static int message_record(lua_State *L) {
    int schema = options_of(L);
    luaL_checkany(L, schema);
    lua_pushvalue(L, schema);
    lua_pushboolean(L, true); /* reject what is malformed */
    call_module(L, "record", "decode", 2);
    return 1;
}

static int request_respond(lua_State *L) {
    int answer = options_of(L);
    luaL_checktype(L, answer, LUA_TTABLE);
    lua_pushvalue(L, answer);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &answer_key);
    lua_pushvalue(L, answer);
    return 1;
}

bool message_push_answer(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &answer_key) == LUA_TTABLE) return true;
    lua_pop(L, 1);
    return false;
}

static void push_method(lua_State *L, lua_CFunction function) {
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, function, 1);
}

/* message[name], the first time: upvalue 1 tells whether it is one of an endpoint. */
static int message_index(lua_State *L) {
    sandbox *box = sandbox_of(L);
    if (lua_type(L, 2) != LUA_TSTRING) return 0;
    const char *name = lua_tostring(L, 2);
    bool endpoint = lua_toboolean(L, lua_upvalueindex(1));
    if (!is_among(name, common_fields, COUNT(common_fields)) &&
        !(endpoint && is_among(name, endpoint_fields, COUNT(endpoint_fields))))
        return unknown_field(L, name, endpoint);
    const json_t *known = json_object_get(json_object_get(box->call, "message"), name);
    if (strcmp(name, "body") == 0)
        lua_pushlstring(L, box->payload.data ? box->payload.data : "", box->payload.len);
    else if (strcmp(name, "json") == 0)
        push_json(L);
    else if (strcmp(name, "csv") == 0)
        push_method(L, message_csv);
    else if (strcmp(name, "record") == 0)
        push_method(L, message_record);
    else if (strcmp(name, "respond") == 0)
        push_method(L, request_respond);
    else if (strcmp(name, "headers") == 0)
        push_headers(L, (json_t *)known);
    else if (strcmp(name, "edi") == 0)
        edi_push_message(L);
    else if (strcmp(name, "xml") == 0) {
        lua_pushboolean(L, true); /* reject what is malformed */
        call_module(L, "xml", "decode", 1);
    } else if (known && !json_is_null(known))
        value_push_jansson(L, known);
    else if (strcmp(name, "vars") == 0 || strcmp(name, "params") == 0 || strcmp(name, "query") == 0)
        value_push_empty_object(L);
    else
        return 0;
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

void message_push(lua_State *L, const char *function) {
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &answer_key);
    lua_createtable(L, 0, 8);
    lua_createtable(L, 0, 3);
    lua_pushboolean(L, strcmp(function, "translate") != 0);
    lua_pushcclosure(L, message_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "message");
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "message");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}
