// What is kept how long, and what is too large to be taken: retention.*, limits.payload.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {existsSync, mkdirSync, renameSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

const appliance = new Appliance({
  environment: {BANYAN_RETENTION_PAYLOADS: "3s", BANYAN_RETENTION_MESSAGES: "6s", BANYAN_LIMITS_PAYLOAD: "300000"},
});
const folder = (name) => join(appliance.directory, name);

function drop(name, content) {
  writeFileSync(folder(`in.${name}`), content);
  renameSync(folder(`in.${name}`), join(folder("in"), name));
}

before(async () => {
  for (const name of ["in", "out"]) mkdirSync(folder(name), {recursive: true});
  await appliance.start();
  await appliance.apply({
    connections: [
      {name: "in", kind: "file", directory: folder("in"), poll: "200ms"},
      {name: "out", kind: "file", directory: folder("out")},
      {name: "off", kind: "file", directory: folder("out"), enabled: false},
    ],
    flows: [
      {name: "copy", from: {connection: "in", path: "*.txt"}, to: [{connection: "out", path: "{filename}"}]},
      {name: "held", from: {connection: "in", path: "*.held"}, to: [{connection: "off", path: "{filename}"}]},
    ],
  });
});
after(() => appliance.remove());

test("DB-10: a payload goes after its time, then its message; what is still to be delivered stays", async () => {
  drop("small.txt", "a small payload");
  drop("large.txt", Buffer.alloc(200_000, "x"));
  drop("later.held", "not delivered yet");
  const small = await appliance.message("the small one", (m) => m.direction === "in" && m.filename === "small.txt" && m.status === "completed");
  await appliance.message("the large one", (m) => m.direction === "in" && m.filename === "large.txt" && m.status === "completed");
  const held = await appliance.message("the held one", (m) => m.direction === "out" && m.filename === "later.held");
  const gone = await until("the payload is removed", async () => {
    const answer = await appliance.api("GET", `/api/v1/messages/${small.id}/payload`);
    return answer.status === 404 && answer.body;
  });
  assert.match(gone.detail, /retention\.payloads/);
  assert.equal((await appliance.get(`/api/v1/messages/${small.id}`)).status, "completed");
  await until("the message is removed", async () => (await appliance.api("GET", `/api/v1/messages/${small.id}`)).status === 404);
  await until("only what is held is left", async () => (await appliance.messages()).every((m) => m.filename === "later.held"));
  assert.equal(await appliance.payload(held.id), "not delivered yet");
});

test("a file beyond limits.payload stays where it is, is told, and holds up nobody", async () => {
  drop("0-too-large.txt", Buffer.alloc(300_001, "x"));
  drop("1-fits.txt", Buffer.alloc(300_000, "y"));
  await until("the smaller one", () => existsSync(join(folder("out"), "1-fits.txt")));
  assert.ok(existsSync(join(folder("in"), "0-too-large.txt")));
  await until("the log says why", () => /0-too-large\.txt.*limits\.payload/.test(appliance.log));
});
