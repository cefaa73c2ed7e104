/* tests/unit/test_edi_command.c: `banyan edi` and `banyan schema` as they are called: outputs and exit codes. */
#include "core/app/commands.h"
#include "core/base/io.h"
#include "core/base/json.h"
#include "core/base/memory.h"
#include "tests/unit/edi_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define BODY "BEG*00*SA*A1**20260101~PO1*1*5*EA*1.5~"

static char folder[64] = "/tmp/banyan-edi-XXXXXX";
static buf printed; /* what the last call wrote to standard output */

static int make_folder(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* a command that is misused ends without reading what run() writes to it */
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    char removal[128];
    (void)state;
    snprintf(removal, sizeof removal, "rm -r %s", folder);
    return system(removal);
}

static const char *file_of(const char *name, const char *content) {
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    error *err = io_write_file(path, span_of(content));
    assert_null(err);
    return path;
}

/* Runs the command in a process of its own, `input` on its standard input. Returns its exit code. */
static int run(const char *input, const char *words) {
    char copy[1024], *argv[24];
    int argc = 1, in[2], out[2], status;
    argv[0] = (char *)"banyan";
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word && argc < 23; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        dup2(in[0], 0);
        dup2(out[1], 1);
        int quiet = open("/dev/null", O_WRONLY);
        dup2(quiet, 2);
        close(in[0]), close(in[1]), close(out[0]), close(out[1]);
        int code = commands_main(argc, argv);
        fflush(stdout);
        _exit(code);
    }
    close(in[0]), close(out[1]);
    error_free(io_write_all(in[1], span_of(input), "the pipe")); /* what it did with it, its code tells */
    close(in[1]);
    buf_free(&printed);
    printed = BUF_MAX(1 << 24);
    assert_null(io_read_all(out[0], &printed, "the output"));
    close(out[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_on(const char *words, const char *file) {
    char line[512];
    snprintf(line, sizeof line, "%s %s", words, file);
    return run("", line);
}

static void check_reports_each_file_as_json(void **state) {
    (void)state;
    char line[512];
    const char *good = file_of("good.edi", x12_around("850", "PO", BODY));
    const char *bad = file_of("bad.edi", x12_around("850", "PO", "BEG*00*SA*A1**20260231~PO1*1*5*EA*1.5~"));
    snprintf(line, sizeof line, "edi check --json %s %s", good, bad);
    assert_int_equal(run("", line), 1);
    span rest = buf_span(&printed), first, second;
    assert_true(span_split(&rest, '\n', &first) && span_split(&rest, '\n', &second));
    json_t *a, *b;
    assert_null(json_parse(first, &a));
    assert_null(json_parse(second, &b));
    assert_string_equal(json_get_text(a, "file", ""), good);
    assert_string_equal(json_get_text(a, "standard", ""), "X12");
    assert_true(json_get_bool(a, "valid", false));
    assert_int_equal(json_get_integer(a, "interchanges", 0), 1);
    assert_int_equal(json_get_integer(a, "groups", 0), 1);
    assert_int_equal(json_get_integer(a, "documents", 0), 1);
    assert_int_equal(json_get_integer(a, "segments", 0), 8);
    assert_string_equal(json_string_value(json_array_get(json_get_array(a, "types"), 0)), "850");
    assert_int_equal(json_array_size(json_get_array(a, "errors")), 0);
    assert_false(json_get_bool(b, "valid", true));
    json_t *fault = json_array_get(json_get_array(b, "errors"), 0);
    assert_string_equal(json_get_text(fault, "code", ""), "value-date");
    assert_string_equal(json_get_text(fault, "segment", ""), "BEG");
    assert_int_equal(json_get_integer(fault, "position", 0), 2);
    assert_int_equal(json_get_integer(fault, "element", 0), 5);
    assert_string_equal(json_get_text(fault, "document", ""), "0001");
    assert_string_equal(json_get_text(fault, "x12", ""), "AK403=8");
    json_decref(a);
    json_decref(b);
}

static void a_type_without_schema_says_null(void **state) {
    (void)state;
    assert_int_equal(run(x12_around("998", "ZZ", "ABC*1~"), "edi check --json -"), 0);
    assert_non_null(strstr(buf_text(&printed), "\"schema\":null"));
}

static void exit_codes_tell_bad_input_from_wrong_usage_from_failure(void **state) {
    (void)state;
    static const struct {
        const char *words, *input;
        int code;
    } rows[] = {{"edi", "", 2}, {"edi --help", "", 0}, {"edi check", "", 2}, {"edi check --help", "", 0},
        {"edi check --nonsense x", "", 2}, {"edi nonsense", "", 2}, {"edi check /nonexistent/file", "", 3},
        {"edi check -", "", 1}, {"edi check -", "hello", 1}, {"edi json -", "hello", 1}, {"edi text -", "{", 1},
        {"edi ack -", "hello", 1}, {"edi split -", "x", 2}, {"edi split - --to -", "x", 2},
        {"edi explain -", "hello", 0}, {"edi fix -", "hello", 1}, {"edi ack --kind x -", "x", 2},
        {"edi check --tolerate junk -", "", 2}, {"schema", "", 2}, {"schema list", "", 0},
        {"schema list --json", "", 0}, {"schema show X12 004010 850", "", 0}, {"schema show X12 1 850", "", 1},
        {"schema show", "", 2}, {"schema list /nonexistent", "", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code = run(rows[i].input, rows[i].words);
        if (code != rows[i].code) print_message("%s\n", rows[i].words);
        assert_int_equal(code, rows[i].code);
    }
}

static void json_and_text_give_the_file_back(void **state) {
    (void)state;
    char *original = xstrdup(x12_around("850", "PO", BODY));
    assert_int_equal(run(original, "edi json -"), 0);
    char *json = xstrdup(buf_text(&printed));
    assert_int_equal(run(json, "edi text -"), 0);
    assert_string_equal(buf_text(&printed), original);
    free(json);
    free(original);
}

static void ack_writes_the_answer(void **state) {
    (void)state;
    assert_int_equal(run(x12_around("850", "PO", BODY), "edi ack --date 20260101 --time 1200 --number 7 -"), 0);
    assert_non_null(strstr(buf_text(&printed), "AK9*A*1*1*1~\n"));
    assert_non_null(strstr(buf_text(&printed), "*000000007*"));
}

/* ISA14 asks for a TA1; a kind that is named is all that comes, unless both are wanted */
static void ack_writes_the_ta1_that_the_file_asks_for(void **state) {
    (void)state;
    char *file = xstrdup(x12_around("850", "PO", BODY)), *asks = strstr(file, "*0*P*");
    assert_int_equal(run(file, "edi ack -"), 0);
    assert_null(strstr(buf_text(&printed), "TA1*"));
    asks[1] = '1';
    assert_int_equal(run(file, "edi ack -"), 0);
    assert_non_null(strstr(buf_text(&printed), "TA1*000000001*260101*1200*A*000~"));
    assert_non_null(strstr(buf_text(&printed), "AK9*A*1*1*1~"));
    assert_int_equal(run(file, "edi ack --kind 997 -"), 0);
    assert_null(strstr(buf_text(&printed), "TA1*"));
    assert_int_equal(run(file, "edi ack --kind 997 --ta1 -"), 0);
    assert_non_null(strstr(buf_text(&printed), "TA1*"));
    free(file);
}

static void explain_names_what_stands_there(void **state) {
    (void)state;
    assert_int_equal(
        run(x12_around("850", "PO", "BEG*00*SA*A1**20260231~PO1*1*5*EA*1.5~"), "edi explain --colour never -"), 0);
    assert_non_null(strstr(buf_text(&printed), "stand-alone order"));
    assert_non_null(strstr(buf_text(&printed), "ERROR BEG05"));
    assert_null(strchr(buf_text(&printed), 0x1B));
    /* a terminal is never spoken to by a file */
    assert_int_equal(run(x12_around("998", "ZZ", "ABC*\x1B[31m\x07~"), "edi explain --colour never -"), 0);
    assert_null(strchr(buf_text(&printed), 0x1B));
}

static void split_writes_one_file_a_document(void **state) {
    (void)state;
    char line[256], path[256];
    const char *file = file_of("two.edi",
        ISA_FIXED GS_ORDERS "ST*850*0001~" BODY "SE*4*0001~ST*850*0002~" BODY "SE*4*0002~GE*2*1~IEA*1*000000001~");
    snprintf(line, sizeof line, "edi split %s --to %s/parts", file, folder);
    assert_int_equal(run("", line), 0);
    snprintf(path, sizeof path, "%s/parts/0002-850-0002.edi", folder);
    assert_int_equal(run_on("edi check", path), 0);
}

static void fix_repairs_counts_and_references(void **state) {
    (void)state;
    static const char *const broken[] = {ISA_FIXED GS_ORDERS "ST*850*0001~" BODY "SE*9*0002~GE*7*2~IEA*0*000000009~",
        ISA_FIXED GS_ORDERS "ST*850*0001~" BODY "SE*4*0001~GE*1*1~IEA*1*000000001",
        ISA_FIXED GS_ORDERS "ST*850*0001~" BODY, ISA_FIXED GS_ORDERS "ST*850*0001~" BODY "GE*1*1~IEA*1*000000001~",
        "ISA*00* *00**ZZ*SENDER*ZZ*RECEIVER*260101*1200*U*00401*1*0*P*:~" GS_ORDERS "ST*850*0001~" BODY
        "SE*4*0001~GE*1*1~IEA*1*000000001~",
        UNB_PLAIN "UNH+1+XYZ:D:96A:UN'AAA+1'UNT+7+2'UNZ+3+X'"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(run(broken[i], "edi fix -"), 0);
        char *repaired = xstrdup(buf_text(&printed));
        assert_int_equal(run(repaired, "edi check --strict -"), 0);
        free(repaired);
    }
    const char *path = file_of("inplace.edi", broken[0]);
    assert_int_equal(run_on("edi fix --in-place", path), 0);
    assert_int_equal(run_on("edi check", path), 0);
}

static void fix_makes_nothing_up_for_a_file_that_ends_inside_a_segment(void **state) {
    (void)state;
    static const char cut[] = ISA_FIXED GS_ORDERS "ST*850*0001~"
                                                  "BEG*00*SA*PO1**202601";
    assert_int_equal(run(cut, "edi fix -"), 1);
    assert_string_equal(buf_text(&printed), cut);
}

static void a_schema_of_ones_own_is_held_against(void **state) {
    (void)state;
    char line[256];
    const char *schema = file_of("own.schema",
        "release X12 004010 \"own\"\nsegment ABC own | AN1-3! first\nschema X12 004010 998 \"own\"\nABC 1\n");
    snprintf(line, sizeof line, "edi check --schema %s -", schema);
    assert_int_equal(run(x12_around("998", "ZZ", "ABC*1~"), line), 0);
    assert_int_equal(run(x12_around("998", "ZZ", "ABC*1234~"), line), 1);
    assert_int_equal(run(x12_around("998", "ZZ", "ABD*1~"), line), 1);
}

static const char map[] =
    "<?xml version=\"1.0\"?>\n<transaction xid=\"850\"><name>An order 004010XACME</name>"
    "<loop xid=\"ISA_LOOP\" type=\"explicit\"><segment xid=\"ISA\" usage=\"R\" max_use=\"1\"/>"
    "<loop xid=\"GS_LOOP\" type=\"explicit\"><segment xid=\"GS\" usage=\"R\" max_use=\"1\"/>"
    "<loop xid=\"ST_LOOP\" usage=\"R\" repeat=\"&gt;1\" type=\"explicit\">"
    "<segment xid=\"ST\" usage=\"R\" max_use=\"1\"><element xid=\"ST01\" usage=\"R\" seq=\"01\"/></segment>"
    "<segment xid=\"BEG\" usage=\"R\" max_use=\"1\"><element xid=\"BEG01\" usage=\"R\" "
    "seq=\"01\"><valid_codes><code>00</code>"
    "<code>05</code><code>00</code></valid_codes></element><element xid=\"BEG04\" usage=\"N\" seq=\"04\"/></segment>"
    "<segment xid=\"REF\"><usage>S</usage><max_use>2</max_use><element "
    "xid=\"REF01\"><usage>R</usage><seq>01</seq><valid_codes>"
    "<code>DP</code></valid_codes></element><element xid=\"REF02\"><usage>R</usage><seq>02</seq></element></segment>"
    "<segment xid=\"REF\" usage=\"R\" max_use=\"&gt;1\"><element xid=\"REF01\" usage=\"R\" "
    "seq=\"01\"><valid_codes><code>IA</code>"
    "</valid_codes></element></segment>"
    "<segment xid=\"QQ9\" usage=\"S\" max_use=\"1\"><element xid=\"QQ901\" usage=\"R\" seq=\"01\"/></segment>"
    "<loop xid=\"2000\" usage=\"R\" repeat=\"5\"><segment xid=\"PO1\" usage=\"R\" max_use=\"1\">"
    "<element xid=\"PO101\" usage=\"R\" seq=\"01\"/></segment></loop></loop>"
    "<segment xid=\"GE\" usage=\"R\" max_use=\"1\"/></loop><segment xid=\"TA1\" usage=\"S\" max_use=\"1\"/>"
    "<segment xid=\"IEA\" usage=\"R\" max_use=\"1\"/></loop></transaction>";

/* One more of the same guide, with a segment that the first has not. */
static const char other_map[] =
    "<transaction xid=\"855\"><name>004010XACME</name><loop xid=\"ST_LOOP\" type=\"explicit\">"
    "<segment xid=\"QQ8\" usage=\"R\" max_use=\"1\"/></loop></transaction>";

/* Each --schema adds to those before it; a directory stands for the schemas in it, an estate for those in its folder.
 */
static void schemas_are_named_as_often_as_they_are_needed(void **state) {
    (void)state;
    char line[1024], move[256];
    const char *order = file_of("order.edi", x12_around("850", "PO", BODY));
    const char *one =
        file_of("one.schema", "overlay one of X12 004010 850 \"one\"\nREF[DP] required \"one wants it\"\n");
    const char *two = file_of("two.schema", "overlay two of X12 004010 850 \"two\"\nDTM required \"two wants it\"\n");
    snprintf(line, sizeof line, "edi check --schema %s --schema %s %s", one, two, order);
    assert_int_equal(run("", line), 1);
    assert_non_null(strstr(buf_text(&printed), "one wants it"));
    assert_non_null(strstr(buf_text(&printed), "two wants it"));
    snprintf(move, sizeof move, "mkdir -p %s/estate/schemas && mv %s %s %s/estate/schemas/", folder, one, two, folder);
    assert_int_equal(system(move), 0);
    snprintf(line, sizeof line, "edi check --schema %s/estate --schema %s/estate/schemas/two.schema %s", folder, folder,
        order);
    assert_int_equal(run("", line), 1);
    assert_non_null(strstr(buf_text(&printed), "one wants it"));
    assert_non_null(strstr(buf_text(&printed), "two wants it"));
    snprintf(line, sizeof line, "schema show X12 004010 850 %s/estate/schemas", folder);
    assert_int_equal(run("", line), 0);
    assert_non_null(strstr(buf_text(&printed), "\"two wants it\""));
    snprintf(line, sizeof line, "edi check --schema %s %s", "/proc/self/task", order);
    assert_int_equal(run("", line), 3);
}

/* What `script run` and `script test` give to a script is held against the partner's guide too. */
static void scripts_see_the_schemas_of_the_command_line(void **state) {
    (void)state;
    char line[1024];
    const char *order = file_of("order.edi", x12_around("850", "PO", BODY));
    const char *guide =
        file_of("guide.schema", "overlay g of X12 004010 850 \"g\"\nBEG | 02 {NE}\nREF[DP] required \"g wants it\"\n");
    const char *script = file_of("judge.lua", "local M = {}\nfunction M.translate(message)\n  return {body = "
                                              "message.edi.valid and \"valid\" or \"not\"}\nend\n"
                                              "return M\n");
    snprintf(line, sizeof line, "script run %s %s", script, order);
    assert_int_equal(run("", line), 0);
    assert_string_equal(buf_text(&printed), "valid");
    snprintf(line, sizeof line, "script run --schema %s %s %s", guide, script, order);
    assert_int_equal(run("", line), 0);
    assert_string_equal(buf_text(&printed), "not");
    file_of("judge_test.lua", "local test = require \"test\"\ntest.case(\"an order breaks the guide\", function()\n"
                              "  test.equal(test.run(\"translate\", \"order.edi\").body, \"not\")\nend)\n");
    snprintf(line, sizeof line, "script test %s", script);
    assert_int_equal(run("", line), 1);
    snprintf(line, sizeof line, "script test --schema %s %s", guide, script);
    assert_int_equal(run("", line), 0);
    snprintf(line, sizeof line, "script run --schema %s/nothing.schema %s %s", folder, script, order);
    assert_int_equal(run("", line), 3);
}

/* The lines of a page that begin at `start` and are indented, without their indentation. */
static char *example(const char *page, const char *start) {
    const char *at = strstr(page, start);
    buf text = BUF_MAX(1 << 16);
    assert_non_null(at);
    for (at -= 5; strncmp(at, "     ", 5) == 0 || *at == '\n';) {
        const char *end = strchr(at, '\n');
        if (*at != '\n') buf_add(&text, span_make(at + 5, (size_t)(end - at) - 5));
        buf_add_char(&text, '\n');
        at = end + 1;
    }
    char *result = xstrdup(buf_text(&text));
    buf_free(&text);
    return result;
}

static void the_examples_of_the_help_are_schemas(void **state) {
    (void)state;
    char line[512];
    assert_int_equal(run("", "help guides"), 0);
    char *page = xstrdup(buf_text(&printed));
    char *guide = example(page, "# what Acme wants"), *own = example(page, "release X12 004010 from");
    snprintf(line, sizeof line, "edi check --schema %s -", file_of("acme.schema", guide));
    assert_int_equal(run(x12_around("850", "PO", BODY), line), 1);
    assert_non_null(strstr(buf_text(&printed), "Acme wants the department"));
    snprintf(line, sizeof line, "edi check --schema %s -", file_of("own.schema", own));
    assert_int_equal(run(x12_around("999", "ZZ", "ZAB*7*01*1250~N1*ST*Shop~"), line), 0);
    assert_int_equal(run(x12_around("999", "ZZ", "ZAB*7*01~N1*ST*Shop~"), line), 1);
    free(page), free(guide), free(own);
}

static void a_map_of_pyx12_becomes_a_schema(void **state) {
    (void)state;
    char words[512];
    snprintf(words, sizeof words, "schema import %s", file_of("850.xml", map));
    assert_int_equal(run("", words), 0);
    static const char *const wanted[] = {"release X12 004010 from 004010 ", "segment QQ9 | ...\n",
        "schema X12 004010XACME 850 ", "BEG 1 | 01 {00, 05} | 04 unused\n", "REF 0-2 by 01 {DP} | 02!\n",
        "REF 1- by 01 {IA}\n", "QQ9 0-1\n", "loop PO1 1-5 as 2000\n  PO1 1 | 01!\n"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (!strstr(buf_text(&printed), wanted[i]))
            print_message("missing: %s\nin: %s\n", wanted[i], buf_text(&printed));
        assert_non_null(strstr(buf_text(&printed), wanted[i]));
    }
    /* what it prints is what --schema takes */
    char *first = xstrdup(buf_text(&printed)), *schema = xstrdup(file_of("acme.schema", first));
    char *order =
        xstrdup(file_of("order.x12", x12_around("850", "PO", "BEG*00*SA*A1**20260101~REF*IA*1~PO1*1*5*EA*1.5~")));
    snprintf(words, sizeof words, "edi check --schema %s %s", schema, order);
    assert_int_equal(run("", words), 0);
    /* two maps of one guide stand beside each other in one library */
    buf both = BUF_MAX(1 << 16);
    buf_add_text(&both, first);
    snprintf(words, sizeof words, "schema import %s", file_of("855.xml", other_map));
    assert_int_equal(run("", words), 0);
    assert_non_null(strstr(buf_text(&printed), "QQ8 1\n"));
    buf_add_text(&both, buf_text(&printed));
    snprintf(words, sizeof words, "edi check --schema %s %s", file_of("both.schema", buf_text(&both)), order);
    assert_int_equal(run("", words), 0);
    buf_free(&both);
    snprintf(words, sizeof words, "schema import %s", file_of("not.xml", "<transaction xid=\"850\">"));
    assert_int_equal(run("", words), 1);
    snprintf(words, sizeof words, "schema import %s/nothing", folder);
    assert_int_equal(run("", words), 3);
    free(first);
    free(schema);
    free(order);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_reports_each_file_as_json),
        cmocka_unit_test(a_type_without_schema_says_null),
        cmocka_unit_test(exit_codes_tell_bad_input_from_wrong_usage_from_failure),
        cmocka_unit_test(json_and_text_give_the_file_back),
        cmocka_unit_test(ack_writes_the_answer),
        cmocka_unit_test(ack_writes_the_ta1_that_the_file_asks_for),
        cmocka_unit_test(explain_names_what_stands_there),
        cmocka_unit_test(split_writes_one_file_a_document),
        cmocka_unit_test(fix_repairs_counts_and_references),
        cmocka_unit_test(fix_makes_nothing_up_for_a_file_that_ends_inside_a_segment),
        cmocka_unit_test(a_schema_of_ones_own_is_held_against),
        cmocka_unit_test(schemas_are_named_as_often_as_they_are_needed),
        cmocka_unit_test(scripts_see_the_schemas_of_the_command_line),
        cmocka_unit_test(the_examples_of_the_help_are_schemas),
        cmocka_unit_test(a_map_of_pyx12_becomes_a_schema),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
