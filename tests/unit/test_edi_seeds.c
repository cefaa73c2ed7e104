/* tests/unit/test_edi_seeds.c: the fuzz targets of edi/ on their seeds, and on some thousand broken copies of them, so
 * that `make test` finds what `make fuzz` would find first. What breaks a rule aborts. Matrix rows ED-06, EP02. */
#include "tests/unit/edi_test.h"
#include "tests/unit/seeds.h"

#define LLVMFuzzerTestOneInput fuzz_edi
#include "tests/fuzz/edi.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_edi_json
#include "tests/fuzz/edi_json.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_edi_schema
#include "tests/fuzz/edi_schema.c"
#undef LLVMFuzzerTestOneInput

static const char likely[] = "*:~^'+?\n\r{}[]\",\\ 0A\x80";

static void seeds_of_files_and_broken_copies_break_no_rule(void **state) {
    (void)state;
    replay("tests/fuzz/seeds/edi", fuzz_edi, likely);
}

static void seeds_of_json_and_broken_copies_break_no_rule(void **state) {
    (void)state;
    replay("tests/fuzz/seeds/edi_json", fuzz_edi_json, likely);
}

static void seeds_of_schemas_and_broken_copies_break_no_rule(void **state) {
    (void)state;
    replay("tests/fuzz/seeds/edi_schema", fuzz_edi_schema, likely);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_of_files_and_broken_copies_break_no_rule),
        cmocka_unit_test(seeds_of_json_and_broken_copies_break_no_rule),
        cmocka_unit_test(seeds_of_schemas_and_broken_copies_break_no_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
