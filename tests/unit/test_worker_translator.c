/* The translator's operations in real processes: scripts and EDI inside the sandbox, their questions to the desk.
 * LU-01, LU-05, LU-06, LU-08, LU-12, LU-14, LU-16, LU-19.
 */
#include "tests/unit/worker_fixture.h"

#include <fcntl.h>

/* What the desk has: one script, one sequence, one table. */
typedef struct desk {
    pending p; /* first: fixture functions take it */
    const char *script;
    int64_t number;
    int asked;
} desk;

static error *answer_question(void *context, const frame *question, frame *answer) {
    desk *d = context;
    json_t *head = NULL, *reply = json_object();
    error *err = frame_get_json(question, &head);
    d->asked++;
    if (question->operation == QUESTION_SOURCE && strcmp(json_get_text(head, "name", ""), "main") == 0) {
        char hash[32];
        snprintf(hash, sizeof hash, "%p", (const void *)d->script); /* the literals below: another one each */
        json_put_text(reply, "hash", hash);
        frame_put(answer, TAG_PAYLOAD, span_of(d->script));
    } else if (question->operation == QUESTION_CONTROL) {
        json_object_set_new(reply, "number", json_integer(++d->number));
    } else if (question->operation == QUESTION_TABLE) {
        bool found = strcmp(json_get_text(head, "code", ""), "EA") == 0;
        json_object_set_new(reply, "found", json_boolean(found));
        if (found) frame_put(answer, TAG_PAYLOAD, SPAN("PCE"));
    } else {
        err = error_new(ERROR_NOT_FOUND, "there is no script");
    }
    frame_put_json(answer, reply);
    json_decref(reply);
    json_decref(head);
    return err;
}

static void run_script(fixture *f, desk *d, const char *script, span body, const char *limits) {
    worker_request request = {.kind = WORKER_TRANSLATOR, .deadline_ms = 3000, .ask = answer_question};
    json_t *limits_json = NULL;
    *d = (desk){.script = script};
    assert_no_error(json_parse(span_of(limits), &limits_json));
    frame_init(&request.call, FRAME_REQUEST, OPERATION_SCRIPT, 0);
    if (body.len <= ATTACHMENT_INLINE_MAX) {
        frame_put(&request.call, TAG_PAYLOAD, body);
    } else {
        int fd = memfd_create("spool", MFD_CLOEXEC);
        assert_int_equal(write(fd, body.data, body.len), (ssize_t)body.len);
        frame_put_descriptor(&request.call, fd);
    }
    submit(f, &d->p, request,
        json_pack("{s:s,s:s,s:{s:s},s:o}", "script", "main", "function", "translate", "message", "id", "m1", "limits",
            limits_json));
    pending_wait(&d->p);
}

static json_t *result_of(const desk *d, size_t index) {
    return json_array_get(json_get_array(d->p.head, "results"), index);
}

static void a_script_s_results_come_with_their_payloads(void **state) {
    (void)state;
    fixture f;
    desk d;
    begin(&f, &(worker_pool_options){.translators = 1});
    run_script(&f, &d,
        "local M = {}\n"
        "function M.translate(message)\n"
        "  return {{body = message.body .. '!', filename = 'a.txt'}, {body = string.rep('x', 100000)}}\n"
        "end\nreturn M",
        SPAN("hello"), "{}");
    assert_done(&d.p);
    assert_int_equal(json_array_size(json_get_array(d.p.head, "results")), 2);
    assert_string_equal(json_get_text(result_of(&d, 0), "filename", ""), "a.txt");
    assert_int_equal(json_get_integer(json_get_object(result_of(&d, 0), "payload"), "field", -1), 0);
    assert_int_equal(json_get_integer(json_get_object(result_of(&d, 1), "payload"), "length", -1), 100000);
    assert_memory_equal(json_get_text(d.p.head, "script", ""), "main@", 5);
    assert_true(span_is(buf_span(&d.p.payload), "hello!"));
    pending_clear(&d.p);
    end(&f);
}

static void the_whole_library_works_without_files(void **state) {
    (void)state;
    fixture f;
    desk d;
    begin(&f, &(worker_pool_options){.translators = 1});
    run_script(&f, &d,
        "local hash, xml, record, uuid, date = require 'hash', require 'xml', require 'record', require 'uuid', "
        "require "
        "'date'\n"
        "local xsd = [[<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:include "
        "schemaLocation=\"/etc/x.xsd\"/><xs:element name=\"a\" type=\"xs:int\"/></xs:schema>]]\n"
        "return {translate = function(m)\n"
        "  assert(#hash.sha512('x') == 128 and uuid.is(uuid.v7()) and #hash.hmac('k', 'x') == 64)\n"
        "  assert(not pcall(xml.validate, '<a>1</a>', xsd))\n"
        "  assert(#xml.validate('<a>x</a>', (xsd:gsub('<xs:include.-/>', ''))) == 1)\n"
        "  assert(xml.query('<a>1</a>', 'sum(//a)') == 1)\n"
        "  assert(date.to_zone('2026-07-01', 'Europe/Berlin'))\n"
        "  assert(record.copybook('01 R. 05 A PIC 9(3) COMP-3.'):encode{{a = 7}} == '\\x00\\x7F')\n"
        "  return {body = 'all'} end}",
        SPAN("x"), "{}");
    assert_done(&d.p);
    assert_true(span_is(buf_span(&d.p.payload), "all"));
    pending_clear(&d.p);
    end(&f);
}

static void a_body_in_a_file_is_read_where_it_lies(void **state) {
    (void)state;
    fixture f;
    desk d;
    char *body = xmalloc(5 << 20);
    memset(body, 'b', 5 << 20);
    begin(&f, &(worker_pool_options){.translators = 1});
    run_script(&f, &d,
        "return {translate = function(message) return {body = tostring(#message.body) .. message.body:sub(-1)} end}",
        span_make(body, 5 << 20), "{}");
    assert_done(&d.p);
    assert_true(span_is(buf_span(&d.p.payload), "5242880b"));
    pending_clear(&d.p);
    free(body);
    end(&f);
}

static void a_rejection_is_an_outcome_and_an_error_brings_its_log(void **state) {
    (void)state;
    fixture f;
    desk d;
    begin(&f, &(worker_pool_options){.translators = 1});
    run_script(&f, &d, "return {translate = function() reject('an order without lines', {segment = 'PO1'}) end}",
        SPAN(""), "{}");
    assert_done(&d.p);
    assert_string_equal(json_get_text(json_get_object(d.p.head, "rejected"), "reason", ""), "an order without lines");
    pending_clear(&d.p);

    run_script(&f, &d,
        "local log = require 'log'\nreturn {translate = function() log.info('so far')\nerror('no such field') end}",
        SPAN(""), "{}");
    assert_failed(&d.p, ERROR_INVALID, "main.lua:3: no such field");
    assert_string_equal(error_where(d.p.failure), "main.lua:3");
    json_t *log = json_get_array(d.p.head, "log");
    assert_int_equal(json_array_size(log), 1);
    assert_string_equal(json_get_text(json_array_get(log, 0), "text", ""), "so far");
    pending_clear(&d.p);

    run_script(&f, &d, "this is not Lua", SPAN(""), "{}");
    assert_failed(&d.p, ERROR_INVALID, "main.lua:1");
    pending_clear(&d.p);
    end(&f);
}

static void a_script_asks_the_desk_for_codes(void **state) {
    (void)state;
    fixture f;
    desk d;
    begin(&f, &(worker_pool_options){.translators = 1});
    run_script(&f, &d,
        "local lookup = require 'lookup'\n"
        "return {translate = function()\n"
        "  return {body = lookup('units', 'EA') .. ',' .. lookup('units', 'XX', 'none')}\nend}",
        SPAN(""), "{}");
    assert_done(&d.p);
    assert_true(span_is(buf_span(&d.p.payload), "PCE,none"));
    assert_int_equal(d.asked, 3);
    pending_clear(&d.p);
    end(&f);
}

/* Each is stopped by the script's own limits or by the process's; the next script is served either way. */
static void scripts_that_run_away_are_stopped(void **state) {
    (void)state;
    static const struct {
        const char *script, *limits;
    } cases[] = {
        {"return {translate = function() while true do end end}", "{\"time_ms\":100}"},                   /* LU-01 */
        {"return {translate = function() while true do pcall(function() while true do end end) end end}", /* LU-02 */
            "{\"time_ms\":100}"},
        {"return {translate = function() local t = {} while true do t[#t + 1] = string.rep('x', 1e6) .. #t end end}",
            "{\"memory_bytes\":16777216}"},                                                       /* LU-05 */
        {"return {translate = function() while true do pcall(string.rep, 'x', 1 << 40) end end}", /* LU-06 */
            "{\"time_ms\":100}"},
        {"local function f() return f() + 1 end return {translate = f}", "{}"},               /* LU-12 */
        {"return {translate = function() return os.execute('true') end}", "{}"},              /* LU-08 */
        {"return {translate = function() return io.open('/etc/passwd') end}", "{}"},          /* LU-08 */
        {"return {translate = function() local t = {} t.t = t return {json = t} end}", "{}"}, /* LU-14 */
        {"return {translate = function() return {body = string.rep('x', 1 << 20)} end}", "{\"output_bytes\":1000}"},
    };
    fixture f;
    begin(&f, &(worker_pool_options){.translators = 1});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        desk d;
        run_script(&f, &d, cases[i].script, SPAN(""), cases[i].limits);
        if (!d.p.failure) fail_msg("was done: %s", cases[i].script);
        pending_clear(&d.p);
        run_script(&f, &d, "return {translate = function(m) return {body = m.body} end}", SPAN("still here"), "{}");
        assert_done(&d.p);
        assert_true(span_is(buf_span(&d.p.payload), "still here"));
        pending_clear(&d.p);
    }
    end(&f);
}

static void a_script_is_checked_without_being_run(void **state) {
    (void)state;
    static const struct {
        const char *source, *words;
    } cases[] = {{"return {}", NULL}, {"while true do end", NULL}, {"local x =\n\nend", "line 3"}};
    fixture f;
    begin(&f, &(worker_pool_options){.translators = 1});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pending p;
        worker_request request = {.kind = WORKER_TRANSLATOR};
        frame_init(&request.call, FRAME_REQUEST, OPERATION_CHECK_SCRIPT, 0);
        submit(&f, &p, request, json_pack("{s:s,s:s}", "name", "draft", "source", cases[i].source));
        pending_wait(&p);
        if (cases[i].words)
            assert_failed(&p, ERROR_INVALID, "draft.lua:3");
        else
            assert_done(&p);
        pending_clear(&p);
    }
    end(&f);
}

static void a_thousand_scripts_run_one_after_another(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    fixture f;
    begin(&f, &(worker_pool_options){.translators = 1});
    int64_t began = clock_monotonic_ms();
    for (int i = 0; i < COUNT; i++) {
        desk d;
        run_script(&f, &d, "return {translate = function(m) leak = (leak or 0) + 1 return {body = tostring(leak)} end}",
            SPAN(""), "{}");
        /* LU-19: nothing is left of the run before. A script may also not be allowed to set globals at all. */
        if (!d.p.failure) assert_true(span_is(buf_span(&d.p.payload), "1"));
        pending_clear(&d.p);
    }
    print_message("             %d scripts in %d ms\n", COUNT, (int)(clock_monotonic_ms() - began));
    end(&f);
}

/* ---- EDI ---- */

static const char order[] =
    "ISA*00*          *00*          *01*123456789      *ZZ*BANYAN         *261123*1615*U*00401*000000042*0*P*>~\n"
    "GS*PO*123456789*BANYAN*20261123*1615*7*X*004010~\n"
    "ST*850*0001~\n"
    "BEG*00*NE*PO-1001**20261123~\n"
    "PO1*1*12*EA*9.95**VP*WIDGET~\n"
    "CTT*1~\n"
    "SE*5*0001~\n"
    "GE*1*7~\n"
    "IEA*1*000000042~\n";

/* Takes the payload's bytes as they are; `d` holds what came. */
static void run_edi(fixture *f, desk *d, frame_operation operation, span body, const char *head) {
    worker_request request = {.kind = WORKER_TRANSLATOR, .deadline_ms = 20000, .ask = answer_question};
    json_t *head_json = NULL;
    *d = (desk){.script = ""};
    assert_no_error(json_parse(span_of(head), &head_json));
    frame_init(&request.call, FRAME_REQUEST, operation, 0);
    frame_put(&request.call, TAG_PAYLOAD, body);
    submit(f, &d->p, request, head_json);
    pending_wait(&d->p);
}

static void an_order_is_inspected(void **state) {
    (void)state;
    fixture f;
    desk d;
    begin(&f, &(worker_pool_options){.translators = 1});
    run_edi(&f, &d, OPERATION_INSPECT, SPAN(order), "{\"filename\":\"order.edi\"}");
    assert_done(&d.p);
    assert_string_equal(json_get_text(d.p.head, "standard", ""), "X12");
    json_t *document = json_array_get(json_get_array(d.p.head, "documents"), 0);
    static const char *const expected[][2] = {{"type", "850"}, {"version", "004010"}, {"control", "0001"},
        {"group_control", "7"}, {"interchange_control", "000000042"}, {"sender", "01:123456789"},
        {"receiver", "ZZ:BANYAN"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_string_equal(json_get_text(document, expected[i][0], ""), expected[i][1]);
    assert_string_equal(json_get_text(json_get_object(document, "keys"), "po", ""), "PO-1001");
    assert_true(json_get_bool(document, "valid", false));
    pending_clear(&d.p);

    run_edi(&f, &d, OPERATION_INSPECT, SPAN("number,quantity\n1,2\n"), "{}");
    assert_done(&d.p);
    assert_true(json_is_null(json_object_get(d.p.head, "standard")));
    assert_int_equal(json_array_size(json_get_array(d.p.head, "documents")), 0);
    pending_clear(&d.p);
    end(&f);
}

/* The 997 that one side makes closes the order at the other. */
static void an_order_is_acknowledged_and_the_acknowledgement_understood(void **state) {
    (void)state;
    fixture f;
    desk d;
    buf answer = BUF_MAX(1 << 20);
    begin(&f, &(worker_pool_options){.translators = 1});
    run_edi(&f, &d, OPERATION_ACKNOWLEDGE, SPAN(order), "{\"kind\":\"997\"}");
    assert_done(&d.p);
    assert_in_range((uintmax_t)d.asked, 2, 3); /* interchange and group */
    json_t *document = json_array_get(json_get_array(d.p.head, "documents"), 0);
    assert_string_equal(json_get_text(document, "type", ""), "997");
    assert_string_equal(json_get_text(document, "receiver", ""), "01:123456789");
    buf_add(&answer, buf_span(&d.p.payload));
    pending_clear(&d.p);

    run_edi(&f, &d, OPERATION_INSPECT, buf_span(&answer), "{}");
    assert_done(&d.p);
    bool found = false;
    size_t i;
    json_t *item;
    json_array_foreach(json_get_array(d.p.head, "acknowledges"), i, item) {
        if (strcmp(json_get_text(item, "control", ""), "0001") != 0) continue;
        found = true;
        assert_string_equal(json_get_text(item, "kind", ""), "997");
        assert_string_equal(json_get_text(item, "outcome", ""), "accepted");
        assert_string_equal(json_get_text(item, "group_control", ""), "7");
        assert_string_equal(json_get_text(item, "type", ""), "850");
    }
    assert_true(found);
    pending_clear(&d.p);
    buf_free(&answer);
    run_edi(&f, &d, OPERATION_ACKNOWLEDGE, SPAN("no EDI"), "{\"kind\":\"997\"}");
    assert_failed(&d.p, ERROR_INVALID, "");
    pending_clear(&d.p);
    end(&f);
}

static void an_order_is_explained(void **state) {
    (void)state;
    fixture f;
    desk d;
    begin(&f, &(worker_pool_options){.translators = 1});
    run_edi(&f, &d, OPERATION_EXPLAIN, SPAN(order), "{}");
    assert_done(&d.p);
    assert_non_null(strstr(json_get_text(d.p.head, "text", ""), "PO-1001"));
    assert_false(json_get_bool(d.p.head, "cut", true));
    pending_clear(&d.p);
    end(&f);
}

/* R20: whatever bytes come, the translator answers; none of it may end in a crash or a forbidden call. */
static void broken_edi_is_answered_with_findings(void **state) {
    (void)state;
    enum { ROUNDS = 300 };
    fixture f;
    char bytes[sizeof order];
    begin(&f, &(worker_pool_options){.translators = 1});
    srand(20261123);
    for (int round = 0; round < ROUNDS; round++) {
        desk d;
        frame_operation operation = round % 3 == 0   ? OPERATION_INSPECT
                                    : round % 3 == 1 ? OPERATION_EXPLAIN
                                                     : OPERATION_ACKNOWLEDGE;
        memcpy(bytes, order, sizeof bytes);
        for (int k = 0; k < 1 + round % 7; k++)
            bytes[(size_t)rand() % (sizeof order - 1)] = (char)(rand() % 256);
        run_edi(&f, &d, operation, span_make(bytes, (size_t)rand() % sizeof order), "{}");
        if (d.p.failure) assert_int_not_equal(error_code_of(d.p.failure), ERROR_CRASHED);
        pending_clear(&d.p);
    }
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_s_results_come_with_their_payloads),
        cmocka_unit_test(the_whole_library_works_without_files),
        cmocka_unit_test(a_body_in_a_file_is_read_where_it_lies),
        cmocka_unit_test(a_rejection_is_an_outcome_and_an_error_brings_its_log),
        cmocka_unit_test(a_script_asks_the_desk_for_codes),
        cmocka_unit_test(scripts_that_run_away_are_stopped),
        cmocka_unit_test(a_script_is_checked_without_being_run),
        cmocka_unit_test(an_order_is_inspected),
        cmocka_unit_test(an_order_is_acknowledged_and_the_acknowledgement_understood),
        cmocka_unit_test(an_order_is_explained),
        cmocka_unit_test(broken_edi_is_answered_with_findings),
        cmocka_unit_test(a_thousand_scripts_run_one_after_another),
    };
    alarm(240);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
