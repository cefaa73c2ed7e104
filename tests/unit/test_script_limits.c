/* tests/unit/test_script_limits.c: what hostile scripts try (LU rows), as far as the polite limits hold it. */
#include "tests/unit/script_fixture.h"

#include "core/base/clock.h"

#include <malloc.h>

static const char limits[] =
    "{\"limits\":{\"time_ms\":100,\"memory_bytes\":8388608,\"output_bytes\":65536,\"log_lines\":5}}";

/* Runs the statements under tight limits; the error must hold `words` and come soon. */
static void expect_limit(const char *statements, const char *words) {
    char *source = xasprintf(M("function M.translate(message)\n%s\nreturn {body = 'done'} end"), statements);
    int64_t from = clock_monotonic_ms();
    expect_error(source, limits, "", words);
    if (clock_monotonic_ms() - from > 5000) fail_msg("%s took too long", statements);
    free(source);
}

static void endless_loops_end_at_the_time_limit(void **state) { /* LU-01, LU-02 */
    (void)state;
    static const char *const loops[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "local c = coroutine.wrap(function() while true do end end) while true do pcall(c) end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "local t = setmetatable({}, {__index = function(t, k) while true do end end}) local x = t.a",
        "local a = setmetatable({}, {__eq = function() while true do end end}) local x = a == setmetatable({}, "
        "getmetatable(a))",
        "do local x <close> = setmetatable({}, {__close = function() while true do end end}) end",
        "coroutine.wrap(function() local x <close> = setmetatable({}, {__close = function() while true do end end})\n"
        "while true do end end)()",
        "local c = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() while true do "
        "end\n"
        "end}) while true do end end) coroutine.resume(c) coroutine.close(c)",
        "local function f() pcall(f) pcall(f) end f()",
        "local function f() return f() end f()",
        "::again:: goto again",
        "for i = 1, math.huge do pcall(error) end",
    };
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
        expect_limit(loops[i], "CPU limit: the script computed for more than 100 ms");
}

static void patterns_that_backtrack_end_at_the_time_limit(void **state) { /* LU-03 */
    (void)state;
    static const char *const patterns[] = {
        "local x = ('a'):rep(40):find(('.-'):rep(12) .. 'b')",
        "local x = ('a'):rep(28):match(('a?'):rep(28) .. ('a'):rep(28) .. 'b')",
        "local x = ('a'):rep(2000):gsub(('.-'):rep(6) .. 'b', '')",
        "for _ in ('a'):rep(200):gmatch(('a*'):rep(12) .. 'b') do end",
        "local x = ('('):rep(200000):find('%b()%b()') for i = 1, 1e9 do x = ('('):rep(200000):find('.%b()') end",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        expect_limit(patterns[i], "CPU limit");
}

static void library_functions_refuse_what_would_never_end(void **state) { /* LU-03, LU-06 */
    (void)state;
    static const struct {
        const char *statements, *words;
    } cases[] = {
        {"table.move({}, 1, 10^15 // 1, 2)", "table.move"},
        {"table.move({}, math.mininteger, math.maxinteger, 2)", "table.move"},
        {"table.insert(setmetatable({}, {__len = function() return 1 << 40 end}), 1, 'x')", "claims more than"},
        {"table.sort(setmetatable({}, {__len = function() return 1 << 40 end}))", "claims more than"},
        {"table.concat(setmetatable({}, {__len = function() return 1 << 40 end, __index = function() return '' end}))",
            "claims more than"},
        {"string.rep('x', 1 << 40)", "string.rep: the result would not fit"},
        {"string.rep('x', math.maxinteger, 'y')", "string.rep: the result would not fit"},
        {"assert(string.rep('', 1 << 62) == '') error('fine')", "fine"},
        {"assert(string.rep('x', -1) == '') error('fine')", "fine"},
        {"for i = 1, 1000 do assert(not pcall(string.rep, 'x', 1 << 40)) end error('fine')", "fine"},
        {"table.unpack({}, 1, 10^8 // 1)", "too many results"},
        {"string.format('%1000d', 1)", "invalid conversion"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_limit(cases[i].statements, cases[i].words);
}

static void memory_hogs_end_at_the_memory_limit(void **state) { /* LU-05 */
    (void)state;
    static const char *const hogs[] = {
        "local s = 'x' while true do s = s .. s end",
        "local t = {} for i = 1, 1e9 do t[i] = {} end",
        "local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print) end",
        "local t = {} for i = 1, 1e9 do t[i] = function() return i end end",
        "local t, d = {}, require 'decimal' for i = 1, 1e9 do t[i] = d(i) end",
        "local t = {} for i = 1, 1e9 do t['k' .. i] = i end",
        "local x = ('x'):rep(7000000) .. ('y'):rep(7000000)",
    };
    for (size_t i = 0; i < sizeof hogs / sizeof *hogs; i++) {
        char *source = xasprintf(M("function M.translate(message)\n%s\nend"), hogs[i]);
        expect_error(source, "{\"limits\":{\"time_ms\":20000,\"memory_bytes\":8388608}}", "",
            "memory limit: the script needs more than 8388608 bytes");
        free(source);
    }
}

static void a_script_that_catches_a_memory_error_goes_on(void **state) { /* LU-06 */
    (void)state;
    char *text =
        fixture_text(M("function M.translate()\nlocal ok, e = pcall(function() local s = 'x' while true do s = s .. s "
                       "end end)\nassert(not ok)\nreturn {body = tostring(e)} end"),
            "{\"limits\":{\"memory_bytes\":8388608}}", "");
    assert_string_equal(text, "not enough memory");
    free(text);
}

static void output_beyond_its_limit_is_an_error(void **state) {
    (void)state;
    expect_error(M("function M.translate() return {body = ('x'):rep(70000)} end"), limits, "", "output limit");
    expect_error(M("function M.translate() return {{body = ('x'):rep(40000)}, {body = ('x'):rep(40000)}} end"), limits,
        "", "output limit");
    expect_error(M("function M.translate() return {json = {('x'):rep(70000)}} end"), limits, "", "output limit");
    expect_error(M("function M.translate() return {csv = {{('x'):rep(70000)}}} end"), limits, "", "output limit");
    expect_error(M("function M.translate() local t = {} for i = 1, 20000 do t[i] = {body = ''} end return t end"), NULL,
        "", "more than 10000 results");
}

static void bytecode_and_what_reaches_out_is_absent(void **state) { /* LU-07, LU-08 */
    (void)state;
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"tostring(os) .. tostring(io) .. tostring(debug) .. tostring(package)", "nilnilnilnil"},
        {"tostring(dofile) .. tostring(loadfile) .. tostring(collectgarbage) .. tostring(string.dump)", "nilnilnilnil"},
        {"tostring(warn)", "nil"},
        {"select(2, pcall(require, 'os'))", "module 'os' was not found, neither in the library nor among the scripts"},
        {"select(2, pcall(require, '../x'))", "require: '../x' is not the name of a module"},
        {"tostring(load('\\27Lua'))", "nil"},
        {"select(2, pcall(load, 'return 1', 'x', 'b'))", "load: only text can be loaded (mode \"t\")"},
        {"tostring((pcall(load, function() return nil end)))", "false"},
        {"load('return 1 + 1')()", "2"},
        {"load('return x', 'n', 't', {x = 5})()", "5"},
        {"tostring(pcall(require, 'test.core'))", "false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *source = xasprintf(M("function M.translate() return {body = tostring(%s)} end"), cases[i].expression);
        char *text = fixture_text(source, NULL, "");
        if (!strstr(text, cases[i].expected)) fail_msg("%s gives %s", cases[i].expression, text);
        free(text);
        free(source);
    }
    fixture_main_len = 12;
    expect_error("\x1bLua\x54\x00\x19\x93\r\n\x1a\n", NULL, "", "attempt to load a binary chunk");
    fixture_main_len = 0;
}

static void metatables_of_the_host_are_out_of_reach(void **state) { /* LU-04, LU-09, LU-10 */
    (void)state;
    static const struct {
        const char *statements, *words;
    } cases[] = {
        {"setmetatable({}, {__gc = function() end})", "__gc is not for scripts"},
        {"getmetatable('').__index = 1", "attempt to index a boolean value"},
        {"setmetatable('', {})", "table expected"},
        {"getmetatable(require('decimal')(1)).__add = nil", "attempt to index a string value"},
        {"setmetatable(require('decimal')(1), {})", "table expected"},
        {"setmetatable(message, {})", "cannot change a protected metatable"},
        {"require('decimal')(1).round({}, 1)", "number expected"},
        {"local d = require('decimal')(1) d.x = 1", "attempt to index a decimal value"},
        {"require('decimal')(1):round('x')", "number expected"},
        {"message.csv{separator = ';;'}", "option 'separator' is one character"},
        {"message.csv{trim = 1}", "option 'trim' is a number, not true or false"},
        {"require('json').decode()", "string expected"},
        {"require('json').encode({}, {indent = -1})", "indent is 0 to 8"},
        {"reject()", "string expected"},
        {"reject('x', {segment = {}})", "where.segment is a table"},
        {"require('xml.core').methods(1)", "module 'xml.core' was not found"},
        {"require('edi.core').decode('')", "module 'edi.core' was not found"},
        {"setmetatable(require('lookup'), {})", "cannot change a protected metatable"},
        {"getmetatable(require('xml').element('a')).find = nil", "attempt to index a string value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_limit(cases[i].statements, cases[i].words);
}

/* LU-16: every function that a script can reach, with every pair of odd arguments, ends in a result or an error. */
static void odd_arguments_never_crash_the_host(void **state) {
    (void)state;
    static const char source[] = M(
        "local odd = {false, 0, -1, 1 << 62, math.mininteger, 0.5, 0/0, 1/0, '', 'a\\0b', '%', '[', ('x'):rep(300), "
        "{}, {1},\n"
        "  {a = {}}, print, coroutine.create(print), setmetatable({}, {__index = function() error('x') end})}\n"
        "local skip = {load = true, require = true}\n"
        "local calls = 0\n"
        "local function try(f, name, first)\n"
        "  if type(f) ~= 'function' or skip[name] then return end\n"
        "  pcall(f) if first ~= nil then pcall(f, first) end\n"
        "  for _, a in ipairs(odd) do\n"
        "    pcall(f, a) pcall(f, first, a) pcall(f, first, a, nil, a)\n"
        "    for _, b in ipairs(odd) do pcall(f, a, b) pcall(f, first, a, b) pcall(f, a, b, a) calls = calls + 3 end\n"
        "  end\n"
        "end\n"
        "function M.translate(m)\n"
        "  odd[#odd + 1] = require('decimal')('1.5') odd[#odd + 1] = m.edi odd[#odd + 1] = m.edi:segment('BEG')\n"
        "  for _, name in ipairs{'json', 'csv', 'decimal', 'log', 'lookup', 'xml', 'edi',\n"
        "      'text', 'date', 'record', 'check'} do\n"
        "    for key, f in pairs(require(name)) do try(f, key) end\n"
        "  end\n"
        "  for key, f in pairs(_G) do try(f, key) end\n"
        "  for _, name in ipairs{'string', 'table', 'math', 'utf8'} do\n"
        "    for key, f in pairs(_G[name]) do if key ~= 'rep' then try(f, key) end end\n"
        "  end\n"
        "  for _, name in ipairs{'text', 'number', 'decimal', 'date', 'time', 'need', 'segment', 'segments', 'loops', "
        "'loop', 'has'} do\n"
        "    try(m.edi[name], name, m.edi)\n"
        "  end\n"
        "  for _, name in ipairs{'text', 'number', 'decimal', 'date', 'time', 'need', 'qualified', 'count', "
        "'repetitions'} do\n"
        "    try(m.edi:segment('BEG')[name], name, m.edi:segment('BEG'))\n"
        "  end\n"
        "  try(m.csv, 'csv', m) try(m.record, 'record', m)\n"
        "  return {body = tostring(calls > 100000)}\n"
        "end");
    static const char payload[] =
        "ISA*00*          *00*          *01*123456789      *ZZ*BANYAN         *261123*1615*U*00401*000000042*0*P*>~"
        "GS*PO*123456789*BANYAN*20261123*1615*42*X*004010~ST*850*0001~BEG*00*SA*4711**20261123~PO1*1*1*EA~CTT*1~"
        "SE*5*0001~GE*1*42~IEA*1*000000042~";
    char *text = fixture_text(source, "{\"limits\":{\"time_ms\":60000}}", payload);
    assert_string_equal(text, "true");
    free(text);
}

/* Two messages run through one text: the second must find nothing that the first one changed. */
static void a_run_leaves_nothing_to_the_next(void **state) { /* LU-09, LU-19 */
    (void)state;
    static const char *const changes[] = {
        "_G.leak = 1",
        "leak = 1",
        "_ENV.leak = 1",
        "string.format = nil",
        "string.leak = 1",
        "table.leak = 1",
        "math.pi = 3",
        "for name in pairs(string) do string[name] = nil end",
        "print, pcall, require = nil, nil, nil",
        "rawset(string, 'leak', 1) rawset(_G, 'leak', 1)",
        "rawset(_G, 'string', {}) rawset(table, 'concat', nil)",
        "pairs(_G) leak = 1 string = nil",
        "table.insert(string, 1) string[1] = nil string.leak = 1",
        "setmetatable(_G, {__newindex = function(t, k, v) rawset(t, k, 1) end}) leak = 2",
        "getmetatable(_G, string) function string.leak() end",
        "require('json').encode = nil",
        "require('json').null = 1",
        "require('text').trim = nil",
        "require('date').edifact['101'] = 'x'",
        "require('edi').document = nil",
        "require('other').leak = 1",
        "for _, t in ipairs{_G, string, table, math, utf8, coroutine} do setmetatable(t, {__index = function() return "
        "1 "
        "end}) end",
        "setmetatable(require('text'), {__index = function() return 1 end})",
        "load('leak = 1')()",
        "if message.vars.x then message:respond{status = 404} end",
        "coroutine.wrap(function() leak = 1 coroutine.yield() end)()",
    };
    static const char check[] =
        "local text, json, date = require('text'), require('json'), require('date')\n"
        "local clean = leak == nil and string.leak == nil and table.leak == nil and math.pi > 3.1 and print and pcall\n"
        "  and json.encode({1, json.null}) == '[1,null]' and text.trim(' a ') == 'a' and ('%d'):format(7) == '7'\n"
        "  and string.format('%d', 7) == '7' and date.edifact['101'] == 'yymmdd' and require('edi').document\n"
        "  and require('other').leak == nil and text.nothing == nil and nothing == nil and string.nothing == nil\n"
        "  and _G.string == string and _ENV == _G\n";
    fixture_other = "return {}";
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char *source = xasprintf("local M, count = {}, 0\nfunction M.translate(message)\n%s\n"
                                 "if not clean or count > 0 then error('not clean') end count = count + 1\n"
                                 "%s return {body = 'x'} end\nfunction M.request(message) return M.translate(message) "
                                 "end\nreturn M",
            check, changes[i]);
        for (int round = 0; round < 3; round++) {
            script_outcome out;
            error *err = fixture_run(
                source, round == 1 ? "{\"function\":\"request\",\"message\":{\"vars\":{\"x\":1}}}" : NULL, "", &out);
            if (err) fail_msg("%s: round %d: %s", changes[i], round, error_text(err));
            if (round != 1) assert_null(json_object_get(out.result, "respond"));
            script_outcome_free(&out);
        }
        free(source);
    }
    fixture_other = NULL;
}

/* The library's tables lie behind the globals of a run; nothing of that is seen. */
static void globals_look_like_plain_tables(void **state) {
    (void)state;
    static const struct {
        const char *statements, *expected;
    } cases[] = {
        {"return getmetatable(_G) == nil and getmetatable(string) == nil", "true"},
        {"return tostring(rawget(_G, 'print') == print) .. tostring(rawget(string, 'format') == string.format)",
            "truetrue"},
        {"local n = 0 for name, f in pairs(string) do n = n + 1 end return n > 12 and next(string) ~= nil", "true"},
        {"local n = {} for name in pairs(_G) do n[name] = true end return n.print and n._G and n.string and n.require "
         "and "
         "not n.script_require",
            "true"},
        {"string.format = nil return tostring(string.format) .. ('%d'):format(1)", "nil1"},
        {"print = nil return print", "nil"},
        {"local p = print print = nil print = p return print == p", "true"},
        {"mine = 1 mine = nil return mine", "nil"},
        {"mine = 1 for name, v in pairs(_G) do if name == 'mine' then return v end end", "1"},
        {"setmetatable(_G, {__index = function(_, name) error('unknown ' .. name) end}) "
         "return select(2, pcall(function() return typo end)):match('unknown typo') .. type(print)",
            "unknown typofunction"},
        {"setmetatable(string, {__index = {twice = function(s) return s .. s end}}) return string.twice('a') .. "
         "string.rep('b', 2)",
            "aabb"},
        {"local s = string string = nil return type(s.rep) .. type(string) .. type(_G.string)", "functionnilnil"},
        {"return _ENV == _G and _G._G == _G and _G.string == string", "true"},
        {"local keep = table.concat table.concat = function() return 'mine' end return table.concat{1} .. keep{2}",
            "mine2"},
        {"return rawlen(string) .. #_G", "00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int twice = 0; twice < 2; twice++) /* also in a state that ran before */
            expect_result(cases[i].statements, "", cases[i].expected);
    }
}

static void a_seed_is_not_seen_by_the_next_run(void **state) { /* LU-09 */
    (void)state;
    static const char source[] = M("function M.translate(message) local first = math.random(1 << 60)\n"
                                   "math.randomseed(42) return {body = tostring(first)} end");
    char *one = fixture_text(source, NULL, ""), *two = fixture_text(source, NULL, "");
    char *three = fixture_text(source, NULL, "");
    assert_string_not_equal(two, three);
    assert_string_not_equal(one, two);
    free(one);
    free(two);
    free(three);
}

static void a_failed_run_is_followed_by_one_that_works(void **state) { /* LU-03, LU-05 */
    (void)state;
    static const char source[] =
        M("local kept = {}\nfunction M.translate(m)\n"
          "if m.body == 'loop' then while true do end end\n"
          "if m.body == 'hog' then while true do kept[#kept + 1] = ('x'):rep(100000) .. #kept end end\n"
          "if m.body == 'error' then error('as told') end if m.body == 'reject' then reject('as told') end\n"
          "return {body = tostring(#kept)} end");
    static const char *const bodies[] = {"loop", "hog", "error", "reject"};
    for (size_t i = 0; i < 12; i++) {
        script_outcome out;
        error *err = fixture_run(source, limits, bodies[i % 4], &out);
        assert_true(err || json_object_get(out.result, "rejected"));
        error_free(err);
        script_outcome_free(&out);
        char *text = fixture_text(source, limits, "fine");
        assert_string_equal(text, "0");
        free(text);
    }
}

static void many_runs_keep_a_bounded_memory(void **state) { /* LU-05 */
    (void)state;
    static const char source[] = M("local edi = require 'edi'\nfunction M.translate(m)\n"
                                   "local t = {} for i = 1, 200 do t[i] = {i, tostring(i)} end\n"
                                   "return {body = m.edi:text('BEG', 3) .. #t} end");
    static const char payload[] =
        "ISA*00*          *00*          *01*123456789      *ZZ*BANYAN         *261123*1615*U*00401*000000042*0*P*>~"
        "GS*PO*123456789*BANYAN*20261123*1615*42*X*004010~ST*850*0001~BEG*00*SA*4711**20261123~PO1*1*1*EA~CTT*1~"
        "SE*5*0001~GE*1*42~IEA*1*000000042~";
    size_t before = 0;
    for (int i = 0; i < 3000; i++) {
        free(fixture_text(source, NULL, payload));
        if (i == 500) before = mallinfo2().uordblks;
    }
    assert_true(mallinfo2().uordblks < before + 8 * 1024 * 1024);
}

static void strange_error_values_end_in_words(void **state) { /* LU-11 */
    (void)state;
    static const struct {
        const char *statements, *words;
    } cases[] = {
        {"error(nil)", "an error without a message (nil)"},
        {"error()", "an error without a message (nil)"},
        {"error({})", "table: "},
        {"error(setmetatable({}, {__tostring = function() return 'in words' end}))", "in words"},
        {"error(setmetatable({}, {__tostring = function() error('again') end}))",
            "an error of type table was raised that"},
        {"error(setmetatable({}, {__tostring = function() return {} end}))", "an error of type table was raised that"},
        {"error(setmetatable({}, {__tostring = function() while true do end end}))", "cannot be shown"},
        {"error(true)", "true"},
        {"error(42)", "42"},
        {"xpcall(error, function() error('again') end) error('after')", "after"},
        {"error(setmetatable({}, {__name = 'banyan'}))", "banyan: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_limit(cases[i].statements, cases[i].words);
}

static void deep_recursion_is_an_error(void **state) { /* LU-12 */
    (void)state;
    static const struct {
        const char *statements, *words;
    } cases[] = {
        {"local function f() return 1 + f() end f()", "limit"}, /* 64 MiB come before a million slots */
        {"local function f(a, b, c, d, e, g, h) return 1 + f(a, b, c, d, e, g, h) end f()", "stack overflow"},
        {"local function f(x) return (x:gsub('.', f)) end f('a')", "stack overflow"},
        {"local function f() table.sort({1, 2, 3}, f) end f()", "stack overflow"},
        {"local c c = function() coroutine.wrap(c)() end c()", "stack overflow"},
        {"local x = ('a'):rep(300):match(('a?'):rep(300))", "pattern too complex"},
        {"local x = assert(load('return ' .. ('('):rep(100000) .. '1' .. (')'):rep(100000)))", "overflow"},
        {"local x = assert(load('return ' .. ('{'):rep(100000)))", "overflow"},
        {"local x = ('x'):match(('('):rep(40) .. (')'):rep(40))", "too many captures"},
        {"local t = {} for i = 1, 200 do t = {t} end require('json').encode(t)", "nested deeper"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *source = xasprintf(M("function M.translate(message)\n%s\nend"), cases[i].statements);
        expect_error(source, NULL, "", cases[i].words);
        free(source);
    }
}

static void logs_are_capped_and_escaped(void **state) { /* LU-13 */
    (void)state;
    script_outcome out;
    assert_null(fixture_run(M("function M.translate() local log = require 'log'\n"
                              "log.info('a\\r\\n\\27[31mb') log.info(('x'):rep(1048576))\n"
                              "for i = 1, 1000 do log.info(i) end return {body = ''} end"),
        limits, "", &out));
    json_t *log = json_object_get(out.result, "log");
    assert_int_equal(json_array_size(log), 6);
    assert_string_equal(json_get_text(json_array_get(log, 0), "text", ""), "a\\x0D\\n\\x1B[31mb");
    assert_int_equal(strlen(json_get_text(json_array_get(log, 1), "text", "")), 2000);
    assert_non_null(strstr(json_get_text(json_array_get(log, 5), "text", ""), "the rest is left out"));
    script_outcome_free(&out);
}

static void strange_returns_are_errors(void **state) { /* LU-14 */
    (void)state;
    expect_error(
        M("function M.translate() return table.unpack(setmetatable({}, {__index = function() return 1 end}), 1, "
          "100000) end"),
        NULL, "", "the function returned a number");
    expect_error(M("function M.translate() local t = {} t[0/0] = 1 return {json = t} end"), NULL, "", "index is NaN");
    expect_error(M("function M.translate() return coroutine.yield({body = 'x'}) end"), NULL, "",
        "attempt to yield from outside a coroutine");
    expect_result("local c = coroutine.create(function() local x = message.json coroutine.yield() end)\n"
                  "coroutine.resume(c) return 'abandoned'",
        "{}", "abandoned");
    expect_result("return require('json').encode(setmetatable({1}, {__pairs = function() error('x') end}))", "", "[1]");
}

static void an_oversized_or_odd_source_is_refused_or_kept_whole(void **state) { /* LU-21 */
    (void)state;
    char *large = xmalloc(2 << 20);
    memset(large, '\n', (2 << 20) - 1);
    large[(2 << 20) - 1] = '\0';
    expect_error(large, NULL, "", "main.lua is larger than 1048576 bytes");
    free(large);
    char *text = fixture_text(
        "\xEF\xBB\xBFlocal x = [==[\xff ]] --]] ]==] return {translate = function() return {body = x} end}", NULL, "");
    assert_string_equal(text, "\xff ]] --]] ");
    free(text);
    static const char nul[] = "return {translate = function() return {body = 'a\0b'} end}";
    script_outcome out;
    fixture_main_len = sizeof nul - 1;
    assert_null(fixture_run(nul, NULL, "", &out));
    assert_int_equal(out.payloads[0].len, 3);
    script_outcome_free(&out);
    fixture_main_len = 0;
}

static void patterns_match_as_lua_describes_them(void **state) {
    (void)state;
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"('hello world'):match('^(%w+) (%w+)$')", "hello"},
        {"select(2, ('hello world'):match('^(%w+) (%w+)$'))", "world"},
        {"('key = value'):match('^(%w+)%s*=%s*(%w+)$')", "key"},
        {"('  x '):gsub('^%s+', ''):gsub('%s+$', '')", "x"},
        {"('abc'):find('b', 1, true)", "2"},
        {"('a.b'):find('.', 1, true)", "2"},
        {"('a.b'):find('%.')", "2"},
        {"('abc'):find('', 10)", "nil"},
        {"('abc'):find('', 4)", "4"},
        {"('abc'):find('c', -1)", "3"},
        {"('abc'):match('()c')", "3"},
        {"('THE (quick) fox'):find('%((%a+)%)')", "5"},
        {"('f(a(b)c)d'):match('%b()')", "(a(b)c)"},
        {"('THE (quick) fox'):gsub('%f[%a]%a+', 'X')", "X (X) X"},
        {"('abab'):match('(ab)%1')", "ab"},
        {"('hello'):gsub('l', {l = 'L'})", "heLLo"},
        {"('hello'):gsub('l', function() return nil end)", "hello"},
        {"('hello'):gsub('(h)(e)', '%2%1%%')", "eh%llo"},
        {"('abc'):gsub('', '-')", "-a-b-c-"},
        {"select(2, ('abc'):gsub('%w', '%0%0', 2))", "2"},
        {"('[x]'):match('[]]')", "]"},
        {"('a-z'):match('[a%-z]+')", "a-z"},
        {"('x^y'):match('[%^x]+')", "x^"},
        {"('0x1F'):match('^0[xX](%x+)$')", "1F"},
        {"('aaa'):match('a-b')", "nil"},
        {"('aab'):match('a-b')", "aab"},
        {"('a,b,,c'):gsub(',', ';')", "a;b;;c"},
        {"(function() local n = 0 for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do n = n + v end return n end)()",
            "3"},
        {"(function() local t = {} for w in ('one two'):gmatch('%a*') do t[#t + 1] = '<' .. w .. '>' end return "
         "table.concat(t) end)()",
            "<one><two>"},
        {"(function() local t = {} for w in ('abc'):gmatch('%w', 2) do t[#t + 1] = w end return table.concat(t) end)()",
            "bc"},
        {"('x'):rep(3, '-')", "x-x-x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *statements = xasprintf("return %s", cases[i].expression);
        expect_result(statements, "", cases[i].expected);
        free(statements);
    }
    static const struct {
        const char *expression, *words;
    } faults[] = {
        {"('x'):match('[a')", "missing ']'"},
        {"('x'):match('%')", "ends with '%'"},
        {"('x'):match('(x')", "unfinished capture"},
        {"('x'):match('x)')", "invalid pattern capture"},
        {"('x'):match('%1')", "invalid capture index %1"},
        {"('x'):match('%f')", "missing '[' after '%f'"},
        {"('x'):match('%bx')", "missing arguments to '%b'"},
        {"('x'):gsub('x', '%2')", "invalid capture index"},
        {"('x'):gsub('x', '%y')", "invalid use of '%'"},
        {"('x'):gsub('x', {x = {}})", "invalid replacement value (a table)"},
        {"('x'):gsub('x')", "string/function/table expected"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char *source = xasprintf(M("function M.translate()\nlocal x = %s\nend"), faults[i].expression);
        expect_error(source, NULL, "", faults[i].words);
        free(source);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endless_loops_end_at_the_time_limit),
        cmocka_unit_test(patterns_that_backtrack_end_at_the_time_limit),
        cmocka_unit_test(library_functions_refuse_what_would_never_end),
        cmocka_unit_test(memory_hogs_end_at_the_memory_limit),
        cmocka_unit_test(a_script_that_catches_a_memory_error_goes_on),
        cmocka_unit_test(output_beyond_its_limit_is_an_error),
        cmocka_unit_test(bytecode_and_what_reaches_out_is_absent),
        cmocka_unit_test(metatables_of_the_host_are_out_of_reach),
        cmocka_unit_test(odd_arguments_never_crash_the_host),
        cmocka_unit_test(a_run_leaves_nothing_to_the_next),
        cmocka_unit_test(globals_look_like_plain_tables),
        cmocka_unit_test(a_seed_is_not_seen_by_the_next_run),
        cmocka_unit_test(a_failed_run_is_followed_by_one_that_works),
        cmocka_unit_test(many_runs_keep_a_bounded_memory),
        cmocka_unit_test(strange_error_values_end_in_words),
        cmocka_unit_test(deep_recursion_is_an_error),
        cmocka_unit_test(logs_are_capped_and_escaped),
        cmocka_unit_test(strange_returns_are_errors),
        cmocka_unit_test(an_oversized_or_odd_source_is_refused_or_kept_whole),
        cmocka_unit_test(patterns_match_as_lua_describes_them),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
