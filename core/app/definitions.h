/* core/app/definitions.h: EDI definitions named on the command line, as every --schema and the FILEs of `banyan schema`
 * do: a file of schemas, overlays or releases, or a directory that holds some (schemas/ of an estate, or the estate).
 */
#ifndef BANYAN_CORE_APP_DEFINITIONS_H
#define BANYAN_CORE_APP_DEFINITIONS_H

#include "core/app/command.h"
#include "edi/schema.h"

/* The schemas of a file; "-" is standard input. Of a directory all its files NAME.schema, in the order of their names,
 * or those of its folder schemas when it has one; ERROR_NOT_FOUND when there are none. */
must_check error *definitions_add(edi_library *library, const char *path);

/* Every --schema of the line, in their order. */
must_check error *definitions_of(const command_line *line, edi_library *library);

#define SCHEMA_OPTION                                                                                                  \
    { "schema", 0, "PATH", "Definitions to add, before the built-in ones: a file or a directory; may be repeated" }

#endif
