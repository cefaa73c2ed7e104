/* core/app/cmd_apply.c: `banyan apply` and `banyan export`: the estate as files. */
#include "core/app/client.h"
#include "core/app/commands.h"
#include "core/app/estate_files.h"
#include "core/app/export_files.h"
#include "core/app/print.h"
#include "core/base/memory.h"
#include "core/flow/estate.h"

#include <stdlib.h>

/* ---- apply ---- */

/* A fault with a place stands in a file that was judged; one without is a file that could not be read. */
static int tell_faults(const fault_list *faults) {
    int code = EXIT_BAD;
    for (size_t i = 0; i < faults->count; i++) {
        const char *where = error_where(faults->faults[i]);
        if (!*where) code = EXIT_IMPOSSIBLE;
        fprintf(stderr, "%s: %s\n", *where ? where : "banyan", error_text(faults->faults[i]));
    }
    return code;
}

/* "partners.yaml:12: connections/acme-sftp/host: ..."; what the estate does not hold is named by its pointer alone. */
static void tell_server_faults(const estate_files *e, const json_t *errors) {
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *fault = json_array_get(errors, i);
        const char *pointer = json_get_text(fault, "pointer", "");
        char *place = estate_files_place(e, pointer);
        char *detail = print_cell(fault, "detail");
        char *object = print_safe(span_of(*pointer == '/' ? pointer + 1 : pointer));
        fprintf(stderr, "%s%s%s%s%s\n", place ? place : "", place ? ": " : "", object, *object ? ": " : "", detail);
        free(place);
        free(detail);
        free(object);
    }
}

typedef struct change_counts {
    size_t create, update, remove, unchanged;
} change_counts;

static void tell_change(const json_t *change, change_counts *counts) {
    const char *action = json_get_text(change, "action", "");
    const char *mark = NULL;
    if (strcmp(action, "create") == 0) {
        mark = "+";
        counts->create++;
    } else if (strcmp(action, "update") == 0) {
        mark = "~";
        counts->update++;
    } else if (strcmp(action, "delete") == 0) {
        mark = "-";
        counts->remove++;
    } else {
        counts->unchanged++;
    }
    if (!mark) return;
    char *kind = print_cell(change, "kind"), *name = print_cell(change, "name"), *fields = print_cell(change, "fields");
    printf("%s %s/%s%s%s%s\n", mark, kind, name, *fields ? " (" : "", fields, *fields ? ")" : "");
    free(kind);
    free(name);
    free(fields);
}

static bool tell_changes(const json_t *changes, bool dry_run) {
    change_counts counts = {0, 0, 0, 0};
    for (size_t i = 0; i < json_array_size(changes); i++)
        tell_change(json_array_get(changes, i), &counts);
    printf("%zu %screated, %zu changed, %zu deleted, %zu unchanged\n", counts.create, dry_run ? "to be " : "",
        counts.update, counts.remove, counts.unchanged);
    return counts.create + counts.update + counts.remove > 0;
}

static bool has_difference(const json_t *changes) {
    for (size_t i = 0; i < json_array_size(changes); i++) {
        if (strcmp(json_get_text(json_array_get(changes, i), "action", ""), "unchanged") != 0) return true;
    }
    return false;
}

static int tell_answer(const command_line *line, const estate_files *e, const client_answer *answer) {
    bool dry_run = command_flag(line, "dry-run");
    const json_t *errors = json_get_array(answer->body, "errors");
    if (answer->status == 422 && json_array_size(errors)) {
        tell_server_faults(e, errors);
        fprintf(stderr, "banyan apply: nothing was changed: %zu %s to be corrected\n", json_array_size(errors),
            json_array_size(errors) == 1 ? "fault has" : "faults have");
        return EXIT_BAD;
    }
    error *err = client_problem(answer);
    if (err) return command_failed(err);
    const json_t *changes = json_get_array(answer->body, "changes");
    if (command_flag(line, "json"))
        print_json(answer->body);
    else
        tell_changes(changes, dry_run);
    return dry_run && has_difference(changes) ? EXIT_BAD : EXIT_DONE;
}

/* What made the files may have failed before it wrote anything: that is no order to delete everything. */
static bool prunes_by_nothing(const command_line *line, const estate_files *e) {
    if (!command_flag(line, "prune") || estate_files_name_kinds(e)) return false;
    fprintf(stderr,
        "banyan apply: nothing was changed: the files hold nothing, and --prune would delete all that the appliance "
        "has; if that is meant, write a kind with an empty list: \"partners: []\"\n");
    return true;
}

static int run_apply(const command_line *line) {
    size_t count = command_argument_count(line);
    const char **paths = xcalloc(count, sizeof *paths);
    for (size_t i = 0; i < count; i++)
        paths[i] = command_argument(line, i);
    fault_list faults = {NULL, 0};
    estate_files *e = NULL;
    client *c = NULL;
    client_answer answer = {.status = 0};
    estate_files_read(paths, count, &e, &faults);
    free(paths);
    if (!e) {
        int judged = tell_faults(&faults);
        fault_list_free(&faults);
        return judged;
    }
    if (prunes_by_nothing(line, e)) {
        estate_files_free(e);
        return EXIT_BAD;
    }
    char *path = xasprintf("/api/v1/apply?dry_run=%s&prune=%s", command_flag(line, "dry-run") ? "true" : "false",
        command_flag(line, "prune") ? "true" : "false");
    error *err = client_open(&c);
    if (!err) err = client_request(c, "POST", path, estate_files_body(e), &answer);
    int code = err ? command_failed(err) : tell_answer(line, e, &answer);
    client_answer_free(&answer);
    client_close(c);
    estate_files_free(e);
    free(path);
    return code;
}

/* ---- export ---- */

/* Users and API keys are no part of an estate: they stay with the appliance and its backup. */
static error *fetch_estate(client *c, json_t *objects) {
    for (size_t i = 0; estate_kind_names[i]; i++) {
        const char *kind = estate_kind_names[i];
        json_t *items = NULL;
        char *path = xasprintf("/api/v1/%s", kind);
        error *err = client_collect(c, path, 0, &items);
        if (items) json_object_set_new(objects, kind, items);
        free(path);
        if (err) return err;
    }
    return NULL;
}

static int run_export(const command_line *line) {
    const char *directory = command_argument(line, 0);
    json_t *objects = json_object();
    client *c = NULL;
    size_t files = 0;
    error *err = client_open(&c);
    if (!err) err = fetch_estate(c, objects);
    if (!err) export_strip(objects);
    if (!err && command_flag(line, "json"))
        print_json(objects);
    else if (!err && (!directory || strcmp(directory, "-") == 0))
        err = export_print(objects, stdout);
    else if (!err)
        err = export_write(objects, directory, &files);
    if (!err && files) printf("%zu files written below %s\n", files, directory);
    json_decref(objects);
    client_close(c);
    return err ? command_failed(err) : EXIT_DONE;
}

static const option_spec apply_options[] = {
    {"dry-run", 'n', NULL, "Show what would change and change nothing; exit 1 when something would"},
    {"prune", 0, NULL, "Also delete what the appliance has and the files have not"},
    {"json", 0, NULL, "Print the changes as JSON"},
    {.name = NULL},
};

static const option_spec export_options[] = {
    {"json", 0, NULL, "Print everything as one JSON object"},
    {.name = NULL},
};

const command apply_commands[] = {
    {.name = "apply",
        .arguments = "PATH...",
        .least = 1,
        .most = -1,
        .summary = "Make the appliance's configuration equal to these files",
        .details =
            "A PATH is a YAML or JSON file, a directory with such files, scripts/*.lua and\n"
            "schemas/*.schema, or - for standard input. Other folders below a directory are not looked into, nor\n"
            "are banyan.yaml and hidden files. A YAML file may hold several documents, anchors, aliases and merge "
            "keys\n"
            "(<<); what begins with x- is only there to be copied from.\n"
            "All of it is checked first, every fault is told with its file and line, and it takes effect as a whole "
            "or\n"
            "not at all. {file: PATH} and {env: NAME} stand for a text that is kept elsewhere, such as a password.",
        .options = apply_options,
        .run = run_apply},
    {.name = "export",
        .arguments = "[DIR]",
        .most = 1,
        .summary = "Write the configuration as files that apply accepts",
        .details =
            "Without DIR, or with -, one YAML document goes to standard output. Secrets are never written in clear:\n"
            "{sealed: ...} stands for the one that the appliance has.",
        .options = export_options,
        .run = run_export},
    {.name = NULL},
};
