/* tests/unit/test_script_library.c: hashes, UUIDs, time zones, XPath and XML Schema; and that the library's description
 * names what is there, no more and no less. */
#include "core/base/embedded.h"
#include "tests/unit/script_fixture.h"

extern const embedded_file embedded_reference[], embedded_lua[];

static void hashes_are_those_of_the_standards(void **state) {
    (void)state;
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        /* FIPS 180-4 examples */
        {"hash.sha1('abc')", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"hash.sha256('abc')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"hash.sha256('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"hash.sha512('abc'):sub(1, 16)", "ddaf35a193617aba"},
        {"hash.sha384('abc'):sub(1, 16)", "cb00753f45a35e8b"},
        /* RFC 4231 cases 1, 2 and 6 */
        {"hash.hmac(('\\x0b'):rep(20), 'Hi There')",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"hash.hmac('', '')", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
        {"hash.hmac('Jefe', 'what do ya want for nothing?', 'sha512'):sub(1, 16)", "164b7a7bfcf819e2"},
        {"hash.hmac(('\\xaa'):rep(131), 'Test Using Larger Than Block-Size Key - Hash Key First')",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {"('%08x'):format(hash.crc32('123456789'))", "cbf43926"},
        {"hash.base64('f\\xff\\0')", "Zv8A"},
        {"hash.from_base64('Zg==')", "f"},
        {"hash.base64url('\\xff\\xfe')", "__4"},
        {"hash.from_base64url('__4') == '\\xff\\xfe'", "true"},
        {"select(2, pcall(hash.from_base64, 'Zg'))", "the text is not base64"},
        {"hash.hex('\\0\\xAB')", "00ab"},
        {"hash.from_hex('00aB') == '\\0\\xAB'", "true"},
        {"select(2, pcall(hash.from_hex, '0g'))", "hash.from_hex: there is no digit at 1"},
        {"select(2, pcall(hash.from_hex, '0'))", "hash.from_hex: the text has an odd number of digits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *statements = xasprintf("local hash = require 'hash' return %s", cases[i].expression);
        expect_result(statements, "", cases[i].expected);
        free(statements);
    }
}

static void a_message_gets_the_same_uuids_when_it_is_tried_again(void **state) { /* LU-24 */
    (void)state;
    static const char source[] =
        M("local uuid = require 'uuid'\nfunction M.translate() return {body = uuid.v4() .. ' ' .. uuid.v4()} end");
    char *first = fixture_text(source, "{\"message\":{\"id\":\"one\"}}", "x");
    char *again = fixture_text(source, "{\"message\":{\"id\":\"one\"}}", "x");
    char *other = fixture_text(source, "{\"message\":{\"id\":\"two\"}}", "x");
    char *document = fixture_text(source, "{\"message\":{\"id\":\"one\",\"document\":1}}", "x");
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    assert_string_not_equal(first, document);
    assert_memory_not_equal(first, first + 37, 36); /* two of one run differ */
    assert_int_equal(first[14], '4');
    assert_non_null(strchr("89ab", first[19]));
    free(first);
    free(again);
    free(other);
    free(document);
    expect_result("return require('uuid').v5('dns', 'www.example.com')", "", "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    expect_result("return require('uuid').v7():sub(1, 15)", "", "01a20930-c23b-7");
    expect_result("local u = require('uuid') return tostring(u.is(u.v7())) .. tostring(u.is('x')) .. tostring(u.is(1))",
        "", "truefalsefalse");
    expect_result("return (select(2, pcall(require('uuid').v5, 'x', 'y')))", "",
        "bad argument #1 to '?' (a UUID, or dns, url, oid or x500 was expected)");
}

static void moments_go_to_time_zones_and_back(void **state) {
    (void)state;
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"date.to_zone('2026-11-23T16:15:20Z', 'Europe/Berlin')", "2026-11-23T17:15:20+01:00"},
        {"date.to_zone('2026-07-01T12:00:00Z', 'America/New_York')", "2026-07-01T08:00:00-04:00"},
        {"date.to_zone('2026-03-29T00:59:59Z', 'Europe/Berlin')", "2026-03-29T01:59:59+01:00"},
        {"date.to_zone('2026-03-29T01:00:00Z', 'Europe/Berlin')", "2026-03-29T03:00:00+02:00"},
        {"date.to_zone('2026-10-25T01:00:00Z', 'Europe/Berlin')", "2026-10-25T02:00:00+01:00"},
        {"date.to_zone('2026-01-01T00:00:00Z', 'Asia/Kolkata')", "2026-01-01T05:30:00+05:30"},
        {"date.to_zone('2026-01-01T00:00:00Z', 'America/St_Johns')", "2025-12-31T20:30:00-03:30"},
        {"date.to_zone('2026-01-15T00:00:00Z', 'Australia/Sydney')", "2026-01-15T11:00:00+11:00"},
        {"date.to_zone('2026-07-01T00:00:00Z', 'Europe/Dublin')", "2026-07-01T01:00:00+01:00"},
        {"date.to_zone('2026-07-01T02:00:00+02:00', 'UTC')", "2026-07-01T00:00:00+00:00"},
        {"date.to_utc('2026-11-23T17:15:20', 'Europe/Berlin')", "2026-11-23T16:15:20Z"},
        {"date.to_utc('2026-11-23T17:15', 'Europe/Berlin')", "2026-11-23T16:15:00Z"},
        {"date.to_utc('2026-10-25T02:30:00', 'Europe/Berlin')", "2026-10-25T00:30:00Z"}, /* the first of the two */
        {"date.to_utc('2026-03-29T02:30:00', 'Europe/Berlin')", "2026-03-29T01:30:00Z"}, /* is not on the clocks */
        {"date.to_utc('2026-11-23T17:15:20-05:00')", "2026-11-23T22:15:20Z"},
        {"date.epoch('1970-01-02')", "86400"},
        {"date.from_epoch(-1)", "1969-12-31T23:59:59Z"},
        {"date.epoch(date.from_epoch(1795450520))", "1795450520"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *statements = xasprintf("local date = require 'date' return %s", cases[i].expression);
        expect_result(statements, "", cases[i].expected);
        free(statements);
    }
    expect_error(M("function M.translate() return {body = require('date').to_zone('2026-01-01', 'Mars/Olympus')} end"),
        NULL, "", "main.lua:2: the time zone 'Mars/Olympus' is not known");
    expect_error(M("function M.translate() return {body = require('date').to_zone('x', 'UTC')} end"), NULL, "",
        "main.lua:2: 'x' is not a date");
}

static const char orders[] =
    "<orders xmlns:a=\"urn:a\"><a:line quantity=\"2\">x</a:line><a:line quantity=\"3\"/></orders>";

static void xpath_gives_what_it_finds(void **state) {
    (void)state;
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"xml.query(message.body, 'sum(//@quantity)')", "5"},
        {"xml.query(message.body, '1 div 4')", "0.25"},
        {"#xml.query(message.body, '//n:line', {n = 'urn:a'})", "2"},
        {"xml.query(message.body, '//n:line[@quantity > 1]', {n = 'urn:a'})[1].text", "x"},
        {"table.concat(xml.query(message.body, '//@quantity'), ',')", "2,3"},
        {"xml.query(message.body, 'count(//nothing) = 0')", "true"},
        {"xml.query(message.body, 'string(/*/*[1])')", "x"},
        {"xml.query(message.xml, 'name(/*)')", "orders"},
        {"xml.query(message.body, '//text()')[1]", "x"},
        {"select(2, pcall(xml.query, message.body, '//[')):match('xml.query.*')",
            "xml.query: '//[': Invalid expression"},
        {"select(2, pcall(xml.query, message.body, '//z:line')):match('Undef.*')", "Undefined namespace prefix"},
        {"select(2, pcall(xml.query, '<a', '//a')):match('not valid XML: line 1')", "not valid XML: line 1"},
        {"select(2, pcall(xml.query, '<!DOCTYPE a><a/>', '//a')):match('a DOCTYPE.*')", "a DOCTYPE is not accepted"},
        {"select(2, pcall(xml.query, message.body, \"document('/etc/passwd')\")):match('xml.query')", "xml.query"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *statements = xasprintf("local xml = require 'xml' return %s", cases[i].expression);
        expect_result(statements, orders, cases[i].expected);
        free(statements);
    }
}

static void a_path_that_never_ends_is_stopped(void **state) { /* LU-03 */
    (void)state;
    buf body = BUF_MAX(1 << 20);
    buf_add_text(&body, "<a>");
    for (int i = 0; i < 3000; i++)
        buf_add_text(&body, "<b/>");
    buf_add_text(&body, "</a>");
    expect_error(M("function M.translate(m)\nreturn {body = require('xml').query(m.body, "
                   "'count(//*[count(//*[count(//*) > 1]) > 1])')} end"),
        NULL, buf_text(&body), "main.lua:3: xml.query");
    buf_free(&body);
}

#define SCHEMA(inside) "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">" inside "</xs:schema>"

static void xml_is_held_against_a_schema(void **state) {
    (void)state;
    static const char schema[] = SCHEMA("<xs:element name=\"order\"><xs:complexType><xs:sequence>"
                                        "<xs:element name=\"number\" type=\"xs:int\" maxOccurs=\"unbounded\"/>"
                                        "</xs:sequence></xs:complexType></xs:element>");
    char *source = xasprintf(M("local xml = require 'xml'\nlocal schema = [[%s]]\n"
                               "function M.translate(m) xml.check(m.body, schema)\nreturn {body = 'valid'} end"),
        schema);
    char *text = fixture_text(source, NULL, "<order><number>5</number></order>");
    assert_string_equal(text, "valid");
    free(text);
    expect_rejection(source, "<order>\n<number>five</number></order>",
        "Element 'number': 'five' is not a valid value of the atomic type 'xs:int'");
    expect_rejection(source, "<order/>", "Element 'order': Missing child element");
    free(source);
    source = xasprintf(M("function M.translate(m) local list = require('xml').validate(m.body, [[%s]])\n"
                         "return {body = #list .. ' ' .. list[2].line} end"),
        schema);
    text = fixture_text(source, NULL, "<order>\n<number>a</number>\n<number>b</number></order>");
    assert_string_equal(text, "2 3");
    free(text);
    free(source);
}

static void a_schema_reaches_nothing_outside_of_itself(void **state) { /* XM-01, LU-17 */
    (void)state;
    static const char *const inside[] = {"<xs:include schemaLocation=\"/etc/passwd\"/>",
        "<xs:import namespace=\"urn:x\" schemaLocation=\"http://127.0.0.1:9/x.xsd\"/><xs:element name=\"a\" "
        "xmlns:x=\"urn:x\" type=\"x:t\"/>"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        char *source =
            xasprintf(M("function M.translate(m) return {json = require('xml').validate(m.body, [[<xs:schema "
                        "xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">%s</xs:schema>]])} end"),
                inside[i]);
        expect_error(source, NULL, "<a/>", "xml.validate: the schema");
        free(source);
    }
}

/* Is `name` told as "module.name(", "module.name{" or "module.name |"? */
static bool is_told(span page, const char *module, const char *name) {
    char *call = xasprintf("\n%s.%s", module, name);
    size_t len = strlen(call);
    bool told = false;
    for (const char *at; !told && (at = memmem(page.data, page.len, call, len));) {
        char after = at[len];
        told = after == '(' || after == '{' || after == ' ';
        page = span_make(at + len, (size_t)(page.data + page.len - at) - len);
    }
    free(call);
    return told;
}

static void every_function_of_the_library_is_described(void **state) {
    (void)state;
    for (const embedded_file *file = embedded_reference; file->path; file++) {
        char *module = xspandup(span_make(file->path, strlen(file->path) - strlen(".txt")));
        if (strcmp(module, "globals") != 0 && strcmp(module, "test") != 0) {
            char *source = xasprintf("local names = {}\nlocal m = require '%s'\nif type(m) == 'table' then for name in "
                                     "pairs(m) do names[#names + 1] = name end end\n"
                                     "return {translate = function() return {body = table.concat(names, '\\n')} end}",
                module);
            char *names = fixture_text(source, NULL, ""), *rest = names;
            for (char *name; (name = strsep(&rest, "\n"));) {
                if (*name && !is_told(embedded_span(file), module, name))
                    fail_msg("scripts-lua/reference/%s.txt does not tell of %s.%s", module, module, name);
            }
            free(names);
            free(source);
        }
        free(module);
    }
}

static void every_described_function_is_there(void **state) {
    (void)state;
    for (const embedded_file *file = embedded_reference; file->path; file++) {
        char *module = xspandup(span_make(file->path, strlen(file->path) - strlen(".txt")));
        char *page = xspandup(embedded_span(file)), *rest = page;
        for (char *line;
             strcmp(module, "globals") != 0 && strcmp(module, "test") != 0 && (line = strsep(&rest, "\n"));) {
            size_t prefix = strlen(module);
            if (strncmp(line, module, prefix) != 0 || line[prefix] != '.') continue;
            size_t len = strcspn(line + prefix + 1, "({ |");
            char *source =
                xasprintf("local m = require '%s'\nreturn {translate = function() return {body = type(m['%.*s'])} end}",
                    module, (int)len, line + prefix + 1);
            char *kind = fixture_text(source, NULL, "");
            if (strcmp(kind, "nil") == 0) fail_msg("%s is described and not there", line);
            free(kind);
            free(source);
        }
        free(page);
        free(module);
    }
    size_t modules = 0, pages = 0;
    for (const embedded_file *file = embedded_lua; file->path; file++)
        modules += !strstr(file->path, ".core.");
    for (const embedded_file *file = embedded_reference; file->path; file++)
        pages++;
    assert_true(pages > modules); /* one each, the modules in C besides */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_standards),
        cmocka_unit_test(a_message_gets_the_same_uuids_when_it_is_tried_again),
        cmocka_unit_test(moments_go_to_time_zones_and_back),
        cmocka_unit_test(xpath_gives_what_it_finds),
        cmocka_unit_test(a_path_that_never_ends_is_stopped),
        cmocka_unit_test(xml_is_held_against_a_schema),
        cmocka_unit_test(a_schema_reaches_nothing_outside_of_itself),
        cmocka_unit_test(every_function_of_the_library_is_described),
        cmocka_unit_test(every_described_function_is_there),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
