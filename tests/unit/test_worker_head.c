/* Unit tests of core/worker/head.h. */
#include "core/base/memory.h"
#include "core/worker/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_no_error(error *err) {
    if (err) fail_msg("%s", error_text(err));
}

/* Of just that size, so that a sanitizer sees who reads beyond it. */
static char *copy_of(const char *bytes, size_t len) {
    char *copy = xmalloc(len + (len == 0));
    memcpy(copy, bytes, len);
    return copy;
}

static span bytes_of(const json_t *value) {
    size_t size = head_size(value);
    char *bytes = xmalloc(size);
    assert_ptr_equal(head_write(bytes, value), bytes + size);
    return span_make(bytes, size);
}

static void what_was_written_is_read(void **state) {
    (void)state;
    static const char *const rows[] = {"{}", "[]", "null", "true", "false", "\"\"", "\"Grüße ✓\"", "0", "-1",
        "9223372036854775807", "-9223372036854775808", "0.1", "-1e300", "[[],{},[null,[true]]]",
        "{\"z\":1,\"a\":{\"\":[1,2.5,\"x\"]},\"m\":null}", "\"a\\nb\\\"c\\u0001\""};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *value, *read;
        assert_no_error(json_parse(span_of(rows[i]), &value));
        span bytes = bytes_of(value);
        assert_no_error(head_read(bytes, &read));
        char *before = json_text(value, false), *after = json_text(read, false);
        assert_string_equal(before, after); /* the order of members, too */
        free(before);
        free(after);
        free((char *)(uintptr_t)bytes.data);
        json_decref(value);
        json_decref(read);
    }
}

static void expect_malformed(span bytes, const char *words) {
    json_t *read;
    error *err = head_read(bytes, &read);
    assert_non_null(err);
    assert_null(read);
    assert_int_equal(error_code_of(err), ERROR_INVALID);
    if (!strstr(error_text(err), words)) fail_msg("\"%s\" does not say \"%s\"", error_text(err), words);
    error_free(err);
}

static void what_a_hostile_worker_writes_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *words;
    } rows[] = {
        {"", 0, "ends too early"},
        {"x", 1, "no kind"},
        {"nn", 2, "something follows"},
        {"i\1\2\3", 4, "ends too early"},
        {"r\0\0\0\0\0\0\xf0\x7f", 9, "a number is none"},
        {"s\5\0\0\0abcd", 9, "ends too early"},
        {"s\xff\xff\xff\xff", 5, "ends too early"},
        {"s\2\0\0\0a\0", 7, "NUL"},
        {"s\2\0\0\0\xc3\x28", 7, "not UTF-8"},
        {"a\xff\xff\xff\xff", 5, "ends too early"},
        {"a\2\0\0\0n", 6, "ends too early"},
        {"o\xff\xff\xff\xff", 5, "ends too early"},
        {"o\1\0\0\0\1\0\0\0a", 10, "ends too early"},
        {"o\1\0\0\0\1\0\0\0\xffn", 11, "not UTF-8"},
        {"o\1\0\0\0\2\0\0\0a\0n", 12, "NUL"},
        {"o\2\0\0\0\1\0\0\0an\1\0\0\0at", 17, "stands twice"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_malformed(span_make(rows[i].bytes, rows[i].len), rows[i].words);
}

static void nesting_is_bounded(void **state) {
    (void)state;
    enum { LEVELS = 100000, LEVEL_BYTES = 5 };
    char *bytes = xcalloc(LEVELS, LEVEL_BYTES);
    for (size_t i = 0; i < LEVELS; i++)
        memcpy(bytes + i * LEVEL_BYTES, "a\1\0\0\0", LEVEL_BYTES);
    expect_malformed(span_make(bytes, (size_t)LEVELS * LEVEL_BYTES), "nested too deep");
    free(bytes);
}

/* Every truncation is refused, every flipped byte is refused or gives a value, in bounds either way. */
static void no_damage_is_read_beyond_its_end(void **state) {
    (void)state;
    json_t *value, *read;
    assert_no_error(
        json_parse(SPAN("{\"id\":\"01a2\",\"list\":[1,2.5,null,{\"a\":true}],\"text\":\"Grüße\"}"), &value));
    span whole = bytes_of(value);
    for (size_t len = 0; len < whole.len; len++) {
        char *cut = copy_of(whole.data, len);
        expect_malformed(span_make(cut, len), "");
        free(cut);
    }
    char *damaged = copy_of(whole.data, whole.len);
    for (size_t at = 0; at < whole.len; at++) {
        for (int flip = 1; flip < 256; flip++) {
            damaged[at] = (char)(whole.data[at] ^ flip);
            error_free(head_read(span_make(damaged, whole.len), &read));
            json_decref(read);
        }
        damaged[at] = whole.data[at];
    }
    free(damaged);
    free((char *)(uintptr_t)whole.data);
    json_decref(value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(what_a_hostile_worker_writes_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(no_damage_is_read_beyond_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
