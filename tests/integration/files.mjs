// Files in, files out, and the facade in front of them: what enters is a message, what leaves is there once.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

const appliance = new Appliance();
const folder = (name) => join(appliance.directory, name);

before(async () => {
  for (const name of ["in", "out", "erp"]) mkdirSync(folder(name), {recursive: true});
  await appliance.start();
  await appliance.apply({
    connections: [
      {name: "in", kind: "file", directory: folder("in"), poll: "200ms"},
      {name: "out", kind: "file", directory: folder("out")},
      {name: "erp", kind: "file", directory: folder("erp")},
    ],
    flows: [{name: "copy", from: {connection: "in"}, to: [{connection: "out", path: "done/{filename}"}], retry: {first: "100ms", maximum: "1s"}}],
    endpoints: [
      {route: "POST /drop/{number}", legacy: {connection: "erp", path: "in/{number}.txt"}},
      {route: "GET /orders/{number}", legacy: {connection: "erp", path: "orders/{number}.json"}},
      {route: "DELETE /orders/{number}", legacy: {connection: "erp", path: "orders/{number}.json"}},
      {route: "GET /kept/{number}", access: "key", legacy: {connection: "erp", path: "orders/{number}.json"}},
    ],
  });
});
after(() => appliance.remove());

function drop(name, content) {
  writeFileSync(folder(`in.${name}`), content);
  renameSync(folder(`in.${name}`), join(folder("in"), name));
}

test("a file that is renamed into a source arrives at the destination, byte for byte, and leaves the source", async () => {
  const content = Buffer.from([...Array(3000).keys()].map((n) => n & 0xff));
  drop("first.bin", content);
  await until("the copy", () => existsSync(join(folder("out"), "done", "first.bin")));
  assert.deepEqual(readFileSync(join(folder("out"), "done", "first.bin")), content);
  await until("the source is empty", () => !existsSync(join(folder("in"), "first.bin")));
  const incoming = await appliance.message("the incoming message", (m) => m.filename === "first.bin" && m.direction === "in" && m.status === "completed");
  assert.equal(incoming.size, 3000);
  const shown = await appliance.get(`/api/v1/messages/${incoming.id}`);
  assert.equal(shown.children.length, 1);
  const kinds = (await appliance.events(incoming.id)).map((e) => e.kind);
  assert.deepEqual(kinds, ["received", "translated"]);
});

test("a payload past the inline limit goes through a spool file", async () => {
  const content = Buffer.alloc(3 * 1024 * 1024, "0123456789abcdef");
  drop("large.bin", content);
  await until("the copy", () => existsSync(join(folder("out"), "done", "large.bin")));
  assert.ok(readFileSync(join(folder("out"), "done", "large.bin")).equals(content));
});

test("FI-09: a name that is taken at the destination is not overwritten; the delivery waits and says so", async () => {
  mkdirSync(join(folder("out"), "done"), {recursive: true});
  writeFileSync(join(folder("out"), "done", "taken.txt"), "mine");
  drop("taken.txt", "yours");
  const waiting = await appliance.message("a delivery that waits", (m) => m.direction === "out" && m.filename === "taken.txt" && /taken|exists/i.test(m.reason ?? ""));
  assert.equal(waiting.status, "processing");
  assert.equal(readFileSync(join(folder("out"), "done", "taken.txt"), "utf8"), "mine");
  renameSync(join(folder("out"), "done", "taken.txt"), join(folder("out"), "done", "moved.txt"));
  await until("it is delivered after all", () => existsSync(join(folder("out"), "done", "taken.txt")) && readFileSync(join(folder("out"), "done", "taken.txt"), "utf8") === "yours");
});

test("a POST is kept before it is answered with 202, and delivered", async () => {
  const answer = await fetch(`${appliance.public}/drop/17`, {method: "POST", body: "payload of 17"});
  assert.equal(answer.status, 202);
  const {id} = await answer.json();
  assert.equal(answer.headers.get("location"), `/status/${id}`);
  await until("the file", () => existsSync(join(folder("erp"), "in", "17.txt")));
  assert.equal(readFileSync(join(folder("erp"), "in", "17.txt"), "utf8"), "payload of 17");
  const status = await until("completed", async () => {
    const told = await (await fetch(`${appliance.public}/status/${id}`)).json();
    return told.state === "completed" && told;
  });
  assert.deepEqual(status.steps.map((s) => s.step), ["received", "delivered"]);
});

test("HT-34, A12: the same Idempotency-Key makes one message, however often and at once it is sent", async () => {
  const post = (body) => fetch(`${appliance.public}/drop/once-${body.length}`, {method: "POST", body, headers: {"Idempotency-Key": "\"k-1\""}});
  const answers = await Promise.all([...Array(20)].map(() => post("same")));
  const ids = new Set();
  for (const answer of answers) {
    assert.equal(answer.status, 202);
    ids.add((await answer.json()).id);
  }
  assert.equal(ids.size, 1);
  assert.equal(answers.filter((a) => a.headers.get("idempotent-replayed") === "true").length, 19);
  const other = await post("another body");
  assert.equal(other.status, 422, "HT-35");
});

test("a GET is served from what the legacy system wrote; what is not there is a 404 problem", async () => {
  mkdirSync(join(folder("erp"), "orders"), {recursive: true});
  writeFileSync(join(folder("erp"), "orders", "1.json"), '{"number":1}');
  const found = await fetch(`${appliance.public}/orders/1`);
  assert.equal(found.status, 200);
  assert.equal(found.headers.get("content-type"), "application/json");
  assert.deepEqual(await found.json(), {number: 1});
  const missing = await fetch(`${appliance.public}/orders/2`);
  assert.equal(missing.status, 404);
  assert.equal(missing.headers.get("content-type"), "application/problem+json");
  const gone = await fetch(`${appliance.public}/orders/1`, {method: "DELETE"});
  assert.equal(gone.status, 204);
  assert.ok(!existsSync(join(folder("erp"), "orders", "1.json")));
});

test("HT-20: no spelling of a path leaves the directory", async () => {
  writeFileSync(folder("canary.json"), '"canary"');
  for (const path of ["..%2f..%2fcanary", "%2e%2e%2fcanary", "..%5ccanary", "%252e%252e%252fcanary", "..", "%00"]) {
    const answer = await fetch(`${appliance.public}/orders/${path}`).catch(() => ({status: 400, text: () => ""}));
    assert.ok(answer.status === 400 || answer.status === 404, `${path}: ${answer.status}`);
    assert.ok(!(await answer.text()).includes("canary\""), path);
  }
});

test("an endpoint with access: key wants a key of the role client, and the wrong one is refused everywhere", async () => {
  assert.equal((await fetch(`${appliance.public}/kept/1`)).status, 401);
  const bad = await fetch(`${appliance.public}/orders/1`, {headers: {Authorization: "Bearer bnyn_wrong"}});
  assert.equal(bad.status, 401);
  const made = await appliance.api("POST", "/api/v1/keys", {name: "shop", roles: ["client"]});
  assert.equal(made.status, 201);
  const headers = {Authorization: `Bearer ${made.body.key}`};
  assert.equal((await fetch(`${appliance.public}/kept/1`, {headers})).status, 404);
  assert.equal((await fetch(`${appliance.admin}/api/v1/stats`, {headers})).status, 403, "a client key is none for the admin side");
  await appliance.api("DELETE", "/api/v1/keys/shop");
  assert.equal((await fetch(`${appliance.public}/kept/1`, {headers})).status, 401);
});

test("A19: an unknown path is a 404 problem, a known one with another method a 405 that says which", async () => {
  const unknown = await fetch(`${appliance.public}/nothing`);
  assert.equal(unknown.status, 404);
  assert.match((await unknown.json()).type, /^\/problems\//);
  const wrong = await fetch(`${appliance.public}/orders/1`, {method: "PUT", body: "x"});
  assert.equal(wrong.status, 405);
  assert.match(wrong.headers.get("allow"), /GET/);
});

test("FI-05: a source that cannot be read pauses only itself, says why, and works again by itself", async () => {
  renameSync(folder("in"), folder("in.away"));
  writeFileSync(folder("in"), "a file where the directory was");
  const failing = await until("the connection tells", async () => {
    const all = (await appliance.get("/api/v1/connections")).items;
    const one = all.find((c) => c.name === "in");
    return one.health?.state === "failing" && one.health;
  });
  assert.match(failing.error, /in/);
  renameSync(folder("in"), folder("in.file"));
  renameSync(folder("in.away"), folder("in"));
  drop("later.txt", "later");
  await until("it came through", () => existsSync(join(folder("out"), "done", "later.txt")));
});

test("FI-04: a source is looked at when its directory stirs, long before the next poll", async () => {
  mkdirSync(folder("slow"), {recursive: true});
  await appliance.apply({
    connections: [{name: "slow", kind: "file", directory: folder("slow"), poll: "1h"}],
    flows: [{name: "slow", from: {connection: "slow"}, to: [{connection: "out", path: "slow/{filename}"}]}],
  });
  await until("it was looked at once", async () => (await appliance.get("/api/v1/connections")).items.find((c) => c.name === "slow").health);
  for (const name of ["a.txt", "b.txt", "c.txt"]) {
    writeFileSync(folder(`slow.${name}`), name);
    renameSync(folder(`slow.${name}`), join(folder("slow"), name));
    await until(`${name} came through`, () => existsSync(join(folder("out"), "slow", name)), 10);
  }
});

test("resend: what its retry policy gave up has all its attempts again", async () => {
  mkdirSync(folder("twice"), {recursive: true});
  mkdirSync(folder("occupied"), {recursive: true});
  writeFileSync(join(folder("occupied"), "same.txt"), "mine");
  await appliance.apply({
    connections: [{name: "twice", kind: "file", directory: folder("twice"), poll: "200ms"}, {name: "occupied", kind: "file", directory: folder("occupied")}],
    flows: [{name: "twice", from: {connection: "twice"}, to: [{connection: "occupied", path: "{filename}"}], retry: {attempts: 2, first: "20ms"}}],
  });
  writeFileSync(join(folder("twice"), "same.txt"), "yours");
  const given = await appliance.message("it is given up", (m) => m.filename === "same.txt" && m.direction === "out" && m.status === "failed");
  const kinds = async () => (await appliance.events(given.id)).map((e) => e.kind).filter((kind) => ["retry", "failed", "resent"].includes(kind));
  assert.deepEqual(await kinds(), ["retry", "failed"]);
  assert.equal((await appliance.api("POST", `/api/v1/messages/${given.id}/resend`)).status, 202);
  await until("it is given up again", async () => (await kinds()).filter((kind) => kind === "failed").length === 2);
  assert.deepEqual(await kinds(), ["retry", "failed", "resent", "retry", "failed"]);
});

test("resend: what was delivered is sent again as a message of its own, with the first as its parent", async () => {
  const first = await appliance.message("a delivered message", (m) => m.direction === "out" && m.filename === "first.bin" && m.status === "completed");
  renameSync(join(folder("out"), "done", "first.bin"), join(folder("out"), "done", "first.old"));
  const answer = await appliance.api("POST", `/api/v1/messages/${first.id}/resend`);
  assert.equal(answer.status, 202);
  assert.notEqual(answer.body.id, first.id);
  await until("the file is there again", () => existsSync(join(folder("out"), "done", "first.bin")));
  const again = await appliance.get(`/api/v1/messages/${answer.body.id}`);
  assert.equal(again.parent, first.id);
});

test("resend: a POST that was delivered as it came is delivered again to the same place", async () => {
  const {id} = await (await fetch(`${appliance.public}/drop/again`, {method: "POST", body: "once more"})).json();
  await until("it is there", () => existsSync(join(folder("erp"), "in", "again.txt")));
  renameSync(join(folder("erp"), "in", "again.txt"), join(folder("erp"), "in", "again.old"));
  const answer = await until("it can be resent", async () => {
    const sent = await appliance.api("POST", `/api/v1/messages/${id}/resend`);
    return sent.status === 202 && sent;
  });
  await until("it is there again", () => existsSync(join(folder("erp"), "in", "again.txt")));
  assert.equal((await appliance.get(`/api/v1/messages/${answer.body.id}`)).parent, id);
});

test("messages are found by status, direction, words, and page by page", async () => {
  const outgoing = await appliance.messages("&direction=out&status=completed");
  assert.ok(outgoing.length >= 3);
  assert.ok(outgoing.every((m) => m.direction === "out" && m.status === "completed"));
  const found = await appliance.messages("&q=large");
  assert.ok(found.length >= 2 && found.every((m) => m.filename === "large.bin"));
  const seen = new Set();
  let next = "/api/v1/messages?limit=3";
  while (next) {
    const page = await appliance.api("GET", next);
    for (const m of page.body.items) {
      assert.ok(!seen.has(m.id));
      seen.add(m.id);
    }
    next = /<([^>]+)>; rel="next"/.exec(page.headers.get("link") ?? "")?.[1];
  }
  assert.equal(seen.size, (await appliance.messages()).length);
});

test("FI-08: nobody else may read the appliance's files", () => {
  for (const name of readdirSync(appliance.data)) {
    assert.equal(statSync(join(appliance.data, name)).mode & 0o077, 0, name);
  }
});
