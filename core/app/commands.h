/* core/app/commands.h: every subcommand there is, and the dispatch to them.
 *
 * A new command is a row in the table of its cmd_*.c; a new cmd_*.c is one line here and one in commands.c.
 */
#ifndef BANYAN_CORE_APP_COMMANDS_H
#define BANYAN_CORE_APP_COMMANDS_H

#include "core/app/command.h"

extern const command serve_commands[];   /* cmd_serve.c: serve */
extern const command apply_commands[];   /* cmd_apply.c: apply, export */
extern const command message_commands[]; /* cmd_message.c: status, message, send */
extern const command access_commands[];  /* cmd_access.c: cert, user, key */
extern const command offer_commands[];   /* cmd_offers.c: cert offer, offers, accept, refuse */
extern const command edi_commands[];     /* cmd_edi.c: edi */
extern const command schema_commands[];  /* cmd_schema.c: schema */
extern const command script_commands[];  /* cmd_script.c: script */
extern const command version_commands[]; /* cmd_versions.c: script versions, show, publish, rollback */
extern const command keeping_commands[]; /* cmd_keeping.c: backup, restore */

/* All tables, NULL at the end, in the order in which help lists them. */
extern const command *const command_tables[];

/* The program: finds the command that argv names, runs it and returns the exit code. */
int commands_main(int argc, char **argv);

#endif
