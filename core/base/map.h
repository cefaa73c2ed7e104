/* core/base/map.h: text to pointer, in no particular order.
 *
 * Keys are copied; values belong to the caller. The hash is keyed with random bytes per process, so that chosen keys
 * cannot collide on purpose. Not thread-safe.
 */
#ifndef BANYAN_BASE_MAP_H
#define BANYAN_BASE_MAP_H

#include "core/base/span.h"

typedef struct map map;

map *map_new(void);
void *map_get(const map *m, span key);        /* NULL when absent */
void *map_put(map *m, span key, void *value); /* the value that stood there before, or NULL; `value` is not NULL */
void *map_remove(map *m, span key);           /* the value removed, or NULL */
size_t map_count(const map *m);

/* Walks all entries: start with *cursor = 0; false at the end. The map must not change meanwhile. */
bool map_next(const map *m, size_t *cursor, span *key, void **value);

/* The keyed hash itself, the same for a key throughout the process: for tables of another shape. */
uint64_t map_hash(span key);

/* `free_value` (may be NULL) is called on every value. */
void map_free(map *m, void (*free_value)(void *value));

#endif
