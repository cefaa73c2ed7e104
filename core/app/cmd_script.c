/* core/app/cmd_script.c: `banyan script test` and `banyan script run`: scripts without a running appliance.
 *
 * Scripts are read from the directory in which the named one lies; modules that they require too. Everything runs in
 * this process: the files are the user's own.
 */
#include "core/app/client.h"
#include "core/app/commands.h"
#include "core/app/definitions.h"
#include "core/app/print.h"
#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/map.h"
#include "core/base/memory.h"
#include "core/script/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SOURCE_BYTES_MAX = 2 * 1024 * 1024, INPUT_BYTES_MAX = 256 * 1024 * 1024, DEPTH_MAX = 16 };
enum { PATH_BYTES_MAX = 8192, REPLAY_DEFAULT = 20 };

static const char test_suffix[] = "_test.lua", script_suffix[] = ".lua";

/* ---- services from files ---- */

typedef struct script_files {
    const char *directory;
    map *texts;           /* name → buf, owned: what the host borrows stays */
    map *counters;        /* sequence → uint64_t, owned */
    json_t *tables;       /* name → rows; may be NULL */
    edi_library *schemas; /* with those of --schema; NULL: the built-in ones */
} script_files;

static void free_text(void *value) {
    buf_free(value);
    free(value);
}

static error *file_source(void *context, const char *name, span *text, const char **hash) {
    script_files *files = context;
    buf *kept = map_get(files->texts, span_of(name));
    *hash = NULL;
    if (!kept) {
        char *path = xasprintf("%s/%s%s", files->directory, name, script_suffix);
        kept = xmalloc(sizeof *kept);
        *kept = BUF_MAX(SOURCE_BYTES_MAX);
        error *err = io_read_file(path, kept);
        free(path);
        if (err) {
            free_text(kept);
            return err;
        }
        map_put(files->texts, span_of(name), kept);
    }
    *text = buf_span(kept);
    return NULL;
}

static error *count_up(void *context, const char *sequence, uint64_t *number) {
    script_files *files = context;
    uint64_t *last = map_get(files->counters, span_of(sequence));
    if (!last) {
        last = xcalloc(1, sizeof *last);
        map_put(files->counters, span_of(sequence), last);
    }
    *number = ++*last;
    return NULL;
}

static error *look_up(void *context, const char *table, const char *code, bool reverse, buf *value, bool *found) {
    const script_files *files = context;
    json_t *rows = json_object_get(files->tables, table), *row;
    const char *key;
    if (!rows) return error_new(ERROR_NOT_FOUND, "there is no table \"%s\": --table %s=FILE gives it", table, table);
    *found = false;
    json_object_foreach(rows, key, row) {
        const char *text = json_is_string(row) ? json_string_value(row) : "";
        if (*found || strcmp(reverse ? text : key, code) != 0) continue;
        buf_add_text(value, reverse ? key : text);
        *found = true;
    }
    return NULL;
}

static int64_t wall_ms(void *context) {
    (void)context;
    return clock_wall_ms();
}

static error *open_host(script_files *files, const char *directory, const command_line *line, script_host **host) {
    *files = (script_files){.directory = directory, .texts = map_new(), .counters = map_new()};
    const script_services services = {file_source, count_up, look_up, wall_ms, files};
    size_t cursor = 0;
    error *err = script_host_new(&services, host);
    if (err || !command_next(line, "schema", &cursor)) return err;
    files->schemas = edi_library_new();
    err = definitions_of(line, files->schemas);
    script_host_use_schemas(*host, files->schemas);
    return err;
}

static void close_host(script_files *files, script_host *host) {
    script_host_free(host);
    map_free(files->texts, free_text);
    map_free(files->counters, free);
    json_decref(files->tables);
    edi_library_free(files->schemas);
}

/* Parts "dir/order.lua" into "dir" and "order"; both owned by the caller. */
static void part_path(const char *path, const char *suffix, char **directory, char **name) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t len = strlen(base), cut = strlen(suffix);
    if (len > cut && strcmp(base + len - cut, suffix) == 0) len -= cut;
    *directory = slash ? xspandup(span_make(path, slash > path ? (size_t)(slash - path) : 1)) : xstrdup(".");
    *name = xspandup(span_make(base, len));
}

/* ---- script test ---- */

typedef struct test_run {
    const command_line *line;
    bool update, coverage;
    size_t passed, failed, files;
    error *err; /* the first that kept tests from running */
} test_run;

static bool ends_with(const char *text, const char *suffix) {
    size_t len = strlen(text), cut = strlen(suffix);
    return len > cut && strcmp(text + len - cut, suffix) == 0;
}

/* "# order.lua: 31 of 40 lines ran; not: 12-14 20". */
static void tell_coverage(const char *name, const json_t *lines) {
    size_t count = 0, ran = 0;
    long first = 0, last = 0;
    const char *number;
    json_t *runs;
    buf missed = BUF_MAX(INPUT_BYTES_MAX);
    json_object_foreach((json_t *)lines, number, runs) {
        long line = strtol(number, NULL, 10);
        count++;
        bool missing = json_integer_value(runs) == 0;
        if (!missing) ran++;
        if (missing && first && line == last + 1) {
            last = line;
            continue;
        }
        if (first) buf_printf(&missed, first == last ? " %ld" : " %ld-%ld", first, last);
        first = missing ? line : 0;
        last = line;
    }
    if (first) buf_printf(&missed, first == last ? " %ld" : " %ld-%ld", first, last);
    printf("# %s.lua: %zu of %zu lines ran%s%s\n", name, ran, count, missed.len ? "; not:" : "", buf_text(&missed));
    buf_free(&missed);
}

static void test_one(test_run *run, const char *path, const char *suffix) {
    script_files files;
    script_host *host = NULL;
    char *directory, *name;
    part_path(path, suffix, &directory, &name);
    error *err = open_host(&files, directory, run->line, &host);
    json_t *lines = NULL;
    const script_test_options options = {
        .directory = directory, .update = run->update, .tap = stdout, .lines = run->coverage ? &lines : NULL};
    if (!err) err = script_test(host, name, &options, &run->passed, &run->failed);
    if (lines) tell_coverage(name, lines);
    json_decref(lines);
    run->files++;
    close_host(&files, host);
    free(directory);
    free(name);
    if (err && !run->err)
        run->err = err;
    else
        error_free(err);
}

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Every NAME_test.lua below the directory, in the order of their names. */
static void test_below(test_run *run, const char *directory, int depth) {
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_shown, alphasort);
    for (int i = 0; i < count; i++) {
        char *path = xasprintf("%s/%s", directory, entries[i]->d_name);
        struct stat facts;
        if (lstat(path, &facts) == 0 && S_ISDIR(facts.st_mode) && depth < DEPTH_MAX)
            test_below(run, path, depth + 1);
        else if (ends_with(path, test_suffix))
            test_one(run, path, test_suffix);
        free(path);
        free(entries[i]);
    }
    free(entries);
}

/* A directory, a script (its tests lie beside it), or a test file. */
static void test_path(test_run *run, const char *path) {
    struct stat facts;
    error *err = NULL;
    if (stat(path, &facts) != 0)
        err = error_from_errno(errno, "%s", path);
    else if (S_ISDIR(facts.st_mode))
        test_below(run, path, 0);
    else if (ends_with(path, test_suffix))
        test_one(run, path, test_suffix);
    else if (ends_with(path, script_suffix))
        test_one(run, path, script_suffix);
    else
        err = error_new(ERROR_INVALID, "%s is neither a directory nor a script", path);
    if (err && !run->err)
        run->err = err;
    else
        error_free(err);
}

static int run_test(const command_line *line) {
    test_run run = {.line = line, .update = command_flag(line, "update"), .coverage = command_flag(line, "coverage")};
    size_t count = command_argument_count(line);
    for (size_t i = 0; i < count; i++)
        test_path(&run, command_argument(line, i));
    if (count == 0) test_path(&run, ".");
    printf("1..%zu\n", run.passed + run.failed);
    if (run.failed) printf("# %zu of %zu failed\n", run.failed, run.passed + run.failed);
    if (run.err) return command_failed(run.err);
    if (run.files == 0) return command_failed(error_new(ERROR_NOT_FOUND, "there is no NAME_test.lua here"));
    return run.failed ? EXIT_BAD : EXIT_DONE;
}

/* ---- script run ---- */

/* Every "name=value" (or "Name: value") of an option as members of an object; NULL: none was given. */
static error *pairs_of(const command_line *line, const char *option, char separator, json_t **object) {
    size_t cursor = 0;
    const char *pair;
    while ((pair = command_next(line, option, &cursor))) {
        const char *mark = strchr(pair, separator);
        if (!mark) return error_new(ERROR_INVALID, "--%s takes NAME%cVALUE, not '%s'", option, separator, pair);
        if (!*object) *object = json_object();
        char *name = xspandup(span_make(pair, (size_t)(mark - pair)));
        json_put_span(*object, name, span_trim(span_of(mark + 1)));
        free(name);
    }
    return NULL;
}

static error *put_pairs(
    json_t *message, const command_line *line, const char *option, char separator, const char *field) {
    json_t *object = NULL;
    error *err = pairs_of(line, option, separator, &object);
    if (object && !err) json_object_set(message, field, object);
    json_decref(object);
    return err;
}

static error *read_tables(const command_line *line, json_t **tables) {
    size_t cursor = 0;
    const char *pair;
    error *err = NULL;
    while (!err && (pair = command_next(line, "table", &cursor))) {
        const char *mark = strchr(pair, '=');
        if (!mark) return error_new(ERROR_INVALID, "--table takes NAME=FILE, not '%s'", pair);
        buf text = BUF_MAX(INPUT_BYTES_MAX);
        json_t *rows = NULL;
        err = io_read_file(mark + 1, &text);
        if (!err) err = error_wrap(json_parse(buf_span(&text), &rows), "%s", mark + 1);
        if (!*tables) *tables = json_object();
        char *name = xspandup(span_make(pair, (size_t)(mark - pair)));
        if (rows) json_object_set_new(*tables, name, rows);
        free(name);
        buf_free(&text);
    }
    return err;
}

/* --calls, or NAME_samples/calls.json where there is one: what answers in the place of other systems. */
static error *read_calls(const command_line *line, const char *directory, const char *name, json_t *call) {
    const char *given = command_text(line, "calls", NULL);
    char *habit = xasprintf("%s/%s_samples/calls.json", directory, name);
    buf text = BUF_MAX(INPUT_BYTES_MAX);
    error *err = NULL;
    if (given || access(habit, F_OK) == 0) err = io_read_file(given ? given : habit, &text);
    if (!err && text.len == 0) buf_add_text(&text, "[]");
    if (!err) json_put_span(call, "mocks", buf_span(&text));
    buf_free(&text);
    free(habit);
    return err;
}

static error *make_call(const command_line *line, const char *script, const char *file, json_t **call) {
    static const struct {
        const char *option, *field;
    } texts[] = {{"filename", "filename"}, {"content-type", "content_type"}, {"partner", "partner"},
        {"connection", "connection"}, {"method", "method"}, {"path", "path"}, {"caller", "caller"}};
    int64_t document = 0, status = 0;
    error *err = command_integer(line, "document", 1, 1000000, &document);
    if (!err) err = command_integer(line, "status", 100, 599, &status);
    json_t *message = json_object();
    const char *slash = strrchr(file, '/');
    if (strcmp(file, "-") != 0) json_put_text(message, "filename", slash ? slash + 1 : file);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        json_put_text(
            message, texts[i].field, command_text(line, texts[i].option, json_get_text(message, texts[i].field, NULL)));
    if (document) json_object_set_new(message, "document", json_integer(document - 1));
    if (status) json_object_set_new(message, "status", json_integer(status));
    if (!err) err = put_pairs(message, line, "header", ':', "headers");
    if (!err) err = put_pairs(message, line, "var", '=', "vars");
    if (!err) err = put_pairs(message, line, "param", '=', "params");
    if (!err) err = put_pairs(message, line, "query", '=', "query");
    *call = json_pack("{s:s, s:s, s:o, s:[{s:s, s:{s:{s:s, s:s}, s:{s:s, s:s}}}]}", "script", script, "function",
        command_text(line, "function", "translate"), "message", message, "destinations", "connection", "destination",
        "envelopes", "X12", "sender", command_text(line, "sender", "ZZ:SENDER"), "receiver",
        command_text(line, "receiver", "ZZ:RECEIVER"), "EDIFACT", "sender", command_text(line, "sender", "SENDER:ZZ"),
        "receiver", command_text(line, "receiver", "RECEIVER:ZZ"));
    return err;
}

static error *read_input(const char *file, buf *into) {
    return strcmp(file, "-") == 0 ? io_read_all(STDIN_FILENO, into, "standard input") : io_read_file(file, into);
}

static void tell_log(const json_t *outcome) {
    size_t i;
    const json_t *entry;
    json_array_foreach(json_get_array(outcome, "log"), i, entry) {
        char *text = print_safe(json_get_span(entry, "text"));
        fprintf(stderr, "%s: line %lld: %s\n", json_get_text(entry, "level", ""),
            (long long)json_get_integer(entry, "line", 0), text);
        free(text);
    }
}

static void show_json(const script_outcome *outcome) {
    size_t i;
    json_t *result;
    json_array_foreach(json_get_array(outcome->result, "results"), i, result) {
        int64_t index = json_get_integer(result, "payload", -1);
        if (index >= 0 && (size_t)index < outcome->payload_count)
            json_put_span(result, "body", buf_span(&outcome->payloads[index]));
    }
    print_json(outcome->result);
}

/* The payloads one after the other; what else there is goes to standard error. */
static error *show_payloads(const script_outcome *outcome) {
    error *err = NULL;
    for (size_t i = 0; i < outcome->payload_count && !err; i++) {
        if (outcome->payload_count > 1) fprintf(stderr, "result %zu of %zu\n", i + 1, outcome->payload_count);
        err = io_write_all(STDOUT_FILENO, buf_span(&outcome->payloads[i]), "standard output");
    }
    return err;
}

static int show(const command_line *line, const script_outcome *outcome) {
    const json_t *rejected = json_get_object(outcome->result, "rejected");
    if (command_flag(line, "json")) {
        show_json(outcome);
        return rejected ? EXIT_BAD : EXIT_DONE;
    }
    tell_log(outcome->result);
    if (rejected) {
        char *reason = print_safe(json_get_span(rejected, "reason"));
        fprintf(stderr, "rejected: %s (%s)\n", reason, json_get_text(rejected, "place", ""));
        free(reason);
        return EXIT_BAD;
    }
    error *err = show_payloads(outcome);
    return err ? command_failed(err) : EXIT_DONE;
}

/* That it is not there is no judgement of the message. */
static error *find_script(const char *directory, const char *name) {
    char *path = xasprintf("%s/%s%s", directory, name, script_suffix);
    error *err = access(path, R_OK) < 0 ? error_from_errno(errno, "cannot read %s", path) : NULL;
    free(path);
    return err;
}

static int run_script(const command_line *line) {
    script_files files;
    script_host *host = NULL;
    script_outcome outcome = {NULL, NULL, 0};
    char *directory, *name;
    const char *file = command_argument(line, 1);
    buf payload = BUF_MAX(INPUT_BYTES_MAX);
    json_t *call = NULL;
    int code = EXIT_IMPOSSIBLE;
    part_path(command_argument(line, 0), script_suffix, &directory, &name);
    error *err = open_host(&files, directory, line, &host);
    if (!err) err = find_script(directory, name);
    if (!err) err = read_tables(line, &files.tables);
    if (!err) err = make_call(line, name, file, &call);
    if (!err) err = read_calls(line, directory, name, call);
    if (!err) err = read_input(file, &payload);
    if (err) {
        code = command_failed(err);
    } else {
        err = script_run(host, call, buf_span(&payload), &outcome);
        if (!err) {
            code = show(line, &outcome);
        } else {
            tell_log(outcome.result);
            command_failed(err);
            code = EXIT_BAD;
        }
    }
    script_outcome_free(&outcome);
    json_decref(call);
    buf_free(&payload);
    close_host(&files, host);
    free(directory);
    free(name);
    return code;
}

/* ---- script replay ---- */

static void print_replay(const json_t *answer) {
    static const print_column columns[] = {{"MESSAGES", "count"}, {"KIND", "kind"}, {"WHERE", "path"},
        {"BEFORE", "before"}, {"AFTER", "after"}, {"FOR EXAMPLE", "message"}, {NULL, NULL}};
    json_t *group;
    size_t i;
    printf("%lld compared, %lld the same\n", (long long)json_get_integer(answer, "compared", 0),
        (long long)json_get_integer(answer, "same", 0));
    json_array_foreach(json_get_array(answer, "groups"), i, group) {
        const json_t *example = json_get_object(group, "example");
        json_put_text(group, "before", json_get_text(example, "before", NULL));
        json_put_text(group, "after", json_get_text(example, "after", NULL));
        json_put_text(group, "message", json_string_value(json_array_get(json_get_array(group, "messages"), 0)));
    }
    if (json_array_size(json_get_array(answer, "groups")))
        print_table(stdout, columns, json_get_array(answer, "groups"));
}

static int run_replay(const command_line *line) {
    client *c = NULL;
    char *directory, *name;
    const char *file = command_argument(line, 0);
    buf source = BUF_MAX(SOURCE_BYTES_MAX), path = BUF_MAX(PATH_BYTES_MAX);
    json_t *body = json_object(), *answer = NULL;
    int64_t last = REPLAY_DEFAULT;
    part_path(file, script_suffix, &directory, &name);
    error *err = command_integer(line, "last", 1, 200, &last);
    if (!err) err = io_read_file(file, &source);
    if (!err) {
        json_put_span(body, "source", buf_span(&source));
        json_object_set_new(body, "last", json_integer(last));
        buf_add_text(&path, "/api/v1/scripts/");
        client_path_add(&path, name);
        buf_add_text(&path, "/replay");
        err = client_open(&c);
    }
    if (!err) err = client_call(c, "POST", buf_text(&path), body, &answer);
    if (!err && command_flag(line, "json"))
        print_json(answer);
    else if (!err)
        print_replay(answer);
    bool differs = json_get_integer(answer, "compared", 0) != json_get_integer(answer, "same", 0);
    client_close(c);
    json_decref(answer);
    json_decref(body);
    buf_free(&source);
    buf_free(&path);
    free(directory);
    free(name);
    if (err) return command_failed(err);
    return differs ? EXIT_BAD : EXIT_DONE;
}

static const option_spec replay_options[] = {
    {"json", 0, NULL, "Print the groups of differences as JSON"},
    {"last", 0, "N", "How many messages of each flow, newest first (20)"},
    {.name = NULL},
};

static const option_spec test_options[] = {{"coverage", 0, NULL, "Tell which lines of each script ran"},
    {"update", 0, NULL, "Write the expected files (test.matches_file) instead of comparing with them"}, SCHEMA_OPTION,
    {.name = NULL}};

static const option_spec run_options[] = {{"function", 'f', "NAME", "translate (the default), request or response"},
    {"json", 0, NULL, "Print the whole outcome as JSON, not the payload"},
    {"filename", 0, "NAME", "The message's file name, if not that of FILE"},
    {"content-type", 0, "TYPE", "Its content type"}, {"partner", 0, "NAME", "The partner it came from"},
    {"connection", 0, "NAME", "The connection it came by"},
    {"document", 0, "NUMBER", "Which of the file's EDI documents message.edi is"},
    {"var", 0, "NAME=VALUE", "A member of message.vars"},
    {"header", 0, "NAME:VALUE", "A header of the request or response"},
    {"method", 0, "METHOD", "The method of a request"}, {"path", 0, "PATH", "Its path"},
    {"param", 0, "NAME=VALUE", "A path parameter"}, {"query", 0, "NAME=VALUE", "A query parameter"},
    {"caller", 0, "NAME", "Who calls"}, {"status", 0, "NUMBER", "The status of a response"},
    {"sender", 0, "ID", "The sender of interchanges that the script builds (ZZ:SENDER, in EDIFACT SENDER:ZZ)"},
    {"receiver", 0, "ID", "Their receiver"},
    {"calls", 0, "FILE", "What other systems answer to its calls (NAME_samples/calls.json)"},
    {"table", 0, "NAME=FILE", "A code table, a JSON object of texts"}, SCHEMA_OPTION, {.name = NULL}};

const command script_commands[] = {
    {.name = "script test",
        .arguments = "[PATH...]",
        .most = -1,
        .summary = "Run the tests beside scripts",
        .details = "PATH is a directory, a script or its NAME_test.lua; without one, all below the current directory. "
                   "Prints TAP; exit code 1 when a test failed. --schema names the guides that hold for the messages: "
                   "those that their partner names in `schemas`.",
        .options = test_options,
        .run = run_test},
    {.name = "script run",
        .arguments = "SCRIPT FILE",
        .least = 2,
        .most = 2,
        .summary = "Run one message through a script",
        .details =
            "SCRIPT is the path of NAME.lua; modules that it requires lie beside it. FILE may be - for standard input. "
            "The payload of the result goes to standard output, log lines to standard error.",
        .options = run_options,
        .run = run_script},
    {.name = "script replay",
        .arguments = "SCRIPT",
        .least = 1,
        .most = 1,
        .summary = "What a script would change on the messages received last",
        .details =
            "SCRIPT is the path of NAME.lua. A running appliance runs it beside the published script NAME on the last\n"
            "messages of its flows; nothing is sent or kept. Exit code 1 when anything differs.",
        .options = replay_options,
        .run = run_replay},
    {.name = NULL},
};
