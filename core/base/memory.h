/* core/base/memory.h: allocation that never returns NULL, and the arena.
 *
 * Out of memory ends the process (a worker costs one attempt of one message; the desk is restarted and recovers from
 * its store): no caller checks for NULL. Sizes that come from outside are checked against a limit before they reach
 * these functions.
 */
#ifndef BANYAN_BASE_MEMORY_H
#define BANYAN_BASE_MEMORY_H

#include "core/base/span.h"

#include <stdarg.h>

/* From now on out of memory ends the process by _exit with this status instead of abort(), so that whoever watches a
 * worker can tell hunger from a crash. */
void memory_set_exit_status(int status);

void *xmalloc(size_t size) __attribute__((returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull)); /* zeroed; ends the process on overflow */
void *xrealloc(void *old, size_t size);
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *text) __attribute__((returns_nonnull));
char *xspandup(span text) __attribute__((returns_nonnull)); /* with a terminator; a NUL inside is kept */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* Many small allocations with one life: a message, a request, a configuration snapshot. */
typedef struct arena arena;

/* Refuses (ends the process) beyond `maximum` bytes in all. */
arena *arena_new(size_t maximum);
void *arena_alloc(arena *a, size_t size) __attribute__((returns_nonnull)); /* zeroed, aligned for any type */
char *arena_strdup(arena *a, const char *text);
char *arena_spandup(arena *a, span text); /* terminated copy */
span arena_copy(arena *a, span bytes);    /* the copy lives as long as the arena */
char *arena_printf(arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t arena_used(const arena *a);
void arena_free(arena *a); /* NULL is fine */

#endif
