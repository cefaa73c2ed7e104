/* adapters/names.h: which names of files are picked up.
 *
 * Shared by the adapters that list directories. A pattern is a relative path whose parts may hold shell wildcards
 * ("in/ORD*.edi"): one part matches one directory or file, so that only directories that can hold a match are read.
 */
#ifndef BANYAN_ADAPTERS_NAMES_H
#define BANYAN_ADAPTERS_NAMES_H

#include "core/base/error.h"

/* The hidden directory or prefix that adapters keep for themselves. */
#define NAMES_OWN ".banyan"

enum { NAMES_PATH_ROOM = 4096 };

typedef struct name_pattern name_pattern;

/* `text` NULL means all files of the top directory. ERROR_INVALID when it is no relative path. */
must_check error *name_pattern_new(const char *text, name_pattern **out);
size_t name_pattern_depth(const name_pattern *pattern);                              /* number of parts, at least 1 */
bool name_pattern_part(const name_pattern *pattern, size_t index, const char *name); /* does one part match? */
bool name_pattern_path(const name_pattern *pattern, const char *path);               /* does the whole path match? */
void name_pattern_free(name_pattern *pattern);

/* What a look found and left where it is, though the pattern takes it, until somebody does something about it. */
typedef struct names_left {
    char why[600]; /* of the first; "" when there is none */
    unsigned count;
} names_left;
void names_left_add(names_left *left, const error *why);

/* A sentence for people in `text`; NULL when nothing was left. */
const char *names_left_text(const names_left *left, char *text, size_t room);

/* The last part of a path. */
const char *name_base(const char *path);

/* Names that writers give to files that are not finished, and hidden ones: ".x", "x.tmp", "x.part", "x~", ... */
bool name_is_temporary(const char *base);

/* Does the path lead into what an adapter keeps for itself? */
bool name_is_own(const char *path);

/* Directory and name as one path; the directory may be "". The caller frees. */
char *name_join(const char *directory, const char *name);

/* Checks a path that a caller hands to an adapter: clean, and not one of our own. `clean` holds NAMES_PATH_ROOM bytes.
 */
must_check error *name_check(const char *path, char *clean);

/* The temporary name of a delivery: the identity, which must be a plain name, and a mark of the path, so that one
 * message goes to two paths at once. `name` holds NAMES_PATH_ROOM bytes. */
must_check error *name_temporary(const char *identity, const char *path, char *name);

#endif
