/* core/script/json_encode.c: Lua values to JSON text; see values.h.
 *
 * Members are sorted by name, so that the same value gives the same text. No code of a script runs here, so that tables
 * stay as they are while they are walked.
 */
#include "core/base/memory.h"
#include "core/script/json_text.h"
#include "core/script/lua_edi.h"
#include "core/script/values.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES_MAX = 4096, FEW_MEMBERS = 32 };

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

/* Behind the plain beginning of a string: what must be escaped is. */
static void add_escaped(buf *b, span text) {
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    bool high;
    while (text.len > 0) {
        size_t run = json_plain_length(text, false, &high);
        buf_add(b, span_make(text.data, run));
        if (run == text.len) return;
        unsigned char c = (unsigned char)text.data[run];
        const char *known = c ? strchr(plain, c) : NULL;
        if (known)
            buf_printf(b, "\\%c", letters[known - plain]);
        else
            buf_printf(b, "\\u%04x", c);
        text = span_make(text.data + run + 1, text.len - run - 1);
    }
}

/* False, writing nothing, when the text is not UTF-8. */
static bool encode_string(buf *b, span text) {
    bool high;
    size_t plain = json_plain_length(text, false, &high);
    if ((high || plain < text.len) && !span_is_utf8(text)) return false;
    char *room = buf_reserve(b, plain + 2);
    if (!room) return true; /* the overflow is told at the next value */
    *room++ = '"';
    if (plain) memcpy(room, text.data, plain);
    if (plain == text.len) {
        room[plain] = '"';
        buf_grew(b, plain + 2);
        return true;
    }
    buf_grew(b, plain + 1);
    add_escaped(b, span_make(text.data + plain, text.len - plain));
    buf_add_char(b, '"');
    return true;
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

/* ---- lists ---- */

static void encode_element(encoder *e, lua_Integer position) {
    e->path[e->depth - 1] = (step){.name = {NULL, 0}, .position = position};
    if (position > 1) buf_add_char(e->out, ',');
    break_line(e);
    encode_value(e, lua_gettop(e->L));
}

/* The first key, which is a position, and its value are on top. Elements are written as they are met, as long as they
 * are met in order; then the others are counted, and written by position. */
static void encode_list(encoder *e, int table) {
    lua_State *L = e->L;
    lua_Integer written = 0, count = 0, last = 0;
    bool in_order = true;
    buf_add_char(e->out, '[');
    e->depth++;
    do {
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1) {
            e->depth--;
            refuse(e, "mixes names and positions: it is neither a list nor an object");
        }
        lua_Integer position = lua_tointeger(L, -2);
        count++;
        if (position > last) last = position;
        in_order = in_order && position == count;
        if (in_order) encode_element(e, ++written);
        lua_pop(L, 1);
    } while (lua_next(L, table));
    if (last != count) {
        for (last = 1; lua_rawgeti(L, table, last) != LUA_TNIL; last++)
            lua_pop(L, 1);
        e->depth--;
        sandbox_error(L, "json: %s is a list with a hole: element %I is nil", push_path(e), last);
    }
    while (written < count) {
        lua_rawgeti(L, table, ++written);
        encode_element(e, written);
        lua_pop(L, 1);
    }
    e->depth--;
    break_line(e);
    buf_add_char(e->out, ']');
}

/* ---- objects ---- */

/* The name's bytes belong to the table; the value lies on the stack at `value`, 0: it is looked up. */
typedef struct member {
    span name;
    int value;
} member;

static int compare_members(const void *a, const void *b) {
    const member *left = a, *right = b;
    size_t len = left->name.len < right->name.len ? left->name.len : right->name.len;
    int order = memcmp(left->name.data, right->name.data, len);
    return order ? order : left->name.len < right->name.len ? -1 : left->name.len > right->name.len;
}

static void sort_few(member *members, size_t count) {
    for (size_t i = 1; i < count; i++) {
        member taken = members[i];
        size_t at = i;
        for (; at > 0 && compare_members(&members[at - 1], &taken) > 0; at--)
            members[at] = members[at - 1];
        members[at] = taken;
    }
}

static void encode_members(encoder *e, int table, const member *members, size_t count) {
    lua_State *L = e->L;
    step *here = &e->path[e->depth];
    buf_add_char(e->out, '{');
    e->depth++;
    for (size_t i = 0; i < count; i++) {
        *here = (step){.name = members[i].name, .position = 0};
        if (i > 0) buf_add_char(e->out, ',');
        break_line(e);
        if (!encode_string(e->out, members[i].name)) refuse(e, "has a name that is not UTF-8");
        buf_add(e->out, e->indent ? SPAN(": ") : SPAN(":"));
        if (members[i].value) {
            encode_value(e, members[i].value);
            continue;
        }
        lua_pushlstring(L, members[i].name.data, members[i].name.len);
        lua_rawget(L, table);
        encode_value(e, lua_gettop(L));
        lua_pop(L, 1);
    }
    e->depth--;
    break_line(e);
    buf_add_char(e->out, '}');
}

static span member_name(encoder *e) {
    span name;
    if (lua_type(e->L, -2) != LUA_TSTRING) refuse(e, "mixes names and positions: it is neither a list nor an object");
    name.data = lua_tolstring(e->L, -2, &name.len);
    return name;
}

static void encode_many(encoder *e, int table) {
    lua_State *L = e->L;
    size_t count = 0, room = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
        room++;
    member *members = lua_newuserdatauv(L, room * sizeof *members, 0);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
        members[count++] = (member){.name = member_name(e)};
    qsort(members, count, sizeof *members, compare_members);
    encode_members(e, table, members, count);
    lua_pop(L, 1);
}

/* The first key, which is a name, and its value are on top. The values of the first members gather below the key. */
static void encode_object(encoder *e, int table) {
    lua_State *L = e->L;
    member few[FEW_MEMBERS] __attribute__((uninitialized)); /* filled as far as it is counted */
    int base = lua_gettop(L) - 2;
    size_t count = 0;
    luaL_checkstack(L, FEW_MEMBERS + 8, "JSON");
    do {
        if (count == FEW_MEMBERS) {
            lua_settop(L, base);
            encode_many(e, table);
            return;
        }
        few[count++] = (member){.name = member_name(e), .value = lua_gettop(L) - 1};
        lua_insert(L, -2);
    } while (lua_next(L, table));
    sort_few(few, count);
    encode_members(e, table, few, count);
    lua_settop(L, base);
}

/* ---- values ---- */

static void encode_table(encoder *e, int table) {
    lua_State *L = e->L;
    if (e->depth >= JSON_DEPTH_MAX) refuse(e, "is nested deeper than 128 levels; does it contain itself?");
    lua_pushnil(L);
    if (!lua_next(L, table)) {
        bool object = value_is_kind(L, table, KIND_OBJECT) || value_is_kind(L, table, KIND_HEADERS);
        buf_add(e->out, object ? SPAN("{}") : SPAN("[]"));
    } else if (lua_isinteger(L, -2))
        encode_list(e, table);
    else
        encode_object(e, table);
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
        if (!encode_string(e->out, text)) refuse(e, "is a text that is not UTF-8 (text.from_latin1 converts)");
        return;
    }
    case LUA_TLIGHTUSERDATA:
        if (!value_is_null(L, index)) refuse(e, "cannot stand in JSON");
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
        if (!box && edi_encode_json(L, index, e->indent, e->out)) return;
        if (!box) break;
        memcpy(&value, box, sizeof value);
        buf_add_text(e->out, decimal_text(value, digits));
        return;
    }
    default: break;
    }
    if (!value_push_text(L, index)) {
        char words[64];
        snprintf(words, sizeof words, "is a%s %s, which cannot stand in JSON",
            strncmp(value_type_name(L, index), "EDI", 3) == 0 ? "n" : "",
            lua_type(L, index) == LUA_TNUMBER ? "NaN or infinity" : value_type_name(L, index));
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
