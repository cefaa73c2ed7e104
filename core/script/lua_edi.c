/* core/script/lua_edi.c: see lua_edi.h.
 *
 *   doc.type, doc.version, doc.control, doc.sender, doc.receiver, doc.keys …
 *   range:segment(tag [, qualifier])            the first such segment of a document or loop, nil when there is none
 *   range:segments(tag [, qualifier])           all of them:  for ref in po:segments("REF") do
 *   range:loops(trigger [, qualifier])          for loop in po:loops("PO1") do … loop:segment("PID") … end
 *   range:loop(trigger [, qualifier])           the first one
 *   range:text(tag, [qualifier,] element [, component [, repetition]])     also number, decimal, date, time, need
 *   range:has(tag [, qualifier])
 *   segment:text(element [, component [, repetition]])                     also number, decimal, date, time, need
 *   segment:qualified(element, qualifier)       the value beside a qualifier
 *   segment:count(), segment:repetitions(element), segment.tag, segment.position
 *
 * The qualifier is what the segment's first element (or the one that its schema names) must say: po:text("REF", "DP",
 * 2). Missing and empty values are nil. A value that is no number or date where one was asked for rejects the message.
 */
#include "core/script/lua_edi.h"

#include "core/base/memory.h"
#include "core/base/settings.h"
#include "core/script/edi_values.h"
#include "core/script/library.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"
#include "edi/document.h"
#include "edi/view.h"

enum { PLACES_MAX = 100000, NAMES_MAX = 20 };

/* The view and what it stands on; never seen by scripts. */
typedef struct holder {
    span file; /* the text that the view looks into */
    edi_documents documents;
    edi_view *view;
    arena *scratch;
} holder;

/* A document or loop; user value 1 is the holder, 2 the table of a document's own fields (nil for loops). */
typedef struct range_handle {
    edi_view *view;
    edi_range range;
} range_handle;

/* User value 1 is the holder. */
typedef struct segment_handle {
    edi_view *view;
    size_t index;
} segment_handle;

static char holder_key, repeated_key; /* names in the registry: metatables */

/* ---- handles ---- */

static int free_holder(lua_State *L) {
    holder *h = lua_touserdata(L, 1);
    edi_view_free(h->view);
    edi_documents_free(&h->documents);
    arena_free(h->scratch);
    *h = (holder){.view = NULL};
    return 0;
}

static holder *new_holder(lua_State *L) {
    holder *h = lua_newuserdatauv(L, sizeof *h, 1);
    *h = (holder){.view = NULL};
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &holder_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, free_holder);
        lua_setfield(L, -2, "__gc");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &holder_key);
    }
    lua_setmetatable(L, -2);
    return h;
}

static void *check_handle(lua_State *L, sandbox_kind kind, const char *words) {
    if (lua_type(L, 1) == LUA_TUSERDATA && value_is_kind(L, 1, kind)) return lua_touserdata(L, 1);
    luaL_error(L, "what belongs to an %s is called with a colon: po:text(\"BEG\", 3), not po.text(\"BEG\", 3)", words);
    return NULL;
}

static range_handle *check_range(lua_State *L) {
    return check_handle(L, KIND_RANGE, "EDI document or loop");
}

static segment_handle *check_segment(lua_State *L) {
    return check_handle(L, KIND_SEGMENT, "EDI segment");
}

/* `owner` is the stack index of a handle whose holder the new one shares. */
static void push_range(lua_State *L, int owner, edi_view *view, edi_range range) {
    owner = lua_absindex(L, owner);
    range_handle *r = lua_newuserdatauv(L, sizeof *r, 2);
    *r = (range_handle){view, range};
    lua_getiuservalue(L, owner, 1);
    lua_setiuservalue(L, -2, 1);
    value_set_kind(L, KIND_RANGE);
}

static void push_segment(lua_State *L, int owner, edi_view *view, size_t index) {
    owner = lua_absindex(L, owner);
    segment_handle *s = lua_newuserdatauv(L, sizeof *s, 1);
    *s = (segment_handle){view, index};
    lua_getiuservalue(L, owner, 1);
    lua_setiuservalue(L, -2, 1);
    value_set_kind(L, KIND_SEGMENT);
}

/* element, component, repetition from argument `first` on. */
static edi_place check_place(lua_State *L, edi_view *view, size_t segment, int first, lua_Integer fallback) {
    lua_Integer element = fallback ? luaL_optinteger(L, first, fallback) : luaL_checkinteger(L, first);
    lua_Integer component = luaL_optinteger(L, first + 1, 0), repetition = luaL_optinteger(L, first + 2, 1);
    luaL_argcheck(L, element >= 1 && element <= PLACES_MAX, first, "elements count from 1");
    luaL_argcheck(L, component >= 0 && component <= PLACES_MAX, first + 1, "components count from 1");
    luaL_argcheck(L, repetition >= 1 && repetition <= PLACES_MAX, first + 2, "repetitions count from 1");
    return (edi_place){view, segment, (size_t)element, (size_t)component, (size_t)repetition};
}

/* ---- finding segments ---- */

/* Does the element that tells segments of one tag apart say `qualifier`? */
static bool has_qualifier(const edi_view *view, size_t segment, span qualifier) {
    const edi_node *node = edi_view_node(view, segment);
    size_t element = span_is(edi_view_tag(view, segment), "HL") ? 3 : 1, component = 1;
    if (node && node->qualifier) {
        element = node->qualifier;
        component = node->qualifier_component ? node->qualifier_component : 1;
    }
    return span_equal(edi_trim_right(edi_view_raw_value(view, segment, element, 1, component)), qualifier);
}

/* From *segment on; `qualifier` without data: any. */
static bool find(const range_handle *r, span tag, span qualifier, size_t *segment) {
    for (; edi_view_find(r->view, r->range, tag, segment); (*segment)++) {
        if (!qualifier.data || has_qualifier(r->view, *segment, qualifier)) return true;
    }
    return false;
}

static span check_tag(lua_State *L, int argument) {
    span tag;
    tag.data = luaL_checklstring(L, argument, &tag.len);
    return tag;
}

/* An optional text argument; a number there is the element. */
static span optional_qualifier(lua_State *L, int argument) {
    span qualifier = {NULL, 0};
    if (lua_type(L, argument) == LUA_TSTRING) qualifier.data = lua_tolstring(L, argument, &qualifier.len);
    return qualifier;
}

static int range_wanted(lua_State *L, edi_wanted kind) {
    range_handle *r = check_range(L);
    span tag = check_tag(L, 2), qualifier = optional_qualifier(L, 3);
    size_t segment = r->range.first;
    int first = qualifier.data ? 4 : 3;
    /* A date beside its qualifier: DTM*002*date; DTM+137:date:102. */
    bool x12 = edi_view_document(r->view)->standard == EDI_X12;
    lua_Integer fallback = kind == WANT_DATE && qualifier.data ? (x12 ? 2 : 1) : 0;
    edi_place p = check_place(L, r->view, 0, first, fallback);
    if (!find(r, tag, qualifier, &segment)) {
        if (kind != WANT_NEEDED) {
            edi_note_missing(L, tag, qualifier, 0, 0);
            lua_pushnil(L);
            return 1;
        }
        lua_pushcfunction(L, sandbox_lua_reject);
        lua_pushfstring(
            L, qualifier.data ? "segment %s %s is missing" : "segment %s is missing", tag.data, qualifier.data);
        lua_createtable(L, 0, 1);
        lua_pushlstring(L, tag.data, tag.len);
        lua_setfield(L, -2, "segment");
        lua_call(L, 2, 0);
    }
    p.segment = segment;
    return edi_push_wanted(L, &p, kind);
}

static int range_text(lua_State *L) {
    return range_wanted(L, WANT_TEXT);
}

static int range_number(lua_State *L) {
    return range_wanted(L, WANT_NUMBER);
}

static int range_decimal(lua_State *L) {
    return range_wanted(L, WANT_DECIMAL);
}

static int range_date(lua_State *L) {
    return range_wanted(L, WANT_DATE);
}

static int range_time(lua_State *L) {
    return range_wanted(L, WANT_TIME);
}

static int range_need(lua_State *L) {
    return range_wanted(L, WANT_NEEDED);
}

static int range_segment(lua_State *L) {
    range_handle *r = check_range(L);
    span tag = check_tag(L, 2), qualifier = optional_qualifier(L, 3);
    size_t segment = r->range.first;
    if (find(r, tag, qualifier, &segment)) {
        push_segment(L, 1, r->view, segment);
    } else {
        edi_note_missing(L, tag, qualifier, 0, 0);
        lua_pushnil(L);
    }
    return 1;
}

static int range_has(lua_State *L) {
    range_handle *r = check_range(L);
    size_t segment = r->range.first;
    lua_pushboolean(L, find(r, check_tag(L, 2), optional_qualifier(L, 3), &segment));
    return 1;
}

/* Upvalues of both iterators: range, tag or trigger, qualifier or nil, where to go on. */
static int next_segment(lua_State *L) {
    range_handle *r = lua_touserdata(L, lua_upvalueindex(1));
    span tag = check_tag(L, lua_upvalueindex(2)), qualifier = optional_qualifier(L, lua_upvalueindex(3));
    size_t segment = (size_t)lua_tointeger(L, lua_upvalueindex(4));
    if (!find(r, tag, qualifier, &segment)) return 0;
    lua_pushinteger(L, (lua_Integer)segment + 1);
    lua_replace(L, lua_upvalueindex(4));
    push_segment(L, lua_upvalueindex(1), r->view, segment);
    return 1;
}

static int next_loop(lua_State *L) {
    range_handle *r = lua_touserdata(L, lua_upvalueindex(1));
    span trigger = check_tag(L, lua_upvalueindex(2)), qualifier = optional_qualifier(L, lua_upvalueindex(3));
    size_t cursor = (size_t)lua_tointeger(L, lua_upvalueindex(4));
    edi_range loop;
    while (edi_view_next_loop(r->view, r->range, trigger, &cursor, &loop)) {
        if (qualifier.data && !has_qualifier(r->view, loop.first, qualifier)) continue;
        lua_pushinteger(L, (lua_Integer)cursor);
        lua_replace(L, lua_upvalueindex(4));
        push_range(L, lua_upvalueindex(1), r->view, loop);
        return 1;
    }
    return 0;
}

static int push_iterator(lua_State *L, lua_CFunction next) {
    range_handle *r = check_range(L);
    luaL_checkstring(L, 2);
    lua_settop(L, 3);
    lua_pushinteger(L, (lua_Integer)r->range.first);
    lua_pushcclosure(L, next, 4);
    return 1;
}

static int range_segments(lua_State *L) {
    return push_iterator(L, next_segment);
}

static int range_loops(lua_State *L) {
    return push_iterator(L, next_loop);
}

static int range_loop(lua_State *L) {
    check_range(L);
    span tag = check_tag(L, 2), qualifier = optional_qualifier(L, 3);
    push_iterator(L, next_loop); /* it keeps tag and qualifier, and stays below its result */
    lua_pushvalue(L, -1);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1)) edi_note_missing(L, tag, qualifier, 0, 0);
    return 1;
}

/* Upvalue 1 has the methods. */
static int no_such_name(lua_State *L, const char *what, const char *name) {
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (lua_pushnil(L); count < NAMES_MAX && lua_next(L, lua_upvalueindex(1)); lua_pop(L, 1))
        names[count++] = lua_tostring(L, -2);
    lua_settop(L, 2);
    const char *near = settings_nearest(name, names, count);
    if (near) return luaL_error(L, "%s has no '%s'; did you mean '%s'?", what, name, near);
    return luaL_error(L, "%s has no '%s'", what, name);
}

static int range_index(lua_State *L) {
    check_range(L);
    const char *name = luaL_checkstring(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    if (lua_getiuservalue(L, 1, 2) != LUA_TTABLE) return no_such_name(L, "a loop", name);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) != LUA_TNIL) return 1;
    return no_such_name(L, "a document", name);
}

/* ---- segments ---- */

static int segment_wanted(lua_State *L, edi_wanted kind) {
    segment_handle *s = check_segment(L);
    edi_place p = check_place(L, s->view, s->index, 2, 0);
    return edi_push_wanted(L, &p, kind);
}

static int segment_text(lua_State *L) {
    return segment_wanted(L, WANT_TEXT);
}

static int segment_number(lua_State *L) {
    return segment_wanted(L, WANT_NUMBER);
}

static int segment_decimal(lua_State *L) {
    return segment_wanted(L, WANT_DECIMAL);
}

static int segment_date(lua_State *L) {
    return segment_wanted(L, WANT_DATE);
}

static int segment_time(lua_State *L) {
    return segment_wanted(L, WANT_TIME);
}

static int segment_need(lua_State *L) {
    return segment_wanted(L, WANT_NEEDED);
}

/* segment:qualified(6, "VP"): PO1*1*…*VP*4711 gives 4711. */
static int segment_qualified(lua_State *L) {
    segment_handle *s = check_segment(L);
    lua_Integer element = luaL_checkinteger(L, 2);
    span qualifier = check_tag(L, 3);
    luaL_argcheck(L, element >= 1 && element <= PLACES_MAX, 2, "elements count from 1");
    lua_getiuservalue(L, 1, 1);
    holder *h = lua_touserdata(L, -1);
    arena_free(h->scratch);
    h->scratch = arena_new(4 * edi_view_raw(s->view, s->index).len + 65536);
    if (!edi_push_decoded(L, edi_view_qualified(s->view, h->scratch, s->index, (size_t)element, qualifier)))
        edi_note_missing(L, edi_view_tag(s->view, s->index), qualifier, (size_t)element, s->index + 1);
    return 1;
}

static int segment_count(lua_State *L) {
    segment_handle *s = check_segment(L);
    lua_pushinteger(L, (lua_Integer)edi_view_elements(s->view, s->index));
    return 1;
}

static int segment_repetitions(lua_State *L) {
    segment_handle *s = check_segment(L);
    lua_Integer element = luaL_checkinteger(L, 2);
    luaL_argcheck(L, element >= 1 && element <= PLACES_MAX, 2, "elements count from 1");
    lua_pushinteger(L, (lua_Integer)edi_view_repetitions(s->view, s->index, (size_t)element));
    return 1;
}

static int segment_index(lua_State *L) {
    segment_handle *s = check_segment(L);
    const char *name = luaL_checkstring(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    if (strcmp(name, "position") == 0) {
        lua_pushinteger(L, (lua_Integer)s->index + 1);
    } else if (strcmp(name, "tag") == 0) {
        span tag = edi_view_tag(s->view, s->index);
        lua_pushlstring(L, tag.data, tag.len);
    } else {
        return no_such_name(L, "a segment", name);
    }
    return 1;
}

static int segment_show(lua_State *L) {
    segment_handle *s = check_segment(L);
    edi_push_decoded(L, edi_view_raw(s->view, s->index));
    return 1;
}

/* ---- documents ---- */

static void set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* Pushes the table of what a document says of itself. */
static void push_fields(lua_State *L, const edi_document *d) {
    lua_createtable(L, 0, 12);
    set_text(L, "standard", edi_standard_name(d->standard));
    set_text(L, "type", d->header.type);
    set_text(L, "version", d->header.version[0] ? d->header.version : d->group.version);
    set_text(L, "control", d->header.control);
    set_text(L, "group_control", d->group.control);
    set_text(L, "interchange_control", d->interchange.control);
    set_text(L, "sender", d->sender);
    set_text(L, "receiver", d->receiver);
    set_text(L, "usage", d->interchange.usage);
    lua_pushboolean(L, d->errors == 0);
    lua_setfield(L, -2, "valid");
    lua_createtable(L, 0, (int)d->key_count);
    for (size_t i = 0; i < d->key_count; i++)
        set_text(L, d->keys[i].name, d->keys[i].value);
    lua_setfield(L, -2, "keys");
}

/* A holder of a text whose bytes live as long as the state or as the value at `anchor` (0: none); pushed. */
static holder *hold(lua_State *L, span file, int anchor) {
    holder *h = new_holder(L);
    h->file = file;
    if (!anchor) return h;
    lua_pushvalue(L, anchor);
    lua_setiuservalue(L, -2, 1);
    return h;
}

/* Replaces the holder on top by the document that it holds the view of. */
static void push_handle(lua_State *L, const holder *h) {
    range_handle *r = lua_newuserdatauv(L, sizeof *r, 2);
    *r = (range_handle){h->view, edi_view_all(h->view)};
    lua_pushvalue(L, -2);
    lua_setiuservalue(L, -2, 1);
    push_fields(L, edi_view_document(h->view));
    lua_setiuservalue(L, -2, 2);
    value_set_kind(L, KIND_RANGE);
    lua_remove(L, -2);
}

/* Pushes document `index` of `file`, below 0: the only one. */
static void push_document(lua_State *L, span file, int anchor, lua_Integer index, bool reject) {
    holder *h = hold(L, file, anchor);
    edi_view_read(file, index < 0 ? 0 : (size_t)index, sandbox_of(L)->schemas, &h->documents, &h->view);
    int count = (int)h->documents.count;
    if (count == 0) {
        const edi_fault *first = &h->documents.first;
        const char *words = first->code == EDI_FAULT_COUNT ? "it holds no document" : first->text;
        if (reject) sandbox_reject(L, "malformed", "", "the body is not readable EDI: %s", words);
        sandbox_error(L, "not readable EDI: %s", words);
    }
    if (index < 0 && count > 1)
        sandbox_error(L, "the file holds %d documents: edi.documents(message.body) gives all", count);
    if (index >= count) sandbox_error(L, "the file holds %d documents, there is no number %d", count, (int)index + 1);
    if (!h->view) sandbox_error(L, "the document is larger than 4 GiB");
    edi_documents_free(&h->documents);
    push_handle(L, h);
}

void edi_push_message(lua_State *L) {
    sandbox *box = sandbox_of(L);
    library_require(L, "edi.core"); /* the metatables exist from here on */
    lua_pop(L, 1);
    push_document(L, box->payload, 0, json_get_integer(json_get_object(box->call, "message"), "document", -1), true);
}

/* decode(text [, number]) */
static int decode(lua_State *L) {
    span file;
    file.data = luaL_checklstring(L, 1, &file.len);
    lua_Integer number = luaL_optinteger(L, 2, 0);
    luaL_argcheck(L, number >= 0 && number <= PLACES_MAX * 100, 2, "documents count from 1");
    push_document(L, file, 1, number - 1, false);
    return 1;
}

/* documents(text): a list of all. The text is read once, and each document once more. */
static int decode_all(lua_State *L) {
    span file;
    file.data = luaL_checklstring(L, 1, &file.len);
    holder *all = hold(L, file, 1);
    edi_documents_read(file, sandbox_of(L)->schemas, NULL, &all->documents);
    int count = (int)all->documents.count;
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        sandbox_check_time(L);
        holder *h = hold(L, file, 1);
        error *err = edi_view_new(file, &all->documents.list[i], sandbox_of(L)->schemas, &h->view);
        if (err) sandbox_raise(L, err);
        push_handle(L, h);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

const edi_document *edi_document_at(lua_State *L, int index, span *file) {
    index = lua_absindex(L, index);
    if (lua_type(L, index) != LUA_TUSERDATA || !value_is_kind(L, index, KIND_RANGE)) return NULL;
    const range_handle *r = lua_touserdata(L, index);
    bool document = lua_getiuservalue(L, index, 2) == LUA_TTABLE;
    lua_getiuservalue(L, index, 1);
    const holder *h = lua_touserdata(L, -1);
    lua_pop(L, 2);
    *file = h->file;
    return document ? edi_view_document(r->view) : NULL;
}

/* Where in the script this was called, "order.lua:12". */
static int caller_place(lua_State *L) {
    char text[SCRIPT_PLACE_SIZE];
    lua_pushstring(L, sandbox_place(L, text));
    return 1;
}

static int mark_repeated(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &repeated_key);
    lua_setmetatable(L, 1);
    return 1;
}

bool edi_is_repeated(lua_State *L, int index) {
    if (!lua_getmetatable(L, index)) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &repeated_key);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

/* Pushes a metatable whose __index finds `methods` first and asks `index` for the rest. */
static void push_metatable(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction index) {
    lua_createtable(L, 0, 4);
    if (index) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_pushcclosure(L, index, 1);
        lua_setfield(L, -2, "__index");
    }
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
}

int library_edi(lua_State *L) {
    static const luaL_Reg range_methods[] = {{"text", range_text}, {"number", range_number}, {"decimal", range_decimal},
        {"date", range_date}, {"time", range_time}, {"need", range_need}, {"segment", range_segment},
        {"segments", range_segments}, {"loops", range_loops}, {"loop", range_loop}, {"has", range_has}, {NULL, NULL}};
    static const luaL_Reg segment_methods[] = {{"text", segment_text}, {"number", segment_number},
        {"decimal", segment_decimal}, {"date", segment_date}, {"time", segment_time}, {"need", segment_need},
        {"qualified", segment_qualified}, {"count", segment_count}, {"repetitions", segment_repetitions}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"decode", decode}, {"documents", decode_all}, {"json", edi_lua_json},
        {"from_json", edi_lua_from_json}, {"place", caller_place}, {"repeated", mark_repeated}, {NULL, NULL}};
    push_metatable(L, "EDI document", range_methods, range_index);
    value_keep_kind(L, KIND_RANGE);
    push_metatable(L, "EDI segment", segment_methods, segment_index);
    lua_pushcfunction(L, segment_show);
    lua_setfield(L, -2, "__tostring");
    value_keep_kind(L, KIND_SEGMENT);
    push_metatable(L, "repeated", NULL, NULL);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &repeated_key);
    luaL_newlib(L, functions);
    return 1;
}
