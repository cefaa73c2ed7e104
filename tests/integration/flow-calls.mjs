// Scripts of flows that call other systems, and what they get where nothing may be sent: in the workbench, in a replay,
// on the command line.

import assert from "node:assert/strict";
import {mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync} from "node:fs";
import {createServer} from "node:http";
import {join} from "node:path";
import {after, before, test} from "node:test";

import {Appliance, until} from "./appliance.lib.mjs";

const us = new Appliance();
const folder = (name) => join(us.directory, name);
const seen = [];
let waiting = [], broken = 0;

// /together answers when two wait; /broken fails as often as `broken` says.
const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    seen.push({method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString()});
    const answer = (status, value) => response.writeHead(status, {"Content-Type": "application/json"}).end(JSON.stringify(value));
    if (request.url === "/never") return;
    if (request.url.startsWith("/together")) {
      waiting.push(() => answer(200, {n: request.url.at(-1)}));
      if (waiting.length === 2) waiting.splice(0).forEach((go) => go());
    } else if (request.url === "/broken" && broken-- > 0) request.socket.destroy();
    else answer(200, {path: request.url, quantity: 7});
  });
});

const script = (body) => `local connection = require "connection"\nlocal M = {}\nfunction M.translate(m)\n${body}\nend\nreturn M\n`;
const sources = {
  together: `local both = connection.all{a = {"them", path = "/together?1"}, b = {"them", path = "/together?2"}}
    return {json = {both.a.json.n, both.b.json.n, m.body}}`,
  booked: `local stock = connection.get("files", "stock.json").json.quantity
    local done = connection.call("them", {path = "/book", json = {order = m.body}})
    return {json = {stock, done.status}}`,
  retried: `local done = connection.call("them", {path = "/broken", json = {order = m.body}}) return {json = {done.status}}`,
  forbidden: `return {json = {connection.get("secret", "/").status}}`,
  silent: `return {json = {connection.get("them", "/never").status}}`,
  stock: `return {json = {connection.get("files", "stock.json").json.quantity}}`,
  off: `return {json = {connection.get("off", "/").status}}`,
};
const flow = (name) => ({
  name, from: {connection: "in", path: `${name}-*`}, script: name, calls: ["them", "files", "off"],
  to: [{connection: "out", path: "{filename}"}], retry: {attempts: name === "retried" ? 5 : 1, first: "100ms", maximum: "100ms"},
  ...(name === "silent" ? {timeout: "300ms"} : {}),
  ...(name === "stock" ? {calls: ["files"]} : {}),
});

before(async () => {
  for (const name of ["in", "out", "files"]) mkdirSync(folder(name));
  writeFileSync(join(folder("files"), "stock.json"), '{"quantity": 7}');
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${server.address().port}`;
  await us.start();
  await us.apply({
    connections: [
      ...["in", "out", "files"].map((name) => ({name, kind: "file", directory: folder(name), ...(name === "in" ? {poll: "1s"} : {})})),
      {name: "them", kind: "http", url},
      {name: "secret", kind: "http", url},
      {name: "off", kind: "http", url, enabled: false},
    ],
    scripts: Object.entries(sources).map(([name, body]) => ({name, source: script(body)})),
    flows: Object.keys(sources).map(flow),
  });
});

after(async () => {
  await us.remove();
  server.closeAllConnections();
  server.close();
});

function drop(name, text) {
  writeFileSync(join(us.directory, name), text);
  renameSync(join(us.directory, name), join(folder("in"), name));
}
const result = (name) => until(`the result ${name}`, () => readdirSync(folder("out")).includes(name) && JSON.parse(readFileSync(join(folder("out"), name), "utf8")));
const ended = (name, status) => us.message(`${name} ${status}`, (m) => m.filename === name && m.direction === "in" && m.status === status);

test("a flow's script calls several systems at the same time, and its result goes on", async () => {
  drop("together-1", "hello");
  assert.deepEqual(await result("together-1"), ["1", "2", "hello"]);
  const {id} = await ended("together-1", "completed");
  const called = (await us.events(id)).filter((e) => e.kind === "called").map((e) => e.text);
  assert.deepEqual(called.sort(), ["GET /together?1 on them: 200", "GET /together?2 on them: 200"]);
});

test("files answer, and what changes something carries the message's id and a key of its own", async () => {
  seen.length = 0;
  drop("booked-1", "A1");
  assert.deepEqual(await result("booked-1"), [7, 200]);
  const {id} = await ended("booked-1", "completed");
  assert.equal(seen.length, 1);
  assert.equal(seen[0].body, '{"order":"A1"}');
  assert.equal(seen[0].headers["x-request-id"], id);
  assert.match(seen[0].headers["idempotency-key"], /^"[0-9a-f-]{36}-2"$/);
});

test("a system that fails fails the attempt; the next one asks again with the same key", async () => {
  seen.length = 0;
  broken = 4; // the first try of each attempt and the repetition that its key allows
  drop("retried-1", "A2");
  assert.deepEqual(await result("retried-1"), [200]);
  assert.ok(seen.length >= 3);
  assert.equal(new Set(seen.map((one) => one.headers["idempotency-key"])).size, 1);
});

test("LU-17: what the flow does not list cannot be called, nor what is switched off", async () => {
  seen.length = 0;
  drop("forbidden-1", "x");
  assert.match((await ended("forbidden-1", "failed")).reason, /'secret' is none that this script may call/);
  drop("off-1", "x");
  assert.match((await ended("off-1", "failed")).reason, /connection off: it is switched off/);
  assert.equal(seen.length, 0);
});

test("a system that says nothing ends the attempt at the flow's timeout", async () => {
  const began = Date.now();
  drop("silent-1", "x");
  await ended("silent-1", "failed");
  assert.ok(Date.now() - began < 8000);
});

test("systems that say nothing hold up no other flow", async () => {
  await us.api("PUT", "/api/v1/flows/silent", {...flow("silent"), timeout: "20s"});
  for (let i = 0; i < 40; i++) drop(`silent-many-${i}`, "x");
  await until("some of them wait", () => seen.filter((one) => one.url === "/never").length >= 8);
  drop("stock-1", "x");
  assert.deepEqual(await result("stock-1"), [7]);
  await us.api("PUT", "/api/v1/flows/silent", {...flow("silent"), enabled: false});
});

const run = (name, body) => us.api("POST", `/api/v1/scripts/${name}/run`, body);
const mocks = (text) => us.api("PUT", "/api/v1/scripts/booked/samples/calls.json", typeof text === "string" ? text : JSON.stringify(text));

test("in the workbench nothing is sent: without a sample that answers, the script is told so", async () => {
  seen.length = 0;
  const {body} = await run("booked", {body: "A9"});
  assert.match(body.error.text, /connection files: nothing is sent from here, and the sample calls.json has no answer to GET stock.json/);
  assert.equal(body.error.line, 4);
  assert.deepEqual(body.called.map((one) => one.connection), ["files"]);
  assert.equal(seen.length, 0);
});

test("the sample calls.json answers by connection, method and path, and its mistakes are named", async () => {
  seen.length = 0;
  await mocks([{connection: "files", path: "stock.*", json: {quantity: 3}}, {connection: "them", method: "POST", path: "/bo*", status: 201}]);
  const {body} = await run("booked", {body: "A9"});
  assert.deepEqual(JSON.parse(body.results[0].body), [3, 201]);
  assert.deepEqual(body.called.map((one) => `${one.method} ${one.path} ${one.status}`), ["GET stock.json 200", "POST /book 201"]);
  await mocks('[{"path": "/"}]');
  assert.match((await run("booked", {body: "A9"})).body.error.text, /calls.json: answer 1 names no "connection"/);
  assert.equal(seen.length, 0);
});

test("a replay asks nobody, and shows calls that a draft makes otherwise", async () => {
  await mocks([{connection: "*", json: {}}, {connection: "files", json: {quantity: 3}}, {connection: "them"}]);
  seen.length = 0;
  const same = await us.api("POST", "/api/v1/scripts/booked/replay", {source: script(sources.booked), last: 5});
  assert.equal(same.body.compared, same.body.same);
  const other = script(sources.booked.replace("/book", "/reserve"));
  const changed = await us.api("POST", "/api/v1/scripts/booked/replay", {source: other, last: 5});
  assert.equal(changed.body.groups[0].kind, "calls");
  assert.match(changed.body.groups[0].example.before, /^GET stock.json on files, POST \/book on them \(body [0-9a-f]{8}\)$/);
  assert.match(changed.body.groups[0].example.after, /POST \/reserve on them/);
  assert.equal(seen.length, 0);
});

test("banyan script run takes the same file, and tests may name it", () => {
  const bench = folder("bench");
  mkdirSync(join(bench, "booked_samples"), {recursive: true});
  writeFileSync(join(bench, "booked.lua"), script(sources.booked));
  writeFileSync(join(bench, "booked_samples/order"), "A1");
  const order = join(bench, "booked_samples/order");
  const without = us.run("script", "run", join(bench, "booked.lua"), order);
  assert.equal(without.code, 1);
  assert.match(without.err, /has no answer to GET stock.json/);
  writeFileSync(join(bench, "booked_samples/calls.json"), '[{"connection": "files", "json": {"quantity": 9}}, {"connection": "them", "status": 202}]');
  assert.equal(us.run("script", "run", join(bench, "booked.lua"), order).out, "[9,202]");
  writeFileSync(join(bench, "booked_test.lua"), `local test = require "test"
    test.case("books", function()
      test.equal(test.run("translate", "booked_samples/order", {calls = "booked_samples/calls.json"}).json, {9, 202})
    end)`);
  const tested = us.run("script", "test", bench);
  assert.equal(tested.code, 0, tested.out);
});

test("a message whose translation failed tells which flow and script it was", async () => {
  const {id} = await ended("off-1", "failed");
  const message = await us.get(`/api/v1/messages/${id}`);
  assert.equal(message.flow, "off");
  assert.match(message.reason, /off\.lua:4/);
});

const byHand = (connection, body) => us.api("POST", `/api/v1/connections/${connection}/call`, body);

test("a back-end is called by hand, and a file looked into, from a connection's page", async () => {
  seen.length = 0;
  const got = await byHand("them", {path: "/stock/1", headers: {"X-Own": "yes"}});
  assert.equal(got.status, 200);
  assert.deepEqual([got.body.status, JSON.parse(got.body.body).path, got.body.cut], [200, "/stock/1", false]);
  assert.equal(seen[0].headers["x-own"], "yes");
  const file = await byHand("files", {path: "stock.json"});
  assert.deepEqual([file.body.status, file.body.body, file.body.size], [200, '{"quantity": 7}', 15]);
  assert.equal((await byHand("files", {path: "none.json"})).body.status, 404);
  assert.match((await byHand("files", {path: "../data/admin.key"})).body.error, /./);
  assert.match((await byHand("off", {path: "/"})).body.error, /switched off/);
  assert.equal((await byHand("nobody", {path: "/"})).status, 404);
  assert.equal((await byHand("them", {pth: "/"})).status, 422);
});

test("a call by hand that may change something is a developer's, and stands in the audit", async () => {
  const key = (await us.api("POST", "/api/v1/keys", {name: "desk", role: "operator"})).body.key;
  const call = (method) => us.api("POST", "/api/v1/connections/them/call", {method, path: "/book", body: "x"}, {Authorization: `Bearer ${key}`});
  assert.equal((await call("POST")).status, 403);
  assert.equal((await call("GET")).status, 200);
  assert.equal((await byHand("them", {method: "POST", path: "/book", body: "x"})).body.status, 200);
  const audit = (await us.get("/api/v1/audit")).items[0];
  assert.deepEqual([audit.what, audit.object], ["call by hand", "connections/them"]);
});
