/* core/script/result.h: checks what a script's function returned and turns it into payloads and JSON (host.h, the
 * outcome).
 *
 * Nothing is guessed: an unknown field, two payloads in one result, a header with a line break are errors that name the
 * field and the result.
 */
#ifndef BANYAN_CORE_SCRIPT_RESULT_H
#define BANYAN_CORE_SCRIPT_RESULT_H

#include "core/script/host.h"

#include <lua.h>

typedef enum result_rules {
    RESULT_TRANSLATE, /* nil, one or many; each with a payload */
    RESULT_ENDPOINT,  /* nil or one; without a payload the body goes on unchanged */
} result_rules;

/* Collects the value on top of the stack into `out` (its result has "results"). Raises on a wrong shape; what was
 * collected until then stays in `out`, which the caller frees. */
void result_collect(lua_State *L, result_rules rules, script_outcome *out);

#endif
