/* core/script/sandbox.c: see sandbox.h. */
#include "core/script/sandbox.h"

#include "core/base/map.h"
#include "core/base/memory.h"
#include "core/script/coverage.h"
#include "core/script/hint.h"
#include "core/script/library.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    COLLECT_PAUSE = 1000, /* percent: most runs end before they hold ten times what the libraries do */
    MISSING_WORDS_SIZE = 120,
    HINT_BYTES_MAX = 400,
    HOOK_INSTRUCTIONS = 1000,                /* between two looks at the clock */
    CACHE_BYTES_MAX = 32 * 1024 * 1024,      /* compiled sources kept */
    CHUNK_BYTES_MAX = 16 * SCRIPT_SOURCE_MAX /* of one compiled source */
};

static const sandbox_limits default_limits = {
    .time_ms = 2000, .memory_bytes = (size_t)64 << 20, .output_bytes = (size_t)64 << 20, .log_lines = 200};

static char rejection_key; /* its address names the metatable of rejections in the registry */

sandbox *sandbox_of(lua_State *L) {
    return *(sandbox **)lua_getextraspace(L);
}

static int64_t cpu_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Lua's allocator: the cap is what keeps a hog from growing; freeing and shrinking never fail. */
static void *allocate(void *context, void *old, size_t old_size, size_t new_size) {
    sandbox *box = context;
    if (!old) old_size = 0; /* then it tells the kind of object */
    if (new_size == 0) {
        slab_resize(&box->memory, old, old_size, 0, 0);
        box->memory_used -= old_size;
        return NULL;
    }
    size_t room = box->limits.memory_bytes > box->memory_used ? box->limits.memory_bytes - box->memory_used : 0;
    if (new_size > old_size && new_size - old_size > room) {
        box->out_of_memory = true;
        return NULL;
    }
    /* Sizes are rounded up, and pieces of one size do not become pieces of another: twice the limit is ample. */
    void *fresh = slab_resize(&box->memory, old, old_size, new_size, 2 * box->limits.memory_bytes);
    if (fresh)
        box->memory_used += new_size - old_size;
    else
        box->out_of_memory = true;
    return fresh;
}

/* Once the time is used up every further instruction raises: a pcall in a loop cannot hold on. */
static void watch_time(lua_State *L, lua_Debug *record) {
    if (record && record->event == LUA_HOOKLINE) {
        coverage_note(sandbox_of(L)->coverage, L, record);
        return;
    }
    if (!sandbox_of(L)->out_of_time && cpu_now_ns() < sandbox_of(L)->cpu_end_ns) return;
    sandbox_of(L)->out_of_time = true;
    lua_sethook(L, watch_time, LUA_MASKCOUNT, 1);
    sandbox_error(L, "CPU limit: the script computed for more than %d ms", (int)sandbox_of(L)->limits.time_ms);
}

void sandbox_check_time(lua_State *L) {
    watch_time(L, NULL);
}

bool sandbox_is_over(lua_State *L) {
    return sandbox_of(L)->out_of_time || sandbox_of(L)->wanted;
}

/* Is this function's source a script or module of the estate (and not of the library)? */
static bool is_script(const lua_Debug *record) {
    return record->source[0] == '@' && strncmp(record->source, "@lib/", 5) != 0 && record->currentline > 0;
}

const char *sandbox_place(lua_State *L, char place[SCRIPT_PLACE_SIZE]) {
    lua_Debug record;
    place[0] = '\0';
    for (int level = 0; lua_getstack(L, level, &record); level++) {
        lua_getinfo(L, "Sl", &record);
        if (!is_script(&record)) continue;
        snprintf(place, SCRIPT_PLACE_SIZE, "%s:%d", record.source + 1, record.currentline);
        break;
    }
    return place;
}

/* The message handler: notes the place while the stack still stands. The first place stays, it is the innermost. */
static int note_place(lua_State *L) {
    sandbox *box = sandbox_of(L);
    if (!box->place[0]) sandbox_place(L, box->place);
    return 1;
}

static int panic(lua_State *L) {
    (void)L; /* every call into Lua is protected: getting here is a fault of ours, and the process is the sandbox */
    abort();
}

static int open_libraries(lua_State *L) {
    library_open(L);
    return 0;
}

static void set_limits(sandbox *box, const sandbox_limits *limits) {
    box->limits = default_limits;
    if (limits && limits->time_ms > 0) box->limits.time_ms = limits->time_ms;
    if (limits && limits->memory_bytes > 0) box->limits.memory_bytes = limits->memory_bytes;
    if (limits && limits->output_bytes > 0) box->limits.output_bytes = limits->output_bytes;
    if (limits && limits->log_lines > 0) box->limits.log_lines = limits->log_lines;
}

error *sandbox_new(const script_services *services, chunk_cache *chunks, const sandbox_limits *limits, sandbox **out) {
    sandbox *box = xcalloc(1, sizeof *box);
    box->services = services;
    box->chunks = chunks;
    set_limits(box, limits);
    box->log = json_array();
    sandbox_restart(box);
    *out = box;
    box->L = lua_newstate(allocate, box);
    if (!box->L) {
        sandbox_free(box);
        *out = NULL;
        return error_new(ERROR_LIMIT, "memory limit: not even an empty script fits");
    }
    *(sandbox **)lua_getextraspace(box->L) = box;
    lua_atpanic(box->L, panic);
    lua_gc(box->L, LUA_GCINC, COLLECT_PAUSE, 0, 0);
    error *err = sandbox_call(box, open_libraries, NULL, NULL);
    if (!err) return NULL;
    sandbox_free(box);
    *out = NULL;
    return err;
}

void sandbox_restart(sandbox *box) {
    box->cpu_end_ns = cpu_now_ns() + box->limits.time_ms * 1000000;
    box->out_of_time = box->out_of_memory = false;
}

void sandbox_reuse(sandbox *box, const sandbox_limits *limits) {
    if (limits) set_limits(box, limits);
    json_decref(box->log);
    box->log = json_array();
    box->log_closed = box->seeded = false;
    box->uuids = box->answered = 0;
    json_decref(box->wanted);
    box->wanted = NULL;
    box->place[0] = '\0';
    box->missing.tag[0] = '\0';
    sandbox_restart(box);
}

void sandbox_free(sandbox *box) {
    if (!box) return;
    if (box->L) {
        lua_sethook(
            box->L, NULL, 0, 0); /* finalizers are ours alone (library.c refuses __gc) and must not be stopped */
        lua_close(box->L);
    }
    json_decref(box->log);
    json_decref(box->wanted);
    slab_clear(&box->memory);
    free(box);
}

/* ---- errors on their way out ---- */

/* "NAME.lua:12: rest": the length of the place, 0 when the text does not start with one. */
static size_t place_length(span text) {
    const char *mark = memmem(text.data, text.len, ".lua:", 5);
    if (!mark) return 0;
    size_t end = (size_t)(mark - text.data) + 5, digits = end;
    for (size_t i = 0; i + 5 < end; i++) {
        if (text.data[i] == ' ' || text.data[i] == ':') return 0;
    }
    while (end < text.len && text.data[end] >= '0' && text.data[end] <= '9')
        end++;
    return end > digits && end < text.len && text.data[end] == ':' ? end : 0;
}

/* "segment N1 ST", "PO104 (segment 9 of the document)", or "". */
static void describe_missing(const sandbox_missing *m, char *words, size_t size) {
    if (!m->tag[0])
        *words = '\0';
    else if (m->element == 0)
        snprintf(words, size, "segment %s%s%s", m->tag, m->qualifier[0] ? " " : "", m->qualifier);
    else
        snprintf(words, size, "%s%02zu%s%s (segment %zu of the document)", m->tag, m->element,
            m->qualifier[0] ? " " : "", m->qualifier, m->position);
}

/* The error's text, and in front of it the place in the script: Lua puts the place of the function that raised, which
 * may be one of the library. */
static error *error_of_text(sandbox *box, span text) {
    error_code code = box->out_of_time || box->out_of_memory ? ERROR_LIMIT : ERROR_INVALID;
    size_t own = place_length(text);
    if (own > 0) {
        span place = span_make(text.data, own);
        text = span_trim(span_make(text.data + own + 1, text.len - own - 1));
        if (!span_starts(place, SPAN("lib/")) || !box->place[0])
            snprintf(box->place, sizeof box->place, "%.*s", (int)place.len, place.data);
    }
    buf hint = BUF_MAX(HINT_BYTES_MAX);
    char missing[MISSING_WORDS_SIZE];
    describe_missing(&box->missing, missing, sizeof missing);
    int length = text.len > 4000 ? 4000 : (int)text.len;
    if (code == ERROR_INVALID) hint_add(text, box->payload, missing, &hint);
    const char *place = box->place[0] ? box->place : box->function_place, *behind = buf_text(&hint);
    error *err = *place ? error_at(error_new(code, "%s: %.*s%s", place, length, text.data, behind), "%s", place)
                        : error_new(code, "%.*s%s", length, text.data, behind);
    buf_free(&hint);
    return err;
}

static int text_of_value(lua_State *L) {
    if (lua_isnil(L, 1))
        lua_pushliteral(L, "an error without a message (nil) was raised");
    else
        luaL_tolstring(L, 1, NULL);
    return 1;
}

/* Pops the error value. A value other than text may have a __tostring of the script: it runs protected, in what is left
 * of the time, and a failing one gives a general text. */
static error *error_of_value(sandbox *box, int status) {
    lua_State *L = box->L;
    if (box->out_of_time) {
        lua_settop(L, 0);
        char text[80];
        snprintf(
            text, sizeof text, "CPU limit: the script computed for more than %lld ms", (long long)box->limits.time_ms);
        return error_of_text(box, span_of(text));
    }
    if (status == LUA_ERRMEM) {
        lua_settop(L, 0);
        box->out_of_memory = true;
        char text[80];
        snprintf(text, sizeof text, "memory limit: the script needs more than %zu bytes", box->limits.memory_bytes);
        return error_of_text(box, span_of(text));
    }
    box->out_of_memory = false; /* it was caught by the script */
    if (lua_type(L, -1) != LUA_TSTRING) {
        const char *kind = luaL_typename(L, -1);
        lua_pushcfunction(L, text_of_value);
        lua_insert(L, -2);
        if (lua_pcall(L, 1, 1, 0) != LUA_OK || lua_type(L, -1) != LUA_TSTRING) {
            lua_settop(L, 0);
            char text[96];
            snprintf(text, sizeof text, "an error of type %s was raised that cannot be shown", kind);
            return error_of_text(box, span_of(text));
        }
    }
    span text;
    text.data = lua_tolstring(L, -1, &text.len);
    error *err = error_of_text(box, text);
    lua_settop(L, 0);
    return err;
}

/* ---- rejections ---- */

static int rejection_text(lua_State *L) {
    lua_getfield(L, 1, "reason");
    return 1;
}

/* Gives the table on top of the stack the metatable that makes it a rejection. */
static void mark_rejection(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &rejection_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 3);
        lua_pushcfunction(L, rejection_text);
        lua_setfield(L, -2, "__tostring");
        lua_pushliteral(L, "rejection");
        lua_setfield(L, -2, "__metatable");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &rejection_key);
    }
    lua_setmetatable(L, -2);
}

static void push_place(lua_State *L) {
    char place[SCRIPT_PLACE_SIZE];
    lua_pushstring(L, sandbox_place(L, place));
}

static void tell(lua_State *L, const char *name, const char *text) {
    if (!text || !*text) return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

void sandbox_reject_at(lua_State *L, sandbox_rejection told, const char *reason) {
    lua_createtable(L, 0, 4);
    tell(L, "reason", reason);
    tell(L, "code", told.code);
    tell(L, "where", told.where);
    if (told.place)
        lua_pushstring(L, told.place);
    else
        push_place(L);
    lua_setfield(L, -2, "place");
    mark_rejection(L);
    lua_error(L);
    abort(); /* lua_error does not return */
}

void sandbox_reject(lua_State *L, const char *code, const char *where, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *reason = lua_pushvfstring(L, format, args);
    va_end(args);
    sandbox_reject_at(L, (sandbox_rejection){.code = code, .where = where}, reason);
}

/* reject(reason, where): `where` is text, or a table of texts and numbers such as {segment = "PO1", position = 3}. */
int sandbox_lua_reject(lua_State *L) {
    luaL_checkstring(L, 1);
    if (!lua_isnoneornil(L, 2) && lua_type(L, 2) != LUA_TSTRING) luaL_checktype(L, 2, LUA_TTABLE);
    lua_createtable(L, 0, 6);
    if (lua_type(L, 2) == LUA_TTABLE) {
        for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING) return luaL_error(L, "reject: the names in `where` are texts");
            if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
                return luaL_error(
                    L, "reject: where.%s is a %s, not a text or number", lua_tostring(L, -2), luaL_typename(L, -1));
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_settable(L, -5);
        }
    } else if (lua_type(L, 2) == LUA_TSTRING) {
        lua_pushvalue(L, 2);
        lua_setfield(L, -2, "where");
    }
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "reason");
    push_place(L);
    lua_setfield(L, -2, "place");
    mark_rejection(L);
    return lua_error(L);
}

/* Is the value on top of the stack a rejection? Then it becomes JSON and is popped. */
static json_t *take_rejection(lua_State *L) {
    if (lua_type(L, -1) != LUA_TTABLE || !lua_getmetatable(L, -1)) return NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &rejection_key);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (!same) return NULL;
    json_t *rejected = json_object();
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) continue;
        size_t len;
        if (lua_isinteger(L, -1)) {
            json_object_set_new(rejected, lua_tostring(L, -2), json_integer(lua_tointeger(L, -1)));
        } else if (lua_type(L, -1) == LUA_TSTRING) {
            const char *text = lua_tolstring(L, -1, &len);
            json_put_span(rejected, lua_tostring(L, -2), span_make(text, len > 4000 ? 4000 : len));
        }
    }
    lua_pop(L, 1);
    return rejected;
}

error *sandbox_call(sandbox *box, lua_CFunction body, void *argument, json_t **rejected) {
    lua_State *L = box->L;
    if (rejected) *rejected = NULL;
    box->place[0] = box->function_place[0] = '\0';
    lua_settop(L, 0);
    lua_pushcfunction(L, note_place); /* light functions and light userdata: pushing them allocates nothing */
    lua_pushcfunction(L, body);
    lua_pushlightuserdata(L, argument);
    lua_sethook(L, watch_time, LUA_MASKCOUNT | (box->coverage ? LUA_MASKLINE : 0), HOOK_INSTRUCTIONS);
    int status = lua_pcall(L, 1, 0, 1);
    if (status == LUA_OK && !box->out_of_time) {
        lua_settop(L, 0);
        return NULL;
    }
    if (status == LUA_ERRRUN && !box->out_of_time && rejected) {
        *rejected = take_rejection(L);
        if (*rejected) {
            lua_settop(L, 0);
            return NULL;
        }
    }
    return error_of_value(box, status);
}

void sandbox_error(lua_State *L, const char *format, ...) {
    va_list args;
    va_start(args, format);
    luaL_where(L, 1);
    lua_pushvfstring(L, format, args);
    va_end(args);
    lua_concat(L, 2);
    lua_error(L);
    abort(); /* lua_error does not return */
}

void sandbox_raise(lua_State *L, error *take) {
    luaL_where(L, 1);
    lua_pushstring(L, error_text(take)); /* out of memory here loses the error's own memory: the process ends anyway */
    error_free(take);
    lua_concat(L, 2);
    lua_error(L);
    abort(); /* lua_error does not return */
}

/* ---- compiled sources ---- */

struct chunk_cache {
    map *chunks; /* "name\nhash" → buf of bytecode */
    size_t bytes;
};

static void free_chunk(void *value) {
    buf *chunk = value;
    buf_free(chunk);
    free(chunk);
}

chunk_cache *chunk_cache_new(void) {
    chunk_cache *cache = xcalloc(1, sizeof *cache);
    cache->chunks = map_new();
    return cache;
}

void chunk_cache_free(chunk_cache *cache) {
    if (!cache) return;
    map_free(cache->chunks, free_chunk);
    free(cache);
}

bool chunk_cache_has(const chunk_cache *cache, const char *chunk, const char *hash) {
    char *key = xasprintf("%s\n%s", chunk, hash);
    bool has = map_get(cache->chunks, span_of(key)) != NULL;
    free(key);
    return has;
}

static int add_bytes(lua_State *L, const void *bytes, size_t size, void *context) {
    (void)L;
    buf_add(context, span_make(bytes, size));
    return 0;
}

/* Keeps the function on top of the stack. When the cache is full it starts anew: scripts are few and compile fast. */
static void keep_chunk(lua_State *L, chunk_cache *cache, span key) {
    buf *chunk = xmalloc(sizeof *chunk);
    *chunk = BUF_MAX(CHUNK_BYTES_MAX);
    lua_dump(L, add_bytes, chunk, 0);
    if (chunk->overflow) {
        free_chunk(chunk);
        return;
    }
    if (cache->bytes + chunk->len > CACHE_BYTES_MAX) {
        map_free(cache->chunks, free_chunk);
        cache->chunks = map_new();
        cache->bytes = 0;
    }
    cache->bytes += chunk->len;
    map_put(cache->chunks, key, chunk);
}

void sandbox_load(lua_State *L, const char *chunk, span source, const char *hash) {
    sandbox *box = sandbox_of(L);
    if (source.len > SCRIPT_SOURCE_MAX) sandbox_error(L, "%s is larger than %d bytes", chunk, (int)SCRIPT_SOURCE_MAX);
    if (span_starts(source, SPAN("\xEF\xBB\xBF"))) source = span_make(source.data + 3, source.len - 3);
    const char *name = lua_pushfstring(L, "@%s", chunk);
    span key = {NULL, 0};
    if (hash) {
        key.data = lua_pushfstring(L, "%s\n%s", chunk, hash);
        key.len = strlen(key.data);
        const buf *kept = map_get(box->chunks->chunks, key);
        if (kept && luaL_loadbufferx(L, kept->data, kept->len, name, "b") == LUA_OK) {
            lua_replace(L, -3);
            lua_pop(L, 1);
            return;
        }
    }
    if (luaL_loadbufferx(L, source.data ? source.data : "", source.len, name, "t") != LUA_OK) lua_error(L);
    if (hash) {
        keep_chunk(L, box->chunks, key);
        lua_remove(L, -2);
    }
    lua_remove(L, -2);
}
