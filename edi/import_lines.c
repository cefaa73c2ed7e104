/* edi/import_lines.c: see import_lines.h. */
#include "edi/import_lines.h"

#include "core/base/memory.h"

#include <stdlib.h>

import_line *import_add(import_lines *lines, unsigned depth) {
    if (lines->count == lines->room) {
        lines->room = lines->room ? lines->room * 2 : 128;
        lines->list = xreallocarray(lines->list, lines->room, sizeof *lines->list);
    }
    import_line *line = &lines->list[lines->count++];
    *line = (import_line){.depth = depth};
    return line;
}

void import_lines_free(import_lines *lines) {
    free(lines->list);
    *lines = (import_lines){.list = NULL};
}

static size_t end_of(const import_lines *lines, size_t at) {
    size_t end = at + 1;
    while (end < lines->count && lines->list[end].depth > lines->list[at].depth)
        end++;
    return end;
}

/* Takes the lines from `from` on to `to`, which is further on, out of their place and puts them at `at`, before it. */
static void move_up(import_lines *lines, size_t at, size_t from, size_t to) {
    size_t count = to - from;
    import_line *kept = xcalloc(count, sizeof *kept);
    memcpy(kept, lines->list + from, count * sizeof *kept);
    memmove(lines->list + at + count, lines->list + at, (from - at) * sizeof *kept);
    memcpy(lines->list + at, kept, count * sizeof *kept);
    free(kept);
}

static void remove_lines(import_lines *lines, size_t from, size_t to) {
    memmove(lines->list + from, lines->list + to, (lines->count - to) * sizeof *lines->list);
    lines->count -= to - from;
}

static bool has_child(const import_lines *lines, size_t loop, const import_line *like) {
    for (size_t i = loop + 1, end = end_of(lines, loop); i < end; i = end_of(lines, i)) {
        if (strcmp(lines->list[i].tag, like->tag) == 0 && lines->list[i].loop == like->loop) return true;
    }
    return false;
}

/* The loop at `second` goes into the one at `first`: no child of either is mandatory any more. */
static void merge_loops(import_lines *lines, size_t first, size_t second) {
    unsigned depth = lines->list[first].depth;
    lines->list[first].max = IMPORT_ANY;
    if (lines->list[second].min < lines->list[first].min) lines->list[first].min = lines->list[second].min;
    for (size_t i = first + 2, end = end_of(lines, first); i < end; i++)
        if (lines->list[i].depth == depth + 1) lines->list[i].min = 0;
    for (size_t i = second + 2; i < end_of(lines, second);) {
        size_t end = end_of(lines, i), into = end_of(lines, first);
        if (!has_child(lines, first, &lines->list[i])) {
            lines->list[i].min = 0;
            move_up(lines, into, i, end);
            second += end - i;
        }
        i = end;
    }
    remove_lines(lines, second, end_of(lines, second));
}

size_t import_merge(import_lines *lines) {
    size_t merged = 0;
    for (size_t i = 0; i < lines->count; i++) {
        if (!lines->list[i].loop) continue;
        for (size_t k = end_of(lines, i); k < lines->count && lines->list[k].depth == lines->list[i].depth;) {
            if (lines->list[k].loop && strcmp(lines->list[k].tag, lines->list[i].tag) == 0) {
                merge_loops(lines, i, k);
                merged++;
                k = end_of(lines, i);
                continue;
            }
            if (lines->list[k].min > 0) break;
            k = end_of(lines, k);
        }
    }
    return merged;
}

void import_write(const import_lines *lines, buf *out) {
    for (size_t i = 0; i < lines->count; i++) {
        const import_line *line = &lines->list[i];
        buf_printf(out, "%*s%s%s %u", (int)line->depth * 2, "", line->loop ? "loop " : "", line->tag, line->min);
        if (line->max >= IMPORT_ANY)
            buf_add_char(out, '-');
        else if (line->max != line->min)
            buf_printf(out, "-%u", line->max);
        if (line->loop && line->name[0]) buf_printf(out, " as %s", line->name);
        buf_add_char(out, '\n');
    }
}

void import_name(buf *out, span name) {
    bool blank = true, any = false;
    name = span_trim(name);
    for (size_t i = 0; i < name.len && i < 60; i++) {
        unsigned char c = (unsigned char)name.data[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
                     c == '/' || c == '.' || c == '(' || c == ')';
        if (!plain) {
            blank = true;
            continue;
        }
        if (blank && any) buf_add_char(out, ' ');
        blank = false;
        any = true;
        buf_add_char(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
}
