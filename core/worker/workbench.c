/* core/worker/workbench.c: see workbench.h. A replay runs the published script and the draft on the same bytes, with
 * the same clock, the same tables, and control numbers of its own that begin at 1 for each: so that what differs is the
 * scripts' doing, and nothing is used up. */
#include "core/worker/workbench.h"

#include "core/base/clock.h"
#include "core/base/map.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/worker/attachment.h"
#include "core/worker/difference.h"
#include "edi/validate.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIFFERENCES_MAX = 200, PATHS_MAX = 500, SEGMENTS_MAX = 300, EXAMPLE_MAX = 60, PATH_ROOM = 256, DEPTH_MAX = 16 };
enum { CALLS_TOLD_MAX = 16 * 1024 };

/* ---- tests ---- */

error *workbench_test(script_host *host, frame *request, frame *reply) {
    json_t *head = NULL, *lines = NULL, *report = json_array();
    size_t passed = 0, failed = 0;
    error *err = frame_get_json(request, &head);
    const script_test_options options = {.files = json_get_object(head, "files"), .report = report, .lines = &lines};
    if (!err) err = script_test(host, json_get_text(head, "name", ""), &options, &passed, &failed);
    if (!err) {
        json_t *answer = json_pack("{s:O, s:{s:o}, s:I, s:I}", "tests", report, "coverage", "lines",
            lines ? json_incref(lines) : json_object(), "passed", (json_int_t)passed, "failed", (json_int_t)failed);
        frame_put_json(reply, answer);
        json_decref(answer);
    }
    json_decref(report);
    json_decref(lines);
    json_decref(head);
    return err;
}

/* ---- replay ---- */

typedef struct replay {
    const script_services *outer;
    edi_library *library;
    const char *name; /* of the script that has a draft */
    span draft;
    bool drafted; /* the draft runs */
    map *counters;
    int64_t now_ms;
} replay;

static error *replay_source(void *context, const char *name, span *text, const char **hash) {
    replay *r = context;
    if (!r->drafted || strcmp(name, r->name) != 0) return r->outer->source(r->outer->context, name, text, hash);
    *text = r->draft;
    *hash = NULL;
    return NULL;
}

static error *replay_control(void *context, const char *sequence, uint64_t *number) {
    replay *r = context;
    uint64_t *last = map_get(r->counters, span_of(sequence));
    if (!last) {
        last = xcalloc(1, sizeof *last);
        map_put(r->counters, span_of(sequence), last);
    }
    *number = ++*last;
    return NULL;
}

static error *replay_table(void *context, const char *table, const char *code, bool reverse, buf *value, bool *found) {
    const replay *r = context;
    return r->outer->table(r->outer->context, table, code, reverse, value, found);
}

static int64_t replay_now(void *context) {
    return ((const replay *)context)->now_ms;
}

/* Runs one of the two; what it made, and {"error"|"rejected"|"results": n}. */
static json_t *run_side(replay *r, const json_t *call, span payload, bool drafted, script_outcome *outcome) {
    const script_services services = {replay_source, replay_control, replay_table, replay_now, r};
    script_host *host = NULL;
    json_t *told = json_object();
    r->drafted = drafted;
    map_free(r->counters, free);
    r->counters = map_new();
    error *err = script_host_new(&services, &host);
    if (!err) script_host_use_schemas(host, r->library);
    if (!err) err = script_run(host, call, payload, outcome);
    const json_t *rejected = json_get_object(outcome->result, "rejected");
    if (err) json_put_text(told, "error", error_text(err));
    if (rejected) json_put_text(told, "rejected", json_get_text(rejected, "reason", ""));
    json_object_set_new(told, "results", json_integer((json_int_t)outcome->payload_count));
    error_free(err);
    script_host_free(host);
    return told;
}

static void tell(json_t *list, const char *kind, const char *path, const char *before, const char *after) {
    json_t *one = json_pack("{s:s}", "kind", kind);
    json_put_text(one, "path", path);
    json_put_text(one, "before", before);
    json_put_text(one, "after", after);
    json_array_append_new(list, one);
}

/* A draft that fails where the published one did not is the first thing to know. */
static bool compare_ends(const json_t *before, const json_t *after, json_t *list) {
    static const char *const ends[] = {"error", "rejected"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *old = json_get_text(before, ends[i], NULL), *new = json_get_text(after, ends[i], NULL);
        if (!old && !new) continue;
        if (!old || !new || strcmp(old, new) != 0) tell(list, ends[i], "", old, new);
        return true;
    }
    return false;
}

/* What would be asked of others, "POST /price on erp" a line, each body's digest behind it. */
static char *calls_told(const script_outcome *outcome) {
    const json_t *called = json_get_array(outcome->result, "called");
    buf text = BUF_MAX(CALLS_TOLD_MAX);
    for (size_t i = 0; i < json_array_size(called); i++) {
        const json_t *one = json_array_get(called, i);
        span body = json_get_span(one, "body");
        char hex[DIGEST_HEX_SIZE];
        buf_printf(&text, "%s%s %s on %s", i ? ", " : "", json_get_text(one, "method", ""),
            json_get_text(one, "path", ""), json_get_text(one, "connection", ""));
        if (!body.len) continue;
        digest_sha256_hex(body, hex);
        buf_printf(&text, " (body %.8s)", hex);
    }
    char *told = xstrdup(buf_text(&text));
    buf_free(&text);
    return told;
}

static void compare_calls(const script_outcome *before, const script_outcome *after, json_t *list) {
    char *old = calls_told(before), *new = calls_told(after);
    if (strcmp(old, new) != 0) tell(list, "calls", "", old, new);
    free(old);
    free(new);
}

static void compare_results(const script_outcome *before, const script_outcome *after, json_t *list) {
    static const char *const members[] = {"filename", "content_type", "to", "status"};
    const json_t *old_results = json_get_array(before->result, "results");
    const json_t *new_results = json_get_array(after->result, "results");
    size_t old_count = json_array_size(old_results), new_count = json_array_size(new_results);
    if (old_count != new_count) {
        char old_text[24], new_text[24];
        snprintf(old_text, sizeof old_text, "%zu", old_count);
        snprintf(new_text, sizeof new_text, "%zu", new_count);
        tell(list, "results", "count", old_text, new_text);
    }
    for (size_t i = 0; i < old_count && i < new_count; i++) {
        const json_t *old = json_array_get(old_results, i), *new = json_array_get(new_results, i);
        int64_t old_at = json_get_integer(old, "payload", -1), new_at = json_get_integer(new, "payload", -1);
        for (size_t m = 0; m < sizeof members / sizeof *members; m++) {
            const char *x = json_get_text(old, members[m], NULL), *y = json_get_text(new, members[m], NULL);
            if (x != y && (!x || !y || strcmp(x, y) != 0)) tell(list, members[m], "", x, y);
        }
        const json_t *old_keys = json_object_get(old, "keys"), *new_keys = json_object_get(new, "keys");
        if (old_keys && new_keys && !json_equal(old_keys, new_keys)) {
            char *x = json_text(old_keys, true), *y = json_text(new_keys, true);
            tell(list, "keys", "", x, y);
            free(x);
            free(y);
        }
        if (old_at >= 0 && new_at >= 0 && (size_t)old_at < before->payload_count &&
            (size_t)new_at < after->payload_count)
            difference_of(
                buf_span(&before->payloads[old_at]), buf_span(&after->payloads[new_at]), DIFFERENCES_MAX, list);
    }
}

error *workbench_replay(const script_services *services, edi_library *library, frame *request, frame *reply) {
    json_t *head = NULL, *list = json_array();
    attachment body = {0};
    script_outcome before = {0}, after = {0};
    replay r = {.outer = services, .library = library, .now_ms = clock_wall_ms()};
    error *err = frame_get_json(request, &head);
    if (!err) err = attachment_of_request(request, &body);
    if (!err) {
        const json_t *call = json_get_object(head, "call");
        r.name = json_get_text(call, "script", "");
        r.draft = json_get_span(head, "source");
        json_t *old = run_side(&r, call, body.bytes, false, &before);
        json_t *new = run_side(&r, call, body.bytes, true, &after);
        if (!compare_ends(old, new, list)) compare_results(&before, &after, list);
        compare_calls(&before, &after, list);
        json_t *answer = json_pack("{s:b, s:o, s:o, s:O}", "same", json_array_size(list) == 0, "before", old, "after",
            new, "differences", list);
        frame_put_json(reply, answer);
        json_decref(answer);
    }
    map_free(r.counters, free);
    script_outcome_free(&before);
    script_outcome_free(&after);
    attachment_close(&body);
    json_decref(list);
    json_decref(head);
    return err;
}

/* ---- structure ---- */

static json_t *example_of(span value) {
    return json_from_span(span_make(value.data, value.len > EXAMPLE_MAX ? EXAMPLE_MAX : value.len));
}

static json_t *find_tag(json_t *segments, span tag) {
    size_t i;
    json_t *one;
    json_array_foreach(segments, i, one) {
        if (span_is(tag, json_get_text(one, "tag", ""))) return one;
    }
    return NULL;
}

/* The elements of a tag: by their names where a schema is known, with the first value that stood there. */
static void note_segment(json_t *segments, edi_validator *v) {
    const edi_segment *segment = edi_reader_segment(edi_validator_reader(v));
    const edi_segment_type *type = edi_validator_definition(v);
    size_t count, entered = 0;
    const edi_node *node = edi_validator_node(v, NULL, &entered), *loop = node && entered > 0 ? node : NULL;
    const span *elements = edi_reader_elements(edi_validator_reader(v), &count);
    json_t *one = find_tag(segments, segment->tag);
    if (!one && json_array_size(segments) >= SEGMENTS_MAX) return;
    if (!one) {
        one = json_pack("{s:s?, s:[]}", "name", type ? type->name : NULL, "elements");
        json_put_span(one, "tag", segment->tag);
        if (loop && !loop->children) loop = loop->parent;
        if (loop && loop->parent) json_put_text(one, "loop", loop->name ? loop->name : loop->segment->tag);
        json_array_append_new(segments, one);
    }
    json_t *told = json_get_array(one, "elements");
    for (size_t i = 0; i < count; i++) {
        json_t *element = json_array_get(told, i);
        if (!element) {
            const edi_slot *slot = type && i < type->slots.count ? &type->slots.list[i] : NULL;
            const char *name = slot ? (slot->name           ? slot->name
                                          : slot->element   ? slot->element->name
                                          : slot->composite ? slot->composite->name
                                                            : NULL)
                                    : NULL;
            element = json_pack("{s:I, s:s?}", "position", (json_int_t)(i + 1), "name", name);
            json_array_append_new(told, element);
        }
        if (elements[i].len > 0 && !json_object_get(element, "example"))
            json_object_set_new(element, "example", example_of(elements[i]));
    }
}

static json_t *edi_structure(span bytes, edi_library *library, bool *is_edi) {
    json_t *answer = json_object(), *segments = json_array();
    edi_validator *v = edi_validator_new(bytes, library, NULL);
    for (edi_event event; (event = edi_validator_next(v)) != EDI_END;) {
        edi_reader *reader = edi_validator_reader(v);
        if (event == EDI_INTERCHANGE && !edi_reader_interchange(reader)->headless) *is_edi = true;
        if (!*is_edi) break;
        if (event == EDI_DOCUMENT && !json_object_get(answer, "type")) {
            json_put_text(answer, "type", edi_reader_document(reader)->type);
            json_put_text(answer, "version", edi_reader_document(reader)->version);
        }
        if (event != EDI_FAULT && edi_reader_segment(reader)) note_segment(segments, v);
    }
    if (*is_edi)
        json_put_text(answer, "standard",
            edi_reader_interchange(edi_validator_reader(v))->delimiters.standard == EDI_X12 ? "X12" : "EDIFACT");
    edi_validator_free(v);
    json_object_set_new(answer, "segments", segments);
    return answer;
}

static bool has_path(const json_t *paths, const char *path) {
    for (size_t i = 0; i < json_array_size(paths); i++)
        if (strcmp(json_get_text(json_array_get(paths, i), "path", ""), path) == 0) return true;
    return false;
}

static void note_paths(json_t *paths, const char *path, const json_t *value, int depth) {
    char inner[PATH_ROOM];
    const char *key;
    json_t *member;
    if (depth > DEPTH_MAX || json_array_size(paths) >= PATHS_MAX) return;
    if (*path && !has_path(paths, path)) {
        static const char *const types[] = {
            "object", "array", "string", "integer", "decimal", "boolean", "boolean", "null"};
        json_t *one = json_pack("{s:s, s:s}", "path", path, "type", types[json_typeof(value)]);
        char *text = json_is_object(value) || json_is_array(value) ? NULL : json_text(value, true);
        if (json_is_string(value))
            json_object_set_new(one, "example", example_of(span_of(json_string_value(value))));
        else if (text)
            json_object_set_new(one, "example", example_of(span_of(text)));
        free(text);
        json_array_append_new(paths, one);
    }
    json_object_foreach((json_t *)value, key, member) {
        snprintf(inner, sizeof inner, *path ? "%s.%s" : "%s%s", path, key);
        note_paths(paths, inner, member, depth + 1);
    }
    snprintf(inner, sizeof inner, "%s[*]", path);
    for (size_t i = 0; i < json_array_size(value) && i < 20; i++)
        note_paths(paths, inner, json_array_get(value, i), depth + 1);
}

/* The columns of a first line. */
static json_t *table_structure(span bytes) {
    json_t *columns = json_array();
    span rest = bytes, first, column;
    char mark = '\0';
    if (!span_split(&rest, '\n', &first)) return columns;
    first = span_trim(first);
    for (const char *m = ";\t,|"; *m && !mark; m++)
        if (first.len && memchr(first.data, *m, first.len)) mark = *m;
    while (mark && json_array_size(columns) < PATHS_MAX && span_split(&first, mark, &column))
        json_array_append_new(columns, json_from_span(span_trim(column)));
    return columns;
}

error *workbench_structure(edi_library *library, frame *request, frame *reply) {
    attachment body = {0};
    json_t *value = NULL;
    bool is_edi = false;
    error *err = attachment_of_request(request, &body);
    if (err) return err;
    json_t *answer = edi_structure(body.bytes, library, &is_edi);
    error *none = is_edi ? NULL : json_parse(body.bytes, &value);
    if (!is_edi && !none) {
        json_t *paths = json_array();
        note_paths(paths, "", value, 0);
        json_object_set_new(answer, "paths", paths);
    } else if (!is_edi) {
        json_object_set_new(answer, "columns", table_structure(body.bytes));
    }
    error_free(none);
    frame_put_json(reply, answer);
    json_decref(answer);
    json_decref(value);
    attachment_close(&body);
    return NULL;
}
