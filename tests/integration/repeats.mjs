// A call of a back-end that failed is made again, where that changes nothing twice, and never beyond its budget.

import assert from "node:assert/strict";
import {createHash} from "node:crypto";
import {after, before, test} from "node:test";
import {createServer} from "node:http";

import {Appliance, until} from "./appliance.lib.mjs";

const us = new Appliance();
let calls = []; // {method, body}
let plan = []; // what the next calls are answered: a status, {status, headers}, or "cut"; then 200

const backEnd = createServer((request, answer) => {
  const hash = createHash("sha256");
  let size = 0;
  request.on("data", (piece) => {
    size += piece.length;
    hash.update(piece);
  });
  request.on("end", () => {
    calls.push({method: request.method, at: Date.now(), size, sha256: hash.digest("hex")});
    const next = plan.shift() ?? 200;
    if (next === "cut") return request.socket.destroy();
    if (next === "silent") return undefined;
    const {status, headers} = typeof next === "number" ? {status: next, headers: {}} : next;
    return answer.writeHead(status, {"Content-Type": "application/json", ...headers}).end(JSON.stringify({call: calls.length, status}));
  });
});

before(async () => {
  await new Promise((done) => backEnd.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${backEnd.address().port}`;
  await us.start();
  await us.apply({
    scripts: [{name: "wrap", source: 'return {request = function(req) return {body = "<" .. (req.body or "") .. ">"} end, response = function(res) return {json = {got = res.json.status}} end}'}],
    connections: [...["steady", "poor", "scripted", "down"].map((name) => ({name, kind: "http", url})), {name: "nobody", kind: "http", url: "http://127.0.0.1:1"}],
    endpoints: [
      {route: "/steady/*", access: "public", legacy: {connection: "steady"}, repeat: {times: 2, first: "5ms", budget: "100%"}, timeout: "3s", body_limit: "20MiB"},
      {route: "/scripted/*", access: "public", legacy: {connection: "scripted"}, script: "wrap", repeat: {times: 2, first: "5ms", budget: "100%"}, timeout: "3s"},
      {route: "GET /checked", access: "public", legacy: {connection: "steady"}, repeat: {first: "5ms", budget: "100%"}},
      {route: "PUT /checked", access: "public", legacy: {connection: "steady"}, timeout: "2s", repeat: {first: "5ms", budget: "100%"}, request: {schema: {type: "object"}}},
      {route: "/poor/*", access: "public", track: "none", legacy: {connection: "poor"}, repeat: {times: 1, first: "1ms", budget: "20%"}},
      {route: "/plain/*", access: "public", legacy: {connection: "down"}},
      {route: "/nobody/*", access: "public", legacy: {connection: "nobody"}, repeat: {times: 3, first: "1ms"}},
    ],
  });
});
after(async () => {
  backEnd.closeAllConnections();
  backEnd.close();
  await us.remove();
});

async function ask(path, {method = "GET", body, headers = {}, answers = []} = {}) {
  calls = [];
  plan = [...answers];
  const answer = await fetch(us.public + path, {method, body, headers, duplex: "half"});
  return {status: answer.status, type: answer.headers.get("content-type"), body: await answer.json().catch(() => null)};
}
const state = async (name) => (await us.get("/api/v1/stats")).back_ends?.[name];

test("F31: a read that is answered 502, 503 or 504, or broken off, is asked again and its answer is the last one", async () => {
  for (const failing of [502, 503, 504, "cut"]) {
    const answer = await ask("/steady/x", {answers: [failing]});
    assert.deepEqual([answer.status, answer.body, calls.length], [200, {call: 2, status: 200}, 2], String(failing));
  }
  const twice = await ask("/steady/x", {answers: [503, "cut"]});
  assert.deepEqual([twice.status, calls.length], [200, 3]);
  const never = await ask("/steady/x", {answers: [503, 502, 504]});
  assert.deepEqual([never.status, calls.length], [504, 3], "three calls in all, and the last answer as it came");
  assert.equal((await ask("/steady/x", {answers: [500]})).status, 500);
  assert.equal(calls.length, 1, "a 500 says that it was worked on");
});

test("F31: the timeline says at which call it was answered", async () => {
  await ask("/steady/timeline", {answers: [503]});
  await until("it is told", async () => {
    for (const message of await us.messages())
      for (const event of await us.events(message.id)) if (event.text === "GET /steady/timeline answered 200 at call 2") return true;
    return false;
  });
});

test("F31: what changes something is sent once; with an Idempotency-Key, or as PUT or DELETE, again", async () => {
  for (const method of ["POST", "PATCH"]) {
    assert.equal((await ask("/steady/x", {method, answers: [503]})).status, 503);
    assert.equal(calls.length, 1, method);
  }
  for (const method of ["PUT", "DELETE"]) {
    assert.equal((await ask("/steady/x", {method, answers: [503]})).status, 200);
    assert.equal(calls.length, 2, method);
  }
  assert.equal((await ask("/steady/x", {method: "POST", headers: {"Idempotency-Key": '"k1"'}, answers: [503]})).status, 200);
  assert.equal(calls.length, 2);
});

test("F31: a body that passes as it comes is not there any more, and is not sent again", async () => {
  assert.equal((await ask("/steady/x", {method: "PUT", body: "some bytes", answers: [503]})).status, 503);
  assert.equal(calls.length, 1);
});

test("F31: a body that lies here is sent again whole, from memory and from a file", async () => {
  for (const size of [10, 3_000_000]) {
    const body = JSON.stringify({text: "x".repeat(size)});
    const answer = await ask("/checked", {method: "PUT", body, headers: {"Content-Type": "application/json"}, answers: [503, "cut"]});
    assert.equal(answer.status, 200, JSON.stringify([answer, calls]));
    assert.deepEqual(calls.map((call) => call.sha256), Array(3).fill(createHash("sha256").update(body).digest("hex")));
  }
});

test("F31: with a script around the back-end the call is made again, not the script", async () => {
  const answer = await ask("/scripted/x", {method: "PUT", body: "a", answers: [502, "cut"]});
  assert.deepEqual(answer.body, {got: 200});
  assert.deepEqual(calls.map((call) => call.size), [3, 3, 3]);
});

test("F31: who says when to come back is not asked before, and not at all when that is too late", async () => {
  const soon = await ask("/steady/x", {answers: [{status: 503, headers: {"Retry-After": "1"}}]});
  assert.equal(soon.status, 200);
  assert.ok(calls[1].at - calls[0].at >= 990, `${calls[1].at - calls[0].at} ms`);
  assert.equal((await ask("/steady/x", {answers: [{status: 503, headers: {"Retry-After": "60"}}]})).status, 503);
  assert.equal(calls.length, 1);
  assert.equal((await ask("/steady/x", {answers: [{status: 503, headers: {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}}]})).status, 503);
  assert.equal(calls.length, 1);
});

test("F31: the endpoint's timeout counts for all calls together", async () => {
  const began = Date.now();
  const answer = await ask("/steady/x", {answers: [503, "silent"]});
  assert.equal(answer.status, 504);
  assert.equal(calls.length, 2);
  assert.ok(Date.now() - began < 5900, `${Date.now() - began} ms`);
});

test("F31: while the back-end is down repetitions stay within the budget, which is shown", async () => {
  calls = [];
  plan = Array(500).fill(503);
  for (let i = 0; i < 100; i++) assert.equal((await fetch(`${us.public}/poor/x`)).status, 503);
  const repeated = calls.length - 100;
  assert.ok(repeated >= 28 && repeated <= 30, `${repeated} repetitions of 100 requests: 10 saved up and 20 %`);
  const shown = await state("poor");
  assert.equal(shown.repeated, repeated);
  assert.equal(shown.not_repeated, 100 - repeated);
  assert.match(await (await fetch(`${us.admin}/metrics`)).text(), new RegExp(`banyan_backend_repeats_total\\{connection="poor"\\} ${repeated}`));
});

test("F31: a connection that cannot be made is tried again, and 502 in the end", async () => {
  const answer = await ask("/nobody/x");
  assert.equal(answer.status, 502);
  assert.equal((await state("nobody")).repeated, 3);
});

test("F31: without the setting nothing is repeated", async () => {
  assert.equal((await ask("/plain/x", {answers: [503]})).status, 503);
  assert.equal(calls.length, 1);
});

test("F31: a caller that goes while the call waits to be made again leaves nothing behind", async () => {
  calls = [];
  plan = [{status: 503, headers: {"Retry-After": "2"}}];
  const going = new AbortController();
  const call = fetch(`${us.public}/steady/gone`, {signal: going.signal}).catch(() => "gone");
  await until("the first call", () => calls.length === 1);
  going.abort();
  assert.equal(await call, "gone");
  await until("the request is told as failed", async () => (await us.messages()).some((m) => (m.reason ?? "").includes("went before")));
  assert.equal((await ask("/steady/x")).status, 200);
});
