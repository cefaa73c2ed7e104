/* core/app/print.h: what the command line shows: aligned tables for people, JSON for programs.
 *
 * Texts of partners reach the terminal only through here: control characters are shown as \xNN, so that no file name
 * or error text can move the cursor or change the title.
 */
#ifndef BANYAN_CORE_APP_PRINT_H
#define BANYAN_CORE_APP_PRINT_H

#include "core/base/json.h"

#include <stdio.h>

typedef struct print_column {
    const char *title;
    const char *key; /* of the item: "partner", or "documents/0/type" for something inside; NULL ends */
} print_column;

void print_json(const json_t *value); /* pretty, on standard output */

/* One line an item, under a line of titles; cells without a value show "-". Says "none" for an empty list. */
void print_table(FILE *out, const print_column *columns, const json_t *items);

/* The value at `path` ("documents/0/type") as text for people; "" when absent. Owned by the caller. */
char *print_cell(const json_t *item, const char *path);

/* `text` made safe for a terminal; owned by the caller. */
char *print_safe(span text);

#endif
