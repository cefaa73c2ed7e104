/* core/app/library_help.h: `banyan help library`: what scripts may require, from scripts-lua/reference. */
#ifndef BANYAN_CORE_APP_LIBRARY_HELP_H
#define BANYAN_CORE_APP_LIBRARY_HELP_H

#include <stdbool.h>
#include <stdio.h>

/* One line a module; with `module` all its functions. False when there is no such module. */
bool library_help(const char *module, FILE *out);

#endif
