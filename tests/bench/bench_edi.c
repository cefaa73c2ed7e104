/* tests/bench/bench_edi.c: megabytes a second of the EDI engine on one core, beside memcpy and a bare delimiter scan of
 * the same buffer in the same run.
 *
 * The files come from a seeded generator: X12 850 and EDIFACT ORDERS with short and long elements. Medians of several
 * rounds, by the processor's time, so that others on the machine disturb little. Usage: bench_edi [MEGABYTES] [ROUNDS]
 * [WORD], WORD to measure only what has it in its name.
 */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "edi/json.h"
#include "edi/scan.h"
#include "edi/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS_MAX = 31 };

static uint64_t seed = 42;

static unsigned next_random(unsigned below) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

static void add_word(buf *out, bool longer) {
    unsigned len = longer ? 12 + next_random(18) : 2 + next_random(7);
    for (unsigned i = 0; i < len; i++)
        buf_add_char(out, (char)('A' + next_random(26)));
}

static void make_x12(buf *out, size_t size, bool longer) {
    unsigned sets = 0;
    buf_add_text(out,
        "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*1200*U*00401*000000001*0*P*:~"
        "GS*PO*SENDER*RECEIVER*20260101*1200*1*X*004010~");
    while (out->len < size) {
        unsigned lines = 20 + next_random(60), segments = 6 + lines * 3;
        buf_printf(out, "ST*850*%04u~BEG*00*SA*PO%u**20260101~REF*DP*%u~N1*ST*", ++sets, next_random(1000000),
            next_random(999));
        add_word(out, longer);
        buf_printf(out, "*92*%04u~", next_random(10000));
        for (unsigned i = 1; i <= lines; i++) {
            buf_printf(out, "PO1*%u*%u*EA*%u.%02u**VP*V%u*UP*%012u~PID*F****", i, 1 + next_random(500),
                next_random(900), next_random(100), next_random(100000), next_random(1000000000));
            add_word(out, longer);
            buf_printf(
                out, "~SCH*%u*EA***002*20260%u%02u~", 1 + next_random(500), 1 + next_random(9), 1 + next_random(28));
        }
        buf_printf(out, "CTT*%u~SE*%u*%04u~", lines, segments, sets);
    }
    buf_printf(out, "GE*%u*1~IEA*1*000000001~", sets);
}

static void make_edifact(buf *out, size_t size, bool longer) {
    unsigned messages = 0;
    buf_add_text(out, "UNB+UNOC:3+SENDER:14+RECEIVER:14+260101:1200+REF1'");
    while (out->len < size) {
        unsigned lines = 20 + next_random(60), segments = 8 + lines * 4;
        buf_printf(out, "UNH+%u+ORDERS:D:96A:UN'BGM+220+PO%u+9'DTM+137:20260101:102'NAD+BY+%u::9'NAD+SU+%u::9+",
            ++messages, next_random(1000000), next_random(1000000), next_random(1000000));
        add_word(out, longer);
        buf_add_char(out, '\'');
        for (unsigned i = 1; i <= lines; i++) {
            buf_printf(out, "LIN+%u++%u:EN'IMD+F++:::", i, next_random(1000000000));
            add_word(out, longer);
            buf_printf(out, "'QTY+21:%u'PRI+AAA:%u.%02u'", 1 + next_random(500), next_random(900), next_random(100));
        }
        buf_printf(out, "UNS+S'CNT+2:%u'UNT+%u+%u'", lines, segments, messages);
    }
    buf_printf(out, "UNZ+%u+REF1'", messages);
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

typedef uint64_t (*work)(span file, edi_library *library);

static const char *wanted;
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
    for (edi_event event; (event = edi_validator_next(validator)) != EDI_END;)
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

int main(int argc, char **argv) {
    size_t size = (argc > 1 ? (size_t)atol(argv[1]) : 64) << 20;
    int rounds = argc > 2 ? atoi(argv[2]) : 5;
    if (argc > 3) wanted = argv[3];
    if (rounds < 1 || rounds > ROUNDS_MAX) rounds = 5;
    static const struct {
        const char *name;
        void (*make)(buf *out, size_t size, bool longer);
        bool longer;
    } shapes[] = {{"X12 850, short elements", make_x12, false}, {"X12 850, long elements", make_x12, true},
        {"EDIFACT ORDERS, short elements", make_edifact, false}, {"EDIFACT ORDERS, long elements", make_edifact, true}};
    edi_library *library = edi_library_new();
    printf("scan path: %s\n", edi_scan_chosen());
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        buf file = BUF_MAX((size_t)4 << 30);
        shapes[i].make(&file, size, shapes[i].longer);
        copy_target = xmalloc(file.len);
        printf("%s, %zu MiB\n", shapes[i].name, file.len >> 20);
        measure("memcpy", work_memcpy, buf_span(&file), library, rounds);
        measure("bare scan, positions", work_scan, buf_span(&file), library, rounds);
        measure("all events, envelope", work_events, buf_span(&file), library, rounds);
        measure("events and elements", work_elements, buf_span(&file), library, rounds);
        measure("validated", work_validate, buf_span(&file), library, rounds);
        measure("EDI to JSON", work_json, buf_span(&file), library, rounds);
        json_kept = BUF_MAX((size_t)8 << 30);
        edi_json_options compact = {.compact = true};
        error *err = edi_to_json(buf_span(&file), library, &compact, edi_sink_buf, &json_kept);
        if (err) exit(3);
        if (size <= (size_t)64 << 20)
            measure("JSON to EDI", work_text, buf_span(&file), library, rounds > 3 ? 3 : rounds);
        buf_free(&json_kept);
        free(copy_target);
        buf_free(&file);
    }
    edi_library_free(library);
    return 0;
}
