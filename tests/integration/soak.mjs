// A day in small: everything at once for a while, and what the appliance holds (memory, descriptors, threads) does not grow
// with the time. Payloads go through as in crash.mjs, nothing is killed; beside them clients that read, that are wrong, that
// hang up in the middle, an operator who looks on, and a developer who publishes and applies again and again.
//
// SOAK_SECONDS=N: how long (20; `make soak` takes an hour).

import assert from "node:assert/strict";
import {after, test} from "node:test";
import {mkdirSync, readFileSync, readdirSync, writeFileSync} from "node:fs";
import {createServer} from "node:http";
import {connect} from "node:net";
import {join} from "node:path";

import {Load, Victim, descendants, pause, pick, random} from "./crash.lib.mjs";

const seconds = Number(process.env.SOAK_SECONDS ?? 20);
// Caches fill and heaps settle in the first minutes; only a long soak can tell a slow leak from them.
const growthMib = seconds >= 300 ? 12 : 32;
const sanitized = /san-/.test(process.env.BUILD ?? "");

const order = `ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*1200*U*00401*000000001*0*P*>~GS*PO*S*R*20260101*1200*1*X*004010~ST*850*0001~BEG*00*SA*PO4711**20260101~PO1*1*5*EA*1.5**VP*A1~CTT*1~SE*5*0001~GE*1*1~IEA*1*000000001~`;
const scripts = [
  `return {response = function(res) local t, n = {}, 0 for l in res.edi:loops("PO1") do n = n + 1 t[n] = l:segment("PO1"):text(7) end return {json = {items = t}} end}`,
  `return {response = function(res) local t, n = {}, 0 for l in res.edi:loops("PO1") do n = n + 1 t[n] = {sku = l:segment("PO1"):text(7)} end return {json = {items = t}} end}`,
];
const sum = `return {request = function(req) local s = 0 for _, v in ipairs(req.json.values) do s = s + v end return req:respond{json = {sum = s}} end}`;

const victim = new Victim();
const behind = createServer((request, response) => {
  if (request.url.endsWith("/cut")) {
    response.writeHead(200, {"Content-Length": "100"});
    response.write("half");
    setTimeout(() => response.destroy(), 5);
    return;
  }
  request.resume();
  request.on("end", () => response.end("from behind"));
});
let load;
after(async () => {
  await load?.abandon();
  await victim.remove();
  behind.closeAllConnections?.();
  behind.close();
});

async function configure() {
  await new Promise((done) => behind.listen(0, "127.0.0.1", done));
  const orders = join(victim.directory, "orders");
  mkdirSync(orders, {recursive: true});
  writeFileSync(join(orders, "1.edi"), order);
  const estate = load.estate();
  estate.connections.push({name: "orders", kind: "file", directory: orders});
  estate.connections.push({name: "behind", kind: "http", url: `http://127.0.0.1:${behind.address().port}`});
  estate.scripts = [{name: "items", source: scripts[0]}, {name: "sum", source: sum}];
  estate.endpoints.push(
    {route: "GET /orders/{number}", legacy: {connection: "orders", path: "{number}.edi"}, script: "items"},
    {route: "POST /sum", script: "sum", track: "errors"},
    {route: "/behind/*", legacy: {connection: "behind"}, track: "none"},
    {route: "GET /hello", respond: {body: "hello"}, track: "none"},
  );
  load.estate = () => estate;
  await load.configure();
  return estate;
}

// A client that goes away in the middle of its request, or before it has its answer.
function hangUp(text, ms) {
  return new Promise((done) => {
    const socket = connect(victim.ports.public, "127.0.0.1", () => socket.write(text));
    socket.on("error", () => {});
    socket.on("close", done);
    setTimeout(() => socket.destroy(), ms);
  });
}

// What each of them does once; the status that it must see.
const visits = {
  reads: [200, () => victim.call("public", "GET", "/orders/1")],
  misses: [404, () => victim.call("public", "GET", "/orders/2")],
  asks: [200, () => victim.call("public", "POST", "/sum", `{"values":[${Array.from({length: 50}, () => random(1000))}]}`, {"Content-Type": "application/json"})],
  errs: [400, () => victim.call("public", "POST", "/sum", '{"values":[1,', {"Content-Type": "application/json"})],
  fails: [500, () => victim.call("public", "POST", "/sum", '{"values":[{}]}', {"Content-Type": "application/json"})],
  passes: [200, () => victim.call("public", "POST", "/behind/a", "x".repeat(random(200000)))],
  strays: [404, () => victim.call("public", "GET", `/nowhere/${random(1000000)}`)],
  greets: [200, () => victim.call("public", "GET", "/hello")],
  looks: [200, () => victim.admin("GET", "/api/v1/messages?limit=50&q=PO4711")],
  counts: [200, () => victim.admin("GET", "/api/v1/stats")],
};

const seen = {};
async function visit(until) {
  while (Date.now() < until) {
    const name = pick(Object.keys(visits));
    const [status, call] = visits[name];
    const answer = await call();
    const key = `${name} ${answer.status}`;
    seen[key] = (seen[key] ?? 0) + 1;
    if (answer.status !== status) assert.fail(`${key}: ${JSON.stringify(answer.body).slice(0, 300)}`);
    await pause(random(10));
  }
}

async function annoy(until) {
  const half = "POST /sum HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{";
  while (Date.now() < until) {
    await hangUp(pick([half, "GET /orders/1 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /behind/cut HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HT", "\x16\x03\x01 nonsense"]), random(30));
    await pause(random(30));
  }
}

// Publishes, applies, and follows the events for a while.
async function develop(until, estate) {
  for (let round = 0; Date.now() < until; round++) {
    estate.scripts[0].source = scripts[round % 2];
    const answer = await victim.admin("POST", "/api/v1/apply", estate);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    await new Promise((done) => {
      const socket = connect(victim.ports.admin, "127.0.0.1", () => socket.write(`GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${victim.key}\r\n\r\n`));
      socket.on("error", () => {});
      socket.on("close", done);
      socket.resume();
      setTimeout(() => socket.destroy(), 300);
    });
  }
}

function holdingOf(pid) {
  const read = (file) => readFileSync(`/proc/${pid}/${file}`, "utf8");
  const kib = Number(/^Pss:\s+(\d+)/m.exec(read("smaps_rollup"))[1]);
  return {mib: kib / 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length, threads: readdirSync(`/proc/${pid}/task`).length};
}

// The desk, and the largest worker of each kind. A worker may end under our eyes.
function holding() {
  const all = {desk: holdingOf(victim.process.pid)};
  for (const {pid, name} of descendants(victim.process.pid)) {
    try {
      const one = holdingOf(pid);
      if (one.mib > (all[name]?.mib ?? 0)) all[name] = one;
    } catch {
      continue;
    }
  }
  return all;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// From the second quarter of the time to the last one: what the median of each figure grew by.
function growth(samples) {
  const quarter = Math.floor(samples.length / 4), grown = {};
  const early = samples.slice(quarter, 2 * quarter), late = samples.slice(-quarter);
  for (const who of Object.keys(samples[0])) {
    grown[who] = {};
    for (const figure of ["mib", "descriptors", "threads"]) {
      const of = (list) => median(list.map((sample) => sample[who]?.[figure] ?? 0));
      grown[who][figure] = Math.round(10 * (of(late) - of(early))) / 10;
    }
  }
  return grown;
}

test("under everything at once nothing is lost and nothing grows", async (t) => {
  load = new Load(victim, {senders: 4, droppers: 1});
  await victim.start();
  const estate = await configure();
  const until = Date.now() + seconds * 1000, samples = [];
  load.begin();
  const busy = Promise.all([visit(until), visit(until), visit(until), annoy(until), develop(until, estate)]);
  while (Date.now() < until) {
    await pause(Math.max(250, seconds * 5));
    samples.push(holding());
  }
  await busy;
  await load.stop();
  await load.drain();
  const grown = growth(samples), last = samples.at(-1);
  t.diagnostic(load.summary());
  t.diagnostic(JSON.stringify(seen));
  for (const [who, g] of Object.entries(grown))
    t.diagnostic(`${who}: ${last[who]?.mib.toFixed(1)} MiB (${g.mib >= 0 ? "+" : ""}${g.mib}), ${last[who]?.descriptors} descriptors (${g.descriptors}), ${last[who]?.threads} threads (${g.threads})`);
  assert.deepEqual(load.verdict(), {lost: [], duplicated: [], unexpected: [], refused: []}, victim.log.slice(-3000));
  for (const [who, g] of Object.entries(grown)) {
    assert.ok(sanitized || g.mib <= growthMib, `${who} grew by ${g.mib} MiB`);
    assert.ok(g.descriptors <= 12, `${who} has ${g.descriptors} more descriptors`);
    assert.ok(g.threads <= 2, `${who} has ${g.threads} more threads`);
  }
  const {jobs} = (await victim.admin("GET", "/api/v1/stats")).body;
  assert.equal(jobs.dead, 0, JSON.stringify(jobs));
  assert.equal((await victim.end("SIGTERM")).code, 0, "it ends in order");
});
