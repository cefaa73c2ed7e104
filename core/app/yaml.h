/* core/app/yaml.h: YAML and JSON files as JSON values, with the place of every value.
 *
 * For `banyan apply` and banyan.yaml. What YAML 1.1 is feared for does not happen here: plain scalars are null, true,
 * false, a decimal number without leading zeros, or else text (so yes, no, 0123, 1e3, 12:30, 2026-01-31 and 10% are
 * text); anything quoted is text; a key that stands twice is refused; tags are refused; aliases (*name) and merge
 * keys (<<) give copies of complete values only, and what they stand for is bounded (no bombs), as depth and size are.
 * Not thread-safe.
 */
#ifndef BANYAN_CORE_APP_YAML_H
#define BANYAN_CORE_APP_YAML_H

#include "core/base/json.h"
#include "core/base/memory.h"

enum { YAML_DEPTH_MAX = 64, YAML_BYTES_MAX = 16 * 1024 * 1024 };

typedef struct yaml_place {
    unsigned line, column; /* from 1 */
} yaml_place;

typedef struct yaml_places yaml_places; /* JSON pointer -> place; the first document begins at "/0" */

/* An array of the file's documents (empty ones left out), and their places; both owned by the caller. An error's place
 * is "FILE:LINE:COLUMN". */
must_check error *yaml_parse(span text, const char *file, json_t **documents, yaml_places **places);

/* The place of the value at `pointer`, or of the nearest value around it. False when even the root is unknown. */
bool yaml_find_place(const yaml_places *places, const char *pointer, yaml_place *place);
void yaml_places_free(yaml_places *places); /* NULL is fine */

/* `object` as block YAML, in the order of its keys; owned by the caller. Reading it back gives the same value. */
must_check error *yaml_text(const json_t *value, char **text);

/* A member name as a part of a JSON pointer (RFC 6901 §3: ~ and / are escaped), appended to `pointer`. */
void yaml_pointer_add(buf *pointer, span name);

#endif
