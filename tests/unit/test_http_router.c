/* tests/unit/test_http_router.c: which route answers, and which tables are refused. */
#include "test_http_support.h"

#include "core/http/router.h"

static http_router *router_of(const char *const *routes) {
    http_router *router = http_router_new();
    for (size_t i = 0; routes[i]; i++) {
        const char *blank = strchr(routes[i], ' ');
        char method[16] = "";
        memcpy(method, routes[i], (size_t)(blank - routes[i]));
        must(http_router_add(router, method, blank + 1, (void *)(uintptr_t)routes[i]));
    }
    return router;
}

static const char *const table[] = {"GET /", "GET /orders", "POST /orders", "GET /orders/{number}", "GET /orders/new",
    "PUT /orders/{number}", "GET /orders/{number}/lines/{line}", "DELETE /orders/{number}/lines/all", "* /catalog/*",
    "GET /catalog/{item}", "GET /files/{path...}", "GET /files/index", "GET /a/{x}/c", "GET /a/b/d", "GET /a/*",
    "GET /trailing/", "HEAD /head", "GET /head", NULL};

typedef struct lookup {
    const char *method, *path;
    const char *route;      /* NULL: none; else as in the table, or "Allow: ..." */
    const char *parameters; /* name=value, separated by blanks */
} lookup;

static const lookup lookups[] = {
    {"GET", "/", "GET /", ""},
    {"GET", "/orders", "GET /orders", ""},
    {"HEAD", "/orders", "GET /orders", ""},
    {"HEAD", "/head", "HEAD /head", ""},
    {"POST", "/orders", "POST /orders", ""},
    {"GET", "/orders/5", "GET /orders/{number}", "number=5"},
    {"GET", "/orders/new", "GET /orders/new", ""},
    {"PUT", "/orders/new", "PUT /orders/{number}", "number=new"},
    {"GET", "/orders/a b%/lines/7", "GET /orders/{number}/lines/{line}", "number=a b% line=7"},
    {"DELETE", "/orders/5/lines/all", "DELETE /orders/{number}/lines/all", "number=5"},
    {"GET", "/orders/5/lines/all", "GET /orders/{number}/lines/{line}", "number=5 line=all"},
    {"GET", "/catalog/x", "GET /catalog/{item}", "item=x"},
    {"PATCH", "/catalog/x", "* /catalog/*", "*=x"},
    {"GET", "/catalog/x/y/z", "* /catalog/*", "*=x/y/z"},
    {"GET", "/catalog/", "* /catalog/*", "*="},
    {"GET", "/files/a/b.txt", "GET /files/{path...}", "path=a/b.txt"},
    {"GET", "/files/index", "GET /files/index", ""},
    {"GET", "/files/index/x", "GET /files/{path...}", "path=index/x"},
    {"GET", "/a/b/c", "GET /a/{x}/c", "x=b"},
    {"GET", "/a/b/d", "GET /a/b/d", ""},
    {"GET", "/a/b/e", "GET /a/*", "*=b/e"},
    {"GET", "/trailing/", "GET /trailing/", ""},
    {"GET", "/trailing", NULL, NULL},
    {"GET", "/orders/", NULL, NULL},
    {"GET", "/catalog", NULL, NULL},
    {"GET", "/nothing", NULL, NULL},
    {"GET", "/Orders", NULL, NULL}, /* HT-21: case matters, everywhere */
    {"GET", "*", NULL, NULL},
    {"GET", "", NULL, NULL},
    {"DELETE", "/orders", "Allow: GET, HEAD, POST", NULL},
    {"PATCH", "/orders/5", "Allow: GET, HEAD, PUT", NULL},
    {"POST", "/orders/new", "Allow: GET, HEAD, PUT", NULL},
    {"BREW", "/orders", "Allow: GET, HEAD, POST", NULL},
    {"*", "/orders", "Allow: GET, HEAD, POST", NULL},
};

static void the_most_specific_route_answers(void **state) {
    (void)state;
    http_router *router = router_of(table);
    for (size_t i = 0; i < sizeof lookups / sizeof *lookups; i++) {
        const lookup *l = &lookups[i];
        http_route_match match;
        http_route_result result = http_router_find(router, span_of(l->method), span_of(l->path), &match);
        buf said = BUF_MAX(4096);
        if (result == HTTP_ROUTE_NO_METHOD) buf_printf(&said, "Allow: %s", match.allow);
        if (result == HTTP_ROUTE_FOUND) buf_add_text(&said, match.target);
        if (strcmp(buf_text(&said), l->route ? l->route : "") != 0)
            fail_msg("%s %s: %s instead of %s", l->method, l->path, buf_text(&said), l->route ? l->route : "none");
        buf_clear(&said);
        for (size_t k = 0; k < match.parameter_count; k++)
            buf_printf(&said, "%s%.*s=%.*s", k ? " " : "", (int)match.parameters[k].name.len,
                match.parameters[k].name.data, (int)match.parameters[k].value.len, match.parameters[k].value.data);
        if (result == HTTP_ROUTE_FOUND) assert_string_equal(buf_text(&said), l->parameters);
        if (result == HTTP_ROUTE_FOUND) assert_string_equal(match.path_template, strchr(l->route, ' ') + 1);
        buf_free(&said);
    }
    http_route_match match;
    assert_int_equal(http_router_find(router, SPAN("GET"), SPAN("/orders/5"), &match), HTTP_ROUTE_FOUND);
    assert_true(span_is(http_route_parameter(&match, "number"), "5"));
    assert_null(http_route_parameter(&match, "other").data);
    http_router_free(router);
}

static void routes_that_match_the_same_paths_are_refused_by_name(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"/a", "/a"}, {"/a/{x}", "/a/{y}"}, {"/a/*", "/a/{rest...}"}, {"/", "/"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        http_router *router = http_router_new();
        must(http_router_add(router, "GET", pairs[i][0], router));
        must(http_router_add(router, "POST", pairs[i][1], router));
        error *err = http_router_add(router, "GET", pairs[i][1], router);
        assert_int_equal(error_code_of(err), ERROR_CONFLICT);
        assert_non_null(strstr(error_text(err), pairs[i][0]));
        assert_non_null(strstr(error_text(err), pairs[i][1]));
        error_free(err);
        http_router_free(router);
    }
}

static void malformed_templates_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "a", "//", "/a//b", "/{}", "/{...}", "/{a}{b}", "/x{a}", "/{a", "/a}", "/*/a",
        "/{a...}/b", "/{a}/{a}", "/..", "/a/.", "/a?b", "/a#b", "/a*", "/{a b}", "/{a/b}", "/\x01"};
    http_router *router = http_router_new();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        error *err = http_router_add(router, "GET", bad[i], router);
        if (error_code_of(err) != ERROR_INVALID) fail_msg("accepted: %s", bad[i]);
        error_free(err);
    }
    error *err = http_router_add(router, "BREW", "/a", router);
    assert_int_equal(error_code_of(err), ERROR_INVALID);
    error_free(err);
    http_router_free(router);
}

static void a_deep_path_is_bounded(void **state) {
    (void)state;
    http_router *router = http_router_new();
    must(http_router_add(router, "GET", "/*", router));
    buf path = BUF_MAX(1 << 20);
    for (int i = 0; i < 10000; i++)
        buf_add_text(&path, "/a");
    http_route_match match;
    assert_int_equal(http_router_find(router, SPAN("GET"), buf_span(&path), &match), HTTP_ROUTE_FOUND);
    buf template = BUF_MAX(4096);
    for (int i = 0; i < 33; i++)
        buf_add_text(&template, "/a");
    error *err = http_router_add(router, "GET", buf_text(&template), router);
    assert_int_equal(error_code_of(err), ERROR_INVALID);
    error_free(err);
    buf_consume(&template, 2);
    must(http_router_add(router, "POST", buf_text(&template), router));
    assert_int_equal(http_router_find(router, SPAN("POST"), buf_span(&template), &match), HTTP_ROUTE_FOUND);
    buf_free(&template);
    buf_free(&path);
    http_router_free(router);
}

static void thousands_of_routes_cost_no_more_than_a_few(void **state) {
    (void)state;
    http_router *router = http_router_new();
    char text[64];
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "/service-%d/{id}/items/{item}", i);
        must(http_router_add(router, "GET", text, router));
    }
    int64_t begin = clock_monotonic_ms();
    for (int i = 0; i < 200000; i++) {
        http_route_match match;
        int len = snprintf(text, sizeof text, "/service-%d/4711/items/x", i % 5000);
        assert_int_equal(http_router_find(router, SPAN("GET"), span_make(text, (size_t)len), &match), HTTP_ROUTE_FOUND);
    }
    int64_t elapsed_ms = clock_monotonic_ms() - begin;
    print_message("%.2f us a lookup\n", (double)elapsed_ms / 200.0);
    assert_true(elapsed_ms < 200 * 20); /* a microsecond each is usual; sanitizers and a busy machine are not */
    http_router_free(router);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_route_answers),
        cmocka_unit_test(routes_that_match_the_same_paths_are_refused_by_name),
        cmocka_unit_test(malformed_templates_are_refused),
        cmocka_unit_test(a_deep_path_is_bounded),
        cmocka_unit_test(thousands_of_routes_cost_no_more_than_a_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
