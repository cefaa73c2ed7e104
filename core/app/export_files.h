/* core/app/export_files.h: an estate, as the appliance gives it, written as files that estate_files.h reads back.
 *
 * Used by `banyan export` alone.
 */
#ifndef BANYAN_CORE_APP_EXPORT_FILES_H
#define BANYAN_CORE_APP_EXPORT_FILES_H

#include "core/base/json.h"

#include <stdio.h>

/* Takes out of every object what the appliance adds on its own (revision, times), and kinds that are empty. */
void export_strip(json_t *estate);

/* One YAML document; scripts stand inside it. */
must_check error *export_print(const json_t *estate, FILE *out);

/* KIND.yaml for each kind and scripts/NAME.lua, NAME_test.lua, NAME_samples/ below `directory`, which is made when
 * missing. Files of the same names are replaced. */
must_check error *export_write(const json_t *estate, const char *directory, size_t *files);

#endif
