/* core/script/lua_small.c: the small modules: `log`, `lookup`, and the clock behind lib/date.lua. */
#include "core/script/library.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

#include <stdio.h>

enum { LOG_LINE_MAX = 2000, LOOKUP_VALUE_MAX = 64 * 1024 };

/* ---- log.debug, log.info, log.warning, log.error ---- */

/* Control characters would fool whoever reads the log in a terminal. */
static void add_printable(buf *line, span text) {
    for (size_t i = 0; i < text.len && !line->overflow; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '\n')
            buf_add_text(line, "\\n");
        else if (c < 0x20 || c == 0x7F)
            buf_printf(line, "\\x%02X", c);
        else
            buf_add_char(line, (char)c);
    }
}

static void add_log(sandbox *box, const char *level, span text, uint64_t script_line) {
    json_t *entry = json_object();
    json_put_text(entry, "level", level);
    json_put_span(entry, "text", text);
    json_object_set_new(entry, "line", json_integer((json_int_t)script_line));
    json_array_append_new(box->log, entry);
}

static int log_at(lua_State *L, const char *level) {
    sandbox *box = sandbox_of(L);
    char place[SCRIPT_PLACE_SIZE];
    if (box->log_closed) return 0;
    const char *colon = strrchr(sandbox_place(L, place), ':');
    uint64_t line = 0;
    bool known = colon && span_to_u64(span_of(colon + 1), 1, INT32_MAX, &line);
    (void)known; /* 0 when only library code is on the stack */
    if ((int64_t)json_array_size(box->log) >= box->limits.log_lines) {
        box->log_closed = true;
        add_log(box, "warning", SPAN("the script logs more lines than are kept; the rest is left out"), line);
        return 0;
    }
    int count = lua_gettop(L);
    buf *text = value_new_buf(L, LOG_LINE_MAX);
    for (int i = 1; i <= count && !text->overflow; i++) {
        size_t len;
        const char *part = luaL_tolstring(L, i, &len);
        if (i > 1) buf_add_char(text, ' ');
        add_printable(text, span_make(part, len));
        lua_pop(L, 1);
    }
    add_log(box, level, buf_span(text), line);
    return 0;
}

static int log_debug_line(lua_State *L) {
    return log_at(L, "debug");
}

static int log_info_line(lua_State *L) {
    return log_at(L, "info");
}

static int log_warning_line(lua_State *L) {
    return log_at(L, "warning");
}

static int log_error_line(lua_State *L) {
    return log_at(L, "error");
}

int library_log(lua_State *L) {
    static const luaL_Reg functions[] = {{"debug", log_debug_line}, {"info", log_info_line},
        {"warning", log_warning_line}, {"error", log_error_line}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

/* ---- lookup(table, code, default), lookup.reverse(table, value, default) ---- */

/* Without a default an unknown code rejects the message: trying again would not make it known. */
static int look_up(lua_State *L, int first, bool reverse) {
    const script_services *services = sandbox_of(L)->services;
    const char *table = luaL_checkstring(L, first);
    bool has_fallback = lua_gettop(L) >= first + 2;
    if (!value_push_text(L, first + 1)) return luaL_argerror(L, first + 1, "a code (text or number) was expected");
    const char *code = lua_tostring(L, -1);
    buf *value = value_new_buf(L, LOOKUP_VALUE_MAX);
    bool found = false;
    if (!services->table) return luaL_error(L, "there are no tables here");
    error *err = services->table(services->context, table, code, reverse, value, &found);
    if (err) sandbox_raise(L, err);
    if (found)
        value_push_buf(L, value);
    else if (has_fallback)
        lua_pushvalue(L, first + 2);
    else
        sandbox_reject(L, "unknown-code", NULL, "table %s has no %s '%s'", table, reverse ? "value" : "code", code);
    return 1;
}

static int lookup_call(lua_State *L) {
    return look_up(L, 2, false);
}

static int lookup_reverse(lua_State *L) {
    return look_up(L, 1, true);
}

int library_lookup(lua_State *L) {
    static const luaL_Reg functions[] = {{"reverse", lookup_reverse}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, lookup_call);
    lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
    return 1;
}

/* ---- the clock: clock.now() in milliseconds of 1970 ---- */

static int clock_now(lua_State *L) {
    const script_services *services = sandbox_of(L)->services;
    lua_pushinteger(L, services->now_ms ? services->now_ms(services->context) : 0);
    return 1;
}

int library_clock(lua_State *L) {
    static const luaL_Reg functions[] = {{"now", clock_now}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
