/* core/app/estate_help.h: what the objects of an estate may say, from the tables that also check them: `banyan help
 * connections`. */
#ifndef BANYAN_CORE_APP_ESTATE_HELP_H
#define BANYAN_CORE_APP_ESTATE_HELP_H

#include "core/base/span.h"

#include <stdio.h>

/* Writes the settings of that kind of object; false when there is no such kind. */
bool estate_help(const char *kind, FILE *out);

#endif
