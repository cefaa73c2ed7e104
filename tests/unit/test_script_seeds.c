/* tests/unit/test_script_seeds.c: the fuzz target of scripts and of the formats that they read, on its seeds and broken
 * copies of them. */
#include "tests/unit/seeds.h"

#include "tests/fuzz/script.c"

static void seeds_and_broken_copies_break_no_rule(void **state) {
    (void)state;
    replay("tests/fuzz/seeds/script", LLVMFuzzerTestOneInput, "{}[]\"<>&,;=()%\n ");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds_and_broken_copies_break_no_rule)};
    return cmocka_run_group_tests_name("script seeds", tests, NULL, NULL);
}
