/* tests/unit/test_script_mistakes.c: what people get wrong most, and the words that they read then: script and line,
 * what was expected, and the place in the EDI or JSON of the message. Each is one statement, on line 3. */
#include "tests/unit/script_fixture.h"

static const char order_850[] =
    "ISA*00*          *00*          *01*123456789      *ZZ*BANYAN         *261123*1615*U*00401*000000042*0*P*>~"
    "GS*PO*123456789*BANYAN*20261123*1615*42*X*004010~ST*850*0001~BEG*00*SA*4711**20261123~"
    "N1*ST*Acme Store 12*92*012~PO1*1*120*EA*9.25*TE*VP*SKU-1~CTT*1~SE*6*0001~GE*1*42~IEA*1*000000042~";

static const char order_json[] =
    "{\"order\": {\"number\": \"4711\", \"buyer\": {\"name\": \"Acme\", \"VAT id\": \"X\"}, "
    "\"lines\": [{\"sku\": \"A\", \"quantity\": \"5\"}]}}";

typedef struct mistake {
    const char *statement, *words;
} mistake;

static void expect_words(const char *payload, const mistake *m) {
    char *source = xasprintf("local edi, json, date, decimal, check, text = require 'edi', require 'json', require "
                             "'date', require 'decimal', require 'check', require 'text' return {translate = "
                             "function(m)\nlocal _ = {edi, json, date, decimal, check, text}\n%s\nend}",
        m->statement);
    script_outcome out;
    error *err = fixture_run(source, NULL, payload, &out);
    const json_t *rejected = json_get_object(out.result, "rejected");
    char *said = err        ? xstrdup(error_text(err))
                 : rejected ? xasprintf("rejected at %s: %s", json_get_text(rejected, "place", "?"),
                                  json_get_text(rejected, "reason", ""))
                            : xstrdup("nothing");
    if (strcmp(said, m->words) != 0) fail_msg("%s\nsays    %s\nand not %s", m->statement, said, m->words);
    free(said);
    error_free(err);
    script_outcome_free(&out);
    free(source);
}

static void mistakes_with_edi_name_segment_and_element(void **state) {
    (void)state;
    static const mistake mistakes[] = {
        {"return {body = m.edi:segment('N1', 'BT'):text(2)}",
            "main.lua:3: attempt to index a nil value; asked for last and not there: segment N1 BT"},
        {"local ref = m.edi:segment('REF') return {body = ref:text(2)}",
            "main.lua:3: attempt to index a nil value (local 'ref'); asked for last and not there: segment REF"},
        {"return {body = m.edi:loop('N1', 'SF'):text('N4', 1)}",
            "main.lua:3: attempt to index a nil value; asked for last and not there: segment N1 SF"},
        {"return {body = 'PO ' .. m.edi:text('BEG', 4)}",
            "main.lua:3: attempt to concatenate a nil value; asked for last and not there: BEG04 (segment 2 of the "
            "document); a value that is not there is nil: (value or \"\") stands for it"},
        {"return {json = {m.edi:number('AMT', 2) * 2}}",
            "main.lua:3: attempt to perform arithmetic on a nil value; asked for last and not there: segment AMT"},
        {"if m.edi:segment('PO1'):number(9) > 1 then return nil end",
            "main.lua:3: attempt to compare number with nil; asked for last and not there: PO109 (segment 4 of the "
            "document)"},
        {"return {body = m.edi:segment('PO1'):qualified(6, 'UP'):upper()}",
            "main.lua:3: attempt to index a nil value; asked for last and not there: PO106 UP (segment 4 of the "
            "document)"},
        {"return {json = {decimal(2) * m.edi:decimal('CTT', 2)}}",
            "main.lua:3: a decimal cannot be calculated with a nil value; asked for last and not there: CTT02 (segment "
            "5 of the document)"},
        {"return {json = m.edi:number('BEG', 2)}", "rejected at main.lua:3: BEG02 'SA' is not a number"},
        {"return {json = m.edi:date('BEG', 3)}", "rejected at main.lua:3: BEG03 '4711' is not a date"},
        {"return {body = m.edi:need('BEG', 4)}", "rejected at main.lua:3: BEG04 is missing"},
        {"return {body = m.edi.text('BEG', 3)}",
            "main.lua:3: what belongs to an EDI document or loop is called with a colon: po:text(\"BEG\", 3), not "
            "po.text(\"BEG\", 3)"},
        {"return {body = m.edi.loop('PO1'):text('PID', 5)}",
            "main.lua:3: what belongs to an EDI document or loop is called with a colon: po:text(\"BEG\", 3), not "
            "po.text(\"BEG\", 3)"},
        {"return {body = m.edi:txt('BEG', 3)}", "main.lua:3: a document has no 'txt'; did you mean 'text'?"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        expect_words(order_850, &mistakes[i]);
}

static void mistakes_with_json_name_the_path(void **state) {
    (void)state;
    static const mistake mistakes[] = {
        {"return {body = m.json.order.byer.name}",
            "main.lua:3: attempt to index a nil value (field 'byer'); the message has json.order.buyer"},
        {"return {body = m.json.buyer.name}",
            "main.lua:3: attempt to index a nil value (field 'buyer'); the message has json.order.buyer"},
        {"return {json = m.json.order.lines.quantity * 2}",
            "main.lua:3: attempt to perform arithmetic on a nil value (field 'quantity'); the message has "
            "json.order.lines[1].quantity"},
        {"return {body = m.json.order.buyer['VAT-id']:upper()}",
            "main.lua:3: attempt to index a nil value (field 'VAT-id'); the message has json.order.buyer[\"VAT id\"]"},
        {"return {body = m.json.order.lines[2].sku}",
            "main.lua:3: attempt to index a nil value (field 'integer index'); the list has no such element"},
        {"if m.json.order.lines[1].quantity > 1 then return nil end",
            "main.lua:3: attempt to compare number with string; tonumber(text) makes a number of a text"},
        {"return {body = 'lines: ' .. m.json.order.lines}",
            "main.lua:3: attempt to concatenate a table value (field 'lines'); a table has no text of its own: "
            "json.encode writes it, table.concat joins a list"},
        {"for line in m.json.order.lines do text.trim(line) end",
            "main.lua:3: attempt to call a table value (for iterator 'for iterator'); a list is walked with ipairs: "
            "for i, line in ipairs(list) do"},
        {"return {body = m.body:trim()}",
            "main.lua:3: attempt to call a nil value (method 'trim'); the module text has it: text.trim(value)"},
        {"return {json = check.text(m.json.order.note, '/order/note')}",
            "rejected at main.lua:3: /order/note is missing"},
        {"return {body = date.format(m.json.order.number, 'yymmdd')}",
            "main.lua:3: '4711' is not a date such as 2026-11-23"},
        {"return {body = decimal(m.json.order.buyer.name):round(2)}", "main.lua:3: 'Acme' is not a decimal number"},
        {"return {jsn = m.json}", "main.lua:1: result: jsn is unknown; did you mean json?"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        expect_words(order_json, &mistakes[i]);
}

/* The hint tells of this run and of no other, and not where Lua has a name of its own for what is nil. */
static void what_an_earlier_message_had_not_is_not_told(void **state) {
    (void)state;
    static const mistake none = {"local x if m.body:sub(1, 1) == 'I' then x = m.edi:text('REF', 2) end x = x.y",
        "main.lua:3: attempt to index a nil value (local 'x')"};
    script_outcome out;
    error *err = fixture_run(
        "return {translate = function(m) return {body = tostring(m.edi:text('REF', 2))} end}", NULL, order_850, &out);
    assert_null(err);
    script_outcome_free(&out);
    expect_words("plain", &none);
    static const mistake named = {"m.edi:text('REF', 2) local t = {} return t.nothing.x",
        "main.lua:3: attempt to index a nil value (field 'nothing')"};
    expect_words(order_850, &named);
}

/* Hostile JSON costs an error's words nothing but its hint. */
static void a_body_of_any_shape_gives_words(void **state) {
    (void)state;
    static const mistake field = {
        "local t = {} return t.nothing.x", "main.lua:3: attempt to index a nil value (field 'nothing')"};
    char *deep = xmalloc(200001);
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    const char *const bodies[] = {"{", "{\"a\":", "{\"a\\", "[[[", "{\"\":{\"\":1}}", "{\"a\":1e999}", "[{}]", deep};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        expect_words(bodies[i], &field);
    free(deep);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_with_edi_name_segment_and_element),
        cmocka_unit_test(mistakes_with_json_name_the_path),
        cmocka_unit_test(what_an_earlier_message_had_not_is_not_told),
        cmocka_unit_test(a_body_of_any_shape_gives_words),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
