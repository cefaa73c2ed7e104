// A connection that is switched off: what is for it waits, costs nothing, and leaves as soon as it is switched on, in
// this life or in a later one.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {mkdirSync, readdirSync} from "node:fs";
import {join} from "node:path";

import {until} from "./appliance.lib.mjs";
import {Victim, pause} from "./crash.lib.mjs";

const victim = new Victim();
const out = join(victim.directory, "out");
mkdirSync(out);
const arrived = () => readdirSync(out).filter((name) => !name.startsWith(".")).length;

async function configure(enabled) {
  const answer = await victim.admin("POST", "/api/v1/apply", {
    connections: [{name: "out", kind: "file", directory: out, enabled}],
    endpoints: [{route: "POST /out", legacy: {connection: "out", path: "{message.id}"}}],
  });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
}

const jobs = async () => (await victim.admin("GET", "/api/v1/jobs?limit=100")).body.items;

before(async () => {
  await victim.start();
  await configure(false);
});
after(() => victim.remove());

test("a message for it is taken, and its delivery waits without an attempt", async () => {
  for (let i = 0; i < 20; i++) assert.equal((await victim.call("public", "POST", "/out", `held ${i}`)).status, 202);
  await pause(300); // Time enough for an engine that would try.
  const held = await jobs();
  assert.equal(held.length, 20);
  for (const job of held) assert.deepEqual([job.status, job.attempts, job.next_at], ["waiting", 0, null]);
  assert.equal(arrived(), 0);
});

test("it leaves at once when the connection is switched on", async () => {
  await configure(true);
  await until("all arrived", () => arrived() === 20);
  await until("nothing is left to do", async () => (await jobs()).length === 0);
});

test("what was held in an earlier life is released by a later one, also when it died in between", async () => {
  await configure(false);
  for (let i = 0; i < 5; i++) assert.equal((await victim.call("public", "POST", "/out", `again ${i}`)).status, 202);
  await victim.end();
  await victim.start();
  await configure(true);
  await until("all arrived", () => arrived() === 25);
});

test("a delivery that is asked for by hand while it is switched off waits again, and still counts no attempt", async () => {
  await configure(false);
  const {id} = (await victim.call("public", "POST", "/out", "by hand")).body;
  assert.equal((await victim.admin("POST", `/api/v1/messages/${id}/resend`)).status, 202);
  await until("it was held", async () => {
    const {events} = (await victim.admin("GET", `/api/v1/messages/${id}/events`)).body;
    return events.some((event) => event.kind === "held" && /switched off/.test(event.text));
  });
  const held = await jobs();
  assert.deepEqual(held.map((job) => [job.status, job.attempts, job.next_at]), [["waiting", 0, null]]);
  await configure(true);
  await until("it arrived", () => arrived() === 26);
});
