/* core/script/testing.c: script_test (host.h) and the module `test.core` under lib/test.lua.
 *
 * A test file runs in a sandbox of its own and collects cases; each case then runs with fresh limits. What a case runs
 * of the script goes through script_run, as in the appliance, with services made for tests. Files are read and written
 * below the tests' directory only; where there is none (in a translator) they come with the request.
 */
#include "core/base/base64.h"
#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/map.h"
#include "core/base/memory.h"
#include "core/script/coverage.h"
#include "core/script/host_internal.h"
#include "core/script/library.h"
#include "core/script/values.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAMPLE_BYTES_MAX = 64 * 1024 * 1024, CASE_TIME_MS = 30000, PATH_ROOM = 1024 };

typedef struct tests {
    script_host *outer; /* gives the sources and the caller's tables */
    script_host *inner; /* with the services for tests */
    const char *name;   /* of the script */
    const script_test_options *options;
    int directory;  /* descriptor */
    map *counters;  /* sequence → uint64_t, owned */
    json_t *tables; /* of the case in hand */
    int64_t now_ms;
} tests;

static char cases_key; /* its address names the list of cases in the registry */

/* ---- services ---- */

static error *source(void *context, const char *name, span *text, const char **hash) {
    const script_services *services = &((tests *)context)->outer->services;
    return services->source(services->context, name, text, hash);
}

static error *control(void *context, const char *sequence, uint64_t *number) {
    tests *t = context;
    uint64_t *last = map_get(t->counters, span_of(sequence));
    if (!last) {
        last = xcalloc(1, sizeof *last);
        map_put(t->counters, span_of(sequence), last);
    }
    *number = ++*last;
    return NULL;
}

static error *table(void *context, const char *name, const char *code, bool reverse, buf *value, bool *found) {
    tests *t = context;
    json_t *rows = json_object_get(t->tables, name), *row;
    const script_services *services = &t->outer->services;
    const char *key;
    if (!rows && services->table) return services->table(services->context, name, code, reverse, value, found);
    if (!rows) return error_new(ERROR_NOT_FOUND, "there is no table \"%s\": test.table makes one", name);
    *found = false;
    json_object_foreach(rows, key, row) {
        const char *text = json_is_string(row) ? json_string_value(row) : "";
        if (strcmp(reverse ? text : key, code) != 0) continue;
        buf_add_text(value, reverse ? key : text);
        *found = true;
        break;
    }
    return NULL;
}

static int64_t now_ms(void *context) {
    return ((tests *)context)->now_ms;
}

static void reset(tests *t) {
    map_free(t->counters, free);
    t->counters = map_new();
    json_decref(t->tables);
    t->tables = json_object();
    error_free(clock_parse(SPAN("2026-01-02T03:04:05Z"), &t->now_ms));
}

/* ---- test.core ---- */

static tests *tests_of(lua_State *L) {
    return sandbox_of(L)->owner;
}

/* What a JSON text on the stack holds; owned by the caller, who raises nothing before freeing it. */
static json_t *parse_argument(lua_State *L, int argument) {
    span text;
    json_t *value = NULL;
    text.data = luaL_checklstring(L, argument, &text.len);
    error *err = json_parse(text, &value);
    if (err) sandbox_raise(L, err);
    return value;
}

/* An outcome kept alive by the state while it becomes a table. */
static int free_outcome(lua_State *L) {
    script_outcome_free(lua_touserdata(L, 1));
    return 0;
}

static script_outcome *new_outcome(lua_State *L) {
    script_outcome *outcome = lua_newuserdatauv(L, sizeof *outcome, 0);
    *outcome = (script_outcome){NULL, NULL, 0};
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, free_outcome);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return outcome;
}

/* run(call as JSON, payload) → the outcome with `payloads`, and `error` {text, where} when the script failed */
static int run(lua_State *L) {
    tests *t = tests_of(L);
    span payload;
    payload.data = luaL_checklstring(L, 2, &payload.len);
    script_outcome *outcome = new_outcome(L);
    json_t *call = parse_argument(L, 1);
    error *err = script_run(t->inner, call, payload, outcome);
    json_decref(call);
    if (err) {
        json_t *words = json_object();
        json_put_text(words, "text", error_text(err));
        json_put_text(words, "where", error_where(err));
        json_object_set_new(outcome->result, "error", words);
        error_free(err);
    }
    value_push_jansson(L, outcome->result);
    lua_createtable(L, (int)outcome->payload_count, 0);
    for (size_t i = 0; i < outcome->payload_count; i++) {
        lua_pushlstring(L, buf_text(&outcome->payloads[i]), outcome->payloads[i].len);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "payloads");
    return 1;
}

/* A file that came with the request; false when there is none of that name. */
static bool add_file(const tests *t, const char *name, buf *bytes) {
    const json_t *file = json_object_get(t->options->files, name);
    const char *base64 = json_get_text(file, "base64", NULL);
    if (!file) return false;
    if (!base64) {
        buf_add(bytes, span_make(json_string_value(file), json_string_length(file)));
        return true;
    }
    return base64_read(span_of(base64), bytes);
}

static int open_below(lua_State *L, int argument, int flags) {
    char clean[PATH_ROOM];
    span raw;
    raw.data = luaL_checklstring(L, argument, &raw.len);
    error *err = io_path_clean(raw, clean, sizeof clean);
    if (!err && (flags & O_CREAT)) err = io_make_parents(tests_of(L)->directory, clean);
    if (err) sandbox_raise(L, err);
    return io_open_beneath(tests_of(L)->directory, clean, flags, 0644);
}

/* read(path) → the bytes, nil when there is no such file */
static int read_file(lua_State *L) {
    if (tests_of(L)->options->files) {
        buf *kept = value_new_buf(L, SAMPLE_BYTES_MAX);
        if (!add_file(tests_of(L), luaL_checkstring(L, 1), kept)) return 0;
        value_push_buf(L, kept);
        return 1;
    }
    int fd = open_below(L, 1, O_RDONLY);
    if (fd < 0) return 0;
    buf *bytes = value_new_buf(L, SAMPLE_BYTES_MAX);
    error *err = io_read_all(fd, bytes, lua_tostring(L, 1));
    io_close(&fd);
    if (err) sandbox_raise(L, err);
    value_push_buf(L, bytes);
    return 1;
}

static int write_file(lua_State *L) {
    span bytes;
    bytes.data = luaL_checklstring(L, 2, &bytes.len);
    if (tests_of(L)->options->files) return luaL_error(L, "expected files are written by banyan script test --update");
    int fd = open_below(L, 1, O_WRONLY | O_CREAT | O_TRUNC);
    error *err = fd < 0 ? error_new(ERROR_IO, "%s cannot be written", lua_tostring(L, 1))
                        : io_write_all(fd, bytes, lua_tostring(L, 1));
    io_close(&fd);
    if (err) sandbox_raise(L, err);
    return 0;
}

static int add_case(lua_State *L) {
    luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &cases_key);
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return 0;
}

static int set_table(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    json_t *rows = parse_argument(L, 2);
    json_object_set_new(tests_of(L)->tables, name, rows);
    return 0;
}

static int set_now(lua_State *L) {
    error *err = clock_parse(span_of(luaL_checkstring(L, 1)), &tests_of(L)->now_ms);
    if (err) sandbox_raise(L, err);
    return 0;
}

int library_test(lua_State *L) {
    static const luaL_Reg functions[] = {{"run", run}, {"read", read_file}, {"write", write_file}, {"case", add_case},
        {"table", set_table}, {"now", set_now}, {NULL, NULL}};
    const tests *t = tests_of(L);
    if (!t) return luaL_error(L, "the module test is there in tests only (banyan script test)");
    luaL_newlib(L, functions);
    lua_pushstring(L, t->name);
    lua_setfield(L, -2, "script");
    lua_pushboolean(L, t->options->update);
    lua_setfield(L, -2, "update");
    return 1;
}

/* ---- running a test file ---- */

typedef struct test_file {
    tests *t;
    const char *chunk; /* "order_test.lua" */
    span text;
    size_t index; /* of the case to run, from 1 */
    size_t count;
} test_file;

static int collect_cases(lua_State *L) {
    test_file *file = lua_touserdata(L, 1);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &cases_key);
    sandbox_load(L, file->chunk, file->text, NULL);
    lua_call(L, 0, 0);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &cases_key);
    file->count = lua_rawlen(L, -1);
    return 0;
}

static int run_case(lua_State *L) {
    const test_file *file = lua_touserdata(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &cases_key);
    lua_rawgeti(L, -1, (lua_Integer)file->index);
    lua_rawgeti(L, -1, 2);
    lua_call(L, 0, 0);
    return 0;
}

/* The name of a case on one line, "#" and control characters out of the way of TAP. */
static char *case_name(lua_State *L, size_t index) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &cases_key);
    lua_rawgeti(L, -1, (lua_Integer)index);
    lua_rawgeti(L, -1, 1);
    char *name = xstrdup(lua_tostring(L, -1));
    for (char *c = name; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == '#') *c = ' ';
    }
    lua_settop(L, 0);
    return name;
}

/* Takes the error; a multi-line text was made one line by error.c. */
static void tell(const tests *t, const char *name, error *take, int64_t began_ms, size_t *passed, size_t *failed) {
    FILE *tap = t->options->tap;
    ++*(take ? failed : passed);
    if (tap) fprintf(tap, "%sok %zu - %s: %s\n", take ? "not " : "", *passed + *failed, t->name, name);
    if (tap && take) fprintf(tap, "# %s\n", error_text(take));
    if (t->options->report) {
        json_t *one =
            json_pack("{s:b, s:I}", "ok", take == NULL, "elapsed_ms", (json_int_t)(clock_monotonic_ms() - began_ms));
        json_put_text(one, "name", name);
        if (take) json_put_text(one, "text", error_text(take));
        json_array_append_new(t->options->report, one);
    }
    error_free(take);
}

static error *open_tests(tests *t, script_host *host, const char *name, const script_test_options *options) {
    *t = (tests){.outer = host, .name = name, .options = options, .directory = -1};
    if (options->directory) t->directory = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    error *err =
        options->directory && t->directory < 0 ? error_from_errno(errno, "directory %s", options->directory) : NULL;
    const script_services services = {source, control, table, now_ms, t};
    reset(t);
    if (!err) err = script_host_new(&services, &t->inner);
    if (!err) script_host_use_schemas(t->inner, host->schemas); /* tests see what the script will see */
    if (!err && options->lines) t->inner->coverage = coverage_new(name);
    return err;
}

static void close_tests(tests *t) {
    if (t->inner && t->inner->coverage) {
        *t->options->lines = coverage_json(t->inner->coverage);
        coverage_free(t->inner->coverage);
    }
    script_host_free(t->inner);
    map_free(t->counters, free);
    json_decref(t->tables);
    io_close(&t->directory);
}

static error *run_cases(tests *t, test_file *file, size_t *passed, size_t *failed) {
    sandbox *box = NULL;
    const sandbox_limits limits = {.time_ms = CASE_TIME_MS, .memory_bytes = (size_t)512 << 20};
    error *err = sandbox_new(&t->inner->services, t->inner->chunks, &limits, &box);
    if (err) return err;
    box->owner = t;
    box->schemas = t->inner->schemas;
    box->script = file->chunk;
    int64_t began_ms = clock_monotonic_ms();
    err = sandbox_call(box, collect_cases, file, NULL);
    if (err) {
        tell(t, "the test file runs", err, began_ms, passed, failed);
        file->count = 0;
    }
    for (file->index = 1; file->index <= file->count; file->index++) {
        char *name = case_name(box->L, file->index);
        reset(t);
        sandbox_restart(box);
        began_ms = clock_monotonic_ms();
        error *failure = sandbox_call(box, run_case, file, NULL);
        tell(t, name, failure, began_ms, passed, failed);
        free(name);
    }
    sandbox_free(box);
    return NULL;
}

error *script_test(
    script_host *host, const char *name, const script_test_options *options, size_t *passed, size_t *failed) {
    tests t;
    buf text = BUF_MAX(SCRIPT_SOURCE_MAX);
    char *chunk = xasprintf("%s_test.lua", name);
    char *path = options->directory ? xasprintf("%s/%s", options->directory, chunk) : NULL;
    error *err = open_tests(&t, host, name, options);
    if (!err && path) err = io_read_file(path, &text);
    if (!err && !path && !add_file(&t, chunk, &text))
        err = error_new(ERROR_NOT_FOUND, "the script %s has no tests", name);
    if (!err) {
        test_file file = {.t = &t, .chunk = chunk, .text = buf_span(&text)};
        err = run_cases(&t, &file, passed, failed);
    }
    close_tests(&t);
    buf_free(&text);
    free(path);
    free(chunk);
    return err;
}
