/* adapters/http/sign.h: signatures of webhooks, held against the example of the Standard Webhooks specification. */
#include "adapters/http/sign.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char body[] = "{\"test\": 2432232314}";
static const char signature[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

static void the_example_of_the_specification_is_signed_as_it_says(void **state) {
    (void)state;
    buf made = BUF_MAX(256);
    assert_null(sign_webhook(span_of(secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, span_of(body), -1, 0, &made));
    assert_string_equal(buf_text(&made), signature);
    buf_free(&made);
}

static void a_body_in_a_file_is_signed_like_one_in_memory(void **state) {
    (void)state;
    buf made = BUF_MAX(256);
    int fd = memfd_create("body", MFD_CLOEXEC);
    assert_int_equal(write(fd, body, strlen(body)), (ssize_t)strlen(body));
    assert_null(
        sign_webhook(span_of(secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, SPAN(""), fd, strlen(body), &made));
    assert_string_equal(buf_text(&made), signature);
    buf_clear(&made);
    error *err = sign_webhook(span_of(secret), "x", 1, SPAN(""), fd, strlen(body) + 1, &made);
    assert_non_null(err);
    error_free(err);
    buf_free(&made);
    close(fd);
}

static void a_secret_is_whsec_and_24_to_64_bytes(void **state) {
    (void)state;
    static const char *const bad[] = {"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!", "whsec_YWJj"};
    assert_null(sign_check_secret(span_of(secret)));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        error *err = sign_check_secret(span_of(bad[i]));
        assert_non_null(err);
        error_free(err);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_specification_is_signed_as_it_says),
        cmocka_unit_test(a_body_in_a_file_is_signed_like_one_in_memory),
        cmocka_unit_test(a_secret_is_whsec_and_24_to_64_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
