// Scripts of endpoints that call other systems: all of a batch at the same time, each once, and only those allowed.

import assert from "node:assert/strict";
import {mkdirSync, writeFileSync} from "node:fs";
import {createServer} from "node:http";
import {join} from "node:path";
import {after, before, test} from "node:test";

import {Appliance} from "./appliance.lib.mjs";

const us = new Appliance();
const folder = join(us.directory, "files");
const seen = [];
let waiting = [];

// Answers /together only when two callers wait: a caller who asks one after the other would wait for ever.
const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    seen.push({method: request.method, url: request.url, headers: request.headers, body});
    const url = new URL(request.url, "http://x");
    const answer = (status, value) => response.writeHead(status, {"Content-Type": "application/json", "X-From": "them"}).end(JSON.stringify(value));
    if (url.pathname === "/together") {
      waiting.push(() => answer(200, {together: url.searchParams.get("n")}));
      if (waiting.length === 2) {
        for (const go of waiting) go();
        waiting = [];
      }
    } else if (url.pathname === "/missing") answer(404, {title: "no such thing"});
    else if (url.pathname === "/never") setTimeout(() => answer(200, {}), 20000).unref();
    else if (url.pathname === "/bytes") response.writeHead(200, {"Content-Type": "application/octet-stream"}).end(Buffer.from([0, 255, 10, 13]));
    else answer(200, {path: request.url, body: body.toString("latin1"), type: request.headers["content-type"] ?? null});
  });
});

const script = (body) => `local connection = require "connection"\nlocal M = {}\nfunction M.request(req)\n${body}\nend\nreturn M\n`;
const sources = {
  together: `local both = connection.all{a = {"them", path = "/together", query = {n = "1 & 2"}}, b = {"them", path = "/together?n=b"}}
    return req:respond{json = {both.a.json.together, both.b.json.together}}`,
  chain: `local first = connection.get("them", "/first")
    local second = connection.call("them", {path = "/second", json = {from = first.json.path, amount = 19.5}, headers = {["X-Own"] = "yes"}})
    local third = pcall(function() return connection.get("them", "/third") end)
    return req:respond{json = {second.json.body, second.json.type, second.headers["x-from"], third}}`,
  missing: `local answer = connection.get("them", "/missing")
    return req:respond{status = answer.status, json = {ok = answer.ok, title = answer.json.title}}`,
  file: `local there, absent = connection.get("files", "/stock.json"), connection.get("files", "none.json")
    return req:respond{json = {quantity = there.json.quantity, absent = absent.status}}`,
  escape: `return req:respond{json = {(select(2, pcall(connection.get, "files", "../../secret")))}}`,
  dead: `return req:respond{json = {connection.get("dead", "/").status}}`,
  caught: `local done, why = pcall(connection.get, "dead", "/") return req:respond{json = {done, why}}`,
  never: `return req:respond{json = {connection.get("them", "/never").status}}`,
  forbidden: `return req:respond{json = {connection.get("secret", "/").status}}`,
  smuggle: `return req:respond{json = {connection.call("them", {path = "/x", body = "x", headers = {["Transfer-Encoding"] = "chunked"}}).status}}`,
  split: `return req:respond{json = {connection.call("them", {path = "/x HTTP/1.1\\r\\nX: y"}).status}}`,
  bytes: `local answer = connection.get("them", "/bytes") return req:respond{body = answer.body, content_type = answer.content_type}`,
  endless: `for i = 1, 100 do connection.get("them", "/loop/" .. i) end return req:respond{json = {}}`,
  changing: `return req:respond{json = {connection.get("them", "/random/" .. math.random(1 << 60)).status}}`,
  logged: `print("before") local a = connection.get("them", "/a") print("after") error("as told")`,
};

before(async () => {
  mkdirSync(folder, {recursive: true});
  writeFileSync(join(folder, "stock.json"), '{"quantity": 7}');
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${server.address().port}`;
  await us.start();
  await us.apply({
    connections: [
      {name: "them", kind: "http", url},
      {name: "secret", kind: "http", url},
      {name: "dead", kind: "http", url: "http://127.0.0.1:1"},
      {name: "files", kind: "file", directory: folder},
    ],
    scripts: [
      ...Object.entries(sources).map(([name, body]) => ({name, source: script(body)})),
      {name: "after", source: `local connection = require "connection"
        return {response = function(res) local more = connection.get("them", "/more") return {json = {was = res.json.path, more = more.json.path}} end}`},
    ],
    endpoints: [
      ...Object.keys(sources).map((name) => ({route: `POST /${name}`, script: name, calls: ["them", "dead", "files"], timeout: "2s"})),
      {route: "GET /after", script: "after", calls: ["them"], legacy: {connection: "them", path: "/legacy"}},
      {route: "POST /closed", script: "missing"},
    ],
  });
});

after(async () => {
  await us.remove();
  server.closeAllConnections();
  server.close();
});

async function call(name, body = "hello") {
  const answer = await fetch(`${us.public}/${name}`, {method: "POST", body});
  const text = await answer.text();
  return {status: answer.status, body: (answer.headers.get("content-type") ?? "").includes("json") ? JSON.parse(text) : text, headers: answer.headers};
}

test("calls of a batch are under way at the same time", async () => {
  assert.deepEqual((await call("together")).body, ["1 & 2", "b"]);
});

test("one call follows from another, and each is made once", async () => {
  seen.length = 0;
  const answer = await call("chain");
  assert.deepEqual(answer.body, ['{"amount":19.5,"from":"/first"}', "application/json", "them", true]);
  assert.deepEqual(seen.map((one) => `${one.method} ${one.url}`), ["GET /first", "POST /second", "GET /third"]);
  assert.equal(seen[1].headers["x-own"], "yes");
  assert.ok(seen[1].headers["x-request-id"]);
});

test("a status is an answer, a file too, and bytes stay bytes", async () => {
  assert.deepEqual(await call("missing").then((a) => [a.status, a.body]), [404, {ok: false, title: "no such thing"}]);
  assert.deepEqual((await call("file")).body, {quantity: 7, absent: 404});
  const bytes = await fetch(`${us.public}/bytes`, {method: "POST"});
  assert.deepEqual([...new Uint8Array(await bytes.arrayBuffer())], [0, 255, 10, 13]);
});

test("the response script calls too", async () => {
  const answer = await (await fetch(`${us.public}/after`)).json();
  assert.deepEqual(answer, {was: "/legacy", more: "/more"});
});

test("a system that is down or silent is an error that the script may catch", async () => {
  const dead = await call("dead");
  assert.ok(dead.status >= 500, `${dead.status}`);
  const caught = await call("caught");
  assert.equal(caught.status, 200);
  assert.equal(caught.body[0], false);
  assert.match(caught.body[1], /^connection dead: /);
  const began = Date.now();
  const never = await call("never");
  assert.ok(never.status >= 500);
  assert.ok(Date.now() - began < 10000, "it ends at the endpoint's timeout");
});

test("LU-17: what the endpoint does not list cannot be called, nor a path outside", async () => {
  for (const name of ["forbidden", "closed"]) {
    seen.length = 0;
    assert.equal((await call(name)).status, 500, name);
    assert.equal(seen.length, 0);
  }
  assert.match((await call("escape")).body[0], /connection files: /);
});

test("LU-18: calls are counted, framing is not the script's, and a run must ask the same again", async () => {
  seen.length = 0;
  assert.equal((await call("endless")).status, 500);
  assert.equal(seen.length, 32);
  seen.length = 0;
  assert.ok((await call("smuggle")).status >= 500);
  assert.equal((await call("split")).status, 500);
  assert.equal(seen.length, 0);
  assert.equal((await call("changing")).status, 500);
  const failed = await us.message("the run that asked otherwise", (m) => m.status === "failed" && m.endpoint === "POST /changing");
  assert.match(failed.reason, /called other systems otherwise/);
});

test("what a script logs stands there once, however often it ran", async () => {
  assert.equal((await call("logged")).status, 500);
  const failed = await us.message("the failed one", (m) => m.status === "failed" && m.endpoint === "POST /logged");
  const lines = (await us.events(failed.id)).filter((event) => event.kind === "log" || /before|after/.test(event.text)).map((event) => event.text);
  assert.equal(lines.filter((line) => line === "before").length, 1, JSON.stringify(lines));
  assert.equal(lines.filter((line) => line === "after").length, 1);
});
