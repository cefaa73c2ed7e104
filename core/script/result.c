/* core/script/result.c: see result.h. */
#include "core/script/result.h"

#include "core/base/memory.h"
#include "core/base/settings.h"
#include "core/script/edi_build.h"
#include "core/script/library.h"
#include "core/script/lua_csv.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

#include <stdio.h>
#include <stdlib.h>

enum { RESULTS_MAX = 10000, TEXT_MAX = 4000, MEMBERS_MAX = 200 };

static const char *const payload_fields[] = {"body", "json", "xml", "csv", "edi"};
static const char *const other_fields[] = {"filename", "content_type", "headers", "status", "to", "vars", "keys"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct collector {
    lua_State *L;
    script_outcome *out;
    result_rules rules;
    int number; /* of the result in hand, from 1; 0 when there is only one */
    int table;  /* its stack index */
    json_t *result;
} collector;

static void refuse(collector *c, const char *field, const char *words) {
    if (c->number > 0) sandbox_error(c->L, "result %d: %s %s", c->number, field, words);
    sandbox_error(c->L, "result: %s %s", field, words);
}

/* ---- the payload ---- */

static buf *add_payload(collector *c) {
    script_outcome *out = c->out;
    size_t used = 0;
    for (size_t i = 0; i < out->payload_count; i++)
        used += out->payloads[i].len;
    out->payloads = xreallocarray(out->payloads, out->payload_count + 1, sizeof *out->payloads);
    buf *payload = &out->payloads[out->payload_count];
    *payload = BUF_MAX(sandbox_of(c->L)->limits.output_bytes - used);
    json_object_set_new(c->result, "payload", json_integer((json_int_t)out->payload_count++));
    return payload;
}

static void collect_xml(collector *c, buf *payload) {
    lua_State *L = c->L;
    size_t len;
    library_require(L, "xml");
    lua_getfield(L, -1, "encode");
    lua_pushvalue(L, -3);
    lua_call(L, 1, 1);
    const char *text = lua_tolstring(L, -1, &len);
    buf_add(payload, span_make(text, len));
    lua_pop(L, 2);
}

/* The value of `field` is on top. */
static void collect_payload(collector *c, const char *field) {
    lua_State *L = c->L;
    const char *content_type = NULL;
    buf *payload = add_payload(c);
    if (strcmp(field, "body") == 0) {
        size_t len;
        if (lua_type(L, -1) != LUA_TSTRING) refuse(c, field, "is not a text; json, xml, csv and edi take tables");
        const char *text = lua_tolstring(L, -1, &len);
        buf_add(payload, span_make(text, len));
    } else if (strcmp(field, "json") == 0) {
        content_type = "application/json";
        value_encode_json(L, -1, 0, payload);
    } else if (strcmp(field, "edi") == 0) {
        content_type = edi_build(L, lua_gettop(L), payload, c->result);
    } else {
        if (lua_type(L, -1) != LUA_TTABLE) refuse(c, field, "is not a table");
        content_type = strcmp(field, "csv") == 0 ? "text/csv" : "application/xml";
        if (strcmp(field, "csv") == 0)
            csv_encode_rows(L, -1, 0, payload);
        else
            collect_xml(c, payload);
    }
    if (payload->overflow)
        sandbox_error(
            L, "output limit: the results are larger than %I bytes", (lua_Integer)sandbox_of(L)->limits.output_bytes);
    if (content_type) json_put_text(c->result, "content_type", content_type);
}

static void collect_payloads(collector *c) {
    const char *found = NULL;
    for (size_t i = 0; i < COUNT(payload_fields); i++) {
        if (lua_getfield(c->L, c->table, payload_fields[i]) != LUA_TNIL) {
            if (found)
                sandbox_error(c->L, "result: has both %s and %s; one result has one payload", found, payload_fields[i]);
            found = payload_fields[i];
            collect_payload(c, found);
        }
        lua_pop(c->L, 1);
    }
    if (!found && c->rules == RESULT_TRANSLATE) refuse(c, "has", "none of body, json, xml, csv, edi");
}

/* ---- the rest ---- */

static bool is_plain(span text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7F) return false;
    }
    return text.len <= TEXT_MAX && span_is_utf8(text);
}

/* The value on top as text that may stand in a row and a header; pops it. */
static void set_text(collector *c, json_t *object, const char *name, const char *field) {
    span text;
    if (!value_push_text(c->L, lua_gettop(c->L))) refuse(c, field, "is not a text or number");
    text.data = lua_tolstring(c->L, -1, &text.len);
    if (!is_plain(text)) refuse(c, field, "is too long, not UTF-8, or holds control characters");
    json_put_span(object, name, text);
    lua_pop(c->L, 2);
}

static bool is_header_name(const char *name) {
    for (const char *at = name; *at; at++) { /* RFC 9110 §5.6.2: token */
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!letter && !strchr("!#$%&'*+-.^_`|~", *at)) return false;
    }
    return *name != '\0';
}

/* headers, vars, keys: a table of texts and numbers by name. */
static void collect_map(collector *c, const char *field) {
    lua_State *L = c->L;
    int kind = lua_getfield(L, c->table, field), count = 0;
    if (kind != LUA_TNIL) {
        if (kind != LUA_TTABLE) refuse(c, field, "is not a table");
        json_t *object = json_object();
        json_object_set_new(c->result, field, object);
        for (lua_pushnil(L); lua_next(L, -2);) {
            if (lua_type(L, -2) != LUA_TSTRING) refuse(c, field, "has an entry without a name");
            const char *name = lua_tostring(L, -2);
            if (strlen(name) != lua_rawlen(L, -2) || !is_plain(span_of(name))) refuse(c, field, "has a bad name");
            if (strcmp(field, "headers") == 0 && !is_header_name(name))
                refuse(c, field, "has a name that no header has");
            if (++count > MEMBERS_MAX) refuse(c, field, "has more than 200 entries");
            char place[80];
            snprintf(place, sizeof place, "%s.%s", field, name);
            set_text(c, object, name, place);
        }
    }
    lua_pop(L, 1);
}

static void collect_text(collector *c, const char *field) {
    if (lua_getfield(c->L, c->table, field) == LUA_TNIL)
        lua_pop(c->L, 1);
    else
        set_text(c, c->result, field, field);
}

static void collect_status(collector *c) {
    int kind = lua_getfield(c->L, c->table, "status");
    if (kind != LUA_TNIL) {
        lua_Integer status = lua_tointeger(c->L, -1);
        if (!lua_isinteger(c->L, -1) || status < 100 || status > 599)
            refuse(c, "status", "is not a number from 100 to 599");
        json_object_set_new(c->result, "status", json_integer(status));
    }
    lua_pop(c->L, 1);
}

static void check_destination(collector *c) {
    const char *to = json_get_text(c->result, "to", NULL);
    json_t *destinations = json_get_array(sandbox_of(c->L)->call, "destinations"), *destination;
    size_t i;
    if (!to || json_array_size(destinations) == 0) return;
    json_array_foreach(destinations, i, destination) {
        if (strcmp(json_get_text(destination, "connection", ""), to) == 0) return;
    }
    refuse(c, "to", "is none of the flow's destinations");
}

static bool is_known(const char *name) {
    for (size_t i = 0; i < COUNT(payload_fields); i++) {
        if (strcmp(payload_fields[i], name) == 0) return true;
    }
    for (size_t i = 0; i < COUNT(other_fields); i++) {
        if (strcmp(other_fields[i], name) == 0) return true;
    }
    return false;
}

static void check_fields(collector *c) {
    lua_State *L = c->L;
    int count = 0;
    for (lua_pushnil(L); lua_next(L, c->table); lua_pop(L, 1), count++) {
        if (lua_type(L, -2) != LUA_TSTRING) refuse(c, "has", "an entry without a name");
        const char *name = lua_tostring(L, -2);
        if (is_known(name)) continue;
        const char *all[COUNT(payload_fields) + COUNT(other_fields)];
        memcpy(all, payload_fields, sizeof payload_fields);
        memcpy(all + COUNT(payload_fields), other_fields, sizeof other_fields);
        const char *near = settings_nearest(name, all, COUNT(all));
        refuse(c, name,
            near ? lua_pushfstring(L, "is unknown; did you mean %s?", near)
                 : "is unknown; a table goes on as JSON with return {json = …}");
    }
    if (count == 0) refuse(c, "is", "an empty table; return nil when nothing goes on");
}

static void collect_one(collector *c) {
    lua_State *L = c->L;
    c->table = lua_gettop(L);
    luaL_checkstack(L, 16, "results");
    c->result = json_object();
    json_array_append_new(json_object_get(c->out->result, "results"), c->result);
    check_fields(c);
    collect_text(c, "to"); /* before the payload: an interchange is addressed to the destination's partner */
    check_destination(c);
    collect_payloads(c);
    collect_text(c, "filename");
    collect_text(c, "content_type");
    collect_map(c, "headers");
    collect_map(c, "vars");
    collect_map(c, "keys");
    collect_status(c);
}

/* A list of results has positions and no names. */
static bool is_list(lua_State *L, int table) {
    bool list = lua_rawgeti(L, table, 1) != LUA_TNIL;
    lua_pop(L, 1);
    return list;
}

void result_collect(lua_State *L, result_rules rules, script_outcome *out) {
    collector c = {.L = L, .out = out, .rules = rules};
    int value = lua_gettop(L);
    json_object_set_new(out->result, "results", json_array());
    if (lua_isnil(L, value)) return;
    if (lua_type(L, value) != LUA_TTABLE)
        sandbox_error(
            L, "the function returned a %s; a result is a table such as {body = \"…\"}", luaL_typename(L, value));
    if (!is_list(L, value)) {
        collect_one(&c);
        return;
    }
    if (rules == RESULT_ENDPOINT) sandbox_error(L, "the function returned a list; an endpoint has one result");
    lua_Unsigned count = lua_rawlen(L, value);
    if (count > RESULTS_MAX) sandbox_error(L, "the function returned more than %d results", RESULTS_MAX);
    for (lua_Unsigned i = 1; i <= count; i++) {
        c.number = (int)i;
        if (lua_rawgeti(L, value, (lua_Integer)i) != LUA_TTABLE)
            sandbox_error(L, "result %d is a %s, not a table", (int)i, luaL_typename(L, -1));
        collect_one(&c);
        lua_settop(L, value);
    }
}
