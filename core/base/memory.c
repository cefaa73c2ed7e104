/* core/base/memory.c: see memory.h. */
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int exit_status = 0; /* 0: abort */

void memory_set_exit_status(int status) {
    exit_status = status;
}

/* Only write(2): whatever allocates must not be needed to say that nothing can be allocated. */
static _Noreturn void out_of_memory(void) {
    static const char words[] = "banyan: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, words, sizeof words - 1);
    (void)ignored;
    if (exit_status) _exit(exit_status);
    abort();
}

static void *checked(void *memory, size_t size) {
    if (!memory && size > 0) out_of_memory();
    return memory;
}

void *xmalloc(size_t size) {
    return checked(malloc(size), size);
}

void *xcalloc(size_t count, size_t size) {
    return checked(calloc(count, size), count && size ? 1 : 0);
}

void *xrealloc(void *old, size_t size) {
    return checked(realloc(old, size), size);
}

void *xreallocarray(void *old, size_t count, size_t size) {
    return checked(reallocarray(old, count, size), count && size ? 1 : 0);
}

char *xstrdup(const char *text) {
    return xspandup(span_of(text));
}

char *xspandup(span text) {
    char *copy = xmalloc(text.len + 1);
    if (text.len) memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

char *xvasprintf(const char *format, va_list args) {
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0) out_of_memory();
    return text;
}

char *xasprintf(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    return text;
}

typedef struct block {
    struct block *next;
    size_t size, used;
    _Alignas(max_align_t) char bytes[];
} block;

struct arena {
    block *blocks; /* the one being filled comes first */
    size_t maximum, used;
};

enum { FIRST_BLOCK = 4096, ALIGN = _Alignof(max_align_t) };

arena *arena_new(size_t maximum) {
    arena *a = xmalloc(sizeof *a);
    *a = (arena){.blocks = NULL, .maximum = maximum, .used = 0};
    return a;
}

static block *add_block(arena *a, size_t needed) {
    size_t size = a->blocks ? a->blocks->size * 2 : FIRST_BLOCK;
    if (size > 1u << 20) size = 1u << 20;
    if (size < needed) size = needed;
    block *b = xmalloc(sizeof *b + size);
    b->next = a->blocks;
    b->size = size;
    b->used = 0;
    a->blocks = b;
    return b;
}

void *arena_alloc(arena *a, size_t size) {
    if (size > a->maximum - a->used || size > SIZE_MAX / 2) out_of_memory();
    size_t rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
    block *b = a->blocks;
    if (!b || b->size - b->used < rounded) b = add_block(a, rounded);
    void *memory = b->bytes + b->used;
    b->used += rounded;
    a->used += size;
    memset(memory, 0, size);
    return memory;
}

char *arena_spandup(arena *a, span text) {
    char *copy = arena_alloc(a, text.len + 1);
    if (text.len) memcpy(copy, text.data, text.len);
    return copy;
}

char *arena_strdup(arena *a, const char *text) {
    return arena_spandup(a, span_of(text));
}

span arena_copy(arena *a, span bytes) {
    return span_make(arena_spandup(a, bytes), bytes.len);
}

char *arena_printf(arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    char *copy = arena_strdup(a, text);
    free(text);
    return copy;
}

size_t arena_used(const arena *a) {
    return a->used;
}

void arena_free(arena *a) {
    if (!a) return;
    for (block *b = a->blocks; b;) {
        block *next = b->next;
        free(b);
        b = next;
    }
    free(a);
}
