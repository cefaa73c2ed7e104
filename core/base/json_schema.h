/* core/base/json_schema.h: does a JSON value fit a schema (JSON Schema 2020-12)?
 *
 * Known are all keywords of the core, applicator, validation and unevaluated vocabularies but $dynamicRef and
 * $dynamicAnchor beyond a plain reference; $ref reaches what lies in the same document, by pointer, $anchor or $id:
 * nothing is ever fetched. `format` is asserted for date-time, date, time, duration, email, hostname, ipv4, ipv6, uri,
 * uri-reference, uuid, json-pointer and regex, and passes for other names. Patterns are ECMA-262 expressions without
 * back-references and look-around, matched in time linear in the text. Annotations are kept only as far as
 * unevaluatedProperties and unevaluatedItems need them; unknown keywords are ignored.
 *
 * Numbers are integers of 64 bits or doubles (core/base/json.h); whether one is a multiple of a fraction is decided
 * with a tolerance of 1e-9, so that 19.99 is a multiple of 0.01.
 *
 * A schema is immutable once made and used by one thread at a time. Values may be hostile: their depth is bounded by
 * the parser, the work by a budget.
 */
#ifndef BANYAN_BASE_JSON_SCHEMA_H
#define BANYAN_BASE_JSON_SCHEMA_H

#include "core/base/json.h"

typedef struct json_schema json_schema;

/* Loads what patterns need from the system, once: before a process gives up its rights to files. */
void json_schema_prepare(void);

/* Copies `document`. ERROR_INVALID names the place of a keyword that is malformed, of a reference that
 * leads nowhere, or of a pattern that cannot be read. */
must_check error *json_schema_new(const json_t *document, json_schema **out);
void json_schema_free(json_schema *schema); /* NULL is fine */

enum { JSON_SCHEMA_FAULTS_MAX = 50 };

/* What does not fit, in order, at most JSON_SCHEMA_FAULTS_MAX: [{"pointer": "/lines/0/sku", "keyword": "minLength",
 * "detail": "must have 1 character at least"}]; an empty array when all fits. Pointers are those of the value (RFC
 * 6901). ERROR_LIMIT when judging it would take too long. */
must_check error *json_schema_check(json_schema *schema, const json_t *value, json_t **faults);

/* Is the text of that format? True for formats that are not known. */
bool json_schema_format(const char *format, span text);

/* An ECMA-262 expression for regcomp with REG_EXTENDED; ERROR_INVALID when it asks for what is not done. */
must_check error *json_schema_pattern(const char *expression, buf *posix);

#endif
