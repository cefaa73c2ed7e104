// FI-05: a partner that accepts connections and then says nothing holds up what is for it, and nothing else.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {mkdirSync, readdirSync} from "node:fs";
import {createServer} from "node:net";
import {join} from "node:path";

import {until} from "./appliance.lib.mjs";
import {Victim} from "./crash.lib.mjs";

const victim = new Victim();
const out = join(victim.directory, "out");
const sockets = new Set();
const silent = createServer((socket) => {
  sockets.add(socket);
  socket.on("error", () => {});
});

before(async () => {
  mkdirSync(out);
  await new Promise((done) => silent.listen(0, "127.0.0.1", done));
  await victim.start();
  const answer = await victim.admin("POST", "/api/v1/apply", {
    connections: [
      {name: "silent", kind: "sftp", host: "127.0.0.1", port: silent.address().port, user: "us", password: "x", host_key: `SHA256:${"A".repeat(43)}`, timeout: "20s"},
      {name: "out", kind: "file", directory: out},
    ],
    endpoints: [
      {route: "POST /silent", legacy: {connection: "silent", path: "{message.id}"}},
      {route: "POST /out", legacy: {connection: "out", path: "{message.id}"}},
    ],
  });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
});
after(async () => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  await victim.remove();
});

const post = async (path) => assert.equal((await victim.call("public", "POST", path, "some bytes")).status, 202);

test("with many messages waiting for a silent partner, those for others leave at once", async () => {
  for (let i = 0; i < 100; i++) await post("/silent");
  await until("the appliance tries", () => sockets.size > 0);
  for (let i = 0; i < 10; i++) await post("/out");
  await until("they arrived", () => readdirSync(out).filter((name) => !name.startsWith(".")).length === 10, 8);
});

test("SIGTERM ends it in time, although a partner keeps it waiting", async () => {
  const asked = Date.now();
  assert.equal((await victim.end("SIGTERM")).code, 0);
  assert.ok(Date.now() - asked < 30000, `${Date.now() - asked} ms`);
});
