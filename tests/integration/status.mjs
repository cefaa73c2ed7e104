// The status of a request that was accepted: asked once, waited for, or listened to (F19, F21, A11).

import assert from "node:assert/strict";
import {mkdirSync, rmSync, writeFileSync} from "node:fs";
import {after, before, test} from "node:test";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

const us = new Appliance();
const out = join(us.directory, "out");
const obstacle = join(out, "busy");

before(async () => {
  mkdirSync(out);
  await us.start();
  await us.apply({
    connections: [{name: "erp", kind: "file", directory: out}],
    endpoints: [
      {route: "POST /orders", access: "public", legacy: {connection: "erp"}},
      // Fails as long as the name is taken: the time of the deed is the test's.
      {route: "POST /busy", access: "public", legacy: {connection: "erp", path: "busy"}, retry: {first: "100ms", maximum: "100ms", attempts: 1000}},
      {route: "POST /keyed", access: "key", legacy: {connection: "erp"}},
    ],
  });
});
after(() => us.remove());

async function post(path, headers = {}) {
  const answer = await fetch(us.public + path, {method: "POST", body: "x", headers});
  assert.equal(answer.status, 202, await answer.clone().text());
  return (await answer.json()).id;
}
async function status(id, headers = {}, options = {}) {
  const began = Date.now();
  const answer = await fetch(`${us.public}/status/${id}`, {headers, ...options});
  const text = await answer.text();
  return {status: answer.status, get: (name) => answer.headers.get(name), body: text ? JSON.parse(text) : undefined, took: Date.now() - began};
}
const busy = async () => {
  writeFileSync(obstacle, "there");
  return post("/busy");
};
const free = () => rmSync(obstacle);

// The events of one listener, as they come.
function listen(id, headers = {}) {
  const listener = {events: [], over: false, stop: new AbortController()};
  listener.done = (async () => {
    const answer = await fetch(`${us.public}/status/${id}`, {headers: {Accept: "text/event-stream", ...headers}, signal: listener.stop.signal});
    listener.type = answer.headers.get("content-type");
    listener.status = answer.status;
    let text = "";
    for await (const piece of answer.body) {
      text += Buffer.from(piece).toString();
      for (let at = text.indexOf("\n\n"); at >= 0; at = text.indexOf("\n\n")) {
        const lines = Object.fromEntries(text.slice(0, at).split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
        if (lines.data) listener.events.push({event: lines.event, id: lines.id, data: JSON.parse(lines.data)});
        text = text.slice(at + 2);
      }
    }
    listener.over = true;
  })().catch((error) => (listener.error = error));
  return listener;
}

test("F19: what is known already is 304", async () => {
  const id = await post("/orders");
  const done = await until("it is completed", async () => {
    const now = await status(id);
    return now.body.state === "completed" && now;
  });
  const again = await status(id, {"If-None-Match": done.get("etag")});
  assert.deepEqual([again.status, again.body, again.get("etag")], [304, undefined, done.get("etag")]);
  assert.equal((await status(id, {"If-None-Match": '"other"'})).status, 200);
});

test("A11: who prefers to wait is answered when it is decided, and not before", async () => {
  const id = await busy();
  const waiting = status(id, {Prefer: "wait=20"});
  const first = await Promise.race([waiting, new Promise((done) => setTimeout(done, 700, "waits"))]);
  assert.equal(first, "waits");
  free();
  const answer = await waiting;
  assert.equal(answer.body.state, "completed");
  assert.equal(answer.get("preference-applied"), "wait=20");
  assert.ok(answer.took < 15000, `${answer.took} ms`);
  assert.ok((await status(id, {Prefer: "wait=20"})).took < 10000, "what is decided is told at once");
});

test("A11: when the time is over it is told as it is", async () => {
  const id = await busy();
  const answer = await status(id, {Prefer: "wait=1"});
  assert.deepEqual([answer.status, answer.body.state], [200, "processing"]);
  assert.ok(answer.took >= 990 && answer.took < 10000, `${answer.took} ms`);
  free();
  await status(id, {Prefer: "wait=20"});
});

test("F21: with If-None-Match it is the next change that is waited for", async () => {
  const id = await busy();
  let known = (await status(id)).get("etag"), seen;
  await until("completed by steps", async () => {
    seen = await status(id, {Prefer: "wait=5", "If-None-Match": known});
    if (seen.status === 304) return false;
    assert.notEqual(seen.get("etag"), known);
    known = seen.get("etag");
    if (seen.body.state === "processing") rmSync(obstacle, {force: true});
    return seen.body.state === "completed";
  }, 20).catch(() => assert.fail(`it stayed ${JSON.stringify(seen?.body)}`));
});

test("F21: each change is an event, and the stream ends with the last", async () => {
  const id = await busy();
  const listener = listen(id);
  await until("the first event", () => listener.events.length > 0);
  assert.equal(listener.type, "text/event-stream");
  assert.deepEqual([listener.events[0].event, listener.events[0].data.state], ["status", "processing"]);
  free();
  await until("the end", () => listener.over);
  assert.equal(listener.events.at(-1).data.state, "completed");
  assert.equal(listener.events.at(-1).id, (await status(id)).get("etag"));
  const back = listen(id, {"Last-Event-ID": listener.events.at(-1).id});
  await until("it ends at once", () => back.over);
  assert.equal(back.events.length, 0, "who has seen the last event gets none again");
});

test("F21: a listener who goes is forgotten, and others hear on", async () => {
  const id = await busy();
  const going = listen(id), staying = listen(id);
  await until("both listen", () => going.events.length && staying.events.length);
  going.stop.abort();
  await going.done;
  free();
  await until("the other hears the end", () => staying.over);
  assert.equal(staying.events.at(-1).data.state, "completed");
});

test("another's request is not there, for who waits and who listens as well", async () => {
  const made = await us.api("POST", "/api/v1/keys", {name: "owner", role: "client"});
  const headers = {"X-API-Key": made.body.key};
  const id = await post("/keyed", headers);
  for (const more of [{Prefer: "wait=20"}, {Accept: "text/event-stream"}, {}]) {
    const answer = await status(id, more);
    assert.deepEqual([answer.status, answer.body.type], [404, "/problems/not-found"]);
    assert.ok(answer.took < 10000);
  }
  assert.equal((await status(id, {...headers, Prefer: "wait=5"})).body.state, "completed");
});

test("a hundred wait at once and are all told; the appliance ends while some wait", async () => {
  const id = await busy();
  const waiting = Array.from({length: 100}, () => status(id, {Prefer: "wait=30"}));
  await new Promise((done) => setTimeout(done, 300));
  free();
  for (const answer of await Promise.all(waiting)) assert.equal(answer.body.state, "completed");
  const other = await busy();
  const late = status(other, {Prefer: "wait=60"}), listener = listen(other);
  await until("one listens", () => listener.events.length > 0);
  await us.stop();
  assert.equal((await late).body.state, "processing");
  await listener.done;
});
