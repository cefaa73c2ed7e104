/* core/app/estate_files.h: YAML and JSON files, and the scripts beside them, as the one estate that `banyan apply`
 * sends.
 *
 * A path names a file or a directory. Of a directory the *.yaml, *.yml and *.json files are read (banyan.yaml, the
 * settings of the program, and hidden files are left out; subdirectories are not entered), and scripts/NAME.lua with
 * NAME_test.lua and the files in NAME_samples/. A file may hold several documents, each an object of kinds, each kind a
 * list of objects with a name (of endpoints: a route).
 *
 * Resolved here, relative to the file it stands in: {file: PATH} and {env: NAME} anywhere in an object become the text
 * they point to (secrets, certificates), and the `directory` of a connection of kind file becomes absolute.
 */
#ifndef BANYAN_CORE_APP_ESTATE_FILES_H
#define BANYAN_CORE_APP_ESTATE_FILES_H

#include "core/base/settings.h"

typedef struct estate_files estate_files;

/* Reads all of `paths` ("-": standard input). Everything found wrong is added to `faults`, each with its place
 * ("partners.yaml:12:5"); when none was, *out is the estate, else NULL. */
void estate_files_read(const char *const *paths, size_t count, estate_files **out, fault_list *faults);

/* {"stations": [...], "partners": [...], ..., "scripts": [{"name","source","test","samples"}]}; borrowed. A sample is
 * {"name","text"}, or {"name","base64"} when it is not UTF-8. */
const json_t *estate_files_body(const estate_files *e);

/* Does any file name a kind, be it with an empty list? */
bool estate_files_name_kinds(const estate_files *e);

/* Where the value at a pointer of the server's kind ("/connections/acme-sftp/host": the object by its name, or by its
 * index) stands: "partners.yaml:12"; owned by the caller. NULL when the estate holds no such object. */
char *estate_files_place(const estate_files *e, const char *pointer);

void estate_files_free(estate_files *e); /* NULL is fine */

#endif
