/* tests/unit/test_worker_guides.c: the definitions of partners in a translator: asked for once, kept, pushed out. */
#include "core/worker/guides.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned asked;

/* "vN" is an overlay that lets NTE stand N times in an order; "bad" does not compile; others are not there. */
static error *give(void *context, const char *name, buf *text) {
    (void)context;
    asked++;
    if (strcmp(name, "bad") == 0)
        buf_add_text(text, "overlay bad of X12 004010 850\nXYZ forbidden\n");
    else if (name[0] == 'v')
        buf_printf(text, "overlay %s of X12 004010 850\nadd after BEG\n  NTE 0-%s\n", name, name + 1);
    else
        return error_new(ERROR_NOT_FOUND, "there is no schema \"%s\"", name);
    return NULL;
}

static error *no_source(void *context, const char *name, span *text, const char **hash) {
    (void)context, (void)name, (void)text, (void)hash;
    return error_new(ERROR_NOT_FOUND, "there is no script");
}

static guides *open_guides(script_host **host) {
    const script_services services = {.source = no_source};
    assert_null(script_host_new(&services, host));
    asked = 0;
    return guides_new(*host, give, NULL);
}

static edi_library *choose(guides *g, const char *key, const char *name) {
    edi_library *library = NULL;
    json_t *head = key ? json_pack("{s:{s:s, s:[s]}}", "schemas", "key", key, "names", name) : json_object();
    error *err = guides_choose(g, head, &library);
    if (err) print_message("%s\n", error_text(err));
    assert_null(err);
    json_decref(head);
    return library;
}

/* How often NTE may stand behind BEG; 0: not at all. */
static unsigned notes_of(edi_library *library) {
    bool exact;
    const edi_schema *schema = edi_library_find(library, EDI_X12, "850", "004010", &exact);
    assert_non_null(schema);
    const edi_node *second = &schema->root.children[1];
    return strcmp(second->segment->tag, "NTE") == 0 ? second->max : 0;
}

static void a_partners_definitions_are_asked_for_once(void **state) {
    (void)state;
    script_host *host;
    guides *g = open_guides(&host);
    assert_int_equal(notes_of(choose(g, NULL, NULL)), 0);
    assert_int_equal(notes_of(choose(g, "v3@1", "v3")), 3);
    assert_int_equal(notes_of(choose(g, "v3@1", "v3")), 3);
    assert_int_equal(asked, 1);
    assert_int_equal(notes_of(choose(g, NULL, NULL)), 0);
    assert_int_equal(notes_of(choose(g, "v4@2", "v4")), 4); /* the same name with another text has another key */
    assert_int_equal(asked, 2);
    script_host_free(host);
    guides_free(g);
}

static void those_not_used_for_longest_make_room(void **state) {
    (void)state;
    script_host *host;
    guides *g = open_guides(&host);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 1; i <= 20; i++) {
            char name[8], key[16];
            snprintf(name, sizeof name, "v%u", i);
            snprintf(key, sizeof key, "v%u@x", i);
            assert_int_equal(notes_of(choose(g, key, name)), i);
            assert_int_equal(notes_of(choose(g, "v7@x", "v7")), 7); /* in use all the time: it stays */
        }
    }
    assert_int_equal(asked, 20 * 3 - 2);
    script_host_free(host);
    guides_free(g);
}

static void what_does_not_compile_is_an_error_with_its_line(void **state) {
    (void)state;
    script_host *host;
    guides *g = open_guides(&host);
    edi_library *library;
    static const struct {
        const char *name, *text;
    } rows[] = {{"bad", "bad.schema:2"}, {"gone", "there is no schema \"gone\""}};
    for (size_t i = 0; i < 2; i++) {
        json_t *head = json_pack("{s:{s:s, s:[s]}}", "schemas", "key", rows[i].name, "names", rows[i].name);
        error *err = guides_choose(g, head, &library);
        assert_non_null(err);
        assert_non_null(strstr(error_text(err), rows[i].text));
        error_free(err);
        json_decref(head);
    }
    json_t *sources = json_pack("[{s:s, s:s}, {s:s, s:s}]", "name", "one", "source",
        "overlay one of X12 004010 850\nadd after BEG\n  NTE 0-1\n", "name", "two", "source",
        "overlay two of X12 004010 850\nNTE required\nABC required\n");
    error *err = guides_check(sources);
    assert_non_null(err);
    assert_string_equal(error_where(err), "two.schema:3"); /* its second line is fine: it builds on the one before */
    error_free(err);
    json_decref(sources);
    script_host_free(host);
    guides_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partners_definitions_are_asked_for_once),
        cmocka_unit_test(those_not_used_for_longest_make_room),
        cmocka_unit_test(what_does_not_compile_is_an_error_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
