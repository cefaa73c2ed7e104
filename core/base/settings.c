/* core/base/settings.c: see settings.h. */
#include "core/base/settings.h"

#include "core/base/clock.h"
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 64, SCOPE_MAX_BYTES = 256, PATH_ROOM = 512, NEAR_ENOUGH = 3, WORD_MAX = 64 };

void fault_list_add(fault_list *list, error *take) {
    if (!take) return;
    list->faults = xreallocarray(list->faults, list->count + 1, sizeof *list->faults);
    list->faults[list->count++] = take;
}

void fault_list_free(fault_list *list) {
    for (size_t i = 0; i < list->count; i++)
        error_free(list->faults[i]);
    free(list->faults);
    *list = (fault_list){.faults = NULL, .count = 0};
}

bool settings_is_name(span text) {
    if (text.len == 0 || text.len > NAME_MAX_BYTES) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (i == 0 || !strchr("._-", c) || c == '\0')) return false;
    }
    return true;
}

bool settings_is_scope(span text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c <= ' ' || c > '~' || c == '"' || c == '\\') return false;
    }
    return text.len > 0 && text.len <= SCOPE_MAX_BYTES;
}

error *settings_parse_size(span text, int64_t *bytes) {
    static const struct {
        const char *unit;
        int64_t factor;
    } units[] = {{"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}};
    size_t digits = 0;
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    span unit = span_make(text.data + digits, text.len - digits);
    int64_t number;
    if (span_to_i64(span_make(text.data, digits), 0, INT32_MAX, &number)) {
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
            if (!span_is(unit, units[i].unit)) continue;
            *bytes = number * units[i].factor;
            return NULL;
        }
    }
    return error_new(
        ERROR_INVALID, "\"%.*s\" is not a size such as 65536, 64KiB, 10MiB or 1GiB", (int)text.len, text.data);
}

/* Levenshtein distance of two short words. */
static size_t distance(const char *a, const char *b) {
    size_t row[WORD_MAX + 1], a_len = strlen(a), b_len = strlen(b);
    if (a_len > WORD_MAX || b_len > WORD_MAX) return WORD_MAX;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < best) best = above + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[b_len];
}

const char *settings_nearest(const char *word, const char *const *candidates, size_t count) {
    const char *best = NULL;
    size_t least = NEAR_ENOUGH;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, candidates[i]);
        if (d < least && d < strlen(candidates[i])) {
            least = d;
            best = candidates[i];
        }
    }
    return best;
}

const setting *settings_find(const setting *table, const char *name) {
    for (const setting *s = table; s->name; s++) {
        if (strcmp(s->name, name) == 0) return s;
    }
    return NULL;
}

static error *unknown_setting(const setting *table, const char *name) {
    const char *names[WORD_MAX];
    size_t count = 0;
    for (const setting *s = table; s->name && count < WORD_MAX; s++)
        names[count++] = s->name;
    const char *near = settings_nearest(name, names, count);
    if (near) return error_new(ERROR_INVALID, "unknown setting \"%s\"; did you mean \"%s\"?", name, near);
    return error_new(ERROR_INVALID, "unknown setting \"%s\"", name);
}

static bool is_choice(const char *choices, const char *text) {
    span rest = span_of(choices), choice;
    while (span_split(&rest, ' ', &choice)) {
        if (span_is(choice, text)) return true;
    }
    return false;
}

static error *check_range(const setting *s, int64_t value, const char *unit) {
    if (s->max <= 0 || (value >= s->min && value <= s->max)) return NULL;
    return error_new(ERROR_INVALID, "must be from %lld to %lld%s", (long long)s->min, (long long)s->max, unit);
}

static error *check_plain_text(const setting *s, span text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < 0x20 && !s->secret) || c == 0x7F || c == 0)
            return error_new(ERROR_INVALID, "holds a control character");
    }
    if (s->max > 0 && (text.len > (size_t)s->max || text.len < (size_t)s->min))
        return error_new(ERROR_INVALID, "must have %lld to %lld characters", (long long)s->min, (long long)s->max);
    return NULL;
}

static error *check_name(span text) {
    if (settings_is_name(text)) return NULL;
    return error_new(ERROR_INVALID, "\"%.*s\" is not a name: letters, digits, . _ and -, at most %d", (int)text.len,
        text.data, NAME_MAX_BYTES);
}

/* What YAML takes for a number or a truth value was often meant as text. */
static error *not_text(const setting *s, const json_t *value) {
    switch (s->type) {
    case SETTING_CHOICE: return error_new(ERROR_INVALID, "must be one of: %s", s->choices);
    case SETTING_DURATION: return error_new(ERROR_INVALID, "must be a duration such as 500ms, 30s, 5m, 2h or 7d");
    case SETTING_SIZE: return error_new(ERROR_INVALID, "must be a size such as 65536, 64KiB, 10MiB or 1GiB");
    default: break;
    }
    if (json_is_integer(value))
        return error_new(
            ERROR_INVALID, "must be text: write it in quotes, \"%lld\"", (long long)json_integer_value(value));
    return error_new(ERROR_INVALID, json_is_object(value) || json_is_array(value) || json_is_null(value)
                                        ? "must be text"
                                        : "must be text: write it in quotes");
}

static error *check_text_value(const setting *s, const json_t *value) {
    if (!json_is_string(value)) return not_text(s, value);
    span text = span_make(json_string_value(value), json_string_length(value));
    int64_t number;
    error *err = NULL;
    switch (s->type) {
    case SETTING_NAME: return check_name(text);
    case SETTING_CHOICE:
        if (!is_choice(s->choices, text.data)) return error_new(ERROR_INVALID, "must be one of: %s", s->choices);
        return NULL;
    case SETTING_DURATION: err = clock_parse_duration(text, &number); return err ? err : check_range(s, number, " ms");
    case SETTING_SIZE: err = settings_parse_size(text, &number); return err ? err : check_range(s, number, " bytes");
    default: return check_plain_text(s, text);
    }
}

static void check_list(const setting *s, const json_t *value, const char *path, fault_list *faults) {
    char place[PATH_ROOM];
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        snprintf(place, sizeof place, "%s/%zu", path, i);
        if (s->type == SETTING_OBJECTS) {
            if (json_is_object(item))
                settings_check(s->nested, item, place, faults);
            else
                fault_list_add(faults, error_at(error_new(ERROR_INVALID, "must be an object"), "%s", place));
        } else {
            setting element = *s;
            element.type = s->type == SETTING_NAMES ? SETTING_NAME : s->choices ? SETTING_CHOICE : SETTING_TEXT;
            fault_list_add(faults, error_at(check_text_value(&element, item), "%s", place));
        }
    }
}

static error *check_map(const json_t *value) {
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member) {
        if (json_is_string(member)) continue;
        bool plain = json_is_number(member) || json_is_boolean(member);
        return error_new(ERROR_INVALID, "the value of \"%s\" must be text%s", key, plain ? ": write it in quotes" : "");
    }
    return NULL;
}

static error *check_integer(const setting *s, const json_t *value) {
    if (!json_is_integer(value)) return error_new(ERROR_INVALID, "must be a whole number");
    return check_range(s, (int64_t)json_integer_value(value), "");
}

/* Sizes and durations may be written as bare numbers: bytes, and 0. */
static bool is_bare_number(const setting *s, const json_t *value) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    return s->type == SETTING_SIZE || (s->type == SETTING_DURATION && json_integer_value(value) == 0);
}

static void check_value(const setting *s, const json_t *value, const char *path, fault_list *faults) {
    error *err = NULL;
    switch (s->type) {
    case SETTING_INTEGER: err = check_integer(s, value); break;
    case SETTING_BOOLEAN:
        if (!json_is_boolean(value)) err = error_new(ERROR_INVALID, "must be true or false");
        break;
    case SETTING_NAMES:
    case SETTING_TEXTS:
    case SETTING_OBJECTS:
        if (json_is_array(value))
            check_list(s, value, path, faults);
        else
            err = error_new(ERROR_INVALID, "must be a list");
        break;
    case SETTING_OBJECT:
        if (!json_is_object(value))
            err = error_new(ERROR_INVALID, "must be an object");
        else if (s->nested)
            settings_check(s->nested, value, path, faults);
        break;
    case SETTING_MAP:
        err = json_is_object(value) ? check_map(value) : error_new(ERROR_INVALID, "must be an object");
        break;
    case SETTING_ANY: break;
    default:
        if (!is_bare_number(s, value)) err = check_text_value(s, value);
    }
    fault_list_add(faults, error_at(error_wrap(err, "%s", s->name), "%s", path));
}

/* "path/key" as a JSON pointer (RFC 6901 §3), cut when it is too long. */
static void make_place(char place[PATH_ROOM], const char *path, const char *key) {
    size_t n = (size_t)snprintf(place, PATH_ROOM, "%s/", path);
    for (; *key && n + 3 < PATH_ROOM; key++) {
        if (*key == '~' || *key == '/') {
            place[n++] = '~';
            place[n++] = *key == '~' ? '0' : '1';
        } else {
            place[n++] = *key;
        }
    }
    if (n < PATH_ROOM) place[n] = '\0';
}

void settings_check(const setting *table, const json_t *object, const char *path, fault_list *faults) {
    char place[PATH_ROOM];
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        const setting *s = settings_find(table, key);
        make_place(place, path, key);
        if (!s)
            fault_list_add(faults, error_at(unknown_setting(table, key), "%s", place));
        else
            check_value(s, value, place, faults);
    }
    for (const setting *s = table; s->name; s++) {
        if (!s->required || json_object_get(object, s->name)) continue;
        fault_list_add(faults,
            error_at(error_new(ERROR_INVALID, "the setting \"%s\" is missing: %s", s->name, s->help), "%s", path));
    }
}

const char *settings_text(const setting *table, const json_t *object, const char *name) {
    const char *text = json_get_text(object, name, NULL);
    return text ? text : settings_find(table, name)->fallback;
}

int64_t settings_integer(const setting *table, const json_t *object, const char *name) {
    const setting *s = settings_find(table, name);
    const json_t *value = json_object_get(object, name);
    int64_t number = 0;
    if (json_is_integer(value)) return (int64_t)json_integer_value(value);
    const char *text = json_is_string(value) ? json_string_value(value) : s->fallback;
    if (!text) return 0;
    error *err = NULL;
    if (s->type == SETTING_DURATION)
        err = clock_parse_duration(span_of(text), &number);
    else if (s->type == SETTING_SIZE)
        err = settings_parse_size(span_of(text), &number);
    else if (!span_to_i64(span_of(text), INT64_MIN, INT64_MAX, &number))
        number = 0;
    error_free(err);
    return number;
}

bool settings_boolean(const setting *table, const json_t *object, const char *name) {
    const setting *s = settings_find(table, name);
    return json_get_bool(object, name, s->fallback && strcmp(s->fallback, "true") == 0);
}

static json_t *choices_schema(const char *choices) {
    json_t *list = json_array();
    span rest = span_of(choices), choice;
    while (span_split(&rest, ' ', &choice))
        json_array_append_new(list, json_from_span(choice));
    return list;
}

/* The default in the type of its setting. */
static json_t *fallback_schema(const setting *s) {
    int64_t number;
    if (s->type == SETTING_BOOLEAN) return json_boolean(strcmp(s->fallback, "true") == 0);
    if (s->type == SETTING_INTEGER && span_to_i64(span_of(s->fallback), INT64_MIN, INT64_MAX, &number))
        return json_integer((json_int_t)number);
    return json_string(s->fallback);
}

static json_t *item_schema(const setting *s) {
    json_t *item = json_pack("{s:s}", "type", "string");
    if (s->choices) json_object_set_new(item, "enum", choices_schema(s->choices));
    return item;
}

static json_t *setting_schema(const setting *s) {
    static const char *const json_types[] = {[SETTING_INTEGER] = "integer",
        [SETTING_BOOLEAN] = "boolean",
        [SETTING_NAMES] = "array",
        [SETTING_TEXTS] = "array",
        [SETTING_OBJECT] = "object",
        [SETTING_OBJECTS] = "array",
        [SETTING_MAP] = "object",
        [SETTING_ANY] = NULL};
    const char *type = json_types[s->type];
    json_t *schema = s->nested && s->type == SETTING_OBJECT ? settings_schema(s->nested) : json_object();
    if (!type && s->type != SETTING_ANY) type = "string";
    json_put_text(schema, "type", type);
    json_put_text(schema, "description", s->help);
    if (s->fallback) json_object_set_new(schema, "default", fallback_schema(s));
    json_put_text(schema, "x-reference", s->reference);
    if (s->choices && s->type == SETTING_CHOICE) json_object_set_new(schema, "enum", choices_schema(s->choices));
    if (s->secret) json_object_set_new(schema, "writeOnly", json_true());
    if (s->type == SETTING_NAME) json_put_text(schema, "pattern", "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$");
    if (s->type == SETTING_DURATION) json_put_text(schema, "format", "duration-text");
    if (s->type == SETTING_SIZE) json_put_text(schema, "format", "size-text");
    if (s->type == SETTING_INTEGER && s->max > 0) {
        json_object_set_new(schema, "minimum", json_integer(s->min));
        json_object_set_new(schema, "maximum", json_integer(s->max));
    }
    if (s->type == SETTING_TEXT && s->max > 0) {
        json_object_set_new(schema, "minLength", json_integer(s->min));
        json_object_set_new(schema, "maxLength", json_integer(s->max));
    }
    if (s->type == SETTING_OBJECTS) json_object_set_new(schema, "items", settings_schema(s->nested));
    if (s->type == SETTING_NAMES || s->type == SETTING_TEXTS) json_object_set_new(schema, "items", item_schema(s));
    return schema;
}

json_t *settings_schema(const setting *table) {
    json_t *schema = json_object(), *properties = json_object(), *required = json_array();
    for (const setting *s = table; s->name; s++) {
        json_object_set_new(properties, s->name, setting_schema(s));
        if (s->required) json_array_append_new(required, json_string(s->name));
    }
    json_put_text(schema, "type", "object");
    json_object_set_new(schema, "properties", properties);
    json_object_set_new(schema, "required", required);
    json_object_set_new(schema, "additionalProperties", json_false());
    return schema;
}
