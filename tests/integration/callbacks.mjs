// Whoever handed a request over is told when it is decided: webhooks as Standard Webhooks has them (A14, A15, F20, F52).

import assert from "node:assert/strict";
import {createHmac, randomBytes} from "node:crypto";
import {mkdirSync, writeFileSync} from "node:fs";
import {after, before, test} from "node:test";
import {createServer} from "node:http";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

let us = new Appliance();
const secret = `whsec_${randomBytes(32).toString("base64")}`;
const older = `whsec_${randomBytes(24).toString("base64")}`;
let hooks = []; // what came
let answers = []; // what is answered next; 204 when there is nothing

const receiver = createServer((request, answer) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const text = Buffer.concat(pieces).toString();
    hooks.push({at: Date.now(), url: request.url, headers: request.headers, text, body: JSON.parse(text)});
    const next = answers.shift() ?? 204;
    if (next === "cut") request.socket.destroy();
    else if (typeof next === "object") answer.writeHead(next.status, next.headers).end();
    else answer.writeHead(next, next === 302 ? {Location: `http://127.0.0.1:${receiver.address().port}/elsewhere`} : {}).end();
  });
});

const signature = (key, hook) =>
  `v1,${createHmac("sha256", Buffer.from(key.slice(6), "base64")).update(`${hook.headers["webhook-id"]}.${hook.headers["webhook-timestamp"]}.${hook.text}`).digest("base64")}`;

before(async () => {
  await new Promise((done) => receiver.listen(0, "127.0.0.1", done));
  await us.start();
  for (const name of ["out", "in"]) mkdirSync(join(us.directory, name));
  const port = receiver.address().port;
  const callback = {connection: "hook", path: "hooks/orders", retry: {first: "50ms", maximum: "200ms", attempts: 6}};
  await us.apply({
    scripts: [{name: "refuse", source: 'return {request = function(req) if req.body == "bad" then reject("not this one") end return {body = req.body} end}'}],
    connections: [
      {name: "erp", kind: "file", directory: us.directory},
      {name: "hook", kind: "http", url: `http://127.0.0.1:${port}`, sign_secret: secret, sign_secret_before: older},
      {name: "plain-hook", kind: "http", url: `http://127.0.0.1:${port}`},
      {name: "inward", kind: "http", url: `http://2130706433:${port}`, sign_secret: secret},
      {name: "metadata", kind: "http", url: "http://169.254.169.254", networks: ["10.0.0.0/8"], sign_secret: secret},
    ],
    endpoints: [
      {route: "POST /orders", access: "public", legacy: {connection: "erp", path: "out/{message.id}"}, callback},
      {route: "POST /taken/{name}", access: "public", legacy: {connection: "erp", path: "out/{name}"}, callback, retry: {attempts: 1}},
      {route: "POST /quiet/{name}", access: "public", legacy: {connection: "erp", path: "out/{name}"}, callback: {...callback, on: ["failed"]}, retry: {attempts: 1}},
      {route: "POST /asked", access: "public", legacy: {connection: "erp", path: "out/{message.id}"}, reply: {path: "in/{message.id}.json", within: "0"}, callback},
      {route: "POST /unsigned", access: "public", legacy: {connection: "erp", path: "out/{message.id}"}, callback: {...callback, connection: "plain-hook"}},
      ...["inward", "metadata"].map((name) => ({route: `POST /${name}`, access: "public", legacy: {connection: "erp", path: "out/{message.id}"}, callback: {...callback, connection: name}})),
    ],
  });
});
after(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await us.remove();
});

async function post(path, body = "an order") {
  const answer = await fetch(us.public + path, {method: "POST", body});
  assert.equal(answer.status, 202, await answer.clone().text());
  return (await answer.json()).id;
}
const hooksOf = (id) => hooks.filter((hook) => hook.body.data?.id === id);
const hookOf = (id) => until(`the callback of ${id}`, () => hooksOf(id)[0]);

test("F20: a request that was handed over is told of when it is completed, signed with both secrets", async () => {
  const id = await post("/orders");
  const hook = await hookOf(id);
  assert.equal(hook.url, "/hooks/orders");
  assert.equal(hook.headers["content-type"], "application/json");
  assert.equal(hook.body.type, "request.completed");
  assert.ok(Math.abs(Date.parse(hook.body.timestamp) - Date.now()) < 20000);
  assert.deepEqual([hook.body.data.state, hook.body.data.links], ["completed", {status: `/status/${id}`}]);
  assert.ok(hook.body.data.steps.some((step) => step.step === "delivered"));
  assert.ok(Math.abs(Number(hook.headers["webhook-timestamp"]) - Date.now() / 1000) < 20);
  assert.deepEqual(hook.headers["webhook-signature"].split(" "), [signature(secret, hook), signature(older, hook)]);
  const status = await (await fetch(`${us.public}/status/${id}`)).json();
  assert.equal(status.state, "completed", "being told changes nothing about it");
  assert.ok((await us.events(id)).some((event) => event.kind === "callback"));
});

test("A23: what is told names the trace that the request came in", async () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const answer = await fetch(`${us.public}/orders`, {method: "POST", body: "traced", headers: {traceparent}});
  assert.equal((await hookOf((await answer.json()).id)).body.data.traceparent, traceparent);
});

test("A14: after failures it is told again, under the same id, with a time and signature of its own", async () => {
  answers = [500, 302, 429, "cut", 400];
  const id = await post("/orders");
  const all = await until("six tries", () => hooksOf(id).length === 6 && hooksOf(id));
  assert.equal(new Set(all.map((hook) => hook.headers["webhook-id"])).size, 1);
  for (let i = 1; i < 4; i++) assert.ok(all[i].at - all[i - 1].at >= 30, "after an answer never at once");
  for (const hook of all) assert.equal(hook.headers["webhook-signature"].split(" ")[0], signature(secret, hook));
  assert.ok(!hooks.some((hook) => hook.url === "/elsewhere"), "a redirect is no way");
  await us.message("it came through", (m) => m.id === all[0].headers["webhook-id"] && m.status === "completed");
});

test("A14: who says when to come back is not told again before", async () => {
  answers = [{status: 429, headers: {"Retry-After": "2"}}];
  const id = await post("/orders");
  const [first, second] = await until("two tries", () => hooksOf(id).length === 2 && hooksOf(id));
  assert.ok(second.at - first.at >= 1990, `${second.at - first.at} ms`);
});

test("A14: 410 is the end at once, and what was given up can be sent again by hand", async () => {
  answers = [410];
  const id = await post("/orders");
  const hook = await hookOf(id);
  const dead = await us.message("it is given up", (m) => m.id === hook.headers["webhook-id"] && m.status === "failed");
  assert.equal(hooksOf(id).length, 1);
  assert.equal((await us.api("POST", `/api/v1/messages/${dead.id}/resend`)).status, 202);
  await until("it comes again", () => hooksOf(id).length === 2);
  assert.equal(hooksOf(id)[1].headers["webhook-id"], dead.id);
});

test("F20: a request that fails is told of as failed, and an endpoint can be told of nothing else", async () => {
  writeFileSync(join(us.directory, "out", "there"), "already");
  const failed = await post("/taken/there");
  assert.equal((await hookOf(failed)).body.type, "request.failed");
  const quiet = await post("/quiet/good"), loud = await post("/quiet/there");
  assert.equal((await hookOf(loud)).body.type, "request.failed");
  await us.message("the other is completed", (m) => m.id === quiet && m.status === "completed");
  await until("nobody looks any more", async () => !(await us.get("/api/v1/jobs?limit=1000")).items.some((job) => job.kind === "callback"));
  assert.equal(hooksOf(quiet).length, 0);
});

test("F23: where a reply is awaited it is told of when the reply is there", async () => {
  const id = await post("/asked");
  await us.message("it is delivered", (m) => m.id === id && m.status === "completed");
  assert.equal(hooksOf(id).length, 0);
  writeFileSync(join(us.directory, "in", `${id}.json`), '{"number": 1}');
  const hook = await hookOf(id);
  assert.deepEqual(hook.body.data.links, {status: `/status/${id}`, reply: `/status/${id}/reply`});
});

test("a callback without a secret carries no signature", async () => {
  const hook = await hookOf(await post("/unsigned"));
  assert.equal(hook.headers["webhook-signature"], undefined);
  assert.equal(hook.headers["webhook-id"], undefined);
});

test("A15: a name that leads to this machine, and an address outside of what is allowed, are not called", async () => {
  for (const name of ["inward", "metadata"]) {
    const before = hooks.length;
    await post(`/${name}`);
    const notice = await us.message("it is refused", (m) => m.connection === name && m.status === "failed");
    assert.match(notice.reason, /address|allowed|refused|may not/i, notice.reason);
    assert.equal(hooks.length, before);
  }
});

test("the secret is shown nowhere, and one that is none is refused", async () => {
  const shown = await us.get("/api/v1/connections/hook");
  assert.ok(!JSON.stringify(shown).includes("whsec_"));
  assert.ok(!us.run("export").out.includes(secret));
  assert.ok(!us.log.includes(secret));
  for (const bad of ["secret", "whsec_", "whsec_YWJj", `whsec_${"!".repeat(44)}`]) {
    const answer = await us.api("PUT", "/api/v1/connections/bad", {name: "bad", kind: "http", url: "http://127.0.0.1:9", sign_secret: bad});
    assert.equal(answer.status, 400, `${bad}: ${JSON.stringify(answer.body)}`);
    assert.match(JSON.stringify(answer.body), /sign_secret/);
  }
});

test("A20: the OpenAPI document tells of the webhook", async () => {
  const document = await (await fetch(`${us.public}/openapi.json`)).json();
  assert.equal(document.webhooks.request.post.requestBody.content["application/json"].schema.properties.data.$ref, "#/components/schemas/status");
});

test("A10: a kill after the 202 loses no callback", async () => {
  answers = Array(3).fill(500);
  const ids = await Promise.all(Array.from({length: 10}, () => post("/orders")));
  await us.stop("SIGKILL");
  us = new Appliance({directory: us.directory});
  await us.start();
  for (const id of ids) await hookOf(id);
  await until("all are told", async () => (await us.messages()).every((m) => m.status !== "processing"), 60);
  for (const id of ids) assert.equal(new Set(hooksOf(id).map((hook) => hook.headers["webhook-id"])).size, 1, id);
});
