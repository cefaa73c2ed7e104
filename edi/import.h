/* edi/import.h: definitions that others wrote, in our text form (schemas/README.md): the directories of the United
 * Nations as they publish them, and SEF files (Standard Exchange Format 1.x), in which X12 and EDIFACT guides are
 * exchanged.
 *
 * What cannot be said in our form is left out or made looser, never tighter; a comment in the output says so. Used by
 * `banyan schema import`; nothing of it runs in the appliance.
 */
#ifndef BANYAN_EDI_IMPORT_H
#define BANYAN_EDI_IMPORT_H

#include "core/base/buf.h"
#include "core/base/error.h"

typedef struct import_file {
    span text;
    const char *name; /* base name: "EDSD.01B", "ORDERS_D.96A" */
} import_file;

/* Is it a SEF file? */
bool import_is_sef(span text);

/* A dictionary and the sets of one SEF file. ERROR_INVALID with the line where it cannot be read. */
must_check error *import_sef(span text, const char *name, buf *out);

/* Files of one UN directory in any order: EDED (elements), UNCL (codes), EDCD (composites), EDSD (segments) and
 * messages. Only what is given is written; messages alone use the release that is there already. */
must_check error *import_un(const import_file *files, size_t count, buf *out);

#endif
