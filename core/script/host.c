/* core/script/host.c: see host.h. */
#include "core/script/host.h"

#include "core/base/memory.h"
#include "core/script/coverage.h"
#include "core/script/host_internal.h"
#include "core/script/library.h"
#include "core/script/message.h"
#include "core/script/result.h"
#include "core/script/sandbox.h"
#include "edi/schema.h"

#include <stdlib.h>

error *script_host_new(const script_services *services, script_host **out) {
    script_host *host = xcalloc(1, sizeof *host);
    host->services = *services;
    host->chunks = chunk_cache_new();
    host->schemas = edi_library_new();
    *out = host;
    return NULL;
}

void script_host_free(script_host *host) {
    if (!host) return;
    chunk_cache_free(host->chunks);
    edi_library_free(host->schemas);
    free(host);
}

void script_outcome_free(script_outcome *outcome) {
    json_decref(outcome->result);
    for (size_t i = 0; i < outcome->payload_count; i++)
        buf_free(&outcome->payloads[i]);
    free(outcome->payloads);
    *outcome = (script_outcome){NULL, NULL, 0};
}

typedef struct run {
    const char *function;
    script_outcome *out;
} run;

/* Pushes the function of the script's module; false when the module has none of that name. */
static bool push_function(lua_State *L, const run *r) {
    sandbox *box = sandbox_of(L);
    const char *hash = NULL;
    if (!library_load_script(L, box->script, &hash)) sandbox_error(L, "there is no script '%s'", box->script);
    lua_pushfstring(L, "%s@%s", box->script, hash ? hash : "");
    json_put_text(r->out->result, "script", lua_tostring(L, -1));
    lua_pop(L, 1);
    lua_pushstring(L, box->script);
    lua_call(L, 1, 1);
    if (lua_type(L, -1) != LUA_TTABLE)
        sandbox_error(
            L, "the script %s does not return a table of functions: its last line is `return M`", box->script);
    if (box->coverage) coverage_note_module(box->coverage, L);
    lua_getfield(L, -1, r->function);
    if (lua_isfunction(L, -1)) return true;
    if (!lua_isnil(L, -1))
        sandbox_error(L, "%s.%s is a %s, not a function", box->script, r->function, luaL_typename(L, -1));
    return false;
}

static int run_function(lua_State *L) {
    run *r = lua_touserdata(L, 1);
    bool translate = strcmp(r->function, "translate") == 0;
    if (!push_function(L, r)) {
        if (translate) sandbox_error(L, "the script %s has no function translate(message)", sandbox_of(L)->script);
        json_object_set_new(r->out->result, "passed", json_true());
        return 0;
    }
    message_push(L, r->function);
    lua_call(L, 1, 1);
    bool answered = message_push_answer(L);
    if (!translate && !answered && lua_isnil(L, -1)) json_object_set_new(r->out->result, "passed", json_true());
    result_collect(L, translate ? RESULT_TRANSLATE : RESULT_ENDPOINT, r->out);
    if (answered) json_object_set_new(r->out->result, "respond", json_true());
    return 0;
}

static sandbox_limits limits_of(const json_t *call) {
    const json_t *limits = json_get_object(call, "limits");
    int64_t memory = json_get_integer(limits, "memory_bytes", 0), output = json_get_integer(limits, "output_bytes", 0);
    return (sandbox_limits){
        .time_ms = json_get_integer(limits, "time_ms", 0),
        .memory_bytes = memory > 0 ? (size_t)memory : 0,
        .output_bytes = output > 0 ? (size_t)output : 0,
        .log_lines = json_get_integer(limits, "log_lines", 0),
    };
}

/* The results of a failed or rejected run are not results. */
static void drop_results(script_outcome *out) {
    json_object_set_new(out->result, "results", json_array());
    for (size_t i = 0; i < out->payload_count; i++)
        buf_free(&out->payloads[i]);
    out->payload_count = 0;
}

error *script_run(script_host *host, const json_t *call, span payload, script_outcome *out) {
    *out = (script_outcome){.result = json_object()};
    json_object_set_new(out->result, "results", json_array());
    run r = {.function = json_get_text(call, "function", "translate"), .out = out};
    const char *script = json_get_text(call, "script", NULL);
    if (!script) return error_new(ERROR_INVALID, "the call names no script");
    if (strcmp(r.function, "translate") != 0 && strcmp(r.function, "request") != 0 &&
        strcmp(r.function, "response") != 0)
        return error_new(
            ERROR_INVALID, "scripts have the functions translate, request and response, not '%s'", r.function);
    sandbox_limits limits = limits_of(call);
    sandbox *box = NULL;
    json_t *rejected = NULL;
    error *err = sandbox_new(&host->services, host->chunks, &limits, &box);
    if (err) return err;
    box->script = script;
    box->call = call;
    box->payload = payload;
    box->schemas = host->schemas;
    box->coverage = host->coverage;
    err = sandbox_call(box, run_function, &r, &rejected);
    if (err || rejected) drop_results(out);
    if (rejected) json_object_set_new(out->result, "rejected", rejected);
    json_object_set(out->result, "log", box->log);
    sandbox_free(box);
    return err;
}

typedef struct check {
    const char *chunk;
    span source;
} check;

static int compile_only(lua_State *L) {
    const check *c = lua_touserdata(L, 1);
    sandbox_load(L, c->chunk, c->source, NULL);
    return 0;
}

error *script_check(const char *name, span source) {
    static const script_services none = {0};
    sandbox *box = NULL;
    char *chunk = xasprintf("%s.lua", name);
    check c = {.chunk = chunk, .source = source};
    error *err = sandbox_new(&none, NULL, NULL, &box);
    if (!err) err = sandbox_call(box, compile_only, &c, NULL);
    sandbox_free(box);
    free(chunk);
    return err;
}
