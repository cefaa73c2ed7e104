/* core/app/cmd_versions.c: `banyan script versions|show|publish|rollback`: the versions of a running appliance's
 * scripts.
 *
 * Publishing goes by the caller's draft, as in the UI: the same tests run, the same history is written.
 */
#include "core/app/client.h"
#include "core/app/commands.h"
#include "core/app/print.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <stdlib.h>
#include <unistd.h>

enum { SOURCE_BYTES_MAX = 2 * 1024 * 1024, PATH_BYTES_MAX = 8192, STATUS_CONFLICT = 409 };

/* "/api/v1/scripts/NAME" and what follows; owned by the caller. */
static char *path_of(const char *name, const char *rest) {
    buf path = BUF_MAX(PATH_BYTES_MAX);
    buf_add_text(&path, "/api/v1/scripts/");
    client_path_add(&path, name);
    buf_add_text(&path, rest);
    char *text = xstrdup(buf_text(&path));
    buf_free(&path);
    return text;
}

static error *call_script(
    client *c, const char *method, const char *name, const char *rest, const json_t *body, json_t **answer) {
    char *path = path_of(name, rest);
    error *err = client_call(c, method, path, body, answer);
    free(path);
    return err;
}

/* ---- script versions, script show ---- */

static int run_versions(const command_line *line) {
    static const print_column columns[] = {{"VERSION", "version"}, {"PUBLISHED", "at"}, {"BY", "author"},
        {"RUNS", "current"}, {"NOTE", "note"}, {NULL, NULL}};
    client *c = NULL;
    json_t *answer = NULL;
    error *err = client_open(&c);
    if (!err) err = call_script(c, "GET", command_argument(line, 0), "/versions", NULL, &answer);
    if (!err && command_flag(line, "json"))
        print_json(json_get_array(answer, "items"));
    else if (!err)
        print_table(stdout, columns, json_get_array(answer, "items"));
    json_decref(answer);
    client_close(c);
    return err ? command_failed(err) : EXIT_DONE;
}

static error *check_number(const char *text, const char **number) {
    uint64_t value;
    *number = text;
    if (text && !span_to_u64(span_of(text), 1, INT64_MAX, &value))
        return error_new(ERROR_INVALID, "'%s' is no number of a version", text);
    return NULL;
}

static int run_show(const command_line *line) {
    client *c = NULL;
    json_t *answer = NULL;
    const char *number = NULL;
    error *err = check_number(command_argument_count(line) > 1 ? command_argument(line, 1) : NULL, &number);
    char *rest = number ? xasprintf("/versions/%s", number) : xstrdup("");
    if (!err) err = client_open(&c);
    if (!err) err = call_script(c, "GET", command_argument(line, 0), rest, NULL, &answer);
    if (!err && command_flag(line, "json"))
        print_json(answer);
    else if (!err)
        err = io_write_all(
            STDOUT_FILENO, json_get_span(answer, command_flag(line, "tests") ? "test" : "source"), "standard output");
    free(rest);
    json_decref(answer);
    client_close(c);
    return err ? command_failed(err) : EXIT_DONE;
}

/* ---- script publish, script rollback ---- */

/* NAME.lua as the draft's source and, where it is there, NAME_test.lua as its tests. */
static error *read_draft(const char *file, const command_line *line, char **name, json_t **draft) {
    static const char suffix[] = ".lua";
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    size_t len = strlen(base), cut = strlen(suffix);
    if (len > cut && strcmp(base + len - cut, suffix) == 0) len -= cut;
    *name = xspandup(span_make(base, len));
    char *tests = xasprintf("%.*s_test.lua", (int)(base - file + (ptrdiff_t)len), file);
    buf source = BUF_MAX(SOURCE_BYTES_MAX), test = BUF_MAX(SOURCE_BYTES_MAX);
    error *err = io_read_file(file, &source);
    bool tested = access(tests, F_OK) == 0;
    if (!err && tested) err = io_read_file(tests, &test);
    *draft = json_object();
    if (!err) json_put_span(*draft, "source", buf_span(&source));
    if (!err && tested) json_put_span(*draft, "tests", buf_span(&test));
    json_put_text(*draft, "note", command_text(line, "note", ""));
    buf_free(&source);
    buf_free(&test);
    free(tests);
    return err;
}

static void tell_version(const command_line *line, const json_t *answer) {
    if (command_flag(line, "json"))
        print_json(answer);
    else
        printf("%s is version %lld now\n", json_get_text(answer, "name", ""),
            (long long)json_get_integer(answer, "version", 0));
}

/* The tests that keep a draft from being published; false when the answer is none of that kind. */
static bool tell_failing(const client_answer *answer) {
    size_t i;
    const json_t *one;
    if (answer->status != STATUS_CONFLICT ||
        strcmp(json_get_text(answer->body, "type", ""), "/problems/tests-fail") != 0)
        return false;
    json_array_foreach(json_get_array(answer->body, "errors"), i, one) {
        char *test = print_safe(json_get_span(one, "pointer")), *words = print_safe(json_get_span(one, "detail"));
        fprintf(stderr, "%s: %s\n", test, words);
        free(test);
        free(words);
    }
    fprintf(stderr, "not published: its tests fail; --force publishes it as it is\n");
    return true;
}

static int run_publish(const command_line *line) {
    client *c = NULL;
    char *name = NULL;
    json_t *draft = NULL, *body = json_pack("{s:b}", "force", command_flag(line, "force"));
    client_answer answer = {.status = 0};
    error *err = read_draft(command_argument(line, 0), line, &name, &draft);
    char *path = path_of(name, "/publish");
    bool failing = false;
    if (!err) err = client_open(&c);
    if (!err) err = call_script(c, "PUT", name, "/draft", draft, NULL);
    if (!err) err = client_request(c, "POST", path, body, &answer);
    if (!err) failing = tell_failing(&answer);
    if (!err && !failing) err = client_problem(&answer);
    if (!err && !failing) tell_version(line, answer.body);
    client_answer_free(&answer);
    client_close(c);
    json_decref(draft);
    json_decref(body);
    free(path);
    free(name);
    if (err) return command_failed(err);
    return failing ? EXIT_BAD : EXIT_DONE;
}

static int run_rollback(const command_line *line) {
    client *c = NULL;
    const char *number = NULL, *note = command_text(line, "note", NULL);
    json_t *body = json_object(), *answer = NULL;
    error *err = check_number(command_argument(line, 1), &number);
    if (!err) json_object_set_new(body, "version", json_integer(strtoll(number, NULL, 10)));
    if (note) json_put_text(body, "note", note);
    if (!err) err = client_open(&c);
    if (!err) err = call_script(c, "POST", command_argument(line, 0), "/rollback", body, &answer);
    if (!err) tell_version(line, answer);
    json_decref(answer);
    json_decref(body);
    client_close(c);
    return err ? command_failed(err) : EXIT_DONE;
}

static const option_spec versions_options[] = {
    {"json", 0, NULL, "Print the versions as JSON, with the hash that messages name"}, {.name = NULL}};
static const option_spec show_options[] = {{"json", 0, NULL, "Print all that is known of it as JSON"},
    {"tests", 0, NULL, "Print its tests, not its source"}, {.name = NULL}};
static const option_spec publish_options[] = {
    {"force", 0, NULL, "Publish even when its tests fail; what does not compile is refused all the same"},
    {"json", 0, NULL, "Print the new version as JSON"}, {"note", 0, "TEXT", "Why, for the history"}, {.name = NULL}};
static const option_spec rollback_options[] = {{"json", 0, NULL, "Print the new version as JSON"},
    {"note", 0, "TEXT", "Why, for the history (back to version N)"}, {.name = NULL}};

const command version_commands[] = {
    {.name = "script versions",
        .arguments = "NAME",
        .least = 1,
        .most = 1,
        .summary = "The versions of a published script, newest first",
        .options = versions_options,
        .run = run_versions},
    {.name = "script show",
        .arguments = "NAME [VERSION]",
        .least = 1,
        .most = 2,
        .summary = "The source of a published script, or of one of its versions",
        .details = "To compare two versions: diff -u <(banyan script show NAME 3) <(banyan script show NAME)",
        .options = show_options,
        .run = run_show},
    {.name = "script publish",
        .arguments = "SCRIPT",
        .least = 1,
        .most = 1,
        .summary = "Publish a script, when its tests hold",
        .details =
            "SCRIPT is the path of NAME.lua; NAME_test.lua beside it goes with it. It becomes your draft, the\n"
            "appliance runs the tests, and a new version is what messages meet from then on. Exit code 1, and the\n"
            "draft stays, when a test fails.",
        .options = publish_options,
        .run = run_publish},
    {.name = "script rollback",
        .arguments = "NAME VERSION",
        .least = 2,
        .most = 2,
        .summary = "Let an earlier version of a script run again, as a new one",
        .options = rollback_options,
        .run = run_rollback},
    {.name = NULL},
};
