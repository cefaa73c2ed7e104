/* core/script/lua_connection.c: the module `connection.core` under lib/connection.lua: calls of back-ends by the names
 * of their connections.
 *
 * A translator reaches nothing and waits for nothing. A run that wants answers which the call does not hold yet ends
 * there, with what it wants ("calls" in the outcome); the desk asks, all of a batch at the same time, and the script
 * runs again from its beginning, with the answers so far in its call. So a slow back-end holds no worker, and a script
 * that computes for an hour between two calls is still held by its limits. Scripts are the same each time: they see
 * nothing but the message and the answers. One that asks otherwise the second time is an error.
 */
#include "core/base/base64.h"
#include "core/script/library.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

enum { CALLS_MAX = 32, ANSWER_BYTES_MAX = 16 * 1024 * 1024 };

/* Where nothing is sent, and nobody said what may be called, nothing is forbidden (mocks.h). */
static bool is_allowed(const json_t *call, const char *name) {
    const json_t *allowed = json_get_array(call, "connections");
    if (!allowed && json_object_get(call, "mocks")) return true;
    for (size_t i = 0; i < json_array_size(allowed); i++) {
        const char *one = json_string_value(json_array_get(allowed, i));
        if (one && strcmp(one, name) == 0) return true;
    }
    return false;
}

/* Each request names a connection that the flow or endpoint lets its script call (LU-17). */
static void check_requests(lua_State *L, json_t *requests) {
    const sandbox *box = sandbox_of(L);
    for (size_t i = 0; i < json_array_size(requests); i++) {
        const char *name = json_get_text(json_array_get(requests, i), "connection", "");
        if (is_allowed(box->call, name)) continue;
        lua_pushstring(L, name);
        json_decref(requests);
        sandbox_error(L,
            "the connection '%s' is none that this script may call; the flow or endpoint lists them in `calls`",
            lua_tostring(L, -1));
    }
}

static bool is_same(const json_t *request, const json_t *answer) {
    static const char *const members[] = {"connection", "method", "path"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (strcmp(json_get_text(request, members[i], ""), json_get_text(answer, members[i], "")) != 0) return false;
    }
    return true;
}

/* Pushes {status, content_type, headers, body} or {error}. */
static void push_answer(lua_State *L, const json_t *answer) {
    buf *body = value_new_buf(L, ANSWER_BYTES_MAX);
    value_push_jansson(L, answer);
    const char *base64 = json_get_text(answer, "body", "");
    if (!base64_read(span_of(base64), body)) sandbox_error(L, "an answer came damaged");
    lua_pushlstring(L, buf_text(body), body->len);
    buf_free(body);
    lua_setfield(L, -2, "body");
    lua_remove(L, -2);
}

/* perform(requests as JSON) → a list of answers, when all of them are there; else this run is over. */
static int perform(lua_State *L) {
    sandbox *box = sandbox_of(L);
    span text;
    text.data = luaL_checklstring(L, 1, &text.len);
    json_t *requests = NULL;
    error *err = json_parse(text, &requests);
    if (err) sandbox_raise(L, err);
    if (!json_is_array(requests)) {
        json_decref(requests);
        return luaL_error(L, "a list of requests was expected");
    }
    check_requests(L, requests);
    const json_t *answers = json_get_array(box->call, "answers");
    size_t count = json_array_size(requests), there = json_array_size(answers);
    if (box->answered + count > CALLS_MAX) {
        json_decref(requests);
        return luaL_error(L, "a script may make %d calls for one message", CALLS_MAX);
    }
    if (box->answered >= there && count > 0) {
        json_decref(box->wanted);
        box->wanted = requests;
        lua_pushliteral(L, "the answers of other systems are waited for");
        return lua_error(L);
    }
    bool same = box->answered + count <= there;
    for (size_t i = 0; i < count && same; i++)
        same = is_same(json_array_get(requests, i), json_array_get(answers, box->answered + i));
    json_decref(requests);
    if (!same) return luaL_error(L, "the script called other systems otherwise when it ran first");
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push_answer(L, json_array_get(answers, box->answered + i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    box->answered += count;
    return 1;
}

int library_connection(lua_State *L) {
    static const luaL_Reg functions[] = {{"perform", perform}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
