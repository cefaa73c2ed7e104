/* tests/unit/test_edi_hostile.c: files made to hurt: every byte changed, floods of segments, elements and levels, bytes
 * without end. Reading ends soon, in bounded memory, and says what is wrong. Matrix rows EX29, EP02, ED-06. */
#include "core/base/memory.h"
#include "edi/report.h"
#include "tests/unit/edi_test.h"

#include <malloc.h>
#include <time.h>

/* A stream of `head`, then `middle` until `size` bytes are out, then `tail`. */
typedef struct flood {
    span head, middle, tail, rest;
    uint64_t left;
    int part;
} flood;

static size_t pour(void *context, char *into, size_t room) {
    flood *f = context;
    size_t done = 0;
    while (done < room) {
        if (f->rest.len == 0 && f->part == 0) {
            f->rest = f->head;
            f->part = 1;
        } else if (f->rest.len == 0 && f->part == 1 && f->left > 0) {
            f->rest = f->middle;
            f->left -= f->left < f->middle.len ? f->left : f->middle.len;
        } else if (f->rest.len == 0 && f->part == 1) {
            f->rest = f->tail;
            f->part = 2;
        } else if (f->rest.len == 0) {
            break;
        }
        size_t n = f->rest.len < room - done ? f->rest.len : room - done;
        memcpy(into + done, f->rest.data, n);
        f->rest = span_make(f->rest.data + n, f->rest.len - n);
        done += n;
    }
    return done;
}

static size_t heap_in_use(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

typedef struct outcome {
    bool valid;
    bool told;      /* the error that was looked for is among them */
    char first[48]; /* the name of the first error */
    uint64_t errors;
    size_t heap; /* bytes at most in use, over what was before */
} outcome;

/* Everything about a stream, at a glance; memory is looked at now and then. */
static outcome read_stream(edi_source source, void *context, const edi_validate_options *options, const char *wanted) {
    outcome result = {.valid = true};
    test_library();
    size_t before = heap_in_use();
    edi_validator *v = edi_validator_open(source, context, test_library(), options);
    uint64_t events = 0;
    for (edi_event event; (event = edi_validator_next(v)) != EDI_END;) {
        if (event == EDI_FAULT && !edi_validator_fault(v)->warning) {
            const char *name = edi_fault_kind_of(edi_validator_fault(v)->code)->name;
            if (result.valid)
                snprintf(
                    result.first, sizeof result.first, "%s", edi_fault_kind_of(edi_validator_fault(v)->code)->name);
            result.told |= wanted && strcmp(name, wanted) == 0;
            result.valid = false;
            result.errors++;
        }
        if (events++ % 4096 != 0 && event != EDI_FAULT && event != EDI_DOCUMENT_END) continue;
        if (result.errors > 64 && events % 4096 != 0) continue;
        size_t now = heap_in_use();
        if (now > before && now - before > result.heap) result.heap = now - before;
    }
    edi_validator_free(v);
    return result;
}

#define X12_HEAD ISA_FIXED GS_ORDERS "ST*850*0001~BEG*00*SA*A1**20260101~"
#define X12_TAIL "~SE*3*0001~GE*1*1~IEA*1*000000001~"
#define MIB (UINT64_C(1) << 20)

static void floods_end_soon_in_bounded_memory(void **state) {
    (void)state;
    static const struct {
        const char *head, *middle, *tail, *wanted;
        uint64_t size;
    } rows[] = {
        {X12_HEAD, "~", X12_TAIL, "segment-empty", 1000000},             /* empty segments */
        {X12_HEAD "REF*DP*", "A", X12_TAIL, "segment-limit", 100 * MIB}, /* one element */
        {X12_HEAD "REF*DP*", "A", X12_TAIL, "element-limit", 512 << 10}, /* one that can still be kept */
        {X12_HEAD "PO1", "*", X12_TAIL, "segment-limit", 900000},        /* elements */
        {X12_HEAD "PO1", "*1", X12_TAIL, "segment-limit", 100 * MIB},
        {X12_HEAD, "REF*DP*1~", X12_TAIL, NULL, 9 * 1000000},               /* segments */
        {ISA_FIXED GS_ORDERS, "ST*850*0001~", X12_TAIL, NULL, 12 * 100000}, /* headers within headers */
        {ISA_FIXED, GS_ORDERS, X12_TAIL, NULL, 50 * 100000},
        {"", ISA_FIXED, X12_TAIL, NULL, 106 * 100000},
        {UNB_PLAIN "UNH+1+ORDERS:D:96A:UN'FTX+", "a?", "'", NULL, 100 * MIB}, /* release characters */
        {UNB_PLAIN "UNH+1+ORDERS:D:96A:UN'FTX+", ":", "'UNT+3+1'UNZ+1+REF1'", NULL, 1000000},
        {"UNB+UNOC:4+S:14+R:14+20260101:1200+1'UNH+1+ORDERS:D:96A:UN'FTX+", "a*", "'UNT+3+1'UNZ+1+1'", NULL, 1000000},
        {X12_HEAD, " \n", X12_TAIL, NULL, 100 * MIB},                    /* blanks between segments */
        {ISA_FIXED "IEA*0*000000001~", "\0\0\0\0", "", NULL, 100 * MIB}, /* nothing behind */
        {"", "\0\1\2\3", "", "not-edi", 100 * MIB},
        {"", "hello, this is no EDI at all. ", "", "not-edi", 100 * MIB},
        {"UNA:+.? '", "\n", "", NULL, 100 * MIB},
        {"", "ISA", "", NULL, 30 * MIB},
        {"", "UNB+", "", NULL, 30 * MIB},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        span middle = rows[i].middle[0] ? span_of(rows[i].middle) : span_make(rows[i].middle, 4);
        flood f = {
            .head = span_of(rows[i].head), .middle = middle, .tail = span_of(rows[i].tail), .left = rows[i].size};
        clock_t began = clock();
        outcome result = read_stream(pour, &f, NULL, rows[i].wanted);
        double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
        if (result.heap > 16 * MIB || seconds > 20 || (rows[i].wanted && !result.told))
            print_message(
                "row %zu: %zu bytes of heap, %.1f s, first error %s\n", i, result.heap, seconds, result.first);
        assert_true(result.heap <= 16 * MIB);
        assert_true(seconds <= 20);
        assert_true(result.told || rows[i].wanted == NULL);
    }
}

/* Levels of an 856 below one parent far back, and control numbers that jump. */
typedef struct counter {
    uint64_t next, end, step;
    const char *format;
    char room[256];
    span rest;
} counter;

static size_t count_out(void *context, char *into, size_t room) {
    counter *c = context;
    size_t done = 0;
    while (done < room) {
        if (c->rest.len == 0) {
            if (c->next == c->end) break;
            unsigned long long number = ++c->next;
            int len = c->next == 1 ? snprintf(c->room, sizeof c->room, "%s", c->format)
                                   : snprintf(c->room, sizeof c->room, "%s%llu%s", c->step == 1 ? "HL*" : "ST*850*",
                                         number * c->step % 999999937, c->step == 1 ? "*1*O~" : "~SE*2*1~");
            if (c->next == 2 && c->step == 1) len = snprintf(c->room, sizeof c->room, "HL*1**S~");
            c->rest = span_make(c->room, (size_t)len);
        }
        size_t n = c->rest.len < room - done ? c->rest.len : room - done;
        memcpy(into + done, c->rest.data, n);
        c->rest = span_make(c->rest.data + n, c->rest.len - n);
        done += n;
    }
    return done;
}

static void a_million_levels_or_control_numbers_cost_no_square(void **state) {
    (void)state;
    static const char levels[] = ISA_FIXED "GS*SH*S*R*20260101*1200*1*X*004010~ST*856*0001~BSN*00*1*20260101*1200~";
    counter c = {.end = 1000000, .step = 1, .format = levels};
    clock_t began = clock();
    edi_validate_options plain = {.envelope_only = true};
    outcome result = read_stream(count_out, &c, &plain, NULL);
    assert_true(result.heap <= 20 * MIB);
    counter jumps = {.end = 1500000, .step = 7919, .format = ISA_FIXED GS_ORDERS};
    result = read_stream(count_out, &jumps, &plain, NULL);
    assert_true(result.heap <= 20 * MIB);
    assert_true((double)(clock() - began) / CLOCKS_PER_SEC < 30);
}

static void every_byte_changed_to_every_delimiter_is_read_to_the_end(void **state) {
    (void)state;
    static const char changes[] = "*:~^\n\r +'?.AI0\x1c\xff";
    static const char x12[] =
        ISA_FIXED GS_ORDERS "ST*850*0001~BEG*00*SA*A1**20260101~REF*DP*1~N1*ST*A*92*01~PO1*1*5*EA*"
                            "1.5**VP*1~CTT*1~SE*7*0001~GE*1*1~IEA*1*000000001~";
    static const char edifact[] =
        "UNA:+.? '" UNB_PLAIN
        "UNH+1+ORDERS:D:96A:UN'BGM+220+1?'+9'DTM+137:20260101:102'LIN+1++5:EN'UNS+S'CNT+2:1'UNT+7+1'UNZ+1+REF1'";
    static const span files[] = {{x12, sizeof x12 - 1}, {edifact, sizeof edifact - 1}};
    for (size_t k = 0; k < 2; k++) {
        assert_string_equal(faults_with(files[k], NULL, NULL), "");
        char *copy = xmalloc(files[k].len);
        for (size_t at = 0; at < files[k].len; at++) {
            memcpy(copy, files[k].data, files[k].len);
            for (size_t c = 0; c < sizeof changes; c++) { /* the last one is NUL */
                copy[at] = changes[c];
                faults_with(span_make(copy, files[k].len), NULL, NULL); /* sanitizers look on */
            }
        }
        free(copy);
    }
}

typedef struct passing {
    uint64_t last, calls;
} passing;

static void note_passed(void *context, uint64_t offset) {
    passing *p = context;
    assert_true(offset >= p->last);
    p->last = offset;
    p->calls++;
}

/* EP02: a buffer looked at piece by piece. The file is larger than several pieces, and has what may straddle them. */
static void a_buffer_shown_piece_by_piece_gives_the_same_events(void **state) {
    (void)state;
    static const char *const bodies[] = {"REF*DP*1~", "N1*ST*A\n*92*01~\r\n", "~", "PO1*1*5*EA*1.5**VP*1~  \n", "zz~"};
    unsigned seed = 11;
    buf file = BUF_MAX((size_t)64 << 20);
    buf_add_text(&file, ISA_FIXED GS_ORDERS);
    while (file.len < (size_t)14 << 20) {
        buf_add_text(&file, "ST*850*0001~");
        for (unsigned i = 0; i < 400; i++) {
            seed = seed * 1103515245 + 12345;
            buf_add_text(&file, bodies[(seed >> 16) % 50 < 48 ? 0 : 1 + (seed >> 16) % 4]);
        }
        if (seed % 97 == 0) {
            for (unsigned i = 0; i < 150000; i++)
                buf_add_text(&file, "0123456789");
            buf_add_char(&file, '~');
        }
        if (seed % 31 == 0) {
            buf_printf(&file, "BIN*%u*", 200000U);
            for (unsigned i = 0; i < 20000; i++)
                buf_add_text(&file, "~*~*~*~*\n:");
            buf_add_char(&file, '~');
        }
        buf_add_text(&file, "SE*402*0001~");
    }
    buf_add_text(&file, "GE*1*1~IEA*1*000000001~");
    passing p = {0};
    edi_validate_options options = {.reader = {.passed = note_passed, .passed_context = &p}};
    edi_validator *whole = edi_validator_new(buf_span(&file), test_library(), NULL);
    edi_validator *pieces = edi_validator_new(buf_span(&file), test_library(), &options);
    edi_event event;
    do {
        event = edi_validator_next(whole);
        assert_int_equal(edi_validator_next(pieces), event);
        const edi_segment *a = edi_reader_segment(edi_validator_reader(whole));
        const edi_segment *b = edi_reader_segment(edi_validator_reader(pieces));
        if (event == EDI_FAULT) {
            assert_int_equal(edi_validator_fault(whole)->code, edi_validator_fault(pieces)->code);
            assert_int_equal(edi_validator_fault(whole)->offset, edi_validator_fault(pieces)->offset);
        } else if (a) {
            assert_true(a->offset == b->offset && a->raw.len == b->raw.len && a->after.len == b->after.len);
            assert_true(a->wrapped == b->wrapped && a->binary == b->binary);
        }
    } while (event != EDI_END);
    assert_true(p.calls >= 3);
    edi_validator_free(whole);
    edi_validator_free(pieces);
    buf_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floods_end_soon_in_bounded_memory),
        cmocka_unit_test(a_million_levels_or_control_numbers_cost_no_square),
        cmocka_unit_test(every_byte_changed_to_every_delimiter_is_read_to_the_end),
        cmocka_unit_test(a_buffer_shown_piece_by_piece_gives_the_same_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
