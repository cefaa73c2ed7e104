/* core/app/estate_values.h: what stands in an estate's file only as a reference, resolved before it is sent.
 *
 * Used by estate_files.c alone.
 */
#ifndef BANYAN_CORE_APP_ESTATE_VALUES_H
#define BANYAN_CORE_APP_ESTATE_VALUES_H

#include "core/base/settings.h"

/* Replaces {file: PATH} and {env: NAME} in `object` by the text they point to; paths are relative to `directory`. Each
 * fault's place is the JSON pointer below the object ("/password"). */
void estate_values_resolve(json_t *object, const char *directory, fault_list *faults);

/* `path` itself when it is absolute, else below `directory`, made absolute; owned by the caller. */
char *estate_values_absolute(const char *directory, const char *path);

/* The bytes of a sample as {"name","text"} or {"name","base64"}. New reference. */
json_t *estate_values_sample(const char *name, span bytes);

#endif
