/* core/app/manual.c: see manual.h. */
#include "core/app/manual.h"

#include "core/app/commands.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifndef BANYAN_VERSION
#define BANYAN_VERSION "unknown"
#endif

/* Text for roff: a backslash, a leading dot or apostrophe and hyphens would mean something else there. */
static void put_roff(FILE *out, const char *text) {
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", out);
        line_start = *text == '\n';
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\n' && text[1] == '\n')
            fputs("\n.IP", out);
        else
            fputc(*text, out);
    }
}

static void put_options(FILE *out, const command *c) {
    for (const option_spec *o = c->options; o && o->name; o++) {
        fputs(".TP\n\\fB", out);
        if (o->letter) fprintf(out, "\\-%c\\fR, \\fB", o->letter);
        fputs("\\-\\-", out);
        put_roff(out, o->name);
        fputs("\\fR", out);
        if (o->argument) fprintf(out, "=\\fI%s\\fR", o->argument);
        fputs("\n", out);
        put_roff(out, o->help);
        fputs(".\n", out);
    }
}

static void put_command(FILE *out, const command *c) {
    fputs(".TP\n.B banyan ", out);
    put_roff(out, c->name);
    if (*c->arguments) {
        fputs(" \\fR", out);
        put_roff(out, c->arguments);
    }
    fputc('\n', out);
    put_roff(out, c->summary);
    fputs(".\n", out);
    if (c->details) {
        fputs(".IP\n", out);
        put_roff(out, c->details);
        fputc('\n', out);
    }
    if (c->options) fputs(".RS\n", out);
    put_options(out, c);
    if (c->options) fputs(".RE\n", out);
}

typedef void visit(FILE *out, const command *c);

static void each_command(FILE *out, visit *function) {
    for (size_t t = 0; command_tables[t]; t++) {
        for (const command *c = command_tables[t]; c->name; c++) {
            if (!c->hidden) function(out, c);
        }
    }
}

void manual_commands(FILE *out) {
    each_command(out, put_command);
}

static void put_page(FILE *out, const command *c) {
    fputs(".TH \"BANYAN\\-", out);
    for (const char *p = c->name; *p; p++)
        *p == ' ' ? fputs("\\-", out) : fputc(toupper((unsigned char)*p), out);
    fprintf(out, "\" 1 \"\" \"Banyan %s\" \"User Commands\"\n.SH NAME\nbanyan\\-", BANYAN_VERSION);
    for (const char *p = c->name; *p; p++)
        *p == ' ' ? fputs("\\-", out) : fputc(*p, out);
    fputs(" \\- ", out);
    put_roff(out, c->summary);
    fputs("\n.SH SYNOPSIS\n.B banyan ", out);
    put_roff(out, c->name);
    fputs("\\fR", out);
    if (c->options) fputs(" [OPTION]...", out);
    if (*c->arguments) fputc(' ', out);
    put_roff(out, c->arguments);
    fputs("\n.SH DESCRIPTION\n", out);
    put_roff(out, c->summary);
    fputs(".\n", out);
    if (c->details) fputs(".PP\n", out);
    if (c->details) put_roff(out, c->details);
    fputs(c->details ? "\n.SH OPTIONS\n" : ".SH OPTIONS\n", out);
    put_options(out, c);
    fputs(".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nShow this help.\n", out);
    fputs(".SH EXIT STATUS\n0 done, 1 the input was judged and found bad, 2 wrong usage, 3 it could not be done.\n"
          ".SH SEE ALSO\n.BR banyan (1)\n",
        out);
}

static error *write_page(const char *directory, const command *c) {
    char *path = xasprintf("%s/banyan-%s.1", directory, c->name);
    for (char *p = path + strlen(directory); *p; p++)
        if (*p == ' ') *p = '-';
    FILE *out = fopen(path, "w");
    error *err = out ? NULL : error_from_errno(errno, "cannot write %s", path);
    if (out) put_page(out, c);
    if (out && fclose(out) != 0) err = error_from_errno(errno, "cannot write %s", path);
    free(path);
    return err;
}

error *manual_pages(const char *directory) {
    error *err = io_make_directories(directory);
    for (size_t t = 0; command_tables[t]; t++) {
        for (const command *c = command_tables[t]; c->name && !err; c++) {
            if (!c->hidden) err = write_page(directory, c);
        }
    }
    return err;
}

/* `case` branches of bash and zsh: the words that may follow this command. */
static void put_case(FILE *out, const command *c) {
    fprintf(out, "        \"%s\") words=\"--help", c->name);
    for (const option_spec *o = c->options; o && o->name; o++)
        fprintf(out, " --%s%s", o->name, o->argument ? "=" : "");
    fputs("\" ;;\n", out);
}

static void put_first_word(FILE *out, const command *c) {
    fprintf(out, " %.*s", (int)strcspn(c->name, " "), c->name);
}

static void put_verb_case(FILE *out, const command *c) {
    const char *blank = strchr(c->name, ' ');
    if (blank) fprintf(out, "        %.*s) verbs=\"$verbs %s\" ;;\n", (int)(blank - c->name), c->name, blank + 1);
}

/* Each verb needs a `case` of its own, because a `case` takes only the first branch that matches. */
static void put_verb_cases(FILE *out, const command *c) {
    if (!strchr(c->name, ' ')) return;
    fputs("    case $first in\n", out);
    put_verb_case(out, c);
    fputs("    esac\n", out);
}

static void put_bash(FILE *out) {
    fputs("# bash completion of banyan, made by `banyan completion bash`\n_banyan() {\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]:-} second=${COMP_WORDS[2]:-}\n"
          "    local verbs=\"\" words=\"\"\n    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"",
        out);
    each_command(out, put_first_word);
    fputs("\"\n        COMPREPLY=($(compgen -W \"$words\" -- \"$current\" | sort -u))\n        return\n    fi\n", out);
    each_command(out, put_verb_cases);
    fputs("    if [ -n \"$verbs\" ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
          "        COMPREPLY=($(compgen -W \"$verbs\" -- \"$current\"))\n        return\n    fi\n"
          "    case \"$first${verbs:+ $second}\" in\n",
        out);
    each_command(out, put_case);
    fputs("    esac\n    if [[ $current == -* ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
          "        [[ ${COMPREPLY[0]:-} == *= ]] && compopt -o nospace 2>/dev/null\n    else\n"
          "        COMPREPLY=($(compgen -f -- \"$current\"))\n    fi\n}\n"
          "complete -o filenames -F _banyan banyan\n",
        out);
}

static void put_zsh(FILE *out) {
    fputs("#compdef banyan\n# zsh completion of banyan, made by `banyan completion zsh`\n"
          "autoload -U +X bashcompinit && bashcompinit\n",
        out);
    put_bash(out);
}

static void put_fish_text(FILE *out, const char *text) {
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

static void put_fish_command(FILE *out, const command *c) {
    const char *blank = strchr(c->name, ' ');
    int first = (int)strcspn(c->name, " ");
    if (blank) {
        fprintf(out, "complete -c banyan -n __fish_use_subcommand -a %.*s\n", first, c->name);
        fprintf(out, "complete -c banyan -n '__fish_seen_subcommand_from %.*s' -a %s -d ", first, c->name, blank + 1);
    } else {
        fprintf(out, "complete -c banyan -n __fish_use_subcommand -a %s -d ", c->name);
    }
    put_fish_text(out, c->summary);
    fputc('\n', out);
    for (const option_spec *o = c->options; o && o->name; o++) {
        fprintf(out, "complete -c banyan -n '__fish_seen_subcommand_from %.*s%s%s' -l %s%s -d ", first, c->name,
            blank ? "; and __fish_seen_subcommand_from " : "", blank ? blank + 1 : "", o->name,
            o->argument ? " -r" : "");
        put_fish_text(out, o->help);
        fputc('\n', out);
    }
}

bool manual_completion(const char *shell, FILE *out) {
    if (strcmp(shell, "bash") == 0) {
        put_bash(out);
    } else if (strcmp(shell, "zsh") == 0) {
        put_zsh(out);
    } else if (strcmp(shell, "fish") == 0) {
        fputs("# fish completion of banyan, made by `banyan completion fish`\n", out);
        each_command(out, put_fish_command);
    } else {
        return false;
    }
    return true;
}
