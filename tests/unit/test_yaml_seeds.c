/* tests/unit/test_yaml_seeds.c: the fuzz target of estates in YAML, on its seeds and broken copies of them. */
#include "tests/unit/seeds.h"

#include "tests/fuzz/yaml.c"

static void seeds_and_broken_copies_break_no_rule(void **state) {
    (void)state;
    replay("tests/fuzz/seeds/yaml", LLVMFuzzerTestOneInput, "-:{}[]&*!|>\"#\n ");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds_and_broken_copies_break_no_rule)};
    return cmocka_run_group_tests_name("yaml seeds", tests, NULL, NULL);
}
