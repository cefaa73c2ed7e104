// Who must be told is told: alerts leave as signed webhooks or files, once when raised, once when over, and by whom they concern (O25, O26).

import assert from "node:assert/strict";
import {createHmac, randomBytes} from "node:crypto";
import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {after, before, test} from "node:test";
import {createServer} from "node:http";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

const us = new Appliance({environment: {BANYAN_ALERTS_EVERY: "200ms"}});
const place = (...names) => join(us.directory, ...names);
const secret = `whsec_${randomBytes(32).toString("base64")}`;
const hooks = [];

const receiver = createServer((request, answer) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const text = Buffer.concat(pieces).toString();
    hooks.push({url: request.url, headers: request.headers, text, body: JSON.parse(text)});
    answer.writeHead(204).end();
  });
});

const told = (list, fits) => hooks.filter((hook) => hook.body.data[list].some(fits));
const waitFor = (list, fits) => until(`${list}: ${fits}`, () => told(list, fits)[0]);
const failing = (alert) => alert.kind === "connection-failing" && alert.connection === "acme-in";
// Several looks have passed: what would be told by now was told.
async function looks(count = 5) {
  for (let i = 0; i < count; i++) await new Promise((done) => setTimeout(done, 200));
}

before(async () => {
  await new Promise((done) => receiver.listen(0, "127.0.0.1", done));
  for (const name of ["erp", "acme", "notices"]) mkdirSync(place(name));
  await us.start();
  await us.apply({
    partners: [{name: "acme"}, {name: "baker"}],
    connections: [
      {name: "acme-in", kind: "file", partner: "acme", directory: place("acme"), create: false, poll: "200ms"},
      {name: "erp", kind: "file", directory: place("erp")},
      {name: "notices", kind: "file", directory: place("notices")},
      {name: "pager", kind: "http", url: `http://127.0.0.1:${receiver.address().port}`, sign_secret: secret},
    ],
    flows: [{name: "acme-orders", from: {connection: "acme-in"}, to: [{connection: "erp", path: "{filename}"}], retry: {attempts: 1}}],
    notifications: [
      {name: "desk", to: {connection: "pager", path: "hooks/banyan"}},
      {name: "baker-only", to: {connection: "notices", path: "{notification}-{message.id}.json"}, partners: ["baker"]},
      {name: "certificates", to: {connection: "notices", path: "{notification}-{message.id}.json"}, on: ["certificate-expiring"]},
    ],
  });
});
after(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await us.remove();
});

test("O25: a connection that fails is told of once, with what is wrong, signed as Standard Webhooks has it", async () => {
  rmSync(place("acme"), {recursive: true});
  const hook = await waitFor("raised", failing);
  const alert = hook.body.data.raised.find(failing);
  assert.equal(hook.url, "/hooks/banyan");
  assert.deepEqual([hook.body.type, hook.body.data.notification], ["alerts", "desk"]);
  assert.match(alert.what, /connection acme-in fails: /);
  assert.deepEqual([alert.partner, alert.path], ["acme", "/api/v1/connections/acme-in"]);
  assert.match(hook.body.text, /^alert: connection acme-in fails/m);
  const signed = `${hook.headers["webhook-id"]}.${hook.headers["webhook-timestamp"]}.${hook.text}`;
  assert.equal(hook.headers["webhook-signature"], `v1,${createHmac("sha256", Buffer.from(secret.slice(6), "base64")).update(signed).digest("base64")}`);
  assert.ok((await us.get("/api/v1/alerts")).items.some(failing));
  await looks();
  assert.equal(told("raised", failing).length, 1);
});

test("O25: what was told is not told again after a restart, and what is over is told", async () => {
  await us.stop();
  await us.start();
  await until("the connection fails again", async () => (await us.get("/api/v1/alerts")).items.some(failing));
  await looks();
  assert.deepEqual([told("raised", failing).length, told("resolved", failing).length], [1, 0]);
  mkdirSync(place("acme"));
  const over = await waitFor("resolved", failing);
  assert.match(over.body.text, /^over: connection acme-in fails/m);
});

test("O25: messages that fail are told of by their flow, with how many there are", async () => {
  rmSync(place("erp"), {recursive: true});
  writeFileSync(place("erp"), "not a directory");
  writeFileSync(place("acme", "one.txt"), "one");
  const hook = await waitFor("raised", (alert) => alert.kind === "messages-failed");
  const alert = hook.body.data.raised.find(({kind}) => kind === "messages-failed");
  assert.match(alert.what, /^1 message of flow acme-orders failed within a day$/);
  assert.equal(alert.count, 1);
  const listed = await us.get(alert.path);
  assert.equal(listed.items.length, 1);
  rmSync(place("erp"));
  mkdirSync(place("erp"));
  const answer = await us.api("POST", `/api/v1/messages/${listed.items[0].id}/resend`);
  assert.equal(answer.status, 202);
  await waitFor("resolved", (other) => other.key === alert.key);
});

test("O26: a connection by which nothing has come for longer than it should is quiet, until something comes", async () => {
  const connection = await us.get("/api/v1/connections/acme-in");
  const put = await us.api("PUT", "/api/v1/connections/acme-in", {...connection, quiet_after: "2s"});
  assert.equal(put.status, 200, JSON.stringify(put.body));
  const quiet = (alert) => alert.kind === "connection-quiet" && alert.connection === "acme-in";
  const hook = await waitFor("raised", quiet);
  assert.match(hook.body.data.raised.find(quiet).what, /^nothing has come in by connection acme-in since 20/);
  writeFileSync(place("acme", "two.txt"), "two");
  await waitFor("resolved", quiet);
});

test("O25: who asks for one partner, or some kinds, hears of nothing else", async () => {
  assert.deepEqual(readdirSync(place("notices")), []);
  const wanted = (name) => readdirSync(place("notices")).filter((file) => file.startsWith(name));
  const baker = await us.api("PUT", "/api/v1/connections/baker-in", {kind: "file", partner: "baker", directory: place("nowhere"), create: false, poll: "200ms"});
  assert.equal(baker.status, 200, JSON.stringify(baker.body));
  const flow = await us.api("PUT", "/api/v1/flows/baker-orders", {from: {connection: "baker-in"}, to: [{connection: "erp"}]});
  assert.equal(flow.status, 200, JSON.stringify(flow.body));
  const [file] = await until("baker's alert", () => wanted("baker-only").length > 0 && wanted("baker-only"));
  const {data} = JSON.parse(readFileSync(place("notices", file), "utf8"));
  assert.deepEqual([data.raised.length, data.raised[0].partner, data.resolved], [1, "baker", []]);
  assert.deepEqual(wanted("certificates"), []);
});

test("O25: what is over before the time of `after` is not told", async () => {
  const late = {to: {connection: "pager", path: "late"}, after: "1h", on: ["connection-failing"]};
  assert.equal((await us.api("PUT", "/api/v1/notifications/late", late)).status, 200);
  await looks();
  assert.deepEqual(hooks.filter(({url}) => url === "/late"), []);
});

test("what still stands is told again after the time of `again`", async () => {
  const often = {to: {connection: "pager", path: "often"}, again: "1s", on: ["connection-failing"]};
  assert.equal((await us.api("PUT", "/api/v1/notifications/often", often)).status, 200);
  const again = await until("told again", () => hooks.find(({url, body}) => url === "/often" && body.data.standing.length > 0));
  assert.deepEqual(again.body.data.raised, []);
  assert.equal((await us.api("DELETE", "/api/v1/notifications/often")).status, 204);
});

test("a notification can be tried: what it would tell is sent at once, and its message says how that went", async () => {
  const answer = await us.api("POST", "/api/v1/notifications/desk/test");
  assert.equal(answer.status, 202);
  await us.message("the test came through", ({id, status}) => id === answer.body.message && status === "completed");
  assert.equal((await us.api("POST", "/api/v1/notifications/nobody/test")).status, 404);
});

test("a kind that there is not, and a connection that takes nothing, are refused by name", async () => {
  const dry = (notification) => us.api("POST", "/api/v1/apply?dry_run=true", {notifications: [{name: "x", to: {connection: "pager", path: "x"}, ...notification}]});
  const kind = await dry({on: ["message-failed"]});
  assert.equal(kind.status, 422);
  assert.deepEqual(kind.body.errors.map(({pointer}) => pointer), ["/notifications/x/on/0"]);
  assert.match(kind.body.errors[0].detail, /messages-failed/);
  const nowhere = await dry({to: {connection: "nowhere"}});
  assert.equal(nowhere.status, 422);
  assert.match(nowhere.body.errors[0].detail, /nowhere/);
});

test("an estate with notifications is exported and applied as it was", async () => {
  const out = place("exported");
  assert.equal(us.run("export", out).code, 0);
  const again = us.run("apply", "--dry-run", out);
  assert.deepEqual([again.code, existsSync(out)], [0, true], again.out + again.err);
});
