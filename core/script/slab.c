/* core/script/slab.c: see slab.h. */
#include "core/script/slab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 32 * 1024 };

struct slab_piece {
    slab_piece *next;
};

struct slab_block {
    slab_block *next;
    size_t unused; /* keeps what follows aligned to SLAB_STEP */
};

#if defined(__SANITIZE_ADDRESS__)
static const bool from_blocks = false; /* so that the sanitizer sees every piece */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
static const bool from_blocks = false;
#else
static const bool from_blocks = true;
#endif
#else
static const bool from_blocks = true;
#endif

static bool is_small(size_t size) {
    return from_blocks && size <= SLAB_PIECE_MAX;
}

static size_t index_of(size_t size) {
    return (size - 1) / SLAB_STEP;
}

static void *take(slab *s, size_t size, size_t maximum) {
    size_t index = index_of(size), room = (index + 1) * SLAB_STEP;
    slab_piece *piece = s->free[index];
    if (piece) {
        s->free[index] = piece->next;
        return piece;
    }
    if ((size_t)(s->end - s->next) < room) {
        if (s->block_bytes + BLOCK_BYTES > maximum) return NULL;
        slab_block *block = malloc(BLOCK_BYTES);
        if (!block) return NULL;
        block->next = s->blocks;
        s->blocks = block;
        s->block_bytes += BLOCK_BYTES;
        s->next = (char *)block + sizeof *block;
        s->end = (char *)block + BLOCK_BYTES;
    }
    piece = (slab_piece *)(void *)s->next;
    s->next += room;
    return piece;
}

static void give(slab *s, void *old, size_t size) {
    slab_piece *piece = old;
    piece->next = s->free[index_of(size)];
    s->free[index_of(size)] = piece;
}

void *slab_resize(slab *s, void *old, size_t old_size, size_t new_size, size_t maximum) {
    bool was_small = old && is_small(old_size);
    if (new_size == 0) {
        if (was_small)
            give(s, old, old_size);
        else
            free(old);
        return NULL;
    }
    if (!is_small(new_size) && !was_small) return realloc(old, new_size);
    if (was_small && is_small(new_size) && index_of(old_size) == index_of(new_size)) return old;
    void *fresh = is_small(new_size) ? take(s, new_size, maximum) : malloc(new_size);
    if (!fresh || !old) return fresh;
    memcpy(fresh, old, old_size < new_size ? old_size : new_size);
    if (was_small)
        give(s, old, old_size);
    else
        free(old);
    return fresh;
}

void slab_clear(slab *s) {
    while (s->blocks) {
        slab_block *block = s->blocks;
        s->blocks = block->next;
        free(block);
    }
    *s = (slab){.blocks = NULL};
}
