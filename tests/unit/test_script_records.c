/* tests/unit/test_script_records.c: record schemas and copybooks, both ways, and how their mistakes read. */
#include "tests/unit/script_fixture.h"

/* Runs a schema (Lua statements that return a value may use `schema`) on the payload. */
static char *run_schema(const char *schema, const char *statements, const char *payload) {
    char *source = xasprintf("local record, json = require 'record', require 'json'\nlocal M = {}\n"
                             "local schema = record.%s\n"
                             "function M.translate(message) %s end\nreturn M\n",
        schema, statements);
    char *text = fixture_text(source, NULL, payload);
    free(source);
    return text;
}

static void expect_read(const char *schema, const char *payload, const char *expected) {
    char *text = run_schema(schema, "return {json = message.record(schema)}", payload);
    assert_string_equal(text, expected);
    free(text);
}

/* Read, written and read again, a file is the same. */
static void expect_same(const char *schema, const char *payload) {
    char *text = run_schema(schema, "return {body = schema:encode(schema:decode(message.body))}", payload);
    assert_string_equal(text, payload);
    free(text);
}

static void expect_fault(const char *schema, const char *payload, const char *words) {
    char *source = xasprintf("local record = require 'record'\nlocal M = {}\nlocal schema = record.%s\n"
                             "function M.translate(message) return {json = message.record(schema)} end\nreturn M\n",
        schema);
    expect_rejection(source, payload, words);
    free(source);
}

static void expect_mistake(const char *schema, const char *words) {
    char *source = xasprintf("local record = require 'record'\nlocal schema = record.%s\nreturn {}", schema);
    expect_error(source, NULL, "", words);
    free(source);
}

static void fixed_records_keep_their_types(void **state) {
    (void)state;
    static const char schema[] = "schema 'format: fixed\\nline: lf\\nsku text 6 !\\nquantity number 5\\n- text 1\\n"
                                 "price decimal 8 2\\nday date 8 ccyymmdd\\nrush flag 1 Y N\\n'";
    expect_read(schema, "ABC   00012 0000199020261123Y\nD     -0001 0000000500000000N\n",
        "[{\"day\":\"2026-11-23\",\"price\":19.90,\"quantity\":12,\"rush\":true,\"sku\":\"ABC\"},"
        "{\"price\":0.05,\"quantity\":-1,\"rush\":false,\"sku\":\"D\"}]");
    expect_same(schema, "ABC   00012 0000199020261123Y\n");
    expect_fault(
        schema, "ABC   0001x 0000199020261123Y\n", "record 1, /quantity (byte 7): '0001x' is not a whole number");
    expect_fault(schema, "ABC   00012 0000199020261323Y\n", "record 1, /day (byte 21)");
    expect_fault(schema, "ABC   00012 0000199020261123X\n", "'X' is neither Y nor N");
    expect_fault(schema, "ABC   00012\n", "the record ends after 11 bytes");
    expect_fault(schema, "\nABC   00012 0000199020261123Ymore\n", "record 2 (byte 30): has 33 bytes, 29 are described");
    expect_fault(schema, "      00012 0000199020261123Y\n", "record 1, /sku (byte 1): is missing");
}

static void records_of_several_kinds_are_told_apart(void **state) {
    (void)state;
    static const char schema[] = "schema 'format: fixed\\nline: crlf\\nselect: 1-2\\nrecord header HD\\n  - text 2\\n"
                                 "  number text 4\\nrecord line LN\\n  - text 2\\n  quantity number 4\\n'";
    expect_read(schema, "HD4711\r\nLN0005\r\n",
        "[{\"number\":\"4711\",\"record\":\"header\"},{\"quantity\":5,\"record\":\"line\"}]");
    expect_same(schema, "HD4711\r\nLN0005\r\n");
    expect_fault(schema, "XX4711\r\n", "record 1 (byte 1): no record is known for 'XX'");
}

static void lists_and_groups_nest(void **state) {
    (void)state;
    static const char schema[] =
        "schema 'format: fixed\\nline: none\\nsingle: yes\\ncount number 2\\n"
        "lines list count\\n  sku text 2\\n  place group\\n    row text 1\\n    bin text 1\\n'";
    expect_read(schema, "02A1XYB2ZW",
        "{\"count\":2,\"lines\":[{\"place\":{\"bin\":\"Y\",\"row\":\"X\"},\"sku\":\"A1\"},"
        "{\"place\":{\"bin\":\"W\",\"row\":\"Z\"},\"sku\":\"B2\"}]}");
    expect_same(schema, "02A1XYB2ZW");
    expect_fault(schema, "03A1XYB2ZW", "record 1, /lines/3/sku (byte 11): the record ends after 10 bytes");
    expect_fault(schema, "02A1XYB2ZW02A1XYB2ZW", "there are 2 records, not one");
    char *text = run_schema(schema, "return {body = schema:encode{lines = {{sku = 'Q'}}}}", "");
    assert_string_equal(text, "01Q   "); /* the count is that of the list */
    free(text);
}

/* `statements` return a text in hexadecimal, or a value, from `schema`. */
static void expect_text(const char *schema, const char *statements, const char *expected) {
    char *full = xasprintf(
        "local function hex(s) return (s:gsub('.', function(c) return ('%%02X'):format(c:byte()) end)) end\n"
        "local function bytes(s) return (s:gsub('..', function(p) return string.char(tonumber(p, 16)) end)) end\n"
        "local function run() %s end return {body = tostring((run()))}",
        statements);
    char *text = run_schema(schema, full, "");
    assert_string_equal(text, expected);
    free(text);
    free(full);
}

static void a_byte_order_mark_before_fixed_records_is_no_data(void **state) {
    (void)state;
    expect_read("schema 'format: fixed\\nline: lf\\nsku text 3'",
        "\xEF\xBB\xBF"
        "ABC\nDEF\n",
        "[{\"sku\":\"ABC\"},{\"sku\":\"DEF\"}]");
    expect_text("schema 'format: fixed\\nsku text 3'",
        "return require('record').decode(bytes('EFBBBF') .. 'ABC', {{'sku', 3}})[1].sku", "ABC");
}

static void numbers_of_cobol_keep_every_digit(void **state) {
    (void)state;
    static const struct {
        const char *picture, *value, *hex;
    } cases[] = {
        {"PIC S9(7)V99 COMP-3", "-19.90", "000001990D"},
        {"PIC 9(4) COMP-3", "1234", "01234F"},
        {"PIC S9(31) COMP-3", "1234567890123456789012345678901", "1234567890123456789012345678901C"},
        {"PIC S9(4) COMP", "-2", "FFFE"},
        {"PIC 9(4) COMP", "9999", "270F"},
        {"PIC S9(9) COMP", "-1", "FFFFFFFF"},
        {"PIC S9(16)V99 BINARY", "-0.01", "FFFFFFFFFFFFFFFF"},
        {"PIC S9(5)V99", "-5", "F0F0F0F0F5F0D0"},
        {"PIC S9(3)", "12", "F0F1C2"},
        {"PIC 9(3)", "12", "F0F1F2"},
        {"PIC S9(3) SIGN LEADING SEPARATE", "-12", "60F0F1F2"},
        {"PIC S9(3) SIGN IS TRAILING SEPARATE CHARACTER", "12", "F0F1F24E"},
        {"PIC S9(3) SIGN LEADING", "-12", "D0F1F2"},
        {"PIC X(3)", "'AB'", "C1C240"},
        {"PIC X(4)", "'é[]'", "51ADBD40"},
        {"PIC ZZ9.99-", "' 12.50'", "40F1F24BF5F040"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *schema = xasprintf("copybook('01 R.\\n 05 A %s.', {charset = 'ibm1047'})", cases[i].picture);
        bool is_text = cases[i].value[0] == '\'';
        char *write = is_text ? xasprintf("return hex(schema:encode{{a = %s}})", cases[i].value)
                              : xasprintf("return hex(schema:encode{{a = require('decimal')('%s')}})", cases[i].value);
        if (strcmp(cases[i].picture, "PIC ZZ9.99-") != 0) expect_text(schema, write, cases[i].hex);
        char *back = is_text ? xasprintf("return schema:decode(bytes('%s'))[1].a == %s", cases[i].hex, cases[i].value)
                             : xasprintf("return schema:decode(bytes('%s'))[1].a - require('decimal')('%s') == "
                                         "require('decimal')(0)",
                                   cases[i].hex, cases[i].value);
        expect_text(schema, back, "true");
        free(back);
        free(write);
        free(schema);
    }
}

static void what_does_not_fit_is_an_error_with_its_place(void **state) {
    (void)state;
    static const struct {
        const char *picture, *value, *words;
    } cases[] = {
        {"PIC 9(3) COMP-3", "-1", "record 1, /a: is negative, the field has no sign"},
        {"PIC 9(3) COMP-3", "1000000", "has more than 3 digits"},
        {"PIC 9(3)", "1234", "has more than 3 digits"},
        {"PIC 9(3)", "1.5", "1.5 has more than 0 digits behind the point"},
        {"PIC S9(4) COMP", "40000", "does not fit into 2 bytes"},
        {"PIC X(3)", "'ABCD'", "'ABCD' has more than 3 bytes"},
        {"PIC X(3)", "'\\u{4e2d}'", "is no character of this set"},
        {"PIC 9(3)", "{}", "is not a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *source =
            xasprintf("local record = require 'record'\nlocal schema = record.copybook('01 R.\\n 05 A %s.')\n"
                      "return {translate = function() return {body = schema:encode{{a = %s}}} end}",
                cases[i].picture, cases[i].value);
        expect_error(source, NULL, "", cases[i].words);
        free(source);
    }
}

static void redefined_fields_are_read_as_what_they_can_be(void **state) {
    (void)state;
    static const char book[] = "copybook('01 R.\\n 05 A PIC X(4).\\n 05 B REDEFINES A PIC 9(4).\\n 05 C PIC X.', "
                               "{charset = 'ascii'})";
    expect_read(book, "1234x", "[{\"a\":\"1234\",\"b\":1234,\"c\":\"x\"}]");
    expect_read(book, "ab12x", "[{\"a\":\"ab12\",\"c\":\"x\"}]");
    expect_same(book, "ab12x");
    expect_text(book, "return schema:encode{{b = 7, c = 'y'}}", "0007y");
}

static void schemas_with_mistakes_name_the_line(void **state) {
    (void)state;
    static const struct {
        const char *schema, *words;
    } cases[] = {
        {"schema ''", "it is empty"},
        {"schema 'sku text 3'", "line 1: the first line says the format"},
        {"schema 'format: yaml'", "line 1: the format is fixed, csv, json, xml or edi"},
        {"schema 'format: fixed\\nsku'", "line 2: a field is NAME KIND PLACE"},
        {"schema 'format: fixed\\nsku txt 3'", "line 2: 'txt' is no kind of field"},
        {"schema 'format: fixed\\nsku text three'", "line 2: 'three' is not a width"},
        {"schema 'format: fixed\\nsku text 0'", "line 2: a width is 1 to 65536"},
        {"schema 'format: fixed\\n\\ncolour: red'", "line 3: 'colour:' says nothing that is known"},
        {"schema 'format: csv\\nsku packed 3'", "'packed' is no kind of field"},
        {"schema 'format: csv\\nsku text \"Item'", "a quote is opened and never closed"},
        {"schema 'format: edi 850'", "format: edi TYPE VERSION"},
        {"schema 'format: edi 850 004010\\nnumber text BEG'", "line 2: 'BEG' is no place"},
        {"schema 'format: edi 850 004010\\nlines list po1'", "line 2: 'po1' is no segment"},
        {"schema 'format: fixed\\nselect: 1-1\\n'", "select: stands there without any record"},
        {"schema 'format: fixed\\n- const 1'", "a const says its value"},
        {"copybook '05 A.'", "copybook, line 1: a has no picture"},
        {"copybook '05 A PIC X(3'", "is not a picture"},
        {"copybook '05 A PIC 9(3) COMP-1.'", "COMP-1 is not supported"},
        {"copybook '05 A PIC 9(3) COMP SYNC.'", "SYNC is not supported"},
        {"copybook '05 A PIC 99PP.'", "scaling by P is not supported"},
        {"copybook '05 A REDEFINES B PIC X.'", "it redefines b, which is not beside it"},
        {"copybook '05 A PIC X(3) COMP-3.'", "a has no numeric picture"},
        {"copybook 'A PIC X.'", "'A' is not a level number"},
        {"copybook ''", "there is no field in it"},
        {"copybook('05 A PIC X.', {line = 'x'})", "line is none, lf or crlf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_mistake(cases[i].schema, cases[i].words);
}

static void a_copybook_with_sequence_numbers_and_comments_is_read(void **state) {
    (void)state;
    expect_read("copybook([[\n"
                "000100******************************************************************CHANGED1\n"
                "000200 01  REC.                                                         CHANGED1\n"
                "000300* a comment.                                                      CHANGED1\n"
                "000400     05  A-B             PIC                                      CHANGED1\n"
                "000500                         X(2).                                    CHANGED1\n"
                "000600         88 IS-A         VALUE 'A. B'.                            CHANGED1\n"
                "000700     05  N OCCURS 2 TIMES INDEXED BY I PIC 9.                     CHANGED1\n"
                "]], {charset = 'ascii'})",
        "ab12", "[{\"a_b\":\"ab\",\"n\":[1,2]}]");
}

static const char json_schema[] =
    "schema [[\nformat: json\nnumber text order/number !\nday date day\nrush flag rush\ntotal decimal total\n"
    "lines list lines !\n  sku text sku !\n  quantity number quantity\nship_to group shipTo\n  city text city\n]]";

static void json_is_held_against_its_schema(void **state) {
    (void)state;
    expect_read(json_schema,
        "{\"order\":{\"number\":4711},\"day\":\"2026-11-23\",\"rush\":false,\"total\":19.90,"
        "\"lines\":[{\"sku\":\"A\",\"quantity\":\"5\"}],\"shipTo\":null,\"more\":1}",
        "{\"day\":\"2026-11-23\",\"lines\":[{\"quantity\":5,\"sku\":\"A\"}],\"number\":\"4711\",\"rush\":false,"
        "\"total\":19.90}");
    expect_same(json_schema,
        "{\"day\":\"2026-11-23\",\"lines\":[{\"quantity\":5,\"sku\":\"A\"}],"
        "\"order\":{\"number\":\"4711\"},\"rush\":true,\"shipTo\":{\"city\":\"Ulm\"},\"total\":0.10}");
    expect_fault(json_schema, "{\"order\":{}}", "/number: is missing");
    expect_fault(json_schema, "{\"order\":{\"number\":\"1\"},\"lines\":[]}", "/lines: is missing");
    expect_fault(json_schema, "{\"order\":{\"number\":\"1\"},\"lines\":{}}", "/lines: is missing");
    expect_fault(json_schema, "{\"order\":{\"number\":\"1\"},\"lines\":{\"a\":1}}", "/lines: is not a list");
    expect_fault(json_schema, "{\"order\":{\"number\":\"1\"},\"lines\":[{\"sku\":\"A\",\"quantity\":1.5}]}",
        "/lines/1/quantity: '1.5' is not a whole number");
    expect_fault(json_schema, "{\"order\":{\"number\":true},\"lines\":[]}", "/number: is true, not a text");
    expect_fault(
        json_schema, "{\"order\":{\"number\":\"1\"},\"day\":\"2026-02-30\",\"lines\":[]}", "/day: '2026-02-30'");
    expect_fault(json_schema, "{\"order\":", "not valid JSON: line 1, column 10");
    expect_fault(json_schema, "{\"order\":{\"number\":\"1\"},\"lines\":[1]}", "/lines/1/sku: is missing");
}

static void xml_is_read_and_written_by_paths(void **state) {
    (void)state;
    static const char schema[] = "schema [[\nformat: xml\nroot: order\nnumber text @id !\nday date head/day ccyymmdd\n"
                                 "lines list lines/line\n  sku text sku !\n  price decimal @price\n]]";
    static const char text[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<order id=\"4711\"><head><day>20261123</day></head>"
        "<lines><line price=\"19.90\"><sku>A&amp;B</sku></line><line><sku>C</sku></line></lines></order>\n";
    expect_read(schema, text,
        "{\"day\":\"2026-11-23\",\"lines\":[{\"price\":19.90,\"sku\":\"A&B\"},{\"sku\":\"C\"}],\"number\":\"4711\"}");
    expect_same(schema, text);
    expect_fault(schema, "<order/>", "/number: is missing");
    expect_fault(schema, "<invoice id='1'/>", "the root element is invoice, not order");
    expect_fault(schema, "<!DOCTYPE order><order id='1'/>", "a DOCTYPE is not accepted");
    expect_fault(schema, "<order id='1'><lines><line/></lines></order>", "/lines/1/sku: is missing");
}

static void csv_columns_get_types(void **state) {
    (void)state;
    static const char schema[] =
        "schema [[\nformat: csv\nseparator: \";\"\nsku text \"Item No\" !\nquantity number Qty\n]]";
    expect_read(schema, "Item No;Qty;Other\r\nA;5;x\r\nB;;y\r\n", "[{\"quantity\":5,\"sku\":\"A\"},{\"sku\":\"B\"}]");
    expect_same(schema, "Item No;Qty\r\nA;5\r\n\"B;C\";\r\n");
    expect_fault(schema, "Item No;Qty\r\nA;5\r\n;6\r\n", "/2/sku: is missing");
    expect_fault(schema, "Item No;Qty\r\nA;five\r\n", "/1/quantity: 'five' is not a whole number");
    expect_read("schema 'format: csv\\nheader: no\\na text\\nb number'", "x,1\n", "[{\"a\":\"x\",\"b\":1}]");
}

static void edi_goes_to_values_and_back(void **state) {
    (void)state;
    static const char schema[] =
        "schema [[\nformat: edi 850 004010\n- const BEG01 00\n- const BEG02 SA\nnumber text BEG03 !\nday date BEG05\n"
        "department text REF[DP]02\nship_to group N1[ST]\n  name text N1[ST]02\n  city text N401\nlines list PO1 !\n"
        "  number number PO101\n  quantity number PO102\n  unit text PO103\n  price decimal PO104\n  sku text PO106:VP "
        "!\n"
        "count number CTT01\n]]";
    static const char payload[] =
        "ISA*00*          *00*          *01*123456789      *ZZ*BANYAN         *261123*1615*U*00401*000000042*0*P*>~"
        "GS*PO*123456789*BANYAN*20261123*1615*42*X*004010~ST*850*0001~BEG*00*SA*4711**20261123~REF*DP*42~N1*ST*Shop~"
        "N4*Ulm~PO1*1*5*EA*19.9**UP*012345678905*VP*A1~PO1*2*1*EA***VP*B2~CTT*2~SE*9*0001~GE*1*42~IEA*1*000000042~";
    expect_read(schema, payload,
        "{\"count\":2,\"day\":\"2026-11-23\",\"department\":\"42\",\"lines\":[{\"number\":1,\"price\":19.9,"
        "\"quantity\":5,"
        "\"sku\":\"A1\",\"unit\":\"EA\"},{\"number\":2,\"quantity\":1,\"sku\":\"B2\",\"unit\":\"EA\"}],\"number\":"
        "\"4711\","
        "\"ship_to\":{\"city\":\"Ulm\",\"name\":\"Shop\"}}");
    char *text = run_schema(schema,
        "local value = schema:decode(message.body)\n"
        "local segments = {} for i, s in ipairs(schema:encode(value).segments) do segments[i] = s[1] .. '*' .. "
        "tostring(s[2]) end\n"
        "return {body = table.concat(segments, ' ')}",
        payload);
    assert_string_equal(text, "BEG*00 REF*DP N1*ST N4*Ulm PO1*1 PO1*2 CTT*2");
    free(text);
    expect_fault(schema, "hello", "not readable EDI");
}

static void character_sets_go_both_ways(void **state) {
    (void)state;
    expect_result("local text = require 'text'\nlocal names = text.charsets()\nlocal all = {}\n"
                  "for i = 0, 255 do all[#all + 1] = string.char(i) end\nall = table.concat(all)\n"
                  "for _, name in ipairs(names) do\n"
                  "  for i = 0, 255 do local done, utf = pcall(text.decode, string.char(i), name)\n"
                  "    if done and text.encode(utf, name) ~= string.char(i) then return name .. ' ' .. i end end end\n"
                  "return #names >= 11",
        "", "true");
    expect_result("return require('text').decode('\\xC8\\x85\\x93\\x93\\x96', 'CP037')", "", "Hello");
    expect_result("return require('text').encode('10 \\u{20ac}', 'iso-8859-15'):byte(-1)", "", "164");
    expect_result("return select(2, pcall(require('text').decode, 'x', 'klingon'))", "",
        "the character set 'klingon' is not known");
    expect_result("return (require('text').encode('a\\u{4e2d}b', 'latin1', '?'))", "", "a?b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_records_keep_their_types),
        cmocka_unit_test(a_byte_order_mark_before_fixed_records_is_no_data),
        cmocka_unit_test(records_of_several_kinds_are_told_apart),
        cmocka_unit_test(lists_and_groups_nest),
        cmocka_unit_test(numbers_of_cobol_keep_every_digit),
        cmocka_unit_test(what_does_not_fit_is_an_error_with_its_place),
        cmocka_unit_test(redefined_fields_are_read_as_what_they_can_be),
        cmocka_unit_test(schemas_with_mistakes_name_the_line),
        cmocka_unit_test(a_copybook_with_sequence_numbers_and_comments_is_read),
        cmocka_unit_test(json_is_held_against_its_schema),
        cmocka_unit_test(xml_is_read_and_written_by_paths),
        cmocka_unit_test(csv_columns_get_types),
        cmocka_unit_test(edi_goes_to_values_and_back),
        cmocka_unit_test(character_sets_go_both_ways),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
