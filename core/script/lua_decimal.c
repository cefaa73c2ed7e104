/* core/script/lua_decimal.c: the module `decimal`: exact numbers for scripts.
 *
 *   decimal("19.90"), decimal(5)      + - * / // %, == < <=, tostring, ..
 *   d:round(2), d:round(2, "half-even"), d:divide(7, 2, "half-up"), d:abs(), d:sign(), d:scale(), d:integer(),
 * d:number(), d:format(2, ",", "."), d:implied(2) decimal.sum(list), decimal.is(value), decimal.implied("1990", 2)
 *
 * Integers and floats mix in freely; a float counts as the shortest decimal that reads back as it. Rounding without a
 * mode is half-up, as on invoices.
 */
#include "core/script/library.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void make_metatable(lua_State *L);

void value_push_decimal(lua_State *L, decimal value) {
    decimal *box = lua_newuserdatauv(L, sizeof *box, 0);
    memcpy(box, &value, sizeof value);
    if (!sandbox_of(L)->kinds[KIND_DECIMAL].address) make_metatable(L);
    value_set_kind(L, KIND_DECIMAL);
}

const decimal *value_decimal(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TUSERDATA || !value_is_kind(L, index, KIND_DECIMAL)) return NULL;
    return lua_touserdata(L, index);
}

/* Pushes nothing; raises `err` as an argument error. */
static void check(lua_State *L, error *err) {
    if (err) sandbox_raise(L, err);
}

decimal value_check_decimal(lua_State *L, int argument) {
    decimal value = {0, 0};
    const decimal *box = value_decimal(L, argument);
    if (box) {
        memcpy(&value, box, sizeof value);
    } else if (lua_isinteger(L, argument)) {
        value = decimal_of_integer(lua_tointeger(L, argument));
    } else if (lua_type(L, argument) == LUA_TNUMBER) {
        check(L, decimal_of_double(lua_tonumber(L, argument), &value));
    } else {
        luaL_argexpected(L, lua_type(L, argument) == LUA_TSTRING, argument, "number");
        span text;
        text.data = lua_tolstring(L, argument, &text.len);
        check(L, decimal_parse(span_trim(text), &value));
    }
    return value;
}

typedef error *(*operation)(decimal, decimal, decimal *);

/* Lua would call them arguments of a function that the script never named. */
static void check_operands(lua_State *L) {
    for (int i = 1; i <= 2; i++) {
        int type = lua_type(L, i);
        if (type != LUA_TNUMBER && type != LUA_TSTRING && !value_decimal(L, i))
            sandbox_error(L, "a decimal cannot be calculated with a %s value", value_type_name(L, i));
    }
}

static int calculate(lua_State *L, operation function) {
    decimal result = {0, 0};
    check_operands(L);
    check(L, function(value_check_decimal(L, 1), value_check_decimal(L, 2), &result));
    value_push_decimal(L, result);
    return 1;
}

static int add(lua_State *L) {
    return calculate(L, decimal_add);
}

static int subtract(lua_State *L) {
    return calculate(L, decimal_subtract);
}

static int multiply(lua_State *L) {
    return calculate(L, decimal_multiply);
}

static int divide(lua_State *L) {
    return calculate(L, decimal_divide);
}

static int divide_whole(lua_State *L) {
    decimal quotient = {0, 0}, remainder = {0, 0};
    check(L, decimal_divide_whole(value_check_decimal(L, 1), value_check_decimal(L, 2), &quotient, &remainder));
    value_push_decimal(L, quotient);
    return 1;
}

static int modulo(lua_State *L) {
    decimal quotient = {0, 0}, remainder = {0, 0};
    check(L, decimal_divide_whole(value_check_decimal(L, 1), value_check_decimal(L, 2), &quotient, &remainder));
    value_push_decimal(L, remainder);
    return 1;
}

static int negate(lua_State *L) {
    decimal value = value_check_decimal(L, 1);
    value.coefficient = -value.coefficient;
    value_push_decimal(L, value);
    return 1;
}

static int equal(lua_State *L) {
    lua_pushboolean(L, decimal_compare(value_check_decimal(L, 1), value_check_decimal(L, 2)) == 0);
    return 1;
}

static int less(lua_State *L) {
    lua_pushboolean(L, decimal_compare(value_check_decimal(L, 1), value_check_decimal(L, 2)) < 0);
    return 1;
}

static int less_or_equal(lua_State *L) {
    lua_pushboolean(L, decimal_compare(value_check_decimal(L, 1), value_check_decimal(L, 2)) <= 0);
    return 1;
}

static int text(lua_State *L) {
    char digits[DECIMAL_TEXT_SIZE];
    lua_pushstring(L, decimal_text(value_check_decimal(L, 1), digits));
    return 1;
}

static int concatenate(lua_State *L) {
    for (int i = 1; i <= 2; i++) {
        if (!value_push_text(L, i)) return luaL_error(L, "attempt to concatenate a %s value", luaL_typename(L, i));
    }
    lua_concat(L, 2);
    return 1;
}

static int number(lua_State *L) {
    lua_pushnumber(L, decimal_to_double(value_check_decimal(L, 1)));
    return 1;
}

/* d:integer(): raises when there is something behind the point. */
static int integer(lua_State *L) {
    int64_t whole;
    char digits[DECIMAL_TEXT_SIZE];
    decimal value = value_check_decimal(L, 1);
    if (!decimal_to_integer(value, &whole))
        return luaL_error(L, "%s is not a whole number (of 64 bits)", decimal_text(value, digits));
    lua_pushinteger(L, whole);
    return 1;
}

static decimal_rounding check_rounding(lua_State *L, int argument) {
    decimal_rounding rounding = ROUND_HALF_UP;
    const char *name = luaL_optstring(L, argument, "half-up");
    if (!decimal_rounding_named(span_of(name), &rounding))
        luaL_argerror(L, argument, "expected half-up, half-even, down, up, floor or ceiling");
    return rounding;
}

static int check_scale(lua_State *L, int argument, lua_Integer fallback) {
    lua_Integer scale = luaL_optinteger(L, argument, fallback);
    luaL_argcheck(
        L, scale >= -DECIMAL_DIGITS_MAX && scale <= DECIMAL_DIGITS_MAX, argument, "number of digits out of range");
    return (int)scale;
}

static int rounded(lua_State *L) {
    decimal result = {0, 0};
    check(L, decimal_round(value_check_decimal(L, 1), check_scale(L, 2, 0), check_rounding(L, 3), &result));
    value_push_decimal(L, result);
    return 1;
}

/* d:divide(by, scale, rounding) */
static int divide_to(lua_State *L) {
    decimal result = {0, 0};
    check(L, decimal_divide_to(value_check_decimal(L, 1), value_check_decimal(L, 2), check_scale(L, 3, 0),
                 check_rounding(L, 4), &result));
    value_push_decimal(L, result);
    return 1;
}

/* d:format(digits, point, group): rounded half up; "1.234,50" with "," and ".". */
static int formatted(lua_State *L) {
    decimal value = value_check_decimal(L, 1);
    char digits[DECIMAL_TEXT_SIZE];
    luaL_Buffer out;
    check(L, decimal_round(value, check_scale(L, 2, value.scale), ROUND_HALF_UP, &value));
    const char *point = luaL_optstring(L, 3, "."), *group = luaL_optstring(L, 4, ""), *at = decimal_text(value, digits);
    size_t whole = strcspn(at, ".");
    luaL_buffinit(L, &out);
    if (*at == '-') {
        luaL_addchar(&out, *at++);
        whole--;
    }
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0) luaL_addstring(&out, group);
        luaL_addchar(&out, at[i]);
    }
    if (at[whole] == '.') {
        luaL_addstring(&out, point);
        luaL_addstring(&out, at + whole + 1);
    }
    luaL_pushresult(&out);
    return 1;
}

/* d:implied(digits): 19.90 is "1990" with two. Raises where digits would be lost. */
static int implied_text(lua_State *L) {
    decimal value = value_check_decimal(L, 1), cut = {0, 0};
    char digits[DECIMAL_TEXT_SIZE];
    int scale = check_scale(L, 2, 0);
    luaL_argcheck(L, scale >= 0, 2, "number of digits out of range");
    check(L, decimal_round(value, scale, ROUND_DOWN, &cut));
    if (decimal_compare(cut, value) != 0)
        return luaL_error(L, "%s has more than %d digits behind the point", decimal_text(value, digits), scale);
    cut.scale = 0;
    lua_pushstring(L, decimal_text(cut, digits));
    return 1;
}

/* decimal.implied(value, digits): "1990" is 19.90 with two. */
static int of_implied(lua_State *L) {
    decimal value = value_check_decimal(L, 1);
    char digits[DECIMAL_TEXT_SIZE];
    int scale = check_scale(L, 2, 0);
    luaL_argcheck(L, scale >= 0, 2, "number of digits out of range");
    if (value.scale != 0)
        return luaL_error(
            L, "%s has a point of its own where digits behind it are implied", decimal_text(value, digits));
    value.scale = scale;
    value_push_decimal(L, value);
    return 1;
}

static int absolute(lua_State *L) {
    decimal value = value_check_decimal(L, 1);
    if (value.coefficient < 0) value.coefficient = -value.coefficient;
    value_push_decimal(L, value);
    return 1;
}

static int sign(lua_State *L) {
    decimal value = value_check_decimal(L, 1);
    lua_pushinteger(L, value.coefficient < 0 ? -1 : value.coefficient > 0);
    return 1;
}

static int scale(lua_State *L) {
    lua_pushinteger(L, value_check_decimal(L, 1).scale);
    return 1;
}

static int is_decimal(lua_State *L) {
    lua_pushboolean(L, value_decimal(L, 1) != NULL);
    return 1;
}

static int sum(lua_State *L) {
    decimal total = decimal_of_integer(0);
    luaL_checktype(L, 1, LUA_TTABLE);
    for (lua_Integer i = 1; lua_rawgeti(L, 1, i) != LUA_TNIL; i++) {
        check(L, decimal_add(total, value_check_decimal(L, -1), &total));
        lua_pop(L, 1);
    }
    value_push_decimal(L, total);
    return 1;
}

/* decimal(value): the module is called like a function. */
static int construct(lua_State *L) {
    value_push_decimal(L, value_check_decimal(L, 2));
    return 1;
}

static void make_metatable(lua_State *L) {
    static const luaL_Reg methods[] = {{"round", rounded}, {"divide", divide_to}, {"abs", absolute}, {"sign", sign},
        {"scale", scale}, {"integer", integer}, {"number", number}, {"format", formatted}, {"implied", implied_text},
        {NULL, NULL}};
    static const luaL_Reg events[] = {{"__add", add}, {"__sub", subtract}, {"__mul", multiply}, {"__div", divide},
        {"__idiv", divide_whole}, {"__mod", modulo}, {"__unm", negate}, {"__eq", equal}, {"__lt", less},
        {"__le", less_or_equal}, {"__tostring", text}, {"__concat", concatenate}, {"__tonumber", number}, {NULL, NULL}};
    luaL_newlib(L, events);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "decimal");
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "decimal");
    lua_setfield(L, -2, "__metatable");
    value_keep_kind(L, KIND_DECIMAL);
}

/* The fewest digits that read as this number again. */
static void push_shortest(lua_State *L, double number) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    lua_pushstring(L, text);
}

bool value_push_text(lua_State *L, int index) {
    char digits[DECIMAL_TEXT_SIZE];
    const decimal *box = value_decimal(L, index);
    if (box) {
        decimal value;
        memcpy(&value, box, sizeof value);
        lua_pushstring(L, decimal_text(value, digits));
        return true;
    }
    switch (lua_type(L, index)) {
    case LUA_TSTRING: lua_pushvalue(L, index); return true;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false"); return true;
    case LUA_TNUMBER: break;
    default: return false;
    }
    if (lua_isinteger(L, index)) {
        lua_pushfstring(L, "%I", lua_tointeger(L, index));
        return true;
    }
    decimal value;
    error *err = decimal_of_double(lua_tonumber(L, index), &value);
    if (err) { /* too large or too small for digits alone; infinities and NaN have no text */
        error_free(err);
        if (!isfinite(lua_tonumber(L, index))) return false;
        push_shortest(L, lua_tonumber(L, index));
        return true;
    }
    lua_pushstring(L, decimal_text(value, digits));
    return true;
}

int library_decimal(lua_State *L) {
    static const luaL_Reg functions[] = {{"sum", sum}, {"is", is_decimal}, {"implied", of_implied}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, construct);
    lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
    return 1;
}
