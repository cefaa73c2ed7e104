/* tests/bench/edi_files.h: EDI files for measuring, from a seeded generator: X12 850 and EDIFACT ORDERS of any size,
 * with short and long elements, all of them valid. Into a buffer, or to a descriptor in little memory.
 */
#ifndef BANYAN_BENCH_EDI_FILES_H
#define BANYAN_BENCH_EDI_FILES_H

#include "core/base/io.h"

#include <stdlib.h>

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

/* What was made so far goes to the descriptor, when there is one. */
static void pour(buf *out, size_t *made, int fd, size_t at_least) {
    if (fd < 0 || out->len < at_least) return;
    *made += out->len;
    if (io_write_all(fd, buf_span(out), "the file")) exit(3);
    buf_clear(out);
}

static void make_x12(buf *out, size_t size, bool longer, int fd) {
    unsigned sets = 0;
    size_t made = 0;
    buf_add_text(out,
        "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*1200*U*00401*000000001*0*P*:~"
        "GS*PO*SENDER*RECEIVER*20260101*1200*1*X*004010~");
    while (made + out->len < size) {
        pour(out, &made, fd, 1 << 20);
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
    pour(out, &made, fd, 0);
}

static void make_edifact(buf *out, size_t size, bool longer, int fd) {
    unsigned messages = 0;
    size_t made = 0;
    buf_add_text(out, "UNB+UNOC:3+SENDER:14+RECEIVER:14+260101:1200+REF1'");
    while (made + out->len < size) {
        pour(out, &made, fd, 1 << 20);
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
    pour(out, &made, fd, 0);
}

typedef struct file_shape {
    const char *word, *name;
    void (*make)(buf *out, size_t size, bool longer, int fd);
    bool longer;
} file_shape;

static const file_shape file_shapes[] = {{"x12", "X12 850, short elements", make_x12, false},
    {"x12-long", "X12 850, long elements", make_x12, true},
    {"edifact", "EDIFACT ORDERS, short elements", make_edifact, false},
    {"edifact-long", "EDIFACT ORDERS, long elements", make_edifact, true}};

enum { FILE_SHAPES = sizeof file_shapes / sizeof file_shapes[0] };

#endif
