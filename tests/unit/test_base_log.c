/* core/base/log.h: one line a fact, whatever a partner put into it. */
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int kept_stderr, pipe_fds[2];

static void catch_stderr(void) {
    kept_stderr = dup(STDERR_FILENO);
    assert_int_equal(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
    dup2(pipe_fds[1], STDERR_FILENO);
}

/* What was logged since, at most a pipe's worth. */
static const char *caught(void) {
    static char text[8192];
    ssize_t n = read(pipe_fds[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return text;
}

static void a_text_line_has_time_level_process_and_text(void **state) {
    (void)state;
    log_setup("desk", LOG_INFO, false);
    catch_stderr();
    log_debug("hidden");
    log_warning("order %d \"late\"", 7);
    const char *line = caught();
    assert_null(strstr(line, "hidden"));
    assert_non_null(strstr(line, "Z warning desk["));
    assert_non_null(strstr(line, "] order 7 \"late\"\n"));
}

static void control_characters_never_make_a_second_line(void **state) {
    (void)state;
    log_setup("desk", LOG_INFO, false);
    catch_stderr();
    log_info("a\nb\r\x1b[2J\x7f");
    const char *line = caught();
    assert_non_null(strstr(line, "a\\u000ab\\u000d\\u001b[2J\\u007f\n"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void a_json_line_is_valid_json_whatever_it_holds(void **state) {
    (void)state;
    static const char *const rows[] = {"plain", "quote \" backslash \\ slash /", "\x01\x1f\x7f",
        "\xC3\xA4 \xF0\x9F\x98\x80", "broken \xE4\xFF bytes", "cut \xC3"};
    log_setup("desk", LOG_DEBUG, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        catch_stderr();
        log_error("%s", rows[i]);
        json_t *value;
        const char *line = caught();
        error *err = json_parse(span_trim(span_of(line)), &value);
        if (err) fail_msg("%s: %s", line, error_text(err));
        assert_string_equal(json_get_text(value, "level", ""), "error");
        assert_string_equal(json_get_text(value, "process", ""), "desk");
        json_decref(value);
    }
    log_setup("desk", LOG_INFO, false);
}

static void long_values_are_cut_to_one_line_of_valid_json(void **state) {
    (void)state;
    log_setup("desk", LOG_INFO, true);
    for (size_t length = 2000; length < 2100; length++) {
        char *text = xmalloc(length + 3);
        memset(text, 'x', length);
        memcpy(text + length, "\xC3\xA4", 3);
        catch_stderr();
        log_info("%s", text);
        json_t *value;
        error *err = json_parse(span_trim(span_of(caught())), &value);
        if (err) fail_msg("%zu: %s", length, error_text(err));
        json_decref(value);
        free(text);
    }
    log_setup("desk", LOG_INFO, false);
}

static void a_failure_is_logged_with_its_place_and_freed(void **state) {
    (void)state;
    log_setup("desk", LOG_INFO, false);
    catch_stderr();
    log_failure(LOG_ERROR, "nothing", NULL);
    log_failure(LOG_ERROR, "delivery", error_at(error_new(ERROR_DENIED, "no"), "PO1.2"));
    log_failure(LOG_ERROR, "delivery", error_new(ERROR_DENIED, "no"));
    const char *lines = caught();
    assert_null(strstr(lines, "nothing"));
    assert_non_null(strstr(lines, "delivery: no (PO1.2)\n"));
    assert_non_null(strstr(lines, "delivery: no\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_line_has_time_level_process_and_text),
        cmocka_unit_test(control_characters_never_make_a_second_line),
        cmocka_unit_test(a_json_line_is_valid_json_whatever_it_holds),
        cmocka_unit_test(long_values_are_cut_to_one_line_of_valid_json),
        cmocka_unit_test(a_failure_is_logged_with_its_place_and_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
