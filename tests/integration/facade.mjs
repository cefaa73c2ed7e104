// The facade in front of HTTP back-ends that behave and misbehave, and the switch between an old and a new one.

import assert from "node:assert/strict";
import {createServer, request as open} from "node:http";
import {createServer as createRaw, connect} from "node:net";
import {after, before, test} from "node:test";

import {Appliance, until} from "./appliance.lib.mjs";

const us = new Appliance();
const servers = [];

function listen(server) {
  servers.push(server);
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));
}

// A back-end that answers what it was asked.
function mirror(name) {
  const back = {name, calls: 0, behave: undefined};
  back.server = createServer((request, response) => {
    const chunks = [];
    let size = 0;
    back.calls++;
    if (back.behave?.(request, response)) return;
    request.on("data", (piece) => {
      size += piece.length;
      if (size <= 100_000) chunks.push(piece);
    });
    request.on("end", () => {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify({servedBy: name, method: request.method, url: request.url, headers: request.headers, size,
        body: size <= 100_000 ? Buffer.concat(chunks).toString() : undefined}));
    });
  });
  return back;
}

// A back-end that says exactly these bytes to every request, then closes unless told not to.
const raw = (bytes, close = true) => listen(createRaw((socket) => {
  socket.on("error", () => {});
  socket.once("data", () => (close ? socket.end(bytes) : socket.write(bytes)));
}));

const old = mirror("old"), modern = mirror("new");
const call = (path, options) => fetch(us.public + path, {redirect: "manual", ...options});
const json = async (path, options) => (await call(path, options)).json();
const switchPath = (route) => `/api/v1/endpoints/${encodeURIComponent(route)}/switch`;

// One request without fetch's own ideas of which header fields may be sent.
function plain(path, {method = "GET", headers = {}, body} = {}) {
  return new Promise((done, fail) => {
    const sent = open(us.public + path, {method, headers}, (response) => {
      const chunks = [];
      response.on("data", (piece) => chunks.push(piece));
      response.on("end", () => done({status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString()}));
      response.on("error", fail);
    });
    sent.on("error", fail);
    sent.end(body);
  });
}

before(async () => {
  const [oldPort, newPort] = await Promise.all([listen(old.server), listen(modern.server)]);
  const at = (port) => `http://127.0.0.1:${port}`;
  const head = "HTTP/1.1 200 OK\r\n";
  const odd = {
    silent: await raw("", false),
    closes: await raw(""),
    short: await raw(`${head}Content-Length: 1000\r\n\r\nonly this`),
    chunked: await raw(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n`),
    garbage: await raw("this is no HTTP at all\r\n\r\n"),
    flood: await raw(`${head}X-Flood: ${"x".repeat(90_000)}\r\n\r\n`),
    interim: await raw("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100) + `${head}Content-Length: 0\r\n\r\n`),
    inject: await raw(`${head}Content-Length: 2\r\nX-Bad: a\x01b\r\nX-Good: yes\r\n\r\nok`),
    secret: await raw(`${head}Content-Length: 6\r\n\r\nsecret`),
  };
  await us.start();
  await us.apply({
    connections: [
      {name: "old-http", kind: "http", url: `${at(oldPort)}/base`},
      {name: "new-http", kind: "http", url: at(newPort), headers: {"X-Tier": "gold"}, user: "app", password: "geheim"},
      {name: "closed", kind: "http", url: "http://127.0.0.1:1"},
      {name: "by-name", kind: "http", url: `http://localhost.localdomain:${odd.secret}`},
      {name: "decimal", kind: "http", url: `http://2130706433:${odd.secret}`},
      {name: "outside", kind: "http", url: `http://127.0.0.1:${odd.secret}`, networks: ["10.0.0.0/8"]},
      ...Object.entries(odd).map(([name, port]) => ({name, kind: "http", url: at(port)})),
    ],
    endpoints: [
      {route: "/old/*", legacy: {connection: "old-http"}, timeout: "2s", body_limit: "1GiB"},
      {route: "/new/{rest...}", legacy: {connection: "new-http", path: "shop/{rest}"}, timeout: "2s"},
      {route: "GET /items/{number}", legacy: {connection: "old-http", path: "item.php?no={number}"}},
      {route: "POST /jobs/*", legacy: {connection: "old-http", path: "jobs"}, respond: {status: 202}},
      ...["closed", "by-name", "decimal", "outside", ...Object.keys(odd)].map((name) => (
        {route: `/odd/${name}`, legacy: {connection: name}, timeout: "700ms"})),
      {route: "/catalog/*", legacy: {connection: "old-http"}, modern: {connection: "new-http"},
        traffic: {modern: "10%", sticky: "header X-Customer"},
        shadow: {compare: true, ignore: ["$.servedBy", "$.url", "$.headers"]}},
      {route: "/ruled/*", legacy: {connection: "old-http"}, modern: {connection: "new-http"},
        traffic: {reads: "modern", writes: "legacy", rules: [{to: "legacy", key: "header X-Tenant", values: ["acme"]}]}},
      {route: "/guarded/*", legacy: {connection: "old-http"}, modern: {connection: "new-http"},
        traffic: {modern: "100%", back: {error_rate: "10%", minimum: 5, window: "30s"}}},
      {route: "/headed/*", legacy: {connection: "old-http"}, modern: {connection: "new-http"},
        shadow: {headers: ["X-Total", "x-same", "X-Gone", "X-New", "X-Noise", "Content-Type"], ignore: ["$", "header X-Noise"]}},
      {route: "/learning/*", legacy: {connection: "old-http"}, modern: {connection: "new-http"},
        shadow: {learn: true, ignore: ["$.servedBy", "$.url", "$.headers"]}},
    ],
  });
});
after(async () => {
  await us.remove();
  for (const server of servers) {
    server.closeAllConnections?.();
    server.close();
  }
});

test("F01: path, query and method reach the back-end below its base URL", async () => {
  const answer = await call("/old/a%20b/c?x=1&y=%2F", {method: "DELETE"});
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("server"), "banyan");
  const seen = await answer.json();
  assert.equal(seen.method, "DELETE");
  assert.equal(seen.url, "/base/old/a%20b/c?x=1&y=%2F");
});

test("a path template places parameters, encoded, and keeps the query", async () => {
  assert.equal((await json("/items/a%26b%3D1?lang=de")).url, "/base/item.php?no=a%26b%3D1&lang=de");
  assert.equal((await json("/new/x/y%20z")).url, "/shop/x/y%20z");
});

test("hop-by-hop fields stay behind, Forwarded is told, what a client claims of it is not believed (HT-27)", async () => {
  const {body} = await plain("/old/x", {headers: {Connection: "close, X-Private", "X-Private": "1", TE: "trailers",
    "Proxy-Authorization": "Basic eA==", "X-Real-IP": "6.6.6.6", "Accept-Language": "de"}});
  const {headers} = JSON.parse(body);
  for (const gone of ["x-private", "te", "proxy-authorization", "x-real-ip"]) assert.equal(headers[gone], undefined, gone);
  assert.equal(headers["x-forwarded-for"], "127.0.0.1");
  assert.match(headers.forwarded, /^for=127\.0\.0\.1;host="127\.0\.0\.1:\d+";proto=http$/);
  assert.equal(headers.via, "1.1 banyan");
  assert.equal(headers["accept-language"], "de");
  assert.match(headers["x-request-id"], /^[0-9a-f-]{36}$/);
});

test("the connection's own fields and credentials replace the client's", async () => {
  const {headers} = await json("/new/a", {headers: {"X-Tier": "lead"}});
  assert.equal(headers["x-tier"], "gold");
  assert.equal(headers.authorization, `Basic ${Buffer.from("app:geheim").toString("base64")}`);
  assert.ok(!us.log.includes("geheim"));
});

test("F58: 60 MiB up and 60 MiB down in constant memory", async () => {
  const piece = Buffer.alloc(1 << 20, 120);
  const {body} = await new Promise((done, fail) => {
    const sent = open(`${us.public}/old/up`, {method: "PUT"}, (response) => {
      let text = "";
      response.on("data", (bytes) => (text += bytes)).on("end", () => done({body: text}));
    });
    sent.on("error", fail);
    let left = 60;
    const more = () => {
      while (left > 0) {
        left--;
        if (!sent.write(piece)) return sent.once("drain", more);
      }
      return sent.end();
    };
    more();
  });
  assert.equal(JSON.parse(body).size, 60 << 20);
  old.behave = (request, response) => {
    if (request.url !== "/base/old/down") return false;
    response.writeHead(200, {"Content-Length": 60 << 20});
    let left = 60;
    const more = () => {
      while (left > 0) {
        left--;
        if (!response.write(piece)) return response.once("drain", more);
      }
      return response.end();
    };
    more();
    return true;
  };
  const answer = await call("/old/down");
  assert.equal(answer.headers.get("content-length"), String(60 << 20));
  let size = 0;
  for await (const bytes of answer.body) size += bytes.length;
  assert.equal(size, 60 << 20);
  old.behave = undefined;
  const status = (await import("node:fs")).readFileSync(`/proc/${us.process.pid}/status`, "utf8");
  assert.ok(Number(/VmHWM:\s+(\d+)/.exec(status)[1]) < 160_000, status);
});

test("F54: an answer that comes in pieces arrives in pieces", async () => {
  let finish;
  old.behave = (request, response) => {
    response.writeHead(200, {"Content-Type": "text/event-stream"});
    response.write("data: 1\n\n");
    finish = () => response.end("data: 2\n\n");
    return true;
  };
  const answer = await call("/old/events");
  const reader = answer.body.getReader();
  assert.equal(Buffer.from((await reader.read()).value).toString(), "data: 1\n\n");
  finish();
  assert.equal(Buffer.from((await reader.read()).value).toString(), "data: 2\n\n");
  assert.equal((await reader.read()).done, true);
  old.behave = undefined;
});

test("a client that goes takes its request to the back-end with it", async () => {
  let gone;
  const left = new Promise((done) => (gone = done));
  let began;
  const arrived = new Promise((done) => (began = done));
  old.behave = (request, response) => {
    response.on("close", gone);
    began();
    return true;
  };
  const stop = new AbortController();
  const asked = call("/old/wait", {signal: stop.signal}).catch(() => {});
  await arrived;
  stop.abort();
  await asked;
  await left;
  old.behave = undefined;
});

test("HEAD tells the size without the body, 204 and 304 have none", async () => {
  old.behave = (request, response) => {
    const status = Number(request.url.split("/").at(-1));
    if (!status) return false;
    response.writeHead(status, status === 200 ? {"Content-Length": 5} : {ETag: "\"a\""});
    response.end(status === 200 && request.method !== "HEAD" ? "hello" : undefined);
    return true;
  };
  const head = await plain("/old/200", {method: "HEAD"});
  assert.equal(head.headers["content-length"], "5");
  assert.equal(head.body, "");
  assert.equal((await plain("/old/204")).status, 204);
  const unchanged = await plain("/old/304");
  assert.equal(unchanged.status, 304);
  assert.equal(unchanged.headers.etag, "\"a\"");
  old.behave = undefined;
});

test("SR-03: redirects are answers; one to the back-end's own URL is made the facade's", async () => {
  let location;
  old.behave = (request, response) => {
    response.writeHead(302, {Location: location ?? `http://${request.headers.host}/base/old/next?a=1`});
    response.end();
    return true;
  };
  const own = await call("/old/first");
  assert.equal(own.status, 302);
  assert.equal(own.headers.get("location"), "/old/next?a=1");
  location = "http://169.254.169.254/latest/meta-data";
  assert.equal((await call("/old/first")).headers.get("location"), location);
  old.behave = undefined;
});

for (const [name, status, type] of [
  ["closed", 502, "back-end-unreachable"],
  ["closes", 502, "back-end-unreachable"],
  ["garbage", 502, "back-end-unreachable"],
  ["flood", 502, "back-end-limit"],
  ["interim", 502, "back-end-limit"],
  ["silent", 504, "back-end-timeout"],
  ["short", 502, "back-end-unreachable"],
  ["chunked", 502, "back-end-unreachable"],
  ["by-name", 502, null],
  ["decimal", 502, null],
  ["outside", 502, "back-end-refused"],
]) {
  test(`SR-01, SR-05, A19: a back-end that is ${name} is answered ${status}, as a problem that tells nothing of it`, async () => {
    const answer = await call(`/odd/${name}`);
    const problem = await answer.json();
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    if (type) assert.equal(problem.type, `/problems/${type}`);
    assert.ok(!JSON.stringify(problem).includes("127.0.0.1") && !JSON.stringify(problem).includes("secret"));
  });
}

test("a field that cannot be sent on is left out, the answer stays", async () => {
  const answer = await plain("/odd/inject");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["x-good"], "yes");
  assert.equal(answer.headers["x-bad"], undefined);
});

test("a back-end that breaks off in the middle breaks the client's connection off, too", async () => {
  old.behave = (request, response) => {
    response.writeHead(200, {"Content-Length": 1_000_000});
    response.write(Buffer.alloc(200_000, 97));
    setImmediate(() => response.destroy());
    return true;
  };
  await assert.rejects(async () => (await call("/old/cut")).arrayBuffer());
  old.behave = undefined;
});

test("HT-15: a body over the limit is refused before the back-end sees it", async () => {
  const before = modern.calls;
  const answer = await call("/new/large", {method: "POST", body: Buffer.alloc(11 << 20)});
  assert.equal(answer.status, 413);
  assert.equal(modern.calls, before);
});

test("HT-22: a method that a path has not got is answered with those that it has, CONNECT not at all", async () => {
  const port = Number(new URL(us.public).port);
  const send = (method, path) =>
    new Promise((done, failed) => open({port, path, method}, (answer) => done(answer.resume())).on("error", failed).end());
  for (const method of ["TRACE", "PROPFIND", "M-SEARCH"]) {
    const answer = await send(method, "/old/x");
    assert.deepEqual([answer.statusCode, answer.headers.allow?.includes("GET")], [405, true], method);
    assert.equal((await send(method, "/nowhere")).statusCode, 404, method);
  }
  const text = await new Promise((done) => {
    let got = "";
    const socket = connect(port, "127.0.0.1", () => socket.write("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"));
    socket.on("data", (bytes) => (got += bytes)).on("close", () => done(got));
  });
  assert.match(text, /^HTTP\/1\.1 501 /);
});

test("A22: what could be read in two ways never reaches a back-end", async () => {
  const before = old.calls, port = Number(new URL(us.public).port);
  for (const head of [
    "POST /old/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /old/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "POST /old/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
    "GET /old/../admin HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /old/%2e%2e/admin HTTP/1.1\r\nHost: a\r\n\r\n",
  ]) {
    const text = await new Promise((done) => {
      let got = "";
      const socket = connect(port, "127.0.0.1", () => socket.write(head));
      socket.on("data", (bytes) => (got += bytes)).on("close", () => done(got)).on("error", () => done(got));
      socket.setTimeout(3000, () => socket.destroy());
    });
    assert.match(text, /^HTTP\/1\.1 (400|501)/, head);
  }
  assert.equal(old.calls, before);
});

test("a POST that is to be answered 202 is kept, and delivered to the service with the message's id as its key", async () => {
  const answer = await call("/jobs/1", {method: "POST", body: "work"});
  assert.equal(answer.status, 202);
  const {id} = await answer.json();
  const seen = await until("the delivery", async () => {
    const message = await us.get(`/api/v1/messages/${id}`);
    return message.status === "completed" && message;
  });
  assert.equal(seen.status, "completed");
});

test("F04, F05: a share is sticky, and raising it moves nobody back (A01)", async () => {
  const sides = async () => {
    const found = new Map();
    await Promise.all(Array.from({length: 300}, async (_, i) => {
      found.set(i, (await json("/catalog/a", {headers: {"X-Customer": `c${i}`}})).servedBy);
    }));
    return found;
  };
  const first = await sides();
  const share = [...first.values()].filter((side) => side === "new").length;
  assert.ok(share > 10 && share < 60, `${share} of 300`);
  assert.deepEqual(await sides(), first);
  const put = await us.api("PUT", switchPath("/catalog/*"), {modern: "40%", reason: "the first week went well"});
  assert.equal(put.status, 200);
  assert.equal(put.body.modern, "40%");
  const second = await sides();
  for (const [i, side] of first) if (side === "new") assert.equal(second.get(i), "new");
  assert.ok([...second.values()].filter((side) => side === "new").length > share);
});

test("F11, F12: the switch stays where it was put, over an unchanged apply and a restart; history tells who and why", async () => {
  const estate = await us.get("/api/v1/endpoints");
  const own = ["revision", "updated_at", "updated_by"];
  const endpoints = estate.items.filter((item) => item.route === "/catalog/*")
    .map((item) => Object.fromEntries(Object.entries(item).filter(([name]) => !own.includes(name))));
  assert.deepEqual((await us.apply({endpoints})).filter((change) => change.action !== "unchanged"), []);
  assert.equal((await us.get(switchPath("/catalog/*"))).modern, "40%");
  await us.stop();
  await us.start();
  assert.equal((await us.get(switchPath("/catalog/*"))).modern, "40%");
  const back = await us.api("POST", `${switchPath("/catalog/*")}/back`, {reason: "a customer called"});
  assert.equal(back.body.modern, "10%");
  assert.equal((await us.api("POST", `${switchPath("/catalog/*")}/back`)).status, 409);
  const {items} = await us.get(`${switchPath("/catalog/*")}/history`);
  assert.deepEqual(items.map((line) => [line.from, line.to, line.reason]),
    [["40%", "10%", "a customer called"], ["10%", "40%", "the first week went well"]]);
  assert.equal(items[1].who, "local-admin");
  assert.equal((await us.api("PUT", switchPath("/catalog/*"), {modern: "101%"})).status, 400);
  assert.equal((await us.api("GET", switchPath("/nowhere"))).status, 404);
});

test("F11: an endpoint that goes takes its share along; one of its route begins as configured, and the history tells all", async () => {
  const route = "/passing/*", path = `/api/v1/endpoints/${encodeURIComponent(route)}`;
  const endpoint = {route, legacy: {connection: "old-http"}, modern: {connection: "new-http"}, traffic: {modern: "10%"}};
  const put = (body) => us.api("PUT", path, body);
  assert.ok((await put(endpoint)).status < 300);
  await us.api("PUT", switchPath(route), {modern: "100%", reason: "all is well"});
  assert.equal((await json("/passing/x")).servedBy, "new");
  assert.ok((await put({...endpoint, description: "changed"})).status < 300);
  assert.equal((await us.get(switchPath(route))).modern, "100%", "another change of the endpoint is none of the share");
  assert.ok((await us.api("DELETE", path)).status < 300);
  assert.equal((await us.api("GET", switchPath(route))).status, 404);
  assert.ok((await put(endpoint)).status < 300);
  const fresh = await us.get(switchPath(route));
  assert.deepEqual([fresh.modern, fresh.configured, fresh.totals, fresh.held], ["10%", "10%", {}, false]);
  assert.equal((await us.api("POST", `${switchPath(route)}/back`)).status, 409, "no way back leads behind the end");
  assert.deepEqual((await us.get(`${switchPath(route)}/history`)).items.map((line) => line.to), ["10%", "100%"]);
  await us.stop();
  await us.start();
  assert.equal((await us.get(switchPath(route))).modern, "10%");
  await us.api("DELETE", path);
  assert.ok((await put({...endpoint, traffic: {modern: "30%"}})).status < 300);
  assert.equal((await us.get(switchPath(route))).modern, "30%");
  await us.api("DELETE", path);
});

test("F02, F03: rules come before reads and writes, and those before the share", async () => {
  assert.equal((await json("/ruled/x")).servedBy, "new");
  assert.equal((await json("/ruled/x", {method: "POST", body: "1"})).servedBy, "old");
  assert.equal((await json("/ruled/x", {headers: {"X-Tenant": "acme"}})).servedBy, "old");
  assert.equal((await json("/ruled/x", {headers: {"X-Tenant": "other"}})).servedBy, "new");
});

test("F06, F07, A07: the other side is asked after the answer, and what differs is counted by field", async () => {
  const report = () => us.get(switchPath("/catalog/*"));
  await us.api("DELETE", `${switchPath("/catalog/*")}/differences`);
  modern.behave = (request, response) => {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({servedBy: "new", method: "PUT", url: "", headers: {}, size: 0, body: "", extra: 1}));
    return true;
  };
  const customer = await until("a customer of the old side", async () => {
    const name = `x${Math.random()}`;
    return (await json("/catalog/b", {headers: {"X-Customer": name}})).servedBy === "old" && name;
  });
  await until("the difference", async () => (await report()).fields.length >= 2);
  const {fields, samples} = await us.get(`${switchPath("/catalog/*")}/differences`);
  assert.deepEqual(new Set(fields.map((field) => `${field.path} ${field.kind}`)), new Set(["$.method value", "$.extra added"]));
  const {path, kind, legacy, modern: other} = samples.at(-1).differences.find((one) => one.kind === "value");
  assert.deepEqual({path, kind, legacy, modern: other}, {path: "$.method", kind: "value", legacy: "\"GET\"", modern: "\"PUT\""});
  const calls = modern.calls;
  await json("/catalog/b", {method: "POST", body: "1", headers: {"X-Customer": customer}});
  await until("it is counted", async () => (await report()).totals.shadow.skipped_write >= 1);
  assert.equal(modern.calls, calls, "a write was shadowed that nobody declared safe");
  modern.behave = undefined;
});

test("F07: header fields that the endpoint names are compared too", async () => {
  const answer = (fields) => (request, response) => {
    for (const [name, value] of Object.entries({...fields, "X-Same": "1", "X-Noise": String(Math.random())})) response.setHeader(name, value);
    response.end("{}");
    return true;
  };
  old.behave = answer({"X-Total": "3", "X-Gone": "yes", "Content-Type": "application/json", "X-Unasked": "1"});
  modern.behave = answer({"X-Total": "4", "X-New": "yes", "Content-Type": "application/json; charset=utf-8", "X-Unasked": "2"});
  await call("/headed/a");
  const {samples} = await until("the comparison", async () => {
    const found = await us.get(`${switchPath("/headed/*")}/differences`);
    return found.samples.length === 1 && found;
  });
  assert.deepEqual(samples[0].differences.map((field) => `${field.path} ${field.kind} ${field.legacy ?? "-"} ${field.modern ?? "-"}`).sort(), [
    "header Content-Type value application/json application/json; charset=utf-8",
    "header X-Gone missing yes -",
    "header X-New added - yes",
    "header X-Total value 3 4",
  ]);
  old.behave = modern.behave = undefined;
});

test("A04: a shadow that hangs costs the caller nothing", async () => {
  modern.behave = (request) => Boolean(request.headers["banyan-shadow"]);
  const began = performance.now();
  for (let i = 0; i < 20; i++) await json("/catalog/c", {headers: {"X-Customer": `s${i}`}});
  assert.ok(performance.now() - began < 10000);
  assert.ok((await us.get(switchPath("/catalog/*"))).totals.shadow.skipped_busy >= 1);
  modern.behave = undefined;
});

test("A08: what differs between two answers of one side is noise, and learned", async () => {
  const random = (name) => (request, response) => {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({servedBy: name, id: Math.random(), price: 1}));
    return true;
  };
  old.behave = random("old");
  modern.behave = random("new");
  for (let i = 0; i < 5; i++) await json("/learning/a");
  const {totals, fields} = await until("five comparisons", async () => {
    const report = await us.get(switchPath("/learning/*"));
    return report.totals.shadow?.matched === 5 && report;
  });
  assert.equal(totals.shadow.differed, undefined);
  assert.ok(fields.find((field) => field.path === "$.id").noise >= 1);
  old.behave = modern.behave = undefined;
});

test("F13, A09: too many errors of the modern side send everything back, by itself", async () => {
  modern.behave = (request, response) => {
    response.statusCode = 500;
    response.end("{}");
    return true;
  };
  await until("the way back", async () => {
    await call("/guarded/a");
    return (await us.get(switchPath("/guarded/*"))).modern === "0%";
  });
  assert.equal((await json("/guarded/a")).servedBy, "old");
  const {items} = await us.get(`${switchPath("/guarded/*")}/history`);
  assert.equal(items[0].who, "automation");
  assert.match(items[0].reason, /went back to legacy by itself: \d+ of \d+ requests to modern failed/);
  modern.behave = undefined;
});

test("F01, F02: types, hosts, header fields, query and media types tell endpoints of one path apart", async () => {
  const reply = (name) => ({legacy: {connection: "old-http", path: `who/${name}`}});
  await us.apply({endpoints: [
    {route: "GET /v/{id:int}", ...reply("int")},
    {route: "GET /v/{id:uuid}", ...reply("uuid")},
    {route: "GET /v/{id:order|invoice}", ...reply("kind")},
    {route: "GET /v/new", ...reply("literal")},
    {route: "GET /h", ...reply("any")},
    {route: "GET /h host=b.example", ...reply("b")},
    {route: "GET /h host=*.wild.example", ...reply("wild")},
    {route: "GET /h header:X-Version=2", ...reply("header")},
    {route: "GET /h query:v=2", ...reply("query")},
    {route: "GET /h accept=application/vnd.acme.v2+json", ...reply("media")},
    {route: "GET /h host=b.example query:v=2", ...reply("both")},
  ]});
  const who = async (path, headers = {}) => {
    const {status, body} = await plain(path, {headers});
    return status === 200 ? JSON.parse(body).url.replace(/\?.*/, "").split("/").at(-1) : status;
  };
  assert.equal(await who("/v/17"), "int");
  assert.equal(await who("/v/-5"), "int");
  assert.equal(await who("/v/0190aab0-0000-7000-8000-000000000000"), "uuid");
  assert.equal(await who("/v/invoice"), "kind");
  assert.equal(await who("/v/new"), "literal");
  assert.equal(await who("/v/12x"), 404);
  assert.equal(await who("/h"), "any");
  assert.equal(await who("/h", {Host: "B.example:8080"}), "b");
  assert.equal(await who("/h", {Host: "x.wild.example"}), "wild");
  assert.equal(await who("/h", {Host: "wild.example"}), "any");
  assert.equal(await who("/h", {"X-Version": "2"}), "header");
  assert.equal(await who("/h?v=2"), "query");
  assert.equal(await who("/h", {Accept: "text/html, application/vnd.acme.v2+json;q=0.9"}), "media");
  assert.equal(await who("/h?v=2", {Host: "b.example"}), "both");
  const clash = await us.api("POST", "/api/v1/apply", {endpoints: [{route: "GET /h query:v=2 host=b.example", ...reply("x")}]});
  assert.equal(clash.status, 422);
  assert.match(clash.body.errors[0].detail, /GET \/h host=b\.example query:v=2.*GET \/h query:v=2 host=b\.example|GET \/h query:v=2 host=b\.example.*GET \/h host=b\.example query:v=2/);
  const twice = await us.api("POST", "/api/v1/apply", {endpoints: [{route: "GET /v/{other}/x", ...reply("a")}, {route: "GET /v/{id}/x", ...reply("b")}]});
  assert.equal(twice.status, 422);
  for (const route of ["FETCH /x", "GET x", "GET /x nose=1", "GET /{a:colour}"]) {
    assert.equal((await us.api("POST", "/api/v1/apply", {endpoints: [{route, ...reply("x")}]})).status, 422, route);
  }
});

test("A23: traceparent reaches the back-end and the timeline; track decides what is kept", async () => {
  const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await us.apply({endpoints: [
    {route: "GET /kept/{what}", legacy: {connection: "old-http"}, track: "all"},
    {route: "GET /failed", legacy: {connection: "closed"}, track: "errors"},
    {route: "GET /good", legacy: {connection: "old-http"}, track: "errors"},
    {route: "GET /nothing", legacy: {connection: "closed"}, track: "none"},
  ]});
  assert.equal((await json("/kept/a", {headers: {traceparent: trace}})).headers.traceparent, trace);
  for (const path of ["/failed", "/good", "/nothing"]) await (await call(path)).arrayBuffer();
  const kept = await us.message("the request", (message) => message.endpoint === "GET /kept/{what}");
  const events = await us.events(kept.id);
  assert.equal(events.find((event) => event.kind === "answered").detail.traceparent, trace);
  await us.message("the failure", (message) => message.endpoint === "GET /failed");
  const routes = (await us.messages()).map((message) => message.endpoint);
  assert.ok(!routes.includes("GET /good") && !routes.includes("GET /nothing"));
});

test("a fixed answer needs neither back-end nor script (F40)", async () => {
  await us.apply({endpoints: [
    {route: "GET /fixed", respond: {body: {open: true}, status: 203, headers: {"Cache-Control": "max-age=60"}}},
    {route: "GET /words", respond: {body: "closed", content_type: "text/x-note"}},
  ]});
  const answer = await call("/fixed");
  assert.deepEqual([answer.status, answer.headers.get("content-type"), answer.headers.get("cache-control"), await answer.json()],
    [203, "application/json", "max-age=60", {open: true}]);
  const words = await call("/words");
  assert.deepEqual([words.headers.get("content-type"), await words.text()], ["text/x-note", "closed"]);
});

test("HT-25: a coded body passes to the back-end with its Content-Encoding", async () => {
  const sent = await json("/old/coded", {method: "POST", headers: {"Content-Encoding": "gzip"}, body: "coded"});
  assert.deepEqual([sent.headers["content-encoding"], sent.body], ["gzip", "coded"]);
});

// A function that a script lacks is not looked for with each request, but with each version of the script.
test("a script may have one function, the other, and get one later", async () => {
  const script = (source) => us.apply({scripts: [{name: "halves", source}]});
  await script("return {response = function(res) return {json = {after = res.json.method}} end}");
  await us.apply({endpoints: [{route: "/halves", legacy: {connection: "old-http", path: "halves"}, script: "halves"}]});
  for (let i = 0; i < 3; i++) assert.deepEqual(await json("/halves"), {after: "GET"});
  await script("return {request = function(req) return {body = 'made', headers = {['x-made'] = 'yes'}} end}");
  for (let i = 0; i < 3; i++) {
    const passed = await json("/halves", {method: "POST", body: "sent"});
    assert.deepEqual([passed.servedBy, passed.body, passed.headers["x-made"]], ["old", "made", "yes"]);
  }
  await script("return {request = function(req) return req:respond{json = {by = 'script'}} end, response = function() end}");
  for (let i = 0; i < 3; i++) assert.deepEqual(await json("/halves"), {by: "script"});
  await script("return {}");
  for (let i = 0; i < 3; i++) assert.equal((await json("/halves", {method: "POST", body: "sent"})).body, "sent");
});

test("what cannot be is refused with its place", async () => {
  const bad = async (endpoint, connection) => {
    const answer = await us.api("POST", "/api/v1/apply?dry_run=true", {connections: connection ? [connection] : [], endpoints: [endpoint]});
    assert.equal(answer.status, 422, JSON.stringify(answer.body));
    return answer.body.errors.map((fault) => fault.pointer);
  };
  const both = {legacy: {connection: "old-http"}, modern: {connection: "new-http"}};
  assert.deepEqual(await bad({route: "/x", ...both, traffic: {modern: "110%"}}), ["/endpoints/~1x/traffic/modern"].map((p) => p.replace("~1x", "/x")));
  assert.deepEqual(await bad({route: "/x", legacy: {connection: "old-http"}, traffic: {modern: "10%"}}), ["/endpoints//x/traffic"]);
  assert.deepEqual(await bad({route: "/x", ...both, traffic: {sticky: "nose"}}), ["/endpoints//x/traffic/sticky"]);
  assert.deepEqual(await bad({route: "/x", legacy: {connection: "bad"}}, {name: "bad", kind: "http", url: "http://u:p@host/"}), ["/connections/bad/url"]);
});
