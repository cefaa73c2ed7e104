/* core/script/library.c: see library.h. */
#include "core/script/library.h"

#include "core/base/embedded.h"
#include "core/base/settings.h"
#include "core/script/charset.h"
#include "core/script/environment.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

#include <lualib.h>

extern const embedded_file embedded_lua[];

/* More elements than any table within the memory limit can hold; only lying __len and huge ranges ask for more. */
enum { ELEMENTS_MAX = 1 << 24 };

static char loaded_key; /* its address names the table of loaded modules in the registry */

static const struct {
    const char *name;
    lua_CFunction open;
} modules[] = {
    {"json", library_json},
    {"csv", library_csv},
    {"decimal", library_decimal},
    {"log", library_log},
    {"hash", library_hash},
    {"uuid", library_uuid},
    {"lookup", library_lookup},
    {"clock.core", library_clock},
    {"charset.core", library_charset},
    {"xml.core", library_xml},
    {"connection.core", library_connection},
    {"edi.core", library_edi},
    {"test.core", library_test},
};

/* ---- errors that time limits pass through ---- */

/* The results of a protected call lie above `base`; the first of them is made true or false. */
static int finish_protected(lua_State *L, int status, lua_KContext base) {
    if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - (int)base;
    if (sandbox_is_over(L)) return lua_error(L); /* that is not the script's to catch */
    lua_pushboolean(L, false);
    lua_insert(L, -2);
    return 2;
}

static int protected_call(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, true);
    lua_insert(L, 1);
    return finish_protected(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_protected), 0);
}

/* The handler of xpcall, upvalue 1. After the time limit it is left out: Lua disables hooks while the error that a hook
 * raised is handled, so that a handler that loops would never end. */
static int call_handler(lua_State *L) {
    if (sandbox_is_over(L)) return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* xpcall(f, handler, ...) */
static int protected_call_handled(lua_State *L) {
    int arguments = lua_gettop(L) - 2;
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, call_handler, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, true);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2); /* f, handler, true, f, arguments */
    return finish_protected(L, lua_pcallk(L, arguments, LUA_MULTRET, 2, 2, finish_protected), 2);
}

/* What coroutine.wrap gives: resumes the thread in upvalue 1. A thread that the time limit ended is not closed, for the
 * reason above: its __close functions would run without hooks. */
static int resume_wrapped(lua_State *L) {
    lua_State *thread = lua_tothread(L, lua_upvalueindex(1));
    int arguments = lua_gettop(L), count = 0;
    if (!lua_checkstack(thread, arguments)) return luaL_error(L, "too many arguments to resume");
    if (lua_status(thread) == LUA_OK && lua_gettop(thread) == 0) return luaL_error(L, "cannot resume dead coroutine");
    lua_xmove(L, thread, arguments);
    int status = lua_resume(thread, L, arguments, &count);
    if (status == LUA_OK || status == LUA_YIELD) {
        if (!lua_checkstack(L, count + 1)) {
            lua_pop(thread, count);
            return luaL_error(L, "too many results to resume");
        }
        lua_xmove(thread, L, count);
        return count;
    }
    if (!sandbox_of(L)->out_of_time && lua_status(thread) != LUA_OK) lua_resetthread(thread);
    lua_xmove(thread, L, 1);
    return lua_error(L);
}

static int wrap_coroutine(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *thread = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, thread, 1);
    lua_pushcclosure(L, resume_wrapped, 1);
    return 1;
}

/* coroutine.close, upvalue 1: not after the time limit. */
static int close_coroutine(lua_State *L) {
    sandbox_check_time(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* ---- base ---- */

/* getmetatable, rawget, rawset, next: of globals that stand for the library's they must not see that (upvalue 1 is the
 * original). */
static int on_filled_table(lua_State *L) {
    if (lua_istable(L, 1)) environment_fill(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int set_metatable(lua_State *L) {
    int kind = lua_type(L, 2);
    if (lua_istable(L, 1)) environment_fill(L, 1);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, kind == LUA_TNIL || kind == LUA_TTABLE, 2, "nil or table");
    if (kind == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) return luaL_error(L, "setmetatable: __gc is not for scripts; use __close");
        lua_pop(L, 1);
    }
    bool marked = value_is_kind(L, 1, KIND_OBJECT) || value_is_kind(L, 1, KIND_ARRAY); /* that is no one's metatable */
    if (!marked && luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* load(text, name, mode, env): text only, never bytecode, never a function that gives pieces. */
static int load_text(lua_State *L) {
    size_t len;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *text = lua_tolstring(L, 1, &len);
    const char *name = luaL_optstring(L, 2, "load");
    const char *mode = luaL_optstring(L, 3, "t");
    if (strcmp(mode, "t") != 0) return luaL_error(L, "load: only text can be loaded (mode \"t\")");
    if (len > SCRIPT_SOURCE_MAX) return luaL_error(L, "load: the text is larger than %d bytes", (int)SCRIPT_SOURCE_MAX);
    if (luaL_loadbufferx(L, text, len, lua_pushfstring(L, "=%s", name), "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (!lua_isnone(L, 4)) {
        lua_pushvalue(L, 4);
        if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
    }
    return 1;
}

/* tonumber of a decimal is its nearest float; of anything else what Lua says (upvalue 1). */
static int to_number(lua_State *L) {
    if (lua_type(L, 1) == LUA_TUSERDATA && luaL_getmetafield(L, 1, "__tonumber") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 1);
        return 1;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* print(...) is log.info: there is no terminal to print to. */
static int print(lua_State *L) {
    luaL_Buffer line;
    int count = lua_gettop(L);
    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) luaL_addchar(&line, ' ');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    lua_replace(L, 1);
    lua_settop(L, 1);
    library_require(L, "log");
    lua_getfield(L, -1, "info");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 0);
    return 0;
}

/* ---- string and table functions that could run away ---- */

static int call_original(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int repeat(lua_State *L) {
    size_t len, separator_len = 0;
    luaL_checklstring(L, 1, &len);
    lua_Integer count = luaL_checkinteger(L, 2);
    if (!lua_isnoneornil(L, 3)) luaL_checklstring(L, 3, &separator_len);
    size_t each = len + separator_len, maximum = sandbox_of(L)->limits.memory_bytes;
    if (count <= 0 || each == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (each > maximum || (lua_Unsigned)count > maximum / each)
        return luaL_error(L, "string.rep: the result would not fit into the memory limit");
    return call_original(L);
}

/* Functions whose loops go over #t, which a metamethod may answer as it likes. */
static int with_bounded_length(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    if (luaL_len(L, 1) > ELEMENTS_MAX) return luaL_error(L, "the table claims more than %d elements", ELEMENTS_MAX);
    return call_original(L);
}

static int move(lua_State *L) {
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
    if (to >= from && (lua_Unsigned)to - (lua_Unsigned)from >= ELEMENTS_MAX)
        return luaL_error(L, "table.move: more than %d elements", ELEMENTS_MAX);
    return call_original(L);
}

/* Replaces field `name` of the table on top by `function`, with the original as its upvalue. */
static void wrap(lua_State *L, const char *name, lua_CFunction function) {
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

static void drop(lua_State *L, const char *name) {
    lua_pushnil(L);
    lua_setfield(L, -2, name);
}

/* The state of math.random outlives a run: one that a script seeded is seeded anew before the next (host.c). */
static int seed_random(lua_State *L) {
    sandbox_of(L)->seeded = true;
    return call_original(L);
}

/* ---- require ---- */

/* Pushes the function that makes module `name` of the library. */
static bool load_from_library(lua_State *L, const char *name) {
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        if (strcmp(modules[i].name, name) != 0) continue;
        lua_pushcfunction(L, modules[i].open);
        return true;
    }
    const char *file_name = lua_pushfstring(L, "%s.lua", name);
    const embedded_file *file = embedded_find(embedded_lua, span_of(file_name));
    lua_pop(L, 1);
    if (!file) return false;
    sandbox_load(L, lua_pushfstring(L, "lib/%s.lua", name), embedded_span(file), file->digest);
    lua_remove(L, -2);
    environment_push_library(L);
    lua_setupvalue(L, -2, 1);
    return true;
}

/* Pushes the library's own module; false, pushing nothing, when there is none of that name. */
static bool push_library_module(lua_State *L, const char *name) {
    luaL_checkstack(L, 8, "require");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loaded_key);
    if (lua_getfield(L, -1, name) == LUA_TNIL) {
        lua_pop(L, 1);
        if (!load_from_library(L, name)) {
            lua_pop(L, 1);
            return false;
        }
        lua_pushstring(L, name);
        lua_call(L, 1, 1);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, name);
    }
    lua_remove(L, -2);
    return true;
}

void library_require(lua_State *L, const char *name) {
    if (!push_library_module(L, name)) sandbox_error(L, "module '%s' was not found in the library", name);
}

/* The `require` of the library's modules. */
static int require_from_library(lua_State *L) {
    library_require(L, luaL_checkstring(L, 1));
    return 1;
}

static void push_compiled(lua_State *L, const char *name, span source, const char *hash) {
    const char *key = hash ? lua_pushfstring(L, "%s@%s", name, hash) : lua_pushliteral(L, "");
    if (!hash || !environment_push_chunk(L, key)) {
        sandbox_load(L, lua_pushfstring(L, "%s.lua", name), source, hash);
        lua_remove(L, -2);
        if (hash) environment_keep_chunk(L, key);
    }
    lua_remove(L, -2);
}

void library_push_script(lua_State *L, const char *name, span source, const char *hash) {
    push_compiled(L, name, source, hash);
}

static bool load_script(lua_State *L, const char *name) {
    const script_services *services = sandbox_of(L)->services;
    span source = {NULL, 0};
    const char *hash = NULL;
    error *err = services->source ? services->source(services->context, name, &source, &hash)
                                  : error_new(ERROR_NOT_FOUND, "there are no scripts here");
    bool found = !err || error_code_of(err) != ERROR_NOT_FOUND;
    if (err && found) sandbox_raise(L, err);
    error_free(err);
    if (found) push_compiled(L, name, source, hash);
    return found;
}

/* Modules named x.core are the library's inside. */
static bool is_for_scripts(const char *name) {
    const char *dot = strrchr(name, '.');
    return !dot || strcmp(dot, ".core") != 0;
}

/* The `require` of scripts: names of the library come first; what they get is this run's alone. */
static int require(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    if (!settings_is_name(span_of(name))) return luaL_error(L, "require: '%s' is not the name of a module", name);
    if (environment_push_module(L, name)) {
        if (lua_islightuserdata(L, -1) && lua_touserdata(L, -1) == &loaded_key)
            return luaL_error(L, "module '%s' requires itself, directly or through others", name);
        return 1;
    }
    if (is_for_scripts(name) && push_library_module(L, name)) {
        environment_copy(L);
    } else {
        lua_pushlightuserdata(L, &loaded_key); /* stands there while the module loads */
        environment_set_module(L, name);
        bool found = load_script(L, name);
        if (!found) {
            lua_pushnil(L);
            environment_set_module(L, name);
            return luaL_error(L, "module '%s' was not found, neither in the library nor among the scripts", name);
        }
        lua_pushstring(L, name);
        lua_call(L, 1, 1);
        if (lua_isnil(L, -1)) lua_pushboolean(L, true);
    }
    environment_set_module(L, name);
    return 1;
}

static void open_base(lua_State *L) {
    static const char *const absent[] = {"dofile", "loadfile", "collectgarbage", "warn"};
    static const luaL_Reg own[] = {{"pcall", protected_call}, {"xpcall", protected_call_handled},
        {"setmetatable", set_metatable}, {"load", load_text}, {"print", print}, {"require", require_from_library},
        {"script_require", require}, {"reject", sandbox_lua_reject}, {NULL, NULL}};
    static const char *const past_metatables[] = {"getmetatable", "rawget", "rawset", "next"};
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        drop(L, absent[i]);
    luaL_setfuncs(L, own, 0);
    for (size_t i = 0; i < sizeof past_metatables / sizeof *past_metatables; i++)
        wrap(L, past_metatables[i], on_filled_table);
    wrap(L, "tonumber", to_number);
    lua_pop(L, 1);
}

static void open_string(lua_State *L) {
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    drop(L, "dump");
    wrap(L, "rep", repeat);
    library_open_patterns(L);
    lua_pop(L, 1);
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

static void open_table(lua_State *L) {
    static const char *const bounded[] = {"insert", "remove", "concat", "sort", "unpack"};
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    for (size_t i = 0; i < sizeof bounded / sizeof *bounded; i++)
        wrap(L, bounded[i], with_bounded_length);
    wrap(L, "move", move);
    lua_pop(L, 1);
}

void library_open(lua_State *L) {
    lua_createtable(L, 0, 8);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &loaded_key);
    values_open(L);
    open_base(L);
    open_string(L);
    open_table(L);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    wrap(L, "randomseed", seed_random);
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    luaL_requiref(L, LUA_COLIBNAME, luaopen_coroutine, 1);
    lua_pushcfunction(L, wrap_coroutine);
    lua_setfield(L, -2, "wrap");
    wrap(L, "close", close_coroutine);
    lua_pop(L, 3);
    lua_pushglobaltable(L);
    environment_keep(L);
    environment_renew(L);
}
