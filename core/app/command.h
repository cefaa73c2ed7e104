/* core/app/command.h: what a subcommand is, and how its command line is read.
 *
 * Each cmd_*.c describes its commands in one table (name, arguments, options, help, function). The table is the only
 * description: parsing, --help, the man page and the shell completions are derived from it. commands.c lists the
 * tables. Single-threaded, used before anything else runs.
 */
#ifndef BANYAN_CORE_APP_COMMAND_H
#define BANYAN_CORE_APP_COMMAND_H

#include "core/base/error.h"

/* How a command ends. */
enum {
    EXIT_DONE = 0,
    EXIT_BAD = 1,       /* the input was judged and found bad: invalid EDI, a failed test, a difference */
    EXIT_USAGE = 2,     /* wrong usage */
    EXIT_IMPOSSIBLE = 3 /* it could not be done: I/O, network, refused */
};

typedef struct option_spec {
    const char *name;     /* "limit" for --limit; NULL ends a table */
    char letter;          /* 'n' for -n; 0: none */
    const char *argument; /* what --help calls its value ("NUMBER"); NULL: a flag */
    const char *help;     /* one sentence without a full stop */
} option_spec;

typedef struct command_line command_line;

typedef struct command {
    const char *name;                     /* "status", or "message list": a group and a verb; NULL ends a table */
    const char *arguments;                /* "CONNECTION FILE", "PATH...", "[DIR]", "" */
    int least, most;                      /* how many arguments; most -1: any number */
    const char *summary;                  /* one line, for lists; no full stop */
    const char *details;                  /* what --help says more, plain paragraphs; may be NULL */
    const option_spec *options;           /* may be NULL; --help is understood everywhere */
    int (*run)(const command_line *line); /* returns one of the exit codes */
    bool hidden;                          /* left out of lists */
} command;

/* The arguments that are no options, in order; they live as long as the program. */
size_t command_argument_count(const command_line *line);
const char *command_argument(const command_line *line, size_t index); /* NULL past the last */

/* Options as given. Texts live as long as the program. */
bool command_flag(const command_line *line, const char *option);
const char *command_text(const command_line *line, const char *option, const char *fallback); /* the last one given */
/* Every value of an option given several times: start with *cursor = 0; NULL at the end. */
const char *command_next(const command_line *line, const char *option, size_t *cursor);
must_check error *command_integer(
    const command_line *line, const char *option, int64_t minimum, int64_t maximum, int64_t *value);

/* One line on standard error, "banyan: what (where)". Takes the error. EXIT_IMPOSSIBLE, or EXIT_USAGE for an error of
 * the command line. */
int command_failed(error *take);
/* Says what is wrong with the usage and where the help is; EXIT_USAGE. */
int command_misused(const command_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads the options and arguments behind the command's name and runs it; `argv` begins behind the name. */
int command_run(const command *chosen, int argc, char **argv);

/* The help of one command, on standard output. */
void command_help(const command *chosen);

#endif
