/* core/app/manual.h: the command tables as a manual page and as shell completions.
 *
 * Run by the Makefile (`banyan manual`, `banyan completion SHELL`) when it installs, so that neither can differ from
 * what the program understands.
 */
#ifndef BANYAN_CORE_APP_MANUAL_H
#define BANYAN_CORE_APP_MANUAL_H

#include "core/base/error.h"

#include <stdio.h>

/* The COMMANDS section of banyan(1), in man(7) macros. */
void manual_commands(FILE *out);

/* A page for each command into `directory`, as git has them: banyan-edi-check.1 for `man banyan edi check`. */
must_check error *manual_pages(const char *directory);

/* The completion script for "bash", "zsh" or "fish"; false for another shell. */
bool manual_completion(const char *shell, FILE *out);

#endif
