/* core/script/charset.c: see charset.h. */
#include "core/script/charset.h"

#include "core/script/library.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

#include <stdlib.h>
#include <strings.h>

typedef enum charset_kind { KIND_TABLE, KIND_UTF8, KIND_ASCII, KIND_LATIN1 } charset_kind;

typedef struct coding {
    charset_kind kind;
    const charset *set; /* KIND_TABLE */
} coding;

static const struct {
    const char *alias, *name;
} aliases[] = {{"cp037", "ibm037"}, {"ebcdic", "ibm037"}, {"cp273", "ibm273"}, {"cp500", "ibm500"},
    {"cp1047", "ibm1047"}, {"cp1140", "ibm1140"}, {"cp437", "ibm437"}, {"cp850", "ibm850"}, {"latin2", "iso-8859-2"},
    {"latin9", "iso-8859-15"}, {"cp1250", "windows-1250"}, {"cp1252", "windows-1252"}};

static coding check_coding(lua_State *L, int argument) {
    const char *name = luaL_checkstring(L, argument);
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        if (strcasecmp(aliases[i].alias, name) == 0) name = aliases[i].name;
    }
    if (strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0) return (coding){KIND_UTF8, NULL};
    if (strcasecmp(name, "us-ascii") == 0 || strcasecmp(name, "ascii") == 0) return (coding){KIND_ASCII, NULL};
    if (strcasecmp(name, "iso-8859-1") == 0 || strcasecmp(name, "latin1") == 0) return (coding){KIND_LATIN1, NULL};
    for (const charset *set = charsets; set->name; set++) {
        if (strcasecmp(set->name, name) == 0) return (coding){KIND_TABLE, set};
    }
    luaL_error(L, "the character set '%s' is not known", name);
    return (coding){KIND_UTF8, NULL};
}

static void add_utf8(buf *out, unsigned code) {
    if (code < 0x80) {
        buf_add_char(out, (char)code);
    } else if (code < 0x800) {
        buf_add_char(out, (char)(0xC0 | code >> 6));
        buf_add_char(out, (char)(0x80 | (code & 0x3F)));
    } else {
        buf_add_char(out, (char)(0xE0 | code >> 12));
        buf_add_char(out, (char)(0x80 | (code >> 6 & 0x3F)));
        buf_add_char(out, (char)(0x80 | (code & 0x3F)));
    }
}

/* decode(bytes, name) */
static int decode(lua_State *L) {
    span bytes;
    bytes.data = luaL_checklstring(L, 1, &bytes.len);
    coding how = check_coding(L, 2);
    if (how.kind == KIND_UTF8) {
        if (!span_is_utf8(bytes)) return luaL_error(L, "the text is not UTF-8");
        lua_settop(L, 1);
        return 1;
    }
    buf *out = value_new_buf(L, sandbox_of(L)->limits.output_bytes);
    for (size_t i = 0; i < bytes.len && !out->overflow; i++) {
        unsigned byte = (unsigned char)bytes.data[i], code = byte;
        if (how.kind == KIND_TABLE) code = how.set->characters[byte];
        if ((code == 0 && byte != 0) || (how.kind == KIND_ASCII && byte > 0x7F))
            return luaL_error(L, "byte %d is 0x%s, which is no character of this set", (int)i + 1,
                lua_pushfstring(L, "%c%c", "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]));
        add_utf8(out, code);
    }
    value_push_buf(L, out);
    return 1;
}

/* The code point at *at, which moves behind it; the text is UTF-8. */
static unsigned next_code(span text, size_t *at) {
    unsigned char lead = (unsigned char)text.data[(*at)++];
    unsigned code = lead < 0x80 ? lead : lead < 0xE0 ? lead & 0x1F : lead < 0xF0 ? lead & 0x0F : lead & 0x07;
    for (; *at < text.len && ((unsigned char)text.data[*at] & 0xC0) == 0x80; (*at)++)
        code = code << 6 | ((unsigned char)text.data[*at] & 0x3F);
    return code;
}

static bool find_byte(coding how, unsigned code, char *byte) {
    *byte = (char)code;
    if (how.kind == KIND_ASCII) return code < 0x80;
    if (how.kind == KIND_LATIN1) return code < 0x100;
    for (unsigned i = 0; i < 256; i++) {
        if (how.set->characters[i] != code) continue;
        *byte = (char)i;
        return true;
    }
    return false;
}

/* encode(text, name, substitute) */
static int encode(lua_State *L) {
    span text, substitute = {NULL, 0};
    text.data = luaL_checklstring(L, 1, &text.len);
    coding how = check_coding(L, 2);
    if (!lua_isnoneornil(L, 3)) substitute.data = luaL_checklstring(L, 3, &substitute.len);
    if (!span_is_utf8(text)) return luaL_error(L, "the text is not UTF-8");
    if (how.kind == KIND_UTF8) {
        lua_settop(L, 1);
        return 1;
    }
    buf *out = value_new_buf(L, sandbox_of(L)->limits.output_bytes);
    for (size_t i = 0; i < text.len && !out->overflow;) {
        char byte;
        size_t from = i;
        unsigned code = next_code(text, &i);
        if (find_byte(how, code, &byte)) {
            buf_add_char(out, byte);
            continue;
        }
        if (!substitute.data)
            return luaL_error(L, "'%s' is no character of this set", lua_pushlstring(L, text.data + from, i - from));
        buf_add(out, substitute);
    }
    value_push_buf(L, out);
    return 1;
}

int library_charset(lua_State *L) {
    static const luaL_Reg functions[] = {{"decode", decode}, {"encode", encode}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_newtable(L);
    for (int i = 0; charsets[i].name; i++) {
        lua_pushstring(L, charsets[i].name);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "names");
    return 1;
}
