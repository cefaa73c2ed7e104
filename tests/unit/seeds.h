/* tests/unit/seeds.h: a fuzz target on its seeds, and on some hundred broken copies of each, so that `make test` finds
 * what `make fuzz` would find first. What breaks a rule aborts. */
#ifndef BANYAN_TESTS_SEEDS_H
#define BANYAN_TESTS_SEEDS_H

#include "core/base/io.h"
#include "core/base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>

enum { COPIES = 300, SEED_MAX = 16 << 10 };

typedef int (*target)(const uint8_t *data, size_t size);

static unsigned seed = 5;

static unsigned below(size_t limit) {
    seed = seed * 1103515245 + 12345;
    return limit ? (seed >> 8) % (unsigned)limit : 0;
}

/* One to four changes: a byte, a piece doubled, a piece taken out, the end cut off. */
static void break_copy(span bytes, const char *likely, buf *copy) {
    buf_clear(copy);
    buf_add(copy, bytes);
    for (unsigned changes = 1 + below(4); changes > 0 && copy->len > 0; changes--) {
        size_t at = below(copy->len), len = 1 + below(copy->len - at < 40 ? copy->len - at : 40);
        char piece[64];
        switch (below(4)) {
        case 0: copy->data[at] = likely[below(strlen(likely))]; break;
        case 1:
            memcpy(piece, copy->data + at, len);
            buf_add(copy, span_make(piece, len));
            memmove(copy->data + at + len, copy->data + at, copy->len - at - len);
            memcpy(copy->data + at, piece, len);
            break;
        case 2:
            memmove(copy->data + at, copy->data + at + len, copy->len - at - len);
            copy->len -= len;
            break;
        default: copy->len = at;
        }
    }
}

/* `likely`: bytes that the format cares about. */
static void replay(const char *folder, target run, const char *likely) {
    DIR *directory = opendir(folder);
    struct dirent *entry;
    size_t files = 0;
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        char *path = xasprintf("%s/%s", folder, entry->d_name);
        buf bytes = BUF_MAX(1 << 24), copy = BUF_MAX(1 << 24);
        if (entry->d_name[0] != '.' && !io_read_file(path, &bytes)) {
            files++;
            run((const uint8_t *)buf_text(&bytes), bytes.len);
            for (int i = 0; i < COPIES && bytes.len < SEED_MAX; i++) {
                break_copy(buf_span(&bytes), likely, &copy);
                run((const uint8_t *)buf_text(&copy), copy.len);
            }
        }
        buf_free(&bytes);
        buf_free(&copy);
        free(path);
    }
    closedir(directory);
    assert_true(files > 0);
}

#endif
