/* core/script/edi_values.c: see edi_values.h. */
#include "core/script/edi_values.h"

#include "core/script/sandbox.h"
#include "core/script/values.h"
#include "edi/value.h"

enum { PLAIN_DIGITS_MAX = 18 };

/* "BEG03", "NAD02-1" */
static const char *push_name(lua_State *L, const edi_place *p) {
    span tag = edi_view_tag(p->view, p->segment);
    lua_pushlstring(L, tag.data, tag.len);
    lua_pushfstring(L, p->component > 1 ? "%s%s%d-%d" : "%s%s%d", lua_tostring(L, -1), p->element < 10 ? "0" : "",
        (int)p->element, (int)p->component);
    lua_remove(L, -2);
    return lua_tostring(L, -1);
}

/* Rejects with the segment, its position in the document, and the element. */
static int reject_place(lua_State *L, const edi_place *p, const char *words) {
    lua_pushcfunction(L, sandbox_lua_reject);
    push_name(L, p);
    lua_pushfstring(L, " %s", words);
    lua_concat(L, 2);
    lua_createtable(L, 0, 3);
    span tag = edi_view_tag(p->view, p->segment);
    lua_pushlstring(L, tag.data, tag.len);
    lua_setfield(L, -2, "segment");
    lua_pushinteger(L, (lua_Integer)p->segment + 1);
    lua_setfield(L, -2, "position");
    lua_pushinteger(L, (lua_Integer)p->element);
    lua_setfield(L, -2, "element");
    lua_call(L, 2, 0);
    return 0;
}

/* Latin-1 to UTF-8: what is not UTF-8 in an interchange is nearly always that. */
static void push_latin1(lua_State *L, span text) {
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x80) luaL_addchar(&b, (char)(0xC0 | c >> 6));
        luaL_addchar(&b, c >= 0x80 ? (char)(0x80 | (c & 0x3F)) : (char)c);
    }
    luaL_pushresult(&b);
}

/* Pushes a decoded value without the filler at its end; nil when nothing is left. */
bool edi_push_decoded(lua_State *L, span text) {
    text = edi_trim_right(text);
    if (text.len == 0) {
        lua_pushnil(L);
        return false;
    }
    if (span_is_utf8(text))
        lua_pushlstring(L, text.data, text.len);
    else
        push_latin1(L, text);
    return true;
}

/* What was meant by an element without a component: all of it, or the first component where it is a composite. */
static size_t whole_or_first(const edi_place *p) {
    const edi_slot *slot = edi_view_slot(p->view, p->segment, p->element, 0);
    if (slot) return slot->composite ? 1 : 0;
    return edi_view_components(p->view, p->segment, p->element, p->repetition) > 1 ? 1 : 0;
}

static bool push_value(lua_State *L, const edi_place *p) {
    size_t component = p->component ? p->component : whole_or_first(p);
    const edi_delimiters *d = &edi_view_document(p->view)->interchange.delimiters;
    span raw = edi_view_raw_value(p->view, p->segment, p->element, p->repetition, component);
    if (raw.len == 0 || !edi_needs_decoding(d, raw)) return edi_push_decoded(L, raw);
    char *decoded = lua_newuserdatauv(L, raw.len, 0);
    bool found = edi_push_decoded(L, span_make(decoded, edi_decode(d, raw, decoded)));
    lua_remove(L, -2);
    return found;
}

static span top_text(lua_State *L) {
    span text;
    text.data = lua_tolstring(L, -1, &text.len);
    return text;
}

/* The short way for nearly all numbers: up to eighteen digits with at most one mark. False, saying nothing, for the
 * rest. */
static bool read_plain(span raw, int implied, decimal *value) {
    bool negative = raw.len > 0 && raw.data[0] == '-', mark = false;
    int64_t digits = 0;
    int count = 0, fraction = 0;
    for (size_t i = negative; i < raw.len; i++) {
        char c = raw.data[i];
        if ((c == '.' || c == ',') && !mark) {
            mark = true;
            continue;
        }
        if (c < '0' || c > '9' || ++count > PLAIN_DIGITS_MAX) return false;
        digits = digits * 10 + (c - '0');
        fraction += mark;
    }
    *value = (decimal){.coefficient = negative ? -digits : digits, .scale = mark ? fraction : implied};
    return count > 0;
}

/* The long way: what is on top, decoded. */
static bool read_any(lua_State *L, int implied, decimal *value) {
    char digits[EDI_DECIMAL_SIZE];
    if (!edi_decimal(top_text(L), (unsigned)implied, digits)) return false;
    error *err = decimal_parse(span_of(digits), value);
    error_free(err);
    return !err;
}

static int push_number(lua_State *L, const edi_place *p, bool whole_as_integer) {
    decimal value;
    int64_t integer;
    size_t component = p->component ? p->component : whole_or_first(p);
    const edi_slot *slot = edi_view_slot(p->view, p->segment, p->element, component);
    bool whole = slot && slot->element && slot->element->type == EDI_TYPE_INTEGER;
    int implied = whole ? (int)slot->element->decimals : 0;
    if (!read_plain(edi_view_raw_value(p->view, p->segment, p->element, p->repetition, component), implied, &value)) {
        if (!push_value(L, p)) return 1;
        if (!read_any(L, implied, &value))
            return reject_place(L, p, lua_pushfstring(L, "'%s' is not a number", lua_tostring(L, -1)));
    }
    if (whole_as_integer && decimal_to_integer(value, &integer))
        lua_pushinteger(L, integer);
    else
        value_push_decimal(L, value);
    return 1;
}

/* A composite of three such as EDIFACT's C507 (qualifier, value, format), or the value itself. */
static int push_date(lua_State *L, const edi_place *p, bool time) {
    char iso[EDI_DATE_SIZE];
    bool good;
    bool edifact = edi_view_document(p->view)->standard == EDI_EDIFACT;
    if (edifact && !p->component && edi_view_components(p->view, p->segment, p->element, p->repetition) >= 3) {
        edi_place part = *p;
        part.component = 3;
        push_value(L, &part);
        part.component = 2;
        if (!push_value(L, &part)) return 1;
        size_t len = 0;
        const char *format = lua_tolstring(L, -2, &len);
        good = edi_formatted_date(top_text(L), span_make(format ? format : "102", format ? len : 3), iso);
    } else {
        if (!push_value(L, p)) return 1;
        good = time ? edi_iso_time(top_text(L), iso) : edi_iso_date(top_text(L), iso);
    }
    if (!good)
        return reject_place(L, p, lua_pushfstring(L, "'%s' is not a %s", lua_tostring(L, -1), time ? "time" : "date"));
    lua_pushstring(L, iso);
    return 1;
}

static void copy_cut(char *to, size_t size, span text) {
    size_t len = text.len < size ? text.len : size - 1;
    if (len) memcpy(to, text.data, len);
    to[len] = '\0';
}

void edi_note_missing(lua_State *L, span tag, span qualifier, size_t element, size_t position) {
    sandbox_missing *m = &sandbox_of(L)->missing;
    copy_cut(m->tag, sizeof m->tag, tag);
    copy_cut(m->qualifier, sizeof m->qualifier, qualifier);
    m->element = element;
    m->position = position;
}

static int push_wanted(lua_State *L, const edi_place *p, edi_wanted kind) {
    switch (kind) {
    case WANT_TEXT: push_value(L, p); return 1;
    case WANT_NUMBER: return push_number(L, p, true);
    case WANT_DECIMAL: return push_number(L, p, false);
    case WANT_DATE: return push_date(L, p, false);
    case WANT_TIME: return push_date(L, p, true);
    case WANT_NEEDED: return push_value(L, p) ? 1 : reject_place(L, p, "is missing");
    }
    return 0;
}

int edi_push_wanted(lua_State *L, const edi_place *p, edi_wanted kind) {
    int count = push_wanted(L, p, kind);
    if (lua_isnil(L, -1))
        edi_note_missing(L, edi_view_tag(p->view, p->segment), (span){NULL, 0}, p->element, p->segment + 1);
    return count;
}
