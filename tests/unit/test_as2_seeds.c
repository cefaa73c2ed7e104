/* tests/unit/test_as2_seeds.c: the fuzz target of AS2 on its seeds and broken copies of them (Z06). */
#include "tests/unit/seeds.h"

#include "tests/fuzz/as2.c"

static void seeds_and_broken_copies_break_no_rule(void **state) {
    (void)state;
    replay("tests/fuzz/seeds/as2", LLVMFuzzerTestOneInput, "--\r\n:;=\"0M \x30\x80");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds_and_broken_copies_break_no_rule)};
    return cmocka_run_group_tests_name("as2 seeds", tests, NULL, NULL);
}
