/* core/app/library_help.c: see library_help.h. */
#include "core/app/library_help.h"

#include "core/base/embedded.h"

extern const embedded_file embedded_reference[];

enum { NAME_COLUMN = 14 };

static span module_name(const embedded_file *page) {
    span path = span_of(page->path);
    return span_make(path.data, path.len - strlen(".txt"));
}

/* The first line of a page is "name: what it is for." */
static span summary(span page, span name) {
    const char *end = memchr(page.data, '\n', page.len);
    span line = span_make(page.data, end ? (size_t)(end - page.data) : page.len);
    size_t prefix = name.len + strlen(": ");
    return line.len > prefix ? span_make(line.data + prefix, line.len - prefix) : line;
}

/* What functions and their examples are made of: "hash.hex(bytes) | Bytes as hexadecimal digits." on two lines,
 * "  CODE --> RESULT" below it, "# sample: …" above all examples that read it. */
static void show_page(span page, FILE *out) {
    bool first = true;
    while (page.len > 0) {
        const char *end = memchr(page.data, '\n', page.len);
        size_t len = end ? (size_t)(end - page.data) : page.len;
        span line = span_make(page.data, len);
        bool example = span_starts(line, SPAN("  ")), given = span_starts(line, SPAN("# "));
        const char *bar = example || given ? NULL : memmem(line.data, line.len, " | ", 3);
        size_t left = bar ? (size_t)(bar - line.data) : line.len;
        if (given) line = span_make(line.data + 2, left -= 2);
        fprintf(out, "%s%.*s\n", first ? "" : example ? "      " : "  ", (int)left, line.data);
        if (bar) fprintf(out, "      %.*s\n", (int)(line.len - left - 3), bar + 3);
        if (first) fputc('\n', out);
        first = false;
        page = span_make(page.data + len + (end != NULL), page.len - len - (end != NULL));
    }
}

bool library_help(const char *module, FILE *out) {
    bool found = false;
    if (!module)
        fprintf(out, "What scripts may require; `banyan help library MODULE` tells the functions of one.\n"
                     "`globals` needs no require.\n\n");
    for (const embedded_file *page = embedded_reference; page->path; page++) {
        span name = module_name(page), words = summary(embedded_span(page), name);
        if (!module)
            fprintf(out, "  %-*.*s %.*s\n", NAME_COLUMN, (int)name.len, name.data, (int)words.len, words.data);
        else if (span_is(name, module))
            show_page(embedded_span(page), out);
        else
            continue;
        found = true;
    }
    return found;
}
