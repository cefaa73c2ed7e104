/* core/worker/mask.h: confidential values are not seen. */
#include "core/worker/mask.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>

static void values_at_the_places_are_stars(void **state) {
    (void)state;
    static const char *const rows[][3] = {
        {"[\"$.card.number\"]", "{\"card\":{\"number\":\"4111\",\"name\":\"A\"},\"number\":1}",
            "{\"card\":{\"number\":\"***\",\"name\":\"A\"},\"number\":1}"},
        {"[\"$..password\"]", "{\"password\":\"a\",\"in\":[{\"password\":{\"x\":1},\"user\":\"u\"}]}",
            "{\"password\":\"***\",\"in\":[{\"password\":\"***\",\"user\":\"u\"}]}"},
        {"[\"$.lines[*].price\"]", "{\"lines\":[{\"price\":1.50,\"sku\":\"a\"},{\"price\":2}]}",
            "{\"lines\":[{\"price\":\"***\",\"sku\":\"a\"},{\"price\":\"***\"}]}"},
        {"[\"$\"]", "{\"a\":1}", "\"***\""},
        {"[\"$[*].a\"]", "[{\"a\":1},{\"b\":2}]", "[{\"a\":\"***\"},{\"b\":2}]"},
        {"[\"$.pass\"]", "{\"password\":1,\"pass\":2}", "{\"password\":1,\"pass\":\"***\"}"},
        {"[\"$.a\", \"$.b\"]", "{\"a\":1,\"b\":[1,2],\"c\":3}", "{\"a\":\"***\",\"b\":\"***\",\"c\":3}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *places = NULL, *expected = NULL, *found = NULL;
        char *masked = NULL;
        assert_null(json_parse(span_of(rows[i][0]), &places));
        assert_null(mask_json(span_of(rows[i][1]), places, &masked));
        assert_null(json_parse(span_of(rows[i][2]), &expected));
        assert_null(json_parse(span_of(masked), &found));
        assert_true(json_equal(expected, found));
        json_decref(places);
        json_decref(expected);
        json_decref(found);
        free(masked);
    }
}

static void what_is_no_json_is_not_shown(void **state) {
    (void)state;
    static const char *const bodies[] = {"", "{", "a=1&password=2", "{\"a\":1}{\"password\":2}", "{\"a\":1,\"a\":2}"};
    json_t *places = json_pack("[s]", "$..password");
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char *masked = NULL;
        error *err = mask_json(span_of(bodies[i]), places, &masked);
        if (!err) assert_null(strstr(masked, "2"));
        free(masked);
        if (i < 4) assert_non_null(err);
        error_free(err);
    }
    json_decref(places);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_at_the_places_are_stars),
        cmocka_unit_test(what_is_no_json_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
