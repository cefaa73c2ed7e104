/* core/script/values.h: values between Lua and C: decimals, JSON text, jansson values, plain text.
 *
 * Every function that takes a lua_State may raise; callers hold nothing that the state does not own.
 */
#ifndef BANYAN_CORE_SCRIPT_VALUES_H
#define BANYAN_CORE_SCRIPT_VALUES_H

#include "core/base/json.h"
#include "core/script/decimal.h"
#include "core/script/sandbox.h"

#include <lauxlib.h>
#include <lua.h>

/* Is the value at `index` one of this kind? Nothing is made, nothing raised. */
bool value_is_kind(lua_State *L, int index, sandbox_kind kind);

/* What an error calls the value at `index`: the name of its kind ("EDI segment"), else of its type. Static, or the
 * metatable's. */
const char *value_type_name(lua_State *L, int index);

/* Gives the value on top the metatable of its kind. */
void value_set_kind(lua_State *L, sandbox_kind kind);

/* Takes the table on top as the metatable of a kind; once a state. */
void value_keep_kind(lua_State *L, sandbox_kind kind);

void value_push_decimal(lua_State *L, decimal value);
const decimal *value_decimal(lua_State *L, int index); /* NULL unless it is a decimal */

/* A number of any kind: decimal, integer, float, or text of a number; raises an argument error otherwise. */
decimal value_check_decimal(lua_State *L, int argument);

/* The value as it stands in files: text as it is, integers, decimals and floats in plain notation (2.0 is "2"),
 * booleans as true and false. Pushes the text and returns true; false, pushing nothing, for all else (nil, tables,
 * functions). */
bool value_push_text(lua_State *L, int index);

/* Decodes JSON (RFC 8259) and pushes the value. Whole numbers are integers, numbers with a point or an exponent
 * decimals, exactly as written. A null member is left out of its object, a null in an array is json.null. On a fault
 * returns false and pushes the words, "line 3, column 7: ...". */
bool value_decode_json(lua_State *L, span text);

/* Encodes the value at `index`: members sorted by name, decimals digit by digit, an empty table as [] unless it is
 * marked as an object (by json.object, and what comes from JSON is). `indent` 0 is compact. Raises with the place
 * ("/lines/3/price") of what cannot stand in JSON.
 */
void value_encode_json(lua_State *L, int index, int indent, buf *out);

/* An empty object stays one when it is encoded. */
void value_push_jansson(lua_State *L, const json_t *value);
void value_push_empty_object(lua_State *L); /* an empty table that is {} in JSON */
void value_push_null(lua_State *L);         /* json.null */
bool value_is_null(lua_State *L, int index);
void values_open(lua_State *L); /* makes the marks of tables, once a state */

/* Pushes an object of the state that owns a buffer, freed with it: what grows while an error may be raised. */
buf *value_new_buf(lua_State *L, size_t maximum);

/* Pushes its bytes as a string and empties it; raises when it overflowed. */
void value_push_buf(lua_State *L, buf *b);

/* The option `name` of the table at `index` (0 or nil: no options): the fallback when absent; raises when it is of
 * another type. Texts live as long as the table. */
const char *value_option_text(lua_State *L, int index, const char *name, const char *fallback);
bool value_option_flag(lua_State *L, int index, const char *name, bool fallback);

#endif
