/* tests/unit/test_http_mail.c: which texts are addresses that mail can be sent from and to. */
#include "core/http/mail_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void an_address_is_a_name_an_at_and_a_place(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"desk@acme.example", true},
        {"edi.desk+po=1@mail.acme.example", true},
        {"a@b", true},
        {"", false},
        {"desk", false},
        {"@acme.example", false},
        {"desk@", false},
        {"de@sk@acme.example", false},
        {"desk acme@acme.example", false},
        {"Desk <desk@acme.example>", false},
        {"a@b.example,c@d.example", false},
        {"a@b.example\r\nBcc: all@b.example", false},
        {"\xc3\xbc@acme.example", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        error *err = mail_check_address(rows[i].text);
        if (!err != rows[i].good) fail_msg("\"%s\" is judged wrong", rows[i].text);
        error_free(err);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_a_name_an_at_and_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
