/* The command line: dispatch, options, help, and what is derived from the tables. */
#include "core/app/commands.h"
#include "core/app/configuration.h"
#include "core/app/manual.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char *directory;

static int begin(void **state) {
    (void)state;
    static const char *const ours[] = {"BANYAN_DATA", "BANYAN_PUBLIC", "BANYAN_ADMIN", "BANYAN_LOG_LEVEL",
        "BANYAN_WORKERS_COURIERS", "STATE_DIRECTORY"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        unsetenv(ours[i]);
    directory = xstrdup("/tmp/banyan-command-XXXXXX");
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    char *removal = xasprintf("rm -rf %s", directory);
    int code = chdir("/") == 0 ? system(removal) : -1;
    free(removal);
    free(directory);
    return code;
}

/* ---- options, on a command of this test ---- */

static char *seen; /* what the command was given */

static int run_probe(const command_line *line) {
    buf text = BUF_MAX(1000);
    size_t cursor = 0;
    const char *value;
    int64_t number = 5;
    error *err = command_integer(line, "number", 1, 9, &number);
    if (err) return command_failed(err);
    buf_printf(&text, "flag=%d text=%s number=%d many=", command_flag(line, "flag"), command_text(line, "text", "none"),
        (int)number);
    while ((value = command_next(line, "many", &cursor)))
        buf_printf(&text, "%s,", value);
    buf_add_text(&text, " args=");
    for (size_t i = 0; i < command_argument_count(line); i++)
        buf_printf(&text, "%s,", command_argument(line, i));
    assert_null(command_argument(line, command_argument_count(line)));
    free(seen);
    seen = buf_take(&text, NULL);
    return EXIT_DONE;
}

static const option_spec probe_options[] = {
    {"flag", 'f', NULL, "A flag"},
    {"text", 't', "TEXT", "A text"},
    {"number", 0, "NUMBER", "A number"},
    {"many", 'm', "WORD", "Several"},
    {.name = NULL},
};

static const command probe = {.name = "probe",
    .arguments = "A [B]",
    .least = 1,
    .most = 2,
    .summary = "Probe",
    .options = probe_options,
    .run = run_probe};

static int run_words(const command *c, const char *words, char **err_text) {
    char *copy = xstrdup(words), *argv[16], *rest = NULL;
    int argc = 0;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    fflush(stderr);
    fflush(stdout);
    int kept_err = dup(2), kept_out = dup(1);
    assert_non_null(freopen("err", "w", stderr));
    assert_non_null(freopen("out", "w", stdout));
    int code = c ? command_run(c, argc, argv) : commands_main(argc, argv);
    fflush(stderr);
    fflush(stdout);
    dup2(kept_err, 2);
    dup2(kept_out, 1);
    close(kept_err);
    close(kept_out);
    free(copy);
    buf text = BUF_MAX(1024 * 1024);
    assert_null(io_read_file(code == EXIT_DONE ? "out" : "err", &text));
    *err_text = buf_take(&text, NULL);
    return code;
}

static void options_may_stand_anywhere_and_in_every_form(void **state) {
    (void)state;
    static const struct {
        const char *words, *seen;
    } rows[] = {
        {"x", "flag=0 text=none number=5 many= args=x,"},
        {"x -f", "flag=1 text=none number=5 many= args=x,"},
        {"-f x y", "flag=1 text=none number=5 many= args=x,y,"},
        {"x --text=a y --text b", "flag=0 text=b number=5 many= args=x,y,"},
        {"-ta -mp x -m q --many=r", "flag=0 text=a number=5 many=p,q,r, args=x,"},
        {"-ft a x", "flag=1 text=a number=5 many= args=x,"},
        {"--number 9 -", "flag=0 text=none number=9 many= args=-,"},
        {"-- -f --text", "flag=0 text=none number=5 many= args=-f,--text,"},
        {"--fl --te=a x", "flag=1 text=a number=5 many= args=x,"},
        {"--text= x", "flag=0 text= number=5 many= args=x,"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text;
        assert_int_equal(run_words(&probe, rows[i].words, &text), EXIT_DONE);
        if (strcmp(seen, rows[i].seen) != 0) fail_msg("%s: %s", rows[i].words, seen);
        free(text);
    }
}

static void wrong_usage_is_exit_2_with_one_line_that_helps(void **state) {
    (void)state;
    static const struct {
        const char *words, *line;
    } rows[] = {
        {"", "banyan probe: it takes A [B]"},
        {"x y z", "\"z\" is one argument too many"},
        {"x --falg", "unknown option --falg; did you mean --flag?"},
        {"x --falg=1", "did you mean --flag?"},
        {"x -z", "unknown option -z"},
        {"x --zzzzzz", "unknown option --zzzzzz ("},
        {"x --text", "--text needs a value"},
        {"x -t", "-t needs a value"},
        {"x --number 10", "--number must be a whole number from 1 to 9, not \"10\""},
        {"x --number a", "--number must be a whole number"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text;
        assert_int_equal(run_words(&probe, rows[i].words, &text), EXIT_USAGE);
        if (!strstr(text, rows[i].line) || strchr(text, '\n') != text + strlen(text) - 1)
            fail_msg("%s: %s", rows[i].words, text);
        free(text);
    }
}

static void a_command_that_does_not_exist_suggests_the_nearest(void **state) {
    (void)state;
    static const struct {
        const char *words, *line;
    } rows[] = {
        {"banyan", "a command is missing"},
        {"banyan aply", "did you mean \"apply\"?"},
        {"banyan mesage list", "did you mean \"message\"?"},
        {"banyan message shw", "did you mean \"message show\"?"},
        {"banyan message", "message payload"},
        {"banyan frobnicate", "`banyan help` lists them"},
        {"banyan help aply", "did you mean \"apply\"?"},
        {"banyan completion tcsh", "bash, zsh and fish"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text;
        assert_int_equal(run_words(NULL, rows[i].words, &text), EXIT_USAGE);
        if (!strstr(text, rows[i].line)) fail_msg("%s: %s", rows[i].words, text);
        free(text);
    }
}

static void every_command_has_help_that_names_its_options(void **state) {
    (void)state;
    for (size_t t = 0; command_tables[t]; t++) {
        for (const command *c = command_tables[t]; c->name; c++) {
            char *words = xasprintf("banyan %s --help", c->name), *text;
            assert_int_equal(run_words(NULL, words, &text), EXIT_DONE);
            assert_non_null(strstr(text, c->summary));
            for (const option_spec *o = c->options; o && o->name; o++) {
                assert_non_null(strstr(text, o->name));
                assert_true(o->help && o->help[strlen(o->help) - 1] != '.');
            }
            assert_true(c->summary[strlen(c->summary) - 1] != '.');
            free(words);
            free(text);
        }
    }
}

static void overview_version_and_settings_answer_on_standard_output(void **state) {
    (void)state;
    static const struct {
        const char *words, *line;
    } rows[] = {{"banyan help", "message list"}, {"banyan --help", "Commands:"}, {"banyan --version", "banyan "},
        {"banyan version --json", "{\"name\":\"banyan\",\"version\":\""}, {"banyan help settings", "BANYAN_PUBLIC"},
        {"banyan help message", "message resend"}, {"banyan message --help", "message resend"},
        {"banyan help apply", "Usage: banyan apply"}, {"banyan help library", "COBOL copybooks"},
        {"banyan help library hash", "hash.sha256(text)\n      SHA-256"},
        {"banyan help record", "schema:decode(bytes)"}, {"banyan help scripts", "`banyan help library` tells"},
        {"banyan help library hash", "\n        hash.crc32(\"123456789\") --> 3421780262\n"},
        {"banyan help library edi", "\n  given: local doc = message.edi"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text;
        assert_int_equal(run_words(NULL, rows[i].words, &text), EXIT_DONE);
        if (!strstr(text, rows[i].line)) fail_msg("%s: %s", rows[i].words, text);
        free(text);
    }
}

static char *rendered(bool (*shell)(const char *name, FILE *out), const char *name) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (shell)
        assert_true(shell(name, out));
    else
        manual_commands(out);
    fclose(out);
    return text;
}

static void manual_and_completions_know_every_command_and_option(void **state) {
    (void)state;
    char *texts[] = {rendered(NULL, NULL), rendered(manual_completion, "bash"), rendered(manual_completion, "zsh"),
        rendered(manual_completion, "fish")};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t t = 0; command_tables[t]; t++) {
            for (const command *c = command_tables[t]; c->name; c++) {
                const char *verb = strchr(c->name, ' ');
                bool named = strstr(texts[i], verb ? verb + 1 : c->name) != NULL;
                if (!c->hidden && !named) fail_msg("%s is missing in %zu", c->name, i);
            }
        }
        assert_non_null(strstr(texts[i], i == 0 ? "dry\\-run" : "dry-run"));
    }
    assert_null(strstr(texts[0], "banyan completion"));
    assert_null(strstr(texts[0], "\n\n"));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
}

static void every_command_has_a_page_of_its_own(void **state) {
    (void)state;
    assert_null(manual_pages("pages"));
    for (size_t t = 0; command_tables[t]; t++) {
        for (const command *c = command_tables[t]; c->name; c++) {
            buf page = BUF_MAX(64 * 1024);
            char *path = xasprintf("pages/banyan-%s.1", c->name);
            for (char *p = path; *p; p++)
                if (*p == ' ') *p = '-';
            error *err = io_read_file(path, &page);
            if (!c->hidden && (err || !strstr(buf_text(&page), ".SH SYNOPSIS"))) fail_msg("%s has none", c->name);
            assert_null(strstr(buf_text(&page), "\n\n"));
            error_free(err);
            buf_free(&page);
            free(path);
        }
    }
}

static void completion_in_bash_offers_what_may_follow(void **state) {
    (void)state;
    static const struct {
        const char *words, *reply;
    } rows[] = {
        {"banyan app", "apply"},
        {"banyan message pay", "payload"},
        {"banyan message list --sta", "--status="},
        {"banyan apply --pr", "--prune"},
    };
    char *script = rendered(manual_completion, "bash");
    assert_null(io_write_file("banyan.bash", span_of(script)));
    free(script);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *line =
            xasprintf("bash -c '. ./banyan.bash; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _banyan; "
                      "test \"${COMPREPLY[*]}\" = \"%s\"'",
                rows[i].words, rows[i].reply);
        if (system(line) != 0) fail_msg("%s", rows[i].words);
        free(line);
    }
}

/* ---- configuration ---- */

static json_t *load(const char *path) {
    json_t *configuration;
    fault_list faults = {NULL, 0};
    configuration_load(path, &configuration, &faults);
    if (faults.count) fail_msg("%s (%s)", error_text(faults.faults[0]), error_where(faults.faults[0]));
    return configuration;
}

static void without_file_and_environment_the_defaults_serve(void **state) {
    (void)state;
    json_t *c = load(NULL);
    assert_string_equal(configuration_text(c, "listen.public"), "127.0.0.1:8080");
    assert_string_equal(configuration_text(c, "listen.admin"), "127.0.0.1:8081");
    assert_null(configuration_text(c, "tls.certificate"));
    assert_string_equal(configuration_data(c), "banyan-data");
    setenv("STATE_DIRECTORY", "/var/lib/banyan", 1);
    assert_string_equal(configuration_data(c), "/var/lib/banyan");
    json_decref(c);
}

static void the_environment_overrides_the_file(void **state) {
    (void)state;
    assert_null(
        io_write_file("banyan.yaml", SPAN("data: from-file\nlisten:\n  public: 127.0.0.1:1\n  admin: 127.0.0.1:2\n"
                                          "workers: {couriers: 3}\n")));
    setenv("BANYAN_PUBLIC", "127.0.0.1:0", 1);
    setenv("BANYAN_WORKERS_COURIERS", "5", 1);
    setenv("BANYAN_ADMIN", "", 1);
    json_t *c = load(NULL);
    assert_string_equal(configuration_data(c), "from-file");
    assert_string_equal(configuration_text(c, "listen.public"), "127.0.0.1:0");
    assert_string_equal(configuration_text(c, "listen.admin"), "127.0.0.1:2");
    assert_int_equal(configuration_integer(c, "workers.couriers"), 5);
    json_decref(c);
}

static void a_flag_goes_before_the_environment_and_its_fault_names_it(void **state) {
    (void)state;
    fault_list faults = {NULL, 0};
    assert_null(io_write_file("banyan.yaml", SPAN("data: from-file\nlisten: {public: 127.0.0.1:1}\n")));
    setenv("BANYAN_PUBLIC", "127.0.0.1:2", 1);
    json_t *c = load(NULL);
    configuration_set(c, "data", "from-flag", "--data", &faults);
    configuration_set(c, "listen.public", "127.0.0.1:3", "--public", &faults);
    configuration_set(c, "log.level", "debug", "--log-level", &faults);
    assert_int_equal(faults.count, 0);
    assert_string_equal(configuration_data(c), "from-flag");
    assert_string_equal(configuration_text(c, "listen.public"), "127.0.0.1:3");
    assert_string_equal(configuration_text(c, "log.level"), "debug");
    configuration_set(c, "listen.admin", "nonsense", "--admin", &faults);
    assert_int_equal(faults.count, 1);
    assert_string_equal(error_where(faults.faults[0]), "--admin");
    fault_list_free(&faults);
    json_decref(c);
}

static void faults_of_the_configuration_name_their_place(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *variable, *value, *where, *words;
    } rows[] = {
        {"lsten: {}\n", NULL, NULL, "b.yaml:1:8", "did you mean \"listen\""},
        {"listen:\n  pubic: x\n", NULL, NULL, "b.yaml:2:10", "did you mean \"public\""},
        {"listen: [1]\n", NULL, NULL, "b.yaml:1:9", "must be an object"},
        {"- 1\n", NULL, NULL, "b.yaml", "one object of settings"},
        {"a: 1\n---\nb: 2\n", NULL, NULL, "b.yaml", "one object of settings"},
        {"log: {level: loud}\n", NULL, NULL, "b.yaml:1:14", "one of: debug info warning error"},
        {"", "BANYAN_LOG_LEVEL", "loud", "BANYAN_LOG_LEVEL", "one of"},
        {"", "BANYAN_WORKERS_COURIERS", "many", "BANYAN_WORKERS_COURIERS", "whole number"},
        {"", "BANYAN_WORKERS_COURIERS", "0", "BANYAN_WORKERS_COURIERS", "from 1 to 256"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *configuration;
        fault_list faults = {NULL, 0};
        assert_null(io_write_file("b.yaml", span_of(rows[i].yaml)));
        if (rows[i].variable) setenv(rows[i].variable, rows[i].value, 1);
        configuration_load("b.yaml", &configuration, &faults);
        if (rows[i].variable) unsetenv(rows[i].variable);
        assert_null(configuration);
        assert_int_equal(faults.count, 1);
        const error *err = faults.faults[0];
        if (strcmp(error_where(err), rows[i].where) != 0 || !strstr(error_text(err), rows[i].words))
            fail_msg("row %zu: %s (%s)", i, error_text(err), error_where(err));
        fault_list_free(&faults);
    }
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(options_may_stand_anywhere_and_in_every_form),
        IN_DIRECTORY(wrong_usage_is_exit_2_with_one_line_that_helps),
        IN_DIRECTORY(a_command_that_does_not_exist_suggests_the_nearest),
        IN_DIRECTORY(every_command_has_help_that_names_its_options),
        IN_DIRECTORY(overview_version_and_settings_answer_on_standard_output),
        IN_DIRECTORY(manual_and_completions_know_every_command_and_option),
        IN_DIRECTORY(every_command_has_a_page_of_its_own),
        IN_DIRECTORY(completion_in_bash_offers_what_may_follow),
        IN_DIRECTORY(without_file_and_environment_the_defaults_serve),
        IN_DIRECTORY(the_environment_overrides_the_file),
        IN_DIRECTORY(a_flag_goes_before_the_environment_and_its_fault_names_it),
        IN_DIRECTORY(faults_of_the_configuration_name_their_place),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(seen);
    return failed;
}
