/* core/base/json_schema_check.c: holding a value against a schema. */
#include "core/base/json_schema_inside.h"

#include "core/base/memory.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MAX = 500, WORK_MAX = 2000000, POINTER_ROOM = 1024, SHOWN_TEXT = 60 };

/* What the keywords beside and below have looked at, for unevaluated*: names of members, or so many first items. */
typedef struct marks {
    json_t *names; /* object: name → true; NULL until the first */
    json_t *items; /* object of indexes behind `first`, as text */
    size_t first;  /* items below are evaluated */
    bool all_names, all_items;
} marks;

typedef struct check {
    json_schema *schema;
    json_t *faults; /* NULL while only yes or no is wanted */
    buf pointer;
    size_t work;
    int depth;
    bool too_much;
} check;

static bool fits(check *c, const json_t *schema, const json_t *value, marks *seen);

static void marks_clear(marks *m) {
    json_decref(m->names);
    json_decref(m->items);
    *m = (marks){.names = NULL};
}

static void mark_name(check *c, marks *m, const char *name) {
    if (!c->schema->unevaluated) return;
    if (!m->names) m->names = json_object();
    json_object_set_new(m->names, name, json_true());
}

static void mark_item(check *c, marks *m, size_t index) {
    char text[24];
    if (!c->schema->unevaluated) return;
    if (!m->items) m->items = json_object();
    snprintf(text, sizeof text, "%zu", index);
    json_object_set_new(m->items, text, json_true());
}

static void marks_add(marks *to, const marks *from) {
    if (from->names) {
        if (!to->names) to->names = json_object();
        json_object_update(to->names, from->names);
    }
    if (from->items) {
        if (!to->items) to->items = json_object();
        json_object_update(to->items, from->items);
    }
    if (from->first > to->first) to->first = from->first;
    to->all_names |= from->all_names;
    to->all_items |= from->all_items;
}

/* ---- faults ---- */

static bool fault(check *c, const char *keyword, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool fault(check *c, const char *keyword, const char *format, ...) {
    if (!c->faults || json_array_size(c->faults) >= JSON_SCHEMA_FAULTS_MAX) return false;
    va_list args;
    va_start(args, format);
    char *detail = xvasprintf(format, args);
    va_end(args);
    json_t *one = json_object();
    json_put_span(one, "pointer", buf_span(&c->pointer));
    json_put_text(one, "keyword", keyword);
    json_put_text(one, "detail", detail);
    json_array_append_new(c->faults, one);
    free(detail);
    return false;
}

static size_t enter(check *c, const char *name) {
    size_t before = c->pointer.len;
    buf_add_char(&c->pointer, '/');
    for (const char *n = name; *n; n++) {
        if (*n == '~' || *n == '/')
            buf_add_text(&c->pointer, *n == '~' ? "~0" : "~1");
        else
            buf_add_char(&c->pointer, *n);
    }
    return before;
}

static size_t enter_index(check *c, size_t index) {
    char text[24];
    snprintf(text, sizeof text, "%zu", index);
    return enter(c, text);
}

static void leave(check *c, size_t before) {
    c->pointer.len = before;
    if (c->pointer.data) c->pointer.data[before] = '\0';
    c->pointer.overflow = false;
}

static bool fits_member(check *c, const json_t *schema, const json_t *value, const char *name) {
    marks seen = {.names = NULL};
    size_t before = enter(c, name);
    bool good = fits(c, schema, value, &seen);
    leave(c, before);
    marks_clear(&seen);
    return good;
}

static bool fits_item(check *c, const json_t *schema, const json_t *value, size_t index) {
    marks seen = {.names = NULL};
    size_t before = enter_index(c, index);
    bool good = fits(c, schema, value, &seen);
    leave(c, before);
    marks_clear(&seen);
    return good;
}

/* Without telling why not; what it has looked at counts when it fits. */
static bool fits_quietly(check *c, const json_t *schema, const json_t *value, marks *seen) {
    json_t *faults = c->faults;
    marks own = {.names = NULL};
    c->faults = NULL;
    bool good = fits(c, schema, value, &own);
    c->faults = faults;
    if (good && seen) marks_add(seen, &own);
    marks_clear(&own);
    return good;
}

/* ---- equality: 1 and 1.0 are the same number (JSON Schema core §4.2.2) ---- */

static bool same(check *c, const json_t *a, const json_t *b, int depth) {
    const char *key;
    json_t *member;
    if (++c->work > WORK_MAX || depth > DEPTH_MAX) {
        c->too_much = true;
        return false;
    }
    if (json_is_number(a) && json_is_number(b)) {
        if (json_is_integer(a) && json_is_integer(b)) return json_integer_value(a) == json_integer_value(b);
        double left = json_number_value(a), right = json_number_value(b);
        return left <= right && left >= right;
    }
    if (json_typeof(a) != json_typeof(b)) return false;
    if (json_is_array(a)) {
        if (json_array_size(a) != json_array_size(b)) return false;
        for (size_t i = 0; i < json_array_size(a); i++)
            if (!same(c, json_array_get(a, i), json_array_get(b, i), depth + 1)) return false;
        return true;
    }
    if (!json_is_object(a)) return json_equal(a, b);
    if (json_object_size(a) != json_object_size(b)) return false;
    json_object_foreach((json_t *)(uintptr_t)a, key, member) {
        const json_t *other = json_object_get(b, key);
        if (!other || !same(c, member, other, depth + 1)) return false;
    }
    return true;
}

/* ---- any type ---- */

static bool is_type(const json_t *value, const char *type) {
    if (strcmp(type, "integer") == 0) {
        if (json_is_integer(value)) return true;
        double number = json_is_real(value) ? json_real_value(value) : 0.5;
        return fabs(number - nearbyint(number)) <= 0;
    }
    switch (json_typeof(value)) {
    case JSON_NULL: return strcmp(type, "null") == 0;
    case JSON_TRUE:
    case JSON_FALSE: return strcmp(type, "boolean") == 0;
    case JSON_OBJECT: return strcmp(type, "object") == 0;
    case JSON_ARRAY: return strcmp(type, "array") == 0;
    case JSON_STRING: return strcmp(type, "string") == 0;
    case JSON_INTEGER:
    case JSON_REAL: return strcmp(type, "number") == 0;
    }
    return false;
}

static bool check_type(check *c, const json_t *type, const json_t *value) {
    char names[128] = "";
    size_t len = 0, count = json_is_array(type) ? json_array_size(type) : 1;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_is_array(type) ? json_array_get(type, i) : type);
        if (is_type(value, name)) return true;
        if (len < sizeof names) len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", i ? " or " : "", name);
    }
    return fault(c, "type", "must be %s", names);
}

static bool check_enum(check *c, const json_t *list, const json_t *value) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (same(c, json_array_get(list, i), value, 0)) return true;
    char *text = json_text(list, false);
    bool long_list = strlen(text) > 200;
    fault(c, "enum", "must be one of %.200s%s", text, long_list ? " ..." : "");
    free(text);
    return false;
}

static bool check_any(check *c, const json_t *schema, const json_t *value) {
    bool good = true;
    const json_t *type = json_object_get(schema, "type"), *list = json_object_get(schema, "enum");
    const json_t *constant = json_object_get(schema, "const");
    if (type) good &= check_type(c, type, value);
    if (list) good &= check_enum(c, list, value);
    if (constant && !same(c, constant, value, 0)) {
        char *text = json_text(constant, false);
        good = fault(c, "const", "must be %.200s", text);
        free(text);
    }
    return good;
}

/* ---- numbers ---- */

static bool is_multiple(double number, double of) {
    double quotient = number / of;
    if (!isfinite(quotient)) return fabs(fmod(number, of)) <= 0;
    double off = fabs(quotient - nearbyint(quotient)), allowed = 1e-9 * fmax(1, fabs(quotient));
    return off <= fmin(allowed, 0.001);
}

static bool check_number(check *c, const json_t *schema, const json_t *value) {
    static const struct {
        const char *name, *words;
        int side;    /* -1: at least */
        bool equals; /* the bound itself is allowed */
    } bounds[] = {{"minimum", "at least", -1, true}, {"exclusiveMinimum", "more than", -1, false},
        {"maximum", "at most", 1, true}, {"exclusiveMaximum", "less than", 1, false}};
    double number = json_number_value(value);
    bool good = true;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        const json_t *bound = json_object_get(schema, bounds[i].name);
        if (!bound) continue;
        double limit = json_number_value(bound);
        double order = number < limit ? -1 : number > limit ? 1 : 0;
        if (json_is_integer(bound) && json_is_integer(value))
            order = json_integer_value(value) < json_integer_value(bound)   ? -1
                    : json_integer_value(value) > json_integer_value(bound) ? 1
                                                                            : 0;
        bool beyond = order * bounds[i].side > 0 || (fabs(order) <= 0 && !bounds[i].equals);
        if (beyond) good = fault(c, bounds[i].name, "must be %s %.15g", bounds[i].words, limit);
    }
    const json_t *multiple = json_object_get(schema, "multipleOf");
    if (!multiple) return good;
    bool whole = json_is_integer(multiple) && json_is_integer(value);
    bool divides = whole ? json_integer_value(value) % json_integer_value(multiple) == 0
                         : is_multiple(number, json_number_value(multiple));
    return divides ? good : fault(c, "multipleOf", "must be a multiple of %.15g", json_number_value(multiple));
}

/* ---- strings ---- */

static size_t characters_of(const char *text, size_t len) {
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static bool matches(check *c, const char *expression, const char *text) {
    const regex_t *compiled = map_get(c->schema->patterns, span_of(expression));
    c->work += strlen(text) / 16 + 8;
    return compiled && regexec(compiled, text, 0, NULL, 0) == 0;
}

static int64_t count_of(const json_t *schema, const char *name, int64_t fallback) {
    const json_t *value = json_object_get(schema, name);
    return value ? (int64_t)json_number_value(value) : fallback;
}

static bool check_string(check *c, const json_t *schema, const json_t *value) {
    const char *text = json_string_value(value), *pattern = json_get_text(schema, "pattern", NULL);
    const char *format = json_get_text(schema, "format", NULL);
    int64_t length = (int64_t)characters_of(text, json_string_length(value));
    int64_t least = count_of(schema, "minLength", 0), most = count_of(schema, "maxLength", INT64_MAX);
    bool good = true;
    if (length < least) good = fault(c, "minLength", "must have %lld characters at least", (long long)least);
    if (length > most) good = fault(c, "maxLength", "must have %lld characters at most", (long long)most);
    if (pattern && !matches(c, pattern, text)) good = fault(c, "pattern", "must match %.200s", pattern);
    if (format && !json_schema_format(format, span_make(text, json_string_length(value))))
        good = fault(c, "format", "must be a %s", format);
    return good;
}

/* ---- arrays ---- */

static bool check_unique(check *c, const json_t *value) {
    for (size_t i = 0; i < json_array_size(value); i++)
        for (size_t k = 0; k < i; k++)
            if (same(c, json_array_get(value, i), json_array_get(value, k), 0))
                return fault(c, "uniqueItems", "items %zu and %zu are the same", k, i);
    return true;
}

static bool check_contains(check *c, const json_t *schema, const json_t *value, marks *seen) {
    const json_t *contains = json_object_get(schema, "contains");
    if (!contains) return true;
    int64_t found = 0, least = count_of(schema, "minContains", 1), most = count_of(schema, "maxContains", INT64_MAX);
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!fits_quietly(c, contains, json_array_get(value, i), NULL)) continue;
        mark_item(c, seen, i);
        found++;
    }
    if (found < least) return fault(c, "contains", "must hold %lld items at least that fit", (long long)least);
    return found <= most || fault(c, "maxContains", "must hold %lld items at most that fit", (long long)most);
}

static bool check_array(check *c, const json_t *schema, const json_t *value, marks *seen) {
    const json_t *prefix = json_object_get(schema, "prefixItems"), *items = json_object_get(schema, "items");
    size_t size = json_array_size(value), first = json_array_size(prefix);
    int64_t least = count_of(schema, "minItems", 0), most = count_of(schema, "maxItems", INT64_MAX);
    bool good = true;
    if ((int64_t)size < least) good = fault(c, "minItems", "must have %lld items at least", (long long)least);
    if ((int64_t)size > most) good = fault(c, "maxItems", "must have %lld items at most", (long long)most);
    for (size_t i = 0; i < size && i < first && !c->too_much; i++)
        good &= fits_item(c, json_array_get(prefix, i), json_array_get(value, i), i);
    for (size_t i = first; items && i < size && !c->too_much; i++)
        good &= fits_item(c, items, json_array_get(value, i), i);
    if (first > seen->first) seen->first = first;
    seen->all_items |= items != NULL;
    good &= check_contains(c, schema, value, seen);
    if (json_get_bool(schema, "uniqueItems", false)) good &= check_unique(c, value);
    return good;
}

static bool check_unevaluated_items(check *c, const json_t *schema, const json_t *value, marks *seen) {
    const json_t *rest = json_object_get(schema, "unevaluatedItems");
    bool good = true;
    if (!rest || seen->all_items) return true;
    for (size_t i = seen->first; i < json_array_size(value); i++) {
        char text[24];
        snprintf(text, sizeof text, "%zu", i);
        if (!json_object_get(seen->items, text)) good &= fits_item(c, rest, json_array_get(value, i), i);
    }
    seen->all_items = true;
    return good;
}

/* ---- objects ---- */

static bool check_required(check *c, const char *keyword, const json_t *names, const json_t *value) {
    bool good = true;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (json_object_get(value, name)) continue;
        good = fault(c, keyword, "the member \"%.*s\" is missing", SHOWN_TEXT, name);
    }
    return good;
}

/* One member by properties, patternProperties and, when neither knows it, additionalProperties. */
static bool check_member(check *c, const json_t *schema, const char *name, const json_t *member, marks *seen) {
    const json_t *own = json_object_get(json_object_get(schema, "properties"), name);
    const json_t *rest = json_object_get(schema, "additionalProperties");
    const char *pattern;
    json_t *by_pattern;
    bool good = true, known = own != NULL;
    if (own) good &= fits_member(c, own, member, name);
    json_object_foreach(json_object_get(schema, "patternProperties"), pattern, by_pattern) {
        if (!matches(c, pattern, name)) continue;
        known = true;
        good &= fits_member(c, by_pattern, member, name);
    }
    if (!known && rest) {
        known = true;
        if (json_is_false(rest)) {
            size_t before = enter(c, name);
            good = fault(c, "additionalProperties", "is not known here");
            leave(c, before);
        } else {
            good &= fits_member(c, rest, member, name);
        }
    }
    if (known) mark_name(c, seen, name);
    return good;
}

static bool check_dependents(check *c, const json_t *schema, const json_t *value, marks *seen) {
    const char *name;
    json_t *what;
    bool good = true;
    json_object_foreach(json_object_get(schema, "dependentRequired"), name, what) {
        if (json_object_get(value, name)) good &= check_required(c, "dependentRequired", what, value);
    }
    json_object_foreach(json_object_get(schema, "dependentSchemas"), name, what) {
        if (json_object_get(value, name)) good &= fits(c, what, value, seen);
    }
    return good;
}

static bool check_names(check *c, const json_t *schema, const json_t *value) {
    const json_t *names = json_object_get(schema, "propertyNames");
    const char *name;
    json_t *member;
    bool good = true;
    if (!names) return true;
    json_object_foreach((json_t *)(uintptr_t)value, name, member) {
        json_t *text = json_string(name);
        good &= fits_member(c, names, text, name);
        json_decref(text);
    }
    return good;
}

static bool check_object(check *c, const json_t *schema, const json_t *value, marks *seen) {
    size_t size = json_object_size(value);
    int64_t least = count_of(schema, "minProperties", 0), most = count_of(schema, "maxProperties", INT64_MAX);
    const char *name;
    json_t *member;
    bool good = check_required(c, "required", json_object_get(schema, "required"), value);
    if ((int64_t)size < least) good = fault(c, "minProperties", "must have %lld members at least", (long long)least);
    if ((int64_t)size > most) good = fault(c, "maxProperties", "must have %lld members at most", (long long)most);
    bool by_member = json_object_get(schema, "properties") || json_object_get(schema, "patternProperties") ||
                     json_object_get(schema, "additionalProperties");
    if (by_member) {
        json_object_foreach((json_t *)(uintptr_t)value, name, member) {
            if (c->too_much) break;
            good &= check_member(c, schema, name, member, seen);
        }
    }
    good &= check_names(c, schema, value);
    return check_dependents(c, schema, value, seen) && good;
}

static bool check_unevaluated_members(check *c, const json_t *schema, const json_t *value, marks *seen) {
    const json_t *rest = json_object_get(schema, "unevaluatedProperties");
    const char *name;
    json_t *member;
    bool good = true;
    if (!rest || seen->all_names) return true;
    json_object_foreach((json_t *)(uintptr_t)value, name, member) {
        if (!json_object_get(seen->names, name)) good &= fits_member(c, rest, member, name);
    }
    seen->all_names = true;
    return good;
}

/* ---- combinations ---- */

static bool check_lists(check *c, const json_t *schema, const json_t *value, marks *seen) {
    const json_t *all = json_object_get(schema, "allOf"), *any = json_object_get(schema, "anyOf");
    const json_t *one = json_object_get(schema, "oneOf");
    size_t found = 0;
    bool good = true;
    for (size_t i = 0; i < json_array_size(all); i++)
        good &= fits(c, json_array_get(all, i), value, seen);
    for (size_t i = 0; i < json_array_size(any); i++) {
        /* All of them are asked when somebody wants to know what they have looked at. */
        if (found && !c->schema->unevaluated) break;
        found += fits_quietly(c, json_array_get(any, i), value, seen);
    }
    if (any && !found) good = fault(c, "anyOf", "fits none of the %zu alternatives", json_array_size(any));
    found = 0;
    for (size_t i = 0; i < json_array_size(one); i++)
        found += fits_quietly(c, json_array_get(one, i), value, seen);
    if (one && found != 1) good = fault(c, "oneOf", "fits %zu of the alternatives, not exactly one", found);
    return good;
}

static bool check_conditions(check *c, const json_t *schema, const json_t *value, marks *seen) {
    const json_t *unwanted = json_object_get(schema, "not"), *condition = json_object_get(schema, "if");
    bool good = true;
    if (unwanted && fits_quietly(c, unwanted, value, NULL)) good = fault(c, "not", "must not be like this");
    if (!condition) return good;
    const json_t *branch = json_object_get(schema, fits_quietly(c, condition, value, seen) ? "then" : "else");
    return (!branch || fits(c, branch, value, seen)) && good;
}

static bool check_reference(check *c, const json_t *schema, const char *keyword, const json_t *value, marks *seen) {
    const char *reference = json_get_text(schema, keyword, NULL);
    if (!reference) return true;
    const json_t *target = schema_resolve(c->schema, schema, reference);
    return target && fits(c, target, value, seen);
}

static bool fits_object_schema(check *c, const json_t *schema, const json_t *value, marks *seen) {
    bool good = check_any(c, schema, value);
    if (json_is_number(value)) good &= check_number(c, schema, value);
    if (json_is_string(value)) good &= check_string(c, schema, value);
    if (json_is_array(value)) good &= check_array(c, schema, value, seen);
    if (json_is_object(value)) good &= check_object(c, schema, value, seen);
    good &= check_reference(c, schema, "$ref", value, seen);
    good &= check_reference(c, schema, "$dynamicRef", value, seen);
    good &= check_lists(c, schema, value, seen);
    good &= check_conditions(c, schema, value, seen);
    if (json_is_array(value)) good &= check_unevaluated_items(c, schema, value, seen);
    if (json_is_object(value)) good &= check_unevaluated_members(c, schema, value, seen);
    return good;
}

static bool fits(check *c, const json_t *schema, const json_t *value, marks *seen) {
    if (c->too_much) return false;
    if (json_is_true(schema)) return true;
    if (json_is_false(schema)) return fault(c, "false", "must not be there");
    if (++c->work > WORK_MAX || c->depth >= DEPTH_MAX) {
        c->too_much = true;
        return false;
    }
    marks own = {.names = NULL};
    c->depth++;
    bool good = fits_object_schema(c, schema, value, &own);
    c->depth--;
    if (good) marks_add(seen, &own);
    marks_clear(&own);
    return good;
}

error *json_schema_check(json_schema *schema, const json_t *value, json_t **faults) {
    locale_t characters = schema_locale();
    check c = {.schema = schema, .faults = json_array(), .pointer = BUF_MAX(POINTER_ROOM)};
    marks seen = {.names = NULL};
    locale_t before = characters ? uselocale(characters) : (locale_t)0;
    bool good = fits(&c, schema->document, value, &seen);
    if (before) uselocale(before);
    marks_clear(&seen);
    buf_free(&c.pointer);
    if (!good && !c.too_much && json_array_size(c.faults) == 0) fault(&c, "schema", "does not fit");
    if (c.too_much) {
        json_decref(c.faults);
        return error_new(ERROR_LIMIT, "holding the value against its schema takes too long");
    }
    *faults = c.faults;
    return NULL;
}
