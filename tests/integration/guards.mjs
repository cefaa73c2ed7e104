// A weak back-end behind the facade: never more at once than it bears, left alone while it is down, and tried by one (A17).

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {createServer} from "node:http";

import {Appliance, until} from "./appliance.lib.mjs";

const us = new Appliance();
let running = 0;
let most = 0;
let asked = 0;
let status = 200;
const held = [];
let holding = false;

const backEnd = createServer((request, answer) => {
  running++;
  asked++;
  most = Math.max(most, running);
  const end = () => {
    running--;
    answer.writeHead(status, {"Content-Type": "text/plain"}).end("done");
  };
  if (holding) held.push(end);
  else end();
});

const script = (body) => `local connection = require "connection"\nlocal M = {}\n${body}\nreturn M\n`;

before(async () => {
  await new Promise((done) => backEnd.listen(0, "127.0.0.1", done));
  await us.start();
  const url = `http://127.0.0.1:${backEnd.address().port}`;
  await us.apply({
    connections: [
      {name: "narrow", kind: "http", url, concurrent: 3, queue: 4, queue_wait: "10s"},
      {name: "frail", kind: "http", url, breaker: {failures: 3, open: "300ms"}},
      {name: "called", kind: "http", url, breaker: {failures: 3, open: "1h"}},
      {name: "shared", kind: "http", url, concurrent: 3, queue: 100, queue_wait: "60s"},
      {name: "single", kind: "http", url, concurrent: 1, queue: 100, queue_wait: "10s"},
    ],
    scripts: [
      {name: "many", source: script(`function M.request(req)
        local calls = {} for i = 1, 20 do calls[i] = {"shared", path = "/" .. i} end
        local statuses = {} for i, answer in ipairs(connection.all(calls)) do statuses[i] = answer.status end
        return req:respond{json = statuses} end`)},
      {name: "trying", source: script(`function M.request(req)
        local done, answer = pcall(connection.get, "called", "/x")
        return req:respond{json = {done and answer.status or answer}} end`)},
      {name: "again", source: script(`function M.response(res) return {json = {connection.get("single", "/more").status}} end`)},
    ],
    endpoints: [
      ...["narrow", "frail", "shared"].map((name) => ({route: `GET /${name}/*`, access: "public", track: "none", legacy: {connection: name}})),
      {route: "GET /many", access: "public", track: "none", script: "many", calls: ["shared"]},
      {route: "GET /trying", access: "public", track: "none", script: "trying", calls: ["called"]},
      {route: "GET /again", access: "public", track: "none", script: "again", calls: ["single"], legacy: {connection: "single"}},
    ],
  });
});
after(async () => {
  for (const end of held) end();
  backEnd.close();
  await us.remove();
});

const get = async (path) => {
  const answer = await fetch(us.public + path);
  return {status: answer.status, retry: answer.headers.get("retry-after"), body: await answer.text()};
};
const state = async (name) => (await us.get("/api/v1/stats")).back_ends?.[name];

test("A17: three at once, four wait, the rest are told to come back", async () => {
  holding = true;
  const first = Array.from({length: 3}, () => get("/narrow/x"));
  await until("three are there", () => held.length === 3);
  const waiting = Array.from({length: 4}, () => get("/narrow/x"));
  await until("four wait", async () => (await state("narrow"))?.waiting === 4);
  const refused = await get("/narrow/x");
  assert.equal(refused.status, 503);
  assert.match(refused.body, /back-end-busy/);
  assert.ok(Number(refused.retry) > 0);
  assert.equal(held.length, 3);
  holding = false;
  for (const end of held.splice(0)) end();
  const all = await Promise.all([...first, ...waiting]);
  assert.deepEqual(all.map((answer) => answer.status), Array(7).fill(200));
  assert.equal(most, 3);
  await until("nobody is left", async () => (await state("narrow")).running === 0);
});

test("a flood of three hundred passes three by three, and nothing is left behind", async () => {
  most = 0;
  const answers = await Promise.all(Array.from({length: 300}, () => get("/narrow/x")));
  assert.ok(answers.every((answer) => answer.status === 200 || answer.status === 503));
  assert.ok(answers.filter((answer) => answer.status === 200).length >= 7);
  assert.ok(most <= 3, `${most} at once`);
  await until("nobody is left", async () => {
    const now = await state("narrow");
    return now.running === 0 && now.waiting === 0;
  });
});

test("A17: calls of scripts take their turn among the three", async () => {
  most = 0;
  const answers = await Promise.all([get("/many"), get("/many"), ...Array.from({length: 20}, () => get("/shared/x"))]);
  assert.ok(most <= 3, `${most} at once`);
  for (const answer of answers.slice(0, 2)) assert.deepEqual(JSON.parse(answer.body), Array(20).fill(200));
  for (const answer of answers.slice(2)) assert.equal(answer.status, 200);
});

test("A17: the breaker opens by what calls of scripts meet, and they are told", async () => {
  status = 503;
  for (let i = 0; i < 3; i++) assert.deepEqual(JSON.parse((await get("/trying")).body), [503]);
  status = 200;
  const before = asked;
  assert.match((await get("/trying")).body, /down for the moment/);
  assert.equal(asked, before, "nobody was sent there");
  assert.equal((await state("called")).breaker, "open");
});

test("a script may call the back-end again that its endpoint has asked, with room for one", async () => {
  const answers = await Promise.all(Array.from({length: 5}, () => get("/again")));
  assert.deepEqual(answers.map((answer) => answer.body), Array(5).fill("[200]"));
});

test("A17: the breaker opens after failures in a row, lets one try, and closes when it is answered", async () => {
  status = 503;
  for (let i = 0; i < 3; i++) assert.equal((await get("/frail/x")).status, 503);
  const before = asked;
  const refused = await get("/frail/x");
  assert.equal(refused.status, 503);
  assert.match(refused.body, /back-end-down/);
  assert.equal(asked, before, "nobody was sent there");
  assert.equal((await state("frail")).breaker, "open");
  assert.match(await (await fetch(`${us.admin}/metrics`)).text(), /banyan_backend_breaker\{connection="frail"\} 1/);
  await until("half open", async () => (await state("frail")).breaker === "half-open");
  holding = true;
  const probe = get("/frail/x");
  await until("the probe is there", () => held.length === 1);
  assert.equal((await get("/frail/x")).status, 503, "one alone tries");
  assert.equal(held.length, 1);
  holding = false;
  held.splice(0)[0]();
  assert.equal((await probe).status, 503);
  assert.equal((await state("frail")).breaker, "open", "it failed: open again");
  status = 200;
  await until("half open once more", async () => (await state("frail")).breaker === "half-open");
  assert.equal((await get("/frail/x")).status, 200);
  assert.equal((await state("frail")).breaker, "closed");
  status = 404;
  for (let i = 0; i < 6; i++) await get("/frail/x");
  status = 200;
  assert.equal((await get("/frail/x")).status, 200, "what is not found is no failure");
});
