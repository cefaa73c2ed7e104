/* core/base/network.h: Internet addresses and networks as texts. */
#include "core/base/network.h"

#include <setjmp.h>
#include <stdarg.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

static void networks_hold_what_lies_in_them(void **state) {
    (void)state;
    static const struct {
        const char *network, *address;
        bool inside;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/9", "10.128.0.0", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.8", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true}, /* the same address by another name */
        {"::/0", "10.1.2.3", true},
        {"10.0.0.0/8", "10.0.0.1x", false},
        {"10.0.0.0/8", "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        network n;
        assert_null(network_parse(span_of(rows[i].network), &n));
        if (network_holds_text(&n, span_of(rows[i].address)) != rows[i].inside)
            fail_msg("%s in %s", rows[i].address, rows[i].network);
    }
}

static void what_is_no_network_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "10", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.256", "::1/129",
        "example.com", "10.0.0.0/8/8", "010.0.0.1", " 10.0.0.1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        network n;
        error *err = network_parse(span_of(bad[i]), &n);
        if (!err) fail_msg("%s was taken", bad[i]);
        error_free(err);
    }
}

static bool is_public(const char *text) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) return network_is_public((const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return network_is_public((const struct sockaddr *)&v6);
}

/* SR-01 */
static void only_addresses_of_the_internet_are_public(void **state) {
    (void)state;
    static const char *const inside[] = {"127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.31.255.255",
        "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1",
        "::", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "ff02::1",
        "2002:7f00:1::", "::127.0.0.1", "64:ff9b:1::1", "100::1", "2001:db8::1", "fec0::1", "4000::1"};
    static const char *const outside[] = {"8.8.8.8", "172.32.0.1", "1.1.1.1", "2606:4700::1111", "2a00:1450::1"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        if (is_public(inside[i])) fail_msg("%s was called public", inside[i]);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        if (!is_public(outside[i])) fail_msg("%s was not called public", outside[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_hold_what_lies_in_them),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(only_addresses_of_the_internet_are_public),
    };
    return cmocka_run_group_tests_name("base network", tests, NULL, NULL);
}
