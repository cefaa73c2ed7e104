/* core/script/host.c: see host.h. */
#include "core/script/host.h"

#include "core/base/memory.h"
#include "core/script/coverage.h"
#include "core/script/environment.h"
#include "core/script/host_internal.h"
#include "core/script/library.h"
#include "core/script/message.h"
#include "core/script/mocks.h"
#include "core/script/result.h"
#include "core/script/sandbox.h"
#include "edi/schema.h"

#include <stdlib.h>

enum {
    COLLECT_AFTER_RUNS = 64,
    COLLECT_AFTER_BYTES = 1024 * 1024,     /* of payloads */
    COLLECT_ABOVE_BYTES = 4 * 1024 * 1024, /* that the state holds */
    WARM_BYTES_MAX = 4 * 1024 * 1024       /* a state that holds more after it is not kept */
};

error *script_host_new(const script_services *services, script_host **out) {
    script_host *host = xcalloc(1, sizeof *host);
    host->services = *services;
    host->chunks = chunk_cache_new();
    host->schemas = host->built_in = edi_library_new();
    *out = host;
    return NULL;
}

static void free_warm(warm_state *state) {
    sandbox_free(state->box);
    free(state->key);
    *state = (warm_state){.key = NULL};
}

void script_host_free(script_host *host) {
    if (!host) return;
    for (size_t i = 0; i < WARM_MAX; i++)
        free_warm(&host->warm[i]);
    chunk_cache_free(host->chunks);
    edi_library_free(host->built_in);
    free(host);
}

void script_host_use_schemas(script_host *host, edi_library *library) {
    host->schemas = library ? library : host->built_in;
}

void script_host_cool(script_host *host) {
    for (size_t i = 0; i < WARM_MAX; i++)
        free_warm(&host->warm[i]);
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
    span source;
    const char *hash; /* NULL: unknown */
    bool reused;      /* the state served another run before */
    bool reseed;
    script_outcome *out;
} run;

/* Pushes the function of the script's module; false when the module has none of that name. */
static bool push_function(lua_State *L, const run *r) {
    const sandbox *box = sandbox_of(L);
    library_push_script(L, box->script, r->source, r->hash);
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

/* Undoes a math.randomseed of the run before. */
static void seed_anew(lua_State *L) {
    environment_push_library(L);
    lua_getfield(L, -1, "math");
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, sandbox_of(L)->cpu_end_ns); /* without arguments it takes the second of the day */
    lua_call(L, 1, 0);
    lua_pop(L, 2);
    sandbox_of(L)->seeded = false;
}

static int run_function(lua_State *L) {
    run *r = lua_touserdata(L, 1);
    bool translate = strcmp(r->function, "translate") == 0;
    if (r->reused) environment_renew(L);
    if (r->reseed) seed_anew(L);
    if (!push_function(L, r)) {
        if (translate) sandbox_error(L, "the script %s has no function translate(message)", sandbox_of(L)->script);
        json_object_set_new(r->out->result, "passed", json_true());
        json_object_set_new(r->out->result, "absent", json_true());
        return 0;
    }
    lua_Debug told;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">S", &told);
    message_push(L, r->function);
    lua_call(L, 1, 1);
    if (told.linedefined > 0 && told.source[0] == '@')
        snprintf(sandbox_of(L)->function_place, SCRIPT_PLACE_SIZE, "%s:%d", told.source + 1, told.linedefined);
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

/* ---- states that are used again ---- */

/* A state of these limits that ran this version before, taken out of the host; NULL: there is none. */
static sandbox *take_warm(script_host *host, const char *key, warm_state *kept) {
    for (size_t i = 0; i < WARM_MAX; i++) {
        warm_state *state = &host->warm[i];
        if (!state->key || strcmp(state->key, key) != 0) continue;
        *kept = *state;
        *state = (warm_state){.key = NULL};
        return kept->box;
    }
    return NULL;
}

/* Garbage is collected now and then, in between: a small run ends before the collector would begin. The views of EDI
 * documents and what else lies outside of Lua's memory goes with it. */
static void keep_warm(script_host *host, warm_state *take, size_t payload_bytes) {
    warm_state *place = &host->warm[0];
    take->runs++;
    take->bytes += payload_bytes;
    take->used_at = ++host->runs;
    take->box->call = NULL;
    take->box->payload = (span){NULL, 0};
    lua_settop(take->box->L, 0);
    if (take->runs >= COLLECT_AFTER_RUNS || take->bytes >= COLLECT_AFTER_BYTES ||
        take->box->memory_used > COLLECT_ABOVE_BYTES) {
        lua_gc(take->box->L, LUA_GCCOLLECT);
        take->runs = take->bytes = 0;
    }
    if (take->box->memory_used > WARM_BYTES_MAX) {
        free_warm(take);
        return;
    }
    for (size_t i = 0; i < WARM_MAX && place->key; i++) {
        if (!host->warm[i].key || host->warm[i].used_at < place->used_at) place = &host->warm[i];
    }
    free_warm(place);
    *place = *take;
}

/* The run is over for now: whatever it did besides does not count, its log neither. Takes `failure`. */
static error *wait_for_answers(run *r, sandbox *box, error *failure, json_t **rejected) {
    error_free(failure);
    json_decref(*rejected);
    *rejected = NULL;
    drop_results(r->out);
    json_object_set(r->out->result, "calls", box->wanted);
    json_object_set_new(r->out->result, "log", json_array());
    json_object_del(r->out->result, "respond");
    json_object_del(r->out->result, "passed");
    return NULL;
}

/* Runs in a fresh state, or in one that this version of the script left in order. */
static error *run_in_sandbox(
    script_host *host, const json_t *call, span payload, run *r, const char *version, json_t **rejected) {
    const sandbox_limits limits = limits_of(call);
    warm_state state = {.key = NULL};
    if (r->hash && take_warm(host, version, &state)) {
        r->reused = true;
        r->reseed = state.box->seeded;
        sandbox_reuse(state.box, &limits);
    } else {
        error *err = sandbox_new(&host->services, host->chunks, &limits, &state.box);
        if (err) return err;
        state.key = xstrdup(version);
    }
    sandbox *box = state.box;
    box->script = json_get_text(call, "script", "");
    box->call = call;
    box->payload = payload;
    box->schemas = host->schemas;
    box->coverage = host->coverage;
    error *err = sandbox_call(box, run_function, r, rejected);
    json_object_set(r->out->result, "log", box->log);
    if (box->wanted) err = wait_for_answers(r, box, err, rejected);
    if (err || !r->hash || box->out_of_time)
        free_warm(&state);
    else
        keep_warm(host, &state, payload.len);
    return err;
}

/* The text is asked for only when the version that the call names is not compiled yet. */
static error *find_source(script_host *host, const json_t *call, const char *script, run *r) {
    const char *hash = json_get_text(call, "hash", NULL);
    if (hash) {
        char *chunk = xasprintf("%s.lua", script);
        if (chunk_cache_has(host->chunks, chunk, hash)) r->hash = hash;
        free(chunk);
        if (r->hash) return NULL;
    }
    error *err = host->services.source(host->services.context, script, &r->source, &r->hash);
    if (!err || error_code_of(err) != ERROR_NOT_FOUND) return err;
    error_free(err);
    return error_new(ERROR_INVALID, "there is no script '%s'", script);
}

static error *run_once(script_host *host, const json_t *call, span payload, script_outcome *out) {
    *out = (script_outcome){.result = json_object()};
    json_object_set_new(out->result, "results", json_array());
    json_object_set_new(out->result, "log", json_array());
    run r = {.function = json_get_text(call, "function", "translate"), .out = out};
    const char *script = json_get_text(call, "script", NULL);
    if (!script) return error_new(ERROR_INVALID, "the call names no script");
    if (strcmp(r.function, "translate") != 0 && strcmp(r.function, "request") != 0 &&
        strcmp(r.function, "response") != 0)
        return error_new(
            ERROR_INVALID, "scripts have the functions translate, request and response, not '%s'", r.function);
    json_t *rejected = NULL;
    error *err = find_source(host, call, script, &r);
    if (err) return err;
    char *version = xasprintf("%s@%s", script, r.hash ? r.hash : "");
    json_put_text(out->result, "script", version);
    err = run_in_sandbox(host, call, payload, &r, version, &rejected);
    if (err || rejected) drop_results(out);
    if (rejected) json_object_set_new(out->result, "rejected", rejected);
    free(version);
    return err;
}

static void note_called(json_t *called, const json_t *requests, const json_t *answers) {
    static const char *const told[] = {"connection", "method", "path", "status", "error"};
    for (size_t i = 0; i < json_array_size(answers); i++) {
        json_t *one = json_object(), *sent = json_object_get(json_array_get(requests, i), "body");
        for (size_t k = 0; k < sizeof told / sizeof *told; k++) {
            json_t *value = json_object_get(json_array_get(answers, i), told[k]);
            if (value) json_object_set(one, told[k], value);
        }
        if (sent && !json_is_null(sent)) json_object_set(one, "body", sent);
        json_array_append_new(called, one);
    }
}

/* Again from its beginning, with answers of the mocks, until it asks for none. It ends: the calls are counted. */
static error *run_with_mocks(
    script_host *host, const json_t *call, const json_t *mocks, span payload, script_outcome *out) {
    json_t *head = json_copy((json_t *)(uintptr_t)call), *answers = json_array(), *called = json_array();
    error *err = NULL;
    json_object_set(head, "answers", answers);
    for (bool waits = true; waits && !err;) {
        script_outcome_free(out);
        err = run_once(host, head, payload, out);
        json_t *requests = json_get_array(out->result, "calls");
        waits = !err && json_array_size(requests) > 0;
        if (!waits) continue;
        json_t *more = mocks_answers(mocks, requests);
        note_called(called, requests, more);
        json_array_extend(answers, more);
        json_decref(more);
    }
    if (json_array_size(called) > 0) json_object_set(out->result, "called", called);
    json_decref(called);
    json_decref(answers);
    json_decref(head);
    return err;
}

error *script_run(script_host *host, const json_t *call, span payload, script_outcome *out) {
    const json_t *given = json_object_get(call, "mocks");
    json_t *mocks = NULL;
    if (!given) return run_once(host, call, payload, out);
    *out = (script_outcome){.result = json_object()};
    error *err = mocks_read(given, &mocks);
    if (!err) err = run_with_mocks(host, call, mocks, payload, out);
    json_decref(mocks);
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
