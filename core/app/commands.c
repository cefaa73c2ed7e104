/* core/app/commands.c: the list of subcommands and the dispatch. See commands.h. */
#include "core/app/commands.h"

#include "core/app/configuration.h"
#include "core/app/estate_help.h"
#include "core/app/help_pages.h"
#include "core/app/library_help.h"
#include "core/app/manual.h"
#include "core/base/memory.h"
#include "core/base/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { COMMANDS_MAX = 96, SUMMARY_COLUMN = 18 };

static int run_help(const command_line *line);

static int run_version(const command_line *line) {
    if (command_flag(line, "json"))
        printf("{\"name\":\"banyan\",\"version\":\"%s\"}\n", BANYAN_VERSION);
    else
        printf("banyan %s\n", BANYAN_VERSION);
    return EXIT_DONE;
}

static int run_completion(const command_line *line) {
    return manual_completion(command_argument(line, 0), stdout)
               ? EXIT_DONE
               : command_misused(line, "there is completion for bash, zsh and fish");
}

static int run_manual(const command_line *line) {
    const char *directory = command_argument(line, 0);
    error *err = directory ? manual_pages(directory) : NULL;
    if (!directory) manual_commands(stdout);
    return err ? command_failed(err) : EXIT_DONE;
}

static const option_spec version_options[] = {{"json", 0, NULL, "Print JSON"}, {.name = NULL}};

static const command basic_commands[] = {
    {.name = "help",
        .arguments = "[COMMAND | settings | KIND | library [MODULE] | guides]",
        .most = 2,
        .summary = "Show the help of a command, the settings of the appliance, or those of a kind of object",
        .details = "KIND is what an estate holds: certificates, schemas, stations, partners, connections, scripts, "
                   "tables, flows "
                   "or endpoints. `library` tells what scripts may require, `guides` how to write "
                   "a partner's EDI guide.",
        .run = run_help},
    {.name = "version",
        .arguments = "",
        .summary = "Print the version",
        .options = version_options,
        .run = run_version},
    {.name = "completion",
        .arguments = "bash|zsh|fish",
        .least = 1,
        .most = 1,
        .summary = "Print the completion script of a shell",
        .details = "For bash: banyan completion bash >/etc/bash_completion.d/banyan",
        .run = run_completion,
        .hidden = true},
    {.name = "manual",
        .arguments = "[DIR]",
        .most = 1,
        .summary = "Print the commands as a section of the manual page, or write a page for each into DIR",
        .run = run_manual,
        .hidden = true},
    {.name = NULL},
};

const command *const command_tables[] = {
    serve_commands,
    apply_commands,
    message_commands,
    access_commands,
    offer_commands,
    script_commands,
    version_commands,
    edi_commands,
    schema_commands,
    keeping_commands,
    basic_commands,
    NULL,
};

/* Does `name` consist of the first one or two of `words`? How many it took, 0 for none. */
static int matches(const char *name, int count, char **words) {
    const char *blank = strchr(name, ' ');
    if (!blank) return count >= 1 && strcmp(name, words[0]) == 0 ? 1 : 0;
    bool both =
        count >= 2 && span_is(span_make(name, (size_t)(blank - name)), words[0]) && strcmp(blank + 1, words[1]) == 0;
    return both ? 2 : 0;
}

static const command *find(int count, char **words, int *taken) {
    for (size_t t = 0; command_tables[t]; t++) {
        for (const command *c = command_tables[t]; c->name; c++) {
            *taken = matches(c->name, count, words);
            if (*taken) return c;
        }
    }
    return NULL;
}

static bool in_group(const command *c, const char *group) {
    size_t len = strlen(group);
    return strncmp(c->name, group, len) == 0 && c->name[len] == ' ';
}

/* Lists the commands of a group, all that are not hidden for NULL; how many there were. */
static size_t list_commands(FILE *out, const char *group) {
    size_t count = 0;
    for (size_t t = 0; command_tables[t]; t++) {
        for (const command *c = command_tables[t]; c->name; c++) {
            if (c->hidden || (group && !in_group(c, group))) continue;
            fprintf(out, "  %-*s  %s\n", SUMMARY_COLUMN, c->name, c->summary);
            count++;
        }
    }
    return count;
}

static bool is_group(const char *word) {
    for (size_t t = 0; command_tables[t]; t++) {
        for (const command *c = command_tables[t]; c->name; c++) {
            if (in_group(c, word)) return true;
        }
    }
    return false;
}

static int overview(void) {
    printf("Usage: banyan COMMAND [ARGUMENT]...\n\nBanyan fronts legacy systems with REST and exchanges EDI with "
           "trading partners.\n\nCommands:\n");
    list_commands(stdout, NULL);
    printf("\n`banyan COMMAND --help` tells more about one; `banyan help settings` lists the appliance's settings, "
           "`banyan help connections` (flows, endpoints …) those of an estate's objects, `banyan help library` what "
           "scripts may require.\n"
           "Exit codes: 0 done, 1 the input was judged and found bad, 2 wrong usage, 3 it could not be done.\n");
    return EXIT_DONE;
}

static int group_help(const char *group, FILE *out) {
    fprintf(out, "Usage: banyan %s COMMAND [ARGUMENT]...\n\nCommands:\n", group);
    list_commands(out, group);
    return out == stdout ? EXIT_DONE : EXIT_USAGE;
}

/* The nearest command by its first word, or by the second within a group. */
static int unknown(int count, char **words) {
    char *names[COMMANDS_MAX];
    size_t known = 0;
    bool group = is_group(words[0]) && count > 1;
    for (size_t t = 0; command_tables[t]; t++) {
        for (const command *c = command_tables[t]; c->name && known < COMMANDS_MAX; c++) {
            if (c->hidden || (group && !in_group(c, words[0]))) continue;
            const char *start = group ? strchr(c->name, ' ') + 1 : c->name;
            names[known++] = xspandup(span_make(start, strcspn(start, " ")));
        }
    }
    const char *near = settings_nearest(words[group ? 1 : 0], (const char *const *)names, known);
    fprintf(stderr, "banyan: there is no command \"%s%s%s\"", words[0], group ? " " : "", group ? words[1] : "");
    if (near)
        fprintf(stderr, "; did you mean \"%s%s%s\"?\n", group ? words[0] : "", group ? " " : "", near);
    else
        fprintf(stderr, "; `banyan help` lists them\n");
    for (size_t i = 0; i < known; i++)
        free(names[i]);
    return EXIT_USAGE;
}

static int run_help(const command_line *line) {
    char *words[2] = {(char *)command_argument(line, 0), (char *)command_argument(line, 1)};
    int count = (int)command_argument_count(line), taken;
    if (count == 0) return overview();
    if (strcmp(words[0], "settings") == 0) {
        configuration_help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(words[0], "library") == 0 && count <= 2 && library_help(count == 2 ? words[1] : NULL, stdout))
        return EXIT_DONE;
    if (count == 1 && estate_help(words[0], stdout)) {
        if (strcmp(words[0], "scripts") == 0) printf("\n`banyan help library` tells what a script may use.\n");
        return EXIT_DONE;
    }
    if (count == 1 && help_page(words[0], stdout)) return EXIT_DONE;
    const command *chosen = find(count, words, &taken);
    if (chosen) {
        command_help(chosen);
        return EXIT_DONE;
    }
    if (count == 1 && is_group(words[0])) return group_help(words[0], stdout);
    return count == 1 && library_help(words[0], stdout) ? EXIT_DONE : unknown(count, words);
}

static int dispatch(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "banyan: a command is missing; `banyan help` lists them\n");
        return EXIT_USAGE;
    }
    char **words = argv + 1;
    int count = argc - 1, taken;
    if (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0) return overview();
    if (strcmp(words[0], "--version") == 0) words[0] = (char *)"version";
    const command *chosen = find(count, words, &taken);
    if (chosen) return command_run(chosen, count - taken, words + taken);
    if (!is_group(words[0])) return unknown(count, words);
    if (count == 1) return group_help(words[0], stderr);
    if (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0) return group_help(words[0], stdout);
    return unknown(count, words);
}

int commands_main(int argc, char **argv) {
    int code = dispatch(argc, argv);
    /* A full disk or a closed pipe must not look like success. */
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        /* Of an earlier write only that it failed is known. */
        fprintf(stderr, "banyan: cannot write standard output: %s; what is there is not whole\n",
            errno ? strerror(errno) : "an earlier write failed");
        if (code == EXIT_DONE) code = EXIT_IMPOSSIBLE;
    }
    return code;
}
