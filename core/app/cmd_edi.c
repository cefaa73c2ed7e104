/* core/app/cmd_edi.c: see cmd_edi.h. One function a subcommand; what they do is in edi/. */
#include "core/app/cmd_edi.h"

#include "core/app/input.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "edi/acknowledge.h"
#include "edi/document.h"
#include "edi/explain.h"
#include "edi/fix.h"
#include "edi/json.h"
#include "edi/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { DONE = 0, FOUND_BAD = 1, WRONG_USAGE = 2, NOT_DONE = 3 };

#define OUTPUT_MAX ((size_t)4 << 30)

/* What the options of all subcommands say; each takes those that it knows. */
typedef struct settings {
    bool json, strict, compact, flat, help;
    const char *schema, *to, *output, *colour, *kind, *date, *time;
    bool in_place, with_ta1, accept_errors, rejected_only;
    uint64_t number;
    edi_validate_options validate;
    char **files;
    int file_count;
} settings;

typedef struct subcommand {
    const char *name;
    int (*run)(settings *s, edi_library *library);
    int least, most; /* files */
    const char *help;
} subcommand;

static int fail(error *take, const char *what) {
    fprintf(stderr, "banyan edi %s: %s", what, error_text(take));
    if (error_where(take)[0]) fprintf(stderr, " (%s)", error_where(take));
    fputc('\n', stderr);
    int code = error_code_of(take) == ERROR_INVALID ? FOUND_BAD : NOT_DONE;
    error_free(take);
    return code;
}

static error *write_stdout(void *context, span piece) {
    (void)context;
    return io_write_all(STDOUT_FILENO, piece, "standard output");
}

/* --------------------------------------------------------------------------------------------------------------- check
 */

static void print_report(const edi_report *report, const char *file) {
    printf("%s: %s", file, report->valid ? "valid" : "INVALID");
    if (report->standard != EDI_NONE) {
        printf(", %s, %llu segments, %llu documents", edi_standard_name(report->standard),
            (unsigned long long)report->totals.segments, (unsigned long long)report->totals.documents);
        for (size_t i = 0; i < report->type_count; i++)
            printf("%s%s%s", i ? " " : " (", report->types[i], report->schemas[i][0] ? "" : ": no schema");
        if (report->type_count) putchar(')');
    }
    if (report->errors) printf(", %llu errors", (unsigned long long)report->errors);
    if (report->warnings) printf(", %llu notes", (unsigned long long)report->warnings);
    putchar('\n');
    for (size_t i = 0; i < report->fault_count; i++) {
        const edi_fault *fault = &report->faults[i];
        char place[160];
        printf("  %s: %s: %s", fault->warning ? "note" : "error", edi_fault_place(fault, place, sizeof place),
            fault->text);
        if (fault->value[0]) printf(" (\"%s\")", fault->value);
        printf(" [%s]\n", edi_fault_kind_of(fault->code)->name);
    }
    uint64_t more = report->errors + report->warnings - report->fault_count;
    if (more) printf("  and %llu more\n", (unsigned long long)more);
}

static size_t read_stdin(void *context, char *into, size_t room) {
    ssize_t n;
    (void)context;
    do
        n = read(STDIN_FILENO, into, room);
    while (n < 0 && errno == EINTR);
    return n > 0 ? (size_t)n : 0;
}

static error *check_file(settings *s, edi_library *library, const char *path, edi_report *report) {
    if (strcmp(path, "-") == 0) {
        edi_report_read(edi_validator_open(read_stdin, NULL, library, &s->validate), report);
        return NULL;
    }
    input in;
    error *err = input_open(path, &in);
    if (err) return err;
    edi_report_read(edi_validator_new(in.bytes, library, &s->validate), report);
    input_close(&in);
    return NULL;
}

static int run_check(settings *s, edi_library *library) {
    int code = DONE;
    for (int i = 0; i < s->file_count; i++) {
        edi_report report;
        error *err = check_file(s, library, s->files[i], &report);
        if (err) {
            fail(err, "check");
            code = NOT_DONE;
            continue;
        }
        if (s->json) {
            json_t *object = edi_report_json(&report, s->files[i]);
            char *text = json_text(object, false);
            puts(text);
            free(text);
            json_decref(object);
        } else {
            print_report(&report, s->files[i]);
        }
        if (!report.valid && code == DONE) code = FOUND_BAD;
        edi_report_free(&report);
    }
    return fflush(stdout) == 0 ? code : NOT_DONE;
}

/* ----------------------------------------------------------------------------------------------------- json, text,
 * explain */

static int run_json(settings *s, edi_library *library) {
    input in;
    error *err = input_open(s->files[0], &in);
    if (err) return fail(err, "json");
    edi_json_options options = {.validate = s->validate, .compact = s->compact};
    options.validate.envelope_only |= s->flat;
    err = edi_to_json(in.bytes, library, &options, write_stdout, NULL);
    input_close(&in);
    return err ? fail(err, "json") : DONE;
}

static int run_text(settings *s, edi_library *library) {
    input in;
    buf out = BUF_MAX(OUTPUT_MAX);
    (void)library;
    error *err = input_open(s->files[0], &in);
    if (err) return fail(err, "text");
    err = edi_from_json(in.bytes, &out);
    if (!err) err = write_stdout(NULL, buf_span(&out));
    buf_free(&out);
    input_close(&in);
    return err ? fail(err, "text") : DONE;
}

static int run_explain(settings *s, edi_library *library) {
    input in;
    error *err = input_open(s->files[0], &in);
    if (err) return fail(err, "explain");
    bool always = s->colour && strcmp(s->colour, "always") == 0, never = s->colour && strcmp(s->colour, "never") == 0;
    edi_explain_options options = {
        .validate = s->validate, .colour = always || (!never && isatty(STDOUT_FILENO) && !getenv("NO_COLOR"))};
    err = edi_explain(in.bytes, library, &options, write_stdout, NULL);
    input_close(&in);
    return err ? fail(err, "explain") : DONE;
}

/* ----------------------------------------------------------------------------------------------------------------- ack
 */

static bool read_kind(const char *name, edi_acknowledgement_kind *kind) {
    static const char *const names[] = {"usual", "997", "999", "ta1", "contrl"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) != 0) continue;
        *kind = (edi_acknowledgement_kind)i;
        return true;
    }
    return false;
}

static int run_ack(settings *s, edi_library *library) {
    input in;
    char date[16], clock[16];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%Y%m%d", &utc);
    strftime(clock, sizeof clock, "%H%M", &utc);
    edi_counter counter = {.first = s->number ? s->number : 1};
    edi_acknowledge_options options = {.with_ta1 = s->with_ta1,
        .errors_accepted = s->accept_errors,
        .rejected_only = s->rejected_only,
        .date = s->date ? s->date : date,
        .time = s->time ? s->time : clock,
        .control = edi_counter_control,
        .control_context = &counter,
        .suffix = "\n",
        .validate = s->validate};
    if (s->kind && !read_kind(s->kind, &options.kind)) {
        fprintf(stderr, "banyan edi ack: --kind is 997, 999, ta1 or contrl, not %s\n", s->kind);
        return WRONG_USAGE;
    }
    error *err = input_open(s->files[0], &in);
    if (err) return fail(err, "ack");
    buf out = BUF_MAX(OUTPUT_MAX);
    edi_acknowledge_result result;
    err = edi_acknowledge(in.bytes, library, &options, &out, &result);
    if (!err) err = write_stdout(NULL, buf_span(&out));
    if (!err && result.interchanges == 0)
        fprintf(stderr, "banyan edi ack: only acknowledgements in it, which are never acknowledged\n");
    buf_free(&out);
    input_close(&in);
    return err ? fail(err, "ack") : DONE;
}

/* ---------------------------------------------------------------------------------------------------------- split, fix
 */

/* A control number or type as part of a file name. */
static void clean_name(const char *text, char *room, size_t size) {
    size_t len = 0;
    for (; *text && len + 1 < size; text++)
        room[len++] = edi_is_alphanumeric(*text) || *text == '-' || *text == '_' ? *text : '_';
    room[len] = '\0';
}

static int run_split(settings *s, edi_library *library) {
    input in;
    edi_documents documents;
    if (!s->to) {
        fprintf(stderr, "banyan edi split: --to DIRECTORY is missing\n");
        return WRONG_USAGE;
    }
    error *err = input_open(s->files[0], &in);
    if (err) return fail(err, "split");
    err = io_make_directories(s->to);
    edi_documents_read(in.bytes, library, &s->validate, &documents);
    for (size_t i = 0; i < documents.count && !err; i++) {
        const edi_document *document = &documents.list[i];
        char type[16], control[48];
        buf out = BUF_MAX(OUTPUT_MAX);
        clean_name(document->header.type, type, sizeof type);
        clean_name(document->header.control, control, sizeof control);
        char *path = xasprintf("%s/%04zu-%s-%s.edi", s->to, i + 1, type, control);
        err = edi_document_alone(in.bytes, document, &out);
        if (!err) err = io_write_file(path, buf_span(&out));
        if (!err) puts(path);
        free(path);
        buf_free(&out);
    }
    bool none = documents.count == 0;
    if (!err && none) err = error_new(ERROR_INVALID, "there is no document in %s: %s", in.name, documents.first.text);
    edi_documents_free(&documents);
    input_close(&in);
    return err ? fail(err, "split") : DONE;
}

static void show_changes(const edi_changes *changes) {
    for (size_t i = 0; i < changes->count; i++) {
        const edi_change *change = &changes->list[i];
        fprintf(stderr, "byte %llu: %s\n", (unsigned long long)change->offset, change->fault.text);
        if (change->before[0]) fprintf(stderr, "  - %s\n", change->before);
        fprintf(stderr, "  + %s\n", change->after);
    }
    if (changes->count == 0) fprintf(stderr, "nothing to repair\n");
}

static int run_fix(settings *s, edi_library *library) {
    input in;
    edi_changes changes = {0};
    buf out = BUF_MAX(OUTPUT_MAX);
    const char *target = s->in_place ? s->files[0] : s->output;
    error *err = input_open(s->files[0], &in);
    if (err) return fail(err, "fix");
    err = edi_fix(in.bytes, library, &out, &changes);
    input_close(&in); /* before the same file is written */
    if (!err) show_changes(&changes);
    if (!err && target && strcmp(target, "-") != 0) {
        if (!s->in_place || changes.count > 0) err = io_write_file(target, buf_span(&out));
    } else if (!err) {
        err = write_stdout(NULL, buf_span(&out));
    }
    edi_changes_free(&changes);
    buf_free(&out);
    return err ? fail(err, "fix") : DONE;
}

/* --------------------------------------------------------------------------------------------------------------
 * options */

static const subcommand subcommands[] = {
    {"check", run_check, 1, 1 << 30,
        "Usage: banyan edi check [OPTIONS] FILE...\n\n"
        "Validates X12, EDIFACT and TRADACOMS files: envelopes, structure, elements, codes. One report a file.\n\n"
        "  --json            one JSON object a line and file\n"
        "  --strict          customs that are tolerated otherwise are errors\n"
        "  --schema FILE     definitions to add, before the built-in ones\n"
        "  --tolerate NAME   accept this custom even with --strict (blanks-between-segments, line-break ..)\n"
        "  --refuse NAME     do not tolerate it\n\n"
        "Exit code 1 when any file is invalid.\n"},
    {"json", run_json, 1, 1,
        "Usage: banyan edi json [OPTIONS] FILE\n\n"
        "Writes the file as JSON, from which `banyan edi text` makes the same bytes again.\n\n"
        "  --compact         no line breaks\n"
        "  --flat            a plain list of segments, no loops\n"
        "  --schema FILE     definitions to add, before the built-in ones\n"},
    {"text", run_text, 1, 1,
        "Usage: banyan edi text FILE\n\n"
        "Writes the EDI that a JSON file says. Trailers may be left out: counts and references are filled in.\n"},
    {"ack", run_ack, 1, 1,
        "Usage: banyan edi ack [OPTIONS] FILE\n\n"
        "Writes the acknowledgement that answers the file.\n\n"
        "  --kind KIND       997, 999, ta1 or contrl; else 997 for X12, contrl for EDIFACT\n"
        "  --ta1             a TA1 besides, when ISA14 asks for it\n"
        "  --accept-errors   documents with faults are accepted with errors instead of rejected\n"
        "  --rejected-only   name rejected documents only\n"
        "  --number N        the first control number (1)\n"
        "  --date CCYYMMDD, --time HHMM   instead of now\n"
        "  --schema FILE     definitions to add, before the built-in ones\n"},
    {"explain", run_explain, 1, 1,
        "Usage: banyan edi explain [OPTIONS] FILE\n\n"
        "Shows every segment and element by its name, codes with their meaning, faults at their place.\n\n"
        "  --colour WHEN     always, never or auto\n"
        "  --strict          customs that are tolerated otherwise are errors\n"
        "  --schema FILE     definitions to add, before the built-in ones\n"},
    {"split", run_split, 1, 1,
        "Usage: banyan edi split FILE --to DIRECTORY\n\n"
        "Writes one file a document, each with its own envelope, and prints their names.\n"},
    {"fix", run_fix, 1, 1,
        "Usage: banyan edi fix [OPTIONS] FILE\n\n"
        "Repairs what has only one repair: counts, references, missing trailers, padding of ISA, the last terminator.\n"
        "The repaired file goes to standard output, the changes to standard error.\n\n"
        "  --output FILE     write there instead\n"
        "  --in-place        replace the file\n"},
};

enum { SUBCOMMANDS = sizeof subcommands / sizeof subcommands[0] };

enum {
    OPT_JSON = 256,
    OPT_STRICT,
    OPT_SCHEMA,
    OPT_TOLERATE,
    OPT_REFUSE,
    OPT_COMPACT,
    OPT_FLAT,
    OPT_KIND,
    OPT_NUMBER,
    OPT_DATE,
    OPT_TIME,
    OPT_ACCEPT,
    OPT_TA1,
    OPT_REJECTED,
    OPT_COLOUR,
    OPT_TO,
    OPT_OUTPUT,
    OPT_IN_PLACE,
    OPT_HELP
};

static const struct option long_options[] = {{"json", no_argument, NULL, OPT_JSON},
    {"strict", no_argument, NULL, OPT_STRICT}, {"schema", required_argument, NULL, OPT_SCHEMA},
    {"tolerate", required_argument, NULL, OPT_TOLERATE}, {"refuse", required_argument, NULL, OPT_REFUSE},
    {"compact", no_argument, NULL, OPT_COMPACT}, {"flat", no_argument, NULL, OPT_FLAT},
    {"kind", required_argument, NULL, OPT_KIND}, {"number", required_argument, NULL, OPT_NUMBER},
    {"date", required_argument, NULL, OPT_DATE}, {"time", required_argument, NULL, OPT_TIME},
    {"accept-errors", no_argument, NULL, OPT_ACCEPT}, {"ta1", no_argument, NULL, OPT_TA1},
    {"rejected-only", no_argument, NULL, OPT_REJECTED}, {"colour", required_argument, NULL, OPT_COLOUR},
    {"color", required_argument, NULL, OPT_COLOUR}, {"to", required_argument, NULL, OPT_TO},
    {"output", required_argument, NULL, OPT_OUTPUT}, {"in-place", no_argument, NULL, OPT_IN_PLACE},
    {"help", no_argument, NULL, OPT_HELP}, {NULL, 0, NULL, 0}};

static bool switch_tolerance(const char *name, uint64_t *bits) {
    edi_fault_code code;
    if (!edi_fault_named(span_of(name), &code) || !edi_fault_kind_of(code)->tolerated) {
        fprintf(stderr, "banyan edi: \"%s\" is no tolerated custom; those are:", name);
        for (int i = 0; i < EDI_FAULT_COUNT; i++) {
            if (edi_fault_kind_of((edi_fault_code)i)->tolerated)
                fprintf(stderr, " %s", edi_fault_kind_of((edi_fault_code)i)->name);
        }
        fputc('\n', stderr);
        return false;
    }
    *bits |= UINT64_C(1) << code;
    return true;
}

static bool take_option(settings *s, int option) {
    edi_reader_options *reader = &s->validate.reader;
    switch (option) {
    case OPT_JSON: s->json = true; return true;
    case OPT_STRICT: reader->strict = true; return true;
    case OPT_SCHEMA: s->schema = optarg; return true;
    case OPT_TOLERATE: return switch_tolerance(optarg, &reader->tolerate);
    case OPT_REFUSE: return switch_tolerance(optarg, &reader->refuse);
    case OPT_COMPACT: s->compact = true; return true;
    case OPT_FLAT: s->flat = true; return true;
    case OPT_KIND: s->kind = optarg; return true;
    case OPT_NUMBER:
        if (span_to_u64(span_of(optarg), 1, 999999999, &s->number)) return true;
        fprintf(stderr, "banyan edi: --number is 1 to 999999999\n");
        return false;
    case OPT_DATE: s->date = optarg; return true;
    case OPT_TIME: s->time = optarg; return true;
    case OPT_ACCEPT: s->accept_errors = true; return true;
    case OPT_TA1: s->with_ta1 = true; return true;
    case OPT_REJECTED: s->rejected_only = true; return true;
    case OPT_COLOUR: s->colour = optarg; return true;
    case OPT_TO: s->to = optarg; return true;
    case OPT_OUTPUT: s->output = optarg; return true;
    case OPT_IN_PLACE: s->in_place = true; return true;
    case OPT_HELP: s->help = true; return true;
    default: return false;
    }
}

static void print_usage(FILE *out) {
    fprintf(out, "Usage: banyan edi SUBCOMMAND [OPTIONS] FILE...\n\n"
                 "  check FILE...           validate; one report a file\n"
                 "  json FILE               EDI to JSON\n"
                 "  text FILE               JSON to EDI\n"
                 "  ack FILE                the 997, 999, TA1 or CONTRL that answers it\n"
                 "  explain FILE            for people: every segment and element by its name\n"
                 "  split FILE --to DIR     one file a document\n"
                 "  fix FILE                repair counts, references, padding\n\n"
                 "\"-\" is standard input. `banyan edi SUBCOMMAND --help` says more.\n");
}

static error *add_schema(edi_library *library, const char *path) {
    input in;
    error *err = input_open(path, &in);
    if (err) return err;
    err = edi_library_add(library, in.bytes, path);
    input_close(&in);
    return err;
}

int cmd_edi(int argc, char **argv) {
    const subcommand *command = NULL;
    settings s = {0};
    int option;
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_usage(stdout);
        return DONE;
    }
    for (size_t i = 0; argc >= 2 && i < SUBCOMMANDS; i++) {
        if (strcmp(subcommands[i].name, argv[1]) == 0) command = &subcommands[i];
    }
    if (!command) {
        if (argc >= 2) fprintf(stderr, "banyan edi: there is no subcommand \"%s\"\n", argv[1]);
        print_usage(stderr);
        return WRONG_USAGE;
    }
    optind = 0; /* starts anew, also when called twice */
    while ((option = getopt_long(argc - 1, argv + 1, "ho:", long_options, NULL)) != -1) {
        if (option == 'h') option = OPT_HELP;
        if (option == 'o') option = OPT_OUTPUT;
        if (!take_option(&s, option)) return WRONG_USAGE;
    }
    if (s.help) {
        fputs(command->help, stdout);
        return DONE;
    }
    s.files = argv + 1 + optind;
    s.file_count = argc - 1 - optind;
    if (s.file_count < command->least || s.file_count > command->most) {
        fputs(command->help, stderr);
        return WRONG_USAGE;
    }
    edi_library *library = edi_library_new();
    int code;
    error *err = s.schema ? add_schema(library, s.schema) : NULL;
    code = err ? fail(err, command->name) : command->run(&s, library);
    edi_library_free(library);
    return code;
}
