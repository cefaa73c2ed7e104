/* core/base/embedded.h: files that travel inside the binary.
 *
 * The Makefile turns each folder of its EMBED list (migrations, Lua modules, the built UI) into one
 * table, by pkg/build/embed.sh. The tables are constant and live as long as the program. A room that has one declares
 * it itself: `extern const embedded_file embedded_lua[];`.
 */
#ifndef BANYAN_BASE_EMBEDDED_H
#define BANYAN_BASE_EMBEDDED_H

#include "core/base/span.h"

typedef struct embedded_file {
    const char *path;   /* relative to the folder, "x12/850.json"; sorted bytewise; NULL ends the table */
    const char *data;   /* a NUL that does not count follows the last byte */
    size_t len;         /* bytes */
    const char *digest; /* SHA-256 of the bytes, 64 hexadecimal digits: an ETag, a version */
} embedded_file;

/* The file of that path; NULL when there is none. */
static inline const embedded_file *embedded_find(const embedded_file *table, span path) {
    for (const embedded_file *file = table; file->path; file++) {
        if (span_is(path, file->path)) return file;
    }
    return NULL;
}

static inline span embedded_span(const embedded_file *file) {
    return span_make(file->data, file->len);
}

#endif
