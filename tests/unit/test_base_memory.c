/* core/base/memory.h and buf.h: allocation that never fails, arenas, and buffers with a maximum. */
#include "core/base/buf.h"
#include "core/base/memory.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- buffers ---- */

static void a_buffer_is_always_terminated_and_keeps_nul_bytes(void **state) {
    (void)state;
    buf b = BUF_MAX(100);
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(buf_span(&b).len, 0);
    buf_add(&b, SPAN("a\0b"));
    buf_add_char(&b, 'c');
    buf_add_text(&b, "d");
    buf_printf(&b, "%03d", 7);
    assert_true(span_equal(buf_span(&b), SPAN("a\0bcd007")));
    assert_int_equal(b.data[b.len], '\0');
    buf_add(&b, (span){NULL, 0});
    assert_int_equal(b.len, 8);
    buf_free(&b);
    assert_null(b.data);
    assert_int_equal(b.maximum, 100);
}

static void what_passes_the_maximum_is_dropped_and_told_once_at_the_end(void **state) {
    (void)state;
    buf b = BUF_MAX(5);
    buf_add_text(&b, "abc");
    assert_null(buf_check(&b, "it"));
    buf_add_text(&b, "def");
    assert_string_equal(buf_text(&b), "abcde");
    buf_add_char(&b, 'x');
    buf_printf(&b, "%s", "y");
    assert_int_equal(b.len, 5);
    error *err = buf_check(&b, "the answer");
    assert_int_equal(error_code_of(err), ERROR_LIMIT);
    assert_string_equal(error_text(err), "the answer is larger than 5 bytes");
    error_free(err);
    buf_clear(&b);
    assert_null(buf_check(&b, "it"));
    assert_string_equal(buf_text(&b), "");
    buf_free(&b);
}

static void a_buffer_grows_to_exactly_its_maximum(void **state) {
    (void)state;
    static const size_t maxima[] = {0, 1, 63, 64, 65, 127, 128, 1000, 4096};
    for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
        buf b = BUF_MAX(maxima[i]);
        for (size_t k = 0; k < maxima[i]; k++)
            buf_add_char(&b, 'x');
        assert_false(b.overflow);
        assert_int_equal(b.len, maxima[i]);
        assert_null(buf_reserve(&b, 1));
        assert_true(b.overflow);
        buf_free(&b);
    }
}

static void a_buffer_without_a_limit_still_grows(void **state) {
    (void)state;
    buf b = BUF_MAX(SIZE_MAX);
    for (int i = 0; i < 1000; i++)
        buf_add_text(&b, "0123456789");
    assert_int_equal(b.len, 10000);
    assert_null(buf_reserve(&b, SIZE_MAX - 10000));
    buf_free(&b);
}

static void a_buffer_that_expects_much_keeps_its_content_and_its_maximum(void **state) {
    (void)state;
    static const size_t expected[] = {0, 100, 16 << 20, SIZE_MAX};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        buf b = BUF_MAX(20 << 20);
        buf_add_text(&b, "before");
        buf_expect(&b, expected[i]);
        assert_true(expected[i] < 16 << 20 || b.capacity >= 16 << 20);
        while (b.len < b.maximum)
            buf_add_text(&b, "0123456789");
        assert_memory_equal(b.data, "before0123456789", 16);
        assert_false(b.overflow && b.len != b.maximum);
        assert_null(buf_reserve(&b, 1));
        buf_free(&b);
    }
}

static void consuming_drops_bytes_from_the_front(void **state) {
    (void)state;
    buf b = BUF_MAX(100);
    buf_consume(&b, 0);
    buf_add_text(&b, "abcdef");
    buf_consume(&b, 2);
    assert_string_equal(buf_text(&b), "cdef");
    buf_consume(&b, 4);
    assert_string_equal(buf_text(&b), "");
    buf_free(&b);
}

static void reserved_room_is_filled_by_the_caller(void **state) {
    (void)state;
    buf b = BUF_MAX(10);
    char *room = buf_reserve(&b, 10);
    assert_non_null(room);
    memcpy(room, "0123456789", 10);
    buf_grew(&b, 4);
    assert_string_equal(buf_text(&b), "0123");
    buf_free(&b);
}

static void taking_passes_the_memory_on_and_is_never_null(void **state) {
    (void)state;
    buf b = BUF_MAX(10);
    size_t len = 9;
    char *empty = buf_take(&b, &len);
    assert_string_equal(empty, "");
    assert_int_equal(len, 0);
    buf_add_text(&b, "abc");
    char *text = buf_take(&b, NULL);
    assert_string_equal(text, "abc");
    assert_int_equal(b.len, 0);
    assert_string_equal(buf_text(&b), "");
    free(empty);
    free(text);
}

/* ---- arenas ---- */

static void arena_memory_is_zeroed_aligned_and_apart(void **state) {
    (void)state;
    arena *a = arena_new(64u << 20);
    char *before = NULL;
    for (size_t size = 1; size < 10000; size = size * 3 / 2 + 1) {
        char *memory = arena_alloc(a, size);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 'x', size);
        if (before) assert_int_equal(*before, 'x');
        before = memory;
    }
    char *large = arena_alloc(a, 5u << 20);
    large[(5u << 20) - 1] = 1;
    arena_free(a);
    arena_free(NULL);
}

static void arena_copies_live_as_long_as_the_arena(void **state) {
    (void)state;
    arena *a = arena_new(1000);
    char source[] = "a\0b";
    span copy = arena_copy(a, span_make(source, 3));
    char *text = arena_strdup(a, "text"), *printed = arena_printf(a, "%d-%s", 7, "x");
    source[0] = 'z';
    assert_true(span_equal(copy, SPAN("a\0b")));
    assert_string_equal(text, "text");
    assert_string_equal(printed, "7-x");
    assert_string_equal(arena_spandup(a, (span){NULL, 0}), "");
    assert_true(arena_used(a) > 0 && arena_used(a) < 100);
    arena_free(a);
}

/* ---- out of memory ---- */

/* The signal that ends a process which does `act`. */
static int signal_of(void (*act)(void)) {
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        act();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void overflow_the_count(void) {
    free(xcalloc(SIZE_MAX / 2, 3));
}

static void overflow_the_array(void) {
    free(xreallocarray(NULL, SIZE_MAX / 2, 3));
}

static void pass_the_arena_s_maximum(void) {
    arena *a = arena_new(100);
    arena_alloc(a, 60);
    arena_alloc(a, 60);
}

static void ask_an_arena_for_everything(void) {
    arena_alloc(arena_new(SIZE_MAX), SIZE_MAX - 4);
}

static void out_of_memory_ends_the_process(void **state) {
    (void)state;
    assert_int_equal(signal_of(pass_the_arena_s_maximum), SIGABRT);
    assert_int_equal(signal_of(ask_an_arena_for_everything), SIGABRT);
#ifndef __SANITIZE_ADDRESS__ /* which ends the process by itself */
    assert_int_equal(signal_of(overflow_the_count), SIGABRT);
    assert_int_equal(signal_of(overflow_the_array), SIGABRT);
#else
    (void)overflow_the_count;
    (void)overflow_the_array;
#endif
}

static void copies_of_nothing_are_empty_texts(void **state) {
    (void)state;
    char *a = xspandup((span){NULL, 0}), *b = xstrdup(""), *c = xasprintf("%s", "");
    assert_string_equal(a, "");
    assert_string_equal(b, "");
    assert_string_equal(c, "");
    free(a);
    free(b);
    free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_is_always_terminated_and_keeps_nul_bytes),
        cmocka_unit_test(what_passes_the_maximum_is_dropped_and_told_once_at_the_end),
        cmocka_unit_test(a_buffer_grows_to_exactly_its_maximum),
        cmocka_unit_test(a_buffer_without_a_limit_still_grows),
        cmocka_unit_test(a_buffer_that_expects_much_keeps_its_content_and_its_maximum),
        cmocka_unit_test(consuming_drops_bytes_from_the_front),
        cmocka_unit_test(reserved_room_is_filled_by_the_caller),
        cmocka_unit_test(taking_passes_the_memory_on_and_is_never_null),
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(arena_copies_live_as_long_as_the_arena),
        cmocka_unit_test(out_of_memory_ends_the_process),
        cmocka_unit_test(copies_of_nothing_are_empty_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
