/* tests/bench/bench_edi.c: megabytes a second of the EDI engine on one core, beside memcpy and a bare delimiter scan of
 * the same buffer in the same run.
 *
 * The files come from a seeded generator: X12 850 and EDIFACT ORDERS with short and long elements. Medians of several
 * rounds, by the processor's time, so that others on the machine disturb little. Matrix row EP01. Usage: bench_edi
 * [MEGABYTES] [ROUNDS] [WORD [SHAPE]], WORD to measure only what has it in its name, SHAPE for one of the files: x12,
 * x12-long, edifact, edifact-long.
 */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "edi/json.h"
#include "edi/scan.h"
#include "edi/validate.h"
#include "tests/bench/edi_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS_MAX = 31 };

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

typedef uint64_t (*work)(span file, edi_library *library);

static const char *wanted, *const json_to_edi = "JSON to EDI";
static volatile uint64_t sink_hole;
static char *copy_target;
static buf json_kept;

static uint64_t work_memcpy(span file, edi_library *library) {
    (void)library;
    memcpy(copy_target, file.data, file.len);
    return (uint64_t)copy_target[file.len / 2];
}

/* Every terminator and separator of the file, its position written as 32 bits: what an index of all tokens costs. */
static uint64_t work_scan(span file, edi_library *library) {
    static uint32_t positions[1 << 16];
    edi_delimiters d = edi_delimiters_default(file.data[0] == 'I' ? EDI_X12 : EDI_EDIFACT), separators = d;
    edi_scan_block block = edi_scan_path(edi_scan_chosen());
    uint64_t count = 0;
    (void)library;
    separators.terminator = d.element;
    for (size_t at = 0; at + 64 <= file.len; at += 64) {
        edi_scan_bits a, b;
        block(file.data + at, &d, &a);
        block(file.data + at, &separators, &b);
        for (uint64_t bits = a.terminator | b.terminator; bits; bits &= bits - 1)
            positions[count++ & 0xFFFF] = (uint32_t)at + (uint32_t)__builtin_ctzll(bits);
    }
    return count + positions[7];
}

static uint64_t work_events(span file, edi_library *library) {
    uint64_t count = 0;
    (void)library;
    edi_reader *reader = edi_reader_new(file, NULL);
    while (edi_reader_next(reader) != EDI_END)
        count++;
    edi_reader_free(reader);
    return count;
}

static uint64_t work_elements(span file, edi_library *library) {
    uint64_t count = 0;
    size_t elements;
    (void)library;
    edi_reader *reader = edi_reader_new(file, NULL);
    while (edi_reader_next(reader) != EDI_END) {
        if (!edi_reader_segment(reader)) continue;
        edi_reader_elements(reader, &elements);
        count += elements;
    }
    edi_reader_free(reader);
    return count;
}

static uint64_t work_validate(span file, edi_library *library) {
    uint64_t faults = 0;
    edi_validator *validator = edi_validator_new(file, library, NULL);
    for (edi_event event; (event = edi_validator_next_told(validator)) != EDI_END;)
        faults += event == EDI_FAULT;
    edi_validator_free(validator);
    if (faults > 0) {
        fprintf(stderr, "the generated file is not valid\n");
        exit(3);
    }
    return faults;
}

static error *swallow(void *context, span piece) {
    uint64_t *sum = context;
    *sum += piece.len;
    return NULL;
}

static uint64_t work_json(span file, edi_library *library) {
    uint64_t sum = 0;
    edi_json_options options = {.compact = true};
    error *err = edi_to_json(file, library, &options, swallow, &sum);
    if (err) exit(3);
    return sum;
}

static uint64_t work_text(span file, edi_library *library) {
    buf out = BUF_MAX((size_t)4 << 30);
    (void)library;
    error *err = edi_from_json(buf_span(&json_kept), &out);
    if (err || !span_equal(buf_span(&out), file)) exit(3);
    uint64_t len = out.len;
    buf_free(&out);
    return len;
}

/* The same in little memory: what `banyan edi text` does. */
static uint64_t work_text_stream(span file, edi_library *library) {
    uint64_t sum = 0;
    (void)library;
    error *err = edi_from_json_to(buf_span(&json_kept), NULL, swallow, &sum);
    if (err || sum != file.len) exit(3);
    return sum;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *name, work function, span file, edi_library *library, int rounds) {
    double rates[ROUNDS_MAX];
    if (wanted && !strstr(name, wanted)) return;
    for (int i = 0; i < rounds; i++) {
        double start = seconds_now();
        sink_hole += function(file, library);
        rates[i] = (double)file.len / 1e6 / (seconds_now() - start);
    }
    qsort(rates, (size_t)rounds, sizeof *rates, compare);
    printf("  %-26s %9.0f MB/s\n", name, rates[rounds / 2]);
}

/* The way back, of what was just written. */
static void measure_json(span file, edi_library *library, int rounds) {
    edi_json_options compact = {.compact = true};
    if (wanted && !strstr(json_to_edi, wanted)) return;
    json_kept = BUF_MAX((size_t)8 << 30);
    if (edi_to_json(file, library, &compact, edi_sink_buf, &json_kept)) exit(3);
    measure(json_to_edi, work_text, file, library, rounds);
    measure("JSON to EDI, a stream", work_text_stream, file, library, rounds);
    buf_free(&json_kept);
}

int main(int argc, char **argv) {
    size_t size = (argc > 1 ? (size_t)atol(argv[1]) : 64) << 20;
    int rounds = argc > 2 ? atoi(argv[2]) : 5;
    if (argc > 3) wanted = argv[3];
    if (rounds < 1 || rounds > ROUNDS_MAX) rounds = 5;
    edi_library *library = edi_library_new();
    printf("scan path: %s\n", edi_scan_chosen());
    for (size_t i = 0; i < FILE_SHAPES; i++) {
        if (argc > 4 && strcmp(argv[4], file_shapes[i].word) != 0) continue;
        buf file = BUF_MAX((size_t)4 << 30);
        file_shapes[i].make(&file, size, file_shapes[i].longer, -1);
        copy_target = xmalloc(file.len);
        printf("%s, %zu MiB\n", file_shapes[i].name, file.len >> 20);
        measure("memcpy", work_memcpy, buf_span(&file), library, rounds);
        measure("bare scan, positions", work_scan, buf_span(&file), library, rounds);
        measure("all events, envelope", work_events, buf_span(&file), library, rounds);
        measure("events and elements", work_elements, buf_span(&file), library, rounds);
        measure("validated", work_validate, buf_span(&file), library, rounds);
        measure("EDI to JSON", work_json, buf_span(&file), library, rounds);
        measure_json(buf_span(&file), library, rounds);
        free(copy_target);
        buf_free(&file);
    }
    edi_library_free(library);
    return 0;
}
