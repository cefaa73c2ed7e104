/* tests/fuzz/edi.c: any bytes as an EDI file. Events nest, every consumer comes through, a well-formed file comes back
 * from JSON byte for byte, a stream gives the events of the buffer, every scan path finds the same, and fix, answers
 * and views come through.
 */
#include "core/base/memory.h"
#include "edi/acknowledge.h"
#include "edi/explain.h"
#include "edi/fix.h"
#include "edi/scan.h"
#include "edi/view.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct trickle {
    span rest;
    size_t chunk;
} trickle;

static size_t drip(void *context, char *into, size_t room) {
    trickle *t = context;
    size_t n = t->chunk < t->rest.len ? t->chunk : t->rest.len;
    if (n > room) n = room;
    if (n > 0) memcpy(into, t->rest.data, n);
    t->rest = span_make(t->rest.data + n, t->rest.len - n);
    return n;
}

/* Begins and ends alternate as brackets do. */
static void check_nesting(edi_event event, int *depth) {
    static const int levels[] = {0, 1, 0, 2, 3, 0, 3, 2, 1, 0};
    int level = levels[event];
    bool begins = event == EDI_INTERCHANGE || event == EDI_GROUP || event == EDI_DOCUMENT;
    bool ends = event == EDI_INTERCHANGE_END || event == EDI_GROUP_END || event == EDI_DOCUMENT_END;
    if (begins && *depth & 1 << level) abort();
    if (ends && !(*depth & 1 << level)) abort();
    if (begins) *depth |= 1 << level;
    if (ends) *depth &= ~(1 << level);
    if (event == EDI_SEGMENT && !(*depth & 1 << 3)) abort();
    if (event == EDI_END && *depth) abort();
}

/* Both are at the same fault. */
static void compare_faults(const edi_validator *one, const edi_validator *other) {
    const edi_fault *a = edi_validator_fault(one), *b = edi_validator_fault(other);
    if (a->code != b->code || a->offset != b->offset || strcmp(a->text, b->text) != 0) abort();
}

/* The short cuts of validation say what the long way says, and so does who leaves segments out. */
static void validate_thoroughly(span file, edi_library *library) {
    edi_validate_options thorough = {.thorough = true};
    edi_validator *quick = edi_validator_new(file, library, NULL);
    edi_validator *slow = edi_validator_new(file, library, &thorough);
    edi_validator *told = edi_validator_new(file, library, NULL);
    edi_event event;
    do {
        size_t left, entered, slow_left, slow_entered;
        event = edi_validator_next(quick);
        if (edi_validator_next(slow) != event) abort();
        if (event != EDI_SEGMENT && edi_validator_next_told(told) != event) abort();
        if (event == EDI_FAULT) {
            compare_faults(quick, slow);
            compare_faults(told, slow);
        }
        if (edi_validator_node(quick, &left, &entered) != edi_validator_node(slow, &slow_left, &slow_entered)) abort();
        if (left != slow_left || entered != slow_entered) abort();
    } while (event != EDI_END);
    edi_validator_free(quick);
    edi_validator_free(slow);
    edi_validator_free(told);
}

static void read_twice(span file, edi_library *library) {
    trickle t = {.rest = file, .chunk = 1 + file.len % 7};
    edi_validator *whole = edi_validator_new(file, library, NULL);
    edi_validator *stream = edi_validator_open(drip, &t, library, NULL);
    int depth = 0;
    edi_event event;
    do {
        event = edi_validator_next(whole);
        if (edi_validator_next(stream) != event) abort();
        check_nesting(event, &depth);
        const edi_segment *a = edi_reader_segment(edi_validator_reader(whole));
        const edi_segment *b = edi_reader_segment(edi_validator_reader(stream));
        if (event == EDI_FAULT && edi_validator_fault(whole)->code != edi_validator_fault(stream)->code) abort();
        if (event == EDI_FAULT || !a) continue;
        if (!b || a->offset != b->offset || !span_equal(a->raw, b->raw)) abort();
    } while (event != EDI_END);
    edi_validator_free(whole);
    edi_validator_free(stream);
}

/* There and back; and without short cuts the same JSON comes. */
static void round_trip(span file, edi_library *library) {
    buf json = BUF_MAX(64 << 20), again = BUF_MAX(64 << 20);
    edi_json_options thorough = {.validate = {.thorough = true}};
    error *slow = edi_to_json(file, library, &thorough, edi_sink_buf, &again);
    error *err = edi_to_json(file, library, NULL, edi_sink_buf, &json);
    if (!err != !slow || !span_equal(buf_span(&json), buf_span(&again))) abort();
    error_free(slow);
    buf_clear(&again);
    if (!err) {
        if (edi_from_json(buf_span(&json), &again)) abort();
        if (!span_equal(buf_span(&again), file)) abort();
    }
    error_free(err);
    buf_free(&json);
    buf_free(&again);
}

static void fix_once(span file, edi_library *library) {
    buf once = BUF_MAX(64 << 20);
    edi_changes changes;
    if (edi_fix(file, library, &once, &changes)) abort();
    edi_changes_free(&changes);
    buf_free(&once);
}

static void answer(span file, edi_library *library) {
    edi_counter counter = {.first = 1};
    edi_acknowledge_options options = {.control = edi_counter_control,
        .control_context = &counter,
        .date = "20260101",
        .time = "1200",
        .with_ta1 = true};
    edi_acknowledge_result result;
    edi_acknowledged_list judgements;
    buf out = BUF_MAX(64 << 20);
    error_free(edi_acknowledge(file, library, &options, &out, &result));
    buf_free(&out);
    edi_acknowledged_read(file, &judgements);
    edi_acknowledged_free(&judgements);
}

static void view_all(span file, edi_library *library) {
    edi_documents documents;
    edi_view *first = NULL;
    edi_view_read(file, 0, library, &documents, &first);
    edi_view_free(first);
    for (size_t i = 0; i < documents.count && i < 8; i++) {
        edi_view *view;
        arena *memory = arena_new(64 << 20);
        error *err = edi_view_new(file, &documents.list[i], library, &view);
        if (!err) {
            edi_range all = edi_view_all(view), loop;
            size_t cursor = all.first;
            for (size_t k = 0; k < all.end; k++) {
                edi_view_value(view, memory, k, 1, 1, 1);
                edi_view_qualified(view, memory, k, 1, SPAN("VP"));
            }
            while (all.end > 1 && edi_view_next_loop(view, all, edi_view_tag(view, 1), &cursor, &loop))
                if (loop.end <= loop.first || loop.end > all.end) abort();
            edi_view_free(view);
        }
        error_free(err);
        arena_free(memory);
        buf alone = BUF_MAX(64 << 20);
        error_free(edi_document_alone(file, &documents.list[i], &alone));
        buf_free(&alone);
    }
    edi_documents_free(&documents);
}

/* Every way to look for tokens finds what the plain one finds. */
static void compare_tokens(span file, const edi_delimiters *d) {
    static const char *const names[] = {"avx2", "avx512"};
    static edi_tokens plain, other;
    bool marked[128];
    edi_look look;
    for (unsigned i = 0; i < 128; i++)
        marked[i] = (i * 7 + file.len) % 3 > 0; /* any set will do */
    edi_look_make(&look, d->element, d->component, marked);
    look.no_leading = file.len % 2;
    for (size_t k = 0; k < 2; k++) {
        edi_tokens_path path = edi_tokens_path_named(names[k], false);
        edi_tokens_begin(&plain, file.data);
        edi_tokens_begin(&other, file.data);
        while (path && plain.bytes < EDI_TOKENS_BYTES && plain.bytes + EDI_BLOCK <= file.len) {
            edi_scan_bits bits;
            edi_scan_path("scalar")(file.data + plain.bytes, d, &bits);
            edi_tokens_path_named("scalar", false)(&plain, &look, bits.terminator);
            path(&other, &look, bits.terminator);
        }
        if (plain.count != other.count || memcmp(plain.at, other.at, plain.count * sizeof *plain.at) != 0) abort();
        for (unsigned i = 0; i < plain.count; i++) {
            if ((edi_window(plain.second, i) ^ edi_window(other.second, i)) & 1) abort();
            if ((edi_window(plain.third, i) ^ edi_window(other.third, i)) & 1) abort();
            if ((edi_window(plain.empty, i) ^ edi_window(other.empty, i)) & 1) abort();
            if ((edi_window(plain.mixed, i) ^ edi_window(other.mixed, i)) & 1) abort();
            if ((edi_window(plain.odd, i) ^ edi_window(other.odd, i)) & 1) abort();
        }
    }
}

/* Every way to scan finds what the plain one finds: terminators, and where elements end. */
static void compare_paths(span file) {
    static const char *const names[] = {"scalar", "sse2", "avx2"};
    edi_delimiters all[] = {edi_delimiters_default(EDI_X12), edi_delimiters_default(EDI_EDIFACT)};
    static span parts[1 << 16];
    for (size_t i = 0; i < 2; i++) {
        for (size_t at = 0; at + 64 <= file.len; at += 64) {
            edi_scan_bits plain, other;
            edi_scan_path(names[0])(file.data + at, &all[i], &plain);
            for (size_t k = 1; k < 3; k++) {
                if (!edi_scan_path(names[k])) continue;
                edi_scan_path(names[k])(file.data + at, &all[i], &other);
                if (plain.terminator != other.terminator || plain.line_break != other.line_break ||
                    plain.release != other.release)
                    abort();
            }
        }
        compare_tokens(file, &all[i]);
        size_t count = edi_scan_elements(file, &all[i], parts, sizeof parts / sizeof parts[0]), found = 0;
        span rest = file, part;
        while (edi_next_part(&rest, all[i].element, all[i].release, &part)) {
            if (found < count && found < sizeof parts / sizeof parts[0] && !span_equal(part, parts[found])) abort();
            found++;
        }
        if (file.len > 0 && found != count) abort();
    }
}

static error *swallow(void *context, span piece) {
    (void)context;
    (void)piece;
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static edi_library *library;
    if (!library) library = edi_library_new();
    span file = span_make((const char *)data, size);
    read_twice(file, library);
    validate_thoroughly(file, library);
    compare_paths(file);
    round_trip(file, library);
    fix_once(file, library);
    answer(file, library);
    view_all(file, library);
    error_free(edi_explain(file, library, NULL, swallow, NULL));
    return 0;
}
