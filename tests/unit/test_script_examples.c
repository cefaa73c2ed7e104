/* tests/unit/test_script_examples.c: the examples of the library's description do what it says they do.
 *
 * In scripts-lua/reference an indented line below a function is an example: Lua, "-->", and what it gives. Lines that
 * begin with "# " say what the examples below them stand on: "# sample: TEXT" is the message's body (\n in it is a line
 * break), "# given: LUA" runs first, "# calls: JSON" answers in the place of other systems.
 */
#include "core/base/embedded.h"
#include "core/base/io.h"
#include "tests/unit/script_fixture.h"

#include <unistd.h>

extern const embedded_file embedded_reference[];

typedef struct page_reader {
    const char *module;
    span rest, line;
    buf sample, given, calls, script;
    size_t number;
} page_reader;

static const char preface[] =
    "local edi, json, xml, csv, record = require 'edi', require 'json', require 'xml', require 'csv', require "
    "'record'\n"
    "local decimal, date, text, uuid = require 'decimal', require 'date', require 'text', require 'uuid'\n"
    "local lookup, hash, check, log, connection = require 'lookup', require 'hash', require 'check', require 'log', "
    "require 'connection'\n"
    "local function show(value)\n"
    "  if value == json.null then return 'null' end\n"
    "  if type(value) == 'string' then\n"
    "    return '\"' .. value:gsub('[%c\\\\\"\\x80-\\xFF]', function(c)\n"
    "      if c == '\\n' then return '\\\\n' elseif c == '\\r' then return '\\\\r' end\n"
    "      if c == '\\\\' or c == '\"' then return '\\\\' .. c end\n"
    "      if c:byte() >= 0x80 and utf8.len(value) then return c end\n"
    "      return string.format('\\\\x%02X', c:byte())\n"
    "    end) .. '\"'\n"
    "  end\n"
    "  if type(value) ~= 'table' then return tostring(value) end\n"
    "  local parts, names = {}, {}\n"
    "  for i = 1, #value do parts[i] = show(value[i]) end\n"
    "  for name in pairs(value) do if type(name) == 'string' then names[#names + 1] = name end end\n"
    "  table.sort(names)\n"
    "  for _, name in ipairs(names) do\n"
    "    parts[#parts + 1] = (name:find('^[%a_][%w_]*$') and name or '[' .. show(name) .. ']') .. ' = ' .. "
    "show(value[name])\n"
    "  end\n"
    "  return '{' .. table.concat(parts, ', ') .. '}'\n"
    "end\n";

static bool take(span line, const char *prefix, buf *into) {
    if (!span_starts(line, span_of(prefix))) return false;
    buf_clear(into);
    for (size_t i = strlen(prefix); i < line.len; i++) {
        bool breaks = line.data[i] == '\\' && i + 1 < line.len && line.data[i + 1] == 'n';
        buf_add_char(into, breaks ? '\n' : line.data[i]);
        i += breaks;
    }
    return true;
}

/* The next example of the page, in two parts; false at its end. */
static bool next_example(page_reader *page, span *code, span *shown) {
    while (span_split(&page->rest, '\n', &page->line)) {
        page->number++;
        if (take(page->line, "# sample: ", &page->sample) || take(page->line, "# given: ", &page->given) ||
            take(page->line, "# calls: ", &page->calls) || take(page->line, "# script: ", &page->script))
            continue;
        if (!span_starts(page->line, SPAN("  "))) continue;
        const char *arrow = memmem(page->line.data, page->line.len, " --> ", 5);
        if (!arrow) fail_msg("%s.txt:%zu: an example without -->", page->module, page->number);
        *code = span_trim(span_make(page->line.data, (size_t)(arrow - page->line.data)));
        *shown = span_make(arrow + 5, (size_t)(page->line.data + page->line.len - arrow) - 5);
        return true;
    }
    return false;
}

static page_reader open_page(const embedded_file *file) {
    return (page_reader){.module = file->path,
        .rest = embedded_span(file),
        .sample = BUF_MAX(65536),
        .given = BUF_MAX(65536),
        .calls = BUF_MAX(65536),
        .script = BUF_MAX(65536)};
}

static void close_page(page_reader *page) {
    buf_free(&page->sample);
    buf_free(&page->given);
    buf_free(&page->calls);
    buf_free(&page->script);
}

/* "main.lua:7: words; …" without the place. */
static const char *words_of(const char *text) {
    const char *colon = strncmp(text, "main.lua:", 9) == 0 ? strstr(text, ": ") : NULL;
    return colon ? colon + 2 : text;
}

static char *run_example(const page_reader *page, span code) {
    bool statements = memmem(code.data, code.len, "return ", 7) != NULL;
    char *source = xasprintf("%slocal M = {}\nfunction M.translate(message)\nlocal _ = message\n%s\n"
                             "return {body = show((function() %s%.*s end)())}\nend\nreturn M\n",
        preface, buf_text(&page->given), statements ? "" : "return ", (int)code.len, code.data);
    json_t *call = json_pack("{s:s, s:{s:s}}", "function", "translate", "message", "filename", "order.txt");
    if (page->calls.len) json_object_set_new(call, "mocks", json_string(buf_text(&page->calls)));
    char *call_text = json_dumps(call, 0), *shown = NULL;
    script_outcome out;
    error *err = fixture_run(source, call_text, buf_text(&page->sample), &out);
    const json_t *rejected = json_get_object(out.result, "rejected");
    const json_t *logged = json_array_get(json_object_get(out.result, "log"), 0);
    if (err)
        shown = xasprintf("error: %s", words_of(error_text(err)));
    else if (rejected)
        shown = xasprintf("rejected: %s", json_get_text(rejected, "reason", ""));
    else if (logged)
        shown = xasprintf("logged: %s: %s", json_get_text(logged, "level", ""), json_get_text(logged, "text", ""));
    else
        shown = xstrdup(out.payload_count ? buf_text(&out.payloads[0]) : "nothing");
    error_free(err);
    script_outcome_free(&out);
    free(call_text);
    json_decref(call);
    free(source);
    return shown;
}

static void every_example_gives_what_stands_behind_it(void **state) {
    (void)state;
    size_t wrong = 0, count = 0;
    for (const embedded_file *file = embedded_reference; file->path; file++) {
        page_reader page = open_page(file);
        span code, expected;
        while (strcmp(file->path, "test.txt") != 0 && next_example(&page, &code, &expected)) {
            char *shown = run_example(&page, code);
            count++;
            if (!span_is(expected, shown)) {
                wrong++;
                print_error("%s:%zu: %.*s --> %s\n", file->path, page.number, (int)code.len, code.data, shown);
            }
            free(shown);
        }
        close_page(&page);
    }
    if (wrong) fail_msg("%zu of %zu examples give something else than they say", wrong, count);
    assert_true(count > 100);
}

/* Each is a case of its own, in a test beside a script; it passes, or fails with the words behind "fails: ". */
static void every_example_of_the_tests_passes_or_fails_as_it_says(void **state) {
    (void)state;
    char directory[] = "/tmp/banyan-script-examples-XXXXXX";
    assert_non_null(mkdtemp(directory));
    const embedded_file *file = embedded_reference;
    while (file->path && strcmp(file->path, "test.txt") != 0)
        file++;
    page_reader page = open_page(file);
    span code, expected;
    char *path = xasprintf("%s/main_test.lua", directory), *sample = xasprintf("%s/order.txt", directory);
    while (next_example(&page, &code, &expected)) {
        size_t passed = 0, failed = 0;
        buf text = BUF_MAX(65536);
        buf_printf(&text, "local test = require 'test'\n%.*s\n", (int)code.len, code.data);
        if (!span_starts(code, SPAN("test.case("))) {
            buf_clear(&text);
            buf_printf(&text, "local test = require 'test'\ntest.case('it', function()\n%.*s\nend)\n", (int)code.len,
                code.data);
        }
        FILE *out = fopen(path, "w");
        fputs(buf_text(&text), out);
        fclose(out);
        out = fopen(sample, "w");
        fputs(buf_text(&page.sample), out);
        fclose(out);
        fixture_main = buf_text(&page.script);
        char *tap = NULL;
        size_t len = 0;
        out = open_memstream(&tap, &len);
        const script_test_options options = {.directory = directory, .tap = out};
        assert_null(script_test(fixture_host, "main", &options, &passed, &failed));
        fclose(out);
        span words = span_starts(expected, SPAN("fails: ")) ? span_make(expected.data + 7, expected.len - 7) : expected;
        bool as_said = failed == 0 ? span_is(expected, "passes") && passed > 0
                                   : words.len < expected.len && memmem(tap, len, words.data, words.len);
        if (!as_said) fail_msg("test.txt:%zu: %.*s gives\n%s", page.number, (int)code.len, code.data, tap);
        free(tap);
        buf_free(&text);
    }
    unlink(path);
    unlink(sample);
    rmdir(directory);
    free(path);
    free(sample);
    close_page(&page);
}

/* What is a function and belongs to the library; what requests and answers have is told by PRODUCT's contract. */
static bool wants_example(span line) {
    size_t len = strcspn(line.data, "({ |\n");
    return len < line.len && memmem(line.data, line.len, " | ", 3) &&
           (line.data[len] == '(' || line.data[len] == '{') && !span_starts(line, SPAN("req"));
}

static void every_function_has_an_example(void **state) {
    (void)state;
    for (const embedded_file *file = embedded_reference; file->path; file++) {
        span rest = embedded_span(file), line, open = {NULL, 0};
        while (span_split(&rest, '\n', &line)) {
            if (span_starts(line, SPAN("  "))) open.len = 0;
            if (line.len == 0 || line.data[0] == ' ' || line.data[0] == '#') continue;
            if (open.len) fail_msg("%s: %.*s: no example", file->path, (int)open.len, open.data);
            open = wants_example(line) ? line : (span){NULL, 0};
        }
        if (open.len) fail_msg("%s: %.*s: no example", file->path, (int)open.len, open.data);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_gives_what_stands_behind_it),
        cmocka_unit_test(every_example_of_the_tests_passes_or_fails_as_it_says),
        cmocka_unit_test(every_function_has_an_example),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
