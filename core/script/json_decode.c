/* core/script/json_decode.c: JSON text to Lua values; see values.h.
 *
 * Written by hand on Lua's stack rather than through jansson, which would turn 19.99 into a double and copy everything
 * twice. Whole numbers are Lua integers (beyond 64 bits: decimals), all others decimals: no digit is lost. Only what
 * an exponent puts beyond the 36 digits of a decimal, 1e147, is a float.
 */
#include "core/script/json_text.h"
#include "core/script/values.h"

#include <math.h>
#include <stdlib.h>

enum {
    ELEMENTS_WAITING = 24, /* of an array, on Lua's stack, so that the table is made in its size: most are small */
    NAMES_KNOWN = 24,      /* members whose names are compared here; more are looked up in the table */
    FIRST_MEMBERS = 4,
    LUA_SHORT_MAX = 40, /* bytes: Lua has every shorter text but once */
    DIGITS_FAST = 18    /* so many fit an int64_t, whatever they are */
};

typedef struct decoder {
    lua_State *L;
    const char *begin, *at, *end;
    int depth;
    const char *fault; /* static text; NULL while all is well */
    unsigned char
        members[JSON_DEPTH_MAX + 1]; /* how many the last object of each depth had: its neighbours are alike */
} decoder;

static bool fail(decoder *d, const char *words) {
    if (!d->fault) d->fault = words;
    return false;
}

static void skip_blanks(decoder *d) {
    while (d->at < d->end && (*d->at == ' ' || *d->at == '\t' || *d->at == '\n' || *d->at == '\r'))
        d->at++;
}

static bool take(decoder *d, char c) {
    if (d->at == d->end || *d->at != c) return false;
    d->at++;
    return true;
}

/* Four hexadecimal digits behind \u; -1 when they are not. */
static int take_unit(decoder *d) {
    int unit = 0;
    if (d->end - d->at < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = *d->at++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static void add_utf8(luaL_Buffer *b, int code) {
    if (code < 0x80) {
        luaL_addchar(b, (char)code);
        return;
    }
    if (code < 0x800) {
        luaL_addchar(b, (char)(0xC0 | code >> 6));
    } else {
        if (code < 0x10000) {
            luaL_addchar(b, (char)(0xE0 | code >> 12));
        } else {
            luaL_addchar(b, (char)(0xF0 | code >> 18));
            luaL_addchar(b, (char)(0x80 | (code >> 12 & 0x3F)));
        }
        luaL_addchar(b, (char)(0x80 | (code >> 6 & 0x3F)));
    }
    luaL_addchar(b, (char)(0x80 | (code & 0x3F)));
}

/* Behind the backslash. */
static bool take_escape(decoder *d, luaL_Buffer *b) {
    static const char letters[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";
    if (d->at == d->end) return fail(d, "the text ends inside a string");
    char letter = *d->at++;
    const char *known = letter ? strchr(letters, letter) : NULL;
    if (known) {
        luaL_addchar(b, meaning[known - letters]);
        return true;
    }
    if (letter != 'u') return fail(d, "a backslash is followed by none of \" \\ / b f n r t u");
    int code = take_unit(d);
    if (code < 0) return fail(d, "\\u is not followed by four hexadecimal digits");
    if (code >= 0xDC00 && code <= 0xDFFF) return fail(d, "a low surrogate without its high one");
    if (code >= 0xD800 && code <= 0xDBFF) {
        int low = take(d, '\\') && take(d, 'u') ? take_unit(d) : -1;
        if (low < 0xDC00 || low > 0xDFFF) return fail(d, "a high surrogate without its low one");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code == 0) return fail(d, "a NUL character in a string");
    add_utf8(b, code);
    return true;
}

/* Behind the opening quote. Strings without escapes, nearly all, are pushed as they stand. */
static bool decode_string(decoder *d) {
    const char *from = d->at;
    bool high;
    size_t plain = json_plain_length(span_make(from, (size_t)(d->end - from)), true, &high);
    d->at += plain;
    if (d->at < d->end && *d->at == '"') {
        if (high && !span_is_utf8(span_make(from, plain))) {
            d->at = from;
            return fail(d, "a string is not valid UTF-8");
        }
        lua_pushlstring(d->L, from, plain);
        d->at++;
        return true;
    }
    luaL_Buffer b;
    luaL_buffinit(d->L, &b);
    luaL_addlstring(&b, from, (size_t)(d->at - from));
    while (!d->fault) {
        if (d->at == d->end) return fail(d, "the text ends inside a string");
        char c = *d->at++;
        if (c == '"') break;
        if (c == '\\') {
            take_escape(d, &b);
        } else if ((unsigned char)c < 0x20) {
            d->at--;
            return fail(d, "a control character in a string");
        } else {
            luaL_addchar(&b, c);
        }
    }
    if (d->fault) return false;
    luaL_pushresult(&b);
    span text;
    text.data = lua_tolstring(d->L, -1, &text.len);
    return span_is_utf8(text) || fail(d, "a string is not valid UTF-8");
}

static bool take_digits(decoder *d) {
    const char *from = d->at;
    while (d->at < d->end && *d->at >= '0' && *d->at <= '9')
        d->at++;
    return d->at > from;
}

/* Behind a number's digits: those of its fraction and exponent. False when there are none of either. */
static bool take_fraction(decoder *d) {
    if (take(d, '.') && !take_digits(d)) return fail(d, "a number ends with its point");
    if (take(d, 'e') || take(d, 'E')) {
        if (!take(d, '-')) take(d, '+');
        if (!take_digits(d)) return fail(d, "a number ends inside its exponent");
    }
    return true;
}

/* The float nearest to a number with an exponent; false, pushing nothing, when there is none. */
static bool push_nearest(decoder *d, span text) {
    char digits[64];
    bool has_exponent = memchr(text.data, 'e', text.len) || memchr(text.data, 'E', text.len);
    if (!has_exponent || text.len >= sizeof digits) return false;
    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';
    double nearest = strtod(digits, NULL);
    if (!isfinite(nearest)) return false;
    lua_pushnumber(d->L, nearest);
    return true;
}

static bool push_exact(decoder *d, span text) {
    decimal exact;
    error *err = decimal_parse(text, &exact);
    if (!err) {
        value_push_decimal(d->L, exact);
        return true;
    }
    error_free(err);
    if (push_nearest(d, text)) return true;
    d->at = text.data;
    return fail(d, "a number has more than 36 digits");
}

/* Up to eighteen digits without an exponent are read here, all else by decimal_parse. */
static bool decode_number(decoder *d) {
    const char *from = d->at, *point = NULL;
    bool negative = take(d, '-');
    const char *digits = d->at;
    int64_t value = 0;
    if (take(d, '0')) {
        if (d->at < d->end && *d->at >= '0' && *d->at <= '9') return fail(d, "a number starts with a zero");
    } else if (!take_digits(d)) {
        return fail(d, "a value was expected");
    }
    if (d->at < d->end && *d->at == '.') point = d->at;
    bool whole = !point && !(d->at < d->end && (*d->at == 'e' || *d->at == 'E'));
    if (!whole && !take_fraction(d)) return false;
    span text = span_make(from, (size_t)(d->at - from));
    if (d->at - digits > DIGITS_FAST) {
        if (whole && span_to_i64(text, INT64_MIN, INT64_MAX, &value)) {
            lua_pushinteger(d->L, value);
            return true;
        }
        return push_exact(d, text);
    }
    for (const char *c = digits; c < d->at; c++) {
        if (*c >= '0' && *c <= '9')
            value = value * 10 + (*c - '0');
        else if (*c != '.')
            return push_exact(d, text);
    }
    if (negative) value = -value;
    if (whole)
        lua_pushinteger(d->L, value);
    else
        value_push_decimal(d->L, (decimal){.coefficient = value, .scale = (int)(d->at - point) - 1});
    return true;
}

static bool decode_value(decoder *d);

/* The names of an object's first members: texts that the table keeps alive. */
typedef struct known_names {
    span list[NAMES_KNOWN];
    int count;
} known_names;

/* Is the name on top of the stack one that the object at `table` has already? */
static bool stands_twice(lua_State *L, int table, known_names *known) {
    span name;
    name.data = lua_tolstring(L, -1, &name.len);
    if (known->count == NAMES_KNOWN) {
        lua_pushvalue(L, -1);
        bool found = lua_rawget(L, table) != LUA_TNIL;
        lua_pop(L, 1);
        return found;
    }
    for (int i = 0; i < known->count; i++) {
        if (known->list[i].len == name.len &&
            (known->list[i].data == name.data || (name.len > LUA_SHORT_MAX && span_equal(known->list[i], name))))
            return true;
    }
    return false;
}

/* Pushes the name. */
static bool decode_member_name(decoder *d) {
    skip_blanks(d);
    if (!take(d, '"')) return fail(d, "a member's name was expected");
    if (!decode_string(d)) return false;
    skip_blanks(d);
    return take(d, ':') || fail(d, ": was expected after a member's name");
}

/* Member names must differ. A null member is left out, so that `if order.ship_to then` means what it says. */
static bool decode_object(decoder *d) {
    lua_State *L = d->L;
    known_names known __attribute__((uninitialized)); /* filled as far as it is counted */
    int table = lua_gettop(L) + 1, count = 0, expected = d->members[d->depth];
    luaL_checkstack(L, 8, "JSON");
    known.count = 0;
    skip_blanks(d);
    bool more = !take(d, '}');
    lua_createtable(L, 0, more ? (expected ? expected : FIRST_MEMBERS) : 0);
    while (more) {
        skip_blanks(d);
        const char *name_at = d->at;
        if (!decode_member_name(d)) return false;
        if (stands_twice(L, table, &known)) {
            d->at = name_at;
            return fail(d, "a member stands there twice");
        }
        if (!decode_value(d)) return false;
        if (lua_islightuserdata(L, -1)) {
            lua_pop(L, 2);
        } else {
            span *name = known.count < NAMES_KNOWN ? &known.list[known.count++] : NULL;
            if (name) name->data = lua_tolstring(L, -2, &name->len);
            lua_rawset(L, table);
            count++;
        }
        skip_blanks(d);
        more = take(d, ',');
        if (!more && !take(d, '}')) return fail(d, ", or } was expected");
    }
    d->members[d->depth] = (unsigned char)(count < UINT8_MAX ? count : UINT8_MAX);
    value_set_kind(L, KIND_OBJECT); /* so that {} stays one, also when the script takes its members out */
    return true;
}

/* Makes the table at base + 1 of the `count` values above `base`. */
static void flush_elements(lua_State *L, int base, int count, int room) {
    lua_createtable(L, room, 0);
    lua_insert(L, base + 1);
    for (int i = count; i > 0; i--)
        lua_rawseti(L, base + 1, i);
}

static bool decode_array(decoder *d) {
    lua_State *L = d->L;
    int base = lua_gettop(L);
    bool made = false;
    lua_Integer count = 0;
    luaL_checkstack(L, ELEMENTS_WAITING + 8, "JSON");
    skip_blanks(d);
    for (bool more = !take(d, ']'); more;) {
        if (!decode_value(d)) return false;
        count++;
        if (made) {
            lua_rawseti(L, base + 1, count);
        } else if (count == ELEMENTS_WAITING) {
            flush_elements(L, base, ELEMENTS_WAITING, 4 * ELEMENTS_WAITING);
            made = true;
        }
        skip_blanks(d);
        more = take(d, ',');
        if (!more && !take(d, ']')) return fail(d, ", or ] was expected");
    }
    if (!made) flush_elements(L, base, (int)count, (int)count);
    return true;
}

static bool take_word(decoder *d, const char *word) {
    size_t len = strlen(word);
    if ((size_t)(d->end - d->at) < len || memcmp(d->at, word, len) != 0) return false;
    d->at += len;
    return true;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
static bool decode_value(decoder *d) {
    skip_blanks(d);
    if (d->at == d->end) return fail(d, d->begin == d->end ? "the text is empty" : "the text ends too early");
    switch (*d->at) {
    case '{':
    case '[': {
        if (++d->depth > JSON_DEPTH_MAX) return fail(d, "nested deeper than 128 levels");
        bool done = *d->at++ == '{' ? decode_object(d) : decode_array(d);
        d->depth--;
        return done;
    }
    case '"': d->at++; return decode_string(d);
    case 't':
    case 'f':
        if (!take_word(d, "true") && !take_word(d, "false")) return fail(d, "a value was expected");
        lua_pushboolean(d->L, d->at[-2] == 'u'); /* tr-u-e, fal-s-e */
        return true;
    case 'n':
        if (!take_word(d, "null")) return fail(d, "a value was expected");
        value_push_null(d->L);
        return true;
    default: return decode_number(d);
    }
}

bool value_decode_json(lua_State *L, span text) {
    int top = lua_gettop(L);
    if (span_starts(text, SPAN("\xEF\xBB\xBF"))) text = span_make(text.data + 3, text.len - 3);
    decoder d = {.L = L, .begin = text.data, .at = text.data, .end = text.data + text.len};
    luaL_checkstack(L, 8, "JSON");
    if (decode_value(&d)) {
        skip_blanks(&d);
        if (d.at == d.end) return true;
        fail(&d, "something follows the value");
    }
    int line = 1;
    const char *line_start = d.begin;
    for (const char *c = d.begin; c < d.at; c++) {
        if (*c != '\n') continue;
        line++;
        line_start = c + 1;
    }
    lua_settop(L, top);
    lua_pushfstring(L, "line %d, column %d: %s", line, (int)(d.at - line_start) + 1, d.fault);
    return false;
}
