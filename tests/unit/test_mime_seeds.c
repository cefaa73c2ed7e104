/* tests/unit/test_mime_seeds.c: the fuzz target of MIME on its seeds and broken copies of them (Z06). */
#include "tests/unit/seeds.h"

#include "tests/fuzz/mime.c"

static void seeds_and_broken_copies_break_no_rule(void **state) {
    (void)state;
    replay("tests/fuzz/seeds/mime", LLVMFuzzerTestOneInput, "--\r\n:;=\"?* ");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds_and_broken_copies_break_no_rule)};
    return cmocka_run_group_tests_name("mime seeds", tests, NULL, NULL);
}
