// Scripts as people work on them through the API: drafts, checks, runs, tests, versions, replay, samples, reference.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

const appliance = new Appliance();
const folder = (name) => join(appliance.directory, name);
const first = `local M = {}
function M.translate(message)
  local order = message.json
  return {json = {number = order.number, lines = #order.lines}, filename = order.number .. ".json"}
end
return M
`;

before(async () => {
  for (const name of ["in", "out"]) mkdirSync(folder(name), {recursive: true});
  await appliance.start();
  await appliance.apply({
    connections: [
      {name: "in", kind: "file", directory: folder("in"), poll: "200ms"},
      {name: "out", kind: "file", directory: folder("out")},
    ],
    scripts: [{name: "shorten", source: first}],
    flows: [{name: "shorten-orders", from: {connection: "in"}, script: "shorten", to: [{connection: "out", path: "{filename}"}]}],
  });
  for (let i = 1; i <= 3; i++) {
    const order = {number: `N${i}`, lines: i === 3 ? [] : [{sku: "A"}, {sku: "B"}]};
    writeFileSync(folder(`in.${i}`), JSON.stringify(order));
    renameSync(folder(`in.${i}`), join(folder("in"), `${i}.json`));
  }
  await until("three are translated", async () => (await appliance.messages("&direction=in&status=completed")).length === 3);
});
after(() => appliance.remove());

async function call(method, path, body) {
  const answer = await appliance.api(method, `/api/v1/scripts/${path}`, body);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

test("what is published first is version 1, also when it came by apply", async () => {
  const {items} = await call("GET", "shorten/versions");
  assert.deepEqual(items.map(({version, current, author}) => ({version, current, author})), [{version: 1, current: true, author: "local-admin"}]);
  assert.equal((await call("GET", "shorten/versions/1")).source, first);
  assert.equal((await appliance.get("/api/v1/scripts/shorten")).version, 1);
});

test("applying the same again makes no new version", async () => {
  await appliance.apply({scripts: [{name: "shorten", source: first}]});
  assert.equal((await call("GET", "shorten/versions")).items.length, 1);
});

test("a check names the line of a mistake and finds nothing in what is right", async () => {
  assert.deepEqual((await call("POST", "shorten/check", {source: first})).diagnostics, []);
  const {diagnostics} = await call("POST", "shorten/check", {source: "local M = {}\nfunction M.translate(m)\n  return {body = }\nend\nreturn M\n"});
  assert.equal(diagnostics.length, 1);
  assert.equal(diagnostics[0].line, 3);
  assert.equal(diagnostics[0].severity, "error");
});

test("a source runs on a text, a sample and a real message, under a name that does not exist yet, and nothing is kept", async () => {
  const count = (await appliance.messages()).length;
  const made = await call("POST", "brand-new/run", {source: "local M = {}\nfunction M.translate(m) print('seen', #m.body) return {body = m.body:upper()} end\nreturn M", body: "abc"});
  assert.equal(made.results[0].body, "ABC");
  assert.ok(made.log.some((line) => /seen/.test(line.text)), JSON.stringify(made.log));
  assert.ok(made.elapsed_ms >= 0);
  const message = (await appliance.messages("&direction=in")).find((m) => m.filename === "1.json");
  const run = await call("POST", "shorten/run", {message: message.id});
  assert.deepEqual(JSON.parse(run.results[0].body), {number: "N1", lines: 2});
  assert.equal(run.results[0].filename, "N1.json");
  await call("PUT", "shorten/samples/one.json", '{"number": "S1", "lines": []}');
  assert.deepEqual((await call("GET", "shorten/samples")).items.map((s) => s.name), ["one.json"]);
  const sampled = await call("POST", "shorten/run", {sample: "one.json"});
  assert.equal(JSON.parse(sampled.results[0].body).number, "S1");
  assert.equal((await appliance.messages()).length, count);
});

test("an empty text and a sample that is not there end in words, and the appliance goes on", async () => {
  const empty = await appliance.api("POST", "/api/v1/scripts/empty/run", {
    source: "local M = {}\nfunction M.translate(message) return {json = {size = #message.body}} end\nreturn M",
    function: "translate",
    body: "",
  });
  assert.equal(empty.status, 200);
  assert.equal((await appliance.api("GET", "/api/v1/scripts/empty/structure?sample=nothing.edi")).status, 404);
  assert.equal((await appliance.api("POST", "/api/v1/scripts/empty/run", {base64: "!!", source: "return {}"})).status, 400);
  assert.equal((await appliance.api("GET", "/healthz")).status, 200);
});

test("a run that fails tells line and words, and what was logged before", async () => {
  const run = await call("POST", "shorten/run", {source: "local M = {}\nfunction M.translate(m)\n  print('so far')\n  error('no further')\nend\nreturn M", body: "x"});
  assert.equal(run.error.line, 4);
  assert.equal(run.error.script, "shorten.lua");
  assert.match(run.error.text, /no further/);
  assert.ok(run.log.some((line) => /so far/.test(line.text)));
  assert.deepEqual(run.results, []);
});

test("LU-01: an endless loop ends, and says why", async () => {
  const run = await call("POST", "shorten/run", {source: "local M = {}\nfunction M.translate(m) while true do end end\nreturn M", body: "x"});
  assert.match(run.error.text, /CPU limit/);
});

test("a rehearsal uses up no control numbers", async () => {
  const source = `local edi = require "edi"
local M = {}
function M.translate(m)
  return {edi = edi.document("997", "004010", {{"AK1", "PO", "1"}, {"AK9", "A", "1", "1", "1"}})}
end
return M`;
  const bodies = [];
  for (let i = 0; i < 2; i++) bodies.push((await call("POST", "fresh/run", {source, body: "x"})).results[0].body);
  assert.equal(bodies[0].match(/IEA\*1\*(\d+)/)[1], "000000001");
  assert.equal(bodies[1].match(/IEA\*1\*(\d+)/)[1], "000000001");
});

const second = first.replace("lines = #order.lines", "lines = #order.lines, source = 'web'");
const tests = `local test = require "test"
test.case("lines are counted", function()
  local out = test.run("translate", "shorten_samples/one.json")
  test.equal(out.json.lines, 0)
end)
test.case("the source is told", function()
  test.equal(test.run_text("translate", '{"number":"1","lines":[1]}').json.source, "web")
end)
`;

test("a draft is its author's, and runs nowhere until it is published", async () => {
  await call("PUT", "shorten/draft", {source: second});
  await call("PUT", "shorten/draft", {tests, note: "tell the source"});
  const draft = await call("GET", "shorten/draft");
  assert.equal(draft.source, second);
  assert.equal(draft.tests, tests);
  assert.equal((await appliance.get("/api/v1/scripts/shorten")).source, first);
});

test("tests run on a draft, with the lines that ran", async () => {
  const report = await call("POST", "shorten/test", {source: second, tests});
  assert.deepEqual(report.tests.map((t) => [t.name, t.ok]), [["lines are counted", true], ["the source is told", true]]);
  assert.ok(report.coverage.lines["4"] > 0);
  const failing = await call("POST", "shorten/test", {source: first, tests});
  assert.equal(failing.failed, 1);
  const bad = failing.tests.find((t) => !t.ok);
  assert.equal(bad.line, 7);
  assert.match(bad.text, /expected "web"/);
});

test("a replay shows what a draft would change on real messages, in groups, and sends nothing", async () => {
  const count = (await appliance.messages()).length;
  const written = () => readdirSync(folder("out")).filter((name) => name.endsWith(".json")).map((name) => [name, readFileSync(join(folder("out"), name), "utf8")]);
  const [before, jobs] = [written(), (await appliance.get("/api/v1/jobs")).items.length];
  assert.ok(before.length >= 3);
  const same = await call("POST", "shorten/replay", {source: first, last: 10});
  assert.deepEqual({compared: same.compared, same: same.same, groups: same.groups}, {compared: 3, same: 3, groups: []});
  const changed = await call("POST", "shorten/replay", {last: 10});
  assert.equal(changed.compared, 3);
  assert.equal(changed.same, 0);
  assert.equal(changed.groups.length, 1);
  assert.deepEqual([changed.groups[0].kind, changed.groups[0].path, changed.groups[0].count], ["json", "$.source", 3]);
  assert.equal(changed.groups[0].example.after, '"web"');
  assert.equal(changed.groups[0].messages.length, 3);
  const rejecting = await call("POST", "shorten/replay", {source: first.replace("return {json", "if #order.lines == 0 then reject('empty') end\n  return {json"), last: 10});
  assert.equal(rejecting.same, 2);
  assert.deepEqual([rejecting.groups[0].kind, rejecting.groups[0].count, rejecting.groups[0].example.after], ["rejected", 1, "empty"]);
  assert.equal((await appliance.messages()).length, count);
  assert.deepEqual(written(), before);
  assert.equal((await appliance.get("/api/v1/jobs")).items.length, jobs);
});

test("banyan script replay tells the same on the command line, and by its exit code", () => {
  const file = join(appliance.directory, "shorten.lua");
  writeFileSync(file, first);
  const same = appliance.run("script", "replay", file);
  assert.equal(same.code, 0, same.err);
  assert.match(same.out, /3 compared, 3 the same/);
  writeFileSync(file, second);
  const changed = appliance.run("script", "replay", "--last", "2", file);
  assert.equal(changed.code, 1, changed.err);
  assert.match(changed.out, /2 compared, 0 the same/);
  assert.match(changed.out, /\$\.source.*"web"/);
});

test("publishing runs the tests first; a version is numbered, with author and note; the draft is gone", async () => {
  await call("PUT", "shorten/draft", {source: first, tests});
  const refused = await appliance.api("POST", "/api/v1/scripts/shorten/publish", {});
  assert.equal(refused.status, 409);
  assert.equal(refused.body.type, "/problems/tests-fail");
  assert.equal(refused.body.errors[0].pointer, "the source is told");
  assert.equal((await appliance.get("/api/v1/scripts/shorten")).version, 1);
  await call("PUT", "shorten/draft", {source: second, tests, note: "tell the source"});
  const published = await call("POST", "shorten/publish", {});
  assert.equal(published.version, 2);
  const {items} = await call("GET", "shorten/versions");
  assert.deepEqual(items.map((v) => [v.version, v.note ?? null, v.current]), [[2, "tell the source", true], [1, null, false]]);
  assert.equal((await appliance.api("GET", "/api/v1/scripts/shorten/draft")).status, 404);
});

test("every message tells which version made it", async () => {
  writeFileSync(folder("in.9"), JSON.stringify({number: "N9", lines: [1]}));
  renameSync(folder("in.9"), join(folder("in"), "9.json"));
  const message = await appliance.message("the new one", (m) => m.filename === "9.json" && m.status === "completed");
  const shown = await appliance.get(`/api/v1/messages/${message.id}`);
  const {items} = await call("GET", "shorten/versions");
  assert.equal(shown.script, `shorten@${items[0].hash}`);
  assert.deepEqual(JSON.parse(readFileSync(join(folder("out"), "N9.json"), "utf8")), {number: "N9", lines: 1, source: "web"});
});

test("LU-20: going back is one call, and is a version itself", async () => {
  const back = await call("POST", "shorten/rollback", {version: 1});
  assert.equal(back.version, 3);
  assert.equal((await appliance.get("/api/v1/scripts/shorten")).source, first);
  assert.equal((await call("GET", "shorten/versions")).items[0].note, "back to version 1");
  const answer = await appliance.api("POST", "/api/v1/scripts/shorten/rollback", {version: 99});
  assert.equal(answer.status, 404);
});

test("banyan script publishes, lists, shows and goes back on the command line, by its exit codes", () => {
  const file = join(appliance.directory, "told.lua");
  const told = (word) => `return {translate = function(m) return {body = "${word}"} end}\n`;
  writeFileSync(file, told("one"));
  writeFileSync(join(appliance.directory, "told_test.lua"), `local test = require "test"
test.case("it says one", function() test.equal(test.run_text("translate", "x").body, "one") end)
`);
  const made = appliance.run("script", "publish", "--note", "the first", file);
  assert.deepEqual([made.code, made.out], [0, "told is version 1 now\n"], made.err);
  writeFileSync(file, told("two"));
  const refused = appliance.run("script", "publish", file);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /it says one: .*expected "one"/);
  assert.equal(appliance.run("script", "publish", "--force", "--note", "at my risk", file).out, "told is version 2 now\n");
  assert.equal(appliance.run("script", "show", "told").out, told("two"));
  assert.equal(appliance.run("script", "show", "told", "1").out, told("one"));
  assert.equal(appliance.run("script", "rollback", "told", "1").out, "told is version 3 now\n");
  assert.equal(appliance.run("script", "show", "told").out, told("one"));
  const listed = JSON.parse(appliance.run("script", "versions", "--json", "told").out);
  assert.deepEqual(listed.map((v) => [v.version, v.note, v.current]), [[3, "back to version 1", true], [2, "at my risk", false], [1, "the first", false]]);
  assert.match(appliance.run("script", "versions", "told").out, /VERSION +PUBLISHED +BY +RUNS +NOTE\n3 /);
  assert.equal(appliance.run("script", "rollback", "told", "9").code, 3);
  writeFileSync(file, "this is no Lua");
  const broken = appliance.run("script", "publish", "--force", file);
  assert.notEqual(broken.code, 0);
  assert.match(broken.err, /told\.lua:1/);
});

test("forced publishing overrides tests, but nothing that does not compile", async () => {
  await call("PUT", "shorten/draft", {source: first, tests});
  assert.equal((await call("POST", "shorten/publish", {force: true, note: "at my risk"})).version, 4);
  await call("PUT", "shorten/draft", {source: "this is no Lua"});
  const refused = await appliance.api("POST", "/api/v1/scripts/shorten/publish", {force: true});
  assert.equal(refused.status, 422);
  assert.match(refused.body.detail, /shorten\.lua:1/);
});

test("the structure of a sample names segments, elements, JSON paths or columns", async () => {
  const po = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*1200*U*00401*000000001*0*P*:~GS*PO*S*R*20260101*1200*1*X*004010~ST*850*0001~BEG*00*SA*4711**20260101~PO1*1*5*EA*1.5**VP*X1~CTT*1~SE*5*0001~GE*1*1~IEA*1*000000001~";
  await call("PUT", "shorten/samples/po.x12", po);
  const edi = await call("GET", "shorten/structure?sample=po.x12");
  assert.equal(edi.standard, "X12");
  assert.equal(edi.type, "850");
  const beg = edi.segments.find((s) => s.tag === "BEG");
  assert.equal(beg.elements[2].example, "4711");
  assert.ok(beg.elements[2].name);
  assert.ok(edi.segments.find((s) => s.tag === "PO1").loop);
  const json = await call("GET", "shorten/structure?sample=one.json");
  assert.deepEqual(json.paths.map((p) => p.path), ["number", "lines"]);
  await call("PUT", "shorten/samples/list.csv", "sku;quantity\nA;1\n");
  assert.deepEqual((await call("GET", "shorten/structure?sample=list.csv")).columns, ["sku", "quantity"]);
  await call("DELETE", "shorten/samples/list.csv");
  assert.equal((await appliance.api("GET", "/api/v1/scripts/shorten/samples/list.csv")).status, 404);
});

test("the reference tells just what there is", async () => {
  const {modules} = await appliance.get("/api/v1/library");
  const documented = {};
  for (const module of modules) {
    assert.ok(module.name && module.summary, JSON.stringify(module));
    if (module.name === "globals") continue;
    for (const one of module.functions) assert.ok(!/\w[({]/.test(one.signature) || one.examples.every((text) => / --> /.test(text)), one.signature);
    documented[module.name] = [...new Set(module.functions.filter((f) => f.name.startsWith(`${module.name}.`)).map((f) => f.name.slice(module.name.length + 1)))].sort();
  }
  const names = Object.keys(documented).filter((name) => name !== "test");
  const source = `local json = require "json"
local M = {}
function M.translate(m)
  local found = {}
  for _, name in ipairs{${names.map((n) => JSON.stringify(n)).join(", ")}} do
    local members = {}
    for key in pairs(require(name)) do members[#members + 1] = key end
    table.sort(members)
    found[name] = json.array(members)
  end
  return {json = found}
end
return M`;
  const run = await call("POST", "reference/run", {source, body: "x"});
  assert.equal(run.error, undefined, JSON.stringify(run.error));
  delete documented.test;
  assert.deepEqual(JSON.parse(run.results[0].body), documented);
  assert.ok((await appliance.get("/api/v1/templates")).items.length >= 5);
});

test("AU-18: a viewer sees versions but neither writes drafts nor runs anything", async () => {
  const {body} = await appliance.api("POST", "/api/v1/keys", {name: "looker", role: "viewer"});
  const headers = {Authorization: `Bearer ${body.key}`, "Content-Type": "application/json"};
  const as = (method, path, content) => fetch(`${appliance.admin}/api/v1/scripts/shorten/${path}`, {method, headers, body: content});
  assert.equal((await as("GET", "versions")).status, 200);
  assert.equal((await as("PUT", "draft", "{}")).status, 403);
  assert.equal((await as("POST", "run", "{}")).status, 403);
  assert.equal((await as("POST", "publish", "{}")).status, 403);
});
