/* core/script/message.h: the `message`, `req` and `res` that a script's function gets.
 *
 * A table that fills itself: what is cheap comes from the call, what must be parsed (json, xml, edi) is parsed when it
 * is first asked for, from the payload in place. A payload that cannot be parsed rejects the message ("malformed").
 */
#ifndef BANYAN_CORE_SCRIPT_MESSAGE_H
#define BANYAN_CORE_SCRIPT_MESSAGE_H

#include <lua.h>
#include <stdbool.h>

/* Pushes the object for `function` ("translate", "request", "response") from the sandbox's call and payload. */
void message_push(lua_State *L, const char *function);

/* Pushes what req:respond was given; false, pushing nothing, when it was not called. */
bool message_push_answer(lua_State *L);

#endif
