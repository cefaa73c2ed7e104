/* core/script/hint.c: see hint.h. */
#include "core/script/hint.h"

#include "core/base/json.h"
#include "core/base/memory.h"
#include "core/base/settings.h"

#include <stdlib.h>

enum { VALUES_MAX = 2000, SEARCHED_MAX = 1024 * 1024, DEPTH_SHOWN = 16 };

static const struct {
    const char *words, *hint;
} known[] = {
    {"'then' expected near '='", "equal is written == in a condition"},
    {"near '!'", "not equal is written ~="},
    {"near '+'", "a variable is counted up by writing it out: n = n + 1"},
    {"call a table value (for iterator", "a list is walked with ipairs: for i, line in ipairs(list) do"},
    {"(global 'io')", "scripts have no files: what they need comes with the message"},
    {"(global 'os')", "scripts have no system; the module date has the time"},
    {"(global 'null')", "null is written nil, or json.null where JSON is to say it"},
    {"concatenate a nil value", "a value that is not there is nil: (value or \"\") stands for it"},
    {"concatenate a table value", "a table has no text of its own: json.encode writes it, table.concat joins a list"},
    {"(method 'trim')", "the module text has it: text.trim(value)"},
    {"(method 'split')", "the module text has it: text.split(value, separator)"},
    {"field 'integer index'", "the list has no such element"},
    {"compare number with string", "tonumber(text) makes a number of a text"},
    {"compare string with number", "tonumber(text) makes a number of a text"},
};

static bool holds(span text, const char *words) {
    return text.len > 0 && memmem(text.data, text.len, words, strlen(words)) != NULL;
}

/* X of "… a nil value (field 'X')". */
static span missing_field(span text) {
    static const char before[] = "nil value (field '";
    const char *at = text.len ? memmem(text.data, text.len, before, sizeof before - 1) : NULL;
    if (!at) return (span){NULL, 0};
    at += sizeof before - 1;
    size_t rest = text.len - (size_t)(at - text.data);
    const char *end = memchr(at, '\'', rest);
    return end ? span_make(at, (size_t)(end - at)) : (span){NULL, 0};
}

/* ---- members of the message's JSON ---- */

/* Values in the order of their depth; `parent` is an index into the same list. */
typedef struct member {
    const json_t *value;
    const char *name; /* NULL: an element of a list, or the whole */
    size_t index;     /* in a list, from 1 */
    size_t parent;
} member;

/* All members of a value, the nearest to the whole first. Of a list its first element stands for the others. */
static size_t list_members(const json_t *whole, member found[VALUES_MAX]) {
    size_t count = 0;
    found[count++] = (member){.value = whole};
    for (size_t i = 0; i < count; i++) {
        const char *name;
        json_t *value;
        if (json_array_size(found[i].value) > 0 && count < VALUES_MAX)
            found[count++] = (member){.value = json_array_get(found[i].value, 0), .index = 1, .parent = i};
        json_object_foreach((json_t *)found[i].value, name, value) {
            if (count == VALUES_MAX) break;
            found[count++] = (member){.value = value, .name = name, .parent = i};
        }
    }
    return count;
}

static bool is_identifier(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    return *name && strspn(name, letters) > 0 &&
           name[strspn(name, "0123456789abcdefghijklmnopqrstuvwxyz_"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

/* As a script writes it: json.lines[1].sku. */
static void add_path(const member *found, size_t which, buf *out) {
    size_t way[DEPTH_SHOWN], depth = 0;
    for (; which > 0 && depth < DEPTH_SHOWN; which = found[which].parent)
        way[depth++] = which;
    buf_add_text(out, which > 0 ? "…" : "json");
    while (depth > 0) {
        const member *m = &found[way[--depth]];
        if (!m->name)
            buf_printf(out, "[%zu]", m->index);
        else
            buf_printf(out, is_identifier(m->name) ? ".%s" : "[\"%s\"]", m->name);
    }
}

/* Where the message's JSON has a member of that name, or of one that differs little from it. */
static bool add_near_member(span field, span payload, buf *out) {
    span text = span_trim(payload);
    json_t *whole = NULL;
    if (text.len > SEARCHED_MAX || (!span_starts(text, SPAN("{")) && !span_starts(text, SPAN("[")))) return false;
    error_free(json_parse(text, &whole));
    if (!whole) return false;
    member *found = xcalloc(VALUES_MAX, sizeof *found);
    const char **names = xcalloc(VALUES_MAX, sizeof *names), *near = NULL;
    size_t count = list_members(whole, found), named = 0, which = 0;
    for (size_t i = 0; i < count; i++) {
        if (!found[i].name) continue;
        names[named++] = found[i].name;
        if (!near && span_is(field, found[i].name)) near = found[i].name;
    }
    char *word = xspandup(field);
    if (!near) near = settings_nearest(word, names, named);
    while (near && which < count && found[which].name != near)
        which++;
    if (near) {
        buf_add_text(out, "; the message has ");
        add_path(found, which, out);
    }
    free(word);
    free(names);
    free(found);
    json_decref(whole);
    return near != NULL;
}

/* Is it about a nil whose origin Lua cannot name, or names by the variable that holds it? */
static bool is_nameless_nil(span text) {
    if (!holds(text, "nil value") && !holds(text, "nil with") && !holds(text, "with nil")) return false;
    return !holds(text, "(field '") && !holds(text, "(global '") && !holds(text, "(method '");
}

void hint_add(span text, span payload, const char *missing, buf *out) {
    span field = missing_field(text);
    if (field.len > 0 && add_near_member(field, payload, out)) return;
    if (*missing && is_nameless_nil(text)) buf_printf(out, "; asked for last and not there: %s", missing);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!holds(text, known[i].words)) continue;
        buf_printf(out, "; %s", known[i].hint);
        return;
    }
}
