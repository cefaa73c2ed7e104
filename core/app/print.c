/* core/app/print.c: see print.h. */
#include "core/app/print.h"

#include "core/base/memory.h"

#include <stdlib.h>

enum { CELL_BYTES_MAX = 64 * 1024, COLUMNS_MAX = 16, GAP = 2 };

void print_json(const json_t *value) {
    char *text = json_pretty(value);
    puts(text);
    free(text);
}

char *print_safe(span text) {
    buf safe = BUF_MAX(CELL_BYTES_MAX);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool second_controls = c == 0xC2 && i + 1 < text.len && (unsigned char)text.data[i + 1] < 0xA0;
        if (c < 0x20 || c == 0x7F) {
            buf_printf(&safe, "\\x%02X", c);
        } else if (second_controls) {
            buf_printf(&safe, "\\x%02X", (unsigned char)text.data[++i]);
        } else {
            buf_add_char(&safe, text.data[i]);
        }
    }
    return buf_take(&safe, NULL);
}

static const json_t *value_at(const json_t *item, const char *path) {
    span rest = span_of(path), part;
    while (item && span_split(&rest, '/', &part)) {
        uint64_t index;
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)part.len, part.data);
        if (json_is_array(item))
            item = span_to_u64(part, 0, SIZE_MAX, &index) ? json_array_get(item, (size_t)index) : NULL;
        else
            item = json_object_get(item, name);
    }
    return item;
}

static void add_value(buf *cell, const json_t *value) {
    if (json_is_string(value)) {
        buf_add(cell, span_make(json_string_value(value), json_string_length(value)));
    } else if (json_is_boolean(value)) {
        buf_add_text(cell, json_is_true(value) ? "yes" : "no");
    } else if (value && !json_is_null(value)) {
        char *text = json_text(value, false);
        buf_add_text(cell, text);
        free(text);
    }
}

/* A list of texts reads better as "a, b" than as JSON. */
char *print_cell(const json_t *item, const char *path) {
    const json_t *value = value_at(item, path);
    buf cell = BUF_MAX(CELL_BYTES_MAX);
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (i > 0) buf_add_text(&cell, ", ");
        add_value(&cell, json_array_get(value, i));
    }
    if (!json_is_array(value)) add_value(&cell, value);
    char *safe = print_safe(buf_span(&cell));
    buf_free(&cell);
    return safe;
}

/* Characters, near enough: bytes that begin one in UTF-8. */
static size_t width(const char *text) {
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static void print_row(FILE *out, char *const *cells, const size_t *widths, size_t columns) {
    for (size_t i = 0; i < columns; i++) {
        const char *cell = *cells[i] ? cells[i] : "-";
        int padding = i + 1 < columns ? (int)(widths[i] - width(cell)) + GAP : 0;
        fprintf(out, "%s%*s", cell, padding, "");
    }
    fputc('\n', out);
}

void print_table(FILE *out, const print_column *columns, const json_t *items) {
    size_t column_count = 0, row_count = json_array_size(items), widths[COLUMNS_MAX];
    if (row_count == 0) {
        fputs("none\n", out);
        return;
    }
    while (columns[column_count].key && column_count < COLUMNS_MAX)
        column_count++;
    char **cells = xcalloc((row_count + 1) * column_count, sizeof *cells);
    for (size_t r = 0; r <= row_count; r++) {
        for (size_t i = 0; i < column_count; i++) {
            char *cell = r == 0 ? xstrdup(columns[i].title) : print_cell(json_array_get(items, r - 1), columns[i].key);
            size_t wide = *cell ? width(cell) : 1;
            if (r == 0 || wide > widths[i]) widths[i] = wide;
            cells[r * column_count + i] = cell;
        }
    }
    for (size_t r = 0; r <= row_count; r++)
        print_row(out, cells + r * column_count, widths, column_count);
    for (size_t i = 0; i < (row_count + 1) * column_count; i++)
        free(cells[i]);
    free(cells);
}
