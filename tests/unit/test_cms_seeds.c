/* tests/unit/test_cms_seeds.c: the fuzz target of CMS structures on its seeds and broken copies of them (Z06). */
#include "tests/unit/seeds.h"

#include "tests/fuzz/cms.c"

static void seeds_and_broken_copies_break_no_rule(void **state) {
    (void)state;
    replay("tests/fuzz/seeds/cms", LLVMFuzzerTestOneInput, "\x30\x31\x80\xa0\x04\x24\xff\x7f");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds_and_broken_copies_break_no_rule)};
    return cmocka_run_group_tests_name("cms seeds", tests, NULL, NULL);
}
