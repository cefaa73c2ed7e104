/* core/script/coverage.c: see coverage.h. Lua tells the lines of one function at a time, so functions are found by
 * walking from the module: its members, and what they have as upvalues. */
#include "core/script/coverage.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MAX = 8, STACK_ROOM = 16 };

coverage *coverage_new(const char *script) {
    coverage *c = xcalloc(1, sizeof *c);
    c->chunk = xasprintf("@%s.lua", script);
    return c;
}

void coverage_free(coverage *c) {
    if (!c) return;
    free(c->chunk);
    free(c);
}

static bool is_line(int line) {
    return line > 0 && line < COVERAGE_LINES_MAX;
}

void coverage_note(coverage *c, lua_State *L, lua_Debug *record) {
    lua_getinfo(L, "S", record);
    if (strcmp(record->source, c->chunk) == 0 && is_line(record->currentline)) c->runs[record->currentline]++;
}

static void note_value(coverage *c, lua_State *L, int depth);

/* The function on top of the stack stays there. */
static void note_function(coverage *c, lua_State *L, int depth) {
    lua_Debug record;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">SL", &record); /* takes the copy, leaves a table of lines or nil */
    bool ours = strcmp(record.source, c->chunk) == 0;
    bool seen = true;
    if (ours && lua_istable(L, -1)) {
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            int line = (int)lua_tointeger(L, -2);
            if (!is_line(line) || c->has_code[line]) continue;
            c->has_code[line] = true;
            seen = false;
        }
    }
    lua_pop(L, 1);
    for (int i = 1; !seen && lua_getupvalue(L, -1, i); i++) {
        note_value(c, L, depth + 1);
        lua_pop(L, 1);
    }
}

static void note_value(coverage *c, lua_State *L, int depth) {
    if (depth > DEPTH_MAX || !lua_checkstack(L, STACK_ROOM)) return;
    if (lua_isfunction(L, -1) && !lua_iscfunction(L, -1)) note_function(c, L, depth);
    if (!lua_istable(L, -1)) return;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_isfunction(L, -1)) note_value(c, L, depth + 1);
    }
}

void coverage_note_module(coverage *c, lua_State *L) {
    int top = lua_gettop(L);
    note_value(c, L, 0);
    lua_settop(L, top);
}

json_t *coverage_json(const coverage *c) {
    json_t *lines = json_object();
    char name[16];
    for (int i = 1; i < COVERAGE_LINES_MAX; i++) {
        if (!c->has_code[i] && !c->runs[i]) continue;
        snprintf(name, sizeof name, "%d", i);
        json_object_set_new(lines, name, json_integer(c->runs[i]));
    }
    return lines;
}
