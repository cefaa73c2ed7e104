// Answers that serve the next who asks the same: for as long as they are fresh, a while longer, and when the back-end is down (A18).

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {createServer} from "node:http";

import {Appliance} from "./appliance.lib.mjs";

const us = new Appliance();
let asked = 0;
let answer = {status: 200, headers: {}};
let hold;

const backEnd = createServer(async (request, out) => {
  const number = ++asked;
  if (hold) await hold;
  out.writeHead(answer.status, {"Content-Type": "text/plain", ...answer.headers}).end(`answer ${number} for ${request.url} ${request.headers["accept-language"] ?? ""}`);
});

before(async () => {
  await new Promise((done) => backEnd.listen(0, "127.0.0.1", done));
  await us.start();
  await us.apply({
    connections: [{name: "old", kind: "http", url: `http://127.0.0.1:${backEnd.address().port}`}],
    endpoints: Object.entries({
      plain: {ttl: "1h"},
      short: {ttl: "200ms", stale_if_error: "1h"},
      renewed: {ttl: "200ms", stale_while_revalidate: "1h"},
      shared: {ttl: "1h", shared: true, vary: ["X-Tenant"]},
    }).map(([name, cache]) => ({route: `/${name}/*`, access: "public", track: "none", legacy: {connection: "old"}, cache}))
      .concat([{route: "GET /keyed/*", access: "key", track: "none", legacy: {connection: "old"}, cache: {ttl: "1h"}}]),
  });
});
after(async () => {
  backEnd.close();
  await us.remove();
});

async function ask(path, headers = {}, method = "GET") {
  const got = await fetch(us.public + path, {method, headers});
  return {status: got.status, text: await got.text(), age: got.headers.get("age"), told: got.headers.get("cache-status"), tag: got.headers.get("etag")};
}
const reset = (headers = {}, status = 200) => {
  answer = {status, headers};
};
const later = (ms) => {
  const end = Date.now() + ms;
  return new Promise((done) => {
    const look = () => (Date.now() >= end ? done() : setTimeout(look, 10));
    look();
  });
};

test("the second who asks the same is served from here, and told how old it is", async () => {
  reset();
  const first = await ask("/plain/a?x=1");
  assert.equal(first.told, "banyan; fwd=miss; stored");
  const before = asked;
  const second = await ask("/plain/a?x=1");
  assert.equal(asked, before);
  assert.equal(second.text, first.text);
  assert.match(second.told, /^banyan; hit; ttl=\d+$/);
  assert.ok(second.age !== null);
  assert.equal((await ask("/plain/a?x=1", {"If-None-Match": second.tag})).status, 304);
  assert.equal((await ask("/plain/a?x=1", {}, "HEAD")).status, 200);
  assert.equal(asked, before);
  assert.notEqual((await ask("/plain/a?x=2")).text, first.text);
});

test("what says that it must not be kept is not", async () => {
  for (const headers of [{"Cache-Control": "no-store"}, {"Cache-Control": "private, max-age=60"}, {"Cache-Control": "no-cache"}, {"Cache-Control": "max-age=0"}, {"Set-Cookie": "a=b"}, {Vary: "*"}]) {
    reset(headers);
    const path = `/plain/${encodeURIComponent(JSON.stringify(headers)).replaceAll("%", "")}`;
    await ask(path);
    const before = asked;
    await ask(path);
    assert.equal(asked, before + 1, JSON.stringify(headers));
  }
  reset({}, 404);
  await ask("/plain/none");
  const before = asked;
  assert.equal((await ask("/plain/none")).status, 404);
  assert.equal(asked, before + 1);
});

test("an answer serves only those who ask as its Vary says, and as the endpoint says", async () => {
  reset({Vary: "Accept-Language"});
  assert.match((await ask("/plain/v", {"Accept-Language": "de"})).text, / de$/);
  assert.match((await ask("/plain/v", {"Accept-Language": "fr"})).text, / fr$/);
  reset();
  const north = await ask("/shared/t", {"X-Tenant": "north"});
  assert.notEqual((await ask("/shared/t", {"X-Tenant": "south"})).text, north.text);
  assert.equal((await ask("/shared/t", {"X-Tenant": "north"})).text, north.text);
});

test("A18: one caller is never served what another was answered, unless it is shared", async () => {
  reset();
  const key = (name) => us.run("key", "add", name).out.trim();
  const [a, b] = [key("a"), key("b")];
  const mine = await ask("/keyed/x", {Authorization: `Bearer ${a}`});
  assert.notEqual((await ask("/keyed/x", {Authorization: `Bearer ${b}`})).text, mine.text);
  assert.equal((await ask("/keyed/x", {"X-API-Key": a})).text, mine.text);
  assert.equal((await ask("/keyed/x")).status, 401, "the cache stands behind the door");
  const cookie = await ask("/plain/c", {Cookie: "who=me"});
  assert.equal(cookie.told, null);
  assert.notEqual((await ask("/plain/c", {Cookie: "who=me"})).text, cookie.text);
  const theirs = await ask("/plain/d", {Authorization: "Basic eDp5"});
  assert.notEqual((await ask("/plain/d")).text, theirs.text);
});

test("A18: when the back-end fails what is there serves, with its age and why", async () => {
  reset();
  const good = await ask("/short/a");
  await later(250);
  reset({}, 503);
  const stale = await ask("/short/a");
  assert.equal(stale.status, 200);
  assert.equal(stale.text, good.text);
  assert.match(stale.told, /fwd=stale; fwd-status=503/);
  assert.equal((await ask("/short/b")).status, 503, "nothing is there for this one");
  reset({"Cache-Control": "max-age=1, must-revalidate"});
  assert.notEqual((await ask("/short/a")).text, good.text, "it answers again");
});

test("while one asks again the others are served what is there", async () => {
  reset();
  const old = await ask("/renewed/a");
  await later(250);
  let open;
  hold = new Promise((done) => (open = done));
  const before = asked;
  const renewing = ask("/renewed/a");
  await (async () => {
    while (asked === before) await later(5);
  })();
  const others = await Promise.all(Array.from({length: 5}, () => ask("/renewed/a")));
  assert.ok(others.every((one) => one.text === old.text && /fwd=stale/.test(one.told)));
  assert.equal(asked, before + 1);
  hold = undefined;
  open();
  const fresh = await renewing;
  assert.notEqual(fresh.text, old.text);
  assert.equal((await ask("/renewed/a")).text, fresh.text);
});

test("what is changed through us is asked for anew", async () => {
  reset();
  const old = await ask("/plain/changed");
  assert.equal((await ask("/plain/changed")).text, old.text);
  await ask("/plain/changed", {}, "DELETE");
  assert.notEqual((await ask("/plain/changed")).text, old.text);
});
