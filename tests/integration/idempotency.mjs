// A request that is sent again with its Idempotency-Key gets the answer of the first, also after a crash (A12).

import assert from "node:assert/strict";
import {randomUUID} from "node:crypto";
import {after, before, test} from "node:test";
import {createServer} from "node:http";

import {Appliance, until} from "./appliance.lib.mjs";

let us = new Appliance();
let calls = 0;
let status = 201;
let holding = false;
let size = 0;
const held = [];

const backEnd = createServer((request, answer) => {
  request.resume().on("end", () => {
    calls++;
    const number = calls;
    const end = () =>
      answer
        .writeHead(status, {"Content-Type": "application/json", "Location": `/things/${number}`, "Set-Cookie": ["a=1", "b=2"]})
        .end(status === 204 ? undefined : JSON.stringify({number, filler: "x".repeat(size)}));
    if (holding) held.push(end);
    else end();
  });
});

const estate = (url) => ({
  scripts: [{name: "count", source: 'return {request = function(req) return req:respond{status = 200, json = {big = string.rep("y", tonumber(req.query.size or "1"))}} end}'}],
  connections: [{name: "things", kind: "http", url}, {name: "dir", kind: "file", directory: us.directory}],
  policies: [{name: "keyed", idempotency: {required: true, keep: "2s"}}],
  endpoints: [
    {route: "/things/*", access: "public", legacy: {connection: "things"}, idempotency: {}, cors: {origins: ["https://app.example"]}},
    {route: "/short/*", access: "public", legacy: {connection: "things"}, policies: ["keyed"]},
    {route: "/mine/*", access: "key", legacy: {connection: "things"}, idempotency: {}},
    {route: "/scripted", access: "public", script: "count", idempotency: {}},
    {route: "PUT /files/{name}", access: "public", legacy: {connection: "dir", path: "{name}", if_exists: "replace"}, files: {put: "now"}, idempotency: {}},
    {route: "POST /kept", access: "public", legacy: {connection: "dir", path: "kept/{message.id}"}},
    {route: "POST /free/*", access: "public", legacy: {connection: "things"}},
  ],
});

before(async () => {
  await new Promise((done) => backEnd.listen(0, "127.0.0.1", done));
  await us.start();
  await us.apply(estate(`http://127.0.0.1:${backEnd.address().port}`));
});
after(async () => {
  for (const end of held) end();
  backEnd.closeAllConnections();
  backEnd.close();
  await us.remove();
});

async function send(path, key, {method = "POST", body = '{"a":1}', headers = {}} = {}) {
  const answer = await fetch(us.public + path, {method, body, headers: {...(key === undefined ? {} : {"Idempotency-Key": key}), "Content-Type": "application/json", ...headers}});
  const text = await answer.text();
  return {status: answer.status, replayed: answer.headers.get("idempotent-replayed"), headers: answer.headers, text, name: text.startsWith("{") ? JSON.parse(text).type : undefined};
}
const fresh = () => `"${randomUUID()}"`;

test("A12: the same request under the same key is worked on once and gets the same answer", async () => {
  const key = fresh(), before = calls;
  const first = await send("/things/x", key), second = await send("/things/x", key);
  assert.equal(calls, before + 1);
  assert.equal(first.status, 201);
  assert.equal(first.replayed, null);
  assert.equal(second.replayed, "true");
  assert.deepEqual([second.status, second.text, second.headers.get("location"), second.headers.get("set-cookie")],
    [first.status, first.text, first.headers.get("location"), "a=1, b=2"]);
  const page = await send("/things/x", key, {headers: {Origin: "https://app.example"}});
  assert.equal(page.headers.get("access-control-allow-origin"), "https://app.example", "what depends on the caller is made anew");
});

test("A12: fifty at once become one, and each is told so or gets the answer", async () => {
  const key = fresh(), before = calls;
  holding = true;
  const all = Array.from({length: 50}, () => send("/things/x", key));
  await until("one is there", () => held.length > 0);
  const early = await Promise.race(all);
  assert.equal(early.status, 409);
  assert.equal(early.name, "/problems/idempotency-key-in-use");
  assert.equal(early.headers.get("retry-after"), "1");
  holding = false;
  for (const end of held.splice(0)) end();
  const answers = await Promise.all(all);
  assert.equal(calls, before + 1);
  assert.ok(answers.every((answer) => answer.status === 201 || answer.status === 409));
  assert.equal(answers.filter((answer) => answer.status === 201 && !answer.replayed).length, 1);
});

test("A12: another body, path or method under the key is another request: 422", async () => {
  const key = fresh();
  await send("/things/x", key);
  const before = calls;
  for (const [path, options] of [["/things/x", {body: '{"a":2}'}], ["/things/y", {}], ["/things/x?b=1", {}], ["/things/x", {method: "PATCH"}]]) {
    const other = await send(path, key, options);
    assert.equal(other.status, 422, `${path} ${JSON.stringify(options)}`);
    assert.equal(other.name, "/problems/idempotency-key-reused");
  }
  assert.equal(calls, before);
  assert.equal((await send("/things/x", key)).replayed, "true", "and the first one's answer is still there");
});

test("A12: a key that is missing where it is wanted, or malformed, is 400", async () => {
  const before = calls;
  for (const method of ["POST", "PATCH"]) assert.equal((await send("/short/x", undefined, {method})).name, "/problems/idempotency-key-missing");
  for (const key of ['"open', '""', '"a" b', "a,b", '"\\x"', `"${"k".repeat(256)}"`]) {
    const refused = await send("/things/x", key);
    assert.deepEqual([refused.status, refused.name], [400, "/problems/idempotency-key-malformed"], key);
  }
  assert.equal(calls, before);
  assert.equal((await send("/short/x", undefined, {method: "PUT"})).status, 201, "PUT needs none");
  const get = await fetch(`${us.public}/short/x`);
  assert.equal(get.status, 201);
  assert.equal((await send("/things/x", "8e03978e-40d5-43dd-bc93-6894a57f9324")).status, 201, "quotation marks may be left out");
  assert.equal((await send("/things/x", '"8e03978e-40d5-43dd-bc93-6894a57f9324";v=1')).replayed, "true");
});

test("A12: a failure is not kept: the next try is worked on", async () => {
  const key = fresh(), before = calls;
  status = 500;
  assert.equal((await send("/things/x", key)).status, 500);
  status = 429;
  assert.equal((await send("/things/x", key)).status, 429);
  status = 404;
  assert.equal((await send("/things/x", key)).status, 404);
  status = 201;
  const kept = await send("/things/x", key);
  assert.deepEqual([kept.status, kept.replayed, calls - before], [404, "true", 3], "a refusal for good is an answer");
  status = 204;
  const none = fresh();
  await send("/things/x", none);
  const again = await send("/things/x", none);
  assert.deepEqual([again.status, again.text, again.replayed], [204, "", "true"]);
  status = 201;
});

test("A12: keys belong to their caller and endpoint", async () => {
  const key = fresh(), before = calls;
  const made = await Promise.all(["one", "two"].map((name) => us.api("POST", "/api/v1/keys", {name, role: "client"})));
  const tokens = made.map((answer) => answer.body.key ?? answer.body.secret ?? answer.body.token);
  const answers = [];
  for (const token of [...tokens, tokens[0]]) answers.push(await send("/mine/x", key, {headers: {"X-API-Key": token}}));
  answers.push(await send("/things/x", key));
  assert.deepEqual(answers.map((answer) => answer.replayed), [null, null, "true", null], JSON.stringify(made.map((answer) => answer.body)));
  assert.equal(calls, before + 3);
});

test("A12: large answers, answers of scripts and files that are stored are kept as well", async () => {
  const key = fresh(), before = calls;
  size = 3_000_000;
  const first = await send("/things/big", key), second = await send("/things/big", key);
  size = 0;
  assert.equal(calls, before + 1);
  assert.equal(second.replayed, "true");
  assert.equal(first.text.length, second.text.length);
  for (const bytes of [10, 2_000_000]) {
    const scripted = fresh();
    const made = await send(`/scripted?size=${bytes}`, scripted), again = await send(`/scripted?size=${bytes}`, scripted);
    assert.equal(made.status, 200);
    assert.equal(again.replayed, "true");
    assert.equal(again.text, made.text);
  }
  const stored = fresh();
  const put = await send("/files/a.txt", stored, {method: "PUT"}), same = await send("/files/a.txt", stored, {method: "PUT"});
  assert.equal(put.status, 201);
  assert.deepEqual([same.status, same.replayed], [201, "true"]);
});

test("A12: after its time the key is new", async () => {
  const key = fresh(), before = calls;
  await send("/short/x", key);
  await until("it is worked on again", async () => (await send("/short/x", key)).replayed === null && calls === before + 2);
});

test("A12: a restart, and a kill, lose no answer that was given", async () => {
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    const key = fresh();
    const first = await send("/things/x", key), before = calls;
    await us.stop(signal);
    us = new Appliance({directory: us.directory});
    await us.start();
    const again = await send("/things/x", key);
    assert.deepEqual([again.replayed, again.text, calls], ["true", first.text, before], signal);
  }
});

test("A20: the OpenAPI document tells of the key only where it counts", async () => {
  const document = await (await fetch(`${us.public}/openapi.json`)).json();
  const parameter = (path, method) => document.paths[path][method].parameters.find((p) => p.name === "Idempotency-Key");
  assert.equal(parameter("/things/{rest}", "post").required, false);
  assert.equal(parameter("/short/{rest}", "post").required, true);
  assert.equal(parameter("/short/{rest}", "put").required, false);
  assert.equal(parameter("/free/{rest}", "post"), undefined);
  assert.ok(document.paths["/things/{rest}"].post.responses["409"]);
});

test("A12: what is kept and delivered later reads its key as all do: at most 255 characters, quoted or not", async () => {
  for (const key of ["x".repeat(256), '"open', '""']) {
    const refused = await send("/kept", key);
    assert.deepEqual([refused.status, refused.name], [400, "/problems/idempotency-key-malformed"], key);
  }
  const first = await send("/kept", '"one"');
  assert.equal(first.status, 202);
  const again = await send("/kept", "one");
  assert.deepEqual([again.status, again.replayed, again.text], [202, "true", first.text]);
});
