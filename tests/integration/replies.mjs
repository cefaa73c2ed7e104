// Request and reply over files: the request is written, a legacy system answers by a file, and the caller waits for it, but not for ever (A11, A13).

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync, existsSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

const us = new Appliance();
const folder = join(us.directory, "legacy");

before(async () => {
  mkdirSync(join(folder, "in"), {recursive: true});
  mkdirSync(join(folder, "out"));
  await us.start();
  const endpoint = (name, reply, more) => ({
    route: `POST /${name}`, access: "public", legacy: {connection: "legacy", path: "in/{message.id}.txt"},
    reply: {path: "out/{message.id}.json", ...reply}, ...more,
  });
  await us.apply({
    connections: [{name: "legacy", kind: "file", directory: folder}],
    scripts: [{name: "shape", source: "return {response = function(res) return {json = {shaped = res.json.answer}} end}"}],
    endpoints: [
      endpoint("quote", {within: "10s", remove: true}),
      endpoint("brief", {within: "300ms"}),
      endpoint("keyed", {within: "300ms"}, {access: "key"}),
      endpoint("shaped", {within: "10s"}, {script: "shape"}),
    ],
  });
});
after(() => us.remove());

async function post(path, body, headers = {}) {
  const answer = await fetch(us.public + path, {method: "POST", body, headers: {"Content-Type": "text/plain", ...headers}});
  const text = await answer.text();
  return {status: answer.status, get: (name) => answer.headers.get(name), text, body: text.startsWith("{") ? JSON.parse(text) : undefined};
}
// The request that holds `text`, once it is written; its id.
const written = (text) => until(`the request "${text}" is written`, () =>
  readdirSync(join(folder, "in")).filter((name) => name.endsWith(".txt")).find((name) => readFileSync(join(folder, "in", name), "utf8") === text)?.replace(".txt", ""));
const reply = (id, value) => writeFileSync(join(folder, "out", `${id}.json`), JSON.stringify(value));

test("A11: who waits is given the reply as soon as it is there", async () => {
  const asked = post("/quote", "how much?");
  const id = await written("how much?");
  reply(id, {answer: 42});
  const answer = await asked;
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.body, {answer: 42});
  assert.match(answer.get("content-type"), /json/);
  await until("the reply is removed", () => !existsSync(join(folder, "out", `${id}.json`)));
  await until("the timeline tells of the reply", async () => {
    const kinds = (await us.events(id)).map((event) => event.kind);
    return kinds.includes("reply expected") && kinds.includes("answered");
  });
});

test("many wait at once, and each is given its own", async () => {
  const asked = Array.from({length: 20}, (_, i) => post("/quote", `question ${i}`));
  for (let i = 19; i >= 0; i--) reply(await written(`question ${i}`), {answer: i});
  const answers = await Promise.all(asked);
  assert.deepEqual(answers.map((answer) => answer.body.answer), Array.from({length: 20}, (_, i) => i));
});

test("A11, A13: after the time 202, and the late reply is read where the status says", async () => {
  const answer = await post("/brief", "slow");
  assert.equal(answer.status, 202);
  assert.equal(answer.get("location"), `/status/${answer.body.id}`);
  assert.ok(answer.get("retry-after"));
  assert.equal(answer.get("link"), `</status/${answer.body.id}/reply>; rel="reply"`);
  const place = `${us.public}/status/${answer.body.id}/reply`;
  const early = await fetch(place);
  assert.equal(early.status, 404);
  assert.ok(early.headers.get("retry-after"));
  reply(answer.body.id, {answer: "late"});
  const late = await fetch(place);
  assert.equal(late.status, 200);
  assert.deepEqual(await late.json(), {answer: "late"});
  for (const id of ["nobody", "01a22144-9633-7000-a26e-c77a658af016", "%2e%2e"]) assert.ok([400, 404].includes((await fetch(`${us.public}/status/${id}/reply`)).status), id);
});

test("Prefer says how long, and the answer which it was", async () => {
  const now = await post("/quote", "at once", {Prefer: "respond-async"});
  assert.equal(now.status, 202);
  assert.equal(now.get("preference-applied"), "respond-async");
  const second = await post("/quote", "a second", {Prefer: "return=minimal, wait=1"});
  assert.equal(second.status, 202);
  assert.equal(second.get("preference-applied"), "wait=1");
});

test("a reply is for who asked", async () => {
  const key = us.run("key", "add", "asker").out.trim();
  const other = us.run("key", "add", "other").out.trim();
  const bearer = (value) => ({Authorization: `Bearer ${value}`});
  const answer = await post("/keyed", "mine", bearer(key));
  assert.equal(answer.status, 202);
  reply(answer.body.id, {answer: "mine"});
  const place = `${us.public}/status/${answer.body.id}/reply`;
  assert.equal((await fetch(place)).status, 404);
  assert.equal((await fetch(place, {headers: bearer(other)})).status, 404);
  assert.equal((await fetch(place, {headers: bearer(key)})).status, 200);
});

test("the response script shapes the reply", async () => {
  const asked = post("/shaped", "shape me");
  reply(await written("shape me"), {answer: "x"});
  const answer = await asked;
  assert.deepEqual(answer.body, {shaped: "x"}, answer.text);
});

test("a reply's path that does not tell whose it is, is refused", async () => {
  const answer = await us.api("POST", "/api/v1/apply", {endpoints: [{route: "POST /bad", legacy: {connection: "legacy", path: "in/x"}, reply: {path: "out/next.json"}}]});
  assert.equal(answer.status, 422);
  assert.match(JSON.stringify(answer.body), /message\.id/);
});

test("who waits when the appliance stops is answered 202", async () => {
  const asked = post("/quote", "stopping");
  await written("stopping");
  const stopped = us.stop();
  assert.equal((await asked).status, 202);
  await stopped;
  rmSync(join(folder, "in"), {recursive: true, force: true});
});
