/* The files of an estate as what `banyan apply` sends, and every fault with its file and line. */
#include "core/app/estate_files.h"
#include "core/app/export_files.h"
#include "core/app/yaml.h"
#include "core/base/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char *directory; /* of the test in hand */

static int begin(void **state) {
    (void)state;
    directory = xstrdup("/tmp/banyan-estate-XXXXXX");
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    char *command = xasprintf("rm -rf %s", directory);
    int code = chdir("/") == 0 ? system(command) : -1;
    free(command);
    free(directory);
    return code;
}

static void write_file(const char *path, const char *text) {
    char *copy = xstrdup(path), *slash = strrchr(copy, '/');
    if (slash) {
        *slash = '\0';
        assert_null(io_make_directories(copy));
    }
    free(copy);
    assert_null(io_write_file(path, span_of(text)));
}

static estate_files *read_good(const char *path) {
    fault_list faults = {NULL, 0};
    estate_files *e;
    estate_files_read(&path, 1, &e, &faults);
    for (size_t i = 0; i < faults.count; i++)
        print_message("%s: %s\n", error_where(faults.faults[i]), error_text(faults.faults[i]));
    assert_int_equal(faults.count, 0);
    return e;
}

static const json_t *item_of(const estate_files *e, const char *kind, size_t index) {
    return json_array_get(json_object_get(estate_files_body(e), kind), index);
}

static void an_estate_is_gathered_from_files_and_scripts(void **state) {
    (void)state;
    write_file("e/a.yaml", "stations:\n  - {name: us}\nconnections:\n  - {name: erp, kind: file, directory: erp}\n");
    write_file(
        "e/b.json", "{\"connections\": [{\"name\": \"other\", \"kind\": \"sftp\", \"directory\": \"in\\/out\"}]}");
    write_file("e/c.yml", "endpoints:\n- route: GET /orders/{number}\n---\npartners:\n- name: acme\n");
    write_file("e/banyan.yaml", "listen: {public: \"127.0.0.1:0\"}\n");
    write_file("e/.hidden.yaml", "nonsense: [\n");
    write_file("e/notes.txt", "not read");
    write_file("e/data/orders.json", "[\"not read either\"]");
    write_file("e/scripts/order.lua", "return {}\n");
    write_file("e/scripts/order_test.lua", "-- test\n");
    write_file("e/scripts/order_samples/in.edi", "ISA*00~");
    write_file("e/scripts/order_samples/latin.txt", "\xE4");
    write_file("e/scripts/plain.lua", "return {}\n");
    write_file("e/schemas/acme.schema", "overlay acme of X12 004010 850\n");
    write_file("e/schemas/notes.txt", "not read");
    estate_files *e = read_good("e/");
    char *text = json_text(estate_files_body(e), true), *absolute = xasprintf("%s/e/erp", directory);
    assert_string_equal(json_get_text(item_of(e, "connections", 0), "directory", ""), absolute);
    assert_string_equal(json_get_text(item_of(e, "connections", 1), "directory", ""), "in/out");
    assert_string_equal(json_get_text(item_of(e, "endpoints", 0), "route", ""), "GET /orders/{number}");
    assert_string_equal(json_get_text(item_of(e, "partners", 0), "name", ""), "acme");
    assert_non_null(strstr(text,
        "{\"name\":\"order\",\"samples\":[{\"name\":\"in.edi\",\"text\":\"ISA*00~\"},{\"base64\":\"5A==\",\"name\":"
        "\"latin.txt\"}],\"source\":\"return {}\\n\",\"test\":\"-- test\\n\"},{\"name\":\"plain\",\"source\":"));
    assert_int_equal(json_object_size(estate_files_body(e)), 6);
    assert_string_equal(json_get_text(item_of(e, "schemas", 0), "name", ""), "acme");
    assert_string_equal(json_get_text(item_of(e, "schemas", 0), "source", ""), "overlay acme of X12 004010 850\n");
    assert_int_equal(json_array_size(json_object_get(estate_files_body(e), "schemas")), 1);
    free(text);
    free(absolute);
    estate_files_free(e);
}

static void a_directory_has_one_name_wherever_its_file_is_named_from(void **state) {
    (void)state;
    static const struct {
        const char *written, *expected;
    } rows[] = {{"in", "/p/q/in"}, {"./in/", "/p/q/in/"}, {".", "/p/q"}, {"./", "/p/q"}, {"..", "/p"},
        {"../in", "/p/in"}, {".././/../in", "/in"}, {"..in", "/p/q/..in"}, {".in", "/p/q/.in"},
        {"a/../in", "/p/q/a/../in"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *yaml = xasprintf("connections: [{name: a, kind: file, directory: %s}]\n", rows[i].written);
        char *expected = xasprintf("%s%s", directory, rows[i].expected);
        write_file("p/q/a.yaml", yaml);
        estate_files *e = read_good("p/../p/q/a.yaml");
        assert_string_equal(json_get_text(item_of(e, "connections", 0), "directory", ""), expected);
        estate_files_free(e);
        free(yaml);
        free(expected);
    }
    write_file("p/q/a.yaml", "connections: [{name: a, kind: file, directory: \"\"}]\n");
    estate_files *e = read_good("p/q/a.yaml");
    assert_string_equal(json_get_text(item_of(e, "connections", 0), "directory", "none"), "");
    estate_files_free(e);
}

static void what_begins_with_x_is_only_copied_from(void **state) {
    (void)state;
    write_file("x.yaml", "x-defaults: &defaults {kind: file, poll: 1m}\n"
                         "connections:\n"
                         "  - {<<: *defaults, name: a, directory: /a}\n"
                         "  - {<<: *defaults, name: b, directory: /b, poll: 5s}\n");
    estate_files *e = read_good("x.yaml");
    assert_int_equal(json_object_size(estate_files_body(e)), 1);
    assert_string_equal(json_get_text(item_of(e, "connections", 0), "kind", ""), "file");
    assert_string_equal(json_get_text(item_of(e, "connections", 0), "poll", ""), "1m");
    assert_string_equal(json_get_text(item_of(e, "connections", 1), "poll", ""), "5s");
    estate_files_free(e);
}

static void references_become_the_text_they_point_to(void **state) {
    (void)state;
    setenv("BANYAN_TEST_SECRET", "from the environment", 1);
    write_file("e/secrets/password", "s3cret\r\n");
    write_file("e/secrets/cert.pem", "-----BEGIN X-----\nAA==\n-----END X-----\n");
    write_file("e/a.yaml", "connections:\n"
                           "  - {name: a, password: {file: secrets/password}, token: {env: BANYAN_TEST_SECRET}}\n"
                           "certificates:\n"
                           "  - {name: c, certificate: {file: secrets/cert.pem}, list: [{file: secrets/password}],\n"
                           "     kept: {file: x, other: y}}\n");
    estate_files *e = read_good("e/a.yaml");
    assert_string_equal(json_get_text(item_of(e, "connections", 0), "password", ""), "s3cret");
    assert_string_equal(json_get_text(item_of(e, "connections", 0), "token", ""), "from the environment");
    const json_t *certificate = item_of(e, "certificates", 0);
    assert_string_equal(json_get_text(certificate, "certificate", ""), "-----BEGIN X-----\nAA==\n-----END X-----\n");
    assert_string_equal(json_string_value(json_array_get(json_object_get(certificate, "list"), 0)), "s3cret");
    assert_int_equal(json_object_size(json_object_get(certificate, "kept")), 2);
    estate_files_free(e);
}

static void every_fault_is_told_with_its_file_and_line(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *words, *where;
    } rows[] = {
        {"conections: []\n", "did you mean \"connections\"", "t.yaml:1:13"},
        {"nonsense: []\n", "unknown kind \"nonsense\"", "t.yaml:1:11"},
        {"connections: {a: 1}\n", "must be a list of objects", "t.yaml:1:14"},
        {"connections: [a]\n", "must be an object", "t.yaml:1:15"},
        {"connections:\n  - {kind: file}\n", "needs a \"name\"", "t.yaml:2:5"},
        {"connections:\n  - {name: 850}\n", "needs a \"name\"", "t.yaml:2:5"},
        {"endpoints:\n  - {name: x}\n", "needs a \"route\"", "t.yaml:2:5"},
        {"connections:\n  - name: a\n  - name: a\n", "stands in t.yaml:2 already", "t.yaml:3:5"},
        {"connections:\n  - name: a\n    name: b\n", "a second time", "t.yaml:3:5"},
        {"connections:\n  - name: a\n    x: {password: {file: none}}\n", "none: No such file", "t.yaml:3:19"},
        {"connections:\n  - name: a\n    x: {env: BANYAN_TEST_ABSENT}\n", "no BANYAN_TEST_ABSENT", "t.yaml:3:8"},
        {"- a\n", "must hold kinds", "t.yaml:1:1"},
        {"just text\n", "must hold kinds", "t.yaml:1:1"},
        {"connections: [*a]\n", "the anchor &a", "t.yaml:1:15"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = "t.yaml";
        fault_list faults = {NULL, 0};
        estate_files *e;
        write_file(path, rows[i].yaml);
        estate_files_read(&path, 1, &e, &faults);
        assert_null(e);
        assert_int_equal(faults.count, 1);
        if (!strstr(error_text(faults.faults[0]), rows[i].words) ||
            strcmp(error_where(faults.faults[0]), rows[i].where) != 0)
            fail_msg("%s: %s (%s)", rows[i].yaml, error_text(faults.faults[0]), error_where(faults.faults[0]));
        fault_list_free(&faults);
    }
}

static void all_faults_of_all_files_are_told_at_once(void **state) {
    (void)state;
    const char *paths[] = {"a.yaml", "b.json", "none", "empty"};
    fault_list faults = {NULL, 0};
    estate_files *e;
    write_file("a.yaml", "conections: []\nstation: []\n");
    write_file("b.json", "{\"flows\": [1,]}");
    write_file("empty/readme", "");
    estate_files_read(paths, 4, &e, &faults);
    assert_null(e);
    assert_int_equal(faults.count, 5);
    assert_string_equal(error_where(faults.faults[2]), "b.json:1:14");
    assert_string_equal(error_where(faults.faults[3]), "");
    fault_list_free(&faults);
}

static void a_pointer_of_the_server_leads_to_the_line(void **state) {
    (void)state;
    static const struct {
        const char *pointer, *place;
    } rows[] = {
        {"/connections/acme-sftp/host", "t.yaml:4"},
        {"/connections/acme-sftp", "t.yaml:3"},
        {"/connections/acme-sftp/unknown/deeper", "t.yaml:3"},
        {"/connections/acme", "t.yaml:2"},
        {"/connections/1/host", "t.yaml:4"},
        {"/connections/7", NULL},
        {"/connections", NULL},
        {"/flows/acme", NULL},
        {"/endpoints/GET ~1orders~1{n}/legacy", "t.yaml:6"},
        {"/endpoints/GET /orders/{n}/legacy", "t.yaml:6"},
        {"/endpoints/0/legacy/path", "t.yaml:6"},
        {"", NULL},
    };
    write_file("t.yaml", "connections:\n  - {name: acme}\n  - name: acme-sftp\n    host: h\nendpoints:\n"
                         "  - {route: \"GET /orders/{n}\", legacy: {path: x}}\n");
    estate_files *e = read_good("t.yaml");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *place = estate_files_place(e, rows[i].pointer);
        if (rows[i].place ? !place || strcmp(place, rows[i].place) != 0 : place != NULL)
            fail_msg("%s is at %s", rows[i].pointer, place ? place : "no place");
        free(place);
    }
    estate_files_free(e);
}

static void what_is_exported_applies_as_the_same_estate(void **state) {
    (void)state;
    static const char all[] =
        "{\"stations\":[{\"name\":\"us\",\"x12_id\":\"01:0123\",\"revision\":3,\"updated_at\":\"x\"}],\"flows\":[],"
        "\"scripts\":[{\"name\":\"order\",\"source\":\"return {}\\n\",\"test\":\"-- t\\n\",\"samples\":[{\"name\":"
        "\"a.edi\",\"text\":\"ISA\"},{\"name\":\"b.bin\",\"base64\":\"AP/+Cg==\"}]}],"
        "\"schemas\":[{\"name\":\"acme\",\"source\":\"overlay acme of X12 004010 850\\nCUR forbidden\\n\"}]}";
    json_t *exported;
    size_t files = 0;
    assert_null(json_parse(span_of(all), &exported));
    export_strip(exported);
    assert_null(json_object_get(exported, "flows"));
    assert_null(export_write(exported, "out", &files));
    assert_int_equal(files, 6);
    estate_files *e = read_good("out");
    if (!json_equal(exported, (json_t *)estate_files_body(e))) fail_msg("%s", json_text(estate_files_body(e), false));
    json_decref(exported);
    estate_files_free(e);
}

static void a_script_name_that_leaves_the_directory_is_not_written(void **state) {
    (void)state;
    static const char *const rows[] = {
        "{\"scripts\":[{\"name\":\"../evil\",\"source\":\"\"}]}",
        "{\"scripts\":[{\"name\":\"a/b\",\"source\":\"\"}]}",
        "{\"schemas\":[{\"name\":\"../evil\",\"source\":\"\"}]}",
        "{\"scripts\":[{\"name\":\"a\",\"source\":\"\",\"samples\":[{\"name\":\"../x\",\"text\":\"\"}]}]}",
        "{\"scripts\":[{\"name\":\"a\",\"source\":\"\",\"samples\":[{\"name\":\"..\",\"text\":\"\"}]}]}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *exported;
        size_t files = 0;
        assert_null(json_parse(span_of(rows[i]), &exported));
        error *err = export_write(exported, "out", &files);
        assert_non_null(err);
        error_free(err);
        json_decref(exported);
    }
    assert_int_equal(access("evil.lua", F_OK), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_estate_is_gathered_from_files_and_scripts, begin, end),
        cmocka_unit_test_setup_teardown(a_directory_has_one_name_wherever_its_file_is_named_from, begin, end),
        cmocka_unit_test_setup_teardown(what_begins_with_x_is_only_copied_from, begin, end),
        cmocka_unit_test_setup_teardown(references_become_the_text_they_point_to, begin, end),
        cmocka_unit_test_setup_teardown(every_fault_is_told_with_its_file_and_line, begin, end),
        cmocka_unit_test_setup_teardown(all_faults_of_all_files_are_told_at_once, begin, end),
        cmocka_unit_test_setup_teardown(a_pointer_of_the_server_leads_to_the_line, begin, end),
        cmocka_unit_test_setup_teardown(what_is_exported_applies_as_the_same_estate, begin, end),
        cmocka_unit_test_setup_teardown(a_script_name_that_leaves_the_directory_is_not_written, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
