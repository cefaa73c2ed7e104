/* tests/unit/test_edi_charset.c: the character sets of UNB; matrix row EF06. */
#include "edi/charset.h"
#include "edi/explain.h"
#include "tests/unit/edi_test.h"

static const char *faults_in(const char *set, const char *name) {
    static char file[512];
    snprintf(file, sizeof file,
        "UNB+%s+A+B+%s:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220+%s+9'DTM+137:20260101:102'UNS+S'UNT+5+1'UNZ+1+1'", set,
        set[5] == '4' ? "20260101" : "260101", name);
    return faults_of(file);
}

/* EF06 */
static void a_character_outside_its_set_is_a_named_tolerance_told_once(void **state) {
    (void)state;
    static const struct {
        const char *set, *name, *faults;
    } rows[] = {
        {"UNOA:3", "ORDER 1", ""},
        {"UNOA:3", "Order 1", "?character-set@BGM02"},
        {"UNOB:3", "Order 1", ""},
        {"UNOB:3", "Order#1", "?character-set@BGM02"},
        {"UNOC:3", "Order#1", ""},
        {"UNOC:3", "\xFC", ""},
        {"UNOC:3", "a\x85", "?character-set@BGM02"},
        {"UNOF:3", "a\xAE", "?character-set@BGM02"},
        {"UNOF:3", "a\xE1", ""},
        {"UNOY:4", "\xC3\xBC", ""},
        {"UNOY:4", "\xFC", "?character-set@BGM02"},
        {"UNOX:4", "\x1B$B", "value-character@BGM02"},
        {"UNOA:3", "a?'b", "?character-set@BGM02"}, /* what is released counts as itself */
        {"UNOA:3", "A?'B", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *faults = faults_in(rows[i].set, rows[i].name);
        if (strcmp(faults, rows[i].faults) != 0) print_message("row %zu\n", i);
        assert_string_equal(faults, rows[i].faults);
    }
}

static error *collect(void *context, span piece) {
    buf_add(context, piece);
    return NULL;
}

static void every_set_is_shown_in_utf8(void **state) {
    (void)state;
    static const struct {
        const char *set, *name, *shown;
    } rows[] = {{"UNOC:3", "\xFC", "\xC3\xBC"}, {"UNOD:3", "\xB1", "\xC4\x85"}, {"UNOE:3", "\xB1", "\xD0\x91"},
        {"UNOF:3", "\xE1", "\xCE\xB1"}, {"UNOK:3", "\xFE", "\xC5\x9F"}, {"UNOL:3", "\xA4", "\xE2\x82\xAC"},
        {"UNOY:4", "\xC3\xBC", "\xC3\xBC"}, {"UNOC:3", "a\x9B[", "a.["}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char file[512], wanted[64];
        buf out = BUF_MAX(1 << 16);
        snprintf(file, sizeof file, "UNB+%s+A+B+260101:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220+%s+9'UNT+3+1'UNZ+1+1'",
            rows[i].set, rows[i].name);
        assert_null(edi_explain(span_of(file), test_library(), NULL, collect, &out));
        snprintf(wanted, sizeof wanted, " %s\n", rows[i].shown);
        assert_non_null(strstr(buf_text(&out), wanted));
        buf_free(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_character_outside_its_set_is_a_named_tolerance_told_once),
        cmocka_unit_test(every_set_is_shown_in_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
