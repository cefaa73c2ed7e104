/* core/script/slab.h: the memory of one Lua state: small pieces by size from blocks that are freed together.
 *
 * Lua asks for many small pieces and tells their size when it gives them back, so that a list a size is all it takes.
 * Larger pieces come from malloc. What blocks hold is bounded: pieces of one size never become pieces of another, and a
 * script that plays with that must not outgrow its limit unseen. Not thread-safe; one slab a state.
 */
#ifndef BANYAN_CORE_SCRIPT_SLAB_H
#define BANYAN_CORE_SCRIPT_SLAB_H

#include <stddef.h>

enum { SLAB_STEP = 16, SLAB_PIECE_MAX = 512, SLAB_SIZES = SLAB_PIECE_MAX / SLAB_STEP };

typedef struct slab_piece slab_piece;
typedef struct slab_block slab_block;

typedef struct slab {
    slab_piece *free[SLAB_SIZES];
    slab_block *blocks;
    char *next, *end; /* the part of the newest block that was never used */
    size_t block_bytes;
} slab;

/* As Lua's allocator (lua_Alloc): makes, resizes or, with a new size of 0, frees a piece. NULL when there is no memory,
 * or when the blocks would hold more than `maximum`; then the old piece stays as it is. */
void *slab_resize(slab *s, void *old, size_t old_size, size_t new_size, size_t maximum);

/* Frees all blocks; pieces from malloc must have been given back. */
void slab_clear(slab *s);

#endif
