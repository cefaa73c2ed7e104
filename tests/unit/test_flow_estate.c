/* The configuration as a whole: what is refused, by which words and at which place, and what defaults fill in. */
#include "core/flow/estate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>

/* Objects as the store keeps them, from {"kind": [bodies]}. */
static json_t *stored(const char *text) {
    json_t *kinds = NULL, *all = json_array(), *list;
    const char *kind;
    assert_null(json_parse(span_of(text), &kinds));
    json_object_foreach(kinds, kind, list) {
        for (size_t i = 0; i < json_array_size(list); i++) {
            json_t *body = json_array_get(list, i);
            json_array_append_new(
                all, json_pack("{s:s, s:O, s:i, s:O}", "kind", kind, "name",
                         json_object_get(body, estate_name_member(kind)), "revision", 1, "body", body));
        }
    }
    json_decref(kinds);
    return all;
}

static estate *build(const char *text, fault_list *faults) {
    estate *e = NULL;
    json_t *objects = stored(text);
    estate_build(objects, &e, faults);
    json_decref(objects);
    return e;
}

static void faults_name_place_and_remedy(void **state) {
    (void)state;
    static const struct {
        const char *estate, *where, *words;
    } rows[] = {
        {"{'connections': [{'name': 'a', 'kind': 'fil', 'directory': '/tmp'}]}", "/connections/a/kind",
            "known are: as2, file"},
        {"{'connections': [{'name': 'a', 'kind': 'file'}]}", "/connections/a", "\"directory\" is missing"},
        {"{'connections': [{'name': 'a', 'kind': 'file', 'directory': '/tmp', 'partner': 'x'}]}",
            "/connections/a/partner", "there is no \"x\" among the partners"},
        {"{'flows': [{'name': 'f', 'from': {'connection': 'a'}}]}", "/flows/f/from/connection", "there is no \"a\""},
        {"{'endpoints': [{'route': 'GET orders'}]}", "/endpoints/GET orders/route", "must begin with /"},
        {"{'endpoints': [{'route': 'FETCH /x'}]}", "/endpoints/FETCH /x/route", "method must be"},
        {"{'endpoints': [{'route': 'GET /x'}]}", "/endpoints/GET /x", "needs a back-end"},
        {"{'partners': [{'name': 'a', 'x12_id': 'ZZ:A'}, {'name': 'b', 'x12_id': 'ZZ:A'}]}", "/partners/b/x12_id",
            "belongs to the partner a"},
        {"{'connections': [{'name': 'a', 'kind': 'file', 'directory': '/tmp'}], 'endpoints': [{'route': 'GET /x', "
         "'legacy': {'connection': 'a', 'path': 'in/{number'}}]}",
            "/endpoints/GET /x/legacy/path", "brace"},
        {"{'stations': [{'name': 'has blank'}]}", "/stations/has blank/name", "is not a name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        fault_list faults = {.faults = NULL, .count = 0};
        snprintf(text, sizeof text, "%s", rows[i].estate);
        for (char *c = text; *c; c++) {
            if (*c == '\'') *c = '"';
        }
        assert_null(build(text, &faults));
        bool found = false;
        for (size_t k = 0; k < faults.count; k++) {
            found |= strstr(error_text(faults.faults[k]), rows[i].words) &&
                     strcmp(error_where(faults.faults[k]), rows[i].where) == 0;
        }
        if (!found) fail_msg("row %zu: %s at %s", i, error_text(faults.faults[0]), error_where(faults.faults[0]));
        fault_list_free(&faults);
    }
}

static const char good[] =
    "{\"stations\": [{\"name\": \"us\", \"x12_id\": \"ZZ:US\", \"edifact_id\": \"US:14\"}],"
    " \"partners\": [{\"name\": \"acme\", \"x12_id\": \"01:123\"}],"
    " \"connections\": [{\"name\": \"in\", \"kind\": \"file\", \"directory\": \"/tmp\", \"partner\": \"acme\"},"
    "                   {\"name\": \"out\", \"kind\": \"file\", \"directory\": \"/tmp\", \"poll\": \"3s\"}],"
    " \"flows\": [{\"name\": \"f\", \"from\": {\"connection\": \"in\"}, \"when\": {\"type\": \"850\"},"
    "              \"to\": [{\"connection\": \"out\"}], \"acknowledge\": \"997\"}],"
    " \"endpoints\": [{\"route\": \"GET /x/{y}\", \"legacy\": {\"connection\": \"out\", \"path\": \"{y}\"}}]}";

static void a_snapshot_is_linked_and_has_its_defaults(void **state) {
    (void)state;
    fault_list faults = {.faults = NULL, .count = 0};
    estate *e = build(good, &faults);
    assert_non_null(e);
    const estate_connection *in = estate_find_connection(e, "in"), *out = estate_find_connection(e, "out");
    assert_ptr_equal(in->partner, estate_find_partner(e, "acme"));
    assert_string_equal(in->station->name, "us"); /* the only one there is */
    assert_true(in->source);
    assert_false(out->source);
    assert_int_equal(out->poll_ms, 3000);
    const estate_flow *flow = estate_find_flow(e, "f");
    assert_string_equal(flow->acknowledge, "997");
    assert_ptr_equal(flow->acknowledge_to.connection, in);
    assert_int_equal(flow->retry.attempts, 20);
    const estate_endpoint *endpoint = estate_find_endpoint(e, "GET /x/{y}");
    assert_string_equal(endpoint->method, "GET");
    assert_string_equal(endpoint->path, "/x/{y}");
    assert_int_equal(endpoint->body_bytes_max, 0); /* the appliance says */
    assert_string_equal(estate_partner_by_id(e, "X12", "01:123")->name, "acme");
    assert_null(estate_partner_by_id(e, "EDIFACT", "01:123"));
    assert_string_equal(estate_station_id(in->station, "EDIFACT"), "US:14");
    estate_release(e);
}

static void a_snapshot_lives_while_somebody_holds_it(void **state) {
    (void)state;
    fault_list faults = {.faults = NULL, .count = 0};
    estate *e = build(good, &faults), *held = estate_hold(e);
    estate_release(e);
    assert_string_equal(estate_find_flow(held, "f")->name, "f");
    estate_release(held);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_name_place_and_remedy),
        cmocka_unit_test(a_snapshot_is_linked_and_has_its_defaults),
        cmocka_unit_test(a_snapshot_lives_while_somebody_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
