/* core/script/hint.c: see hint.h. */
#include "core/script/hint.h"

#include "core/base/memory.h"
#include "core/base/settings.h"

#include <stdlib.h>

enum { NAMES_MAX = 200, NAME_MAX = 80, SEARCHED_MAX = 256 * 1024 };

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

/* The names of members in JSON, roughly: "name" in front of a colon. */
static size_t names_of(span json, char names[NAMES_MAX][NAME_MAX]) {
    size_t count = 0;
    if (json.len > SEARCHED_MAX) json.len = SEARCHED_MAX;
    for (size_t i = 0; i < json.len && count < NAMES_MAX; i++) {
        if (json.data[i] != '"') continue;
        size_t from = ++i;
        while (i < json.len && json.data[i] != '"')
            i += json.data[i] == '\\' ? 2 : 1;
        size_t len = i - from, next = i + 1;
        while (next < json.len && (json.data[next] == ' ' || json.data[next] == '\n'))
            next++;
        if (i >= json.len || next >= json.len || json.data[next] != ':' || len == 0 || len >= NAME_MAX) continue;
        memcpy(names[count], json.data + from, len);
        names[count][len] = '\0';
        bool again = false;
        for (size_t k = 0; k < count && !again; k++)
            again = strcmp(names[k], names[count]) == 0;
        count += !again;
    }
    return count;
}

/* A member of the message's JSON that differs little from the one that is not there. */
static bool add_near_member(span field, span payload, buf *out) {
    span text = span_trim(payload);
    if (!span_starts(text, SPAN("{")) && !span_starts(text, SPAN("["))) return false;
    char(*names)[NAME_MAX] = xcalloc(NAMES_MAX, sizeof *names), *word = xspandup(field);
    const char *candidates[NAMES_MAX], *near = NULL;
    size_t count = names_of(text, names);
    bool there = false;
    for (size_t i = 0; i < count; i++) {
        candidates[i] = names[i];
        there |= span_is(field, names[i]);
    }
    if (!there) near = settings_nearest(word, candidates, count);
    if (near) buf_printf(out, "; the message has '%s'", near);
    free(names);
    free(word);
    return near != NULL;
}

void hint_add(span text, span payload, buf *out) {
    span field = missing_field(text);
    if (field.len > 0 && add_near_member(field, payload, out)) return;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!holds(text, known[i].words)) continue;
        buf_printf(out, "; %s", known[i].hint);
        return;
    }
}
