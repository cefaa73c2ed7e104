/* core/base/settings.h: tables that describe settings, and what follows from them.
 *
 * Stations, partners, connections (one table an adapter), flows and endpoints are JSON objects described by a table of
 * settings. The table is the only description: checking, defaults, the admin API, OpenAPI and the forms of the UI are
 * all derived from it.
 */
#ifndef BANYAN_BASE_SETTINGS_H
#define BANYAN_BASE_SETTINGS_H

#include "core/base/json.h"

typedef enum setting_type {
    SETTING_TEXT,    /* any text without control characters; min/max bound its length in bytes when max > 0 */
    SETTING_NAME,    /* [A-Za-z0-9][A-Za-z0-9._-]{0,63} */
    SETTING_INTEGER, /* within min..max */
    SETTING_BOOLEAN,
    SETTING_DURATION, /* "30s"; read in milliseconds; min/max too when max > 0 */
    SETTING_SIZE,     /* "64KiB", "10MiB", or bytes; read in bytes */
    SETTING_CHOICE,   /* one of `choices`, separated by blanks */
    SETTING_NAMES,    /* an array of names */
    SETTING_TEXTS,    /* an array of texts; of some of `choices`, when it has them */
    SETTING_OBJECT,   /* an object, described by `nested`, or free when that is NULL */
    SETTING_OBJECTS,  /* an array of objects, each described by `nested` */
    SETTING_MAP,      /* an object of texts: any keys */
    SETTING_ANY
} setting_type;

typedef struct setting setting;
struct setting {
    const char *name; /* NULL ends a table */
    setting_type type;
    bool required;
    bool secret;          /* never shown, logged or exported; kept sealed */
    const char *fallback; /* the default as one would write it, NULL: none */
    const char *choices;  /* SETTING_CHOICE, SETTING_TEXTS */
    int64_t min, max;
    const char *reference; /* the kind of object that a name points to: "connections", "scripts", ... */
    const setting *nested;
    const char *help;                   /* one sentence, for people */
    error *(*check_secret)(span value); /* what a secret must be like, asked before it is sealed; NULL: anything */
};

/* Faults found, in order, each with its place; a check goes on after a fault so that all are told at once. */
typedef struct fault_list {
    error **faults;
    size_t count;
} fault_list;

void fault_list_add(fault_list *list, error *take);
void fault_list_free(fault_list *list);

/* Holds `object` against `table`: unknown names (with the nearest known one), missing, wrong type, out of range. `path`
 * is the JSON pointer of the object ("/connections/acme") and is put before each setting's name. */
void settings_check(const setting *table, const json_t *object, const char *path, fault_list *faults);

/* Values with the table's defaults applied. The object has passed settings_check. Texts live as long as `object` (or
 * are static). */
const char *settings_text(
    const setting *table, const json_t *object, const char *name); /* NULL: absent without default */
int64_t settings_integer(
    const setting *table, const json_t *object, const char *name); /* also durations (ms) and sizes (bytes) */
bool settings_boolean(const setting *table, const json_t *object, const char *name);

const setting *settings_find(const setting *table, const char *name); /* NULL: no such setting */

/* The table as a JSON Schema object (2020-12): for OpenAPI and the UI's forms. New reference. */
json_t *settings_schema(const setting *table);

bool settings_is_name(span text);
/* A scope of OAuth (RFC 6749 §3.3): printable ASCII but for blanks, quotes and backslashes; "orders:read", an URL. */
bool settings_is_scope(span text);
must_check error *settings_parse_size(span text, int64_t *bytes);

/* The candidate that differs least from `word`, NULL when none is near: for "did you mean". */
const char *settings_nearest(const char *word, const char *const *candidates, size_t count);

#endif
