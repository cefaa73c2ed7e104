/* core/app/cmd_schema.c: the `banyan schema` commands: which EDI definitions are known, and what they say. */
#include "core/app/commands.h"
#include "core/app/definitions.h"
#include "core/app/input.h"
#include "core/base/json.h"
#include "core/base/memory.h"
#include "core/script/import_pyx12.h"
#include "edi/import.h"
#include "edi/schema.h"

#include <stdio.h>
#include <stdlib.h>

static void list_json(edi_library *library) {
    size_t cursor = 0;
    edi_listed one;
    while (edi_library_next(library, &cursor, &one)) {
        bool exact;
        const edi_schema *schema = edi_library_find(library, one.standard, one.type, one.version, &exact);
        json_t *object = json_object();
        json_put_text(object, "standard", edi_standard_name(one.standard));
        json_put_text(object, "version", one.version);
        json_put_text(object, "type", one.type);
        json_put_span(object, "title", one.title);
        json_put_text(object, "source", one.source);
        if (one.overlay) json_put_text(object, "overlay", one.overlay);
        if (schema) {
            json_object_set_new(object, "places", json_integer((json_int_t)schema->node_count));
            json_put_text(object, "checked", schema->checked);
        }
        char *text = json_text(object, false);
        puts(text);
        free(text);
        json_decref(object);
    }
}

/* The directories hold hundreds of types each: one line for all of them, and how they were checked once. */
static void list_directory(const edi_library *library, const edi_listed *first, const char *checked) {
    size_t cursor = 0, column = 0, count = 0;
    edi_listed one;
    while (edi_library_next(library, &cursor, &one))
        count += one.standard == first->standard && strcmp(one.version, first->version) == 0;
    printf("%-8s %-12s %zu types; %s\n", edi_standard_name(first->standard), first->version, count, checked);
    cursor = 0;
    while (edi_library_next(library, &cursor, &one)) {
        if (one.standard != first->standard || strcmp(one.version, first->version) != 0) continue;
        column += (size_t)printf("%s%s", column ? " " : "         ", one.type);
        if (column > 90) putchar('\n');
        if (column > 90) column = 0;
    }
    if (column) putchar('\n');
}

static void list_text(edi_library *library) {
    size_t cursor = 0;
    edi_listed one;
    char told[24] = "";
    while (edi_library_next(library, &cursor, &one)) {
        bool exact;
        bool directory = one.standard == EDI_EDIFACT && !one.overlay && strncmp(one.version, "envelope", 8) != 0;
        if (directory && strcmp(told, one.version) == 0) continue;
        const edi_schema *schema = edi_library_find(library, one.standard, one.type, one.version, &exact);
        if (directory) {
            snprintf(told, sizeof told, "%s", one.version);
            list_directory(library, &one, schema ? schema->checked : "");
            continue;
        }
        printf("%-8s %-12s %-7s %-38.*s %4zu places  %s%s%s\n", edi_standard_name(one.standard), one.version, one.type,
            (int)one.title.len, one.title.data, schema ? schema->node_count : 0, one.overlay ? "overlay " : "",
            one.overlay ? one.overlay : "", schema ? schema->checked : "");
    }
}

static void print_codes(const edi_codes *codes) {
    printf(" {");
    for (size_t i = 0; i < codes->count; i++)
        printf("%s%.*s%s%.*s", i ? ", " : "", (int)codes->list[i].code.len, codes->list[i].code.data,
            codes->list[i].gloss.len ? " " : "", (int)codes->list[i].gloss.len, codes->list[i].gloss.data);
    printf("%s}", codes->closed ? "" : ", ...");
}

static void print_slot(const edi_slot *slot, unsigned number, unsigned indent) {
    static const char *const types[] = {"AN", "ID", "a", "N", "R", "DT", "TM", "B"};
    printf("%*s%02u ", (int)indent, "", number);
    if (slot->composite) {
        printf("%s", slot->composite->code);
    } else {
        const edi_element_type *e = slot->element;
        if (e->number) printf("%u ", e->number);
        printf("%s", types[e->type]);
        if (e->type == EDI_TYPE_INTEGER) printf("%u:", e->decimals);
        unsigned min = slot->min ? slot->min : e->min, max = slot->max ? slot->max : e->max;
        if (min == max) {
            printf("%u", max);
        } else {
            printf("%u-%u", min, max);
        }
    }
    if (slot->repeat > 1) printf("*%u", slot->repeat);
    printf("%s%s%s%s", slot->mandatory ? "!" : "", slot->unused ? " unused" : "", slot->name[0] ? " " : "", slot->name);
    if (edi_slot_codes(slot)->count > 0) print_codes(edi_slot_codes(slot));
    putchar('\n');
    for (size_t i = 0; slot->composite && i < slot->composite->slots.count; i++)
        print_slot(&slot->composite->slots.list[i], (unsigned)i + 1, indent + 5);
}

static void print_nodes(const edi_node *parent) {
    for (size_t i = 0; i < parent->child_count; i++) {
        const edi_node *node = &parent->children[i];
        int indent = (int)(node->depth - 1) * 2;
        printf("%*s%s%s %u", indent, "", node->children ? "loop " : "", node->segment->tag, node->min);
        if (node->max == EDI_UNLIMITED) {
            printf("-");
        } else if (node->max != node->min) {
            printf("-%u", node->max);
        }
        if (node->children && strcmp(node->name, node->segment->tag) != 0) printf(" as %s", node->name);
        if (node->qualifier) {
            printf(" by %02u", node->qualifier);
            if (node->qualifier_component > 1) printf("-%u", node->qualifier_component);
            print_codes(&node->qualifiers);
        }
        if (!node->children && node->segment->name[0]) printf("   # %s", node->segment->name);
        if (node->reason) printf(" \"%s\"", node->reason);
        putchar('\n');
        if (node->children) {
            print_nodes(node);
            continue;
        }
        const edi_slots *slots = &node->segment->slots;
        for (size_t k = 0; k < slots->count; k++)
            print_slot(&slots->list[k], (unsigned)k + 1, (unsigned)indent + 5);
        if (slots->note_count > 0) printf("%*snote", indent + 5, "");
        for (size_t k = 0; k < slots->note_count; k++)
            printf(" %s", slots->notes[k].text);
        if (slots->note_count > 0) putchar('\n');
    }
}

static int show(edi_library *library, const char *standard_name, const char *version, const char *type) {
    bool exact;
    edi_standard standard = edi_standard_named(span_of(standard_name));
    const edi_schema *schema = standard == EDI_NONE ? NULL : edi_library_find(library, standard, type, version, &exact);
    if (!schema) {
        fprintf(stderr, "banyan: there is no schema %s %s %s; `banyan schema list` names those that there are\n",
            standard_name, version, type);
        return EXIT_BAD;
    }
    printf("schema %s %s %s \"%s\"", edi_standard_name(schema->standard), schema->version, schema->type, schema->title);
    if (schema->group) printf(" group %s", schema->group);
    printf("\n");
    print_nodes(&schema->root);
    return EXIT_DONE;
}

/* The arguments from `first` on are definitions. */
static int add_files(edi_library *library, const command_line *line, size_t first) {
    for (size_t i = first; i < command_argument_count(line); i++) {
        error *err = definitions_add(library, command_argument(line, i));
        if (!err) continue;
        int code = error_code_of(err) == ERROR_INVALID ? EXIT_BAD : EXIT_IMPOSSIBLE;
        fprintf(stderr, "banyan: %s\n", error_text(err));
        error_free(err);
        return code;
    }
    return EXIT_DONE;
}

static int schema_list(const command_line *line) {
    edi_library *library = edi_library_new();
    int code = add_files(library, line, 0);
    if (code == EXIT_DONE && command_flag(line, "json"))
        list_json(library);
    else if (code == EXIT_DONE)
        list_text(library);
    edi_library_free(library);
    return code;
}

static int schema_show(const command_line *line) {
    edi_library *library = edi_library_new();
    int code = add_files(library, line, 3);
    if (code == EXIT_DONE)
        code = show(library, command_argument(line, 0), command_argument(line, 1), command_argument(line, 2));
    edi_library_free(library);
    return code;
}

/* ---- import ---- */

enum { IMPORT_FILES_MAX = 2000, IMPORT_BYTES_MAX = 256 * 1024 * 1024 };

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Says what was made is a schema: what does not compile helps nobody. */
static error *check_imported(span text, const char *name) {
    edi_library *library = edi_library_new();
    error *err = edi_library_add(library, text, name);
    edi_library_free(library);
    return error_wrap(err, "what was read does not fit together");
}

static error *import_files(const command_line *line, input *inputs, buf *out) {
    import_file files[IMPORT_FILES_MAX];
    size_t count = command_argument_count(line);
    if (count > IMPORT_FILES_MAX) return error_new(ERROR_INVALID, "more than %d files", IMPORT_FILES_MAX);
    for (size_t i = 0; i < count; i++) {
        error *err = input_open(command_argument(line, i), &inputs[i]);
        if (err) return err;
        files[i] = (import_file){.text = inputs[i].bytes, .name = base_name(command_argument(line, i))};
    }
    bool sef = import_is_sef(files[0].text), map = import_is_pyx12(files[0].text);
    if ((sef || map) && count > 1) return error_new(ERROR_INVALID, "one SEF file or map at a time");
    if (span_starts(files[0].text, SPAN("EDIDE")))
        return error_new(ERROR_INVALID,
            "%s is an enciphered file of a trial EDISIM: only that program reads it; export it as SEF there",
            files[0].name);
    if (sef) return import_sef(files[0].text, files[0].name, out);
    if (!map) return import_un(files, count, out);
    edi_library *library = edi_library_new();
    error *err = import_pyx12(files[0].text, files[0].name, library, out);
    edi_library_free(library);
    return err;
}

static int schema_import(const command_line *line) {
    size_t count = command_argument_count(line);
    input *inputs = xcalloc(count, sizeof *inputs);
    buf out = BUF_MAX(IMPORT_BYTES_MAX);
    error *err = import_files(line, inputs, &out);
    if (!err) err = check_imported(buf_span(&out), "imported");
    if (out.len > 0 && (!err || command_flag(line, "anyway"))) fwrite(out.data, 1, out.len, stdout);
    for (size_t i = 0; i < count; i++)
        input_close(&inputs[i]);
    free(inputs);
    buf_free(&out);
    if (!err) return EXIT_DONE;
    int code = error_code_of(err) == ERROR_INVALID ? EXIT_BAD : EXIT_IMPOSSIBLE;
    fprintf(stderr, "banyan schema import: %s\n", error_text(err));
    error_free(err);
    return code;
}

static const option_spec import_options[] = {
    {"anyway", 0, NULL, "Print it although it does not compile, to be mended by hand"}, {.name = NULL}};

static const option_spec list_options[] = {{"json", 0, NULL, "Print JSON, one object a line"}, {.name = NULL}};

const command schema_commands[] = {
    {.name = "schema list",
        .arguments = "[FILE...]",
        .most = -1,
        .summary = "The EDI definitions known, and how each was checked",
        .details = "FILEs are definitions and overlays to add, before the built-in ones; a directory stands for all of "
                   "its *.schema.\n"
                   "EDIFACT directories are told in one line each; --json names every type.",
        .options = list_options,
        .run = schema_list},
    {.name = "schema show",
        .arguments = "STANDARD VERSION TYPE [FILE...]",
        .least = 3,
        .most = -1,
        .summary = "One definition as it holds",
        .details =
            "For example: banyan schema show X12 004010 850. FILEs are definitions to add, before the built-in ones; "
            "a directory stands for all of its *.schema.",
        .run = schema_show},
    {.name = "schema import",
        .arguments = "FILE...",
        .least = 1,
        .most = -1,
        .summary = "Definitions that others wrote, in the text form of schemas",
        .details =
            "FILE is a SEF file, a map of pyx12 (XML), or the files of one directory of the United Nations as they "
            "are\n"
            "published, unpacked: EDED, UNCL, EDCD, EDSD and messages such as ORDERS_D.96A. What is printed can be "
            "edited,\n"
            "given to --schema, or put into schemas/ of an estate. Whoever imports needs the right to use the source.",
        .options = import_options,
        .run = schema_import},
    {.name = NULL},
};
