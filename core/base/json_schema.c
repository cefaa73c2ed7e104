/* core/base/json_schema.c: making a schema: keywords are checked, patterns compiled, references indexed. */
#include "core/base/json_schema_inside.h"

#include "core/base/memory.h"

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ADDRESS_ROOM = 2048, PATTERN_ROOM = 64 * 1024, DEPTH_MAX = 200 };

typedef enum shape {
    IS_ANY,
    IS_SCHEMA,
    IS_SCHEMAS,    /* an array of schemas, not empty */
    IS_SCHEMA_MAP, /* an object of schemas */
    IS_PATTERN_MAP,
    IS_NUMBER,
    IS_POSITIVE,
    IS_COUNT,
    IS_TEXT,
    IS_PATTERN,
    IS_TEXTS,
    IS_TEXTS_MAP,
    IS_BOOLEAN,
    IS_ARRAY,
    IS_TYPE,
} shape;

static const struct keyword {
    const char *name;
    shape shape;
} keywords[] = {{"$id", IS_TEXT}, {"$anchor", IS_TEXT}, {"$dynamicAnchor", IS_TEXT}, {"$ref", IS_TEXT},
    {"$dynamicRef", IS_TEXT}, {"$defs", IS_SCHEMA_MAP}, {"definitions", IS_SCHEMA_MAP}, {"allOf", IS_SCHEMAS},
    {"anyOf", IS_SCHEMAS}, {"oneOf", IS_SCHEMAS}, {"not", IS_SCHEMA}, {"if", IS_SCHEMA}, {"then", IS_SCHEMA},
    {"else", IS_SCHEMA}, {"dependentSchemas", IS_SCHEMA_MAP}, {"prefixItems", IS_SCHEMAS}, {"items", IS_SCHEMA},
    {"contains", IS_SCHEMA}, {"properties", IS_SCHEMA_MAP}, {"patternProperties", IS_PATTERN_MAP},
    {"additionalProperties", IS_SCHEMA}, {"propertyNames", IS_SCHEMA}, {"unevaluatedItems", IS_SCHEMA},
    {"unevaluatedProperties", IS_SCHEMA}, {"type", IS_TYPE}, {"const", IS_ANY}, {"enum", IS_ARRAY},
    {"multipleOf", IS_POSITIVE}, {"maximum", IS_NUMBER}, {"exclusiveMaximum", IS_NUMBER}, {"minimum", IS_NUMBER},
    {"exclusiveMinimum", IS_NUMBER}, {"maxLength", IS_COUNT}, {"minLength", IS_COUNT}, {"pattern", IS_PATTERN},
    {"maxItems", IS_COUNT}, {"minItems", IS_COUNT}, {"uniqueItems", IS_BOOLEAN}, {"maxContains", IS_COUNT},
    {"minContains", IS_COUNT}, {"maxProperties", IS_COUNT}, {"minProperties", IS_COUNT}, {"required", IS_TEXTS},
    {"dependentRequired", IS_TEXTS_MAP}, {"format", IS_TEXT}};

/* ---- addresses ---- */

/* `reference` held against `base` (RFC 3986 §5, as far as schemas use it), without its fragment. */
static void join_address(const char *base, const char *reference, char out[ADDRESS_ROOM]) {
    size_t len = strcspn(reference, "#");
    const char *colon = memchr(reference, ':', len), *slash = memchr(reference, '/', len);
    size_t base_len = strcspn(base, "#");
    if (len == 0) {
        snprintf(out, ADDRESS_ROOM, "%.*s", (int)base_len, base);
    } else if (colon && (!slash || colon < slash)) {
        snprintf(out, ADDRESS_ROOM, "%.*s", (int)len, reference);
    } else {
        const char *authority = strstr(base, "://");
        const char *path = authority ? strchr(authority + 3, '/') : strchr(base, '/');
        size_t keep = 0;
        if (reference[0] == '/') {
            keep = path ? (size_t)(path - base) : base_len;
        } else {
            for (size_t i = 0; i < base_len; i++)
                if (base[i] == '/') keep = i + 1;
            if (authority && !path) keep = base_len;
        }
        bool needs_slash = authority && !path && reference[0] != '/';
        snprintf(out, ADDRESS_ROOM, "%.*s%s%.*s", (int)keep, base, needs_slash ? "/" : "", (int)len, reference);
    }
}

static void node_key(const json_t *node, char key[32]) {
    snprintf(key, 32, "%p", (const void *)node);
}

static const char *base_of(const json_schema *schema, const json_t *node) {
    char key[32];
    node_key(node, key);
    const char *base = map_get(schema->bases, span_of(key));
    return base ? base : "";
}

/* One step of a pointer, with ~ and % escapes undone. */
static char *unescape(span part) {
    char *text = xspandup(part), *to = text;
    for (const char *c = text; *c; c++) {
        unsigned byte;
        if (*c == '%' && sscanf(c + 1, "%2x", &byte) == 1 && c[1] && c[2]) {
            *to++ = (char)byte;
            c += 2;
        } else {
            *to++ = *c;
        }
    }
    *to = '\0';
    for (to = text; *to; to++) {
        if (*to != '~' || (to[1] != '0' && to[1] != '1')) continue;
        *to = to[1] == '0' ? '~' : '/';
        memmove(to + 1, to + 2, strlen(to + 2) + 1);
    }
    return text;
}

static const json_t *walk_pointer(const json_t *node, const char *pointer) {
    span rest = span_of(pointer), part;
    if (*pointer && *pointer != '/') return NULL;
    span_split(&rest, '/', &part);
    while (node && rest.data && span_split(&rest, '/', &part)) {
        char *name = unescape(part);
        uint64_t index;
        if (json_is_array(node))
            node = span_to_u64(span_of(name), 0, json_array_size(node), &index) ? json_array_get(node, index) : NULL;
        else
            node = json_object_get(node, name);
        free(name);
    }
    return node;
}

const json_t *schema_resolve(const json_schema *schema, const json_t *subschema, const char *reference) {
    char address[ADDRESS_ROOM];
    const char *fragment = strchr(reference, '#');
    join_address(base_of(schema, subschema), reference, address);
    const json_t *root = map_get(schema->places, span_of(address));
    if (!root || !fragment || !fragment[1]) return root;
    if (fragment[1] == '/') return walk_pointer(root, fragment + 1);
    char *anchored = xasprintf("%s%s", address, fragment);
    const json_t *found = map_get(schema->places, span_of(anchored));
    free(anchored);
    return found;
}

/* ---- checking and indexing ---- */

typedef struct walk {
    json_schema *schema;
    const json_t **references; /* subschemas with a $ref, looked at in the end */
    size_t reference_count;
    int depth;
} walk;

static error *walk_schema(walk *w, json_t *node, const char *base, const char *pointer);

void json_schema_prepare(void) {
    (void)schema_locale();
}

/* Patterns are matched by characters, whatever the locale of the process is. */
locale_t schema_locale(void) {
    static locale_t utf8;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!utf8) utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    pthread_mutex_unlock(&lock);
    return utf8;
}

static error *add_pattern(json_schema *schema, const char *expression) {
    if (map_get(schema->patterns, span_of(expression))) return NULL;
    buf posix = BUF_MAX(PATTERN_ROOM);
    error *err = json_schema_pattern(expression, &posix);
    if (!err) {
        regex_t *compiled = xcalloc(1, sizeof *compiled);
        locale_t before = schema_locale() ? uselocale(schema_locale()) : (locale_t)0;
        int failed = regcomp(compiled, buf_text(&posix), REG_EXTENDED | REG_NOSUB);
        if (before) uselocale(before);
        if (failed) {
            err = error_new(ERROR_INVALID, "the pattern \"%s\" cannot be read", expression);
            free(compiled);
        } else {
            map_put(schema->patterns, span_of(expression), compiled);
        }
    }
    buf_free(&posix);
    return err;
}

static error *malformed(const char *pointer, const char *name, const char *what) {
    return error_at(error_new(ERROR_INVALID, "%s: must be %s", name, what), "%s/%s", pointer, name);
}

static error *check_texts(const json_t *value, const char *pointer, const char *name) {
    if (!json_is_array(value)) return malformed(pointer, name, "a list of texts");
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i))) return malformed(pointer, name, "a list of texts");
    return NULL;
}

static error *check_type(const json_t *value, const char *pointer) {
    static const char *const types[] = {"null", "boolean", "object", "array", "number", "string", "integer"};
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < count; i++) {
        const char *type = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
        bool known = false;
        for (size_t k = 0; type && k < sizeof types / sizeof *types; k++)
            known |= strcmp(types[k], type) == 0;
        if (!known)
            return malformed(pointer, "type", "one or more of null, boolean, object, array, number, string, integer");
    }
    return count ? NULL : malformed(pointer, "type", "one type or more");
}

static error *walk_members(walk *w, json_t *value, const char *base, const char *pointer, const char *name) {
    const char *key;
    json_t *member;
    error *err = json_is_object(value) ? NULL : malformed(pointer, name, "an object of schemas");
    json_object_foreach(value, key, member) {
        char *place = xasprintf("%s/%s/%s", pointer, name, key);
        if (!err) err = walk_schema(w, member, base, place);
        free(place);
    }
    return err;
}

static error *walk_items(walk *w, json_t *value, const char *base, const char *pointer, const char *name) {
    error *err = json_array_size(value) > 0 ? NULL : malformed(pointer, name, "a list of schemas, not empty");
    for (size_t i = 0; i < json_array_size(value) && !err; i++) {
        char *place = xasprintf("%s/%s/%zu", pointer, name, i);
        err = walk_schema(w, json_array_get(value, i), base, place);
        free(place);
    }
    return err;
}

static error *check_keyword(walk *w, const struct keyword *k, json_t *value, const char *base, const char *pointer) {
    const char *key, *name = k->name;
    json_t *member;
    error *err = NULL;
    switch (k->shape) {
    case IS_ANY: return NULL;
    case IS_SCHEMA: {
        char *place = xasprintf("%s/%s", pointer, name);
        err = walk_schema(w, value, base, place);
        free(place);
        return err;
    }
    case IS_SCHEMAS: return walk_items(w, value, base, pointer, name);
    case IS_SCHEMA_MAP: return walk_members(w, value, base, pointer, name);
    case IS_PATTERN_MAP:
        json_object_foreach(value, key, member) if (!err) err =
            error_at(add_pattern(w->schema, key), "%s/%s", pointer, name);
        return err ? err : walk_members(w, value, base, pointer, name);
    case IS_NUMBER: return json_is_number(value) ? NULL : malformed(pointer, name, "a number");
    case IS_POSITIVE:
        return json_is_number(value) && json_number_value(value) > 0 ? NULL
                                                                     : malformed(pointer, name, "a number above 0");
    case IS_COUNT: {
        double number = json_is_number(value) ? json_number_value(value) : -1;
        bool whole = number >= 0 && number < 9e15 && number == (double)(int64_t)number;
        return whole ? NULL : malformed(pointer, name, "a whole number, not negative");
    }
    case IS_TEXT: return json_is_string(value) ? NULL : malformed(pointer, name, "text");
    case IS_PATTERN:
        if (!json_is_string(value)) return malformed(pointer, name, "text");
        return error_at(add_pattern(w->schema, json_string_value(value)), "%s/%s", pointer, name);
    case IS_TEXTS: return check_texts(value, pointer, name);
    case IS_TEXTS_MAP:
        if (!json_is_object(value)) return malformed(pointer, name, "an object of lists");
        json_object_foreach(value, key, member) if (!err) err = check_texts(member, pointer, name);
        return err;
    case IS_BOOLEAN: return json_is_boolean(value) ? NULL : malformed(pointer, name, "true or false");
    case IS_ARRAY: return json_is_array(value) ? NULL : malformed(pointer, name, "a list");
    case IS_TYPE: return check_type(value, pointer);
    }
    return NULL;
}

static void add_anchor(json_schema *schema, const char *base, const char *anchor, json_t *node) {
    if (!anchor) return;
    char *address = xasprintf("%.*s#%s", (int)strcspn(base, "#"), base, anchor);
    map_put(schema->places, span_of(address), node);
    free(address);
}

static void add_base(json_schema *schema, const char *base, const json_t *node) {
    char key[32];
    node_key(node, key);
    free(map_put(schema->bases, span_of(key), xstrdup(base)));
}

static error *walk_schema(walk *w, json_t *node, const char *base, const char *pointer) {
    char address[ADDRESS_ROOM];
    error *err = NULL;
    if (json_is_boolean(node)) return NULL;
    if (!json_is_object(node))
        return error_at(error_new(ERROR_INVALID, "a schema is an object, true or false"), "%s", pointer);
    if (w->depth >= DEPTH_MAX) return error_at(error_new(ERROR_LIMIT, "the schema is nested too deep"), "%s", pointer);
    const char *id = json_get_text(node, "$id", NULL);
    if (id) {
        join_address(base, id, address);
        base = address;
        map_put(w->schema->places, span_of(base), node);
    }
    add_base(w->schema, base, node);
    add_anchor(w->schema, base, json_get_text(node, "$anchor", NULL), node);
    add_anchor(w->schema, base, json_get_text(node, "$dynamicAnchor", NULL), node);
    w->schema->unevaluated |=
        json_object_get(node, "unevaluatedItems") || json_object_get(node, "unevaluatedProperties");
    if (json_object_get(node, "$ref") || json_object_get(node, "$dynamicRef")) {
        w->references = xreallocarray(w->references, w->reference_count + 1, sizeof *w->references);
        w->references[w->reference_count++] = node;
    }
    w->depth++;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords && !err; i++) {
        json_t *value = json_object_get(node, keywords[i].name);
        if (value) err = check_keyword(w, &keywords[i], value, base, pointer);
    }
    w->depth--;
    return err;
}

/* A reference may lead to what no keyword names as a schema; that is one then. */
static error *check_references(walk *w) {
    static const char *const names[] = {"$ref", "$dynamicRef"};
    error *err = NULL;
    for (size_t i = 0; i < w->reference_count && !err; i++) {
        for (size_t k = 0; k < 2 && !err; k++) {
            const char *reference = json_get_text(w->references[i], names[k], NULL);
            if (!reference) continue;
            const json_t *target = schema_resolve(w->schema, w->references[i], reference);
            char key[32];
            if (!target) {
                err = error_new(ERROR_INVALID, "%s: there is nothing at \"%s\"", names[k], reference);
                continue;
            }
            node_key(target, key);
            if (!map_get(w->schema->bases, span_of(key)))
                err = walk_schema(w, (json_t *)(uintptr_t)target, base_of(w->schema, w->references[i]), reference);
        }
    }
    return err;
}

error *json_schema_new(const json_t *document, json_schema **out) {
    json_schema *schema = xcalloc(1, sizeof *schema);
    /* Nodes are told apart by their address: a copy has none twice. */
    schema->document = json_deep_copy(document);
    schema->places = map_new();
    schema->bases = map_new();
    schema->patterns = map_new();
    walk w = {.schema = schema};
    map_put(schema->places, SPAN(""), schema->document);
    error *err = walk_schema(&w, schema->document, "", "");
    if (!err) err = check_references(&w);
    free(w.references);
    if (err) {
        json_schema_free(schema);
        return err;
    }
    *out = schema;
    return NULL;
}

static void free_pattern(void *value) {
    regfree(value);
    free(value);
}

void json_schema_free(json_schema *schema) {
    if (!schema) return;
    map_free(schema->places, NULL);
    map_free(schema->bases, free);
    map_free(schema->patterns, free_pattern);
    json_decref(schema->document);
    free(schema);
}
