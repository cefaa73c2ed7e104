/* core/script/coverage.h: which lines of a script ran, and which could have. For tests beside scripts. */
#ifndef BANYAN_CORE_SCRIPT_COVERAGE_H
#define BANYAN_CORE_SCRIPT_COVERAGE_H

#include "core/base/json.h"

#include <lua.h>

enum { COVERAGE_LINES_MAX = 65536 };

typedef struct coverage {
    char *chunk;                       /* "@order.lua": whose lines are counted; owned */
    uint32_t runs[COVERAGE_LINES_MAX]; /* by line, from 1 */
    bool has_code[COVERAGE_LINES_MAX]; /* a line that holds code of a function that is reachable from the module */
} coverage;

coverage *coverage_new(const char *script);
void coverage_free(coverage *c); /* NULL is fine */

/* For the line hook: `record` has the current line; asks for the source itself. */
void coverage_note(coverage *c, lua_State *L, lua_Debug *record);

/* Notes the lines of all functions that the value on top of the stack (the module's table) leads to. */
void coverage_note_module(coverage *c, lua_State *L);

/* {"12": 3, "13": 0, …}: how often each line with code ran; new reference. */
json_t *coverage_json(const coverage *c);

#endif
