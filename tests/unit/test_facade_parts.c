/* The parts of the facade that need no network: routes, addresses, shares, what changes on the way to a back-end, and
 * what differs between two answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/http/addresses.h"
#include "adapters/http/peer.h"
#include "core/facade/relay.h"
#include "core/flow/estate_route.h"
#include "core/flow/estate_traffic.h"
#include "core/worker/compare.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

static json_t *json_of(const char *text) {
    json_t *value = NULL;
    buf copy = BUF_MAX(4096);
    for (const char *c = text; *c; c++)
        buf_add_char(&copy, *c == '\'' ? '"' : *c);
    error *err = json_parse(buf_span(&copy), &value);
    if (err) fail_msg("%s: %s", text, error_text(err));
    buf_free(&copy);
    return value;
}

/* SR-01, SR-02 */
static void a_connection_reaches_what_its_url_names_and_nothing_behind_it(void **state) {
    static const struct {
        const char *host, *networks, *address;
        bool allowed;
    } rows[] = {
        {"10.1.2.3", NULL, "10.1.2.3", true},
        {"10.1.2.3", NULL, "10.1.2.4", false},
        {"127.0.0.1", NULL, "127.0.0.1", true},
        {"localhost", NULL, "127.0.0.1", true},
        {"localhost", NULL, "::1", true},
        {"localhost", NULL, "10.0.0.1", false},
        {"old.internal", NULL, "10.0.0.1", true},
        {"old.internal", NULL, "93.184.216.34", true},
        {"old.internal", NULL, "127.0.0.1", false},
        {"old.internal", NULL, "127.9.9.9", false},
        {"old.internal", NULL, "::1", false},
        {"old.internal", NULL, "::ffff:127.0.0.1", false},
        {"old.internal", NULL, "169.254.169.254", false},
        {"old.internal", NULL, "::ffff:169.254.169.254", false},
        {"old.internal", NULL, "fe80::1", false},
        {"old.internal", NULL, "fd00:ec2::254", false},
        {"old.internal", NULL, "64:ff9b::7f00:1", false},
        {"old.internal", NULL, "2002:7f00:1::", false},
        {"old.internal", NULL, "0.0.0.0", false},
        {"old.internal", NULL, "::", false},
        {"old.internal", NULL, "255.255.255.255", false},
        {"old.internal", NULL, "224.0.0.1", false},
        {"2130706433", NULL, "127.0.0.1", false}, /* a decimal address is a name to us */
        {"0x7f000001", NULL, "127.0.0.1", false},
        {"old.internal", "['127.0.0.0/8']", "127.0.0.1", true},
        {"old.internal", "['127.0.0.0/8']", "10.0.0.1", false},
        {"old.internal", "['10.0.0.0/9']", "10.127.255.255", true},
        {"old.internal", "['10.0.0.0/9']", "10.128.0.0", false},
        {"old.internal", "['fd12::/16']", "fd12::7", true},
        {"old.internal", "['fd12::/16']", "fd13::7", false},
        {"127.0.0.1", "['10.0.0.0/8']", "127.0.0.1", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        union {
            struct sockaddr any;
            struct sockaddr_in v4;
            struct sockaddr_in6 v6;
        } to = {.any = {.sa_family = AF_INET}};
        address_rule *rule = NULL;
        json_t *networks = rows[i].networks ? json_of(rows[i].networks) : NULL;
        assert_null(address_rule_new(rows[i].host, networks, &rule));
        if (inet_pton(AF_INET, rows[i].address, &to.v4.sin_addr) != 1) {
            to.any.sa_family = AF_INET6;
            assert_int_equal(inet_pton(AF_INET6, rows[i].address, &to.v6.sin6_addr), 1);
        }
        if (address_rule_allows(rule, &to.any) != rows[i].allowed)
            fail_msg("%s may%s reach %s", rows[i].host, rows[i].allowed ? " not" : "", rows[i].address);
        address_rule_free(rule);
        json_decref(networks);
    }
}

/* F04: steps of 0.01 % */
static void shares_are_read_to_a_hundredth_of_a_percent(void **state) {
    static const struct {
        const char *text;
        int share; /* -1: refused */
    } rows[] = {{"['10%']", 1000}, {"['0.01%']", 1}, {"['12.5 %']", 1250}, {"[100]", 10000}, {"[0]", 0}, {"[0.5]", 50},
        {"['']", -1}, {"['%']", -1}, {"['-1%']", -1}, {"['1.234%']", -1}, {"['ten']", -1}, {"[true]", -1},
        {"[101]", -1}, {"['1.%']", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *list = json_of(rows[i].text);
        int share = -1;
        error *err = traffic_parse_share(json_array_get(list, 0), &share);
        if (err ? rows[i].share >= 0 : share != rows[i].share) fail_msg("%s became %d", rows[i].text, share);
        error_free(err);
        json_decref(list);
    }
}

static void a_route_is_method_template_and_conditions(void **state) {
    static const struct {
        const char *text, *method, *path; /* path NULL: refused */
        size_t conditions;
    } rows[] = {
        {"GET /orders/{number}", "GET", "/orders/{number}", 0},
        {"/orders/*", NULL, "/orders/*", 0},
        {"GET /orders/{number:int}", "GET", "/orders/{number}", 1},
        {"GET /x/{kind:a|b}/{id:uuid}/{rest...}", "GET", "/x/{kind}/{id}/{rest...}", 2},
        {"POST /x host=*.a.example header:X-V=2 query:v accept=a/b", "POST", "/x", 4},
        {"GET", "GET", NULL, 0},
        {"FETCH /x", NULL, NULL, 0},
        {"GET orders", NULL, NULL, 0},
        {"GET /x host=", NULL, NULL, 0},
        {"GET /x weather=fine", NULL, NULL, 0},
        {"GET /{id:colour}", NULL, NULL, 0},
        {"", NULL, NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        arena *memory = arena_new(65536);
        estate_route route;
        error *err = estate_route_parse(rows[i].text, memory, &route);
        if (rows[i].path) {
            assert_null(err);
            assert_string_equal(route.path, rows[i].path);
            assert_int_equal(route.condition_count, rows[i].conditions);
            assert_true(rows[i].method ? strcmp(route.method, rows[i].method) == 0 : route.method == NULL);
        } else if (!err) {
            fail_msg("\"%s\" was taken", rows[i].text);
        }
        error_free(err);
        arena_free(memory);
    }
}

static void types_of_parameters_hold_to_the_letter(void **state) {
    static const struct {
        const char *type, *value;
        bool fits;
    } rows[] = {{"int", "0", true}, {"int", "-12", true}, {"int", "", false}, {"int", "-", false},
        {"int", "1.0", false}, {"int", "1234567890123456789", false}, {"number", "1.50", true}, {"number", "1.", false},
        {"number", ".5", false}, {"date", "2026-11-28", true}, {"date", "2026-1-28", false}, {"alpha", "abc", true},
        {"alpha", "ab1", false}, {"alpha", "\xC3\xA4", false}, {"alnum", "a1", true}, {"hex", "00ff", true},
        {"hex", "0g", false}, {"uuid", "0190aab0-0000-7000-8000-00000000000g", false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const route_condition condition = {.kind = CONDITION_TYPE, .name = "x", .value = rows[i].type};
        if (estate_route_value_fits(&condition, span_of(rows[i].value)) != rows[i].fits)
            fail_msg("%s: %s", rows[i].type, rows[i].value);
    }
}

/* A07 */
static void answers_differ_where_they_differ(void **state) {
    static const struct {
        const char *legacy, *modern, *options, *found; /* "path kind", … */
    } rows[] = {
        {"{'a':1,'b':[1,2]}", "{'b':[1,2],'a':1}", "{}", ""},
        {"{'a':1}", "{'a':2}", "{}", "$.a value"},
        {"{'a':1}", "{'a':'1'}", "{}", "$.a type"},
        {"{'a':null}", "{}", "{}", "$.a missing"},
        {"{}", "{'a':{'b':1}}", "{}", "$.a added"},
        {"{'l':[{'p':1},{'p':2}]}", "{'l':[{'p':1},{'p':3}]}", "{}", "$.l[*].p value"},
        {"{'l':[1,2]}", "{'l':[2,1]}", "{}", "$.l[*] value, $.l[*] value"},
        {"{'l':[1,2]}", "{'l':[2,1]}", "{'unordered':['$.l']}", ""},
        {"{'l':[1,2,2]}", "{'l':[2,1,1]}", "{'unordered':['*']}", "$.l[*] missing, $.l[*] added"},
        {"{'l':[1]}", "{'l':[1,2]}", "{}", "$.l length"},
        {"{'a':1.001}", "{'a':1.002}", "{'tolerance':'0.01'}", ""},
        {"{'a':1}", "{'a':1.0}", "{}", ""},
        {"{'servedBy':'x','a':1}", "{'servedBy':'y','a':1}", "{'ignore':['$.servedBy']}", ""},
        {"{'m':{'at':1},'l':[{'at':1}]}", "{'m':{'at':2},'l':[{'at':3}]}", "{'ignore':['$..at']}", ""},
        {"{'l':[{'id':1,'p':1}]}", "{'l':[{'id':2,'p':1}]}", "{'ignore':['$.l[*].id']}", ""},
        {"{'ab':1}", "{'ab':2}", "{'ignore':['$.a']}", "$.ab value"},
        {"plain", "other", "{}", "$ body"},
        {"plain", "plain", "{}", ""},
        {"{'a':1}", "no JSON", "{}", "$ body"},
        {"true", "false", "{}", "$ value"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char legacy[256], modern[256];
        for (size_t k = 0; k <= strlen(rows[i].legacy); k++)
            legacy[k] = rows[i].legacy[k] == '\'' ? '"' : rows[i].legacy[k];
        for (size_t k = 0; k <= strlen(rows[i].modern); k++)
            modern[k] = rows[i].modern[k] == '\'' ? '"' : rows[i].modern[k];
        json_t *options = json_of(rows[i].options);
        json_t *found = compare_answers(span_of(legacy), span_of(modern), options);
        buf text = BUF_MAX(4096);
        for (size_t k = 0; k < json_array_size(found); k++)
            buf_printf(&text, "%s%s %s", k ? ", " : "", json_get_text(json_array_get(found, k), "path", ""),
                json_get_text(json_array_get(found, k), "kind", ""));
        if (strcmp(buf_text(&text), rows[i].found) != 0)
            fail_msg("%s and %s: \"%s\" in place of \"%s\"", legacy, modern, buf_text(&text), rows[i].found);
        buf_free(&text);
        json_decref(found);
        json_decref(options);
    }
}

static void a_path_for_a_back_end_is_encoded_and_stays_below_it(void **state) {
    static const struct {
        const char *template, *parameters, *path; /* NULL: refused */
    } rows[] = {
        {"orders/{n}", "{'n':'a b'}", "orders/a%20b"},
        {"orders.php?no={n}", "{'n':'1&admin=1'}", "orders.php?no=1%26admin%3D1"},
        {"x/{n}/y", "{'n':'a/b'}", "x/a%2Fb/y"},
        {"x/{*}", "{'*':'a/b c'}", "x/a/b%20c"},
        {"x/{rest}", "{'rest':'a/b'}", "x/a/b"},
        {"x/{n}", "{'n':'..'}", NULL},
        {"x/{*}", "{'*':'a/../b'}", NULL},
        {"x/{n}", "{}", NULL},
        {"x/{n}", "{'n':'a\\r\\nX: y'}", "x/a%0D%0AX%3A%20y"},
        {"x/{n}", "{'n':7}", "x/7"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf out = BUF_MAX(1024);
        json_t *parameters = json_of(rows[i].parameters);
        error *err = relay_expand(rows[i].template, "/r/{rest...}", parameters, &out);
        if (rows[i].path) {
            assert_null(err);
            assert_string_equal(buf_text(&out), rows[i].path);
        } else if (!err) {
            fail_msg("%s became %s", rows[i].template, buf_text(&out));
        }
        error_free(err);
        buf_free(&out);
        json_decref(parameters);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_reaches_what_its_url_names_and_nothing_behind_it),
        cmocka_unit_test(shares_are_read_to_a_hundredth_of_a_percent),
        cmocka_unit_test(a_route_is_method_template_and_conditions),
        cmocka_unit_test(types_of_parameters_hold_to_the_letter),
        cmocka_unit_test(answers_differ_where_they_differ),
        cmocka_unit_test(a_path_for_a_back_end_is_encoded_and_stays_below_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
