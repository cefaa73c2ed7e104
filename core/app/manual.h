/* core/app/manual.h: the command tables as a manual page and as shell completions.
 *
 * Run by the Makefile (`banyan manual`, `banyan completion SHELL`) when it installs, so that neither can differ from
 * what the program understands.
 */
#ifndef BANYAN_CORE_APP_MANUAL_H
#define BANYAN_CORE_APP_MANUAL_H

#include <stdbool.h>
#include <stdio.h>

/* The COMMANDS section of banyan(1), in man(7) macros. */
void manual_commands(FILE *out);

/* The completion script for "bash", "zsh" or "fish"; false for another shell. */
bool manual_completion(const char *shell, FILE *out);

#endif
