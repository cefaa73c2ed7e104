/* core/app/command.c: see command.h. Options may stand anywhere between the arguments; "--" ends them, "-" is an
 * argument. */
#include "core/app/command.h"

#include "core/base/memory.h"
#include "core/base/settings.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPTIONS_MAX = 32, HELP_COLUMN = 26, FIRST_VALUE = 256 };

typedef struct given {
    const option_spec *option;
    const char *value;
} given;

struct command_line {
    const command *command;
    char **arguments;
    size_t argument_count;
    given *given;
    size_t given_count;
};

static const option_spec help_option = {"help", 'h', NULL, "Show this help"};

static size_t option_count(const command *c) {
    size_t count = 0;
    while (c->options && c->options[count].name)
        count++;
    return count;
}

size_t command_argument_count(const command_line *line) {
    return line->argument_count;
}

const char *command_argument(const command_line *line, size_t index) {
    return index < line->argument_count ? line->arguments[index] : NULL;
}

const char *command_next(const command_line *line, const char *option, size_t *cursor) {
    for (; *cursor < line->given_count; (*cursor)++) {
        const given *g = &line->given[*cursor];
        if (strcmp(g->option->name, option) != 0) continue;
        (*cursor)++;
        return g->value ? g->value : "";
    }
    return NULL;
}

bool command_flag(const command_line *line, const char *option) {
    size_t cursor = 0;
    return command_next(line, option, &cursor) != NULL;
}

const char *command_text(const command_line *line, const char *option, const char *fallback) {
    size_t cursor = 0;
    const char *value;
    while ((value = command_next(line, option, &cursor)))
        fallback = value;
    return fallback;
}

error *command_integer(const command_line *line, const char *option, int64_t minimum, int64_t maximum, int64_t *value) {
    const char *text = command_text(line, option, NULL);
    if (!text || span_to_i64(span_of(text), minimum, maximum, value)) return NULL;
    return error_at(error_new(ERROR_INVALID, "--%s must be a whole number from %lld to %lld, not \"%s\"", option,
                        (long long)minimum, (long long)maximum, text),
        "usage");
}

int command_failed(error *take) {
    const char *where = error_where(take);
    bool usage = strcmp(where, "usage") == 0;
    if (usage || !*where || strncmp(error_text(take), where, strlen(where)) == 0) /* scripts' errors begin with it */
        fprintf(stderr, "banyan: %s\n", error_text(take));
    else
        fprintf(stderr, "banyan: %s (%s)\n", error_text(take), where);
    error_free(take);
    return usage ? EXIT_USAGE : EXIT_IMPOSSIBLE;
}

static int misused(const char *name, const char *text) {
    fprintf(stderr, "banyan %s: %s (`banyan %s --help` tells more)\n", name, text, name);
    return EXIT_USAGE;
}

int command_misused(const command_line *line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    int code = misused(line->command->name, text);
    free(text);
    return code;
}

static void print_option(const option_spec *o) {
    char left[64];
    snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : " ", o->letter ? o->letter : ' ',
        o->letter ? ", " : "  ", o->name, o->argument ? "=" : "", o->argument ? o->argument : "");
    if (strlen(left) > HELP_COLUMN)
        printf("  %s\n  %-*s  %s\n", left, HELP_COLUMN, "", o->help);
    else
        printf("  %-*s  %s\n", HELP_COLUMN, left, o->help);
}

void command_help(const command *c) {
    printf("Usage: banyan %s%s%s%s\n\n%s.\n", c->name, c->options ? " [OPTION]..." : "", *c->arguments ? " " : "",
        c->arguments, c->summary);
    if (c->details) printf("\n%s\n", c->details);
    printf("\nOptions:\n");
    for (size_t i = 0; i < option_count(c); i++)
        print_option(&c->options[i]);
    print_option(&help_option);
}

/* The table as getopt_long wants it; each option returns FIRST_VALUE + its index, letters return themselves. */
static void to_getopt(const command *c, struct option *longs, char *letters) {
    size_t count = option_count(c), used = 0;
    for (size_t i = 0; i <= count; i++) {
        const option_spec *o = i < count ? &c->options[i] : &help_option;
        longs[i] = (struct option){o->name, o->argument ? required_argument : no_argument, NULL, FIRST_VALUE + (int)i};
        if (!o->letter) continue;
        letters[used++] = o->letter;
        if (o->argument) letters[used++] = ':';
    }
    longs[count + 1] = (struct option){NULL, 0, NULL, 0};
    letters[used] = '\0';
}

static const option_spec *option_of(const command *c, int result) {
    size_t count = option_count(c);
    if (result >= FIRST_VALUE) {
        size_t index = (size_t)(result - FIRST_VALUE);
        return index < count ? &c->options[index] : &help_option;
    }
    for (size_t i = 0; i < count; i++) {
        if (c->options[i].letter == result) return &c->options[i];
    }
    return &help_option;
}

static int refuse_option(const command *c, const char *word) {
    const char *names[OPTIONS_MAX + 1];
    size_t count = option_count(c), letters = strspn(word, "-");
    for (size_t i = 0; i < count; i++)
        names[i] = c->options[i].name;
    names[count++] = help_option.name;
    char *bare = xspandup(span_make(word + letters, strcspn(word + letters, "=")));
    const char *near = letters == 2 ? settings_nearest(bare, names, count) : NULL;
    free(bare);
    char *text =
        near ? xasprintf("unknown option %s; did you mean --%s?", word, near) : xasprintf("unknown option %s", word);
    int code = misused(c->name, text);
    free(text);
    return code;
}

/* -1 when the line was read; else the exit code, everything being said. */
static int read_options(command_line *line, int argc, char **argv) {
    struct option longs[OPTIONS_MAX + 2];
    char letters[2 * OPTIONS_MAX + 3];
    to_getopt(line->command, longs, letters + 1);
    letters[0] = ':';
    opterr = 0;
    optind = 0; /* zero starts getopt anew, also after an earlier command line of this process */
    for (;;) {
        int result = getopt_long(argc, argv, letters, longs, NULL);
        if (result == -1) break;
        if (result == ':') {
            char *text = xasprintf("%s needs a value", argv[optind - 1]);
            int code = misused(line->command->name, text);
            free(text);
            return code;
        }
        if (result == '?') {
            char short_option[3] = {'-', (char)optopt, '\0'};
            return refuse_option(line->command, optopt && optopt < FIRST_VALUE ? short_option : argv[optind - 1]);
        }
        const option_spec *option = option_of(line->command, result);
        if (option == &help_option) {
            command_help(line->command);
            return EXIT_DONE;
        }
        line->given = xreallocarray(line->given, line->given_count + 1, sizeof *line->given);
        line->given[line->given_count++] = (given){option, optarg};
    }
    line->arguments = argv + optind;
    line->argument_count = (size_t)(argc - optind);
    return -1;
}

static int check_arguments(const command_line *line) {
    const command *c = line->command;
    if (line->argument_count < (size_t)c->least) return command_misused(line, "it takes %s", c->arguments);
    if (c->most >= 0 && line->argument_count > (size_t)c->most)
        return command_misused(line, "\"%s\" is one argument too many", line->arguments[c->most]);
    return -1;
}

int command_run(const command *chosen, int argc, char **argv) {
    command_line line = {.command = chosen};
    char **words = xcalloc((size_t)argc + 2, sizeof *words);
    words[0] = (char *)chosen->name; /* getopt never writes to the words */
    for (int i = 0; i < argc; i++)
        words[i + 1] = argv[i];
    int code = read_options(&line, argc + 1, words);
    if (code < 0) code = check_arguments(&line);
    if (code < 0) code = chosen->run(&line);
    free(line.given);
    free(words);
    return code;
}
