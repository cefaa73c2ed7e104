/* core/base/json.h: jansson with our rules: no duplicate keys, a depth limit, errors that name the place.
 *
 * For configuration, the REST API and results of workers. Objects keep the order in which their keys came. The
 * library's own types are used as they are; ownership follows jansson ("new" and "borrowed" references).
 */
#ifndef BANYAN_BASE_JSON_H
#define BANYAN_BASE_JSON_H

#include "core/base/buf.h"

#include <jansson.h>

enum { JSON_DEPTH_MAX = 128 };

/* A new reference in *value. Errors name line and column (RFC 8259; duplicate keys and NUL in strings are refused). */
must_check error *json_parse(span text, json_t **value);

/* Compact text with sorted keys when `canonical` (for ETags and comparing), else in the order of the keys. Never fails
 * for valid values. */
char *json_text(const json_t *value, bool canonical);
char *json_pretty(const json_t *value);

/* `text` as a JSON string with its quotes (RFC 8259 §7), what is no UTF-8 replaced as by json_from_span: for the few
 * texts that are made a thousand times a second and need no tree. */
void json_add_string(buf *out, span text);

/* Members by name; borrowed; the fallback when absent or of another type. */
const char *json_get_text(const json_t *object, const char *key, const char *fallback);
span json_get_span(const json_t *object, const char *key); /* {NULL,0} when absent; keeps NULs */
int64_t json_get_integer(const json_t *object, const char *key, int64_t fallback);
bool json_get_bool(const json_t *object, const char *key, bool fallback);
json_t *json_get_object(const json_t *object, const char *key); /* NULL unless an object */
json_t *json_get_array(const json_t *object, const char *key);  /* NULL unless an array */

bool json_lists(const json_t *array, const char *text); /* is the text one of its items? NULL never is */

/* Sets a text member; bytes that are not UTF-8 become U+FFFD. NULL text leaves the member out. */
void json_put_text(json_t *object, const char *key, const char *text);
void json_put_span(json_t *object, const char *key, span text);

/* A new string of these bytes, made valid UTF-8. */
json_t *json_from_span(span text);

#endif
