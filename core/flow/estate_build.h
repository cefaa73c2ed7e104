/* core/flow/estate_build.h: the inside of estate.c and its parts: what is at hand while a snapshot is built. Included
 * by estate*.c only. */
#ifndef BANYAN_CORE_FLOW_ESTATE_BUILD_H
#define BANYAN_CORE_FLOW_ESTATE_BUILD_H

#include "core/base/map.h"
#include "core/base/memory.h"
#include "core/flow/estate.h"

#include <stdatomic.h>

enum { PLACE_ROOM = 768 };

struct estate_memory {
    atomic_int references;
    arena *arena;
    json_t *derived; /* array that keeps alive what was made: split settings of connections, merged endpoints */
};

typedef struct builder {
    estate *e;
    arena *arena;
    fault_list *faults;
    map *index; /* "kind/name" → object of the input */
} builder;

/* A member's text; "" when there is none. */
static inline const char *build_text(const json_t *body, const char *member) {
    return json_get_text(body, member, "");
}

/* ---- estate_parts.c ---- */

/* `member` NULL: the object as a whole. */
void build_fault(builder *b, const char *path, const char *member, const char *text);

/* Does the object keep to its table, and do the names in it name something? */
void build_check(builder *b, const setting *table, const json_t *body, const char *path);

/* A fault when there is a connection and it is not able to do `what`. */
void build_need(builder *b, const estate_connection *connection, bool able, const char *path, const char *what);
bool build_can_deliver(const estate_connection *connection); /* NULL cannot */

estate_destination build_destination(builder *b, const json_t *object, const char *place);
estate_expectation build_expectation(const json_t *body);
estate_retry build_retry(const json_t *body);

/* ---- a kind each ---- */

void build_connection(builder *b, const json_t *object, const json_t *body, const char *path);
void build_flow(builder *b, const json_t *body, const char *path);
void build_endpoint(builder *b, const json_t *body, const char *path);

#endif
