/* core/app/help_pages.c: see help_pages.h. */
#include "core/app/help_pages.h"

#include "core/base/embedded.h"

extern const embedded_file embedded_help[];

bool help_page(const char *topic, FILE *out) {
    for (const embedded_file *page = embedded_help; page->path; page++) {
        span path = span_of(page->path), text = embedded_span(page);
        if (!span_is(span_make(path.data, path.len - strlen(".txt")), topic)) continue;
        fprintf(out, "%.*s", (int)text.len, text.data);
        return true;
    }
    return false;
}
