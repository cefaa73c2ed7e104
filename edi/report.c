/* edi/report.c: see report.h. */
#include "edi/report.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

static void add_type(edi_report *report, const edi_transaction *document, const edi_schema *schema) {
    size_t i = 0;
    while (i < report->type_count && strcmp(report->types[i], document->type) != 0)
        i++;
    if (i == EDI_REPORT_TYPES) return;
    if (i == report->type_count) {
        memcpy(report->types[i], document->type, sizeof report->types[i]);
        report->type_count++;
    } else if (schema || !report->schemas[i][0]) {
        return;
    }
    report->schemas[i][0] = '\0';
    if (schema)
        snprintf(report->schemas[i], sizeof report->schemas[i], "%s %s %s", edi_standard_name(schema->standard),
            schema->version, schema->type);
}

void edi_report_read(edi_validator *v, edi_report *report) {
    edi_reader *reader = edi_validator_reader(v);
    edi_event event;
    *report = (edi_report){.valid = true};
    while ((event = edi_validator_next_told(v)) != EDI_END) {
        if (event == EDI_INTERCHANGE) {
            edi_standard standard = edi_reader_interchange(reader)->delimiters.standard;
            report->mixed |= report->standard != EDI_NONE && report->standard != standard;
            if (report->standard == EDI_NONE) report->standard = standard;
        } else if (event == EDI_DOCUMENT) {
            add_type(report, edi_reader_document(reader), edi_validator_schema(v, NULL));
        } else if (event == EDI_FAULT) {
            const edi_fault *fault = edi_validator_fault(v);
            report->errors += !fault->warning;
            report->warnings += fault->warning;
            report->valid &= fault->warning;
            if (report->fault_count == EDI_REPORT_FAULTS) continue;
            if (report->fault_count == report->fault_room) {
                report->fault_room = report->fault_room ? report->fault_room * 2 : 8;
                report->faults = xreallocarray(report->faults, report->fault_room, sizeof *report->faults);
            }
            report->faults[report->fault_count++] = *fault;
        }
    }
    report->totals = edi_reader_totals(reader);
    edi_validator_free(v);
}

void edi_report_free(edi_report *report) {
    free(report->faults);
    report->faults = NULL;
}

static void put_number(json_t *object, const char *key, uint64_t value) {
    if (value) json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void put_if(json_t *object, const char *key, const char *text) {
    if (text[0]) json_put_span(object, key, span_of(text));
}

/* The place of a fault always has the same members, so that readers need not ask which are there. */
static void fill_place(json_t *object) {
    static const char *const members[] = {"segment", "position", "element", "component", "document"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!json_object_get(object, members[i])) json_object_set_new(object, members[i], json_null());
    }
}

json_t *edi_fault_json(const edi_fault *fault) {
    const edi_fault_kind *kind = edi_fault_kind_of(fault->code);
    char code[24];
    json_t *object = json_object();
    json_put_text(object, "code", kind->name);
    json_put_span(object, "text", span_of(fault->text));
    put_if(object, "segment", fault->tag);
    put_number(object, "position", fault->position);
    put_number(object, "element", fault->element);
    put_number(object, "component", fault->component);
    put_number(object, "repetition", fault->repetition);
    json_object_set_new(object, "offset", json_integer((json_int_t)fault->offset));
    put_if(object, "document", fault->document);
    put_number(object, "index", fault->segment_number);
    put_if(object, "value", fault->value);
    put_if(object, "loop", fault->loop);
    if (kind->x12 && edi_level_x12(kind->level)[0]) {
        snprintf(code, sizeof code, "%s=%s", edi_level_x12(kind->level), kind->x12);
        json_put_text(object, "x12", code);
    }
    if (kind->edifact) {
        snprintf(code, sizeof code, "0085=%d", kind->edifact);
        json_put_text(object, "edifact", code);
    }
    fill_place(object);
    return object;
}

json_t *edi_report_json(const edi_report *report, const char *file) {
    json_t *object = json_object(), *types = json_array(), *errors = json_array(), *warnings = json_array();
    json_put_span(object, "file", span_of(file));
    if (report->standard == EDI_NONE) {
        json_object_set_new(object, "standard", json_null());
    } else {
        json_put_text(object, "standard", edi_standard_name(report->standard));
    }
    if (report->mixed) json_object_set_new(object, "mixed", json_true());
    json_object_set_new(object, "valid", json_boolean(report->valid));
    json_object_set_new(object, "interchanges", json_integer((json_int_t)report->totals.interchanges));
    json_object_set_new(object, "groups", json_integer((json_int_t)report->totals.groups));
    json_object_set_new(object, "documents", json_integer((json_int_t)report->totals.documents));
    json_object_set_new(object, "segments", json_integer((json_int_t)report->totals.segments));
    bool all_known = report->type_count > 0;
    json_t *schemas = json_object();
    for (size_t i = 0; i < report->type_count; i++) {
        json_array_append_new(types, json_from_span(span_of(report->types[i])));
        all_known &= report->schemas[i][0] != '\0';
        if (report->schemas[i][0]) json_put_text(schemas, report->types[i], report->schemas[i]);
    }
    json_object_set_new(object, "types", types);
    if (all_known) {
        json_object_set_new(object, "schema", schemas);
    } else {
        json_decref(schemas);
        json_object_set_new(object, "schema", json_null());
    }
    for (size_t i = 0; i < report->fault_count; i++)
        json_array_append_new(report->faults[i].warning ? warnings : errors, edi_fault_json(&report->faults[i]));
    json_object_set_new(object, "errors", errors);
    json_object_set_new(object, "warnings", warnings);
    if (report->errors + report->warnings > report->fault_count)
        json_object_set_new(
            object, "more", json_integer((json_int_t)(report->errors + report->warnings - report->fault_count)));
    return object;
}

char *edi_fault_place(const edi_fault *fault, char *room, size_t size) {
    int len = 0;
    room[0] = '\0';
    if (fault->tag[0] && (size_t)len < size) len += snprintf(room + len, size - (size_t)len, "%s", fault->tag);
    if (fault->element && (size_t)len < size) len += snprintf(room + len, size - (size_t)len, "%02u", fault->element);
    if (fault->component && (size_t)len < size)
        len += snprintf(room + len, size - (size_t)len, "-%u", fault->component);
    if (fault->position && (size_t)len < size)
        len += snprintf(room + len, size - (size_t)len, " (segment %llu", (unsigned long long)fault->position);
    if (fault->document[0] && (size_t)len < size)
        len += snprintf(room + len, size - (size_t)len, "%sdocument %s",
            fault->position ? " of "
            : len           ? " in "
                            : "",
            fault->document);
    if (fault->position && (size_t)len < size) len += snprintf(room + len, size - (size_t)len, ")");
    if ((size_t)len < size)
        snprintf(room + len, size - (size_t)len, "%sbyte %llu", len ? ", " : "", (unsigned long long)fault->offset);
    return room;
}
