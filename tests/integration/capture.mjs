// What of the bodies of tracked requests is kept, and which of their values nobody sees.

import assert from "node:assert/strict";
import {createServer} from "node:http";
import {mkdirSync} from "node:fs";
import {join} from "node:path";
import {after, before, test} from "node:test";

import {Appliance, until} from "./appliance.lib.mjs";

const us = new Appliance();
const card = "4111111111111111";
let answer = {}; // of the back-end

const backEnd = createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200, {"Content-Type": "application/json"}).end(answer.text ?? JSON.stringify(answer)));
});

// What replaces it answers other values everywhere.
const other = createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200, {"Content-Type": "application/json"}).end(JSON.stringify({card: {number: "5555"}, name: "modern", list: {password: "x"}, either: "gone"})));
});

before(async () => {
  mkdirSync(join(us.directory, "out"));
  await new Promise((done) => backEnd.listen(0, "127.0.0.1", done));
  await new Promise((done) => other.listen(0, "127.0.0.1", done));
  await us.start();
  const capture = {mask: ["$.card.number", "$..password", "$.lines[*].price"]};
  await us.apply({
    scripts: [{name: "echo", source: 'return {request = function(req) if req.json and req.json.bad then reject("bad") end return req:respond{status = 200, json = {ok = true}} end}'}],
    connections: [{name: "http", kind: "http", url: `http://127.0.0.1:${backEnd.address().port}`}, {name: "other", kind: "http", url: `http://127.0.0.1:${other.address().port}`}, {name: "nobody", kind: "http", url: "http://127.0.0.1:1"}, {name: "out", kind: "file", directory: join(us.directory, "out")}],
    endpoints: [
      {route: "POST /masked", access: "public", legacy: {connection: "http"}, capture},
      {route: "POST /scripted", access: "public", script: "echo", capture},
      {route: "POST /checked", access: "public", legacy: {connection: "http"}, request: {schema: {type: "object", required: ["number"]}}, capture},
      {route: "POST /down", access: "public", legacy: {connection: "nobody"}, request: {schema: {type: "object"}}, capture},
      {route: "POST /handed", access: "public", legacy: {connection: "out", path: "{message.id}"}, capture},
      {route: "POST /shadowed", access: "public", legacy: {connection: "http"}, modern: {connection: "other"}, shadow: {writes: true}, capture},
      {route: "POST /plain", access: "public", legacy: {connection: "http"}},
      {route: "POST /bare", access: "public", legacy: {connection: "http"}, request: {schema: {type: "object", required: ["number"]}}, capture: {answers: false, requests: false}},
    ],
  });
});
after(async () => {
  for (const server of [backEnd, other]) {
    server.closeAllConnections();
    server.close();
  }
  await us.remove();
});

const post = (path, body) => fetch(us.public + path, {method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), headers: {"Content-Type": "application/json"}});
// The newest message of the endpoint, once there are `count`; with its payload and timeline.
async function kept(path, count = 1) {
  const all = await until(`${count} messages of ${path}`, async () => {
    const found = (await us.messages()).filter((m) => m.endpoint === `POST ${path}`);
    return found.length >= count && found;
  });
  const message = all.sort((a, b) => (a.id < b.id ? 1 : -1))[0];
  const payload = await us.api("GET", `/api/v1/messages/${message.id}/payload`);
  return {message, text: typeof payload.body === "string" ? payload.body : JSON.stringify(payload.body), status: payload.status, events: await us.events(message.id)};
}

test("values at masked places are kept as stars, and given to the caller as they are", async () => {
  answer = {card: {number: card, holder: "A"}, lines: [{price: 1.5, sku: "x"}, {price: 2}], deep: [{password: "geheim"}]};
  const given = await (await post("/masked", {})).json();
  assert.deepEqual(given, answer);
  const {text, events} = await kept("/masked");
  assert.deepEqual(JSON.parse(text), {card: {number: "***", holder: "A"}, lines: [{price: "***", sku: "x"}, {price: "***"}], deep: [{password: "***"}]});
  assert.ok(events.some((event) => event.kind === "answered" && event.text.includes("POST /masked answered 200")));
});

test("a body that is no JSON, or too large, cannot be masked and is not kept", async () => {
  for (const [i, text] of [`card=${card}`, `{"card": {"number": "${card}"`, JSON.stringify({card: {number: card}, filler: "x".repeat(100_000)})].entries()) {
    answer = {text};
    assert.equal(await (await post("/masked", {})).text(), text);
    const {text: shown} = await kept("/masked", i + 2);
    assert.ok(!shown.includes(card), shown.slice(0, 200));
  }
});

test("requests that were refused, failed or answered by a script are masked as well", async () => {
  answer = {};
  const body = {card: {number: card}, password: "geheim"};
  for (const [path, status, more] of [["/scripted", 200, {}], ["/checked", 422, {}], ["/down", 502, {}]]) {
    assert.equal((await post(path, {...body, ...more})).status, status, path);
    const {text, message} = await kept(path);
    assert.deepEqual(JSON.parse(text), {card: {number: "***"}, password: "***"}, path);
    assert.equal(message.endpoint, `POST ${path}`);
  }
  assert.equal((await post("/scripted", {...body, bad: true})).status, 422);
  const rejected = await kept("/scripted", 2);
  assert.deepEqual([rejected.message.status, JSON.parse(rejected.text).password], ["rejected", "***"]);
  assert.equal((await post("/checked", `{"password": "geheim"`)).status, 400);
  assert.ok(!(await kept("/checked", 2)).text.includes("geheim"));
  const large = await post("/down", {...body, filler: "x".repeat(100_000)});
  assert.equal(large.status, 502);
  assert.ok(!(await kept("/down", 2)).text.includes(card));
});

test("what is delivered later is kept whole: it is the delivery", async () => {
  const answered = await post("/handed", {card: {number: card}});
  assert.equal(answered.status, 202);
  const {message, text} = await kept("/handed");
  assert.ok(text.includes(card));
  await us.message("it is delivered", (m) => m.id === message.id && m.status === "completed");
});

test("differences of shadow traffic show no masked value either", async () => {
  answer = {card: {number: card}, name: "legacy", list: [{password: "geheim"}], either: {password: "geheim"}};
  assert.equal((await post("/shadowed", {})).status, 200);
  const path = `/api/v1/endpoints/${encodeURIComponent("POST /shadowed")}/switch/differences`;
  const {samples, fields} = await until("they are compared", async () => {
    const found = await us.get(path);
    return found.fields.length > 0 && found;
  });
  const told = JSON.stringify([samples, fields]);
  assert.ok(told.includes("$.name") && told.includes("$.card.number"), told);
  assert.ok(!told.includes(card) && !told.includes("geheim"), told);
});

test("bodies are kept only where that is wished", async () => {
  answer = {secret: "inside"};
  await post("/plain", {});
  assert.equal(JSON.parse((await kept("/plain")).text).secret, "inside");
  await post("/bare", {number: 1});
  assert.ok(!(await kept("/bare")).text.includes("inside"));
  await post("/bare", {secret: "inside"});
  const refused = await kept("/bare", 2);
  assert.equal(refused.message.status, "rejected");
  assert.ok(!refused.text.includes("inside"));
});

test("no masked value stands anywhere in what is kept", async () => {
  const events = [];
  for (const message of await us.messages()) events.push(...(await us.events(message.id)));
  assert.ok(!JSON.stringify(events).includes("geheim"));
  assert.ok(!us.log.includes("geheim"));
});
