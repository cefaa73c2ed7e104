/* core/base/json_schema_inside.h: what the files behind json_schema.h share. */
#ifndef BANYAN_BASE_JSON_SCHEMA_INSIDE_H
#define BANYAN_BASE_JSON_SCHEMA_INSIDE_H

#include "core/base/json_schema.h"
#include "core/base/map.h"

#include <locale.h>
#include <regex.h>

struct json_schema {
    json_t *document;
    map *places;      /* absolute address without "#", or with "#anchor" → subschema; borrowed from the document */
    map *bases;       /* address of a subschema's node, as text → its base; owned texts */
    map *patterns;    /* expression → regex_t, owned */
    bool unevaluated; /* some subschema asks what others have looked at */
};

/* What a reference inside `subschema` leads to; NULL: nowhere. */
const json_t *schema_resolve(const json_schema *schema, const json_t *subschema, const char *reference);

/* In which patterns see characters, not bytes; 0 when the system has none. */
locale_t schema_locale(void);

#endif
