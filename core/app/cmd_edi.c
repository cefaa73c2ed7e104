/* core/app/cmd_edi.c: the `banyan edi` commands: one function each; what they do is in edi/. They need no running
 * appliance. */
#include "core/app/commands.h"
#include "core/app/definitions.h"
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
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)4 << 30)

/* What the options of all commands say; each takes those that it knows. */
typedef struct settings {
    const command_line *line;
    bool json, strict, compact, flat;
    const char *to, *output, *colour, *kind, *date, *time;
    bool in_place, with_ta1, accept_errors, rejected_only;
    uint64_t number;
    edi_validate_options validate;
} settings;

static const char *file_of(const settings *s, size_t index) {
    return command_argument(s->line, index);
}

static int fail(error *take, const char *what) {
    fprintf(stderr, "banyan edi %s: %s", what, error_text(take));
    if (error_where(take)[0]) fprintf(stderr, " (%s)", error_where(take));
    fputc('\n', stderr);
    int code = error_code_of(take) == ERROR_INVALID ? EXIT_BAD : EXIT_IMPOSSIBLE;
    error_free(take);
    return code;
}

/* The same options for this input: what was read of a large file leaves the memory. */
static edi_validate_options read_in_passing(const edi_validate_options *wanted, input *in) {
    edi_validate_options options = *wanted;
    options.reader.passed = input_passed;
    options.reader.passed_context = in;
    return options;
}

static error *write_stdout(void *context, span piece) {
    (void)context;
    return io_write_all(STDOUT_FILENO, piece, "standard output");
}

/* --------------------------------------------------------------------------------------------------------------- check
 */

static void print_report(const edi_report *report, const char *file, FILE *out) {
    fprintf(out, "%s: %s", file, report->valid ? "valid" : "INVALID");
    if (report->standard != EDI_NONE) {
        fprintf(out, ", %s, %llu segments, %llu documents", edi_standard_name(report->standard),
            (unsigned long long)report->totals.segments, (unsigned long long)report->totals.documents);
        for (size_t i = 0; i < report->type_count; i++)
            fprintf(out, "%s%s%s", i ? " " : " (", report->types[i], report->schemas[i][0] ? "" : ": no schema");
        if (report->type_count) putc(')', out);
    }
    if (report->errors) fprintf(out, ", %llu errors", (unsigned long long)report->errors);
    if (report->warnings) fprintf(out, ", %llu notes", (unsigned long long)report->warnings);
    putc('\n', out);
    for (size_t i = 0; i < report->fault_count; i++) {
        const edi_fault *fault = &report->faults[i];
        char place[160];
        fprintf(out, "  %s: %s: %s", fault->warning ? "note" : "error", edi_fault_place(fault, place, sizeof place),
            fault->text);
        if (fault->value[0]) fprintf(out, " (\"%s\")", fault->value);
        fprintf(out, " [%s]\n", edi_fault_kind_of(fault->code)->name);
    }
    uint64_t more = report->errors + report->warnings - report->fault_count;
    if (more) fprintf(out, "  and %llu more\n", (unsigned long long)more);
}

static size_t read_stdin(void *context, char *into, size_t room) {
    ssize_t n;
    (void)context;
    do
        n = read(STDIN_FILENO, into, room);
    while (n < 0 && errno == EINTR);
    return n > 0 ? (size_t)n : 0;
}

/* One file's report as text; what could not be read is told in *failure. */
static void check_file(settings *s, edi_library *library, const char *path, FILE *out, bool *valid, error **failure) {
    edi_report report;
    input in = {0};
    edi_validate_options options = s->validate;
    *valid = false;
    if (strcmp(path, "-") == 0) {
        edi_report_read(edi_validator_open(read_stdin, NULL, library, &options), &report);
    } else {
        if ((*failure = input_open(path, &in))) return;
        options = read_in_passing(&options, &in);
        edi_report_read(edi_validator_new(in.bytes, library, &options), &report);
    }
    if (s->json) {
        json_t *object = edi_report_json(&report, path);
        char *text = json_text(object, false);
        fprintf(out, "%s\n", text);
        free(text);
        json_decref(object);
    } else {
        print_report(&report, path, out);
    }
    *valid = report.valid;
    edi_report_free(&report);
    input_close(&in);
}

/* Many files are checked by several threads, each with a library of its own; their reports come in the order of the
 * files. A thread takes a run of files and keeps what it has to say until all before it have spoken. */
enum { RUN = 32, THREADS_MAX = 16, MANY_FILES = 64 };

typedef struct check_work {
    settings *s;
    pthread_mutex_t lock;
    pthread_cond_t turn;
    int count;  /* of files */
    int next;   /* the first file of the next run */
    int spoken; /* files whose reports are out */
    int code;
} check_work;

static void check_run(check_work *work, edi_library *library, int first, int end) {
    char *text = NULL;
    size_t len = 0;
    int code = EXIT_DONE;
    FILE *out = open_memstream(&text, &len);
    error *failures[RUN] = {0};
    if (!out) abort();
    for (int i = first; i < end; i++) {
        bool valid;
        check_file(work->s, library, file_of(work->s, (size_t)i), out, &valid, &failures[i - first]);
        if (failures[i - first]) {
            code = EXIT_IMPOSSIBLE;
        } else if (!valid && code == EXIT_DONE) {
            code = EXIT_BAD;
        }
    }
    fclose(out);
    pthread_mutex_lock(&work->lock);
    while (work->spoken != first)
        pthread_cond_wait(&work->turn, &work->lock);
    error *err = io_write_all(STDOUT_FILENO, span_make(text, len), "standard output");
    for (int i = first; i < end; i++) {
        if (failures[i - first]) fail(failures[i - first], "check");
    }
    if (err) code = fail(err, "check");
    if (code > work->code) work->code = code;
    work->spoken = end;
    pthread_cond_broadcast(&work->turn);
    pthread_mutex_unlock(&work->lock);
    free(text);
}

static void *check_thread(void *context) {
    check_work *work = context;
    edi_library *library = edi_library_new();
    error_free(definitions_of(work->s->line, library)); /* it went well once already */
    for (;;) {
        pthread_mutex_lock(&work->lock);
        int first = work->next, end = first + RUN < work->count ? first + RUN : work->count;
        work->next = end;
        pthread_mutex_unlock(&work->lock);
        if (first >= end) break;
        check_run(work, library, first, end);
    }
    edi_library_free(library);
    return NULL;
}

static int run_check(settings *s, edi_library *library) {
    check_work work = {.s = s,
        .count = (int)command_argument_count(s->line),
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .turn = PTHREAD_COND_INITIALIZER};
    pthread_t threads[THREADS_MAX];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int wanted = processors > THREADS_MAX ? THREADS_MAX : (int)processors, started = 0;
    if (work.count < MANY_FILES) {
        for (int i = 0; i < work.count; i += RUN)
            check_run(&work, library, i, i + RUN < work.count ? i + RUN : work.count);
        return work.code;
    }
    while (started < wanted && pthread_create(&threads[started], NULL, check_thread, &work) == 0)
        started++;
    if (started == 0) check_thread(&work);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return work.code;
}

/* ---- json, text, explain ---- */

static int run_json(settings *s, edi_library *library) {
    input in;
    error *err = input_open(file_of(s, 0), &in);
    if (err) return fail(err, "json");
    edi_json_options options = {.validate = read_in_passing(&s->validate, &in), .compact = s->compact};
    options.validate.envelope_only |= s->flat;
    err = edi_to_json(in.bytes, library, &options, write_stdout, NULL);
    input_close(&in);
    return err ? fail(err, "json") : EXIT_DONE;
}

static int run_text(settings *s, edi_library *library) {
    input in;
    (void)library;
    error *err = input_open(file_of(s, 0), &in);
    if (err) return fail(err, "text");
    edi_text_options options = {.passed = input_passed, .passed_context = &in};
    err = edi_from_json_to(in.bytes, &options, write_stdout, NULL);
    input_close(&in);
    return err ? fail(err, "text") : EXIT_DONE;
}

static int run_explain(settings *s, edi_library *library) {
    input in;
    error *err = input_open(file_of(s, 0), &in);
    if (err) return fail(err, "explain");
    const edi_validate_options validate = read_in_passing(&s->validate, &in);
    bool always = s->colour && strcmp(s->colour, "always") == 0, never = s->colour && strcmp(s->colour, "never") == 0;
    edi_explain_options options = {
        .validate = validate, .colour = always || (!never && isatty(STDOUT_FILENO) && !getenv("NO_COLOR"))};
    err = edi_explain(in.bytes, library, &options, write_stdout, NULL);
    input_close(&in);
    return err ? fail(err, "explain") : EXIT_DONE;
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
    edi_acknowledge_options options = {.with_ta1 = s->with_ta1 || !s->kind, /* all that the file asks for */
        .errors_accepted = s->accept_errors,
        .rejected_only = s->rejected_only,
        .date = s->date ? s->date : date,
        .time = s->time ? s->time : clock,
        .control = edi_counter_control,
        .control_context = &counter,
        .suffix = "\n",
        .validate = s->validate};
    if (s->kind && !read_kind(s->kind, &options.kind))
        return command_misused(s->line, "--kind is 997, 999, ta1 or contrl, not %s", s->kind);
    error *err = input_open(file_of(s, 0), &in);
    if (err) return fail(err, "ack");
    options.validate = read_in_passing(&options.validate, &in);
    buf out = BUF_MAX(OUTPUT_MAX);
    edi_acknowledge_result result;
    err = edi_acknowledge(in.bytes, library, &options, &out, &result);
    if (!err) err = write_stdout(NULL, buf_span(&out));
    if (!err && result.interchanges == 0)
        fprintf(stderr, "banyan edi ack: only acknowledgements in it, which are never acknowledged\n");
    buf_free(&out);
    input_close(&in);
    return err ? fail(err, "ack") : EXIT_DONE;
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

typedef struct split_work {
    const char *directory;
    span file;
    size_t count;
} split_work;

static error *write_document(void *context, const edi_document *document) {
    split_work *work = context;
    char type[16], control[48];
    buf out = BUF_MAX(OUTPUT_MAX);
    clean_name(document->header.type, type, sizeof type);
    clean_name(document->header.control, control, sizeof control);
    char *path = xasprintf("%s/%04zu-%s-%s.edi", work->directory, ++work->count, type, control);
    error *err = edi_document_alone(work->file, document, &out);
    if (!err) err = io_write_file(path, buf_span(&out));
    if (!err) puts(path);
    free(path);
    buf_free(&out);
    return err;
}

static int run_split(settings *s, edi_library *library) {
    input in;
    edi_documents documents = {0};
    if (!s->to) return command_misused(s->line, "--to DIRECTORY is missing");
    if (strcmp(s->to, "-") == 0) return command_misused(s->line, "--to is a directory: one file a document");
    error *err = input_open(file_of(s, 0), &in);
    if (err) return fail(err, "split");
    const edi_validate_options validate = read_in_passing(&s->validate, &in);
    split_work work = {.directory = s->to, .file = in.bytes};
    err = io_make_directories(s->to);
    if (!err) err = edi_documents_each(in.bytes, library, &validate, &documents, write_document, &work);
    if (!err && work.count == 0)
        err = error_new(ERROR_INVALID, "there is no document in %s: %s", in.name, documents.first.text);
    input_close(&in);
    return err ? fail(err, "split") : EXIT_DONE;
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

/* What is left for a person to judge. */
static int report_left(span fixed, edi_library *library) {
    edi_validate_options options = {.envelope_only = true};
    edi_validator *v = edi_validator_new(fixed, library, &options);
    edi_event event;
    int code = EXIT_DONE;
    while ((event = edi_validator_next(v)) != EDI_END) {
        const edi_fault *fault = event == EDI_FAULT ? edi_validator_fault(v) : NULL;
        if (!fault || fault->warning) continue;
        fprintf(stderr, "left as it is: byte %llu: %s\n", (unsigned long long)fault->offset, fault->text);
        code = EXIT_BAD;
    }
    edi_validator_free(v);
    return code;
}

static int run_fix(settings *s, edi_library *library) {
    input in;
    edi_changes changes = {0};
    buf out = BUF_MAX(OUTPUT_MAX);
    const char *target = s->in_place ? file_of(s, 0) : s->output;
    error *err = input_open(file_of(s, 0), &in);
    if (err) return fail(err, "fix");
    err = edi_fix(in.bytes, library, &out, &changes);
    input_close(&in); /* before the same file is written */
    int code = EXIT_DONE;
    if (!err) {
        show_changes(&changes);
        code = report_left(buf_span(&out), library);
    }
    if (!err && target && strcmp(target, "-") != 0) {
        if (!s->in_place || changes.count > 0) err = io_write_file(target, buf_span(&out));
    } else if (!err) {
        err = write_stdout(NULL, buf_span(&out));
    }
    edi_changes_free(&changes);
    buf_free(&out);
    return err ? fail(err, "fix") : code;
}

/* ------------------------------------------------------------------------------------------------------------- options
 */

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

static bool read_tolerances(const command_line *line, edi_reader_options *reader) {
    size_t cursor = 0;
    const char *name;
    bool good = true;
    while (good && (name = command_next(line, "tolerate", &cursor)))
        good = switch_tolerance(name, &reader->tolerate);
    cursor = 0;
    while (good && (name = command_next(line, "refuse", &cursor)))
        good = switch_tolerance(name, &reader->refuse);
    return good;
}

static error *read_settings(const command_line *line, settings *s) {
    int64_t number = 1;
    *s = (settings){
        .line = line,
        .json = command_flag(line, "json"),
        .compact = command_flag(line, "compact"),
        .flat = command_flag(line, "flat"),
        .to = command_text(line, "to", NULL),
        .output = command_text(line, "output", NULL),
        .colour = command_text(line, "colour", NULL),
        .kind = command_text(line, "kind", NULL),
        .date = command_text(line, "date", NULL),
        .time = command_text(line, "time", NULL),
        .in_place = command_flag(line, "in-place"),
        .with_ta1 = command_flag(line, "ta1"),
        .accept_errors = command_flag(line, "accept-errors"),
        .rejected_only = command_flag(line, "rejected-only"),
    };
    s->validate.reader.strict = command_flag(line, "strict");
    error *err = command_integer(line, "number", 1, 999999999, &number);
    s->number = (uint64_t)number;
    return err;
}

/* Reads the options, loads the definitions, and does it. */
static int with_library(const command_line *line, const char *name, int (*run)(settings *s, edi_library *library)) {
    settings s;
    error *err = read_settings(line, &s);
    if (err) return command_failed(err);
    if (!read_tolerances(line, &s.validate.reader)) return EXIT_USAGE;
    edi_library *library = edi_library_new();
    err = definitions_of(line, library);
    int code = err ? fail(err, name) : run(&s, library);
    edi_library_free(library);
    return code;
}

static int edi_check(const command_line *line) {
    return with_library(line, "check", run_check);
}

static int edi_json(const command_line *line) {
    return with_library(line, "json", run_json);
}

static int edi_text(const command_line *line) {
    return with_library(line, "text", run_text);
}

static int edi_ack(const command_line *line) {
    return with_library(line, "ack", run_ack);
}

static int edi_show(const command_line *line) {
    return with_library(line, "explain", run_explain);
}

static int edi_split(const command_line *line) {
    return with_library(line, "split", run_split);
}

static int edi_repair(const command_line *line) {
    return with_library(line, "fix", run_fix);
}

#define STRICT_OPTION                                                                                                  \
    { "strict", 0, NULL, "Customs that are tolerated otherwise are errors" }

static const option_spec check_options[] = {{"json", 0, NULL, "Print one JSON object a line and file"}, STRICT_OPTION,
    SCHEMA_OPTION, {"tolerate", 0, "NAME", "Accept this custom even with --strict (line-break, blanks …)"},
    {"refuse", 0, "NAME", "Do not tolerate this custom"}, {.name = NULL}};
static const option_spec json_options[] = {{"compact", 0, NULL, "No line breaks"},
    {"flat", 0, NULL, "A plain list of segments, no loops"}, SCHEMA_OPTION, {.name = NULL}};
static const option_spec ack_options[] = {
    {"kind", 0, "KIND",
        "997, 999, ta1 or contrl; else what the file asks for: 997 for X12, 999 for guides, a TA1 besides when ISA14 "
        "is 1, CONTRL for EDIFACT"},
    {"ta1", 0, NULL, "With --kind 997 or 999: a TA1 besides, when ISA14 is 1"},
    {"accept-errors", 0, NULL, "Documents with faults are accepted with errors instead of rejected"},
    {"rejected-only", 0, NULL, "Name rejected documents only"}, {"number", 0, "N", "The first control number (1)"},
    {"date", 0, "CCYYMMDD", "Instead of today"}, {"time", 0, "HHMM", "Instead of now"}, SCHEMA_OPTION, {.name = NULL}};
static const option_spec explain_options[] = {
    {"colour", 0, "WHEN", "always, never or auto"}, STRICT_OPTION, SCHEMA_OPTION, {.name = NULL}};
static const option_spec split_options[] = {{"to", 0, "DIR", "Where the files go"}, SCHEMA_OPTION, {.name = NULL}};
static const option_spec fix_options[] = {{"output", 'o', "FILE", "Write there instead of standard output"},
    {"in-place", 0, NULL, "Replace the file"}, {.name = NULL}};

const command edi_commands[] = {
    {.name = "edi check",
        .arguments = "FILE...",
        .least = 1,
        .most = -1,
        .summary = "Validate EDI files; one report a file",
        .details =
            "X12, EDIFACT and TRADACOMS: envelopes, structure, elements, codes. Exit code 1 when any file is invalid, "
            "after all were reported. \"-\" is standard input.",
        .options = check_options,
        .run = edi_check},
    {.name = "edi json",
        .arguments = "FILE",
        .least = 1,
        .most = 1,
        .summary = "EDI to JSON, lossless",
        .details = "`banyan edi text` makes the same bytes of it again.",
        .options = json_options,
        .run = edi_json},
    {.name = "edi text",
        .arguments = "FILE",
        .least = 1,
        .most = 1,
        .summary = "JSON to EDI",
        .details = "Trailers may be left out: counts and references are filled in.",
        .run = edi_text},
    {.name = "edi ack",
        .arguments = "FILE",
        .least = 1,
        .most = 1,
        .summary = "The 997, 999, TA1 or CONTRL that answers a file",
        .options = ack_options,
        .run = edi_ack},
    {.name = "edi explain",
        .arguments = "FILE",
        .least = 1,
        .most = 1,
        .summary = "Every segment and element by its name, faults in place",
        .options = explain_options,
        .run = edi_show},
    {.name = "edi split",
        .arguments = "FILE",
        .least = 1,
        .most = 1,
        .summary = "One file a document",
        .details = "Each gets an envelope of its own; their names are printed.",
        .options = split_options,
        .run = edi_split},
    {.name = "edi fix",
        .arguments = "FILE",
        .least = 1,
        .most = 1,
        .summary = "Repair what has only one repair",
        .details =
            "Counts, references, missing trailers, padding of ISA, the last terminator. The repaired file goes to "
            "standard output, the changes to standard error. Exit code 1 when faults of the envelope are left.",
        .options = fix_options,
        .run = edi_repair},
    {.name = NULL},
};
