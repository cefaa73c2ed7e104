/* core/script/sandbox.h: one Lua state with its limits, and how it is called from C.
 *
 * A sandbox serves one run after another of the same script as long as all goes well (host.c), and each sees a world of
 * its own (environment.h). Memory is capped by its allocator, computing time by a count hook that,
 * once the time is used up, raises again and again until the script has ended. These are the polite limits: C functions
 * do not see the hook, so the process that runs scripts has a deadline of its own and is killed at it.
 * Only core/script includes Lua's headers; everything here runs in a translator or in `banyan script`, single-threaded.
 */
#ifndef BANYAN_CORE_SCRIPT_SANDBOX_H
#define BANYAN_CORE_SCRIPT_SANDBOX_H

#include "core/script/host.h"
#include "core/script/slab.h"

#include <lauxlib.h>
#include <lua.h>

enum {
    SCRIPT_SOURCE_MAX = 1024 * 1024, /* bytes of one script or module */
    SCRIPT_PLACE_SIZE = 128,         /* "NAME.lua:12" */
};

typedef struct sandbox_limits {
    int64_t time_ms;     /* computing time of this thread, not of the wall */
    size_t memory_bytes; /* what the Lua state may hold */
    size_t output_bytes; /* all payloads of the results together */
    int64_t log_lines;
} sandbox_limits;

/* Compiled sources, kept between calls by name and hash; what it holds came out of our own compiler. */
typedef struct chunk_cache chunk_cache;

chunk_cache *chunk_cache_new(void);
void chunk_cache_free(chunk_cache *cache);
bool chunk_cache_has(const chunk_cache *cache, const char *chunk, const char *hash);

/* What values of C and marked tables are known by: the address of their metatable, which the registry keeps under
 * `reference`. See value_is_kind in values.h. */
typedef enum sandbox_kind {
    KIND_DECIMAL,
    KIND_RANGE,
    KIND_SEGMENT,
    KIND_OBJECT,
    KIND_ARRAY,
    KIND_HEADERS,
    KIND_COUNT
} sandbox_kind;

typedef struct sandbox_metatable {
    const void *address; /* NULL: not made yet */
    int reference;
} sandbox_metatable;

/* Plain pieces, because it is noted for each optional element that is not there. */
typedef struct sandbox_missing {
    char tag[8], qualifier[36]; /* NUL-terminated, cut; no tag: nothing was missed */
    size_t element, position;   /* 0: the whole segment; of the segment in its document, from 1 */
} sandbox_missing;

typedef struct sandbox {
    lua_State *L;
    sandbox_metatable kinds[KIND_COUNT];
    struct globals_list *globals;    /* what the globals of a run hold (environment.c); the state's */
    const script_services *services; /* borrowed */
    chunk_cache *chunks;             /* borrowed */
    sandbox_limits limits;
    size_t memory_used;
    slab memory;
    int64_t cpu_end_ns;
    bool out_of_time, out_of_memory;
    char place[SCRIPT_PLACE_SIZE];          /* where in the scripts the error in hand began; "" when unknown */
    char function_place[SCRIPT_PLACE_SIZE]; /* where the function begins whose result is looked at; "" before */
    json_t *log;                            /* owned: [{"level","text","line"}] */
    json_t *wanted;              /* owned: calls whose answers the run waits for, and is over (lua_connection.c) */
    size_t answered;             /* answers of the call that were used */
    uint64_t uuids;              /* made in this run */
    bool touched;                /* the script changed its globals (environment.c) */
    bool seeded;                 /* the script called math.randomseed */
    bool log_closed;             /* the limit was reached and said */
    const char *script;          /* name of the script that is run; borrowed */
    const json_t *call;          /* the call in hand (host.h); borrowed, may be NULL */
    span payload;                /* its payload; borrowed */
    sandbox_missing missing;     /* what an EDI document was asked for last and has not got, for hint.h */
    struct edi_library *schemas; /* borrowed; NULL where nothing is run (script_check) */
    struct coverage *coverage;   /* borrowed; NULL: lines are not counted */
    void *owner;                 /* for modules of the one who runs the sandbox (testing) */
} sandbox;

/* A state with the safe libraries, before any script. The limits' zeroes stand for the defaults. */
must_check error *sandbox_new(
    const script_services *services, chunk_cache *chunks, const sandbox_limits *limits, sandbox **out);
void sandbox_free(sandbox *box);

/* Gives the state its computing time anew: for a caller who runs several things in it. */
void sandbox_restart(sandbox *box);

/* Makes a used state ready for another run with these limits (NULL: as they are): computing time, log and place are
 * new. What the script sees is renewed by environment_renew. */
void sandbox_reuse(sandbox *box, const sandbox_limits *limits);

/* The sandbox that a state belongs to. */
sandbox *sandbox_of(lua_State *L);

/* Whether nothing that the script still does counts: its time is used up, or it waits for answers. */
bool sandbox_is_over(lua_State *L);

/* Runs `body` with `argument` as its only value (light userdata); NULL when it returned. Any error of Lua becomes an
 * `error` whose text starts with the place in the script. `rejected` (may be NULL) takes the rejection, a new
 * reference, when the script called reject(); the error is NULL then. */
must_check error *sandbox_call(sandbox *box, lua_CFunction body, void *argument, json_t **rejected);

/* Pushes the function that a source compiles to; raises when it does not. `chunk` is the name in errors
 * ("order.lua"), `hash` names the version for the cache (NULL: not cached). */
void sandbox_load(lua_State *L, const char *chunk, span source, const char *hash);

/* luaL_error for functions that have nothing to return: the compiler knows that it does not come back. Formats are
 * those of lua_pushfstring. */
_Noreturn void sandbox_error(lua_State *L, const char *format, ...);

/* Raises `take` as an error of Lua, with the place of the caller. */
_Noreturn void sandbox_raise(lua_State *L, error *take);

/* Raises a rejection with this reason. `code` may be NULL ("malformed" for input that cannot be parsed). */
_Noreturn void sandbox_reject(lua_State *L, const char *code, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

typedef struct sandbox_rejection {
    const char *code, *where; /* "" or NULL: not told */
    const char *place;        /* "orders.lua:12"; NULL: the line that runs */
} sandbox_rejection;

_Noreturn void sandbox_reject_at(lua_State *L, sandbox_rejection told, const char *reason);

/* The global function reject(reason, where). */
int sandbox_lua_reject(lua_State *L);

/* Raises when the computing time is used up: for loops in C that depend on what a script passes. */
void sandbox_check_time(lua_State *L);

/* The line and file of the script that is running, "NAME.lua:12"; "" when only library code is on the stack. */
const char *sandbox_place(lua_State *L, char place[SCRIPT_PLACE_SIZE]);

#endif
