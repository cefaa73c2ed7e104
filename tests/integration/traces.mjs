// One request in one trace: passed on to the back-end, told to a collector of OpenTelemetry, never waited for (A23, F48, F49).

import assert from "node:assert/strict";
import {mkdirSync, renameSync, writeFileSync} from "node:fs";
import {createServer} from "node:http";
import {join} from "node:path";
import {after, before, test} from "node:test";

import {Appliance, until} from "./appliance.lib.mjs";

let batches = []; // what the collector was sent
let collector = {status: 200, holding: false};
const held = [];
const collect = createServer((request, answer) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    if (collector.holding) return held.push(answer);
    if (collector.status === 200) batches.push({url: request.url, headers: request.headers, body: JSON.parse(Buffer.concat(pieces).toString())});
    return answer.writeHead(collector.status, {"Content-Type": "application/json"}).end("{}");
  });
});
let seen = []; // header fields at the back-end
const paths = [];
const backEnd = createServer((request, answer) => {
  seen.push(request.headers);
  paths.push(request.url);
  request.resume().on("end", () => answer.writeHead(200).end("ok"));
});
const listen = (server) => new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));

let told, plain;
const folder = (appliance, name) => join(appliance.directory, name);
const estate = (port, appliance) => ({
  scripts: [
    {name: "wrap", source: "return {request = function(req) return {body = req.body} end}"},
    {name: "asks", source: 'local connection = require "connection" return {translate = function(message) connection.get("back", "/asked-" .. message.filename) return {body = message.body, filename = message.filename} end}'},
    {name: "copy", source: "return {translate = function(message) return {body = message.body, filename = message.filename} end}"},
  ],
  connections: [
    {name: "back", kind: "http", url: `http://127.0.0.1:${port}`},
    {name: "nobody", kind: "http", url: "http://127.0.0.1:1"},
    {name: "in", kind: "file", directory: folder(appliance, "in"), poll: "1s"},
    {name: "hooks", kind: "http", url: `http://127.0.0.1:${port}/hooks`, sign_secret: `whsec_${Buffer.alloc(32, 7).toString("base64")}`},
    {name: "in-hooks", kind: "file", directory: folder(appliance, "in-hooks"), poll: "1s"},
    {name: "out", kind: "file", directory: folder(appliance, "out")},
  ],
  flows: [{name: "files", from: {connection: "in"}, script: "copy", to: [{connection: "out", path: "{filename}"}]},
    {name: "hooks", from: {connection: "in-hooks"}, script: "asks", calls: ["back"], to: [{connection: "hooks", path: "{filename}"}]}],
  endpoints: [
    {route: "/things/{number}", access: "public", legacy: {connection: "back"}},
    {route: "/scripted/{number}", access: "public", legacy: {connection: "back"}, script: "wrap"},
    {route: "GET /fixed", access: "public", track: "none", respond: {body: "here"}},
    {route: "GET /nobody", access: "public", legacy: {connection: "nobody"}},
    {route: "POST /later", access: "public", legacy: {connection: "hooks", path: "later-{message.id}"}, respond: {status: 202}},
    {route: "POST /kept", access: "public", legacy: {connection: "out", path: "kept-{message.id}"}},
    {route: "GET /again", access: "public", legacy: {connection: "nobody"}, repeat: {times: 2, first: "1ms"}},
  ],
});

before(async () => {
  const [collectorPort, backPort] = [await listen(collect), await listen(backEnd)];
  told = new Appliance({environment: {BANYAN_TRACING_URL: `http://127.0.0.1:${collectorPort}/`, BANYAN_TRACING_HEADER: "Authorization: Bearer of-the-collector", BANYAN_TRACING_SERVICE: "gate"}});
  plain = new Appliance();
  for (const appliance of [told, plain]) {
    await appliance.start();
    for (const name of ["in", "in-hooks", "out"]) mkdirSync(folder(appliance, name), {recursive: true});
    await appliance.apply(estate(backPort, appliance));
  }
});
after(async () => {
  for (const server of [collect, backEnd]) {
    server.closeAllConnections();
    server.close();
  }
  await told.remove();
  await plain.remove();
});

const spans = () => batches.flatMap((batch) => batch.body.resourceSpans[0].scopeSpans[0].spans);
const attributes = (span) => Object.fromEntries(span.attributes.map(({key, value}) => [key, value.stringValue ?? Number(value.intValue)]));
const spansOf = (trace, count) => until(`the spans of ${trace}`, () => {
  const all = spans().filter((span) => span.traceId === trace);
  return all.length >= count && all;
});
let counter = 0;
const fresh = () => (++counter).toString(16).padStart(32, "a");
const figures = async () => {
  const text = await (await fetch(`${told.admin}/metrics`)).text();
  return Object.fromEntries([...text.matchAll(/banyan_trace_spans_total\{outcome="(\w+)"\} (\d+)/g)].map(([, key, value]) => [key, Number(value)]));
};

test("F48: without a collector the caller's traceparent and tracestate pass on as they are", async () => {
  const traceparent = `00-${fresh()}-00f067aa0ba902b7-01`;
  seen = [];
  await fetch(`${plain.public}/things/1`, {headers: {traceparent, tracestate: "a=1"}});
  await fetch(`${plain.public}/things/1`);
  assert.deepEqual([seen[0].traceparent, seen[0].tracestate, seen[1].traceparent], [traceparent, "a=1", undefined]);
});

test("A23: the caller, we and the back-end are in one trace, each below the other", async () => {
  for (const path of ["/things/47", "/scripted/47"]) {
    const trace = fresh();
    seen = [];
    await fetch(`${told.public}${path}`, {method: "POST", body: "x", headers: {traceparent: `00-${trace}-00f067aa0ba902b7-01`, tracestate: "a=1"}});
    const [, sentTrace, sentSpan, flags] = /^00-(\w{32})-(\w{16})-(\w\w)$/.exec(seen[0].traceparent);
    const all = await spansOf(trace, 2);
    const server = all.find((span) => span.kind === 2), client = all.find((span) => span.kind === 3);
    assert.deepEqual([sentTrace, sentSpan, flags, seen[0].tracestate], [trace, client.spanId, "01", "a=1"]);
    assert.deepEqual([server.parentSpanId, client.parentSpanId], ["00f067aa0ba902b7", server.spanId]);
    const route = path.replace("47", "{number}");
    assert.equal(server.name, `POST ${route}`);
    const facts = attributes(server);
    assert.deepEqual([facts["http.request.method"], facts["http.route"], facts["url.path"], facts["http.response.status_code"], facts["client.address"]], ["POST", route, path, 200, "127.0.0.1"]);
    assert.match(facts["banyan.message.id"], /^[0-9a-f-]{36}$/);
    assert.equal(attributes(client)["server.address"], "back");
    for (const span of all) {
      assert.match(span.startTimeUnixNano, /^\d{19}$/);
      assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano));
      assert.ok(Math.abs(Number(BigInt(span.endTimeUnixNano) / 1000000n) - Date.now()) < 20000);
      assert.equal(span.status.code, 0);
    }
  }
});

test("F49: batches go to /v1/traces with our name and the collector's header field", async () => {
  const {url, headers, body} = batches[0];
  assert.deepEqual([url, headers["content-type"], headers.authorization], ["/v1/traces", "application/json", "Bearer of-the-collector"]);
  const resource = Object.fromEntries(body.resourceSpans[0].resource.attributes.map(({key, value}) => [key, value.stringValue]));
  assert.equal(resource["service.name"], "gate");
  assert.equal(body.resourceSpans[0].scopeSpans[0].scope.name, "banyan");
});

test("F48: a request without a trace, or with one that cannot be read, begins one; one that is not sampled is not told", async () => {
  for (const traceparent of [undefined, "nonsense", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`, `ff-${fresh()}-00f067aa0ba902b7-01`, `00-${fresh()}-00f067aa0ba902b7-01-more`]) {
    seen = [];
    await fetch(`${told.public}/things/1`, {headers: traceparent ? {traceparent} : {}});
    const [, trace] = /^00-(\w{32})-\w{16}-01$/.exec(seen[0].traceparent);
    assert.ok(!traceparent?.includes(trace));
    const all = await spansOf(trace, 2);
    assert.equal(all.find((span) => span.kind === 2).parentSpanId, undefined);
  }
  const quiet = fresh(), last = fresh();
  seen = [];
  await fetch(`${told.public}/things/1`, {headers: {traceparent: `00-${quiet}-00f067aa0ba902b7-00`}});
  assert.match(seen[0].traceparent, new RegExp(`^00-${quiet}-\\w{16}-00$`));
  await fetch(`${told.public}/things/1`, {headers: {traceparent: `00-${last}-00f067aa0ba902b7-01`}});
  await spansOf(last, 2);
  assert.equal(spans().filter((span) => span.traceId === quiet).length, 0);
});

test("F49: failures are told as such, repetitions are counted, and what needs no back-end is one span", async () => {
  const [fixed, nobody, again] = [fresh(), fresh(), fresh()];
  for (const [trace, path] of [[fixed, "/fixed"], [nobody, "/nobody"], [again, "/again"]]) await fetch(told.public + path, {headers: {traceparent: `00-${trace}-00f067aa0ba902b7-01`}});
  assert.equal((await spansOf(fixed, 1)).length, 1);
  for (const span of await spansOf(nobody, 2)) assert.deepEqual([span.status.code, attributes(span)["http.response.status_code"]], [2, 502]);
  assert.equal(attributes((await spansOf(again, 2)).find((span) => span.kind === 3))["http.request.resend_count"], 2);
});

test("F49: a message and what became of it are one trace, each step below what it came of", async () => {
  writeFileSync(folder(told, "x.part"), "bytes");
  renameSync(folder(told, "x.part"), join(folder(told, "in"), "x.txt"));
  const message = await until("it is taken", async () => (await told.messages()).find((one) => one.filename === "x.txt" && one.direction === "in"));
  const all = await spansOf(message.id.replaceAll("-", ""), 3);
  const [process, translate, deliver] = ["process in", "translate files", "deliver out"].map((name) => all.find((span) => span.name === name));
  assert.deepEqual([process.parentSpanId, translate.parentSpanId, deliver.parentSpanId], [undefined, process.spanId, process.spanId]);
  assert.deepEqual([process.kind, translate.kind, deliver.kind], [1, 1, 3]);
  assert.equal(attributes(translate)["banyan.flow"], "files");
  assert.deepEqual([attributes(translate)["banyan.message.id"], attributes(translate)["banyan.attempt"]], [message.id, 1]);
  assert.equal(attributes(deliver)["server.address"], "out");
  for (const span of all) assert.equal(span.status.code, 0);
});

test("F49: the delivery of what a request handed over is in the request's trace", async () => {
  const trace = fresh();
  assert.equal((await fetch(`${told.public}/kept`, {method: "POST", body: "x", headers: {traceparent: `00-${trace}-00f067aa0ba902b7-01`}})).status, 202);
  const all = await spansOf(trace, 3);
  const deliver = all.find((span) => span.name === "deliver out");
  assert.ok(all.some((span) => span.spanId === deliver.parentSpanId));
});

const sentTo = (path) => until(`a request to ${path}`, () => {
  const at = paths.findIndex((one, i) => i >= paths.length - seen.length && one.startsWith(path));
  return at >= 0 && seen[at - paths.length + seen.length];
});
const parts = (traceparent) => /^00-(\w{32})-(\w{16})-(\w\w)$/.exec(traceparent)?.slice(1);

test("A23: the delivery by HTTP of what a request handed over, a signed webhook, tells the trace that goes on with it", async () => {
  const trace = fresh(), caller = `00-${trace}-00f067aa0ba902b7-01`;
  seen = [];
  assert.equal((await fetch(`${told.public}/later`, {method: "POST", body: "x", headers: {traceparent: caller}})).status, 202);
  const hook = await sentTo("/hooks/later-");
  const deliver = (await spansOf(trace, 3)).find((span) => span.name === "deliver hooks");
  assert.deepEqual(parts(hook.traceparent), [trace, deliver.spanId, "01"]);
  assert.ok(hook["webhook-signature"] && hook["webhook-id"]);
  seen = [];
  assert.equal((await fetch(`${plain.public}/later`, {method: "POST", body: "x", headers: {traceparent: caller}})).status, 202);
  assert.equal((await sentTo("/hooks/later-")).traceparent, caller, "without a collector as the caller said it");
  seen = [];
  assert.equal((await fetch(`${plain.public}/later`, {method: "POST", body: "x"})).status, 202);
  assert.equal((await sentTo("/hooks/later-")).traceparent, undefined);
});

test("A23: what a flow's script asks of a back-end and what the flow delivers there is in the message's trace", async () => {
  seen = [];
  writeFileSync(folder(told, "hooked"), "x");
  renameSync(folder(told, "hooked"), join(folder(told, "in-hooks"), "hooked"));
  const [asked, hook] = [await sentTo("/asked-hooked"), await sentTo("/hooks/hooked")];
  const [trace, span] = parts(hook.traceparent);
  const all = await spansOf(trace, 3);
  const byName = (name) => all.find((one) => one.name === name);
  assert.equal(span, byName("deliver hooks").spanId);
  assert.deepEqual(parts(asked.traceparent), [trace, byName("translate hooks").spanId, "01"]);
});

test("A23: the timeline names the trace", async () => {
  const trace = fresh();
  await fetch(`${told.public}/things/timeline`, {headers: {traceparent: `00-${trace}-00f067aa0ba902b7-01`}});
  await until("it is there", async () => {
    for (const message of await told.messages()) for (const event of await told.events(message.id)) if (event.detail?.traceparent?.includes(trace)) return true;
    return false;
  });
});

test("F49: while the collector is away nobody waits; it gets what there was room for, and the rest is counted", async () => {
  const trace = fresh();
  await fetch(`${told.public}/fixed`, {headers: {traceparent: `00-${trace}-00f067aa0ba902b7-01`}});
  await spansOf(trace, 1);
  const before = await until("all is sent", async () => {
    const counts = await figures();
    return counts.sent === spans().length && counts;
  });
  collector = {status: 503, holding: true};
  const began = Date.now();
  const rounds = 100, wide = 50;
  for (let i = 0; i < rounds; i++) await Promise.all(Array.from({length: wide}, () => fetch(`${told.public}/fixed`).then((answer) => answer.arrayBuffer())));
  assert.ok(Date.now() - began < 60000);
  const now = await until("some are dropped", async () => {
    const counts = await figures();
    return counts.dropped > before.dropped && counts;
  });
  assert.ok(now.dropped - before.dropped <= rounds * wide - 4096, "as many as there is room for wait");
  assert.equal(now.sent, before.sent);
  collector = {status: 200, holding: false};
  for (const answer of held.splice(0)) answer.writeHead(503).end();
  await until("it got the rest", async () => {
    const counts = await figures();
    return counts.sent - before.sent + counts.dropped - before.dropped === rounds * wide;
  }, 40);
});

test("F49: what the collector refuses for good is not sent again; the end sends what is left", async () => {
  collector = {status: 400, holding: false};
  const before = await figures();
  await fetch(`${told.public}/fixed`);
  await until("it is counted", async () => (await figures()).dropped === before.dropped + 1);
  collector = {status: 200, holding: false};
  const trace = fresh();
  await fetch(`${told.public}/fixed`, {headers: {traceparent: `00-${trace}-00f067aa0ba902b7-01`}});
  await told.stop();
  assert.equal(spans().filter((span) => span.traceId === trace).length, 1);
});

test("settings that make no sense are refused at the start", async () => {
  for (const environment of [{BANYAN_TRACING_URL: "collector:4318"}, {BANYAN_TRACING_URL: "http://127.0.0.1:4318", BANYAN_TRACING_HEADER: "no header"}]) {
    const bad = new Appliance({environment});
    await assert.rejects(bad.start(), /tracing\.(url|header)/);
    await bad.remove();
  }
});
