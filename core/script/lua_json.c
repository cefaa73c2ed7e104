/* core/script/lua_json.c: the module `json`, and JSON as messages and results hold it.
 *
 *   json.decode(text)   json.encode(value)   json.encode(value, {indent = 2})
 *   json.null   json.array(t)   json.object(t)
 *
 * Numbers never lose a digit: whole ones are Lua integers (beyond 64 bits: decimals), all others decimals. Written by
 * hand on Lua's stack rather than through jansson, which would turn 19.99 into a double and copy everything twice.
 */
#include "core/script/library.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

#include <stdio.h>
#include <stdlib.h>

static char null_key, object_key, array_key; /* names in the registry: metatables that mark a table's kind */

/* ---- decoding ---- */

typedef struct decoder {
    lua_State *L;
    const char *begin, *at, *end;
    int depth;
    const char *fault; /* static text; NULL while all is well */
} decoder;

void value_push_null(lua_State *L) {
    lua_pushlightuserdata(L, &null_key);
}

/* Values are made before a script asks for the module, and often it never does: the first mark makes its metatable. */
static void mark(lua_State *L, char *key) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 1);
        lua_pushstring(L, key == &array_key ? "array" : "object");
        lua_setfield(L, -2, "__metatable");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, key);
    }
    lua_setmetatable(L, -2);
}

static bool is_marked(lua_State *L, int index, void *key) {
    if (!lua_getmetatable(L, index)) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, key);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

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
    while (d->at < d->end && *d->at != '"' && *d->at != '\\' && (unsigned char)*d->at >= 0x20)
        d->at++;
    if (d->at < d->end && *d->at == '"') {
        span text = span_make(from, (size_t)(d->at - from));
        if (!span_is_utf8(text)) {
            d->at = from;
            return fail(d, "a string is not valid UTF-8");
        }
        lua_pushlstring(d->L, text.data, text.len);
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

static bool decode_number(decoder *d) {
    const char *from = d->at;
    bool whole = true;
    take(d, '-');
    if (take(d, '0')) {
        if (d->at < d->end && *d->at >= '0' && *d->at <= '9') return fail(d, "a number starts with a zero");
    } else if (!take_digits(d)) {
        return fail(d, "a value was expected");
    }
    if (take(d, '.')) {
        whole = false;
        if (!take_digits(d)) return fail(d, "a number ends with its point");
    }
    if (take(d, 'e') || take(d, 'E')) {
        whole = false;
        if (!take(d, '-')) take(d, '+');
        if (!take_digits(d)) return fail(d, "a number ends inside its exponent");
    }
    span text = span_make(from, (size_t)(d->at - from));
    int64_t integer;
    if (whole && span_to_i64(text, INT64_MIN, INT64_MAX, &integer)) {
        lua_pushinteger(d->L, integer);
        return true;
    }
    decimal exact;
    error *err = decimal_parse(text, &exact);
    if (err) {
        error_free(err);
        d->at = from;
        return fail(d, "a number has more than 36 digits");
    }
    value_push_decimal(d->L, exact);
    return true;
}

static bool decode_value(decoder *d);

/* The first members or elements wait on Lua's stack, so that the table is made in its size: most are small. */
enum { WAITING_MAX = 24 };

/* Makes the table at base + 1 of the `count` pairs above `base`; `names` are their places in the text. */
static bool flush_members(decoder *d, int base, int count, const char *const *names, int room) {
    lua_State *L = d->L;
    lua_createtable(L, 0, room);
    lua_insert(L, base + 1);
    for (int i = 0; i < count; i++) {
        int name = base + 2 + 2 * i;
        lua_pushvalue(L, name);
        if (lua_rawget(L, base + 1) != LUA_TNIL) {
            d->at = names[i];
            return fail(d, "a member stands there twice");
        }
        lua_pop(L, 1);
        lua_pushvalue(L, name);
        lua_pushvalue(L, name + 1);
        lua_rawset(L, base + 1);
    }
    lua_settop(L, base + 1);
    return true;
}

static bool decode_member_name(decoder *d, int table) {
    skip_blanks(d);
    const char *name_at = d->at;
    if (!take(d, '"')) return fail(d, "a member's name was expected");
    if (!decode_string(d)) return false;
    skip_blanks(d);
    if (!take(d, ':')) return fail(d, ": was expected after a member's name");
    if (!table) return true;
    lua_pushvalue(d->L, -1);
    if (lua_rawget(d->L, table) != LUA_TNIL) {
        d->at = name_at;
        return fail(d, "a member stands there twice");
    }
    lua_pop(d->L, 1);
    return true;
}

/* Member names must differ. A null member is left out, so that `if order.ship_to then` means what it says. */
static bool decode_object(decoder *d) {
    lua_State *L = d->L;
    const char *names[WAITING_MAX] = {NULL};
    int base = lua_gettop(L), table = 0, waiting = 0;
    skip_blanks(d);
    for (bool more = !take(d, '}'); more;) {
        skip_blanks(d);
        const char *name_at = d->at;
        if (!decode_member_name(d, table) || !decode_value(d)) return false;
        if (lua_islightuserdata(L, -1)) {
            lua_pop(L, 2);
        } else if (table) {
            lua_rawset(L, table);
        } else {
            names[waiting++] = name_at;
            if (waiting == WAITING_MAX) {
                if (!flush_members(d, base, waiting, names, 4 * WAITING_MAX)) return false;
                table = base + 1;
            }
        }
        skip_blanks(d);
        more = take(d, ',');
        if (!more && !take(d, '}')) return fail(d, ", or } was expected");
    }
    if (!table && !flush_members(d, base, waiting, names, waiting)) return false;
    if (!table && waiting == 0) mark(L, &object_key);
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
    skip_blanks(d);
    for (bool more = !take(d, ']'); more;) {
        if (!decode_value(d)) return false;
        count++;
        if (made) {
            lua_rawseti(L, base + 1, count);
        } else if (count == WAITING_MAX) {
            flush_elements(L, base, WAITING_MAX, 4 * WAITING_MAX);
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
    luaL_checkstack(d->L, 8, "JSON");
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
    library_require(L, "json"); /* the marks exist from here on */
    lua_pop(L, 1);
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

/* ---- encoding ---- */

enum { PATH_BYTES_MAX = 4096, FEW_NAMES = 16 };

/* A step of the path to the value in hand: a member's name, or a position where the name has no data. */
typedef struct step {
    span name;
    lua_Integer position;
} step;

typedef struct encoder {
    lua_State *L;
    buf *out;
    int indent, depth;
    step path[JSON_DEPTH_MAX + 1]; /* for errors: "/lines/3/price" */
} encoder;

static void encode_value(encoder *e, int index);

static void add_integer(buf *out, lua_Integer value) {
    char digits[24];
    size_t at = sizeof digits;
    lua_Unsigned rest = value < 0 ? 0 - (lua_Unsigned)value : (lua_Unsigned)value;
    do
        digits[--at] = (char)('0' + (int)(rest % 10));
    while (rest /= 10);
    if (value < 0) digits[--at] = '-';
    buf_add(out, span_make(digits + at, sizeof digits - at));
}

static void encode_string(buf *b, span text) {
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    size_t from = 0;
    buf_add_char(b, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) continue;
        buf_add(b, span_make(text.data + from, i - from));
        from = i + 1;
        const char *known = c ? strchr(plain, c) : NULL;
        if (known)
            buf_printf(b, "\\%c", letters[known - plain]);
        else
            buf_printf(b, "\\u%04x", c);
    }
    buf_add(b, span_make(text.data + from, text.len - from));
    buf_add_char(b, '"');
}

static void break_line(encoder *e) {
    if (e->indent == 0) return;
    buf_add_char(e->out, '\n');
    for (int i = 0; i < e->depth * e->indent; i++)
        buf_add_char(e->out, ' ');
}

/* Pushes the path to the value in hand. */
static const char *push_path(const encoder *e) {
    buf *path = value_new_buf(e->L, PATH_BYTES_MAX);
    for (int i = 0; i < e->depth && !path->overflow; i++) {
        buf_add_char(path, '/');
        if (e->path[i].name.data)
            buf_add(path, e->path[i].name);
        else
            buf_printf(path, "%lld", (long long)e->path[i].position);
    }
    lua_pushlstring(e->L, path->len ? buf_text(path) : "the value", path->len ? path->len : strlen("the value"));
    return lua_tostring(e->L, -1);
}

/* Raises an error that names the place in the value. */
static void refuse(encoder *e, const char *what) {
    sandbox_error(e->L, "json: %s %s", push_path(e), what);
}

static void encode_array(encoder *e, int table, lua_Integer count) {
    step *here = &e->path[e->depth];
    buf_add_char(e->out, '[');
    e->depth++;
    for (lua_Integer i = 1; i <= count; i++) {
        *here = (step){.name = {NULL, 0}, .position = i};
        if (i > 1) buf_add_char(e->out, ',');
        break_line(e);
        lua_rawgeti(e->L, table, i);
        encode_value(e, lua_gettop(e->L));
        lua_pop(e->L, 1);
    }
    e->depth--;
    if (count > 0) break_line(e);
    buf_add_char(e->out, ']');
}

static int compare_names(const void *a, const void *b) {
    const span *left = a, *right = b;
    size_t len = left->len < right->len ? left->len : right->len;
    int order = memcmp(left->data, right->data, len);
    return order ? order : left->len < right->len ? -1 : left->len > right->len;
}

/* Most objects have few members. */
static void sort_names(span *names, size_t count) {
    if (count > FEW_NAMES) {
        qsort(names, count, sizeof *names, compare_names);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        span name = names[i];
        size_t at = i;
        for (; at > 0 && compare_names(&names[at - 1], &name) > 0; at--)
            names[at] = names[at - 1];
        names[at] = name;
    }
}

/* The names' bytes belong to the table, which nothing changes meanwhile: no code of the script runs here. */
static void encode_object(encoder *e, int table, size_t count) {
    lua_State *L = e->L;
    span *names = lua_newuserdatauv(L, (count + 1) * sizeof *names, 0);
    size_t filled = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) refuse(e, "mixes names and positions: it is neither a list nor an object");
        names[filled].data = lua_tolstring(L, -2, &names[filled].len);
        if (!span_is_utf8(names[filled])) refuse(e, "has a member name that is not UTF-8");
        filled++;
    }
    sort_names(names, filled);
    step *here = &e->path[e->depth];
    buf_add_char(e->out, '{');
    e->depth++;
    for (size_t i = 0; i < filled; i++) {
        *here = (step){.name = names[i], .position = 0};
        if (i > 0) buf_add_char(e->out, ',');
        break_line(e);
        encode_string(e->out, names[i]);
        buf_add_text(e->out, e->indent ? ": " : ":");
        lua_pushlstring(L, names[i].data, names[i].len);
        lua_rawget(L, table);
        encode_value(e, lua_gettop(L));
        lua_pop(L, 1);
    }
    e->depth--;
    if (filled > 0) break_line(e);
    buf_add_char(e->out, '}');
    lua_pop(L, 1);
}

static void encode_table(encoder *e, int table) {
    lua_State *L = e->L;
    size_t count = 0;
    lua_Integer last = 0;
    bool positions = true;
    if (e->depth >= JSON_DEPTH_MAX) refuse(e, "is nested deeper than 128 levels; does it contain itself?");
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        count++;
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1)
            positions = false;
        else if (lua_tointeger(L, -2) > last)
            last = lua_tointeger(L, -2);
    }
    if (count == 0 ? is_marked(L, table, &object_key) : !positions) {
        encode_object(e, table, count);
        return;
    }
    if ((size_t)last != count) {
        for (last = 1; lua_rawgeti(L, table, last) != LUA_TNIL; last++)
            lua_pop(L, 1);
        sandbox_error(L, "json: %s is a list with a hole: element %I is nil", push_path(e), last);
    }
    encode_array(e, table, last);
}

static void encode_value(encoder *e, int index) {
    lua_State *L = e->L;
    luaL_checkstack(L, 8, "JSON");
    if (e->out->overflow)
        sandbox_error(L, "output limit: the JSON is larger than %I bytes", (lua_Integer)e->out->maximum);
    switch (lua_type(L, index)) {
    case LUA_TNIL: buf_add_text(e->out, "null"); return;
    case LUA_TTABLE: encode_table(e, index); return;
    case LUA_TSTRING: {
        span text;
        text.data = lua_tolstring(L, index, &text.len);
        if (!span_is_utf8(text)) refuse(e, "is a text that is not UTF-8 (text.from_latin1 converts)");
        encode_string(e->out, text);
        return;
    }
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, index) != &null_key) refuse(e, "cannot stand in JSON");
        buf_add_text(e->out, "null");
        return;
    case LUA_TNUMBER:
        if (!lua_isinteger(L, index)) break;
        add_integer(e->out, lua_tointeger(L, index));
        return;
    case LUA_TUSERDATA: {
        const decimal *box = value_decimal(L, index);
        char digits[DECIMAL_TEXT_SIZE];
        decimal value;
        if (!box) break;
        memcpy(&value, box, sizeof value);
        buf_add_text(e->out, decimal_text(value, digits));
        return;
    }
    default: break;
    }
    if (!value_push_text(L, index)) {
        char words[64];
        snprintf(words, sizeof words, "is a %s, which cannot stand in JSON",
            lua_type(L, index) == LUA_TNUMBER ? "NaN or infinity" : luaL_typename(L, index));
        refuse(e, words);
    }
    buf_add_text(e->out, lua_tostring(L, -1));
    lua_pop(L, 1);
}

void value_encode_json(lua_State *L, int index, int indent, buf *out) {
    encoder e = {.L = L, .out = out, .indent = indent};
    encode_value(&e, lua_absindex(L, index));
    if (out->overflow) sandbox_error(L, "output limit: the JSON is larger than %I bytes", (lua_Integer)out->maximum);
}

/* ---- jansson ---- */

/* Recursion is bounded: jansson values come from json_parse, which bounds their depth. */
void value_push_empty_object(lua_State *L) {
    lua_newtable(L);
    mark(L, &object_key);
}

void value_push_jansson(lua_State *L, const json_t *value) {
    luaL_checkstack(L, 8, "JSON");
    size_t i;
    const char *key;
    json_t *member;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        lua_createtable(L, 0, (int)json_object_size(value));
        json_object_foreach((json_t *)value, key, member) {
            if (json_is_null(member)) continue;
            value_push_jansson(L, member);
            lua_setfield(L, -2, key);
        }
        if (json_object_size(value) == 0) mark(L, &object_key); /* so that it is {} when it is written again */
        return;
    case JSON_ARRAY:
        lua_createtable(L, (int)json_array_size(value), 0);
        json_array_foreach(value, i, member) {
            value_push_jansson(L, member);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        return;
    case JSON_STRING: lua_pushlstring(L, json_string_value(value), json_string_length(value)); return;
    case JSON_INTEGER: lua_pushinteger(L, json_integer_value(value)); return;
    case JSON_REAL: lua_pushnumber(L, json_real_value(value)); return;
    case JSON_TRUE: lua_pushboolean(L, true); return;
    case JSON_FALSE: lua_pushboolean(L, false); return;
    case JSON_NULL: value_push_null(L); return;
    }
}

/* ---- the module ---- */

static int decode(lua_State *L) {
    span text;
    text.data = luaL_checklstring(L, 1, &text.len);
    if (value_decode_json(L, text)) return 1;
    return luaL_error(L, "not valid JSON: %s", lua_tostring(L, -1));
}

static int encode(lua_State *L) {
    lua_Integer indent = 0;
    luaL_checkany(L, 1);
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        lua_getfield(L, 2, "indent");
        indent = luaL_optinteger(L, -1, 0);
        luaL_argcheck(L, indent >= 0 && indent <= 8, 2, "indent is 0 to 8");
    }
    buf *out = value_new_buf(L, sandbox_of(L)->limits.output_bytes);
    value_encode_json(L, 1, (int)indent, out);
    value_push_buf(L, out);
    return 1;
}

/* json.array(t), json.object(t): what an empty table becomes. */
static int mark_array(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    mark(L, &array_key);
    return 1;
}

static int mark_object(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    mark(L, &object_key);
    return 1;
}

int library_json(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"decode", decode}, {"encode", encode}, {"array", mark_array}, {"object", mark_object}, {NULL, NULL}};
    luaL_newlib(L, functions);
    value_push_null(L);
    lua_setfield(L, -2, "null");
    return 1;
}
